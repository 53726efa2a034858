from celery import shared_task


@shared_task
def render(certificate_id: int) -> None:
    """Make the paper and the picture of a certificate that has none. Safe to run twice; issues nothing."""
    from certificates import files
    from certificates.models import Certificate

    files.ensure(Certificate.objects.select_related("version").get(pk=certificate_id))


@shared_task
def remind() -> None:
    """Write the reminders of certificates that run out. Safe to run twice."""
    from certificates.services import renewals
    from core import clock

    renewals.remind(at=clock.now())


@shared_task
def catch_up(condition_set_id: int) -> None:
    """Issue to those who meet conditions that were put into force just now. Safe to run twice; reconcile does the rest."""
    from certificates.models import ConditionSet
    from certificates.services import ladder
    from core import clock

    ladder.catch_up(conditions=ConditionSet.objects.select_related("kind__county").get(pk=condition_set_id), at=clock.now())
