"""The doors of the yearly evaluation, tried by everybody of the cast."""

import csv
import io
import json
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from core import clock
from evaluation import appeal_views, claims, period_views
from evaluation.indicators import reports
from evaluation.models import Appeal, AppealEvidence, Calculation, Period, Reminder, ReminderAnswer, UnitLine
from evaluation.periods import appeals, chain, package, services
from home import waiting
from people.models import DutyAssignment, Posting, ReadingOfOthers
from people.services import postings, roles
from tests.cast import EVERYBODY, NOON, grant, person
from tests.certificates.conftest import keys, private
from tests.evaluation import frozen as by_hand
from tests.evaluation import rows, year
from tests.evaluation.exporting import take, whole_file

__all__ = ["keys", "private"]
pytestmark = pytest.mark.usefixtures("private", "keys", "policy")
OUTSIDE = {"other_hr", "stranger"}
everybody = pytest.mark.parametrize("who", EVERYBODY)


@pytest.fixture
def policy(cast):
    """Hours count, and one course is required of leaders and staff: nobody has begun it."""
    rows.course(cast.county, required=["chief", "staff"])
    return rows.policy()


@pytest.fixture
def on(monkeypatch):
    """The clock of these doors on a day of the year; the session's own goes on."""

    def set_to(at):
        doors = SimpleNamespace(now=lambda: at, today=lambda given=None: clock.today(given or at))
        for module in (period_views, appeal_views):
            monkeypatch.setattr(module, "clock", doors)

    return set_to


@pytest.fixture
def period(cast, policy, on):
    on(year.APPEALS)
    return year.in_appeals(cast)


@everybody
def test_everybody_of_the_county_reads_its_period_and_nobody_of_another(cast, sign_in, period, who):
    client = sign_in(getattr(cast, who))
    wanted = 404 if who in OUTSIDE else 200
    for name in ("period", "period_publicity", "appeals", "appeal_new"):
        assert client.get(reverse(name, args=[period.pk])).status_code == wanted, name
    assert client.get(reverse("periods")).status_code == 200 == client.get(reverse("my_reminders")).status_code
    assert client.get(reverse("period_chain", args=[period.pk])).status_code == (200 if who in ("hr", "auditor") else 404)


PAGES = ("period", "period_publicity", "appeals", "period_chain", "period_figures", "hand_over_desk")


@pytest.mark.parametrize("role", ["hr", "auditor"])
def test_hr_and_auditors_by_a_grant_work_in_a_county_where_they_do_not_serve(cast, sign_in, period, role):
    grant(cast.stranger, role, cast.county)
    client = sign_in(cast.stranger)
    for name in PAGES:
        assert client.get(reverse(name, args=[period.pk])).status_code == 200, name
    assert period in client.get(reverse("periods")).context["periods"]


def test_an_appraiser_of_a_county_beside_a_post_in_another_works_on_its_evaluation(cast, sign_in, period):
    aside = Posting.objects.create(person=cast.stranger, unit=cast.bureau, title="考评员", is_main=False, starts_on=NOON.date())
    DutyAssignment.objects.create(posting=aside, duty="appraiser", starts_on=NOON.date())
    roles.sync_many([cast.stranger.pk], on=NOON.date(), by=cast.admin, hr_for=[cast.stranger.pk])
    for name in PAGES:
        assert sign_in(cast.stranger).get(reverse(name, args=[period.pk])).status_code == 200, name


def test_whoever_reads_another_county_is_not_told_that_its_results_are_about_them(cast, period):
    grant(cast.stranger, "hr", cast.county)
    door = reverse("period_publicity", args=[period.pk])
    assert door in [one.url for one in waiting.for_person(cast.learner, at=year.APPEALS)]
    assert door not in [one.url for one in waiting.for_person(cast.stranger, at=year.APPEALS)]


def test_nobody_reads_anything_signed_out(client, period):
    for name in ("period", "period_publicity", "appeals", "appeal_new", "period_chain"):
        assert client.get(reverse(name, args=[period.pk])).status_code == 302


@pytest.mark.parametrize("who", sorted(set(EVERYBODY) - {"hr"}))
def test_only_hr_takes_steps_at_the_door(cast, sign_in, on, who):
    period = year.opened(cast)
    on(year.CLOSED)
    assert sign_in(getattr(cast, who)).post(reverse("period", args=[period.pk]), {"act": "cut_off"}).status_code == 404
    assert Period.objects.get().state == "open"
    assert sign_in(getattr(cast, who)).get(reverse("period_new")).status_code == (200 if who == "other_hr" else 403)


