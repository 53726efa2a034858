"""What a freeze would write otherwise than was published, and which of it granted appeals explain (decision 0020).

Frozen is what was published, with what appeals put right: whatever else was entered meanwhile was in no publicity and open to no
appeal. A granted appeal vouches for the columns of the record that it corrected, in the line that it is about; of a unit's appeal in
the lines of the unit's people. So does one about an earlier publication that was granted since the lines were published. What a unit
comes to follows from its people, its reported figures and its corrected points; whether it has a line at all, from who was placed there.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from evaluation.indicators import calculation, figures, reports
from evaluation.indicators.spec import read
from evaluation.models import Appeal, AppealDecision, Calculation, PointCorrection, UnitLine
from evaluation.periods import corrections, lines

Record = AppealDecision.Record
OF_DUTIES = frozenset({"duties", "required", "done", "tests", "passed", "target"})
VOUCHED: Mapping[str, frozenset[str]] = {
    Record.HOURS: frozenset({"hours"}),
    Record.COMPLETION: frozenset({"done", "passed", "hours"}),
    Record.LEAVE: frozenset({"counted", "reason"}),
    Record.POSTING: frozenset({"unit_code", "unit_name", "post_title", "counted", "reason"}) | OF_DUTIES,
    Record.DUTY: OF_DUTIES,
    Record.NAME: frozenset({"person_name"}),
    Record.FIGURE: frozenset(),
}
"""The columns of a person's line that the correction of each kind of record may change."""
ROOTS = frozenset({"is_vertical"})
"""Columns of a unit's line that follow from nothing else in it."""
NAMES = frozenset({"person_name", "unit_name"})
"""Columns that tell how somebody or a unit is called, who are known by their keys; a roster alone changes them, and each import is on record."""


@dataclass(frozen=True)
class Deviation:
    """One line that would be frozen otherwise than it was published. `unexplained`: the columns that no granted appeal explains; a name
    that was corrected, of the same number or code, needs none. `names_alone`: nothing differs but how somebody or something is called."""

    difference: lines.Difference
    unexplained: tuple[str, ...]
    names_alone: bool = False


def between(published: Calculation, outcome: calculation.Outcome) -> list[Deviation]:
    """Every line that differs, units first. Seven queries at most for any number of lines; two where nothing differs."""
    differing = lines.differences(lines.of(published), lines.of_rows(outcome.people, outcome.units))
    return _Explained(published, outcome, differing).deviations() if differing else []


def uncounted(published: Calculation, outcome: calculation.Outcome, *, at: datetime) -> list[Appeal]:
    """The granted appeals whose record was changed back, or whose points are of an item that counts nothing: what two officers granted
    would not be frozen.

    Four queries, and at most eight for each kind of record and for each appeal of a unit; none more for more people.
    """
    related = (
        "period__county",
        "period__version",
        "calculation__period__county",
        "calculation__period__version",
        "calculation__version",
        "unit",
    )
    granted = Appeal.objects.granted_beside(published).select_related(*related).prefetch_related("decisions").order_by("pk")
    unmade = corrections.unmade([(one, record) for one in granted if (record := one.decided[0].record)], at=at)
    return unmade + _void(published, outcome)


def _void(published: Calculation, outcome: calculation.Outcome) -> list[Appeal]:
    """Those whose points count nothing, since nothing is left by which their item is measured. Once that is published, it stands."""
    pointed = list(PointCorrection.objects.standing().filter(period=published.period_id))
    was, counts = (_counting(units) for units in (published.units.filter(unit__in={one.unit_id for one in pointed}), outcome.units))
    lost = [
        one.pk
        for one in pointed
        if (one.unit_id, one.item_key) not in counts and ((one.unit_id, one.item_key) in was or one.at >= published.at)
    ]
    found = Appeal.objects.filter(decisions__correction__in=lost) if lost else Appeal.objects.none()
    return list(found.prefetch_related("decisions").order_by("pk"))


def _counting(units: Iterable[UnitLine]) -> set[tuple[int, str]]:
    return {(line.unit_id, item["key"]) for line in units for item in line.items if not item["void"]}


