"""How many attempts somebody has at the quizzes of their courses. Reads only."""

from dataclasses import dataclass

from django.db.models import Count, F, Q

from courses.models import Course, EditionRequirement, Enrolment
from people.models import Person
from quizzes.models import Allowance, Attempt, Quiz


@dataclass(frozen=True)
class Chance:
    """One quiz in the enrolment that counts for it now."""

    quiz: Quiz
    course: Course
    used: int
    allowed: int | None  # None: without limit
    has_passed: bool

    @property
    def is_used_up(self) -> bool:
        return self.allowed is not None and self.used >= self.allowed


def of(person: Person) -> list[Chance]:
    """The quizzes of the person's courses, exams left out, by course. Five queries, however many courses."""
    enrolments = list(
        Enrolment.objects.filter(person=person)
        .select_related("course", "completion")
        .order_by(F("completion__pk").desc(nulls_first=True), "-pk")
    )
    asks = EditionRequirement.objects.filter(
        edition__in=[enrolment.edition_id for enrolment in enrolments], kind=EditionRequirement.Kind.QUIZ
    )
    keys = set(asks.values_list("edition", "key"))
    quizzes = Quiz.objects.filter(
        Q(key__in=[key for _edition, key in keys]) | Q(course_code__in=[enrolment.course.code for enrolment in enrolments]), is_exam=False
    )
    standing: list[tuple[Quiz, Enrolment]] = []
    for quiz in quizzes:
        fitting = [e for e in enrolments if (e.edition_id, quiz.key) in keys or (e.course.county_id, e.course.code) == _place(quiz)]
        # As `attempts.standing`: of those that ask all that are under way, else the newest.
        fitting.sort(key=lambda e: (e.edition_id, quiz.key) not in keys)
        open_ = [e for e in fitting if (e.edition_id, quiz.key) in keys and not hasattr(e, "completion")]
        standing += [(quiz, enrolment) for enrolment in open_ or fitting[:1]]
    used = _figures(Attempt.objects.filter(person=person), Count("pk"))
    passed = _figures(Attempt.objects.filter(person=person).passed(), Count("pk"))
    given = list(Allowance.objects.filter(person=person, sitting=None))
    return [
        Chance(
            quiz=quiz,
            course=enrolment.course,
            used=used.get((quiz.pk, enrolment.pk), 0),
            allowed=quiz.attempts_allowed + _extra(given, quiz, enrolment) if quiz.attempts_allowed else None,
            has_passed=bool(passed.get((quiz.pk, enrolment.pk))),
        )
        for quiz, enrolment in standing
    ]


def _extra(given: list[Allowance], quiz: Quiz, enrolment: Enrolment) -> int:
    return sum(one.extra_attempts for one in given if one.quiz_id == quiz.pk and one.holds_in(enrolment))


def _place(quiz: Quiz) -> tuple[int, str]:
    return quiz.county_id, quiz.course_code


def _figures(found, figure) -> dict[tuple[int, int], int]:
    return {(quiz, enrolment): n for quiz, enrolment, n in found.order_by().values_list("quiz", "enrolment").annotate(n=figure)}
