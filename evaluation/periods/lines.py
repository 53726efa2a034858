"""The lines of a calculation by the key that everybody calls them by, and how two calculations differ."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from django.core.cache import caches
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from evaluation.indicators.roster import Reason
from evaluation.models import Calculation, PersonLine, Seal, UnitLine
from people.models import Duty

OF_PEOPLE = (
    "person_name",
    "unit_code",
    "unit_name",
    "post_title",
    "duties",
    "counted",
    "reason",
    "required",
    "done",
    "tests",
    "passed",
    "hours",
    "target",
)
PLACES = "held_in"
"""The column that tells where a person's duties count, as `PersonLine.places`: no part of a calculation's digest, which has the keys of the units."""
OF_UNITS = ("unit_name", "is_vertical", "figures", "items", "bonus", "deduction", "total", "band", "rank")


@dataclass(frozen=True)
class Line:
    """One line: whom or what it is about, and its columns."""

    key: str
    name: str
    columns: Mapping[str, object]


@dataclass(frozen=True)
class Difference:
    """One key whose line is another one: the columns that differ, as (column, before, after). All of them where it came or went, none
    where it is "again" what it was: only a list between told it otherwise."""

    key: str
    name: str
    changes: list[tuple[str, object, object]]
    state: str  # "changed" | "added" | "gone" | "again"


def of(calculation: Calculation) -> dict[str, Line]:
    """Every line by key, without `PLACES`: `U:<unit code>` first, then `P:<employee number>`, each in order. Two queries."""
    return {line.key: line for line in [*_units(calculation.units.all()), *_people(calculation.people.all())]}


def of_rows(people: Iterable[PersonLine], units: Iterable[UnitLine]) -> dict[str, Line]:
    """The same of lines that are at hand, saved or not. No query."""
    of_units = ([getattr(one, name) for name in ("unit_code", *OF_UNITS)] for one in sorted(units, key=lambda one: one.unit_code))
    of_people = (
        [getattr(one, name) for name in ("employee_number", *OF_PEOPLE)] for one in sorted(people, key=lambda one: one.employee_number)
    )
    return {line.key: line for line in [*_unit_rows(of_units), *_people_rows(of_people)]}


def of_key(calculation: Calculation, key: str) -> Line | None:
    """The line with a key, as a hand-over gives it. Three queries at most."""
    return of_keys(calculation, [key], places=tells_places(calculation)).get(key)


def of_keys(calculation: Calculation, keys: Collection[str], *, places: bool = True) -> dict[str, Line]:
    """The lines with these keys, by key; with `places` those of people have `PLACES`. A query for units, two for people at most."""
    units = calculation.units.filter(unit_code__in=[key[2:] for key in keys if key.startswith("U:")])
    numbers = [key[2:] for key in keys if key.startswith("P:")]
    people = calculation.people.filter(employee_number__in=numbers)
    of_people = _with_places(people, codes_of(calculation)) if places and numbers else _people(people)
    return {line.key: line for line in [*_units(units), *of_people]}


def codes_of(calculation: Calculation) -> dict[int, str]:
    """The codes of its units, by key. One query."""
    return dict(calculation.units.order_by().values_list("unit", "unit_code"))


def names(calculation: Calculation, keys: Collection[str] | None = None) -> dict[str, str]:
    """What is called by these keys, or by any. Two queries."""
    units, people = calculation.units.order_by(), calculation.people.order_by()
    if keys is not None:
        units = units.filter(unit_code__in=[key[2:] for key in keys if key.startswith("U:")])
        people = people.filter(employee_number__in=[key[2:] for key in keys if key.startswith("P:")])
    found = {f"U:{code}": name for code, name in units.values_list("unit_code", "unit_name")}
    return found | {f"P:{number}": name for number, name in people.values_list("employee_number", "person_name")}


def in_order(keys: Collection[str]) -> list[str]:
    """Units first, then people, each by code or number."""
    return sorted(keys, key=lambda key: (key[0] != "U", key))


def keys(calculation: Calculation) -> list[str]:
    """The keys alone, in order. Two queries."""
    units = calculation.units.order_by("unit_code").values_list("unit_code", flat=True)
    people = calculation.people.order_by("employee_number").values_list("employee_number", flat=True)
    return [*(f"U:{code}" for code in units), *(f"P:{number}" for number in people)]


def _units(found: QuerySet) -> Iterator[Line]:
    return _unit_rows(found.order_by("unit_code").values_list("unit_code", *OF_UNITS))


def _unit_rows(rows: Iterable[Sequence]) -> Iterator[Line]:
    for code, *values in rows:
        columns = dict(zip(OF_UNITS, values, strict=True))
        figures, items = columns.pop("figures"), columns.pop("items")
        columns |= {f"figures:{name}": value for name, value in figures.items()}
        columns |= {f"items:{item['key']}": None if item["void"] else item["points"] for item in items}
        yield Line(f"U:{code}", values[0], columns)


def _people(found: QuerySet) -> Iterator[Line]:
    return _people_rows(found.order_by("employee_number").values_list("employee_number", *OF_PEOPLE))


def _people_rows(rows: Iterable[Sequence]) -> Iterator[Line]:
    for number, *values in rows:
        yield Line(f"P:{number}", values[0], dict(zip(OF_PEOPLE, values, strict=True)))


def _with_places(found: QuerySet[PersonLine], codes: Mapping[int, str]) -> Iterator[Line]:
    for one in found.order_by("employee_number"):
        columns = {name: getattr(one, name) for name in OF_PEOPLE} | {PLACES: one.places(codes)}
        yield Line(f"P:{one.employee_number}", one.person_name, columns)


def differences(before: Mapping[str, Line], after: Mapping[str, Line]) -> list[Difference]:
    """The keys whose lines are not the same, in order."""
    found = []
    for key in in_order(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        was, now = old.columns if old else {}, new.columns if new else {}
        changes = [(name, was.get(name), now.get(name)) for name in {**was, **now} if was.get(name) != now.get(name)]
        state = "changed" if old and new else "added" if new else "gone"
        found.append(Difference(key, (new or old).name, changes, state))  # type: ignore[union-attr]
    return found


def differing(before: Calculation, after: Calculation) -> list[str]:
    """The keys whose lines are not the same, in order. Lines never change: what two calculations differ in is found once by a process.

    Where duties count is compared only where both tell it. Fourteen queries, two more for each unit with another code, none once it is known.
    """

    def people(*columns: str) -> set[str]:
        was, now = (one.people.order_by().values_list("employee_number", *columns) for one in (before, after))
        return {f"P:{row[0]}" for some in (was.difference(now), now.difference(was)) for row in some}

    def held_in_recoded() -> set[str]:
        """Who holds a duty in a unit whose code is another now, or that has a line in one of the two alone."""
        was, now = codes_of(before), codes_of(after)
        found: set[str] = set()
        for unit in was.keys() | now.keys():
            if was.get(unit) != now.get(unit):
                for one in (before, after):
                    holders = one.people.filter(Q(organ=unit) | Q(held_in__has_key=str(unit)))
                    found.update(f"P:{number}" for number in holders.values_list("employee_number", flat=True))
        return found

    def compared() -> list[str]:
        units = {one.key for one in differences(*({line.key: line for line in _units(one.units.all())} for one in (before, after)))}
        found = people(*OF_PEOPLE)
        if all(tells_places(one) for one in (before, after) if one.purpose == Calculation.Purpose.SUPPLEMENT):
            held_anew = (people("organ", "held_in") | held_in_recoded()) - found
            found |= {one.key for one in differences(*(of_keys(one, held_anew) for one in (before, after)))}
        return in_order(units | found)

    return _found_once(f"differing:{_named(before)}:{_named(after)}", compared)


def _found_once(name: str, find: Callable[[], list[str]]) -> list[str]:
    """What follows from lines alone, which never change."""
    return caches["local"].get_or_set(f"evaluation.lines.{name}", find, None)  # type: ignore[return-value]


def _named(calculation: Calculation) -> str:
    return f"{calculation.pk}.{calculation.digest[:16]}"


def keys_of(calculation: Calculation) -> set[str]:
    """The keys of the rows that a hand-over of a calculation holds: all of a frozen one; of a list those that differ from the
    frozen rows, or from an earlier list that was handed over. No query once they are known: only the newest list is handed over,
    so that nothing comes to those before one."""
    return set(_found_once(f"keys:{_named(calculation)}", partial(_handed, calculation)))


def _handed(calculation: Calculation) -> list[str]:
    if calculation.purpose == Calculation.Purpose.FREEZE:
        return keys(calculation)
    earlier = (key for one in _handed_before(calculation) for key in differing(one, calculation))
    return in_order({*differing_of(calculation), *earlier})


def tells_places(calculation: Calculation) -> bool:
    """Whether a list compares `PLACES`, and its rows have it: not what was sealed in a format of before. One query."""
    seal = Seal.objects.filter(calculation=calculation).first()
    return (seal.format if seal else Seal.FORMAT) not in (Seal.FIRST_FORMAT, Seal.SECOND_FORMAT, Seal.THIRD_FORMAT)


def how_many(calculation: Calculation) -> int:
    """How many rows a hand-over of a calculation holds. Two queries of a frozen one, else as `keys_of`."""
    if calculation.purpose == Calculation.Purpose.FREEZE:
        return calculation.units.count() + calculation.people.count()
    return len(keys_of(calculation))


def differing_of(supplement: Calculation) -> list[str]:
    """The keys by which a supplementary list differs from the frozen rows that it follows, in order."""
    return differing(frozen_before(supplement), supplement)


def differences_of(supplement: Calculation, keys: Collection[str] | None = None) -> list[Difference]:
    """How a supplementary list differs from the frozen rows that it follows, in the order of the keys: in all of them, or in these."""
    frozen, places = frozen_before(supplement), tells_places(supplement)
    keys = differing(frozen, supplement) if keys is None else keys
    return differences(of_keys(frozen, keys, places=places), of_keys(supplement, keys, places=places))


def handed_rows(supplement: Calculation, keys: Collection[str]) -> list[Difference]:
    """The rows of a supplementary list with these of its `keys_of`, in the order of the keys: how they differ from the frozen ones; those
    that are as frozen again, and only an earlier list told otherwise, with no column."""
    found = {one.key: one for one in differences_of(supplement, keys)}
    back = [key for key in keys if key not in found]
    called = names(supplement, back) if back else {}
    unknown = [key for key in back if key not in called]
    called |= names_before(supplement, unknown) if unknown else {}
    return [found.get(key) or Difference(key, called.get(key, ""), [], "again") for key in keys]


def told_before(supplement: Calculation, keys: Collection[str]) -> dict[str, dict[str, None]]:
    """By key the columns, in their order, that lists which were handed over before told otherwise than they were frozen."""
    frozen, found = of_keys(frozen_before(supplement), keys), {}  # type: tuple[dict[str, Line], dict[str, dict[str, None]]]
    for one in _handed_before(supplement):
        untold = () if tells_places(one) else (PLACES,)
        for difference in differences(frozen, of_keys(one, keys)):
            names = (name for name, _old, _new in difference.changes if name not in untold)
            found.setdefault(difference.key, {}).update(dict.fromkeys(names))
    return found


def names_before(supplement: Calculation, keys: Collection[str]) -> dict[str, str]:
    """What lists that were handed over before called the lines with these keys."""
    return {key: name for one in _handed_before(supplement) for key, name in names(one, keys).items()}


def frozen_before(supplement: Calculation) -> Calculation:
    """The frozen calculation that a supplementary list follows. One query."""
    earlier = Calculation.objects.filter(period=supplement.period_id, purpose=Calculation.Purpose.FREEZE, number__lt=supplement.number)
    return earlier.order_by("number").last()  # type: ignore[return-value]


def _handed_before(supplement: Calculation) -> list[Calculation]:
    frozen = frozen_before(supplement)
    lists = Calculation.objects.filter(period=supplement.period_id, number__gt=frozen.number, number__lt=supplement.number)
    return list(lists.filter(purpose=Calculation.Purpose.SUPPLEMENT, hand_overs__isnull=False).distinct())


def title_of(column: str) -> str:
    """A column in words; figures and items by their own names."""
    kind, _sep, name = column.partition(":")
    if name:
        return name if kind == "figures" else _("Points of %(item)s") % {"item": name}
    return {
        "person_name": _("Name"),
        "unit_code": _("Unit code"),
        "unit_name": _("Unit"),
        "post_title": _("Post"),
        "duties": _("Duties"),
        "held_in": _("Where the duties count"),
        "counted": _("Counted"),
        "reason": _("Why"),
        "required": _("Required courses"),
        "done": _("Of these completed"),
        "tests": _("Tests to sit"),
        "passed": _("Of these passed"),
        "hours": _("Hours"),
        "target": _("Hours target"),
        "is_vertical": _("vertical"),
        "bonus": _("Bonus"),
        "deduction": _("Deduction"),
        "total": _("Points in all"),
        "band": _("Band"),
        "rank": _("Rank in the county"),
    }[column]


def shown(column: str, value: object) -> str:
    """A value of a column in words."""
    if column == "reason" and value in Reason.values:
        return str(Reason(value).label)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        return "、".join(f"{code}（{shown('duties', duties)}）" for code, duties in value.items()) or "—"
    if isinstance(value, list):
        return "、".join(str(Duty(one).label) if one in Duty.values else str(one) for one in value) or "—"
    return "—" if value in (None, "") else str(value)
