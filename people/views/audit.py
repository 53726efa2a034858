"""What the auditor looks at: who read whose records, who got which power, what became of units and rules.

What was done to accounts administrators see, too; who read whose records nobody but auditors, superusers neither.
"""

from collections.abc import Iterable

from django.contrib.auth.decorators import login_required
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import CharField, Model, Q, QuerySet
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from wagtail.models import ModelLogEntry

from core import clock
from people import reading_words
from people.forms import HistoryForm, PeriodFilter, ReadingsFilter
from people.models import Person, ReadingOfOthers, Role, RoleGrant, RosterImport, Unit
from people.models.unit import record_names, within_paths
from people.permissions import paths_of, require_role, searches_readings

PAGE = 50


def _named(prefix: str, words: str) -> Q:
    return Q(**{f"{prefix}__name__icontains": words}) | Q(**{f"{prefix}__employee_number__iexact": words})


def _in_reach(user, *roles: str) -> QuerySet[ReadingOfOthers]:
    """The traces whose reader served, or whose rows lay, where one of these roles of the user reaches; as it was when they were written."""
    paths = paths_of(user, roles)
    return _traces().filter(within_paths(paths, "reader_unit") | within_paths(paths))


def _traces() -> QuerySet[ReadingOfOthers]:
    return ReadingOfOthers.objects.select_related("reader", "subject", "unit")


def _between(found: QuerySet, when: str, chosen: dict) -> QuerySet:
    """Those of the days that a PeriodFilter chose."""
    if chosen["since"]:
        found = found.filter(**{f"{when}__gte": clock.start_of(chosen["since"])})
    if chosen["until"]:
        found = found.filter(**{f"{when}__lt": clock.end_of(chosen["until"])})
    return found


@login_required
@require_GET
def readings(request: HttpRequest) -> HttpResponse:
    """Every reading by people of one's county: who, what, whom, how many."""
    if not searches_readings(request.user):
        raise PermissionDenied
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
        found = _between(found, "at", chosen)
    page = Paginator(found.order_by("-at", "-pk"), PAGE).get_page(request.GET.get("page"))
    _put_into_words(page.object_list, request.user)
    return render(
        request,
        "people/readings.html",
        {"form": form, "page": page, "narrowed": any(request.GET.get(name) for name in form.fields)},
        status=422 if form.is_bound and form.errors else 200,
    )


def _put_into_words(shown: Iterable[ReadingOfOthers], user) -> None:
    """Give each reading its `conditions` and its `extent`. One query for the names of units, one for each kind of title."""
    codes = {str(each.filters["unit"]) for each in shown if each.filters.get("unit")}
    units = dict(Unit.objects.filter(code__in=codes).values_list("code", "name"))
    counties = {path[: Unit.steplen] for path in paths_of(user, [Role.AUDITOR])}
    titled = reading_words.titles([each.filters for each in shown], counties)
    for each in shown:
        each.conditions = reading_words.conditions(each.filters, units, titled)  # type: ignore[attr-defined]
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
def unit_log(request: HttpRequest) -> HttpResponse:
    """Units closed and taken back, who reads after a transfer, rosters that came in; newest first, with the decision behind each."""
    require_role(request.user, Role.AUDITOR)
    form = PeriodFilter(request.GET or None)
    found = _acts_on_units(request.user).select_related("user", "content_type")
    if form.is_bound and not form.is_valid():  # a filter that is not understood never widens the rows
        found = found.none()
    elif form.is_bound:
        found = _between(found, "timestamp", form.cleaned_data)
    page = Paginator(found.order_by("-timestamp", "-pk"), PAGE).get_page(request.GET.get("page"))
    _tell_of_units(page.object_list)
    return render(
        request,
        "people/unit_log.html",
        {"form": form, "page": page, "narrowed": any(request.GET.get(name) for name in form.fields)},
        status=422 if form.is_bound and form.errors else 200,
    )


def _acts_on_units(user) -> QuerySet[ModelLogEntry]:
    """The traces of acts on units, and of rosters for them, that the auditor's role reaches.

    An import by the command may name no unit: it is of the county where there is but one.
    """
    within, imports = Unit.objects.order_by(), RosterImport.objects.order_by()
    if not user.is_superuser:
        paths = paths_of(user, [Role.AUDITOR])
        reached = within_paths(paths)
        if any(len(path) == Unit.steplen for path in paths) and Unit.objects.counties().count() == 1:
            reached |= Q(unit=None)
        within, imports = within.filter(within_paths(paths, "pk")), imports.filter(reached)

    def about(model: type[Model], rows: QuerySet, *actions: str) -> Q:
        keys = rows.annotate(key=Cast("pk", CharField())).values("key")
        return Q(content_type=ContentType.objects.get_for_model(model), action__in=actions, object_id__in=keys)

    return ModelLogEntry.objects.filter(
        about(Unit, within, "people.unit_closed", "people.unit_reopened", "people.history_follows")
        | about(RosterImport, imports, "people.roster_imported")
    )


