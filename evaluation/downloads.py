"""Exports that a worker writes into files: ordered, watched, cancelled, handed out, removed after their time.

A file is written in parts (evaluation/parts.py). Which rows it has, and in which order, is fixed once, before the first of
them is read. A worker that was killed, or whose database went away, leaves the order silent; reconcile hands it to the next,
which goes on behind the last whole part. No moment of a database outlives its connection, so the file does not pretend to be of
one: what changes in a row is as it was when its part was read, and the page says between when and when that was
(docs/decisions/0018).
"""

import gc
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.core.exceptions import PermissionDenied
from django.core.files import File
from django.core.files.storage import storages
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from core import clock
from core.errors import Refused
from core.exports import Piece
from core.reconcile import Gap
from evaluation import parts
from evaluation.exports import EXPORTS, Opened, still_reaches
from evaluation.models import Download, ExportChoice
from people.models import Person
from people.permissions import has_role

log = structlog.get_logger(__name__)
AT_ONCE = 5000  # rows: an export up to here streams while one waits
KEPT = timedelta(days=3)  # a file carries names: it lies no longer than a weekend
SILENT = timedelta(minutes=5)  # so long without a sign of life: the worker was killed
MOST_TRIES = 3  # without coming further
MOST_AT_A_TIME = 3  # of one person
State = Download.State
Now = Callable[[], datetime]


def opened(key: str, user, filters: dict, *, at: datetime) -> Opened:
    """What an export holds under the user's rights of now.

    Raises:
        PermissionDenied: no role that reads it.
        Refused: a filter that makes no sense or is out of reach ("filter").
    """
    if not has_role(user, *EXPORTS[key].roles):
        raise PermissionDenied
    return EXPORTS[key].open(user, filters, at)


def choose(*, person: Person, key: str, columns: list[str], format: str) -> None:
    """Keep the columns and the format that a person chose, for the next time."""
    ExportChoice.objects.update_or_create(person=person, key=key, defaults={"columns": columns, "format": format})


def chosen(person: Person, key: str) -> ExportChoice | None:
    return ExportChoice.objects.filter(person=person, key=key).first()


@transaction.atomic
def order(
    *,
    key: str,
    filters: dict,
    columns: list[str],
    format: str,
    purpose: str,
    form_key: str,
    by: Person,
    at: datetime,
    then: Callable[[int], object],
) -> Download:
    """Have an export written by a worker: `then(pk)` is called when the order is committed. The same form again gives the same order.

    Locks the row of whoever orders.

    Raises:
        PermissionDenied, Refused ("filter"): as `opened`. Refused: no_purpose, too_many (at a time).
    """
    Person.objects.select_for_update(no_key=True).only("pk").get(pk=by.pk)
    standing = Download.objects.filter(by=by, form_key=form_key).first()
    if standing is not None:
        return standing
    if not purpose.strip():
        raise Refused(_("Write down the purpose."), code="no_purpose")
    if Download.objects.filter(by=by, state=State.RUNNING).count() >= MOST_AT_A_TIME:
        raise Refused(
            _("%(most)d of your exports are being written. Wait for one of them, or cancel it.") % {"most": MOST_AT_A_TIME},
            code="too_many",
        )
    found = opened(key, by, filters, at=at)
    made = Download.objects.create(
        by=by,
        key=key,
        filters=filters,
        words=found.words,
        columns=columns,
        format=format,
        language=get_language() or "",
        purpose=purpose.strip()[:200],
        unit=found.unit,
        reach=found.reach,
        total=found.count(),
        name=found.make().name[:200],
        form_key=form_key,
        made_at=at,
        seen_at=at,
    )
    transaction.on_commit(lambda: then(made.pk), robust=True)  # a dead broker loses nothing: reconcile hands it on
    return made


@transaction.atomic
def cancel(*, download: Download, by: Person, at: datetime) -> None:
    """Stop it; no file is left.

    Raises:
        Refused: it is over ("over").
    """
    mine = Download.objects.visible_to(by).filter(pk=download.pk, state=State.RUNNING)
    if not mine.update(state=State.CANCELLED, ended_at=at, seen_at=at):
        raise Refused(_("This is over; it cannot be cancelled."), code="over")
    transaction.on_commit(lambda: parts.tidy(download.pk), robust=True)  # where that fails, the sweep does it


def run(pk: int, *, now: Now = clock.now) -> None:
    """Write the file of an order that runs, or go on with it. Safe to run twice and beside itself: what is over is left alone.

    The rights are those of whoever ordered, as they are now; what was begun under wider ones is not gone on with.
    """
    download = Download.objects.select_related("by__unit").filter(pk=pk, state=State.RUNNING).first()
    if download is None:
        return
    running = Download.objects.filter(pk=pk, state=State.RUNNING)
    running.update(tries=F("tries") + 1, seen_at=now())
    try:
        with override(download.language or get_language()):
            _write(download, now)
    except parts.Cancelled:
        pass
    except (OperationalError, InterfaceError):
        log.exception("download_left_to_the_next", download=pk)  # the database went away, or was locked: not the order's fault
        return
    except (PermissionDenied, Refused):
        running.update(state=State.FAILED, why=_("You no longer have the right to read these rows."), ended_at=now())
    except Exception:
        log.exception("download_failed", download=pk)
        running.update(state=State.FAILED, why=_("An unexpected error; it is in the log."), ended_at=now())
    parts.tidy(pk)


