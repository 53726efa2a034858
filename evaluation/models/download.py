"""Files that somebody ordered, and how each person likes an export."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from people.models import Person, Unit


class Format(models.TextChoices):
    XLSX = "xlsx", _("Excel workbook (.xlsx)")
    CSV = "csv", _("CSV text (.csv)")
    JSONL = "jsonl", _("JSON lines, for programs (.jsonl)")


class DownloadQuerySet(models.QuerySet):
    def visible_to(self, user) -> "DownloadQuerySet":
        """A file is for whoever ordered it: it holds what that person may read."""
        return self.filter(by=user) if user.is_authenticated else self.none()


class Download(models.Model):
    """One export that a worker writes into a file (下载). Not a fact: the rows are; this is how they left.

    `reach` are the paths of the units that the rights reached by which it was made, and the counties whose earlier units they
    reached: it is handed out only while the rights still reach all of them, and before `expires_at`. It speaks `language`, in which it was ordered. The file is written in parts of rows
    that were fixed at `fixed_at`, under the rights of then and the headings `heads`; after a killed worker the next goes
    on with them. `done` counts the rows that are laid down; `tries` how often it was begun since it last came further.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("Being written")
        DONE = "done", _("Ready")
        CANCELLED = "cancelled", _("Cancelled")
        FAILED = "failed", _("Failed")
        EXPIRED = "expired", _("Removed after its time")

    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="downloads", verbose_name=_("by"))
    key = models.CharField(max_length=40)
    filters = models.JSONField(default=dict)
    words = models.JSONField(default=list)
    columns = models.JSONField(default=list)
    format = models.CharField(_("format"), max_length=8, choices=Format.choices)
    language = models.CharField(max_length=10, blank=True)
    purpose = models.CharField(_("purpose"), max_length=200)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("unit"))
    reach = models.JSONField(default=list)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.RUNNING)
    why = models.CharField(max_length=200, blank=True)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    name = models.CharField(max_length=200)
    file = models.CharField(max_length=200, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    form_key = models.CharField(max_length=40, editable=False)
    made_at = models.DateTimeField(_("ordered"))
    heads = models.JSONField(default=list)
    fixed_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    objects = DownloadQuerySet.as_manager()

    class Meta:
        verbose_name = _("download")
        verbose_name_plural = _("downloads")
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["by", "form_key"], name="download_once_per_form"),
            models.CheckConstraint(condition=~Q(state="done") | ~Q(file=""), name="download_done_has_file"),
        ]
        indexes = [models.Index(fields=["state", "seen_at"], name="download_stuck")]

    def __str__(self) -> str:
        return f"{self.name}.{self.format}"

    @property
    def is_under_way(self) -> bool:
        return self.state == self.State.RUNNING

    def state_at(self, at: datetime) -> State:
        """The state: a file whose time is over is gone, though nobody has removed it yet."""
        is_over = self.state == self.State.DONE and self.expires_at is not None and self.expires_at <= at
        return self.State.EXPIRED if is_over else self.State(self.state)


class DownloadPart(models.Model):
    """Some thousand rows of a file that is being written: their keys, as they were fixed, and the piece that was made of them.

    Absent before the rows are fixed and after the order is over. `file`, `sha256` and `rows` are empty until the piece lies
    in the private storage; a piece that turns out to be missing or changed is made again and takes its place.
    """

    download = models.ForeignKey(Download, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    keys = models.TextField()  # JSON: text, because nobody looks into it
    rows = models.PositiveIntegerField(default=0)
    file = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["download", "number"], name="download_part_once")]

    def __str__(self) -> str:
        return f"{self.download} {self.number}"


class ExportChoice(models.Model):
    """The columns and the format that a person chose last for one export. Overwritten by the next choice."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=40)
    columns = models.JSONField(default=list)
    format = models.CharField(max_length=8, choices=Format.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "key"], name="export_choice_once")]

    def __str__(self) -> str:
        return f"{self.person} · {self.key}"
