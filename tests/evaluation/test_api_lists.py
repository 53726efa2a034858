"""The lists of the API: whom each answers, what a cursor belongs to, what each shows, and what is unchanged."""

import itertools
import json
import random
import threading
import time
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction

from certificates.models import StatusEvent
from core import clock
from evaluation import changes, services
from evaluation.models import (
    Calculation,
    HourClaim,
    Indicator,
    IndicatorVersion,
    LedgerEntry,
    Period,
    PeriodStep,
    PersonLine,
    RecordChange,
    UnitLine,
)
from people import api as doors
from people.models import ApiToken, Duty, ReadingOfOthers, RoleGrant
from people.models.snapshot import served_at
from people.services import tokens
from tests import cast as casting
from tests.cast import NOON
from tests.evaluation import rows
from tests.evaluation.test_api import beside, on_postgres, problem

SCOPES = {
    "completions": "completions",
    "certificates": "certificates",
    "certificates/higher": "completions",
    "hours": "hours",
    "people": "people",
    "units": "structure",
    "courses": "structure",
    "periods": "results",
    "hand-overs": "results",
    "results/units": "results",
    "results/people": "results",
}
NEEDS = {"results/units": {"year": 2026}, "results/people": {"year": 2026}}
OF_PEOPLE = ["completions", "certificates", "hours", "people", "results/people"]
WITHOUT_UNIT = {"courses", "periods", "hand-overs"}


def key(owner, unit, *scopes: str) -> str:
    ends = clock.now() + timedelta(days=30)
    return tokens.create(owner=owner, name="HR", scopes=list(scopes) or sorted(ApiToken.Scope.values), unit=unit, expires_at=ends)[1]


@pytest.fixture
def ask(client):
    def call(key: str, path: str, etag: str | None = None, **wanted):
        headers = {"Authorization": f"Bearer {key}"} | ({"If-None-Match": etag} if etag else {})
        return client.get(f"/api/v1/{path}", NEEDS.get(path, {}) | wanted, headers=headers)

    return call


@pytest.fixture
def year(cast, course):
    """A completion with a certificate of each of two people in two organs, and a period whose calculation was published."""
    for someone, number in ((cast.learner, "00001"), (cast.other_leader, "00002")):
        rows.certificate(rows.complete(someone, course), number=f"YAZWGK-01-2026-532325-{number}-8")
    indicator = Indicator.objects.create(county=cast.county, key="training", name="培训与能力建设")
    version = IndicatorVersion.objects.create(indicator=indicator, number=1, spec={}, source="县", mark="D", by=cast.hr, at=NOON)
    period = Period.objects.create(
        county=cast.county,
        year=2026,
        version=version,
        opens_on=date(2026, 1, 1),
        cutoff_on=date(2026, 11, 30),
        publicity_days=5,
        appeal_days=3,
        freeze_on=date(2026, 12, 31),
        by=cast.hr,
        at=NOON,
    )
    published = calculation(cast, period, 1, total="80")
    PeriodStep.objects.create(period=period, number=1, state="publicity", calculation=published, by=cast.hr, at=NOON)
    calculation(cast, period, 2, total="99")  # a later look that nobody published
    return period


def calculation(cast, period, number, *, total) -> Calculation:
    made = Calculation.objects.create(
        period=period, number=number, purpose="publicity", version=period.version, digest="0" * 64, by=cast.hr, at=NOON
    )
    for unit, someone in ((cast.bureau, cast.learner), (cast.other_bureau, cast.other_leader)):
        named = {"unit": unit, "unit_code": unit.code, "unit_name": unit.name}
        UnitLine.objects.create(
            calculation=made, **named, is_vertical=False, bonus=0, deduction=0, total=Decimal(total), band="good", rank=1
        )
        PersonLine.objects.create(
            calculation=made,
            **named,
            organ=unit,
            person=someone,
            employee_number=someone.employee_number,
            person_name=someone.name,
            counted=True,
            reason="",
            required=1,
            done=1,
            tests=1,
            passed=1,
            hours=Decimal("1.5"),
        )
    return made


def about(answer) -> set[str]:
    assert answer.status_code == 200, answer.content
    return {item["employee_number"] for item in answer.json()["items"]}


# Who


