"""Reading many rows of the database."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from django.db import connection

Row = TypeVar("Row")


def read_ahead(rows: Iterable[Row], size: int) -> Iterator[Row]:
    """The same rows in the same order; while some are worked on, the next `size` come from the database.

    A cursor of the server computes rows only as they are asked for: without this the database and the program wait for each other.
    The first rows are asked for by this thread, which opens the cursor on its own connection; those behind by one other thread.
    """
    source = iter(rows)

    def some() -> list[Row]:
        return list(islice(source, size))

    connection.inc_thread_sharing()
    try:
        with ThreadPoolExecutor(max_workers=1) as reader:
            part = some()
            while part:
                coming = reader.submit(some)
                yield from part
                part = coming.result()
    finally:
        connection.dec_thread_sharing()
