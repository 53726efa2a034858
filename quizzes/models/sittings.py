"""Exams: when a quiz is sat by many at once, by whom, and who was given more time."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Count, DurationField, Exists, ExpressionWrapper, F, Func, Max, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, Length
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from core.models import Fact
from courses.models import Enrolment
from people.models import Person, Role, Unit
from people.permissions import paths_of
from quizzes import rules
from quizzes.models.attempts import Attempt, Submission
from quizzes.models.quiz import Quiz

ORGANISERS = (Role.HR, Role.ADMINISTRATOR)


class Seconds(Func):
    """A whole number of seconds as a length of time. Multiplying one by a number is something SQLite has no word for."""

    output_field = DurationField()

    def as_sqlite(self, compiler, connection, **context):
        return self.as_sql(compiler, connection, template="((%(expressions)s) * 1000000)", **context)  # microseconds

    def as_postgresql(self, compiler, connection, **context):
        return self.as_sql(compiler, connection, template="((%(expressions)s) * interval '1 second')", **context)


class SittingQuerySet(models.QuerySet):
    def published(self) -> "SittingQuerySet":
        """Sittings that candidates and invigilators know of."""
        return self.filter(is_draft=False)

    def sat_by(self, person) -> "SittingQuerySet":
        """Published sittings that the person is to sit, may sit, or has sat."""
        own = Q(pk__in=Candidate.objects.filter(person=person).values("sitting")) | Q(
            pk__in=Attempt.objects.filter(person=person, sitting__isnull=False).values("sitting")
        )
        return self.published().filter(own | Q(is_listed=False, quiz__in=Quiz.objects.visible_to(person)))

    def known_to(self, person) -> "SittingQuerySet":
        """Published sittings whose page the person may open, also to read that they are not on the list."""
        return self.published().filter(Q(quiz__in=Quiz.objects.visible_to(person)) | Q(pk__in=self.sat_by(person).values("pk")))

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

    def run_by(self, user) -> "SittingQuerySet":
        """Sittings in which the user may add time: those that they organise, and those that they invigilate."""
        if not user.is_authenticated:
            return self.none()
        own = Sitting.invigilators.through.objects.filter(person=user).values("sitting")
        return self.filter(Q(pk__in=self.model.objects.organised_by(user).values("pk")) | Q(pk__in=own))

    def timed(self) -> "SittingQuerySet":
        """With the minutes that were added to all, so that no row asks for them."""
        return self.annotate(added_minutes=_of_sitting(Extension.objects.all(), Sum("minutes")))

    def over(self, at: datetime) -> "SittingQuerySet":
        """Sittings that are over for everybody who has no extra time of their own: `Sitting.over_at`, in the database."""
        later = Seconds(_of_sitting(Extension.objects.all(), Sum("minutes")) * 60 + F("stagger_seconds"))
        ends = ExpressionWrapper(F("closes_at") + later, models.DateTimeField())
        return self.alias(is_over_at=ends).filter(is_over_at__lte=at)

    def unfinished(self, at: datetime) -> "SittingQuerySet":
        """Sittings, drafts too, that are to come, or in which somebody still sits, with time of their own or on paper."""
        sat = Attempt.objects.under_way(at).filter(sitting=OuterRef("pk"))
        return self.filter(Exists(sat) | ~Q(pk__in=self.model.objects.over(at).values("pk")))

    def still_sat(self, at: datetime) -> "SittingQuerySet":
        """Published sittings that are to come, or in which somebody still sits."""
        return self.published().unfinished(at)

    def to_be_sat_by(self, person, at: datetime) -> "SittingQuerySet":
        """Unfinished sittings, drafts too, that list the person or in which they sit: what these ask is not for their eyes."""
        return self.unfinished(at).filter(Exists(Candidate.objects.filter(sitting=OuterRef("pk"), person=person)) | _sits(person, at))

    def sat_now_by(self, person, at: datetime) -> "SittingQuerySet":
        """Of these the open ones that the person sits now, or may enter: listed there, and with an attempt left."""
        return self.published().yet_to_be_sat_by(person, at).filter(opens_at__lte=at)

    def yet_to_be_sat_by(self, person, at: datetime) -> "SittingQuerySet":
        """Those of `to_be_sat_by` that the person sits now, or where an attempt is left to them: `attempts.used_up`, in the database."""
        tried = Attempt.objects.filter(person=person)
        numbers = {
            "handed_in": _of_sitting(tried.counted().filter(submission__isnull=False), Count("pk")),
            "went_on": _of_sitting(tried.filter(gone_on_paper__isnull=False), Max("pk")),
            "entered": _of_sitting(tried.filter(submission__cause=Submission.Cause.PAPER), Max("pk")),
            "further": _of_sitting(Allowance.objects.filter(person=person), Sum("extra_attempts")),
        }
        has_more = Q(handed_in__lt=F("further")) | Q(handed_in=F("further"), went_on__lte=F("entered"))  # what went on may be one more
        return self.to_be_sat_by(person, at).alias(**numbers).filter(_sits(person, at) | has_more)

    def with_results_out(self, at: datetime) -> "SittingQuerySet":
        """Sittings whose results may be known: by those who sat, by the course, and in tables of units, which would tell them."""
        sat = Attempt.objects.under_way(at).filter(sitting=OuterRef("pk"))
        over = self.model.objects.filter(~Exists(sat), results=Sitting.Results.CLOSED).over(at)
        return self.filter(Q(pk__in=over.values("pk")) | Q(results=Sitting.Results.AT_ONCE))

    def with_numbers(self) -> "SittingQuerySet":
        """With how many are listed, began and handed in."""
        begun = Attempt.objects.all()
        return self.annotate(
            listed=_of_sitting(Candidate.objects.all(), Count("pk")),
            begun=_of_sitting(begun, Count("person", distinct=True)),
            handed_in=_of_sitting(begun.counted().filter(submission__isnull=False), Count("person", distinct=True)),
        )

    def with_arrangements(self) -> "SittingQuerySet":
        """With how many of the list have no room yet, and how many have terms of their own."""
        return self.annotate(
            without_room=_of_sitting(Candidate.objects.filter(room=""), Count("pk")),
            with_allowance=_of_sitting(Allowance.objects.all(), Count("pk")),
        )


def _sits(person, at: datetime) -> Exists:
    """Whether the person sits in each sitting."""
    return Exists(Attempt.objects.under_way(at).filter(sitting=OuterRef("pk"), person=person))


def _of_sitting(rows: models.QuerySet, figure: models.Aggregate) -> Coalesce:
    """A figure over the rows of each sitting, 0 where there are none."""
    found = rows.filter(sitting=OuterRef("pk")).order_by().values("sitting").annotate(figure=figure).values("figure")
    return Coalesce(Subquery(found), 0)


class Sitting(models.Model):
    """One sitting of a quiz (场次): the window in which it is begun and the rules of its clock.

    Everybody has the quiz's own time limit from the moment of entering, but nobody longer than
    `closes_at` (moved by the admission delay and by extensions). Changing a sitting changes no
    attempt that began: it copied its end and grace. A draft is known to its organisers alone.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        COMING = "coming", _("Coming")
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")

    class Results(models.TextChoices):
        AT_ONCE = "at_once", _("As soon as somebody has handed in")
        CLOSED = "closed", _("When the sitting is over for everybody")
        HELD = "held", _("Held back until this is changed")

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
    results = models.CharField(
        _("results and answers are shown"),
        max_length=8,
        choices=Results.choices,
        default=Results.CLOSED,
        help_text=_("Right answers that are shown at once may reach those who still sit."),
    )
    is_draft = models.BooleanField(_("draft"), default=False)
    papers = models.ManyToManyField(
        "quizzes.Paper",
        related_name="sittings",
        blank=True,
        verbose_name=_("papers"),
        help_text=_("Without any, everybody gets a paper of their own from the blueprint."),
    )
    invigilators = models.ManyToManyField(Person, related_name="invigilates", blank=True, verbose_name=_("invigilators"))

    objects = SittingQuerySet.as_manager()

    class Meta:
        verbose_name = _("sitting")
        verbose_name_plural = _("sittings")
        ordering = ["-opens_at", "pk"]
        constraints = [models.CheckConstraint(condition=Q(closes_at__gt=F("opens_at")), name="sitting_closes_after_it_opens")]

    def __str__(self) -> str:
        return self.title

    @cached_property
    def added_minutes(self) -> int:
        """Minutes added to all. One query unless the row came from `timed()`."""
        return self.extensions.aggregate(minutes=Sum("minutes"))["minutes"] or 0

    @property
    def over_at(self) -> datetime:
        """From this instant the sitting is over for everybody who has no extra time of their own."""
        return self.closes_at + timedelta(minutes=self.added_minutes, seconds=self.stagger_seconds)

    def window_of(self, person_id: int) -> tuple[datetime, datetime, datetime]:
        """From when somebody is let in, until when they may enter, and when the sitting closes for them: added minutes move
        all but the first, no minutes of their own do. No query beyond `added_minutes`."""
        delay, added = rules.admission_delay(self.pk, person_id, self.stagger_seconds), timedelta(minutes=self.added_minutes)
        opens_at, closes_at = self.opens_at + delay, self.closes_at + delay + added
        return opens_at, min(opens_at + timedelta(minutes=self.late_entry_minutes) + added, closes_at), closes_at

    def entry_of(self, person_id: int, at: datetime, *, has_more: Callable[[], bool]) -> tuple[datetime, datetime]:
        """From when somebody is let in, and until when: late entry does not bind who was allowed another attempt.

        `has_more` says whether one was; it is asked only where entry depends on it. No query of its own, as `window_of`.
        """
        opens_at, last_entry_at, closes_at = self.window_of(person_id)
        return opens_at, closes_at if last_entry_at <= at < closes_at and has_more() else last_entry_at

    def state(self, at: datetime) -> "Sitting.State":
        if self.is_draft:
            return self.State.DRAFT
        if at < self.opens_at:
            return self.State.COMING
        return self.State.OPEN if at < self.over_at else self.State.CLOSED


