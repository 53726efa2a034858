"""A roster that somebody handed in."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from people.models.person import Person
from people.models.unit import Unit


class RosterImport(models.Model):
    """One uploaded roster: planned, then applied or left.

    The content is kept for a day at most: until the confirmation the file itself, after it a workbook of the rows that
    were left out, if there were any. What stays is who brought which file when, the counts, and old → new for every
    field that changed.
    """

    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("by"))
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("unit"))
    file_name = models.CharField(_("file"), max_length=200)
    file_digest = models.CharField(max_length=64)
    content = models.BinaryField(null=True)
    plan_digest = models.CharField(max_length=64, blank=True)
    summary = models.JSONField(default=dict)
    changes = models.JSONField(default=list)
    made_at = models.DateTimeField(_("handed in"))
    applied_at = models.DateTimeField(_("applied"), null=True)

    class Meta:
        verbose_name = _("roster import")
        verbose_name_plural = _("roster imports")
        ordering = ["-made_at", "-pk"]

    def __str__(self) -> str:
        return self.file_name
