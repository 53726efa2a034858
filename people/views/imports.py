"""The roster: hand in, look at the plan, confirm."""

import io

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core import clock
from core.errors import Refused
from people import roster_words
from people.forms import RosterForm
from people.models import ReadingOfOthers, Role, RosterImport, Unit
from people.permissions import require_role, units_of
from people.services import readings, roles, roster

SHOWN = 200  # rows of each kind on the plan page; the counts are always whole


def _units(user) -> list[Unit]:
    """The units for which somebody may hand in a roster."""
    if user.is_superuser:
        return list(Unit.objects.counties().order_by("path"))
    found = units_of(user, Role.HR, Role.ADMINISTRATOR)
    return [unit for unit in found if not any(unit.path.startswith(other.path) and unit.path != other.path for other in found)]


@login_required
def roster_import(request: HttpRequest) -> HttpResponse:
    """Hand in a file; the plan comes next. Nothing is written to the register here."""
    require_role(request.user, Role.HR, Role.ADMINISTRATOR)
    units = _units(request.user)
    form = RosterForm(request.POST or None, request.FILES or None, units=units)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        unit = next(each for each in units if each.code == form.cleaned_data["county"])
        try:
            plan = roster.plan(file, file.name, county=unit, by=request.user)
            kept = roster.keep(file=file, plan=plan, by=request.user, at=clock.now())
        except Refused as refusal:
            form.add_error("file", refusal.message)
        else:
            return redirect("roster_plan", pk=kept.pk)
    past = RosterImport.objects.filter(by=request.user, applied_at__isnull=False)[:5]
    return render(
        request,
        "people/roster_import.html",
        {
            "form": form,
            "past": past,
            "columns": roster.PEOPLE_READ,
        },
        status=422 if form.errors else 200,
    )


def _own(request: HttpRequest, pk: int) -> RosterImport:
    """One's own upload, whatever became of the role that it was made with."""
    return get_object_or_404(RosterImport.objects.select_related("unit"), pk=pk, by=request.user)


def _still_reaches(user, kept: RosterImport) -> bool:
    """Whether the user still looks after the upload's unit; the role may have grown or shrunk since."""
    return kept.unit is not None and roles.reaches(user, kept.unit, roles.BY_ROSTER)


def _plan(kept: RosterImport, by) -> roster.RosterPlan:
    content = roster.content_of(kept, at=clock.now())
    if content is None:
        raise Refused(_("This upload is no longer kept. Please hand the file in again."), code="upload_gone")
    return roster.plan(io.BytesIO(content), kept.file_name, county=kept.unit, by=by)


@login_required
def roster_plan(request: HttpRequest, pk: int) -> HttpResponse:
    """What would change, and what is wrong; POST carries it out."""
    kept = _own(request, pk)
    if kept.applied_at is not None:
        return redirect("roster_result", pk=kept.pk)
    if not _still_reaches(request.user, kept):
        raise Http404
    plan = _plan(kept, request.user)
    changed = plan.digest != kept.plan_digest
    refusal = None
    if request.method == "POST":
        skip = request.POST.get("skip") == "yes"
        try:
            if changed or request.POST.get("plan") != kept.plan_digest:
                raise Refused(_("The register has changed since this plan was made. Please look at the new plan."), code="changed")
            roster.apply(plan, by=request.user, at=clock.now(), skip_bad_rows=skip, upload=kept)
        except Refused as error:
            kept.refresh_from_db(fields=["applied_at"])
            if kept.applied_at is not None:  # the other click of a double one was quicker
                return redirect("roster_result", pk=kept.pk)
            refusal = error.message
        else:
            return redirect("roster_result", pk=kept.pk)
    if changed:
        found = RosterImport.objects.filter(pk=kept.pk, applied_at=None).update(plan_digest=plan.digest, summary=plan.summary)
        if not found:
            return redirect("roster_result", pk=kept.pk)
        refusal = refusal or _("The register has changed since this plan was made. Please look at the new plan.")
    _log(request, kept, "plan of a roster", rows=len(plan.changed_people[:SHOWN]) + len(plan.missing[:SHOWN]))
    return render(
        request,
        "people/roster_plan.html",
        {
            "kept": kept,
            "plan": plan,
            "summary": plan.summary,
            "refusal": refusal,
            "limit": SHOWN,
            "errors": plan.errors[:SHOWN],
            "notices": plan.notices[:SHOWN],
            "more_notices": len(plan.notices[SHOWN:]),
            "new_units": plan.new_units[:SHOWN],
            "changed_units": plan.changed_units[:SHOWN],
            "new_people": plan.new_people[:SHOWN],
            "changed_people": roster_words.told(plan.changed_people[:SHOWN]),
            "missing": plan.missing[:SHOWN],
        },
        status=409 if refusal else 200,
    )


@login_required
@require_GET
def roster_refused(request: HttpRequest, pk: int) -> HttpResponse:
    """The refused rows as a workbook: those of the plan, or those that the import left out."""
    kept = _own(request, pk)
    if not _still_reaches(request.user, kept) or (kept.applied_at is not None and not kept.summary.get("bad_rows")):
        raise Http404
    if kept.applied_at is None:
        plan = _plan(kept, request.user)
        book = roster.refused_file(plan, roster.rows_of(io.BytesIO(bytes(kept.content)), kept.file_name))
    elif (content := roster.content_of(kept, at=clock.now())) is not None:
        book = content
    else:
        raise Refused(_("The rows that were left out are kept for one day only. Mend them in your own file."), code="upload_gone")
    response = HttpResponse(book, content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
    response["Content-Disposition"] = 'attachment; filename="refused-rows.xlsx"'
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_GET
def roster_result(request: HttpRequest, pk: int) -> HttpResponse:
    """What an import did: the counts for whoever handed it in, people and values while their role reaches them."""
    kept = _own(request, pk)
    if kept.applied_at is None:
        return redirect("roster_plan", pk=kept.pk)
    changes, left_out = (kept.changes, roster.left_out(kept, at=clock.now())) if _still_reaches(request.user, kept) else ([], [])
    _log(request, kept, "changes by a roster", rows=len({number for number, *_change in changes}))
    return render(
        request,
        "people/roster_result.html",
        {
            "kept": kept,
            "summary": kept.summary,
            "changes": roster_words.told_after(changes),
            "idle": not any(count for name, count in kept.summary.items() if name not in {"people_unchanged", "missing"}),
            "left_out": left_out[:SHOWN],
            "more": len(left_out) > SHOWN,
            "limit": SHOWN,
        },
    )


def _log(request: HttpRequest, kept: RosterImport, what: str, *, rows: int) -> None:
    """A trace of reading what the register says of others, where it was shown of anybody."""
    if rows:
        readings.record(reader=request.user, kind=ReadingOfOthers.Kind.READ, what=what, unit=kept.unit, rows=rows, request=request)
