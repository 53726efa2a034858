"""How the people of a subtree stand, for pages: counted while one waits, or, of very many people, ahead of asking.

Counting 100,000 people takes seconds. So a county with more than LARGE people is counted by the scheduler every few
minutes, and a page that asks for that many shows what was counted last and says when. All other pages count anew.
What changes something (a reminder, a period, an indicator) and what leaves with names (an export) always counts anew.
"""

from array import array
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cached_property
from typing import Any

from django.core.cache import cache, caches

from core import clock
from courses.models import CreditPolicy
from evaluation import standing
from evaluation.permissions import tops_of
from people.models import Person, Unit
from people.models.unit import within_paths

LARGE = 5_000  # people on duty
KEPT = 20 * 60  # seconds; the scheduler comes every ten minutes
FORM = 1  # of what is kept: another one after a change of these shapes
BEHIND, LACKS_HOURS = 1, 2


def large_county(units: Iterable[Unit]) -> str | None:
    """The path of the county of these units, where they lie in one and have more than LARGE people; else None.

    Whether a county is large at all is asked once in 20 minutes. Two queries at most, mostly none.
    """
    tops = _tops(units)
    counties = {unit.county_path for unit in tops}
    if len(counties) != 1:
        return None
    county = counties.pop()
    if not caches["local"].get_or_set(f"evaluation.ahead:large:{county}", lambda: _are_many([county]), KEPT):
        return None
    return county if _are_many([unit.path for unit in tops]) else None


def _tops(units: Iterable[Unit]) -> list[Unit]:
    return tops_of(sorted(units, key=lambda unit: unit.path))


def _are_many(paths: list[str]) -> bool:
    return Person.objects.serving().filter(within_paths(paths)).order_by()[LARGE : LARGE + 1].exists()


class Overview:
    """How the people of units that form whole subtrees stand in a year.

    `made_at` is None where it was counted just now. Five queries at most for all of it, and one for the policies without `history`.
    """

    def __init__(self, units: Iterable[Unit], *, year: int, at: datetime, history: list[CreditPolicy] | None = None) -> None:
        self.units = list(units)
        self.year, self.at = year, at
        self._asked: dict[str, Any] = {"year": year, "at": at, "history": history}
        self._county = large_county(self.units)

    @cached_property
    def made_at(self) -> datetime | None:
        return self._kept[0] if self._county else None

    @cached_property
    def standings(self) -> dict[str, standing.UnitStanding]:
        """Path → standing, rolled up (`standing.unit_standings`)."""
        if not self._county:
            return standing.unit_standings(self.units, **self._asked, counted_already=self._figures)
        return standing.rolled_up(self.units, self._kept[1])

    def in_need(self, only: str = "") -> list[int]:
        """The ids of the people, of those who are "behind" or short of "hours", in the order of need (`standing.in_need`)."""
        if not self._county:
            return [one.pk for one in standing.in_need(self._figures, only)]
        _at, paths, ids, places, marks = _kept("people", self._county, self._asked)
        tops = tuple(unit.path for unit in _tops(self.units))
        inside = [path.startswith(tops) for path in paths]
        mark = {"behind": BEHIND, "hours": LACKS_HOURS}.get(only, 0)
        return [pk for pk, place, marked in zip(ids, places, marks, strict=True) if inside[place] and marked & mark == mark]

    @cached_property
    def _figures(self) -> list[standing.Figures]:
        people = standing.people_of(self.units, year=self.year, at=self.at)
        return standing.figures(people, **self._asked)

    @cached_property
    def _kept(self) -> tuple:
        return _kept("units", self._county, self._asked)


def _kept(what: str, county: str | None, asked: dict) -> tuple:
    found = cache.get(_key(what, county, asked["year"]))
    return found if found is not None else _count(county, year=asked["year"], at=asked["at"])[what]


def _key(what: str, county: str | None, year: int) -> str:
    return f"evaluation.ahead:{FORM}:{what}:{county}:{year}"


def _count(county: str | None, *, year: int, at: datetime) -> dict[str, tuple]:
    """Count a whole county and keep it: the figures of each unit for itself, and the people in the order of need."""
    units = list(Unit.objects.filter(path__startswith=county))
    people = standing.people_of(units, year=year, at=at)
    found = standing.figures(people, year=year, at=at)
    own = standing.of_units(found, people, year=year, at=at)
    paths = sorted({one.path for one in found})
    place = {path: number for number, path in enumerate(paths)}
    sorted_out = standing.in_need(found)
    made = {
        "units": (at, own),
        "people": (
            at,
            paths,
            array("q", [one.pk for one in sorted_out]),
            array("L", [place[one.path] for one in sorted_out]),
            bytes((BEHIND if one.missing else 0) | (LACKS_HOURS if one.lacks_hours else 0) for one in sorted_out),
        ),
    }
    for what, value in made.items():
        cache.set(_key(what, county, year), value, KEPT)
    return made


def kept_rows(what: str, units: Iterable[Unit], asked: object, make: Callable[[], list]) -> list:
    """Other rows about one large county as a whole: as they were made within KEPT seconds. Of anything else, made now."""
    tops = _tops(units)
    if len(tops) != 1 or tops[0].depth != 1 or large_county(tops) is None:
        return make()
    key = f"evaluation.ahead:{FORM}:{what}:{tops[0].path}:{asked}"
    found = cache.get(key)
    if found is None:
        found = make()
        cache.set(key, found, KEPT)
    return found


def count_all(*, at: datetime) -> int:
    """Count every large county's running year; how many there are. Safe to run at any time and twice."""
    year, counted = clock.year_of(at), 0
    for county in Unit.objects.counties():
        if large_county([county]):
            _count(county.path, year=year, at=at)
            counted += 1
    return counted


__all__ = ["Overview", "count_all", "kept_rows", "large_county"]
