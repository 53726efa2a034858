"""Images that questions show."""

from django.core.files.storage import storages
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from people.models import Unit
from quizzes.models.attempts import Attempt
from quizzes.models.quiz import Quiz


def private():
    """Never below a folder that a web server hands out."""
    return storages["private"]


def path_of(image: "BankImage", filename: str) -> str:
    return f"bank-images/{image.county_id}/{image.digest}.{image.content_type.rpartition('/')[2]}"


class BankImageQuerySet(FactQuerySet):
    def visible_to(self, user) -> "BankImageQuerySet":
        """Images of the own county, of counties whose quizzes one may sit, and of those that one has sat."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        own = Q(county__path=user.unit.county_path) if user.unit_id else Q(pk__in=[])
        return self.filter(
            own
            | Q(county__in=Quiz.objects.visible_to(user).order_by().values("county"))
            | Q(county__in=Attempt.objects.filter(person=user).order_by().values("quiz__county"))
        )


class BankImage(Fact):
    """An image under the beginning of the SHA-256 of its bytes, by which texts name it. Never changed: papers show it."""

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("county"))
    digest = models.CharField(max_length=16)
    file = models.FileField(storage=private, upload_to=path_of, max_length=200)
    content_type = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    at = models.DateTimeField()

    objects = BankImageQuerySet.as_manager()

    class Meta:
        verbose_name = _("image of a question")
        verbose_name_plural = _("images of questions")
        constraints = [models.UniqueConstraint(fields=["digest", "county"], name="bank_image_once")]

    def __str__(self) -> str:
        return self.digest
