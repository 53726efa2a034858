"""The doors of the public check.

They touch neither session nor user, and a number costs one query; what they show is what the paper shows, with the
name masked. What is posted here changes nothing and belongs to nobody, so it needs no token against forgery.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache, wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from certificates import paper, rules
from certificates.verify import answers, judgement, limits
from certificates.verify.uploads import InMemory
from core import clock
from core.errors import Refused
from core.look import COOKIE, Look
from core.uploads import MAX_CERTIFICATE

SHORTLY = 30  # seconds
STATUS = {"not_found": 404, "altered": 409, "no_form": 400, "busy": 503}


def _open_to_all(points: int) -> Callable:
    """A door that costs points; never in a search engine or a cache. What is past the limit waits or solves a sum."""

    def door(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            blocked = limits.spend(request, points) if points else None
            response = view(request, *args, **kwargs) if blocked is None else _too_many(request, blocked)
            if response.status_code == STATUS["busy"]:
                response["Retry-After"] = str(SHORTLY)
            response["X-Robots-Tag"] = "noindex, nofollow"
            response["Cache-Control"] = "no-store"
            return response

        return guarded

    return door


def _from_a_form(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Whoever comes to where a form is sent by its address alone, as from the history, is led to the form."""

    @wraps(view)
    def led(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        return redirect("verify") if request.method in ("GET", "HEAD") else view(request, *args, **kwargs)

    return led


@_open_to_all(0)
@require_safe
def verify(request: HttpRequest) -> HttpResponse:
    """The form; a number that it sends leads to its page."""
    typed, on = request.GET.get("number", "").strip(), request.GET.get("on", "").strip()
    if not typed:
        return _page(request, "form", on=on[:20])
    try:
        day, number = answers.read_day(on), rules.read_number(typed)
    except Refused as refusal:
        return _page(request, "form", status=422, typed=typed[:80], on=on[:20], refusal=refusal.message, code=refusal.code)
    return redirect(reverse("verify_number", args=[number]) + (f"?on={day.isoformat()}" if day else ""))


@_open_to_all(limits.NUMBER)
@require_safe
def verify_number(request: HttpRequest, number: str) -> HttpResponse:
    """What a certificate says and what it is worth: now, and on the day `?on=` where one is asked for. One query."""
    on = request.GET.get("on", "")
    try:
        answer = _asked(request, number, on)
    except Refused as refusal:
        status = STATUS.get(refusal.code, 422)
        return _page(request, "form", status=status, typed=number[:80], on=on[:20], refusal=refusal.message, code=refusal.code)
    return _page(request, "result", answer=answer, facts=answer.facts)


@_open_to_all(limits.NUMBER)
@require_safe
def verify_json(request: HttpRequest, number: str) -> HttpResponse:
    """The same for programs. Refusals are application/problem+json with a code."""
    try:
        answer = _asked(request, number, request.GET.get("on", ""))
    except Refused as refusal:
        return _problem(STATUS.get(refusal.code, 422), refusal.code, refusal.message)
    return _sent(answer.as_sent() | {"note": paper.NOTE})


@csrf_exempt
@_from_a_form
@_open_to_all(limits.FILE)
@require_POST
def verify_file(request: HttpRequest) -> HttpResponse:
    """Whether a PDF or a badge that somebody sends is genuine, and what was changed in it. It is not kept."""
    try:
        finding = _judged(request)
    except Refused as refusal:
        status, on = STATUS.get(refusal.code, 422), request.POST.get("on", "")
        return _page(request, "form", status=status, file_on=on[:20], refusal=refusal.message, code=refusal.code)
    status = 200 if finding.answer or finding.is_genuine else 422
    return _page(request, "file", status=status, finding=finding, answer=finding.answer)


@csrf_exempt
@_open_to_all(limits.FILE)
@require_POST
def verify_file_json(request: HttpRequest) -> HttpResponse:
    """The same for programs: 200 whatever the verdict is, which stands in the answer."""
    try:
        finding = _judged(request)
    except Refused as refusal:
        return _problem(STATUS.get(refusal.code, 422), refusal.code, refusal.message)
    return _sent(finding.as_sent())


@csrf_exempt
@_from_a_form
@_open_to_all(0)
@require_POST
def verify_pass(request: HttpRequest) -> HttpResponse:
    """Takes a solved sum and lets the caller go on for a while."""
    try:
        value = limits.redeem(request, request.POST)
    except Refused as refusal:
        return _page(request, "form", status=422, refusal=refusal.message, code=refusal.code)
    response = redirect(_own_address(request.POST.get("next", "")))
    response.set_cookie(
        limits.COOKIE,
        value,
        max_age=limits.PASS_SECONDS,
        path=reverse("verify"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _asked(request: HttpRequest, number: str, on: str) -> answers.Answer:
    day = answers.read_day(on)
    try:
        answer = answers.find(number, on=day, at=clock.now())
    except Refused as refusal:
        if refusal.code == "not_found":
            limits.missed(request)
        raise
    if not answer.is_as_issued:
        raise Refused(
            _("What is kept of this certificate is not what was sealed when it was issued, so nothing is confirmed."), code="altered"
        )
    return answer


def _judged(request: HttpRequest) -> judgement.Finding:
    request.upload_handlers = [InMemory(request)]
    try:
        typed = request.POST.get("on", "")
    except MultiPartParserError as fault:
        raise Refused(_("What was sent is no form with a file in it."), code="no_form") from fault
    day = answers.read_day(typed)
    sent = request.FILES.get("file")
    if getattr(request, "is_too_large", False):
        return judgement.Finding("none", "too_large")
    if sent is None:
        return judgement.Finding("none", "no_file")
    finding = judgement.judge(sent.read(), on=day, at=clock.now())
    if finding.verdict in ("no_record", "too_much"):
        limits.missed(request)
    return finding


def _too_many(request: HttpRequest, blocked: limits.Blocked) -> HttpResponse:
    message = _("Too many checks from your network.")
    if request.path.endswith(".json"):
        response: HttpResponse = _problem(429, "too_many", message)
    else:
        on_to = request.get_full_path() if request.method in ("GET", "HEAD") else reverse("verify")
        response = _page(
            request,
            "wait",
            status=429,
            seconds=blocked.seconds,
            until=clock.local(clock.now() + timedelta(seconds=blocked.seconds)),
            sum=limits.sum_for(request, blocked),
            next=on_to[:500],
            lost_file=request.method == "POST",
        )
    response["Retry-After"] = str(blocked.seconds)
    return response


def _own_address(wanted: str) -> str:
    """A page of this check, whatever a form names."""
    home = reverse("verify")
    return wanted if wanted.startswith(home) and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else home


def _page(request: HttpRequest, name: str, *, status: int = 200, **context) -> HttpResponse:
    """A page in the site's frame, without context processors."""
    context["most_bytes"] = MAX_CERTIFICATE
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


def _sent(data: dict, **options) -> JsonResponse:
    """For programs, pages of other sites among them: a refusal is an answer that they have to be able to read as well."""
    response = JsonResponse(data, json_dumps_params={"ensure_ascii": False}, **options)
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _problem(status: int, code: str, detail: str) -> JsonResponse:
    problem = {"type": "about:blank", "title": detail, "status": status, "detail": detail, "code": code}
    return _sent(problem, status=status, content_type="application/problem+json")
