"""What leaves as a file. One idea: an exporter declares columns and yields rows, and gets CSV and XLSX.

Both are made row by row: memory does not grow with the rows. CSV opens right in Excel (UTF-8 with
BOM, CRLF); text that a spreadsheet would take for a formula is defused there by an apostrophe. In
XLSX every text is a text cell, which no spreadsheet evaluates, and numbers and dates are typed.
"""

import csv
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any
from urllib.parse import quote

import xlsxwriter
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

# What a spreadsheet may read as the start of a formula, full-width forms included (OWASP, CSV injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
ROWS_A_SHEET = 1_000_000  # Excel ends at 1,048,576
LINES_A_CHUNK = 500


@dataclass(frozen=True)
class Column:
    """One column: its heading, what it takes from a row, and its width in characters."""

    title: str
    value: Callable[[Any], object]
    width: int = 14


@dataclass(frozen=True)
class Exporter:
    """A named table: columns, and rows that are read once, lazily."""

    name: str
    columns: list[Column]
    rows: Iterable

    def csv(self) -> HttpResponseBase:
        """The table as a streamed CSV file."""
        response = StreamingHttpResponse(csv_chunks(self), content_type="text/csv; charset=utf-8")
        return _as_download(response, f"{self.name}.csv")

    def xlsx(self) -> HttpResponseBase:
        """The table as an Excel workbook."""
        return workbook(self.name, [self])


def workbook(name: str, tables: list[Exporter]) -> HttpResponseBase:
    """Several tables as one Excel workbook, each on a sheet with its name, written to a temporary file that goes away with the response."""
    file = tempfile.TemporaryFile(suffix=".xlsx")  # noqa: SIM115 - FileResponse closes it
    try:
        write_xlsx(tables, file)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    response = FileResponse(file, content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
    return _as_download(response, f"{name}.xlsx")


def _as_download(response: HttpResponseBase, name: str) -> HttpResponseBase:
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response["Cache-Control"] = "no-store"
    return response


def defused(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def csv_cell(value: object) -> str:
    """One value for CSV: instants in the county's time, decimals plain, text defused, None empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float | Decimal):
        return str(value)
    return defused(str(value))


class _Line:
    """A file for csv.writer that hands each line back."""

    def write(self, text: str) -> str:
        return text


def csv_chunks(exporter: Exporter) -> Iterator[bytes]:
    """The bytes of the CSV file, some hundred lines at a time."""
    writer = csv.writer(_Line())
    yield b"\xef\xbb\xbf" + writer.writerow([defused(str(column.title)) for column in exporter.columns]).encode()
    lines: list[str] = []
    for row in exporter.rows:
        lines.append(writer.writerow([csv_cell(column.value(row)) for column in exporter.columns]))
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
        sheet.write_string(line, index, str(value)[:32767])
