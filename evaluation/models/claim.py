"""Claims of hours learned outside the platform, their evidence, and what two officers decided."""

from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from courses.models import CreditPolicy
from evaluation.models.evidence import EvidenceFile
from evaluation.permissions import claims_q, decides_q, holds_hr
from people.models import Person, ServedAt


class LearnedElsewhere(models.TextChoices):
    """How hours came about that the platform did not see itself."""

    LECTURE = "lecture", _("Lecture or class")
    EXCHANGE = "exchange", _("Exchange or visit")
    SELF_STUDY = "self_study", _("Self-study")
    EXTERNAL = "external", _("Course of another platform")


FACE_TO_FACE = (LearnedElsewhere.LECTURE, LearnedElsewhere.EXCHANGE)
"""The ways of learning of whose days a policy's `face_to_face` speaks."""


class HourClaimQuerySet(FactQuerySet):
    def visible_to(self, user) -> "HourClaimQuerySet":
        """One's own, and those of the people whose hours one decides on or audits: evidence is nobody else's business."""
        return self.filter(claims_q(user))

    def open(self) -> "HourClaimQuerySet":
        """Those that wait for a first or a second officer."""
        ended = ClaimDecision.objects.filter(claim=models.OuterRef("pk")).filter(ENDS)
        return self.filter(~models.Exists(ended))

    def waiting_for(self, user) -> "HourClaimQuerySet":
        """Open ones that the user may decide on now: not their own, not filed by them for another, and not approved by them already,
        unless another gave the first approval anew."""
        anew = ClaimDecision.objects.filter(
            holds_hr("claim__unit", below=True), claim=models.OuterRef("claim"), step=1, pk__gt=models.OuterRef("pk")
        )
        approved = ClaimDecision.objects.filter(~models.Exists(anew), claim=models.OuterRef("pk"), by=user.pk)
        return self.open().filter(decides_q(user), ~models.Exists(approved)).exclude(person=user.pk).exclude(filed_by=user.pk)


class HourClaim(ServedAt, Fact):
    """Somebody asks for hours that were learned outside the platform (学时申报), with evidence. Never changed.

    Two officers approve it, one after the other; the second approval enters the hours into the ledger in the same
    transaction. One refusal, or the person's own withdrawal, ends it; a claim with other facts is a new claim.
    Unit and post are those of its last day.

    `filed_by` is the officer who filed it for somebody who could not, with the reason, and is none of the two; null where the person did.
    """

    HAPPENED = "starts_on"

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
    filed_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("filed by"))
    filing_reason = models.TextField(_("why somebody else filed it"), blank=True)
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
            models.CheckConstraint(
                condition=models.Q(filed_by=None, filing_reason="")
                | models.Q(filed_by__isnull=False) & ~models.Q(filing_reason="") & ~models.Q(filed_by=models.F("person")),
                name="claim_for_another_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_name} · {self.title} · {self.hours}"

    @property
    def year(self) -> int:
        """The year whose hours it claims."""
        return self.ends_on.year

    @cached_property
    def said(self) -> list["ClaimDecision"]:
        """Every word on it, in order: from what was prefetched, or one query."""
        return sorted(self.decisions.all(), key=lambda one: (one.step, one.pk))

    @property
    def steps(self) -> list["ClaimDecision"]:
        """What was decided, in order: of several first words the last."""
        return list({one.step: one for one in self.said}.values())

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
    def filed_words(self) -> str:
        """Who filed it for the person; empty where they did it themselves. One query, none where `filed_by` is at hand."""
        return gettext("filed by %(name)s for the person") % {"name": self.filed_by.name} if self.filed_by is not None else ""

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.FIRST, self.State.SECOND)


class Evidence(EvidenceFile):
    """A file that proves a claim."""

    claim = models.ForeignKey(HourClaim, on_delete=models.PROTECT, related_name="evidence")

    class Meta:
        ordering = ["claim", "position"]
        constraints = [models.UniqueConstraint(fields=["claim", "position"], name="evidence_once_per_place")]


class ClaimDecision(Fact):
    """An officer approves or refuses a claim, or the person or who filed it for them withdraws it. `step` 1 is the first, 2 the second. A first approval of
    somebody who is HR there no more is given anew by another: the last one holds."""

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
            models.UniqueConstraint(fields=["claim"], condition=models.Q(step=2), name="claim_decided_once"),
            models.UniqueConstraint(
                fields=["claim", "by", "step"], condition=models.Q(verdict="approved"), name="claim_approved_once_per_officer"
            ),
            models.CheckConstraint(condition=models.Q(step__in=[1, 2]), name="claim_two_steps"),
        ]


ENDS = ~models.Q(verdict=ClaimDecision.Verdict.APPROVED) | models.Q(step=2)
