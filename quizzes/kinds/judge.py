"""True or false."""

import random
import unicodedata
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quizzes.kinds.base import Cells, ItemKind, Malformed, OnPaper, Pick, Shown, Wrong

YES = {"正确", "对", "是", "√", "true", "t", "1", "y", "yes", "right"}
NO = {"错误", "错", "否", "×", "x", "false", "f", "0", "n", "no", "wrong"}
CODES = {"true": "正确", "false": "错误"}


class Judge(ItemKind):
    """content {}; key true or false."""

    key = "judge"
    rank = 30
    label = gettext_lazy("True or false")
    names = ("判断", "是非")
    shape = "one"
    template = "quizzes/kinds/choice.html"
    result_template = "quizzes/results/options.html"
    hint = gettext_lazy("One line: 对 or 错.")
    sheet_hint = gettext_lazy("正确 or 错误, or the letter of the option that says so.")

    def check(self, stem: str, content: Any, key: Any) -> None:
        super().check(stem, content, key)
        if not isinstance(key, bool):
            raise Wrong(_("the answer must be right or wrong (正确 or 错误)"), _("answer"))

    def _truth(self, text: str) -> bool:
        folded = text.strip().lower()
        if folded in YES:
            return True
        if folded in NO:
            return False
        raise Wrong(_("“%(answer)s” is neither 正确 nor 错误") % {"answer": text[:20]}, _("answer"))

    def from_cells(self, cells: Cells) -> tuple[str, dict, Any]:
        words, answer = {text.lower() for text in cells.options.values()}, cells.answer
        if len(cells.options) == 2 and words & YES and words & NO:
            answer = cells.options.get(unicodedata.normalize("NFKC", answer).strip(" .、").upper(), answer)
        return cells.stem, {}, self._truth(answer)

    def to_cells(self, stem: str, content: Any, key: Any) -> Cells:
        return Cells(stem, {}, "正确" if key else "错误")

    def unread(self, cells: Cells, stem: str, content: Any, key: Any) -> list[str]:
        """Options that read 正确 and 错误 say nothing that the kind does not say."""
        return [letter for letter, text in sorted(cells.options.items()) if text.lower() not in YES | NO]

    def from_mapping(self, row: Mapping) -> tuple[dict, Any]:
        answer = row.get("answer")
        return {}, answer if isinstance(answer, bool) else self._truth(str(answer))

    def from_lines(self, lines: list[str]) -> tuple[dict, Any]:
        if len(lines) != 1:
            raise Wrong(_("write one line: 对 or 错"), _("answer"))
        return {}, self._truth(lines[0])

    def to_lines(self, content: Any, key: Any) -> list[str]:
        return ["对" if key else "错"]

    def lay_out(self, stem: str, content: Any, *, rng: random.Random, shuffle: bool) -> dict:
        return {"stem": stem}

    def tokened(self, shown: dict, content: Any, key: Any) -> dict:
        return {"right": "true" if key else "false"}

    def read(self, shown: dict, response: Any) -> Any:
        if response in (None, ""):
            return None
        if response not in ("true", "false"):
            raise Malformed("neither true nor false")
        return response

    def on_paper(self, content: Any, key: Any, *, rng: random.Random) -> OnPaper:
        return OnPaper(choices=["√", "×"], key=["√" if key else "×"])

    def fields(self, shown: dict, response: Any) -> list[dict]:
        return [
            {"token": "true", "text": _("True"), "type": "radio", "checked": response == "true"},
            {"token": "false", "text": _("False"), "type": "radio", "checked": response == "false"},
        ]

    def said(self, shown: dict, response: Any) -> list[str]:
        return [field["text"] for field in self.fields(shown, response) if field["checked"]]

    def mark(self, key: Any, response: Any) -> Fraction:
        return Fraction(int(response == key["right"]))

    def explain(self, shown: dict, key: Any, response: Any) -> list[Shown]:
        return [
            Shown("", field["text"], "", "", field["token"] == response, field["token"] == key["right"])
            for field in self.fields(shown, response)
        ]

    def analyse(self, shown: dict, key: Any, response: Any) -> list[str]:
        return [CODES[response]]

    def picks(self, shown: dict, key: Any, mended: Any) -> list[Pick]:
        return [Pick(CODES[token], text, token == mended["right"]) for token, text in (("true", _("True")), ("false", _("False")))]

    def right(self, shown: dict, key: Any) -> Any:
        return key["right"]

    def wrong(self, shown: dict, key: Any) -> Any:
        return "false" if key["right"] == "true" else "true"


KIND = Judge()