class Candidate(models.Model):
    """Somebody who is to sit: in which room, on which seat. Removed only before the attempt begins, and before a sitting with papers opens.

    `late_reason` says why somebody was listed after the close: they came unlisted and wrote on a blank sheet.
    """

    sitting = models.ForeignKey(Sitting, on_delete=models.PROTECT, related_name="candidates", verbose_name=_("sitting"))
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="candidacies", verbose_name=_("person"))
    room = models.CharField(_("room"), max_length=60, blank=True)
    seat = models.CharField(_("seat"), max_length=20, blank=True)
    late_reason = models.CharField(_("listed after the close because"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("candidate")
        verbose_name_plural = _("candidates")
        constraints = [models.UniqueConstraint(fields=["sitting", "person"], name="candidate_once")]

    # The order of rooms and seats: 2 before 10, though both are text.
    IN_ROOMS = (Length("room"), "room", Length("seat"), "seat")

    def __str__(self) -> str:
        return f"{self.person} · {self.sitting}"


class Allowance(Fact):
    """More time or more attempts for one person at a quiz, given beforehand and with a reason: in one sitting, or in one round of a course.

    With neither it was given before the person had begun the course: it holds in the first round. It ends with its round.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="allowances", verbose_name=_("person"))
    quiz = models.ForeignKey(Quiz, on_delete=models.PROTECT, related_name="allowances", verbose_name=_("quiz"))
    sitting = models.ForeignKey(
        Sitting, on_delete=models.PROTECT, null=True, blank=True, related_name="allowances", verbose_name=_("sitting")
    )
    enrolment = models.ForeignKey(Enrolment, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("round"))
    extra_minutes = models.PositiveSmallIntegerField(_("extra minutes"), default=0, validators=[MaxValueValidator(600)])
    extra_attempts = models.PositiveSmallIntegerField(_("extra attempts"), default=0, validators=[MaxValueValidator(20)])
    reason = models.CharField(_("reason"), max_length=300)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("allowance")
        verbose_name_plural = _("allowances")
        constraints = [
            models.CheckConstraint(condition=Q(extra_minutes__gt=0) | Q(extra_attempts__gt=0), name="allowance_gives_something"),
            models.CheckConstraint(condition=Q(sitting=None) | Q(enrolment=None), name="allowance_in_one_place"),
        ]

    def holds_in(self, enrolment: Enrolment | None) -> bool:
        """Whether it was given for quizzes of this round (not for a sitting); None is the first one, before it is begun."""
        if self.sitting_id is not None:
            return False
        if enrolment is None:
            return self.enrolment_id is None
        return self.enrolment_id == enrolment.pk if self.enrolment_id else enrolment.round == 1


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
    gone_at = models.DateTimeField(null=True)  # when it was closed or reloaded: the next sign of life says which
    gone_page = models.CharField(max_length=20, default="")  # the page that went
    replaced = models.CharField(max_length=20, default="")  # the page in whose place this one was loaded just now

    RELOAD_WITHIN = timedelta(seconds=60)  # what takes longer was left, unless the page that comes names the one that went

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
        RELOADED = "reloaded", _("Reloaded the page")
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
    added = sitting.extensions.aggregate(minutes=Sum("minutes"))["minutes"] or 0
    return sitting.closes_at + timedelta(minutes=added)
