"""Roles by unit: granted and withdrawn by an administrator, or opened and closed with a duty."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core import audit, clock
from core.errors import Refused
from core.reconcile import Gap
from people import permissions
from people.models import DutyAssignment, Person, Posting, Role, RoleGrant, Unit
from people.rules import COUNTY, ROLE_OF_DUTY
from people.signals import role_granted, role_withdrawn

GONE = (Person.Status.LEFT, Person.Status.RETIRED)
# Those who keep the system and those who watch it are not the same people (三员分立).
EXCLUDE_EACH_OTHER = {Role.ADMINISTRATOR: Role.AUDITOR, Role.AUDITOR: Role.ADMINISTRATOR}
# Whose word opens a role over a unit: by hand an administrator's; by a duty in a roster HR's as well.
BY_HAND = (Role.ADMINISTRATOR,)
BY_ROSTER = (Role.HR, Role.ADMINISTRATOR)
_WHO_AND_WHERE = ("unit", "person__unit", "granted_by")
RUN_OR_WATCH = (Role.ADMINISTRATOR, Role.AUDITOR)
# Whose account only an administrator hands over: a second officer whom the first one made, or whose code the first one read, is none.
HANDED_OVER_WITH_CARE = (Role.HR, Role.REVIEWER, *RUN_OR_WATCH)


def refusal_to_grant(
    *, person: Person, role: str, unit: Unit, by: Person | None, held: Collection[str], word: Collection[str] = BY_HAND
) -> Refused | None:
    """Why `by` may not give this person this role over this unit; None when nothing speaks against it.

    The one rule for both doors, `BY_HAND` and `BY_ROSTER`: the giver's own role reaches the unit, nobody
    gives to themselves, and administrator and auditor are different people. `held` are the roles that the
    person holds now. `by=None` is the system itself. Asks for nothing but the giver's roles, once.
    """
    if not reaches(by, unit, word):
        return Refused(_("“%(unit)s” is outside the units that you administer.") % {"unit": unit.name}, code="out_of_reach")
    rival = EXCLUDE_EACH_OTHER.get(Role(role))
    if rival is not None and rival in held:
        return Refused(
            _("%(name)s is %(rival)s: whoever runs the system does not also watch over it.")
            % {"name": person.name, "rival": Role(rival).label},
            code="roles_exclude",
        )
    if by is not None and by.pk == person.pk and not by.is_superuser:
        return Refused(_("Nobody grants a role to themselves: another administrator has to do it."), code="own_role")
    return None


def is_guarded(
    *, person: Person, unit: Unit | None, held: Collection[str], by: Person | None, whose: Collection[str] = RUN_OR_WATCH
) -> bool:
    """Whether a person runs the system or watches over it, and so is not for `by` to stop, let in or give duties.

    Superusers are for superusers alone; administrators and auditors for an administrator over the unit
    where they serve. `held` are the roles that the person holds now; `whose` the roles that are guarded,
    `HANDED_OVER_WITH_CARE` where an account is handed over.
    """
    if by is None or by.is_superuser:
        return False
    if person.is_superuser:
        return True
    return bool(set(whose) & set(held)) and (unit is None or not reaches(by, unit, BY_HAND))


def reaches(by: Person | None, unit: Unit, wanted: Iterable[str]) -> bool:
    """Whether one of these roles of `by` reaches the unit; the system itself and superusers reach everything."""
    return by is None or permissions.reaches(by, unit, *wanted)


@transaction.atomic
def grant(*, person: Person, role: str, unit: Unit, by: Person | None, on: date) -> RoleGrant:
    """Give a person a role over a unit and everything below it, once.

    Locks the person's row. Returns the grant that stands when there is one; one that came with a
    duty becomes the administrator's own and so outlives the duty. `by=None` is the system itself.

    Raises:
        Refused: out_of_reach, own_role, role_unknown, person_left, person_elsewhere, roles_exclude, unit_closed.
    """
    if role not in Role.values or role == Role.LEARNER:
        raise Refused(_("There is no such role to grant."), code="role_unknown")
    person = Person.objects.select_for_update(of=("self",), no_key=True).select_related("unit").get(pk=person.pk)
    held = set(person.role_grants.filter(ends_on=None).values_list("role", flat=True))
    refusal = refusal_to_grant(person=person, role=role, unit=unit, by=by, held=held)
    if refusal is not None:
        raise refusal
    if not unit.is_open:
        raise Refused(_("“%(unit)s” has been dissolved: no role is granted over it.") % {"unit": unit.name}, code="unit_closed")
    if person.status in GONE:
        raise Refused(_("%(name)s has left or retired and holds no roles.") % {"name": person.name}, code="person_left")
    if by is not None and not by.is_superuser and (person.unit is None or person.unit.county_path != unit.county_path):
        raise Refused(_("A role reaches only inside the county where the person serves."), code="person_elsewhere")
    standing = RoleGrant.objects.filter(person=person, role=role, unit=unit, ends_on=None).first()
    if standing is not None:
        if standing.from_duty and by is not None:
            standing.from_duty, standing.granted_by = "", by
            standing.save(update_fields=["from_duty", "granted_by"])
            audit.record(person, "people.role_granted", by=by, role=role, unit=unit.code)
        return standing
    opened = RoleGrant.objects.create(person=person, role=role, unit=unit, granted_by=by, starts_on=on)
    audit.record(person, "people.role_granted", by=by, role=role, unit=unit.code)
    role_granted.send(sender=RoleGrant, grant=opened)
    return opened


@transaction.atomic
def withdraw(*, grant: RoleGrant, by: Person | None, on: date) -> RoleGrant:
    """Close an open role. Calling it again changes nothing.

    Raises:
        Refused: out_of_reach; from_duty (the role follows a duty: end the duty instead); own_role
            (an administrator does not take the last administrator away by mistake).
    """
    grant = RoleGrant.objects.select_for_update(of=("self",)).select_related("unit", "person").get(pk=grant.pk)
    if not reaches(by, grant.unit, BY_HAND):
        raise Refused(_("“%(unit)s” is outside the units that you administer.") % {"unit": grant.unit.name}, code="out_of_reach")
    if grant.ends_on is not None:
        return grant
    if grant.from_duty and by is not None:
        raise Refused(_("This role follows a duty in the roster; it ends when the duty ends."), code="from_duty")
    if by is not None and by.pk == grant.person_id and grant.role == Role.ADMINISTRATOR:
        raise Refused(_("You cannot withdraw your own administrator role; ask another administrator."), code="own_role")
    grant.ends_on = max(on, grant.starts_on)
    grant.save(update_fields=["ends_on"])
    audit.record(grant.person, "people.role_withdrawn", by=by, role=grant.role, unit=grant.unit.code)
    role_withdrawn.send(sender=RoleGrant, grant=grant)
    return grant


@transaction.atomic
def end_over(unit: Unit, *, by: Person | None, on: date) -> list[RoleGrant]:
    """End every open role over a unit that is closed, and over what lies in it. Calling it again ends nothing.

    `by=None` is the system itself. Three queries, and a trace for each role.
    """
    return _end(open_over(unit), by=by, on=on)


def _end(held: QuerySet[RoleGrant], *, by: Person | None, on: date) -> list[RoleGrant]:
    """Lock open roles, end them and trace each on its holder."""
    ending = list(held.select_for_update(of=("self",)))
    for each in ending:
        each.ends_on = max(on, each.starts_on)
    RoleGrant.objects.bulk_update(ending, ["ends_on"], batch_size=500)
    for each in ending:
        audit.record(each.person, "people.role_withdrawn", by=by, role=each.role, unit=each.unit.code)
    for each in {(each.role, each.unit.county_path): each for each in ending}.values():  # one stands for all: see signals
        role_withdrawn.send(sender=RoleGrant, grant=each)
    return ending


def open_over(unit: Unit) -> QuerySet[RoleGrant]:
    """The roles that are held over a unit itself and over what lies in it, with who holds them."""
    held = RoleGrant.objects.filter(ends_on=None, unit__path__startswith=unit.path)
    return held.select_related("person", "unit").order_by("person__employee_number", "role", "pk")


def is_left_behind(grant: RoleGrant, mains: Sequence[Posting], serving: Collection[str]) -> bool:
    """Whether an open role stands over a county that its holder left: granted by hand while they served there, and they serve elsewhere now.

    `mains` are their main postings as written down, `serving` the paths of the counties where they serve now; both and the grant come with
    units. One that was granted across counties on purpose, as superusers and the system may, is none: they served elsewhere on that
    day, as far as the register knew then. Others grant only inside the county where somebody serves (`grant`).
    """
    county = grant.unit.county_path
    if grant.from_duty or not serving or county in serving:
        return False
    begun = [each for each in mains if each.starts_on <= grant.starts_on]
    known = [each for each in begun if each.entered_at is None or clock.today(each.entered_at) <= grant.starts_on]
    then = max(known or begun, key=lambda each: (each.starts_on, each.pk), default=None)
    return then is not None and then.unit.county_path == county


def _is_across(grant: RoleGrant) -> bool:
    home = grant.person.unit
    return not grant.from_duty and home is not None and home.county_path != grant.unit.county_path


def left_behind(across: Iterable[RoleGrant]) -> list[RoleGrant]:
    """Those of these roles over other counties that stand over a county which their holder left. One query, or none."""
    across = list(across)
    mains: dict[int, list[Posting]] = {}
    serving: dict[int, set[str]] = {}
    for each in across:
        if each.person.unit is not None:
            serving.setdefault(each.person_id, {each.person.unit.county_path})
    for posting in in_batches(Posting.objects.select_related("unit").order_by("pk"), "person", sorted(serving)):
        if posting.is_main:
            mains.setdefault(posting.person_id, []).append(posting)
        if posting.ends_on is None:
            serving[posting.person_id].add(posting.unit.county_path)
    return [each for each in across if is_left_behind(each, mains.get(each.person_id, []), serving.get(each.person_id, ()))]


@transaction.atomic
def end_left_behind(person: Person, *, on: date) -> list[RoleGrant]:
    """End the roles over a county that somebody left before the move itself ended them. Locks the person's row; calling it again ends nothing."""
    person = Person.objects.select_for_update(of=("self",), no_key=True).get(pk=person.pk)
    held = RoleGrant.objects.filter(person=person, ends_on=None).select_related(*_WHO_AND_WHERE)
    return end_these([each.pk for each in left_behind(each for each in held if _is_across(each))], by=None, on=on)


