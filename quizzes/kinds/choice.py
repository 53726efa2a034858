"""What single and multiple choice share."""

import random
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quizzes.kinds.base import LETTERS, Cells, ItemKind, Malformed, OnPaper, Pick, Shown, Wrong, check_texts, in_tokens, texts_of, tokens_of

STARS = ("*", "＊")
GUARDED = re.compile(r"\\+[*＊]")


class Choice(ItemKind):
    """Options under letters in the bank, under tokens on a paper. The letters stay with the key: explanations name them.

    content {"options": {"A": text}}; key ["A", "C"].
    """

    template = "quizzes/kinds/choice.html"
    result_template = "quizzes/results/options.html"
    sheet_hint = gettext_lazy("The letters of the right options, as in ABC.")
    input_type: str

    def check(self, stem: str, content: Any, key: Any) -> None:
        super().check(stem, content, key)
        options = content.get("options") if isinstance(content, dict) else None
        if not isinstance(options, dict):
            raise Wrong(_("there are no options"), _("options"))
        check_texts(list(options.values()), field=_("options"))
        if not isinstance(key, list) or not key or not all(isinstance(letter, str) for letter in key):
            raise Wrong(_("no right answer is given"), _("answer"))
        for letter in key:
            if letter not in options:
                raise Wrong(
                    _("“%(letter)s” is not among the options %(options)s") % {"letter": letter, "options": "".join(sorted(options))},
                    _("answer"),
                )
        if len(set(key)) != len(key):
            raise Wrong(_("an option is named twice"), _("answer"))

    def from_cells(self, cells: Cells) -> tuple[str, dict, Any]:
        letters = list(re.sub(r"[\s,，、;；/]+", "", unicodedata.normalize("NFKC", cells.answer).upper()))
        content, key = {"options": cells.options}, sorted(letters)
        expected = LETTERS[: len(cells.options)]
        if "".join(sorted(cells.options)) != expected:
            raise Wrong(_("there is a gap between the options"), _("options"))
        self.check(cells.stem, content, key)
        return cells.stem, content, key

    def to_cells(self, stem: str, content: Any, key: Any) -> Cells:
        return Cells(stem, dict(content["options"]), "".join(key))

    def from_mapping(self, row: Mapping) -> tuple[dict, Any]:
        options = row.get("options")
        if not isinstance(options, Mapping):
            raise Wrong(_("there are no options"), _("options"))
        answer = row.get("answer")
        answer = answer if isinstance(answer, list) else [answer] if answer is not None else []
        content = {"options": {str(letter): str(text).strip() for letter, text in options.items()}}
        key = sorted(str(letter) for letter in answer)
        self.check(str(row.get("stem", "")), content, key)
        return content, key

    def from_lines(self, lines: list[str]) -> tuple[dict, Any]:
        options, key = {}, []
        if len(lines) > len(LETTERS):
            raise Wrong(_("at most %(limit)d options") % {"limit": len(LETTERS)}, _("options"))
        for letter, line in zip(LETTERS, lines, strict=False):
            text, is_right = starred(line)
            if is_right:
                key.append(letter)
            options[letter] = text
        content = {"options": options}
        self.check("", content, key)
        return content, key

    def to_lines(self, content: Any, key: Any) -> list[str]:
        return [star(text, letter in key) for letter, text in sorted(content["options"].items())]

    def lay_out(self, stem: str, content: Any, *, rng: random.Random, shuffle: bool) -> dict:
        texts = [text for _letter, text in sorted(content["options"].items())]
        return {"stem": stem, "options": in_tokens(texts, rng, shuffle=shuffle)}

    def tokened(self, shown: dict, content: Any, key: Any) -> dict:
        named = tokens_of(shown["options"], content["options"].values())
        by_letter = {letter: named[text] for letter, text in sorted(content["options"].items())}
        return {
            "right": [by_letter[letter] for letter in sorted(key)],
            "letters": {token: letter for letter, token in by_letter.items()},
        }

    def amend(self, content: Any, mended: Any, key: Any) -> tuple[Any, Any]:
        letters = {text: letter for letter, text in content["options"].items()}
        return content, sorted(letters[mended["options"][letter]] for letter in key)

    def on_paper(self, content: Any, key: Any, *, rng: random.Random) -> OnPaper:
        options = sorted(content["options"].items())
        return OnPaper([f"{letter}. {text}" for letter, text in options], [letter for letter, _text in options], key=["".join(sorted(key))])

    def fields(self, shown: dict, response: Any) -> list[dict]:
        chosen = set(self.chosen(response))
        return [{**option, "type": self.input_type, "checked": option["token"] in chosen} for option in shown["options"]]

    def said(self, shown: dict, response: Any) -> list[str]:
        chosen = set(self.chosen(response))
        return [option["text"] for option in shown["options"] if option["token"] in chosen]

    def chosen(self, response: Any) -> list[str]:
        """The tokens in a response."""
        return [] if response is None else list(response)

    def known(self, shown: dict, token: Any) -> str:
        if not isinstance(token, str) or all(option["token"] != token for option in shown["options"]):
            raise Malformed(f"unknown option {token!r}")
        return token

    def explain(self, shown: dict, key: Any, response: Any) -> list[Shown]:
        chosen, letters = set(self.chosen(response)), key["letters"]
        lines = [Shown(letters[o["token"]], o["text"], "", "", o["token"] in chosen, o["token"] in key["right"]) for o in shown["options"]]
        return sorted(lines, key=lambda line: line.label)

    def analyse(self, shown: dict, key: Any, response: Any) -> list[str]:
        return sorted(key["letters"][token] for token in self.chosen(response))

    def picks(self, shown: dict, key: Any, mended: Any) -> list[Pick]:
        texts = texts_of(shown["options"])
        return sorted((Pick(letter, texts[token], token in mended["right"]) for token, letter in key["letters"].items()), key=_code)


def _code(pick: Pick) -> str:
    return pick.code


def starred(line: str) -> tuple[str, bool]:
    r"""(text, whether a * marks it as right); \* at the beginning is text."""
    if line.startswith(STARS):
        return line[1:].strip(), True
    return line[1:] if GUARDED.match(line) else line, False


def star(text: str, is_right: bool) -> str:
    """The line that `starred` reads."""
    if is_right:
        return f"* {text}"
    return f"\\{text}" if text.startswith(STARS) or GUARDED.match(text) else text
