"""Frozen is what was published, with what granted appeals put right: anything else is shown, and holds the freeze."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core import clock
from evaluation import appeal_views, period_views
from evaluation.indicators import reports, versions
from evaluation.models import Appeal, Calculation, Period, UnitLine
from evaluation.periods import appeals, package, services
from people.models import Leave, Person, Posting, ReadingOfOthers, Unit
from people.services import leaves, postings
from tests.certificates.conftest import keys, private
from tests.evaluation import rows, year
from tests.evaluation.year import refused

__all__ = ["keys", "private"]
pytestmark = pytest.mark.usefixtures("private", "keys", "policy")


@pytest.fixture
def policy(cast):
    rows.course(cast.county, required=["chief", "staff"])
    return rows.policy()


@pytest.fixture
def period(cast, policy, second):
    return year.in_appeals(cast)


@pytest.fixture
def afterwards(monkeypatch):
    """The clock of the period's door stands after the appeals."""
    doors = SimpleNamespace(now=lambda: year.AFTER_APPEALS, today=lambda given=None: clock.today(given or year.AFTER_APPEALS))
    monkeypatch.setattr(period_views, "clock", doors)


def freeze(cast, period):
    return services.freeze(period=period, by=cast.hr, at=year.AFTER_APPEALS)


def given_hours(cast, who, hours="2", at=year.APPEALS):
    rows.added(person=who, year=2026, hours=Decimal(hours), reason="补录", by=cast.hr, at=at)


def granted(cast, second, appeal, **remedy):
    remedy = appeals.Remedy(**remedy)
    appeals.grant(appeal=appeal, by=cast.hr, reason="属实", remedy=remedy, at=year.APPEALS)
    appeals.grant(appeal=appeal, by=second, reason="属实", at=year.APPEALS)


def appealed(period, who, **more):
    return appeals.file(period=period, by=who, text="有误", form_key=f"{who.pk}", at=year.APPEALS, **more)


def told(cast, period, name="D1", value="1", at=year.APPEALS, key="d", unit=None):
    given = {"values": {name: Decimal(value)}, "reason": "通报", "form_key": key, "by": cast.hr, "at": at}
    return reports.report(period=period, unit=unit or cast.bureau, **given)[0]


# The freeze


def test_where_nothing_changed_since_publication_the_published_lines_are_frozen(cast, period):
    assert services.compared(period, at=year.AFTER_APPEALS)[0] == []
    freeze(cast, period)
    assert package.frozen(period).digest == services.published(period).digest


@pytest.mark.parametrize("what", ["hours", "leave", "posting"])
def test_what_was_entered_after_publication_without_an_appeal_holds_the_freeze(cast, period, what):
    if what == "hours":
        given_hours(cast, cast.learner, at=year.AFTER_APPEALS)
    elif what == "leave":
        facts = leaves.Facts(kind=Leave.Kind.SICK, starts_on=date(2026, 3, 1), ends_on=date(2026, 9, 30), voucher="证明")
        leaves.record(person=cast.learner, facts=facts, by=cast.hr, form_key="l", at=year.AFTER_APPEALS)
    else:
        Posting.objects.filter(person=cast.learner).update(unit=cast.other_bureau)
    assert "公示" in refused("unexplained", freeze, cast=cast, period=period)
    found = services.compared(period, at=year.AFTER_APPEALS)[0]
    assert f"P:{cast.learner.employee_number}" in [one.difference.key for one in found if one.unexplained]
    assert not Calculation.objects.filter(purpose="freeze").exists() and Period.objects.get().state == "appeals"


def test_hr_of_the_county_before_takes_nobody_off_the_roster_of_the_county_of_now(cast):
    postings.post(person=cast.learner, unit=cast.other_county, title="科员", duties=["staff"], starts_on=date(2026, 3, 1))
    someone = Person.objects.select_related("unit").get(pk=cast.learner.pk)
    theirs = {"by": cast.other_hr, "at": year.CLOSED}
    version = versions.ensure_default(at=year.NOON)
    period = services.open_period(county=cast.other_county, year=2026, version=version, by=cast.other_hr, at=year.NOON)
    services.cut_off(period=period, **theirs)
    services.publish(period=period, **theirs)
    services.open_appeals(period=period, by=cast.other_hr, at=year.APPEALS)
    facts = leaves.Facts(Leave.Kind.OFF_POST, date(2026, 2, 27), None, "介绍信")
    given = {"person": someone, "by": cast.hr, "at": year.APPEALS}
    refused("not_hr", leaves.record, facts=facts, form_key="a", **given)
    leaves.record(facts=replace(facts, ends_on=date(2026, 2, 28)), form_key="b", **given)
    assert services.freeze(period=period, by=cast.other_hr, at=year.AFTER_APPEALS).state == "frozen"
    assert package.frozen(period).people.get(person=someone).counted


