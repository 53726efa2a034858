"""The learner's doors: catalogue, course, lesson."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Case, Exists, OuterRef, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from core import clock
from core.errors import Refused
from courses import outlines, reading
from courses.forms import CatalogueFilter
from courses.models import Course, EditionLesson, EditionRequirement, Enrolment
from courses.services import completions, enrolments, policies, progress
from courses.slots import RENEWAL

PAGE = 24


@login_required
@require_GET
def course_list(request: HttpRequest) -> HttpResponse:
    """The courses that can be begun and those one has begun: what is required and unfinished comes first."""
    at = clock.now()
    form = CatalogueFilter(request.GET)
    form.is_valid()
    wanted = form.cleaned_data
    quizzes = EditionRequirement.objects.filter(edition=OuterRef("current"), kind=EditionRequirement.Kind.QUIZ)
    courses = (
        Course.objects.reachable_by(request.user)
        .select_related("current", "county")
        .with_need_for(request.user)
        .with_state_for(request.user)
        .annotate(has_test=Exists(quizzes))
        .matching(wanted.get("q", ""))
    )
    if wanted.get("line"):
        courses = courses.filter(current__line=wanted["line"])
    for name in ("need", "state"):
        if wanted.get(name):
            courses = courses.filter(**({"is_done": True} if wanted[name] == "done" else {name: wanted[name]}))
    urgency = Case(
        When(state="under_way", then=Value(0)),
        When(state="new", need="required", then=Value(1)),
        When(state="new", need="elective", then=Value(2)),
        When(state="new", then=Value(3)),
        default=Value(4),
    )
    page = Paginator(courses.order_by(urgency, "code", "pk"), PAGE).get_page(request.GET.get("page"))
    own_county = request.user.unit.county_path if request.user.unit_id else ""
    percents = completions.percents(person=request.user, courses=[course.pk for course in page])
    guests_county = request.user.unit.county if own_county and any(course.county.path != own_county for course in page) else None
    for course in page:
        course.is_foreign = course.county.path != own_county
        county = policies.county_for(guests_county, course)
        course.hours = reading.hours(course.current.minutes, course.has_test, county=county, at=at)
        course.due = reading.due(course, at) if course.need == "required" and not course.is_done else None
        course.percent = percents.get(course.pk, 0)
    return render(request, "courses/course_list.html", {"form": form, "page": page, "is_filtered": any(wanted.values())})


@login_required
@require_GET
def course(request: HttpRequest, course_id: int) -> HttpResponse:
    return _course_page(request, course_id)


def _course_page(request: HttpRequest, course_id: int, *, refusal: Refused | None = None) -> HttpResponse:
    at = clock.now()
    enrolment = Enrolment.newest(request.user, course_id)
    if enrolment is None:
        found = get_object_or_404(Course.objects.visible_to(request.user).open().select_related("current", "county"), pk=course_id)
    else:
        found = enrolment.course
    found.need = found.need_for(request.user)
    context = {"course": found, "refusal": refusal, "due": reading.due(found, at) if found.need == "required" else None}
    if enrolment is None:
        outline = outlines.of_edition(found.current, found.code)
        context |= {
            "hindrance": _hindrance(request, found, at),
            "rows": reading.rows(outline),
            "lacking": enrolments.lacking_prerequisites(person=request.user, course=found),
        }
    else:
        outline = reading.outline_of(enrolment)
        explanation = completions.explain(enrolment)
        context |= {
            "enrolment": enrolment,
            "explanation": explanation,
            "completion": explanation.completion,
            "reversal": explanation.reversal,
            "beside": completions.counted_beside(enrolment),
            "rows": reading.rows(outline, explanation, reading.places_of(enrolment)),
            "next": reading.next_address(found.pk, outline, explanation),
            "may_begin_again": found.is_open and enrolments.may_begin_again(enrolment, at=at),
            "is_older": found.current_id != enrolment.edition_id,
        }
    context |= {
        "outline": outline,
        "hours": reading.hours(outline.minutes, outline.has_test, county=policies.county_for(request.user.unit, found), at=at),
        "certificate": reading.certificate_title(outline.certificate, found.county_id),
    }
    if context.get("may_begin_again"):
        context["hindrance"] = _hindrance(request, found, at)
        context["lacking"] = enrolments.lacking_prerequisites(person=request.user, course=found)
    if enrolment is not None and not context["may_begin_again"]:  # no form in it, so nothing of this request
        context["page_state"] = reading.page_state(context)
    return render(request, "courses/course.html", context, status=409 if refusal else 200)


def _hindrance(request: HttpRequest, found: Course, at) -> str:
    """Why the course cannot be begun now although it is open; "" if it can."""
    try:
        RENEWAL.check(person=request.user, course=found, at=at)
    except Refused as refusal:
        return refusal.message
    return ""


@login_required
def course_enrol(request: HttpRequest, course_id: int) -> HttpResponse:
    """Begin the course and go to its first lesson; doing it twice leads to the same enrolment."""
    if request.method != "POST":
        return redirect("course", course_id)
    found = get_object_or_404(Course.objects.reachable_by(request.user).select_related("current"), pk=course_id)
    try:
        enrolment = enrolments.enrol(person=request.user, course=found, at=clock.now())
    except Refused as refusal:
        return _course_page(request, course_id, refusal=refusal)
    enrolment.course = found
    return redirect(reading.next_address(found.pk, reading.outline_of(enrolment), completions.explain(enrolment)))


def _lesson(outline: outlines.Outline, slug: str) -> tuple[int, outlines.LessonOutline]:
    for number, lesson in enumerate(outline.lessons):
        if lesson.slug == slug:
            return number, lesson
    raise Http404


def _is_in_newer_edition(course_id: int, slug: str, outline: outlines.Outline) -> bool:
    if any(lesson.slug == slug for lesson in outline.lessons):
        return False
    return EditionLesson.objects.filter(edition__in=Course.objects.filter(pk=course_id).values("current"), slug=slug).exists()


@login_required
@require_GET
def lesson(request: HttpRequest, course_id: int, slug: str) -> HttpResponse:
    """A lesson of the edition that one has begun. Whoever has not begun is led to the course page."""
    return _lesson_page(request, course_id, slug)


def _lesson_page(request: HttpRequest, course_id: int, slug: str, *, refusal: Refused | None = None) -> HttpResponse:
    enrolment = Enrolment.newest(request.user, course_id)
    if enrolment is None:
        get_object_or_404(Course.objects.reachable_by(request.user), pk=course_id)
        messages.info(request, _("Begin the course first: then your reading place and progress are kept."))
        return redirect("course", course_id)
    outline = reading.outline_of(enrolment)
    if _is_in_newer_edition(course_id, slug, outline):  # as the search finds it
        messages.info(request, _("This lesson is part of a newer edition. You go on with the edition that you have begun."))
        return redirect("course", course_id)
    number, shown = _lesson(outline, slug)
    row = EditionLesson(pk=shown.id, edition_id=enrolment.edition_id, minutes=shown.minutes)
    place = progress.open_lesson(enrolment=enrolment, lesson=row, at=clock.now())
    explanation = completions.explain(enrolment)
    rows = reading.rows(outline, explanation, {shown.id: place.furthest})
    context = {
        "course": enrolment.course,
        "enrolment": enrolment,
        "outline": outline,
        "lesson": shown,
        "number": number + 1,
        "row": rows[number],
        "rows": rows,
        "body": reading.body_html(shown),
        "place": place,
        "explanation": explanation,
        "previous": outline.lessons[number - 1] if number else None,
        "next_lesson": outline.lessons[number + 1] if number + 1 < len(outline.lessons) else None,
        "refusal": refusal,
    }
    return render(request, "courses/lesson.html", context, status=409 if refusal else 200)


def _begun(request: HttpRequest, course_id: int, slug: str) -> tuple[Enrolment, outlines.Outline, int, EditionLesson]:
    enrolment = Enrolment.newest(request.user, course_id)
    if enrolment is None:
        raise Http404
    outline = reading.outline_of(enrolment)
    number, shown = _lesson(outline, slug)
    return enrolment, outline, number, EditionLesson(pk=shown.id, key=shown.key, edition_id=enrolment.edition_id, minutes=shown.minutes)


@login_required
@require_POST
def lesson_finish(request: HttpRequest, course_id: int, slug: str) -> HttpResponse:
    """The lesson is read. Leads on: to its quiz, the next lesson, or the course when all is done."""
    enrolment, outline, number, row = _begun(request, course_id, slug)
    had = getattr(enrolment, "completion", None)
    try:
        completion = progress.finish_lesson(enrolment=enrolment, lesson=row, at=clock.now())
    except Refused as refusal:
        return _lesson_page(request, course_id, slug, refusal=refusal)
    if had and number + 1 < len(outline.lessons):
        return redirect("lesson", course_id, outline.lessons[number + 1].slug)
    if had:
        explanation = completions.explain(enrolment)
        day = clock.today(had.completed_at).isoformat()
        stands = _("You completed this course on %(day)s; reading again leaves that as it is.") % {"day": day}
        messages.info(request, str(explanation) if explanation.reversal else stands)
        return redirect("course", course_id)
    if completion:
        messages.success(request, _("You have completed “%(title)s”.") % {"title": completion.course_title})
        return redirect("course", course_id)
    explanation = completions.explain(enrolment)
    for key in outline.lessons[number].quizzes:
        if (address := reading.quiz_url(key)) and any(item.key == key for item in explanation.missing):
            return redirect(address)
    if number + 1 < len(outline.lessons):
        return redirect("lesson", course_id, outline.lessons[number + 1].slug)
    messages.info(request, str(explanation))
    return redirect("course", course_id)


@login_required
@require_POST
def lesson_place(request: HttpRequest, course_id: int, slug: str) -> HttpResponse:
    """The reading place, told by a beacon. Nonsense changes no place: nobody would read an error."""
    enrolment, _outline, _number, row = _begun(request, course_id, slug)
    progress.keep_place(
        enrolment=enrolment,
        lesson=row,
        position=_whole(request.POST.get("position")),
        furthest=_whole(request.POST.get("furthest")) or 0,
        resumed=request.POST.get("resumed") == "1",
        at=clock.now(),
    )
    return HttpResponse(status=204)


def _whole(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 7 else None
