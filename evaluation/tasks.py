from celery import shared_task

from core import clock, turns


@shared_task
def write_download(pk: int) -> None:
    """Write the file of one order. Safe to run twice, and beside itself does nothing."""
    from evaluation import downloads

    with turns.alone(f"evaluation.download.{pk}") as is_ours:
        if is_ours:
            downloads.run(pk)


@shared_task
def wipe_downloads() -> None:
    """Remove files of exports whose time is over. Safe to run at any time and twice."""
    from evaluation import downloads

    downloads.wipe(at=clock.now())