class _Explained:
    def __init__(self, published: Calculation, outcome: calculation.Outcome, differing: Sequence[lines.Difference]) -> None:
        self.differing = differing
        self.reported = {figure.name for figure in figures.REPORTED}
        spec = read(published.version.spec)
        self.reported |= {one.key for one in (*spec.bonus, *spec.deduct)}
        self.organs: dict[str, set[str]] = defaultdict(set)
        codes = {line.unit_id: line.unit_code for line in outcome.units}
        held: dict[str, dict] = {}
        was_in: dict[str, int] = {}
        of_people = published.people.order_by().values_list("employee_number", "organ", "organ__code", "held_in")
        for number, organ_id, code, held_in in of_people:
            self.organs[f"P:{number}"].update({code}, (codes.get(int(organ), "") for organ in held_in))
            held[f"P:{number}"], was_in[f"P:{number}"] = held_in, organ_id
        self.moved: set[str] = set()
        """Whom another organ counts than was published: by the code of their section alone they did not move, where it was given another parent."""
        self.held_elsewhere: set[str] = set()
        """Whose duties lie in other organs than they were published: no column of their own line says so."""
        for line in outcome.people:
            key = f"P:{line.employee_number}"
            self.organs[key].update(codes.get(organ, "") for organ in (line.organ_id, *map(int, line.held_in)))
            if held.get(key) != line.held_in:
                self.held_elsewhere.add(key)
            if was_in.get(key) != line.organ_id:
                self.moved.add(key)
        self.of_person: dict[str, set[str]] = defaultdict(set)
        self.of_unit: dict[str, set[str]] = defaultdict(set)
        self.figures: dict[str, set[str]] = defaultdict(set)
        self.pointed: set[str] = set()
        granted = Appeal.objects.granted_beside(published).select_related("person", "unit").prefetch_related("decisions")
        for appeal in granted:
            record = appeal.decided[0].record
            if not record:
                self.pointed.add(appeal.unit.code)
            elif appeal.person is not None:
                self.of_person[f"P:{appeal.person.employee_number}"].add(record)
            else:
                self.of_unit[appeal.unit.code].add(record)
                if record == Record.FIGURE:
                    self.figures[appeal.unit.code] |= reports.appealed(spec, appeal.item_key)

    def deviations(self) -> list[Deviation]:
        people = [self._person(one) for one in self.differing if one.key.startswith("P:")]
        touched, posted = set(self.pointed), set[str]()
        for one in people:
            key, columns = one.difference.key, {name for name, _old, _new in one.difference.changes}
            if columns - self._names_in(one.difference) - set(one.unexplained):
                touched |= self.organs[key]
                if Record.POSTING in self._records(key):
                    posted |= self.organs[key]
        for key in self.held_elsewhere:
            if self._vouched(key) >= OF_DUTIES:
                touched |= self.organs[key]
        units = [self._unit(one, touched, posted) for one in self.differing if one.key.startswith("U:")]
        if any(self._moves_ranks(one) for one in units):
            units = [replace(one, unexplained=tuple(name for name in one.unexplained if name != "rank")) for one in units]
        return [*units, *people]

    def _names_in(self, one: lines.Difference) -> frozenset[str]:
        """The columns of names that were corrected: of one line, and of one unit in it, which is another where another organ counts them."""
        if one.state != "changed":
            return frozenset()
        elsewhere = one.key in self.moved or any(name == "unit_code" for name, _old, _new in one.changes)
        return NAMES - {"unit_name"} if elsewhere else NAMES

    def _deviation(self, one: lines.Difference, unexplained: Iterable[str]) -> Deviation:
        return Deviation(one, tuple(unexplained), {name for name, _old, _new in one.changes} <= self._names_in(one))

    def _records(self, key: str) -> set[str]:
        """The records that granted appeals corrected of a person: in their own, or in one of a unit where they are counted or hold a duty."""
        return self.of_person[key].union(*(self.of_unit[code] for code in self.organs[key]))

    def _vouched(self, key: str) -> frozenset[str]:
        return frozenset().union(*(VOUCHED[record] for record in self._records(key)))

    def _person(self, one: lines.Difference) -> Deviation:
        records, vouched = self._records(one.key), self._vouched(one.key)
        if one.state != "changed":  # somebody who was left off the roster, or was never to be on it
            return self._deviation(one, () if Record.POSTING in records else (name for name, _old, _new in one.changes))
        return self._deviation(one, (name for name, _old, _new in one.changes if name not in vouched | self._names_in(one)))

    def _unit(self, one: lines.Difference, touched: set[str], posted: set[str]) -> Deviation:
        code = one.key[2:]
        vouched = self.figures[code]
        names = [name for name, _old, _new in one.changes]
        follows = code in touched or any(name.partition(":")[2] in vouched for name in names if name.startswith("figures:"))

        def is_explained(name: str, old: object, new: object) -> bool:
            figure = name.partition(":")[2] if name.startswith("figures:") else ""
            comes_or_goes = one.state != "changed" and code in posted
            if figure in self.reported:
                return figure in vouched or (comes_or_goes and {old, new} == {None, "0"})
            if comes_or_goes:
                return True
            if name in self._names_in(one):
                return True
            return follows and name not in ROOTS and name != "rank" and one.state == "changed"

        return self._deviation(one, (name for name, old, new in one.changes if not is_explained(name, old, new)))

    @staticmethod
    def _moves_ranks(one: Deviation) -> bool:
        return any(name == "total" and name not in one.unexplained for name, _old, _new in one.difference.changes)


__all__ = ["VOUCHED", "Deviation", "between", "uncounted"]
