"""Celery doors: large exports, and telling webhooks. Ids in; each is safe to run twice."""

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


@shared_task
def tell_webhooks() -> None:
    """Tell each endpoint that may be called of what it waits for. Safe to run twice and beside itself."""
    from evaluation.webhooks import delivery

    for pk in delivery.due(clock.now()).values_list("pk", flat=True):
        tell_webhook.delay(pk)


@shared_task
def tell_webhook(pk: int) -> None:
    """Tell one endpoint. Safe to run twice; beside itself does nothing."""
    from evaluation.webhooks import delivery

    delivery.deliver(pk, at=clock.now())


@shared_task
def note_what_is_asked() -> None:
    """Note what each period asks for whose cut-off day is over. Safe to run twice, and beside itself."""
    from evaluation.periods import requirements

    requirements.note_all(at=clock.now())


@shared_task
def count_ahead() -> None:
    """Count the counties that are too large to be counted while one waits, and look what is open. Safe to run twice; beside itself does nothing."""
    from evaluation import ahead, begun

    with turns.alone("evaluation.ahead") as is_ours:
        if is_ours:
            begun.look(at=clock.now())
            ahead.count_all(at=clock.now())
