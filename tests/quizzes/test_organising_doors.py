"""HR's pages to sittings: who gets in, what they do, what they refuse."""

import io
from datetime import timedelta

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from core import clock
from people.models import ReadingOfOthers, Role
from quizzes.models import Allowance, Candidate, Sitting, Submission
from quizzes.services import attempts, sittings
from quizzes.templatetags.exam_words import until
from tests.cast import EVERYBODY, NOON, grant, person
from tests.factories import make_course
from tests.quizzes.exams import HOUR, MINUTE, make_sitting

ORGANISERS = {"hr", "admin"}
PAGES = ["sitting_manage", "sitting_edit", "sitting_candidates", "candidates_add", "candidates_export", "sitting_rooms"]
PAGES += ["sitting_invigilators", "sitting_allowances"]
ACTS = ["sitting_edit", "sitting_act", "sitting_candidates", "candidates_add", "candidates_put", "sitting_rooms"]
ACTS += ["sitting_invigilators", "sitting_allowances"]


@pytest.fixture
def sitting(cast, quiz):
    return make_sitting(cast, quiz)


@pytest.fixture
def draft(cast, quiz):
    return make_sitting(cast, quiz, published=False)


@pytest.fixture
def hr(cast, sign_in):
    return sign_in(cast.hr)


def typed(moment) -> str:
    return clock.local(moment).strftime("%Y-%m-%dT%H:%M")


def terms(quiz, **changes) -> dict:
    opens_at = clock.now() + 2 * HOUR
    facts = {
        "quiz": quiz.pk,
        "title": "补考",
        "opens_at": typed(opens_at),
        "closes_at": typed(opens_at + HOUR),
        "late_entry_minutes": 15,
        "grace_seconds": 30,
        "stagger_seconds": 0,
        "results": "closed",
        "is_listed": "on",
    }
    return facts | changes


# ---- the cast on every door ----------------------------------------------------------------


@pytest.mark.parametrize("who", EVERYBODY)
def test_sittings_are_set_up_by_hr_and_administrators_of_their_county(cast, sitting, sign_in, who):
    client = sign_in(getattr(cast, who))
    expected = 200 if who in ORGANISERS else 404
    for name in PAGES:
        assert client.get(reverse(name, args=[sitting.pk])).status_code == expected, name
    for name in ("sittings_manage", "sitting_new"):
        assert client.get(reverse(name)).status_code == (200 if who in {*ORGANISERS, "other_hr"} else 403), name


@pytest.mark.parametrize("door", ["sitting_candidates", "sitting_invigilators", "sitting_allowances", "sitting_watch", "sitting_sheets"])
def test_a_nul_in_what_is_looked_for_is_no_accident(sitting, hr, door):
    assert hr.get(reverse(door, args=[sitting.pk]) + "?q=%00&room=%00&state=%00").status_code in (200, 302, 404)


@pytest.mark.parametrize("who", [name for name in EVERYBODY if name not in ORGANISERS])
def test_nobody_else_changes_a_sitting(cast, sitting, quiz, sign_in, who):
    client = sign_in(getattr(cast, who))
    before = sittings.terms_of(Sitting.objects.get())
    posted = terms(quiz) | {"act": "withdraw", "person": cast.trainer.pk, "extra_minutes": 5, "extra_attempts": 0, "reason": "x"}
    posted |= {"source": "list", "list-text": "YA10003", "rows": "YA10003", "seen": "", "places": 3, "order": "unit", "who": "all"}
    for name in ACTS:
        assert client.post(reverse(name, args=[sitting.pk]), posted).status_code == 404, name
    client.post(reverse("sitting_new"), posted)
    assert sittings.terms_of(Sitting.objects.get()) == before and not Sitting.objects.get().is_draft
    assert list(sitting.invigilators.all()) == [cast.liaison] and Candidate.objects.count() == 2 and not Allowance.objects.exists()


def test_hr_of_a_part_of_the_county_sets_up_nothing(cast, sitting, sign_in):
    grant(cast.colleague, Role.HR, cast.bureau)
    client = sign_in(cast.colleague)
    page = client.get(reverse("sittings_manage"))
    assert page.status_code == 200 and "年度考试" not in page.text and reverse("sitting_new") not in page.text
    assert client.get(reverse("sitting_manage", args=[sitting.pk])).status_code == 404


def test_signed_out_people_go_to_the_sign_in(client, sitting):
    for name in PAGES:
        assert "/login/" in client.get(reverse(name, args=[sitting.pk])).url
    assert "/login/" in client.get(reverse("sittings_manage")).url


