"""Completions: the same rows that the exports write."""

from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Annotated

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Field, Query, Router

from core import clock
from courses.models import Completion
from evaluation import records
from evaluation.api.items import Number, door_of_one, one_of_changes
from evaluation.api.lists import ChangesIn, ChangesOut, Instant, ServedOut, by_changes, door, known, narrowed, reach, unit_of
from people.api import PLAIN, Problem
from people.models import ApiToken, Unit

router = Router()


class CompletionOut(ServedOut):
    """One completion as it was at the event. `status` is `reversed` once HR has reversed it; its hours then no longer count."""

    id: int = Field(description="Number of the completion: a row replaces an earlier one with the same id.")
    change: int = Field(description="Number of the newest change of this row. Rows come in this order.")
    status: str = Field(description="completed or reversed.")
    course_code: str
    course_title: str
    edition: int = Field(description="Edition of the course that was learnt.")
    line: str = Field(description="policy, theory, standards or practice.")
    round: int = Field(description="1 for the first time, 2 for the second …")
    minutes: int = Field(description="Length of the course.")
    study_hours: Decimal = Field(description="Credit hours for study, two decimals.")
    test_hours: Decimal = Field(description="Credit hours for the passed test.")
    hours: Decimal = Field(description="study_hours + test_hours.")
    counted_hours: Decimal = Field(
        description="What the hour ledger counts for this completion now: 0.00 once reversed, or where another one of the year counts. Corrections by hand that answer its entries are in it (`answers` in /hours); those that name no entry are not."
    )
    score: Decimal | None = Field(description="Per cent; null without a test.")
    enrolled_at: datetime = Field(description="ISO 8601 with the county's offset.")
    completed_at: datetime = Field(description="ISO 8601 with the county's offset.")
    certificate_number: str = Field(description="Empty when the course awards none.")
    certificate_state: str = Field(description="valid, expired, suspended or revoked as of today; empty without a certificate.")
    certificate_valid_until: date | None = Field(description="Last day of validity; null: without end.")
    reversed_at: datetime | None
    reversal_reason: str


class CompletionsOut(ChangesOut):
    items: list[CompletionOut]


class CompletionsIn(ChangesIn):
    course: Annotated[str, Field(max_length=20, pattern=PLAIN)] | None = Field(None, description="Course code.")
    since: Instant | None = Field(None, description="completed_at from this instant on (ISO 8601 with offset).")
    until: Instant | None = Field(None, description="completed_at before this instant.")


@door(
    router,
    "/completions",
    scope=ApiToken.Scope.COMPLETIONS,
    out=CompletionsOut,
    name="completions",
    summary="Completions, by their newest change",
)
def completions(request: HttpRequest, wanted: Query[CompletionsIn]):
    """Completion records in the order of their newest change, by pages of at most 5000.

    Follow `next_cursor` until `has_more` is false; keep the last cursor and come back with it: it brings
    the completions that were added since, and again those that were reversed or whose certificate or
    hours changed. No change is missed and none comes twice. A cursor belongs to its filters.
    """
    token = known(request, CompletionsIn)
    unit = unit_of(token, wanted.unit)
    rows = records.completions(_wanted(token, wanted, unit))
    return by_changes(request, rows, wanted, door="completions.changes", make=_sent, shape=_read, what="completions", unit=unit)


@door_of_one(router, "/completions/{id}", scope=ApiToken.Scope.COMPLETIONS, out=CompletionOut, name="completion", summary="One completion")
def completion(request: HttpRequest, id: Number):
    """The row of one completion as /completions has it now: what a webhook names by `completion_id`."""
    rows = records.completions(_reached(request.auth).filter(pk=id))  # type: ignore[attr-defined]
    return one_of_changes(request, rows, make=_sent_one, what="completions", named={"completion": id})


def _read(rows: QuerySet) -> QuerySet:
    """Plain tuples: of a page of thousands, whole rows would be half of the time."""
    return rows.values_list(*records.VALUES, "change", named=True)


def _sent(page: list) -> list[dict]:
    """Every field of the export, instants in the county's offset."""
    today, zone = clock.today(), timezone.get_current_timezone()
    return [_of_record(row[-1], records.of_values(today, *row[:-1]), zone) for row in page]


def _sent_one(page: list[Completion]) -> list[dict]:
    today, zone = clock.today(), timezone.get_current_timezone()
    return [_of_record(row.change, records.of_completion(row, today), zone) for row in page]  # type: ignore[attr-defined]


def _of_record(change: int, record: records.Record, zone: tzinfo) -> dict:
    sent = dict(zip(record._fields, record, strict=True))
    sent["change"] = change
    del sent["person_id"], sent["rests_on"]
    for name in ("study_hours", "test_hours", "hours", "counted_hours"):
        sent[name] = str(sent[name])
    sent["score"] = None if record.score is None else str(record.score)
    for name in ("enrolled_at", "completed_at", "reversed_at"):
        sent[name] = _instant(sent[name], zone)
    return sent


def _instant(value: datetime | None, zone: tzinfo) -> str | None:
    """As JSON tells an instant elsewhere, to the millisecond. The zone is looked up once a page: that costs more than all else of it."""
    if value is None:
        return None
    return value.astimezone(zone).isoformat(timespec="milliseconds" if value.microsecond else "seconds")


def _reached(token: ApiToken) -> QuerySet:
    return Completion.objects.visible_to(token.owner).filter(reach(token))


def _wanted(token: ApiToken, wanted: CompletionsIn, unit: Unit | None) -> QuerySet:
    source = narrowed(_reached(token), wanted, unit)
    if wanted.course:
        source = source.filter(course_code=wanted.course)
    if any(value and not 1900 < value.year < 9000 for value in (wanted.since, wanted.until)):
        raise Problem(422, _("The years of “since” and “until” must lie between 1901 and 8999."), code="period")
    # In UTC: PostgreSQL takes no offset beyond sixteen hours, ISO 8601 does.
    if wanted.since:
        source = source.filter(completed_at__gte=wanted.since.astimezone(UTC))
    if wanted.until:
        source = source.filter(completed_at__lt=wanted.until.astimezone(UTC))
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise Problem(422, _("“until” must be later than “since”."), code="period")
    return source
