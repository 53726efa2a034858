"""Reading the spreadsheets that people hand in: xlsx, and CSV in UTF-8, GBK or Big5.

One idea: a file becomes sheets, a sheet becomes a header and numbered rows. Whatever the file
looks like — a merged title row above the header, blank rows, numbers where text was meant —
the caller gets text-keyed rows with the row number that the person sees in Excel.
"""

import csv
import io
import posixpath
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import BinaryIO
from xml.parsers import expat

import python_calamine
from celery.exceptions import SoftTimeLimitExceeded
from charset_normalizer import from_bytes
from django.utils.translation import gettext as _
from lxml import etree

from core.errors import Refused
from core.text import squeeze
from core.uploads import check_spreadsheet

MAX_ROWS = 200_000
HEADER_WITHIN = 10  # rows: a header lower than that is no header
# What Excel shows where a formula failed (ECMA-376 part 1, 18.17.3, and what later versions added).
ERRORS = {
    "#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "#GETTING_DATA", "#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!",
    "#CONNECT!", "#UNKNOWN!", "#BUSY!", "#PYTHON!", "#EXTERNAL!",
}  # fmt: skip


class Failed(str):
    """What stands in a cell whose formula gave no value: the error that it shows, or a formula that nothing has computed yet.

    Nobody meant it as a value, and it is not empty either: whoever reads the cell refuses it.
    """


def is_failed(value: object) -> bool:
    """Whether a cell is what a failed formula leaves, or a text that says the same: for columns in which neither is ever meant."""
    return isinstance(value, Failed) or (isinstance(value, str) and (value.strip() in ERRORS or value.lstrip().startswith("=")))


@dataclass(frozen=True)
class Row:
    """One data row: `number` as Excel counts it, `cells` by header name, missing cells as None.

    `beside`: what stands under no name, or under one that an earlier column has, by the letters of its column.
    `joined`: names whose cell is empty because it is merged into another one, which holds something, with the number of the row of that.
    """

    number: int
    cells: dict[str, object]
    beside: dict[str, object] = field(default_factory=dict)
    joined: dict[str, int] = field(default_factory=dict)

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
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)  # first and last cell of each, counted from 0

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

    def refuse_doubled(self, header: list[str], names: list[str]) -> None:
        """Raises: Refused: one of these names stands twice in the header."""
        if doubled := [name for name in names if header.count(name) > 1]:
            raise Refused(
                _("Sheet “%(sheet)s” has these columns twice: %(columns)s. Nobody could say which of them counts.")
                % {"sheet": self.name, "columns": "、".join(doubled)},
                code="doubled_column",
            )

    def _below(self, index: int, header: list[str]) -> Iterator[Row]:
        named = {position: name for position, name in enumerate(header) if name and header.index(name) == position}
        joined = self._joined(index, named)
        for offset, cells in enumerate(self.grid[index + 1 :], start=index + 1):
            values = {name: cells[position] if position < len(cells) else None for position, name in named.items()}
            beside = {column_letters(position): cell for position, cell in enumerate(cells) if position not in named and as_text(cell)}
            row = Row(self.first_row + offset, values, beside, joined.get(offset, {}))
            if not row.is_blank:
                yield row

    def _joined(self, index: int, named: dict[int, str]) -> dict[int, dict[str, int]]:
        """By row of the grid, what `Row.joined` says."""
        found: dict[int, dict[str, int]] = {}
        width = len(self.grid[index])
        left = len(self.grid) * width  # no sound file merges a cell twice
        for (first, column), (last, end) in self.merged:
            if first <= index or first >= len(self.grid) or column >= width or not as_text(self.grid[first][column]):
                continue
            cells = (
                (at, position) for at in range(first, min(last + 1, len(self.grid))) for position in range(column, min(end + 1, width))
            )
            for offset, position in islice(cells, 1, max(left, 1)):
                left -= 1
                if position in named:
                    found.setdefault(offset, {})[named[position]] = self.first_row + first
        return found


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
        failed = _failed(data)
        for title in book.sheet_names:
            sheet = book.get_sheet_by_name(title)
            grid = sheet.to_python(skip_empty_area=False, nrows=MAX_ROWS + 1)
            if len(grid) > MAX_ROWS:
                raise Refused(
                    _("The sheet “%(sheet)s” has more than %(limit)d rows.") % {"sheet": title, "limit": MAX_ROWS}, code="too_many_rows"
                )
            for (row, column), left in failed.get(title, {}).items():  # the reader gives an empty text for them
                if row < len(grid) and column < len(grid[row]):
                    grid[row][column] = left
            sheets.append(Sheet(title, [list(cells) for cells in grid], merged=list(sheet.merged_cell_ranges or [])))
        return sheets
    except (Refused, SoftTimeLimitExceeded):
        raise
    except Exception as error:
        raise Refused(_("The file cannot be read as a spreadsheet: %(error)s") % {"error": str(error)[:200]}, code="unreadable") from error


