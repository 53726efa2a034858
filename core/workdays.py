"""Official working days: the State Council's yearly calendar of holidays and shifted weekends, and what was announced since.

The calendar up to `chinese_calendar`'s last year comes with that library. What is announced later is data: a `WorkdayNotice`
says of a day that it is worked or not, and by which notice. A year that neither knows yet is counted by its weekends and by
the holidays that fall on the same days of the solar calendar each year, and `is_known` says that it is so: pages tell it.
"""

from datetime import date, timedelta

import chinese_calendar

from core.models import WorkdayNotice

DAY = timedelta(days=1)
# 《全国年节及纪念日放假办法》（国务院令第795号）第二条: month and day. The festivals of the lunar calendar and 清明 move.
FIXED = {(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)}


def is_workday(day: date) -> bool:
    """Whether the day is worked. One query."""
    return _is_workday(day, _notices(day, day))


def add_workdays(day: date, count: int) -> date:
    """The `count`th working day after a day, which itself does not count (0: the day itself). One query.

    A time limit of five working days that begins on a Friday ends on the next Friday, at 24:00 in the county's time zone.
    """
    if count < 0:
        raise ValueError("working days are counted forwards")
    notices = _notices(day, day + (10 * count + 60) * DAY)
    while count:
        day += DAY
        count -= _is_workday(day, notices)
    return day


def is_known(year: int) -> bool:
    """Whether the holidays of a year were announced: by the library, or by notices about New Year's Day and the National Day alike.

    A notice about one of them alone, or about other days, leaves the rest of the year unsaid. One query at most.
    """
    ends = (date(year, 1, 1), date(year, 10, 1))
    return _of_library(ends[0]) is not None or WorkdayNotice.objects.filter(day__in=ends).count() == len(ends)


def _notices(since: date, until: date) -> dict[date, bool]:
    return dict(WorkdayNotice.objects.filter(day__range=(since, until)).values_list("day", "is_worked"))


def _is_workday(day: date, notices: dict[date, bool]) -> bool:
    if day in notices:
        return notices[day]
    known = _of_library(day)
    return day.weekday() < 5 and (day.month, day.day) not in FIXED if known is None else known


def _of_library(day: date) -> bool | None:
    """What the library says; None for a year that it does not know."""
    try:
        return chinese_calendar.is_workday(day)
    except NotImplementedError:
        return None
