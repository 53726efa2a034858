"""The link that a holder shares: made and ended by the holder, followed by anybody who has it."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import caches
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from certificates import badge, badge_views, files, services
from certificates.models import Certificate, ShareLink
from certificates.services.sharing import SHOWN_STATES
from certificates.views import visible
from core import clock
from core.errors import Refused
from people.services.readings import address_of

FILES = {"certificate.pdf": "application/pdf", "badge.json": badge_views.CREDENTIAL}


@login_required
@require_POST
def certificate_share(request: HttpRequest, number: str) -> HttpResponse:
    """The holder makes a link."""
    certificate = _own(request, number)
    try:
        services.share(certificate=certificate, by=request.user, at=clock.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("The link is made. Give it to whom you like."))
    return redirect(reverse("certificate", args=[certificate.number]) + "#share")


@login_required
@require_POST
def certificate_unshare(request: HttpRequest, number: str) -> HttpResponse:
    """The holder ends the link."""
    certificate = _own(request, number)
    if services.stop_sharing(certificate=certificate, by=request.user, at=clock.now()):
        messages.success(request, _("The link is ended: it leads nowhere now."))
    return redirect(reverse("certificate", args=[certificate.number]) + "#share")


def _own(request: HttpRequest, number: str) -> Certificate:
    """Who may read it but does not hold it may not share it; to others it does not exist."""
    certificate = visible(request, number)
    if certificate.person_id != request.user.pk:
        raise PermissionDenied
    return certificate


def _guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """At most SHARED_PER_MINUTE visits a minute from one address and process; never kept, never in a search engine, never told to others."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if settings.SHARED_PER_MINUTE and _count(request) > settings.SHARED_PER_MINUTE:
            response = HttpResponse(_("Too many visits from your network. Please wait a minute and try again."), status=429)
            response["Content-Type"] = "text/plain; charset=utf-8"
            response["Retry-After"] = "60"
        else:
            response = view(request, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex, nofollow"
        response["Cache-Control"] = "private, no-store"
        response["Referrer-Policy"] = "no-referrer"
        return response

    return guarded


def _count(request: HttpRequest) -> int:
    key = f"shared:{address_of(request)}"
    local = caches["local"]
    if local.add(key, 1, timeout=60):
        return 1
    try:
        return local.incr(key)
    except ValueError:  # it ran out between the two calls
        return 1


@_guarded
@require_safe
def shared_certificate(request: HttpRequest, key: str) -> HttpResponse:
    """The certificate behind a link, with its holder's full name."""
    certificate = _behind(key)
    if certificate is None:
        return render(request, "certificates/shared_gone.html", status=404)
    certificate.require_as_issued()  # a stranger is told nothing of an edited record
    state = certificate.state_on(clock.today())
    return render(
        request,
        "certificates/shared.html",
        {"certificate": certificate, "state": state, "key": key, "may_download": state in SHOWN_STATES},
    )


@_guarded
@require_safe
def shared_certificate_file(request: HttpRequest, key: str, name: str) -> HttpResponse:
    """The PDF or the badge behind a link, while the certificate is in force or merely run out."""
    if name not in FILES:
        raise Http404
    certificate = _behind(key)
    if certificate is None:
        return render(request, "certificates/shared_gone.html", status=404)
    if certificate.state_on(clock.today()) not in SHOWN_STATES:
        return redirect("shared_certificate", key=key)
    data = badge.file(certificate) if name == "badge.json" else files.read(certificate, "pdf")
    response = HttpResponse(data, content_type=FILES[name])
    response["Content-Disposition"] = content_disposition_header(name == "badge.json", f"{certificate.number}.{name.partition('.')[2]}")
    return response


def _behind(key: str) -> Certificate | None:
    link = ShareLink.objects.open(clock.now()).filter(key=key).values("certificate")
    shown = Certificate.objects.with_state().with_ledger().select_related("unit", "kind", "version", "replaces", "renews")
    return shown.filter(pk__in=link).first()
