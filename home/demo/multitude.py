"""Many invented staff in many units with enrolments, completions and hours, for looking at a county at scale.

Written in bulk, past the services: for demo and bench only. Every row has the shape that the
services give it, so `reconcile --check` still reads zero.
"""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import transaction

from core import clock
from courses import rules as course_rules
from courses.models import Completion, Course, CreditPolicy, EditionRequirement, Enrolment, RequirementMet
from evaluation.models import LedgerEntry, RecordChange
from home.demo import sign_ins
from home.demo.load import COUNTY
from people.models import Duty, DutyAssignment, Person, Posting, Unit
from people.services import roles

SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗段普自和"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂英华建国文云春晓"
BATCH = 2000
PER_UNIT = 125
SINCE = date(2024, 1, 1)
Place = tuple[Unit, str, list[Duty]]  # where, under which title, with which duties


@transaction.atomic
def add(*, upto: int, at: datetime) -> int:
    """Add staff to the demo county until there are `upto` people, and units for them; each new one has finished about three courses.

    Returns how many.
    """
    missing = upto - Person.objects.count()
    if missing <= 0:
        return 0
    draw = random.Random(upto)  # noqa: S311
    county = Unit.objects.get(code=COUNTY)
    made = _further_units(county, upto=upto, most=missing // 2)
    units = list(Unit.objects.open().within(county).filter(depth=2))
    courses = list(Course.objects.open().select_related("current"))
    policy = CreditPolicy.objects.in_force(clock.today(at))
    first = Person.objects.filter(employee_number__startswith="DM").count() + 1
    places: list[Place] = [(unit, "负责人", [Duty.CHIEF]) for unit in made] + [
        (unit, "联络员", [Duty.LIAISON, Duty.STAFF]) for unit in made
    ]
    places += [(draw.choice(units), "科员", [Duty.STAFF]) for _one in range(missing - len(places))]
    with_roles: list[int] = []
    for start in range(0, missing, BATCH):
        people = _people(first + start, places[start : start + BATCH], draw)
        with_roles += [person.pk for person in people if person.held != [Duty.STAFF]]  # type: ignore[attr-defined]
        _records(people, courses, policy, at, draw)
    roles.sync_many(with_roles, on=SINCE)
    sign_ins.tell()
    return missing


def _further_units(county: Unit, *, upto: int, most: int) -> list[Unit]:
    """New bureaus and townships, `most` at most, until there is one for each `PER_UNIT` people."""
    organs = Unit.objects.within(county).filter(depth=2)
    first = organs.filter(code__startswith=f"{COUNTY}-DM").count() + 1
    made = []
    for number in range(first, first + min(most, upto // PER_UNIT - organs.count())):
        township = number % 4 == 0
        made.append(
            county.add_child(
                code=f"{COUNTY}-DM{number:04d}",
                name=f"第{number}镇人民政府" if township else f"姚安县第{number}事务局",
                kind=Unit.Kind.TOWNSHIP if township else Unit.Kind.DEPARTMENT,
            )
        )
    return made


def _people(first: int, places: list[Place], draw: random.Random) -> list[Person]:
    """One for each place; `held` of each are the duties."""
    people = []
    for number, (unit, title, duties) in enumerate(places, first):
        name = draw.choice(SURNAMES) + "".join(draw.choices(GIVEN, k=draw.choice([1, 2])))
        person = Person(employee_number=f"DM{number:07d}", name=name, unit=unit, post_title=title, password="!")  # noqa: S106 - unusable
        person.held = duties  # type: ignore[attr-defined]
        people.append(person)
    Person.objects.bulk_create(people)
    postings = Posting.objects.bulk_create(Posting(person=p, unit=p.unit, title=p.post_title, starts_on=SINCE) for p in people)
    DutyAssignment.objects.bulk_create(
        DutyAssignment(posting=posting, duty=duty, starts_on=SINCE) for posting in postings for duty in posting.person.held
    )
    return people


def _records(people: list[Person], courses: list[Course], policy: CreditPolicy, at: datetime, draw: random.Random) -> None:
    requirements: dict[int, list[EditionRequirement]] = {}
    for requirement in EditionRequirement.objects.filter(edition__in=[c.current_id for c in courses]):
        requirements.setdefault(requirement.edition_id, []).append(requirement)
    enrolments, finished = [], []
    for person in people:
        for course in draw.sample(courses, min(len(courses), draw.choice([0, 2, 3, 4, 5]))):
            began = at - timedelta(days=draw.randint(3, 320), minutes=draw.randint(0, 600))
            enrolment = Enrolment(course=course, edition=course.current, round=1, enrolled_at=began, **_served(person))
            enrolments.append(enrolment)
            if draw.random() < 0.8:
                finished.append((enrolment, began + timedelta(hours=draw.randint(2, 50)), Decimal(draw.randint(80, 100))))
    Enrolment.objects.bulk_create(enrolments, batch_size=BATCH)
    met = [
        RequirementMet(enrolment=e, requirement=r, at=done, evidence="demo", score=score if r.kind == "quiz" else None)
        for e, done, score in finished
        for r in requirements[e.edition_id]
    ]
    RequirementMet.objects.bulk_create(met, batch_size=BATCH)
    evidence: dict[int, list[int]] = {}
    for row in met:
        evidence.setdefault(row.enrolment_id, []).append(row.pk)
    completions = [
        Completion(
            enrolment=e,
            course=e.course,
            edition=e.edition,
            round=1,
            course_code=e.course.code,
            course_title=e.edition.title,
            edition_number=e.edition.number,
            line=e.edition.line,
            minutes=e.edition.minutes,
            certificate="",
            policy=policy,
            study_hours=course_rules.credit_hours(e.edition.minutes * 60, policy.bands),
            test_hours=policy.test_passed,
            score=score,
            completed_at=done,
            evidence=evidence[e.pk],
            **_served(e.person),
        )
        for e, done, score in finished
    ]
    Completion.objects.bulk_create(completions, batch_size=BATCH)
    RecordChange.objects.bulk_create(
        (RecordChange(completion=c, kind=RecordChange.Kind.COMPLETED, at=c.completed_at) for c in completions), batch_size=BATCH
    )
    entries = LedgerEntry.objects.bulk_create(
        (
            LedgerEntry(
                kind=kind,
                year=clock.year_of(c.completed_at),
                hours=hours,
                course_code=c.course_code,
                course_title=c.course_title,
                completion=c,
                policy=policy,
                at=c.completed_at,
                **_served(c.person),
            )
            for c in completions
            for kind, hours in ((LedgerEntry.Kind.ONLINE, c.study_hours), (LedgerEntry.Kind.TEST, c.test_hours))
        ),
        batch_size=BATCH,
    )
    RecordChange.objects.bulk_create((RecordChange(entry=e, kind=RecordChange.Kind.ENTRY, at=e.at) for e in entries), batch_size=BATCH)


def _served(person: Person) -> dict:
    return {
        "person": person,
        "unit": person.unit,
        "employee_number": person.employee_number,
        "person_name": person.name,
        "unit_name": person.unit.name,
        "post_title": person.post_title,
        "duties": person.held,  # type: ignore[attr-defined]
        "staff_type": person.staff_type,
    }
