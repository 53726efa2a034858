"""Files that are written in parts, so that after a killed worker the next goes on where it was (docs/decisions/0018).

First the keys of the rows are fixed in one reading: which rows there are, and in which order. Then, part by part, the rows are
read, laid into the private storage, and recorded with their hash. What is recorded is the truth for every worker: one that
finds a part recorded and whole takes it, one that finds it missing or changed makes it again from its keys, and of two that
made the same part the slower takes that of the quicker.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction
from django.db.models import F

from core.exports import Piece
from evaluation.models import Download, DownloadPart

ROWS = 5000  # of a part: so many are lost by a kill, and read again
HOME = "downloads"
Make = Callable[[list], tuple[Piece, int]]  # keys → the piece of the file, and how many rows are in it
State = Download.State


class Cancelled(Exception):
    """The order is over, or its parts are another worker's: whoever writes it stops."""


def is_fixed(download: Download, heads: list[str]) -> bool:
    """Whether its rows were fixed before. Under other headings - a new release of the program came between - nothing of that fits."""
    return download.fixed_at is not None and download.heads == heads


def fix(download: Download, keys: Callable[[], Iterable], *, heads: list[str], reach: list[str], at: datetime) -> None:
    """Fix the rows of an order that runs: their keys, in order. What was fixed before goes. Locks the order.

    Raises:
        Cancelled: the order is over, or another worker fixed them meanwhile.
    """
    total, made, source = 0, [], iter(keys())
    while some := list(islice(source, ROWS)):
        made.append(DownloadPart(download=download, number=len(made), keys=json.dumps(some)))
        total += len(some)
    with transaction.atomic():
        order = Download.objects.select_for_update().get(pk=download.pk)
        if order.state != State.RUNNING or order.fixed_at != download.fixed_at:
            raise Cancelled
        order.parts.all().delete()
        DownloadPart.objects.bulk_create(made, batch_size=50)
        download.fixed_at = at
        download.heads = heads
        download.reach = reach
        download.total = total
        download.done = 0
        download.seen_at = at
        download.save(update_fields=["fixed_at", "heads", "reach", "total", "done", "seen_at"])


def pieces(download: Download, make: Make, *, now: Callable[[], datetime]) -> Iterator[Piece]:
    """The pieces of the file in their order; what is not there yet, or not whole, is made on the way.

    Raises:
        Cancelled: the order is over.
    """
    for pk in list(download.parts.order_by("number").values_list("pk", flat=True)):
        piece = None
        while piece is None:
            part = DownloadPart.objects.filter(pk=pk).first()
            if part is None or not Download.objects.filter(pk=download.pk, state=State.RUNNING).update(seen_at=now()):
                raise Cancelled
            piece = _kept(part)
            if piece is None:
                piece = _made(part, make, now())
        yield piece


def _kept(part: DownloadPart) -> Piece | None:
    """What was laid down for the part, or None where that is missing or not what was recorded."""
    if not part.file:
        return None
    try:
        with storages["private"].open(part.file) as file:
            data = file.read()
    except FileNotFoundError:
        return None
    return Piece(data) if hashlib.sha256(data).hexdigest() == part.sha256 else None


def _made(part: DownloadPart, make: Make, at: datetime) -> Piece | None:
    """The part read, laid down and then recorded; None where another worker was quicker."""
    piece, rows = make([tuple(key) if isinstance(key, list) else key for key in json.loads(part.keys)])
    digest = hashlib.sha256(piece.data).hexdigest()
    file = storages["private"].save(f"{folder(part.download_id)}/{part.number:06d}-{digest[:16]}.part", ContentFile(piece.data))
    written = Download.objects.filter(pk=part.download_id, state=State.RUNNING)
    try:
        with transaction.atomic():
            # The order first, as everywhere: it is locked until the part is recorded. Whoever came further may try again as often.
            if not written.update(done=F("done") + rows - part.rows, seen_at=at, tries=1):
                raise Cancelled
            mine = DownloadPart.objects.filter(pk=part.pk, file=part.file, sha256=part.sha256)
            if not mine.update(file=file, sha256=digest, rows=rows):
                raise _Slower
    except BaseException as error:
        storages["private"].delete(file)
        if isinstance(error, _Slower):
            return None
        raise
    return piece


class _Slower(Exception):
    """Another worker recorded the same part meanwhile."""


def folder(pk: int) -> str:
    """Where the files of an order lie: its parts, and in the end the file itself."""
    return f"{HOME}/{pk}"


def tidy(pk: int) -> None:
    """Remove what lies there for an order that is over and is not its file. Safe to run at any time and twice."""
    download = Download.objects.filter(pk=pk).first()
    if download is not None and download.is_under_way:
        return
    DownloadPart.objects.filter(download_id=pk).delete()
    files = storages["private"]
    kept = download.file if download is not None else ""
    for name in _listed(folder(pk))[1]:
        if f"{folder(pk)}/{name}" != kept:
            files.delete(f"{folder(pk)}/{name}")
    if not kept:
        files.delete(folder(pk))  # a folder, where the storage has such


def sweep() -> None:
    """Tidy up behind every order: what a killed worker laid down and could not name, or one that was late."""
    for name in _listed(HOME)[0]:
        if name.isdecimal():
            tidy(int(name))


def _listed(place: str) -> tuple[list[str], list[str]]:
    try:
        return storages["private"].listdir(place)
    except FileNotFoundError:
        return [], []
