"""Numbers, validity, wording and the digest of a certificate: pure functions."""

import hashlib
import json
import re
import unicodedata
from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _

from core.errors import Refused
from core.text import printable

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PLACEHOLDERS = ("name", "unit", "course", "hours", "score", "date")
INK, ACCENT = "#1f2a37", "#1d4e7a"  # what paper and picture are printed in unless a template says otherwise
CONTRAST = 4.5  # WCAG 2.2, 1.4.3, of text against paper or picture
_QUIETER = 0.18  # the share of white in what is said more quietly

_NUMBER = re.compile(r"([A-Z]{2,10})(\d{2})(\d{4})(\d{6})(\d{5,7})([0-9A-Z])")
_AROUND = re.compile(r"^[^0-9A-Za-z]+|[^0-9A-Za-z]+$")  # 证书编号：… 。
_SEPARATORS = re.compile(r"[\s\-_‐‑‒–—―−﹘﹣－・·.]+")
_LONGEST_INPUT = 80
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_OFTEN = 2  # times that one placeholder may stand in a wording: it has to fit the paper when all are filled
_TOGETHER = re.compile(
    r"[^\s\u200b\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)  # neither white space nor characters
_LONGEST_RUN = 30
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
# GB/T 36901 keeps the word for statutory licences; written apart, in full width or in traditional characters it is the same word.
_LICENCE = re.compile(r"电子证照|電子證照|电子證照|電子证照")
_LICENCE_EN = re.compile(r"\b(?:electronic|digital|e)[\s\-_‐‑–—.]*(?:certificate[s]?\s+and\s+)?(?:licen[cs]e|permit)s?\b", re.IGNORECASE)
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def check_character(payload: str) -> str:
    """The check character of ISO/IEC 7064 MOD 37,36 over digits and capital letters.

    It catches every single substitution and all adjacent transpositions but one in 630 (the hybrid
    systems of the standard leave one pair for each inner state).
    """
    product = 36
    for character in payload:
        product = ((product + ALPHABET.index(character)) % 36 or 36) * 2 % 37
    return ALPHABET[(37 - product) % 36]


def compose_number(*, prefix: str, category: str, year: int, county_code: str, serial: int) -> str:
    """PREFIX-类别2-年份4-机构6-流水5-校验1, such as YAZWGK-01-2026-532325-00001-X.

    Past 99,999 the serial grows to six and seven digits; nothing wraps around.
    """
    parts = [prefix, category, f"{year:04d}", county_code, f"{serial:05d}"]
    number = "-".join([*parts, check_character("".join(parts))])
    if not _NUMBER.fullmatch(number.replace("-", "")):
        raise ValueError(f"no well-formed certificate number: {number}")
    return number


def read_number(typed: str) -> str:
    """A number as somebody typed or pasted it, in its one written form.

    Small letters, full width, spaces, other dashes, missing dashes, the label before it on the paper, a full stop after it, and a
    pasted check address are taken.

    Raises:
        Refused: code "malformed" (not such a number at all) or "wrong_check" (mistyped: the check
            character does not fit, so no certificate can have this number).
    """
    text = printable(unicodedata.normalize("NFKC", str(typed)[:400])).strip()
    if "/verify/" in text:
        text = text.rsplit("/verify/", 1)[1].split("?")[0].strip("/").removesuffix(".json")
    text = _SEPARATORS.sub("", _AROUND.sub("", text)).upper()
    found = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_INPUT and text.isascii() else None
    if found is None:
        raise Refused(_("This is not the form of a certificate number. It looks like YAZWGK-01-2026-532325-00001-T."), code="malformed")
    prefix, category, year, county_code, serial, check = found.groups()
    if check_character(text[:-1]) != check:
        raise Refused(
            _("The number is mistyped: its last character, the check character, does not fit. Please compare it with the paper."),
            code="wrong_check",
        )
    return "-".join([prefix, category, year, county_code, serial, check])


def add_months(day: date, months: int) -> date:
    """The corresponding day so many months later; the month's last day where there is none.

    That day is the last day of a period of months which begins after `day` (《民法典》第二百零一条、第二百零二条).
    """
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def last_valid_day(issued_on: date, validity_months: int) -> date | None:
    """The last day of validity; None when it never ends (0 months)."""
    return add_months(issued_on, validity_months) if validity_months else None


def standing(events: Iterable[tuple[str, date]], day: date) -> str | None:
    """What the events up to a day, oldest first, leave standing: "suspended", "replaced", "revoked", or None.

    The end of validity is no event here: it follows from the dates. Revoked and replaced are final.
    """
    found = None
    for kind, on in events:
        if on > day or found in ("revoked", "replaced"):
            break
        found = None if kind == "restored" else kind
    return found


def check_wording(wording: str) -> None:
    """Let a wording pass whose placeholders can all be filled.

    Raises:
        Refused: an unknown placeholder, one too often, or a stray brace; named.
    """
    known = "、".join(f"{{{name}}}" for name in PLACEHOLDERS)
    for found in _PLACEHOLDER.finditer(wording):
        if found[1] not in PLACEHOLDERS:
            raise Refused(
                _("Unknown placeholder %(found)s. Known ones are: %(known)s.") % {"found": found[0], "known": known},
                code="unknown_placeholder",
            )
    if re.search(r"[{}]", _PLACEHOLDER.sub("", wording)):
        raise Refused(_("A brace stands alone. Placeholders are written like %(known)s.") % {"known": known}, code="stray_brace")
    for name in PLACEHOLDERS:
        if wording.count(f"{{{name}}}") > _OFTEN:
            raise Refused(
                _("{%(name)s} stands in the wording more than twice: filled in, it would not fit the paper.") % {"name": name},
                code="too_often",
            )


def fill_wording(wording: str, values: Mapping[str, str]) -> str:
    """The wording with its placeholders filled, each once: a value that looks like a placeholder stays as it is."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], wording)


def difference(before: str, after: str) -> tuple[str, str, str, str]:
    """(head, old, new, tail): what both texts begin and end with, and between them what the one has and the other."""
    shorter = min(len(before), len(after))
    head = next((place for place in range(shorter) if before[place] != after[place]), shorter)
    rest = shorter - head
    tail = next((place for place in range(rest) if before[-1 - place] != after[-1 - place]), rest)
    return before[:head], before[head : len(before) - tail], after[head : len(after) - tail], before[len(before) - tail :]


def chinese_date(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def english_date(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def breakable(text: str) -> str:
    """The text with places to break in each run of more than 30 signs that no line would break between."""
    return _TOGETHER.sub(lambda run: "\u200b".join(re.findall(".{1,15}", run[0])) if len(run[0]) > _LONGEST_RUN else run[0], text)


def wide_runs(text: str) -> list[str]:
    """The two widest runs that no line breaks between, at a guess: a line has to have room for them. Short ones fit anyway."""
    runs = {run for run in _TOGETHER.findall(text) if 5 < len(run) <= _LONGEST_RUN}
    return sorted(runs, key=lambda run: (-sum(map(_guessed_width, run)), run))[:2]


def _guessed_width(sign: str) -> float:
    """In parts of the type size."""
    if sign in "WMm@%wQO" or ord(sign) > 0x24F:
        return 1.0
    return 0.7 if sign.isupper() else 0.55


def calls_itself_a_licence(text: str) -> bool:
    """Whether a text uses the name of statutory licences, 电子证照 or "electronic licence", however it is spaced."""
    text = printable(unicodedata.normalize("NFKC", text))
    return bool(_LICENCE.search(re.sub(r"[\W_]+", "", text)) or _LICENCE_EN.search(text))


def is_colour(text: str) -> bool:
    return bool(_COLOUR.fullmatch(text))


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb in sRGB: 0 black, 1 white (WCAG 2.2, definition of relative luminance)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def quieter(colour: str) -> str:
    """A colour for labels and notes: paler than the text, and still to be read."""
    parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(part + (255 - part) * _QUIETER):02x}" for part in parts)


def contrast(one: float, other: float) -> float:
    """Contrast ratio of two relative luminances, 1 to 21 (WCAG 2.2, definition of contrast ratio)."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def digest(facts: Mapping[str, Any]) -> str:
    """SHA-256, in hex, over the canonical JSON of facts: keys sorted, no blanks, UTF-8."""
    canonical = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def renewal_days(valid_until: date | None, *, window_days: int, grace_days: int) -> tuple[date, date] | None:
    """The first and the last day on which a certificate can be renewed; None when it never ends or its kind is not renewed."""
    if valid_until is None or not window_days:
        return None
    return valid_until - timedelta(days=window_days), valid_until + timedelta(days=grace_days)


def renewed_until(issued_on: date, old_until: date | None, validity_months: int) -> date | None:
    """The last day of a renewal: its months begin after the day of issue or after the old last day, whichever is later.

    Who renews early loses no day, and who renews late gains none.
    """
    return last_valid_day(max(issued_on, old_until) if old_until else issued_on, validity_months)


def circle(asks: Mapping[str, Iterable[str]]) -> list[str]:
    """The keys of a circle among kinds that ask for kinds, such as ["a", "b", "a"]; [] if there is none."""
    done: set[str] = set()

    def search(key: str, above: list[str]) -> list[str]:
        if key in above:
            return [*above[above.index(key) :], key]
        if key in done:
            return []
        for lower in asks.get(key, ()):
            if found := search(lower, [*above, key]):
                return found
        done.add(key)
        return []

    for key in asks:
        if found := search(key, []):
            return found
    return []


def short_list(names: Iterable[str], longest: int) -> str:
    """Names in one line that fits: 、 between them, 等 at the end where some had to be left out."""
    names = list(names)
    line = "、".join(names)
    while len(line) > longest and len(names) > 1:
        names.pop()
        line = "、".join(names) + "等"
    return line[:longest]
