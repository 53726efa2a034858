"""What a submission earned. Each marking is a new row; the newest one stands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from core.reconcile import Gap
from courses.models import EditionRequirement, RequirementMet
from courses.services import completions
from quizzes import kinds, rules
from quizzes.models import Answer, AttemptItem, ItemMark, Marking, MarkingTask, Sitting, Submission
from quizzes.services import keys, results
from quizzes.signals import attempt_marked

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Marked:
    """One item with the answer that counts and its share; no share while a person has yet to mark it.

    `earned` are the points of an earlier marking where the share is that of then: it is kept rounded.
    """

    item: AttemptItem
    answer: Answer | None
    fraction: Fraction | None
    earned: Decimal | None = None

    @property
    def points(self) -> Decimal | None:
        if self.fraction is None or self.earned is not None:
            return self.earned
        return rules.earned(self.fraction, self.item.points)


def mark_by_machine(submission: Submission, *, at: datetime) -> Marking:
    """Mark the latest acknowledged answers, in the transaction that ends the attempt (T1).

    Against the frozen keys, but where two persons mended one since the paper was drawn: a key that is known to be wrong gives no pass.
    """
    latest = Answer.objects.latest_of(submission.attempt_id)
    items = list(AttemptItem.objects.filter(attempt=submission.attempt_id))
    standing = keys.standing(items)
    marked = []
    for item in items:
        answer, stands = latest.get(item.pk), standing[item.pk]
        share = Fraction(1) if stands.is_given else kinds.mark(item.kind, stands.key, answer.response if answer else None)
        marked.append(Marked(item, answer, share))
    MarkingTask.objects.bulk_create(
        MarkingTask(submission=submission, item=one.item, part=asked.part, markers=asked.markers)
        for one in marked
        if one.fraction is None and one.answer
        for asked in one.item.item_kind.for_person(one.item.shown, standing[one.item.pk].key, one.answer.response)
    )
    return append(submission, marked, cause=Marking.Cause.MACHINE, at=at)


def settled_shares(items: Iterable[int]) -> dict[int, dict[int, Fraction]]:
    """What people settled: the share of each part of these items, by item id and part. One query."""
    found: dict[int, dict[int, Fraction]] = {}
    for task in MarkingTask.objects.filter(item__in=items):
        if task.fraction is not None:
            found.setdefault(task.item_id, {})[task.part] = rules.restored(task.fraction)
    return found


def joined(kind: str, key: Any, response: Any, settled: Mapping[int, Fraction]) -> Fraction | None:
    """The share of an answer from what the key gives its parts and what people gave the others; None while one of those is open."""
    total = Fraction(0)
    for number, (weight, share) in enumerate(kinds.of(kind).mark_parts(key, response)):
        part = settled.get(number) if share is None else share
        if part is None:
            return None
        total += weight * part
    return total


def append(
    submission: Submission,
    marked: Iterable[Marked],
    *,
    cause: str,
    at: datetime,
    supersedes: Marking | None = None,
    keeps_pass: bool = False,
    waits_for_second: bool = False,
) -> Marking:
    """Write one marking with its items, and tell the course of a pass after the commit, unless results wait.

    `supersedes` is the marking that stood; the database refuses a second one for it. `keeps_pass`
    lets a pass stand that the new score would not earn; `waits_for_second` leaves open whether it is one until a second
    person has agreed, though every item has its points. Sends `attempt_marked` inside the transaction.
    """
    marked = list(marked)
    is_complete = not waits_for_second and all(one.fraction is not None for one in marked)
    score = sum((one.points for one in marked if one.points is not None), start=Decimal("0.00"))
    out_of = sum((one.item.points for one in marked), start=Decimal("0.00"))
    passed = is_complete and (keeps_pass or rules.passes(score, out_of, submission.attempt.pass_percent))
    marking = Marking.objects.create(
        submission=submission,
        supersedes=supersedes,
        cause=cause,
        at=at,
        score=score,
        out_of=out_of,
        percent=rules.percent(score, out_of),
        passed=passed,
        is_complete=is_complete,
    )
    ItemMark.objects.bulk_create(
        ItemMark(
            marking=marking,
            item=one.item,
            answer=one.answer,
            fraction=None if one.fraction is None else rules.stored(one.fraction),
            earned=one.points,
            picked=kinds.picked(one.item.kind, one.item.shown, one.item.key, one.answer.response) if one.answer else [],
        )
        for one in marked
    )
    attempt_marked.send(sender=Marking, marking=marking, at=at)
    if passed:
        transaction.on_commit(partial(_tell_the_course, marking.pk, at))
    return marking


@transaction.atomic
def tell_the_course(marking: Marking, *, at: datetime) -> bool:
    """The quiz requirement is met by this pass (T2), met when it was handed in; False while results are not shown yet,
    or where the pass does not stand any more.

    A completion, its hours and its certificate would tell the result. A transaction of its own; may run twice. Locks the
    submission: marking again waits, or is seen.
    """
    attempt = marking.submission.attempt
    if results.wait_for(attempt.sitting, at):
        return False
    Submission.objects.select_for_update(no_key=True, of=("self",)).get(pk=marking.submission_id)
    if not Marking.objects.current().filter(pk=marking.pk, passed=True, submission__attempt__gone_on_paper=None).exists():
        return False
    completions.meet(
        enrolment=attempt.enrolment,
        kind="quiz",
        key=attempt.quiz.key,
        evidence=f"attempt:{attempt.pk}",
        score=marking.percent,
        met_at=marking.submission.at,
        at=at,
    )
    return True


def _tell_the_course(pk: int, at: datetime) -> None:
    try:
        tell_the_course(Marking.objects.select_related(*_WHOSE).get(pk=pk), at=at)
    except SoftTimeLimitExceeded:
        raise
    except Exception:
        log.exception("pass_not_told", marking=pk)


_WHOSE = ("submission__attempt__enrolment", "submission__attempt__quiz", "submission__attempt__sitting")


def _untold() -> QuerySet[Marking]:
    """Passes that the course asks for and does not know."""
    enrolment = OuterRef("submission__attempt__enrolment")
    asked = EditionRequirement.objects.filter(
        edition=OuterRef("submission__attempt__enrolment__edition"),
        kind=EditionRequirement.Kind.QUIZ,
        key=OuterRef("submission__attempt__quiz__key"),
    )
    met = RequirementMet.objects.standing().filter(
        enrolment=enrolment, requirement__kind=EditionRequirement.Kind.QUIZ, requirement__key=OuterRef("submission__attempt__quiz__key")
    )
    passes = Marking.objects.current().filter(passed=True, submission__attempt__gone_on_paper=None)
    return passes.filter(Exists(asked), ~Exists(met)).select_related(*_WHOSE).order_by("pk")


def tell_passes(sitting: Sitting, *, at: datetime) -> None:
    """Tell the course of the passes of a sitting that it does not know, if results may be known. One that fails stops no other."""
    for pk in list(_untold().filter(submission__attempt__sitting=sitting).values_list("pk", flat=True)):
        _tell_the_course(pk, at)


def untold_gaps(at: datetime) -> list[Gap]:
    """Passes that the course does not know though their results may be known. One query."""
    out = Sitting.objects.with_results_out(at)
    ready = _untold().filter(Q(submission__attempt__sitting=None) | Q(submission__attempt__sitting__in=out.values("pk")))[:1000]
    return [Gap(f"marking {m.pk} is a pass and the course does not know", partial(tell_the_course, m, at=at)) for m in ready]
