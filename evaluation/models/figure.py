"""What no record of the platform holds and an officer reports: figures of a unit, and who confirmed them."""

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from evaluation.models.period import Period
from evaluation.permissions import holds_hr
from people.models import Person, Role, Unit
from people.permissions import paths_of


class UnitFigureQuerySet(FactQuerySet):
    def confirmed(self) -> "UnitFigureQuerySet":
        return self.filter(confirmation__isnull=False)

    def waiting(self) -> "UnitFigureQuerySet":
        """Those that nobody has confirmed or taken back, and no later one replaces."""
        later = self.model.objects.filter(period=OuterRef("period"), unit=OuterRef("unit"), name=OuterRef("name"), pk__gt=OuterRef("pk"))
        return self.filter(~Exists(later.filter(withdrawal=None)), confirmation=None, withdrawal=None)

    def waiting_for(self, person: Person) -> "UnitFigureQuerySet":
        """Those that this person may confirm: HR over the county, of somebody else's who is HR there still, before the freeze."""
        found = self.waiting().exclude(by=person).filter(holds_hr("period__county"), period__in=Period.objects.before_freeze())
        return found if person.is_superuser else found.filter(period__county__path__in=paths_of(person, [Role.HR]))


class UnitFigure(Fact):
    """One figure of one unit (an organ) in one period, as an officer reported it. Never changed: a later report replaces it.

    `name` is that of a reported figure (`evaluation.indicators.figures`) or the key of a bonus or deduction of the version.
    The newest one that somebody else confirmed counts.
    """

    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="unit_figures")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("unit"))
    name = models.CharField(_("figure"), max_length=40)
    value = models.DecimalField(_("value"), max_digits=9, decimal_places=2)
    reason = models.CharField(_("reason"), max_length=500)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    form_key = models.CharField(max_length=40, editable=False)
    at = models.DateTimeField(_("when"))

    objects = UnitFigureQuerySet.as_manager()

    class Meta:
        verbose_name = _("reported figure")
        verbose_name_plural = _("reported figures")
        ordering = ["period", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["period", "by", "form_key", "name"], name="unit_figure_once_per_form"),
            models.CheckConstraint(condition=Q(value__gte=0), name="unit_figure_not_below_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.unit} · {self.name} · {self.value}"


class FigureConfirmation(Fact):
    """Somebody else than its author confirmed a reported figure."""

    figure = models.OneToOneField(UnitFigure, on_delete=models.PROTECT, related_name="confirmation")
    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("when"))

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(author=F("by")), name="figure_confirmed_by_another")]


class FigureWithdrawal(Fact):
    """An officer took a reported figure back before anybody confirmed it: it never counts, and what it replaced waits again."""

    figure = models.OneToOneField(UnitFigure, on_delete=models.PROTECT, related_name="withdrawal")
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("when"))