def test_another_countys_exam_is_not_offered_nor_taken(cast, sitting, quiz, sign_in):
    client = sign_in(cast.other_hr)
    assert "年度考试" not in client.get(reverse("sittings_manage")).text
    assert client.post(reverse("sitting_new"), terms(quiz)).status_code == 422 and Sitting.objects.count() == 1


# ---- setting up ----------------------------------------------------------------------------


def test_hr_sets_up_a_sitting_from_nothing_to_published(cast, quiz, hr):
    quiz.is_exam = True
    quiz.save()
    made = hr.post(reverse("sitting_new"), terms(quiz))
    sitting = Sitting.objects.get()
    assert made.url == reverse("sitting_candidates", args=[sitting.pk]) and sitting.is_draft
    assert "名单上还没有考生" in hr.get(reverse("sitting_manage", args=[sitting.pk])).text

    plan = hr.post(reverse("candidates_add", args=[sitting.pk]), {"source": "unit", "unit-unit": cast.section.pk, "unit-duties": ["staff"]})
    assert "张小明" in plan.text and "李云" in plan.text and not Candidate.objects.exists()
    hr.post(reverse("candidates_put", args=[sitting.pk]), carried_on(plan))
    assert set(Candidate.objects.values_list("person__name", flat=True)) == {"张小明", "李云"}

    hr.post(reverse("sitting_rooms", args=[sitting.pk]), {"places": 1, "names": "大会议室", "order": "unit", "who": "all"})
    assert set(Candidate.objects.values_list("room", "seat")) == {("大会议室", "01"), ("第2考场", "01")}
    hr.post(reverse("sitting_invigilators", args=[sitting.pk]), {"person": cast.trainer.pk, "act": "appoint"})
    hr.post(reverse("sitting_act", args=[sitting.pk]), {"act": "publish"})

    sitting.refresh_from_db()
    assert not sitting.is_draft and list(sitting.invigilators.all()) == [cast.trainer]


def carried_on(page) -> dict:
    """What the plan page's form carries on."""
    from html import unescape
    from re import DOTALL, search

    return {
        "act": "put",
        "seen": search(r'name="seen" value="(\w+)"', page.text)[1],
        "rows": unescape(search(r"<textarea name=\"rows\" hidden>\n(.*?)</textarea>", page.text, DOTALL)[1]),
    }


def test_contradictions_come_back_in_words_with_what_was_typed(hr, sitting, quiz):
    now = clock.now()
    page = hr.post(reverse("sitting_new"), terms(quiz, closes_at=typed(now + HOUR), title="晚上的补考"))
    assert page.status_code == 422 and "结束时间不能早于或等于开始时间" in page.text and "晚上的补考" in page.text
    assert "sitting_closes_after" not in page.text  # no name of a constraint
    page = hr.post(reverse("sitting_new"), terms(quiz, opens_at="2026-02-30T09:00"))
    assert page.status_code == 422 and Sitting.objects.count() == 1


def test_what_is_fixed_cannot_be_typed_once_somebody_began(cast, quiz, sign_in):
    sitting = make_sitting(cast, quiz, opens_at=clock.now() - MINUTE)
    sittings.enter(person=cast.learner, sitting=sitting, at=clock.now())
    client = sign_in(cast.hr)
    page = client.get(reverse("sitting_edit", args=[sitting.pk]))
    assert "已有人开始作答" in page.text and page.text.count("disabled") >= 6

    client.post(reverse("sitting_edit", args=[sitting.pk]), terms(quiz, title="改名"))

    now = Sitting.objects.get()
    assert now.title == "改名" and now.opens_at == sitting.opens_at and now.is_listed


def test_a_refusal_to_publish_is_said_on_the_page(hr, draft):
    Candidate.objects.all().delete()
    page = hr.post(reverse("sitting_act", args=[draft.pk]), {"act": "publish"}, follow=True)
    assert "名单上还没有考生" in page.text and Sitting.objects.get().is_draft


def test_candidates_without_a_course_that_comes_first_are_named_beforehand(cast, hr, draft):
    from tests.factories import make_course

    make_course(cast.county, code="T01")

    make_course(cast.county, code="P01", lessons=1, quiz_key="p01-final", pass_rule="quiz", prerequisites=["T01"])

    page = hr.get(reverse("sitting_manage", args=[draft.pk]))

    assert "2名考生尚未完成先修课程" in page.text and "张小明（YA10001）" in page.text


# ---- the list ------------------------------------------------------------------------------


