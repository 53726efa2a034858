"""The web doors of the ledger: the page that tells about it, the roots as they are published, a certificate's proof.

All but the proof are for anybody: neither session nor user is read.
"""

from datetime import date

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from certificates import ledger
from certificates.bundle import PROGRAM
from certificates.models import DayRoot
from certificates.views import log_reading, visible

PER_PAGE = 30
FOR_GOOD = 365 * 24 * 60 * 60  # seconds: a published root never changes
SHORTLY = 60


@require_safe
def ledger_page(request: HttpRequest) -> HttpResponse:
    """What the ledger is, its newest roots, how to check them. Three queries."""
    page = Paginator(DayRoot.objects.order_by("-number"), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "certificates/ledger.html", {"page": page, "waiting": ledger.pending_since()})


@require_safe
def ledger_latest(request: HttpRequest) -> HttpResponse:
    """The newest root, for programs."""
    return _published(ledger.newest_root(), seconds=SHORTLY)


@require_safe
def ledger_root(request: HttpRequest, day: str) -> HttpResponse:
    """The root of a day, for programs. It may be kept for good."""
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        return _problem(422, "malformed", _("A day is written as 2026-06-15."))
    return _published(DayRoot.objects.filter(day=wanted).first(), seconds=FOR_GOOD)


@require_safe
def ledger_program(request: HttpRequest) -> HttpResponse:
    """The program that checks a proof, to take away."""
    response = HttpResponse(PROGRAM.read_bytes(), content_type="text/x-python; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, PROGRAM.name)
    response["Cache-Control"] = f"public, max-age={SHORTLY}"
    return response


@login_required
@never_cache
@require_safe
def certificate_proof(request: HttpRequest, number: str) -> HttpResponse:
    """The proof of inclusion, for the holder and for those who may read the record; reading another's is logged."""
    certificate = visible(request, number)
    proof = ledger.proof_of(certificate)
    log_reading(request, certificate, "certificate proof")
    response = JsonResponse(proof, json_dumps_params={"ensure_ascii": False, "indent": 1})
    name = f"{certificate.title}-{certificate.person_name}-{certificate.number}.proof.json"
    response["Content-Disposition"] = content_disposition_header("download" in request.GET, name)
    response["X-Robots-Tag"] = "noindex"
    return response


def _published(root: DayRoot | None, *, seconds: int) -> HttpResponse:
    if root is None:
        return _problem(404, "not_found", _("There is no root of that day: it is not over, or nothing became of any certificate on it."))
    response = JsonResponse(ledger.document_of(root), json_dumps_params={"ensure_ascii": False, "indent": 1})
    response["Cache-Control"] = f"public, max-age={seconds}"
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _problem(status: int, code: str, detail: str) -> JsonResponse:
    response = JsonResponse(
        {"type": "about:blank", "title": detail, "status": status, "code": code},
        status=status,
        content_type="application/problem+json",
        json_dumps_params={"ensure_ascii": False},
    )
    response["Cache-Control"] = "no-store"
    return response
