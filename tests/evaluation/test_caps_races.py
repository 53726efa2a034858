"""The caps of the ledger hold when everything comes at once: real transactions, on PostgreSQL."""

import threading
from decimal import Decimal

import pytest
from django.db import connection, connections

from core import clock
from core.errors import Refused
from courses.signals import course_completed
from evaluation import claims, services
from evaluation.models import HourClaim, LedgerEntry
from tests.cast import NOON
from tests.evaluation import rows

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
AT_ONCE = 4


@pytest.fixture(autouse=True)
def on_postgres(transactional_db):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")


def at_once(act) -> list:
    """What each of several threads that start together returned, or the code of its refusal."""
    gate, found = threading.Barrier(AT_ONCE), []

    def run(number):
        gate.wait()
        try:
            found.append(act(number))
        except Refused as refusal:
            found.append(refusal.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == AT_ONCE  # nothing else was raised
    return found


def test_rounds_of_a_course_that_end_at_once_count_one(cast, course):
    done = [rows.complete(cast.learner, course, round=number + 1, tell=False) for number in range(AT_ONCE)]
    at_once(lambda number: course_completed.send(sender=None, completion=done[number], at=NOON) and None)

    assert services.balance(cast.learner, 2026) == Decimal("1.5")
    assert sorted(LedgerEntry.objects.values_list("kind", flat=True)) == ["online", "test"]


def test_one_completion_credited_by_several_counts_once(cast, course):
    done = rows.complete(cast.learner, course, tell=False)
    at_once(lambda number: len(services.credit(completion=done, at=NOON)))

    assert LedgerEntry.objects.count() == 2


def test_claims_for_one_day_at_once_keep_to_the_most_for_a_day(cast):
    rows.policy(hours_per_day=Decimal("7.5"))
    day = clock.today(NOON)

    def filed(number):
        facts = claims.Facts("lecture", f"讲座{number}", "办公室", day, day, Decimal("5"))
        return claims.file(person=cast.learner, facts=facts, files=[claims.File("a.pdf", b"%PDF-1.7\n")], form_key=str(number), at=NOON).pk

    found = at_once(filed)
    assert found.count("too_many_together") == AT_ONCE - 1
    assert HourClaim.objects.count() == 1


def test_the_same_correction_sent_several_times_at_once_is_one_row(cast, course):
    rows.added(person=cast.learner, year=2026, hours=Decimal(5), reason="补登", by=cast.hr, at=NOON)
    at_once(
        lambda number: (
            services.correct(person=cast.learner, year=2026, hours=Decimal(-3), reason="补登", by=cast.hr, at=NOON, form_key="one").pk
        )
    )
    assert services.balance(cast.learner, 2026) == 2


def test_corrections_that_take_hours_at_once_never_take_more_than_there_is(cast, course):
    rows.added(person=cast.learner, year=2026, hours=Decimal(3), reason="补登", by=cast.hr, at=NOON)
    found = at_once(
        lambda number: services.correct(person=cast.learner, year=2026, hours=Decimal(-2), reason="错登", by=cast.hr, at=NOON).pk
    )
    assert found.count("below_zero") == AT_ONCE - 1
    assert services.balance(cast.learner, 2026) == 1
