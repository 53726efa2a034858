"""The web doors of a county's yearly evaluation: its periods, their steps, what was published, the package, the chain."""

from collections import Counter
from collections.abc import Iterable
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core import clock, workdays
from core.errors import Refused
from evaluation.forms import NO_PURPOSE, PurposeForm
from evaluation.models import Appeal, IndicatorVersion, Period, PersonLine, PointCorrection, Reminder, UnitLine
from evaluation.period_forms import AnswerForm, OpenPeriodForm, RemindersForm, ReopenForm
from evaluation.periods import appeals, chain, deviations, lines, package, points, requirements, rules, services
from evaluation.periods.permissions import looks_into, runs
from people.models import Person, ReadingOfOthers, Role
from people.permissions import require_role
from people.services import readings

State = Period.State
PROPOSALS = ("propose_reopen", "propose_cancellation", "propose_points")
MOST_SHOWN = 100  # lines of a comparison on one page
PER_PAGE = 50


def _period(request: HttpRequest, pk: int) -> Period:
    return get_object_or_404(Period.objects.visible_to(request.user).select_related("county", "version__indicator", "asked_note"), pk=pk)


@login_required
@never_cache
@require_safe
def period_list(request: HttpRequest) -> HttpResponse:
    """The evaluations of one's county by year, newest first."""
    found = Period.objects.visible_to(request.user).select_related("county").prefetch_related("steps")
    return render(
        request,
        "evaluation/periods/list.html",
        {"periods": found, "may_open": bool(OpenPeriodForm.counties(request.user)), "several": request.user.is_superuser},
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def period_new(request: HttpRequest) -> HttpResponse:
    """Open a year's evaluation."""
    require_role(request.user, Role.HR)
    if not OpenPeriodForm.counties(request.user):
        raise Http404
    form = OpenPeriodForm(request.POST or None, user=request.user, at=clock.now())
    if request.method == "POST" and form.is_valid():
        try:
            period = services.open_period(**form.cleaned_data, by=request.user, at=clock.now())
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("The evaluation of %(year)d is open.") % {"year": period.year})
            return redirect("period", period.pk)
    return render(request, "evaluation/periods/new.html", {"form": form}, status=422 if form.is_bound else 200)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def period(request: HttpRequest, pk: int) -> HttpResponse:
    """One period: where it stands, its days, what comes next and why not yet; POST takes the next step.

    `?compare` shows HR how a freeze would differ from what is published; so does a freeze that was refused for it.
    """
    found, at = _period(request, pk), clock.now()
    refusal = None
    form = ReopenForm(request.POST if request.POST.get("act") in PROPOSALS else None)
    if request.method == "POST":
        if not runs(request.user, found):
            raise Http404
        try:
            said = _act(request, found, form)
        except Refused as error:
            refusal = error
        else:
            if said:
                messages.success(request, said)
                return redirect("period", pk)
        found = _period(request, pk)
    officer = runs(request.user, found)
    upcoming = rules.FOLLOWS.get(found.state)
    upcoming = None if upcoming == State.HANDED_OVER else upcoming
    proposal = services.standing_proposal(found)
    calculation = services.published(found)
    may_propose = officer and found.state in rules.REOPENED_FROM and (proposal is None or proposal.by_id == request.user.pk)
    settles = officer and proposal is not None and proposal.settles_anew
    cancellable = officer and services.can_be_cancelled(found)
    cancellation = services.standing_cancellation(found) if cancellable else None
    own = next((one for one in (proposal, cancellation) if one is not None and one.by_id == request.user.pk), None)
    if own is not None:
        form.initial = {"reason": own.reason, "settle_anew": getattr(own, "settles_anew", False)}
    compares = officer and found.state in (State.PUBLICITY, State.APPEALS)
    compared, uncounted = None, []
    if compares and ("compare" in request.GET or (refusal is not None and refusal.code == "unexplained")):
        compared, uncounted = _compared(request, found)
    standing = services.standing_of(found, at=at, found=compared or (), uncounted=uncounted)
    context = {
        "period": found,
        "steps": found.steps_taken,
        "state": State(found.state),
        "line": [(State(one).label, _place(one, found.state)) for one in rules.ORDER] if found.state in rules.ORDER else [],
        "officer": officer,
        "insider": looks_into(request.user, found),
        "upcoming": upcoming,
        "upcoming_label": _verb(upcoming),
        "hindrance": services.refusal_of(found, upcoming, standing=standing) if upcoming else None,
        "unconfirmed": standing.unconfirmed if officer and found.state in rules.ORDER[:4] else 0,
        "own_claims": standing.own_claims if officer else 0,
        "claims_elsewhere": services.named_counties(standing) if officer else "",
        "leaves_a_gap": (found.cutoff_on.month, found.cutoff_on.day) != (12, 31),
        "compares": compares,
        "previews": officer and found.is_before_publicity,
        "compared": None if compared is None else [(one, _changes(one)) for one in compared[:MOST_SHOWN]],
        "differing": len(compared or ()),
        "calculation": calculation,
        "may_appeal": appeals.refusal_to_file(found, at=at) is None,
        "proposal": proposal,
        "may_confirm": proposal is not None and officer and proposal.by_id != request.user.pk,
        "may_propose": may_propose,
        "cancellation": cancellation,
        "may_confirm_cancellation": cancellation is not None and cancellation.by_id != request.user.pk,
        "may_propose_cancellation": cancellable and (cancellation is None or cancellation.by_id == request.user.pk),
        "points": points.given(found) if looks_into(request.user, found) else [],
        "asked_otherwise": requirements.changes(found) if may_propose or settles else [],
        "noted_late": requirements.noted_late(found) if looks_into(request.user, found) else None,
        "unknown_year": None if workdays.is_known(found.freeze_on.year) else found.freeze_on.year,
        "overdue": appeals.overdue(found, at=at).count() if officer else 0,
        "is_late": found.state in rules.ORDER[:4] and clock.today(at) > found.freeze_on,
        "mine": PersonLine.objects.filter(calculation=calculation, person=request.user).first() if calculation else None,
        "sealed": officer or looks_into(request.user, found),
        "form": form,
        "purpose": PurposeForm(),
        "refusal": refusal,
    }
    return render(request, "evaluation/periods/period.html", context, status=422 if refusal or form.errors else 200)


