"""The roster: from a spreadsheet to a plan of what would change, and from the plan to the change.

A plan is a dry run and writes nothing. Applying makes the plan again under lock and goes on only
if it is still the same, so nobody confirms one thing and gets another. Everything is compared and
written in sets: the number of queries does not grow with the rows.

What a cell means: an absent column and an empty cell say nothing and change nothing — except an
empty 政务公开职责, which says that there is no duty. 性别 is not read: nothing here needs it.
A person whom the file does not name is reported and stays as they are.
"""

import difflib
import hashlib
import io
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import BinaryIO

import xlsxwriter
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core import audit, clock, tables
from core.errors import Refused, RefusedRows, RowError
from people import rules
from people.models import DutyAssignment, Person, Posting, RosterImport, Unit
from people.services import roles
from people.signals import roster_imported

PEOPLE_COLUMNS = ["工号", "姓名", "单位"]
UNIT_COLUMNS = ["单位代码", "单位名称"]
GONE = roles.GONE
KEEP_UPLOADS = timedelta(days=1)

# What each broken rule says to the person who has to mend the row.
RULES = {
    "missing": gettext_noop("This cell must not be empty."),
    "title_row": gettext_noop("Only one cell is filled: this looks like a title or a remark, not a person."),
    "number_fraction": gettext_noop("“%(value)s” is a number with decimals, not an employee number. Format the column as text."),
    "number_scientific": gettext_noop("“%(value)s” was shortened by the spreadsheet and digits are lost. Format the column as text and enter it again."),
    "number_letters": gettext_noop("“%(value)s”: only letters, digits, - and _, at most 32 (40 for unit codes)."),
    "number_doubled": gettext_noop("“%(value)s” stands in several rows: %(rows)s."),
    "number_elsewhere": gettext_noop("“%(value)s” belongs to somebody outside the units that you may import."),
    "name_lost": gettext_noop("“%(value)s”: a rare character was lost when the file was saved. Save as .xlsx or UTF-8 CSV and enter the name again."),
    "name_private": gettext_noop("“%(value)s” contains %(point)s, which other machines cannot show. Enter the standard character."),
    "too_long": gettext_noop("At most %(limit)d characters."),
    "unit_unknown": gettext_noop("There is no unit “%(value)s”."),
    "unit_unknown_near": gettext_noop("There is no unit “%(value)s”. Is “%(near)s” meant?"),
    "unit_ambiguous": gettext_noop("Several units are called “%(value)s”. Give the unit code instead."),
    "unit_inactive": gettext_noop("“%(value)s” has been dissolved."),
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
    "parent_unknown": gettext_noop("There is no unit with the code “%(value)s” above it."),
    "parent_needed": gettext_noop("Only a county stands alone; give the code of the unit above."),
    "parent_of_county": gettext_noop("A county has no unit above it."),
    "parent_circle": gettext_noop("The units above it run in a circle."),
    "kind_fixed": gettext_noop("A county cannot become another kind of unit, nor another kind a county."),
    "unit_elsewhere": gettext_noop("“%(value)s” is outside the units that you may import."),
    "yes_no": gettext_noop("“%(value)s”: write 是 or leave it empty."),
    "code_taken": gettext_noop("No free code is left for “%(value)s”."),
    "stored_as_number": gettext_noop("Stored as a number and read as %(value)s. If zeros in front were lost, format the column as text."),
    "name_changed": gettext_noop("The name behind this number changes from %(old)s to %(new)s. Make sure that the number was not given to somebody else."),
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
    section: str
    title: str | None
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


@dataclass
class UnitChange:
    """A unit to make, or to change: {field: (old, new)}."""

    code: str
    name: str
    kind: str
    parent_code: str
    is_new: bool
    short_name: str = ""
    is_vertical: bool = False
    fields: dict[str, tuple] = field(default_factory=dict)
    former_code: str = ""

    @property
    def lines(self) -> list[str]:
        return [_old_new(_UNIT_LABELS[name], old, new) for name, (old, new) in self.fields.items()]

    @property
    def kind_label(self) -> str:
        return str(Unit.Kind(self.kind).label)


@dataclass
class PersonChange:
    """A person to make, or to change. `posting` is "", open, move, correct, redate, reopen or close."""

    row: int
    number: str
    name: str
    is_new: bool
    fields: dict[str, tuple] = field(default_factory=dict)
    posting: str = ""
    unit_code: str = ""
    unit_label: str = ""
    title: str = ""
    since: date | None = None
    before: str = ""
    duties_added: list[str] = field(default_factory=list)
    duties_ended: list[str] = field(default_factory=list)
    ends: bool = False

    @property
    def is_change(self) -> bool:
        return bool(self.is_new or self.fields or self.posting or self.duties_added or self.duties_ended)

    @property
    def lines(self) -> list[str]:
        """What would change, one line each, in the reader's language."""
        from people.models import Duty

        found = [] if self.is_new else [
            _old_new(_PERSON_LABELS[name], _shown(name, old), _shown(name, new))
            for name, (old, new) in self.fields.items()
            if name in _PERSON_LABELS
        ]
        place = f"{self.unit_label} {self.title}".strip()
        since = self.since.isoformat() if self.since else ""
        if self.posting == "open":
            found.append(_("posting opens: %(place)s, from %(since)s") % {"place": place, "since": since})
        elif self.posting == "move":
            found.append(_("transfer: %(before)s → %(place)s, from %(since)s") % {"before": self.before, "place": place, "since": since})
        elif self.posting == "correct":
            found.append(_("posting corrected (same day %(since)s): %(before)s → %(place)s") % {"before": self.before, "place": place, "since": since})
        elif self.posting == "redate":
            found.append(_("start of the posting corrected: %(before)s → %(since)s") % {"before": self.before, "since": since})
        elif self.posting == "reopen":
            found.append(_("posting goes on: %(place)s, from %(since)s") % {"place": place, "since": since})
        elif self.posting == "close":
            found.append(_("posting ends: %(before)s") % {"before": self.before})
        if self.duties_added:
            found.append(_("duties added: %(duties)s") % {"duties": "、".join(str(Duty(duty).label) for duty in self.duties_added)})
        if self.duties_ended:
            found.append(_("duties ended: %(duties)s") % {"duties": "、".join(str(Duty(duty).label) for duty in self.duties_ended)})
        return found


_PERSON_LABELS = {
    "name": gettext_noop("name"), "phone": gettext_noop("phone"), "email": gettext_noop("e-mail"),
    "staff_type": gettext_noop("staff type"), "status": gettext_noop("status"), "is_active": gettext_noop("may sign in"),
}
_UNIT_LABELS = {
    "name": gettext_noop("name"), "short_name": gettext_noop("short name"), "kind": gettext_noop("kind"),
    "is_vertical": gettext_noop("vertical"), "parent": gettext_noop("unit above"), "code": gettext_noop("code"),
}


def _old_new(label: str, old: object, new: object) -> str:
    return f"{_(label)}：{old if old not in ('', None) else '—'} → {new}"


def _shown(name: str, value: object) -> object:
    if name == "staff_type":
        return Person.StaffType(value).label
    if name == "status":
        return Person.Status(value).label
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return value


@dataclass
class RosterPlan:
    """What applying the file would do. Good rows only; `errors` are the others."""

    parsed: Parsed
    county: Unit | None
    units: list[UnitChange] = field(default_factory=list)
    people: list[PersonChange] = field(default_factory=list)
    unchanged: int = 0
    errors: list[RosterError] = field(default_factory=list)
    notices: list[RosterError] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    skips_bad_rows: bool = False

    @property
    def new_units(self) -> list[UnitChange]:
        return [change for change in self.units if change.is_new]

    @property
    def changed_units(self) -> list[UnitChange]:
        return [change for change in self.units if not change.is_new]

    @property
    def new_people(self) -> list[PersonChange]:
        return [change for change in self.people if change.is_new]

    @property
    def changed_people(self) -> list[PersonChange]:
        return [change for change in self.people if not change.is_new]

    @property
    def bad_rows(self) -> int:
        return len({(error.sheet, error.row) for error in self.errors})

    @property
    def is_empty(self) -> bool:
        return not self.units and not self.people

    @property
    def summary(self) -> dict[str, int]:
        """The counts of the plan, for people and for the record of the import."""
        postings = Counter(change.posting for change in self.people)
        return {
            "units_new": len(self.new_units),
            "units_changed": len(self.changed_units),
            "people_new": len(self.new_people),
            "people_changed": len(self.changed_people),
            "people_unchanged": self.unchanged,
            "postings_opened": postings["open"] + postings["move"],
            "postings_closed": postings["close"] + postings["move"],
            "postings_corrected": postings["correct"] + postings["redate"] + postings["reopen"],
            "duties_added": sum(len(change.duties_added) for change in self.people),
            "duties_ended": sum(len(change.duties_ended) for change in self.people),
            "bad_rows": self.bad_rows,
            "missing": len(self.missing),
        }

    @property
    def digest(self) -> str:
        """The same for two plans that would do the same."""
        parts = [repr(change) for change in self.units] + [repr(change) for change in self.people]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


# --- reading the file ------------------------------------------------------------------------


def parse(file: BinaryIO, name: str, *, today: date) -> Parsed:
    """The rows of a roster file: a sheet of people, one of units, or both.

    Raises:
        Refused: unreadable, or neither sheet is in it.
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
                continue
            if not parsed.unit_sheet:
                parsed.unit_sheet = sheet.name
                parsed.headers[sheet.name] = header
                _parse_units(parsed, header, rows)
            continue
        if not parsed.people_sheet:
            parsed.people_sheet = sheet.name
            parsed.headers[sheet.name] = header
            _parse_people(parsed, header, rows, today)
    if not parsed.people_sheet and not parsed.unit_sheet:
        raise Refused(
            _("No sheet has the columns %(people)s (people) or %(units)s (units) in one of its first ten rows.")
            % {"people": "、".join(PEOPLE_COLUMNS), "units": "、".join(UNIT_COLUMNS)},
            code="no_header",
        )
    return parsed


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
        try:
            value = how(self.row.cells.get(column), *more, **kwargs)
        except rules.Unreadable as problem:
            params = {"known": "、".join(_KNOWN[problem.code]()), **problem.params} if problem.code in _KNOWN else problem.params
            self.refuse(column, problem.code, **params)
            return None
        if required and not value:
            self.refuse(column, "missing")
        return value

    def limited(self, column: str, limit: int, required: bool = False) -> str:
        text = self.row.text(column)
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
    if len(texts) == 1:
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
        if cells.has("垂直管理"):
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
            section=cells.limited("内设机构", 80),
            title=cells.limited("职务", 60) if cells.has("职务") else None,
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


# --- comparing with what stands --------------------------------------------------------------


def plan(file: BinaryIO, name: str, *, county: Unit | None = None, on: date | None = None) -> RosterPlan:
    """The dry run of a roster file: what would be made, changed and closed, and every bad row. Writes nothing.

    `county` bounds it: units and people outside that unit's subtree are refused row by row; None (the
    command) bounds nothing and may make new counties. `on` is the day of the import, today by default.
    About eight queries, whatever the number of rows.

    Raises:
        Refused: the file cannot be read as a roster at all.
    """
    on = on or clock.today()
    return _compare(parse(file, name, today=on), county)


class _Known:
    """The units that stand or are planned, and how a roster names them."""

    def __init__(self, county: Unit | None) -> None:
        stand = Unit.objects.within(county) if county else Unit.objects.all()
        self.standing: dict[str, Unit] = {unit.code: unit for unit in stand}
        self.by_path: dict[str, Unit] = {unit.path: unit for unit in self.standing.values()}
        self.kind: dict[str, str] = {}
        self.name: dict[str, str] = {}
        self.parent: dict[str, str] = {}
        self.inactive: set[str] = set()
        self.named: dict[str, set[str]] = defaultdict(set)
        self.sections: dict[tuple[str, str], str] = {}
        for unit in self.standing.values():
            above = self.by_path.get(unit.path[: -Unit.steplen])
            self.add(unit.code, unit.name, unit.short_name, unit.kind, above.code if above else "")
            if not unit.is_active:
                self.inactive.add(unit.code)

    def add(self, code: str, name: str, short_name: str, kind: str, parent_code: str) -> None:
        self.kind[code], self.name[code], self.parent[code] = kind, name, parent_code
        self.named[code].add(code)
        self.named[name].add(code)
        if short_name:
            self.named[short_name].add(code)
        if kind == Unit.Kind.SECTION:
            self.sections[(parent_code, name)] = code

    def forget(self, code: str) -> None:
        for codes in self.named.values():
            codes.discard(code)
        self.sections = {key: value for key, value in self.sections.items() if value != code}

    def organ(self, name: str) -> str:
        """The code of the unit so named; departments, townships and counties before sections.

        Raises:
            rules.Unreadable: unit_unknown, unit_unknown_near, unit_ambiguous, unit_inactive.
        """
        codes = self.named.get(name) or set()
        organs = {code for code in codes if self.kind[code] != Unit.Kind.SECTION}
        codes = organs or codes
        active = codes - self.inactive
        if codes and not active:
            raise rules.Unreadable("unit_inactive", value=name)
        if len(active) > 1:
            raise rules.Unreadable("unit_ambiguous", value=name)
        if not active:
            near = difflib.get_close_matches(name, [key for key, some in self.named.items() if some and key], n=1, cutoff=0.75)
            if near:
                raise rules.Unreadable("unit_unknown_near", value=name, near=near[0])
            raise rules.Unreadable("unit_unknown", value=name)
        return next(iter(active))

    def label(self, code: str) -> str:
        if self.kind.get(code) == Unit.Kind.SECTION and self.parent.get(code):
            return f"{self.name[self.parent[code]]} {self.name[code]}"
        return self.name.get(code, code)


def _compare(parsed: Parsed, county: Unit | None) -> RosterPlan:
    found = RosterPlan(parsed=parsed, county=county, errors=list(parsed.errors), notices=list(parsed.notices))
    known = _Known(county)
    _compare_units(found, known)
    _compare_people(found, known)
    order = {parsed.unit_sheet: 0, parsed.people_sheet: 1}
    found.errors.sort(key=lambda error: (order.get(error.sheet, 2), error.row))
    return found


def _compare_units(found: RosterPlan, known: _Known) -> None:
    parsed, county = found.parsed, found.county
    rows = {row.code: row for row in parsed.units}

    def refuse(row: UnitRow, column: str, code: str, **params: object) -> None:
        values = [row.code, row.name, row.short_name, row.kind, row.parent_code]
        found.errors.append(RosterError(row.row, column, _(RULES[code]) % params, values, parsed.unit_sheet, code))
        bad.add(row.code)

    bad: set[str] = set()
    foreign = set()
    if county is not None:
        foreign = set(Unit.objects.filter(code__in=[row.code for row in parsed.units]).exclude(path__startswith=county.path).values_list("code", flat=True))
    done: dict[str, UnitChange] = {}

    def settle(row: UnitRow, under: tuple[str, ...]) -> bool:
        """Judge one row after the rows above it in the tree; whether the unit will stand."""
        if row.code in bad:
            return False
        if row.code in done or row.code in settled:
            return True
        if row.code in under:
            refuse(row, "上级代码", "parent_circle")
            return False
        unit = known.standing.get(row.code)
        kind = row.kind or (unit.kind if unit else Unit.Kind.DEPARTMENT)
        if row.code in foreign:
            refuse(row, "单位代码", "unit_elsewhere", value=row.code)
            return False
        if unit is None and kind == Unit.Kind.COUNTY and county is not None:
            refuse(row, "单位代码", "unit_elsewhere", value=row.code)
            return False
        if kind == Unit.Kind.COUNTY and row.parent_code:
            refuse(row, "上级代码", "parent_of_county")
            return False
        if unit is not None and (unit.kind == Unit.Kind.COUNTY) != (kind == Unit.Kind.COUNTY):
            refuse(row, "类型", "kind_fixed")
            return False
        if kind != Unit.Kind.COUNTY:
            inside_root = unit is not None and county is not None and unit.path == county.path
            if not row.parent_code and unit is None:
                refuse(row, "上级代码", "parent_needed")
                return False
            if row.parent_code and not inside_root:
                if row.parent_code in rows:
                    if not settle(rows[row.parent_code], (*under, row.code)):
                        if row.code not in bad:
                            refuse(row, "上级代码", "parent_unknown", value=row.parent_code)
                        return False
                elif row.parent_code not in known.standing:
                    refuse(row, "上级代码", "parent_unknown", value=row.parent_code)
                    return False
        settled.add(row.code)
        if unit is None and kind == Unit.Kind.SECTION:
            derived = known.sections.get((row.parent_code, row.name))
            if derived and derived in known.standing and derived not in rows and derived.startswith(f"{row.parent_code}-S"):
                unit = known.standing[derived]
        if unit is None:
            done[row.code] = UnitChange(
                code=row.code, name=row.name, kind=kind, parent_code=row.parent_code, is_new=True,
                short_name=row.short_name, is_vertical=bool(row.is_vertical),
            )
            known.add(row.code, row.name, row.short_name, kind, row.parent_code)
            return True
        changed: dict[str, tuple] = {}
        parent_code = known.parent[unit.code]
        for name, new in (("code", row.code), ("name", row.name), ("kind", kind), ("short_name", row.short_name), ("is_vertical", row.is_vertical)):
            old = getattr(unit, name)
            if new not in ("", None) and new != old:
                changed[name] = (old, new)
        if row.parent_code and row.parent_code != parent_code and not (county is not None and unit.path == county.path):
            above = known.standing.get(row.parent_code)
            if above is not None and above.path.startswith(unit.path):
                refuse(row, "上级代码", "parent_circle")
                return False
            changed["parent"] = (parent_code, row.parent_code)
        if changed:
            done[row.code] = UnitChange(
                code=row.code, name=row.name, kind=kind, parent_code=row.parent_code or parent_code, is_new=False,
                fields=changed, former_code=unit.code,
            )
        known.forget(unit.code)
        known.add(row.code, row.name, row.short_name or unit.short_name, kind, row.parent_code or parent_code)
        return True

    settled: set[str] = set()
    for row in parsed.units:
        settle(row, ())
    # Old names of renamed units go out of use with the rename; units keep the order of the file, parents first.
    found.units.extend(done.values())


def _place(found: RosterPlan, known: _Known, row: PersonRow) -> tuple[str, str, dict] | None:
    """(column, rule, params) when the row's unit cannot be found."""
    try:
        known.organ(row.unit_name)
    except rules.Unreadable as problem:
        return "单位", problem.code, problem.params
    return None


