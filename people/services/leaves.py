"""Leave: recorded, corrected and taken back by HR over the person, or over where they served on its first day: these record and correct
none to last beyond the time there, and take none back that does: they end it there first. Each act is a row; nothing that stands is changed.

The status of the person is another fact and comes with the roster: nothing here changes it.
"""

from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core import audit, clock
from core.errors import Refused
from people.models import Leave, Person, Role, Unit
from people.models.snapshot import copied_from, served_at
from people.permissions import is_hr_over, reaches

EARLIEST = date(2000, 1, 1)


@dataclass(frozen=True)
class Facts:
    """What HR knows of a stretch of absence. `ends_on` None: it lasts."""

    kind: str
    starts_on: date
    ends_on: date | None
    voucher: str


@transaction.atomic
def record(*, person: Person, facts: Facts, by: Person, form_key: str, at: datetime) -> Leave:
    """Write a leave. The same form sent twice writes one row. Locks the person's row. Writes an audit entry.

    Raises:
        Refused: own_leave, not_hr, kind, no_proof, order, too_early, too_far, no_unit, overlap (the other one is named).
    """
    _authorise(by, person, served_at(person, on=facts.starts_on)["unit"])
    locked = _lock(person)
    if standing := Leave.objects.filter(person=locked, form_key=form_key).first():
        return standing
    _check(locked, facts, by=by, at=at)
    leave = Leave.objects.create(**_served(locked, facts), **_facts(facts), by=by, form_key=form_key, at=at)
    audit.record(locked, "people.leave_recorded", by=by, leave=leave.pk, days=leave.days)
    return leave


@transaction.atomic
def correct(*, leave: Leave, facts: Facts, reason: str, by: Person, form_key: str, at: datetime) -> Leave:
    """Replace a leave by a row with other facts and a reason; otherwise as `record`.

    Raises:
        Refused: as `record`; no_reason, same (nothing is different), over (it was replaced or taken back before).
    """
    _authorise(by, leave.person, leave.unit, served_at(leave.person, on=facts.starts_on)["unit"])
    locked = _lock(leave.person)
    if standing := Leave.objects.filter(person=locked, form_key=form_key).first():
        return standing
    _require_standing(leave)
    reason = _reason(reason)
    if all(getattr(leave, name) == value for name, value in _facts(facts).items()):
        raise Refused(_("Nothing is different from what stands."), code="same")
    _check(locked, facts, by=by, at=at, but=leave)
    made = Leave.objects.create(**_served(locked, facts), **_facts(facts), replaces=leave, reason=reason, by=by, form_key=form_key, at=at)
    audit.record(locked, "people.leave_corrected", by=by, leave=made.pk, replaces=leave.pk, days=made.days, reason=reason)
    return made


@transaction.atomic
def take_back(*, leave: Leave, reason: str, by: Person, form_key: str, at: datetime) -> Leave:
    """Answer a leave that never was by a void row with a reason; it stands no longer. Locks the person's row. Writes an audit entry.

    Raises:
        Refused: own_leave, not_hr, no_reason, over.
    """
    _authorise(by, leave.person, leave.unit)
    locked = _lock(leave.person)
    if standing := Leave.objects.filter(person=locked, form_key=form_key).first():
        return standing
    _require_standing(leave)
    if not is_hr_over(by, locked) and not _lies_in_reach(locked, leave, by):
        words = _(
            "It lasts into a time in which the person served elsewhere: HR of where they serve now takes it back. You can correct its last day."
        )
        raise Refused(words, code="not_hr")
    made = Leave.objects.create(
        **copied_from(leave),
        kind=leave.kind,
        starts_on=leave.starts_on,
        ends_on=leave.ends_on,
        voucher=leave.voucher,
        replaces=leave,
        is_void=True,
        reason=_reason(reason),
        by=by,
        form_key=form_key,
        at=at,
    )
    audit.record(locked, "people.leave_taken_back", by=by, leave=made.pk, replaces=leave.pk, days=made.days, reason=made.reason)
    return made


