"""HR's doors to what was written on paper: enter the points of a candidate, correct them, agree to a correction."""

import io

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core import clock
from core.errors import Refused
from core.figures import figure
from core.text import looked_for
from courses.slots import HANGING
from people.models import Person, ReadingOfOthers
from people.services import readings
from people.views.staff import label_units
from quizzes import sitting_forms as forms
from quizzes.models import Attempt, PaperCorrection, Sitting, Submission
from quizzes.organising import page_of, sitting_of
from quizzes.permissions import counts_elsewhere, may_take_pass
from quizzes.services import attempts, correcting, paper_marks, printing, sheets

SHEETS_AT_ONCE = 30  # as many as somebody has on the table


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sitting_marks(request: HttpRequest, pk: int, person_pk: int) -> HttpResponse:
    """What one candidate of a closed sitting wrote on paper: choose the paper, then the points of each question. Later: what was entered.

    `another` is for the sheet of a further attempt; of several that were entered `attempt` says which.
    """
    sitting = sitting_of(request, pk)
    person = _candidate(sitting, person_pk)
    tried = paper_marks.tried_in(sitting, person)
    went_on = attempts.without_marks(tried)
    may_enter = paper_marks.may_enter(sitting, person, tried, clock.now())
    is_entering = "another" in request.GET and may_enter if went_on is None else "attempt" not in request.GET
    if tried and not is_entering and request.method != "POST":
        written = list(_sheets(sitting, person))
        sheet = _asked_for(request, written)
        if sheet is None:
            return _page(request, sitting, person, {"standing": tried[-1], "form": None, "may_enter_another": may_enter})
        return _entered(
            request, sitting, person, sheet, more={"may_enter_another": may_enter, "others": [one for one in written if one != sheet]}
        )
    handed_out = [went_on.paper] if went_on is not None and went_on.paper else list(sitting.papers.order_by("label"))
    asked = request.POST.get("paper") or request.GET.get("paper") or ""
    paper = next((paper for paper in handed_out if str(paper.pk) == asked), handed_out[0] if len(handed_out) == 1 else None)
    form = None
    if paper is not None:
        on_screen = paper_marks.on_screen(went_on, paper) if went_on is not None else {}
        form = forms.EnterMarksForm(
            request.POST or None,
            items=paper.items.order_by("position"),
            on_screen=on_screen,
            initial={"seen": paper_marks.newest(tried)},
        )
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            marking = paper_marks.enter_marks(
                person=person,
                paper=paper,
                sitting=sitting,
                seen=form.cleaned_data["seen"],
                points=form.points,
                code=form.cleaned_data["code"],
                by=request.user,
                at=clock.now(),
            )
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            outcome = {"name": person.name, "score": figure(marking.score), "out_of": figure(marking.out_of)}
            if marking.is_complete:
                said = _("Entered for %(name)s: %(score)s of %(out_of)s points.")
            else:
                said = _("Kept for %(name)s: %(score)s of %(out_of)s points. It is a pass, so a second person has to agree.")
            messages.success(request, said % outcome)
            return redirect("sitting_candidates", pk)
    context = {"papers": handed_out, "paper": paper, "form": form, "went_on": went_on, "is_another": bool(tried) and went_on is None}
    return _page(request, sitting, person, context, wrong=bool(form and form.is_bound))


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def marks_correct(request: HttpRequest, pk: int, person_pk: int) -> HttpResponse:
    """Correct what was entered from paper: the points as they stand on the sheet, and why."""
    sitting = sitting_of(request, pk)
    person = _candidate(sitting, person_pk)
    attempt = _asked_for(request, list(_sheets(sitting, person)))
    if attempt is None:
        raise Http404
    current = attempt.submission.result
    marks = list(current.marks.select_related("item").order_by("item__position"))
    form = forms.CorrectionForm(
        request.POST or None,
        items=[mark.item for mark in marks],
        earned={mark.item.position: mark.earned for mark in marks},
        fixed=paper_marks.given_to_all(attempt.submission),
        initial={"seen": current.pk},
    )
    if request.method == "POST" and form.is_valid():
        try:
            made = paper_marks.correct(
                submission=attempt.submission,
                seen=form.cleaned_data["seen"],
                points=form.points,
                reason=form.cleaned_data["reason"],
                by=request.user,
                at=clock.now(),
            )
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            if made.is_waiting:
                messages.success(
                    request, _("Kept. A pass comes or goes by it, so a second person has to agree; until then the marks stand.")
                )
            else:
                messages.success(request, _("Corrected. What stood before stays on record."))
            return _to_sheet(sitting, attempt)
    context = {"attempt": attempt, "form": form, "correcting": True, "is_own": person.pk == request.user.pk}
    return _page(request, sitting, person, context, wrong=form.is_bound)


