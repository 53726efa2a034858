"""Reading many rows of the database."""

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from django.db import connection

Row = TypeVar("Row")


def read_ahead(rows: Iterable[Row], size: int) -> Iterator[Row]:
    """The same rows in the same order; while some are worked on, the next `size` come from the database.

    A cursor of the server computes rows only as they are asked for: without this the database and the program wait for each other.
    Another thread reads, on a connection of its own and in one transaction: on that of a caller who commits meanwhile PostgreSQL
    would compute the last row before it gave the first. It begins at once, before anybody asks for a row. In a transaction of the
    caller, whose rows no other connection sees, nothing is read ahead.
    """
    if connection.in_atomic_block:
        return iter(rows)
    reading = _read_ahead(rows, size)
    next(reading)  # the reader is at work; from here on it is stopped when the iterator is closed or forgotten
    return reading  # type: ignore[return-value]


def _read_ahead(rows: Iterable[Row], size: int) -> Iterator[Row | None]:
    """None once the reader has begun, then the rows."""
    source = iter(rows)

    def begin() -> None:
        connection.set_autocommit(False)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                # Short of the whole, PostgreSQL sorts the rows before it looks up what stands beside each, and then looks while we work.
                cursor.execute("SET LOCAL cursor_tuple_fraction = 0.99")

    def some() -> list[Row]:
        return list(islice(source, size))

    def end() -> None:
        try:
            if isinstance(source, Generator):
                source.close()  # with its cursor, while the connection stands
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as reader:
        try:
            reader.submit(begin).result()
            coming = reader.submit(some)
            yield None
            while part := coming.result():
                coming = reader.submit(some)
                yield from part
        finally:
            reader.submit(end).result()
