"""The order in which records change."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from courses.models import Completion


class RecordChange(models.Model):
    """How the record of a completion reads has changed: it appeared, was reversed, its certificate or its hours changed.

    Written in the transaction of the event, without a number. `changes.settle` numbers it once it is
    committed, so that of two numbers the lower could be read first: who has read up to a number has
    missed nothing below it. Not a fact: the facts are the completion, its reversal, the certificate's
    events and the ledger entries; this is only their order for those who read on.
    """

    class Kind(models.TextChoices):
        COMPLETED = "completed", _("Completed")
        REVERSED = "reversed", _("Reversed")
        CERTIFICATE = "certificate", _("Certificate")
        HOURS = "hours", _("Hours")

    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    at = models.DateTimeField()
    number = models.BigIntegerField(null=True, unique=True, editable=False)

    class Meta:
        indexes = [models.Index(fields=["completion", "number"], name="change_of_completion")]

    def __str__(self) -> str:
        return f"{self.number} · {self.completion_id} · {self.kind}"
