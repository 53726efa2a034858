"""The API: who may pull what, pages that miss and repeat nothing, one form for every error."""

import csv
import io
import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.cache import caches
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from core import clock
from courses.models import Completion
from evaluation import changes, reconcile, services
from evaluation.models import LedgerEntry, RecordChange
from people import api as doors
from people.models import ApiToken, Duty, Person, ReadingOfOthers, RoleGrant
from people.models.snapshot import served_at
from people.services import tokens
from tests import cast as casting
from tests.cast import NOON
from tests.evaluation import rows
from tests.evaluation.exporting import take

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
        data = b"".join(take(client, "records", filters={"status": status}).streaming_content).decode("utf-8-sig")
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
            "counted_hours",
            "score",
            "enrolled_at",
            "completed_at",
            "certificate_number",
            None,
            "certificate_valid_until",
            "reversed_at",
            "reversal_reason",
            None,  # what a higher certificate rests on: those have a door of their own
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
        assert Decimal(item["counted_hours"]) == (Decimal("1.5") if status == "completed" else 0)


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
        ({"limit": "5001"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"since": "2026"}, "since"),
        ({"until": "20260101"}, "until"),
        ({"since": "-1"}, "since"),
        ({"until": "1767225600.5"}, "until"),
        ({"since": ""}, "since"),
        ({"unit": "x" * 41}, "unit"),
        ({"course": "x" * 21}, "course"),
    ],
)
def test_a_wrong_parameter_is_named(cast, course, pull, wanted, field):
    told = problem(pull(**wanted), 422, "parameters")
    assert [one["field"] for one in told["errors"]] == [field]
    assert field in told["detail"]


@pytest.mark.parametrize("name", ["untill", "page", "Course", "x\x00", "长" * 200])
def test_an_unknown_parameter_is_named_not_passed_over(cast, course, pull, name):
    told = problem(pull(**{name: "1"}), 422, "parameters")
    assert [(one["field"], one["code"]) for one in told["errors"]] == [(name[:40], "unknown")]
    assert name[:40] in told["detail"] and "until" in told["errors"][0]["detail"]


def test_a_parameter_that_is_given_twice_is_named(cast, course, pull):
    told = problem(pull(course=["P01", "T01"]), 422, "parameters")
    assert [(one["field"], one["code"]) for one in told["errors"]] == [("course", "repeated")]


def test_a_period_that_ends_before_it_begins_is_refused(cast, course, pull):
    problem(pull(since="2026-02-01T00:00:00Z", until="2026-01-01T00:00:00Z"), 422, "period")


def test_an_offset_that_no_country_has_is_an_instant_all_the_same(cast, course, pull):
    rows.complete(cast.learner, course, at=NOON)
    assert len(pull(since="2026-06-15T23:30:00+19:30").json()["items"]) == 1  # 4:00 UTC, the instant itself
    assert pull(since="2026-06-15T23:30:01+19:30").json()["items"] == []


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


def test_the_description_says_what_a_cursor_looks_like(client, cast, course, pull):
    described = client.get("/api/v1/openapi.json").json()["paths"][DOOR]["get"]["parameters"]
    [pattern] = [one["schema"]["anyOf"][0]["pattern"] for one in described if one["name"] == "cursor"]
    assert re.fullmatch(pattern, pull().json()["next_cursor"]) and not re.fullmatch(pattern, "1")


def test_a_cursor_of_other_filters_or_another_token_is_refused(cast, course, pull, key_of):
    for person in (cast.learner, cast.colleague):
        rows.complete(person, course)
    cursor = pull(limit=1).json()["next_cursor"]
    problem(pull(cursor=cursor, course="P01"), 422, "cursor_of_other_filter")
    problem(pull(key_of(unit=cast.bureau), cursor=cursor), 422, "cursor_of_other_filter")
    problem(pull(cursor=cursor[:-2] + "xx"), 422, "cursor")
    problem(pull(cursor="1"), 422, "cursor")
    assert numbers(pull(cursor=cursor, limit=5)) == ["YA10002"]


