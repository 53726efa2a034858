"""Traces of reading: who looked at, exported or pulled other people's records."""

from datetime import datetime

from django.http import HttpRequest

from core import clock
from people.models import Person, ReadingOfOthers, Unit


def record(
    *,
    reader: Person,
    kind: str,
    what: str,
    unit: Unit | None = None,
    subject: Person | None = None,
    filters: dict | None = None,
    rows: int | None = None,
    request: HttpRequest | None = None,
    at: datetime | None = None,
) -> ReadingOfOthers | None:
    """Write down one reading, and return it. One insert.

    `what` names the door ("completion records", "learning file"); `filters` are the narrowing
    parameters, empty ones left out; `rows` is how many rows of others were shown. Reading only
    oneself leaves no trace: then nothing is written and None comes back.
    """
    if subject is not None and subject.pk == reader.pk:
        return None
    return ReadingOfOthers.objects.create(
        reader=reader,
        kind=kind,
        what=what[:60],
        unit=unit,
        subject=subject,
        filters={key: value for key, value in (filters or {}).items() if value not in (None, "", [])},
        rows=rows,
        address=address_of(request) if request is not None else None,
        at=at or clock.now(),
    )


def address_of(request: HttpRequest) -> str | None:
    """The caller's address as allauth is told to find it (trusted proxies are settings); None when unknown."""
    from allauth.account.adapter import get_adapter
    from django.core.exceptions import PermissionDenied

    try:
        return get_adapter().get_client_ip(request) or None
    except PermissionDenied:
        return None
