"""The doors of import and export in the Wagtail admin: upload → check → report → confirm → import → report; and files out."""

import tempfile
from typing import Any

from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from wagtail.admin.menu import MenuItem
from wagtail.admin.viewsets.base import ViewSet
from wagtail.admin.widgets.button import Button

from core import audit, clock, exports
from core.errors import Refused
from people.models import Unit
from quizzes import formats, kinds, tasks
from quizzes.forms import UploadForm
from quizzes.models import ImportJob, Question
from quizzes.permissions import counties_of, is_author
from quizzes.services import bank, keys
from quizzes.services import exchange as jobs

SHOWN = 200  # rows of one table on a page; the report as a file has all
LATEST = 10


class AuthorMenuItem(MenuItem):
    def is_shown(self, request):
        return is_author(request.user)


class ImportViewSet(ViewSet):
    """Nothing is written before the confirmation."""

    name = "question-import"
    icon = "upload"
    menu_label = gettext_lazy("Import questions")
    menu_item_class = AuthorMenuItem

    def get_urlpatterns(self):
        return [
            path("", upload, name="index"),
            path("<int:pk>/", show, name="job"),
            path("<int:pk>/progress/", progress, name="progress"),
            path("<int:pk>/confirm/", confirm, name="confirm"),
            path("<int:pk>/cancel/", cancel, name="cancel"),
            path("<int:pk>/report.json", report_json, name="report_json"),
            path("<int:pk>/report.xlsx", report_xlsx, name="report_xlsx"),
            path("<int:pk>/refused.xlsx", refused_rows, name="refused"),
        ]


# ---- import --------------------------------------------------------------------------------


def upload(request: HttpRequest) -> HttpResponse:
    """Take a file and have it checked; below it the latest files of one's own."""
    _authors_only(request)
    form = UploadForm(request.POST or None, request.FILES or None, user=request.user)
    refusal = None
    if request.method == "POST" and form.is_valid():
        try:
            job = _started(request, form.cleaned_data)
        except Refused as error:
            refusal = error
        else:
            return redirect("question-import:job", job.pk)
    counties = counties_of(request.user)
    context = {
        "form": form,
        "refusal": refusal,
        "kinds": kinds.every(),
        "formats": formats.every(),
        "jobs": ImportJob.objects.visible_to(request.user).filter(county__in=counties).defer("report", "warnings")[:LATEST],
        "courses": bank.course_codes(counties),
        **_titled(_("Import questions"), "upload"),
    }
    return render(request, "quizzes/admin/import_upload.html", context, status=422 if refusal else 200)


def _started(request: HttpRequest, data: dict[str, Any]) -> ImportJob:
    file = data["file"]
    chosen = data["format"] or formats.guess(file.read(), file.name)
    file.seek(0)
    return jobs.start(
        file,
        name=file.name,
        format=chosen,
        county=data["county"],
        course_code=data["course_code"].strip(),
        by=request.user,
        at=clock.now(),
        then=tasks.check_import.delay,
    )


def show(request: HttpRequest, pk: int) -> HttpResponse:
    """Where a file stands: its progress, what importing it would do, or what it did."""
    job = _own(request, pk)
    return render(request, "quizzes/admin/import_job.html", {**_described(job), **_titled(_("Import questions"), "upload")})


def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The piece of the page that is asked for every second; when there is something new to see, the page loads itself again."""
    job = _own(request, pk)
    if not job.is_under_way:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "quizzes/admin/_import_progress.html", {"job": job})


@require_POST
def confirm(request: HttpRequest, pk: int) -> HttpResponse:
    """Import what was checked, without the refused questions when that was chosen."""
    job = _own(request, pk)
    try:
        jobs.confirm(job.pk, by=request.user, leaves_out=request.POST.get("skip") == "1", at=clock.now(), then=tasks.run_import.delay)
    except Refused as error:
        flash.error(request, error.message)
    return redirect("question-import:job", pk)


@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    job = _own(request, pk)
    try:
        jobs.cancel(job.pk, by=request.user, at=clock.now())
    except Refused as error:
        flash.error(request, error.message)
    return redirect("question-import:job", pk)


def report_json(request: HttpRequest, pk: int) -> HttpResponse:
    """The report as `manage.py import_questions --report` writes it; each line says, too, whether the question is in the bank by it."""
    job = _own(request, pk)
    is_done = job.state == ImportJob.State.DONE
    lines = [line | {"written": is_done and line["outcome"] != "refused"} for line in job.report]
    response = JsonResponse(lines, safe=False, json_dumps_params={"ensure_ascii": False, "indent": 1})
    return _download(response, f"import-{job.pk}.json")


def report_xlsx(request: HttpRequest, pk: int) -> HttpResponseBase:
    job = _own(request, pk)
    outcomes = dict(_words())
    if job.state == ImportJob.State.DONE:
        effects = {"new": _("new"), "updated": _("changed in the bank"), "same": _("unchanged in the bank"), "": ""}
    else:
        effects = {name: _("nothing is written") for name in ("new", "updated", "same", "")}
    labels = {kind.key: kind.label for kind in kinds.every()}
    columns = [
        exports.Column(_("Place in the file"), lambda line: line["place"], 30),
        exports.Column(_("code"), lambda line: line["code"], 20),
        exports.Column(_("kind"), lambda line: str(labels.get(line["kind"], line["kind"]))),
        exports.Column(_("Outcome"), lambda line: outcomes.get(line["outcome"], line["outcome"])),
        exports.Column(_("Question bank"), lambda line: effects[line["bank"]]),
        exports.Column(_("Why"), lambda line: "\n".join(line["reasons"]), 80),
    ]
    return exports.Exporter(f"import-{job.pk}", columns, job.report).xlsx()


def refused_rows(request: HttpRequest, pk: int) -> HttpResponse:
    """The refused rows of a table as a workbook with the reasons, while the file is here."""
    job = _own(request, pk)
    if job.format != "xlsx" or not job.file:
        flash.warning(request, _("The file is no longer here. Please upload it again."))
        return redirect("question-import:job", pk)
    with job.file.open("rb") as file:
        book = bank.refused_file(bank.read(file, name=job.file_name, format=job.format), county=job.county, course_code=job.course_code)
    return _download(HttpResponse(book, content_type=formats.of("xlsx").content_type), "refused-questions.xlsx")


def _own(request: HttpRequest, pk: int) -> ImportJob:
    """One's own file, while its county is still one's own."""
    _authors_only(request)
    own = ImportJob.objects.visible_to(request.user).filter(county__in=counties_of(request.user)).select_related("county")
    return get_object_or_404(own, pk=pk)


def _authors_only(request: HttpRequest) -> None:
    """Raises Refused for an author who sits an exam now: whether a guess changes the bank would tell the key."""
    if not is_author(request.user):
        raise PermissionDenied
    keys.refuse_who_sits(request.user, at=clock.now())  # type: ignore[arg-type]


def _titled(title: str, icon: str) -> dict[str, str]:
    """What Wagtail's frame calls a page."""
    return {"header_title": title, "page_title": title, "header_icon": icon}


