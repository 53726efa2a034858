"""Model bases without a meaning of their own."""

from django.db import models


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


__all__ = ["Fact", "FactChanged", "FactQuerySet"]
