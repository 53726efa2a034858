"""A candidate's own sittings: what is coming, what is open, what was sat."""

from collections import defaultdict
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from people.models import Person
from quizzes.models import Allowance, Attempt, Candidate, Sitting
from quizzes.services.attempts import is_closed, is_overdue, used_up, without_marks

NEAR = timedelta(days=7)


@dataclass(frozen=True)
class OwnSitting:
    """One sitting as its candidate sees it: place, own window, and the attempt in it that runs, else the newest."""

    sitting: Sitting
    room: str
    seat: str
    opens_at: datetime
    last_entry_at: datetime
    attempt: Attempt | None
    is_running: bool  # an attempt is under way
    is_coming: bool
    may_enter: bool  # an attempt is left, and one is let in now (`sittings.admission`)
    ended: list[Attempt]  # the attempts that are over and count as ones, in their order

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
    found = list(Sitting.objects.sat_by(person).timed().annotate(**_Own.annotations(person)).select_related("quiz"))
    tried = defaultdict(list)
    for attempt in _tried(person).filter(sitting__in=found):
        tried[attempt.sitting_id].append(attempt)
    seen = [_seen(sitting, _Own.of(sitting), person, tried[sitting.pk], at) for sitting in found]
    return [one for one in seen if one.sitting.is_listed or one.attempt or not one.is_past]


def near(*, person: Person, at: datetime) -> list[OwnSitting]:
    """What is under way, open, or coming within a week; the first one first. Two queries."""
    return [one for one in reversed(mine(person=person, at=at)) if not one.is_past and one.opens_at - at <= NEAR]


def one(*, person: Person, sitting: Sitting, at: datetime) -> OwnSitting:
    """This sitting as the person sees it, listed or not. Two queries."""
    own = _Own.of(Sitting.objects.annotate(**_Own.annotations(person)).only("pk").get(pk=sitting.pk))
    return _seen(sitting, own, person, list(_tried(person).filter(sitting=sitting)), at)


@dataclass(frozen=True)
class _Own:
    """What is somebody's own of a sitting: whether they are on its list, room and seat there, and how many attempts they have."""

    is_candidate: bool
    room: str
    seat: str
    allowed: int

    @staticmethod
    def annotations(person: Person) -> dict:
        place = Candidate.objects.filter(person=person, sitting=OuterRef("pk"))
        more = Allowance.objects.filter(person=person, sitting=OuterRef("pk")).order_by().values("sitting")
        return {
            "is_candidate": Exists(place),
            **{name: Coalesce(Subquery(place.values(name)[:1]), Value("")) for name in ("room", "seat")},
            "allowed": Coalesce(Subquery(more.annotate(more=Sum("extra_attempts")).values("more")), 0) + Value(1),
        }

    @classmethod
    def of(cls, annotated: Sitting) -> "_Own":
        return cls(**{field.name: getattr(annotated, field.name) for field in fields(cls)})


def _tried(person: Person):
    return Attempt.objects.filter(person=person).select_related("submission", "gone_on_paper").timed().in_order()


def _seen(sitting: Sitting, own: _Own, person: Person, tried: list[Attempt], at: datetime) -> OwnSitting:
    opens_at, last_entry_at = sitting.entry_of(person.pk, at, has_more=lambda: own.allowed > 1)
    running = next((attempt for attempt in tried if not is_closed(attempt) and not is_overdue(attempt, at)), None)
    is_let_in = opens_at <= at < last_entry_at and (own.is_candidate or not sitting.is_listed)
    return OwnSitting(
        sitting=sitting,
        room=own.room,
        seat=own.seat,
        opens_at=opens_at,
        last_entry_at=last_entry_at,
        attempt=running or (tried[-1] if tried else None),
        is_running=running is not None,
        is_coming=not tried and at < opens_at,
        ended=[one for one in tried if not hasattr(one, "gone_on_paper") and (is_closed(one) or is_overdue(one, at))],
        may_enter=is_let_in and running is None and without_marks(tried) is None and used_up(tried) < own.allowed,
    )
