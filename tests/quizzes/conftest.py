from datetime import timedelta

import pytest

from core import clock
from courses.services import enrolments
from quizzes.models import Candidate, Sitting
from quizzes.services import attempts
from tests.cast import NOON
from tests.counties import make_quiz
from tests.factories import make_course


@pytest.fixture
def quiz(cast):
    """Six questions, one of each kind, 20 minutes, 80 percent, three attempts; asked for by course P01."""
    quiz = make_quiz(cast, "p01-final", "P01")
    make_course(cast.county, code="P01", lessons=1, quiz_key="p01-final", pass_rule="quiz")
    return quiz


@pytest.fixture
def enrolment(cast, quiz):
    from courses.models import Course

    return enrolments.enrol(person=cast.learner, course=Course.objects.get(code="P01"), at=NOON)


@pytest.fixture
def attempt(cast, quiz, enrolment):
    return attempts.start(person=cast.learner, quiz=quiz, at=NOON)


@pytest.fixture
def sitting(cast, quiz):
    """The quiz as an exam from noon to 12:30, late entry 15 minutes, grace 30 seconds; the learner is listed."""
    return sitting_of(quiz, cast.learner, opens_at=NOON)


@pytest.fixture
def open_sitting(cast, quiz):
    """The same, open since a minute by the real clock."""
    return sitting_of(quiz, cast.learner, opens_at=clock.now() - timedelta(minutes=1))


def sitting_of(quiz, person, *, opens_at, **facts):
    quiz.is_exam = True
    quiz.save()
    usual = {"title": "年度考试", "closes_at": opens_at + timedelta(minutes=30), "late_entry_minutes": 15, "grace_seconds": 30}
    made = Sitting.objects.create(quiz=quiz, opens_at=opens_at, **usual | facts)
    Candidate.objects.create(sitting=made, person=person, room="一号考场")
    return made


@pytest.fixture
def answer(cast):
    """`answer(attempt, right=…)` answers every item through the service."""

    def give(attempt, *, right=True, at=NOON):
        for number, item in enumerate(attempt.items.all()):
            response = attempts.right_response(item) if right else attempts.wrong_response(item)
            attempts.save(
                attempt_id=attempt.pk, person=attempt.person, item_id=item.pk, response=response, token=f"{at}-{number}"[:40], at=at
            )

    return give
