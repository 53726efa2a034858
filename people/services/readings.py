"""Traces of reading: who looked at, exported or pulled other people's records."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.http import HttpRequest

from core import clock
from people.models import Person, ReadingOfOthers, Unit

TOLD_FOR = timedelta(days=14)  # how long sign-in tells a person what others did to the account


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
    parameters, empty ones left out; `rows` is how many rows of others were shown. Without `unit` it
    is where the `subject` serves. Reading only oneself leaves no trace: then nothing is written and None comes back.
    """
    if subject is not None and subject.pk == reader.pk:
        return None
    return ReadingOfOthers.objects.create(
        reader=reader,
        reader_unit_id=reader.unit_id,
        kind=kind,
        what=what[:60],
        unit_id=unit.pk if unit is not None else subject.unit_id if subject is not None else None,
        subject=subject,
        filters={key: value for key, value in (filters or {}).items() if value not in (None, "", [])},
        rows=rows,
        address=address_of(request) if request is not None else None,
        at=at or clock.now(),
    )


def record_on_accounts(
    *, subjects: Iterable[Person], what: str, by: Person, request: HttpRequest | None = None, at: datetime | None = None
) -> None:
    """Write down what `by` did to the accounts of these people, one row each. One insert; one's own account leaves no trace."""
    address, at = address_of(request) if request is not None else None, at or clock.now()
    ReadingOfOthers.objects.append(
        ReadingOfOthers(
            reader=by,
            reader_unit_id=by.unit_id,
            kind=ReadingOfOthers.Kind.ACCOUNT,
            what=what,
            unit_id=subject.unit_id,
            subject=subject,
            rows=1,
            address=address,
            at=at,
        )
        for subject in subjects
        if subject.pk != by.pk
    )


def done_to_account(person: Person, *, at: datetime) -> QuerySet[ReadingOfOthers]:
    """What others did to a person's account in the last two weeks, the newest five, with who did it."""
    found = ReadingOfOthers.objects.filter(subject=person, kind=ReadingOfOthers.Kind.ACCOUNT, at__gt=at - TOLD_FOR)
    return found.select_related("reader").order_by("-at", "-pk")[:5]


def address_of(request: HttpRequest) -> str | None:
    """The caller's address as allauth is told to find it (trusted proxies are settings); None when unknown."""
    from allauth.account.adapter import get_adapter
    from django.core.exceptions import PermissionDenied

    try:
        return get_adapter().get_client_ip(request) or None
    except PermissionDenied:
        return None
