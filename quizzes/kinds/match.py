"""Matching: each right pair earns its share, or all of them together."""

import random
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quizzes.kinds.base import (
    LETTERS,
    Cells,
    ItemKind,
    Malformed,
    OnPaper,
    Pick,
    Policy,
    Shown,
    Wrong,
    check_texts,
    guarded,
    in_tokens,
    lettered,
    parted,
    text_list,
    texts_of,
    tokens_of,
)

RIGHT_COLUMN = re.compile(r"^(.*?)(?<!\s)\s*右列[:：]\s*((?:(?!右列[:：]).)+)$", re.DOTALL)
NUMBERED = re.compile(r"^\s*(\d+)\s*[.．、)）]\s*(.+?)(?<!\s)\s*$", re.DOTALL)
PAIR = re.compile(r"^([A-J])\s*[-—–－=:：]\s*(\d+)$")
EQUALS, SEMICOLONS = "=＝", ";；"
PARTNERS = LETTERS + "KL"  # the right column on paper


class Match(ItemKind):
    """The right column may hold more than is used, and one of its texts may serve two lines.

    content {"left": [text], "right": [text]}; key {left: right}.
    """

    key = "match"
    rank = 80
    label = gettext_lazy("Matching")
    names = ("匹配", "连线", "配对")
    shape = "map"
    template = "quizzes/kinds/match.html"
    policies = {
        "pairs": Policy(
            gettext_lazy("a share for each pair"), gettext_lazy("Choose the partner of each line. Each right pair earns its share.")
        ),
        "exact": Policy(gettext_lazy("all or nothing"), gettext_lazy("Choose the partner of each line. All have to be right.")),
    }
    hint = gettext_lazy("One pair a line: left = right. A line that starts with = adds a partner that fits nothing.")
    sheet_hint = gettext_lazy("The options are the left column; the stem ends with 右列：1. …；2. …; the answer is written A-2；B-1.")

    def check(self, stem: str, content: Any, key: Any) -> None:
        super().check(stem, content, key)
        if not isinstance(content, dict):
            raise Wrong(_("there are no options"), _("options"))
        check_texts(content.get("left"), field=_("left column"))
        check_texts(content.get("right"), field=_("right column"), most=len(PARTNERS))
        if not isinstance(key, dict) or set(key) != set(content["left"]):
            raise Wrong(_("the answer must pair every line of the left column once"), _("answer"))
        for partner in key.values():
            if partner not in content["right"]:
                raise Wrong(_("“%(text)s” is not in the right column") % {"text": str(partner)[:40]}, _("answer"))

    def from_cells(self, cells: Cells) -> tuple[str, dict, Any]:
        found = RIGHT_COLUMN.match(cells.stem)
        if not found:
            raise Wrong(_("the stem must carry the right column: 右列：1. …；2. …"), _("stem"))
        numbered = {}
        for part in filter(None, parted(found.group(2), SEMICOLONS)):
            match = NUMBERED.match(part)
            if not match:
                raise Wrong(
                    _("cannot read “%(text)s” in the right column: write 右列：1. …；2. …") % {"text": part.strip()[:40]}, _("stem")
                )
            numbered[match.group(1)] = match.group(2)
        key = {}
        for part in re.split(r"[;；,，\s]+", cells.answer.upper()):
            if not part:
                continue
            pair = PAIR.match(part)
            if not pair:
                raise Wrong(_("cannot read “%(text)s”: pairs are written A-2；B-1") % {"text": part[:20]}, _("answer"))
            letter, number = pair.groups()
            if letter not in cells.options or number not in numbered:
                raise Wrong(_("“%(text)s” names something outside the two columns") % {"text": part}, _("answer"))
            if cells.options[letter] in key:
                raise Wrong(_("“%(text)s” is paired twice") % {"text": letter}, _("answer"))
            key[cells.options[letter]] = numbered[number]
        content = {"left": [cells.options[letter] for letter in sorted(cells.options)], "right": list(numbered.values())}
        stem = found.group(1).strip()
        self.check(stem, content, key)
        return stem, content, key

    def to_cells(self, stem: str, content: Any, key: Any) -> Cells:
        options = lettered(content["left"])
        numbers = {text: number for number, text in enumerate(content["right"], start=1)}
        column = "； ".join(f"{number}. {guarded(text, SEMICOLONS)}" for text, number in numbers.items())
        pairs = "；".join(f"{letter}-{numbers[key[text]]}" for letter, text in options.items())
        return Cells(f"{stem}\n右列：{column}", options, pairs)

    def from_mapping(self, row: Mapping) -> tuple[dict, Any]:
        answer = row.get("answer")
        if not isinstance(answer, Mapping):
            raise Wrong(_("the answer must pair every line of the left column once"), _("answer"))
        content = {"left": text_list(row.get("left")), "right": text_list(row.get("right"))}
        key = {str(left).strip(): str(right).strip() for left, right in answer.items()}
        self.check("", content, key)
        return content, key

    def from_lines(self, lines: list[str]) -> tuple[dict, Any]:
        key, extra = {}, []
        for line in lines:
            left, *rest = parted(line, EQUALS)
            right = " = ".join(rest)
            if not right:
                raise Wrong(_("“%(text)s” is no pair: write left = right") % {"text": line[:40]}, _("answer"))
            if left in key:
                raise Wrong(_("“%(text)s” is paired twice") % {"text": left[:40]}, _("answer"))
            if left:
                key[left] = right
            else:
                extra.append(right)
        content = {"left": list(key), "right": sorted({*key.values(), *extra})}
        self.check("", content, key)
        return content, key

    def to_lines(self, content: Any, key: Any) -> list[str]:
        pairs = [(left, key[left]) for left in content["left"]]
        spare = [("", text) for text in sorted(content["right"]) if text not in key.values()]
        return [f"{guarded(left, EQUALS)} = {guarded(right, EQUALS)}".strip() for left, right in [*pairs, *spare]]

    def lay_out(self, stem: str, content: Any, *, rng: random.Random, shuffle: bool) -> dict:
        return {
            "stem": stem,
            "left": in_tokens(content["left"], rng, shuffle=shuffle),
            "right": in_tokens(content["right"], rng, shuffle=True),  # pairs written side by side would tell the key by their places
        }

    def tokened(self, shown: dict, content: Any, key: Any) -> dict:
        left, right = tokens_of(shown["left"], content["left"]), tokens_of(shown["right"], content["right"])
        return {
            "pairs": {left[one]: right[two] for one, two in key.items()},
            "numbers": [
                {left[text]: number for number, text in enumerate(content["left"], start=1)},
                {right[text]: number for number, text in enumerate(content["right"], start=1)},
            ],
        }

    def on_paper(self, content: Any, key: Any, *, rng: random.Random) -> OnPaper:
        right = list(content["right"])
        rng.shuffle(right)
        letters = dict(zip(right, PARTNERS[: len(right)], strict=True))
        left = list(enumerate(content["left"], start=1))
        lines = [*(f"（{number}）{text}" for number, text in left), *(f"{letter}. {text}" for text, letter in letters.items())]
        return OnPaper(lines, blanks=len(left), key=["　".join(f"（{number}）{letters[key[text]]}" for number, text in left)])

    def read(self, shown: dict, response: Any) -> Any:
        if response in (None, "", {}):
            return None
        left, right = {o["token"] for o in shown["left"]}, {o["token"] for o in shown["right"]}
        if not isinstance(response, dict) or set(response) - left:
            raise Malformed("not pairs of these lines")
        pairs = {a: b for a, b in response.items() if b not in (None, "")}
        if not all(isinstance(b, str) and b in right for b in pairs.values()):
            raise Malformed("no such partner")
        return pairs or None

    def fields(self, shown: dict, response: Any) -> list[dict]:
        pairs = response or {}
        return [
            {**o, "partners": [(p["token"], p["text"], p["token"] == pairs.get(o["token"])) for p in shown["right"]]} for o in shown["left"]
        ]

    def said(self, shown: dict, response: Any) -> list[str]:
        pairs, right = response or {}, texts_of(shown["right"])
        return [f"{one['text']} — {right[pairs[one['token']]]}" for one in shown["left"] if one["token"] in pairs]

    def is_complete(self, shown: dict, response: Any) -> bool:
        return response is not None and len(response) == len(shown["left"])

    def mark(self, key: Any, response: Any) -> Fraction:
        found = sum(response.get(a) == b for a, b in key["pairs"].items())
        whole = len(key["pairs"])
        return Fraction(int(found == whole)) if self.policy_of(key) == "exact" else Fraction(found, whole)

    def explain(self, shown: dict, key: Any, response: Any) -> list[Shown]:
        texts, pairs = texts_of(shown["right"]), response or {}
        return [
            Shown(
                o["text"],
                "",
                texts.get(pairs.get(o["token"]), ""),
                texts[key["pairs"][o["token"]]],
                o["token"] in pairs,
                pairs.get(o["token"]) == key["pairs"][o["token"]],
            )
            for o in shown["left"]
        ]

    def analyse(self, shown: dict, key: Any, response: Any) -> list[str]:
        if "numbers" not in key:  # a paper from before there were codes
            return []
        left, right = key["numbers"]
        return sorted(f"{left[a]}-{right[b]}" for a, b in response.items())

    def picks(self, shown: dict, key: Any, mended: Any) -> list[Pick]:
        if "numbers" not in key:
            return []
        left, right = texts_of(shown["left"]), texts_of(shown["right"])
        return [
            Pick(f"{one}-{two}", f"{left[a]} = {right[b]}", mended["pairs"][a] == b)
            for a, one in key["numbers"][0].items()
            for b, two in key["numbers"][1].items()
        ]

    def right(self, shown: dict, key: Any) -> Any:
        return dict(key["pairs"])

    def wrong(self, shown: dict, key: Any) -> Any:
        right = [o["token"] for o in shown["right"]]
        return {a: next(token for token in right if token != b) for a, b in key["pairs"].items()}


KIND = Match()
