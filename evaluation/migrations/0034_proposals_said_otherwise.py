"""Who proposed wrongly proposes otherwise: the newest proposal of an officer stands, those before stay."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('evaluation', '0033_fill_units_of_changes'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='cancellation',
            name='cancellation_once_per_step_and_officer',
        ),
        migrations.RemoveConstraint(
            model_name='reopening',
            name='reopening_once_per_step_and_officer',
        ),
    ]
