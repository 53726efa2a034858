"""What this app registers with the Wagtail admin."""

from django.utils.translation import gettext_lazy as _
from wagtail import hooks

from quizzes.viewsets import BankGroup

ACTIONS = {
    "quizzes.questions_imported": _("Questions imported"),
    "quizzes.time_added": _("Time added in an exam"),
    "quizzes.allowance_given": _("Extra time or attempts given"),
}


@hooks.register("register_log_actions")
def register_actions(actions):
    for action, label in ACTIONS.items():
        actions.register_action(action, label, label)


@hooks.register("register_admin_viewset")
def register_bank():
    return BankGroup()
