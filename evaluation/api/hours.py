"""Entries of the hour ledger."""

from datetime import date, datetime
from decimal import Decimal

from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router

from evaluation.api.items import Number, door_of_one, one_of_changes
from evaluation.api.lists import SERVED, ChangesIn, ChangesOut, ServedOut, by_changes, door, known, narrowed, reach, unit_of
from evaluation.models import LedgerEntry
from people.models import ApiToken

router = Router()


class EntryOut(ServedOut):
    """Hours credited to one person in one year, or taken by a correction. Never changed: a wrong one is answered by another."""

    id: int = Field(description="Number of the entry.")
    change: int = Field(description="Rows come in this order.")
    kind: str = Field(description="online, test, lecture, exchange, self_study, external or correction.")
    year: int = Field(description="The year in which the hours count.")
    hours: Decimal = Field(description="Two decimals; a correction may be below zero. A person's balance of a year is the sum.")
    course_code: str = Field(description="Empty for what was not learnt by a course.")
    completion_id: int | None = Field(description="`id` of the completion, as in /completions; null for others.")
    course_title: str = Field(description="Title of the course, or what was claimed; empty for a correction by hand.")
    claim_id: int | None = Field(description="Number of the claim by which it was learned elsewhere; null for others.")
    organiser: str = Field(description="Who held what was claimed; empty for others.")
    starts_on: date | None = Field(description="First day of what was claimed; null for others.")
    ends_on: date | None = Field(description="Last day of what was claimed; null for others.")
    claim_filed_by: str = Field(description="Officer who filed the claim for the person; empty where they did, and for others.")
    answers: int | None = Field(
        description="`id` of the entry that a correction by hand answers; null where it names none, and for others."
    )
    reason: str = Field(description="Why a correction was written; empty for others.")
    author: str = Field(description="Who wrote a correction, or gave a claim its second approval; empty for others.")
    policy: str = Field(description="Name of the policy by which it was counted; empty without one.")
    policy_valid_from: date | None = Field(description="The day from which that policy holds: several may bear one name. Null without one.")
    at: datetime = Field(description="When it was written; ISO 8601 with the county's offset.")


class EntriesOut(ChangesOut):
    items: list[EntryOut]


class EntriesIn(ChangesIn):
    year: int | None = Field(None, ge=1901, le=8999, description="The year in which the hours count.")


@door(router, "/hours", scope=ApiToken.Scope.HOURS, out=EntriesOut, name="hours", summary="Entries of hours, in the order of writing")
def hours(request: HttpRequest, wanted: Query[EntriesIn]):
    """The hour ledger: what each person was credited with, and where the person served then.

    As with /completions: follow `next_cursor` until `has_more` is false, keep the last one and come back with it. An entry never
    changes, so each comes once.
    """
    token = known(request, EntriesIn)
    unit = unit_of(token, wanted.unit)
    rows = narrowed(_reached(token), wanted, unit)
    if wanted.year:
        rows = rows.filter(year=wanted.year)
    return by_changes(request, rows, wanted, door="hours", make=_sent, what="entries of hours", unit=unit)


@door_of_one(router, "/hours/{id}", scope=ApiToken.Scope.HOURS, out=EntryOut, name="entry_of_hours", summary="One entry of hours")
def entry_of_hours(request: HttpRequest, id: Number):
    """One entry as /hours has it. It never changes."""
    rows = _reached(request.auth).filter(pk=id)  # type: ignore[attr-defined]
    return one_of_changes(request, rows, make=_sent, what="entries of hours", named={"entry": id})


def _reached(token: ApiToken) -> QuerySet:
    rows = LedgerEntry.objects.visible_to(token.owner).filter(reach(token))
    return rows.annotate(
        unit_code=F("unit__code"),
        policy_name=F("policy__name"),
        policy_valid_from=F("policy__valid_from"),
        organiser=F("claim__organiser"),
        starts_on=F("claim__starts_on"),
        ends_on=F("claim__ends_on"),
        claim_filed_by=F("claim__filed_by__name"),
        author_name=F("author__name"),
    )


def _sent(page: list) -> list[dict]:
    names = ("id", "change", "kind", "year", "hours", "course_code", "completion_id", *SERVED)
    names += ("course_title", "claim_id", "starts_on", "ends_on", "reason", "policy_valid_from")
    zone = timezone.get_current_timezone()
    return [
        {name: getattr(row, name) for name in names}
        | {
            "unit_code": row.unit_code or "",
            "organiser": row.organiser or "",
            "claim_filed_by": row.claim_filed_by or "",
            "answers": row.answers_id,
            "author": row.author_name or "",
            "policy": row.policy_name or "",
            "at": row.at.astimezone(zone),
        }
        for row in page
    ]
