"""Telling an endpoint of the changes after its position: in order, each at least once, with the same id each time."""

import http.client
import json
import time
from datetime import UTC, datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from standardwebhooks import Webhook

from core import audit, clock
from core.errors import Refused
from evaluation import changes
from evaluation.models import RecordChange, WebhookCall, WebhookEndpoint
from evaluation.webhooks import endpoints, outbound
from people.services.tokens import may_hold

log = structlog.get_logger("webhooks")

AT_ONCE = 200
HELD = timedelta(minutes=3)  # longer than any one call; a worker that was killed is followed after that
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=6)
GIVEN_UP_AFTER = timedelta(days=5)
Kind, Event, Because = RecordChange.Kind, WebhookEndpoint.Event, WebhookEndpoint.Because
EVENTS = {
    Kind.COMPLETED: Event.COMPLETED,
    Kind.REVERSED: Event.REVERSED,
    Kind.ISSUED: Event.ISSUED,
    Kind.STATUS: Event.STATUS,
    Kind.STEP: Event.STEP,
}


def due(at: datetime) -> QuerySet:
    """The endpoints that may be called now."""
    waiting = WebhookEndpoint.objects.filter(disabled_at=None).filter(Q(next_try_at=None) | Q(next_try_at__lte=at))
    return waiting.filter(Q(held_until=None) | Q(held_until__lte=at))


def deliver(endpoint_id: int, *, at: datetime) -> int:
    """Tell one endpoint of what it waits for; how many events it took. One worker at a time.

    The position moves after each answer, and the hold is renewed with it: whoever is killed in between leaves that event to be
    sent again, and whoever comes too late for the own hold stops. Not for use inside a transaction.
    """
    if not due(at).filter(pk=endpoint_id).update(held_until=clock.now() + HELD):
        return 0
    endpoint = WebhookEndpoint.objects.select_related("owner", "unit").get(pk=endpoint_id)
    try:
        if not may_hold(endpoint.owner, endpoint.unit):
            return _give_up(endpoint, at, Because.OWNER)
        return _tell(endpoint, at)
    finally:
        _held(endpoint).update(held_until=None)


def _held(endpoint: WebhookEndpoint) -> QuerySet:
    """The endpoint, as long as the hold on it is that of this worker."""
    return WebhookEndpoint.objects.filter(pk=endpoint.pk, held_until=endpoint.held_until)


def _tell(endpoint: WebhookEndpoint, at: datetime) -> int:
    upto, told = changes.settle(), 0
    for change in _of_interest(endpoint).filter(number__in=endpoint.again) if endpoint.again else ():
        if not _call(endpoint, change, at):
            return told
        told += 1
        if not _told_again(endpoint, change.number):
            return told  # stopped, replayed or held by another meanwhile
    waiting = list(waiting_for(endpoint).filter(number__lte=upto)[:AT_ONCE])
    for change in waiting:
        if not _call(endpoint, change, at):
            return told
        told += 1
        if not _move(endpoint, change.number):
            return told  # replayed, stopped or held by another meanwhile: begin anew
    if len(waiting) < AT_ONCE:
        _move(endpoint, upto)
    return told


def waiting_for(endpoint: WebhookEndpoint) -> QuerySet:
    """The numbered changes after its position of which it wants to hear, in order."""
    return _of_interest(endpoint).filter(number__gt=endpoint.position)


def _of_interest(endpoint: WebhookEndpoint) -> QuerySet:
    """The numbered changes of which it wants to hear, told or not, in order."""
    path = endpoint.unit.path
    within = (
        Q(completion__unit__path__startswith=path)
        | Q(certificate__unit__path__startswith=path)
        | Q(step__period__county__path=endpoint.unit.county_path)
    )
    kinds = [kind for kind, event in EVENTS.items() if event in endpoint.events]
    found = RecordChange.objects.filter(within, kind__in=kinds, number__isnull=False)
    return found.select_related("certificate", "step__period").order_by("number")


def _call(endpoint: WebhookEndpoint, change: RecordChange, at: datetime) -> bool:
    """Tell of one change, and write down how it went."""
    began, status, problem = time.monotonic(), None, ""
    body = json.dumps(told_of(change), ensure_ascii=False, separators=(",", ":"))
    try:
        status = outbound.post(outbound.resolve(endpoint.url), body.encode(), _headers(endpoint, change, body))
    except Refused as refusal:
        problem = refusal.code
    except (OSError, http.client.HTTPException) as error:
        problem = f"{type(error).__name__}: {error}"[:200]
    took = status is not None and 200 <= status < 300
    WebhookCall.objects.create(
        endpoint=endpoint,
        change=change.number,
        event=EVENTS[Kind(change.kind)],
        status=status,
        problem=problem,
        milliseconds=int((time.monotonic() - began) * 1000),
        at=clock.now(),
    )
    if not took:
        _wait(endpoint, at, gone=status == 410)
    return took


