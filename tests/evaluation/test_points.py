"""Points that an appeal was granted are taken back by two officers, while the period is reopened, and count in nothing afterwards."""

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.urls import reverse

from core import clock
from courses.models import Course
from evaluation import period_views
from evaluation.indicators import explain
from evaluation.models import Period, PointCorrection, PointsTakenBack, PointWithdrawal, UnitLine
from evaluation.periods import appeals, package, points, services
from tests.certificates.conftest import keys, private
from tests.evaluation import rows, year
from tests.evaluation.year import refused

__all__ = ["keys", "private"]
pytestmark = pytest.mark.usefixtures("private", "keys", "policy")
AGAIN = datetime(2027, 1, 11, 4, tzinfo=UTC)


@pytest.fixture
def policy(cast):
    rows.course(cast.county, required=["chief", "staff"])
    return rows.policy()


@pytest.fixture
def granted(cast, policy, second) -> PointCorrection:
    """A point more on K1 of the bureau, which was frozen; then the period was reopened."""
    period = year.in_appeals(cast)
    appeal = appeals.file(period=period, by=cast.own_leader, text="漏计", form_key="a", at=year.APPEALS, unit=cast.bureau, item_key="K1")
    remedy = appeals.Remedy(points=Decimal(1))
    appeals.grant(appeal=appeal, by=cast.hr, reason="属实", remedy=remedy, at=year.APPEALS)
    appeals.grant(appeal=appeal, by=second, reason="属实", at=year.APPEALS)
    services.freeze(period=period, by=cast.hr, at=year.AFTER_APPEALS)
    reopen(cast, second, period)
    return PointCorrection.objects.get()


@pytest.fixture
def now(monkeypatch):
    doors = SimpleNamespace(now=lambda: AGAIN, today=lambda given=None: clock.today(given or AGAIN))
    monkeypatch.setattr(period_views, "clock", doors)


def reopen(cast, second, period):
    services.propose_reopen(period=period, by=cast.hr, reason="记录有误", at=year.AFTER_APPEALS)
    services.reopen(period=period, by=second, at=year.AFTER_APPEALS)


def published_line(cast) -> UnitLine:
    services.publish(period=Period.objects.get(), by=cast.hr, at=AGAIN)
    return UnitLine.objects.get(calculation=services.published(Period.objects.get()), unit=cast.bureau)


def k1(line) -> Decimal:
    return next(Decimal(one["points"]) for one in line.items if one["key"] == "K1")


def test_points_that_two_officers_took_back_do_not_count_beside_the_record_that_was_put_right(cast, second, granted):
    with_them = UnitLine.objects.get(calculation__purpose="freeze", unit=cast.bureau)
    points.propose(correction=granted, by=cast.hr, reason="完课记录已补登", at=AGAIN)
    points.take_back(correction=granted, by=second, at=AGAIN)
    for who in (cast.learner, cast.own_leader):
        rows.complete(who, Course.objects.get())
    line = published_line(cast)
    without = next(one for one in explain.explain(line).items if one.item.key == "K1")
    assert k1(line) == without.points and not without.corrections
    assert [one.corrections for one in explain.explain(with_them).items if one.item.key == "K1"] == [[granted]]  # as it was frozen


def test_points_that_nobody_took_back_go_on_counting(cast, second, granted):
    points.propose(correction=granted, by=cast.hr, reason="完课记录已补登", at=AGAIN)
    assert k1(published_line(cast)) == k1(UnitLine.objects.get(calculation__purpose="freeze", unit=cast.bureau)) > 0


