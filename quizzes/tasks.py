"""Celery doors of this app. What may take minutes has a queue of its own (`CELERY_TASK_ROUTES`)."""

from collections.abc import Iterator
from contextlib import contextmanager

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded

from core import clock, turns
from quizzes.models import Analysis, ImportJob, Remark, Sitting
from quizzes.services import analyses, attempts, exchange, marking, remarks

# Seconds for a file of questions: told to stop, then stopped. Less than the silence after which another worker begins it again.
READING = {"soft_time_limit": 4 * 60, "time_limit": 4 * 60 + 20}


@shared_task
def submit_overdue() -> None:
    """Submit attempts whose time is over. Safe to run at any time and twice; a round beside another does nothing."""
    with turns.alone("quizzes.submit_overdue") as is_ours:
        if is_ours:
            attempts.submit_overdue(clock.now())


@shared_task
def apply_remark(pk: int) -> None:
    """Mark again what an approved re-marking changes. Goes on where a killed worker left it."""
    remarks.apply(Remark.objects.get(pk=pk), at=clock.now())


@shared_task
def tell_passes(pk: int) -> None:
    """Tell the course of the passes of a sitting whose results were held until now. Safe to run twice."""
    marking.tell_passes(Sitting.objects.get(pk=pk), at=clock.now())


@shared_task
def make_analysis(pk: int) -> None:
    """Compute an analysis that somebody asked for."""
    analyses.make(Analysis.objects.select_related("quiz", "sitting").get(pk=pk), at=clock.now())


@shared_task(**READING)
def check_import(pk: int) -> None:
    """Say what importing a file of questions would do. Writes nothing but its report; safe to run twice."""
    with _given_up_when_late(pk):
        exchange.check(pk, clock=clock.now)


@shared_task(**READING)
def run_import(pk: int) -> None:
    """Import a file of questions that somebody confirmed. All or nothing; the second of two does nothing."""
    with _given_up_when_late(pk):
        exchange.run(pk, clock=clock.now)


@contextmanager
def _given_up_when_late(pk: int) -> Iterator[None]:
    """A file that took too long once takes too long again: it is not begun anew."""
    try:
        yield
    except SoftTimeLimitExceeded:
        exchange.give_up(pk, minutes=READING["soft_time_limit"] // 60, at=clock.now())


@shared_task
def wipe_imports() -> None:
    """Remove files of questions that are over, or that nobody confirmed within a day. Safe to run at any time and twice."""
    exchange.wipe(at=clock.now())


def import_again(job: ImportJob) -> None:
    """Hand an import that lost its worker to another one."""
    (check_import if job.state == ImportJob.State.CHECKING else run_import).delay(job.pk)
