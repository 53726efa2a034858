"""The API: who may pull what, pages that miss and repeat nothing, one form for every error."""

import csv
import io
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from core import clock
from evaluation import api
from people.models import ApiToken, Person, ReadingOfOthers, RoleGrant
from people.services import tokens
from tests.evaluation import rows

DOOR = "/api/v1/completions"


@pytest.fixture
def key_of(cast):
    def make(owner=None, unit=None, days=30):
        return tokens.create(
            owner=owner or cast.hr,
            name="HR",
            scopes=["completions"],
            unit=unit or cast.county,
            expires_at=clock.now() + timedelta(days=days),
        )[1]

    return make


@pytest.fixture
def pull(client, key_of):
    held = {}

    def call(key=None, language=None, **wanted):
        if key is None:
            key = held.setdefault("key", None) or held.__setitem__("key", key_of()) or held["key"]
        headers = {"Authorization": f"Bearer {key}"} | ({"Accept-Language": language} if language else {})
        return client.get(DOOR, wanted, headers=headers)

    return call


def problem(response, status: int, code: str) -> dict:
    assert response.status_code == status
    assert response["Content-Type"].startswith("application/problem+json")
    told = response.json()
    assert told["status"] == status and told["code"] == code and told["detail"] and told["title"]
    return told


def numbers(response) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["employee_number"] for item in response.json()["items"]]


def test_a_row_of_the_api_is_the_row_of_the_export(cast, course, pull, sign_in):
    rows.certificate(rows.complete(cast.learner, course))
    rows.reverse(rows.complete(cast.colleague, course, score=None), by=cast.hr)
    sent = {item["employee_number"]: item for item in pull().json()["items"]}
    client = sign_in(cast.hr)
    for number, status in (("YA10001", "completed"), ("YA10002", "reversed")):
        data = b"".join(client.get(reverse("records_csv"), {"status": status}).streaming_content).decode("utf-8-sig")
        [line] = list(csv.reader(io.StringIO(data)))[1:]
        item = sent[number]
        assert item["status"] == status
        plain = [
            "id",
            None,
            "employee_number",
            "person_name",
            "unit_code",
            "unit_name",
            "post_title",
            None,
            "course_code",
            "course_title",
            "edition",
            None,
            "round",
            "minutes",
            "study_hours",
            "test_hours",
            "hours",
            "score",
            "enrolled_at",
            "completed_at",
            "certificate_number",
            None,
            "certificate_valid_until",
            "reversed_at",
            "reversal_reason",
        ]
        for cell, name in zip(line, plain, strict=True):
            if name is None:
                continue
            value = item[name]
            if name.endswith("_at") and value:
                assert value.endswith("+08:00")
                value = value[:19].replace("T", " ")
            assert cell == ("" if value is None else str(value)), name
        assert Decimal(item["hours"]) == Decimal("1.5")


# Who


def test_without_or_with_a_wrong_token_nothing_is_told(cast, course, client, pull):
    rows.complete(cast.learner, course)
    response = client.get(DOOR)
    problem(response, 401, "no_token")
    assert response["WWW-Authenticate"] == "Bearer"
    problem(pull("gzk_wrong"), 401, "token")
    problem(pull("x" * 5000), 401, "token")


def test_a_signed_in_person_is_no_token(cast, course, sign_in):
    problem(sign_in(cast.hr).get(DOOR), 401, "no_token")


def test_an_expired_or_revoked_token_is_refused(cast, course, pull, key_of):
    key = key_of()
    ApiToken.objects.update(expires_at=clock.now())
    problem(pull(key), 401, "token")
    key = key_of()
    tokens.revoke(token=ApiToken.objects.latest("pk"), at=clock.now())
    problem(pull(key), 401, "token")


def test_a_token_dies_with_the_role_of_its_owner(cast, course, pull, key_of):
    key = key_of()
    RoleGrant.objects.filter(person=cast.hr).update(ends_on=clock.today())
    problem(pull(key), 401, "token")


def test_a_token_without_the_scope_is_forbidden(cast, pull, key_of):
    key = key_of()
    ApiToken.objects.update(scopes=["something"])
    problem(pull(key), 403, "scope")


