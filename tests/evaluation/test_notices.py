"""Staff learn of publicity, of the days for appeals and of the answer to theirs where they come in, not by looking for it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from evaluation import evidence
from evaluation.models import Appeal
from evaluation.periods import appeals, services
from home import waiting
from people.models import Person
from tests.certificates.conftest import keys, private
from tests.evaluation import rows, year

__all__ = ["keys", "private"]
pytestmark = pytest.mark.usefixtures("private", "keys", "policy")


@pytest.fixture
def policy(cast):
    rows.course(cast.county, required=["chief", "staff"])
    return rows.policy()


def told(someone, at) -> dict[str, str]:
    return {one.url: one.words for one in waiting.for_person(Person.objects.get(pk=someone.pk), at=at)}


def test_publicity_and_the_days_for_objections_are_told_while_they_run_to_everybody_of_the_county_and_nobody_else(cast):
    period = year.opened(cast)
    assert told(cast.learner, year.NOON) == {}
    year.published(cast, period)
    door = reverse("period_publicity", args=[period.pk])
    for someone in (cast.learner, cast.own_leader, cast.trainer, cast.hr):
        assert told(someone, year.CLOSED) == {door: "年度考评结果公示至 2026-12-28，请查看本人和本单位的结果"}
    assert told(cast.stranger, year.CLOSED) == {} == told(cast.other_hr, year.CLOSED)
    assert told(cast.learner, year.CLOSED + timedelta(days=9)) == {}  # over, though nobody took the next step yet
    services.open_appeals(period=period, by=cast.hr, at=year.APPEALS)
    assert told(cast.learner, year.APPEALS) == {door: "年度考评结果的申诉受理至 2027-01-06"}
    services.freeze(period=period, by=cast.hr, at=year.AFTER_APPEALS)
    assert told(cast.learner, year.AFTER_APPEALS) == {}


def test_an_answer_is_told_to_whom_the_objection_is_of_with_its_page(cast, second):
    period = year.in_appeals(cast)
    turned_down = appeals.file(period=period, by=cast.learner, text="学时少了", form_key="a", at=year.APPEALS)
    granted = appeals.file(period=period, by=cast.own_leader, unit=cast.bureau, item_key="K1", text="已完成", form_key="b", at=year.APPEALS)
    answer = "您对年度考评结果的申诉已有答复"
    assert answer not in told(cast.learner, year.APPEALS).values()
    appeals.refuse(appeal=turned_down, by=cast.hr, reason="台账无误", at=year.APPEALS)
    remedy = appeals.Remedy(points=Decimal("0.5"))
    appeals.grant(appeal=granted, by=cast.hr, reason="属实", remedy=remedy, at=year.APPEALS)
    assert answer not in told(cast.own_leader, year.APPEALS).values()  # one officer's word grants nothing yet
    appeals.grant(appeal=Appeal.objects.get(pk=granted.pk), by=second, reason="属实", at=year.APPEALS)

    assert told(cast.learner, year.APPEALS)[reverse("appeal", args=[turned_down.pk])] == answer
    assert told(cast.own_leader, year.APPEALS)[reverse("appeal", args=[granted.pk])] == answer
    assert answer not in told(cast.colleague, year.APPEALS).values()
    assert told(cast.learner, year.APPEALS + timedelta(days=31)) == {}


def test_an_answer_to_what_was_filed_on_paper_is_told_to_the_person_and_not_to_the_officer(cast, second):
    period, files = year.in_appeals(cast), [evidence.File("申诉书.pdf", b"%PDF-1.7\n%%EOF\n")]
    facts = {"person": cast.learner, "text": "学时少了", "form_key": "p", "files": files, "at": year.APPEALS}
    appeal = appeals.file(period=period, by=cast.hr, **facts)
    appeals.refuse(appeal=appeal, by=second, reason="台账无误", at=year.APPEALS)
    door = reverse("appeal", args=[appeal.pk])
    assert door in told(cast.learner, year.APPEALS) and door not in told(cast.hr, year.APPEALS)


def test_both_pages_that_one_comes_to_say_it(cast, sign_in, monkeypatch):
    year.published(cast)
    monkeypatch.setattr("evaluation.periods.notices.clock.today", lambda at: year.CLOSED.date())
    for someone, door in ((cast.learner, "my_learning"), (cast.own_leader, "my_learning"), (cast.own_leader, "dashboard")):
        page = sign_in(someone).get(reverse(door))
        assert "结果公示至 2026-12-28" in page.text, (someone, door)
