"""A sealed paper on paper: the questions, an answer sheet, and the key for those who mark."""

import base64
import random
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from core import audit, clock, fonts, typesetting
from core.errors import Refused
from core.figures import figure
from core.text import printable
from people.models import Person
from quizzes import formulas, kinds, stems
from quizzes.models import BankImage, Paper, PaperItem, Remark
from quizzes.services import keys

LAYOUT = Path(__file__).parent.parent / "layouts" / "exam.typ"
FORMULAS = {"formula", "display"}
PARTS = {"paper": "试卷", "sheet": "答题纸", "key": "参考答案与评分"}  # Chinese documents, whatever language a page is read in


@transaction.atomic
def pdf(*, paper: Paper, part: str, by: Person, at: datetime) -> bytes:
    """One of PARTS of a sealed paper as PDF, with a trace of who had it printed. The same paper gives the same pages each time,
    but its key, which says what two persons amended since.

    Formulas are typeset; one that cannot be stands as its LaTeX (`raw_formulas` names them beforehand). Three queries, two more for the key;
    an image each is read from the storage.

    Raises:
        Refused: not_sealed; missing_glyph (a character that no font has).
    """
    if not paper.is_sealed:
        raise Refused(_("Only a sealed paper is printed: two persons stand behind what everybody gets."), code="not_sealed")
    items = list(paper.items.order_by("position"))
    amended = keys.amended(items) if part == "key" else {}
    printed = [_item(paper, item, with_key=part == "key", amended=amended.get(item.pk)) for item in items]
    pictures = _pictures(paper, printed)
    data = {
        "part": part,
        "heading": PARTS[part],
        "title": printable(paper.quiz.title),
        "label": paper.label,
        "minutes": paper.quiz.minutes,
        "total": figure(sum((item.points for item in items), start=Decimal(0))),
        "digest": paper.digest()[:16],
        "told": [] if part == "sheet" else _told(paper, items),
        "items": printed,
        "pictures": pictures,
    }
    made = typesetting.typeset(LAYOUT, data, at=paper.made_at)
    audit.record(paper.quiz, "quizzes.paper_printed", by=by, paper=paper.label, part=part)
    return made


def _item(paper: Paper, item: PaperItem, *, with_key: bool, amended: keys.Amended | None = None) -> dict[str, Any]:
    content, key, remark = item.content, item.key, amended and amended.remark
    if remark and remark.remedy == Remark.Remedy.NEW_KEY:  # under the letters that this paper prints
        content, key = item.item_kind.amend(content, remark.content, remark.key)
    rng = random.Random(f"{paper.pk}:{item.question_id}:{item.question_version}")  # noqa: S311 - the order of lines, the same each time
    shape = item.item_kind.on_paper(content, key, rng=rng)
    return {
        "number": str(item.position),
        **_drawn(item.item_kind, item.stem, Decimal(item.points), shape, with_key=with_key),
        **({"key": [*map(_marked, shape.key), *map(_marked, _amended(amended))]} if amended is not None else {}),
        "source": printable(item.source) if with_key else "",
    }


def _amended(amended: keys.Amended) -> Iterator[str]:
    """What a marker of sheets has to know, in Chinese as the document is."""
    if amended.remark:
        given = amended.remark.remedy == Remark.Remedy.ALL_RIGHT
        yield f"（{_day(amended.remark)} 经两人批准{'：本题人人得满分' if given else '更正答案'}）"
    if amended.other:
        yield f"（{_day(amended.other)} 经两人批准的重新评分针对本题的另一表述或选项，不适用于本卷）"


def _day(remark: Remark) -> str:
    return clock.local(remark.decision.at).date().isoformat()


