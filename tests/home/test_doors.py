"""The doors of this app: who gets in, what they find, how many queries it takes."""

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from core import clock
from courses.services import enrolments, progress
from evaluation.models import LedgerEntry
from people.models import Duty, ReadingOfOthers, Role, Unit
from people.models.snapshot import served_at
from tests.cast import EVERYBODY, NOON, grant, person
from tests.factories import complete, make_course

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return timezone.now()


def test_a_visitor_reads_what_it_is_and_may_check_a_certificate(client, cast):
    page = client.get("/")

    assert page.status_code == 200
    text = page.content.decode()
    assert "第四十八条" in text and "第四十六条" in text and "公务员法" in text and "地方各级人民政府组织法" in text
    assert reverse("verify") in text and reverse("account_login") in text
    assert "sessionid" not in page.cookies


def test_the_front_page_shows_what_an_editor_wrote(client, cast):
    from home.services import ensure_home_page

    home = ensure_home_page()
    home.intro = "<p>本县学习周从周一开始。</p>"
    home.save_revision().publish()

    assert "本县学习周从周一开始。" in client.get("/").content.decode()


def test_hostile_html_in_the_introduction_is_cleaned(client, cast):
    from home.services import ensure_home_page

    home = ensure_home_page()
    home.intro = '<p>好<script>alert(1)</script><a href="javascript:alert(2)">点</a></p>'
    home.save_revision().publish()

    text = client.get("/").content.decode()
    assert "好" in text and "<script>alert" not in text and "javascript:" not in text


def test_who_is_signed_in_goes_on_to_what_is_due(sign_in, cast):
    assert sign_in(cast.learner).get("/").url == reverse("my_learning")


@pytest.mark.parametrize("name", ["my_learning", "search", "dashboard"])
def test_a_visitor_has_to_sign_in_first(client, name):
    response = client.get(reverse(name))

    assert response.status_code == 302 and reverse("account_login") in response.url


READERS = {"own_leader", "other_leader", "liaison", "hr", "auditor", "other_hr"}


@pytest.mark.parametrize("who", EVERYBODY)
def test_the_dashboard_is_for_those_who_read_records(sign_in, cast, who):
    response = sign_in(getattr(cast, who)).get(reverse("dashboard"))

    assert response.status_code == (200 if who in READERS else 403)


def test_the_parts_of_a_unit_and_whoever_serves_in_the_unit_itself_come_to_its_total(sign_in, cast):
    make_course(cast.county, "P01")
    response = sign_in(cast.own_leader).get(reverse("dashboard"))
    board = response.context["board"]

    assert board.own and sum(row.serving for row in board.rows) + board.own == board.total.serving
    assert f"另有 {board.own} 人直接在本单位任职" in response.text


@pytest.mark.parametrize("who", EVERYBODY)
def test_everybody_has_a_desk_and_a_search(sign_in, cast, who):
    make_course(cast.county, "P01")
    signed_in = sign_in(getattr(cast, who))

    assert signed_in.get(reverse("my_learning")).status_code == 200
    assert signed_in.get(reverse("search"), {"q": "安全"}).status_code == 200


# ---- my learning ---------------------------------------------------------------------------


def test_a_required_course_is_due_until_24_00_and_overdue_after(sign_in, cast, now):
    today = clock.today(now)
    make_course(cast.county, "P01", title="今天截止的课", due_on=today)
    make_course(cast.county, "P02", title="昨天截止的课", due_on=today - timedelta(days=1))

    text = sign_in(cast.learner).get(reverse("my_learning")).content.decode()

    late, due = text.index("昨天截止的课", text.index('id="due"')), text.index("今天截止的课", text.index('id="due"'))
    assert late < due
    assert "已逾期" in text[late:due] and "已逾期" not in text[due:] and "24:00 截止" in text[due:] and "今天" in text[due:]


def test_a_due_day_ends_at_24_00_in_the_county(cast):
    from home import desk
    from tests.cast import NOON

    day = clock.today(NOON)
    make_course(cast.county, "P01", due_on=day)
    midnight = clock.end_of(day)

    before, after = desk.of(cast.learner, at=midnight - timedelta(seconds=1)).due[0], desk.of(cast.learner, at=midnight).due[0]
    assert (before.is_overdue, before.days_left) == (False, 0)
    assert (after.is_overdue, after.days_left) == (True, -1)
    assert midnight.utcoffset() == timedelta(hours=8)


