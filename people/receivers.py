"""Reactions of this app to what allauth and Django tell."""

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.contrib import messages
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext as _

from core import clock
from people.services import readings
from people.templatetags.people_words import door_name


@receiver(authenticator_added)
def totp_was_shown(sender, request, user, authenticator, **kwargs) -> None:
    """Setting TOTP up takes a right code, so this session has shown its second factor."""
    if authenticator.type == Authenticator.Type.TOTP:
        record_authentication(request, user, method="mfa", type=authenticator.type)


@receiver(user_logged_in)
def account_was_changed(sender, request, user, **kwargs) -> None:
    """Whoever signs in is told what others did to the account: who resets it could sign in as its holder. One query."""
    for each in readings.done_to_account(user, at=clock.now()):
        words = {
            "when": f"{timezone.localtime(each.at):%Y-%m-%d %H:%M}",
            "who": each.reader,
            "what": door_name(each.what),
        }
        told = _("On %(when)s %(who)s did this to your account: %(what)s. If you did not ask for it, tell the auditor.") % words
        messages.warning(request, told, fail_silently=True)
