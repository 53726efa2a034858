"""Who is counted in a period, once, and where (decision 0017). Pure: postings and leaves come in.

The rules are those of the version: from how many months on somebody who joined counts, and somebody who was away does not.
A month is full (满) when the same day of the later month has begun: from 21 September to the end of 20 December is three.
"""

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

A_DAY = timedelta(days=1)


class Reason(TextChoices):
    """Why somebody is counted where they are, or not."""

    ROSTER = "roster", gettext_lazy("on the opening roster")
    JOINED = "joined", gettext_lazy("joined in time")
    MOVED = "moved", gettext_lazy("moved here in time")
    MOVED_LATE = "moved_late", gettext_lazy("moved too late: counted where they served before")
    LEFT_LATE = "left_late", gettext_lazy("left shortly before the cut-off: still counted")
    JOINED_LATE = "joined_late", gettext_lazy("joined too late")
    LEFT = "left", gettext_lazy("left")
    LEAVE = "leave", gettext_lazy("on leave too long")


@dataclass(frozen=True)
class Terms:
    """The frame of a period: its first day, the last that counts, up to when things are known, and the months."""

    opens_on: date
    cutoff_on: date
    known_until: date
    months_joined: int
    months_away: int


@dataclass(frozen=True)
class Stay:
    """One main posting."""

    unit: int
    title: str
    starts_on: date
    ends_on: date | None


@dataclass(frozen=True)
class Place:
    """Where and why somebody is counted, or not; `as_of` is the day of their duties."""

    stay: Stay
    counted: bool
    reason: str
    as_of: date


@lru_cache(maxsize=4096)
def months_after(day: date, months: int) -> date:
    """The same day so many months later; the last of the month where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def is_full(first: date, last: date, months: int) -> bool:
    """Whether the days from the first to the last, both with it, are so many months at least."""
    return months_after(first, months) <= last + A_DAY


def place(stays: Sequence[Stay], leaves: Iterable[tuple[date, date | None]], terms: Terms) -> Place:
    """Where one person is counted. `stays` are their main postings in the county that touch the period, the earlier first."""
    settled = [stay for stay in stays if stay.starts_on <= terms.opens_on or is_full(stay.starts_on, terms.cutoff_on, terms.months_joined)]
    stay = (settled or stays)[-1]
    as_of = min(stay.ends_on or terms.cutoff_on, terms.cutoff_on)
    if not settled:
        return Place(stay, False, Reason.JOINED_LATE, as_of)
    if away := _away(stays, leaves, terms):
        return Place(stay, False, away, as_of)
    if stay is not stays[-1]:
        reason = Reason.MOVED_LATE
    elif (stay.ends_on or terms.cutoff_on) < terms.cutoff_on:
        reason = Reason.LEFT_LATE
    elif stay.starts_on <= terms.opens_on:
        reason = Reason.ROSTER
    else:
        reason = Reason.JOINED if stay is stays[0] else Reason.MOVED
    return Place(stay, True, reason, as_of)


def _away(stays: Sequence[Stay], leaves: Iterable[tuple[date, date | None]], terms: Terms) -> str | None:
    """Why somebody was away too long: the first unbroken stretch of so many months, within the period and as far as it is known."""
    last_day = min(terms.cutoff_on, terms.known_until)
    gaps: list[tuple[date, date, str]] = []
    served_until = stays[0].ends_on
    for stay in stays[1:]:
        if served_until is not None and stay.starts_on > served_until + A_DAY:
            gaps.append((served_until + A_DAY, stay.starts_on - A_DAY, Reason.LEFT))
        served_until = None if served_until is None or stay.ends_on is None else max(served_until, stay.ends_on)
    if served_until is not None and served_until < last_day:
        gaps.append((served_until + A_DAY, last_day, Reason.LEFT))
    for starts_on, ends_on in leaves:
        first, last = max(starts_on, terms.opens_on), min(ends_on or last_day, last_day)
        if first <= last:
            gaps.append((first, last, Reason.LEAVE))
    stretch: tuple[date, date, str] | None = None
    for first, last, reason in sorted(gaps):
        if stretch is not None and first <= stretch[1] + A_DAY:
            left = Reason.LEFT if Reason.LEFT in (reason, stretch[2]) else reason
            stretch = (stretch[0], max(stretch[1], last), left)
        else:
            stretch = (first, last, reason)
        if is_full(stretch[0], stretch[1], terms.months_away):
            return stretch[2]
    return None


def words(reason: str, *, months_joined: int, months_away: int) -> str:
    """A reason as a sentence with the months of the rule."""
    return {
        Reason.ROSTER: _("On the opening roster of this unit."),
        Reason.JOINED: _("Joined the county during the period, at least %(months)d months before its end."),
        Reason.MOVED: _("Moved here at least %(months)d months before the end of the period."),
        Reason.MOVED_LATE: _("Moved on less than %(months)d months before the end of the period: counted where they served before."),
        Reason.LEFT_LATE: _("Left less than %(away)d months before the end of the period: still counted."),
        Reason.JOINED_LATE: _("Joined less than %(months)d months before the end of the period: not counted."),
        Reason.LEFT: _("Left for %(away)d months or more: not counted."),
        Reason.LEAVE: _("On proven leave for %(away)d months or more: not counted."),
    }[Reason(reason)] % {"months": months_joined, "away": months_away}
