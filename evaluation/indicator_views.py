"""The web doors of indicators: what they say, their next version, a dry run, reported figures, and a unit's line opened up."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from core import clock
from core.errors import Refused
from evaluation.indicator_forms import ReportForm, VersionForm, as_text
from evaluation.indicators import dry_run, explain, reports, versions
from evaluation.indicators.figures import FIGURES
from evaluation.indicators.spec import read
from evaluation.models import Calculation, Indicator, IndicatorVersion, Period, PersonLine, UnitFigure, UnitLine
from evaluation.periods import services as periods
from evaluation.periods.permissions import looks_into, runs
from evaluation.permissions import people_with_file
from people.models import Role, Unit
from people.permissions import units_of
from people.services import readings

PER_PAGE = 50


@login_required
@never_cache
@require_safe
def indicator_list(request: HttpRequest) -> HttpResponse:
    """The indicators of one's county and the general ones, with their versions: how one is judged is no secret."""
    versions.ensure_default(at=clock.now())
    newest = IndicatorVersion.objects.select_related("approval").order_by("-number")
    found = Indicator.objects.visible_to(request.user).select_related("county").prefetch_related(Prefetch("versions", newest))
    return render(request, "evaluation/indicators/list.html", {"indicators": found})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def indicator_version(request: HttpRequest, pk: int) -> HttpResponse:
    """One version in words; POST approves it."""
    version = _version(request, pk)
    county = _county_of_officer(request, version)
    refusal = None
    if request.method == "POST":
        if county is None:
            raise PermissionDenied
        try:
            versions.approve(version=version, by=request.user, at=clock.now())
        except Refused as caught:
            refusal = caught
        else:
            messages.success(request, _("Version %(number)d is approved and can be used.") % {"number": version.number})
            return redirect("indicator_version", pk)
    spec = read(version.spec)
    newest = version.indicator.versions.order_by("-number").first()
    open_to_officer = county is not None and version.indicator.county_id in (None, county.pk)
    waits = open_to_officer and bool(version.indicator.county_id) and not hasattr(version, "approval") and version.by_id != request.user.pk
    author_gone = waits and versions.is_orphan(version, county)
    context = {
        "version": version,
        "spec": spec,
        "items": [(item, explain.words_of(item)) for item in spec.items],
        "approval": getattr(version, "approval", None),
        "is_newest": version == newest,
        "may_write": open_to_officer and version == newest,
        "may_approve": waits and not author_gone,
        "author_gone": author_gone,
        "may_try": open_to_officer,
        "refusal": refusal,
    }
    return render(request, "evaluation/indicators/version.html", context, status=422 if refusal else 200)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def indicator_next(request: HttpRequest, pk: int) -> HttpResponse:
    """Write the county's next version from this one."""
    version = _version(request, pk)
    county = _county_of_officer(request, version)
    if county is None:
        raise PermissionDenied
    begun = {"name": version.indicator.name, "text": as_text(read(version.spec)), "source": version.source, "mark": version.mark}
    form = VersionForm(request.POST or None, initial=begun)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = versions.propose(
                county=county,
                after=version,
                name=data["name"],
                data=data["text"],
                source=data["source"],
                mark=data["mark"],
                note=data["note"],
                by=request.user,
                at=clock.now(),
            )
        except Refused as refusal:
            form.add_error({"same": "text", "name": "name"}.get(refusal.code), refusal.message)
        else:
            messages.success(request, _("Version %(number)d is written. Another HR officer has to approve it.") % {"number": made.number})
            return redirect("indicator_version", made.pk)
    context = {"form": form, "version": version, "county": county, "figures": FIGURES.values()}
    return render(request, "evaluation/indicators/next.html", context, status=422 if form.is_bound else 200)


