"""From draft to edition: a course and its lessons go through review together."""

from contextvars import ContextVar

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils.translation import gettext as _

from core import clock
from core.errors import Refused
from courses import outlines
from courses.models import Course, CoursePage, EditionLesson, LessonPage
from courses.services import editions

# True while a course publishes its lessons: one edition follows, not one for each lesson.
_going_with_course: ContextVar[bool] = ContextVar("going_with_course", default=False)


def lessons_to_publish(course_page: CoursePage) -> list[LessonPage]:
    """The lessons that go live with their course: those in review, or every draft while none is live."""
    lessons = list(LessonPage.objects.child_of(course_page).order_by("path"))
    if not any(lesson.live for lesson in lessons):
        return lessons
    return [lesson for lesson in lessons if lesson.has_unpublished_changes and lesson.current_workflow_state]


def draft_outline(course_page: CoursePage) -> outlines.Outline:
    """What the edition would be if the course were published now, its lessons with it."""
    if not course_page.pk:
        return outlines.of_page(course_page, [])
    going = {lesson.pk for lesson in lessons_to_publish(course_page)}
    lessons = [
        lesson.get_latest_revision_as_object() if lesson.pk in going and lesson.latest_revision_id else lesson
        for lesson in LessonPage.objects.child_of(course_page).order_by("path")
        if lesson.live or lesson.pk in going
    ]
    return outlines.of_page(course_page, lessons)


def outline_with(course_page: CoursePage, draft: LessonPage) -> outlines.Outline:
    """What the edition would be if this one lesson were published as it is in memory."""
    lessons = [draft if lesson.pk == draft.pk else lesson for lesson in outlines.live_lessons(course_page)]
    if draft not in lessons:
        lessons.append(draft)
    return outlines.of_page(course_page, lessons)


@transaction.atomic
def course_published(*, page: CoursePage, by) -> None:
    """A course page went live: its lessons in review go live with it, and an edition freezes both.

    Page.publish and workflows run this in the transaction of the publication, so that a refusal leaves
    the page as it was; the editor's button does not, but its form has asked for `blockers` before.
    """
    page = CoursePage.objects.get(pk=page.pk)
    if not page.live:  # scheduled: this is called again when the day comes
        return
    _publish_lessons(page, by)
    editions.publish(page=page, by=by, at=clock.now())


@transaction.atomic
def lesson_published(*, page: LessonPage, by) -> None:
    """A lesson went live: if its course is live too, learners who begin from now on get the new edition."""
    course_page = CoursePage.objects.filter(pk=page.get_parent().pk, live=True).first()
    if course_page is not None and not _going_with_course.get():
        editions.publish(page=course_page, by=by, at=clock.now())


def _publish_lessons(course_page: CoursePage, by) -> None:
    token = _going_with_course.set(True)
    try:
        for lesson in lessons_to_publish(course_page):
            task = lesson.current_workflow_task_state
            if task is not None:
                task.approve(user=by)
            else:
                revision = lesson.latest_revision or lesson.save_revision(user=by)
                lesson.publish(revision, user=by, skip_permission_checks=True)
    finally:
        _going_with_course.reset(token)


def submit_lessons(*, course_page: CoursePage, by) -> None:
    """Send the drafts of a submitted course's lessons into review with it."""
    for lesson in LessonPage.objects.child_of(course_page).order_by("path"):
        if (not lesson.live or lesson.has_unpublished_changes) and not lesson.current_workflow_state:
            workflow = lesson.get_workflow()
            if workflow:
                if lesson.latest_revision is None:
                    lesson.save_revision(user=by)
                workflow.start(lesson, by)


def without_lesson(*, course_page) -> None:
    """A lesson was withdrawn, deleted or moved: once that is through, publish its course as it is then.

    After the commit, because a course that is deleted with its lessons must not come back between them.
    """
    page_id = course_page.pk

    def go_on():
        page = CoursePage.objects.filter(pk=page_id).first()
        if page is not None:
            editions.republish(page=page, by=None, at=clock.now())

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
