"""What another version would change, unit by unit. Nothing is written."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core import clock
from evaluation.indicators import calculation
from evaluation.indicators.spec import read
from evaluation.models import IndicatorVersion, Period, UnitLine
from people.models import Unit


@dataclass(frozen=True)
class Change:
    """One unit by the old and by the new version; one that has no line for it is told by an empty one. `difference` None: one of them gives no total."""

    old: UnitLine
    new: UnitLine

    @property
    def difference(self) -> Decimal | None:
        return None if self.old.total is None or self.new.total is None else self.new.total - self.old.total

    @property
    def differs(self) -> bool:
        return (self.old.total, self.old.band, self.old.rank) != (self.new.total, self.new.band, self.new.rank)


def compare(*, period: Period, old: IndicatorVersion, new: IndicatorVersion, at: datetime) -> list[Change]:
    """Every unit that a period has by one of two versions, by code. Queries of one calculation, and one more where their rules of the roster differ."""
    before, after = (
        {line.unit_id: line for line in outcome.units} for outcome in calculation.calculate_by(period=period, versions=[old, new], at=at)
    )
    changes = [Change(before.get(pk) or _nothing(after[pk]), after.get(pk) or _nothing(before[pk])) for pk in before.keys() | after.keys()]
    return sorted(changes, key=lambda one: one.new.unit_code)


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
