"""Why a unit's line says what it says: each item, its formula in words, each figure, and the people behind a counted one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from evaluation.indicators import figures, roster
from evaluation.indicators.figures import FIGURES, Figure
from evaluation.indicators.spec import Extra, Item, Spec, read
from evaluation.models import PersonLine, PointCorrection, UnitFigure, UnitLine


@dataclass(frozen=True)
class ItemExplained:
    """One item: the formula, the same with the unit's figures in it, what it came to, and the corrections that count."""

    item: Item
    points: Decimal
    full: Decimal
    void: bool
    with_figures: str
    figures: list[tuple[Figure, str]]
    corrections: list[PointCorrection]


@dataclass(frozen=True)
class ExtraExplained:
    extra: Extra
    count: str
    report: UnitFigure | None


@dataclass(frozen=True)
class LineExplained:
    """A unit's line opened up. `reports` are the confirmed reports that stood when it was calculated, by name."""

    line: UnitLine
    spec: Spec
    items: list[ItemExplained]
    bonus: list[ExtraExplained]
    deduct: list[ExtraExplained]
    reports: dict[str, UnitFigure]
    words: str


def explain(line: UnitLine) -> LineExplained:
    """A line with all that made it, from rows of its calculation alone. Two queries, with calculation, period and version at hand."""
    spec = read(line.calculation.version.spec)
    given = UnitFigure.objects.confirmed().filter(
        period=line.calculation.period_id, unit=line.unit_id, confirmation__at__lte=line.calculation.at
    )
    reports = {one.name: one for one in given.select_related("by", "confirmation__by").order_by("pk")}
    granted: dict[str, list[PointCorrection]] = {}
    corrections = PointCorrection.objects.filter(period=line.calculation.period_id, unit=line.unit_id, at__lte=line.calculation.at)
    for one in corrections.select_related("by", "approved").order_by("pk"):
        granted.setdefault(one.item_key, []).append(one)
    found = {one["key"]: one for one in line.items}
    items = [
        ItemExplained(
            item=item,
            points=Decimal(found[item.key]["points"]),
            full=Decimal(found[item.key]["full"]),
            void=found[item.key]["void"],
            with_figures=_filled(item, line),
            figures=[(FIGURES[name], line.figures[name]) for name in _in_order(item)],
            corrections=granted.get(item.key, []),
        )
        for item in spec.items
    ]
    bonus, deduct = (
        [ExtraExplained(one, line.figures[one.key], reports.get(one.key)) for one in part] for part in (spec.bonus, spec.deduct)
    )
    return LineExplained(line, spec, items, bonus, deduct, reports, _sum_in_words(line, items))


def _in_order(item: Item) -> list[str]:
    """The figures of a formula in the order in which it names them."""
    return list(dict.fromkeys(name for name in re.findall(r"[^\W\d]\w*", item.formula) if name in item.read.names))


def _filled(item: Item, line: UnitLine) -> str:
    """The formula with the figures' values in their places."""
    return re.sub(r"[^\W\d]\w*", lambda match: line.figures.get(match[0], match[0]), item.formula)


def _sum_in_words(line: UnitLine, items: list[ItemExplained]) -> str:
    if line.total is None:
        return _("Every item divides by nothing in this unit: there is no total.")
    voids = [one.item.name for one in items if one.void]
    words = _("%(total)s points = %(items)s for the items + %(bonus)s bonus − %(deduction)s deducted.") % {
        "total": line.total,
        "items": sum((one.points for one in items), Decimal(0)),
        "bonus": line.bonus,
        "deduction": line.deduction,
    }
    if voids:
        words += " " + _("Nothing to divide by in %(items)s: their points went to the other items in proportion.") % {
            "items": _(", ").join(voids)
        }
    return words


@dataclass(frozen=True)
class Behind:
    """One person behind a figure: whether they count in it, and why."""

    line: PersonLine
    counts: bool
    why: str


def behind(figure: Figure, lines: Iterable[PersonLine], spec: Spec) -> list[Behind]:
    """The people of a unit with regard to one counted figure, who counts first."""
    months = {"months_joined": spec.rules.months_joined, "months_away": spec.rules.months_away}
    found = [Behind(line, line.counted and bool(figure.of(line)), _why(figure, line, months)) for line in lines]  # type: ignore[misc]
    return sorted(found, key=lambda one: (not one.counts, one.line.employee_number))


def _why(figure: Figure, line: PersonLine, months: dict[str, int]) -> str:
    placed = roster.words(line.reason, **months)
    if not line.counted:
        return placed
    missing = figure
    while missing.among and not figures.FIGURES[missing.among].of(line):  # type: ignore[misc]
        missing = figures.FIGURES[missing.among]
    if missing is not figure:
        return _("Is not among “%(figure)s”.") % {"figure": missing.name}
    if figure.name in ("在册人数",) or figure.of(line):  # type: ignore[misc]
        return placed
    return _("Does not meet “%(figure)s”.") % {"figure": figure.name}


def words_of(item: Item) -> list[tuple[Figure, str]]:
    """Each figure of an item's formula with its definition."""
    return [(FIGURES[name], str(FIGURES[name].words)) for name in _in_order(item)]
