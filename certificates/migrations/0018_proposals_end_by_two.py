from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('certificates', '0017_packages_in_parts'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='statusevent',
            constraint=models.CheckConstraint(condition=models.Q(('proposal', None), models.Q(('by__isnull', False), ('second__isnull', False)), _connector='OR'), name='certificate_proposal_by_two'),
        ),
    ]
