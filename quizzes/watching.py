"""The invigilator's doors: the board of a sitting, one candidate, added time, receipt slips."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRefresh

from core import clock
from core.errors import Refused
from core.text import looked_for
from people.models import ReadingOfOthers
from people.services import readings
from quizzes import board
from quizzes.models import Allowance, Attempt, Candidate, Extension, Sitting
from quizzes.services import late_papers, paper_marks, sittings, slips
from quizzes.services.attempts import is_closed, is_overdue
from quizzes.sitting_forms import LatePaperDecisionForm, LatePaperForm, OnPaperForm, TimeForm

EVERY = 10  # seconds between two looks of an open page
OPENED = "watches"  # in the session: sittings whose reading is written down


def _sitting(request: HttpRequest, pk: int, *, may_add_time: bool = False) -> Sitting:
    """A published sitting that the user watches (auditors only look); for everybody else there is none."""
    found = Sitting.objects.run_by(request.user) if may_add_time else Sitting.objects.visible_to(request.user)
    return get_object_or_404(found.published().timed().select_related("quiz__county"), pk=pk)


@never_cache
@require_safe
def sitting_watch(request: HttpRequest, pk: int) -> HttpResponse:
    """The board. The open page asks again for it alone; signed out it loads itself anew, and so comes to the sign-in."""
    if request.htmx and not request.user.is_authenticated:
        return HttpResponseClientRefresh()
    return _watch(request, pk)


@login_required
def _watch(request: HttpRequest, pk: int) -> HttpResponse:
    sitting = _sitting(request, pk)
    at = clock.now()
    room, state = looked_for(request.GET, "room"), looked_for(request.GET, "state")
    found = board.of(sitting, at=at, room=room, state=state, page=request.GET.get("page"))
    _log(request, sitting, rows=found.everybody, room=room)
    still_sit = any(found.numbers[each] for each in (board.State.SILENT, board.State.UNSAVED, board.State.WORKING))
    is_live = (at < sitting.over_at or still_sit) and request.GET.get("live") != "0"
    context = {
        "sitting": sitting,
        "board": found,
        "chosen": {"room": room, "state": state if state in board.State.values else ""},
        "states": [(each, found.numbers[each]) for each in board.State],
        "every": EVERY if is_live else 0,
        "stands_still": request.GET.get("live") == "0",
        "is_closed": at >= sitting.over_at,
    }
    if request.htmx:
        return render(request, "quizzes/watch/_board.html", context)
    context |= {
        "rooms": board.rooms_of(sitting),
        "state": sitting.state(at),
        "may_add_time": Sitting.objects.run_by(request.user).filter(pk=pk).exists(),
        "extensions": list(sitting.extensions.select_related("by").order_by("-pk")),
    }
    return render(request, "quizzes/watch/board.html", context)


def _log(request: HttpRequest, sitting: Sitting, *, rows: int, room: str) -> None:
    """A reading for each time the page is opened; the looks that follow are the same reading."""
    opened = request.session.get(OPENED, [])
    if request.htmx and sitting.pk in opened:
        return
    readings.record(
        reader=request.user,
        kind=ReadingOfOthers.Kind.READ,
        what="exam watch",
        unit=sitting.quiz.county,
        filters={"sitting": sitting.pk, "room": room},
        rows=rows,
        request=request,
    )
    if sitting.pk not in opened:
        request.session[OPENED] = [*opened[-19:], sitting.pk]


@login_required
@never_cache
@require_safe
def watch_one(request: HttpRequest, pk: int, attempt_pk: int) -> HttpResponse:
    """What was noted of one candidate, in its order, and the time that was added. Each opening is logged."""
    sitting = _sitting(request, pk)
    attempt = _attempt(sitting, attempt_pk)
    _log_one(request, attempt, "exam candidate")
    at = clock.now()
    return render(
        request,
        "quizzes/watch/one.html",
        {
            "sitting": sitting,
            "attempt": attempt,
            "place": Candidate.objects.filter(sitting=sitting, person=attempt.person_id).first(),
            "presence": getattr(attempt, "presence", None),
            "incidents": list(attempt.incidents.order_by("at", "pk")),
            "extensions": list(
                sittings.extensions_of(attempt=attempt).filter(at__gt=attempt.started_at).select_related("by").order_by("pk")
            ),
            "allowances": list(Allowance.objects.filter(sitting=sitting, person=attempt.person_id).select_related("by").order_by("pk")),
            "may_add_time": _may_have_time(attempt, at) and Sitting.objects.run_by(request.user).filter(pk=pk).exists(),
            "gone_on_paper": getattr(attempt, "gone_on_paper", None),
            "late_papers": list(attempt.late_papers.select_related("by", "decision__by")),
            "may_bring_paper": late_papers.may_be_brought(attempt, at) and Sitting.objects.run_by(request.user).filter(pk=pk).exists(),
            "at": at,
        },
    )


def _attempt(sitting: Sitting, pk: int) -> Attempt:
    return get_object_or_404(
        Attempt.objects.timed().select_related("submission", "gone_on_paper__by", "presence", "person", "unit", "paper"),
        pk=pk,
        sitting=sitting,
    )


def _may_have_time(attempt: Attempt, at) -> bool:
    return attempt.ends_at is not None and not is_closed(attempt) and not is_overdue(attempt, at)


def _log_one(request: HttpRequest, attempt: Attempt, what: str) -> None:
    readings.record(
        reader=request.user,
        kind=ReadingOfOthers.Kind.READ,
        what=what,
        unit=attempt.unit,
        subject=attempt.person,
        filters={"attempt": attempt.pk},
        rows=1,
        request=request,
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sitting_time(request: HttpRequest, pk: int) -> HttpResponse:
    """Add time for everybody in the sitting, with a reason and a tick. Raises Refused, which is a page of its own, for who would gain."""
    sitting = _sitting(request, pk, may_add_time=True)
    sittings.refuse_own_time(sitting, by=request.user, at=clock.now())  # type: ignore[arg-type]
    open_now = Attempt.objects.open().filter(sitting=sitting).count()
    return _add_time(request, sitting, None, {"open_now": open_now})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def attempt_time(request: HttpRequest, pk: int, attempt_pk: int) -> HttpResponse:
    """Add time for one candidate, with a reason and a tick."""
    sitting = _sitting(request, pk, may_add_time=True)
    attempt = _attempt(sitting, attempt_pk)
    if attempt.person_id == request.user.pk:
        raise Http404
    return _add_time(request, sitting, attempt, {"attempt": attempt})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def attempt_on_paper(request: HttpRequest, pk: int, attempt_pk: int) -> HttpResponse:
    """One candidate goes on on paper: with a reason and a tick the screen is closed to them. Where the clock was quicker two agree on it."""
    sitting = _sitting(request, pk, may_add_time=True)
    attempt = _attempt(sitting, attempt_pk)
    if attempt.person_id == request.user.pk:
        raise Http404
    if late_papers.may_be_brought(attempt, clock.now()):
        return _late_paper(request, sitting, attempt)
    form = OnPaperForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            paper_marks.go_on(attempt=attempt, reason=form.cleaned_data["reason"], by=request.user, at=clock.now())
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("%(name)s goes on on paper.") % {"name": attempt.person_name})
            return redirect("watch_one", sitting.pk, attempt.pk)
    context = {"sitting": sitting, "attempt": attempt, "form": form}
    return render(request, "quizzes/watch/on_paper.html", context, status=422 if form.is_bound else 200)


def _late_paper(request: HttpRequest, sitting: Sitting, attempt: Attempt) -> HttpResponse:
    """Bring in a paper that was written while the server was down past the candidate's end; the second person's yes or no."""
    brought = list(attempt.late_papers.select_related("by", "decision__by"))
    waiting = next((one for one in brought if not hasattr(one, "decision")), None)
    form = (LatePaperForm if waiting is None else LatePaperDecisionForm)(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given, who = form.cleaned_data, {"by": request.user, "at": clock.now()}
        try:
            if waiting is None:
                facts = {name: given[name] for name in ("from_at", "until", "reason")}
                late_papers.bring(attempt=attempt, **facts, **who)
                messages.success(request, _("Kept. A second person who was there has to agree."))
            elif late_papers.decide(
                late_paper=waiting, approved=request.POST.get("decision") == "yes", reason=given["reason"], **who
            ).approved:
                messages.success(request, _("Agreed. The marks of the sheet are entered when the sitting is over."))
            else:
                messages.success(request, _("Turned down: the attempt counts as the clock handed it in."))
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            return redirect("watch_one", sitting.pk, attempt.pk)
    context = {
        "sitting": sitting,
        "attempt": attempt,
        "form": form,
        "waiting": waiting,
        "turned_down": [one for one in brought if one is not waiting],
        "may_decide": waiting is not None and waiting.by_id != request.user.pk,
    }
    return render(request, "quizzes/watch/late_paper.html", context, status=422 if form.is_bound else 200)


def _add_time(request: HttpRequest, sitting: Sitting, attempt: Attempt | None, context: dict) -> HttpResponse:
    what = {"attempt": attempt} if attempt else {"sitting": sitting}
    form = TimeForm(request.POST or None, initial={"seen": sittings.newest(sittings.extensions_of(**what))})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        facts = {"minutes": given["minutes"], "reason": given["reason"], "seen": given["seen"]}
        try:
            made = sittings.extend(**what, **facts, by=request.user, at=clock.now())
        except Refused as refusal:
            form.refuse(refusal, sittings.newest(sittings.extensions_of(**what)))
        else:
            messages.success(request, _done(made))
            return redirect("sitting_watch", sitting.pk)
    return render(request, "quizzes/watch/time.html", {"sitting": sitting, "form": form} | context, status=422 if form.is_bound else 200)


def _done(made: Extension) -> str:
    if made.attempt_id:
        return _("%(name)s has %(minutes)d minutes more.") % {"name": made.attempt.person_name, "minutes": made.minutes}
    return _("Everybody has %(minutes)d minutes more.") % {"minutes": made.minutes}


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sitting_slip(request: HttpRequest, pk: int) -> HttpResponse:
    """Whether the code on a receipt slip is genuine: whose it is, when it was handed in, how many answers. Of this sitting alone."""
    sitting = _sitting(request, pk)
    code = request.POST.get("code", "").strip()[:100]
    slip = slips.check(code) if code else None
    is_elsewhere = slip is not None and slip.attempt.sitting_id != sitting.pk
    if is_elsewhere:
        slip = None
    if slip is not None:
        _log_one(request, slip.attempt, "receipt slip")
    context = {"sitting": sitting, "code": code, "slip": slip, "is_elsewhere": is_elsewhere, "is_asked": request.method == "POST"}
    return render(request, "quizzes/watch/slip.html", context)
