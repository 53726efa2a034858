"""What was handed over, for a receiver that pulls it: the hand-overs of the county, and the rows of one, to be answered by key."""

from datetime import datetime
from typing import Any

from django.core.cache import caches
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema

from evaluation.api.items import Key
from evaluation.api.lists import ListOut, PageIn, by_key, by_place, door, known
from evaluation.models import HandOver
from evaluation.periods import lines
from people.api import Problem
from people.models import ApiToken

router = Router()
KEPT = 600  # seconds


class HandOverOut(Schema):
    """The rows of one calculation, given to one receiver."""

    name: str = Field(description="The key: county, year, number. An answer names it as `hand_over`.")
    year: int = Field(description="The period.")
    calculation: int = Field(description="Number of the calculation whose rows were given.")
    purpose: str = Field(description="freeze: every row; supplement: those that differ from what was given before.")
    receiver: str
    package: str = Field(description="SHA-256 of the package. An answer names it as `package`.")
    rows: int = Field(description="How many rows wait to be answered, or were.")
    at: datetime
    taken_back_at: datetime | None = Field(description="From when on no answer to it is taken; null while answers are.")


class HandOversOut(ListOut):
    items: list[HandOverOut]


class HandedRowOut(Schema):
    """One row that was given."""

    key: str = Field(description="U:<unit code> or P:<employee number>; an answer names the row by it.")
    name: str | None = Field(description="Unit or person; null with the columns.")
    columns: dict[str, Any] | None = Field(
        description="The row, named as in `differences.csv`: a unit's figures and items as `figures:…` and `items:…`; "
        "null where a supplementary list says that the row that was given before is gone."
    )


class HandedRowsOut(ListOut):
    items: list[HandedRowOut]


@door(router, "/hand-overs", scope=ApiToken.Scope.RESULTS, out=HandOversOut, name="hand_overs", summary="What was handed over")
def hand_overs(request: HttpRequest, wanted: Query[PageIn]):
    """The hand-overs of the county, with a token over the whole of it; a token over less sees none."""
    token = known(request, PageIn)
    return by_key(request, _of(token), wanted, door="hand_overs", make=_sent, what="hand-overs")


@door(
    router,
    "/hand-overs/{name}/rows",
    scope=ApiToken.Scope.RESULTS,
    out=HandedRowsOut,
    name="handed_rows",
    summary="The rows of a hand-over",
)
def handed_rows(request: HttpRequest, name: Key, wanted: Query[PageIn]):
    """Every row that was given, units first, each group in the order of its codes. They never change: each comes once."""
    token = known(request, PageIn)
    found = named(token, name)
    keys = caches["local"].get_or_set(  # what was given never changes
        f"evaluation.handed:{found.package_sha256}", lambda: lines.in_order(lines.keys_of(found.calculation)), KEPT
    )

    def make(page: list[str]) -> list[dict]:
        held = lines.of_keys(found.calculation, page, places=lines.tells_places(found.calculation))
        return [{"key": key, "name": held[key].name, "columns": held[key].columns} if key in held else _gone(key) for key in page]

    return by_place(
        request, keys, wanted, door=f"hand_overs.{found.name}", make=make, what="rows of a hand-over", named={"hand_over": found.name}
    )


def named(token: ApiToken, name: str) -> HandOver:
    """The hand-over that a call names, with a token over the whole county.

    Raises:
        Problem: there is none, or the token does not reach it: nobody learns which.
    """
    county, *numbers = name.rsplit("-", 2)
    found = None
    if len(numbers) == 2 and all(part.isascii() and part.isdecimal() and len(part) < 5 for part in numbers):
        year, number = numbers
        found = _of(token).filter(period__county__code=county, period__year=int(year), number=int(number)).first()
    if found is None:
        raise Problem(404, _("There is no hand-over “%(name)s” in this token's reach.") % {"name": name[:60]}, code="hand_over")
    return found


def _of(token: ApiToken) -> QuerySet:
    found = HandOver.objects.filter(period__county__path=token.unit.path)
    return found.select_related("period__county", "receiver", "calculation", "taken_back")


def _sent(page: list[HandOver]) -> list[dict]:
    return [
        {
            "name": one.name,
            "year": one.period.year,
            "calculation": one.calculation.number,
            "purpose": one.calculation.purpose,
            "receiver": one.receiver.name,
            "package": one.package_sha256,
            "rows": one.rows,
            "at": timezone.localtime(one.at),
            "taken_back_at": timezone.localtime(one.taken_back.at) if hasattr(one, "taken_back") else None,
        }
        for one in page
    ]


def _gone(key: str) -> dict:
    return {"key": key, "name": None, "columns": None}
