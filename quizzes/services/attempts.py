"""Sitting a quiz: start, save, submit. An acknowledged answer is stored; an attempt ends once."""

import hashlib
import hmac
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Prefetch, Q, Subquery, prefetch_related_objects
from django.db.models.functions import Substr
from django.utils.translation import gettext as _

from core import clock
from core.errors import Refused
from core.prepared import Prepared
from core.reconcile import Gap
from courses import outlines
from courses.models import Completion, Course, EditionRequirement, Enrolment
from courses.services import enrolments
from people.models import Person
from people.models.snapshot import served_at
from quizzes import kinds
from quizzes.models import Allowance, Answer, Attempt, AttemptItem, GoneOnPaper, Incident, Marking, Presence, Quiz, Sitting, Submission
from quizzes.services import exam_papers, keys, marking, papers, results

log = structlog.get_logger(__name__)
ANSWERS_PER_ATTEMPT = 5000  # acts; more than a day of typing, and a bound on what a script can write
OURS = ("kept-", "form-")  # tokens that the server makes itself
NEVER = 2**31 - 1  # higher than any number of an answer
LOOK_BACK = timedelta(days=14)


@dataclass(frozen=True)
class Other:
    """What another device answered to the same item, unknown to the page whose act is acknowledged."""

    seq: int
    response: Any
    stands: bool  # the act was late: this answer still counts


@dataclass(frozen=True)
class Receipt:
    """Proof that an act of answering is stored: its number in the attempt and a short code over it."""

    seq: int
    code: str
    ends_at: datetime | None = None
    other: Other | None = None


# ---- start ---------------------------------------------------------------------------------


def enrolments_for(*, person: Person, quiz: Quiz, sitting: Sitting | None = None) -> list[Enrolment]:
    """What a sitting of this quiz may belong to: the person's round of each course that `rounds_for` speaks of, the newest by `Enrolment.by_newness`.

    First those that ask, of these the ones that are not completed, then the newest. Queries as there.
    """
    newest = [max(rounds, key=Enrolment.by_newness) for rounds in rounds_for(person=person, quiz=quiz, sitting=sitting)]
    return sorted(newest, key=lambda one: (not one.asks, not one.offers, hasattr(one, "completion"), -one.pk))  # type: ignore[attr-defined]


def rounds_for(*, person: Person, quiz: Quiz, sitting: Sitting | None = None) -> list[list[Enrolment]]:
    """All the person's rounds, the first one first, of each course of which one offers the quiz, or in which it was sat; of an exam also of
    that whose bank it draws from.

    Each with `asks`: whether its edition asks for the quiz, and `offers`: that, or the edition shows it in a lesson, or the course's
    current edition asks for it. The last round of a course is its last one, also where it offers the quiz no more. One query, and those
    of `outlines.embeds` for the course of its bank.
    """
    is_exam = quiz.is_exam or sitting is not None
    rounds: dict[int, list[Enrolment]] = {}
    for one in sorted(_enrolled(person.pk, quiz.pk, quiz.key, quiz.county_id, quiz.course_code), key=lambda enrolment: enrolment.round):
        one.offers = one.asks or one.asks_now or outlines.embeds(one.edition, one.course.code, quiz.key)
        rounds.setdefault(one.course_id, []).append(one)
    return [found for found in rounds.values() if is_exam or any(one.offers or one.has_sat for one in found)]  # type: ignore[attr-defined]


@Prepared
def _enrolled(person, quiz, quiz_key, county, course_code):
    asked = EditionRequirement.objects.filter(kind=EditionRequirement.Kind.QUIZ, key=quiz_key)
    own = Enrolment.objects.filter(person=person).annotate(
        asks=Exists(asked.filter(edition=OuterRef("edition"))),
        asks_now=Exists(asked.filter(edition=OuterRef("course__current"))),
        has_sat=Exists(Attempt.objects.filter(enrolment=OuterRef("pk"), quiz=quiz)),
    )
    about = own.filter(Q(asks=True) | Q(asks_now=True) | Q(has_sat=True) | Q(course__county=county, course__code=course_code))
    return own.filter(course__in=about.values("course")).select_related("course__county", "edition", "completion__reversal")


