"""The certificates that a county awards: their wording and look, and each version of them that was ever in force."""

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.models import DraftStateMixin, LockableMixin, PreviewableMixin, RevisionMixin, WorkflowMixin

from certificates import rules
from certificates.models.picture import TemplatePicture
from core import clock
from core.errors import Refused
from core.models import Fact
from people.models import Person, Unit
from people.rules import is_county_code

IN_ENGLISH = ("title_en", "wording_en", "issuer_en")
SIGNATORIES = 3
_PALEST = {"ink": rules.quieter, "accent": str}  # the palest shade that text is printed in
COLOUR = RegexValidator(r"^#[0-9a-fA-F]{6}$", _("A colour is written like #1d4e7a."))


class CertificateKindQuerySet(models.QuerySet):
    def visible_to(self, user) -> "CertificateKindQuerySet":
        """The kinds of the counties whose certificates the user rules; all of them for superusers."""
        if user.is_authenticated and user.is_superuser:
            return self
        return self.ruled_by(user)

    def ruled_by(self, user) -> "CertificateKindQuerySet":
        """The kinds of the counties over which the user is HR or administrator."""
        from certificates.permissions import counties_of

        return self.filter(county__in=counties_of(user))


class CertificateKind(WorkflowMixin, DraftStateMixin, LockableMixin, RevisionMixin, PreviewableMixin, models.Model):
    """A certificate that a county awards: its title, wording, look and numbering. Courses name it by `key`.

    What is edited is a draft. It goes live when a second person approves it (KindReview), and becomes a
    TemplateVersion then: that is what certificates are issued from, and it changes none that were issued before.
    The row holds what is live; while `live` is false nothing is issued from it.
    `wording` may use {name} {unit} {course} {hours} {score} {date}, and so may `wording_en`.
    """

    class Language(models.TextChoices):
        CHINESE = "zh", _("Chinese")
        BILINGUAL = "zh-en", _("Chinese and English")

    class Orientation(models.TextChoices):
        LANDSCAPE = "landscape", _("Landscape")
        PORTRAIT = "portrait", _("Portrait")

    class QrPlace(models.TextChoices):
        BOTTOM_RIGHT = "bottom_right", _("Bottom right")
        BOTTOM_LEFT = "bottom_left", _("Bottom left")
        TOP_RIGHT = "top_right", _("Top right")
        TOP_LEFT = "top_left", _("Top left")

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
    language = models.CharField(_("language"), max_length=5, choices=Language.choices, default=Language.CHINESE)
    title_en = models.CharField(_("title in English"), max_length=120, blank=True)
    wording_en = models.TextField(
        _("wording in English"),
        max_length=800,
        blank=True,
        help_text=_("The same placeholders; names of people, units and courses are printed in Chinese here too."),
    )
    issuer_en = models.CharField(_("issuer in English"), max_length=160, blank=True)
    signatory_1 = models.CharField(_("first signatory"), max_length=30, blank=True)
    signatory_1_post = models.CharField(_("post"), max_length=40, blank=True)
    signatory_2 = models.CharField(_("second signatory"), max_length=30, blank=True)
    signatory_2_post = models.CharField(_("post"), max_length=40, blank=True)
    signatory_3 = models.CharField(_("third signatory"), max_length=30, blank=True)
    signatory_3_post = models.CharField(_("post"), max_length=40, blank=True)
    seal = models.ForeignKey(TemplatePicture, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("seal"))
    marks_seal_place = models.BooleanField(
        _("mark the place for a stamp"),
        default=False,
        help_text=_("For papers that are printed and stamped by hand; not with a seal picture."),
    )
    background = models.ForeignKey(
        TemplatePicture, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("background")
    )
    accent = models.CharField(_("colour of lines and title"), max_length=7, default=rules.ACCENT, validators=[COLOUR])
    ink = models.CharField(_("colour of the text"), max_length=7, default=rules.INK, validators=[COLOUR])
    orientation = models.CharField(_("paper orientation"), max_length=10, choices=Orientation.choices, default=Orientation.LANDSCAPE)
    qr_place = models.CharField(_("place of the QR code"), max_length=12, choices=QrPlace.choices, default=QrPlace.BOTTOM_RIGHT)
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

    # ---- what Wagtail asks ------------------------------------------------------------------

    @property
    def preview_modes(self):
        return [
            ("plain", _("Usual names")),
            ("long", _("A long name")),
            ("rare", _("Rare characters")),
            ("lines", _("A course title of four lines")),
            ("higher", _("Resting on other certificates")),
            ("both", _("Chinese and English")),
        ]

    def serve_preview(self, request, mode_name):
        """The paper as it would look with sample facts; for the editor in the admin."""
        from certificates.preview import preview

        return preview(request, self, mode_name)

    @classmethod
    def hold(cls, pk) -> None:
        """Lock a kind until the transaction ends: what is written and what is decided about it come one after the other."""
        list(cls.objects.select_for_update(of=("self",), no_key=True).filter(pk=pk).values_list("pk"))

    @transaction.atomic
    def save_revision(self, *args, **kwargs):
        """Keep a draft. While somebody decides it waits, so that what is published is what was decided about. Locks the kind."""
        if self.pk:
            self.hold(self.pk)
        return super().save_revision(*args, **kwargs)

    def publish(self, revision, user=None, *, at=None, **kwargs):
        """Go live in one transaction with the version that certificates are issued from: both or neither.

        Somebody publishes by approving what another person submitted; only the system (`user=None`) goes without.

        Raises:
            Refused: not approved, or approved by its own author, or somebody without the right; it cannot be printed as it is.
        """
        from certificates.services import kinds

        with transaction.atomic():
            submitted_by = kinds.check_publication(kind=self, revision=revision, by=user)
            super().publish(revision, user=user, **kwargs | {"skip_permission_checks": True})
            kinds.freeze(kind=self, by=submitted_by, approved_by=user, at=at or clock.now())

    # ---- what it says -----------------------------------------------------------------------

    def _unprintable(self) -> str:
        """Which character no font here has, in words: said while its author can still change it."""
        from certificates.services import kinds

        try:
            kinds.require_printable(self)
        except Refused as refusal:
            return refusal.message
        return ""

    def clean(self) -> None:
        """Refuse what could not be issued, printed or read."""
        problems = self._wrong_texts() | self._wrong_look()
        if self.county_id and not (self.county.depth == 1 and is_county_code(self.county.code)):
            problems["county"] = _("The county needs a code of six digits: it is part of each number.")
        if self.validity_months is not None and self.validity_months > 600:
            problems["validity_months"] = _("At most 600 months.")
        from certificates.models.renewal import problems_of_renewal

        problems |= problems_of_renewal(self)
        if not problems and (unprintable := self._unprintable()):
            problems[NON_FIELD_ERRORS] = unprintable
        if problems:
            raise ValidationError(problems)

    def _wrong_texts(self) -> dict:
        problems = {}
        for name in ("wording", "wording_en"):
            try:
                rules.check_wording(getattr(self, name))
            except Refused as refusal:
                problems[name] = refusal.message
        posts = [name for name, _post in self._signatory_fields()] + [post for _name, post in self._signatory_fields()]
        for name in ("title", "wording", "issuer", *IN_ENGLISH, *posts):
            if rules.calls_itself_a_licence(getattr(self, name)):
                # GB/T 36901: the word belongs to statutory licences.
                problems[name] = _("A training certificate may not call itself 电子证照 or electronic licence.")
        if self.language == self.Language.BILINGUAL:
            for name in IN_ENGLISH:
                if not getattr(self, name).strip():
                    problems[name] = _("A bilingual certificate needs it in English.")
        for name, post in self._signatory_fields():
            if getattr(self, post).strip() and not getattr(self, name).strip():
                problems[name] = _("A post stands here without a name.")
        return problems

    def _wrong_look(self) -> dict:
        problems = {}
        palest = {name: shade(getattr(self, name)) for name, shade in _PALEST.items() if rules.is_colour(getattr(self, name))}
        for name, colour in palest.items():
            if (contrast := rules.contrast(rules.luminance(colour), 1.0)) < rules.CONTRAST:
                problems[name] = _("Too pale on white paper: its contrast is %(contrast)s, and %(least)s is needed.") % {
                    "contrast": f"{contrast:.1f}",
                    "least": rules.CONTRAST,
                }
        for name, use in (("seal", TemplatePicture.Use.SEAL), ("background", TemplatePicture.Use.BACKGROUND)):
            picture = getattr(self, name) if getattr(self, f"{name}_id") else None
            if picture and (picture.county_id != self.county_id or picture.use != use):
                problems[name] = _("This picture belongs elsewhere.")
        if self.background_id and not problems.keys() & {"background", *palest}:
            behind = self.background.darkest / 1000
            contrast = min((rules.contrast(rules.luminance(colour), behind) for colour in palest.values()), default=rules.CONTRAST)
            if contrast < rules.CONTRAST:
                problems["background"] = _(
                    "The picture is too dark behind the text: the contrast is %(contrast)s, and %(least)s is needed. "
                    "Make it paler, or choose a darker colour for the text."
                ) % {"contrast": f"{contrast:.1f}", "least": rules.CONTRAST}
        return problems

    @staticmethod
    def _signatory_fields() -> list[tuple[str, str]]:
        return [(f"signatory_{number}", f"signatory_{number}_post") for number in range(1, SIGNATORIES + 1)]

    @property
    def is_bilingual(self) -> bool:
        return self.language == self.Language.BILINGUAL

    def design(self) -> dict:
        """What a certificate takes from its kind: all that decides how a paper reads and looks. The content of a version."""
        # Across, with the code on top, the issuer has 34 mm: a larger seal would touch the dates above it.
        is_flat = self.orientation == self.Orientation.LANDSCAPE and self.qr_place.startswith("top")
        return {
            "layout": "v2",
            "title": self.title,
            "wording": self.wording,
            "issuer": self.issuer,
            "validity_months": self.validity_months,
            "language": str(self.language),
            **{name: getattr(self, name) if self.is_bilingual else "" for name in IN_ENGLISH},
            "signatories": [
                {"name": getattr(self, name), "post": getattr(self, post)}
                for name, post in self._signatory_fields()
                if getattr(self, name).strip()
            ],
            "seal": self.seal.digest if self.seal_id else None,
            "seal_mm": 32 if is_flat else 36,
            "marks_seal_place": self.marks_seal_place and not self.seal_id,
            "background": self.background.digest if self.background_id else None,
            "accent": self.accent.lower(),
            "ink": self.ink.lower(),
            "orientation": str(self.orientation),
            "qr_place": str(self.qr_place),
        }


class TemplateVersion(Fact):
    """One version of a certificate kind as it was in force: the design that certificates of that time are printed in.

    Appears when a kind is published with a design that differs from the version before, or when a kind that
    the system made is first issued from. `content` is `CertificateKind.design()`; `digest` its SHA-256. `by`
    submitted it and `approved_by` approved it; both are empty where the system did. Each certificate names its
    version for ever.
    """

    kind = models.ForeignKey(CertificateKind, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    content = models.JSONField()
    digest = models.CharField(max_length=64)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    approved_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("template version")
        verbose_name_plural = _("template versions")
        ordering = ["kind", "number"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "number"], name="template_version_once"),
            models.CheckConstraint(condition=~Q(approved_by=F("by")), name="template_version_by_two"),
        ]

    def __str__(self) -> str:
        return f"{self.kind_id} v{self.number}"

    def require_as_approved(self) -> None:
        """Let something be printed as it says.

        Raises:
            Refused: altered; somebody has edited it in the database since.
        """
        if rules.digest(self.content) != self.digest:
            raise Refused(
                gettext("What is kept of version %(number)s of this template is not what was approved: nothing is issued or printed in it.")
                % {"number": self.number},
                code="altered",
            )
