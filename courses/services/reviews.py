"""From draft to edition: a course and its lessons go through review together, and two people stand behind what learners read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import IntegerField, QuerySet
from django.db.models.functions import Cast, Length, Substr
from django.utils.translation import gettext as _
from wagtail.log_actions import get_active_log_context
from wagtail.models import Page, Revision, TaskState, WorkflowState

from core import clock, foureyes
from core.errors import Refused
from core.figures import figure
from courses import outlines, reading
from courses.models import Course, CoursePage, EditionLesson, LessonPage
from courses.services import editions
from courses.slots import QUIZZES
from people.models import Person

# True while a course takes its lessons along: one edition and one letter follow, not another for each lesson.
_going_with_course: ContextVar[bool] = ContextVar("going_with_course", default=False)


@contextmanager
def _with_course() -> Iterator[None]:
    token = _going_with_course.set(True)
    try:
        yield
    finally:
        _going_with_course.reset(token)


def is_going_with_course() -> bool:
    """Whether what happens now happens to a lesson because it happens to its course."""
    return _going_with_course.get()


# ---- four eyes ------------------------------------------------------------------------------


def objections(*, page: Page, by) -> list[Refused]:
    """Why this person may not approve the page under review: one entry a page, a course's lessons in review with it.

    Empty when nothing stands against it, also when nothing is under review. Three queries a page.
    """
    pages = [page, *_lessons(page, in_review=True)] if isinstance(page, CoursePage) else [page]
    return [own_work(each) for each in pages if (task := each.current_workflow_task_state) and by.pk in foureyes.hands_in(task)]


def own_work(page: Page) -> Refused:
    return Refused(
        _("“%(title)s” was submitted or last written by you. Another reviewer has to approve it.") % {"title": page.title}, code="own_work"
    )


def check_publication(*, page: Page, revision: Revision, by) -> None:
    """Learners read what one person submitted and another approved. Two queries.

    Raises:
        Refused: not_approved; own_work.
    """
    approval = foureyes.approval_of(page, revision)
    if approval is None:
        raise Refused(
            _("“%(title)s” reaches learners by review only: submit it, and a reviewer publishes it by approving.") % {"title": page.title},
            code="not_approved",
        )
    if by.pk in foureyes.hands_in(approval):
        raise own_work(page)


@dataclass(frozen=True)
class Shown:
    """One page that an approval would publish: as its newest draft has it, by whom and since when, with the keys of its quizzes."""

    page: int
    title: str
    by: Person | None
    at: datetime
    words: str
    quizzes: list[str]


def shown_by(page: Page) -> list[Shown]:
    """The page under review, and a course's lessons in review with it, in reading order. Five queries, however many lessons."""
    page = page.specific
    pages = [page, *_lessons(page, in_review=True)] if isinstance(page, CoursePage) else [page]
    newest = Page.objects.filter(pk__in=[each.pk for each in pages]).values("latest_revision")
    drafts = {int(draft.object_id): draft for draft in Revision.objects.filter(pk__in=newest).select_related("user", "content_type")}
    found = [drafts[each.pk] for each in pages if each.pk in drafts]
    beside = outlines.live_lessons(page) if isinstance(page, CoursePage) else []  # they go into the edition as they are
    asked = [key for lesson in beside if lesson.pk not in drafts for key in outlines.quiz_keys(lesson.body)]
    return [
        Shown(
            int(draft.object_id),
            draft.content.get("title", ""),
            draft.user,
            draft.created_at,
            foureyes.words_of(draft)[:16],
            [*_quizzes_in(draft), *(dict.fromkeys(asked) if int(draft.object_id) == page.pk else ())],
        )
        for draft in found
    ]


