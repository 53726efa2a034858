from celery import shared_task


@shared_task
def render(certificate_id: int) -> None:
    """Make the paper and the picture of a certificate that has none. Safe to run twice; issues nothing."""
    from certificates import files
    from certificates.models import Certificate

    files.ensure(Certificate.objects.select_related("version").get(pk=certificate_id))


@shared_task
def expire_due() -> None:
    """Put on record which certificates have run out. Safe to run at any time, twice and beside itself."""
    from certificates.services import standing
    from core import clock

    standing.expire_due(at=clock.now())
