"""Periods of the yearly evaluation, and the lines of what was published."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema

from evaluation.api.items import Year, door_of_one, one
from evaluation.api.lists import Cursor, ListOut, OfPersonIn, OfUnitIn, PageIn, by_key, door, known, unit_of
from evaluation.models import Period, PersonLine, UnitLine
from evaluation.periods import services
from evaluation.periods.lines import PLACES, codes_of
from people.api import Problem
from people.models import ApiToken

router = Router()
UNITS, PEOPLE = "results.units", "results.people"


class PeriodOut(Schema):
    """One year's evaluation of the county."""

    year: int = Field(description="The key.")
    state: str = Field(description="open, cut_off, publicity, appeals, frozen, handed_over or cancelled.")
    indicator: str = Field(description="The indicator and its version.")
    opens_on: date
    cutoff_on: date = Field(description="The last day that counts.")
    freeze_on: date
    steps: list["StepOut"]


class StepOut(Schema):
    number: int
    state: str
    at: datetime
    due_on: date | None
    calculation: int | None = Field(description="Number of the calculation that the step published or froze.")


class PeriodsOut(ListOut):
    items: list[PeriodOut]


@door(router, "/periods", scope=ApiToken.Scope.RESULTS, out=PeriodsOut, name="periods", summary="Periods of the yearly evaluation")
def periods(request: HttpRequest, wanted: Query[PageIn]):
    """The periods of the token's county, with the steps taken."""
    token = known(request, PageIn)
    return by_key(request, _periods_of(token), wanted, door="periods", make=_periods_sent, what="periods")


@door_of_one(router, "/periods/{year}", scope=ApiToken.Scope.RESULTS, out=PeriodOut, name="period", summary="One period")
def period(request: HttpRequest, year: Year):
    """The period of one year in the token's county, with the steps taken: what a webhook names by `year`."""
    rows = _periods_of(request.auth).filter(year=year)  # type: ignore[attr-defined]
    return one(request, rows, make=_periods_sent, what="periods", named={"year": year})


def _periods_of(token: ApiToken) -> QuerySet:
    rows = Period.objects.newest_of_year().filter(county__path=token.unit.county_path).select_related("version__indicator")
    return rows.prefetch_related("steps__calculation")


def _periods_sent(page: list) -> list[dict]:
    return [
        {name: getattr(row, name) for name in ("year", "state", "opens_on", "cutoff_on", "freeze_on")}
        | {
            "indicator": str(row.version),
            "steps": [
                {
                    "number": step.number,
                    "state": step.state,
                    "at": timezone.localtime(step.at),
                    "due_on": step.due_on,
                    "calculation": step.calculation and step.calculation.number,
                }
                for step in row.steps_taken
            ],
        }
        for row in page
    ]


class OfYear(Schema):
    year: int = Field(ge=1901, le=8999, description="Year of the period.")
    calculation: int | None = Field(
        None,
        ge=1,
        le=32767,
        description="Number of a published calculation of that period; the newest, or that of the cursor, when left out.",
    )


class UnitResultsIn(OfUnitIn, OfYear):
    pass


class PersonResultsIn(OfPersonIn, OfYear):
    pass


class UnitResultOut(Schema):
    """What one organ came to, with all its sections."""

    calculation: int
    unit_code: str
    unit_name: str
    is_vertical: bool
    figures: dict[str, Any] = Field(description="Every variable of the formulas by name, as decimal strings.")
    items: list[dict[str, Any]] = Field(description="What each item of the indicator came to: key, points, full, void.")
    bonus: Decimal
    deduction: Decimal
    total: Decimal | None
    band: str
    rank: int | None


class UnitResultsOut(ListOut):
    items: list[UnitResultOut]


class PersonResultOut(Schema):
    """Where one person is counted and why, and what stands for the person. No grade: persons are given none."""

    calculation: int
    employee_number: str
    person_name: str
    unit_code: str
    unit_name: str
    post_title: str
    duties: list[str]
    held_in: dict[str, list[str]] = Field(
        description="Where the duties count: by the code of each unit in whose figures of leaders some do, those duties. "
        "Empty for who is not counted or holds none; a unit without a line is not named."
    )
    counted: bool
    reason: str
    required: int
    done: int
    tests: int
    passed: int
    hours: Decimal
    target: Decimal | None


class PersonResultsOut(ListOut):
    items: list[PersonResultOut]


@door(router, "/results/units", scope=ApiToken.Scope.RESULTS, out=UnitResultsOut, name="unit_results", summary="Published results of units")
def unit_results(request: HttpRequest, wanted: Query[UnitResultsIn]):
    """The lines of units in a calculation that was published or frozen. Of what was not published nothing comes."""
    token = known(request, UnitResultsIn)
    unit = unit_of(token, wanted.unit)
    rows = _lines_of(UnitLine, token, wanted, door=UNITS).filter(unit__path__startswith=(unit or token.unit).path)
    names = ("unit_code", "unit_name", "is_vertical", "figures", "items", "bonus", "deduction", "total", "band", "rank")
    return _lines(request, rows, wanted, names, door=UNITS, what="results of units", unit=unit)


@door(
    router,
    "/results/people",
    scope=ApiToken.Scope.RESULTS,
    out=PersonResultsOut,
    name="person_results",
    summary="Published lines of people",
)
def person_results(request: HttpRequest, wanted: Query[PersonResultsIn]):
    """The lines of people in a calculation that was published or frozen. Of what was not published nothing comes."""
    token = known(request, PersonResultsIn)
    unit = unit_of(token, wanted.unit)
    rows = _lines_of(PersonLine, token, wanted, door=PEOPLE).filter(unit__path__startswith=(unit or token.unit).path)
    if wanted.person:
        rows = rows.filter(employee_number=wanted.person)
    names = tuple(name for name in PersonResultOut.model_fields if name != "calculation")
    return _lines(request, rows.select_related("calculation"), wanted, names, door=PEOPLE, what="results of people", unit=unit)


def _lines(request: HttpRequest, rows: QuerySet, wanted: PageIn, names: tuple[str, ...], **more):
    def make(page: list) -> list[dict]:
        sent = [{name: getattr(row, name) for name in names} | {"calculation": row.calculation_number} for row in page]
        if PLACES in names and page:
            codes = codes_of(page[0].calculation)
            sent = [one | {PLACES: row.places(codes)} for one, row in zip(sent, page, strict=True)]
        return sent

    return by_key(request, rows.annotate(calculation_number=F("calculation__number")), wanted, make=make, **more)


def _lines_of(lines: type[UnitLine] | type[PersonLine], token: ApiToken, wanted: UnitResultsIn | PersonResultsIn, *, door: str) -> QuerySet:
    """The lines of what stands published of the year, of the published calculation that is asked for, or of the one that a cursor began with.

    Nothing while a reopened period waits for it.

    Raises:
        Problem: nothing of that year was published, or nothing under that number.
    """
    period = Period.objects.newest_of_year().filter(county__path=token.unit.county_path, year=wanted.year).first()
    found = services.published(period) if period is not None else None
    if found is not None and wanted.calculation:
        found = services.were_published(period).filter(number=wanted.calculation).first()
    elif found is not None and wanted.cursor:  # it names the last line that was read: whatever was published since, its like follow
        last = lines.objects.filter(pk=Cursor(token, door, wanted).after)
        found = services.were_published(period).filter(pk__in=last.values("calculation")).first()
    if found is None:
        raise Problem(404, _("Of the year %(year)s nothing like that was published.") % {"year": wanted.year}, code="not_published")
    return lines.objects.filter(calculation=found)
