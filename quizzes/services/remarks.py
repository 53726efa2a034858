"""Marking again with a mended key: proposed by one person, seen in a dry run, decided by another, traced on every marking."""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from core import audit
from core.errors import Refused
from core.reconcile import Gap
from courses.models import Completion
from people.models import Person, Role
from quizzes import kinds, rules
from quizzes.models import (
    Attempt,
    AttemptItem,
    GoneOnPaper,
    ItemMark,
    Marking,
    PaperCorrectionDecision,
    Question,
    Remark,
    RemarkDecision,
    RemarkedMarking,
    RemarkProgress,
    Submission,
)
from quizzes.permissions import holds_over
from quizzes.services import bank, keys, lost_passes, marking, ratings

BATCH = 200
SETTLED_AFTER = timedelta(minutes=2)  # no transaction that marks takes so long
_OF_MARKS = ("marking__submission__attempt__quiz__county",)
_BY_HAND = Q(marking__submission__cause=Submission.Cause.PAPER)


@dataclass(frozen=True)
class Change:
    """What a re-marking would do, or did, to one submission."""

    marking: Marking  # the one that stands before
    item_was: Decimal | None
    item_becomes: Decimal
    score: Decimal
    percent: Decimal
    would_pass: bool
    is_guests: bool  # a completion that stands in another county hangs on it: the pass stays, whatever HR here says
    completion: Completion | None  # the one that hangs on this pass, and on no other that stands when all is done
    has_other: bool  # another paper of the same round is a pass when all is done

    @property
    def gains_pass(self) -> bool:
        return self.would_pass and not self.marking.passed

    @property
    def loses_pass(self) -> bool:
        """Whether the pass falls where HR says that passes may be lost."""
        return self.is_unearned and not self.is_guests

    @property
    def is_unearned(self) -> bool:
        return self.marking.passed and not self.would_pass


@transaction.atomic
def propose(*, question: Question, remedy: str, reason: str, by: Person, at: datetime, content: Any = None, key: Any = None) -> Remark:
    """Ask that a question be marked again everywhere. Nothing changes before a second person agrees.

    For a new key `content` and `key` are the question as it should have been; the options must be those
    that were shown on some paper with this question. `keys.Reach` says of which papers it speaks.

    Raises:
        Refused: no_reason, bad_key, same_key, open_already.
    """
    question = Question.objects.select_for_update(no_key=True, of=("self",)).get(pk=question.pk)
    if not reason.strip():
        raise Refused(_("Say why the question is marked again; the reason stays in the record."), code="no_reason")
    if question.remarks.filter(decision=None).exists():
        raise Refused(_("A re-marking of this question waits for a decision already."), code="open_already")
    if remedy == Remark.Remedy.NEW_KEY:
        content = question.content if content is None else content
        try:
            question.item_kind.check(question.stem, content, key)
        except kinds.Wrong as wrong:
            raise Refused(_("The new key cannot be: %(why)s") % {"why": wrong}, code="bad_key") from wrong
        reach = keys.Reach(Remark(question=question, version=question.version, remedy=remedy, content=content, key=key), question)
        alike = [use for use in _uses(question, question.version) if reach.is_alike(use)]
        fitting = [use for use in alike if reach.key_of(use) is not None]
        if alike and not fitting:
            _refuse_other_options(alike[0], content, key)
        if (content, key) == (question.content, question.key) and all(use.question_version == question.version for use in fitting):
            raise Refused(_("This is the key that stands."), code="same_key")
    else:
        content = key = None
    remark = Remark.objects.create(
        question=question, version=question.version, remedy=remedy, content=content, key=key, reason=reason.strip()[:500], by=by, at=at
    )
    audit.record(question, "quizzes.remark_proposed", by=by, remark=remark.pk, remedy=remedy)
    return remark


def _refuse_other_options(use: AttemptItem, content: Any, key: Any) -> None:
    """A new key must fit a paper as it was shown; why not this one is said."""
    try:
        use.item_kind.rekey(use.shown, content, key, use.key)
    except kinds.Wrong as wrong:
        raise Refused(_("The new key cannot be: %(why)s") % {"why": wrong}, code="bad_key") from wrong


