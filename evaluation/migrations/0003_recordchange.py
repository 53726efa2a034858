from django.db import migrations, models
import django.db.models.deletion

BATCH = 5000


def number_what_stands(apps, schema_editor):
    """Every completion gets a change in the order of writing, every reversed one a later one."""
    RecordChange = apps.get_model("evaluation", "RecordChange")
    Completion = apps.get_model("courses", "Completion")
    Reversal = apps.get_model("courses", "Reversal")
    number, batch = 0, []
    for source, kind in (
        (Completion.objects.order_by("pk").values_list("pk", "completed_at"), "completed"),
        (Reversal.objects.order_by("pk").values_list("completion", "at"), "reversed"),
    ):
        for completion, at in source.iterator(chunk_size=BATCH):
            number += 1
            batch.append(RecordChange(completion_id=completion, kind=kind, at=at, number=number))
            if len(batch) == BATCH:
                RecordChange.objects.bulk_create(batch)
                batch = []
    RecordChange.objects.bulk_create(batch)


class Migration(migrations.Migration):

    dependencies = [
        ('courses', '0002_initial'),
        ('evaluation', '0002_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='RecordChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('completed', 'Completed'), ('reversed', 'Reversed'), ('certificate', 'Certificate'), ('hours', 'Hours')], max_length=12)),
                ('at', models.DateTimeField()),
                ('number', models.BigIntegerField(editable=False, null=True, unique=True)),
                ('completion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='courses.completion')),
            ],
            options={
                'indexes': [models.Index(fields=['completion', 'number'], name='change_of_completion')],
            },
        ),
        migrations.RunPython(number_what_stands, migrations.RunPython.noop),
    ]
