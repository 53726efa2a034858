"""What every correction of marks rests on, whether of points entered from paper or of a marker's: the marking that stood, what other
points would do to a pass, and the marking that takes its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from core.errors import Refused
from people.models import Person, Role
from quizzes import rules
from quizzes.models import Attempt, ItemMark, Marking, Submission
from quizzes.permissions import holds_over, may_take_pass
from quizzes.services import marking


@dataclass(frozen=True)
class Effect:
    """What a correction does, or would do, to the marking that stands."""

    before: Marking
    lines: list[tuple[int, Decimal, Decimal]]  # position, points so far, points as corrected; of what changes
    score: Decimal
    percent: Decimal
    earns_pass: bool

    @property
    def gains_pass(self) -> bool:
        return self.earns_pass and not self.before.passed

    @property
    def loses_pass(self) -> bool:
        """A mark that does not fall loses none: the pass may have been kept once."""
        return self.before.passed and not self.earns_pass and self.score < self.before.score

    @property
    def needs_second(self) -> bool:
        """Whether a second person has to agree: a pass comes or goes by it."""
        return self.gains_pass or self.loses_pass


def effect(marking_: Marking, points: Mapping[int, Decimal], marks: list[ItemMark] | None = None) -> Effect:
    """What these points in place of those of the marking would do. Two queries at most."""
    marks = list(marking_.marks.select_related("item")) if marks is None else marks
    lines = [(m.item.position, m.earned or Decimal(0), points[m.item.position]) for m in marks if points[m.item.position] != m.earned]
    score = sum(points.values(), start=Decimal(0))
    earns = rules.passes(score, marking_.out_of, marking_.submission.attempt.pass_percent)
    return Effect(marking_, sorted(lines), score, rules.percent(score, marking_.out_of), earns)


def proposer_gone(name: str) -> Refused:
    """What a yes is answered with where the power of who proposed it has ended."""
    words = _("%(name)s, who proposed it, may not do so any more: turn it down, then it can be proposed anew.")
    return Refused(words % {"name": name}, code="proposer_gone")


def require_hr(attempt: Attempt, by: Person) -> None:
    """That a pass may be lost is for HR to say. Raises: Refused (only_hr, guests_pass), as `may_take_pass` says."""
    if may_take_pass(by, attempt):
        return
    if holds_over(by, attempt.quiz.county, Role.HR):
        words = _(
            "The course was completed with it in another county: the pass stays here. HR of that county reverses the completion where that is right."
        )
        raise Refused(words, code="guests_pass")
    raise Refused(_("Only HR can say that somebody loses a pass."), code="only_hr")


def locked(submission: Submission) -> Submission:
    """The submission under lock, with what deciding about it asks for."""
    found = Submission.objects.select_for_update(no_key=True, of=("self",))
    return found.select_related("attempt__quiz__county", "attempt__enrolment", "attempt__sitting").get(pk=submission.pk)


def as_seen(submission: Submission, seen: int) -> Marking:
    """The marking that stands. Raises: Refused (marked_since), where it is not the one that was looked at."""
    current = Marking.objects.current().get(submission=submission)
    if current.pk != seen:
        raise Refused(_("The marks have changed since you looked. Look at the points that stand now, and begin anew."), code="marked_since")
    current.submission = submission
    return current


def carry_out(found: Effect, marked: Sequence[marking.Marked], *, cause: str, may_lose: bool, at: datetime) -> dict[str, Any]:
    """Put a marking in the place of the one that stood; what the decision (`CorrectionDecision`) says of it.

    A pass stays unless it `may_lose`, by HR's word.
    """
    before = found.before
    keeps = before.passed and not (found.loses_pass and may_lose)
    made = marking.append(before.submission, marked, cause=cause, at=at, supersedes=before, keeps_pass=keeps)
    return {
        "made": made,
        "may_lose": may_lose,
        "gained_pass": made.passed and not before.passed,
        "lost_pass": before.passed and not made.passed,
        "kept_pass": keeps and not found.earns_pass,
    }