@login_required
@never_cache
@require_POST
def marks_decide(request: HttpRequest, pk: int, person_pk: int, correction_pk: int) -> HttpResponse:
    """The second person's yes or no to a correction."""
    sitting = sitting_of(request, pk)
    person = _candidate(sitting, person_pk)
    correction = get_object_or_404(
        PaperCorrection, pk=correction_pk, submission__attempt__sitting=sitting, submission__attempt__person=person
    )
    attempt = _sheets(sitting, person).get(submission=correction.submission_id)
    form = forms.CorrectionDecisionForm(request.POST)
    if form.is_valid():
        try:
            decision = paper_marks.decide(
                correction=correction, approved=request.POST.get("decision") == "yes", by=request.user, at=clock.now(), **form.cleaned_data
            )
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            told = (
                _("Corrected. What stood before stays on record.") if decision.approved else _("Turned down: the marks stay as they are.")
            )
            messages.success(request, told)
            return _to_sheet(sitting, attempt)
    return _entered(request, sitting, person, attempt, form)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def marks_agree(request: HttpRequest, pk: int) -> HttpResponse:
    """The second person's yes to several sheets at once: each is shown with its points and ticked by itself."""
    sitting = sitting_of(request, pk)
    chosen = {int(given) for given in request.POST.getlist("correction") if given.isdecimal() and len(given) < 18}
    wrong = ""
    if request.method == "POST":
        if not chosen:
            wrong = _("Tick the sheets that you have looked at.")
        elif request.POST.get("looked") != "yes":
            wrong = _("Say that you have taken out each ticked sheet and found these points on it.")
        else:
            decided, refused = paper_marks.agree(sitting=sitting, corrections=chosen, by=request.user, at=clock.now())
            if decided:
                said = ngettext("Agreed to %(count)d sheet.", "Agreed to %(count)d sheets.", len(decided))
                messages.success(request, said % {"count": len(decided)})
            for refusal in refused:
                messages.warning(request, refusal.message)
            return redirect("marks_agree", pk)
    waiting = paper_marks.waiting_in_full(sitting)
    own = [one for one in waiting if request.user.pk in {one.correction.by_id, one.correction.submission.attempt.person_id}]
    together = [one for one in waiting if one.may_be_agreed_together and one not in own]
    page = together[:SHEETS_AT_ONCE]
    if page:
        readings.record(
            reader=request.user,
            kind=ReadingOfOthers.Kind.READ,
            what="marks from paper",
            unit=sitting.quiz.county,
            filters={"sitting": sitting.pk},
            rows=len(page),
            request=request,
        )
    context = {
        "rows": page,
        "later": len(together) - len(page),
        "own": own,
        "alone": [one for one in waiting if one not in own and one not in together],
        "chosen": chosen,
        "wrong": wrong,
    }
    return page_of(request, "agree", sitting, context, wrong=bool(wrong))