def test_next_is_the_lesson_where_reading_stopped(sign_in, cast, now):
    course = make_course(cast.county, "P01", lessons=3)
    make_course(cast.county, "P02", lessons=2)
    enrolment = enrolments.enrol(person=cast.learner, course=course, at=now - timedelta(hours=3))
    first, second, _third = enrolment.edition.lessons.all()
    progress.open_lesson(enrolment=enrolment, lesson=first, at=now - timedelta(hours=3))
    progress.finish_lesson(enrolment=enrolment, lesson=first, at=now - timedelta(hours=2))
    progress.open_lesson(enrolment=enrolment, lesson=second, at=now - timedelta(hours=1))

    page = sign_in(cast.learner).get(reverse("my_learning"))

    found = page.context["desk"].next
    assert found.course == course and found.step.url == reverse("lesson", args=[course.pk, "lesson-2"]) and found.step.is_resumed
    assert (found.met, found.asked) == (1, 3)
    assert found.step.url in page.content.decode()


def test_another_learners_progress_stays_out_of_mine(sign_in, cast, now):
    course = make_course(cast.county, "P01", lessons=2)
    theirs = enrolments.enrol(person=cast.colleague, course=course, at=now)
    progress.open_lesson(enrolment=theirs, lesson=theirs.edition.lessons.first(), at=now)
    progress.finish_lesson(enrolment=theirs, lesson=theirs.edition.lessons.first(), at=now)
    enrolments.enrol(person=cast.learner, course=course, at=now)

    found = sign_in(cast.learner).get(reverse("my_learning")).context["desk"].next

    assert (found.met, found.asked) == (0, 2)


def test_a_completion_shows_its_hours_its_certificate_and_leaves_what_is_due(sign_in, cast, now):
    from certificates.services import ensure_kinds

    ensure_kinds(cast.county)
    course = make_course(cast.county, "P01", certificate="training", title="条例精讲")
    make_course(cast.county, "P02", title="还没学的课")
    complete(cast.learner, course, now)

    desk = sign_in(cast.learner).get(reverse("my_learning")).context["desk"]

    assert [one.title for one in desk.due] == ["还没学的课"]
    assert [row.completion.course_title for row in desk.completed] == ["条例精讲"]
    assert desk.hours.total > 0 and desk.hours.total == sum(e.entry.hours for e in desk.hours.entries)
    assert [one.course_title for one in desk.certificates] == ["条例精讲"]
    assert (desk.required_done, desk.required) == (1, 2)


def test_a_reversed_completion_makes_the_course_due_again(sign_in, cast, now):
    from courses.services import completions

    completion = complete(cast.learner, make_course(cast.county, "P01"), now)
    completions.reverse(completion=completion, by=cast.hr, reason="查实替学", at=now)

    desk = sign_in(cast.learner).get(reverse("my_learning")).context["desk"]

    assert len(desk.due) == 1 and desk.completed == [] and desk.certificates == []


def test_a_course_that_waits_for_another_says_so_and_is_not_next(sign_in, cast):
    make_course(cast.county, "P01", title="入门")
    make_course(cast.county, "A02", title="进阶", prerequisites=["P01"])

    page = sign_in(cast.learner).get(reverse("my_learning"))

    assert "须先完成：入门" in page.content.decode()
    assert page.context["desk"].next.title == "入门"


def test_courses_that_no_duty_asks_for_are_suggested(sign_in, cast):
    make_course(cast.county, "E01", title="选修课", required_for=["chief"], elective_for=["staff"])
    make_course(cast.other_county, "X01", title="外县的课")

    desk = sign_in(cast.learner).get(reverse("my_learning")).context["desk"]

    assert [one.title for one in desk.electives] == ["选修课"] and desk.due == []


def test_a_leader_sees_a_strip_of_the_own_unit_and_a_learner_does_not(sign_in, cast):
    make_course(cast.county, "P01")

    page = sign_in(cast.own_leader).get(reverse("my_learning")).content.decode()
    assert cast.bureau.name in page and "应学 2 人，已学完 0 人" in page
    assert "units-strip" not in sign_in(cast.learner).get(reverse("my_learning")).content.decode()