def _compare_people(found: RosterPlan, known: _Known) -> None:
    parsed, county = found.parsed, found.county
    if not parsed.people and not parsed.numbers:
        return
    people = {person.employee_number.casefold(): person for person in _people_in_reach(county)}
    numbers = [row.number for row in parsed.people if row.number.casefold() not in people]
    elsewhere = _numbers_in_use(numbers)
    matched = [people[row.number.casefold()].pk for row in parsed.people if row.number.casefold() in people]
    current, last, beside = _postings_of(matched)
    held = _duties_of([posting.pk for posting in current.values()])
    code_of = {unit.pk: unit.code for unit in known.standing.values()}
    for row in parsed.people:
        person = people.get(row.number.casefold())

        def refuse(column: str, code: str, row: PersonRow = row, **params: object) -> None:
            found.errors.append(RosterError(row.row, column, _(RULES[code]) % params, _values(row), parsed.people_sheet, code))

        if person is None and row.number.casefold() in elsewhere:
            refuse("工号", "number_elsewhere", value=row.number)
            continue
        try:
            organ_code = known.organ(row.unit_name)
        except rules.Unreadable as problem:
            refuse("单位", problem.code, **problem.params)
            continue
        section = row.section if row.section and row.section != known.name[organ_code] else ""
        problem_or_change = _change_of(
            row, person, known, organ_code, section,
            current.get(person.pk) if person else None,
            last.get(person.pk) if person else None,
            held, code_of,
        )
        if isinstance(problem_or_change, rules.Unreadable):
            refuse("任现职时间", problem_or_change.code, **problem_or_change.params)
            continue
        change = problem_or_change
        if change.posting in {"open", "move", "correct", "reopen"} and section:
            _need_section(found, known, organ_code, section, change.unit_code)
        if change.is_change:
            found.people.append(change)
            if "name" in change.fields and not change.is_new:
                old, new = change.fields["name"]
                found.notices.append(
                    RosterError(row.row, "姓名", _(RULES["name_changed"]) % {"old": old, "new": new}, [], parsed.people_sheet, "name_changed")
                )
        else:
            found.unchanged += 1
    found.missing = [
        (person.employee_number, person.name)
        for key, person in sorted(people.items())
        if key not in parsed.numbers and person.status not in GONE and person.unit_id
    ]


