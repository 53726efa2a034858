"""Who is counted but gone: they read their line and appeal in the county that counts them, or HR files what they wrote on paper."""

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core import clock
from evaluation import appeal_views, evidence, period_views
from evaluation.models import Appeal, AppealEvidence, Period, PersonLine
from evaluation.periods import appeals
from people.models import ReadingOfOthers
from people.services import postings
from tests.cast import EVERYBODY, grant, person
from tests.certificates.conftest import keys, private
from tests.evaluation import rows, year
from tests.evaluation.year import refused

__all__ = ["keys", "private"]
pytestmark = pytest.mark.usefixtures("private", "keys", "policy", "now")
PDF = b"%PDF-1.7\n%%EOF\n"
PAPER = [evidence.File("申诉书.pdf", PDF)]


@pytest.fixture
def policy(cast):
    rows.course(cast.county, required=["chief", "staff"])
    return rows.policy()


@pytest.fixture
def now(monkeypatch):
    doors = SimpleNamespace(now=lambda: year.APPEALS, today=lambda given=None: clock.today(given or year.APPEALS))
    for module in (period_views, appeal_views):
        monkeypatch.setattr(module, "clock", doors)


@pytest.fixture
def third(cast):
    someone = person("YA30002", "第三位", cast.other_bureau)
    grant(someone, "hr", cast.county)
    return someone


@pytest.fixture
def retired(cast):
    """The learner retired in November: counted, and unable to sign in."""
    postings.leave(person=cast.learner, status="retired", on=date(2026, 11, 30))
    cast.learner.refresh_from_db()
    assert not cast.learner.is_active
    return cast.learner


@pytest.fixture
def moved(cast):
    """The learner serves in the other county since November: counted here as somebody who left late."""
    postings.post(person=cast.learner, unit=cast.other_county, title="科员", duties=["staff"], starts_on=date(2026, 11, 1))
    cast.learner.refresh_from_db()
    return cast.learner


def on_paper(cast, period, who, by=None, key="p", files=PAPER):
    by = by or cast.hr
    return appeals.file(period=period, by=by, person=who, text="学时少了两个", form_key=key, at=year.APPEALS, files=files)


def doors(period):
    return {name: reverse(name, args=[period.pk]) for name in ("period", "period_publicity", "appeals", "appeal_new")}


# Who moved to another county


def test_who_moved_to_another_county_reads_their_line_and_appeals_where_they_are_counted(cast, sign_in, second, moved):
    period = year.in_appeals(cast)
    assert PersonLine.objects.get(person=moved).counted
    client = sign_in(moved)
    for door in doors(period).values():
        assert client.get(door).status_code == 200, door
    assert 'id="h-mine"' in client.get(doors(period)["period_publicity"]).text
    assert doors(period)["period"] in client.get(reverse("periods")).text
    assert client.post(doors(period)["appeal_new"], {"about": "own", "text": "少了", "form_key": "k"}).status_code == 302
    assert Appeal.objects.get().person == moved


def test_who_moved_reads_nothing_else_of_the_county_that_counts_them(cast, sign_in, second, moved):
    period = year.in_appeals(cast)
    grant(moved, "hr", cast.other_county)
    client = sign_in(moved)
    for name in ("period_chain", "hand_over_desk", "period_preview"):
        assert client.get(reverse(name, args=[period.pk])).status_code == 404, name
    assert client.get(reverse("period_figures", args=[period.pk])).status_code == 403
    assert client.post(doors(period)["period"], {"act": "frozen"}).status_code == 404
    assert client.get(doors(period)["appeal_new"] + "?for=YA10002").status_code == 404
    other = appeals.file(period=period, by=cast.colleague, text="少了", form_key="o", at=year.APPEALS)
    assert client.get(reverse("appeal", args=[other.pk])).status_code == 404
    assert cast.colleague.name not in client.get(doors(period)["appeals"]).text


def test_who_decides_on_an_appeal_of_who_moved_is_led_to_their_hours_and_leave_of_then(
    cast, sign_in, now, second, moved, django_assert_max_num_queries
):
    appeal = appeals.file(period=year.in_appeals(cast), by=moved, text="漏记请假", form_key="a", at=year.APPEALS)
    page, hub = reverse("appeal", args=[appeal.pk]), reverse("claim_for", args=[moved.pk])
    officer = sign_in(second)
    with django_assert_max_num_queries(15):
        assert f'href="{hub}"' in officer.get(page).text
    assert f'href="{reverse("leaves", args=[moved.pk])}"' in officer.get(hub).text
    assert hub not in sign_in(moved).get(page).text


def test_before_anything_is_published_who_moved_sees_no_period_of_the_county_before(cast, second, moved):
    year.opened(cast)
    assert not Period.objects.visible_to(moved).exists()
    for name in set(EVERYBODY) - {"learner", "other_hr", "stranger"}:
        assert Period.objects.visible_to(getattr(cast, name)).exists()


# On paper


