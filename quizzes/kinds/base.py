"""What every kind of question does. Pure: texts and numbers in, texts and numbers out.

**How the page reads a response.** A kind's template draws form controls; page, script and posted form
know shapes, not kinds. A box with `data-shape` (the item, or a part of a case) is read from the
controls in it, those of a box within left out:

=======  =======================================================  ===================================
shape    response                                                 names in a posted form
=======  =======================================================  ===================================
one      value of the checked radio or of the only text field     NAME
many     list of the values of the checked boxes                  NAME, repeated
list     list of the values of all controls, in order             NAME, repeated
map      {data-part: value} of the controls that hold a value;    NAME-PART
         a number where the control has `data-number`
parts    {data-part: response} of the boxes within                NAME-PART is the name of the box
=======  =======================================================  ===================================

The template of a kind draws `fields` (what `ItemKind.fields` gives), with `name` for its controls,
`number` as the question is called aloud, and `shown`.
"""

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _

from quizzes import stems

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
class Policy:
    """A way of marking: its name for the trainer, and what the learner is told."""

    label: Any
    instruction: Any


@dataclass(frozen=True)
class Shown:
    """One line of the result page: what was asked, what was answered, what is right."""

    label: str
    text: str
    own: str
    right: str
    is_chosen: bool
    is_right: bool  # for an option: it belongs to the key; else: the answer on this line is right
    is_typed: bool = False  # `own` is what somebody typed, not a text of the bank


@dataclass(frozen=True)
class Pick:
    """Something that can be picked, under the code that `analyse` gives it."""

    code: str
    text: str
    is_right: bool


@dataclass(frozen=True)
class OnPaper:
    """An item as it is printed: the lines below its stem, how it is answered on the sheet, and the key for those who mark.

    `choices` are marks to fill in on the sheet; else there are `blanks` lines to write on, or `rows` of ruled space.
    `parts` are printed instead of all this, each with its kind, stem and weight.
    """

    lines: list[str] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    blanks: int = 1
    rows: int = 0
    key: list[str] = field(default_factory=list)
    parts: list[tuple["ItemKind", str, Fraction, "OnPaper"]] = field(default_factory=list)


@dataclass(frozen=True)
class ForPerson:
    """An answer, or one part of it, that a person has to mark: what the marker sees of it."""

    part: int
    stem: str
    own: str
    sample: str
    rubric: list[dict]
    markers: int
    material: str = ""  # of the case that the part belongs to


@dataclass(frozen=True)
class Given:
    """What stands of what people gave for an answer, or one part of it: the criteria ({"name", "points", "levels"}), and the points of each."""

    criteria: list[dict]
    points: list[Decimal]
    share: Fraction

    @property
    def rows(self) -> list[tuple[dict, Decimal]]:
        return list(zip(self.criteria, self.points, strict=True))

    @property
    def earned(self) -> Decimal:
        return sum(self.points, start=Decimal(0))

    @property
    def most(self) -> Decimal:
        return sum((Decimal(criterion["points"]) for criterion in self.criteria), start=Decimal(0))


