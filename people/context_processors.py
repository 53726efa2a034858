from django.http import HttpRequest

from people.models.access import Role
from people.permissions import grants_of


def roles(request: HttpRequest) -> dict:
    """`held`: the roles of the signed-in user as a set of keys, for menus. Lazy: no query on pages without a menu."""
    user = getattr(request, "user", None)

    def held() -> set[str]:
        if user is None or not user.is_authenticated:
            return set()
        if user.is_superuser:
            return {str(role) for role in Role}
        return {grant.role for grant in grants_of(user)} | {Role.LEARNER}

    return {"held": held}
