"""Many certificates at once, in the background: issued, made again, packed; cancelled, and taken up again after a crash.

Each step may run twice: issuing gives what stands, a paper that is there is kept, and a part of a package is written anew.
"""

import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import IO, Any, TypeVar

import structlog
from django.core.exceptions import PermissionDenied
from django.core.files import File
from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from certificates import files
from certificates.models import Batch, Certificate, CertificateQuerySet
from certificates.models import State as CertificateState
from certificates.services import issuing
from certificates.storage import papers
from core import audit, clock
from core.errors import Refused
from core.exports import Column, Exporter, csv_chunks
from core.reconcile import Gap
from courses.models import Completion
from people.models import Person, Role, Unit
from people.permissions import units_of

log = structlog.get_logger(__name__)
STEP = 25  # after so many a batch notes how far it came, and looks whether it was cancelled
ONE_TURN = timedelta(minutes=2)  # then the worker lets others have a turn, and the batch is queued again
SILENT = timedelta(minutes=5)  # so long without a sign of life: the worker was killed
KEPT = timedelta(days=1)  # a package carries names: it is kept for a day
MOST_NAMED = 200
MOST_PACKED = 20_000
PART = 2000  # papers in one file of a package: as many as are read and written within a fraction of what a task may take
MOST_TRIES = 3
Kind, State = Batch.Kind, Batch.State
# In a package not among those that stand: the paper does not say so. One that has expired says it itself.
SET_APART = (CertificateState.SUSPENDED, CertificateState.REVOKED, CertificateState.REPLACED)
Row = TypeVar("Row", bound=Model)
Now = Callable[[], datetime]
Step = Callable[[Batch, list[Any], datetime], None]


def may_order(user, unit: Unit) -> bool:
    """Whether the user is HR of this unit or of one above it."""
    return user.is_authenticated and any(unit.path.startswith(mine.path) for mine in units_of(user, Role.HR))


@transaction.atomic
def order(*, kind: str, unit: Unit, year: int, by: Person, at: datetime, then: Callable[[int], object], purpose: str = "") -> Batch:
    """Have it done in the background, for a year or (0) all: `then(pk)` is called when the order is committed. The same again while it runs gives what runs.

    Raises:
        PermissionDenied: `by` is not HR of the unit.
        Refused: nothing_to_do, too_many (to pack), no_purpose (to pack: names leave the product), other_purpose (the
            same package is being made for something else).
    """
    if not may_order(by, unit):
        raise PermissionDenied
    purpose = purpose.strip()
    if kind == Kind.PACK and not purpose:
        raise Refused(_("Say what the package is for: it is kept with the record of this download."), code="no_purpose")
    batch = Batch(kind=kind, unit=unit, year=year, purpose=purpose[:200], by=by, made_at=at, seen_at=at)
    standing = Batch.objects.filter(kind=kind, unit=unit, year=year, by=by, state=State.RUNNING).first()
    if standing is not None:
        return _same(standing, batch)
    batch.total = _rows(batch).count()
    if not batch.total:
        raise Refused(_("There is nothing to do for this unit and year."), code="nothing_to_do")
    if kind == Kind.PACK and batch.total > MOST_PACKED:
        raise Refused(
            _("%(count)d certificates are too many for one package of at most %(most)d: choose a year or a smaller unit.")
            % {"count": batch.total, "most": MOST_PACKED},
            code="too_many",
        )
    try:
        with transaction.atomic():
            batch.save()
    except IntegrityError:  # the other of two clicks was quicker
        return _same(Batch.objects.get(kind=kind, unit=unit, year=year, by=by, state=State.RUNNING), batch)
    audit.record(unit, "certificates.batch_ordered", by=by, kind=kind, year=year, count=batch.total, purpose=batch.purpose)
    transaction.on_commit(lambda: then(batch.pk), robust=True)  # a dead broker loses nothing: reconcile hands it on
    return batch


