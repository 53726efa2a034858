"""What every file format of questions does. Pure: bytes and items in, items and bytes out."""

import dataclasses
import hashlib
import json
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, BinaryIO

import structlog
from django.utils.translation import gettext as _

from core.errors import Refused
from core.tables import as_text, decoded
from quizzes import kinds, stems
from quizzes.kinds import Wrong

log = structlog.get_logger(__name__)
LONGEST_STEM = 4000
LIMITS = {"code": 40, "course_code": 20, "stem": LONGEST_STEM, "explanation": 4000, "source": 200}
LONGEST_POINT = 80
DEEPEST_POINT = 10
LONGEST_TAG, MOST_TAGS = 50, 20
LONGEST_ITEM = 100_000  # characters of one item in a file, embedded images left out
MAX_ITEMS = 20_000
LEVELS = {"1": 1, "易": 1, "容易": 1, "简单": 1, "2": 2, "中": 2, "中等": 2, "3": 3, "难": 3, "困难": 3}
MADE_CODE = "H-"
# Tags of this form carry what other programs have no field for; a tag of the trainer's own that looks like one is written behind `tag=`.
FACT = re.compile(
    r"(course|difficulty|mark|source|since|until|kind|order|right|units|tolerance|longest|markers|reserved|retired|tag)=(.*)", re.DOTALL
)


@dataclass(frozen=True)
class Item:
    """One question on its way between a file and the bank, already judged by its kind when it came through `settled`."""

    kind: str
    stem: str
    content: dict
    key: Any
    code: str = ""
    course_code: str = ""
    difficulty: int = 1
    explanation: str = ""
    source: str = ""
    source_since: date | None = None  # the first and the last day on which the source is in force
    source_until: date | None = None
    mark: str = ""  # "": the file says nothing of it
    point: str = ""  # from the root: "A/B/C"; a slash inside a name is doubled
    tags: tuple[str, ...] = ()
    is_reserved: bool = False  # for exams only; a file that does not say so takes it from no question
    is_retired: bool = False
    status: str = dataclasses.field(default="", compare=False)  # of the bank: told by a table, taken from no file
    images: dict[str, bytes] = dataclasses.field(default_factory=dict, compare=False)  # by digest; what the texts name and the file held


@dataclass
class Found:
    """What stands at one place of a file: an item, perhaps changed in meaning, or the reason why there is none."""

    place: str
    item: Item | None = None
    changes: list[str] = dataclasses.field(default_factory=list)
    refusal: str = ""
    field: str = ""  # what the refusal is about
    code: str = ""
    kind: str = ""
    row: int = 0  # for files that have rows
    values: list = dataclasses.field(default_factory=list)  # the cells as handed in, for files that have rows
    doubts: list[str] = dataclasses.field(default_factory=list)  # what a person should look at; it changes nothing

    def refuse(self, wrong: Wrong) -> "Found":
        """The same place without its item."""
        self.item, self.refusal, self.field = None, str(wrong), wrong.field
        return self

    @property
    def reason(self) -> str:
        """Why there is no item, in one line."""
        return f"{self.field}：{self.refusal}" if self.field else self.refusal


@dataclass(frozen=True)
class Outcome:
    """One line of a report: what became of the question at this place, and why."""

    place: str
    outcome: str  # imported, exported, changed, refused
    reasons: list[str]
    code: str = ""
    kind: str = ""
    bank: str = ""  # new, updated, same: what it meant for the bank

    def as_json(self) -> dict:
        return {
            "place": self.place,
            "outcome": self.outcome,
            "reason": " ".join(self.reasons),
            "reasons": self.reasons,
            "code": self.code,
            "kind": self.kind,
            "bank": self.bank,
        }


# Of one item's oddity. No memory, no stack, a time limit or a package that is refused ends the whole step.
UNFORESEEN = (ArithmeticError, AttributeError, LookupError, StopIteration, TypeError, ValueError)


