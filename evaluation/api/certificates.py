"""Certificates: all of them by their newest change, and the higher ones with what they rest on."""

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from certificates.models import Certificate
from core import clock
from evaluation import records
from evaluation.api.items import Key, door_of_one, one_of_changes
from evaluation.api.lists import (
    SERVED,
    ChangesIn,
    ChangesOut,
    ListOut,
    OfPersonIn,
    ServedOut,
    by_changes,
    by_key,
    door,
    known,
    narrowed,
    reach,
    unit_of,
)
from people.api import PLAIN
from people.models import ApiToken

router = Router()


class CertificateOut(ServedOut):
    """One certificate as it was printed, and what it is worth today."""

    number: str = Field(description="The key under which you keep the row: a row replaces an earlier one with the same number.")
    change: int = Field(description="Number of the newest change of this row. Rows come in this order.")
    kind: str = Field(description="Key of the kind of certificate.")
    title: str
    course_code: str = Field(description="Empty for a certificate that no single course earned.")
    completion_id: int | None = Field(description="`id` of the completion, as in /completions.")
    issued_at: datetime = Field(description="ISO 8601 with the county's offset.")
    valid_until: date | None = Field(description="Last day of validity; null: without end.")
    state: str = Field(description="valid, expired, suspended, replaced or revoked, as of today.")
    replaces: str = Field(description="Number of the one whose faulty facts it corrects, or empty.")
    renews: str = Field(description="Number of the one that it follows in time, or empty.")


class CertificatesOut(ChangesOut):
    items: list[CertificateOut]


class CertificatesIn(ChangesIn):
    kind: Annotated[str, Field(max_length=40, pattern=PLAIN)] | None = Field(None, description="Key of the kind of certificate.")


@door(
    router,
    "/certificates",
    scope=ApiToken.Scope.CERTIFICATE_RECORDS,
    out=CertificatesOut,
    name="certificates",
    summary="Certificates, by their newest change",
)
def certificates(request: HttpRequest, wanted: Query[CertificatesIn]):
    """Certificates of the people in the token's reach, in the order of their newest change: issued, suspended, restored, expired …

    As with /completions: follow `next_cursor` until `has_more` is false, keep the last one and come back with it.
    """
    token = known(request, CertificatesIn)
    unit = unit_of(token, wanted.unit)
    rows = narrowed(_reached(token), wanted, unit)
    if wanted.kind:
        rows = rows.filter(kind__key=wanted.kind)
    return by_changes(request, rows, wanted, door="certificates", make=_sent, what="certificates", unit=unit)


def _reached(token: ApiToken) -> QuerySet:
    rows = Certificate.objects.of_people_read_by(token.owner).filter(reach(token))
    return rows.with_state().annotate(unit_code=F("unit__code")).select_related("kind", "replaces", "renews")


def _sent(page: list) -> list[dict]:
    today = clock.today()
    return [
        {name: getattr(row, name) for name in ("number", "change", "title", *SERVED, "course_code", "completion_id", "valid_until")}
        | {
            "unit_code": row.unit_code or "",
            "kind": row.kind.key,
            "issued_at": timezone.localtime(row.issued_at),
            "state": row.state_on(today),
            "replaces": row.replaces.number if row.replaces else "",
            "renews": row.renews.number if row.renews else "",
        }
        for row in page
    ]


class GroundOut(Schema):
    """One fact that a higher certificate rests on."""

    condition: str = Field(description="The condition, in the words of the day of issue.")
    on: date = Field(description="When it was met: a lower certificate issued, a course completed, a thing attested.")
    certificate_number: str = Field(description="Number of the lower certificate; empty for others.")
    completion_id: int | None = Field(description="`id` of the completion, as in /completions; null for others.")
    attested_by: str = Field(description="Who attested it; empty for others.")


class HigherOut(ServedOut):
    """One higher certificate that no single completion earned, with what it rests on. Facts are those printed on it."""

    number: str
    kind: str = Field(description="Key of the kind of certificate.")
    title: str
    hours: Decimal = Field(description="Of all courses that it rests on, by itself or through lower ones: not to be added to theirs.")
    issued_at: datetime = Field(description="ISO 8601 with the county's offset.")
    valid_until: date | None = Field(description="Last day of validity; null: without end.")
    state: str = Field(description="valid, expired, suspended, replaced or revoked, as of today.")
    replaces: str = Field(description="Number of the one that it corrects; empty for most.")
    rests_on: list[GroundOut]


class HigherListOut(ListOut):
    items: list[HigherOut]


@door(
    router,
    "/certificates/higher",
    scope=ApiToken.Scope.COMPLETIONS,
    out=HigherListOut,
    name="higher_certificates",
    summary="Higher certificates, with what they rest on",
)
def higher_certificates(request: HttpRequest, wanted: Query[OfPersonIn]):
    """Higher certificates as they stand today, in the order of their issue, by pages.

    They are earned by several lower certificates, courses and attestations, so no row of /completions shows them. They are
    few: pull them whole each time, which also brings what became of earlier ones. Certificates of one course, and renewals
    by one, stand with its completion.
    """
    token = known(request, OfPersonIn)
    unit = unit_of(token, wanted.unit)
    rows = records.higher(Certificate.objects.of_people_read_by(token.owner).filter(reach(token)))
    rows = narrowed(rows, wanted, unit).select_related("kind", "replaces")
    today = clock.today()

    def make(page: list) -> list[dict]:
        return [_higher_sent(row, today) for row in page]

    return by_key(request, rows, wanted, door="higher", make=make, what="higher certificates", unit=unit)


@door_of_one(  # below /certificates/higher, which would be taken for a number
    router,
    "/certificates/{number}",
    scope=ApiToken.Scope.CERTIFICATE_RECORDS,
    out=CertificateOut,
    name="certificate",
    summary="One certificate",
)
def certificate(request: HttpRequest, number: Key):
    """One certificate as /certificates has it now: what a webhook names by `number`."""
    rows = _reached(request.auth).filter(number=number)  # type: ignore[attr-defined]
    return one_of_changes(request, rows, make=_sent, what="certificates", named={"number": number})


def _higher_sent(row: Certificate, today: date) -> dict:
    record = records.of_higher(row, today)
    sent = {name: getattr(record, name) for name in ("employee_number", "person_name", "unit_code", "unit_name", "post_title", "duties")}
    return sent | {
        "number": row.number,
        "kind": row.kind.key,
        "title": row.title,
        "hours": row.hours,
        "issued_at": timezone.localtime(row.issued_at),
        "valid_until": row.valid_until,
        "state": record.certificate_state,
        "replaces": row.replaces.number if row.replaces else "",
        "rests_on": [asdict(ground) for ground in record.rests_on],
    }