def test_what_a_granted_appeal_put_right_is_frozen_and_nothing_else_is(cast, period, second):
    given_hours(cast, cast.learner)
    granted(cast, second, appealed(period, cast.learner), record="hours")
    given_hours(cast, cast.colleague)
    refused("unexplained", freeze, cast=cast, period=period)
    found = {one.difference.key: one.unexplained for one in services.compared(period, at=year.AFTER_APPEALS)[0]}
    assert found[f"P:{cast.learner.employee_number}"] == () and found[f"P:{cast.colleague.employee_number}"] == ("hours",)
    given_hours(cast, cast.colleague, "-2")
    assert freeze(cast, period).state == "frozen"


def test_an_appeal_vouches_for_its_own_record_and_for_no_other_column(cast, period, second):
    given_hours(cast, cast.learner)
    granted(cast, second, appealed(period, cast.learner), record="hours")
    Posting.objects.filter(person=cast.learner).update(title="副局长")
    refused("unexplained", freeze, cast=cast, period=period)
    found = {one.difference.key: one.unexplained for one in services.compared(period, at=year.AFTER_APPEALS)[0]}
    assert found[f"P:{cast.learner.employee_number}"] == ("post_title",)


def test_a_corrected_name_of_somebody_or_of_a_unit_is_listed_as_such_and_frozen(cast, sign_in, period, afterwards):
    Person.objects.filter(pk=cast.colleague.pk).update(name="李小红（更正）")
    Unit.objects.filter(pk=cast.bureau.pk).update(name="教育和体育局（更正）")
    found = services.compared(period, at=year.AFTER_APPEALS)[0]
    assert {one.difference.key for one in found} >= {f"P:{cast.colleague.employee_number}", f"U:{cast.bureau.code}"}
    assert not any(one.unexplained for one in found)
    text = sign_in(cast.hr).get(reverse("period", args=[period.pk]) + "?compare=1").text
    assert "名称更正" in text and "因已同意的申诉" not in text
    freeze(cast, period)
    frozen = package.frozen(period)
    assert frozen.people.get(person=cast.colleague).person_name == "李小红（更正）"
    assert frozen.units.get(unit=cast.bureau).unit_name == "教育和体育局（更正）"


def test_beside_a_corrected_name_everything_else_is_explained_by_an_appeal_or_not_at_all(cast, period):
    Person.objects.filter(pk=cast.learner.pk).update(name="张晓明")
    given_hours(cast, cast.learner)
    Posting.objects.filter(person=cast.colleague).update(unit=cast.other_bureau)
    refused("unexplained", freeze, cast=cast, period=period)
    found = {one.difference.key: one.unexplained for one in services.compared(period, at=year.AFTER_APPEALS)[0]}
    assert found[f"P:{cast.learner.employee_number}"] == ("hours",)
    assert {"unit_code", "unit_name"} <= set(found[f"P:{cast.colleague.employee_number}"])
    assert "total" in found[f"U:{cast.bureau.code}"] or "figures:应训人数" in found[f"U:{cast.bureau.code}"]


def test_who_came_to_another_organ_with_their_section_did_not_have_a_name_corrected(cast, period, second):
    given_hours(cast, cast.learner)
    granted(cast, second, appealed(period, cast.learner), record="hours")
    Unit.objects.get(pk=cast.section.pk).move(Unit.objects.get(pk=cast.other_bureau.pk), "last-child")  # the code stays, as by a roster
    found = {one.difference.key: one for one in services.compared(period, at=year.AFTER_APPEALS)[0]}
    assert {"应训人数"} <= {name.partition(":")[2] for name, _old, _new in found[f"U:{cast.bureau.code}"].difference.changes}
    assert (
        found[f"P:{cast.learner.employee_number}"].unexplained == found[f"P:{cast.colleague.employee_number}"].unexplained == ("unit_name",)
    )
    assert not found[f"P:{cast.colleague.employee_number}"].names_alone
    refused("unexplained", freeze, cast=cast, period=period)


