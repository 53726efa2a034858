"""What the auditor looks at: who read whose records, who got which power, what was done to accounts (administrators see that, too)."""

from collections.abc import Iterable

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from core import clock
from people import reading_words
from people.forms import ReadingsFilter
from people.models import ReadingOfOthers, Role, RoleGrant, Unit
from people.models.unit import within_paths
from people.permissions import paths_of, require_role

PAGE = 50


def _named(prefix: str, words: str) -> Q:
    return Q(**{f"{prefix}__name__icontains": words}) | Q(**{f"{prefix}__employee_number__iexact": words})


def _in_reach(user, *roles: str) -> QuerySet[ReadingOfOthers]:
    """The traces whose reader served, or whose rows lay, where one of these roles of the user reaches; as it was when they were written."""
    found = ReadingOfOthers.objects.select_related("reader", "subject", "unit")
    if user.is_superuser:
        return found
    paths = paths_of(user, roles)
    return found.filter(within_paths(paths, "reader_unit") | within_paths(paths))


@login_required
@require_GET
def readings(request: HttpRequest) -> HttpResponse:
    """Every reading by people of one's county: who, what, whom, how many."""
    require_role(request.user, Role.AUDITOR)
    found = _in_reach(request.user, Role.AUDITOR)
    form = ReadingsFilter(request.GET or None)
    if form.is_bound and not form.is_valid():  # a filter that is not understood never widens the rows
        found = found.none()
    elif form.is_bound:
        chosen = form.cleaned_data
        if chosen["reader"]:
            found = found.filter(_named("reader", chosen["reader"].strip()))
        if chosen["subject"]:
            found = found.filter(_named("subject", chosen["subject"].strip()))
        if chosen["kind"]:
            found = found.filter(kind=chosen["kind"])
        if chosen["purpose"]:
            found = found.filter(filters__purpose__icontains=chosen["purpose"].strip())
        if chosen["since"]:
            found = found.filter(at__gte=clock.start_of(chosen["since"]))
        if chosen["until"]:
            found = found.filter(at__lt=clock.end_of(chosen["until"]))
    page = Paginator(found.order_by("-at", "-pk"), PAGE).get_page(request.GET.get("page"))
    _put_into_words(page.object_list)
    return render(
        request,
        "people/readings.html",
        {"form": form, "page": page, "narrowed": any(request.GET.get(name) for name in form.fields)},
        status=422 if form.is_bound and form.errors else 200,
    )


def _put_into_words(shown: Iterable[ReadingOfOthers]) -> None:
    """Give each reading its `conditions` and its `extent`. One query for the names of units."""
    codes = {str(each.filters["unit"]) for each in shown if each.filters.get("unit")}
    units = dict(Unit.objects.filter(code__in=codes).values_list("code", "name"))
    for each in shown:
        each.conditions = reading_words.conditions(each.filters, units)  # type: ignore[attr-defined]
        each.extent = reading_words.extent(each)  # type: ignore[attr-defined]


@login_required
@require_GET
def role_log(request: HttpRequest) -> HttpResponse:
    """Every role that was opened or closed, newest first."""
    require_role(request.user, Role.AUDITOR)
    found = RoleGrant.objects.select_related("person", "unit", "granted_by")
    if not request.user.is_superuser:
        reach = Q(pk__in=[])
        for path in paths_of(request.user, [Role.AUDITOR]):
            reach |= Q(unit__path__startswith=path)
        found = found.filter(reach)
    words = request.GET.get("q", "").replace("\x00", "").strip()[:60]
    if words:
        found = found.filter(_named("person", words))
    page = Paginator(found.order_by("-starts_on", "-pk"), PAGE).get_page(request.GET.get("page"))
    paths = {grant.unit.organ_path for grant in page.object_list}
    organs = {unit.path: unit.name for unit in Unit.objects.filter(path__in=paths)}
    for grant in page.object_list:
        grant.place = grant.unit.name if grant.unit.path in organs else f"{organs.get(grant.unit.organ_path, '')} {grant.unit.name}"
    return render(request, "people/role_log.html", {"page": page, "words": words})


@login_required
@require_GET
def account_log(request: HttpRequest) -> HttpResponse:
    """Who made activation codes, ended passwords, took off two-step sign-in, stopped and allowed sign-in; newest first.

    For auditors, and for administrators: whoever resets an account could act as its holder, so the others see it.
    """
    require_role(request.user, Role.AUDITOR, Role.ADMINISTRATOR)
    found = _in_reach(request.user, Role.AUDITOR, Role.ADMINISTRATOR)
    found = found.filter(Q(kind=ReadingOfOthers.Kind.ACCOUNT) | Q(kind=ReadingOfOthers.Kind.EXPORT, what="activation codes"))
    words = request.GET.get("q", "").replace("\x00", "").strip()[:60]
    if words:
        found = found.filter(_named("subject", words) | _named("reader", words))
    page = Paginator(found.order_by("-at", "-pk"), PAGE).get_page(request.GET.get("page"))
    return render(request, "people/account_log.html", {"page": page, "words": words})
