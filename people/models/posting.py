"""Where somebody served, from when to when, and with which duties."""

from datetime import date

from django.db import models
from django.db.models import Case, F, OuterRef, Q, Subquery, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat, Substr
from django.utils.translation import gettext_lazy as _

from core import clock
from people.models.person import Person
from people.models.unit import Unit


class Duty(models.TextChoices):
    """Duties in publishing government affairs; one person may hold several at once."""

    CHIEF = "chief", _("Chief leader")
    DEPUTY = "deputy", _("Deputy in charge")
    SECTION_HEAD = "section_head", _("Section head")
    STAFF = "staff", _("Working staff")
    LIAISON = "liaison", _("Liaison officer")
    PUBLISHER = "publisher", _("Publisher")
    COUNTY_LEADER = "county_leader", _("County leader")
    LECTURER = "lecturer", _("Lecturer")
    APPRAISER = "appraiser", _("Appraiser")


def lasting(day: date, prefix: str = "") -> Q:
    """Condition on what has a first and a last day, None while it lasts: the day lies in it."""
    return Q(**{f"{prefix}starts_on__lte": day}) & (Q(**{f"{prefix}ends_on": None}) | Q(**{f"{prefix}ends_on__gte": day}))


def is_lasting(starts_on: date, ends_on: date | None, day: date) -> bool:
    """The same of a first and a last day at hand."""
    return starts_on <= day and (ends_on is None or ends_on >= day)


class PostingQuerySet(models.QuerySet):
    def lasting(self, day: date) -> "PostingQuerySet":
        return self.filter(lasting(day))

    def touching(self, first: date | Combinable, last: date | Combinable) -> "PostingQuerySet":
        """Those that share a day with the stretch, of days or of expressions of days."""
        return self.filter(Q(ends_on=None) | Q(ends_on__gte=first), starts_on__lte=last)

    def visible_to(self, user) -> "PostingQuerySet":
        """One's own, and those that one's roles reach as they reach what was learned there."""
        from people.permissions import records_q

        return self.filter(records_q(user))

    def with_unit_name(self) -> "PostingQuerySet":
        """Each with `unit_name` as records write it (`unit.record_names`): a section's with its organ before it. No query more."""
        organ = Substr("unit__path", 1, Case(When(unit__depth=2, then=Unit.steplen), default=2 * Unit.steplen))  # Unit.organ_path
        named = Subquery(Unit.objects.filter(path=OuterRef("organ_path")).values("name"))
        whole = Case(When(unit__kind=Unit.Kind.SECTION, then=Concat(named, Value(" "), "unit__name")), default="unit__name")
        return self.annotate(organ_path=organ).annotate(unit_name=whole)


class Posting(models.Model):
    """One stay of one person in one unit under one title. Closed by its end date, never deleted.

    `ends_on` is the last day of service; None while it lasts. The main posting is the one that
    records copy. `entered_at` says when its unit and title were written down; None where that was before anybody noted it.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="postings", verbose_name=_("person"))
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="postings", verbose_name=_("unit"))
    title = models.CharField(_("post"), max_length=60, blank=True)
    is_main = models.BooleanField(_("main posting"), default=True)
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("to"), null=True, blank=True)
    entered_at = models.DateTimeField(_("entered"), null=True, default=clock.now, editable=False)

    objects = PostingQuerySet.as_manager()

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        ordering = ["-starts_on", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["person"], condition=Q(ends_on=None, is_main=True), name="posting_one_open_main"),
            models.UniqueConstraint(fields=["person", "unit"], condition=Q(ends_on=None), name="posting_open_once_per_unit"),
            models.CheckConstraint(condition=Q(ends_on=None) | Q(ends_on__gte=F("starts_on")), name="posting_ends_after_start"),
        ]

    def __str__(self) -> str:
        return f"{self.person} · {self.unit} {self.title}"


class DutyQuerySet(models.QuerySet):
    def lasting(self, day: date) -> "DutyQuerySet":
        """Held on this day, in a posting that lasts on it."""
        return self.filter(lasting(day), lasting(day, "posting__"))


class DutyAssignment(models.Model):
    """A duty held in a posting, from when to when, never longer than the posting. One taken back on its first day was never held: its row goes."""

    posting = models.ForeignKey(Posting, on_delete=models.PROTECT, related_name="duties", verbose_name=_("posting"))
    duty = models.CharField(_("duty"), max_length=16, choices=Duty.choices)
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("to"), null=True, blank=True)

    objects = DutyQuerySet.as_manager()

    class Meta:
        verbose_name = _("duty")
        verbose_name_plural = _("duties")
        constraints = [
            models.UniqueConstraint(fields=["posting", "duty"], condition=Q(ends_on=None), name="duty_open_once"),
        ]

    def __str__(self) -> str:
        return self.get_duty_display()

    def is_held_on(self, day: date) -> bool:
        return is_lasting(self.starts_on, self.ends_on, day) and is_lasting(self.posting.starts_on, self.posting.ends_on, day)

    def starts_after(self, last_day: date) -> bool:
        """Whether it would end before it began: then it was never held."""
        return self.starts_on > last_day
