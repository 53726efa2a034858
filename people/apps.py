from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PeopleConfig(AppConfig):
    name = "people"
    verbose_name = _("People")

    def ready(self) -> None:
        from core import reconcile
        from people import receivers  # noqa: F401
        from people.services import roles

        reconcile.register("people.roles", roles.gaps)
