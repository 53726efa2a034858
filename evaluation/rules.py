"""How hours count: pure functions, no database and no clock."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from courses.rules import band_passed

CENT = Decimal("0.01")


@lru_cache(maxsize=1000, typed=True)
def hours(value: object) -> Decimal:
    """Hours as the ledger keeps them, with two decimals. None and a database's float sum are taken too."""
    return Decimal(str(value or 0)).quantize(CENT, ROUND_HALF_UP)


def is_in_steps(value: Decimal, step: Decimal) -> bool:
    """Whether hours are a whole number of the policy's steps (0.25 in Yunnan's rule)."""
    return value % step == 0


def due_entries(*, study_hours: Decimal, test_hours: Decimal) -> list[tuple[str, Decimal]]:
    """What a completion earns, as (kind, hours). The study entry is written even for 0, so that every credited completion has one."""
    entries = [("online", study_hours)]
    if test_hours > 0:
        entries.append(("test", test_hours))
    return entries


def turn_key(*, course_id: int, year: int, taken_back: int) -> str:
    """The key that lets a course count once in a year. Hours taken back free the next turn."""
    return f"course:{course_id}:{year}:{taken_back}"


@dataclass(frozen=True)
class Band:
    """One stretch of minutes and the hours it gives. `over`/`under` say whether the bound itself belongs to it."""

    hours: Decimal
    low: Decimal
    low_included: bool
    high: Decimal | None
    high_included: bool


def bands_of(rows: Sequence[Mapping]) -> list[Band]:
    """The stretches of a CreditPolicy's `bands`: rising lower bounds, each ending where the next begins."""
    found = []
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        found.append(
            Band(
                hours=Decimal(str(row["hours"])),
                low=Decimal(str(row["over"])),
                low_included=bool(row.get("over_included")),
                high=Decimal(str(following["over"])) if following is not None else None,
                high_included=following is not None and not following.get("over_included"),
            )
        )
    return found


def band_of(minutes: int, rows: Sequence[Mapping]) -> Band | None:
    """The stretch that a course of so many minutes falls in. None below the first."""
    place = band_passed(minutes * 60, rows)
    return None if place is None else bands_of(rows)[place]


def target_of(duties: Iterable[str], duty_targets: Mapping[str, str]) -> tuple[str, Decimal] | None:
    """The highest yearly target among the duties held, with the duty that sets it; None when none of them has one."""
    held = [(Decimal(str(duty_targets[duty])), duty) for duty in sorted(set(duties)) if duty in duty_targets]
    if not held:
        return None
    target, duty = max(held, key=lambda pair: pair[0])
    return duty, target


def required_of(duties: Iterable[str], rules: Mapping[str, Iterable[int]]) -> set[int]:
    """The courses that somebody with these duties has to take; each once, however many duties ask for it."""
    return {course for duty in set(duties) for course in rules.get(duty, ())}


@dataclass(frozen=True)
class Correction:
    """Whether a correction may stand: the reason it may not, or None."""

    problem: str | None
    left: Decimal


def check_correction(*, balance: Decimal, change: Decimal, step: Decimal) -> Correction:
    """Judge a correction: not zero, in the policy's steps, and never below nothing."""
    left = balance + change
    if change == 0:
        return Correction("zero", left)
    if not is_in_steps(change, step):
        return Correction("steps", left)
    if left < 0:
        return Correction("below_zero", left)
    return Correction(None, left)


@dataclass(frozen=True)
class ClaimTerms:
    """What a policy says of hours that are claimed in some way; without `hours_per_day` a day has 24."""

    step: Decimal
    hours_per_day: Decimal | None


def check_claim(*, starts_on: date, ends_on: date, hours: Decimal, today: date, terms: ClaimTerms) -> str | None:
    """Why a claim cannot be filed: as `check_days`, "none", "steps", "too_many"; None where it can.

    Its hours come in the policy's steps, and are at most `hours_per_day` for each of its days.
    """
    wrong_days = check_days(starts_on=starts_on, ends_on=ends_on, today=today)
    if wrong_days is not None:
        return wrong_days
    if hours <= 0:
        return "none"
    if not is_in_steps(hours, terms.step):
        return "steps"
    days = (ends_on - starts_on).days + 1
    most = min(terms.hours_per_day or Decimal(24), Decimal(24)) * days
    return "too_many" if hours > most else None


def check_days(*, starts_on: date, ends_on: date, today: date) -> str | None:
    """Why a claim cannot be for these days: "order", "future", "two_years", "too_old". It lies in one calendar year, this one or the last."""
    if ends_on < starts_on:
        return "order"
    if ends_on > today:
        return "future"
    if ends_on.year != starts_on.year:
        return "two_years"
    return "too_old" if ends_on.year < today.year - 1 else None


