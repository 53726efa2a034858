"""Completions and reversals whose ledger entries are missing."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from core.reconcile import Gap
from courses.models import Completion, Reversal
from evaluation import changes, services
from evaluation.models import LedgerEntry

AT_ONCE = 1000


def uncredited(at: datetime) -> list[Gap]:
    """Standing completions without hours that ought to have them: the policy counts each one, or none of the year holds the turn."""
    own = LedgerEntry.objects.filter(completion=OuterRef("pk"), kind=LedgerEntry.Kind.ONLINE)
    of_year = LedgerEntry.objects.filter(
        person=OuterRef("person"),
        completion__course=OuterRef("course"),
        completion__reversal=None,
        kind=LedgerEntry.Kind.ONLINE,
        year=OuterRef("completed_at__year"),
    )
    missing = (
        Completion.objects.standing()
        .filter(~Exists(own))
        .filter(Q(policy__once_per_course_per_year=False) | ~Exists(of_year))
        .select_related("policy")
        .order_by("completed_at", "pk")[:AT_ONCE]
    )
    return [Gap(f"completion {c.pk}", lambda c=c: _credit(c, at)) for c in missing]


def not_taken_back(at: datetime) -> list[Gap]:
    """Reversed completions whose hours still count."""
    entries = LedgerEntry.objects.filter(completion=OuterRef("completion"))
    missing = (
        Reversal.objects.filter(Exists(entries))
        .filter(~Exists(entries.filter(kind=LedgerEntry.Kind.CORRECTION)))
        .select_related("completion")
        .order_by("pk")[:AT_ONCE]
    )
    return [Gap(f"reversal {r.pk}", lambda r=r: _take_back(r, at)) for r in missing]


@transaction.atomic
def _credit(completion: Completion, at: datetime) -> None:
    services.credit(completion=completion, at=at)
    changes.note(completion.pk, changes.Kind.HOURS, at=at)


@transaction.atomic
def _take_back(reversal: Reversal, at: datetime) -> None:
    services.take_back(reversal=reversal, at=at)
    changes.note(reversal.completion_id, changes.Kind.HOURS, at=at)
