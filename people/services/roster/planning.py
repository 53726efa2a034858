"""The plan: a roster file compared with what stands. Reads, writes nothing."""

import difflib
import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import BinaryIO

from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from core import clock
from people import rules
from people.models import Duty, DutyAssignment, Person, Posting, Role, RoleGrant, Unit
from people.models.snapshot import first_recorded
from people.services.accounts import stopped_by_hand
from people.services.roles import (
    BY_HAND,
    BY_ROSTER,
    GONE,
    HANDED_OVER_WITH_CARE,
    RUN_OR_WATCH,
    in_batches,
    is_guarded,
    reaches,
    refusal_to_grant,
)
from people.services.roster.file import RULES, Parsed, PersonRow, RosterError, UnitRow, parse

OPENS = frozenset({"open", "move", "renew"})  # a posting begins
PLACES = OPENS | {"correct", "reopen"}  # the person's unit and post follow


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
    """A person to make, or to change. `posting` is "", open, move, renew, correct, redate, reopen or close.

    `renew` begins a stretch in the same post: a later first day takes nothing from the years before it. `redate` corrects the
    first day, see `_continued`. `roles_gained` and `roles_lost` are (role, code and name of the unit that it reaches). `stays_stopped`: somebody who comes back without
    sign-in, because an administrator stopped it.
    """

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
    roles_gained: list[tuple[str, str, str]] = field(default_factory=list)
    roles_lost: list[tuple[str, str, str]] = field(default_factory=list)
    ends: bool = False
    stays_stopped: bool = False

    @property
    def ends_password(self) -> bool:
        """Whether somebody who is gone gets another name: who knew the old one's password does not come back by it."""
        return self.ends and not self.is_new and "name" in self.fields

    @property
    def is_change(self) -> bool:
        """Whether anything becomes of the person; roles alone where a unit above them moves or changes its kind."""
        facts = self.is_new or self.fields or self.posting or self.duties_added or self.duties_ended
        return bool(facts or self.roles_gained or self.roles_lost)

    @property
    def lines(self) -> list[str]:
        """What would change, one line each, in the reader's language."""
        found = (
            []
            if self.is_new
            else [
                _old_new(_PERSON_LABELS[name], _shown(name, old), _shown(name, new))
                for name, (old, new) in self.fields.items()
                if name in _PERSON_LABELS
            ]
        )
        if self.stays_stopped:
            found.append(_("sign-in stays stopped: an administrator stopped it, and an administrator allows it again"))
        place = f"{self.unit_label} {self.title}".strip()
        since = self.since.isoformat() if self.since else ""
        if self.posting == "open":
            found.append(_("posting opens: %(place)s, from %(since)s") % {"place": place, "since": since})
        elif self.posting == "move":
            found.append(_("transfer: %(before)s → %(place)s, from %(since)s") % {"before": self.before, "place": place, "since": since})
        elif self.posting == "renew":
            found.append(
                _("a new stretch in the same post: %(place)s, from %(since)s; the one from %(before)s ends the day before")
                % {"before": self.before, "place": place, "since": since}
            )
        elif self.posting == "correct":
            found.append(
                _("posting corrected (same day %(since)s): %(before)s → %(place)s")
                % {"before": self.before, "place": place, "since": since}
            )
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
        if self.roles_gained:
            found.append(_("roles gained: %(roles)s") % {"roles": _roles_in_words(self.roles_gained)})
        if self.roles_lost:
            found.append(_("roles lost: %(roles)s") % {"roles": _roles_in_words(self.roles_lost)})
        return found


def _roles_in_words(roles: list[tuple[str, str, str]]) -> str:
    return "、".join(f"{Role(role).label}（{unit}）" for role, _code, unit in roles)


_PERSON_LABELS = {
    "name": pgettext_lazy("of a person", "name"),
    "phone": gettext_lazy("phone"),
    "email": gettext_lazy("e-mail"),
    "staff_type": gettext_lazy("staff type"),
    "status": gettext_lazy("status"),
    "is_active": gettext_lazy("may sign in"),
}
_UNIT_LABELS = {
    "name": gettext_lazy("name"),
    "short_name": gettext_lazy("short name"),
    "kind": gettext_lazy("kind"),
    "is_vertical": gettext_lazy("vertical"),
    "parent": gettext_lazy("unit above"),
    "code": gettext_lazy("code"),
}


