"""Marks that were entered from paper, corrected: asked for by one person, decided by another where a pass hangs on it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from people.models import Person
from quizzes.models.attempts import Marking, Submission


class CorrectionQuerySet(FactQuerySet):
    def waiting(self) -> "CorrectionQuerySet":
        """Those that nobody has decided."""
        return self.filter(decision=None)


class Correction(Fact):
    """Somebody says that points are to be others than they are. Its `decision` says what came of it; none, while a second person has yet to look."""

    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = CorrectionQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def is_waiting(self) -> bool:
        """Whether a second person has yet to look. One query unless the decision was selected."""
        return not hasattr(self, "decision")


class CorrectionDecision(Fact):
    """What came of a correction: the marking `made` by it, or none where it was turned down.

    `may_lose`: HR says that the pass may be lost; without it a pass stays, whatever the points are.
    """

    may_lose = models.BooleanField(default=False)
    gained_pass = models.BooleanField(default=False)
    lost_pass = models.BooleanField(default=False)
    kept_pass = models.BooleanField(default=False)  # the new score would not have earned it
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.correction_id} · {self.approved}"

    @property
    def approved(self) -> bool:
        return self.made_id is not None


class PaperCorrection(Correction):
    """Somebody says that points were entered otherwise than they stand on the sheet.

    `marking` is the one that stood then; `points` are all of the paper's, by position, as they should have been entered.
    What came of it is a PaperCorrectionDecision. There is none while a second person has yet to look. Without a reason it is
    the first entry of points that are a pass: the marking of then is not complete, and a second person has to agree.
    """

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="corrections")
    marking = models.ForeignKey(Marking, on_delete=models.PROTECT, related_name="corrections")
    points = models.JSONField()
    reason = models.CharField(_("reason"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("correction of marks from paper")
        verbose_name_plural = _("corrections of marks from paper")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.submission_id} · {self.reason}"

    @property
    def is_entry(self) -> bool:
        """Whether nothing is corrected: a pass was entered, and a second person is to agree."""
        return not self.reason


class PaperCorrectionDecision(CorrectionDecision):
    """A correction was made, or turned down. By the one who asked for it only where no pass came or went by it."""

    correction = models.OneToOneField(PaperCorrection, on_delete=models.PROTECT, related_name="decision")
    made = models.OneToOneField(Marking, on_delete=models.PROTECT, null=True, related_name="corrected")

    class Meta:
        verbose_name = _("decision on a correction")
        verbose_name_plural = _("decisions on corrections")


__all__ = ["Correction", "CorrectionDecision", "PaperCorrection", "PaperCorrectionDecision"]
