"""What happened when somebody sat a quiz. Rows that are written once."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models.functions import Coalesce
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.models import Fact, FactQuerySet
from courses.models import Enrolment
from people.models import Person, Role, ServedAt
from people.models.unit import within_paths
from people.permissions import paths_of, records_q
from quizzes import kinds
from quizzes.models.bank import Question
from quizzes.models.quiz import Quiz

RATING_READERS = (Role.HR, Role.AUDITOR, Role.REVIEWER, Role.ADMINISTRATOR)


def _added_minutes() -> Coalesce:
    """The minutes that extensions added to each attempt: its own, and those of its sitting since it began."""
    from quizzes.models.sittings import Extension

    own = models.Q(attempt=models.OuterRef("pk"))
    of_all = models.Q(sitting=models.OuterRef("sitting"), at__gt=models.OuterRef("started_at"))
    added = Extension.objects.filter(of_all | own).order_by().annotate(one=models.Value(1)).values("one")
    return Coalesce(models.Subquery(added.annotate(minutes=models.Sum("minutes")).values("minutes")), 0)


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

    def ratings_read_by(self, user) -> "AttemptQuerySet":
        """Attempts of others that count, of which the user may read what each marker gave: who oversees the marking of the county."""
        if not user.is_authenticated:
            return self.none()
        found = self.filter(submission__isnull=False, gone_on_paper__isnull=True).exclude(person=user)
        return found if user.is_superuser else found.filter(quiz__county__path__in=paths_of(user, RATING_READERS))

    def open(self) -> "AttemptQuerySet":
        """Attempts that run on the screen: neither submitted nor gone on with on paper."""
        return self.filter(submission__isnull=True, gone_on_paper__isnull=True)

    def under_way(self, at: datetime) -> "AttemptQuerySet":
        """Attempts that somebody sits: open on the screen until something ends them, gone on with on paper until the person's own end."""
        from quizzes.models.sittings import Seconds

        # What nests deepest stands first: SQLite reads a statement with a stack of a hundred, and this one stands inside many others.
        later = Seconds(_added_minutes() * 60 + models.F("grace_seconds"))
        writing = self.alias(written_until=models.ExpressionWrapper(later + models.F("ends_at"), models.DateTimeField()))
        return writing.filter(models.Q(written_until__gt=at) | models.Q(gone_on_paper__isnull=True), submission__isnull=True)

    def counted(self) -> "AttemptQuerySet":
        """Attempts that count as one: what was gone on with on paper is counted when its marks are entered, as the attempt of then."""
        return self.filter(gone_on_paper__isnull=True)

    def in_order(self) -> "AttemptQuerySet":
        """In the order in which they were begun: of somebody in a sitting the last one is the newest. Not by `number`, which begins
        anew in every round, while a sitting may be sat in two."""
        return self.order_by("pk")

    def passed(self) -> "AttemptQuerySet":
        """Attempts whose marking that stands is a pass."""
        return self.filter(models.Exists(Marking.objects.current().filter(submission__attempt=models.OuterRef("pk"), passed=True)))

    def with_results_out(self, at: datetime) -> "AttemptQuerySet":
        """Attempts whose results may be known: outside sittings all, else as SittingQuerySet.with_results_out says."""
        from quizzes.models.sittings import Sitting

        return self.filter(models.Q(sitting__in=Sitting.objects.with_results_out(at).values("pk")) | models.Q(sitting=None))

    def with_keys_out(self, at: datetime) -> "AttemptQuerySet":
        """Attempts whose right answers may be known, too: no other sitting still needs their paper, or draws from the same rules."""
        from quizzes.models.sittings import Sitting

        others = Sitting.objects.still_sat(at).exclude(pk=models.OuterRef("sitting"))
        of_paper = others.filter(papers=models.OuterRef("paper"))
        of_draws = others.filter(quiz=models.OuterRef("quiz"), papers=None)
        drawn = models.Q(paper=None, sitting__isnull=False) & models.Exists(of_draws)
        return self.with_results_out(at).filter(~models.Exists(of_paper), ~drawn)

    def timed(self) -> "AttemptQuerySet":
        """With the minutes that extensions added, so that no row asks for them."""
        return self.annotate(extra_minutes=_added_minutes())

    def in_turn(self) -> "AttemptQuerySet":
        """With `turn`, which attempt it is for the person: in its sitting, or of the round's attempts outside sittings."""
        upto = Attempt.objects.counted().filter(quiz=models.OuterRef("quiz"), pk__lt=models.OuterRef("pk")).order_by()
        here = upto.filter(sitting=models.OuterRef("sitting"), person=models.OuterRef("person"))
        outside = upto.filter(sitting=None, enrolment=models.OuterRef("enrolment"))
        counted = [
            Coalesce(models.Subquery(rows.values("quiz").annotate(n=models.Count("pk")).values("n"), output_field=models.IntegerField()), 0)
            + 1
            for rows in (outside, here)
        ]
        return self.annotate(turn=models.Case(models.When(sitting=None, then=counted[0]), default=counted[1]))

    def with_result(self) -> "AttemptQuerySet":
        """With the submission and the marking that stands, so that `submission.result` asks nothing. One query more."""
        return self.select_related("submission").prefetch_related(models.Prefetch("submission__markings", Marking.objects.current()))


