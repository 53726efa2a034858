"""Links by which holders show a certificate to others."""

from datetime import datetime
from functools import partial
from secrets import token_urlsafe

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from certificates.models.certificate import Certificate


class ShareLinkQuerySet(models.QuerySet):
    def open(self, at: datetime) -> "ShareLinkQuerySet":
        """Those that still lead somewhere at an instant."""
        return self.filter(ended_at=None, expires_at__gt=at)


class ShareLink(models.Model):
    """A link that its holder made: whoever has it sees the certificate with its full name, and its files, without signing in.

    It ends when the holder ends it or when its days are over, and never opens again: a new one has another key.
    There is no count of visits on purpose: whom somebody applies to is nobody's business here.
    """

    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="share_links")
    key = models.CharField(max_length=32, unique=True, default=partial(token_urlsafe, 16), editable=False)  # 128 bits: not to be guessed
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = ShareLinkQuerySet.as_manager()

    class Meta:
        verbose_name = _("share link")
        verbose_name_plural = _("share links")
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["certificate"], condition=Q(ended_at=None), name="share_link_open_once")]

    def __str__(self) -> str:
        return f"{self.certificate_id}: {self.made_at:%Y-%m-%d}"
