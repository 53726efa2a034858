"""Sealed papers as PDF, read back by a program that we did not write."""

import io
import random
import subprocess
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import translation
from PIL import Image
from wagtail.models import ModelLogEntry

from core.errors import Refused
from quizzes import kinds, stems
from quizzes.models import Paper, Question
from quizzes.services import exam_papers, images, printing
from tests.cast import EVERYBODY, NOON
from tests.quizzes.items import BANK
from tests.quizzes.test_papers import exam, seal_twice  # noqa: F401

RARE = "䶮㛃𬎆𡋾"


def text_of(data: bytes, tmp_path) -> str:
    file = tmp_path / "paper.pdf"
    file.write_bytes(data)
    return "".join(subprocess.run(["pdftotext", file, "-"], capture_output=True, check=True, text=True).stdout.split())


@pytest.fixture
def paper(exam, cast):  # noqa: F811
    """One question of each kind, five points each, sealed."""
    for kind, (stem, content, key) in BANK.items():
        Question.objects.create(
            status="reviewed",
            mark="V",
            county=cast.county,
            code=f"K-{kind}",
            course_code="P01",
            kind=kind,
            stem=stem,
            content=content,
            key=key,
            source="第二十六条",
        )
    chosen = [(f"K-{kind}", Decimal(5)) for kind in BANK]
    made = exam_papers.make_fixed(quiz=exam, chosen=chosen, by=cast.trainer, at=NOON)
    seal_twice(made, cast)
    return Paper.objects.get(pk=made.pk)


@pytest.fixture
def pages(paper, cast, tmp_path):
    return lambda part: text_of(printing.pdf(paper=paper, part=part, by=cast.trainer, at=NOON), tmp_path)


def test_the_paper_asks_every_question_and_tells_no_answer(pages):
    text = pages("paper")
    for asked in (
        "年度考试",
        "试卷A",
        "满分55分",
        "考试时间30分钟",
        "姓名",
        "工号",
        "A.甲",
        "1.题（单选题，5分）",
        "居民李某",
        "几个工作日内答复？",
    ):
        assert asked in text, asked
    for told in ("第一，及时", "35000", "主动公开*", "不予公开", "第二十六条"):
        assert told not in text, told


def test_the_answer_sheet_has_a_place_for_the_person_and_for_every_answer(pages):
    text = pages("sheet")
    assert all(word in text for word in ("答题纸", "姓名", "工号", "考场", "座位")) and all(
        f"{number}.5分" in text for number in range(1, 12)
    )
    assert "甲" not in text and "公开" not in text


def test_the_key_says_what_is_right_for_how_many_points(pages):
    text = pages("key")
    for told in ("1.B", "2.AC", "3.√", "（单选题，5分）", "公开（2）不公开/不予公开", "第一，及时", "要点完整", "第二十六条"):
        assert told in text, told


@pytest.mark.parametrize("part", ["paper", "key"])
@pytest.mark.parametrize(("policy", "told"), [("half", "少选得一半分"), ("all_or_nothing", "多选题：")])
def test_paper_and_key_say_how_each_kind_is_marked(paper, cast, tmp_path, part, policy, told):
    paper.quiz.policies = {"multiple": policy}
    paper.quiz.save()
    for by in (cast.trainer, cast.reviewer):
        exam_papers.seal(paper=paper, digest=Paper.objects.get(pk=paper.pk).digest(), by=by, at=NOON)
    with translation.override("en"):  # the document is Chinese whatever language a page is read in
        text = text_of(printing.pdf(paper=Paper.objects.get(pk=paper.pk), part=part, by=cast.trainer, at=NOON), tmp_path)
    said = kinds.of("multiple").policies[policy].instruction
    with translation.override("zh-hans"):
        assert told in text and text.count("多选题：" + "".join(str(said).split())) == 1
    assert "论述题：最多写800字" in text and text.count("单选题：") == 1


def test_essays_of_different_lengths_say_which_of_them_is_how_long(exam, cast):  # noqa: F811
    for number, longest in enumerate((300, 800, 300)):
        content, key = {"longest": longest, "rubric": [], "markers": 1}, {"sample": ""}
        Question.objects.filter(code=f"J-{number}").update(kind="essay", content=content, key=key)
    made = exam_papers.make_fixed(quiz=exam, chosen=[(f"J-{n}", Decimal(5)) for n in range(3)], by=cast.trainer, at=NOON)
    told = {one["of"]: one["said"] for one in printing._told(made, list(made.items.order_by("position")))}
    assert list(told) == ["论述题（第1、3题）", "论述题（第2题）"] and "800" in told["论述题（第2题）"]