def needs_new_round(enrolment: Enrolment, *, at: datetime) -> bool:
    """Whether the round is over and the next one may begin: what is sat from now on belongs to that one. One query at most."""
    return enrolment.course.is_open and enrolments.may_begin_again(enrolment, at=at)


@dataclass(frozen=True)
class Standing:
    """Where a person stands with a quiz, and why a new attempt is not possible (`refusal` is None when it is)."""

    enrolment: Enrolment | None
    attempts: list[Attempt]
    open: Attempt | None
    has_passed: bool
    left: int | None  # attempts left; None is without limit
    refusal: Refused | None
    asking: Course | None = None  # the course to enrol in first

    @property
    def completion(self) -> Completion | None:
        """The completion of the round that an attempt would belong to: where there is one, an attempt adds nothing to it."""
        return getattr(self.enrolment, "completion", None)


def standing(*, person: Person, quiz: Quiz, at: datetime, sitting: Sitting | None = None) -> Standing:
    """What the intro page says and `start` decides on. Five queries at most, three more for each further course that asks
    for the quiz and is under way: of these one with an open attempt comes first, then one where the quiz is still to be
    passed and can be. Locks nothing.

    Refusal codes: not_enrolled, not_asked (no course asks for the quiz, or none any more), new_round (the round is over and the next one
    has to be begun), attempts_used, sitting_only.
    """
    found = enrolments_for(person=person, quiz=quiz, sitting=sitting)
    if not found:
        refusal, course = not_offered(person, quiz)
        return Standing(None, [], None, False, None, refusal, course)
    states = [_standing(one, quiz, at, sitting) for one in under_way(found) or found[:1]]
    return min(states, key=lambda state: (state.open is None, state.has_passed, state.refusal is not None))


def not_offered(person: Person, quiz: Quiz) -> tuple[Refused, Course | None]:
    """Why somebody none of whose rounds offers the quiz cannot begin it, and the course to enrol in first, if there is one. One query."""
    course = _course_to_enrol_in(person, quiz)
    return (_not_enrolled(course) if course else _not_asked(quiz)), course


def _course_to_enrol_in(person: Person, quiz: Quiz) -> Course | None:
    """An open course that asks for the quiz now. One query."""
    asked = EditionRequirement.objects.filter(kind=EditionRequirement.Kind.QUIZ, key=quiz.key)
    return Course.objects.visible_to(person).open().filter(current__in=asked.values("edition")).select_related("current").first()


def _not_enrolled(course: Course) -> Refused:
    return Refused(_("Enrol in the course “%(course)s” first: the quiz belongs to it.") % {"course": course}, code="not_enrolled")


def _not_asked(quiz: Quiz) -> Refused:
    return Refused(
        _("No course asks for “%(title)s” now, so it cannot be begun. Results of earlier attempts stay.") % {"title": quiz.title},
        code="not_asked",
    )


def under_way(found: list[Enrolment]) -> list[Enrolment]:
    """Of `enrolments_for` those that ask for the quiz and are not completed."""
    return [one for one in found if one.asks and not hasattr(one, "completion")]  # type: ignore[attr-defined]


