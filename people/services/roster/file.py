"""A roster file as rows: what can be read, and what is wrong with the rest. No database is asked."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core import tables
from core.errors import Refused, RowError
from core.text import is_storable, printable, squeeze
from people import rules

PEOPLE_COLUMNS = ["工号", "姓名", "单位"]
UNIT_COLUMNS = ["单位代码", "单位名称"]
PEOPLE_READ = [*PEOPLE_COLUMNS, "内设机构", "职务", "人员类别", "政务公开职责", "手机", "邮箱", "任现职时间", "状态"]
UNIT_READ = [*UNIT_COLUMNS, "简称", "类型", "上级代码", "垂直管理"]
ROW_BEFORE, WHY = "原行号", "拒绝原因"  # the last two columns of the workbook of refused rows
NAMED = 20  # columns in one notice
LOOKS_MEANT = 3  # columns that are read in one row: a sheet of hints has fewer
SAYS_NOTHING = {"序号", "性别", ROW_BEFORE, WHY}  # not read, and nobody expects it

# What each broken rule says to the person who has to mend the row.
RULES = {
    "missing": gettext_noop("This cell must not be empty."),
    "formula_failed": gettext_noop("The formula of this cell gave no value: %(value)s"),
    "merged": gettext_noop("This cell is merged with another one in row %(first)d. Undo the merge and fill in every row."),
    "not_read": gettext_noop("These columns are not read: %(columns)s."),
    "sheet_left": gettext_noop("This sheet is not read: it lacks the columns %(columns)s."),
    "title_row": gettext_noop("Only one cell is filled: this looks like a title or a remark, not a person."),
    "number_fraction": gettext_noop("“%(value)s” is a number with decimals, not an employee number. Format the column as text."),
    "number_scientific": gettext_noop(
        "“%(value)s” was shortened by the spreadsheet and digits are lost. Format the column as text and enter it again."
    ),
    "number_letters": gettext_noop("“%(value)s”: only letters, digits, - and _, at most 32 (40 for unit codes)."),
    "number_doubled": gettext_noop("“%(value)s” stands in several rows: %(rows)s."),
    "number_elsewhere": gettext_noop("“%(value)s” belongs to somebody outside the units that you may import."),
    "name_lost": gettext_noop(
        "“%(value)s”: a rare character was lost when the file was saved. Save as .xlsx or UTF-8 CSV and enter the name again."
    ),
    "name_private": gettext_noop("“%(value)s” contains %(point)s, which other machines cannot show. Enter the standard character."),
    "name_signs": gettext_noop("“%(value)s” contains %(sign)s: < and > and control characters have no place in it."),
    "unstorable": gettext_noop("There is a sign in it that no database keeps: write the cell anew."),
    "too_long": gettext_noop("At most %(limit)d characters."),
    "unit_unknown": gettext_noop("There is no unit “%(value)s”."),
    "unit_unknown_near": gettext_noop("There is no unit “%(value)s”. Is “%(near)s” meant?"),
    "unit_ambiguous": gettext_noop("Several units are called “%(value)s”. Give the unit code instead."),
    "unit_closed": gettext_noop("“%(value)s” has been dissolved."),
    "duty_unknown": gettext_noop("“%(value)s” is not a duty. Known are: %(known)s."),
    "type_unknown": gettext_noop("“%(value)s” is not a staff type. Known are: %(known)s."),
    "status_unknown": gettext_noop("“%(value)s” is not a status. Known are: %(known)s."),
    "date_unreadable": gettext_noop("“%(value)s” is not a date. Write it like 2024-01-31."),
    "date_impossible": gettext_noop("“%(value)s”: there is no such day."),
    "date_future": gettext_noop("%(value)s lies in the future."),
    "date_early": gettext_noop("%(value)s is before 1950."),
    "date_needed": gettext_noop("Since when? A new person or a new post needs a date."),
    "date_before": gettext_noop("%(value)s is not after %(last)s, where an earlier post ends or the present one begins."),
    "phone": gettext_noop("“%(value)s” is not a phone number."),
    "mail": gettext_noop("“%(value)s” is not an e-mail address."),
    "kind_unknown": gettext_noop("“%(value)s” is not a kind of unit. Known are: %(known)s."),
    "county_code": gettext_noop("“%(value)s”: a county has a code of six digits (GB/T 2260), which its certificate numbers carry."),
    "parent_unknown": gettext_noop("There is no unit with the code “%(value)s” above it."),
    "parent_needed": gettext_noop("Only a county stands alone; give the code of the unit above."),
    "parent_of_county": gettext_noop("A county has no unit above it."),
    "parent_circle": gettext_noop("The units above it run in a circle."),
    "too_deep": gettext_noop("Units lie at most %(levels)s levels deep, the county and the units below this one counted."),
    "kind_fixed": gettext_noop("A county cannot become another kind of unit, nor another kind a county."),
    "unit_elsewhere": gettext_noop("“%(value)s” is outside the units that you may import."),
    "kind_own": gettext_noop("The kind of your own unit is not changed from inside it: whoever looks after the unit above has to do it."),
    "yes_no": gettext_noop("“%(value)s”: write 是 or leave it empty."),
    "code_taken": gettext_noop("No free code is left for “%(value)s”."),
    "role_refused": gettext_noop("“%(duty)s” brings the role %(role)s over %(unit)s. %(why)s"),
    "role_withheld": gettext_noop(
        "“%(duty)s” brings the role %(role)s over %(unit)s. The duty is entered, but the role is not given: "
        "an administrator imports this row, or grants the role on the page of the person."
    ),
    "role_left": gettext_noop(
        "%(name)s serves in another county from now on: the role %(role)s over %(unit)s, granted by hand, ends with this import."
    ),
    "role_kept": gettext_noop(
        "%(name)s keeps the role %(role)s over %(unit)s, which was granted by hand: "
        "if it does not go with the new post, an administrator withdraws it on the page of the person."
    ),
    "duty_carried": gettext_noop(
        "The file does not name duties, so “%(duty)s” goes along into the new post and brings the role %(role)s over %(unit)s."
    ),
    "duty_left": gettext_noop(
        "The file does not name duties, and “%(duty)s” brings power: it does not go along to %(place)s in another county. "
        "Name it in the column of duties if it does."
    ),
    "power_kept": gettext_noop(
        "%(name)s is %(role)s over %(unit)s: only an administrator of “%(unit)s” imports what becomes of that, by duty or by status."
    ),
    "guarded": gettext_noop(
        "%(name)s runs the system or watches over it: only an administrator of that account changes status, duties and roles."
    ),
    "stored_as_number": gettext_noop("Stored as a number and read as %(value)s. If zeros in front were lost, format the column as text."),
    "number_reused": gettext_noop(
        "%(value)s is the number of %(old)s, who left or retired, and whose records hang on it: give %(new)s a number of their own. "
        "If this is %(old)s under a new name, first import the new name with the status as it stands."
    ),
    "renewed": gettext_noop(
        "%(name)s was in the register, or has records, before %(since)s: the time from %(before)s on stays as served, and a new stretch begins. "
        "No later file takes that back: leave the row out if %(since)s only corrects the day."
    ),
    "moves_before": gettext_noop(
        "The last day of the post before moves with this first day: %(place)s, %(old)s → %(new)s; its duties follow. Make sure that the year is right."
    ),
    "name_changed_gone": gettext_noop(
        "The name behind this number changes from %(old)s to %(new)s, and the password ends: the person has left. "
        "Make sure that the number was not given to somebody else."
    ),
    "name_changed": gettext_noop(
        "The name behind this number changes from %(old)s to %(new)s. Make sure that the number was not given to somebody else."
    ),
}


@dataclass(frozen=True)
class RosterError(RowError):
    """A refused cell, with the sheet it stands in."""

    sheet: str = ""
    code: str = ""

    def __str__(self) -> str:
        return f"{self.sheet} {super().__str__()}" if self.sheet else super().__str__()


@dataclass(frozen=True)
class UnitRow:
    row: int
    code: str
    name: str
    short_name: str
    kind: str
    parent_code: str
    is_vertical: bool | None


@dataclass(frozen=True)
class PersonRow:
    row: int
    number: str
    name: str
    unit_name: str
    section: str | None  # None where the file has no such column
    title: str
    staff_type: str
    duties: list[str] | None
    phone: str
    email: str
    since: date | None
    status: str


@dataclass
class Parsed:
    """The rows of a file that can be read, and the cells that cannot. No database was asked."""

    name: str
    digest: str
    units: list[UnitRow] = field(default_factory=list)
    people: list[PersonRow] = field(default_factory=list)
    errors: list[RosterError] = field(default_factory=list)
    notices: list[RosterError] = field(default_factory=list)
    unit_sheet: str = ""
    people_sheet: str = ""
    headers: dict[str, list[str]] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)  # every number that stands in the file, refused rows too


def parse(file: BinaryIO, name: str, *, today: date) -> Parsed:
    """The rows of a roster file: a sheet of people, one of units, or both.

    Raises:
        Refused: unreadable, neither sheet is in it ("no_header"), or one of them twice ("two_sheets"), or a column of it ("doubled_column").
    """
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
        if file.tell() > 64 << 20:
            break
    file.seek(0)
    parsed = Parsed(name=name, digest=digest.hexdigest())
    for sheet in tables.read(file, name=name):
        try:
            header, rows = sheet.rows(PEOPLE_COLUMNS)
        except Refused:
            try:
                header, rows = sheet.rows(UNIT_COLUMNS)
            except Refused:
                _note_left(parsed, sheet)
                continue
            _refuse_second(parsed.unit_sheet, sheet.name)
            parsed.unit_sheet = sheet.name
            parsed.headers[sheet.name] = header
            _parse_units(parsed, header, _checked(parsed, sheet, header, rows, UNIT_READ))
            continue
        _refuse_second(parsed.people_sheet, sheet.name)
        parsed.people_sheet = sheet.name
        parsed.headers[sheet.name] = header
        _parse_people(parsed, header, _checked(parsed, sheet, header, rows, PEOPLE_READ), today)
    if not parsed.people_sheet and not parsed.unit_sheet:
        raise Refused(
            _("No sheet has the columns %(people)s (people) or %(units)s (units) in one of its first ten rows.")
            % {"people": "、".join(PEOPLE_COLUMNS), "units": "、".join(UNIT_COLUMNS)},
            code="no_header",
        )
    return parsed


def _refuse_second(first: str, second: str) -> None:
    """Which of two lists of the same kind is the whole one, no program can tell; leaving one out would lose people."""
    if first:
        raise Refused(
            _(
                "The sheets “%(first)s” and “%(second)s” hold the same kind of list. Bring them together on one sheet, or delete the old one."
            )
            % {"first": first, "second": second},
            code="two_sheets",
        )


def _note_left(parsed: Parsed, sheet: tables.Sheet) -> None:
    """A sheet without the columns that are needed, but with so many others that somebody may have meant it, is named in a notice."""
    for index, cells in enumerate(sheet.grid[: tables.HEADER_WITHIN]):
        header = {squeeze(cell) for cell in cells}
        for needed, read in ((PEOPLE_COLUMNS, PEOPLE_READ), (UNIT_COLUMNS, UNIT_READ)):
            if len(header & set(read)) >= LOOKS_MEANT:
                message = _(RULES["sheet_left"]) % {"columns": "、".join(name for name in needed if name not in header)}
                parsed.notices.append(RosterError(sheet.first_row + index, "", message, [], sheet.name, "sheet_left"))
                return


def _checked(parsed: Parsed, sheet: tables.Sheet, header: list[str], rows: Iterable[tables.Row], read: list[str]) -> list[tables.Row]:
    """The rows, once no column that is read stands twice; the others, and those under no heading in which something stands, are named in a notice."""
    sheet.refuse_doubled(header, read)
    found = list(rows)
    absent = [name for name in read if name not in header]
    left = []
    for name in dict.fromkeys(header):
        if name and name not in read and name not in SAYS_NOTHING:
            bare = name.replace(" ", "")
            near = [each for each in absent if each in bare or bare in each]
            words = {"column": printable(name)[:40], "near": "、".join(near)}
            left.append(_("%(column)s (is “%(near)s” meant?)") % words if near else words["column"])
    headed = {tables.column_letters(position) for position, name in enumerate(header) if name}
    for letters in sorted({letters for row in found for letters in row.beside} - headed, key=lambda letters: (len(letters), letters)):
        left.append(_("%(column)s (no heading)") % {"column": letters})
    if left:
        at = next(index for index, cells in enumerate(sheet.grid) if [squeeze(cell) for cell in cells] == header)
        message = _(RULES["not_read"]) % {"columns": "、".join(left[:NAMED]) + ("…" if len(left) > NAMED else "")}
        parsed.notices.append(RosterError(sheet.first_row + at, "", message, [], sheet.name, "not_read"))
    return found


class _Cells:
    """One row being read: hands out cells, collects what is wrong with them."""

    def __init__(self, parsed: Parsed, sheet: str, header: list[str], row: tables.Row) -> None:
        self.parsed, self.sheet, self.header, self.row = parsed, sheet, header, row
        self.bad = False

    def refuse(self, column: str, code: str, **params: object) -> None:
        self.bad = True
        self.parsed.errors.append(_error(self.parsed, self.sheet, self.row, column, code, **params))

    def note(self, column: str, code: str, **params: object) -> None:
        self.parsed.notices.append(RosterError(self.row.number, column, _(RULES[code]) % params, [], self.sheet, code))

    def has(self, column: str) -> bool:
        return column in self.row.cells

    def read(self, column: str, how, *more, required: bool = False, **kwargs):
        """The cell through one of the rules; "" (or None) when it is refused."""
        if self.says_nothing(column):
            return None
        try:
            value = how(self.row.cells.get(column), *more, **kwargs)
        except rules.Unreadable as problem:
            params = {"known": "、".join(_KNOWN[problem.code]()), **problem.params} if problem.code in _KNOWN else problem.params
            self.refuse(column, problem.code, **params)
            return None
        if required and not value:
            self.refuse(column, "missing")
        return value

    def says_nothing(self, column: str) -> bool:
        """Refuses the cell that is merged into another one, or whose formula gave no value."""
        if column in self.row.joined:
            self.refuse(column, "merged", first=self.row.joined[column])
            return True
        value = self.row.cells.get(column)
        if not tables.is_failed(value):
            return False
        self.refuse(column, "formula_failed", value=tables.as_text(value)[:60])
        return True

    def limited(self, column: str, limit: int, required: bool = False) -> str:
        if self.says_nothing(column):
            return ""
        text = self.row.text(column)
        if not is_storable(text):
            self.refuse(column, "unstorable")
            return ""
        stray = rules.stray_sign(text)
        if stray:
            self.refuse(column, "name_signs", value=printable(text)[:60], sign=stray)
            return ""
        if len(text) > limit:
            self.refuse(column, "too_long", limit=limit)
        elif required and not text:
            self.refuse(column, "missing")
        return text


_KNOWN = {
    "duty_unknown": lambda: list({key: word for word, key in reversed(rules.DUTY_WORDS.items())}.values())[::-1],
    "type_unknown": lambda: list({key: word for word, key in reversed(rules.STAFF_TYPE_WORDS.items())}.values())[::-1],
    "status_unknown": lambda: list(rules.STATUS_WORDS),
    "kind_unknown": lambda: list(rules.UNIT_KIND_WORDS),
}


def _error(parsed: Parsed, sheet: str, row: tables.Row, column: str, code: str, **params: object) -> RosterError:
    return RosterError(row.number, column, _(RULES[code]) % params, list(row.cells.values()), sheet, code)


def _is_stray(cells: _Cells, first: str, rows_header: list[str]) -> bool:
    """A repeated header is passed over; a row with one filled cell is named for what it is."""
    texts = [text for text in (tables.as_text(value) for value in cells.row.cells.values()) if text]
    if cells.row.text(first) == first:
        return True
    if len(texts) == 1 and all(number == cells.row.number for number in cells.row.joined.values()):
        column = next(name for name in cells.row.cells if cells.row.text(name))
        cells.refuse(column, "title_row")
        return True
    return False


def _parse_units(parsed: Parsed, header: list[str], rows) -> None:
    seen: dict[str, list[_Cells]] = defaultdict(list)
    found: list[tuple[_Cells, UnitRow]] = []
    for row in rows:
        cells = _Cells(parsed, parsed.unit_sheet, header, row)
        if _is_stray(cells, "单位代码", header):
            continue
        code = cells.read("单位代码", rules.unit_code, required=True)
        name = cells.limited("单位名称", 80, required=True)
        short_name = cells.limited("简称", 40)
        kind = cells.read("类型", rules.one_of, rules.UNIT_KIND_WORDS, "kind_unknown", required=True) if cells.has("类型") else ""
        parent_code = cells.read("上级代码", rules.unit_code) or ""
        vertical = None
        if cells.has("垂直管理") and not cells.says_nothing("垂直管理"):
            vertical = rules.YES_NO_WORDS.get(row.text("垂直管理").lower())
            if vertical is None:
                cells.refuse("垂直管理", "yes_no", value=row.text("垂直管理"))
        if code:
            seen[code].append(cells)
        found.append((cells, UnitRow(row.number, code or "", name, short_name, kind or "", parent_code, vertical)))
    for code, several in seen.items():
        if len(several) > 1:
            for cells in several:
                cells.refuse("单位代码", "number_doubled", value=code, rows=_rows_of(several))
    parsed.units = [row for cells, row in found if not cells.bad]


def _parse_people(parsed: Parsed, header: list[str], rows, today: date) -> None:
    seen: dict[str, list[_Cells]] = defaultdict(list)
    found: list[tuple[_Cells, PersonRow]] = []
    for row in rows:
        cells = _Cells(parsed, parsed.people_sheet, header, row)
        if _is_stray(cells, "工号", header):
            continue
        number = cells.read("工号", rules.identifier, required=True)
        if number and isinstance(row.cells.get("工号"), float):
            cells.note("工号", "stored_as_number", value=number)
        duties = cells.read("政务公开职责", rules.duties) if cells.has("政务公开职责") else None
        person = PersonRow(
            row=row.number,
            number=number or "",
            name=cells.read("姓名", rules.person_name, required=True) or "",
            unit_name=cells.limited("单位", 80, required=True),
            section=cells.limited("内设机构", 80) if cells.has("内设机构") else None,
            title=cells.limited("职务", 60),
            staff_type=cells.read("人员类别", rules.one_of, rules.STAFF_TYPE_WORDS, "type_unknown") or "",
            duties=duties,
            phone=cells.read("手机", rules.phone) or "",
            email=cells.read("邮箱", rules.mail) or "",
            since=cells.read("任现职时间", rules.day, today=today),
            status=cells.read("状态", rules.one_of, rules.STATUS_WORDS, "status_unknown") or "",
        )
        if number:
            seen[number.casefold()].append(cells)
        found.append((cells, person))
    for several in seen.values():
        if len(several) > 1:
            for cells in several:
                cells.refuse("工号", "number_doubled", value=tables.as_text(cells.row.cells.get("工号")), rows=_rows_of(several))
    parsed.numbers = set(seen)
    parsed.people = [person for cells, person in found if not cells.bad]


def _rows_of(several: list[_Cells]) -> str:
    shown = "、".join(str(cells.row.number) for cells in several[:8])
    return shown + ("…" if len(several) > 8 else "")


def rows_of(file: BinaryIO, name: str) -> dict[tuple[str, int], dict[str, object]]:
    """The original cells of every row by (sheet, row number), for giving refused rows back.

    A cell that is merged into another one fails there: given back empty, it would say something else.
    """
    found: dict[tuple[str, int], dict[str, object]] = {}
    for sheet in tables.read(file, name=name):
        for columns, read in ((PEOPLE_COLUMNS, PEOPLE_READ), (UNIT_COLUMNS, UNIT_READ)):
            try:
                _header, rows = sheet.rows(columns)
            except Refused:
                continue
            for row in rows:
                merged = {column: tables.Failed("#N/A") for column in row.joined if column in read}
                found[sheet.name, row.number] = row.cells | merged
            break
    return found
