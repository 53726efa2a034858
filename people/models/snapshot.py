"""Who and where, as it was at an event."""

from collections import defaultdict
from datetime import date, datetime
from typing import ClassVar

from django.apps import apps
from django.db import models
from django.db.models import Min
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core import clock
from people.models.person import Person
from people.models.posting import DutyAssignment
from people.models.unit import Unit, record_names


class ServedAt(models.Model):
    """Mixed into a record: the person, and copies of name, unit, post and duties at the event.

    The copies are what the record shows for ever; the keys are for finding and for rights.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="%(class)ss", verbose_name=_("person"))
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("unit"))
    employee_number = models.CharField(_("employee number"), max_length=32)
    person_name = models.CharField(pgettext_lazy("of a person", "name"), max_length=60)
    unit_name = models.CharField(_("unit"), max_length=160)
    post_title = models.CharField(_("post"), max_length=60, blank=True)
    duties = models.JSONField(_("duties"), default=list)
    staff_type = models.CharField(_("staff type"), max_length=16, blank=True)

    HAPPENED: ClassVar[str] = "at"  # the field with the instant, or the first day, of the event

    class Meta:
        abstract = True


SNAPSHOT_FIELDS = ["person_id", "unit_id", "employee_number", "person_name", "unit_name", "post_title", "duties", "staff_type"]


def served_at(person: Person, *, on: date | None = None) -> dict:
    """The fields of ServedAt for a person as they serve now or, with `on`, as they served on that day.

    The name is that of now: no older one is kept. Without a main posting on that day (before the
    roster begins) it is the present unit. Two queries at most, four with `on` in an earlier posting, three with a day before today in the present one.
    """
    unit, title, duties = person.unit, person.post_title, None
    if on is not None:
        posting = person.postings.lasting(on).filter(is_main=True).select_related("unit").order_by("-starts_on", "-pk").first()
        if posting is not None and (posting.ends_on is not None or on != clock.today()):
            held = DutyAssignment.objects.lasting(on).filter(posting__person=person).values_list("duty", flat=True)
            unit, title, duties = posting.unit, posting.title, sorted(set(held))
    return {
        "person": person,
        "unit": unit,
        "employee_number": person.employee_number,
        "person_name": person.name,
        "unit_name": "" if unit is None else record_names([unit])[unit.pk],
        "post_title": title,
        "duties": person.current_duties if duties is None else duties,
        "staff_type": person.staff_type,
    }


def copied_from(record: ServedAt) -> dict:
    """The same fields, copied from an earlier record of the same event chain. No query."""
    return {name: getattr(record, name) for name in SNAPSHOT_FIELDS}


def first_recorded(people: list[int]) -> dict[int, dict[int | None, date]]:
    """The day of the oldest record of each of these people in each unit, by their keys, whichever app keeps it.

    One query for each kind of record and 5,000 people.
    """
    first: dict[int, dict[int | None, date]] = defaultdict(dict)
    kinds = [model for model in apps.get_models() if issubclass(model, ServedAt)]
    for start in range(0, len(people), 5000):
        for model in kinds:
            theirs = model._default_manager.filter(person__in=people[start : start + 5000]).order_by()
            for pk, unit, found in theirs.values_list("person", "unit").annotate(oldest=Min(model.HAPPENED)):
                day = clock.today(found) if isinstance(found, datetime) else found
                first[pk][unit] = min(day, first[pk].get(unit, day))
    return first