def _standing(enrolment: Enrolment, quiz: Quiz, at: datetime, sitting: Sitting | None) -> Standing:
    attempts = _taken(enrolment.pk, quiz.pk)
    if attempts:
        prefetch_related_objects(
            [a.submission for a in attempts if hasattr(a, "submission")], Prefetch("markings", Marking.objects.current())
        )
    # Asked for a sitting, only its own attempts count and can be gone on with, to whichever round they belong.
    here = attempts
    if sitting is not None:
        tried = Attempt.objects.filter(person=enrolment.person_id, sitting=sitting)
        here = list(tried.select_related("submission", "gone_on_paper").timed().in_order())
    open_ = next((a for a in here if not is_closed(a) and not is_overdue(a, at)), None)
    has_passed = any(_is_known_pass(a, at) for a in attempts)
    allowed = allowed_attempts(quiz, sitting, enrolment)
    left = None if allowed is None else max(allowed - used_up(here), 0)
    refusal, asking = None, None
    if open_ is None and sitting is None and not quiz.is_exam and not enrolment.offers:  # type: ignore[attr-defined]
        refusal, asking = not_offered(enrolment.person, quiz)
    elif open_ is None and sitting is None and not quiz.is_exam and needs_new_round(enrolment, at=at):
        refusal = Refused(_completed_before(enrolment), code="new_round")
    elif open_ is None and without_marks(here) is not None:
        refusal = gone_on_paper()
    elif open_ is None and left == 0 and has_passed:
        refusal = Refused(_("You have passed this quiz; all attempts are used."), code="attempts_used")
    elif open_ is None and left == 0:
        refusal = Refused(
            _(
                "All %(count)d attempts at “%(title)s” are used. Please ask your unit's liaison officer or the county's HR how to go on; "
                "meanwhile read the explanations in your results."
            )
            % {"count": allowed, "title": quiz.title},
            code="attempts_used",
        )
    elif open_ is None and quiz.is_exam and sitting is None:
        refusal = Refused(
            _("“%(title)s” is an exam: it is begun from its sitting, while that is open.") % {"title": quiz.title}, code="sitting_only"
        )
    return Standing(enrolment, attempts, open_, has_passed, left, refusal, asking)


def without_marks(tried: Sequence[Attempt]) -> Attempt | None:
    """The attempt that went on on paper and whose marks nobody has entered yet: of these attempts of one person, in their order, the
    newest of its sitting. No query where submissions and what went on on paper were selected."""
    for one in reversed(tried):
        if one.sitting_id != tried[-1].sitting_id:
            continue
        if hasattr(one, "gone_on_paper"):
            return one
        if hasattr(one, "submission") and one.submission.cause == Submission.Cause.PAPER:
            return None
    return None


def used_up(tried: Sequence[Attempt]) -> int:
    """How many attempts these are, of one person in their order: what went on on paper is one once its marks are entered, and until
    then the marks to come take its place. No query, as `without_marks`."""
    return sum(not hasattr(one, "gone_on_paper") for one in tried) + (without_marks(tried) is not None)


def _completed_before(enrolment: Enrolment) -> str:
    completion = enrolment.completion
    words = {"course": completion.course_title, "day": clock.today(completion.completed_at).isoformat()}
    if hasattr(completion, "reversal"):
        return _("Your completion of “%(course)s” of %(day)s was reversed. Begin the course again first: then this quiz counts.") % words
    return (
        _("You completed “%(course)s” on %(day)s; this quiz would add nothing to that. Begin the course again first: then it counts anew.")
        % words
    )


def _is_known_pass(attempt: Attempt, at: datetime) -> bool:
    """Whether it is a pass, and the person may know it."""
    return hasattr(attempt, "submission") and attempt.submission.result.passed and not results.wait_for(attempt.sitting, at)


@Prepared
def _taken(enrolment, quiz):
    rows = Attempt.objects.filter(enrolment=enrolment, quiz=quiz).select_related("submission", "gone_on_paper")
    return rows.timed().in_turn().order_by("number")


def left_open(*, person: Person, quiz: Quiz) -> list[Attempt]:
    """The person's attempts at the quiz that nothing has ended yet. One query."""
    return list(Attempt.objects.open().filter(person=person, quiz=quiz).timed().order_by("pk"))


def allowed_attempts(quiz: Quiz, sitting: Sitting | None, enrolment: Enrolment) -> int | None:
    """How many attempts somebody has: those of the quiz in this round, or one in a sitting, and what was allowed on top. None: without
    limit. One query.
    """
    if sitting is None and not quiz.attempts_allowed:
        return None
    if sitting is not None:
        return allowed_in(sitting, enrolment.person_id)
    return quiz.attempts_allowed + sum(one.extra_attempts for one in _allowed(enrolment.person_id, quiz.pk) if one.holds_in(enrolment))


