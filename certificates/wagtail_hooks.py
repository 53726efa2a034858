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


@hooks.register("register_log_actions")
def register_actions(actions):
    actions.register_action("certificates.revoke", _("Certificate revoked"), _("Certificate revoked"))
    actions.register_action("certificates.conditions", _("Conditions put into force"), _("Conditions put into force"))
    actions.register_action("certificates.attest", _("Condition attested"), _("Condition attested"))
    actions.register_action("certificates.withdraw", _("Attestation withdrawn"), _("Attestation withdrawn"))
