"""A second factor for those with power over others' records."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from people.permissions import POWERFUL, has_role

FREE = ("/accounts/", "/static/", "/healthz", "/readyz", "/api/")


class RequireSecondFactor:
    """Sends a powerful user without TOTP to the page that sets it up, before anything else."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view, args, kwargs) -> HttpResponse | None:
        if not settings.SECOND_FACTOR_REQUIRED or request.path.startswith(FREE):
            return None
        user = request.user
        if not user.is_authenticated or not has_role(user, *POWERFUL):
            return None
        if request.session.get("second_factor"):
            return None
        from allauth.mfa.utils import is_mfa_enabled

        if is_mfa_enabled(user):
            request.session["second_factor"] = True
            return None
        messages.warning(request, _("Your role reaches other people's records: please set up two-step sign-in first."))
        return redirect("mfa_activate_totp")
