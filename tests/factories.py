"""Ready courses and completions for the tests of every app."""

from datetime import datetime

from courses.models import Completion, Course, EditionRequirement, Enrolment
from courses.services import authoring, catalogues, completions, enrolments, policies
from courses.slots import QUIZZES
from people.models import Person, Unit
from tests.cast import NOON

TEXT = "<h3>谁公开</h3><p>行政机关制作的政府信息，由制作的机关公开；安全生产检查结果也在其中。</p>"


def lesson_body(number: int, *, quiz_key: str | None = None) -> list[dict]:
    """Raw blocks of a small, complete lesson."""
    blocks = [
        {"type": "text", "value": TEXT},
        {
            "type": "clause",
            "value": {
                "law": "政府信息公开条例",
                "number": "国令第711号",
                "article": "第二十六条",
                "gist": "属于主动公开的，自形成或者变更之日起20个工作日内公开。",
                "mark": "V",
            },
        },
        {
            "type": "self_check",
            "value": {
                "question": f"第{number}课：谁来公开？",
                "options": [
                    {"text": "制作的机关", "correct": True, "feedback": "对，谁制作谁公开。"},
                    {"text": "保存的机关", "correct": False, "feedback": "保存的只在从公民处获取时公开。"},
                ],
            },
        },
        {"type": "key_points", "value": ["谁制作谁公开"]},
    ]
    if quiz_key:
        blocks.append({"type": "quiz", "value": quiz_key})
    return blocks


def make_course(
    county: Unit,
    code: str = "P01",
    lessons: int = 2,
    quiz_key: str | None = None,
    *,
    by: Person | None = None,
    at: datetime = NOON,
    **facts,
) -> Course:
    """A published course of this county: its pages in Wagtail and an edition of them.

    Each lesson takes 15 minutes unless `minutes` says how long all of them take together. With
    `quiz_key`, the last lesson embeds that quiz; a Quiz row is made if there is none.
    """
    policies.ensure_default()
    if quiz_key and QUIZZES.title(quiz_key) is None:
        from quizzes.models import Quiz

        Quiz.objects.get_or_create(key=quiz_key, defaults={"county": county, "title": "结业测试", "course_code": code})
    minutes = facts.pop("minutes", 15 * lessons)
    shares = [minutes // lessons] * lessons
    shares[-1] += minutes - sum(shares)
    given = {
        "title": f"课程{code}",
        "summary": "学完能判断哪些信息应当公开。",
        "goals": ["能说出谁来公开"],
        "tags": ["安全生产"],
        "required_for": ["staff"],
    }
    return authoring.write_course(
        catalogue=catalogues.open_catalogue(county=county),
        code=code,
        facts=given | facts,
        by=by,
        at=at,
        lessons=[
            {
                "slug": f"lesson-{number}",
                "title": f"第{number}课",
                "minutes": shares[number - 1],
                "body": lesson_body(number, quiz_key=quiz_key if number == lessons else None),
            }
            for number in range(1, lessons + 1)
        ],
    )


def meet_all(enrolment: Enrolment, at: datetime, *, score=90) -> Completion | None:
    """Meet every requirement of the enrolment's edition at one instant."""
    completion = None
    for asked in enrolment.edition.requirements.all():
        is_quiz = asked.kind == EditionRequirement.Kind.QUIZ
        completion = completions.meet(
            enrolment=enrolment, kind=asked.kind, key=asked.key, evidence="test", score=score if is_quiz else None, at=at
        )
    return completion


def complete(person: Person, course: Course, at: datetime = NOON, *, score=90) -> Completion:
    """The person enrols and completes the course at this instant."""
    return meet_all(enrolments.enrol(person=person, course=course, at=at), at, score=score)
