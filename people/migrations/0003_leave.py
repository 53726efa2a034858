
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('people', '0002_unit_closed_on'),
    ]

    operations = [
        migrations.CreateModel(
            name='Leave',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('employee_number', models.CharField(max_length=32, verbose_name='employee number')),
                ('person_name', models.CharField(max_length=60, verbose_name='name')),
                ('unit_name', models.CharField(max_length=160, verbose_name='unit')),
                ('post_title', models.CharField(blank=True, max_length=60, verbose_name='post')),
                ('duties', models.JSONField(default=list, verbose_name='duties')),
                ('staff_type', models.CharField(blank=True, max_length=16, verbose_name='staff type')),
                ('kind', models.CharField(choices=[('sick', 'Sick leave'), ('maternity', 'Maternity leave'), ('off_post', 'Off the post')], max_length=12, verbose_name='kind')),
                ('starts_on', models.DateField(verbose_name='first day')),
                ('ends_on', models.DateField(blank=True, null=True, verbose_name='last day')),
                ('voucher', models.CharField(help_text='Name and number of the document, and where it is kept.', max_length=200, verbose_name='proof')),
                ('is_void', models.BooleanField(default=False)),
                ('reason', models.TextField(blank=True, verbose_name='reason')),
                ('form_key', models.CharField(editable=False, max_length=40)),
                ('at', models.DateTimeField(db_index=True, verbose_name='when')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='%(class)ss', to=settings.AUTH_USER_MODEL, verbose_name='person')),
                ('replaces', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaced_by', to='people.leave')),
                ('unit', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.unit', verbose_name='unit')),
            ],
            options={
                'verbose_name': 'leave',
                'verbose_name_plural': 'leaves',
                'ordering': ['-starts_on', '-pk'],
                'constraints': [models.UniqueConstraint(fields=('person', 'form_key'), name='leave_once_per_form'), models.CheckConstraint(condition=models.Q(('ends_on', None), ('ends_on__gte', models.F('starts_on')), _connector='OR'), name='leave_ends_after_start')],
            },
        ),
    ]