@contextmanager
def alone(found: Found) -> Iterator[None]:
    """Whatever goes wrong with the item that is read meanwhile refuses this item alone; what nobody foresaw is logged."""
    try:
        yield
    except Wrong as wrong:
        found.refuse(wrong)
    except UNFORESEEN as error:
        log.exception("question_not_read", place=found.place)
        said = _("something in it is written in a way that the program does not know (%(error)s): write it otherwise, or leave it out")
        found.refuse(Wrong(said % {"error": type(error).__name__}))


class CannotCarry(Exception):
    """The format has no place for this item; the message says what, for the person."""


class Format(ABC):
    """One file format of questions, both ways.

    Reading never raises for one bad item: it is handed on as refused (`alone`), and the reading goes on
    behind it. Writing gives one outcome for each item: `exported`, `changed` when the file says
    less than the bank, `refused` when it cannot say it.
    """

    key: str
    label: Any
    suffix: str
    content_type: str
    hint: Any = ""  # what a person should know who brings such a file
    export_hint: Any = None  # and who takes one, where that is something else

    @abstractmethod
    def read(self, data: bytes, *, name: str = "") -> Iterator[Found]:
        """The items in the order of the file. Raises: Refused when the file as a whole is none of this format."""

    def estimate(self, data: bytes) -> int:
        """About how many items the file holds, told in no time; 0: cannot be told."""
        return 0

    @abstractmethod
    def write(self, items: Iterable[Item], out: BinaryIO) -> list[Outcome]:
        """Write the items that the format can carry, and say for each what became of it."""


def carried(items: Iterable[Item], put: Callable[[Item], list[str]]) -> list[Outcome]:
    """Hand each item to `put`, which writes it and says what the file leaves out of it, or raises CannotCarry."""
    outcomes = []
    for item in items:
        try:
            lost = put(item)
        except CannotCarry as reason:
            outcomes.append(Outcome(item.code, "refused", [str(reason)], item.code, item.kind))
        else:
            outcomes.append(Outcome(item.code, "changed" if lost else "exported", lost, item.code, item.kind))
    return outcomes


def check_carried(item: Item, known: Container[str], label: Any) -> None:
    """Raises: CannotCarry, when the format has no such kind or an image of the item is not at hand."""
    if item.kind not in known:
        raise CannotCarry(_("%(format)s has no questions of the kind “%(kind)s”.") % {"format": label, "kind": kinds.of(item.kind).label})
    missing = named_images(item) - item.images.keys()
    if missing:
        raise CannotCarry(_("The image %(digest)s is missing.") % {"digest": ", ".join(sorted(missing))})


# ---- judging -------------------------------------------------------------------------------


def settle(value: object) -> str:
    """Text as the bank keeps it: NFC, lines without blanks at their ends, no character that a page or a file cannot show."""
    if not isinstance(value, str):
        return as_text(value)
    text = value if value.isprintable() else _UNSEEN.sub("", _BLANK.sub(" ", _BREAK.sub("\n", value)))
    text = unicodedata.normalize("NFC", text)
    return "\n".join(line.strip(" ") for line in text.strip().split("\n")) if "\n" in text else text.strip()


_BREAK = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_BLANK = re.compile("[\t\u00a0]")
_UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")


def settled(item: Item) -> Item:
    """The item as the bank would keep it, with a code made of its content when it has none.

    Raises:
        Wrong: a text is too long, a mark unknown, or the kind refuses stem, content or key.
    """
    texts: dict[str, Any] = {name: settle(getattr(item, name)) for name in LIMITS}
    for name, text in texts.items():
        bound(name, text)
    if not texts["stem"]:
        raise Wrong(_("there is no stem"), FIELDS["stem"]())
    if item.mark not in {"", "V", "S", "D", "M"}:
        raise Wrong(_("“%(value)s” is no evidence mark: V, S, D or M") % {"value": item.mark[:20]}, _("evidence (核对)"))
    if item.source_since and item.source_until and item.source_until < item.source_since:
        raise Wrong(_("the source ends before it is in force"), FIELDS["until"]())
    kinds.of(item.kind).check(texts["stem"], item.content, item.key)
    settled = replace(item, **texts, point=point_text(point_names(item.point)), tags=check_tags(item.tags))
    return settled if settled.code else replace(settled, code=made_code(settled))