def test_hr_takes_the_year_from_open_to_frozen_at_the_door(cast, sign_in, on):
    from evaluation.indicators import versions

    version = versions.ensure_default(at=year.NOON)
    on(year.NOON)
    client = sign_in(cast.hr)
    wrong = {"county": cast.county.pk, "year": 2026, "version": version.pk, "freeze_on": "2026-12-25"}
    page = client.post(reverse("period_new"), wrong)
    assert page.status_code == 422 and "2027-01-07" in page.text and 'value="2026"' in page.text
    assert client.post(reverse("period_new"), {**wrong, "freeze_on": ""}).status_code == 302
    door = reverse("period", args=[Period.objects.get().pk])
    on(year.NOON)
    early = client.post(door, {"act": "cut_off"})
    assert early.status_code == 422 and "2026-12-20" in early.text
    for act, at in (("cut_off", year.CLOSED), ("publicity", year.CLOSED), ("appeals", year.APPEALS), ("frozen", year.AFTER_APPEALS)):
        on(at)
        assert f'value="{act}"' in client.get(door).text
        assert client.post(door, {"act": act}).status_code == 302
    assert Period.objects.get().state == "frozen"


def test_the_page_says_what_comes_next_and_why_not_yet(cast, sign_in, period):
    page = sign_in(cast.hr).get(reverse("period", args=[period.pk]))
    assert "2027-01-06" in page.text and 'value="frozen"' not in page.text and "2027年放假安排尚未公布" in page.text


def test_reopening_at_the_door_takes_two(cast, sign_in, period):
    second = person("YA30001", "第二位", cast.other_bureau)
    grant(second, "hr", cast.county)
    door = reverse("period", args=[period.pk])
    assert sign_in(cast.hr).post(door, {"act": "propose_reopen", "reason": ""}).status_code == 422
    assert sign_in(cast.hr).post(door, {"act": "propose_reopen", "reason": "漏报"}).status_code == 302
    assert 'value="reopen"' not in sign_in(cast.hr).get(door).text
    assert sign_in(cast.hr).post(door, {"act": "reopen"}).status_code == 422
    assert "漏报" not in sign_in(cast.learner).get(door).text
    assert sign_in(second).post(door, {"act": "reopen"}).status_code == 302
    assert Period.objects.get().state == "cut_off"


def test_a_proposal_that_was_replaced_meanwhile_is_looked_at_again_before_it_is_confirmed(cast, sign_in, period):
    second = grant(person("YA30001", "第二位", cast.other_bureau), "hr", cast.county).person
    door, given = reverse("period", args=[period.pk]), {"act": "propose_reopen", "reason": "漏报"}
    assert sign_in(cast.hr).post(door, given | {"settle_anew": "on"}).status_code == 302
    confirm = {"act": "reopen", "proposal": f"{sign_in(second).get(door).context['proposal'].pk}"}
    assert "以新提议代替" not in sign_in(second).get(door).text
    own = sign_in(cast.hr).get(door)
    assert "以新提议代替" in own.text and own.context["form"]["reason"].value() == "漏报"
    assert sign_in(cast.hr).post(door, given).status_code == 302
    again = sign_in(second).post(door, confirm)
    assert again.status_code == 422 and "请重新查看" in again.text and "必修要求保持不变" in again.text
    assert f'name="proposal" value="{again.context["proposal"].pk}"' in again.text
    assert sign_in(second).post(door, {"act": "reopen", "proposal": again.context["proposal"].pk}).status_code == 302


# Publicity


@pytest.mark.parametrize("who", ["learner", "own_leader", "hr", "auditor"])
def test_publicity_shows_units_and_nobodys_line_but_ones_own(cast, sign_in, period, who):
    me = getattr(cast, who)
    text = sign_in(me).get(reverse("period_publicity", args=[period.pk])).text
    main = text[text.index("<main") :]
    assert cast.bureau.name in main and cast.other_bureau.name in main and "本人结果" in main
    assert not [one.name for one in cast.people if one != me and one.name in main]


