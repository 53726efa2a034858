"""Doors that belong to no app: health, errors."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from core import clock, health


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether the process can serve: 503 without a database or with migrations waiting, else 200 — also when a part is missing."""
    found = health.examine(at=clock.now())
    parts = {part.name: {"state": part.state} | _more(part) for part in found.parts}
    return JsonResponse({"ready": found.is_ready, "status": found.status, "parts": parts}, status=200 if found.is_ready else 503)


def _more(part: health.Part) -> dict:
    more: dict = {"at": part.at.isoformat(timespec="seconds")} if part.at else {}
    return more | ({"detail": part.detail} if part.detail else {})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403_csrf.html", status=403)
