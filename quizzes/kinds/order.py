"""Ordering: every step in its place, or a share for each pair that follows each other rightly."""

import random
import re
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
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
    in_tokens,
    lettered,
    text_list,
    texts_of,
    tokens_of,
)


class Order(ItemKind):
    """A response says the place (1, 2, …) of each step, so that half a thought is kept as it is.

    content {"items": [text]}; key [text in the right order].
    """

    key = "order"
    rank = 70
    label = gettext_lazy("Ordering")
    names = ("排序",)
    shape = "map"
    template = "quizzes/kinds/order.html"
    policies = {
        "exact": Policy(gettext_lazy("all or nothing"), gettext_lazy("Give every line its place. All have to be right.")),
        "pairs": Policy(
            gettext_lazy("a share for each pair of neighbours"),
            gettext_lazy(
                "Give every line its place. Each two lines that follow each other rightly earn a share; "
                "a place given to several lines counts for none of them."
            ),
        ),
    }
    hint = gettext_lazy("One step a line, in the right order.")
    sheet_hint = gettext_lazy("The letters in the right order, as in BDEAC.")

    def check(self, stem: str, content: Any, key: Any) -> None:
        super().check(stem, content, key)
        items = content.get("items") if isinstance(content, dict) else None
        check_texts(items, field=_("steps"))
        if not isinstance(key, list) or sorted(map(str, key)) != sorted(items or []):
            raise Wrong(_("the right order does not hold the same steps"), _("answer"))

    def from_cells(self, cells: Cells) -> tuple[str, dict, Any]:
        letters = list(re.sub(r"[\s,，、;；>→-]+", "", cells.answer.upper()))
        for letter in letters:
            if letter not in cells.options:
                raise Wrong(
                    _("“%(letter)s” is not among the options %(options)s") % {"letter": letter, "options": "".join(sorted(cells.options))},
                    _("answer"),
                )
        if sorted(letters) != sorted(cells.options):
            raise Wrong(_("the answer must name every option once"), _("answer"))
        content = {"items": [cells.options[letter] for letter in sorted(cells.options)]}
        key = [cells.options[letter] for letter in letters]
        self.check(cells.stem, content, key)
        return cells.stem, content, key

    def to_cells(self, stem: str, content: Any, key: Any) -> Cells:
        options = lettered(content["items"])
        by_text = {text: letter for letter, text in options.items()}
        return Cells(stem, options, "".join(by_text[text] for text in key))

    def from_mapping(self, row: Mapping) -> tuple[dict, Any]:
        content, key = {"items": text_list(row.get("items"))}, text_list(row.get("answer"))
        self.check("", content, key)
        return content, key

    def from_lines(self, lines: list[str]) -> tuple[dict, Any]:
        content = {"items": sorted(lines)}
        self.check("", content, lines)
        return content, lines

    def to_lines(self, content: Any, key: Any) -> list[str]:
        return list(key)

    def lay_out(self, stem: str, content: Any, *, rng: random.Random, shuffle: bool) -> dict:
        # Always shuffled: the bank may hold the steps in their right order.
        return {"stem": stem, "items": in_tokens(content["items"], rng, shuffle=True)}

    def tokened(self, shown: dict, content: Any, key: Any) -> dict:
        named = tokens_of(shown["items"], content["items"])
        return {"order": [named[text] for text in key]}

    def disarrange(self, shown: dict, kept: dict, *, rng: random.Random) -> None:
        while len(shown["items"]) > 2 and [item["token"] for item in shown["items"]] == kept["order"]:
            rng.shuffle(shown["items"])

    def on_paper(self, content: Any, key: Any, *, rng: random.Random) -> OnPaper:
        items = list(content["items"])
        rng.shuffle(items)
        letters = dict(zip(items, LETTERS, strict=False))
        return OnPaper([f"{letter}. {text}" for text, letter in letters.items()], key=["".join(letters[text] for text in key)])

    def read(self, shown: dict, response: Any) -> Any:
        if response in (None, "", {}):
            return None
        known = {item["token"] for item in shown["items"]}
        if not isinstance(response, dict) or set(response) - known:
            raise Malformed("not places of these steps")
        places = {}
        for token, place in response.items():
            if place in (None, ""):
                continue
            if (
                isinstance(place, bool)
                or not isinstance(place, int | str)
                or not str(place).isdecimal()
                or len(str(place)) > 3
                or not 1 <= int(place) <= len(known)
            ):
                raise Malformed("no such place")
            places[token] = int(place)
        return places or None

    def fields(self, shown: dict, response: Any) -> list[dict]:
        places, count = response or {}, len(shown["items"])
        return [
            {**item, "places": [(place, place == places.get(item["token"])) for place in range(1, count + 1)]} for item in shown["items"]
        ]

    def said(self, shown: dict, response: Any) -> list[str]:
        texts = texts_of(shown["items"])
        return [f"{place}. {texts[token]}" for token, place in sorted((response or {}).items(), key=lambda pair: pair[1])]

    def is_complete(self, shown: dict, response: Any) -> bool:
        return response is not None and sorted(response.values()) == list(range(1, len(shown["items"]) + 1))

    def mark(self, key: Any, response: Any) -> Fraction:
        if self.policy_of(key) == "exact":
            return Fraction(int(response == self.right({}, key)))
        # A place that several steps have tells of none of them what it follows: 1, 2, 1, 2 … would earn half of all pairs blindly.
        given = Counter(response.values())
        alone = {step: place for step, place in response.items() if given[place] == 1}
        following = [one in alone and alone.get(two) == alone[one] + 1 for one, two in pairwise(key["order"])]
        return Fraction(sum(following), len(following))

    def explain(self, shown: dict, key: Any, response: Any) -> list[Shown]:
        texts, places = texts_of(shown["items"]), response or {}
        return [
            Shown(str(place), texts[token], str(places.get(token, "")), str(place), token in places, places.get(token) == place)
            for place, token in enumerate(key["order"], start=1)
        ]

    def analyse(self, shown: dict, key: Any, response: Any) -> list[str]:
        """The order that was given, in letters of the right order; a step without a place is left out."""
        letters = dict(zip(key["order"], LETTERS, strict=False))
        return ["".join(letters[token] for token in sorted(response, key=lambda token: (response[token], letters[token])))]

    def picks(self, shown: dict, key: Any, mended: Any) -> list[Pick]:
        letters, texts = dict(zip(key["order"], LETTERS, strict=False)), texts_of(shown["items"])
        return [Pick("".join(letters[token] for token in mended["order"]), " → ".join(texts[token] for token in mended["order"]), True)]

    def right(self, shown: dict, key: Any) -> Any:
        return {token: place for place, token in enumerate(key["order"], start=1)}

    def wrong(self, shown: dict, key: Any) -> Any:
        return {token: place for place, token in enumerate(reversed(key["order"]), start=1)}


KIND = Order()
