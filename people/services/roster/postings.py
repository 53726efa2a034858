"""A row about a person, compared with the posting that stands."""

from datetime import date, timedelta

from core import clock
from people import rules
from people.models import Person, Posting
from people.models.snapshot import first_recorded
from people.services.roles import GONE
from people.services.roster.changes import PersonChange
from people.services.roster.file import PersonRow
from people.services.roster.known import Known
from people.services.roster.standing import Standing


def change_of(
    row: PersonRow, stands: Standing, known: Known, organ_code: str, section: str, *, is_stopped: bool, is_mistaken: bool
) -> PersonChange | rules.Unreadable:
    """One row against one person as they stand.

    `is_stopped`: this import does not let them in again. `is_mistaken`: a later first day corrects the one that stands, see `mistaken`.
    """
    person, cur, last = stands.person, stands.current, stands.last
    there = _still_at(stands, known, organ_code)
    if there and _leaves_section(row, stands) and (cur is not None or there not in known.closed):
        unit_code, label = there, known.label(there)
    elif section:
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
        change.title = row.title
        change.since = row.since
        if row.since is None:
            return rules.Unreadable("date_needed")
        change.posting = "open"
        change.duties_added = list(row.duties or [])
        return change
    change.fields = {name: (getattr(person, name), value) for name, value in stated.items() if value and value != getattr(person, name)}
    open_duties = [assignment.duty for assignment in stands.duties[cur.pk]] if cur else []
    if status in GONE:
        if person.is_active:
            change.fields["is_active"] = (True, False)
        if cur is not None:
            change.posting, change.before = "close", known.place_of(cur)
            change.duties_ended = open_duties
        return change
    if comes_back(row, person) and not person.is_active:
        if is_stopped:
            change.stays_stopped = True
        else:
            change.fields["is_active"] = (False, True)
    stood = cur or last
    change.title = row.title or (stood.title if stood is not None and there else "")  # who stays in the unit keeps the post
    if cur is not None:
        wanted = open_duties if row.duties is None else row.duties
        here = known.code_now(cur.unit_id)
        if row.duties is None and here and known.county(here) != known.county(unit_code, organ_code):
            wanted = [duty for duty in open_duties if duty not in rules.ROLE_OF_DUTY]  # no power goes into another county unnamed
        return _continued(change, row, known, cur, last, open_duties, wanted, is_mistaken=is_mistaken)
    same = last if last is not None and known.code_now(last.unit_id) == unit_code else None  # where they last were
    change.since = row.since
    if row.since is None:
        return rules.Unreadable("date_needed")
    if same and same.title == change.title and same.starts_on == row.since:
        change.posting = "reopen"
        change.duties_added = list(stands.ended if row.duties is None else row.duties)
    elif last is not None and last.ends_on is not None and row.since <= last.ends_on:
        return rules.Unreadable("date_before", value=row.since.isoformat(), last=last.ends_on.isoformat())
    else:
        change.posting = "open"
        change.duties_added = list(row.duties or [])
    return change


def _still_at(stands: Standing, known: Known, organ_code: str) -> str:
    """The code of where somebody serves, or last served, when that is this unit or a section of it; else ""."""
    stood = stands.current or stands.last
    here = known.code_now(stood.unit_id) if stood is not None else ""
    return here if here and known.organ_has(organ_code, here) else ""


def _leaves_section(row: PersonRow, stands: Standing) -> bool:
    """Whether a row leaves somebody of the same unit in their section because it names none.

    Without the column it does. An empty cell does while post and first day stay: with new ones it means the unit itself.
    """
    if row.section is None:
        return True
    if row.section:
        return False
    stood, last = stands.current or stands.last, stands.last
    assert stood is not None
    days = {None, stood.starts_on}
    if stands.current is not None and last is not None and continues(last, stands.current):
        days.add(last.starts_on)
    return row.title in ("", stood.title) and row.since in days


