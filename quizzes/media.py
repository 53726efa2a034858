"""Images of questions: shown behind sign-in, taken from authors."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from core import clock, uploads
from core.errors import Refused
from quizzes import stems
from quizzes.models import BankImage
from quizzes.permissions import counties_of, is_author
from quizzes.services import images

KEPT = 365 * 24 * 3600  # seconds a browser keeps an image: other bytes have another digest


@login_required
@require_safe
def bank_image(request: HttpRequest, digest: str) -> HttpResponse:
    """The image with these bytes, for those whose quizzes may show it; for others it is not there."""
    found = BankImage.objects.visible_to(request.user).filter(digest=digest).first()
    if found is None:
        raise Http404
    try:
        file = found.file.open()
    except OSError as error:
        raise Http404 from error
    response = FileResponse(file, content_type=found.content_type)
    response["Cache-Control"] = f"private, max-age={KEPT}, immutable"
    return response


def upload(request: HttpRequest) -> JsonResponse:
    """POST an image with what it shows: {marker}, the text that shows it in a question, or {error}. For authors, into their county."""
    if not is_author(request.user):
        raise PermissionDenied
    file, alt = request.FILES.get("image"), request.POST.get("alt", "").strip()
    wanted = request.POST.get("county", "")
    counties = counties_of(request.user)
    county = get_object_or_404(counties, pk=wanted) if wanted.isdecimal() else counties.first()
    if request.method != "POST" or file is None:
        return JsonResponse({"error": _("Choose an image first.")}, status=400)
    if not alt:
        return JsonResponse({"error": _("Say in words what the image shows: some people hear the question.")}, status=400)
    try:
        image = images.keep(data=file.read(uploads.MAX_PICTURE + 1), county=county, at=clock.now())
    except Refused as refusal:
        return JsonResponse({"error": refusal.message}, status=422)
    return JsonResponse({"marker": stems.image(alt, image.digest, image.width, image.height)})
