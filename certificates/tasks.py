from celery import shared_task


@shared_task
def render(certificate_id: int) -> None:
    """Make the paper and the picture of a certificate that has none. Safe to run twice; issues nothing."""
    from certificates import files
    from certificates.models import Certificate

    files.ensure(Certificate.objects.select_related("version").get(pk=certificate_id))


@shared_task
def run_batch(pk: int) -> None:
    """Go on with work on many certificates, one turn; the rest is queued again. Safe to run twice, and beside itself does nothing."""
    from certificates.services import batches
    from core import turns

    with turns.alone(f"certificates.batch.{pk}") as is_ours:
        remains = is_ours and batches.run(pk)
    if remains:
        run_batch.delay(pk)


@shared_task
def wipe_batches() -> None:
    """Remove packages that are older than a day. Safe to run at any time and twice."""
    from certificates.services import batches
    from core import clock

    batches.wipe(at=clock.now())


@shared_task
def chain() -> None:
    """Chain the status events that were committed. Safe to run twice and by several at once."""
    from certificates import services
    from core import clock

    services.chain(at=clock.now())


@shared_task
def publish_roots() -> None:
    """Close the finished days of the ledger. Safe to run twice, and after days of outage."""
    from certificates import services
    from core import clock

    services.publish_roots(at=clock.now())


@shared_task
def expire_due() -> None:
    """Put on record which certificates have run out. Safe to run at any time, twice and beside itself."""
    from certificates.services import standing
    from core import clock

    standing.expire_due(at=clock.now())
