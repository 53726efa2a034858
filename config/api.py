"""`/api/v1/`: the apps' routers under one roof, and one form for every error (RFC 9457, problem+json)."""

from collections.abc import Callable, Sequence

import structlog
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError
from ninja.responses import Response

from certificates.api import router as certificates
from core.errors import Refused
from evaluation.api import router as records
from people.api import TITLES, Problem

log = structlog.get_logger("api")

ADDRESS = "/api/v1/"
PROBLEM_TYPE = "application/problem+json"


TAG = {
    "description": "Give it back as If-None-Match: while nothing differs, the answer is 304 without a body.",
    "schema": {"type": "string"},
}
IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "required": False,
    "description": "The ETag of an earlier answer.",
    "schema": {"type": "string"},
}


class Api(NinjaAPI):
    def get_openapi_schema(self, **more):
        """The description, with errors under the type that they are sent as, and the tags of what is read."""
        described = super().get_openapi_schema(**more)
        for path in described["paths"].values():
            for operation in path.values():
                if operation is not path.get("get"):
                    operation["responses"].pop(304, None)
                elif 304 in operation["responses"]:
                    operation["parameters"] = [*operation.get("parameters", []), IF_NONE_MATCH]
                    operation["responses"][200]["headers"] = {"ETag": TAG}
                for status, answer in operation["responses"].items():
                    if int(status) >= 400 and "application/json" in answer.get("content", {}):
                        answer["content"] = {PROBLEM_TYPE: answer["content"].pop("application/json")}
        return described


api = Api(
    title="政务公开学习与认证平台 API",
    version="1",
    description="Records for HR, certificates for the portal. See docs/api.md for worked examples.",
    docs_url=None,
    docs_decorator=lambda view: csrf_exempt(require_safe(view)),  # a method that it does not know is a problem as elsewhere
    urls_namespace="api",
)
api.add_router("/certificates", certificates)  # before the records, whose /certificates/{number} would take “held” for a number
api.add_router("", records)


def problem(status: int, detail: str, *, code: str, errors: list | None = None) -> HttpResponse:
    """An error as application/problem+json."""
    body = {"type": "about:blank", "title": str(TITLES.get(status, _("Refused"))), "status": status, "detail": detail, "code": code}
    if errors:
        body["errors"] = errors
    response = Response(body, status=status, content_type=f"{PROBLEM_TYPE}; charset=utf-8")
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(Problem)
def on_problem(request: HttpRequest, error: Problem) -> HttpResponse:
    response = problem(error.status_code, error.message, code=error.code, errors=error.errors)
    if error.retry_after:
        response["Retry-After"] = str(error.retry_after)
    return response


@api.exception_handler(AuthenticationError)
def on_missing_token(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return problem(401, _("Send the header “Authorization: Bearer <token>”."), code="no_token")


@api.exception_handler(Throttled)
def on_too_many(request: HttpRequest, error: Throttled) -> HttpResponse:
    return problem(429, _("Too many calls in this minute. The header Retry-After says when to go on."), code="too_many_calls")


@api.exception_handler(ValidationError)
def on_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [{"field": _named(one["loc"]), "code": one["type"], "detail": _rule(one)} for one in error.errors]
    names = "、".join(one["field"] for one in errors)
    return problem(422, _("These parameters are not understood: %(names)s.") % {"names": names}, code="parameters", errors=errors)


def _named(loc: Sequence) -> str:
    """A parameter as callers write it: the library names headers as Python does."""
    return str(loc[-1]).replace("_", "-").title() if loc[0] == "header" else str(loc[-1])


def _rule(one: dict) -> str:
    """The broken rule in the reader's language; what has no sentence here keeps the library's English one."""
    context = one.get("ctx", {})
    known = {
        "missing": lambda: _("It is needed and was not sent."),
        "less_than_equal": lambda: _("At most %(limit)s.") % {"limit": context.get("le")},
        "greater_than_equal": lambda: _("At least %(limit)s.") % {"limit": context.get("ge")},
        "int_parsing": lambda: _("A whole number is needed."),
        "string_too_long": lambda: _("At most %(limit)s characters.") % {"limit": context.get("max_length")},
        "string_pattern_mismatch": lambda: _("Control characters are not taken."),
        "timezone_aware": lambda: _("The instant needs an offset, for example 2026-01-01T00:00:00+08:00."),
    }
    if one["type"] in known:
        return known[one["type"]]()
    if one["type"].startswith("datetime"):
        return _("An instant is needed, for example 2026-01-01T00:00:00+08:00 (write + as %%2B in an address).") % ()
    return str(one["msg"])


@api.exception_handler(Http404)
def on_missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return problem(404, _("There is nothing at this address."), code="address")


@api.exception_handler(Refused)
def on_refusal(request: HttpRequest, error: Refused) -> HttpResponse:
    return problem(422, error.message, code=error.code)


@api.exception_handler(HttpError)
def on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem(error.status_code, str(error), code="refused")


@api.exception_handler(Exception)
def on_failure(request: HttpRequest, error: Exception) -> HttpResponse:
    log.exception("api_failed", path=request.path)
    return problem(500, _("The call failed on our side; it has been logged. Please try again later."), code="failed")


@csrf_exempt
def nothing_here(request: HttpRequest, address: str = "") -> HttpResponse:
    """What no door of the API knows is a problem too, by whatever method it is asked for."""
    return on_missing(request, Http404())


class NotAllowedAsProblem:
    """Middleware: a method that an address of the API does not know is refused in the form of every error, with those that it knows."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code != 405 or not request.path.startswith(ADDRESS):
            return response
        known = ", ".join(sorted(response["Allow"].split(", ")))
        refused = problem(405, _("This address answers %(methods)s alone.") % {"methods": known}, code="method")
        refused["Allow"] = known
        return refused
