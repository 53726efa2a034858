"""A candidate's own sittings: what is coming, what is open, what was sat."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from people.models import Person
from quizzes.models import Attempt, Candidate, Sitting
from quizzes.services.attempts import is_closed, is_overdue

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
    """The sittings that somebody is to sit, may sit, or has sat, the latest first. Two queries."""
    found = list(Sitting.objects.sat_by(person).timed().annotate(**_place_of(person)).select_related("quiz"))
    tried = (
        Attempt.objects.filter(person=person, sitting__in=found).select_related("submission", "gone_on_paper").timed().order_by("number")
    )
    newest = {attempt.sitting_id: attempt for attempt in tried}
    seen = [_seen(sitting, (sitting.room, sitting.seat), person, newest.get(sitting.pk), at) for sitting in found]
    return [one for one in seen if one.sitting.is_listed or one.attempt or not one.is_past]


def near(*, person: Person, at: datetime) -> list[OwnSitting]:
    """What is under way, open, or coming within a week; the first one first. Two queries."""
    return [one for one in reversed(mine(person=person, at=at)) if not one.is_past and one.opens_at - at <= NEAR]


def one(*, person: Person, sitting: Sitting, at: datetime) -> OwnSitting:
    """This sitting as the person sees it, listed or not. Two queries."""
    place = Candidate.objects.filter(person=person, sitting=sitting).values_list("room", "seat").first() or ("", "")
    tried = Attempt.objects.filter(person=person, sitting=sitting).select_related("submission", "gone_on_paper").timed()
    return _seen(sitting, place, person, tried.order_by("-number").first(), at)


def _place_of(person: Person) -> dict[str, Coalesce]:
    """Annotations of a sitting: room and seat of one of its candidates."""
    own = Candidate.objects.filter(person=person, sitting=OuterRef("pk"))
    return {name: Coalesce(Subquery(own.values(name)[:1]), Value("")) for name in ("room", "seat")}


def _seen(sitting: Sitting, place: tuple[str, str], person: Person, attempt: Attempt | None, at: datetime) -> OwnSitting:
    opens_at, last_entry_at, _closes_at = sitting.window_of(person.pk)
    return OwnSitting(
        sitting=sitting,
        room=place[0],
        seat=place[1],
        opens_at=opens_at,
        last_entry_at=last_entry_at,
        attempt=attempt,
        is_running=attempt is not None and not is_closed(attempt) and not is_overdue(attempt, at),
        is_coming=attempt is None and at < opens_at,
        may_enter=attempt is None and opens_at <= at < last_entry_at,
    )
