"""Work that one process does at a time, and people who come in one after another.

Who dies in the middle, kill -9 or not, leaves nothing locked.
"""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from core.models import Line


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Whether the turn is ours; False while another process or thread has it. Never waits.

    PostgreSQL holds it for our connection, on all machines; elsewhere a lock on a file does, on this machine.
    """
    with _by_database(name) if connection.vendor == "postgresql" else _by_file(name) as is_ours:
        yield is_ours


@contextmanager
def one_of(name: str, most: int) -> Iterator[bool]:
    """Whether one of `most` turns on this machine is ours; False while all are taken. Never waits. For what a machine's cores must share."""
    with ExitStack() as held:
        yield any(held.enter_context(_by_file(f"{name}.{number}")) for number in range(most))


@contextmanager
def _by_database(name: str) -> Iterator[bool]:
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


@contextmanager
def _by_file(name: str) -> Iterator[bool]:
    folder = Path(settings.VAR_DIR) / "turns"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@transaction.atomic
def place(name: str, *, every: timedelta, at_once: int, at: datetime) -> datetime:
    """The moment at which one more of a line may come in; `at` itself, or one before it, means now.

    One comes in `every` so long, and `at_once` may come together after a pause (generic cell rate algorithm,
    ITU-T I.371). Locks the line for an instant; two queries, but for its first place.
    """
    start = at - every * at_once
    locked = Line.objects.select_for_update().filter(name=name)
    line = locked.first()
    if line is None:
        Line.objects.get_or_create(name=name, defaults={"given_until": start})
        line = locked.get()
    moment = max(line.given_until, start)
    Line.objects.filter(name=name).update(given_until=moment + every)
    return moment
