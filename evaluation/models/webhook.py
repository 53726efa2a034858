"""Who is told of changes by a webhook, and what became of each call."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Fact
from people.models import Person, Unit


class WebhookEndpoint(models.Model):
    """An address that is told of what changes in a unit and below it.

    The numbered changes (`RecordChange`) are its outbox: `position` is the number up to which it has
    been told, and moves only after the receiver has answered. The secret is not kept: it is made from
    `nonce` and the site's own secret, so that the table alone signs nothing. While `former_until`
    lies ahead, calls are signed with the former secret as well.
    """

    class Event(models.TextChoices):
        COMPLETED = "completion.completed", _("Completion")
        REVERSED = "completion.reversed", _("Completion reversed")
        ISSUED = "certificate.issued", _("Certificate issued")
        STATUS = "certificate.changed", _("State of a certificate")
        STEP = "period.step", _("Step of a period")

    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("unit"))
    url = models.CharField(_("address"), max_length=500)
    events = models.JSONField(_("told of"), default=list)
    owner = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name=_("owner"))
    created_at = models.DateTimeField(_("made"))
    nonce = models.CharField(max_length=64, editable=False)
    former_nonce = models.CharField(max_length=64, blank=True, editable=False)
    former_until = models.DateTimeField(null=True, editable=False)
    position = models.BigIntegerField(_("told up to change"), default=0)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(_("failing since"), null=True)
    next_try_at = models.DateTimeField(_("next try"), null=True)
    held_until = models.DateTimeField(null=True, editable=False)  # a worker is at it, until then at most
    disabled_at = models.DateTimeField(_("stopped"), null=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.url


class WebhookCall(Fact):
    """One call of a webhook: of which change, and how it was answered. `status` is null when nobody answered."""

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="calls")
    change = models.BigIntegerField()
    event = models.CharField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    problem = models.CharField(max_length=200, blank=True)
    milliseconds = models.PositiveIntegerField()
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("call of a webhook")
        verbose_name_plural = _("calls of webhooks")
        ordering = ["pk"]
        indexes = [models.Index(fields=["endpoint", "change"], name="webhook_call_of_change")]

    def __str__(self) -> str:
        return f"{self.endpoint_id} · {self.change} · {self.status or self.problem}"
