"""Frozen results given to a receiver, what the receiver answered to each row, and how a refusal was settled."""

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from core.models import Fact, FactQuerySet
from evaluation.models.period import Calculation, Period
from people.models import Person, Unit


class Receiver(models.Model):
    """Whom a county hands its results to, with the public key that its answers are signed with (Ed25519, 32 bytes as base64).

    Another key is another receiver: answers that were checked stay checkable. Closed, never deleted.
    """

    county = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("county"))
    name = models.CharField(_("name"), max_length=80)
    public_key = models.CharField(_("public key"), max_length=44)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("when"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        verbose_name = _("receiver")
        verbose_name_plural = _("receivers")
        ordering = ["county", "name", "pk"]
        constraints = [models.UniqueConstraint(fields=["county", "name"], condition=Q(closed_at=None), name="receiver_open_once")]

    def __str__(self) -> str:
        return self.name


class HandOver(Fact):
    """The rows of one calculation given to one receiver: all of a frozen one, or those of a supplementary list that differ.

    `package_sha256` is the digest of the file that was given. `number` counts within the period.
    """

    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="hand_overs")
    number = models.PositiveSmallIntegerField(_("number"))
    receiver = models.ForeignKey(Receiver, on_delete=models.PROTECT, related_name="hand_overs", verbose_name=_("receiver"))
    calculation = models.ForeignKey(Calculation, on_delete=models.PROTECT, related_name="hand_overs")
    package_sha256 = models.CharField(max_length=64)
    rows = models.PositiveIntegerField(_("rows"))
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("hand-over")
        verbose_name_plural = _("hand-overs")
        ordering = ["period", "number"]
        constraints = [
            models.UniqueConstraint(fields=["period", "number"], name="hand_over_once_per_number"),
            models.UniqueConstraint(fields=["receiver", "calculation"], name="hand_over_once_per_receiver"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What both sides call it: county, year, number."""
        return f"{self.period.county.code}-{self.period.year}-{self.number}"


class HandOverTakenBack(Fact):
    """No answer comes to a hand-over any more: the receiver was dissolved, or it was given by mistake. Says so of the rows that nobody answered."""

    hand_over = models.OneToOneField(HandOver, on_delete=models.PROTECT, related_name="taken_back")
    words = models.TextField(_("explanation"))
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("when"))


class Reply(Fact):
    """One signed answer of a receiver, kept as it came. The same bytes are one answer, however often they are sent."""

    hand_over = models.ForeignKey(HandOver, on_delete=models.PROTECT, related_name="replies")
    sha256 = models.CharField(max_length=64)
    signature = models.CharField(max_length=88)
    document = models.BinaryField()
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("answer of a receiver")
        verbose_name_plural = _("answers of receivers")
        ordering = ["hand_over", "pk"]
        constraints = [models.UniqueConstraint(fields=["hand_over", "sha256"], name="reply_once")]


class ReplyRowQuerySet(FactQuerySet):
    def newest(self) -> "ReplyRowQuerySet":
        """Of several answers to one row of one hand-over the last."""
        same = self.model.objects.filter(reply__hand_over=OuterRef("reply__hand_over"), key=OuterRef("key"))
        return self.filter(~Exists(same.filter(reply__gt=OuterRef("reply"))))


class ReplyRow(Fact):
    """What the receiver says of one row. Of several answers to one row the newest counts."""

    class Verdict(models.TextChoices):
        ACCEPTED = "accepted", _("Accepted")
        REFUSED = "refused", _("Sent back")

    reply = models.ForeignKey(Reply, on_delete=models.PROTECT, related_name="rows")
    key = models.CharField(max_length=42)
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    reason = models.CharField(_("reason"), max_length=500, blank=True)

    objects = ReplyRowQuerySet.as_manager()

    class Meta:
        ordering = ["reply", "key"]
        constraints = [
            models.UniqueConstraint(fields=["reply", "key"], name="reply_row_once"),
            models.CheckConstraint(condition=Q(verdict="accepted") | ~Q(reason=""), name="refused_with_reason"),
        ]


class Settlement(Fact):
    """An officer explains how the refusal of a row ended: why it stands, or what was corrected. It answers that refusal alone."""

    row = models.OneToOneField(ReplyRow, on_delete=models.PROTECT, related_name="settlement")
    words = models.TextField(_("explanation"))
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("when"))