def _compared(request: HttpRequest, found: Period) -> tuple[list[deviations.Deviation], list[Appeal]]:
    """How a freeze would differ, what nothing explains first, and what was granted and would not count. Reading it is logged."""
    compared, uncounted = services.compared(found, at=clock.now())
    compared.sort(key=lambda one: not one.unexplained)
    people = sum(one.difference.key.startswith("P:") for one in compared[:MOST_SHOWN])
    if people:
        readings.record(
            reader=request.user,
            kind=ReadingOfOthers.Kind.READ,
            what="comparison before the freeze",
            unit=found.county,
            rows=people,
            request=request,
        )
    return compared, uncounted


def _changes(one: deviations.Deviation) -> list[tuple[str, str, str]]:
    """The columns that differ, in words: title, as published, as it would be frozen."""
    return [(lines.title_of(name), lines.shown(name, old), lines.shown(name, new)) for name, old, new in one.difference.changes]


def _place(state: str, now: str) -> str:
    here, there = rules.ORDER.index(now), rules.ORDER.index(state)
    return "done" if there < here else "now" if there == here else "coming"


def _verb(step: str | None) -> str:
    return {
        State.CUT_OFF: _("Close the books"),
        State.PUBLICITY: _("Calculate and publish"),
        State.APPEALS: _("Open appeals"),
        State.FROZEN: _("Freeze and seal"),
    }.get(step, "")


def _act(request: HttpRequest, found: Period, form: ReopenForm) -> str:
    """Take the step that the page asked for; what to say of it, empty where the form has to be filled in."""
    at, act, by = clock.now(), request.POST.get("act"), request.user
    if act == State.CUT_OFF:
        services.cut_off(period=found, by=by, at=at)
        return _("The period is cut off.")
    if act == State.PUBLICITY:
        step = services.publish(period=found, by=by, at=at)
        return _("Published until the end of %(due)s.") % {"due": step.due_on}
    if act == State.APPEALS:
        step = services.open_appeals(period=found, by=by, at=at)
        return _("Appeals can be filed until the end of %(due)s.") % {"due": step.due_on}
    if act == State.FROZEN:
        services.freeze(period=found, by=by, at=at)
        return _("Frozen and sealed. The package can be taken.")
    if act == "propose_reopen":
        if not form.is_valid():
            return ""
        services.propose_reopen(period=found, by=by, at=at, **form.cleaned_data)
        return _("Proposed. Another officer of HR has to confirm.")
    if act == "propose_cancellation":
        if not form.is_valid():
            return ""
        services.propose_cancellation(period=found, by=by, reason=form.cleaned_data["reason"], at=at)
        return _("Proposed. Another officer of HR has to confirm.")
    if act == "cancel":
        services.cancel(period=found, by=by, at=at, seen=request.POST.get("proposal"))
        return _("The period is cancelled. The year can be opened anew.")
    if act == "reopen":
        services.reopen(period=found, by=by, at=at, seen=request.POST.get("proposal"))
        return _("The period stands at “cut off” again.")
    if act == "propose_points":
        if not form.is_valid():
            return ""
        points.propose(correction=_correction(request, found), by=by, reason=form.cleaned_data["reason"], at=at)
        return _("Proposed. Another officer of HR has to confirm.")
    if act == "take_points_back":
        points.take_back(correction=_correction(request, found), by=by, at=at)
        return _("The points are taken back. The next calculation counts without them.")
    if act == "remind":
        if not request.POST.get("sure"):
            raise Refused(_("Look at how many would be reminded, and tick that they shall be."), code="not_sure")
        sent = chain.send(period=found, by=by, at=at)
        return (
            ngettext("%(count)d reminder sent.", "%(count)d reminders sent.", len(sent)) % {"count": len(sent)}
            if sent
            else _("Everybody responsible was reminded before; nothing was sent.")
        )
    raise Http404