def consequences(page: Page, *, at: datetime) -> list[str]:
    """What an approval of the page, as its newest draft has it, changes for who begins the course then, in sentences: tests that fall away
    or come in, those that nobody can begin, and hours; nothing for a course that nobody has begun to read, or of which the edition before stands.
    """
    page = page.specific
    course_page = page if isinstance(page, CoursePage) else page.get_parent().specific
    course = Course.objects.select_related("current", "county").filter(page=course_page, current__isnull=False).first()
    if course is None or course.current is None or (isinstance(page, LessonPage) and (not course.is_open or why_kept(course_page))):
        return []
    draft = page.get_latest_revision_as_object()
    now = outlines.of_edition(course.current, course.code)
    then = draft_outline(draft) if isinstance(draft, CoursePage) else outline_with(course_page, draft)
    before, after = ({one.key: one.title for one in outline.requirements if one.kind == outlines.Kind.QUIZ} for outline in (now, then))
    said = [
        _("With the approval the course has no quiz “%(title)s” any more.") % {"title": before[key]} for key in before if key not in after
    ]
    said += [_("With the approval the course asks for the quiz “%(title)s”.") % {"title": after[key]} for key in after if key not in before]
    if before and not after:
        said.append(_("Then it has no test at all: hours and certificate are given for finishing the lessons."))
    dry = QUIZZES.lacks(sorted(before.keys() & after.keys())) if course.is_open else {}
    said += [
        _(
            "Nobody can begin the quiz “%(title)s” now, nor after the approval: %(lacks)s. Have that mended in the question bank or the quiz."
        )
        % {"title": after[key], "lacks": "；".join(lines)}
        for key, lines in dry.items()
    ]
    hours = [reading.hours(outline.minutes, outline.has_test, county=course.county, at=at) for outline in (now, then)]
    if hours[0] != hours[1]:
        said.append(_("Credit hours of the course: %(before)s → %(after)s.") % {"before": figure(hours[0]), "after": figure(hours[1])})
    return said


def seen_in(page: Page) -> str:
    """What names the words that somebody is shown who opens a page under review, see `refuse_changed`."""
    return " ".join(f"{each.page}:{each.words}" for each in shown_by(page))


def refuse_changed(*, page: Page, seen: str) -> None:
    """Let an approval pass of what was looked at, and of nothing else: `seen` as `seen_in` gave it when the page was opened.

    Raises:
        Refused: changed, naming the page and whoever wrote it last.
    """
    looked_at = set(seen.split())
    now = shown_by(page)
    for each in now:
        if f"{each.page}:{each.words}" not in looked_at:
            raise Refused(
                _("“%(title)s” was changed after you opened it, by %(name)s. Nothing was approved: please look at it again.")
                % {"title": each.title, "name": each.by.name}
                if each.by
                else _("“%(title)s” was changed after you opened it. Nothing was approved: please look at it again.")
                % {"title": each.title},
                code="changed",
            )
    if len(looked_at) != len(now):  # a lesson that was looked at is no part of it any more
        raise Refused(
            _("“%(title)s” was changed after you opened it. Nothing was approved: please look at it again.") % {"title": page.title},
            code="changed",
        )


def hold(page: Page) -> None:
    """Lock a page, and the lessons below it, until the transaction ends: a draft that is saved meanwhile stays a draft."""
    held = Page.objects.filter(path__startswith=page.path).order_by("path")
    list(held.select_for_update(of=("self",), no_key=True).values_list("pk"))


# ---- a course and its lessons ---------------------------------------------------------------


def _lessons(course_page: CoursePage, *, in_review: bool) -> list[LessonPage]:
    """The course's lessons that are under review, or those whose draft learners cannot read yet and nobody reviews. Two queries."""
    lessons = list(LessonPage.objects.child_of(course_page).order_by("path"))
    under = WorkflowState.objects.filter(
        status=WorkflowState.STATUS_IN_PROGRESS,
        base_content_type=course_page.get_base_content_type(),
        object_id__in=[str(lesson.pk) for lesson in lessons],
    )
    reviewed = {int(pk) for pk in under.values_list("object_id", flat=True)}
    if in_review:
        return [lesson for lesson in lessons if lesson.pk in reviewed]
    return [lesson for lesson in lessons if (not lesson.live or lesson.has_unpublished_changes) and lesson.pk not in reviewed]


