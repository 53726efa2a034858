"""Who is told of changes by a webhook, and what became of each call."""

from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from core.models import Fact
from people.models import Person, Role, Unit
from people.models.unit import within_paths
from people.permissions import api_access_q, paths_of


class WebhookEndpointQuerySet(models.QuerySet):
    def visible_to(self, user) -> "WebhookEndpointQuerySet":
        """One's own, and those over units that one's HR or auditor role reaches."""
        return self.filter(api_access_q(user))

    def given_up_for(self, person: Person) -> "WebhookEndpointQuerySet":
        """Those that were given up and wait for this person: to be started again, or closed."""
        waiting = self.filter(closed_at=None).exclude(given_up_because="")
        return waiting if person.is_superuser else waiting.filter(within_paths(paths_of(person, [Role.HR])))

    def with_last_call(self) -> "WebhookEndpointQuerySet":
        """Each with `last_call`, the number of its newest call, or None."""
        calls = WebhookCall.objects.filter(endpoint=OuterRef("pk")).order_by("-pk")
        return self.annotate(last_call=Subquery(calls.values("pk")[:1]))


class WebhookEndpoint(models.Model):
    """An address that is told of what changes in a unit and below it.

    The numbered changes (`RecordChange`) are its outbox: `position` is the number up to which it has
    been told, and moves only after the receiver has answered; `again` are single numbers that are told
    once more before it goes on. The secret is not kept: it is made from `nonce` and the site's own
    secret, so that the table alone signs nothing. While `former_until` lies ahead, calls are signed with
    the former secret as well. Stopped (`disabled_at`), by somebody or because it was given up, it can be
    started again from where it stands; closed it cannot.
    """

    class Event(models.TextChoices):
        COMPLETED = "completion.completed", _("Completion")
        REVERSED = "completion.reversed", _("Completion reversed")
        ISSUED = "certificate.issued", _("Certificate issued")
        STATUS = "certificate.changed", _("State of a certificate")
        STEP = "period.step", _("Step of a period")

    class Because(models.TextChoices):
        FAILING = "failing", _("It was not answered for five days.")
        GONE = "gone", _("The receiver said that the address is gone for good (410).")
        OWNER = "owner", _("Its owner is not HR over the unit any more.")

    class State(models.TextChoices):
        TOLD = "told", _("In use")
        FAILING = "failing", _("Failing")
        STOPPED = "stopped", _("Stopped")
        GIVEN_UP = "given_up", _("Given up")
        CLOSED = "closed", _("Closed for good")

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
    given_up_because = models.CharField(max_length=8, choices=Because.choices, blank=True, default="")
    closed_at = models.DateTimeField(_("closed"), null=True)
    again = models.JSONField(default=list, editable=False)
    form_key = models.CharField(max_length=40, blank=True, editable=False)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "form_key"], condition=~Q(form_key=""), name="webhook_once_per_form"),
            models.CheckConstraint(
                condition=Q(given_up_because="", closed_at=None) | ~Q(disabled_at=None), name="webhook_ended_is_disabled"
            ),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def state(self) -> "WebhookEndpoint.State":
        if self.closed_at is not None:
            return self.State.CLOSED
        if self.given_up_because:
            return self.State.GIVEN_UP
        if self.disabled_at is not None:
            return self.State.STOPPED
        return self.State.FAILING if self.failing_since is not None else self.State.TOLD

    @property
    def event_labels(self) -> list[str]:
        return [str(self.Event(event).label) for event in self.events if event in self.Event.values]


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
        indexes = [
            models.Index(fields=["endpoint", "change"], name="webhook_call_of_change"),
            models.Index(fields=["endpoint", "-id"], name="webhook_call_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} · {self.change} · {self.status or self.problem}"

    @property
    def was_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300
