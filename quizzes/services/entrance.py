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
from quizzes.services import sittings

SALT = "quizzes.entrance"
LONGEST_WAIT = timedelta(minutes=5)  # after which people come in whatever the load
AT_ONCE_SECONDS = 0.5  # what may come in together after a pause; a longer rush holds up the answers of those who sit


@dataclass(frozen=True)
class Turn:
    """When somebody may begin, and the signed word that says so when they come back then."""

    at: datetime
    token: str


def turn(*, person: Person, sitting: Sitting, token: str, at: datetime) -> Turn:
    """When this person may begin in this sitting: now (`at` or before), or a little later. Reads `sitting.added_minutes`.

    A place once given is kept: by its token, and by this process for whoever asks again without it. Nobody
    waits beyond the last moment of entry, and nobody takes a place outside the hours of entry.
    """
    opens_at, last_entry_at, _closes_at = sittings.window_of(sitting, person.pk, sitting.added_minutes)
    if not opens_at <= at < last_entry_at or not settings.EXAM_ENTRIES_PER_SECOND:
        return Turn(at, "")
    given = _read(token, person, sitting) or _place(person, sitting, at)
    if given >= min(last_entry_at, at + LONGEST_WAIT):
        given = at
    return Turn(given, signing.dumps([sitting.pk, person.pk, given.isoformat()], salt=SALT))


def _place(person: Person, sitting: Sitting, at: datetime) -> datetime:
    key, local = f"turn:{sitting.pk}:{person.pk}", caches["local"]
    given = local.get(key)
    if given is None:
        every = timedelta(seconds=1 / settings.EXAM_ENTRIES_PER_SECOND)
        given = turns.place("exams", every=every, at_once=max(1, int(settings.EXAM_ENTRIES_PER_SECOND * AT_ONCE_SECONDS)), at=at)
        local.set(key, given, timeout=LONGEST_WAIT.total_seconds())
    return given


def _read(token: str, person: Person, sitting: Sitting) -> datetime | None:
    try:
        of_sitting, of_person, moment = signing.loads(token[:400], salt=SALT, max_age=LONGEST_WAIT * 2)
    except signing.BadSignature:
        return None
    return datetime.fromisoformat(moment) if (of_sitting, of_person) == (sitting.pk, person.pk) else None
