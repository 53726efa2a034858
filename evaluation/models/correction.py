"""Points that a granted appeal gave or took."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.models import Fact
from evaluation.models.period import Period
from people.models import Person, Unit


class PointCorrection(Fact):
    """So many points more (or less) for one item of one unit in one period, granted by two persons. Never changed.

    The points are by the version, before void items give theirs away; the item stays within 0 and what it is worth. The
    next calculation counts every one.
    """

    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="point_corrections")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("unit"))
    item_key = models.CharField(_("item"), max_length=20)
    points = models.DecimalField(_("points"), max_digits=6, decimal_places=2)
    reason = models.TextField(_("reason"))
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name=_("proposed by"))
    approved = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name=_("approved by"))
    at = models.DateTimeField(_("when"))

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
