"""What was written on paper: marks that somebody gave by hand become an attempt with its marking, and are corrected by a further one."""

import random
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from core import audit, clock
from core.errors import Refused
from core.reconcile import Gap
from courses.models import Completion, Enrolment
from people.models import Person
from people.models.snapshot import copied_from, served_at
from quizzes import kinds, rules
from quizzes.models import (
    Answer,
    Attempt,
    AttemptItem,
    Candidate,
    GoneOnPaper,
    Marking,
    Paper,
    PaperCorrection,
    PaperCorrectionDecision,
    Sitting,
    Submission,
)
from quizzes.models.sittings import ORGANISERS, closing_of
from quizzes.permissions import holds_over
from quizzes.services import attempts, correcting, keys, lost_passes, marking, papers, remarks, sheets, sittings


@transaction.atomic
def enter_marks(
    *,
    person: Person,
    paper: Paper,
    sitting: Sitting,
    seen: int,
    points: Mapping[int, Decimal],
    by: Person,
    at: datetime,
    code: str = "",
) -> Marking:
    """Record a paper that somebody wrote by hand: points by position. The attempt, its end and its marking are made at once.

    `code` is that of a sheet that bears a name: it has to be this person's, of this paper. A blank sheet has none.
    `seen` is the newest attempt of theirs in the sitting that was looked at (`newest`): a sheet that two enter at once, or one twice,
    would take a further attempt where one is left.

    It counts as handed in when the sitting closed (`attempts.counted_at`); when it was entered stands on the marking. Points that are a pass are none
    before a second person has agreed (`decide`): until then the marking is not complete. Who began on the screen has marks
    from paper where they went on on paper (`go_on`), of the same paper; else as another attempt, where one is left.

    It belongs to the round of what it goes on with, unless the completion of that was reversed, else to that of the sitting's opening
    (`sittings.round_then`): when it was sat says which, not when it is entered. Locks the enrolment. What was entered wrongly is answered
    by `correct`, never by editing.

    Raises:
        Refused: not_over (the sitting is not closed), other_paper (none of the sitting's), not_sealed (it is not what was
            written: the seals cover questions, pass mark and ways of marking), own_marks, not_a_candidate,
            sat_already (also what came after `seen`), began_other_paper (another one than on the screen), bad_points (naming the positions), other_form and other_sheet (the code is another's); no_course
            and as `enrolments.enrol_then` says.
    """
    quiz = paper.quiz
    if sitting.is_draft or at < sitting.over_at:
        raise Refused(_("Marks from paper are entered when the sitting is over for everybody."), code="not_over")
    if not sitting.papers.filter(pk=paper.pk).exists():
        raise Refused(_("This paper was not handed out in the sitting."), code="other_paper")
    if not paper.is_sealed:
        raise Refused(
            _(
                "Paper %(label)s is not as two persons sealed it: its questions, the pass mark or the ways of marking were changed since. "
                "Put them back as they were when it was written, then enter the marks."
            )
            % {"label": paper.label},
            code="not_sealed",
        )
    if person.pk == by.pk:
        raise Refused(_("Nobody enters marks of their own: somebody else has to do it."), code="own_marks")
    if sitting.is_listed and not sitting.candidates.filter(person=person).exists():
        raise Refused(_("%(name)s is not on the list of this sitting.") % {"name": person.name}, code="not_a_candidate")
    if code.strip():
        sheets.require_code(code, sitting=sitting, person=person, paper=paper)
    went_on = attempts.without_marks(tried_in(sitting, person))
    if went_on is not None and not hasattr(getattr(went_on.enrolment, "completion", None), "reversal"):
        enrolment = went_on.enrolment
    else:
        enrolment = sittings.round_then(person=person, quiz=quiz, at=sitting.opens_at)
    Enrolment.objects.select_for_update(no_key=True, of=("self",)).get(pk=enrolment.pk)
    tried = tried_in(sitting, person)  # as they stand under the lock
    went_on = attempts.without_marks(tried)
    if newest(tried) != seen or not may_enter(sitting, person, tried, at):
        raise Refused(_("%(name)s has a paper in this sitting already.") % {"name": person.name}, code="sat_already")
    if went_on is not None and went_on.paper is not None and went_on.paper != paper:
        raise Refused(
            _("%(name)s began paper %(label)s on the screen and went on with it: enter the marks of that paper.")
            % {"name": person.name, "label": went_on.paper.label},
            code="began_other_paper",
        )
    items = list(paper.items.all())
    _refuse_bad_points(points, {item.position: item.points for item in items})
    attempt = Attempt.objects.create(
        **(served_at(person, on=clock.today(sitting.opens_at)) if went_on is None else copied_from(went_on)),
        quiz=quiz,
        enrolment=enrolment,
        sitting=sitting,
        paper=paper,
        number=Attempt.objects.filter(enrolment=enrolment, quiz=quiz).count() + 1,
        started_at=sitting.opens_at,
        ends_at=sitting.closes_at,
        quiz_title=quiz.title,
        pass_percent=quiz.pass_percent,
        seed=secrets.token_hex(16),
    )
    kept = AttemptItem.objects.bulk_create(
        papers.frozen(attempt, item, position=item.position, rng=random.Random(attempt.seed), shuffle=False)  # noqa: S311 - tokens only
        for item in items
    )
    closed_at = closing_of(sitting)
    ended_at = attempts.counted_at(closed_at, due_at=closed_at)
    submission = Submission.objects.create(attempt=attempt, cause=Submission.Cause.PAPER, at=ended_at)
    given = keys.standing(kept)
    points = {item.position: item.points if given[item.pk].is_given else points[item.position] for item in kept}
    marked = [_marked(item, points[item.position]) for item in kept]
    audit.record(quiz, "quizzes.marks_entered", by=by, person=person.pk, paper=paper.label)
    is_pass = rules.passes(
        sum(points.values(), start=Decimal(0)), sum((item.points for item in items), start=Decimal(0)), quiz.pass_percent
    )
    made = marking.append(submission, marked, cause=Marking.Cause.PAPER, at=at, waits_for_second=is_pass)
    if is_pass:
        PaperCorrection.objects.create(
            submission=submission, marking=made, points={str(position): str(value) for position, value in points.items()}, by=by, at=at
        )
    return made


