"""What a unit's figures come to by a version of an indicator. Pure: no database, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from evaluation.indicators.formula import Void
from evaluation.indicators.spec import Extra, Item, Spec

CENT = Decimal("0.01")
NOTHING = Decimal(0)
_FINE = Decimal("1e-12")  # a third times three is one: what division leaves behind is cut off before points are rounded


@dataclass(frozen=True)
class Scored:
    """One item in one unit. `own` is by the version alone; `points` and `full` after void items gave theirs away."""

    item: Item
    own: Decimal
    points: Decimal
    full: Decimal
    void: bool
    correction: Decimal


@dataclass(frozen=True)
class Result:
    """A unit's result. `total` None: every item was void, nothing can be said."""

    items: list[Scored]
    bonus: Decimal
    deduction: Decimal
    total: Decimal | None
    band: str


def score(spec: Spec, figures: Mapping[str, Decimal], corrections: Mapping[str, Decimal] | None = None) -> Result:
    """Points by item, bonus, deduction, total and band.

    An item's points lie between 0 and what it is worth, with its correction in. A void item is worth nothing and takes no
    correction; the others are worth more in proportion. Points are rounded half up to hundredths so that the items come
    to what they are together. The total is never below 0.
    """
    corrections = corrections or {}
    own = {item.key: own_points(item, figures, corrections.get(item.key, NOTHING)) for item in spec.items}
    live = sum((item.points for item in spec.items if own[item.key] is not None), NOTHING)
    factor = spec.full / live if live else NOTHING
    exact = {key: _cut(value * factor) if value is not None else NOTHING for key, value in own.items()}
    fulls = {item.key: _cut(item.points * factor) if own[item.key] is not None else NOTHING for item in spec.items}
    points, full = _rounded(exact), _rounded(fulls)
    items = [
        Scored(
            item,
            _hundredths(own[item.key] or NOTHING),
            points[item.key],
            full[item.key],
            own[item.key] is None,
            corrections.get(item.key, NOTHING),
        )
        for item in spec.items
    ]
    bonus, deduction = (_hundredths(sum((_extra(one, figures) for one in part), NOTHING)) for part in (spec.bonus, spec.deduct))
    if not live:
        return Result(items, bonus, deduction, None, "")
    total = _hundredths(max(NOTHING, sum(points.values(), NOTHING) + bonus - deduction))
    return Result(items, bonus, deduction, total, spec.band_of(total))


def own_points(item: Item, figures: Mapping[str, Decimal], correction: Decimal) -> Decimal | None:
    """The points that the formula gives, within 0 and the item's own; None where it is void."""
    try:
        value = item.read.value(figures)
    except Void:
        return None
    value = _cut(min(max(value, NOTHING), item.points))  # within its bounds first: what is far beyond them cannot be cut
    return min(max(value + correction, NOTHING), item.points)


def _extra(one: Extra, figures: Mapping[str, Decimal]) -> Decimal:
    return _hundredths(min(one.max, max(NOTHING, figures.get(one.key, NOTHING)) * one.each))


def _cut(value: Decimal) -> Decimal:
    return value.quantize(_FINE, ROUND_HALF_UP)


def _hundredths(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


def _rounded(values: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Each in hundredths, so that together they are the rounded sum: the largest remainders are rounded up, by key where equal."""
    found = {key: value.quantize(CENT, ROUND_DOWN) for key, value in values.items()}
    left = int((_hundredths(_fine_sum(values)) - sum(found.values(), NOTHING)) / CENT)
    for key in sorted(values, key=lambda key: (found[key] - values[key], key))[:left]:
        found[key] += CENT
    return found


def _fine_sum(values: Mapping[str, Decimal]) -> Decimal:
    """The sum, without what cutting each of them left: ten tenths of a third are a third."""
    return sum(values.values(), NOTHING).quantize(Decimal("1e-9"), ROUND_HALF_UP)


def rank(totals: Mapping[int, Decimal]) -> dict[int, int]:
    """The place of each unit; equal totals share one, and the next is left out."""
    falling = sorted(totals.values(), reverse=True)
    place: dict[Decimal, int] = {}
    for position, total in enumerate(falling, 1):
        place.setdefault(total, position)
    return {unit: place[total] for unit, total in totals.items()}
