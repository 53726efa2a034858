"""What learners did: enrolment, requirements met, completion."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from core.prepared import Prepared
from courses.models.course import Course, Line
from courses.models.edition import Edition, EditionLesson, EditionRequirement
from courses.models.hours import CreditPolicy
from people.models import Person, ServedAt
from people.permissions import records_q

NEWEST = (
    *("person", "course", "edition", "round", "enrolled_at", "person_name"),
    *("course__code", "course__county", "course__current", "course__is_open", "course__due_on"),
    *("course__county__path", "course__county__depth", "edition__number", "edition__digest", "edition__title"),
    *("completion__completed_at", "completion__study_hours", "completion__test_hours", "completion__score", "completion__certificate"),
    *("completion__enrolment", "completion__reversal__completion", "completion__reversal__reason", "completion__reversal__at"),
)


class EnrolmentQuerySet(FactQuerySet):
    def visible_to(self, user) -> "EnrolmentQuerySet":
        return self.filter(records_q(user))


class Enrolment(ServedAt, Fact):
    """One person has begun one round of a course, in the edition of that day.

    Written once; finishing it is a Completion, not a change of this row.
    """

    HAPPENED = "enrolled_at"

    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="enrolments")
    edition = models.ForeignKey(Edition, on_delete=models.PROTECT, related_name="enrolments")
    round = models.PositiveSmallIntegerField(default=1)
    enrolled_at = models.DateTimeField(_("enrolled at"))

    objects = EnrolmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        constraints = [models.UniqueConstraint(fields=["person", "course", "round"], name="enrolment_once_per_round")]

    def __str__(self) -> str:
        return f"{self.person_name} · {self.edition}"

    @classmethod
    def newest(cls, person: Person, course_id: int) -> "Enrolment | None":
        """The person's newest round of a course, as `by_newness` says, with what its pages need, and nothing else. One query.

        Every page of a learner begins with it: the columns are named because reading all seventy of
        these six tables took a third of a lesson's time. Others load when they are asked for.
        """
        return _newest.first(person.pk, course_id)

    @classmethod
    def next_round(cls, person_id: int, course_id: int) -> int:
        """The number that the person's next round of the course has. One query."""
        return (cls.objects.filter(person=person_id, course=course_id).aggregate(last=models.Max("round"))["last"] or 0) + 1

    def by_newness(self) -> tuple[bool, int, int]:
        """What rounds of one course are sorted by, the newest last: what is under way comes after what was completed, this in the order
        in which the completions were written. Not by number: a pass that is given back is carried into a round after the one under way.
        """
        completion = getattr(self, "completion", None)
        return completion is None, completion.pk if completion else 0, self.round


class LessonPlace(models.Model):
    """Where a learner stands in a lesson: a convenience that changes, not a fact."""

    enrolment = models.ForeignKey(Enrolment, on_delete=models.CASCADE, related_name="places")
    lesson = models.ForeignKey(EditionLesson, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    seconds = models.PositiveIntegerField(default=0)  # time spent, counted by the server, never more than passed
    position = models.PositiveSmallIntegerField(default=0)  # index of the block last in view
    furthest = models.PositiveSmallIntegerField(default=0)  # share of the page seen so far, percent

    class Meta:
        constraints = [models.UniqueConstraint(fields=["enrolment", "lesson"], name="lesson_place_once")]

    def __str__(self) -> str:
        return f"{self.lesson_id}: {self.seconds} s, block {self.position}"


class RequirementMetQuerySet(FactQuerySet):
    def standing(self) -> "RequirementMetQuerySet":
        """What is met and was not withdrawn."""
        return self.filter(withdrawal__isnull=True)

    def counting(self) -> "RequirementMetQuerySet":
        """What stands, of rounds whose completion nobody reversed."""
        return self.standing().filter(enrolment__completion__reversal=None)

    def revocable(self) -> "RequirementMetQuerySet":
        """What stands and may be taken back, in the newest round that it was carried into: also where that one's completion fell
        with another requirement, since it may be met anew, but not where HR reversed it by hand."""
        same = {name: models.OuterRef(name) for name in ("enrolment__person", "requirement", "evidence")}
        carried_on = RequirementMet.objects.standing().filter(**same, enrolment__round__gt=models.OuterRef("enrolment__round"))
        reversal = models.OuterRef("enrolment__completion__reversal__at")
        fell = Withdrawal.objects.filter(met__enrolment=models.OuterRef("enrolment"), at=reversal)  # written together
        unreversed = models.Q(enrolment__completion__reversal=None)
        return self.standing().filter(unreversed | models.Exists(fell), ~models.Exists(carried_on))


class RequirementMet(Fact):
    """One requirement of the pinned edition is met, with what proves it. Written once; a wrong one is answered by a Withdrawal.

    `evidence` names the proof: "lesson-place:12 seconds:340" or "attempt:88". `turn` counts what was withdrawn
    before: the requirement can then be met anew.
    """

    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT, related_name="met")
    requirement = models.ForeignKey(EditionRequirement, on_delete=models.PROTECT, related_name="met")
    at = models.DateTimeField()
    evidence = models.CharField(max_length=120)
    score = models.DecimalField(max_digits=6, decimal_places=2, null=True)  # percent, for quizzes
    turn = models.PositiveSmallIntegerField(default=0)

    objects = RequirementMetQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["enrolment", "requirement", "turn"], name="requirement_met_once_a_turn")]


