"""The candidate's doors around an exam: own sittings, entering, signs of life, the receipt slip."""

import json
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core import clock
from core.errors import Refused
from core.prepared import Prepared
from people.services.readings import address_of
from quizzes.models import Attempt, Candidate, Sitting, Submission
from quizzes.services import attempts, entrance, exam_papers, own_sittings, presence, results, sittings, slips
from quizzes.views import goes_on_on_paper, is_ended, not_found, signed_out, state_in_json, unreadable

LONGEST_SIGN = 16 * 1024
EVENTS_AT_ONCE = 50
FIGURES = ("ago", "away", "length", "question")
HIGHEST = 10**6
WATCHED = 20  # the latest sittings that an invigilator finds on the page
LONGEST_REFRESH = 60 * 60  # seconds after which a page without the script asks again
TURN = "turn"  # the cookie with one's place in the line
SCRIPTS = [f"js/quizzes/{name}.js" for name in ("wire", "fields", "journal", "carrier", "clock", "presence", "attempt")]
RESULTS = {
    Sitting.Results.AT_ONCE: gettext_lazy("Result and explanations are shown at once."),
    Sitting.Results.CLOSED: gettext_lazy("Result and explanations are shown when the sitting is over for everybody."),
    Sitting.Results.HELD: gettext_lazy("The county's HR shows result and explanations later."),
}


