"""What became of each change that an endpoint was told of, newest first, and in which words an answer is said."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Max
from django.utils.translation import gettext as _

from evaluation.models import WebhookCall, WebhookEndpoint
from evaluation.webhooks import delivery

MOST_COUNTED = 1000


@dataclass(frozen=True)
class Told:
    """One change: how often it was told of, the newest call, and whether it waits to be told once more."""

    change: int
    event: str
    attempts: int
    last: WebhookCall
    waits: bool

    @property
    def answer(self) -> str:
        return in_words(self.last)


def told(endpoint: WebhookEndpoint, *, before: int | None, most: int) -> list[Told]:
    """The changes below a number of which it was told, the highest first. Two queries, whatever the length of the log."""
    calls = WebhookCall.objects.filter(endpoint=endpoint)
    if before is not None:
        calls = calls.filter(change__lt=before)
    found = list(calls.order_by("-change").values("change").annotate(attempts=Count("pk"), last=Max("pk"))[:most])
    newest = WebhookCall.objects.in_bulk([row["last"] for row in found])
    return [
        Told(
            change=row["change"],
            event=event_in_words(newest[row["last"]].event),
            attempts=row["attempts"],
            last=newest[row["last"]],
            waits=row["change"] in endpoint.again or not newest[row["last"]].was_taken,
        )
        for row in found
    ]


def waiting(endpoint: WebhookEndpoint) -> int:
    """How many changes it will be told of next; `MOST_COUNTED` stands for that many or more. One query."""
    return len(delivery.waiting_for(endpoint).values_list("pk", flat=True)[:MOST_COUNTED]) + len(endpoint.again)


def last_calls(endpoints: Iterable[WebhookEndpoint]) -> dict[int, WebhookCall]:
    """The newest call of each endpoint that was read `with_last_call`. One query."""
    found = WebhookCall.objects.in_bulk([one.last_call for one in endpoints if one.last_call])  # type: ignore[attr-defined]
    return {call.endpoint_id: call for call in found.values()}


def event_in_words(event: str) -> str:
    return str(WebhookEndpoint.Event(event).label) if event in WebhookEndpoint.Event.values else event


def in_words(call: WebhookCall) -> str:
    """How a call was answered, in a few words."""
    if call.was_taken:
        return _("Taken (%(status)s)") % {"status": call.status}
    if call.status is not None:
        return _("Turned down (%(status)s)") % {"status": call.status}
    known = {
        "private": _("Not called: the name leads to an address inside."),
        "unknown_host": _("Not called: the name of the host is not known."),
        "address": _("Not called: this form of address is not taken."),
        "TimeoutError": _("No answer in time."),
        "ConnectionRefusedError": _("Nobody listens there."),
        "SSLCertVerificationError": _("The server's certificate is not trusted."),
    }
    return known.get(call.problem.partition(":")[0], _("The connection failed."))