def furnished(cast, count, now):
    for number in range(count):
        course = make_course(cast.county, f"C{number:02}", lessons=3)
        if number % 3 == 0:
            complete(cast.learner, course, now)
        elif number % 3 == 1:
            enrolments.enrol(person=cast.learner, course=course, at=now)


def queries_of(path, client):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(path)  # settles the session and what a process keeps
    with CaptureQueriesContext(connection) as seen:
        assert client.get(path).status_code == 200
    return len(seen)


def test_my_learning_takes_fifteen_queries_however_many_courses(sign_in, cast, now):
    furnished(cast, 3, now)
    few = queries_of(reverse("my_learning"), sign_in(cast.learner))
    for number in range(20, 26):
        course = make_course(cast.county, f"D{number}", lessons=3)
        if number % 2:
            enrolments.enrol(person=cast.learner, course=course, at=now)
    many = queries_of(reverse("my_learning"), sign_in(cast.learner))

    assert few == many <= 15


def test_my_learning_of_a_leader_takes_fifteen_at_most(sign_in, cast, now):
    furnished(cast, 4, now)

    assert queries_of(reverse("my_learning"), sign_in(cast.own_leader)) <= 15


# ---- dashboard -----------------------------------------------------------------------------


def test_the_leader_sees_who_is_behind_in_the_own_unit_and_nobody_else(sign_in, cast, now):
    course = make_course(cast.county, "P01")
    complete(cast.colleague, course, now)
    person("CZ1", "财政局员工", cast.other_bureau, Duty.STAFF)

    page = sign_in(cast.own_leader).get(reverse("dashboard"))

    board = page.context["board"]
    assert [someone.name for someone, _figures in board.behind] == ["张小明"]
    assert (board.total.should, board.total.did) == (2, 1)
    assert (board.total.asked, board.total.done, board.total.courses_share) == (2, 1, 50)
    assert board.week.completions == 1
    assert "财政局员工" not in page.content.decode()


def test_names_shown_on_the_dashboard_are_logged(sign_in, cast):
    make_course(cast.county, "P01")
    sign_in(cast.hr).get(reverse("dashboard"))

    trace = ReadingOfOthers.objects.get()
    assert trace.reader == cast.hr and trace.rows == 2 and trace.unit == cast.county


def test_a_unit_out_of_reach_is_not_found(sign_in, cast):
    signed_in = sign_in(cast.own_leader)

    assert signed_in.get(reverse("dashboard"), {"unit": cast.other_bureau.pk}).status_code == 404
    assert signed_in.get(reverse("dashboard"), {"unit": cast.section.pk}).status_code == 200
    assert signed_in.get(reverse("dashboard"), {"unit": "9" * 30}).status_code == 200
    assert signed_in.get(reverse("dashboard"), {"unit": "abc"}).status_code == 200


def test_the_dashboard_does_not_grow_in_queries(sign_in, cast):
    make_course(cast.county, "P01")
    few = queries_of(reverse("dashboard"), sign_in(cast.hr))
    for number in range(6):
        bureau = cast.county.add_child(code=f"532325-X{number}", name=f"新设局{number}", kind="department")
        person(f"N{number}", f"新人{number}", bureau, Duty.STAFF)

    many = queries_of(reverse("dashboard"), sign_in(cast.hr))
    assert few == many <= 15


def test_a_revoked_certificate_is_not_news(sign_in, cast, now):
    from certificates import services as certificates
    from tests.certificates.conftest import end

    certificates.ensure_kinds(cast.county)
    completion = complete(cast.learner, make_course(cast.county, "P01", certificate="training"), now)
    end(cast, completion.certificates.get(), at=now)

    assert sign_in(cast.learner).get(reverse("my_learning")).context["desk"].certificates == []


def test_hr_learns_of_what_waits_for_a_second_officer_and_others_do_not(sign_in, cast, now):
    from certificates import services as certificates
    from tests.certificates.conftest import second_officer

    certificates.ensure_kinds(cast.county)
    completion = complete(cast.learner, make_course(cast.county, "P01", certificate="training"), now)
    second = second_officer(cast)
    certificates.propose(certificate=completion.certificates.get(), kind="revoke", reason="查实替考", by=cast.hr, at=now)
    url = reverse("certificate_proposals")

    for door in ("my_learning", "dashboard"):
        assert [work.url for work in sign_in(second).get(reverse(door)).context["work"]] == [url], door
        for someone in (cast.hr, cast.own_leader):  # whoever proposed it has nothing to do
            assert url not in sign_in(someone).get(reverse(door)).text, door


