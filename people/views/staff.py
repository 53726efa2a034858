"""People: the list, one person, roles and sign-in."""

import csv
from io import StringIO

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from core import clock
from core.errors import Refused
from core.exports import defused
from people.forms import CodesForm, GrantForm, PeopleFilter
from people.models import DutyAssignment, Person, Posting, ReadingOfOthers, Role, RoleGrant, Unit
from people.models.unit import record_names, within_paths
from people.permissions import READS_PEOPLE, paths_of, reaches, require_role
from people.reauthentication import recently_signed_in
from people.services import accounts, readings, roles
from people.views.leaves import covering_today

PAGE = 30
NAMED = 20  # people whom the page of codes names where they are passed over


def units_within(user, *wanted: str) -> list[Unit]:
    """The units, in tree order, that these roles of the user reach (a superuser: all)."""
    if user.is_superuser:
        return list(Unit.objects.order_by("path"))
    paths = paths_of(user, wanted)
    condition = Q(pk__in=[])
    for path in paths:
        condition |= Q(path__startswith=path)
    return list(Unit.objects.filter(condition).order_by("path"))


def label_units(people, units: list[Unit]) -> None:
    """Give each person `unit_label`: the organ, and the section behind it. `units`: those that are at hand."""
    names = record_names([*units, *(person.unit for person in people if person.unit)])
    for person in people:
        person.unit_label = names[person.unit_id] if person.unit else ""


