"""How Moodle thinks of questions: what its two formats, GIFT and Moodle XML, share."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from quizzes.formats.base import LETTERS, arranged, arrangement, point_names, point_text, settle
from quizzes.formats.markup import Reading
from quizzes.kinds import Wrong
from quizzes.kinds.base import lettered
from quizzes.rules import EXACT, decimal_text, number
from quizzes.stems import BLANK

PLAIN_NUMBER = re.compile(r"-?\d{1,999}(\.\d{1,999})?")  # more are read by no `Fraction`
ROUGHLY = Fraction(1, 1000)  # Moodle writes a third as 33.33333 %
LONGEST_ESSAY = 2000
MOST_OPTIONS = 200  # read at all; how many a kind takes, it says itself


@dataclass(frozen=True)
class Answer:
    """One answer of Moodle's: our text, its share of the mark, what is said to who gives it."""

    text: str
    share: Fraction
    feedback: str = ""
    tolerance: str = "0"


@lru_cache(maxsize=256)
def percent(text: str) -> Fraction:
    """A weight as Moodle writes it, 33.33333, as a share. Raises: Wrong."""
    value = number(text.strip() or "0")
    if value is None:
        raise Wrong(_("“%(text)s” is no weight in percent") % {"text": text[:20]})
    return value / 100


def folded(reading: Reading, explanation: str, notes: Sequence[tuple[str, str]]) -> str:
    """The explanation with what was said to single answers below it; that counts as a change."""
    lines = [f"{label}：{text}" for label, text in notes if text]
    if lines:
        reading.lose(_("Feedback on single answers and hints stand at the end of the explanation."))
    return "\n".join([*([explanation] if explanation else []), *lines])


# ---- reading -------------------------------------------------------------------------------


def choice(reading: Reading, answers: Sequence[Answer], *, is_single: bool) -> tuple[str, dict, Any]:
    """(kind, content, key) of a multiple choice question. Raises: Wrong."""
    _countable(answers)
    content = {"options": lettered(answer.text for answer in answers)}
    if len(answers) > len(content["options"]):
        raise Wrong(_("at most %(limit)d options") % {"limit": len(content["options"])}, _("options"))
    named = list(zip(LETTERS, answers, strict=False))
    if is_single:
        key = [letter for letter, answer in named if abs(answer.share - 1) < ROUGHLY]
        part = "、".join(letter for letter, answer in named if 0 < answer.share <= 1 - ROUGHLY)
        if part:
            reading.lose(_("Part of the mark for %(options)s is not kept: one option is right.") % {"options": part})
        if any(answer.share < 0 for answer in answers):
            reading.lose(_("Deductions for wrong options are not kept."))
        return "single", content, key
    key = [letter for letter, answer in named if answer.share > 0]
    shares = [answer.share for answer in answers if answer.share > 0]
    if shares and (max(shares) - min(shares) > ROUGHLY or abs(sum(shares) - 1) > ROUGHLY * len(shares)):
        reading.lose(_("The weights of the right options are not kept: each counts the same, as the quiz is marked."))
    penalties = {answer.share for answer in answers if answer.share <= 0}
    if len(penalties) > 1:
        reading.lose(_("The deductions of the wrong options are not kept: each counts the same, as the quiz is marked."))
    return "multiple", content, key


def typed(reading: Reading, stem: str, answers: Sequence[Answer], *, kind: str = "") -> tuple[str, dict, Any]:
    """(kind, content, key) of a short answer question: a blank to fill in where the stem has one. Raises: Wrong."""
    _countable(answers)
    accepted = [answer for answer in answers if answer.share > 0]
    if len(accepted) < len([answer for answer in answers if answer.text != "*"]):
        reading.lose(_("Answers that earn nothing are not kept."))
    is_plain = all(abs(answer.share - 1) < ROUGHLY and not re.search(r"(?<!\\)\*", answer.text) for answer in accepted)
    if (kind or ("fill" if is_plain and len(BLANK.findall(stem)) == 1 else "short")) == "fill" and is_plain:
        return "fill", {"blanks": 1}, [[answer.text.replace("\\*", "*") for answer in accepted]]
    return "short", {}, [{"pattern": answer.text, "share": decimal_text(_rounded(answer.share))} for answer in accepted]


def _rounded(share: Fraction) -> Fraction:
    return share if share.denominator <= 10_000_000 else share.limit_denominator(10_000)


def numeric(
    reading: Reading, answers: Sequence[Answer], *, units: dict[str, str] | None = None, relative: str = ""
) -> tuple[str, dict, Any]:
    """(kind, content, key) of a numerical question. Raises: Wrong."""
    _countable(answers)
    right = [answer for answer in answers if abs(answer.share - 1) < ROUGHLY and answer.text != "*"]
    if len(right) != 1:
        raise Wrong(_("one number must earn the full mark, here are %(count)d") % {"count": len(right)}, _("answer"))
    if any(0 < answer.share <= 1 - ROUGHLY for answer in answers):
        reading.lose(_("Numbers that earn a part of the mark are not kept."))
    value, tolerance = plain_number(right[0].text), plain_number(right[0].tolerance)
    is_relative = bool(relative) and Fraction(plain_number(relative)) * abs(Fraction(value)) == Fraction(tolerance)
    return "numeric", {"units": units or {}}, {"value": value, "tolerance": relative if is_relative else tolerance, "relative": is_relative}


