"""The lines of a period: whom it counts, what stands for them, and what each unit comes to.

Set-based: the number of queries depends neither on people nor on units. A required course is one that a duty of the
person's day asks for, open and published before the cut-off: by the rules that stood when the cut-off day was over, and by
today's before that (as in `evaluation.standing`), so that what a county closes or asks for in January is no part of the year
before. It is done when a completion from before the end of the cut-off day stands, also one of an earlier year. Hours are those of the
ledger's year for what was learned up to the cut-off: hours approved or corrected later count, hours learned later do not.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby

from django.db.models import Exists, Max, OuterRef, Q, QuerySet, Subquery, Sum

from core import clock
from core.snapshots import one_snapshot
from courses.models import Completion, DutyRule, Edition, EditionRequirement, Need
from evaluation import rules, services
from evaluation.indicators import figures, roster, scoring
from evaluation.indicators.spec import Spec, read
from evaluation.models import (
    AskedNote,
    Calculation,
    IndicatorVersion,
    LedgerEntry,
    Period,
    PeriodStep,
    PersonLine,
    PointCorrection,
    UnitFigure,
    UnitLine,
)
from evaluation.models.ledger import learned_after
from evaluation.periods.lines import OF_PEOPLE, OF_UNITS
from people.models import DutyAssignment, Leave, Person, Posting, Unit
from people.models.posting import is_lasting
from people.models.unit import successors
from quizzes.models import Attempt
from quizzes.services import lost_passes

WRITTEN_AT_ONCE = 5000


@dataclass(frozen=True)
class Outcome:
    """Lines as they would be written now; none of them is saved."""

    people: list[PersonLine]
    units: list[UnitLine]


@dataclass(frozen=True)
class Frame:
    """What a calculation reads by: county, year, days, the version's rules, and the moment from which it is seen."""

    county: Unit
    year: int
    terms: roster.Terms
    at: datetime
    only: frozenset[int] | None = None
    """Whom alone it looks at; None: everybody."""

    @property
    def ends_at(self) -> datetime:
        """24:00 of the cut-off day."""
        return clock.end_of(self.terms.cutoff_on)


def frame_of(period: Period, spec: Spec, at: datetime) -> Frame:
    terms = roster.Terms(period.opens_on, period.cutoff_on, clock.today(at), spec.rules.months_joined, spec.rules.months_away)
    return Frame(period.county, period.year, terms, at)


def calculate(*, period: Period, at: datetime) -> Outcome:
    """Every line of a period by its version; nothing is written. Thirteen queries for any number of people."""
    return calculate_by(period=period, versions=[period.version], at=at)[0]


def calculate_by(*, period: Period, versions: Sequence[IndicatorVersion], at: datetime) -> list[Outcome]:
    """Every line of a period by each of some versions, from what is read once; nothing is written. A query more for each other rule of the roster.

    The period may be unsaved (what would this year come to?): then nothing reported and no correction counts.
    """
    specs = [read(version.spec) for version in versions]
    frames = [frame_of(period, spec, at) for spec in specs]
    facts = _facts(frames[0], asked_of(period))
    people = {terms: _people_lines(frame, facts) for terms, frame in {frame.terms: frame for frame in frames}.items()}
    reported, corrections = _reported(period), _corrections(period)
    return [
        Outcome(people[frame.terms], _unit_lines(frame, spec, people[frame.terms], facts, reported, corrections))
        for frame, spec in zip(frames, specs, strict=True)
    ]


def record(*, period: Period, purpose: str, by: Person | None, at: datetime, outcome: Outcome | None = None) -> Calculation:
    """Calculate a period by its version and write the lines, in one snapshot of the database; or those that were calculated in it before.

    The caller decides whether it may be, and holds the lock of the period's row: two at once would take one number. Called
    inside a transaction, that one has to be `core.snapshots.one_snapshot` for the promise to hold.
    """
    with one_snapshot():
        outcome = outcome or calculate(period=period, at=at)
        last = Calculation.objects.filter(period=period).aggregate(last=Max("number"))["last"] or 0
        made = Calculation.objects.create(
            period=period,
            number=last + 1,
            purpose=purpose,
            version=period.version,
            digest=_digest(outcome.people, outcome.units),
            by=by,
            at=at,
        )
        for lines in (outcome.people, outcome.units):
            for line in lines:
                line.calculation = made
            for start in range(0, len(lines), WRITTEN_AT_ONCE):
                type(lines[0]).objects.append(lines[start : start + WRITTEN_AT_ONCE])
    return made