def _correction(request: HttpRequest, found: Period) -> PointCorrection:
    number = request.POST.get("correction", "")
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise Http404
    return get_object_or_404(PointCorrection.objects.select_related("period__county", "period__version"), pk=number, period=found)


@login_required
@never_cache
@require_safe
def period_publicity(request: HttpRequest, pk: int) -> HttpResponse:
    """What was published: one's own line and unit, then the county's units with total, band and rank. Names nobody else."""
    found = _period(request, pk)
    calculation = services.published(found)
    if calculation is None:
        raise Http404
    lines = UnitLine.objects.filter(calculation=calculation)
    mine = PersonLine.objects.filter(calculation=calculation, person=request.user).first()
    context = {
        "period": found,
        "calculation": calculation,
        "step": found.steps_taken[-1] if found.steps_taken else None,
        "rows": _ranked(lines, calculation.version),
        "opens": set(lines.visible_to(request.user).values_list("pk", flat=True)),
        "mine": mine,
        "own_unit": _own_unit(lines, mine, request.user),
        "left_off": mine is None and appeals.left_off(found, calculation, request.user) is not None,
        "may_appeal": appeals.refusal_to_file(found, at=clock.now()) is None,
    }
    return render(request, "evaluation/periods/publicity.html", context)


def _own_unit(lines: QuerySet[UnitLine], mine: PersonLine | None, user: Person) -> UnitLine | None:
    """The line of the organ in which somebody counts, or serves now. One query."""
    if mine is not None:
        return lines.filter(unit=mine.organ_id).first()
    return lines.filter(unit__path=user.unit.organ_path).first() if user.unit else None


@login_required
@never_cache
@require_safe
def period_preview(request: HttpRequest, pk: int) -> HttpResponse:
    """What publishing now would show, for HR before it does: the county's units, and how many people count and why others do not."""
    found, at = _period(request, pk), clock.now()
    if not runs(request.user, found) or not found.is_before_publicity:
        raise Http404
    outcome, standing = services.preview(found, at=at), services.standing_of(found, at=at)
    reasons = Counter(one.reason for one in outcome.people if not one.counted)
    context = {
        "period": found,
        "at": at,
        "rows": _ranked(outcome.units, found.version),
        "counted": sum(one.counted for one in outcome.people),
        "uncounted": [(lines.shown("reason", reason), number) for reason, number in reasons.most_common()],
        "unconfirmed": standing.unconfirmed,
        "own_claims": standing.own_claims,
        "claims_elsewhere": services.named_counties(standing),
        "upcoming": _verb(State.PUBLICITY),
    }
    return render(request, "evaluation/periods/preview.html", context)


def _ranked(units: Iterable[UnitLine], version: IndicatorVersion) -> list[tuple[UnitLine, list[dict]]]:
    """Units by rank, those without one behind, each with what its items came to by name."""
    names = {one["key"]: one["name"] for one in version.spec["items"]}
    in_order = sorted(units, key=lambda one: (one.rank is None, one.rank or 0, one.unit_code))
    return [(one, _items(one, names)) for one in in_order]


def _items(line: UnitLine, names: dict[str, str]) -> list[dict]:
    return [one | {"name": names.get(one["key"], one["key"])} for one in line.items]


