"""The web doors of claims: one's own, filing one, the officers' list, one claim with its evidence and decisions."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from core import clock
from core.errors import Refused
from core.figures import figure
from core.text import is_storable
from evaluation import claims, evidence, services
from evaluation.forms import ClaimDecisionForm, ClaimForm
from evaluation.models import Evidence, HourClaim
from evaluation.permissions import claims_in_reach_q, decides_q, people_to_file_for, people_with_file
from people.models import Person, Role
from people.permissions import has_role, require_role
from people.services import readings

PER_PAGE = 50
SHOWN = ("waiting", "open", "all")


@login_required
@never_cache
@require_safe
def my_claims(request: HttpRequest) -> HttpResponse:
    """One's own claims, newest first."""
    mine = claims.listed(request.user).filter(person=request.user)
    page = Paginator(mine, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "evaluation/claims/mine.html", {"page": page, "rows": [_row(one) for one in page.object_list]})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def file_claim(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """File a claim with its evidence: one's own, or as HR that of a person who cannot."""
    person = request.user if pk is None else get_object_or_404(Person.objects.select_related("unit"), pk=pk)
    if pk is not None and not claims.may_file_for(request.user, person):
        raise Http404
    form = ClaimForm(request.POST or None, request.FILES or None, for_another=pk is not None)
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        form_key, files, reason = data.pop("form_key"), data.pop("files"), data.pop("filing_reason", "")
        try:
            claim = claims.file(
                person=person,
                by=request.user,
                reason=reason,
                facts=claims.Facts(**data),
                files=[evidence.File(one.name, one.read(evidence.MAX_EVIDENCE + 1)) for one in files[: evidence.MOST_FILES + 1]],
                form_key=form_key,
                at=clock.now(),
            )
        except Refused as refusal:
            form.add_error(_field_of(refusal), refusal.message)
        else:
            said = _("The claim of %(hours)s hours is filed.")
            if pk is not None:
                said = _("The claim of %(hours)s hours is filed for %(name)s. Two other officers decide on it.")
            messages.success(request, said % {"hours": figure(claim.hours), "name": person.name})
            return redirect("claim", claim.pk)
    with_file = people_with_file(request.user).filter(pk=person.pk).exists()  # who moved away: their name and number alone
    moved = pk is not None and not with_file
    context = {
        "form": form,
        "person": person,
        "for_another": pk is not None,
        "with_file": with_file,
        "moved": moved,
        "may_correct": moved and services.correctable(request.user, person).exists(),
    }
    return render(request, "evaluation/claims/new.html", context, status=422 if form.is_bound else 200)


def _field_of(refusal: Refused) -> str | None:
    days = dict.fromkeys(("order", "future", "two_years", "too_old", "no_unit", "elsewhere"), "ends_on")
    hours = dict.fromkeys(("none", "steps", "too_many", "too_many_together"), "hours")
    files = dict.fromkeys(("no_evidence", "too_many_files", "too_large", "wrong_content"), "files")
    return {**days, **hours, **files, "no_reason": "filing_reason"}.get(refusal.code)


@login_required
@never_cache
@require_safe
def claim_list(request: HttpRequest) -> HttpResponse:
    """Claims in one's reach: what waits for oneself, what is open, or all. Each page read is logged. `?for=<employee number>`: HR goes on to
    the form for somebody else."""
    require_role(request.user, Role.HR, Role.AUDITOR)
    if "for" in request.GET:
        return _to_form_for(request, request.GET["for"].strip())
    shown = request.GET.get("show", "")
    lists = _lists(request.user)
    if shown not in lists:  # come without a choice: to the first that holds anything
        shown = next((name for name, rows in lists.items() if rows.exists()), SHOWN[0])
    found = lists[shown]
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    rows = [_row(one) for one in page.object_list]
    readings.record(
        reader=request.user,
        kind="read",
        what="claims of hours",
        filters={"show": shown, "page": page.number},
        rows=len(rows),
        request=request,
    )
    tabs = [("waiting", _("Waiting for me")), ("open", _("All open")), ("all", _("All"))]
    context = {"page": page, "rows": rows, "shown": shown, "tabs": tabs, "officer": has_role(request.user, Role.HR)}
    return render(request, "evaluation/claims/list.html", context)


def _to_form_for(request: HttpRequest, number: str) -> HttpResponse:
    found = people_to_file_for(request.user).filter(employee_number=number).first() if is_storable(number) else None
    if found is not None:
        return redirect("claim_for", found.pk)
    messages.error(request, _("Nobody else with this employee number serves or served where you are HR."))
    return redirect("claim_list")


def _lists(user) -> dict[str, QuerySet[HourClaim]]:
    found = claims.listed(user).filter(claims_in_reach_q(user))
    waiting, is_open = HourClaim.objects.waiting_for(user), HourClaim.objects.open()
    return dict(zip(SHOWN, (found.filter(pk__in=waiting.values("pk")), found.filter(pk__in=is_open.values("pk")), found), strict=True))


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def claim(request: HttpRequest, pk: int) -> HttpResponse:
    """One claim with its evidence and decisions; POST approves, refuses or withdraws it."""
    readable = claims.listed(request.user).select_related("unit", "person__unit")
    found = get_object_or_404(readable, pk=pk)
    own = found.person_id == request.user.pk
    filed_by_me = found.filed_by_id == request.user.pk
    decides = not (own or filed_by_me) and HourClaim.objects.filter(decides_q(request.user), pk=pk).exists()
    form = ClaimDecisionForm(request.POST or None)
    if request.method == "POST":
        if not (own or filed_by_me or decides):
            raise Http404
        try:
            _act(request, found, form)
        except Refused as refusal:
            form.add_error({"no_reason": "reason", "same_course": "is_another"}.get(refusal.code), refusal.message)
            found = get_object_or_404(readable, pk=pk)  # as it is by now: somebody may have been quicker
        else:
            return redirect("claim", pk)
    if not own:
        readings.record(
            reader=request.user, kind="read", what="claim of hours", unit=found.unit, subject=found.person, rows=1, request=request
        )
    may_decide = decides and found.is_open
    deciders = claims.deciders(found) if found.is_open else frozenset()
    approved_by_me = may_decide and claims.has_approved(found, request.user, among=deciders)
    alike = claims.alike(found) if not own else []
    context = {
        "claim": found,
        "state": HourClaim.State(found.state),
        "days": services.days_of(found),
        "evidence": list(found.evidence.all()),
        "own": own,
        "filed_by_me": filed_by_me and found.is_open,
        "may_withdraw": found.is_open and (own or (filed_by_me and not found.said)),
        "may_decide": may_decide and not approved_by_me,
        "approved_by_me": approved_by_me,
        "beside": claims.beside(found, request.user) if not own else [],
        "alike": [(one, services.days_of(one), HourClaim.State(one.state).label) for one in claims.read_among(alike, request.user)],
        "completed_alike": claims.completed_alike(found, request.user) if not own else [],
        "doubled": may_decide and claims.doubled(found, among=alike),
        "lacks_officer": claims.lacks_officer(found, among=deciders),
        "form": form,
    }
    return render(request, "evaluation/claims/claim.html", context, status=422 if form.is_bound and form.errors else 200)


def _act(request: HttpRequest, found: HourClaim, form: ClaimDecisionForm) -> None:
    at, act = clock.now(), request.POST.get("act")
    if not form.is_valid():
        return
    if act == "approve":
        after = claims.approve(claim=found, by=request.user, at=at, is_another=form.cleaned_data["is_another"])
        said = (
            _("Approved; the hours are in the ledger.") if not after.is_open else _("Approved. A second officer has to approve it as well.")
        )
    elif act == "refuse":
        claims.refuse(claim=found, by=request.user, reason=form.cleaned_data["reason"], at=at)
        said = _("Refused; the person reads your reason.")
    elif act == "withdraw":
        claims.withdraw(claim=found, by=request.user, at=at)
        said = _("The claim is withdrawn.")
    else:
        raise Http404
    messages.success(request, said)


@login_required
@never_cache
@require_safe
def claim_evidence(request: HttpRequest, pk: int, position: int) -> HttpResponse:
    """A file of a claim, for the person and those who decide on it or audit. Reading another's is logged."""
    found = get_object_or_404(HourClaim.objects.visible_to(request.user).select_related("unit", "person"), pk=pk)
    one = get_object_or_404(Evidence, claim=found, position=position)
    data = evidence.read(one)
    if found.person_id != request.user.pk:
        readings.record(
            reader=request.user, kind="read", what="evidence of a claim", unit=found.unit, subject=found.person, rows=1, request=request
        )
    response = HttpResponse(data, content_type=one.content_type)
    response["Content-Disposition"] = content_disposition_header(True, one.name)
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _row(claim: HourClaim) -> tuple[HourClaim, str, str]:
    return claim, HourClaim.State(claim.state).label, services.days_of(claim)
