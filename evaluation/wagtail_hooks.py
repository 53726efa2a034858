"""What this app registers in the admin: the sentences of its audit entries."""

from django.utils.translation import gettext_lazy as _
from wagtail import hooks


@hooks.register("register_log_actions")
def log_actions(actions) -> None:
    actions.register_action("evaluation.correct_hours", _("Correct hours"), _("Hours corrected"))
    actions.register_action("evaluation.claim_approved", _("Approve a claim of hours"), _("Claim of hours approved"))
    actions.register_action("evaluation.claim_refused", _("Refuse a claim of hours"), _("Claim of hours refused"))
    actions.register_action("evaluation.version_written", _("Write a version of an indicator"), _("Version of an indicator written"))
    actions.register_action("evaluation.version_approved", _("Approve a version of an indicator"), _("Version of an indicator approved"))
    actions.register_action("evaluation.figure_reported", _("Report a figure of a unit"), _("Figure of a unit reported"))
    actions.register_action("evaluation.figure_confirmed", _("Confirm a figure of a unit"), _("Figure of a unit confirmed"))
