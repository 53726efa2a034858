"""The chain of responsibility: who was reminded of a unit's result, and what they answered."""

from decimal import Decimal

from django.db import models
from django.db.models import BooleanField, DecimalField, Exists, ExpressionWrapper, OuterRef, Q, Subquery
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from evaluation.models.period import Period, PeriodStep, UnitLine
from people.models import Person, Role, Unit
from people.permissions import paths_of


class ReminderQuerySet(FactQuerySet):
    def visible_to(self, user) -> "ReminderQuerySet":
        """One's own; all of a county for its HR and auditors."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(Q(person=user.pk) | Q(period__county__path__in=paths_of(user, [Role.HR, Role.AUDITOR])))

    def told_now(self) -> "ReminderQuerySet":
        """With `total_now`, what the unit comes to in the newest published or frozen result, and `is_over`: that result no longer lies
        below the version's mark, so that nothing is left to answer for. While a reopened period waits to be published anew, no newer
        result is there.
        """
        mark = Cast(KeyTextTransform("chain_below", "period__version__spec"), DecimalField(max_digits=9, decimal_places=2))
        steps = PeriodStep.objects.filter(period=OuterRef("period")).exclude(state=Period.State.HANDED_OVER)
        newest = Subquery(steps.order_by("-number").values("calculation")[:1])
        found = self.alias(newest=newest, mark=Coalesce(mark, Decimal(0), output_field=DecimalField(max_digits=9, decimal_places=2)))
        lines = UnitLine.objects.filter(calculation=OuterRef("newest"), unit=OuterRef("unit"))
        is_below = Exists(lines.filter(total__lt=OuterRef("mark")))
        return found.annotate(
            total_now=Subquery(lines.values("total")[:1]), is_over=ExpressionWrapper(Q(newest__isnull=False) & ~is_below, BooleanField())
        )

    def waiting(self) -> "ReminderQuerySet":
        """Those that nobody has answered and whose unit still lies below the mark."""
        return self.unanswered().told_now().filter(is_over=False)

    def over(self) -> "ReminderQuerySet":
        """Those whose unit no longer lies below the mark."""
        return self.told_now().filter(is_over=True)

    def answered(self) -> "ReminderQuerySet":
        return self.filter(_has_answer())

    def unanswered(self) -> "ReminderQuerySet":
        return self.filter(~_has_answer())


def _has_answer() -> Exists:
    return Exists(ReminderAnswer.objects.filter(reminder=OuterRef("pk")))


class Reminder(Fact):
    """One person is reminded of one unit's result, for the duties that they held in it on the cut-off day. Never changed.

    `level` and `action` are the version's words; whoever stands on two levels gets the one for the heavier. Once a period.
    """

    class Level(models.TextChoices):
        JOINT = "joint", _("Joint responsibility")
        DIRECT = "direct", _("Direct responsibility")
        PRIMARY = "primary", _("Primary responsibility")

    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="reminders")
    line = models.ForeignKey(UnitLine, on_delete=models.PROTECT, related_name="reminders")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="reminders")
    person_name = models.CharField(max_length=60)
    level = models.CharField(max_length=8, choices=Level.choices)
    action = models.CharField(max_length=80)
    duties = models.JSONField(default=list)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("when"))

    objects = ReminderQuerySet.as_manager()

    class Meta:
        verbose_name = _("reminder of responsibility")
        verbose_name_plural = _("reminders of responsibility")
        ordering = ["period", "line__unit_code", "pk"]
        constraints = [models.UniqueConstraint(fields=["period", "unit", "person"], name="reminder_once")]

    def __str__(self) -> str:
        return f"{self.person_name} · {self.line}"


class ReminderAnswer(Fact):
    """What the reminded person wrote. A further answer is a further row."""

    reminder = models.ForeignKey(Reminder, on_delete=models.PROTECT, related_name="answers")
    text = models.TextField(_("answer"))
    form_key = models.CharField(max_length=40, editable=False)
    at = models.DateTimeField(_("when"))

    class Meta:
        ordering = ["reminder", "pk"]
        constraints = [models.UniqueConstraint(fields=["reminder", "form_key"], name="reminder_answer_once_per_form")]
