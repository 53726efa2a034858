"""The question bank."""

import hashlib
import json
from collections.abc import Iterable
from datetime import date

from django.db import connections, models
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core import clock
from core.models import Fact
from people.models import Person, Role, Unit
from people.permissions import paths_of
from quizzes import kinds, stems
from quizzes.rules import UNMARKED

AUTHORS = (Role.TRAINER, Role.REVIEWER, Role.ADMINISTRATOR)


class OfCountyQuerySet(models.QuerySet):
    def visible_to(self, user) -> "OfCountyQuerySet":
        """What belongs to the bank is for trainers, reviewers and administrators of the county only."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        counties = {path[: Unit.steplen] for path in paths_of(user, AUTHORS)}
        return self.filter(county__path__in=counties)


class KnowledgePoint(models.Model):
    """What a question tests, in the county's own words: a tree, in which siblings have different names."""

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("county"))
    name = models.CharField(_("name"), max_length=80)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("parent"))

    objects = OfCountyQuerySet.as_manager()

    class Meta:
        verbose_name = _("knowledge point")
        verbose_name_plural = _("knowledge points")
        constraints = [
            models.UniqueConstraint(fields=["county", "parent", "name"], name="knowledge_point_once"),
            models.UniqueConstraint(fields=["county", "name"], condition=models.Q(parent=None), name="knowledge_root_once"),
        ]

    def __str__(self) -> str:
        return self.name


MARKS = [
    ("V", _("V: checked against the text in force")),
    ("S", _("S: from a secondary source")),
    ("D", _("D: set by the county")),
    ("M", _("M: still to be checked, no paper draws it")),
]
LEVELS = [(1, _("Easy")), (2, _("Medium")), (3, _("Hard"))]


class QuestionQuerySet(OfCountyQuerySet):
    def drawable(self, on: date | None = None) -> "QuestionQuerySet":
        """Questions that a paper may use on a day (today): reviewed, their source in force, their answer not merely from memory."""
        day = on or clock.today()
        in_force = models.Q(source_until=None) | models.Q(source_until__gte=day)
        has_begun = models.Q(source_since=None) | models.Q(source_since__lte=day)
        return self.filter(in_force & has_begun, status=Question.Status.REVIEWED).exclude(mark="M")

    def holding(self, query: str) -> "QuestionQuerySet":
        """Questions in which each word of the query stands somewhere, inside other words too: code, stem, options, explanation, source, tags."""
        found = self.annotate(content_text=Cast("content", models.TextField()), tags_text=Cast("tags", models.TextField()))
        for word in query.split():
            anywhere = models.Q(content_text__icontains=self._in_json(word)) | models.Q(tags_text__icontains=self._in_json(word))
            for name in ("code", "stem", "explanation", "source", "point__name"):
                anywhere |= models.Q(**{f"{name}__icontains": word})
            found = found.filter(anywhere)
        return found

    def tagged(self, tag: str) -> "QuestionQuerySet":
        """Questions with exactly this tag among theirs."""
        whole = f'"{self._in_json(tag)}"'
        return self.annotate(tags_text=Cast("tags", models.TextField())).filter(tags_text__contains=whole)

    def _in_json(self, text: str) -> str:
        """The text as it stands inside a JSON column read as text: SQLite keeps what Python wrote, with escapes."""
        return json.dumps(text, ensure_ascii=connections[self.db].vendor != "postgresql")[1:-1]

    def outside(self, banks: Iterable[tuple[int, str]]) -> "QuestionQuerySet":
        """Questions of none of these banks, each told by its county and course."""
        found = self
        for county, course_code in banks:
            found = found.exclude(county=county, course_code=course_code)
        return found

    def banks(self) -> models.QuerySet:
        """The banks that these questions are of, by county and course."""
        return self.order_by().values_list("county", "course_code").distinct()

    def unreserved(self) -> "QuestionQuerySet":
        """Questions for course quizzes and practice: neither reserved for exams nor on a paper for one that was not withdrawn."""
        from quizzes.models.papers import PaperItem

        kept = PaperItem.objects.filter(question=models.OuterRef("pk"), paper__quiz__is_exam=True, paper__withdrawn_at=None)
        return self.filter(~models.Exists(kept), is_reserved=False)


