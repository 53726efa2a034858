from django.db import migrations, models


class Migration(migrations.Migration):
    """A new question is to be checked (M) until somebody says that it was; standing ones keep their marks."""

    dependencies = [("quizzes", "0021_late_papers")]

    operations = [
        migrations.AlterField(
            model_name="question",
            name="mark",
            field=models.CharField(
                choices=[
                    ("V", "V: checked against the text in force"),
                    ("S", "S: from a secondary source"),
                    ("D", "D: set by the county"),
                    ("M", "M: still to be checked, no paper draws it"),
                ],
                default="M",
                help_text="V and S name their source clause.",
                max_length=1,
                verbose_name="evidence mark",
            ),
        ),
    ]