def told_of(change: RecordChange) -> dict:
    """The event as it is sent: what happened, and where to read it. Nothing about anybody but numbers."""
    if change.completion_id:
        data = {"completion_id": change.completion_id, "link": "/api/v1/completions", "item": f"/api/v1/completions/{change.completion_id}"}
    elif change.certificate:
        number = change.certificate.number
        data = {"number": number, "link": "/api/v1/certificates", "item": f"/api/v1/certificates/{number}"}
    else:
        step = change.step
        year = step.period.year  # type: ignore[union-attr]
        data = {"year": year, "step": step.number, "state": step.state}  # type: ignore[union-attr]
        data |= {"link": "/api/v1/periods", "item": f"/api/v1/periods/{year}"}
    return {
        "type": EVENTS[Kind(change.kind)].value,
        "timestamp": change.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": {"change": change.number} | data,
    }


def _headers(endpoint: WebhookEndpoint, change: RecordChange, body: str) -> dict[str, str]:
    """The headers of Standard Webhooks: the id is that of the change, so that a repeated call carries the same one."""
    sent_at = datetime.now(UTC)  # the wall, whatever clock the site was told: receivers compare it with theirs
    nonces = [endpoint.nonce]
    if endpoint.former_until is not None and sent_at < endpoint.former_until:
        nonces.append(endpoint.former_nonce)
    message = f"msg_{endpoint.pk}_{change.number}"
    return {
        "content-type": "application/json",
        "user-agent": "county-learning-webhooks/1",
        "webhook-id": message,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": " ".join(Webhook(endpoints.secret_of(nonce)).sign(message, sent_at, body) for nonce in nonces),
    }


def _move(endpoint: WebhookEndpoint, number: int) -> bool:
    """Note that it has been told up to a number; False where somebody replayed or stopped it meanwhile, or holds it instead."""
    held_until = clock.now() + HELD
    here = _held(endpoint).filter(position=endpoint.position, disabled_at=None)
    moved = here.update(position=number, failures=0, failing_since=None, next_try_at=None, held_until=held_until)
    if moved:
        endpoint.position, endpoint.held_until = number, held_until
    return bool(moved)


@transaction.atomic
def _told_again(endpoint: WebhookEndpoint, number: int) -> bool:
    """Note that a change was told once more; False where it was stopped or replayed meanwhile, or another holds it."""
    here = _held(endpoint).select_for_update().first()
    if here is None or here.disabled_at is not None or number not in here.again:
        return False
    here.again.remove(number)
    here.failures, here.failing_since, here.next_try_at, here.held_until = 0, None, None, clock.now() + HELD
    here.save(update_fields=["again", "failures", "failing_since", "next_try_at", "held_until"])
    endpoint.held_until = here.held_until
    return True


def _wait(endpoint: WebhookEndpoint, at: datetime, *, gone: bool) -> None:
    """Come again after a pause that doubles each time; give up after five days, or at once where it says that it is gone."""
    since = endpoint.failing_since or at
    if gone or at - since >= GIVEN_UP_AFTER:
        _give_up(endpoint, at, Because.GONE if gone else Because.FAILING)
        return
    pause = min(FIRST_PAUSE * 2 ** min(endpoint.failures, 12), LONGEST_PAUSE)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failures=F("failures") + 1, failing_since=since, next_try_at=at + pause)


def _give_up(endpoint: WebhookEndpoint, at: datetime, why: Because) -> int:
    """Call it no more. It waits on the desks of HR over the unit (home/waiting.py) until somebody starts it again or closes it."""
    with transaction.atomic():
        given_up = WebhookEndpoint.objects.filter(pk=endpoint.pk, disabled_at=None).update(disabled_at=at, given_up_because=why)
        if given_up:
            audit.record(endpoint.unit, "evaluation.webhook_given_up", by=None, url=endpoint.url, why=why.value)
    if given_up:
        log.error("webhook_given_up", endpoint=endpoint.pk, why=why.value)
    return 0
