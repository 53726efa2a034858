"""Every door that leaves a trace of reading is named in words."""

import ast
from pathlib import Path

from people.templatetags.people_words import DOORS

ROOT = Path(__file__).resolve().parents[2]


def test_what_a_door_writes_into_the_trace_has_words():
    written = set()
    for app in ("people", "courses", "quizzes", "certificates", "evaluation", "home"):
        for file in (ROOT / app).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("readings.record"):
                    written |= {word.value.value for word in node.keywords if word.arg == "what" and isinstance(word.value, ast.Constant)}
    assert len(written) > 15 and written - set(DOORS) == set()