@login_required
@never_cache
@require_POST
def period_package(request: HttpRequest, pk: int) -> HttpResponse:
    """The signed package, for HR and auditors of the county, with the purpose; each is logged."""
    found = _period(request, pk)
    if not looks_into(request.user, found):
        raise Http404
    form = PurposeForm(request.POST)
    if not form.is_valid():
        messages.error(request, NO_PURPOSE)
        return redirect("period", pk)
    try:
        calculation = package.frozen(found)
        made = package.make(calculation)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("period", pk)
    readings.record(
        reader=request.user,
        kind=ReadingOfOthers.Kind.EXPORT,
        what="evaluation package",
        unit=found.county,
        filters={"year": found.year, "purpose": form.purpose_in_words(), "sha256": made.sha256},
        rows=calculation.people.count(),
        request=request,
    )
    response = HttpResponse(made.data, content_type="application/zip")
    response["Content-Disposition"] = content_disposition_header(True, made.name)
    response["X-Content-Type-Options"] = "nosniff"
    return response


# The chain of responsibility


@login_required
@never_cache
@require_safe
def period_chain(request: HttpRequest, pk: int) -> HttpResponse:
    """Who was reminded and whether they answered, for HR and auditors, page by page. Each page read is logged.

    `?prepare` shows HR how many reminders would be sent now, by level, before they send them.
    """
    found = _period(request, pk)
    if not looks_into(request.user, found):
        raise Http404
    form = RemindersForm(request.GET, user=request.user, period=found)
    page = None
    if form.is_valid():
        page = Paginator(form.found(chain.of_period(found)), PER_PAGE).get_page(request.GET.get("page"))
        readings.record(
            reader=request.user,
            kind=ReadingOfOthers.Kind.READ,
            what="chain of responsibility",
            unit=form.cleaned_data["unit"] or found.county,
            filters={"year": found.year, **form.as_written(), "page": page.number},
            rows=len(page.object_list),
            request=request,
        )
    context = {
        "period": found,
        "form": form,
        "filter_is_on": any(request.GET.get(name) for name in form.fields),
        "page": page,
        "export_query": urlencode({"period": found.pk} | {name: request.GET[name] for name in form.fields if request.GET.get(name)}),
        "may_send": runs(request.user, found) and services.published(found) is not None,
        **_prepared(request, found),
    }
    return render(request, "evaluation/periods/chain.html", context, status=422 if form.errors else 200)


def _prepared(request: HttpRequest, found: Period) -> dict:
    """Whom sending the reminders now would reach, in numbers, or why it cannot be; nothing where it was not asked."""
    if "prepare" not in request.GET or not runs(request.user, found):
        return {}
    try:
        made = chain.to_send(found, by=request.user, at=clock.now())
    except Refused as refusal:
        return {"refusal": refusal}
    levels = Counter(one.level for one in made)
    return {
        "prepared": True,
        "to_send": len(made),
        "of_units": len({one.unit_id for one in made}),
        "levels": [(level.label, levels[level]) for level in Reminder.Level if levels[level]],
        "may_change": found.state in (State.PUBLICITY, State.APPEALS),
    }


@login_required
@never_cache
@require_safe
def my_reminders(request: HttpRequest) -> HttpResponse:
    """The reminders that one got for one's duties."""
    return render(request, "evaluation/periods/my_reminders.html", {"rows": list(chain.of_person(request.user))})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def reminder(request: HttpRequest, pk: int) -> HttpResponse:
    """One reminder with its answers; POST answers one's own. Reading another's is logged."""
    found = get_object_or_404(
        Reminder.objects.visible_to(request.user).told_now().select_related("line", "period__county", "person"), pk=pk
    )
    own = found.person_id == request.user.pk
    form = AnswerForm(request.POST or None)
    if request.method == "POST":
        if not own:
            raise Http404
        if form.is_valid():
            try:
                chain.answer(reminder=found, by=request.user, at=clock.now(), **form.cleaned_data)
            except Refused as refusal:
                form.add_error("text", refusal.message)
            else:
                messages.success(request, _("Your answer is kept."))
                return redirect("reminder", pk)
    if not own:
        readings.record(
            reader=request.user,
            kind=ReadingOfOthers.Kind.READ,
            what="reminder of responsibility",
            unit=found.line.unit,
            subject=found.person,
            rows=1,
            request=request,
        )
    context = {"reminder": found, "own": own, "form": form, "answers": list(found.answers.all())}
    return render(request, "evaluation/periods/reminder.html", context, status=422 if form.is_bound else 200)
