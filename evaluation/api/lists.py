"""What the lists of the API share: their parameters, their pages, their trace."""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

from django.core import signing
from django.core.serializers.json import DjangoJSONEncoder
from django.db import OperationalError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema
from pydantic import AwareDatetime, BeforeValidator

from core import clock
from evaluation import changes
from people.api import PLAIN, PROBLEMS, CallsAMinute, Problem, Token, refuse_strange_parameters, written_as_a_day
from people.models import ApiToken, ReadingOfOthers, Unit
from people.services import readings

LIMIT = 5000
PLACES = {"cursor", "limit", "after_change"}  # what says where a page begins and ends, and narrows nothing
FIRST = ("unit", "course", "person", "since", "until")  # the order in which cursors that are out there hold their filters
Instant = Annotated[AwareDatetime, BeforeValidator(written_as_a_day)]


class PageIn(Schema):
    limit: int = Field(100, ge=1, le=LIMIT, description="Rows a page.")
    cursor: Annotated[str, Field(max_length=400)] | None = Field(None, description="next_cursor of the page before, with the same filters.")


class OfUnitIn(PageIn):
    unit: Annotated[str, Field(max_length=40, pattern=PLAIN)] | None = Field(
        None, description="Code of a unit: it and those below it, inside the token's reach."
    )


class OfPersonIn(OfUnitIn):
    person: Annotated[str, Field(max_length=32, pattern=PLAIN)] | None = Field(None, description="Employee number, as in the rows.")


class ChangesIn(OfPersonIn):
    after_change: int | None = Field(
        None,
        ge=0,
        le=2**63 - 1,
        description="Only rows whose newest change is a later one: the highest `change` of the rows that you hold, pulled with the same "
        "filters. In place of `cursor`, with the first page of a pull; not together with it.",
    )


class ChangesOut(Schema):
    """A page of a list that is read on for ever."""

    next_cursor: str = Field(
        description="Give it back as `cursor` for the rows after these. Keep it when `has_more` is false: "
        "later it brings what was added or changed since."
    )
    has_more: bool = Field(description="Whether more rows are waiting now.")


class ListOut(Schema):
    """A page of a list that has an end."""

    next_cursor: str | None = Field(description="Give it back as `cursor` for the rows after these; null at the end.")
    has_more: bool


class ServedOut(Schema):
    """Whom a row is about, as it was at the event."""

    employee_number: str = Field(description="工号 at the event.")
    person_name: str = Field(description="Name at the event.")
    unit_code: str = Field(description="Code of the unit at the event.")
    unit_name: str = Field(description="Unit at the event; a section with its organ before it.")
    post_title: str = Field(description="Post at the event.")
    duties: list[str] = Field(
        description="Duties at the event: chief, deputy, section_head, staff, liaison, publisher, county_leader, lecturer, appraiser."
    )


SERVED = ("employee_number", "person_name", "unit_name", "post_title", "duties")


def door(
    router: Router, path: str, *, scope: str, out: type[Schema], name: str, summary: str, answers: dict | None = None, act: str = "list"
) -> Callable:
    """A list of the API: read only, with a token of one scope, its calls counted. `act` is "get" for one row under its key."""

    def decorate(view: Callable) -> Callable:
        router.get(
            path,
            response={200: out, **PROBLEMS, **(answers or {})},
            auth=Token(scope),
            throttle=[CallsAMinute()],
            operation_id=f"{act}_{name}",
            summary=summary,
            url_name=f"{act}_{name}",
        )(view)
        # As every reading: with the same ETag and without a body, for who asks only whether something is new.
        asked = {"auth": Token(scope), "throttle": [CallsAMinute()], "include_in_schema": False, "url_name": f"{act}_{name}"}
        router.api_operation(["HEAD"], path, response={200: out, **PROBLEMS, **(answers or {})}, **asked)(view)
        return view

    return decorate


