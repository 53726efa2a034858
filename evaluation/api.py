"""The doors for programs. Rows are evaluation.records.Record, the same that the exports write."""

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from django.core import signing
from django.db import OperationalError
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema
from pydantic import AwareDatetime, BeforeValidator

from certificates.models import Certificate
from core import clock
from courses.models import Completion
from evaluation import changes, records
from people.api import PLAIN, PROBLEMS, CallsAMinute, Problem, Token, refuse_strange_parameters, written_as_a_day
from people.models import ApiToken, ReadingOfOthers, Unit
from people.services import readings

LIMIT = 500
CURSOR_SALT = "evaluation.api.completions.changes"
HIGHER_SALT = "evaluation.api.higher"
router = Router()


class CompletionOut(Schema):
    """One completion as it was at the event. `status` is `reversed` once HR has reversed it; its hours then no longer count."""

    id: int = Field(description="Number of the completion: a row replaces an earlier one with the same id.")
    change: int = Field(description="Number of the newest change of this row. Rows come in this order.")
    status: str = Field(description="completed or reversed.")
    employee_number: str = Field(description="工号 at the event.")
    person_name: str = Field(description="Name at the event.")
    unit_code: str = Field(description="Code of the unit at the event.")
    unit_name: str = Field(description="Unit at the event; a section with its organ before it.")
    post_title: str = Field(description="Post at the event.")
    duties: list[str] = Field(
        description="Duties at the event: chief, deputy, section_head, staff, liaison, publisher, county_leader, lecturer, appraiser."
    )
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
        description="What the hour ledger counts for this completion now: 0.00 once reversed, or where another one of the year counts."
    )
    score: Decimal | None = Field(description="Per cent; null without a test.")
    enrolled_at: datetime = Field(description="ISO 8601 with the county's offset.")
    completed_at: datetime = Field(description="ISO 8601 with the county's offset.")
    certificate_number: str = Field(description="Empty when the course awards none.")
    certificate_state: str = Field(description="valid, expired, suspended or revoked as of today; empty without a certificate.")
    certificate_valid_until: date | None = Field(description="Last day of validity; null: without end.")
    reversed_at: datetime | None
    reversal_reason: str


class CompletionsOut(Schema):
    items: list[CompletionOut]
    next_cursor: str = Field(
        description="Give it back as `cursor` for the rows after these. Keep it when `has_more` is false: "
        "later it brings what was added, reversed or otherwise changed since."
    )
    has_more: bool = Field(description="Whether more rows are waiting now.")


Instant = Annotated[AwareDatetime, BeforeValidator(written_as_a_day)]


class CompletionsIn(Schema):
    unit: Annotated[str, Field(max_length=40, pattern=PLAIN)] | None = Field(
        None, description="Code of a unit: it and those below it, inside the token's reach."
    )
    course: Annotated[str, Field(max_length=20, pattern=PLAIN)] | None = Field(None, description="Course code.")
    person: Annotated[str, Field(max_length=32, pattern=PLAIN)] | None = Field(None, description="Employee number at the event.")
    since: Instant | None = Field(None, description="completed_at from this instant on (ISO 8601 with offset).")
    until: Instant | None = Field(None, description="completed_at before this instant.")
    limit: int = Field(100, ge=1, le=LIMIT, description="Rows a page.")
    cursor: Annotated[str, Field(max_length=400)] | None = Field(None, description="next_cursor of the page before, with the same filters.")


@router.get(
    "/completions",
    response={200: CompletionsOut, **PROBLEMS},
    auth=Token(ApiToken.Scope.COMPLETIONS),
    throttle=[CallsAMinute()],
    operation_id="list_completions",
    summary="Completions, by their newest change",
    url_name="completions",
)
def completions(request: HttpRequest, wanted: Query[CompletionsIn]):
    """Completion records in the order of their newest change, by pages of at most 500.

    Follow `next_cursor` until `has_more` is false; keep the last cursor and come back with it: it brings
    the completions that were added since, and again those that were reversed or whose certificate or
    hours changed. No change is missed and none comes twice. A cursor belongs to its filters.
    """
    refuse_strange_parameters(request, CompletionsIn.model_fields)
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    at = clock.now()
    unit = _unit(token, wanted.unit)
    reached = _narrowed(Completion.objects.visible_to(token.owner).filter(_reach(token)), wanted, unit)
    key = _filter_key(token, wanted)
    after, upto = _read_cursor(wanted.cursor, key), _settled()
    page = list(changes.read_on(records.completions(reached), after=after, upto=upto)[: wanted.limit + 1])
    has_more, page = len(page) > wanted.limit, page[: wanted.limit]
    last = page[-1].change if has_more else max(after, upto)  # with nothing more up to there, all of it has been seen
    today = clock.today(at)
    readings.record(
        reader=token.owner,
        kind=ReadingOfOthers.Kind.API,
        what="completions",
        unit=unit,
        rows=len(page),
        request=request,
        at=at,
        filters={**wanted.model_dump(mode="json", exclude_none=True, exclude={"cursor", "limit"}), "token": token.prefix, "after": after},
    )
    return {
        "items": [as_sent(records.of_completion(row, today)) | {"change": row.change} for row in page],
        "next_cursor": signing.dumps({"a": last, "f": key}, salt=CURSOR_SALT, compress=True),
        "has_more": has_more,
    }