def told_again(pull, cursor: str) -> dict:
    """The one row that a reader gets who reads on from a cursor."""
    [item] = pull(cursor=cursor).json()["items"]
    return item


def test_who_reads_on_learns_of_a_reversal(cast, course, pull):
    done = rows.complete(cast.learner, course)
    rows.complete(cast.colleague, course)
    seen, cursor = walk(pull)
    rows.reverse(done, by=cast.hr)
    item = told_again(pull, cursor)
    assert (item["id"], item["status"], item["reversal_reason"], item["counted_hours"]) == (done.pk, "reversed", "查实替考", "0.00")
    assert item["completed_at"] == "2026-06-15T12:00:00+08:00" and item["hours"] == "1.50"  # what was, stays readable
    assert sorted(walk(pull)[0]) == sorted(seen)  # from the start, each completion comes once


def test_who_reads_on_learns_of_a_late_certificate_and_of_whatever_becomes_of_it(cast, course, pull):
    from certificates.models import StatusEvent

    done = rows.complete(cast.learner, course)
    cursor = walk(pull)[1]
    paper = rows.certificate(done)
    assert told_again(pull, cursor)["certificate_state"] == "valid"
    for kind, state in [("suspended", "suspended"), ("restored", "valid"), ("revoked", "revoked")]:
        cursor = walk(pull)[1]
        StatusEvent.objects.create(certificate=paper, kind=kind, by=cast.hr, reason="查实替考", at=NOON)
        assert told_again(pull, cursor)["certificate_state"] == state


def test_who_reads_on_learns_that_certificates_have_run_out(cast, course, pull):
    from certificates import services

    for someone, number in [(cast.learner, "A"), (cast.colleague, "B")]:
        rows.certificate(rows.complete(someone, course), number, valid_until=clock.today(NOON))
    cursor = walk(pull)[1]
    assert services.expire_due(at=NOON + timedelta(days=1)) == 2
    items = pull(cursor=cursor).json()["items"]
    assert [(item["certificate_number"], item["certificate_state"]) for item in items] == [("A", "expired"), ("B", "expired")]


def test_a_replaced_certificate_gives_way_to_the_corrected_one(cast, course, pull):
    from tests.certificates.conftest import end

    done = rows.complete(cast.learner, course)
    rows.certificate(done)
    cursor = walk(pull)[1]
    new = end(cast, done.certificates.get(), corrections={"person_name": "张晓明"}).proposal.certificate.replacement
    item = told_again(pull, cursor)
    assert (item["certificate_number"], item["certificate_state"]) == (new.number, "valid")


def test_who_reads_on_learns_that_another_round_counts_now(cast, course, pull):
    first, second = rows.complete(cast.learner, course), rows.complete(cast.learner, course, round=2)
    cursor = walk(pull)[1]
    assert [item["counted_hours"] for item in pull().json()["items"]] == ["1.50", "0.00"]
    rows.reverse(first, by=cast.hr)
    counted = {item["id"]: item["counted_hours"] for item in pull(cursor=cursor).json()["items"]}
    assert counted == {first.pk: "0.00", second.pk: "1.50"}


def test_who_reads_on_learns_what_a_correction_by_hand_left_of_a_completion(cast, course, pull, sign_in):
    done = rows.complete(cast.learner, course)
    cursor = walk(pull)[1]
    online, test = done.ledger_entries.order_by("kind")
    told = {"person": cast.learner, "year": 2026, "reason": "挂机", "by": cast.hr, "at": NOON}
    services.correct(**told, hours=Decimal(-1), answers=online)
    services.correct(**told, hours=Decimal("-0.25"))  # names no entry: of the person's year alone
    item = told_again(pull, cursor)
    assert (item["hours"], item["counted_hours"]) == ("1.50", "0.50")
    client = sign_in(cast.hr)
    data = b"".join(take(client, "records").streaming_content).decode("utf-8-sig")
    [line] = csv.DictReader(io.StringIO(data))
    assert (line["学时"], line["计入学时"]) == ("1.50", "0.50")
    assert "计入 0.5" in client.get("/records/").text

    cursor = walk(pull)[1]
    services.correct(**told, hours=Decimal("0.5"), answers=online)
    services.correct(**told, hours=Decimal("-0.5"), answers=test)
    assert told_again(pull, cursor)["counted_hours"] == "0.50"
    assert '<dd class="nums">0.5</dd>' in client.get(f"/records/{done.pk}/reverse/").text, "a reversal takes what is left"
    rows.reverse(done, by=cast.hr)
    assert told_again(pull, cursor)["counted_hours"] == "0.00"


