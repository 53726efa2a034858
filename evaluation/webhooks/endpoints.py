"""Who is told: the only writers of webhook endpoints."""

import base64
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from core import audit
from core.errors import Refused
from evaluation import changes
from evaluation.models import WebhookEndpoint
from evaluation.webhooks import outbound
from people.models import Person, Unit
from people.services.tokens import reaches

BOTH_SIGN_FOR = timedelta(days=1)


def register(*, owner: Person, unit: Unit, url: str, events: list[str], at: datetime) -> tuple[WebhookEndpoint, str]:
    """Tell an address of what changes in a unit from now on; the secret comes back once. HR over the unit alone.

    Raises:
        Refused: out_of_reach, event_unknown, and what `outbound.resolve` refuses.
    """
    _check_reach(owner, unit)
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
        made = WebhookEndpoint.objects.create(
            owner=owner, unit=unit, url=url, events=sorted(set(events)), created_at=at, nonce=secrets.token_hex(32), position=position
        )
        audit.record(unit, "evaluation.webhook_made", by=owner, url=url, events=made.events)
    return made, secret_of(made.nonce)


@transaction.atomic
def rotate(*, endpoint: WebhookEndpoint, by: Person, at: datetime) -> str:
    """Give the endpoint another secret; for a day both sign. The new one comes back once."""
    endpoint = _locked(endpoint, by)
    endpoint.former_nonce, endpoint.former_until = endpoint.nonce, at + BOTH_SIGN_FOR
    endpoint.nonce = secrets.token_hex(32)
    endpoint.save(update_fields=["nonce", "former_nonce", "former_until"])
    audit.record(endpoint.unit, "evaluation.webhook_rotated", by=by, url=endpoint.url)
    return secret_of(endpoint.nonce)


@transaction.atomic
def stop(*, endpoint: WebhookEndpoint, by: Person, at: datetime) -> WebhookEndpoint:
    """Tell it nothing more. Calling it again changes nothing."""
    endpoint = _locked(endpoint, by)
    if endpoint.disabled_at is None:
        endpoint.disabled_at = at
        endpoint.save(update_fields=["disabled_at"])
        audit.record(endpoint.unit, "evaluation.webhook_stopped", by=by, url=endpoint.url)
    return endpoint


@transaction.atomic
def replay(*, endpoint: WebhookEndpoint, after: int, by: Person) -> WebhookEndpoint:
    """Tell it once more of all changes after a number, and go on again if it had been stopped.

    Raises:
        Refused: out_of_reach; number (below nothing, or not reached yet).
    """
    endpoint = _locked(endpoint, by)
    if not 0 <= after <= endpoint.position:
        raise Refused(_("The number has to lie between 0 and %(position)s.") % {"position": endpoint.position}, code="number")
    endpoint.position, endpoint.failures, endpoint.failing_since = after, 0, None
    endpoint.next_try_at = endpoint.held_until = endpoint.disabled_at = None
    endpoint.save(update_fields=["position", "failures", "failing_since", "next_try_at", "held_until", "disabled_at"])
    audit.record(endpoint.unit, "evaluation.webhook_replayed", by=by, url=endpoint.url, after=after)
    return endpoint


def secret_of(nonce: str) -> str:
    """The secret that belongs to a nonce, as Standard Webhooks writes it."""
    key = salted_hmac("evaluation.webhooks", nonce, algorithm="sha256").digest()
    return "whsec_" + base64.b64encode(key).decode()


def _locked(endpoint: WebhookEndpoint, by: Person) -> WebhookEndpoint:
    found = WebhookEndpoint.objects.select_for_update(of=("self",)).select_related("unit", "owner").get(pk=endpoint.pk)
    _check_reach(by, found.unit)
    return found


def _check_reach(person: Person, unit: Unit) -> None:
    if not (person.is_active and (person.is_superuser or reaches(person, unit))):
        raise Refused(_("%(name)s is not HR over “%(unit)s”.") % {"name": person.name, "unit": unit.name}, code="out_of_reach")
