"""The hour ledger, claims of hours learned elsewhere, and the order in which records change."""

from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from courses.models import Completion, CreditPolicy
from evaluation.permissions import claims_q, decides_q
from people.models import Person, ServedAt
from people.permissions import records_q


class LearnedElsewhere(models.TextChoices):
    """How hours came about that the platform did not see itself."""

    LECTURE = "lecture", _("Lecture or class")
    EXCHANGE = "exchange", _("Exchange or visit")
    SELF_STUDY = "self_study", _("Self-study")
    EXTERNAL = "external", _("Course of another platform")


class HourClaimQuerySet(FactQuerySet):
    def visible_to(self, user) -> "HourClaimQuerySet":
        """One's own, and those of the people whose hours one decides on or audits: evidence is nobody else's business."""
        return self.filter(claims_q(user))

    def open(self) -> "HourClaimQuerySet":
        """Those that wait for a first or a second officer."""
        ended = ClaimDecision.objects.filter(claim=models.OuterRef("pk")).filter(ENDS)
        return self.filter(~models.Exists(ended))

    def waiting_for(self, user) -> "HourClaimQuerySet":
        """Open ones that the user may decide on now: not their own, and not approved by them already."""
        return self.open().filter(decides_q(user)).exclude(person=user.pk).exclude(decisions__by=user.pk)


class HourClaim(ServedAt, Fact):
    """Somebody asks for hours that were learned outside the platform (学时申报), with evidence. Never changed.

    Two officers approve it, one after the other; the second approval enters the hours into the ledger in the same
    transaction. One refusal, or the person's own withdrawal, ends it; a claim with other facts is a new claim.
    Unit and post are those of its last day.
    """

    class State(models.TextChoices):
        FIRST = "first", _("Waits for the first officer")
        SECOND = "second", _("Waits for the second officer")
        CREDITED = "credited", _("Entered into the ledger")
        REFUSED = "refused", _("Turned down")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    kind = models.CharField(_("way of learning"), max_length=12, choices=LearnedElsewhere.choices)
    title = models.CharField(_("subject"), max_length=120)
    organiser = models.CharField(_("organiser"), max_length=120)
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))
    hours = models.DecimalField(_("hours"), max_digits=6, decimal_places=2)
    note = models.TextField(_("further remarks"), blank=True)
    policy = models.ForeignKey(CreditPolicy, on_delete=models.PROTECT, related_name="+")
    form_key = models.CharField(max_length=40, editable=False)
    at = models.DateTimeField(_("when"), db_index=True)

    objects = HourClaimQuerySet.as_manager()

    class Meta:
        verbose_name = _("claim of hours")
        verbose_name_plural = _("claims of hours")
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["person", "form_key"], name="claim_once_per_form"),
            models.CheckConstraint(condition=models.Q(ends_on__gte=models.F("starts_on")), name="claim_ends_after_start"),
            models.CheckConstraint(condition=models.Q(hours__gt=0), name="claim_of_hours"),
        ]

    def __str__(self) -> str:
        return f"{self.person_name} · {self.title} · {self.hours}"

    @property
    def year(self) -> int:
        """The year whose hours it claims."""
        return self.ends_on.year

    @cached_property
    def steps(self) -> list["ClaimDecision"]:
        """What was decided, in order: from what was prefetched, or one query."""
        return sorted(self.decisions.all(), key=lambda one: one.step)

    @property
    def state(self) -> str:
        """Where it stands."""
        verdicts = [one.verdict for one in self.steps]
        if not verdicts:
            return self.State.FIRST
        if verdicts[-1] != ClaimDecision.Verdict.APPROVED:
            return self.State(verdicts[-1])
        return self.State.SECOND if len(verdicts) == 1 else self.State.CREDITED

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.FIRST, self.State.SECOND)


class Evidence(Fact):
    """A file that proves a claim. It lies in private storage under its digest."""

    claim = models.ForeignKey(HourClaim, on_delete=models.PROTECT, related_name="evidence")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=120)
    content_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    file = models.CharField(max_length=200)

    class Meta:
        ordering = ["claim", "position"]
        constraints = [models.UniqueConstraint(fields=["claim", "position"], name="evidence_once_per_place")]


