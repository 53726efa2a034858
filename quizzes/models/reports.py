"""Analyses that were computed: artefacts, which can be made again at any time."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from people.models import Person
from quizzes.models.quiz import Quiz
from quizzes.models.sittings import Sitting


class Analysis(models.Model):
    """The latest analysis of a quiz, or of one sitting of it. Overwritten when it is asked for again.

    `figures` is what `quizzes.analysis.compute` gives; None while the first one is on its way.
    """

    quiz = models.ForeignKey(Quiz, on_delete=models.PROTECT, related_name="analyses")
    sitting = models.ForeignKey(Sitting, on_delete=models.PROTECT, null=True, related_name="analyses")
    asked_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    made_at = models.DateTimeField(null=True)
    figures = models.JSONField(null=True)

    class Meta:
        verbose_name = _("analysis")
        verbose_name_plural = _("analyses")
        constraints = [
            models.UniqueConstraint(fields=["quiz"], condition=models.Q(sitting=None), name="analysis_of_a_quiz_once"),
            models.UniqueConstraint(fields=["sitting"], name="analysis_of_a_sitting_once"),
        ]

    def __str__(self) -> str:
        return f"{self.quiz} · {self.asked_at}"
