"""How the product talks to PostgreSQL."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.skipif(connection.vendor != "postgresql", reason="of PostgreSQL")


def read(text: str):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        return cursor.fetchone()[0]


@pytest.mark.django_db
@settings(max_examples=60, deadline=None)
@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)), st.integers(min_value=-14, max_value=14))
def test_an_instant_comes_back_to_the_microsecond_and_in_utc(moment, hours):
    moment = moment.replace(tzinfo=UTC)
    sent = moment.isoformat() if abs(hours) > 12 else moment.isoformat().replace("+00:00", "Z")
    found = read(sent)
    assert found == moment and found.tzinfo is UTC and found.utcoffset() == timedelta(0)


@pytest.mark.django_db
def test_a_cursor_of_the_server_reads_instants_as_the_ordinary_one_does():
    with connection.chunked_cursor() as cursor:
        cursor.execute("SELECT TIMESTAMPTZ '2026-06-30 09:05:00.5+08'")
        assert cursor.fetchone()[0] == datetime(2026, 6, 30, 1, 5, 0, 500_000, tzinfo=UTC)


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["infinity", "0044-03-15 BC"])
def test_an_instant_that_python_does_not_know_is_refused_and_not_misread(what):
    from django.db import DataError

    with pytest.raises(DataError):
        read(what)


@pytest.mark.django_db
def test_plans_are_not_compiled():
    with connection.cursor() as cursor:
        cursor.execute("SHOW jit")
        assert cursor.fetchone()[0] == "off"
