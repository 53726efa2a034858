"""Certificates: what is printed, when it was issued, what became of it."""

from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext_lazy as _
from wagtail.models import PreviewableMixin

from certificates import rules
from core import clock
from core.errors import Refused
from core.models import Fact, FactQuerySet
from courses.models import Completion
from people.models import Person, ServedAt, Unit
from people.permissions import records_q
from people.rules import is_county_code


class CertificateKindQuerySet(models.QuerySet):
    def visible_to(self, user) -> "CertificateKindQuerySet":
        """The kinds of the counties whose certificates the user rules."""
        from certificates.permissions import counties_of

        if user.is_authenticated and user.is_superuser:
            return self
        return self.filter(county__in=counties_of(user))


class CertificateKind(PreviewableMixin, models.Model):
    """A certificate that a county awards: its title, wording and numbering. Courses name it by `key`.

    Editing it changes no certificate: each certificate copies what it prints.
    `wording` may use {name} {unit} {course} {hours} {score} {date}.
    """

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("county"), limit_choices_to={"depth": 1})
    key = models.SlugField(_("key"), max_length=40, help_text=_("Courses name the certificate by it; it does not change."))
    title = models.CharField(_("title"), max_length=60)
    wording = models.TextField(
        _("wording"),
        max_length=400,
        help_text=_(
            "The sentence on the paper. It may use {name} {unit} {course} {hours} {score} {date}; {score} reads “92分”, or “合格” without a test."
        ),
    )
    issuer = models.CharField(_("issuer"), max_length=80)
    number_prefix = models.CharField(
        _("number prefix"),
        max_length=10,
        default="YAZWGK",
        validators=[RegexValidator(r"^[A-Z]{2,10}$", _("Two to ten capital letters."))],
    )
    category = models.CharField(
        _("category digits"), max_length=2, default="01", validators=[RegexValidator(r"^[0-9]{2}$", _("Two digits."))]
    )
    validity_months = models.PositiveSmallIntegerField(_("valid for months"), default=24, help_text=_("0: without end."))

    objects = CertificateKindQuerySet.as_manager()

    class Meta:
        verbose_name = _("certificate kind")
        verbose_name_plural = _("certificate kinds")
        ordering = ["county", "category", "key"]
        constraints = [models.UniqueConstraint(fields=["county", "key"], name="certificate_kind_once")]

    def __str__(self) -> str:
        return self.title

    @property
    def preview_modes(self):
        return [("plain", _("Usual names")), ("long", _("A long name and a course title of four lines")), ("rare", _("Rare characters"))]

    def serve_preview(self, request, mode_name):
        """The paper as it would look with sample facts; for the editor in the admin."""
        from certificates.preview import preview

        return preview(request, self, mode_name)

    def clean(self) -> None:
        """Refuse what could not be issued or printed: an unknown placeholder, 电子证照, a county without a six-digit code."""
        problems = {}
        try:
            rules.check_wording(self.wording)
        except Refused as refusal:
            problems["wording"] = refusal.message
        if any("电子证照" in text for text in (self.title, self.wording)):
            # GB/T 36901: the word belongs to statutory licences.
            problems["title"] = _("A training certificate may not call itself 电子证照.")
        if self.county_id and not (self.county.depth == 1 and is_county_code(self.county.code)):
            problems["county"] = _("The county needs a code of six digits: it is part of each number.")
        if self.validity_months > 600:
            problems["validity_months"] = _("At most 600 months.")
        if problems:
            raise ValidationError(problems)


class NumberSequence(models.Model):
    """The last number given out for one prefix, category, year and issuing county. Locked while one is taken."""

    prefix = models.CharField(max_length=10)
    category = models.CharField(max_length=2)
    year = models.PositiveSmallIntegerField()
    county_code = models.CharField(max_length=12)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prefix", "category", "year", "county_code"], name="number_sequence_once")]

    def __str__(self) -> str:
        return f"{self.prefix}-{self.category}-{self.year}-{self.county_code}: {self.last}"


class State(models.TextChoices):
    """What a certificate is worth on a day."""

    VALID = "valid", _("Valid")
    EXPIRED = "expired", _("Expired")
    REVOKED = "revoked", _("Revoked")


class CertificateQuerySet(FactQuerySet):
    def visible_to(self, user) -> "CertificateQuerySet":
        return self.filter(records_q(user))

    def with_state(self) -> "CertificateQuerySet":
        """Each with `revoked_at`, so that asking for its state costs no query."""
        revocations = StatusEvent.objects.filter(certificate=OuterRef("pk"), kind=StatusEvent.Kind.REVOKED)
        return self.annotate(revoked_at=Subquery(revocations.values("at")[:1]))


class Certificate(ServedAt, Fact):
    """One certificate, issued once for one completion; every printed fact is frozen here.

    Never changed: revoking it is a StatusEvent, a corrected one is a new certificate.
    `facts_digest` is the SHA-256 over `facts()`. It is never shown in public: with every other fact
    known, it would give away the masked letters of the name.
    """

    completion = models.OneToOneField(Completion, on_delete=models.PROTECT, related_name="issued_certificate")
    kind = models.ForeignKey(CertificateKind, on_delete=models.PROTECT, related_name="certificates")
    number = models.CharField(_("number"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=60)
    text = models.TextField(_("text"))
    issuer = models.CharField(_("issuer"), max_length=80)
    course_code = models.CharField(_("course code"), max_length=20)
    course_title = models.CharField(_("course"), max_length=120)
    edition_number = models.PositiveIntegerField(_("edition"))
    hours = models.DecimalField(_("hours"), max_digits=5, decimal_places=2)
    score = models.DecimalField(_("score"), max_digits=6, decimal_places=2, null=True)
    issued_on = models.DateField(_("issued on"))
    valid_until = models.DateField(_("valid until"), null=True)  # last day of validity
    issued_at = models.DateTimeField(_("issued at"), db_index=True)
    paper = models.CharField(max_length=10, default="v1")  # the layout it is printed in, for ever
    facts_digest = models.CharField(max_length=64)

    objects = CertificateQuerySet.as_manager()

    class Meta:
        verbose_name = _("certificate")
        verbose_name_plural = _("certificates")
        ordering = ["-issued_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.number} {self.person_name}"

    def facts(self) -> dict[str, str | int | None]:
        """What the certificate says, as the digest covers it."""
        return {
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

    def revocation_instant(self) -> datetime | None:
        """When it was revoked, if it was. One query, unless read by `with_state()`."""
        if "revoked_at" not in self.__dict__:
            event = StatusEvent.objects.filter(certificate_id=self.pk, kind=StatusEvent.Kind.REVOKED).first()
            return event.at if event else None
        return self.__dict__["revoked_at"]

    def state_on(self, day: date) -> State:
        """What it was worth on a day: revoked counts from the day of the revocation, expired from the day after the last."""
        revoked_at = self.revocation_instant()
        if revoked_at is not None and clock.today(revoked_at) <= day:
            return State.REVOKED
        if self.valid_until is not None and self.valid_until < day:
            return State.EXPIRED
        return State.VALID


class StatusEvent(Fact):
    """What became of a certificate: issued, revoked. The newest event is its state."""

    class Kind(models.TextChoices):
        ISSUED = "issued", _("Issued")
        REVOKED = "revoked", _("Revoked")

    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.TextField(_("reason"), blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        constraints = [models.UniqueConstraint(fields=["certificate", "kind"], name="certificate_event_once")]
