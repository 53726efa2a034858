"""The courses of one's county as a list, whatever the tree of pages looks like."""

from functools import partial

import django_filters
from django.contrib import messages
from django.db.models import F, Q
from django.forms import RadioSelect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.menu import MenuItem
from wagtail.admin.ui.tables import Column, DateColumn
from wagtail.admin.ui.tables.pages import BulkActionsColumn, NavigateToChildrenColumn, PageStatusColumn, PageTitleColumn
from wagtail.admin.views.pages.edit import EditView
from wagtail.admin.views.pages.listing import IndexView
from wagtail.admin.views.pages.workflow import CollectWorkflowActionDataView, WorkflowActionView
from wagtail.admin.viewsets.pages import PageListingViewSet, PageViewSet
from wagtail.models import Page

from core import clock
from courses import permissions
from courses.forms import ApprovalForm
from courses.models import CoursePage, LessonPage
from courses.services import reviews


class CourseFilterSet(WagtailFilterSet):
    whose = django_filters.ChoiceFilter(
        label=_("Written by"), empty_label=_("Anybody"), choices=[("me", _("Me"))], method="of_whom", widget=RadioSelect
    )
    state = django_filters.ChoiceFilter(
        label=_("State"),
        empty_label=_("All"),
        choices=[("live", _("Learners can read it")), ("draft", _("Not published yet")), ("changed", _("Published, with a newer draft"))],
        method="in_state",
        widget=RadioSelect,
    )

    class Meta:
        model = CoursePage
        fields = ["line"]

    def of_whom(self, pages, name, value):
        return pages.filter(Q(owner=self.request.user) | Q(latest_revision__user=self.request.user))

    def in_state(self, pages, name, value):
        return pages.filter(live=value != "draft", **{"has_unpublished_changes": True} if value == "changed" else {})


class OwnCoursesView(IndexView):
    """Every course below the catalogues that one writes for."""

    page_title = _("My courses")
    add_item_label = _("New course")

    def get_base_queryset(self):
        below = Q(pk__in=[])
        for catalogue in permissions.catalogues_of(self.request.user):
            below |= Q(path__startswith=catalogue.path)
        return self.annotate_queryset(
            CoursePage.objects.filter(below).select_related("course").annotate(edition=F("course__current__number"))
        )

    def search_queryset(self, pages):
        """Whatever part of code, title or summary was typed: a county has few enough courses to look through."""
        for word in self.search_query.split() if self.is_searching else []:
            pages = pages.filter(
                Q(code__icontains=word) | Q(draft_title__icontains=word) | Q(title__icontains=word) | Q(summary__icontains=word)
            )
        return pages

    def get_breadcrumbs_items(self):
        return [*self.breadcrumbs_items, {"url": "", "label": self.page_title}]


class OwnCoursesMenuItem(MenuItem):
    def is_shown(self, request):
        return bool(permissions.catalogues_of(request.user))


class OwnCoursesViewSet(PageListingViewSet):
    model = CoursePage
    name = "my-courses"
    icon = "edit"
    menu_label = _("My courses")
    menu_order = 90
    menu_item_class = OwnCoursesMenuItem
    add_to_admin_menu = True
    index_view_class = OwnCoursesView
    ordering = "code"
    list_per_page = 50
    filterset_class = CourseFilterSet
    columns = [
        Column("code", label=_("code"), sort_key="code", width="8%"),
        PageTitleColumn("title", label=_("Course"), sort_key="title", classname="title"),
        Column(
            "line",
            classname="desk-only",
            label=_("Course line"),
            accessor=lambda page: page.get_line_display(),
            sort_key="line",
            width="10%",
        ),
        Column("lessons", classname="desk-only", label=_("Lessons"), accessor="numchild", width="8%"),
        Column("edition", classname="desk-only", label=_("Edition"), accessor=lambda page: page.edition or "—", width="8%"),
        PageStatusColumn("status", label=_("State"), sort_key="live", width="12%"),
        DateColumn(
            "latest_revision_created_at", classname="desk-only", label=_("Changed"), sort_key="latest_revision_created_at", width="12%"
        ),
        NavigateToChildrenColumn("navigate", width="5%"),
    ]


