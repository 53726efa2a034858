"""One record by its key: whom it answers, that it is the row of its list, what is unchanged, what a trace says."""

from datetime import timedelta
from decimal import Decimal

import pytest

from certificates.models import Certificate, StatusEvent
from core import clock
from courses.models import Completion
from evaluation import services
from evaluation.models import LedgerEntry
from people.models import ApiToken, Person, ReadingOfOthers, RoleGrant
from people.services import tokens
from tests.cast import NOON
from tests.evaluation import rows
from tests.evaluation.test_api import problem
from tests.evaluation.test_api_lists import SCOPES, ask, key, year

__all__ = ["ask", "year"]
# list → the field of its rows that is the key
KEYS = {
    "completions": "id",
    "certificates": "number",
    "hours": "id",
    "people": "employee_number",
    "units": "code",
    "courses": "code",
    "periods": "year",
}
OF_PEOPLE = ["completions", "certificates", "hours", "people"]


def keys_of(path: str, person: Person) -> list:
    """The keys of a person's rows."""
    found = {
        "completions": Completion.objects.filter(person=person).values_list("pk", flat=True),
        "certificates": Certificate.objects.filter(person=person).values_list("number", flat=True),
        "hours": LedgerEntry.objects.filter(person=person).values_list("pk", flat=True),
        "people": [person.employee_number],
    }
    return list(found[path])


@pytest.mark.parametrize("path", KEYS)
def test_one_record_is_the_row_of_its_list(cast, year, ask, path):
    own = key(cast.hr, cast.county)
    listed = ask(own, path, limit=500).json()["items"]
    assert listed
    assert [ask(own, f"{path}/{row[KEYS[path]]}").json() for row in listed] == listed


@pytest.mark.parametrize("path", KEYS)
def test_one_record_answers_a_token_of_the_lists_scope_alone(client, cast, year, ask, path):
    one = f"{path}/{ask(key(cast.hr, cast.county), path).json()['items'][0][KEYS[path]]}"
    assert ask(key(cast.hr, cast.county, SCOPES[path]), one).status_code == 200
    problem(ask(key(cast.hr, cast.county, *(scope for scope in ApiToken.Scope.values if scope != SCOPES[path])), one), 403, "scope")
    problem(client.get(f"/api/v1/{one}"), 401, "no_token")
    revoked = key(cast.hr, cast.county)
    tokens.revoke(token=ApiToken.objects.latest("pk"), at=clock.now())
    problem(ask(revoked, one), 401, "token")
    lost = key(cast.hr, cast.county)
    RoleGrant.objects.filter(person=cast.hr).update(ends_on=NOON.date())
    problem(ask(lost, one), 401, "token")


@pytest.mark.parametrize("path", OF_PEOPLE)
def test_what_is_out_of_reach_is_answered_like_what_is_not_there(cast, year, ask, path):
    bureau, other = key(cast.hr, cast.bureau), key(cast.other_hr, cast.other_county)
    [near, *_more], [far, *_more] = keys_of(path, cast.learner), keys_of(path, cast.other_leader)
    assert ask(bureau, f"{path}/{near}").status_code == 200
    answers = [ask(bureau, f"{path}/{far}"), ask(other, f"{path}/{near}"), ask(bureau, f"{path}/999999")]
    assert len({answer.content for answer in answers}) == 1
    for answer in answers:
        problem(answer, 404, "not_found")


def test_units_courses_and_periods_are_those_of_the_tokens_reach(cast, year, ask):
    bureau, other = key(cast.hr, cast.bureau), key(cast.other_hr, cast.other_county)
    assert (
        ask(bureau, "units/532325-D03").status_code
        == ask(bureau, "courses/P01").status_code
        == ask(bureau, "periods/2026").status_code
        == 200
    )
    for path in ("units/532325", "units/532325-D09", "units/532326", "courses/P99", "periods/2025"):
        problem(ask(bureau, path), 404, "not_found")
    for path in ("units/532325", "courses/P01", "periods/2026"):
        problem(ask(other, path), 404, "not_found")


@pytest.mark.parametrize("path", KEYS)
def test_an_unchanged_record_is_304_and_still_leaves_its_trace(cast, year, ask, path):
    own = key(cast.hr, cast.county)
    row = ask(own, path).json()["items"][0]
    ReadingOfOthers.objects.all()._raw_delete("default")
    one = f"{path}/{row[KEYS[path]]}"
    first = ask(own, one)
    assert first["ETag"] and first["Cache-Control"] == "private, no-cache"
    again = ask(own, one, etag=first["ETag"])
    assert again.status_code == 304 and again.content == b"" and again["ETag"] == first["ETag"]
    assert ask(own, one, etag='W/"another"').status_code == 200
    assert ask(own, one, etag=f'W/"another", {first["ETag"]}').status_code == 304
    traces = list(ReadingOfOthers.objects.all())
    assert len(traces) == 4 and {trace.rows for trace in traces} == {1} and {trace.reader for trace in traces} == {cast.hr}
    assert {trace.subject.employee_number if trace.subject else None for trace in traces} == {row.get("employee_number")}


