"""What the doors of one record share: their address, their trace, and one refusal for what is not there and what is out of reach."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Path

from core import clock
from evaluation import changes
from evaluation.api.lists import answered, door, settled
from people.api import PLAIN, Problem, refuse_strange_parameters
from people.models import ApiToken, Person, ReadingOfOthers
from people.services import readings

Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="`id` of the row.")]
Year = Annotated[int, Path(ge=1901, le=8999)]
Key = Annotated[str, Path(min_length=1, max_length=60, pattern=PLAIN, description="The key of the row.")]


door_of_one = partial(door, act="get")


def one(request: HttpRequest, rows: QuerySet, *, make: Callable[[list], list[dict]], what: str, named: dict[str, object]):
    """The one row that is left, as its list shows it, or 304. `named`: by which key it was asked for, as the trace says it.

    Raises:
        Problem: no such row, or none within the token's reach: nobody learns which.
    """
    refuse_strange_parameters(request, ())
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    found = list(rows[:1])
    about = found[0] if found and isinstance(found[0], Person) else getattr(found[0], "person", None) if found else None
    readings.record(
        reader=token.owner,
        kind=ReadingOfOthers.Kind.API,
        what=what,
        subject=about,
        rows=len(found),
        request=request,
        at=clock.now(),
        filters={**named, "token": token.prefix},
    )
    if not found:
        raise Problem(404, _("There is no such row, or it is out of this token's reach."), code="not_found")
    return answered(request, make(found)[0])


def one_of_changes(request: HttpRequest, rows: QuerySet, **more):
    """`one` of a list that is read on by changes: the row bears the number of its newest change."""
    return one(request, changes.read_on(rows, after=0, upto=settled()), **more)
