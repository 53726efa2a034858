"""The learner's pages: who may open them, what they say, how many queries they take."""

import uuid
from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from wagtail.blocks import StructBlockValidationError

from core import clock
from courses.models import Completion, Course, Edition, EditionLesson, Enrolment, LessonPage, LessonPlace, RequirementMet
from courses.models.course import Line
from courses.services import authoring, catalogues, completions, enrolments
from tests.factories import TEXT, complete, make_course, meet_all


@pytest.fixture
def course(cast):
    return make_course(cast.county, quiz_key="p01-final")


@pytest.fixture
def enrolment(cast, course):
    return enrolments.enrol(person=cast.learner, course=course, at=clock.now())


def doors(course):
    slug = course.current.lessons.first().slug
    return {
        "course": reverse("course", args=[course.pk]),
        "course_enrol": reverse("course_enrol", args=[course.pk]),
        "lesson": reverse("lesson", args=[course.pk, slug]),
        "lesson_finish": reverse("lesson_finish", args=[course.pk, slug]),
        "lesson_place": reverse("lesson_place", args=[course.pk, slug]),
    }


# who may


def test_every_door_asks_to_sign_in(client, course):
    for address in [reverse("course_list"), *doors(course).values()]:
        assert client.get(address).status_code == 302, address
        assert "/accounts/login/" in client.get(address)["Location"] or "login" in client.get(address)["Location"]


def test_a_course_of_the_county_is_open_to_all_its_staff(cast, course, sign_in):
    for person in cast.people:
        status = sign_in(person).get(doors(course)["course"]).status_code
        expected = 404 if person in (cast.stranger, cast.other_hr) else 200
        assert status == expected, person


def test_a_stranger_meets_404_at_every_door_of_an_unshared_course(cast, course, sign_in):
    client = sign_in(cast.stranger)
    for name, address in doors(course).items():
        answer = client.get(address) if name in ("course", "lesson") else client.post(address)
        assert answer.status_code == 404, name
    assert course.current.title not in client.get(reverse("course_list")).text
    assert not Enrolment.objects.exists()


def test_a_stranger_sees_and_takes_a_shared_course(cast, sign_in):
    course = make_course(cast.county, is_shared=True)
    client = sign_in(cast.stranger)
    page = client.get(reverse("course_list"))
    assert course.current.title in page.text
    assert "姚安县" in page.text
    assert "必修" not in page.text.split("course-cards")[1], "another county's duties bind nobody here"
    assert client.post(doors(course)["course_enrol"]).status_code == 302
    assert Enrolment.objects.get().person == cast.stranger


def test_a_colleague_cannot_act_on_my_enrolment(cast, course, enrolment, sign_in):
    client = sign_in(cast.colleague)
    assert client.post(doors(course)["lesson_finish"]).status_code == 404
    assert client.post(doors(course)["lesson_place"], {"position": 2}).status_code == 404
    assert client.get(doors(course)["lesson"]).status_code == 302
    assert not LessonPlace.objects.exists()


def test_reading_with_get_changes_nothing_that_counts(course, enrolment, cast, sign_in):
    client = sign_in(cast.learner)
    assert client.get(doors(course)["lesson_finish"]).status_code == 405
    assert client.get(doors(course)["course_enrol"]).status_code == 302
    assert not RequirementMet.objects.exists()
    assert client.get(reverse("lesson", args=[course.pk, "nowhere"])).status_code == 404


def test_a_forged_form_is_refused(cast, course):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.learner)
    assert client.post(doors(course)["course_enrol"]).status_code == 403


# the way through


def test_a_learner_walks_from_catalogue_to_completion_without_javascript(cast, course, sign_in):
    client = sign_in(cast.learner)
    door = doors(course)
    page = client.get(door["course"])
    assert "开始学习" in page.text or "Begin" in page.text
    began = client.post(door["course_enrol"])
    assert began["Location"] == door["lesson"]
    lesson = client.get(began["Location"])
    assert "安全生产检查结果" in lesson.text
    assert "对，谁制作谁公开。" in lesson.text, "without a script the answers stand in a fold"
    second = client.post(door["lesson_finish"])["Location"]
    assert second == reverse("lesson", args=[course.pk, "lesson-2"])
    assert client.get(second).status_code == 200
    client.post(second + "finish/")
    assert "还差" in client.get(door["course"]).text
    completions.meet(enrolment=Enrolment.objects.get(), kind="quiz", key="p01-final", evidence="attempt:1", score=90, at=clock.now())
    done = client.get(door["course"])
    assert "1.5" in done.text
    assert "已完成" in done.text


