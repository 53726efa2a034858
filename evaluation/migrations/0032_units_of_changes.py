"""The unit of the event on each change. It is filled by the next one, while the product goes on: until then a change bears none."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evaluation', '0031_second_word_of_who_is_hr_again'),
        ('people', '0009_unit_merged_into'),
    ]

    operations = [
        migrations.AddField(
            model_name='recordchange',
            name='unit',
            field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.unit'),
        ),
    ]
