"""What happened when somebody sat a quiz. Rows that are written once."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from courses.models import Enrolment
from people.models import Role, ServedAt
from people.models.unit import within_paths
from people.permissions import paths_of, records_q
from quizzes import kinds
from quizzes.models.bank import Question
from quizzes.models.quiz import Quiz


class AttemptQuerySet(FactQuerySet):
    def visible_to(self, user) -> "AttemptQuerySet":
        return self.filter(records_q(user))

    def readable_by(self, user) -> "AttemptQuerySet":
        """Attempts whose paper with its answers the user may read: one's own; HR and auditors in their reach.

        Fewer than `visible_to`: a leader sees that a test was passed and with which score, not each answer.
        """
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(models.Q(person=user) | within_paths(paths_of(user, [Role.HR, Role.AUDITOR])))

    def open(self) -> "AttemptQuerySet":
        """Attempts that have not been submitted."""
        return self.filter(submission__isnull=True)


class Attempt(ServedAt, Fact):
    """One sitting of a quiz: when it began, when it must end, and the rules copied from the quiz.

    Written at the start and never changed; being over is a Submission row. The rules are
    copied so that they cannot change in the middle of a sitting.
    """

    quiz = models.ForeignKey(Quiz, on_delete=models.PROTECT, related_name="attempts")
    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField(_("attempt"))
    started_at = models.DateTimeField(_("started at"))
    ends_at = models.DateTimeField(_("ends at"), null=True)
    quiz_title = models.CharField(max_length=120)
    pass_percent = models.PositiveSmallIntegerField()
    seed = models.CharField(max_length=32)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        constraints = [models.UniqueConstraint(fields=["enrolment", "quiz", "number"], name="attempt_number_once")]
        indexes = [models.Index(fields=["ends_at"], name="attempt_ends")]

    def __str__(self) -> str:
        return f"{self.person_name} · {self.quiz_title} · {self.number}"


class AttemptItem(Fact):
    """One question on one paper, as shown. `key` never leaves the server before the attempt is over.

    `shown` holds stem, kind and the options in the order that this person sees, each under a
    token; `key` holds the right answer in those tokens, with explanation and source beside it.
    """

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="items", db_index=False)
    position = models.PositiveSmallIntegerField()
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="uses")
    question_version = models.PositiveIntegerField()
    kind = models.CharField(max_length=10)
    points = models.DecimalField(max_digits=5, decimal_places=2)
    shown = models.JSONField()
    key = models.JSONField()
    explanation = models.TextField(blank=True)
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["position"]
        # The constraint's index begins with the attempt: it serves the foreign key as well.
        constraints = [models.UniqueConstraint(fields=["attempt", "position"], name="attempt_item_position_once")]

    @property
    def item_kind(self) -> kinds.ItemKind:
        return kinds.of(self.kind)


class Answer(Fact):
    """One act of answering. Appended, never changed; the latest by `seq` is the answer that counts.

    `token` is made by the page for each act: saving the same act twice stores one row.
    """

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="answers", db_index=False)
    item = models.ForeignKey(AttemptItem, on_delete=models.PROTECT, related_name="answers", db_index=False)
    seq = models.PositiveIntegerField()
    token = models.CharField(max_length=40)
    response = models.JSONField(null=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["attempt", "seq"], name="answer_seq_once"),
            models.UniqueConstraint(fields=["attempt", "token"], name="answer_token_once"),
        ]


class Submission(Fact):
    """The attempt is over and marked. Exists once for each attempt, whoever or whatever ended it."""

    class Cause(models.TextChoices):
        LEARNER = "learner", _("Submitted")
        TIME = "time", _("Time ran out")

    attempt = models.OneToOneField(Attempt, on_delete=models.PROTECT, related_name="submission")
    cause = models.CharField(max_length=8, choices=Cause.choices)
    at = models.DateTimeField()
    score = models.DecimalField(max_digits=7, decimal_places=2)
    out_of = models.DecimalField(max_digits=7, decimal_places=2)
    percent = models.DecimalField(max_digits=5, decimal_places=2)
    passed = models.BooleanField()


class ItemMark(Fact):
    """What one item earned in a submission."""

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="marks")
    item = models.OneToOneField(AttemptItem, on_delete=models.PROTECT, related_name="mark")
    answer = models.ForeignKey(Answer, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    fraction = models.DecimalField(max_digits=5, decimal_places=4)
    earned = models.DecimalField(max_digits=6, decimal_places=2)
