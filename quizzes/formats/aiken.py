"""Aiken: a stem, options with letters, a line ANSWER: (https://docs.moodle.org/en/Aiken_format).

One right option, nothing else: the format has no place for a code, an explanation or a course. Chinese files
put an explanation behind the answer all the same (解析：…), and some leave out the blank line between questions;
`_behind` says what of the lines there belongs to which question.
"""

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from quizzes.formats.base import (
    LONGEST_ITEM,
    CannotCarry,
    Format,
    Found,
    Item,
    Outcome,
    alone,
    carried,
    check_carried,
    doubted,
    named_images,
    settle,
    settled,
    text_of,
)
from quizzes.kinds import Wrong
from quizzes.kinds.base import LETTERS

OPTION = re.compile(r"^\s*([A-Za-z])\s*[).．、）]\s*(.*)$")
ANSWER = re.compile(r"^\s*(?:ANSWER|答案|正确答案)\s*[:：]\s*(.*)$", re.IGNORECASE)
EXPLAINED = re.compile(
    r"^\s*+[【\[（(]?\s*+((?:答案|试题|题目)?解析|详解|分析|解释|说明|理由|explanation|feedback)\s*+(?:[】\]）)]\s*+[:：]?|[:：])\s*+(.*)$",
    re.IGNORECASE,
)
ANALYSES = ("解析", "详解", "explanation")  # no stem begins with these
NUMBER = re.compile(r"^\s*+(?:第\s*+)?(\d{1,4})\s*+(?:[.．](?!\d)|[、)）]|题)")
LETTERED = re.compile(r"(?<![A-Za-z])([A-Z])\s*[).．、）]")  # a letter as an option has it, anywhere in a line
FORMULA = re.compile(r"\$\$.*?\$\$")
SEPARATORS = re.compile(r"[\s,，、;；/]+")


class Aiken(Format):
    key = "aiken"
    label = gettext_lazy("Aiken")
    suffix = "aiken.txt"
    content_type = "text/plain; charset=utf-8"
    hint = gettext_lazy("Plain text. Single choice only, without code, explanation or images; the course is the one chosen above.")
    export_hint = gettext_lazy("Plain text. Single choice only: stem, options and answer, nothing else.")

    def read(self, data: bytes, *, name: str = "") -> Iterator[Found]:
        text, doubt = text_of(data)
        return doubted(self._read(text), doubt)

    def _read(self, text: str) -> Iterator[Found]:
        draft: _Draft | None = None
        lines, at = text.split("\n"), 0
        while at < len(lines):
            line, at = lines[at], at + 1
            answer, option = ANSWER.match(line), OPTION.match(line)
            if not line.strip():
                if draft is not None:
                    draft.end_paragraph()
            elif draft is not None and draft.is_heading and NUMBER.match(line) and not option:
                yield draft.heading()
                draft = _Draft(at)
                draft.take(line, option, answer)
            elif draft is None or (draft.is_over and not answer and not option):
                if draft is not None:
                    yield draft.found()
                draft = _Draft(at)
                draft.take(line, option, answer)
            else:
                draft.take(line, option, answer)
            if draft is not None and answer and line.strip():
                draft.explanation, draft.left_out, at = _behind(lines, at, draft.number)
                yield draft.found()
                draft = None
        if draft is not None:
            yield draft.found()

    def estimate(self, data: bytes) -> int:
        return data.count(b"ANSWER") or data.count(b"\n\n")

    def write(self, items: Iterable[Item], out: BinaryIO) -> list[Outcome]:
        def put(item: Item) -> list[str]:
            text, lost = _written(item)
            out.write(text.encode())
            return [lost]

        return carried(items, put)