@pytest.mark.parametrize("kind", ["order", "match"])
def test_the_key_names_the_letters_that_the_paper_prints(paper, kind):
    item = paper.items.get(question__code=f"K-{kind}")
    drawn = printing._item(paper, item, with_key=True)
    letters = dict(line[0]["it"].split(". ") for line in drawn["lines"] if ". " in line[0]["it"])
    told = "".join(piece["it"] for line in drawn["key"] for piece in line)
    expected = ["甲", "乙", "丙"] if kind == "order" else ["要求", "推荐"]
    assert [letters[sign] for sign in told if sign in letters] == expected


def lines(sign, count):
    return [f"{sign}{number}" for number in range(count)]


LARGEST = {
    "single": ({"options": dict(zip("ABCDEFGHIJ", lines("选", 10), strict=True))}, ["J"]),
    "multiple": ({"options": dict(zip("ABCDEFGHIJ", lines("选", 10), strict=True))}, list("ABCDEFGHIJ")),
    "fill": ({"blanks": 10}, [lines("空", 12)] * 10),
    "cloze": ({"gaps": [lines("词", 10)] * 10}, ["词9"] * 10),
    "numeric": (
        {"units": {f"单位{n}": str(10**n) for n in range(10)}},
        {"value": "1" * 30 + "." + "9" * 9, "tolerance": "0", "relative": False},
    ),
    "order": ({"items": lines("步", 10)}, lines("步", 10)),
    "match": ({"left": lines("左", 10), "right": lines("右", 12)}, dict(zip(lines("左", 10), lines("右", 12)[2:], strict=True))),
    "short": ({}, [{"pattern": text, "share": "1"} for text in lines("答", 20)]),
    "essay": (
        {"longest": 5000, "rubric": [{"name": name, "points": "1", "levels": []} for name in lines("点", 10)], "markers": 2},
        {"sample": "例" * 5000},
    ),
}


def stem_of(kind):
    return "题" + "____和" * 10 if kind in {"fill", "cloze"} else "题"


@pytest.mark.parametrize("in_a_case", [False, True])
@pytest.mark.parametrize("kind", LARGEST)
def test_the_largest_question_of_each_kind_is_printed(sign_in, exam, cast, tmp_path, kind, in_a_case):  # noqa: F811
    stem, (content, key) = stem_of(kind), LARGEST[kind]
    if in_a_case:
        part = {"kind": kind, "stem": stem, "content": content, "points": "1"}
        kind, stem, content, key = (
            "case",
            "材料",
            {"parts": [part] * (1 if kind == "essay" else 10)},
            [key] * (1 if kind == "essay" else 10),
        )
    kinds.of(kind).check(stem, content, key)
    question = Question.objects.get(code="J-0")
    question.kind, question.stem, question.content, question.key = kind, stem, content, key
    question.save()
    made = exam_papers.make_fixed(quiz=exam, chosen=[("J-0", Decimal(5))], by=cast.trainer, at=NOON)
    seal_twice(made, cast)
    paper = Paper.objects.get(pk=made.pk)

    for part in printing.PARTS:
        assert printing.pdf(paper=paper, part=part, by=cast.trainer, at=NOON).startswith(b"%PDF")
    assert sign_in(cast.trainer).get(reverse("paper", args=[paper.pk])).status_code == 200


def test_twelve_partners_have_twelve_letters(exam, cast, tmp_path):  # noqa: F811
    content, key = LARGEST["match"]
    shape = kinds.of("match").on_paper(content, key, rng=random.Random(3))
    letters = dict(line.split(". ")[::-1] for line in shape.lines if ". " in line)
    assert "".join(letters.values()) == "ABCDEFGHIJKL"
    assert shape.key == ["　".join(f"（{number}）{letters[right]}" for number, right in enumerate(key.values(), start=1))]


def test_rare_characters_formulas_images_and_markup_are_printed_as_they_are(exam, cast, tmp_path):  # noqa: F811
    data = io.BytesIO()
    Image.new("RGB", (60, 30), "red").save(data, "PNG")
    image = images.keep(data=data.getvalue(), county=cast.county, at=NOON)
    stem = f"{RARE}乡 #import *粗* $x$ 求 \\(\\frac{{1}}{{2}}\\)？" + stems.image("红色", image.digest, 60, 30)
    Question.objects.filter(code="J-0").update(stem=stem)
    made = exam_papers.make_fixed(quiz=exam, chosen=[("J-0", Decimal(5))], by=cast.trainer, at=NOON)
    seal_twice(made, cast)

    pdf = printing.pdf(paper=Paper.objects.get(pk=made.pk), part="paper", by=cast.trainer, at=NOON)

    text = text_of(pdf, tmp_path)
    assert RARE in text and "#import*粗*$x$" in text and "frac" not in text and "图片缺失" not in text
    listed = subprocess.run(["pdfimages", "-list", tmp_path / "paper.pdf"], capture_output=True, check=True, text=True).stdout
    assert "image" in listed and "60" in listed


