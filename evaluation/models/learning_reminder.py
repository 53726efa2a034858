"""Reminders that somebody in charge sends to people who are behind."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Fact
from people.models import Person, Unit


class LearningReminder(Fact):
    """A person was reminded of the required courses that were missing then. Once a day at most, whoever reminds."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="learning_reminders", verbose_name=_("person"))
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("unit"))
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    missing = models.PositiveSmallIntegerField(_("courses missing"))
    day = models.DateField(_("day"))
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("reminder to learn")
        verbose_name_plural = _("reminders to learn")
        ordering = ["-at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["person", "day"], name="reminded_once_a_day")]

    def __str__(self) -> str:
        return f"{self.person} · {self.day}"
