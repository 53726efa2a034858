"""Marking by people, and marking again with a mended key."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from people.models import Person, Role, Unit
from people.permissions import paths_of
from quizzes.models.attempts import AttemptItem, Marking, Submission
from quizzes.models.bank import AUTHORS, Question
from quizzes.models.corrections import Correction, CorrectionDecision


class MarkingTaskQuerySet(models.QuerySet):
    def visible_to(self, user) -> "MarkingTaskQuerySet":
        """Tasks of the user's county for those who work on its bank; never one's own paper."""
        if not user.is_authenticated:
            return self.none()
        others = self.exclude(submission__attempt__person=user).filter(submission__attempt__gone_on_paper=None)
        if user.is_superuser:
            return others
        counties = {path[: Unit.steplen] for path in paths_of(user, AUTHORS)}
        return others.filter(submission__attempt__quiz__county__path__in=counties)

    def waiting(self) -> "MarkingTaskQuerySet":
        return self.filter(settled_at=None)

    def with_ratings(self) -> "MarkingTaskQuerySet":
        """In the order of the paper, with what a task is asked about its ratings. Two queries more."""
        given = Rating.objects.select_related("marker").order_by("stage")
        asked = RatingCorrection.objects.select_related("by", "marking", "decision__by", "decision__made")
        fetched = [models.Prefetch("ratings", given), models.Prefetch("corrections", asked)]
        return self.prefetch_related(*fetched).order_by("item__position", "item", "part")


class MarkingTask(models.Model):
    """One answer that people have to mark: an item, or one part of a case.

    Made with the marking that leaves it open. It is the queue's row, so it changes: who is at it now,
    and the share it was settled at. What each marker gave is a Rating.
    """

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="marking_tasks")
    item = models.ForeignKey(AttemptItem, on_delete=models.PROTECT, related_name="marking_tasks")
    part = models.PositiveSmallIntegerField(default=0)
    markers = models.PositiveSmallIntegerField(default=1)
    claimed_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    claimed_until = models.DateTimeField(null=True)
    fraction = models.DecimalField(max_digits=15, decimal_places=14, null=True)  # `rules.kept`
    settled_at = models.DateTimeField(null=True)

    objects = MarkingTaskQuerySet.as_manager()

    class Meta:
        verbose_name = _("marking task")
        verbose_name_plural = _("marking tasks")
        constraints = [models.UniqueConstraint(fields=["item", "part"], name="marking_task_once")]
        indexes = [models.Index(fields=["item"], condition=models.Q(settled_at=None), name="marking_task_waiting")]

    def __str__(self) -> str:
        return f"{self.item_id}.{self.part}"

    # What follows asks nothing more of a task that came from `with_ratings()`.

    @property
    def correction(self) -> "RatingCorrection | None":
        """The correction that stands: the newest that a second person agreed to."""
        return next((one for one in self.corrections.all() if not one.is_waiting and one.decision.approved), None)

    @property
    def standing_ratings(self) -> "list[Rating]":
        """The ratings that its share is made of: the third's, else all that were asked for. None while it is open, nor where a
        correction or a re-marking that gave everybody full marks took their place."""
        given = sorted(self.ratings.all(), key=lambda rating: rating.stage)
        if self.fraction is None or len(given) < self.markers or self.correction is not None:
            return []
        standing = given[-1:] if len(given) > self.markers else given
        mean = sum((one.fraction for one in standing), start=Decimal(0)) / len(standing)
        return standing if abs(mean - self.fraction) <= Decimal("0.0001") else []  # both were rounded

    @property
    def standing_points(self) -> list[Decimal]:
        """What each criterion earned, by the correction that stands, else the mean of the ratings that do; [] where there are none."""
        if self.correction is not None:
            return [Decimal(point) for point in self.correction.points]
        return self.points_with({})

    def points_with(self, given: Mapping[int, Sequence[Decimal]]) -> list[Decimal]:
        """What each criterion would earn had these markers, by number, given these points: the mean of all whose ratings stand."""
        several = [given.get(one.marker_id) or [Decimal(point) for point in one.points] for one in self.standing_ratings]
        return [sum(points, start=Decimal(0)) / len(points) for points in zip(*several, strict=True)]


class Rating(Fact):
    """What one marker gave for one task. The markers do not see each other's, nor whose answer it is."""

    task = models.ForeignKey(MarkingTask, on_delete=models.PROTECT, related_name="ratings")
    marker = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="ratings")
    stage = models.PositiveSmallIntegerField()  # 1 and 2; 3 settles a difference
    points = models.JSONField(default=list)  # of each criterion, decimals as texts; [] without a rubric
    fraction = models.DecimalField(max_digits=5, decimal_places=4)
    comment = models.CharField(_("comment"), max_length=1000, blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("rating")
        verbose_name_plural = _("ratings")
        constraints = [
            models.UniqueConstraint(fields=["task", "marker"], name="rating_once_a_marker"),
            models.UniqueConstraint(fields=["task", "stage"], name="rating_once_a_stage"),
        ]


class RatingCorrection(Correction):
    """Somebody says that a settled answer has earned other points than it was given: `points` as a Rating has them.

    `marking` is the one that stood then. What came of it is a RatingCorrectionDecision; there is none while a second person has
    yet to look. The ratings stay as they were given.
    """

    task = models.ForeignKey(MarkingTask, on_delete=models.PROTECT, related_name="corrections")
    marking = models.ForeignKey(Marking, on_delete=models.PROTECT, related_name="+")
    points = models.JSONField()
    reason = models.CharField(_("reason"), max_length=500)

    class Meta:
        verbose_name = _("correction of a rating")
        verbose_name_plural = _("corrections of ratings")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.task_id} · {self.reason}"


