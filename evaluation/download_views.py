"""The web doors of exports: what shall leave and what for; the files that are being written, their cancelling and their handing out."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core import clock
from core.errors import Refused
from core.exports import TYPES, as_download
from core.paging import MOST
from evaluation import downloads, tasks
from evaluation.exports import EXPORTS
from evaluation.forms import ExportForm
from evaluation.models import Download, Format
from people.permissions import has_role
from people.services import readings

PER_PAGE = 30
REFRESH = 5  # seconds after which a page without scripts asks again


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def export(request: HttpRequest, key: str) -> HttpResponseBase:
    """What an export holds, its columns and format, and its purpose. POST: a small one streams, a large one is ordered."""
    if key not in EXPORTS:
        raise Http404
    at, filters = clock.now(), {name: value for name, value in request.GET.items() if value and name != "page"}
    try:
        found = downloads.opened(key, request.user, filters, at=at)
    except Refused as refusal:  # never widen the rows: say what is wrong with the filter
        return render(request, "evaluation/downloads/export.html", {"export": EXPORTS[key], "refusal": refusal}, status=422)
    table, count = found.make(), found.count(MOST + 1)
    liked = downloads.chosen(request.user, key)
    known = [column.key for column in table.columns]
    initial = {
        "format": liked.format if liked else Format.XLSX,
        "columns": [name for name in liked.columns if name in known] if liked else known,
    }
    form = ExportForm(request.POST if request.method == "POST" else None, columns=table.columns, initial=initial)
    if request.method == "POST" and form.is_valid():
        chosen = {"columns": form.cleaned_data["columns"], "format": form.cleaned_data["format"]}
        downloads.choose(person=request.user, key=key, **chosen)
        purpose = form.purpose_in_words()
        if count <= downloads.AT_ONCE:
            _log(request, key, found.unit, found.filters, count, purpose=purpose, **chosen, table=table)
            return table.only(chosen["columns"]).response(chosen["format"])
        try:
            made = downloads.order(
                key=key,
                filters=filters,
                **chosen,
                purpose=purpose,
                form_key=form.cleaned_data["form_key"],
                by=request.user,
                at=at,
                then=tasks.write_download.delay,
            )
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            return redirect("download", made.pk)
    context = {
        "export": EXPORTS[key],
        "form": form,
        "words": found.words,
        "count": min(count, MOST),
        "has_more": count > MOST,
        "at_once": count <= downloads.AT_ONCE,
    }
    return render(request, "evaluation/downloads/export.html", context, status=422 if form.errors else 200)


def _log(request: HttpRequest, key: str, unit, filters: dict, rows: int, *, purpose: str, format: str, columns=(), table=None) -> None:
    """The trace, before the first byte leaves. Columns are named only where some were left out."""
    titles = {column.key: str(column.title) for column in table.columns} if table else {}
    some = "、".join(titles[name] for name in titles if name in columns) if set(columns) != set(titles) else ""
    readings.record(
        reader=request.user,
        kind="export",
        what=EXPORTS[key].what,
        unit=unit,
        filters={**filters, "format": format, "columns": some, "purpose": purpose},
        rows=rows,
        request=request,
    )


@login_required
@never_cache
@require_safe
def download_list(request: HttpRequest) -> HttpResponse:
    """The files that one ordered, newest first, and the exports that one may make."""
    page = Paginator(Download.objects.visible_to(request.user), PER_PAGE).get_page(request.GET.get("page"))
    now = clock.now()
    for row in page.object_list:
        row.title, row.state = EXPORTS[row.key].title, row.state_at(now)
    offered = [(key, one.title) for key, one in EXPORTS.items() if one.by_itself and has_role(request.user, *one.roles)]
    return render(request, "evaluation/downloads/list.html", {"page": page, "offered": offered})


@login_required
@never_cache
@require_safe
def download(request: HttpRequest, pk: int) -> HttpResponse:
    """How far one has come; asks again by itself while it runs."""
    found = get_object_or_404(Download.objects.visible_to(request.user), pk=pk)
    found.state = found.state_at(clock.now())
    part = "evaluation/downloads/_download.html" if request.headers.get("HX-Request") else "evaluation/downloads/download.html"
    context = {"download": found, "export": EXPORTS[found.key], "refresh": REFRESH, "may_have": downloads.may_have(found, request.user)}
    return render(request, part, context)


@login_required
@never_cache
@require_POST
def download_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Download.objects.visible_to(request.user), pk=pk)
    try:
        downloads.cancel(download=found, by=request.user, at=clock.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("download", pk)


@login_required
@never_cache
@require_safe
def download_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The file, to whoever ordered it and while their rights reach it. Each download is a reading, with its purpose."""
    found = get_object_or_404(Download.objects.visible_to(request.user).select_related("unit"), pk=pk)
    if not downloads.may_have(found, request.user):
        raise PermissionDenied
    pieces = downloads.pieces_of(found, at=clock.now())
    if pieces is None:
        raise Http404
    opened = {"download": found.pk, **{name: value for name, value in found.filters.items() if name not in ("unit", "sort")}}
    _log(request, found.key, found.unit, opened, found.total, purpose=found.purpose, format=found.format)
    response = StreamingHttpResponse(pieces, content_type=TYPES[found.format])
    response["Content-Length"] = str(found.size)
    return as_download(response, f"{found.name}.{found.format}")
