"""Reconcile mends what it finds, and one bad row never stops the rest."""

import pytest
from django.core.management import call_command

from core import reconcile
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
