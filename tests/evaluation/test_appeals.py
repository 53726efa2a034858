"""Appeals: filed in their days, refused by one, granted by two, and counted by the next calculation. The chain of responsibility."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from evaluation import evidence
from evaluation.models import Appeal, AppealEvidence, PointCorrection, Reminder, ReminderAnswer, UnitLine
from evaluation.periods import appeals, chain, package, services
from people.models import DutyAssignment, Posting
from tests.cast import person
from tests.certificates.conftest import keys, private
from tests.evaluation import rows, year
from tests.evaluation.year import refused

__all__ = ["keys", "private"]
pytestmark = pytest.mark.usefixtures("private", "keys", "policy")
PDF = b"%PDF-1.7\n%%EOF\n"


@pytest.fixture
def policy(cast):
    """Hours count, and one course is required of leaders and staff: nobody has begun it."""
    rows.course(cast.county, required=["chief", "staff"])
    return rows.policy()


@pytest.fixture
def period(cast, policy, second):
    return year.in_appeals(cast)


def own(period, someone, key="a", at=year.APPEALS, **more):
    return appeals.file(period=period, by=someone, text="学时少了两个", form_key=key, at=at, **more)


def of_unit(cast, period, item_key="K1", key="a"):
    return own(period, cast.own_leader, key=key, unit=cast.bureau, item_key=item_key)


def points(value="1"):
    return appeals.Remedy(points=Decimal(value))


def test_points_of_an_item_that_does_not_count_for_the_unit_are_not_granted(cast, period, second):
    """Nobody set the bureau a number of tasks: K5 is void, its points went to the others, and a correction would change nothing."""
    appeal = own(period, cast.own_leader, unit=cast.bureau, item_key="K5")
    line = UnitLine.objects.get(calculation=appeal.calculation, unit=cast.bureau)
    assert [one["void"] for one in line.items if one["key"] == "K5"] == [True]
    refused("void_item", appeals.grant, appeal=appeal, by=cast.hr, reason="属实", remedy=points("1"), at=year.APPEALS)
    assert not PointCorrection.objects.exists()


# Filing


def test_a_person_appeals_about_their_own_line_with_evidence(cast, period):
    appeal = own(period, cast.learner, files=[evidence.File("证明.pdf", PDF)])
    assert (appeal.person, appeal.unit, appeal.about, appeal.state) == (cast.learner, cast.bureau, "张小明", "first")
    assert appeal.due_on == date(2027, 1, 6) and evidence.read(AppealEvidence.objects.get()) == PDF
    assert own(period, cast.learner) == appeal and Appeal.objects.count() == 1


def test_a_leader_and_a_liaison_appeal_for_their_unit_and_nobody_else_does(cast, period):
    assert own(period, cast.own_leader, unit=cast.bureau, item_key="K1").about == "姚安县教育体育局"
    assert own(period, cast.liaison, unit=cast.bureau, item_key="D1").person is None
    for who in (cast.learner, cast.other_leader, cast.hr, cast.trainer):
        refused("not_unit", own, period, who, unit=cast.bureau, item_key="K1")
    refused("no_item", own, period, cast.own_leader, key="b", unit=cast.bureau, item_key="K9")


def test_after_the_deadline_an_appeal_is_refused_and_the_day_is_named(cast, period):
    assert own(period, cast.learner, at=year.APPEALS + 7 * year.DAY).pk  # 5 January
    assert "2027-01-06" in refused("over", own, period, cast.colleague, at=year.APPEALS + timedelta(days=8, hours=12))
    appeals.refuse(appeal=Appeal.objects.get(), by=cast.hr, reason="台账无误", at=year.AFTER_APPEALS)
    services.freeze(period=period, by=cast.hr, at=year.AFTER_APPEALS)
    assert "2027-01-06" in refused("over", own, period, cast.colleague, at=year.AFTER_APPEALS)


def test_before_appeals_are_opened_none_is_taken(cast, policy):
    refused("not_open", own, year.published(cast), cast.learner)


def test_nothing_said_no_line_and_no_true_evidence_are_refused(cast, period):
    refused("no_text", appeals.file, period=period, by=cast.learner, text="  ", form_key="a", at=year.APPEALS)
    refused("no_line", own, period, cast.stranger)
    refused("wrong_content", own, period, cast.learner, files=[evidence.File("a.pdf", b"<html>")])
    assert not Appeal.objects.exists()


# Deciding


def test_one_officer_refuses_with_a_reason(cast, period):
    appeal = own(period, cast.learner)
    refused("no_reason", appeals.refuse, appeal=appeal, by=cast.hr, reason=" ", at=year.APPEALS)
    assert appeals.refuse(appeal=appeal, by=cast.hr, reason="台账无误", at=year.APPEALS).state == "refused"
    refused("over", appeals.refuse, appeal=appeal, by=cast.hr, reason="再", at=year.APPEALS)


def test_granting_takes_two_and_points_count_in_the_frozen_result(cast, period, second):
    appeal = own(period, cast.own_leader, unit=cast.bureau, item_key="K1")
    before = UnitLine.objects.get(calculation=services.published(period), unit=cast.bureau)
    after = appeals.grant(appeal=appeal, by=cast.hr, reason="局长已完成", remedy=points("0.5"), at=year.APPEALS)
    assert after.state == "second" and not PointCorrection.objects.exists()
    refused("same_officer", appeals.grant, appeal=appeal, by=cast.hr, reason="再", at=year.APPEALS)
    assert appeals.grant(appeal=appeal, by=second, reason="属实", at=year.APPEALS).state == "granted"
    correction = PointCorrection.objects.get()
    assert (correction.by, correction.approved, correction.unit, correction.points) == (cast.hr, second, cast.bureau, Decimal("0.5"))
    services.freeze(period=period, by=cast.hr, at=year.AFTER_APPEALS)
    line = UnitLine.objects.get(calculation=package.frozen(period), unit=cast.bureau)
    assert line.total > before.total


def test_who_granted_first_and_notices_a_mistake_may_still_refuse(cast, period):
    appeal = of_unit(cast, period)
    appeals.grant(appeal=appeal, by=cast.hr, reason="属实", remedy=points(), at=year.APPEALS)
    assert appeals.refuse(appeal=appeal, by=cast.hr, reason="看错了人", at=year.APPEALS).state == "refused"


def test_a_corrected_record_is_named_by_its_kind(cast, period, second):
    appeal = own(period, cast.learner)
    remedy = appeals.Remedy(record="hours")
    for untouched in ("hours", "completion", "leave"):
        said = appeals.Remedy(record=untouched)
        refused("not_corrected", appeals.grant, appeal=appeal, by=cast.hr, reason="补", remedy=said, at=year.APPEALS)
    rows.added(person=cast.learner, year=2026, hours=Decimal(2), reason="补录", by=cast.hr, at=year.APPEALS)
    appeals.grant(appeal=appeal, by=cast.hr, reason="已补录", remedy=remedy, at=year.APPEALS)
    appeals.grant(appeal=appeal, by=second, reason="属实", at=year.APPEALS)
    assert [one.record for one in Appeal.objects.get().decided] == ["hours"] * 2 and not PointCorrection.objects.exists()


@pytest.mark.parametrize(("remedy", "code"), [(None, "no_remedy"), (points("0"), "no_points"), (points("3.5"), "no_points")])
def test_a_grant_without_a_true_remedy_is_refused(cast, period, remedy, code):
    refused(code, appeals.grant, appeal=of_unit(cast, period), by=cast.hr, reason="准", remedy=remedy, at=year.APPEALS)


def test_a_persons_appeal_gives_no_points_and_a_units_none_but_to_its_own_item(cast, period, second):
    persons, deduction, item = own(period, cast.learner), of_unit(cast, period, "D1", "d"), of_unit(cast, period, "K1", "k")
    for appeal in (persons, deduction):
        refused("no_item", appeals.grant, appeal=appeal, by=cast.hr, reason="准", remedy=points("1"), at=year.APPEALS)
    appeals.grant(appeal=item, by=cast.hr, reason="准", remedy=points("1"), at=year.APPEALS)
    appeals.grant(appeal=item, by=second, reason="准", at=year.APPEALS)
    assert PointCorrection.objects.get().item_key == "K1"


def test_an_appeal_is_granted_by_records_that_it_can_be_about_alone(cast, period):
    people = {"hours", "completion", "leave", "posting", "duty"}
    assert appeals.records_of(own(period, cast.learner)).keys() >= people and "figure" not in appeals.records_of(own(period, cast.learner))
    assert appeals.records_of(of_unit(cast, period, "K1", "k")).keys() >= people
    assert (
        set(appeals.records_of(of_unit(cast, period, "D1", "d"))) == {"figure"} == set(appeals.records_of(of_unit(cast, period, "K5", "5")))
    )
    rows.added(person=cast.learner, year=2026, hours=Decimal(2), reason="补录", by=cast.hr, at=year.APPEALS)
    said = {"by": cast.hr, "reason": "准", "remedy": appeals.Remedy(record="hours"), "at": year.APPEALS}
    refused("no_remedy", appeals.grant, appeal=of_unit(cast, period, "D1", "d"), **said)


def test_nobody_decides_on_their_own_appeal_and_others_not_at_all(cast, period, second):
    appeal = own(period, cast.hr)
    refused("own", appeals.grant, appeal=appeal, by=cast.hr, reason="准", at=year.APPEALS)
    refused("own", appeals.refuse, appeal=appeal, by=cast.hr, reason="不", at=year.APPEALS)
    for who in (cast.learner, cast.own_leader, cast.liaison, cast.auditor, cast.admin, cast.other_hr):
        refused("not_hr", appeals.refuse, appeal=appeal, by=who, reason="不", at=year.APPEALS)
    assert appeals.refuse(appeal=appeal, by=second, reason="无误", at=year.APPEALS).state == "refused"


def test_whoever_filed_it_withdraws_it_and_nobody_else(cast, period):
    appeal = own(period, cast.learner)
    refused("not_own", appeals.withdraw, appeal=appeal, by=cast.hr, at=year.APPEALS)
    assert appeals.withdraw(appeal=appeal, by=cast.learner, at=year.APPEALS).state == "withdrawn"
    assert not Appeal.objects.open().exists()


def test_what_is_late_is_listed_and_waiting_lists_leave_out_ones_own(cast, period, second):
    appeal = own(period, cast.learner)
    assert not appeals.overdue(period, at=year.APPEALS).exists()
    assert appeals.overdue(period, at=year.AFTER_APPEALS).get() == appeal
    own(period, cast.hr)
    assert list(Appeal.objects.waiting_for(cast.hr)) == [appeal] and Appeal.objects.waiting_for(second).count() == 2
    assert not Appeal.objects.waiting_for(cast.other_hr).exists() and not Appeal.objects.waiting_for(cast.auditor).exists()


# The chain of responsibility


def test_reminders_reach_those_who_held_the_duties_on_the_cut_off_day_and_only_once(cast, period):
    DutyAssignment.objects.filter(posting__person=cast.colleague).update(ends_on=date(2026, 12, 19))
    made = chain.send(period=period, by=cast.hr, at=year.APPEALS)
    of_bureau = {one.person: (one.level, one.action) for one in made if one.unit == cast.bureau}
    assert of_bureau == {cast.learner: ("joint", "提醒"), cast.own_leader: ("primary", "书面说明")}
    assert chain.send(period=period, by=cast.hr, at=year.APPEALS) == []
    assert Reminder.objects.filter(person=cast.own_leader).count() == 1


def test_reminders_take_no_more_queries_for_more_units_and_people(cast, policy, django_assert_max_num_queries):
    for number in range(12):
        unit = cast.county.add_child(code=f"N{number}", name=f"单位{number}", kind="department")
        for duty in ("chief", "staff"):
            person(f"N{number}{duty}", f"人{number}{duty}", unit, duty)
    period = year.published(cast)
    with django_assert_max_num_queries(15):
        made = chain.send(period=period, by=cast.hr, at=year.APPEALS)
    assert len(made) == Reminder.objects.count() >= 24 and {"N3chief", "N3staff"} <= {one.person.employee_number for one in made}


def test_who_left_after_the_cut_off_day_still_answers_and_side_postings_count(cast, period):
    Posting.objects.filter(person=cast.learner).update(ends_on=date(2026, 12, 25))
    side = Posting.objects.create(person=cast.other_leader, unit=cast.section, is_main=False, starts_on=date(2026, 3, 1))
    DutyAssignment.objects.create(posting=side, duty="deputy", starts_on=date(2026, 3, 1))
    found = {one.person: one.level for one in chain.send(period=period, by=cast.hr, at=year.APPEALS) if one.unit == cast.bureau}
    assert found[cast.learner] == "joint" and found[cast.other_leader] == "direct"


def test_a_unit_that_reached_the_mark_is_left_alone(cast, period, second):
    calculation = services.published(period)
    spec = chain.read(calculation.version.spec)
    assert {line.unit_code for line in chain.below(calculation, spec)} == set(
        UnitLine.objects.filter(calculation=calculation, total__lt=6).values_list("unit_code", flat=True)
    )
    assert not chain.below(calculation, spec.model_copy(update={"chain_below": Decimal(0)}))


def test_answers_are_kept_and_only_ones_own_are_given(cast, period):
    chain.send(period=period, by=cast.hr, at=year.APPEALS)
    mine = Reminder.objects.get(person=cast.own_leader)
    for text, key in (("已开会部署", "1"), ("已开会部署", "1"), ("补充说明", "2")):
        chain.answer(reminder=mine, by=cast.own_leader, text=text, form_key=key, at=year.APPEALS)
    assert list(ReminderAnswer.objects.values_list("text", flat=True)) == ["已开会部署", "补充说明"]
    refused("not_own", chain.answer, reminder=mine, by=cast.learner, text="我", form_key="3", at=year.APPEALS)
    refused("no_text", chain.answer, reminder=mine, by=cast.own_leader, text=" ", form_key="4", at=year.APPEALS)


def test_reminders_are_hrs_to_send_and_need_a_published_result(cast, policy):
    period = year.opened(cast)
    refused("not_published", chain.send, period=period, by=cast.hr, at=year.CLOSED)
    refused("not_hr", chain.send, period=year.published(cast, period), by=cast.own_leader, at=year.CLOSED)
