"""How learning time becomes credit hours: data with a source and a validity, never constants."""

from datetime import date

from django.db import models
from django.utils.translation import gettext_lazy as _

from people.models import Unit


class CreditPolicyQuerySet(models.QuerySet):
    def history(self) -> "CreditPolicyQuerySet":
        """Every policy there ever was with its county, the later ones last. A handful of rows."""
        return self.select_related("county").order_by("valid_from", "pk")

    def in_force(self, day: date, county: Unit | None = None) -> "CreditPolicy":
        """The policy that holds on a day: the county's own if it has one, else the general one.

        Raises:
            CreditPolicy.DoesNotExist: none holds on that day.
        """
        held = self.filter(valid_from__lte=day).filter(models.Q(valid_to=None) | models.Q(valid_to__gte=day))
        found = (
            held.filter(models.Q(county=None) | models.Q(county=county))
            .order_by(models.F("county").asc(nulls_last=True), "-valid_from")
            .first()
        )
        if found is None:
            raise CreditPolicy.DoesNotExist(f"no credit policy holds on {day}")
        return found


class CreditPolicy(models.Model):
    """Conversion of minutes to credit hours and the yearly targets, as one authority sets them.

    `bands`: list of {"over": minutes, "over_included": bool, "hours": "0.25"} in rising order; the
    last band whose lower bound is passed gives the hours. Hours are decimal strings in `step`s.
    """

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("county"))
    name = models.CharField(_("name"), max_length=80)
    source = models.CharField(_("source"), max_length=200)
    mark = models.CharField(_("evidence mark"), max_length=1, choices=[("V", "V"), ("S", "S"), ("D", "D")], default="D")
    valid_from = models.DateField(_("valid from"))
    valid_to = models.DateField(_("valid to"), null=True, blank=True)
    bands = models.JSONField(_("bands"))
    test_passed = models.DecimalField(_("hours for a passed test"), max_digits=5, decimal_places=2)
    yearly_target = models.DecimalField(_("yearly online target"), max_digits=6, decimal_places=2)
    duty_targets = models.JSONField(_("targets by duty"), default=dict)  # {"staff": "20"}: hours of this topic
    # What staff types and ranks owe: rows of rules.Quota in evaluation, as services/policies.py checked them.
    quotas = models.JSONField(_("quotas"), default=list, blank=True)
    step = models.DecimalField(_("step"), max_digits=4, decimal_places=2)
    hours_per_day = models.DecimalField(
        _("most hours for a day of lectures or exchange"), max_digits=4, decimal_places=2, null=True, blank=True
    )
    once_per_course_per_year = models.BooleanField(_("once per course per year"), default=True)
    reading_share = models.DecimalField(
        _("share of a lesson's minutes that must be spent on it"), max_digits=3, decimal_places=2, default=0
    )

    objects = CreditPolicyQuerySet.as_manager()

    class Meta:
        verbose_name = _("credit policy")
        verbose_name_plural = _("credit policies")
        constraints = [
            models.UniqueConstraint(fields=["name", "valid_from"], condition=models.Q(county=None), name="credit_policy_general_once"),
            models.UniqueConstraint(fields=["county", "name", "valid_from"], name="credit_policy_county_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.valid_from})"
