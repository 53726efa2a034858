"""The web doors of appeals: filing one, the list of a period, one's own, one appeal with its trace."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from core import clock
from core.errors import Refused
from core.text import is_storable
from evaluation import evidence
from evaluation.models import Appeal, AppealDecision, AppealEvidence, Calculation, Period, PersonLine, UnitLine
from evaluation.period_forms import AppealDecisionForm, AppealForm
from evaluation.periods import appeals, services
from evaluation.periods.permissions import looks_into, runs
from evaluation.permissions import people_with_file, units_in_reach
from people.models import Person, ReadingOfOthers
from people.permissions import is_hr_over
from people.services import readings

PER_PAGE = 50
SHOWN = ("open", "all")
DECISIONS = ("grant", "refuse")
Kind = ReadingOfOthers.Kind


@login_required
@never_cache
@require_safe
def appeal_list(request: HttpRequest, pk: int) -> HttpResponse:
    """The appeals of a period that one may read: HR's and auditors' list with what is overdue, else one's own and one's unit's."""
    period = get_object_or_404(Period.objects.visible_to(request.user).select_related("county"), pk=pk)
    insider, today = looks_into(request.user, period), clock.today()
    shown = request.GET.get("show", "")
    shown = shown if shown in SHOWN else SHOWN[0]
    found = appeals.listed(request.user).filter(period=period)
    if insider and shown == "open":
        found = found.filter(pk__in=Appeal.objects.open().values("pk")).order_by("due_on", "pk")
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    rows = [(one, one.is_open and one.due_on < today) for one in page.object_list]
    others = sum(1 for one, _late in rows if one.by_id != request.user.pk)
    if others:
        readings.record(reader=request.user, kind=Kind.READ, what="appeals", unit=period.county, rows=others, request=request)
    context = {
        "period": period,
        "page": page,
        "rows": rows,
        "insider": insider,
        "shown": shown,
        "tabs": [("open", _("Open")), ("all", _("All"))],
        "overdue": appeals.overdue(period, at=clock.now()).count() if insider else 0,
        "refusal_to_file": appeals.refusal_to_file(period, at=clock.now()),
        "officer": runs(request.user, period),
    }
    return render(request, "evaluation/periods/appeals.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def appeal_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Appeal about one's own line, about having none, or about an item of a unit that one speaks for. `?for=<employee number>`: HR files
    what somebody appealed on paper."""
    period = get_object_or_404(Period.objects.visible_to(request.user).select_related("county"), pk=pk)
    closed = appeals.refusal_to_file(period, at=clock.now())
    calculation = services.published(period)
    lines: dict[str, UnitLine | None] = {}
    choices = []
    on_paper, whom = "for" in request.GET, None
    if on_paper:
        if not runs(request.user, period):
            raise Http404
        whom = _appellant(request.GET["for"], period, calculation)
        if whom is not None:
            choices.append(("own", f"{whom.name} · {whom.employee_number} · {whom.unit or '—'}"))
            lines["own"] = None
    elif calculation is not None:
        own = PersonLine.objects.filter(calculation=calculation, person=request.user).first()
        if own is not None:
            choices.append(("own", _("My own line: %(name)s") % {"name": own.person_name}))
            lines["own"] = None
        elif appeals.left_off(period, calculation, request.user) is not None:
            choices.append(("own", _("I am missing from the roster: %(name)s") % {"name": request.user.name}))
            lines["own"] = None
        items = appeals.item_keys(calculation)
        for line in appeals.units_of(request.user, calculation):
            choices += [(f"{line.unit_id}:{key}", f"{line.unit_name} · {name}") for key, name in items.items()]
            lines |= {f"{line.unit_id}:{key}": line for key in items}
    initial = {"about": request.GET.get("about", "")}
    form = AppealForm(request.POST or None, request.FILES or None, choices=choices, on_paper=on_paper, initial=initial)
    if request.method == "POST" and form.is_valid():
        about = form.cleaned_data["about"]
        line = lines[about]
        given = [one for one in form.cleaned_data["files"] if one is not None]
        try:
            made = appeals.file(
                period=period,
                by=request.user,
                person=whom,
                text=form.cleaned_data["text"],
                form_key=form.cleaned_data["form_key"],
                unit=line.unit if line is not None else None,
                item_key=about.partition(":")[2],
                files=[evidence.File(one.name, one.read(evidence.MAX_EVIDENCE + 1)) for one in given[: evidence.MOST_FILES + 1]],
                at=clock.now(),
            )
        except Refused as refusal:
            form.add_error(
                {"no_text": "text", "too_long": "text", "wrong_content": "files", "too_large": "files", "too_many_files": "files"}.get(
                    refusal.code
                ),
                refusal.message,
            )
        else:
            said = _("Your appeal is filed. It is to be answered by %(due)s.")
            if made.is_on_paper:
                said = _("The appeal of %(name)s is filed. It is to be answered by %(due)s, by two other officers if it is granted.")
            messages.success(request, said % {"name": made.about, "due": made.due_on})
            return redirect("appeal", made.pk)
    context = {"period": period, "form": form, "closed": closed, "choices": choices, "on_paper": on_paper}
    return render(request, "evaluation/periods/appeal_new.html", context, status=422 if form.is_bound else 200)


def _appellant(number: str, period: Period, calculation: Calculation | None) -> Person | None:
    """Who may appeal on paper: somebody with this number about whom a line was published, or who was left off. Three queries at most."""
    if calculation is None or not is_storable(number):
        return None
    found = Person.objects.select_related("unit").filter(employee_number=number.strip()).first()
    if found is None:
        return None
    has_line = PersonLine.objects.filter(calculation=calculation, person=found).exists()
    return found if has_line or appeals.left_off(period, calculation, found) is not None else None


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def appeal(request: HttpRequest, pk: int) -> HttpResponse:
    """One appeal: what was objected, the evidence, every decision; POST grants, refuses or withdraws. Reading another's is logged."""
    with_all = appeals.listed(request.user).select_related("calculation__version", "person__unit")
    found = get_object_or_404(with_all.prefetch_related("decisions__correction__taken_back"), pk=pk)
    own = request.user.pk in (found.by_id, found.person_id)
    decides = not own and runs(request.user, found.period)
    items = appeals.item_keys(found.calculation)
    item = items[found.item_key] if appeals.pointed_item(found) is not None else ""
    given = request.POST if request.POST.get("act") in DECISIONS else None
    form = AppealDecisionForm(given, records=appeals.records_of(found), item=item)
    said = None
    if request.method == "POST":
        if not (own or decides):
            raise Http404
        try:
            _act(request, found, form)
        except Refused as refusal:
            said = refusal
            if form.is_bound:
                fields = {"no_points": "points", "no_remedy": "how" if item else "record", "not_corrected": "record"}
                form.add_error(fields.get(refusal.code), refusal.message)
        else:
            if not form.errors:
                return redirect("appeal", pk)
    if not own:
        readings.record(reader=request.user, kind=Kind.READ, what="appeal", unit=found.unit, subject=found.whose, rows=1, request=request)
    may_decide = decides and found.is_open
    unit_line = UnitLine.objects.filter(calculation=found.calculation, unit=found.unit).first()
    line = PersonLine.objects.filter(calculation=found.calculation, person=found.person).first() if found.person_id else None
    context = {
        "appeal": found,
        "own": own,
        "may_withdraw": found.is_open and found.whose == request.user,
        "may_decide": may_decide,
        "second": appeals.first_word(found) is not None,
        "decided_by_me": may_decide and appeals.has_granted(found, request.user),
        "lacks_officer": decides and appeals.lacks_officer(found),
        "late": found.is_open and found.due_on < clock.today(),
        "item": items.get(found.item_key, ""),
        "pointed": bool(item),
        "page": _page_of(request.user, found, unit_line),
        "line": line,
        "unit_line": unit_line,
        "claims": appeals.claims_beside(found, request.user),
        "moved": may_decide and line is not None and not is_hr_over(request.user, found.person),
        "evidence": list(found.evidence.all()),
        "form": form,
        "refusal": None if form.is_bound else said,
    }
    return render(request, "evaluation/periods/appeal.html", context, status=422 if said or form.errors else 200)


def _page_of(user: Person, found: Appeal, unit_line: UnitLine | None) -> str:
    """The page on which the reader finds the record that was corrected; empty where none is theirs to open. One query at most."""
    record = found.decided[0].record if found.decided else ""
    if not record:
        return ""
    if record == AppealDecision.Record.FIGURE:
        if looks_into(user, found.period):
            return reverse("period_figures", args=[found.period_id])
        return reverse("unit_line", args=[unit_line.pk]) if unit_line is not None else ""
    if found.person_id == user.pk:
        return reverse("my_file")
    if found.person_id is not None:
        return reverse("learning_file", args=[found.person_id]) if people_with_file(user).filter(pk=found.person_id).exists() else ""
    return reverse("records_unit", args=[found.unit_id]) if units_in_reach(user).filter(pk=found.unit_id).exists() else ""


def _act(request: HttpRequest, found: Appeal, form: AppealDecisionForm) -> None:
    at, act, by = clock.now(), request.POST.get("act"), request.user
    if act == "withdraw":
        appeals.withdraw(appeal=found, by=by, at=at)
        messages.success(request, _("The appeal is withdrawn."))
        return
    if act not in DECISIONS:
        raise Http404
    if not form.is_valid():
        return
    data = form.cleaned_data
    if act == "grant":
        how = data.get("how", "record")
        remedy = appeals.Remedy(
            record=data["record"] if how == "record" else "",
            points=data["points"] if how == "points" else None,
        )
        after = appeals.grant(appeal=found, by=by, reason=data["reason"], at=at, remedy=remedy)
        said = (
            _("Granted. A second officer has to grant it as well.")
            if after.is_open
            else _("Granted by both; the next calculation counts it.")
        )
    else:
        appeals.refuse(appeal=found, by=by, reason=data["reason"], at=at)
        said = _("Turned down; whoever filed it reads your reason.")
    messages.success(request, said)


@login_required
@never_cache
@require_safe
def appeal_evidence(request: HttpRequest, pk: int, position: int) -> HttpResponse:
    """A file of an appeal, for those who may read the appeal. Reading another's is logged."""
    found = get_object_or_404(appeals.listed(request.user), pk=pk)
    one = get_object_or_404(AppealEvidence, appeal=found, position=position)
    data = evidence.read(one)
    if request.user.pk not in (found.by_id, found.person_id):
        readings.record(
            reader=request.user, kind=Kind.READ, what="evidence of an appeal", unit=found.unit, subject=found.whose, rows=1, request=request
        )
    response = HttpResponse(data, content_type=one.content_type)
    response["Content-Disposition"] = content_disposition_header(True, one.name)
    response["X-Content-Type-Options"] = "nosniff"
    return response