@pytest.mark.parametrize("path", SCOPES)
def test_every_list_answers_a_token_of_its_scope_alone(cast, year, ask, path):
    scope = SCOPES[path]
    assert ask(key(cast.hr, cast.county, scope), path).status_code == 200
    others = [one for one in ApiToken.Scope.values if one != scope]
    problem(ask(key(cast.hr, cast.county, *others), path), 403, "scope")


@pytest.mark.parametrize("path", SCOPES)
def test_no_list_answers_without_a_token_that_holds(client, cast, year, ask, path):
    problem(client.get(f"/api/v1/{path}", NEEDS.get(path, {})), 401, "no_token")
    problem(ask("gzk_nobody", path), 401, "token")
    ended = key(cast.hr, cast.county)
    ApiToken.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    problem(ask(ended, path), 401, "token")
    revoked = key(cast.hr, cast.county)
    tokens.revoke(token=ApiToken.objects.latest("pk"), at=clock.now())
    problem(ask(revoked, path), 401, "token")
    lost = key(cast.hr, cast.county)
    RoleGrant.objects.filter(person=cast.hr).update(ends_on=date(2026, 1, 1))
    problem(ask(lost, path), 401, "token")


@pytest.mark.parametrize("path", OF_PEOPLE)
def test_a_token_reads_its_own_subtree_and_nothing_of_another_county(cast, year, ask, path):
    assert {"YA10001", "YA10004"} <= about(ask(key(cast.hr, cast.county), path))
    assert "YA10004" not in about(ask(key(cast.hr, cast.bureau), path)) >= {"YA10001"}
    answer = ask(key(cast.other_hr, cast.other_county), path)
    if path.startswith("results"):
        problem(answer, 404, "not_published")
    else:
        assert not any(number.startswith("YA") for number in about(answer))


def test_units_courses_and_periods_are_those_of_the_tokens_reach(cast, year, ask):
    own, bureau, other = key(cast.hr, cast.county), key(cast.hr, cast.bureau), key(cast.other_hr, cast.other_county)
    assert [one["code"] for one in ask(bureau, "units").json()["items"]] == ["532325-D03", "532325-D03-01"]
    assert [one["parent_code"] for one in ask(bureau, "units").json()["items"]] == ["532325", "532325-D03"]
    assert [one["code"] for one in ask(other, "units").json()["items"]] == ["532326"]
    assert [one["required_for"] for one in ask(own, "courses").json()["items"]] == [["staff"]]
    assert ask(other, "courses").json()["items"] == ask(other, "periods").json()["items"] == []
    [told] = ask(own, "periods").json()["items"]
    assert (told["year"], told["state"], told["steps"][0]["calculation"]) == (2026, "publicity", 1)


@pytest.mark.parametrize("path", [path for path in SCOPES if path not in WITHOUT_UNIT])
def test_a_unit_outside_the_reach_is_refused(cast, year, ask, path):
    problem(ask(key(cast.hr, cast.bureau), path, unit=cast.other_bureau.code), 403, "out_of_reach")
    problem(ask(key(cast.hr, cast.bureau), path, unit=cast.other_county.code), 404, "unit")


def test_nothing_comes_of_a_calculation_that_was_not_published(cast, year, ask):
    own = key(cast.hr, cast.county)
    assert {one["total"] for one in ask(own, "results/units").json()["items"]} == {"80.00"}
    problem(ask(own, "results/units", calculation=2), 404, "not_published")
    problem(ask(own, "results/people", year=2025), 404, "not_published")
    PeriodStep.objects.create(period=year, number=2, state="frozen", calculation=year.calculations.get(number=2), by=cast.hr, at=NOON)
    assert {one["total"] for one in ask(own, "results/units").json()["items"]} == {"99.00"}


@pytest.mark.parametrize(("path", "field"), [("results/people", "employee_number"), ("results/units", "unit_code")])
def test_a_pull_of_results_ends_in_the_calculation_that_it_began_with(cast, year, ask, path, field):
    own = key(cast.hr, cast.county)
    whole = [one[field] for one in ask(own, path).json()["items"]]
    first = ask(own, path, limit=1).json()
    PeriodStep.objects.create(period=year, number=2, state="frozen", calculation=year.calculations.get(number=2), by=cast.hr, at=NOON)

    second = ask(own, path, cursor=first["next_cursor"]).json() if first["has_more"] else {"items": []}

    items = first["items"] + second["items"]
    assert [one[field] for one in items] == whole and {one["calculation"] for one in items} == {1}
    assert {one["calculation"] for one in ask(own, path).json()["items"]} == {2}


