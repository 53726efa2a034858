"""The web doors of the badge: the file, the issuer's document and the status lists."""

from hashlib import sha256

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from certificates import badge, status_lists
from certificates.views import log_reading, visible
from core import clock
from core.errors import Refused

CREDENTIAL = "application/vc"  # W3C Verifiable Credentials Data Model 2.0, appendix C.1
DID_DOCUMENT = "application/did+ld+json"


@login_required
@never_cache
@require_safe
def certificate_badge(request: HttpRequest, number: str) -> HttpResponse:
    """The badge file, for the holder and for those who may read the record; reading another's is logged."""
    certificate = visible(request, number)
    data = badge.file(certificate)
    log_reading(request, certificate, "certificate badge")
    response = HttpResponse(data, content_type=CREDENTIAL)
    name = f"{certificate.title}-{certificate.person_name}-{certificate.number}.badge.json"
    response["Content-Disposition"] = content_disposition_header("download" in request.GET, name)
    response["X-Robots-Tag"] = "noindex"
    return response


@require_safe
def issuer_document(request: HttpRequest) -> HttpResponse:
    """Who signs here, and the public keys. For anybody's programs."""
    body = badge.as_json(badge.issuer_document(badge.site_of_host(request.get_host())))
    return _public(request, body, etag=f'"{sha256(body).hexdigest()[:32]}"', media_type=DID_DOCUMENT, max_age=300)


@require_safe
def status_list(request: HttpRequest, purpose: str, block: int) -> HttpResponse:
    """What the certificates of a block are worth now. For anybody's programs."""
    if purpose not in status_lists.SETS or block > 1_000_000 or not status_lists.exists(block):
        raise Http404
    try:
        served = status_lists.served(purpose, block, at=clock.now(), site=badge.site_of_host(request.get_host()))
    except Refused as refusal:
        body = {"type": "about:blank", "title": refusal.message, "status": 503, "code": refusal.code}
        return JsonResponse(body, status=503, content_type="application/problem+json", json_dumps_params={"ensure_ascii": False})
    return _public(request, served.body, etag=served.etag, media_type=CREDENTIAL, max_age=served.max_age)


def _public(request: HttpRequest, body: bytes, *, etag: str, media_type: str, max_age: int) -> HttpResponse:
    """For programs of other sites too, kept a while. Those that ask for plain JSON are told plain JSON."""
    if etag in [each.strip().removeprefix("W/") for each in request.headers.get("If-None-Match", "").split(",")]:
        response: HttpResponse = HttpResponseNotModified()
    else:
        accepted = request.headers.get("Accept", "")
        plain = media_type not in accepted and ("application/json" in accepted or "application/ld+json" in accepted)
        response = HttpResponse(body, content_type="application/json" if plain else media_type)
    response["ETag"] = etag
    response["Cache-Control"] = f"public, max-age={max_age}"
    response["Access-Control-Allow-Origin"] = "*"
    patch_vary_headers(response, ["Accept"])
    return response