class Withdrawal(Fact):
    """What met a requirement turned out not to: who said so, when and why.

    Where a completion rested on it, a Reversal was written with it, or stood already with another Withdrawal; a Reversal by hand has none.
    """

    met = models.OneToOneField(RequirementMet, on_delete=models.PROTECT, related_name="withdrawal")
    reason = models.TextField(_("reason"))
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()


class CompletionQuerySet(FactQuerySet):
    def visible_to(self, user) -> "CompletionQuerySet":
        return self.filter(records_q(user))

    def standing(self) -> "CompletionQuerySet":
        """Completions that no reversal answers."""
        # Not a join that finds nothing: PostgreSQL then expects next to no rows, and sorts a million to show fifty.
        return self.filter(~models.Exists(Reversal.objects.filter(completion=models.OuterRef("pk"))))


class Completion(ServedAt, Fact):
    """One person has met every requirement of one edition of a course.

    Written once, in the transaction of the deciding event; never changed. There is no "undo"
    field on purpose: a wrong completion is answered by a Reversal row. Name, unit and post are
    copied because people move and marry.
    """

    HAPPENED = "completed_at"

    enrolment = models.OneToOneField(Enrolment, on_delete=models.PROTECT, related_name="completion")
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="completions")
    edition = models.ForeignKey(Edition, on_delete=models.PROTECT, related_name="completions")
    round = models.PositiveSmallIntegerField()
    course_code = models.CharField(_("course code"), max_length=20)
    course_title = models.CharField(_("course"), max_length=120)
    edition_number = models.PositiveIntegerField(_("edition"))
    line = models.CharField(_("line"), max_length=12, choices=Line.choices)
    minutes = models.PositiveIntegerField(_("minutes"))
    certificate = models.CharField(max_length=40, blank=True)  # the certificate key of the edition
    policy = models.ForeignKey(CreditPolicy, on_delete=models.PROTECT, related_name="+")
    study_hours = models.DecimalField(_("hours for study"), max_digits=5, decimal_places=2)
    test_hours = models.DecimalField(_("hours for the test"), max_digits=5, decimal_places=2)
    score = models.DecimalField(
        _("score"), max_digits=6, decimal_places=2, null=True
    )  # percent: mean of the passes that completed it, the first of each quiz
    completed_at = models.DateTimeField(_("completed at"), db_index=True)
    evidence = models.JSONField(default=list)  # ids of the RequirementMet rows

    objects = CompletionQuerySet.as_manager()

    class Meta:
        verbose_name = _("completion")
        verbose_name_plural = _("completions")
        constraints = [models.UniqueConstraint(fields=["person", "course", "round"], name="completion_once_per_round")]
        indexes = [
            models.Index(fields=["course", "completed_at"], name="completion_course_time"),
            models.Index(fields=["unit", "completed_at"], name="completion_unit_time"),
            # The orders of HR's list: a page of it is read along them instead of sorting a county's records for each.
            # Two more stand in a migration, because only PostgreSQL can have them: by score, and of each duty.
            models.Index(fields=["person_name", "-id"], name="completion_by_name"),
            models.Index(fields=["employee_number", "-id"], name="completion_by_number"),
            models.Index(fields=["unit_name", "-id"], name="completion_by_unit"),
            models.Index(fields=["course_code", "-id"], name="completion_by_course"),
            models.Index(models.F("study_hours") + models.F("test_hours"), "id", name="completion_by_hours"),
        ]

    def __str__(self) -> str:
        return f"{self.person_name} · {self.course_title}"

    @property
    def hours(self):
        return self.study_hours + self.test_hours


class Reversal(Fact):
    """A completion turned out wrong: who said so, when and why. The completion itself stays readable."""

    completion = models.OneToOneField(Completion, on_delete=models.PROTECT, related_name="reversal")
    reason = models.TextField(_("reason"))
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()


@Prepared
def _newest(person, course):
    mine = Enrolment.objects.filter(person=person, course=course)
    return (
        mine.select_related("course__county", "edition", "completion__reversal")
        .only(*NEWEST)
        .order_by(models.F("completion").desc(nulls_first=True), "-round")[:1]
    )
