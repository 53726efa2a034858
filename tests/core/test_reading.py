"""Reading ahead: the same rows, one thread more, and nothing left running."""

import threading

import pytest
from django.db import DatabaseError, connection

from core.reading import read_ahead


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100])
def test_all_rows_come_once_and_in_order(db, count):
    assert list(read_ahead(range(count), 8)) == list(range(count))


def test_the_next_rows_are_asked_for_while_some_are_worked_on(db):
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


def test_what_goes_wrong_while_reading_ahead_is_told_where_it_is_read(db):
    def rows():
        yield from range(3)
        raise DatabaseError("gone")

    got = []
    with pytest.raises(DatabaseError, match="gone"):
        got.extend(read_ahead(rows(), 2))
    before = connection.allow_thread_sharing
    assert before is False


def test_a_cursor_is_read_by_the_other_thread_on_the_same_connection(db):
    from people.models import Unit

    made = {Unit.add_root(code=f"R{n}", name="甲", kind="county").pk for n in range(5)}
    assert set(read_ahead(Unit.objects.values_list("pk", flat=True).iterator(chunk_size=2), 2)) >= made
