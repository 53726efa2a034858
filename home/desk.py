"""What stands on a learner's desk: due, next, hours, certificates, electives, completions of the year.

Reads only. The number of queries does not depend on courses, enrolments or lessons.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Exists, F, OuterRef, Subquery
from django.urls import reverse

from certificates.models import Certificate, State
from certificates.services import renewals
from core import clock
from courses.models import (
    Course,
    CreditPolicy,
    EditionRequirement,
    Enrolment,
    LessonPlace,
    Need,
    RequirementMet,
)
from courses.rules import percent
from evaluation import quotas
from evaluation import services as evaluation
from evaluation.models import LedgerEntry
from people.models import Person

NEW_FOR = timedelta(days=30)
ELECTIVES = 3
LEDGER_ROWS = LedgerEntry.objects.with_reasons()


@dataclass
class Step:
    """The next thing to do in a course: a lesson to read or a quiz to pass."""

    title: str
    is_quiz: bool
    url: str
    is_resumed: bool = False  # the lesson was opened before


@dataclass
class DeskCourse:
    """One open course on the desk of one person."""

    course: Course
    enrolment: Enrolment | None = None
    met: int = 0
    asked: int = 0
    step: Step | None = None
    seen_at: datetime | None = None
    lacking: list[str] = field(default_factory=list)  # titles to complete first
    is_overdue: bool = False
    days_left: int | None = None  # whole days until the due day; 0 on that day

    @property
    def title(self) -> str:
        return self.enrolment.edition.title if self.enrolment else self.course.current.title

    @property
    def minutes(self) -> int:
        return self.enrolment.edition.minutes if self.enrolment else self.course.current.minutes

    @property
    def line(self) -> str:
        return (self.enrolment.edition if self.enrolment else self.course.current).get_line_display()

    @property
    def percent(self) -> int:
        return percent(self.met, self.asked)

    @property
    def url(self) -> str:
        return reverse("course", args=[self.course.pk])

    @property
    def is_pressing(self) -> bool:
        """Due within a fortnight, or late."""
        return self.is_overdue or (self.days_left is not None and self.days_left <= 14)


@dataclass
class Desk:
    year: int
    due: list[DeskCourse]
    under_way: list[DeskCourse]  # begun, but not required
    next: DeskCourse | None
    electives: list[DeskCourse]
    hours: evaluation.HoursExplained
    quotas: list[evaluation.Target]
    certificates: list[Certificate]  # standing, of the last 30 days
    renewals: list[renewals.Path]  # what can be renewed now
    completed: list[Enrolment]  # completions of this year with their course, newest first
    required: int
    required_done: int

    @property
    def target(self) -> evaluation.Target | None:
        """The target that the bar shows: that of the duty, else the general one."""
        return self.hours.topic or self.hours.online

    @property
    def overdue(self) -> int:
        return sum(course.is_overdue for course in self.due)


def of(person: Person, *, at: datetime, history: list[CreditPolicy] | None = None) -> Desk:
    """Everything on the desk of a person at an instant.

    Six queries, one without `history`, one where something is under way, one where a course that was begun is closed, one where a
    course awards nothing, two where something can be renewed, one where a quota runs over years.
    """
    today, year = clock.today(at), clock.year_of(at)
    duties = set(person.current_duties)
    courses = list(Course.objects.visible_to(person).open().select_related("current").with_need_for(person))
    enrolments = _enrolments(person)
    open_now = {row.course_id: row for row in enrolments if not hasattr(row, "completion")}
    closed = set(open_now) - {course.pk for course in courses}  # whoever has begun a course may finish it
    completed = [row for row in enrolments if hasattr(row, "completion") and not hasattr(row.completion, "reversal")]
    done = {row.course_id for row in completed}
    steps = _steps(open_now)

    desk: dict[int, DeskCourse] = {}
    titles = {(course.county_id, course.code): course for course in courses}
    for course in courses:
        row = open_now.get(course.pk)
        place = steps.get(row.pk) if row else None
        desk[course.pk] = DeskCourse(
            course=course,
            enrolment=row,
            lacking=[] if row else _lacking(course, titles, done),
            **(place or {}),
            **(_due(course, today) if course.need == Need.REQUIRED else {}),
        )
    if closed:
        for course in Course.objects.reachable_by(person).filter(pk__in=closed).select_related("current").with_need_for(person):
            row = open_now[course.pk]
            desk[course.pk] = DeskCourse(course=course, enrolment=row, lacking=[], **(steps.get(row.pk) or {}))
    due = [desk[c.pk] for c in courses if c.need == Need.REQUIRED and c.pk not in done]
    due.sort(key=lambda one: (one.course.due_on or date.max, bool(one.lacking), one.course.code))
    under_way = [desk[pk] for pk in open_now if pk in desk and pk not in {one.course.pk for one in due}]
    under_way.sort(key=lambda one: one.course.code)
    renewing = renewals.only_renewing(courses)  # what can be renewed stands in a place of its own
    free = [desk[c.pk] for c in courses if c.need != Need.REQUIRED and c.pk not in done | renewing and c.pk not in open_now]
    free.sort(key=lambda one: (one.course.need != Need.ELECTIVE, bool(one.lacking), one.course.code))
    entries = list(LEDGER_ROWS.filter(person=person, year=year))
    policy = evaluation.policies_on(evaluation.day_of(year, at), history).of(person.unit)
    paths = renewals.paths(person, at=at)
    held = [path.certificate for path in paths]
    this_year = [row for row in completed if clock.year_of(row.completion.completed_at) == year]
    return Desk(
        year=year,
        due=due,
        under_way=under_way,
        next=_next(due, under_way),
        electives=free[:ELECTIVES],
        hours=evaluation.explained(year=year, entries=entries, policy=policy, duties=duties),
        quotas=quotas.of_desk(policy, person, duties, year=year, entries=entries),
        certificates=[one for one in held if one.issued_at > at - NEW_FOR and one.state_on(today) == State.VALID],
        renewals=renewals.open_among(paths),
        completed=this_year,
        required=sum(c.need == Need.REQUIRED for c in courses),
        required_done=sum(c.need == Need.REQUIRED and c.pk in done for c in courses),
    )


def _enrolments(person: Person) -> list[Enrolment]:
    """All rounds of the person with what became of them, newest completion first, and when a lesson was last open (`seen_at`). One query."""
    last = LessonPlace.objects.filter(enrolment=OuterRef("pk")).order_by("-seen_at")
    return list(
        Enrolment.objects.filter(person=person)
        .annotate(seen_at=Subquery(last.values("seen_at")[:1]))
        .select_related("edition", "completion__reversal")
        .order_by(F("completion__completed_at").desc(nulls_last=True), "-enrolled_at")
    )


def _steps(open_now: dict[int, Enrolment]) -> dict[int, dict]:
    """For each open enrolment: how much is met, and the next step. One query."""
    if not open_now:
        return {}
    rows = {row.pk: row for row in open_now.values()}
    asked = (
        EditionRequirement.objects.filter(edition__enrolments__in=rows)
        .annotate(enrolment_pk=F("edition__enrolments__pk"))
        .annotate(is_met=Exists(RequirementMet.objects.standing().filter(enrolment=OuterRef("enrolment_pk"), requirement=OuterRef("pk"))))
        .annotate(is_seen=Exists(LessonPlace.objects.filter(enrolment=OuterRef("enrolment_pk"), lesson=OuterRef("lesson"))))
        .select_related("lesson")
        .order_by("position")
    )
    found: dict[int, dict] = {}
    for one in asked:
        state = found.setdefault(one.enrolment_pk, {"met": 0, "asked": 0, "step": None, "seen_at": rows[one.enrolment_pk].seen_at})
        state["asked"] += 1
        state["met"] += one.is_met
        if not one.is_met and state["step"] is None:
            is_quiz = one.kind == EditionRequirement.Kind.QUIZ
            # A quiz is reached through the lesson it stands in, where its rules are told.
            url = reverse("lesson", args=[rows[one.enrolment_pk].course_id, one.lesson.slug])
            state["step"] = Step(title=one.title, is_quiz=is_quiz, url=url, is_resumed=not is_quiz and one.is_seen)
    return found


def _due(course: Course, today: date) -> dict:
    if course.due_on is None:
        return {}
    return {"is_overdue": today > course.due_on, "days_left": (course.due_on - today).days}


def _lacking(course: Course, courses: dict, done: set[int]) -> list[str]:
    """Titles of the open prerequisites that are not completed; closed ones bind nobody."""
    needed = [courses.get((course.county_id, code)) for code in course.current.prerequisites]
    return [one.current.title for one in needed if one is not None and one.pk not in done]


def _next(due: list[DeskCourse], under_way: list[DeskCourse]) -> DeskCourse | None:
    """Where to go on: what was last read and has a step left; else the first due course that may be begun."""
    begun = [one for one in [*due, *under_way] if one.enrolment and one.step]
    if begun:
        return max(begun, key=lambda one: one.seen_at or one.enrolment.enrolled_at)
    return next((one for one in due if not one.enrolment and not one.lacking), None)