def test_a_double_click_on_enrol_and_finish_changes_nothing(cast, course, sign_in):
    client = sign_in(cast.learner)
    for _click in range(2):
        client.post(doors(course)["course_enrol"])
    client.get(doors(course)["lesson"])
    for _click in range(3):
        assert client.post(doors(course)["lesson_finish"]).status_code == 302
    assert Enrolment.objects.count() == 1
    assert RequirementMet.objects.count() == 1


def test_who_lost_the_completion_is_told_so_and_not_that_they_have_it(cast, sign_in):
    course = make_course(cast.county, quiz_key="p01-final", pass_rule="quiz")
    completion = complete(cast.learner, course)
    completions.reverse(completion=completion, by=cast.hr, reason="替考", at=clock.now())
    client, day = sign_in(cast.learner), clock.today(clock.now()).isoformat()
    lessons = [reverse("lesson", args=[course.pk, lesson.slug]) for lesson in course.current.lessons.all()]
    pages = [client.get(address).text for address in lessons]
    told = [*pages, client.post(lessons[-1] + "finish/", follow=True).text]

    for text in told:
        assert f"您的完成记录已于{day}被撤销，请再学一轮。" in text
        assert "完成。" not in text and "不改变已有的完成记录" not in text


def test_who_finishes_a_lesson_again_after_the_completion_is_not_told_so_anew(cast, course, sign_in):
    client = sign_in(cast.learner)
    client.post(doors(course)["course_enrol"])
    for slug in ("lesson-1", "lesson-2"):
        client.get(reverse("lesson", args=[course.pk, slug]))
        client.post(reverse("lesson_finish", args=[course.pk, slug]))
    completions.meet(enrolment=Enrolment.objects.get(), kind="quiz", key="p01-final", evidence="attempt:1", score=90, at=clock.now())
    client.get("/my/")

    assert client.post(doors(course)["lesson_finish"]).url == reverse("lesson", args=[course.pk, "lesson-2"])
    last = client.post(reverse("lesson_finish", args=[course.pk, "lesson-2"]), follow=True).text
    assert "您已完成" not in last and "不改变已有的完成记录" in last


def test_a_refused_beginning_says_why_on_the_page(cast, course, sign_in):
    second = make_course(cast.county, code="P02", prerequisites=["P01"])
    client = sign_in(cast.learner)
    page = client.get(doors(second)["course"])
    assert "P01" in page.text.split("course-side")[1]
    assert doors(second)["course_enrol"] not in page.text
    answer = client.post(doors(second)["course_enrol"])
    assert answer.status_code == 409
    assert "P01" in answer.text


def test_a_closed_course_stays_readable_for_those_who_began(cast, course, enrolment, sign_in):
    Course.objects.filter(pk=course.pk).update(is_open=False)
    assert sign_in(cast.learner).get(doors(course)["lesson"]).status_code == 200
    assert sign_in(cast.colleague).get(doors(course)["course"]).status_code == 404


@pytest.mark.parametrize("door", ["course", "course_list"])
def test_a_closed_course_is_required_of_nobody_and_due_on_no_day(cast, course, enrolment, sign_in, door):
    Course.objects.filter(pk=course.pk).update(due_on=clock.today() + timedelta(days=2))
    address, client = {"course_list": reverse("course_list"), **doors(course)}[door], sign_in(cast.learner)
    assert all(word in client.get(address).text for word in ("course-due", ">必修</span>"))
    Course.objects.filter(pk=course.pk).update(is_open=False)
    page = client.get(address).text
    assert course.code in page and not any(word in page for word in ("course-due", ">必修</span>"))


def test_a_changed_page_shows_to_the_next_learner_and_not_to_the_one_who_began(cast, course, enrolment, sign_in):
    lesson = LessonPage.objects.child_of(course.page).first()
    lesson.title = "全新的第一课"
    lesson.save_revision().publish()
    assert "全新的第一课" not in sign_in(cast.learner).get(doors(course)["course"]).text
    assert "全新的第一课" in sign_in(cast.colleague).get(doors(course)["course"]).text