def _words() -> list[tuple[str, str]]:
    return [
        ("imported", _("came over as it is")),
        ("changed", _("changed in meaning")),
        ("refused", _("not taken")),
        ("exported", _("written")),
    ]


def _described(job: ImportJob) -> dict[str, Any]:
    """What the page of a job shows."""
    by_outcome: dict[str, list[dict]] = {"imported": [], "changed": [], "refused": []}
    for line in job.report:
        by_outcome[line["outcome"]].append(line)
    return {
        "job": job,
        "format": formats.of(job.format),
        "changed": by_outcome["changed"],
        "refused": by_outcome["refused"],
        "updated": [line["code"] for line in job.report if line["bank"] == "updated"][:SHOWN],
        "shown": SHOWN,
    }


def _download(response: HttpResponse, name: str) -> HttpResponse:
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    response["Cache-Control"] = "no-store"
    return response


# ---- export --------------------------------------------------------------------------------


class Exporting:
    """A listing of questions as a file: mixed into the index view, so that its filters and search hold here too.

    The page says beforehand what the format cannot carry; `download=1` gives the file.
    """

    def get(self, request: HttpRequest, *args, **kwargs) -> HttpResponseBase:
        if not is_author(request.user):
            raise PermissionDenied
        counties = list(counties_of(request.user))
        county = next((each for each in counties if str(each.pk) == request.GET.get("county")), counties[0] if counties else None)
        if county is None:
            raise PermissionDenied
        key = request.GET.get("format", "")
        form = formats.of(key) if key in dict(formats.choices()) else formats.every()[0]
        rows = self.get_queryset()  # type: ignore[attr-defined]
        questions = Question.objects.filter(pk__in=rows.order_by().values("pk"), county=county)
        file = tempfile.TemporaryFile()  # noqa: SIM115 - FileResponse closes it
        outcomes = bank.export(questions, county=county, format=form.key, out=file)  # type: ignore[arg-type]
        if request.GET.get("download") == "1":
            audit.record(county, "quizzes.questions_exported", by=request.user, format=form.key, count=file_count(outcomes))
            file.seek(0)
            return FileResponse(file, as_attachment=True, filename=f"questions-{county.code}.{form.suffix}", content_type=form.content_type)
        file.close()
        return render(request, "quizzes/admin/export.html", self._context(request, counties, county, form, outcomes))

    def _context(self, request: HttpRequest, counties: list[Unit], county: Unit, form: formats.Format, outcomes: list) -> dict[str, Any]:
        kept = request.GET.copy()
        for name in ("format", "county", "download", "export", "p"):
            kept.pop(name, None)
        return {
            "formats": formats.every(),
            "chosen": form,
            "counties": counties,
            "county": county,
            "kept": [(name, value) for name, values in kept.lists() for value in values],
            "query": kept.urlencode(),
            "total": len(outcomes),
            "written": file_count(outcomes),
            "changed": [outcome for outcome in outcomes if outcome.outcome == "changed"],
            "refused": [outcome for outcome in outcomes if outcome.outcome == "refused"],
            "shown": SHOWN,
            **_titled(_("Export questions"), "download"),
        }


def file_count(outcomes: list[formats.Outcome]) -> int:
    """How many questions stand in a written file."""
    return sum(outcome.outcome != "refused" for outcome in outcomes)


def export_button(request: HttpRequest, url: str) -> Button:
    """A button of the listing that keeps its filters."""
    query = request.GET.urlencode()
    return Button(_("Export as a question file"), url=f"{url}?{query}" if query else url, icon_name="download", priority=80)
