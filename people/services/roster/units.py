"""The sheet of units, compared with the tree that stands."""

from django.utils.translation import gettext as _

from people import rules
from people.models import Person, Unit
from people.services.roster.changes import RosterPlan, UnitChange
from people.services.roster.file import RULES, RosterError, UnitRow
from people.services.roster.known import DEEPEST, Known


def compare_units(found: RosterPlan, known: Known, by: Person | None) -> None:
    parsed, county = found.parsed, found.county
    rows = {row.code: row for row in parsed.units}

    def refuse(row: UnitRow, column: str, code: str, **params: object) -> None:
        values = [row.code, row.name, row.short_name, row.kind, row.parent_code]
        found.errors.append(RosterError(row.row, column, _(RULES[code]) % params, values, parsed.unit_sheet, code))
        bad.add(row.code)

    bad: set[str] = set()
    foreign = set()
    if county is not None:
        foreign = set(
            Unit.objects.filter(code__in=[row.code for row in parsed.units])
            .exclude(path__startswith=county.path)
            .values_list("code", flat=True)
        )
    done: dict[str, UnitChange] = {}

    moves = _moves(rows, known, county)
    parents = dict(known.parent)
    deep = _too_deep(moves, parents, known, county)

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
        if unit is None and kind == Unit.Kind.COUNTY and not rules.is_county_code(row.code):
            refuse(row, "单位代码", "county_code", value=row.code)
            return False
        if kind == Unit.Kind.COUNTY and row.parent_code:
            refuse(row, "上级代码", "parent_of_county")
            return False
        if unit is not None and (unit.kind == Unit.Kind.COUNTY) != (kind == Unit.Kind.COUNTY):
            refuse(row, "类型", "kind_fixed")
            return False
        if by is not None and unit is not None and county is not None and unit.path == county.path and kind != unit.kind:
            refuse(row, "类型", "kind_own")  # a section right below the county is the county itself: its leaders' roles would grow
            return False
        if kind != Unit.Kind.COUNTY:
            inside_root = unit is not None and county is not None and unit.path == county.path
            if not row.parent_code and unit is None:
                refuse(row, "上级代码", "parent_needed")
                return False
            if row.parent_code and not inside_root:
                if row.code in deep:
                    refuse(row, "上级代码", "too_deep", levels=DEEPEST)  # before the rows above it: that many are not called one in another
                    return False
                if row.parent_code in rows:
                    if not settle(rows[row.parent_code], (*under, row.code)):
                        if row.code not in bad:
                            refuse(row, "上级代码", "parent_unknown", value=row.parent_code)
                        return False
                elif row.parent_code not in known.standing:
                    refuse(row, "上级代码", "parent_unknown", value=row.parent_code)
                    return False
                if row.parent_code in known.closed and (unit is None or known.parent[unit.code] != row.parent_code):
                    refuse(row, "上级代码", "unit_closed", value=known.name[row.parent_code])
                    return False
                if unit is not None and known.parent[unit.code] != row.parent_code:
                    above = row.parent_code
                    while above and above != row.code:  # upwards as planned: whatever lies above is settled, and moved, first
                        if above in rows:
                            settle(rows[above], (*under, row.code))
                        above = known.parent.get(above, "")
                    if above and row.code not in bad:
                        refuse(row, "上级代码", "parent_circle")
                    if row.code in bad:
                        return False
        settled.add(row.code)
        if unit is None and kind == Unit.Kind.SECTION:
            derived = known.sections.get((row.parent_code, row.name))
            if derived and derived in known.standing and derived not in rows and derived.startswith(f"{row.parent_code}-S"):
                unit = known.standing[derived]
        if unit is None:
            done[row.code] = UnitChange(
                code=row.code,
                name=row.name,
                kind=kind,
                parent_code=row.parent_code,
                is_new=True,
                short_name=row.short_name,
                is_vertical=bool(row.is_vertical),
            )
            known.add(row.code, row.name, row.short_name, kind, row.parent_code)
            return True
        changed: dict[str, tuple] = {}
        parent_code = known.parent[unit.code]
        for name, new in (
            ("code", row.code),
            ("name", row.name),
            ("kind", kind),
            ("short_name", row.short_name),
            ("is_vertical", row.is_vertical),
        ):
            old = getattr(unit, name)
            if new not in ("", None) and new != old:
                changed[name] = (old, new)
        if row.parent_code and row.parent_code != parent_code and not (county is not None and unit.path == county.path):
            changed["parent"] = (parent_code, row.parent_code)
        if changed:
            done[row.code] = UnitChange(
                code=row.code,
                name=row.name,
                kind=kind,
                parent_code=row.parent_code or parent_code,
                is_new=False,
                fields=changed,
                former_code=unit.code,
            )
        known.forget(unit.code)
        if row.code != unit.code:
            known.renamed[unit.code] = row.code
        known.add(row.code, row.name, row.short_name or unit.short_name, kind, row.parent_code or parent_code)
        return True

    settled: set[str] = set()
    for row in parsed.units:
        settle(row, ())
    kept = {code: above for code, above in moves.items() if code not in bad}
    for code in sorted(_too_deep(kept, parents, known, county)):  # for what else was refused: what was to move out from below it stays
        refuse(rows[code], "上级代码", "too_deep", levels=DEEPEST)
        found.refused_units.add(code)
    # Old names of renamed units go out of use with the rename; units keep the order of the file, parents first.
    found.units.extend(done.values())


def _moves(rows: dict[str, UnitRow], known: Known, county: Unit | None) -> dict[str, str]:
    """The units that the sheet makes, or puts below another one than now, with the code of that one."""
    found = {}
    for code, row in rows.items():
        unit = known.standing.get(code)
        is_top = row.kind == Unit.Kind.COUNTY or (unit is not None and county is not None and unit.path == county.path)
        if row.parent_code and not is_top and (unit is None or known.parent[code] != row.parent_code):
            found[code] = row.parent_code
    return found


def _too_deep(moves: dict[str, str], parents: dict[str, str], known: Known, county: Unit | None) -> set[str]:
    """Those of the moves by which a unit, or one that it carries along, would come to lie below the deepest level, and deeper than it stands.

    By the tree as it is after the other ones. `parents` are those that stand. Of a short circle `settle` says so; a long one is too deep.
    """
    refused: set[str] = set()
    while True:
        left = {code: above for code, above in moves.items() if code not in refused}
        planned = parents | left
        levels = _levels(planned, top=county.depth if county is not None else 1)
        found = set()
        for code, level in levels.items():
            if level > DEEPEST:
                while code and code not in left:
                    code = planned.get(code, "")
                if code and (code not in known.standing or levels[code] > known.standing[code].depth):
                    found.add(code)
        if not found:
            return refused
        refused |= found


def _levels(parents: dict[str, str], *, top: int) -> dict[str, int]:
    """On which level each unit would lie, where the first ones lie on level `top`; in a circle as if it were a chain of that length."""
    found: dict[str, int] = {}
    for code in parents:
        chain: dict[str, None] = {}
        while code and code not in found and code not in chain:
            chain[code] = None
            code = parents.get(code, "")
        circle = top - 1 + len(chain) if code in chain else 0
        level = found.get(code, top - 1)
        for each in reversed(chain):
            level += 1
            found[each] = circle or level
    return found