def test_a_character_without_a_glyph_is_named_and_nothing_is_printed(exam, cast):  # noqa: F811
    Question.objects.filter(code="J-0").update(stem="\U000323af？")
    made = exam_papers.make_fixed(quiz=exam, chosen=[("J-0", Decimal(5))], by=cast.trainer, at=NOON)
    seal_twice(made, cast)
    with pytest.raises(Refused) as refused:
        printing.pdf(paper=Paper.objects.get(pk=made.pk), part="paper", by=cast.trainer, at=NOON)
    assert refused.value.code == "missing_glyph" and "U+323AF" in refused.value.message


@pytest.mark.parametrize("who", EVERYBODY)
def test_those_who_may_see_a_paper_download_it_with_a_trace(sign_in, cast, paper, who):
    client, address = sign_in(getattr(cast, who)), reverse("paper_file", args=[paper.pk, "key"])
    reply = client.get(address)
    traces = ModelLogEntry.objects.filter(action="quizzes.paper_printed")
    if who in {"trainer", "reviewer", "admin"}:
        assert reply["Content-Type"] == "application/pdf" and b"".join(reply.streaming_content).startswith(b"%PDF")
        trace = traces.get()
        assert (trace.user, trace.data["paper"], trace.data["part"]) == (getattr(cast, who), "A", "key")
        assert address in client.get(reverse("paper", args=[paper.pk])).text
    else:
        assert reply.status_code == 403 and not traces.exists()


def test_an_unsealed_paper_is_not_printed(sign_in, cast, exam):  # noqa: F811
    made = exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON)[0]
    client, address = sign_in(cast.trainer), reverse("paper_file", args=[made.pk, "paper"])
    assert address not in client.get(reverse("paper", args=[made.pk])).text
    assert "密封" in client.get(address, follow=True).text and not ModelLogEntry.objects.filter(action="quizzes.paper_printed").exists()
    assert client.get(reverse("paper_file", args=[made.pk, "secrets"])).status_code == 404


@pytest.fixture
def with_stem(exam, cast, tmp_path):  # noqa: F811
    """`with_stem(text)` is the sealed paper of one question with this stem, and what its PDF reads."""

    def go(stem):
        Question.objects.filter(code="J-0").update(stem=stem)
        made = exam_papers.make_fixed(quiz=exam, chosen=[("J-0", Decimal(5))], by=cast.trainer, at=NOON)
        seal_twice(made, cast)
        found = Paper.objects.get(pk=made.pk)
        return found, text_of(printing.pdf(paper=found, part="paper", by=cast.trainer, at=NOON), tmp_path)

    return go


def test_formulas_are_typeset(with_stem):
    paper, text = with_stem(r"公开率 \(\text{率}=\frac{\text{按时}}{12}\times 100\%\)，\[\sum_{i=1}^{n} x_i \ge \sqrt{\alpha}\]")
    assert all(sign in text for sign in ("按时", "12", "×", "100%", "∑", "≥", "√"))
    assert not any(raw in text for raw in ("frac", "text", "sum", "sqrt", "alpha", "{"))
    assert printing.raw_formulas(paper) == []


def test_a_formula_that_cannot_be_typeset_is_told_before_it_is_printed(sign_in, cast, with_stem):
    paper, text = with_stem(r"求 \(\boxed{a}\) 与 \(b^2\) 与 \(\begin{aligned}a&=b\end{aligned}\)")
    assert r"\boxed{a}" in text and "𝑏2" in text and "^" not in text
    assert printing.raw_formulas(paper) == [(1, r"\boxed{a}"), (1, r"\begin{aligned}a&=b\end{aligned}")]
    page = sign_in(cast.trainer).get(reverse("paper", args=[paper.pk])).text
    assert r"<code>\boxed{a}</code>" in page and "b^2</code>" not in page


def test_a_paper_without_such_formulas_warns_of_nothing(sign_in, cast, paper):
    assert "<code>" not in sign_in(cast.trainer).get(reverse("paper", args=[paper.pk])).text


FORMULAS = [
    r"\lim_{x\to 0}\frac{\sin x}{x}",
    r"f(x)=\begin{cases}1 & x>0\\0 & x\le0\end{cases}",
    r"\begin{pmatrix}a&b\\c&d\end{pmatrix}",
    r"\overline{AB}+\vec{a}+\underbrace{a+b}_{n}+\binom{n}{k}+\mathbf{x}",
    r"\left|\frac{a}{b}\right|+[0,1)\cup\{1\}",
    r"\int_0^1 f(x)\,dx+\sqrt[3]{x}\phantom{y}",
    r"\text{#import x *z*}",
]


@pytest.mark.parametrize("latex", FORMULAS)
def test_every_form_that_pages_show_is_typeset(with_stem, latex):
    paper, text = with_stem(rf"求 \({latex}\)")
    assert printing.raw_formulas(paper) == [] and not any(
        raw in text for raw in ("lim_", "\\frac", "begin", "overline", "mathbf", "phantom")
    )
    if "import" in latex:
        assert "#importx*z*" in text
