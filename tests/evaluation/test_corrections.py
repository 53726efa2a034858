"""An appeal is granted by a record that was put right: of that person, of the kind named, since publication, for the year."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from core import clock
from core.errors import Refused
from evaluation import appeal_views, claim_views, evidence, period_views
from evaluation import services as ledger
from evaluation.indicators import reports
from evaluation.models import Appeal, HourClaim, PersonLine, RecordChange, UnitLine
from evaluation.periods import appeals, deviations, package, services
from people.models import DutyAssignment, Leave, Posting
from people.services import leaves
from quizzes.models import Marking
from tests.certificates.conftest import keys, private
from tests.evaluation import rows, year

__all__ = ["keys", "private"]
pytestmark = pytest.mark.usefixtures("private", "keys", "course")
PDF = b"%PDF-1.7\n%%EOF\n"
WITHIN = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)


@pytest.fixture
def course(cast, policy):
    return rows.course(cast.county, "P01", required=["chief", "staff"])


@pytest.fixture
def moved(cast):
    """The roster says that the learner came to the bureau on 5 October; it was on 5 September."""
    main = Posting.objects.get(person=cast.learner)
    Posting.objects.create(person=cast.learner, unit=cast.other_bureau, starts_on=main.starts_on, ends_on=date(2026, 10, 4))
    Posting.objects.filter(pk=main.pk).update(starts_on=date(2026, 10, 5))
    DutyAssignment.objects.filter(posting=main).update(starts_on=date(2026, 10, 5))

    def mend():
        Posting.objects.filter(person=cast.learner, unit=cast.other_bureau).update(ends_on=date(2026, 9, 4))
        Posting.objects.filter(pk=main.pk).update(starts_on=date(2026, 9, 5))
        DutyAssignment.objects.filter(posting=main).update(starts_on=date(2026, 9, 5))

    return mend


def appealed(period, who, **more):
    return appeals.file(period=period, by=who, text="有误", form_key=f"{who.pk}", at=year.APPEALS, **more)


def remedy(cast, record, who=None):
    return appeals.Remedy(record=record)


def grants(cast, second, appeal, record):
    appeals.grant(appeal=appeal, by=cast.hr, reason="属实", remedy=remedy(cast, record), at=year.APPEALS)
    return appeals.grant(appeal=appeal, by=second, reason="属实", at=year.APPEALS)


def not_corrected(cast, appeal, *records):
    for record in records:
        with pytest.raises(Refused) as found:
            appeals.grant(appeal=appeal, by=cast.hr, reason="属实", remedy=remedy(cast, record), at=year.APPEALS)
        assert found.value.code in ("not_corrected", "no_remedy"), record


def frozen(cast, period, who) -> PersonLine:
    services.freeze(period=period, by=cast.hr, at=year.AFTER_APPEALS)
    return PersonLine.objects.get(calculation=package.frozen(period), person=who)


# Postings and duties


def test_a_posting_that_was_mended_is_granted_as_what_it_is_and_frozen(cast, second, moved):
    period = year.in_appeals(cast)
    before = PersonLine.objects.get(calculation=services.published(period), person=cast.learner)
    assert (before.organ, before.reason) == (cast.other_bureau, "moved_late")
    appeal = appealed(period, cast.learner)
    not_corrected(cast, appeal, "posting", "duty", "hours", "completion", "leave", "figure")
    moved()
    not_corrected(cast, appeal, "hours", "completion", "leave", "figure")
    assert grants(cast, second, appeal, "posting").state == "granted"
    line = frozen(cast, period, cast.learner)
    assert (line.organ, line.reason) == (cast.bureau, "moved")


def test_a_duty_that_was_mended_is_granted_as_a_duty_and_not_as_a_posting(cast, second):
    period = year.in_appeals(cast)
    appeal = appealed(period, cast.learner)
    DutyAssignment.objects.filter(posting__person=cast.learner).update(duty="publisher")
    not_corrected(cast, appeal, "posting")
    assert grants(cast, second, appeal, "duty").state == "granted"
    line = frozen(cast, period, cast.learner)
    assert (line.duties, line.required) == (["publisher"], 0)


def test_a_duty_that_was_entered_in_the_wrong_unit_is_a_duty_for_both_units(cast, second):
    posting = Posting.objects.create(person=cast.colleague, unit=cast.bureau, starts_on=date(2024, 1, 1), is_main=False)
    DutyAssignment.objects.create(posting=posting, duty="chief", starts_on=date(2024, 1, 1))
    period = year.in_appeals(cast)
    appeal = appealed(period, cast.own_leader, unit=cast.bureau, item_key="K4")
    not_corrected(cast, appeal, "duty")
    Posting.objects.filter(pk=posting.pk).update(unit=cast.other_bureau)
    assert grants(cast, second, appeal, "duty").state == "granted"
    assert frozen(cast, period, cast.colleague).duties_in(cast.other_bureau.pk) == ["chief"]
    chiefs = {line.unit_code: line.figures["主要领导人数"] for line in UnitLine.objects.filter(calculation__purpose="freeze")}
    assert (chiefs["532325-D03"], chiefs["532325-D09"]) == ("1", "2")


def test_a_leave_is_no_mended_posting(cast):
    period = year.in_appeals(cast)
    facts = leaves.Facts(kind=Leave.Kind.SICK, starts_on=date(2026, 3, 1), ends_on=date(2026, 9, 30), voucher="证明")
    leaves.record(person=cast.learner, facts=facts, by=cast.hr, form_key="l", at=year.APPEALS)
    not_corrected(cast, appealed(period, cast.learner), "posting", "duty")


def test_a_posting_of_the_unit_answers_an_appeal_of_the_unit(cast, second):
    period = year.in_appeals(cast)
    appeal = appealed(period, cast.own_leader, unit=cast.bureau, item_key="K1")
    not_corrected(cast, appeal, "posting")
    title = Posting.objects.get(person=cast.other_leader).title
    Posting.objects.filter(person=cast.other_leader).update(title="主任")
    not_corrected(cast, appeal, "posting")  # somebody else's
    Posting.objects.filter(person=cast.other_leader).update(title=title)
    Posting.objects.filter(person=cast.colleague).update(unit=cast.other_bureau)
    assert grants(cast, second, appeal, "posting").state == "granted"
    assert frozen(cast, period, cast.colleague).organ == cast.other_bureau


@pytest.mark.parametrize("about", ["a unit's item", "the person's own line", "the person's line, on paper"])
def test_no_appeal_lets_one_officer_enter_hours(cast, second, about):
    period = year.in_appeals(cast)
    if about == "a unit's item":
        appealed(period, cast.own_leader, unit=cast.bureau, item_key="K1")
    elif about == "the person's own line":
        appealed(period, cast.learner)
    else:
        paper = [evidence.File("申诉书.pdf", PDF)]
        appeals.file(period=period, by=cast.hr, person=cast.learner, text="有误", form_key="p", at=year.APPEALS, files=paper)
    with pytest.raises(Refused) as refusal:
        ledger.correct(person=cast.learner, year=2026, hours=Decimal(80), reason="漏登", by=cast.hr, at=year.APPEALS)
    assert refusal.value.code == "given_back" and ledger.balance(cast.learner, 2026) == 0


def test_an_appeal_about_missing_hours_is_won_by_a_claim_that_two_officers_approve_at_their_pages(
    cast, sign_in, second, private, monkeypatch
):
    period = year.in_appeals(cast)
    for module in (appeal_views, claim_views, period_views):
        now = SimpleNamespace(now=lambda: year.APPEALS, today=lambda given=None: clock.today(given or year.APPEALS))
        monkeypatch.setattr(module, "clock", now)
    given = {"about": "own", "text": "三月讲座三学时漏登", "form_key": "a"}
    page = sign_in(cast.learner).get(reverse("appeal_new", args=[period.pk]))
    assert f'href="{reverse("claim_new")}"' in page.text
    assert sign_in(cast.learner).post(reverse("appeal_new", args=[period.pk]), given).status_code == 302
    door = reverse("appeal", args=[Appeal.objects.get().pk])
    grant = {"act": "grant", "record": "hours", "reason": "签到表属实"}
    assert sign_in(cast.hr).post(door, grant).status_code == 422

    missed = {"kind": "lecture", "title": "三月讲座", "organiser": "州政务公开办", "starts_on": "2026-03-05", "ends_on": "2026-03-05"}
    missed |= {"hours": "3", "form_key": "c", "files": SimpleUploadedFile("签到表.pdf", PDF)}
    assert sign_in(cast.learner).post(reverse("claim_new"), missed).status_code == 302
    claim = reverse("claim", args=[HourClaim.objects.get().pk])
    assert f'href="{claim}"' in sign_in(cast.hr).get(door).text
    for officer in (cast.hr, second):
        assert sign_in(officer).post(claim, {"act": "approve"}).status_code == 302
    for officer in (cast.hr, second):
        assert sign_in(officer).post(door, grant).status_code == 302
    assert Appeal.objects.get().state == "granted"
    assert frozen(cast, period, cast.learner).hours == 3


# Left off the roster


@pytest.fixture
def forgotten(cast):
    """The roster says that the colleague began after the year; nothing is published about them."""
    Posting.objects.filter(person=cast.colleague).update(starts_on=date(2027, 1, 1))
    DutyAssignment.objects.filter(posting__person=cast.colleague).update(starts_on=date(2027, 1, 1))

    def mend():
        Posting.objects.filter(person=cast.colleague).update(starts_on=date(2024, 1, 1))
        DutyAssignment.objects.filter(posting__person=cast.colleague).update(starts_on=date(2024, 1, 1))

    return mend


def test_who_was_left_off_the_roster_appeals_and_is_frozen_once_the_posting_is_mended(cast, second, forgotten):
    period = year.in_appeals(cast)
    appeal = appealed(period, cast.colleague)
    assert (appeal.person, appeal.unit, appeal.about) == (cast.colleague, cast.bureau, cast.colleague.name)
    not_corrected(cast, appeal, "posting")
    forgotten()
    assert grants(cast, second, appeal, "posting").state == "granted"
    assert frozen(cast, period, cast.colleague).counted
    assert UnitLine.objects.filter(calculation=package.frozen(period), unit=cast.bureau).exists()


def test_a_roster_that_gains_somebody_without_an_appeal_holds_the_freeze(cast, second, forgotten):
    period = year.in_appeals(cast)
    forgotten()
    found = services.compared(period, at=year.AFTER_APPEALS)[0]
    assert [one.difference.state for one in found if one.difference.key == f"P:{cast.colleague.employee_number}"] == ["added"]
    assert all(isinstance(one, deviations.Deviation) and one.unexplained for one in found if one.difference.key.startswith("P:"))


def test_who_was_left_off_is_offered_the_appeal_and_hr_reads_what_is_missing(cast, sign_in, second, forgotten, monkeypatch):
    doors = SimpleNamespace(now=lambda: year.APPEALS, today=lambda given=None: clock.today(given or year.APPEALS))
    for module in (period_views, appeal_views):
        monkeypatch.setattr(module, "clock", doors)
    period = year.in_appeals(cast)
    client = sign_in(cast.colleague)
    assert "未列入本考评期的名册" in client.get(reverse("period_publicity", args=[period.pk])).text
    door = reverse("appeal_new", args=[period.pk])
    assert "本人未列入名册" in client.get(door).text
    assert client.post(door, {"about": "own", "text": "漏了我", "form_key": "k"}).status_code == 302
    page = sign_in(cast.hr).get(reverse("appeal", args=[Appeal.objects.get().pk]))
    assert "没有其考评期内在本县的任职" in page.text and 'value="posting"' in page.text


def test_who_serves_in_another_county_is_left_off_nothing(cast):
    period = year.in_appeals(cast)
    with pytest.raises(Refused) as found:
        appealed(period, cast.stranger)
    assert found.value.code == "no_line"


# Only what concerns the appeal


def test_an_unrelated_completion_is_no_correction_of_hours(cast, course):
    period = year.in_appeals(cast)
    appeal = appealed(period, cast.learner)
    rows.complete(cast.learner, course, at=datetime(2026, 12, 28, 4, tzinfo=UTC))  # learned after the last day that counts
    not_corrected(cast, appeal, "hours", "completion")


def test_a_completion_that_was_reversed_is_a_completion_and_no_correction_of_hours(cast, course, second):
    done = rows.complete(cast.learner, course, at=WITHIN)
    period = year.in_appeals(cast)
    appeal = appealed(period, cast.learner)
    rows.reverse(done, by=cast.hr, at=year.APPEALS)
    not_corrected(cast, appeal, "hours")
    assert grants(cast, second, appeal, "completion").state == "granted"


def test_a_completion_of_another_year_that_this_one_does_not_ask_for_is_none(cast):
    other = rows.course(cast.county, "P09")
    done = rows.complete(cast.learner, other, at=datetime(2025, 6, 1, 4, tzinfo=UTC))
    period = year.in_appeals(cast)
    appeal = appealed(period, cast.learner)
    rows.reverse(done, by=cast.hr, at=year.APPEALS)
    not_corrected(cast, appeal, "completion", "hours")


def test_hours_of_another_year_or_person_and_of_before_publication_are_none(cast):
    rows.added(person=cast.learner, year=2026, hours=Decimal(1), reason="早", by=cast.hr, at=WITHIN)
    period = year.in_appeals(cast)
    appeal = appealed(period, cast.learner)
    rows.added(person=cast.learner, year=2025, hours=Decimal(1), reason="他年", by=cast.hr, at=year.APPEALS)
    rows.added(person=cast.colleague, year=2026, hours=Decimal(1), reason="他人", by=cast.hr, at=year.APPEALS)
    not_corrected(cast, appeal, "hours")


def test_what_was_changed_back_is_no_correction(cast, second, course):
    period = year.in_appeals(cast)
    appeal, units = appealed(period, cast.learner), appealed(period, cast.own_leader, unit=cast.bureau, item_key="K5")
    rows.added(person=cast.learner, year=2026, hours=Decimal("1.5"), reason="补", by=cast.hr, at=year.APPEALS)
    ledger.correct(person=cast.learner, year=2026, hours=Decimal("-1.5"), reason="退", by=cast.hr, at=year.APPEALS)
    done = rows.complete(cast.learner, course, at=WITHIN)
    RecordChange.objects.filter(completion=done).update(at=year.APPEALS)  # recorded late
    rows.reverse(done, by=cast.hr, at=year.APPEALS)
    facts = leaves.Facts(kind=Leave.Kind.SICK, starts_on=date(2026, 3, 1), ends_on=date(2026, 9, 30), voucher="证明")
    leave = leaves.record(person=cast.learner, facts=facts, by=cast.hr, form_key="l", at=year.APPEALS)
    leaves.take_back(leave=leave, reason="误录", by=cast.hr, form_key="w", at=year.APPEALS)
    for number, value in enumerate((2, 0)):
        told = {"values": {"年度任务数": Decimal(value)}, "reason": "责任书", "form_key": f"t{number}", "by": cast.hr, "at": year.APPEALS}
        reports.confirm(figure=reports.report(period=period, unit=cast.bureau, **told)[0], by=second, at=year.APPEALS)
    not_corrected(cast, appeal, "hours", "completion", "leave")
    not_corrected(cast, units, "hours", "completion", "leave", "figure")


def test_a_test_is_put_right_by_other_marks_and_not_by_the_same(cast, course):
    submission = rows.sat(cast.learner, course, passed=False, at=WITHIN)
    period = year.in_appeals(cast)
    appeal = appealed(period, cast.learner)
    again = {"submission": submission, "out_of": 100, "at": year.APPEALS}
    same = Marking.objects.create(supersedes=Marking.objects.get(), score=10, percent=10, passed=False, **again)
    not_corrected(cast, appeal, "completion")
    Marking.objects.create(supersedes=same, score=90, percent=90, passed=True, **again)
    appeals.grant(appeal=appeal, by=cast.hr, reason="属实", remedy=remedy(cast, "completion"), at=year.APPEALS)


def test_a_leave_of_another_year_is_none(cast):
    period = year.in_appeals(cast)
    appeal = appealed(period, cast.learner)
    facts = leaves.Facts(kind=Leave.Kind.SICK, starts_on=date(2025, 3, 1), ends_on=date(2025, 9, 30), voucher="证明")
    leaves.record(person=cast.learner, facts=facts, by=cast.hr, form_key="l", at=year.APPEALS)
    not_corrected(cast, appeal, "leave")


def test_a_figure_answers_an_appeal_of_the_unit_about_it_and_no_persons(cast, second):
    period = year.in_appeals(cast)
    own, units = appealed(period, cast.learner), appealed(period, cast.own_leader, unit=cast.bureau, item_key="K5")
    other = appeals.file(
        period=period, by=cast.own_leader, text="另", form_key="o", unit=cast.bureau, item_key="D1", at=year.APPEALS + timedelta(hours=1)
    )
    told = {"values": {"年度任务数": Decimal(2)}, "reason": "责任书", "form_key": "t", "by": cast.hr, "at": year.APPEALS}
    reports.confirm(figure=reports.report(period=period, unit=cast.bureau, **told)[0], by=second, at=year.APPEALS)
    not_corrected(cast, own, "figure")
    not_corrected(cast, other, "figure")
    assert grants(cast, second, units, "figure").state == "granted"