def _same(standing: Batch, wanted: Batch) -> Batch:
    """What runs already. Each package is on record with what it is for: one for something else is another one."""
    if wanted.kind == Kind.PACK and standing.purpose != wanted.purpose:
        raise Refused(
            _("The same package is being made for “%(purpose)s”. Wait until it is done, or cancel it, and order again.")
            % {"purpose": standing.purpose},
            code="other_purpose",
        )
    return standing


@transaction.atomic
def cancel(*, batch: Batch, by: Person, at: datetime) -> None:
    """Stop after the step that runs; what was done stays. Locks the batch.

    Raises:
        Refused: it is over.
    """
    held = Batch.objects.visible_to(by).select_for_update(of=("self",)).get(pk=batch.pk)
    if held.state != State.RUNNING:
        raise Refused(_("This is over; it cannot be cancelled."), code="over")
    Batch.objects.filter(pk=held.pk).update(state=State.CANCELLED, ended_at=at, seen_at=at)


def run(pk: int, *, now: Now = clock.now) -> bool:
    """Go on with a batch where it stands, for one turn. Whether more remains to be done."""
    batch = Batch.objects.select_related("unit", "by").filter(pk=pk, state=State.RUNNING).first()
    if batch is None:
        return False
    Batch.objects.filter(pk=pk).update(tries=batch.tries + 1, seen_at=now())
    until = now() + ONE_TURN
    steps: dict[str, Step] = {Kind.ISSUE: _issue_all, Kind.RENDER: _render_all, Kind.PACK: _make_ready}
    do = steps[batch.kind]
    while now() < until:
        step = list(_rows(batch).filter(pk__gt=batch.after).order_by("pk")[:STEP])
        if step:
            do(batch, step, now())
            batch.after, batch.done = step[-1].pk, min(batch.done + len(step), batch.total)
        elif batch.kind == Kind.PACK and (part := _next_part(batch)):
            if not _is_packed(batch, part, now):
                return False
        else:
            _finish(batch, now())
            return False
        if not _is_noted(batch, now()):
            return False
    return True


def _rows(batch: Batch) -> QuerySet:
    """What the batch is about, as far as whoever ordered it may read it."""
    if batch.kind == Kind.ISSUE:
        rows = Completion.objects.standing().visible_to(batch.by).exclude(certificate="").filter(certificates__isnull=True)
        rows = rows.select_related("course")
        rows = rows.filter(unit__path__startswith=batch.unit.path)
        if batch.year:
            rows = rows.filter(
                completed_at__gte=clock.start_of(date(batch.year, 1, 1)), completed_at__lt=clock.start_of(date(batch.year + 1, 1, 1))
            )
        return rows
    return _certificates(batch)


def _certificates(batch: Batch) -> CertificateQuerySet:
    found = Certificate.objects.visible_to(batch.by).filter(unit__path__startswith=batch.unit.path)
    found = found.select_related("kind", "version", "completion", "renews", "replaces")  # what a paper and its badge are made from
    return found.filter(issued_on__year=batch.year) if batch.year else found


def _issue_all(batch: Batch, completions: list[Completion], at: datetime) -> None:
    """Those of one kind in one transaction; where that fails, each in its own."""
    groups: dict[tuple, list[Completion]] = defaultdict(list)
    for completion in completions:
        groups[completion.course.county_id, completion.certificate].append(completion)
    with issuing.papers_on_request():
        for group in groups.values():
            try:
                outcomes = issuing.issue_all(completions=[one.pk for one in group], at=at)
            except Exception:
                log.warning("batch_step_failed", batch=batch.pk, exc_info=True)
                _one_by_one(batch, group, lambda completion: issuing.issue(completion=completion, at=at))
                continue
            for completion in group:
                outcome = outcomes[completion.pk]
                if isinstance(outcome, Refused):
                    _note(batch, completion, outcome.message)


