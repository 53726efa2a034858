"""Who a session belongs to."""

from allauth.account.auth_backends import AuthenticationBackend

from core.prepared import Prepared
from people.models import Person

_by_id = Prepared(lambda pk: Person.objects.filter(pk=pk).select_related("unit"))  # most pages read where one serves


class SignInBackend(AuthenticationBackend):
    """allauth's backend; the person of a request is read by a prepared query, anew for each request."""

    def get_user(self, user_id: int) -> Person | None:
        person = _by_id.first(user_id)
        return person if person is not None and self.user_can_authenticate(person) else None
