"""A quiz: how a paper is drawn and under which rules it is sat."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from modelcluster.fields import ParentalKey
from modelcluster.models import ClusterableModel

from courses.models import Course, EditionRequirement
from people.models import Unit
from quizzes import kinds
from quizzes.models.bank import KnowledgePoint


def check_policies(policies: object) -> None:
    """{kind: policy}, of kinds and policies that there are."""
    known = {kind.key: kind.policies for kind in kinds.every()}
    if not isinstance(policies, dict) or any(policy not in known.get(kind, {}) for kind, policy in policies.items()):
        raise ValidationError(_("There is no such way of marking."), code="unknown_policy")


def check_banks(codes: object) -> None:
    """A list of course codes."""
    if not isinstance(codes, list) or not all(isinstance(code, str) and code for code in codes):
        raise ValidationError(_("This is no list of courses."), code="no_list")


class QuizQuerySet(models.QuerySet):
    def visible_to(self, user) -> "QuizQuerySet":
        """Quizzes of one's own county, and those that a course of one's county, a shared one or one that was begun asks for."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        own = models.Q(county__path=user.unit.county_path) if user.unit_id else models.Q(pk__in=[])
        quizzes = EditionRequirement.objects.filter(kind=EditionRequirement.Kind.QUIZ)
        asked = quizzes.filter(edition__course__in=Course.objects.visible_to(user))
        begun = quizzes.filter(edition__enrolments__person=user)  # which can be finished, wherever one serves now
        return self.filter(own | models.Q(key__in=asked.values("key")) | models.Q(key__in=begun.values("key")))


class Quiz(ClusterableModel):
    """Rules of one quiz. Lessons embed it by `key`. Changing it changes no attempt: an attempt copies the rules.

    `attempts_allowed` counts attempts per enrolment; 0 means unlimited. `minutes` 0 means no limit.
    """

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("county"))
    key = models.SlugField(_("key"), max_length=60, unique=True)
    title = models.CharField(_("title"), max_length=120)
    course_code = models.CharField(_("course"), max_length=20, help_text=_("Questions are drawn from this course's bank."))
    further_banks = models.JSONField(
        _("further banks"),
        default=list,
        blank=True,
        validators=[check_banks],
        help_text=_("Questions are drawn from the banks of these courses of the county too."),
    )
    minutes = models.PositiveSmallIntegerField(_("time limit in minutes"), default=20)
    attempts_allowed = models.PositiveSmallIntegerField(_("attempts allowed"), default=3)
    pass_percent = models.PositiveSmallIntegerField(
        _("pass mark in percent"), default=80, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    shuffle_questions = models.BooleanField(_("shuffle questions"), default=True)
    shuffle_options = models.BooleanField(_("shuffle options"), default=True)
    rating_difference = models.PositiveSmallIntegerField(
        _("largest difference between two markers in percent"),
        default=20,
        validators=[MaxValueValidator(100)],
        help_text=_("Of what the question can earn. When they differ by more, a third marker settles it."),
    )
    is_exam = models.BooleanField(
        _("only in sittings"), default=False, help_text=_("An exam: it can be begun only while one of its sittings is open.")
    )

    most_uses = models.PositiveIntegerField(
        _("most uses of a question"),
        default=0,
        help_text=_("A question that stood on so many exam papers is not drawn any more; 0 is without a ceiling."),
    )
    policies = models.JSONField(
        _("marking"), default=dict, blank=True, validators=[check_policies], help_text=_("A paper that was begun keeps how it is marked.")
    )

    objects = QuizQuerySet.as_manager()

    class Meta:
        verbose_name = _("quiz")
        verbose_name_plural = _("quizzes")
        ordering = ["course_code", "key"]

    def __str__(self) -> str:
        return f"{self.title}（{self.course_code}）"

    @property
    def banks(self) -> list[str]:
        """The courses of the county whose questions it draws: its own first."""
        return list(dict.fromkeys([self.course_code, *self.further_banks]))


class DrawRule(models.Model):
    """Draw so many questions of this kind (and difficulty, and knowledge point, where given)."""

    quiz = ParentalKey(Quiz, on_delete=models.CASCADE, related_name="draws")
    kind = models.CharField(_("kind"), max_length=10, choices=kinds.choices)
    difficulty = models.PositiveSmallIntegerField(
        _("difficulty"), null=True, blank=True, choices=[(1, _("Easy")), (2, _("Medium")), (3, _("Hard"))]
    )
    point = models.ForeignKey(
        KnowledgePoint, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("knowledge point")
    )
    count = models.PositiveSmallIntegerField(_("how many"), default=5, validators=[MinValueValidator(1)])
    points = models.DecimalField(_("points each"), max_digits=5, decimal_places=2, default=5, validators=[MinValueValidator(0.25)])

    class Meta:
        verbose_name = _("draw rule")
        verbose_name_plural = _("draw rules")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} × {self.count}"
