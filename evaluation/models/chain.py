"""The chain of responsibility: who was reminded of a unit's result, and what they answered."""

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from evaluation.models.period import Period, UnitLine
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
