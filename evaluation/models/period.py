"""The yearly evaluation of a county: its period, the steps that it took, and what was calculated for whom."""

from collections.abc import Mapping

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from evaluation.models.indicator import IndicatorVersion
from people.models import Person, Unit
from people.models.unit import within_paths
from people.permissions import READS_RECORDS, counties_read, paths_of


def _concerns(person) -> Q:
    published = (Calculation.Purpose.PUBLICITY, Calculation.Purpose.FREEZE)
    lines = PersonLine.objects.filter(calculation__period=OuterRef("pk"), calculation__purpose__in=published, person=person.pk)
    return Q(Exists(lines)) | (Q(county__path=person.unit.county_path) if person.unit_id else Q(pk__in=[]))


class PeriodQuerySet(FactQuerySet):
    def visible_to(self, user) -> "PeriodQuerySet":
        """Those `concerning` the user, and those of every county in which a role of theirs reads records, wherever they serve."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(_concerns(user) | Q(county__path__in=counties_read(user)))

    def concerning(self, person: Person) -> "PeriodQuerySet":
        """Those of one's own county, and those of another one that published a line about oneself: somebody who moved is counted there."""
        return self.filter(_concerns(person))

    def not_cancelled(self) -> "PeriodQuerySet":
        """Those that two officers have not cancelled: one at most of a county and a year."""
        return self.filter(~Exists(PeriodStep.objects.filter(period=OuterRef("pk"), state=self.model.State.CANCELLED)))

    def newest_of_year(self) -> "PeriodQuerySet":
        """Of each county and year the period that stands, or the last one that was cancelled."""
        later = self.model.objects.filter(county=OuterRef("county"), year=OuterRef("year"), number__gt=OuterRef("number"))
        return self.filter(~Exists(later))

    def before_freeze(self) -> "PeriodQuerySet":
        """Those that are not frozen, or were reopened since; none that was cancelled."""
        newest = PeriodStep.objects.filter(period=OuterRef("pk")).order_by("-number").values("state")[:1]
        over = Q(stands__in=[self.model.State.FROZEN, self.model.State.HANDED_OVER, self.model.State.CANCELLED])
        return self.alias(stands=Subquery(newest)).filter(Q(stands=None) | ~over)