_PARSING = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False, "recover": True}


def _failed(data: bytes) -> dict[str, dict[tuple[int, int], Failed]]:
    """The cells of a workbook whose formula gave no value, by the title of the sheet, then by row and column counted from 0."""
    found = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for title, name in _parts(archive):
            part = archive.read(name)
            plain = part.replace(b"\x00", b"")  # UTF-16 without its zeros reads like ASCII
            if b't="e"' in plain or b"t='e'" in plain or b"<f" in plain or b":f" in plain:
                found[title] = _failed_in(part)
    return found


def _parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """The sheets of a workbook with the part of the archive that holds each."""
    names = {name.lower(): name for name in archive.namelist()}

    def tree(name: str) -> etree._Element | None:
        held = names.get(name.lower())
        return etree.fromstring(archive.read(held), etree.XMLParser(**_PARSING)) if held else None

    relations = tree("xl/_rels/workbook.xml.rels")
    targets = {each.get("Id"): each.get("Target", "") for each in ([] if relations is None else relations)}
    book = tree("xl/workbook.xml")
    for sheet in [] if book is None else book.iter("{*}sheet"):
        relation = next((value for name, value in sheet.attrib.items() if name.endswith("}id")), None)
        target = targets.get(relation, "")
        path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))
        if held := names.get(path.lower()):
            yield sheet.get("name", ""), held


def _failed_in(part: bytes) -> dict[tuple[int, int], Failed]:
    """The same of one sheet. Rows and cells that do not say where they stand follow the one before."""
    found: dict[tuple[int, int], Failed] = {}
    row = column = -1
    kind, texts, inside = "", {"f": "", "v": ""}, ""
    has_formula = False

    def begun(tag: str, said: dict[str, str]) -> None:
        nonlocal row, column, kind, texts, inside, has_formula
        name = tag.rpartition(":")[2]
        where = said.get("r", "")
        if name == "row":
            row, column = int(where) - 1 if where.isdecimal() else row + 1, -1
        elif name == "c":
            letters = where.rstrip("0123456789").upper()
            column = _column(letters) if letters.isascii() and letters.isalpha() else column + 1
            kind, texts, has_formula = said.get("t", ""), {"f": "", "v": ""}, False
        elif name in texts:
            inside, has_formula = name, has_formula or name == "f"

    def written(text: str) -> None:
        if inside:
            texts[inside] += text

    def ended(tag: str) -> None:
        nonlocal inside
        inside = ""
        if tag.rpartition(":")[2] != "c":
            return
        if kind == "e":
            found[row, column] = Failed(texts["v"] or "#N/A")
        elif has_formula and not texts["v"] and kind not in {"str", "inlineStr"}:  # an empty text is a result
            found[row, column] = Failed(f"={texts['f']}")

    parser = expat.ParserCreate()  # fetches nothing, and bounds what entities grow to
    parser.buffer_text = True
    parser.StartElementHandler, parser.CharacterDataHandler, parser.EndElementHandler = begun, written, ended
    parser.Parse(part, True)
    return found


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def column_letters(column: int) -> str:
    """The letters of a column that is counted from 0, as Excel shows them."""
    name = ""
    while column >= 0:
        column, rest = divmod(column, 26)
        name, column = chr(65 + rest) + name, column - 1
    return name


def _csv(data: bytes, name: str) -> Sheet:
    text = decode(data)
    try:
        head = "".join(text[:16384].splitlines(keepends=True)[:HEADER_WITHIN])
        divider = "\t" if head.count("\t") > head.count(",") else ","  # Excel's “Unicode text” is divided by tabs
        grid: list[list[object]] = [
            [Failed(cell) if cell in ERRORS else cell for cell in row]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=divider)
        ]
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
