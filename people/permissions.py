"""Who sees whose records: the rule behind `visible_to(user)` of every table of learning records and people.

A role is granted over a unit and reaches everything below it. A record is seen by the
person it is about, by those whose role reaches the unit where it happened, and by those
whose role reaches the unit where the person serves now — the last inside one county only,
and only where the county lets the whole history follow a transfer (`Unit.history_follows` of
its root). Otherwise the new unit reads what happened from the transfer on: a record bears the
unit of its event.
"""

from collections.abc import Iterable
from datetime import date

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from core.prepared import Prepared
from people.models.access import Role, RoleGrant
from people.models.posting import Posting
from people.models.unit import Unit, history_follows, within_paths

# Roles that read other people's learning records in their subtree.
READS_RECORDS = (Role.LIAISON, Role.LEADER, Role.HR, Role.AUDITOR)
# Roles that see who works where (a superset: an administrator manages people, not their marks).
READS_PEOPLE = (*READS_RECORDS, Role.ADMINISTRATOR)
# Roles with power over others' records or rights: these need a second factor.
POWERFUL = (*READS_RECORDS, Role.ADMINISTRATOR, Role.REVIEWER, Role.TRAINER)  # who rates an essay decides about a pass

_open_grants_of = Prepared(
    lambda person: (
        RoleGrant.objects.filter(person=person, ends_on=None).select_related("unit").annotate(history_follows=history_follows("unit__path"))
    )
)
EVERYTHING = ~Q(pk__in=[])  # an empty Q would vanish from an "or"


def grants_of(user) -> list:
    """The open grants of a user with their units and what their county says of transfers. One query, kept on the instance for the request."""
    if not user.is_authenticated:
        return []
    if not hasattr(user, "_open_grants"):
        user._open_grants = _open_grants_of(user.pk)
    return user._open_grants


def has_role(user, *roles: str) -> bool:
    """Whether the user holds one of these roles anywhere (superusers hold all)."""
    if not user.is_authenticated:
        return False
    if Role.LEARNER in roles or user.is_superuser:
        return True
    return any(grant.role in roles for grant in grants_of(user))


def paths_of(user, roles: Iterable[str]) -> list[str]:
    """The subtree paths that these roles of the user reach."""
    return sorted({grant.unit.path for grant in grants_of(user) if grant.role in roles})


def units_of(user, *roles: str) -> list[Unit]:
    """The units over which the user holds one of these roles, in tree order."""
    found = {grant.unit.path: grant.unit for grant in grants_of(user) if grant.role in roles}
    return [found[path] for path in sorted(found)]


def counties_read(user) -> set[str]:
    """The paths of the counties in which a role of the user reads records, wherever they serve."""
    return {path[: Unit.steplen] for path in paths_of(user, READS_RECORDS)}


def searches_readings(user) -> bool:
    """Whether the user searches the traces of reading: auditors by a grant and nobody else, superusers neither, whose own reading is in them."""
    return bool(paths_of(user, [Role.AUDITOR]))


def people_q(user) -> Q:
    """Condition on Person: oneself, or serving now in a subtree that one's roles reach."""
    if not user.is_authenticated:
        return Q(pk__in=[])
    if user.is_superuser:
        return EVERYTHING
    condition = Q(pk=user.pk)
    for path in paths_of(user, READS_PEOPLE):
        condition |= Q(unit__path__startswith=path)
    return condition


def records_q(user, prefix: str = "") -> Q:
    """Condition on a model with the ServedAt fields (or one that reaches them through `prefix`, like "attempt__")."""
    if not user.is_authenticated:
        return Q(pk__in=[])
    if user.is_superuser:
        return EVERYTHING
    condition = Q(**{f"{prefix}person": user})
    following = {grant.unit.county_path for grant in grants_of(user) if grant.history_follows}
    for path in paths_of(user, READS_RECORDS):
        county = path[: Unit.steplen]
        condition |= within_paths([path], f"{prefix}unit")
        if county in following and path != county:  # whoever reads a whole county reads what happened in it anyway
            condition |= within_paths([path], f"{prefix}person__unit") & within_paths([county], f"{prefix}unit")
    return condition


def leaves_q(user) -> Q:
    """Condition on Leave: one's own, and those of people whom one's HR or auditor role reaches: where they served on its first day; where they
    serve now, those of the same county, and those that share a day with their time there.
    """
    if not user.is_authenticated:
        return Q(pk__in=[])
    if user.is_superuser:
        return EVERYTHING
    condition = Q(person=user.pk)
    for path in paths_of(user, [Role.HR, Role.AUDITOR]):
        condition |= Q(unit__path__startswith=path)
        here = Posting.objects.filter(person=OuterRef("person"), unit__path__startswith=path)
        touched = here.touching(OuterRef("starts_on"), Coalesce(OuterRef("ends_on"), date.max))
        condition |= Q(person__unit__path__startswith=path) & (Q(unit__path__startswith=path[: Unit.steplen]) | Q(Exists(touched)))
    return condition


def api_access_q(user) -> Q:
    """Condition on what programs reach us by (keys, webhooks): one's own, and those over units that one's HR or auditor role reaches."""
    if not user.is_authenticated:
        return Q(pk__in=[])
    if user.is_superuser:
        return EVERYTHING
    return Q(owner=user.pk) | within_paths(paths_of(user, [Role.HR, Role.AUDITOR]))


def reaches(user, unit: Unit | None, *roles: str) -> bool:
    """Whether one of these roles of the user reaches the unit. Superusers reach everything; whoever serves nowhere is reached by no role."""
    return user.is_superuser or (unit is not None and unit.path.startswith(tuple(paths_of(user, roles))))


def is_hr_over(user, person) -> bool:
    """Whether the user is HR where the person serves, or served last."""
    return reaches(user, person.unit, Role.HR)


def is_or_was_hr_over(user, person) -> bool:
    """Whether the user is HR where the person serves, or served at any time. One query at most beside the grants."""
    if is_hr_over(user, person):
        return True
    paths = paths_of(user, [Role.HR])
    return bool(paths) and person.postings.filter(within_paths(paths)).exists()


def require_role(user, *roles: str) -> None:
    """Let the holders of one of these roles pass.

    Raises:
        PermissionDenied: the user holds none of them.
    """
    if not has_role(user, *roles):
        raise PermissionDenied
