"""Sitting a quiz: start, save, submit. An acknowledged answer is stored; an attempt ends once."""

import hashlib
import hmac
import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, Max, OuterRef, Q
from django.utils.translation import gettext as _

from core.errors import Refused
from core.reconcile import Gap
from courses.models import EditionRequirement, Enrolment, RequirementMet
from courses.services import completions
from people.models import Person
from people.models.snapshot import served_at
from quizzes import kinds, rules
from quizzes.models import Answer, Attempt, AttemptItem, ItemMark, Quiz, Submission
from quizzes.services import papers
from quizzes.signals import attempt_marked

log = structlog.get_logger(__name__)
ANSWERS_PER_ATTEMPT = 5000  # acts; more than a day of typing, and a bound on what a script can write
BATCH = 500


@dataclass(frozen=True)
class Receipt:
    """Proof that an act of answering is stored: its number in the attempt and a short code over it."""

    seq: int
    code: str
    ends_at: datetime | None = None


# ---- start ---------------------------------------------------------------------------------


def enrolment_for(*, person: Person, quiz: Quiz) -> Enrolment | None:
    """The enrolment that a sitting of this quiz belongs to: its course is asked for by the pinned edition.

    Of several the one that is not completed, then the newest. One query.
    """
    asks = EditionRequirement.objects.filter(edition=OuterRef("edition"), kind=EditionRequirement.Kind.QUIZ, key=quiz.key)
    return (
        Enrolment.objects.filter(person=person)
        .filter(Q(Exists(asks)) | Q(course__county=quiz.county_id, course__code=quiz.course_code))
        .select_related("course", "edition", "completion")
        .order_by(F("completion__pk").desc(nulls_first=True), "-pk")
        .first()
    )


@dataclass(frozen=True)
class Standing:
    """Where a person stands with a quiz, and why a new attempt is not possible (`refusal` is None when it is)."""

    enrolment: Enrolment | None
    attempts: list[Attempt]
    open: Attempt | None
    has_passed: bool
    left: int | None  # attempts left; None is without limit
    refusal: Refused | None


def standing(*, person: Person, quiz: Quiz, at: datetime) -> Standing:
    """What the intro page says and `start` decides on. Two queries; locks nothing."""
    enrolment = enrolment_for(person=person, quiz=quiz)
    if enrolment is None:
        return Standing(
            None,
            [],
            None,
            False,
            None,
            Refused(_("Enrol in the course %(course)s first: the quiz belongs to it.") % {"course": quiz.course_code}, code="not_enrolled"),
        )
    return _standing(enrolment, quiz, at)


def _standing(enrolment: Enrolment, quiz: Quiz, at: datetime) -> Standing:
    attempts = list(Attempt.objects.filter(enrolment=enrolment, quiz=quiz).select_related("submission").order_by("number"))
    running = next((a for a in attempts if not hasattr(a, "submission")), None)
    open_ = running if running and not is_overdue(running, at) else None
    has_passed = any(hasattr(a, "submission") and a.submission.passed for a in attempts)
    left = max(quiz.attempts_allowed - len(attempts), 0) if quiz.attempts_allowed else None
    refusal = None
    if open_ is None and left == 0 and has_passed:
        refusal = Refused(_("You have passed this quiz; all attempts are used."), code="attempts_used")
    elif open_ is None and left == 0:
        refusal = Refused(
            _(
                "All %(count)d attempts at “%(title)s” are used. Please ask your unit's liaison officer or the county's HR how to go on; "
                "meanwhile read the explanations in your results."
            )
            % {"count": quiz.attempts_allowed, "title": quiz.title},
            code="attempts_used",
        )
    return Standing(enrolment, attempts, open_, has_passed, left, refusal)


def is_overdue(attempt: Attempt, at: datetime) -> bool:
    """Whether the attempt's own end has come. At its very end no answer is taken any more."""
    return attempt.ends_at is not None and at >= attempt.ends_at


