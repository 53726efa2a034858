"""What an attempt's page says of itself while somebody sits an exam: a sign of life, and what is noted for the invigilator."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils.translation import gettext as _

from people.models import Person
from quizzes.models import Answer, Attempt, Extension, Incident, Presence
from quizzes.services.attempts import is_closed, is_overdue

INCIDENTS_PER_ATTEMPT = 400  # more say nothing new, and a script could write without end
WRITE_APART = timedelta(seconds=2)
SAID = ["unacknowledged", "address", "gone_at", "gone_page", "replaced"]
FROM_THE_PAGE = {Incident.Kind.LEFT, Incident.Kind.RETURNED, Incident.Kind.RELOADED, Incident.Kind.PASTED}


@dataclass(frozen=True)
class Noticed:
    """Something the page noticed. Durations in whole seconds, measured by the page: its clock is not asked for the time."""

    kind: str
    detail: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Added:
    """Minutes that were added to an attempt, in words for the person."""

    pk: int
    text: str


@dataclass(frozen=True)
class State:
    """What an open page has to know: its end, whether it is over, the number of the newest answer, and time that was added."""

    attempt: Attempt
    is_over: bool
    newest: int
    added: list[Added]


def state(*, attempt_id: int, person: Person, at: datetime) -> State:
    """Where an attempt stands. One query, one more when time was added.

    Raises:
        Attempt.DoesNotExist: no such attempt of this person.
    """
    newest = Answer.objects.filter(attempt=OuterRef("pk")).order_by("-seq").values("seq")[:1]
    found = Attempt.objects.select_related("submission", "gone_on_paper", "presence").timed().annotate(newest=Subquery(newest))
    attempt = found.get(pk=attempt_id, person=person)
    return State(attempt, is_closed(attempt) or is_overdue(attempt, at), attempt.newest or 0, added_to(attempt))


def added_to(attempt: Attempt) -> list[Added]:
    """The minutes that were added to the attempt, with their reasons. No query where none were and the row is `timed()`."""
    if not attempt.extra_minutes:
        return []
    given = Extension.objects.filter(Q(attempt=attempt) | Q(sitting=attempt.sitting_id, at__gt=attempt.started_at)).order_by("pk")
    return [
        Added(one.pk, _("%(minutes)d minutes were added: %(reason)s") % {"minutes": one.minutes, "reason": one.reason}) for one in given
    ]


@transaction.atomic
def note(
    *,
    attempt_id: int,
    person: Person,
    unacknowledged: int,
    noticed: Sequence[Noticed] = (),
    address: str | None = None,
    is_gone: bool = False,
    is_new: bool = False,
    page: str = "",
    replaces: str = "",
    at: datetime,
) -> State:
    """Write down a sign of life and what the page noticed; where the attempt stands comes back.

    `is_gone`: the page is being closed or reloaded, which it cannot tell apart; `is_new`: the first sign of a page. The sign after
    one of a page that is gone says which: what is not reloaded within a minute was left, and where none comes, the end says it
    (`attempts`). `page`: a name that each loaded page gives itself; `replaces`: that of the page which a reload took the place of. The
    page that it names was reloaded, however long that took: a slow network is nobody's act, and the incident says how long. Its
    going may arrive after the first sign of the new page, and is nothing then.

    Nothing is written outside sittings, for an attempt that is over, and again within two seconds. An
    address is noted as an incident when it is new to the attempt. Three queries; three more with incidents.

    Raises:
        Attempt.DoesNotExist: no such attempt of this person.
    """
    now = state(attempt_id=attempt_id, person=person, at=at)
    if now.is_over or now.attempt.sitting_id is None:
        return now
    before: Presence | None = getattr(now.attempt, "presence", None)
    if is_gone and page and before and before.replaced == page:
        return now
    incidents = _of_the_page_before(now.attempt, before, noticed, is_new=is_new, replaces=replaces, at=at)
    incidents += [
        Incident(attempt=now.attempt, kind=one.kind, at=at, detail=one.detail)
        for one in noticed
        if one.kind in FROM_THE_PAGE and not (one.kind == Incident.Kind.RELOADED and incidents)
    ]
    if before and before.address and address and before.address != address:
        incidents += _address_change(now.attempt, before.address, address, at)
    if incidents:
        room = INCIDENTS_PER_ATTEMPT - Incident.objects.filter(attempt=now.attempt).count()
        Incident.objects.bulk_create(incidents[: max(room, 0)])
    sign = Presence(attempt=now.attempt, seen_at=at, unacknowledged=unacknowledged, address=address, gone_at=at if is_gone else None)
    sign.gone_page, sign.replaced = page if is_gone else "", replaces if is_new else ""
    if before is None or at - before.seen_at >= WRITE_APART or any(getattr(before, name) != getattr(sign, name) for name in SAID):
        Presence.objects.bulk_create([sign], update_conflicts=True, unique_fields=["attempt"], update_fields=["seen_at", *SAID])
    return now


def _of_the_page_before(
    attempt: Attempt, before: Presence | None, noticed: Sequence[Noticed], *, is_new: bool, replaces: str, at: datetime
) -> list[Incident]:
    """What became of a page that said it was going: reloaded, or left; and for how long there was none."""
    if before is None or before.gone_at is None:
        return []
    reload = next((one for one in noticed if one.kind == Incident.Kind.RELOADED), None)
    if reload is not None:
        away = max(at - timedelta(seconds=reload.detail.get("ago", 0)) - before.gone_at, timedelta(0))
        if away <= Presence.RELOAD_WITHIN or (replaces and replaces == before.gone_page):
            seconds = {"away": int(away.total_seconds())}
            return [Incident(attempt=attempt, kind=Incident.Kind.RELOADED, at=at, detail=reload.detail | seconds)]
    left = Incident(attempt=attempt, kind=Incident.Kind.LEFT, at=before.gone_at)
    if not is_new and reload is None:
        return [left]
    seconds = {"away": int((at - before.gone_at).total_seconds())}
    return [left, Incident(attempt=attempt, kind=Incident.Kind.RETURNED, at=at, detail=seconds)]


def _address_change(attempt: Attempt, was: str, now: str, at: datetime) -> list[Incident]:
    """Each address is noted once: two devices in turns would fill the list."""
    seen = Incident.objects.filter(Q(detail__now=now) | Q(detail__was=now), attempt=attempt, kind=Incident.Kind.ADDRESS)
    return [] if seen.exists() else [Incident(attempt=attempt, kind=Incident.Kind.ADDRESS, at=at, detail={"was": was, "now": now})]