def allowed_in(sitting: Sitting, person_id: int) -> int:
    """How many attempts somebody has in a sitting: one, and what was allowed on top. One query."""
    return 1 + sum(one.extra_attempts for one in _allowed(person_id, sitting.quiz_id) if one.sitting_id == sitting.pk)


def is_used_up(enrolment: Enrolment, quiz: Quiz) -> bool:
    """Whether all attempts of this round are taken and none is a pass. Three queries."""
    taken = Attempt.objects.counted().filter(enrolment=enrolment, quiz=quiz)
    allowed = allowed_attempts(quiz, None, enrolment)
    return allowed is not None and taken.count() >= allowed and not taken.passed().exists()


@Prepared
def _allowed(person, quiz):
    return Allowance.objects.filter(person=person, quiz=quiz).only("sitting", "enrolment", "extra_attempts", "extra_minutes")


def is_overdue(attempt: Attempt, at: datetime) -> bool:
    """Whether the attempt's own end and its grace are over. At that very instant no answer is taken any more."""
    shuts_at = attempt.shuts_at
    return shuts_at is not None and at >= shuts_at


def is_closed(attempt: Attempt) -> bool:
    """Whether the screen takes nothing of the attempt any more, whatever the clock says. Two queries unless both were selected."""
    return hasattr(attempt, "submission") or hasattr(attempt, "gone_on_paper")


def gone_on_paper() -> Refused:
    """What somebody is told who goes on on paper."""
    return Refused(
        _(
            "You go on with this exam on paper. The answers that were acknowledged here are kept and count; the result is shown when the "
            "marks of your sheet are entered."
        ),
        code="gone_on_paper",
    )


@transaction.atomic
def start(*, person: Person, quiz: Quiz, at: datetime, sitting: Sitting | None = None, enrolment: Enrolment | None = None) -> Attempt:
    """Begin an attempt, or give back the one that is open.

    Locks the enrolment: two clicks and two devices get one attempt. Draws the paper, freezes it
    with its key in tokens of this attempt, and copies the rules. An attempt whose time is over is
    submitted first, and so is one that was left open outside the sitting. Whether a sitting admits
    the person is for `sittings.enter`, which calls this with the enrolment that it has found.

    Raises:
        Refused: not_enrolled, not_asked, new_round, attempts_used, sitting_only, exam_open, no_draws, bank_cannot_serve, not_sealed.
    """
    if enrolment is None:
        found = standing(person=person, quiz=quiz, at=at)
        if found.enrolment is None:
            raise found.refusal  # type: ignore[misc]
        enrolment = found.enrolment
    Enrolment.objects.select_for_update(no_key=True, of=("self",)).get(pk=enrolment.pk)
    state = _standing(enrolment, quiz, at, sitting)
    if state.open is not None:
        return state.open
    for one in state.attempts:
        if not is_closed(one):
            _end_left_open(one, sitting, at)
            state = _standing(enrolment, quiz, at, sitting)
    if state.open is not None:  # minutes were added to it just now
        return state.open
    refusal = state.refusal or (keys.beside_an_exam(quiz, person=person, at=at) if sitting is None else None)
    if refusal is not None:
        raise refusal
    seed = secrets.token_hex(16)
    attempt = Attempt.objects.create(
        **served_at(person),
        quiz=quiz,
        enrolment=enrolment,
        sitting=sitting,
        paper=exam_papers.paper_for(sitting, person) if sitting else None,
        number=len(state.attempts) + 1,
        started_at=at,
        ends_at=_end_of(person.pk, enrolment, quiz, sitting, at),
        grace_seconds=sitting.grace_seconds if sitting else 0,
        quiz_title=quiz.title,
        pass_percent=quiz.pass_percent,
        seed=seed,
    )
    papers.freeze(attempt, quiz, rng=random.Random(seed))  # noqa: S311 - the seed is secret and random
    return attempt


def _end_left_open(attempt: Attempt, sitting: Sitting | None, at: datetime) -> None:
    """One attempt runs at a time: what is over ends at its own end, and one outside the sitting that is entered ends now."""
    if sitting is not None and attempt.sitting_id != sitting.pk:
        submit(attempt=attempt, cause=Submission.Cause.TIME, at=at)
    else:
        end_by_clock(attempt=attempt, at=at)