def test_a_token_reads_its_subtree_alone(cast, course, pull, key_of):
    rows.complete(cast.learner, course)
    rows.complete(cast.other_leader, course)
    foreign = rows.course(cast.other_county, "Q01")
    rows.complete(cast.stranger, foreign)
    assert numbers(pull(key_of(unit=cast.bureau))) == ["YA10001"]
    assert numbers(pull(key_of())) == ["YA10001", "YA10004"]
    assert numbers(pull(key_of(owner=cast.other_hr, unit=cast.other_county))) == ["DY10002"]


def test_a_token_for_one_bureau_does_not_bring_its_owners_own_records(cast, course, pull, key_of):
    rows.complete(cast.hr, course)  # HR serves in another office
    assert numbers(pull(key_of(unit=cast.bureau))) == []


def test_a_unit_out_of_reach_is_forbidden_and_an_unknown_one_missing(cast, course, pull, key_of):
    key = key_of(unit=cast.bureau)
    problem(pull(key, unit=cast.other_bureau.code), 403, "out_of_reach")
    problem(pull(key, unit=cast.other_county.code), 404, "unit")
    problem(pull(key, unit="nowhere"), 404, "unit")
    assert numbers(pull(key, unit=cast.section.code)) == []


@pytest.mark.parametrize("who", ["own_leader", "learner", "auditor", "admin", "other_hr"])
def test_nobody_but_hr_of_the_unit_gets_a_token(cast, who):
    from core.errors import Refused

    with pytest.raises(Refused):
        tokens.create(
            owner=getattr(cast, who), name="x", scopes=["completions"], unit=cast.county, expires_at=clock.now() + timedelta(days=1)
        )


# What


def test_filters_narrow_the_rows(cast, course, pull):
    other = rows.course(cast.county, "T01")
    rows.complete(cast.learner, course, at=datetime(2026, 1, 1, tzinfo=UTC))
    rows.complete(cast.colleague, other, at=datetime(2026, 2, 1, tzinfo=UTC))
    rows.complete(cast.other_leader, course, at=datetime(2026, 3, 1, tzinfo=UTC))
    assert numbers(pull(course="P01")) == ["YA10001", "YA10004"]
    assert numbers(pull(unit=cast.bureau.code)) == ["YA10001", "YA10002"]
    assert numbers(pull(person="YA10002")) == ["YA10002"]
    assert numbers(pull(since="2026-02-01T08:00:00+08:00")) == ["YA10002", "YA10004"]
    assert numbers(pull(until="2026-02-01T08:00:00+08:00")) == ["YA10001"]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"limit": "501"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"unit": "x" * 41}, "unit"),
        ({"course": "x" * 21}, "course"),
    ],
)
def test_a_wrong_parameter_is_named(cast, course, pull, wanted, field):
    told = problem(pull(**wanted), 422, "parameters")
    assert [one["field"] for one in told["errors"]] == [field]
    assert field in told["detail"]


def test_a_period_that_ends_before_it_begins_is_refused(cast, course, pull):
    problem(pull(since="2026-02-01T00:00:00Z", until="2026-01-01T00:00:00Z"), 422, "period")


@pytest.mark.parametrize(
    "wanted",
    [
        {"unit": "a\x00b"},
        {"course": "\x00"},
        {"person": "\x00"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"until": "9999-12-31T23:59:59-12:00"},
    ],
)
def test_hostile_parameters_are_refused_not_failed(cast, course, pull, wanted):
    assert pull(**wanted).status_code in (200, 404, 422)


# Pages


def walk(pull, *, limit=2, between=lambda: None, **wanted) -> tuple[list[int], str]:
    seen, cursor = [], None
    while True:
        told = pull(limit=limit, **({"cursor": cursor} if cursor else {}), **wanted).json()
        seen += [item["id"] for item in told["items"]]
        cursor = told["next_cursor"]
        if not told["has_more"]:
            return seen, cursor
        between()


def test_pages_miss_and_repeat_nothing_while_rows_are_added(cast, course, pull):
    from courses.models import Completion

    people = [p for p in cast.people if p.unit.county_path == cast.county.path]
    waiting = [rows.course(cast.county, f"N{n}") for n in range(6)]
    for person in people[:7]:
        rows.complete(person, course)

    def add():
        if waiting:
            rows.complete(cast.learner, waiting.pop(), at=datetime(2020, 1, 1, tzinfo=UTC))  # dated back: the order is that of writing

    seen, cursor = walk(pull, between=add)
    assert seen == sorted(set(seen)) == list(Completion.objects.order_by("pk").values_list("pk", flat=True))
    add()
    assert pull(cursor=cursor).json()["items"][0]["id"] == Completion.objects.latest("pk").pk
    assert pull(cursor=pull(cursor=cursor).json()["next_cursor"]).json()["items"] == []


