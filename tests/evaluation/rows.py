"""Rows that the tests of this app stand on, built directly: a policy, courses, completions with their facts."""

from datetime import UTC, datetime
from decimal import Decimal

from certificates import rules
from certificates.models import Certificate, CertificateKind, StatusEvent
from certificates.services import version_in_force
from core import clock
from courses.models import Completion, Course, CreditPolicy, DutyRule, Edition, EditionLesson, EditionRequirement, Enrolment, Reversal
from courses.signals import completion_reversed, course_completed
from evaluation import services
from evaluation.models import LedgerEntry
from people.models import DutyAssignment
from people.models.snapshot import copied_from, served_at
from quizzes.models import Attempt, Marking, Quiz, Submission
from tests.cast import NOON

BEGINNING = datetime(2024, 1, 2, 4, 0, tzinfo=UTC)  # noon of the day after the cast took up their posts
BANDS = [
    {"over": 0, "over_included": True, "hours": "0.25"},
    {"over": 15, "over_included": False, "hours": "0.5"},
    {"over": 30, "over_included": True, "hours": "1"},
]


def policy(*, county=None, once=True, **more) -> CreditPolicy:
    fields = {
        "name": "云南省干部在线学习学院学时制",
        "source": "学习学时制介绍",
        "mark": "S",
        "valid_from": "2020-01-01",
        "bands": BANDS,
        "test_passed": Decimal("0.5"),
        "yearly_target": Decimal(50),
        "step": Decimal("0.25"),
        "duty_targets": {"chief": "4", "deputy": "8", "section_head": "12", "staff": "20", "liaison": "20", "publisher": "10"},
        "once_per_course_per_year": once,
    }
    return CreditPolicy.objects.create(county=county, **{**fields, **more})


def course(
    county, code="P01", *, title=None, required=(), elective=(), shared=False, minutes=45, open=True, published_at=BEGINNING
) -> Course:
    made = Course.objects.create(county=county, code=code, is_shared=shared, is_open=open)
    made.current = Edition.objects.create(
        course=made,
        number=1,
        title=title or f"课程{code}",
        line="policy",
        minutes=minutes,
        pass_rule="lessons_and_quiz",
        digest=f"{made.pk}",
        published_at=published_at,
    )
    made.save()
    EditionLesson.objects.create(
        edition=made.current, key=f"00000000-0000-0000-0000-{made.pk:012d}", slug="l1", title="一", position=1, minutes=minutes
    )
    for duty in required:
        DutyRule.objects.create(course=made, duty=duty, need="required")
    for duty in elective:
        DutyRule.objects.create(course=made, duty=duty, need="elective")
    return made


def enrol(person, course, *, at: datetime = NOON, round=1) -> Enrolment:
    return Enrolment.objects.create(**served_at(person), course=course, edition=course.current, round=round, enrolled_at=at)


def complete(
    person,
    course,
    *,
    at: datetime = NOON,
    round=1,
    study="1",
    test="0.5",
    score="90",
    rule: CreditPolicy | None = None,
    tell=True,
    enrolment=None,
) -> Completion:
    """A completion with its enrolment, if none is given; `tell` sends the signal as the course service does."""
    enrolment = enrolment or enrol(person, course, at=at, round=round)
    made = Completion.objects.create(
        **copied_from(enrolment),
        enrolment=enrolment,
        course=course,
        edition=course.current,
        round=round,
        course_code=course.code,
        course_title=course.current.title,
        edition_number=course.current.number,
        line=course.current.line,
        minutes=course.current.minutes,
        policy=rule or CreditPolicy.objects.in_force(clock.today(at)),
        study_hours=Decimal(study),
        test_hours=Decimal(test),
        score=None if score is None else Decimal(score),
        completed_at=at,
    )
    if tell:
        course_completed.send(sender=Completion, completion=made, at=at)
    return made


def explained(person, year: int = 2026) -> services.HoursExplained:
    """Why a person has so many hours in a year, by the policy and duties of now."""
    entries = list(LedgerEntry.objects.filter(person=person, year=year).with_reasons())
    day = services.day_of(year, NOON)
    duties = DutyAssignment.objects.lasting(day).filter(posting__person=person).values_list("duty", flat=True)
    return services.explained(year=year, entries=entries, policy=services.policies_on(day).of(person.unit), duties=list(duties))


def reverse(completion, *, by, at: datetime = NOON, reason="查实替考", tell=True) -> Reversal:
    made = Reversal.objects.create(completion=completion, by=by, reason=reason, at=at)
    if tell:
        completion_reversed.send(sender=Reversal, reversal=made, at=at)
    return made


def certificate(completion, number="YAZWGK-01-2026-532325-00001-8", *, revoked_by=None, valid_until=None) -> Certificate:
    county = completion.course.county
    kind, _ = CertificateKind.objects.get_or_create(
        county=county, key="training", defaults={"title": "培训合格证书", "wording": "-", "issuer": "-"}
    )
    made = Certificate(
        **copied_from(completion),
        completion=completion,
        kind=kind,
        version=version_in_force(kind, at=NOON),
        number=number,
        title=kind.title,
        text="",
        issuer="",
        course_code=completion.course_code,
        course_title=completion.course_title,
        edition_number=completion.edition_number,
        hours=completion.hours,
        score=completion.score,
        issued_on=clock.today(completion.completed_at),
        valid_until=valid_until,
        issued_at=completion.completed_at,
    )
    made.facts_digest = rules.digest(made.facts())
    made.save()
    StatusEvent.objects.create(certificate=made, kind="issued", at=NOON)
    if revoked_by:
        StatusEvent.objects.create(certificate=made, kind="revoked", by=revoked_by, reason="查实替考", at=NOON)
    return made


def sat(person, course, *, passed: bool, number=1, key="quiz", at: datetime = NOON, sitting=None) -> Submission:
    quiz, _ = Quiz.objects.get_or_create(key=key, defaults={"county": course.county, "title": "结业测试", "course_code": course.code})
    enrolment = Enrolment.objects.filter(person=person, course=course).first() or enrol(person, course, at=at)
    if sitting is None:
        facts = {"title": quiz.title, "position": 1, "lesson": enrolment.edition.lessons.first()}
        EditionRequirement.objects.get_or_create(edition=enrolment.edition, kind="quiz", key=key, defaults=facts)
    attempt = Attempt.objects.create(
        **served_at(person),
        sitting=sitting,
        quiz=quiz,
        enrolment=enrolment,
        number=number,
        started_at=at,
        quiz_title=quiz.title,
        pass_percent=80,
        seed="s",
    )
    submission = Submission.objects.create(attempt=attempt, cause="learner", at=at)
    share = 90 if passed else 10
    Marking.objects.create(submission=submission, at=at, score=share, out_of=100, percent=share, passed=passed)
    return submission


def added(*, person, year: int, hours: Decimal, reason: str, by, at: datetime, form_key: str | None = None) -> LedgerEntry:
    """Hours on top, as a row from before corrections only gave back; the same form once."""
    facts = {"person": person, "kind": LedgerEntry.Kind.CORRECTION, "once_key": f"correction:{form_key}"}
    standing = LedgerEntry.objects.filter(**facts).first() if form_key else None
    facts |= served_at(person) | {"once_key": facts["once_key"] if form_key else None}
    return standing or LedgerEntry.objects.create(**facts, year=year, hours=hours, reason=reason, author=by, at=at)
