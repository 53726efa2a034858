"""What was begun and not completed, without holding all that was ever begun against all that was ever completed.

What is completed stays completed: a completion is never taken back, only answered by a reversal. So of the enrolments up to
a number only those can be open that were open when somebody looked last, and the newer ones. The scheduler looks every
few minutes. Whatever is remembered, however old, only narrows where one has to look; what is open is asked each time.
"""

from array import array
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from courses.models import Completion, Enrolment
from people.models import Unit
from people.permissions import READS_RECORDS, paths_of

KEY, KEPT = "evaluation.begun:2", 24 * 3600  # seconds
LONG = timedelta(hours=1)  # no transaction lasts so long: a row that is committed later than this has a newer number
MANY = 5000  # of a county; more are neither read nor named to the database, which meets them soon enough by itself


def open_ones(rows: QuerySet[Enrolment]) -> QuerySet[Enrolment]:
    """Those of some enrolments that no completion belongs to."""
    return rows.filter(~Exists(Completion.objects.filter(enrolment=OuterRef("pk"))))


def where_open_ones_are(user) -> Q:
    """Lets every open enrolment pass whose record the user may read, and few others; all, where nobody has looked yet. One query."""
    _seen, mark, ids = cache.get(KEY) or ((), None, {})
    counties = {path[: Unit.steplen] for path in paths_of(user, READS_RECORDS)}
    if user.is_superuser or mark is None or _mark(mark[0]) != mark or any(ids.get(county, ()) is None for county in counties):
        return Q()
    named = [pk for county in sorted(counties) for pk in ids.get(county, ())]
    return Q(pk__in=named) | Q(pk__gt=mark[0]) | Q(person=user.pk)


def look(*, at: datetime) -> None:
    """Remember which enrolments are open, of those whose numbers were given out an hour ago. Safe to run at any time and twice."""
    seen, mark, ids = cache.get(KEY) or ((), None, {})
    if mark is not None and _mark(mark[0]) != mark:  # another database stands behind this cache
        seen, mark = (), None
    newest = Enrolment.objects.aggregate(pk=Max("pk"))["pk"]
    if newest is None:
        return
    seen = [(then, pk) for then, pk in seen if at - timedelta(seconds=KEPT) < then <= at and pk <= newest] + [(at, newest)]
    upto = max((pk for then, pk in seen if then <= at - LONG), default=None)
    if upto is not None and (found := _mark(upto)) is not None:
        ids, mark = _of_counties(upto, mark, ids), found
    cache.set(KEY, (seen, mark, ids), KEPT)


def forget() -> None:
    """Narrow nothing until somebody has looked at the whole again: a unit may have come from another county."""
    seen, _mark, _ids = cache.get(KEY) or ((), None, {})
    cache.set(KEY, (seen, None, {}), KEPT)


def _of_counties(upto: int, mark: tuple | None, known: dict[str, array | None]) -> dict[str, array | None]:
    """The open enrolments up to a number by the county in which they were begun; None, where it has very many.

    Looks only among those that were open at the last look, and the newer ones; at all, where there was none or it found
    very many. One query for the counties, and one for each.
    """
    found: dict[str, array | None] = {}
    for county in Unit.objects.counties().values_list("path", flat=True):
        rows, before = Enrolment.objects.filter(unit__path__startswith=county, pk__lte=upto), known.get(county, ())
        if mark is not None and before is not None:
            rows = rows.filter(Q(pk__in=list(before)) | Q(pk__gt=mark[0]))
        ids = open_ones(rows).values_list("pk", flat=True)[: MANY + 1]
        found[county] = array("q", sorted(ids)) if len(ids) <= MANY else None
    return found


def _mark(pk: int) -> tuple | None:
    """What tells one enrolment from one that bears its number in another database, such as one that was restored."""
    return Enrolment.objects.filter(pk=pk).values_list("pk", "person_id", "course_id", "enrolled_at").first()