@router.api_operation(["POST", "PUT", "PATCH", "DELETE"], "/completions", auth=None, include_in_schema=False)
def completions_are_only_read(request: HttpRequest):
    raise Problem(405, _("Completions are only read here."), code="method")


class GroundOut(Schema):
    """One fact that a higher certificate rests on."""

    condition: str = Field(description="The condition, in the words of the day of issue.")
    on: date = Field(description="When it was met: a lower certificate issued, a course completed, a thing attested.")
    certificate_number: str = Field(description="Number of the lower certificate; empty for others.")
    completion_id: int | None = Field(description="`id` of the completion, as in /completions; null for others.")
    attested_by: str = Field(description="Who attested it; empty for others.")


class HigherOut(Schema):
    """One higher certificate that no single completion earned, with what it rests on. Facts are those printed on it."""

    number: str
    kind: str = Field(description="Key of the kind of certificate.")
    title: str
    employee_number: str = Field(description="工号 at the event.")
    person_name: str
    unit_code: str
    unit_name: str
    post_title: str
    duties: list[str]
    hours: Decimal = Field(description="Of all courses that it rests on, by itself or through lower ones: not to be added to theirs.")
    issued_at: datetime = Field(description="ISO 8601 with the county's offset.")
    valid_until: date | None = Field(description="Last day of validity; null: without end.")
    state: str = Field(description="valid, expired, suspended, replaced or revoked, as of today.")
    replaces: str = Field(description="Number of the one that it corrects; empty for most.")
    rests_on: list[GroundOut]


class HigherListOut(Schema):
    items: list[HigherOut]
    next_cursor: str | None = Field(description="Give it back as `cursor` for the rows after these; null at the end.")
    has_more: bool


class HigherIn(Schema):
    unit: Annotated[str, Field(max_length=40, pattern=PLAIN)] | None = Field(
        None, description="Code of a unit: it and those below it, inside the token's reach."
    )
    person: Annotated[str, Field(max_length=32, pattern=PLAIN)] | None = Field(None, description="Employee number at the event.")
    limit: int = Field(100, ge=1, le=LIMIT, description="Rows a page.")
    cursor: Annotated[str, Field(max_length=400)] | None = Field(None, description="next_cursor of the page before, with the same filters.")


@router.get(
    "/certificates/higher",
    response={200: HigherListOut, **PROBLEMS},
    auth=Token(ApiToken.Scope.COMPLETIONS),
    throttle=[CallsAMinute()],
    operation_id="list_higher_certificates",
    summary="Higher certificates, with what they rest on",
    url_name="higher_certificates",
)
def higher_certificates(request: HttpRequest, wanted: Query[HigherIn]):
    """Higher certificates as they stand today, in the order of their issue, by pages of at most 500.

    They are earned by several lower certificates, courses and attestations, so no row of /completions shows them. They are
    few: pull them whole each time, which also brings what became of earlier ones. Certificates of one course, and renewals
    by one, stand with its completion.
    """
    refuse_strange_parameters(request, HigherIn.model_fields)
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    at = clock.now()
    unit = _unit(token, wanted.unit)
    found = records.higher(Certificate.objects.of_people_read_by(token.owner).filter(_reach(token)))
    if unit:
        found = found.filter(unit__path__startswith=unit.path)
    if wanted.person:
        found = found.filter(employee_number=wanted.person)
    key = signing.Signer(salt=HIGHER_SALT).signature("\n".join([token.unit.path, wanted.unit or "", wanted.person or ""]))[:16]
    after = _read_cursor(wanted.cursor, key, salt=HIGHER_SALT)
    page = list(found.filter(pk__gt=after).select_related("kind", "replaces").order_by("pk")[: wanted.limit + 1])
    has_more, page = len(page) > wanted.limit, page[: wanted.limit]
    readings.record(
        reader=token.owner,
        kind=ReadingOfOthers.Kind.API,
        what="higher certificates",
        unit=unit,
        rows=len(page),
        request=request,
        at=at,
        filters={**wanted.model_dump(mode="json", exclude_none=True, exclude={"cursor", "limit"}), "token": token.prefix, "after": after},
    )
    today = clock.today(at)
    return {
        "items": [_higher_sent(row, today) for row in page],
        "next_cursor": signing.dumps({"a": page[-1].pk, "f": key}, salt=HIGHER_SALT, compress=True) if has_more else None,
        "has_more": has_more,
    }


