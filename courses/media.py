"""Pictures of lessons, behind sign-in. Documents have Wagtail's own view, and nothing else below MEDIA_ROOT is served."""

from pathlib import PurePosixPath

from django.contrib.auth.decorators import login_required
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe
from wagtail.images import get_image_model
from wagtail.models import Collection, ReferenceIndex
from wagtail.permissions import policy_registry

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
def picture(request: HttpRequest, path: str) -> FileResponse:
    """The file of an image or of one of its renditions, for those who may see it; everything else is not found.

    A path is looked up among the names that images have, never on the disk, so it cannot lead elsewhere.
    """
    content_type = TYPES.get(PurePosixPath(path).suffix.lower())
    image = image_at(path)
    if content_type is None or image is None or not may_see(request.user, image):
        raise Http404
    try:
        file = default_storage.open(path)
    except OSError as error:
        raise Http404 from error
    response = FileResponse(file, content_type=content_type)
    response["Cache-Control"] = f"private, max-age={KEPT}, immutable"
    return response


def image_at(path: str):
    """The image that this file belongs to, or None. At most two queries."""
    if path.partition("/")[0] not in FOLDERS:
        return None
    model = get_image_model()
    rendition = model.get_rendition_model().objects.filter(file=path).select_related("image__collection").first()
    return rendition.image if rendition else model.objects.filter(file=path).select_related("collection").first()


def may_see(user, image) -> bool:
    """Whether a person may see an image: one of the own county or of no county, one in a course within reach, one to work with."""
    if user.is_superuser or image.collection.is_root():
        return True
    if user.unit_id:
        own = catalogues.collection_name(user.unit.county)
        if Collection.objects.ancestor_of(image.collection, inclusive=True).filter(name=own).exists():
            return True
    lessons = ReferenceIndex.get_references_to(image).filter(base_content_type=ContentType.objects.get_for_model(EditionLesson))
    shown_in = EditionLesson.objects.filter(pk__in=[int(pk) for pk in lessons.values_list("object_id", flat=True)])
    if Course.objects.reachable_by(user).filter(editions__in=shown_in.values("edition")).exists():
        return True
    policy = policy_registry.get_by_type(get_image_model())
    return policy.user_has_any_permission_for_instance(user, ["choose", "change"], image)
