"""How far each re-marking has been looked through; and what "full marks for all" left without a version of its own gets one."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F


def raise_versions(apps, schema_editor):
    Remark = apps.get_model("quizzes", "Remark")
    Question = apps.get_model("quizzes", "Question")
    approved = Remark.objects.filter(remedy="all_right", decision__approved=True, version=F("question__version"))
    Question.objects.filter(pk__in=list(approved.values_list("question", flat=True))).update(version=F("version") + 1)


class Migration(migrations.Migration):
    dependencies = [("quizzes", "0012_bank_status_and_validity")]

    operations = [
        migrations.CreateModel(
            name="RemarkProgress",
            fields=[
                (
                    "remark",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="progress",
                        serialize=False,
                        to="quizzes.remark",
                    ),
                ),
                ("done_to", models.PositiveBigIntegerField(default=0)),
                ("seen_to", models.PositiveBigIntegerField(default=0)),
                ("seen_at", models.DateTimeField()),
            ],
        ),
        migrations.RunPython(raise_versions, migrations.RunPython.noop, elidable=True),
    ]
