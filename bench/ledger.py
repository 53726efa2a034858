"""Figures of the ledger of certificates: how fast events are chained, how fast everything is read anew.

Writes certificates past the services, in the shape that they have, into the database that the settings name, chains
and closes them as the product does. By itself, on a database with a county in it:

    DATABASE_URL=… DJANGO_SETTINGS_MODULE=config.settings.local python -m bench.ledger [CERTIFICATES]
"""

import os
import sys
import time
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from bench import memory

CERTIFICATES = int(os.environ.get("BENCH_LEDGER", "20000"))
CHAINED_A_SECOND = 1000  # so that a batch of 10,000 at 150/s spends a seventh of its time here at most
ROWS_A_SECOND = 20_000
BATCH = 2000


@transaction.atomic
def add(count: int, at: datetime) -> None:
    """So many certificates with the event of their issue, of one kind of the first county."""
    from certificates import rules
    from certificates.models import Certificate, CertificateKind, NumberSequence, StatusEvent
    from certificates.services import ensure_kinds, version_in_force
    from core import clock
    from people.models import Person, Unit

    county = Unit.objects.counties()[0]
    kind = CertificateKind.objects.filter(county=county, key="leader").first() or ensure_kinds(county)[-1]
    version = version_in_force(kind, at=at)
    person = Person.objects.order_by("pk").first()
    which = {"prefix": kind.number_prefix, "category": kind.category, "year": clock.year_of(at), "county_code": county.code}
    sequence, _made = NumberSequence.objects.get_or_create(**which)
    rounds = Certificate.objects.filter(person=person, kind=kind).count()
    for start in range(0, count, BATCH):
        rows = []
        for number in range(start + 1, min(count, start + BATCH) + 1):
            row = Certificate(
                person=person,
                unit=county,
                employee_number=f"B{number:07d}",
                person_name="张晓明",
                unit_name="姚安县光禄镇人民政府 党政综合办公室",
                post_title="科员",
                duties=["staff", "publisher"],
                kind=kind,
                version=version,
                round=rounds + number,
                number=rules.compose_number(serial=sequence.last + number, **which),
                title=kind.title,
                text="张晓明同志参加领导干部政务公开专题培训“政务公开政策解读”，计2.5学时，考核成绩92.5分，准予合格。",
                issuer=county.name,
                course_code="P01",
                course_title="政务公开政策解读",
                edition_number=1,
                hours=Decimal("2.50"),
                score=Decimal("92.50"),
                issued_on=clock.today(at),
                valid_until=rules.last_valid_day(clock.today(at), 24),
                issued_at=at,
            )
            row.facts_digest = rules.digest(row.facts())
            rows.append(row)
        Certificate.objects.bulk_create(rows)
        StatusEvent.objects.bulk_create(StatusEvent(certificate=row, kind="issued", at=at) for row in rows)
    sequence.last += count
    sequence.save()


def measure(count: int = CERTIFICATES) -> list[tuple[str, str, str, bool]]:
    """The rows of the table: chaining, and verify_ledger with its memory."""
    from certificates import services
    from certificates.ledger_check import Check
    from certificates.models import ChainEntry
    from certificates.services import keys
    from core import clock

    at = clock.now()
    keys.ensure(at=at)
    services.chain(at=at, everywhere=True)
    add(count, at)
    started = time.perf_counter()
    chained = services.chain(at=at)
    rate = chained / (time.perf_counter() - started)
    tomorrow = at + timedelta(days=1)
    services.publish_roots(at=tomorrow)
    before = memory.forget_peak()
    check = Check(at=tomorrow)
    started = time.perf_counter()
    found = list(check.findings())
    seconds = time.perf_counter() - started
    grown = memory.peak() - before
    read = sum(check.rows.values())
    assert check.rows["entries"] == ChainEntry.objects.count()
    words = f"{read / seconds:.0f}/s" + (f" ({len(found)} findings)" if found else "")
    return [
        (f"status events chained, {chained}", f"{rate:.0f}/s", f">= {CHAINED_A_SECOND}/s", rate >= CHAINED_A_SECOND),
        (
            f"verify_ledger, {read} rows, {grown:.0f} MB more memory",
            words,
            f">= {ROWS_A_SECOND}/s",
            read / seconds >= ROWS_A_SECOND and not found,
        ),
    ]


if __name__ == "__main__":
    import django

    django.setup()
    for row in measure(int(sys.argv[1]) if len(sys.argv) > 1 else CERTIFICATES):
        print(*row, sep="  ")
