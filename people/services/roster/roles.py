"""The roles that come and go with a roster: which they are, and whether they are the importer's to give and take."""

from collections.abc import Collection

from django.utils.translation import gettext as _

from people import rules
from people.models import Duty, Person, Posting, Role, Unit
from people.services.roles import (
    BY_HAND,
    BY_ROSTER,
    GONE,
    HANDED_OVER_WITH_CARE,
    RUN_OR_WATCH,
    is_guarded,
    is_left_behind,
    reaches,
    refusal_to_grant,
)
from people.services.roster.changes import OPENS, PLACES, PersonChange, RosterPlan
from people.services.roster.file import RULES, PersonRow, RosterError
from people.services.roster.known import Known
from people.services.roster.standing import Standing, standings_of


def follow_with_roles(
    change: PersonChange,
    known: Known,
    organ_code: str,
    stands: Standing,
    by: Person | None,
    named: Collection[str],
) -> tuple[list[tuple[str, str, Unit]], list[tuple[str, str, Unit]]]:
    """Write into the change which roles come and go with it, as `roles.end_these` and `roles.sync_many` will do after it.

    Returns (duty, role, unit) for those that come, and for the roles HR that do not, because `by` is no administrator there.
    One that the duties held now bring already does not come with this row, except HR with a row that names its duty
    (`named`): that duty may have been entered by somebody who could not give the role.
    """
    before: set[tuple[str, str]] = set()
    after: set[tuple[str, str]] = set()
    brought: dict[tuple[str, str], tuple[str, str, Unit]] = {}
    main_duties: list[str] = []
    for posting in stands.open_postings:
        here = known.now(posting.unit.code)
        stays = not posting.is_main and not (change.posting in OPENS and here == change.unit_code)
        for assignment in stands.duties[posting.pk]:
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

    stand = {(grant.role, known.now(grant.unit.code)) for grant in stands.grants}
    coming = [] if change.ends else [key for key in brought if key not in stand and (key not in before or is_named_hr(key))]
    withheld = [
        key
        for key in coming
        if key[0] == Role.HR and not reaches(by, brought[key][2], BY_HAND) and (key in before or reaches(by, brought[key][2], BY_ROSTER))
    ]
    gained = [brought[key] for key in coming if key not in withheld]
    change.roles_gained = [(role, unit.code, unit.name) for _duty, role, unit in gained]
    if leaves_county(change, known, organ_code, stands):
        beside = [known.now(each.unit.code) for each in stands.open_postings if not each.is_main]
        going_on = [here for here in beside if not (change.posting in OPENS and here == change.unit_code)]
        serving = {known.reached_from(here, rules.COUNTY).path for here in going_on}
        serving.add(known.reached_from(change.unit_code, rules.COUNTY, organ_code).path)
        change.roles_left = [grant.pk for grant in stands.grants if is_left_behind(grant, stands.mains, serving)]
    change.roles_lost = [
        (grant.role, grant.unit.code, grant.unit.name)
        for grant in stands.grants
        if change.ends or grant.pk in change.roles_left or (grant.from_duty and (grant.role, known.now(grant.unit.code)) not in after)
    ]
    return gained, [brought[key] for key in withheld]


def leaves_county(change: PersonChange, known: Known, organ_code: str, stands: Standing) -> bool:
    """Whether the change brings somebody from one county into another."""
    home = known.code_now(stands.person.unit_id) if stands.person else ""
    return bool(home) and change.posting in PLACES and known.county(home) != known.county(change.unit_code, organ_code)


def notices_of_roles(
    change: PersonChange, row: PersonRow, gained: list[tuple[str, str, Unit]], known: Known, organ_code: str, stands: Standing
) -> list[tuple[str, str, dict[str, object]]]:
    """(column, code, words) for what a move does to somebody's power that no cell of the row names."""
    found: list[tuple[str, str, dict[str, object]]] = []
    home = known.code_now(stands.person.unit_id) if stands.person else ""
    if not home or change.posting not in PLACES:
        return found
    for grant in stands.grants:
        words: dict[str, object] = {"name": change.name, "role": Role(grant.role).label, "unit": grant.unit.name}
        over = known.now(grant.unit.code)
        if grant.pk in change.roles_left:
            found.append(("单位", "role_left", words))
        elif not (change.ends or grant.from_duty or known.lies_in(change.unit_code, over, organ_code)) and known.lies_in(home, over):
            found.append(("单位", "role_kept", words))
    if row.duties is None and change.posting in ("move", "correct"):
        for duty, role, unit in gained:
            found.append(("政务公开职责", "duty_carried", {"duty": Duty(duty).label, "role": Role(role).label, "unit": unit.name}))
        for duty in change.duties_ended:
            found.append(("政务公开职责", "duty_left", {"duty": Duty(duty).label, "place": change.unit_label}))
    return found


def roles_refused(
    change: PersonChange,
    gained: list[tuple[str, str, Unit]],
    known: Known,
    stands: Standing,
    by: Person | None,
) -> tuple[str, str, str] | None:
    """(column, message, code) when this row is not `by`'s to import for what it does to somebody's power."""
    person, grants = stands.person, stands.grants
    held = {grant.role for grant in grants}
    touched = {"status", "is_active"} & set(change.fields)
    if person is not None and (touched or change.duties_added or change.duties_ended or change.roles_gained or change.roles_lost):
        unit = known.standing.get(known.code_of.get(person.unit_id, ""))
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


def follow_moved_units(found: RosterPlan, known: Known, by: Person | None) -> None:
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
    for stands in standings_of([person for _pk, person in sorted(people.items()) if person.employee_number not in planned]).values():
        person, main = stands.person, stands.current
        assert person is not None
        why = next(cause[one.unit_id] for one in stands.open_postings if one.unit_id in cause)
        place = known.now(main.unit.code) if main else ""
        row = rows[why.code]
        change = PersonChange(row=row.row, number=person.employee_number, name=person.name, is_new=False, unit_code=place)
        gained, _withheld = follow_with_roles(change, known, known.parent.get(place, ""), stands, by, ())
        if not change.is_change:
            continue
        refused = roles_refused(change, gained, known, stands, by)
        if refused is None:
            found.people.append(change)
            continue
        column = "上级代码" if "parent" in why.fields else "类型"
        values = [row.code, row.name, row.short_name, row.kind, row.parent_code]
        found.errors.append(RosterError(row.row, column, refused[1], values, parsed.unit_sheet, refused[2]))
        found.refused_units.add(row.code)