def test_a_record_that_changed_has_another_tag(cast, year, ask):
    own, held = key(cast.hr, cast.county), cast.learner.certificates.get()
    doors = [f"certificates/{held.number}", f"completions/{held.completion_id}", "people/YA10001"]
    tags = [ask(own, door)["ETag"] for door in doors]
    StatusEvent.objects.create(certificate=held, kind="revoked", by=cast.hr, reason="查实替考", at=NOON)
    Person.objects.filter(pk=cast.learner.pk).update(post_title="副科长")
    answers = [ask(own, door, etag=tag) for door, tag in zip(doors, tags, strict=True)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.json().get("state", answer.json().get("certificate_state")) for answer in answers[:2]] == ["revoked", "revoked"]


def test_a_correction_of_somebody_else_leaves_an_entry_as_it_is(cast, year, ask):
    own, [entry, *_more] = key(cast.hr, cast.county), keys_of("hours", cast.learner)
    tag = ask(own, f"hours/{entry}")["ETag"]
    services.correct(person=cast.learner, year=2026, hours=Decimal("-0.5"), reason="重复", by=cast.hr, at=NOON)
    assert ask(own, f"hours/{entry}", etag=tag).status_code == 304


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("completions/0", 422, "parameters"),
        ("completions/none", 422, "parameters"),
        ("completions/99999999999999999999", 422, "parameters"),
        ("hours/-1", 422, "parameters"),
        ("periods/1", 422, "parameters"),
        ("people/%00", 422, "parameters"),
        ("units/" + "5" * 61, 422, "parameters"),
        ("certificates/%27%20OR%201=1", 404, "not_found"),
        ("completions/1/2", 404, "address"),
    ],
)
def test_a_hostile_key_is_refused_not_failed(cast, year, ask, path, status, code):
    problem(ask(key(cast.hr, cast.county), path), status, code)


def test_a_strange_parameter_is_named(cast, year, ask):
    problem(ask(key(cast.hr, cast.county), "units/532325", unit="532325"), 422, "parameters")


@pytest.mark.parametrize("path", KEYS)
def test_a_record_is_only_read(client, cast, year, path):
    problem(client.delete(f"/api/v1/{path}/1"), 405, "method")


def test_the_doors_beside_a_certificates_number_stay_what_they_are(cast, year, ask):
    own = key(cast.hr, cast.county)
    assert "items" in ask(own, "certificates/higher").json()
    problem(ask(own, "certificates/held", employee_number="YA10001", kind="nothing"), 404, "kind")


def test_the_description_says_of_each_reading_that_it_has_a_tag(client, db):
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    reads = {path: found["get"] for path, found in paths.items() if "get" in found}
    assert {f"/api/v1/{path}/{{" for path in KEYS} <= {path.partition("{")[0] + "{" for path in reads if "{" in path}
    for told in reads.values():
        assert "If-None-Match" in {one["name"] for one in told["parameters"]}
        assert "ETag" in told["responses"]["200"]["headers"] and "304" in told["responses"]
    assert not any("304" in found["post"]["responses"] for found in paths.values() if "post" in found)


def test_a_webhook_names_the_door_of_what_happened(cast, course, ask, hook, receiver):
    import json

    from evaluation.webhooks import delivery

    rows.certificate(rows.complete(cast.learner, course))
    delivery.deliver(hook.pk, at=NOON)
    own = key(cast.hr, cast.county)
    for _path, _headers, body in receiver.got:
        assert ask(own, json.loads(body)["data"]["item"].removeprefix("/api/v1/")).status_code == 200
    assert len(receiver.got) == 2


@pytest.mark.parametrize("path", KEYS)
def test_one_record_costs_the_same_however_many_there_are(cast, year, course, ask, path, django_assert_max_num_queries):
    own = key(cast.hr, cast.county)
    one = f"{path}/{ask(own, path).json()['items'][0][KEYS[path]]}"
    ask(own, one)
    for days in range(1, 5):
        rows.added(person=cast.learner, year=2026, hours=Decimal("0.5"), reason="补记", by=cast.hr, at=NOON + timedelta(days=days))
    ask(own, one)  # gives the changes their numbers
    with django_assert_max_num_queries(15):
        assert ask(own, one).status_code == 200
