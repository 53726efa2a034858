"""Model bases without a meaning of their own, and the gauges of reconcile."""

import json
from collections.abc import Iterable

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models
from django.utils.translation import gettext_lazy as _


class FactChanged(Exception):
    """Somebody tried to edit or delete a fact. A correction is a new row."""


class FactQuerySet(models.QuerySet):
    def update(self, **kwargs):
        raise FactChanged(f"{self.model.__name__} rows are never edited")

    def delete(self):
        raise FactChanged(f"{self.model.__name__} rows are never deleted")

    def append(self, rows: Iterable[models.Model]) -> None:
        """Insert rows, in one statement, without asking for their ids. No JSON column may hold a bare null.

        PostgreSQL takes them as one JSON document: `bulk_create` makes an SQL array of each column, and putting
        the JSON of fifty questions into those costs more than all else that happens when somebody begins an exam.
        """
        connection, rows = connections[self.db], list(rows)
        if connection.vendor != "postgresql":
            self.bulk_create(rows)
            return
        fields = [field for field in self.model._meta.concrete_fields if not field.primary_key]
        document = [{field.column: getattr(row, field.attname) for field in fields} for row in rows]
        table, columns = (
            connection.ops.quote_name(self.model._meta.db_table),
            ", ".join(connection.ops.quote_name(f.column) for f in fields),
        )
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s)",  # noqa: S608 - names of our own
                [json.dumps(document, cls=DjangoJSONEncoder, ensure_ascii=False)],
            )

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


class Line(models.Model):
    """A line of people that moves at a steady pace: up to when its places are given out (`core.turns.place`)."""

    name = models.CharField(max_length=80, primary_key=True)
    given_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.given_until:%H:%M:%S}"


class WorkdayNotice(models.Model):
    """What an official notice says of one day: a holiday on a weekday, or a weekend day that is worked instead (调休).

    Only for days of which the library of holidays does not know, or where a later notice changed them.
    """

    day = models.DateField(_("day"), unique=True)
    is_worked = models.BooleanField(_("worked"))
    source = models.CharField(_("source"), max_length=200)

    class Meta:
        verbose_name = _("notice of working days")
        verbose_name_plural = _("notices of working days")
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day}: {self.is_worked}"


__all__ = ["Fact", "FactChanged", "FactQuerySet", "Gauge", "Line", "WorkdayNotice"]
