"""Pictures, videos and documents of lessons, behind sign-in, but for documents in no county's collection. Nothing else below MEDIA_ROOT is served."""

from pathlib import PurePosixPath

from django.contrib.auth.decorators import login_required
from django.contrib.contenttypes.models import ContentType
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe
from wagtail import hooks
from wagtail.documents import get_document_model
from wagtail.documents.models import document_served
from wagtail.images import get_image_model
from wagtail.models import ReferenceIndex
from wagtail.permissions import policy_registry

from core import files
from courses.models import Course, EditionLesson
from courses.services import catalogues

FOLDERS = ("images", "original_images")  # Wagtail's renditions and its originals
TYPES = {
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
KEPT = 30 * 24 * 3600  # seconds a browser keeps a picture: another picture has another name


@login_required
@require_safe
def picture(request: HttpRequest, path: str) -> HttpResponseBase:
    """The file of an image or of one of its renditions, for those who may see it; everything else is not found.

    A path is looked up among the names that images have, never on the disk, so it cannot lead elsewhere.
    """
    content_type = TYPES.get(PurePosixPath(path).suffix.lower())
    image = image_at(path)
    if content_type is None or image is None or not may_see(request.user, image):
        raise Http404
    response = files.send(request, name=path, content_type=content_type)
    response["Cache-Control"] = f"private, max-age={KEPT}, immutable"
    return response


@require_safe
def document(request: HttpRequest, document_id: int, filename: str) -> HttpResponseBase:
    """The file of a document, for those who may see it, in ranges where a player asks for them.

    It stands before Wagtail's own view, which knows no ranges: phones then play no video, and nobody can seek.
    """
    document = get_object_or_404(get_document_model().objects.select_related("collection"), pk=document_id)
    if document.filename != filename:
        raise Http404
    for check in hooks.get_hooks("before_serve_document"):  # Wagtail's own asks for the sign-in that the collection demands
        answer = check(document, request)
        if isinstance(answer, HttpResponseBase):
            return answer
    if document.collection.get_view_restrictions().exists() and not may_see(request.user, document):
        raise Http404
    document_served.send(sender=type(document), instance=document, request=request)
    response = files.send(request, name=document.file.name, content_type=document.content_type)
    response["Cache-Control"] = "private, no-cache"
    response["Content-Disposition"] = document.content_disposition
    response["Content-Security-Policy"] = "default-src 'none'"
    return response


def image_at(path: str):
    """The image that this file belongs to, or None. At most two queries."""
    if path.partition("/")[0] not in FOLDERS:
        return None
    model = get_image_model()
    rendition = model.get_rendition_model().objects.filter(file=path).select_related("image__collection").first()
    return rendition.image if rendition else model.objects.filter(file=path).select_related("collection").first()


def may_see(user, item) -> bool:
    """Whether a person may see an image or document: of the own county or of no county, in a course within reach, to work with."""
    if user.is_superuser or item.collection.is_root():
        return True
    if user.unit_id and catalogues.is_in_collection_of(user.unit.county_path, item.collection):
        return True
    lessons = ReferenceIndex.get_references_to(item).filter(base_content_type=ContentType.objects.get_for_model(EditionLesson))
    shown_in = EditionLesson.objects.filter(pk__in=[int(pk) for pk in lessons.values_list("object_id", flat=True)])
    if Course.objects.reachable_by(user).filter(editions__in=shown_in.values("edition")).exists():
        return True
    policy = policy_registry.get_by_type(type(item))
    return policy.user_has_any_permission_for_instance(user, ["choose", "change"], item)