def _told(paper: Paper, items: list[PaperItem]) -> list[dict[str, str]]:
    """What candidates are told on the screen of each kind on the paper, once: how it is answered and marked, in Chinese as the document is.

    Where a kind is told several things (essays of different lengths), each says of which questions.
    """
    told: dict[str, dict[str, list[str]]] = {}
    rng = random.Random(0)  # noqa: S311 - no order of it is shown
    with translation.override("zh-hans"):
        for item in items:
            shown, _key = item.item_kind.present(item.stem, item.content, item.key, rng=rng, shuffle=False, policies=paper.quiz.policies)
            asked = [(str(item.position), item.item_kind, shown)]
            asked += [
                (f"{item.position}（{number}）", kinds.of(part["kind"]), part["shown"])
                for number, part in enumerate(shown["parts"] if item.item_kind.shape == "parts" else (), start=1)
            ]
            for number, kind, one in asked:
                if said := str(kind.instruction_for(one)):
                    told.setdefault(kind.called, {}).setdefault(said, []).append(number)
    return [
        {"of": called if len(several) == 1 else f"{called}（第{'、'.join(numbers)}题）", "said": said}
        for called, several in told.items()
        for said, numbers in several.items()
    ]


def item_for_sheet(paper: Paper, item: PaperItem) -> dict[str, Any]:
    """What an answer sheet needs of an item: its number, its points, and the places to answer; nothing of what is asked."""
    return _places(_item(paper, item, with_key=False))


def _places(drawn: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in drawn.items() if name in {"number", "points", "choices", "blanks", "rows"}}
    return kept | {"parts": [_places(part) for part in drawn["parts"]]}


def _drawn(kind: kinds.ItemKind, stem: str, points: Decimal, shape: kinds.OnPaper, *, with_key: bool) -> dict[str, Any]:
    """An item, or a part of one, as the layout draws it; nothing of the key unless it is asked for."""
    return {
        "kind": kind.called,
        "points": figure(points),
        "stem": _marked(stem),
        "lines": [_marked(line) for line in shape.lines],
        "choices": shape.choices,
        "blanks": shape.blanks,
        "rows": shape.rows,
        "key": [_marked(line) for line in shape.key] if with_key else [],
        "parts": [
            _drawn(one, text, (points * weight.numerator / weight.denominator).quantize(Decimal("0.01")), inner, with_key=with_key)
            for one, text, weight, inner in shape.parts
        ],
    }


def _marked(text: str) -> list[dict[str, Any]]:
    return [
        {"what": what, "it": printable(piece)} | ({"drawn": _formula(piece)} if what in FORMULAS else {})
        for what, piece in stems.pieces(text)
    ]


def _formula(latex: str) -> formulas.Node | None:
    """The formula for the layout; None where it cannot be read, or where a character of it has no glyph."""
    try:
        node = formulas.drawing(latex)
    except stems.Unreadable:
        return None
    return None if fonts.missing([formulas.needs_text_font(node)]) else node


def raw_formulas(paper: Paper) -> list[tuple[int, str]]:
    """The formulas that cannot be typeset and are printed as their LaTeX: the position of the question, and what is written. One query."""
    found = []
    for item in paper.items.order_by("position"):
        drawn = _item(paper, item, with_key=True)
        found += [(item.position, latex) for latex in dict.fromkeys(_untypeset(drawn))]
    return found


def _untypeset(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        if data.get("what") in FORMULAS and data["drawn"] is None:
            yield data["it"]
        for name, value in data.items():
            if name != "drawn":
                yield from _untypeset(value)
    elif isinstance(data, list):
        for value in data:
            yield from _untypeset(value)


def _pictures(paper: Paper, printed: list[dict]) -> dict[str, dict[str, str]]:
    """The images of these items, each wrapped in an SVG of its size: data holds no bytes."""
    wanted = sorted(_digests(printed))
    found = {}
    for image in BankImage.objects.filter(county=paper.quiz.county_id, digest__in=wanted) if wanted else ():
        with image.file.open() as file:
            address = f"data:{image.content_type};base64,{base64.b64encode(file.read()).decode()}"
        size = f'width="{image.width}" height="{image.height}"'
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {image.width} {image.height}"><image href="{address}" {size}/></svg>'
        found[image.digest] = {"svg": svg}
    return found


def _digests(data: Any) -> set[str]:
    if isinstance(data, dict):
        return {data["it"]} if data.get("what") == "image" else {one for name, v in data.items() if name != "drawn" for one in _digests(v)}
    return {one for value in data for one in _digests(value)} if isinstance(data, list) else set()
