"""The hour ledger."""

from datetime import date

from django.db import models
from django.db.models import Case, DecimalField, Exists, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from core import clock
from core.models import Fact, FactQuerySet
from courses.models import Completion, CreditPolicy
from evaluation.models.claim import HourClaim, LearnedElsewhere
from people.models import Person, ServedAt
from people.permissions import records_q

HOURS = DecimalField(max_digits=8, decimal_places=2)


def learned_after(day: date) -> Q:
    """Condition on entries: they are about what was learned after a day, as are the corrections that answer such an entry."""
    ended = clock.end_of(day)
    return (
        Q(completion__completed_at__gte=ended)
        | Q(claim__ends_on__gt=day)
        | Q(answers__completion__completed_at__gte=ended)
        | Q(answers__claim__ends_on__gt=day)
    )


class LedgerEntryQuerySet(FactQuerySet):
    def visible_to(self, user) -> "LedgerEntryQuerySet":
        return self.filter(records_q(user))

    def with_reasons(self) -> "LedgerEntryQuerySet":
        """With all that `services.words_of` reads, in a fixed number of queries."""
        return self.select_related("completion", "policy", "author", "claim__filed_by", "answers").prefetch_related("claim__decisions__by")

    def corrected(self) -> "LedgerEntryQuerySet":
        """Each with the hours that are `left` of it once the corrections that answer it took theirs or gave them back."""
        answered = LedgerEntry.objects.filter(answers=OuterRef("pk")).order_by().values("answers").annotate(n=Sum("hours")).values("n")
        return self.annotate(left=F("hours") + Coalesce(Subquery(answered, HOURS), Value(0, HOURS)))

    def credited(self) -> "LedgerEntryQuerySet":
        """The entries of completions and claims, each with the hours that are `left` of it: what its corrections took is gone,
        and with its completion's reversal everything is."""
        taken_back = LedgerEntry.objects.filter(completion=OuterRef("completion"), kind=LedgerEntry.Kind.CORRECTION)
        found = self.corrected().exclude(kind=LedgerEntry.Kind.CORRECTION)
        return found.annotate(left=Case(When(Exists(taken_back), then=Value(0, HOURS)), default=F("left"), output_field=HOURS))

    def counted(self) -> Subquery:
        """What a completion's entries count for it now, to annotate completions with: the sum of what is `left` of those `credited`.

        A reversal's own entry is among them and takes all that the others count, so that nobody has to look for it in a million rows.
        """
        of_it = self.filter(completion=OuterRef("pk")).corrected().order_by()
        return Subquery(of_it.values("completion").annotate(n=Sum("left")).values("n"), HOURS)


class LedgerEntry(ServedAt, Fact):
    """Hours credited to (or, as a correction, taken from) one person in one year. Never changed.

    Appears in the transaction of the completion, or of the second approval of a claim. A second round of a course in the same year
    leaves no entry where the policy counts a course once a year. `year` is the county's calendar
    year of the completion, also for the correction that takes its hours back.

    A correction by hand `answers` the entry that it takes hours from or gives them back to, of the same person and year; null where
    it names none, as those from before it could.

    `once_key` is what may be written once only: the person's turn at a course in a year
    ("course:12:2026:0"), or the form that a correction came from. Null where nothing limits it.
    """

    class Kind(models.TextChoices):
        ONLINE = "online", _("Online course")
        TEST = "test", _("Test passed")
        LECTURE = LearnedElsewhere.LECTURE.value, LearnedElsewhere.LECTURE.label
        EXCHANGE = LearnedElsewhere.EXCHANGE.value, LearnedElsewhere.EXCHANGE.label
        SELF_STUDY = LearnedElsewhere.SELF_STUDY.value, LearnedElsewhere.SELF_STUDY.label
        EXTERNAL = LearnedElsewhere.EXTERNAL.value, LearnedElsewhere.EXTERNAL.label
        CORRECTION = "correction", _("Correction")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    year = models.PositiveSmallIntegerField(_("year"))
    hours = models.DecimalField(_("hours"), max_digits=6, decimal_places=2)
    course_code = models.CharField(_("course code"), max_length=20, blank=True)
    course_title = models.CharField(_("course"), max_length=120, blank=True)
    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, null=True, related_name="ledger_entries")
    claim = models.OneToOneField(HourClaim, on_delete=models.PROTECT, null=True, related_name="entry")
    answers = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="answered_by")
    policy = models.ForeignKey(CreditPolicy, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.TextField(_("reason"), blank=True)
    author = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    once_key = models.CharField(max_length=80, null=True, editable=False)
    at = models.DateTimeField(_("when"), db_index=True)

    objects = LedgerEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["completion", "kind"], name="ledger_once_per_completion_and_kind"),
            models.UniqueConstraint(fields=["person", "kind", "once_key"], name="ledger_once_per_key"),
            models.CheckConstraint(condition=Q(answers=None) | Q(kind="correction"), name="ledger_corrections_answer"),
        ]
        indexes = [models.Index(fields=["person", "year"], name="ledger_person_year")]

    @property
    def counted_kind(self) -> str:
        """The kind that its hours count to: a correction's are those of the entry that it answers."""
        return self.answers.kind if self.answers is not None else self.kind

    def __str__(self) -> str:
        return f"{self.person_name} · {self.year} · {self.hours}"
