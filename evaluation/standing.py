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
from typing import NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, DateField, Exists, Expression, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Least

from core import clock
from core.figures import share
from courses.models import Course, CreditPolicy, DutyRule, Edition, EditionRequirement, Enrolment, Need
from evaluation import rules, services
from people.models import DutyAssignment, Person, Posting, Unit
from people.models.posting import is_lasting
from people.models.unit import within_paths
from quizzes.models import Attempt

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
    return _main_postings(year).filter(person=OuterRef(person)).order_by("-starts_on", "-pk")[:1]


def served_last(postings: Iterable[Posting], year: int) -> tuple[Unit | None, date]:
    """Where one person with these postings was counted in a past year, and the day of their duties, as `counted` says. No query."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    lasted = [one for one in postings if one.is_main and one.starts_on <= last and (one.ends_on is None or one.ends_on >= first)]
    if not lasted:
        return None, last
    found = max(lasted, key=lambda one: (one.starts_on, one.pk))
    return found.unit, min(found.ends_on or last, last)


def _main_postings(year: int) -> QuerySet:
    """Those that lasted on some day of the year."""
    return Posting.objects.touching(date(year, 1, 1), date(year, 12, 31)).filter(is_main=True)


def people_of(units: Iterable[Unit], *, year: int, at: datetime) -> QuerySet:
    """The people of `counted` who served in one of these units or below."""
    paths: list[str] = []
    for path in sorted(unit.path for unit in units):
        if not paths or not path.startswith(paths[-1]):
            paths.append(path)
    condition = Q(pk__in=[])
    for path in paths:
        condition |= Q(served_path__startswith=path)
    people = counted(year=year, at=at).filter(condition)
    if year < clock.year_of(at):  # who ever served there in that year: spares the others the search for their last posting
        people = people.filter(pk__in=_main_postings(year).filter(within_paths(paths)).values("person"))
    return people


# The figures of people


class Figures(NamedTuple):
    """What the year counts of one person: required courses and those of them done, hours and the target (None without one)."""

    pk: int
    employee_number: str
    path: str  # of the unit where the person is counted
    required: int
    done: int
    hours: Decimal
    target: Decimal | None

    @property
    def missing(self) -> int:
        return self.required - self.done

    @property
    def lacks_hours(self) -> bool:
        return self.target is not None and self.hours < self.target

    @property
    def has_reached(self) -> bool:
        return self.target is not None and self.hours >= self.target

    @property
    def need(self) -> tuple:
        """What sorts the person: most courses missing first, then fewest hours."""
        return -self.missing, self.hours, self.employee_number


# Written out, because the ORM cannot join what no key connects; MATERIALIZED, because each part is read once as a whole.
FIGURES = """
    WITH someone AS MATERIALIZED ({people}),
    held AS MATERIALIZED (
        SELECT DISTINCT someone.id, assignment.duty, substr(someone.served_path, 1, {step}) AS county FROM someone
        JOIN people_posting AS posting ON posting.person_id = someone.id
        JOIN people_dutyassignment AS assignment ON assignment.posting_id = posting.id
            AND someone.as_of BETWEEN posting.starts_on AND COALESCE(posting.ends_on, someone.as_of)
        WHERE assignment.starts_on <= someone.as_of AND (assignment.ends_on IS NULL OR assignment.ends_on >= someone.as_of)
    ),
    rule AS MATERIALIZED ({rules}),
    asked AS MATERIALIZED (
        SELECT DISTINCT held.id, rule.course_id FROM held JOIN rule ON rule.duty = held.duty AND rule.path = held.county
    ),
    finished AS MATERIALIZED (
        SELECT DISTINCT completion.person_id, completion.course_id FROM someone
        JOIN courses_completion AS completion ON completion.person_id = someone.id
        LEFT JOIN courses_reversal AS reversal ON reversal.completion_id = completion.id
        WHERE reversal.id IS NULL AND completion.completed_at < %s
    ),
    courses AS (
        SELECT asked.id, COUNT(*) AS required, COUNT(finished.person_id) AS done FROM asked
        LEFT JOIN finished ON finished.person_id = asked.id AND finished.course_id = asked.course_id GROUP BY asked.id
    ),
    credited AS (
        SELECT entry.person_id, SUM(entry.hours) AS hours FROM someone
        JOIN evaluation_ledgerentry AS entry ON entry.person_id = someone.id WHERE entry.year = %s GROUP BY entry.person_id
    ),
    goal (book, duty, hours) AS ({goals}),
    target AS (
        SELECT held.id, MAX(goal.hours) AS hours FROM held
        JOIN goal ON goal.duty = held.duty AND goal.book = CASE WHEN held.county IN ({books}) THEN held.county ELSE '' END GROUP BY held.id
    )
    SELECT someone.id, someone.employee_number, someone.served_path, COALESCE(courses.required, 0), COALESCE(courses.done, 0),
        credited.hours, target.hours
    FROM someone LEFT JOIN courses ON courses.id = someone.id
    LEFT JOIN credited ON credited.person_id = someone.id LEFT JOIN target ON target.id = someone.id
