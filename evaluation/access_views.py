"""The web doors of keys for programs: which there are, another one, ending one. Webhooks: webhook_views.py."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from core import clock
from core.errors import Refused
from evaluation.access_forms import TokenForm
from evaluation.models import WebhookEndpoint
from people.models import ApiToken, Role
from people.permissions import has_role, require_role
from people.reauthentication import recently_signed_in
from people.services import tokens

PER_PAGE = 30
SHOWN = ("live", "all")


def tabs_of(user, here: str) -> dict:
    """What the tabs of both lists show. One query."""
    return {
        "here": here,
        "acts": has_role(user, Role.HR),
        "given_up": WebhookEndpoint.objects.visible_to(user).filter(closed_at=None).exclude(given_up_because="").count(),
    }


@login_required
@never_cache
@require_safe
def api_access(request: HttpRequest) -> HttpResponse:
    """The keys of one's reach, newest first, those in force before one asks for all; never a key itself."""
    require_role(request.user, Role.HR, Role.AUDITOR)
    at = clock.now()
    shown = request.GET.get("show") if request.GET.get("show") in SHOWN else "live"
    found = ApiToken.objects.visible_to(request.user).with_reach().select_related("owner", "unit").order_by("-pk")
    if shown == "live":
        found = found.filter(revoked_at=None, expires_at__gt=at)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    rows = [(token, token.state_at(at)) for token in page.object_list]
    tabs = [("live", _("In force")), ("all", _("All"))]
    context = {"page": page, "rows": rows, "shown": shown, "tabs": tabs, **tabs_of(request.user, "keys")}
    return render(request, "evaluation/access/keys.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@recently_signed_in
def token_new(request: HttpRequest) -> HttpResponse:
    """Make a key. The answer shows it, this once; nothing brings it back."""
    require_role(request.user, Role.HR)
    at = clock.now()
    form = TokenForm(request.POST or None, user=request.user, today=clock.today(at))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            token, key = tokens.create(
                owner=request.user,
                name=data["name"],
                scopes=data["scopes"],
                unit=data["unit"],
                expires_at=clock.end_of(data["last_day"]),
                at=at,
                form_key=data["form_key"],
            )
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            return render(request, "evaluation/access/key_once.html", {"token": token, "key": key, "last_day": data["last_day"]})
    return render(request, "evaluation/access/key_new.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@recently_signed_in
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End a key now."""
    token = get_object_or_404(ApiToken.objects.visible_to(request.user).with_reach().select_related("owner", "unit"), pk=pk)
    if token.owner_id != request.user.pk and not tokens.may_hold(request.user, token.unit):
        raise PermissionDenied
    at = clock.now()
    if request.method == "POST":
        tokens.revoke(token=token, by=request.user, at=at)
        messages.success(request, _("The key “%(name)s” is revoked: calls with it are turned away from now on.") % {"name": token.name})
        return redirect("api_access")
    return render(request, "evaluation/access/key_revoke.html", {"token": token, "state": token.state_at(at)})
