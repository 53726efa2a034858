from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name='Gauge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, unique=True, verbose_name='check')),
                ('found', models.PositiveIntegerField(verbose_name='found')),
                ('left', models.PositiveIntegerField(verbose_name='left')),
                ('examples', models.JSONField(default=list)),
                ('at', models.DateTimeField(verbose_name='when')),
            ],
        ),
    ]
