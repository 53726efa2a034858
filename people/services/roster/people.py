"""The sheet of people, compared with the register."""

from datetime import timedelta

from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from people import rules
from people.models import Duty, Person, Role, Unit
from people.services.accounts import stopped_by_hand
from people.services.roles import BY_HAND, GONE, reaches
from people.services.roster.changes import PLACES, RosterPlan, UnitChange
from people.services.roster.file import RULES, PersonRow, RosterError
from people.services.roster.known import DEEPEST, Known
from people.services.roster.postings import change_of, comes_back, mistaken
from people.services.roster.roles import follow_moved_units, follow_with_roles, notices_of_roles, roles_refused
from people.services.roster.standing import Standing, standings_of


def compare_people(found: RosterPlan, known: Known, by: Person | None) -> None:
    parsed, county = found.parsed, found.county
    if not parsed.people and not parsed.numbers:
        follow_moved_units(found, known, by)
        return
    people = {person.employee_number.casefold(): person for person in _people_in_reach(county)}
    numbers = [row.number for row in parsed.people if row.number.casefold() not in people]
    elsewhere = _numbers_in_use(numbers)
    matched = [(row, person) for row in parsed.people if (person := people.get(row.number.casefold()))]
    standing = standings_of([person for _row, person in matched])
    stopped = _stopped_for(by, [person for row, person in matched if comes_back(row, person)])
    corrected = mistaken({person.pk: (person, row.since) for row, person in matched}, standing, known)
    for row in parsed.people:
        person = people.get(row.number.casefold())

        def refuse(column: str, code: str, params: dict[str, object], row: PersonRow = row) -> None:
            found.errors.append(RosterError(row.row, column, _(RULES[code]) % params, _values(row), parsed.people_sheet, code))

        if person is None and row.number.casefold() in elsewhere:
            refuse("工号", "number_elsewhere", {"value": row.number})
            continue
        if person is not None and comes_back(row, person) and row.name != person.name:
            refuse("工号", "number_reused", {"value": person.employee_number, "old": person.name, "new": row.name})
            continue
        try:
            organ_code = known.organ(row.unit_name, left=row.status in GONE)
        except rules.Unreadable as problem:
            refuse("单位", problem.code, problem.params)
            continue
        section = row.section if row.section and row.section != known.name[organ_code] else ""
        stands = standing[person.pk] if person else Standing()
        problem_or_change = change_of(
            row,
            stands,
            known,
            organ_code,
            section,
            is_stopped=person is not None and person.pk in stopped,
            is_mistaken=person is not None and person.pk in corrected,
        )
        if isinstance(problem_or_change, rules.Unreadable):
            refuse("任现职时间", problem_or_change.code, problem_or_change.params)
            continue
        change = problem_or_change
        if change.posting in PLACES and change.unit_code in known.closed and not change.ends:
            refuse("内设机构", "unit_closed", {"value": change.unit_label})
            continue
        if change.posting in PLACES and section and (organ_code, section) not in known.sections and known.depth(organ_code) >= DEEPEST:
            refuse("内设机构", "too_deep", {"levels": DEEPEST})
            continue
        gained, withheld = follow_with_roles(change, known, organ_code, stands, by, row.duties or ())
        why = roles_refused(change, gained, known, stands, by) if change.is_change else None
        if why is not None:
            found.errors.append(RosterError(row.row, why[0], why[1], _values(row), parsed.people_sheet, why[2]))
            continue
        for duty, role, unit in withheld:
            words = {"duty": Duty(duty).label, "role": Role(role).label, "unit": unit.name}
            found.notices.append(
                RosterError(row.row, "政务公开职责", _(RULES["role_withheld"]) % words, [], parsed.people_sheet, "role_withheld")
            )
        for column, code, words in notices_of_roles(change, row, gained, known, organ_code, stands):
            found.notices.append(RosterError(row.row, column, _(RULES[code]) % words, [], parsed.people_sheet, code))
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
            if change.until_before is not None and change.since is not None:
                until = (change.since - timedelta(days=1)).isoformat()
                days = {"place": change.place_before, "old": change.until_before.isoformat(), "new": until}
                text = _(RULES["moves_before"]) % days
                found.notices.append(RosterError(row.row, "任现职时间", text, [], parsed.people_sheet, "moves_before"))
        else:
            found.unchanged += 1
    follow_moved_units(found, known, by)
    found.missing = [
        (person.employee_number, person.name)
        for key, person in sorted(people.items())
        if key not in parsed.numbers and person.status not in GONE and person.unit_id
    ]


def _stopped_for(by: Person | None, back: list[Person]) -> set[int]:
    """Whom of those who come back this import does not let in, by key: an administrator stopped them, and `by` is none over them. Two queries."""
    stopped = stopped_by_hand([person.pk for person in back if not person.is_active]) if by is not None else set()
    units = {unit.pk: unit for unit in Unit.objects.filter(people__in=stopped).distinct()} if stopped else {}
    mine = {pk for pk, unit in units.items() if reaches(by, unit, BY_HAND)}
    return {person.pk for person in back if person.pk in stopped and person.unit_id not in mine}


def _need_section(found: RosterPlan, known: Known, organ_code: str, section: str, code: str) -> None:
    """Plan a section that the roster names and the tree has not."""
    if (organ_code, section) in known.sections:
        return
    found.units.append(UnitChange(code=code, name=section, kind=Unit.Kind.SECTION, parent_code=organ_code, is_new=True))
    known.add(code, section, "", Unit.Kind.SECTION, organ_code)


def _values(row: PersonRow) -> list:
    return [row.number, row.name, row.unit_name, row.section or ""]


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
