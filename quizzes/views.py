"""The learner's doors: a quiz, an attempt, an answer, its end, its result. They authorise, call, render."""

import json
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import caches
from django.db.models import F, OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from core import clock
from core.errors import Refused
from core.prepared import Prepared
from people.services import readings
from quizzes import kinds
from quizzes.models import Answer, Attempt, AttemptItem, ItemMark, Quiz, Sitting, Submission
from quizzes.services import attempts, keys, paper_marks, papers, presence, rating_corrections, ratings, remarks, sittings

MOST_BEFORE = 20  # acts with the last one of a page that goes away; static/js/quizzes/carrier.js sends no more
LONGEST_BODY = 64 * 1024  # of any kind's answer in JSON; how much text a kind takes is for its `read`
GONE = {"over", "time_over"}


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def quiz(request: HttpRequest, key: str) -> HttpResponse:
    """The rules of a quiz and where one stands; POST begins or continues an attempt."""
    quiz = get_object_or_404(Quiz.objects.visible_to(request.user), key=key)
    now = clock.now()
    refusal = None
    if request.method == "POST":
        try:
            return redirect("attempt", attempts.start(person=request.user, quiz=quiz, at=now).pk)
        except Refused as error:
            refusal = error
    standing = attempts.standing(person=request.user, quiz=quiz, at=now)
    refusal = refusal or standing.refusal
    if refusal is None and standing.open is None:
        refusal = keys.beside_an_exam(quiz, person=request.user, at=now)  # type: ignore[arg-type]
    draws = papers.draws_of(quiz)
    history = _history(standing.attempts, now)
    return render(
        request,
        "quizzes/quiz.html",
        {
            "quiz": quiz,
            "standing": standing,
            "refusal": refusal,
            "has_passed": any(row["result"] and row["result"].passed for row in history),
            "draws": draws,
            "total": sum(draw.count for draw in draws),
            "remaining": _remaining(standing.open, now) if standing.open else None,
            "page_attempts": history,
        },
        status=409 if request.method == "POST" else 200,
    )


def _history(tried: list[Attempt], now: datetime) -> list[dict]:
    """The attempts, the last one first, with their result where it may be seen."""
    found = Sitting.objects.timed().in_bulk({one.sitting_id for one in tried if one.sitting_id})
    waits: dict[int | None, str] = {}
    rows = []
    for one in reversed(tried):
        submission = getattr(one, "submission", None)
        one.sitting = found.get(one.sitting_id)
        if submission and one.sitting_id not in waits:
            waits[one.sitting_id] = sittings.results_wait_for(one, now)
        shown = submission and not waits[one.sitting_id]
        rows.append(
            {
                "attempt": one,
                "submission": submission,
                "result": submission.result if shown and not goes_on_on_paper(one) else None,
                "on_paper": goes_on_on_paper(one),
                "is_open": not attempts.is_closed(one) and not attempts.is_overdue(one, now),
            }
        )
    return rows


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def attempt(request: HttpRequest, pk: int) -> HttpResponse:
    """The paper with what stands on the server. POST is the whole form of a browser without the script."""
    now = clock.now()
    attempt = _seen.first(pk, request.user.pk)
    if attempt is None:
        raise Http404
    if goes_on_on_paper(attempt):
        return redirect("sitting", attempt.sitting_id)
    if is_ended(attempt, now):
        return _ended(request, attempt)
    refusal = None
    if request.method == "POST":
        items = _items(attempt)
        try:
            saved = attempts.save_form(attempt_id=pk, person=request.user, posted=_posted(request, items), at=now)
        except Refused as error:
            if error.code in GONE:
                return _finish(request, attempt, now, error.message)
            refusal = error
        else:
            if request.POST.get("then") == "submit":
                return redirect("attempt_submit", pk)
            if saved:
                messages.success(request, _("%(count)d answers saved.") % {"count": len(saved)})
            else:
                messages.info(request, _("Nothing had changed: all answers stand as before."))
            return redirect("attempt", pk)
    return render(
        request,
        "quizzes/attempt.html",
        {
            "attempt": attempt,
            "paper": _paper(attempt),
            "refusal": refusal,
            "remaining": _remaining(attempt, now),
            "added": presence.added_to(attempt),
        },
        status=409 if refusal else 200,
    )


