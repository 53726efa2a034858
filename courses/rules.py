"""Pure rules of learning: hours, reading time, progress, prerequisites. No database, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from itertools import pairwise

# Kinds of entries of the hour ledger that a quota may count, and the ranks that it may be for.
HOUR_KINDS = ("online", "test", "lecture", "exchange", "self_study", "external", "correction")
RANK_WORDS = {"县处级": "county", "乡科级": "township"}


def credit_hours(seconds: int, bands: Sequence[Mapping]) -> Decimal:
    """Credit hours that so many seconds of study earn: the last band whose lower bound is passed.

    Each band is {"over": minutes, "over_included": bool, "hours": "0.25"}, lower bounds rising.
    Under the default policy 15:00 earns 0.25, 15:01 earns 0.5, 29:59 earns 0.5 and 30:00 earns 1
    (云南省干部在线学习学院, data/credit_policy.yaml). Below the first bound nothing is earned.

    Raises:
        ValueError: seconds are negative.
    """
    if seconds < 0:
        raise ValueError("study time cannot be negative")
    place = band_passed(seconds, bands)
    return Decimal(0) if place is None else Decimal(str(bands[place]["hours"]))


def band_passed(seconds: int, bands: Sequence[Mapping]) -> int | None:
    """The place of the last of these bands whose lower bound so many seconds pass; None below the first."""
    passed = None
    for place, band in enumerate(bands):
        bound = Decimal(str(band["over"])) * 60
        if seconds > bound or (band.get("over_included") and seconds == bound):
            passed = place
    return passed


def bands_of(rules: Iterable[Mapping]) -> list[dict]:
    """Bands as CreditPolicy keeps them, from the intervals of a policy file, in rising order.

    Raises:
        ValueError: the intervals leave a gap, overlap, or do not reach to infinity.
    """
    found = []
    for rule in rules:
        included = "min_minutes" in rule
        low = rule["min_minutes"] if included else rule["min_minutes_exclusive"]
        if "max_minutes_exclusive" in rule:
            high, high_included = rule["max_minutes_exclusive"], False
        else:
            high, high_included = rule.get("max_minutes"), True
        found.append((low, included, high, high_included, str(rule["credit"])))
    found.sort(key=lambda band: (band[0], not band[1]))
    for (_, _, high, high_included, _), (low, included, *_rest) in pairwise(found):
        if high != low or high_included == included:
            raise ValueError(f"the bands meet badly at {low} minutes")
    if not found or found[-1][2] is not None:
        raise ValueError("the last band must have no upper bound")
    return [{"over": low, "over_included": included, "hours": hours} for low, included, _, _, hours in found]


def counted_seconds(passed: float, lesson_minutes: int) -> int:
    """Seconds of reading to count since the last sign of life: what passed, at most the lesson's own length.

    The bound keeps a page left open overnight from counting as a night of study.
    """
    return max(0, min(int(passed), lesson_minutes * 60))


def needed_seconds(lesson_minutes: int, share: Decimal) -> int:
    """Seconds that must be spent on a lesson before it can be finished; share 0 asks for none."""
    return int(lesson_minutes * 60 * share)


def percent(met: int, total: int) -> int:
    """Progress in whole percent, 0 to 100; 100 only when everything is met."""
    if total <= 0:
        return 0
    return min(100, max(0, met) * 100 // total)


def mean_score(scores: Iterable[Decimal | None]) -> Decimal | None:
    """The mean of the quizzes' scores in percent, cut to two places like each of them; None when nothing was scored."""
    known = [score for score in scores if score is not None]
    return (sum(known, Decimal(0)) / len(known)).quantize(Decimal("0.01"), ROUND_DOWN) if known else None


def cycle_through(start: str, needs: Mapping[str, Iterable[str]]) -> list[str]:
    """A chain of prerequisites that leads from a course back to itself; empty when there is none."""
    stack = [(start, [start])]
    seen = set()
    while stack:
        code, path = stack.pop()
        for needed in needs.get(code, ()):
            if needed == start:
                return [*path, start]
            if needed not in seen:
                seen.add(needed)
                stack.append((needed, [*path, needed]))
    return []
