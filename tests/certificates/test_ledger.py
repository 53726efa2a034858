"""The chain of status events, the daily roots, and proofs of inclusion."""

import json
import threading
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from certificates import keyring, ledger, merkle, services, tasks
from certificates.ledger_check import Check
from certificates.models import Certificate, ChainEntry, DayRoot, StatusEvent
from certificates.models.ledger import merged
from certificates.services import chaining
from core import clock
from core.errors import Refused
from tests.cast import NOON
from tests.certificates.badges import happened
from tests.certificates.conftest import a_completion

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = clock.today(NOON)


def issue(person, *, at=NOON):
    return services.issue(completion=a_completion(person, at=at), at=at)


def findings(at=NOON + DAY, **more) -> list[str]:
    return [str(finding) for finding in Check(at=at, **more).findings()]


# ---- the chain --------------------------------------------------------------------------------


def test_each_event_becomes_an_entry_that_names_the_one_before(cast, certificate):
    happened(certificate, "revoked", by=cast.hr, at=NOON + HOUR)

    assert services.chain(at=NOON + 2 * HOUR) == 2

    genesis, issued, revoked = ChainEntry.objects.all()
    assert [entry.sequence for entry in (genesis, issued, revoked)] == [1, 2, 3]
    assert genesis.kind == "genesis" and genesis.previous == merkle.NOTHING
    assert (issued.previous, revoked.previous) == (genesis.hash, issued.hash)
    assert (revoked.kind, revoked.number, revoked.at) == ("revoked", certificate.number, NOON + HOUR)
    assert all(entry.hash == merkle.entry_hash(entry.leaf()) for entry in (genesis, issued, revoked))
    assert "测试" in revoked.facts and "测试" not in str(revoked.leaf())


def test_an_event_is_chained_once(cast, certificate):
    assert [services.chain(at=NOON), services.chain(at=NOON), services.chain(at=NOON, everywhere=True)] == [1, 0, 0]
    assert ChainEntry.objects.count() == 2


def test_without_anything_to_chain_there_is_no_ledger(cast):
    assert services.chain(at=NOON) == 0 and not ChainEntry.objects.exists()
    assert services.publish_roots(at=NOON) == [] and ledger.genesis() is None and findings() == []


def test_what_was_issued_before_the_ledger_began_is_chained_behind_its_genesis(cast, kinds, private):
    early = [issue(cast.learner, at=NOON - timedelta(days=age)) for age in (400, 200, 3)]
    services.chain(at=NOON)

    genesis, *entries = ChainEntry.objects.all()
    assert '"events":3' in genesis.facts and [entry.number for entry in entries] == [each.number for each in early]
    assert findings(NOON) == []


def test_a_certificate_without_salt_is_chained_and_proven_too(cast, kinds, private, monkeypatch):
    monkeypatch.setitem(Certificate._meta.get_field("salt").__dict__, "_get_default", lambda: "")
    certificate = issue(cast.learner)
    assert certificate.salt == "" and "salt" not in certificate.facts()
    services.chain(at=NOON)
    services.publish_roots(at=NOON + DAY)

    assert findings() == [] and ledger.proof_of(certificate)["facts"] == certificate.facts()


def test_an_event_that_commits_late_with_an_earlier_key_is_chained_later(cast, kinds, private):
    first, second = issue(cast.learner), issue(cast.colleague)
    event = StatusEvent.objects.get(certificate=first)
    with connection.cursor() as cursor:  # as if it were not yet committed
        cursor.execute("UPDATE certificates_statusevent SET id = %s WHERE id = %s", [event.pk + 1000, event.pk])
    services.chain(at=NOON)
    late = StatusEvent(pk=event.pk, certificate=second, kind="suspended", reason="核查", by=cast.hr, at=NOON)
    late.save(force_insert=True)

    assert services.chain(at=NOON) == 1
    assert ChainEntry.objects.latest("sequence").event_id == event.pk
    assert findings() == []


def test_far_behind_the_newest_only_the_search_everywhere_looks(cast, certificate, monkeypatch):
    second = issue(cast.colleague)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE certificates_statusevent SET id = id + 100000 WHERE certificate_id = %s", [second.pk])
    monkeypatch.setattr("certificates.services.chaining.BATCH", 1)
    services.chain(at=NOON)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM certificates_chainentry WHERE number = %s", [certificate.number])

    assert services.chain(at=NOON) == 0
    assert services.chain(at=NOON, everywhere=True) == 1


