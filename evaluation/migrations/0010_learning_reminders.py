
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evaluation', '0009_appeals_seals_and_chain'),
        ('people', '0003_leave'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='replyrow',
            name='verdict',
            field=models.CharField(choices=[('accepted', 'Accepted'), ('refused', 'Sent back')], max_length=8),
        ),
        migrations.CreateModel(
            name='LearningReminder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('missing', models.PositiveSmallIntegerField(verbose_name='courses missing')),
                ('day', models.DateField(verbose_name='day')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='by')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='learning_reminders', to=settings.AUTH_USER_MODEL, verbose_name='person')),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.unit', verbose_name='unit')),
            ],
            options={
                'verbose_name': 'reminder to learn',
                'verbose_name_plural': 'reminders to learn',
                'ordering': ['-at', '-pk'],
                'constraints': [models.UniqueConstraint(fields=('person', 'day'), name='reminded_once_a_day')],
            },
        ),
    ]