@pytest.mark.parametrize("who", ["learner", "own_leader", "other_leader", "hr"])
def test_ones_own_unit_stands_before_those_of_the_county(cast, sign_in, period, who):
    me = getattr(cast, who)
    page = sign_in(me).get(reverse("period_publicity", args=[period.pk]))
    own = UnitLine.objects.get(calculation=services.published(period), unit__path=me.unit.organ_path)
    main = page.text[page.text.index("<main") :]
    assert page.context["own_unit"] == own and "本单位" in main
    assert own.unit_name in main[main.index('id="h-own"') : main.index("<table")]
    total = "—" if own.total is None else own.total
    assert f">{total}<" in main[main.index('id="h-own"') : main.index("<table")]


def test_who_counts_in_no_unit_is_shown_that_where_they_serve(cast, sign_in, period):
    newcomer = person("YA30002", "新来的", cast.section)
    page = sign_in(newcomer).get(reverse("period_publicity", args=[period.pk]))
    assert page.context["mine"] is None and page.context["own_unit"].unit == cast.bureau


@pytest.mark.parametrize(("who", "opens"), [("learner", 1), ("own_leader", 1), ("other_leader", 1), ("hr", 3), ("auditor", 3)])
def test_a_published_line_opens_for_whoever_may_look_behind_it(cast, sign_in, period, who, opens):
    client = sign_in(getattr(cast, who))
    text = client.get(reverse("period_publicity", args=[period.pk])).text
    links = [f'href="{reverse("unit_line", args=[line.pk])}"' for line in UnitLine.objects.all()]
    assert sum(link in text for link in links) == opens
    assert all(client.get(link[6:-1]).status_code == (200 if link in text else 404) for link in links)


def test_the_own_file_leads_to_the_yearly_evaluation(cast, sign_in):
    assert f'href="{reverse("periods")}"' in sign_in(cast.learner).get(reverse("my_file")).text.split("<main")[1]


def test_a_vertical_unit_is_shown_without_a_rank(cast, sign_in, on):
    cast.other_bureau.is_vertical = True
    cast.other_bureau.save()
    period = year.published(cast)
    text = sign_in(cast.learner).get(reverse("period_publicity", args=[period.pk])).text
    row = text[text.index(cast.other_bureau.name) :].split("</tr>")[0]
    assert "—" in row and "垂直" in row


@everybody
def test_only_hr_looks_at_what_would_be_published(cast, sign_in, on, who):
    on(year.CLOSED)
    period = year.opened(cast)
    assert sign_in(getattr(cast, who)).get(reverse("period_preview", args=[period.pk])).status_code == (200 if who == "hr" else 404)


def test_what_is_previewed_is_what_is_then_published(cast, sign_in, on):
    on(year.CLOSED)
    period = year.opened(cast)
    services.cut_off(period=period, by=cast.hr, at=year.CLOSED)
    client = sign_in(cast.hr)
    assert reverse("period_preview", args=[period.pk]) in client.get(reverse("period", args=[period.pk])).text
    before = client.get(reverse("period_preview", args=[period.pk]))
    assert not Calculation.objects.exists()

    client.post(reverse("period", args=[period.pk]), {"act": "publicity"})

    made = Calculation.objects.get()
    told = {line.unit_name: (line.rank, line.total, line.band, items) for line, items in before.context["rows"]}
    after = client.get(reverse("period_publicity", args=[period.pk])).context["rows"]
    assert told == {line.unit_name: (line.rank, line.total, line.band, items) for line, items in after} != {}
    counted = {True: before.context["counted"], False: sum(number for _reason, number in before.context["uncounted"])}
    assert counted == {each: made.people.filter(counted=each).count() for each in (True, False)} and counted[True]
    assert client.get(reverse("period_preview", args=[period.pk])).status_code == 404


def claimed(someone, day=date(2026, 11, 5), key="c"):
    facts = claims.Facts("self_study", f"自学{key}", "本人", day, day, Decimal(2))
    return claims.file(person=someone, facts=facts, files=[claims.File("笔记.pdf", b"%PDF-1.7\n%%EOF\n")], form_key=key, at=year.CLOSED)