def test_many_are_chained_in_few_queries(cast, kinds, private, django_assert_max_num_queries):
    for _time in range(12):
        issue(cast.learner)
    with django_assert_max_num_queries(14):
        assert services.chain(at=NOON) == 12
    with django_assert_max_num_queries(2):
        assert services.chain(at=NOON) == 0


def test_batches_follow_each_other(cast, kinds, private, monkeypatch):
    monkeypatch.setattr("certificates.services.chaining.BATCH", 2)
    for _time in range(5):
        issue(cast.learner)
    assert services.chain(at=NOON) == 5
    assert list(ChainEntry.objects.values_list("sequence", flat=True)) == [1, 2, 3, 4, 5, 6] and findings() == []


def test_it_is_chained_on_commit_and_a_dead_broker_harms_nothing(cast, kinds, private, monkeypatch, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        issue(cast.learner)
    assert ChainEntry.objects.count() == 2

    monkeypatch.setattr(tasks.chain, "delay", lambda: (_ for _ in ()).throw(OSError("no broker")))
    from django.core.cache import caches

    caches["local"].clear()
    with django_capture_on_commit_callbacks(execute=True):
        issue(cast.colleague)
    assert ChainEntry.objects.count() == 2

    [gap] = services.gaps_of_chain(NOON + timedelta(minutes=3))
    assert "1 status events" in gap.what
    gap.mend()
    assert ChainEntry.objects.count() == 3 and services.gaps_of_chain(NOON + timedelta(minutes=3)) == []


def test_what_was_chained_a_minute_ago_is_no_gap(cast, certificate):
    assert services.gaps_of_chain(NOON + timedelta(minutes=1)) == []


# ---- the daily roots --------------------------------------------------------------------------


def test_a_day_is_closed_when_it_is_over_and_signed(cast, certificate):
    services.chain(at=NOON)
    assert services.publish_roots(at=clock.end_of(TODAY) - timedelta(seconds=1)) == []

    [root] = services.publish_roots(at=clock.end_of(TODAY))

    assert (root.number, root.day, root.first, root.last, root.previous) == (1, TODAY, 1, 2, merkle.NOTHING)
    assert root.tree == merkle.root(bytes.fromhex(entry.hash) for entry in ChainEntry.objects.all()).hex()
    assert root.head == ChainEntry.objects.get(sequence=2).hash
    assert keyring.verify(root.kid, merkle.root_bytes(root.statement()), bytes.fromhex(root.signature))
    assert findings() == []


def test_a_day_of_the_county_ends_at_its_own_midnight(cast, certificate):
    late, early = clock.end_of(TODAY) - timedelta(seconds=1), clock.end_of(TODAY)
    services.chain(at=late)
    issue(cast.colleague, at=early)
    services.chain(at=early)

    [root] = services.publish_roots(at=early + HOUR)
    assert root.last == 2


def test_run_twice_and_after_days_of_outage_each_day_has_one_root(cast, certificate):
    services.chain(at=NOON)
    for days in (2, 3):
        issue(cast.colleague, at=NOON + days * DAY)
        services.chain(at=NOON + days * DAY)

    made = services.publish_roots(at=NOON + 9 * DAY)

    assert [(root.number, root.day, root.first, root.last) for root in made] == [
        (1, TODAY, 1, 2),
        (2, TODAY + 2 * DAY, 3, 3),
        (3, TODAY + 3 * DAY, 4, 4),
    ]
    assert [root.previous for root in made] == [merkle.NOTHING, made[0].hash, made[1].hash]
    assert services.publish_roots(at=NOON + 9 * DAY) == [] and findings(NOON + 9 * DAY) == []


def test_a_day_without_entries_has_no_root(cast, certificate):
    services.chain(at=NOON)
    services.publish_roots(at=NOON + DAY)
    assert services.publish_roots(at=NOON + 5 * DAY) == [] and findings(NOON + 5 * DAY) == []


def test_without_a_key_no_day_is_closed_and_it_shows_as_a_gap(cast, certificate, settings, tmp_path):
    services.chain(at=NOON)
    there, settings.KEYS_ROOT = settings.KEYS_ROOT, tmp_path / "nowhere"
    keyring.forget()
    [gap] = services.gaps_of_roots(NOON + DAY)
    with pytest.raises(Refused) as refused:
        gap.mend()
    assert refused.value.code == "no_key" and not DayRoot.objects.exists()

    settings.KEYS_ROOT = there
    [gap] = services.gaps_of_roots(NOON + DAY)
    gap.mend()
    assert DayRoot.objects.get().day == TODAY and services.gaps_of_roots(NOON + DAY) == []


def test_shortly_after_midnight_an_open_day_is_no_gap(cast, certificate):
    services.chain(at=NOON)
    assert services.gaps_of_roots(clock.end_of(TODAY) + HOUR) == []
    assert len(services.gaps_of_roots(clock.end_of(TODAY) + 3 * HOUR)) == 1


def test_a_root_has_a_copy_that_is_made_once_and_again_when_it_is_gone(cast, certificate):
    services.chain(at=NOON)
    [root] = services.publish_roots(at=NOON + DAY)
    storage = ledger.papers()
    assert ledger.copies() == {f"{TODAY}.json"}

    storage.delete(ledger.copy_name(root))
    [gap] = services.gaps_of_roots(NOON + DAY)
    gap.mend()
    assert ledger.copies() == {f"{TODAY}.json"} and services.gaps_of_roots(NOON + DAY) == []


def test_after_a_rotation_older_roots_stay_valid_and_newer_ones_bear_the_new_key(cast, certificate):
    from certificates.services import keys

    services.chain(at=NOON)
    [old] = services.publish_roots(at=NOON + DAY)
    keys.rotate(purpose="badge", at=NOON + DAY)
    issue(cast.colleague, at=NOON + DAY)
    services.chain(at=NOON + DAY)
    [new] = services.publish_roots(at=NOON + 2 * DAY)

    assert old.kid != new.kid and findings(NOON + 2 * DAY) == []


# ---- clocks -----------------------------------------------------------------------------------


def test_a_clock_that_was_set_back_breaks_no_chain_and_is_told(cast, certificate, in_any_order):
    services.chain(at=NOON)
    services.publish_roots(at=NOON + DAY)
    issue(cast.colleague, at=NOON - 30 * DAY)
    services.chain(at=NOON - 30 * DAY)  # the clock is wrong by a month
    assert services.publish_roots(at=NOON - 30 * DAY) == []
    issue(cast.liaison, at=NOON + DAY)
    services.chain(at=NOON + DAY)  # and right again

    [root] = services.publish_roots(at=NOON + 2 * DAY)

    assert (root.day, root.first, root.last) == (TODAY + DAY, 3, 4)
    [finding] = findings(NOON + 2 * DAY)
    assert "entry 3" in finding and "the clock was set back" in finding


def test_a_clock_that_ran_ahead_for_an_hour_blocks_no_later_day(cast, certificate, in_any_order):
    services.chain(at=NOON)
    issue(cast.colleague, at=NOON + 365 * DAY)
    services.chain(at=NOON + 365 * DAY)
    for days in (1, 2):
        issue(cast.liaison, at=NOON + days * DAY)
        services.chain(at=NOON + days * DAY)

    made = services.publish_roots(at=NOON + 3 * DAY)

    assert [(root.day, root.first, root.last) for root in made] == [(TODAY, 1, 2), (TODAY + DAY, 3, 4), (TODAY + 2 * DAY, 5, 5)]
    [finding] = findings(NOON + 3 * DAY)
    assert "entry 3" in finding and "yet to come" in finding


def test_an_event_that_claims_a_closed_day_is_back_dated(cast, certificate):
    services.chain(at=NOON)
    services.publish_roots(at=NOON + DAY)
    issue(cast.colleague, at=clock.end_of(TODAY) - HOUR)
    services.chain(at=clock.end_of(TODAY) + 3 * HOUR)

    [finding] = findings(NOON + DAY)
    assert "entry 3" in finding and "back-dated" in finding


def test_an_event_of_the_last_minute_that_is_chained_after_midnight_is_none(cast, certificate):
    services.chain(at=NOON)
    services.publish_roots(at=clock.end_of(TODAY) + timedelta(minutes=10))
    issue(cast.colleague, at=clock.end_of(TODAY) - timedelta(seconds=1))
    services.chain(at=clock.end_of(TODAY) + timedelta(minutes=12))

    assert findings() == []


def test_an_event_that_claims_a_time_after_it_was_chained_is_told(cast, kinds, private):
    issue(cast.learner, at=NOON + HOUR)
    services.chain(at=NOON)
    [finding] = findings()
    assert "claims 2026-06-15 13:00:00, but was chained before" in finding


def test_an_event_before_the_one_that_it_follows_is_told(cast, certificate):
    StatusEvent.objects.create(certificate=certificate, kind="suspended", reason="核查", by=cast.hr, at=NOON - HOUR)
    services.chain(at=NOON)
    [finding] = findings()
    assert "back-dated" in finding and "before the event that it follows" in finding


def test_what_a_clock_that_ran_ahead_wrote_is_told_and_once_explained_measures_nothing(cast, certificate):
    ahead = NOON + 90 * DAY
    services.chain(at=NOON)
    services.suspend(certificate=certificate, by=cast.hr, reason="核查", at=ahead)
    issue(cast.colleague, at=ahead)
    services.chain(at=ahead)
    assert services.publish_roots(at=ahead + DAY)[-1].day == TODAY + 90 * DAY
    [gap] = services.gaps_of_roots(NOON + DAY)
    assert "2026-09-13 was closed by a clock that ran ahead" in gap.what and services.gaps_of_roots(ahead + 2 * DAY) == []
    right = NOON + DAY
    told = findings(right)
    assert len(told) == 2 and all("2026-09-13 12:00:00, which is yet to come" in each for each in told)

    services.explain(sequences=[(3, 4)], by=cast.hr, reason="服务器时钟快了三个月", at=right)
    services.restore(certificate=certificate, by=cast.hr, reason="核查无误", at=right)
    issue(cast.liaison, at=right)
    services.chain(at=right)
    assert findings(right) == []

    StatusEvent.objects.create(certificate=certificate, kind="suspended", reason="核查", by=cast.hr, at=right - HOUR)
    services.chain(at=right)
    [finding] = findings(right)  # behind the explained one it is still measured
    assert "back-dated" in finding and "2026-06-16 12:00:00" in finding


def test_a_time_can_be_explained_and_is_a_note_then(cast, certificate):
    services.chain(at=NOON)
    services.publish_roots(at=NOON + DAY)
    issue(cast.colleague, at=NOON)
    services.chain(at=NOON + DAY)
    assert len(findings()) == 1

    services.explain(sequences=[(3, 3)], by=cast.hr, reason="机房断电，次日补记", at=NOON + DAY)

    check = Check(at=NOON + DAY)
    assert list(check.findings()) == [] and check.notes == ["entry 4 explains the times of 3: 机房断电，次日补记"]
    for ranges, reason, code in (([(3, 3)], " ", "no_reason"), ([(3, 9)], "x", "no_entry"), ([], "x", "no_entry")):
        with pytest.raises(Refused) as refused:
            services.explain(sequences=ranges, by=None, reason=reason, at=NOON)
        assert refused.value.code == code


def test_ranges_are_kept_as_few_and_very_many_are_refused(cast, certificate, monkeypatch):
    services.chain(at=NOON)
    entry = services.explain(sequences=[(2, 2), (1, 1), (1, 2)], by=cast.hr, reason="x", at=NOON)
    assert json.loads(entry.facts)["entries"] == [[1, 2]]
    monkeypatch.setattr("certificates.services.chaining.MOST_RANGES", 1)
    with pytest.raises(Refused) as refused:
        services.explain(sequences=[(1, 1), (3, 3)], by=cast.hr, reason="x", at=NOON)
    assert refused.value.code == "too_many"


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), max_size=12))
def test_merged_ranges_name_the_same_numbers_and_touch_nowhere(pairs):
    ranges = [(first, first + more) for first, more in pairs]
    found = merged(ranges)
    assert {n for first, last in ranges for n in range(first, last + 1)} == {n for first, last in found for n in range(first, last + 1)}
    assert all(one[1] + 1 < other[0] for one, other in pairwise(found))


