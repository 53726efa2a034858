"""The web doors of the pictures: all units of one's reach side by side, by month and by item; the years of a county."""

from functools import cached_property
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from core import clock
from evaluation import pictures
from evaluation.ahead import Overview
from evaluation.forms import PurposeForm, asked_year, years
from evaluation.models import Period
from evaluation.periods.permissions import runs
from evaluation.permissions import tops_of, units_in_reach
from people.models import ReadingOfOthers
from people.permissions import READS_RECORDS, require_role
from people.services import readings

FILES = ("units", "months", "items", "years")


class _Picture:
    """What one request asks for, read once: the year, the units of one's reach, how they are sorted."""

    def __init__(self, request: HttpRequest) -> None:
        require_role(request.user, *READS_RECORDS)
        self.at = clock.now()
        self.year = asked_year(request.GET, self.at)
        self.units = list(units_in_reach(request.user))
        self.tops = tops_of(self.units)
        self.sort, self.worst_first = request.GET.get("sort", ""), request.GET.get("dir") != "best"
        counties = {unit.county_path for unit in self.units}
        self.county = next((unit for unit in self.units if unit.depth == 1), None) if len(counties) == 1 else None
        self.period = None
        if len(counties) == 1:
            found = Period.objects.not_cancelled().filter(county__path=counties.pop(), year=self.year)
            self.period = found.select_related("county").prefetch_related("steps__calculation__version__indicator").first()

    @property
    def awaited(self) -> Period | None:
        """The year's period while it waits to be published: what it would come to is calculated for HR alone, when asked."""
        return self.period if self.period is not None and self.period.is_before_publicity else None

    @cached_property
    def overview(self) -> Overview:
        return Overview(self.units, year=self.year, at=self.at)

    def rows(self) -> list[pictures.Row]:
        return pictures.side_by_side(self.overview, sort=self.sort, worst_first=self.worst_first)

    def grid(self) -> pictures.ItemGrid | None:
        return pictures.item_grid(self.period, self.units, sort=self.sort, worst_first=self.worst_first)

    def months(self) -> list[pictures.Month]:
        return pictures.months(self.tops, year=self.year, at=self.at)

    def years(self) -> list[pictures.Year]:
        return pictures.years(self.tops, at=self.at, county=self.county)

    def query(self, **changes) -> str:
        asked = {"year": self.year, "sort": self.sort, "dir": "" if self.worst_first else "best"} | changes
        return urlencode({name: value for name, value in asked.items() if value})


@login_required
@never_cache
@require_safe
def county_picture(request: HttpRequest) -> HttpResponse:
    """All units of one's reach on one page: shares with small bars, the months, unit × item. Figures only, no names."""
    picture = _Picture(request)
    context = {
        "year": picture.year,
        "years": years(picture.at),
        "rows": picture.rows(),
        "made_at": picture.overview.made_at,
        "months": picture.months(),
        "grid": picture.grid(),
        "awaited": picture.awaited,
        "previews": picture.awaited is not None and runs(request.user, picture.awaited),
        "query": picture.query(),
        "sorts": {key: _sorting(picture, key) for key in (*pictures.SORTS, "total")},
    }
    if grid := context["grid"]:
        context["item_sorts"] = [(key, name, _sorting(picture, key)) for key, name in grid.items]
        context["lines"] = [(line, list(zip([name for _key, name in grid.items], cells, strict=True))) for line, cells in grid.rows]
    return render(request, "evaluation/picture.html", context)


def _sorting(picture: _Picture, key: str) -> dict:
    """The link that sorts by a column: once more on the same column turns it round."""
    on = picture.sort == key or (key == "unit" and not picture.sort)
    turned = on and picture.worst_first and key != "unit"
    return {
        "query": picture.query(sort="" if key == "unit" else key, dir="best" if turned else ""),
        "aria": "none" if not on else "ascending" if picture.worst_first else "descending",
        "mark": "" if not on else "▲" if picture.worst_first else "▼",
    }


@login_required
@never_cache
@require_safe
def years_picture(request: HttpRequest) -> HttpResponse:
    """The years side by side: completions, hours, certificates, points. Figures only, no names."""
    picture = _Picture(request)
    found = picture.years()
    most = max((one.completions for one in found), default=0)
    rows = [(one, pictures.share(one.completions, most)) for one in found]
    return render(request, "evaluation/years.html", {"rows": rows, "units": picture.tops})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def picture_file(request: HttpRequest, what: str) -> HttpResponse:
    """The table behind a picture as CSV, sorted as on the page: asks what for; POST gives it. Logged."""
    if what not in FILES:
        raise Http404
    picture = _Picture(request)
    grid = picture.grid() if what == "items" else None
    if what == "items" and grid is None:
        raise Http404
    form = PurposeForm(request.POST if request.method == "POST" else None)
    words = {"units": _("units"), "months": _("months"), "items": _("units and items"), "years": _("years")}[what]
    if not form.is_valid():
        context = {"form": form, "what": words, "year": picture.year, "is_of_years": what == "years", "query": picture.query()}
        return render(request, "evaluation/picture_file.html", context, status=422 if form.is_bound else 200)
    rows: list = grid.rows if grid else getattr(picture, "rows" if what == "units" else what)()
    name = _("Picture of %(year)s, %(what)s, %(day)s") % {
        "year": picture.year,
        "what": words,
        "day": clock.today(picture.at).isoformat(),
    }
    readings.record(
        reader=request.user,
        kind=ReadingOfOthers.Kind.EXPORT,
        what="figures of units csv",
        unit=picture.tops[0] if len(picture.tops) == 1 else None,
        rows=len(rows),
        filters={"year": picture.year, "picture": what, "purpose": form.purpose_in_words()},
        request=request,
    )
    return pictures.export(what, name=name, rows=rows, grid=grid).csv()
