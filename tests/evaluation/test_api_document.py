"""What docs/api.md says is true: its program runs, its query names what there is, and the description holds whatever is asked."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.generation.meta import CoverageScenario
from schemathesis.specs.openapi import checks

from core import clock
from evaluation.api.lists import LIMIT
from evaluation.webhooks.delivery import EVENTS
from people import api as doors
from people.models import ApiToken
from people.services import tokens
from tests.evaluation import rows

DOCUMENT = (Path(__file__).parents[2] / "docs/api.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.S | re.M)


@pytest.fixture
def key(cast):
    ends = clock.now() + timedelta(days=1)
    return tokens.create(owner=cast.hr, name="HR", scopes=sorted(ApiToken.Scope.values), unit=cast.county, expires_at=ends)[1]


def test_what_explains_an_entry_of_hours_is_named_in_the_document(client, db):
    described = client.get("/api/v1/openapi.json").json()["components"]["schemas"]["EntryOut"]["properties"]
    assert all(one.get("description") for one in described.values())
    explaining = {
        "course_title",
        "claim_id",
        "claim_filed_by",
        "organiser",
        "starts_on",
        "ends_on",
        "answers",
        "reason",
        "author",
        "policy",
        "policy_valid_from",
    }
    [paragraph] = re.findall(r"^`/hours` says of each entry.*?\n\n", DOCUMENT, re.S | re.M)
    assert explaining <= set(described) and explaining == set(re.findall(r"`(\w+)`", paragraph)) - {"id"}


@pytest.mark.django_db(transaction=True)
def test_the_program_of_the_document_pulls_what_is_there_and_then_what_is_new(cast, course, key, live_server, tmp_path):
    [program] = blocks("python")
    program = program.replace("https://learning.example.gov.cn", live_server.url)

    def run(program: str = program, *, is_killed: bool = False) -> dict:
        env = os.environ | {"TOKEN": key, "no_proxy": "*"}
        ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, timeout=60)
        assert bool(ended.returncode) == is_killed
        return json.loads((tmp_path / "completions.json").read_text())

    first = rows.complete(cast.learner, course)
    assert set(run()) == {str(first.pk)}
    second = rows.complete(cast.colleague, course)
    rows.reverse(first, by=cast.hr)
    half, between = "beside.write_text(text[:9]); raise SystemExit(1)", "raise SystemExit(1)\nkeep(place,"
    for killed, known in ((program.replace("beside.write_text(text)", half), 1), (program.replace("keep(place,", between), 2)):
        assert killed != program and len(run(killed, is_killed=True)) == known  # the table is whole, and what is lacking comes next time
    kept = run()
    assert {path.name for path in tmp_path.iterdir()} == {"completions.json", "completions.cursor"}
    assert {pk: row["status"] for pk, row in kept.items()} == {str(first.pk): "reversed", str(second.pk): "completed"}


def test_the_query_for_excel_is_closed_and_names_columns_and_a_list_that_there_are(client, db):
    """Excel is not at hand: brackets, let and in, the path, the parameters and the columns are what can be held here."""
    [query] = blocks("powerquery")
    bare = re.sub(r'"[^"]*"', '""', query)
    open_ = []
    for sign in bare:
        if sign in "([{":
            open_.append(sign)
        elif sign in ")]}":
            assert open_.pop() + sign in ("()", "[]", "{}")
    assert not open_ and len(re.findall(r"\blet\b", bare)) == len(re.findall(r"\bin\b", bare)) == 1
    names = re.findall(r"^    (\w+) =", query, re.M)
    assert names[-1] == query.split()[-1] == "Typed"
    for before, after in zip(query.split(",\n    ")[:-1], names[1:], strict=False):
        assert after not in re.findall(r"^    (\w+) =", before, re.M)  # a step uses what stands above it
    described = client.get("/api/v1/openapi.json").json()
    path = re.search(r'RelativePath = "([^"]+)"', query)[1]
    known = {one["name"] for one in described["paths"][f"/{path}"]["get"]["parameters"]}
    assert set(re.findall(r"(\w+) = (?:\"5000\"|cursor)[\],]", query)) <= known
    limit = int(re.search(r'limit = "(\d+)"', query)[1])
    assert limit == LIMIT and limit * doors.CALLS_A_MINUTE > 1_048_576  # a whole sheet within a minute: M does not wait for 429
    columns = set(described["components"]["schemas"]["CompletionOut"]["properties"])
    assert set(re.findall(r'\{"(\w+)", (?:type|each)', query)) <= columns
    named = re.search(r"Columns = \{([^}]*)\}", query)[1]  # without them a table of no rows has no columns, and the next step fails
    assert set(re.findall(r'"(\w+)"', named)) == columns and "Table.FromRecords(Rows, Columns, " in query


def test_the_document_names_every_list_scope_and_event(client, db):
    for path in client.get("/api/v1/openapi.json").json()["paths"]:
        assert path.removeprefix("/api/v1") in DOCUMENT
    for word in [*ApiToken.Scope.values, *EVENTS.values()]:
        assert f"`{word}`" in DOCUMENT


@pytest.fixture
def application():
    """The site as a WSGI application, inside the test's transaction: requests leave its connection open."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield get_wsgi_application()
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.slow
@pytest.mark.parametrize("signed_in", [True, False])
def test_whatever_is_asked_the_answers_are_as_described(cast, course, key, monkeypatch, application, signed_in):
    monkeypatch.setattr(doors, "CALLS_A_MINUTE", 10**9)
    rows.certificate(rows.complete(cast.learner, course))
    described = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
    headers = {"Authorization": f"Bearer {key}"} if signed_in else {}
    held = [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
        checks.negative_data_rejection,
    ]
    statuses: set[int] = set()
    for found in described.get_all_operations():

        @settings(
            max_examples=15 if signed_in else 3, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
        )
        @given(
            case=found.ok().as_strategy(generation_mode=GenerationMode.POSITIVE)
            | found.ok().as_strategy(generation_mode=GenerationMode.NEGATIVE)
        )
        def ask(case):
            for name in [name for name in case.headers or {} if name.lower() == "host"]:
                del case.headers[name]  # a site that is not ours is refused before the API is asked
            statuses.add(case.call_and_validate(headers=headers, checks=held).status_code)

        ask()
    assert statuses >= {200, 422} if signed_in else statuses == {401}


@pytest.mark.parametrize("signed_in", [True, False])
def test_a_method_that_is_not_described_is_refused_as_such(cast, course, key, application, signed_in):
    described = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
    headers = {"Authorization": f"Bearer {key}"} if signed_in else {}
    tried = 0
    for found in described.get_all_operations():
        operation = found.ok()
        for case in operation.schema.iter_coverage_cases(
            operation,
            generation_modes=[GenerationMode.NEGATIVE],
            generation_config=operation.schema.config.generation_for(operation=operation),
        ):
            if case.meta.phase.data.scenario == CoverageScenario.UNSPECIFIED_HTTP_METHOD:
                answer = case.call_and_validate(headers=headers, checks=[not_a_server_error, checks.unsupported_method])
                assert answer.status_code == 405 and answer.headers["content-type"][0].startswith("application/problem+json")
                tried += 1
    assert tried > 8 * 10
