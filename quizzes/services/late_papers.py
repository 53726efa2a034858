"""A candidate had gone on on paper when the clock handed the attempt in: two persons who were there agree on it afterwards."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core import audit, clock
from core.errors import Refused
from people.models import Person
from quizzes.models import Attempt, GoneOnPaper, LatePaper, LatePaperDecision, Marking, Sitting, Submission
from quizzes.services import attempts, correcting


@transaction.atomic
def bring(*, attempt: Attempt, from_at: datetime, until: datetime, reason: str, by: Person, at: datetime) -> LatePaper:
    """Say that the candidate wrote on paper in the room from then until then, though the clock has handed the attempt in meanwhile.

    For a server that was down past the candidate's own end: before it, `paper_marks.go_on` closes the screen. Nothing changes before
    a second person has agreed (`decide`). Locks the attempt; one that is over and not handed in yet is handed in by the clock.

    Raises:
        Refused: no_reason, own_attempt, no_printed_paper, still_open, gone_on_paper, handed_in (by the candidate), passed, sat_again,
            open_already (another waits for its second person), not_in_time (outside the candidate's time, or in the future).
    """
    if not reason.strip():
        raise Refused(_("Say why the candidate goes on on paper; the reason stays in the record."), code="no_reason")
    attempt = _locked(attempt)
    if attempt.person_id == by.pk:
        raise Refused(_("Nobody decides this for themselves: somebody else has to do it."), code="own_attempt")
    if attempt.paper_id is None:
        raise Refused(
            _("The questions were drawn for this person alone, so there was no printed paper to write on. HR can give another attempt."),
            code="no_printed_paper",
        )
    if not attempts.is_overdue(attempt, at) and not Submission.objects.filter(attempt=attempt).exists():
        raise Refused(_("This attempt still runs: close the screen, then the candidate goes on on paper."), code="still_open")
    attempts.end_by_clock(attempt=attempt, at=at)
    _refuse_what_counts(attempt)
    if LatePaper.objects.filter(attempt=attempt, decision=None).exists():
        raise Refused(_("Somebody has brought in this paper already; a second person has to agree."), code="open_already")
    last, begun = last_moment(attempt), attempt.started_at.replace(second=0, microsecond=0)  # pages tell minutes
    if not begun <= from_at < until <= min(last, at) or (attempt.shuts_at and from_at >= attempt.shuts_at):
        raise Refused(
            _("The paper was written within the candidate's time: begun between %(begun)s and %(end)s, handed in by %(last)s.")
            % {
                "begun": _clock(attempt.started_at),
                "end": _clock(attempt.due_at or last),
                "last": _clock(last),
            },
            code="not_in_time",
        )
    made = LatePaper.objects.create(attempt=attempt, from_at=from_at, until=until, reason=reason.strip()[:300], by=by, at=at)
    _record("quizzes.late_paper_brought", made, by=by)
    return made


@transaction.atomic
def decide(*, late_paper: LatePaper, approved: bool, by: Person, at: datetime, reason: str = "") -> LatePaperDecision:
    """The second person's yes or no. With a yes the attempt counts for nothing any more, as after `paper_marks.go_on`, and the marks
    of the sheet are entered as those of any other. Its answers, its submission and its marking stay on record. Locks the attempt.

    Raises:
        Refused: decided, same_person, own_attempt, no_reason (a no needs one), and of a yes proposer_gone (who brought it runs the
            sitting no more), gone_on_paper, handed_in, passed, sat_again.
    """
    attempt = _locked(late_paper.attempt)
    if LatePaperDecision.objects.filter(late_paper=late_paper).exists():
        raise Refused(_("This has been decided already."), code="decided")
    if late_paper.by_id == by.pk:
        raise Refused(_("Somebody else has to decide: two persons stand behind a paper that is brought in late."), code="same_person")
    if attempt.person_id == by.pk:
        raise Refused(_("Nobody decides this for themselves: somebody else has to do it."), code="own_attempt")
    if approved:
        if not (late_paper.by.is_active and Sitting.objects.run_by(late_paper.by).filter(pk=attempt.sitting_id).exists()):
            raise correcting.proposer_gone(late_paper.by.name)
        _refuse_what_counts(attempt)
        GoneOnPaper.objects.create(attempt=attempt, reason=late_paper.reason, by=late_paper.by, at=late_paper.from_at)
    elif not reason.strip():
        raise Refused(_("Say why not; the reason stays in the record."), code="no_reason")
    made = LatePaperDecision.objects.create(late_paper=late_paper, approved=approved, reason=reason.strip()[:300], by=by, at=at)
    _record("quizzes.late_paper_decided", late_paper, by=by, approved=approved)
    return made


def may_be_brought(attempt: Attempt, at: datetime) -> bool:
    """Whether the clock ended it, so that a paper may have been written instead. No query where submission and paper were selected."""
    if attempt.paper_id is None or hasattr(attempt, "gone_on_paper"):
        return False
    submission = getattr(attempt, "submission", None)
    return attempts.is_overdue(attempt, at) if submission is None else submission.cause == Submission.Cause.TIME


def last_moment(attempt: Attempt) -> datetime:
    """By when a sheet was handed in, in time: the candidate's own end, or the sitting's, where that is later. Two queries at most."""
    ends = [Sitting.objects.timed().get(pk=attempt.sitting_id).over_at] if attempt.sitting_id else []
    return max([*ends, *([attempt.shuts_at] if attempt.shuts_at else [])])


def waiting_in(sitting: Sitting) -> list[LatePaper]:
    """The papers of a sitting that wait for a second person. One query."""
    found = LatePaper.objects.filter(attempt__sitting=sitting, decision=None)
    return list(found.select_related("attempt", "by").order_by("pk"))


def _locked(attempt: Attempt) -> Attempt:
    """The attempt and its submission, locked: who hands in, marks or tells a course of a pass comes before us, or after."""
    found = Attempt.objects.select_for_update(no_key=True, of=("self",)).select_related("quiz").get(pk=attempt.pk)
    list(Submission.objects.select_for_update(no_key=True, of=("self",)).filter(attempt=found))
    return found


def _refuse_what_counts(attempt: Attempt) -> None:
    """Nobody has two attempts of one, and nobody's pass or own hand-in is taken from them."""
    if GoneOnPaper.objects.filter(attempt=attempt).exists():
        raise Refused(_("It stands already that this candidate went on on paper."), code="gone_on_paper")
    if Submission.objects.filter(attempt=attempt).exclude(cause=Submission.Cause.TIME).exists():
        raise Refused(_("The candidate handed this attempt in: it counts as it was handed in."), code="handed_in")
    if Marking.objects.current().filter(submission__attempt=attempt, passed=True).exists():
        raise Refused(_("This attempt is a pass by what was answered on the screen: there is nothing to gain from paper."), code="passed")
    if Attempt.objects.filter(sitting=attempt.sitting_id, person=attempt.person_id, pk__gt=attempt.pk).exists():
        raise Refused(_("The candidate has begun another attempt in this sitting since: that one counts."), code="sat_again")


def _clock(at: datetime) -> str:
    return clock.local(at).strftime("%Y-%m-%d %H:%M")


def _record(action: str, late_paper: LatePaper, *, by: Person, **more: object) -> None:
    attempt = late_paper.attempt
    facts = {"person": attempt.person_id, "attempt": attempt.pk, "from": _clock(late_paper.from_at), "until": _clock(late_paper.until)}
    audit.record(attempt.quiz, action, by=by, **facts, reason=late_paper.reason, **more)