def as_compared(title: str) -> str:
    """A title or an organiser as two are compared: without width, case, blanks and the marks of titles."""
    return re.sub(r"[\s《》〈〉]", "", unicodedata.normalize("NFKC", title)).casefold()


def left_elsewhere(elsewhere: Decimal, by_hand: Decimal) -> Decimal:
    """Hours learned elsewhere that are left after corrections that name no entry: what these took answers a claim first, then online learning."""
    return max(Decimal(0), elsewhere + min(Decimal(0), by_hand))


def answered_late(entries: Iterable[tuple[Decimal, bool]]) -> Decimal:
    """What corrections that name no entry take from hours that do not count (below zero) or give back to them, of entries in their order.

    Each entry is its hours and whether it is such a correction; the others are the hours that do not count, and what answers them.
    """
    left = answered = Decimal(0)
    for hours, by_hand in entries:
        if not by_hand:
            left += hours
            continue
        part = max(hours, -max(left, Decimal(0))) if hours < 0 else min(hours, max(-left, Decimal(0)))
        left += part
        answered += part
    return answered


def is_within_days(claims: Iterable[tuple[date, date, Decimal]], *, hours_per_day: Decimal | None) -> bool:
    """Whether the hours of claims of one person (first day, last day, hours) can lie on their days with no day above its most.

    They can if and only if no span of days holds more claimed hours, of claims wholly inside it, than its days may count (Hall).
    """
    claims = list(claims)
    most = min(hours_per_day or Decimal(24), Decimal(24))
    for first in {starts_on for starts_on, _ends, _hours in claims}:
        for last in {ends_on for _starts, ends_on, _hours in claims if ends_on >= first}:
            inside = sum((hours for starts_on, ends_on, hours in claims if first <= starts_on and ends_on <= last), Decimal(0))
            if inside > most * ((last - first).days + 1):
                return False
    return True


# Quotas: what a staff type and rank owes over some years. No rank is on record: the duty tells it.
RANK_OF_DUTY = {"county_leader": "county"}
LOWER_RANK = "township"


@dataclass(frozen=True)
class Quota:
    """Hours owed in a year, or over several, by staff types and a rank ("" any), of certain kinds of entries. CreditPolicy.quotas."""

    key: str
    title: str
    staff_types: frozenset[str]
    rank: str
    hours: Decimal
    years: int
    from_year: int | None
    kinds: tuple[str, ...]
    carry_over: Decimal
    source: str
    mark: str

    def is_asked_of(self, staff_type: str, duties: Iterable[str]) -> bool:
        return staff_type in self.staff_types and self.rank in ("", rank_of(duties))

    def window(self, year: int) -> range:
        """The years whose hours count: the year and those before it, or the block from `from_year` on that it lies in, up to it."""
        if self.from_year is None or year < self.from_year:
            return range(year - self.years + 1, year + 1)
        return range(year - (year - self.from_year) % self.years, year + 1)

    def reads(self, year: int) -> range:
        """The years whose entries have to be known."""
        first = self.window(year)[0]
        return range(first - 1 if self.carry_over else first, year + 1)


def rank_of(duties: Iterable[str]) -> str:
    return next((RANK_OF_DUTY[duty] for duty in sorted(duties) if duty in RANK_OF_DUTY), LOWER_RANK)


def quotas_of(rows: Iterable[Mapping]) -> list[Quota]:
    """The quotas of CreditPolicy.quotas."""
    return [
        Quota(
            key=row["key"],
            title=row["title"],
            staff_types=frozenset(row["staff_types"]),
            rank=row["rank"],
            hours=Decimal(row["hours"]),
            years=row["years"],
            from_year=row["from_year"],
            kinds=tuple(row["kinds"]),
            carry_over=Decimal(row["carry_over"] or 0),
            source=row["source"],
            mark=row["mark"],
        )
        for row in rows
    ]


@dataclass(frozen=True)
class QuotaState:
    """How far somebody is with a quota: `counted` hours of its window, `carried` over from the year before. Never an entry."""

    quota: Quota
    years: range
    counted: Decimal
    carried: Decimal

    @property
    def total(self) -> Decimal:
        return self.counted + self.carried

    @property
    def left(self) -> Decimal:
        return max(Decimal(0), self.quota.hours - self.total)

    @property
    def is_reached(self) -> bool:
        return self.left == 0


def quota_state(quota: Quota, year: int, hours_by_kind: Mapping[tuple[int, str], Decimal]) -> QuotaState:
    """The state in a year, from hours by (year, kind). Carried over is what the year before had above the quota, at most `carry_over`."""

    def counted(years: Iterable[int]) -> Decimal:
        return sum((hours_by_kind.get((one, kind), Decimal(0)) for one in years for kind in quota.kinds), Decimal(0))

    above = counted([year - 1]) - quota.hours if quota.carry_over else Decimal(0)
    window = quota.window(year)
    return QuotaState(quota, window, counted(window), max(Decimal(0), min(quota.carry_over, above)))
