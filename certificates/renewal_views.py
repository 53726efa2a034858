"""The web doors of renewal: which certificates run out in my units."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from certificates import exports
from certificates.forms import RunningOutForm
from certificates.models import Certificate
from certificates.services import renewals
from core import clock
from people.permissions import READS_RECORDS, require_role
from people.services import readings

PER_PAGE = 50


@login_required
@never_cache
@require_safe
def running_out(request: HttpRequest, kind: str = "html") -> HttpResponseBase:
    """Certificates that end soon, or have ended, and that nothing follows: of the people whose records one may read.

    As a page or as CSV; both are logged.
    """
    require_role(request.user, *READS_RECORDS)
    today = clock.today()
    form = RunningOutForm(request.GET)
    wanted = form.wanted()
    choose = renewals.run_out if wanted["which"] == "past" else renewals.running_out
    found = choose(Certificate.objects.of_people_read_by(request.user), day=today, days=wanted["days"])
    if query := wanted["q"]:
        found = found.filter(
            Q(number__icontains=query)
            | Q(person_name__icontains=query)
            | Q(employee_number__iexact=query)
            | Q(unit_name__icontains=query)
            | Q(title__icontains=query)
        )
    if kind == "csv":
        _log(request, "export", wanted, rows=found.count())
        return exports.running_out(found, day=today).csv()
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    rows = [(each, exports.path(each, today), (each.valid_until - today).days) for each in page]
    _log(request, "read", wanted | {"page": page.number}, rows=len(rows))
    context = {"page": page, "rows": rows, "form": form, "wanted": wanted, "today": today}
    return render(request, "certificates/renewal/running_out.html", context)


def _log(request: HttpRequest, kind: str, filters: dict, *, rows: int) -> None:
    readings.record(reader=request.user, kind=kind, what="certificates running out", filters=filters, rows=rows, request=request)
