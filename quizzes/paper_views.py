"""The doors of exam papers: make them from the blueprint or by hand, look at them, seal them."""

import io
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from core import clock
from core.errors import Refused
from quizzes import versions
from quizzes.models import Paper, PaperItem, Question, Quiz
from quizzes.permissions import counties_of, is_author
from quizzes.services import exam_papers, keys, papers, printing


class ParallelForm(forms.Form):
    count = forms.IntegerField(label=gettext_lazy("How many parallel papers"), min_value=1, max_value=exam_papers.MOST_PAPERS, initial=2)


class FixedForm(forms.Form):
    """One question a line: its code and its points."""

    chosen = forms.CharField(
        label=gettext_lazy("Questions of the paper"),
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=gettext_lazy("One a line, in the order of the paper: code and points, as in P01-03 5."),
    )

    def clean_chosen(self) -> list[tuple[str, Decimal]]:
        found = []
        for number, line in enumerate(self.cleaned_data["chosen"].splitlines(), start=1):
            if not line.strip():
                continue
            code, _gap, points = re.sub(r"[\s,，;；]+", " ", line.strip()).rpartition(" ")
            try:
                value = Decimal(points)
            except InvalidOperation:
                value = None
            if not code or value is None or not value.is_finite() or value >= 1000 or -value.as_tuple().exponent > 2:
                raise forms.ValidationError(
                    _("Line %(number)d cannot be read: “%(line)s”. Write code and points.") % {"number": number, "line": line[:40]}
                )
            found.append((code, value))
        return found


@never_cache
@login_required
@require_GET
def exam_list(request: HttpRequest) -> HttpResponse:
    """The county's exams, each with its papers."""
    _authors_only(request)
    exams = Quiz.objects.filter(county__in=counties_of(request.user), is_exam=True).order_by("title").prefetch_related("papers")
    return render(request, "quizzes/exams.html", {"exams": exams})


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def paper_list(request: HttpRequest, key: str) -> HttpResponse:
    """The papers of one exam; POST makes parallel ones or a fixed one."""
    _authors_only(request)
    quiz = get_object_or_404(Quiz.objects.filter(county__in=counties_of(request.user), is_exam=True), key=key)
    makes_fixed = request.POST.get("how") == "fixed"
    parallel = ParallelForm(request.POST if request.method == "POST" and not makes_fixed else None)
    fixed = FixedForm(request.POST if request.method == "POST" and makes_fixed else None)
    form = fixed if makes_fixed else parallel
    starves = False
    if request.method == "POST" and form.is_valid():
        terms = {"quiz": quiz, "by": request.user, "at": clock.now(), "may_starve": "may_starve" in request.POST}
        try:
            if makes_fixed:
                made = [exam_papers.make_fixed(chosen=form.cleaned_data["chosen"], **terms)]
            else:
                made = exam_papers.make_parallel(count=form.cleaned_data["count"], **terms)
        except Refused as refusal:
            form.add_error(None, refusal.message)
            starves = refusal.code == "starves"
        else:
            messages.success(
                request, _("Made: paper %(labels)s. Two persons seal each.") % {"labels": "、".join(one.label for one in made)}
            )
            return redirect("paper_list", key)
    return render(
        request,
        "quizzes/papers.html",
        {
            "quiz": quiz,
            "papers": exam_papers.of_quiz(quiz),
            "parallel": parallel,
            "fixed": fixed,
            "starves": starves,
            "starves_fixed": starves and makes_fixed,
            "draws": papers.draws_of(quiz),
            "lacks": papers.missing_for(quiz),
        },
        status=422 if form.is_bound else 200,
    )


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def paper(request: HttpRequest, pk: int) -> HttpResponse:
    """One paper with its key, for those who seal it. POST seals, refreshes or throws it away."""
    _authors_only(request)
    found = get_object_or_404(Paper.objects.visible_to(request.user).select_related("quiz", "made_by").with_seals(), pk=pk)
    _refuse_candidate(request, found)
    refusal = None
    if request.method == "POST":
        try:
            return _act(request, found)
        except Refused as error:
            refusal = error
    items = list(found.items.select_related("question"))
    return render(
        request,
        "quizzes/paper.html",
        {
            "paper": found,
            "digest": found.digest(),
            "seals": found.seal_marks,
            "items": [{"item": item, "reading": _as_candidates_see(found.quiz, item)} for item in items],
            "total": sum(item.points for item in items),
            "is_stale": any(item.question_version != item.question.version for item in items),
            "has_sealed": any(seal.by_id == request.user.pk for seal in found.seal_marks),
            "refusal": refusal,
            "raw_formulas": printing.raw_formulas(found),
        },
        status=409 if refusal else 200,
    )


def _as_candidates_see(quiz: Quiz, item: PaperItem) -> dict[str, Any]:
    return versions.as_read(item, position=item.position, points=item.points, policies=quiz.policies)


@never_cache
@login_required
@require_GET
def paper_file(request: HttpRequest, pk: int, part: str) -> HttpResponse:
    """The sealed paper, its answer sheet or its key as PDF. Each download leaves a trace."""
    _authors_only(request)
    found = get_object_or_404(Paper.objects.visible_to(request.user).select_related("quiz").with_seals(), pk=pk)
    if part not in printing.PARTS:
        raise Http404
    _refuse_candidate(request, found)
    try:
        made = printing.pdf(paper=found, part=part, by=request.user, at=clock.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("paper", pk)
    name = f"{found.quiz.title}-{found.label}-{printing.PARTS[part]}.pdf"
    return FileResponse(io.BytesIO(made), as_attachment=True, filename=name, content_type="application/pdf")


def _act(request: HttpRequest, found: Paper) -> HttpResponse:
    act = request.POST.get("act")
    if act == "seal":
        exam_papers.seal(paper=found, digest=request.POST.get("digest", ""), by=request.user, at=clock.now())
        messages.success(request, _("Sealed with your name."))
    elif act == "refresh":
        changed = exam_papers.refresh(paper=found, by=request.user, at=clock.now())
        messages.success(request, _("%(count)d questions were brought up to date; earlier seals no longer count.") % {"count": changed})
    elif act == "withdraw":
        exam_papers.withdraw(paper=found, by=request.user, at=clock.now())
        messages.success(request, _("Paper %(label)s is withdrawn: its questions may serve course quizzes again.") % {"label": found.label})
    elif act == "discard":
        exam_papers.discard(paper=found, by=request.user)
        messages.success(request, _("Paper %(label)s is thrown away.") % {"label": found.label})
        return redirect("paper_list", found.quiz.key)
    return redirect("paper", found.pk)


def _refuse_candidate(request: HttpRequest, found: Paper) -> None:
    """Keep a paper from who is going to sit it, or sits an exam on the same bank now. Raises Refused, which is a page of its own."""
    sitting = exam_papers.sat_by(found, request.user, at=clock.now())  # type: ignore[arg-type]
    if sitting is not None:
        raise Refused(
            _("You are a candidate of “%(sitting)s”, which uses this paper: you may look at it when the exam is over.")
            % {"sitting": sitting.title},
            code="is_candidate",
        )
    of_paper = Question.objects.filter(on_papers__paper=found)
    keys.refuse_who_sits_on(of_paper.banks(), person=request.user, at=clock.now())  # type: ignore[arg-type]


def _authors_only(request: HttpRequest) -> None:
    if not is_author(request.user):
        raise PermissionDenied
