"""Case (材料题): material, and parts about it that are questions of other kinds."""

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quizzes import kinds
from quizzes.kinds.base import Cells, ForPerson, Given, ItemKind, Malformed, OnPaper, Pick, Wrong

MOST_PARTS = 10
LONGEST_STEM = 4000
LONGEST_WRITING = 8000  # characters of all essays of a case: one answer is one request
HEAD = re.compile(r"^【\s*(\S+?)\s+([\d.]+)\s*分\s*】$")
ANSWER = re.compile(r"^【\s*(?:答案|选项)\s*】$")


@dataclass(frozen=True)
class PartShown:
    """A part on the result page."""

    number: int
    kind: ItemKind
    stem: str
    weight: Fraction
    share: Fraction | None
    is_answered: bool
    by_people: bool
    lines: list


class Case(ItemKind):
    """The stem is the material. content {"parts": [{"kind", "stem", "content", "points"}]}; key [key of each part].

    Points are decimals as texts and weigh the parts against each other: what the paper gives for the case
    is shared out by them. A response is {index of the
    part: its response}. No case stands in a case.
    """

    key = "case"
    rank = 110
    label = gettext_lazy("Case")
    names = ("材料", "材料分析", "案例", "案例分析")
    shape = "parts"
    keeps_empty_lines = True  # for its parts
    template = "quizzes/kinds/case.html"
    result_template = "quizzes/results/case.html"
    stem_in_fields = True
    instruction = gettext_lazy("Read the material and answer its questions.")
    hint = gettext_lazy(
        "The stem is the material. Each question begins with its kind and points, 【单选题 2分】, then its stem, then 【答案】 "
        "and below it the lines that its kind wants."
    )
    sheet_hint = gettext_lazy("The stem is the material, the answer holds all lines as they are written in the form, in one cell.")

    def check(self, stem: str, content: Any, key: Any) -> None:
        super().check(stem, content, key)
        parts = content.get("parts") if isinstance(content, dict) else None
        if not isinstance(parts, list) or not 1 <= len(parts) <= MOST_PARTS or not isinstance(key, list) or len(key) != len(parts):
            raise Wrong(_("between %(least)d and %(most)d questions are needed") % {"least": 1, "most": MOST_PARTS}, _("answer"))
        for index, (part, answer) in enumerate(zip(parts, key, strict=True)):
            with _part(index):
                _check_part(part)
                kinds.of(part["kind"]).check(part["stem"], part["content"], answer)
        if sum(part["content"].get("longest", 0) for part in parts) > LONGEST_WRITING:
            raise Wrong(_("its essays may have at most %(limit)d characters together") % {"limit": LONGEST_WRITING}, _("answer"))

    def from_cells(self, cells: Cells) -> tuple[str, dict, Any]:
        content, key = self.from_lines([line.strip() for line in cells.answer.split("\n")])
        self.check(cells.stem, content, key)
        return cells.stem, content, key

    def to_cells(self, stem: str, content: Any, key: Any) -> Cells:
        return Cells(stem, {}, "\n".join(self.to_lines(content, key)))

    def from_mapping(self, row: Mapping) -> tuple[dict, Any]:
        rows = row.get("parts")
        if not isinstance(rows, list) or not all(isinstance(part, Mapping) for part in rows):
            raise Wrong(_("between %(least)d and %(most)d questions are needed") % {"least": 1, "most": MOST_PARTS}, _("answer"))
        parts, key = [], []
        for index, part in enumerate(rows):
            with _part(index):
                name, stem = str(part.get("type", "")), str(part.get("stem", "")).strip()
                kind = _kind(name)
                with kinds.read_as(kind, name):
                    content, answer = kind.from_mapping({**part, "stem": stem})
                parts.append({"kind": kind.key, "stem": stem, "content": content, "points": str(part.get("points", 1))})
                key.append(answer)
        made = {"parts": parts}
        self.check(str(row.get("stem", "")), made, key)
        return made, key

    def from_lines(self, lines: list[str]) -> tuple[dict, Any]:
        parts, key = [], []
        for index, (name, points, written) in enumerate(_sections(lines)):
            with _part(index):
                kind = _kind(name)
                at = next((at for at, line in enumerate(written) if ANSWER.match(line)), None)
                if at is None:
                    raise Wrong(_("the line 【答案】 between question and answer is missing"), _("answer"))
                stem = "\n".join(map(_unguarded, written[:at])).strip("\n")
                with kinds.read_as(kind, name):
                    content, answer = kind.from_lines([_unguarded(line) for line in written[at + 1 :] if line or kind.keeps_empty_lines])
                parts.append({"kind": kind.key, "stem": stem, "content": content, "points": points})
                key.append(answer)
        made = {"parts": parts}
        self.check("", made, key)
        return made, key

    def to_lines(self, content: Any, key: Any) -> list[str]:
        lines = []
        for part, answer in zip(content["parts"], key, strict=True):
            kind = kinds.of(part["kind"])
            lines.append(f"【{kind.called} {part['points']}分】")
            lines += [_guarded(line.strip()) for line in part["stem"].strip().split("\n")]
            lines.append("【答案】")
            lines += [_guarded(line) for line in kind.to_lines(part["content"], answer)]
        return lines

    def lay_out(self, stem: str, content: Any, *, rng: random.Random, shuffle: bool) -> dict:
        parts = [
            {
                "kind": part["kind"],
                "points": part["points"],
                "shown": kinds.of(part["kind"]).lay_out(part["stem"], part["content"], rng=rng, shuffle=shuffle),
            }
            for part in content["parts"]
        ]
        return {"stem": stem, "parts": parts}

    def tokened(self, shown: dict, content: Any, key: Any) -> dict:
        asked = [(part["kind"], part["points"], part["stem"]) for part in content["parts"]]
        if asked != [(part["kind"], part["points"], part["shown"]["stem"]) for part in shown["parts"]]:
            raise Wrong(_("the questions are no longer those that were shown"))
        parts = []
        for index, (one, part, answer) in enumerate(zip(shown["parts"], content["parts"], key, strict=True)):
            with _part(index):
                kept = kinds.of(part["kind"]).tokened(one["shown"], part["content"], answer)
            parts.append({"kind": part["kind"], "points": part["points"], "key": kept})
        return {"parts": parts}

    def amend(self, content: Any, mended: Any, key: Any) -> tuple[Any, Any]:
        parts, answers = [], []
        for part, copy, answer in zip(content["parts"], mended["parts"], key, strict=True):
            inner, wanted = kinds.of(part["kind"]).amend(part["content"], copy["content"], answer)
            parts.append({**part, "content": inner})
            answers.append(wanted)
        return {"parts": parts}, answers

    def on_paper(self, content: Any, key: Any, *, rng: random.Random) -> OnPaper:
        weights = [Fraction(part["points"]) for part in content["parts"]]
        parts = []
        for part, answer, weight in zip(content["parts"], key, weights, strict=True):
            kind = kinds.of(part["kind"])
            parts.append((kind, part["stem"], weight / sum(weights), kind.on_paper(part["content"], answer, rng=rng)))
        return OnPaper(parts=parts)

    def disarrange(self, shown: dict, kept: dict, *, rng: random.Random) -> None:
        for one, two in zip(shown["parts"], kept["parts"], strict=True):
            kinds.of(one["kind"]).disarrange(one["shown"], two["key"], rng=rng)

    def govern(self, shown: dict, kept: dict, policies: Mapping[str, str]) -> None:
        for one, two in zip(shown["parts"], kept["parts"], strict=True):
            kinds.of(one["kind"]).govern(one["shown"], two["key"], policies)

    def inherit(self, kept: dict, old_key: dict) -> None:
        for part, old in zip(kept["parts"], old_key["parts"], strict=True):
            kinds.of(part["kind"]).inherit(part["key"], old["key"])

    def read(self, shown: dict, response: Any) -> Any:
        if response in (None, "", {}):
            return None
        if not isinstance(response, dict) or set(response) - {str(index) for index in range(len(shown["parts"]))}:
            raise Malformed("not answers to these questions")
        read = {
            str(index): kinds.of(part["kind"]).read(part["shown"], response.get(str(index))) for index, part in enumerate(shown["parts"])
        }
        return {index: given for index, given in read.items() if given is not None} or None

    def points_of(self, content: Any) -> Fraction:
        return sum((Fraction(part["points"]) for part in content["parts"]), Fraction(0))

    def fields(self, shown: dict, response: Any) -> list[dict]:
        return [
            {
                "index": str(index),
                "number": str(index + 1),
                "kind": kind,
                "weight": weight,
                "shown": part["shown"],
                "instruction": kind.instruction_for(part["shown"]),
                "fields": kind.fields(part["shown"], given),
            }
            for (index, part, kind, given), weight in zip(_with(shown["parts"], response), _weights(shown["parts"]), strict=True)
        ]

    def is_complete(self, shown: dict, response: Any) -> bool:
        return all(kind.is_complete(part["shown"], given) for _index, part, kind, given in _with(shown["parts"], response))

    def mark(self, key: Any, response: Any) -> Fraction | None:
        total = Fraction(0)
        for weight, share in self.mark_parts(key, response):
            if share is None:
                return None
            total += weight * share
        return total

    def mark_parts(self, key: Any, response: Any) -> list[tuple[Fraction, Fraction | None]]:
        shares = [kinds.mark(kind.key, part["key"], given) for _index, part, kind, given in _with(key["parts"], response)]
        return list(zip(_weights(key["parts"]), shares, strict=True))

    def for_person(self, shown: dict, key: Any, response: Any) -> list[ForPerson]:
        return [
            replace(one, part=index, material=shown["stem"])
            for index, part, kind, given in _with(shown["parts"], response)
            for one in kind.for_person(part["shown"], key["parts"][index]["key"], given)
        ]

    def said(self, shown: dict, response: Any) -> list[str]:
        return [
            f"（{index + 1}）{'；'.join(kind.said(part['shown'], given))}"
            for index, part, kind, given in _with(shown["parts"], response)
            if given is not None
        ]

    def explain(self, shown: dict, key: Any, response: Any) -> list[PartShown]:
        marked = self.mark_parts(key, response)
        return [
            PartShown(
                number=index + 1,
                kind=kind,
                stem=part["shown"]["stem"],
                weight=marked[index][0],
                share=marked[index][1],
                is_answered=given is not None,
                by_people=kind.by_people(part["shown"]),
                lines=kind.explain(part["shown"], key["parts"][index]["key"], given),
            )
            for index, part, kind, given in _with(shown["parts"], response)
        ]

    def by_people(self, shown: dict) -> bool:
        return any(kinds.of(part["kind"]).by_people(part["shown"]) for part in shown["parts"])

    def with_given(self, lines: list, given: Mapping[int, Given]) -> list:
        return [
            replace(line, share=given[index].share, lines=line.kind.with_given(line.lines, {0: given[index]})) if index in given else line
            for index, line in enumerate(lines)
        ]

    def analyse(self, shown: dict, key: Any, response: Any) -> list[str]:
        return [
            f"{index + 1}:{code}"
            for index, part, kind, given in _with(shown["parts"], response)
            for code in kinds.picked(kind.key, part["shown"], key["parts"][index]["key"], given)
        ]

    def picks(self, shown: dict, key: Any, mended: Any) -> list[Pick]:
        return [
            Pick(f"{number}:{pick.code}", pick.text, pick.is_right)
            for number, (part, one, two) in enumerate(zip(shown["parts"], key["parts"], mended["parts"], strict=True), start=1)
            for pick in kinds.of(part["kind"]).picks(part["shown"], one["key"], two["key"])
        ]

    def right(self, shown: dict, key: Any) -> Any:
        return {
            str(index): kind.right(part["shown"], key["parts"][index]["key"]) for index, part, kind, _given in _with(shown["parts"], None)
        }

    def wrong(self, shown: dict, key: Any) -> Any:
        return {
            str(index): kind.wrong(part["shown"], key["parts"][index]["key"]) for index, part, kind, _given in _with(shown["parts"], None)
        }

    def posted(self, shown: dict, data: Any, name: str) -> Any:
        return {
            str(index): kind.posted(part["shown"], data, f"{name}-{index}") for index, part, kind, _given in _with(shown["parts"], None)
        }