@Prepared
def _seen(attempt, person):
    newest = Answer.objects.filter(attempt=OuterRef("pk")).order_by("-seq").values("seq")[:1]
    mine = Attempt.objects.filter(pk=attempt, person=person)
    return mine.select_related("submission", "gone_on_paper", "quiz").timed().in_turn().annotate(newest=Subquery(newest))


def _paper(attempt: Attempt) -> dict[str, str]:
    """The drawn questions and their navigator. Kept in this process: paper and answers are facts, so the
    attempt, its newest answer and the language say all that the pieces depend on. The seed is in the name
    since numbers of attempts come again in a database that was restored."""
    key = f"paper:{attempt.pk}:{attempt.seed}:{attempt.newest or 0}:{get_language()}"
    kept = caches["local"].get(key)
    if kept is None:
        views = _views(attempt, _items(attempt), has_answers=attempt.newest is not None)
        context = {"items": views, "answered": sum(view.is_complete for view in views)}
        kept = {name: render_to_string(f"quizzes/_{name}.html", context) for name in ("nav", "items")}
        caches["local"].set(key, kept)
    return kept


def _items(attempt: Attempt) -> list[AttemptItem]:
    """The items without what must not leave."""
    return list(AttemptItem.objects.filter(attempt=attempt).defer("key", "explanation", "source"))


def _views(attempt: Attempt, items: list[AttemptItem], *, has_answers: bool = True) -> list[papers.ItemView]:
    latest = Answer.objects.latest_of(attempt.pk) if has_answers else {}
    return [
        papers.view_of(item, latest[item.pk].response, latest[item.pk].seq) if item.pk in latest else papers.view_of(item) for item in items
    ]


def _posted(request: HttpRequest, items: list[AttemptItem]) -> dict:
    """Responses in the form by item id, for the items that the form held, each with the answer that it showed."""
    posted = {}
    for item in items:
        shown = request.POST.get(f"seq-{item.pk}", "")
        if shown.isdecimal() and len(shown) < 10:
            posted[item.pk] = (item.item_kind.posted(item.shown, request.POST, f"r-{item.pk}"), int(shown))
    return posted


def _remaining(attempt: Attempt, now: datetime) -> int | None:
    """Milliseconds until the attempt's end by the server's clock; None without limit."""
    return max(int((attempt.due_at - now).total_seconds() * 1000), 0) if attempt.due_at else None


def goes_on_on_paper(attempt: Attempt) -> bool:
    """Whether there is nothing to see of the attempt here: the page of its sitting says how it goes on. No query where it was selected."""
    return hasattr(attempt, "gone_on_paper")


def is_ended(attempt: Attempt, now: datetime) -> bool:
    return hasattr(attempt, "submission") or attempts.is_overdue(attempt, now)


def _ended(request: HttpRequest, attempt: Attempt) -> HttpResponse:
    """To the result; an attempt that the worker has not ended yet is ended here."""
    if not hasattr(attempt, "submission"):
        return _finish(request, attempt, clock.now(), _("The time is over. Everything that was acknowledged before counts."))
    return _after(attempt)


def _finish(request: HttpRequest, attempt: Attempt, now: datetime, message: str) -> HttpResponse:
    if attempts.end_by_clock(attempt=attempt, at=now) is None:  # minutes were added just now
        return redirect("attempt", attempt.pk)
    messages.warning(request, message)
    return _after(attempt)


def _after(attempt: Attempt) -> HttpResponse:
    """What one sees first when it is over: of an exam the slip, else the result."""
    return redirect("attempt_slip" if attempt.sitting_id else "attempt_result", attempt.pk)