@pytest.mark.parametrize("path", SCOPES)
def test_each_call_of_a_list_leaves_a_trace(cast, year, ask, path):
    ask(key(cast.hr, cast.county), path)
    trace = ReadingOfOthers.objects.get()
    assert trace.reader == cast.hr and trace.kind == "api" and trace.rows is not None


# What


def test_a_published_line_tells_by_code_where_the_duties_count(cast, year, ask):
    held = {"YA10001": {str(cast.bureau.pk): ["staff"], str(cast.other_bureau.pk): ["chief"]}, "YA10004": {}}
    with connection.cursor() as cursor:
        for number, places in held.items():
            columns = [json.dumps(places), json.dumps(["staff"]), number]
            cursor.execute("UPDATE evaluation_personline SET held_in = %s, duties = %s WHERE employee_number = %s", columns)
    told = {one["employee_number"]: one["held_in"] for one in ask(key(cast.hr, cast.county), "results/people").json()["items"]}
    assert told["YA10001"] == {"532325-D03": ["staff"], "532325-D09": ["chief"]}
    assert told["YA10004"] == {"532325-D09": ["staff"]}


def test_an_entry_of_hours_says_where_the_person_served(cast, year, ask):
    item = ask(key(cast.hr, cast.county), "hours", person="YA10001").json()["items"][0]
    assert (item["kind"], item["hours"], item["year"], item["unit_code"]) == ("online", "1.00", 2026, "532325-D03-01")
    assert item["at"].endswith("+08:00") and item["post_title"] == "科员" and item["policy"]


def test_a_certificate_comes_again_when_its_state_changes(cast, year, ask):
    own = key(cast.hr, cast.county)
    first = ask(own, "certificates").json()
    assert {one["state"] for one in first["items"]} == {"valid"}
    one = cast.learner.certificates.get()
    StatusEvent.objects.create(certificate=one, kind="revoked", by=cast.hr, reason="查实替考", at=NOON)
    again = ask(own, "certificates", cursor=first["next_cursor"]).json()["items"]
    assert [(item["number"], item["state"]) for item in again] == [(one.number, "revoked")]


def test_a_certificate_that_runs_out_is_told_though_its_events_are_written_in_bulk(cast, course, ask):
    from certificates.signals import certificates_expired

    held = rows.certificate(rows.complete(cast.learner, course), valid_until=date(2026, 6, 1))
    own = key(cast.hr, cast.county)
    cursor = ask(own, "certificates").json()["next_cursor"]
    events = StatusEvent.objects.bulk_create([StatusEvent(certificate=held, kind="expired", at=NOON)])
    certificates_expired.send(sender=StatusEvent, events=events, at=NOON)
    [item] = ask(own, "certificates", cursor=cursor).json()["items"]
    assert item["state"] == "expired"


def test_a_correction_of_hours_comes_to_those_who_read_on(cast, year, ask):
    own = key(cast.hr, cast.county)
    cursor = ask(own, "hours").json()["next_cursor"]
    services.correct(person=cast.learner, year=2026, hours=Decimal("-0.5"), reason="重复", by=cast.hr, at=NOON)
    [item] = ask(own, "hours", cursor=cursor).json()["items"]
    assert (item["kind"], item["hours"]) == ("correction", "-0.50")


def test_an_entry_of_hours_tells_the_claim_or_the_correction_behind_it(cast, year, ask):
    day = date(2026, 6, 8)
    shared = served_at(cast.learner) | {"policy": LedgerEntry.objects.exclude(policy=None).first().policy, "at": NOON}
    claimed = {"kind": "lecture", "title": "州业务培训", "organiser": "州政务公开办", "starts_on": day, "ends_on": day, "hours": Decimal(5)}
    claim = HourClaim.objects.create(**shared, **claimed, form_key="k", filed_by=cast.hr, filing_reason="产假在家")
    credited = {"kind": "lecture", "year": 2026, "hours": 5, "course_title": claim.title, "claim": claim, "author": cast.hr}
    entry = LedgerEntry.objects.create(**shared, **credited)
    given = {"hours": Decimal("-0.5"), "reason": "提前离场", "by": cast.hr, "at": NOON, "answers": entry}
    services.correct(person=cast.learner, year=2026, **given)
    *_others, of_claim, correction = ask(key(cast.hr, cast.county), "hours").json()["items"]

    told = {
        "claim_id": claim.pk,
        "organiser": "州政务公开办",
        "starts_on": "2026-06-08",
        "ends_on": "2026-06-08",
        "course_title": "州业务培训",
        "claim_filed_by": "郑人事",
    }
    assert told.items() <= of_claim.items() and (of_claim["answers"], of_claim["author"]) == (None, "郑人事")
    assert (correction["answers"], correction["reason"], correction["author"]) == (of_claim["id"], "提前离场", "郑人事")
    assert correction["claim_id"] is None and correction["claim_filed_by"] == "" and of_claim["policy_valid_from"] == "2020-01-01"


