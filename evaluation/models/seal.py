"""What makes the package of a frozen period the same bytes for ever."""

import json

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Fact
from evaluation.models.period import Calculation


class Seal(Fact):
    """The manifest of a frozen calculation and its signature, made in the transaction of the freeze. Never changed.

    The files are written from the frozen lines; the manifest says which bytes they have to be. The package lies in private
    storage under its digest, and can be made again from the lines. The manifest and the signature are kept, not made again: a key
    that is rotated or deleted, or a unit that is renamed, changes nothing.
    `public_key` is the key's multibase (`certificates.keyring`).
    """

    # Read docs/evaluation.md before another: what was sealed is made again in its own for ever.
    FORMAT = "county-evaluation-package/4"
    THIRD_FORMAT = "county-evaluation-package/3"
    SECOND_FORMAT = "county-evaluation-package/2"
    FIRST_FORMAT = "county-evaluation-package/1"

    calculation = models.OneToOneField(Calculation, on_delete=models.PROTECT, related_name="seal")
    manifest = models.TextField()
    kid = models.CharField(max_length=64)
    public_key = models.CharField(max_length=80)
    signature = models.CharField(max_length=88)
    sha256 = models.CharField(max_length=64, help_text=_("Of the whole package."))
    size = models.PositiveBigIntegerField()
    at = models.DateTimeField(_("when"))

    def __str__(self) -> str:
        return self.sha256

    @property
    def format(self) -> str:
        """The format in which it was sealed."""
        return json.loads(self.manifest)["@type"]
