"""What this app registers with the Wagtail admin."""

from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.ui.components import Component
from wagtail.permissions import register_permission_policy
from wagtail.snippets.models import register_snippet

from certificates import templates_desk
from certificates.models import CertificateKind
from certificates.permissions import KindPolicy
from certificates.viewsets import CertificateKindViewSet

register_permission_policy(CertificateKind, KindPolicy(CertificateKind))
register_snippet(CertificateKindViewSet)

ACTS = {
    "suspend": _("Certificate suspended"),
    "restore": _("Suspension of a certificate ended"),
    "propose": _("Revocation or replacement of a certificate proposed"),
    "decline": _("Proposal about a certificate declined"),
    "take_back": _("Proposal about a certificate withdrawn"),
    "revoke": _("Certificate revoked"),
    "replace": _("Certificate replaced"),
    "share": _("Link to a certificate made"),
    "stop_sharing": _("Link to a certificate ended"),
}


@hooks.register("register_log_actions")
def register_actions(actions):
    actions.register_action("certificates.batch_ordered", _("Certificate batch ordered"), _("Certificate batch ordered"))
    for action, label in ACTS.items():
        actions.register_action(f"certificates.{action}", label, label)
    actions.register_action("certificates.export", _("Certificate exported with its proofs"), _("Certificate exported with its proofs"))
    actions.register_action("certificates.key_made", _("Signing key made"), _("Signing key made"))
    actions.register_action("certificates.key_retired", _("Signing key retired"), _("Signing key retired"))
    actions.register_action("certificates.key_withdrawn", _("Signing key withdrawn"), _("Signing key withdrawn"))
    actions.register_action("certificates.conditions", _("Conditions put into force"), _("Conditions put into force"))
    actions.register_action("certificates.attest", _("Condition attested"), _("Condition attested"))
    actions.register_action("certificates.withdraw", _("Attestation withdrawn"), _("Attestation withdrawn"))


@hooks.register("construct_snippet_action_menu")
def approve_instead_of_publishing(menu_items, request, context):
    """Wagtail asks a model permission that superusers have; templates go live by approval alone."""
    if context["model"] is CertificateKind:
        menu_items[:] = [item for item in menu_items if item.name not in ("action-publish", "action-unpublish")]


class WaitingTemplates(Component):
    """On the start page: the templates that wait for approval, and the way to all of them."""

    name = "certificate-templates"
    order = 20
    template_name = "certificates/admin/waiting.html"

    def get_context_data(self, parent_context):
        return {"waiting": templates_desk.waiting_for(parent_context["request"].user)}


@hooks.register("construct_homepage_panels", order=200)
def show_waiting_templates(request, panels):
    if templates_desk.rules_kinds(request.user):
        panels.append(WaitingTemplates())