def _continued(
    change: PersonChange,
    row: PersonRow,
    known: Known,
    cur: Posting,
    last: Posting | None,
    open_duties: list[str],
    wanted: list[str],
    *,
    is_mistaken: bool,
) -> PersonChange | rules.Unreadable:
    """A row about somebody with an open posting, with the duties `wanted` from now on.

    In the same post an earlier first day corrects the one that stands; where it lies in the posting of the county that went on until
    then, the day between the two moves. A later one begins a new stretch, or corrects the day where that was a mistake (`mistaken`):
    it gives the days back to such a posting.
    """
    here = known.code_now(cur.unit_id)
    same_unit = here == change.unit_code
    change.since = row.since or cur.starts_on
    last_day = last.ends_on if last is not None else None
    first_day = last.starts_on if last is not None and continues(last, cur) else None  # of an earlier stretch of the same post
    before = last if moves_with(last, cur, known) else None
    reach = before.starts_on if before is not None else None
    if same_unit and change.title == cur.title:
        if change.since > cur.starts_on and not is_mistaken:
            change.posting, change.before = "renew", cur.starts_on.isoformat()
        elif change.since != cur.starts_on and change.since != first_day:
            if last_day is not None and change.since <= last_day and (reach is None or change.since <= reach):
                return rules.Unreadable("date_before", value=change.since.isoformat(), last=last_day.isoformat())
            change.posting, change.before = "redate", cur.starts_on.isoformat()
            if before is not None and first_day is None and before.ends_on is not None:
                change.place_before, change.until_before = known.place_of(before), before.ends_on
    else:
        if row.since is None:
            return rules.Unreadable("date_needed")
        if row.since < cur.starts_on:
            return rules.Unreadable("date_before", value=row.since.isoformat(), last=cur.starts_on.isoformat())
        change.posting = "correct" if row.since == cur.starts_on else "move"
        change.before = known.place_of(cur)
    change.duties_added = [duty for duty in wanted if duty not in open_duties]
    change.duties_ended = [duty for duty in open_duties if duty not in wanted]
    return change


def adjoins(last: Posting | None, cur: Posting) -> bool:
    """Whether the posting before went on until the day before this one."""
    return last is not None and last.ends_on == cur.starts_on - timedelta(days=1)


def moves_with(last: Posting | None, cur: Posting, known: Known) -> bool:
    """Whether the last day of the posting before moves with the first day of this one: it went on until then, in this county."""
    return last is not None and adjoins(last, cur) and last.unit_id in known.code_of


def continues(last: Posting | None, cur: Posting) -> bool:
    """Whether the posting before was the same post and went on without a break: the first day of the one is as true as that of the other."""
    return last is not None and adjoins(last, cur) and (last.unit_id, last.title) == (cur.unit_id, cur.title)


def mistaken(rows: dict[int, tuple[Person, date | None]], stands: dict[int, Standing], known: Known) -> set[int]:
    """For whom, by key, a later first day in the same post corrects the day that stands: on the later one nobody knew of them yet.

    They came into the register on that day or after it, and no record of theirs is older. Where they served elsewhere in the county until
    the day that stands, it is enough that nobody knew of them in this post: the days go back to the one before. A mistake here is mended
    by a file with the earlier day; years once cut off by a new stretch are not. As many queries as there are kinds of records, or none.
    """
    late: dict[int, tuple[date, int | None]] = {}  # the later day, and the unit whose records count; None: every one's
    for pk, (person, since) in rows.items():
        cur, last = stands[pk].current, stands[pk].last
        if since is None or cur is None or since <= cur.starts_on:
            continue
        if since <= clock.today(person.date_joined):
            late[pk] = since, None
        if (
            moves_with(last, cur, known)
            and not continues(last, cur)
            and cur.entered_at is not None
            and since <= clock.today(cur.entered_at)
        ):
            late[pk] = since, cur.unit_id
    first = first_recorded(list(late))

    def is_new(pk: int, since: date, unit: int | None) -> bool:
        return all(day >= since for where, day in first.get(pk, {}).items() if unit is None or where == unit)

    return {pk for pk, (since, unit) in late.items() if is_new(pk, since, unit)}


def comes_back(row: PersonRow, person: Person) -> bool:
    """Whether the row takes somebody who left or retired back."""
    return person.status in GONE and (row.status or person.status) not in GONE
