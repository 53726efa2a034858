"""Leave of one person: the list with its corrections, and HR's forms."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from core import clock
from core.errors import Refused
from people.forms import LeaveForm, TakeBackForm
from people.models import Leave, Person, Role
from people.permissions import has_role, is_or_was_hr_over
from people.services import leaves, readings


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def leave_list(request: HttpRequest, pk: int) -> HttpResponse:
    """A person's leave with what became of each row; HR over the person, or where they served, writes a new one. Reading another's is logged."""
    person = _person(request, pk)
    writes = person.pk != request.user.pk and is_or_was_hr_over(request.user, person)
    form = LeaveForm(request.POST or None) if writes else None
    if request.method == "POST":
        if form is None:
            raise PermissionDenied
        if form.is_valid():
            try:
                leaves.record(person=person, facts=form.facts(), by=request.user, form_key=form.cleaned_data["form_key"], at=clock.now())
            except Refused as refusal:
                form.add_error(FIELDS.get(refusal.code), refusal.message)
            else:
                messages.success(request, _("The leave is recorded."))
                return redirect("leaves", pk)
    rows = list(Leave.objects.visible_to(request.user).filter(person=person).select_related("unit", "by", "replaced_by"))
    for row in rows:
        row.is_writable = leaves.may_write(request.user, person, row.unit)
    if person.pk != request.user.pk:
        readings.record(reader=request.user, kind="read", what="leave", subject=person, unit=person.unit, rows=len(rows), request=request)
    return render(
        request,
        "people/leaves.html",
        {
            "person": person,
            "mine": person.pk == request.user.pk,
            "rows": rows,
            "form": form,
            "writes": writes,
            "now": covering_today(person, request.user),
            "with_page": Person.objects.visible_to(request.user).filter(pk=person.pk).exists(),
        },
        status=422 if form is not None and form.is_bound else 200,
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def leave_correct(request: HttpRequest, pk: int, leave_pk: int) -> HttpResponse:
    """HR replaces a row by one with other facts."""
    leave = _standing(request, pk, leave_pk)
    if leave is None:
        return redirect("leaves", pk)
    initial = {"kind": leave.kind, "starts_on": leave.starts_on, "ends_on": leave.ends_on, "voucher": leave.voucher}
    form = LeaveForm(request.POST or None, initial=initial, with_reason=True)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            leaves.correct(
                leave=leave, facts=form.facts(), reason=data["reason"], by=request.user, form_key=data["form_key"], at=clock.now()
            )
        except Refused as refusal:
            form.add_error(FIELDS.get(refusal.code), refusal.message)
        else:
            messages.success(request, _("The leave is corrected; the earlier row stays readable."))
            return redirect("leaves", pk)
    return _form_page(request, leave, form, takes_back=False)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def leave_take_back(request: HttpRequest, pk: int, leave_pk: int) -> HttpResponse:
    """HR takes back a leave that never was."""
    leave = _standing(request, pk, leave_pk)
    if leave is None:
        return redirect("leaves", pk)
    form = TakeBackForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            leaves.take_back(leave=leave, reason=data["reason"], by=request.user, form_key=data["form_key"], at=clock.now())
        except Refused as refusal:
            form.add_error(FIELDS.get(refusal.code), refusal.message)
        else:
            messages.success(request, _("The leave is taken back; its row stays readable."))
            return redirect("leaves", pk)
    return _form_page(request, leave, form, takes_back=True)


FIELDS = {
    "order": "ends_on",
    "too_early": "starts_on",
    "too_far": "starts_on",
    "no_proof": "voucher",
    "no_reason": "reason",
    "kind": "kind",
}


def covering_today(person: Person, user) -> Leave | None:
    """The standing leave that today belongs to, where the user may read it. One query."""
    return Leave.objects.standing().visible_to(user).filter(person=person).covering(clock.today()).first()


def _person(request: HttpRequest, pk: int) -> Person:
    """Oneself, somebody whom one sees as HR or auditor, or who served where one is HR."""
    person = get_object_or_404(Person.objects.select_related("unit"), pk=pk)
    if pk == request.user.pk or is_or_was_hr_over(request.user, person):
        return person
    if not (has_role(request.user, Role.HR, Role.AUDITOR) and Person.objects.visible_to(request.user).filter(pk=pk).exists()):
        raise Http404
    return person


def _standing(request: HttpRequest, pk: int, leave_pk: int) -> Leave | None:
    """The row to correct, for HR over the person or its unit; None, with a word to the reader, where it stands no longer."""
    person = _person(request, pk)
    leave = get_object_or_404(Leave.objects.visible_to(request.user).select_related("person__unit", "unit"), pk=leave_pk, person=person)
    if not leaves.may_write(request.user, person, leave.unit):
        raise PermissionDenied
    if not Leave.objects.standing().filter(pk=leave.pk).exists():
        messages.info(request, _("This row was corrected or taken back before."))
        return None
    return leave


def _form_page(request: HttpRequest, leave: Leave, form, *, takes_back: bool) -> HttpResponse:
    with_page = Person.objects.visible_to(request.user).filter(pk=leave.person_id).exists()
    context = {"person": leave.person, "leave": leave, "form": form, "takes_back": takes_back, "with_page": with_page}
    return render(request, "people/leave_form.html", context, status=422 if form.is_bound else 200)