def test_taking_points_back_takes_two_officers_and_a_reason(cast, second, granted):
    for who in (cast.learner, cast.own_leader, cast.auditor, cast.other_hr):
        refused("not_hr", points.propose, correction=granted, by=who, reason="x", at=AGAIN)
    refused("no_reason", points.propose, correction=granted, by=cast.hr, reason=" ", at=AGAIN)
    refused("no_proposal", points.take_back, correction=granted, by=second, at=AGAIN)
    first = points.propose(correction=granted, by=cast.hr, reason="已补登", at=AGAIN)
    assert points.propose(correction=granted, by=second, reason="也", at=AGAIN) == first == PointWithdrawal.objects.get()
    refused("same_officer", points.take_back, correction=granted, by=cast.hr, at=AGAIN)
    refused("not_hr", points.take_back, correction=granted, by=cast.auditor, at=AGAIN)
    points.take_back(correction=granted, by=second, at=AGAIN)
    refused("done", points.take_back, correction=granted, by=second, at=AGAIN)
    refused("done", points.propose, correction=granted, by=cast.hr, reason="再", at=AGAIN)
    assert PointsTakenBack.objects.count() == 1


def test_points_are_taken_back_only_while_the_period_is_reopened_and_an_old_proposal_is_void(cast, second, granted):
    points.propose(correction=granted, by=cast.hr, reason="已补登", at=AGAIN)
    services.publish(period=granted.period, by=cast.hr, at=AGAIN)
    refused("order", points.take_back, correction=granted, by=second, at=AGAIN)
    refused("order", points.propose, correction=granted, by=cast.hr, reason="再", at=AGAIN)
    services.propose_reopen(period=granted.period, by=cast.hr, reason="再", at=AGAIN)
    services.reopen(period=granted.period, by=second, at=AGAIN)
    refused("no_proposal", points.take_back, correction=granted, by=second, at=AGAIN)


def test_what_was_taken_back_leaves_the_package_of_the_freeze_before_as_it_was(cast, second, granted):
    frozen = granted.period.calculations.get(purpose="freeze")
    before = package.make(frozen).data
    points.propose(correction=granted, by=cast.hr, reason="已补登", at=AGAIN)
    points.take_back(correction=granted, by=second, at=AGAIN)
    assert package.make(frozen).data == before


def test_the_page_of_the_reopened_period_lists_the_points_and_takes_both_words(cast, sign_in, second, granted, now):
    door = reverse("period", args=[granted.period_id])
    page = sign_in(cast.hr).get(door)
    assert "K1" in page.text and "属实" in page.text and 'value="propose_points"' in page.text
    assert (
        'value="propose_points"' not in sign_in(cast.auditor).get(door).text and "h-points" not in sign_in(cast.own_leader).get(door).text
    )
    given = {"act": "propose_points", "correction": granted.pk, "reason": "完课记录已补登"}
    assert sign_in(cast.hr).post(door, given | {"reason": ""}).status_code == 422
    assert sign_in(cast.own_leader).post(door, given).status_code == 404
    for wrong in ("", "x", "9" * 30, granted.pk + 1):
        assert sign_in(cast.hr).post(door, given | {"correction": wrong}).status_code == 404
    assert sign_in(cast.hr).post(door, given).status_code == 302
    assert 'value="take_points_back"' not in sign_in(cast.hr).get(door).text
    assert 'value="take_points_back"' in sign_in(second).get(door).text
    assert sign_in(cast.hr).post(door, {"act": "take_points_back", "correction": granted.pk}).status_code == 422
    assert sign_in(second).post(door, {"act": "take_points_back", "correction": granted.pk}).status_code == 302
    assert "h-points" not in sign_in(cast.hr).get(door).text
    assert "已收回" in sign_in(cast.own_leader).get(reverse("appeal", args=[granted.decision.appeal_id])).text


def test_more_points_take_no_more_queries(cast, second, granted, django_assert_num_queries):
    for number in range(5):
        PointCorrection.objects.create(
            period=granted.period, unit=cast.bureau, item_key="K2", points=number + 1, reason="x", by=cast.hr, approved=second, at=AGAIN
        )
    period = Period.objects.select_related("version").get()
    assert period.steps_taken
    with django_assert_num_queries(2):
        assert len(points.given(period)) == 6
