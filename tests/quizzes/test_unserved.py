"""A course's quiz that the bank cannot serve: not published, and whoever makes one so, or could mend it, is told."""

from datetime import timedelta

import pytest
from django.urls import reverse

from core import clock
from core.errors import Refused
from courses import outlines
from courses.models import Course
from courses.services import editions
from quizzes.models import DrawRule, Question, Quiz
from quizzes.services import quizzes, readiness, sittings
from tests.cast import NOON
from tests.courses.test_authoring import course_post, edit, lesson_post
from tests.courses.test_review import act, lessons_of, stored
from tests.factories import make_course
from tests.quizzes.conftest import sitting_of
from tests.quizzes.test_quiz_taken_out import TEXT, live, window  # noqa: F401

NOBODY = "目前无人能开始"


@pytest.fixture
def trainer(sign_in, cast):
    return sign_in(cast.trainer)


def retire(client, *codes):
    """Take these questions out of use by the listing's ticks; the page that follows."""
    pks = Question.objects.filter(code__in=codes).values_list("pk", flat=True)
    address = reverse("wagtail_bulk_action", args=["quizzes", "question", "change"]) + "?" + "&".join(f"id={pk}" for pk in pks)
    return client.post(address + "&next=" + reverse("questions:index"), {"status": "retired"}, follow=True)


def test_a_course_whose_quiz_draws_nothing_is_not_published(cast):
    Quiz.objects.create(county=cast.county, key="empty", title="空测试", course_code="P05")

    with pytest.raises(Refused) as refused:
        make_course(cast.county, code="P05", lessons=1, quiz_key="empty", pass_rule="quiz")

    assert refused.value.code == "quiz_cannot_be_sat" and "空测试" in refused.value.message and "抽题" in refused.value.message
    assert not Course.objects.filter(code="P05").exists()


def test_a_course_whose_quiz_the_bank_cannot_serve_is_not_published_and_what_is_missing_is_named(cast):
    starved = Quiz.objects.create(county=cast.county, key="starved", title="缺题测试", course_code="P05")
    DrawRule.objects.create(quiz=starved, kind="single", count=4)

    with pytest.raises(Refused) as refused:
        make_course(cast.county, code="P05", lessons=1, quiz_key="starved", pass_rule="quiz")

    assert refused.value.code == "quiz_cannot_be_sat" and "缺题测试" in refused.value.message and "4" in refused.value.message


DRY = "目前无人能开始，审核通过后仍然如此"


def test_a_wrong_lesson_is_mended_though_the_questions_of_the_courses_quiz_have_run_out(cast, live, sign_in):  # noqa: F811
    Question.objects.filter(course_code="W01").update(status="retired")
    lesson, client = lessons_of(live)[0], sign_in(cast.trainer)
    answer = edit(client, lesson, lesson_post(title="改正的一节", slug=lesson.slug, **{"action-submit": "1"}))
    assert answer.status_code == 302 and DRY in client.get(answer.url).text

    reviewer = sign_in(cast.reviewer)
    assert DRY in window(reviewer, lesson) and "结业测试" in window(reviewer, lesson)
    assert DRY in reviewer.get(act(reviewer, lesson).url).text
    assert "改正的一节" in [one.title for one in Course.objects.get(code="W01").current.lessons.all()]


def test_neither_a_new_quiz_that_nobody_can_sit_comes_in_nor_a_closed_course_opens_with_one(cast, live, sign_in):  # noqa: F811
    Quiz.objects.create(county=cast.county, key="empty", title="空测试", course_code="W01")
    stored(lessons_of(live)[0], [TEXT, {"type": "quiz", "value": "empty"}], cast.trainer)
    answer = edit(sign_in(cast.trainer), live, course_post(**{"action-submit": "1"}))
    assert answer.status_code == 200 and "空测试" in answer.text

    Question.objects.filter(course_code="W01").update(status="retired")
    for is_open, refused in [(True, set()), (False, {"quiz_cannot_be_sat"})]:
        Course.objects.filter(code="W01").update(is_open=is_open)
        found = editions.blockers(page=live, outline=outlines.of_page(live, outlines.live_lessons(live)), county=cast.county)
        assert {one.code for one in found} == refused


def test_an_exam_draws_from_its_own_papers_and_stops_no_course(cast):
    Quiz.objects.create(county=cast.county, key="exam", title="考试", course_code="P05", is_exam=True)

    assert make_course(cast.county, code="P05", lessons=1, quiz_key="exam", pass_rule="quiz").current