def _with(parts: list[dict], response: Any) -> Iterator[tuple[int, dict, ItemKind, Any]]:
    """(index, part, its kind, its response)."""
    given = response or {}
    return ((index, part, kinds.of(part["kind"]), given.get(str(index))) for index, part in enumerate(parts))


def _weights(parts: list[dict]) -> list[Fraction]:
    """The share of the whole that each part is worth."""
    points = [Fraction(part["points"]) for part in parts]
    return [one / sum(points) for one in points]


@contextmanager
def _part(index: int) -> Iterator[None]:
    """Says which question of the case is wrong."""
    try:
        yield
    except Wrong as wrong:
        raise Wrong(_("question %(number)d: %(reason)s") % {"number": index + 1, "reason": wrong}, wrong.field) from wrong


def _check_part(part: Any) -> None:
    if not isinstance(part, dict) or not isinstance(part.get("content"), dict) or not isinstance(part.get("kind"), str):
        raise Wrong(_("is not a question"))
    if _kind(part["kind"]).key != part["kind"]:
        raise Wrong(_("is not a question"))
    stem, points = part.get("stem"), part.get("points")
    if not isinstance(stem, str) or not stem.strip() or len(stem) > LONGEST_STEM:
        raise Wrong(_("needs a stem of at most %(limit)d characters") % {"limit": LONGEST_STEM}, _("stem"))
    if not isinstance(points, str) or not re.fullmatch(r"\d{1,3}(\.\d{1,2})?", points) or not Fraction(points):
        raise Wrong(_("needs points above 0"), _("points"))


def _kind(name: str) -> ItemKind:
    kind = kinds.named(name)
    if kind is None or kind is KIND:
        raise Wrong(_("“%(name)s” is no kind of question here") % {"name": name[:20]}, _("kind"))
    return kind


def _sections(lines: list[str]) -> list[tuple[str, str, list[str]]]:
    """(kind, points, lines) of each question."""
    sections: list[tuple[str, str, list[str]]] = []
    for line in lines:
        head = HEAD.match(line)
        if head:
            sections.append((head[1], head[2], []))
        elif sections:
            sections[-1][2].append(line)
        elif line:
            raise Wrong(_("begin each question with its kind and points: 【单选题 2分】"), _("answer"))
    return sections


def _guarded(line: str) -> str:
    """A line that is no head of a question."""
    return f"\\{line}" if re.match(r"\\*【", line) else line


def _unguarded(line: str) -> str:
    return line[1:] if re.match(r"\\+【", line) else line


KIND = Case()
