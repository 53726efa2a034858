"""The broker on disk, made safe for several processes at once: kombu's lets a reader see what is half written.

A message taken before its writer has written it is lost, and the worker that took it dies (kombu 5.6, `filesystem.py`).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from time import monotonic
from uuid import uuid4

import structlog
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

log = structlog.get_logger(__name__)


class Channel(filesystem.Channel):
    def _put(self, queue, payload, **kwargs):
        """Write the message aside, then give it its name: nobody finds it before it is whole."""
        path = Path(self.data_folder_out) / f"{round(monotonic() * 1000):015d}_{uuid4()}.{queue}.msg"  # names are taken in their order
        half = path.with_name(f"{path.name}.half")
        half.write_text(dumps(payload))
        os.replace(half, path)

    def _get(self, queue):
        """The next message. One that a crash of the machine cut off is told and thrown away: jobs are made up for by reconcile."""
        try:
            return super()._get(queue)
        except ValueError:
            log.error("message_unreadable", queue=queue)
            raise Empty from None

    def _queue_bind(self, *args):
        with self._alone():
            super()._queue_bind(*args)

    def get_table(self, exchange):
        with self._alone():
            return super().get_table(exchange)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Between opening a table of bindings and locking it others could read it empty; so there is one lock before all tables."""
        with (self.control_folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class Transport(filesystem.Transport):
    Channel = Channel


def install() -> None:
    """`filesystem://` means this one from now on."""
    TRANSPORT_ALIASES["filesystem"] = f"{Transport.__module__}:{Transport.__name__}"
