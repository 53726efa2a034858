"""Carrying a plan out, and keeping an upload until it is confirmed."""

import io
from collections import defaultdict
from collections.abc import Container
from datetime import date, datetime, timedelta
from typing import BinaryIO, NamedTuple

import python_calamine
import xlsxwriter
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from core import audit, clock, tables
from core.errors import Refused, RefusedRows
from people.models import DutyAssignment, Person, Posting, Role, RosterImport, Unit
from people.services import accounts, readings, roles
from people.services.roles import in_batches
from people.services.roster.changes import OPENS, PLACES, RosterPlan
from people.services.roster.file import ROW_BEFORE, WHY, RosterError, rows_of
from people.services.roster.planning import compare
from people.services.roster.postings import continues
from people.services.roster.standing import duties_of, postings_of
from people.signals import roster_imported

KEEP_UPLOADS = timedelta(days=1)


class LeftOut(NamedTuple):
    """A row that an import left out: its sheet, its number in the file, and each cell that was wrong with the reason."""

    sheet: str
    row: str
    why: str


def apply(
    plan: RosterPlan, *, by: Person | None, at: datetime, skip_bad_rows: bool = False, upload: RosterImport | None = None
) -> RosterPlan:
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
    if upload is not None:
        upload = RosterImport.objects.select_for_update(of=("self",)).defer("content").get(pk=upload.pk)
        if upload.applied_at is not None:  # a second click: the first one's counts stay on the upload
            return compare(plan.parsed, plan.county, by)
    # Not against those who only name the rows: a grant or a reading that is written meanwhile would wait, or be waited for.
    counties = Unit.objects.filter(depth=1, **({"pk": plan.county.pk} if plan.county else {}))
    list(counties.select_for_update(no_key=True).order_by("path").values_list("pk", flat=True))
    numbers = [change.number for change in plan.people]
    list(in_batches(Person.objects.select_for_update(of=("self",), no_key=True).order_by("pk").only("pk"), "employee_number", numbers))
    county = Unit.objects.get(pk=plan.county.pk) if plan.county else None
    # The importer's roles too are read anew: they may have ended while this waited for the lock.
    by = Person.objects.get(pk=by.pk) if by else None
    fresh = compare(plan.parsed, county, by)
    newly_refused = {(error.sheet, error.row) for error in fresh.errors} - {(error.sheet, error.row) for error in plan.errors}
    if fresh.is_empty and not newly_refused:
        if upload is not None:
            _close_upload(upload, fresh, at)
        return fresh
    if fresh.digest != plan.digest:
        raise Refused(_("The register has changed since this plan was made. Please look at the new plan."), code="changed")
    units = _write_units(fresh)
    people = _write_people(fresh, units)
    _note_on_accounts(fresh, people, by, at)
    _write_postings(fresh, people, units, at)
    hr_for = [people[change.number].pk for change in fresh.people if any(role == Role.HR for role, _code, _name in change.roles_gained)]
    roles.end_these([pk for change in fresh.people for pk in change.roles_left], by=by, on=on)
    roles.sync_many([person.pk for person in people.values()], on=on, by=by, hr_for=hr_for)
    if upload is None:
        upload = RosterImport(by=by, unit=county, file_name=plan.parsed.name[:200], file_digest=plan.parsed.digest, made_at=at)
    _close_upload(upload, fresh, at)
    audit.record(upload, "people.roster_imported", by=by, **fresh.summary)
    roster_imported.send(sender=RosterImport, roster_import=upload)
    return fresh


def _close_upload(upload: RosterImport, done: RosterPlan, at: datetime) -> None:
    left_out = None
    if done.errors and upload.content is not None:
        left_out = refused_file(done, rows_of(io.BytesIO(bytes(upload.content)), upload.file_name))
    upload.content, upload.applied_at, upload.summary = left_out, at, done.summary
    upload.changes = [[change.number, name, old, new] for change in done.changed_people for name, (old, new) in change.fields.items()]
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
                code=change.code,
                name=change.name,
                short_name=change.short_name,
                kind=change.kind,
                is_vertical=change.is_vertical,
                path=Unit._get_path(base, depth, last[base]),
                depth=depth,
                numchild=0,
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
        for person in in_batches(
            Person.objects.select_related("unit"), "employee_number", [change.number for change in done.changed_people]
        )
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
        if change.posting in PLACES:
            person.unit, person.post_title = units[change.unit_code], change.title
        if change.ends_password:
            person.set_unusable_password()
    Person.objects.bulk_create(made, batch_size=500)
    Person.objects.bulk_update(
        changed, ["name", "phone", "email", "staff_type", "status", "is_active", "password", "unit", "post_title"], batch_size=300
    )
    return {person.employee_number: person for person in [*made, *changed]}


