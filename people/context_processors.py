from django.http import HttpRequest

from people.models.access import Role
from people.permissions import grants_of, searches_readings


def roles(request: HttpRequest) -> dict:
    """`held`: the roles of the signed-in user as a set of keys, for menus; "readings" for whoever searches the traces of reading.

    Lazy: no query on pages without a menu.
    """
    user = getattr(request, "user", None)

    def held() -> set[str]:
        if user is None or not user.is_authenticated:
            return set()
        roles = {str(role) for role in Role} if user.is_superuser else {grant.role for grant in grants_of(user)} | {Role.LEARNER}
        return roles | {"readings"} if searches_readings(user) else roles

    return {"held": held}
