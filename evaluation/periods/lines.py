"""The lines of a calculation by the key that everybody calls them by, and how two calculations differ."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evaluation.models import Calculation, PersonLine, UnitLine

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
OF_UNITS = ("unit_name", "is_vertical", "figures", "items", "bonus", "deduction", "total", "band", "rank")


@dataclass(frozen=True)
class Line:
    """One line: whom or what it is about, and its columns."""

    key: str
    name: str
    columns: Mapping[str, object]


@dataclass(frozen=True)
class Difference:
    """One key whose line is another one: the columns that differ, as (column, before, after). All of them where it came or went."""

    key: str
    name: str
    changes: list[tuple[str, object, object]]
    state: str  # "changed" | "added" | "gone"


def of(calculation: Calculation) -> dict[str, Line]:
    """Every line by key: `U:<unit code>` first, then `P:<employee number>`, each in order. Two queries."""
    found = {}
    for code, *values in UnitLine.objects.filter(calculation=calculation).order_by("unit_code").values_list("unit_code", *OF_UNITS):
        found[f"U:{code}"] = Line(f"U:{code}", values[0], dict(zip(OF_UNITS, values, strict=True)))
    people = PersonLine.objects.filter(calculation=calculation).order_by("employee_number")
    for number, *values in people.values_list("employee_number", *OF_PEOPLE):
        found[f"P:{number}"] = Line(f"P:{number}", values[0], dict(zip(OF_PEOPLE, values, strict=True)))
    return found


def differences(before: Mapping[str, Line], after: Mapping[str, Line]) -> list[Difference]:
    """The keys whose lines are not the same, in order."""
    found = []
    for key in sorted(before.keys() | after.keys(), key=lambda one: (one[0] != "U", one)):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        names = (new or old).columns  # type: ignore[union-attr]
        changes = [
            (name, old.columns[name] if old else None, new.columns[name] if new else None)
            for name in names
            if old is None or new is None or old.columns[name] != new.columns[name]
        ]
        state = "changed" if old and new else "added" if new else "gone"
        found.append(Difference(key, (new or old).name, changes, state))  # type: ignore[union-attr]
    return found


def title_of(column: str) -> str:
    """A column in words."""
    return {
        "person_name": _("Name"),
        "unit_code": _("Unit code"),
        "unit_name": _("Unit"),
        "post_title": _("Post"),
        "duties": _("Duties"),
        "counted": _("Counted"),
        "reason": _("Why"),
        "required": _("Required courses"),
        "done": _("Of these completed"),
        "tests": _("Tests to sit"),
        "passed": _("Of these passed"),
        "hours": _("Hours"),
        "target": _("Hours target"),
        "is_vertical": _("vertical"),
        "figures": _("Figures"),
        "items": _("Items"),
        "bonus": _("Bonus"),
        "deduction": _("Deduction"),
        "total": _("Points"),
        "band": _("Band"),
        "rank": _("Rank"),
    }[column]
