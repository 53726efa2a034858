"""Reactions of this app to facts of lower apps."""

from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from certificates.models import StatusEvent
from certificates.signals import certificates_expired
from courses.signals import completion_reversed, course_completed
from evaluation.models import LedgerEntry, PeriodStep
from people.signals import roster_imported


@receiver(course_completed, dispatch_uid="evaluation.credit")
def credit_the_ledger(sender, *, completion, at, **kwargs) -> None:
    from evaluation import changes, services

    services.credit(completion=completion, at=at)
    changes.note(completion.pk, changes.Kind.COMPLETED, at=at)


@receiver(completion_reversed, dispatch_uid="evaluation.take_back")
def take_hours_back(sender, *, reversal, at, **kwargs) -> None:
    from evaluation import changes, services

    services.take_back(reversal=reversal, at=at)
    changes.note(reversal.completion_id, changes.Kind.REVERSED, at=at)


@receiver(roster_imported, dispatch_uid="evaluation.units_may_have_moved")
def look_at_the_whole_again(sender, **kwargs) -> None:
    from evaluation import begun

    transaction.on_commit(begun.forget)


@receiver(post_save, sender=StatusEvent, dispatch_uid="evaluation.certificate_changed")
def note_the_certificate(sender, *, instance, created, **kwargs) -> None:
    """Whatever becomes of a certificate changes the record: no kind of event is left out."""
    from evaluation import changes

    if created:
        kind = changes.Kind.ISSUED if instance.kind == StatusEvent.Kind.ISSUED else changes.Kind.STATUS
        changes.note_certificate(instance.certificate, kind, at=instance.at)


@receiver(post_save, sender=LedgerEntry, dispatch_uid="evaluation.entry_written")
def note_the_entry(sender, *, instance, created, **kwargs) -> None:
    from evaluation import changes

    if created:
        changes.note_entry(instance.pk, at=instance.at)


@receiver(post_save, sender=PeriodStep, dispatch_uid="evaluation.step_taken")
def note_the_step(sender, *, instance, created, **kwargs) -> None:
    from evaluation import changes

    if created:
        changes.note_step(instance.pk, at=instance.at)


@receiver(certificates_expired, dispatch_uid="evaluation.certificates_expired")
def note_those_that_ran_out(sender, *, events, at, **kwargs) -> None:
    from evaluation import changes

    changes.note_certificates([event.certificate_id for event in events], at=at)
