"""Every app's repairs in one register. Facts are true at once; this only closes gaps after a crash."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

log = structlog.get_logger(__name__)


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


def run(*, at: datetime, mend: bool) -> list[Outcome]:
    """Run every check; mend what is found when asked. One bad row never stops the rest."""
    outcomes = []
    for check in _checks:
        found = check.gaps(at)
        mended, left = 0, []
        for gap in found:
            if not mend:
                left.append(gap.what)
                continue
            try:
                gap.mend()
                mended += 1
            except Exception as error:
                log.exception("reconcile_failed", check=check.name, what=gap.what)
                left.append(f"{gap.what}: {error}")
        outcomes.append(Outcome(check.name, len(found), mended, left))
    return outcomes