def test_who_retires_the_questions_of_a_live_quiz_is_told_which_course_nobody_can_pass(cast, quiz, trainer):
    page = retire(trainer, *[f"P01-{number}" for number in range(1, 7)])

    assert NOBODY in page.text and "课程P01" in page.text and quiz.title in page.text


def test_nothing_is_said_where_the_quiz_goes_on_or_no_course_asks_for_it(cast, quiz, trainer):
    Question.objects.filter(code="P01-1").update(course_code="P77")
    Question.objects.create(
        county=cast.county,
        code="P01-9",
        course_code="P01",
        kind="single",
        stem="再问？",
        content={},
        key=["A"],
        status="reviewed",
        mark="V",
    )

    assert NOBODY not in retire(trainer, "P01-1").text


def test_a_change_of_one_question_that_starves_a_live_quiz_says_so_too(cast, quiz):
    question = Question.objects.get(code="P01-3")
    Question.objects.filter(pk=question.pk).update(source_until=clock.today() - timedelta(days=1))

    [said] = readiness.shaken_by([question], at=clock.now())

    assert NOBODY in said and "课程P01" in said


def test_the_start_page_of_the_authoring_side_names_quizzes_that_nobody_can_begin(cast, quiz, trainer, sign_in):
    assert NOBODY not in trainer.get("/admin/").text
    Question.objects.filter(code="P01-3").update(source_until=clock.today() - timedelta(days=1))

    assert "课程P01" in trainer.get("/admin/").text and NOBODY in trainer.get("/admin/").text


def test_so_does_the_state_of_the_system_of_ones_own_county(cast, quiz, sign_in):
    client = sign_in(cast.admin)
    assert NOBODY not in client.get(reverse("system")).text
    Question.objects.filter(code="P01-3").update(status="retired")

    assert "课程P01" in client.get(reverse("system")).text
    Course.objects.update(is_open=False)
    assert NOBODY not in client.get(reverse("system")).text


def test_looking_takes_the_same_queries_for_many_quizzes(cast, quiz, django_assert_num_queries):
    Question.objects.filter(code="P01-3").update(status="retired")
    for number in range(3):
        make_course(cast.county, code=f"X{number}", lessons=1, quiz_key=f"x{number}", pass_rule="quiz")
        Question.objects.filter(course_code=f"X{number}").update(status="retired")

    with django_assert_num_queries(5):
        assert len(readiness.unserved(Course.objects.all())) == 4


def test_looking_takes_the_same_queries_for_many_quizzes_with_a_ceiling_on_uses(cast, quiz, django_assert_num_queries):
    for number in range(3):
        make_course(cast.county, code=f"X{number}", lessons=1, quiz_key=f"x{number}", pass_rule="quiz")
        Question.objects.filter(course_code=f"X{number}").update(status="retired")
    Quiz.objects.update(most_uses=1)
    Question.objects.filter(code="P01-3").update(status="retired")

    with django_assert_num_queries(5 + 2):
        assert len(readiness.unserved(Course.objects.all())) == 4
    with django_assert_num_queries(5):  # counted once a minute
        assert len(readiness.unserved(Course.objects.all())) == 4


def test_a_quiz_whose_questions_are_used_up_is_named_and_each_quiz_has_its_own_ceiling(cast, quiz):
    exam = quizzes.copy(quiz=quiz, by=cast.trainer, at=NOON)
    sitting = sitting_of(exam, cast.learner, opens_at=NOON)
    Quiz.objects.filter(pk=quiz.pk).update(most_uses=2)
    twice = quizzes.copy(quiz=quiz, by=cast.trainer, at=NOON)
    make_course(cast.county, code="X1", lessons=1, quiz_key=twice.key, pass_rule="quiz")
    Quiz.objects.filter(pk=quiz.pk).update(most_uses=1)
    assert readiness.unserved(Course.objects.all()) == []

    sittings.enter(person=cast.learner, sitting=sitting, at=NOON)

    assert readiness.unserved(Course.objects.all()) == [], "counted a moment ago"
    assert [one.quiz for one in readiness.unserved(Course.objects.all(), fresh=True)] == [quiz]
    assert len(readiness.shaken_by([Question.objects.get(code="P01-3")], at=NOON)) == 1
