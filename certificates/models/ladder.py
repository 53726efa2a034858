"""Higher certificates: what each asks for, what people attested, and what an issued one rests on."""

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from certificates.models.certificate import Certificate
from certificates.models.kind import CertificateKind
from core.models import Fact, FactQuerySet
from courses.models import Completion
from people.models import Person, ServedAt
from people.permissions import records_q


class ConditionSetQuerySet(FactQuerySet):
    def in_force(self) -> "ConditionSetQuerySet":
        """The newest set of each kind, where it asks for anything."""
        newest = ConditionSet.objects.filter(kind=OuterRef("kind")).order_by("-number").values("pk")[:1]
        return self.annotate(newest=Subquery(newest)).filter(pk=F("newest"), is_empty=False)


class ConditionSet(Fact):
    """What a kind of certificate asks for, as it was put into force. The newest of a kind stands; none or an empty one:
    it is awarded by courses alone.

    All of it has to be met: lower kinds held in force (`kinds`, by key), courses completed (`courses`, by code, of the
    same county), and what the platform cannot know and somebody attests (`attested`: [{"key", "title"}]). Changing the
    conditions is a new row, put into force after a look at who would gain; what was issued stays.
    """

    kind = models.ForeignKey(CertificateKind, on_delete=models.PROTECT, related_name="condition_sets")
    number = models.PositiveIntegerField()
    kinds = models.JSONField(default=list)
    courses = models.JSONField(default=list)
    attested = models.JSONField(default=list)
    is_empty = models.BooleanField(default=False)
    source = models.CharField(_("source"), max_length=200, blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    objects = ConditionSetQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "number"]
        constraints = [models.UniqueConstraint(fields=["kind", "number"], name="condition_set_once")]

    def __str__(self) -> str:
        return f"{self.kind_id} {self.number}"


class AttestationQuerySet(FactQuerySet):
    def visible_to(self, user) -> "AttestationQuerySet":
        return self.filter(records_q(user))


class Attestation(ServedAt, Fact):
    """An officer or trainer says that a person has met a condition that the platform cannot know, and on what evidence.

    A mistake is answered by a row with `is_met` false and its reason; the newest row of a person, kind and condition stands.
    """

    kind = models.ForeignKey(CertificateKind, on_delete=models.PROTECT, related_name="attestations")
    key = models.SlugField(max_length=40)
    title = models.CharField(_("condition"), max_length=80)
    is_met = models.BooleanField()
    evidence = models.CharField(_("evidence"), max_length=300)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = AttestationQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["person", "kind", "key"], name="attestation_of_person")]

    def __str__(self) -> str:
        return f"{self.person_name}: {self.title}"


class Basis(Fact):
    """One fact that a higher certificate rests on: a lower certificate, a completion or an attestation. Written with it.

    `condition` is the condition's wording of that day. What becomes of the fact later does not touch the certificate:
    HR sees those that rest on something that no longer stands, and decides.
    """

    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="basis")
    condition = models.CharField(max_length=160)
    lower = models.ForeignKey(Certificate, on_delete=models.PROTECT, null=True, related_name="+")
    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, null=True, related_name="+")
    attestation = models.ForeignKey(Attestation, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(lower__isnull=False, completion=None, attestation=None)
                | Q(lower=None, completion__isnull=False, attestation=None)
                | Q(lower=None, completion=None, attestation__isnull=False),
                name="basis_is_one_fact",
            ),
            models.UniqueConstraint(fields=["certificate", "lower"], name="basis_lower_once"),
            models.UniqueConstraint(fields=["certificate", "completion"], name="basis_completion_once"),
            models.UniqueConstraint(fields=["certificate", "attestation"], name="basis_attestation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.certificate_id}: {self.condition}"
