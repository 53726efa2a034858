"""Who rules over a county's certificates."""

from collections.abc import Iterable

from django.db.models import Q
from wagtail.permission_policies.base import BasePermissionPolicy

from people.models import Person, Role, RoleGrant, Unit
from people.permissions import units_of

RULES_KINDS = (Role.HR, Role.ADMINISTRATOR)


def counties_of(user, roles: Iterable[str] = RULES_KINDS) -> list[Unit]:
    """The counties over the whole of which the user holds one of these roles."""
    return [unit for unit in units_of(user, *roles) if unit.depth == 1]


def may_rule(user, certificate) -> bool:
    """Whether the user is HR of the county where the holder served, or of the county that issued it.

    It is the right to suspend, restore, propose and decide. That nobody does so with their own is the services' to say.
    """
    if not user.is_authenticated:
        return False
    if user.is_superuser:
        return True
    where = certificate.unit.county_path if certificate.unit_id else None
    return any(county.path == where or county.pk == certificate.kind.county_id for county in counties_of(user, [Role.HR]))


def issued_q(user, prefix: str = "") -> Q:
    """Condition on a certificate, or on what reaches one through `prefix`: issued by a county over the whole of which the user is HR.

    Whoever issued a certificate answers for it, whomever it was issued to: a guest of another county too. It opens the
    certificate and nothing else of the guest.
    """
    return Q(**{f"{prefix}kind__county__in": counties_of(user, [Role.HR])})


def _counties_over(certificate) -> Q:
    """Condition on Unit: the county where the holder served, and the one that issued the certificate."""
    where = Q(pk=certificate.kind.county_id)
    return where | Q(path=certificate.unit.county_path) if certificate.unit_id else where


def officers_over(certificate):
    """Those who rule over a certificate of somebody else: HR of the whole county where the holder served, or of the one that issued it.

    There is no unit above a county whose HR could step in: counties are the roots of the tree, and nothing crosses between them.
    """
    grants = RoleGrant.objects.filter(role=Role.HR, ends_on=None, unit__in=Unit.objects.filter(_counties_over(certificate)))
    holders = Person.objects.filter(Q(is_superuser=True) | Q(pk__in=grants.values("person")), is_active=True)
    return holders.exclude(pk=certificate.person_id)


def administrators_over(certificate):
    """Those who can make somebody an officer over a certificate: administrators of the same counties."""
    grants = RoleGrant.objects.filter(role=Role.ADMINISTRATOR, ends_on=None, unit__in=Unit.objects.filter(_counties_over(certificate)))
    return Person.objects.filter(pk__in=grants.values("person"), is_active=True)


class KindPolicy(BasePermissionPolicy):
    """In the Wagtail admin: HR and administrators of a county add and change its kinds. Nobody deletes one.

    Nor does anybody publish one by a button, superusers either: that is done by approving (models/review.py).
    """

    ACTIONS = frozenset({"add", "change", "view", "lock", "unlock"})

    def get_all_permissions_for_user(self, user):
        return counties_of(user) if user.is_authenticated else []

    def user_has_permission(self, user, action):
        return action in self.ACTIONS and user.is_active and (user.is_superuser or bool(counties_of(user)))

    def users_with_any_permission(self, actions):
        if not self.ACTIONS.intersection(actions):
            return Person.objects.none()
        return Person.objects.filter(Q(is_superuser=True) | Q(pk__in=rulers_of_kinds()), is_active=True)

    def user_has_permission_for_instance(self, user, action, instance):
        if not self.user_has_permission(user, action):
            return False
        return user.is_superuser or any(county.pk == instance.county_id for county in counties_of(user))

    def user_has_any_permission_for_instance(self, user, actions, instance):
        return any(self.user_has_permission_for_instance(user, action, instance) for action in actions)

    def instances_user_has_any_permission_for(self, user, actions):
        if not self.user_has_any_permission(user, actions):
            return self.model.objects.none()
        return self.model.objects.visible_to(user)


def rulers_of_kinds():
    """The keys of those who hold HR or administrator over a whole county now, as a subquery."""
    return RoleGrant.objects.filter(role__in=RULES_KINDS, ends_on=None, unit__depth=1).values("person")


def rulers_of(county: Unit):
    """Those who hold HR or administrator over this county now."""
    grants = RoleGrant.objects.filter(role__in=RULES_KINDS, ends_on=None, unit=county)
    return Person.objects.filter(pk__in=grants.values("person"), is_active=True)
