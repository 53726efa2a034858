"""Celery doors of this app."""

from celery import shared_task

from core import clock
from quizzes.services import attempts


@shared_task
def submit_overdue() -> None:
    """Submit attempts whose time is over. Safe to run at any time and twice."""
    attempts.submit_overdue(clock.now())
