"""A quiz that no course asks for: nobody reviewed it, so nobody sits it, and it moves no figure."""

from datetime import timedelta

import pytest
from django.urls import reverse

from core import clock
from core.errors import Refused
from courses.models import Course
from courses.services import enrolments
from evaluation import standing
from quizzes import chances
from quizzes.models import Attempt, Quiz
from quizzes.services import attempts, quizzes, sittings
from tests.cast import NOON
from tests.factories import make_course, meet_all
from tests.quizzes.conftest import sitting_of

MINUTE = timedelta(minutes=1)
YEAR = timedelta(days=365)


@pytest.fixture
def unasked(cast, quiz, enrolment):
    """A copy of the quiz of P01, which the learner has begun; no course asks for the copy."""
    return quizzes.copy(quiz=quiz, by=cast.trainer, at=NOON)


def put_into_course(cast, key):
    """A new edition of P01, which asks for the quiz of this key in place of the one before."""
    return make_course(cast.county, code="P01", lessons=1, quiz_key=key, pass_rule="quiz")


def test_a_copy_that_no_course_asks_for_cannot_be_begun(cast, unasked, sign_in):
    address = reverse("quiz", args=[unasked.key])
    client = sign_in(cast.learner)

    page, posted = client.get(address), client.post(address)

    assert posted.status_code == 409 and not Attempt.objects.exists()
    assert "目前没有课程要求" in page.text and "开始答题" not in page.text and "请先报名" not in page.text


def test_it_is_said_which_course_to_enrol_in_and_not_whose_bank_it_draws_from(cast, quiz, sign_in):
    Quiz.objects.filter(pk=quiz.pk).update(course_code="P09")

    page = sign_in(cast.colleague).get(reverse("quiz", args=[quiz.key]))

    assert "课程P01" in page.text and "P09" not in page.text


def test_a_quiz_can_be_begun_once_the_current_edition_asks_for_it_and_that_of_an_own_round_stays(cast, quiz, unasked):
    put_into_course(cast, unasked.key)

    assert attempts.start(person=cast.learner, quiz=unasked, at=NOON).enrolment.edition.number == 1
    assert attempts.start(person=cast.learner, quiz=quiz, at=NOON).enrolment.edition.number == 1


def test_what_was_begun_while_a_course_asked_for_it_is_finished_and_its_result_stays(cast, quiz, unasked, answer, sign_in):
    put_into_course(cast, unasked.key)
    now = clock.now()
    begun = attempts.start(person=cast.learner, quiz=unasked, at=now)
    put_into_course(cast, quiz.key)  # nothing asks for the copy any more

    assert attempts.start(person=cast.learner, quiz=unasked, at=now + MINUTE) == begun
    answer(begun, at=now + MINUTE)
    attempts.submit(attempt=begun, at=now + 2 * MINUTE)
    client = sign_in(cast.learner)
    page = client.get(reverse("quiz", args=[unasked.key]))

    assert client.get(reverse("attempt_result", args=[begun.pk])).status_code == 200
    assert reverse("attempt_result", args=[begun.pk]) in page.text and "开始答题" not in page.text and "再试一次" not in page.text
    with pytest.raises(Refused) as refused:
        attempts.start(person=cast.learner, quiz=unasked, at=now + 3 * MINUTE)
    assert refused.value.code == "not_asked"


def test_the_rate_of_a_unit_counts_what_the_round_asks_for_and_sittings(cast, quiz, unasked, answer):
    """An attempt at the copy, as it could be made before: it fails, and then it passes; neither counts."""
    passed = attempts.start(person=cast.learner, quiz=quiz, at=NOON)
    answer(passed)
    attempts.submit(attempt=passed, at=NOON + MINUTE)
    put_into_course(cast, unasked.key)
    attempts.submit(attempt=attempts.start(person=cast.learner, quiz=unasked, at=NOON + 2 * MINUTE), at=NOON + 3 * MINUTE)

    at = NOON + timedelta(hours=1)
    assert standing.tests_of([cast.learner.pk], year=2026, at=at) == {cast.learner.pk: (1, 1)}
    of_unit = standing.unit_standings([cast.learner.unit], year=2026, at=at)[cast.learner.unit.path]
    assert (of_unit.sat, of_unit.passed) == (1, 1)

    exam = quizzes.copy(quiz=quiz, by=cast.trainer, at=NOON)  # an exam that no course asks for counts as it did
    sitting = sitting_of(exam, cast.learner, opens_at=NOON, results="at_once")
    entered = sittings.enter(person=cast.learner, sitting=sitting, at=NOON + 5 * MINUTE)
    attempts.submit(attempt=entered, at=NOON + 6 * MINUTE)
    assert standing.tests_of([cast.learner.pk], year=2026, at=at) == {cast.learner.pk: (2, 1)}


