"""Paper by typst: a layout and data make a PDF. Data is never read as markup, and no character becomes a box."""

import json
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import typst

from core import fonts

_one_at_a_time = threading.Lock()
# What wraps a layout that carries files: typst reads `#include` from the folder of layouts.
_CARRYING = """#include "{layout}"
#for file in json(bytes(sys.inputs.carried)) {{
  pdf.attach(file.name, bytes(file.text), relationship: file.relationship, mime-type: file.media_type, description: file.description)
}}
"""


@dataclass(frozen=True)
class Attachment:
    """A text file that a PDF carries, as an associated file of the document (ISO 32000-2, 14.13). Never printed."""

    name: str
    text: str
    media_type: str
    relationship: str  # to the document: "source", "data", "alternative" or "supplement"
    description: str


@cache
def _compiler(folder: Path) -> typst.Compiler:
    """One a process and folder of layouts: it keeps its fonts and what it has parsed."""
    return typst.Compiler(root=folder, font_paths=fonts.folders(), ignore_system_fonts=True)


def texts_in(data: Any) -> Iterator[str]:
    """Every text in some nested data, but those under `svg` and `drawn`: pictures, and formulas, which bring a font of their own."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for name, value in data.items():
            if name not in {"svg", "drawn"}:
                yield from texts_in(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from texts_in(value)


def archival(texts: Iterator[str]) -> list[str]:
    """The standards that a paper of these texts is made to: PDF/A-3 with conformance level A, and PDF/UA-1.

    Level U where a text has a character of private use, such as a county's own font brings: level A forbids them
    (ISO 19005-3, 6.2.11.7.3).
    """
    has_private = any(unicodedata.category(character) == "Co" for text in texts for character in text)
    return ["a-3u" if has_private else "a-3a", "ua-1"]


def typeset(layout: Path, data: dict, *, at: datetime, archive: bool = False, carried: Sequence[Attachment] = (), **options) -> bytes:
    """The layout filled with the data (which it finds as JSON in `sys.inputs.data`); the same bytes for the same data and instant.

    With `archive` a tagged PDF/A-3 that also claims PDF/UA-1; typst refuses what would break the claim. It may carry files.
    One compilation at a time in a process. `options` go to typst: another format, the resolution.

    Raises:
        Refused: a character has no glyph in the fonts ("missing_glyph").
        ImproperlyConfigured: the fonts are not installed.
        TypstError: the layout breaks a rule of the standard, such as a picture without words for it.
    """
    fonts.require_glyphs(texts_in(data))
    if archive:
        options["pdf_standards"] = archival(texts_in(data))
    inputs = {"data": json.dumps(data, ensure_ascii=False)}
    if carried:
        inputs["carried"] = json.dumps([asdict(file) for file in carried], ensure_ascii=False)
    with _one_at_a_time:
        made = _compiler(layout.parent).compile(
            input=_CARRYING.format(layout=layout.name).encode() if carried else layout,
            sys_inputs=inputs,
            timestamp=at.replace(microsecond=0),
            **{"format": "pdf", **options},
        )
    assert isinstance(made, bytes), "one document"
    return made
