"""Finding courses and lessons by words, Chinese ones too: 安全 is found inside 安全生产.

Courses are found in the tokens of their edition; lessons in their text, which each process
keeps once it was read, because editions never change.
"""

import html
import re
from dataclasses import dataclass

from django.core.cache import caches
from django.db.models import Q
from django.urls import reverse

from core.text import folded, query_tokens, squeeze
from courses.models import Course, EditionLesson

LIMIT = 20
AROUND = 36  # letters of text on each side of a find
_TAGS = re.compile(r"<[^>]+>")
# What a block holds for machines, or would say before its time.
_SILENT = {"id", "type", "correct", "feedback", "mark", "image", "video", "captions", "document", "kind"}


@dataclass
class FoundLesson:
    title: str
    course: Course
    url: str
    snippet: str


@dataclass
class Finds:
    tokens: list[str]
    courses: list[Course]
    lessons: list[FoundLesson]
    more_courses: int = 0
    more_lessons: int = 0

    def __bool__(self) -> bool:
        return bool(self.courses or self.lessons)


def search(user, query: str) -> Finds:
    """Open courses and lessons of their current editions that hold every token of the query. Two queries; three when texts are new here."""
    tokens = query_tokens(query[:60])[:12]
    if not tokens:
        return Finds([], [], [])
    shelf = Course.objects.visible_to(user).open().select_related("current")
    wanted = Q()
    for token in tokens:
        wanted &= Q(current__search_text__contains=token) | Q(code__icontains=token)
    by_edition = {course.current_id: course for course in shelf.order_by("code")}
    courses = list(shelf.filter(wanted).order_by("code"))
    courses.sort(key=lambda course: -sum(token in folded(course.current.title) for token in tokens))
    lessons = []
    for edition_id, texts in _texts(list(by_edition)).items():
        course = by_edition[edition_id]
        for title, slug, text, low_text in texts:
            low_title, low = folded(title), low_text
            if all(token in low_title or token in low for token in tokens):
                rank = (-sum(token in low_title for token in tokens), -min(20, sum(low.count(token) for token in tokens)))
                lessons.append((rank, FoundLesson(title, course, reverse("lesson", args=[course.pk, slug]), snippet(text, tokens))))
    lessons.sort(key=lambda pair: pair[0])
    return Finds(
        tokens, courses[:LIMIT], [lesson for _rank, lesson in lessons[:LIMIT]], max(0, len(courses) - LIMIT), max(0, len(lessons) - LIMIT)
    )


def _texts(editions: list[int]) -> dict[int, list[tuple[str, str, str, str]]]:
    """Edition → (title, slug, plain text, the same folded) of its lessons, in order."""
    cache = caches["local"]
    names = {f"lesson-texts:{pk}": pk for pk in editions}
    found = {names[name]: value for name, value in cache.get_many(names).items()}
    missing = [pk for pk in editions if pk not in found]
    fresh: dict[int, list] = {pk: [] for pk in missing}
    if missing:
        for lesson in EditionLesson.objects.filter(edition__in=missing).order_by("edition", "position"):
            text = plain_text(lesson.body.raw_data)
            fresh[lesson.edition_id].append((lesson.title, lesson.slug, text, folded(text)))
    cache.set_many({f"lesson-texts:{pk}": texts for pk, texts in fresh.items()})
    return {pk: found.get(pk, fresh.get(pk, [])) for pk in editions}


def plain_text(raw) -> str:
    """The words of a lesson as a reader sees them: no markup, no quiz keys, nothing that a self-check tells only afterwards."""
    parts: list[str] = []

    def walk(value) -> None:
        if isinstance(value, str):
            text = html.unescape(_TAGS.sub(" ", value))
            parts.append(squeeze(text))
        elif isinstance(value, dict):
            for key, inner in value.items():
                if key not in _SILENT:
                    walk(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                walk(inner)

    for block in raw:
        if block["type"] != "quiz":
            walk(block.get("value"))
    return " ".join(part for part in parts if part)


def snippet(text: str, tokens: list[str]) -> str:
    """A piece of the text around the first find, with … where it was cut."""
    low = folded(text)
    first = min((low.find(token) for token in tokens if token in low), default=0)
    start, end = max(0, first - AROUND), first + AROUND * 2
    return ("…" if start else "") + text[start:end].strip() + ("…" if end < len(text) else "")
