"""Uploads too large for their door are refused before a byte of them is read."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from core import uploads
from core.errors import Refused

ROOM = 2**20  # for the other fields of the form
LIMITS = (
    ("/admin/documents/", uploads.MAX_VIDEO),
    ("/admin/question-import/", uploads.MAX_BANK),
    ("/admin/", uploads.MAX_DOCUMENT),
    ("/verify/", uploads.MAX_CERTIFICATE),
    ("/my/hours/new/", uploads.MAX_EVIDENCE * uploads.MOST_EVIDENCE),
)


class BoundedUploads:
    """413 with the reason, by the announced length: 2 GB never reach the disk."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        limit = next((limit for path, limit in LIMITS if request.path.startswith(path)), uploads.MAX_SPREADSHEET)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > limit + ROOM:
            refusal = Refused(
                _("The file is %(size)d MB; at most %(limit)d MB are taken.") % {"size": int(length) // 2**20, "limit": limit // 2**20},
                code="too_large",
            )
            if request.path.endswith(".json"):
                problem = {"type": "about:blank", "title": refusal.message, "status": 413, "detail": refusal.message, "code": refusal.code}
                return JsonResponse(problem, status=413, content_type="application/problem+json")
            return render(request, "refused.html", {"refusal": refusal}, status=413)
        return self.get_response(request)
