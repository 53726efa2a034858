"""Whether exams that are to come can be held and quizzes of courses begun as things stand: what would refuse everybody, said before, and
what is old."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from core import clock
from courses.models import Course, EditionRequirement
from quizzes.models import DrawRule, PaperItem, Question, Quiz, Sitting
from quizzes.services import entrance, papers, quizzes

WORTH_TELLING = timedelta(seconds=20)


def faults(sitting: Sitting, *, has_papers: bool | None = None) -> list[str]:
    """What would keep candidates of this sitting out on its day, or what they would get that is not so any more, in sentences.

    Papers made beforehand need no bank; `has_papers` says whether there are any, where that is known. Five queries, and those of
    `papers.missing_for` where papers are drawn.
    """
    return [*_hindrances(sitting, has_papers), *_cut_short(sitting), *(_outdated(sitting) if has_papers is not False else [])]


def _hindrances(sitting: Sitting, has_papers: bool | None = None) -> list[str]:
    said = []
    course = Course.objects.filter(county=sitting.quiz.county_id, code=sitting.quiz.course_code).first()
    if course is not None and not course.is_open:
        said.append(_("The course “%(course)s” is closed: whoever is not enrolled in it cannot enter.") % {"course": course})
    if settings.EXAM_ENTRIES_PER_SECOND and sitting.quiz.minutes:
        listed = sitting.listed if hasattr(sitting, "listed") else sitting.candidates.count()
        line = timedelta(seconds=listed / settings.EXAM_ENTRIES_PER_SECOND)
        spare = sitting.closes_at - sitting.opens_at - timedelta(minutes=sitting.quiz.minutes)
        if min(line, entrance.LONGEST_WAIT) > max(spare, timedelta(0)) + WORTH_TELLING:
            said.append(
                _(
                    "If all candidates come at once, the last of them wait %(minutes)d minutes at the door, and the sitting leaves less than "
                    "that beside the exam's own time: close it later."
                )
                % {"minutes": -(-min(line, entrance.LONGEST_WAIT).total_seconds() // 60)}
            )
    return said + _lacking(sitting, has_papers)


def _lacking(sitting: Sitting, has_papers: bool | None = None) -> list[str]:
    """What the bank lacks for whoever gets a paper of their own at the door."""
    if sitting.papers.exists() if has_papers is None else has_papers:
        return []
    lacks = papers.missing_for(sitting.quiz, on=clock.today(sitting.opens_at))
    return [_("The question bank cannot serve the exam on its day: %(line)s.") % {"line": line} for line in lacks]


def _cut_short(sitting: Sitting) -> list[str]:
    """That who enters late has less than the exam's own time. No query."""
    window, minutes = (sitting.closes_at - sitting.opens_at) // timedelta(minutes=1), sitting.quiz.minutes
    if not minutes or window >= sitting.late_entry_minutes + minutes:
        return []
    said = _(
        "Who enters at the end of the late entry has %(left)d minutes of the exam's %(minutes)d: close the sitting later, or end the "
        "entry earlier."
    )
    return [said % {"left": max(window - sitting.late_entry_minutes, 0), "minutes": minutes}]


def practised(sitting: Sitting) -> str:
    """How many of the questions that the exam draws are free for practice, in a sentence; "" where none is. For a sitting without
    papers: what stands on a paper for an exam is practised by nobody. By kind and difficulty, whatever the knowledge point. One query."""
    quiz = sitting.quiz
    asks = DrawRule.objects.filter(Q(difficulty=None) | Q(difficulty=OuterRef("difficulty")), quiz=quiz, kind=OuterRef("kind"))
    drawn = Question.objects.drawable(clock.today(sitting.opens_at)).filter(county=quiz.county_id, course_code__in=quiz.banks)
    open_to_all = Q(pk__in=drawn.unreserved().values("pk"))
    found = drawn.filter(Exists(asks)).aggregate(all=Count("pk"), free=Count("pk", filter=open_to_all))
    if not found["free"]:
        return ""
    return (
        _(
            "Of the %(all)d questions that this exam can draw, %(free)d may be practised by anybody: they are not for exams only. A trainer "
            "reserves them in the question bank, if nobody is to know them beforehand."
        )
        % found
    )