@login_required
@never_cache
@require_safe
def indicator_dry_run(request: HttpRequest, pk: int) -> HttpResponse:
    """What a version would change in the county's newest period, or in this year, unit by unit."""
    version = _version(request, pk)
    county = _county_of_officer(request, version)
    if county is None:
        raise PermissionDenied
    at = clock.now()
    period = dry_run.frame_for(county, version, at=at)
    others = list(
        IndicatorVersion.objects.filter(indicator__in=Indicator.objects.visible_to(request.user))
        .exclude(pk=version.pk)
        .select_related("indicator")
        .own_first()
    )
    others.sort(key=lambda one: one.indicator.key != version.indicator.key)  # what it follows first
    chosen = request.GET.get("against", "")
    old = next((one for one in others if str(one.pk) == chosen), None)
    if chosen and old is None:
        raise Http404
    old = old or next((one for one in others if one.pk == period.version_id), others[0] if others else None)
    changes = dry_run.compare(period=period, old=old, new=version, at=at) if old else []
    context = {"version": version, "old": old, "others": others, "period": period, "changes": changes}
    context["differing"] = sum(one.differs for one in changes)
    context["remarks"] = dry_run.remarks(read(version.spec), [one.new for one in changes])
    context["other_rules"] = dry_run.other_rules(read(old.spec), read(version.spec)) if old else []
    return render(request, "evaluation/indicators/dry_run.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def period_figures(request: HttpRequest, pk: int) -> HttpResponse:
    """Figures that no record holds: report them, confirm or take back what was reported, see what counts."""
    period = get_object_or_404(Period.objects.visible_to(request.user).select_related("county", "version__indicator"), pk=pk)
    if not looks_into(request.user, period):
        raise PermissionDenied
    officer = runs(request.user, period)
    spec = read(period.version.spec)
    act = next((name for name in ("confirm", "withdraw") if request.method == "POST" and name in request.POST), None)
    form = ReportForm(request.POST if request.method == "POST" and act is None else None, period=period, spec=spec)
    refusal = None
    if request.method == "POST":
        if not officer:
            raise PermissionDenied
        try:
            if act is not None:
                one = get_object_or_404(
                    UnitFigure.objects.select_related("period__county", "unit"), pk=_number(request, act), period=period
                )
                if act == "confirm":
                    reports.confirm(figure=one, by=request.user, at=clock.now())
                    messages.success(request, _("Confirmed: it counts from the next calculation on."))
                else:
                    reports.withdraw(figure=one, by=request.user, at=clock.now())
                    messages.success(request, _("Taken back: it does not count."))
                return redirect("period_figures", pk)
            if form.is_valid():
                data = form.cleaned_data
                reports.report(
                    period=period,
                    unit=data["unit"],
                    values=form.values(),
                    reason=data["reason"],
                    form_key=data["form_key"],
                    by=request.user,
                    at=clock.now(),
                )
                messages.success(request, _("Reported. Another HR officer has to confirm it."))
                return redirect("period_figures", pk)
        except Refused as caught:
            refusal = caught
    counting = reports.counting(period)
    left_behind = reports.left_behind(period, counting)
    merged = {one.pk for one, _heir in left_behind}
    may_confirm = set(UnitFigure.objects.filter(period=period).waiting_for(request.user).values_list("pk", flat=True))
    context = {
        "period": period,
        "officer": officer,
        "form": form,
        "names": reports.reportable(spec),
        "published": reports.is_published(period),
        "waiting": [
            (one, form.names.get(one.name, one.name), one.by_id == request.user.pk, one.pk in may_confirm)
            for one in reports.waiting(period)
        ],
        "counting": [(one, form.names.get(one.name, one.name)) for one in counting if one.pk not in merged],
        "left_behind": [(one, form.names.get(one.name, one.name), heir) for one, heir in left_behind],
        "refusal": refusal,
    }
    return render(request, "evaluation/indicators/figures.html", context, status=422 if refusal or form.errors else 200)


@login_required
@never_cache
@require_safe
def unit_line(request: HttpRequest, pk: int) -> HttpResponse:
    """A unit's line opened up: items, formulas, figures; with `?figure=` the people behind one. Reading others' rows is logged."""
    lines = UnitLine.objects.visible_to(request.user).select_related(
        "unit", "calculation__period__county", "calculation__version__indicator"
    )
    line = get_object_or_404(lines, pk=pk)
    _require_public(request, line.calculation)
    explained = explain.explain(line)
    name = request.GET.get("figure", "")
    figure = FIGURES.get(name)
    if name and (figure is None or figure.is_reported):
        raise Http404
    context = {"line": line, "explained": explained, "figure": figure}
    if figure is not None:
        everybody = PersonLine.objects.behind(line, duty=figure.duty)
        seen = list(everybody.visible_to(request.user))
        found = explain.behind(figure, seen, explained.spec, organ=line.unit_id)
        page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
        context |= {
            "page": page,
            "value": line.figures.get(figure.name),
            "hidden": everybody.count() - len(seen),
            "counts": sum(one.counts for one in found),
            "asked": explain.asked_for(line),
            "with_file": set(
                people_with_file(request.user).filter(pk__in=[one.line.person_id for one in page.object_list]).values_list("pk", flat=True)
            ),
        }
        others = sum(one.line.person_id != request.user.pk for one in page.object_list)
        if others:
            readings.record(
                reader=request.user,
                kind="read",
                what="people behind a figure",
                unit=line.unit,
                filters={"figure": figure.name, "line": line.pk, "page": page.number},
                rows=others,
                request=request,
            )
    return render(request, "evaluation/indicators/line.html", context)


def _require_public(request: HttpRequest, calculation: Calculation) -> None:
    """Lines of a supplementary list, of a dry calculation and of a period that waits to be published anew are for who looks into all."""
    period = calculation.period
    if looks_into(request.user, period):
        return
    if periods.published(period) is None or not periods.were_published(period).filter(pk=calculation.pk).exists():
        raise Http404


def _version(request: HttpRequest, pk: int) -> IndicatorVersion:
    seen = IndicatorVersion.objects.filter(indicator__in=Indicator.objects.visible_to(request.user))
    return get_object_or_404(seen.select_related("indicator__county", "approval__by", "by"), pk=pk)


def _county_of_officer(request: HttpRequest, version: IndicatorVersion) -> Unit | None:
    """The county over all of which the user is HR, of several the one whose version it is; a superuser's own."""
    if request.user.is_superuser:
        return request.user.unit.county if request.user.unit_id else None
    counties = [unit for unit in units_of(request.user, Role.HR) if unit.depth == 1]
    return min(counties, key=lambda unit: unit.pk != version.indicator.county_id, default=None)


def _number(request: HttpRequest, name: str) -> int:
    text = request.POST[name]
    if not text.isdecimal() or len(text) > 18:
        raise Http404
    return int(text)