def _change_of(row, person, known, organ_code, section, cur, last, held, code_of) -> PersonChange | rules.Unreadable:
    """One row against one person as they stand."""
    if section:
        unit_code = known.sections.get((organ_code, section)) or rules.section_code(organ_code, section, known.kind)
        label = f"{known.name[organ_code]} {section}"
    else:
        unit_code, label = organ_code, known.label(organ_code)
    status = row.status or (person.status if person else Person.Status.ON_DUTY)
    change = PersonChange(row=row.row, number=person.employee_number if person else row.number, name=row.name, is_new=person is None,
                          unit_code=unit_code, unit_label=label, ends=status in GONE)
    stated = {"name": row.name, "phone": row.phone, "email": row.email, "staff_type": row.staff_type, "status": status}
    if person is None:
        change.fields = {name: ("", value) for name, value in stated.items() if value}
        change.title = row.title or ""
        change.since = row.since
        if row.since is None:
            return rules.Unreadable("date_needed")
        change.posting = "open"
        change.duties_added = list(row.duties or [])
        return change
    change.fields = {name: (getattr(person, name), value) for name, value in stated.items() if value and value != getattr(person, name)}
    was_gone = person.status in GONE
    open_duties = [assignment.duty for assignment in held.get(cur.pk, [])] if cur else []
    if status in GONE:
        if person.is_active:
            change.fields["is_active"] = (True, False)
        if cur is not None:
            change.posting, change.before = "close", f"{_label_of(known, code_of.get(cur.unit_id, ''))} {cur.title}".strip()
            change.duties_ended = open_duties
        return change
    if was_gone and not person.is_active:
        change.fields["is_active"] = (False, True)
    if cur is not None:
        return _continued(change, row, known, cur, last, open_duties, code_of)
    same_place = last is not None and code_of.get(last.unit_id) == unit_code
    change.title = row.title if row.title is not None else (last.title if same_place else "")
    change.since = row.since
    if row.since is None:
        return rules.Unreadable("date_needed")
    if same_place and last.title == change.title and last.starts_on == row.since:
        change.posting = "reopen"
    elif last is not None and row.since <= last.ends_on:
        return rules.Unreadable("date_before", value=row.since.isoformat(), last=last.ends_on.isoformat())
    else:
        change.posting = "open"
    change.duties_added = list(row.duties or [])
    return change


