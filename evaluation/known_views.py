"""The web doors of what was known at the end of a past day."""

from datetime import date

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import clock
from core.figures import figure
from evaluation import known, records
from evaluation.forms import NO_PURPOSE, KnownForm, PurposeForm
from evaluation.models import LedgerEntry
from evaluation.permissions import people_with_file, units_in_reach
from people.models import Leave, Person, Posting, Role, Unit
from people.models.unit import within_paths
from people.permissions import paths_of, require_role
from people.services import readings


@login_required
@never_cache
@require_safe
def hours_known(request: HttpRequest, pk: int) -> HttpResponse:
    """A person's hours of a year as known at the end of a day, where they served then, and what was written since.

    For the person, HR and the auditor. Reading another's is logged.
    """
    person = get_object_or_404(people_of(request.user), pk=pk)
    form, year, day = _asked(request)
    found = None
    if form.is_valid():
        entries, postings = LedgerEntry.objects.visible_to(request.user), Posting.objects.visible_to(request.user)
        found = known.of_person(person, year, day, entries=entries, postings=postings)
        if person.pk != request.user.pk:
            readings.record(
                reader=request.user,
                kind="read",
                what="hours known",
                subject=person,
                unit=person.unit,
                filters={"year": year, "on": day.isoformat()},
                rows=len(found.entries) + len(found.later),
                request=request,
            )
    names = records.unit_names(request.user)
    context = {
        "person": person,
        "mine": person.pk == request.user.pk,
        "form": form,
        "found": found,
        "balance": figure(found.total) if found else "",
        "served": [(one, names.get(one.unit.path, ("", one.unit.name))[1]) for one in found.served] if found else [],
        "leave": Leave.objects.visible_to(request.user).filter(person=person).known_at(known.end_of(day)).covering(day) if found else [],
    }
    return render(request, "evaluation/hours_known.html", context, status=200 if found else 422)


@login_required
@never_cache
@require_safe
def unit_hours_known(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """The people who served in a unit on a day, with their hours as known at its end and as far as the reader sees them, as a file; one
    says what for.

    Logged before the first byte leaves.
    """
    require_role(request.user, Role.HR, Role.AUDITOR)
    unit = get_object_or_404(units_in_reach(request.user), pk=pk)
    if not reads_as_hr_or_auditor(request.user, unit):
        raise PermissionDenied
    form, year, day = _asked(request)
    purpose = PurposeForm(request.GET)
    if not form.is_valid() or not purpose.is_valid():
        messages.error(request, _("The day is not one that can be asked for.") if purpose.is_valid() else NO_PURPOSE)
        return redirect("records_unit", pk)
    people = known.people_in(unit, day)
    readings.record(
        reader=request.user,
        kind="export",
        what=f"hours known {kind}",
        unit=unit,
        filters={"year": year, "on": day.isoformat(), "purpose": purpose.purpose_in_words()},
        rows=people.count(),
        request=request,
    )
    name = _("%(unit)s %(year)s, hours as known on %(day)s") % {"unit": unit.name, "year": year, "day": day.isoformat()}
    exporter = known.export(
        people,
        entries=LedgerEntry.objects.visible_to(request.user),
        with_file=people_with_file(request.user),
        name=name,
        names=records.unit_names(request.user),
        year=year,
        day=day,
    )
    return exporter.csv() if kind == "csv" else exporter.xlsx()


def _asked(request: HttpRequest) -> tuple[KnownForm, int, date]:
    """The form with what was asked, today and its year where nothing was."""
    today = clock.today()
    data = {"known_at": today.isoformat(), **{name: value for name, value in request.GET.items() if value}}
    form = KnownForm(data, today=today)
    day = form.cleaned_data.get("known_at", today) if form.is_valid() else today
    year = form.cleaned_data.get("year") or day.year if form.is_valid() else today.year
    return form, year, day


def people_of(user) -> QuerySet[Person]:
    """Oneself, and those who serve where one is HR or auditor."""
    return Person.objects.filter(Q(pk=user.pk) | _as_hr_or_auditor(user, "unit")).select_related("unit")


def reads_as_hr_or_auditor(user, unit: Unit) -> bool:
    """Whether the user is HR or auditor over a unit."""
    return user.is_superuser or any(unit.path.startswith(path) for path in paths_of(user, [Role.HR, Role.AUDITOR]))


def _as_hr_or_auditor(user, unit: str) -> Q:
    return ~Q(pk__in=[]) if user.is_superuser else within_paths(paths_of(user, [Role.HR, Role.AUDITOR]), unit)
