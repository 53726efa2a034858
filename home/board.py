"""The dashboard: in one minute, who is behind in my units and what moved this week.

Set-based: the number of queries does not depend on units or people.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, Sum

from core import clock
from courses.models import Completion, Enrolment
from courses.services import policies
from evaluation import ahead, standing
from evaluation.models import LedgerEntry
from evaluation.permissions import tops_of, units_in_reach
from people.models import Person, Unit
from people.models.unit import record_names, within_paths

PEOPLE_SHOWN = 10
UNITS_SHOWN = 10


@dataclass
class Week:
    """Seven days and the seven before them."""

    since: datetime
    completions: int
    completions_before: int
    hours: object
    beginners: int

    @property
    def change(self) -> int:
        return self.completions - self.completions_before


@dataclass
class Board:
    year: int
    unit: Unit | None  # the one opened; None: several units of one's reach together
    name: str  # of the one opened, a section's with its organ
    tops: list[Unit]  # what one may open from here
    total: standing.UnitStanding
    rows: list[standing.UnitStanding]  # the parts of the unit, those most behind first
    rows_left: int
    own: int  # who serves in the unit itself, in none of its parts
    behind: list[tuple[Person, standing.Figures]]  # the first in the order of need, each with `place`
    made_at: datetime | None  # when the figures were counted; None: just now
    week: Week


def of(user, *, unit_pk: int | None, at: datetime) -> Board | None:
    """The board of one unit in reach, or of all; None if that unit is not in reach. Nine queries at most."""
    units = list(units_in_reach(user))
    tops = tops_of(units)
    chosen = next((unit for unit in units if unit.pk == unit_pk), None)
    if unit_pk is not None and chosen is None:
        return None
    if chosen is None and len(tops) == 1:
        chosen = tops[0]
    year = clock.year_of(at)
    shown = [unit for unit in units if chosen is None or unit.path.startswith(chosen.path)]
    history = policies.shown()
    overview = ahead.Overview(shown, year=year, at=at, history=history)
    found = overview.standings
    if chosen is None:
        total = standing.UnitStanding(None)
        for unit in tops:
            total.add(found[unit.path])
        parts = tops
    else:
        total = found[chosen.path]
        parts = [unit for unit in shown if unit.depth == chosen.depth + 1]
    rows = [found[unit.path] for unit in parts if found[unit.path].serving]
    names = record_names(units)
    for row in rows:
        row.place = row.unit.name if chosen else names[row.unit.pk]
    rows.sort(key=lambda row: (101 if row.courses_share is None else row.courses_share, -row.behind, row.unit.path))
    first = overview.in_need("behind")[:PEOPLE_SHOWN]
    people = standing.counted(year=year, at=at).filter(pk__in=first).select_related("unit")
    persons = {person.pk: person for person in people}
    behind = [(persons[one.pk], one) for one in standing.in_need(standing.figures(people, year=year, at=at, history=history), "behind")]
    return Board(
        year=year,
        unit=chosen,
        name=names[chosen.pk] if chosen else "",
        tops=tops,
        total=total,
        rows=rows[:UNITS_SHOWN],
        rows_left=max(0, len(rows) - UNITS_SHOWN),
        own=total.serving - sum(row.serving for row in rows),
        behind=_named(behind, names, chosen),
        made_at=overview.made_at,
        week=ahead.kept_rows("week", [chosen] if chosen else tops, year, lambda: [_week([chosen] if chosen else tops, at)])[0],
    )


def _named(
    found: list[tuple[Person, standing.Figures]], names: dict[int | None, str], chosen: Unit | None
) -> list[tuple[Person, standing.Figures]]:
    """With `place`: the section alone inside an opened organ, else with the organ's name before it."""
    for person, _figures in found:
        is_told = chosen is not None and chosen.depth > 1
        person.place = person.unit.name if is_told else names.get(person.unit_id, person.unit.name)
    return found


def _week(units: list[Unit], at: datetime) -> Week:
    """What people of these units and below did in the seven days until now, wherever they served then. Three queries.

    Its hours are those that the ledger was given in these days; a correction of an earlier year is nothing that anybody learned in them.
    """
    since, before = at - timedelta(days=7), at - timedelta(days=14)
    serving = Person.objects.serving().filter(within_paths([unit.path for unit in units])).values("pk")
    done = (
        Completion.objects.standing()
        .filter(person__in=serving, completed_at__gte=before, completed_at__lte=at)
        .aggregate(
            now=Count("pk", filter=Q(completed_at__gte=since)),
            then=Count("pk", filter=Q(completed_at__lt=since)),
        )
    )
    credited = LedgerEntry.objects.filter(person__in=serving, at__gte=since, at__lte=at)
    years = {clock.year_of(since), clock.year_of(at)}
    credited = credited.exclude(Q(kind=LedgerEntry.Kind.CORRECTION) & ~Q(year__in=years))
    begun = Enrolment.objects.filter(person__in=serving, enrolled_at__gte=since, enrolled_at__lte=at)
    return Week(
        since=since,
        completions=done["now"],
        completions_before=done["then"],
        hours=credited.aggregate(hours=Sum("hours"))["hours"] or 0,
        beginners=begun.aggregate(n=Count("person", distinct=True))["n"],
    )
