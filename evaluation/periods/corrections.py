"""Whether the record that an appeal is about was put right since the lines were published.

What counts as a correction is of the person who appeals (of a unit's appeal: of the people counted there), of the kind that is named,
newer than what was published, and touches the period's year. What was changed back since is none: the record is as it was published.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum

from core import clock
from courses.models import Reversal
from evaluation import rules
from evaluation.indicators import calculation, reports
from evaluation.indicators.calculation import Held
from evaluation.indicators.roster import Place, Reason
from evaluation.indicators.spec import read
from evaluation.models import Appeal, AppealDecision, Calculation, LedgerEntry, Period, PersonLine, RecordChange, UnitFigure, UnitLine
from evaluation.models.ledger import learned_after
from people.models import Leave, Person, Posting, Unit
from quizzes.models import Marking

Record = AppealDecision.Record


def is_made(appeal: Appeal, record: str, *, at: datetime) -> bool:
    """Whether such a record was put right. At most eight queries, for any number of people."""
    return not unmade([(appeal, record)], at=at)


def unmade(named: Iterable[tuple[Appeal, str]], *, at: datetime) -> list[Appeal]:
    """Of appeals, each with the record that is named, those whose record is as it was published, in their order.

    At most eight queries for each kind of record and publication, and for each appeal of a unit; none more for more people.
    """
    named = list(named)
    of_people: dict[tuple[Calculation, str], set[int]] = defaultdict(set)
    for appeal, record in named:
        if appeal.person_id:
            of_people[appeal.calculation, record].add(appeal.person_id)
    made = {key: _Since(key[0].period, key[0], at, people).found[Record(key[1])]() for key, people in of_people.items()}
    found = []
    for appeal, record in named:
        if appeal.person_id:
            is_right = appeal.person_id in made[appeal.calculation, record]
        else:
            there = Q(organ=appeal.unit_id) | Q(held_in__has_key=str(appeal.unit_id))
            people = PersonLine.objects.filter(there, calculation=appeal.calculation_id).values("person")
            since = _Since(appeal.period, appeal.calculation, at, people, appeal.unit)
            is_right = since.is_reported_otherwise(appeal.item_key) if record == Record.FIGURE else bool(since.found[Record(record)]())
        if not is_right:
            found.append(appeal)
    return found


@dataclass(frozen=True)
class _Since:
    """What is otherwise than a calculation published it, of some people, or of a unit's: whose record of each kind is."""

    period: Period
    published: Calculation
    at: datetime
    people: Collection[int] | QuerySet
    """Whom it is about, as they were published; somebody who was left off the roster has no line."""
    unit: Unit | None = None

    @property
    def found(self) -> Mapping[str, Callable[[], set[int]]]:
        return {
            Record.HOURS: self._hours,
            Record.COMPLETION: self._completion,
            Record.LEAVE: self._leave,
            Record.POSTING: self._posting,
            Record.DUTY: self._duty,
            Record.NAME: self._name,
            Record.FIGURE: set,
        }

    @property
    def _ends_at(self) -> datetime:
        return clock.end_of(self.period.cutoff_on)

    def _hours(self) -> set[int]:
        """Hours entered or corrected for what was learned in the period; those of a completion that came or went are another record."""
        entries = LedgerEntry.objects.filter(person__in=self.people, year=self.period.year, at__gte=self.published.at)
        entries = entries.exclude(learned_after(self.period.cutoff_on))
        taken_back = Reversal.objects.filter(at__gte=self.published.at).values("completion")
        of_people = (
            entries.exclude(completion__in=taken_back)
            .exclude(answers__completion__in=taken_back)
            .order_by()
            .values_list("person")
            .annotate(Sum("hours"))
        )
        return {person for person, hours in of_people if rules.hours(hours)}

    def _completion(self) -> set[int]:
        """A completion that was recorded or reversed, or a test whose marks changed: of the year, or of a course that the year asks for."""
        asked = set().union(*calculation.asked_of(self.period)["courses"].values())
        begins_at = clock.start_of(self.period.opens_on)
        changes = RecordChange.objects.filter(at__gte=self.published.at)
        of_same = changes.filter(completion=OuterRef("completion"))
        came, went = (Exists(of_same.filter(kind=kind)) for kind in (RecordChange.Kind.COMPLETED, RecordChange.Kind.REVERSED))
        changed = changes.filter(
            Q(completion__completed_at__gte=begins_at) | Q(completion__course__in=asked),
            came & ~went | went & ~came,
            kind__in=[RecordChange.Kind.COMPLETED, RecordChange.Kind.REVERSED],
            completion__person__in=self.people,
            completion__completed_at__lt=self._ends_at,
        )
        before = Marking.objects.filter(submission=OuterRef("submission"), at__lt=self.published.at).order_by("-at", "-pk")
        marked = (
            Marking.objects.current()
            .filter(
                Q(submission__at__gte=begins_at) | Q(submission__attempt__enrolment__course__in=asked),
                submission__attempt__person__in=self.people,
                submission__at__lt=self._ends_at,
                at__gte=self.published.at,
            )
            .values_list(
                "submission__attempt__person",
                "score",
                "passed",
                Subquery(before.values("score")[:1]),
                Subquery(before.values("passed")[:1]),
            )
        )
        of_tests = {person for person, score, passed, *was in marked if [score, passed] != was}
        return of_tests | set(changed.values_list("completion__person", flat=True))

    def _leave(self) -> set[int]:
        of_year = Leave.objects.filter(person__in=self.people).touching(self.period.opens_on, self.period.cutoff_on)
        columns = ("person", "kind", "starts_on", "ends_on")
        stood, stands = (set(some.order_by().values_list(*columns)) for some in (of_year.known_at(self.published.at), of_year.standing()))
        return {person for person, *_rest in stood ^ stands}

    def _posting(self) -> set[int]:
        """A roster that places them otherwise than they were published: postings carry no time of writing, the lines tell."""
        lines, places = self._lines_and_places
        return {person for person in lines.keys() | places.keys() if _is_placed_otherwise(lines.get(person), places.get(person))}

    def _duty(self) -> set[int]:
        lines, places = self._lines_and_places
        told = {person: (line.duties, line.held_in) for person, line in lines.items() if person in places}
        return {person for person, duties in told.items() if duties != (list(places[person][1].all), places[person][1].told)}

    def _name(self) -> set[int]:
        lines = PersonLine.objects.filter(calculation=self.published, person__in=self.people)
        return set(lines.exclude(person_name=F("person__name")).values_list("person", flat=True))

    def is_reported_otherwise(self, item_key: str) -> bool:
        """Whether a reported figure of the unit that an item is about counts with another value than it was published with."""
        names = reports.appealed(read(self.published.version.spec), item_key)
        line = UnitLine.objects.filter(calculation=self.published, unit=self.unit).first()
        was = line.figures if line is not None else {}
        confirmed = UnitFigure.objects.confirmed().filter(period=self.period, unit=self.unit, name__in=names)
        counts = dict(confirmed.order_by("pk").values_list("name", "value"))  # the newest of each
        return any(value != Decimal(was.get(name, 0)) for name, value in counts.items())

    @cached_property
    def _lines_and_places(self) -> tuple[dict[int, PersonLine], dict[int, tuple[Place, Held]]]:
        people = self.people
        if self.unit is not None:
            now_there = Posting.objects.filter(unit__path__startswith=self.unit.path).values_list("person", flat=True)
            people = {*Person.objects.filter(pk__in=self.people).values_list("pk", flat=True), *now_there}
        lines = PersonLine.objects.filter(calculation=self.published, person__in=people)
        return {line.person_id: line for line in lines}, calculation.places_of(period=self.period, people=people, at=self.at)


def _is_placed_otherwise(line: PersonLine | None, placed: tuple[Place, Held] | None) -> bool:
    if line is None or placed is None:
        return line is not placed
    place = placed[0]
    if (line.unit_id, line.post_title) != (place.stay.unit, place.stay.title):
        return True
    return line.reason != place.reason and Reason.LEAVE not in (line.reason, place.reason)
