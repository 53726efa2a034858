"""The order in which records change."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from certificates.models import Certificate
from courses.models import Completion
from evaluation.models.ledger import LedgerEntry
from evaluation.models.period import PeriodStep
from people.models import Unit

ABOUT = ("completion", "entry", "certificate", "step")


class RecordChange(models.Model):
    """What programs read on by: a completion's record, an entry of hours, a certificate or a period came, or reads otherwise.

    Each is about one of them. Written in the transaction of the event, without a number. `changes.settle`
    numbers it once it is committed, so that of two numbers the lower could be read first: who has read up
    to a number has missed nothing below it. With the number comes the unit of the event, so that the changes of
    a unit are found without looking at all. Not a fact: the facts are the completion, its reversal, the
    certificate's events, the ledger entries and the steps; this is only their order for those who read on.
    """

    class Kind(models.TextChoices):
        COMPLETED = "completed", _("Completed")
        REVERSED = "reversed", _("Reversed")
        CERTIFICATE = "certificate", _("Certificate")
        HOURS = "hours", _("Hours")
        ENTRY = "entry", _("Entry of hours")
        ISSUED = "issued", _("Certificate issued")
        STATUS = "status", _("State of a certificate")
        STEP = "step", _("Step of a period")

    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, null=True, related_name="changes")
    entry = models.ForeignKey(LedgerEntry, on_delete=models.PROTECT, null=True, related_name="changes")
    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, null=True, related_name="changes")
    step = models.ForeignKey(PeriodStep, on_delete=models.PROTECT, null=True, related_name="changes")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    at = models.DateTimeField()
    number = models.BigIntegerField(null=True, unique=True, editable=False)
    # No constraint: it is a copy, and numbering would wait for a roster that moves units.
    unit = models.ForeignKey(
        Unit, on_delete=models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False, editable=False
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="change_about_one",
                condition=Q(completion__isnull=False, entry=None, certificate=None, step=None)
                | Q(completion=None, entry__isnull=False, certificate=None, step=None)
                | Q(completion=None, entry=None, certificate__isnull=False, step=None)
                | Q(completion=None, entry=None, certificate=None, step__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["completion", "number"], name="change_of_completion"),
            models.Index(fields=["unit", "number"], name="change_in_unit"),
        ]

    def __str__(self) -> str:
        return f"{self.number} · {self.kind}"
