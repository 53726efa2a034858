"""Papers that are made before the exam: parallel ones from a blueprint, or fixed by hand; sealed by two persons."""

import hashlib
import json

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Fact
from people.models import Person, Unit
from people.permissions import paths_of
from quizzes import kinds
from quizzes.models.bank import AUTHORS, Question
from quizzes.models.quiz import Quiz

SEALS = 2  # persons who stand behind a paper


class PaperQuerySet(models.QuerySet):
    def visible_to(self, user) -> "PaperQuerySet":
        """For those who work on the county's bank: nobody else sees a paper before it is sat."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(quiz__county__path__in={path[: Unit.steplen] for path in paths_of(user, AUTHORS)})

    def with_seals(self) -> "PaperQuerySet":
        return self.prefetch_related("seals__by")


class Paper(models.Model):
    """One paper of a quiz (试卷 A, B, …). Its items are copies: editing the bank changes no paper.

    Until somebody seals it, items may be exchanged; a seal is over all of them and over how they are marked, so a
    change breaks it. A paper that is withdrawn is handed out no more, and its questions are free for course quizzes.
    """

    quiz = models.ForeignKey(Quiz, on_delete=models.PROTECT, related_name="papers", verbose_name=_("quiz"))
    label = models.CharField(_("paper"), max_length=20)
    made_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    objects = PaperQuerySet.as_manager()

    class Meta:
        verbose_name = _("paper")
        verbose_name_plural = _("papers")
        ordering = ["quiz", "label"]
        constraints = [models.UniqueConstraint(fields=["quiz", "label"], name="paper_label_once")]

    def __str__(self) -> str:
        return f"{self.quiz.title} {self.label}"

    @property
    def seal_marks(self) -> list["Seal"]:
        """The seals over the paper as it is now."""
        digest = self.digest()
        return [seal for seal in self.seals.all() if seal.digest == digest]

    @property
    def is_sealed(self) -> bool:
        return len({seal.by_id for seal in self.seal_marks}) >= SEALS

    def digest(self) -> str:
        """SHA-256 over everything that a candidate gets and is marked by. Two queries unless items and quiz are there."""
        facts: list = [[self.quiz.pass_percent, self.quiz.policies]]
        facts += [
            [item.position, item.question_id, item.question_version, item.kind, str(item.points), item.stem, item.content, item.key]
            for item in self.items.all()
        ]
        return hashlib.sha256(json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


class PaperItem(models.Model):
    """One question of a paper, as it was in the bank when it was put there."""

    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField()
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="on_papers")
    question_version = models.PositiveIntegerField()
    kind = models.CharField(max_length=10)
    points = models.DecimalField(max_digits=5, decimal_places=2)
    stem = models.TextField()
    content = models.JSONField()
    key = models.JSONField()
    explanation = models.TextField(blank=True)
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["paper", "position"], name="paper_position_once"),
            models.UniqueConstraint(fields=["paper", "question"], name="paper_question_once"),
        ]

    def __str__(self) -> str:
        return f"{self.paper_id}.{self.position}"

    @property
    def item_kind(self) -> kinds.ItemKind:
        return kinds.of(self.kind)


class Seal(Fact):
    """One person stands behind a paper as it was then: `digest` is over all its items."""

    paper = models.ForeignKey(Paper, on_delete=models.PROTECT, related_name="seals")
    digest = models.CharField(max_length=64)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["paper", "by", "digest"], name="seal_once_a_person")]


__all__ = ["Paper", "PaperItem", "Seal"]
