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
    actions.register_action("evaluation.period_opened", _("Open a period"), _("Period of evaluation opened"))
    actions.register_action("evaluation.period_cut_off", _("Cut off a period"), _("Period of evaluation cut off"))
    actions.register_action("evaluation.period_publicity", _("Publish a period"), _("Period of evaluation published"))
    actions.register_action("evaluation.period_appeals", _("Open appeals"), _("Appeals opened"))
    actions.register_action("evaluation.period_frozen", _("Freeze a period"), _("Period of evaluation frozen"))
    actions.register_action("evaluation.reopening_proposed", _("Propose to reopen a period"), _("Reopening of a period proposed"))
    actions.register_action("evaluation.period_reopened", _("Reopen a period"), _("Period of evaluation reopened by two"))
    actions.register_action("evaluation.appeal_filed", _("File an appeal"), _("Appeal filed"))
    actions.register_action("evaluation.appeal_granted", _("Grant an appeal"), _("Appeal granted"))
    actions.register_action("evaluation.appeal_refused", _("Turn down an appeal"), _("Appeal turned down"))
    actions.register_action("evaluation.appeal_withdrawn", _("Withdraw an appeal"), _("Appeal withdrawn"))
    actions.register_action("evaluation.reminders_sent", _("Send reminders of responsibility"), _("Reminders of responsibility sent"))
    actions.register_action("evaluation.receiver_agreed", _("Agree on a receiver"), _("Receiver of results agreed"))
    actions.register_action("evaluation.handed_over", _("Hand results over"), _("Results handed over"))
    actions.register_action("evaluation.reply_received", _("Take a receiver's answer"), _("Answer of a receiver taken"))
    actions.register_action("evaluation.refusal_settled", _("Explain a refused row"), _("Refused row explained"))
    actions.register_action("evaluation.supplement", _("Make a supplementary list"), _("Supplementary list made"))
    actions.register_action("evaluation.reminded", _("Remind people"), _("People reminded"))
    actions.register_action("evaluation.webhook_made", _("Register a webhook"), _("Webhook registered"))
    actions.register_action("evaluation.webhook_rotated", _("Change the secret of a webhook"), _("Secret of a webhook changed"))
    actions.register_action("evaluation.webhook_stopped", _("Stop a webhook"), _("Webhook stopped"))
    actions.register_action("evaluation.webhook_replayed", _("Replay a webhook"), _("Webhook replayed"))
    actions.register_action("evaluation.webhook_given_up", _("Give a webhook up"), _("Webhook given up"))
