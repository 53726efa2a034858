"""What leaves as a file. One idea: an exporter declares columns and yields rows, and gets CSV, XLSX and JSON lines.

All are made row by row: memory does not grow with the rows. CSV opens right in Excel (UTF-8 with
BOM, CRLF); text that a spreadsheet would take for a formula is defused there by an apostrophe. In
XLSX every text is a text cell, which no spreadsheet evaluates; such a one bears Excel's own mark of
a text (quotePrefix) too, so that it stays one when somebody edits it. Numbers and dates are typed.
JSON lines carry one object a row under the columns' keys, nothing changed in it.
"""

import csv
import json
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import IO, Any
from urllib.parse import quote

import xlsxwriter
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

# What a spreadsheet may read as the start of a formula, full-width forms included (OWASP, CSV injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
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

    def write(self, file: IO[bytes], kind: str) -> None:
        """The table in one of the formats of `TYPES`, into a file."""
        if kind == "xlsx":
            write_xlsx([self], file)
            return
        for chunk in csv_chunks(self) if kind == "csv" else json_chunks(self):
            file.write(chunk)


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
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


# A million rows have some thirty million cells: what a cell becomes is looked up by its type.


def _instant(value: datetime) -> str:
    return timezone.localtime(value).isoformat(" ", "seconds")[:19]


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


def csv_cell(value: object) -> str:
    """One value for CSV: instants in the county's time, decimals plain, text defused, None empty."""
    return _CSV.get(type(value), _whatever)(value)


class _Line:
    """A file for csv.writer that hands each line back."""

    def write(self, text: str) -> str:
        return text


def csv_chunks(exporter: Exporter) -> Iterator[bytes]:
    """The bytes of the CSV file, some hundred lines at a time."""
    line = csv.writer(_Line()).writerow
    yield b"\xef\xbb\xbf" + line([defused(str(column.title)) for column in exporter.columns]).encode()
    values, known, other = [column.value for column in exporter.columns], _CSV.get, _whatever
    lines: list[str] = []
    for row in exporter.rows:
        cells = [value(row) for value in values]
        lines.append(line([known(type(cell), other)(cell) for cell in cells]))
        if len(lines) >= LINES_A_CHUNK:
            yield "".join(lines).encode()
            lines.clear()
    if lines:
        yield "".join(lines).encode()


def _as_json(value: object) -> object:
    """Instants with the county's offset, days as ISO 8601, decimals as text with all their digits, other things as their words."""
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else str(value)


def json_chunks(exporter: Exporter) -> Iterator[bytes]:
    """One JSON object a row, under the columns' keys, some hundred lines at a time."""
    encode = partial(json.dumps, ensure_ascii=False, separators=(",", ":"), default=_as_json)
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
        text = str(value)[:LONGEST_CELL]
        sheet.write_string(line, index, text, formats["text"] if text.startswith(FORMULA_STARTS) else None)