def _old_new(label: object, old: object, new: object) -> str:
    return f"{label}：{old if old not in ('', None) else '—'} → {new}"


def _shown(name: str, value: object) -> object:
    if name == "staff_type":
        return Person.StaffType(str(value)).label
    if name == "status":
        return Person.Status(str(value)).label
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
    refused_units: set[str] = field(default_factory=set)  # codes of units that may not move for what that does to somebody's power

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
    def has_rows(self) -> bool:
        """Whether the file has any row, good or bad, below its headers."""
        return bool(self.parsed.units or self.parsed.people or self.errors)

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
            "postings_opened": sum(postings[kind] for kind in OPENS),
            "postings_closed": postings["close"] + postings["move"] + postings["renew"],
            "postings_corrected": postings["correct"] + postings["redate"] + postings["reopen"],
            "duties_added": sum(len(change.duties_added) for change in self.people),
            "duties_ended": sum(len(change.duties_ended) for change in self.people),
            "roles_gained": sum(len(change.roles_gained) for change in self.people),
            "roles_lost": sum(len(change.roles_lost) for change in self.people),
            "bad_rows": self.bad_rows,
            "missing": len(self.missing),
        }

    @property
    def digest(self) -> str:
        """The same for two plans that would do the same."""
        parts = [repr(change) for change in self.units] + [repr(change) for change in self.people]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


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


class _Known:
    """The units that stand or are planned, and how a roster names them."""

    def __init__(self, county: Unit | None) -> None:
        stand = Unit.objects.within(county) if county else Unit.objects.all()
        self.standing: dict[str, Unit] = {unit.code: unit for unit in stand}
        self.by_path: dict[str, Unit] = {unit.path: unit for unit in self.standing.values()}
        self.above: dict[str, Unit] = self.by_path
        if county is not None and county.depth > 1:
            heads = [county.path[: Unit.steplen], county.path[: Unit.steplen * 2]]
            self.above = {unit.path: unit for unit in Unit.objects.filter(path__in=heads)}
        self.kind: dict[str, str] = {}
        self.name: dict[str, str] = {}
        self.parent: dict[str, str] = {}
        self.renamed: dict[str, str] = {}
        self.closed: set[str] = set()
        self.named: dict[str, set[str]] = defaultdict(set)
        self.sections: dict[tuple[str, str], str] = {}
        for unit in self.standing.values():
            above = self.by_path.get(unit.path[: -Unit.steplen])
            self.add(unit.code, unit.name, unit.short_name, unit.kind, above.code if above else "")
            if not unit.is_open:
                self.closed.add(unit.code)

    def add(self, code: str, name: str, short_name: str, kind: str, parent_code: str) -> None:
        self.kind[code], self.name[code], self.parent[code] = kind, name, parent_code
        self.named[code].add(code)
        self.named[name].add(code)
        if short_name:
            self.named[short_name].add(code)
        if kind == Unit.Kind.SECTION:
            self.sections[(parent_code, name)] = code

    def now(self, code: str) -> str:
        """The code under which a unit goes on that stands with this one."""
        return self.renamed.get(code, code)

    def at(self, path: str) -> str:
        """The code, as planned, of the unit that stands at this path."""
        return self.now((self.by_path.get(path) or self.above[path]).code)

    def forget(self, code: str) -> None:
        for codes in self.named.values():
            codes.discard(code)
        self.sections = {key: value for key, value in self.sections.items() if value != code}

    def organ(self, name: str, *, left: bool = False) -> str:
        """The code of the unit so named; departments, townships and counties before sections. Those who left may have left a closed one.

        Raises:
            rules.Unreadable: unit_unknown, unit_unknown_near, unit_ambiguous, unit_closed.
        """
        codes = self.named.get(name) or set()
        organs = {code for code in codes if self.kind[code] != Unit.Kind.SECTION}
        codes = organs or codes
        open_ones = codes - self.closed or (codes if left else set())
        if codes and not open_ones:
            raise rules.Unreadable("unit_closed", value=name)
        if len(open_ones) > 1:
            raise rules.Unreadable("unit_ambiguous", value=name)
        if not open_ones:
            near = difflib.get_close_matches(name, [key for key, some in self.named.items() if some and key], n=1, cutoff=0.75)
            if near:
                raise rules.Unreadable("unit_unknown_near", value=name, near=near[0])
            raise rules.Unreadable("unit_unknown", value=name)
        return next(iter(open_ones))

    def reached_from(self, code: str, reach: str, parent: str = "") -> Unit:
        """The organ or the county, as planned, over which a duty held here brings its role. See Unit.organ_path.

        `parent` is what lies above a section that is not planned yet. A unit that does not stand yet comes
        unsaved, with a path below its parent's.
        """
        chain = [code]
        above = self.parent.get(code, parent)
        while above and above not in chain:
            chain.append(above)
            above = self.parent.get(above, "")
        top = self.standing.get(chain[-1])
        first = top.depth if top else 1
        depth = first + len(chain) - 1
        is_section = self.kind.get(code, Unit.Kind.SECTION) == Unit.Kind.SECTION
        wanted = 1 if reach == rules.COUNTY or depth == 1 or (depth == 2 and is_section) else 2
        if wanted < first and top is not None:
            return self.above[top.path[: Unit.steplen * wanted]]
        return self._as_planned(chain[first - wanted - 1])

    def _as_planned(self, code: str) -> Unit:
        if code in self.standing:
            return self.standing[code]
        above = self.parent.get(code, "")
        path = f"{self._as_planned(above).path if above else ''}+{code}"
        return Unit(code=code, name=self.name[code], kind=self.kind[code], path=path)

    def label(self, code: str) -> str:
        if self.kind.get(code) == Unit.Kind.SECTION and self.parent.get(code):
            return f"{self.name[self.parent[code]]} {self.name[code]}"
        return self.name.get(code, code)


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
    known = _Known(county)
    _compare_units(found, known, by)
    _compare_people(found, known, by)
    _sort_errors(found)
    return found


