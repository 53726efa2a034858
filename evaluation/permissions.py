"""Who may open the records of others, who may correct them, and who decides on claims of hours."""

from collections.abc import Iterable

from django.db.models import Exists, F, OuterRef, Q
from django.db.models.lookups import StartsWith

from people.models import Person, Posting, Role, RoleGrant, Unit
from people.models.unit import within_paths
from people.permissions import READS_RECORDS, paths_of

EVERYTHING = ~Q(pk__in=[])  # an empty Q would vanish from an "or"


def people_of_records_q(user) -> Q:
    """Condition on Person: those serving now where the user reads learning records.

    Narrower than Person.visible_to: an administrator manages people, not their marks.
    """
    if not user.is_authenticated:
        return Q(pk__in=[])
    if user.is_superuser:
        return EVERYTHING
    return within_paths(paths_of(user, READS_RECORDS))


def people_with_file(user):
    """The people whose learning file the user may open: oneself and those above."""
    return Person.objects.filter(Q(pk=user.pk) | people_of_records_q(user)) if user.is_authenticated else Person.objects.none()


def people_with_archive(user):
    """The people whose archive the user may take along: oneself, and those who serve where the user is HR."""
    return Person.objects.filter(Q(pk=user.pk) | reversible_q(user)) if user.is_authenticated else Person.objects.none()


def people_to_file_for(user):
    """The people for whom the user may file a claim of hours: others, who serve or served where the user is HR."""
    served = Posting.objects.filter(reversible_q(user), person=OuterRef("pk"))
    return Person.objects.filter(reversible_q(user) | Exists(served)).exclude(pk=user.pk)


def units_in_reach(user):
    """The units, with all below them, where the user reads learning records; in tree order."""
    return Unit.objects.order_by("path") if user.is_superuser else Unit.objects.filter(_within(READS_RECORDS, user)).order_by("path")


def units_held(user):
    """The units over which the user may hold a key or have a program told (`people.services.tokens.may_hold`); in tree order."""
    return Unit.objects.filter(over_q(user)).order_by("path")


def over_q(user) -> Q:
    """Condition on Unit: over which the user is HR."""
    return EVERYTHING if user.is_superuser else _within([Role.HR], user)


def _within(roles: Iterable[str], user) -> Q:
    """Condition on Unit: in a subtree that these roles of the user reach."""
    condition = Q(pk__in=[])
    for path in paths_of(user, roles):
        condition |= Q(path__startswith=path)
    return condition


def tops_of(units: Iterable[Unit]) -> list[Unit]:
    """Those that stand below no other of the list; the list is in tree order."""
    tops: list[Unit] = []
    for unit in units:
        if not tops or not unit.path.startswith(tops[-1].path):
            tops.append(unit)
    return tops


def reversible_q(user) -> Q:
    """Condition on Completion, or on what else has a unit: those that happened, or serve, where the user is HR."""
    if user.is_superuser:
        return EVERYTHING
    return within_paths(paths_of(user, [Role.HR]))


def decides_q(user) -> Q:
    """Condition on HourClaim: of people who served, on its last day, where the user is HR."""
    return reversible_q(user) if user.is_authenticated else Q(pk__in=[])


def claims_q(user) -> Q:
    """Condition on HourClaim: one's own, and those that one decides on or audits."""
    if not user.is_authenticated:
        return Q(pk__in=[])
    return Q(person=user.pk) | claims_in_reach_q(user)


def claims_in_reach_q(user) -> Q:
    """Condition on HourClaim: those that the user's role of HR or auditor reaches, the user's own among them as anybody's."""
    if user.is_superuser:
        return EVERYTHING
    return within_paths(paths_of(user, [Role.HR, Role.AUDITOR]))


def holds_hr(unit: str, *, below: bool = False) -> Q:
    """Condition on what has an author `by`: they may sign in, and are HR over the unit at that path of fields; with `below` also over one
    above it."""
    open_grants = RoleGrant.objects.filter(person=OuterRef("by"), role=Role.HR, ends_on=None)
    if below:
        open_grants = open_grants.filter(StartsWith(OuterRef(f"{unit}__path"), F("unit__path")))
    else:
        open_grants = open_grants.filter(unit=OuterRef(unit))
    return Q(Q(by__is_superuser=True) | Exists(open_grants), by__is_active=True)


def deciders_on(claim):
    """Those who may decide on a claim: HR over the unit where the person served, other than the person and who filed it for them."""
    grants = RoleGrant.objects.filter(role=Role.HR, ends_on=None)
    over = [grant.person_id for grant in grants.select_related("unit") if claim.unit and claim.unit.path.startswith(grant.unit.path)]
    return Person.objects.filter(Q(pk__in=over) | Q(is_superuser=True), is_active=True).exclude(
        pk__in=[claim.person_id, claim.filed_by_id or claim.person_id]
    )
