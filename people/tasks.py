"""Celery doors of this app."""

from celery import shared_task
from django.core.management import call_command

from core import clock
from people.services import roster


@shared_task
def wipe_kept_rosters() -> None:
    """Wipe rosters that nobody confirmed within a day. Safe to run at any time and twice."""
    roster.wipe_kept(at=clock.now())


@shared_task
def clear_sessions() -> None:
    """Delete sessions that have run out. Safe to run at any time and twice."""
    call_command("clearsessions")