def _sort_errors(found: RosterPlan) -> None:
    order = {found.parsed.unit_sheet: 0, found.parsed.people_sheet: 1}
    found.errors.sort(key=lambda error: (order.get(error.sheet, 2), error.row))


def _compare_units(found: RosterPlan, known: _Known, by: Person | None) -> None:
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
            above = known.standing.get(row.parent_code)
            if above is not None and above.path.startswith(unit.path):
                refuse(row, "上级代码", "parent_circle")
                return False
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
    # Old names of renamed units go out of use with the rename; units keep the order of the file, parents first.
    found.units.extend(done.values())


def _compare_people(found: RosterPlan, known: _Known, by: Person | None) -> None:
    parsed, county = found.parsed, found.county
    if not parsed.people and not parsed.numbers:
        _follow_moved_units(found, known, by)
        return
    people = {person.employee_number.casefold(): person for person in _people_in_reach(county)}
    numbers = [row.number for row in parsed.people if row.number.casefold() not in people]
    elsewhere = _numbers_in_use(numbers)
    matched = [people[row.number.casefold()].pk for row in parsed.people if row.number.casefold() in people]
    current, last, beside = postings_of(matched)
    held = duties_of([posting.pk for posting in [*current.values(), *(each for some in beside.values() for each in some)]])
    standing = _roles_of(matched)
    code_of = {unit.pk: unit.code for unit in known.standing.values()}
    stopped = _stopped_for(
        by, [person for row in parsed.people if (person := people.get(row.number.casefold())) and _comes_back(row, person)]
    )
    mistaken = _mistaken(
        {person.pk: (person, row.since) for row in parsed.people if (person := people.get(row.number.casefold()))}, current
    )
    for row in parsed.people:
        person = people.get(row.number.casefold())

        def refuse(column: str, code: str, params: dict[str, object], row: PersonRow = row) -> None:
            found.errors.append(RosterError(row.row, column, _(RULES[code]) % params, _values(row), parsed.people_sheet, code))

        if person is None and row.number.casefold() in elsewhere:
            refuse("工号", "number_elsewhere", {"value": row.number})
            continue
        if person is not None and _comes_back(row, person) and row.name != person.name:
            refuse("工号", "number_reused", {"value": person.employee_number, "old": person.name, "new": row.name})
            continue
        try:
            organ_code = known.organ(row.unit_name, left=row.status in GONE)
        except rules.Unreadable as problem:
            refuse("单位", problem.code, problem.params)
            continue
        section = row.section if row.section and row.section != known.name[organ_code] else ""
        problem_or_change = _change_of(
            row,
            person,
            known,
            organ_code,
            section,
            current.get(person.pk) if person else None,
            last.get(person.pk) if person else None,
            held,
            code_of,
            stopped,
            mistaken,
        )
        if isinstance(problem_or_change, rules.Unreadable):
            refuse("任现职时间", problem_or_change.code, problem_or_change.params)
            continue
        change = problem_or_change
        if change.posting in PLACES and change.unit_code in known.closed and not change.ends:
            refuse("内设机构", "unit_closed", {"value": change.unit_label})
            continue
        grants = standing.get(person.pk, []) if person else []
        open_ones = [posting for posting in (current.get(person.pk), *beside.get(person.pk, [])) if posting] if person else []
        gained, withheld = _follow_with_roles(change, known, organ_code, grants, open_ones, held, by, row.duties or ())
        why = _roles_refused(change, person, gained, grants, known, code_of, by) if change.is_change else None
        if why is not None:
            found.errors.append(RosterError(row.row, why[0], why[1], _values(row), parsed.people_sheet, why[2]))
            continue
        for duty, role, unit in withheld:
            words = {"duty": Duty(duty).label, "role": Role(role).label, "unit": unit.name}
            found.notices.append(
                RosterError(row.row, "政务公开职责", _(RULES["role_withheld"]) % words, [], parsed.people_sheet, "role_withheld")
            )
        if change.posting in PLACES and section:
            _need_section(found, known, organ_code, section, change.unit_code)
        if change.is_change:
            found.people.append(change)
            if "name" in change.fields and not change.is_new:
                old, new = change.fields["name"]
                code = "name_changed_gone" if change.ends_password else "name_changed"
                found.notices.append(RosterError(row.row, "姓名", _(RULES[code]) % {"old": old, "new": new}, [], parsed.people_sheet, code))
            if change.posting == "renew" and change.since is not None:
                days = {"name": change.name, "before": change.before, "since": change.since.isoformat()}
                found.notices.append(RosterError(row.row, "任现职时间", _(RULES["renewed"]) % days, [], parsed.people_sheet, "renewed"))
        else:
            found.unchanged += 1
    _follow_moved_units(found, known, by)
    found.missing = [
        (person.employee_number, person.name)
        for key, person in sorted(people.items())
        if key not in parsed.numbers and person.status not in GONE and person.unit_id
    ]


