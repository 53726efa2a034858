"""Whether the parts that a server needs are there: for load balancers, operators and administrators.

Only what the web cannot do without makes it unready: the database and its migrations. A dead worker or a
lost broker delays papers and repairs, but answers are still safe: that is degraded, and the web goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from celery import current_app
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Max, Min, Sum

from core import reconcile
from core.models import Gauge

log = structlog.get_logger(__name__)
BEAT = "worker:beat"
BEAT_LATE = timedelta(minutes=3)  # it beats every minute
RECONCILE_LATE = timedelta(minutes=15)  # it runs every five
PATIENCE = 1  # seconds that a broker gets to answer

OK, LATE, NEVER, WAITING, FAILED, GAPS = "ok", "late", "never", "waiting", "failed", "gaps"
NEEDED = {"database", "migrations"}


@dataclass(frozen=True)
class Part:
    """One part: its state, when it last showed itself, and a figure or the kind of error."""

    name: str
    state: str
    at: datetime | None = None
    detail: str | int = ""

    @property
    def is_ok(self) -> bool:
        return self.state == OK


@dataclass(frozen=True)
class Health:
    parts: list[Part]

    @property
    def is_ready(self) -> bool:
        return all(part.is_ok for part in self.parts if part.name in NEEDED)

    @property
    def status(self) -> str:
        """ready, degraded (serves, but a part is missing) or down."""
        if not self.is_ready:
            return "down"
        return "ready" if all(part.is_ok for part in self.parts) else "degraded"


def beat(*, at: datetime) -> None:
    """The worker's sign of life."""
    cache.set(BEAT, at, None)


def examine(*, at: datetime) -> Health:
    """Look at every part. Without a database only that is told. A handful of queries, and a connection to the broker."""
    database = _told("database", _database)
    if not database.is_ok:
        return Health([database])
    looks: list[tuple[str, Callable[[], Part]]] = [
        ("migrations", _migrations),
        ("cache", _cache),
        ("broker", _broker),
        ("worker", lambda: _worker(at)),
        ("reconcile", lambda: _reconcile(at)),
    ]
    return Health([database, *(_told(name, look) for name, look in looks)])


def _told(name: str, look: Callable[[], Part]) -> Part:
    try:
        return look()
    except Exception as error:
        log.warning("health_failed", part=name, error=str(error)[:300])
        return Part(name, FAILED, detail=type(error).__name__)


def _database() -> Part:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Part("database", OK)


def _migrations() -> Part:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return Part("migrations", WAITING if waiting else OK, detail=len(waiting))


def _cache() -> Part:
    cache.get(BEAT)
    return Part("cache", OK)


def _broker() -> Part:
    with current_app.connection_for_write(connect_timeout=PATIENCE) as broker:
        broker.ensure_connection(max_retries=1, timeout=PATIENCE)
    return Part("broker", OK)


def _worker(at: datetime) -> Part:
    beaten = cache.get(BEAT)
    if beaten is None:
        return Part("worker", NEVER)
    return Part("worker", LATE if at - beaten > BEAT_LATE else OK, at=beaten)


def _reconcile(at: datetime) -> Part:
    told = Gauge.objects.filter(name__in=reconcile.names()).aggregate(
        oldest=Min("at"), newest=Max("at"), left=Sum("left"), reached=Count("pk")
    )
    if told["oldest"] is None:
        return Part("reconcile", NEVER)
    if at - told["oldest"] > RECONCILE_LATE or told["reached"] < len(reconcile.names()):  # a run whose time ends does not reach all
        return Part("reconcile", LATE, at=told["oldest"], detail=told["left"])
    return Part("reconcile", GAPS if told["left"] else OK, at=told["newest"], detail=told["left"])
