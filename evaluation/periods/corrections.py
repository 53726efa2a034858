"""Whether the record that an appeal is about was put right since the lines were published.

What counts as a correction is of the person who appeals (of a unit's appeal: of the people counted there), of the kind that is named,
newer than what was published, and touches the period's year.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.db.models import Q, QuerySet

from core import clock
from courses.models import Reversal
from evaluation.indicators import calculation, reports
from evaluation.indicators.roster import Place, Reason
from evaluation.indicators.spec import read
from evaluation.models import Appeal, AppealDecision, LedgerEntry, PersonLine, RecordChange, UnitFigure
from people.models import Leave, Person, Posting
from quizzes.models import Marking

Record = AppealDecision.Record


def is_made(appeal: Appeal, record: str, *, at: datetime) -> bool:
    """Whether such a record was put right. At most eight queries, for any number of people."""
    return _Since(appeal, at).found[Record(record)]()


@dataclass(frozen=True)
class _Since:
    appeal: Appeal
    at: datetime

    @property
    def found(self) -> Mapping[str, Callable[[], bool]]:
        return {
            Record.HOURS: self._hours,
            Record.COMPLETION: self._completion,
            Record.LEAVE: self._leave,
            Record.POSTING: self._posting,
            Record.DUTY: self._duty,
            Record.FIGURE: self._figure,
        }

    @property
    def _published_at(self) -> datetime:
        return self.appeal.calculation.at

    @property
    def _ends_at(self) -> datetime:
        return clock.end_of(self.appeal.period.cutoff_on)

    @property
    def _people(self) -> QuerySet:
        """Whom it is about, as they were published; somebody who was left off the roster has no line."""
        if self.appeal.person_id:
            return Person.objects.filter(pk=self.appeal.person_id).values("pk")
        return PersonLine.objects.filter(calculation=self.appeal.calculation_id, organ=self.appeal.unit_id).values("person")

    def _hours(self) -> bool:
        """Hours entered or corrected for what was learned in the period; those of a completion that came or went are another record."""
        entries = LedgerEntry.objects.filter(person__in=self._people, year=self.appeal.period.year, at__gte=self._published_at)
        later = Q(completion__completed_at__gte=self._ends_at) | Q(claim__ends_on__gt=self.appeal.period.cutoff_on)
        taken_back = Reversal.objects.filter(at__gte=self._published_at).values("completion")
        return entries.exclude(later).exclude(completion__in=taken_back).exists()

    def _completion(self) -> bool:
        """A completion that was recorded or reversed, or a test that was marked again: of the year, or of a course that the year asks for."""
        asked = set().union(*calculation.asked_of(self.appeal.period)["courses"].values())
        begins_at = clock.start_of(self.appeal.period.opens_on)
        changed = RecordChange.objects.filter(
            Q(completion__completed_at__gte=begins_at) | Q(completion__course__in=asked),
            kind__in=[RecordChange.Kind.COMPLETED, RecordChange.Kind.REVERSED],
            completion__person__in=self._people,
            completion__completed_at__lt=self._ends_at,
            at__gte=self._published_at,
        )
        marked = Marking.objects.filter(
            Q(submission__at__gte=begins_at) | Q(submission__attempt__enrolment__course__in=asked),
            submission__attempt__person__in=self._people,
            submission__at__lt=self._ends_at,
            at__gte=self._published_at,
        )
        return changed.exists() or marked.exists()

    def _leave(self) -> bool:
        period = self.appeal.period
        leaves = Leave.objects.filter(person__in=self._people, at__gte=self._published_at)
        return leaves.touching(period.opens_on, period.cutoff_on).exists()

    def _posting(self) -> bool:
        """A roster that places them otherwise than they were published: postings carry no time of writing, the lines tell."""
        lines, places = self._lines_and_places
        return any(_is_placed_otherwise(lines.get(person), places.get(person)) for person in lines.keys() | places.keys())

    def _duty(self) -> bool:
        lines, places = self._lines_and_places
        return any(person in places and lines[person].duties != list(places[person][1]) for person in lines)

    def _figure(self) -> bool:
        if self.appeal.person_id:
            return False
        names = reports.appealed(read(self.appeal.calculation.version.spec), self.appeal.item_key)
        figures = UnitFigure.objects.filter(period=self.appeal.period_id, unit=self.appeal.unit_id, name__in=names)
        return figures.filter(confirmation__at__gte=self._published_at).exists()

    @cached_property
    def _lines_and_places(self) -> tuple[dict[int, PersonLine], dict[int, tuple[Place, tuple[str, ...]]]]:
        if self.appeal.person_id:
            people = {self.appeal.person_id}
        else:
            now_there = Posting.objects.filter(unit__path__startswith=self.appeal.unit.path).values_list("person", flat=True)
            people = {*self._people.values_list("person", flat=True), *now_there}
        lines = PersonLine.objects.filter(calculation=self.appeal.calculation_id, person__in=people)
        return {line.person_id: line for line in lines}, calculation.places_of(period=self.appeal.period, people=people, at=self.at)


def _is_placed_otherwise(line: PersonLine | None, placed: tuple[Place, tuple[str, ...]] | None) -> bool:
    if line is None or placed is None:
        return line is not placed
    place = placed[0]
    if (line.unit_id, line.post_title) != (place.stay.unit, place.stay.title):
        return True
    return line.reason != place.reason and Reason.LEAVE not in (line.reason, place.reason)