def test_what_was_corrected_before_programs_were_told_of_it_is_told_with_the_update(cast, course, pull):
    done = rows.complete(cast.learner, course)
    rows.complete(cast.colleague, course)
    cursor = walk(pull)[1]
    LedgerEntry.objects.create(
        **served_at(cast.learner), kind="correction", year=2026, hours=Decimal(-1), answers=done.ledger_entries.get(kind="online"), at=NOON
    )
    assert [item["id"] for item in pull(cursor=cursor).json()["items"]] == []
    update = import_module("evaluation.migrations.0027_tell_of_corrected_completions")
    with connection.cursor() as writer:
        writer.execute(update.TELL)
    assert told_again(pull, cursor)["counted_hours"] == "0.50"


def test_a_row_that_changes_between_two_pages_is_neither_lost_nor_old(cast, course, pull):
    people = [p for p in cast.people if p.unit.county_path == cast.county.path]
    made = [rows.complete(person, course) for person in people[:6]]
    first = pull(limit=2).json()
    rows.reverse(made[0], by=cast.hr)  # read already
    rows.reverse(made[4], by=cast.hr)  # not yet
    rest, cursor = [], first["next_cursor"]
    while cursor:
        page = pull(limit=2, cursor=cursor).json()
        rest += page["items"]
        cursor = page["next_cursor"] if page["has_more"] else None
    assert [item["id"] for item in rest] == [made[n].pk for n in (2, 3, 5, 0, 4)]
    assert [item["status"] for item in rest[-2:]] == ["reversed", "reversed"]


def test_a_filter_that_finds_nothing_still_reads_on(cast, course, pull):
    cursor = pull(course="T01").json()["next_cursor"]
    rows.complete(cast.learner, course)
    later = rows.complete(cast.learner, rows.course(cast.county, "T01"))
    assert told_again(lambda **wanted: pull(course="T01", **wanted), cursor)["id"] == later.pk


def test_a_completion_that_no_change_tells_of_is_found_and_told(cast, course, pull):
    done = rows.complete(cast.learner, course, tell=False)
    rows.reverse(done, by=cast.hr, tell=False)
    assert numbers(pull()) == []
    for gap in changes.unnoted(NOON):
        gap.mend()
    assert numbers(pull()) == ["YA10001"] and changes.unnoted(NOON) == []


def test_hours_that_are_mended_late_are_told(cast, course, pull):
    from evaluation.models import RecordChange

    done = rows.complete(cast.learner, course, tell=False)
    RecordChange.objects.create(completion=done, kind="completed", at=NOON)
    cursor = walk(pull)[1]
    for gap in reconcile.uncredited(NOON):
        gap.mend()
    assert told_again(pull, cursor)["counted_hours"] == "1.50"


# With real transactions at the same time

on_postgres = pytest.mark.skipif("connection.vendor != 'postgresql'")


def beside(act) -> threading.Thread:
    """Run something in a transaction of its own."""

    def run():
        try:
            with transaction.atomic():
                act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@on_postgres
