"""Files of questions on their way into the bank."""

import secrets

from django.core.files.storage import storages
from django.db import models
from django.utils.translation import gettext_lazy as _

from people.models import Person, Unit


def private():
    """Never below a folder that a web server hands out."""
    return storages["private"]


def path_of(job: "ImportJob", filename: str) -> str:
    return f"question-imports/{secrets.token_hex(16)}"


class ImportJobQuerySet(models.QuerySet):
    def visible_to(self, user) -> "ImportJobQuerySet":
        """A file is its uploader's alone."""
        return self.filter(by=user) if user.is_authenticated else self.none()


class ImportJob(models.Model):
    """One file of questions: checked by the worker, then confirmed and imported by it, or left.

    The file is kept only until the import is over, at most a day; what stays is who brought which
    file when, the figures and what became of each question (`report`, as `formats.Outcome` gives it).
    """

    class State(models.TextChoices):
        CHECKING = "checking", _("Being checked")
        CHECKED = "checked", _("Waiting for confirmation")
        IMPORTING = "importing", _("Being imported")
        DONE = "done", _("Imported")
        REFUSED = "refused", _("The file was refused")
        CANCELLED = "cancelled", _("Cancelled")
        FAILED = "failed", _("Failed")

    UNDER_WAY = (State.CHECKING, State.IMPORTING)
    OPEN = (*UNDER_WAY, State.CHECKED)

    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("county"))
    format = models.CharField(_("format"), max_length=20)
    course_code = models.CharField(_("course"), max_length=20, blank=True)
    file_name = models.CharField(_("file"), max_length=200)
    file_digest = models.CharField(max_length=64)
    file = models.FileField(storage=private, upload_to=path_of, max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.CHECKING)
    leaves_out = models.BooleanField(_("refused questions are left out"), default=False)
    expected = models.PositiveIntegerField(default=0)  # questions in the file, roughly
    done = models.PositiveIntegerField(default=0)  # questions read in the step that runs
    tries = models.PositiveSmallIntegerField(default=0)  # how often the step that runs was begun
    counts = models.JSONField(default=dict)
    report = models.JSONField(default=list)
    warnings = models.JSONField(default=list)  # [place, code, what a person should look at]
    met = models.CharField(max_length=64, blank=True)  # digest of the questions of the bank that the check met
    message = models.TextField(blank=True)  # why the file as a whole was refused, or has to be confirmed again
    made_at = models.DateTimeField(_("uploaded"))
    seen_at = models.DateTimeField()  # last sign of life of the step that runs
    ended_at = models.DateTimeField(null=True)

    objects = ImportJobQuerySet.as_manager()

    class Meta:
        verbose_name = _("import of questions")
        verbose_name_plural = _("imports of questions")
        ordering = ["-made_at", "-pk"]
        indexes = [models.Index(fields=["state", "seen_at"], name="import_job_stuck")]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNDER_WAY

    @property
    def good(self) -> int:
        """How many questions would be written."""
        return self.counts.get("new", 0) + self.counts.get("updated", 0)

    @property
    def took_nothing(self) -> bool:
        """Whether nothing of the file could be taken: then it may be in another format than the one it was read in."""
        return self.state in (self.State.CHECKED, self.State.REFUSED) and not self.good and not self.counts.get("same", 0)

    @property
    def refused(self) -> int:
        return self.counts.get("refused", 0)
