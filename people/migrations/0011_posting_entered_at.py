from django.db import migrations, models

import core.clock


class Migration(migrations.Migration):
    """When a posting was written down; of those that stand nobody noted it."""

    dependencies = [
        ("people", "0010_duties_end_with_their_posting"),
    ]

    operations = [
        migrations.AddField(
            model_name="posting",
            name="entered_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="entered"),
        ),
        migrations.AlterField(
            model_name="posting",
            name="entered_at",
            field=models.DateTimeField(default=core.clock.now, editable=False, null=True, verbose_name="entered"),
        ),
    ]