def test_claims_of_the_year_that_wait_hold_publication_until_they_are_decided(cast, sign_in, second, on):
    on(year.CLOSED)
    period = year.opened(cast)
    services.cut_off(period=period, by=cast.hr, at=year.CLOSED)
    first, refused = claimed(cast.learner), claimed(cast.colleague, key="d")
    claims.approve(claim=first, by=cast.hr, at=year.CLOSED)
    claimed(cast.learner, date(2026, 12, 21), key="later")  # after the cut-off day: it counts in no evaluation
    claimed(cast.stranger, key="elsewhere")
    door, preview, listed = reverse("period", args=[period.pk]), reverse("period_preview", args=[period.pk]), reverse("claim_list")
    for page in (door, preview):
        text = sign_in(cast.hr).get(page).text
        assert "2项学时申报待审批" in text and f'href="{listed}?show=open"' in text, page
    assert "?show=open" not in sign_in(cast.learner).get(door).text
    assert 'value="publicity"' not in sign_in(cast.hr).get(door).text
    assert sign_in(cast.hr).post(door, {"act": "publicity"}).status_code == 422
    claims.approve(claim=first, by=second, at=year.CLOSED)
    claims.refuse(claim=refused, by=second, reason="无证明", at=year.CLOSED)
    assert sign_in(cast.hr).post(door, {"act": "publicity"}).status_code == 302
    assert Calculation.objects.get().people.get(person=cast.learner).hours == 2
    services.open_appeals(period=period, by=cast.hr, at=year.APPEALS)
    assert services.freeze(period=period, by=cast.hr, at=year.AFTER_APPEALS).state == "frozen"


def test_a_claim_in_another_county_of_who_served_here_in_the_period_holds_publication_too(cast, sign_in, on):
    on(year.CLOSED)
    postings.post(person=cast.learner, unit=cast.other_county, title="科员", duties=["staff"], starts_on=date(2026, 11, 1))
    period = year.opened(cast)
    services.cut_off(period=period, by=cast.hr, at=year.CLOSED)
    claimed(cast.stranger, key="theirs alone")
    claim = claimed(cast.learner, date(2026, 12, 5), key="moved")
    assert "大姚" in claim.unit_name
    tried = sign_in(cast.hr).post(reverse("period", args=[period.pk]), {"act": "publicity"})
    assert tried.status_code == 422 and "由该县人事部门审批：大姚县人民政府（1）" in tried.text and "请先审批" not in tried.text
    for page in ("period", "period_preview"):
        text = sign_in(cast.hr).get(reverse(page, args=[period.pk])).text
        assert "由该县人事部门审批：大姚县人民政府（1）" in text and "?show=open" not in text and cast.learner.name not in text, page
    ours = claimed(cast.colleague, key="ours")
    told = year.refused("open_claims", services.publish, period=period, by=cast.hr, at=year.CLOSED)
    assert "还有2项" in told and "大姚县人民政府（1）" in told and "本县的请先审批" in told
    text = sign_in(cast.hr).get(reverse("period", args=[period.pk])).text
    assert "1项学时申报待审批" in text and "?show=open" in text and "大姚县人民政府（1）" in text
    claims.refuse(claim=ours, by=cast.hr, reason="无证明", at=year.CLOSED)
    claims.refuse(claim=claim, by=cast.other_hr, reason="无证明", at=year.CLOSED)
    assert services.publish(period=period, by=cast.hr, at=year.CLOSED)


def test_what_is_not_published_is_not_there(cast, sign_in, on):
    assert sign_in(cast.hr).get(reverse("period_publicity", args=[year.opened(cast).pk])).status_code == 404


def test_publicity_takes_no_more_queries_for_more_units(cast, sign_in, on, django_assert_max_num_queries):
    for number in range(15):
        cast.county.refresh_from_db()
        cast.county.add_child(code=f"532325-Z{number}", name=f"第{number}局", kind="department")
    period = year.published(cast)
    client = sign_in(cast.learner)
    client.get(reverse("period_publicity", args=[period.pk]))
    with django_assert_max_num_queries(14):
        client.get(reverse("period_publicity", args=[period.pk]))


@pytest.mark.parametrize("reached", [year.opened, year.published, year.in_appeals, year.frozen])
def test_a_period_takes_few_queries_at_each_step(cast, policy, sign_in, on, reached, django_assert_max_num_queries):
    period = reached(cast)
    client = sign_in(cast.hr)
    client.get(reverse("periods"))
    with django_assert_max_num_queries(13):
        assert client.get(reverse("period", args=[period.pk])).status_code == 200


