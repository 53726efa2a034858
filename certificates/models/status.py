"""What became of a certificate, and what two officers decide together."""

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from people.models import Person, Role


class StatusEventQuerySet(FactQuerySet):
    def deciding(self) -> "StatusEventQuerySet":
        """Those that decide what a certificate is worth beside its dates; the newest of them stands."""
        kinds = StatusEvent.Kind
        return self.filter(kind__in=[kinds.SUSPENDED, kinds.RESTORED, *kinds.final()])


class ProposalQuerySet(FactQuerySet):
    def open(self) -> "ProposalQuerySet":
        """Those that wait for a decision: none was taken, and the certificate was not ended by another one meanwhile."""
        ended = StatusEvent.objects.filter(certificate=OuterRef("certificate"), kind__in=StatusEvent.Kind.final())
        return self.filter(~Exists(ended), decision=None)

    def visible_to(self, user) -> "ProposalQuerySet":
        """Those about certificates of people of a county whose HR the user is, or issued by it. Nobody decides on their own."""
        from certificates.permissions import counties_of, issued_q

        if not user.is_authenticated:
            return self.none()
        others = self.exclude(certificate__person=user.pk)
        if user.is_superuser:
            return others
        reach = issued_q(user, "certificate__")
        for county in counties_of(user, [Role.HR]):
            reach |= Q(certificate__unit__path__startswith=county.path)
        return others.filter(reach)

    def waiting_for(self, user) -> "ProposalQuerySet":
        """Those that the user may decide now: open, and proposed by somebody else."""
        return self.visible_to(user).open().exclude(by=user.pk)


class Proposal(Fact):
    """An officer asks that a certificate be revoked, or replaced by one with corrected facts. A second officer decides.

    `corrections` holds the corrected facts of a replacement by field of Certificate, such as {"person_name": "张晓明"}.
    """

    class Kind(models.TextChoices):
        REVOKE = "revoke", _("Revoke")
        REPLACE = "replace", _("Replace")

    certificate = models.ForeignKey("certificates.Certificate", on_delete=models.PROTECT, related_name="proposals")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.TextField(_("reason"))
    corrections = models.JSONField(default=dict)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = ProposalQuerySet.as_manager()

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.certificate_id}"


class ProposalDecision(Fact):
    """What became of a proposal: the second officer accepted or declined it, or whoever made it withdrew it. Once.

    The consequence of an accepted one is a StatusEvent of the same instant; the others leave the certificate as it is.
    """

    proposal = models.OneToOneField(Proposal, on_delete=models.PROTECT, related_name="decision")
    is_accepted = models.BooleanField()
    is_withdrawal = models.BooleanField(default=False)
    reason = models.TextField(_("reason"), blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(is_accepted=False) | Q(is_withdrawal=False), name="withdrawn_is_not_accepted"),
        ]

    def __str__(self) -> str:
        return f"{self.proposal_id}: {'withdrawn' if self.is_withdrawal else 'accepted' if self.is_accepted else 'declined'}"


class StatusEvent(Fact):
    """What became of a certificate, in the order of the keys. `second` is who decided with `by`, where two must.

    An "expired" event is written by the scheduler when the last day has passed, so that it is on record;
    what a certificate is worth on a day follows from its dates and never waits for it.
    """

    class Kind(models.TextChoices):
        ISSUED = "issued", _("Issued")
        SUSPENDED = "suspended", _("Suspended")
        RESTORED = "restored", _("Restored")
        REVOKED = "revoked", _("Revoked")
        REPLACED = "replaced", _("Replaced")
        EXPIRED = "expired", _("Expired")

        @classmethod
        def final(cls) -> "list[StatusEvent.Kind]":
            """After these nothing changes any more."""
            return [cls.REVOKED, cls.REPLACED]

    certificate = models.ForeignKey("certificates.Certificate", on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.TextField(_("reason"), blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    second = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    proposal = models.OneToOneField(Proposal, on_delete=models.PROTECT, null=True, related_name="event")
    at = models.DateTimeField()

    objects = StatusEventQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["kind", "certificate"], name="status_event_by_kind")
        ]  # for status lists, which skip what was only issued
        constraints = [
            models.UniqueConstraint(
                fields=["certificate", "kind"],
                condition=Q(kind__in=["issued", "revoked", "replaced", "expired"]),
                name="certificate_event_once",
            ),
            models.CheckConstraint(condition=~Q(second=F("by")), name="certificate_event_by_two"),
            models.CheckConstraint(
                condition=Q(proposal=None) | Q(by__isnull=False, second__isnull=False), name="certificate_proposal_by_two"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.certificate_id}: {self.kind}"
