"""What a paper says against what the record says: pure functions over text.

The text of a PDF comes without its layout: blanks and breaks mean nothing. So both sides are squeezed, and the paper
of the record (made anew from its frozen facts) is laid beside the one that somebody sent.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from certificates import rules
from core.errors import Refused
from core.text import mask_name

ANY = "\ufffc"  # stands for a letter that is not compared
ALIKE = 0.95  # share of the record's text that must be found in order, for places to be told by it
KIN = 0.5  # below it, it is another kind of paper: what stands where a fact should is not to be guessed
NEAR = 12  # equal letters between two changes that read as one
LONGEST = 8_000  # letters of a file that are laid beside the record
_NUMBER = re.compile(r"[A-Z]{2,10}-?\d{2}-?\d{4}-?\d{6}-?\d{5,7}-?[0-9A-Z]")


@dataclass(frozen=True)
class Fact:
    """One printed fact: whether the file agrees, and what it says instead ("" where that cannot be told)."""

    name: str
    agrees: bool
    said: str = ""


@dataclass(frozen=True)
class Comparison:
    """`facts` in the order of the paper; `others` are changes outside of them, as (record, file)."""

    facts: tuple[Fact, ...]
    others: tuple[tuple[str, str], ...] = ()

    @property
    def agrees(self) -> bool:
        return all(fact.agrees for fact in self.facts)

    @property
    def is_same(self) -> bool:
        return self.agrees and not self.others


def squeezed(text: str) -> str:
    """Text without blanks, breaks, invisible signs and halves of pairs, in one width."""
    return "".join(c for c in unicodedata.normalize("NFKC", text) if not c.isspace() and unicodedata.category(c) not in {"Cc", "Cf", "Cs"})


def numbers_in(text: str, keywords: str = "") -> list[str]:
    """The certificate numbers with a fitting check character: those of the keywords, then the most frequent first."""
    found: dict[str, int] = {}
    for weight, where in ((1_000, keywords), (1, text)):
        for run in _NUMBER.findall(squeezed(where)):
            for start in range(len(run) - 20):  # letters before it may have run into it
                try:
                    number = rules.read_number(run[start:])
                except Refused:
                    continue
                found[number] = found.get(number, 0) + weight
                break
    return sorted(found, key=lambda number: -found[number])


def hidden(text: str, name: str) -> str:
    """Text in which the masked letters of a name stand for any letter, wherever the name is found, with whatever blanks in it.

    So that nobody can try names on a paper of their own making until the answer says that one agrees. What has to be
    squeezed for it stays so.
    """
    bare = squeezed(name)
    pattern = mask_name(bare).replace("*", ANY)
    found = text.replace(name, pattern) if name == bare else text
    return squeezed(text).replace(bare, pattern) if bare and bare in squeezed(found) else found


def masked(text: str, name: str) -> str:
    """Text with the masked letters of a name as stars: what a stranger is shown."""
    return hidden(text, name).replace(ANY, "*")


def is_like(pattern: str, text: str) -> bool:
    """Whether a text is a hidden one, letter for letter where letters are shown."""
    return _pattern(squeezed(pattern)).fullmatch(squeezed(text)) is not None


def compare(reference: str, text: str, facts: Mapping[str, str]) -> Comparison:
    """Lay the text of a file beside that of the record's own paper, fact by fact.

    A fact agrees if the file says it as often as the record's paper does, and, where the two are alike, in its place.
    What the record's paper does not print is not compared.
    """
    reference, text = squeezed(reference), squeezed(text)[:LONGEST]
    steps = _steps(reference, text)
    alike = sum(i2 - i1 for tag, i1, i2, _j1, _j2 in steps if tag == "equal") / max(len(reference), 1)
    compared, within = [], []
    for name, fact in facts.items():
        pattern = _pattern(squeezed(fact))
        places = [found.span() for found in pattern.finditer(reference)]
        if not places or not fact:
            continue
        within += places
        wrong = [one for one in (_said(steps, text, *place, wide=False) for place in places) if not pattern.fullmatch(one)]
        agrees = len(pattern.findall(text)) >= len(places) and not (wrong and alike >= ALIKE)
        if not agrees and not wrong:  # something was put in just before or behind it
            wrong = [one for one in (_said(steps, text, *place, wide=True) for place in places) if not pattern.fullmatch(one)]
        compared.append(Fact(name, agrees, "" if agrees or not wrong or alike < KIN else wrong[0]))
    others = _others(reference, text, steps, within) if alike >= KIN else ()
    return Comparison(tuple(compared), others)


def _pattern(fact: str) -> re.Pattern[str]:
    body = "".join("." if letter == ANY else re.escape(letter) for letter in fact)
    before = r"(?<![\d.])" if fact[:1].isdigit() else ""
    after = r"(?![\d.])" if fact[-1:].isdigit() else ""
    return re.compile(before + body + after)


def _steps(reference: str, text: str) -> list[tuple[str, int, int, int, int]]:
    """How one text becomes the other. Letters that stand for any are equal to whatever stands in their place, one for one."""
    steps: list[tuple[str, int, int, int, int]] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, reference, text, autojunk=False).get_opcodes():
        if tag == "replace" and i2 - i1 == j2 - j1:
            for offset in range(i2 - i1):
                one = "equal" if reference[i1 + offset] == ANY else "replace"
                last = steps[-1] if steps else ("", 0, 0, 0, 0)
                if last[0] == one and last[2] == i1 + offset:
                    steps[-1] = (one, last[1], last[2] + 1, last[3], last[4] + 1)
                else:
                    steps.append((one, i1 + offset, i1 + offset + 1, j1 + offset, j1 + offset + 1))
        else:
            steps.append((tag, i1, i2, j1, j2))
    return steps


def _said(steps: list[tuple[str, int, int, int, int]], text: str, start: int, end: int, *, wide: bool) -> str:
    """What stands in the file where a stretch of the record should; `wide`: with what was put in at its edges."""
    first = last = None
    for tag, i1, i2, j1, j2 in steps:
        if tag == "insert":
            touches = start <= i1 <= end if wide else start < i1 < end
        else:
            touches = i1 < end and start < i2
        if touches:
            from_here = j1 + max(0, start - i1) if tag == "equal" else j1
            to_here = j1 + min(i2, end) - i1 if tag == "equal" else j2
            first, last = from_here if first is None else first, to_here
    return "" if first is None else text[first:last]


def _others(
    reference: str, text: str, steps: list[tuple[str, int, int, int, int]], within: list[tuple[int, int]]
) -> tuple[tuple[str, str], ...]:
    """The changes that lie in no fact; those with hardly a letter between them are one."""
    found: list[list[int]] = []
    for tag, i1, i2, j1, j2 in steps:
        if tag == "equal" or any(start <= i1 and i2 <= end for start, end in within):
            continue
        if found and i1 - found[-1][1] <= NEAR:
            found[-1][1], found[-1][3] = i2, j2
        else:
            found.append([i1, i2, j1, j2])
    return tuple((reference[i1:i2], text[j1:j2]) for i1, i2, j1, j2 in found)