def test_an_appeal_about_a_wrong_name_is_won_at_the_pages(cast, sign_in, period, second, monkeypatch):
    doors = SimpleNamespace(now=lambda: year.APPEALS, today=lambda given=None: clock.today(given or year.APPEALS))
    monkeypatch.setattr(appeal_views, "clock", doors)
    given = {"about": "own", "text": "姓名应为张晓明", "form_key": "n"}
    assert sign_in(cast.learner).post(reverse("appeal_new", args=[period.pk]), given).status_code == 302
    door, grant = reverse("appeal", args=[Appeal.objects.get().pk]), {"act": "grant", "record": "name", "reason": "与身份证一致"}
    assert sign_in(cast.hr).post(door, grant).status_code == 422
    Person.objects.filter(pk=cast.learner.pk).update(name="张晓明")  # as a roster writes it
    for officer in (cast.hr, second):
        assert sign_in(officer).post(door, grant).status_code == 302
    assert Appeal.objects.get().state == "granted"
    Person.objects.filter(pk=cast.learner.pk).update(name="张小明")
    refused("not_counted", freeze, cast=cast, period=period)
    Person.objects.filter(pk=cast.learner.pk).update(name="张晓明")
    freeze(cast, period)
    assert package.frozen(period).people.get(person=cast.learner).person_name == "张晓明"


def test_points_that_an_appeal_gave_move_the_total_and_the_ranks_of_others(cast, period, second):
    appeal = appealed(period, cast.own_leader, unit=cast.bureau, item_key="K1")
    granted(cast, second, appeal, points=Decimal("0.5"))
    found = services.compared(period, at=year.AFTER_APPEALS)[0]
    assert {one.difference.key for one in found} >= {f"U:{cast.bureau.code}"} and not any(one.unexplained for one in found)
    assert freeze(cast, period).state == "frozen"


def published_anew(cast, second, period):
    services.propose_reopen(period=period, by=cast.hr, reason="补录学时", at=year.AFTER_APPEALS)
    services.reopen(period=period, by=second, at=year.AFTER_APPEALS)
    services.publish(period=period, by=cast.hr, at=datetime(2027, 1, 11, 4, tzinfo=UTC))
    services.open_appeals(period=period, by=cast.hr, at=datetime(2027, 1, 19, 4, tzinfo=UTC))


def test_after_it_was_published_anew_the_freeze_goes_through(cast, period, second):
    given_hours(cast, cast.learner)
    refused("unexplained", freeze, cast=cast, period=period)
    published_anew(cast, second, period)
    assert services.freeze(period=period, by=cast.hr, at=datetime(2027, 1, 27, 4, tzinfo=UTC)).state == "frozen"


def test_an_appeal_left_open_over_a_reopening_is_granted_afterwards_and_counts(cast, period, second):
    """It is about the lines that were published before; granted since, it vouches for what it changes in those that are published now."""
    later, end = datetime(2027, 1, 20, 4, tzinfo=UTC), datetime(2027, 1, 27, 4, tzinfo=UTC)
    of_points, of_hours = appealed(period, cast.own_leader, unit=cast.bureau, item_key="K1"), appealed(period, cast.learner)
    published_anew(cast, second, period)
    given_hours(cast, cast.learner, at=later)
    remedies = {of_points: {"points": Decimal("0.5")}, of_hours: {"record": "hours"}}
    for appeal, remedy in remedies.items():
        appeals.grant(appeal=appeal, by=cast.hr, reason="属实", remedy=appeals.Remedy(**remedy), at=later)
        appeals.grant(appeal=appeal, by=second, reason="属实", at=later)
    assert not any(one.unexplained for one in services.compared(period, at=end)[0])
    services.freeze(period=period, by=cast.hr, at=end)
    assert package.frozen(period).people.get(person=cast.learner).hours == 2
    line = UnitLine.objects.get(calculation=package.frozen(period), unit=cast.bureau)
    assert next(Decimal(one["points"]) for one in line.items if one["key"] == "K1") > 0