class Attempt(ServedAt, Fact):
    """One sitting of a quiz: when it began, when it must end, and the rules copied from the quiz.

    Written at the start and never changed; being over is a Submission row, more time an Extension
    row. The rules are copied so that they cannot change in the middle of a sitting.
    """

    HAPPENED = "started_at"

    quiz = models.ForeignKey(Quiz, on_delete=models.PROTECT, related_name="attempts")
    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT, related_name="attempts")
    sitting = models.ForeignKey("quizzes.Sitting", on_delete=models.PROTECT, null=True, related_name="attempts")
    paper = models.ForeignKey("quizzes.Paper", on_delete=models.PROTECT, null=True, related_name="attempts")
    number = models.PositiveSmallIntegerField(_("attempt"))
    started_at = models.DateTimeField(_("started at"))
    ends_at = models.DateTimeField(_("ends at"), null=True)  # as it was at the start: `due_at` knows of extensions
    grace_seconds = models.PositiveSmallIntegerField(default=0)
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

    @cached_property
    def extra_minutes(self) -> int:
        """Minutes that extensions added. One query unless the row came from `timed()`."""
        return type(self).objects.filter(pk=self.pk).timed().values_list("extra_minutes", flat=True).get()

    @cached_property
    def turn(self) -> int:
        """Which attempt it is for the person: `number` counts on across sittings. One query unless the row came from `in_turn()`."""
        return type(self).objects.filter(pk=self.pk).in_turn().values_list("turn", flat=True).get()

    @property
    def due_at(self) -> datetime | None:
        """The person's own end, which the clock on the page shows; None without limit."""
        return self.ends_at and self.ends_at + timedelta(minutes=self.extra_minutes)

    @property
    def shuts_at(self) -> datetime | None:
        """From this instant no answer is taken: the own end and the grace after it."""
        return self.ends_at and self.ends_at + timedelta(minutes=self.extra_minutes, seconds=self.grace_seconds)


class GoneOnPaper(Fact):
    """The candidate's machine died for good in an exam, and they write on by hand.

    From then on the screen takes no answer of the attempt; what was acknowledged stays. The attempt is neither submitted nor marked
    from then on, and never counted: the marks of the sheet, answers of the screen included, are entered as an attempt of their own
    (`paper_marks`). Where the clock was quicker, because the server was down, two persons agree on it afterwards (LatePaper).
    """

    attempt = models.OneToOneField(Attempt, on_delete=models.PROTECT, related_name="gone_on_paper")
    reason = models.CharField(_("reason"), max_length=300)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("attempt gone on with on paper")
        verbose_name_plural = _("attempts gone on with on paper")

    def __str__(self) -> str:
        return f"{self.attempt_id} · {self.reason}"


class LatePaper(Fact):
    """Somebody says that a candidate had gone on on paper when the clock handed the attempt in: the server was down past their own end.

    `from_at` and `until` are when they wrote in the room. A second person decides (LatePaperDecision); with a yes a GoneOnPaper is
    written, and from then on the attempt counts for nothing, its submission and marking stay as a record. Absent on purpose: points.
    """

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="late_papers")
    from_at = models.DateTimeField(_("wrote on paper from"))
    until = models.DateTimeField(_("handed in the sheet at"))
    reason = models.CharField(_("reason"), max_length=300)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("paper brought in late")
        verbose_name_plural = _("papers brought in late")
        ordering = ["-pk"]
        constraints = [models.CheckConstraint(condition=models.Q(until__gt=models.F("from_at")), name="late_paper_ends_after_it_begins")]

    def __str__(self) -> str:
        return f"{self.attempt_id} · {self.reason}"


