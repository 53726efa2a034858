"""Files that prove what somebody says."""

from django.db import models

from core.models import Fact


class EvidenceFile(Fact):
    """A file filed as evidence. It lies in private storage under its digest (`evaluation.evidence`)."""

    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=120)
    content_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    file = models.CharField(max_length=200)

    class Meta:
        abstract = True
