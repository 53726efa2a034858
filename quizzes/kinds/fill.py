"""Fill in: blanks written ____ in the stem, each with the spellings that are accepted."""

import random
import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quizzes.kinds.base import LONGEST_TEXT, Cells, Malformed, OnPaper, Pick, Shown, Wrong, clean_text, guarded, parted
from quizzes.kinds.blanks import Blanks, policies
from quizzes.rules import normalise
from quizzes.stems import BLANK

BARS, SEMICOLONS = "|｜", ";；"
BRACKETS = re.compile(r"(?:(?<![A-Za-z0-9_])\(|（)\s*[)）]")  # not those of main()


class Fill(Blanks):
    """content {"blanks": n}; key [[accepted, …], …] by blank."""

    key = "fill"
    rank = 40
    label = gettext_lazy("Fill in")
    names = ("填空",)
    template = "quizzes/kinds/fill.html"
    policies = policies(
        gettext_lazy(
            "Fill in the blanks; each right one earns its share. Full or half width, dashes and Chinese numerals make no difference."
        ),
        gettext_lazy(
            "Fill in the blanks; all of them have to be right. Full or half width, dashes and Chinese numerals make no difference."
        ),
    )
    hint = gettext_lazy("One blank a line, in order; | between accepted answers. In the stem each blank is written ____.")
    sheet_hint = gettext_lazy(
        "Blanks are ____ in the stem, or empty brackets （　）; answers of different blanks are separated by ；, accepted spellings of one by |."
    )

    def check(self, stem: str, content: Any, key: Any) -> None:
        super().check(stem, content, key)
        if not isinstance(key, list) or not key:
            raise Wrong(_("no right answer is given"), _("answer"))
        for accepted in key:
            if not isinstance(accepted, list) or not accepted or not all(isinstance(text, str) and normalise(text) for text in accepted):
                raise Wrong(_("a blank has no answer"), _("answer"))
            if any(len(text) > LONGEST_TEXT for text in accepted):
                raise Wrong(_("one is longer than %(limit)d characters") % {"limit": LONGEST_TEXT}, _("answer"))
        self.check_blanks(stem, len(key))

    def _made(self, stem: str, key: list[list[str]]) -> tuple[dict, Any]:
        content = {"blanks": len(key)}
        self.check(stem, content, key)
        return content, key

    def from_cells(self, cells: Cells) -> tuple[str, dict, Any]:
        key = [_alternatives(part) for part in parted(cells.answer, SEMICOLONS)]
        stem = cells.stem if BLANK.search(cells.stem) else BRACKETS.sub("____", cells.stem)
        return stem, *self._made(stem, key)

    def to_cells(self, stem: str, content: Any, key: Any) -> Cells:
        return Cells(stem, {}, "； ".join(guarded(line, SEMICOLONS) for line in self.to_lines(content, key)))

    def reworded(self, cells: Cells, stem: str) -> str:
        return "" if stem == cells.stem else _("The empty brackets in the stem are taken as blanks and written ____.")

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
        return [" | ".join(guarded(text, BARS) for text in accepted) for accepted in key]

    def lay_out(self, stem: str, content: Any, *, rng: random.Random, shuffle: bool) -> dict:
        return {"stem": stem, "parts": BLANK.split(stem)}

    def tokened(self, shown: dict, content: Any, key: Any) -> dict:
        if len(key) != len(shown["parts"]) - 1:
            raise Wrong(_("the number of blanks is no longer that which was shown"))
        return {"accepted": key}

    def read(self, shown: dict, response: Any) -> Any:
        if response is None or response == "":
            return None
        blanks = len(shown["parts"]) - 1
        if not isinstance(response, list) or len(response) != blanks:
            raise Malformed(f"not a list of {blanks} texts")
        texts = [clean_text(text, LONGEST_TEXT) for text in response]
        return texts if any(texts) else None

    def on_paper(self, content: Any, key: Any, *, rng: random.Random) -> OnPaper:
        return OnPaper(blanks=len(key), key=[f"（{number}）{' / '.join(accepted)}" for number, accepted in enumerate(key, start=1)])

    def fields(self, shown: dict, response: Any) -> list[dict]:
        parts, given = shown["parts"], response or []
        return [
            {"text": part, "number": index + 1, "is_blank": index + 1 < len(parts), "value": given[index] if index < len(given) else ""}
            for index, part in enumerate(parts)
        ]

    def outcome(self, key: Any, response: Any) -> list[bool]:
        return [_is_right(texts, given) for texts, given in zip(key["accepted"], response, strict=True)]

    def explain(self, shown: dict, key: Any, response: Any) -> list[Shown]:
        given = response or [""] * len(key["accepted"])
        return self.lines(given, [" / ".join(texts) for texts in key["accepted"]], self.outcome(key, given), is_typed=True)

    def analyse(self, shown: dict, key: Any, response: Any) -> list[str]:
        return [f"{number}:{normalise(text)}" for number, text in enumerate(response, start=1) if text]

    def picks(self, shown: dict, key: Any, mended: Any) -> list[Pick]:
        return [
            Pick(f"{number}:{folded}", folded, True)
            for number, accepted in enumerate(mended["accepted"], start=1)
            for folded in dict.fromkeys(map(normalise, accepted))
        ]

    def right(self, shown: dict, key: Any) -> Any:
        return [accepted[0] for accepted in key["accepted"]]

    def wrong(self, shown: dict, key: Any) -> Any:
        return ["不清楚"] * len(key["accepted"])


def _alternatives(text: str) -> list[str]:
    return [part for part in parted(text, BARS) if part]


def _is_right(accepted: list[str], given: str) -> bool:
    folded = normalise(given)
    return bool(folded) and any(normalise(text) == folded for text in accepted)


KIND = Fill()
