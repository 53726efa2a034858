"""How people and units stand in a year: who should, who did, what is missing, hours against targets.

Everything here is set-based: the number of queries does not depend on units, people or courses.

In the running year whoever serves now is counted (on duty, with a unit; leave is not counted). In a past
year it is whoever held a main posting in it, once, where they served last in that year: on 31 December or
on the last day of the posting, with the duties of that day. Required of a person is every open course of
their own county that one of their duties requires (DutyRuleQuerySet.binding) — once, however many duties
ask for it. Done is a required course with a standing completion by the end of the year asked for, also one of an
earlier year: a required course is taken once.

What no table keeps is not guessed: leave of a past year, and which courses were required then. Today's
rules and open courses stand in for those, without the courses that were first published later.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.db.models import (
    Case,
    Count,
    DateField,
    DecimalField,
    Exists,
    Expression,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Least, Substr

from core import clock
from core.figures import share
from courses.models import Completion, Course, CreditPolicy, DutyRule, Edition, Enrolment, Need
from evaluation import rules, services
from evaluation.models import LedgerEntry
from people.models import DutyAssignment, Person, Posting, Unit
from quizzes.models import Attempt

HOURS = DecimalField(max_digits=8, decimal_places=2)


# Whom a year counts


def counted(*, year: int, at: datetime) -> QuerySet:
    """The people whom the year counts, with `served_path` and `served_title` (where they are counted) and `as_of` (the day of their duties)."""
    if year >= clock.year_of(at):
        today = Value(clock.today(at), DateField())
        return Person.objects.serving().annotate(served_path=F("unit__path"), served_title=F("post_title"), as_of=today)
    last_day = Value(date(year, 12, 31), DateField())
    last = _last_posting("pk", year)
    return Person.objects.annotate(
        served_path=Subquery(last.values("unit__path")),
        served_title=Subquery(last.values("title")),
        as_of=Least(Coalesce(Subquery(last.values("ends_on")), last_day), last_day),
    ).filter(served_path__isnull=False)


def _last_posting(person: str, year: int) -> QuerySet:
    """The main posting in which the person behind an outer reference served last in a past year."""
    lasted = Q(ends_on=None) | Q(ends_on__gte=date(year, 1, 1))
    return Posting.objects.filter(lasted, person=OuterRef(person), is_main=True, starts_on__lte=date(year, 12, 31)).order_by(
        "-starts_on", "-pk"
    )[:1]


def within(units: Iterable[Unit]) -> Q:
    """Condition on the people of `counted`: they served in one of these units or below."""
    condition, last = Q(pk__in=[]), None
    for path in sorted(unit.path for unit in units):
        if last is None or not path.startswith(last):
            condition |= Q(served_path__startswith=path)
            last = path
    return condition


# Conditions that other queries are built from


def requirements(*, year: int, at: datetime) -> QuerySet:
    """Duty rules that require an open course of the outer person of `counted`: use inside Exists or Subquery."""
    held = DutyAssignment.objects.filter(
        Q(ends_on=None) | Q(ends_on__gte=OuterRef(OuterRef("as_of"))),
        posting__person=OuterRef(OuterRef("pk")),
        starts_on__lte=OuterRef(OuterRef("as_of")),
    )
    asked = DutyRule.objects.binding(Substr(OuterRef("served_path"), 1, Unit.steplen)).filter(
        need=Need.REQUIRED,
        course__is_open=True,
        course__current__isnull=False,
        duty__in=held.values("duty"),
    )
    return asked.filter(_published_by("course", year)) if year < clock.year_of(at) else asked


def _published_by(course: str, year: int) -> Exists:
    """Whether the course behind an outer reference had an edition by the end of the year."""
    return Exists(Edition.objects.filter(course=OuterRef(course), published_at__lt=_end(year)))


def _done(year: int) -> Exists:
    """Whether the outer outer person has a standing completion of the outer rule's course by the end of the year."""
    return Exists(
        Completion.objects.standing().filter(course=OuterRef("course"), person=OuterRef(OuterRef("pk")), completed_at__lt=_end(year))
    )


