"""Fill in: blanks written ____ in the stem; each right one earns its share."""

import random
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quizzes.kinds.base import LONGEST_TEXT, Cells, ItemKind, Malformed, Shown, Wrong
from quizzes.rules import normalise

BLANK = re.compile(r"[_＿]{2,}")


class Fill(ItemKind):
    key = "fill"
    label = gettext_lazy("Fill in")
    names = frozenset({"填空"})
    shape = "list"
    template = "quizzes/kinds/fill.html"
    stem_in_fields = True
    instruction = gettext_lazy("Fill in the blanks. Full or half width, dashes and Chinese numerals make no difference.")
    hint = gettext_lazy("One blank a line, in order; | between accepted answers. In the stem each blank is written ____.")

    def check(self, stem: str, content: Any, key: Any) -> None:
        if not isinstance(key, list) or not key:
            raise Wrong(_("no right answer is given"), _("answer"))
        for accepted in key:
            if not isinstance(accepted, list) or not accepted or not all(isinstance(text, str) and normalise(text) for text in accepted):
                raise Wrong(_("a blank has no answer"), _("answer"))
            if any(len(text) > LONGEST_TEXT for text in accepted):
                raise Wrong(_("one is longer than %(limit)d characters") % {"limit": LONGEST_TEXT}, _("answer"))
        blanks = len(BLANK.findall(stem))
        if blanks != len(key):
            raise Wrong(
                _("the stem has %(blanks)d blanks (____), but there are %(answers)d answers") % {"blanks": blanks, "answers": len(key)},
                _("answer"),
            )
        if len(key) > 10:
            raise Wrong(_("at most %(limit)d blanks") % {"limit": 10}, _("answer"))

    def _made(self, stem: str, key: list[list[str]]) -> tuple[dict, Any]:
        content = {"blanks": len(key)}
        self.check(stem, content, key)
        return content, key

    def from_cells(self, cells: Cells) -> tuple[str, dict, Any]:
        key = [_alternatives(part) for part in re.split(r"[;；]", cells.answer)]
        return cells.stem, *self._made(cells.stem, key)

    def from_mapping(self, row: Mapping) -> tuple[dict, Any]:
        answer = row.get("answer")
        if not isinstance(answer, list):
            raise Wrong(_("must be a list of texts"), _("answer"))
        key = [[str(text).strip() for text in (part if isinstance(part, list) else [part])] for part in answer]
        return self._made(str(row.get("stem", "")), key)

    def from_lines(self, lines: list[str]) -> tuple[dict, Any]:
        key = [_alternatives(line) for line in lines]
        if not key or not all(key):
            raise Wrong(_("no right answer is given"), _("answer"))
        return {"blanks": len(key)}, key

    def to_lines(self, content: Any, key: Any) -> list[str]:
        return [" | ".join(accepted) for accepted in key]

    def present(self, stem: str, content: Any, key: Any, *, rng: random.Random, shuffle: bool) -> tuple[dict, Any]:
        return {"stem": stem, "parts": BLANK.split(stem)}, {"accepted": key}

    def read(self, shown: dict, response: Any) -> Any:
        if response is None or response == "":
            return None
        blanks = len(shown["parts"]) - 1
        if not isinstance(response, list) or len(response) != blanks or not all(isinstance(text, str) for text in response):
            raise Malformed(f"not a list of {blanks} texts")
        if any(len(text) > LONGEST_TEXT for text in response):
            raise Malformed("too long")
        # A NUL cannot be kept by every database and nobody types one.
        texts = [text.replace("\x00", "").strip() for text in response]
        return texts if any(texts) else None

    def fields(self, shown: dict, response: Any) -> list[dict]:
        parts, given = shown["parts"], response or []
        return [
            {"text": part, "number": index + 1, "is_blank": index + 1 < len(parts), "value": given[index] if index < len(given) else ""}
            for index, part in enumerate(parts)
        ]

    def is_complete(self, shown: dict, response: Any) -> bool:
        return response is not None and all(response)

    def mark(self, key: Any, response: Any) -> Fraction:
        accepted = key["accepted"]
        right = sum(_is_right(texts, given) for texts, given in zip(accepted, response, strict=True))
        return Fraction(right, len(accepted))

    def explain(self, shown: dict, key: Any, response: Any) -> list[Shown]:
        given = response or [""] * len(key["accepted"])
        return [
            Shown(_("Blank %(number)d") % {"number": number}, "", own, " / ".join(texts), bool(own), _is_right(texts, own))
            for number, (texts, own) in enumerate(zip(key["accepted"], given, strict=True), start=1)
        ]

    def right(self, shown: dict, key: Any) -> Any:
        return [accepted[0] for accepted in key["accepted"]]

    def wrong(self, shown: dict, key: Any) -> Any:
        return ["不清楚"] * len(key["accepted"])


def _alternatives(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[|｜]", text) if part.strip()]


def _is_right(accepted: list[str], given: str) -> bool:
    folded = normalise(given)
    return bool(folded) and any(normalise(text) == folded for text in accepted)


KIND = Fill()
