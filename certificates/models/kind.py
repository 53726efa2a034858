"""The certificates that a county awards: their wording and look, and each version of them that was ever in force."""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from wagtail.models import PreviewableMixin

from certificates import rules
from core.errors import Refused
from core.models import Fact
from people.models import Person, Unit
from people.rules import is_county_code


class CertificateKindQuerySet(models.QuerySet):
    def visible_to(self, user) -> "CertificateKindQuerySet":
        """The kinds of the counties whose certificates the user rules."""
        from certificates.permissions import counties_of

        if user.is_authenticated and user.is_superuser:
            return self
        return self.filter(county__in=counties_of(user))


class CertificateKind(PreviewableMixin, models.Model):
    """A certificate that a county awards: its title, wording and numbering. Courses name it by `key`.

    Editing it changes no certificate: each certificate copies what it prints.
    `wording` may use {name} {unit} {course} {hours} {score} {date}.
    """

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("county"), limit_choices_to={"depth": 1})
    key = models.SlugField(_("key"), max_length=40, help_text=_("Courses name the certificate by it; it does not change."))
    title = models.CharField(_("title"), max_length=60)
    wording = models.TextField(
        _("wording"),
        max_length=400,
        help_text=_(
            "The sentence on the paper. It may use {name} {unit} {course} {hours} {score} {date}; {score} reads “92分”, or “合格” without a test."
        ),
    )
    issuer = models.CharField(_("issuer"), max_length=80)
    number_prefix = models.CharField(
        _("number prefix"),
        max_length=10,
        default="YAZWGK",
        validators=[RegexValidator(r"^[A-Z]{2,10}$", _("Two to ten capital letters."))],
    )
    category = models.CharField(
        _("category digits"), max_length=2, default="01", validators=[RegexValidator(r"^[0-9]{2}$", _("Two digits."))]
    )
    validity_months = models.PositiveSmallIntegerField(_("valid for months"), default=24, help_text=_("0: without end."))

    # Renewal: figures of the county. The handbook suggests 2 years and a renewal test; the days are ours (D).
    renewal_window_days = models.PositiveSmallIntegerField(
        _("renewal opens so many days before the end"), default=90, help_text=_("0: no renewal. (D: the county decides.)")
    )
    renewal_grace_days = models.PositiveSmallIntegerField(
        _("and stays possible so many days after the end"), default=0, help_text=_("0: not after the last day. (D: the county decides.)")
    )
    renewal_course = models.CharField(
        _("renewal course"),
        max_length=20,
        blank=True,
        help_text=_("The code of a short course, or of one that consists of its test. Empty: the same course again."),
    )
    reminder_days = models.PositiveSmallIntegerField(
        _("last reminder so many days before the end"),
        default=14,
        help_text=_("The first comes when renewal opens. 0: no second one. (D: the county decides.)"),
    )

    objects = CertificateKindQuerySet.as_manager()

    class Meta:
        verbose_name = _("certificate kind")
        verbose_name_plural = _("certificate kinds")
        ordering = ["county", "category", "key"]
        constraints = [models.UniqueConstraint(fields=["county", "key"], name="certificate_kind_once")]

    def __str__(self) -> str:
        return self.title

    @property
    def preview_modes(self):
        return [("plain", _("Usual names")), ("long", _("A long name and a course title of four lines")), ("rare", _("Rare characters"))]

    def serve_preview(self, request, mode_name):
        """The paper as it would look with sample facts; for the editor in the admin."""
        from certificates.preview import preview

        return preview(request, self, mode_name)

    def clean(self) -> None:
        """Refuse what could not be issued or printed: an unknown placeholder, 电子证照, a county without a six-digit code."""
        problems = {}
        try:
            rules.check_wording(self.wording)
        except Refused as refusal:
            problems["wording"] = refusal.message
        if any("电子证照" in text for text in (self.title, self.wording)):
            # GB/T 36901: the word belongs to statutory licences.
            problems["title"] = _("A training certificate may not call itself 电子证照.")
        if self.county_id and not (self.county.depth == 1 and is_county_code(self.county.code)):
            problems["county"] = _("The county needs a code of six digits: it is part of each number.")
        if self.validity_months > 600:
            problems["validity_months"] = _("At most 600 months.")
        from certificates.models.renewal import problems_of_renewal

        problems |= problems_of_renewal(self)
        if problems:
            raise ValidationError(problems)

    def design(self) -> dict[str, str | int | None]:
        """What a certificate takes from its kind: all that decides how a paper reads and looks. The content of a version."""
        return {
            "title": self.title,
            "wording": self.wording,
            "issuer": self.issuer,
            "validity_months": self.validity_months,
            "layout": "v1",
        }


class TemplateVersion(Fact):
    """One version of a certificate kind as it was in force: the design that certificates of that time are printed in.

    Appears when a kind is published, or first issued from, with a design that differs from the version before.
    `content` is `CertificateKind.design()`; `digest` its SHA-256. Each certificate names its version for ever.
    """

    kind = models.ForeignKey(CertificateKind, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    content = models.JSONField()
    digest = models.CharField(max_length=64)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("template version")
        verbose_name_plural = _("template versions")
        ordering = ["kind", "number"]
        constraints = [models.UniqueConstraint(fields=["kind", "number"], name="template_version_once")]

    def __str__(self) -> str:
        return f"{self.kind_id} v{self.number}"
