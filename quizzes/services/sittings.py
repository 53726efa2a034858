"""Sittings of an exam: who is let in when, and who is given more time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from core import audit, clock
from core.errors import Refused
from courses.models import Course
from courses.services import enrolments
from people.models import Person
from quizzes import rules
from quizzes.models import Allowance, Attempt, Candidate, Extension, Quiz, Sitting
from quizzes.models.sittings import closing_of
from quizzes.services import attempts

# What nobody may change any more once somebody began: all who sit have the same terms.
FIXED_ONCE_BEGUN = ("quiz_id", "opens_at", "closes_at", "grace_seconds", "stagger_seconds", "is_listed")


# ---- entering ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Admission:
    """From when to when somebody may enter a sitting, and why not now (`refusal` is None when one may)."""

    opens_at: datetime
    last_entry_at: datetime
    refusal: Refused | None


def admission(*, person: Person, sitting: Sitting, at: datetime) -> Admission:
    """Whether the person is let in now. Three queries at most; locks nothing.

    Refusal codes: draft, not_listed, too_early, too_late.
    """
    delay = rules.admission_delay(sitting.pk, person.pk, sitting.stagger_seconds)
    opens_at = sitting.opens_at + delay
    added = sitting.extensions.aggregate(minutes=Sum("minutes"))["minutes"] or 0
    last_entry_at = min(sitting.opens_at + delay + timedelta(minutes=sitting.late_entry_minutes + added), closing_of(sitting) + delay)
    refusal = None
    if sitting.is_draft:
        refusal = Refused(_("“%(sitting)s” is still being prepared.") % {"sitting": sitting.title}, code="draft")
    elif sitting.is_listed and not Candidate.objects.filter(sitting=sitting, person=person).exists():
        refusal = Refused(
            _("You are not on the list of “%(sitting)s”. If you should be, tell the invigilator or the county's HR.")
            % {"sitting": sitting.title},
            code="not_listed",
        )
    elif at < opens_at:
        refusal = Refused(
            _("“%(sitting)s” lets you in at %(at)s. This page opens it by itself then.")
            % {"sitting": sitting.title, "at": clock.local(opens_at).strftime("%H:%M:%S")},
            code="too_early",
        )
    elif at >= last_entry_at:
        refusal = Refused(
            _("Entry to “%(sitting)s” closed at %(at)s. Tell the invigilator or the county's HR.")
            % {"sitting": sitting.title, "at": clock.local(last_entry_at).strftime("%Y-%m-%d %H:%M")},
            code="too_late",
        )
    return Admission(opens_at, last_entry_at, refusal)


@transaction.atomic
def enter(*, person: Person, sitting: Sitting, at: datetime) -> Attempt:
    """The person's attempt in this sitting: the open one, or a new one. Enrols in the quiz's course where needed.

    An open attempt is given back also when entry has closed: a dead phone does not shut anybody out.

    Raises:
        Refused: as `admission`, `attempts.start` and `enrolments.enrol` say.
    """
    sitting = _held(sitting)
    quiz = sitting.quiz
    state = attempts.standing(person=person, quiz=quiz, at=at, sitting=sitting)
    if state.open is not None and state.open.sitting_id == sitting.pk:
        return state.open
    door = admission(person=person, sitting=sitting, at=at)
    if door.refusal is not None:
        raise door.refusal
    if state.enrolment is None:
        enrolments.enrol(person=person, course=_course_of(quiz), at=at)
    return attempts.start(person=person, quiz=quiz, at=at, sitting=sitting)


def _held(sitting: Sitting) -> Sitting:
    """The sitting as it stands, which nobody changes until this transaction ends; others enter meanwhile. One query."""
    lock = " FOR KEY SHARE" if connection.features.has_select_for_no_key_update else ""  # SQLite locks the whole file at BEGIN
    return Sitting.objects.raw(f"SELECT * FROM quizzes_sitting WHERE id = %s{lock}", [sitting.pk])[0]


def _course_of(quiz: Quiz) -> Course:
    course = Course.objects.filter(county=quiz.county_id, code=quiz.course_code).first()
    if course is None:
        raise Refused(_("The course %(course)s of this exam is not published yet.") % {"course": quiz.course_code}, code="no_course")
    return course


# ---- more time -----------------------------------------------------------------------------


@transaction.atomic
def extend(
    *, minutes: int, reason: str, by: Person, at: datetime, attempt: Attempt | None = None, sitting: Sitting | None = None
) -> Extension:
    """Add minutes to one open attempt, or to a sitting and everybody who has begun in it.

    Locks the attempt, so that a submission by the clock and an extension never both win.

    Raises:
        Refused: bad_minutes (1 to 600), no_reason, over (the attempt is submitted, the sitting is closed), no_limit.
    """
    reason = reason.strip()
    if not 1 <= minutes <= 600:
        raise Refused(_("Between 1 and 600 minutes can be added."), code="bad_minutes")
    if not reason:
        raise Refused(_("Say why the time is added."), code="no_reason")
    if attempt is not None:
        attempt = Attempt.objects.select_for_update(no_key=True, of=("self",)).get(pk=attempt.pk)
        if attempt.ends_at is None:
            raise Refused(_("This attempt has no time limit."), code="no_limit")
        if hasattr(attempt, "submission") or attempts.is_overdue(attempt, at):
            raise Refused(_("This attempt is over: no time can be added any more."), code="over")
    elif sitting is not None:
        sitting = Sitting.objects.select_for_update(no_key=True, of=("self",)).get(pk=sitting.pk)
        if at >= closing_of(sitting) + timedelta(seconds=sitting.stagger_seconds):
            raise Refused(_("This sitting is closed: no time can be added any more."), code="over")
    made = Extension.objects.create(attempt=attempt, sitting=sitting, minutes=minutes, reason=reason[:300], by=by, at=at)
    audit.record(attempt or sitting, "quizzes.time_added", by=by, minutes=minutes, reason=reason[:300])
    return made


@transaction.atomic
def allow(
    *,
    person: Person,
    quiz: Quiz,
    extra_minutes: int = 0,
    extra_attempts: int = 0,
    reason: str,
    by: Person,
    at: datetime,
    sitting: Sitting | None = None,
) -> Allowance:
    """Give one person more time or more attempts at a quiz, or at one sitting of it, beforehand.

    Raises:
        Refused: nothing_given, no_reason.
    """
    reason = reason.strip()
    if not (0 <= extra_minutes <= 600 and 0 <= extra_attempts <= 20) or not (extra_minutes or extra_attempts):
        raise Refused(_("Give 1 to 600 minutes or 1 to 20 attempts."), code="nothing_given")
    if not reason:
        raise Refused(_("Say why it is given."), code="no_reason")
    made = Allowance.objects.create(
        person=person,
        quiz=quiz,
        sitting=sitting,
        extra_minutes=extra_minutes,
        extra_attempts=extra_attempts,
        reason=reason[:300],
        by=by,
        at=at,
    )
    audit.record(
        quiz, "quizzes.allowance_given", by=by, person=person.pk, minutes=extra_minutes, attempts=extra_attempts, reason=reason[:300]
    )
    return made
