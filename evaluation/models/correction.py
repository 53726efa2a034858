"""Points that a granted appeal gave or took, and those that two officers took back."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from evaluation.models.period import Period, PeriodStep
from people.models import Person, Unit


class PointCorrectionQuerySet(FactQuerySet):
    def standing(self) -> "PointCorrectionQuerySet":
        """Those that nobody has taken back."""
        return self.filter(taken_back=None)

    def counting_at(self, moment: datetime) -> "PointCorrectionQuerySet":
        """Those that counted at a moment."""
        return self.filter(at__lte=moment).exclude(taken_back__at__lte=moment)


class PointCorrection(Fact):
    """So many points more (or less) for one item of one unit in one period, granted by two persons. Never changed.

    The points are by the version, before void items give theirs away; the item stays within 0 and what it is worth. The
    next calculation counts every one that was not taken back.
    """

    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="point_corrections")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("unit"))
    item_key = models.CharField(_("item"), max_length=20)
    points = models.DecimalField(_("points"), max_digits=6, decimal_places=2)
    reason = models.TextField(_("reason"))
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name=_("proposed by"))
    approved = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name=_("approved by"))
    at = models.DateTimeField(_("when"))

    objects = PointCorrectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("correction of points")
        verbose_name_plural = _("corrections of points")
        ordering = ["period", "pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(by=F("approved")), name="point_correction_by_two"),
            models.CheckConstraint(condition=~Q(points=0), name="point_correction_not_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.unit} · {self.item_key} · {self.points}"


class PointWithdrawal(Fact):
    """One officer proposes to take corrected points of a reopened period back; another one's confirmation is `PointsTakenBack`.

    It answers the step that it was proposed after: once any other step was taken, it is void.
    """

    correction = models.ForeignKey(PointCorrection, on_delete=models.PROTECT, related_name="withdrawals")
    after = models.ForeignKey(PeriodStep, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(_("reason"))
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("when"))

    class Meta:
        ordering = ["correction", "pk"]
        constraints = [models.UniqueConstraint(fields=["correction", "after", "by"], name="point_withdrawal_once_per_step_and_officer")]


class PointsTakenBack(Fact):
    """Two officers took corrected points back: no later calculation counts them. What was published or frozen with them stays."""

    correction = models.OneToOneField(PointCorrection, on_delete=models.PROTECT, related_name="taken_back")
    withdrawal = models.OneToOneField(PointWithdrawal, on_delete=models.PROTECT, related_name="confirmation")
    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("when"))

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(author=F("by")), name="points_taken_back_by_two")]
