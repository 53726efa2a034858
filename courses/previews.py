"""Drafts as learners would see them, for Wagtail's preview."""

from django.shortcuts import render

from core import clock
from courses import outlines, reading
from courses.models import Course, CoursePage, LessonPage
from courses.services import reviews
from courses.slots import CERTIFICATES


def course(request, page: CoursePage):
    """The course page of a draft, for somebody who has not begun it."""
    county = outlines.county_of(page)
    outline = reviews.draft_outline(page)
    shown = Course(pk=0, county=county, code=page.code, is_shared=page.is_shared, due_on=page.due_on)
    shown.need = "required" if page.required_for else "elective" if page.elective_for else ""
    at = clock.now()
    return render(
        request,
        "courses/course.html",
        {
            "course": shown,
            "outline": outline,
            "rows": reading.rows(outline),
            "due": reading.due(shown, at),
            "lacking": [],
            "hours": reading.hours(outline.minutes, outline.has_test, county=county, at=at),
            "certificate": CERTIFICATES.title(outline.certificate, county.pk),
            "is_preview": True,
        },
    )


def lesson(request, page: LessonPage):
    """The lesson page of a draft."""
    course_page = page.get_parent().specific
    outline = reviews.outline_with(course_page, page)
    rows = reading.rows(outline)
    number = next(index for index, row in enumerate(rows) if row.lesson.key == str(page.translation_key))
    return render(
        request,
        "courses/lesson.html",
        {
            "course": Course(pk=0, code=course_page.code),
            "outline": outline,
            "lesson": rows[number].lesson,
            "number": number + 1,
            "row": rows[number],
            "rows": rows,
            "body": reading.render_body(page.body),
            "previous": outline.lessons[number - 1] if number else None,
            "next_lesson": outline.lessons[number + 1] if number + 1 < len(rows) else None,
            "is_preview": True,
        },
    )
