import pytest

from courses.services import enrolments
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
def answer(cast):
    """`answer(attempt, right=…)` answers every item through the service."""

    def give(attempt, *, right=True, at=NOON):
        for number, item in enumerate(attempt.items.all()):
            response = attempts.right_response(item) if right else attempts.wrong_response(item)
            attempts.save(
                attempt_id=attempt.pk, person=attempt.person, item_id=item.pk, response=response, token=f"{at}-{number}"[:40], at=at
            )

    return give
