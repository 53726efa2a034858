"""Reading ahead: the same rows, one thread more with a connection of its own, and nothing left running."""

import threading

import pytest
from django.db import DatabaseError, connection, transaction

from core.reading import read_ahead
from people.models import Unit


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100])
def test_all_rows_come_once_and_in_order(count):
    assert list(read_ahead(range(count), 8)) == list(range(count))


@pytest.mark.django_db(transaction=True)
def test_the_next_rows_are_asked_for_while_some_are_worked_on():
    asked, reached = [], threading.Event()

    def rows():
        for number in range(6):
            asked.append(number)
            if number == 3:
                reached.set()
            yield number

    reading = read_ahead(rows(), 2)
    assert next(reading) == 0 and reached.wait(10), "the second two are on their way"
    assert max(asked) <= 4
    reading.close()
    assert not [one for one in threading.enumerate() if "ThreadPool" in one.name]


@pytest.mark.django_db(transaction=True)
def test_the_first_rows_are_read_before_anybody_asks_and_the_reader_goes_when_nobody_ever_does():
    reached = threading.Event()

    def rows():
        reached.set()
        yield from range(6)

    reading = read_ahead(rows(), 2)
    assert reached.wait(10)
    del reading
    assert not [one for one in threading.enumerate() if "ThreadPool" in one.name]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_database_sorts_the_rows_before_it_looks_up_what_stands_beside_each():
    """So that the first comes soon; a whole one is planned the other way round, and by itself each query as before."""
    beside = "SELECT (SELECT count(*) FROM people_person WHERE unit_id = u.id) FROM people_unit u, generate_series(1, 1000) ORDER BY u.name"

    def rows():
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN DECLARE c CURSOR FOR {beside}")
            yield from [line for (line,) in cursor.fetchall()]

    found = list(read_ahead(rows(), 100))
    assert "Sort" not in found[0] and any("Sort" in line for line in found[1:])
    assert "Sort" in next(rows())


@pytest.mark.django_db(transaction=True)
def test_what_goes_wrong_while_reading_ahead_is_told_where_it_is_read():
    def rows():
        yield from range(3)
        raise DatabaseError("gone")

    got = []
    with pytest.raises(DatabaseError, match="gone"):
        got.extend(read_ahead(rows(), 2))
    assert got == [0, 1]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_whoever_commits_meanwhile_does_not_wait_until_the_last_row_is_computed():
    made = [Unit.add_root(code=f"R{n}", name="甲", kind="county").pk for n in range(7)]
    readers, held = set(), set()

    def rows():
        for pk in Unit.objects.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=2):
            with connection.cursor() as cursor:
                cursor.execute("SELECT is_holdable FROM pg_cursors WHERE name LIKE '_django%'")
                held.update(cursor.fetchall())
            readers.add(threading.get_ident())
            yield pk

    found = []
    for pk in read_ahead(rows(), 2):
        found.append(pk)
        Unit.objects.filter(pk=pk).update(name="乙")
    assert found == made and Unit.objects.filter(name="乙").count() == len(made)
    assert held == {(False,)} and threading.get_ident() not in readers


def test_in_a_transaction_its_own_rows_are_read_too(db):
    assert connection.in_atomic_block
    with transaction.atomic():
        made = {Unit.add_root(code=f"R{n}", name="甲", kind="county").pk for n in range(5)}
        assert set(read_ahead(Unit.objects.values_list("pk", flat=True).iterator(chunk_size=2), 2)) >= made