# ---- two at once, and killed between ----------------------------------------------------------


def together(work, count=2) -> list:
    """What several threads got that began at the same moment, each with a connection of its own."""
    barrier, results = threading.Barrier(count), []

    def run():
        try:
            barrier.wait()
            results.append(work())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _time in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def county(transactional_db, private, settings, tmp_path):
    """A county in a database with real transactions, and its signing keys. Nothing is chained by itself here."""
    from certificates.services import keys
    from tests.cast import assemble

    settings.KEYS_ROOT = tmp_path / "keys"
    found = assemble()
    keys.ensure(at=NOON - 900 * DAY)
    services.ensure_kinds(found.county)
    return found


@pytest.fixture
def by_hand(monkeypatch):
    monkeypatch.setattr(tasks.chain, "delay", lambda: None)


@pytest.mark.postgres
def test_several_that_chain_at_once_chain_each_event_once(county, by_hand):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    for _time in range(30):
        issue(county.learner)

    chained = together(lambda: services.chain(at=NOON), 4)

    assert sorted(chained) == [0, 0, 0, 30]
    assert list(ChainEntry.objects.values_list("sequence", flat=True)) == list(range(1, 32)) and findings() == []


@pytest.mark.postgres
def test_issuing_and_chaining_at_once_leave_nothing_out_and_nobody_waits_for_the_chain(county, by_hand):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    completions = [a_completion(county.learner) for _time in range(24)]

    def work():
        for _time in range(6):
            services.issue(completion=completions.pop(), at=NOON)
            services.chain(at=NOON)

    assert together(work, 4) == [None] * 4
    services.chain(at=NOON, everywhere=True)
    assert ChainEntry.objects.exclude(event=None).count() == 24 == Certificate.objects.count()
    assert findings() == []


