"""Model bases without a meaning of their own, and the gauges of reconcile."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class FactChanged(Exception):
    """Somebody tried to edit or delete a fact. A correction is a new row."""


class FactQuerySet(models.QuerySet):
    def update(self, **kwargs):
        raise FactChanged(f"{self.model.__name__} rows are never edited")

    def delete(self):
        raise FactChanged(f"{self.model.__name__} rows are never deleted")

    def bulk_update(self, *args, **kwargs):
        raise FactChanged(f"{self.model.__name__} rows are never edited")


class Fact(models.Model):
    """Something that happened. Written once; saving it again or deleting it raises FactChanged."""

    objects = FactQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args, **kwargs):
        if not self._state.adding:
            raise FactChanged(f"{type(self).__name__} {self.pk} is a fact and is never edited")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, using: str | None = None, keep_parents: bool = False):
        raise FactChanged(f"{type(self).__name__} {self.pk} is a fact and is never deleted")


class Gauge(models.Model):
    """What one check of reconcile found when it last ran. One row a check; each run writes it anew.

    `left` counts the gaps that could not be mended: it must read zero. `examples` name some of them.
    """

    name = models.CharField(_("check"), max_length=120, unique=True)
    found = models.PositiveIntegerField(_("found"))
    left = models.PositiveIntegerField(_("left"))
    examples = models.JSONField(default=list)
    at = models.DateTimeField(_("when"))

    def __str__(self) -> str:
        return f"{self.name}: {self.left}"


__all__ = ["Fact", "FactChanged", "FactQuerySet", "Gauge"]