def with_standing(people: QuerySet, *, year: int, at: datetime, history: list[CreditPolicy] | None = None) -> QuerySet:
    """People of `counted` with `required`, `done`, `missing` (courses), `hours` and `target` (None without one). One query, and one for the policies."""
    asked = requirements(year=year, at=at)
    return people.annotate(
        required=_courses(asked),
        done=_courses(asked.filter(_done(year))),
        hours=_hours(year),
        target=_target(year=year, at=at, history=history),
    ).annotate(missing=F("required") - F("done"))


def _courses(duty_rules: QuerySet) -> Coalesce:
    counted = duty_rules.order_by().values("need").annotate(n=Count("course", distinct=True)).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _hours(year: int) -> Coalesce:
    summed = LedgerEntry.objects.filter(person=OuterRef("pk"), year=year).order_by().values("person").annotate(n=Sum("hours")).values("n")
    return Coalesce(Subquery(summed, output_field=HOURS), Value(Decimal(0), HOURS))


def _target(*, year: int, at: datetime, history: list[CreditPolicy] | None = None) -> Case:
    """The highest target among the duties held, by the policy of the county where the person is counted."""
    held = DutyAssignment.objects.filter(
        Q(ends_on=None) | Q(ends_on__gte=OuterRef("as_of")), posting__person=OuterRef("pk"), starts_on__lte=OuterRef("as_of")
    )
    book = services.policies_on(services.day_of(year, at), history)
    cases = []
    for path, policy in [*book.own.items(), ("", book.general)]:
        ranked = sorted(((Decimal(str(hours)), duty) for duty, hours in (policy.duty_targets if policy else {}).items()), reverse=True)
        where = Q(served_path__startswith=path) if path else Q()
        cases += [When(where & Q(Exists(held.filter(duty=duty))), then=Value(hours, HOURS)) for hours, duty in ranked]
        if path:  # a county with a policy of its own never falls through to the general one
            cases.append(When(where, then=Value(None, HOURS)))
    return Case(*cases, default=Value(None, HOURS), output_field=HOURS)


def _end(year: int) -> datetime:
    return clock.end_of(date(year, 12, 31))


def required_courses(user) -> QuerySet:
    """Open courses, of those the user knows, that some duty requires."""
    asked = DutyRule.objects.filter(course=OuterRef("pk"), need=Need.REQUIRED)
    return Course.objects.visible_to(user).open().filter(Exists(asked)).order_by("code", "pk")


# People


@dataclass
class CourseState:
    course: Course
    state: str  # done | in_progress | not_started


@dataclass
class PersonStanding:
    """One person's year. `courses` are the required ones with their state; `sat` and `passed` count quizzes of the year."""

    person: Person
    required: int
    done: int
    hours: Decimal
    target: Decimal | None
    courses: list[CourseState] = field(default_factory=list)
    sat: int = 0
    passed: int = 0

    @property
    def missing(self) -> int:
        return self.required - self.done

    @property
    def missing_courses(self) -> list[CourseState]:
        return [state for state in self.courses if state.state != "done"]

    @property
    def reached(self) -> bool | None:
        return None if self.target is None else self.hours >= self.target

    @property
    def hours_share(self) -> int:
        if not self.target:
            return 0
        return max(0, min(100, share(self.hours, self.target) or 0))

    @property
    def done_share(self) -> int | None:
        return share(self.done, self.required)

    @property
    def passed_share(self) -> int | None:
        return share(self.passed, self.sat)