@login_required
@require_GET
def person_list(request: HttpRequest) -> HttpResponse:
    """Who works where, inside what one's roles reach."""
    require_role(request.user, *READS_PEOPLE)
    units = units_within(request.user, *READS_PEOPLE)
    form = PeopleFilter(request.GET or None, units=units)
    people = Person.objects.visible_to(request.user).select_related("unit")
    is_misread = form.is_bound and not form.is_valid()
    if is_misread:  # a filter that is not understood never widens the rows
        people = people.none()
    chosen = form.cleaned_data if form.is_bound and not is_misread else {}
    unit = next((each for each in units if each.code == chosen.get("unit")), None)
    if unit is not None:
        people = people.within(unit)
    if chosen.get("duty"):
        people = people.having_duty(chosen["duty"])
    if chosen.get("status"):
        people = people.filter(status=chosen["status"])
    if chosen.get("q"):
        words = chosen["q"].strip()
        people = people.filter(Q(name__icontains=words) | Q(employee_number__icontains=words))
    page = Paginator(people.order_by("employee_number"), PAGE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    label_units(shown, units)
    held: dict[int, list[str]] = {}
    open_duties = DutyAssignment.objects.filter(posting__person__in=[person.pk for person in shown], ends_on=None)
    for person_id, duty in open_duties.order_by("pk").values_list("posting__person", "duty"):
        if duty not in held.setdefault(person_id, []):
            held[person_id].append(duty)
    for person in shown:
        person.duties_now = held.get(person.pk, [])
    if any(person.pk != request.user.pk for person in shown):
        readings.record(
            reader=request.user, kind=ReadingOfOthers.Kind.READ, what="people", unit=unit, filters=chosen, rows=len(shown), request=request
        )
    query = request.GET.copy()
    query.pop("page", None)
    return render(
        request,
        "people/person_list.html",
        {
            "form": form,
            "page": page,
            "people": shown,
            "query": query.urlencode(),
            "narrowed": is_misread or any(chosen.values()),
            "may_import": request.user.is_superuser or bool(paths_of(request.user, [Role.HR, Role.ADMINISTRATOR])),
        },
        status=422 if is_misread else 200,
    )


@login_required
@require_GET
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """One person: where they served, which roles they hold, whether they can sign in."""
    return _person_page(request, pk)


def _person_page(request: HttpRequest, pk: int, grant_form: GrantForm | None = None, status: int = 200) -> HttpResponse:
    someone = get_object_or_404(Person.objects.visible_to(request.user).select_related("unit"), pk=pk)
    readings.record(reader=request.user, kind=ReadingOfOthers.Kind.READ, what="person", subject=someone, unit=someone.unit, request=request)
    label_units([someone], [])
    duties = DutyAssignment.objects.order_by("starts_on", "pk")
    served = _with_seen(Posting.objects, request.user).filter(person=someone)
    all_postings = list(served.select_related("unit").prefetch_related(Prefetch("duties", duties)))
    held = _with_seen(RoleGrant.objects, request.user).filter(person=someone)
    all_grants = list(held.select_related("unit", "granted_by").order_by("-ends_on", "starts_on", "pk"))
    postings, grants = [each for each in all_postings if each.seen], [each for each in all_grants if each.seen]
    names = record_names([each.unit for each in (*postings, *grants)])
    for each in (*postings, *grants):
        each.place = names[each.unit_id]
    open_grants = [grant for grant in grants if grant.ends_on is None]
    administers = reaches(request.user, someone.unit, Role.ADMINISTRATOR)
    reads_leave = someone.pk == request.user.pk or reaches(request.user, someone.unit, Role.HR, Role.AUDITOR)
    if administers and grant_form is None:
        grant_form = GrantForm(units=units_within(request.user, Role.ADMINISTRATOR))
    return render(
        request,
        "people/person.html",
        {
            "person": someone,
            "postings": postings,
            "open_grants": open_grants,
            "closed_grants": [grant for grant in grants if grant.ends_on is not None],
            "administers": administers,
            "served_elsewhere": len(all_postings) - len(postings),
            "holds_elsewhere": len(all_grants) - len(grants),
            "beyond": accounts.power_beyond(request.user, someone, [grant for grant in all_grants if grant.ends_on is None])
            if administers and someone.pk != request.user.pk
            else None,
            "is_self": someone.pk == request.user.pk,
            "may_make_codes": reaches(request.user, someone.unit, Role.HR, Role.ADMINISTRATOR)
            and bool(accounts.waiting_for_code([someone], by=request.user)[0]),
            "gone": someone.status in roles.GONE,
            "second_factor": _has_second_factor(someone) if administers else None,
            "grant_form": grant_form,
            "file_url": _above("learning_file", someone),
            "attempts_url": _above("person_attempts", someone) if reaches(request.user, someone.unit, Role.HR) else "",
            "leaves_are_shown": reads_leave,
            "on_leave": covering_today(someone, request.user) if reads_leave else None,
            "has_password": someone.has_usable_password(),
        },
        status=status,
    )


def _with_seen(manager, user) -> QuerySet:
    """Postings or roles, each with whether the user reads it (`seen`): as `visible_to` says, and what lies over units that they administer."""
    administered = within_paths(paths_of(user, [Role.ADMINISTRATOR]))
    seen = manager.visible_to(user) | manager.filter(administered)
    return manager.annotate(seen=Exists(seen.filter(pk=OuterRef("pk"))))


def _above(name: str, someone: Person) -> str:
    """The address of a page about this person that belongs to an app above this one; "" in a deployment without it."""
    try:
        return reverse(name, args=[someone.pk])
    except NoReverseMatch:
        return ""


def _has_second_factor(someone: Person) -> bool:
    from allauth.mfa.models import Authenticator

    return Authenticator.objects.filter(user=someone, type=Authenticator.Type.TOTP).exists()


def _managed(request: HttpRequest, pk: int, *wanted: str) -> Person:
    """The person, for somebody whose role reaches them; 404 when they are out of sight, 403 when out of reach."""
    someone = get_object_or_404(Person.objects.visible_to(request.user).select_related("unit"), pk=pk)
    if not reaches(request.user, someone.unit, *wanted):
        raise PermissionDenied
    return someone


@login_required
@require_POST
@recently_signed_in
def grant_role(request: HttpRequest, pk: int) -> HttpResponse:
    someone = _managed(request, pk, Role.ADMINISTRATOR)
    units = units_within(request.user, Role.ADMINISTRATOR)
    form = GrantForm(request.POST, units=units)
    if form.is_valid():
        unit = next(each for each in units if each.code == form.cleaned_data["unit"])
        try:
            opened = roles.grant(person=someone, role=form.cleaned_data["role"], unit=unit, by=request.user, on=clock.today())
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(
                request,
                _("%(name)s is now: %(role)s over %(unit)s.")
                % {"name": someone.name, "role": opened.get_role_display(), "unit": record_names([unit])[unit.pk]},
            )
            return redirect("person", pk=pk)
    return _person_page(request, pk, grant_form=form, status=422)


@login_required
@require_POST
def withdraw_role(request: HttpRequest, pk: int, grant_pk: int) -> HttpResponse:
    someone = _managed(request, pk, Role.ADMINISTRATOR)
    held = get_object_or_404(RoleGrant, pk=grant_pk, person=someone)
    try:
        roles.withdraw(grant=held, by=request.user, on=clock.today())
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("The role was withdrawn: %(role)s.") % {"role": held})
    return redirect("person", pk=pk)