def bound(name: str, text: str) -> None:
    """Raises: Wrong, when the text is too long for its field."""
    if len(text) > LIMITS[name]:
        raise Wrong(_("is longer than %(limit)d characters") % {"limit": LIMITS[name]}, FIELDS[name]())


FIELDS = {
    "code": lambda: _("code (编号)"),
    "course_code": lambda: _("course (课程)"),
    "stem": lambda: _("stem (题干)"),
    "explanation": lambda: _("explanation (解析)"),
    "source": lambda: _("source (依据)"),
    "since": lambda: _("source in force since (依据施行日期)"),
    "until": lambda: _("source in force until (依据失效日期)"),
}


def made_code(item: Item) -> str:
    """A code that the same question gets again, whichever file it comes from."""
    text = json.dumps([item.kind, item.stem, item.content, item.key], ensure_ascii=False, sort_keys=True)
    return MADE_CODE + hashlib.sha256(text.encode()).hexdigest()[:16]


def level(text: str) -> int:
    """Raises: Wrong, when it is no difficulty."""
    found = LEVELS.get(text or "1")
    if found is None:
        raise Wrong(_("“%(value)s” is no difficulty: 1, 2 or 3") % {"value": text[:20]}, _("difficulty (难度)"))
    return found


def day(text: object, name: str) -> date | None:
    """A day as 2027-01-31; None when there is none. Raises: Wrong."""
    if isinstance(text, date):
        return text.date() if isinstance(text, datetime) else text
    said = settle(text)
    try:
        return date.fromisoformat(said[:10]) if said else None
    except ValueError:
        raise Wrong(_("“%(value)s” is no day: it is written 2027-01-31") % {"value": said[:20]}, FIELDS[name]())