def test_what_was_granted_before_it_was_published_anew_vouches_for_nothing_afterwards(cast, period, second):
    given_hours(cast, cast.learner)
    granted(cast, second, appealed(period, cast.learner), record="hours")
    published_anew(cast, second, period)
    given_hours(cast, cast.learner, at=datetime(2027, 1, 20, 4, tzinfo=UTC))
    refused("unexplained", services.freeze, period=period, by=cast.hr, at=datetime(2027, 1, 27, 4, tzinfo=UTC))


def test_a_record_that_was_changed_back_before_the_second_word_is_not_granted(cast, period, second):
    appeal = appealed(period, cast.learner)
    given_hours(cast, cast.learner)
    appeals.grant(appeal=appeal, by=cast.hr, reason="属实", remedy=appeals.Remedy(record="hours"), at=year.APPEALS)
    given_hours(cast, cast.learner, "-2")
    assert "没有变动" in refused("not_corrected", appeals.grant, appeal=appeal, by=second, reason="属实", at=year.APPEALS)
    given_hours(cast, cast.learner, "2")
    assert appeals.grant(appeal=appeal, by=second, reason="属实", at=year.APPEALS).state == "granted"


def test_a_record_that_was_changed_back_after_both_words_holds_the_freeze_and_the_appeal_is_named(
    cast, sign_in, period, second, afterwards
):
    given_hours(cast, cast.learner)
    granted(cast, second, appealed(period, cast.learner), record="hours")
    given_hours(cast, cast.learner, "-2")
    assert "张小明（学时）" in refused("not_counted", freeze, cast=cast, period=period)
    assert "张小明（学时）" in sign_in(cast.hr).get(reverse("period", args=[period.pk]) + "?compare=1").text
    given_hours(cast, cast.learner)
    freeze(cast, period)
    assert package.frozen(period).people.get(person=cast.learner).hours == 2


def test_what_was_granted_and_changed_back_can_be_published_anew(cast, period, second):
    given_hours(cast, cast.learner)
    granted(cast, second, appealed(period, cast.learner), record="hours")
    given_hours(cast, cast.learner, "-2")
    published_anew(cast, second, period)
    assert services.freeze(period=period, by=cast.hr, at=datetime(2027, 1, 27, 4, tzinfo=UTC)).state == "frozen"


def test_more_granted_appeals_take_no_more_queries_to_be_looked_at(cast, period, second, django_assert_max_num_queries):
    def one_more(who):
        given_hours(cast, who)
        granted(cast, second, appealed(period, who), record="hours")

    one_more(cast.learner)
    with CaptureQueriesContext(connection) as few:
        assert services.compared(period, at=year.AFTER_APPEALS)[1] == []
    for who in (cast.colleague, cast.own_leader, cast.other_leader, cast.liaison):
        one_more(who)
    with django_assert_max_num_queries(len(few)):
        services.compared(period, at=year.AFTER_APPEALS)


def test_points_of_an_item_that_comes_to_count_nothing_hold_the_freeze_and_the_appeal_is_named(cast, sign_in, policy, second, afterwards):
    period = year.opened(cast)
    for name in ("年度任务数", "审核通过的标准目录条目"):
        reports.confirm(figure=told(cast, period, name, "2", key=name, at=year.CLOSED), by=second, at=year.CLOSED)
    period = year.in_appeals(cast, period)
    of_points, of_figure = (appealed(period, who, unit=cast.bureau, item_key="K5") for who in (cast.own_leader, cast.liaison))
    granted(cast, second, of_points, points=Decimal(-1))
    reports.confirm(figure=told(cast, period, "年度任务数", "0", key="0"), by=second, at=year.APPEALS)
    granted(cast, second, of_figure, record="figure")
    words = refused("not_counted", freeze, cast=cast, period=period)
    assert "姚安县教育体育局（K5 -1.00）" in words and "不计分" in words
    assert "姚安县教育体育局（K5 -1.00）" in sign_in(cast.hr).get(reverse("period", args=[period.pk]) + "?compare=1").text
    published_anew(cast, second, period)
    assert services.freeze(period=period, by=cast.hr, at=datetime(2027, 1, 27, 4, tzinfo=UTC)).state == "frozen"


