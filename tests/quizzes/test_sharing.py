"""Quizzes and counties: a lesson embeds what is its county's own or asked for by a shared course, nothing else."""

import pytest
from django.urls import reverse

from core import clock
from core.errors import Refused
from courses.models import Course, LessonPage
from courses.services import catalogues
from courses.slots import QUIZZES
from quizzes.models import DrawRule, Question, Quiz
from tests.cast import grant, person
from tests.factories import make_course


@pytest.fixture
def foreign(cast, quiz):
    """A quiz of the other county, asked for by a course there."""
    quiz = Quiz.objects.create(county=cast.other_county, key="x01-final", title="外县测试", course_code="X01")
    asked = {"course_code": "X01", "kind": "judge", "stem": "一律收费。", "content": {}, "key": False, "status": "reviewed", "mark": "V"}
    Question.objects.create(county=cast.other_county, code="X01-1", **asked)
    DrawRule.objects.create(quiz=quiz, kind="judge", count=1)
    make_course(cast.other_county, code="X01", quiz_key="x01-final")
    return quiz


def share(code="X01"):
    Course.objects.filter(code=code).update(is_shared=True)


def test_an_author_chooses_among_the_own_countys_quizzes_and_those_of_shared_courses(cast, foreign):
    assert dict(QUIZZES.choices(cast.county)).keys() == {"p01-final"}
    assert dict(QUIZZES.choices(cast.other_county)).keys() == {"x01-final"}
    share()
    assert dict(QUIZZES.choices(cast.county))["x01-final"].startswith("大姚县")
    Course.objects.filter(code="X01").update(is_open=False)
    assert "x01-final" not in dict(QUIZZES.choices(cast.county)), "withdrawn"


def test_the_lessons_quiz_block_offers_them_and_refuses_a_forged_one(cast, foreign, sign_in):
    lesson = LessonPage.objects.child_of(Course.objects.get(code="P01").page).first()
    client, address = sign_in(cast.trainer), reverse("wagtailadmin_pages:edit", args=[lesson.pk])
    assert "p01-final" in client.get(address).text
    assert "x01-final" not in client.get(address).text
    body = {
        "body-count": "1",
        "body-0-deleted": "",
        "body-0-order": "0",
        "body-0-type": "quiz",
        "body-0-id": "",
        "body-0-value": "x01-final",
    }
    facts = {"title": "甲", "slug": lesson.slug, "minutes": "5", "comments-TOTAL_FORMS": "0", "comments-INITIAL_FORMS": "0"}
    assert "body" in client.post(address, facts | body).context["form"].errors
    share()
    assert client.post(address, facts | body).status_code == 302


def test_an_edition_embeds_no_other_countys_quiz_unless_a_shared_course_asks_for_it(cast, foreign):
    with pytest.raises(Refused) as refusal:
        make_course(cast.county, code="P05", quiz_key="x01-final")
    assert refusal.value.code == "other_county_quiz"
    assert "外县测试" in refusal.value.message
    assert not Course.objects.filter(code="P05").exists()
    share()
    assert make_course(cast.county, code="P05", quiz_key="x01-final").current.requirements.filter(key="x01-final").exists()


def test_learners_keep_a_borrowed_quiz_when_its_county_no_longer_shares_it(cast, foreign):
    share()
    make_course(cast.county, code="P05", quiz_key="x01-final")
    Course.objects.update(is_shared=False)
    assert foreign in Quiz.objects.visible_to(cast.learner)
    assert Quiz.objects.get(key="p01-final") not in Quiz.objects.visible_to(cast.stranger)


def test_the_block_keeps_its_preview(cast, quiz, sign_in):
    """The copied quiz block is still the one that Wagtail's chooser of blocks previews."""
    lesson = LessonPage.objects.child_of(Course.objects.get(code="P01").page).first()
    block = LessonPage.body.field.stream_block.child_blocks["quiz"]
    assert block.definition_prefix in sign_in(cast.trainer).get(reverse("wagtailadmin_pages:edit", args=[lesson.pk])).text


def test_an_author_of_the_other_county_sees_the_other_quizzes(cast, foreign, sign_in):
    author = person("DY20001", "外县教员", cast.other_county)
    grant(author, "trainer", cast.other_county)
    catalogues.sync_members(county=cast.other_county)
    lesson = LessonPage.objects.child_of(Course.objects.get(code="X01").page).last()
    page = sign_in(author).get(reverse("wagtailadmin_pages:edit", args=[lesson.pk])).text
    assert "x01-final" in page and "p01-final" not in page


def test_who_has_begun_a_course_finishes_it_though_it_is_shared_no_more(cast, foreign, sign_in):
    from courses.services import enrolments

    share()
    course = Course.objects.get(code="X01")
    enrolments.enrol(person=cast.learner, course=course, at=clock.now())
    Course.objects.filter(code="X01").update(is_shared=False)

    learner, colleague = sign_in(cast.learner), cast.colleague
    assert learner.get(reverse("quiz", args=["x01-final"])).status_code == 200
    assert course.current.title in learner.get(reverse("my_learning")).text
    assert sign_in(colleague).get(reverse("quiz", args=["x01-final"])).status_code == 404
