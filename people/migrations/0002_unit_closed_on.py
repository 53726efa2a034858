from django.db import migrations, models
from django.utils import timezone


def date_what_is_closed(apps, schema_editor):
    apps.get_model("people", "Unit").objects.filter(is_active=False).update(closed_on=timezone.localdate())


class Migration(migrations.Migration):

    dependencies = [
        ('people', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='unit',
            name='closed_on',
            field=models.DateField(blank=True, null=True, verbose_name='closed on'),
        ),
        migrations.RunPython(date_what_is_closed, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='unit',
            name='is_active',
        ),
    ]
