from django.db import migrations

# Plain SQL of both databases: the rows are facts, and there may be millions of them.
COPY = """
INSERT INTO quizzes_marking (submission_id, cause, at, score, out_of, percent, passed, is_complete)
SELECT id, 'machine', at, score, out_of, percent, passed, %(true)s FROM quizzes_submission
"""
POINT = """
UPDATE quizzes_itemmark SET marking_id =
(SELECT m.id FROM quizzes_marking m WHERE m.submission_id = quizzes_itemmark.submission_id)
"""


def forwards(apps, schema_editor):
    is_postgres = schema_editor.connection.vendor == "postgresql"
    schema_editor.execute(COPY % {"true": "TRUE" if is_postgres else "1"})
    schema_editor.execute(POINT)


class Migration(migrations.Migration):
    """What a submission earned moves into its first marking."""

    dependencies = [("quizzes", "0002_sittings_and_markings")]
    operations = [migrations.RunPython(forwards, elidable=True)]
