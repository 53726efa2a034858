from celery import shared_task

from core import clock
from core import reconcile as reconciling


@shared_task
def reconcile() -> None:
    """Repair what a crash left undone. Safe to run at any time and twice."""
    reconciling.run(at=clock.now(), mend=True)
