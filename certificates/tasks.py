from celery import shared_task

from core import clock, turns


@shared_task
def render(certificate_id: int) -> None:
    """Make the paper and the picture of a certificate that has none. Safe to run twice; issues nothing."""
    from certificates import files
    from certificates.models import Certificate

    files.ensure(Certificate.objects.with_ledger().select_related("version", "renews", "replaces").get(pk=certificate_id))


@shared_task
def run_batch(pk: int) -> None:
    """Go on with work on many certificates, one turn; the rest is queued again. Safe to run twice, and beside itself does nothing."""
    from certificates.services import batches

    with turns.alone(f"certificates.batch.{pk}") as is_ours:
        remains = is_ours and batches.run(pk)
    if remains:
        run_batch.delay(pk)


@shared_task
def wipe_batches() -> None:
    """Remove packages that are older than a day. Safe to run at any time and twice."""
    from certificates.services import batches

    batches.wipe(at=clock.now())


@shared_task
def chain() -> None:
    """Chain the status events that were committed. Safe to run twice and by several at once."""
    from certificates import services

    services.chain(at=clock.now())


@shared_task
def publish_roots() -> None:
    """Close the finished days of the ledger. Safe to run twice, and after days of outage."""
    from certificates import services

    services.publish_roots(at=clock.now())


@shared_task
def expire_due() -> None:
    """Put on record which certificates have run out. Safe to run at any time, twice and beside itself."""
    from certificates.services import standing

    standing.expire_due(at=clock.now())


@shared_task
def remind() -> None:
    """Write the reminders of certificates that run out, and mail them where the deployment wants it. Safe to run twice."""
    from certificates.services import mailing, renewals

    at = clock.now()
    renewals.remind(at=at)
    mailing.remind(at=at)


@shared_task
def catch_up(condition_set_id: int) -> None:
    """Issue to those who meet conditions that were put into force just now. Safe to run twice; reconcile does the rest."""
    from certificates.models import ConditionSet
    from certificates.services import ladder

    ladder.catch_up(conditions=ConditionSet.objects.select_related("kind__county").get(pk=condition_set_id), at=clock.now())