def _render_all(batch: Batch, certificates: list[Certificate], at: datetime) -> None:
    _one_by_one(batch, certificates, files.remake)


def _make_ready(batch: Batch, certificates: list[Certificate], at: datetime) -> None:
    _one_by_one(batch, certificates, lambda certificate: files.read(certificate, "pdf"))


def _one_by_one(batch: Batch, rows: Iterable[Row], do: Callable[[Row], object]) -> None:
    for row in rows:
        try:
            do(row)
        except Refused as refusal:
            _note(batch, row, refusal.message)
        except Exception:  # one that cannot be done never stops the rest
            log.exception("batch_row_failed", batch=batch.pk, row=row.pk)
            _note(batch, row, _("An unexpected error; it is in the log."))


def _note(batch: Batch, row: Model, why: str) -> None:
    batch.failed += 1
    if len(batch.failures) < MOST_NAMED:
        what = row.number if isinstance(row, Certificate) else f"{row.person_name} · {row.course_title}"  # type: ignore[attr-defined]
        batch.failures.append([what, why])


def _is_noted(batch: Batch, at: datetime) -> bool:
    """Whether the batch still runs; then how far it came is on record. Progress forgives earlier deaths."""
    return bool(
        Batch.objects.filter(pk=batch.pk, state=State.RUNNING).update(
            after=batch.after,
            done=batch.done,
            failures=batch.failures,
            failed=batch.failed,
            files=batch.files,
            packed=batch.packed,
            tries=0,
            seen_at=at,
        )
    )


def _finish(batch: Batch, at: datetime) -> None:
    Batch.objects.filter(pk=batch.pk, state=State.RUNNING).update(state=State.DONE, done=batch.total, ended_at=at, seen_at=at)


def _next_part(batch: Batch) -> list[int]:
    left = _certificates(batch).filter(pk__gt=batch.packed, pk__lte=batch.after).order_by("pk")
    return list(left.values_list("pk", flat=True)[:PART])


def _is_packed(batch: Batch, keys: list[int], now: Now) -> bool:
    """Write a part of a package whose papers are all there, each in memory alone. False: the batch was cancelled meanwhile.

    Its name goes on record first: what a killed worker left half is written over by the next one, or wiped with the rest.
    """
    name = f"batches/{batch.pk}-{batch.made_at:%Y%m%d%H%M%S}-{keys[0]}.zip"
    if name not in batch.files:
        batch.files.append(name)
        if not Batch.objects.filter(pk=batch.pk, state=State.RUNNING).update(files=batch.files, seen_at=now()):
            return False
    with tempfile.TemporaryFile() as out:
        if not _write_part(batch, keys, out, now):
            return False
        out.seek(0)
        papers().delete(name)
        papers().save(name, File(out))
    batch.packed = keys[-1]
    return True


def _write_part(batch: Batch, keys: list[int], out: IO[bytes], now: Now) -> bool:
    """The papers by unit and name, with a list that says what each was worth that day. False: cancelled meanwhile.

    What is suspended, revoked or replaced lies in a folder named so.
    """
    day, listed = clock.today(now()), []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as package:
        rows = _certificates(batch).order_by("unit__path", "person_name", "pk")
        order = list(rows.filter(pk__gte=keys[0], pk__lte=keys[-1]).values_list("pk", flat=True))
        # Some at a time, each read to its end before the next word is written: SQLite lets nobody write who is still reading.
        for start in range(0, len(order), STEP * 8):
            for certificate in list(rows.filter(pk__in=order[start : start + STEP * 8]).with_state().with_ledger()):
                state = certificate.state_on(day)
                name = _name_in_package(certificate, state)
                try:
                    package.writestr(name, files.read(certificate, "pdf"))
                except Refused:
                    name = ""  # it is among the failures already
                listed.append(_Packed.of(certificate, state, name))
            if not Batch.objects.filter(pk=batch.pk, state=State.RUNNING).update(seen_at=now()):
                return False
        package.writestr("清单.csv", b"".join(csv_chunks(_list_of(listed, day))))
        if batch.failures:
            package.writestr("未能生成.txt", _failures_as_text(batch))
    return True


