"""What `make bench` tells at its end."""

import pytest

from bench.__main__ import report
from bench.exam import Load, others

MET = ("lesson page", "300/s", ">= 250/s", True)
MISSED = ("answer save", "390/s", ">= 400/s", False)


@pytest.mark.parametrize(
    ("rows", "status", "last"), [([MET], 0, "all 1 targets met"), ([MET, MISSED], 1, "1 of 2 targets MISSED: answer save")]
)
def test_a_missed_target_is_the_last_line_and_the_exit_status(capsys, rows, status, last):
    assert report(rows, ["a note"]) == status

    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == last
    assert [line.split()[-1] for line in lines[: len(rows)]] == ["met" if row[3] else "MISSED" for row in rows]


@pytest.mark.parametrize(("name", "met"), [("save: 500", True), ("watch, one room: 500", False), ("warm-up: GET / Unreachable", False)])
def test_a_request_that_is_no_save_fails_a_row_of_its_own(name, met):
    load = Load()
    load.times = {"save": [0.1], "watch, one room": [0.1], "warm-up": [0.1]}
    load.wrong[name] += 1
    words, figure, _target, is_met = others(load)
    assert words.endswith(", 2") and figure == f"{0 if met else 1} failed" and is_met is met


def test_a_load_without_other_requests_proves_nothing():
    assert others(Load())[-1] is False
