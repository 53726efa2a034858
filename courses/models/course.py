"""A course as records know it: an identity that outlives its pages."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.prepared import Prepared
from core.text import query_tokens
from people.models import Duty, Unit


class Line(models.TextChoices):
    POLICY = "policy", _("Policy")
    THEORY = "theory", _("Theory")
    STANDARDS = "standards", _("Standards writing")
    PRACTICE = "practice", pgettext_lazy("course line", "Practice")


class PassRule(models.TextChoices):
    LESSONS_AND_QUIZ = "lessons_and_quiz", _("All lessons and all quizzes")
    LESSONS = "lessons", _("All lessons")
    QUIZ = "quiz", _("All quizzes (test-out allowed)")


class Need(models.TextChoices):
    REQUIRED = "required", _("Required")
    ELECTIVE = "elective", _("Elective")


class CourseQuerySet(models.QuerySet):
    def visible_to(self, user) -> "CourseQuerySet":
        """Courses of one's own county and shared ones."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        own = models.Q(county__path=user.unit.county_path) if user.unit_id else models.Q(pk__in=[])
        return self.filter(own | models.Q(is_shared=True))

    def reachable_by(self, user) -> "CourseQuerySet":
        """What is visible, while it is open, and whatever the user has begun: that can always be finished and read."""
        from courses.models.learning import Enrolment

        begun = models.Exists(Enrolment.objects.filter(course=models.OuterRef("pk"), person=user.pk))
        seen = models.Q(pk__in=self.model.objects.visible_to(user).open().values("pk"))
        return self.filter(seen | begun)

    def with_need_for(self, person) -> "CourseQuerySet":
        """Annotates `need`: "required", "elective" or "", by the duties the person holds now (DutyRuleQuerySet.binding); of a closed course ""."""
        from people.models import DutyAssignment

        held = DutyAssignment.objects.filter(posting__person=person.pk, ends_on=None).values("duty")
        own_county = person.unit.county_path if person.unit_id else ""
        rules = DutyRule.objects.binding(own_county).filter(course=models.OuterRef("pk"), duty__in=held)
        return self.annotate(
            need=models.Case(
                models.When(is_open=False, then=models.Value("")),
                models.When(models.Exists(rules.filter(need=Need.REQUIRED)), then=models.Value(Need.REQUIRED.value)),
                models.When(models.Exists(rules.filter(need=Need.ELECTIVE)), then=models.Value(Need.ELECTIVE.value)),
                default=models.Value(""),
                output_field=models.CharField(),
            )
        )

    def with_state_for(self, person) -> "CourseQuerySet":
        """Annotates `is_done` (a completion stands) and `state`: "under_way" (also where it does), "done" or "new"."""
        from courses.models.learning import Completion, Enrolment

        begun = Enrolment.objects.filter(course=models.OuterRef("pk"), person=person.pk, completion__isnull=True)
        done = Completion.objects.filter(course=models.OuterRef("pk"), person=person.pk, reversal__isnull=True)
        return self.annotate(
            is_done=models.Exists(done),
            state=models.Case(
                models.When(models.Exists(begun), then=models.Value("under_way")),
                models.When(models.Exists(done), then=models.Value("done")),
                default=models.Value("new"),
                output_field=models.CharField(),
            ),
        )

    def matching(self, query: str) -> "CourseQuerySet":
        """Whose code, title, summary, goals, tags or lesson titles hold every part of the query; 安全 finds 安全生产."""
        found, tokens = self, query_tokens(query)
        if query.strip() and not tokens:  # signs alone
            return self.none()
        for token in tokens:
            found = found.filter(current__search_text__contains=token)
        return found

    def open(self) -> "CourseQuerySet":
        """Courses that can be enrolled in now: published and not withdrawn."""
        return self.filter(is_open=True, current__isnull=False)


class Course(models.Model):
    """The identity of a course: a code within a county. Editions say what it was when.

    Made when its page is first published; `is_open` goes off when the page is unpublished or
    deleted. The row itself stays, because records hang on it. `current` is the newest edition.
    """

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="courses", verbose_name=_("county"))
    code = models.CharField(_("code"), max_length=20)
    is_shared = models.BooleanField(_("shared with other counties"), default=False)
    is_open = models.BooleanField(_("open"), default=True)
    current = models.ForeignKey("courses.Edition", on_delete=models.PROTECT, null=True, related_name="+")
    due_on = models.DateField(
        _("due on"), null=True, blank=True, help_text=_("Required learners should finish by 24:00 of this day (set by the county).")
    )
    page = models.OneToOneField("courses.CoursePage", on_delete=models.SET_NULL, null=True, related_name="course")

    objects = CourseQuerySet.as_manager()

    class Meta:
        verbose_name = _("course")
        verbose_name_plural = _("courses")
        ordering = ["code"]
        constraints = [models.UniqueConstraint(fields=["county", "code"], name="course_code_once_per_county")]

    def __str__(self) -> str:
        return f"{self.code} {self.current.title}" if self.current else self.code

    def need_for(self, person) -> str:
        """ "required", "elective" or "", by the duties that the person holds now in this course's county; "" of a closed one. One query."""
        needs = _needs(self.pk, person.pk, self.county.path) if self.is_open else ()
        return next((need for need in (Need.REQUIRED.value, Need.ELECTIVE.value) if need in needs), "")


class DutyRuleQuerySet(models.QuerySet):
    def binding(self, county_path) -> "DutyRuleQuerySet":
        """The rules that bind whoever serves in the county with this path (a string or an expression).

        Duty rules bind the staff of the course's own county. A shared course is an offer to others: no county puts
        another one's staff behind.
        """
        return self.filter(course__county__path=county_path)


class DutyRule(models.Model):
    """For holders of this duty the course is required or elective. Written at publication from the page."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="duty_rules")
    duty = models.CharField(_("duty"), max_length=16, choices=Duty.choices)
    need = models.CharField(_("need"), max_length=10, choices=Need.choices)

    objects = DutyRuleQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["course", "duty"], name="duty_rule_once")]

    def __str__(self) -> str:
        return f"{self.course.code}: {self.get_duty_display()} {self.get_need_display()}"


@Prepared
def _needs(course, person, county_path):
    from people.models import DutyAssignment

    # `county_path` is that of the course: whoever serves elsewhere is bound by none of its rules (DutyRuleQuerySet.binding).
    held = DutyAssignment.objects.filter(posting__person=person, ends_on=None, posting__person__unit__path__startswith=county_path)
    return DutyRule.objects.filter(course=course, duty__in=held.values("duty")).values_list("need", flat=True)
