"""Certificates: what is printed, when it was issued, and what each was worth on a day."""

from datetime import date, datetime, timedelta
from functools import partial
from secrets import token_hex

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from certificates import rules
from certificates.models.kind import CertificateKind, TemplateVersion
from certificates.models.ledger import ChainEntry
from certificates.models.status import StatusEvent
from core import clock
from core.errors import Refused
from core.models import Fact, FactQuerySet
from courses.models import Completion, Reversal
from people.models import ServedAt
from people.permissions import records_q


class State(models.TextChoices):
    """What a certificate is worth on a day."""

    VALID = "valid", _("Valid")
    EXPIRED = "expired", _("Expired")
    SUSPENDED = "suspended", _("Suspended")
    REPLACED = "replaced", _("Replaced")
    REVOKED = "revoked", _("Revoked")
    NOT_ISSUED = "not_issued", _("Not yet issued")


EXPIRING = "expiring"


class CertificateQuerySet(FactQuerySet):
    def visible_to(self, user) -> "CertificateQuerySet":
        """Those of the people whose records the user reads; for HR of a county also those that the county issued to guests."""
        from certificates.permissions import issued_q

        return self.filter(records_q(user) | issued_q(user)) if user.is_authenticated else self.none()

    def of_people_read_by(self, user) -> "CertificateQuerySet":
        """Those of the people whose records the user reads, alone: for lists that follow people, not certificates."""
        return self.filter(records_q(user))

    def with_state(self) -> "CertificateQuerySet":
        """Each with the newest event that decides its worth, and whether its end is on record: asking for its state today costs no query."""
        newest = StatusEvent.objects.deciding().filter(certificate=OuterRef("pk")).order_by("-pk")
        over = StatusEvent.objects.filter(certificate=OuterRef("pk"), kind=StatusEvent.Kind.EXPIRED)
        return self.annotate(
            decided_kind=Subquery(newest.values("kind")[:1]), decided_at=Subquery(newest.values("at")[:1]), end_is_recorded=Exists(over)
        )

    def held_before(self, at: "datetime | OuterRef") -> "CertificateQuerySet":
        """Those issued before an instant, and those that stand in for one that was."""
        first = Certificate.objects.filter(
            replaces=None, person=OuterRef("person"), kind=OuterRef("kind"), issued_at__lt=OuterRef(at) if isinstance(at, OuterRef) else at
        )
        of_completion = Q(Exists(first.filter(completion=OuterRef("completion"))))
        of_round = Q(Exists(first.filter(completion=None, round=OuterRef("round"))), completion=None)
        return self.filter(Q(issued_at__lt=at) | Q(replaces__isnull=False) & (of_completion | of_round))

    def unfallen(self) -> "CertificateQuerySet":
        """Without those whose completion was reversed: they are on their way to revocation, stand for nothing and renewed nothing."""
        return self.filter(~Exists(Reversal.objects.filter(completion=OuterRef("completion"))))

    def with_ledger(self) -> "CertificateQuerySet":
        """Each with whether the ledger contradicts it, so that asking whether it is as it was issued costs no query."""
        entries = ChainEntry.objects.filter(event__certificate=OuterRef("pk"))
        as_chained = Q(kind=F("event__kind"), at=F("event__at"), number=OuterRef("number"), facts_digest=OuterRef("facts_digest"))
        return self.annotate(is_contradicted=Exists(entries.exclude(as_chained)))

    def in_force(self, day: date) -> "CertificateQuerySet":
        """Those that are valid today, `day` being today: neither run out nor suspended, replaced or revoked."""
        return (
            self.with_state()
            .filter(Q(decided_kind=None) | Q(decided_kind=StatusEvent.Kind.RESTORED))
            .filter(Q(valid_until=None) | Q(valid_until__gte=day))
        )

    def in_state(self, state: str, day: date) -> "CertificateQuerySet":
        """Those that are in a state today, `day` being today; "expiring": valid, and for CERTIFICATES_END_SOON_DAYS more at most."""
        if state == State.VALID:
            return self.in_force(day)
        if state == EXPIRING:
            return self.in_force(day).filter(valid_until__lte=day + timedelta(days=settings.CERTIFICATES_END_SOON_DAYS))
        found = self.with_state()
        if state == State.EXPIRED:
            untouched = Q(decided_kind=None) | Q(decided_kind=StatusEvent.Kind.RESTORED)
            return found.filter(untouched, valid_until__lt=day)
        # The few with such an event are found first; the newest one is looked for among these alone.
        return found.filter(pk__in=StatusEvent.objects.filter(kind=state).values("certificate"), decided_kind=state)