def check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Different, non-empty tags in the order of the file. Raises: Wrong, when one is too long or there are too many."""
    found = tuple(dict.fromkeys(text for tag in tags if (text := settle(tag).replace("\n", " "))))
    if any(len(tag) > LONGEST_TAG for tag in found):
        raise Wrong(_("a tag is longer than %(limit)d characters") % {"limit": LONGEST_TAG}, _("tags (标签)"))
    if len(found) > MOST_TAGS:
        raise Wrong(_("there are more than %(limit)d tags") % {"limit": MOST_TAGS}, _("tags (标签)"))
    return found


def point_names(path: str) -> tuple[str, ...]:
    """The names on the way to a knowledge point: "A/B//C/D" → A, B/C, D.

    Raises:
        Wrong: too deep, a name too long, or one that stands below itself.
    """
    names, name = [], ""
    for part in re.split(r"(//|/)", settle(path).replace("\n", " ")):
        if part == "//":
            name += "/"
        elif part == "/":
            names.append(name)
            name = ""
        else:
            name += part
    found = tuple(text for text in (name.strip(" /") for name in [*names, name]) if text)
    where = _("knowledge point (知识点)")
    if len(found) > DEEPEST_POINT:
        raise Wrong(_("is more than %(limit)d levels deep") % {"limit": DEEPEST_POINT}, where)
    if any(len(name) > LONGEST_POINT for name in found):
        raise Wrong(_("a name is longer than %(limit)d characters") % {"limit": LONGEST_POINT}, where)
    if len(set(found)) != len(found):
        raise Wrong(_("“%(path)s” leads back to itself") % {"path": path[:80]}, where)
    return found


def point_text(names: Iterable[str]) -> str:
    """The names as one path, which `point_names` reads back."""
    return "/".join(name.replace("/", "//") for name in names)


def named_images(item: Item) -> set[str]:
    """Digests of the images that any text of the item names."""
    return stems.digests(json.dumps([item.stem, item.content, item.key, item.explanation], ensure_ascii=False))


# ---- facts that other programs have no field for -------------------------------------------


FIELD_OF = {
    "course": "course_code",
    "since": "source_since",
    "until": "source_until",
    "reserved": "is_reserved",
    "retired": "is_retired",
}
SO = {"true", "1", "yes", "是"}


def facts(item: Item, *names: str, **more: str) -> list[str]:
    """The named facts of an item as tags, further ones, and then its own tags."""
    values = {name: str(getattr(item, FIELD_OF.get(name, name)) or "") for name in names} | more
    own = [f"tag={tag}" if FACT.fullmatch(tag) else tag for tag in item.tags]
    return [f"{name}={value}" for name, value in values.items() if value] + own


def read_facts(tags: Iterable[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """({name: value}, the tags that are the trainer's own)."""
    found, own = {}, []
    for tag in tags:
        fact = FACT.fullmatch(tag)
        if fact is None:
            own.append(tag)
        elif fact.group(1) == "tag":
            own.append(fact.group(2))
        else:
            found[fact.group(1)] = fact.group(2)
    return found, tuple(own)


def from_facts(known: dict[str, str]) -> dict[str, Any]:
    """Fields of an item that stand in its facts. Raises: Wrong."""
    return {
        "course_code": known.get("course", ""),
        "difficulty": level(known.get("difficulty", "")),
        "mark": known.get("mark", "").upper(),
        "source": known.get("source", ""),
        "source_since": day(known.get("since", ""), "since"),
        "source_until": day(known.get("until", ""), "until"),
        "is_reserved": known.get("reserved", "").lower() in SO,
        "is_retired": known.get("retired", "").lower() in SO,
    }


USES = {"仅供考试": "is_reserved", "exam": "is_reserved", "停用": "is_retired", "retired": "is_retired"}


def uses(words: Iterable[str]) -> dict[str, Any]:
    """Fields of an item from the words that say how it may be used. Raises: Wrong."""
    said = [word for text in words if (word := settle(text))]
    unknown = next((word for word in said if word.lower() not in USES), None)
    if unknown is not None:
        raise Wrong(_("“%(value)s” is no use: 仅供考试 or 停用") % {"value": unknown[:20]}, _("use (用途)"))
    return {USES[word.lower()]: True for word in said}


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def arrangement(texts: list[str], natural: list[str]) -> str:
    """How the bank's order differs from the one that reading the file gives: letters of `natural`; "" when it does not."""
    return "" if texts == natural else "".join(LETTERS[natural.index(text)] for text in texts)


def arranged(natural: list[str], letters: str) -> list[str]:
    """The order of the bank back from what `arrangement` wrote; anything else is left in its natural order."""
    return [natural[LETTERS.index(letter)] for letter in letters] if sorted(letters) == list(LETTERS[: len(natural)]) else natural


# ---- bytes ---------------------------------------------------------------------------------


def text_of(data: bytes) -> tuple[str, str]:
    """(a text file of any usual encoding as text with plain line ends and no marks of byte order, a doubt about it or "").

    Raises:
        Refused: the encoding cannot be told.
    """
    if b"\x00" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = _with_mark(data)
    text, encoding, is_sure = decoded(data)
    doubt = "" if is_sure else _("The encoding of the file was guessed: it was read as %(encoding)s. Look whether the Chinese is right.")
    return text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n"), doubt and doubt % {"encoding": encoding}


def doubted(found: Iterator[Found], doubt: str) -> Iterator[Found]:
    """The same, with a doubt about the whole file at the first one."""
    for one in found:
        if doubt:
            one.doubts.append(doubt)
            doubt = ""
        yield one


def _with_mark(data: bytes) -> bytes:
    """UTF-16 that lost its mark has zeros in every other place of what is ASCII in it."""
    head = data[:4096]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > 4 * even and len(data) % 2 == 0:
        return b"\xff\xfe" + data
    if even > 4 * odd and len(data) % 2 == 0:
        return b"\xfe\xff" + data
    return data


def bounded(found: Iterator[Found]) -> Iterator[Found]:
    """The same, up to as many items as a file may hold. Raises: Refused."""
    for number, one in enumerate(found, start=1):
        if number > MAX_ITEMS:
            raise Refused(_("The file holds more than %(limit)d questions.") % {"limit": MAX_ITEMS}, code="too_many")
        yield one
