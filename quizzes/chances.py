"""How many attempts somebody has at the quizzes of their courses. Reads only."""

from dataclasses import dataclass

from django.db.models import Count, F, Q

from courses import outlines
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
    """The quizzes of the person's courses, exams left out, by course. Five queries, however many courses, and those of `outlines.embeds` for an edition that was not read yet."""
    enrolments = list(
        Enrolment.objects.filter(person=person)
        .select_related("course", "edition", "completion")
        .order_by(F("completion__pk").desc(nulls_first=True), "-pk")
    )
    asks = EditionRequirement.objects.filter(
        Q(edition__in=[enrolment.edition_id for enrolment in enrolments]) | Q(edition__in=[e.course.current_id for e in enrolments]),
        kind=EditionRequirement.Kind.QUIZ,
    )
    keys = set(asks.values_list("edition", "key"))
    of_banks = Q(course_code__in={enrolment.course.code for enrolment in enrolments})
    newest = {one.course_id: one for one in sorted(enrolments, key=Enrolment.by_newness)}
    enrolments = [one for one in enrolments if one == newest[one.course_id]]
    standing: list[tuple[Quiz, Enrolment]] = []
    for quiz in Quiz.objects.filter(Q(key__in={key for _edition, key in keys}) | of_banks, is_exam=False):
        asking = [e for e in enrolments if (e.edition_id, quiz.key) in keys]
        # As `attempts.standing`: of those that ask all that are under way, else the newest, else one that offers it.
        open_ = [e for e in asking if not hasattr(e, "completion")]
        standing += [(quiz, e) for e in open_ or asking[:1] or [e for e in enrolments if _offers(e, quiz, keys)][:1]]
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


def _offers(enrolment: Enrolment, quiz: Quiz, keys: set) -> bool:
    course, edition = enrolment.course, enrolment.edition
    is_of_bank = (course.county_id, course.code) == (quiz.county_id, quiz.course_code)
    return (course.current_id, quiz.key) in keys or (is_of_bank and outlines.embeds(edition, course.code, quiz.key))


def _figures(found, figure) -> dict[tuple[int, int], int]:
    return {(quiz, enrolment): n for quiz, enrolment, n in found.order_by().values_list("quiz", "enrolment").annotate(n=figure)}