@never_cache
@require_http_methods(["GET", "POST"])
def answer(request: HttpRequest, pk: int) -> JsonResponse:
    """POST {item, response, token}: save one answer, acknowledged with {seq, code, remaining}. GET: what stands.

    Beside these `base`, the number of the answer that the page knew, and `late`, true for an act that was
    made a while before it could be sent: see `attempts.save`. Then the reply may hold `other`. `before`, earlier acts of the
    same item that the page sends with its last one as it goes away: they are stored first, and the reply is about the last.

    Always JSON, so that the page keeps what is not saved: 401 signed out, 404 not one's own, 409 refused
    for good, 400 not readable, 413 too long. Anything else is for the page to try again.
    """
    if not request.user.is_authenticated:
        return signed_out()
    now = clock.now()
    if request.method == "GET":
        return _what_stands(request, pk, now)
    if int(request.META.get("CONTENT_LENGTH") or 0) > LONGEST_BODY:
        return JsonResponse({"error": "too_long", "message": _("This answer is too long to be saved. Please shorten it.")}, status=413)
    try:
        *before, act = _acts(request.body)
    except (ValueError, KeyError, TypeError, RecursionError):
        return unreadable()
    try:
        for earlier in before:
            with suppress(Refused):  # whatever is wrong with it, the last one is the answer
                attempts.save(attempt_id=pk, person=request.user, at=now, **earlier)
        receipt = attempts.save(attempt_id=pk, person=request.user, at=now, **act)
    except Attempt.DoesNotExist:
        return not_found()
    except Refused as refusal:
        return JsonResponse({"error": refusal.code, "message": refusal.message}, status=409)
    remaining = max(int((receipt.ends_at - now).total_seconds() * 1000), 0) if receipt.ends_at else None
    reply: dict = {"seq": receipt.seq, "code": receipt.code, "remaining": remaining}
    if receipt.other:
        reply["other"] = asdict(receipt.other)
    return JsonResponse(reply)


def _acts(raw: bytes) -> list[dict]:
    """What `attempts.save` takes of a posted act and of those before it, the last one last. Raises: ValueError, KeyError, TypeError, RecursionError."""
    body = json.loads(raw)
    if not isinstance(body, dict):
        raise ValueError
    before = body.get("before") or []
    if not isinstance(before, list) or len(before) > MOST_BEFORE or any(one["item"] != body["item"] for one in before):
        raise ValueError
    return [_act(one) for one in [*before, body]]


def _act(body: dict) -> dict:
    item, token, base = body["item"], body["token"], body.get("base")
    if type(item) is not int or not 0 < item < 2**63 or not isinstance(token, str) or not 0 < len(token) <= 40 or "\x00" in token:
        raise ValueError
    if base is not None and (type(base) is not int or not 0 <= base < attempts.NEVER):
        raise ValueError
    response = body["response"]
    json.dumps([token, response], ensure_ascii=False).encode()  # a lone surrogate can be neither kept nor shown
    return {"item_id": item, "token": token, "response": response, "base": base, "is_late": body.get("late") is True}


def signed_out() -> JsonResponse:
    return JsonResponse(
        {"error": "signed_out", "message": _("You are signed out. Sign in again; your answers wait on this page.")}, status=401
    )


def _what_stands(request: HttpRequest, pk: int, now: datetime) -> JsonResponse:
    get_token(request)  # a page whose cookies were lost gets a new token with it
    try:
        state = presence.state(attempt_id=pk, person=request.user, at=now)
    except Attempt.DoesNotExist:
        return not_found()
    stands = [{"item": a.item_id, "seq": a.seq, "response": a.response} for a in Answer.objects.latest_of(pk).values()]
    return JsonResponse(state_in_json(state, now) | {"answers": stands})


def state_in_json(state: presence.State, now: datetime) -> dict:
    """What an open page is told: milliseconds left, whether it is over, the newest answer's number, minutes that were added."""
    return {
        "remaining": _remaining(state.attempt, now),
        "over": state.is_over,
        "newest": state.newest,
        "added": [asdict(one) for one in state.added],
    }


def unreadable() -> JsonResponse:
    return JsonResponse({"error": "unreadable", "message": _("The answer could not be read.")}, status=400)


