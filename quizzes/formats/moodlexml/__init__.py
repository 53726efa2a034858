"""Moodle XML (https://docs.moodle.org/en/Moodle_XML_format).

The file is cut into its <question> elements first and each is parsed by itself: a broken one is
refused alone, no document type can declare entities, and memory holds one item at a time.
"""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.errors import Refused
from quizzes.formats import moodle, xml
from quizzes.formats.base import Format, Found, Item, Outcome, alone, carried
from quizzes.formats.moodlexml import reading, writing
from quizzes.kinds import Wrong

TOKEN = re.compile(r"<!--|<!\[CDATA\[|<question(?=[\s>/])|</question\s*>")
NAMED = re.compile(r"<name>\s*<text>([^<]*)</text>")  # of a question that cannot be parsed
OPENING = re.compile(r"<question\s+type=")
BROKEN = re.compile(r"<question\s+type=|</question\s*>")


class MoodleXml(Format):
    key = "moodlexml"
    label = gettext_lazy("Moodle XML")
    suffix = "xml"
    content_type = "application/xml"
    hint = gettext_lazy("All kinds but cases, with images, formulas, categories and tags.")

    def read(self, data: bytes, *, name: str = "") -> Iterator[Found]:
        text = xml.text_of(data)
        if "<quiz" not in text[:20_000]:
            raise Refused(_("The file is no Moodle XML: there is no <quiz> in it."), code="wrong_content")
        xml.check_declarations(text[: max(0, text.find("<question"))] or text)
        category = ""
        for piece in _pieces(text):
            found = Found(_("line %(line)d") % {"line": piece.line})
            with alone(found):
                if piece.fault:
                    raise Wrong(piece.fault)
                question = xml.parsed(piece.text)
                if question.get("type") == "category":
                    category = reading.plain_text(question.find("category"))
                    continue
                reading.fill(found, question, category)
            if found.item is None:
                named = None if found.code or " " in found.place else NAMED.search(piece.text[:2000])
                found.place = f"{found.place} {named.group(1).strip()[:60]}" if named else found.place
            yield found

    def estimate(self, data: bytes) -> int:
        return data.count(b"</question>")

    def write(self, items: Iterable[Item], out: BinaryIO) -> list[Outcome]:
        point = ""

        def put(item: Item) -> list[str]:
            nonlocal point
            text = writing.written(item)
            if item.point != point:
                point = item.point
                path = html.escape(moodle.category_of(point), quote=False)
                out.write(f'  <question type="category">\n    <category><text>{path}</text></category>\n  </question>\n'.encode())
            out.write(text.encode())
            return []

        out.write(b'<?xml version="1.0" encoding="UTF-8"?>\n<quiz>\n')
        outcomes = carried(items, put)
        out.write(b"</quiz>\n")
        return outcomes


# ---- the file ------------------------------------------------------------------------------


@dataclass
class _Piece:
    line: int
    text: str = ""
    fault: str = ""


def _pieces(text: str) -> Iterator[_Piece]:
    """The <question> elements with their lines; what is broken ends where the next one begins."""
    start, line, counted = -1, 1, 0
    at, closes = 0, {"-->": -2, "]]>": -2}  # where the next ones are: looked for once, not again from each opening
    while (token := TOKEN.search(text, at)) is not None:
        at, sign = token.end(), token.group()
        if sign.startswith("<!"):
            close = "-->" if sign == "<!--" else "]]>"
            if closes[close] != -1 and closes[close] < at:
                closes[close] = text.find(close, at)
            end = closes[close]
            broken = BROKEN.search(text, at, end if end >= 0 else len(text)) if start >= 0 else None
            if end < 0 or (broken and start >= 0 and sign != "<!--"):
                if start >= 0:
                    yield _Piece(line, fault=_("a CDATA section or a comment is not closed"))
                start = -1
                again = OPENING.search(text, at)
                if again is None:
                    return
                at = again.start()
            else:
                at = end + len(close)
        elif sign.startswith("</"):
            if start >= 0:
                yield _Piece(line, text[start:at])
            start = -1
        else:
            if start >= 0:
                yield _Piece(line, fault=_("the element <question> is not closed"))
            start = token.start()
            line, counted = line + text.count("\n", counted, start), start
    if start >= 0:
        yield _Piece(line, fault=_("the file ends in the middle of this question"))


FORMAT = MoodleXml()