@dataclass(frozen=True)
class _Packed:
    """A line of the list in a package: copies, so that no row is held."""

    number: str
    person_name: str
    unit_name: str
    title: str
    issued_on: date
    valid_until: date | None
    state: str
    file: str

    @classmethod
    def of(cls, certificate: Certificate, state: CertificateState, file: str) -> "_Packed":
        facts = (certificate.number, certificate.person_name, certificate.unit_name, certificate.title)
        said = str(state.label) if certificate.is_as_issued else _("Edited since it was issued: not confirmed")
        return cls(*facts, certificate.issued_on, certificate.valid_until, said, file)


def _list_of(packed: list[_Packed], day: date) -> Exporter:
    columns = [
        Column(_("Certificate number"), lambda one: one.number),
        Column(_("Name"), lambda one: one.person_name),
        Column(_("Unit"), lambda one: one.unit_name),
        Column(_("Certificate"), lambda one: one.title),
        Column(_("Issued on"), lambda one: one.issued_on),
        Column(_("Valid until"), lambda one: one.valid_until),
        Column(_("State on %(day)s") % {"day": day.isoformat()}, lambda one: one.state),
        Column(_("File"), lambda one: one.file),
    ]
    return Exporter("清单", columns, packed)


def _name_in_package(certificate: Certificate, state: CertificateState) -> str:
    def safe(text: str) -> str:
        return "".join(sign if sign.isalnum() or sign in "·（）()-_ " else "_" for sign in text).strip()[:60] or "_"

    folder = f"{safe(str(state.label))}/" if state in SET_APART else ""
    return f"{folder}{safe(certificate.unit_name)}/{safe(certificate.person_name)}-{safe(certificate.title)}-{certificate.number}.pdf"


def _failures_as_text(batch: Batch) -> str:
    return "".join(f"{what}：{why}\r\n" for what, why in batch.failures)


def wipe(*, at: datetime) -> int:
    """Remove packages that are older than a day, finished or not. Safe to run at any time and twice."""
    old = list(Batch.objects.filter(kind=Kind.PACK, ended_at__lt=at - KEPT).exclude(files=[])[:1000])
    for batch in old:
        for name in batch.files:
            papers().delete(name)
        Batch.objects.filter(pk=batch.pk).update(files=[])
    return len(old)


def stuck_gaps(at: datetime, *, again: Callable[[int], object]) -> list[Gap]:
    """Batches that gave no sign of life for minutes: their worker was killed. `again(pk)` hands one to a worker anew."""
    silent = Batch.objects.filter(state=State.RUNNING, seen_at__lt=at - SILENT).order_by("seen_at")[:100]
    return [Gap(f"batch of certificates {batch.pk} is silent", partial(_mend, batch, at, again)) for batch in silent]


def _mend(batch: Batch, at: datetime, again: Callable[[int], object]) -> None:
    if batch.tries < MOST_TRIES:
        again(batch.pk)
        return
    failed = Batch.objects.filter(pk=batch.pk, state=State.RUNNING)
    failed.update(state=State.FAILED, ended_at=at, failures=[*batch.failures, ["", _("It was begun several times and came no further.")]])
    log.error("batch_failed", batch=batch.pk, kind=batch.kind)


def package_of(batch: Batch, part: int = 1) -> Iterator[bytes] | None:
    """A part of the package in pieces, or None where there is none (any more)."""
    if batch.state != State.DONE or not 1 <= part <= len(batch.files):
        return None
    try:
        opened = papers().open(batch.files[part - 1])
    except FileNotFoundError:
        return None
    return iter(opened.chunks(1024 * 1024))
