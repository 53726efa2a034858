"""The public check."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.urls import reverse

from certificates import rules, services
from certificates.models import Certificate, StatusEvent
from certificates.services import chaining
from core import clock
from tests.cast import NOON
from tests.certificates.conftest import a_completion, end


@pytest.fixture
def page(client):
    def get(number, expected=200, name="verify_number"):
        response = client.get(reverse(name, args=[number]))
        assert response.status_code == expected
        return response.content.decode()

    return get


def test_every_printed_fact_is_shown_with_the_name_masked_and_nothing_else(page, cast, certificate):
    text = page(certificate.number)
    for fact in (
        "张*明",
        "培训合格证书",
        "姚安县教育体育局 办公室",
        "政务公开政策解读",
        certificate.course_code,
        "2.5",
        "92.5",
        "姚安县人民政府",
        "2026-06-15",
        "2028-06-15",
        certificate.number,
        "check-valid",
    ):
        assert fact in text, fact
    for secret in ("张小明", "YA10001", "科员", certificate.facts_digest, cast.learner.email):
        assert secret not in text, secret


def test_a_revoked_certificate_says_so_on_the_public_page(page, cast, certificate):
    end(cast, certificate, at=clock.now())
    text = page(certificate.number)
    assert "check-revoked" in text and "已撤销" in text and clock.today().isoformat() in text
    assert "张小明" not in text and "查实替考" not in text and "check-valid" not in text


def test_an_expired_certificate_says_since_when(page, cast, kinds, private):
    certificate = services.issue(completion=a_completion(cast.learner), at=NOON - timedelta(days=365 * 3))
    text = page(certificate.number)
    assert "check-expired" in text and "2025-06-16" in text


def test_what_has_expired_on_record_is_not_valid_again_when_the_clock_is_set_back(page, client, certificate):
    assert "check-valid" in page(certificate.number)
    services.expire_due(at=NOON + timedelta(days=733))  # a day that the clock, set back, calls one to come

    assert "check-expired" in page(certificate.number)
    sent = client.get(f"/verify/{certificate.number}.json", {"on": "2026-07-01"}).json()
    assert (sent["status"], sent["status_on"]) == ("expired", "valid")


def test_an_end_that_a_clock_which_ran_ahead_put_on_record_counts_no_more_once_it_is_explained(page, cast, certificate):
    services.expire_due(at=NOON + timedelta(days=733))
    services.chain(at=NOON + timedelta(days=733))
    services.explain(sequences=[(2, 2)], by=cast.hr, reason="x", at=NOON)  # the issue
    assert "check-expired" in page(certificate.number)
    services.explain(sequences=[(3, 3)], by=cast.hr, reason="服务器时钟快了两年", at=NOON)
    assert "check-valid" in page(certificate.number)


def test_a_mistyped_number_is_told_from_an_unknown_one(page, certificate):
    wrong = certificate.number[:-1] + ("A" if certificate.number[-1] != "A" else "B")
    assert "check-wrong_check" in page(wrong, 422)
    unknown = rules.compose_number(prefix="YAZWGK", category="01", year=2026, county_code="532325", serial=999)
    assert "check-not_found" in page(unknown, 404)
    assert "check-malformed" in page("abc", 422)


def test_numbers_are_found_however_they_are_typed(client, certificate):
    typed = certificate.number.lower().replace("-", " ")
    response = client.get(reverse("verify"), {"number": f"  {typed}　"})
    assert response.status_code == 302 and response["Location"] == reverse("verify_number", args=[certificate.number])
    assert client.get(f"/verify/{typed}/").status_code == 200


def test_a_refused_number_stays_in_the_form(client):
    response = client.get(reverse("verify"), {"number": '"><script>alert(1)</script>'})
    text = response.content.decode()
    assert response.status_code == 422 and "&lt;script&gt;" in text and "<script>alert" not in text


def test_the_form_alone_is_a_plain_page(client, db):
    assert client.get(reverse("verify")).status_code == 200


def test_programs_get_json(client, cast, certificate):
    response = client.get(reverse("verify_json", args=[certificate.number]))
    data = json.loads(response.content)
    assert response["Content-Type"] == "application/json"
    assert (data["status"], data["name"], data["hours"], data["score"]) == ("valid", "张*明", "2.5", "92.5")
    assert data["issued_on"] == "2026-06-15" and data["valid_until"] == "2028-06-15" and data["revoked_on"] is None
    assert "张小明" not in response.content.decode()

    end(cast, certificate, at=clock.now())
    data = client.get(reverse("verify_json", args=[certificate.number])).json()
    assert data["status"] == "revoked" and data["revoked_on"] == clock.today().isoformat()


def test_programs_get_problems_with_a_code(client, certificate):
    for number, status, code in (
        ("abc", 422, "malformed"),
        (certificate.number[:-1] + "*", 422, "malformed"),
        (rules.compose_number(prefix="ZZ", category="01", year=2026, county_code="532325", serial=1), 404, "not_found"),
    ):
        response = client.get(reverse("verify_json", args=[number]))
        assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
        assert response.json()["code"] == code


def test_pages_of_other_sites_may_read_an_answer_and_a_refusal_alike(client, certificate, settings):
    door = reverse("verify_json", args=[certificate.number])
    answers = [client.get(door), client.get(reverse("verify_json", args=["abc"])), client.post(reverse("verify_file_json"))]
    settings.VERIFY_PER_MINUTE = 1
    answers.append(client.get(door))

    assert [each.status_code for each in answers] == [200, 422, 200, 429]
    assert {each.headers.get("Access-Control-Allow-Origin") for each in answers} == {"*"}


def test_one_query_and_no_session(client, certificate, django_assert_num_queries):
    with django_assert_num_queries(1):
        response = client.get(reverse("verify_number", args=[certificate.number]))
    assert not response.cookies and "Cookie" not in response.get("Vary", "")
    with django_assert_num_queries(1):
        client.get(reverse("verify_json", args=[certificate.number]))
    with django_assert_num_queries(0):
        client.get(reverse("verify_number", args=["YAZWGK-01-2026-532325-00001-0"]))


def test_a_signed_in_reader_costs_no_more(cast, certificate, sign_in, django_assert_max_num_queries):
    client = sign_in(cast.colleague)
    client.get("/verify/")
    with django_assert_max_num_queries(3):  # the site's middleware reads session and user
        response = client.get(reverse("verify_number", args=[certificate.number]))
    assert "张小明" not in response.content.decode()


@pytest.mark.parametrize("door", ["verify_number", "verify_json"])
def test_pages_are_kept_out_of_search_engines_and_caches(client, certificate, door):
    response = client.get(reverse(door, args=[certificate.number]))
    assert "noindex" in response["X-Robots-Tag"] and response["Cache-Control"] == "no-store"


def test_too_many_checks_from_one_address_have_to_wait(client, certificate, settings, django_assert_num_queries):
    settings.VERIFY_PER_MINUTE = 3
    address = reverse("verify_number", args=[certificate.number])
    assert [client.get(address).status_code for _ in range(3)] == [200] * 3
    with django_assert_num_queries(0):
        response = client.get(address)
    assert response.status_code == 429 and 1 <= int(response["Retry-After"]) <= 60
    assert client.get(reverse("verify_json", args=[certificate.number])).json()["code"] == "too_many"
    assert client.get(address, REMOTE_ADDR="10.1.2.3").status_code == 200


def test_hostile_facts_are_escaped(page, cast, kinds, private):
    certificate = services.issue(
        completion=a_completion(cast.learner, name="<script>alert(1)</script>", title="<img src=x onerror=alert(1)>"), at=NOON
    )
    text = page(certificate.number)
    assert "<img src=x" not in text and "<script>alert" not in text and "&lt;img src=x" in text


def test_only_reading_is_possible(client, certificate):
    assert client.post(reverse("verify_number", args=[certificate.number])).status_code == 405


# ---- on a day, and what came before and after ---------------------------------------------------


def an_event(certificate, kind, by, at, reason="查实"):
    return StatusEvent.objects.create(certificate=certificate, kind=kind, reason=reason, by=by, at=at)


def test_the_state_on_a_day_is_told_beside_the_one_of_now(client, cast, certificate):
    an_event(certificate, "suspended", cast.hr, NOON + timedelta(days=10))
    an_event(certificate, "restored", cast.hr, NOON + timedelta(days=20))
    an_event(certificate, "revoked", cast.hr, NOON + timedelta(days=40))

    def on(day):
        data = client.get(reverse("verify_json", args=[certificate.number]), {"on": day}).json()
        assert data["status"] == "revoked" and data["revoked_on"] == "2026-07-25" and data["status_since"] == "2026-07-25"
        return data["status_on"]

    days = ["2026-06-14", "2026-06-15", "2026-06-24", "2026-06-25", "2026-07-04", "2026-07-05", "2026-07-24", "2026-07-25", "2026-08-01"]
    assert [on(day) for day in days] == ["not_issued", *["valid"] * 2, *["suspended"] * 2, *["valid"] * 2, *["revoked"] * 2]


def test_a_day_to_come_a_day_before_the_issue_and_no_day_are_told_apart(page, client, certificate):
    number = certificate.number
    future = client.get(reverse("verify_json", args=[number]), {"on": "2998-01-01"}).json()
    assert future["on"] == "2998-01-01" and future["status_on"] is None and future["status_on_label"] == "尚无法得知"
    assert client.get(reverse("verify_json", args=[number])).json()["on"] is None
    text = client.get(reverse("verify_number", args=[number]), {"on": "2998-01-01"}).content.decode()
    assert "check-future" in text and "早于所问日期" in text
    assert "check-not_issued" in client.get(reverse("verify_number", args=[number]), {"on": "2026-06-01"}).content.decode()
    for wrong in ("2026-02-30", "20260101", "2026-W01-1", "今天", "2026-1-1"):
        assert client.get(reverse("verify_json", args=[number]), {"on": wrong}).json()["code"] == "date"
        assert client.get(reverse("verify_number", args=[number]), {"on": wrong}).status_code == 422
        assert client.get(reverse("verify"), {"number": number, "on": wrong}).status_code == 422


def test_the_form_takes_the_day_along(client, certificate):
    response = client.get(reverse("verify"), {"number": certificate.number.lower(), "on": "2026-07-01"})
    assert response["Location"] == reverse("verify_number", args=[certificate.number]) + "?on=2026-07-01"


def test_a_suspended_one_says_so_without_the_reason(page, client, cast, certificate):
    an_event(certificate, "suspended", cast.hr, clock.now(), reason="有人举报替考")
    text = page(certificate.number)
    assert "check-suspended" in text and "暂停" in text and "替考" not in text and "check-valid" not in text
    data = client.get(reverse("verify_json", args=[certificate.number])).json()
    assert data["status"] == "suspended" and data["revoked_on"] is None and "替考" not in str(data)


def a_follower(certificate, **links):
    """A certificate that follows another, as the services make it."""
    fields = {field.attname: getattr(certificate, field.attname) for field in Certificate._meta.concrete_fields if not field.primary_key}
    number = rules.compose_number(prefix="YAZWGK", category="01", year=2026, county_code="532325", serial=50 + Certificate.objects.count())
    fields |= {"number": number, "salt": "", "completion_id": None, "round": Certificate.objects.count() + 1, **links}
    made = Certificate(**fields)
    made.facts_digest = rules.digest(made.facts())
    made.save()
    return made


def test_a_replaced_one_leads_to_its_successor_by_number_alone(page, client, cast, certificate):
    new = a_follower(certificate, replaces_id=certificate.pk, person_name="张晓明", title="更正后的证书")
    an_event(certificate, "replaced", cast.hr, clock.now())

    text = page(certificate.number)

    assert "check-replaced" in text and reverse("verify_number", args=[new.number]) in text and "更正后的证书" not in text
    assert client.get(reverse("verify_json", args=[certificate.number])).json()["replaced_by"] == new.number
    data = client.get(reverse("verify_json", args=[new.number])).json()
    assert data["replaces"] == certificate.number and data["status"] == "valid"


@pytest.mark.parametrize("column, value", [("score", "100"), ("person_name", "王小明"), ("valid_until", None), ("post_title", "局长")])
def test_a_record_that_somebody_edited_is_confirmed_to_nobody(page, client, certificate, column, value):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE certificates_certificate SET {column} = %s WHERE id = %s", [value, certificate.pk])

    told = client.get(reverse("verify_number", args=[certificate.number]))
    assert told.status_code == 409 and "不予确认" in told.text and "check-valid" not in told.text and "王*" not in told.text
    answer = client.get(reverse("verify_json", args=[certificate.number]))
    assert (answer.status_code, answer.json()["code"]) == (409, "altered") and "score" not in answer.json()


def test_facts_and_digest_edited_together_are_confirmed_to_nobody(client, certificate):
    chaining.chain(at=clock.now(), everywhere=True)
    certificate.score = Decimal(100)
    with connection.cursor() as cursor:
        values = [certificate.score, rules.digest(certificate.facts()), certificate.pk]
        cursor.execute("UPDATE certificates_certificate SET score = %s, facts_digest = %s WHERE id = %s", values)

    answer = client.get(reverse("verify_json", args=[certificate.number]))
    assert (answer.status_code, answer.json()["code"]) == (409, "altered") and "score" not in answer.json()
    record = Certificate.objects.get(pk=certificate.pk)
    assert rules.digest(record.facts()) == record.facts_digest and not record.is_as_issued


@pytest.mark.parametrize("column, value", [("kind", "restored"), ("at", "2020-01-01 00:00:00+00:00")])
def test_a_certificate_whose_status_event_somebody_edited_is_confirmed_to_nobody(client, cast, certificate, column, value):
    StatusEvent.objects.create(certificate=certificate, kind="suspended", by=cast.hr, reason="核实", at=clock.now())
    chaining.chain(at=clock.now(), everywhere=True)
    assert client.get(reverse("verify_json", args=[certificate.number])).json()["status"] == "suspended"
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE certificates_statusevent SET {column} = %s WHERE kind = 'suspended'", [value])

    answer = client.get(reverse("verify_json", args=[certificate.number]))
    assert (answer.status_code, answer.json()["code"]) == (409, "altered")


def test_renewals_lead_to_each_other(page, client, certificate):
    new = a_follower(certificate, renews_id=certificate.pk)

    assert reverse("verify_number", args=[new.number]) in page(certificate.number)
    assert reverse("verify_number", args=[certificate.number]) in page(new.number)
    assert client.get(reverse("verify_json", args=[certificate.number])).json()["renewed_by"] == new.number
    assert client.get(reverse("verify_json", args=[new.number])).json()["renews"] == certificate.number


def test_followers_cost_no_query(client, certificate, django_assert_num_queries):
    a_follower(certificate, renews_id=certificate.pk)
    with django_assert_num_queries(1):
        client.get(reverse("verify_number", args=[certificate.number]))


def test_a_certificate_without_a_course_is_shown_without_one(page, certificate):
    new = a_follower(certificate, course_code="", course_title="", edition_number=None, score=None)

    text = page(new.number)

    assert "（，" not in text and "None" not in text and "合格" in text


def test_a_clock_that_was_set_back_shows_nothing_revoked_or_suspended_as_valid(page, client, cast, certificate):
    """The events are dated tomorrow and later then, but they happened."""
    today = clock.today()
    for number, kind in enumerate(("suspended", "revoked")):
        an_event(certificate, kind, cast.hr, clock.now() + timedelta(days=2 + number))

        assert f"check-{kind}" in page(certificate.number) and "check-valid" not in page(certificate.number)
        asked = {"on": today.isoformat()}
        data = client.get(reverse("verify_json", args=[certificate.number]), asked).json()
        assert data["status"] == data["status_on"] == kind
        assert certificate.state_on(today) == kind and not Certificate.objects.in_force(today).exists()
        assert certificate.state_on(today - timedelta(days=1)) == "valid"
