"""HR's doors to sittings: set one up, list its candidates, seat them, appoint invigilators, give more time."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Exists, OuterRef, Q
from django.db.models.functions import Length
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core import clock
from core.errors import Refused, RefusedRows
from core.exports import Column, Exporter
from core.text import looked_for
from people.models import Person, ReadingOfOthers, Role
from people.permissions import require_role
from people.services import readings
from people.views.staff import label_units
from quizzes import chances
from quizzes import sitting_forms as forms
from quizzes.models import Allowance, Attempt, Candidate, Quiz, Sitting, Submission
from quizzes.models.sittings import ORGANISERS, SittingQuerySet
from quizzes.permissions import counties_of, counties_organised_by, people_of_hr
from quizzes.services import candidates, exam_papers, late_papers, opened, paper_marks, readiness, sittings

PAGE = 50
SITTINGS_A_PAGE = 20
FOUND = 20  # people that a search offers
SHOWN = 200  # rows of each kind on a plan; its counts are always whole
Kind = ReadingOfOthers.Kind


def sitting_of(request: HttpRequest, pk: int, *, among: SittingQuerySet | None = None) -> Sitting:
    """A sitting that the user organises, `among` these; for everybody else there is none."""
    found = (Sitting.objects.all() if among is None else among).organised_by(request.user)
    return get_object_or_404(found.timed().with_numbers().select_related("quiz__county"), pk=pk)


def page_of(request: HttpRequest, name: str, sitting: Sitting, context: dict, *, wrong: bool = False) -> HttpResponse:
    """A page of one sitting, with what its head shows."""
    about = {"sitting": sitting, "state": sitting.state(clock.now()), "here": name}
    return render(request, f"quizzes/manage/{name}.html", about | context, status=422 if wrong else 200)


# ---- sittings ------------------------------------------------------------------------------


@login_required
@never_cache
@require_safe
def sitting_list(request: HttpRequest) -> HttpResponse:
    """The sittings of one's county, newest first."""
    require_role(request.user, *ORGANISERS)
    found = Sitting.objects.organised_by(request.user).timed().with_numbers().select_related("quiz")
    page = Paginator(found, SITTINGS_A_PAGE).get_page(request.GET.get("page"))
    now = clock.now()
    return render(
        request,
        "quizzes/manage/list.html",
        {
            "page": page,
            "rows": [(sitting, sitting.state(now)) for sitting in page],
            "may_organise": counties_organised_by(request.user).exists(),
        },
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sitting_new(request: HttpRequest) -> HttpResponse:
    require_role(request.user, *ORGANISERS)
    form = forms.SittingForm(request.POST or None, user=request.user, begun=False)
    made = _written(request, form, None)
    if made is not None:
        messages.success(request, _("The draft is made. Now the candidates."))
        return redirect("sitting_candidates", made.pk)
    return render(
        request,
        "quizzes/manage/edit.html",
        {"form": form, "has_exams": form.fields["quiz"].queryset.exists(), "has_papers": form.fields["papers"].queryset.exists()},
        status=422 if form.is_bound else 200,
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sitting_edit(request: HttpRequest, pk: int) -> HttpResponse:
    sitting = sitting_of(request, pk)
    form = forms.SittingForm(request.POST or None, instance=sitting, user=request.user, begun=bool(sitting.begun))
    if _written(request, form, Sitting.objects.get(pk=pk)) is not None:
        messages.success(request, _("The sitting is changed."))
        return redirect("sitting_manage", pk)
    standing = Sitting.objects.timed().with_numbers().get(pk=pk)
    context = {"form": form, "has_exams": True, "has_papers": form.fields["papers"].queryset.exists()}
    return page_of(request, "edit", standing, context, wrong=form.is_bound)


def _written(request: HttpRequest, form: forms.SittingForm, sitting: Sitting | None) -> Sitting | None:
    """The sitting as the service wrote it; None when there is nothing to write or it was refused."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        seen = form.cleaned_data["opened_on"]
        return sittings.write(terms=form.terms(), by=request.user, at=clock.now(), sitting=sitting, seen=seen)
    except Refused as refusal:
        form.refuse(refusal)
        return None


@login_required
@never_cache
@require_safe
def sitting_manage(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything about one sitting, and what would go wrong on the day."""
    sitting = sitting_of(request, pk, among=Sitting.objects.with_arrangements())
    lacking = candidates.lacking_courses(sitting) if sitting.is_draft or sitting.state(clock.now()) == Sitting.State.COMING else []
    given = exam_papers.papers_of(sitting)
    places = sittings.places_of(sitting) if sitting.is_draft else []
    context = {
        "invigilators": list(sitting.invigilators.order_by("employee_number")),
        "is_author": counties_of(request.user).filter(pk=sitting.quiz.county_id).exists(),
        "papers": given,
        "unsealed": [paper.label for paper in given if not paper.is_sealed],
        "insiders": list(sittings.insiders_on_list(sitting).select_related("person")[:10]) if given else [],
        "faults": [] if sitting.state(clock.now()) == Sitting.State.CLOSED else readiness.faults(sitting, has_papers=bool(given)),
        "practised": "" if given or sitting.state(clock.now()) == Sitting.State.CLOSED else readiness.practised(sitting),
        "earns_nothing": readiness.earns_nothing(sitting.quiz),
        "without_room": sum(not room for _person, room, _seat in places) if sitting.is_draft else sitting.without_room,
        "lacking": list(lacking[:10]),
        "lacking_count": len(lacking) if isinstance(lacking, list) else lacking.count(),
        "allowances": sitting.with_allowance,
        "corrections": paper_marks.waiting_in(sitting) if given else [],
        "to_enter": paper_marks.to_enter(sitting) if given else [],
        "late_papers": late_papers.waiting_in(sitting) if given and sitting.begun else [],
    }
    if sitting.is_draft:
        trace = opened.newest_trace(sitting)
        context["stamp"] = sittings.stamp_of(sitting, [paper.pk for paper in given], trace=trace)
        context["stamp_of_list"] = sittings.stamp_of_list(sitting, places, trace=trace)
    return page_of(request, "overview", sitting, context)


@login_required
@require_POST
def sitting_act(request: HttpRequest, pk: int) -> HttpResponse:
    """Publish, withdraw or throw away."""
    sitting = sitting_of(request, pk)
    act, seen = request.POST.get("act"), request.POST.get("opened_on", "")[: opened.LONGEST_STAMP]
    try:
        if act == "publish":
            sittings.publish(sitting=sitting, by=request.user, at=clock.now(), seen=seen)
            messages.success(request, _("Published: candidates see the sitting now."))
        elif act == "withdraw":
            sittings.withdraw(sitting=sitting, by=request.user, at=clock.now())
            messages.success(request, _("Withdrawn: the sitting is a draft again."))
        elif act == "discard":
            seen_list = request.POST.get("list_opened_on", "")[: opened.LONGEST_STAMP]
            sittings.discard(sitting=sitting, by=request.user, at=clock.now(), seen=seen, seen_list=seen_list)
            messages.success(request, _("The draft “%(title)s” is thrown away.") % {"title": sitting.title})
            return redirect("sittings_manage")
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("sitting_manage", pk)


# ---- candidates ----------------------------------------------------------------------------


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sitting_candidates(request: HttpRequest, pk: int) -> HttpResponse:
    """The list by pages, with rooms and seats to write and people to take off. Each page read is logged."""
    sitting = sitting_of(request, pk)
    refusal = None
    if request.method == "POST":
        try:
            messages.success(request, _changed(request, sitting))
            return redirect(request.get_full_path())
        except Refused as error:
            refusal = error
    found = Candidate.objects.filter(sitting=sitting)
    words, room = looked_for(request.GET, "q").strip()[:60], looked_for(request.GET, "room")
    if words:
        found = found.filter(Q(person__name__icontains=words) | Q(person__employee_number__icontains=words))
    if room:
        found = found.filter(room="" if room == "-" else room)
    more = Allowance.objects.filter(sitting=sitting, person=OuterRef("person"), extra_attempts__gt=0)
    page = Paginator(_in_order(found.annotate(has_more=Exists(more))), PAGE).get_page(request.GET.get("page"))
    rows = list(page)
    page.object_list = rows
    label_units([row.person for row in rows], [])
    here = Attempt.objects.filter(sitting=sitting, person__in=[row.person_id for row in rows])
    for row in rows:
        row.was = row.stands = (row.room, row.seat)
    if refusal:
        for row in rows:
            _keep_typed(request, row, refusal)
    _log(request, sitting, Kind.READ, "exam candidates", rows=len(rows), filters={"q": words, "room": room, "page": page.number})
    causes = list(here.values_list("person", "submission__cause"))
    context = {
        "page": page,
        "begun": {person for person, _cause in causes},
        "to_enter": {attempt.person_id for attempt in paper_marks.to_enter(sitting)},
        "on_paper": {person for person, cause in causes if cause == Submission.Cause.PAPER},
        "rooms": _rooms(sitting),
        "has_papers": sitting.papers.exists(),
        "chosen": {"q": words, "room": room},
        "refusal": refusal,
        "late": {name: request.POST.get(name, "") for name in ("number", "late_reason")},
    }
    return page_of(request, "candidates", sitting, context, wrong=refusal is not None)


def _in_order(found):
    return found.select_related("person__unit").order_by(*Candidate.IN_ROOMS, "person__employee_number")


def _rooms(sitting: Sitting) -> list[tuple[str, int]]:
    """Each room with how many sit there; "" for those without one."""
    return list(sitting.candidates.order_by(Length("room"), "room").values_list("room").annotate(people=Count("pk")))


def _changed(request: HttpRequest, sitting: Sitting) -> str:
    """Carry out what the form of the list asks, and say what was done."""
    at = clock.now()
    if request.POST.get("act") == "remove":
        chosen = [int(pk) for pk in request.POST.getlist("person") if pk.isdecimal() and len(pk) < 18]
        gone = candidates.remove(sitting=sitting, people=chosen, by=request.user, at=at)
        return ngettext("%(count)d person is taken off the list.", "%(count)d people are taken off the list.", gone) % {"count": gone}
    if request.POST.get("act") == "late":
        number, reason = request.POST.get("number", ""), request.POST.get("late_reason", "")
        listed = candidates.list_late(sitting=sitting, number=number, reason=reason, by=request.user, at=at)
        return _("%(name)s is on the list now: enter the marks of the sheet.") % {"name": listed.person.name}
    ids = [int(pk) for pk in request.POST.getlist("candidate") if pk.isdecimal() and len(pk) < 18]
    places = {pk: _place_of(request, pk) or ("", "") for pk in ids}
    seen = {pk: was for pk in ids if (was := _place_of(request, pk, "was-")) is not None}
    moved = candidates.seat(sitting=sitting, places=places, by=request.user, at=at, seen=seen)
    return ngettext("%(count)d place is changed.", "%(count)d places are changed.", moved) % {"count": moved}


def _keep_typed(request: HttpRequest, row: Candidate, refusal: Refused) -> None:
    """What was typed stays on the page; who was left where they were shows where they are now."""
    typed, was = _place_of(request, row.pk), _place_of(request, row.pk, "was-")
    if typed is None or typed == was:
        return
    row.room, row.seat = typed
    row.is_elsewhere = refusal.code == "moved_since" and was is not None and was != row.stands
    if was is not None and not row.is_elsewhere:  # else it is said beside it where they are: who saves then knows
        row.was = was


def _place_of(request: HttpRequest, pk: int, prefix: str = "") -> tuple[str, str] | None:
    """Room and seat of a candidate as the form has them; None where it has not."""
    if f"{prefix}room-{pk}" not in request.POST:
        return None
    return request.POST[f"{prefix}room-{pk}"], request.POST.get(f"{prefix}seat-{pk}", "")


SOURCES = {"unit": forms.ByUnitForm, "course": forms.ByCourseForm, "list": forms.ByListForm}


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def candidates_add(request: HttpRequest, pk: int) -> HttpResponse:
    """Three ways to name candidates; each leads to the plan. Nothing is written here."""
    sitting = sitting_of(request, pk)
    source = request.POST.get("source", "")
    asked = {name: _source_form(request, name, sitting, is_used=name == source) for name in SOURCES}
    form = asked.get(source)
    if form is not None and form.is_valid():
        try:
            return _plan_page(request, sitting, _named(sitting, source, form.cleaned_data))
        except Refused as refusal:
            form.add_error(None, refusal.message)
    return page_of(request, "add", sitting, {"forms": asked, "source": source, "form": form}, wrong=form is not None)


def _source_form(request: HttpRequest, name: str, sitting: Sitting, *, is_used: bool):
    more = {} if name == "list" else {"county": sitting.quiz.county}
    data = (request.POST, request.FILES) if is_used else ()
    return SOURCES[name](*data, prefix=name, **more)


def _named(sitting: Sitting, source: str, given: dict) -> list[candidates.Row]:
    if source == "unit":
        people = candidates.serving_in(sitting, unit=given["unit"], duties=given["duties"])
    elif source == "course":
        people = candidates.enrolled_in(sitting, given["course"], only_open=given["only_open"])
    elif given["file"]:
        return candidates.rows_of_file(given["file"], name=given["file"].name)
    else:
        return candidates.rows_of_text(given["text"])
    return candidates.rows_of_people(people)


@login_required
@never_cache
@require_POST
def candidates_put(request: HttpRequest, pk: int) -> HttpResponse:
    """Carry out the plan that was looked at, or hand its refused rows back as a file."""
    sitting = sitting_of(request, pk)
    rows = candidates.rows_of_text(request.POST.get("rows", ""))
    if request.POST.get("act") == "refused":
        return _refused_rows(candidates.plan(sitting=sitting, rows=rows))
    try:
        done = candidates.put(
            sitting=sitting,
            rows=rows,
            by=request.user,
            at=clock.now(),
            seen=request.POST.get("seen", ""),
            skip_bad_rows=request.POST.get("skip") == "yes",
        )
    except RefusedRows:
        return _plan_page(request, sitting, rows, refusal=_("Tick that the refused rows are left out, or hand in a mended list."))
    except Refused as refusal:
        return _plan_page(request, sitting, rows, refusal=refusal.message)
    messages.success(
        request, _("%(new)d people are new on the list, %(moved)d have another place.") % {"new": len(done.new), "moved": len(done.moved)}
    )
    return redirect("sitting_candidates", pk)


def _plan_page(request: HttpRequest, sitting: Sitting, rows: list[candidates.Row], *, refusal: str = "") -> HttpResponse:
    plan = candidates.plan(sitting=sitting, rows=rows)
    label_units([candidate.person for candidate in plan.new[:SHOWN]], [])
    named = len(plan.new[:SHOWN]) + len(plan.moved[:SHOWN])
    if named:
        _log(request, sitting, Kind.READ, "plan of candidates", rows=named)
    context = {"plan": plan, "rows": candidates.as_text(rows), "shown": SHOWN, "refusal": refusal, "is_nobody": not rows}
    return page_of(request, "plan", sitting, context, wrong=bool(refusal))


def _refused_rows(plan: candidates.Plan) -> HttpResponse:
    """The refused rows with the reason behind each: mend them there and hand the file in again."""
    columns = [
        Column(candidates.NUMBER, lambda error: error.values[0]),
        Column(candidates.ROOM, lambda error: error.values[1]),
        Column(candidates.SEAT, lambda error: error.values[2]),
        Column(_("Row"), lambda error: error.row),
        Column(_("Why"), lambda error: error.message, width=60),
    ]
    return Exporter(_("refused rows"), columns, plan.errors).xlsx()


@login_required
@never_cache
@require_safe
def candidates_export(request: HttpRequest, pk: int) -> HttpResponse:
    """The list with rooms and seats as a workbook, which can be handed in again. Logged before the first byte leaves."""
    sitting = sitting_of(request, pk)
    rows = list(_in_order(Candidate.objects.filter(sitting=sitting)))
    label_units([row.person for row in rows], [])
    _log(request, sitting, Kind.EXPORT, "exam candidates xlsx", rows=len(rows))
    columns = [
        Column(candidates.ROOM, lambda row: row.room),
        Column(candidates.SEAT, lambda row: row.seat, width=8),
        Column(candidates.NUMBER, lambda row: row.person.employee_number),
        Column("姓名", lambda row: row.person.name),
        Column("单位", lambda row: row.person.unit_label, width=36),
    ]
    return Exporter(_("Candidates of %(title)s") % {"title": sitting.title}, columns, rows).xlsx()


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sitting_rooms(request: HttpRequest, pk: int) -> HttpResponse:
    """The rooms with how many sit there; fill them by themselves."""
    sitting = sitting_of(request, pk)
    form = forms.RoomsForm(request.POST or None)
    if request.method != "POST" and sitting.state(clock.now()) != Sitting.State.CLOSED:
        form.initial["opened_on"] = sittings.stamp_of_list(sitting)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            seated = candidates.fill_rooms(
                sitting=sitting,
                names=given["names"].splitlines(),
                places=given["places"],
                mixed=given["order"] == "mixed",
                everybody=given["who"] == "all",
                seen=given["opened_on"],
                by=request.user,
                at=clock.now(),
            )
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(
                request, ngettext("%(count)d person has a place.", "%(count)d people have a place.", seated) % {"count": seated}
            )
            return redirect("sitting_rooms", pk)
    return page_of(request, "rooms", sitting, {"form": form, "rooms": _rooms(sitting)}, wrong=form.is_bound)


# ---- invigilators and allowances -----------------------------------------------------------


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sitting_invigilators(request: HttpRequest, pk: int) -> HttpResponse:
    sitting = sitting_of(request, pk)
    if request.method == "POST":
        person = get_object_or_404(Person.objects.within(sitting.quiz.county), pk=_number(request.POST.get("person")))
        act = sittings.dismiss if request.POST.get("act") == "dismiss" else sittings.appoint
        try:
            act(sitting=sitting, person=person, by=request.user, at=clock.now())
        except Refused as refusal:
            messages.error(request, refusal.message)
        return redirect("sitting_invigilators", pk)
    appointed = list(sitting.invigilators.select_related("unit").order_by("employee_number"))
    words = looked_for(request.GET, "q").strip()[:60]
    found = _search(Person.objects.serving().within(sitting.quiz.county).exclude(pk__in=[p.pk for p in appointed]), words)
    label_units([*appointed, *found], [])
    if found:
        _log(request, sitting, Kind.READ, "people to appoint", rows=len(found), filters={"q": words})
    return page_of(request, "invigilators", sitting, {"appointed": appointed, "found": found, "words": words, "limit": FOUND})


def _search(people, words: str) -> list[Person]:
    if not words:
        return []
    named = people.filter(Q(name__icontains=words) | Q(employee_number__icontains=words))
    return list(named.select_related("unit").order_by("employee_number")[:FOUND])


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 18 else 0


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sitting_allowances(request: HttpRequest, pk: int) -> HttpResponse:
    """More time or another attempt for one candidate, beforehand; what was given, by whom and why."""
    sitting = sitting_of(request, pk)
    listed = Person.objects.within(sitting.quiz.county)
    if sitting.is_listed:
        listed = listed.filter(candidacies__sitting=sitting)
    asked = _number(request.POST.get("person") or request.GET.get("person"))
    person = get_object_or_404(listed, pk=asked) if asked else None
    given_before = sittings.newest(person.allowances.all()) if person else 0
    form = forms.AllowanceForm(request.POST or None, initial={"seen": given_before})
    if request.method == "POST" and person is not None and form.is_valid():
        try:
            sittings.allow(person=person, quiz=sitting.quiz, sitting=sitting, by=request.user, at=clock.now(), **form.cleaned_data)
        except Refused as refusal:
            form.refuse(refusal, sittings.newest(person.allowances.all()))
        else:
            messages.success(request, _("Given to %(name)s.") % {"name": person.name})
            return redirect("sitting_allowances", pk)
    words = looked_for(request.GET, "q").strip()[:60]
    found = _search(listed, words)
    label_units(found, [])
    given = list(sitting.allowances.select_related("person", "by").order_by("-pk"))
    _log(request, sitting, Kind.READ, "exam allowances", rows=len(given) + len(found), filters={"q": words})
    context = {"form": form, "person": person, "found": found, "words": words, "given": given, "limit": FOUND}
    return page_of(request, "allowances", sitting, context, wrong=form.is_bound)


def _log(request: HttpRequest, sitting: Sitting, kind: str, what: str, *, rows: int, filters: dict | None = None) -> None:
    readings.record(
        reader=request.user,
        kind=kind,
        what=what,
        unit=sitting.quiz.county,
        filters={"sitting": sitting.pk} | (filters or {}),
        rows=rows,
        request=request,
    )


# ---- attempts at the quizzes of courses ----------------------------------------------------


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def person_attempts(request: HttpRequest, pk: int) -> HttpResponse:
    """HR gives a person of theirs another attempt, or more time, at a quiz of a course, in a round that they read. Each opening is logged."""
    require_role(request.user, Role.HR)
    person = get_object_or_404(people_of_hr(request.user).select_related("unit"), pk=pk)
    found = chances.of(person, reader=request.user)
    quizzes = Quiz.objects.filter(pk__in=[chance.quiz.pk for chance in found])
    given_before = sittings.newest(person.allowances.all())
    form = forms.QuizAllowanceForm(request.POST or None, quizzes=quizzes, initial={"seen": given_before})
    if request.method == "POST" and form.is_valid():
        try:
            sittings.allow(person=person, by=request.user, at=clock.now(), **form.cleaned_data)
        except Refused as refusal:
            form.refuse(refusal, sittings.newest(person.allowances.all()))
        else:
            messages.success(request, _("Given to %(name)s.") % {"name": person.name})
            return redirect("person_attempts", pk)
    readings.record(reader=request.user, kind=Kind.READ, what="quiz attempts", unit=person.unit, subject=person, rows=1, request=request)
    given = chances.given(person, found, reader=request.user)
    return render(
        request,
        "quizzes/manage/person.html",
        {"person": person, "chances": found, "form": form, "given": given, "is_self": person.pk == request.user.pk},
        status=422 if form.is_bound else 200,
    )
