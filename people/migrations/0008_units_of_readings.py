"""Readings keep where the reader served. Older ones get the main posting of that day, or where the reader serves now; those about a
person that named no unit get the person's in the same way."""

from django.db import migrations
from django.db.models import DateTimeField, ExpressionWrapper, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, TruncDate


def served(apps, who):
    """The unit where the person behind this field served on the day of the reading; without a posting on it the present one."""
    day = TruncDate(ExpressionWrapper(OuterRef("at"), DateTimeField()))
    postings = apps.get_model("people", "Posting").objects.filter(person=OuterRef(who), is_main=True, starts_on__lte=day)
    postings = postings.filter(Q(ends_on=None) | Q(ends_on__gte=day)).order_by("-starts_on", "-pk")
    person = apps.get_model("people", "Person").objects.filter(pk=OuterRef(who))
    return Coalesce(Subquery(postings.values("unit")[:1]), Subquery(person.values("unit")))


def note_units(apps, schema_editor):
    readings = apps.get_model("people", "ReadingOfOthers").objects.all()
    readings.update(reader_unit=served(apps, "reader"))
    readings.filter(unit=None).exclude(subject=None).update(unit=served(apps, "subject"))


class Migration(migrations.Migration):

    dependencies = [
        ('people', '0007_reader_unit'),
    ]

    operations = [
        migrations.RunPython(note_units, migrations.RunPython.noop),
    ]
