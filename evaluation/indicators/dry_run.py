"""What another version would change, unit by unit. Nothing is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain

from django.utils.translation import gettext as _

from core import clock
from core.figures import figure
from evaluation.indicators import calculation
from evaluation.indicators.formula import Void
from evaluation.indicators.scoring import own_points
from evaluation.indicators.spec import Item, Spec, read
from evaluation.models import IndicatorVersion, Period, Reminder, UnitLine
from people.models import Duty, Unit


@dataclass(frozen=True)
class Change:
    """One unit by the old and by the new version; one that has no line for it is told by an empty one. `difference` None: one of them gives no total.

    `was_below` and `is_below`: below the mark from which on people answer for the result.
    """

    old: UnitLine
    new: UnitLine
    was_below: bool
    is_below: bool

    @property
    def difference(self) -> Decimal | None:
        return None if self.old.total is None or self.new.total is None else self.new.total - self.old.total

    @property
    def differs(self) -> bool:
        return (self.old.total, self.old.band, self.old.rank, self.was_below) != (
            self.new.total,
            self.new.band,
            self.new.rank,
            self.is_below,
        )


def compare(*, period: Period, old: IndicatorVersion, new: IndicatorVersion, at: datetime) -> list[Change]:
    """Every unit that a period has by one of two versions, by code. Queries of one calculation, and one more where their rules of the roster differ."""
    before, after = (
        {line.unit_id: line for line in outcome.units} for outcome in calculation.calculate_by(period=period, versions=[old, new], at=at)
    )
    mark, new_mark = read(old.spec).mark, read(new.spec).mark
    changes = []
    for pk in before.keys() | after.keys():
        was, now = before.get(pk) or _nothing(after[pk]), after.get(pk) or _nothing(before[pk])
        changes.append(Change(was, now, _lies_below(was, mark), _lies_below(now, new_mark)))
    return sorted(changes, key=lambda one: one.new.unit_code)


def _lies_below(line: UnitLine, mark: Decimal) -> bool:
    return line.total is not None and line.total < mark


def other_rules(old: Spec, new: Spec) -> list[tuple[str, list[str], list[str]]]:
    """What differs between two versions beside the points: its name, and the sentences of the old and of the new one."""
    parts = [
        (_("Responsibility"), _responsibility(old), _responsibility(new)),
        (_("Days"), _days(old), _days(new)),
        (_("Whom it counts"), _counted(old), _counted(new)),
    ]
    return [(name, was, now) for name, was, now in parts if was != now]


def _responsibility(spec: Spec) -> list[str]:
    if not spec.mark:
        return [_("Nobody is reminded.")]
    rungs = [
        _("%(level)s: %(duties)s; %(action)s")
        % {
            "level": Reminder.Level(rung.level).label,
            "duties": _(", ").join(str(Duty(duty).label) for duty in rung.duties),
            "action": rung.action,
        }
        for rung in spec.chain
    ]
    return [_("Below %(mark)s points") % {"mark": figure(spec.mark)}, *rungs]


def _days(spec: Spec) -> list[str]:
    days = spec.period
    return [
        _("Opened on %(open)s, cut off on %(cutoff)s, frozen on %(freeze)s of the next year")
        % {"open": days.open, "cutoff": days.cutoff, "freeze": days.freeze},
        _("Publicity %(publicity)d, appeals %(appeals)d working days") % {"publicity": days.publicity_days, "appeals": days.appeal_days},
    ]


def _counted(spec: Spec) -> list[str]:
    rules = spec.rules
    return [
        _("Joined %(joined)d months before the cut-off at the latest; away for fewer than %(away)d months without a break")
        % {"joined": rules.months_joined, "away": rules.months_away}
    ]


def remarks(spec: Spec, units: Iterable[UnitLine]) -> list[str]:
    """What is odd about a version that may be used all the same, in sentences: items that tell no unit from another, count nowhere or
    leave their bounds with what is known of these units, and bands that no total can reach. No query."""
    lines = [(line.unit_name, {name: Decimal(value) for name, value in line.figures.items()}) for line in units if line.figures]
    return [*chain.from_iterable(_of_item(item, lines) for item in spec.items), *_of_bands(spec)]


def _of_item(item: Item, lines: list[tuple[str, dict[str, Decimal]]]) -> list[str]:
    values = [(value, unit) for unit, figures in lines if (value := _value(item, figures)) is not None]
    said = {"item": f"{item.key} {item.name}", "points": figure(item.points), "all": len(lines)}
    if lines and not values:
        return [_("“%(item)s” divides by nothing in every unit: it counts nowhere, and its points go to the other items.") % said]
    found = []
    counted = {min(max(value, Decimal(0)), item.points) for value, _unit in values}
    if not item.read.names:
        found.append(_("The formula of “%(item)s” names no figure: it gives every unit the same, whatever it does.") % said)
    elif len(counted) == 1 and len(values) > 1:
        found.append(_("“%(item)s” gives every unit %(value)s points by what is known now.") % (said | {"value": figure(*counted)}))
    if above := [one for one in values if one[0] > item.points]:
        words = _("“%(item)s” comes to more than its %(points)s points in %(count)d of %(all)d units, in %(unit)s to %(value)s: it is cut.")
        found.append(words % (said | _furthest(above, max(above))))
    if below := [one for one in values if one[0] < 0]:
        words = _("“%(item)s” comes to less than 0 in %(count)d of %(all)d units, in %(unit)s to %(value)s: it counts as 0.")
        found.append(words % (said | _furthest(below, min(below))))
    return found


def _furthest(cases: list[tuple[Decimal, str]], one: tuple[Decimal, str]) -> dict[str, object]:
    return {"count": len(cases), "value": figure(one[0]), "unit": one[1]}


def _value(item: Item, figures: Mapping[str, Decimal]) -> Decimal | None:
    try:
        return item.read.value(figures)
    except Void:
        return None


def _of_bands(spec: Spec) -> list[str]:
    """Those that lie above all or below all that a unit can have, whatever its figures are."""
    fixed = {item.key: own_points(item, {}, Decimal(0)) or Decimal(0) for item in spec.items if not item.read.names}
    most = sum((fixed.get(item.key, item.points) for item in spec.items), spec.best - spec.full)
    least = max(Decimal(0), sum(fixed.values(), Decimal(0)) - sum((one.max for one in spec.deduct), Decimal(0)))
    words = _("No unit can come to the band “%(band)s”: by these formulas it has from %(least)s to %(most)s points.")
    ends = [most + 1, *(band.min for band in spec.bands)]
    return [
        words % {"band": band.name, "least": figure(least), "most": figure(most)}
        for band, end in zip(spec.bands, ends, strict=False)
        if band.min > most or end <= least
    ]


def _nothing(line: UnitLine) -> UnitLine:
    """The line of a unit that a version does not have, for want of people: no total, band and rank."""
    return UnitLine(unit_id=line.unit_id, unit_code=line.unit_code, unit_name=line.unit_name, is_vertical=line.is_vertical)


def frame_for(county: Unit, version: IndicatorVersion, *, at: datetime) -> Period:
    """The county's newest period, or where it has none yet this year by the dates that the version proposes (not saved)."""
    standing = Period.objects.not_cancelled().filter(county=county).select_related("county", "version").order_by("-year").first()
    if standing is not None:
        return standing
    year = clock.year_of(at)
    opens_on, cutoff_on, freeze_on = read(version.spec).period.of(year)
    return Period(county=county, year=year, version=version, opens_on=opens_on, cutoff_on=cutoff_on, freeze_on=freeze_on)