def changes(remark: Remark, *, after: int = 0) -> Iterator[Change]:
    """The dry run: every submission whose marking would change, streamed. Submissions that this re-marking did already are left out.

    `after`: only marks with a higher number.
    """
    for batch in _batches(remark, after):
        yield from _changes(remark, batch)


def of_person(remark: Remark, person: Person) -> list[Change]:
    """What it would change for one person."""
    own = _reached(remark).filter(marking__submission__attempt__person=person)
    return _changes(remark, list(own.select_related("item", "answer", *_OF_MARKS).order_by("pk")))


def losers_digest(losing: Iterable[int]) -> str:
    """What HR looked at when they say that passes are lost: the submissions that would lose theirs."""
    return hashlib.sha256(",".join(str(pk) for pk in sorted(losing)).encode()).hexdigest()


def _batches(remark: Remark, after: int) -> Iterator[list[ItemMark]]:
    # Done by this one, or by a later one of the same question, which knows better.
    done = RemarkedMarking.objects.filter(
        remark__question=remark.question_id, remark__gte=remark.pk, submission=OuterRef("marking__submission")
    )
    while True:
        rows = list(
            _reached(remark).filter(~Exists(done), pk__gt=after).select_related("item", "answer", *_OF_MARKS).order_by("pk")[:BATCH]
        )
        if not rows:
            return
        after = rows[-1].pk
        yield rows


def _reached(remark: Remark) -> QuerySet[ItemMark]:
    """The marks that stand of the papers that it asks about; one that was written by hand cannot be marked with a key."""
    marks = _asked(remark)
    return marks.exclude(_BY_HAND) if remark.remedy == Remark.Remedy.NEW_KEY else marks


def _asked(remark: Remark) -> QuerySet[ItemMark]:
    """Of the question as it is and as it was before; `keys.Reach` says of which of them the re-marking speaks."""
    return ItemMark.objects.standing().filter(item__question=remark.question_id, item__question_version__lte=remark.version)


def _uses(question: int | Question, version: int) -> list[AttemptItem]:
    """One paper's item for each version up to this one, the newest first: all of one version ask the same. One query."""
    uses = AttemptItem.objects.filter(question=question, question_version__lte=version)
    newest = uses.order_by().values("question_version").annotate(newest=Max("pk")).values("newest")
    return list(AttemptItem.objects.filter(pk__in=newest).order_by("-pk"))


def _versions(remark: Remark) -> set[int]:
    """The versions of the question that it speaks of. Two queries, once for each instance: what was asked then does not change."""
    if not hasattr(remark, "_spoken_of"):
        (reach,) = keys.reaches_of([remark])
        uses = _uses(remark.question_id, remark.version)
        remark._spoken_of = {use.question_version for use in uses if reach.key_of(use) is not None}  # type: ignore[attr-defined]
    return remark._spoken_of  # type: ignore[attr-defined]


def left_out(remark: Remark) -> QuerySet[ItemMark]:
    """Marks that it leaves alone, because those papers asked the question in other words, with other options, or as another kind."""
    marks = _asked(remark).exclude(item__question_version__in=_versions(remark))
    return marks.select_related("item", "marking__submission__attempt").order_by("pk")


def by_hand(remark: Remark) -> QuerySet[ItemMark]:
    """Marks that somebody entered from paper: nobody but a person with the sheet can say what they earn under a new key.

    Once it is decided, without those whose sheet somebody has looked at since: they were corrected, also to the same points.
    """
    if remark.remedy != Remark.Remedy.NEW_KEY:
        return ItemMark.objects.none()
    return _entered(remark).filter(item__question_version__in=_versions(remark))


def _entered(remark: Remark) -> QuerySet[ItemMark]:
    marks = _asked(remark).filter(_BY_HAND)
    decision = getattr(remark, "decision", None)
    if decision is not None:
        looked = PaperCorrectionDecision.objects.filter(made__isnull=False, at__gt=decision.at)
        marks = marks.exclude(Exists(looked.filter(correction__submission=OuterRef("marking__submission"))))
    return marks.select_related("item", "marking__submission__attempt").order_by("pk")


