"""The markers' doors: the queue of essays, one answer at a time, and marking again with a mended key."""

from decimal import Decimal
from types import SimpleNamespace

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core import clock
from core.errors import Refused
from courses.slots import HANGING
from people.models import Role
from people.permissions import has_role
from people.services import readings
from quizzes import kinds, versions
from quizzes.models import Attempt, MarkingTask, Question, Quiz, Remark
from quizzes.permissions import holds_over, is_author, names_markers
from quizzes.services import keys, rating_corrections, ratings, remarks
from quizzes.tasks import apply_remark

MARKED_A_PAGE = 50
SHOWN = 200  # changes on the page of a re-marking; the counts are of all


# ---- essays --------------------------------------------------------------------------------


class RatingForm(forms.Form):
    """Points for each criterion of the rubric; without one, a percentage."""

    def __init__(self, *args, criteria: list[dict], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        for number, criterion in enumerate(criteria):
            levels = "；".join(f"{level['points']}：{level['text']}" for level in criterion["levels"])
            self.fields[f"points-{number}"] = forms.DecimalField(
                label=_("%(name)s (0 to %(points)s)") % criterion,
                min_value=Decimal(0),
                max_value=Decimal(criterion["points"]),
                decimal_places=2,
                help_text=levels,
                widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "0.5"}),
            )
        self.fields["comment"] = forms.CharField(
            label=_("Comment for the learner"), required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 3})
        )

    @property
    def points(self) -> list[Decimal]:
        return [value for name, value in self.cleaned_data.items() if name.startswith("points-")]


@never_cache
@login_required
@require_GET
def marking(request: HttpRequest) -> HttpResponse:
    """What waits for markers, quiz by quiz."""
    _authors_only(request)
    context = {
        "rows": ratings.overview(request.user),
        "page": Paginator(ratings.marked_by(request.user), MARKED_A_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "quizzes/marking.html", context)


@never_cache
@login_required
@require_POST
def marking_next(request: HttpRequest) -> HttpResponse:
    """Claim the next answer, of one quiz where that is asked."""
    _authors_only(request)
    quiz = get_object_or_404(Quiz, pk=request.POST["quiz"]) if request.POST.get("quiz", "").isdecimal() else None
    task = ratings.claim(marker=request.user, quiz=quiz, at=clock.now())
    if task is None:
        messages.info(request, _("Nothing waits for you here: the rest is settled, marked by you, or open with somebody else."))
        return redirect("marking")
    return redirect("marking_task", task.pk)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def marking_task(request: HttpRequest, pk: int) -> HttpResponse:
    """One answer without a name: the question, what was written, the sample, the rubric. POST rates it and goes on to the next."""
    _authors_only(request)
    found = MarkingTask.objects.visible_to(request.user).select_related(
        "item", "submission__attempt__quiz__county", "submission__attempt__sitting"
    )
    task = get_object_or_404(found.with_ratings(), pk=pk)
    text = ratings.task_text(task)
    form = RatingForm(request.POST or None, criteria=ratings.criteria_of(text))
    own = [one for one in task.ratings.all() if one.marker_id == request.user.pk]
    done = ""
    if request.method != "POST":  # what was typed comes back with the refusal
        done = _over(task, request.user)
    elif form.is_valid():
        try:
            rated = ratings.rate(task=task, marker=request.user, points=form.points, comment=form.cleaned_data["comment"], at=clock.now())
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("Saved; the answer is settled.") if rated.is_settled else _("Saved; another marker is asked now."))
            following = ratings.claim(marker=request.user, quiz=task.submission.attempt.quiz, at=clock.now())
            return redirect("marking_task", following.pk) if following else redirect("marking")
    return render(
        request,
        "quizzes/marking_task.html",
        {
            "task": task,
            "text": text,
            "settles": text.markers > 1 and len(task.ratings.all()) >= text.markers,
            "done": done,
            "own": [(criterion, point) for one in own for criterion, point in zip(ratings.criteria_of(text), one.points, strict=True)],
            "form": form,
            "quiz": task.submission.attempt.quiz,
            "left": ratings.waiting(request.user, task.submission.attempt.quiz).count,  # asked only where it is shown
        }
        | (_leads_on(task, request.user) if done and task.settled_at else {}),
        status=422 if form.is_bound else 200,
    )


def _leads_on(task: MarkingTask, reader) -> dict:
    """To what a settled answer leads: what each marker gave, or a correction of the own points; else why it does not yet."""
    attempt, at = task.submission.attempt, clock.now()
    if Attempt.objects.ratings_read_by(reader).filter(pk=attempt.pk).exists():
        return {"sees_ratings": True, "not_yet": rating_corrections.wait_for(attempt, reader=reader, at=at)}
    if rating_corrections.may_propose(reader, task, attempt):
        return {"may_propose": True, "not_yet": rating_corrections.not_yet(attempt, by=reader, at=at)}
    return {}