def test_points_that_were_published_hold_the_freeze_where_an_appeal_makes_their_item_count_nothing(cast, policy, second):
    period = year.opened(cast)
    for name in ("年度任务数", "审核通过的标准目录条目"):
        reports.confirm(figure=told(cast, period, name, "2", key=name, at=year.CLOSED), by=second, at=year.CLOSED)
    period = year.in_appeals(cast, period)
    granted(cast, second, appealed(period, cast.own_leader, unit=cast.bureau, item_key="K5"), points=Decimal(-1))
    published_anew(cast, second, period)
    later, end = datetime(2027, 1, 20, 4, tzinfo=UTC), datetime(2027, 1, 27, 4, tzinfo=UTC)
    about = {"unit": cast.bureau, "item_key": "K5", "text": "未下达任务", "form_key": "z", "at": later}
    appeal = appeals.file(period=Period.objects.get(), by=cast.liaison, **about)
    reports.confirm(figure=told(cast, period, "年度任务数", "0", key="0", at=later), by=second, at=later)
    appeals.grant(appeal=appeal, by=cast.hr, reason="属实", remedy=appeals.Remedy(record="figure"), at=later)
    appeals.grant(appeal=appeal, by=second, reason="属实", at=later)
    refused("not_counted", services.freeze, period=period, by=cast.hr, at=end)


@pytest.mark.parametrize("comes", [True, False])
def test_the_line_of_a_unit_that_a_granted_posting_makes_come_or_go_follows_from_it(cast, policy, second, comes):
    """The county itself has a line only with people."""
    postings = Posting.objects.filter(person=cast.learner)
    before, after = (cast.section, cast.county) if comes else (cast.county, cast.section)
    postings.update(unit=before)
    period = year.in_appeals(cast)
    appeal = appealed(period, cast.learner)
    postings.update(unit=after)
    unexplained = {one.difference.key for one in services.compared(period, at=year.AFTER_APPEALS)[0] if one.unexplained}
    assert f"U:{cast.county.code}" in unexplained
    granted(cast, second, appeal, record="posting")
    found = {one.difference.key: one for one in services.compared(period, at=year.AFTER_APPEALS)[0]}
    assert found[f"U:{cast.county.code}"].difference.state == ("added" if comes else "gone")
    assert not any(one.unexplained for one in found.values())
    freeze(cast, period)
    assert package.frozen(period).units.filter(unit=cast.county).exists() == comes


# Reports


def test_after_publication_no_deduction_is_reported_or_confirmed(cast, policy, second):
    period = year.published(cast)
    assert "公示" in refused("published", told, cast=cast, period=period)
    services.open_appeals(period=period, by=cast.hr, at=year.APPEALS)
    refused("published", told, cast=cast, period=period)
    appeal = appealed(period, cast.own_leader, unit=cast.bureau, item_key="D1")
    waits = told(cast, period)
    appeals.refuse(appeal=appeal, by=cast.hr, reason="无误", at=year.APPEALS)
    refused("published", reports.confirm, figure=waits, by=second, at=year.APPEALS)


def test_a_figure_that_nobody_confirmed_holds_publicity_until_it_is_confirmed_or_taken_back(cast, policy, second):
    period = year.opened(cast)
    services.cut_off(period=period, by=cast.hr, at=year.CLOSED)
    kept, other = told(cast, period, at=year.CLOSED), told(cast, period, "B1", "1", at=year.CLOSED, key="b")
    assert "2项" in refused("unconfirmed", services.publish, period=period, by=cast.hr, at=year.CLOSED)
    reports.confirm(figure=kept, by=second, at=year.CLOSED)
    refused("done", reports.withdraw, figure=kept, by=cast.hr, at=year.CLOSED)
    refused("not_hr", reports.withdraw, figure=other, by=cast.own_leader, at=year.CLOSED)
    assert reports.withdraw(figure=other, by=second, at=year.CLOSED) == reports.withdraw(figure=other, by=cast.hr, at=year.CLOSED)
    refused("withdrawn", reports.confirm, figure=other, by=second, at=year.CLOSED)
    services.publish(period=period, by=cast.hr, at=year.CLOSED)
    figures = UnitLine.objects.get(calculation=services.published(Period.objects.get()), unit=cast.bureau).figures
    assert (figures["D1"], figures["B1"]) == ("1", "0")