class ItemKind(ABC):
    """One kind of question.

    `content` and `key` are what the bank keeps (see each kind). `present` turns them into what
    a paper keeps: `shown`, which goes to the browser, and a key in the same tokens, which does not.
    """

    key: str
    label: Any
    rank: int = 100  # place in menus; the same rank goes by key
    names: tuple[str, ...] = ()  # what files call it, without 题; the first is what is written
    shape: str
    template: str
    stem_in_fields: bool = False  # the template draws the stem itself
    keeps_empty_lines: bool = False  # `from_lines` wants the empty lines too: they part paragraphs
    result_template: str = "quizzes/results/rows.html"
    instruction: Any = ""
    policies: Mapping[str, Policy] = {}  # the first one stands where none was chosen
    hint: Any = ""  # for the trainer: how to write the answer lines
    sheet_hint: Any = ""  # how the columns of a spreadsheet are filled

    @property
    def called(self) -> str:
        """The name that stands in files."""
        return f"{self.names[0]}题" if self.names else self.key

    # ---- the bank

    def check(self, stem: str, content: Any, key: Any) -> None:
        """Raises: Wrong, with the first rule that is broken."""
        check_marked(stem, field=_("stem"))

    @abstractmethod
    def from_cells(self, cells: Cells) -> tuple[str, dict, Any]:
        """(stem, content, key) of a spreadsheet row. Raises: Wrong."""

    @abstractmethod
    def to_cells(self, stem: str, content: Any, key: Any) -> Cells:
        """The row that `from_cells` reads back to the same question."""

    def unread(self, cells: Cells, stem: str, content: Any, key: Any) -> list[str]:
        """The letters of the options in a row that say something and are not in the question that `from_cells` made of it."""
        return sorted(cells.options) if cells.options and not self.to_cells(stem, content, key).options else []

    def reworded(self, cells: Cells, stem: str) -> str:
        """How `from_cells` wrote this stem otherwise than the row has it, in a sentence; "" where the text is the same."""
        return ""

    @abstractmethod
    def from_mapping(self, row: Mapping) -> tuple[dict, Any]:
        """(content, key) of a row of a question file in YAML. Raises: Wrong."""

    def is_same_key(self, one: Any, other: Any) -> bool:
        """Whether two keys mark alike, though they may be written otherwise."""
        return bool(one == other)

    @abstractmethod
    def from_lines(self, lines: list[str]) -> tuple[dict, Any]:
        """(content, key) of what a trainer wrote, one line each. Raises: Wrong."""

    @abstractmethod
    def to_lines(self, content: Any, key: Any) -> list[str]:
        """The lines that `from_lines` reads back to the same question."""

    # ---- the paper

    def present(
        self, stem: str, content: Any, key: Any, *, rng: random.Random, shuffle: bool, policies: Mapping[str, str] | None = None
    ) -> tuple[dict, Any]:
        """(shown, key in tokens) for one paper. `policies`: by kind, what the quiz chose."""
        shown = self.lay_out(stem, content, rng=rng, shuffle=shuffle)
        kept = self.tokened(shown, content, key)
        self.disarrange(shown, kept, rng=rng)
        self.govern(shown, kept, policies or {})
        return shown, kept

    @abstractmethod
    def lay_out(self, stem: str, content: Any, *, rng: random.Random, shuffle: bool) -> dict:
        """What the browser gets. It is made without the key, so it cannot tell it."""

    @abstractmethod
    def tokened(self, shown: dict, content: Any, key: Any) -> dict:
        """The key of the bank in the tokens of what is shown. Raises: Wrong when the content is not what is shown."""

    def rekey(self, shown: dict, content: Any, key: Any, old_key: dict) -> dict:
        """A frozen paper's key after the bank's key was mended; the paper keeps its marking policy.

        Raises:
            Wrong: the content is no longer that which was shown.
        """
        kept = self.tokened(shown, content, key)
        self.inherit(kept, old_key)
        return kept

    def disarrange(self, shown: dict, kept: dict, *, rng: random.Random) -> None:
        """Shows a new paper otherwise where its order would by chance be the answer."""
        return

    def amend(self, content: Any, mended: Any, key: Any) -> tuple[Any, Any]:
        """(content, key) of a key that was mended in a copy with the same texts: in the order and under the letters of `content`.

        Whatever of the content is no text that is shown, and belongs to what is right, is that of the copy.
        """
        return content, key

    def govern(self, shown: dict, kept: dict, policies: Mapping[str, str]) -> None:
        """Writes the marking policy into a new paper: the one chosen for this kind, else the first."""
        if self.policies:
            chosen = policies.get(self.key, "")
            shown["policy"] = kept["policy"] = chosen if chosen in self.policies else next(iter(self.policies))

    def inherit(self, kept: dict, old_key: dict) -> None:
        """Writes the marking policy of the old key into the new one."""
        if "policy" in old_key:
            kept["policy"] = old_key["policy"]

    @abstractmethod
    def read(self, shown: dict, response: Any) -> Any:
        """The response as it is kept; None for a blank one. Raises: Malformed."""

    @abstractmethod
    def fields(self, shown: dict, response: Any) -> list[dict]:
        """What the template of this kind draws, with the given response filled in."""

    @abstractmethod
    def said(self, shown: dict, response: Any) -> list[str]:
        """The response in words, a line for each of its parts; nothing for none. It is made without the key, so it cannot tell it."""

    def points_of(self, content: Any) -> Fraction:
        """What a question is worth by itself, where no quiz says it: one point, or those that it says of its parts."""
        return Fraction(1)

    def is_complete(self, shown: dict, response: Any) -> bool:
        """Whether nothing is left open in the response."""
        return response is not None

    def instruction_for(self, shown: dict) -> Any:
        """What the learner is told: with policies, what the one in force says."""
        return self.policies[self.policy_of(shown)].instruction if self.policies else self.instruction

    def policy_of(self, kept: dict) -> str:
        """The marking policy in a paper's key (or in what is shown); papers from before there were any have the first."""
        return kept.get("policy") or next(iter(self.policies))

    def on_paper(self, content: Any, key: Any, *, rng: random.Random) -> OnPaper:
        """How an item is printed. What stands in the right order in the bank is shuffled by `rng` before the key is looked at."""
        return OnPaper(key=self.to_lines(content, key))

    # ---- after

    @abstractmethod
    def mark(self, key: Any, response: Any) -> Fraction | None:
        """The share of 0 to 1 that a response, as `read` returned it, earns; None: a person has to mark it."""

    def mark_parts(self, key: Any, response: Any) -> list[tuple[Fraction, Fraction | None]]:
        """(weight, share earned) of each part that is marked by itself; the weights add up to 1. None: a person has to mark it."""
        return [(Fraction(1), Fraction(0) if response is None else self.mark(key, response))]

    def for_person(self, shown: dict, key: Any, response: Any) -> list[ForPerson]:
        """What of this answer a person has to mark; nothing where `mark` gives a share."""
        return []

    def by_people(self, shown: dict) -> bool:
        """Whether people mark it, or a part of it: then it earns points, and is neither right nor wrong."""
        return False

    @abstractmethod
    def explain(self, shown: dict, key: Any, response: Any) -> list:
        """The lines of the result page; Shown, or what the kind's own `result_template` draws."""

    def with_given(self, lines: list, given: Mapping[int, Given]) -> list:
        """These lines with what people gave, by part."""
        return lines

    @abstractmethod
    def analyse(self, shown: dict, key: Any, response: Any) -> list[str]:
        """What was picked, in codes of the bank that are the same on every paper. Cheap; nothing for no response."""

    def picks(self, shown: dict, key: Any, mended: Any) -> list[Pick]:
        """What can be picked, or is right, for tables of an item. Codes that are not among them speak for themselves.

        From a paper: the codes are those of `analyse` under its own key, what is right is so under `mended`, the key
        that stands now (`key` itself where none was mended).
        """
        return []

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
        if self.shape in {"many", "list"}:
            return data.getlist(name)
        prefix = f"{name}-"
        return {field.removeprefix(prefix): data[field] for field in data if field.startswith(prefix)}


