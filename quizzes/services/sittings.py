"""Sittings of an exam: how one is set up, who is let in when, and who is given more time."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils.translation import gettext as _

from core import audit, clock
from core.errors import Refused
from courses.models import Completion, Course, Edition, EditionRequirement, Enrolment
from courses.services import enrolments
from people.models import Person
from quizzes.models import Allowance, Attempt, Candidate, Extension, Paper, Quiz, Seal, Sitting, Submission
from quizzes.models.sittings import closing_of
from quizzes.services import attempts, exam_papers, opened, papers, results

# What nobody may change any more once somebody began: all who sit have the same terms.
FIXED_ONCE_BEGUN = {"quiz", "opens_at", "closes_at", "grace_seconds", "stagger_seconds", "is_listed", "papers"}
LONGEST_WINDOW = timedelta(days=31)
AN_APPOINTMENT = timedelta(days=1)  # the longest window that nobody can be asked to keep beside another one
ENTRANCE = 7_220_419  # the class of advisory locks on entrances
SAME_ACT = timedelta(minutes=1)  # a second click on the same button
# The traces of who wrote the terms of a sitting, and who its list.
WROTE_TERMS = tuple(f"quizzes.sitting_{act}" for act in ("created", "changed", "published", "withdrawn"))
WROTE_LIST = tuple(f"quizzes.candidates_{act}" for act in ("listed", "removed", "seated"))


# ---- setting up ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Terms:
    """Everything that an organiser says about a sitting; the fields are those of Sitting."""

    quiz: Quiz
    title: str
    opens_at: datetime
    closes_at: datetime
    late_entry_minutes: int = 30
    grace_seconds: int = 30
    stagger_seconds: int = 0
    is_listed: bool = True
    results: str = Sitting.Results.CLOSED
    papers: frozenset[Paper] = frozenset()  # sealed ones of the quiz; without any, each person's is drawn

    def columns(self) -> dict[str, Any]:
        """The terms that stand in the sitting's own row."""
        return {name: value for name, value in vars(self).items() if name != "papers"}


@transaction.atomic
def write(*, terms: Terms, by: Person, at: datetime, sitting: Sitting | None = None, seen: str = "") -> Sitting:
    """A new sitting, as a draft, or new terms for one that stands. Locks it, so that nobody enters meanwhile.

    `seen` is the stamp of the terms that were looked at (`stamp_of`); without one nothing is called older.

    Raises:
        Refused: edited (others have written or published it since, and these are not the terms that stand), not_an_exam, no_title, bad_window (closes before it opens), too_long, too_short (the exam takes
            longer than the window), late_past_closing, bad_results, nobody_could_enter (the window lies in the
            past), has_begun (what is fixed once somebody began), other_county, has_allowances, sits_elsewhere,
            other_papers (they are not of this exam), not_sealed, knows_papers; of a published sitting also what
            `publish` says.
    """
    _check_terms(terms)
    if sitting is None:
        _refuse_past(terms, at)
        made = Sitting.objects.create(**terms.columns(), is_draft=True)
        _give_papers(made, terms.papers)
        audit.record(made, "quizzes.sitting_created", by=by, title=made.title, quiz=terms.quiz.key)
        return made
    sitting = locked(sitting)
    standing = vars(terms_of(sitting))
    changed = {name for name, value in vars(terms).items() if standing[name] != value}
    if changed:
        refuse_older(sitting, seen=seen, by=by)
    if changed & FIXED_ONCE_BEGUN and _has_begun(sitting, at):
        raise Refused(
            _(
                "Somebody has begun in “%(sitting)s”: exam, papers, window, grace, spread and whether there is a list are fixed now. "
                "More time is added in the watch over the exam."
            )
            % {"sitting": sitting.title},
            code="has_begun",
        )
    if "quiz" in changed:
        _refuse_other_exam(terms.quiz, sitting)
    for name in changed - {"papers"}:
        setattr(sitting, name, getattr(terms, name))
    if changed & {"quiz", "papers"}:
        _give_papers(sitting, terms.papers)
    if changed & {"opens_at", "closes_at"}:
        _refuse_past(terms, at)
        _refuse_two_places(sitting)
    if changed & {"quiz", "is_listed", "papers"} and not sitting.is_draft:
        _refuse_unready(sitting)
    if changed:
        sitting.save(update_fields=sorted(changed - {"papers"}))
        audit.record(sitting, "quizzes.sitting_changed", by=by, title=sitting.title, changed=sorted(changed))
    if "results" in changed:
        _tell_passes_after_commit(sitting)
    return sitting


