"""Who may begin an exam now, when many press the button together.

To begin costs the server ten times what saving an answer does. So beginners come in at a pace that leaves room for
the answers of those who sit already; whoever has to wait is told how long, and comes in by themselves.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.core.cache import caches

from core import turns
from people.models import Person
from quizzes.models import Sitting

SALT = "quizzes.entrance"
LONGEST_WAIT = timedelta(minutes=5)  # that may cost somebody exam time; a longer one must not
ON_THE_WAY = timedelta(seconds=5)  # from the page that waited to here: nobody is told to come when entry has closed meanwhile
KEPT = timedelta(hours=2)  # so long a place is known again; nobody waits longer
AT_ONCE_SECONDS = 0.5  # what may come in together after a pause; a longer rush holds up the answers of those who sit


@dataclass(frozen=True)
class Turn:
    """When somebody may begin, and the signed word that says so when they come back then."""

    at: datetime
    token: str


def turn(*, person: Person, sitting: Sitting, token: str, at: datetime) -> Turn:
    """When this person may begin in this sitting: now (`at` or before), or a little later. Reads `sitting.added_minutes`.

    A place once given is kept: by its token, and by this process for whoever asks again without it. Nobody
    waits beyond the last moment of entry, and more than five minutes only where the whole time of the exam is left
    after it. Where the line is longer than that, those behind are spread evenly over the time that there is: they come
    in faster than the pace, but never all at once. Nobody takes a place outside the hours of entry.
    """
    opens_at, last_entry_at, closes_at = sitting.window_of(person.pk)
    if not opens_at <= at < last_entry_at or not settings.EXAM_ENTRIES_PER_SECOND:
        return Turn(at, "")
    given = _read(token, person, sitting)
    if given is None:
        costs_time_from = closes_at - timedelta(minutes=sitting.quiz.minutes) if sitting.quiz.minutes else opens_at
        given = _place(person, sitting, at, latest=min(last_entry_at - ON_THE_WAY, max(costs_time_from, at + LONGEST_WAIT)))
    if given >= last_entry_at:  # the sitting was moved since
        given = at
    return Turn(given, signing.dumps([sitting.pk, person.pk, given.isoformat()], salt=SALT))


def _place(person: Person, sitting: Sitting, at: datetime, *, latest: datetime) -> datetime:
    key, local = f"turn:{sitting.pk}:{person.pk}", caches["local"]
    given = local.get(key)
    if given is None:
        every = timedelta(seconds=1 / settings.EXAM_ENTRIES_PER_SECOND)
        given = turns.place("exams", every=every, at_once=max(1, int(settings.EXAM_ENTRIES_PER_SECOND * AT_ONCE_SECONDS)), at=at)
        if given >= latest:
            given = at + (given - at) % (latest - at) if latest > at else at
        local.set(key, given, timeout=KEPT.total_seconds())
    return given


def _read(token: str, person: Person, sitting: Sitting) -> datetime | None:
    try:
        of_sitting, of_person, moment = signing.loads(token[:400], salt=SALT, max_age=KEPT)
    except signing.BadSignature:
        return None
    return datetime.fromisoformat(moment) if (of_sitting, of_person) == (sitting.pk, person.pk) else None