def _write(download: Download, now: Now) -> None:
    found = opened(download.key, download.by, download.filters, at=download.made_at)
    if download.fixed_at and not still_reaches(download.by, EXPORTS[download.key].roles, download.reach):
        raise PermissionDenied
    table = found.make().only(download.columns)
    heads = [f"{column.key} {column.title}" for column in table.columns]
    began, is_first = now(), not parts.is_fixed(download, heads)
    # SQLite lets nobody write on a connection that reads while others write: there every part is read by its keys.
    reading = Reading(found, stream=is_first and connection.vendor == "postgresql")  # it sorts the rows while their keys are fixed
    if is_first:
        parts.fix(download, found.keys, heads=heads, reach=found.reach, at=began)

    def make(keys: list) -> tuple[Piece, int]:
        rows = reading.rows(keys)
        return replace(table, rows=rows).piece(download.format), len(rows)

    with tempfile.TemporaryFile() as file, _few_to_look_through():
        table.join(parts.pieces(download, make, now=now), file, download.format, created=download.fixed_at)
        size, digest = file.seek(0, os.SEEK_END), hashlib.sha256()
        file.seek(0)
        while piece := file.read(1024 * 1024):
            digest.update(piece)
        file.seek(0)
        # Stored before the row that names it: a file without a row is waste, a row without a file would be a loss.
        stored = storages["private"].save(f"{parts.folder(download.pk)}/{digest.hexdigest()[:16]}.{download.format}", File(file))
    ended = now()
    done = {"state": State.DONE, "total": F("done"), "size": size, "sha256": digest.hexdigest(), "file": stored}
    times = {"ended_at": ended, "seen_at": ended, "expires_at": ended + KEPT}
    # Where it was cancelled meanwhile, or another worker was quicker, the file is named by no row: `tidy` removes it.
    Download.objects.filter(pk=download.pk, state=State.RUNNING).update(**done, **times)


@contextmanager
def _few_to_look_through() -> Iterator[None]:
    """A million rows make Python look dozens of times for what nobody needs any more: not among all that the program held before them."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class Reading:
    """The rows of an export by their keys: out of one stream, where there is one and it gives them in time, else by a query.

    A stream is one reading of the database, and twice as fast. A worker that goes on where another was has none: it asks.
    """

    def __init__(self, found: Opened, *, stream: bool) -> None:
        self._found = found
        self._stream = found.keyed() if stream and found.keyed else iter(())
        self._ahead: dict = {}  # what the stream gave and nobody asked for yet

    def rows(self, keys: list) -> list:
        """Those that still belong, in the order of the keys."""
        missing = set(keys) - self._ahead.keys()
        while missing and len(self._ahead) < 2 * parts.ROWS:
            key, row = next(self._stream, (None, None))
            if key is None:
                break
            self._ahead[key] = row
            missing.discard(key)
        found = [self._ahead.pop(key, None) for key in keys]
        return list(self._found.make(keys).rows) if missing else found


def may_have(download: Download, user) -> bool:
    """Whether the file may be handed out: to whoever ordered it, while their rights reach all that they reached for it."""
    return download.by_id == user.pk and still_reaches(user, EXPORTS[download.key].roles, download.reach)


def pieces_of(download: Download, *, at: datetime) -> Iterator[bytes] | None:
    """The file in pieces, or None where there is none (any more)."""
    if download.state_at(at) != State.DONE:
        return None
    try:
        stored = storages["private"].open(download.file)
    except FileNotFoundError:
        return None
    return iter(stored.chunks(1024 * 1024))


def wipe(*, at: datetime) -> int:
    """Remove the files whose time is over, and what was left over of any order. Safe to run at any time and twice."""
    over = list(Download.objects.filter(state=State.DONE, expires_at__lte=at)[:1000])
    for download in over:
        storages["private"].delete(download.file)
        Download.objects.filter(pk=download.pk).update(state=State.EXPIRED, file="")
    parts.sweep()
    return len(over)


def stuck_gaps(at: datetime, *, again: Callable[[int], object]) -> list[Gap]:
    """Orders that gave no sign of life for minutes: their worker was killed. `again(pk)` hands one to a worker anew."""
    silent = Download.objects.filter(state=State.RUNNING, seen_at__lt=at - SILENT).order_by("seen_at")[:100]
    return [Gap(f"export {download.pk} is silent", partial(_mend, download, at, again)) for download in silent]


def _mend(download: Download, at: datetime, again: Callable[[int], object]) -> None:
    if download.tries < MOST_TRIES:
        again(download.pk)
        return
    running = Download.objects.filter(pk=download.pk, state=State.RUNNING)
    running.update(state=State.FAILED, why=_("It was begun several times and came no further."), ended_at=at)
    parts.tidy(download.pk)
    log.error("download_given_up", download=download.pk)