class NamesWhatIsSeen:
    """The window that asks for an approval shows what it is of, and carries it along."""

    def get_form_class(self):
        form = super().get_form_class()
        if self.action_name != "approve" or form is not ApprovalForm:
            return form
        return partial(form, initial={"seen": reviews.seen_in(self.object)})

    def get_context_data(self, **kwargs):
        if self.action_name != "approve":
            return super().get_context_data(**kwargs)
        changes = reviews.consequences(self.object, at=clock.now())
        return super().get_context_data(shown=reviews.shown_by(self.object), consequences=changes, **kwargs)


def _warn_where_learners_read_no_lesson(request, page, decision: str) -> None:
    """An approved lesson reaches nobody while its course would lose a quiz by another one (`editions.quizzes_lost`)."""
    if decision == "approve" and issubclass(page.specific_class, LessonPage) and (why := reviews.why_kept(page.get_parent())):
        messages.warning(request, why)


def _is_public(page) -> bool:
    """Whether learners read the page as it was last written."""
    return Page.objects.filter(pk=page.pk, live=True, has_unpublished_changes=False).exists()


class Decide(NamesWhatIsSeen, WorkflowActionView):
    def post(self, request, *args, **kwargs):
        changes = reviews.consequences(self.object, at=clock.now()) if self.action_name == "approve" else []
        answer = super().post(request, *args, **kwargs)
        _warn_where_learners_read_no_lesson(request, self.object, self.action_name)
        if changes and _is_public(self.object):
            messages.warning(request, " ".join(changes))
        return answer


class AskForDecision(NamesWhatIsSeen, CollectWorkflowActionDataView):
    pass


class EditReviewed(EditView):
    """Wagtail's page; after a decision it says what was decided, not that the page was updated."""

    def perform_workflow_action(self):
        self.changes = reviews.consequences(self.page, at=clock.now()) if self.workflow_action == "approve" else []
        return super().perform_workflow_action()

    def submit_action(self):
        return self._with_consequences(super().submit_action())

    def restart_workflow_action(self):
        return self._with_consequences(super().restart_workflow_action())

    def _with_consequences(self, answer):
        """Who submits reads what the reviewer will."""
        if changes := reviews.consequences(self.page, at=clock.now()):
            messages.warning(self.request, " ".join(changes))
        return answer

    def add_save_confirmation_message(self):
        decision = self.workflow_action if self.action_name == "perform_workflow_action" else ""
        title = {"title": self.page.get_admin_display_title()}
        if decision == "approve":
            why_kept = reviews.why_kept(self.page.get_parent()) if isinstance(self.page, LessonPage) else ""
            is_read = not why_kept and _is_public(self.page)
            said = gettext("“%(title)s” was approved; learners read it now.") if is_read else gettext("“%(title)s” was approved.")
            messages.success(self.request, said % title)
            if why_kept:
                messages.warning(self.request, why_kept)
            elif is_read and self.changes:
                messages.warning(self.request, " ".join(self.changes))
        elif decision == "reject":
            messages.success(self.request, gettext("“%(title)s” went back to its author, with your comment.") % title)
        else:
            super().add_save_confirmation_message()


class CoursesViewSet(PageViewSet):
    """How a course is approved; its list is the tree's own."""

    model = CoursePage
    parent_models = []
    edit_view_class = EditReviewed
    workflow_action_view_class = Decide
    collect_workflow_action_data_view_class = AskForDecision


class LessonsOfCourseViewSet(PageViewSet):
    """The lessons of one course, in reading order, when its page is opened in the tree."""

    model = LessonPage
    parent_models = [CoursePage]
    edit_view_class = EditReviewed
    workflow_action_view_class = Decide
    collect_workflow_action_data_view_class = AskForDecision
    columns = [
        BulkActionsColumn("bulk_actions"),
        PageTitleColumn("title", label=_("Lesson"), sort_key="title", classname="title"),
        Column("minutes", classname="desk-only", label=_("minutes"), accessor=lambda page: getattr(page, "minutes", ""), width="10%"),
        DateColumn("latest_revision_created_at", classname="desk-only", label=_("Changed"), width="14%"),
        PageStatusColumn("status", label=_("State"), width="14%"),
    ]
