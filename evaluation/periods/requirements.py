"""What a year asks for: noted once, when the cut-off day is over, and settled anew only where two officers say so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db.models import QuerySet

from core import clock
from core.reconcile import Gap
from courses.models import Course
from evaluation.indicators import calculation
from evaluation.models import AskedNote, Period
from people.models import Duty, Person

LATE = timedelta(hours=1)


@dataclass(frozen=True)
class Change:
    """What settling anew would ask of the holders of a duty: courses that come and go, and those whose tests are others."""

    duty: str
    added: list[str]
    gone: list[str]
    tests: list[str]


def due(at: datetime) -> QuerySet[Period]:
    """The periods whose cut-off day is over and whose requirements nobody has noted. One query."""
    return Period.objects.filter(cutoff_on__lt=clock.today(at), steps=None, asked_note=None).select_related("county")


def note(period: Period, *, at: datetime, by: Person | None = None) -> AskedNote:
    """Note what the period asks for, once: of courses published before its end, by the rules that stand now. Again gives what was noted."""
    standing = AskedNote.objects.filter(period=period).first()
    if standing is not None:
        return standing
    asked = calculation.asked_now(period.county, clock.end_of(period.cutoff_on))
    return AskedNote.objects.get_or_create(period=period, defaults={"asked": asked, "by": by, "at": at})[0]


def note_all(*, at: datetime) -> None:
    """Note what every period that is due asks for. Safe to run twice, and beside itself."""
    for period in due(at):
        note(period, at=at)


def unnoted(at: datetime) -> list[Gap]:
    """Periods whose cut-off day is over and that noted nothing: the scheduler was not there at midnight."""
    return [Gap(f"period {period.pk}", partial(note, period, at=at)) for period in due(at)]


def noted_late(period: Period) -> AskedNote | None:
    """The note of a period, where it was written so long after the end of the cut-off day that changed rules may be in it. No query
    where it is at hand."""
    note = getattr(period, "asked_note", None)
    return note if note is not None and note.at >= clock.end_of(period.cutoff_on) + LATE else None


def changes(period: Period) -> list[Change]:
    """What would be asked otherwise if it were settled anew now, duty by duty; nothing where nothing would. Three queries beside the steps."""
    before = next((step.asked for step in reversed(period.steps_taken) if step.state == Period.State.CUT_OFF), None)
    if before is None:
        return []
    after = calculation.asked_now(period.county, clock.end_of(period.cutoff_on))
    if before == after:
        return []
    courses = Course.objects.filter(pk__in=_courses(before) | _courses(after)).select_related("current")
    titles = {course.pk: str(course) for course in courses.order_by("code")}
    other_tests = {pk for pk in titles if set(before["tests"].get(str(pk), ())) != set(after["tests"].get(str(pk), ()))}
    found = []
    for duty in Duty.values:
        old, new = set(before["courses"].get(duty, ())), set(after["courses"].get(duty, ()))
        parts = [[titles[pk] for pk in titles if pk in some] for some in (new - old, old - new, old & new & other_tests)]
        if any(parts):
            found.append(Change(str(Duty(duty).label), *parts))
    return found


def _courses(asked: Mapping) -> set[int]:
    return set().union(*asked["courses"].values())