def standings(
    people: Iterable[Person],
    *,
    year: int,
    at: datetime,
    history: list[CreditPolicy] | None = None,
    duties: dict[int, set[str]] | None = None,
    rounds: Iterable[tuple] | None = None,
) -> list[PersonStanding]:
    """The figures of `with_standing` for rows of it, or of `counted`, with the courses by name.

    Six queries at most for any number of people. What the caller has at hand saves one each: `history` (services.policy_history),
    rows of `with_standing`, `duties` held on the day that speaks for the year, `rounds` (of the people, with the values of ROUND).
    """
    people = list(people)
    ids = [person.pk for person in people]
    duties = duties_of(people) if duties is None else duties
    asked = DutyRule.objects.filter(need=Need.REQUIRED, course__is_open=True, course__current__isnull=False)
    if year < clock.year_of(at):
        asked = asked.filter(_published_by("course", year))
    pairs, courses = [], {}
    for rule in asked.select_related("course__current", "course__county").order_by("course__code", "course_id"):
        pairs.append((rule.duty, rule.course_id))
        courses[rule.course_id] = rule.course
    rounds = Enrolment.objects.filter(person__in=ids).values_list(*ROUND) if rounds is None else rounds
    done, begun = _done_and_begun(rounds, year)
    known = {person.pk: rules.hours(person.hours) for person in people if hasattr(person, "hours")}
    hours = known if len(known) == len(people) else services.balances(ids, year)
    tests = tests_of(ids, year=year, at=at)
    book = services.policies_on(services.day_of(year, at), history)
    by_county: dict[str, dict[str, list[int]]] = {}
    found = []
    for person in people:
        county = person.served_path[: Unit.steplen]
        if county not in by_county:
            by_county[county] = {}
            for duty, course_id in pairs:
                course = courses[course_id]
                if course.county.path == county:  # DutyRuleQuerySet.binding
                    by_county[county].setdefault(duty, []).append(course_id)
        policy = book.own.get(county, book.general)
        held = duties.get(person.pk, set())
        needed = rules.required_of(held, by_county[county])
        states = [
            CourseState(course, "done" if (person.pk, pk) in done else "in_progress" if (person.pk, pk) in begun else "not_started")
            for pk, course in courses.items()
            if pk in needed
        ]
        target = rules.target_of(held, policy.duty_targets if policy else {})
        found.append(
            PersonStanding(
                person=person,
                required=len(states),
                done=sum(state.state == "done" for state in states),
                hours=hours.get(person.pk, Decimal(0)),
                target=target[1] if target else None,
                courses=states,
                sat=tests.get(person.pk, (0, 0))[0],
                passed=tests.get(person.pk, (0, 0))[1],
            )
        )
    return found


ROUND = ("person_id", "course_id", "completion__completed_at", "completion__reversal")


def _done_and_begun(rounds: Iterable[tuple], year: int) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """(person, course) of standing completions by the end of the year, and of rounds that no completion ended."""
    done, begun = set(), set()
    for person, course, completed_at, reversal in rounds:
        if completed_at is None:
            begun.add((person, course))
        elif reversal is None and completed_at < _end(year):
            done.add((person, course))
    return done, begun


def duties_of(people: list[Person]) -> dict[int, set[str]]:
    """The duties that each of these people of `counted` held on their day. One query."""
    as_of = {person.pk: person.as_of for person in people}
    found: dict[int, set[str]] = {}
    held = DutyAssignment.objects.filter(posting__person__in=as_of).values_list("posting__person_id", "duty", "starts_on", "ends_on")
    for person_id, duty, starts_on, ends_on in held:
        if starts_on <= as_of[person_id] and (ends_on is None or ends_on >= as_of[person_id]):
            found.setdefault(person_id, set()).add(duty)
    return found


# Units


@dataclass
class UnitStanding:
    """One unit with everything below it, in one year.

    serving: people whom the year counts. should: of those, whoever has a required course. did: of those, whoever
    has finished all of them. sat, passed: person × quiz, at least one submission, at least one pass.
    targeted: whoever has an hours target; reached: of those, whoever has reached it.
    """

    unit: Unit
    serving: int = 0
    should: int = 0
    did: int = 0
    sat: int = 0
    passed: int = 0
    targeted: int = 0
    reached: int = 0

    FIGURES = ("serving", "should", "did", "sat", "passed", "targeted", "reached")

    def add(self, other: "UnitStanding") -> None:
        for name in self.FIGURES:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def did_share(self) -> int | None:
        return share(self.did, self.should)

    @property
    def passed_share(self) -> int | None:
        return share(self.passed, self.sat)

    @property
    def reached_share(self) -> int | None:
        return share(self.reached, self.targeted)

    @property
    def behind(self) -> int:
        return self.should - self.did