@transaction.atomic
def end_these(grants: Collection[int], *, by: Person | None, on: date) -> list[RoleGrant]:
    """End open roles, by key, as the system does: traced as withdrawn on each holder. Calling it again ends nothing; none: no query."""
    if not grants:
        return []
    return _end(RoleGrant.objects.filter(pk__in=grants, ends_on=None).select_related("person", "unit").order_by("pk"), by=by, on=on)


@dataclass
class Synced:
    opened: int = 0
    closed: int = 0


def sync_with_duties(person: Person, on: date) -> Synced:
    """Open and close the roles that follow this person's duties, but open no role HR. See `sync_many`."""
    return sync_many([person.pk], on=on)


@transaction.atomic
def sync_many(person_ids: Iterable[int], *, on: date, by: Person | None = None, hr_for: Collection[int] = ()) -> Synced:
    """Make the roles that follow duties agree with the duties held now, for all these people at once.

    `by` is who brought the duties; the roles that open name them. The role HR opens for those in `hr_for` alone, and
    only where `by` administers the county: the duty alone, which HR enters as well, never brings it.
    Five queries, however many people. Roles granted by hand stay as they are, except that those
    who left or retired lose every role; what a move into another county ends, `end_these` ends.
    """
    ids, hr_for = list(person_ids), set(hr_for)
    outcome = Synced()
    if not ids:
        return outcome
    people = {person.pk: person for person in in_batches(Person.objects.only("pk", "status"), "pk", ids)}
    held: dict[int, dict[tuple[str, str], str]] = {}
    paths: set[str] = set()
    assignments = in_batches(
        DutyAssignment.objects.filter(ends_on=None, posting__ends_on=None).select_related("posting__unit").order_by("pk"),
        "posting__person",
        ids,
    )
    for assignment in assignments:
        if assignment.duty not in ROLE_OF_DUTY or people[assignment.posting.person_id].status in GONE:
            continue
        role, reach = ROLE_OF_DUTY[assignment.duty]
        unit = assignment.posting.unit
        path = unit.county_path if reach == COUNTY else unit.organ_path
        paths.add(path)
        held.setdefault(assignment.posting.person_id, {}).setdefault((role, path), assignment.duty)
    units = {unit.path: unit for unit in Unit.objects.filter(path__in=paths)}
    opening, closing = [], []
    standing: dict[int, list[RoleGrant]] = {}
    for each in in_batches(RoleGrant.objects.filter(ends_on=None).select_related("unit", "person"), "person", ids):
        standing.setdefault(each.person_id, []).append(each)
    for pk in people:
        wanted = dict(held.get(pk, {}))
        gone = people[pk].status in GONE
        for each in standing.get(pk, []):
            duty = wanted.pop((each.role, each.unit.path), None)
            if gone or (each.from_duty and duty is None):
                each.ends_on = max(on, each.starts_on)
                closing.append(each)
        for (role, path), duty in wanted.items():
            if role == Role.HR and (pk not in hr_for or not reaches(by, units[path], BY_HAND)):
                continue
            opening.append(RoleGrant(person_id=pk, role=role, unit=units[path], from_duty=duty, granted_by=by, starts_on=on))
    try:
        with transaction.atomic():
            RoleGrant.objects.bulk_update(closing, ["ends_on"], batch_size=500)
            RoleGrant.objects.bulk_create(opening, batch_size=500)
    except IntegrityError as error:
        raise Refused(_("Somebody else changed these roles at the same moment. Please try again."), code="changed") from error
    for signal, grants in ((role_withdrawn, closing), (role_granted, opening)):
        # One for each role and county stands for all: an import of 200 people does not resync groups 200 times.
        for each in {(each.role, each.unit.county_path): each for each in grants}.values():
            signal.send(sender=RoleGrant, grant=each)
    outcome.opened, outcome.closed = len(opening), len(closing)
    return outcome


