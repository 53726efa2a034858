"""What there was before the changes were told of: each entry, certificate and step once, in the order of time."""

from django.db import migrations

TELL = """
    INSERT INTO evaluation_recordchange ({about}, kind, at)
    SELECT id, '{kind}', {at} FROM {table} ORDER BY {at}, id
"""
THERE = [
    ("entry_id", "entry", "evaluation_ledgerentry", "at"),
    ("certificate_id", "issued", "certificates_certificate", "issued_at"),
    ("step_id", "step", "evaluation_periodstep", "at"),
]


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0012_changes_of_hours_and_certificates")]
    operations = [
        migrations.RunSQL(TELL.format(about=about, kind=kind, table=table, at=at), migrations.RunSQL.noop)
        for about, kind, table, at in THERE
    ]
