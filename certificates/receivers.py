"""Reactions of this app to facts of lower apps."""

from django.dispatch import receiver

from certificates import services
from courses.signals import completion_reversed, course_completed


@receiver(course_completed, dispatch_uid="certificates.issue")
def issue_what_was_earned(sender, completion, at, **kwargs) -> None:
    services.issue_if_awarded(completion=completion, at=at)


@receiver(completion_reversed, dispatch_uid="certificates.revoke")
def revoke_what_was_earned(sender, reversal, at, **kwargs) -> None:
    services.revoke_with(reversal=reversal, at=at)
