"""A course as records know it: an identity that outlives its pages."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from people.models import Duty, Unit


class Line(models.TextChoices):
    POLICY = "policy", _("Policy")
    THEORY = "theory", _("Theory")
    STANDARDS = "standards", _("Standards writing")
    PRACTICE = "practice", _("Practice")


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


class DutyRule(models.Model):
    """For holders of this duty the course is required or elective. Written at publication from the page."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="duty_rules")
    duty = models.CharField(_("duty"), max_length=16, choices=Duty.choices)
    need = models.CharField(_("need"), max_length=10, choices=Need.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["course", "duty"], name="duty_rule_once")]
