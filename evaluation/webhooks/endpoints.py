"""Who is told: the only writers of webhook endpoints."""

import base64
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from core import audit
from core.errors import Refused
from evaluation import changes
from evaluation.models import RecordChange, WebhookCall, WebhookEndpoint
from evaluation.webhooks import outbound
from people.models import Person, Unit
from people.services.tokens import check_may_hold, may_hold

BOTH_SIGN_FOR = timedelta(days=1)
MOST_AGAIN = 100  # single changes that wait to be told once more; beyond that one replays


def register(*, owner: Person, unit: Unit, url: str, events: list[str], at: datetime, form_key: str = "") -> tuple[WebhookEndpoint, str]:
    """Tell an address of what changes in a unit from now on; the secret comes back once. HR over the unit alone (`may_hold`).

    `form_key` is made by the form: sent twice it registers one. Not for use inside a transaction.

    Raises:
        Refused: out_of_reach, event_unknown, sent_before (this form has registered one already), and what `outbound.resolve` refuses.
    """
    check_may_hold(owner, unit)
    unknown = [event for event in events if event not in WebhookEndpoint.Event.values]
    if unknown or not events:
        raise Refused(
            _("Unknown event: %(event)s. Known are: %(known)s.")
            % {"event": "、".join(unknown) or "—", "known": "、".join(WebhookEndpoint.Event.values)},
            code="event_unknown",
        )
    outbound.resolve(url)
    position = changes.settle()
    with transaction.atomic():
        Person.objects.select_for_update(no_key=True).only("pk").get(pk=owner.pk)
        if form_key and WebhookEndpoint.objects.filter(owner=owner, form_key=form_key).exists():
            raise Refused(
                _("This form was sent before, and its secret was shown then. Change the secret of that webhook if you did not keep it."),
                code="sent_before",
            )
        made = WebhookEndpoint.objects.create(
            owner=owner,
            unit=unit,
            url=url,
            events=sorted(set(events)),
            created_at=at,
            nonce=secrets.token_hex(32),
            position=position,
            form_key=form_key,
        )
        audit.record(unit, "evaluation.webhook_made", by=owner, url=url, events=made.events)
    return made, secret_of(made.nonce)


@transaction.atomic
def rotate(*, endpoint: WebhookEndpoint, by: Person, at: datetime) -> str:
    """Give the endpoint another secret; for a day both sign. The new one comes back once.

    Raises:
        Refused: out_of_reach, closed.
    """
    endpoint = _locked(endpoint, by)
    endpoint.former_nonce, endpoint.former_until = endpoint.nonce, at + BOTH_SIGN_FOR
    endpoint.nonce = secrets.token_hex(32)
    endpoint.save(update_fields=["nonce", "former_nonce", "former_until"])
    audit.record(endpoint.unit, "evaluation.webhook_rotated", by=by, url=endpoint.url)
    return secret_of(endpoint.nonce)


@transaction.atomic
def stop(*, endpoint: WebhookEndpoint, by: Person, at: datetime) -> WebhookEndpoint:
    """Tell it nothing more until it is started again. Calling it again changes nothing.

    Raises:
        Refused: out_of_reach, closed.
    """
    endpoint = _locked(endpoint, by)
    if endpoint.disabled_at is None:
        endpoint.disabled_at = at
        endpoint.save(update_fields=["disabled_at"])
        audit.record(endpoint.unit, "evaluation.webhook_stopped", by=by, url=endpoint.url)
    return endpoint


@transaction.atomic
def start(*, endpoint: WebhookEndpoint, by: Person) -> WebhookEndpoint:
    """Go on from where it stands, at once: what happened since it was stopped is told then. Calling it again changes nothing.

    Where its owner may not hold it any more, whoever starts it becomes its owner.

    Raises:
        Refused: out_of_reach, closed.
    """
    endpoint = _locked(endpoint, by)
    if endpoint.disabled_at is not None:
        _go_on(endpoint, by)
        audit.record(endpoint.unit, "evaluation.webhook_started", by=by, url=endpoint.url)
    return endpoint


