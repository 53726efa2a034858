"""A sitting for tests: with an exam, two listed candidates in one room, an invigilator, published or not."""

from datetime import timedelta

from core import clock
from people.models import Person
from quizzes.models import Marking, Quiz, Sitting
from quizzes.services import candidates, paper_marks, sittings
from quizzes.services.candidates import Row
from tests.cast import Cast

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


def make_sitting(cast: Cast, quiz: Quiz, *, opens_at=None, published: bool = True, **terms) -> Sitting:
    """learner and colleague are listed in 一号考场, liaison invigilates. It opens in an hour unless `opens_at` says when."""
    quiz.is_exam = True
    quiz.save()
    opens_at = opens_at or clock.now() + HOUR
    before = min(opens_at, clock.now()) - HOUR
    facts = {"title": "年度考试", "opens_at": opens_at, "closes_at": opens_at + HOUR, "late_entry_minutes": 15} | terms
    sitting = sittings.write(terms=sittings.Terms(quiz=quiz, **facts), by=cast.hr, at=before)
    put(sitting, cast, Row(1, "YA10001", "一号考场", "01"), Row(2, "YA10002", "一号考场", "02"), at=before)
    sittings.appoint(sitting=sitting, person=cast.liaison, by=cast.hr, at=before)
    return sittings.publish(sitting=sitting, by=cast.hr, at=before) if published else sitting


def put(sitting: Sitting, cast: Cast, *rows: Row, at, **more) -> candidates.Plan:
    """Carry out the plan of these rows, as HR."""
    plan = candidates.plan(sitting=sitting, rows=rows)
    return candidates.put(sitting=sitting, rows=rows, by=cast.hr, at=at, seen=plan.digest, **more)


def agree(entered: Marking, *, by: Person, at) -> Marking:
    """The second person's yes to marks from paper that are a pass; the marking that stands then."""
    waiting = entered.submission.corrections.waiting().get()
    return paper_marks.decide(correction=waiting, approved=True, by=by, at=at).made
