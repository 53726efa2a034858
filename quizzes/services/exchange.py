"""Files of questions in the background: checked, confirmed, imported, with signs of life in between.

Each step may run twice, or be killed and begun again: checking writes nothing but its report, and
importing writes the questions and the end of the job in one transaction.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import BinaryIO, cast

import structlog
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils.translation import gettext as _

from core import uploads
from core.errors import Refused
from core.reconcile import Gap
from people.models import Person, Unit
from quizzes import formats
from quizzes.formats import Found
from quizzes.models import ImportJob
from quizzes.services import bank

log = structlog.get_logger(__name__)
KEPT = timedelta(days=1)
SILENT = timedelta(minutes=5)  # so long without a sign of life: the worker was killed
MOST_TRIES = 3
BANK_CHANGED = {"refused_rows", "edited"}  # since the file was checked
State = ImportJob.State
Clock = Callable[[], datetime]


class Cancelled(Exception):
    """Somebody cancelled the job while it ran."""


@transaction.atomic
def start(
    file: BinaryIO, *, name: str, format: str, county: Unit, by: Person, course_code: str = "", at: datetime, then: Callable[[int], object]
) -> ImportJob:
    """Take a file and have it checked: `then(pk)` is called when the job is committed.

    Raises:
        Refused: too large, or empty.
    """
    data = uploads.check_bank(file)
    job = ImportJob(
        by=by,
        county=county,
        format=formats.of(format).key,
        course_code=course_code,
        file_name=name[:200],
        file_digest=hashlib.sha256(data).hexdigest(),
        expected=formats.of(format).estimate(data),
        made_at=at,
        seen_at=at,
    )
    job.file.save("file", ContentFile(data), save=False)
    job.save()
    transaction.on_commit(lambda: then(job.pk), robust=True)  # a dead broker loses nothing: reconcile hands it on
    return job


def check(pk: int, *, clock: Clock) -> None:
    """Read the file and say what importing it would do. Nothing but the report is written."""
    job = _begun(pk, State.CHECKING, clock)
    if job is None:
        return
    try:
        found = _read(job, clock)
        report = bank.import_found(found, county=job.county, at=clock(), by=job.by, course_code=job.course_code, dry_run=True)
    except Cancelled:
        return
    except Refused as refused:
        _end(job, State.REFUSED, clock(), message=refused.message)
        return
    _reported(ImportJob.objects.filter(pk=pk, state=State.CHECKING), report, state=State.CHECKED, expected=len(found), at=clock())


@transaction.atomic
def confirm(pk: int, *, by: Person, leaves_out: bool, at: datetime, then: Callable[[int], object]) -> None:
    """Have a checked file imported; `leaves_out`: without the refused questions. Locks the job.

    Raises:
        Refused: it is not waiting for that, there is nothing to write, or refused questions were not left out.
    """
    job = ImportJob.objects.visible_to(by).select_for_update().get(pk=pk)
    if job.state != State.CHECKED:
        raise Refused(_("This import does not wait for a confirmation any more."), code="wrong_state")
    if not job.good or (job.refused and not leaves_out):
        raise Refused(_("There is nothing to write, or refused questions were not left out."), code="refused_rows")
    ImportJob.objects.filter(pk=pk).update(state=State.IMPORTING, leaves_out=leaves_out, done=0, tries=0, message="", seen_at=at)
    transaction.on_commit(lambda: then(pk), robust=True)


def run(pk: int, *, clock: Clock) -> None:
    """Import a confirmed file. The questions and the end of the job are one transaction: all or nothing, once.

    Where the bank is not what the check met any more, or the import would stop exams or quizzes that it did not name, the file is checked
    again and waits for another confirmation.
    """
    job = _begun(pk, State.IMPORTING, clock)
    if job is None:
        return
    try:
        found = _read(job, clock)
        _import(job, bank.examine(found, county=job.county, course_code=job.course_code), clock)
    except Cancelled:
        return
    except Refused as refused:
        if refused.code not in BANK_CHANGED:
            _end(job, State.REFUSED, clock(), message=refused.message)
            return
        report = bank.import_found(found, county=job.county, at=clock(), by=job.by, course_code=job.course_code, dry_run=True)
        message = _(
            "The question bank, or an exam or quiz that draws on it, changed since this file was checked, and nothing was written. Look through the "
            "new report and confirm it."
        )
        jobs = ImportJob.objects.filter(pk=pk, state=State.IMPORTING)
        _reported(jobs, report, state=State.CHECKED, expected=len(found), at=clock(), message=message)


@transaction.atomic
def _import(job: ImportJob, judged: bank.Judged, clock: Clock) -> None:
    held = ImportJob.objects.select_for_update().get(pk=job.pk)
    if held.state != State.IMPORTING:  # cancelled, or another worker was quicker
        raise Cancelled
    report = bank.import_judged(
        judged,
        county=job.county,
        at=clock(),
        by=job.by,
        skip_bad=held.leaves_out,
        seen=held.met,
        told=[message for _place, _field, message in held.warnings],
    )
    jobs = ImportJob.objects.filter(pk=job.pk)
    _reported(jobs, report, state=State.DONE, expected=len(judged.several), at=clock(), ended_at=clock(), file="")
    transaction.on_commit(partial(_forget, held.file.name))


@transaction.atomic
def cancel(pk: int, *, by: Person, at: datetime) -> None:
    """Stop a job that has not written anything yet. Locks the job: either it is cancelled, or the import was quicker.

    Raises:
        Refused: it is over.
    """
    job = ImportJob.objects.visible_to(by).select_for_update().get(pk=pk)
    if job.state not in ImportJob.OPEN:
        raise Refused(_("This import is over; it cannot be cancelled."), code="wrong_state")
    _end(job, State.CANCELLED, at)


@transaction.atomic
def give_up(pk: int, *, minutes: int, at: datetime) -> None:
    """End a job whose file took longer than `minutes`; nothing of it is written. One that is over stays as it is. Locks the job."""
    job = ImportJob.objects.select_for_update().get(pk=pk)
    if job.state in ImportJob.UNDER_WAY:
        message = _("It took longer than %(minutes)d minutes. Divide the file into smaller ones.") % {"minutes": minutes}
        _end(job, State.FAILED, at, message=message)
        log.error("question_import_took_too_long", job=pk, state=job.state)


def wipe(*, at: datetime) -> int:
    """Cancel jobs that nobody confirmed within a day, and remove every file that is not needed any more."""
    old = ImportJob.objects.filter(state__in=ImportJob.OPEN, made_at__lt=at - KEPT)
    for job in old[:1000]:
        with transaction.atomic():
            held = ImportJob.objects.select_for_update().get(pk=job.pk)
            if held.state in ImportJob.OPEN:
                _end(held, State.CANCELLED, at, message=_("Nobody confirmed it within a day."))
    left = ImportJob.objects.exclude(state__in=ImportJob.OPEN).exclude(file="")
    for job in left[:1000]:
        _forget(job.file.name)
        ImportJob.objects.filter(pk=job.pk).update(file="")
    return len(left)


def stuck_gaps(at: datetime, *, again: Callable[[ImportJob], object]) -> list[Gap]:
    """Jobs that gave no sign of life for minutes: their worker was killed. `again(job)` hands one to a worker anew."""
    silent = ImportJob.objects.filter(state__in=ImportJob.UNDER_WAY, seen_at__lt=at - SILENT).order_by("seen_at")[:100]
    return [Gap(f"import of questions {job.pk} is silent", partial(_mend, job, at, again)) for job in silent]


def _mend(job: ImportJob, at: datetime, again: Callable[[ImportJob], object]) -> None:
    if job.tries >= MOST_TRIES:
        _end(job, State.FAILED, at, message=_("It was begun %(count)d times and never came to its end.") % {"count": job.tries})
        log.error("question_import_failed", job=job.pk, state=job.state)
    else:
        again(job)


# ---- steps ---------------------------------------------------------------------------------


def _begun(pk: int, state: str, clock: Clock) -> ImportJob | None:
    """The job, if it still wants this step; the try is counted before anything can go wrong."""
    job = ImportJob.objects.select_related("county", "by").filter(pk=pk, state=state).first()
    if job is not None:
        ImportJob.objects.filter(pk=pk).update(tries=job.tries + 1, done=0, seen_at=clock())
    return job


def _read(job: ImportJob, clock: Clock) -> list[Found]:
    def alive(done: int) -> None:
        if not ImportJob.objects.filter(pk=job.pk, state=job.state).update(done=done, seen_at=clock()):
            raise Cancelled

    try:
        with job.file.open("rb") as file:
            return list(bank.read(cast(BinaryIO, file), name=job.file_name, format=job.format, progress=alive))
    except FileNotFoundError as error:
        raise Refused(_("The file is no longer here. Please upload it again."), code="gone") from error


def _reported(jobs, report: bank.Report, *, expected: int, at: datetime, **fields) -> None:
    jobs.update(
        counts=report.counts(),
        report=[outcome.as_json() for outcome in report.outcomes],
        warnings=[[warning.place, warning.field, warning.message] for warning in report.warnings],
        met=report.met,
        expected=expected,
        done=expected,
        seen_at=at,
        **fields,
    )


def _end(job: ImportJob, state: str, at: datetime, *, message: str = "") -> None:
    """End a job without an import; its file goes."""
    changed = ImportJob.objects.filter(pk=job.pk, state=job.state).update(state=state, message=message, ended_at=at, seen_at=at, file="")
    if changed:
        transaction.on_commit(partial(_forget, job.file.name))


def _forget(name: str | None) -> None:
    if name:
        ImportJob.file.field.storage.delete(name)
