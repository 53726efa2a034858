"""Reminding people who are behind: by who leads, coordinates or keeps the records where they serve."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from core import audit, clock
from core.errors import Refused
from evaluation import standing
from evaluation.models import LearningReminder
from people.models import Person, Role, Unit
from people.permissions import paths_of

REMINDS = (Role.LEADER, Role.LIAISON, Role.HR)
SHOWN_FOR = timedelta(days=14)
AT_ONCE = 500


@dataclass(frozen=True)
class Sent:
    """How many were reminded now, and how many had been today already."""

    now: int
    before: int


def may_remind(user, unit: Unit) -> bool:
    """Whether the user leads, coordinates or keeps records over the whole unit."""
    return user.is_superuser or any(unit.path.startswith(path) for path in paths_of(user, REMINDS))


@transaction.atomic
def remind(*, unit: Unit, by: Person, at: datetime) -> Sent:
    """Remind everybody of a unit and below who lacks a required course, but for oneself; each once a day. Writes an audit entry.

    Raises:
        Refused: no right over the unit ("not_in_charge"), nobody behind ("nobody"), more than 500 at once ("too_many").
    """
    if not may_remind(by, unit):
        raise Refused(_("People are reminded by who leads or coordinates their unit, and by HR."), code="not_in_charge")
    day = clock.today(at)
    people = standing.people_of([unit], year=day.year, at=at).exclude(pk=by.pk)
    missing = {one.pk: one.missing for one in standing.figures(people, year=day.year, at=at) if one.missing}
    if not missing:
        raise Refused(_("Nobody in “%(unit)s” lacks a required course.") % {"unit": unit.name}, code="nobody")
    if len(missing) > AT_ONCE:
        raise Refused(
            _("More than %(count)d people are behind: remind unit by unit, so that each is meant.") % {"count": AT_ONCE}, code="too_many"
        )
    # Two who remind at once: the row of a person is written by one of them, and the other waits here.
    locked = Person.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=missing)
    behind = list(locked.select_related("unit").order_by("pk"))
    told = set(LearningReminder.objects.filter(person__in=behind, day=day).values_list("person_id", flat=True))
    fresh = [one for one in behind if one.pk not in told]
    LearningReminder.objects.bulk_create(
        [LearningReminder(person=one, unit=one.unit, by=by, missing=missing[one.pk], day=day, at=at) for one in fresh]
    )
    audit.record(unit, "evaluation.reminded", by=by, people=len(fresh))
    return Sent(len(fresh), len(told))


def standing_for(person: Person, *, missing: int, at: datetime) -> LearningReminder | None:
    """The newest reminder of the last fortnight, as long as the person is behind. One query, none when nothing is missing."""
    if not missing:
        return None
    return LearningReminder.objects.filter(person=person, at__gt=at - SHOWN_FOR, at__lte=at).select_related("by").first()
