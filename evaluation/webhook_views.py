"""The web doors of webhooks: which there are, another one, what each was told of, stopping, starting, closing, telling again."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core import clock
from core.errors import Refused
from evaluation.access_forms import ReplayForm, WebhookForm
from evaluation.access_views import PER_PAGE, SHOWN, tabs_of
from evaluation.models import WebhookEndpoint
from evaluation.webhooks import endpoints, log
from people.models import Role
from people.permissions import require_role
from people.reauthentication import recently_signed_in
from people.services import tokens


@login_required
@never_cache
@require_safe
def webhook_list(request: HttpRequest) -> HttpResponse:
    """The webhooks of one's reach with how each stands, those that were given up first; closed ones where one asks for all."""
    require_role(request.user, Role.HR, Role.AUDITOR)
    shown = request.GET.get("show") if request.GET.get("show") in SHOWN else "live"
    found = WebhookEndpoint.objects.visible_to(request.user).with_last_call().select_related("owner", "unit")
    if shown == "live":
        found = found.filter(closed_at=None)
    page = Paginator(found.order_by("closed_at", "-given_up_because", "-pk"), PER_PAGE).get_page(request.GET.get("page"))
    calls = log.last_calls(page.object_list)
    rows = [(one, calls[one.pk], log.in_words(calls[one.pk])) if one.pk in calls else (one, None, "") for one in page.object_list]
    tabs = [("live", _("Not closed")), ("all", _("All"))]
    context = {"page": page, "rows": rows, "shown": shown, "tabs": tabs, **tabs_of(request.user, "webhooks")}
    return render(request, "evaluation/access/webhooks.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@recently_signed_in
def webhook_new(request: HttpRequest) -> HttpResponse:
    """Register a webhook. The answer shows its secret, this once; nothing brings it back."""
    require_role(request.user, Role.HR)
    form = WebhookForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = endpoints.register(owner=request.user, at=clock.now(), **form.cleaned_data)
        except Refused as refusal:
            form.add_error("url" if refusal.code in {"address", "unknown_host", "private"} else None, refusal.message)
        else:
            return render(request, "evaluation/access/secret_once.html", {"endpoint": made, "secret": secret})
    return render(request, "evaluation/access/webhook_new.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@never_cache
@require_safe
def webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """How one stands and what it was told of, newest first."""
    return _page(request, _visible(request, pk))


def _page(request: HttpRequest, endpoint: WebhookEndpoint, form: ReplayForm | None = None) -> HttpResponse:
    at, before = clock.now(), request.GET.get("before", "")
    found = log.told(endpoint, before=int(before) if before.isdecimal() and len(before) < 19 else None, most=PER_PAGE + 1)
    context = {
        "endpoint": endpoint,
        "told": found[:PER_PAGE],
        "older": found[PER_PAGE - 1].change if len(found) > PER_PAGE else None,
        "waiting": log.waiting(endpoint) if endpoint.closed_at is None else 0,
        "most": log.MOST_COUNTED,
        "both_sign": endpoint.former_until is not None and at < endpoint.former_until,
        "acts": endpoint.closed_at is None and tokens.may_hold(request.user, endpoint.unit),
        "form": form or ReplayForm(at=at),
    }
    return render(request, "evaluation/access/webhook.html", context, status=422 if form is not None else 200)


@dataclass(frozen=True)
class Act:
    """One thing that is done to a webhook: its words, and the service; what that returns is a secret, or nothing to show."""

    title: str
    meaning: str
    button: str
    done: str
    do: Callable
    css: str = "btn-danger"


ACTS = {
    "stop": Act(
        gettext_lazy("Stop this webhook"),
        gettext_lazy("It is told nothing more until somebody starts it again. Then it is told of all that happened meanwhile."),
        gettext_lazy("Stop now"),
        gettext_lazy("The webhook is stopped."),
        lambda endpoint, by, at: endpoints.stop(endpoint=endpoint, by=by, at=at),
    ),
    "start": Act(
        gettext_lazy("Start this webhook again"),
        gettext_lazy("It goes on from where it stood: it is told of all that happened meanwhile, in order."),
        gettext_lazy("Start again"),
        gettext_lazy("The webhook goes on from where it stood."),
        lambda endpoint, by, at: endpoints.start(endpoint=endpoint, by=by),
        css="btn-primary",
    ),
    "close": Act(
        gettext_lazy("Close this webhook"),
        gettext_lazy("It is never told anything again and cannot be started again. Its log stays."),
        gettext_lazy("Close for good"),
        gettext_lazy("The webhook is closed."),
        lambda endpoint, by, at: endpoints.close(endpoint=endpoint, by=by, at=at),
    ),
    "rotate": Act(
        gettext_lazy("Change the secret"),
        gettext_lazy("A new secret is made and shown once. For a day calls are signed with both, so that the receiver can change over."),
        gettext_lazy("Make a new secret"),
        "",
        lambda endpoint, by, at: endpoints.rotate(endpoint=endpoint, by=by, at=at),
        css="btn-primary",
    ),
}


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@recently_signed_in
def webhook_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Stop, start or close a webhook, or change its secret: what that means; POST does it."""
    endpoint, found = _held(request, pk), ACTS.get(act)
    if found is None:
        raise Http404
    if request.method != "POST":
        return render(request, "evaluation/access/webhook_act.html", {"endpoint": endpoint, "act": found})
    try:
        outcome = found.do(endpoint, request.user, clock.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("webhook", pk)
    if isinstance(outcome, str):
        return render(request, "evaluation/access/secret_once.html", {"endpoint": endpoint, "secret": outcome, "both_sign": True})
    messages.success(request, str(found.done))
    return redirect("webhook", pk)


@login_required
@never_cache
@require_POST
@recently_signed_in
def webhook_replay(request: HttpRequest, pk: int) -> HttpResponse:
    """Tell it once more of all that happened since a moment."""
    endpoint = _held(request, pk)
    form = ReplayForm(request.POST, at=clock.now())
    if form.is_valid():
        try:
            endpoints.replay_since(endpoint=endpoint, moment=form.cleaned_data["moment"], by=request.user)
        except Refused as refusal:
            form.add_error("moment" if refusal.code == "nothing_since" else None, refusal.message)
        else:
            messages.success(request, _("It will be told again of all that happened since then."))
            return redirect("webhook", pk)
    return _page(request, endpoint, form)


@login_required
@never_cache
@require_POST
@recently_signed_in
def webhook_tell_again(request: HttpRequest, pk: int, change: int) -> HttpResponse:
    """Tell it once more of one change."""
    try:
        endpoints.tell_again(endpoint=_held(request, pk), change=change, by=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("It will be told again of change %(change)s within a minute.") % {"change": change})
    return redirect("webhook", pk)


def _visible(request: HttpRequest, pk: int) -> WebhookEndpoint:
    return get_object_or_404(WebhookEndpoint.objects.visible_to(request.user).select_related("owner", "unit"), pk=pk)


def _held(request: HttpRequest, pk: int) -> WebhookEndpoint:
    """The webhook, for whoever may act on it.

    Raises:
        Http404, PermissionDenied: it is not in one's reach; one only reads it.
    """
    endpoint = _visible(request, pk)
    if not tokens.may_hold(request.user, endpoint.unit):
        raise PermissionDenied
    return endpoint
