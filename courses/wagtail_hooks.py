"""What this app registers with the Wagtail admin."""

from django.utils.translation import gettext_lazy as _
from wagtail import hooks


@hooks.register("register_log_actions")
def register_actions(actions):
    actions.register_action("courses.reverse", _("Completion reversed"), _("Completion reversed"))
