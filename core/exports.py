"""What leaves as a file. One idea: an exporter declares columns and yields rows, and gets CSV, XLSX and JSON lines.

All are made row by row: memory does not grow with the rows. CSV opens right in Excel (UTF-8 with
BOM, CRLF); text that a spreadsheet would take for a formula is defused there by an apostrophe. In
XLSX every text is a text cell, which no spreadsheet evaluates; such a one bears Excel's own mark of
a text (quotePrefix) too, so that it stays one when somebody edits it. Numbers and dates are typed.
JSON lines carry one object a row under the columns' keys, nothing changed in it.

A file can be made piece by piece too: `piece` gives some rows, `join` puts pieces together. A piece of CSV or JSON lines is
a piece of the file; one of a workbook, which is packed as a whole, holds its cells with their types.
"""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from decimal import Decimal
from functools import partial
from itertools import chain, islice
from operator import itemgetter
from typing import IO, Any
from urllib.parse import quote

import xlsxwriter
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext

# What a spreadsheet may read as the start of a formula, full-width forms included (OWASP, CSV injection).
FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")
ROWS_A_SHEET = 1_000_000  # Excel ends at 1,048,576
LINES_A_CHUNK = 500
LONGEST_CELL = 32767  # Excel's own
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/x-ndjson; charset=utf-8",
}


@dataclass(frozen=True)
class Column:
    """One column: its heading, what it takes from a row, its width in characters, and its name for programs and for choosing it."""

    title: str
    value: Callable[[Any], object]
    width: int = 14
    key: str = ""


@dataclass(frozen=True)
class Exporter:
    """A named table: columns, and rows that are read once, lazily."""

    name: str
    columns: list[Column]
    rows: Iterable

    def only(self, keys: Collection[str]) -> "Exporter":
        """The same rows with these columns alone, in their own order."""
        return replace(self, columns=[column for column in self.columns if column.key in keys])

    def csv(self) -> HttpResponseBase:
        """The table as a streamed CSV file."""
        return as_download(StreamingHttpResponse(csv_chunks(self), content_type=TYPES["csv"]), f"{self.name}.csv")

    def xlsx(self) -> HttpResponseBase:
        """The table as an Excel workbook."""
        return workbook(self.name, [self])

    def jsonl(self) -> HttpResponseBase:
        """The table as streamed JSON lines."""
        return as_download(StreamingHttpResponse(json_chunks(self), content_type=TYPES["jsonl"]), f"{self.name}.jsonl")

    def response(self, kind: str) -> HttpResponseBase:
        """The table in one of the formats of `TYPES`."""
        return {"csv": self.csv, "xlsx": self.xlsx, "jsonl": self.jsonl}[kind]()

    def piece(self, kind: str) -> "Piece":
        """Its rows as a piece of a file in one of the formats of `TYPES`. Held in memory: for some thousand rows."""
        if kind == "xlsx":
            values = [column.value for column in self.columns]
            cells = [[value(row) for value in values] for row in self.rows]
            return Piece(_as_typed_json(cells), cells)
        return Piece(b"".join(_csv_rows(self) if kind == "csv" else json_chunks(self)))

    def join(self, pieces: Iterable["Piece"], file: IO[bytes], kind: str, *, created: datetime) -> None:
        """Put pieces together into a file, one after another. The same pieces give the same bytes; its own rows are not read."""
        if kind == "xlsx":
            columns = [replace(column, value=itemgetter(index)) for index, column in enumerate(self.columns)]
            write_xlsx([Exporter(self.name, columns, chain.from_iterable(map(_cells_of, pieces)))], file, created=created)
            return
        if kind == "csv":
            file.write(_csv_head(self))
        for piece in pieces:
            file.write(piece.data)


@dataclass(frozen=True)
class Piece:
    """Some rows as they are laid down; of a workbook also the cells, where they are at hand still."""

    data: bytes
    cells: list[list] | None = None