def _over(task: MarkingTask, marker) -> str:
    """Why there is nothing for them to mark any more; "" while there is. No query for a task that came `with_ratings()`."""
    if task.settled_at is not None:
        return _("This answer is settled: there is nothing to mark any more.")
    if any(rating.marker_id == marker.pk for rating in task.ratings.all()):
        return _("You have marked this answer. Now it is with another marker, who does not see your points.")
    return ""


def _authors_only(request: HttpRequest) -> None:
    """Raises Refused, which is a page of its own, for an author who sits an exam now."""
    if not is_author(request.user):
        raise PermissionDenied
    keys.refuse_who_sits(request.user, at=clock.now())  # type: ignore[arg-type]


# ---- marking again -------------------------------------------------------------------------


class RemarkForm(forms.Form):
    remedy = forms.ChoiceField(label=gettext_lazy("What is to be done"), choices=Remark.Remedy.choices, widget=forms.RadioSelect)
    lines = forms.CharField(
        label=gettext_lazy("Options and answers as they should have been"), required=False, widget=forms.Textarea(attrs={"rows": 8})
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args, question: Question, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.question = question
        self.fields["lines"].help_text = question.item_kind.hint
        self.initial.setdefault("lines", "\n".join(question.item_kind.to_lines(question.content, question.key)))

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("remedy") == Remark.Remedy.NEW_KEY:
            kind = self.question.item_kind
            lines = [line.strip() for line in cleaned.get("lines", "").splitlines() if line.strip() or kind.keeps_empty_lines]
            try:
                cleaned["content"], cleaned["key"] = kind.from_lines(lines)
            except kinds.Wrong as wrong:
                self.add_error("lines", str(wrong))
        return cleaned


class DecisionForm(forms.Form):
    may_lose = forms.BooleanField(label=gettext_lazy("Passes may be lost: who would lose one by this loses it"), required=False)
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("A no needs one."),
    )


@never_cache
@login_required
@require_GET
def remark_list(request: HttpRequest) -> HttpResponse:
    """All re-markings of the county, the open ones first."""
    _remarkers_only(request)
    rows = Remark.objects.visible_to(request.user).select_related("question", "by", "decision__by").order_by("decision__approved", "-pk")
    page = Paginator(rows, 30).get_page(request.GET.get("page"))
    waiting = rating_corrections.waiting_for(request.user).select_related("task__submission__attempt__quiz__county")
    corrections = []
    for one in waiting.prefetch_related("task__ratings"):
        names = names_markers(request.user, one.task.submission.attempt.quiz.county)
        corrections.append((one, rating_corrections.called(one.by, one.task, names=names)))
    return render(request, "quizzes/remarks.html", {"page": page, "corrections": corrections})


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def remark_new(request: HttpRequest, question: int) -> HttpResponse:
    """Propose that a question be marked again."""
    _authors_only(request)
    found = get_object_or_404(Question.objects.visible_to(request.user), pk=question)
    form = RemarkForm(request.POST or None, question=found)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            remark = remarks.propose(
                question=found,
                remedy=data["remedy"],
                reason=data["reason"],
                content=data.get("content"),
                key=data.get("key"),
                by=request.user,
                at=clock.now(),
            )
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("Proposed. Look at what it would change; then a second person decides."))
            return redirect("remark", remark.pk)
    return render(request, "quizzes/remark_new.html", {"question": found, "form": form}, status=422 if form.is_bound else 200)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def remark(request: HttpRequest, pk: int) -> HttpResponse:
    """The dry run while it is open, with the second person's decision; the trace afterwards."""
    _remarkers_only(request)
    found = get_object_or_404(Remark.objects.visible_to(request.user).select_related("question__county", "by", "decision__by"), pk=pk)
    decision = getattr(found, "decision", None)
    county = found.question.county
    may_decide = decision is None and found.by_id != request.user.pk and holds_over(request.user, county, Role.HR, Role.REVIEWER)
    form = DecisionForm(request.POST or None)
    if request.method == "POST":
        if not may_decide:
            raise PermissionDenied
        if form.is_valid():
            try:
                _decide(request, found, form.cleaned_data)
            except Refused as refusal:
                form.add_error(None, refusal.message)
            else:
                return redirect("remark", pk)
    context = {"remark": found, "decision": decision, "form": form, "may_decide": may_decide}
    context |= {"is_hr": holds_over(request.user, county, Role.HR), "names": holds_over(request.user, county, Role.HR, Role.AUDITOR)}
    context["organises"] = holds_over(request.user, county, Role.HR)
    context |= _keys(found)
    context |= _dry_run(found, request.user.pk) if decision is None else _trace(found)
    for name, marks in (("by_hand", remarks.by_hand(found)), ("left_out", remarks.left_out(found))):
        shown = list(marks[:SHOWN])
        context |= {name: shown, f"{name}_count": len(shown) if len(shown) < SHOWN else marks.count()}
    readings.record(
        reader=request.user,
        kind="read",
        what="re-marking",
        unit=found.question.county,
        filters={"question": found.question.code},
        rows=len(context["rows"]) + len(context["by_hand"]) + len(context["left_out"]),
        request=request,
    )
    return render(request, "quizzes/remark.html", context, status=422 if form.is_bound else 200)


