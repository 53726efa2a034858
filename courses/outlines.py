"""What a course consists of, as plain values: the same shape from a draft page and from an edition.

Publishing freezes an outline into an edition, previews show an outline of the draft, and the
learner's pages show the outline of the edition, so all three speak of the same thing.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from html import unescape
from itertools import chain, count

from django.core.cache import caches
from django.utils.html import strip_tags
from django.utils.translation import gettext as _
from wagtail.blocks import StreamBlockValidationError

from courses.models import CoursePage, Edition, EditionRequirement, LessonPage, Line, PassRule
from courses.slots import QUIZZES
from people.models import Unit

SLUG_LENGTH = 80  # of EditionLesson.slug
RESERVED_SLUGS = {"enrol"}
Kind = EditionRequirement.Kind
_BLANKS = re.compile(r"[\s\u200b\ufeff]+")


@dataclass(frozen=True)
class LessonOutline:
    key: str
    slug: str
    title: str
    minutes: int
    id: int | None = None  # of the EditionLesson; None in a draft
    quizzes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RequirementOutline:
    kind: str
    key: str
    title: str
    lesson_key: str
    id: int | None = None


@dataclass(frozen=True)
class Outline:
    """A course's facts, lessons and requirements, in reading order."""

    code: str
    title: str
    summary: str
    goals: tuple[str, ...]
    sources: tuple[str, ...]
    tags: tuple[str, ...]
    line: str
    pass_rule: str
    prerequisites: tuple[str, ...]
    certificate: str
    mark: str
    lessons: tuple[LessonOutline, ...]
    requirements: tuple[RequirementOutline, ...]
    number: int | None = None
    bodies: dict = field(default_factory=dict, compare=False, repr=False)  # raw blocks by lesson key; drafts only

    @property
    def minutes(self) -> int:
        return sum(lesson.minutes for lesson in self.lessons)

    @property
    def line_label(self) -> str:
        return str(Line(self.line).label)

    @property
    def pass_rule_label(self) -> str:
        """What one has to do to pass; where there is no quiz, none is spoken of."""
        asks_for_none = self.pass_rule == PassRule.LESSONS_AND_QUIZ and not self.has_test
        return str(PassRule.LESSONS.label if asks_for_none else PassRule(self.pass_rule).label)

    @property
    def has_test(self) -> bool:
        return any(requirement.kind == Kind.QUIZ for requirement in self.requirements)

    def digest(self) -> str:
        """SHA-256 over everything a learner could notice; block ids, which mean nothing, are left out."""
        facts = {
            "facts": [
                self.code,
                self.title,
                self.summary,
                self.goals,
                self.sources,
                self.tags,
                self.line,
                self.pass_rule,
                self.prerequisites,
                self.certificate,
                self.mark,
            ],
            "lessons": [
                [lesson.key, lesson.slug, lesson.title, lesson.minutes, _without_ids(self.bodies.get(lesson.key, []))]
                for lesson in self.lessons
            ],
            "requirements": [[r.kind, r.key, r.title, r.lesson_key] for r in self.requirements],
        }
        return hashlib.sha256(json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _without_ids(value):
    if isinstance(value, dict):
        is_block = "type" in value and "value" in value
        return {key: _without_ids(inner) for key, inner in value.items() if not (is_block and key == "id")}
    if isinstance(value, list):
        return [_without_ids(inner) for inner in value]
    return value


def embeds(edition: Edition, code: str, quiz_key: str) -> bool:
    """Whether a lesson of the edition shows the quiz, also where its pass rule does not ask for it. As `of_edition`."""
    return any(quiz_key in lesson.quizzes for lesson in of_edition(edition, code).lessons)


def is_empty(body: list[dict]) -> bool:
    """Whether raw blocks of a lesson say nothing: there is none, or none but texts of blanks."""
    return all(block["type"] == "text" and not _BLANKS.sub("", unescape(strip_tags(str(block["value"] or "")))) for block in body)


def unfinished(body: list[dict]) -> list[str]:
    """Which raw blocks of a lesson no form would take as they are, by number and name: Wagtail stores drafts with empty fields.

    One query for each image, document and file that the lesson shows. A quiz that is none of ours has its own refusal.
    """
    stream = LessonPage._meta.get_field("body").stream_block
    blocks = stream.to_python(body)
    try:
        stream.clean(blocks)
    except StreamBlockValidationError as error:
        found = [number for number in sorted(error.block_errors) if not (blocks[number].block_type == "quiz" and blocks[number].value)]
        return [_("block %(number)d “%(name)s”") % {"number": number + 1, "name": blocks[number].block.label} for number in found]
    return []


def quiz_keys(body) -> tuple[str, ...]:
    """The keys of the quizzes embedded in a lesson's body, in order, each once."""
    return tuple(dict.fromkeys(block.value for block in body if block.block_type == "quiz" and block.value))


def county_of(page: CoursePage) -> Unit:
    """The county whose catalogue the page stands in."""
    return page.get_parent().specific.county


def live_lessons(page: CoursePage) -> list[LessonPage]:
    return list(LessonPage.objects.child_of(page).live().order_by("path"))


def of_page(page: CoursePage, lessons: list[LessonPage]) -> Outline:
    """The outline of a draft: of the page as it is in memory, with these lessons."""
    outlined: list[LessonOutline] = []
    for lesson in lessons:
        outlined.append(
            LessonOutline(
                key=str(lesson.translation_key),
                slug=_address(lesson.slug, {other.slug for other in outlined}),
                title=lesson.title,
                minutes=lesson.minutes or 0,
                quizzes=quiz_keys(lesson.body),
            )
        )
    return Outline(
        code=page.code,
        title=page.title,
        summary=page.summary,
        goals=tuple(page.goals),
        sources=tuple(page.sources),
        tags=tuple(page.tags),
        line=page.line,
        pass_rule=page.pass_rule,
        prerequisites=tuple(page.prerequisites),
        certificate=page.certificate,
        mark=page.mark,
        lessons=tuple(outlined),
        requirements=tuple(_requirements(page.pass_rule, outlined)),
        bodies={str(lesson.translation_key): lesson.body.get_prep_value() for lesson in lessons},
    )


def _address(slug: str, taken: set[str]) -> str:
    """The slug as a record keeps it: shortened, and told apart where that, or a word of ours, makes two alike."""
    numbered = (f"{slug[: SLUG_LENGTH - 4]}-{number}" for number in count(1))
    return next(address for address in chain([slug[:SLUG_LENGTH]], numbered) if address not in taken | RESERVED_SLUGS)


def _requirements(pass_rule: str, lessons: list[LessonOutline]):
    asked: set[str] = set()
    for lesson in lessons:
        if pass_rule != PassRule.QUIZ:
            yield RequirementOutline(Kind.LESSON, lesson.key, lesson.title, lesson.key)
        if pass_rule == PassRule.LESSONS:
            continue
        for key in lesson.quizzes:
            if key not in asked:
                asked.add(key)
                yield RequirementOutline(Kind.QUIZ, key, (QUIZZES.title(key) or key)[:120], lesson.key)


def of_edition(edition: Edition, code: str) -> Outline:
    """The outline of an edition. Three queries the first time in a process, none afterwards: editions never change."""
    cache, name = caches["local"], f"outline:{edition.pk}:{edition.digest[:16]}"
    found = cache.get(name)
    if found is None:
        edition = Edition.objects.get(pk=edition.pk)  # a page brings the few fields that it shows
        lessons = list(edition.lessons.all())
        requirements = list(edition.requirements.select_related("lesson"))
        found = Outline(
            code=code,
            title=edition.title,
            summary=edition.summary,
            goals=tuple(edition.goals),
            sources=tuple(edition.sources),
            tags=tuple(edition.tags),
            line=edition.line,
            pass_rule=edition.pass_rule,
            prerequisites=tuple(edition.prerequisites),
            certificate=edition.certificate,
            mark=edition.mark,
            number=edition.number,
            lessons=tuple(
                LessonOutline(str(lesson.key), lesson.slug, lesson.title, lesson.minutes, lesson.pk, quiz_keys(lesson.body))
                for lesson in lessons
            ),
            requirements=tuple(RequirementOutline(r.kind, r.key, r.title, str(r.lesson.key), r.pk) for r in requirements),
        )
        cache.set(name, found)
    return found
