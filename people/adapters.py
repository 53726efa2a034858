"""How allauth's doors behave here."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from people.permissions import POWERFUL, has_role
from people.services import accounts
from people.services.roles import GONE


class AccountAdapter(DefaultAccountAdapter):
    """Accounts come from the roster: nobody signs up, and those who left do not come in."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _("The employee number or the password is not right."),
        "invalid_login": _("The employee number or the password is not right."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def validation_error(self, code: str, *args):
        if code == "too_many_login_attempts":
            from django.core.exceptions import ValidationError

            return ValidationError(accounts.lockout_message(), code=code)
        return super().validation_error(code, *args)

    def pre_login(self, request: HttpRequest, user, **kwargs) -> HttpResponse | None:
        if user.status in GONE:
            return self.respond_user_inactive(request, user)
        return super().pre_login(request, user, **kwargs)

    def send_notification_mail(self, *args, **kwargs) -> None:
        """Not by mail: what happens to an account stands on the account page and in the audit log."""


class MfaAdapter(DefaultMFAAdapter):
    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "cannot_delete_authenticator": _("Your role reaches other people's records, so two-step sign-in stays on."),
        "incorrect_code": _(
            "The code is not right. Codes change every 30 seconds: check that the phone's clock is right and enter the newest."
        ),
    }

    def get_totp_label(self, user) -> str:
        return user.employee_number

    def get_totp_issuer(self) -> str:
        return settings.MFA_TOTP_ISSUER

    def can_delete_authenticator(self, authenticator) -> bool:
        return not (settings.SECOND_FACTOR_REQUIRED and has_role(authenticator.user, *POWERFUL))
