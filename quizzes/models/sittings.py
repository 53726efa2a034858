"""Exams: when a quiz is sat by many at once, by whom, and who was given more time."""

from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.models import Fact
from people.models import Person, Role, Unit
from people.permissions import paths_of
from quizzes.models.attempts import Attempt
from quizzes.models.quiz import Quiz

ORGANISERS = (Role.HR, Role.ADMINISTRATOR)


class SittingQuerySet(models.QuerySet):
    def visible_to(self, user) -> "SittingQuerySet":
        """For the watch over a sitting: its invigilators, and HR, administrators and auditors of the whole county."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        counties = {path for path in paths_of(user, (*ORGANISERS, Role.AUDITOR)) if len(path) == Unit.steplen}
        return self.filter(
            Q(quiz__county__path__in=counties) | Q(pk__in=Sitting.invigilators.through.objects.filter(person=user).values("sitting"))
        )

    def organised_by(self, user) -> "SittingQuerySet":
        """Sittings that the user may set up and change: HR and administrators of the whole county."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(quiz__county__path__in={path for path in paths_of(user, ORGANISERS) if len(path) == Unit.steplen})


class Sitting(models.Model):
    """One sitting of a quiz (场次): the window in which it is begun and the rules of its clock.

    Everybody has the quiz's own time limit from the moment of entering, but nobody longer than
    `closes_at` (moved by the admission delay and by extensions). Changing a sitting changes no
    attempt that began: it copied its end and grace.
    """

    quiz = models.ForeignKey(Quiz, on_delete=models.PROTECT, related_name="sittings", verbose_name=_("quiz"))
    title = models.CharField(_("title"), max_length=120)
    opens_at = models.DateTimeField(_("opens at"))
    closes_at = models.DateTimeField(_("closes at"))
    late_entry_minutes = models.PositiveSmallIntegerField(
        _("late entry in minutes"), default=30, help_text=_("So long after the opening one may still enter.")
    )
    grace_seconds = models.PositiveSmallIntegerField(
        _("grace in seconds"),
        default=30,
        validators=[MaxValueValidator(600)],
        help_text=_("So long after somebody's end answers that were under way are still taken."),
    )
    stagger_seconds = models.PositiveSmallIntegerField(
        _("admission spread over seconds"),
        default=0,
        validators=[MaxValueValidator(1800)],
        help_text=_("Entries are spread evenly over this time when thousands start together; nobody loses time by it."),
    )
    is_listed = models.BooleanField(_("only for the listed candidates"), default=True)
    invigilators = models.ManyToManyField(Person, related_name="invigilates", blank=True, verbose_name=_("invigilators"))

    objects = SittingQuerySet.as_manager()

    class Meta:
        verbose_name = _("sitting")
        verbose_name_plural = _("sittings")
        ordering = ["-opens_at", "pk"]
        constraints = [models.CheckConstraint(condition=Q(closes_at__gt=F("opens_at")), name="sitting_closes_after_it_opens")]

    def __str__(self) -> str:
        return self.title


class Candidate(models.Model):
    """Somebody who is to sit: in which room, on which seat. Removed only before the attempt begins."""

    sitting = models.ForeignKey(Sitting, on_delete=models.PROTECT, related_name="candidates", verbose_name=_("sitting"))
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="candidacies", verbose_name=_("person"))
    room = models.CharField(_("room"), max_length=60, blank=True)
    seat = models.CharField(_("seat"), max_length=20, blank=True)

    class Meta:
        verbose_name = _("candidate")
        verbose_name_plural = _("candidates")
        constraints = [models.UniqueConstraint(fields=["sitting", "person"], name="candidate_once")]

    def __str__(self) -> str:
        return f"{self.person} · {self.sitting}"


class Allowance(Fact):
    """More time or more attempts for one person at a quiz, given beforehand and with a reason."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="allowances", verbose_name=_("person"))
    quiz = models.ForeignKey(Quiz, on_delete=models.PROTECT, related_name="allowances", verbose_name=_("quiz"))
    sitting = models.ForeignKey(
        Sitting, on_delete=models.PROTECT, null=True, blank=True, related_name="allowances", verbose_name=_("sitting")
    )
    extra_minutes = models.PositiveSmallIntegerField(_("extra minutes"), default=0, validators=[MaxValueValidator(600)])
    extra_attempts = models.PositiveSmallIntegerField(_("extra attempts"), default=0, validators=[MaxValueValidator(20)])
    reason = models.CharField(_("reason"), max_length=300)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("allowance")
        verbose_name_plural = _("allowances")
        constraints = [models.CheckConstraint(condition=Q(extra_minutes__gt=0) | Q(extra_attempts__gt=0), name="allowance_gives_something")]


class Extension(Fact):
    """Minutes added while people sit: to one attempt, or to a whole sitting (a power cut, a dead network).

    For a sitting it moves the closing, and the end of every attempt that had begun.
    """

    sitting = models.ForeignKey(Sitting, on_delete=models.PROTECT, null=True, related_name="extensions")
    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, null=True, related_name="extensions")
    minutes = models.PositiveSmallIntegerField(_("minutes"), validators=[MinValueValidator(1), MaxValueValidator(600)])
    reason = models.CharField(_("reason"), max_length=300)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("extension")
        verbose_name_plural = _("extensions")
        constraints = [
            models.CheckConstraint(
                condition=Q(sitting__isnull=True, attempt__isnull=False) | Q(sitting__isnull=False, attempt__isnull=True),
                name="extension_of_one_thing",
            )
        ]


class Presence(models.Model):
    """What an open attempt's page last said of itself. Overwritten with each sign of life: a state, not a fact."""

    attempt = models.OneToOneField(Attempt, on_delete=models.CASCADE, related_name="presence", primary_key=True)
    seen_at = models.DateTimeField()
    unacknowledged = models.PositiveSmallIntegerField(default=0)
    address = models.GenericIPAddressField(null=True)

    class Meta:
        verbose_name = _("presence")
        verbose_name_plural = _("presences")

    def __str__(self) -> str:
        return f"{self.attempt_id} · {self.seen_at}"


class Incident(Fact):
    """Something the page or the server noticed during a sitting, for the invigilator: a fact, never a verdict.

    The learner is told beforehand what is noted.
    """

    class Kind(models.TextChoices):
        LEFT = "left", _("Left the page")
        RETURNED = "returned", _("Came back to the page")
        PASTED = "pasted", _("Pasted text")
        ADDRESS = "address", _("The network address changed")

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="incidents")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        indexes = [models.Index(fields=["attempt", "at"], name="incident_of_attempt")]


def closing_of(sitting: Sitting) -> datetime:
    """When the sitting closes, with the minutes added to all. One query."""
    added = sitting.extensions.aggregate(minutes=models.Sum("minutes"))["minutes"] or 0
    return sitting.closes_at + timedelta(minutes=added)
