"""Knowledge points by their path: "A/B/C" from the root, a slash inside a name doubled."""

from collections.abc import Iterable

from people.models import Unit
from quizzes.formats.base import point_names, point_text
from quizzes.kinds import Wrong
from quizzes.models import KnowledgePoint

Names = tuple[str, ...]


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