def test_nobody_is_offered_attempts_at_it(cast, quiz, unasked):
    assert [one.quiz for one in chances.of(cast.learner)] == [quiz]


def test_further_attempts_are_given_and_taken_as_before(cast, quiz, enrolment):
    for number in range(3):
        at = NOON + number * MINUTE
        attempts.submit(attempt=attempts.start(person=cast.learner, quiz=quiz, at=at), at=at)
    sittings.allow(person=cast.learner, quiz=quiz, extra_attempts=1, reason="停电", by=cast.hr, at=NOON + 4 * MINUTE)

    assert attempts.start(person=cast.learner, quiz=quiz, at=NOON + 5 * MINUTE).number == 4


def test_an_exam_that_no_course_asks_for_is_sat_in_its_sitting_also_a_second_time(cast, quiz, sign_in):
    exam = quizzes.copy(quiz=quiz, by=cast.trainer, at=NOON)
    enrolments.enrol(person=cast.learner, course=Course.objects.get(code="P01"), at=NOON)
    sitting = sitting_of(exam, cast.learner, opens_at=clock.now() - MINUTE, results="at_once")
    attempts.submit(attempt=sittings.enter(person=cast.learner, sitting=sitting, at=clock.now()), at=clock.now())
    client = sign_in(cast.learner)

    assert client.get(reverse("sitting", args=[sitting.pk])).status_code == 200
    sittings.allow(person=cast.learner, quiz=exam, sitting=sitting, extra_attempts=1, reason="停电", by=cast.hr, at=clock.now())
    assert sittings.enter(person=cast.learner, sitting=sitting, at=clock.now()).turn == 2


def test_a_quiz_that_a_lesson_shows_and_the_pass_rule_does_not_ask_for_is_sat_and_counts_in_no_rate(cast, quiz):
    make_course(cast.county, code="P01", lessons=1, quiz_key=quiz.key, pass_rule="lessons")
    enrolments.enrol(person=cast.colleague, course=Course.objects.get(code="P01"), at=NOON)

    begun = attempts.start(person=cast.colleague, quiz=quiz, at=NOON)
    attempts.submit(attempt=begun, at=NOON + MINUTE)

    assert [one.quiz for one in chances.of(cast.colleague)] == [quiz]
    assert standing.tests_of([cast.colleague.pk], year=2026, at=NOON + timedelta(hours=1)) == {}


@pytest.fixture
def taken_out(cast, quiz, enrolment):
    """The learner completed P01 last year, the quiz was taken out of it, and the second round is under way. P01 is not the quiz's bank."""
    Quiz.objects.filter(pk=quiz.pk).update(course_code="P09", attempts_allowed=0)
    quiz.refresh_from_db()
    meet_all(enrolment, NOON)
    course = make_course(cast.county, code="P01", lessons=1, pass_rule="lessons")
    return enrolments.enrol(person=cast.learner, course=course, at=NOON + YEAR)


def test_who_began_the_course_again_without_the_quiz_is_not_told_to_begin_it_again(cast, quiz, taken_out):
    assert taken_out.round == 2
    state = attempts.standing(person=cast.learner, quiz=quiz, at=NOON + YEAR)

    assert state.refusal.code == "not_asked" and state.enrolment == taken_out
    with pytest.raises(Refused) as refused:
        attempts.start(person=cast.learner, quiz=quiz, at=NOON + YEAR)
    assert refused.value.code == "not_asked" and not Attempt.objects.exists()


def test_nothing_is_offered_in_a_round_that_is_dead_and_nothing_given_for_a_quiz_that_is_not_asked_for(cast, quiz, taken_out):
    assert chances.of(cast.learner) == []
    with pytest.raises(Refused) as refused:
        sittings.allow(person=cast.learner, quiz=quiz, extra_attempts=1, reason="停电", by=cast.hr, at=NOON + YEAR)
    assert refused.value.code == "not_asked"


def test_who_sat_a_quiz_that_moved_to_another_course_is_told_to_enrol_there(cast, quiz, attempt, sign_in):
    attempts.submit(attempt=attempt, at=NOON + MINUTE)
    make_course(cast.county, code="P01", lessons=1, pass_rule="lessons")
    other = make_course(cast.county, code="P22", lessons=1, quiz_key=quiz.key, pass_rule="quiz")
    Quiz.objects.filter(pk=quiz.pk).update(course_code="P09")
    meet_all(attempt.enrolment, NOON + MINUTE)
    enrolments.enrol(person=cast.learner, course=attempt.enrolment.course, at=NOON + YEAR)
    quiz.refresh_from_db()

    state = attempts.standing(person=cast.learner, quiz=quiz, at=NOON + YEAR)
    page = sign_in(cast.learner).get(reverse("quiz", args=[quiz.key]))

    assert state.refusal.code == "not_enrolled" and state.asking == other
    assert "没有课程要求" not in page.text and reverse("course", args=[other.pk]) in page.text
