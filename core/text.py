"""Text without a meaning of its own: width, masking, search tokens."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise

from django.utils.translation import gettext_noop

# Django's own refusal of a NUL; our catalogue says it in words that a clerk understands.
gettext_noop("Null characters are not allowed.")

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_SPACES = re.compile(r"\s+")
_CJK = re.compile(r"[㐀-䶿一-鿿豈-﫿\U00020000-\U0003ffff]")


def looked_for(values: Mapping[str, str], name: str) -> str:
    """What an address looks for under a name; without signs that no database keeps or looks for, such as a NUL."""
    return printable(values.get(name, ""))


def squeeze(value: object) -> str:
    """A cell as text: NFC, white space (also full-width) folded to one blank, ends trimmed."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", str(value or ""))).strip()


def mask_name(name: str) -> str:
    """A name that a stranger may see: 张明 → 张*, 张　明 → 张*, 张小明 → 张*明, 阿普·尔古 → 阿***古. Blanks are no letters."""
    letters = "".join(name.split())
    if len(letters) <= 1:
        return "*" if letters else ""
    if len(letters) == 2:
        return letters[0] + "*"
    return letters[0] + "*" * (len(letters) - 2) + letters[-1]


def mask_phone(number: str) -> str:
    """A number as others see it: 13912345678 → 139****5678; "" for one too short to hide anything of."""
    return f"{number[:3]}****{number[-4:]}" if len(number) >= 8 else ""


def mask_mail(address: str) -> str:
    """An address as others see it: wang@example.cn → w****@example.cn."""
    name, at, host = address.rpartition("@")
    return f"{name[:1]}****{at}{host}" if address else ""


def search_tokens(*texts: str) -> str:
    """Words for a search index that has no Chinese parser.

    Latin words and numbers stay whole; each run of Chinese characters becomes its single
    characters and its overlapping pairs, so that 安全 is found inside 安全生产.
    """
    tokens: dict[str, None] = {}
    for text in texts:
        for run in re.findall(r"[A-Za-z0-9]+|[^\sA-Za-z0-9]+", unicodedata.normalize("NFKC", text or "").lower()):
            if run[0].isascii():
                if run.isalnum():
                    tokens[run] = None
                continue
            letters = [letter for letter in run if _CJK.match(letter)]
            for index, letter in enumerate(letters):
                tokens[letter] = None
                if index + 1 < len(letters):
                    tokens[letter + letters[index + 1]] = None
    return " ".join(tokens)


def query_tokens(query: str) -> list[str]:
    """What a typed query looks for: pairs where it has two characters or more, else the single one."""
    wanted: dict[str, None] = {}
    for run in re.findall(r"[A-Za-z0-9]+|[^\sA-Za-z0-9]+", unicodedata.normalize("NFKC", query or "").lower()):
        if run[0].isascii():
            if run.isalnum():
                wanted[run] = None
            continue
        # What stands on both sides of a comma need not stand side by side in the text.
        for letters in "".join(letter if _CJK.match(letter) else " " for letter in run).split():
            if len(letters) == 1:
                wanted[letters] = None
            for left, right in pairwise(letters):
                wanted[left + right] = None
    return list(wanted)


def folded(text: str) -> str:
    """The text as query_tokens sees it — lower case, half width — letter for letter, so that positions still fit."""
    return "".join(_fold(letter) for letter in text)


@lru_cache(maxsize=8192)
def _fold(letter: str) -> str:
    plain = unicodedata.normalize("NFKC", letter).lower()
    return plain if len(plain) == 1 else letter


def highlighted(text: str, tokens: list[str]) -> list[tuple[str, bool]]:
    """The text cut into (part, is it a find): overlapping finds run together, so 安全 and 全生 mark 安全生."""
    low = folded(text)
    marked = [False] * len(text)
    for token in tokens:
        start = low.find(token) if token else -1
        while start >= 0:
            marked[start : start + len(token)] = [True] * len(token)
            start = low.find(token, start + 1)
    parts: list[tuple[str, bool]] = []
    for letter, hit in zip(text, marked, strict=True):
        if parts and parts[-1][1] == hit:
            parts[-1] = (parts[-1][0] + letter, hit)
        else:
            parts.append((letter, hit))
    return parts


def printable(text: str) -> str:
    """Text as it goes on paper: control, bidirectional and zero-width characters and halves of pairs left out, line breaks kept."""
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in {"Cc", "Cf", "Cs"})


def is_storable(text: str) -> bool:
    """Whether a database and an answer take it: JSON can hold a NUL and half of a surrogate pair, which they do not."""
    return _UNSTORABLE.search(text) is None
