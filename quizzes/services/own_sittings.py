"""A candidate's own sittings: what is coming, what is open, what was sat."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from people.models import Person
from quizzes.models import Attempt, Candidate, Sitting
from quizzes.services.attempts import is_closed, is_overdue
from quizzes.services.sittings import window_of

NEAR = timedelta(days=7)


@dataclass(frozen=True)
class OwnSitting:
    """One sitting as its candidate sees it: place, own window, and the newest attempt in it."""

    sitting: Sitting
    room: str
    seat: str
    opens_at: datetime
    last_entry_at: datetime
    attempt: Attempt | None
    is_running: bool  # an attempt is under way
    is_coming: bool
    may_enter: bool  # nothing was begun, and one is let in now

    @property
    def is_past(self) -> bool:
        return not (self.is_running or self.is_coming or self.may_enter)

    @property
    def is_on_paper(self) -> bool:
        """Whether it was begun on the screen and goes on on paper; no marks of it were entered yet."""
        return self.attempt is not None and hasattr(self.attempt, "gone_on_paper")

    @property
    def was_missed(self) -> bool:
        return self.is_past and self.attempt is None


def mine(*, person: Person, at: datetime) -> list[OwnSitting]:
    """The sittings that somebody is to sit, may sit, or has sat, the latest first. Three queries."""
    found = list(Sitting.objects.sat_by(person).timed().select_related("quiz"))
    places = {row.sitting_id: row for row in Candidate.objects.filter(person=person, sitting__in=found)}
    tried = (
        Attempt.objects.filter(person=person, sitting__in=found).select_related("submission", "gone_on_paper").timed().order_by("number")
    )
    newest = {attempt.sitting_id: attempt for attempt in tried}
    seen = [_seen(sitting, person, places.get(sitting.pk), newest.get(sitting.pk), at) for sitting in found]
    return [one for one in seen if one.sitting.is_listed or one.attempt or not one.is_past]


def near(*, person: Person, at: datetime) -> list[OwnSitting]:
    """What is under way, open, or coming within a week; the first one first. Three queries."""
    return [one for one in reversed(mine(person=person, at=at)) if not one.is_past and one.opens_at - at <= NEAR]


def one(*, person: Person, sitting: Sitting, at: datetime) -> OwnSitting:
    """This sitting as the person sees it, listed or not. Three queries."""
    place = Candidate.objects.filter(person=person, sitting=sitting).first()
    tried = Attempt.objects.filter(person=person, sitting=sitting).select_related("submission", "gone_on_paper").timed()
    return _seen(sitting, person, place, tried.order_by("-number").first(), at)


def _seen(sitting: Sitting, person: Person, place: Candidate | None, attempt: Attempt | None, at: datetime) -> OwnSitting:
    opens_at, last_entry_at, _closes_at = window_of(sitting, person.pk, sitting.added_minutes)
    return OwnSitting(
        sitting=sitting,
        room=place.room if place else "",
        seat=place.seat if place else "",
        opens_at=opens_at,
        last_entry_at=last_entry_at,
        attempt=attempt,
        is_running=attempt is not None and not is_closed(attempt) and not is_overdue(attempt, at),
        is_coming=attempt is None and at < opens_at,
        may_enter=attempt is None and opens_at <= at < last_entry_at,
    )
