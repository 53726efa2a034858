"""Where people serve: opening, closing and correcting postings and the duties in them."""

from collections.abc import Iterable
from datetime import date, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from core import audit, clock
from core.errors import Refused
from people.models import Duty, DutyAssignment, Person, Posting, Unit
from people.services import roles


@transaction.atomic
def post(*, person: Person, unit: Unit, title: str, duties: Iterable[str], starts_on: date, by: Person | None = None) -> Posting:
    """Let a person serve in a unit under a title with these duties from `starts_on` on.

    Closes the open main posting the day before and opens a new one; the same unit and title again
    only changes the duties; another unit or title from the very same day corrects the posting in
    place. Person.unit and post_title follow, and so do the roles that duties bring; HR where `by` administers
    the county, or is the system itself. In another county the roles end that were granted by hand in the one left. Locks the person's row.

    Raises:
        Refused: duty_unknown; unit_closed; before_last (the day lies before or inside a posting that stands).
    """
    wanted = list(dict.fromkeys(duties))
    for duty in wanted:
        if duty not in Duty.values:
            raise Refused(_("There is no duty “%(duty)s”.") % {"duty": duty}, code="duty_unknown")
    unit = Unit.objects.select_for_update(no_key=True).get(pk=unit.pk)  # against being closed at the same moment
    if not unit.is_open:
        raise Refused(_("“%(unit)s” has been dissolved: nobody is posted there.") % {"unit": unit.name}, code="unit_closed")
    locked = Person.objects.select_for_update(of=("self",), no_key=True).get(pk=person.pk)
    open_postings = list(locked.postings.filter(ends_on=None).select_related("unit").order_by("pk"))
    current = next((each for each in open_postings if each.is_main), None)
    posting = current
    left: list[int] = []
    if locked.unit is not None and locked.unit.county_path != unit.county_path:
        serving = {unit.county_path, *(each.unit.county_path for each in open_postings if not each.is_main)}
        mains = list(locked.postings.filter(is_main=True).select_related("unit"))
        held = locked.role_grants.filter(ends_on=None).select_related("unit", "granted_by")
        left = [each.pk for each in held if roles.is_left_behind(each, mains, serving)]
    if current is None or (current.unit_id, current.title) != (unit.pk, title):
        beside = next((each for each in open_postings if not each.is_main and each.unit_id == unit.pk), None)
        if beside is not None:
            _close(beside, starts_on - timedelta(days=1))
        if current is not None and current.starts_on == starts_on:
            current.unit, current.title, current.entered_at = unit, title, clock.now()
            current.save(update_fields=["unit", "title", "entered_at"])
        else:
            _require_after(locked, current, starts_on)
            if current is not None:
                _close(current, starts_on - timedelta(days=1))
            posting = Posting.objects.create(person=locked, unit=unit, title=title, starts_on=starts_on, entered_at=clock.now())
    assert posting is not None
    _set_duties(posting, wanted, starts_on)
    locked.unit, locked.post_title = unit, title
    locked.save(update_fields=["unit", "post_title"])
    person.unit, person.post_title = unit, title
    person.__dict__.pop("current_duties", None)
    roles.end_these(left, by=by, on=starts_on)
    roles.sync_many([locked.pk], on=starts_on, by=by, hr_for=[locked.pk])
    audit.record(locked, "people.posted", by=by, unit=unit.code, title=title, duties=wanted, starts_on=starts_on.isoformat())
    return posting


@transaction.atomic
def leave(*, person: Person, status: str, on: date, by: Person | None = None) -> Person:
    """A person has left or retired: postings, duties and roles end on that day, and sign-in with them.

    The unit stays on the person as the one where they served last. Calling it again changes nothing.
    """
    if status not in roles.GONE:
        raise Refused(_("Leaving means the status “left” or “retired”."), code="status")
    locked = Person.objects.select_for_update(of=("self",), no_key=True).get(pk=person.pk)
    if locked.status == status and not locked.is_active:
        return locked
    for posting in locked.postings.filter(ends_on=None):
        _close(posting, on)
    locked.status, locked.is_active = status, False
    locked.save(update_fields=["status", "is_active"])
    roles.sync_with_duties(locked, on)
    audit.record(locked, "people.left", by=by, status=status, on=on.isoformat())
    return locked


def _require_after(person: Person, current: Posting | None, starts_on: date) -> None:
    if current is not None and starts_on < current.starts_on:
        raise Refused(
            _("The posting would begin on %(day)s, before the present one (%(present)s).")
            % {"day": starts_on.isoformat(), "present": current.starts_on.isoformat()},
            code="before_last",
        )
    last = person.postings.filter(is_main=True).exclude(ends_on=None).order_by("-ends_on").first()
    if last is not None and last.ends_on is not None and starts_on <= last.ends_on:
        raise Refused(
            _("The posting would begin on %(day)s, but the one before lasted until %(last)s.")
            % {"day": starts_on.isoformat(), "last": last.ends_on.isoformat()},
            code="before_last",
        )


def _close(posting: Posting, last_day: date) -> None:
    posting.ends_on = max(last_day, posting.starts_on)
    posting.save(update_fields=["ends_on"])
    for assignment in posting.duties.filter(Q(ends_on=None) | Q(ends_on__gt=last_day)):
        _end(assignment, last_day)


def _end(assignment: DutyAssignment, last_day: date) -> None:
    if assignment.starts_after(last_day):
        assignment.delete()
    else:
        assignment.ends_on = last_day
        assignment.save(update_fields=["ends_on"])


def _set_duties(posting: Posting, wanted: list[str], on: date) -> None:
    held = {assignment.duty: assignment for assignment in posting.duties.filter(ends_on=None)}
    for duty, assignment in held.items():
        if duty not in wanted:
            _end(assignment, on - timedelta(days=1))
    DutyAssignment.objects.bulk_create(
        [DutyAssignment(posting=posting, duty=duty, starts_on=max(on, posting.starts_on)) for duty in wanted if duty not in held]
    )
