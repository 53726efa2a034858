"""Whether the server can serve, and what a missing part makes of it."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.urls import reverse

from core import clock, health, reconcile, tasks
from core.models import Gauge
from courses.models import Course
from tests.cast import EVERYBODY, NOON


@pytest.fixture
def alive(db):
    """A worker has just beaten and reconcile has just run."""
    tasks.heartbeat()
    tasks.reconcile()


def told(client) -> tuple[int, dict]:
    response = client.get("/readyz")
    assert "no-cache" in response["Cache-Control"]
    return response.status_code, response.json()


def states(body: dict) -> dict[str, str]:
    return {name: part["state"] for name, part in body["parts"].items()}


def test_all_is_well_when_every_part_answers(client, alive):
    status, body = told(client)
    assert (status, body["ready"], body["status"]) == (200, True, "ready")
    assert states(body) == dict.fromkeys(["database", "migrations", "cache", "broker", "worker", "reconcile"], "ok")


def test_a_migration_that_waits_makes_the_web_unready(client, alive, monkeypatch):
    from django.db.migrations.executor import MigrationExecutor

    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: ["one"])
    status, body = told(client)
    assert (status, body["ready"], body["status"], body["parts"]["migrations"]) == (503, False, "down", {"state": "waiting", "detail": 1})


def test_a_lost_database_makes_the_web_unready_and_nothing_else_is_asked(client, alive, monkeypatch):
    def lost():
        raise OperationalError("password=hunter2 no route to host")

    monkeypatch.setattr(health, "_database", lost)
    status, body = told(client)
    assert (status, body["status"], states(body)) == (503, "down", {"database": "failed"})
    assert "hunter2" not in str(body)


def test_a_worker_that_never_came_or_is_late_leaves_the_web_ready(client, db):
    status, body = told(client)
    assert (status, body["ready"], body["status"], states(body)["worker"]) == (200, True, "degraded", "never")
    tasks.reconcile()
    health.beat(at=clock.now() - timedelta(minutes=4))
    status, body = told(client)
    assert (status, body["status"], states(body)["worker"]) == (200, "degraded", "late")
    tasks.heartbeat()
    assert told(client)[1]["status"] == "ready"


def test_a_broker_that_does_not_answer_leaves_the_web_ready(client, alive, settings, monkeypatch):
    from celery import current_app
    from kombu import Connection

    monkeypatch.setattr(current_app, "connection_for_write", lambda **options: Connection("redis://127.0.0.1:1/0", **options))
    status, body = told(client)
    assert (status, body["status"], states(body)["broker"]) == (200, "degraded", "failed")


def test_a_lost_cache_leaves_the_web_ready(client, alive, monkeypatch):
    def lost(*args, **kwargs):
        raise ConnectionError("cache")

    monkeypatch.setattr(health, "cache", type("Lost", (), {"set": lost, "get": lost})())
    status, body = told(client)
    assert (status, states(body)["cache"], states(body)["worker"]) == (200, "failed", "failed")


def test_repairs_that_are_late_or_leave_gaps_are_told(client, alive, monkeypatch):
    at = clock.now()
    reconcile.publish([reconcile.Outcome(name, 0, 0, []) for name in reconcile.names()], at=at - timedelta(minutes=16))
    assert states(told(client)[1])["reconcile"] == "late"
    Gauge.objects.all().delete()
    reconcile.publish([reconcile.Outcome(name, 0, 0, []) for name in reconcile.names()[:-1]], at=at)
    assert states(told(client)[1])["reconcile"] == "late", "one of them was never reached"
    left = [reconcile.Outcome(name, 2, 1, ["row 7: no"] if n == 0 else []) for n, name in enumerate(reconcile.names())]
    reconcile.publish(left, at=at)
    status, body = told(client)
    assert (status, body["status"], body["parts"]["reconcile"]["state"], body["parts"]["reconcile"]["detail"]) == (
        200,
        "degraded",
        "gaps",
        1,
    )
    assert "row 7" not in str(body)


def test_the_answer_takes_few_queries(client, alive, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        told(client)


# The administrator's page


@pytest.mark.parametrize("who", EVERYBODY)
def test_administrators_alone_see_the_state_of_the_system(cast, sign_in, who):
    assert sign_in(getattr(cast, who)).get(reverse("system")).status_code == (200 if who == "admin" else 403)


def test_signed_out_the_state_is_not_shown(client, db):
    assert client.get(reverse("system")).status_code == 302


def test_the_page_says_in_words_what_is_missing_and_what_to_do(cast, sign_in):
    page = sign_in(cast.admin).get(reverse("system")).text
    assert "尚未运行" in page and "启动" in page
    reconcile.publish([reconcile.Outcome("people.roles", 3, 2, ["roles of YA10001"])], at=NOON)
    health.beat(at=clock.now())
    page = sign_in(cast.admin).get(reverse("system")).text
    assert "roles of YA10001" in page and "角色" in page and "2026-06-15 12:00:00" in page


def test_a_lost_database_has_no_page_of_gauges(cast, sign_in, monkeypatch):
    from home import system

    monkeypatch.setattr(health, "_database", lambda: 1 / 0)
    assert system.of(at=NOON, courses=Course.objects.all()).status == "down" and cache.get(health.BEAT) is None


def test_every_check_has_its_words(db):
    from home import system

    assert set(reconcile.names()) <= set(system.CHECKS)
