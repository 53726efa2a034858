"""The public check: anybody, without signing in, asks whether a certificate is real.

These doors touch neither session nor user and ask the database once; what they show is what the
paper shows, with the name masked.
"""

from collections.abc import Callable
from functools import lru_cache, wraps

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from certificates import paper, rules
from certificates.models import Certificate, StatusEvent
from core import clock
from core.errors import Refused
from core.figures import figure
from core.look import COOKIE, Look
from core.prepared import Prepared
from core.text import mask_name
from people.services.readings import address_of

_SHOWN = (
    "number",
    "title",
    "text",
    "issuer",
    "person_name",
    "unit_name",
    "course_code",
    "course_title",
    "edition_number",
    "hours",
    "score",
    "issued_on",
    "valid_until",
)


def _guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """At most VERIFY_PER_MINUTE checks a minute from one address and process; no database; never in a search engine."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        limit = settings.VERIFY_PER_MINUTE
        if limit and _count(request) > limit:
            message = _("Too many checks from your network. Please wait a minute and try again.")
            if request.path.endswith(".json"):
                response = _problem(429, "too_many", message)
            else:
                response = _page(request, "form", status=429, refusal=message, code="too_many")
            response["Retry-After"] = "60"
        else:
            response = view(request, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex, nofollow"
        response["Cache-Control"] = "no-store"
        return response

    return guarded


def _count(request: HttpRequest) -> int:
    key = f"verify:{address_of(request)}"
    local = caches["local"]
    if local.add(key, 1, timeout=60):
        return 1
    try:
        return local.incr(key)
    except ValueError:  # it ran out between the two calls
        return 1


@_guarded
@require_safe
def verify(request: HttpRequest) -> HttpResponse:
    """The form; a number that it sends leads to its page."""
    typed = request.GET.get("number", "").strip()
    if not typed:
        return _page(request, "form")
    try:
        return redirect("verify_number", number=rules.read_number(typed))
    except Refused as refusal:
        return _page(request, "form", status=422, typed=typed[:80], refusal=refusal.message, code=refusal.code)


@_guarded
@require_safe
def verify_number(request: HttpRequest, number: str) -> HttpResponse:
    """What a certificate says and what it is worth today. One query."""
    try:
        found = _find(number)
    except Refused as refusal:
        status = 404 if refusal.code == "not_found" else 422
        return _page(request, "form", status=status, typed=number[:80], refusal=refusal.message, code=refusal.code)
    return _page(request, "result", **found)


@_guarded
@require_safe
def verify_json(request: HttpRequest, number: str) -> HttpResponse:
    """The same for programs. Refusals are application/problem+json with a code."""
    try:
        found = _find(number)
    except Refused as refusal:
        return _problem(404 if refusal.code == "not_found" else 422, refusal.code, refusal.message)
    facts, state = found["facts"], found["state"]
    data = {
        "number": facts["number"],
        "status": state.value,
        "status_label": state.label,
        "revoked_on": found["revoked_on"],
        "checked_at": found["checked_at"].isoformat(timespec="seconds"),
        **{name: facts[name] for name in ("title", "name", "unit", "course", "course_code", "edition", "text", "issuer")},
        "hours": facts["hours"],
        "score": facts["score"],
        "issued_on": facts["issued_on"],
        "valid_until": facts["valid_until"],
        "note": paper.NOTE,
    }
    response = JsonResponse(data, json_dumps_params={"ensure_ascii": False})
    response["Access-Control-Allow-Origin"] = "*"
    return response


_numbered = Prepared(lambda number: Certificate.objects.with_state().filter(number=number).only(*_SHOWN))


def _find(typed: str) -> dict:
    """The printed facts with the name masked, and the state now.

    Raises:
        Refused: "malformed", "wrong_check", or "not_found".
    """
    certificate = _numbered.first(rules.read_number(typed))
    if certificate is None:
        raise Refused(_("The number is well formed, but no certificate with it was ever issued here."), code="not_found")
    at = clock.now()
    masked, decided = mask_name(certificate.person_name), certificate.decided()
    return {
        "state": certificate.state_on(clock.today(at)),
        "revoked_on": clock.today(decided[1]) if decided and decided[0] == StatusEvent.Kind.REVOKED else None,
        "checked_at": timezone.localtime(at),
        "facts": {
            "number": certificate.number,
            "title": certificate.title,
            "name": masked,
            "unit": certificate.unit_name,
            "course": certificate.course_title,
            "course_code": certificate.course_code,
            "edition": certificate.edition_number,
            "text": certificate.text.replace(certificate.person_name, masked),
            "hours": figure(certificate.hours),
            "score": None if certificate.score is None else figure(certificate.score),
            "issuer": certificate.issuer,
            "issued_on": certificate.issued_on,
            "valid_until": certificate.valid_until,
        },
    }


def _page(request: HttpRequest, name: str, *, status: int = 200, **context) -> HttpResponse:
    """A page in the site's frame, without context processors."""
    before, after = _frame(get_language() or settings.LANGUAGE_CODE, Look.read(request.COOKIES))
    return HttpResponse(before + render_to_string(f"certificates/verify_{name}.html", context) + after, status=status)


@lru_cache(maxsize=32)
def _frame(language: str, look: Look) -> tuple[str, str]:
    """What stands around the content, the same for everybody with this language and look. Rendered once a process."""
    plain = HttpRequest()
    plain.path = plain.path_info = reverse("verify")
    plain.COOKIES[COOKIE] = str(look)
    context = {"request": plain, "SITE_NAME": settings.WAGTAIL_SITE_NAME, "DEMO": settings.DEMO}
    before, after = render_to_string("certificates/verify_frame.html", context).split("<!--content-->")
    return before, after


def _problem(status: int, code: str, detail: str) -> JsonResponse:
    return JsonResponse(
        {"type": "about:blank", "title": detail, "status": status, "code": code},
        status=status,
        content_type="application/problem+json",
        json_dumps_params={"ensure_ascii": False},
    )
