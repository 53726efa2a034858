"""What a learner's pages show, put together from an outline and from what the learner has done."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.core.cache import caches
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from core import clock
from core.prepared import Prepared
from courses import outlines, rules
from courses.models import Course, EditionLesson, Enrolment, LessonPlace
from courses.outlines import LessonOutline, Outline
from courses.services import policies
from courses.services.completions import Explanation, Item
from courses.slots import CERTIFICATES, QUIZZES


@dataclass(frozen=True)
class QuizRow:
    key: str
    title: str
    url: str
    item: Item | None  # None: the edition does not ask for it


@dataclass(frozen=True)
class LessonRow:
    """One line of a course's outline: the lesson, its state ("done", "reading", "new") and its quizzes."""

    number: int
    lesson: LessonOutline
    state: str
    quizzes: tuple[QuizRow, ...]


def quiz_url(key: str) -> str:
    """The address of a quiz in the app above; "" where there is none."""
    try:
        return reverse("quiz", kwargs={"key": key})
    except NoReverseMatch:
        return ""


def rows(outline: Outline, explanation: Explanation | None = None, places: dict[int, int] | None = None) -> list[LessonRow]:
    """The outline's lessons with what the learner has done of each; `places`: percent seen, by lesson id. No query."""
    places = places or {}
    items = {(item.kind, item.key): item for item in explanation.items} if explanation else {}
    found = []
    for number, lesson in enumerate(outline.lessons, start=1):
        seen, item = places.get(lesson.id), items.get(("lesson", lesson.key))  # type: ignore[arg-type]
        is_done = item.is_met if item else seen == 100
        quizzes = tuple(
            QuizRow(key, asked.title if (asked := items.get(("quiz", key))) else QUIZZES.title(key) or key, quiz_url(key), asked)
            for key in lesson.quizzes
        )
        found.append(LessonRow(number, lesson, "done" if is_done else "new" if seen is None else "reading", quizzes))
    return found


def places_of(enrolment: Enrolment) -> dict[int, int]:
    """The lessons that were opened, and how many percent of each were seen. One query."""
    return dict(_places_in(enrolment.pk))


_places_in = Prepared(lambda enrolment: LessonPlace.objects.filter(enrolment=enrolment).values_list("lesson_id", "furthest"))


def next_address(course_id: int, outline: Outline, explanation: Explanation) -> str:
    """Where "continue" leads: the first thing that is missing."""
    slugs = {lesson.key: lesson.slug for lesson in outline.lessons}
    for item in explanation.missing:
        if item.kind == "quiz" and (address := quiz_url(item.key)):
            return address
        return reverse("lesson", args=[course_id, slugs[item.lesson_key]])
    return reverse("lesson", args=[course_id, outline.lessons[0].slug])


def hours(minutes: int, has_test: bool, *, county, at: datetime) -> Decimal:
    """The credit hours that a course promises, by the policy of today."""
    policy = policies.promised(day=clock.today(at), county=county)
    return rules.credit_hours(minutes * 60, policy.bands) + (policy.test_passed if has_test else 0)


def certificate_title(key: str, county: int) -> str | None:
    """What this county calls its certificate of this key now; at most a minute old."""
    if not key:
        return None
    return caches["local"].get_or_set(f"certificate-title:{county}:{key}", lambda: CERTIFICATES.title(key, county) or "", 60) or None


@dataclass(frozen=True)
class Due:
    """A due day and how near it is; `days` is 0 on the day itself, negative afterwards."""

    day: date
    days: int

    @property
    def words(self) -> str:
        """The day; its year only when it is another one."""
        is_this_year = self.day.year == (self.day - timedelta(days=self.days)).year
        return date_format(self.day, _("F j") if is_this_year else "DATE_FORMAT")

    @property
    def is_over(self) -> bool:
        return self.days < 0

    @property
    def is_near(self) -> bool:
        return 0 <= self.days <= 7


def due(course: Course, at: datetime) -> Due | None:
    return Due(course.due_on, (course.due_on - clock.today(at)).days) if course.due_on else None


def page_state(context: dict) -> str:
    """Everything that the body of a course page shows to somebody enrolled: equal states show equal pages."""
    completion, explanation = context["completion"], context["explanation"]
    shown = (
        get_language(),
        context["enrolment"].edition.digest,
        context["course"].pk,
        context["course"].need,
        context["course"].is_open,
        context["due"],
        context["hours"],
        context["certificate"],
        context["next"],
        context["is_older"],
        tuple((row.state, tuple((quiz.title, quiz.url, quiz.item) for quiz in row.quizzes)) for row in context["rows"]),
        tuple((item.key, item.is_met) for item in explanation.items),
        completion and (completion.pk, completion.completed_at, completion.hours, completion.score, completion.certificate),
        context["reversal"] and context["reversal"].reason,
        context["beside"] and (context["beside"].round, context["beside"].completed_at),
    )
    return repr(shown)


def body_html(lesson: LessonOutline) -> str:
    """The text of an edition's lesson as HTML. Rendered once a process and language: an edition never changes."""
    cache, name = caches["local"], f"lesson:{lesson.id}:{lesson.key}:{get_language()}"
    html = cache.get(name)
    if html is None:
        html = render_body(EditionLesson.objects.get(pk=lesson.id).body)  # type: ignore[misc]
        cache.set(name, html)
    return html


def render_body(body) -> str:
    """Blocks as HTML, each in a section whose number the reading place refers to."""
    parts = []
    for number, block in enumerate(body):
        html = block.render(context={"block_number": number})
        parts.append(f'<section class="lesson-block is-{block.block_type}" id="b-{number}" data-block="{number}">{html}</section>')
    return "".join(parts)


def outline_of(enrolment: Enrolment) -> Outline:
    return outlines.of_edition(enrolment.edition, enrolment.course.code)
