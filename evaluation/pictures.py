"""Pictures of a year, as the rows behind them: units side by side, the months, unit × item, and the years of a county.

Reads only, set-based: the number of queries does not depend on units or people. Each picture is a table first: it is
sorted here, exported from the same rows, and drawn by the page with bars and tints.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.core.cache import cache
from django.db.models import Case, Count, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, ExtractMonth, ExtractYear
from django.utils.translation import gettext as _

from certificates.models import Certificate
from core import clock
from core.exports import Column, Exporter
from core.figures import figure, share
from courses.models import Completion
from evaluation import standing
from evaluation.ahead import Overview, kept_rows
from evaluation.models import Calculation, LedgerEntry, Period, UnitLine
from evaluation.periods import services as periods
from people.models import Unit
from people.models.unit import within_paths

RANKS_LAST = 600  # seconds
SORTS = ("unit", "did", "passed", "reached")


def organs(units: Iterable[Unit]) -> list[Unit]:
    """Of these units, those that are compared: departments and townships of a county, without sections."""
    return [unit for unit in units if unit.depth == 2 and unit.kind != Unit.Kind.SECTION]


# Units side by side


@dataclass(frozen=True)
class Row:
    """One organ with all below it, and its rank among so many of its kind: 1 is best, None where nothing is required or it is not ranked."""

    standing: standing.UnitStanding
    rank: int | None
    of: int | None

    @property
    def unit(self) -> Unit:
        return self.standing.unit  # type: ignore[return-value]


def side_by_side(overview: Overview, *, sort: str = "unit", worst_first: bool = True) -> list[Row]:
    """The organs among the units of an overview with their figures, ranked in their own county each. Sorted by unit, or by a share: then
    those without one come last. Four queries for each county of which a part is read, none while its ranks are kept."""
    found = overview.standings
    compared = [found[unit.path] for unit in organs(overview.units) if unit.is_open or found[unit.path].serving]
    places = _ranked(compared)
    read_whole = {unit.path for unit in overview.units if unit.depth == 1}
    for county in sorted({one.unit.county_path for one in compared} - read_whole):  # type: ignore[union-attr]
        # whoever reads a part of a county is told the rank in all of it
        places |= {path: (place, of) for path, (place, of, _kind) in _places(county, year=overview.year, at=overview.at).items()}
    rows = [Row(one, *places.get(one.unit.path, (None, None))) for one in compared]  # type: ignore[union-attr]
    if sort in SORTS[1:]:
        known = [row for row in rows if getattr(row.standing, f"{sort}_share") is not None]
        unknown = [row for row in rows if getattr(row.standing, f"{sort}_share") is None]
        rows = sorted(known, key=lambda row: getattr(row.standing, f"{sort}_share"), reverse=not worst_first) + unknown
    return rows


def _ranked(compared: Iterable[standing.UnitStanding]) -> dict[str, tuple[int, int]]:
    """Path → rank among organs of its kind in its county by who has finished what is required, and how many these are; equals share a
    rank. Vertical organs are not ranked."""
    by_kind: dict[tuple[str, str], list[tuple[Decimal, str]]] = {}
    for one in compared:
        if one.unit is not None and one.should and not one.unit.is_vertical:
            by_kind.setdefault((one.unit.county_path, one.unit.kind), []).append((Decimal(one.did) / one.should, one.unit.path))
    return {path: (1 + sum(other > mine for other, _path in group), len(group)) for group in by_kind.values() for mine, path in group}


@dataclass(frozen=True)
class Rank:
    """Where an organ stands among its kind in the county."""

    place: int
    of: int
    kind: str  # "department" | "township"


def rank_of(unit: Unit, *, year: int, at: datetime) -> Rank | None:
    """The rank of an organ in the running picture of its county, ten minutes old at most. Four queries, none while it is kept.

    Only the place leaves here: figures of other units are read by who may read them.
    """
    if unit.depth != 2 or unit.kind == Unit.Kind.SECTION:
        return None
    kept = _places(unit.county_path, year=year, at=at)
    return Rank(*kept[unit.path]) if unit.path in kept else None


def _places(county_path: str, *, year: int, at: datetime) -> dict[str, tuple[int, int, str]]:
    """Path → (rank, how many are ranked, kind) of the organs of a county. Four queries, none while it is kept."""
    key = f"evaluation.ranks:{county_path}:{year}"
    kept = cache.get(key)
    if kept is None:
        units = list(Unit.objects.filter(path__startswith=county_path))
        found = Overview(units, year=year, at=at).standings
        compared = [found[one.path] for one in organs(units)]
        places = _ranked(compared)
        kept = {one.path: (*places[one.path], one.kind) for one in units if one.path in places}
        cache.set(key, kept, RANKS_LAST)
    return kept


# The months


@dataclass
class Month:
    """What was learned in one month: courses completed, and hours of the ledger."""

    number: int
    completions: int = 0
    hours: Decimal = Decimal(0)
    share: int = 0  # of the busiest month, in per cent


def months(units: Iterable[Unit], *, year: int, at: datetime) -> list[Month]:
    """The months of a year up to now, of what happened in these units and below. Two queries.

    The hours are those that the ledger booked to the year, so that the months come to the year: each in the month of its completion or
    of the last day of its claim, and so what corrects it; another correction by hand in the month of its writing, or in the one of the year
    that is next to it.
    """
    units = list(units)
    last = 12 if year < clock.year_of(at) else clock.today(at).month
    found = {number: Month(number) for number in range(1, last + 1)}
    begins, ends = clock.start_of(date(year, 1, 1)), clock.end_of(date(year, 12, 31))
    done = _completed(units).filter(completed_at__gte=begins, completed_at__lt=ends).order_by()
    done = done.annotate(month=ExtractMonth("completed_at")).values("month").annotate(n=Count("pk")).values_list("month", "n")
    for number, completions in kept_rows("months-completed", units, year, lambda: list(done)):
        if number in found:
            found[number].completions = completions
    written = Case(When(at__lt=begins, then=Value(1)), When(at__gte=ends, then=Value(12)), default=ExtractMonth("at"))
    learned = ("completion__completed_at", "claim__ends_on")
    month = Coalesce(*map(ExtractMonth, learned), *(ExtractMonth(f"answers__{name}") for name in learned), written)
    booked = LedgerEntry.objects.filter(within_paths([unit.path for unit in units]), year=year).order_by()
    booked = booked.annotate(month=month).values("month").annotate(sum=Sum("hours")).values_list("month", "sum")
    for number, hours in kept_rows("months-hours", units, year, lambda: list(booked)):
        if number in found:
            found[number].hours = hours
    busiest = max((month.completions for month in found.values()), default=0)
    for month in found.values():
        month.share = share(month.completions, busiest) or 0
    return list(found.values())


def _completed(units: Iterable[Unit]) -> QuerySet:
    return Completion.objects.standing().filter(within_paths([unit.path for unit in units]))


# Unit × item


@dataclass(frozen=True)
class ItemGrid:
    """What each item of the indicator came to for each unit, from the newest calculation that was published or frozen."""

    calculation: Calculation
    items: list[tuple[str, str]]  # key, name
    rows: list[tuple[UnitLine, list[tuple[dict, int | None]]]]  # the items in this order, each with its share of the full points


def item_grid(period: Period | None, units: Iterable[Unit], *, sort: str = "", worst_first: bool = True) -> ItemGrid | None:
    """The grid for these units; None before anything was published, and while a reopened period waits for it. Four queries."""
    calculation = periods.published(period) if period is not None else None
    if calculation is None:
        return None
    names = {item["key"]: item["name"] for item in calculation.version.spec.get("items", [])}
    lines = list(UnitLine.objects.filter(calculation=calculation, unit__in=[unit.pk for unit in units]).order_by("unit_code"))
    keys = list(names) or [item["key"] for item in (lines[0].items if lines else [])]
    rows = []
    for line in lines:
        by_key = {item["key"]: item for item in line.items}
        rows.append((line, [(by_key.get(key, {}), _item_share(by_key.get(key))) for key in keys]))
    if sort == "total":
        rows.sort(key=lambda row: (row[0].total is None, (row[0].total or 0) * (1 if worst_first else -1)))
    elif sort in keys:
        place = keys.index(sort)
        rows.sort(key=lambda row: (row[1][place][1] is None, (row[1][place][1] or 0) * (1 if worst_first else -1)))
    return ItemGrid(calculation, [(key, names.get(key, key)) for key in keys], rows)


def _item_share(item: dict | None) -> int | None:
    return share(Decimal(item["points"]), Decimal(item["full"])) if item and not item["void"] else None


# The years of a county


@dataclass
class Year:
    """What one year holds: completions and the people who have one, hours credited, certificates issued, the points of what was frozen."""

    year: int
    people: int = 0
    completions: int = 0
    hours: Decimal = Decimal(0)
    certificates: int = 0
    units: int = 0
    average: Decimal | None = None
    state: str = ""
    period: Period | None = field(default=None, repr=False)


def years(units: Iterable[Unit], *, at: datetime, back: int = 5, county: Unit | None = None) -> list[Year]:
    """This year and those before it that hold anything, newest first, of what happened in these units and below. Eight queries at most."""
    units = list(units)
    this = clock.year_of(at)
    found = {year: Year(year) for year in range(this, this - back - 1, -1)}
    paths = [unit.path for unit in units]
    since = clock.start_of(date(this - back, 1, 1))
    done = _completed(units).filter(completed_at__gte=since).order_by().annotate(y=ExtractYear("completed_at")).values("y")
    done = done.annotate(n=Count("pk"), people=Count("person", distinct=True)).values_list("y", "n", "people")
    for year, n, people in kept_rows("completions", units, this, lambda: list(done)):
        if year in found:
            found[year].completions, found[year].people = n, people
    entries = LedgerEntry.objects.filter(within_paths(paths), year__in=found).order_by().values("year")
    entries = entries.annotate(hours=Sum("hours")).values_list("year", "hours")
    for year, hours in kept_rows("hours", units, this, lambda: list(entries)):
        found[year].hours = hours
    issued = (
        Certificate.objects.filter(within_paths(paths), issued_at__gte=since).order_by().annotate(y=ExtractYear("issued_at")).values("y")
    )
    for year, n in issued.annotate(n=Count("pk")).values_list("y", "n"):
        if year in found:
            found[year].certificates = n
    if county is not None:
        _with_points(found, county, units)
    return [one for one in found.values() if one.year == this or one.completions or one.hours or one.certificates or one.period]


def _with_points(found: dict[int, Year], county: Unit, units: list[Unit]) -> None:
    newest: dict[int, int] = {}
    for period in Period.objects.not_cancelled().filter(county=county, year__in=found).prefetch_related("steps"):
        found[period.year].period, found[period.year].state = period, str(Period.State(period.state).label)
        step = periods.published_step(period)
        if step is not None:
            newest[step.calculation_id] = period.year  # type: ignore[index]
    totals = UnitLine.objects.filter(within_paths([unit.path for unit in units]), calculation__in=newest, total__isnull=False)
    for calculation, n, points in (
        totals.order_by().values("calculation").annotate(n=Count("pk"), points=Sum("total")).values_list("calculation", "n", "points")
    ):
        one = found[newest[calculation]]
        one.units, one.average = n, points / n


# What leaves


def export(what: str, *, name: str, rows: list, grid: ItemGrid | None = None) -> Exporter:
    """One picture as a table: "units", "months", "items" or "years"."""
    if what == "units":
        columns = [
            Column(_("Unit code"), lambda r: r.unit.code, 16),
            Column(_("Unit"), lambda r: r.unit.name, 30),
            Column(_("Kind of unit"), lambda r: str(r.unit.get_kind_display()), 10),
            Column(_("On duty"), lambda r: r.standing.serving, 8),
            Column(_("Should learn"), lambda r: r.standing.should, 8),
            Column(_("People who have finished"), lambda r: r.standing.did, 8),
            Column(_("Tests sat"), lambda r: r.standing.sat, 8),
            Column(_("Of these passed"), lambda r: r.standing.passed, 8),
            Column(_("With an hours target"), lambda r: r.standing.targeted, 8),
            Column(_("Hours reached"), lambda r: r.standing.reached, 8),
            Column(_("Ranked of its kind"), lambda r: r.of, 8),
            Column(_("Rank among its kind"), lambda r: r.rank, 8),
        ]
    elif what == "months":
        columns = [
            Column(_("Month"), lambda r: r.number, 8),
            Column(_("Courses completed"), lambda r: r.completions, 10),
            Column(_("Hours"), lambda r: r.hours, 10),
        ]
    elif what == "years":
        columns = [
            Column(_("Year"), lambda r: r.year, 8),
            Column(_("People who completed a course"), lambda r: r.people, 10),
            Column(_("Courses completed"), lambda r: r.completions, 10),
            Column(_("Hours"), lambda r: r.hours, 10),
            Column(_("Certificates issued"), lambda r: r.certificates, 10),
            Column(_("Units with points"), lambda r: r.units, 10),
            Column(_("Points on average"), lambda r: None if r.average is None else Decimal(figure(r.average)), 10),
            Column(_("Evaluation"), lambda r: r.state, 12),
        ]
    else:
        assert grid is not None
        columns = [
            Column(_("Unit code"), lambda r: r[0].unit_code, 16),
            Column(_("Unit"), lambda r: r[0].unit_name, 30),
            *[
                Column(name, lambda r, place=place: _points(r[1][place][0]), 10)  # type: ignore[misc]
                for place, (_key, name) in enumerate(grid.items)
            ],
            Column(_("Bonus"), lambda r: r[0].bonus, 8),
            Column(_("Deduction"), lambda r: r[0].deduction, 8),
            Column(_("Points in all"), lambda r: r[0].total, 8),
            Column(_("Band"), lambda r: r[0].band, 8),
            Column(_("Rank in the county"), lambda r: r[0].rank, 8),
        ]
    return Exporter(name, columns, rows)


def _points(item: dict) -> Decimal | str | None:
    if not item:
        return None
    return _("void") if item["void"] else Decimal(item["points"])
