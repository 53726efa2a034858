"""A small county in full swing, for tests that look at many pages at once."""

from datetime import timedelta

from core import clock
from people.models import Unit
from tests.cast import Cast


def in_full_swing(cast: Cast) -> dict[str, tuple]:
    """The learner has one course behind her with a certificate, one under way, an attempt open and one failed.

    Gives what the addresses of their pages are made of, by name.
    """
    from certificates import rules
    from certificates import services as certificates
    from certificates.models import Certificate
    from courses.services import enrolments, progress
    from quizzes.models import Submission
    from quizzes.services import attempts
    from tests.factories import complete, make_course

    at = clock.now()
    certificates.ensure_kinds(cast.county)
    quiz = make_quiz(cast, "p01-final", "P01")
    done = make_course(cast.county, code="T01", lessons=2, certificate="training")
    complete(cast.learner, done, at=at - timedelta(days=3))
    course = make_course(cast.county, code="P01", lessons=3, quiz_key="p01-final", certificate="training", required_for=["staff"])
    enrolment = enrolments.enrol(person=cast.learner, course=course, at=at - timedelta(hours=3))
    lesson = enrolment.edition.lessons.first()
    progress.open_lesson(enrolment=enrolment, lesson=lesson, at=at - timedelta(hours=3))
    progress.finish_lesson(enrolment=enrolment, lesson=lesson, at=at - timedelta(hours=2))
    failed = attempts.start(person=cast.learner, quiz=quiz, at=at - timedelta(hours=1))
    attempts.submit(attempt=failed, cause=Submission.Cause.LEARNER, at=at - timedelta(minutes=50))
    running = attempts.start(person=cast.learner, quiz=quiz, at=at)
    certificate = Certificate.objects.get(person=cast.learner)
    empty = cast.county.add_child(code="532325-D77", name="姚安县旅游开发办公室", kind=Unit.Kind.DEPARTMENT)
    return {
        "under_way": (course.pk,),
        "done": (done.pk,),
        "lesson": (course.pk, lesson.slug),
        "quiz": (quiz.key,),
        "running": (running.pk,),
        "failed": (failed.pk,),
        "certificate": (certificate.number,),
        "never_issued": (rules.compose_number(prefix="YAZWGK", category="01", year=2026, county_code="532325", serial=9999),),
        "completion": (certificate.completion_id,),
        "learner": (cast.learner.pk,),
        "bureau": (cast.bureau.pk,),
        "empty_unit": (empty.pk,),
    }


def make_quiz(cast: Cast, key: str, course_code: str, **rules):
    """A quiz of one question of each of the six kinds, and the bank it draws from."""
    from core import clock as county_clock
    from quizzes.services import bank, quizzes

    rows = [
        {
            "id": f"{course_code}-1",
            "type": "single",
            "stem": "应当自形成之日起多少个工作日内公开？",
            "options": {"A": "7", "B": "20"},
            "answer": ["B"],
        },
        {
            "id": f"{course_code}-2",
            "type": "multiple",
            "stem": "哪些是依申请公开的期限？",
            "options": {"A": "7", "B": "15", "C": "99"},
            "answer": ["A", "B"],
        },
        {"id": f"{course_code}-3", "type": "judge", "stem": "一律收费。", "answer": False},
        {"id": f"{course_code}-4", "type": "fill", "stem": "以____为常态、____为例外。", "answer": [["公开"], ["不公开"]]},
        {
            "id": f"{course_code}-5",
            "type": "order",
            "stem": "排列环节。",
            "items": ["答复", "登记", "审核"],
            "answer": ["登记", "审核", "答复"],
        },
        {
            "id": f"{course_code}-6",
            "type": "match",
            "stem": "配对。",
            "left": ["应", "宜"],
            "right": ["推荐", "要求"],
            "answer": {"应": "要求", "宜": "推荐"},
        },
    ]
    for row in rows:
        row |= {
            "course": course_code,
            "diff": 1,
            "explain": "见条例原文。",
            "source": "《政府信息公开条例》第二十六条",
            "v": "V",
            "point": "时限",
        }
    bank.import_rows(rows, county=cast.county, at=county_clock.now())
    facts = {"title": "结业测试", "minutes": 20, "pass_percent": 80, "attempts": 3} | rules
    draws = [{"kind": kind, "count": 1} for kind in ("single", "multiple", "judge", "fill", "order", "match")]
    return quizzes.ensure(county=cast.county, key=key, course_code=course_code, draws=draws, **facts)