def under_review_with(quiz_key: str) -> str | None:
    """The title of a course under review that embeds this quiz, in a lesson under review or in one that learners read already; else None.

    Three queries at most.
    """
    under = WorkflowState.objects.filter(status=WorkflowState.STATUS_IN_PROGRESS).annotate(of_page=Cast("object_id", IntegerField()))

    def of(model) -> QuerySet:
        return under.filter(content_type=ContentType.objects.get_for_model(model)).values("of_page")

    drafts = Revision.objects.filter(pk__in=Page.objects.filter(pk__in=of(LessonPage)).values("latest_revision"))
    for draft in drafts.order_by("pk"):
        if quiz_key in _quizzes_in(draft):
            return Page.objects.get(pk=draft.object_id).get_parent().title
    above = Substr("path", 1, Length("path") - Page.steplen)
    live = LessonPage.objects.live().annotate(above=above).filter(above__in=Page.objects.filter(pk__in=of(CoursePage)).values("path"))
    for lesson in live.order_by("path"):
        if quiz_key in outlines.quiz_keys(lesson.body):
            return lesson.get_parent().title
    return None


def _quizzes_in(draft: Revision) -> list[str]:
    """The keys of the quizzes that a draft of a lesson embeds, each once. No query."""
    blocks = json.loads(draft.content.get("body") or "[]")
    return list(dict.fromkeys(block["value"] for block in blocks if block["type"] == "quiz" and block["value"]))


def draft_outline(course_page: CoursePage) -> outlines.Outline:
    """What the edition would be if the course were approved now; before it is submitted: with every lesson that goes into review with it."""
    if not course_page.pk:
        return outlines.of_page(course_page, [])
    going = _lessons(course_page, in_review=True)
    if not course_page.workflow_in_progress:
        going += _lessons(course_page, in_review=False)
    drafts = {lesson.pk: lesson.get_latest_revision_as_object() for lesson in going if lesson.latest_revision_id}
    shown = {lesson.pk for lesson in going}
    lessons = [
        drafts.get(lesson.pk, lesson)
        for lesson in LessonPage.objects.child_of(course_page).order_by("path")
        if lesson.live or lesson.pk in shown
    ]
    return outlines.of_page(course_page, lessons)


def draft_with_code(*, page: CoursePage, catalogue) -> CoursePage | None:
    """Another page of the catalogue that nobody has published yet, with the same code."""
    if not page.code:
        return None
    drafts = CoursePage.objects.child_of(catalogue).filter(code__iexact=page.code, course=None)
    return drafts.exclude(pk=page.pk).order_by("path").first()


def outline_with(course_page: CoursePage, draft: LessonPage) -> outlines.Outline:
    """What the edition would be if this one lesson were published as it is in memory."""
    lessons = [draft if lesson.pk == draft.pk else lesson for lesson in outlines.live_lessons(course_page)]
    if draft not in lessons:
        lessons.append(draft)
    return outlines.of_page(course_page, lessons)


@transaction.atomic
def course_published(*, page: CoursePage, by) -> None:
    """A course page went live: its lessons in review go live with it, and an edition freezes both.

    Runs in the transaction of the publication (ShownToLearners.publish), so that a refusal leaves the page as it was.
    """
    page = CoursePage.objects.get(pk=page.pk)
    if not page.live:  # scheduled: this is called again when the day comes
        return
    with _with_course():
        for lesson in _lessons(page, in_review=True):
            lesson.current_workflow_task_state.approve(user=by)
    editions.publish(page=page, by=by, at=clock.now())


@transaction.atomic
def lesson_published(*, page: LessonPage, by) -> None:
    """A lesson went live: if its course is live too, learners who begin from now on get the new edition.

    Unless a quiz would fall away that stood in another lesson, which somebody withdrew: who approved this lesson was not asked about it.
    """
    course_page = CoursePage.objects.filter(pk=page.get_parent().pk, live=True).first()
    if course_page is not None and not is_going_with_course() and not editions.keeps_quizzes(course_page):
        editions.publish(page=course_page, by=by, at=clock.now())