@transaction.atomic
def start(*, person: Person, quiz: Quiz, at: datetime) -> Attempt:
    """Begin an attempt, or give back the one that is open.

    Locks the enrolment: two clicks and two devices get one attempt. Draws the paper, freezes it
    with its key in tokens of this attempt, and copies the rules. An attempt whose time is over is
    submitted first.

    Raises:
        Refused: not_enrolled, attempts_used, no_draws, bank_cannot_serve.
    """
    enrolment = enrolment_for(person=person, quiz=quiz)
    if enrolment is None:
        raise standing(person=person, quiz=quiz, at=at).refusal  # type: ignore[misc]
    Enrolment.objects.select_for_update(no_key=True, of=("self",)).get(pk=enrolment.pk)
    state = _standing(enrolment, quiz, at)
    if state.open is not None:
        return state.open
    for left_open in state.attempts:
        if not hasattr(left_open, "submission"):
            submit(attempt=left_open, cause=Submission.Cause.TIME, at=at)
            state = _standing(enrolment, quiz, at)
    if state.refusal is not None:
        raise state.refusal
    seed = secrets.token_hex(16)
    attempt = Attempt.objects.create(
        **served_at(person),
        quiz=quiz,
        enrolment=enrolment,
        number=len(state.attempts) + 1,
        started_at=at,
        ends_at=at + timedelta(minutes=quiz.minutes) if quiz.minutes else None,
        quiz_title=quiz.title,
        pass_percent=quiz.pass_percent,
        seed=seed,
    )
    papers.freeze(attempt, quiz, rng=random.Random(seed))  # noqa: S311 - the seed is secret and random
    return attempt


# ---- save ----------------------------------------------------------------------------------


@transaction.atomic
def save(*, attempt_id: int, person: Person, item_id: int, response: Any, token: str, at: datetime) -> Receipt:
    """Append one act of answering and acknowledge it. Three queries.

    Locks the attempt. The same token again gives the same receipt and stores nothing, also after
    the end: what was acknowledged stays acknowledged.

    Raises:
        Attempt.DoesNotExist: no such attempt of this person.
        Refused: over (submitted), time_over, no_such_item, malformed, too_many.
    """
    attempt = _locked(attempt_id, person)
    # A statement of its own, after the lock is held: what another request has just written must be seen.
    item: Any = next(iter(AttemptItem.objects.raw(_STATE, [token, item_id, attempt_id])), None)
    if item is None:
        raise Refused(_("This question is not on your paper."), code="no_such_item")
    if item.standing is not None:
        return _receipt(attempt, item.standing)
    _refuse_late(attempt, bool(item.is_over), at)
    response = _read(item.kind, item.shown, response)
    seq = _next((item.last or 0) + 1)
    Answer(attempt_id=attempt_id, item_id=item_id, seq=seq, token=token, response=response, at=at).save()
    return _receipt(attempt, seq)


@transaction.atomic
def save_form(*, attempt_id: int, person: Person, posted: Mapping[int, tuple[Any, int]], at: datetime) -> list[int]:
    """Append what a whole posted form changes, for browsers without the script; the item ids that were saved.

    `posted`: item id → (response, seq of the answer that the form showed, 0 for none). What the
    person did not touch since the form was drawn is left alone, so an old tab never undoes a newer
    one; what already stands is not written again. Locks the attempt; five queries.

    Raises:
        Attempt.DoesNotExist: no such attempt of this person.
        Refused: over, time_over, no_such_item, malformed, too_many; nothing is written then.
    """
    attempt = _locked(attempt_id, person)
    _refuse_late(attempt, Submission.objects.filter(attempt=attempt_id).exists(), at)
    items = {pk: (kind, shown) for pk, kind, shown in AttemptItem.objects.filter(attempt=attempt_id).values_list("pk", "kind", "shown")}
    latest = latest_answers(attempt_id)
    seen = {seq for _response, seq in posted.values() if seq}
    was = {
        (item, seq): response
        for item, seq, response in Answer.objects.filter(attempt=attempt_id, seq__in=seen).values_list("item_id", "seq", "response")
    }
    seq = max((answer.seq for answer in latest.values()), default=0)
    made = []
    for item_id, (raw, shown_seq) in posted.items():
        if item_id not in items:
            raise Refused(_("This question is not on your paper."), code="no_such_item")
        response = _read(*items[item_id], raw)
        stands = latest[item_id].response if item_id in latest else None
        if response == was.get((item_id, shown_seq)) or response == stands:
            continue
        seq = _next(seq + 1)
        made.append(
            Answer(attempt_id=attempt_id, item_id=item_id, seq=seq, token=f"form-{secrets.token_hex(12)}", response=response, at=at)
        )
    Answer.objects.bulk_create(made)
    return [answer.item_id for answer in made]


