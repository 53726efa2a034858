"""What falls when a pass does not stand any more: because a key was mended, or points had been entered wrongly."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

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
    """For rows that name an attempt by this way: the course still counts a pass of it, and there is none."""
    enrolment, quiz = OuterRef(f"{attempt}__enrolment"), OuterRef(f"{attempt}__quiz")
    passes = Marking.objects.current().filter(passed=True, submission__attempt__enrolment=enrolment, submission__attempt__quiz=quiz)
    met = RequirementMet.objects.standing().filter(
        enrolment=enrolment, requirement__kind=QUIZ, requirement__key=OuterRef(f"{attempt}__quiz__key")
    )
    return Q(Exists(met.filter(enrolment__completion__reversal=None))) & ~Q(Exists(passes))
