"""What this app registers with the Wagtail admin."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.menu import MenuItem

from people.permissions import READS_PEOPLE, has_role

ACTIONS = {
    "people.posted": _("Posting changed"),
    "people.left": _("Left or retired"),
    "people.unit_closed": _("Unit dissolved"),
    "people.history_follows": _("Who reads the history of a transferred person"),
    "people.unit_reopened": _("Unit taken back into use"),
    "people.role_granted": _("Role granted"),
    "people.role_withdrawn": _("Role withdrawn"),
    "people.leave_recorded": _("Leave recorded"),
    "people.leave_corrected": _("Leave corrected"),
    "people.leave_taken_back": _("Leave taken back"),
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


class PeopleMenuItem(MenuItem):
    """The site's own list of people, for those who have one."""

    def is_shown(self, request) -> bool:
        return has_role(request.user, *READS_PEOPLE)


@hooks.register("register_admin_menu_item")
def people_menu_item():
    return PeopleMenuItem(_("People"), reverse("person_list"), name="people", icon_name="group", order=900)


@hooks.register("construct_settings_menu")
def leave_out_wagtails_users(request, menu_items):
    menu_items[:] = [item for item in menu_items if item.name != "users"]
