import django.db.models.deletion
from django.db import migrations, models

import quizzes.models.images
import quizzes.models.quiz


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0001_initial"),
        ("quizzes", "0005_sitting_drafts_and_results"),
    ]

    operations = [
        migrations.AddField(
            model_name="quiz",
            name="policies",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="A paper that was begun keeps how it is marked.",
                validators=[quizzes.models.quiz.check_policies],
                verbose_name="marking",
            ),
        ),
        migrations.AddField(
            model_name="itemmark",
            name="picked",
            field=models.JSONField(default=list),
        ),
        migrations.CreateModel(
            name="BankImage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=16)),
                (
                    "file",
                    models.FileField(max_length=200, storage=quizzes.models.images.private, upload_to=quizzes.models.images.path_of),
                ),
                ("content_type", models.CharField(max_length=20)),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
                (
                    "county",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.unit", verbose_name="county"
                    ),
                ),
            ],
            options={
                "verbose_name": "image of a question",
                "verbose_name_plural": "images of questions",
                "constraints": [models.UniqueConstraint(fields=("digest", "county"), name="bank_image_once")],
            },
        ),
    ]
