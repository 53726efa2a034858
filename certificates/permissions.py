"""Who rules over a county's certificates."""

from collections.abc import Iterable

from people.models import Role, Unit
from people.permissions import units_of

RULES_KINDS = (Role.HR, Role.ADMINISTRATOR)


def counties_of(user, roles: Iterable[str] = RULES_KINDS) -> list[Unit]:
    """The counties over the whole of which the user holds one of these roles."""
    return [unit for unit in units_of(user, *roles) if unit.depth == 1]


def may_revoke(user, certificate) -> bool:
    """Whether the user is HR of the county where the holder served, or of the county that issued it."""
    if not user.is_authenticated:
        return False
    if user.is_superuser:
        return True
    where = certificate.unit.county_path if certificate.unit_id else None
    return any(county.path == where or county.pk == certificate.kind.county_id for county in counties_of(user, [Role.HR]))
