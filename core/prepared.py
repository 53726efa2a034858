"""Queries of the pages that everybody opens at once: said with the ORM, compiled once, planned once.

Building a query and compiling it costs the ORM up to a millisecond, ten times what running it costs,
and PostgreSQL plans it anew each time. A query that never changes its shape pays neither here:
docs/decisions/0009-prepared-queries.md
"""

import threading
from collections.abc import Callable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, QuerySet
from django.db.transaction import TransactionManagementError


class Given(Expression):
    """Stands in a prepared query for a value that each run brings."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place

    def as_sql(self, compiler, connection):
        return "%s", [self]


class Prepared:
    """A query with places for values: `Prepared(lambda path: Unit.objects.filter(path=path))("0001")`.

    The function gets an expression for each of its arguments and may use them where a query takes one.
    Values are numbers and strings: no field converts them. Rows come back as the QuerySet itself would
    give them, without prefetching. The default database.
    """

    def __init__(self, build: Callable[..., QuerySet]) -> None:
        self.build = build
        self._places = build.__code__.co_argcount
        self._own = threading.local()  # what was compiled, and the connection that it belongs to

    def __call__(self, *values: int | str | None) -> list:
        """All rows for these values. One query.

        Raises:
            TransactionManagementError: the query locks rows and no transaction would keep the lock.
        """
        connection = connections[DEFAULT_DB_ALIAS]
        # An event loop in this thread brings connections of its own: one thread may use several.
        if getattr(self._own, "connection", None) is not connection:
            self._own.compiled, self._own.connection = self._compile(connection), connection
        queryset, compiler, sql, params = self._own.compiled
        if queryset.query.select_for_update and connection.get_autocommit():
            raise TransactionManagementError("A query that locks rows needs a transaction.")
        with getattr(connection, "prepared_cursor", connection.cursor)() as cursor:
            cursor.execute(sql, [values[param.place] if isinstance(param, Given) else param for param in params])
            rows = cursor.fetchall()
        compiler.execute_sql = lambda *args, **kwargs: [rows]
        return list(queryset._iterable_class(queryset))

    def first(self, *values: int | str | None) -> Any:
        """The first row or None. The query says itself that it wants one: by [:1] or a unique column."""
        return next(iter(self(*values)), None)

    def _compile(self, connection: BaseDatabaseWrapper) -> tuple[QuerySet, Any, str, tuple]:
        queryset = self.build(*map(Given, range(self._places)))
        compiler: Any = queryset.query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        converters = compiler.get_converters([column for column, _sql, _alias in compiler.select[: compiler.col_count]])
        compiler.get_converters = lambda columns: converters
        # From here on the QuerySet reads its rows through this compiler, which is told them by __call__.
        queryset.query.get_compiler = lambda *args, **kwargs: compiler  # type: ignore[method-assign]
        return queryset, compiler, sql, params
