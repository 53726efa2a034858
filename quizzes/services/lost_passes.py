"""What falls when a pass does not stand any more: because a key was mended, or points had been entered wrongly."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from courses.models import Completion, EditionRequirement, Enrolment, RequirementMet
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


def hanging(enrolments: Collection[int]) -> dict[tuple[int, str], Completion]:
    """The standing completions that rest on a quiz of these rounds, also of a later round into which its pass was carried on; by round and quiz.

    Two queries.
    """
    people = Enrolment.objects.filter(pk__in=enrolments).values("person")
    quizzes = RequirementMet.objects.standing().filter(enrolment__person__in=people, requirement__kind=QUIZ).order_by("pk")
    met = list(quizzes.values_list("pk", "enrolment", "requirement", "requirement__key", "evidence"))
    standing = Completion.objects.standing().filter(enrolment__in={row[1] for row in met}).select_related("unit")
    done = {pk: completion for completion in standing for pk in completion.evidence}
    borne = {(requirement, evidence): done[pk] for pk, _round, requirement, _key, evidence in met if pk in done}
    return {
        (enrolment, key): borne[requirement, evidence]
        for _pk, enrolment, requirement, key, evidence in met
        if enrolment in enrolments and (requirement, evidence) in borne
    }


def lies_elsewhere(completion: Completion | None, attempt: Attempt) -> bool:
    """Whether it is a record of another county than the quiz's: HR there alone reverses it."""
    return completion is not None and completion.unit is not None and completion.unit.county_path != attempt.quiz.county.path


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