def _comes_back(row: PersonRow, person: Person) -> bool:
    """Whether the row takes somebody who left or retired back."""
    return person.status in GONE and (row.status or person.status) not in GONE


def _stopped_for(by: Person | None, back: list[Person]) -> set[int]:
    """Whom of those who come back this import does not let in, by key: an administrator stopped them, and `by` is none over them. Two queries."""
    stopped = stopped_by_hand([person.pk for person in back if not person.is_active]) if by is not None else set()
    units = {unit.pk: unit for unit in Unit.objects.filter(people__in=stopped).distinct()} if stopped else {}
    mine = {pk for pk, unit in units.items() if reaches(by, unit, BY_HAND)}
    return {person.pk for person in back if person.pk in stopped and person.unit_id not in mine}


def _mistaken(rows: dict[int, tuple[Person, date | None]], current: dict[int, Posting]) -> set[int]:
    """For whom, by key, a later first day in the same post corrects the day that stands: on the later one nobody knew of them yet.

    They came into the register on that day or after it, and no record of theirs is older. A mistake here is mended by a file with
    the earlier day; years once cut off by a new stretch are not. As many queries as there are kinds of records, or none.
    """
    late = {
        pk: since
        for pk, (person, since) in rows.items()
        if since is not None and pk in current and current[pk].starts_on < since <= clock.today(person.date_joined)
    }
    first = first_recorded(list(late))
    return {pk for pk, since in late.items() if pk not in first or first[pk] >= since}


