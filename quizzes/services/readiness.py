"""Whether exams that are to come can be held as things stand: what would refuse everybody on the day, said before it."""

from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext as _

from core import clock
from courses.models import Course
from quizzes.models import Question, Quiz, Sitting
from quizzes.services import papers, quizzes


def faults(sitting: Sitting, *, has_papers: bool | None = None) -> list[str]:
    """What would keep candidates of this sitting out on its day, in sentences. Papers made beforehand need no bank; `has_papers`
    says whether there are any, where that is known.
    """
    said = []
    course = Course.objects.filter(county=sitting.quiz.county_id, code=sitting.quiz.course_code).first()
    if course is not None and not course.is_open:
        said.append(_("The course “%(course)s” is closed: whoever is not enrolled in it cannot enter.") % {"course": course})
    if not (sitting.papers.exists() if has_papers is None else has_papers):
        lacks = papers.missing_for(sitting.quiz, on=clock.today(sitting.opens_at))
        said += [_("The question bank cannot serve the exam on its day: %(line)s.") % {"line": line} for line in lacks]
    return said


def earns_nothing(exam: Quiz) -> str:
    """What to tell those who set an exam up that no course asks for; "" where one does. One query."""
    if not exam.is_exam or quizzes.asking(exam).exists():
        return ""
    return _(
        "No course asks for this exam: a pass leads to no completion, no certificate and no hours. If it shall count, put it into a "
        "lesson of a course (block “Quiz”) and have the course published."
    )


def shaken_by(questions: Iterable[Question], *, at: datetime) -> list[str]:
    """Published sittings to come that cannot be held since these questions were changed, in sentences. For whoever changed them."""
    about = {(question.county_id, question.course_code) for question in questions}
    coming = Sitting.objects.published().filter(opens_at__gt=at, quiz__county__in={county for county, _course in about})
    coming = coming.select_related("quiz").order_by("opens_at")
    return [
        _("“%(sitting)s” on %(day)s: %(fault)s")
        % {"sitting": sitting.title, "day": clock.local(sitting.opens_at).strftime("%Y-%m-%d"), "fault": fault}
        for sitting in coming
        if about & {(sitting.quiz.county_id, course) for course in sitting.quiz.banks}
        for fault in faults(sitting)
    ]
