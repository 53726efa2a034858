"""What this app registers in the admin: the sentences of its audit entries."""

from django.utils.translation import gettext_lazy as _
from wagtail import hooks


@hooks.register("register_log_actions")
def log_actions(actions) -> None:
    actions.register_action("evaluation.correct_hours", _("Correct hours"), _("Hours corrected"))
    actions.register_action("evaluation.claim_approved", _("Approve a claim of hours"), _("Claim of hours approved"))
    actions.register_action("evaluation.claim_refused", _("Refuse a claim of hours"), _("Claim of hours refused"))