def test_hr_files_for_somebody_who_cannot_sign_in_and_two_others_grant(cast, second, third, retired):
    period = year.in_appeals(cast)
    appeal = on_paper(cast, period, retired)
    assert (appeal.person, appeal.by, appeal.about, appeal.is_on_paper) == (retired, cast.hr, retired.name, True)
    rows.added(person=retired, year=2026, hours=Decimal(2), reason="补录", by=second, at=year.APPEALS)
    remedy = appeals.Remedy(record="hours")
    refused("own", appeals.grant, appeal=appeal, by=cast.hr, reason="属实", remedy=remedy, at=year.APPEALS)
    refused("own", appeals.refuse, appeal=appeal, by=cast.hr, reason="不", at=year.APPEALS)
    refused("not_own", appeals.withdraw, appeal=appeal, by=cast.hr, at=year.APPEALS)
    appeals.grant(appeal=appeal, by=second, reason="属实", remedy=remedy, at=year.APPEALS)
    refused("own", appeals.grant, appeal=appeal, by=cast.hr, reason="属实", at=year.APPEALS)
    assert appeals.grant(appeal=appeal, by=third, reason="属实", at=year.APPEALS).state == "granted"
    trace = ModelLogEntry.objects.get(action="evaluation.appeal_filed")
    assert (trace.user, trace.data["person"], trace.data["name"], trace.data["on_paper"]) == (cast.hr, "YA10001", retired.name, True)


def test_nobody_files_on_paper_but_hr_of_the_county_nor_without_the_paper(cast, second, retired):
    period = year.in_appeals(cast)
    for name in sorted(set(EVERYBODY) - {"hr", "learner"}):
        refused("not_hr", on_paper, cast, period, retired, by=getattr(cast, name))
    refused("no_evidence", on_paper, cast, period, retired, files=[])
    refused("no_line", on_paper, cast, period, cast.stranger)
    assert not Appeal.objects.exists()


def test_the_person_reads_what_was_filed_for_them_and_may_withdraw_it(cast, sign_in, second):
    appeal = on_paper(cast, year.in_appeals(cast), cast.learner)
    door = reverse("appeal", args=[appeal.pk])
    text = sign_in(cast.learner).get(door).text
    assert "代录书面申诉" in text and cast.hr.name in text and 'value="withdraw"' in text
    text = sign_in(cast.hr).get(door).text
    assert 'value="withdraw"' not in text and 'value="grant"' not in text
    assert sign_in(cast.hr).post(door, {"act": "withdraw"}).status_code == 422
    assert sign_in(cast.learner).post(door, {"act": "withdraw"}).status_code == 302 and not Appeal.objects.open().exists()


def test_hr_files_at_the_door_by_the_employee_number_with_the_paper(cast, sign_in, second, retired):
    period = year.in_appeals(cast)
    client, door = sign_in(cast.hr), doors(period)["appeal_new"]
    assert 'name="for"' in client.get(doors(period)["appeals"]).text
    assert 'name="for"' not in sign_in(cast.auditor).get(doors(period)["appeals"]).text
    client = sign_in(cast.hr)
    page = client.get(door, {"for": " YA10001 "})
    assert retired.name in page.text and "选填" not in page.text.split("<form")[-1]
    given = {"about": "own", "text": "学时少了两个", "form_key": "k"}
    assert client.post(f"{door}?for=YA10001", given).status_code == 422 and not Appeal.objects.exists()
    paper = SimpleUploadedFile("申诉书.pdf", PDF)
    assert client.post(f"{door}?for=YA10001", given | {"files": paper}).status_code == 302
    assert Appeal.objects.get().person == retired and AppealEvidence.objects.get().name == "申诉书.pdf"
    sign_in(second).get(reverse("appeal", args=[Appeal.objects.get().pk]))
    assert ReadingOfOthers.objects.get(what="appeal").subject == retired


@pytest.mark.parametrize("number", ["", "nobody", "DY10002", "YA\x0010001", "9" * 500])
def test_a_number_of_nobody_of_the_period_is_said_and_files_nothing(cast, sign_in, second, number):
    period = year.in_appeals(cast)
    page = sign_in(cast.hr).get(doors(period)["appeal_new"], {"for": number})
    assert page.status_code == 200 and "没有使用该工号" in page.text and cast.stranger.name not in page.text
    given = {"about": "own", "text": "少了", "form_key": "k", "files": SimpleUploadedFile("a.pdf", PDF)}
    answered = sign_in(cast.hr).post(doors(period)["appeal_new"], given, query_params={"for": number})
    assert answered.status_code == 422 and not Appeal.objects.exists()


@pytest.mark.parametrize("who", sorted(set(EVERYBODY) - {"hr"}))
def test_nobody_else_opens_the_form_for_somebody(cast, sign_in, second, who):
    period = year.in_appeals(cast)
    assert sign_in(getattr(cast, who)).get(doors(period)["appeal_new"], {"for": "YA10001"}).status_code == 404
