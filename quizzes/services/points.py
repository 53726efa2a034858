"""Knowledge points by their path: "A/B/C" from the root, a slash inside a name doubled; and what writing one must meet."""

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import Refused
from people.models import Person, Unit
from quizzes.formats.base import point_names, point_text
from quizzes.kinds import Wrong
from quizzes.models import KnowledgePoint
from quizzes.services import opened

Names = tuple[str, ...]
SAVED = ("wagtail.create", "wagtail.edit")  # the traces of who wrote a point


def said(point: KnowledgePoint) -> dict:
    """What a form of the point shows and may change."""
    return {"name": point.name, "parent": point.parent_id}


def stamp_of(point: KnowledgePoint) -> str:
    """What a form shows that was opened on this row. One query."""
    return opened.stamp(said(point), trace=opened.newest_trace(point))


def is_written(point: KnowledgePoint, *, seen: str, by: Person | None) -> bool:
    """Whether the point stands so already, as when a form is sent twice; else the form must have been opened on what stands.

    `seen` is the stamp of what was opened; without one nothing counts as older. In a transaction it locks the county, so that
    until that ends neither a file nor another form changes its tree. Three queries.

    Raises:
        Refused: edited, which says who was quicker, and when; below_itself; name_taken.
    """
    if transaction.get_connection().in_atomic_block:
        Unit.objects.select_for_update(no_key=True).get(pk=point.county_id)
    points = {one.pk: one for one in KnowledgePoint.objects.filter(county=point.county_id)}
    standing = points.pop(point.pk, None)
    if standing is not None and seen:
        if said(standing) == said(point):
            return True
        opened.refuse_older(standing, said(standing), acts=SAVED, seen=seen, by=by)
    above = point.parent_id
    for _level in range(len(points) + 1):
        if above is not None and above == point.pk:
            raise Refused(_("A knowledge point cannot stand below itself."), code="below_itself")
        above = points[above].parent_id if above in points else None
    if any(said(one) == said(point) for one in points.values()):
        raise Refused(_("There is a knowledge point of this name in this place already."), code="name_taken")
    return False


def ways(points: dict[int, KnowledgePoint]) -> dict[int, Names]:
    """The names from the root down to each of these points."""
    return {pk: _way(point, points) for pk, point in points.items()}


def below(pk: int, names: dict[int, Names], points: dict[int, KnowledgePoint]) -> list[int]:
    """A point and all below it, of the same county."""
    top, county = names[pk], points[pk].county_id
    return [one for one, way in names.items() if way[: len(top)] == top and points[one].county_id == county]


def _way(point: KnowledgePoint | None, points: dict[int, KnowledgePoint]) -> Names:
    names: list[str] = []
    seen: set[int] = set()
    while point is not None and point.pk not in seen:
        seen.add(point.pk)
        names.insert(0, point.name)
        point = points.get(point.parent_id)  # type: ignore[arg-type]
    return tuple(names)


class Tree:
    """The points of a county, read once: one query, and one more for each level that is added."""

    def __init__(self, county: Unit) -> None:
        self.county = county
        self.points = {point.pk: point for point in KnowledgePoint.objects.filter(county=county)}
        self._names = ways(self.points)
        self._by_names = {names: self.points[pk] for pk, names in self._names.items()}
        self._by_name: dict[str, list[KnowledgePoint]] = {}
        for point in self.points.values():
            self._by_name.setdefault(point.name, []).append(point)

    def path(self, pk: int | None) -> str:
        """The path of a point; "" for none."""
        return "" if pk is None else point_text(self._names[pk])

    def find(self, path: str) -> KnowledgePoint | None:
        """The point of this path; one name alone also finds a point deeper down, when no other has it."""
        try:
            names = point_names(path)
        except Wrong:
            return None
        found = self._by_names.get(names)
        if found is None and len(names) == 1:
            named = self._by_name.get(names[0], [])
            return named[0] if len(named) == 1 else None
        return found

    def below(self, point: KnowledgePoint) -> list[int]:
        """The point and all below it."""
        return below(point.pk, self._names, self.points)

    def ensure(self, paths: Iterable[str]) -> dict[str, KnowledgePoint]:
        """The points of these paths; what is not there yet is made, with all that is above it."""
        paths = set(paths)
        wanted = {point_names(path) for path in paths if self.find(path) is None}
        levels = {names[:depth] for names in wanted for depth in range(1, len(names) + 1)} - self._by_names.keys()
        for depth in sorted({len(names) for names in levels}):
            self._add(sorted(names for names in levels if len(names) == depth))
        return {path: found for path in paths if (found := self.find(path)) is not None}

    def _add(self, several: list[Names]) -> None:
        made = [
            KnowledgePoint(county=self.county, name=names[-1], parent=self._by_names[names[:-1]] if len(names) > 1 else None)
            for names in several
        ]
        for names, point in zip(several, KnowledgePoint.objects.bulk_create(made), strict=True):
            self.points[point.pk], self._names[point.pk], self._by_names[names] = point, names, point
            self._by_name.setdefault(point.name, []).append(point)