def gaps(at: datetime) -> list[Gap]:
    """People whose open roles do not agree with their open duties, or who left and still hold something; roles over closed units and over a county that somebody left.

    Five queries, six where somebody holds a role over another county.

    A duty without the role HR is no gap: it came with an import that was not an administrator's.
    """
    wrong: set[int] = set()
    standing: dict[int, set[tuple[str, str]]] = {}
    across: list[RoleGrant] = []
    for each in RoleGrant.objects.filter(ends_on=None).select_related(*_WHO_AND_WHERE).order_by("pk"):
        standing.setdefault(each.person_id, set()).add((each.role, each.unit.path))
        if each.person.status in GONE:
            wrong.add(each.person_id)
        elif _is_across(each):
            across.append(each)
    movers = {each.person_id: each.person for each in left_behind(across)}
    wanted: dict[int, set[tuple[str, str]]] = {}
    held = DutyAssignment.objects.filter(duty__in=ROLE_OF_DUTY, ends_on=None, posting__ends_on=None)
    for assignment in held.exclude(posting__person__status__in=GONE).select_related("posting__unit"):
        role, reach = ROLE_OF_DUTY[assignment.duty]
        unit = assignment.posting.unit
        wanted.setdefault(assignment.posting.person_id, set()).add((role, unit.county_path if reach == COUNTY else unit.organ_path))
    for pk, roles in wanted.items():
        if any(role != Role.HR for role, _path in roles - standing.get(pk, set())):
            wrong.add(pk)
    followed = RoleGrant.objects.filter(ends_on=None).exclude(from_duty="").select_related("unit")
    wrong |= {each.person_id for each in followed if (each.role, each.unit.path) not in wanted.get(each.person_id, set())}
    people = Person.objects.filter(pk__in=sorted(wrong)[:1000])
    closed = Unit.objects.filter(pk__in=RoleGrant.objects.filter(ends_on=None, unit__closed_on__isnull=False).values("unit"))
    return [
        *(Gap(f"roles of {person.employee_number}", partial(sync_with_duties, person, clock.today(at))) for person in people),
        *(
            Gap(f"roles of {person.employee_number} over a county left", partial(end_left_behind, person, on=clock.today(at)))
            for person in list(movers.values())[:1000]
        ),
        *(Gap(f"roles over {unit.code}", partial(end_over, unit, by=None, on=clock.today(at))) for unit in closed[:1000]),
    ]


def in_batches(queryset, field: str, ids: Sequence[int | str], size: int = 5000):
    """The rows whose `field` is one of many ids, without one endless IN list."""
    for start in range(0, len(ids), size):
        yield from queryset.filter(**{f"{field}__in": ids[start : start + size]})
