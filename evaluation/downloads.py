"""Exports that a worker writes into files: ordered, watched, cancelled, handed out, removed after their time.

A file is written in one go, from the first row. A worker that was killed leaves no file behind; reconcile finds the
silent order and hands it to the next, which begins again: one reading of the rows is one moment of the database, and
parts of two moments would be neither.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.core.exceptions import PermissionDenied
from django.core.files import File
from django.core.files.storage import storages
from django.db import OperationalError, transaction
from django.utils.translation import gettext as _

from core import clock
from core.errors import Refused
from core.reconcile import Gap
from evaluation.exports import EXPORTS, Opened, still_reaches
from evaluation.models import Download, ExportChoice
from people.models import Person
from people.permissions import has_role

log = structlog.get_logger(__name__)
AT_ONCE = 5000  # rows: an export up to here streams while one waits
NOTED_EVERY = 2000  # rows: after so many it is noted how far it has come, and seen whether it was cancelled
KEPT = timedelta(days=3)  # a file carries names: it lies no longer than a weekend
SILENT = timedelta(minutes=5)  # so long without a sign of life: the worker was killed
MOST_TRIES = 3
MOST_AT_A_TIME = 3  # of one person
State = Download.State
Now = Callable[[], datetime]


class Cancelled(Exception):
    """The order was cancelled while its file was being written."""


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
        purpose=purpose.strip()[:200],
        unit=found.unit,
        reach=found.reach,
        total=found.count(),
        name=found.make().name[:200],
        form_key=form_key,
        made_at=at,
        seen_at=at,
    )
    transaction.on_commit(partial(then, made.pk), robust=True)  # a dead broker loses nothing: reconcile hands it on
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


def run(pk: int, *, now: Now = clock.now) -> None:
    """Write the file of an order that runs, from the first row. Safe to run twice: what is over is left alone.

    The rights are those of whoever ordered, as they are now.
    """
    download = Download.objects.select_related("by__unit").filter(pk=pk, state=State.RUNNING).first()
    if download is None:
        return
    running = Download.objects.filter(pk=pk, state=State.RUNNING)
    running.update(tries=download.tries + 1, done=0, seen_at=now())
    try:
        _write(download, now)
    except Cancelled:
        return
    except (PermissionDenied, Refused):
        running.update(state=State.FAILED, why=_("You no longer have the right to read these rows."), ended_at=now())
    except Exception:
        log.exception("download_failed", download=pk)
        running.update(state=State.FAILED, why=_("An unexpected error; it is in the log."), ended_at=now())


def _write(download: Download, now: Now) -> None:
    found = opened(download.key, download.by, download.filters, at=download.made_at)
    table = found.make().only(download.columns)
    counted = _Counted(download, table.rows, now)
    with tempfile.TemporaryFile() as file:
        replace(table, rows=counted).write(file, download.format)
        size, digest = file.tell(), hashlib.sha256()
        file.seek(0)
        while piece := file.read(1024 * 1024):
            digest.update(piece)
        file.seek(0)
        # Stored before the row that names it: a file without a row is waste, a row without a file would be a loss.
        stored = storages["private"].save(f"downloads/{download.pk}-{digest.hexdigest()[:16]}.{download.format}", File(file))
    ended = now()
    done = {"state": State.DONE, "done": counted.rows, "total": counted.rows, "size": size, "sha256": digest.hexdigest(), "file": stored}
    done["reach"] = found.reach  # the rights of the moment of writing
    times = {"ended_at": ended, "seen_at": ended, "expires_at": ended + KEPT}
    if not Download.objects.filter(pk=download.pk, state=State.RUNNING).update(**done, **times):  # cancelled meanwhile
        storages["private"].delete(stored)


class _Counted:
    """The rows, counted as they pass; now and then the count is noted, and an order that was cancelled ends here."""

    def __init__(self, download: Download, rows: Iterable, now: Now) -> None:
        self.rows, self._download, self._source, self._now = 0, download, rows, now

    def __iter__(self) -> Iterator:
        for row in self._source:
            yield row
            self.rows += 1
            if self.rows % NOTED_EVERY == 0:
                self._note()

    def _note(self) -> None:
        running = Download.objects.filter(pk=self._download.pk, state=State.RUNNING)
        try:
            if not running.update(done=self.rows, seen_at=self._now()):
                raise Cancelled
        except OperationalError:
            # SQLite, while another writes: a connection that is reading cannot join in. The count is noted next time.
            log.info("download_not_noted", download=self._download.pk)


def may_have(download: Download, user) -> bool:
    """Whether the file may be handed out: to whoever ordered it, while their rights reach all that they reached for it."""
    return download.by_id == user.pk and still_reaches(user, EXPORTS[download.key].roles, download.reach)


def pieces_of(download: Download) -> Iterator[bytes] | None:
    """The file in pieces, or None where there is none (any more)."""
    if download.state != State.DONE:
        return None
    try:
        stored = storages["private"].open(download.file)
    except FileNotFoundError:
        return None
    return iter(stored.chunks(1024 * 1024))


def wipe(*, at: datetime) -> int:
    """Remove the files whose time is over. Safe to run at any time and twice."""
    over = list(Download.objects.filter(state=State.DONE, expires_at__lte=at)[:1000])
    for download in over:
        storages["private"].delete(download.file)
        Download.objects.filter(pk=download.pk).update(state=State.EXPIRED, file="")
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
    log.error("download_given_up", download=download.pk)