def test_what_no_change_tells_of_is_found_and_told(cast, year, ask):
    RecordChange.objects.all().delete()
    for gap in changes.unnoted(NOON):
        gap.mend()
    assert changes.unnoted(NOON) == []
    own = key(cast.hr, cast.county)
    assert len(ask(own, "hours").json()["items"]) == LedgerEntry.objects.count() > 0
    assert len(ask(own, "certificates").json()["items"]) == 2
    assert RecordChange.objects.filter(step__isnull=False).count() == 1


def test_a_page_of_people_takes_no_query_a_person(cast, ask, django_assert_max_num_queries):
    own = key(cast.hr, cast.county)
    with django_assert_max_num_queries(13):  # however many people
        assert len(about(ask(own, "people"))) == 10


# Cursors


@pytest.mark.parametrize("path", SCOPES)
def test_pages_of_one_row_bring_every_row_once(cast, year, ask, path):
    own = key(cast.hr, cast.county)
    whole = ask(own, path, limit=500).json()["items"]
    found, cursor = [], {}
    for _turn in range(len(whole) + 1):
        page = ask(own, path, limit=1, **cursor).json()
        found += page["items"]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == whole


@pytest.mark.parametrize("path", ["completions", "certificates", "hours"])
def test_who_keeps_rows_alone_comes_back_with_the_highest_change_and_misses_nothing(cast, course, ask, path):
    own = key(cast.hr, cast.county)
    waiting = [casting.person(f"YA7{n:04}", f"员{n}", cast.section, Duty.STAFF) for n in range(6)]

    def add():
        if waiting:
            done = rows.complete(waiting.pop(), course)
            rows.certificate(done, number=f"YAZWGK-01-2026-532325-7{len(waiting):04}-8")

    held, told = {}, [{}]  # by change, as a client keeps them
    while told:
        add()
        told = ask(own, path, limit=2, after_change=max(held, default=0)).json()["items"]
        assert not held.keys() & {item["change"] for item in told}
        held |= {item["change"]: item for item in told}
    assert list(held.values()) == ask(own, path, limit=500).json()["items"] and len(held) >= 6
    assert list(held) == sorted(held)


@pytest.mark.parametrize("path", ["completions", "certificates", "hours"])
def test_a_number_stands_in_place_of_a_cursor_and_not_beside_it_or_ahead_of_all_changes(cast, year, ask, path):
    own = key(cast.hr, cast.county)
    first = ask(own, path, limit=1).json()
    problem(ask(own, path, cursor=first["next_cursor"], after_change=0), 422, "cursor_and_after_change")
    highest = changes.settle()
    assert ask(own, path, after_change=highest).json()["items"] == []
    problem(ask(own, path, after_change=highest + 1), 422, "after_change")
    problem(ask(own, path, after_change=-1), 422, "parameters")
    problem(ask(own, "units", after_change=0), 422, "parameters")
    begun = ask(own, path, limit=1, after_change=0).json()
    assert begun["items"] == first["items"]
    assert ask(own, path, cursor=begun["next_cursor"]).json()["items"] == ask(own, path, cursor=first["next_cursor"]).json()["items"]


def test_a_cursor_of_another_list_filter_or_reach_is_refused(cast, year, ask):
    own, bureau = key(cast.hr, cast.county), key(cast.hr, cast.bureau)
    cursors = {path: ask(own, path, limit=1).json()["next_cursor"] for path in SCOPES}
    cursors = {path: cursor for path, cursor in cursors.items() if cursor}
    assert len(cursors) >= 7
    for path, other in itertools.permutations(cursors, 2):
        problem(ask(own, path, cursor=cursors[other]), 422, "cursor")
    for path, cursor in cursors.items():
        assert ask(own, path, cursor=cursor).status_code == 200
        answer = ask(bureau, path, cursor=cursor)
        problem(answer, 422, "cursor_of_other_filter")
        if path not in WITHOUT_UNIT:
            problem(ask(own, path, cursor=cursor, unit=cast.bureau.code), 422, "cursor_of_other_filter")
    problem(ask(own, "hours", cursor=cursors["hours"], year=2026), 422, "cursor_of_other_filter")


