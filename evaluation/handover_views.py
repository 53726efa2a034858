"""The web doors of the hand-over: receivers and reconciliation of a period, one hand-over row by row, the supplementary list."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core import clock
from core.errors import Refused, RefusedRows
from core.exports import Column, Exporter
from evaluation.forms import NO_PURPOSE, PurposeForm
from evaluation.handover_forms import ReceiverForm, ReplyForm, SettlementForm, TakeBackForm
from evaluation.models import Calculation, HandOver, Period, Receiver, ReplyRow
from evaluation.periods import handover, lines, package
from evaluation.periods.permissions import looks_into, runs
from people.models import ReadingOfOthers
from people.services import readings

PER_PAGE = 50
SHOWN = ("open", "all")
WORDS = {
    "accepted": _lazy("Accepted"),
    "refused": _lazy("Sent back"),
    "settled": _lazy("Sent back, explained"),
    "later": _lazy("Accepted with a later hand-over"),
    "moved": _lazy("Given anew under the receiver's new key"),
    "taken_back": _lazy("Taken back: no answer comes"),
    "unanswered": _lazy("Not answered"),
}
Kind = ReadingOfOthers.Kind


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def hand_over_desk(request: HttpRequest, pk: int) -> HttpResponse:
    """Where a period's results went and what is left unexplained; POST agrees on a receiver."""
    period = _period(request, pk)
    form = ReceiverForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = handover.add_receiver(period=period, by=request.user, at=clock.now(), **form.cleaned_data)
        except Refused as refusal:
            form.add_error("public_key" if refusal.code == "public_key" else None, refusal.message)
        else:
            messages.success(request, _("“%(name)s” receives results from now on.") % {"name": made.name})
            return redirect("hand_over_desk", pk)
    found = handover.reconciliation(period)
    frozen, newest = (found.frozen, found.newest) if found else (None, None)
    given = {(one.hand_over.calculation_id, one.hand_over.receiver_id): one.hand_over for one in found.accounts} if found else {}
    ended = {one.hand_over.receiver_id for one in found.accounts if one.taken_back} if found else set()
    receivers = list(Receiver.objects.filter(county=period.county, closed_at=None).exclude(pk__in=ended))
    context = {
        "period": period,
        "frozen": frozen,
        "newest": newest,
        "compared_at": (newest or frozen).at if found else None,
        "in_list": lines.how_many(newest) if newest else 0,
        "gives_list": newest is not None and newest.by_id != request.user.pk,
        "reconciliation": found,
        "receivers": [(one, given.get((frozen.pk, one.pk)) if frozen else None, _list_given(given, newest, one)) for one in receivers],
        "form": form,
        "acts": runs(request.user, period),
    }
    return render(request, "evaluation/periods/hand_over_desk.html", context, status=422 if form.is_bound else 200)