def _continued(change, row, known, cur, last, open_duties, code_of) -> PersonChange | rules.Unreadable:
    """A row about somebody with an open posting."""
    here = code_of.get(cur.unit_id, "")
    same_unit = here == change.unit_code
    change.title = row.title if row.title is not None else (cur.title if same_unit else "")
    change.since = row.since or cur.starts_on
    wanted = open_duties if row.duties is None else row.duties
    before = f"{_label_of(known, here)} {cur.title}".strip()
    if same_unit and change.title == cur.title:
        if change.since != cur.starts_on:
            if last is not None and change.since <= last.ends_on:
                return rules.Unreadable("date_before", value=change.since.isoformat(), last=last.ends_on.isoformat())
            change.posting, change.before = "redate", cur.starts_on.isoformat()
    else:
        if row.since is None:
            return rules.Unreadable("date_needed")
        if row.since < cur.starts_on:
            return rules.Unreadable("date_before", value=row.since.isoformat(), last=cur.starts_on.isoformat())
        change.posting = "correct" if row.since == cur.starts_on else "move"
        change.before = before
    change.duties_added = [duty for duty in wanted if duty not in open_duties]
    change.duties_ended = [duty for duty in open_duties if duty not in wanted]
    return change


def _label_of(known: _Known, code: str) -> str:
    return known.label(code) if code else "—"