def plain_number(text: str) -> str:
    """A number as the bank writes it. Raises: Wrong."""
    text = settle(text)
    if PLAIN_NUMBER.fullmatch(text):
        return text
    value = number(text) if len(text) <= 40 else None
    if value is None:
        raise Wrong(_("“%(text)s” is not a number") % {"text": text[:40]}, _("answer"))
    return decimal_text(value, EXACT)


def between(low: str, high: str) -> tuple[str, str]:
    """(value, tolerance) of a range. Raises: Wrong."""
    with localcontext(prec=100):
        ends = [Decimal(plain_number(low)), Decimal(plain_number(high))]
        return f"{(ends[0] + ends[1]) / 2:f}", f"{(ends[1] - ends[0]) / 2:f}"


def matching(pairs: Sequence[tuple[str, str]], *, right_order: str = "") -> tuple[str, dict, Any]:
    """(kind, content, key) of a matching question; a pair without a left side adds a partner that fits nothing. Raises: Wrong."""
    _countable(pairs)
    key: dict[str, str] = {}
    for left, right in pairs:
        if left in key:
            raise Wrong(_("“%(text)s” is paired twice") % {"text": left[:40]}, _("answer"))
        if left:
            key[left] = right
    partners = arranged(list(dict.fromkeys(right for _left, right in pairs)), right_order)
    return "match", {"left": list(key), "right": partners}, key


def ordering(steps: Sequence[str], *, order: str = "") -> tuple[str, dict, Any]:
    """(kind, content, key) of an ordering question."""
    _countable(steps)
    return "order", {"items": arranged(sorted(steps), order)}, list(steps)


def essay(known: dict[str, str], *, rubric: Sequence[dict] = (), sample: str = "") -> tuple[str, dict, Any]:
    """(kind, content, key) of an essay; what Moodle has no field for comes from the facts."""
    longest, markers = known.get("longest", ""), known.get("markers", "")
    content = {
        "longest": int(longest) if re.fullmatch(r"[0-9]{1,5}", longest) else LONGEST_ESSAY,
        "rubric": list(rubric),
        "markers": 2 if markers == "2" else 1,
    }
    return "essay", content, {"sample": sample}


def essay_facts(content: dict) -> dict[str, str]:
    return {
        "longest": "" if content["longest"] == LONGEST_ESSAY else str(content["longest"]),
        "markers": "" if content["markers"] == 1 else "2",
    }


def _countable(things: Sequence) -> None:
    if len(things) > MOST_OPTIONS:
        raise Wrong(_("there are more than %(limit)d options") % {"limit": MOST_OPTIONS}, _("options"))


def path_of(category: str) -> str:
    """Our path of a category: what stands before the names ($course$, top) is Moodle's own. Raises: Wrong."""
    path = re.sub(r"^\s*\$\w+\$\s*(/(?!/)|$)", "", category)
    return point_text(point_names(re.sub(r"^\s*top\s*(/(?!/)|$)", "", path)))


# ---- writing -------------------------------------------------------------------------------


def category_of(point: str) -> str:
    return f"$course$/top/{point}" if point else "$course$/top"


def shares(content: dict, key: list[str], *, is_single: bool) -> list[tuple[str, Fraction]]:
    """(option, share) in the order of the letters: right ones share the mark, a wrong one takes it away."""
    right, wrong = (Fraction(1), Fraction(0)) if is_single else (Fraction(1, len(key)), Fraction(-1))
    return [(text, right if letter in key else wrong) for letter, text in sorted(content["options"].items())]


def in_percent(share: Fraction) -> str:
    """A share as Moodle writes it: five places at most."""
    return f"{float(share * 100):.5f}".rstrip("0").rstrip(".")


def pairs_of(content: dict, key: dict[str, str]) -> tuple[list[tuple[str, str]], str]:
    """(pairs, those that fit nothing last; how the right column stands)."""
    pairs = [(left, key[left]) for left in content["left"]]
    pairs += [("", text) for text in content["right"] if text not in key.values()]
    return pairs, arrangement(content["right"], list(dict.fromkeys(right for _left, right in pairs)))


def order_of(content: dict, key: list[str]) -> str:
    """How the bank shows the steps; "" for the usual order."""
    return arrangement(content["items"], sorted(key))


def patterns_of(kind: str, key: Any) -> list[tuple[str, Fraction]]:
    """(pattern, share) of one typed answer; * stands for any text."""
    if kind == "fill":
        return [(text.replace("*", "\\*"), Fraction(1)) for text in key[0]]
    return [(entry["pattern"], number(entry["share"]) or Fraction(0)) for entry in key]


def absolute(key: dict) -> tuple[str, str]:
    """(tolerance in the unit of the value, the relative one if that is what the bank has)."""
    if not key["relative"]:
        return key["tolerance"], ""
    with localcontext(prec=100):
        return f"{Decimal(key['tolerance']) * abs(Decimal(key['value'])):f}", key["tolerance"]