def _note_on_accounts(done: RosterPlan, people: dict[str, Person], by: Person | None, at: datetime) -> None:
    """Trace what the import did to accounts. Whom it lets in again is stopped no more, whoever had done that; the command is nobody who reads."""
    opened = [people[change.number] for change in done.changed_people if change.fields.get("is_active") == (False, True)]
    ended = [people[change.number] for change in done.changed_people if change.fields.get("is_active") == (True, False)]
    renamed = [people[change.number] for change in done.changed_people if change.ends_password]
    audit.record_on_all(opened, accounts.ALLOWED, by=by)
    if by is None:
        return
    for what, subjects in (
        ("sign-in opened by a roster", opened),
        ("sign-in ended by a roster", ended),
        ("password ended by a roster", renamed),
    ):
        if subjects:
            readings.record_on_accounts(subjects=subjects, what=what, by=by, at=at)


def _write_postings(done: RosterPlan, people: dict[str, Person], units: dict[str, Unit], at: datetime) -> None:
    """Close, correct and open postings and duties. Closing goes first: one open main posting a person."""
    on = clock.today(at)
    _mains, current, last, beside = postings_of([people[change.number].pk for change in done.changed_people])
    held = duties_of([posting.pk for posting in [*current.values(), *(each for some in beside.values() for each in some)]])
    changed: list[Posting] = []
    opened: list[Posting] = []
    ended: list[DutyAssignment] = []
    never: set[int] = set()
    added: list[DutyAssignment] = []

    def close(posting: Posting, last_day: date) -> None:
        posting.ends_on = max(last_day, posting.starts_on)
        changed.append(posting)
        for assignment in held.get(posting.pk, []):
            end(assignment, last_day)
        for assignment in past.get(posting.pk, []):  # struck by an earlier file, on a day after this one
            if assignment.ends_on is not None and assignment.ends_on > last_day:
                end(assignment, last_day)

    def end(assignment: DutyAssignment, last_day: date) -> None:
        if assignment.starts_after(last_day):
            never.add(assignment.pk)
        else:
            assignment.ends_on = last_day
            ended.append(assignment)

    past: dict[int, list[DutyAssignment]] = defaultdict(list)  # duties that had ended, in a posting whose days change
    placed = [people[change.number].pk for change in done.changed_people if change.posting]
    moving = [posting.pk for pk in placed for posting in (current.get(pk), last.get(pk), *beside.get(pk, [])) if posting is not None]
    for assignment in in_batches(DutyAssignment.objects.exclude(ends_on=None).order_by("pk"), "posting", moving):
        past[assignment.posting_id].append(assignment)

    def redate(posting: Posting, before: Posting | None, since: date) -> None:
        """Give a posting another first day, and its duties with it; the one before it goes on until then, with the duties that ended with it.

        Duties of the same post go over.
        """
        theirs = [*past.get(posting.pk, []), *held.get(posting.pk, [])]
        began = {each.duty: each for each in theirs if each.starts_on == posting.starts_on}
        for assignment in theirs:
            if assignment.ends_on is not None and assignment.ends_on < since:
                never.add(assignment.pk)
            elif assignment.starts_on < since or began.get(assignment.duty) is assignment:
                assignment.starts_on = since
                ended.append(assignment)
        if before is not None:
            same = continues(before, posting)
            for assignment in past.get(before.pk, []):
                goes_on = began.get(assignment.duty) if same and assignment.ends_on == before.ends_on else None
                if assignment.ends_on is not None and assignment.ends_on >= since:
                    first = max(since, assignment.starts_on)
                    if goes_on is not None:
                        goes_on.starts_on = first
                    elif same:
                        added.append(DutyAssignment(posting=posting, duty=assignment.duty, starts_on=first, ends_on=assignment.ends_on))
                    end(assignment, since - timedelta(days=1))
                elif (goes_on is not None and goes_on.pk not in never) or (not same and assignment.ends_on == before.ends_on):
                    end(assignment, since - timedelta(days=1))
            before.ends_on = since - timedelta(days=1)
            changed.append(before)
        posting.starts_on = since
        changed.append(posting)

    for change in done.people:
        person = people[change.number]
        posting = current.get(person.pk)
        kept: list[tuple[str, date, date | None]] = []  # duty, first and last day
        goes_on: set[str] = set()  # duties that ended with a posting that goes on after all
        since = on
        if change.posting in OPENS:
            assert change.since is not None
            since = change.since
            if posting is not None:
                for each in held.get(posting.pk, []):
                    first = max(since, each.starts_on)
                    if each.duty not in change.duties_ended:
                        kept.append((each.duty, first, None))
                    elif change.posting == "renew" and first < on:
                        kept.append((each.duty, first, on - timedelta(days=1)))
                if change.posting == "renew":
                    for each in past.get(posting.pk, []):
                        if each.ends_on is not None and each.ends_on >= since:
                            kept.append((each.duty, max(since, each.starts_on), each.ends_on))
                close(posting, change.since - timedelta(days=1))
            for other in beside.get(person.pk, []):
                if other.unit_id == units[change.unit_code].pk:
                    close(other, change.since - timedelta(days=1))
            entered = posting.entered_at if change.posting == "renew" and posting is not None else at  # the same post was known before
            posting = Posting(person=person, unit=units[change.unit_code], title=change.title, starts_on=change.since, entered_at=entered)
            if change.ends:
                posting.ends_on = max(on, change.since)
            opened.append(posting)
            if change.posting == "renew":  # a new duty begins with the file that names it, as in a posting that goes on
                since = on
        elif change.posting == "close" and posting is not None:
            for other in [posting, *beside.get(person.pk, [])]:
                close(other, on)
            continue
        elif change.posting == "reopen":
            posting = last[person.pk]
            ended_on = min(posting.ends_on or on, on)
            posting.ends_on = None
            changed.append(posting)
            for each in past.get(posting.pk, []):
                if each.duty in change.duties_added and each.ends_on is not None and each.ends_on >= ended_on:
                    each.ends_on = None
                    ended.append(each)
                    goes_on.add(each.duty)
        elif change.posting == "redate" and posting is not None:
            assert change.since is not None
            before = last.get(person.pk)
            moves = continues(before, posting) or change.until_before is not None
            redate(posting, before if moves else None, change.since)
        elif change.posting == "correct" and posting is not None:
            posting.unit, posting.title, posting.entered_at = units[change.unit_code], change.title, at
            changed.append(posting)
        if change.posting not in OPENS and posting is not None:
            for assignment in held.get(posting.pk, []):
                if assignment.duty in change.duties_ended:
                    end(assignment, on - timedelta(days=1))
        until = posting.ends_on if posting else None
        kept += [(duty, since, until) for duty in change.duties_added if duty not in goes_on]
        added += [DutyAssignment(posting=posting, duty=duty, starts_on=first, ends_on=last_day) for duty, first, last_day in kept]
    Posting.objects.bulk_update(changed, ["unit", "title", "starts_on", "ends_on", "entered_at"], batch_size=500)
    Posting.objects.bulk_create(opened, batch_size=500)
    DutyAssignment.objects.bulk_update({each.pk: each for each in ended}.values(), ["starts_on", "ends_on"], batch_size=500)
    DutyAssignment.objects.filter(pk__in=never).delete()
    for assignment in added:
        assignment.posting_id = assignment.posting.pk
    DutyAssignment.objects.bulk_create(added, batch_size=500)