def _decide(request: HttpRequest, found: Remark, data: dict) -> None:
    approved = request.POST.get("decision") == "yes"
    remarks.decide(
        remark=found,
        approved=approved,
        may_lose=data["may_lose"],
        losers=request.POST.get("losers", ""),
        reason=data["reason"],
        by=request.user,
        at=clock.now(),
    )
    if approved:
        transaction.on_commit(lambda: apply_remark.delay(found.pk))
        messages.success(request, _("Decided. The papers are being marked again; this page shows how far it is."))
    else:
        messages.success(request, _("Decided: nothing is marked again."))


def _keys(found: Remark) -> dict:
    """The question with the key that it had when this was proposed, and as it was proposed."""
    before = versions.reading(found.question, found.version)
    if found.remedy != Remark.Remedy.NEW_KEY or before is None:
        return {"before": before}
    stem = getattr(before["kept"], "stem", found.question.stem)  # what only an attempt has a copy of has none
    whole = SimpleNamespace(kind=before["kept"].kind, stem=stem, content=found.content, key=found.key)
    return {"before": before, "proposed": versions.as_read(whole)}


def _dry_run(found: Remark, reader: int) -> dict:
    losers, touched, proposer_gains, guests = [], False, False, 0
    counts = {"all": 0, "gain": 0, "lose": 0, "more": 0, "less": 0}
    kept: tuple[list, list, list] = ([], [], [])  # who loses a pass, who gains one, the rest: no more than are shown
    for change in remarks.changes(found):
        counts["all"] += 1
        counts["gain"] += change.gains_pass
        counts["lose"] += change.loses_pass
        counts["more"] += change.score > change.marking.score
        counts["less"] += change.score < change.marking.score
        guests += change.is_unearned and change.is_guests
        person = change.marking.submission.attempt.person_id
        touched = touched or person == reader
        proposer_gains = proposer_gains or (person == found.by_id and change.score > change.marking.score)
        if change.loses_pass:
            losers.append(change.marking.submission_id)
        among = kept[0 if change.loses_pass else 1 if change.gains_pass else 2]
        if len(among) < SHOWN:
            among.append(change)
    rows = [change for among in kept for change in among][:SHOWN]
    hanging = HANGING.of([change.completion.pk for change in rows if change.loses_pass and change.completion])
    lines = [{"change": change, "hangs": hanging.get(change.completion.pk) if change.completion else None} for change in rows]
    # Two persons stand behind it. Who decides has no yes to their own mark; that the proposer gains is told to who decides.
    own = {"touches_reader": touched, "proposer_gains": proposer_gains, "guests": guests}
    return own | {"rows": lines, "counts": counts, "shown": SHOWN, "losers": remarks.losers_digest(losers)}


def _trace(found: Remark) -> dict:
    done = found.results.select_related("marking__supersedes", "submission__attempt").order_by(
        "-lost_pass", "-gained_pass", "-kept_pass", "pk"
    )
    rows = list(done[:SHOWN])
    counts = found.results.aggregate(
        all=Count("pk"),
        gain=Count("pk", filter=Q(gained_pass=True)),
        lose=Count("pk", filter=Q(lost_pass=True)),
        kept=Count("pk", filter=Q(kept_pass=True)),
    )
    is_under_way = found.decision.approved and remarks.is_under_way(found)
    return {"rows": rows, "counts": counts, "shown": SHOWN, "is_under_way": is_under_way}


def _remarkers_only(request: HttpRequest) -> None:
    if not (is_author(request.user) or has_role(request.user, Role.HR, Role.AUDITOR)):
        raise PermissionDenied
    keys.refuse_who_sits(request.user, at=clock.now())  # type: ignore[arg-type]
