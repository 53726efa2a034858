"""Two tabs, two devices, two workers: real threads on a real database."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from django.db import connection, connections

from courses.models import Completion, Edition, Enrolment, RequirementMet
from courses.services import completions, editions, enrolments, progress
from courses.signals import course_completed
from tests import cast as casting
from tests.cast import NOON
from tests.factories import make_course

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def on_postgres(db):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")


@pytest.fixture
def cast(transactional_db):
    return casting.assemble()


def at_once(*acts):
    """Run all acts at the same moment, each on a connection of its own; what they returned."""
    start = Barrier(len(acts))

    def run(act):
        try:
            start.wait(10)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [done.result(30) for done in [pool.submit(run, act) for act in acts]]


def test_a_double_click_on_enrol_gives_one_enrolment(cast):
    course = make_course(cast.county)
    found = at_once(*[lambda: enrolments.enrol(person=cast.learner, course=course, at=NOON)] * 6)
    assert len({enrolment.pk for enrolment in found}) == 1
    assert Enrolment.objects.count() == 1


def test_the_last_two_requirements_met_at_once_give_one_completion(cast):
    heard = []
    course_completed.connect(lambda completion, **kwargs: heard.append(completion.pk), weak=False, dispatch_uid="race")
    try:
        for number in range(8):
            course = make_course(cast.county, code=f"R{number}", quiz_key="p01-final")
            enrolment = enrolments.enrol(person=cast.learner, course=course, at=NOON)
            first, second = course.current.lessons.all()
            for lesson in (first, second):
                progress.open_lesson(enrolment=enrolment, lesson=lesson, at=NOON)
            at_once(
                lambda: progress.finish_lesson(enrolment=enrolment, lesson=first, at=NOON),
                lambda: progress.finish_lesson(enrolment=enrolment, lesson=second, at=NOON),
                lambda: completions.meet(enrolment=enrolment, kind="quiz", key="p01-final", evidence="attempt:1", score=90, at=NOON),
                lambda: completions.meet(enrolment=enrolment, kind="quiz", key="p01-final", evidence="attempt:2", score=80, at=NOON),
                lambda: completions.fulfil(enrolment=enrolment, at=NOON),
            )
            assert Completion.objects.filter(enrolment=enrolment).count() == 1
            assert RequirementMet.objects.filter(enrolment=enrolment).count() == 3
    finally:
        course_completed.disconnect(dispatch_uid="race")
    assert len(heard) == len(set(heard)) == 8
    assert completions.gaps(NOON) == []


def test_completing_the_round_that_a_pass_was_carried_into_and_taking_the_pass_back_never_both_win(cast):
    course = make_course(cast.county, quiz_key="p01-final", pass_rule="quiz")
    asked = {"enrolment": enrolments.enrol(person=cast.learner, course=course, at=NOON), "kind": "quiz", "key": "p01-final"}
    completions.meet(**asked, evidence="attempt:1", score=90, at=NOON)
    completions.take_back(**asked, by=cast.hr, reason="题目有误", at=NOON)
    completing, may_end = Event(), Event()

    def hold(**kwargs):
        completing.set()
        may_end.wait(2)

    def take_back():
        assert completing.wait(10)
        completions.take_back(**asked, by=cast.hr, reason="又有误", at=NOON)
        may_end.set()

    course_completed.connect(hold, weak=False, dispatch_uid="race")
    try:
        at_once(lambda: completions.meet(**asked, evidence="attempt:1", score=90, at=NOON), take_back)
    finally:
        course_completed.disconnect(dispatch_uid="race")
    assert Completion.objects.count() == 2 and not Completion.objects.standing().exists()


def test_publishing_at_once_gives_one_edition(cast):
    course = make_course(cast.county)
    course.page.title = "新名"
    course.page.save()
    at_once(*[lambda: editions.publish(page=course.page, by=None, at=NOON)] * 4)
    assert sorted(Edition.objects.values_list("number", flat=True)) == [1, 2]


def test_beats_of_two_tabs_never_count_more_than_passed(cast):
    from datetime import timedelta

    course = make_course(cast.county)
    enrolment = enrolments.enrol(person=cast.learner, course=course, at=NOON)
    first, second = course.current.lessons.all()
    for lesson in (first, second):
        progress.open_lesson(enrolment=enrolment, lesson=lesson, at=NOON)
    later = NOON + timedelta(seconds=60)
    at_once(
        *[
            lambda lesson=lesson: progress.keep_place(enrolment=enrolment, lesson=lesson, position=1, at=later)
            for lesson in (first, second) * 3
        ]
    )
    assert sum(enrolment.places.values_list("seconds", flat=True)) == 60