def tried_in(sitting: Sitting, person: Person) -> list[Attempt]:
    """The person's attempts in the sitting, in their order. One query."""
    tried = Attempt.objects.filter(person=person, sitting=sitting).timed().in_order()
    return list(tried.select_related("submission", "gone_on_paper__by", "paper", "enrolment__completion__reversal"))


def newest(tried: list[Attempt]) -> int:
    """The number of the last of these attempts, by `tried_in`, as a page has it that is opened now; 0 where there is none."""
    return tried[-1].pk if tried else 0


def may_enter(sitting: Sitting, person: Person, tried: list[Attempt], at: datetime) -> bool:
    """Whether marks of a sheet of theirs may be entered, by `tried_in`: an attempt is left, that of what went on on paper included, and
    none runs. One query at most.
    """
    if any(not attempts.is_closed(one) and not attempts.is_overdue(one, at) for one in tried):
        return False
    return attempts.without_marks(tried) is not None or attempts.used_up(tried) < attempts.allowed_in(sitting, person.pk)


@transaction.atomic
def go_on(*, attempt: Attempt, reason: str, by: Person, at: datetime) -> GoneOnPaper:
    """End an open attempt of an exam on the screen, because its candidate writes on by hand. Locks it; twice gives what stands.

    Answers that were acknowledged stay, and `on_screen` says what they earn; the attempt is not marked. Its marks are entered from
    paper when the sitting is over.

    Raises:
        Refused: no_reason, own_attempt, no_printed_paper (the questions were drawn for this person alone), over.
    """
    if not reason.strip():
        raise Refused(_("Say why the candidate goes on on paper; the reason stays in the record."), code="no_reason")
    attempt = Attempt.objects.select_for_update(no_key=True, of=("self",)).select_related("quiz").get(pk=attempt.pk)
    if attempt.person_id == by.pk:
        raise Refused(_("Nobody decides this for themselves: somebody else has to do it."), code="own_attempt")
    standing = GoneOnPaper.objects.filter(attempt=attempt).first()
    if standing is not None:
        return standing
    if attempt.paper_id is None:
        raise Refused(
            _("The questions were drawn for this person alone, so there is no printed paper: let them go on at another device."),
            code="no_printed_paper",
        )
    if Submission.objects.filter(attempt=attempt).exists() or attempts.is_overdue(attempt, at):
        raise Refused(_("This attempt is over: it counts as it was handed in."), code="over")
    made = GoneOnPaper.objects.create(attempt=attempt, reason=reason.strip()[:300], by=by, at=at)
    audit.record(attempt.quiz, "quizzes.gone_on_paper", by=by, person=attempt.person_id, attempt=attempt.pk, reason=made.reason)
    return made