@router.api_operation(["POST", "PUT", "PATCH", "DELETE"], "/certificates/higher", auth=None, include_in_schema=False)
def higher_certificates_are_only_read(request: HttpRequest):
    raise Problem(405, _("Certificates are only read here."), code="method")


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


def as_sent(record: records.Record) -> dict:
    """A record as the API sends it: every field of the export, instants in the county's offset."""
    sent = record._asdict()
    del sent["person_id"], sent["rests_on"]
    for name in ("enrolled_at", "completed_at", "reversed_at"):
        sent[name] = timezone.localtime(sent[name]) if sent[name] else None
    return sent


def _settled() -> int:
    try:
        return changes.settle()
    except OperationalError as error:
        raise Problem(503, _("Records are being written just now. Please repeat the call."), code="busy", retry_after=2) from error


def _reach(token: ApiToken) -> Q:
    """What a role over the token's unit reads: what happened there, and, where history follows, what people who serve there now did in the same county."""
    path = token.unit.path
    there = Q(unit__path__startswith=path)
    if not token.history_follows:  # type: ignore[attr-defined]
        return there
    return there | Q(person__unit__path__startswith=path, unit__path__startswith=token.unit.county_path)


def _unit(token: ApiToken, code: str | None) -> Unit | None:
    if not code:
        return None
    unit = Unit.objects.filter(code=code, path__startswith=token.unit.county_path).first()
    if unit is None:
        raise Problem(404, _("There is no unit with the code “%(code)s”.") % {"code": code}, code="unit")
    if not unit.is_within(token.unit):
        raise Problem(403, _("This token does not reach “%(unit)s”.") % {"unit": unit.name}, code="out_of_reach")
    return unit


def _narrowed(source, wanted: CompletionsIn, unit: Unit | None):
    if unit:
        source = source.filter(unit__path__startswith=unit.path)
    if wanted.course:
        source = source.filter(course_code=wanted.course)
    if wanted.person:
        source = source.filter(employee_number=wanted.person)
    if any(value and not 1900 < value.year < 9000 for value in (wanted.since, wanted.until)):
        raise Problem(422, _("The years of “since” and “until” must lie between 1901 and 8999."), code="period")
    if wanted.since:
        source = source.filter(completed_at__gte=wanted.since)
    if wanted.until:
        source = source.filter(completed_at__lt=wanted.until)
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise Problem(422, _("“until” must be later than “since”."), code="period")
    return source


def _filter_key(token: ApiToken, wanted: CompletionsIn) -> str:
    """What a cursor belongs to: the token's unit and the filters, not the page size."""
    instants = [value.astimezone(timezone.get_default_timezone()).isoformat() if value else "" for value in (wanted.since, wanted.until)]
    parts = [token.unit.path, wanted.unit or "", wanted.course or "", wanted.person or "", *instants]
    return signing.Signer(salt=CURSOR_SALT).signature("\n".join(parts))[:16]


def _read_cursor(text: str | None, key: str, salt: str = CURSOR_SALT) -> int:
    """The change, or the row, up to which the caller has read."""
    if not text:
        return 0
    try:
        held = signing.loads(text, salt=salt)
    except signing.BadSignature as error:
        raise Problem(422, _("The cursor is damaged: use “next_cursor” exactly as it came."), code="cursor") from error
    if held["f"] != key:
        raise Problem(422, _("The cursor belongs to other filters: start again without it."), code="cursor_of_other_filter")
    return held["a"]
