"""File formats of questions, one file each behind one small interface (`base.Format`).

Adding a format: write its file with a class, name the module below.
"""

from importlib import import_module

from core.errors import Refused
from quizzes.formats.base import CannotCarry, Format, Found, Item, Outcome, text_of

_MODULES = ["sheet", "gift", "aiken", "moodlexml", "qti"]
_BY_KEY: dict[str, Format] = {}
HEAD = 65_536  # bytes in which a text file says what it is


def _load() -> dict[str, Format]:
    if not _BY_KEY:
        for module in _MODULES:
            found = import_module(f"quizzes.formats.{module}").FORMAT
            _BY_KEY[found.key] = found
    return _BY_KEY


def of(key: str) -> Format:
    """The format with this key.

    Raises:
        KeyError: there is none.
    """
    return _load()[key]


def every() -> list[Format]:
    return list(_load().values())


def guess(data: bytes, name: str) -> str:
    """The key of the format that a file has by its content, or else by its name."""
    head = data[:4096]
    if head.startswith(b"PK"):
        return "qti" if b"imsmanifest.xml" in data else "xlsx"
    text = head.replace(b"\x00", b"").upper()  # UTF-16 too
    if name.lower().endswith(".xml") or text.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(
        (b"<?XML", b"<!", b"<QUIZ", b"<QTI")
    ):  # GIFT may be full of HTML
        return "qti" if b"QTI-ASSESSMENT-ITEM" in text else "moodlexml"
    if name.lower().endswith((".csv", ".xlsx")):
        return "xlsx"
    return "aiken" if import_module("quizzes.formats.aiken").looks_like(_head_of(data)) else "gift"


def _head_of(data: bytes) -> str:
    """The first lines as text; "" when nobody can tell its encoding: reading the file says so."""
    head = data[:HEAD]
    if len(data) > HEAD and b"\x00" not in head:  # UTF-16 is not cut within a sign here, other encodings might be
        head = head[: max(head.rfind(b"\n"), head.rfind(b"\r"))]
    try:
        return text_of(head)[0]
    except Refused:
        return ""


def choices() -> list[tuple[str, object]]:
    """(key, label) of every format, for forms."""
    return [(each.key, each.label) for each in every()]


__all__ = ["CannotCarry", "Format", "Found", "Item", "Outcome", "choices", "every", "guess", "of"]
