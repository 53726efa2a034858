"""Before a dangerous act: is it still the same person at the desk?"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps

from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest, HttpResponseBase

from core import clock

FRESH_FOR = timedelta(minutes=15)


def recently_signed_in(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let a POST through when the person gave a password or a code within fifteen minutes, else ask for it again.

    allauth keeps what was sent and carries it out after the right answer: nothing that was typed is lost.
    Unlike allauth's own decorator a fresh sign-in counts, so that nobody types a password twice in a minute.
    """

    @wraps(view)
    def confirmed(request: HttpRequest, *args, **kwargs) -> HttpResponseBase:
        if request.method == "POST" and not _is_fresh(request, at=clock.now()):
            raise ReauthenticationRequired
        return view(request, *args, **kwargs)

    return confirmed


def _is_fresh(request: HttpRequest, *, at: datetime) -> bool:
    """Whether the session's last proof of identity is recent. The session alone says so, nothing that a browser sends."""
    proofs = [record.get("at", 0) for record in get_authentication_records(request, request.user)]
    return bool(proofs) and at.timestamp() - max(proofs) < FRESH_FOR.total_seconds()
