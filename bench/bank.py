"""What a large bank and a large exam cost: a paper from ten thousand questions, the analysis of a million marks."""

import random
import subprocess
import sys
import time
from datetime import timedelta

from bench import memory

QUESTIONS, PEOPLE, ITEMS = 10_000, 20_000, 50
SITTING = "两万人场次"
PARALLEL = 4  # papers, each of other questions and as hard as the rest
MOST_MEMORY = 300  # MB that the analysis may add to the process


def time_blueprint() -> tuple[float, float]:
    """Seconds to draw a paper of 50 from 10,000 questions, by knowledge point, difficulty and kind; and to make parallel ones of it."""
    from core import clock
    from people.models import Person, Unit
    from quizzes.models import DrawRule, KnowledgePoint, Question, Quiz
    from quizzes.services import exam_papers, papers

    county = Unit.objects.counties()[0]
    points = [KnowledgePoint.objects.create(county=county, name=f"大库知识点{n}") for n in range(10)]
    Question.objects.bulk_create(
        Question(
            county=county,
            code=f"BIG-{n}",
            course_code="BIG",
            kind=("single", "judge")[n % 2],
            difficulty=n % 3 + 1,
            point=points[n % 10],
            stem=f"第{n}题",
            content={} if n % 2 else {"options": {"A": "7", "B": "20"}},
            key=True if n % 2 else ["B"],
            mark="V",
            status=Question.Status.REVIEWED,
        )
        for n in range(QUESTIONS)
    )
    quiz = Quiz.objects.create(county=county, key="big-exam", title="大库组卷", course_code="BIG", is_exam=True)
    for n, point in enumerate(points):  # the points of even places hold single choices, the others true or false
        DrawRule.objects.create(quiz=quiz, kind=("single", "judge")[n % 2], point=point, difficulty=n % 3 + 1, count=5)
    started = time.perf_counter()
    drawn = papers.draw(Quiz.objects.get(pk=quiz.pk), rng=random.Random(1))
    seconds = time.perf_counter() - started
    assert len(drawn) == 50
    started = time.perf_counter()
    parallel = exam_papers.make_parallel(
        quiz=Quiz.objects.get(pk=quiz.pk), count=PARALLEL, by=Person.objects.order_by("pk")[0], at=clock.now()
    )
    together = time.perf_counter() - started
    stands = [set(paper.items.values_list("question", flat=True)) for paper in parallel]
    assert [len(each) for each in stands] == [50] * PARALLEL and len(set.union(*stands)) == 50 * PARALLEL
    return seconds, together