def test_a_cursor_of_other_filters_or_another_token_is_refused(cast, course, pull, key_of):
    for person in (cast.learner, cast.colleague):
        rows.complete(person, course)
    cursor = pull(limit=1).json()["next_cursor"]
    problem(pull(cursor=cursor, course="P01"), 422, "cursor_of_other_filter")
    problem(pull(key_of(unit=cast.bureau), cursor=cursor), 422, "cursor_of_other_filter")
    problem(pull(cursor=cursor[:-2] + "xx"), 422, "cursor")
    problem(pull(cursor="1"), 422, "cursor")
    assert numbers(pull(cursor=cursor, limit=5)) == ["YA10002"]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_a_row_that_is_being_written_is_waited_for_not_skipped(cast, course, pull):
    written, told = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            rows.complete(cast.learner, course, tell=False)  # draws the lower id, commits later
            written.set()
            told.wait(0.5)
        connection.close()

    writer = threading.Thread(target=slow)
    writer.start()
    written.wait(5)
    rows.complete(cast.colleague, course, tell=False)
    seen = numbers(pull())
    told.set()
    writer.join()
    assert seen == ["YA10001", "YA10002"]


# Traces, errors, description


def test_each_call_leaves_one_trace(cast, course, pull):
    rows.complete(cast.learner, course)
    pull(course="P01")
    trace = ReadingOfOthers.objects.get()
    assert (trace.kind, trace.reader, trace.rows, trace.filters["course"]) == ("api", cast.hr, 1, "P01")


def test_too_many_calls_a_minute_are_told_when_to_go_on(cast, course, pull, monkeypatch):
    monkeypatch.setattr(api, "CALLS_A_MINUTE", 3)
    monkeypatch.setattr(api.clock, "now", lambda: datetime(2026, 11, 23, 4, 0, 30, tzinfo=UTC))
    for _ in range(3):
        assert pull().status_code == 200
    response = pull()
    problem(response, 429, "too_many_calls")
    assert 0 < int(response["Retry-After"]) <= 60


def test_an_error_of_ours_is_a_problem_too(cast, course, pull, monkeypatch):
    monkeypatch.setattr(api, "settled_id", lambda: 1 / 0)
    told = problem(pull(), 500, "failed")
    assert "division" not in str(told)


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/", "/api/v1/completions/", "/api/v1/completions/1"])
def test_an_unknown_address_is_a_problem(client, db, path):
    problem(client.get(path), 404, "address")


def test_writing_is_no_method_of_the_api(client, db):
    problem(client.post(DOOR), 405, "method")


def test_errors_speak_the_language_of_the_caller(cast, course, pull):
    assert "令牌" in problem(pull("gzk_x"), 401, "token")["detail"]
    assert "token" in problem(pull("gzk_x", language="en"), 401, "token")["detail"]
    assert "200" not in problem(pull(limit="900", language="en"), 422, "parameters")["detail"]


def test_the_description_names_every_field_and_error(client, db):
    told = client.get("/api/v1/openapi.json").json()
    assert told["openapi"].startswith("3.1")
    get = told["paths"]["/api/v1/completions"]["get"]
    assert {"200", "401", "403", "404", "422", "429", "500"} <= set(get["responses"])
    fields = told["components"]["schemas"]["CompletionOut"]["properties"]
    assert {"employee_number", "hours", "completed_at", "certificate_number", "reversed_at"} <= set(fields)


def test_five_hundred_rows_take_no_more_queries_than_one(cast, course, pull, django_assert_max_num_queries):
    from tests.evaluation.test_pages import many

    many(cast, course, 600)
    pull()
    with django_assert_max_num_queries(15):
        response = pull(limit=500)
    assert len(response.json()["items"]) == 500 and response.json()["has_more"] is True


def test_a_person_who_left_is_still_in_the_records(cast, course, pull):
    rows.complete(cast.learner, course)
    Person.objects.filter(pk=cast.learner.pk).update(status="left", unit=None)
    assert numbers(pull()) == ["YA10001"]
    assert timezone.is_aware(datetime.fromisoformat(pull().json()["items"][0]["completed_at"]))
