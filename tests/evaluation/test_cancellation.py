"""A period that was opened wrongly is cancelled by two officers, as long as nothing of it was published; then the year is opened anew."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core.errors import Refused
from evaluation.indicators import dry_run, reports
from evaluation.models import Cancellation, Period, PeriodStep, UnitFigure
from evaluation.periods import package, services
from tests.cast import NOON
from tests.certificates.conftest import keys, private
from tests.evaluation import year
from tests.evaluation.year import refused
from tests.quizzes.test_races import together

__all__ = ["keys", "private"]
pytestmark = pytest.mark.usefixtures("private", "keys", "policy")


def cancelled(cast, second, period=None, at=NOON) -> Period:
    period = period or year.opened(cast)
    services.propose_cancellation(period=period, by=cast.hr, reason="日期录错", at=at)
    services.cancel(period=period, by=second, at=at)
    return Period.objects.get(pk=period.pk)


def test_cancelling_takes_two_persons_and_is_traced(cast, second):
    period = year.opened(cast)
    refused("no_proposal", services.cancel, period=period, by=second, at=NOON)
    proposal = services.propose_cancellation(period=period, by=cast.hr, reason="日期录错", at=NOON)
    assert services.propose_cancellation(period=period, by=second, reason="再", at=NOON) == proposal
    refused("same_officer", services.cancel, period=period, by=cast.hr, at=NOON)
    assert Period.objects.get().state == "open"
    step = services.cancel(period=period, by=second, at=NOON)
    assert (step.state, step.by, step.second, step.reason) == ("cancelled", cast.hr, second, "日期录错")
    assert ModelLogEntry.objects.filter(action="evaluation.period_cancelled", user=second).count() == 1
    refused("no_proposal", services.cancel, period=period, by=cast.hr, at=NOON)


def test_who_proposed_for_a_wrong_reason_gives_another_and_the_newest_stands(cast, second):
    period = year.opened(cast)
    wrong = services.propose_cancellation(period=period, by=cast.hr, reason="日期录错", at=NOON)
    right = services.propose_cancellation(period=period, by=cast.hr, reason="指标选错", at=NOON)
    assert services.propose_cancellation(period=period, by=cast.hr, reason="指标选错", at=NOON) == right != wrong
    refused("replaced", services.cancel, period=period, by=second, at=NOON, seen=str(wrong.pk))
    assert services.cancel(period=period, by=second, at=NOON, seen=str(right.pk)).reason == "指标选错"


@pytest.mark.parametrize("who", ["learner", "own_leader", "liaison", "trainer", "admin", "auditor", "other_hr"])
def test_nobody_but_hr_of_the_county_cancels(cast, who):
    period, someone = year.opened(cast), getattr(cast, who)
    refused("not_hr", services.propose_cancellation, period=period, by=someone, reason="错", at=NOON)
    services.propose_cancellation(period=period, by=cast.hr, reason="错", at=NOON)
    refused("not_hr", services.cancel, period=period, by=someone, at=NOON)


def test_without_a_reason_and_once_something_was_published_nothing_is_cancelled(cast, second):
    period = year.opened(cast)
    refused("no_reason", services.propose_cancellation, period=period, by=cast.hr, reason=" ", at=NOON)
    services.propose_cancellation(period=period, by=cast.hr, reason="错", at=NOON)
    period = year.published(cast, period)
    refused("no_proposal", services.cancel, period=period, by=second, at=year.CLOSED)
    refused("order", services.propose_cancellation, period=period, by=cast.hr, reason="错", at=year.CLOSED)
    services.propose_reopen(period=period, by=cast.hr, reason="错", at=year.CLOSED)
    services.reopen(period=period, by=second, at=year.CLOSED)
    assert Period.objects.get().state == "cut_off"
    refused("order", services.propose_cancellation, period=period, by=cast.hr, reason="错", at=year.CLOSED)


def test_a_proposal_is_void_once_another_step_was_taken(cast, second):
    period = year.opened(cast)
    services.propose_cancellation(period=period, by=cast.hr, reason="错", at=NOON)
    services.cut_off(period=period, by=cast.hr, at=year.CLOSED)
    refused("no_proposal", services.cancel, period=period, by=second, at=year.CLOSED)
    assert cancelled(cast, second, period, at=year.CLOSED).state == "cancelled" and Cancellation.objects.count() == 2


def test_a_cancelled_period_takes_no_step_and_no_figure(cast, second):
    period = year.opened(cast)
    told = {"values": {"年度任务数": Decimal(2)}, "reason": "责任书", "by": cast.hr, "at": NOON}
    reports.report(period=period, unit=cast.bureau, form_key="t", **told)
    period = cancelled(cast, second, period)
    refused("order", services.cut_off, period=period, by=cast.hr, at=year.CLOSED)
    refused("order", services.propose_reopen, period=period, by=cast.hr, reason="错", at=year.CLOSED)
    assert "取消" in refused("over", reports.report, period=period, unit=cast.bureau, form_key="u", **told)
    assert not UnitFigure.objects.waiting_for(second).exists()


def test_the_year_is_opened_anew_and_only_the_new_period_counts(cast, second, tmp_path):
    old = cancelled(cast, second)
    assert dry_run.frame_for(cast.county, old.version, at=NOON).pk is None
    new = year.opened(cast, opens_on=date(2026, 1, 5))
    assert (old.number, new.number) == (1, 2)
    refused("standing", year.opened, cast=cast)
    assert list(Period.objects.not_cancelled()) == [new] == list(Period.objects.newest_of_year())
    year.frozen(cast, new)
    call_command("evaluation_package", "2026", to=tmp_path)
    assert next(tmp_path.iterdir()).read_bytes() == package.of(new).data


def test_a_cancelled_year_is_told_as_such_until_it_is_opened_anew(cast, second):
    old = cancelled(cast, second)
    assert list(Period.objects.newest_of_year()) == [old] and not Period.objects.not_cancelled().exists()


def test_the_database_holds_one_period_a_year_and_number(cast):
    period = year.opened(cast)
    fields = {
        name: getattr(period, name) for name in ("county", "year", "number", "version", "opens_on", "cutoff_on", "freeze_on", "by", "at")
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        Period.objects.create(**fields, publicity_days=5, appeal_days=5)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_officers_open_a_cancelled_year_once(cast, second):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    cancelled(cast, second)
    results = together(lambda: year.opened(cast), lambda: year.opened(cast))
    assert [one.code for one in results if isinstance(one, Refused)] == ["standing"], results
    assert Period.objects.not_cancelled().count() == 1


def test_cancelling_at_the_door_takes_two(cast, sign_in, second):
    period = year.opened(cast)
    door = reverse("period", args=[period.pk])
    assert sign_in(cast.learner).post(door, {"act": "propose_cancellation", "reason": "错"}).status_code == 404
    assert sign_in(cast.hr).post(door, {"act": "propose_cancellation", "reason": ""}).status_code == 422
    assert sign_in(cast.hr).post(door, {"act": "propose_cancellation", "reason": "日期录错"}).status_code == 302
    assert 'value="cancel"' not in sign_in(cast.hr).get(door).text and "日期录错" not in sign_in(cast.learner).get(door).text
    assert 'value="cancel"' in sign_in(second).get(door).text
    assert sign_in(second).post(door, {"act": "cancel"}).status_code == 302
    assert PeriodStep.objects.get().state == "cancelled"
    page = sign_in(cast.learner).get(door)
    assert page.status_code == 200 and "已取消" in page.text and 'class="period-steps"' not in page.text
    assert "已取消" in sign_in(cast.learner).get(reverse("periods")).text
    assert sign_in(cast.hr).get(reverse("period_figures", args=[period.pk])).status_code == 200
    assert sign_in(cast.learner).get(reverse("appeals", args=[period.pk])).status_code == 200


def test_days_far_away_are_refused_at_the_door_with_what_was_entered(cast, sign_in):
    from evaluation.indicators import versions

    given = {"county": cast.county.pk, "year": 2026, "version": versions.ensure_default(at=NOON).pk}
    page = sign_in(cast.hr).post(reverse("period_new"), {**given, "opens_on": "0206-01-01", "freeze_on": "9000-01-01"})
    assert page.status_code == 422 and "2026 年内" in page.text and "2027" in page.text and not Period.objects.exists()
