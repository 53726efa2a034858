"""The plan: a roster file compared with what stands. Reads, writes nothing."""

from dataclasses import replace
from datetime import date
from typing import BinaryIO

from core import clock
from people.models import Person, Unit
from people.services.roster.changes import NOTED_FIRST, RosterPlan
from people.services.roster.file import Parsed, parse
from people.services.roster.known import Known
from people.services.roster.people import compare_people
from people.services.roster.units import compare_units


def plan(file: BinaryIO, name: str, *, county: Unit | None = None, by: Person | None = None, on: date | None = None) -> RosterPlan:
    """The dry run of a roster file: what would be made, changed and closed, and every bad row. Writes nothing.

    `county` bounds it: units and people outside that unit's subtree are refused row by row; None (the
    command) bounds nothing and may make new counties. `by` is who imports: a row that brings a role beyond
    their reach or to themselves, takes HR, review, administration or audit from somebody over units that they do not administer, or
    touches those who run the system or watch over it, is refused; the role HR itself comes with an administrator's import alone, else the duty comes without it and a
    notice says so. None (the command) is all-powerful. `on` is the day of the import, today by default.
    About nine queries, whatever the number of rows.

    Raises:
        Refused: the file cannot be read as a roster at all.
    """
    on = on or clock.today()
    return compare(parse(file, name, today=on), county, by)


def compare(parsed: Parsed, county: Unit | None, by: Person | None = None) -> RosterPlan:
    """The plan of parsed rows against what stands now. See `plan`."""
    found = _compared(parsed, county, by)
    if found.refused_units:  # what else the file does is planned without them
        left = compare(replace(parsed, units=[row for row in parsed.units if row.code not in found.refused_units]), county, by)
        rows = {row.row for row in parsed.units if row.code in found.refused_units}
        left.errors += [error for error in found.errors if error.sheet == parsed.unit_sheet and error.row in rows]
        left.parsed = parsed
        _sort_errors(left)
        return left
    return found


def _compared(parsed: Parsed, county: Unit | None, by: Person | None) -> RosterPlan:
    found = RosterPlan(parsed=parsed, county=county, errors=list(parsed.errors), notices=list(parsed.notices))
    known = Known(county)
    compare_units(found, known, by)
    compare_people(found, known, by)
    found.notices.sort(key=lambda notice: NOTED_FIRST.index(notice.code) if notice.code in NOTED_FIRST else len(NOTED_FIRST))
    _sort_errors(found)
    return found


def _sort_errors(found: RosterPlan) -> None:
    order = {found.parsed.unit_sheet: 0, found.parsed.people_sheet: 1}
    found.errors.sort(key=lambda error: (order.get(error.sheet, 2), error.row))
