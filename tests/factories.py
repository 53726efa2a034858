"""Ready courses and completions for the tests of every app."""

import io
from datetime import datetime
from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from wagtail.documents import get_document_model
from wagtail.images import get_image_model

from courses.models import Completion, Course, EditionRequirement, Enrolment
from courses.services import authoring, catalogues, completions, enrolments, policies
from courses.slots import QUIZZES
from people.models import Person, Unit
from tests.cast import NOON
from tests.remembered import remembered

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


CLIP = Path(__file__).parent / "courses/data/clip.webm"  # twelve seconds
CAPTIONS = "WEBVTT\n\n00:00.000 --> 00:06.000\n收到申请的当天不算，从次日数起。\n\n00:06.000 --> 00:12.000\n节假日顺延到下一个工作日。\n"


def every_block(county: Unit) -> list[dict]:
    """Raw blocks of every kind but the quiz, their files in the county's collection."""
    catalogues.open_catalogue(county=county)
    place = {"collection": catalogues.collection_of(county)}
    drawn = io.BytesIO()
    Image.new("RGB", (900, 500), "#1d4e7a").save(drawn, "PNG")
    picture = get_image_model().objects.create(title="流程图", file=SimpleUploadedFile("flow.png", drawn.getvalue(), "image/png"), **place)
    video, captions, form = (
        get_document_model().objects.create(title=title, file=SimpleUploadedFile(name, data, media_type), **place)
        for title, name, data, media_type in (
            ("怎么数工作日", "clip.webm", CLIP.read_bytes(), "video/webm"),
            ("怎么数工作日字幕", "clip.vtt", CAPTIONS.encode(), "text/vtt"),
            ("申请表", "form.pdf", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF", "application/pdf"),
        )
    )
    callouts = [
        {"type": "callout", "value": {"kind": kind, "title": title, "body": "<p>把受理当天算进期限。</p>"}}
        for kind, title in (("example", "光禄镇的一件申请"), ("tip", ""), ("warning", "顺延"), ("mistake", "多数一天"))
    ]
    text, clause, self_check, key_points = lesson_body(1)
    return [
        text,
        {"type": "image", "value": {"image": picture.pk, "description": "从收到申请到答复的四步", "caption": "四步"}},
        {
            "type": "video",
            "value": {"video": video.pk, "captions": captions.pk, "title": "怎么数工作日", "transcript": "<p>收到申请的当天不算。</p>"},
        },
        {"type": "document", "value": {"document": form.pk, "note": "申请人填写"}},
        clause,
        *callouts,
        {
            "type": "table",
            "value": {
                "columns": [{"type": "text", "heading": heading} for heading in ("情形", "期限", "起算", "依据", "能否延长")],
                "rows": [
                    {"values": ["主动公开", "20个工作日内", "形成或者变更之日", "第二十六条", "法律法规另有规定的除外"]},
                    {"values": ["依申请公开", "20个工作日内", "收到申请之日", "第三十三条", "经负责人同意可延长20个工作日"]},
                ],
                "caption": "两个期限",
            },
        },
        key_points,
        self_check,
    ]


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
    standing_policies()
    if quiz_key and QUIZZES.title(quiz_key) is None:
        from quizzes.models import DrawRule, Question, Quiz

        asked = {"kind": "judge", "stem": "一律收费。", "content": {}, "key": False, "status": "reviewed", "mark": "V"}
        Question.objects.get_or_create(county=county, code=f"{code}-judge", defaults={"course_code": code, **asked})
        quiz = Quiz.objects.create(key=quiz_key, county=county, title="结业测试", course_code=code)
        DrawRule.objects.create(quiz=quiz, kind="judge", count=1)
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
    return written(
        county,
        code,
        given | facts,
        by,
        at,
        [
            {
                "slug": f"lesson-{number}",
                "title": f"第{number}课",
                "minutes": shares[number - 1],
                "body": lesson_body(number, quiz_key=quiz_key if number == lessons else None),
            }
            for number in range(1, lessons + 1)
        ],
    )


@remembered
def standing_policies() -> None:
    policies.ensure_default()


@remembered
def written(county: Unit, code: str, facts: dict, by: Person | None, at: datetime, lessons: list[dict]) -> Course:
    return authoring.write_course(catalogue=catalogues.open_catalogue(county=county), code=code, facts=facts, by=by, at=at, lessons=lessons)


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
