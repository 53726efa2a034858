"""Reactions of this app to allauth's facts."""

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.dispatch import receiver


@receiver(authenticator_added)
def totp_was_shown(sender, request, user, authenticator, **kwargs) -> None:
    """Setting TOTP up takes a right code, so this session has shown its second factor."""
    if authenticator.type == Authenticator.Type.TOTP:
        record_authentication(request, user, method="mfa", type=authenticator.type)