class Certificate(ServedAt, Fact):
    """One certificate; every printed fact is frozen here.

    Issued once for a completion, or, where its kind asks for several lower certificates, for these
    (`basis`; no completion then). Never changed: what becomes of it are StatusEvents. `renews` names the
    certificate that it follows in time, `replaces` the one whose faulty facts it corrects; both stay as they were.

    `facts_digest` is the SHA-256 over `facts()`, with `salt` among them: with every other fact known, a digest
    without salt would give away the masked letters of the name. Rows from before the salt have none, and
    their digest is shown nowhere.
    """

    HAPPENED = "issued_on"

    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, null=True, related_name="certificates")
    kind = models.ForeignKey(CertificateKind, on_delete=models.PROTECT, related_name="certificates")
    version = models.ForeignKey(TemplateVersion, on_delete=models.PROTECT, related_name="certificates")
    renews = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="renewals")
    renewal_turn = models.PositiveSmallIntegerField(default=0)  # how often the one that it renews had been renewed, in vain, before
    replaces = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="replacement")
    round = models.PositiveSmallIntegerField(default=1)  # of a person at a kind without completion: 2 after a revoked one
    number = models.CharField(_("number"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=60)
    text = models.TextField(_("text"))
    issuer = models.CharField(_("issuer"), max_length=80)
    course_code = models.CharField(_("course code"), max_length=20, blank=True)
    course_title = models.CharField(_("course"), max_length=120, blank=True)
    edition_number = models.PositiveIntegerField(_("edition"), null=True)
    hours = models.DecimalField(_("hours"), max_digits=5, decimal_places=2)
    score = models.DecimalField(_("score"), max_digits=6, decimal_places=2, null=True)
    issued_on = models.DateField(_("issued on"))
    valid_until = models.DateField(_("valid until"), null=True)  # last day of validity
    issued_at = models.DateTimeField(_("issued at"), db_index=True)
    salt = models.CharField(max_length=32, blank=True, default=partial(token_hex, 16), editable=False)
    facts_digest = models.CharField(max_length=64)

    objects = CertificateQuerySet.as_manager()

    class Meta:
        verbose_name = _("certificate")
        verbose_name_plural = _("certificates")
        ordering = ["-issued_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["completion"], condition=Q(replaces=None), name="certificate_once_per_completion"),
            models.UniqueConstraint(
                fields=["person", "kind", "round"], condition=Q(completion=None, replaces=None), name="certificate_once_per_round"
            ),
            models.UniqueConstraint(fields=["renews", "renewal_turn"], condition=Q(replaces=None), name="certificate_renewed_once_a_turn"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.person_name}"

    def facts(self) -> dict[str, str | int | None]:
        """What the certificate says, as the digest covers it."""
        facts = {
            "number": self.number,
            "title": self.title,
            "text": self.text,
            "issuer": self.issuer,
            "name": self.person_name,
            "unit": self.unit_name,
            "post": self.post_title,
            "course_code": self.course_code,
            "course": self.course_title,
            "edition": self.edition_number,
            "hours": f"{self.hours:.2f}",
            "score": None if self.score is None else f"{self.score:.2f}",
            "issued_on": self.issued_on.isoformat(),
            "valid_until": self.valid_until and self.valid_until.isoformat(),
        }
        if self.salt:
            facts |= {"salt": self.salt, "version": self.version.digest}
            facts |= {"renews": self.renews.number if self.renews else None, "replaces": self.replaces.number if self.replaces else None}
        return facts

    @property
    def is_as_issued(self) -> bool:
        """Whether the facts still give the digest that was taken of them, and the ledger says the same of it and of what became of it.

        Else somebody edited the record in the database. One query, unless read `with_ledger()`.
        """
        if rules.digest(self.facts()) != self.facts_digest:
            return False
        if "is_contradicted" not in self.__dict__:
            return not Certificate.objects.filter(pk=self.pk).with_ledger().filter(is_contradicted=True).exists()
        return not self.__dict__["is_contradicted"]

    def require_as_issued(self) -> None:
        """Let a file be made of the record, or another certificate follow from it: what is edited must never become genuine.

        Beside `is_as_issued` it looks at every other column, as the ledger has them, and at the template's version. One query.

        Raises:
            Refused: altered.
        """
        from certificates import ledger

        if not (self.is_as_issued and ledger.is_as_chained(self.pk)):
            raise Refused(
                gettext("What is kept of this certificate is not what was sealed when it was issued: nothing is made of it."),
                code="altered",
            )
        self.version.require_as_approved()

    @property
    def lineage(self) -> tuple[int, int | None, int]:
        """What a certificate and those that replaced it have in common: kind, completion, and without one the round."""
        return self.kind_id, self.completion_id, 0 if self.completion_id else self.round

    def decided(self) -> tuple[str, datetime] | None:
        """The newest event that decides what it is worth, if there is one. One query, unless read by `with_state()`."""
        if "decided_kind" not in self.__dict__:
            return StatusEvent.objects.deciding().filter(certificate=self.pk).order_by("-pk").values_list("kind", "at").first()
        kind = self.__dict__["decided_kind"]
        return (kind, self.__dict__["decided_at"]) if kind else None

    def days_left(self, day: date) -> int | None:
        """Whole days until the last day of validity, 0 on it; None when it never ends or has ended, or that day is not near."""
        if self.valid_until is None or self.valid_until < day:
            return None
        left = (self.valid_until - day).days
        return left if left <= settings.CERTIFICATES_END_SOON_DAYS else None

    def state_on(self, day: date) -> State:
        """What it was worth at the end of a day, or is worth now if the day is today.

        Costs a query for a day before the newest event. An event that a clock which was set back since calls one of
        tomorrow stands today: what was revoked is never shown as valid again; nor is what has expired, unless the ledger explains
        that the clock ran ahead then.
        """
        decided = self.decided()
        events = [(decided[0], clock.today(decided[1]))] if decided else []
        if events and day < events[0][1]:
            if day >= clock.today():
                events = [(events[0][0], day)]
            else:
                rows = StatusEvent.objects.deciding().filter(certificate=self.pk).order_by("pk").values_list("kind", "at")
                events = [(kind, clock.today(at)) for kind, at in rows]
        standing = rules.standing(events, day)
        if standing is not None:
            return State(standing)
        if day < self.issued_on:
            return State.NOT_ISSUED
        if self.valid_until is not None and self.valid_until < day:
            return State.EXPIRED
        return State.EXPIRED if self.valid_until and day >= clock.today() and self._has_recorded_end() else State.VALID

    def _has_recorded_end(self) -> bool:
        """Whether its end is on record, by a clock of which the ledger does not say that it ran ahead. A query, unless read by `with_state()`."""
        if "end_is_recorded" not in self.__dict__:
            found = StatusEvent.objects.filter(certificate=self.pk, kind=StatusEvent.Kind.EXPIRED).exists()
        else:
            found = self.__dict__["end_is_recorded"]
        return found and not ChainEntry.objects.ahead().filter(event__certificate=self.pk, kind=StatusEvent.Kind.EXPIRED).exists()