class Period(Fact):
    """One year's evaluation of one county by one indicator, with the dates that were announced. Never changed.

    Days belong to the period in the county's time zone: the cut-off day ends at 24:00. Publicity and appeals are counted in
    working days from the day after they were opened. Where it stands is told by its newest step. A period that was opened wrongly
    is cancelled by two officers before anything is published; the next one of that year has the next `number`.
    """

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("county"))
    year = models.PositiveSmallIntegerField(_("year"))
    number = models.PositiveSmallIntegerField(default=1, editable=False)
    version = models.ForeignKey(IndicatorVersion, on_delete=models.PROTECT, related_name="+", verbose_name=_("version of the indicator"))
    opens_on = models.DateField(_("opening roster of"))
    cutoff_on = models.DateField(_("last day that counts"))
    publicity_days = models.PositiveSmallIntegerField(_("working days of publicity"))
    appeal_days = models.PositiveSmallIntegerField(_("working days for appeals"))
    freeze_on = models.DateField(_("to be frozen by"))
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("when"))

    objects = PeriodQuerySet.as_manager()

    class Meta:
        verbose_name = _("period of evaluation")
        verbose_name_plural = _("periods of evaluation")
        ordering = ["-year", "county", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["county", "year", "number"], name="period_once_a_year"),
            models.CheckConstraint(
                condition=Q(opens_on__lt=F("cutoff_on")) & Q(cutoff_on__lt=F("freeze_on")), name="period_dates_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.county} · {self.year}"

    @cached_property
    def steps_taken(self) -> list["PeriodStep"]:
        """In order, each with its officers and its calculation: from what was prefetched, or one query."""
        if "steps" not in getattr(self, "_prefetched_objects_cache", {}):
            return list(self.steps.select_related("by", "second", "calculation").order_by("number"))
        return sorted(self.steps.all(), key=lambda step: step.number)

    def look_again(self) -> None:
        """Forget the steps that are at hand: somebody may have taken one since."""
        self.__dict__.pop("steps_taken", None)
        getattr(self, "_prefetched_objects_cache", {}).pop("steps", None)

    @property
    def newest_step(self) -> "PeriodStep | None":
        return self.steps_taken[-1] if self.steps_taken else None

    @property
    def state(self) -> str:
        """Where it stands: what its newest step led to."""
        return self.newest_step.state if self.newest_step is not None else Period.State.OPEN

    @property
    def is_before_publicity(self) -> bool:
        """Whether it is yet to be published, or waits for it again."""
        return self.state in (Period.State.OPEN, Period.State.CUT_OFF)

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        CUT_OFF = "cut_off", _("Cut off")
        PUBLICITY = "publicity", _("In publicity")
        APPEALS = "appeals", _("Appeals")
        FROZEN = "frozen", _("Frozen")
        HANDED_OVER = "handed_over", _("Handed over")
        CANCELLED = "cancelled", _("Cancelled")


class Calculation(Fact):
    """All lines of a period as they came out at one moment, from what was known then. Never changed.

    Its lines are the record: what was published, what was frozen, what a later look would give. `digest` is the SHA-256 of
    the lines in their canonical order (`evaluation.indicators.calculation.digest_of`).
    """

    class Purpose(models.TextChoices):
        PUBLICITY = "publicity", _("For publicity")
        FREEZE = "freeze", _("Frozen")
        SUPPLEMENT = "supplement", _("Supplementary list")

    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="calculations")
    number = models.PositiveSmallIntegerField()
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    version = models.ForeignKey(IndicatorVersion, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(_("when"))

    class Meta:
        ordering = ["period", "number"]
        constraints = [models.UniqueConstraint(fields=["period", "number"], name="calculation_once_per_number")]

    def __str__(self) -> str:
        return f"{self.period} · {self.number}"


class PeriodStep(Fact):
    """A step of a period: who took it, when, and what it led to. Steps are numbered without gaps; two at once cannot both be.

    `asked`, of a cut-off: the courses and tests that count (`evaluation.indicators.calculation.asked_now`), as the `AskedNote` says, or
    as two officers settled them anew when they reopened the period.
    """

    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="steps")
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=12, choices=Period.State.choices)
    calculation = models.ForeignKey(Calculation, on_delete=models.PROTECT, null=True, related_name="+")
    due_on = models.DateField(_("until"), null=True)
    asked = models.JSONField(null=True)
    reason = models.TextField(_("reason"), blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    second = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(_("when"))

    class Meta:
        ordering = ["period", "number"]
        constraints = [
            models.UniqueConstraint(fields=["period", "number"], name="period_step_once"),
            models.CheckConstraint(condition=Q(second=None) | ~Q(second=F("by")), name="period_step_by_two"),
        ]

    def __str__(self) -> str:
        return f"{self.period} · {self.get_state_display()}"


class UnitLineQuerySet(FactQuerySet):
    def visible_to(self, user) -> "UnitLineQuerySet":
        """All of the county to its HR and auditors; the organs in their reach to leaders and liaison officers; to others their own organ's."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        own = PersonLine.objects.filter(calculation=models.OuterRef("calculation"), organ=models.OuterRef("unit"), person=user.pk)
        return self.filter(within_paths(paths_of(user, READS_RECORDS)) | models.Exists(own))


class UnitLine(Fact):
    """One unit in one calculation: an organ with all its sections.

    `figures` holds every variable of the formulas by name, as decimal strings; `items` what each item came to:
    [{"key", "points", "full", "void"}], `void` where its denominator was nothing and its points went to the others.
    """

    calculation = models.ForeignKey(Calculation, on_delete=models.PROTECT, related_name="units")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    unit_code = models.CharField(max_length=40)
    unit_name = models.CharField(max_length=160)
    is_vertical = models.BooleanField()
    figures = models.JSONField(default=dict)
    items = models.JSONField(default=list)
    bonus = models.DecimalField(max_digits=7, decimal_places=2)
    deduction = models.DecimalField(max_digits=7, decimal_places=2)
    total = models.DecimalField(max_digits=7, decimal_places=2, null=True)
    band = models.CharField(max_length=20, blank=True)
    rank = models.PositiveSmallIntegerField(null=True)

    objects = UnitLineQuerySet.as_manager()

    class Meta:
        ordering = ["calculation", "unit_code"]
        constraints = [models.UniqueConstraint(fields=["calculation", "unit"], name="unit_line_once")]

    def __str__(self) -> str:
        return f"{self.unit_name} · {self.total}"


class PersonLineQuerySet(FactQuerySet):
    def visible_to(self, user) -> "PersonLineQuerySet":
        """One's own, and those of whoever is counted where one reads records: a whole county, or one's subtree."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(Q(person=user.pk) | within_paths(paths_of(user, READS_RECORDS)))

    def behind(self, line: "UnitLine", *, duty: str = "") -> "PersonLineQuerySet":
        """The lines behind a unit's line; behind its figures of a duty those, too, of whoever holds duties in it beside another posting."""
        there = Q(organ=line.unit_id)
        if duty:
            there |= Q(held_in__has_key=str(line.unit_id))
        return self.filter(there, calculation=line.calculation_id)


class PersonLine(Fact):
    """One person in one calculation: where they are counted and why, and what stands for them.

    `counted` False: on nobody's denominator, for `reason` ("joined_late", "left", "leave" …: `evaluation.indicators.roster`).
    `duties` are all that the person held in the county. `held_in` tells in which organs, {key of the organ: [duty]}, where some were
    held outside the person's own; empty: all of them in that one.
    """

    calculation = models.ForeignKey(Calculation, on_delete=models.PROTECT, related_name="people")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    employee_number = models.CharField(max_length=32)
    person_name = models.CharField(max_length=60)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    organ = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    unit_code = models.CharField(max_length=40)
    unit_name = models.CharField(max_length=160)
    post_title = models.CharField(max_length=60, blank=True)
    duties = models.JSONField(default=list)
    held_in = models.JSONField(default=dict)
    counted = models.BooleanField()
    reason = models.CharField(max_length=20)
    required = models.PositiveSmallIntegerField()
    done = models.PositiveSmallIntegerField()
    tests = models.PositiveSmallIntegerField()
    passed = models.PositiveSmallIntegerField()
    hours = models.DecimalField(max_digits=7, decimal_places=2)
    target = models.DecimalField(max_digits=7, decimal_places=2, null=True)

    objects = PersonLineQuerySet.as_manager()

    class Meta:
        ordering = ["calculation", "employee_number"]
        constraints = [models.UniqueConstraint(fields=["calculation", "person"], name="person_line_once")]
        indexes = [models.Index(fields=["calculation", "organ"], name="person_line_organ")]

    def __str__(self) -> str:
        return f"{self.person_name} · {self.unit_name}"

    def duties_in(self, organ: int) -> list[str]:
        """The duties held in one organ, by its key."""
        if not self.held_in:
            return self.duties if organ == self.organ_id else []
        return self.held_in.get(str(organ), [])

    def places(self, codes: Mapping[int, str]) -> dict[str, list[str]]:
        """The units in whose figures of leaders the duties count, by code, with those of each; of the units with these `codes`, by key, none else.

        Empty for who is not counted.
        """
        held = self.held_in or {self.organ_id: self.duties}
        found = ((codes[int(organ)], duties) for organ, duties in held.items() if duties and int(organ) in codes)
        return dict(sorted(found)) if self.counted else {}
