"""Programs that read on are told once of the completions whose hours a correction by hand answers: what counts for them lacked it."""

from django.db import migrations

TELL = """
    INSERT INTO evaluation_recordchange (completion_id, kind, at)
    SELECT entry.completion_id, 'hours', MAX(correction.at)
    FROM evaluation_ledgerentry correction JOIN evaluation_ledgerentry entry ON entry.id = correction.answers_id
    WHERE entry.completion_id IS NOT NULL GROUP BY entry.completion_id ORDER BY MAX(correction.at), entry.completion_id
"""


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0026_duties_by_organ")]
    operations = [migrations.RunSQL(TELL, migrations.RunSQL.noop)]