@login_required
@never_cache
@require_GET
def sitting_sheets(request: HttpRequest, pk: int) -> HttpResponse:
    """The answer sheets of the candidates as one PDF; `room` for one room, `blank` for sheets without a name. Each download is logged."""
    sitting = sitting_of(request, pk)
    room = looked_for(request.GET, "room")
    only = None if not room else "" if room == "-" else room
    try:
        made = sheets.pdf(sitting=sitting, by=request.user, at=clock.now(), room=only, blank="blank" in request.GET)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("sitting_candidates", pk)
    readings.record(
        reader=request.user,
        kind=ReadingOfOthers.Kind.EXPORT,
        what="answer sheets",
        unit=sitting.quiz.county,
        filters={"sitting": sitting.pk, "room": room or ""},
        rows=0 if "blank" in request.GET else sitting.listed,
        request=request,
    )
    name = f"{sitting.title}-{room + '-' if room and room != '-' else ''}{printing.PARTS['sheet']}.pdf"
    return FileResponse(io.BytesIO(made), as_attachment=True, filename=name, content_type="application/pdf")


def _candidate(sitting: Sitting, pk: int) -> Person:
    """Whoever is on the list, wherever they serve by now; without a list also whoever sat it, or serves in the county."""
    found = Q(pk__in=sitting.candidates.values("person"))
    if not sitting.is_listed:
        found |= Q(pk__in=sitting.attempts.values("person")) | Q(unit__path__startswith=sitting.quiz.county.path)
    return get_object_or_404(Person.objects.filter(found).select_related("unit"), pk=pk)


def _sheets(sitting: Sitting, person: Person):
    """The attempts of the person in the sitting that were entered from paper, the newest first."""
    found = Attempt.objects.filter(sitting=sitting, person=person, submission__cause=Submission.Cause.PAPER)
    return found.with_result().select_related("submission", "paper", "quiz").in_order().reverse()


def _asked_for(request: HttpRequest, written: list[Attempt]) -> Attempt | None:
    """Of these sheets the one that `attempt` names, else the newest."""
    return next((one for one in written if str(one.pk) == request.GET.get("attempt")), written[0] if written else None)


def _to_sheet(sitting: Sitting, attempt: Attempt) -> HttpResponse:
    return redirect(f"{reverse('sitting_marks', args=[sitting.pk, attempt.person_id])}?attempt={attempt.pk}")


def _entered(
    request: HttpRequest,
    sitting: Sitting,
    person: Person,
    attempt: Attempt,
    decision: forms.CorrectionDecisionForm | None = None,
    more: dict | None = None,
) -> HttpResponse:
    """The marks of a sheet that stand, what was corrected, and what waits for a second person."""
    submission = attempt.submission
    result = submission.result
    history = paper_marks.corrections_of(submission)
    waiting = next((one for one in history if one.is_waiting), None)
    marks = list(result.marks.select_related("item").order_by("item__position"))
    context = {
        "standing": attempt,
        "entered": result,
        "marks": marks,
        "history": [one for one in history if not one.is_waiting],
        "waiting": waiting,
        "effect": correcting.effect(result, paper_marks.points_of(waiting), marks) if waiting else None,
        "is_stale": waiting is not None and waiting.marking_id != result.pk,
        "is_own": person.pk == request.user.pk,
        "may_decide": waiting is not None and request.user.pk not in {waiting.by_id, person.pk},
        "may_take_pass": waiting is not None and may_take_pass(request.user, attempt),
        "counts_elsewhere": waiting is not None and counts_elsewhere(attempt),
        "completion": (completion := paper_marks.hanging_on(result) if waiting else None),
        "certificate": HANGING.of([completion.pk]).get(completion.pk) if completion else None,
        "form": decision or forms.CorrectionDecisionForm(),
    }
    return _page(request, sitting, person, context | (more or {}), wrong=decision is not None)


def _page(request: HttpRequest, sitting: Sitting, person: Person, context: dict, *, wrong: bool = False) -> HttpResponse:
    label_units([person], [])
    if request.user.pk != person.pk:
        readings.record(
            reader=request.user,
            kind=ReadingOfOthers.Kind.READ,
            what="marks from paper",
            unit=sitting.quiz.county,
            subject=person,
            filters={"sitting": sitting.pk},
            rows=1,
            request=request,
        )
    about = {"person": person, "candidate": sitting.candidates.filter(person=person).first(), "has_papers": sitting.papers.exists()}
    return page_of(request, "marks", sitting, about | context, wrong=wrong)
