"""Where somebody is counted in a period, and why not."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluation.indicators import roster
from evaluation.indicators.roster import Stay

TERMS = roster.Terms(date(2026, 1, 1), date(2026, 12, 20), date(2026, 12, 21), 3, 3)
OLD, YEAR_END = date(2024, 1, 1), date(2026, 12, 20)


def stay(unit, starts, ends=None, *, title="科员", organ=None):
    return Stay(unit, organ or f"organ of {unit}", title, starts, ends)


@pytest.mark.parametrize(
    ("stays", "leaves", "expected"),
    [
        ([stay(1, OLD)], [], (1, True, "roster")),
        ([stay(1, OLD, date(2026, 5, 31)), stay(2, date(2026, 6, 1))], [], (2, True, "moved")),
        ([stay(1, OLD, date(2026, 11, 1)), stay(2, date(2026, 11, 2))], [], (1, True, "moved_late")),
        ([stay(1, OLD, date(2026, 9, 20)), stay(2, date(2026, 9, 21))], [], (2, True, "moved")),  # three months to the day
        ([stay(1, OLD, date(2026, 9, 21)), stay(2, date(2026, 9, 22))], [], (1, True, "moved_late")),
        ([stay(1, date(2026, 9, 21))], [], (1, True, "joined")),
        ([stay(1, date(2026, 9, 22))], [], (1, False, "joined_late")),
        ([stay(1, OLD, date(2026, 9, 20))], [], (1, False, "left")),  # away from the 21st: three months
        ([stay(1, OLD, date(2026, 9, 21))], [], (1, True, "left_late")),
        ([stay(1, OLD, date(2026, 2, 10)), stay(2, date(2026, 6, 1))], [], (2, False, "left")),  # away in between
        ([stay(1, OLD)], [(date(2026, 3, 1), date(2026, 5, 31))], (1, False, "leave")),
        ([stay(1, OLD)], [(date(2026, 3, 1), date(2026, 5, 30))], (1, True, "roster")),
        ([stay(1, OLD)], [(date(2026, 3, 1), date(2026, 4, 15)), (date(2026, 4, 16), date(2026, 5, 31))], (1, False, "leave")),
        ([stay(1, OLD)], [(date(2026, 3, 1), date(2026, 4, 15)), (date(2026, 6, 1), date(2026, 7, 30))], (1, True, "roster")),
        ([stay(1, OLD)], [(date(2025, 10, 1), date(2026, 2, 15))], (1, True, "roster")),  # most of it in the year before
        ([stay(1, OLD)], [(date(2026, 9, 1), None)], (1, False, "leave")),
        ([stay(1, OLD)], [(date(2026, 10, 1), None)], (1, True, "roster")),
        ([stay(1, OLD, date(2026, 10, 31))], [(date(2026, 9, 1), date(2026, 10, 31))], (1, False, "left")),  # leave, then gone: one stretch
    ],
)
def test_everybody_has_one_place_and_a_reason(stays, leaves, expected):
    found = roster.place(stays, leaves, TERMS)

    assert (found.stay.unit, found.counted, str(found.reason)) == expected


@pytest.mark.parametrize(
    ("stays", "leaves", "expected"),
    [
        ([stay(1, date(2026, 9, 20), date(2026, 9, 21))], [], (1, False, "brief")),  # begun in time, two days long
        ([stay(1, date(2026, 3, 2), date(2026, 3, 20))], [], (1, False, "left")),
        (
            [stay(1, OLD, date(2026, 9, 1)), stay(2, date(2026, 9, 2), date(2026, 9, 11)), stay(3, date(2026, 9, 25))],
            [],
            (1, True, "moved_late"),
        ),
        ([stay(1, OLD, date(2026, 9, 11)), stay(2, date(2026, 9, 12), date(2026, 9, 21))], [], (1, True, "moved_late")),  # then gone
        ([stay(1, date(2026, 8, 1), date(2026, 9, 30)), stay(2, date(2026, 10, 1))], [], (2, True, "joined")),  # no organ for three months
        ([stay(1, date(2026, 8, 1), date(2026, 10, 20)), stay(2, date(2026, 10, 21))], [], (1, True, "moved_late")),
    ],
)
def test_a_stay_counts_for_as_long_as_it_lasted(stays, leaves, expected):
    found = roster.place(stays, leaves, TERMS)

    assert (found.stay.unit, found.counted, str(found.reason)) == expected


def test_the_same_post_in_two_stretches_is_one_stay():
    renewed = [stay(1, OLD, date(2026, 10, 31)), stay(1, date(2026, 11, 1))]
    found = roster.place(renewed, [], TERMS)
    assert (found.stay, found.counted, found.reason) == (renewed[1], True, "roster")


def test_another_title_or_section_in_one_organ_is_no_move():
    promoted = stay(2, date(2026, 11, 1), title="副局长", organ="bureau")

    found = roster.place([stay(1, OLD, date(2026, 10, 31), organ="bureau"), promoted], [], TERMS)

    assert (found.stay, found.counted, str(found.reason), found.as_of) == (promoted, True, "roster", YEAR_END)


def test_who_comes_back_to_an_organ_begins_there_anew():
    away = [stay(1, date(2025, 1, 1), date(2026, 8, 1), organ="bureau"), stay(2, date(2026, 8, 2), date(2026, 11, 1))]

    assert roster.place([*away, stay(1, date(2026, 11, 2), organ="bureau")], [], TERMS).stay == away[1]


@pytest.mark.parametrize(
    ("stays", "expected"),
    [
        ([stay(1, OLD, date(2026, 9, 30)), stay(2, date(2026, 10, 1), date(2026, 10, 31)), stay(1, date(2026, 11, 1))], "roster"),
        ([stay(1, OLD, date(2026, 9, 30)), stay(1, date(2026, 11, 1))], "roster"),  # gone from the county for October
        (
            [stay(3, OLD, date(2026, 3, 31)), stay(1, date(2026, 4, 1), date(2026, 9, 30)), stay(1, date(2026, 11, 1))],
            "moved",
        ),
    ],
)
def test_who_is_back_in_the_organ_that_counts_them_is_judged_by_the_last_posting_there(stays, expected):
    found = roster.place(stays, [], TERMS)

    assert (found.stay, found.as_of, found.counted, str(found.reason)) == (stays[-1], YEAR_END, True, expected)


def test_a_leave_that_lasts_is_known_until_today_only():
    in_june = roster.Terms(date(2026, 1, 1), date(2026, 12, 20), date(2026, 6, 15), 3, 3)

    assert roster.place([stay(1, OLD)], [(date(2026, 5, 1), None)], in_june).counted
    assert not roster.place([stay(1, OLD)], [(date(2026, 5, 1), None)], TERMS).counted


def test_the_day_of_the_duties_is_the_last_one_in_that_posting():
    found = roster.place([stay(1, OLD, date(2026, 11, 1)), stay(2, date(2026, 11, 2))], [], TERMS)

    assert found.as_of == date(2026, 11, 1)
    assert roster.place([stay(1, OLD)], [], TERMS).as_of == YEAR_END


def test_months_end_where_the_shorter_month_ends():
    assert roster.months_after(date(2026, 11, 30), 3) == date(2027, 2, 28)
    assert roster.is_full(date(2026, 1, 1), date(2026, 3, 31), 3) and not roster.is_full(date(2026, 1, 1), date(2026, 3, 30), 3)


def test_every_reason_is_said_in_words():
    said = {roster.words(reason, months_joined=3, months_away=2) for reason in roster.Reason.values}

    assert len(said) == len(roster.Reason.values) and all(said)


DAYS = st.dates(date(2025, 6, 1), date(2026, 12, 20))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(DAYS, min_size=1, max_size=5, unique=True), st.lists(st.tuples(DAYS, st.none() | DAYS), max_size=3))
def test_whatever_the_postings_one_of_them_is_the_place(starts, leaves):
    days = sorted(starts)
    stays = [stay(n, first, (days[n + 1] if n + 1 < len(days) else None)) for n, first in enumerate(days)]
    leaves = [(first, last) for first, last in leaves if last is None or first <= last]

    found = roster.place(stays, leaves, TERMS)

    assert found.stay in stays
    assert found.counted == (str(found.reason) in {"roster", "joined", "moved", "moved_late", "left_late"})
