"""Proposals to reopen a period, or to cancel it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Fact
from evaluation.models.period import Period, PeriodStep
from people.models import Person


class Reopening(Fact):
    """One officer proposes that a period go back to “cut off”; another one's confirmation is a `PeriodStep` by both.

    It answers the step that it was proposed after: once any other step was taken, it is void; so it is while who proposed it does not run
    the period, and once they have proposed otherwise: the newest stands. `settles_anew`: what the year asks
    for is settled by the rules of the day of confirmation; otherwise what was noted stays.
    """

    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="reopenings")
    after = models.ForeignKey(PeriodStep, on_delete=models.PROTECT, related_name="reopenings")
    reason = models.TextField(_("reason"))
    settles_anew = models.BooleanField(_("settle anew what is asked for"), default=False)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("proposal to reopen a period")
        verbose_name_plural = _("proposals to reopen periods")
        ordering = ["period", "pk"]


class Cancellation(Fact):
    """One officer proposes that a period be cancelled that was opened wrongly; another one's confirmation is a `PeriodStep` by both.

    `after` is the number of the step that it was proposed after, 0 where none was taken: once any other step was taken, it is void, or its
    officer gave another reason.
    """

    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="cancellations")
    after = models.PositiveSmallIntegerField()
    reason = models.TextField(_("reason"))
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("proposal to cancel a period")
        verbose_name_plural = _("proposals to cancel periods")
        ordering = ["period", "pk"]
