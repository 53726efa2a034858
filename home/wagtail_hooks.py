"""The start page, menu and colours of the Wagtail admin. Panels are templates in home/admin/."""

from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from wagtail import hooks
from wagtail.admin.menu import MenuItem
from wagtail.admin.site_summary import PagesSummaryItem, SummaryItem
from wagtail.admin.ui.components import Component

from courses import permissions
from courses.models import CoursePage
from home import writing
from quizzes.models import Question, Quiz


class StartPanel(Component):
    """What waits for this person, and the ways to begin something new."""

    name = "start"
    order = 10
    template_name = "home/admin/start.html"

    def get_context_data(self, parent_context):
        request = parent_context["request"]
        return {"start": writing.start_of(request.user), "shown": writing.SHOWN, "request": request}


@hooks.register("construct_homepage_panels")
def show_our_start(request, panels):
    panels[:] = [StartPanel()]


class Figure(SummaryItem):
    """How many of something one's own county has, and the way there."""

    template_name = "home/admin/figure.html"

    def __init__(self, request, *, order, icon, text, url):
        super().__init__(request)
        self.order, self.facts = order, {"icon": icon, "text": text, "url": url}

    def get_context_data(self, parent_context):
        return self.facts


@hooks.register("construct_homepage_summary_items", order=100)
def count_own_county(request, items):
    items[:] = [item for item in items if not isinstance(item, PagesSummaryItem)]
    catalogues = permissions.catalogues_of(request.user)
    if not catalogues:
        return
    courses = CoursePage.objects.none()
    for catalogue in catalogues:
        courses |= CoursePage.objects.descendant_of(catalogue)
    counties = [catalogue.county_id for catalogue in catalogues]
    count = {
        "courses": courses.count(),
        "questions": Question.objects.filter(county__in=counties).count(),
        "quizzes": Quiz.objects.filter(county__in=counties).count(),
    }
    figures = [
        ("edit", ngettext("%(courses)d course", "%(courses)d courses", count["courses"]), "my-courses:index"),
        ("help", ngettext("%(questions)d question", "%(questions)d questions", count["questions"]), "questions:index"),
        ("tasks", ngettext("%(quizzes)d quiz", "%(quizzes)d quizzes", count["quizzes"]), "quizzes:index"),
    ]
    items += [
        Figure(request, order=order, icon=icon, text=text % count, url=reverse(name))
        for order, (icon, text, name) in enumerate(figures, start=10)
    ]


@hooks.register("register_admin_menu_item")
def register_way_back():
    return MenuItem(_("To the learning platform"), reverse("my_learning"), name="site", icon_name="home", order=20_000)


@hooks.register("construct_help_menu")
def leave_out_pages_of_other_servers(request, items):
    """County networks are closed, and what is new in Wagtail is nothing to a trainer."""
    items[:] = [item for item in items if not item.name.startswith(("whats-new", "editor-guide"))]


@hooks.register("insert_global_admin_css")
def dress_the_admin():
    return format_html('<link rel="stylesheet" href="{}">', static("css/authoring.css"))


@hooks.register("insert_global_admin_js")
def name_fields_of_blocks():
    return format_html('<script src="{}"></script>', static("js/site/authoring.js"))
