"""A second factor for those with power over others' records."""

from urllib.parse import urlencode

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from people.permissions import POWERFUL, has_role

# Doors that stay open: sign-in itself (where the second factor is set up), files, health, language.
FREE = ("/accounts/", "/static/", "/healthz", "/readyz", "/display/")
API = "/api/"


class RequireSecondFactor:
    """Lets a powerful user nowhere but to the pages that set up or ask for TOTP, until this very session has shown it.

    Having TOTP is not enough: an older session that was opened with the password alone, on another
    machine, has to show the code too. The check reads the session's own list of methods, so nothing
    that a browser sends can stand in for it. Two queries for powerful users, one for others (shared
    with the menu).
    """

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
        if not get_adapter().is_mfa_enabled(user, [Authenticator.Type.TOTP]):
            door = "mfa_activate_totp"
            reason = _("Your role reaches other people's records: please set up two-step sign-in first.")
        elif not any(record.get("method") == "mfa" for record in get_authentication_records(request, user)):
            door = "mfa_reauthenticate"
            reason = _("Your role reaches other people's records: please enter the code of your authenticator app.")
        else:
            return None
        if request.path.startswith(API):
            # A program comes with a token and without a session; a session has to keep the rule here as well.
            return JsonResponse(
                {"type": "about:blank", "title": "Second factor required", "status": 403, "detail": str(reason)},
                status=403,
                content_type="application/problem+json",
            )
        messages.warning(request, reason)
        query = urlencode({"next": request.get_full_path()}) if request.method == "GET" else ""
        target = reverse(door) + (f"?{query}" if query else "")
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": target})
        return redirect(target)


class AdminDoor:
    """Somebody signed in who has no business in the Wagtail admin is told so.

    Wagtail itself would send them to sign in, and signing in would send them back: for ever.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view, args, kwargs) -> None:
        if request.path.startswith("/admin/") and request.user.is_authenticated and not request.user.has_perm("wagtailadmin.access_admin"):
            raise PermissionDenied