def may_write(user, person: Person, served: Unit | None, *more: Unit | None) -> bool:
    """Whether the user is HR over somebody else, or over where they served on the first day (of a correction: on both first days)."""
    if user.pk == person.pk:
        return False
    return is_hr_over(user, person) or all(reaches(user, unit, Role.HR) for unit in (served, *more))


def _authorise(by: Person, person: Person, *units: Unit | None) -> None:
    if by.pk == person.pk:
        raise Refused(_("Nobody records their own leave: another HR officer has to do it."), code="own_leave")
    if not may_write(by, person, *units):
        raise Refused(_("Leave is recorded by HR of where the person serves, or served on its first day."), code="not_hr")


def _lock(person: Person) -> Person:
    return Person.objects.select_for_update(of=("self",), no_key=True).select_related("unit").get(pk=person.pk)


def _require_standing(leave: Leave) -> None:
    if not Leave.objects.standing().filter(pk=leave.pk).exists():
        raise Refused(_("This row was corrected or taken back before."), code="over")


def _reason(text: str) -> str:
    if not text.strip():
        raise Refused(_("Give a reason: it stays with the row."), code="no_reason")
    return text.strip()


def _check(person: Person, facts: Facts, *, by: Person, at: datetime, but: Leave | None = None) -> None:
    today = clock.today(at)
    if facts.kind not in Leave.Kind.values:
        raise Refused(_("There is no such kind of leave."), code="kind")
    if not facts.voucher.strip():
        raise Refused(_("Name the document that proves it."), code="no_proof")
    if facts.ends_on is not None and facts.ends_on < facts.starts_on:
        raise Refused(_("The last day lies before the first."), code="order")
    if facts.starts_on < EARLIEST:
        raise Refused(_("Choose a day from %(day)s on.") % {"day": EARLIEST.isoformat()}, code="too_early")
    if (facts.starts_on - today).days > 366:
        raise Refused(_("Leave is recorded at most a year ahead."), code="too_far")
    others = Leave.objects.standing().filter(person=person).touching(facts.starts_on, facts.ends_on)
    other = others.exclude(pk=but.pk if but else None).first()
    if other is not None and not Leave.objects.visible_to(by).filter(pk=other.pk).exists():
        raise Refused(_("It overlaps with a leave that was recorded where the person served on another day."), code="overlap")
    if other is not None:
        raise Refused(
            _("It overlaps with another leave: %(kind)s, %(days)s (%(voucher)s). Correct that one instead.")
            % {"kind": other.get_kind_display(), "days": other.days, "voucher": other.voucher},
            code="overlap",
        )
    if not is_hr_over(by, person) and not _lies_in_reach(person, facts, by):
        raise Refused(
            _("The person serves elsewhere now: give the last day, no later than the last one on which they served where you are HR."),
            code="not_hr",
        )


def _lies_in_reach(person: Person, facts: Facts | Leave, by: Person) -> bool:
    """Whether a leave ends where the officer is HR, and the person served nowhere else meanwhile: it would count in another county's evaluation."""
    if facts.ends_on is None:
        return False
    touched = person.postings.touching(facts.starts_on, facts.ends_on).filter(is_main=True).select_related("unit")
    units = [served_at(person, on=facts.ends_on)["unit"], *(posting.unit for posting in touched)]
    return all(reaches(by, unit, Role.HR) for unit in units)


def _served(person: Person, facts: Facts) -> dict:
    served = served_at(person, on=facts.starts_on)
    if served["unit"] is None:
        raise Refused(_("%(name)s serves in no unit.") % {"name": person.name}, code="no_unit")
    return served


def _facts(facts: Facts) -> dict:
    return {"kind": facts.kind, "starts_on": facts.starts_on, "ends_on": facts.ends_on, "voucher": facts.voucher.strip()}
