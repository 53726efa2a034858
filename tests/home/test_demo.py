"""The demo's words."""

import re
from pathlib import Path

import pytest

from home.demo import load

COURSES = sorted((load.HERE / "courses").glob("*.yaml"))
SAID_TWICE = re.compile(r"([^\W_]{4,})[，；]\1[，；。]")


@pytest.mark.parametrize("path", COURSES, ids=[path.stem for path in COURSES])
def test_no_course_says_a_phrase_twice_in_a_row(path: Path):
    assert [found[0] for found in SAID_TWICE.finditer(path.read_text())] == []
