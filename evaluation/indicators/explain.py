"""Why a unit's line says what it says: each item, its formula in words, each figure, and the people behind a counted one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.utils.translation import gettext as _

from core.figures import figure as written
from courses.models import Course
from evaluation.indicators import calculation, figures, roster, scoring
from evaluation.indicators.figures import FIGURES, Figure
from evaluation.indicators.spec import Extra, Item, Spec, read
from evaluation.models import PersonLine, PointCorrection, UnitFigure, UnitLine
from people.models import Duty


@dataclass(frozen=True)
class ItemExplained:
    """One item: the formula, the same with the unit's figures in it, what it came to, and the corrections that count.

    `words` say how the formula's points became those of the line, where they are not simply the same.
    """

    item: Item
    points: Decimal
    full: Decimal
    void: bool
    with_figures: str
    figures: list[tuple[Figure, str]]
    corrections: list[PointCorrection]
    words: str


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
    corrections = PointCorrection.objects.counting_at(line.calculation.at).filter(period=line.calculation.period_id, unit=line.unit_id)
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
            words=_way_to_points(item, line, found[item.key], granted.get(item.key, [])),
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


def _way_to_points(item: Item, line: UnitLine, came_to: dict, granted: Iterable[PointCorrection]) -> str:
    """Between what the formula gives and what the line says: the points of void items, and rounding."""
    own = scoring.own_points(
        item, {name: Decimal(line.figures[name]) for name in item.read.names}, sum((one.points for one in granted), Decimal(0))
    )
    points, full = Decimal(came_to["points"]), Decimal(came_to["full"])
    if own is None:
        return ""
    given = f"{own.quantize(Decimal('0.0001'), ROUND_HALF_UP).normalize():f}"
    if full != item.points:
        return _("%(own)s of %(worth)s points; with what void items gave away in proportion %(points)s of %(full)s.") % {
            "own": given,
            "worth": written(item.points),
            "points": points,
            "full": full,
        }
    if points != own.quantize(scoring.CENT, ROUND_HALF_UP):
        return _("%(own)s points, rounded to %(points)s: hundredths are shared out so that the items come to their sum.") % {
            "own": given,
            "points": points,
        }
    return ""


@dataclass(frozen=True)
class Asked:
    """What was asked of the holders of a duty, named in words: the courses, in the order of their codes."""

    duty: str
    courses: list[Course]


def asked_for(line: UnitLine) -> list[Asked]:
    """The required courses by which a line was calculated, by duty; empty where they were not noted yet. Two queries."""
    asked = (calculation.noted(line.calculation.period_id, until=line.calculation.at) or {"courses": {}})["courses"]
    wanted = set().union(*asked.values())
    courses = list(Course.objects.filter(pk__in=wanted).select_related("current").order_by("code"))
    return [
        Asked(str(Duty(duty).label), [course for course in courses if course.pk in asked[duty]]) for duty in Duty.values if duty in asked
    ]


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


def behind(figure: Figure, lines: Iterable[PersonLine], spec: Spec, *, organ: int) -> list[Behind]:
    """The people behind one counted figure of an organ, given by its key (`PersonLine.objects.behind`), who counts first."""
    months = {"months_joined": spec.rules.months_joined, "months_away": spec.rules.months_away}
    found = [Behind(line, line.counted and bool(figure.of_organ(line, organ)), _why(figure, line, organ, months)) for line in lines]
    return sorted(found, key=lambda one: (not one.counts, one.line.employee_number))


def _why(figure: Figure, line: PersonLine, organ: int, months: dict[str, int]) -> str:
    placed = roster.words(line.reason, **months)
    if not line.counted:
        return placed
    missing = figure
    while missing.among and not figures.FIGURES[missing.among].of_organ(line, organ):
        missing = figures.FIGURES[missing.among]
    if figure.duty in line.duties and figure.duty not in line.duties_in(organ):
        return _("Holds this duty in another unit, and counts there by it.")
    if missing is not figure:
        return _("Is not among “%(figure)s”.") % {"figure": missing.name}
    if figure.name in ("在册人数",) or figure.of_organ(line, organ):
        return placed if line.organ_id == organ else _("Holds this duty here beside another posting, and counts there in the roster.")
    return _("Does not meet “%(figure)s”.") % {"figure": figure.name}


def words_of(item: Item) -> list[tuple[Figure, str]]:
    """Each figure of an item's formula with its definition."""
    return [(FIGURES[name], str(FIGURES[name].words)) for name in _in_order(item)]