def why_kept(course_page) -> str:
    """Why learners go on with the standing edition of a live course, whatever is approved or withdrawn in one lesson; "" where they do not."""
    live = CoursePage.objects.filter(pk=course_page.pk, live=True).first()
    lost = editions.quizzes_lost(live) if live is not None else {}
    if not lost:
        return ""
    return _(
        "Learners go on with the edition before: without the lesson that was taken away the course would lose %(quizzes)s. Put it back, or "
        "submit the course: a quiz falls away only with a submission of the course that another person approves."
    ) % {"quizzes": "、".join(f"“{title}”" for title in lost.values())}


def submit_lessons(*, course_page: CoursePage, by) -> None:
    """Send the drafts of a submitted course's lessons into review with it, also those that came back."""
    with _with_course():
        for lesson in _lessons(course_page, in_review=False):
            workflow = lesson.get_workflow()
            if lesson.latest_revision is None:
                lesson.save_revision(user=by)
            if lesson.current_workflow_state:
                lesson.current_workflow_state.resume(by)
            elif workflow:
                workflow.start(lesson, by)


def send_lessons_back(*, course_page: CoursePage, task: TaskState, by) -> None:
    """The review of a course ended without approval: the lessons that went into review with it come back to their trainer, too."""
    with _with_course():
        for lesson in _lessons(course_page, in_review=True):
            with_it = lesson.current_workflow_task_state
            if with_it.started_at < task.started_at:  # submitted on its own before
                continue
            if task.status == TaskState.STATUS_REJECTED:
                with_it.reject(user=by, comment=task.comment)
            else:
                lesson.current_workflow_state.cancel(user=by)


def without_lesson(*, course_page) -> None:
    """A lesson was withdrawn, deleted or moved: once that is through, publish its course as it is then.

    After the commit, because a course that is deleted with its lessons must not come back between them.
    """
    page_id, by = course_page.pk, get_active_log_context().user

    def go_on():
        page = CoursePage.objects.filter(pk=page_id).first()
        if page is not None:
            editions.republish(page=page, by=by, at=clock.now())

    transaction.on_commit(go_on, robust=True)


def check_move(*, page: CoursePage, target) -> None:
    """Records know a course by code and county, so its page stays in its county's catalogue.

    Raises:
        Refused: the course has been published and the target is another catalogue.
    """
    course = Course.objects.filter(page=page).select_related("county").first()
    if course and getattr(target.specific, "county_id", None) != course.county_id:
        raise Refused(
            _("“%(title)s” belongs to %(county)s in people's records and cannot move to another catalogue. Share it instead.")
            % {"title": page.title, "county": course.county.label},
            code="other_county",
        )


def check_file_is_free(*, file, references) -> None:
    """Images and files that an edition shows stay, as long as somebody may read that edition.

    Raises:
        Refused: an edition uses the file.
    """
    lesson = _lesson_showing(references)
    if lesson:
        raise Refused(
            _("“%(file)s” is shown in the lesson “%(lesson)s” (%(edition)s) and stays as long as that edition is kept.")
            % {"file": file.title, "lesson": lesson.title, "edition": lesson.edition},
            code="file_in_use",
        )


def check_file_may_change(*, file, references) -> None:
    """What an edition shows was reviewed; another file behind the same name was not.

    Raises:
        Refused: an edition uses the file.
    """
    lesson = _lesson_showing(references)
    if lesson:
        raise Refused(
            _(
                "“%(file)s” is shown in the lesson “%(lesson)s” (%(edition)s), so its file stays as it was reviewed. "
                "Upload the other one as a new file and put it into the lesson."
            )
            % {"file": file.title, "lesson": lesson.title, "edition": lesson.edition},
            code="file_in_use",
        )


def _lesson_showing(references) -> EditionLesson | None:
    """A lesson of an edition among the references, if there is one."""
    edition_lesson = ContentType.objects.get_for_model(EditionLesson)
    used = references.filter(base_content_type=edition_lesson).values_list("object_id", flat=True)[:1]
    return EditionLesson.objects.select_related("edition").get(pk=used[0]) if used else None