def test_a_workbook_with_bad_rows_is_previewed_and_its_refused_rows_come_back(hr, draft):
    book = openpyxl.Workbook()
    for line in [["工号", "考场", "座位"], ["YA10003", "二号考场", "01"], ["YA99999", "二号考场", "02"], ["YA10004", "一号考场", "01"]]:
        book.active.append(line)
    file = io.BytesIO()
    book.save(file)
    upload = SimpleUploadedFile("list.xlsx", file.getvalue())
    plan = hr.post(reverse("candidates_add", args=[draft.pk]), {"source": "list", "list-file": upload})
    assert "YA99999" in plan.text and "已有人" in plan.text and Candidate.objects.count() == 2

    refused = hr.post(reverse("candidates_put", args=[draft.pk]), carried_on(plan) | {"act": "refused"})
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(refused.streaming_content))).active
    assert [row[0].value for row in sheet.rows] == ["工号", "YA99999", "YA10004"]

    again = hr.post(reverse("candidates_put", args=[draft.pk]), carried_on(plan))
    assert again.status_code == 422 and Candidate.objects.count() == 2
    hr.post(reverse("candidates_put", args=[draft.pk]), carried_on(plan) | {"skip": "yes"})
    assert Candidate.objects.get(person__employee_number="YA10003").seat == "01" and Candidate.objects.count() == 3


@pytest.mark.parametrize("given", [{}, {"list-text": "  "}, {"list-text": "YA10003", "list-file": SimpleUploadedFile("a.csv", b"x")}])
def test_a_list_is_pasted_or_uploaded(hr, draft, given):
    page = hr.post(reverse("candidates_add", args=[draft.pk]), {"source": "list"} | given)
    assert page.status_code == 422 and "请粘贴名单或选择文件" in page.text


def test_hostile_files_are_refused_with_a_reason(hr, draft):
    for content in (b"", b"\x00\x01\x02", b"PK\x03\x04 no archive", "姓名\n张小明".encode()):
        file = SimpleUploadedFile("list.xlsx", content)
        page = hr.post(reverse("candidates_add", args=[draft.pk]), {"source": "list", "list-file": file})
        assert page.status_code == 422 and "error-summary" in page.text


def test_a_plan_that_changed_meanwhile_is_shown_anew(hr, cast, draft):
    plan = hr.post(reverse("candidates_add", args=[draft.pk]), {"source": "list", "list-text": "YA10003"})
    Candidate.objects.create(sitting=draft, person=cast.own_leader)
    page = hr.post(reverse("candidates_put", args=[draft.pk]), carried_on(plan))
    assert page.status_code == 422 and "预览之后有变动" in page.text and Candidate.objects.count() == 3


def test_seats_are_written_by_hand_and_a_taken_one_stays_typed(hr, sitting):
    first, second = Candidate.objects.order_by("pk")
    typed_in = {"act": "seat", "candidate": [first.pk, second.pk], f"room-{first.pk}": "一号考场", f"seat-{first.pk}": "09"}
    wrong = typed_in | {f"room-{second.pk}": "一号考场", f"seat-{second.pk}": "09"}
    page = hr.post(reverse("sitting_candidates", args=[sitting.pk]), wrong)
    assert page.status_code == 422 and page.text.count('value="09"') == 2
    right = typed_in | {f"room-{second.pk}": "二号考场", f"seat-{second.pk}": "01"}
    hr.post(reverse("sitting_candidates", args=[sitting.pk]), right)
    assert dict(Candidate.objects.values_list("room", "seat")) == {"一号考场": "09", "二号考场": "01"}


def test_the_list_is_found_by_name_and_room_and_exported(hr, sitting):
    page = hr.get(reverse("sitting_candidates", args=[sitting.pk]), {"q": "小明"})
    assert "张小明" in page.text and "李云" not in page.text
    assert "李云" not in hr.get(reverse("sitting_candidates", args=[sitting.pk]), {"room": "-"}).text
    export = hr.get(reverse("candidates_export", args=[sitting.pk]))
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(export.streaming_content))).active
    assert [cell.value for cell in sheet[2]][:4] == ["一号考场", "01", "YA10001", "张小明"]
    kinds = list(ReadingOfOthers.objects.order_by("pk").values_list("kind", "what"))
    assert kinds == [("read", "exam candidates")] * 2 + [("export", "exam candidates xlsx")]


def test_the_list_does_not_grow_in_queries(cast, hr, draft, django_assert_max_num_queries):
    for number in range(60):
        Candidate.objects.create(sitting=draft, person=person(f"YA3{number:04d}", f"考生{number}", cast.section))
    with django_assert_max_num_queries(15):
        hr.get(reverse("sitting_candidates", args=[draft.pk]))


# ---- invigilators, allowances --------------------------------------------------------------


