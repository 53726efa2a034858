"""The figure of the yearly evaluation: an indicator for 50,000 staff in 400 units, calculated and written.

Makes a county of its own, past the services, into the database that the settings name. By itself:

    DATABASE_URL=… DJANGO_SETTINGS_MODULE=config.settings.local python -m bench.evaluation [STAFF] [UNITS]
"""

import os
import random
import sys
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db import connection, transaction

from bench import memory

STAFF = int(os.environ.get("BENCH_STAFF", "50000"))
UNITS = 400
COURSES = 8
SECONDS = 30
WRITTEN_AT_ONCE = 2000
TIMES = 20  # a twentieth is made by the models, the rest are copies
STRIDE = 100_000_000
YEAR = 2026
AT = datetime(YEAR, 12, 21, 1, 0, tzinfo=UTC)


@transaction.atomic
def add(staff: int, units: int):
    """A county with a period: staff with duties, most of what is required of them completed, hours, leaves, transfers. Returns the period."""
    from courses.models import Course, CreditPolicy, DutyRule, Edition
    from courses.services import policies
    from evaluation.indicators import versions
    from evaluation.models import Period
    from people.models import DutyAssignment, Leave, Person, Posting, Unit
    from people.models.snapshot import served_at

    draw = random.Random(staff)
    policies.ensure_default()
    policy = CreditPolicy.objects.order_by("pk").first()
    county = Unit.add_root(code="539999", name="测算县人民政府", kind=Unit.Kind.COUNTY)
    for number in range(units):
        county.add_child(code=f"539999-{number:03d}", name=f"测算县第{number + 1}局", kind=Unit.Kind.DEPARTMENT)
    organs = list(Unit.objects.filter(path__startswith=county.path, depth=2))
    courses = []
    for number in range(COURSES):
        course = Course.objects.create(county=county, code=f"E{number:02d}")
        course.current = Edition.objects.create(
            course=course,
            number=1,
            title=f"课程{number}",
            line="policy",
            minutes=45,
            pass_rule="lessons",
            digest="0",
            published_at=datetime(YEAR, 1, 5, tzinfo=UTC),
        )
        course.save()
        DutyRule.objects.bulk_create(
            DutyRule(course=course, duty=duty, need="required") for duty in ("staff", "deputy", "chief")[: 1 + number % 3]
        )
        courses.append(course)
    officer = None
    for start in range(0, staff, WRITTEN_AT_ONCE):
        people = Person.objects.bulk_create(
            Person(employee_number=f"EV{n:06d}", name="张晓明", unit=organs[n % units], post_title="科员", password="!")
            for n in range(start, min(staff, start + WRITTEN_AT_ONCE))
        )
        officer = officer or people[0]
        stays, moved = [], {}
        for person in people:
            if draw.random() < 0.03:  # moved from another unit in the course of the year
                day = date(YEAR, draw.randint(2, 12), draw.randint(1, 20))
                stays.append(
                    Posting(
                        person=person, unit=draw.choice(organs), title="科员", starts_on=date(2024, 1, 1), ends_on=day - timedelta(days=1)
                    )
                )
                moved[person.pk] = day
            stays.append(Posting(person=person, unit=person.unit, title="科员", starts_on=moved.get(person.pk, date(2024, 1, 1))))
        stays = Posting.objects.bulk_create(stays)
        DutyAssignment.objects.bulk_create(
            DutyAssignment(
                posting=stay,
                duty=("chief", "deputy", "staff")[min(2, stay.person_id % 125)],
                starts_on=stay.starts_on,
                ends_on=stay.ends_on,
            )
            for stay in stays
        )
        Leave.objects.bulk_create(
            Leave(
                **served_at(person),
                kind="sick",
                starts_on=date(YEAR, 3, 1),
                ends_on=date(YEAR, draw.randint(3, 8), 15),
                voucher="-",
                by=officer,
                form_key=f"{person.pk}",
                at=AT,
            )
            for person in draw.sample(people, len(people) // 100)
        )
        _learn(people, courses, policy, draw)
    period = Period(
        county=county,
        year=YEAR,
        version=versions.ensure_default(at=AT),
        opens_on=date(YEAR, 1, 1),
        cutoff_on=date(YEAR, 12, 20),
        publicity_days=5,
        appeal_days=5,
        freeze_on=date(YEAR + 1, 1, 10),
        by=officer,
        at=AT,
    )
    period.save()
    return period


def _learn(people, courses, policy, draw) -> None:
    from courses.models import Completion, Enrolment
    from evaluation.models import LedgerEntry

    def served(person) -> dict:
        return {
            "person": person,
            "unit": person.unit,
            "employee_number": person.employee_number,
            "person_name": person.name,
            "unit_name": person.unit.name,
            "post_title": "科员",
        }

    begun = [
        Enrolment(course=course, edition=course.current, round=1, enrolled_at=AT - timedelta(days=200), **served(person))
        for person in people
        for course in courses
        if draw.random() < 0.9
    ]
    Enrolment.objects.bulk_create(begun, batch_size=WRITTEN_AT_ONCE)
    done = [
        Completion(
            enrolment=one, course=one.course, edition=one.edition, round=1, course_code=one.course.code, course_title=one.edition.title,
            edition_number=1, line="policy", minutes=45, policy=policy, study_hours=Decimal(1), test_hours=Decimal("0.5"),
            completed_at=AT - timedelta(days=draw.randint(-5, 300)), **served(one.person),
        )
        for one in begun
    ]  # fmt: skip
    Completion.objects.bulk_create(done, batch_size=WRITTEN_AT_ONCE)
    LedgerEntry.objects.bulk_create(
        (
            LedgerEntry(kind=kind, year=YEAR, hours=hours, completion=one, policy=policy, at=one.completed_at, **served(one.person))
            for one in done
            for kind, hours in (("online", one.study_hours), ("test", one.test_hours))
        ),
        batch_size=WRITTEN_AT_ONCE,
    )


def multiply(times: int) -> None:
    """Each person of this county with everything about them so many times: rows made by the database itself, in a minute instead of ten."""
    from courses.models import Completion, Enrolment
    from evaluation.models import LedgerEntry
    from people.models import DutyAssignment, Leave, Person, Posting

    theirs = "person_id IN (SELECT id FROM people_person WHERE employee_number ~ '^EV[0-9]+$')"
    copied = [
        (Person, {"id"}, "employee_number ~ '^EV[0-9]+$'"),
        (Posting, {"id", "person_id"}, theirs),
        (DutyAssignment, {"id", "posting_id"}, f"posting_id IN (SELECT id FROM people_posting WHERE {theirs})"),
        (Leave, {"id", "person_id"}, theirs),
        (Enrolment, {"id", "person_id"}, theirs),
        (Completion, {"id", "person_id", "enrolment_id"}, theirs),
        (LedgerEntry, {"id", "person_id", "completion_id"}, theirs),
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        for model, shifted, which in copied:
            columns = [field.column for field in model._meta.concrete_fields]
            values = [
                f"{column} + k * {STRIDE}" if column in shifted else f"{column} || '-' || k" if column == "employee_number" else column
                for column in columns
            ]
            cursor.execute(
                f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) SELECT {', '.join(values)}"
                f" FROM {model._meta.db_table}, generate_series(1, %s) k WHERE {which}",
                [times - 1],
            )


def measure(staff: int = STAFF, units: int = UNITS) -> list[tuple[str, str, str, bool]]:
    """The row of the table: everything from reading to the written lines with their digest."""
    from evaluation.indicators import calculation

    period = add(staff // TIMES, units)
    multiply(TIMES)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    before = memory.forget_peak()
    started = time.perf_counter()
    made = calculation.record(period=period, purpose="publicity", by=None, at=AT)
    seconds = time.perf_counter() - started
    grown = memory.peak() - before
    assert made.people.count() == staff and made.units.count() == units
    assert calculation.digest_of(made) == made.digest
    return [
        (
            f"indicator for {staff} staff in {units} units, {grown:.0f} MB more memory",
            f"{seconds:.1f} s",
            f"<= {SECONDS} s",
            seconds <= SECONDS,
        )
    ]


if __name__ == "__main__":
    import django

    django.setup()
    for row in measure(*(int(number) for number in sys.argv[1:])):
        print(*row, sep="  ")
