"""What one officer proposed or granted first counts at the second one's word only while the first still holds the power for it."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from evaluation import claims
from evaluation.indicators import reports, versions
from evaluation.models import Appeal, AppealDecision, HourClaim, IndicatorVersion, LedgerEntry, Period, PointCorrection, UnitFigure
from evaluation.periods import appeals, points, services
from people.models import Person, RoleGrant
from tests.cast import grant, person
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
def third(cast):
    someone = person("YA30002", "第三位", cast.other_bureau)
    grant(someone, "hr", cast.county)
    return someone


def loses_the_role(someone):
    RoleGrant.objects.filter(person=someone, role="hr").update(ends_on=date(2026, 12, 1))


def has_the_role_again(someone, county):
    grant(someone, "hr", county)
    return Person.objects.get(pk=someone.pk)  # as a later request reads them


def test_who_is_hr_no_more_reopens_nothing_by_an_old_proposal_and_another_proposes_anew(cast, second, third):
    period = year.in_appeals(cast)
    services.propose_reopen(period=period, by=cast.hr, reason="漏录", at=year.APPEALS)
    loses_the_role(cast.hr)
    refused("no_proposal", services.reopen, period=period, by=second, at=year.APPEALS)
    assert services.standing_proposal(period) is None
    made = services.propose_reopen(period=period, by=second, reason="另有原因", at=year.APPEALS)
    assert made.by == second and services.standing_proposal(period) == made
    refused("same_officer", services.reopen, period=period, by=second, at=year.APPEALS)
    step = services.reopen(period=period, by=third, at=year.APPEALS)
    assert (step.by, step.second, step.reason) == (second, third, "另有原因")


def test_who_may_not_sign_in_any_more_reopens_nothing_either(cast, second):
    period = year.in_appeals(cast)
    services.propose_reopen(period=period, by=cast.hr, reason="漏录", at=year.APPEALS)
    type(cast.hr).objects.filter(pk=cast.hr.pk).update(is_active=False)
    refused("no_proposal", services.reopen, period=period, by=second, at=year.APPEALS)


def test_who_is_hr_no_more_cancels_nothing_by_an_old_proposal(cast, second, third):
    period = year.opened(cast)
    services.propose_cancellation(period=period, by=cast.hr, reason="开错", at=year.CLOSED)
    loses_the_role(cast.hr)
    refused("no_proposal", services.cancel, period=period, by=second, at=year.CLOSED)
    services.propose_cancellation(period=period, by=second, reason="开错", at=year.CLOSED)
    assert services.cancel(period=period, by=third, at=year.CLOSED).by == second


def test_who_is_hr_no_more_takes_no_points_back_by_an_old_proposal(cast, second, third):
    period = year.in_appeals(cast)
    services.propose_reopen(period=period, by=second, reason="重算", at=year.APPEALS)
    services.reopen(period=period, by=third, at=year.APPEALS)
    facts = {"unit": cast.bureau, "item_key": "K1", "points": Decimal(1), "reason": "属实", "at": year.APPEALS}
    given = PointCorrection.objects.create(period=period, by=second, approved=third, **facts)
    points.propose(correction=given, by=cast.hr, reason="重复", at=year.APPEALS)
    loses_the_role(cast.hr)
    refused("no_proposal", points.take_back, correction=given, by=second, at=year.APPEALS)
    assert [one.proposal for one in points.given(Period.objects.select_related("version").get())] == [None]
    points.propose(correction=given, by=second, reason="重复", at=year.APPEALS)
    assert points.take_back(correction=given, by=third, at=year.APPEALS).author == second


def test_a_first_word_on_an_appeal_by_who_is_hr_no_more_is_given_anew_and_both_stay_on_record(cast, sign_in, second, third):
    period = year.in_appeals(cast)
    about = {"unit": cast.bureau, "item_key": "K1", "text": "漏计", "form_key": "a", "at": year.APPEALS}
    appeal = appeals.file(period=period, by=cast.own_leader, **about)
    said = {"appeal": appeal, "reason": "属实", "at": year.APPEALS}
    appeals.grant(by=cast.hr, remedy=appeals.Remedy(points=Decimal(3)), **said)
    loses_the_role(cast.hr)
    refused("no_remedy", appeals.grant, by=second, **said)
    door = f"/evaluation/appeals/{appeal.pk}/"
    assert 'name="points"' in sign_in(second).get(door).text
    assert appeals.grant(by=second, remedy=appeals.Remedy(points=Decimal(1)), **said).state == "second"
    refused("same_officer", appeals.grant, by=second, **said)
    assert appeals.grant(by=third, **said).state == "granted"
    correction = PointCorrection.objects.get()
    assert (correction.by, correction.approved, correction.points) == (second, third, 1)
    page = sign_in(cast.own_leader).get(door).text
    assert all(one.name in page for one in (cast.hr, second, third))
    assert [one.points for one in Appeal.objects.get().decided] == [1, 1]


def test_a_first_approval_of_a_claim_by_who_is_hr_no_more_is_given_anew(cast, sign_in, second, third):
    facts = claims.Facts("self_study", "自学", "本人", date(2026, 11, 5), date(2026, 11, 5), Decimal(2))
    files = [claims.File("笔记.pdf", b"%PDF-1.7\n%%EOF\n")]
    claim = claims.file(person=cast.learner, facts=facts, files=files, form_key="c", at=year.CLOSED)
    claims.approve(claim=claim, by=cast.hr, at=year.CLOSED)
    loses_the_role(cast.hr)
    assert claims.approve(claim=claim, by=second, at=year.CLOSED).state == "second" and not LedgerEntry.objects.exists()
    refused("same_officer", claims.approve, claim=claim, by=second, at=year.CLOSED)
    assert claims.approve(claim=claim, by=third, at=year.CLOSED).state == "credited"
    assert LedgerEntry.objects.get().hours == 2 and [one.by for one in HourClaim.objects.get().steps] == [second, third]
    page = sign_in(cast.learner).get(f"/hours/claims/{claim.pk}/").text
    assert all(one.name in page for one in (cast.hr, second, third))


@pytest.mark.parametrize("old", [{"points": Decimal(90)}, {"item_key": "K2"}])
def test_a_first_word_that_gives_what_could_not_be_given_now_is_not_confirmed_and_can_be_taken_back(cast, second, old):
    period = year.in_appeals(cast)
    about = {"unit": cast.bureau, "item_key": "K1", "text": "漏计", "form_key": "a", "at": year.APPEALS}
    appeal = appeals.file(period=period, by=cast.own_leader, **about)
    word = {"step": 1, "verdict": "granted", "item_key": "K1", "points": Decimal(1), "reason": "属实", "by": cast.hr, "at": year.APPEALS}
    AppealDecision.objects.create(appeal=appeal, **word | old)
    refused("no_points", appeals.grant, appeal=appeal, by=second, reason="属实", at=year.APPEALS)
    assert not PointCorrection.objects.exists()
    assert appeals.refuse(appeal=appeal, by=cast.hr, reason="分值有误", at=year.APPEALS).state == "refused"


def test_who_is_hr_again_confirms_the_first_word_that_another_gave_meanwhile_on_an_appeal(cast, sign_in, second):
    period = year.in_appeals(cast)
    about = {"unit": cast.bureau, "item_key": "K1", "text": "漏计", "form_key": "a", "at": year.APPEALS}
    appeal = appeals.file(period=period, by=cast.own_leader, **about)
    said = {"appeal": appeal, "reason": "属实", "at": year.APPEALS}
    appeals.grant(by=cast.hr, remedy=appeals.Remedy(points=Decimal(3)), **said)
    loses_the_role(cast.hr)
    appeals.grant(by=second, remedy=appeals.Remedy(points=Decimal(1)), **said)
    again = has_the_role_again(cast.hr, cast.county)
    assert Appeal.objects.waiting_for(again).get() == appeal and not Appeal.objects.waiting_for(second).exists()
    assert not appeals.lacks_officer(Appeal.objects.get())
    assert 'value="grant"' in sign_in(again).get(f"/evaluation/appeals/{appeal.pk}/").text
    refused("same_officer", appeals.grant, by=second, **said)
    assert appeals.grant(by=again, **said).state == "granted"
    assert (PointCorrection.objects.get().by, PointCorrection.objects.get().approved) == (second, again)


def test_who_is_hr_again_approves_a_claim_that_another_approved_first_meanwhile(cast, sign_in, second):
    facts = claims.Facts("self_study", "自学", "本人", date(2026, 11, 5), date(2026, 11, 5), Decimal(2))
    files = [claims.File("笔记.pdf", b"%PDF-1.7\n%%EOF\n")]
    claim = claims.file(person=cast.learner, facts=facts, files=files, form_key="c", at=year.CLOSED)
    claims.approve(claim=claim, by=cast.hr, at=year.CLOSED)
    loses_the_role(cast.hr)
    claims.approve(claim=claim, by=second, at=year.CLOSED)
    again = has_the_role_again(cast.hr, cast.county)
    assert HourClaim.objects.waiting_for(again).get() == claim and not HourClaim.objects.waiting_for(second).exists()
    assert not claims.lacks_officer(HourClaim.objects.get())
    assert 'value="approve"' in sign_in(again).get(f"/hours/claims/{claim.pk}/").text
    refused("same_officer", claims.approve, claim=claim, by=second, at=year.CLOSED)
    assert claims.approve(claim=claim, by=again, at=year.CLOSED).state == "credited"


def test_a_first_word_of_ones_own_that_stands_again_does_not_wait_for_oneself(cast, second):
    facts = claims.Facts("self_study", "自学", "本人", date(2026, 11, 5), date(2026, 11, 5), Decimal(2))
    files = [claims.File("笔记.pdf", b"%PDF-1.7\n%%EOF\n")]
    claim = claims.file(person=cast.learner, facts=facts, files=files, form_key="c", at=year.CLOSED)
    claims.approve(claim=claim, by=cast.hr, at=year.CLOSED)
    claim_waits = HourClaim.objects.waiting_for(cast.hr).exists()
    loses_the_role(cast.hr)
    again = has_the_role_again(cast.hr, cast.county)
    refused("same_officer", claims.approve, claim=claim, by=again, at=year.CLOSED)
    assert not (claim_waits or HourClaim.objects.waiting_for(again).exists())
    assert claims.approve(claim=claim, by=second, at=year.CLOSED).state == "credited"


def test_a_figure_that_was_reported_by_who_is_hr_no_more_is_reported_anew(cast, sign_in, second, third):
    period = year.opened(cast)
    told = {"period": period, "unit": cast.bureau, "values": {"D1": Decimal(1)}, "reason": "通报", "form_key": "d", "at": year.CLOSED}
    figure = reports.report(by=cast.hr, **told)[0]
    loses_the_role(cast.hr)
    figure = UnitFigure.objects.get(pk=figure.pk)  # as a later request reads it
    refused("author_gone", reports.confirm, figure=figure, by=second, at=year.CLOSED)
    assert not UnitFigure.objects.waiting_for(second).exists()
    page = sign_in(second).get(f"/evaluation/periods/{period.pk}/figures/").text
    assert 'name="confirm"' not in page and 'name="withdraw"' in page
    assert reports.confirm(figure=reports.report(by=second, **told)[0], by=third, at=year.CLOSED)


def test_a_version_that_was_written_by_who_is_hr_no_more_is_written_anew(cast, sign_in, second, third):
    default = versions.ensure_default(at=year.CLOSED)
    data = {**default.spec, "chain_below": "5"}
    told = {"county": cast.county, "data": data, "source": "县文件", "mark": "D", "note": "改标准", "at": year.CLOSED}
    written = versions.propose(by=cast.hr, after=default, **told)
    loses_the_role(cast.hr)
    written = IndicatorVersion.objects.get(pk=written.pk)
    assert not IndicatorVersion.objects.waiting_for(second).exists()
    assert "批准此版本" not in sign_in(second).get(reverse("indicator_version", args=[written.pk])).text
    refused("author_gone", versions.approve, version=written, by=second, at=year.CLOSED)
    again = versions.propose(by=second, after=written, **told)
    assert IndicatorVersion.objects.waiting_for(third).get() == again
    assert versions.approve(version=again, by=third, at=year.CLOSED)
