"""The web doors of certificates: mine, the files, HR's list and revocation."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from certificates import files, services
from certificates.forms import RevokeForm
from certificates.models import Certificate, State
from certificates.paper import check_address
from certificates.permissions import may_revoke
from core import clock
from core.errors import Refused
from people.permissions import READS_RECORDS, require_role
from people.reauthentication import recently_signed_in
from people.services import readings

MEDIA_TYPES = {"pdf": "application/pdf", "png": "image/png"}
PER_PAGE = 50


@login_required
@require_safe
def my_certificates(request: HttpRequest) -> HttpResponse:
    """One's own certificates as cards."""
    today = clock.today()
    mine = Certificate.objects.filter(person=request.user).with_state()
    cards = [(certificate, certificate.state_on(today)) for certificate in mine]
    return render(request, "certificates/mine.html", {"cards": cards})


@login_required
@never_cache
@require_safe
def certificate_file(request: HttpRequest, number: str, kind: str) -> HttpResponse:
    """The PDF or the picture, for the holder and for those who may read the record; reading another's is logged."""
    certificate = _visible(request, number)
    data = files.read(certificate, kind)
    _log_reading(request, certificate, f"certificate {kind}")
    name = f"{certificate.title}-{certificate.person_name}-{certificate.number}.{kind}"
    response = HttpResponse(data, content_type=MEDIA_TYPES[kind])
    response["Content-Disposition"] = content_disposition_header("download" in request.GET, name)
    response["X-Robots-Tag"] = "noindex"
    return response


@login_required
@require_safe
def certificate(request: HttpRequest, number: str) -> HttpResponse:
    """One certificate with what became of it."""
    found = _visible(request, number)
    _log_reading(request, found, "certificate")
    return render(request, "certificates/detail.html", _about(request, found))


@login_required
@require_safe
def certificates_issued(request: HttpRequest) -> HttpResponse:
    """The certificates of the people whose records one may read, newest first; searched by number, name or unit."""
    require_role(request.user, *READS_RECORDS)
    today = clock.today()
    wanted = request.GET.get("q", "").replace("\x00", "").strip()[:80]
    found = Certificate.objects.visible_to(request.user).with_state()
    if wanted:
        found = found.filter(
            Q(number__icontains=wanted)
            | Q(person_name__icontains=wanted)
            | Q(employee_number__iexact=wanted)
            | Q(unit_name__icontains=wanted)
            | Q(course_title__icontains=wanted)
        )
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    rows = [(each, each.state_on(today)) for each in page]
    readings.record(
        reader=request.user, kind="read", what="certificates", filters={"q": wanted, "page": page.number}, rows=len(rows), request=request
    )
    return render(request, "certificates/issued.html", {"page": page, "rows": rows, "q": wanted})


@login_required
@recently_signed_in
def certificate_revoke(request: HttpRequest, number: str) -> HttpResponse:
    """HR revokes: what it means, a reason, a confirmation."""
    found = _visible(request, number)
    if not may_revoke(request.user, found):
        raise PermissionDenied
    if found.state_on(clock.today()) == State.REVOKED:
        return redirect("certificate", number=found.number)
    form = RevokeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.revoke(certificate=found, by=request.user, reason=form.cleaned_data["reason"], at=clock.now())
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            from django.contrib import messages

            messages.success(request, _("The certificate %(number)s is revoked.") % {"number": found.number})
            return redirect("certificate", number=found.number)
    status = 422 if form.errors else 200
    return render(request, "certificates/revoke.html", {**_about(request, found), "form": form}, status=status)


def _visible(request: HttpRequest, number: str) -> Certificate:
    return get_object_or_404(
        Certificate.objects.visible_to(request.user).with_state().select_related("unit", "kind", "version"), number=number.upper()
    )


def _log_reading(request: HttpRequest, certificate: Certificate, what: str) -> None:
    readings.record(
        reader=request.user,
        kind="read",
        what=what,
        unit=certificate.unit,
        subject=certificate.person,
        filters={"number": certificate.number},
        rows=1,
        request=request,
    )


def _about(request: HttpRequest, certificate: Certificate) -> dict:
    return {
        "certificate": certificate,
        "state": certificate.state_on(clock.today()),
        "events": certificate.events.select_related("by"),
        "may_revoke": may_revoke(request.user, certificate),
        "check_address": check_address(certificate.number),
    }
