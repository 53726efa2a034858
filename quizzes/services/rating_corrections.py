"""A settled answer whose points are corrected: asked for by one person with a reason, decided by another, through a further marking."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import audit
from core.errors import Refused
from core.reconcile import Gap
from people.models import Person, Role
from people.permissions import paths_of
from quizzes import rules
from quizzes.models import Attempt, GoneOnPaper, ItemMark, Marking, MarkingTask, RatingCorrection, RatingCorrectionDecision, Submission
from quizzes.permissions import holds_over, names_markers
from quizzes.services import correcting, keys, lost_passes, marking, ratings, results

CORRECTORS = (Role.HR, Role.REVIEWER, Role.ADMINISTRATOR)  # of the whole county; that a pass is lost is for HR alone to say

OPEN_ALREADY = gettext_lazy("A correction of this paper waits for a second person already.")
PARTIAL = gettext_lazy("People have yet to mark some of this paper. It can be corrected when all of it is marked.")


def may_correct(user: Any, attempt: Attempt) -> bool:
    """Whether they may propose and decide here, for others."""
    return attempt.person_id != user.pk and holds_over(user, attempt.quiz.county, *CORRECTORS)


def may_propose(user: Any, task: MarkingTask, attempt: Attempt) -> bool:
    """Whether they may say that the answer has earned other points: who may correct, and its marker while what they gave stands."""
    stands = any(rating.marker_id == user.pk for rating in task.standing_ratings)
    return may_correct(user, attempt) or (stands and MarkingTask.objects.visible_to(user).filter(pk=task.pk).exists())


def wait_for(attempt: Attempt, *, reader: Person, at: datetime) -> str:
    """Why what markers gave is neither read nor corrected yet, in words for those who mark; "" when it is. Seven queries at most."""
    if results.wait_for(attempt.sitting, at):
        return _("The results of this sitting are not out yet. Points can be corrected when they are.")
    return keys.wait_for(attempt, reader=reader, at=at)


def not_yet(attempt: Attempt, *, by: Person, at: datetime) -> str:
    """Why who `may_propose` cannot propose now, in words; "" when they can. Two queries more than `wait_for`."""
    if waits := wait_for(attempt, reader=by, at=at):
        return waits
    if RatingCorrection.objects.filter(task__submission__attempt=attempt).waiting().exists():
        return str(OPEN_ALREADY)
    whole = Marking.objects.current().filter(submission__attempt=attempt, is_complete=True)
    return "" if whole.exists() else str(PARTIAL)


def still_stands(correction: RatingCorrection, task: MarkingTask, attempt: Attempt) -> bool:
    """Whether who proposed it still may, and may sign in. Three queries at most."""
    return correction.by.is_active and may_propose(correction.by, task, attempt)


@transaction.atomic
def propose(*, task: MarkingTask, seen: int, points: Sequence[Decimal], reason: str, by: Person, at: datetime) -> RatingCorrection:
    """Say that a settled answer has earned other points for its criteria, and why. Nothing changes before a second person agrees.

    Its marker may, too, while what they gave stands: a slip is seen first by who made it. `seen` is the marking that was looked at. The same form once more gives back what waits. Locks the submission.

    Raises:
        Refused: not_theirs, own_marks, no_reason, not_counted (it went on on paper), partial (people have yet to mark some of the
            paper), open_already (a correction of the paper waits), marked_since (another marking stands by now), given_to_all (a
            re-marking gave everybody full marks), bad_points, same_points.
    """
    submission = correcting.locked(task.submission)
    task = _task(task.pk)
    _refuse_own(submission, by)
    if not may_propose(by, task, submission.attempt):
        words = _(
            "Marks are corrected by reviewers, administrators and HR of the county. Who marked an answer proposes it while their points stand."
        )
        raise Refused(words, code="not_theirs")
    if not reason.strip():
        raise Refused(_("Say why the points are corrected; the reason stays in the record."), code="no_reason")
    facts = {"points": [str(point) for point in points], "reason": reason.strip()[:500]}
    waiting = RatingCorrection.objects.filter(task__submission=submission).waiting().first()
    if waiting is not None:
        if (waiting.by_id, waiting.task_id, waiting.marking_id) == (by.pk, task.pk, seen) and facts == {
            "points": waiting.points,
            "reason": waiting.reason,
        }:
            return waiting
        raise Refused(str(OPEN_ALREADY), code="open_already")
    found = _effect(task, correcting.as_seen(submission, seen), points)
    if list(points) == task.standing_points or (not task.standing_points and not found.lines):
        raise Refused(_("These are the points that stand."), code="same_points")
    made = RatingCorrection.objects.create(task=task, marking=found.before, **facts, by=by, at=at)
    _trace(submission, "proposed", correction=made.pk)
    return made


@transaction.atomic
def decide(
    *, correction: RatingCorrection, approved: bool, by: Person, at: datetime, may_lose: bool = False, reason: str = ""
) -> RatingCorrectionDecision:
    """The second person's yes or no. A pass that the points do not earn stays unless HR says that it may be lost.

    With a yes the answer is settled anew and a new marking supersedes the one that stood; a pass that comes by it is told to the
    course, what rests on a lost one falls. Who proposed it, or gave points for it, may say no as well. Locks the submission.

    Raises:
        Refused: decided, not_theirs, own_marks, no_reason (a no needs one), and with a yes same_person, own_rating (they gave points
            for it themselves), proposer_gone (who proposed it may not any more), only_hr, guests_pass, and as `propose` says of the marking.
    """
    submission = correcting.locked(correction.task.submission)
    task = _task(correction.task_id)
    if RatingCorrectionDecision.objects.filter(correction=correction).exists():
        raise Refused(_("This correction has been decided already."), code="decided")
    _require_power(submission, by)
    if approved:
        if correction.by_id == by.pk:
            raise Refused(_("Somebody else has to decide: two persons stand behind a correction."), code="same_person")
        if any(rating.marker_id == by.pk for rating in task.ratings.all()):
            raise Refused(_("You marked this answer: somebody else has to decide."), code="own_rating")
        if may_lose:
            correcting.require_hr(submission.attempt, by)
        if not still_stands(correction, task, submission.attempt):
            raise correcting.proposer_gone(called(correction.by, task, names=names_markers(by, submission.attempt.quiz.county)))
        current = correcting.as_seen(submission, correction.marking_id)
        return _apply(correction, task, _effect(task, current, points_of(correction)), by=by, at=at, may_lose=may_lose, reason=reason)
    if not reason.strip():
        raise Refused(_("Say why not; the reason stays in the record."), code="no_reason")
    made = RatingCorrectionDecision.objects.create(correction=correction, reason=reason.strip()[:500], by=by, at=at)
    _record_decision(made, submission)
    return made


def called(person: Person, task: MarkingTask, *, names: bool) -> str:
    """Who proposed or decided, as a page calls them: a marker of the answer has a name for those alone who read the markers' `names`.

    No query for a task that came `with_ratings()`.
    """
    is_marker = any(rating.marker_id == person.pk for rating in task.ratings.all())
    return _("a marker") if is_marker and not names else person.name


def points_of(correction: RatingCorrection) -> list[Decimal]:
    """The points that it asks for, by criterion."""
    return [Decimal(point) for point in correction.points]


def effect(correction: RatingCorrection, current: Marking, marks: list[ItemMark]) -> correcting.Effect:
    """What a waiting correction would do to the marking that stands."""
    return _effect_of(correction.task, current, marks, points_of(correction))


def _effect(task: MarkingTask, current: Marking, points: Sequence[Decimal]) -> correcting.Effect:
    """What these points would do. Raises: Refused, as `propose` says."""
    if GoneOnPaper.objects.filter(attempt=current.submission.attempt_id).exists():
        raise Refused(_("This attempt went on on paper: what counts are the marks of its sheet."), code="not_counted")
    if not current.is_complete or task.settled_at is None:
        raise Refused(str(PARTIAL), code="partial")
    marks = list(current.marks.select_related("item", "answer"))
    own = next(mark for mark in marks if mark.item_id == task.item_id)
    if keys.standing([own.item])[own.item_id].is_given:
        places = {"places": str(own.item.position)}
        raise Refused(_("A re-marking gave everybody full marks for question %(places)s.") % places, code="given_to_all")
    return _effect_of(task, current, marks, points)


def _effect_of(task: MarkingTask, current: Marking, marks: list[ItemMark], points: Sequence[Decimal]) -> correcting.Effect:
    own = next(mark for mark in marks if mark.item_id == task.item_id)
    earned = {mark.item.position: mark.earned or Decimal(0) for mark in marks}
    earned[own.item.position] = rules.earned(_share(task, own, points), own.item.points)
    return correcting.effect(current, earned, marks)


def _share(task: MarkingTask, own: ItemMark, points: Sequence[Decimal]) -> Fraction:
    """What the whole item would earn with these points for the task: as a re-marking would have it, by the key that stands."""
    response = own.answer.response if own.answer else None
    settled = marking.settled_shares([own.item_id]).get(own.item_id, {}) | {task.part: _settled_at(task, own, points)}
    share = marking.joined(own.item.kind, keys.standing([own.item])[own.item_id].key, response, settled)
    assert share is not None, "a marking that is complete has no open part"
    return share


def _settled_at(task: MarkingTask, own: ItemMark, points: Sequence[Decimal]) -> Fraction:
    text = ratings.texts([own])[task.item_id, task.part]
    return ratings.share_of([Fraction(criterion["points"]) for criterion in ratings.criteria_of(text)], points)


def _task(pk: int) -> MarkingTask:
    return MarkingTask.objects.with_ratings().select_related("submission").get(pk=pk)


def _refuse_own(submission: Submission, by: Person) -> None:
    if submission.attempt.person_id == by.pk:
        raise Refused(_("Nobody corrects marks of their own: somebody else has to do it."), code="own_marks")


def _require_power(submission: Submission, by: Person) -> None:
    _refuse_own(submission, by)
    if not may_correct(by, submission.attempt):
        raise Refused(_("Marks are corrected by reviewers, administrators and HR of the county."), code="not_theirs")


def _apply(
    correction: RatingCorrection, task: MarkingTask, found: correcting.Effect, *, by: Person, at: datetime, may_lose: bool, reason: str
) -> RatingCorrectionDecision:
    before, submission = found.before, found.before.submission
    marked = []
    for mark in before.marks.select_related("item", "answer"):
        if mark.item_id == task.item_id:
            share = _share(task, mark, points_of(correction))
            task.fraction = rules.kept(_settled_at(task, mark, points_of(correction)))  # a later re-marking goes on from it
            marked.append(marking.Marked(mark.item, mark.answer, share))
        else:
            marked.append(marking.Marked(mark.item, mark.answer, Fraction(mark.fraction or 0), mark.earned))
    task.save(update_fields=["fraction"])
    made = correcting.carry_out(found, marked, cause=Marking.Cause.PERSON, may_lose=may_lose, at=at)
    decision = RatingCorrectionDecision.objects.create(correction=correction, reason=reason.strip()[:500], by=by, at=at, **made)
    _record_decision(decision, submission)
    if decision.lost_pass:
        _take_back(decision, submission.attempt, at)
    return decision


def _record_decision(decision: RatingCorrectionDecision, submission: Submission) -> None:
    facts = {"correction": decision.correction_id, "approved": decision.approved, "may_lose": decision.may_lose}
    _trace(submission, "decided", **facts)


def _trace(submission: Submission, what: str, **facts: Any) -> None:
    """An entry without who did it: all authors read the history of a quiz, and whoever marked may have. Who it was stands on the fact's row."""
    audit.record(submission.attempt.quiz, f"quizzes.rating_correction_{what}", attempt=submission.attempt_id, **facts)