# ---- tokens --------------------------------------------------------------------------------


def tokens(count: int, rng: random.Random) -> list[str]:
    """Different short tokens; nothing in them tells what they stand for."""
    made: list[str] = []
    while len(made) < count:
        token = "".join(rng.choice(ALPHABET) for _ in range(6))
        if token not in made:
            made.append(token)
    return made


def in_tokens(texts: Iterable[str], rng: random.Random, *, shuffle: bool) -> list[dict]:
    """[{token, text}] in the order of showing; the texts are different from each other."""
    order = list(texts)
    named = dict(zip(order, tokens(len(order), rng), strict=True))
    if shuffle:
        rng.shuffle(order)
    return [{"token": named[text], "text": text} for text in order]


def tokens_of(shown: list[dict], texts: Iterable[str]) -> dict[str, str]:
    """{text: token} of a list that is shown. Raises: Wrong when these texts are not the ones that are shown."""
    named = {entry["text"]: entry["token"] for entry in shown}
    if named.keys() != set(texts):
        raise Wrong(_("the texts are no longer those that were shown"))
    return named


def texts_of(shown: list[dict]) -> dict[str, str]:
    """{token: text} of a list that is shown."""
    return {entry["token"]: entry["text"] for entry in shown}


# ---- texts that people write ---------------------------------------------------------------


def check_marked(text: str, *, field: str) -> None:
    """Formulas and images in the text can be drawn. Raises: Wrong."""
    found = stems.fault(text)
    if found:
        raise Wrong(found, field)


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
    for text in texts:
        check_marked(text, field=field)


def text_list(value: Any) -> list[str]:
    """YAML lists hold numbers too: 20 is meant as the text 20."""
    if not isinstance(value, list):
        raise Wrong(_("must be a list of texts"))
    return [str(part).strip() for part in value]


def parted(text: str, signs: str) -> list[str]:
    r"""The pieces between these signs, stripped; a sign after a backslash is text: a \| b."""
    pieces = re.split(rf"(?<!\\)[{re.escape(signs)}]", text)
    return [re.sub(rf"\\([{re.escape(signs)}])", r"\1", piece).strip() for piece in pieces]


def guarded(text: str, signs: str) -> str:
    """The text with these signs marked as text for `parted`."""
    return re.sub(rf"([{re.escape(signs)}])", r"\\\1", text)


def lettered(texts: Iterable[str]) -> dict[str, str]:
    """{letter: text}, as a spreadsheet has its options."""
    return dict(zip(LETTERS, texts, strict=False))


def clean_text(value: Any, longest: int) -> str:
    """A typed text as it is kept. Raises: Malformed.

    Line ends are those of the page's own script; a NUL cannot be kept by every database and nobody types one.
    """
    if not isinstance(value, str):
        raise Malformed("not a text")
    text = value.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > longest:
        raise Malformed("too long")
    return text
