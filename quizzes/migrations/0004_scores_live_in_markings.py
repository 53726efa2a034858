import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("quizzes", "0003_copy_scores")]

    operations = [
        migrations.AlterField(
            model_name='itemmark',
            name='marking',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='marks', to='quizzes.marking'),
        ),
        migrations.RemoveField(
            model_name='itemmark',
            name='submission',
        ),
        migrations.RemoveField(
            model_name='submission',
            name='out_of',
        ),
        migrations.RemoveField(
            model_name='submission',
            name='passed',
        ),
        migrations.RemoveField(
            model_name='submission',
            name='percent',
        ),
        migrations.RemoveField(
            model_name='submission',
            name='score',
        ),
        migrations.AddConstraint(
            model_name='itemmark',
            constraint=models.UniqueConstraint(fields=('marking', 'item'), name='item_marked_once_a_marking'),
        ),
    ]
