"""The web doors of work on many certificates: order, watch, cancel, download."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from certificates import tasks
from certificates.models import Batch
from certificates.services import batches
from core import clock
from core.errors import Refused
from people.models import Role, Unit
from people.models.unit import record_names
from people.permissions import require_role, units_of
from people.reauthentication import recently_signed_in
from people.services import readings

SHOWN = 30
REFRESH = 5  # seconds after which a page without scripts asks again


class BatchForm(forms.Form):
    """What is to be done, for which unit and year."""

    kind = forms.ChoiceField(label=gettext_lazy("What"), choices=Batch.Kind.choices, widget=forms.RadioSelect, initial=Batch.Kind.PACK)
    unit = forms.ModelChoiceField(label=gettext_lazy("Unit"), queryset=Unit.objects.none(), empty_label=None)
    year = forms.TypedChoiceField(label=gettext_lazy("Year"), coerce=int)
    purpose = forms.CharField(
        label=gettext_lazy("Purpose"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Needed for a download: it is kept with the record of it."),
    )

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        mine = units_of(user, Role.HR)
        allowed = Unit.objects.none()
        for unit in mine:
            allowed = allowed | Unit.objects.filter(path__startswith=unit.path)
        self.fields["unit"].queryset = allowed.order_by("path")
        self.fields["unit"].label_from_instance = lambda unit: "　" * (unit.depth - 1) + unit.name
        this_year = clock.today().year
        self.fields["year"].choices = [(this_year - back, str(this_year - back)) for back in range(6)] + [(0, _("all years"))]


@never_cache
@login_required
@recently_signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def batch_list(request: HttpRequest) -> HttpResponse:
    """What one ordered, newest first; POST orders."""
    require_role(request.user, Role.HR)
    form = BatchForm(request.POST if request.method == "POST" else None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            made = batches.order(**form.cleaned_data, by=request.user, at=clock.now(), then=tasks.run_batch.delay)
        except Refused as refusal:
            form.add_error("purpose" if refusal.code == "no_purpose" else None, refusal.message)
        else:
            return redirect("certificate_batch", made.pk)
    found = list(Batch.objects.visible_to(request.user).select_related("unit")[:SHOWN])
    names = record_names({each.unit for each in found})
    rows = [(each, names[each.unit_id]) for each in found]
    return render(request, "certificates/batches.html", {"form": form, "batches": rows}, status=422 if form.errors else 200)


@never_cache
@login_required
@require_safe
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    """How far one has come; asks again by itself while it runs."""
    found = get_object_or_404(Batch.objects.visible_to(request.user).select_related("unit"), pk=pk)
    part = "certificates/_batch.html" if request.headers.get("HX-Request") else "certificates/batch.html"
    return render(request, part, {"batch": found, "unit": _name(found.unit), "refresh": REFRESH})


@never_cache
@login_required
@require_POST
def batch_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Batch.objects.visible_to(request.user), pk=pk)
    try:
        batches.cancel(batch=found, by=request.user, at=clock.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("certificate_batch", pk)


@never_cache
@login_required
@require_safe
def batch_file(request: HttpRequest, pk: int, part: int) -> StreamingHttpResponse:
    """A part of the package. Each download is a reading of the records of many, with its purpose."""
    found = get_object_or_404(Batch.objects.visible_to(request.user).select_related("unit"), pk=pk)
    require_role(request.user, Role.HR)
    pieces = batches.package_of(found, part) if batches.may_order(request.user, found.unit) else None
    if pieces is None:
        raise Http404
    readings.record(
        reader=request.user,
        kind="export",
        what="certificates as ZIP",
        unit=found.unit,
        filters={"year": found.year, "purpose": found.purpose, "part": part},
        rows=found.total,
        request=request,
    )
    response = StreamingHttpResponse(pieces, content_type="application/zip")
    which = f"-{part}" if len(found.files) > 1 else ""
    name = f"{_('Certificates')}-{_name(found.unit)}-{found.year or _('all years')}{which}.zip"
    response["Content-Disposition"] = content_disposition_header(True, name)
    return response


def _name(unit: Unit) -> str:
    """The unit's name, a section's with its organ before it: every township has a 班子."""
    return record_names([unit])[unit.pk]
