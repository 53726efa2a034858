"""Reconcile mends what it finds, and one bad row never stops the rest."""

from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.cache import cache
from django.core.management import CommandError, call_command

from core import reconcile, tasks
from core.errors import Refused
from core.models import Gauge
from tests.cast import NOON


@pytest.fixture
def checks(monkeypatch):
    monkeypatch.setattr(reconcile, "_checks", [])


def test_one_bad_row_never_stops_the_rest(checks):
    mended = []

    def fail():
        raise RuntimeError("no")

    reconcile.register(
        "things",
        lambda at: [
            reconcile.Gap("a", lambda: mended.append("a")),
            reconcile.Gap("b", fail),
            reconcile.Gap("c", lambda: mended.append("c")),
        ],
    )
    (outcome,) = reconcile.run(at=NOON, mend=True)

    assert mended == ["a", "c"]
    assert (outcome.found, outcome.mended, outcome.left) == (3, 2, ["b: no"])


def test_a_check_changes_nothing_and_exits_with_one(checks, capsys):
    mended = []
    reconcile.register("things", lambda at: [reconcile.Gap("a", lambda: mended.append("a"))])

    with pytest.raises(SystemExit) as left:
        call_command("reconcile", "--check")
    assert left.value.code == 1
    assert mended == []


def test_zero_gaps_read_zero(checks, capsys):
    reconcile.register("things", lambda at: [])
    call_command("reconcile", "--check")

    assert "things: found 0, mended 0, left 0" in capsys.readouterr().out


def test_a_check_that_fails_itself_never_stops_the_rest(checks, db):
    reconcile.register("broken", lambda at: 1 / 0)
    reconcile.register("things", lambda at: [])
    broken, things = reconcile.mend(at=NOON)

    assert (broken.left, things.left) == (["ZeroDivisionError: division by zero"], [])
    assert {gauge.name: gauge.left for gauge in Gauge.objects.all()} == {"broken": 1, "things": 0}


@pytest.mark.parametrize("late", ["looking", "mending"])
def test_a_run_whose_time_is_over_ends_and_reports_no_gap(checks, db, late):
    def over(*args):
        raise SoftTimeLimitExceeded

    reconcile.register("long", over if late == "looking" else lambda at: [reconcile.Gap("one", over)])
    with pytest.raises(SoftTimeLimitExceeded):
        reconcile.mend(at=NOON)
    assert not Gauge.objects.exists() and cache.get(reconcile.RUNNING) is None


def test_a_run_whose_time_is_over_publishes_what_the_checks_before_found_and_keeps_what_is_known_of_the_rest(checks, db):
    for name in ("first", "long", "last"):
        reconcile.register(name, lambda at: [])
    reconcile.mend(at=NOON)
    reconcile._checks.clear()

    def over(at):
        raise SoftTimeLimitExceeded

    reconcile.register("first", lambda at: [reconcile.Gap("a", lambda: None)])
    reconcile.register("long", over)
    reconcile.register("last", lambda at: [])
    later = NOON + timedelta(minutes=5)
    with pytest.raises(SoftTimeLimitExceeded):
        reconcile.mend(at=later)
    found = {gauge.name: (gauge.found, gauge.at) for gauge in Gauge.objects.all()}
    assert found == {"first": (1, later), "long": (0, NOON), "last": (0, NOON)}


def test_each_run_publishes_what_it_found_and_what_is_left(checks, db):
    def fail():
        raise RuntimeError("no")

    reconcile.register("things", lambda at: [reconcile.Gap("a", lambda: None), *[reconcile.Gap(f"b{n}", fail) for n in range(30)]])
    reconcile.mend(at=NOON)
    gauge = Gauge.objects.get()

    assert (gauge.name, gauge.found, gauge.left, gauge.at, len(gauge.examples)) == ("things", 31, 30, NOON, 20)
    reconcile._checks.clear()
    reconcile.register("others", lambda at: [])
    reconcile.mend(at=NOON)
    assert [gauge.name for gauge in Gauge.objects.all()] == ["others"]


def test_a_run_beside_another_is_sent_away_and_mends_nothing(checks, db):
    inner = []

    def look(at):
        with pytest.raises(Refused) as refused:
            reconcile.mend(at=at)
        inner.append(refused.value.code)
        with pytest.raises(CommandError):
            call_command("reconcile")
        tasks.reconcile()  # the scheduled one says nothing and goes
        return []

    reconcile.register("things", look)
    reconcile.mend(at=NOON)

    assert inner == ["running"]
    assert cache.get(reconcile.RUNNING) is None


def test_a_run_that_breaks_off_leaves_the_way_free(checks, db, monkeypatch):
    monkeypatch.setattr(reconcile, "publish", lambda *args, **kwargs: 1 / 0)
    for _turn in (1, 2):
        with pytest.raises(ZeroDivisionError):
            reconcile.mend(at=NOON)


def test_looking_publishes_nothing_and_needs_no_turn(checks, db):
    reconcile.register("things", lambda at: [])
    cache.set(reconcile.RUNNING, "somebody", 60)
    call_command("reconcile", "--check")

    assert not Gauge.objects.exists() and cache.get(reconcile.RUNNING) == "somebody"
