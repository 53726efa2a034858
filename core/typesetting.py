"""Paper by typst: a layout and data make a PDF. Data is never read as markup, and no character becomes a box."""

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import typst

from core import fonts

_one_at_a_time = threading.Lock()


@cache
def _compiler(folder: Path) -> typst.Compiler:
    """One a process and folder of layouts: it keeps its fonts and what it has parsed."""
    return typst.Compiler(root=folder, font_paths=fonts.folders(), ignore_system_fonts=True)


def texts_in(data: Any) -> Iterator[str]:
    """Every text in some nested data, but those under `svg`: they are pictures."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for name, value in data.items():
            if name != "svg":
                yield from texts_in(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from texts_in(value)


def typeset(layout: Path, data: dict, *, at: datetime, **options) -> bytes:
    """The layout filled with the data (which it finds as JSON in `sys.inputs.data`); the same bytes for the same data and instant.

    One compilation at a time in a process. `options` go to typst: another format, the resolution.

    Raises:
        Refused: a character has no glyph in the fonts ("missing_glyph").
        ImproperlyConfigured: the fonts are not installed.
    """
    fonts.require_glyphs(texts_in(data))
    with _one_at_a_time:
        made = _compiler(layout.parent).compile(
            input=layout,
            sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
            timestamp=at.replace(microsecond=0),
            **{"format": "pdf", **options},
        )
    assert isinstance(made, bytes), "one document"
    return made