class ClaimDecision(Fact):
    """An officer approves or refuses a claim, or the person withdraws it. `step` 1 is the first, 2 the second."""

    class Verdict(models.TextChoices):
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", _("Turned down")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    claim = models.ForeignKey(HourClaim, on_delete=models.PROTECT, related_name="decisions")
    step = models.PositiveSmallIntegerField()
    verdict = models.CharField(max_length=12, choices=Verdict.choices)
    reason = models.TextField(_("reason"), blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["claim", "step"]
        constraints = [
            models.UniqueConstraint(fields=["claim", "step"], name="claim_decided_once_per_step"),
            models.UniqueConstraint(fields=["claim", "by"], name="claim_decided_once_per_officer"),
            models.CheckConstraint(condition=models.Q(step__in=[1, 2]), name="claim_two_steps"),
        ]


ENDS = ~models.Q(verdict=ClaimDecision.Verdict.APPROVED) | models.Q(step=2)


class LedgerEntryQuerySet(FactQuerySet):
    def visible_to(self, user) -> "LedgerEntryQuerySet":
        return self.filter(records_q(user))

    def with_reasons(self) -> "LedgerEntryQuerySet":
        """With all that `services.words_of` reads, in a fixed number of queries."""
        return self.select_related("completion", "policy", "author", "claim").prefetch_related("claim__decisions__by")


class LedgerEntry(ServedAt, Fact):
    """Hours credited to (or, as a correction, taken from) one person in one year. Never changed.

    Appears in the transaction of the completion, or of the second approval of a claim. A second round of a course in the same year
    leaves no entry where the policy counts a course once a year. `year` is the county's calendar
    year of the completion, also for the correction that takes its hours back.

    `once_key` is what may be written once only: the person's turn at a course in a year
    ("course:12:2026:0"), or the form that a correction came from. Null where nothing limits it.
    """

    class Kind(models.TextChoices):
        ONLINE = "online", _("Online course")
        TEST = "test", _("Test passed")
        LECTURE = LearnedElsewhere.LECTURE.value, LearnedElsewhere.LECTURE.label
        EXCHANGE = LearnedElsewhere.EXCHANGE.value, LearnedElsewhere.EXCHANGE.label
        SELF_STUDY = LearnedElsewhere.SELF_STUDY.value, LearnedElsewhere.SELF_STUDY.label
        EXTERNAL = LearnedElsewhere.EXTERNAL.value, LearnedElsewhere.EXTERNAL.label
        CORRECTION = "correction", _("Correction")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    year = models.PositiveSmallIntegerField(_("year"))
    hours = models.DecimalField(_("hours"), max_digits=6, decimal_places=2)
    course_code = models.CharField(_("course code"), max_length=20, blank=True)
    course_title = models.CharField(_("course"), max_length=120, blank=True)
    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, null=True, related_name="ledger_entries")
    claim = models.OneToOneField(HourClaim, on_delete=models.PROTECT, null=True, related_name="entry")
    policy = models.ForeignKey(CreditPolicy, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.TextField(_("reason"), blank=True)
    author = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    once_key = models.CharField(max_length=80, null=True, editable=False)
    at = models.DateTimeField(_("when"), db_index=True)

    objects = LedgerEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["completion", "kind"], name="ledger_once_per_completion_and_kind"),
            models.UniqueConstraint(fields=["person", "kind", "once_key"], name="ledger_once_per_key"),
        ]
        indexes = [models.Index(fields=["person", "year"], name="ledger_person_year")]

    def __str__(self) -> str:
        return f"{self.person_name} · {self.year} · {self.hours}"


class RecordChange(models.Model):
    """How the record of a completion reads has changed: it appeared, was reversed, its certificate or its hours changed.

    Written in the transaction of the event, without a number. `changes.settle` numbers it once it is
    committed, so that of two numbers the lower could be read first: who has read up to a number has
    missed nothing below it. Not a fact: the facts are the completion, its reversal, the certificate's
    events and the ledger entries; this is only their order for those who read on.
    """

    class Kind(models.TextChoices):
        COMPLETED = "completed", _("Completed")
        REVERSED = "reversed", _("Reversed")
        CERTIFICATE = "certificate", _("Certificate")
        HOURS = "hours", _("Hours")

    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    at = models.DateTimeField()
    number = models.BigIntegerField(null=True, unique=True, editable=False)

    class Meta:
        indexes = [models.Index(fields=["completion", "number"], name="change_of_completion")]

    def __str__(self) -> str:
        return f"{self.number} · {self.completion_id} · {self.kind}"
