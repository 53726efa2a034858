"""What an exam of a hundred questions costs in queries, with the county that the bench uses."""

from datetime import timedelta

import pytest

from bench import crowd
from core import clock
from quizzes.models import Attempt, Presence
from quizzes.services import attempts, sittings
from tests.conftest import wagtails_ground

ITEMS = 100
SESSION_AND_USER = 2


@pytest.fixture
def seated(db):
    """Two people of a county of their own in an exam of a hundred questions that opened a minute ago; the first is its officer."""
    wagtails_ground()
    unit = crowd.county(items=ITEMS)
    officer, *people = crowd.people(unit, 3)
    return crowd.sitting(officer, people, opens_at=clock.now() - timedelta(minutes=1), minutes=60), people


@pytest.fixture
def attempt(seated):
    sitting, people = seated
    attempt = sittings.enter(person=people[0], sitting=sitting, at=clock.now())
    for number, item in enumerate(attempt.items.all()):
        response = attempts.wrong_response(item) if number % 2 else attempts.right_response(item)
        attempts.save(attempt_id=attempt.pk, person=attempt.person, item_id=item.pk, response=response, token=f"t{number}", at=clock.now())
    return attempt


@pytest.fixture
def client_of(attempt, sign_in):
    """The candidate's browser after its first page: that one renews the session."""
    client = sign_in(attempt.person)
    client.get(f"/attempts/{attempt.pk}/answers/")
    return client


def test_handing_in_a_hundred_answers_takes_fifteen_queries(attempt, django_assert_max_num_queries):
    with django_assert_max_num_queries(15):
        submission = attempts.submit(attempt=attempt, cause="learner", at=clock.now())
    assert submission.result.marks.count() == ITEMS and not submission.result.passed


def test_the_page_of_a_hundred_questions_takes_ten_queries(attempt, client_of, django_assert_max_num_queries):
    with django_assert_max_num_queries(SESSION_AND_USER + 10):
        page = client_of.get(f"/attempts/{attempt.pk}/")
    assert page.text.count("data-item=") == ITEMS


def test_an_answer_in_an_exam_takes_three_queries_beside_session_and_user(attempt, client_of, django_assert_max_num_queries):
    item = attempt.items.first()
    body = {"item": item.pk, "response": attempts.right_response(item), "token": "one-more"}
    with django_assert_max_num_queries(SESSION_AND_USER + 3 + 2):  # a savepoint for BEGIN and COMMIT
        assert client_of.post(f"/attempts/{attempt.pk}/answers/", body, content_type="application/json").status_code == 200


def test_a_sign_of_life_takes_two_queries_beside_session_and_user(attempt, client_of, django_assert_max_num_queries):
    with django_assert_max_num_queries(SESSION_AND_USER + 2 + 2):
        told = client_of.post(f"/attempts/{attempt.pk}/presence/", {"unacknowledged": 0, "events": []}, content_type="application/json")
    assert told.status_code == 200 and Presence.objects.get().attempt == attempt


def test_entering_takes_the_same_queries_whatever_the_number_of_questions(seated, django_assert_max_num_queries):
    sitting, people = seated
    with django_assert_max_num_queries(34):
        sittings.enter(person=people[1], sitting=sitting, at=clock.now())
    assert Attempt.objects.get().items.count() == ITEMS