def _follow_moved_units(found: RosterPlan, known: _Known, by: Person | None) -> None:
    """Roles that come and go where a unit moves or changes its kind, of those below it of whom the plan has nothing else.

    Where it is not `by`'s to do that to them, the row of the unit is refused. Five queries where a unit does so, else none.
    """
    parsed = found.parsed
    rows = {row.code: row for row in parsed.units}
    moved = {change.former_code: change for change in found.changed_units if {"kind", "parent"} & change.fields.keys()}
    if not moved:
        return
    above = {known.standing[code].path: change for code, change in moved.items()}
    cause = {
        unit.pk: change for unit in known.standing.values() for path, change in sorted(above.items()) if unit.path.startswith(path)
    }  # the lowest one that moved
    serving = Posting.objects.filter(unit__in=cause, ends_on=None, duties__ends_on=None, duties__duty__in=rules.ROLE_OF_DUTY)
    people = {person.pk: person for person in Person.objects.filter(postings__in=serving).exclude(status__in=GONE).distinct()}
    planned = {change.number for change in found.people}
    ids = sorted(pk for pk, person in people.items() if person.employee_number not in planned)
    current, _last, beside = postings_of(ids)
    open_ones = {pk: [one for one in (current.get(pk), *beside.get(pk, [])) if one] for pk in ids}
    held = duties_of([posting.pk for several in open_ones.values() for posting in several])
    standing = _roles_of(ids)
    code_of = {unit.pk: unit.code for unit in known.standing.values()}
    for pk in ids:
        person, main = people[pk], current.get(pk)
        why = next(cause[one.unit_id] for one in open_ones[pk] if one.unit_id in cause)
        place = known.now(main.unit.code) if main else ""
        row = rows[why.code]
        change = PersonChange(row=row.row, number=person.employee_number, name=person.name, is_new=False, unit_code=place)
        grants = standing.get(pk, [])
        gained, _withheld = _follow_with_roles(change, known, known.parent.get(place, ""), grants, open_ones[pk], held, by, ())
        if not change.is_change:
            continue
        refused = _roles_refused(change, person, gained, grants, known, code_of, by)
        if refused is None:
            found.people.append(change)
            continue
        column = "上级代码" if "parent" in why.fields else "类型"
        values = [row.code, row.name, row.short_name, row.kind, row.parent_code]
        found.errors.append(RosterError(row.row, column, refused[1], values, parsed.unit_sheet, refused[2]))
        found.refused_units.add(row.code)


def _change_of(row, person, known, organ_code, section, cur, last, held, code_of, stopped, mistaken) -> PersonChange | rules.Unreadable:
    """One row against one person as they stand."""
    if section:
        unit_code = known.sections.get((organ_code, section)) or rules.section_code(organ_code, section, known.kind)
        label = f"{known.name[organ_code]} {section}"
    else:
        unit_code, label = organ_code, known.label(organ_code)
    status = row.status or (person.status if person else Person.Status.ON_DUTY)
    change = PersonChange(
        row=row.row,
        number=person.employee_number if person else row.number,
        name=row.name,
        is_new=person is None,
        unit_code=unit_code,
        unit_label=label,
        ends=status in GONE,
    )
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
    open_duties = [assignment.duty for assignment in held.get(cur.pk, [])] if cur else []
    if status in GONE:
        if person.is_active:
            change.fields["is_active"] = (True, False)
        if cur is not None:
            change.posting, change.before = "close", f"{_label_of(known, code_of.get(cur.unit_id, ''))} {cur.title}".strip()
            change.duties_ended = open_duties
        return change
    if _comes_back(row, person) and not person.is_active:
        if person.pk in stopped:
            change.stays_stopped = True
        else:
            change.fields["is_active"] = (False, True)
    if cur is not None:
        return _continued(change, row, known, cur, last, open_duties, code_of, is_mistaken=person.pk in mistaken)
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


