"""A quiz in a lesson under review: what decides a pass stays as the reviewer reads it."""

import pytest
from django.urls import reverse
from wagtail.models import Page

from courses.models import LessonPage
from courses.services import catalogues, reviews
from quizzes.models import Quiz
from tests.counties import make_quiz
from tests.courses.test_authoring import add, lesson_post
from tests.courses.test_review import act, lessons_of, stored, submit, write
from tests.forms import typed_in


@pytest.fixture
def catalogue(cast):
    return catalogues.open_catalogue(county=cast.county)


@pytest.fixture
def with_quiz(cast, catalogue, sign_in):
    """A course whose second lesson embeds a quiz; nothing of it submitted."""
    make_quiz(cast, "w01-final", "W01")
    page = write(sign_in(cast.trainer), catalogue)
    stored(lessons_of(page)[1], [{"type": "text", "value": "<p>安全生产</p>"}, {"type": "quiz", "value": "w01-final"}], cast.trainer)
    return page


def change_pass_mark(client, percent):
    quiz = Quiz.objects.get(key="w01-final")
    form = client.get(reverse("quizzes:edit", args=[quiz.pk]))
    return client.post(reverse("quizzes:edit", args=[quiz.pk]), typed_in(form, holding="pass_percent", pass_percent=percent))


def test_what_decides_a_pass_stays_as_the_reviewer_reads_it(cast, with_quiz, sign_in):
    client = sign_in(cast.trainer)
    assert change_pass_mark(client, 70).status_code == 302
    page = submit(client, with_quiz)

    refused = change_pass_mark(client, 1)
    assert refused.status_code == 200 and "写出来的课”正连同本测试送审" in refused.text
    assert Quiz.objects.get(key="w01-final").pass_percent == 70

    Page.objects.get(pk=page.pk).current_workflow_state.cancel(user=cast.trainer)
    assert change_pass_mark(client, 75).status_code == 302


def test_the_reviewer_reads_the_terms_of_the_quiz_before_approving(cast, with_quiz, sign_in):
    page = submit(sign_in(cast.trainer), with_quiz)
    client, terms = sign_in(cast.reviewer), "合格线 80 %"
    window = client.get(
        reverse("wagtailadmin_pages:workflow_action", args=[page.pk, "approve", page.current_workflow_task_state.pk])
    ).json()
    assert terms in window["html"]
    for each in (page, lessons_of(page)[1]):
        assert terms in client.get(reverse("wagtailadmin_pages:view_draft", args=[each.pk])).text


def test_the_quiz_of_a_lesson_that_was_approved_before_its_course_stays_as_it_is_too(cast, with_quiz, sign_in):
    lesson = lessons_of(with_quiz)[1]
    lesson.get_workflow().start(lesson, cast.trainer)
    assert act(sign_in(cast.reviewer), lesson).status_code == 302
    assert LessonPage.objects.get(pk=lesson.pk).live
    page = submit(sign_in(cast.trainer), with_quiz)

    refused = change_pass_mark(sign_in(cast.trainer), 1)

    assert refused.status_code == 200 and "正连同本测试送审" in refused.text
    assert Quiz.objects.get(key="w01-final").pass_percent == 80
    client, task = sign_in(cast.reviewer), page.current_workflow_task_state
    window = client.get(reverse("wagtailadmin_pages:workflow_action", args=[page.pk, "approve", task.pk])).json()
    assert "合格线 80 %" in window["html"]


def test_whether_a_quiz_is_under_review_takes_the_same_queries_however_many_lessons(
    cast, with_quiz, sign_in, django_assert_max_num_queries
):
    client = sign_in(cast.trainer)
    for number in range(3, 7):
        add(client, "lessonpage", with_quiz, lesson_post(title=f"第{number}节", slug=f"l{number}"))
    submit(client, with_quiz)
    with django_assert_max_num_queries(4):
        assert reviews.under_review_with("w01-final") == "写出来的课"
    assert reviews.under_review_with("another") is None
