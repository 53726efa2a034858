"""The public half of the keys that certificates are signed with."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class SigningKeyQuerySet(models.QuerySet):
    def published(self) -> "SigningKeyQuerySet":
        """Those that a signature may be checked with: in use or retired, not withdrawn."""
        return self.filter(withdrawn_at=None)

    def in_use(self) -> "SigningKeyQuerySet":
        return self.filter(retired_at=None)


class SigningKey(models.Model):
    """A key that badges, papers or the certificates of paper keys are signed with. Made by `manage.py signing_keys`.

    Only the public half: the private one is the file `<kid>.pem` below KEYS_ROOT and stands in no row, log or repr.
    One key of a purpose is in use at a time. A retired one signs nothing more, and what it signed stays valid;
    a withdrawn one was in wrong hands, and nothing that it signed counts any longer. Neither is ever undone.
    """

    class Purpose(models.TextChoices):
        BADGE = "badge", _("Badges, status lists and daily roots (Ed25519)")
        CA = "ca", _("Certificates of the paper keys (P-256)")
        PAPER = "paper", _("PDF papers (P-256)")

    kid = models.CharField(max_length=40, unique=True)
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    public_key = models.CharField(max_length=80, blank=True)  # badge: multibase, as Multikey and did:key write it
    certificate = models.TextField(blank=True)  # ca, paper: X.509 as PEM
    made_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    objects = SigningKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["purpose"], condition=Q(retired_at=None), name="signing_key_in_use_once"),
            models.CheckConstraint(condition=Q(withdrawn_at=None) | Q(retired_at__isnull=False), name="signing_key_withdrawn_is_retired"),
        ]

    def __str__(self) -> str:
        return self.kid
