"""Each kind that has issued gets version 1, with what it prints today; its certificates name that version.

Certificates from before have no salt: their digests stay as they were made.
"""

from django.db import migrations
from django.utils import timezone

from certificates import rules


def give_versions(apps, schema_editor):
    kinds = apps.get_model("certificates", "CertificateKind").objects.filter(certificates__isnull=False).distinct()
    versions = apps.get_model("certificates", "TemplateVersion").objects
    for kind in kinds:
        content = {
            "title": kind.title,
            "wording": kind.wording,
            "issuer": kind.issuer,
            "validity_months": kind.validity_months,
            "layout": "v1",
        }
        version = versions.create(kind=kind, number=1, content=content, digest=rules.digest(content), at=timezone.now())
        kind.certificates.update(version=version)


class Migration(migrations.Migration):

    dependencies = [("certificates", "0004_the_record")]

    operations = [migrations.RunPython(give_versions, migrations.RunPython.noop)]
