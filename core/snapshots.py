"""Reading many tables as they were at one moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def one_snapshot() -> Iterator[None]:
    """A transaction whose queries all see the database as the first of them did, whatever is written meanwhile.

    On PostgreSQL it is REPEATABLE READ; SQLite reads so anyway. Inside a transaction that has begun nothing can be set any
    more: whoever needs the promise there opens that transaction by this function.
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield
