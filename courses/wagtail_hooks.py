"""What this app registers with the Wagtail admin."""

from django.contrib import messages
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.menu import MenuItem

from courses import permissions, reports
from courses.models import Course, EditionLesson, LessonPage
from courses.services import reviews
from courses.viewsets import CoursesViewSet, LessonsOfCourseViewSet, OwnCoursesViewSet


class CourseStatistics(MenuItem):
    def is_shown(self, request):
        return bool(permissions.catalogues_of(request.user))


@hooks.register("register_log_actions")
def register_actions(actions):
    actions.register_action("courses.reverse", _("Completion reversed"), _("Completion reversed"))
    actions.register_action("courses.policy_in_force", _("Credit policy put into force"), _("Credit policy put into force"))
    actions.register_action("courses.withdraw", _("Requirement open again"), _("Requirement open again"))


@hooks.register("register_admin_urls")
def register_urls():
    return [
        path("reports/courses/", reports.CourseStatisticsView.as_view(), name="course_statistics"),
        path("reports/courses/results/", reports.CourseStatisticsView.as_view(results_only=True), name="course_statistics_results"),
        path("reports/courses/<int:course_id>/", reports.course_steps, name="course_steps"),
    ]


@hooks.register("register_admin_viewset")
def register_listings():
    return [OwnCoursesViewSet(), CoursesViewSet(), LessonsOfCourseViewSet()]


@hooks.register("register_reports_menu_item")
def register_statistics():
    return CourseStatistics(_("Course statistics"), reverse("course_statistics"), name="course-statistics", icon_name="table", order=90)


@hooks.register("construct_page_chooser_queryset")
def keep_choosers_in_own_county(pages, request):
    return permissions.within_own_catalogues(pages, request.user)


@hooks.register("after_unpublish_page")
@hooks.register("after_delete_page")
@hooks.register("after_move_page")
def tell_where_a_lesson_stays_with_learners(request, page):
    """A lesson that its course cannot do without is taken away in the tree alone: the edition before stands (`editions.republish`)."""
    if not issubclass(page.specific_class, LessonPage):
        return
    shown = EditionLesson.objects.filter(edition__in=Course.objects.filter(is_open=True).values("current"), key=page.translation_key)
    held = shown.select_related("edition__course__page").first()
    if held is None or held.edition.course.page is None:
        return
    course_page = held.edition.course.page
    if LessonPage.objects.child_of(course_page).filter(pk=page.pk, live=True).exists():  # moved to another place in its course
        return
    why = reviews.why_kept(course_page) or gettext(
        "The course cannot be published without it. Put it back, write another one, or withdraw the whole course."
    )
    messages.warning(request, gettext("Learners still see “%(lesson)s”.") % {"lesson": page.title} + " " + why)
