"""Work on many certificates at once."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from people.models import Person, Unit


class BatchQuerySet(models.QuerySet):
    def visible_to(self, user) -> "BatchQuerySet":
        """A batch is for whoever ordered it: what it packs is what that person may read."""
        return self.filter(by=user) if user.is_authenticated else self.none()


class Batch(models.Model):
    """One order for many certificates of a unit and a year: issue what was earned, make papers again, or pack them.

    A worker does it step by step and notes after each how far it came (`after`, the key of the last one), so that
    another worker goes on there when this one dies. A package is written in parts (`files`), each a step of its own, after
    all its papers are there (`packed`, the key of the last one in a part). Not a fact: the certificates are; this is how they came about.
    """

    class Kind(models.TextChoices):
        ISSUE = "issue", _("Issue what was earned")
        RENDER = "render", _("Make the papers again")
        PACK = "pack", _("Pack the papers for download")

    class State(models.TextChoices):
        RUNNING = "running", _("Being worked on")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")
        FAILED = "failed", _("Failed")

    kind = models.CharField(_("what"), max_length=8, choices=Kind.choices)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("unit"))
    year = models.PositiveSmallIntegerField(_("year"), default=0)  # of issue, or of the completion; 0: all years
    purpose = models.CharField(_("purpose"), max_length=200, blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.RUNNING)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    after = models.BigIntegerField(default=0)
    failures = models.JSONField(default=list)  # [what, why] of those that could not be done; the first MOST_NAMED
    failed = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)  # begun again without a step forward in between
    files = models.JSONField(default=list)  # where the parts of a package lie; a name stands here before its file is written
    packed = models.BigIntegerField(default=0)
    made_at = models.DateTimeField(_("ordered"))
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name = _("batch of certificates")
        verbose_name_plural = _("batches of certificates")
        ordering = ["-made_at", "-pk"]
        indexes = [models.Index(fields=["state", "seen_at"], name="batch_stuck")]
        constraints = [
            # A second click orders nothing twice.
            models.UniqueConstraint(fields=["by", "kind", "unit", "year"], condition=models.Q(state="running"), name="batch_under_way_once")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.unit_id} · {self.year or '—'}"

    @property
    def is_under_way(self) -> bool:
        return self.state == self.State.RUNNING

    @property
    def percent(self) -> int:
        return min(100, self.done * 100 // self.total) if self.total else 0
