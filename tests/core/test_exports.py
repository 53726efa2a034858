"""Tables that leave as files: a cell is written by what it is, not by what stands around it."""

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import itemgetter

import pytest
from django.db import models

from core.exports import LINES_A_CHUNK, Column, Exporter, csv_chunks


class Word(models.TextChoices):
    SUM = "=sum", "=sum"


# What a cell holds, and what the line of a file says of it.
CELLS = [
    (None, ""),
    ("", ""),
    ("=1+1", "'=1+1"),
    ("＝1", "'＝1"),
    ("-", "'-"),
    ("办公室", "办公室"),
    ("a,b", '"a,b"'),
    ('so "called"', '"so ""called"""'),
    (True, "1"),
    (False, "0"),
    (-3, "-3"),
    (2.5, "2.5"),
    (Decimal("-1.50"), "-1.50"),
    (date(2026, 6, 15), "2026-06-15"),
    (datetime(2026, 6, 15, 16, 30, 1, 999, tzinfo=UTC), "2026-06-16 00:30:01"),
    (Word.SUM, "'=sum"),
    (("+", 1), "\"('+', 1)\""),
]


@pytest.mark.parametrize("shares", [1, 2, 5, len(CELLS)])
def test_a_cell_of_a_file_is_the_same_whatever_else_its_column_holds(shares):
    chance = random.Random(shares)
    kinds = [chance.sample(CELLS, shares) for _column in range(40)]
    table = [[chance.choice(some) for some in kinds] for _row in range(2 * LINES_A_CHUNK + 1)]
    columns = [Column(f"c{index}", itemgetter(index)) for index in range(len(kinds))]

    written = b"".join(csv_chunks(Exporter("t", columns, ([cell for cell, _text in row] for row in table)))).decode("utf-8-sig")

    assert written.split("\r\n")[1:] == [*(",".join(text for _cell, text in row) for row in table), ""]