def by_changes(
    request: HttpRequest,
    rows: QuerySet,
    wanted: ChangesIn,
    *,
    door: str,
    make: Callable[[list], list[dict]],
    shape: Callable[[QuerySet], QuerySet] = lambda rows: rows,
    unit: Unit | None,
    **trace,
):
    """A page of completions, entries or certificates in the order of their newest change. `shape` says what is read of each row."""
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    cursor = Cursor(token, door, wanted)
    upto = settled()
    after = _after(wanted, cursor, upto)
    within = unit or (None if token.history_follows else token.unit)  # type: ignore[attr-defined]
    page = changes.first_of(rows, after=after, upto=upto, most=wanted.limit + 1, shape=shape, within=within)
    has_more, page = len(page) > wanted.limit, page[: wanted.limit]
    last = page[-1].change if has_more else max(after, upto)  # with nothing more up to there, all of it has been seen
    answer = {"items": make(page), "next_cursor": cursor.at(last), "has_more": has_more}
    leave_trace(request, wanted, after=after, rows=len(page), unit=unit, **trace)
    return _page(request, answer)


def _after(wanted: ChangesIn, cursor: "Cursor", upto: int) -> int:
    """The change behind which the page begins.

    Raises:
        Problem: both a cursor and a number were given, or a number that no change has yet: rows would be passed over unread.
    """
    if wanted.after_change is None:
        return cursor.after
    if wanted.cursor:
        raise Problem(422, _("Give either “cursor” or “after_change”, not both."), code="cursor_and_after_change")
    if wanted.after_change > upto:
        raise Problem(422, _("No change has a number as high as %(number)d yet.") % {"number": wanted.after_change}, code="after_change")
    return wanted.after_change


def by_key(request: HttpRequest, rows: QuerySet, wanted: PageIn, *, door: str, make: Callable[[list], list[dict]], **trace):
    """A page of rows in the order in which they were written: those that stood when one began come once each."""
    cursor = Cursor(request.auth, door, wanted)  # type: ignore[attr-defined]
    page = list(rows.filter(pk__gt=cursor.after).order_by("pk")[: wanted.limit + 1])
    has_more, page = len(page) > wanted.limit, page[: wanted.limit]
    answer = {"items": make(page), "next_cursor": cursor.at(page[-1].pk) if has_more else None, "has_more": has_more}
    leave_trace(request, wanted, after=cursor.after, rows=len(page), **trace)
    return _page(request, answer)


def by_place(request: HttpRequest, keys: Sequence[str], wanted: PageIn, *, door: str, make: Callable[[list], list[dict]], **trace):
    """A page of rows that never change, by their place among all of them."""
    cursor = Cursor(request.auth, door, wanted)  # type: ignore[attr-defined]
    page = list(keys[cursor.after : cursor.after + wanted.limit])
    last = cursor.after + len(page)
    has_more = last < len(keys)
    answer = {"items": make(page), "next_cursor": cursor.at(last) if has_more else None, "has_more": has_more}
    leave_trace(request, wanted, after=cursor.after, rows=len(page), **trace)
    return _page(request, answer)


def _page(request: HttpRequest, answer: dict):
    """The same rows are the same page: the cursor that came with them serves as well as a new one. Written once: it may be long."""
    items, rest = _written(answer.pop("items")), _written(answer)
    shown = items + (b"more" if answer["has_more"] else b"")
    return _tagged(request, b'{"items": %s, %s' % (items, rest[1:]), shown=shown)


def answered(request: HttpRequest, answer: dict):
    """The answer, or 304 without a body when the caller holds the same."""
    text = _written(answer)
    return _tagged(request, text, shown=text)


def _written(value: Any) -> bytes:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False).encode()


def _tagged(request: HttpRequest, text: bytes, *, shown: bytes):
    headers = {
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, Accept-Language",
        "ETag": f'W/"{hashlib.sha256(shown).hexdigest()[:32]}"',
    }
    unchanged = get_conditional_response(request, etag=headers["ETag"], response=HttpResponse(headers=headers))
    if unchanged is not None and unchanged.status_code == 304:
        return unchanged
    return HttpResponse(text, content_type="application/json; charset=utf-8", headers=headers)