@never_cache
@login_required
@require_GET
def own(request: HttpRequest) -> HttpResponse:
    """What one watches as an invigilator, and what one is to sit, sits, and has sat."""
    now = clock.now()
    mine = own_sittings.mine(person=request.user, at=now)
    watched = Sitting.objects.published().filter(invigilators=request.user).timed().select_related("quiz")[:WATCHED]
    return render(
        request,
        "quizzes/sittings.html",
        {
            "watched": [(one, one.state(now)) for one in watched],
            "open": [one for one in mine if one.is_running or one.may_enter],
            "coming": [one for one in reversed(mine) if one.is_coming],
            "past": [one for one in mine if one.is_past],
        },
    )


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def sitting(request: HttpRequest, pk: int) -> HttpResponse:
    """The rules of a sitting, one's own admission and what is noted; POST enters."""
    now = clock.now()
    sitting = _listed.first(pk, request.user.pk) or get_object_or_404(_known_to(request.user), pk=pk)
    refusal = None
    if request.method == "POST":
        turn = _turn(request, sitting, request.POST.get("turn", ""), now)
        if turn.at > now:
            return _keeping(turn, sitting, _wait(request, sitting, turn, now))
        try:
            return redirect("attempt", sittings.enter(person=request.user, sitting=sitting, at=now).pk)
        except Refused as error:
            refusal = error
    mine = own_sittings.one(person=request.user, sitting=sitting, at=now)
    door = sittings.admission(person=request.user, sitting=sitting, at=now)
    if mine.is_on_paper:
        refusal = attempts.gone_on_paper()
    elif refusal is None and not mine.is_running:
        refusal = door.refusal or _used_up(request, sitting, mine, now)
    is_over = mine.attempt is not None and not (mine.is_running or mine.is_on_paper)
    until = attempts.would_end(person=request.user, sitting=sitting, at=now) if refusal is None and not mine.is_running else None
    left = int((until - now).total_seconds()) if until is not None else 0
    is_cut = bool(sitting.quiz.minutes and 0 < left < sitting.quiz.minutes * 60)
    opens_in = max(int((door.opens_at - now).total_seconds() * 1000), 0)
    return render(
        request,
        "quizzes/sitting.html",
        {
            "sitting": sitting,
            "mine": mine,
            "door": door,
            "refusal": refusal,
            "waits": bool(refusal and refusal.code == "too_early"),
            "completion": sittings.completed_before(person=request.user, quiz=sitting.quiz, at=now) if mine.attempt is None else None,
            "is_over": is_over,
            "left": {"until": until, "minutes": left // 60, "seconds": left % 60} if is_cut else None,
            "waits_for_results": results.wait_for(sitting, now) if is_over else "",
            "opens_in": opens_in,
            "refresh": min(opens_in // 1000 + 1, LONGEST_REFRESH),
            "closes_at": sitting.window_of(request.user.pk)[2],
            "results": RESULTS[sitting.results],
            "total": exam_papers.questions_for(sitting, request.user),
            "scripts": SCRIPTS,
        },
        status=409 if request.method == "POST" else 200,
    )


def _turn(request: HttpRequest, sitting: Sitting, token: str, now: datetime) -> entrance.Turn:
    """The person's turn: by the token, else by that of the browser, which it keeps through a reload and for every web process."""
    return entrance.turn(person=request.user, sitting=sitting, token=token or request.COOKIES.get(TURN, ""), at=now)


def _keeping(turn: entrance.Turn, sitting: Sitting, response: HttpResponse) -> HttpResponse:
    path, lasts = reverse("sitting", args=[sitting.pk]), int(entrance.KEPT.total_seconds())
    response.set_cookie(TURN, turn.token, path=path, max_age=lasts, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
    return response


def _wait(request: HttpRequest, sitting: Sitting, turn: entrance.Turn, now: datetime) -> HttpResponse:
    """A page of few words and no query: hundreds may be told at the same moment."""
    context = {"sitting": sitting, "turn": turn, "turn_in": _turn_in(turn, now), "minutes": (turn.at - now) // timedelta(minutes=1) + 1}
    return render(request, "quizzes/sitting_turn.html", context, status=409)


def _turn_in(turn: entrance.Turn, now: datetime) -> int:
    """Milliseconds."""
    return int((turn.at - now).total_seconds() * 1000) + 1


@Prepared
def _listed(sitting, person):
    """The sitting, where the person is on its list: what nearly everybody is who enters one."""
    own = Candidate.objects.filter(person=person).values("sitting")
    return Sitting.objects.published().filter(pk=sitting, pk__in=own).timed().select_related("quiz")


def _known_to(user) -> QuerySet[Sitting]:
    """Every sitting that the person may know of; what this costs to put together, most who enter are spared."""
    return Sitting.objects.known_to(user).timed().select_related("quiz")


def _used_up(request: HttpRequest, sitting: Sitting, mine: own_sittings.OwnSitting, now) -> Refused | None:
    if mine.attempt is None:
        return None
    return attempts.standing(person=request.user, quiz=sitting.quiz, at=now, sitting=sitting).refusal


@never_cache
@require_http_methods(["GET", "POST"])
def door(request: HttpRequest, pk: int) -> HttpResponse:
    """{opens_in, may_enter, message}: whether one is let in now; for the page that waits. Milliseconds by the server's clock.

    POST {turn} enters: {go}, the address of the attempt, or 409 with {turn_in, turn}, and with {message} where one is refused.
    """
    if not request.user.is_authenticated:
        return signed_out()
    if request.method == "POST":
        return _come_in(request, pk)
    sitting = Sitting.objects.known_to(request.user).filter(pk=pk).first()
    if sitting is None:
        return not_found()
    now = clock.now()
    found = sittings.admission(person=request.user, sitting=sitting, at=now)
    return JsonResponse(
        {
            "opens_in": max(int((found.opens_at - now).total_seconds() * 1000), 0),
            "may_enter": found.refusal is None,
            "waits": bool(found.refusal and found.refusal.code == "too_early"),
            "message": found.refusal.message if found.refusal else "",
        }
    )


def _come_in(request: HttpRequest, pk: int) -> HttpResponse:
    now = clock.now()
    try:
        token = str(json.loads(request.body)["turn"]) if len(request.body) <= LONGEST_SIGN else ""
    except (ValueError, KeyError, TypeError, RecursionError):
        return unreadable()
    known = Sitting.objects.known_to(request.user).timed().select_related("quiz")
    sitting = _listed.first(pk, request.user.pk) or known.filter(pk=pk).first()
    if sitting is None:
        return not_found()
    turn = _turn(request, sitting, token, now)
    if turn.at > now:
        return _keeping(turn, sitting, JsonResponse({"turn_in": _turn_in(turn, now), "turn": turn.token}, status=409))
    try:
        attempt = sittings.enter(person=request.user, sitting=sitting, at=now)
    except Refused as refusal:
        return JsonResponse({"error": refusal.code, "message": refusal.message}, status=409)
    return JsonResponse({"go": reverse("attempt", args=[attempt.pk])})


@never_cache
@require_POST
def sign_of_life(request: HttpRequest, pk: int) -> JsonResponse:
    """POST {unacknowledged, events: [{kind, ago, away, length, question}], gone, new, page, replaces} of an open page; {remaining, over,
    newest, added} back.

    `gone`: it is being closed or reloaded; `new`: its first sign; `page`: its name; `replaces`: that of the page before a reload. `kind` is left, returned, reloaded or pasted; the rest are whole numbers: seconds ago, seconds away, signs that
    were pasted, number of the question. Refused like an answer: 400, 401, 404.
    """
    if not request.user.is_authenticated:
        return signed_out()
    now = clock.now()
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > LONGEST_SIGN:
            raise ValueError
        body = json.loads(request.body)
        unacknowledged = min(_figure(body["unacknowledged"]), attempts.ANSWERS_PER_ATTEMPT)
        noticed = [_noticed(event) for event in body.get("events", [])]
        page, replaces = (_name(body.get(of, "")) for of in ("page", "replaces"))
        if len(noticed) > EVENTS_AT_ONCE:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return unreadable()
    try:
        state = presence.note(
            attempt_id=pk,
            person=request.user,
            unacknowledged=unacknowledged,
            noticed=noticed,
            address=address_of(request),
            is_gone=body.get("gone") is True,
            is_new=body.get("new") is True,
            page=page,
            replaces=replaces,
            at=now,
        )
    except Attempt.DoesNotExist:
        return not_found()
    return JsonResponse(state_in_json(state, now))


def _name(value: object) -> str:
    if not isinstance(value, str) or len(value) > 20 or not (value == "" or value.isalnum()):
        raise ValueError
    return value


def _noticed(event: dict) -> presence.Noticed:
    if event["kind"] not in presence.FROM_THE_PAGE:
        raise ValueError
    return presence.Noticed(event["kind"], {name: _figure(event[name]) for name in FIGURES if name in event})


def _figure(value: object) -> int:
    if type(value) is not int or not 0 <= value <= HIGHEST:
        raise ValueError
    return value


@never_cache
@login_required
@require_GET
def slip(request: HttpRequest, pk: int) -> HttpResponse:
    """What was received, with a code that an invigilator can check. Holds nothing of the result; of a sheet nothing was received here."""
    now = clock.now()
    attempt = get_object_or_404(
        Attempt.objects.with_result().select_related("sitting", "quiz", "enrolment", "gone_on_paper").timed(), pk=pk, person=request.user
    )
    if goes_on_on_paper(attempt):
        return redirect("sitting", attempt.sitting_id)
    if not is_ended(attempt, now):
        return redirect("attempt", pk)
    if not hasattr(attempt, "submission"):
        attempts.end_by_clock(attempt=attempt, at=now)
        return redirect("attempt_slip", pk)
    if attempt.submission.cause == Submission.Cause.PAPER:
        return redirect("attempt_result", pk)
    return render(
        request,
        "quizzes/slip.html",
        {"attempt": attempt, "slip": slips.of(attempt), "waits": sittings.results_wait_for(attempt, now)},
    )


@never_cache
@login_required
@require_GET
def signed_in_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Where somebody lands who signed in again in another tab: tells the waiting page, and says to go back to it."""
    attempt = get_object_or_404(Attempt, pk=pk, person=request.user)
    return render(request, "quizzes/back.html", {"attempt": attempt})
