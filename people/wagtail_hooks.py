"""What this app registers with the Wagtail admin."""

from django.utils.translation import gettext_lazy as _
from wagtail import hooks

ACTIONS = {
    "people.posted": _("Posting changed"),
    "people.left": _("Left or retired"),
    "people.role_granted": _("Role granted"),
    "people.role_withdrawn": _("Role withdrawn"),
    "people.roster_imported": _("Roster imported"),
    "people.sign_in_stopped": _("Sign-in stopped"),
    "people.sign_in_allowed": _("Sign-in allowed"),
    "people.sign_in_reset": _("Sign-in reset"),
    "people.second_factor_removed": _("Two-step sign-in removed"),
    "people.codes_made": _("Activation codes made"),
    "people.activated": _("Account activated"),
    "people.token_made": _("API token made"),
    "people.token_revoked": _("API token revoked"),
}


@hooks.register("register_log_actions")
def register_actions(actions):
    for action, label in ACTIONS.items():
        actions.register_action(action, label, label)