def latest_answers(attempt_id: int) -> dict[int, Answer]:
    """The answer that stands for each item, by item id. One query."""
    newest = Answer.objects.filter(attempt=attempt_id).values("item").annotate(newest=Max("seq")).values("newest")
    return {answer.item_id: answer for answer in Answer.objects.filter(attempt=attempt_id, seq__in=newest)}


# Saving an answer is what a whole county does at once: these two are written out because building
# them through the ORM costs more than running them (2 ms of 3). Plain SQL of both databases.
_LOCK = "SELECT id, person_id, ends_at FROM quizzes_attempt WHERE id = %s AND person_id = %s"
_STATE = """
SELECT i.id, i.kind, i.shown,
  (SELECT MAX(a.seq) FROM quizzes_answer a WHERE a.attempt_id = i.attempt_id) AS last,
  (SELECT a.seq FROM quizzes_answer a WHERE a.attempt_id = i.attempt_id AND a.token = %s) AS standing,
  EXISTS (SELECT 1 FROM quizzes_submission s WHERE s.attempt_id = i.attempt_id) AS is_over
FROM quizzes_attemptitem i WHERE i.id = %s AND i.attempt_id = %s
"""


def _locked(attempt_id: int, person: Person) -> Attempt:
    """The attempt of this person, locked until the transaction ends (SQLite locks the whole file at BEGIN)."""
    lock = f"{_LOCK} FOR NO KEY UPDATE" if connection.features.has_select_for_no_key_update else _LOCK
    attempt = next(iter(Attempt.objects.raw(lock, [attempt_id, person.pk])), None)
    if attempt is None:
        raise Attempt.DoesNotExist
    return attempt


def _refuse_late(attempt: Attempt, is_over: bool, at: datetime) -> None:
    if is_over:
        raise Refused(
            _("This attempt has been submitted: no more answers are taken. Everything that was acknowledged before counts."), code="over"
        )
    if is_overdue(attempt, at):
        raise Refused(
            _("The time is over: this answer came too late and does not count. Everything that was acknowledged before counts."),
            code="time_over",
        )


def _read(kind: str, shown: dict, response: Any) -> Any:
    try:
        return kinds.of(kind).read(shown, response)
    except kinds.Malformed as error:
        raise Refused(_("This answer does not fit the question. Please reload the page and answer again."), code="malformed") from error


def _next(seq: int) -> int:
    if seq > ANSWERS_PER_ATTEMPT:
        raise Refused(_("More than %(limit)d answers in one attempt: no more are taken.") % {"limit": ANSWERS_PER_ATTEMPT}, code="too_many")
    return seq


def _receipt(attempt: Attempt, seq: int) -> Receipt:
    return Receipt(seq=seq, code=receipt_code(attempt.pk, seq), ends_at=attempt.ends_at)


def receipt_code(attempt_id: int, seq: int) -> str:
    """Eight signs that only this server can make for this act."""
    digest = hmac.new(settings.SECRET_KEY.encode(), f"answer:{attempt_id}:{seq}".encode(), hashlib.sha256).hexdigest().upper()
    return f"{digest[:4]}-{digest[4:8]}"


# ---- submit --------------------------------------------------------------------------------


