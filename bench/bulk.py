"""Certificates for a batch of 10,000: facts with number, status event and chain entry, then each one's signed badge.

By itself, on a database with a county and its courses in it:

    DATABASE_URL=… DJANGO_SETTINGS_MODULE=config.settings.local python -m bench.bulk [CERTIFICATES]
"""

import os
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

CERTIFICATES = int(os.environ.get("BENCH_BULK", "10000"))
A_SECOND = 150
WRITTEN_AT_ONCE = 2000


def complete(count: int) -> None:
    """So many people of a township of their own, each with a completion that awards a certificate and has none."""
    from core import clock
    from courses.models import Completion, Course, CreditPolicy, Enrolment
    from people.models import Person, Posting, Unit
    from people.models.snapshot import served_at

    at = clock.now() - timedelta(minutes=5)
    course = Course.objects.open().exclude(current__certificate="").select_related("current").order_by("code").first()
    edition, policy = course.current, CreditPolicy.objects.order_by("-pk").first()
    unit = Unit.objects.exclude(kind=Unit.Kind.SECTION).filter(path__startswith=course.county.path).order_by("-depth", "path").first()
    for start in range(0, count, WRITTEN_AT_ONCE):
        numbers = range(start, min(count, start + WRITTEN_AT_ONCE))
        people = Person.objects.bulk_create(Person(employee_number=f"BULK{n:06d}", name="张晓明", staff_type="civil") for n in numbers)
        Posting.objects.bulk_create(
            Posting(person=person, unit=unit, title="科员", starts_on=clock.today(at) - timedelta(days=400), is_main=True)
            for person in people
        )
        now = {**served_at(people[0]), "unit": unit, "unit_name": unit.name, "post_title": "科员", "duties": ["staff"]}
        served = [{**now, "person": person, "employee_number": person.employee_number} for person in people]
        begun = Enrolment.objects.bulk_create(Enrolment(course=course, edition=edition, enrolled_at=at, **facts) for facts in served)
        Completion.objects.bulk_create(
            Completion(
                enrolment=enrolment,
                course=course,
                edition=edition,
                round=1,
                course_code=course.code,
                course_title=edition.title,
                edition_number=edition.number,
                line=edition.line,
                minutes=edition.minutes,
                certificate=edition.certificate,
                policy=policy,
                study_hours=Decimal("2.50"),
                test_hours=Decimal("1.00"),
                score=Decimal("92.50"),
                completed_at=at,
                **facts,
            )
            for enrolment, facts in zip(begun, served, strict=True)
        )


def measure(count: int = CERTIFICATES) -> list[tuple[str, str, str, bool]]:
    """The row of the table, by the clock, as one worker does it."""
    from certificates import badge, services
    from certificates.models import Batch, Certificate
    from certificates.services import batches, keys
    from core import clock
    from people.models import Person, Role, Unit

    keys.ensure(at=clock.now())
    complete(count)
    services.chain(at=clock.now(), everywhere=True)
    county = Unit.objects.counties()[0]
    hr = Person.objects.filter(role_grants__role=Role.HR, role_grants__unit=county, role_grants__ends_on=None).first()
    batch = Batch.objects.create(kind=Batch.Kind.ISSUE, unit=county, year=0, by=hr, made_at=clock.now(), seen_at=clock.now(), total=count)
    parts: dict[str, float] = {}

    def timed(name: str, work) -> None:
        began = time.perf_counter()
        work()
        parts[name] = time.perf_counter() - began

    def issue() -> None:
        while batches.run(batch.pk):
            pass

    def made() -> Iterator[bytes]:
        for certificate in Certificate.objects.with_ledger().filter(person__employee_number__startswith="BULK").iterator(chunk_size=1000):
            yield badge.file(certificate)

    timed("facts", issue)
    batch.refresh_from_db()
    issued = Certificate.objects.filter(person__employee_number__startswith="BULK").count()
    assert (batch.state, batch.failed, issued) == (Batch.State.DONE, 0, count), (batch.state, batch.failures[:3], issued)
    timed("chain", lambda: services.chain(at=clock.now()))
    timed("badges", lambda: [len(one) for one in made()])
    rate = count / sum(parts.values())
    words = ", ".join(f"{name} {count / seconds:.0f}/s" for name, seconds in parts.items())
    return [(f"a batch of {count:,}: {words}", f"{rate:.0f}/s", f">= {A_SECOND}/s", rate >= A_SECOND)]


if __name__ == "__main__":
    import django

    django.setup()
    for row in measure(int(sys.argv[1]) if len(sys.argv) > 1 else CERTIFICATES):
        print(*row, sep="  ")
