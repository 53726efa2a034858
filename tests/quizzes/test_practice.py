"""Practice: feedback at once, nothing recorded, and nothing that an exam or an open quiz asks."""

import pytest
from django.urls import reverse

from core.errors import Refused
from courses.models import Course
from quizzes import practice
from quizzes.models import Answer, Attempt, Question, Submission
from quizzes.services import attempts
from tests.cast import NOON


@pytest.fixture
def course(quiz):
    return Course.objects.get(code="P01")


def ask(cast, course, recent=()):
    return practice.ask(person=cast.learner, course=course, recent=list(recent), at=NOON)


def test_every_kind_is_asked_and_marked_as_in_a_quiz(cast, course):
    seen = set()
    for _turn in range(6):
        asked = ask(cast, course, seen)
        seen.add(asked.question.pk)
        kind = asked.question.item_kind
        again = practice.again(person=cast.learner, course=course, word=asked.word, at=NOON)
        assert again.shown == asked.shown
        assert practice.feedback(again, kind.right(asked.shown, asked.key)).share == 1
        assert practice.feedback(again, kind.wrong(asked.shown, asked.key)).share < 1
    assert len(seen) == 6  # nothing twice while there is something new


def test_the_page_holds_nothing_of_the_key_before_the_answer(sign_in, cast, course):
    page = sign_in(cast.learner).get(reverse("practice", args=[course.pk]))
    assert page.status_code == 200 and "见条例原文" not in page.text and "解析" not in page.text


def test_an_answer_gets_its_explanation_and_leaves_no_record(sign_in, cast, course):
    client = sign_in(cast.learner)
    asked = client.get(reverse("practice", args=[course.pk])).context["asked"]
    page = client.post(reverse("practice", args=[course.pk]), {"word": asked.word})
    assert page.status_code == 200 and "见条例原文" in page.text
    Question.objects.filter(pk=asked.question.pk).update(mark="S")
    assert "使用前请核对原文" in client.post(reverse("practice", args=[course.pk]), {"word": asked.word}).text
    assert not Attempt.objects.exists() and not Answer.objects.exists()


def test_what_is_for_exams_is_never_asked(cast, course):
    Question.objects.exclude(code="P01-3").update(is_reserved=True)
    assert {ask(cast, course).question.code for _turn in range(10)} == {"P01-3"}
    Question.objects.update(is_reserved=True)
    assert ask(cast, course) is None


def test_a_word_for_a_question_that_was_reserved_or_changed_since_is_refused(cast, course):
    asked = ask(cast, course)
    for change in ({"is_reserved": True}, {"is_reserved": False, "version": 9}):
        Question.objects.filter(pk=asked.question.pk).update(**change)
        with pytest.raises(Refused) as refused:
            practice.again(person=cast.learner, course=course, word=asked.word, at=NOON)
        assert refused.value.code == "gone"


@pytest.mark.parametrize("word", ["", "x", "WzEsMSwiYSJd:1abc:def"])
def test_a_forged_word_is_refused(sign_in, cast, course, word):
    page = sign_in(cast.learner).post(reverse("practice", args=[course.pk]), {"word": word})
    assert page.status_code == 409 and "解析" not in page.text


def test_nobody_practises_while_a_quiz_of_the_course_is_open(cast, course, attempt):
    asked_before = Question.objects.first()
    with pytest.raises(Refused) as refused:
        ask(cast, course)
    assert refused.value.code == "quiz_open" and asked_before
    attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=NOON)
    assert ask(cast, course) is not None


def test_another_countys_course_is_not_found(sign_in, cast, course):
    assert sign_in(cast.stranger).get(reverse("practice", args=[course.pk])).status_code == 404