def workbook(name: str, tables: list[Exporter]) -> HttpResponseBase:
    """Several tables as one Excel workbook, each on a sheet with its name, written to a temporary file that goes away with the response."""
    file = tempfile.TemporaryFile(suffix=".xlsx")  # noqa: SIM115 - FileResponse closes it
    try:
        write_xlsx(tables, file)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return as_download(FileResponse(file, content_type=TYPES["xlsx"]), f"{name}.xlsx")


def as_download(response: HttpResponseBase, name: str) -> HttpResponseBase:
    """The response as a file to keep, under this name, never kept by the browser."""
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response["Cache-Control"] = "no-store"
    return response


def defused(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in FORMULA_STARTS else text


# A million rows have some thirty million cells: what a cell becomes is looked up by its type.


_LIKE_ISO = "%04d-%02d-%02d %02d:%02d:%02d"  # isoformat asks for the offset of the zone again


def _instant(value: datetime) -> str:
    return _instant_in(timezone.get_current_timezone(), value)


def _instant_in(zone: tzinfo, value: datetime) -> str:
    at = value.astimezone(zone)
    return _LIKE_ISO % (at.year, at.month, at.day, at.hour, at.minute, at.second)


def _whatever(value: object) -> str:
    for kind, as_text in _CSV.items():
        if isinstance(value, kind):
            return as_text(value)
    return defused(str(value))


_CSV: dict[type, Callable[[Any], str]] = {
    str: defused,
    type(None): lambda _value: "",
    bool: lambda value: "1" if value else "0",
    int: str,
    float: str,
    Decimal: str,
    datetime: _instant,
    date: date.isoformat,
}
_WRITTEN_AS_THEY_ARE = frozenset({int, float, Decimal, type(None)})  # by csv.writer, as above


def csv_chunks(exporter: Exporter) -> Iterator[bytes]:
    """The bytes of the CSV file, some hundred lines at a time."""
    yield _csv_head(exporter)
    yield from _csv_rows(exporter)


def _csv_head(exporter: Exporter) -> bytes:
    return b"\xef\xbb\xbf" + _csv_text([[defused(str(column.title)) for column in exporter.columns]])


def _csv_rows(exporter: Exporter) -> Iterator[bytes]:
    # The zone is looked up once: that costs more than all else of an instant.
    kinds = _CSV | {datetime: partial(_instant_in, timezone.get_current_timezone())}
    rows = iter(exporter.rows)
    while some := list(islice(rows, LINES_A_CHUNK)):
        # Column by column: what is in one is mostly of one type, and much of it is the same again.
        columns = [_csv_cells(list(map(column.value, some)), kinds) for column in exporter.columns]
        yield _csv_text(zip(*columns, strict=True))


def _csv_text(lines: Iterable[Iterable]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def _csv_cells(cells: list, kinds: dict[type, Callable[[Any], str]]) -> list:
    """The cells of a column as csv.writer may take them."""
    types = set(map(type, cells))
    if types <= _WRITTEN_AS_THEY_ARE:
        return cells
    if types == {str} and FORMULA_STARTS.isdisjoint(text[:1] for text in set(cells)):
        return cells
    return [kinds.get(type(cell), _whatever)(cell) for cell in cells]


def _as_json(zone: tzinfo, value: object) -> object:
    """Instants with the offset of the zone, days as ISO 8601, decimals as text with all their digits, other things as their words."""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else str(value)


def json_chunks(exporter: Exporter) -> Iterator[bytes]:
    """One JSON object a row, under the columns' keys, some hundred lines at a time."""
    as_json = partial(_as_json, timezone.get_current_timezone())
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=as_json).encode
    columns = [(column.key or str(column.title), column.value) for column in exporter.columns]
    lines: list[str] = []
    for row in exporter.rows:
        lines.append(encode({key: value(row) for key, value in columns}) + "\n")
        if len(lines) >= LINES_A_CHUNK:
            yield "".join(lines).encode()
            lines.clear()
    if lines:
        yield "".join(lines).encode()


def write_xlsx(tables: list[Exporter], file: IO[bytes], *, created: datetime | None = None) -> None:
    """Write the workbook into a file; past a million rows a table goes on in a further sheet. `created` is the date that it bears, else now."""
    with xlsxwriter.Workbook(
        file,
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "remove_timezone": True,
        },
    ) as book:
        if created is not None:
            book.set_properties({"created": created})
        head = book.add_format({"bold": True, "bg_color": "#E8EEF5", "bottom": 1})
        formats = {
            "instant": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            "day": book.add_format({"num_format": "yyyy-mm-dd"}),
            "decimal": book.add_format({"num_format": "0.00"}),
            "text": book.add_format({"quote_prefix": True}),
        }
        for table in tables:
            sheet, line = None, 0
            for row in table.rows:
                if sheet is None or line > ROWS_A_SHEET:
                    # The first sheet of several bears the table's name.
                    sheet, line = _sheet(book, table, head, table.name if sheet is None and len(tables) > 1 else None), 1
                for index, column in enumerate(table.columns):
                    _write_cell(sheet, line, index, column.value(row), formats)
                line += 1
            if sheet is None:
                _sheet(book, table, head, table.name if len(tables) > 1 else None)