def would_end(*, person: Person, sitting: Sitting, at: datetime) -> datetime | None:
    """When an attempt would end that the person began in this sitting now. Two queries."""
    found = enrolments_for(person=person, quiz=sitting.quiz)
    return _end_of(person.pk, found[0] if found else None, sitting.quiz, sitting, at)


def _end_of(person: int, enrolment: Enrolment | None, quiz: Quiz, sitting: Sitting | None, at: datetime) -> datetime | None:
    """When an attempt that begins now ends: the limit with the person's own extra minutes, but not after the sitting's closing (moved alike)."""
    if not quiz.minutes and sitting is None:
        return None
    given = _allowed(person, quiz.pk)
    here = (one for one in given if one.holds_in(enrolment) or (sitting is not None and one.sitting_id == sitting.pk))
    extra = timedelta(minutes=sum(one.extra_minutes for one in here))
    ends = [at + timedelta(minutes=quiz.minutes)] if quiz.minutes else []
    if sitting is not None:
        ends.append(sitting.window_of(person)[2])
    return min(ends) + extra


# ---- save ----------------------------------------------------------------------------------


@transaction.atomic
def save(
    *,
    attempt_id: int,
    person: Person,
    item_id: int,
    response: Any,
    token: str,
    at: datetime,
    base: int | None = None,
    is_late: bool = False,
) -> Receipt:
    """Append one act of answering and acknowledge it. Three queries.

    Locks the attempt. The same token again gives the same receipt and stores nothing, also after
    the end: what was acknowledged stays acknowledged.

    `base` is the number of the item's answer that the page knew (0 for none). The later act wins, and
    `Receipt.other` tells of another device's answer that it took the place of. A late act, made a while
    before it could be sent, is stored like any other, but does not win over what another device has
    answered since `base`: that answer is appended once more after it. Devices are told apart by the
    beginning of the token, up to a full stop. docs/decisions/0008-the-later-act-wins.md

    Raises:
        Attempt.DoesNotExist: no such attempt of this person.
        Refused: over (submitted), time_over, no_such_item, malformed, token_used (for another item, or one of the server's own), too_many.
    """
    if token.startswith(OURS):
        raise Refused(_("This answer carries the mark of another one and was not saved. Please reload the page."), code="token_used")
    attempt = _locked(attempt_id, person)
    device = token.partition(".")[0]
    known = NEVER if base is None else base
    # A statement of its own, after the lock is held: what another request has just written must be seen.
    found = _state.first(attempt_id, item_id, token, known, len(device), device)
    if found is None:
        raise Refused(_("This question is not on your paper."), code="no_such_item")
    item = _State(*found)
    attempt.extra_minutes = item.extra_minutes
    if item.standing is not None:
        if item.standing_item != item_id:
            raise Refused(_("This answer carries the mark of another one and was not saved. Please reload the page."), code="token_used")
        return _receipt(attempt, item.standing)
    _refuse_late(attempt, item.is_over, at)
    response = _read(item.kind, item.shown, response)
    seq = _next((item.last or 0) + 1)
    act = Answer(attempt_id=attempt_id, item_id=item_id, seq=seq, token=token, response=response, at=at)
    other = None if item.newer is None else Other(item.newer, item.newer_response, stands=False)
    if other is None or other.response == response:
        act.save()
        return _receipt(attempt, seq)
    if not is_late:
        act.save()
        return _receipt(attempt, seq, other)
    kept = Answer(attempt_id=attempt_id, item_id=item_id, seq=_next(seq + 1), token=f"kept-{seq}", response=other.response, at=at)
    Answer.objects.bulk_create([act, kept])
    return _receipt(attempt, seq, Other(kept.seq, other.response, stands=True))


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
    _refuse_late(attempt, not Attempt.objects.open().filter(pk=attempt_id).exists(), at)
    items = {pk: (kind, shown) for pk, kind, shown in AttemptItem.objects.filter(attempt=attempt_id).values_list("pk", "kind", "shown")}
    latest = Answer.objects.latest_of(attempt_id)
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


