"""Handed in before the new year, marked after it: completion and hours are of the old year, whoever marked when."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from certificates import services as certificates
from certificates.models import Certificate
from core import clock
from courses.models import Completion, Course, RequirementMet
from courses.services import completions, enrolments
from evaluation import services as evaluation
from evaluation.models import LedgerEntry, RecordChange
from quizzes.models import MarkingTask, Question, Sitting
from quizzes.services import attempts, bank, exam_papers, paper_marks, quizzes, ratings, remarks, sittings
from tests.cast import NOON
from tests.factories import make_course
from tests.quizzes.conftest import sitting_of
from tests.quizzes.exams import agree
from tests.quizzes.test_ratings import RUBRIC

MINUTE = timedelta(minutes=1)
DECEMBER = datetime(2026, 12, 29, 3, tzinfo=UTC)
MIDNIGHT = datetime(2026, 12, 31, 16, tzinfo=UTC)  # 24:00 in the county
JANUARY = datetime(2027, 1, 6, 3, tzinfo=UTC)


@pytest.fixture
def essay(cast):
    """A quiz of one essay; the course asks for it and awards a certificate."""
    certificates.ensure_kinds(cast.county)
    row = {
        "id": "E-2",
        "type": "essay",
        "course": "P01",
        "stem": "期限？",
        "answer": "见第三十三条。",
        "rubric": RUBRIC,
        "markers": 1,
        "v": "V",
    }
    bank.import_rows([row], county=cast.county, at=NOON)
    draws = [{"kind": "essay", "count": 1, "points": 10}]
    facts = {"title": "论述", "course_code": "P01", "minutes": 0, "pass_percent": 60, "attempts": 0}
    made = quizzes.ensure(county=cast.county, key="e", draws=draws, **facts)
    make_course(cast.county, code="P01", lessons=1, quiz_key="e", pass_rule="quiz", certificate="training")
    return made


@pytest.fixture
def hand_in(essay):
    def go(person, at=DECEMBER):
        enrolments.enrol(person=person, course=Course.objects.get(code="P01"), at=at)
        attempt = attempts.start(person=person, quiz=essay, at=at)
        attempts.save(attempt_id=attempt.pk, person=person, item_id=attempt.items.get().pk, response="答复" * 20, token="t", at=at)
        return attempts.submit(attempt=attempt, at=at)

    return go


@pytest.fixture
def rate(cast, django_capture_on_commit_callbacks):
    def go(submission, at):
        with django_capture_on_commit_callbacks(execute=True):
            ratings.rate(task=MarkingTask.objects.get(submission=submission), marker=cast.trainer, points=[Decimal(6), Decimal(4)], at=at)

    return go


def test_neighbours_complete_on_one_day_whoever_was_marked_first(cast, hand_in, rate):
    first, second = hand_in(cast.learner), hand_in(cast.colleague)
    rate(first, DECEMBER + timedelta(hours=1))
    rate(second, JANUARY)

    assert set(Completion.objects.values_list("completed_at", flat=True)) == {DECEMBER}
    assert set(LedgerEntry.objects.values_list("year", flat=True)) == {2026}
    assert second.markings.order_by("pk").last().at == JANUARY


def test_what_follows_is_written_when_it_is_written(cast, hand_in, rate):
    """What was reported of the old year before can still be told from what came later."""
    rate(hand_in(cast.learner), JANUARY)

    assert LedgerEntry.objects.first().at == JANUARY and RecordChange.objects.first().at == JANUARY
    assert Certificate.objects.get().issued_at == JANUARY and "-2027-" in Certificate.objects.get().number
    assert evaluation.balance(cast.learner, 2026, known_at=JANUARY - MINUTE) == 0
    assert evaluation.balance(cast.learner, 2026) > 0 == evaluation.balance(cast.learner, 2027)


def test_the_last_thing_that_was_done_decides(cast, essay, hand_in, rate):
    """The essay was handed in first; the lesson, read in January, decides."""
    make_course(cast.county, code="P01", lessons=1, quiz_key="e", pass_rule="lessons_and_quiz", certificate="training")
    submission = hand_in(cast.learner)
    enrolment = submission.attempt.enrolment
    lesson = enrolment.edition.lessons.get()
    completions.meet(enrolment=enrolment, kind="lesson", key=str(lesson.key), evidence="lesson-place:1", at=JANUARY - MINUTE)
    rate(submission, JANUARY)

    assert Completion.objects.get().completed_at == JANUARY - MINUTE
    assert RequirementMet.objects.get(requirement__kind="quiz").at == DECEMBER


def test_the_policy_and_the_post_are_those_of_the_day_of_handing_in(cast, hand_in, rate):
    from people.models import Posting

    submission = hand_in(cast.learner)
    Posting.objects.filter(person=cast.learner).update(ends_on=clock.today(DECEMBER))
    Posting.objects.create(person=cast.learner, unit=cast.other_bureau, title="主任", starts_on=clock.today(JANUARY))
    type(cast.learner).objects.filter(pk=cast.learner.pk).update(unit=cast.other_bureau, post_title="主任")
    rate(submission, JANUARY)

    assert Completion.objects.get().unit == cast.section


@pytest.fixture
def december(cast, quiz):
    return sitting_of(quiz, cast.learner, opens_at=DECEMBER, results="held")


def test_held_results_that_are_released_in_january_are_of_december(cast, quiz, december, answer, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        attempt = sittings.enter(person=cast.learner, sitting=december, at=DECEMBER)
        answer(attempt, at=DECEMBER)
        attempts.submit(attempt=attempt, at=DECEMBER + 5 * MINUTE)
    assert not Completion.objects.exists()
    Sitting.objects.filter(pk=december.pk).update(results="at_once")
    december.refresh_from_db()
    from quizzes.services import marking

    marking.tell_passes(december, at=JANUARY)

    assert Completion.objects.get().completed_at == DECEMBER + 5 * MINUTE
    assert LedgerEntry.objects.first().year == 2026 and LedgerEntry.objects.first().at == JANUARY


@pytest.mark.parametrize(
    ("closes_at", "grace", "asked_at"),
    [(MIDNIGHT, 30, MIDNIGHT + MINUTE), (MIDNIGHT - MINUTE, 600, MIDNIGHT + 11 * MINUTE), (MIDNIGHT, 30, MIDNIGHT + timedelta(seconds=10))],
    ids=["until 24:00", "with grace beyond it", "handed in within the grace"],
)
def test_an_exam_until_the_end_of_the_year_is_of_that_year(
    cast, quiz, answer, closes_at, grace, asked_at, django_capture_on_commit_callbacks
):
    sitting = sitting_of(quiz, cast.learner, opens_at=MIDNIGHT - 30 * MINUTE, closes_at=closes_at, grace_seconds=grace, results="at_once")
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=MIDNIGHT - 20 * MINUTE)
    answer(attempt, at=MIDNIGHT - 10 * MINUTE)
    with django_capture_on_commit_callbacks(execute=True):
        submission = attempts.submit(attempt=attempt, at=asked_at)

    assert Completion.objects.get().completed_at == submission.at == closes_at - timedelta(microseconds=1)
    assert set(LedgerEntry.objects.values_list("year", flat=True)) == {2026}
    assert submission.result.at >= MIDNIGHT, "marked when it ended"


def test_a_sheet_of_an_exam_until_the_end_of_the_year_is_of_that_year(paper_pass, december):
    Sitting.objects.filter(pk=december.pk).update(results="at_once", opens_at=MIDNIGHT - 30 * MINUTE, closes_at=MIDNIGHT)

    paper_pass()

    assert clock.year_of(Completion.objects.get().completed_at) == 2026
    assert set(LedgerEntry.objects.values_list("year", flat=True)) == {2026}


@pytest.fixture
def paper_pass(cast, quiz, december, django_capture_on_commit_callbacks):
    """Everything right on a sheet of the sitting in December, as entered in January."""

    def go():
        december.refresh_from_db()
        codes = Question.objects.filter(course_code="P01").order_by("code").values_list("code", flat=True)
        paper = exam_papers.make_fixed(quiz=quiz, chosen=[(code, Decimal(5)) for code in codes], by=cast.trainer, at=NOON)
        for author in (cast.trainer, cast.reviewer):
            exam_papers.seal(paper=paper, digest=paper.digest(), by=author, at=NOON)
        december.papers.add(paper)
        points = {item.position: item.points for item in paper.items.all()}
        facts = {"person": cast.learner, "paper": paper, "sitting": december, "seen": 0, "by": cast.hr, "at": JANUARY}
        with django_capture_on_commit_callbacks(execute=True):
            return agree(paper_marks.enter_marks(**facts, points=points), by=cast.admin, at=JANUARY)

    return go


def test_marks_from_paper_are_of_the_day_of_the_sitting(paper_pass, december):
    Sitting.objects.filter(pk=december.pk).update(results="at_once")

    marked = paper_pass()

    assert (marked.at, marked.submission.at) == (JANUARY, december.closes_at)
    assert Completion.objects.get().completed_at == december.closes_at
    assert set(LedgerEntry.objects.values_list("year", flat=True)) == {2026}


def test_a_mended_key_gives_the_pass_on_the_day_of_handing_in(cast, quiz, answer, enrolment, django_capture_on_commit_callbacks):
    attempt = attempts.start(person=cast.learner, quiz=quiz, at=DECEMBER)
    for number, item in enumerate(attempt.items.all()):
        response = attempts.wrong_response(item) if item.kind in {"single", "judge"} else attempts.right_response(item)
        attempts.save(attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response=response, token=str(number), at=DECEMBER)
    attempts.submit(attempt=attempt, at=DECEMBER)
    assert not attempt.submission.result.passed
    asked = remarks.propose(
        question=attempt.items.get(kind="single").question, remedy="all_right", reason="有歧义", by=cast.trainer, at=JANUARY
    )
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=JANUARY)
    with django_capture_on_commit_callbacks(execute=True):
        assert remarks.apply(asked, at=JANUARY) == 1

    assert Completion.objects.get().completed_at == DECEMBER