@transaction.atomic
def keep(*, file: BinaryIO, plan: RosterPlan, by: Person, at: datetime) -> RosterImport:
    """Keep an uploaded file until it is confirmed, for a day at most; older uploads are wiped."""
    wipe_kept(at=at)
    file.seek(0)
    return RosterImport.objects.create(
        by=by,
        unit=plan.county,
        file_name=plan.parsed.name[:200],
        file_digest=plan.parsed.digest,
        content=file.read(),
        plan_digest=plan.digest,
        summary=plan.summary,
        made_at=at,
    )


def wipe_kept(*, at: datetime) -> int:
    """Wipe what was kept of uploads for a day since they came, or since they were imported; how many. File names and counts stay."""
    old = Q(applied_at__lte=at - KEEP_UPLOADS) | Q(applied_at=None, made_at__lte=at - KEEP_UPLOADS)
    return RosterImport.objects.filter(old, content__isnull=False).update(content=None)


def refused_file(plan: RosterPlan, parsed_rows: dict[tuple[str, int], dict[str, object]] | None = None) -> bytes:
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
        header = [column for column in plan.parsed.headers.get(name, []) if column and column not in {"性别", ROW_BEFORE, WHY}]
        page = book.add_worksheet(_title(name, {each.name.lower() for each in book.worksheets()}))
        for position, column in enumerate([*header, ROW_BEFORE, WHY]):
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


def _title(name: str, taken: Container[str]) -> str:
    """The name of a sheet as Excel takes it: short, without its signs, and no other's."""
    name = name.translate(str.maketrans("[]:*?/\\", "_" * 7))[:31].strip("'") or "Sheet"
    title, number = name, 1
    while title.lower() in taken:
        number += 1
        title = f"{name[:25]}~{number}"
    return title


def content_of(kept: RosterImport, *, at: datetime) -> bytes | None:
    """What is kept of an upload; None when its day is over, wiped or not."""
    if kept.content is None or (kept.applied_at or kept.made_at) + KEEP_UPLOADS <= at:
        return None
    return bytes(kept.content)


def left_out(kept: RosterImport, *, at: datetime) -> list[LeftOut]:
    """The rows that an import left out, while they are kept."""
    content = content_of(kept, at=at)
    if kept.applied_at is None or content is None:
        return []
    book = python_calamine.load_workbook(io.BytesIO(content))
    found = []
    for name in book.sheet_names:
        _header, *rows = book.get_sheet_by_name(name).to_python()
        found += [LeftOut(name, str(row[-2]), str(row[-1])) for row in rows]
    return found