def sit_twenty_thousand() -> None:
    """Clone one attempt of the exam of `crowd` for 20,000 people in one sitting, each with answers of their own, in SQL.

    They sit in rooms as large as answers are compared in.
    """
    from django.db import connection

    from bench import crowd
    from core import clock
    from courses.models import Course, Enrolment
    from people.models import Unit
    from people.models.snapshot import served_at
    from quizzes.models import Attempt, Candidate, Sitting
    from quizzes.rules import LARGEST_ROOM

    unit = Unit.objects.get(code=crowd.COUNTY)
    course = Course.objects.get(county=unit, code="E01")
    model = Attempt.objects.filter(quiz__key="e01-exam", submission__isnull=False).order_by("pk").first()
    people, at = crowd.people(unit, PEOPLE, first=50_000), clock.now()
    snapshot = served_at(people[0])
    served = [
        {**snapshot, "person": one, "person_name": one.name, "employee_number": one.employee_number, "unit": one.unit} for one in people
    ]
    enrolments = Enrolment.objects.bulk_create(
        [Enrolment(**facts, course=course, edition=course.current, round=1, enrolled_at=at) for facts in served], batch_size=2000
    )
    sitting = Sitting.objects.create(quiz=model.quiz, title=SITTING, opens_at=at - timedelta(minutes=60), closes_at=at, is_draft=False)
    Candidate.objects.bulk_create(
        [Candidate(sitting=sitting, person=one, room=f"{place // LARGEST_ROOM + 1}") for place, one in enumerate(people)], batch_size=2000
    )
    Attempt.objects.bulk_create(
        [
            Attempt(
                **facts, quiz=model.quiz, sitting=sitting, enrolment=enrolment, number=1, started_at=at - timedelta(minutes=50), ends_at=at, quiz_title="年度考试",
                pass_percent=60, seed=f"bench-{enrolment.pk}",
            )
            for facts, enrolment in zip(served, enrolments, strict=True)
        ],
        batch_size=2000,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # the rows are copies: nothing is to be checked again
        cursor.execute("CREATE TEMP TABLE clones AS SELECT id FROM quizzes_attempt WHERE seed LIKE 'bench-%%'")
        for statement in CLONES:
            cursor.execute(statement, {"model": model.pk, "at": at})
        cursor.execute("RESET session_replication_role")
        cursor.execute("ANALYZE")


CLONES = [
    """INSERT INTO quizzes_attemptitem (attempt_id, position, question_id, question_version, kind, points, shown, key, explanation, source)
       SELECT c.id, i.position, i.question_id, i.question_version, i.kind, i.points, i.shown, i.key, '', ''
       FROM clones c CROSS JOIN quizzes_attemptitem i WHERE i.attempt_id = %(model)s""",
    """INSERT INTO quizzes_answer (attempt_id, item_id, seq, token, response, at)
       SELECT i.attempt_id, i.id, i.position, 't' || i.position, '"x"', %(at)s - interval '50 minutes' + i.position * interval '50 seconds'
       FROM quizzes_attemptitem i JOIN clones c ON c.id = i.attempt_id""",
    "INSERT INTO quizzes_submission (attempt_id, cause, at) SELECT id, 'learner', %(at)s FROM clones",
    """INSERT INTO quizzes_marking (submission_id, cause, at, score, out_of, percent, passed, is_complete)
       SELECT s.id, 'machine', %(at)s, 60, 100, 60, true, true FROM quizzes_submission s JOIN clones c ON c.id = s.attempt_id""",
    """INSERT INTO quizzes_itemmark (marking_id, item_id, answer_id, fraction, earned, picked)
       SELECT m.id, i.id, a.id, r.right_, r.right_ * i.points, jsonb_build_array(CASE WHEN r.right_ = 1 THEN 'C' ELSE r.wrong END)
       FROM quizzes_marking m JOIN quizzes_submission s ON s.id = m.submission_id JOIN clones c ON c.id = s.attempt_id
       JOIN quizzes_attemptitem i ON i.attempt_id = c.id JOIN quizzes_answer a ON a.item_id = i.id
       CROSS JOIN LATERAL (SELECT (random() < 0.4 + i.position / 100.0)::int AS right_,
                                  substr('ABD', 1 + floor(random() * 3)::int, 1) AS wrong WHERE i.id > 0) r""",
]


def analyse(title: str = "") -> None:
    """Print the seconds that the analysis, of the sitting if one is named, took and the megabytes that it added. Run in a process of its own."""
    import django

    django.setup()
    from quizzes import analysis
    from quizzes.models import Quiz, Sitting

    quiz = Quiz.objects.get(key="e01-exam")
    sitting = Sitting.objects.get(title=title) if title else None
    before = memory.forget_peak()
    started = time.perf_counter()
    figures = analysis.compute(quiz, sitting)
    seconds = time.perf_counter() - started
    assert figures["people"] >= PEOPLE and len(figures["items"]) >= ITEMS
    print(f"{seconds:.1f} {memory.peak() - before:.0f}")


def time_analysis(name: str, title: str = "") -> tuple[str, str, str, bool]:
    """A row of the table: `analyse` in a process of its own."""
    out = subprocess.run(
        [sys.executable, "-c", f"from bench.bank import analyse; analyse({title!r})"], check=True, capture_output=True, text=True
    ).stdout
    seconds, added = map(float, out.split()[-2:])
    is_met = seconds < 20 and added < MOST_MEMORY
    return f"analysis of {PEOPLE:,} × {ITEMS}{name}", f"{seconds:.1f} s, {added:.0f} MB more", f"< 20 s, {MOST_MEMORY} MB", is_met


def measure() -> list[tuple[str, str, str, bool]]:
    """Rows for the table of figures. Needs the county of `bench.exam` and the environment of `bench.__main__`."""
    from quizzes.models import Candidate
    from quizzes.rules import LARGEST_ROOM

    blueprint, parallel = time_blueprint()
    sit_twenty_thousand()
    rows = [time_analysis(""), time_analysis(f", one sitting, rooms of {LARGEST_ROOM}", SITTING)]
    Candidate.objects.filter(sitting__title=SITTING).update(room="线上")
    return [
        (f"paper of 50 from {QUESTIONS:,}", f"{blueprint:.2f} s", "< 1 s", blueprint < 1),
        (f"{PARALLEL} parallel papers of 50 from {QUESTIONS:,}, kept", f"{parallel:.2f} s", f"< {PARALLEL} s", parallel < PARALLEL),
        *rows,
        time_analysis(", one sitting, one room", SITTING),
    ]