def waits_for_a_look(submission: Submission) -> bool:
    """Whether a new key asks for somebody who looks at this sheet again. Three queries, two more for each new key of its questions."""
    if submission.cause != Submission.Cause.PAPER:
        return False
    items = {item.question_id: item for item in submission.attempt.items.all()}
    mended = Remark.objects.filter(question__in=items, decision__approved=True, remedy=Remark.Remedy.NEW_KEY)
    speaking = [reach.remark for reach in keys.reaches_of(mended) if reach.key_of(items[reach.remark.question_id]) is not None]
    return any(_entered(remark).filter(marking__submission=submission).exists() for remark in speaking)


def _changes(remark: Remark, marks: list[ItemMark]) -> list[Change]:
    """What becomes of these marks; of who passed also what becomes of their other papers, on which the same completion may rest."""
    enrolments = {mark.marking.submission.attempt.enrolment_id for mark in marks if mark.marking.passed}
    hanging = lost_passes.hanging(enrolments)
    own = {mark.pk for mark in marks}
    rounds = _reached(remark).filter(marking__submission__attempt__enrolment__in=enrolments).select_related("item", "answer", *_OF_MARKS)
    outcomes = _outcomes(remark, [*marks, *(mark for mark in rounds if mark.pk not in own)])
    passes = set(  # when all is done; one that this re-marking itself has left standing, unearned, bears no other
        Marking.objects.current()
        .filter(passed=True, submission__attempt__enrolment__in=enrolments)
        .filter(~Exists(RemarkedMarking.objects.filter(remark=remark, marking=OuterRef("pk"), kept_pass=True)))
        .values_list("submission__attempt__enrolment", "submission__attempt__quiz", "submission__attempt")
    )
    for mark, _becomes, _score, would_pass in outcomes:
        attempt = mark.marking.submission.attempt
        (passes.add if would_pass else passes.discard)((attempt.enrolment_id, attempt.quiz_id, attempt.pk))
    found = []
    for mark, becomes, score, would_pass in outcomes:
        if mark.pk not in own:
            continue
        was = mark.marking
        attempt = was.submission.attempt
        has_other = any(e == attempt.enrolment_id and q == attempt.quiz_id and a != attempt.pk for e, q, a in passes)
        hangs = None if has_other or not was.passed else hanging.get((attempt.enrolment_id, attempt.quiz.key))
        is_guests = lost_passes.lies_elsewhere(hangs, attempt)
        found.append(Change(was, mark.earned, becomes, score, rules.percent(score, was.out_of), would_pass, is_guests, hangs, has_other))
    return found


def _outcomes(remark: Remark, marks: list[ItemMark]) -> list[tuple[ItemMark, Decimal, Decimal, bool]]:
    """Of the marks that change: what the item earns, the score, and whether it is a pass. Four queries at most."""
    shares = _shares(remark, marks)
    waiting = _waiting(marks, shares)
    found = []
    for mark in marks:
        if mark.pk not in shares:
            continue
        becomes = rules.earned(shares[mark.pk], mark.item.points)
        if becomes == mark.earned:
            continue
        was = mark.marking
        score = was.score - (mark.earned or Decimal(0)) + becomes
        stays = was.passed and score >= was.score  # a pass that was kept once is lost by no mark that rises
        would_pass = was.pk not in waiting and (stays or rules.passes(score, was.out_of, was.submission.attempt.pass_percent))
        found.append((mark, becomes, score, would_pass))
    return found


def _waiting(marks: list[ItemMark], shares: Collection[int]) -> set[int]:
    """Of the markings of these marks those that are still partial when the marks in `shares` have their points. One query; none where all are whole."""
    partial = [mark.marking for mark in marks if not mark.marking.is_complete]
    unagreed = {one.pk for one in partial if one.submission.cause == Submission.Cause.PAPER}  # a second person has yet to agree
    opened = ItemMark.objects.filter(marking__in=[one.pk for one in partial], fraction=None).exclude(pk__in=shares)
    return unagreed | set(opened.values_list("marking", flat=True)) if partial else set()


