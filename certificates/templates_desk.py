"""Around the editor of certificate templates: versions with how they look, and the county's pictures."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from django.contrib import messages
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from wagtail.models import WorkflowState

from certificates import preview
from certificates.forms import PictureForm
from certificates.models import CertificateKind, TemplatePicture, TemplateVersion
from certificates.permissions import KindPolicy
from certificates.services import pictures as kept
from core import clock
from core.errors import Refused
from people.models import Person

KEPT = 24 * 3600  # seconds a browser keeps a preview or a picture; neither changes
PER_PAGE = 50


def rules_kinds(user) -> bool:
    return KindPolicy(CertificateKind).user_has_permission(user, "view")


@dataclass(frozen=True)
class Waiting:
    """A template under review, or one that came back, as it stands on somebody's start page."""

    kind: CertificateKind
    title: str
    who: Person | None
    when: datetime
    comment: str = ""
    came_back: bool = False
    is_own: bool = False


def waiting_for(user) -> list[Waiting]:
    """The templates that wait for this person's county, and those that came back to this person. Two queries."""
    kinds = {kind.pk: kind for kind in CertificateKind.objects.ruled_by(user).select_related("latest_revision")}
    states = WorkflowState.objects.active().filter(
        base_content_type=ContentType.objects.get_for_model(CertificateKind), object_id__in=[str(pk) for pk in kinds]
    )
    found = []
    for state in states.select_related("requested_by", "current_task_state__finished_by").order_by("current_task_state__started_at"):
        kind, task = kinds[int(state.object_id)], state.current_task_state
        title = kind.latest_revision.object_str if kind.latest_revision else kind.title
        own = user.pk == state.requested_by_id
        if task is None:
            continue
        if state.status == WorkflowState.STATUS_IN_PROGRESS:
            found.append(Waiting(kind, title, state.requested_by, task.started_at, is_own=own))
        elif own:
            found.append(Waiting(kind, title, task.finished_by, task.finished_at, comment=task.comment, came_back=True))
    return found


@require_safe
def versions(request: HttpRequest, pk: int) -> HttpResponse:
    """Every version of a template, newest first: how it looks, who stands behind it, how many certificates it has. Three queries."""
    kind = get_object_or_404(CertificateKind.objects.visible_to(request.user).select_related("county"), pk=pk)
    found = TemplateVersion.objects.filter(kind=kind).select_related("by", "approved_by").order_by("-number")
    rows = list(found.annotate(issued=Count("certificates"))[:PER_PAGE])
    context = {"kind": kind, "versions": rows, "total": sum(row.issued for row in rows)}
    return render(request, "certificates/admin/versions.html", context)


@require_safe
def version_picture(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """The paper of one version with sample facts, or why it cannot be shown."""
    version = get_object_or_404(TemplateVersion.objects.select_related("kind__county"), kind=pk, number=number)
    try:
        data = preview.picture(version.content, version.kind, "plain", at=version.at, ppi=60)
    except Refused as refusal:
        return HttpResponse(refusal.message, status=409, content_type="text/plain; charset=utf-8")
    response = HttpResponse(data, content_type="image/png")
    response["Cache-Control"] = f"private, max-age={KEPT}"
    return response


def pictures(request: HttpRequest) -> HttpResponse:
    """The county's seals and backgrounds, and a form for another one. The editor's button wants its answer as JSON."""
    wants_json = request.headers.get("Accept", "") == "application/json"
    form = PictureForm(request.POST or None, request.FILES or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["picture"]
        try:
            picture = kept.keep(
                data=file.read(kept.MAX_BYTES + 1),
                use=form.cleaned_data["use"],
                name=PurePath(file.name).stem,
                county=form.cleaned_data["county"],
                by=request.user,
                at=clock.now(),
            )
        except Refused as refusal:
            form.add_error("picture", refusal.message)
        else:
            if wants_json:
                return JsonResponse({"pk": picture.pk, "label": str(picture), "use": picture.use})
            messages.success(request, _("The picture “%(name)s” is kept.") % {"name": picture.name})
            return redirect(reverse(CertificateKind.snippet_viewset.get_url_name("pictures")))
    if wants_json:
        return JsonResponse({"error": " ".join(message for each in form.errors.values() for message in each)}, status=422)
    found = TemplatePicture.objects.visible_to(request.user).select_related("by", "county")[:PER_PAGE]
    status = 422 if form.errors else 200
    return render(request, "certificates/admin/pictures.html", {"form": form, "pictures": found}, status=status)


@require_safe
def picture_file(request: HttpRequest, picture: int) -> HttpResponse:
    """The bytes of a picture, to those who rule its county's certificates."""
    found = get_object_or_404(TemplatePicture.objects.visible_to(request.user), pk=picture)
    try:
        file = found.file.open()
    except OSError as error:
        raise Http404 from error
    response = FileResponse(file, content_type=found.content_type)
    response["Cache-Control"] = f"private, max-age={KEPT}"
    return response
