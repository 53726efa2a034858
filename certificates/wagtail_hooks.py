"""What this app registers with the Wagtail admin."""

from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.permissions import register_permission_policy
from wagtail.snippets.models import register_snippet

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
    "revoke": _("Certificate revoked"),
    "replace": _("Certificate replaced"),
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