# What JSON says by itself. A cell of another type is a pair: its type, and its value as text.
_PLAIN = frozenset({str, int, float, bool, type(None)})
_TYPED: dict[str, Callable[[str], object]] = {"instant": datetime.fromisoformat, "day": date.fromisoformat, "decimal": Decimal}


def _as_typed_json(rows: list[list]) -> bytes:
    typed = [[cell if type(cell) in _PLAIN else _typed(cell) for cell in row] for row in rows]
    return json.dumps(typed, ensure_ascii=False, separators=(",", ":")).encode()


def _typed(value: object) -> object:
    if isinstance(value, datetime):
        return "instant", value.isoformat()
    if isinstance(value, date):
        return "day", value.isoformat()
    return ("decimal", str(value)) if isinstance(value, Decimal) else str(value)


def _cells_of(piece: Piece) -> list[list]:
    """The rows of a piece of a workbook, each a list of cells."""
    if piece.cells is not None:
        return piece.cells
    return [[_TYPED[cell[0]](cell[1]) if type(cell) is list else cell for cell in row] for row in json.loads(piece.data)]


def _sheet(book: xlsxwriter.Workbook, exporter: Exporter, head, name: str | None):
    sheet = book.add_worksheet(name)
    for index, column in enumerate(exporter.columns):
        sheet.set_column(index, index, column.width)
        sheet.write_string(0, index, str(column.title), head)
    sheet.freeze_panes(1, 0)
    return sheet


def _write_cell(sheet, line: int, index: int, value: object, formats: dict) -> None:
    if value is None or value == "":
        return
    if isinstance(value, datetime):
        sheet.write_datetime(line, index, timezone.localtime(value).replace(tzinfo=None), formats["instant"])
    elif isinstance(value, date):
        sheet.write_datetime(line, index, datetime(value.year, value.month, value.day), formats["day"])
    elif isinstance(value, bool):
        sheet.write_boolean(line, index, value)
    elif isinstance(value, Decimal):
        sheet.write_number(line, index, value, formats["decimal"])
    elif isinstance(value, int | float):
        sheet.write_number(line, index, value)
    else:
        text = _fitting(str(value))
        sheet.write_string(line, index, text, formats["text"] if text[:1] in FORMULA_STARTS else None)


def _fitting(text: str) -> str:
    """The text, or as much of it as a cell of a workbook holds, with the mark that it was cut. CSV and JSON lines have all of it."""
    if len(text) <= LONGEST_CELL:
        return text
    mark = gettext("… (cut off here)")
    return text[: LONGEST_CELL - len(mark)] + mark