def _outdated(sitting: Sitting, among: Iterable[Question] | None = None) -> list[str]:
    """Questions on the sitting's papers (of these, if any are named) that are not in the bank as they stand there, a line a paper. One query."""
    old = PaperItem.objects.filter(paper__sittings=sitting, paper__withdrawn_at=None)
    old = old.filter(~Q(question_version=F("question__version")) | Q(question__status=Question.Status.RETIRED))
    if among is not None:
        old = old.filter(question__in=[question.pk for question in among])
    codes: dict[str, list[str]] = {}
    for label, code in old.order_by("paper__label", "position").values_list("paper__label", "question__code"):
        codes.setdefault(label, []).append(code)
    said = _(
        "Paper %(label)s holds questions as they were before they were changed or taken out of use in the bank: %(codes)s. Take the "
        "changes in on the papers' page before the sitting opens and have the paper sealed anew, or leave them if nothing of it matters."
    )
    return [said % {"label": label, "codes": "、".join(several)} for label, several in codes.items()]


def earns_nothing(exam: Quiz) -> str:
    """What to tell those who set an exam up that no course asks for; "" where one does. One query."""
    if not exam.is_exam or quizzes.asking(exam).exists():
        return ""
    return _(
        "No course asks for this exam: a pass leads to no completion, no certificate and no hours. If it shall count, put it into a "
        "lesson of a course (block “Quiz”) and have the course published."
    )


def shaken_by(questions: Iterable[Question], *, at: datetime, also: Collection[tuple[int, str]] = ()) -> list[str]:
    """Published sittings to come that cannot be held since these questions were changed, or hand them out as they were before, those into
    which nobody can be let any more, and quizzes of open courses that nobody can begin any more, in sentences. For whoever changed them.
    `also` are banks that they left: county and course.
    """
    questions = list(questions)
    about = {(question.county_id, question.course_code) for question in questions} | {*also}
    coming = Sitting.objects.published().filter(closes_at__gt=at, quiz__county__in={county for county, _course in about})
    coming = coming.select_related("quiz").order_by("opens_at")
    exams = [
        _("“%(sitting)s” on %(day)s: %(fault)s")
        % {"sitting": sitting.title, "day": clock.local(sitting.opens_at).strftime("%Y-%m-%d"), "fault": fault}
        for sitting in coming
        for fault in _shaken(
            sitting, questions, draws=bool(about & {(sitting.quiz.county_id, course) for course in sitting.quiz.banks}), at=at
        )
    ]
    exercises = Quiz.objects.filter(county__in={county for county, _course in about})
    touched = [quiz.key for quiz in exercises if about & {(quiz.county_id, course) for course in quiz.banks}]
    return exams + [str(one) for one in unserved(Course.objects.all(), keys=touched, fresh=True)]


def _shaken(sitting: Sitting, questions: list[Question], *, draws: bool, at: datetime) -> list[str]:
    if at < sitting.opens_at:
        return [*(_hindrances(sitting) if draws else []), *_outdated(sitting, questions)]
    last_entry_at = sitting.opens_at + timedelta(minutes=sitting.late_entry_minutes) + (sitting.over_at - sitting.closes_at)
    return _lacking(sitting) if draws and at < last_entry_at else []


@dataclass(frozen=True)
class Unserved:
    """A quiz that current editions ask for and that nobody can begin."""

    quiz: Quiz
    courses: list[str]
    lacks: list[str]

    def __str__(self) -> str:
        return _("Nobody can begin the quiz “%(quiz)s” of “%(courses)s” now: %(lacks)s. Fill the question bank again.") % {
            "quiz": self.quiz.title,
            "courses": "”、“".join(self.courses),
            "lacks": "；".join(self.lacks),
        }


def unserved(courses: QuerySet[Course], *, keys: Iterable[str] | None = None, fresh: bool = False) -> list[Unserved]:
    """The quizzes (of these keys, if any are named) that the open ones of these courses ask for now and that nobody can begin; exams are
    told by their sittings. One query, and those of `papers.unserved`; `fresh` as there.
    """
    asked = EditionRequirement.objects.filter(kind=EditionRequirement.Kind.QUIZ, edition__in=courses.open().values("current"))  # type: ignore[attr-defined]
    titles: dict[str, list[str]] = {}
    for key, title in (asked if keys is None else asked.filter(key__in=keys)).order_by("edition").values_list("key", "edition__title"):
        titles.setdefault(key, []).append(title)
    if not titles:
        return []
    found = papers.unserved(Quiz.objects.filter(key__in=titles), fresh=fresh)
    return [Unserved(quiz, titles[quiz.key], lacks) for quiz, lacks in found]
