"""The portal asks: does this person hold a valid certificate?"""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.urls import reverse

from certificates import services
from certificates.models import CertificateKind, StatusEvent
from certificates.services import chaining
from core import clock
from people import api as doors
from people.models import ApiToken, ReadingOfOthers
from people.services import tokens
from tests.cast import NOON, grant
from tests.certificates.conftest import a_completion

DOOR = "/api/v1/certificates/held"
NOBODY = {"holds": False, "number": None, "valid_until": None}


@pytest.fixture
def key_of(cast):
    def make(owner=None, unit=None, scopes=("certificates:check",)):
        expires = clock.now() + timedelta(days=30)
        return tokens.create(owner=owner or cast.hr, name="portal", scopes=list(scopes), unit=unit or cast.county, expires_at=expires)[1]

    return make


@pytest.fixture
def ask(client, key_of):
    kept = []

    def call(person="YA10001", kind="training", key=None, **more):
        kept[:] = kept or [key_of()]
        return client.get(DOOR, {"employee_number": person, "kind": kind, **more}, headers={"Authorization": f"Bearer {key or kept[0]}"})

    return call


def told(response) -> dict:
    assert response.status_code == 200, response.content
    return {name: value for name, value in response.json().items() if name != "on"}


def an_event(certificate, kind, at, by):
    StatusEvent.objects.create(certificate=certificate, kind=kind, reason="查实", by=by, at=at)


def test_a_holder_holds_it_today(ask, certificate):
    response = ask()

    assert told(response) == {"holds": True, "number": certificate.number, "valid_until": "2028-06-15"}
    assert response["Cache-Control"] == "private, no-cache" and "Authorization" in response["Vary"]
    assert told(ask(kind="basic")) == NOBODY


@pytest.mark.parametrize("column", ["person_id", "kind_id"])
def test_one_that_was_given_to_somebody_else_or_another_kind_in_the_database_does_not_count(cast, kinds, ask, certificate, column):
    chaining.chain(at=clock.now(), everywhere=True)
    publisher = CertificateKind.objects.get(county=cast.county, key="publisher")
    given = {"person_id": cast.colleague.pk, "kind_id": publisher.pk}[column]
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE certificates_certificate SET {column} = %s WHERE id = %s", [given, certificate.pk])
    wanted = {"person": cast.colleague.employee_number} if column == "person_id" else {"kind": "publisher"}
    assert told(ask(**wanted)) == NOBODY


def test_one_whose_record_was_edited_in_the_database_does_not_count(ask, certificate):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE certificates_certificate SET valid_until = '2038-06-15' WHERE id = %s", [certificate.pk])

    assert told(ask()) == NOBODY


@pytest.mark.parametrize("kind", ["suspended", "replaced", "revoked"])
def test_what_was_taken_away_does_not_count_from_that_day_on(cast, ask, certificate, kind):
    an_event(certificate, kind, clock.now(), cast.hr)

    assert told(ask()) == NOBODY
    assert told(ask(on="2026-06-15"))["holds"]


def test_a_restored_one_counts_again_and_the_days_between_do_not(cast, ask, certificate):
    an_event(certificate, "suspended", NOON + timedelta(days=10), cast.hr)
    an_event(certificate, "restored", NOON + timedelta(days=20), cast.hr)

    assert told(ask())["holds"] and not told(ask(on="2026-06-30"))["holds"] and told(ask(on="2026-06-20"))["holds"]


def test_the_last_day_counts_and_the_day_after_it_and_the_day_before_the_issue_do_not(cast, ask, kinds, private):
    services.issue(completion=a_completion(cast.learner), at=NOON - timedelta(days=365 * 3))

    assert [told(ask(on=day))["holds"] for day in ("2023-06-15", "2023-06-16", "2025-06-16", "2025-06-17")] == [False, True, True, False]


def test_one_whose_end_is_on_record_does_not_count_again_when_the_clock_is_set_back(cast, ask, certificate):
    services.expire_due(at=NOON + timedelta(days=733))

    assert told(ask()) == NOBODY and told(ask(on="2026-07-01"))["holds"]


def test_of_several_the_one_that_lasts_longest_is_named(cast, ask, certificate):
    later = services.issue(completion=a_completion(cast.learner), at=NOON + timedelta(days=90))

    assert told(ask())["number"] == later.number


def test_the_unknown_and_those_out_of_reach_are_answered_alike(cast, ask, certificate, key_of):
    services.ensure_kinds(cast.other_county)
    theirs = services.issue(completion=a_completion(cast.stranger), at=NOON)
    elsewhere = key_of(unit=cast.other_bureau)
    other_county = key_of(owner=cast.other_hr, unit=cast.other_county)

    alike = [ask("XX99999"), ask(cast.stranger.employee_number), ask(key=elsewhere), ask(key=other_county)]

    assert [told(one) for one in alike] == [NOBODY] * 4
    assert len({one.content for one in alike}) == 1
    assert told(ask(cast.stranger.employee_number, key=other_county))["number"] == theirs.number