def on_screen(attempt: Attempt, paper: Paper) -> dict[int, Decimal]:
    """What the acknowledged answers of an attempt that went on on paper earn, by position on the paper; absent what has no answer, or
    needs a person. Four queries."""
    latest, items = Answer.objects.latest_of(attempt.pk), list(attempt.items.all())
    standing = keys.standing(items)
    earned = {}
    for item in items:
        answer = latest.get(item.pk)
        share = kinds.mark(item.kind, standing[item.pk].key, answer.response) if answer and answer.response is not None else None
        if share is not None:
            earned[item.question_id] = rules.earned(share, item.points)
    return {item.position: earned[item.question_id] for item in paper.items.all() if item.question_id in earned}


def to_enter(sitting: Sitting) -> list[Attempt]:
    """Attempts that went on on paper, whose marks nobody has entered yet. One query."""
    later = Attempt.objects.filter(sitting=OuterRef("sitting"), person=OuterRef("person"), pk__gt=OuterRef("pk"))
    entered = later.filter(submission__cause=Submission.Cause.PAPER)
    return list(Attempt.objects.filter(~Exists(entered), sitting=sitting, gone_on_paper__isnull=False).in_order())


def _refuse_bad_points(points: Mapping[int, Decimal], most: Mapping[int, Decimal]) -> None:
    wrong = [position for position, top in most.items() if not 0 <= points.get(position, Decimal(-1)) <= top]
    if wrong or set(points) - set(most):
        raise Refused(
            _("Points are missing or outside what the question gives: %(places)s.") % {"places": "、".join(map(str, wrong)) or "?"},
            code="bad_points",
        )


def _marked(item: AttemptItem, points: Decimal) -> marking.Marked:
    return marking.Marked(item, None, Fraction(points) / Fraction(item.points), points.quantize(rules.HUNDREDTH))


# ---- corrections ---------------------------------------------------------------------------


def given_to_all(submission: Submission) -> set[int]:
    """The positions at which everybody gets full marks by an approved re-marking. Two queries."""
    items = list(submission.attempt.items.all())
    standing = keys.standing(items)
    return {item.position for item in items if standing[item.pk].is_given}


@transaction.atomic
def correct(*, submission: Submission, seen: int, points: Mapping[int, Decimal], reason: str, by: Person, at: datetime) -> PaperCorrection:
    """Say that marks were entered otherwise than they stand on the sheet: the points of every question, by position, and why.

    The same points again stand for a look at the sheet that a new key asked for, or for a pass that was turned down.
    Where no pass comes or goes by it a new marking takes the place of the old one at once; else it waits for a second
    person (`decide`). `seen` is the marking that was looked at. Locks the submission.

    Raises:
        Refused: not_paper, own_marks, no_reason, marked_since (another marking stands by now), open_already (a correction
            waits), bad_points, given_to_all (points that a re-marking gave to everybody), same_points.
    """
    submission = correcting.locked(submission)
    if submission.cause != Submission.Cause.PAPER:
        raise Refused(_("Only marks that were entered from paper are corrected here."), code="not_paper")
    if submission.attempt.person_id == by.pk:
        raise Refused(_("Nobody corrects marks of their own: somebody else has to do it."), code="own_marks")
    if not reason.strip():
        raise Refused(_("Say why the marks are corrected; the reason stays in the record."), code="no_reason")
    if PaperCorrection.objects.filter(submission=submission).waiting().exists():
        raise Refused(_("A correction of these marks waits for a second person already."), code="open_already")
    current = correcting.as_seen(submission, seen)
    marks = list(current.marks.select_related("item"))
    _refuse_bad_points(points, {mark.item.position: mark.item.points for mark in marks})
    found = correcting.effect(current, points, marks)
    given = given_to_all(submission) & {position for position, _was, _becomes in found.lines}
    if given:
        places = "、".join(map(str, sorted(given)))
        raise Refused(_("A re-marking gave everybody full marks for question %(places)s.") % {"places": places}, code="given_to_all")
    if not found.lines and current.is_complete and not remarks.waits_for_a_look(submission):
        raise Refused(_("These are the points that stand."), code="same_points")
    made = PaperCorrection.objects.create(
        submission=submission,
        marking=current,
        points={str(position): str(value) for position, value in points.items()},
        reason=reason.strip()[:500],
        by=by,
        at=at,
    )
    audit.record(submission.attempt.quiz, "quizzes.correction_proposed", by=by, person=submission.attempt.person_id, correction=made.pk)
    if not found.needs_second:
        _apply(made, found, by=by, at=at)
    return made


