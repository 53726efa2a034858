"""The life of a unit: closed when it is dissolved or merged, taken back when that was a mistake."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import Max, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import audit, clock
from core.errors import Refused
from people.models import Person, Posting, Role, RoleGrant, Unit
from people.models.unit import UnitQuerySet, within_paths
from people.permissions import paths_of
from people.services import roles
from people.services.roles import GONE

NAMED = 5
KEEPERS = (Role.HR, Role.ADMINISTRATOR)  # who looks after units


@dataclass(frozen=True)
class Standing:
    """What keeps a unit from being closed: units below it that are open, people who serve in it, the last day on which somebody did.

    `roles` are those over it, which end with it; `kept` those of them that only an administrator over it ends.
    """

    below: list[Unit]
    people: list[Person]
    last_day: date | None
    roles: list[RoleGrant]
    kept: list[RoleGrant]

    @property
    def problems(self) -> list[str]:
        """Each obstacle in a sentence that names whom to move first."""
        found = []
        if self.below:
            found.append(
                ngettext("%(count)d unit below it is open: %(names)s.", "%(count)d units below it are open: %(names)s.", len(self.below))
                % {"count": len(self.below), "names": _named([unit.name for unit in self.below])}
            )
        if self.people:
            found.append(
                ngettext("%(count)d person serves in it: %(names)s.", "%(count)d people serve in it: %(names)s.", len(self.people))
                % {"count": len(self.people), "names": _named([str(person) for person in self.people])}
            )
        for grant in self.kept:
            found.append(
                _("%(name)s is %(role)s over it: an administrator withdraws the role first, or closes the unit.")
                % {"name": grant.person, "role": grant.get_role_display()}
            )
        return found


def standing(unit: Unit, by: Person) -> Standing:
    """Whether `by` can close a unit, and what stands in the way. Four queries."""
    held = list(roles.open_over(unit))
    is_administrator = roles.reaches(by, unit, roles.BY_HAND)
    serving = Q(postings__unit=unit, postings__ends_on=None) | Q(unit=unit) & ~Q(status__in=GONE)
    return Standing(
        below=list(Unit.objects.open().within(unit).exclude(pk=unit.pk).order_by("path")),
        people=list(Person.objects.filter(serving).distinct().order_by("employee_number")),
        last_day=Posting.objects.filter(unit=unit).aggregate(last=Max("ends_on"))["last"],
        roles=held,
        kept=[] if is_administrator else [grant for grant in held if grant.role in roles.HANDED_OVER_WITH_CARE],
    )


@transaction.atomic
def close(*, unit: Unit, on: date, by: Person, at: datetime, basis: str = "", successor: Unit | None = None) -> Unit:
    """Close a unit that was dissolved, or merged into a successor; `on` is its last day. Calling it again changes nothing.

    Nobody is posted to it and no role is granted over it any more; the roles over it end today, when their power does. What
    happened there stays under its name, and past years go on counting it. In the year of the merger the time served there
    counts as served in the successor. Locks the county against a roster, and the unit.

    Raises:
        Refused: out_of_reach, county, from_inside, future, occupied (open units below, people, or a role that only an administrator
            ends), before_last (somebody served there later), successor (out of reach, closed, the unit itself or inside it).
    """
    unit = _locked(unit, by)
    if unit.depth == 1:
        raise Refused(_("A county is not dissolved here."), code="county")
    _not_from_inside(unit, by)
    if unit.closed_on is not None:
        return unit
    if on > clock.today(at):
        raise Refused(_("The day lies ahead. Close the unit when it has come."), code="future")
    found = standing(unit, by)
    if found.problems:
        raise Refused(" ".join(found.problems), code="occupied")
    if found.last_day is not None and on < found.last_day:
        raise Refused(
            _("Somebody served there until %(day)s: the unit cannot have been closed earlier.") % {"day": found.last_day.isoformat()},
            code="before_last",
        )
    into = successors_of(unit, by).filter(pk=successor.pk).first() if successor is not None else None
    if successor is not None and into is None:
        raise Refused(
            _("“%(unit)s” cannot go on in its place: choose an open unit of the county that you look after.") % {"unit": successor.name},
            code="successor",
        )
    unit.closed_on, unit.merged_into = on, into
    unit.save(update_fields=["closed_on", "merged_into"])
    ended = roles.end_over(unit, by=by, on=clock.today(at))
    audit.record(
        unit,
        "people.unit_closed",
        by=by,
        unit=unit.code,
        on=on.isoformat(),
        basis=basis,
        merged_into=into.code if into is not None else "",
        roles_ended=[f"{grant.person.employee_number} {grant.role}" for grant in ended],
    )
    return unit


def is_from_inside(unit: Unit, by: Person) -> bool:
    """Whether `by` looks after the unit, but not after the one above it: whoever runs a department does not dissolve it."""
    return not by.is_superuser and not any(unit.path.startswith(path) and unit.path != path for path in paths_of(by, KEEPERS))


def _not_from_inside(unit: Unit, by: Person) -> None:
    if is_from_inside(unit, by):
        raise Refused(
            _("A unit is not dissolved, nor taken back, from inside it: whoever looks after the unit above has to do it."),
            code="from_inside",
        )


def successors_of(unit: Unit, by: Person) -> UnitQuerySet:
    """The units into which `by` may merge one: the open ones of its county that do not lie in it, and that `by` looks after as well."""
    found = Unit.objects.open().filter(path__startswith=unit.county_path).exclude(path__startswith=unit.path)
    return found if by.is_superuser else found.filter(within_paths(paths_of(by, KEEPERS), "pk"))


@transaction.atomic
def reopen(*, unit: Unit, by: Person) -> Unit:
    """Take a unit back that was closed by mistake. Calling it again changes nothing. Roles that ended with it stay ended.

    Raises:
        Refused: out_of_reach; from_inside; above_closed (the unit above it is closed).
    """
    unit = _locked(unit, by)
    _not_from_inside(unit, by)
    if unit.closed_on is None:
        return unit
    above = Unit.objects.filter(path=unit.path[: -Unit.steplen]).first()
    if above is not None and not above.is_open:
        raise Refused(_("“%(unit)s” above it is closed: take that one back first.") % {"unit": above.name}, code="above_closed")
    was, unit.closed_on, unit.merged_into = unit.closed_on, None, None
    unit.save(update_fields=["closed_on", "merged_into"])
    audit.record(unit, "people.unit_reopened", by=by, unit=unit.code, was=was.isoformat())
    return unit


@transaction.atomic
def let_history_follow(*, county: Unit, follows: bool, basis: str, by: Person) -> Unit:
    """Say whether the new unit of somebody who moves inside the county reads the records of earlier units, too.

    It holds at once, also for those who moved before: it says who reads, and changes no record. Calling it again changes
    nothing. Writes an audit entry.

    Raises:
        Refused: out_of_reach; not_a_county; no_basis.
    """
    county = _locked(county, by)
    if county.depth != 1:
        raise Refused(_("This is set for a whole county."), code="not_a_county")
    if not basis.strip():
        raise Refused(_("Name the decision: it stays in the log."), code="no_basis")
    if county.history_follows == follows:
        return county
    county.history_follows = follows
    county.save(update_fields=["history_follows"])
    audit.record(county, "people.history_follows", by=by, follows=follows, basis=basis.strip())
    return county


def _locked(unit: Unit, by: Person) -> Unit:
    if not by.is_superuser and not any(unit.path.startswith(path) for path in paths_of(by, KEEPERS)):
        raise Refused(_("“%(unit)s” is outside the units that you look after.") % {"unit": unit.name}, code="out_of_reach")
    list(
        Unit.objects.select_for_update(no_key=True)
        .filter(Q(path=unit.county_path) | Q(pk=unit.pk))
        .order_by("path")
        .values_list("pk", flat=True)
    )
    return Unit.objects.get(pk=unit.pk)


def _named(names: list[str]) -> str:
    shown = "、".join(names[:NAMED])
    return shown if len(names) <= NAMED else _("%(names)s and %(more)d more") % {"names": shown, "more": len(names) - NAMED}