def _tell_passes_after_commit(sitting: Sitting) -> None:
    """Passes that were held with the results reach the course as soon as those are released."""
    from quizzes.tasks import tell_passes

    transaction.on_commit(partial(tell_passes.delay, sitting.pk))


def terms_of(sitting: Sitting) -> Terms:
    """The terms that stand."""
    own = {each.name: getattr(sitting, each.name) for each in fields(Terms) if each.name != "papers"}
    return Terms(**own, papers=frozenset(sitting.papers.all()))


def stamp_of(sitting: Sitting, papers: Iterable[int], *, trace: int | None = None) -> str:
    """What a page shows of a sitting's terms, with these papers (by id). One query where the newest trace was not asked for yet."""
    return opened.stamp(_said(sitting, papers), trace=opened.newest_trace(sitting) if trace is None else trace)


def _said(sitting: Sitting, papers: Iterable[int]) -> dict:
    own = {field.attname: getattr(sitting, field.attname) for field in Sitting._meta.concrete_fields}
    return own | {"opens_at": sitting.opens_at.timestamp(), "closes_at": sitting.closes_at.timestamp(), "papers": sorted(papers)}


def refuse_older(sitting: Sitting, *, seen: str, by: Person) -> None:
    """Refuse what somebody asks for who looked at other terms than those that stand. The caller has locked the sitting.

    Raises:
        Refused: edited, which says who was quicker, and when.
    """
    if seen:
        opened.refuse_older(sitting, _said(sitting, sitting.papers.values_list("pk", flat=True)), acts=WROTE_TERMS, seen=seen, by=by)


def stamp_of_list(sitting: Sitting, places: Iterable[tuple] | None = None, *, trace: int | None = None) -> str:
    """Who is on the list, and where each sits (`places_of`). Two queries, fewer where they were asked for already."""
    said = places_of(sitting) if places is None else places
    return opened.stamp([list(row) for row in said], trace=opened.newest_trace(sitting) if trace is None else trace)


def places_of(sitting: Sitting) -> list[tuple]:
    """(person, room, seat) of all on the list. One query."""
    return list(Candidate.objects.filter(sitting=sitting).order_by("pk").values_list("person", "room", "seat"))


def refuse_other_list(sitting: Sitting, *, seen: str, by: Person) -> None:
    """Refuse what somebody asks for who looked at another list of candidates than stands. The caller has locked the sitting.

    Raises:
        Refused: edited, which says who was quicker, and when.
    """
    if seen:
        places = [list(row) for row in places_of(sitting)]
        opened.refuse_older(sitting, places, acts=WROTE_LIST, seen=seen, by=by)


def _give_papers(sitting: Sitting, papers: Iterable[Paper]) -> None:
    """Set what everybody gets one of."""
    strange = sorted(paper.label for paper in papers if paper.quiz_id != sitting.quiz_id)
    if strange:
        raise Refused(
            _("Paper %(labels)s belongs to another exam. Choose papers of this one, or none.") % {"labels": "、".join(strange)},
            code="other_papers",
        )
    sitting.papers.set(papers)
    _refuse_unsealed(sitting)
    _refuse_insiders(sitting)


def _has_begun(sitting: Sitting, at: datetime) -> bool:
    """Whether somebody sits or sat it. Who writes on paper has no attempt until the marks are entered: with papers, from the opening on."""
    if Attempt.objects.filter(sitting=sitting).exists():
        return True
    return not sitting.is_draft and sitting.opens_at <= at and sitting.papers.exists()


def _refuse_unsealed(sitting: Sitting) -> None:
    unsealed = exam_papers.unsealed_of(sitting)
    if unsealed:
        raise Refused(
            _("Not sealed by two persons: paper %(labels)s. Ask the trainers to seal it first, or choose another one.")
            % {"labels": "、".join(unsealed)},
            code="not_sealed",
        )


def _refuse_insiders(sitting: Sitting) -> None:
    names = insiders_on_list(sitting).values_list("person__name", flat=True)[:5]
    if names:
        raise Refused(
            _("Candidates who made or sealed one of these papers: %(people)s. Take them off the list, or choose other papers.")
            % {"people": "、".join(names)},
            code="knows_papers",
        )