def not_found() -> JsonResponse:
    return JsonResponse({"error": "not_found", "message": _("There is no such attempt of yours.")}, status=404)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks once more, naming what is open; POST ends the attempt."""
    now = clock.now()
    attempt = get_object_or_404(Attempt.objects.select_related("submission", "gone_on_paper").timed(), pk=pk, person=request.user)
    if goes_on_on_paper(attempt):
        return redirect("sitting", attempt.sitting_id)
    if hasattr(attempt, "submission"):
        return _after(attempt)
    if request.method == "POST":
        attempts.submit(attempt=attempt, at=now)
        return _after(attempt)
    if attempts.is_overdue(attempt, now):
        return _ended(request, attempt)
    views = _views(attempt, _items(attempt))
    return render(
        request,
        "quizzes/submit.html",
        {
            "attempt": attempt,
            "open": [view for view in views if not view.is_answered],
            "partly": [view for view in views if view.is_answered and not view.is_complete],
            "total": len(views),
            "remaining": _remaining(attempt, now),
        },
    )


@never_cache
@login_required
@require_GET
def result(request: HttpRequest, pk: int) -> HttpResponse:
    """Score, own and right answers, explanations. Nothing of it leaves before the attempt is over."""
    found = (
        Attempt.objects.readable_by(request.user)
        .with_result()
        .timed()
        .in_turn()
        .select_related("quiz", "enrolment__course", "enrolment__edition", "sitting", "gone_on_paper")
    )
    attempt = get_object_or_404(found, pk=pk)
    is_own = attempt.person_id == request.user.pk
    if goes_on_on_paper(attempt):
        if is_own:
            return redirect("sitting", attempt.sitting_id)
        raise Http404
    if not is_ended(attempt, clock.now()):
        if is_own:
            return redirect("attempt", pk)
        raise Http404
    if not hasattr(attempt, "submission"):
        attempts.end_by_clock(attempt=attempt, at=clock.now())
        return redirect(reverse("attempt_result", args=[pk]))
    waits = sittings.results_wait_for(attempt, clock.now())
    on_paper = attempt.submission.cause == Submission.Cause.PAPER
    if waits and is_own:
        return redirect("sitting", attempt.sitting_id) if on_paper else redirect("attempt_slip", pk)
    if waits:
        raise Refused(waits, code="results_wait")
    if not is_own:
        readings.record(
            reader=request.user,
            kind="read",
            what="attempt",
            unit=attempt.unit,
            subject=attempt.person,
            filters={"attempt": pk},
            rows=1,
            request=request,
        )
    result = attempt.submission.result
    marked = result.marks.select_related("item", "answer").annotate(evidence=F("item__question__mark"))
    marks = list(marked.order_by("item__position"))
    told, standing_keys = remarks.told(attempt.submission), keys.standing(mark.item for mark in marks)
    keys_wait = keys.wait_for(attempt, reader=request.user, at=clock.now())  # type: ignore[arg-type]
    tasks = ratings.tasks_of(attempt.submission) if result.is_complete and result.supersedes_id else []
    comments, given = ratings.comments(tasks), ratings.given(tasks, marks)
    lines = []
    for mark in marks:
        stands = standing_keys[mark.item_id]
        parts = {} if stands.is_given else given.get(mark.item_id, {})
        lines.append(_line(mark, stands.key, comments.get(mark.item_id, []), parts, is_on_paper=on_paper))
    may_try_again = is_own and attempt.sitting is None and result.is_complete and not result.passed
    standing = attempts.standing(person=request.user, quiz=attempt.quiz, at=clock.now()) if may_try_again else None
    return render(
        request,
        "quizzes/result.html",
        {
            "attempt": attempt,
            "submission": attempt.submission,
            "result": result,
            "lines": lines,
            "keys_wait": keys_wait,
            "is_own": is_own,
            "on_paper": on_paper,
            "standing": standing,
            "remarks": told,
            "corrections": [
                one
                for one in paper_marks.corrections_of(attempt.submission)
                if not (one.is_entry or one.is_waiting) and one.decision.approved
            ],
            "corrected": rating_corrections.told(tasks, marks),
            "sees_ratings": bool(tasks) and Attempt.objects.ratings_read_by(request.user).filter(pk=pk).exists(),
            "open": sum(line["mark"].fraction is None for line in lines),
            "right": sum(line["mark"].fraction == 1 for line in lines if not line["by_people"]),
            "of_keys": sum(not line["by_people"] for line in lines),
            "minutes": _minutes(attempt),
        },
    )


def _line(mark: ItemMark, key: Any, comments: list[str], given: dict[int, kinds.Given], *, is_on_paper: bool = False) -> dict:
    item, kind = mark.item, mark.item.item_kind
    response = mark.answer.response if mark.answer else None
    return {
        "mark": mark,
        "item": item,
        "kind": kind,
        "comments": comments,
        "is_answered": response is not None or is_on_paper,
        "by_people": kind.by_people(item.shown),
        "lines": kind.with_given(kind.explain(item.shown, key, response), given),
    }


def _minutes(attempt: Attempt) -> int:
    """Whole minutes that were used, at least one."""
    return max(round((attempt.submission.at - attempt.started_at).total_seconds() / 60), 1)
