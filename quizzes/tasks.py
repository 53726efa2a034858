"""Celery doors of this app."""

from celery import shared_task

from core import clock
from quizzes.models import Analysis, Remark
from quizzes.services import analyses, attempts, remarks


@shared_task
def submit_overdue() -> None:
    """Submit attempts whose time is over. Safe to run at any time and twice."""
    attempts.submit_overdue(clock.now())


@shared_task
def apply_remark(pk: int) -> None:
    """Mark again what an approved re-marking changes. Goes on where a killed worker left it."""
    remarks.apply(Remark.objects.get(pk=pk), at=clock.now())


@shared_task
def make_analysis(pk: int) -> None:
    """Compute an analysis that somebody asked for."""
    analyses.make(Analysis.objects.select_related("quiz", "sitting").get(pk=pk), at=clock.now())
