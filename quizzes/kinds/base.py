"""What every kind of question does. Pure: texts and numbers in, texts and numbers out."""

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _

LETTERS = "ABCDEFGHIJ"
LONGEST_TEXT = 500
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


class Wrong(ValueError):
    """Content or key of a question breaks a rule of its kind; the message says which, for the person."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Malformed(ValueError):
    """A response that this item cannot have: tokens of another paper, a wrong shape."""


@dataclass(frozen=True)
class Cells:
    """A row of a question file as text: stem, option texts by letter (without blanks), the answer column."""

    stem: str
    options: dict[str, str]
    answer: str


@dataclass(frozen=True)
class Shown:
    """One line of the result page: what was asked, what was answered, what is right."""

    label: str
    text: str
    own: str
    right: str
    is_chosen: bool
    is_right: bool  # for an option: it belongs to the key; else: the answer on this line is right


class ItemKind(ABC):
    """One kind of question.

    `content` and `key` are what the bank keeps (see models.Question). `present` turns them into what
    a paper keeps: `shown`, which goes to the browser, and a key in the same tokens, which does not.
    A response is JSON in one of four shapes, so that page and script need not know kinds:
    one (a token), many (list of tokens), list (texts in order), map (token → value).
    """

    key: str
    label: Any
    names: frozenset[str] = frozenset()
    shape: str
    template: str
    stem_in_fields: bool = False  # the template draws the stem itself
    result_template: str = "quizzes/results/rows.html"
    instruction: Any = ""
    hint: Any = ""  # for the trainer: how to write the answer lines

    # ---- the bank

    @abstractmethod
    def check(self, stem: str, content: Any, key: Any) -> None:
        """Raises: Wrong, with the first rule that is broken."""

    @abstractmethod
    def from_cells(self, cells: Cells) -> tuple[str, dict, Any]:
        """(stem, content, key) of a spreadsheet row. Raises: Wrong."""

    @abstractmethod
    def from_mapping(self, row: Mapping) -> tuple[dict, Any]:
        """(content, key) of a row of a question file in YAML. Raises: Wrong."""

    @abstractmethod
    def from_lines(self, lines: list[str]) -> tuple[dict, Any]:
        """(content, key) of what a trainer wrote, one line each. Raises: Wrong."""

    @abstractmethod
    def to_lines(self, content: Any, key: Any) -> list[str]:
        """The lines that `from_lines` reads back to the same question."""

    # ---- the paper

    @abstractmethod
    def present(self, stem: str, content: Any, key: Any, *, rng: random.Random, shuffle: bool) -> tuple[dict, Any]:
        """(shown, key in tokens) for one paper."""

    @abstractmethod
    def read(self, shown: dict, response: Any) -> Any:
        """The response as it is kept; None for a blank one. Raises: Malformed."""

    @abstractmethod
    def fields(self, shown: dict, response: Any) -> list[dict]:
        """What the template of this kind draws, with the given response filled in."""

    def is_complete(self, shown: dict, response: Any) -> bool:
        """Whether nothing is left open in the response."""
        return response is not None

    # ---- after

    @abstractmethod
    def mark(self, key: Any, response: Any) -> Fraction:
        """The share that a response, as `read` returned it, earns."""

    @abstractmethod
    def explain(self, shown: dict, key: Any, response: Any) -> list[Shown]:
        """The lines of the result page."""

    @abstractmethod
    def right(self, shown: dict, key: Any) -> Any:
        """A response that earns all."""

    @abstractmethod
    def wrong(self, shown: dict, key: Any) -> Any:
        """A complete response that does not earn all."""

    def posted(self, shown: dict, data: Any, name: str) -> Any:
        """The response in a posted form (a QueryDict), by the kind's shape."""
        if self.shape == "one":
            return data.get(name) or None
        if self.shape == "many":
            return data.getlist(name)
        if self.shape == "list":
            return data.getlist(name)
        prefix = f"{name}-"
        return {field.removeprefix(prefix): data[field] for field in data if field.startswith(prefix)}


def tokens(count: int, rng: random.Random) -> list[str]:
    """Different short tokens; nothing in them tells what they stand for."""
    made: list[str] = []
    while len(made) < count:
        token = "".join(rng.choice(ALPHABET) for _ in range(6))
        if token not in made:
            made.append(token)
    return made


def in_tokens(texts: list[str], rng: random.Random, *, shuffle: bool) -> tuple[list[dict], dict[str, str]]:
    """([{token, text}] in the order of showing, {text: token}); texts are different from each other."""
    named = dict(zip(texts, tokens(len(texts), rng), strict=True))
    order = list(texts)
    if shuffle:
        rng.shuffle(order)
    return [{"token": named[text], "text": text} for text in order], named


def check_texts(texts: Any, *, field: str, least: int = 2, most: int = 10) -> None:
    """A list of different, non-empty texts. Raises: Wrong."""
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Wrong(_("must be a list of texts"), field)
    if any(not text.strip() for text in texts):
        raise Wrong(_("there is an empty one"), field)
    if any(len(text) > LONGEST_TEXT for text in texts):
        raise Wrong(_("one is longer than %(limit)d characters") % {"limit": LONGEST_TEXT}, field)
    if len(set(texts)) != len(texts):
        raise Wrong(_("two are the same"), field)
    if not least <= len(texts) <= most:
        raise Wrong(
            _("between %(least)d and %(most)d are needed, there are %(count)d") % {"least": least, "most": most, "count": len(texts)}, field
        )


def text_list(value: Any) -> list[str]:
    """YAML lists hold numbers too: 20 is meant as the text 20."""
    if not isinstance(value, list):
        raise Wrong(_("must be a list of texts"))
    return [str(part).strip() for part in value]