def _need_section(found: RosterPlan, known: _Known, organ_code: str, section: str, code: str) -> None:
    """Plan a section that the roster names and the tree has not."""
    if (organ_code, section) in known.sections:
        return
    found.units.append(UnitChange(code=code, name=section, kind=Unit.Kind.SECTION, parent_code=organ_code, is_new=True))
    known.add(code, section, "", Unit.Kind.SECTION, organ_code)


def _values(row: PersonRow) -> list:
    return [row.number, row.name, row.unit_name, row.section]


def _people_in_reach(county: Unit | None):
    people = Person.objects.only("pk", "employee_number", "name", "phone", "email", "staff_type", "status", "is_active", "unit_id", "post_title")
    if county is None:
        return people
    return people.filter(unit__path__startswith=county.path)


def _numbers_in_use(numbers: list[str]) -> set[str]:
    """Which of these numbers, compared without case, belong to somebody."""
    from django.db.models.functions import Lower

    found: set[str] = set()
    wanted = [number.lower() for number in numbers]
    for start in range(0, len(wanted), 5000):
        found.update(
            Person.objects.annotate(low=Lower("employee_number")).filter(low__in=wanted[start : start + 5000]).values_list("low", flat=True)
        )
    return {number.casefold() for number in found}


def _postings_of(people: list[int]) -> tuple[dict[int, Posting], dict[int, Posting], dict[int, list[Posting]]]:
    """By person: the open main posting, the last closed main one, and open ones beside."""
    current: dict[int, Posting] = {}
    last: dict[int, Posting] = {}
    beside: dict[int, list[Posting]] = defaultdict(list)
    for posting in roles._in_batches(Posting.objects.order_by("starts_on", "pk"), "person", people):
        if posting.ends_on is None and posting.is_main:
            current[posting.person_id] = posting
        elif posting.ends_on is None:
            beside[posting.person_id].append(posting)
        elif posting.is_main and (posting.person_id not in last or posting.ends_on >= last[posting.person_id].ends_on):
            last[posting.person_id] = posting
    return current, last, beside