def test_a_report_that_is_taken_back_lets_the_one_before_wait_again(cast, policy, second):
    period = year.opened(cast)
    first, later = told(cast, period, at=year.CLOSED), told(cast, period, value="3", at=year.CLOSED, key="e")
    assert reports.waiting(period) == [later]
    reports.withdraw(figure=later, by=cast.hr, at=year.CLOSED)
    assert reports.waiting(period) == [first] and reports.confirm(figure=first, by=second, at=year.CLOSED)


def test_a_figure_that_waits_holds_the_freeze_and_the_page_says_what_to_do(cast, sign_in, period, second, afterwards):
    appeal = appealed(period, cast.own_leader, unit=cast.bureau, item_key="D1")
    waits = told(cast, period)
    appeals.refuse(appeal=appeal, by=second, reason="无误", at=year.APPEALS)
    assert "1项" in refused("unconfirmed", freeze, cast=cast, period=period)
    door, figures = (reverse(name, args=[period.pk]) for name in ("period", "period_figures"))
    page = sign_in(cast.hr).get(door)
    assert "等待确认" in page.text and f'href="{figures}"' in page.text and 'value="frozen"' not in page.text
    assert "等待确认" not in sign_in(cast.learner).get(door).text.split("<main")[1].split("shortcuts")[1]
    assert sign_in(cast.auditor).post(figures, {"withdraw": waits.pk}).status_code == 403
    assert sign_in(cast.hr).post(figures, {"withdraw": waits.pk}).status_code == 302
    assert freeze(cast, period).state == "frozen"


def test_an_open_appeal_of_the_unit_lets_the_figure_that_it_is_about_be_reported(cast, period, second):
    appeal = appealed(period, cast.own_leader, unit=cast.bureau, item_key="K5")
    refused("published", told, cast=cast, period=period)
    refused("published", told, cast=cast, period=period, name="年度任务数", unit=cast.other_bureau)
    for name in ("年度任务数", "审核通过的标准目录条目"):
        reports.confirm(figure=told(cast, period, name, "2", key=name), by=second, at=year.APPEALS)
    granted(cast, second, appeal, record="figure")
    found = services.compared(period, at=year.AFTER_APPEALS)[0]
    assert found and not any(one.unexplained for one in found)
    freeze(cast, period)
    assert UnitLine.objects.get(calculation=package.frozen(period), unit=cast.bureau).figures["年度任务数"] == "2"


def test_a_figure_whose_appeal_was_turned_down_is_not_frozen(cast, period, second):
    appeal = appealed(period, cast.own_leader, unit=cast.bureau, item_key="D1")
    reports.confirm(figure=told(cast, period), by=second, at=year.APPEALS)
    appeals.refuse(appeal=appeal, by=cast.hr, reason="无误", at=year.APPEALS)
    refused("unexplained", freeze, cast=cast, period=period)
    found = {one.difference.key: one.unexplained for one in services.compared(period, at=year.AFTER_APPEALS)[0]}
    assert "figures:D1" in found[f"U:{cast.bureau.code}"]


# The door


def test_hr_sees_before_the_freeze_what_differs_and_what_nothing_explains(cast, sign_in, period, afterwards):
    door = reverse("period", args=[period.pk])
    hr = sign_in(cast.hr)
    assert "?compare=1" in hr.get(door).text
    assert "没有变化" in hr.get(f"{door}?compare=1").text and not ReadingOfOthers.objects.exists()
    given_hours(cast, cast.learner)
    page = hr.get(f"{door}?compare=1")
    assert cast.learner.employee_number in page.text and 'value="frozen"' not in page.text
    assert ReadingOfOthers.objects.get().what == "comparison before the freeze"
    tried = hr.post(door, {"act": "frozen"})
    assert tried.status_code == 422 and cast.learner.employee_number in tried.text and "0.00 → 2.00" in tried.text


@pytest.mark.parametrize("who", ["learner", "own_leader", "auditor", "trainer"])
def test_nobody_but_hr_compares(cast, sign_in, period, afterwards, who):
    given_hours(cast, cast.colleague)
    text = sign_in(getattr(cast, who)).get(reverse("period", args=[period.pk]) + "?compare=1").text
    assert 'id="h-compare"' not in text and "?compare=1#" not in text and cast.colleague.name not in text.split("<main")[1]