# Unchanged


@pytest.mark.parametrize("path", SCOPES)
def test_an_unchanged_page_is_304_and_still_leaves_its_trace(cast, year, ask, path):
    own = key(cast.hr, cast.county)
    tag = ask(own, path)["ETag"]
    again = ask(own, path, etag=tag)
    assert again.status_code == 304 and again.content == b""
    assert ReadingOfOthers.objects.count() == 2
    assert ask(own, path, etag='W/"another"').status_code == 200


def test_a_changed_page_has_another_tag(cast, year, ask):
    own = key(cast.hr, cast.county)
    tag = ask(own, "hours")["ETag"]
    services.correct(person=cast.learner, year=2026, hours=Decimal("-0.5"), reason="重复", by=cast.hr, at=NOON)
    assert ask(own, "hours", etag=tag).status_code == 200


# With real transactions at the same time


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@on_postgres
@pytest.mark.parametrize("seed", range(3))
def test_no_cursor_loses_a_row_while_rows_are_written_and_commit_late(cast, course, monkeypatch, seed):
    """Any order of commits, any page size: what each reader saw is what stands, each row once."""
    from django.test import Client

    monkeypatch.setattr(doors, "CALLS_A_MINUTE", 100_000)
    own, over, draw = key(cast.hr, cast.county), threading.Event(), random.Random(seed)
    people = [casting.person(f"YA8{n:04}", f"员{n}", cast.section, Duty.STAFF) for n in range(24)]

    def write(part: int, draw: random.Random):
        for turn, someone in enumerate(people[part::4]):
            with transaction.atomic():
                done = rows.complete(someone, course)
                rows.certificate(done, number=f"YAZWGK-01-2026-532325-{part}{turn:04}-8")
                time.sleep(draw.choice([0, 0.005, 0.2]))  # one in three commits long after it wrote
        connection.close()

    seen = {path: [] for path in ("completions", "certificates", "hours")}

    def read(path: str, limit: int):
        client, cursor, last = Client(), {}, False
        while not last:
            last, more = over.is_set(), True
            while more:
                answer = client.get(f"/api/v1/{path}", {"limit": limit, **cursor}, headers={"Authorization": f"Bearer {own}"})
                if answer.status_code == 503:
                    continue
                page = answer.json()
                seen[path] += page["items"]
                cursor, more = {"cursor": page["next_cursor"]}, page["has_more"]
        connection.close()

    writers = [threading.Thread(target=write, args=(part, random.Random(draw.random()))) for part in range(4)]
    readers = [threading.Thread(target=read, args=(path, draw.randint(1, 7))) for path in seen]
    for thread in writers + readers:
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in readers:
        thread.join()
    assert {one["id"] for one in seen["completions"]} == {
        done for person in people for done in person.completions.values_list("pk", flat=True)
    }
    entries = [one["id"] for one in seen["hours"]]
    assert sorted(entries) == sorted(LedgerEntry.objects.values_list("pk", flat=True)) and len(entries) == 48
    assert {one["number"] for one in seen["certificates"]} == {
        n for person in people for n in person.certificates.values_list("number", flat=True)
    }
    for items in seen.values():
        told = [one["change"] for one in items]
        assert told == sorted(set(told))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@on_postgres
def test_an_entry_that_is_committed_late_comes_to_who_has_read_on(cast, course, ask):
    written, go = threading.Event(), threading.Event()
    own = key(cast.hr, cast.county)

    def slow():
        rows.complete(cast.learner, course)
        written.set()
        go.wait(10)

    writer = beside(slow)
    assert written.wait(10)
    rows.complete(cast.colleague, course)
    first = ask(own, "hours").json()
    assert {one["employee_number"] for one in first["items"]} == {"YA10002"}
    go.set()
    writer.join()
    assert about(ask(own, "hours", cursor=first["next_cursor"])) == {"YA10001"}