def test_a_slow_transaction_is_neither_waited_for_nor_skipped(cast, course, pull):
    written, go = threading.Event(), threading.Event()

    def slow():
        rows.complete(cast.learner, course)
        written.set()
        go.wait(10)

    writer = beside(slow)
    assert written.wait(5)
    rows.complete(cast.colleague, course)  # begun later, committed earlier
    began = time.monotonic()
    first = pull()
    assert time.monotonic() - began < 1.5
    assert numbers(first) == ["YA10002"]
    go.set()
    writer.join()
    assert numbers(pull(cursor=first.json()["next_cursor"])) == ["YA10001"]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@on_postgres
def test_whoever_gives_numbers_keeps_no_writer_waiting_and_tells_a_reader_to_come_again(cast, course, pull):
    rows.complete(cast.learner, course)
    held, go = threading.Event(), threading.Event()

    def number():
        changes.settle()
        held.set()
        go.wait(10)

    numbering = beside(number)
    assert held.wait(5)
    began = time.monotonic()
    rows.reverse(rows.complete(cast.colleague, course), by=cast.hr)
    assert time.monotonic() - began < 1.5
    answer = pull()
    problem(answer, 503, "busy")
    assert answer["Retry-After"]
    go.set()
    numbering.join()
    assert numbers(pull()) == ["YA10001", "YA10002"]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@on_postgres
def test_readers_in_the_middle_of_writers_miss_nothing_and_read_no_change_twice(cast, course, key_of, monkeypatch):
    from django.test import Client

    from courses.models import Completion, Reversal

    monkeypatch.setattr(doors, "CALLS_A_MINUTE", 100_000)
    people = [casting.person(f"YA7{n:04}", f"员{n}", cast.section, Duty.STAFF) for n in range(40)]
    key, over = key_of(), threading.Event()
    writers = [
        threading.Thread(target=_write, args=(people[part::4], course, cast.hr, random.Random(part)))  # four at a time
        for part in range(4)
    ]
    seen: list[list[dict]] = [[], []]
    readers = [threading.Thread(target=_read_on, args=(Client(), key, seen[n], over)) for n in range(2)]
    for thread in writers + readers:
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in readers:
        thread.join()
    for items in seen:
        told = [item["change"] for item in items]
        assert told == sorted(set(told))
        newest = {item["id"]: item["status"] for item in items}
        assert set(newest) == set(Completion.objects.values_list("pk", flat=True)) and len(newest) == 40
        undone = set(Reversal.objects.values_list("completion", flat=True))
        assert {pk for pk, status in newest.items() if status == "reversed"} == undone and len(undone) == 20


def _write(people, course, hr, draw: random.Random) -> None:
    """Completions, every other one reversed afterwards, in transactions that take a while before they commit."""
    for turn, person in enumerate(people):
        with transaction.atomic():
            done = rows.complete(person, course)
            time.sleep(draw.random() / 50)
        if turn % 2:
            with transaction.atomic():
                rows.reverse(done, by=hr)
                time.sleep(draw.random() / 50)
    connection.close()


def _read_on(client, key: str, seen: list[dict], over: threading.Event) -> None:
    """Pull from cursor to cursor until the writers are done, and once more."""
    cursor, last = None, False
    while not last:
        last = over.is_set()
        more = True
        while more:
            answer = client.get(DOOR, {"limit": 3, **({"cursor": cursor} if cursor else {})}, headers={"Authorization": f"Bearer {key}"})
            if answer.status_code == 503:
                continue
            told = answer.json()
            seen += told["items"]
            cursor, more = told["next_cursor"], told["has_more"]
    connection.close()


# Traces, errors, description


def test_each_call_leaves_one_trace(cast, course, pull):
    rows.complete(cast.learner, course)
    pull(course="P01")
    trace = ReadingOfOthers.objects.get()
    assert (trace.kind, trace.reader, trace.rows, trace.filters["course"]) == ("api", cast.hr, 1, "P01")


def test_too_many_calls_a_minute_are_told_when_to_go_on(cast, course, pull, monkeypatch):
    monkeypatch.setattr(doors, "CALLS_A_MINUTE", 3)
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 23, 4, 0, 30, tzinfo=UTC))
    for _ in range(3):
        assert pull().status_code == 200
    response = pull()
    problem(response, 429, "too_many_calls")
    assert 0 < int(response["Retry-After"]) <= 60