@login_required
@require_POST
@never_cache
@recently_signed_in
def change_sign_in(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop, allow, start over, take off two-step sign-in (administrators), or make a first code (HR too)."""
    act = request.POST.get("act", "")
    wanted = (Role.HR, Role.ADMINISTRATOR) if act == "code" else (Role.ADMINISTRATOR,)
    someone = _managed(request, pk, *wanted)
    at = clock.now()

    def noted(what: str) -> None:
        readings.record_on_accounts(subjects=[someone], what=what, by=request.user, request=request, at=at)

    try:
        with transaction.atomic():  # no act without its trace
            if act == "stop":
                accounts.stop_sign_in(person=someone, by=request.user, at=at)
                noted("sign-in stopped")
                messages.success(request, _("%(name)s cannot sign in any more; open sessions have ended.") % {"name": someone.name})
            elif act == "allow":
                accounts.allow_sign_in(person=someone, by=request.user, at=at)
                noted("sign-in allowed")
                messages.success(request, _("%(name)s may sign in again.") % {"name": someone.name})
            elif act == "second_factor":
                if accounts.remove_second_factor(person=someone, by=request.user, at=at):
                    noted("second factor")
                messages.success(request, _("Two-step sign-in of %(name)s was taken off.") % {"name": someone.name})
            elif act == "start_over":
                made = [accounts.start_over(person=someone, by=request.user, at=at)]
                noted("started over")
                return _sheet(request, made)
            elif act == "code":
                made = accounts.make_codes(people=[someone], by=request.user, at=at)
                if made:
                    noted("activation code")
                    return _sheet(request, made)
                if accounts.needs_code(someone):
                    messages.error(
                        request,
                        _("Only an administrator of all units where %(name)s has power hands this account over.") % {"name": someone.name},
                    )
                else:
                    messages.info(request, _("%(name)s needs no code.") % {"name": someone.name})
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("person", pk=pk)


@login_required
@never_cache
@recently_signed_in
def codes(request: HttpRequest) -> HttpResponse:
    """Activation codes for everybody in a unit who has no password yet, as a sheet to print or a CSV."""
    require_role(request.user, Role.HR, Role.ADMINISTRATOR)
    units = units_within(request.user, Role.HR, Role.ADMINISTRATOR)
    form = CodesForm(request.POST or request.GET or None, units=units)
    waiting: list[Person] = []
    guarded: list[Person] = []
    unit = None
    if form.is_bound and form.is_valid():
        unit = next(each for each in units if each.code == form.cleaned_data["unit"])
        candidates = Person.objects.within(unit).filter(is_active=True).exclude(status__in=roles.GONE).select_related("unit")
        waiting, guarded = accounts.waiting_for_code(candidates.order_by("unit__path", "employee_number"), by=request.user)
        if request.method == "POST" and waiting:
            with transaction.atomic():
                made = accounts.make_codes(people=waiting, by=request.user, at=clock.now())
                readings.record(
                    reader=request.user,
                    kind=ReadingOfOthers.Kind.EXPORT,
                    what="activation codes",
                    unit=unit,
                    rows=len(made),
                    request=request,
                )
                careful = accounts.handed_over_with_care([each.person for each in made])
                readings.record_on_accounts(subjects=careful, what="activation code", by=request.user, request=request)
            return _codes_csv(made, units) if request.POST.get("as") == "csv" else _sheet(request, made, units)
    count = ngettext("%(count)d person", "%(count)d people", len(waiting)) % {"count": len(waiting)}
    return render(
        request,
        "people/codes.html",
        {"form": form, "unit": unit, "waiting": len(waiting), "count": count, "guarded": guarded[:NAMED], "more": len(guarded) > NAMED},
    )


def _sheet(request: HttpRequest, made: list[accounts.Made], units: list[Unit] | None = None) -> HttpResponse:
    label_units([each.person for each in made], units or [])
    address = request.build_absolute_uri(reverse("activate"))
    response = render(request, "people/codes_sheet.html", {"made": made, "address": address})
    response["Cache-Control"] = "no-store"
    return response


def _codes_csv(made: list[accounts.Made], units: list[Unit]) -> HttpResponse:
    label_units([each.person for each in made], units)
    out = StringIO()
    lines = csv.writer(out)
    lines.writerow([_("Unit"), _("Employee number"), _("Name"), _("Activation code"), _("Valid until")])
    for each in made:
        until = clock.today(each.expires_at).isoformat()
        lines.writerow([defused(each.person.unit_label), each.person.employee_number, defused(each.person.name), each.code, until])
    response = HttpResponse("\ufeff" + out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="activation-codes.csv"'
    response["Cache-Control"] = "no-store"
    return response
