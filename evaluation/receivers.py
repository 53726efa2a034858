"""Reactions of this app to facts of lower apps."""

from django.dispatch import receiver

from courses.signals import completion_reversed, course_completed


@receiver(course_completed, dispatch_uid="evaluation.credit")
def credit_the_ledger(sender, *, completion, at, **kwargs) -> None:
    from evaluation import services

    services.credit(completion=completion, at=at)


@receiver(completion_reversed, dispatch_uid="evaluation.take_back")
def take_hours_back(sender, *, reversal, at, **kwargs) -> None:
    from evaluation import services

    services.take_back(reversal=reversal, at=at)