def completion_on(passed: Marking) -> Completion | None:
    """The standing completion that rests on this pass; none where another pass of the round would bear it too."""
    attempt = passed.submission.attempt
    others = Marking.objects.current().filter(passed=True, submission__attempt__quiz=attempt.quiz_id).exclude(pk=passed.pk)
    if others.filter(submission__attempt__enrolment=attempt.enrolment_id).exists():
        return None
    return lost_passes.hanging({attempt.enrolment_id}).get((attempt.enrolment_id, attempt.quiz.key))


def _shares(remark: Remark, marks: list[ItemMark]) -> dict[int, Fraction]:
    """The share of each item under the remedy, by mark. Three queries at most.

    Absent where it does not speak of the item (`keys.Reach`), where a later re-marking that was approved does, which has the last
    word, and with a new key what is still with a person or was entered from paper.
    """
    later = Remark.objects.filter(question=remark.question_id, pk__gt=remark.pk, decision__approved=True)
    own, *newer = keys.reaches_of([remark, *later])
    reached = [
        (mark, key) for mark in marks if (key := own.key_of(mark.item)) is not None and all(one.key_of(mark.item) is None for one in newer)
    ]
    if remark.remedy == Remark.Remedy.ALL_RIGHT:
        return {mark.pk: Fraction(1) for mark, _key in reached}
    found: dict[int, Fraction] = {}
    with_people: list[tuple[ItemMark, dict]] = []
    for mark, key in reached:
        if mark.fraction is None or mark.marking.submission.cause == Submission.Cause.PAPER:
            continue
        share = kinds.mark(mark.item.kind, key, _response(mark))
        if share is None:
            with_people.append((mark, key))
        else:
            found[mark.pk] = share
    settled = marking.settled_shares(mark.item_id for mark, _key in with_people) if with_people else {}
    for mark, key in with_people:
        share = marking.joined(mark.item.kind, key, _response(mark), settled.get(mark.item_id, {}))
        if share is not None:
            found[mark.pk] = share
    return found


def _response(mark: ItemMark) -> Any:
    return mark.answer.response if mark.answer else None


@transaction.atomic
def decide(
    *, remark: Remark, approved: bool, by: Person, at: datetime, may_lose: bool = False, losers: str | None = None, reason: str = ""
) -> RemarkDecision:
    """The second person's word. With a yes the bank's key is mended at once and the question's version rises, so that
    the re-marking reaches only papers that were frozen before; `apply` does the markings.

    `losers`: with `may_lose`, the `losers_digest` of the dry run that was looked at; None where nobody looked at one.

    Raises:
        Refused: not_theirs (neither reviewer nor HR of the county), same_person, decided, own_paper (a yes that
            changes one's own mark), only_hr (only HR may say that passes are lost), others_lose (by now other
            people would lose a pass than those who were seen), no_reason (a no needs one), edited (a yes to a
            new key would undo what somebody wrote since it was proposed).
    """
    remark = Remark.objects.select_related("question__county").get(pk=remark.pk)
    county = remark.question.county
    standing = Question.objects.select_for_update(no_key=True, of=("self",)).get(pk=remark.question_id)
    if not holds_over(by, county, Role.HR, Role.REVIEWER):
        raise Refused(_("A re-marking is decided by a reviewer or by HR of the county."), code="not_theirs")
    if remark.by_id == by.pk:
        raise Refused(_("Somebody else has to decide: two persons stand behind a re-marking."), code="same_person")
    if RemarkDecision.objects.filter(remark=remark).exists():
        raise Refused(_("This re-marking has been decided already."), code="decided")
    if approved and of_person(remark, by):
        raise Refused(_("It changes your own mark: somebody else has to agree to it."), code="own_paper")
    if may_lose and not holds_over(by, county, Role.HR):
        raise Refused(_("Only HR can say that somebody loses a pass."), code="only_hr")
    if approved and may_lose and losers is not None and losers != losers_digest(_losing(remark)):
        raise Refused(
            _(
                "Since you opened this page, papers were handed in or marked: other people would lose a pass now. Look at the list once more."
            ),
            code="others_lose",
        )
    if not approved and not reason.strip():
        raise Refused(_("Say why not; the reason stays in the record."), code="no_reason")
    if approved and remark.remedy == Remark.Remedy.NEW_KEY and standing.version != remark.version:
        raise Refused(
            _(
                "Somebody has edited the question since this was proposed (version %(then)d, now %(now)d). Agreeing would overwrite the "
                "edit: turn this down, and propose anew from the question as it is."
            )
            % {"then": remark.version, "now": standing.version},
            code="edited",
        )
    decision = RemarkDecision.objects.create(
        remark=remark, approved=approved, may_lose=approved and may_lose, reason=reason.strip()[:500], by=by, at=at
    )
    if approved:
        remark.question = standing  # what was read before the lock may be older than a colleague's edit
        _mend(remark, by, at)
    audit.record(remark.question, "quizzes.remark_decided", by=by, remark=remark.pk, approved=approved, may_lose=may_lose)
    return decision


