"""The unit of the event on each change: from the completion, the entry of hours or the certificate that it is about."""

import django.db.models.deletion
from django.db import migrations, models

TAKE = """
    UPDATE evaluation_recordchange SET unit_id = about.unit_id FROM {table} AS about
    WHERE about.id = evaluation_recordchange.{about}_id
"""
TABLES = {"completion": "courses_completion", "entry": "evaluation_ledgerentry", "certificate": "certificates_certificate"}


class Migration(migrations.Migration):

    dependencies = [
        ('certificates', '0018_proposals_end_by_two'),
        ('courses', '0009_orders_of_records'),
        ('evaluation', '0031_second_word_of_who_is_hr_again'),
        ('people', '0009_unit_merged_into'),
    ]

    operations = [
        migrations.AddField(
            model_name='recordchange',
            name='unit',
            field=models.ForeignKey(db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.unit'),
        ),
        *(migrations.RunSQL(TAKE.format(about=about, table=table), migrations.RunSQL.noop) for about, table in TABLES.items()),
        migrations.AddIndex(
            model_name='recordchange',
            index=models.Index(fields=['unit', 'number'], name='change_in_unit'),
        ),
    ]