def test_the_place_is_kept_and_offered_again(cast, course, enrolment, sign_in):
    client = sign_in(cast.learner)
    client.get(doors(course)["lesson"])
    assert client.post(doors(course)["lesson_place"], {"position": "2", "furthest": "60"}).status_code == 204
    assert 'href="#b-2"' in client.get(doors(course)["lesson"]).text
    for nonsense in ("-1", "x", "9" * 30, "²", ""):
        assert client.post(doors(course)["lesson_place"], {"position": nonsense, "furthest": nonsense}).status_code == 204
    assert client.post(doors(course)["lesson_place"], {"furthest": "3", "resumed": "1"}).status_code == 204  # a glance at the top
    place = LessonPlace.objects.get()
    assert (place.position, place.furthest) == (2, 60)
    assert 'href="#b-2"' in client.get(doors(course)["lesson"]).text
    assert LessonPlace.objects.get().seconds <= 5


def test_a_reversed_completion_says_so_and_offers_a_new_round(cast, course, sign_in):
    completions.reverse(completion=complete(cast.learner, course, clock.now()), by=cast.hr, reason="查实代学", at=clock.now())
    client = sign_in(cast.learner)
    Course.objects.filter(pk=course.pk).update(due_on=clock.today() + timedelta(days=2))
    page = client.get(doors(course)["course"]).text
    assert "查实代学" in page and "24:00 前完成" in page, "what is to be done again is due again"
    client.post(doors(course)["course_enrol"])
    assert Enrolment.objects.order_by("-round").first().round == 2


def test_last_years_completion_can_be_renewed(cast, course, sign_in):
    complete(cast.learner, course, clock.now() - timedelta(days=400))
    client = sign_in(cast.learner)
    assert doors(course)["course_enrol"] in client.get(doors(course)["course"]).text
    client.post(doors(course)["course_enrol"])
    assert Enrolment.objects.count() == 2
    assert Completion.objects.count() == 1


# finding


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("安全", True),
        ("全生", True),
        ("生产 P01", True),
        ("p01", True),
        ("公开", True),
        ("税务", False),
        ("'\"%_", False),
        ("公开、P01", True),
    ],
)
def test_search_finds_chinese_inside_words(cast, course, sign_in, query, found):
    page = sign_in(cast.learner).get(reverse("course_list"), {"q": query})
    assert (doors(course)["course"] in page.text) == found


def test_filters_narrow_by_line_need_and_state(cast, course, enrolment, sign_in):
    make_course(cast.county, code="T01", line="theory", required_for=[], elective_for=["staff"])
    client = sign_in(cast.learner)

    def codes(**wanted):
        return [course.code for course in client.get(reverse("course_list"), wanted).context["page"]]

    assert codes() == ["P01", "T01"]
    assert codes(line="theory") == ["T01"]
    assert codes(need="required") == ["P01"]
    assert codes(need="elective") == ["T01"]
    assert codes(state="under_way") == ["P01"]
    assert codes(state="new") == ["T01"]
    assert codes(state="done") == []
    assert codes(line="nonsense", page="x") == ["P01", "T01"]
    meet_all(enrolment, clock.now())
    assert codes(state="done") == ["P01"]


def test_a_due_day_counts_until_24_00_county_time(cast, sign_in):
    course = make_course(cast.county, due_on=clock.today())
    page = sign_in(cast.learner).get(doors(course)["course"])
    assert page.context["due"].days == 0
    assert not page.context["due"].is_over


# hostile text


HOSTILE = (
    '<p onclick="alert(1)">好<script>alert(2)</script><img src=x onerror=alert(3)><iframe src="//evil"></iframe>'
    '<a href="javascript:alert(4)">点</a><a href="//evil.example" onmouseover="x()">链</a></p><style>*{}</style><svg onload=alert(5)>'
)


def test_scripts_in_text_blocks_never_reach_the_learner(cast, sign_in):
    course = authoring.write_course(
        catalogue=catalogues.open_catalogue(county=cast.county),
        code="X01",
        facts={"title": "<b>甲</b>", "summary": "<script>x</script>"},
        by=None,
        at=clock.now(),
        lessons=[
            {
                "slug": "a",
                "title": "<img src=x onerror=alert(1)>",
                "minutes": 5,
                "body": [
                    {"type": "text", "value": HOSTILE + TEXT},
                    {"type": "callout", "value": {"kind": "tip", "title": "<script>1</script>", "body": HOSTILE}},
                    {"type": "clause", "value": {"law": "<script>", "number": "", "article": "", "gist": HOSTILE, "mark": "V"}},
                    {"type": "key_points", "value": [HOSTILE]},
                    {
                        "type": "self_check",
                        "value": {
                            "question": HOSTILE,
                            "options": [
                                {"text": HOSTILE, "correct": True, "feedback": HOSTILE},
                                {"text": "乙", "correct": False, "feedback": ""},
                            ],
                        },
                    },
                    {
                        "type": "table",
                        "value": {"columns": [{"type": "text", "heading": HOSTILE}], "rows": [{"values": [HOSTILE]}], "caption": HOSTILE},
                    },
                ],
            }
        ],
    )
    client = sign_in(cast.learner)
    client.post(doors(course)["course_enrol"])
    article = client.get(doors(course)["lesson"]).text.split("<article")[1].split("</article")[0]
    for evil in ("<script", "<img", "<iframe", "<style", "<svg onload", 'onclick="alert', 'href="javascript'):
        assert evil not in article, evil
    assert "<h2>谁公开</h2>" in article
    assert "<script>x" not in client.get(doors(course)["course"]).text