class _Draft:
    """One question while its lines are read."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.stem: list[str] = []
        self.options: dict[str, str] = {}
        self.answer: str | None = None
        self.fault = ""
        self.length = 0
        self.is_over = False  # a blank line stood behind its options
        self.explanation = ""
        self.left_out = ""
        self.alone = 0  # lines at its head that stand alone between blank lines
        self.is_crowded = False  # a line may hold several options

    @property
    def number(self) -> int | None:
        """The number before its stem."""
        found = NUMBER.match(self.stem[0]) if self.stem else None
        return int(found.group(1)) if found else None

    @property
    def is_heading(self) -> bool:
        """Whether there are only lines that stand alone, without the number of a question."""
        return bool(self.stem) and self.alone == len(self.stem) and self.number is None and not self.options

    def end_paragraph(self) -> None:
        """A blank line."""
        if self.options:
            self.is_over = True
        elif self.alone == len(self.stem) - 1:
            self.alone += 1

    def heading(self) -> Found:
        said = _("“%(text)s” stands alone between blank lines, and no options follow: it is no question")
        return Found(_("line %(line)d") % {"line": self.line}).refuse(Wrong(said % {"text": " ".join(self.stem).strip()[:80]}))

    def take(self, line: str, option: re.Match | None, answer: re.Match | None) -> None:
        self.length += len(line)
        if self.length > LONGEST_ITEM:
            self.fault = self.fault or _("is longer than %(limit)d characters") % {"limit": LONGEST_ITEM}
        elif "\x00" in line:
            self.fault = self.fault or _("it holds a NUL character")
        elif answer:
            self.answer = answer.group(1).strip().upper()
        elif option and self.stem:
            letter = option.group(1).upper()
            self.is_crowded = self.is_crowded or _letter(len(self.options) + 1) in LETTERED.findall(option.group(2))
            if letter != _letter(len(self.options)):
                out_of_turn = _("the option %(letter)s is out of turn") % {"letter": letter}
                self.fault = self.fault or (_crowded() if self.is_crowded else out_of_turn)
            self.options[letter] = settle(option.group(2))
        elif self.options:
            self.fault = self.fault or _("“%(line)s” is neither an option nor the answer") % {"line": line.strip()[:40]}
        elif option:
            self.fault = self.fault or _("there is no stem")
        else:
            self.stem.append(line)

    def found(self) -> Found:
        found = Found(_("line %(line)d") % {"line": self.line})
        with alone(found):
            if self.fault:
                raise Wrong(self.fault)
            if self.is_crowded and len(self.options) < 2:
                raise Wrong(_crowded())
            if not self.answer:
                raise Wrong(_("there is no line ANSWER: with the right letter"))
            letters = list(SEPARATORS.sub("", self.answer))
            if self.is_crowded and not self.options.keys() >= set(letters):
                raise Wrong(_crowded())
            found.kind = "single" if len(letters) == 1 else "multiple"
            stem = "\n".join(self.stem)
            found.item = settled(Item(found.kind, stem, {"options": self.options}, sorted(letters), explanation=self.explanation))
            found.code = found.item.code
            if self.alone and self.number is None:
                said = _("The stem begins with a line that stands alone: “%(text)s”. If it is a heading, take it out of the file.")
                found.doubts.append(said % {"text": self.stem[0].strip()[:80]})
            if self.is_crowded:
                found.doubts.append(_("Look whether one of its options holds several: each stands on a line of its own."))
            if self.left_out:
                found.changes.append(_("what stands behind the answer is left out: “%(text)s”.") % {"text": self.left_out[:200]})
        return found


def _crowded() -> str:
    return _("several options stand on one line: write each on a line of its own")


def _behind(lines: list[str], begin: int, number: int | None) -> tuple[str, str, int]:
    """(explanation, what is left out, where the next question begins) of the lines from `begin` on, behind the answer of a question.

    What stands there up to a blank line belongs to the answer: from a line 解析：… on it is its explanation, anything else is left out.
    Where options follow before the blank line (or right behind it) it is the next stem instead, but for what stands before the number
    of the next question, or, where questions have no numbers, for one line 解析：… at its head. A stem that begins with that number may
    have blank lines itself. 解析 may also stand behind a blank line.
    """
    at = next((place for place in range(begin, len(lines)) if lines[place].strip()), len(lines))
    end = next((place for place in range(at, len(lines)) if not lines[place].strip() or _is_marked(lines[place])), len(lines))
    next_one = next((place for place in range(end, len(lines)) if lines[place].strip()), None)
    explained = next((place for place in range(at, end) if EXPLAINED.match(lines[place])), None)
    if at > begin and (explained != at or not _is_analysis(lines[at])):
        return "", "", at
    numbered = None if number is None else _numbered(lines, at, end, number + 1)
    if number is not None and numbered is not None and _leads_to_options(lines, end, number + 1):
        until = numbered
    elif next_one is None or not _is_marked(lines[next_one]):
        until = end
    else:
        is_stem = explained is not None and explained + 1 == end and not _is_analysis(lines[explained])  # options come at once
        until = at if explained is None or is_stem else explained + 1
    if explained is None or explained >= until:
        return "", settle("\n".join(lines[at:until])), until
    explanation = [EXPLAINED.sub(r"\2", lines[explained]), *lines[explained + 1 : until]]
    return settle("\n".join(explanation)), settle("\n".join(lines[at:explained])), until


def looks_like(text: str) -> bool:
    """Whether lines say the answer and nothing has the braces of GIFT; those of a formula say nothing."""
    return any(map(ANSWER.match, text.split("\n"))) and "{" not in FORMULA.sub("", text)


def _is_marked(line: str) -> bool:
    return bool(OPTION.match(line) or ANSWER.match(line))


def _is_analysis(line: str) -> bool:
    found = EXPLAINED.match(line)
    return bool(found) and found.group(1).lower().endswith(ANALYSES)


def _numbered(lines: list[str], begin: int, end: int, wanted: int) -> int | None:
    """The line that begins with this number."""
    numbers = ((place, NUMBER.match(lines[place])) for place in range(begin, end))
    return next((place for place, number in numbers if number and int(number.group(1)) == wanted), None)


def _leads_to_options(lines: list[str], begin: int, number: int) -> bool:
    """Whether options or an answer come from this line on, and no paragraph before them begins with the number."""
    for place in range(begin, len(lines)):
        if _is_marked(lines[place]):
            return True
        if not lines[place - 1].strip() and _numbered(lines, place, place + 1, number) is not None:
            return False
    return False


def _letter(place: int) -> str:
    return LETTERS[place] if place < len(LETTERS) else ""


def _written(item: Item) -> tuple[str, str]:
    """(the text, what it does not say). Raises: CannotCarry."""
    check_carried(item, ("single",), Aiken.label)
    if named_images(item):
        raise CannotCarry(_("Aiken has no images."))
    options = sorted(item.content["options"].items())
    lines = item.stem.split("\n")
    if any(not line for line in lines) or any("\n" in text for _letter, text in options):
        raise CannotCarry(_("Aiken has no blank lines in a stem, and no line breaks in an option."))
    if any(OPTION.match(line) or ANSWER.match(line) for line in lines):
        raise CannotCarry(_("A line of the stem looks like an option or an answer."))
    written = [*lines, *(f"{letter}) {text}" for letter, text in options), f"ANSWER: {item.key[0]}", "", ""]
    lost = [_("code"), _("course"), _("difficulty"), _("evidence mark")]
    lost += [label for value, label in _further(item) if value]
    return "\n".join(written), _("Aiken has no place for: %(facts)s.") % {"facts": "、".join(map(str, lost))}


def _further(item: Item) -> list[tuple[object, str]]:
    return [
        (item.explanation, _("explanation")),
        (item.source, _("source clause")),
        (item.source_since or item.source_until, _("when the source is in force")),
        (item.point, _("knowledge point")),
        (item.tags, _("tags")),
        (item.is_reserved, _("for exams only")),
        (item.is_retired, pgettext("a question", "retired")),
    ]


FORMAT = Aiken()
