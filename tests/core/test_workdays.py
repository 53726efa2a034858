"""Working days by the official calendar, its shifted weekends, and what was announced since."""

from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from core import workdays
from core.models import WorkdayNotice

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 1, 1), False),  # New Year, a Thursday
        (date(2026, 1, 4), True),  # a Sunday that is worked for it
        (date(2026, 2, 14), True),  # a Saturday before the Spring Festival
        (date(2026, 2, 23), False),  # the Monday of the Spring Festival
        (date(2026, 9, 20), True),  # a Sunday before the National Day
        (date(2026, 10, 5), False),
        (date(2026, 10, 10), True),  # a Saturday after it
        (date(2026, 12, 19), False),
    ],
)
def test_the_shifted_weekends_of_2026_are_known(day, worked):
    assert workdays.is_workday(day) is worked


def test_a_time_limit_counts_from_the_next_day_and_skips_holidays():
    assert workdays.add_workdays(date(2026, 12, 18), 5) == date(2026, 12, 25)  # Friday to Friday
    assert workdays.add_workdays(date(2026, 2, 13), 5) == date(2026, 2, 27)  # over the Spring Festival: 14, 24, 25, 26, 27
    assert workdays.add_workdays(date(2026, 9, 24), 1) == date(2026, 9, 28)  # over Mid-Autumn
    assert workdays.add_workdays(date(2026, 6, 6), 0) == date(2026, 6, 6)


def test_a_year_that_is_not_announced_is_counted_by_weekends_and_the_holidays_of_fixed_date_and_says_so():
    assert workdays.is_known(2026) and not workdays.is_known(2031)
    days = [date(2031, 1, 1) + timedelta(days=n) for n in range(365)]
    off = {(day.month, day.day) for day in days if day.weekday() < 5 and not workdays.is_workday(day)}
    assert off == {(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)}
    assert not any(workdays.is_workday(day) for day in days if day.weekday() >= 5)


def test_a_time_limit_over_a_new_year_that_nobody_entered_does_not_count_new_years_day():
    assert not workdays.is_known(2027)
    assert workdays.add_workdays(date(2026, 12, 30), 2) == date(2027, 1, 4)  # 31 December and, after Friday the 1st and a weekend, Monday


def test_a_notice_goes_before_everything_else():
    said = StringIO()
    call_command("working_days", "--off", "2031-10-01", "2031-10-06", "--worked", "2031-10-04", "--source", "国办通知", stdout=said)
    assert "2 off, 1 worked; known now: —" in said.getvalue()
    assert workdays.add_workdays(date(2031, 9, 30), 1) == date(2031, 10, 4)
    assert workdays.add_workdays(date(2031, 9, 30), 2) == date(2031, 10, 7)
    call_command("working_days", "--worked", "2031-10-01", "--source", "更正", stdout=said)
    assert workdays.is_workday(date(2031, 10, 1)) and WorkdayNotice.objects.count() == 3


def test_a_year_is_known_once_both_ends_of_its_notice_were_entered():
    said = StringIO()
    for days, is_known in ((["2031-01-23"], False), (["2031-01-01"], False), (["2031-10-01", "2031-10-02"], True)):
        call_command("working_days", "--off", *days, "--source", "国办通知", stdout=said)
        assert workdays.is_known(2031) is is_known
    assert "both 2031-01-01 and 2031-10-01" in said.getvalue() and "known now: 2031" in said.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--off", "2031-10-01"],
        ["--off", "2031-13-01", "--source", "通知"],
        ["--off", "2031-10-01", "--worked", "2031-10-01", "--source", "通知"],
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_entered(arguments):
    with pytest.raises(CommandError):
        call_command("working_days", *arguments)
    assert not WorkdayNotice.objects.exists()


@given(st.dates(date(2020, 1, 1), date(2026, 11, 1)), st.integers(1, 25))
def test_counting_on_from_where_one_stopped_gives_the_same_day(day, count):
    there = workdays.add_workdays(day, count)
    assert there > day and workdays.is_workday(there) and workdays.add_workdays(there, 3) == workdays.add_workdays(day, count + 3)


def test_counting_takes_one_query(django_assert_num_queries):
    with django_assert_num_queries(1):
        workdays.add_workdays(date(2026, 12, 18), 40)