# Appeals


def file(cast, who="learner", key="a"):
    return appeals.file(period=Period.objects.get(), by=getattr(cast, who), text="学时少了两个", form_key=key, at=year.APPEALS)


def test_a_person_files_an_appeal_with_evidence_at_the_door(cast, sign_in, period):
    door, client = reverse("appeal_new", args=[period.pk]), sign_in(cast.learner)
    empty = client.post(door, {"about": "own", "text": "", "form_key": "k"})
    assert empty.status_code == 422
    bad = client.post(door, {"about": "own", "text": "少了两个学时", "form_key": "k", "files": SimpleUploadedFile("a.pdf", b"<html>")})
    assert bad.status_code == 422 and "少了两个学时" in bad.text
    good = {"about": "own", "text": "少了两个学时", "form_key": "k", "files": SimpleUploadedFile("证明.pdf", b"%PDF-1.7\n%%EOF\n")}
    assert client.post(door, good).status_code == 302
    made = Appeal.objects.get()
    assert (made.person, made.text, AppealEvidence.objects.get().name) == (cast.learner, "少了两个学时", "证明.pdf")
    evidence = client.get(reverse("appeal_evidence", args=[made.pk, 0]))
    assert evidence.content.startswith(b"%PDF") and evidence["X-Content-Type-Options"] == "nosniff"


def test_a_leader_is_offered_the_items_of_the_unit_and_a_learner_is_not(cast, sign_in, period):
    door, value = reverse("appeal_new", args=[period.pk]), f"{cast.bureau.pk}:K1"
    assert value in sign_in(cast.own_leader).get(door).text and value not in sign_in(cast.learner).get(door).text
    assert sign_in(cast.learner).post(door, {"about": value, "text": "错", "form_key": "k"}).status_code == 422
    assert sign_in(cast.own_leader).post(door, {"about": value, "text": "错", "form_key": "k"}).status_code == 302
    assert (Appeal.objects.get().unit, Appeal.objects.get().item_key) == (cast.bureau, "K1")


def test_after_the_deadline_the_door_names_the_day(cast, sign_in, period, on):
    on(year.AFTER_APPEALS)
    page = sign_in(cast.learner).post(reverse("appeal_new", args=[period.pk]), {"about": "own", "text": "错", "form_key": "k"})
    assert page.status_code == 422 and "2027-01-06" in page.text and not Appeal.objects.exists()


@everybody
def test_a_persons_appeal_is_read_by_them_hr_and_auditors_alone(cast, sign_in, period, who):
    made = file(cast)
    status = sign_in(getattr(cast, who)).get(reverse("appeal", args=[made.pk])).status_code
    assert status == (200 if who in ("learner", "hr", "auditor") else 404)
    assert ReadingOfOthers.objects.filter(what="appeal").exists() == (who in ("hr", "auditor"))


@everybody
def test_a_units_appeal_is_read_by_those_who_speak_for_it_too(cast, sign_in, period, who):
    made = appeals.file(period=period, by=cast.own_leader, unit=cast.bureau, item_key="K1", text="漏计", form_key="a", at=year.APPEALS)
    status = sign_in(getattr(cast, who)).get(reverse("appeal", args=[made.pk])).status_code
    assert status == (200 if who in ("own_leader", "liaison", "hr", "auditor") else 404)


@pytest.mark.parametrize("who", sorted(set(EVERYBODY) - {"hr", "learner"}))
def test_nobody_else_decides_at_the_door(cast, sign_in, period, who):
    made = file(cast)
    page = sign_in(getattr(cast, who)).post(reverse("appeal", args=[made.pk]), {"act": "refuse", "reason": "不"})
    assert page.status_code == 404 and Appeal.objects.get().state == "first"


def of_item(cast, period, item_key="K1"):
    return appeals.file(
        period=period, by=cast.own_leader, unit=cast.bureau, item_key=item_key, text="漏", form_key=item_key, at=year.APPEALS
    )


