"""Django's PostgreSQL backend with a cheap health check and prepared statements."""

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
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
