"""People × required courses where nothing was begun, in one query for any number of either.

The ORM cannot join two tables that no key connects, so the cross join is written out. What "required" means
is said in evaluation.standing; a test holds the two together.
"""

from collections.abc import Iterator
from itertools import chain

from django.db import connection
from django.db.models import QuerySet

from people.models import Unit

PAIRS = f"""
    FROM ({{people}}) AS someone
    JOIN courses_course AS course ON course.id IN ({{courses}})
    JOIN people_unit AS county ON county.id = course.county_id
    WHERE county.path = substr(someone.served_path, 1, {Unit.steplen})
    AND EXISTS (
        SELECT 1 FROM courses_dutyrule AS rule
        JOIN people_dutyassignment AS held ON held.duty = rule.duty
        JOIN people_posting AS posting ON posting.id = held.posting_id
        WHERE rule.course_id = course.id AND rule.need = 'required' AND posting.person_id = someone.id
        AND held.starts_on <= someone.as_of AND (held.ends_on IS NULL OR held.ends_on >= someone.as_of)
        AND someone.as_of BETWEEN posting.starts_on AND COALESCE(posting.ends_on, someone.as_of)
    )
    AND NOT EXISTS (
        SELECT 1 FROM courses_completion AS done LEFT JOIN courses_reversal AS undone ON undone.completion_id = done.id
        WHERE done.person_id = someone.id AND done.course_id = course.id AND undone.id IS NULL
    )
    AND NOT EXISTS (
        SELECT 1 FROM courses_enrolment AS begun LEFT JOIN courses_completion AS ended ON ended.enrolment_id = begun.id
        WHERE begun.person_id = someone.id AND begun.course_id = course.id AND ended.id IS NULL
    )
"""  # noqa: S608 - filled with constants and the ORM's own text alone
KEY = "someone.id, course.id"
COLUMNS = "someone.id, someone.employee_number, someone.name, someone.post_title, someone.served_path, course.id"
ORDERS = {"name": "someone.name, ", "number": "", "course": "course.code, course.id, "}
FIELDS = ["id", "employee_number", "name", "post_title", "served_path", "as_of"]


class NotBegun:
    """Rows (person id, employee number, name, post, path, course id): countable, sliceable and streamable, one query each.

    `people` are rows of `standing.counted`; `courses` the ids of open courses that some duty requires.
    """

    def __init__(self, people: QuerySet, courses: list[int], *, sort: str) -> None:
        sql, values = people.order_by().values(*FIELDS).query.sql_with_params()
        among = ", ".join(["%s"] * len(courses)) or "NULL"
        # Found once, before anything is joined: PostgreSQL takes people × courses for a handful and would look for the people
        # anew at each unit of each course.
        self._pairs = PAIRS.format(people=f"WITH met AS MATERIALIZED ({sql}) SELECT * FROM met", courses=among)  # noqa: S608 - as above
        self._pairs_of_few = PAIRS.format(people=sql, courses=among)
        self._values = (*values, *courses)
        self._order = f"ORDER BY {ORDERS.get(sort, 'someone.served_path, ')}someone.employee_number, course.code, course.id"

    def count(self, most: int | None = None) -> int:
        """How many there are, or `most` where there are more."""
        with connection.cursor() as cursor:
            if most is None:
                cursor.execute(f"SELECT COUNT(*) {self._pairs}", self._values)
            else:
                cursor.execute(f"SELECT COUNT(*) FROM (SELECT 1 {self._pairs} LIMIT %s) AS found", (*self._values, most))  # noqa: S608 - as above
            return cursor.fetchone()[0]

    def __getitem__(self, part: slice) -> list[tuple]:
        with connection.cursor() as cursor:
            cursor.execute(f"{self._rows} LIMIT %s OFFSET %s", (*self._values, part.stop - part.start, part.start))
            return cursor.fetchall()

    def iterator(self, chunk_size: int) -> Iterator[tuple]:
        return self._read(COLUMNS, chunk_size)

    def keys(self, chunk_size: int) -> Iterator[tuple]:
        """Person and course of each row, in their order."""
        return self._read(KEY, chunk_size)

    def of(self, keys: list[tuple]) -> list[tuple]:
        """The rows of these persons and courses, in any order, where nothing was begun until now."""
        if not keys:
            return []
        among = f"AND ({KEY}) IN (VALUES {', '.join(['(%s, %s)'] * len(keys))})"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {COLUMNS} {self._pairs_of_few} {among}", (*self._values, *chain.from_iterable(keys)))
            return cursor.fetchall()

    def _read(self, columns: str, chunk_size: int) -> Iterator[tuple]:
        with connection.chunked_cursor() as cursor:
            cursor.execute(f"SELECT {columns} {self._pairs} {self._order}", self._values)
            while rows := cursor.fetchmany(chunk_size):
                yield from rows

    @property
    def _rows(self) -> str:
        return f"SELECT {COLUMNS} {self._pairs} {self._order}"
