"""Hours learned elsewhere: filed with evidence, approved by two, entered once."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from wagtail.models import ModelLogEntry

from core import clock
from core.errors import Refused
from evaluation import archive, archive_paper, claims, evidence, rules, services
from evaluation.models import ClaimDecision, Evidence, HourClaim, LedgerEntry
from people.models import Person, Posting, ReadingOfOthers
from people.services import postings
from tests.cast import EVERYBODY, NOON, grant, person
from tests.certificates.conftest import private
from tests.evaluation import rows
from tests.evaluation.exporting import take, whole_file
from tests.quizzes.test_races import together

__all__ = ["private"]
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00" * 40
DAY = timedelta(days=1)
LAST_WEEK = date(2026, 6, 8)


pytestmark = pytest.mark.usefixtures("private")


@pytest.fixture
def policy(cast):
    return rows.policy(hours_per_day="7.5")


@pytest.fixture
def second(cast):
    someone = person("YA30001", "第二位", cast.other_bureau)
    grant(someone, "hr", cast.county)
    return someone


def facts(**more):
    given_facts = {
        "kind": "lecture",
        "title": "政务公开业务培训",
        "organiser": "州政务公开办",
        "starts_on": LAST_WEEK,
        "ends_on": LAST_WEEK + DAY,
        "hours": Decimal("15"),
    }
    return claims.Facts(**(given_facts | more))


def filed(someone, key="k1", files=None, by=None, reason="", **more):
    proof = [evidence.File("通知.pdf", PDF)] if files is None else files
    return claims.file(person=someone, facts=facts(**more), files=proof, form_key=key, at=NOON, by=by, reason=reason)


# Filing


def test_a_claim_counts_nothing_until_two_officers_have_approved_it(cast, policy, second):
    claim = filed(cast.learner)
    assert (claim.state, claim.unit_name, claim.year) == ("first", "姚安县教育体育局 办公室", 2026)
    assert services.balance(cast.learner, 2026) == 0

    assert claims.approve(claim=claim, by=cast.hr, at=NOON).state == "second"
    assert services.balance(cast.learner, 2026) == 0

    assert claims.approve(claim=claim, by=second, at=NOON).state == "credited"
    entry = LedgerEntry.objects.get()
    assert (entry.kind, entry.hours, entry.year, entry.claim, entry.policy) == ("lecture", Decimal(15), 2026, claim, policy)
    assert services.balance(cast.learner, 2026) == Decimal(15)


def test_the_same_form_sent_twice_is_one_claim(cast, policy):
    assert filed(cast.learner) == filed(cast.learner)
    assert HourClaim.objects.count() == 1 == Evidence.objects.count()


def test_where_somebody_served_on_its_last_day_is_on_the_claim(cast, policy):
    Posting.objects.filter(person=cast.learner).update(ends_on=LAST_WEEK + 2 * DAY)
    Posting.objects.create(person=cast.learner, unit=cast.other_bureau, title="科员", starts_on=LAST_WEEK + 3 * DAY)
    cast.learner.unit = cast.other_bureau
    cast.learner.save()
    assert filed(cast.learner).unit == cast.section


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"ends_on": LAST_WEEK - DAY}, "order"),
        ({"ends_on": date(2026, 6, 16)}, "future"),
        ({"starts_on": date(2025, 12, 31), "ends_on": date(2026, 1, 1)}, "two_years"),
        ({"starts_on": date(2024, 12, 31), "ends_on": date(2024, 12, 31)}, "too_old"),
        ({"hours": Decimal(0)}, "none"),
        ({"hours": Decimal("1.1")}, "steps"),
        ({"hours": Decimal("15.25")}, "too_many"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(cast, policy, more, code):
    with pytest.raises(Refused) as refused:
        filed(cast.learner, **more)
    assert refused.value.code == code and not HourClaim.objects.exists()


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([], "no_evidence"),
        ([evidence.File(f"{n}.pdf", PDF) for n in range(6)], "too_many_files"),
        ([evidence.File("通知.pdf", b"MZ\x90\x00" + b"\x00" * 100)], "wrong_content"),
        ([evidence.File("页面.pdf", b"<html><script>alert(1)</script></html>")], "wrong_content"),
        ([evidence.File("大.pdf", PDF + b"0" * evidence.MAX_EVIDENCE)], "too_large"),
    ],
)
def test_evidence_is_judged_by_its_content(cast, policy, files, code):
    with pytest.raises(Refused) as refused:
        filed(cast.learner, files=files)
    assert refused.value.code == code and not HourClaim.objects.exists()


@given(st.dates(date(2024, 1, 1), date(2026, 12, 31)), st.integers(0, 40), st.integers(1, 4000))
def test_whatever_a_rule_lets_pass_lies_in_one_year_and_within_its_days(starts_on, length, quarters):
    terms = rules.ClaimTerms(Decimal("0.25"), Decimal("7.5"))
    ends_on, hours, today = starts_on + length * DAY, quarters * Decimal("0.25"), date(2026, 6, 15)
    if rules.check_claim(starts_on=starts_on, ends_on=ends_on, hours=hours, today=today, terms=terms) is None:
        assert starts_on.year == ends_on.year >= 2025 and ends_on <= today and 0 < hours <= Decimal("7.5") * (length + 1)


# Filing for who cannot


AWAY = "产假在家，无法登录；本人电话委托"


def test_hr_files_for_somebody_and_two_others_approve_it(cast, policy, second):
    third = person("YA30002", "第三位", cast.other_bureau)
    grant(third, "hr", cast.county)
    claim = filed(cast.learner, by=cast.hr, reason=f" {AWAY} ")
    assert filed(cast.learner, by=cast.hr, reason=AWAY) == claim
    assert (claim.person, claim.filed_by, claim.filing_reason, claim.unit) == (cast.learner, cast.hr, AWAY, cast.section)
    trace = ModelLogEntry.objects.get(action="evaluation.claim_filed")
    assert (trace.user, trace.data["claim"], trace.data["reason"]) == (cast.hr, claim.pk, AWAY)
    assert not HourClaim.objects.waiting_for(cast.hr).exists() and list(HourClaim.objects.waiting_for(second)) == [claim]
    for act in (claims.approve, partial(claims.refuse, reason="不符")):
        for officer, code in ((cast.hr, "filed_it"), (cast.learner, "own_claim")):
            with pytest.raises(Refused) as refused:
                act(claim=claim, by=officer, at=NOON)
            assert refused.value.code == code
    claims.approve(claim=claim, by=second, at=NOON)
    assert not claims.lacks_officer(claim)
    assert claims.approve(claim=claim, by=third, at=NOON).state == "credited"
    assert services.balance(cast.learner, 2026) == Decimal(15)


def test_who_filed_a_claim_is_none_of_the_officers_that_it_waits_for(cast, policy, second):
    claim = filed(cast.learner, by=cast.hr, reason=AWAY)
    assert not claims.lacks_officer(claim)
    claims.approve(claim=claim, by=second, at=NOON)
    assert claims.lacks_officer(HourClaim.objects.get()), "a third officer is needed"


def test_hr_whose_own_hours_are_claimed_by_another_decides_nothing_on_them(cast, policy, second):
    claim = filed(cast.hr, by=second, reason=AWAY)
    assert not HourClaim.objects.waiting_for(cast.hr).exists()
    with pytest.raises(Refused) as refused:
        claims.approve(claim=claim, by=cast.hr, at=NOON)
    assert refused.value.code == "own_claim"


@pytest.mark.parametrize("who", sorted(set(EVERYBODY) - {"hr", "learner"}))
def test_nobody_but_hr_of_the_person_files_for_them(cast, policy, who):
    with pytest.raises(Refused) as refused:
        filed(cast.learner, by=getattr(cast, who), reason=AWAY)
    assert refused.value.code == "not_hr" and not HourClaim.objects.exists()


@pytest.mark.parametrize(("more", "code"), [({"reason": " "}, "no_reason"), ({"reason": AWAY, "files": []}, "no_evidence")])
def test_who_files_for_somebody_says_why_and_brings_the_evidence(cast, policy, more, code):
    with pytest.raises(Refused) as refused:
        filed(cast.learner, by=cast.hr, **more)
    assert refused.value.code == code and not HourClaim.objects.exists()


def test_one_files_ones_own_hours_without_a_reason_as_ever(cast, policy):
    claim = filed(cast.hr, by=cast.hr, reason="多余")
    assert (claim.filed_by, claim.filing_reason) == (None, "") and not ModelLogEntry.objects.exists()


def test_for_a_day_on_which_somebody_served_elsewhere_hr_of_that_place_files(cast, policy):
    Posting.objects.filter(person=cast.learner).update(ends_on=LAST_WEEK + 2 * DAY)
    Posting.objects.create(person=cast.learner, unit=cast.stranger.unit, title="科员", starts_on=LAST_WEEK + 3 * DAY)
    cast.learner.unit = cast.stranger.unit
    cast.learner.save()
    with pytest.raises(Refused) as refused:
        filed(cast.learner, by=cast.other_hr, reason=AWAY)
    assert refused.value.code == "elsewhere"


def test_the_database_itself_keeps_no_claim_for_another_without_a_reason(cast, policy):
    row = filed(cast.learner)
    wrongs = ({"filed_by": cast.hr}, {"filing_reason": AWAY}, {"filed_by": cast.learner, "filing_reason": AWAY})
    for number, wrong in enumerate(wrongs):
        row.pk, row.form_key, row._state.adding = None, f"wrong{number}", True
        row.filed_by, row.filing_reason = wrong.get("filed_by"), wrong.get("filing_reason", "")
        with pytest.raises(IntegrityError, match="claim_for_another_says_why"), transaction.atomic():
            row.save()


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_the_form_for_another_opens_for_their_hr_alone(cast, policy, sign_in, who, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)
    client, door = sign_in(getattr(cast, who)), reverse("claim_for", args=[cast.learner.pk])
    status = 200 if who == "hr" else 404
    assert client.get(door).status_code == status
    sent = {"kind": "lecture", "title": "培训", "organiser": "州办", "starts_on": "2026-06-08", "ends_on": "2026-06-08", "hours": "7.5"}
    client.post(door, sent | {"note": "", "form_key": "f", "filing_reason": AWAY, "files": [SimpleUploadedFile("表.pdf", PDF)]})
    assert HourClaim.objects.filter(person=cast.learner, filed_by=cast.hr).count() == (who == "hr")
    assert HourClaim.objects.count() == (who == "hr")


def test_hr_files_on_the_page_with_the_reason_and_the_person_reads_who_did(cast, policy, second, sign_in, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)
    client, door = sign_in(cast.hr), reverse("claim_for", args=[cast.learner.pk])
    assert door in client.get(reverse("learning_file", args=[cast.learner.pk])).text
    page = client.get(door)
    assert cast.learner.name in page.text and cast.learner.employee_number in page.text
    typed = {"kind": "lecture", "title": "州培训", "organiser": "州办", "starts_on": "2026-06-08", "ends_on": "2026-06-08", "hours": "7.5"}
    typed |= {"note": "", "form_key": page.context["form"]["form_key"].value()}
    bare = client.post(door, typed | {"files": [SimpleUploadedFile("表.pdf", PDF)]})
    assert bare.status_code == 422 and list(bare.context["form"].errors) == ["filing_reason"] and not HourClaim.objects.exists()
    done = client.post(door, typed | {"filing_reason": AWAY, "files": [SimpleUploadedFile("表.pdf", PDF)]})
    claim = HourClaim.objects.get()
    assert done.url == reverse("claim", args=[claim.pk])
    said = f"由{cast.hr.name}代本人申报"
    for reader, may_approve in ((cast.hr, False), (second, True), (cast.auditor, False), (cast.learner, False)):
        shown = sign_in(reader).get(reverse("claim", args=[claim.pk])).text
        assert said in shown and AWAY in shown and ('value="approve"' in shown) == may_approve
    assert said in sign_in(cast.learner).get(reverse("my_claims")).text
    assert said in sign_in(cast.auditor).get(reverse("claim_list"), {"show": "all"}).text
    answer = sign_in(cast.hr).post(reverse("claim", args=[claim.pk]), {"act": "approve"})
    assert answer.status_code == 422 and not ClaimDecision.objects.exists()
    assert sign_in(cast.learner).post(reverse("claim", args=[claim.pk]), {"act": "withdraw"}).status_code == 302


def test_hours_of_who_moved_to_another_county_are_filed_by_hr_of_where_they_served_then(cast, policy, second, sign_in, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)
    Posting.objects.filter(person=cast.learner).update(ends_on=LAST_WEEK + 2 * DAY)
    Posting.objects.create(person=cast.learner, unit=cast.other_county, title="科员", starts_on=LAST_WEEK + 3 * DAY)
    type(cast.learner).objects.filter(pk=cast.learner.pk).update(unit=cast.other_county)
    client, door = sign_in(cast.hr), reverse("claim_for", args=[cast.learner.pk])
    text = client.get(door).text
    assert cast.learner.name in text and cast.other_county.name not in text and "/learning/" not in text.split("<main")[-1]
    sent = {"kind": "lecture", "title": "培训", "organiser": "州办", "starts_on": "2026-06-08", "ends_on": "2026-06-08", "hours": "7.5"}
    sent |= {"note": "", "form_key": "f", "filing_reason": AWAY, "files": [SimpleUploadedFile("表.pdf", PDF)]}
    assert client.post(door, sent).status_code == 302
    assert HourClaim.objects.get().unit == cast.section and sign_in(cast.auditor).get(door).status_code == 404
    someone = type(cast.learner).objects.get(pk=cast.learner.pk)
    for officer, day in ((cast.hr, LAST_WEEK + 4 * DAY), (cast.other_hr, LAST_WEEK)):
        with pytest.raises(Refused) as refused:
            filed(someone, key="f2", by=officer, reason=AWAY, starts_on=day, ends_on=day, hours=Decimal(5))
        assert refused.value.code == "elsewhere"


def test_hr_of_where_somebody_served_is_led_to_the_form_from_their_records_and_by_their_number(cast, policy, sign_in):
    rows.complete(cast.learner, rows.course(cast.county))
    Posting.objects.filter(person=cast.learner).update(ends_on=LAST_WEEK + 2 * DAY)
    Posting.objects.create(person=cast.learner, unit=cast.other_county, title="科员", starts_on=LAST_WEEK + 3 * DAY)
    type(cast.learner).objects.filter(pk=cast.learner.pk).update(unit=cast.other_county)
    door, by_number = reverse("claim_for", args=[cast.learner.pk]), {"for": cast.learner.employee_number}
    for officer, is_led in ((cast.hr, True), (cast.auditor, False), (cast.own_leader, False)):
        assert (door in sign_in(officer).get(reverse("records")).text) == is_led
    assert door in sign_in(cast.other_hr).get(reverse("learning_file", args=[cast.learner.pk])).text
    assert 'name="for"' in sign_in(cast.hr).get(reverse("claim_list")).text
    assert sign_in(cast.hr).get(reverse("claim_list"), by_number).url == door
    assert 'name="for"' not in sign_in(cast.auditor).get(reverse("claim_list")).text
    for officer, number in ((cast.auditor, cast.learner.employee_number), (cast.hr, cast.hr.employee_number), (cast.hr, "\x00")):
        assert sign_in(officer).get(reverse("claim_list"), {"for": number}).url == reverse("claim_list")


def test_who_filed_a_claim_for_another_takes_it_back_while_nobody_has_approved_it(cast, policy, second, sign_in):
    mistaken, approved = (filed(cast.learner, key=key, by=cast.hr, reason=AWAY, hours=Decimal(5)) for key in ("a", "b"))
    claims.approve(claim=approved, by=second, at=NOON)
    with pytest.raises(Refused) as refused:
        claims.withdraw(claim=approved, by=cast.hr, at=NOON)
    assert refused.value.code == "approved"
    client, door = sign_in(cast.hr), reverse("claim", args=[mistaken.pk])
    assert 'value="withdraw"' in client.get(door).text
    assert 'value="withdraw"' not in client.get(reverse("claim", args=[approved.pk])).text
    assert client.post(door, {"act": "withdraw"}).status_code == 302
    assert HourClaim.objects.get(pk=mistaken.pk).state == "withdrawn"


def test_files_and_papers_say_who_filed_a_claim_for_another(cast, policy, second, sign_in, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)
    third = person("YA30002", "第三位", cast.other_bureau)
    grant(third, "hr", cast.county)
    filed(cast.colleague, key="own")
    claim = filed(cast.learner, by=cast.hr, reason=AWAY)
    for officer in (second, third):
        claims.approve(claim=claim, by=officer, at=NOON)

    def lines(key):
        data = b"".join(take(sign_in(second), key, filters={"year": 2026}).streaming_content).decode("utf-8-sig")
        return {line["工号"]: line for line in csv.DictReader(io.StringIO(data))}

    told = lines("claims")
    assert (told["YA10001"]["代为申报"], told["YA10001"]["代为申报的理由"]) == (cast.hr.name, AWAY)
    assert (told["YA10002"]["代为申报"], told["YA10002"]["代为申报的理由"]) == ("", "")
    assert lines("ledger")["YA10001"]["代为申报"] == cast.hr.name
    assert f"由{cast.hr.name}代本人申报" in rows.explained(cast.learner).entries[0].words
    [mine] = archive.archive_of(cast.learner, at=NOON)["claims"]
    assert (mine["filed_by"], mine["filing_reason"]) == (cast.hr.name, AWAY)
    [other] = archive.archive_of(cast.colleague, at=NOON)["claims"]
    assert (other["filed_by"], other["filing_reason"]) == (None, "")
    assert f"由{cast.hr.name}代本人申报：{AWAY}" in str(archive_paper.sheet(archive.archive_of(cast.learner, at=NOON)))


# Deciding


def test_one_officer_alone_enters_no_hours(cast, policy):
    claim = filed(cast.learner)
    claims.approve(claim=claim, by=cast.hr, at=NOON)
    with pytest.raises(Refused) as refused:
        claims.approve(claim=claim, by=cast.hr, at=NOON)
    assert refused.value.code == "same_officer"
    assert not LedgerEntry.objects.exists() and claims.lacks_officer(claim)


def test_who_approved_first_and_notices_a_mistake_refuses_it_until_the_second_has_approved(cast, policy, second, sign_in):
    claim = filed(cast.learner)
    claims.approve(claim=claim, by=cast.hr, at=NOON)
    client, door = sign_in(cast.hr), reverse("claim", args=[claim.pk])
    page = client.get(door).text
    assert 'value="refuse"' in page and 'value="approve"' not in page
    assert client.post(door, {"act": "refuse", "reason": "学时算错"}).status_code == 302
    found = HourClaim.objects.get(pk=claim.pk)
    assert found.state == "refused" and [one.verdict for one in found.steps] == ["approved", "refused"]  # both stay on record
    with pytest.raises(Refused) as refused:
        claims.approve(claim=claim, by=second, at=NOON)
    assert refused.value.code == "over" and not LedgerEntry.objects.exists()

    other = filed(cast.learner, key="k2", starts_on=date(2026, 5, 4), ends_on=date(2026, 5, 4), hours=Decimal(5))
    for officer in (cast.hr, second):
        claims.approve(claim=other, by=officer, at=NOON)
    with pytest.raises(Refused) as refused:
        claims.refuse(claim=other, by=cast.hr, reason="晚了", at=NOON)
    assert refused.value.code == "over" and LedgerEntry.objects.get().claim == other


def test_the_database_itself_refuses_a_first_approval_twice_by_the_same_officer_and_a_second_entry(cast, policy, second):
    claim = filed(cast.learner)
    claims.approve(claim=claim, by=cast.hr, at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        ClaimDecision.objects.create(claim=claim, step=1, verdict="approved", by=cast.hr, at=NOON)
    claims.approve(claim=claim, by=second, at=NOON)
    entry = LedgerEntry.objects.get()
    copy = {f.attname: getattr(entry, f.attname) for f in entry._meta.concrete_fields if f.attname != "id"}
    with pytest.raises(IntegrityError), transaction.atomic():
        LedgerEntry.objects.create(**copy)


def test_nobody_decides_on_their_own_hours(cast, policy, second):
    claim = filed(cast.hr)
    for act in (claims.approve, lambda **facts: claims.refuse(reason="x", **facts)):
        with pytest.raises(Refused) as refused:
            act(claim=claim, by=cast.hr, at=NOON)
        assert refused.value.code == "own_claim"


@pytest.mark.parametrize("who", sorted(set(EVERYBODY) - {"hr", "learner"}))
def test_only_hr_over_the_unit_decides(cast, policy, who):
    claim = filed(cast.learner)
    with pytest.raises(Refused) as refused:
        claims.approve(claim=claim, by=getattr(cast, who), at=NOON)
    assert refused.value.code == "not_hr" and claim.state == "first"


def test_a_refusal_ends_it_with_a_reason_that_the_person_reads(cast, policy, second, sign_in):
    claim = filed(cast.learner)
    with pytest.raises(Refused):
        claims.refuse(claim=claim, by=cast.hr, reason="  ", at=NOON)
    claims.approve(claim=claim, by=second, at=NOON)
    assert claims.refuse(claim=claim, by=cast.hr, reason="签到表缺页", at=NOON).state == "refused"
    with pytest.raises(Refused) as refused:
        claims.approve(claim=claim, by=second, at=NOON)
    assert refused.value.code == "over" and not LedgerEntry.objects.exists()
    assert "签到表缺页" in sign_in(cast.learner).get(reverse("claim", args=[claim.pk])).text


def test_the_person_takes_back_what_is_open_and_nobody_else_does(cast, policy, second):
    claim = filed(cast.learner)
    with pytest.raises(Refused) as refused:
        claims.withdraw(claim=claim, by=cast.hr, at=NOON)
    assert refused.value.code == "not_own"
    assert claims.withdraw(claim=claim, by=cast.learner, at=NOON).state == "withdrawn"
    with pytest.raises(Refused):
        claims.approve(claim=claim, by=second, at=NOON)


def test_what_looks_like_a_doubled_claim_is_shown(cast, policy):
    first = filed(cast.learner, hours=Decimal(7))
    other = filed(cast.learner, key="k2", title="同一次培训", hours=Decimal(7))
    far = filed(cast.learner, key="k3", starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 1), hours=Decimal(1))
    assert claims.beside(first, cast.hr) == [other] and claims.beside(far, cast.hr) == []
    claims.withdraw(claim=other, by=cast.learner, at=NOON)
    assert claims.beside(first, cast.hr) == []


def test_the_claims_of_before_are_not_shown_to_officers_of_the_new_county(cast, policy, sign_in):
    asked = {"kind": "external", "title": "《Python 入门》", "hours": Decimal(5)}
    first = filed(cast.learner, key="k1", **asked, starts_on=date(2026, 3, 2), ends_on=date(2026, 3, 2))
    postings.post(person=cast.learner, unit=cast.other_county, title="科员", duties=["staff"], starts_on=date(2026, 3, 3))
    moved = Person.objects.select_related("unit").get(pk=cast.learner.pk)
    again = filed(moved, key="k2", **asked, starts_on=date(2026, 3, 3), ends_on=date(2026, 3, 3))
    assert (first.unit, again.unit) == (cast.section, cast.other_county)
    assert claims.alike(again) == [first], "a course counts once a year wherever it was credited"
    assert claims.read_among([first], cast.other_hr) == [] and claims.read_among([first], cast.hr) == [first]
    page = sign_in(cast.other_hr).get(reverse("claim", args=[again.pk]))
    assert page.status_code == 200 and page.context["alike"] == [] and page.context["beside"] == []


def test_the_same_course_elsewhere_counts_once_a_year_unless_officers_say_that_it_is_another(cast, policy, second, course, sign_in):
    def approved(claim, **more):
        for officer in (cast.hr, second):
            claims.approve(claim=claim, by=officer, at=NOON, **more)

    days = [{"starts_on": one, "ends_on": one, "hours": Decimal(5)} for one in (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4))]
    asked = {"kind": "external", "title": "《Python 入门》", "organiser": "学习强国"}
    first = filed(cast.learner, key="k1", **asked, **days[0])
    again = filed(cast.learner, key="k2", **asked | {"title": "Ｐython入门 "}, **days[1])
    other = filed(cast.learner, key="k3", **asked | {"organiser": "省干部网院"}, **days[2])
    rows.complete(cast.learner, rows.course(cast.county, "P09", title="python入门"), rule=policy)
    claims.approve(claim=again, by=cast.hr, at=NOON)
    approved(first)
    approved(other)

    with pytest.raises(Refused) as refused:
        claims.approve(claim=again, by=second, at=NOON)
    assert refused.value.code == "same_course" and "2026-03-02" in refused.value.message
    door, client = reverse("claim", args=[again.pk]), sign_in(second)
    page = client.get(door)
    assert {one for one, _days, _state in page.context["alike"]} == {first, other} and "P09 python入门" in page.text
    assert [one.course_code for one in claims.completed_alike(again, second)] == ["P09"]
    assert claims.completed_alike(again, cast.other_hr) == [], "nobody reads here what they read nowhere else"
    assert client.post(door, {"act": "approve"}).status_code == 422
    assert not LedgerEntry.objects.filter(claim=again).exists()
    assert client.post(door, {"act": "approve", "is_another": "on"}).status_code == 302
    decision = HourClaim.objects.get(pk=again.pk).steps[-1]
    assert decision.reason == "与 2026-03-02 的不是同一课程。"


def test_what_was_taken_back_from_a_claim_may_be_claimed_anew(cast, policy, second):
    for key, day in (("k1", LAST_WEEK), ("k2", LAST_WEEK + DAY)):
        claim = filed(cast.learner, key=key, starts_on=day, ends_on=day, hours=Decimal(5))
        for officer in (cast.hr, second):
            claims.approve(claim=claim, by=officer, at=NOON)
        given = {"hours": Decimal(-5), "reason": "日期登记错误", "by": cast.hr, "at": NOON, "answers": claim.entry}
        services.correct(person=cast.learner, year=2026, **given)
    assert services.balance(cast.learner, 2026) == 0


def test_two_claims_for_the_same_days_count_no_more_together_than_the_days_may(cast, policy):
    first = filed(cast.learner)  # fifteen hours on two days
    with pytest.raises(Refused) as refused:
        filed(cast.learner, key="k2", hours=Decimal("0.25"))
    assert refused.value.code == "too_many_together" and first.title in refused.value.message
    filed(cast.learner, key="k3", ends_on=LAST_WEEK + 2 * DAY, hours=Decimal("7.5"))  # a third day
    filed(cast.colleague, key="k4")
    claims.withdraw(claim=first, by=cast.learner, at=NOON)
    filed(cast.learner, key="k5", hours=Decimal("7.5"))


def test_the_most_for_a_day_of_lectures_and_exchange_is_none_for_other_ways_of_learning(cast, policy):
    day = {"starts_on": LAST_WEEK, "ends_on": LAST_WEEK}
    filed(cast.learner, key="k1", kind="self_study", hours=Decimal(8), **day)
    filed(cast.learner, key="k2", kind="external", hours=Decimal(8), **day)
    filed(cast.learner, key="k3", kind="lecture", hours=Decimal(4), **day)
    refused = {}
    for kind, hours in (("exchange", "3.75"), ("external", "4.25"), ("lecture", "7.75"), ("self_study", "24.25")):
        with pytest.raises(Refused) as refusal:
            filed(cast.learner, key=kind, kind=kind, hours=Decimal(hours), **day)
        refused[kind] = refusal.value.code
    assert refused == {"exchange": "too_many_together", "external": "too_many_together", "lecture": "too_many", "self_study": "too_many"}
    filed(cast.learner, key="k4", kind="external", hours=Decimal(4), **day)


def test_a_long_claim_of_few_hours_opens_none_of_its_days_to_more(cast, policy):
    filed(cast.learner, key="long", starts_on=LAST_WEEK - 20 * DAY, ends_on=LAST_WEEK, hours=Decimal("0.5"))
    day = {"starts_on": LAST_WEEK, "ends_on": LAST_WEEK}
    filed(cast.learner, key="k1", hours=Decimal("7.5"), **day)
    with pytest.raises(Refused) as refused:
        filed(cast.learner, key="k2", hours=Decimal("0.25"), **day)
    assert refused.value.code == "too_many_together"


def test_hours_that_other_claims_push_to_a_day_are_counted_there(cast, policy):
    """Two days hold seven and a half hours of one claim; the first is full of another, so they lie on the second."""
    filed(cast.learner, key="two", starts_on=LAST_WEEK, ends_on=LAST_WEEK + DAY, hours=Decimal("7.5"))
    filed(cast.learner, key="first", starts_on=LAST_WEEK, ends_on=LAST_WEEK, hours=Decimal("7.5"))
    with pytest.raises(Refused) as refused:
        filed(cast.learner, key="second", starts_on=LAST_WEEK + DAY, ends_on=LAST_WEEK + DAY, hours=Decimal("0.25"))
    assert refused.value.code == "too_many_together"


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 6)).map(lambda one: (min(one[:2]), max(one[:2]), one[2])), max_size=5
    )
)
def test_claims_fit_their_days_just_when_somebody_could_lay_them_out_hour_by_hour(spans):
    """Against a program that tries: augmenting paths of whole hours onto days of three hours each."""
    hours = [(first, last) for first, last, count in spans for _hour in range(count)]
    held: dict[tuple[int, int], int] = {}

    def place(hour, tried):
        for slot in [(day, part) for day in range(hours[hour][0], hours[hour][1] + 1) for part in range(3)]:
            if slot not in tried:
                tried.add(slot)
                if slot not in held or place(held[slot], tried):
                    held[slot] = hour
                    return True
        return False

    fits = all(place(hour, set()) for hour in range(len(hours)))
    claimed = [(LAST_WEEK + first * DAY, LAST_WEEK + last * DAY, Decimal(count)) for first, last, count in spans]
    assert rules.is_within_days(claimed, hours_per_day=Decimal(3)) == fits


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_three_officers_approving_at_once_enter_the_hours_once(cast, policy, second):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    third = person("YA30002", "第三位", cast.other_bureau)
    grant(third, "hr", cast.county)
    claim = filed(cast.learner)
    found = together(*[lambda by=by: claims.approve(claim=claim, by=by, at=NOON) for by in (cast.hr, second, third)])
    assert sum(isinstance(one, Refused) and one.code == "over" for one in found) == 1
    assert LedgerEntry.objects.count() == 1 and ClaimDecision.objects.count() == 2


# What the hours count for


def test_hours_from_elsewhere_count_for_this_topic_and_not_as_online_learning(cast, policy, second, course):
    rows.complete(cast.learner, course, rule=policy)
    claim = filed(cast.learner)
    claims.approve(claim=claim, by=cast.hr, at=NOON)
    claims.approve(claim=claim, by=second, at=NOON)
    told = rows.explained(cast.learner)
    assert told.total == Decimal("16.5") and "15" in told.words
    assert told.topic.share == 82 and told.online.share == 3  # of 20, of 50
    services.correct(person=cast.learner, year=2026, hours=Decimal(-15), reason="培训未到场", by=cast.hr, at=NOON)
    assert rows.explained(cast.learner).online.share == 3, "what answers a claim takes nothing from online learning"
    assert cast.hr.name in told.entries[-1].words and second.name in told.entries[-1].words


def test_the_reasons_of_a_ledger_take_no_more_queries_for_more_entries(cast, policy, second, django_assert_num_queries):
    def queries():
        with django_assert_num_queries(5):
            rows.explained(cast.learner)

    for number in range(3):
        claim = filed(cast.learner, key=f"k{number}", title=f"第{number}期", hours=Decimal(5))
        claims.approve(claim=claim, by=cast.hr, at=NOON)
        claims.approve(claim=claim, by=second, at=NOON)
        queries()


# Doors


@pytest.mark.parametrize("who", sorted(EVERYBODY))
@pytest.mark.parametrize("door", ["claim", "claim_evidence"])
def test_the_person_hr_and_the_auditor_open_a_claim_and_reading_is_logged(cast, policy, sign_in, who, door):
    claim = filed(cast.learner)
    args = [claim.pk, 0] if door == "claim_evidence" else [claim.pk]
    response = sign_in(getattr(cast, who)).get(reverse(door, args=args))
    assert response.status_code == (200 if who in {"learner", "hr", "auditor"} else 404)
    assert ReadingOfOthers.objects.filter(subject=cast.learner).exists() == (who in {"hr", "auditor"})
    if door == "claim" and response.status_code == 200:
        assert ('value="approve"' in response.text) == (who == "hr") and ('value="withdraw"' in response.text) == (who == "learner")


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_who_may_not_decide_decides_nothing_by_posting(cast, policy, sign_in, who):
    claim = filed(cast.learner)
    sign_in(getattr(cast, who)).post(reverse("claim", args=[claim.pk]), {"act": "approve"})
    assert ClaimDecision.objects.exists() == (who == "hr")


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_the_officers_list_is_for_hr_and_the_auditor(cast, policy, sign_in, who):
    filed(cast.learner)
    filed(cast.stranger, key="k2")
    response = sign_in(getattr(cast, who)).get(reverse("claim_list"), {"show": "all"})
    found = {"hr": {cast.learner}, "auditor": {cast.learner}, "other_hr": {cast.stranger}}
    assert response.status_code == (200 if who in found else 403)
    if who in found:
        assert {one.person for one, _state, _days in response.context["rows"]} == found[who]


def test_the_officers_list_opens_where_there_is_something(cast, policy, second, sign_in):
    claim = filed(cast.learner)

    def opens_for(someone):
        context = sign_in(someone).get(reverse("claim_list")).context
        return context["shown"], len(context["rows"])

    assert opens_for(cast.hr) == ("waiting", 1) and opens_for(cast.auditor) == ("open", 1)
    claims.approve(claim=claim, by=cast.hr, at=NOON)
    assert opens_for(cast.hr) == ("open", 1)
    claims.approve(claim=claim, by=second, at=NOON)
    assert opens_for(cast.hr) == opens_for(cast.auditor) == ("all", 1)
    assert sign_in(cast.auditor).get(reverse("claim_list"), {"show": "waiting"}).context["shown"] == "waiting"  # what was chosen stays


def test_the_list_and_the_file_of_claims_are_the_same_for_everybody_with_that_reach_ones_own_claim_in_them(cast, policy, second, sign_in):
    filed(cast.learner)
    filed(cast.hr, key="k2")
    rows_of = {}
    for one in (cast.hr, second, cast.auditor):
        client = sign_in(one)
        listed = {claim.person for claim, _state, _days in client.get(reverse("claim_list"), {"show": "all"}).context["rows"]}
        text = whole_file(take(client, "claims", filters={"year": 2026})).decode("utf-8-sig")
        rows_of[one.name] = (listed, sorted(text.splitlines()))
        assert client.get(reverse("claim_list")).status_code == 200
    assert rows_of[cast.hr.name][0] == {cast.learner, cast.hr} and len(rows_of[cast.hr.name][1]) == 3
    assert rows_of[cast.hr.name] == rows_of[second.name] == rows_of[cast.auditor.name]


def test_nobodys_own_claim_waits_for_them(cast, policy, second, sign_in):
    own = filed(cast.hr)
    assert not sign_in(cast.hr).get(reverse("claim_list"), {"show": "waiting"}).context["rows"]
    assert len(sign_in(second).get(reverse("claim_list"), {"show": "waiting"}).context["rows"]) == 1
    page = sign_in(cast.hr).get(reverse("claim", args=[own.pk])).text
    assert 'value="approve"' not in page


def test_who_was_slower_reads_what_the_quicker_one_decided(cast, policy, second, sign_in, monkeypatch):
    claim = filed(cast.learner)
    approve = claims.approve

    def somebody_is_quicker(**given):
        claims.refuse(claim=claim, by=second, reason="签到表缺页", at=NOON)
        return approve(**given)

    monkeypatch.setattr(claims, "approve", somebody_is_quicker)
    answer = sign_in(cast.hr).post(reverse("claim", args=[claim.pk]), {"act": "approve"})
    assert answer.status_code == 422 and "签到表缺页" in answer.text and second.name in answer.text
    assert 'value="approve"' not in answer.text


def test_the_officers_list_takes_no_more_queries_for_more_claims(cast, policy, sign_in, django_assert_max_num_queries):
    client = sign_in(cast.hr)
    for number in range(12):
        filed(cast.learner, key=f"k{number}", hours=Decimal(1))
    with django_assert_max_num_queries(14):
        assert len(client.get(reverse("claim_list"), {"show": "open"}).context["rows"]) == 12


def test_what_waits_is_told_to_the_officer_until_it_is_approved(cast, policy, second, sign_in):
    claim = filed(cast.learner)
    assert list(HourClaim.objects.waiting_for(cast.hr)) == [claim]
    assert "1 件学时申报" in sign_in(cast.hr).get(reverse("my_learning")).text
    claims.approve(claim=claim, by=cast.hr, at=NOON)
    assert not HourClaim.objects.waiting_for(cast.hr).exists() and list(HourClaim.objects.waiting_for(second)) == [claim]
    claims.approve(claim=claim, by=second, at=NOON)
    assert not HourClaim.objects.waiting_for(second).exists() and not HourClaim.objects.open().exists()


def test_a_claim_is_filed_on_its_page_and_a_refused_one_keeps_what_was_typed(cast, policy, sign_in, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)
    client, door = sign_in(cast.learner), reverse("claim_new")
    form = client.get(door).context["form"]
    typed = {
        "kind": "exchange",
        "title": "赴邻县交流",
        "organiser": "县政府办",
        "starts_on": "2026-06-08",
        "ends_on": "2026-06-08",
        "hours": "8",
        "note": "",
        "form_key": form["form_key"].value(),
    }
    bare = client.post(door, typed | {"hours": "7.5"})
    assert bare.status_code == 422 and list(bare.context["form"].errors) == ["files"] and "赴邻县交流" in bare.text
    refused = client.post(door, typed | {"files": SimpleUploadedFile("表.pdf", PDF)})
    assert refused.status_code == 422 and "赴邻县交流" in refused.text and "7.5" in refused.text
    response = client.post(
        door, typed | {"hours": "7.5", "files": [SimpleUploadedFile("表.pdf", PDF), SimpleUploadedFile("照片.png", PNG)]}
    )
    claim = HourClaim.objects.get()
    assert response.url == reverse("claim", args=[claim.pk])
    assert [one.content_type for one in claim.evidence.all()] == ["application/pdf", "image/png"]
    sent = client.get(reverse("claim_evidence", args=[claim.pk, 0]))
    assert sent.content == PDF and sent["Content-Disposition"].startswith("attachment") and sent["X-Content-Type-Options"] == "nosniff"
    assert "赴邻县交流" in client.get(reverse("my_claims")).text


def test_a_file_that_was_changed_in_storage_is_not_given_out(cast, policy, private):
    one = filed(cast.learner).evidence.get()
    (private / one.file).write_bytes(b"%PDF-1.7 other")
    with pytest.raises(Refused) as refused:
        evidence.read(one)
    assert refused.value.code == "damaged"


@pytest.mark.parametrize("year", [206, 1990, 2016, 2019])
def test_a_mistyped_year_is_refused_and_asks_for_no_policy(policy, cast, year):
    day = date(year, 5, 1)
    with pytest.raises(Refused) as refused:
        filed(cast.learner, starts_on=day, ends_on=day)
    assert refused.value.code in ("too_old", "no_unit")