"""


def figures(people: QuerySet, *, year: int, at: datetime, history: list[CreditPolicy] | None = None) -> list[Figures]:
    """What the year counts of these people of `counted`, in no order. One query, and one for the policies without `history`.

    Required is each course once, however many duties ask for it; the target is the highest among the duties held, by the policy
    of the county where the person is counted.
    """
    try:
        someone, whom = people.order_by().values("id", "employee_number", "served_path", "as_of").query.sql_with_params()
    except EmptyResultSet:
        return []
    rules_sql, which = (
        _binding(year=year, at=at).order_by().values("duty", "course_id", path=F("course__county__path")).query.sql_with_params()
    )
    book = services.policies_on(services.day_of(year, at), history)
    goals = [
        (path, duty, hours)
        for path, policy in [*book.own.items(), ("", book.general)]
        for duty, hours in (policy.duty_targets if policy else {}).items()
    ]
    sql = FIGURES.format(
        people=someone,
        rules=rules_sql,
        step=Unit.steplen,
        goals="VALUES " + ", ".join(["(%s, %s, CAST(%s AS numeric))"] * len(goals)) if goals else "SELECT '', '', 0 WHERE 1 = 0",
        books=", ".join(["%s"] * len(book.own)) or "NULL",
    )
    values = [
        *whom,
        *which,
        connection.ops.adapt_datetimefield_value(_end(year)),
        year,
        *(str(value) for goal in goals for value in goal),
        *book.own,
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [
            Figures(pk, number, path, required, done, rules.hours(hours), None if target is None else rules.hours(target))
            for pk, number, path, required, done, hours, target in cursor.fetchall()
        ]


def in_need(found: Iterable[Figures], only: str = "") -> list[Figures]:
    """Those who lack a required course ("behind"), or hours ("hours"), or all: in the order of need."""
    if only == "behind":
        found = (one for one in found if one.missing)
    elif only == "hours":
        found = (one for one in found if one.lacks_hours)
    return sorted(found, key=lambda one: one.need)


def _binding(*, year: int, at: datetime) -> QuerySet:
    """The duty rules that require an open course in the year."""
    asked = DutyRule.objects.filter(need=Need.REQUIRED, course__is_open=True, course__current__isnull=False)
    return asked.filter(_published_by("course", year)) if year < clock.year_of(at) else asked


def _published_by(course: str, year: int) -> Exists:
    """Whether the course behind an outer reference had an edition by the end of the year."""
    return Exists(Edition.objects.filter(course=OuterRef(course), published_at__lt=_end(year)))


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
    """The figures of these people of `counted`, with the courses by name and the tests.

    Six queries at most for any number of people. What the caller has at hand saves one each: `history` (services.policy_history),
    `hours` on each of the people, `duties` held on the day that speaks for the year, `rounds` (of the people, with the values of ROUND).
    """
    people = list(people)
    ids = [person.pk for person in people]
    duties = duties_of(people) if duties is None else duties
    pairs, courses = [], {}
    for rule in _binding(year=year, at=at).select_related("course__current", "course__county").order_by("course__code", "course_id"):
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
                hours=hours.get(person.pk, rules.hours(0)),
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
    columns = ("posting__person_id", "duty", "starts_on", "ends_on", "posting__starts_on", "posting__ends_on")
    for person_id, duty, since, until, came_on, went_on in DutyAssignment.objects.filter(posting__person__in=as_of).values_list(*columns):
        if is_lasting(since, until, as_of[person_id]) and is_lasting(came_on, went_on, as_of[person_id]):
            found.setdefault(person_id, set()).add(duty)
    return found


# Units


@dataclass
class UnitStanding:
    """One unit with everything below it, in one year.

    serving: people whom the year counts. should: of those, whoever has a required course. did: of those, whoever
    has finished all of them. sat, passed: person × quiz, at least one submission, at least one pass.
    targeted: whoever has an hours target; reached: of those, whoever has reached it. asked, done: person × required course.
    """

    unit: Unit | None
    serving: int = 0
    should: int = 0
    did: int = 0
    sat: int = 0
    passed: int = 0
    targeted: int = 0
    reached: int = 0
    asked: int = 0
    done: int = 0

    FIGURES = ("serving", "should", "did", "sat", "passed", "targeted", "reached", "asked", "done")

    def count(self, one: Figures) -> None:
        """One more person of the unit."""
        self.serving += 1
        self.asked += one.required
        self.done += one.done
        if one.required:
            self.should += 1
            self.did += not one.missing
        if one.target is not None:
            self.targeted += 1
            self.reached += one.has_reached

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
    def courses_share(self) -> int | None:
        """Whole percent of the required courses done; None where nothing is required."""
        return share(self.done, self.asked)

    @property
    def behind(self) -> int:
        return self.should - self.did


def unit_standings(
    units: Iterable[Unit],
    *,
    year: int,
    at: datetime,
    history: list[CreditPolicy] | None = None,
    counted_already: list[Figures] | None = None,
) -> dict[str, UnitStanding]:
    """Path → standing, rolled up over subtrees, for units that form whole subtrees. Three queries, fewer with `history` or the people's figures at hand.

    Vertical organs are counted like others; who shows them marks them.
    """
    units = list(units)
    if not units:
        return {}
    people = people_of(units, year=year, at=at)
    found = figures(people, year=year, at=at, history=history) if counted_already is None else counted_already
    return rolled_up(units, of_units(found, people, year=year, at=at))


def of_units(found: Iterable[Figures], people: QuerySet, *, year: int, at: datetime) -> dict[str, UnitStanding]:
    """Path → what the people of the unit itself came to, and their tests. One query."""
    own: dict[str, UnitStanding] = {}
    for one in found:
        own.setdefault(one.path, UnitStanding(None)).count(one)
    for path, sat, passed in _tests(people, year=year, at=at):
        own.setdefault(path, UnitStanding(None))
        own[path].sat, own[path].passed = sat, passed
    return own


def rolled_up(units: Iterable[Unit], own: dict[str, UnitStanding]) -> dict[str, UnitStanding]:
    """Path → each of the units with everything below it. No query."""
    found = {unit.path: UnitStanding(unit) for unit in units}
    for path, one in own.items():
        for end in range(Unit.steplen, len(path) + 1, Unit.steplen):
            if path[:end] in found:
                found[path[:end]].add(one)
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

    A test is what the attempt's edition asks for, or an exam in its sitting: a quiz that nobody reviewed counts for nothing. It
    counts from when its results are out: a small unit's rate would tell them before.
    """
    start, end = clock.start_of(date(year, 1, 1)), _end(year)
    path: Expression = F("person__unit__path")
    if year < clock.year_of(at):
        path = Subquery(_last_posting("person", year).values("unit__path"))
    over = Attempt.objects.counted().with_results_out(at).filter(submission__at__gte=start, submission__at__lt=end)
    asked = EditionRequirement.objects.filter(
        edition=OuterRef("enrolment__edition"), kind=EditionRequirement.Kind.QUIZ, key=OuterRef("quiz__key")
    )
    over = over.filter(Q(sitting__isnull=False) | Exists(asked))
    earlier = over.filter(person=OuterRef("person"), quiz=OuterRef("quiz"), pk__lt=OuterRef("pk"))
    return over.filter(person__in=people).annotate(
        served_path=path,
        is_first=~Exists(earlier),
        is_pass=Exists(Attempt.objects.passed().filter(pk=OuterRef("pk"))),
        is_first_pass=~Exists(earlier.passed()),
    )


__all__ = [
    "CourseState",
    "Figures",
    "PersonStanding",
    "UnitStanding",
    "counted",
    "figures",
    "in_need",
    "of_units",
    "people_of",
    "required_courses",
    "rolled_up",
    "served_last",
    "standings",
    "tests_of",
    "unit_standings",
]
