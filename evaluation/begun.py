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

KEY, KEPT = "evaluation.begun:1", 24 * 3600  # seconds
LONG = timedelta(hours=1)  # no transaction lasts so long: a row that is committed later than this has a newer number
MANY = 20_000  # more are not named to the database


def open_ones(rows: QuerySet[Enrolment]) -> QuerySet[Enrolment]:
    """Those of some enrolments that no completion belongs to."""
    return rows.filter(~Exists(Completion.objects.filter(enrolment=OuterRef("pk"))))


def where_open_ones_are() -> Q:
    """Lets every open enrolment pass, and few others; all, where nobody has looked yet. One query."""
    _seen, mark, ids = cache.get(KEY) or ((), None, ())
    if mark is None or _mark(mark[0]) != mark:
        return Q()
    return Q(pk__in=list(ids)) | Q(pk__gt=mark[0])


def look(*, at: datetime) -> None:
    """Remember which enrolments are open, of those whose numbers were given out an hour ago. Safe to run at any time and twice."""
    seen, mark, ids = cache.get(KEY) or ((), None, ())
    if mark is not None and _mark(mark[0]) != mark:  # another database stands behind this cache
        seen, mark = (), None
    newest = Enrolment.objects.aggregate(pk=Max("pk"))["pk"]
    if newest is None:
        return
    seen = [(then, pk) for then, pk in seen if at - timedelta(seconds=KEPT) < then <= at and pk <= newest] + [(at, newest)]
    upto = max((pk for then, pk in seen if then <= at - LONG), default=None)
    if upto is not None and (found := _mark(upto)) is not None:
        known = Q(pk__in=list(ids)) | Q(pk__gt=mark[0]) if mark else Q()
        ids, mark = (
            array("q", open_ones(Enrolment.objects.filter(known, pk__lte=upto)).order_by("pk").values_list("pk", flat=True)[: MANY + 1]),
            found,
        )
        if len(ids) > MANY:
            mark = None
    cache.set(KEY, (seen, mark, ids), KEPT)


def _mark(pk: int) -> tuple | None:
    """What tells one enrolment from one that bears its number in another database, such as one that was restored."""
    return Enrolment.objects.filter(pk=pk).values_list("pk", "person_id", "course_id", "enrolled_at").first()