@transaction.atomic
def decide(
    *, correction: PaperCorrection, approved: bool, by: Person, at: datetime, may_lose: bool = False, reason: str = ""
) -> PaperCorrectionDecision:
    """The second person's yes or no. A pass that the points do not earn stays unless HR says that it may be lost.

    With a yes a new marking supersedes the one that stood, and what rests on a lost pass falls as after a re-marking.
    Locks the submission.

    Raises:
        Refused: decided, same_person, own_marks, only_hr (others than HR say that a pass may be lost), guests_pass (it `counts_elsewhere`), no_reason (a no
            needs one), and with a yes proposer_gone (who proposed or entered it may not any more), marked_since (another marking
            stands by now: a yes would undo it).
    """
    submission = correcting.locked(correction.submission)
    if PaperCorrectionDecision.objects.filter(correction=correction).exists():
        raise Refused(_("This correction has been decided already."), code="decided")
    if correction.by_id == by.pk:
        raise Refused(_("Somebody else has to decide: two persons stand behind what changes a pass."), code="same_person")
    if submission.attempt.person_id == by.pk:
        raise Refused(_("Nobody corrects marks of their own: somebody else has to do it."), code="own_marks")
    if may_lose:
        correcting.require_hr(submission.attempt, by)
    if approved:
        if not (correction.by.is_active and holds_over(correction.by, submission.attempt.quiz.county, *ORGANISERS)):
            raise correcting.proposer_gone(correction.by.name)
        current = correcting.as_seen(submission, correction.marking_id)
        return _apply(correction, correcting.effect(current, points_of(correction)), by=by, at=at, may_lose=may_lose, reason=reason)
    if not reason.strip():
        raise Refused(_("Say why not; the reason stays in the record."), code="no_reason")
    made = PaperCorrectionDecision.objects.create(correction=correction, reason=reason.strip()[:500], by=by, at=at)
    _record_decision(made, submission)
    return made


def points_of(correction: PaperCorrection) -> dict[int, Decimal]:
    """The points that the correction asks for, by position."""
    return {int(position): Decimal(value) for position, value in correction.points.items()}


def hanging_on(marking_: Marking) -> Completion | None:
    """The standing completion that rests on this pass and on no other."""
    return remarks.completion_on(marking_) if marking_.passed else None


def _apply(
    correction: PaperCorrection, found: correcting.Effect, *, by: Person, at: datetime, may_lose: bool = False, reason: str = ""
) -> PaperCorrectionDecision:
    before, submission = found.before, found.before.submission
    points, changed = points_of(correction), {position for position, _was, _becomes in found.lines}
    marked = []
    for mark in before.marks.select_related("item", "answer"):
        if mark.item.position in changed:
            marked.append(_marked(mark.item, points[mark.item.position]))
        else:
            marked.append(marking.Marked(mark.item, mark.answer, Fraction(mark.fraction or 0), mark.earned))
    made = correcting.carry_out(found, marked, cause=Marking.Cause.PAPER, may_lose=may_lose, at=at)
    decision = PaperCorrectionDecision.objects.create(correction=correction, reason=reason.strip()[:500], by=by, at=at, **made)
    _record_decision(decision, submission)
    if decision.lost_pass:
        _take_back(decision, submission.attempt, at)
    return decision


def _record_decision(decision: PaperCorrectionDecision, submission: Submission) -> None:
    attempt = submission.attempt
    facts = {"person": attempt.person_id, "correction": decision.correction_id, "approved": decision.approved}
    audit.record(attempt.quiz, "quizzes.correction_decided", by=decision.by, **facts, may_lose=decision.may_lose)


def _take_back(decision: PaperCorrectionDecision, attempt: Attempt, at: datetime) -> None:
    reason = _("Marks from paper were corrected: %(reason)s") % {"reason": decision.correction.reason}
    lost_passes.take_back(attempt, by=decision.by, reason=reason, at=at)