# Saving an answer is what a whole county does at once: its statements are prepared.
@Prepared
def _lock(attempt, person):
    mine = Attempt.objects.filter(pk=attempt, person=person).only("person", "ends_at", "grace_seconds")
    return mine.select_for_update(no_key=True)


@Prepared
def _state(attempt, item, token, known, device_length, device):
    given = Answer.objects.filter(attempt=attempt).order_by("-seq")
    same = given.filter(token=token)
    newer = given.filter(item=item, seq__gt=known).annotate(by=Substr("token", 1, device_length)).exclude(by=device)
    return AttemptItem.objects.filter(pk=item, attempt=attempt).values_list(
        "kind",
        "shown",
        Subquery(given.values("seq")[:1]),
        Subquery(same.values("seq")[:1]),
        Subquery(same.values("item")[:1]),
        Subquery(newer.values("seq")[:1]),
        Subquery(newer.values("response")[:1]),
        ~Exists(Attempt.objects.open().filter(pk=attempt)),
        Subquery(Attempt.objects.filter(pk=attempt).timed().values("extra_minutes")),
    )


class _State(NamedTuple):
    """An item, the attempt's last number, what this token has answered, another device's newest answer since, the end, added minutes."""

    kind: str
    shown: dict
    last: int | None
    standing: int | None
    standing_item: int | None
    newer: int | None
    newer_response: Any
    is_over: bool
    extra_minutes: int


def _locked(attempt_id: int, person: Person) -> Attempt:
    """The attempt of this person, locked until the transaction ends (SQLite locks the whole file at BEGIN).

    Without the minutes that were added: what the locking statement reads beside the locked row is as old as its
    beginning, and an extension may have held the lock since.
    """
    attempt = _lock.first(attempt_id, person.pk)
    if attempt is None:
        raise Attempt.DoesNotExist
    return attempt


def _refuse_late(attempt: Attempt, is_over: bool, at: datetime) -> None:
    if is_over and GoneOnPaper.objects.filter(attempt=attempt.pk).exists():
        raise Refused(gone_on_paper().message, code="over")
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


def _receipt(attempt: Attempt, seq: int, other: Other | None = None) -> Receipt:
    return Receipt(seq=seq, code=receipt_code(attempt.pk, seq), ends_at=attempt.due_at, other=other)


def receipt_code(attempt_id: int, seq: int) -> str:
    """Eight signs that only this server can make for this act."""
    digest = hmac.new(settings.SECRET_KEY.encode(), f"answer:{attempt_id}:{seq}".encode(), hashlib.sha256).hexdigest().upper()
    return f"{digest[:4]}-{digest[4:8]}"


# ---- submit --------------------------------------------------------------------------------


@transaction.atomic
def submit(*, attempt: Attempt, cause: str = Submission.Cause.LEARNER, at: datetime) -> Submission:
    """End and mark the attempt, once; calling it again gives the submission that stands (T1).

    Locks the attempt. Whatever asks for it, an attempt whose time is over ends at its own end and
    by the clock. The latest acknowledged answer of each item is marked against the frozen key.
    `attempt_marked` goes out inside the transaction; after its commit a pass is told to the course
    (T2), which reconcile repeats if it fails.

    Raises:
        Refused: gone_on_paper.
    """
    attempt, standing = _to_end(attempt)
    if standing is not None:
        return standing
    if GoneOnPaper.objects.filter(attempt=attempt).exists():
        raise gone_on_paper()
    if is_overdue(attempt, at):
        return _end(attempt, Submission.Cause.TIME, attempt.shuts_at or at)
    return _end(attempt, cause, at)