def insiders_on_list(sitting: Sitting) -> QuerySet[Candidate]:
    """Candidacies of those who made or sealed one of the sitting's papers (exam_papers.insiders_of), in one query."""
    made, sealed = sitting.papers.values("made_by"), Seal.objects.filter(paper__sittings=sitting).values("by")
    return Candidate.objects.filter(Q(person__in=made) | Q(person__in=sealed), sitting=sitting).order_by("pk")


def _check_terms(terms: Terms) -> None:
    window = terms.closes_at - terms.opens_at
    late = timedelta(minutes=terms.late_entry_minutes)
    if not terms.quiz.is_exam:
        raise Refused(
            _("“%(quiz)s” is not marked as an exam: a trainer marks it so in the question bank's quizzes first.")
            % {"quiz": terms.quiz.title},
            code="not_an_exam",
        )
    if not terms.title.strip():
        raise Refused(_("Give the sitting a title."), code="no_title")
    if window <= timedelta(0):
        raise Refused(_("The sitting closes before it opens."), code="bad_window")
    if window > LONGEST_WINDOW:
        raise Refused(_("A sitting is open for %(days)d days at most.") % {"days": LONGEST_WINDOW.days}, code="too_long")
    if terms.quiz.minutes and window < timedelta(minutes=terms.quiz.minutes):
        raise Refused(
            _("The exam takes %(exam)d minutes, but the sitting is open for %(window)d only.")
            % {"exam": terms.quiz.minutes, "window": window.total_seconds() // 60},
            code="too_short",
        )
    if late > window:
        raise Refused(_("Late entry lasts longer than the sitting is open."), code="late_past_closing")
    if terms.results not in Sitting.Results.values:
        raise Refused(_("Say when results are shown."), code="bad_results")


def _refuse_past(terms: Terms, at: datetime) -> None:
    """A window must leave time to enter: nobody plans an exam into the past."""
    if at >= min(terms.opens_at + timedelta(minutes=terms.late_entry_minutes), terms.closes_at):
        raise Refused(_("Nobody could enter any more: this window lies in the past."), code="nobody_could_enter")


def _refuse_other_exam(quiz: Quiz, sitting: Sitting) -> None:
    if quiz.county_id != sitting.quiz.county_id:
        raise Refused(_("This exam belongs to another county."), code="other_county")
    if sitting.allowances.exists():
        raise Refused(
            _("Extra time or attempts were given for this exam: the sitting stays with it. Make another sitting."), code="has_allowances"
        )


def _refuse_two_places(sitting: Sitting) -> None:
    clashes = sitting_elsewhere(sitting).values_list("person__name", "sitting__title")[:5]
    if clashes:
        raise Refused(
            _("At this time some candidates sit elsewhere: %(people)s.")
            % {"people": "、".join(f"{name}（{title}）" for name, title in clashes)},
            code="sits_elsewhere",
        )


def locked(sitting: Sitting) -> Sitting:
    """The sitting, locked until the transaction ends: who enters or organises waits."""
    return Sitting.objects.select_for_update(of=("self",), no_key=True).select_related("quiz__county").get(pk=sitting.pk)


def sitting_elsewhere(sitting: Sitting, people: Iterable[int] | None = None) -> QuerySet[Candidate]:
    """Candidacies of the sitting's candidates (or of these people) in other sittings whose windows overlap with it.

    A window of more than a day is no appointment: it is sat when it suits, so it stands in nobody's way.
    """
    if sitting.closes_at - sitting.opens_at > AN_APPOINTMENT:
        return Candidate.objects.none()
    who: Any = Candidate.objects.filter(sitting=sitting).values("person") if people is None else people
    return (
        Candidate.objects.filter(person__in=who, sitting__opens_at__lt=sitting.closes_at, sitting__closes_at__gt=sitting.opens_at)
        .filter(sitting__closes_at__lte=F("sitting__opens_at") + AN_APPOINTMENT)
        .exclude(sitting=sitting)
        .select_related("sitting", "person")
        .order_by("person", "pk")
    )


def _refuse_unready(sitting: Sitting) -> None:
    course = course_of(sitting.quiz)
    if not course.is_open:
        raise Refused(_("The course “%(title)s” is closed: candidates could not enter.") % {"title": course}, code="course_closed")
    if sitting.papers.exists():
        _refuse_unsealed(sitting)
        _refuse_insiders(sitting)
    else:
        papers.draw(sitting.quiz, rng=random.Random(0), on=clock.today(sitting.opens_at))  # noqa: S311 - whether, not which
    if sitting.is_listed and not sitting.candidates.exists():
        raise Refused(_("Nobody is on the list yet: add the candidates first."), code="no_candidates")


@transaction.atomic
def publish(*, sitting: Sitting, by: Person, at: datetime, seen: str = "") -> Sitting:
    """Let candidates and invigilators know of the sitting. Locks it; doing it twice changes nothing.

    `seen` is the stamp of the terms that were looked at: nobody publishes other ones.

    Raises:
        Refused: edited, nobody_could_enter, no_course, course_closed, no_candidates; with papers not_sealed or knows_papers, without any
            no_draws or bank_cannot_serve (as `papers.draw`).
    """
    sitting = locked(sitting)
    if not sitting.is_draft:
        return sitting
    refuse_older(sitting, seen=seen, by=by)
    _refuse_past(terms_of(sitting), at)
    _refuse_unready(sitting)
    sitting.is_draft = False
    sitting.save(update_fields=["is_draft"])
    audit.record(sitting, "quizzes.sitting_published", by=by, title=sitting.title)
    return sitting


@transaction.atomic
def withdraw(*, sitting: Sitting, by: Person, at: datetime) -> Sitting:
    """Make a published sitting a draft again. Locks it.

    Raises:
        Refused: has_begun.
    """
    sitting = locked(sitting)
    if sitting.is_draft:
        return sitting
    if _has_begun(sitting, at):
        raise Refused(_("Somebody has begun in “%(sitting)s”: it stands.") % {"sitting": sitting.title}, code="has_begun")
    sitting.is_draft = True
    sitting.save(update_fields=["is_draft"])
    audit.record(sitting, "quizzes.sitting_withdrawn", by=by, title=sitting.title)
    return sitting


@transaction.atomic
def discard(*, sitting: Sitting, by: Person, at: datetime, seen: str = "", seen_list: str = "") -> None:
    """Throw a draft away with its list. Locks it. `seen` and `seen_list` are the stamps of what was looked at: nobody's work on it since is lost.

    Raises:
        Refused: edited, not_a_draft, has_begun, has_allowances.
    """
    sitting = locked(sitting)
    if not sitting.is_draft:
        raise Refused(_("Only a draft can be thrown away: withdraw it first."), code="not_a_draft")
    if _has_begun(sitting, at):
        raise Refused(_("Somebody has begun in “%(sitting)s”: it stands.") % {"sitting": sitting.title}, code="has_begun")
    refuse_older(sitting, seen=seen, by=by)
    refuse_other_list(sitting, seen=seen_list, by=by)
    if sitting.allowances.exists() or sitting.extensions.exists():
        raise Refused(_("Extra time or attempts were given in this sitting: the record of it stays."), code="has_allowances")
    audit.record(sitting, "quizzes.sitting_discarded", by=by, title=sitting.title)
    sitting.candidates.all().delete()
    sitting.delete()


@transaction.atomic
def appoint(*, sitting: Sitting, person: Person, by: Person, at: datetime) -> None:
    """Make somebody an invigilator of the sitting. Doing it twice changes nothing.

    Raises:
        Refused: other_county, cannot_sign_in, is_candidate.
    """
    sitting = locked(sitting)
    if sitting.invigilators.filter(pk=person.pk).exists():
        return
    if not Person.objects.within(sitting.quiz.county).filter(pk=person.pk).exists():
        raise Refused(_("Invigilators serve in the county that holds the exam."), code="other_county")
    if not person.is_active:
        raise Refused(_("%(name)s may not sign in.") % {"name": person.name}, code="cannot_sign_in")
    if sitting.candidates.filter(person=person).exists():
        raise Refused(_("%(name)s is a candidate of this sitting.") % {"name": person.name}, code="is_candidate")
    sitting.invigilators.add(person)
    audit.record(sitting, "quizzes.invigilator_appointed", by=by, person=person.pk)


@transaction.atomic
def dismiss(*, sitting: Sitting, person: Person, by: Person, at: datetime) -> None:
    """Take the watch from an invigilator. Doing it twice changes nothing."""
    sitting = locked(sitting)
    if sitting.invigilators.filter(pk=person.pk).exists():
        sitting.invigilators.remove(person)
        audit.record(sitting, "quizzes.invigilator_dismissed", by=by, person=person.pk)


def results_wait_for(attempt: Attempt, at: datetime) -> str:
    """Why the person may not see result and answers of this submitted attempt yet, in words; "" when they may.

    Two queries at most, none outside sittings.
    """
    return results.wait_for(attempt.sitting, at)


# ---- entering ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Admission:
    """From when to when somebody may enter a sitting, and why not now (`refusal` is None when one may)."""

    opens_at: datetime
    last_entry_at: datetime
    refusal: Refused | None


def admission(*, person: Person, sitting: Sitting, at: datetime) -> Admission:
    """Whether the person is let in now: until the late entry closes, with another attempt allowed until the sitting does.

    Three queries at most; locks nothing. Refusal codes: draft, not_listed, too_early, too_late.
    """
    opens_at, last_entry_at = sitting.entry_of(person.pk, at, has_more=lambda: _may_begin_again(person, sitting))
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


def _may_begin_again(person: Person, sitting: Sitting) -> bool:
    """Whether another attempt in this sitting was allowed."""
    return Allowance.objects.filter(person=person, sitting=sitting, extra_attempts__gt=0).exists()


@transaction.atomic
def enter(*, person: Person, sitting: Sitting, at: datetime) -> Attempt:
    """The person's attempt in this sitting: the open one, or a new one. Enrols in the quiz's course where needed.

    An open attempt is given back also when entry has closed: a dead phone does not shut anybody out. One that
    was left open in a trial is handed in: it must not become this one. A new attempt belongs to the round of this
    year (`round_for`), which entering begins.

    Raises:
        Refused: as `admission`, `attempts.start` and `enrolments.enrol` say.
    """
    sitting, at = _held(sitting, at)
    quiz = sitting.quiz
    left_open = attempts.left_open(person=person, quiz=quiz)
    for one in left_open:
        if one.sitting_id == sitting.pk and not attempts.is_overdue(one, at):
            return one
    door = admission(person=person, sitting=sitting, at=at)
    if door.refusal is not None:
        raise door.refusal
    enrolment = round_for(person=person, quiz=quiz, at=at)
    for one in left_open:  # those of this round `start` ends
        if one.enrolment_id != enrolment.pk:
            attempts.submit(attempt=one, cause=Submission.Cause.TIME, at=at)
    return attempts.start(person=person, quiz=quiz, at=at, sitting=sitting, enrolment=enrolment)


def round_for(*, person: Person, quiz: Quiz, at: datetime) -> Enrolment:
    """The enrolment that an exam sat at this instant belongs to: the round under way, or the next one, begun now.

    A completed round comes back only where the policy lets no other begin yet, or nobody may begin the course: what
    is sat then adds nothing to it. One query where a round is under way.

    Raises:
        Refused: no_course, and as `enrolments.enrol` says.
    """
    found = [one for one in attempts.enrolments_for(person=person, quiz=quiz) if one.asks]  # type: ignore[attr-defined]
    if not found:
        return enrolments.enrol(person=person, course=course_of(quiz), at=at)
    if not hasattr(found[0], "completion"):
        return found[0]
    over = next((one for one in found if attempts.needs_new_round(one, at=at)), None)
    return found[0] if over is None else enrolments.enrol(person=person, course=over.course, at=at)


def round_then(*, person: Person, quiz: Quiz, at: datetime) -> Enrolment:
    """The enrolment that an exam which was sat at this instant, and is entered only now, belongs to: the round that was under way then,
    whatever was begun or completed since.

    Where that round was over then, or nothing had begun, it is the one that was begun next, and where there is none it is begun now, of
    that day, whatever has become of the person's post and of the course. What was sat in a round that another pass has completed since
    adds nothing to it; a completion that was reversed ends its round, whenever that was. One query where the round stands.

    Raises:
        Refused: no_course, and as `enrolments.enrol_then` says.
    """
    found = [_round_at(rounds, at) for rounds in attempts.rounds_for(person=person, quiz=quiz) if any(one.asks for one in rounds)]  # type: ignore[attr-defined]
    if not found:
        return enrolments.enrol_then(person=person, course=course_of(quiz, sat_at=at), at=at, asking=quiz.key)
    found.sort(key=lambda one: (one.enrolled_at > at, hasattr(one, "completion"), -one.pk))
    if not hasattr(found[0], "completion"):
        return found[0]
    over = next((one for one in found if _was_over(one, at)), None)
    return found[0] if over is None else enrolments.enrol_then(person=person, course=over.course, at=at, asking=quiz.key)


def _round_at(rounds: list[Enrolment], at: datetime) -> Enrolment:
    """Of the rounds of one course the one that was under way then, else the one that was begun next; one that was over where none was."""
    begun = [one for one in rounds if one.enrolled_at <= at]
    later = rounds[len(begun) :]
    under_way = [one for one in begun if not hasattr(one, "completion") or one.completion.completed_at > at]
    following = [*(under_way or begun)[-1:], *later]
    return next((one for one in following if not _was_over(one, at)), following[-1])


def _was_over(enrolment: Enrolment, at: datetime) -> bool:
    """Whether the round was over then, or is reversed by now, and the next one may begin on that day."""
    completion = getattr(enrolment, "completion", None)
    if completion is None or not (completion.completed_at <= at or hasattr(completion, "reversal")):
        return False
    return enrolments.may_begin_again(enrolment, at=at)


def completed_before(*, person: Person, quiz: Quiz, at: datetime) -> Completion | None:
    """The completion to which sitting the exam now would add nothing; None where it counts. Two queries at most."""
    found = [one for one in attempts.enrolments_for(person=person, quiz=quiz) if one.asks]  # type: ignore[attr-defined]
    if not found or not hasattr(found[0], "completion") or any(attempts.needs_new_round(one, at=at) for one in found):
        return None
    return found[0].completion


def _held(sitting: Sitting, at: datetime) -> tuple[Sitting, datetime]:
    """The sitting as it stands, which nobody changes and to which nobody adds time until this transaction ends; others enter
    meanwhile. Three queries.

    And when this is: not before the last added time, so that what is stored tells who had it in their closing already
    (`AttemptQuerySet.timed`), whichever request read the clock first.
    """
    if connection.features.has_select_for_no_key_update:  # SQLite locks the whole file at BEGIN
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", _entrance(sitting))
        found = Sitting.objects.raw("SELECT * FROM quizzes_sitting WHERE id = %s FOR KEY SHARE", [sitting.pk])[0]
    else:
        found = Sitting.objects.get(pk=sitting.pk)
    added = found.extensions.aggregate(minutes=Sum("minutes"), newest=Max("at"))
    found.added_minutes = added["minutes"] or 0  # stays true while it is held
    return found, max(at, added["newest"]) if added["newest"] else at


def _entrance(sitting: Sitting) -> list[int]:
    """The advisory lock of who enters (shared) and who adds time for all (alone). It has a line, which locks on rows have not:
    however many enter, whoever adds time comes next.
    """
    return [ENTRANCE, sitting.pk % 2**31]


def _closed_to_entrants(sitting: Sitting, at: datetime) -> tuple[Sitting, datetime]:
    """The sitting, locked, with nobody inside entering; and when this is: after the last who began in it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", _entrance(sitting))
    found = Sitting.objects.select_for_update(no_key=True, of=("self",)).get(pk=sitting.pk)
    begun_at = Attempt.objects.filter(sitting=found).aggregate(newest=Max("started_at"))["newest"]
    return found, max(at, begun_at + timedelta(microseconds=1)) if begun_at else at


def course_of(quiz: Quiz, *, sat_at: datetime | None = None) -> Course:
    """The course that a pass counts for: of the county's open ones one that asks for the exam, best that of its bank; else
    that of its bank. What was sat at an instant counts for one that asked for it then, whatever has become of it, else for one that
    asks now, else for one that asked at another time. One query. Raises: Refused (no_course).
    """
    asked = EditionRequirement.objects.filter(kind=EditionRequirement.Kind.QUIZ, key=quiz.key)
    found = Course.objects.filter(county=quiz.county_id).annotate(
        asks=Exists(asked.filter(edition=OuterRef("current"))),
        asked=Exists(asked.filter(edition__course=OuterRef("pk"))),
        is_own=Q(code=quiz.course_code),
    )
    order = ["-asks", "-asked", "-is_open", "-is_own", "code"]
    if sat_at is None:
        found = found.filter(Q(asks=True, is_open=True) | Q(is_own=True))
    else:
        then = Edition.objects.filter(course=OuterRef("pk"), published_at__lte=sat_at).order_by("-number")
        found = found.annotate(then=Subquery(then.values("pk")[:1]), asked_then=Exists(asked.filter(edition=OuterRef("then"))))
        found, order = found.filter(Q(asked=True) | Q(is_own=True)), ["-asked_then", *order]
    course = found.order_by(*order).first()
    if course is None:
        raise Refused(_("The course %(course)s of this exam is not published yet.") % {"course": quiz.course_code}, code="no_course")
    return course


# ---- more time -----------------------------------------------------------------------------


@transaction.atomic
def extend(
    *,
    minutes: int,
    reason: str,
    by: Person,
    at: datetime,
    attempt: Attempt | None = None,
    sitting: Sitting | None = None,
    seen: int | None = None,
) -> Extension:
    """Add minutes to one open attempt, or to a sitting and everybody who has begun in it.

    `seen` is the newest extension there was when it was looked at (`newest_extension`): what two add for the same power cut
    would be added twice, and cannot be taken back.

    Locks the attempt, so that a submission by the clock and an extension never both win; for a sitting it waits for those
    who are inside entering, so that everybody has the minutes once. The same act
    again within a minute (a second click) gives the extension that stands.

    Raises:
        Refused: added_since (another added time after `seen`), bad_minutes (1 to 600), no_reason, own_time (also as `refuse_own_time` says), over (the attempt is submitted, the sitting is closed), no_limit.
    """
    reason = reason.strip()
    if not 1 <= minutes <= 600:
        raise Refused(_("Between 1 and 600 minutes can be added."), code="bad_minutes")
    if not reason:
        raise Refused(_("Say why the time is added."), code="no_reason")
    if attempt is not None:
        attempt = Attempt.objects.select_for_update(no_key=True, of=("self",)).get(pk=attempt.pk)
        if attempt.person_id == by.pk:
            raise Refused(_("Nobody gives time to themselves: somebody else has to do it."), code="own_time")
        if attempt.ends_at is None:
            raise Refused(_("This attempt has no time limit."), code="no_limit")
        if attempts.is_closed(attempt) or attempts.is_overdue(attempt, at):
            raise Refused(_("This attempt is over: no time can be added any more."), code="over")
    elif sitting is not None:
        sitting, at = _closed_to_entrants(sitting, at)
        refuse_own_time(sitting, by=by, at=at)
        if at >= closing_of(sitting) + timedelta(seconds=sitting.stagger_seconds):
            raise Refused(_("This sitting is closed: no time can be added any more."), code="over")
    facts = {"attempt": attempt, "sitting": sitting, "minutes": minutes, "reason": reason[:300], "by": by}
    standing = Extension.objects.filter(**facts, at__gt=at - SAME_ACT, at__lte=at).first()
    if standing is not None:
        return standing
    if seen is not None:
        _refuse_added_since(extensions_of(attempt=attempt, sitting=sitting).filter(pk__gt=seen))
    made = Extension.objects.create(**facts, at=at)
    audit.record(attempt or sitting, "quizzes.time_added", by=by, minutes=minutes, reason=reason[:300])
    return made


def refuse_own_time(sitting: Sitting, *, by: Person, at: datetime) -> None:
    """Refuse time for all to whoever would gain by it: who sits there, or is listed and has an attempt left. One query.

    Raises:
        Refused: own_time.
    """
    if Sitting.objects.filter(pk=sitting.pk).yet_to_be_sat_by(by, at).exists():
        raise Refused(_("Nobody gives time to themselves: somebody else has to do it."), code="own_time")


def extensions_of(*, attempt: Attempt | None = None, sitting: Sitting | None = None) -> QuerySet[Extension]:
    """The added time of an attempt, with what was added to its whole sitting; or of a sitting."""
    if attempt is None:
        return Extension.objects.filter(sitting=sitting)
    return Extension.objects.filter(Q(attempt=attempt) | Q(sitting=attempt.sitting_id, sitting__isnull=False))


def newest(rows: QuerySet) -> int:
    """The newest of these rows, by its number, as a page has them that is opened now; 0 where there are none. One query."""
    return rows.aggregate(newest=Max("pk"))["newest"] or 0


def _refuse_added_since(rows: QuerySet[Extension]) -> None:
    other = rows.select_related("by").order_by("pk").last()
    if other is not None:
        raise Refused(
            _(
                "%(name)s added %(minutes)d minutes at %(at)s, after you had opened this: %(reason)s. Nothing of yours was added yet. "
                "Send it again only if these minutes are to come on top."
            )
            % {"name": other.by.name, "minutes": other.minutes, "at": clock.local(other.at).strftime("%H:%M:%S"), "reason": other.reason},
            code="added_since",
        )


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
    seen: int | None = None,
) -> Allowance:
    """Give one person more time or more attempts at one sitting of a quiz, or at a quiz in the round that is theirs now, beforehand.

    Locks the sitting, then the person, in the order of who enters. The same act again within a minute (a second click) gives
    the allowance that stands. `seen` is the newest allowance of the person that there was when it was looked at.

    Raises:
        Refused: given_since (another gave some there after `seen`), nothing_given, no_reason, own_allowance, other_county, not_a_candidate, has_begun (minutes for
            somebody who sits already: they are added in the watch), over (the sitting is closed), round_over (nothing
            can be given for a round to come), round_elsewhere (`by` does not read the round), not_asked (no course asks for the quiz any more).
    """
    reason = reason.strip()
    if not (0 <= extra_minutes <= 600 and 0 <= extra_attempts <= 20) or not (extra_minutes or extra_attempts):
        raise Refused(_("Give 1 to 600 minutes or 1 to 20 attempts."), code="nothing_given")
    if not reason:
        raise Refused(_("Say why it is given."), code="no_reason")
    if person.pk == by.pk:
        raise Refused(_("Nobody gives time or attempts to themselves: somebody else has to do it."), code="own_allowance")
    if sitting is not None:
        sitting = locked(sitting)
    person = Person.objects.select_for_update(no_key=True, of=("self",)).get(pk=person.pk)
    if sitting is not None:
        _refuse_allowance(person, sitting, extra_attempts, at)
    enrolment = None if sitting is not None else _round_to_help(person, quiz, at, by)
    facts = {"person": person, "quiz": quiz, "sitting": sitting, "enrolment": enrolment, "reason": reason[:300], "by": by}
    facts |= {"extra_minutes": extra_minutes, "extra_attempts": extra_attempts}
    standing = Allowance.objects.filter(**facts, at__gt=at - SAME_ACT, at__lte=at).first()
    if standing is not None:
        return standing
    if seen is not None:
        _refuse_given_since(Allowance.objects.filter(person=person, quiz=quiz, sitting=sitting, pk__gt=seen))
    made = Allowance.objects.create(**facts, at=at)
    audit.record(
        quiz, "quizzes.allowance_given", by=by, person=person.pk, minutes=extra_minutes, attempts=extra_attempts, reason=reason[:300]
    )
    return made


def _refuse_given_since(rows: QuerySet[Allowance]) -> None:
    other = rows.select_related("by").order_by("pk").last()
    if other is not None:
        raise Refused(
            _(
                "%(name)s gave %(minutes)d minutes and %(attempts)d attempts at %(at)s, after you had opened this: %(reason)s. Nothing of "
                "yours was given yet. Send it again only if it is to come on top."
            )
            % {
                "name": other.by.name,
                "minutes": other.extra_minutes,
                "attempts": other.extra_attempts,
                "at": clock.local(other.at).strftime("%Y-%m-%d %H:%M"),
                "reason": other.reason,
            },
            code="given_since",
        )


def _round_to_help(person: Person, quiz: Quiz, at: datetime, by: Person) -> Enrolment | None:
    """The round that something is given in, one that `by` reads; None before the person has begun the course."""
    found = attempts.enrolments_for(person=person, quiz=quiz)
    if found and not quiz.is_exam and not found[0].offers:  # type: ignore[attr-defined]
        refusal, course = attempts.not_offered(person, quiz)
        if course is None:
            raise refusal
        return None
    read = set(Enrolment.objects.visible_to(by).filter(pk__in=[one.pk for one in found]).values_list("pk", flat=True))
    rounds = [one for one in attempts.under_way(found) or found[:1] if one.pk in read]
    if found and not rounds:
        raise Refused(
            _("%(name)s began the course of this quiz in another county or at an earlier unit: it is not for you to give.")
            % {"name": person.name},
            code="round_elsewhere",
        )
    if found and attempts.needs_new_round(found[0], at=at):
        raise Refused(
            _("%(name)s has completed the course of this quiz; a new round has not begun yet. Give it then, or for a sitting.")
            % {"name": person.name},
            code="round_over",
        )
    needy = (one for one in rounds if attempts.is_used_up(one, quiz))
    return next(needy, rounds[0] if rounds else None)


def _refuse_allowance(person: Person, sitting: Sitting, extra_attempts: int, at: datetime) -> None:
    if not Person.objects.within(sitting.quiz.county).filter(pk=person.pk).exists():
        raise Refused(_("%(name)s serves in another county.") % {"name": person.name}, code="other_county")
    if sitting.is_listed and not sitting.candidates.filter(person=person).exists():
        raise Refused(_("%(name)s is not on the list of this sitting.") % {"name": person.name}, code="not_a_candidate")
    if at >= sitting.over_at:
        raise Refused(_("This sitting is closed."), code="over")
    if not extra_attempts and Attempt.objects.filter(sitting=sitting, person=person).exists():
        raise Refused(_("%(name)s has begun already: add the time in the watch over the exam.") % {"name": person.name}, code="has_begun")
