"""What falls when a pass does not stand any more: because a key was mended, or points had been entered wrongly."""

from datetime import datetime

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from courses.models import EditionRequirement, Enrolment, RequirementMet
from courses.services import completions
from people.models import Person
from quizzes.models import Attempt, Marking

QUIZ = EditionRequirement.Kind.QUIZ


@transaction.atomic
def take_back(attempt: Attempt, *, by: Person, reason: str, at: datetime) -> None:
    """What rests on a lost pass falls: the completion, or what was met towards one. Another pass of the same round keeps both."""
    Enrolment.objects.select_for_update(no_key=True, of=("self",)).get(pk=attempt.enrolment_id)
    passes = Marking.objects.current().filter(passed=True, submission__attempt__quiz=attempt.quiz_id)
    if not passes.filter(submission__attempt__enrolment=attempt.enrolment_id).exists():
        completions.take_back(enrolment=attempt.enrolment, kind=QUIZ, key=attempt.quiz.key, by=by, reason=reason, at=at)


def still_count(attempt: str) -> Q:
    """For rows that name an attempt by this way: what it met may be taken back, and there is no pass."""
    enrolment, quiz = OuterRef(f"{attempt}__enrolment"), OuterRef(f"{attempt}__quiz")
    passes = Marking.objects.current().filter(passed=True, submission__attempt__enrolment=enrolment, submission__attempt__quiz=quiz)
    return Q(Exists(_met_by(RequirementMet.objects.revocable(), f"{attempt}__"))) & ~Q(Exists(passes))


def counts(attempt: str = "") -> Q:
    """For rows that name an attempt by this way (`"attempt__"`), or for attempts: it met the requirement, in its round or carried on."""
    return Q(Exists(_met_by(RequirementMet.objects.counting(), attempt)))


def _met_by(rows: QuerySet[RequirementMet], attempt: str) -> QuerySet[RequirementMet]:
    proof = Concat(Value("attempt:"), Cast(OuterRef(f"{attempt}pk"), CharField()))
    return rows.filter(enrolment__person=OuterRef(f"{attempt}person"), evidence=proof)