def _duties_of(postings: list[int]) -> dict[int, list[DutyAssignment]]:
    held: dict[int, list[DutyAssignment]] = defaultdict(list)
    for assignment in roles._in_batches(DutyAssignment.objects.filter(ends_on=None).order_by("pk"), "posting", postings):
        held[assignment.posting_id].append(assignment)
    return held


# --- writing ---------------------------------------------------------------------------------


def apply(plan: RosterPlan, *, by: Person | None, at: datetime, skip_bad_rows: bool = False, upload: RosterImport | None = None) -> RosterPlan:
    """Do what the plan says, all or nothing, and return the plan as it was carried out.

    Locks the counties and the people concerned, makes the plan again and goes on only if it is still
    the same; when everything stands already (a second click, a second window), nothing is written.
    `upload` is the kept upload that this confirms.

    Raises:
        RefusedRows: there are bad rows and `skip_bad_rows` is off.
        Refused: changed — the register changed since the plan was made; look at the new plan.
    """
    if plan.errors and not skip_bad_rows:
        raise RefusedRows(
            _("%(rows)d rows are refused; nothing was written. Mend them or ask to leave them out.") % {"rows": plan.bad_rows},
            list(plan.errors),
        )
    for attempt in (1, 2):
        try:
            with transaction.atomic():
                return _apply(plan, by=by, at=at, upload=upload)
        except IntegrityError as error:
            # Two first imports at once: there was no county to lock yet. The second look finds what the first one made.
            if attempt == 2:
                raise Refused(_("The register was changed at the same moment. Please look at the plan again."), code="changed") from error
    raise AssertionError("unreachable")


def _apply(plan: RosterPlan, *, by: Person | None, at: datetime, upload: RosterImport | None) -> RosterPlan:
    on = clock.today(at)
    list(Unit.objects.select_for_update().filter(depth=1).order_by("path").values_list("pk", flat=True))
    numbers = [change.number for change in plan.people]
    list(roles._in_batches(Person.objects.select_for_update(of=("self",)).order_by("pk").only("pk"), "employee_number", numbers))
    county = Unit.objects.get(pk=plan.county.pk) if plan.county else None
    fresh = _compare(plan.parsed, county)
    if fresh.is_empty:
        if upload is not None:
            _close_upload(upload, fresh, at)
        return fresh
    if fresh.digest != plan.digest:
        raise Refused(_("The register has changed since this plan was made. Please look at the new plan."), code="changed")
    units = _write_units(fresh)
    people = _write_people(fresh, units)
    _write_postings(fresh, people, units, on)
    roles.sync_many([person.pk for person in people.values()], on=on)
    if upload is None:
        upload = RosterImport(by=by, unit=county, file_name=plan.parsed.name[:200], file_digest=plan.parsed.digest, made_at=at)
    _close_upload(upload, fresh, at)
    audit.record(upload, "people.roster_imported", by=by, **fresh.summary)
    roster_imported.send(sender=RosterImport, roster_import=upload)
    return fresh


