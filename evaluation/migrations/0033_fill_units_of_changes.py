"""Takes the unit of each change from the completion, the entry of hours or the certificate that it is about, some at a time: nobody
who finishes a course meanwhile waits for all of them. It may be broken off and begun again."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models, transaction
from django.db.models import Max

AT_ONCE = 20_000
TAKE = """
    UPDATE evaluation_recordchange SET unit_id = about.unit_id FROM {table} AS about
    WHERE about.id = evaluation_recordchange.{about}_id AND evaluation_recordchange.id BETWEEN %s AND %s
"""
TABLES = {"completion": "courses_completion", "entry": "evaluation_ledgerentry", "certificate": "certificates_certificate"}


def fill(apps, schema_editor):
    last = apps.get_model("evaluation", "RecordChange").objects.aggregate(last=Max("id"))["last"] or 0
    for first in range(1, last + 1, AT_ONCE):
        with transaction.atomic(), schema_editor.connection.cursor() as cursor:
            for about, table in TABLES.items():
                cursor.execute(TAKE.format(about=about, table=table), [first, first + AT_ONCE - 1])


class AddIndex(AddIndexConcurrently):
    """Without a lock that stops writers, where the database can."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{self.index.name}"')  # broken off, it stays behind and is not valid
            return super().database_forwards(app_label, schema_editor, from_state, to_state)
        return migrations.AddIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            return super().database_backwards(app_label, schema_editor, from_state, to_state)
        return migrations.AddIndex.database_backwards(self, app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('certificates', '0018_proposals_end_by_two'),
        ('courses', '0009_orders_of_records'),
        ('evaluation', '0032_units_of_changes'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        AddIndex(model_name='recordchange', index=models.Index(fields=['unit', 'number'], name='change_in_unit')),
    ]
