"""Celery doors of this app."""

import structlog
from celery import shared_task

from core import clock, health
from core import reconcile as reconciling
from core.errors import Refused

log = structlog.get_logger(__name__)


@shared_task
def reconcile() -> None:
    """Repair what a crash left undone. Safe to run at any time and twice; a run beside another does nothing."""
    try:
        reconciling.mend(at=clock.now())
    except Refused as refusal:
        log.warning("reconcile_skipped", reason=refusal.code)


@shared_task
def heartbeat() -> None:
    """Note that broker, scheduler and worker work. Safe to run at any time and twice."""
    health.beat(at=clock.now())
