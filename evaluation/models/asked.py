"""What a period asked for when its last day was over."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Fact
from evaluation.models.period import Period
from people.models import Person


class AskedNote(Fact):
    """The courses and tests that a county asked for at the end of a period's cut-off day. Written once, never changed.

    The scheduler writes it when the day is over; where it did not run, whoever cuts the period off does (`by`). `asked` is what
    `evaluation.indicators.calculation.asked_now` gave at `at`: what was changed between the end of the day and then may be in it.
    """

    period = models.OneToOneField(Period, on_delete=models.PROTECT, related_name="asked_note")
    asked = models.JSONField()
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(_("when"))

    def __str__(self) -> str:
        return f"{self.period} · {self.at}"