# speed


def test_no_page_grows_in_queries(cast, sign_in, django_assert_max_num_queries):
    course = make_course(cast.county, quiz_key="p01-final", lessons=5)
    enrolments.enrol(person=cast.learner, course=course, at=clock.now())
    client = sign_in(cast.learner)
    door = doors(course)
    for address in (door["course"], door["lesson"]):
        client.get(address)
        with django_assert_max_num_queries(8):
            client.get(address)
    for number in range(12):
        other = make_course(cast.county, code=f"T{number:02}", lessons=1)
        enrolments.enrol(person=cast.learner, course=other, at=clock.now())
    with django_assert_max_num_queries(9):
        client.get(reverse("course_list"))


def test_the_fourth_line_is_called_by_its_own_word_and_not_by_the_quiz_s(cast, sign_in):
    course = make_course(cast.county, "P01", line="practice")
    client = sign_in(cast.learner)
    page = client.get(reverse("course_list"), {"line": "practice"}).text
    assert '<option value="practice" selected>实务</option>' in page and "实务" in page.partition("course-cards")[2] and "练习" not in page
    assert course.current.get_line_display() == "实务" and Line.PRACTICE.label == "实务"


def test_a_lesson_of_a_newer_edition_leads_to_the_course_and_an_unknown_one_nowhere(cast, course, enrolment, sign_in):
    facts = {field.attname: getattr(course.current, field.attname) for field in Edition._meta.concrete_fields if not field.primary_key}
    newer = Edition.objects.create(**facts | {"number": 2})
    EditionLesson.objects.create(edition=newer, key=uuid.uuid4(), slug="new-one", title="新课节", position=1, minutes=5, body=[])
    Course.objects.filter(pk=course.pk).update(current=newer)
    client = sign_in(cast.learner)
    found = client.get(reverse("lesson", args=[course.pk, "new-one"]), follow=True)
    assert found.redirect_chain == [(reverse("course", args=[course.pk]), 302)] and "更新的版次" in found.text
    assert client.get(reverse("lesson", args=[course.pk, "never-was"])).status_code == 404


def test_a_self_check_without_a_right_option_is_refused():
    from courses.blocks import SelfCheckBlock

    block = SelfCheckBlock()

    def cleaned(*right):
        options = [{"text": f"选项{n}", "correct": n in right, "feedback": ""} for n in range(2)]
        return block.clean(block.to_python({"question": "谁公开？", "options": options}))

    assert cleaned(1)["options"][1]["correct"]
    with pytest.raises(StructBlockValidationError) as refused:
        cleaned()
    assert "options" in refused.value.block_errors


def test_a_self_check_has_a_word_for_right_partly_right_and_wholly_wrong():
    options = [{"text": str(number), "correct": is_right, "feedback": ""} for number, is_right in enumerate([True, True, False])]
    page = render_to_string("courses/blocks/self_check.html", {"value": {"question": "谁？", "options": options}})
    assert 'data-all-right="答对了。"' in page and 'data-partly-right="部分答对。"' in page and 'data-not-right="不对。"' in page


def test_what_was_completed_before_is_not_overdue_in_a_further_round_and_is_found_among_the_completed(cast, client):
    now = clock.now()
    course = make_course(cast.county, at=now - timedelta(days=500), due_on=clock.today(now) - timedelta(days=30))
    complete(cast.learner, course, at=now - timedelta(days=400))
    assert enrolments.enrol(person=cast.learner, course=course, at=now).round == 2
    client.force_login(cast.learner)

    found = client.get(reverse("course_list"), {"state": "done"}).content.decode()
    page = client.get(reverse("course", args=[course.pk])).content.decode()

    assert "课程P01" in found and "is-over" not in found + page
    assert "此前的通过成绩" not in page
