"""What falls when a pass does not stand any more: because a key was mended, or points had been entered wrongly."""

from datetime import datetime

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Q, Value
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
    """For rows that name an attempt by this way: the course still counts a pass of it, and there is none."""
    enrolment, quiz = OuterRef(f"{attempt}__enrolment"), OuterRef(f"{attempt}__quiz")
    passes = Marking.objects.current().filter(passed=True, submission__attempt__enrolment=enrolment, submission__attempt__quiz=quiz)
    return counts(f"{attempt}__") & ~Q(Exists(passes))


def counts(attempt: str = "") -> Q:
    """For rows that name an attempt by this way (`"attempt__"`), or for attempts: it met the requirement, in its round or carried on into a later one."""
    proof = Concat(Value("attempt:"), Cast(OuterRef(f"{attempt}pk"), CharField()))
    return Q(Exists(RequirementMet.objects.counting().filter(enrolment__person=OuterRef(f"{attempt}person"), evidence=proof)))
