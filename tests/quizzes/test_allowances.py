"""More time and more attempts end with the round, or the sitting, that they were given in."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.urls import reverse

from core import clock
from core.errors import Refused
from courses.models import Course
from courses.services import enrolments
from people.models import Person
from people.services import postings
from quizzes import chances
from quizzes.models import Allowance, Quiz
from quizzes.services import attempts, sittings
from tests.cast import NOON
from tests.factories import complete, make_course, meet_all
from tests.quizzes.conftest import sitting_of

MINUTE = timedelta(minutes=1)
LAST_YEAR = NOON - timedelta(days=365)


@pytest.fixture
def give(cast, quiz):
    def go(at=NOON, **more):
        facts = {"extra_attempts": 5} | more
        return sittings.allow(person=cast.learner, quiz=quiz, reason="停电", by=cast.hr, at=at, **facts)

    return go


@pytest.fixture
def begin(cast, quiz):
    return lambda at: enrolments.enrol(person=cast.learner, course=Course.objects.get(code="P01"), at=at)


def left(cast, quiz) -> int | None:
    return attempts.standing(person=cast.learner, quiz=quiz, at=NOON).left


def test_attempts_given_last_year_do_not_stand_in_this_years_round(cast, quiz, give, begin):
    first = begin(LAST_YEAR)
    given = give(LAST_YEAR)
    assert attempts.standing(person=cast.learner, quiz=quiz, at=LAST_YEAR).left == quiz.attempts_allowed + 5
    meet_all(first, LAST_YEAR)
    begin(NOON)

    assert given.enrolment == first and left(cast, quiz) == quiz.attempts_allowed
    (chance,) = chances.of(cast.learner)
    assert chance.allowed == quiz.attempts_allowed


def test_minutes_given_last_year_lengthen_nothing_this_year(cast, quiz, give, begin):
    first = begin(LAST_YEAR)
    give(LAST_YEAR, extra_attempts=0, extra_minutes=30)
    assert attempts.start(person=cast.learner, quiz=quiz, at=LAST_YEAR).ends_at == LAST_YEAR + 50 * MINUTE
    meet_all(first, LAST_YEAR)
    begin(NOON)

    assert attempts.start(person=cast.learner, quiz=quiz, at=NOON).ends_at == NOON + 20 * MINUTE


def test_what_is_given_before_the_course_is_begun_holds_in_the_first_round(cast, quiz, give, begin):
    give(LAST_YEAR - MINUTE)
    first = begin(LAST_YEAR)
    assert attempts.standing(person=cast.learner, quiz=quiz, at=LAST_YEAR).left == quiz.attempts_allowed + 5
    meet_all(first, LAST_YEAR)
    begin(NOON)

    assert left(cast, quiz) == quiz.attempts_allowed


def test_nothing_is_given_for_a_round_to_come(cast, quiz, give):
    complete(cast.learner, Course.objects.get(code="P01"), at=LAST_YEAR)

    with pytest.raises(Refused) as refused:
        give()

    assert refused.value.code == "round_over" and not Allowance.objects.exists()


def test_what_is_given_for_a_sitting_holds_there_alone(cast, quiz, give, begin):
    begin(NOON)
    sitting = sitting_of(quiz, cast.learner, opens_at=NOON)
    given = give(sitting=sitting, extra_attempts=1)

    assert given.enrolment is None and left(cast, quiz) == quiz.attempts_allowed
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    attempts.submit(attempt=attempt, at=NOON)
    assert sittings.enter(person=cast.learner, sitting=sitting, at=NOON + MINUTE) != attempt


# ---- what was given before there was a round in it -----------------------------------------


@pytest.fixture
def migrate(quiz):
    return lambda: import_module("quizzes.migrations.0016_hang_allowances").hang(apps, None)


def old(cast, quiz, at, **more) -> Allowance:
    return Allowance.objects.create(person=cast.learner, quiz=quiz, extra_attempts=2, reason="停电", by=cast.hr, at=at, **more)


def test_the_migration_hangs_each_on_the_round_that_it_was_given_in(cast, quiz, begin, migrate):
    early = old(cast, quiz, LAST_YEAR - MINUTE)
    first = begin(LAST_YEAR)
    then = old(cast, quiz, LAST_YEAR + MINUTE)
    meet_all(first, LAST_YEAR + 2 * MINUTE)
    second = begin(NOON)
    now = old(cast, quiz, NOON + MINUTE)
    of_a_sitting = old(cast, quiz, NOON, sitting=sitting_of(quiz, cast.learner, opens_at=NOON))

    migrate()

    hung = dict(Allowance.objects.values_list("pk", "enrolment"))
    assert hung == {early.pk: None, then.pk: first.pk, now.pk: second.pk, of_a_sitting.pk: None}
    assert left(cast, quiz) == quiz.attempts_allowed + 2


def test_the_migration_takes_the_round_under_way_before_a_newer_one_that_is_over(cast, quiz, begin, migrate):
    open_ = begin(LAST_YEAR)
    other = make_course(cast.county, code="P02", lessons=1, quiz_key=quiz.key, pass_rule="quiz")
    complete(cast.learner, other, at=LAST_YEAR + MINUTE)
    given = old(cast, Quiz.objects.get(pk=quiz.pk), LAST_YEAR + 2 * MINUTE)

    migrate()

    assert Allowance.objects.get(pk=given.pk).enrolment == open_


def test_the_new_county_neither_reads_the_round_of_before_nor_gives_anything_in_it(cast, quiz, give, begin, sign_in):
    begin(NOON)
    give(extra_attempts=1)
    postings.post(person=cast.learner, unit=cast.other_county, title="科员", duties=["staff"], starts_on=clock.today())
    client, door = sign_in(cast.other_hr), reverse("person_attempts", args=[cast.learner.pk])
    page = client.get(door)
    assert page.status_code == 200 and not any(word in page.text for word in (quiz.title, "停电", cast.hr.name))

    answer = client.post(door, {"quiz": quiz.pk, "extra_attempts": 3, "extra_minutes": 0, "reason": "另给"})
    assert answer.status_code == 422
    with pytest.raises(Refused) as refused:
        sittings.allow(person=cast.learner, quiz=quiz, extra_attempts=3, reason="另给", by=cast.other_hr, at=clock.now())
    assert refused.value.code == "round_elsewhere"
    assert Allowance.objects.count() == 1
    assert [one.quiz for one in chances.of(cast.learner)] == [quiz]


def test_a_round_that_is_begun_anew_in_the_new_county_is_helped_there(cast, quiz, sign_in):
    made = make_course(cast.county, code="P01", lessons=1, quiz_key=quiz.key, pass_rule="quiz", is_shared=True)
    postings.post(person=cast.learner, unit=cast.other_county, title="科员", duties=["staff"], starts_on=clock.today())
    learner = Person.objects.select_related("unit").get(pk=cast.learner.pk)
    begun = enrolments.enrol(person=learner, course=made, at=clock.now())
    client, door = sign_in(cast.other_hr), reverse("person_attempts", args=[cast.learner.pk])
    client.post(door, {"quiz": quiz.pk, "extra_attempts": 3, "extra_minutes": 0, "reason": "停电"})
    assert Allowance.objects.get().enrolment == begun
    assert "停电" in client.get(door).text
