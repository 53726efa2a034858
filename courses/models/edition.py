"""What a course was at one publication. Append-only: enrolments and records pin an edition."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from wagtail.fields import StreamField

from core.models import Fact
from courses.blocks import LessonBody
from courses.models.course import Course, Line, PassRule
from people.models import Person


class Edition(Fact):
    """One published state of a course: its facts and its lessons with their text.

    Appears when a course page or one of its lessons is published and something differs from
    the edition before (`digest`). Never changes. It keeps the lesson text itself, so that a
    learner finishes what was begun and a record can be read when pages are long gone.
    """

    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="editions")
    number = models.PositiveIntegerField(_("edition"))
    title = models.CharField(_("title"), max_length=120)
    summary = models.TextField(_("summary"), blank=True)
    goals = models.JSONField(_("goals"), default=list)
    sources = models.JSONField(_("sources"), default=list)
    tags = models.JSONField(_("tags"), default=list)
    line = models.CharField(_("line"), max_length=12, choices=Line.choices)
    minutes = models.PositiveIntegerField(_("minutes"))
    pass_rule = models.CharField(_("pass rule"), max_length=20, choices=PassRule.choices)
    prerequisites = models.JSONField(_("prerequisites"), default=list)  # course codes of the same county
    certificate = models.CharField(_("certificate"), max_length=40, blank=True)  # a key of slots.CERTIFICATES
    mark = models.CharField(_("evidence mark"), max_length=1, blank=True)
    search_text = models.TextField(blank=True)  # tokens of title, summary, tags, lesson titles
    digest = models.CharField(max_length=64)
    published_at = models.DateTimeField(_("published at"))
    published_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = _("edition")
        verbose_name_plural = _("editions")
        constraints = [models.UniqueConstraint(fields=["course", "number"], name="edition_number_once")]

    def __str__(self) -> str:
        return f"{self.title} v{self.number}"


class EditionLesson(Fact):
    """A lesson as it was in an edition."""

    edition = models.ForeignKey(Edition, on_delete=models.PROTECT, related_name="lessons")
    key = models.UUIDField()  # the lesson page's translation_key: the same lesson across editions
    slug = models.SlugField(max_length=80, allow_unicode=True)
    title = models.CharField(_("title"), max_length=120)
    position = models.PositiveSmallIntegerField()
    minutes = models.PositiveIntegerField(_("minutes"))
    body = StreamField(LessonBody(), blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["edition", "position"], name="edition_lesson_position_once"),
            models.UniqueConstraint(fields=["edition", "slug"], name="edition_lesson_slug_once"),
            models.UniqueConstraint(fields=["edition", "key"], name="edition_lesson_key_once"),
        ]

    def __str__(self) -> str:
        return self.title


class EditionRequirement(Fact):
    """Something that has to be met to complete the edition: a lesson finished or a quiz passed."""

    class Kind(models.TextChoices):
        LESSON = "lesson", _("Lesson")
        QUIZ = "quiz", _("Quiz")

    edition = models.ForeignKey(Edition, on_delete=models.PROTECT, related_name="requirements")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    key = models.CharField(max_length=80)  # EditionLesson.key, or a key of slots.QUIZZES
    title = models.CharField(max_length=120)
    position = models.PositiveSmallIntegerField()
    lesson = models.ForeignKey(EditionLesson, on_delete=models.PROTECT, related_name="requirements")  # where it stands

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["edition", "kind", "key"], name="edition_requirement_once")]

    def __str__(self) -> str:
        return self.title
