"""Drop-down cloze: blanks written ____ in the stem, each with a list to choose from."""

import random
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quizzes.kinds.base import (
    LETTERS,
    Cells,
    Malformed,
    OnPaper,
    Pick,
    Shown,
    Wrong,
    check_texts,
    guarded,
    in_tokens,
    parted,
    texts_of,
    tokens_of,
)
from quizzes.kinds.blanks import Blanks, policies
from quizzes.kinds.choice import star, starred
from quizzes.kinds.fill import BARS, SEMICOLONS
from quizzes.stems import BLANK, plain


class Cloze(Blanks):
    """content {"gaps": [[text, …], …]}; key [right text, …] by gap. Lists hold plain text: browsers draw nothing else in them."""

    key = "cloze"
    rank = 50
    label = gettext_lazy("Drop-down cloze")
    names = ("选词填空", "下拉填空", "完形填空")
    template = "quizzes/kinds/cloze.html"
    policies = policies(
        gettext_lazy("Choose for each blank; each right one earns its share."),
        gettext_lazy("Choose for each blank; all of them have to be right."),
    )
    hint = gettext_lazy(
        "One blank a line, in order: its choices with | between them, * before the right one. In the stem each blank is ____."
    )
    sheet_hint = gettext_lazy(
        "Blanks are ____ in the stem; option A holds the choices of the first blank with | between them, option B those of the second; "
        "the answer names the right choice of each blank, separated by ；."
    )

    def check(self, stem: str, content: Any, key: Any) -> None:
        super().check(stem, content, key)
        gaps = content.get("gaps") if isinstance(content, dict) else None
        if not isinstance(gaps, list) or not gaps or not isinstance(key, list) or len(key) != len(gaps):
            raise Wrong(_("each blank needs its choices and one right answer"), _("answer"))
        for number, (texts, right) in enumerate(zip(gaps, key, strict=True), start=1):
            field = _("Blank %(number)d") % {"number": number}
            check_texts(texts, field=field)
            if any(plain(text) != text for text in texts):
                raise Wrong(_("a list can hold neither formulas nor images, and each choice is one line"), field)
            if right not in texts:
                raise Wrong(_("“%(text)s” is not among its choices") % {"text": str(right)[:40]}, field)
        self.check_blanks(stem, len(gaps))

    def _made(self, stem: str, gaps: list[list[str]], key: list[str]) -> tuple[dict, Any]:
        content = {"gaps": gaps}
        self.check(stem, content, key)
        return content, key

    def from_cells(self, cells: Cells) -> tuple[str, dict, Any]:
        gaps = [parted(cells.options[letter], BARS) for letter in sorted(cells.options)]
        return cells.stem, *self._made(cells.stem, gaps, parted(cells.answer, SEMICOLONS))

    def to_cells(self, stem: str, content: Any, key: Any) -> Cells:
        options = {
            letter: " | ".join(guarded(text, BARS) for text in texts) for letter, texts in zip(LETTERS, content["gaps"], strict=False)
        }
        return Cells(stem, options, "； ".join(guarded(text, SEMICOLONS) for text in key))

    def from_mapping(self, row: Mapping) -> tuple[dict, Any]:
        gaps, answer = row.get("gaps"), row.get("answer")
        if not isinstance(gaps, list) or not isinstance(answer, list) or not all(isinstance(texts, list) for texts in gaps):
            raise Wrong(_("each blank needs its choices and one right answer"), _("answer"))
        texts = [[str(text).strip() for text in texts] for texts in gaps]
        return self._made(str(row.get("stem", "")), texts, [str(text).strip() for text in answer])

    def from_lines(self, lines: list[str]) -> tuple[dict, Any]:
        gaps, key = [], []
        for number, line in enumerate(lines, start=1):
            choices = [starred(part) for part in parted(line, BARS)]
            right = [text for text, is_right in choices if is_right]
            if len(right) != 1:
                raise Wrong(_("mark exactly one choice with *"), _("Blank %(number)d") % {"number": number})
            gaps.append([text for text, _is_right in choices])
            key += right
        return {"gaps": gaps}, key

    def to_lines(self, content: Any, key: Any) -> list[str]:
        return [
            " | ".join(guarded(star(text, text == right), BARS) for text in texts)
            for texts, right in zip(content["gaps"], key, strict=True)
        ]

    def lay_out(self, stem: str, content: Any, *, rng: random.Random, shuffle: bool) -> dict:
        gaps = [in_tokens(texts, rng, shuffle=shuffle) for texts in content["gaps"]]
        return {"stem": stem, "parts": BLANK.split(stem), "gaps": gaps}

    def tokened(self, shown: dict, content: Any, key: Any) -> dict:
        if len(content["gaps"]) != len(shown["gaps"]):
            raise Wrong(_("the number of blanks is no longer that which was shown"))
        named = [tokens_of(entries, texts) for entries, texts in zip(shown["gaps"], content["gaps"], strict=True)]
        return {
            "right": [tokens[text] for tokens, text in zip(named, key, strict=True)],
            "letters": [
                {tokens[text]: letter for letter, text in zip(LETTERS, texts, strict=False)}
                for tokens, texts in zip(named, content["gaps"], strict=True)
            ],
        }

    def read(self, shown: dict, response: Any) -> Any:
        if response in (None, "", []):
            return None
        if not isinstance(response, list) or len(response) != len(shown["gaps"]):
            raise Malformed("not a choice for each blank")
        chosen = [token or "" for token in response]
        for token, entries in zip(chosen, shown["gaps"], strict=True):
            if not isinstance(token, str) or (token and all(entry["token"] != token for entry in entries)):
                raise Malformed("no such choice")
        return chosen if any(chosen) else None

    def on_paper(self, content: Any, key: Any, *, rng: random.Random) -> OnPaper:
        lettered = [dict(zip(texts, LETTERS, strict=False)) for texts in content["gaps"]]
        lines = [
            f"（{number}）" + "　".join(f"{letter}. {text}" for text, letter in letters.items())
            for number, letters in enumerate(lettered, start=1)
        ]
        right = [f"（{number}）{letters[text]}" for number, (letters, text) in enumerate(zip(lettered, key, strict=True), start=1)]
        return OnPaper(lines, blanks=len(key), key=["　".join(right)])

    def fields(self, shown: dict, response: Any) -> list[dict]:
        parts, given = shown["parts"], response or [""] * len(shown["gaps"])
        drawn = [
            {
                "text": part,
                "number": number,
                "is_blank": True,
                "choices": [(entry["token"], entry["text"], entry["token"] == token) for entry in entries],
            }
            for number, (part, entries, token) in enumerate(zip(parts, shown["gaps"], given, strict=False), start=1)
        ]
        return [*drawn, {"text": parts[-1], "number": 0, "is_blank": False, "choices": []}]

    def filled(self, shown: dict, response: list[str]) -> list[str]:
        return [texts_of(entries).get(token, "") for entries, token in zip(shown["gaps"], response, strict=True)]

    def outcome(self, key: Any, response: Any) -> list[bool]:
        return [token == right for token, right in zip(response, key["right"], strict=True)]

    def explain(self, shown: dict, key: Any, response: Any) -> list[Shown]:
        given, texts = response or [""] * len(key["right"]), [texts_of(entries) for entries in shown["gaps"]]
        return self.lines(
            [named.get(token, "") for named, token in zip(texts, given, strict=True)],
            [named[token] for named, token in zip(texts, key["right"], strict=True)],
            self.outcome(key, given),
            is_typed=False,
        )

    def analyse(self, shown: dict, key: Any, response: Any) -> list[str]:
        return [
            f"{number}:{letters[token]}" for number, (letters, token) in enumerate(zip(key["letters"], response, strict=True), 1) if token
        ]

    def picks(self, shown: dict, key: Any, mended: Any) -> list[Pick]:
        return [
            Pick(f"{number}:{letter}", texts_of(entries)[token], token == right)
            for number, (entries, letters, right) in enumerate(zip(shown["gaps"], key["letters"], mended["right"], strict=True), start=1)
            for token, letter in letters.items()
        ]

    def right(self, shown: dict, key: Any) -> Any:
        return list(key["right"])

    def wrong(self, shown: dict, key: Any) -> Any:
        return [
            next(entry["token"] for entry in entries if entry["token"] != right)
            for entries, right in zip(shown["gaps"], key["right"], strict=True)
        ]


KIND = Cloze()
