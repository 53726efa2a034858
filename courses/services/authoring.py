"""Writing a whole course at once: for loaders and tests. Trainers use Wagtail."""

from datetime import datetime

from django.db import transaction
from wagtail.blocks import StreamValue

from courses.models import CataloguePage, Course, CoursePage, LessonPage
from courses.services import editions


@transaction.atomic
def write_course(*, catalogue: CataloguePage, code: str, facts: dict, lessons: list[dict], by, at: datetime) -> Course:
    """The published course with this code: its page and lessons are made, or brought in line with what is given.

    `facts` are fields of CoursePage; each lesson is {"slug", "title", "minutes", "body"}, its body raw
    blocks ({"type", "value"}) or a StreamValue. Lessons are matched by slug; those not given are
    withdrawn. Giving the same again publishes no new edition.

    Raises:
        Refused: as editions.publish does.
    """
    page = CoursePage.objects.child_of(catalogue).filter(code=code).first()
    if page is None:
        page = catalogue.add_child(instance=CoursePage(code=code, slug=code.lower(), owner=by, **facts))
    else:
        for name, value in facts.items():
            setattr(page, name, value)
        page.live = True
        page.save()
    standing = {lesson.slug: lesson for lesson in LessonPage.objects.child_of(page)}
    for wanted in lessons:
        wanted = wanted | {"body": _stream(wanted["body"])}
        lesson = standing.pop(wanted["slug"], None)
        if lesson is None:
            page.refresh_from_db()  # numchild, which treebeard keeps on the parent
            page.add_child(instance=LessonPage(owner=by, **wanted))
        else:
            for name, value in wanted.items():
                setattr(lesson, name, value)
            lesson.live = True
            lesson.save()
    for lesson in standing.values():
        lesson.live = False
        lesson.save()
    return editions.publish(page=page, by=by, at=at).course


def _stream(body) -> StreamValue:
    """Raw blocks as a stream. Left to the field's own assignment, raw list items would be taken for values."""
    return body if isinstance(body, StreamValue) else LessonPage.body.field.stream_block.to_python(body)