def _tell_of_units(shown: Iterable[ModelLogEntry]) -> None:
    """Give each trace its `place`, its `basis` and `phrases` that say what was done. Four queries at most."""
    imports = {str(each.pk): each for each in RosterImport.objects.filter(pk__in=_keys(shown, RosterImport)).defer("content", "changes")}
    wanted = Q(pk__in={*_keys(shown, Unit), *(each.unit_id for each in imports.values())})
    units = list(Unit.objects.filter(wanted | Q(code__in={each.data.get("merged_into", "") for each in shown})))
    names = record_names(units)
    holders = {one.rsplit(" ", 1)[0] for each in shown for one in each.data.get("roles_ended", [])}
    people = {person.employee_number: str(person) for person in Person.objects.filter(employee_number__in=holders)} if holders else {}
    by_code = {unit.code: names[unit.pk] for unit in units}
    for each in shown:
        data, said = each.data, []
        if each.action == "people.roster_imported":
            one = imports[each.object_id]
            place = names.get(one.unit_id, "")
            said = [(_("File"), one.file_name), *_counts(data)]
        else:
            place = names.get(int(each.object_id), each.label)
            if each.action == "people.unit_closed":
                into = data.get("merged_into", "")
                said = [(_("Last day"), data["on"]), *([(_("Merged into"), by_code.get(into, into))] if into else [])]
                said += (
                    [(_("Roles that ended"), "、".join(_role_of(one, people) for one in data["roles_ended"]))]
                    if data.get("roles_ended")
                    else []
                )
            elif each.action == "people.unit_reopened":
                said = [(_("Last day before"), data["was"])]
            else:
                choices = dict(HistoryForm.base_fields["follows"].choices)
                said = [(_("What the new unit reads"), choices["all" if data["follows"] else "since"])]
        each.place, each.basis = place, data.get("basis", "")
        each.phrases = [_("%(label)s: %(value)s") % {"label": label, "value": value} for label, value in said]


def _role_of(one: str, people: dict[str, str]) -> str:
    """A role that ended, as the trace holds it: the number of the person, and the role."""
    number, role = one.rsplit(" ", 1)
    return f"{people.get(number, number)} {Role(role).label}"


def _keys(shown: Iterable[ModelLogEntry], model: type[Model]) -> set[int]:
    about = ContentType.objects.get_for_model(model).pk
    return {int(each.object_id) for each in shown if each.content_type_id == about}


def _counts(summary: dict) -> list[tuple[str, str]]:
    """What an import changed, by kind; kinds of which it changed nothing are left out."""
    kinds = [
        (_("People new / changed / unchanged"), ("people_new", "people_changed", "people_unchanged")),
        (_("Units new / changed"), ("units_new", "units_changed")),
        (_("Postings opened / closed / corrected"), ("postings_opened", "postings_closed", "postings_corrected")),
        (_("Duties added / ended"), ("duties_added", "duties_ended")),
        (_("Roles gained / lost"), ("roles_gained", "roles_lost")),
        (_("Rows left out"), ("bad_rows",)),
    ]
    counted = [(label, [summary.get(name, 0) for name in names]) for label, names in kinds]
    return [(label, " / ".join(map(str, counts))) for label, counts in counted if any(counts)]


@login_required
@require_GET
def account_log(request: HttpRequest) -> HttpResponse:
    """Who made activation codes, ended passwords, took off two-step sign-in, stopped and allowed sign-in; newest first.

    For auditors, and for administrators: whoever resets an account could act as its holder, so the others see it.
    """
    require_role(request.user, Role.AUDITOR, Role.ADMINISTRATOR)
    found = _traces() if request.user.is_superuser else _in_reach(request.user, Role.AUDITOR, Role.ADMINISTRATOR)
    found = found.filter(Q(kind=ReadingOfOthers.Kind.ACCOUNT) | Q(kind=ReadingOfOthers.Kind.EXPORT, what="activation codes"))
    words = request.GET.get("q", "").replace("\x00", "").strip()[:60]
    if words:
        found = found.filter(_named("subject", words) | _named("reader", words))
    page = Paginator(found.order_by("-at", "-pk"), PAGE).get_page(request.GET.get("page"))
    return render(request, "people/account_log.html", {"page": page, "words": words})
