from django.db import migrations, models


class Migration(migrations.Migration):
    """A reload is no leaving: since when a page is gone, until the next one says why."""

    dependencies = [("quizzes", "0024_late_listed_candidates")]

    operations = [
        migrations.AlterField(
            model_name="incident",
            name="kind",
            field=models.CharField(
                choices=[
                    ("left", "Left the page"),
                    ("returned", "Came back to the page"),
                    ("reloaded", "Reloaded the page"),
                    ("pasted", "Pasted text"),
                    ("address", "The network address changed"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddField(model_name="presence", name="gone_at", field=models.DateTimeField(null=True)),
    ]