def test_two_officers_grant_at_the_door_and_the_trace_shows_both(cast, sign_in, second, period):
    door = reverse("appeal", args=[of_item(cast, period).pk])
    lacking = sign_in(cast.hr).post(door, {"act": "grant", "how": "points", "points": "", "reason": "属实"})
    assert lacking.status_code == 422
    given = {"act": "grant", "how": "points", "points": "0.5", "reason": "属实"}
    assert sign_in(cast.hr).post(door, given).status_code == 302
    assert 'value="grant"' not in sign_in(cast.hr).get(door).text
    assert sign_in(second).post(door, {"act": "grant", "reason": "同意"}).status_code == 302
    text = sign_in(cast.own_leader).get(door).text
    assert cast.hr.name in text and "第二位" in text and "0.5" in text and Appeal.objects.get().state == "granted"


def test_who_reads_a_grant_is_led_to_a_page_of_the_corrected_record_that_they_may_open(cast, sign_in, second, period):
    rows.added(person=cast.learner, year=2026, hours=Decimal(2), reason="补录", by=cast.hr, at=year.APPEALS)
    persons, units = file(cast), of_item(cast, period, "D1")
    door = reverse("appeal", args=[persons.pk])
    assert 'name="link"' not in sign_in(cast.hr).get(door).text and 'name="points"' not in sign_in(cast.hr).get(door).text
    for officer in (cast.hr, second):
        assert sign_in(officer).post(door, {"act": "grant", "record": "hours", "reason": "补录"}).status_code == 302
    told = {"values": {"D1": Decimal(1)}, "reason": "通报", "form_key": "d", "by": cast.hr, "at": year.APPEALS}
    reports.confirm(figure=reports.report(period=period, unit=cast.bureau, **told)[0], by=second, at=year.APPEALS)
    of_figure = reverse("appeal", args=[units.pk])
    for officer in (cast.hr, second):
        assert sign_in(officer).post(of_figure, {"act": "grant", "record": "figure", "reason": "属实"}).status_code == 302
    line = UnitLine.objects.get(calculation=units.calculation, unit=cast.bureau)
    pages = [
        (door, cast.learner, reverse("my_file")),
        (door, cast.hr, reverse("learning_file", args=[cast.learner.pk])),
        (of_figure, cast.hr, reverse("period_figures", args=[period.pk])),
        (of_figure, cast.own_leader, reverse("unit_line", args=[line.pk])),
    ]
    for page, who, leads_to in pages:
        client = sign_in(who)
        assert f'<a href="{leads_to}">' in client.get(page).text and client.get(leads_to).status_code == 200, leads_to


def test_the_form_of_a_decision_marks_what_is_needed_and_asks_for_the_reason(cast, sign_in, period):
    text = sign_in(cast.hr).get(reverse("appeal", args=[of_item(cast, period).pk])).text
    form = text[text.index('name="how"') - 600 : text.index('value="refuse"')]
    assert "选填" not in form and form.count("更正记录时必填") == 1 and form.count("更正得分时必填") == 1
    door = reverse("appeal", args=[file(cast).pk])
    assert "选填" not in sign_in(cast.hr).get(door).text
    page = sign_in(cast.hr).post(door, {"act": "refuse", "reason": " "})
    assert page.status_code == 422 and "field-invalid" in page.text and {one.state for one in Appeal.objects.all()} == {"first"}
    assert sign_in(cast.learner).post(door, {"act": "withdraw"}).status_code == 302 and Appeal.objects.open().count() == 1
    again = sign_in(cast.learner).post(door, {"act": "withdraw"})
    assert again.status_code == 422 and "error-summary" in again.text


def test_what_is_overdue_is_shown_to_hr(cast, sign_in, period, on):
    file(cast)
    assert "超期" not in sign_in(cast.hr).get(reverse("appeals", args=[period.pk])).text
    on(year.AFTER_APPEALS)
    assert "已超期" in sign_in(cast.hr).get(reverse("appeals", args=[period.pk])).text
    assert "超期未答复" in sign_in(cast.hr).get(reverse("period", args=[period.pk])).text


# The package