def test_a_token_over_a_bureau_reaches_the_sections_below_it(cast, ask, certificate, key_of):
    assert told(ask(key=key_of(unit=cast.bureau)))["holds"]


def test_who_moved_away_is_out_of_reach_and_a_certificate_of_another_county_does_not_count(cast, ask, certificate, key_of):
    services.ensure_kinds(cast.other_county)
    cast.learner.unit = cast.other_county
    cast.learner.save()

    assert told(ask()) == NOBODY
    assert told(ask(key=key_of(owner=cast.other_hr, unit=cast.other_county))) == NOBODY


def refused(response, status, code):
    assert response.status_code == status and response["Content-Type"].startswith("application/problem+json")
    assert response.json()["code"] == code


def test_only_a_token_with_this_scope_may_ask(client, ask, certificate, key_of):
    refused(client.get(DOOR, {"employee_number": "YA10001", "kind": "training"}), 401, "no_token")
    refused(ask(key="gzk_nothing"), 401, "token")
    refused(ask(key=key_of(scopes=["completions"])), 403, "scope")
    refused(client.post(DOOR), 405, "method")


def test_a_token_ends_with_its_owners_role(cast, ask, certificate):
    assert told(ask())["holds"]
    cast.hr.role_grants.update(ends_on=date(2026, 1, 1))

    refused(ask(), 401, "token")


def test_a_token_with_this_scope_pulls_no_completions(client, key_of, kinds):
    refused(client.get("/api/v1/completions", headers={"Authorization": f"Bearer {key_of()}"}), 403, "scope")


def test_what_is_not_understood_is_said(ask, certificate):
    refused(ask(kind="trainin"), 404, "kind")
    refused(ask(on="2999-01-01"), 422, "future")
    refused(ask(on="2026"), 422, "parameters")
    refused(ask(on="2026-02-30"), 422, "parameters")
    refused(ask(person=""), 422, "parameters")
    refused(ask(emplyee="x"), 422, "parameters")


def test_each_call_is_logged_for_the_auditor(cast, ask, certificate):
    ask()
    ask("XX99999")
    known, unknown = ReadingOfOthers.objects.filter(what="certificate held").order_by("pk")

    assert (known.reader, known.kind, known.subject, known.rows, known.unit) == (cast.hr, "api", cast.learner, 1, cast.county)
    assert known.filters["person"] == "YA10001" and known.filters["kind"] == "training" and known.filters["token"].startswith("gzk_")
    assert unknown.subject is None and unknown.rows == 0


def test_too_many_calls_wait(ask, certificate, monkeypatch):
    monkeypatch.setattr(doors, "CALLS_A_MINUTE", 2)
    ask(), ask()

    response = ask()

    refused(response, 429, "too_many_calls")
    assert 1 <= int(response["Retry-After"]) <= 60


def test_queries_do_not_grow_with_the_certificates_of_a_person(cast, ask, certificate, django_assert_max_num_queries):
    ask()
    for days in range(8):
        services.issue(completion=a_completion(cast.learner), at=NOON + timedelta(days=days))

    with django_assert_max_num_queries(14):
        assert told(ask())["holds"]


def test_the_door_is_described(client, db):
    described = client.get(reverse("api:openapi-json")).json()["paths"]["/api/v1/certificates/held"]["get"]

    assert described["operationId"] == "certificate_held"
    assert {one["name"] for one in described["parameters"]} == {"employee_number", "kind", "on", "If-None-Match"}
    assert set(described["responses"]) >= {"200", "401", "403", "404", "422", "429"}


def test_the_command_makes_such_a_token(cast, capsys):
    from django.core.management import call_command

    grant(cast.hr, "hr", cast.bureau)
    call_command("api_token", "create", "--user", cast.hr.employee_number, "--scope", "certificates:check", "--unit", cast.county.code)

    assert "gzk_" in capsys.readouterr().out and ApiToken.objects.get().scopes == ["certificates:check"]


def test_an_unchanged_answer_is_not_sent_again_and_a_changed_one_is(cast, client, certificate, key_of):
    key = key_of()

    def ask(tag=None, person="YA10001", key=key):
        headers = {"Authorization": f"Bearer {key}"} | ({"If-None-Match": tag} if tag else {})
        return client.get(DOOR, {"employee_number": person, "kind": "training"}, headers=headers)

    first = ask()
    tag = first["ETag"]
    again = ask(tag)
    assert (again.status_code, again.content, again["ETag"], again["Cache-Control"]) == (304, b"", tag, "private, no-cache")
    assert ReadingOfOthers.objects.filter(what="certificate held").count() == 2  # asked is asked
    assert ask(tag, person="XX99999").status_code == 200
    assert client.get(DOOR, {"employee_number": "YA10001", "kind": "training"}, headers={"If-None-Match": tag}).status_code == 401
    an_event(certificate, "suspended", clock.now(), cast.hr)
    changed = ask(tag)
    assert changed.status_code == 200 and not changed.json()["holds"] and changed["ETag"] != tag