def _losing(remark: Remark) -> Iterator[int]:
    return (change.marking.submission_id for change in changes(remark) if change.loses_pass)


def _mend(remark: Remark, by: Person, at: datetime) -> None:
    """The question gets a version of its own, which the re-marking does not reach: papers drawn from now on are marked as they are."""
    question = remark.question
    if remark.remedy == Remark.Remedy.NEW_KEY:
        question.content, question.key = remark.content, remark.key
        bank.write(question, by=by, is_agreed=True)
    if question.version == remark.version:
        question.version += 1
        question.save(update_fields=["version", "updated_at"])
        bank.keep_versions([question], by=by, at=at)


def apply(remark: Remark, *, at: datetime) -> int:
    """Mark again whatever an approved re-marking changes; how many submissions were. Bounded steps; may be killed and run again.

    What rests on a lost pass falls last: another paper of the same person may gain one.

    Raises:
        Refused: not_approved.
    """
    decision = RemarkDecision.objects.filter(remark=remark).first()
    if decision is None or not decision.approved:
        raise Refused(_("This re-marking is not approved."), code="not_approved")
    remark.decision = decision
    progress = RemarkProgress.objects.filter(remark=remark).first()
    done = sum(_apply(remark, change.marking.submission_id, at) for change in changes(remark, after=progress.done_to if progress else 0))
    after = 0
    while lost := list(_lost().filter(remark=remark, pk__gt=after)[:BATCH]):
        for one in lost:
            _take_back(one.submission.attempt, remark, at)
        after = lost[-1].pk
    return done


@transaction.atomic
def _apply(remark: Remark, submission_id: int, at: datetime) -> bool:
    """One submission, once. Locks it; what stands is read again under the lock."""
    submission = (
        Submission.objects.select_for_update(no_key=True, of=("self",))
        .select_related("attempt__quiz__county", "attempt__enrolment")
        .get(pk=submission_id)
    )
    if RemarkedMarking.objects.filter(remark__question=remark.question_id, remark__gte=remark.pk, submission=submission).exists():
        return False
    if GoneOnPaper.objects.filter(attempt=submission.attempt_id).exists():  # two persons agreed on it meanwhile: it counts no more
        return False
    current = Marking.objects.current().get(submission=submission)
    marks = list(current.marks.select_related("item", "answer", *_OF_MARKS))
    asked = [mark for mark in marks if mark.item.question_id == remark.question_id and mark.item.question_version <= remark.version]
    found = _changes(remark, asked)
    if not found:
        return False
    change = found[0]
    keeps = change.is_unearned and not (change.loses_pass and remark.decision.may_lose)
    shares = _shares(remark, asked)
    marked = []
    for mark in marks:
        fraction = shares.get(mark.pk)
        if fraction is not None:
            marked.append(marking.Marked(mark.item, mark.answer, fraction))
        else:
            kept = None if mark.fraction is None else Fraction(mark.fraction)
            marked.append(marking.Marked(mark.item, mark.answer, kept, mark.earned))
    waits = submission.cause == Submission.Cause.PAPER and not current.is_complete  # a second person has yet to agree to the entry
    made = marking.append(
        submission,
        marked,
        cause=Marking.Cause.REMARK,
        at=at,
        supersedes=current,
        keeps_pass=keeps or change.would_pass,
        waits_for_second=waits,
    )
    if remark.remedy == Remark.Remedy.ALL_RIGHT and not current.is_complete:
        ratings.spare([mark.item_id for mark in asked if mark.pk in shares], at=at)
    RemarkedMarking.objects.create(
        remark=remark,
        marking=made,
        submission=submission,
        lost_pass=current.passed and not made.passed,
        gained_pass=made.passed and not current.passed,
        kept_pass=keeps,
    )
    if not made.is_complete:
        ratings.complete(submission=submission, at=at)  # its other essays may be settled already
    return True


