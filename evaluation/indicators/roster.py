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
    MERGED = "merged", gettext_lazy("came with a unit that was merged into this one")
    MOVED_LATE = "moved_late", gettext_lazy("moved too late: counted where they served before")
    LEFT_LATE = "left_late", gettext_lazy("left shortly before the cut-off: still counted")
    JOINED_LATE = "joined_late", gettext_lazy("joined too late")
    LEFT = "left", gettext_lazy("left")
    LEAVE = "leave", gettext_lazy("on leave too long")
    BRIEF = "brief", gettext_lazy("served too briefly")


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
    """One main posting, with the path of the unit's organ. Of a unit that was merged the one that went on, and `merged` True."""

    unit: int
    organ: str
    title: str
    starts_on: date
    ends_on: date | None
    merged: bool = False


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


@dataclass(frozen=True)
class _Stretch:
    """The unbroken service in one organ: another title or section there is no move."""

    stays: tuple[Stay, ...]

    @property
    def starts_on(self) -> date:
        return self.stays[0].starts_on

    @property
    def ends_on(self) -> date | None:
        return None if any(stay.ends_on is None for stay in self.stays) else max(stay.ends_on for stay in self.stays if stay.ends_on)

    def last_day(self, terms: Terms) -> date:
        return min(self.ends_on or terms.cutoff_on, terms.cutoff_on)

    def days(self, terms: Terms) -> int:
        return (self.last_day(terms) - max(self.starts_on, terms.opens_on)).days + 1

    def is_settled(self, terms: Terms) -> bool:
        """Whether it counts as a place: on the opening roster, or for the months of the rule, as long as it lasted."""
        return self.starts_on <= terms.opens_on or is_full(self.starts_on, self.last_day(terms), terms.months_joined)


def _stretches(stays: Sequence[Stay]) -> list[_Stretch]:
    found: list[_Stretch] = []
    for stay in stays:
        last = found[-1] if found else None
        if last and last.stays[0].organ == stay.organ and (last.ends_on is None or stay.starts_on <= last.ends_on + A_DAY):
            found[-1] = _Stretch((*last.stays, stay))
        else:
            found.append(_Stretch((stay,)))
    return found


def place(stays: Sequence[Stay], leaves: Iterable[tuple[date, date | None]], terms: Terms) -> Place:
    """Where one person is counted. `stays` are their main postings in the county that touch the period, the earlier first.

    The place is an organ, and in it the last posting, also one after some time elsewhere. Whoever served the county long enough and
    no organ of it is counted where they served longest.
    """
    stretches = _stretches(stays)
    settled = [one for one in stretches if one.is_settled(terms)]
    days = sum(one.days(terms) for one in stretches)
    last_day = max(one.last_day(terms) for one in stretches)
    in_time = bool(settled) or is_full(last_day - timedelta(days=days - 1), last_day, terms.months_joined)
    longest = max(reversed(stretches), key=lambda one: one.days(terms))
    chosen = settled[-1] if settled else longest if in_time else stretches[-1]
    newest = next(one for one in reversed(stretches) if one.stays[0].organ == chosen.stays[0].organ)
    stay, as_of = newest.stays[-1], newest.last_day(terms)
    if not in_time and not is_full(stretches[0].starts_on, terms.cutoff_on, terms.months_joined):
        return Place(stay, False, Reason.JOINED_LATE, as_of)
    if away := _away(stays, leaves, terms):
        return Place(stay, False, away, as_of)
    if not in_time:
        return Place(stay, False, Reason.BRIEF, as_of)
    if newest is not stretches[-1]:
        reason = Reason.MOVED_LATE
    elif as_of < terms.cutoff_on:
        reason = Reason.LEFT_LATE
    elif any(one.merged for one in chosen.stays):
        reason = Reason.MERGED
    elif chosen.starts_on <= terms.opens_on:
        reason = Reason.ROSTER
    else:
        reason = Reason.MOVED if settled and chosen is not stretches[0] else Reason.JOINED
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
        Reason.MERGED: _("Came with a unit that was merged into this one: the time served there counts as served here."),
        Reason.MOVED_LATE: _("Served elsewhere afterwards for less than %(months)d months: counted where they served before."),
        Reason.LEFT_LATE: _("Left less than %(away)d months before the end of the period: still counted."),
        Reason.JOINED_LATE: _("Joined less than %(months)d months before the end of the period: not counted."),
        Reason.LEFT: _("Served nowhere in the county for %(away)d months or more of the period: not counted."),
        Reason.LEAVE: _("On proven leave for %(away)d months or more: not counted."),
        Reason.BRIEF: _("Served in the county for less than %(months)d months: not counted."),
    }[Reason(reason)] % {"months": months_joined, "away": months_away}
