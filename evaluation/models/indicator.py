"""Indicators as data: what a county counts in the yearly evaluation, and by which formulas."""

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from evaluation.permissions import holds_hr
from people.models import Person, Role, Unit
from people.permissions import counties_read, paths_of


class IndicatorQuerySet(models.QuerySet):
    def visible_to(self, user) -> "IndicatorQuerySet":
        """The general ones, and those of one's own county: how one is judged is no secret; and those of every county in which one reads records."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        counties = counties_read(user) | ({user.unit.county_path} if user.unit_id else set())
        return self.filter(Q(county=None) | Q(county__path__in=counties))


class Indicator(models.Model):
    """One indicator by name, of one county or (without one) offered to all. What it says stands in its versions."""

    key = models.SlugField(_("key"), max_length=40)
    name = models.CharField(_("name"), max_length=80)
    county = models.ForeignKey(Unit, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("county"))

    objects = IndicatorQuerySet.as_manager()

    class Meta:
        verbose_name = _("indicator")
        verbose_name_plural = _("indicators")
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(fields=["county", "key"], name="indicator_once_per_county"),
            models.UniqueConstraint(fields=["key"], condition=Q(county=None), name="indicator_once_for_all"),
        ]

    def __str__(self) -> str:
        return self.name


class IndicatorVersionQuerySet(FactQuerySet):
    def own_first(self) -> "IndicatorVersionQuerySet":
        """A county's own before the general ones, by indicator, the newest first: on every database, which differ in where null stands."""
        return self.order_by(F("indicator__county__path").desc(nulls_last=True), "-indicator__key", "-number")

    def waiting_for(self, person: Person) -> "IndicatorVersionQuerySet":
        """A county's newest ones that this person may approve: HR over the county, of somebody else's who is HR there still."""
        later = self.model.objects.filter(indicator=OuterRef("indicator"), number__gt=OuterRef("number"))
        found = self.filter(
            ~Exists(later), Q(by=None) | holds_hr("indicator__county"), approval=None, indicator__county__isnull=False
        ).exclude(by=person)
        return found if person.is_superuser else found.filter(indicator__county__path__in=paths_of(person, [Role.HR]))


class IndicatorVersion(Fact):
    """What an indicator said from then on. Never changed: another wording is another version.

    `spec` is what `evaluation.indicators.spec.Spec` reads: items with points and formulas, bonuses, deductions, bands, chain of
    responsibility, the rules of the opening roster. In force once somebody else than its author has approved it.
    """

    indicator = models.ForeignKey(Indicator, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField(_("version"))
    spec = models.JSONField()
    source = models.CharField(_("source"), max_length=200)
    mark = models.CharField(_("how far checked"), max_length=1, help_text=_("V, S, M or D as in the fact book."))
    note = models.TextField(_("what is new"), blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+", help_text=_("Empty: it came with the product."))
    at = models.DateTimeField(_("when"))

    objects = IndicatorVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("version of an indicator")
        verbose_name_plural = _("versions of indicators")
        ordering = ["indicator", "number"]
        constraints = [models.UniqueConstraint(fields=["indicator", "number"], name="indicator_version_once")]

    def __str__(self) -> str:
        return f"{self.indicator} · {self.number}"


class IndicatorApproval(Fact):
    """A second person lets a version be used."""

    version = models.OneToOneField(IndicatorVersion, on_delete=models.PROTECT, related_name="approval")
    author = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(_("when"))

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(author=None) | ~Q(author=F("by")), name="indicator_approved_by_another")]