def _lost() -> QuerySet[RemarkedMarking]:
    """Passes that a re-marking took and by which a requirement is still met."""
    lost = RemarkedMarking.objects.filter(lost_passes.still_count("submission__attempt"), lost_pass=True)
    return lost.select_related("submission__attempt__quiz", "submission__attempt__enrolment").order_by("pk")


def _take_back(attempt: Attempt, remark: Remark, at: datetime) -> None:
    lost_passes.take_back(attempt, by=remark.decision.by, reason=_reversal_reason(remark), at=at)


def _reversal_reason(remark: Remark) -> str:
    return _("Question %(code)s was marked again: %(reason)s") % {"code": remark.question.code, "reason": remark.reason}


@dataclass(frozen=True)
class Told:
    """What the learner is told of one re-marking of their paper."""

    position: int
    at: datetime
    reason: str
    before: Decimal
    after: Decimal


def told(submission: Submission) -> list[Told]:
    """Re-markings of this paper, the latest of each item. Two queries; none for a first marking that was fetched with the submission."""
    if submission.result.supersedes_id is None:
        return []
    done = list(RemarkedMarking.objects.filter(submission=submission).select_related("remark", "marking__supersedes").order_by("pk"))
    if not done:
        return []
    items = {item.question_id: item for item in submission.attempt.items.filter(question__in=[one.remark.question_id for one in done])}
    found = {}
    for one in done:
        item, before = items[one.remark.question_id], one.marking.supersedes
        assert before is not None, "a re-marking supersedes a marking"
        found[item.pk] = Told(item.position, one.marking.at, one.remark.reason, before.percent, one.marking.percent)
    return list(found.values())


def is_under_way(remark: Remark) -> bool:
    """Whether an approved re-marking has papers left to mark again. Costs what `unapplied_gaps` costs for it."""
    progress = RemarkProgress.objects.filter(remark=remark).first()
    return next(changes(remark, after=progress.done_to if progress else 0), None) is not None


def unapplied_gaps(at: datetime) -> list[Gap]:
    """Approved re-markings that have not reached everybody: a killed worker, a paper that was handed in late.

    Looks at marks that are new since the last look; three queries for each re-marking, two where nothing was marked.
    """
    newest = ItemMark.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    gaps, looked = [], []
    for remark in Remark.objects.filter(decision__approved=True).exclude(progress__done_to__gte=newest).select_related("progress"):
        progress = getattr(remark, "progress", None) or RemarkProgress(remark=remark, seen_at=at)
        if next(changes(remark, after=progress.done_to), None) is not None:
            gaps.append(Gap(f"re-marking {remark.pk} has not reached everybody", partial(apply, remark, at=at)))
        elif progress.seen_at <= at - SETTLED_AFTER or not progress.seen_to:
            looked.append(RemarkProgress(remark=remark, done_to=progress.seen_to, seen_to=newest, seen_at=at))
    RemarkProgress.objects.bulk_create(
        looked, update_conflicts=True, unique_fields=["remark"], update_fields=["done_to", "seen_to", "seen_at"]
    )
    return gaps


def lost_gaps(at: datetime) -> list[Gap]:
    """Requirements that stand as met, and completions that rest on them, though a re-marking took the pass away.

    Not of one that is under way: a paper that is still to be marked may be a pass. One query where there are none.
    """
    lost = list(_lost().select_related("remark__question", "remark__decision__by")[:1000])
    under_way = {remark.pk for remark in {one.remark_id: one.remark for one in lost}.values() if is_under_way(remark)}
    waiting = {one.submission.attempt_id for one in lost if one.remark_id in under_way}  # an earlier re-marking took the pass, too
    return [
        Gap(
            f"attempt {one.submission.attempt_id} is no pass any more and counts",
            partial(_take_back, one.submission.attempt, one.remark, at),
        )
        for one in lost
        if one.submission.attempt_id not in waiting
    ]
