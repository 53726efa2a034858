"""Rules, at their boundaries and everywhere between."""

from decimal import Decimal
from itertools import pairwise

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from courses import rules
from courses.services.policies import DEFAULT

BANDS = rules.bands_of(yaml.safe_load(DEFAULT.read_text())["online_video"])


@pytest.mark.parametrize(
    ("seconds", "hours"), [(15 * 60, "0.25"), (15 * 60 + 1, "0.5"), (29 * 60 + 59, "0.5"), (30 * 60, "1.0"), (60, "0.25"), (7200, "1.0")]
)
def test_hours_at_the_boundaries_are_exact(seconds, hours):
    assert rules.credit_hours(seconds, BANDS) == Decimal(hours)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_study_never_earns_fewer_hours_and_always_whole_steps(one, other):
    low, high = sorted((one, other))
    assert rules.credit_hours(low, BANDS) <= rules.credit_hours(high, BANDS)
    assert rules.credit_hours(low, BANDS) % Decimal("0.25") == 0


def test_negative_study_is_an_error():
    with pytest.raises(ValueError):
        rules.credit_hours(-1, BANDS)


@pytest.mark.parametrize(
    "bad",
    [
        [{"min_minutes": 0, "max_minutes": 15, "credit": 1}],
        [{"min_minutes": 0, "max_minutes": 15, "credit": 1}, {"min_minutes": 15, "max_minutes": None, "credit": 2}],
        [{"min_minutes": 0, "max_minutes": 15, "credit": 1}, {"min_minutes_exclusive": 20, "max_minutes": None, "credit": 2}],
    ],
)
def test_bands_that_overlap_or_leave_a_gap_are_an_error(bad):
    with pytest.raises(ValueError):
        rules.bands_of(bad)


@given(st.floats(-1e6, 1e9), st.integers(1, 600))
def test_counted_time_is_never_more_than_passed_nor_than_the_lesson(passed, minutes):
    counted = rules.counted_seconds(passed, minutes)
    assert 0 <= counted <= max(0, passed)
    assert counted <= minutes * 60


@given(st.integers(-5, 100), st.integers(-5, 50))
def test_progress_stays_between_0_and_100_and_is_100_only_when_all_is_met(met, total):
    shown = rules.percent(met, total)
    assert 0 <= shown <= 100
    if shown == 100:
        assert met >= total > 0


def test_the_score_is_the_mean_of_what_was_scored():
    assert rules.mean_score([None, Decimal(80), Decimal(91)]) == Decimal("85.50")
    assert rules.mean_score([None]) is None


def test_the_mean_is_cut_like_each_score_so_that_no_fail_reads_like_a_pass():
    assert rules.mean_score([Decimal("79.99"), Decimal("80.00")]) == Decimal("79.99")
    assert rules.mean_score([Decimal("91.66"), Decimal("91.67")]) == Decimal("91.66")


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=4)))
def test_a_circle_of_prerequisites_is_always_found_and_never_imagined(needs):
    chain = rules.cycle_through("a", needs)
    reachable, edge = set(), list(needs.get("a", []))
    while edge:
        code = edge.pop()
        if code not in reachable:
            reachable.add(code)
            edge.extend(needs.get(code, []))
    assert bool(chain) == ("a" in reachable)
    if chain:
        assert chain[0] == chain[-1] == "a"
        assert all(after in needs[before] for before, after in pairwise(chain))