@pytest.mark.postgres
def test_nobody_who_issues_waits_for_somebody_who_chains(county, by_hand):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    issue(county.learner)
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [chaining.CHAINING])
        with transaction.atomic(), connection.cursor() as here:
            here.execute("SET LOCAL lock_timeout = '500ms'")
            issue(county.colleague)
        cursor.execute("ROLLBACK")
    other.close()
    assert services.chain(at=NOON) == 2


@pytest.mark.postgres
def test_two_that_close_days_at_once_make_one_root_a_day(county, by_hand):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    for days in range(3):
        issue(county.learner, at=NOON + days * DAY)
        services.chain(at=NOON + days * DAY)

    made = together(lambda: len(services.publish_roots(at=NOON + 9 * DAY)), 3)

    assert sum(made) == 3 == DayRoot.objects.count() and findings(NOON + 9 * DAY) == []
    assert len(ledger.copies()) == 3


@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_of_a_batch_nothing_is_half_chained(county, by_hand, monkeypatch):
    class Killed(BaseException):
        pass

    def dies(*args, **kwargs):
        insert(*args, **kwargs)
        raise Killed

    for _time in range(3):
        issue(county.learner)
    insert = ChainEntry.objects.bulk_create
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr("certificates.models.ledger.ChainEntry.objects.bulk_create", dies)
        services.chain(at=NOON)
    assert not ChainEntry.objects.exists()

    assert services.chain(at=NOON) == 3 and findings() == []


@pytest.mark.django_db(transaction=True)
def test_killed_between_root_and_copy_the_next_run_makes_the_copy(county, by_hand, monkeypatch):
    issue(county.learner)
    services.chain(at=NOON)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(chaining, "keep_copy", lambda root: (_ for _ in ()).throw(KeyboardInterrupt))
        services.publish_roots(at=NOON + DAY)
    assert DayRoot.objects.count() == 1 and ledger.copies() == set()

    assert services.publish_roots(at=NOON + DAY) == []
    assert len(ledger.copies()) == 1 and findings() == []


@pytest.mark.django_db(transaction=True)
def test_the_commit_of_an_issue_chains_it(county):
    issue(county.learner)
    assert ChainEntry.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_reading_outside_a_transaction_sees_one_state_and_keeps_no_writer_out(county, by_hand):
    issue(county.learner)
    services.chain(at=NOON)
    check = Check(at=NOON)
    reading = check.findings()
    with pytest.raises(StopIteration):
        next(reading)
    assert not connection.in_atomic_block and findings() == []
    issue(county.colleague)  # the connection writes as before
    assert services.chain(at=NOON) == 1