def _take_back(decision: RatingCorrectionDecision, attempt: Attempt, at: datetime) -> None:
    reason = _("What people had marked was corrected: %(reason)s") % {"reason": decision.correction.reason}
    lost_passes.take_back(attempt, by=decision.by, reason=reason, at=at)


@dataclass(frozen=True)
class Told:
    """What the learner is told of a correction: nobody is named."""

    position: int
    at: datetime
    reason: str
    before: Decimal
    after: Decimal


def told(tasks: Sequence[MarkingTask], marks: Sequence[ItemMark]) -> list[Told]:
    """The corrections of a paper that two persons agreed on, in their order. No query for tasks that came `with_ratings()`."""
    positions = {mark.item_id: mark.item.position for mark in marks}
    made = [(one, one.decision.made) for task in tasks for one in task.corrections.all() if not one.is_waiting]
    return [
        Told(positions[one.task.item_id], one.decision.at, one.reason, one.marking.percent, after.percent)
        for one, after in sorted(made, key=lambda pair: pair[0].pk)
        if after is not None
    ]


def waiting_for(user: Any) -> QuerySet[RatingCorrection]:
    """The corrections that wait in counties whose marking the user oversees; none of their own paper, nor of what went on on paper."""
    counted = RatingCorrection.objects.waiting().filter(task__submission__attempt__gone_on_paper=None)
    found = counted.exclude(task__submission__attempt__person=user)
    if not user.is_superuser:
        found = found.filter(task__submission__attempt__quiz__county__path__in=paths_of(user, CORRECTORS))
    return found.select_related("by", "task__item", "task__submission__attempt").order_by("pk")


def to_decide(user: Any) -> QuerySet[RatingCorrection]:
    """Of these the ones to which the user may agree: neither proposed by them nor marked."""
    return waiting_for(user).exclude(by=user).exclude(task__ratings__marker=user)


def lost_gaps(at: datetime) -> list[Gap]:
    """What stands as met though a correction took the pass away. One query."""
    lost = RatingCorrectionDecision.objects.filter(lost_passes.still_count("correction__task__submission__attempt"), lost_pass=True)
    whose = "correction__task__submission__attempt"
    found = lost.select_related("by", f"{whose}__quiz", f"{whose}__enrolment").order_by("pk")[:1000]
    return [
        Gap(
            f"attempt {one.correction.task.submission.attempt_id} is no pass any more and counts",
            partial(_take_back, one, one.correction.task.submission.attempt, at),
        )
        for one in found
    ]
