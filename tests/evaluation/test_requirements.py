"""What a year asks for is noted when its last day is over, and stays: January's rules are no part of it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from core import reconcile
from courses.models import Edition, EditionRequirement
from evaluation import tasks
from evaluation.indicators import calculation
from evaluation.models import AskedNote, Period, PersonLine
from evaluation.periods import requirements, services
from tests.certificates.conftest import keys, private
from tests.evaluation import rows, year

__all__ = ["keys", "private"]
pytestmark = pytest.mark.usefixtures("private", "keys", "policy")
MIDNIGHT = datetime(2026, 12, 20, 16, 0, tzinfo=UTC)  # 24:00 of the cut-off day in Shanghai
JANUARY = datetime(2027, 1, 15, 4, 0, tzinfo=UTC)


@pytest.fixture
def policy(cast):
    rows.course(cast.county, "P01", required=["staff"])
    return rows.policy()


def required_of(period, someone) -> int:
    return PersonLine.objects.get(calculation=services.published(Period.objects.get(pk=period.pk)), person=someone).required


def reopened(cast, second, period, **more):
    services.propose_reopen(period=period, by=cast.hr, reason="补录学时", at=year.CLOSED, **more)
    services.reopen(period=period, by=second, at=year.CLOSED)
    services.publish(period=period, by=cast.hr, at=year.CLOSED)


# Noting


def test_what_is_asked_is_noted_when_the_day_is_over_and_not_before(cast):
    period = year.opened(cast)
    requirements.note_all(at=MIDNIGHT - timedelta(seconds=1))
    assert not AskedNote.objects.exists()
    for _twice in range(2):
        requirements.note_all(at=MIDNIGHT)
    note = AskedNote.objects.get()
    assert (note.period, note.at, note.by) == (period, MIDNIGHT, None) and list(note.asked["courses"]) == ["staff"]


def test_a_rule_added_after_the_last_day_is_not_asked_for_though_the_books_are_closed_in_january(cast):
    period = year.opened(cast)
    requirements.note_all(at=MIDNIGHT)
    rows.course(cast.county, "P02", required=["staff"])
    services.cut_off(period=period, by=cast.hr, at=JANUARY)
    services.publish(period=period, by=cast.hr, at=JANUARY)
    assert required_of(period, cast.learner) == 1


def test_before_the_books_are_closed_the_note_counts_already(cast):
    period = year.opened(cast)
    requirements.note_all(at=MIDNIGHT)
    rows.course(cast.county, "P02", required=["staff"])
    lines = {line.person_id: line for line in calculation.calculate(period=period, at=JANUARY).people}
    assert lines[cast.learner.pk].required == 1


def test_a_scheduler_that_was_down_at_midnight_notes_as_soon_as_it_is_back(cast):
    period = year.opened(cast)
    assert [gap.what for gap in requirements.unnoted(JANUARY)] == [f"period {period.pk}"] and "evaluation.asked" in reconcile.names()
    for gap in requirements.unnoted(JANUARY):
        gap.mend()
    assert AskedNote.objects.get().at == JANUARY and requirements.unnoted(JANUARY) == []


def test_without_a_scheduler_the_cut_off_notes_and_the_page_says_how_late(cast, sign_in):
    period = year.opened(cast)
    services.cut_off(period=period, by=cast.hr, at=JANUARY)
    note = AskedNote.objects.get()
    assert (note.by, note.at) == (cast.hr, JANUARY) and requirements.noted_late(period) == note
    door = reverse("period", args=[period.pk])
    assert "2027-01-15 12:00" in sign_in(cast.auditor).get(door).text.split("period-steps")[0]
    assert "2027-01-15 12:00" not in sign_in(cast.learner).get(door).text.split("period-steps")[0]


def test_what_was_noted_in_time_is_not_called_late(cast):
    period = year.opened(cast)
    requirements.note(period, at=MIDNIGHT + timedelta(minutes=5))
    assert requirements.noted_late(period) is None


def test_noted_late_the_tests_are_those_of_the_edition_that_stood_at_the_end_of_the_day(cast):
    course = rows.course(cast.county, "P03", required=["staff"])
    lesson = course.current.lessons.get()
    later = {"number": 2, "title": "新", "line": "policy", "minutes": 45, "pass_rule": "lessons_and_quiz", "digest": "n"}
    for edition, key in ((course.current, "old"), (Edition.objects.create(course=course, published_at=JANUARY, **later), "new")):
        EditionRequirement.objects.create(edition=edition, kind="quiz", key=key, title=key, position=1, lesson=lesson)
    type(course).objects.filter(pk=course.pk).update(current=Edition.objects.get(digest="n"))
    assert requirements.note(year.opened(cast), at=JANUARY).asked["tests"] == {str(course.pk): ["old"]}


def test_the_task_of_the_scheduler_notes(cast, monkeypatch):
    year.opened(cast)
    monkeypatch.setattr("core.clock.now", lambda: MIDNIGHT)
    tasks.note_what_is_asked()
    assert AskedNote.objects.get().at == MIDNIGHT


# Reopening


def test_reopening_keeps_what_was_asked_for(cast, second):
    period = year.published(cast)
    rows.course(cast.county, "P02", required=["staff"])
    reopened(cast, second, period)
    assert required_of(period, cast.learner) == 1


def test_two_officers_may_settle_it_anew(cast, second):
    period = year.published(cast)
    rows.course(cast.county, "P02", required=["staff"])
    reopened(cast, second, period, settle_anew=True)
    assert required_of(period, cast.learner) == 2
    assert AskedNote.objects.get().asked != period.steps.filter(state="cut_off").last().asked, "the note itself stays"


def test_the_form_and_the_proposal_say_what_settling_anew_changes(cast, second, sign_in):
    period = year.published(cast)
    door = reverse("period", args=[period.pk])
    assert "必修要求不会变化" in sign_in(cast.hr).get(door).text
    gone = rows.course(cast.county, "P02", title="新增课程", required=["staff"])
    text = sign_in(cast.hr).get(door).text
    assert "新增：" in text and str(gone) in text and "具体工作人员" in text
    assert sign_in(cast.hr).post(door, {"act": "propose_reopen", "reason": "必修有误", "settle_anew": "on"}).status_code == 302
    text = sign_in(second).get(door).text
    assert "重新确定" in text and str(gone) in text
    assert sign_in(second).post(door, {"act": "reopen"}).status_code == 302
    assert set(period.steps.last().asked["courses"]["staff"]) > {gone.pk}


def test_a_proposal_that_keeps_it_says_so(cast, second, sign_in):
    period = year.published(cast)
    services.propose_reopen(period=period, by=cast.hr, reason="补录", at=year.CLOSED)
    assert "必修要求保持不变" in sign_in(second).get(reverse("period", args=[period.pk])).text


def test_the_page_of_a_period_takes_few_queries(cast, sign_in, django_assert_max_num_queries):
    period = year.published(cast)
    rows.course(cast.county, "P02", required=["staff"])
    hr, door = sign_in(cast.hr), reverse("period", args=[period.pk])
    hr.get(door)
    with django_assert_max_num_queries(15):
        hr.get(door)