class RatingCorrectionDecision(CorrectionDecision):
    """The second person's yes, with the marking that was made by it, or their no."""

    correction = models.OneToOneField(RatingCorrection, on_delete=models.PROTECT, related_name="decision")
    made = models.OneToOneField(Marking, on_delete=models.PROTECT, null=True, related_name="rating_corrected")

    class Meta:
        verbose_name = _("decision on a correction of a rating")
        verbose_name_plural = _("decisions on corrections of ratings")


class RemarkQuerySet(FactQuerySet):
    def visible_to(self, user) -> "RemarkQuerySet":
        """For those who work on the county's bank, and HR and auditors of the whole county."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        counties = {path[: Unit.steplen] for path in paths_of(user, AUTHORS)}
        return self.filter(question__county__path__in=counties | set(paths_of(user, (Role.HR, Role.AUDITOR))))


class Remark(Fact):
    """Somebody asks that a question be marked again everywhere: its key was wrong, or it was unfair as a whole.

    A second person decides (RemarkDecision). What it changed are markings that name it.
    """

    class Remedy(models.TextChoices):
        NEW_KEY = "new_key", _("The right answer is another one")
        ALL_RIGHT = "all_right", _("Everybody gets full marks for it")

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="remarks", verbose_name=_("question"))
    version = models.PositiveIntegerField()  # of the question when this was asked: later ones are not touched
    remedy = models.CharField(_("remedy"), max_length=10, choices=Remedy.choices)
    content = models.JSONField(null=True)  # with the new key, as the bank keeps it
    key = models.JSONField(null=True)
    reason = models.CharField(_("reason"), max_length=500)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = RemarkQuerySet.as_manager()

    class Meta:
        verbose_name = _("re-marking")
        verbose_name_plural = _("re-markings")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.question.code} · {self.get_remedy_display()}"


class RemarkDecision(Fact):
    """The second person's yes or no. `may_lose`: HR says that passes may be lost by it."""

    remark = models.OneToOneField(Remark, on_delete=models.PROTECT, related_name="decision")
    approved = models.BooleanField()
    may_lose = models.BooleanField(default=False)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()


class RemarkedMarking(Fact):
    """This marking came of that re-marking; exists once for each, so applying twice changes nothing."""

    remark = models.ForeignKey(Remark, on_delete=models.PROTECT, related_name="results")
    marking = models.OneToOneField(Marking, on_delete=models.PROTECT, related_name="remarked")
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="+")
    lost_pass = models.BooleanField(default=False)
    gained_pass = models.BooleanField(default=False)
    kept_pass = models.BooleanField(default=False)  # the new score would not have earned it

    class Meta:
        constraints = [models.UniqueConstraint(fields=["remark", "submission"], name="remarked_once")]


class RemarkProgress(models.Model):
    """How far an approved re-marking has been looked through, so that reconcile looks at new marks only.

    Everything up to mark `done_to` is done. `seen_to` was the newest mark at the last look: it becomes `done_to` at a
    look that comes well after, since a mark with a lower number may have been committed later.
    """

    remark = models.OneToOneField(Remark, on_delete=models.PROTECT, primary_key=True, related_name="progress")
    done_to = models.PositiveBigIntegerField(default=0)
    seen_to = models.PositiveBigIntegerField(default=0)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.remark_id} → {self.done_to}"


__all__ = [
    "MarkingTask",
    "Rating",
    "RatingCorrection",
    "RatingCorrectionDecision",
    "Remark",
    "RemarkDecision",
    "RemarkProgress",
    "RemarkedMarking",
]
