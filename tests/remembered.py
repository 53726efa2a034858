"""Worlds that many tests stand on, built once a process by the real services and then put back row by row.

The cast and its courses are made by thousands of tests, in the same empty database, with the same rows. What a
`remembered` function wrote is kept the second time that it is asked for from the same state of the database, and put back
from the third on, in a few statements instead of hundreds. The state is told by every statement that the test wrote before:
where one differs, the function simply runs.

Behind a test with real transactions the tables are brought back to the rows of the migrations, under the same keys: what was
kept stays true.
"""

import functools
import hashlib
import pickle
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.contrib.contenttypes.models import ContentType
from django.core.cache import caches
from django.db import connection, transaction
from django.db.models import Model

READS = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET", "PRAGMA", "EXPLAIN")


@dataclass
class _Change:
    """What a function did to one table: rows that went away and rows that came, as the database gives them."""

    gone: list
    come: list


@dataclass
class _Memory:
    baseline: dict = field(default_factory=dict)  # rows by table, as the migrations left them
    sequences: list = field(default_factory=list)  # SQLite's newest keys then
    seen: Counter = field(default_factory=Counter)
    kept: dict = field(default_factory=dict)
    written: "hashlib._Hash" = field(default_factory=hashlib.sha1)
    is_known: bool = True  # whether all that this test wrote is told by `written`
    is_building: bool = False


_memory = _Memory()


@contextmanager
def _unwatched():
    """What is written here is told by the function that writes it."""
    _memory.is_building = True
    try:
        yield
    finally:
        _memory.is_building = False


def watch(execute, sql, params, many, context):
    """Django's hook on statements: what a test writes tells its state of the database."""
    if not _memory.is_building and not (begins := str(sql).lstrip()[:12]).startswith(READS):
        if connection.vendor == "postgresql" and begins.startswith("INSERT"):
            _memory.is_known = False  # the new row's number is the sequence's, which no test sets back
        _memory.written.update(f"{sql}{params}".encode())
    return execute(sql, params, many, context)


def watch_others(connection, **_more) -> None:
    """A signal's receiver: what another thread writes, such as a server's, tells this one nothing."""

    def watch_other(execute, sql, params, many, context):
        if not str(sql).lstrip()[:12].startswith(READS):
            _memory.is_known = False
        return execute(sql, params, many, context)

    if threading.current_thread() is not threading.main_thread():
        connection.execute_wrappers.append(watch_other)


def begin() -> None:
    """A new test, in a database where nothing was written."""
    _memory.written, _memory.is_known, _memory.is_building = hashlib.sha1(usedforsecurity=False), True, False
    if watch not in connection.execute_wrappers:
        connection.execute_wrappers.append(watch)


def note_baseline() -> None:
    """Before the first test: what `restore` brings back."""
    _memory.baseline = _rows()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, seq FROM sqlite_sequence")
            _memory.sequences = cursor.fetchall()


def restore() -> None:
    """Bring every table back to the baseline, behind a test with real transactions."""
    with transaction.atomic(), _unwatched(), connection.cursor() as cursor:
        _put(_differences(_rows(), _memory.baseline), cursor)
        if connection.vendor == "sqlite":
            cursor.execute("DELETE FROM sqlite_sequence")
            cursor.executemany("INSERT INTO sqlite_sequence VALUES (%s, %s)", _memory.sequences)
    ContentType.objects.clear_cache()


def remembered(build=None, *, after: int = 1):
    """Has `build` run for the same arguments from the same state, then puts back its rows and gives a copy of its result.

    It runs `after` times before what it does is kept: looking at every table is not worth it for what is never asked for again.
    """
    if build is None:
        return functools.partial(remembered, after=after)

    @functools.wraps(build)
    def ask(*args, **kwargs):
        if _memory.is_building or not _memory.is_known:
            return build(*args, **kwargs)
        told = [
            build.__qualname__,
            connection.in_atomic_block,
            [_told(one) for one in args],
            sorted((name, _told(one)) for name, one in kwargs.items()),
        ]
        key = f"{_memory.written.hexdigest()} {told}"
        if key not in _memory.kept:
            _memory.seen[key] += 1
            is_kept = _memory.seen[key] > after
            given = _run(build, args, kwargs, key if is_kept else None)
            # What was not kept has keys of its own on PostgreSQL: nothing that is kept may follow it.
            _memory.is_known = is_kept or connection.vendor != "postgresql"
        else:
            changes, result = _memory.kept[key]
            with transaction.atomic(), _unwatched(), connection.cursor() as cursor:
                _put(changes, cursor)
            caches["local"].clear()  # as the services would have had it forget
            given = pickle.loads(result)
        _memory.written.update(key.encode())
        return given

    return ask


def _run(build, args, kwargs, key):
    """Runs it, and keeps what it did to the tables where there is a key."""
    before = _rows() if key else {}
    with _unwatched():
        given = build(*args, **kwargs)
    if key:
        _memory.kept[key] = _differences(before, _rows()), pickle.dumps(given)
    return given


def _differences(before: dict[str, dict], after: dict[str, dict]) -> dict[str, _Change]:
    return {
        table: _Change([row for row in was if row not in after[table]], [row for row in after[table] if row not in was])
        for table, was in before.items()
        if was != after[table]
    }


def _told(value) -> str:
    return f"{value._meta.label} {value.pk}" if isinstance(value, Model) else repr(value)


def _rows() -> dict[str, dict]:
    """Every row of every table: a dict for its order, `{row: None}`."""
    with connection.cursor() as cursor:
        found = {}
        for table in _tables(connection.vendor):
            cursor.execute(f'SELECT t::text FROM "{table}" t' if connection.vendor == "postgresql" else f'SELECT rowid, * FROM "{table}"')
            found[table] = dict.fromkeys(cursor.fetchall())
        return found


@functools.cache
def _tables(vendor: str) -> list[str]:
    with connection.cursor() as cursor:
        if vendor == "postgresql":
            return sorted(connection.introspection.table_names(cursor))
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")
        names = {name for (name,) in cursor.fetchall()}
        # What the full text search keeps is written by triggers on its entries.
        return sorted(name for name in names if "_fts_" not in name and not name.startswith("sqlite_"))


def _put(changes: dict[str, _Change], cursor) -> None:
    for table, change in changes.items():
        if connection.vendor == "postgresql":
            if change.gone:
                cursor.execute(f'DELETE FROM "{table}" t WHERE t::text = ANY(%s)', [[row for (row,) in change.gone]])
            if change.come:
                rows = [row for (row,) in change.come]
                cursor.execute(f'INSERT INTO "{table}" SELECT (x.r::"{table}").* FROM unnest(%s::text[]) AS x(r)', [rows])
        else:
            if change.gone:
                cursor.executemany(f'DELETE FROM "{table}" WHERE rowid = %s', [row[:1] for row in change.gone])
            if change.come:
                places = ", ".join(["%s"] * (len(change.come[0]) - 1))
                cursor.executemany(f'INSERT INTO "{table}" VALUES ({places})', [row[1:] for row in change.come])
