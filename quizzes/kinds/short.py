"""Short answer: a typed text against patterns, of which the best that fits counts."""

import random
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quizzes.kinds.base import LONGEST_TEXT, Cells, ItemKind, OnPaper, Shown, Wrong, clean_text, guarded, parted
from quizzes.kinds.fill import BARS
from quizzes.kinds.match import EQUALS
from quizzes.rules import decimal_text, normalise, number

MOST_PATTERNS = 20
LONGEST_CODE = 100


class Short(ItemKind):
    """content {}; key [{"pattern": "*主动公开*", "share": "1"}, …]. * stands for any text, \\* for the sign itself."""

    key = "short"
    rank = 90
    label = gettext_lazy("Short answer")
    names = ("简答", "短答")
    shape = "one"
    template = "quizzes/kinds/short.html"
    instruction = gettext_lazy("Answer in a few words. Full or half width, dashes and Chinese numerals make no difference.")
    hint = gettext_lazy("One accepted answer a line; * stands for any text, as in *主动公开*. An answer that earns a part: *公开* = 50%.")
    sheet_hint = gettext_lazy("Accepted answers with | between them; * stands for any text; one that earns a part is written *公开* = 50%.")

    def check(self, stem: str, content: Any, key: Any) -> None:
        super().check(stem, content, key)
        if not isinstance(key, list) or not 1 <= len(key) <= MOST_PATTERNS:
            raise Wrong(_("between %(least)d and %(most)d accepted answers are needed") % {"least": 1, "most": MOST_PATTERNS}, _("answer"))
        for entry in key:
            if not isinstance(entry, dict) or not isinstance(entry.get("pattern"), str) or not isinstance(entry.get("share"), str):
                raise Wrong(_("must be a list of texts"), _("answer"))
            pattern = entry["pattern"]
            if not any(_pieces(pattern)) or len(pattern) > LONGEST_TEXT or not _accepts(pattern, _literal(pattern)):
                raise Wrong(_("“%(text)s” fits no answer: it needs a text beside the *") % {"text": pattern[:40]}, _("answer"))
            share = number(entry["share"])
            if share is None or not 0 < share <= 1:
                raise Wrong(_("“%(text)s” is no share: above 0 %%, at most 100 %%") % {"text": entry["share"][:20]}, _("answer"))
        if all(number(entry["share"]) != 1 for entry in key):
            raise Wrong(_("one accepted answer must earn all"), _("answer"))

    def from_cells(self, cells: Cells) -> tuple[str, dict, Any]:
        content, key = self.from_lines([part for part in parted(cells.answer, BARS) if part])
        self.check(cells.stem, content, key)
        return cells.stem, content, key

    def to_cells(self, stem: str, content: Any, key: Any) -> Cells:
        return Cells(stem, {}, " | ".join(guarded(line, BARS) for line in self.to_lines(content, key)))

    def from_mapping(self, row: Mapping) -> tuple[dict, Any]:
        answer = row.get("answer")
        entries = answer if isinstance(answer, list) else [answer]
        key = [
            {"pattern": str(entry.get("pattern", "")).strip(), "share": str(entry.get("share", 1))}
            if isinstance(entry, Mapping)
            else {"pattern": str(entry).strip(), "share": "1"}
            for entry in entries
            if entry is not None
        ]
        self.check(str(row.get("stem", "")), {}, key)
        return {}, key

    def from_lines(self, lines: list[str]) -> tuple[dict, Any]:
        key = []
        for line in lines:
            pattern, *rest = parted(line, EQUALS)
            share = rest[0] if rest else "1"
            size = number(share.rstrip("%％"))
            if len(rest) > 1 or size is None:
                raise Wrong(_("“%(text)s” is no share: above 0 %%, at most 100 %%") % {"text": share[:20]}, _("answer"))
            key.append({"pattern": pattern, "share": decimal_text(size / 100 if share.endswith(("%", "％")) else size)})
        self.check("", {}, key)
        return {}, key

    def to_lines(self, content: Any, key: Any) -> list[str]:
        shares = [number(entry["share"]) or Fraction(0) for entry in key]
        return [
            guarded(entry["pattern"], EQUALS) + ("" if share == 1 else f" = {decimal_text(share * 100)}%")
            for entry, share in zip(key, shares, strict=True)
        ]

    def lay_out(self, stem: str, content: Any, *, rng: random.Random, shuffle: bool) -> dict:
        return {"stem": stem}

    def tokened(self, shown: dict, content: Any, key: Any) -> dict:
        return {"patterns": key}

    def on_paper(self, content: Any, key: Any, *, rng: random.Random) -> OnPaper:
        return OnPaper(rows=2, key=self.to_lines(content, key))

    def read(self, shown: dict, response: Any) -> Any:
        return clean_text(response or "", LONGEST_TEXT) or None

    def fields(self, shown: dict, response: Any) -> list[dict]:
        return [{"value": response or "", "longest": LONGEST_TEXT}]

    def said(self, shown: dict, response: Any) -> list[str]:
        return [response] if response else []

    def mark(self, key: Any, response: Any) -> Fraction:
        shares = [number(entry["share"]) or Fraction(0) for entry in key["patterns"] if _accepts(entry["pattern"], response)]
        return max(shares, default=Fraction(0))

    def explain(self, shown: dict, key: Any, response: Any) -> list[Shown]:
        accepted = " / ".join(entry["pattern"].replace("*", "…") for entry in key["patterns"] if number(entry["share"]) == 1)
        return [
            Shown(_("Answer"), "", response or "", accepted, response is not None, bool(response) and self.mark(key, response) == 1, True)
        ]

    def analyse(self, shown: dict, key: Any, response: Any) -> list[str]:
        return [normalise(response)[:LONGEST_CODE]]

    def right(self, shown: dict, key: Any) -> Any:
        return _literal(next(entry["pattern"] for entry in key["patterns"] if number(entry["share"]) == 1))

    def wrong(self, shown: dict, key: Any) -> Any:
        return "∅"


@lru_cache(maxsize=4096)
def _pieces(pattern: str, numerals: bool = True) -> tuple[str, ...]:
    return tuple(normalise(piece, numerals=numerals) for piece in parted(pattern, "*"))


def _literal(pattern: str) -> str:
    """A text that the pattern fits: its pieces, one after the other."""
    return "…".join(piece for piece in parted(pattern, "*") if piece)


def _accepts(pattern: str, response: Any) -> bool:
    """Whether a pattern fits an answer, with Chinese numerals read or, where a * cuts one in two (第十*条), as they stand."""
    return any(_fits(_pieces(pattern, numerals), normalise(response, numerals=numerals)) for numerals in (True, False))


def _fits(pieces: tuple[str, ...], text: str) -> bool:
    """Whether the pieces of a pattern stand in a normalised text in their order, the first at its beginning, the last at its end."""
    first, *others = pieces
    if not others:
        return text == first
    *middle, last = others
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


KIND = Short()