class LatePaperDecision(Fact):
    """The second person's yes or no."""

    late_paper = models.OneToOneField(LatePaper, on_delete=models.PROTECT, related_name="decision")
    approved = models.BooleanField()
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("decision on a paper brought in late")
        verbose_name_plural = _("decisions on papers brought in late")

    def __str__(self) -> str:
        return f"{self.late_paper_id} · {self.approved}"


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


class AnswerQuerySet(FactQuerySet):
    def latest_of(self, attempt_id: int) -> "dict[int, Answer]":
        """The answer that stands for each item of the attempt, by item id. One query."""
        of_attempt = self.filter(attempt=attempt_id)
        newest = of_attempt.order_by().values("item").annotate(newest=models.Max("seq")).values("newest")
        return {answer.item_id: answer for answer in of_attempt.filter(seq__in=newest)}


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

    objects = AnswerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["attempt", "seq"], name="answer_seq_once"),
            models.UniqueConstraint(fields=["attempt", "token"], name="answer_token_once"),
        ]


class Submission(Fact):
    """The attempt is over. Exists once for each attempt, whoever or whatever ended it; what it earned is a Marking.

    `at` is when it counts as handed in: never on a later day than the attempt's own end, though grace passed midnight.
    """

    class Cause(models.TextChoices):
        LEARNER = "learner", pgettext_lazy("an attempt", "Submitted")
        TIME = "time", _("Time ran out")
        PAPER = "paper", _("Written on paper")

    attempt = models.OneToOneField(Attempt, on_delete=models.PROTECT, related_name="submission")
    cause = models.CharField(max_length=8, choices=Cause.choices)
    at = models.DateTimeField()

    @property
    def result(self) -> "Marking":
        """The marking that stands. One query unless it was prefetched (`AttemptQuerySet.with_result`)."""
        return max(self.markings.all(), key=lambda marking: marking.pk)


class MarkingQuerySet(FactQuerySet):
    def current(self) -> "MarkingQuerySet":
        """The markings that stand: no later one took their place."""
        return self.filter(superseded_by=None)


class Marking(Fact):
    """One marking of a whole submission. Marking again, by a person or with a mended key, appends a row that supersedes it.

    While a person has yet to mark some of its items `is_complete` is false: the score counts what is
    marked so far, and nobody has passed yet. So it is, too, while a second person has yet to agree to a pass that was entered
    from paper.
    """

    class Cause(models.TextChoices):
        MACHINE = "machine", _("Marked on submission")
        PERSON = "person", _("Marked by a person")
        REMARK = "remark", _("Marked again")
        PAPER = "paper", _("Entered from paper")

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="markings")
    supersedes = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="superseded_by")
    cause = models.CharField(max_length=8, choices=Cause.choices, default=Cause.MACHINE)
    at = models.DateTimeField()
    score = models.DecimalField(max_digits=7, decimal_places=2)
    out_of = models.DecimalField(max_digits=7, decimal_places=2)
    percent = models.DecimalField(max_digits=5, decimal_places=2)
    passed = models.BooleanField()
    is_complete = models.BooleanField(default=True)

    objects = MarkingQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["submission"], condition=models.Q(supersedes=None), name="first_marking_once"),
            models.CheckConstraint(condition=models.Q(is_complete=True) | models.Q(passed=False), name="no_pass_before_all_is_marked"),
        ]


class ItemMarkQuerySet(FactQuerySet):
    def standing(self) -> "ItemMarkQuerySet":
        """Marks of the markings that stand, of attempts that count."""
        return self.filter(marking__superseded_by=None, marking__submission__attempt__gone_on_paper=None)


class ItemMark(Fact):
    """What one item earned in a marking. `fraction` and `earned` are empty while a person has yet to mark it."""

    marking = models.ForeignKey(Marking, on_delete=models.PROTECT, related_name="marks")
    item = models.ForeignKey(AttemptItem, on_delete=models.PROTECT, related_name="marks")
    answer = models.ForeignKey(Answer, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    fraction = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    earned = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    picked = models.JSONField(default=list)  # what was answered, in codes that are the same on every paper (kinds.picked)

    objects = ItemMarkQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["marking", "item"], name="item_marked_once_a_marking")]
