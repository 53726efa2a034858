"""Reading the spreadsheets that people hand in: xlsx, and CSV in UTF-8, GBK or Big5.

One idea: a file becomes sheets, a sheet becomes a header and numbered rows. Whatever the file
looks like — a merged title row above the header, blank rows, numbers where text was meant —
the caller gets text-keyed rows with the row number that the person sees in Excel.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import BinaryIO

import python_calamine
from charset_normalizer import from_bytes
from django.utils.translation import gettext as _

from core.errors import Refused
from core.text import squeeze
from core.uploads import check_spreadsheet

MAX_ROWS = 200_000
HEADER_WITHIN = 10  # rows: a header lower than that is no header


@dataclass(frozen=True)
class Row:
    """One data row: `number` as Excel counts it, `cells` by header name, missing cells as None."""

    number: int
    cells: dict[str, object]

    def text(self, name: str) -> str:
        """A cell as text; 12.0 reads as 12, a date as 2024-01-31."""
        return as_text(self.cells.get(name))

    @property
    def is_blank(self) -> bool:
        return not any(as_text(value) for value in self.cells.values())


@dataclass(frozen=True)
class Sheet:
    name: str
    grid: list[list[object]]
    first_row: int = 1

    def rows(self, required: list[str]) -> tuple[list[str], Iterator[Row]]:
        """The header and the non-blank rows below it. The header is the first row that has all required names.

        Raises:
            Refused: no such row within the first ten.
        """
        for index, cells in enumerate(self.grid[:HEADER_WITHIN]):
            header = [squeeze(cell) for cell in cells]
            if all(name in header for name in required):
                return header, self._below(index, header)
        missing = "、".join(required)
        raise Refused(
            _("Sheet “%(sheet)s” has no header row with the columns: %(columns)s.") % {"sheet": self.name, "columns": missing},
            code="no_header",
        )

    def _below(self, index: int, header: list[str]) -> Iterator[Row]:
        for offset, cells in enumerate(self.grid[index + 1 :], start=index + 1):
            values: dict[str, object] = {}
            for position, name in enumerate(header):
                if name and name not in values:
                    values[name] = cells[position] if position < len(cells) else None
            row = Row(self.first_row + offset, values)
            if not row.is_blank:
                yield row


def as_text(value: object) -> str:
    """A cell as the person meant it: whole floats without .0, dates as ISO, white space squeezed."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return squeeze(value)


def read(file: BinaryIO, *, name: str) -> list[Sheet]:
    """The sheets of an uploaded spreadsheet. Holds the whole file in memory; bounded by core.uploads.

    Raises:
        Refused: the content is neither xlsx nor CSV text, or it is too large, packed or unpacked.
    """
    kind, data = check_spreadsheet(file, name=name)
    if kind == "csv":
        return [_csv(data, name)]
    try:
        book = python_calamine.load_workbook(io.BytesIO(data))
        sheets = []
        for title in book.sheet_names:
            sheet = book.get_sheet_by_name(title)
            grid = sheet.to_python(skip_empty_area=False, nrows=MAX_ROWS + 1)
            if len(grid) > MAX_ROWS:
                raise Refused(
                    _("The sheet “%(sheet)s” has more than %(limit)d rows.") % {"sheet": title, "limit": MAX_ROWS}, code="too_many_rows"
                )
            sheets.append(Sheet(title, [list(cells) for cells in grid]))
        return sheets
    except Refused:
        raise
    except Exception as error:
        raise Refused(_("The file cannot be read as a spreadsheet: %(error)s") % {"error": str(error)[:200]}, code="unreadable") from error


def _csv(data: bytes, name: str) -> Sheet:
    text = decode(data)
    try:
        head = text[:4096].split("\n", 1)[0]
        divider = "\t" if "\t" in head and "," not in head else ","  # Excel's “Unicode text” is divided by tabs
        grid: list[list[object]] = [list(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=divider)]
    except csv.Error as error:
        raise Refused(_("The file cannot be read as CSV: %(error)s") % {"error": error}, code="unreadable") from error
    if len(grid) > MAX_ROWS:
        raise Refused(_("The file has more than %(limit)d rows.") % {"limit": MAX_ROWS}, code="too_many_rows")
    return Sheet(name, grid)


# First bytes of the signs of daily use: level 1 of GB 2312, and the frequently used ones of Big5.
GB_DAILY, BIG5_DAILY = range(0xB0, 0xD8), range(0xA4, 0xC7)
SURE_SHARE, SURE_LEAD = 0.75, 0.2
LOOKED_AT = 20_000  # signs


def decode(data: bytes) -> str:
    """The text of `decoded`. Raises: as that."""
    return decoded(data)[0]


def decoded(data: bytes) -> tuple[str, str, bool]:
    """Bytes of a Chinese text file as (text, name of the encoding, whether it is sure).

    UTF-8 and UTF-16 with a mark tell themselves. GB 18030 and Big5 give some text for each other's bytes, but it is
    made of signs that hardly anybody writes: whichever makes more of the signs of daily use is taken. Where neither is
    far ahead, or it is none of these, it is not sure.

    Raises:
        Refused: it is no text.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16"), "UTF-16", True
        except UnicodeDecodeError as error:
            raise Refused(_("The text is neither UTF-8 nor GBK."), code="unreadable") from error
    try:
        return data.decode("utf-8-sig"), "UTF-8", True
    except UnicodeDecodeError:
        pass
    chances = []
    for encoding, name, daily in (("gb18030", "GBK", GB_DAILY), ("cp950", "Big5", BIG5_DAILY)):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        chances.append((_share_of_daily(text, encoding, daily), name, text))
    chances.sort(key=lambda chance: -chance[0])
    if chances:
        share, name, text = chances[0]
        lead = share - (chances[1][0] if len(chances) > 1 else 0)
        return text, name, share >= SURE_SHARE and lead >= SURE_LEAD
    guess = from_bytes(data).best()
    if guess is None:
        raise Refused(_("The text is neither UTF-8 nor GBK."), code="unreadable")
    return str(guess), guess.encoding, False


def _share_of_daily(text: str, encoding: str, daily: range) -> float:
    """The share of the Chinese signs that are of daily use in this encoding; punctuation does not count."""
    signs = [sign for sign in text if ord(sign) > 0x7F and not unicodedata.category(sign).startswith("P")][:LOOKED_AT]
    used = 0
    for sign in signs:
        raw = sign.encode(encoding, "ignore")
        used += len(raw) == 2 and raw[0] in daily and (encoding != "gb18030" or raw[1] >= 0xA1)
    return used / len(signs) if signs else 0.0
