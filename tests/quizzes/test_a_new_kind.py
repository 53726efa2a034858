"""Adding a kind touches nothing else: one file in the package, and the whole product knows it."""

import json
import sys

import pytest

from core import clock
from courses.models import Course
from courses.services import catalogues, enrolments
from quizzes import kinds
from quizzes.models import Attempt, ItemMark, Question
from quizzes.services import bank, quizzes
from tests.factories import make_course

TOY = '''
"""Echo: type the word again."""

from fractions import Fraction

from quizzes.kinds.base import Cells, ItemKind, Policy, Shown, Wrong, clean_text


class Echo(ItemKind):
    key = "echo"
    rank = 45
    label = "Echo question"
    names = ("回声",)
    shape = "one"
    template = "quizzes/kinds/short.html"
    hint = "One line: the word."
    sheet_hint = "The word."
    policies = {"exact": Policy("letter by letter", "Type it exactly."), "loose": Policy("any case", "Type it in any case.")}

    def check(self, stem, content, key):
        super().check(stem, content, key)
        if not isinstance(key, str) or not key:
            raise Wrong("the word is missing")

    def from_cells(self, cells):
        return cells.stem, {}, cells.answer

    def to_cells(self, stem, content, key):
        return Cells(stem, {}, key)

    def from_mapping(self, row):
        return {}, str(row.get("answer", ""))

    def from_lines(self, lines):
        return {}, "".join(lines)

    def to_lines(self, content, key):
        return [key]

    def lay_out(self, stem, content, *, rng, shuffle):
        return {"stem": stem}

    def tokened(self, shown, content, key):
        return {"word": key}

    def read(self, shown, response):
        return clean_text(response or "", 100) or None

    def fields(self, shown, response):
        return [{"value": response or "", "longest": 100}]

    def said(self, shown, response):
        return [response] if response else []

    def mark(self, key, response):
        fold = str.lower if self.policy_of(key) == "loose" else str
        return Fraction(int(fold(response) == fold(key["word"])))

    def explain(self, shown, key, response):
        return [Shown("Word", "", response or "", key["word"], True, response == key["word"], True)]

    def analyse(self, shown, key, response):
        return [response]

    def right(self, shown, key):
        return key["word"]

    def wrong(self, shown, key):
        return key["word"] + "!"


KIND = Echo()
'''


@pytest.fixture
def echo(tmp_path, monkeypatch):
    """The file of a new kind lies beside the others; the process has started with it."""
    (tmp_path / "echo.py").write_text(TOY)
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path)])
    monkeypatch.setattr(kinds, "_BY_KEY", kinds._found())
    yield kinds.of("echo")
    sys.modules.pop("quizzes.kinds.echo", None)


@pytest.fixture
def exam(cast, echo):
    """A quiz of one echo question, asked for by a course that the learner takes."""
    row = {"id": "E1", "type": "回声题", "course": "P01", "stem": "打出：公开", "answer": "Open", "v": "V"}
    assert bank.import_rows([row], county=cast.county, at=clock.now()).new == ["E1"]
    quiz = quizzes.ensure(
        county=cast.county,
        key="p01-final",
        title="结业测试",
        course_code="P01",
        minutes=20,
        pass_percent=80,
        attempts=3,
        draws=[{"kind": "echo", "count": 1}],
        policies={"echo": "loose"},
    )
    make_course(cast.county, code="P01", lessons=1, quiz_key="p01-final", pass_rule="quiz")
    enrolments.enrol(person=cast.learner, course=Course.objects.get(code="P01"), at=clock.now())
    return quiz


def test_the_package_finds_the_file_and_puts_it_in_its_place(echo):
    order = [kind.key for kind in kinds.every()]
    assert order.index("fill") < order.index("echo") < order.index("cloze")
    assert kinds.named("回声题") is echo and ("echo", "Echo question") in kinds.choices()


def test_a_learner_answers_a_question_of_the_new_kind_and_sees_the_result(cast, exam, sign_in):
    client = sign_in(cast.learner)
    client.post("/quizzes/p01-final/")
    attempt = Attempt.objects.get()
    item = attempt.items.get()
    page = client.get(f"/attempts/{attempt.pk}/").text
    assert "打出：公开" in page and "Type it in any case." in page and 'data-shape="one"' in page and "Open" not in page

    body = {"item": item.pk, "response": "OPEN", "token": "t1"}
    assert client.post(f"/attempts/{attempt.pk}/answers/", json.dumps(body), content_type="application/json").status_code == 200
    client.post(f"/attempts/{attempt.pk}/submit/")

    result = client.get(f"/attempts/{attempt.pk}/result/").text
    assert "Echo question" in result and "OPEN" in result and "合格" in result
    mark = ItemMark.objects.get()
    assert mark.fraction == 1 and mark.picked == ["OPEN"]


def test_a_trainer_writes_a_question_of_the_new_kind_and_chooses_how_it_is_marked(cast, exam, sign_in):
    catalogues.sync_members(county=cast.county)
    trainer = sign_in(cast.trainer)
    page = trainer.get("/admin/questions/new/").text
    assert "Echo question" in page and "One line: the word." in page
    data = {"code": "E2", "course_code": "P01", "kind": "echo", "difficulty": "1", "point": "", "stem": "打出：依法", "lines": "Law"}
    data |= {"explanation": "", "source": "第一条", "mark": "V", "status": "draft", "county": cast.county.pk}
    reply = trainer.post("/admin/questions/new/", data)
    assert reply.status_code == 302, reply.context["form"].errors
    assert Question.objects.get(code="E2").key == "Law"
    assert "any case" in trainer.get(f"/admin/quizzes/edit/{exam.pk}/").text
    assert "The word." in trainer.get("/admin/question-import/").text


def test_nothing_outside_the_package_knows_kinds_by_name():
    """The names of kinds stand in their own files only (and in migrations, which are history)."""
    import re
    from pathlib import Path

    root = Path(kinds.__file__).parents[1]
    names = "|".join(kind.key for kind in kinds.every() if kind.key not in {"order", "case", "match", "single", "short"})
    compared = re.compile(rf"(?<!\w)kind(?:\.key|_id)?\s*(?:==|!=|in)\s*[\"'({{\[]|[\"'](?:{names})[\"']")
    found = [
        f"{path.relative_to(root)}: {match.group()}"
        for path in [*root.rglob("*.py"), *root.rglob("*.html"), *(root.parent / "static/js/quizzes").glob("*.js")]
        if not {"kinds", "migrations", "formats"} & set(path.relative_to(root.parent).parts[1:-1])
        for match in compared.finditer(path.read_text())
    ]
    assert found == []
