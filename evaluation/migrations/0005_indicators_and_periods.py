
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evaluation', '0004_claims_of_hours'),
        ('people', '0003_leave'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Indicator',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(max_length=40, verbose_name='key')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('county', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.unit', verbose_name='county')),
            ],
            options={
                'verbose_name': 'indicator',
                'verbose_name_plural': 'indicators',
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='IndicatorVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField(verbose_name='version')),
                ('spec', models.JSONField()),
                ('source', models.CharField(max_length=200, verbose_name='source')),
                ('mark', models.CharField(help_text='V, S, M or D as in the fact book.', max_length=1, verbose_name='how far checked')),
                ('note', models.TextField(blank=True, verbose_name='what is new')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('by', models.ForeignKey(help_text='Empty: it came with the product.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('indicator', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='evaluation.indicator')),
            ],
            options={
                'verbose_name': 'version of an indicator',
                'verbose_name_plural': 'versions of indicators',
                'ordering': ['indicator', 'number'],
            },
        ),
        migrations.CreateModel(
            name='IndicatorApproval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='approval', to='evaluation.indicatorversion')),
            ],
        ),
        migrations.CreateModel(
            name='Period',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('year', models.PositiveSmallIntegerField(verbose_name='year')),
                ('opens_on', models.DateField(verbose_name='opening roster of')),
                ('cutoff_on', models.DateField(verbose_name='last day that counts')),
                ('publicity_days', models.PositiveSmallIntegerField(verbose_name='working days of publicity')),
                ('appeal_days', models.PositiveSmallIntegerField(verbose_name='working days for appeals')),
                ('freeze_on', models.DateField(verbose_name='to be frozen by')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('county', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.unit', verbose_name='county')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evaluation.indicatorversion', verbose_name='version of the indicator')),
            ],
            options={
                'verbose_name': 'period of evaluation',
                'verbose_name_plural': 'periods of evaluation',
                'ordering': ['-year', 'county'],
            },
        ),
        migrations.CreateModel(
            name='Calculation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('purpose', models.CharField(choices=[('publicity', 'For publicity'), ('freeze', 'Frozen'), ('supplement', 'Supplementary list')], max_length=12)),
                ('digest', models.CharField(max_length=64)),
                ('at', models.DateTimeField(verbose_name='when')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evaluation.indicatorversion')),
                ('period', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='calculations', to='evaluation.period')),
            ],
            options={
                'ordering': ['period', 'number'],
            },
        ),
        migrations.CreateModel(
            name='PeriodStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('state', models.CharField(choices=[('open', 'Open'), ('cut_off', 'Cut off'), ('publicity', 'In publicity'), ('appeals', 'Appeals'), ('frozen', 'Frozen'), ('handed_over', 'Handed over')], max_length=12)),
                ('due_on', models.DateField(null=True, verbose_name='until')),
                ('reason', models.TextField(blank=True, verbose_name='reason')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('calculation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evaluation.calculation')),
                ('period', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='evaluation.period')),
                ('second', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['period', 'number'],
            },
        ),
        migrations.CreateModel(
            name='PersonLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('employee_number', models.CharField(max_length=32)),
                ('person_name', models.CharField(max_length=60)),
                ('unit_code', models.CharField(max_length=40)),
                ('unit_name', models.CharField(max_length=160)),
                ('post_title', models.CharField(blank=True, max_length=60)),
                ('duties', models.JSONField(default=list)),
                ('counted', models.BooleanField()),
                ('reason', models.CharField(max_length=20)),
                ('required', models.PositiveSmallIntegerField()),
                ('done', models.PositiveSmallIntegerField()),
                ('tests', models.PositiveSmallIntegerField()),
                ('passed', models.PositiveSmallIntegerField()),
                ('hours', models.DecimalField(decimal_places=2, max_digits=7)),
                ('target', models.DecimalField(decimal_places=2, max_digits=7, null=True)),
                ('calculation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='people', to='evaluation.calculation')),
                ('organ', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.unit')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.unit')),
            ],
            options={
                'ordering': ['calculation', 'employee_number'],
            },
        ),
        migrations.CreateModel(
            name='UnitLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('unit_code', models.CharField(max_length=40)),
                ('unit_name', models.CharField(max_length=160)),
                ('is_vertical', models.BooleanField()),
                ('figures', models.JSONField(default=dict)),
                ('items', models.JSONField(default=list)),
                ('bonus', models.DecimalField(decimal_places=2, max_digits=7)),
                ('deduction', models.DecimalField(decimal_places=2, max_digits=7)),
                ('total', models.DecimalField(decimal_places=2, max_digits=7, null=True)),
                ('band', models.CharField(blank=True, max_length=20)),
                ('rank', models.PositiveSmallIntegerField(null=True)),
                ('calculation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='units', to='evaluation.calculation')),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.unit')),
            ],
            options={
                'ordering': ['calculation', 'unit_code'],
            },
        ),
        migrations.AddConstraint(
            model_name='indicator',
            constraint=models.UniqueConstraint(fields=('county', 'key'), name='indicator_once_per_county'),
        ),
        migrations.AddConstraint(
            model_name='indicator',
            constraint=models.UniqueConstraint(condition=models.Q(('county', None)), fields=('key',), name='indicator_once_for_all'),
        ),
        migrations.AddConstraint(
            model_name='indicatorversion',
            constraint=models.UniqueConstraint(fields=('indicator', 'number'), name='indicator_version_once'),
        ),
        migrations.AddConstraint(
            model_name='indicatorapproval',
            constraint=models.CheckConstraint(condition=models.Q(('author', None), models.Q(('author', models.F('by')), _negated=True), _connector='OR'), name='indicator_approved_by_another'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.UniqueConstraint(fields=('county', 'year'), name='period_once_a_year'),
        ),
        migrations.AddConstraint(
            model_name='period',
            constraint=models.CheckConstraint(condition=models.Q(('opens_on__lt', models.F('cutoff_on')), ('cutoff_on__lt', models.F('freeze_on'))), name='period_dates_in_order'),
        ),
        migrations.AddConstraint(
            model_name='calculation',
            constraint=models.UniqueConstraint(fields=('period', 'number'), name='calculation_once_per_number'),
        ),
        migrations.AddConstraint(
            model_name='periodstep',
            constraint=models.UniqueConstraint(fields=('period', 'number'), name='period_step_once'),
        ),
        migrations.AddConstraint(
            model_name='periodstep',
            constraint=models.CheckConstraint(condition=models.Q(('second', None), models.Q(('second', models.F('by')), _negated=True), _connector='OR'), name='period_step_by_two'),
        ),
        migrations.AddIndex(
            model_name='personline',
            index=models.Index(fields=['calculation', 'organ'], name='person_line_organ'),
        ),
        migrations.AddConstraint(
            model_name='personline',
            constraint=models.UniqueConstraint(fields=('calculation', 'person'), name='person_line_once'),
        ),
        migrations.AddConstraint(
            model_name='unitline',
            constraint=models.UniqueConstraint(fields=('calculation', 'unit'), name='unit_line_once'),
        ),
    ]
