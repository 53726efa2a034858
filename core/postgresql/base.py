"""Django's PostgreSQL backend with a cheap health check, prepared statements and quick instants."""

import select
from datetime import UTC, datetime

from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import BaseTzLoader


class InstantLoader(BaseTzLoader):
    """Reads an instant of a session in UTC by Python's own reader of ISO 8601, three times as fast as the one by a pattern."""

    timezone = UTC  # Django looks at it, and puts a reader of its own here for any other zone

    def load(self, data):
        try:
            return datetime.fromisoformat(str(data, "ascii"))
        except ValueError:  # a year before Christ, or infinity: the slower one knows what to say
            return super().load(data)


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params):
        """A connection whose instants are read quickly, unless a TIME_ZONE is set for the database."""
        connection = super().get_new_connection(conn_params)
        if self.timezone == UTC:
            connection.adapters.register_loader("timestamptz", InstantLoader)
        return connection

    def is_usable(self) -> bool:
        """Whether the server is still there: a look at the socket, and a question only when something lies in it.

        On an idle connection nothing waits to be read. On one that the server has closed or is about
        to close its farewell does: so a request learns of it without the round trip of Django's
        `SELECT 1`.
        """
        if self.connection is None or self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.pgconn.socket, select.POLLIN)
        return not poll.poll(0) or super().is_usable()

    def prepared_cursor(self):
        """A cursor whose statements the server parses and plans once a connection; see `prepare_threshold` in the settings."""
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            return self._prepare_cursor(base.ServerBindingCursor(self.connection))  # type: ignore[attr-defined, call-arg]
