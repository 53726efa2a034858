"""How many attempts somebody has at the quizzes of their courses. Reads only."""

from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, Q

from courses import outlines
from courses.models import Course, EditionRequirement, Enrolment
from people.models import Person
from people.permissions import counties_read
from quizzes.models import Allowance, Attempt, Quiz


@dataclass(frozen=True)
class Chance:
    """One quiz in the enrolment that counts for it now."""

    quiz: Quiz
    enrolment: Enrolment
    used: int
    allowed: int | None  # None: without limit
    has_passed: bool
    reads_first: bool  # whether the reader reads the course's first round, too

    @property
    def course(self) -> Course:
        return self.enrolment.course

    @property
    def is_used_up(self) -> bool:
        return self.allowed is not None and self.used >= self.allowed


def of(person: Person, *, reader: Person | None = None) -> list[Chance]:
    """The quizzes of the person's courses, exams left out, by course: those whose round the reader, the person where none is named, reads.

    Passes are told as the reader reads them; attempts used are whole, for what is left of the round hangs on them. Five queries, however
    many courses, and those of `outlines.embeds` for an edition that was not read yet.
    """
    user = person if reader is None else reader
    seen = Enrolment.objects.visible_to(user).filter(pk=OuterRef("pk"))
    enrolments = list(
        Enrolment.objects.filter(person=person)
        .annotate(seen=Exists(seen))
        .select_related("course", "edition", "completion__reversal")
        .order_by(F("completion__pk").desc(nulls_first=True), "-pk")
    )
    asks = EditionRequirement.objects.filter(
        Q(edition__in=[enrolment.edition_id for enrolment in enrolments]) | Q(edition__in=[e.course.current_id for e in enrolments]),
        kind=EditionRequirement.Kind.QUIZ,
    )
    keys = set(asks.values_list("edition", "key"))
    of_banks = Q(course_code__in={enrolment.course.code for enrolment in enrolments})
    first = {one.course_id for one in enrolments if one.round == 1 and one.seen}  # type: ignore[attr-defined]
    newest = {one.course_id: one for one in sorted(enrolments, key=Enrolment.by_newness)}
    enrolments = [one for one in enrolments if one == newest[one.course_id]]
    standing: list[tuple[Quiz, Enrolment]] = []
    for quiz in Quiz.objects.filter(Q(key__in={key for _edition, key in keys}) | of_banks, is_exam=False):
        asking = [e for e in enrolments if (e.edition_id, quiz.key) in keys]
        # As `attempts.standing`: of those that ask all that are under way, else the newest, else one that offers it.
        open_ = [e for e in asking if not hasattr(e, "completion")]
        standing += [(quiz, e) for e in open_ or asking[:1] or [e for e in enrolments if _offers(e, quiz, keys)][:1]]
    used = _figures(Attempt.objects.filter(person=person), Count("pk"))
    passed = _figures(Attempt.objects.visible_to(user).filter(person=person).passed(), Count("pk"))
    allowances = list(Allowance.objects.filter(person=person, sitting=None))
    return [
        Chance(
            quiz=quiz,
            enrolment=enrolment,
            used=used.get((quiz.pk, enrolment.pk), 0),
            allowed=quiz.attempts_allowed + _extra(allowances, quiz, enrolment) if quiz.attempts_allowed else None,
            has_passed=bool(passed.get((quiz.pk, enrolment.pk))),
            reads_first=enrolment.course_id in first,
        )
        for quiz, enrolment in standing
        if enrolment.seen  # type: ignore[attr-defined]
    ]


def given(person: Person, found: list[Chance], *, reader: Person) -> list[Allowance]:
    """What was given to the person for these chances, the newest first: in rounds that the reader reads, and in sittings of a county where
    they read records. One query."""
    first = {one.quiz.pk for one in found if one.reads_first}
    round_ = Enrolment.objects.visible_to(reader).filter(pk=OuterRef("enrolment"))
    rows = Allowance.objects.filter(person=person, quiz__in=[one.quiz.pk for one in found]).annotate(in_round=Exists(round_))
    counties = counties_read(reader)

    def is_read(row: Allowance) -> bool:
        if row.sitting_id is not None:
            return reader.is_superuser or row.quiz.county.path in counties
        return row.in_round if row.enrolment_id else row.quiz_id in first  # type: ignore[attr-defined]

    return [row for row in rows.select_related("quiz__county", "sitting", "by").order_by("-pk") if is_read(row)]


def _extra(given: list[Allowance], quiz: Quiz, enrolment: Enrolment) -> int:
    return sum(one.extra_attempts for one in given if one.quiz_id == quiz.pk and one.holds_in(enrolment))


def _offers(enrolment: Enrolment, quiz: Quiz, keys: set) -> bool:
    course, edition = enrolment.course, enrolment.edition
    is_of_bank = (course.county_id, course.code) == (quiz.county_id, quiz.course_code)
    return (course.current_id, quiz.key) in keys or (is_of_bank and outlines.embeds(edition, course.code, quiz.key))


def _figures(found, figure) -> dict[tuple[int, int], int]:
    return {(quiz, enrolment): n for quiz, enrolment, n in found.order_by().values_list("quiz", "enrolment").annotate(n=figure)}
