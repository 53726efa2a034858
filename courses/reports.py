"""For trainers and reviewers: who takes their courses, and where learners stop."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.tables import Column, TitleColumn
from wagtail.admin.views.reports import ReportView

from courses import permissions, rules
from courses.models import Completion, EditionRequirement, Enrolment, LessonPlace


def _count(rows):
    counted = rows.filter(course=OuterRef("pk")).order_by().values("course").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


class CourseStatisticsView(ReportView):
    """One line a course: begun, under way, completed. Numbers only, no names."""

    page_title = _("Course statistics")
    header_icon = "table"
    index_url_name = "course_statistics"
    index_results_url_name = "course_statistics_results"
    results_only = False
    columns = [
        TitleColumn("title", label=_("Course"), accessor=str, get_url=lambda course: reverse("course_steps", args=[course.pk])),
        Column("begun", label=_("Learners who began")),
        Column("under_way", classname="desk-only", label=_("Under way")),
        Column("completed", label=_("Completed")),
        Column("rate", label=_("Completed in percent"), accessor=lambda course: f"{rules.percent(course.completed, course.begun)} %"),
    ]
    list_export = ["code", "current.title", "begun", "under_way", "completed"]

    def dispatch(self, request, *args, **kwargs):
        if not permissions.catalogues_of(request.user):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self):
        return (
            permissions.own_courses(self.request.user)
            .filter(current__isnull=False)
            .select_related("current")
            .annotate(
                begun=_count(Enrolment.objects.all()),
                under_way=_count(Enrolment.objects.filter(completion__isnull=True)),
                completed=_count(Completion.objects.standing()),
            )
            .order_by("code")
        )


@login_required
def course_steps(request: HttpRequest, course_id: int) -> HttpResponse:
    """Where learners of the current edition stop: of those who began, how many opened and met each step. Four queries."""
    course = get_object_or_404(permissions.own_courses(request.user).select_related("current", "page"), pk=course_id)
    begun = Enrolment.objects.filter(edition=course.current_id).count()
    opened = dict(
        LessonPlace.objects.filter(lesson__edition=course.current_id)
        .values_list("lesson")
        .annotate(n=Count("pk"))
        .values_list("lesson", "n")
    )
    steps = list(
        EditionRequirement.objects.filter(edition=course.current_id)
        .annotate(met_by=Count("met", filter=Q(met__withdrawal=None)))
        .order_by("position")
    )
    before = begun
    for step in steps:
        step.opened = opened.get(step.lesson_id, 0)
        step.share = rules.percent(step.met_by, begun)
        step.lost = max(0, before - step.met_by)
        before = step.met_by
    return render(request, "courses/admin/course_steps.html", {"course": course, "begun": begun, "steps": steps})
