
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evaluation', '0005_indicators_and_periods'),
        ('people', '0003_leave'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Receiver',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('public_key', models.CharField(max_length=44, verbose_name='public key')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='closed')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('county', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.unit', verbose_name='county')),
            ],
            options={
                'verbose_name': 'receiver',
                'verbose_name_plural': 'receivers',
                'ordering': ['county', 'name', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='HandOver',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField(verbose_name='number')),
                ('package_sha256', models.CharField(max_length=64)),
                ('rows', models.PositiveIntegerField(verbose_name='rows')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('calculation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='hand_overs', to='evaluation.calculation')),
                ('period', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='hand_overs', to='evaluation.period')),
                ('receiver', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='hand_overs', to='evaluation.receiver', verbose_name='receiver')),
            ],
            options={
                'verbose_name': 'hand-over',
                'verbose_name_plural': 'hand-overs',
                'ordering': ['period', 'number'],
            },
        ),
        migrations.CreateModel(
            name='Reply',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64)),
                ('signature', models.CharField(max_length=88)),
                ('document', models.BinaryField()),
                ('at', models.DateTimeField(verbose_name='when')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('hand_over', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='replies', to='evaluation.handover')),
            ],
            options={
                'verbose_name': 'answer of a receiver',
                'verbose_name_plural': 'answers of receivers',
                'ordering': ['hand_over', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='ReplyRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=42)),
                ('verdict', models.CharField(choices=[('accepted', 'Accepted'), ('refused', 'Turned down')], max_length=8)),
                ('reason', models.CharField(blank=True, max_length=500, verbose_name='reason')),
                ('reply', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rows', to='evaluation.reply')),
            ],
            options={
                'ordering': ['reply', 'key'],
            },
        ),
        migrations.CreateModel(
            name='Settlement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('words', models.TextField(verbose_name='explanation')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('row', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='settlement', to='evaluation.replyrow')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddConstraint(
            model_name='receiver',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at', None)), fields=('county', 'name'), name='receiver_open_once'),
        ),
        migrations.AddConstraint(
            model_name='handover',
            constraint=models.UniqueConstraint(fields=('period', 'number'), name='hand_over_once_per_number'),
        ),
        migrations.AddConstraint(
            model_name='handover',
            constraint=models.UniqueConstraint(fields=('receiver', 'calculation'), name='hand_over_once_per_receiver'),
        ),
        migrations.AddConstraint(
            model_name='reply',
            constraint=models.UniqueConstraint(fields=('hand_over', 'sha256'), name='reply_once'),
        ),
        migrations.AddConstraint(
            model_name='replyrow',
            constraint=models.UniqueConstraint(fields=('reply', 'key'), name='reply_row_once'),
        ),
        migrations.AddConstraint(
            model_name='replyrow',
            constraint=models.CheckConstraint(condition=models.Q(('verdict', 'accepted'), models.Q(('reason', ''), _negated=True), _connector='OR'), name='refused_with_reason'),
        ),
    ]