@everybody
def test_the_package_is_for_hr_and_auditors_with_a_purpose_and_is_logged(cast, sign_in, on, who):
    on(year.AFTER_APPEALS)
    period = year.frozen(cast)
    door = reverse("period_package", args=[period.pk])
    page = sign_in(getattr(cast, who)).post(door, {"purpose": "other", "more": "移交人社局"})
    if who not in ("hr", "auditor"):
        assert page.status_code == 404 and not ReadingOfOthers.objects.exists()
        return
    assert page.content == package.of(period).data and page["Content-Type"] == "application/zip"
    trace = ReadingOfOthers.objects.get(what="evaluation package")
    assert (trace.kind, trace.rows, trace.filters["purpose"]) == ("export", package.frozen(period).people.count(), "移交人社局")
    assert json.dumps(trace.filters).count(package.digest(period)) == 1
    assert '<select name="purpose"' in sign_in(getattr(cast, who)).get(reverse("period", args=[period.pk])).text
    for wrong in ("", "x", "other"):
        assert sign_in(getattr(cast, who)).post(door, {"purpose": wrong}).status_code == 302
    assert ReadingOfOthers.objects.filter(what="evaluation package").count() == 1


def test_without_a_freeze_there_is_no_package(cast, sign_in, period):
    page = sign_in(cast.hr).post(reverse("period_package", args=[period.pk]), {"purpose": "report"})
    assert page.status_code == 302 and not ReadingOfOthers.objects.filter(what="evaluation package").exists()


# The chain


def test_hr_sends_reminders_and_each_answers_their_own(cast, sign_in, period):
    door = reverse("period", args=[period.pk])
    assert sign_in(cast.hr).post(door, {"act": "remind", "sure": "on"}).status_code == 302
    count = Reminder.objects.count()
    assert sign_in(cast.hr).post(door, {"act": "remind", "sure": "on"}).status_code == 302 and Reminder.objects.count() == count > 0
    mine = Reminder.objects.get(person=cast.own_leader)
    assert reverse("reminder", args=[mine.pk]) in sign_in(cast.own_leader).get(reverse("my_reminders")).text
    page = reverse("reminder", args=[mine.pk])
    assert sign_in(cast.own_leader).post(page, {"text": " ", "form_key": "k"}).status_code == 422
    for _twice in range(2):
        assert sign_in(cast.own_leader).post(page, {"text": "已开会部署", "form_key": "k"}).status_code == 302
    assert ReminderAnswer.objects.get().text == "已开会部署"
    assert "已开会部署" in sign_in(cast.auditor).get(page).text
    assert sign_in(cast.hr).post(page, {"text": "代答", "form_key": "x"}).status_code == 404


def test_nobody_is_reminded_before_hr_has_seen_how_many_and_ticked_it(cast, sign_in, period):
    client, page = sign_in(cast.hr), reverse("period_chain", args=[period.pk])
    assert 'value="remind"' not in client.get(page).text
    refused = client.post(reverse("period", args=[period.pk]), {"act": "remind"})
    assert refused.status_code == 422 and not Reminder.objects.exists()

    shown = client.get(page, {"prepare": 1})

    assert 'value="remind"' in shown.text and "申诉仍可能改变结果" in shown.text and not Reminder.objects.exists()
    assert "to_send" not in sign_in(cast.auditor).get(page, {"prepare": 1}).context
    client = sign_in(cast.hr)
    assert client.post(reverse("period", args=[period.pk]), {"act": "remind", "sure": "on"}).status_code == 302
    assert Reminder.objects.count() == shown.context["to_send"] == sum(number for _label, number in shown.context["levels"])
    assert "没有需要发送的提醒" in client.get(page, {"prepare": 1}).text


@pytest.fixture
def won(cast, period):
    """The bureau's people were reminded; what is frozen afterwards brings it above the mark, and the other bureau not."""
    chain.send(period=period, by=cast.hr, at=year.APPEALS)
    other = UnitLine.objects.get(calculation=services.published(period), unit=cast.other_bureau)
    made = by_hand.calculation(period, cast, total="8.50")
    other.pk, other.calculation, other._state.adding = None, made, True
    other.save()
    by_hand.step(period, cast, "frozen", made)
    return Period.objects.get()


