"""Reactions of this app to facts of lower apps."""

from django.core.cache import caches
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from wagtail.signals import task_submitted

from certificates import letters, services, tasks
from certificates.models import StatusEvent
from certificates.permissions import RULES_KINDS
from certificates.services import ladder
from certificates.signals import certificate_issued
from courses.signals import completion_reversed, course_completed
from people.signals import role_granted, role_withdrawn


@receiver(course_completed, dispatch_uid="certificates.issue")
def issue_what_was_earned(sender, completion, at, **kwargs) -> None:
    services.issue_if_awarded(completion=completion, at=at)
    ladder.after_completion(completion=completion, at=at)


@receiver(certificate_issued, dispatch_uid="certificates.ladder")
def issue_what_rests_on_it(sender, certificate, at, **kwargs) -> None:
    ladder.after_certificate(certificate=certificate, at=at)


@receiver(completion_reversed, dispatch_uid="certificates.revoke")
def revoke_what_was_earned(sender, reversal, at, **kwargs) -> None:
    services.revoke_with(reversal=reversal, at=at)


@receiver([role_granted, role_withdrawn], dispatch_uid="certificates.editors")
def let_editors_in(sender, grant, **kwargs) -> None:
    if grant.role in RULES_KINDS:
        services.sync_editors()


@receiver(post_save, sender=StatusEvent, dispatch_uid="certificates.chain")
def chain_what_was_committed(sender, **kwargs) -> None:
    transaction.on_commit(_ask_for_chaining, robust=True)


def _ask_for_chaining() -> None:
    """At most once a second and process: one run chains all there is, and what comes after it waits for the scheduler."""
    if caches["local"].add("ledger:asked", 1, timeout=1):
        tasks.chain.delay()


task_submitted.connect(letters.template_submitted, dispatch_uid="certificates.template_submitted")