def test_invigilators_are_found_and_dismissed(hr, cast, sitting):
    page = hr.get(reverse("sitting_invigilators", args=[sitting.pk]), {"q": "周"})
    assert "周讲" in page.text and "褚路人" not in page.text
    hr.post(reverse("sitting_invigilators", args=[sitting.pk]), {"person": cast.liaison.pk, "act": "dismiss"})
    assert not sitting.invigilators.exists()
    assert hr.post(reverse("sitting_invigilators", args=[sitting.pk]), {"person": cast.stranger.pk, "act": "appoint"}).status_code == 404


def test_time_is_given_beforehand_with_a_reason(hr, cast, sitting):
    url = reverse("sitting_allowances", args=[sitting.pk])
    posted = {"person": cast.learner.pk, "extra_minutes": 15, "extra_attempts": 0, "reason": ""}
    assert hr.post(url, posted).status_code == 422 and not Allowance.objects.exists()
    page = hr.post(url, posted | {"reason": "视力障碍"}, follow=True)
    assert "视力障碍" in page.text and Allowance.objects.get().extra_minutes == 15
    assert hr.get(url, {"person": cast.own_leader.pk}).status_code == 404  # not on the list


def test_hr_gives_a_learner_another_attempt_at_a_quiz_of_a_course(cast, quiz, enrolment, sign_in):
    for number in range(3):
        made = attempts.start(person=cast.learner, quiz=quiz, at=clock.now())
        attempts.submit(attempt=made, cause=Submission.Cause.LEARNER, at=clock.now())
    refusal = sign_in(cast.learner).get(reverse("quiz", args=[quiz.key])).text
    assert "人事" in refusal
    hr = sign_in(cast.hr)
    url = reverse("person_attempts", args=[cast.learner.pk])
    assert url in hr.get(reverse("person", args=[cast.learner.pk])).text
    assert "次数已用完" in hr.get(url).text

    hr.post(url, {"quiz": quiz.pk, "extra_attempts": 1, "extra_minutes": 0, "reason": "考试当天停电"})

    assert attempts.standing(person=cast.learner, quiz=quiz, at=clock.now()).left == 1
    assert "考试当天停电" in hr.get(url).text
    assert ReadingOfOthers.objects.filter(what="quiz attempts", subject=cast.learner).exists()


@pytest.mark.parametrize("who", EVERYBODY)
def test_attempts_are_given_by_hr_of_the_person_alone(cast, quiz, enrolment, sign_in, who):
    client = sign_in(getattr(cast, who))
    url = reverse("person_attempts", args=[cast.learner.pk])
    expected = {"hr": 200, "other_hr": 404}.get(who, 403)
    assert client.get(url).status_code == expected
    if who != "hr":
        client.post(url, {"quiz": quiz.pk, "extra_attempts": 1, "extra_minutes": 0, "reason": "x"})
        assert not Allowance.objects.exists()


def test_hr_gives_nothing_to_themselves(cast, quiz, sign_in):
    from courses.models import Course
    from courses.services import enrolments

    enrolments.enrol(person=cast.hr, course=Course.objects.get(code="P01"), at=clock.now())
    url = reverse("person_attempts", args=[cast.hr.pk])
    client = sign_in(cast.hr)
    assert '<form method="post" novalidate' not in client.get(url).text
    page = client.post(url, {"quiz": quiz.pk, "extra_attempts": 1, "extra_minutes": 0, "reason": "x"})
    assert page.status_code == 422 and not Allowance.objects.exists()


def test_a_window_names_the_day_of_its_end_only_where_it_is_another_one():
    assert until(NOON, NOON + HOUR) == "2026-06-15 12:00 – 13:00"
    assert until(NOON, NOON + timedelta(days=14)) == "2026-06-15 12:00 – 06-29 12:00"


def test_an_exam_that_no_course_asks_for_is_named_where_it_is_set_up(cast, quiz, hr, sitting):
    address = reverse("sitting_manage", args=[sitting.pk])
    assert "没有课程要求通过" not in hr.get(address).text

    make_course(cast.county, code="P01", lessons=1, quiz_key=None, pass_rule="lessons")

    assert "没有课程要求通过" in hr.get(address).text


def test_people_who_are_listed_to_be_chosen_from_are_traced(cast, hr, sitting):
    hr.post(reverse("candidates_add", args=[sitting.pk]), {"source": "unit", "unit-unit": cast.bureau.pk, "unit-duties": []})
    hr.get(reverse("sitting_invigilators", args=[sitting.pk]), {"q": "YA1000"})
    hr.get(reverse("sitting_invigilators", args=[sitting.pk]))
    traces = ReadingOfOthers.objects.filter(reader=cast.hr, unit=cast.county).order_by("pk")
    assert [one.what for one in traces] == ["plan of candidates", "people to appoint"]
    assert traces[0].rows and traces[1].rows > 1 and traces[1].filters == {"sitting": sitting.pk, "q": "YA1000"}
