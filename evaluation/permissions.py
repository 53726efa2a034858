"""Who may open the records of others, and who may correct them."""

from django.db.models import Q

from people.models import Person, Role, Unit
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


def units_in_reach(user):
    """The units, with all below them, where the user reads learning records; in tree order."""
    if user.is_superuser:
        return Unit.objects.order_by("path")
    condition = Q(pk__in=[])
    for path in paths_of(user, READS_RECORDS):
        condition |= Q(path__startswith=path)
    return Unit.objects.filter(condition).order_by("path")


def reversible_q(user) -> Q:
    """Condition on Completion: those that happened where the user is HR."""
    if user.is_superuser:
        return EVERYTHING
    return within_paths(paths_of(user, [Role.HR]))