# ---- search --------------------------------------------------------------------------------


def test_two_characters_are_found_inside_a_longer_word(sign_in, cast):
    make_course(cast.county, "P01", title="安全生产信息公开", tags=[])

    page = sign_in(cast.learner).get(reverse("search"), {"q": "安全"}).content.decode()

    assert "<mark>安全</mark>生产信息公开" in page


def test_lessons_are_found_by_their_text_with_a_piece_of_it(sign_in, cast):
    make_course(cast.county, "P01", title="入门课")

    finds = sign_in(cast.learner).get(reverse("search"), {"q": "检查结果"}).context["finds"]

    assert finds.courses == [] and [lesson.title for lesson in finds.lessons] == ["第1课", "第2课"]
    assert "检查结果" in finds.lessons[0].snippet


def test_what_a_self_check_tells_afterwards_is_not_found_before(sign_in, cast):
    make_course(cast.county, "P01")

    assert not sign_in(cast.learner).get(reverse("search"), {"q": "谁制作谁公开。对"}).context["finds"]


def test_courses_of_another_county_are_not_found_unless_shared(sign_in, cast):
    make_course(cast.other_county, "X01", title="大姚经验")
    signed_in = sign_in(cast.learner)
    assert not signed_in.get(reverse("search"), {"q": "大姚"}).context["finds"]

    make_course(cast.other_county, "X02", title="大姚做法", is_shared=True)
    assert [course.code for course in signed_in.get(reverse("search"), {"q": "大姚"}).context["finds"].courses] == ["X02"]


@pytest.mark.parametrize("query", ["", "   ", "，。！", "<script>alert(1)</script>", "%", "公" * 500, "\x00公开", "' or 1=1"])
def test_any_query_gets_an_answer_and_is_escaped(sign_in, cast, query):
    make_course(cast.county, "P01")

    page = sign_in(cast.learner).get(reverse("search"), {"q": query})

    assert page.status_code == 200 and "<script>alert" not in page.content.decode()


def test_a_search_takes_the_same_queries_for_any_number_of_courses(sign_in, cast):
    make_course(cast.county, "P01")
    few = queries_of(reverse("search") + "?q=公开", sign_in(cast.learner))
    for number in range(5):
        make_course(cast.county, f"Q{number}")

    assert few == queries_of(reverse("search") + "?q=公开", sign_in(cast.learner)) <= 8


def test_an_appeal_waits_for_officers_but_not_for_who_filed_it(cast):
    from evaluation.models import Appeal
    from home import waiting
    from tests.evaluation import frozen as by_hand

    made = by_hand.calculation(by_hand.period(cast), cast, purpose="publicity")
    facts = {"period": made.period, "calculation": made, "unit": cast.bureau, "about": "教育体育局", "item_key": "K1", "text": "任务数有误"}
    Appeal.objects.create(**facts, form_key="a", due_on="2027-01-05", by=cast.own_leader, at=timezone.now())
    assert [one.words for one in waiting.for_person(cast.hr, at=NOON)] == ["有 1 件申诉待您处理"]
    assert waiting.for_person(cast.own_leader, at=NOON) == [] == waiting.for_person(cast.other_hr, at=NOON)