@transaction.atomic
def end_by_clock(*, attempt: Attempt, at: datetime) -> Submission | None:
    """End and mark the attempt at its own end, once, as `submit`; None while its time still runs, or where it goes on on paper.

    Whoever found it over may have looked before minutes were added: only the look under the lock counts.
    """
    attempt, standing = _to_end(attempt)
    if standing is not None or not is_overdue(attempt, at) or GoneOnPaper.objects.filter(attempt=attempt).exists():
        return standing
    return _end(attempt, Submission.Cause.TIME, attempt.shuts_at or at)


def _to_end(attempt: Attempt) -> tuple[Attempt, Submission | None]:
    """The attempt, locked and read anew, and the submission that stands."""
    attempt = Attempt.objects.select_for_update(no_key=True, of=("self",)).get(pk=attempt.pk)
    return attempt, Submission.objects.filter(attempt=attempt).first()


def _end(attempt: Attempt, cause: str, at: datetime) -> Submission:
    submission = Submission.objects.create(attempt=attempt, cause=cause, at=counted_at(at, due_at=attempt.due_at))
    if attempt.sitting_id is not None:
        _note_left(attempt, cause, at)
    marking.mark_by_machine(submission, at=at)
    return submission


def counted_at(at: datetime, *, due_at: datetime | None) -> datetime:
    """When what ended at this instant counts as handed in: on the day of the own end at the latest, to which its 24:00 belongs.

    Else the grace after an end at the turn of the year would carry the pass and its hours into the next one.
    """
    if due_at is None:
        return at
    last = due_at - timedelta(microseconds=1)
    return last if clock.today(at) > clock.today(last) else at


def _note_left(attempt: Attempt, cause: str, at: datetime) -> None:
    """A page that went before the end and never came again was left. Somebody who hands in within the time of a reload had reloaded it.
    One query; two more where a page went."""
    left_at = Presence.objects.filter(attempt=attempt).values_list("gone_at", flat=True).first()
    if left_at is None or (attempt.due_at and left_at >= attempt.due_at):
        return
    if cause == Submission.Cause.TIME or at - left_at > Presence.RELOAD_WITHIN:
        Incident.objects.create(attempt=attempt, kind=Incident.Kind.LEFT, at=left_at)
        Presence.objects.filter(attempt=attempt).update(gone_at=None)


def submit_overdue(at: datetime) -> int:
    """Submit attempts whose time is over; how many were. One bad attempt never stops the rest, a lost database does.

    Looks at those that ended within the last fortnight, so that a round costs what there is to do and not what there
    ever was; what is older reconcile finds. Each is a transaction of its own, of eight queries and those of a pass.
    """
    done = 0
    for attempt in _overdue(at, since=at - LOOK_BACK):
        try:
            done += end_by_clock(attempt=attempt, at=at) is not None
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            log.exception("overdue_not_submitted", attempt=attempt.pk)
            if not connection.is_usable():
                raise
    return done


def _overdue(at: datetime, since: datetime | None = None) -> list[Attempt]:
    """Open attempts whose time, with what extensions added, is over; those that end first stand first. One query."""
    ended = Attempt.objects.open().filter(ends_at__lte=at)
    if since is not None:
        ended = ended.filter(ends_at__gt=since)
    found = ended.timed().only("ends_at", "grace_seconds").order_by("ends_at")
    return [attempt for attempt in found.iterator() if is_overdue(attempt, at)]


# ---- reconcile -----------------------------------------------------------------------------

GRACE = timedelta(minutes=2)  # the worker's own round comes first


def overdue_gaps(at: datetime) -> list[Gap]:
    """Attempts that are over for two minutes and not submitted."""
    return [Gap(f"attempt {a.pk} is over and not submitted", _submission_of(a, at)) for a in _overdue(at - GRACE)[:1000]]


def _submission_of(attempt: Attempt, at: datetime) -> Callable[[], object]:
    return lambda: end_by_clock(attempt=attempt, at=at)


# ---- for demonstrations --------------------------------------------------------------------


def right_response(item: AttemptItem) -> Any:
    """A response that earns all. For the demo loader and tests; no door leads here."""
    return item.item_kind.right(item.shown, item.key)


def wrong_response(item: AttemptItem) -> Any:
    """A response that does not earn all."""
    return item.item_kind.wrong(item.shown, item.key)
