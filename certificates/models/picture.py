"""Pictures that certificates carry: seals and backgrounds."""

from django.core.files.storage import storages
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from people.models import Person, Unit


def private():
    """Never below a folder that a web server hands out."""
    return storages["private"]


def path_of(picture: "TemplatePicture", filename: str) -> str:
    return f"certificate-pictures/{picture.county_id}/{picture.digest}.{picture.content_type.rpartition('/')[2]}"


class TemplatePictureQuerySet(FactQuerySet):
    def visible_to(self, user) -> "TemplatePictureQuerySet":
        """Those of the counties whose certificates the user rules."""
        from certificates.permissions import counties_of

        if user.is_authenticated and user.is_superuser:
            return self
        return self.filter(county__in=counties_of(user))


class TemplatePicture(Fact):
    """A picture under the SHA-256 of its bytes, by which versions of templates name it. Never changed: papers show it.

    What is kept was drawn anew from the upload (services/pictures.py), so it carries no place, camera or name.
    `darkest` is the relative luminance (WCAG 2.2; 0 black, 1 white) below which hardly anything of its inner part lies,
    in thousandths: text stands upon a background.
    """

    class Use(models.TextChoices):
        SEAL = "seal", _("Seal")
        BACKGROUND = "background", _("Background")

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("county"))
    use = models.CharField(_("use"), max_length=10, choices=Use.choices)
    name = models.CharField(_("name"), max_length=60)
    digest = models.CharField(max_length=64)
    file = models.FileField(storage=private, upload_to=path_of, max_length=200)
    content_type = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    darkest = models.PositiveSmallIntegerField()
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    objects = TemplatePictureQuerySet.as_manager()

    class Meta:
        verbose_name = _("picture of a certificate")
        verbose_name_plural = _("pictures of certificates")
        ordering = ["-at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["digest", "use", "county"], name="template_picture_once")]

    def __str__(self) -> str:
        return _("%(name)s (%(width)d × %(height)d)") % {"name": self.name, "width": self.width, "height": self.height}
