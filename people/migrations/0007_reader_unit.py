import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('people', '0006_account_readings'),
    ]

    operations = [
        migrations.AddField(
            model_name='readingofothers',
            name='reader_unit',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.unit', verbose_name='unit of the reader'),
        ),
    ]
