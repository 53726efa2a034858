"""The exams of the demo county: one that was held, a trial that is open for a fortnight, and the yearly one that is coming."""

import random
from datetime import datetime, timedelta

from core import clock
from home.demo import sign_ins
from people.models import Person, Unit
from quizzes.models import Quiz, Sitting, Submission
from quizzes.services import attempts, candidates, marking, presence, quizzes, sittings

KEY = "county-exam"
ROOMS = ["县委党校一楼大教室", "县政府二楼会议室"]
MINUTE = timedelta(minutes=1)
DRAWS = [
    {"kind": "single", "count": 6},
    {"kind": "multiple", "count": 3},
    {"kind": "judge", "count": 3},
    {"kind": "fill", "count": 1},
    {"kind": "order", "count": 1},
    {"kind": "match", "count": 1},
]


def ensure_exam(county: Unit, *, at: datetime) -> Quiz:
    """The exam itself, made once; a course asks for it, so that a pass earns something."""
    quiz = Quiz.objects.filter(key=KEY).first()
    if quiz is None:
        facts = {"title": "政务公开年度考试", "course_code": "P01", "minutes": 40, "pass_percent": 60, "attempts": 1}
        quiz = quizzes.ensure(county=county, key=KEY, draws=DRAWS, at=at, **facts)
        Quiz.objects.filter(pk=quiz.pk).update(is_exam=True)
        quiz.refresh_from_db()
    return quiz


def load_exams(county: Unit, *, at: datetime) -> None:
    """Set up the three sittings, once; nothing where there is one already."""
    if Sitting.objects.filter(quiz__county=county).exists():
        return
    quiz = ensure_exam(county, at=at)
    draw = random.Random(2026)  # noqa: S311 - a demo mix, no secret
    logins = {
        person.employee_number: person for person in Person.objects.filter(employee_number__in=["hr", "liaison", "trainer", "learner"])
    }
    others = Person.objects.serving().within(county).exclude(employee_number__in=["hr", "liaison", "trainer", "learner", "admin"])
    people = [logins["learner"], *others.order_by("employee_number")]
    nine = clock.start_of(clock.today(at)) + timedelta(hours=9)
    last_week = nine - timedelta(days=6)
    quarter = "一二三四"[(clock.today(last_week).month - 1) // 3]
    held = _set_up(quiz, f"第{quarter}季度政务公开考试", last_week, people[:24], logins)
    _hold(held, logins, draw)
    marking.tell_passes(held, at=at)
    trial = _set_up(quiz, "年度考试模拟场", at, people[:40], logins, days=14)
    _begin(trial, people[1:9], draw, at=at)
    _set_up(quiz, f"{clock.year_of(at + timedelta(days=20))}年度政务公开考试", nine + timedelta(days=20), people[:120], logins)
    sign_ins.tell()


def _set_up(quiz: Quiz, title: str, opens_at: datetime, people: list[Person], logins: dict[str, Person], *, days: int = 0) -> Sitting:
    """A published sitting of an hour and a half, or of so many days, in two rooms, watched by liaison and trainer."""
    hr, before = logins["hr"], opens_at - timedelta(days=3)
    length = timedelta(days=days) if days else 90 * MINUTE
    terms = sittings.Terms(quiz=quiz, title=title, opens_at=opens_at, closes_at=opens_at + length, late_entry_minutes=days * 1440 or 30)
    sitting = sittings.write(terms=terms, by=hr, at=before)
    rows = candidates.rows_of_people(people)
    plan = candidates.plan(sitting=sitting, rows=rows)
    candidates.put(sitting=sitting, rows=rows, by=hr, at=before, seen=plan.digest, skip_bad_rows=True)
    places = (len(people) + 1) // 2
    candidates.fill_rooms(sitting=sitting, names=ROOMS, places=places, mixed=True, everybody=True, by=hr, at=before)
    for login in ("liaison", "trainer"):
        sittings.appoint(sitting=sitting, person=logins[login], by=hr, at=before)
    return sittings.publish(sitting=sitting, by=hr, at=before)


def _hold(sitting: Sitting, logins: dict[str, Person], draw: random.Random) -> None:
    """Most came, some late; the power failed for ten minutes; one had more time; two were ended by the clock."""
    opens_at, people = sitting.opens_at, [row.person for row in sitting.candidates.select_related("person__unit").order_by("pk")]
    slow = people[3]
    sittings.allow(
        person=slow,
        quiz=sitting.quiz,
        sitting=sitting,
        extra_minutes=15,
        reason="视力障碍，凭残疾人证",
        by=logins["hr"],
        at=opens_at - MINUTE,
    )
    begun = []
    for number, person in enumerate(people[:-3]):
        entered = opens_at + draw.randint(0, 8) * MINUTE
        attempt = sittings.enter(person=person, sitting=sitting, at=entered)
        answer_some(attempt, draw, share=0.95, good=0.55 + 0.4 * draw.random(), at=entered)
        if number % 7 == 2:
            leave_the_page(attempt, at=entered + 6 * MINUTE)
        begun.append(attempt)
    sittings.extend(sitting=sitting, minutes=10, reason="二楼停电十分钟", by=logins["liaison"], at=opens_at + 12 * MINUTE)
    for number, attempt in enumerate(begun):
        if number in (5, 11):
            attempts.submit(attempt=attempt, cause=Submission.Cause.TIME, at=sitting.closes_at + 60 * MINUTE)
        else:
            attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=opens_at + draw.randint(22, 36) * MINUTE)


def _begin(sitting: Sitting, people: list[Person], draw: random.Random, *, at: datetime) -> None:
    """Some sit just now: one has handed in, one has answers that did not arrive, one left the page."""
    for number, person in enumerate(people):
        attempt = sittings.enter(person=person, sitting=sitting, at=at)
        answer_some(attempt, draw, share=0.6, good=0.8, at=at)
        presence.note(attempt_id=attempt.pk, person=person, unacknowledged=2 if number == 2 else 0, address="10.8.0.21", at=at + MINUTE)
        if number == 4:
            leave_the_page(attempt, at=at + 2 * MINUTE)
        if number == 0:
            attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=at + 3 * MINUTE)


def answer_some(attempt, draw: random.Random, *, share: float, good: float, at: datetime) -> None:
    """Answer this share of the paper, this share of it right, a quarter of a minute each."""
    for number, item in enumerate(attempt.items.all(), start=1):
        if draw.random() > share:
            continue
        response = attempts.right_response(item) if draw.random() < good else attempts.wrong_response(item)
        attempts.save(
            attempt_id=attempt.pk,
            person=attempt.person,
            item_id=item.pk,
            response=response,
            token=f"demo-{attempt.pk}-{number}",
            at=at + number * MINUTE / 4,
        )


def leave_the_page(attempt, *, at: datetime) -> None:
    """For 35 seconds."""
    noticed = [presence.Noticed("left"), presence.Noticed("returned", {"away": 35})]
    presence.note(attempt_id=attempt.pk, person=attempt.person, unacknowledged=0, noticed=noticed, address="10.8.0.21", at=at)
