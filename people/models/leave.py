"""Times in which somebody was away from their post."""

from datetime import date, datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from people.models.person import Person
from people.models.snapshot import ServedAt


class LeaveQuerySet(FactQuerySet):
    def visible_to(self, user) -> "LeaveQuerySet":
        """One's own, and those of people whom one's HR or auditor role reaches: why somebody is away is nobody else's business."""
        from people.permissions import leaves_q

        return self.filter(leaves_q(user))

    def standing(self) -> "LeaveQuerySet":
        """Those that no later row replaces or takes back."""
        return self.filter(replaced_by=None, is_void=False)

    def known_at(self, moment: datetime) -> "LeaveQuerySet":
        """Those that stood at a moment, by what was written up to it."""
        return self.filter(at__lte=moment, is_void=False).exclude(replaced_by__at__lte=moment)

    def covering(self, day: date) -> "LeaveQuerySet":
        """Those that the day belongs to."""
        return self.touching(day, day)

    def touching(self, first: date, last: date | None) -> "LeaveQuerySet":
        """Those that share a day with the stretch; `last` None: it lasts."""
        found = self.filter(Q(ends_on=None) | Q(ends_on__gte=first))
        return found if last is None else found.filter(starts_on__lte=last)


class Leave(ServedAt, Fact):
    """A stretch of absence with the document that proves it (凭证). Written once; a correction is a row that `replaces` it.

    Both days belong to it; `ends_on` None: it lasts. A row with `is_void` takes back the one that it replaces. Unit and
    post are those of its first day.
    """

    HAPPENED = "starts_on"

    class Kind(models.TextChoices):
        SICK = "sick", _("Sick leave")
        MATERNITY = "maternity", _("Maternity leave")
        OFF_POST = "off_post", _("Off the post")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"), null=True, blank=True)
    voucher = models.CharField(_("proof"), max_length=200, help_text=_("Name and number of the document, and where it is kept."))
    replaces = models.OneToOneField("self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by")
    is_void = models.BooleanField(default=False)
    reason = models.TextField(_("reason"), blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    form_key = models.CharField(max_length=40, editable=False)
    at = models.DateTimeField(_("when"), db_index=True)

    objects = LeaveQuerySet.as_manager()

    class Meta:
        verbose_name = _("leave")
        verbose_name_plural = _("leaves")
        ordering = ["-starts_on", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["person", "form_key"], name="leave_once_per_form"),
            models.CheckConstraint(condition=Q(ends_on=None) | Q(ends_on__gte=F("starts_on")), name="leave_ends_after_start"),
        ]

    @property
    def days(self) -> str:
        """One day, the first and the last, or the first alone where it lasts."""
        if self.ends_on == self.starts_on:
            return self.starts_on.isoformat()
        return f"{self.starts_on.isoformat()} — {self.ends_on.isoformat() if self.ends_on else ''}".rstrip()

    def __str__(self) -> str:
        return f"{self.person_name} · {self.get_kind_display()} · {self.starts_on}"
