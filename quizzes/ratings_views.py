"""Doors to what each marker gave for the answers of an attempt, and to the correction of settled points by two persons."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core import clock
from core.errors import Refused
from core.figures import figure
from courses.slots import HANGING
from people.models import Person, ReadingOfOthers
from people.services import readings
from quizzes.desk import RatingForm
from quizzes.models import Attempt, ItemMark, MarkingTask, RatingCorrection
from quizzes.permissions import counts_elsewhere, may_take_pass, names_markers
from quizzes.services import paper_marks, rating_corrections, ratings
from quizzes.sitting_forms import CorrectionDecisionForm

STAGES = {1: gettext_lazy("First marker"), 2: gettext_lazy("Second marker"), 3: gettext_lazy("Third marker")}


class RatingCorrectionForm(RatingForm):
    """The points that stand, to be put right, and why."""

    seen = forms.IntegerField(widget=forms.HiddenInput, max_value=2**62)

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["comment"]
        self.fields["reason"] = forms.CharField(
            label=_("Why are they corrected?"),
            max_length=500,
            widget=forms.Textarea(attrs={"rows": 3}),
            help_text=_("Such as: the second criterion was overlooked. The candidate reads it beside the result; name nobody."),
        )


@never_cache
@login_required
@require_GET
def attempt_ratings(request: HttpRequest, pk: int) -> HttpResponse:
    """What each marker gave, criterion by criterion; what was corrected, and what waits for a second person. Each reading is logged."""
    return _page(request, _attempt(request, pk), CorrectionDecisionForm())


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def rating_correct(request: HttpRequest, pk: int, task_pk: int) -> HttpResponse:
    """Propose other points for a settled answer: what stands put right, or by its marker, who reads nothing else, what they gave."""
    attempt = get_object_or_404(_with_ratings(Attempt.objects.counted()), pk=pk)
    task = get_object_or_404(MarkingTask.objects.with_ratings().select_related("submission"), pk=task_pk, submission__attempt=attempt)
    if not rating_corrections.may_propose(request.user, task, attempt):
        raise Http404
    _refuse_what_waits(request, attempt)
    oversees = rating_corrections.may_correct(request.user, attempt)
    back = ("attempt_ratings", pk) if oversees else ("marking_task", task_pk)
    marks = _marks(attempt)
    one = _shown(task, marks, of=None if oversees else request.user)
    criteria = [criterion for criterion, _points, _standing in one["rows"]]
    so_far = task.standing_points if oversees else [Decimal(points[0]) for _criterion, points, _standing in one["rows"]]
    standing = {f"points-{number}": point for number, point in enumerate(so_far)}
    initial = {"seen": attempt.submission.result.pk} | {name: Decimal(figure(point)) for name, point in standing.items()}
    form = RatingCorrectionForm(request.POST or None, criteria=criteria, initial=initial)
    if request.method == "POST" and form.is_valid():
        points = [
            # Read cut to two places, and handed on as it stands where nobody touched it.
            given if (name := f"points-{number}") in form.changed_data else standing[name]
            for number, given in enumerate(form.points)
        ]
        try:
            rating_corrections.propose(
                task=task,
                seen=form.cleaned_data["seen"],
                points=points if oversees else task.points_with({request.user.pk: points}),
                reason=form.cleaned_data["reason"],
                by=request.user,
                at=clock.now(),
            )
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("Kept. A second person has to agree; until then the points stand."))
            return redirect(*back)
    context = {"attempt": attempt, "one": one, "form": form, "oversees": oversees, "back": reverse(back[0], args=back[1:])}
    context |= _names(request, attempt)
    _log(request, attempt, context["names"])
    return render(request, "quizzes/rating_correct.html", context, status=422 if form.is_bound else 200)


@never_cache
@login_required
@require_POST
def rating_decide(request: HttpRequest, pk: int, correction_pk: int) -> HttpResponse:
    """The second person's yes or no to a correction."""
    attempt = _attempt(request, pk)
    if not rating_corrections.may_correct(request.user, attempt):
        raise Http404
    asked = RatingCorrection.objects.select_related("task__submission")
    correction = get_object_or_404(asked, pk=correction_pk, task__submission__attempt=attempt)
    form = CorrectionDecisionForm(request.POST)
    if form.is_valid():
        approved = request.POST.get("decision") == "yes"
        try:
            rating_corrections.decide(correction=correction, approved=approved, by=request.user, at=clock.now(), **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            said = _("Corrected. What stood before stays on record.") if approved else _("Turned down: the points stay as they are.")
            messages.success(request, said)
            return redirect("attempt_ratings", pk)
    return _page(request, attempt, form)


def _attempt(request: HttpRequest, pk: int) -> Attempt:
    """An attempt whose ratings the user may read. Raises Refused, which is a page of its own, where results or keys wait."""
    attempt = get_object_or_404(_with_ratings(Attempt.objects.ratings_read_by(request.user)), pk=pk)
    _refuse_what_waits(request, attempt)
    return attempt


def _with_ratings(attempts: QuerySet[Attempt]) -> QuerySet[Attempt]:
    found = attempts.filter(submission__marking_tasks__isnull=False).distinct().with_result()  # type: ignore[attr-defined]
    return found.select_related("quiz__county", "sitting", "person", "unit")


def _refuse_what_waits(request: HttpRequest, attempt: Attempt) -> None:
    waits = rating_corrections.wait_for(attempt, reader=request.user, at=clock.now())  # type: ignore[arg-type]
    if waits:
        raise Refused(waits, code="results_wait")


def _names(request: HttpRequest, attempt: Attempt) -> dict[str, bool]:
    """Candidates are anonymous to those who mark, and markers to each other. A candidate of another county has a name for those who
    may open the paper."""
    oversees = names_markers(request.user, attempt.quiz.county)
    reads = oversees and Attempt.objects.readable_by(request.user).filter(pk=attempt.pk).exists()
    return {"names": reads, "names_markers": oversees}


def _marks(attempt: Attempt) -> list[ItemMark]:
    return list(attempt.submission.result.marks.select_related("item", "answer").order_by("item__position"))


def _shown(task: MarkingTask, marks: list[ItemMark], *, of: Any = None) -> dict[str, Any]:
    """One answer that people marked: what was asked and written, and what each rating gave by criterion; that of one marker alone."""
    mark = next(mark for mark in marks if mark.item_id == task.item_id)
    text = ratings.texts([mark])[task.item_id, task.part]
    every = [rating for rating in task.ratings.all() if of is None or rating.marker_id == of.pk]
    given = every if task.settled_at else []  # who may still mark it sees no other's points
    points, standing = [one.points for one in given], task.standing_points
    label = STAGES if of is None else dict.fromkeys(STAGES, _("What you gave"))
    return {
        "task": task,
        "mark": mark,
        "text": text,
        "part": task.part + 1 if text.material else 0,
        "ratings": [(label.get(one.stage, one.stage), one, one in task.standing_ratings) for one in given],
        "count": len(every),
        "is_own": of is not None,  # what stands, or the item earned, would tell what the other marker gave
        "rows": [
            (criterion, [row[number] for row in points], standing[number] if standing else None)
            for number, criterion in enumerate(ratings.criteria_of(text))
        ],
    }


def _page(request: HttpRequest, attempt: Attempt, form: CorrectionDecisionForm) -> HttpResponse:
    submission = attempt.submission
    result, marks, tasks = submission.result, _marks(attempt), ratings.tasks_of(submission)
    corrections = sorted((one for task in tasks for one in task.corrections.all()), key=lambda one: -one.pk)
    waiting = next((one for one in corrections if one.is_waiting), None)
    may_correct = rating_corrections.may_correct(request.user, attempt)
    names = _names(request, attempt)
    rows = [_shown(task, marks) for task in tasks]
    context: dict[str, Any] = {
        "attempt": attempt,
        "result": result,
        "rows": rows,
        "waiting": waiting,
        "history": [(one, _called(one.by, one, names), _called(one.decision.by, one, names)) for one in corrections if not one.is_waiting],
        "may_correct": may_correct and waiting is None and result.is_complete,
        "form": form,
    } | names
    if waiting is not None:
        result.submission = submission
        submission.attempt = attempt
        about = next(row for row in rows if row["task"].pk == waiting.task_id)
        completion = paper_marks.hanging_on(result)
        context |= {
            "about": about,
            "proposer": _called(waiting.by, waiting, names),
            "changes": [
                (criterion, was, becomes)
                for (criterion, _given, was), becomes in zip(about["rows"], rating_corrections.points_of(waiting), strict=True)
            ],
            "effect": rating_corrections.effect(waiting, result, marks),
            "is_stale": waiting.marking_id != result.pk,
            "is_gone": not rating_corrections.still_stands(waiting, about["task"], attempt),
            "may_decide": may_correct,
            "may_agree": may_correct
            and waiting.by_id != request.user.pk
            and all(one.marker_id != request.user.pk for one in waiting.task.ratings.all()),
            "may_take_pass": may_take_pass(request.user, attempt),
            "counts_elsewhere": counts_elsewhere(attempt),
            "completion": completion,
            "certificate": HANGING.of([completion.pk]).get(completion.pk) if completion else None,
        }
    _log(request, attempt, names["names"])
    return render(request, "quizzes/ratings.html", context, status=422 if form.is_bound else 200)


def _called(person: Person, correction: RatingCorrection, names: dict[str, bool]) -> str:
    return rating_corrections.called(person, correction.task, names=names["names_markers"])


def _log(request: HttpRequest, attempt: Attempt, names: bool) -> None:
    readings.record(
        reader=request.user,
        kind=ReadingOfOthers.Kind.READ,
        what="ratings of an answer",
        unit=attempt.unit if names else attempt.quiz.county,
        subject=attempt.person if names else None,
        filters={"attempt": attempt.pk},
        rows=1,
        request=request,
    )
