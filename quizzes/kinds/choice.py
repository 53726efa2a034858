"""What single and multiple choice share."""

import random
import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from quizzes.kinds.base import LETTERS, Cells, ItemKind, Malformed, Shown, Wrong, check_texts, in_tokens


class Choice(ItemKind):
    """Options under letters in the bank, under tokens on a paper. The letters stay with the key: explanations name them."""

    template = "quizzes/kinds/choice.html"
    result_template = "quizzes/results/options.html"
    input_type: str

    def check(self, stem: str, content: Any, key: Any) -> None:
        options = content.get("options") if isinstance(content, dict) else None
        if not isinstance(options, dict):
            raise Wrong(_("there are no options"), _("options"))
        check_texts(list(options.values()), field=_("options"))
        if not isinstance(key, list) or not key:
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
        letters = list(re.sub(r"[\s,，、;；/]+", "", cells.answer.upper()))
        content, key = {"options": cells.options}, sorted(letters)
        expected = LETTERS[: len(cells.options)]
        if "".join(sorted(cells.options)) != expected:
            raise Wrong(_("there is a gap between the options"), _("options"))
        self.check(cells.stem, content, key)
        return cells.stem, content, key

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
            if line.startswith(("*", "＊")):
                key.append(letter)
                line = line[1:].strip()
            options[letter] = line
        content = {"options": options}
        self.check("", content, key)
        return content, key

    def to_lines(self, content: Any, key: Any) -> list[str]:
        return [f"{'* ' if letter in key else ''}{text}" for letter, text in sorted(content["options"].items())]

    def present(self, stem: str, content: Any, key: Any, *, rng: random.Random, shuffle: bool) -> tuple[dict, Any]:
        letters = sorted(content["options"])
        options, named = in_tokens([content["options"][letter] for letter in letters], rng, shuffle=shuffle)
        by_letter = {letter: named[content["options"][letter]] for letter in letters}
        return {"stem": stem, "options": options}, {
            "right": [by_letter[letter] for letter in sorted(key)],
            "letters": {token: letter for letter, token in by_letter.items()},
        }

    def fields(self, shown: dict, response: Any) -> list[dict]:
        chosen = set(self.chosen(response))
        return [{**option, "type": self.input_type, "checked": option["token"] in chosen} for option in shown["options"]]

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