def test_two_calls_at_once_are_counted_as_two(monkeypatch):
    both = threading.Barrier(2)
    kept = caches["local"]

    class ReadAtOnce:
        incr, add, set = kept.incr, kept.add, kept.set

        def get(self, *args):
            found = kept.get(*args)
            both.wait(5)
            return found

    monkeypatch.setattr(doors, "CALLS_A_MINUTE", 1)
    monkeypatch.setattr(doors, "cache", ReadAtOnce())
    monkeypatch.setattr(clock, "now", lambda: NOON)
    call = SimpleNamespace(auth=SimpleNamespace(pk=1))
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _n: doors.CallsAMinute().allow_request(call), range(2)))

    assert sorted(answers) == [False, True]


def test_an_error_of_ours_is_a_problem_too(cast, course, pull, monkeypatch):
    monkeypatch.setattr(changes, "settle", lambda: 1 / 0)
    told = problem(pull(), 500, "failed")
    assert "division" not in str(told)


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/", "/api/v1/completions/", "/api/v1/completions/1/2"])
def test_an_unknown_address_is_a_problem(client, db, path):
    problem(client.get(path), 404, "address")


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS", "TRACE", "PROPFIND", "LOCK"])
def test_an_unknown_address_is_unknown_by_whatever_method(client, db, method):
    answer = client.generic(method, "/api/v1/nothing")
    assert answer.status_code == 404 and answer["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/api/v1/completions", ["GET", "HEAD"]),
        ("/api/v1/units/532325", ["GET", "HEAD"]),
        ("/api/v1/certificates/held", ["GET"]),
        ("/api/v1/hand-overs/one/replies", ["POST"]),
        ("/api/v1/openapi.json", ["GET", "HEAD"]),
    ],
)
def test_a_method_that_an_address_does_not_know_is_refused_with_those_that_it_knows(db, path, known):
    client = Client(enforce_csrf_checks=True)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "LOCK"} - set(known):
        answer = client.generic(method, path)
        told = problem(answer, 405, "method")
        assert answer["Allow"] == ", ".join(known) and answer["Allow"] in told["detail"]


def test_a_body_that_is_too_large_is_a_problem(client, db):
    answer = client.generic("POST", "/api/v1/hand-overs/one/replies", b"", CONTENT_LENGTH=str(10**10))
    problem(answer, 413, "too_large")


def test_errors_speak_the_language_of_the_caller(cast, course, pull):
    assert "令牌" in problem(pull("gzk_x"), 401, "token")["detail"]
    assert "token" in problem(pull("gzk_x", language="en"), 401, "token")["detail"]
    assert "200" not in problem(pull(limit="9000", language="en"), 422, "parameters")["detail"]


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


def test_the_migration_gives_every_standing_record_its_change(cast, course, pull):
    import importlib

    from django.apps import apps

    done = rows.complete(cast.learner, course, tell=False)
    rows.complete(cast.colleague, course, tell=False)
    rows.reverse(done, by=cast.hr, tell=False)
    importlib.import_module("evaluation.migrations.0003_recordchange").number_what_stands(apps, None)
    assert [(item["employee_number"], item["status"]) for item in pull().json()["items"]] == [
        ("YA10002", "completed"),
        ("YA10001", "reversed"),
    ]
    assert changes.unnoted(NOON) == []