def test_what_hr_wrote_and_reported_waits_for_another_officer_of_the_county(cast):
    from evaluation.indicators import reports, versions
    from evaluation.models import UnitFigure
    from home import waiting
    from tests.evaluation import frozen as by_hand

    second = person("YA10021", "李秋实", cast.county)
    grant(second, "hr", cast.county)
    period, at = by_hand.period(cast), timezone.now()
    for value in (1, 2):  # the later one takes the place of the other
        UnitFigure.objects.create(
            period=period, unit=cast.bureau, name="M1", value=value, reason="台账", by=cast.hr, form_key=str(value), at=at
        )
    both = ["有 1 个指标版本待您批准", "有 1 项填报数据待您确认"]
    assert [one.words for one in waiting.for_person(second, at=NOON)] == both
    for other in (cast.hr, cast.other_hr, cast.own_leader, cast.auditor):
        assert waiting.for_person(other, at=NOON) == []

    versions.approve(version=period.version, by=second, at=at)
    assert [one.words for one in waiting.for_person(second, at=NOON)] == both[1:]
    reports.confirm(figure=UnitFigure.objects.latest("pk"), by=second, at=at)
    assert waiting.for_person(second, at=NOON) == []

    UnitFigure.objects.create(period=period, unit=cast.bureau, name="M2", value=1, reason="台账", by=cast.hr, form_key="3", at=at)
    assert [one.words for one in waiting.for_person(second, at=NOON)] == both[1:]
    by_hand.step(period, cast, "frozen")
    assert waiting.for_person(second, at=NOON) == []


def test_a_reminder_of_the_units_result_waits_until_it_is_answered(cast):
    from evaluation.models import Reminder, ReminderAnswer
    from home import waiting
    from tests.evaluation import frozen as by_hand

    made = by_hand.calculation(by_hand.period(cast), cast, purpose="publicity")
    facts = {
        "period": made.period,
        "line": made.units.get(),
        "unit": cast.bureau,
        "person_name": "张小明",
        "level": "joint",
        "action": "提醒",
    }
    reminder = Reminder.objects.create(**facts, person=cast.learner, by=cast.hr, at=timezone.now())
    assert [one.url for one in waiting.for_person(cast.learner, at=NOON)] == [reverse("my_reminders")]
    ReminderAnswer.objects.create(reminder=reminder, text="已补课", form_key="a", at=timezone.now())
    assert waiting.for_person(cast.learner, at=NOON) == []


def test_a_correction_of_another_year_is_nothing_that_anybody_learned_this_week(sign_in, cast, now):
    course = make_course(cast.county, "P01", lessons=1)
    complete(cast.learner, course, at=now - timedelta(days=1))
    credited = sum(entry.hours for entry in LedgerEntry.objects.all())
    added = {"kind": "correction", "year": now.year - 1, "hours": 2, "reason": "补录", "at": now - timedelta(minutes=1)}
    LedgerEntry.objects.create(**served_at(cast.learner), **added)
    assert sign_in(cast.own_leader).get(reverse("dashboard")).context["board"].week.hours == credited > 0


def test_a_due_day_without_end_breaks_no_page(sign_in, cast, now):
    make_course(cast.county, "P01", due_on=date(9999, 12, 31))
    assert sign_in(cast.learner).get(reverse("my_learning")).status_code == 200


def test_the_week_counts_hours_as_the_ledger_does(sign_in, cast, now):
    course = make_course(cast.county, "P01", lessons=1)
    complete(cast.learner, course, at=now - timedelta(days=1))
    credited = sum(entry.hours for entry in LedgerEntry.objects.all())
    taken = {"kind": "correction", "year": now.year, "hours": -credited, "reason": "误记", "at": now - timedelta(minutes=1)}
    LedgerEntry.objects.create(**served_at(cast.learner), **taken)
    page = sign_in(cast.own_leader).get(reverse("dashboard"))
    assert page.context["board"].week.completions == 1 and page.context["board"].week.hours == 0


def test_a_section_is_named_with_its_organ_where_one_learns_and_leads(cast, sign_in):
    grant(cast.colleague, Role.LEADER, cast.section)
    visitor, named = sign_in(cast.colleague), "姚安县教育体育局 办公室"
    mine = visitor.get(reverse("my_learning")).text
    assert f"李云 · {named}</p>" in mine and f"<b>{named}</b>" in mine
    assert f'<p class="sub">{named} ·' in visitor.get(reverse("dashboard")).text
    inside = sign_in(cast.hr).get(reverse("dashboard"), {"unit": cast.section.pk}).text
    assert f'aria-current="page">{named}</li>' in inside

    other = cast.other_bureau.add_child(code="532325-D09-01", name="办公室", kind=Unit.Kind.SECTION)
    person("YA10077", "沈财", other, Duty.STAFF)
    grant(cast.colleague, Role.LEADER, other)
    both = sign_in(cast.colleague).get(reverse("dashboard")).text
    assert f">{named}</a>" in both and ">姚安县财政局 办公室</a>" in both, "two offices, told apart"