def _list_given(given: dict, newest: Calculation | None, receiver: Receiver) -> HandOver | None:
    return given.get((newest.pk, receiver.pk)) if newest else None


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def hand_over_give(request: HttpRequest, pk: int, receiver: int, calculation: int) -> HttpResponse:
    """What would be given to whom; POST notes that it was: the frozen rows, or the newest supplementary list."""
    period = _period(request, pk)
    whom = get_object_or_404(Receiver, pk=receiver, county=period.county)
    what = get_object_or_404(Calculation, pk=calculation, period=period)
    if request.method != "POST":
        if not runs(request.user, period):
            raise Http404
        standing = HandOver.objects.filter(calculation=what, receiver=whom).first()
        if standing is not None:
            return redirect("hand_over", standing.pk)
        frozen = package.standing_freeze(period)
        if frozen is None or what not in (frozen, handover.newest_supplement(frozen)):  # an old tab
            messages.error(request, _("Only what is frozen, and its newest supplementary list, is handed over."))
            return redirect("hand_over_desk", pk)
        try:
            handover.require_second(what, request.user)
        except Refused as refusal:
            messages.error(request, refusal.message)
            return redirect("hand_over_desk", pk)
        context = {"period": period, "receiver": whom, "calculation": what, "rows": lines.how_many(what)}
        return render(request, "evaluation/periods/hand_over_give.html", context)
    try:
        given = handover.hand_over(calculation=what, receiver=whom, by=request.user, at=clock.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("hand_over_desk", pk)
    messages.success(request, _("Handed over as %(name)s. Take the package from here to the receiver.") % {"name": given.name})
    return redirect("hand_over", given.pk)


@login_required
@require_POST
def supplement_make(request: HttpRequest, pk: int) -> HttpResponse:
    """Calculate the period anew and keep what differs as a supplementary list."""
    period = _period(request, pk)
    try:
        made = handover.supplement(period=period, by=request.user, at=clock.now())
    except Refused as refusal:
        (messages.info if refusal.code == "no_difference" else messages.error)(request, refusal.message)
        return redirect("hand_over_desk", pk)
    return redirect("supplement", made.pk)


@login_required
@never_cache
@require_safe
def supplement(request: HttpRequest, pk: int) -> HttpResponse:
    """A supplementary list: every row that is handed over with it. What differs from the frozen one, column by column, and what is as
    frozen again after an earlier list told it otherwise. Each page read is logged."""
    made = get_object_or_404(Calculation.objects.select_related("period__county"), pk=pk, purpose=Calculation.Purpose.SUPPLEMENT)
    _require_reader(request, made.period)
    keys, differing = lines.in_order(lines.keys_of(made)), len(lines.differing_of(made))
    page = Paginator(keys, PER_PAGE).get_page(request.GET.get("page"))
    rows = [
        (one, [(lines.title_of(name), lines.shown(name, old), lines.shown(name, new)) for name, old, new in one.changes])
        for one in lines.handed_rows(made, page.object_list)
    ]
    _log(request, "supplementary list", made.period, rows=len(rows), page=page.number)
    context = {"made": made, "period": made.period, "page": page, "rows": rows, "differing": differing, "again": len(keys) - differing}
    return render(request, "evaluation/periods/supplement.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def hand_over(request: HttpRequest, pk: int) -> HttpResponse:
    """One hand-over, its answers and its rows, open ones first; POST takes an answer. Each page read is logged."""
    given = _given(request, pk)
    form, broken = ReplyForm(request.POST or None, request.FILES or None), []
    if request.method == "POST" and form.is_valid():
        document = form.cleaned_data["document"].read(handover.MAX_DOCUMENT + 1)
        try:
            handover.receive(hand_over=given, document=document, signature=form.cleaned_data["signature"], by=request.user, at=clock.now())
        except Refused as refusal:
            broken = refusal.errors if isinstance(refusal, RefusedRows) else []
            form.add_error("signature" if refusal.code == "signature" else "document", refusal.message)
        else:
            messages.success(request, _("The answer is kept; its verdicts stand below."))
            return redirect("hand_over", pk)
    account = handover.account(given)
    shown = request.GET.get("show") if request.GET.get("show") in SHOWN else "open"
    page = Paginator(account.keys() if shown == "all" else account.open_keys(), PER_PAGE).get_page(request.GET.get("page"))
    names = lines.names(given.calculation, page.object_list)
    _log(request, "rows of a hand-over", given.period, rows=len(page.object_list), show=shown, page=page.number)
    context = {
        "given": given,
        "period": given.period,
        "account": account,
        "page": page,
        "rows": [(row, names.get(row.key, "—"), str(WORDS[row.state])) for row in account.states(page.object_list)],
        "shown": shown,
        "tabs": [("open", _("Left open"), account.open), ("all", _("All"), given.rows)],
        "replies": list(given.replies.select_related("by").defer("document")),
        "form": form,
        "purpose": PurposeForm(),
        "broken": broken,
        "taking_back": TakeBackForm(),
        "acts": runs(request.user, given.period),
    }
    return render(request, "evaluation/periods/hand_over.html", context, status=422 if form.is_bound else 200)


@login_required
@require_POST
def hand_over_take_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Say why no answer comes to a hand-over any more."""
    given = _given(request, pk)
    form = TakeBackForm(request.POST)
    try:
        if not form.is_valid():
            raise Refused(_("Say why no answer comes any more."), code="no_words")
        handover.take_back(hand_over=given, by=request.user, at=clock.now(), **form.cleaned_data)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("hand_over", pk)
    messages.success(request, _("Kept with the hand-over."))
    return redirect("hand_over_desk", given.period_id)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def refusal(request: HttpRequest, pk: int) -> HttpResponse:
    """One refused row, and how it ended; POST says so."""
    row = get_object_or_404(ReplyRow.objects.select_related("reply__hand_over__period__county", "reply__hand_over__calculation"), pk=pk)
    given = _given(request, row.reply.hand_over_id)
    if row.verdict != ReplyRow.Verdict.REFUSED:
        raise Http404
    form = SettlementForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            handover.settle(row=row, words=form.cleaned_data["words"], by=request.user, at=clock.now())
        except Refused as refused:
            form.add_error(None, refused.message)
        else:
            messages.success(request, _("Kept with the hand-over."))
            return redirect("hand_over", given.pk)
    _log(request, "rows of a hand-over", given.period, rows=1, show=row.key)
    line = lines.of_key(given.calculation, row.key)
    context = {
        "row": row,
        "given": given,
        "period": given.period,
        "name": lines.names(given.calculation, [row.key]).get(row.key, "—"),
        "columns": [(lines.title_of(name), lines.shown(name, value)) for name, value in line.columns.items()] if line else [],
        "settlement": getattr(row, "settlement", None),
        "form": form,
        "acts": runs(request.user, given.period),
    }
    return render(request, "evaluation/periods/refusal.html", context, status=422 if form.is_bound and form.errors else 200)


@login_required
@never_cache
@require_POST
def hand_over_package(request: HttpRequest, pk: int) -> HttpResponse:
    """The file that was handed over, as it was kept or made again: the same bytes; one says what for. Logged."""
    given = _given(request, pk)
    form = PurposeForm(request.POST)
    if not form.is_valid():
        messages.error(request, NO_PURPOSE)
        return redirect("hand_over", pk)
    try:
        made = package.make(given.calculation)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("hand_over", pk)
    _log(request, "package of results", given.period, kind=Kind.EXPORT, rows=given.rows, show=given.name, purpose=form.purpose_in_words())
    response = HttpResponse(made.data, content_type="application/zip")
    response["Content-Disposition"] = content_disposition_header(True, f"{given.name}.zip")
    return response


@login_required
@never_cache
@require_POST
def hand_over_rows(request: HttpRequest, pk: int) -> HttpResponse:
    """Every row of a hand-over with where it stands, as CSV; one says what for. Logged."""
    given = _given(request, pk)
    form = PurposeForm(request.POST)
    if not form.is_valid():
        messages.error(request, NO_PURPOSE)
        return redirect("hand_over", pk)
    account = handover.account(given)
    names = lines.names(given.calculation)
    columns = [
        Column(_("Row"), lambda row: row.key, 20),
        Column(_("Name"), lambda row: names.get(row.key, ""), 20),
        Column(_("State"), lambda row: str(WORDS[row.state]), 14),
        Column(_("Reason"), lambda row: row.row.reason if row.row else "", 40),
        Column(_("How it ended"), lambda row: row.row.settlement.words if row.state == "settled" else "", 40),
    ]
    _log(request, "rows of a hand-over", given.period, kind=Kind.EXPORT, rows=given.rows, purpose=form.purpose_in_words())
    return Exporter(given.name, columns, account.rows()).csv()


def _period(request: HttpRequest, pk: int) -> Period:
    period = get_object_or_404(Period.objects.visible_to(request.user).select_related("county", "version__indicator"), pk=pk)
    _require_reader(request, period)
    return period


def _given(request: HttpRequest, pk: int) -> HandOver:
    found = get_object_or_404(HandOver.objects.select_related("period__county", "receiver", "calculation", "by", "taken_back__by"), pk=pk)
    _require_reader(request, found.period)
    return found


def _require_reader(request: HttpRequest, period: Period) -> None:
    if not looks_into(request.user, period):
        raise Http404


def _log(request: HttpRequest, what: str, period: Period, *, rows: int, kind: str = Kind.READ, **filters) -> None:
    readings.record(
        reader=request.user, kind=kind, what=what, unit=period.county, rows=rows, request=request, filters={"year": period.year, **filters}
    )
