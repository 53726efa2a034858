"""The server's clock and the county's calendar day."""

from datetime import date, datetime, time, timedelta

from django.utils import timezone


def now() -> datetime:
    """The present instant, with its zone. The only clock that the product reads."""
    return timezone.now()


def today(at: datetime | None = None) -> date:
    """The calendar day in the county's time zone."""
    return timezone.localtime(at or now()).date()


def local(at: datetime) -> datetime:
    """The instant in the county's time zone, for words."""
    return timezone.localtime(at)


def year_of(at: datetime) -> int:
    """The county's calendar year that an instant falls in."""
    return timezone.localtime(at).year


def end_of(day: date) -> datetime:
    """24:00 of a day in the county's time zone: the first instant that is no longer that day."""
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


def start_of(day: date) -> datetime:
    """0:00 of a day in the county's time zone."""
    return timezone.make_aware(datetime.combine(day, time.min))


def is_usual(day: date) -> bool:
    """Whether a day, asked for in an address or a form, is one that anything here can be about; arithmetic with others overflows."""
    return 2000 <= day.year <= 2100
