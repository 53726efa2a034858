"""Request log, content security policy, sliding sessions, refusals as pages, bounded uploads."""

import re
import time
import uuid

import structlog
from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from core import uploads
from core.errors import Refused

log = structlog.get_logger("request")
ROOM_FOR_FIELDS = 2**20  # bytes beside the files of a form
REFRESH_SESSION_AFTER = 300  # seconds; a write on every request would cost more than it gives


class RequestLog:
    """One line a request with its id, who, what and how long; the id comes back in a header."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex[:16]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        if not request.path.startswith(("/static/", "/healthz", "/readyz")):
            log.info(
                "request",
                method=request.method,
                path=request.path,
                status=response.status_code,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )
        return response


class ContentSecurityPolicy(CSPMiddleware):
    """The strict policy everywhere; the Wagtail admin needs inline script and style, so it is relaxed there alone."""

    RELAXED = {
        "script-src": ["'self'", "'unsafe-inline'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],
    }

    @cached_property
    def strict(self) -> str:
        """The policy of a response that asks for nothing of its own: the same for all of them."""
        return build_policy()

    def process_response(self, request, response):
        if request.path.startswith("/admin/") and not getattr(response, "_csp_replace", None):
            response._csp_replace = self.RELAXED
        elif not hasattr(request, "_csp_nonce") and not any(name.startswith("_csp_") for name in vars(response)):
            response.headers.setdefault(HEADER, self.strict)
            return response
        return super().process_response(request, response)


class SaneAddress:
    """An address that no page can have is not found: a NUL, or a number longer than any key.

    The databases differ in how they choke on these; here they never reach one. The doors for programs look at their keys
    themselves, and refuse them in their own form.
    """

    PROGRAMS = "/api/"

    LONG_NUMBER = re.compile(r"/\d{19,}(/|$)")

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(self.PROGRAMS) and ("\x00" in request.path or self.LONG_NUMBER.search(request.path)):
            raise Http404
        return self.get_response(request)


class SlidingSession:
    """Idle time counts from the last request, renewed at most every five minutes."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.session.session_key:
            now = int(time.time())
            if now - request.session.get("seen", 0) > REFRESH_SESSION_AFTER and request.session.get("_auth_user_id"):
                request.session["seen"] = now
        return self.get_response(request)


class RefusedAsPage:
    """A refusal that no view turned into something better becomes a plain page with its reason.

    So does the address of a form's button that is opened: whoever had been signed out when they pressed it comes there from the sign-in.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 405 and request.method == "GET" and not response.streaming and not response.content:
            page = render(request, "405.html", status=405)
            page["Allow"] = response["Allow"]
            return page
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Refused):
            return None
        return render(request, "refused.html", {"refusal": exception}, status=409)


class BoundedUploads:
    """413 with the reason, by the announced length and the door's limit (UPLOAD_LIMITS): 2 GB never reach the disk."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        limit = uploads.MAX_SPREADSHEET
        if length.isdigit() and int(length) > limit:  # less fits through every door
            limit = next((most for door, most in settings.UPLOAD_LIMITS if re.match(door, request.path)), limit)
        if length.isdigit() and int(length) > limit + ROOM_FOR_FIELDS:
            refusal = Refused(
                _("The file is %(size)d MB; at most %(limit)d MB are taken.") % {"size": int(length) // 2**20, "limit": limit // 2**20},
                code="too_large",
            )
            if request.path.endswith(".json") or request.path.startswith(SaneAddress.PROGRAMS):
                problem = {"type": "about:blank", "title": refusal.message, "status": 413, "detail": refusal.message, "code": refusal.code}
                return JsonResponse(problem, status=413, content_type="application/problem+json")
            return render(request, "refused.html", {"refusal": refusal}, status=413)
        return self.get_response(request)
