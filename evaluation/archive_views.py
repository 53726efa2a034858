"""The web doors of archives: one's own, and those of the people whose HR one is, as a paper and as a file for programs."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import clock
from core.errors import Refused
from evaluation import archive, archive_paper
from evaluation.forms import NO_PURPOSE, PurposeForm
from evaluation.permissions import people_with_archive
from people.models import Person, ReadingOfOthers
from people.services import readings

MEDIA_TYPES = {"pdf": "application/pdf", "json": "application/json; charset=utf-8"}


@login_required
@never_cache
@require_safe
def my_archive(request: HttpRequest, kind: str) -> HttpResponse:
    """One's own archive."""
    return _archive(request, request.user, kind)


@login_required
@never_cache
@require_safe
def archive_of_person(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """A person's archive, for themselves and for HR where the person serves, who say what for and get the rows that they may read.

    Logged before it leaves.
    """
    person = get_object_or_404(people_with_archive(request.user).select_related("unit"), pk=pk)
    if person.pk == request.user.pk:
        return _archive(request, person, kind)
    form = PurposeForm(request.GET)
    if not form.is_valid():
        messages.error(request, NO_PURPOSE)
        return redirect(reverse("learning_file", args=[pk]) + "#archive")
    return _archive(request, person, kind, purpose=form.purpose_in_words())


def _archive(request: HttpRequest, person: Person, kind: str, **purpose: str) -> HttpResponse:
    at = clock.now()
    made = archive.archive_of(person, at=at, reader=request.user)
    try:
        data = archive_paper.pdf(made) if kind == "pdf" else archive.text_of(made).encode()
    except Refused as refusal:
        mine = person.pk == request.user.pk
        return render(request, "evaluation/archive_refused.html", {"person": person, "mine": mine, "refusal": refusal}, status=409)
    readings.record(
        reader=request.user,
        kind=ReadingOfOthers.Kind.EXPORT,
        what="personal archive",
        subject=person,
        unit=person.unit,
        filters={"format": kind, **purpose},
        rows=archive.rows_in(made),
        request=request,
    )
    name = f"个人学习档案-{person.name}-{person.employee_number}-{clock.today(at).isoformat()}.{kind}"
    response = HttpResponse(data, content_type=MEDIA_TYPES[kind])
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["X-Content-Type-Options"] = "nosniff"
    response["X-Robots-Tag"] = "noindex"
    return response
