"""Which step of a period may follow which, and what stands in its way. Pure: no database, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

OPEN, CUT_OFF, PUBLICITY, APPEALS, FROZEN, HANDED_OVER = "open", "cut_off", "publicity", "appeals", "frozen", "handed_over"
CANCELLED = "cancelled"
ORDER = (OPEN, CUT_OFF, PUBLICITY, APPEALS, FROZEN, HANDED_OVER)
FOLLOWS: Mapping[str, str | None] = dict(zip(ORDER, [*ORDER[1:], None], strict=True))
REOPENED_FROM = (PUBLICITY, APPEALS, FROZEN)
"""What goes back to “cut off”. What was handed over does not: the receiver has it, and what came later is a supplementary list."""

CANCELLED_FROM = (OPEN, CUT_OFF)
"""What can be cancelled, as long as nothing of it was ever published."""


@dataclass(frozen=True)
class Standing:
    """Where a period stands: its state, what day it is, the last days, how many appeals nobody has answered and reported
    figures nobody has confirmed, how many claims of hours of the year nobody has decided (and of these, by name of another county, how many are
    decided there), and how many lines would be frozen otherwise than they were published without a granted appeal that
    explains it, and what granted appeals are about that would not count (nothing where nobody has looked)."""

    state: str
    today: date
    cutoff_on: date
    due_on: date | None
    open_appeals: int = 0
    unconfirmed: int = 0
    open_claims: int = 0
    claims_elsewhere: tuple[tuple[str, int], ...] = ()
    unexplained: int = 0
    uncounted: tuple[str, ...] = ()

    @property
    def own_claims(self) -> int:
        """How many claims the county itself decides."""
        return self.open_claims - sum(number for _county, number in self.claims_elsewhere)


def hindrance(to: str, at: Standing) -> str | None:
    """Why a step cannot be taken now: "order", "too_early", "publicity_runs", "appeals_run", "unanswered", "unconfirmed", "open_claims",
    "unexplained", "not_counted"; None where it can.

    A last day ends at 24:00: the step after it is one of the next day.
    """
    if FOLLOWS.get(at.state) != to:
        return "order"
    if to == CUT_OFF and at.today <= at.cutoff_on:
        return "too_early"
    if to == APPEALS and at.due_on is not None and at.today <= at.due_on:
        return "publicity_runs"
    if to == FROZEN and at.due_on is not None and at.today <= at.due_on:
        return "appeals_run"
    if to == FROZEN and at.open_appeals:
        return "unanswered"
    if to in (PUBLICITY, FROZEN) and at.unconfirmed:
        return "unconfirmed"
    if to == PUBLICITY and at.open_claims:
        return "open_claims"
    if to == FROZEN and at.unexplained:
        return "unexplained"
    if to == FROZEN and at.uncounted:
        return "not_counted"
    return None


def dates_problem(*, opens_on: date, cutoff_on: date, freeze_on: date, year: int) -> str | None:
    """Why dates cannot be: "opens_after_cutoff", "cutoff_after_freeze", "other_year" for the last day that counts, "too_far" where the
    opening roster is of another year, or the freeze lies after the year after; None where they can. Hours are booked by calendar year.
    """
    if opens_on >= cutoff_on:
        return "opens_after_cutoff"
    if cutoff_on >= freeze_on:
        return "cutoff_after_freeze"
    if cutoff_on.year != year:
        return "other_year"
    if opens_on.year != year or freeze_on.year > year + 1:
        return "too_far"
    return None