def digest_of(calculation: Calculation) -> str:
    """The SHA-256 of a calculation's lines as they stand: it equals `calculation.digest` unless somebody changed them. Two queries."""
    return _digest(PersonLine.objects.filter(calculation=calculation), UnitLine.objects.filter(calculation=calculation))


def _digest(people: Iterable[PersonLine], units: Iterable[UnitLine]) -> str:
    """One JSON array a line (key, then the columns of `evaluation.periods.lines`), sorted by their bytes, each ended by a newline."""
    rows = [_canonical(f"P:{line.employee_number}", line, OF_PEOPLE) for line in people]
    rows += [_canonical(f"U:{line.unit_code}", line, OF_UNITS) for line in units]
    digest = hashlib.sha256()
    for row in sorted(rows):
        digest.update(row + b"\n")
    return digest.hexdigest()


def _canonical(key: str, line: PersonLine | UnitLine, columns: Iterable[str]) -> bytes:
    values = [f"{value:.2f}" if isinstance(value := getattr(line, name), Decimal) else value for name in columns]
    if held_in := getattr(line, "held_in", None):  # only where there is some: what was calculated before there was any keeps its digest
        values.append(held_in)
    return json.dumps([key, *values], ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


# People


def asked_now(county: Unit, ends_at: datetime) -> dict:
    """What the county asks for now, as `PeriodStep.asked` keeps it: the courses of each duty, and the tests of each course. Two queries.

    {"courses": {duty: [course id]}, "tests": {course id as a string: [quiz key]}}, of courses published before `ends_at`, with the
    tests of the edition that was the newest then.
    """
    published = Edition.objects.filter(published_at__lt=ends_at).values("course")
    binding = DutyRule.objects.binding(county.path).filter(
        need=Need.REQUIRED, course__is_open=True, course__current__isnull=False, course__in=published
    )
    courses, tests = defaultdict(list), defaultdict(list)
    for duty, course in binding.order_by("duty", "course").values_list("duty", "course_id"):
        courses[duty].append(course)
    editions = Edition.objects.filter(course__in=set().union(*courses.values()), published_at__lt=ends_at)
    later = Edition.objects.filter(course=OuterRef("course"), published_at__lt=ends_at, number__gt=OuterRef("number"))
    wanted = EditionRequirement.objects.filter(kind=EditionRequirement.Kind.QUIZ, edition__in=editions.filter(~Exists(later)).values("pk"))
    for course, quiz in wanted.order_by("edition__course", "position").values_list("edition__course_id", "key"):
        tests[str(course)].append(quiz)
    return {"courses": dict(courses), "tests": dict(tests)}


def noted(period: int, *, until: datetime | None = None) -> dict | None:
    """What a period noted that it asks for when it was cut off, the last time that it was, until an instant if one is given. One query."""
    steps = PeriodStep.objects.filter(period=period, state=Period.State.CUT_OFF)
    if until is not None:
        steps = steps.filter(at__lte=until)
    return steps.order_by("number").values_list("asked", flat=True).last()


def asked_of(period: Period) -> dict:
    """What a period asks for: what counted when it was cut off, last if more than once; before that what was noted when its last day was
    over, and before that what is asked now. Three queries at most."""
    cut_off = PeriodStep.objects.filter(period=OuterRef("pk"), state=Period.State.CUT_OFF).order_by("-number").values("asked")[:1]
    note = AskedNote.objects.filter(period=OuterRef("pk")).values("asked")
    kept = Period.objects.filter(pk=period.pk).values_list(Subquery(cut_off), Subquery(note)).first() or ()
    return next((asked for asked in kept if asked), None) or asked_now(period.county, clock.end_of(period.cutoff_on))


@dataclass(frozen=True)
class Held:
    """The duties that somebody held in the county on the day that they are counted by, by organ; `own` is the one that counts the person."""

    own: int
    by_organ: Mapping[int, frozenset[str]]

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(sorted(frozenset().union(*self.by_organ.values())))

    @property
    def told(self) -> dict[str, list[str]]:
        """As `PersonLine.held_in` keeps them."""
        if not self.by_organ.keys() - {self.own}:
            return {}
        return {str(organ): sorted(duties) for organ, duties in sorted(self.by_organ.items())}


def places_of(*, period: Period, people: Collection[int], at: datetime) -> dict[int, tuple[roster.Place, Held]]:
    """Where some people are counted by what is known now, each with the duties that they are counted by. Four queries.

    Who served nowhere in the county in the period is not in it.
    """
    frame = replace(frame_of(period, read(period.version.spec), at), only=frozenset(people))
    units = {unit.pk: unit for unit in Unit.objects.filter(path__startswith=frame.county.path)}
    homes = successors(units, before=frame.terms.cutoff_on)
    stays, _names = _stays(frame, homes)
    leaves = _leaves(frame)
    places = {person: roster.place(stays[person], leaves.get(person, ()), frame.terms) for person in stays}
    held = _duties(frame, places, homes)
    return {person: (place, held[person]) for person, place in places.items()}


@dataclass(frozen=True)
class _Facts:
    """What a calculation reads of a county and its people, whatever the version's rules are. `young`: see `_young`.

    `homes`: the unit as which each counts, another one where it was merged before the cut-off (`people.models.unit.successors`).
    """

    units: Mapping[int, Unit]
    homes: Mapping[int, Unit]
    stays: Mapping[int, list[roster.Stay]]
    names: Mapping[int, tuple[str, str]]
    leaves: Mapping[int, list[tuple[date, date | None]]]
    young: Set[int]
    asked: "_Asked"
    done: Mapping[int, set[int]]
    passed: Mapping[int, set[str]]
    hours: Mapping[int, Decimal]


def _facts(frame: Frame, asked_for: Mapping) -> _Facts:
    first = Posting.objects.filter(unit=OuterRef("pk")).order_by("starts_on").values("starts_on")[:1]
    inside = Unit.objects.filter(path__startswith=frame.county.path).annotate(served_since=Subquery(first))
    units = {unit.pk: unit for unit in inside}
    homes = successors(units, before=frame.terms.cutoff_on)
    stays, names = _stays(frame, homes)
    asked = _Asked(frame, asked_for)
    return _Facts(
        units,
        homes,
        stays,
        names,
        _leaves(frame),
        _young(units, frame.terms.cutoff_on),
        asked,
        _done(frame, asked),
        _passed(frame, asked),
        _hours(frame),
    )


def _people_lines(frame: Frame, facts: _Facts) -> list[PersonLine]:
    """A line for everybody who served in the county in the period, by employee number. One query."""
    units, asked = facts.units, facts.asked
    places = {person: roster.place(stays, facts.leaves.get(person, ()), frame.terms) for person, stays in facts.stays.items()}
    held = _duties(frame, places, facts.homes)
    organs = {unit.path: unit for unit in units.values()}
    labels = {pk: _label(unit, organs) for pk, unit in units.items()}
    lines = []
    for person, place in places.items():
        unit = units[place.stay.unit]
        duties = held[person]
        courses, tests, target = asked.of(duties.all)
        finished = courses & facts.done.get(person, set())
        number, name = facts.names[person]
        lines.append(
            PersonLine(
                person_id=person,
                employee_number=number,
                person_name=name,
                unit_id=unit.pk,
                organ_id=duties.own,
                unit_code=unit.code,
                unit_name=labels[unit.pk],
                post_title=place.stay.title,
                duties=list(duties.all),
                held_in=duties.told,
                counted=place.counted,
                reason=str(place.reason),
                required=len(courses),
                done=len(finished),
                tests=len(tests),
                passed=sum(course in finished or quiz in facts.passed.get(person, ()) for course, quiz in tests),
                hours=rules.hours(facts.hours.get(person)),
                target=target,
            )
        )
    return sorted(lines, key=lambda line: line.employee_number)


def _label(unit: Unit, organs: Mapping[str, Unit]) -> str:
    """A section with its organ's name before it, as records copy it (`people.models.snapshot`)."""
    return f"{organs[unit.organ_path].name} {unit.name}" if unit.kind == Unit.Kind.SECTION else unit.name


def main_postings(county: Unit, opens_on: date, cutoff_on: date) -> QuerySet:
    """The main postings in a county that touch a period: who has one has a line."""
    return Posting.objects.filter(_between(opens_on, cutoff_on), is_main=True, unit__path__startswith=county.path)


def _between(opens_on: date, cutoff_on: date) -> Q:
    return Q(starts_on__lte=cutoff_on) & (Q(ends_on=None) | Q(ends_on__gte=opens_on))


def _touching(frame: Frame) -> Q:
    """Condition on what has a first and a last day: it touches the period."""
    return _between(frame.terms.opens_on, frame.terms.cutoff_on)


def _postings(frame: Frame) -> QuerySet:
    found = main_postings(frame.county, frame.terms.opens_on, frame.terms.cutoff_on)
    return found if frame.only is None else found.filter(person__in=frame.only)


def _stays(frame: Frame, homes: Mapping[int, Unit]) -> tuple[dict[int, list[roster.Stay]], dict[int, tuple[str, str]]]:
    """Each person's main postings in order, and number and name. One query."""
    rows = (
        _postings(frame)
        .order_by("person_id", "starts_on", "pk")
        .values_list("person_id", "person__employee_number", "person__name", "unit_id", "title", "starts_on", "ends_on")
    )
    stays, names = {}, {}
    for person, group in groupby(rows.iterator(chunk_size=10_000), key=lambda row: row[0]):
        of_person = list(group)
        names[person] = of_person[0][1:3]
        stays[person] = [
            roster.Stay(homes[unit].pk, homes[unit].organ_path, title, since, until, merged=homes[unit].pk != unit)
            for *_who, unit, title, since, until in of_person
        ]
    return stays, names


def _leaves(frame: Frame) -> dict[int, list[tuple[date, date | None]]]:
    """Each person's leaves that stand and touch the period. One query."""
    found = defaultdict(list)
    standing = Leave.objects.standing().filter(_touching(frame), person__in=_postings(frame).values("person"))
    for person, starts_on, ends_on in standing.order_by().values_list("person_id", "starts_on", "ends_on"):
        found[person].append((starts_on, ends_on))
    return found


def _duties(frame: Frame, places: Mapping[int, roster.Place], homes: Mapping[int, Unit]) -> dict[int, Held]:
    """The duties of everybody who has a place, side postings too. One query."""
    by_path = {unit.path: unit.pk for unit in homes.values()}
    organs = {pk: by_path[unit.organ_path] for pk, unit in homes.items()}
    rows = DutyAssignment.objects.filter(_touching(frame), posting__unit__path__startswith=frame.county.path)
    if frame.only is not None:
        rows = rows.filter(posting__person__in=frame.only)
    found: dict[int, dict[int, frozenset[str]]] = defaultdict(dict)
    columns = ("posting__person_id", "posting__unit_id", "duty", "starts_on", "ends_on", "posting__starts_on", "posting__ends_on")
    for person, unit, duty, since, until, came_on, went_on in rows.values_list(*columns).iterator(chunk_size=10_000):
        place = places.get(person)
        if place is not None and is_lasting(since, until, place.as_of) and is_lasting(came_on, went_on, place.as_of):
            of_person, organ = found[person], organs[unit]
            of_person[organ] = of_person.get(organ, frozenset()) | {duty}
    return {person: Held(organs[place.stay.unit], found.get(person, {})) for person, place in places.items()}


class _Asked:
    """What the county asks of a set of duties: courses, their tests, hours. One query, whatever is asked."""

    def __init__(self, frame: Frame, asked_for: Mapping) -> None:
        self.courses = {duty: set(courses) for duty, courses in asked_for["courses"].items()}
        self.tests = {int(course): set(quizzes) for course, quizzes in asked_for["tests"].items()}
        self.all = frozenset().union(*self.courses.values())
        policy = services.policies_on(min(frame.terms.cutoff_on, frame.terms.known_until)).of(frame.county)
        self._targets = policy.duty_targets if policy else {}
        self._known: dict[tuple[str, ...], tuple[frozenset[int], frozenset[tuple[int, str]], Decimal | None]] = {}

    @property
    def quizzes(self) -> set[str]:
        return set().union(*self.tests.values())

    def of(self, duties: tuple[str, ...]) -> tuple[frozenset[int], frozenset[tuple[int, str]], Decimal | None]:
        """Required courses, (course, quiz) of their tests, and the target in hours (None without one)."""
        if duties not in self._known:
            courses = frozenset(rules.required_of(duties, self.courses))
            tests = frozenset((course, quiz) for course in courses for quiz in self.tests.get(course, ()))
            target = rules.target_of(duties, self._targets)
            self._known[duties] = courses, tests, rules.hours(target[1]) if target else None
        return self._known[duties]


def _done(frame: Frame, asked: _Asked) -> dict[int, set[int]]:
    """The required courses that each person has completed. One query."""
    standing = Completion.objects.standing().filter(course__in=asked.all, completed_at__lt=frame.ends_at)
    return _by_person(standing.order_by().values_list("person_id", "course_id"))


def _passed(frame: Frame, asked: _Asked) -> dict[int, set[str]]:
    """The tests of required courses that each person has passed, in whichever attempt. One query.

    Results that are not out yet count for nobody: a small unit's figure would tell them. What a reversed completion
    rested on does not count, unless it was given back.
    """
    attempts = Attempt.objects.with_results_out(frame.at).passed().filter(submission__at__lt=frame.ends_at, quiz__key__in=asked.quizzes)
    attempts = attempts.filter(Q(enrolment__completion__reversal__isnull=True) | lost_passes.counts())
    return _by_person(attempts.order_by().values_list("person_id", "quiz__key"))


def _by_person(rows: QuerySet) -> dict[int, set]:
    found = defaultdict(set)
    for person, what in rows.iterator(chunk_size=10_000):
        found[person].add(what)
    return found


def _hours(frame: Frame) -> dict[int, Decimal]:
    """Hours of the year for what was learned up to the cut-off, by person, never below nothing. Two queries once the cut-off day is over.

    A correction counts as the entry that it answers does. One that names none, written when there were hours learned after the cut-off,
    answers these first: whoever had learned late is not taken what they had learned in time.
    """
    entries = LedgerEntry.objects.filter(year=frame.year, person__in=_postings(frame).values("person"))
    later = learned_after(frame.terms.cutoff_on)
    sums = entries.exclude(later).order_by().values("person_id").annotate(total=Sum("hours"))
    counted = {person: rules.hours(total) for person, total in sums.values_list("person_id", "total")}
    if frame.at < frame.ends_at:  # nothing can be late yet
        return counted
    unnamed = Q(kind=LedgerEntry.Kind.CORRECTION, completion=None, answers=None)
    since = entries.filter(later | unnamed, at__gte=frame.ends_at).order_by("person_id", "at", "pk")
    rows = since.values_list("person_id", "hours", "kind", "completion_id", "answers_id").iterator(chunk_size=10_000)
    for person, group in groupby(rows, key=lambda row: row[0]):
        answered = rules.answered_late(
            (hours, kind == LedgerEntry.Kind.CORRECTION and not (completion or answers))
            for _person, hours, kind, completion, answers in group
        )
        if answered:
            counted[person] = counted.get(person, Decimal(0)) - answered
    return {person: max(Decimal(0), hours) for person, hours in counted.items()}


# Units


def _unit_lines(
    frame: Frame,
    spec: Spec,
    people: Iterable[PersonLine],
    facts: _Facts,
    reported: Mapping[int, Mapping[str, Decimal]],
    corrections: Mapping[int, Mapping[str, Decimal]],
) -> list[UnitLine]:
    """A line for every organ of the county that was there in the period or counts somebody, by code."""
    by_organ: dict[int, list[PersonLine]] = defaultdict(list)
    beside: dict[int, list[PersonLine]] = defaultdict(list)
    for line in people:
        by_organ[line.organ_id].append(line)
        for organ in line.held_in:
            if int(organ) != line.organ_id:
                beside[int(organ)].append(line)
    names = [figure.name for figure in figures.REPORTED] + [one.key for one in (*spec.bonus, *spec.deduct)]
    found: list[UnitLine] = []
    for unit in facts.units.values():
        stands = facts.homes[unit.pk] is unit and _is_organ(unit, frame) and unit.pk not in facts.young
        if not (by_organ.get(unit.pk) or stands):
            continue
        given = reported.get(unit.pk, {})
        values = figures.count([*by_organ.get(unit.pk, ()), *beside.get(unit.pk, ())], unit.pk) | {
            name: given.get(name, Decimal(0)) for name in names
        }
        result = scoring.score(spec, values, corrections.get(unit.pk))
        found.append(
            UnitLine(
                unit_id=unit.pk,
                unit_code=unit.code,
                unit_name=unit.name,
                is_vertical=unit.is_vertical,
                figures={name: _written(value) for name, value in values.items()},
                items=[{"key": one.item.key, "points": str(one.points), "full": str(one.full), "void": one.void} for one in result.items],
                bonus=result.bonus,
                deduction=result.deduction,
                total=result.total,
                band=result.band,
            )
        )
    others = {line.unit_id: line.total for line in found if line.total is not None and not line.is_vertical}
    others.pop(frame.county.pk, None)  # those right below it are compared with each other, not with the whole
    places = scoring.rank(others)
    for unit_line in found:
        unit_line.rank = places.get(unit_line.unit_id)
    return sorted(found, key=lambda line: line.unit_code)


def _is_organ(unit: Unit, frame: Frame) -> bool:
    """Whether a unit is a department or township that was open in the period. The county itself has a line only with people."""
    still_there = unit.closed_on is None or unit.closed_on > frame.terms.opens_on
    return unit.kind in (Unit.Kind.DEPARTMENT, Unit.Kind.TOWNSHIP) and unit.path == unit.organ_path and still_there


def _young(units: Mapping[int, Unit], cutoff_on: date) -> set[int]:
    """The organs in which somebody serves or served, but nobody before the cut-off day was over: founded later. No query.

    No day is kept on which a unit was founded: it is the day on which the first served there. One where nobody ever served has a line.
    """
    organs = {unit.path: unit.pk for unit in units.values()}
    first: dict[int, date] = {}
    for unit in units.values():
        since = unit.served_since  # type: ignore[attr-defined]
        if since is not None:
            organ = organs[unit.organ_path]
            first[organ] = min(since, first.get(organ, since))
    return {organ for organ, since in first.items() if since > cutoff_on}


def _written(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _reported(period: Period) -> dict[int, dict[str, Decimal]]:
    """Of each unit and figure the newest report that was confirmed. One query."""
    found: dict[int, dict[str, Decimal]] = defaultdict(dict)
    if period.pk:
        rows = UnitFigure.objects.confirmed().filter(period=period).order_by("pk")
        for unit, name, value in rows.values_list("unit_id", "name", "value"):
            found[unit][name] = value
    return found


def _corrections(period: Period) -> dict[int, dict[str, Decimal]]:
    """The points that granted appeals gave and nobody took back, by unit and item. One query."""
    found: dict[int, dict[str, Decimal]] = defaultdict(dict)
    if period.pk:
        sums = (
            PointCorrection.objects.standing()
            .filter(period=period)
            .order_by()
            .values_list("unit_id", "item_key")
            .annotate(total=Sum("points"))
        )
        for unit, key, points in sums:
            found[unit][key] = Decimal(str(points)).quantize(scoring.CENT)
    return found


__all__ = [
    "Frame",
    "Held",
    "Outcome",
    "asked_now",
    "asked_of",
    "calculate",
    "calculate_by",
    "digest_of",
    "frame_of",
    "main_postings",
    "noted",
    "places_of",
    "record",
]
