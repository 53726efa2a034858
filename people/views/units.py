"""Units: the list of them, and closing one that was dissolved."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core import clock
from core.errors import Refused
from people.forms import CloseUnitForm, HistoryForm, UnitFilter
from people.models import Posting, ReadingOfOthers, Role, Unit
from people.models.unit import record_names
from people.permissions import paths_of, require_role
from people.services import readings, units

PAGE = 50


def _managed(user):
    """The units that the user looks after."""
    require_role(user, Role.HR, Role.ADMINISTRATOR)
    if user.is_superuser:
        return Unit.objects.order_by("path")
    condition = Q(pk__in=[])
    for path in paths_of(user, [Role.HR, Role.ADMINISTRATOR]):
        condition |= Q(path__startswith=path)
    return Unit.objects.filter(condition).order_by("path")


@login_required
@require_GET
def unit_list(request: HttpRequest) -> HttpResponse:
    """The tree with how many people serve in each unit; closed ones say since when. Four queries at most."""
    managed = _managed(request.user).select_related("merged_into")
    form = UnitFilter(request.GET or None)
    is_misread = form.is_bound and not form.is_valid()
    words = form.cleaned_data["q"].strip() if form.is_bound and not is_misread else ""
    serving = Posting.objects.filter(unit=OuterRef("pk"), ends_on=None).order_by().values("unit").annotate(n=Count("person")).values("n")
    found = managed.annotate(serving=Coalesce(Subquery(serving, output_field=IntegerField()), 0))
    if words:
        found = found.filter(Q(name__icontains=words) | Q(short_name__icontains=words) | Q(code__istartswith=words))
    if is_misread:  # a filter that is not understood never widens the rows
        found = found.none()
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    sections = [unit for unit in page.object_list if unit.kind == Unit.Kind.SECTION]
    organs = dict(Unit.objects.filter(path__in={unit.organ_path for unit in sections}).values_list("path", "name"))
    for unit in sections:
        unit.organ_name = organs[unit.organ_path]
    names = record_names({unit.merged_into for unit in page.object_list if unit.merged_into})
    for unit in page.object_list:
        unit.into = names.get(unit.merged_into_id, "")
        unit.is_from_inside = units.is_from_inside(unit, request.user)
    context = {"form": form, "page": page, "narrowed": is_misread or bool(words)}
    return render(request, "people/unit_list.html", context, status=422 if is_misread else 200)


@login_required
def unit_close(request: HttpRequest, pk: int) -> HttpResponse:
    """What stands in the way of closing a unit; when nothing does, the day on which it ended."""
    unit = get_object_or_404(_managed(request.user), pk=pk)
    name, at = record_names([unit])[unit.pk], clock.now()
    form = CloseUnitForm(request.POST or None, initial={"on": clock.today(at)}, unit=unit, by=request.user)
    standing = units.standing(unit, request.user)
    ended = len(standing.roles)
    if request.method == "POST" and form.is_valid():
        try:
            units.close(unit=unit, by=request.user, at=at, **form.cleaned_data)
        except Refused as refusal:
            fields = {"future": "on", "before_last": "on", "successor": "successor"}
            form.add_error(fields.get(refusal.code), refusal.message)
        else:
            told = [_("%(unit)s is closed. Its records keep its name.") % {"unit": name}]
            if ended:
                told.append(ngettext("%(n)d role over it ended.", "%(n)d roles over it ended.", ended) % {"n": ended})
            messages.success(request, " ".join(told))
            return redirect("unit_list")
    is_from_inside = units.is_from_inside(unit, request.user)
    named = len(standing.people) or (0 if standing.problems else len(standing.roles))
    if named and unit.is_open and unit.depth > 1 and not is_from_inside:
        readings.record(
            reader=request.user,
            kind=ReadingOfOthers.Kind.READ,
            what="people of a unit to close",
            unit=unit,
            rows=named,
            request=request,
        )
    return render(
        request,
        "people/unit_close.html",
        {
            "unit": unit,
            "name": name,
            "form": form,
            "standing": standing,
            "is_county": unit.depth == 1,
            "is_from_inside": is_from_inside,
        },
        status=422 if form.errors else 200,
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def unit_history(request: HttpRequest, pk: int) -> HttpResponse:
    """What the new unit of a transferred person reads, for a whole county."""
    county = get_object_or_404(_managed(request.user), pk=pk, depth=1)
    form = HistoryForm(request.POST or None, initial={"follows": "all" if county.history_follows else "since"})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            units.let_history_follow(county=county, follows=data["follows"] == "all", basis=data["basis"], by=request.user)
        except Refused as refusal:
            form.add_error("basis" if refusal.code == "no_basis" else None, refusal.message)
        else:
            messages.success(request, _("Saved; it holds from now on."))
            return redirect("unit_list")
    return render(request, "people/unit_history.html", {"county": county, "form": form}, status=422 if form.errors else 200)


@login_required
@require_POST
def unit_reopen(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a unit back that was closed by mistake."""
    unit = get_object_or_404(_managed(request.user), pk=pk)
    try:
        units.reopen(unit=unit, by=request.user)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(
            request,
            _("%(unit)s is in use again. Roles that ended with it are granted anew by an administrator.")
            % {"unit": record_names([unit])[unit.pk]},
        )
    return redirect("unit_list")
