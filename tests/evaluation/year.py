"""One year's evaluation of the cast's county, taken from step to step: what the tests of periods stand on."""

from datetime import UTC, datetime, timedelta

import pytest

from core.errors import Refused
from evaluation.indicators import versions
from evaluation.models import Period
from evaluation.periods import services
from tests.cast import NOON

DAY = timedelta(days=1)
# Noon in Shanghai of each day of the year 2026 that something is done on.
CLOSED = datetime(2026, 12, 21, 4, 0, tzinfo=UTC)  # Monday after the cut-off day; publicity until 28 December
APPEALS = datetime(2026, 12, 29, 4, 0, tzinfo=UTC)
AFTER_APPEALS = datetime(2027, 1, 8, 4, 0, tzinfo=UTC)


def refused(code, act, /, *args, **more) -> str:
    """The act is refused with this code; what was said of it."""
    with pytest.raises(Refused) as found:
        act(*args, **more)
    assert found.value.code == code
    return found.value.message


def opened(cast, **more) -> Period:
    return services.open_period(county=cast.county, year=2026, version=versions.ensure_default(at=NOON), by=cast.hr, at=NOON, **more)


def published(cast, period=None) -> Period:
    period = period or opened(cast)
    services.cut_off(period=period, by=cast.hr, at=CLOSED)
    services.publish(period=period, by=cast.hr, at=CLOSED)
    return Period.objects.get(pk=period.pk)


def in_appeals(cast, period=None) -> Period:
    period = published(cast, period)
    services.open_appeals(period=period, by=cast.hr, at=APPEALS)
    return Period.objects.get(pk=period.pk)


def frozen(cast, period=None) -> Period:
    period = in_appeals(cast, period)
    services.freeze(period=period, by=cast.hr, at=AFTER_APPEALS)
    return Period.objects.get(pk=period.pk)


__all__ = ["AFTER_APPEALS", "APPEALS", "CLOSED", "DAY", "NOON", "frozen", "in_appeals", "opened", "published"]
