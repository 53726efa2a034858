"""Every door that leaves a trace of reading is named in words, and so is everything that narrowed it."""

import ast
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from certificates.forms import RunningOutForm
from evaluation.api import certificates, completions, hours, lists, results
from evaluation.forms import RecordsForm, YearForm
from evaluation.period_forms import RemindersForm
from people import reading_words
from people.forms import PeopleFilter
from people.reading_words import LABELS, OF_THE_EXTENT
from people.templatetags.people_words import DOORS

ROOT = Path(__file__).resolve().parents[2]
APPS = ("people", "courses", "quizzes", "certificates", "evaluation", "home")
# What the doors put into a trace beside the keys that they spell out, by how they write it. `filters`, `named` and `purpose`
# are handed on: their keys are spelt out where they begin, or are those of the forms of exports.
HANDED_ON = {"filters", "named", "purpose"}
FORMS = {
    "chosen": [PeopleFilter],
    "form.as_written()": [RemindersForm],
    "wanted.as_written()": [RecordsForm],
    "exports": [RecordsForm, YearForm, RemindersForm],
    "wanted": [RunningOutForm],
}
ASKED = "wanted.model_dump(mode='json', exclude_none=True, exclude=PLACES)"
MODELS = [
    certificates.CertificatesIn,
    completions.CompletionsIn,
    hours.EntriesIn,
    results.UnitResultsIn,
    results.PersonResultsIn,
    lists.OfUnitIn,
]


def calls() -> Iterator[ast.Call]:
    for file in chain.from_iterable((ROOT / app).rglob("*.py") for app in APPS):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield node


def spelt(node: ast.expr) -> set[str]:
    """The keys of a mapping that are spelt out, and what else it is made of as it is written."""
    if isinstance(node, ast.Dict):
        parts = [
            ({key.value} if isinstance(key, ast.Constant) else spelt(value)) for key, value in zip(node.keys, node.values, strict=True)
        ]
        return set().union(*parts)
    if isinstance(node, ast.BinOp):
        return spelt(node.left) | spelt(node.right)
    if isinstance(node, ast.BoolOp):
        return set().union(*map(spelt, node.values))
    return {ast.unparse(node)}


def test_what_a_door_writes_into_the_trace_has_words():
    written = set()
    for node in calls():
        if ast.unparse(node.func).endswith("readings.record"):
            written |= {word.value.value for word in node.keywords if word.arg == "what" and isinstance(word.value, ast.Constant)}
    assert len(written) > 15 and written - set(DOORS) == set()


def test_whatever_narrows_a_reading_has_a_label():
    found: set[str] = set()
    for node in calls():
        name = ast.unparse(node.func)
        if name.endswith(("readings.record", "_log", "one", "one_of_changes", "by_place", "by_key")):
            for word in node.keywords:
                if word.arg in {"filters", "named"}:
                    found |= spelt(word.value)
                elif name == "_log" and word.arg not in {"kind", "what", "unit", "subject", "rows", "format", "columns", "table", None}:
                    found.add(word.arg)  # type: ignore[arg-type]
    told = found - HANDED_ON - {ASKED, *FORMS}
    assert {"decided", "figure", "hand_over", "show", "year"} <= told
    told |= {field for form in chain(*FORMS.values()) for field in form.base_fields} - {"sort"}  # the order narrows nothing: no trace
    told |= {field for model in MODELS for field in model.model_fields} - lists.PLACES
    assert told - set(LABELS) - OF_THE_EXTENT == set()


def test_codes_and_yes_and_no_are_in_words():
    filters = {"which": "soon", "days": 90, "decided": False, "state": "expiring", "picture": "months", "part": 2}
    assert reading_words.conditions(filters, {}) == [
        "范围：即将到期",
        "天数：90",
        "已决定：否",
        "证书状态：即将到期",
        "图表：按月",
        "分包：2",
    ]
    assert reading_words.conditions({"decided": True}, {}) == ["已决定：是"]
