"""Appeals against what was published, their evidence, and what officers decided."""

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from evaluation.models.correction import PointCorrection
from evaluation.models.evidence import EvidenceFile
from evaluation.models.period import Calculation, Period
from evaluation.permissions import holds_hr
from people.models import Person, Role, Unit
from people.models.unit import within_paths
from people.permissions import paths_of


class AppealQuerySet(FactQuerySet):
    def visible_to(self, user) -> "AppealQuerySet":
        """One's own; those of units that one leads or is liaison of; all of a county for its HR and auditors."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        of_units = Q(person=None) & within_paths(paths_of(user, [Role.LEADER, Role.LIAISON]))
        runs = Q(period__county__path__in=paths_of(user, [Role.HR, Role.AUDITOR]))
        return self.filter(Q(by=user.pk) | Q(person=user.pk) | of_units | runs)

    def open(self) -> "AppealQuerySet":
        """Those that nobody has answered to the end."""
        return self.exclude(
            Q(decisions__verdict__in=[AppealDecision.Verdict.REFUSED, AppealDecision.Verdict.WITHDRAWN]) | Q(decisions__step=2)
        )

    def granted(self) -> "AppealQuerySet":
        """Those that two officers granted."""
        return self.filter(decisions__step=2, decisions__verdict=AppealDecision.Verdict.GRANTED)

    def granted_beside(self, published: Calculation) -> "AppealQuerySet":
        """Granted ones that a publication could not count: those about its lines, and those about earlier ones that were granted since."""
        since = AppealDecision.objects.filter(step=2, at__gte=published.at).values("appeal")
        return self.granted().filter(Q(calculation=published) | Q(period=published.period_id, pk__in=since))

    def waiting_for(self, user) -> "AppealQuerySet":
        """Open ones that the user may decide on now: not those that they filed or that are about them, nor what they granted already,
        unless another gave the first word anew."""
        anew = AppealDecision.objects.filter(holds_hr("appeal__period__county"), appeal=OuterRef("appeal"), step=1, pk__gt=OuterRef("pk"))
        granted = AppealDecision.objects.filter(~Exists(anew), appeal=OuterRef("pk"), by=user.pk)
        found = self.open().filter(~Exists(granted)).exclude(by=user.pk).exclude(person=user.pk)
        return found if user.is_superuser else found.filter(period__county__path__in=paths_of(user, [Role.HR]))


class Appeal(Fact):
    """Somebody objects to a published line (申诉): a person to their own, or a unit to one item of its own. Never changed.

    `person` is whose line it is about, empty for a unit's; `by` is they, or the officer who filed it for them from paper; `unit` the organ that is counted. Somebody who was left off the roster has no
    line: then `unit` is the organ in which they serve. `due_on` is the working day until
    which it is to be answered. One officer may refuse it; granting takes two. It ends once.
    """

    class State(models.TextChoices):
        FIRST = "first", _("Waits for an answer")
        SECOND = "second", _("Waits for the second officer")
        GRANTED = "granted", _("Granted")
        REFUSED = "refused", _("Turned down")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="appeals")
    calculation = models.ForeignKey(Calculation, on_delete=models.PROTECT, related_name="appeals")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="appeals_about")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("unit"))
    about = models.CharField(max_length=160, help_text=_("Name of the person or the unit, as published."))
    item_key = models.CharField(_("item"), max_length=20, blank=True)
    text = models.TextField(_("objection"))
    form_key = models.CharField(max_length=40, editable=False)
    due_on = models.DateField(_("to be answered by"))
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="appeals")
    at = models.DateTimeField(_("when"))

    objects = AppealQuerySet.as_manager()

    class Meta:
        verbose_name = _("appeal")
        verbose_name_plural = _("appeals")
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["by", "form_key"], name="appeal_once_per_form"),
            models.CheckConstraint(
                condition=Q(person=None) & ~Q(item_key="") | Q(person__isnull=False), name="appeal_about_person_or_item"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period} · {self.about}"

    @cached_property
    def said(self) -> list["AppealDecision"]:
        """Every word on it, in order: from what was prefetched, or one query."""
        return sorted(self.decisions.all(), key=lambda one: (one.step, one.pk))

    @property
    def decided(self) -> list["AppealDecision"]:
        """What was decided, in order: of several first words the last."""
        return list({one.step: one for one in self.said}.values())

    @property
    def is_on_paper(self) -> bool:
        """Whether an officer filed it for the person whom it is about."""
        return self.person_id is not None and self.person_id != self.by_id

    @property
    def whose(self) -> Person:
        """Who appeals: the person whom it is about; of a unit's whoever filed it."""
        return self.person or self.by

    @property
    def state(self) -> str:
        if not self.decided:
            return self.State.FIRST
        last = self.decided[-1]
        if last.verdict != AppealDecision.Verdict.GRANTED:
            return self.State(last.verdict)
        return self.State.GRANTED if last.step == 2 else self.State.SECOND

    @property
    def state_label(self) -> str:
        return self.State(self.state).label

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.FIRST, self.State.SECOND)


class AppealEvidence(EvidenceFile):
    """A file that proves an appeal."""

    appeal = models.ForeignKey(Appeal, on_delete=models.PROTECT, related_name="evidence")

    class Meta:
        ordering = ["appeal", "position"]
        constraints = [models.UniqueConstraint(fields=["appeal", "position"], name="appeal_evidence_once_per_place")]


class AppealDecision(Fact):
    """An officer grants or refuses an appeal, or whoever filed it withdraws it. `step` 1 is the first word, 2 the second officer's.

    A grant says how: the record itself was corrected (`record`; those from before the page was known name its `link`), or points of
    the item are given (`points`; the second officer's word makes the `correction`). The second officer grants what the first proposed.
    A first word of somebody who is HR no more is given anew by another: the last one holds.
    """

    class Verdict(models.TextChoices):
        GRANTED = "granted", _("Granted")
        REFUSED = "refused", _("Turned down")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    class Record(models.TextChoices):
        HOURS = "hours", _("Hours")
        COMPLETION = "completion", _("Completion of a course")
        LEAVE = "leave", _("Leave")
        POSTING = "posting", _("Posting")
        DUTY = "duty", _("Duty")
        NAME = "name", _("Name of the person")
        FIGURE = "figure", _("Figure reported by the unit")

    appeal = models.ForeignKey(Appeal, on_delete=models.PROTECT, related_name="decisions")
    step = models.PositiveSmallIntegerField()
    verdict = models.CharField(max_length=12, choices=Verdict.choices)
    record = models.CharField(_("record that was corrected"), max_length=12, choices=Record.choices, blank=True)
    link = models.CharField(_("page of the correction"), max_length=200, blank=True)
    item_key = models.CharField(_("item"), max_length=20, blank=True)
    points = models.DecimalField(_("points"), max_digits=6, decimal_places=2, null=True)
    correction = models.OneToOneField(PointCorrection, on_delete=models.PROTECT, null=True, related_name="decision")
    reason = models.TextField(_("reason"))
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["appeal", "step"]
        constraints = [
            models.UniqueConstraint(fields=["appeal"], condition=Q(step=2), name="appeal_decided_once"),
            models.UniqueConstraint(
                fields=["appeal", "by", "step"], condition=Q(verdict="granted"), name="appeal_granted_once_per_officer"
            ),
            models.CheckConstraint(condition=Q(step__in=[1, 2]), name="appeal_two_steps"),
        ]