@pytest.mark.parametrize(("at_once", "few", "stretch"), [(1, 0, 1), (2, 0, 3), (1, 1, 3), (2, 50, 1), (1000, 5000, 10_000)])
def test_a_page_is_the_beginning_of_all_that_changed_however_much_of_it_is_sought(cast, course, monkeypatch, at_once, few, stretch):
    monkeypatch.setattr(changes, "A_PAGE", at_once)
    monkeypatch.setattr(changes, "FEW", few)
    monkeypatch.setattr(changes, "STRETCH", stretch)
    chance = random.Random(7)
    made = [rows.complete(person, course, round=number) for number in range(1, 7) for person in (cast.learner, cast.stranger)]
    for completion in chance.choices(made, k=20):
        changes.note(completion.pk, changes.Kind.HOURS, at=NOON)
    upto = changes.settle()
    for sought in (made, made[::2], made[1:2], made[-1:], []):
        some = Completion.objects.filter(pk__in=[one.pk for one in sought])
        everything = list(changes.read_on(some, after=0, upto=upto))
        for after in (0, upto // 2, upto - 1, upto):
            for most in (1, 2, 5, 50):
                page = changes.first_of(some, after=after, upto=upto, most=most, shape=lambda found: found)
                wanted = [one for one in everything if one.change > after][:most]
                assert [(one.pk, one.change) for one in page] == [(one.pk, one.change) for one in wanted], (after, most)


def test_a_page_of_a_unit_passes_over_what_happened_elsewhere(cast, course, pull, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(changes, "A_PAGE", 2)
    mine = rows.complete(cast.learner, course)
    for number in range(1, 13):
        rows.complete(cast.other_leader, course, round=number)
    changes.note(mine.pk, changes.Kind.HOURS, at=NOON)
    rows.complete(cast.own_leader, course)
    pull()
    with django_assert_max_num_queries(16):  # each look at two changes takes two
        assert numbers(pull(unit=cast.bureau.code)) == ["YA10001", "YA10003"]


def test_changes_that_bear_no_unit_yet_are_read_with_those_of_the_unit(cast, course, pull):
    for who in (cast.learner, cast.other_leader, cast.own_leader):
        rows.complete(who, course)
    changes.settle()
    RecordChange.objects.filter(completion__person__in=[cast.learner, cast.other_leader]).update(unit=None)
    assert numbers(pull(unit=cast.bureau.code)) == ["YA10001", "YA10003"]


def test_the_update_tells_changes_of_old_their_units(cast, course, monkeypatch):
    changes.note_certificate(rows.certificate(rows.complete(cast.learner, course)), changes.Kind.ISSUED, at=NOON)
    changes.settle()
    assert not RecordChange.objects.exclude(kind__in=["completed", "certificate", "entry", "issued"]).exists()
    known = dict(RecordChange.objects.values_list("pk", "unit"))
    RecordChange.objects.update(unit=None)
    migration = import_module("evaluation.migrations.0033_fill_units_of_changes")
    monkeypatch.setattr(migration, "AT_ONCE", 2)
    migration.fill(apps, SimpleNamespace(connection=connection))
    assert dict(RecordChange.objects.values_list("pk", "unit")) == known
    assert set(known.values()) == {cast.section.pk}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_update_builds_the_index_anew_that_a_broken_off_one_left_behind():
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    add = import_module("evaluation.migrations.0033_fill_units_of_changes").Migration.operations[-1]
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX change_in_unit")
        cursor.execute("CREATE INDEX change_in_unit ON evaluation_recordchange (number)")
    for _again in range(2):
        with connection.schema_editor(atomic=False) as editor:
            add.database_forwards("evaluation", editor, None, SimpleNamespace(apps=apps))
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'change_in_unit'")
        assert cursor.fetchone()[0].endswith("(unit_id, number)")


def test_who_asks_only_for_the_head_gets_what_a_reading_would_say_and_no_body(cast, course, client, key_of):
    rows.complete(cast.learner, course)
    headers = {"Authorization": f"Bearer {key_of()}"}
    whole, head = client.get(DOOR, headers=headers), client.head(DOOR, headers=headers)

    assert (head.status_code, head["ETag"], head["Content-Type"], head.content) == (200, whole["ETag"], whole["Content-Type"], b"")
    assert client.head(DOOR, headers=headers | {"If-None-Match": whole["ETag"]}).status_code == 304
    assert client.head(DOOR).status_code == 401