def _continued(change, row, known, cur, last, open_duties, code_of, *, is_mistaken) -> PersonChange | rules.Unreadable:
    """A row about somebody with an open posting.

    In the same post an earlier first day corrects the one that stands; where it lies in an earlier stretch of that post, the day
    between the two moves. A later one begins a new stretch, or corrects the day where that was a mistake (`_mistaken`).
    """
    here = code_of.get(cur.unit_id, "")
    same_unit = here == change.unit_code
    change.title = row.title if row.title is not None else (cur.title if same_unit else "")
    change.since = row.since or cur.starts_on
    wanted = open_duties if row.duties is None else row.duties
    before = f"{_label_of(known, here)} {cur.title}".strip()
    if same_unit and change.title == cur.title:
        if change.since > cur.starts_on and not is_mistaken:
            change.posting, change.before = "renew", cur.starts_on.isoformat()
        elif change.since != cur.starts_on and not (continues(last, cur) and change.since == last.starts_on):
            if last is not None and change.since <= last.ends_on and not (continues(last, cur) and change.since > last.starts_on):
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


def continues(last: Posting | None, cur: Posting) -> bool:
    """Whether the posting before was the same post and went on without a break: the first day of the one is as true as that of the other."""
    return last is not None and last.ends_on == cur.starts_on - timedelta(days=1) and (last.unit_id, last.title) == (cur.unit_id, cur.title)


def _follow_with_roles(
    change: PersonChange,
    known: _Known,
    organ_code: str,
    grants: list[RoleGrant],
    postings: list[Posting],
    held: dict[int, list[DutyAssignment]],
    by: Person | None,
    named: Collection[str],
) -> tuple[list[tuple[str, str, Unit]], list[tuple[str, str, Unit]]]:
    """Write into the change which roles come and go with it, as `roles.sync_many` will do after it.

    Returns (duty, role, unit) for those that come, and for the roles HR that do not, because `by` is no administrator there.
    One that the duties held now bring already does not come with this row, except HR with a row that names its duty
    (`named`): that duty may have been entered by somebody who could not give the role.
    """
    before: set[tuple[str, str]] = set()
    after: set[tuple[str, str]] = set()
    brought: dict[tuple[str, str], tuple[str, str, Unit]] = {}
    main_duties: list[str] = []
    for posting in postings:
        here = known.now(posting.unit.code)
        stays = not posting.is_main and not (change.posting in OPENS and here == change.unit_code)
        for assignment in held.get(posting.pk, []):
            if posting.is_main:
                main_duties.append(assignment.duty)
            if assignment.duty in rules.ROLE_OF_DUTY:
                role, reach = rules.ROLE_OF_DUTY[assignment.duty]
                before.add((role, known.at(posting.unit.county_path if reach == rules.COUNTY else posting.unit.organ_path)))
                if stays:
                    unit = known.reached_from(here, reach)
                    after.add((role, unit.code))
                    brought.setdefault((role, unit.code), (assignment.duty, role, unit))
    for duty in [*(duty for duty in main_duties if duty not in change.duties_ended), *change.duties_added]:
        if duty in rules.ROLE_OF_DUTY:
            role, reach = rules.ROLE_OF_DUTY[duty]
            unit = known.reached_from(change.unit_code, reach, organ_code)
            after.add((role, unit.code))
            brought.setdefault((role, unit.code), (duty, role, unit))

    def is_named_hr(key: tuple[str, str]) -> bool:
        return key[0] == Role.HR and brought[key][0] in named

    stand = {(grant.role, known.now(grant.unit.code)) for grant in grants}
    coming = [] if change.ends else [key for key in brought if key not in stand and (key not in before or is_named_hr(key))]
    withheld = [
        key
        for key in coming
        if key[0] == Role.HR and not reaches(by, brought[key][2], BY_HAND) and (key in before or reaches(by, brought[key][2], BY_ROSTER))
    ]
    gained = [brought[key] for key in coming if key not in withheld]
    change.roles_gained = [(role, unit.code, unit.name) for _duty, role, unit in gained]
    change.roles_lost = [
        (grant.role, grant.unit.code, grant.unit.name)
        for grant in grants
        if change.ends or (grant.from_duty and (grant.role, known.now(grant.unit.code)) not in after)
    ]
    return gained, [brought[key] for key in withheld]