def corrections_of(submission: Submission) -> list[PaperCorrection]:
    """What was asked to be corrected, newest first, each with its decision and both markings. One query."""
    if submission.cause != Submission.Cause.PAPER:
        return []
    return list(PaperCorrection.objects.filter(submission=submission).select_related("by", "marking", "decision__by", "decision__made"))


def waiting_in(sitting: Sitting) -> list[PaperCorrection]:
    """The corrections of a sitting that wait for a second person. One query."""
    found = PaperCorrection.objects.waiting().filter(submission__attempt__sitting=sitting)
    return list(found.select_related("submission__attempt").order_by("pk"))


@dataclass(frozen=True)
class Waiting:
    """A correction that waits for a second person: what it asks for, question by question, and what it would do."""

    correction: PaperCorrection
    effect: correcting.Effect
    lines: list[tuple[int, Decimal, Decimal]]  # position, points as they would stand, what the question gives at most
    is_stale: bool  # other marks stand than when it was asked for
    late_reason: str = ""  # why the person was listed after the close, where they were

    @property
    def may_be_agreed_together(self) -> bool:
        """A pass that is lost takes a word about what falls with it, so it is decided on its own page."""
        return not self.is_stale and not self.effect.loses_pass


def waiting_in_full(sitting: Sitting) -> list[Waiting]:
    """The corrections of a sitting that wait, each with its points, by room and seat. Four queries, however many."""
    found = PaperCorrection.objects.waiting().filter(submission__attempt__sitting=sitting)
    several = list(found.select_related("by", "marking", "submission__attempt__paper"))
    current = Marking.objects.current().filter(submission__in=[one.submission_id for one in several])
    standing = {one.submission_id: one for one in current.prefetch_related("marks__item")}
    made, places = [], {candidate.person_id: candidate for candidate in sitting.candidates.all()}
    for one in several:
        marking_ = standing[one.submission_id]
        marking_.submission = one.submission
        points, marks = points_of(one), list(marking_.marks.all())
        most = {mark.item.position: mark.item.points for mark in marks}
        lines = [(position, value, most[position]) for position, value in sorted(points.items())]
        place = places.get(one.submission.attempt.person_id)
        late_reason = place.late_reason if place else ""
        made.append(Waiting(one, correcting.effect(marking_, points, marks), lines, one.marking_id != marking_.pk, late_reason))
    return sorted(made, key=lambda each: _place(places.get(each.correction.submission.attempt.person_id), each.correction))


def _place(candidate: Candidate | None, correction: PaperCorrection) -> tuple:
    room, seat = (candidate.room, candidate.seat) if candidate else ("", "")
    return (len(room), room, len(seat), seat, correction.submission.attempt.employee_number)


def agree(
    *, sitting: Sitting, corrections: Collection[int], by: Person, at: datetime
) -> tuple[list[PaperCorrectionDecision], list[Refused]]:
    """A second person's yes to several corrections of a sitting, each of which they looked at: what was decided, and what was refused.

    Each stands by itself, as `decide` would have it, in a transaction of its own. What would lose a pass is refused here (lost_pass).
    """
    found = PaperCorrection.objects.filter(pk__in=corrections, submission__attempt__sitting=sitting)
    decided, refused = [], []
    for one in found.select_related("marking", "submission__attempt__quiz__county").order_by("pk"):
        one.marking.submission = one.submission
        try:
            if correcting.effect(one.marking, points_of(one)).loses_pass:
                raise Refused(_("A pass would be lost by it: decide it on its own page."), code="lost_pass")
            decided.append(decide(correction=one, approved=True, by=by, at=at))
        except Refused as refusal:
            refused.append(Refused(f"{one.submission.attempt.person_name}：{refusal.message}", code=refusal.code))
    return decided, refused


def lost_gaps(at: datetime) -> list[Gap]:
    """What stands as met though a correction took the pass away. One query."""
    lost = PaperCorrectionDecision.objects.filter(lost_passes.still_count("correction__submission__attempt"), lost_pass=True)
    found = lost.select_related("by", "correction__submission__attempt__quiz", "correction__submission__attempt__enrolment")
    return [
        Gap(
            f"attempt {one.correction.submission.attempt_id} is no pass any more and counts",
            partial(_take_back, one, one.correction.submission.attempt, at),
        )
        for one in found.order_by("pk")[:1000]
    ]
