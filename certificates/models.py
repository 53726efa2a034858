"""Certificates: what is printed, when it was issued, what became of it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from courses.models import Completion
from people.models import Person, ServedAt, Unit
from people.permissions import records_q


class CertificateKind(models.Model):
    """A certificate that a county awards: its title, wording and numbering. Courses name it by `key`.

    Editing it changes no certificate: each certificate copies what it prints.
    `wording` may use {name} {unit} {course} {hours} {score} {date}.
    """

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("county"))
    key = models.SlugField(_("key"), max_length=40)
    title = models.CharField(_("title"), max_length=60)
    wording = models.TextField(_("wording"))
    issuer = models.CharField(_("issuer"), max_length=80)
    number_prefix = models.CharField(_("number prefix"), max_length=10, default="YAZWGK")
    category = models.CharField(_("category digits"), max_length=2, default="01")
    validity_months = models.PositiveSmallIntegerField(_("valid for months"), default=24, help_text=_("0: without end."))

    class Meta:
        verbose_name = _("certificate kind")
        verbose_name_plural = _("certificate kinds")
        constraints = [models.UniqueConstraint(fields=["county", "key"], name="certificate_kind_once")]

    def __str__(self) -> str:
        return self.title


class NumberSequence(models.Model):
    """The last number given out for one prefix, category, year and issuing county. Locked while one is taken."""

    prefix = models.CharField(max_length=10)
    category = models.CharField(max_length=2)
    year = models.PositiveSmallIntegerField()
    county_code = models.CharField(max_length=12)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prefix", "category", "year", "county_code"], name="number_sequence_once")]


class CertificateQuerySet(FactQuerySet):
    def visible_to(self, user) -> "CertificateQuerySet":
        return self.filter(records_q(user))


class Certificate(ServedAt, Fact):
    """One certificate, issued once for one completion; every printed fact is frozen here.

    Never changed: revoking it is a StatusEvent, a corrected one is a new certificate.
    `facts_digest` is the SHA-256 over the printed facts.
    """

    completion = models.OneToOneField(Completion, on_delete=models.PROTECT, related_name="issued_certificate")
    kind = models.ForeignKey(CertificateKind, on_delete=models.PROTECT, related_name="certificates")
    number = models.CharField(_("number"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=60)
    text = models.TextField(_("text"))
    issuer = models.CharField(_("issuer"), max_length=80)
    course_code = models.CharField(_("course code"), max_length=20)
    course_title = models.CharField(_("course"), max_length=120)
    edition_number = models.PositiveIntegerField(_("edition"))
    hours = models.DecimalField(_("hours"), max_digits=5, decimal_places=2)
    score = models.DecimalField(_("score"), max_digits=6, decimal_places=2, null=True)
    issued_on = models.DateField(_("issued on"))
    valid_until = models.DateField(_("valid until"), null=True)  # last day of validity
    issued_at = models.DateTimeField(_("issued at"), db_index=True)
    facts_digest = models.CharField(max_length=64)

    objects = CertificateQuerySet.as_manager()

    class Meta:
        verbose_name = _("certificate")
        verbose_name_plural = _("certificates")

    def __str__(self) -> str:
        return f"{self.number} {self.person_name}"


class StatusEvent(Fact):
    """What became of a certificate: issued, revoked. The newest event is its state."""

    class Kind(models.TextChoices):
        ISSUED = "issued", _("Issued")
        REVOKED = "revoked", _("Revoked")

    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.TextField(_("reason"), blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        constraints = [models.UniqueConstraint(fields=["certificate", "kind"], name="certificate_event_once")]