def unit_standings(units: Iterable[Unit], *, year: int, at: datetime, history: list[CreditPolicy] | None = None) -> dict[str, UnitStanding]:
    """Path → standing, rolled up over subtrees, for units that form whole subtrees. Three queries, two with `history` at hand.

    Vertical organs are counted like others; who shows them marks them.
    """
    units = list(units)
    found = {unit.path: UnitStanding(unit) for unit in units}
    if not units:
        return found
    serving = counted(year=year, at=at).filter(within(units))
    asked = requirements(year=year, at=at)
    figures = (
        serving.annotate(
            should=Exists(asked),
            lacks=Exists(asked.filter(~_done(year))),
            hours=_hours(year),
            target=_target(year=year, at=at, history=history),
        )
        .order_by()
        .values("served_path")
        .annotate(
            n_serving=Count("pk"),
            n_should=Count("pk", filter=Q(should=True)),
            n_did=Count("pk", filter=Q(should=True, lacks=False)),
            n_targeted=Count("pk", filter=Q(target__isnull=False)),
            n_reached=Count("pk", filter=Q(hours__gte=F("target"))),
        )
    )
    own: dict[str, UnitStanding] = {}
    for row in figures.values("served_path", "n_serving", "n_should", "n_did", "n_targeted", "n_reached"):
        own[row["served_path"]] = UnitStanding(
            None, serving=row["n_serving"], should=row["n_should"], did=row["n_did"], targeted=row["n_targeted"], reached=row["n_reached"]
        )
    for path, sat, passed in _tests(serving, year=year, at=at):
        own.setdefault(path, UnitStanding(None))
        own[path].sat, own[path].passed = sat, passed
    step = Unit.steplen
    for path, standing in own.items():
        for end in range(step, len(path) + 1, step):
            if path[:end] in found:
                found[path[:end]].add(standing)
    return found


def _tests(serving: QuerySet, *, year: int, at: datetime) -> Iterable[tuple[str, int, int]]:
    """(unit path, person × quiz sat, of those passed) in the year. One query."""
    return _counted_tests(_first_tests(serving.values("pk"), year=year, at=at), "served_path")


def tests_of(person_ids: Iterable[int], *, year: int, at: datetime) -> dict[int, tuple[int, int]]:
    """The same by person: quizzes sat in the year, and of those passed; who sat none is absent. One query."""
    tests = _first_tests(person_ids, year=year, at=at)
    return {person: (sat, passed) for person, sat, passed in _counted_tests(tests, "person")}


def _counted_tests(tests: QuerySet, by: str) -> QuerySet:
    counted_tests = tests.order_by().values(by)
    counted_tests = counted_tests.annotate(
        sat=Count("pk", filter=Q(is_first=True)), passed=Count("pk", filter=Q(is_first_pass=True, is_pass=True))
    )
    return counted_tests.values_list(by, "sat", "passed")


def _first_tests(people, *, year: int, at: datetime) -> QuerySet:
    """What these people handed in in the year. Of each person and quiz the first submission and the first pass count.

    A test counts from when its results are out: a small unit's rate would tell them before.
    """
    start, end = clock.start_of(date(year, 1, 1)), _end(year)
    path: Expression = F("person__unit__path")
    if year < clock.year_of(at):
        path = Subquery(_last_posting("person", year).values("unit__path"))
    over = Attempt.objects.with_results_out(at).filter(submission__at__gte=start, submission__at__lt=end)
    earlier = over.filter(person=OuterRef("person"), quiz=OuterRef("quiz"), pk__lt=OuterRef("pk"))
    return over.filter(person__in=people).annotate(
        served_path=path,
        is_first=~Exists(earlier),
        is_pass=Exists(over.passed().filter(pk=OuterRef("pk"))),
        is_first_pass=~Exists(earlier.passed()),
    )


__all__ = [
    "CourseState",
    "PersonStanding",
    "UnitStanding",
    "counted",
    "required_courses",
    "requirements",
    "standings",
    "tests_of",
    "unit_standings",
    "with_standing",
    "within",
]
