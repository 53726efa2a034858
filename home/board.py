"""The dashboard: in one minute, who is behind in my units and what moved this week.

Set-based: the number of queries does not depend on units or people.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q, Sum

from core import clock
from core.figures import share
from courses.models import Completion, Enrolment
from courses.services import policies
from evaluation import standing
from evaluation.permissions import people_of_records_q, tops_of, units_in_reach
from people.models import Person, Unit

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
class Part:
    """A unit with everything below it: how its people stand, and required courses (person × course) asked and done."""

    standing: standing.UnitStanding
    asked: int = 0
    done: int = 0

    @property
    def unit(self) -> Unit | None:
        return self.standing.unit

    @property
    def share(self) -> int | None:
        """Whole percent of the required courses done; None where nothing is required."""
        return share(self.done, self.asked)


@dataclass
class Board:
    year: int
    unit: Unit | None  # the one opened; None: several units of one's reach together
    tops: list[Unit]  # what one may open from here
    total: Part
    rows: list[Part]  # the parts of the unit, those most behind first
    rows_left: int
    behind: list[Person]  # rows of standing.with_standing, with `place`
    behind_count: int
    week: Week


def of(user, *, unit_pk: int | None, at: datetime) -> Board | None:
    """The board of one unit in reach, or of all; None if that unit is not in reach. Eight queries."""
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
    found = standing.unit_standings(shown, year=year, at=at, history=history)
    if chosen is None:
        total = standing.UnitStanding(None)
        for unit in tops:
            total.add(found[unit.path])
        parts = tops
    else:
        total = found[chosen.path]
        parts = [unit for unit in shown if unit.depth == chosen.depth + 1]
    scope = Q(pk__in=[])
    for unit in [chosen] if chosen else tops:
        scope |= Q(unit__path__startswith=unit.path)
    serving = standing.counted(year=year, at=at).filter(people_of_records_q(user)).filter(scope)
    people = standing.with_standing(serving, year=year, at=at, history=history)
    behind = (
        people.filter(missing__gt=0).select_related("unit").order_by("-missing", F("last_login").asc(nulls_first=True), "employee_number")
    )
    courses = list(
        people.order_by()
        .values("unit__path")
        .annotate(asked=Sum("required"), finished=Sum("done"))
        .values_list("unit__path", "asked", "finished")
    )
    rows = [_part(found[unit.path], courses) for unit in parts if found[unit.path].serving]
    rows.sort(key=lambda row: (101 if row.share is None else row.share, -row.standing.behind, row.unit.path))
    return Board(
        year=year,
        unit=chosen,
        tops=tops,
        total=_part(total, courses),
        rows=rows[:UNITS_SHOWN],
        rows_left=max(0, len(rows) - UNITS_SHOWN),
        behind=_named(behind[:PEOPLE_SHOWN], units, chosen),
        behind_count=total.behind,
        week=_week(user, scope, at),
    )


def _part(figures: standing.UnitStanding, courses: list[tuple[str, int, int]]) -> Part:
    below = [row for row in courses if figures.unit is None or row[0].startswith(figures.unit.path)]
    return Part(figures, asked=sum(row[1] for row in below), done=sum(row[2] for row in below))


def _named(people, units: list[Unit], chosen: Unit | None) -> list[Person]:
    """With `place`: the section alone inside an opened organ, else with the organ's name before it."""
    names = {unit.path: unit.name for unit in units}
    found = list(people)
    for person in found:
        organ = names.get(person.unit.organ_path, "")
        is_told = person.unit.path == person.unit.organ_path or (chosen is not None and chosen.depth > 1)
        person.place = person.unit.name if is_told or not organ else f"{organ} {person.unit.name}"
    return found


def _week(user, scope: Q, at: datetime) -> Week:
    """What people of the scope did in the seven days until now, wherever they served then. Two queries."""
    since, before = at - timedelta(days=7), at - timedelta(days=14)
    serving = Person.objects.serving().filter(scope).values("pk")
    done = (
        Completion.objects.standing()
        .visible_to(user)
        .filter(person__in=serving, completed_at__gte=before, completed_at__lte=at)
        .aggregate(
            now=Count("pk", filter=Q(completed_at__gte=since)),
            then=Count("pk", filter=Q(completed_at__lt=since)),
            hours=Sum(F("study_hours") + F("test_hours"), filter=Q(completed_at__gte=since)),
        )
    )
    begun = Enrolment.objects.visible_to(user).filter(person__in=serving, enrolled_at__gte=since, enrolled_at__lte=at)
    return Week(
        since=since,
        completions=done["now"],
        completions_before=done["then"],
        hours=done["hours"] or 0,
        beginners=begun.aggregate(n=Count("person", distinct=True))["n"],
    )