def test_a_reminder_ends_once_the_unit_is_no_longer_below_the_mark(cast, sign_in, won):
    mine, other = Reminder.objects.get(person=cast.own_leader), Reminder.objects.get(person=cast.other_leader)
    page = sign_in(cast.own_leader).get(reverse("reminder", args=[mine.pk]))
    now = UnitLine.objects.get(calculation=services.published(won), unit=cast.bureau).total
    assert mine.line.total < 6 <= now
    assert "无需再答复" in page.text and "<textarea" not in page.text.split("<main")[1]
    assert str(now) in page.text and str(mine.line.total) in page.text
    assert "现已达标" in sign_in(cast.own_leader).get(reverse("my_reminders")).text
    assert not [one for one in waiting.for_person(cast.own_leader, at=NOON) if one.url == reverse("my_reminders")]
    assert [one for one in waiting.for_person(cast.other_leader, at=NOON) if one.url == reverse("my_reminders")]
    page = sign_in(cast.other_leader).get(reverse("reminder", args=[other.pk]))
    assert "无需再答复" not in page.text and "<textarea" in page.text
    client, door = sign_in(cast.hr), reverse("period_chain", args=[won.pk])
    over = client.get(door, {"show": "over"})
    assert {one.unit for one in over.context["page"]} == {cast.bureau} and f"→ {now}" in over.text
    assert cast.bureau not in {one.unit for one in client.get(door, {"show": "open"}).context["page"]}


@pytest.fixture
def reminded(cast, period):
    """A period whose chain was reminded, one of them with an answer."""
    chain.send(period=period, by=cast.hr, at=year.APPEALS)
    mine = Reminder.objects.get(person=cast.own_leader)
    chain.answer(reminder=mine, by=cast.own_leader, text="已开会部署", form_key="a", at=year.APPEALS)
    return period


def test_the_chain_is_turned_over_page_by_page(cast, sign_in, reminded, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(period_views, "PER_PAGE", 2)
    client, door = sign_in(cast.hr), reverse("period_chain", args=[reminded.pk])
    client.get(door)
    with django_assert_max_num_queries(15):
        first = client.get(door)
    assert len(first.context["page"].object_list) == 2 and 'rel="next"' in first.text
    told = [one.pk for number in first.context["page"].paginator.page_range for one in client.get(door, {"page": number}).context["page"]]
    assert told == list(Reminder.objects.values_list("pk", flat=True)) and len(told) > 2
    assert ReadingOfOthers.objects.filter(what="chain of responsibility").latest("pk").rows in (1, 2)


def test_the_chain_is_narrowed_to_a_unit_and_to_what_is_not_answered(cast, sign_in, reminded):
    client, door = sign_in(cast.hr), reverse("period_chain", args=[reminded.pk])

    def shown(**wanted):
        return {one.person for one in client.get(door, wanted).context["page"].paginator.object_list}

    assert cast.own_leader in shown(unit=cast.bureau.pk) and cast.other_leader not in shown(unit=cast.bureau.pk)
    assert cast.own_leader not in shown(show="open") and shown(show="answered") == {cast.own_leader}
    assert client.get(door, {"unit": cast.other_county.pk}).status_code == 422


@everybody
def test_the_chain_leaves_as_a_file_with_its_answers_for_a_purpose(cast, sign_in, reminded, who):
    client, asked = sign_in(getattr(cast, who)), {"period": reminded.pk, "unit": cast.bureau.pk}
    if who not in ("hr", "auditor"):
        assert client.get(reverse("export", args=["reminders"]), asked).status_code == (422 if who == "other_hr" else 403)
        return
    assert client.get(reverse("export", args=["reminders"])).status_code == 422
    assert take(client, "reminders", filters=asked, purpose="").status_code == 422
    rows = list(csv.DictReader(io.StringIO(whole_file(take(client, "reminders", filters=asked)).decode("utf-8-sig"))))
    assert {row["姓名"] for row in rows} == {one.person_name for one in Reminder.objects.filter(unit=cast.bureau)}
    assert [row["答复内容"] for row in rows if row["姓名"] == cast.own_leader.name] == ["2026-12-29 12:00 已开会部署"]
    trace = ReadingOfOthers.objects.get(kind="export")
    assert (trace.what, trace.rows, trace.filters["year"]) == ("chain of responsibility", len(rows), 2026)
    assert b"".join(take(client, "reminders", "xlsx", filters={**asked, "show": "open"}).streaming_content).startswith(b"PK")


@everybody
def test_a_reminder_is_read_by_its_person_hr_and_auditors_alone(cast, sign_in, period, who):
    chain.send(period=period, by=cast.hr, at=year.APPEALS)
    mine = Reminder.objects.get(person=cast.own_leader)
    status = sign_in(getattr(cast, who)).get(reverse("reminder", args=[mine.pk])).status_code
    assert status == (200 if who in ("own_leader", "hr", "auditor") else 404)