@transaction.atomic
def close(*, endpoint: WebhookEndpoint, by: Person, at: datetime) -> WebhookEndpoint:
    """End it for good; its log stays. Calling it again changes nothing.

    Raises:
        Refused: out_of_reach.
    """
    endpoint = _locked(endpoint, by, even_closed=True)
    if endpoint.closed_at is None:
        endpoint.closed_at, endpoint.disabled_at, endpoint.again = at, endpoint.disabled_at or at, []
        endpoint.save(update_fields=["closed_at", "disabled_at", "again"])
        audit.record(endpoint.unit, "evaluation.webhook_closed", by=by, url=endpoint.url)
    return endpoint


@transaction.atomic
def replay(*, endpoint: WebhookEndpoint, after: int, by: Person) -> WebhookEndpoint:
    """Tell it once more of all changes after a number, and go on again if it had been stopped (as `start`).

    Raises:
        Refused: out_of_reach, closed; number (below nothing, or not reached yet).
    """
    endpoint = _locked(endpoint, by)
    if not 0 <= after <= endpoint.position:
        raise Refused(_("The number has to lie between 0 and %(position)s.") % {"position": endpoint.position}, code="number")
    endpoint.position, endpoint.again = after, [number for number in endpoint.again if number <= after]
    _go_on(endpoint, by)
    audit.record(endpoint.unit, "evaluation.webhook_replayed", by=by, url=endpoint.url, after=after)
    return endpoint


def replay_since(*, endpoint: WebhookEndpoint, moment: datetime, by: Person) -> WebhookEndpoint:
    """`replay` of every change that happened at a moment or later. With them some earlier ones may come: numbers are given at the commit.

    Raises:
        Refused: as `replay`; nothing_since (it was told of nothing since).
    """
    first = RecordChange.objects.filter(at__gte=moment, number__lte=endpoint.position).aggregate(first=Min("number"))["first"]
    if first is None:
        raise Refused(_("It has not been told of anything that happened since then."), code="nothing_since")
    return replay(endpoint=endpoint, after=first - 1, by=by)


@transaction.atomic
def tell_again(*, endpoint: WebhookEndpoint, change: int, by: Person) -> WebhookEndpoint:
    """Tell it once more of one change that it was told of, before it goes on. Asked for twice, it comes once.

    Raises:
        Refused: out_of_reach, closed; stopped; not_told (of this it was never told); too_many.
    """
    endpoint = _locked(endpoint, by)
    if endpoint.disabled_at is not None:
        raise Refused(_("It is stopped: start it again first."), code="stopped")
    if change > endpoint.position or not WebhookCall.objects.filter(endpoint=endpoint, change=change).exists():
        raise Refused(_("It was not told of this change yet."), code="not_told")
    if change in endpoint.again:
        return endpoint
    if len(endpoint.again) >= MOST_AGAIN:
        raise Refused(_("%(most)d of them wait already: replay from a moment instead.") % {"most": MOST_AGAIN}, code="too_many")
    endpoint.again = sorted({*endpoint.again, change})
    endpoint.next_try_at = None
    endpoint.save(update_fields=["again", "next_try_at"])
    audit.record(endpoint.unit, "evaluation.webhook_told_again", by=by, url=endpoint.url, change=change)
    return endpoint


def secret_of(nonce: str) -> str:
    """The secret that belongs to a nonce, as Standard Webhooks writes it."""
    key = salted_hmac("evaluation.webhooks", nonce, algorithm="sha256").digest()
    return "whsec_" + base64.b64encode(key).decode()


def _go_on(endpoint: WebhookEndpoint, by: Person) -> None:
    if not may_hold(endpoint.owner, endpoint.unit):
        endpoint.owner, endpoint.form_key = by, ""
    endpoint.failures, endpoint.failing_since, endpoint.given_up_because = 0, None, ""
    endpoint.next_try_at = endpoint.disabled_at = None
    endpoint.save()


def _locked(endpoint: WebhookEndpoint, by: Person, *, even_closed: bool = False) -> WebhookEndpoint:
    found = WebhookEndpoint.objects.select_for_update(of=("self",)).select_related("unit", "owner").get(pk=endpoint.pk)
    check_may_hold(by, found.unit)
    if found.closed_at is not None and not even_closed:
        raise Refused(_("This webhook is closed for good. Register another one."), code="closed")
    return found
