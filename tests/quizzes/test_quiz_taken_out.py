"""A submission that takes a course's test away: trainer and reviewer read it before and after the approval."""

import pytest
from django.urls import reverse
from wagtail.models import Page

from courses.models import Course, CoursePage
from courses.services import catalogues
from tests.counties import make_quiz
from tests.courses.test_authoring import course_post, edit, lesson_post
from tests.courses.test_review import act, approving, lessons_of, stored, submit, write

LOST, BARE = "课程不再有测试“结业测试”", "此后课程没有任何测试"
TEXT, QUIZ = {"type": "text", "value": "<p>安全生产</p>"}, {"type": "quiz", "value": "w01-final"}


@pytest.fixture
def live(cast, sign_in):
    """A published course whose second lesson embeds its only quiz."""
    catalogue = catalogues.open_catalogue(county=cast.county)
    make_quiz(cast, "w01-final", "W01")
    page = write(sign_in(cast.trainer), catalogue)
    stored(lessons_of(page)[1], [TEXT, QUIZ], cast.trainer)
    submit(sign_in(cast.trainer), page)
    act(sign_in(cast.reviewer), page)
    assert Course.objects.get(code="W01").current.requirements.filter(kind="quiz").exists()
    return CoursePage.objects.get(pk=page.pk)


def window(client, page):
    page = Page.objects.get(pk=page.pk)
    address = reverse("wagtailadmin_pages:collect_workflow_action_data", args=[page.pk, "approve", page.current_workflow_task_state.pk])
    return client.get(address).json()["html"]


def submitted_without_quiz(client, lesson):
    """The lesson, submitted by its form without the block of the quiz; the page that follows."""
    page = edit(client, lesson, lesson_post(title=lesson.title, slug=lesson.slug, **{"action-submit": "1"}))
    assert page.status_code == 302
    return client.get(page.url)


def test_who_submits_a_lesson_without_its_quiz_and_who_approves_it_read_what_the_course_loses(cast, live, sign_in):
    lesson = lessons_of(live)[1]

    assert LOST in submitted_without_quiz(sign_in(cast.trainer), lesson).text

    client = sign_in(cast.reviewer)
    shown = window(client, lesson)
    assert LOST in shown and BARE in shown and "→" in shown and "课程学时" in shown
    after = client.get(act(client, lesson).url).text
    assert LOST in after and BARE in after
    assert not Course.objects.get(code="W01").current.requirements.filter(kind="quiz").exists()


def test_a_whole_course_that_is_submitted_is_compared_with_its_edition(cast, live, sign_in):
    stored(lessons_of(live)[1], [TEXT], cast.trainer)
    client = sign_in(cast.trainer)
    answer = edit(client, live, course_post(**{"action-submit": "1"}))

    assert LOST in client.get(answer.url).text
    reviewer = sign_in(cast.reviewer)
    assert LOST in window(reviewer, live)
    page = reviewer.post(reverse("wagtailadmin_pages:edit", args=[live.pk]), approving(live), follow=True)
    assert LOST in page.text


def test_nothing_is_said_where_no_test_changes(cast, live, sign_in):
    client = sign_in(cast.trainer)
    answer = edit(client, live, course_post(**{"title": "新的名称", "action-submit": "1"}))

    assert "审核通过后" not in client.get(answer.url).text and "审核通过后" not in window(sign_in(cast.reviewer), live)


def test_a_quiz_that_takes_anothers_place_is_named_with_it(cast, live, sign_in):
    make_quiz(cast, "w01-second", "W01", title="新测试")
    stored(lessons_of(live)[1], [TEXT, {"type": "quiz", "value": "w01-second"}], cast.trainer)
    edit(sign_in(cast.trainer), live, course_post(**{"action-submit": "1"}))

    shown = window(sign_in(cast.reviewer), live)
    assert LOST in shown and "课程要求通过测试" in shown and BARE not in shown and "课程学时" not in shown


def test_the_course_page_speaks_of_no_test_where_there_is_none(cast, live, sign_in):
    course = Course.objects.get(code="W01")
    client = sign_in(cast.learner)
    assert "全部测试" in client.get(reverse("course", args=[course.pk])).text
    lesson = lessons_of(live)[1]
    submitted_without_quiz(sign_in(cast.trainer), lesson)
    act(sign_in(cast.reviewer), lesson)

    page = client.get(reverse("course", args=[course.pk])).text
    assert "学完全部课节" in page and "全部测试" not in page
