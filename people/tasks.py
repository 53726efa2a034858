"""Celery doors of this app."""

from celery import shared_task
from django.core.management import call_command

from core import clock
from people.services import roster


@shared_task
def wipe_kept_rosters() -> None:
    """Wipe what was kept of rosters for a day: files that nobody confirmed, rows that were left out. Safe to run at any time and twice."""
    roster.wipe_kept(at=clock.now())


@shared_task
def clear_sessions() -> None:
    """Delete sessions that have run out. Safe to run at any time and twice."""
    call_command("clearsessions")