def _close_upload(upload: RosterImport, done: RosterPlan, at: datetime) -> None:
    upload.content, upload.applied_at, upload.summary = None, at, done.summary
    upload.changes = [
        [change.number, name, old, new]
        for change in done.changed_people
        for name, (old, new) in change.fields.items()
    ]
    upload.save()


def _write_units(done: RosterPlan) -> dict[str, Unit]:
    """Make and change units; all units by code. New ones in one insert: paths are computed here."""
    stand = {unit.code: unit for unit in Unit.objects.all()}
    changed, moved = [], []
    for change in done.changed_units:
        unit = stand.pop(change.former_code)
        for name, (_old, new) in change.fields.items():
            if name == "parent":
                moved.append((unit, new))
            else:
                setattr(unit, name, new)
        stand[unit.code] = unit
        changed.append(unit)
    Unit.objects.bulk_update(changed, ["code", "name", "short_name", "kind", "is_vertical"], batch_size=500)
    last: dict[str, int] = defaultdict(int)
    for unit in stand.values():
        above = unit.path[: -Unit.steplen]
        last[above] = max(last[above], Unit._str2int(unit.path[-Unit.steplen :]))
    made, parents = [], {}
    waiting = {change.code: change for change in done.new_units}
    while waiting:
        ready = [change for change in waiting.values() if change.parent_code not in waiting]
        for change in ready:
            above = stand.get(change.parent_code)
            base, depth = (above.path, above.depth + 1) if above else ("", 1)
            last[base] += 1
            unit = Unit(
                code=change.code, name=change.name, short_name=change.short_name, kind=change.kind, is_vertical=change.is_vertical,
                path=Unit._get_path(base, depth, last[base]), depth=depth, numchild=0,
            )
            if above is not None:
                above.numchild += 1
                if above.pk:
                    parents[above.pk] = above
            stand[unit.code] = unit
            made.append(unit)
            del waiting[change.code]
    Unit.objects.bulk_create(made, batch_size=500)
    Unit.objects.bulk_update(parents.values(), ["numchild"], batch_size=500)
    for unit, parent_code in moved:
        Unit.objects.get(pk=unit.pk).move(Unit.objects.get(code=parent_code), "last-child")
    return {unit.code: unit for unit in Unit.objects.all()} if moved else stand


def _write_people(done: RosterPlan, units: dict[str, Unit]) -> dict[str, Person]:
    """Make and change the people of the plan; they come back by number."""
    stand = {
        person.employee_number: person
        for person in roles._in_batches(Person.objects.all(), "employee_number", [change.number for change in done.changed_people])
    }
    made, changed = [], []
    for change in done.people:
        person = stand.get(change.number)
        if person is None:
            person = Person(employee_number=change.number, password=make_password(None), is_active=not change.ends)
            made.append(person)
        else:
            changed.append(person)
        for name, (_old, new) in change.fields.items():
            setattr(person, name, new)
        if change.posting in {"open", "move", "correct", "reopen"}:
            person.unit, person.post_title = units[change.unit_code], change.title
    Person.objects.bulk_create(made, batch_size=500)
    Person.objects.bulk_update(
        changed, ["name", "phone", "email", "staff_type", "status", "is_active", "unit", "post_title"], batch_size=300
    )
    return {person.employee_number: person for person in [*made, *changed]}


