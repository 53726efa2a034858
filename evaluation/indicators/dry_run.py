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
    """One unit by the old and by the new version. `difference` None: one of them gives no total."""

    old: UnitLine
    new: UnitLine

    @property
    def difference(self) -> Decimal | None:
        return None if self.old.total is None or self.new.total is None else self.new.total - self.old.total

    @property
    def differs(self) -> bool:
        return (self.old.total, self.old.band, self.old.rank) != (self.new.total, self.new.band, self.new.rank)


def compare(*, period: Period, old: IndicatorVersion, new: IndicatorVersion, at: datetime) -> list[Change]:
    """Every unit of a period by both versions, by code. Queries of two calculations."""
    asked = calculation.asked_of(period)
    before = {line.unit_id: line for line in calculation.calculate(period=period, version=old, at=at, asked=asked).units}
    after = calculation.calculate(period=period, version=new, at=at, asked=asked).units
    return [Change(before[line.unit_id], line) for line in after]


def frame_for(county: Unit, version: IndicatorVersion, *, at: datetime) -> Period:
    """The county's newest period, or where it has none yet this year by the dates that the version proposes (not saved)."""
    standing = Period.objects.not_cancelled().filter(county=county).select_related("county", "version").order_by("-year").first()
    if standing is not None:
        return standing
    year = clock.year_of(at)
    opens_on, cutoff_on, freeze_on = read(version.spec).period.of(year)
    return Period(county=county, year=year, version=version, opens_on=opens_on, cutoff_on=cutoff_on, freeze_on=freeze_on)