def leave_trace(
    request: HttpRequest,
    wanted: PageIn,
    *,
    what: str,
    after: int,
    rows: int | None,
    unit: Unit | None = None,
    named: dict[str, str] | None = None,
) -> None:
    """Write down who pulled what, for the auditor. `named`: what the address names beside the filters."""
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    readings.record(
        reader=token.owner,
        kind=ReadingOfOthers.Kind.API,
        what=what,
        unit=unit,
        rows=rows,
        request=request,
        at=clock.now(),
        filters={
            **(named or {}),
            **wanted.model_dump(mode="json", exclude_none=True, exclude=PLACES),
            "token": token.prefix,
            "after": after,
        },
    )


class Cursor:
    """Up to where a caller has read. It belongs to one list, the filters and the reach of the token, not to the page size.

    Raises:
        Problem: it was damaged, or made for another list, other filters or another reach.
    """

    def __init__(self, token: ApiToken, door: str, wanted: PageIn) -> None:
        self.salt = f"evaluation.api.{door}"
        fields = [*FIRST, *sorted(set(type(wanted).model_fields) - {*FIRST, *PLACES})]
        parts = [token.unit.path, *(_as_text(getattr(wanted, name)) for name in fields if name in type(wanted).model_fields)]
        self.key = signing.Signer(salt=self.salt).signature("\n".join(parts))[:16]
        self.after = self._read(wanted.cursor) if wanted.cursor else 0

    def _read(self, text: str) -> int:
        try:
            held = signing.loads(text, salt=self.salt)
        except signing.BadSignature as error:
            raise Problem(
                422, _("The cursor is damaged or belongs to another list: use “next_cursor” exactly as it came."), code="cursor"
            ) from error
        if held["f"] != self.key:
            raise Problem(422, _("The cursor belongs to other filters: start again without it."), code="cursor_of_other_filter")
        return held["a"]

    def at(self, last: int) -> str:
        return signing.dumps({"a": last, "f": self.key}, salt=self.salt, compress=True)


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(timezone.get_default_timezone()).isoformat()
    return "" if value is None else str(value)


def settled() -> int:
    try:
        return changes.settle()
    except OperationalError as error:
        raise Problem(503, _("Records are being written just now. Please repeat the call."), code="busy", retry_after=2) from error


def reach(token: ApiToken) -> Q:
    """What a role over the token's unit reads: what happened there, and, where history follows, what people who serve there now did in the same county."""
    path = token.unit.path
    there = Q(unit__path__startswith=path)
    if not token.history_follows:  # type: ignore[attr-defined]
        return there
    return there | Q(person__unit__path__startswith=path, unit__path__startswith=token.unit.county_path)


def known(request: HttpRequest, wanted: type[PageIn]) -> ApiToken:
    """The token of a call whose parameters are all known."""
    refuse_strange_parameters(request, wanted.model_fields)
    return request.auth  # type: ignore[attr-defined]


def unit_of(token: ApiToken, code: str | None) -> Unit | None:
    """The unit that a call names, inside the token's reach.

    Raises:
        Problem: there is none, or the token does not reach it.
    """
    if not code:
        return None
    unit = Unit.objects.filter(code=code, path__startswith=token.unit.county_path).first()
    if unit is None:
        raise Problem(404, _("There is no unit with the code “%(code)s”.") % {"code": code}, code="unit")
    if not unit.is_within(token.unit):
        raise Problem(403, _("This token does not reach “%(unit)s”.") % {"unit": unit.name}, code="out_of_reach")
    return unit


def narrowed(rows: QuerySet, wanted: OfPersonIn, unit: Unit | None) -> QuerySet:
    """Rows with the fields of ServedAt, of one unit and one person where the call asks for these."""
    if unit:
        rows = rows.filter(unit__path__startswith=unit.path)
    if wanted.person:
        rows = rows.filter(employee_number=wanted.person)
    return rows
