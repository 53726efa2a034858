"""Every app's repairs in one register. Facts are true at once; this only closes gaps after a crash.

One run at a time, held by the shared cache: whoever comes while another mends is sent away. Each run
publishes its gauges (core.models.Gauge), for `/readyz` and the page of the system's state.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.core.cache import cache
from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import Refused
from core.models import Gauge

log = structlog.get_logger(__name__)
RUNNING = "reconcile:running"
LONGEST = 10 * 60  # seconds: no task lives longer, so a lock that is older was left by one that was killed
EXAMPLES = 20


@dataclass(frozen=True)
class Gap:
    """One thing that should exist and does not: what it is about, and how it is mended."""

    what: str
    mend: Callable[[], object]


@dataclass(frozen=True)
class Check:
    name: str
    gaps: Callable[[datetime], list[Gap]]


@dataclass(frozen=True)
class Outcome:
    name: str
    found: int
    mended: int
    left: list[str]


_checks: list[Check] = []


def register(name: str, gaps: Callable[[datetime], list[Gap]]) -> None:
    """Add a check. `gaps(at)` returns what is missing at that instant, at most 1,000 at a time."""
    if all(check.name != name for check in _checks):
        _checks.append(Check(name, gaps))


def names() -> list[str]:
    """The names of the registered checks."""
    return [check.name for check in _checks]


def mend(*, at: datetime) -> list[Outcome]:
    """Run every check, mend what is found and publish the gauges; where its time ends before, those of the checks that were reached.

    Raises:
        Refused: running — another run is under way.
    """
    with _alone():
        outcomes: list[Outcome] = []
        try:
            run(at=at, mend=True, outcomes=outcomes)
        except SoftTimeLimitExceeded:
            publish(outcomes, at=at)
            raise
        publish(outcomes, at=at)
    return outcomes


@contextmanager
def _alone() -> Iterator[None]:
    mine = uuid.uuid4().hex
    if not cache.add(RUNNING, mine, LONGEST):
        raise Refused(_("Another repair run is under way. Please try again when it has ended."), code="running")
    try:
        yield
    finally:
        if cache.get(RUNNING) == mine:
            cache.delete(RUNNING)


@transaction.atomic
def publish(outcomes: list[Outcome], *, at: datetime) -> None:
    """Write what the checks found, one row each; rows of checks that are no more go."""
    for outcome in outcomes:
        Gauge.objects.update_or_create(
            name=outcome.name,
            defaults={"found": outcome.found, "left": len(outcome.left), "examples": outcome.left[:EXAMPLES], "at": at},
        )
    Gauge.objects.exclude(name__in=names()).delete()


def run(*, at: datetime, mend: bool, outcomes: list[Outcome] | None = None) -> list[Outcome]:
    """Run every check; mend what is found when asked. Neither a bad row nor a bad check stops the rest; the end of its time does.

    What comes of each check is added to `outcomes`; that of the one in which the time ends is not known.
    """
    outcomes = [] if outcomes is None else outcomes
    for check in _checks:
        try:
            found = check.gaps(at)
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:
            log.exception("reconcile_check_failed", check=check.name)
            outcomes.append(Outcome(check.name, 0, 0, [f"{type(error).__name__}: {error}"]))
            continue
        mended, left = 0, []
        for gap in found:
            if not mend:
                left.append(gap.what)
                continue
            try:
                gap.mend()
                mended += 1
            except SoftTimeLimitExceeded:
                raise
            except Exception as error:
                log.exception("reconcile_failed", check=check.name, what=gap.what)
                left.append(f"{gap.what}: {error}")
        outcomes.append(Outcome(check.name, len(found), mended, left))
    return outcomes