def _write_postings(done: RosterPlan, people: dict[str, Person], units: dict[str, Unit], on: date) -> None:
    """Close, correct and open postings and duties. Closing goes first: one open main posting a person."""
    current, last, beside = _postings_of([people[change.number].pk for change in done.changed_people])
    held = _duties_of([posting.pk for posting in [*current.values(), *(each for some in beside.values() for each in some)]])
    changed: list[Posting] = []
    opened: list[Posting] = []
    ended: list[DutyAssignment] = []
    added: list[DutyAssignment] = []

    def close(posting: Posting, last_day: date) -> None:
        posting.ends_on = max(last_day, posting.starts_on)
        changed.append(posting)
        for assignment in held.get(posting.pk, []):
            assignment.ends_on = max(posting.ends_on, assignment.starts_on)
            ended.append(assignment)

    for change in done.people:
        person = people[change.number]
        posting = current.get(person.pk)
        duties, since = change.duties_added, on
        if change.posting in {"open", "move"}:
            assert change.since is not None
            if posting is not None:
                duties = [each.duty for each in held.get(posting.pk, []) if each.duty not in change.duties_ended] + change.duties_added
                close(posting, change.since - timedelta(days=1))
            for other in beside.get(person.pk, []):
                if other.unit_id == units[change.unit_code].pk:
                    close(other, change.since - timedelta(days=1))
            posting = Posting(person=person, unit=units[change.unit_code], title=change.title, starts_on=change.since)
            if change.ends:
                posting.ends_on = max(on, change.since)
            opened.append(posting)
            since = change.since
        elif change.posting == "close" and posting is not None:
            for other in [posting, *beside.get(person.pk, [])]:
                close(other, on)
            continue
        elif change.posting == "reopen":
            posting = last[person.pk]
            posting.ends_on = None
            changed.append(posting)
        elif change.posting in {"correct", "redate"} and posting is not None:
            assert change.since is not None
            for assignment in held.get(posting.pk, []):
                if assignment.starts_on == posting.starts_on or assignment.starts_on < change.since:
                    assignment.starts_on = change.since
                    ended.append(assignment)
            posting.unit, posting.title, posting.starts_on = units[change.unit_code], change.title, change.since
            changed.append(posting)
        if change.posting not in {"open", "move"} and posting is not None:
            for assignment in held.get(posting.pk, []):
                if assignment.duty in change.duties_ended:
                    assignment.ends_on = max(on - timedelta(days=1), assignment.starts_on)
                    ended.append(assignment)
        for duty in duties:
            added.append(DutyAssignment(posting=posting, duty=duty, starts_on=since, ends_on=posting.ends_on if posting else None))
    Posting.objects.bulk_update(changed, ["unit", "title", "starts_on", "ends_on"], batch_size=500)
    Posting.objects.bulk_create(opened, batch_size=500)
    DutyAssignment.objects.bulk_update({each.pk: each for each in ended}.values(), ["starts_on", "ends_on"], batch_size=500)
    for assignment in added:
        assignment.posting_id = assignment.posting.pk
    DutyAssignment.objects.bulk_create(added, batch_size=500)


# --- uploads kept between plan and confirmation ----------------------------------------------


@transaction.atomic
def keep(*, file: BinaryIO, plan: RosterPlan, by: Person, at: datetime) -> RosterImport:
    """Keep an uploaded file until it is confirmed, for a day at most; older uploads are wiped."""
    RosterImport.objects.filter(applied_at=None, content__isnull=False, made_at__lt=at - KEEP_UPLOADS).update(content=None)
    file.seek(0)
    return RosterImport.objects.create(
        by=by, unit=plan.county, file_name=plan.parsed.name[:200], file_digest=plan.parsed.digest, content=file.read(),
        plan_digest=plan.digest, summary=plan.summary, made_at=at,
    )


def refused_file(plan: RosterPlan, parsed_rows: dict[tuple[str, int], list] | None = None) -> bytes:
    """The refused rows as a workbook, with the reason in the last column: mend them and hand it in again."""
    sheets: dict[str, dict[int, list[RosterError]]] = defaultdict(lambda: defaultdict(list))
    for error in plan.errors:
        sheets[error.sheet][error.row].append(error)
    originals = parsed_rows or {}
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    text = book.add_format({"num_format": "@"})
    head = book.add_format({"bold": True, "num_format": "@"})
    for name, rows in sheets.items():
        header = [column for column in plan.parsed.headers.get(name, []) if column and column != "性别"]
        page = book.add_worksheet((name or "Sheet")[:31].translate(str.maketrans(dict.fromkeys("[]:*?/\\", "_"))))
        for position, column in enumerate([*header, "原行号", "拒绝原因"]):
            page.write_string(0, position, column, head)
        for line, (number, errors) in enumerate(sorted(rows.items()), start=1):
            cells = originals.get((name, number), {})
            for position, column in enumerate(header):
                page.write_string(line, position, tables.as_text(cells.get(column)) if cells else "", text)
            page.write_string(line, len(header), str(number), text)
            page.write_string(line, len(header) + 1, "；".join(f"{error.field}：{error.message}" for error in errors), text)
        page.set_column(0, len(header), 16, text)
        page.set_column(len(header) + 1, len(header) + 1, 60, text)
    if not sheets:
        book.add_worksheet()
    book.close()
    return out.getvalue()


def rows_of(file: BinaryIO, name: str) -> dict[tuple[str, int], dict[str, object]]:
    """The original cells of every row by (sheet, row number), for giving refused rows back."""
    found: dict[tuple[str, int], dict[str, object]] = {}
    for sheet in tables.read(file, name=name):
        for columns in (PEOPLE_COLUMNS, UNIT_COLUMNS):
            try:
                _header, rows = sheet.rows(columns)
            except Refused:
                continue
            found.update({(sheet.name, row.number): row.cells for row in rows})
            break
    return found


__all__ = ["Parsed", "PersonChange", "RosterError", "RosterPlan", "UnitChange", "apply", "keep", "parse", "plan", "refused_file", "rows_of"]
