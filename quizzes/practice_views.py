"""The door of practice."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from core import clock
from core.errors import Refused
from courses.models import Course
from quizzes import practice as practising


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def practice(request: HttpRequest, pk: int) -> HttpResponse:
    """A question of the course's bank; POST gives feedback at once. Nothing is recorded."""
    course = get_object_or_404(Course.objects.reachable_by(request.user).select_related("current"), pk=pk)
    name = f"practice-{course.pk}"
    kept = request.session.get(name) or {"recent": [], "asked": 0, "right": 0}
    asked, feedback, refusal = None, None, None
    try:
        if request.method == "POST":
            asked = practising.again(person=request.user, course=course, word=request.POST.get("word", ""), at=clock.now())
            kind = asked.question.item_kind
            feedback = practising.feedback(asked, kind.posted(asked.shown, request.POST, asked.item.name))
            kept["asked"] += 1
            kept["right"] += feedback.share == 1
        else:
            asked = practising.ask(person=request.user, course=course, recent=kept["recent"], at=clock.now())
    except Refused as error:
        refusal = error
    if asked:
        kept["recent"] = [*[one for one in kept["recent"] if one != asked.question.pk], asked.question.pk][-practising.RECENT :]
        request.session[name] = kept
    return render(
        request,
        "quizzes/practice.html",
        {"course": course, "asked": asked, "feedback": feedback, "refusal": refusal, "kept": kept},
        status=409 if refusal else 200,
    )
