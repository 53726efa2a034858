"""Health, logs, policy, settings."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse

from config.logging import NoTraceOfRefusals
from core.middleware import ContentSecurityPolicy

ROOT = Path(__file__).resolve().parents[2]


def test_healthz_answers_without_a_database(client):
    assert client.get("/healthz").content == b"ok"


def test_every_answer_carries_its_id_and_the_strict_policy(client, db):
    response = client.get("/accounts/login/")

    assert response["X-Request-ID"]
    policy = response["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_a_response_may_ask_for_a_policy_of_its_own(rf):
    policy = ContentSecurityPolicy(lambda request: HttpResponse())

    def header(path="/", asked=None, nonce=False):
        request, response = rf.get(path), HttpResponse()
        policy.process_request(request)
        if asked:
            response._csp_update = asked
        token = str(request.csp_nonce) if nonce else ""
        return policy.process_response(request, response)["Content-Security-Policy"], token

    assert "unsafe" not in header()[0] and "nonce-" not in header()[0]
    assert "'unsafe-inline'" in header("/admin/")[0]
    assert "img-src 'self' data: https://maps.example" in header(asked={"img-src": ["https://maps.example"]})[0]
    strict, token = header(nonce=True)
    assert token and f"'nonce-{token}'" in strict
    assert header()[0] == header()[0], "nothing of one response stays for the next"


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS", "SITE_URL", "DATABASE_URL", "KEYS_ROOT"])
def test_production_does_not_start_without_its_secrets(missing, tmp_path):
    environment = {
        "PATH": "/usr/bin:/bin",
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "SECRET_KEY": "x" * 60,
        "ALLOWED_HOSTS": "a.example",
        "SITE_URL": "https://a.example",
        "DATABASE_URL": "sqlite:////tmp/x.sqlite3",
        "VAR_DIR": str(tmp_path),
        "KEYS_ROOT": str(tmp_path / "keys"),
    }
    del environment[missing]
    done = subprocess.run([sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, capture_output=True, text=True)

    assert done.returncode != 0
    assert missing in done.stderr


@pytest.mark.parametrize(
    "path",
    [
        "/courses/99999999999999999999/",
        "/attempts/99999999999999999999/",
        "/people/99999999999999999999/",
        "/certificates/%00/",
    ],
)
def test_an_address_that_no_page_can_have_is_not_found(path, cast, sign_in):
    assert sign_in(cast.hr).get(path).status_code == 404


@pytest.mark.parametrize("query", ["until=9999-12-31", "since=0001-01-01", "since=1999-12-31"])
def test_a_day_beyond_every_calendar_is_refused_in_words(query, cast, sign_in):
    response = sign_in(cast.hr).get(f"/records/?{query}")

    assert response.status_code == 422
    assert "2000" in response.text
    assert sign_in(cast.hr).get(f"/exports/records/?{query}").status_code == 422


@pytest.mark.parametrize("path", ["/certificates/issued/?q=%00", "/records/?q=%00", "/people/?q=%00", "/search/?q=%00", "/courses/?q=%00"])
def test_a_nul_in_a_search_is_no_accident(path, cast, sign_in):
    page = sign_in(cast.hr).get(path)
    assert page.status_code in {200, 422} and "空字符" not in page.text
    if page.status_code == 422:
        assert "看不见的控制字符" in page.text


def test_a_forbidden_page_is_one_line_in_the_log_without_a_traceback(cast, sign_in, caplog):
    assert sign_in(cast.learner).get("/records/").status_code == 403
    [line] = [record for record in caplog.records if record.name == "django.request"]
    assert "/records/" in line.getMessage() and not line.exc_info


def test_what_really_failed_keeps_its_traceback():
    for error, kept in ((PermissionDenied("no"), False), (ValueError("no"), True)):
        record = logging.LogRecord("django.request", logging.ERROR, "", 1, "x", (), (type(error), error, None))
        assert NoTraceOfRefusals().filter(record) and bool(record.exc_info) is kept
