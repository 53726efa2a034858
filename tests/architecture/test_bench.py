"""What `make bench` tells at its end."""

import pytest

from bench.__main__ import report

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