class Question(models.Model):
    """One item of the bank. Editing raises `version`; attempts keep the copy that they saw.

    No paper draws it before somebody else than its last editor has reviewed it, see `services.bank.write`.

    `content` by kind — single, multiple: {"options": {"A": text}}; judge: {}; fill: {"blanks": n};
    order: {"items": [text]}; match: {"left": [text], "right": [text]}.
    `key` by kind — single, multiple: ["A", "C"]; judge: true; fill: [[accepted, …], …] by blank;
    order: [text in right order]; match: {left: right}.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", pgettext_lazy("a question", "Draft")
        REVIEWED = "reviewed", pgettext_lazy("a question", "Reviewed")
        RETIRED = "retired", pgettext_lazy("a question", "Retired")

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("county"))
    code = models.CharField(_("code"), max_length=40)
    course_code = models.CharField(_("course"), max_length=20, db_index=True)
    kind = models.CharField(_("kind"), max_length=10, choices=kinds.choices)
    difficulty = models.PositiveSmallIntegerField(_("difficulty"), choices=LEVELS, default=1)
    point = models.ForeignKey(
        KnowledgePoint, on_delete=models.PROTECT, null=True, blank=True, related_name="questions", verbose_name=_("knowledge point")
    )
    stem = models.TextField(_("stem"))
    content = models.JSONField(_("content"), default=dict)
    key = models.JSONField(_("key"))
    explanation = models.TextField(_("explanation"), blank=True)
    source = models.CharField(_("source clause"), max_length=200, blank=True)
    source_since = models.DateField(_("source in force since"), null=True, blank=True)
    source_until = models.DateField(
        _("source in force until"), null=True, blank=True, help_text=_("The last day. After it no paper draws the question.")
    )
    tags = models.JSONField(_("tags"), default=list, blank=True)
    mark = models.CharField(
        _("evidence mark"), max_length=1, choices=MARKS, default=UNMARKED, help_text=_("V and S name their source clause.")
    )
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.DRAFT)
    edited_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="+", verbose_name=_("last edited by")
    )
    is_reserved = models.BooleanField(
        _("for exams only"), default=False, help_text=_("Neither practice nor course quizzes use it, so that nobody has seen it.")
    )
    version = models.PositiveIntegerField(_("version"), default=1)
    updated_at = models.DateTimeField(auto_now=True)

    objects = QuestionQuerySet.as_manager()

    # What may change without a new version.
    BESIDE = ("point", "tags", "status", "is_reserved")
    # What a version is made of: what learners see, and by what it is drawn and marked. Point, tags and status are not.
    CONTENT = (
        "course_code",
        "kind",
        "difficulty",
        "stem",
        "content",
        "key",
        "explanation",
        "source",
        "source_since",
        "source_until",
        "mark",
    )

    class Meta:
        verbose_name = _("bank question")
        verbose_name_plural = _("bank questions")
        ordering = ["code"]
        constraints = [models.UniqueConstraint(fields=["county", "code"], name="question_code_once")]
        indexes = [models.Index(fields=["county", "course_code", "kind", "difficulty"], name="question_draw")]

    def __str__(self) -> str:
        return f"{self.code} {stems.plain(self.stem)[:30]}"

    @property
    def item_kind(self) -> kinds.ItemKind:
        return kinds.of(self.kind)

    @property
    def stamp(self) -> str:
        """What somebody looked at: the version, and a short digest of each fact of BESIDE, divided by full stops."""
        beside = [json.dumps(getattr(self, self._meta.get_field(name).attname)) for name in self.BESIDE]
        return ".".join([str(self.version), *(hashlib.sha256(value.encode()).hexdigest()[:8] for value in beside)])


class QuestionVersion(Fact):
    """One version of a question, whole, as somebody left it; the standing one too.

    Written with the question, in the same transaction. `by` is empty for what an operator brought in. A
    question older than this table has the version that stood when the table came; of those before it only
    papers and attempts have copies (`quizzes.versions` finds them).
    """

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    course_code = models.CharField(_("course"), max_length=20)
    kind = models.CharField(_("kind"), max_length=10, choices=kinds.choices)
    difficulty = models.PositiveSmallIntegerField(_("difficulty"), choices=LEVELS)
    stem = models.TextField(_("stem"))
    content = models.JSONField(_("options"))
    key = models.JSONField(_("right answer"))
    explanation = models.TextField(_("explanation"), blank=True)
    source = models.CharField(_("source clause"), max_length=200, blank=True)
    source_since = models.DateField(_("source in force since"), null=True)
    source_until = models.DateField(_("source in force until"), null=True)
    mark = models.CharField(_("evidence mark"), max_length=1)

    class Meta:
        verbose_name = _("version of a question")
        verbose_name_plural = _("versions of questions")
        constraints = [models.UniqueConstraint(fields=["question", "number"], name="question_version_once")]

    def __str__(self) -> str:
        return f"{self.question_id}.{self.number}"