@transaction.atomic
def submit(*, attempt: Attempt, cause: str, at: datetime) -> Submission:
    """End and mark the attempt, once; calling it again gives the submission that stands (T1).

    Locks the attempt. Whatever asks for it, an attempt whose time is over ends at its own end and
    by the clock. The latest acknowledged answer of each item is marked against the frozen key.
    `attempt_marked` goes out inside the transaction; after its commit a pass is told to the course
    (T2), which reconcile repeats if it fails.
    """
    attempt = Attempt.objects.select_for_update(no_key=True, of=("self",)).get(pk=attempt.pk)
    standing = Submission.objects.filter(attempt=attempt).first()
    if standing is not None:
        return standing
    if is_overdue(attempt, at):
        cause, at = Submission.Cause.TIME, attempt.ends_at or at
    latest = latest_answers(attempt.pk)
    marked = []
    for item in AttemptItem.objects.filter(attempt=attempt):
        answer = latest.get(item.pk)
        fraction = kinds.mark(item.kind, item.key, answer.response if answer else None)
        marked.append((item, answer, fraction, rules.earned(fraction, item.points)))
    score = sum((earned for *_rest, earned in marked), start=Decimal("0.00"))
    out_of = sum((item.points for item, *_rest in marked), start=Decimal("0.00"))
    submission = Submission.objects.create(
        attempt=attempt,
        cause=cause,
        at=at,
        score=score,
        out_of=out_of,
        percent=rules.percent(score, out_of),
        passed=rules.passes(score, out_of, attempt.pass_percent),
    )
    ItemMark.objects.bulk_create(
        ItemMark(submission=submission, item=item, answer=answer, fraction=rules.stored(fraction), earned=earned)
        for item, answer, fraction, earned in marked
    )
    attempt_marked.send(sender=Submission, submission=submission, at=at)
    if submission.passed:
        transaction.on_commit(partial(_tell_the_course, submission.pk))
    return submission


def tell_the_course(submission: Submission) -> None:
    """The quiz requirement is met by this pass (T2). A transaction of its own; may run twice."""
    attempt = submission.attempt
    completions.meet(
        enrolment=attempt.enrolment,
        kind="quiz",
        key=attempt.quiz.key,
        evidence=f"attempt:{attempt.pk}",
        score=submission.percent,
        at=submission.at,
    )


def _tell_the_course(pk: int) -> None:
    try:
        tell_the_course(Submission.objects.select_related("attempt__enrolment", "attempt__quiz").get(pk=pk))
    except Exception:
        log.exception("pass_not_told", submission=pk)


def submit_overdue(at: datetime) -> int:
    """Submit attempts whose time is over, at most 500 a call; how many were. One bad attempt never stops the rest."""
    done = 0
    for attempt in Attempt.objects.open().filter(ends_at__lte=at).order_by("ends_at")[:BATCH]:
        try:
            submit(attempt=attempt, cause=Submission.Cause.TIME, at=at)
            done += 1
        except Exception:
            log.exception("overdue_not_submitted", attempt=attempt.pk)
    return done


# ---- reconcile -----------------------------------------------------------------------------

GRACE = timedelta(minutes=2)  # the worker's own round comes first


def overdue_gaps(at: datetime) -> list[Gap]:
    """Attempts that are over for two minutes and not submitted."""
    late = Attempt.objects.open().filter(ends_at__lte=at - GRACE).order_by("ends_at")[:1000]
    return [Gap(f"attempt {a.pk} is over and not submitted", _submission_of(a, at)) for a in late]


def _submission_of(attempt: Attempt, at: datetime) -> Callable[[], object]:
    return lambda: submit(attempt=attempt, cause=Submission.Cause.TIME, at=at)


def untold_gaps(at: datetime) -> list[Gap]:
    """Passes that the course asks for and does not know."""
    asked = EditionRequirement.objects.filter(
        edition=OuterRef("attempt__enrolment__edition"), kind=EditionRequirement.Kind.QUIZ, key=OuterRef("attempt__quiz__key")
    )
    met = RequirementMet.objects.filter(
        enrolment=OuterRef("attempt__enrolment"),
        requirement__kind=EditionRequirement.Kind.QUIZ,
        requirement__key=OuterRef("attempt__quiz__key"),
    )
    untold = (
        Submission.objects.filter(Exists(asked), ~Exists(met), passed=True)
        .select_related("attempt__enrolment", "attempt__quiz")
        .order_by("pk")[:1000]
    )
    return [Gap(f"submission {s.pk} passed and the course does not know", partial(tell_the_course, s)) for s in untold]


# ---- for demonstrations --------------------------------------------------------------------


def right_response(item: AttemptItem) -> Any:
    """A response that earns all. For the demo loader and tests; no door leads here."""
    return item.item_kind.right(item.shown, item.key)


def wrong_response(item: AttemptItem) -> Any:
    """A response that does not earn all."""
    return item.item_kind.wrong(item.shown, item.key)
