"""What the start page of the authoring side shows a trainer or reviewer: what to do, and what became of it.

Reads only, within the catalogues that the person writes for. Fourteen queries, however many pages there are.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q
from django.urls import reverse
from wagtail.models import Page, WorkflowState

from courses import permissions
from courses.models import AuthorGroup, CataloguePage, Course, CoursePage, Edition
from people.models import Person, Role
from people.permissions import units_of
from quizzes.services import readiness

SHOWN = 12  # courses in one list
RECENT = 6  # editions


@dataclass(frozen=True)
class Item:
    """One page in a list: a course's own facts, or one of its lessons."""

    page: Page
    when: datetime | None
    who: Person | None = None  # who submitted it, or who sent it back
    comment: str = ""
    is_own: bool = False  # submitted or last written by the one who looks

    @property
    def title(self) -> str:
        return self.page.draft_title or self.page.title

    @property
    def url(self) -> str:
        return reverse("wagtailadmin_pages:edit", args=[self.page.pk])

    @property
    def is_course(self) -> bool:
        return self.page.cached_content_type.model == CoursePage._meta.model_name


@dataclass
class Group:
    """The items of one course, the course first."""

    title: str
    url: str
    items: list[Item] = field(default_factory=list)

    @property
    def lessons(self) -> list[Item]:
        return [item for item in self.items if not item.is_course]

    @property
    def first(self) -> Item:
        return self.items[0]


@dataclass
class Start:
    catalogues: list[CataloguePage]
    is_hr: bool = False
    reviews: bool = False  # whether the person is a reviewer at all
    waiting: list[Group] = field(default_factory=list)
    came_back: list[Group] = field(default_factory=list)
    drafts: list[Group] = field(default_factory=list)
    submitted: list[Group] = field(default_factory=list)
    recent: list[Edition] = field(default_factory=list)
    unserved: list[readiness.Unserved] = field(default_factory=list)  # quizzes of the county's courses that nobody can begin now


def start_of(user: Person) -> Start:
    """What stands on this person's start page now."""
    start = Start(catalogues=permissions.catalogues_of(user), is_hr=bool(units_of(user, Role.HR)))
    if not start.catalogues:
        return start
    below = Q(pk__in=[])
    for catalogue in start.catalogues:
        below |= Q(path__startswith=catalogue.path, depth__gt=catalogue.depth)
    reviewed = _reviewed_paths(user, start.catalogues)
    start.reviews = bool(reviewed)
    states = list(
        WorkflowState.objects.active()
        .filter(workflow__workflow_pages__page__in=start.catalogues)
        .select_related("requested_by", "current_task_state__finished_by")
        .order_by("current_task_state__started_at")
    )
    pages = _pages(Page.objects.filter(below, pk__in=[int(state.object_id) for state in states]))
    under = [(state, pages[pk]) for state in states if (pk := int(state.object_id)) in pages]
    in_review = [(state, page) for state, page in under if state.status == WorkflowState.STATUS_IN_PROGRESS]
    drafts = (
        Page.objects.filter(below, Q(live=False) | Q(has_unpublished_changes=True))
        .filter(Q(owner=user) | Q(latest_revision__user=user))
        .exclude(pk__in=pages.keys())
        .order_by("-latest_revision_created_at")[: SHOWN * 5]
    )
    waiting = [_submitted(state, page, user) for state, page in in_review if page.path.startswith(reviewed)]
    came_back = [
        _sent_back(state, page)
        for state, page in under
        if state.status == WorkflowState.STATUS_NEEDS_CHANGES and user.pk in {state.requested_by_id, page.owner_id}
    ]
    submitted = [_submitted(state, page, user) for state, page in in_review if state.requested_by_id == user.pk]
    lists = [waiting, came_back, [Item(page, page.latest_revision_created_at) for page in _pages(drafts).values()], submitted]
    courses = _courses_of(item for items in lists for item in items)
    start.waiting, start.came_back, start.drafts, start.submitted = (_grouped(items, courses) for items in lists)
    start.recent = list(
        Edition.objects.filter(course__county__in=[catalogue.county_id for catalogue in start.catalogues])
        .select_related("course", "published_by")
        .order_by("-published_at")[:RECENT]
    )
    counties = [catalogue.county_id for catalogue in start.catalogues]
    start.unserved = readiness.unserved(Course.objects.filter(county__in=counties))
    return start


def _reviewed_paths(user: Person, catalogues: list[CataloguePage]) -> tuple[str, ...]:
    """The paths of the catalogues whose submissions this person may decide on."""
    if user.is_superuser:
        return tuple(catalogue.path for catalogue in catalogues)
    counties = set(AuthorGroup.objects.filter(role=Role.REVIEWER, group__user=user).values_list("county", flat=True))
    return tuple(catalogue.path for catalogue in catalogues if catalogue.county_id in counties)


def _pages(pages) -> dict[int, Page]:
    return {page.pk: page for page in pages.select_related("latest_revision")}


def _submitted(state: WorkflowState, page: Page, user: Person) -> Item:
    wrote = page.latest_revision.user_id if page.latest_revision else None
    task = state.current_task_state
    return Item(page, task.started_at if task else None, who=state.requested_by, is_own=user.pk in {state.requested_by_id, wrote})


def _sent_back(state: WorkflowState, page: Page) -> Item:
    task = state.current_task_state
    return Item(page, task.finished_at, who=task.finished_by, comment=task.comment) if task else Item(page, None)


def _courses_of(items: Iterable[Item]) -> dict[str, Page]:
    """The course pages that these items belong to, by path."""
    paths = {_course_path(item) for item in items}
    return {page.path: page for page in Page.objects.filter(path__in=paths)}


def _course_path(item: Item) -> str:
    return item.page.path if item.is_course else item.page.path[: -Page.steplen]


def _grouped(items: list[Item], courses: dict[str, Page]) -> list[Group]:
    groups: dict[str, Group] = {}
    for item in items:
        path = _course_path(item)
        if path not in courses:
            continue
        if path not in groups:
            course = Item(courses[path], None)
            groups[path] = Group(course.title, course.url)
        groups[path].items.append(item)
    for group in groups.values():
        group.items.sort(key=lambda item: item.page.path)
    return list(groups.values())