def _roles_refused(
    change: PersonChange,
    person: Person | None,
    gained: list[tuple[str, str, Unit]],
    grants: list[RoleGrant],
    known: _Known,
    code_of: dict[int, str],
    by: Person | None,
) -> tuple[str, str, str] | None:
    """(column, message, code) when this row is not `by`'s to import for what it does to somebody's power."""
    held = {grant.role for grant in grants}
    touched = {"status", "is_active"} & set(change.fields)
    if person is not None and (touched or change.duties_added or change.duties_ended or change.roles_gained or change.roles_lost):
        unit = known.standing.get(code_of.get(person.unit_id or 0, ""))
        if is_guarded(person=person, unit=unit, held=held, by=by):
            return "状态" if touched else "政务公开职责", _(RULES["guarded"]) % {"name": person.name}, "guarded"
    for grant in grants:
        is_lost = grant.role in HANDED_OVER_WITH_CARE and (grant.role, grant.unit.code, grant.unit.name) in change.roles_lost
        if (is_lost or (touched and grant.role in RUN_OR_WATCH)) and not reaches(by, grant.unit, BY_HAND):
            words = {"name": change.name, "role": Role(grant.role).label, "unit": grant.unit.name}
            return "状态" if touched else "政务公开职责", _(RULES["power_kept"]) % words, "power_kept"
    someone = person or Person(employee_number=change.number, name=change.name)
    for duty, role, unit in gained:
        refusal = refusal_to_grant(person=someone, role=role, unit=unit, by=by, held=held, word=BY_ROSTER)
        if refusal is not None:
            words = {"duty": Duty(duty).label, "role": Role(role).label, "unit": unit.name, "why": refusal.message}
            return "政务公开职责", _(RULES["role_refused"]) % words, refusal.code
    return None


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
    people = Person.objects.only(
        *("pk", "employee_number", "name", "phone", "email", "staff_type", "status", "is_active", "is_superuser", "unit_id", "post_title"),
        "date_joined",
    )
    if county is None:
        return people
    return people.filter(unit__path__startswith=county.path)


def _numbers_in_use(numbers: list[str]) -> set[str]:
    """Which of these numbers, compared without case, belong to somebody."""
    found: set[str] = set()
    wanted = [number.lower() for number in numbers]
    for start in range(0, len(wanted), 5000):
        found.update(
            Person.objects.annotate(low=Lower("employee_number")).filter(low__in=wanted[start : start + 5000]).values_list("low", flat=True)
        )
    return {number.casefold() for number in found}


def postings_of(people: list[int]) -> tuple[dict[int, Posting], dict[int, Posting], dict[int, list[Posting]]]:
    """By person: the open main posting, the last closed main one, and open ones beside."""
    current: dict[int, Posting] = {}
    last: dict[int, Posting] = {}
    beside: dict[int, list[Posting]] = defaultdict(list)
    for posting in in_batches(Posting.objects.select_related("unit").order_by("starts_on", "pk"), "person", people):
        if posting.ends_on is None and posting.is_main:
            current[posting.person_id] = posting
        elif posting.ends_on is None:
            beside[posting.person_id].append(posting)
        elif posting.is_main and (posting.person_id not in last or posting.ends_on >= last[posting.person_id].ends_on):
            last[posting.person_id] = posting
    return current, last, beside


def duties_of(postings: list[int]) -> dict[int, list[DutyAssignment]]:
    held: dict[int, list[DutyAssignment]] = defaultdict(list)
    for assignment in in_batches(DutyAssignment.objects.filter(ends_on=None).order_by("pk"), "posting", postings):
        held[assignment.posting_id].append(assignment)
    return held


def _roles_of(people: list[int]) -> dict[int, list[RoleGrant]]:
    """By person: the roles that are open."""
    found: dict[int, list[RoleGrant]] = defaultdict(list)
    for grant in in_batches(RoleGrant.objects.filter(ends_on=None).select_related("unit").order_by("pk"), "person", people):
        found[grant.person_id].append(grant)
    return found
