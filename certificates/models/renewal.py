"""Renewal of certificates: who was told that one runs out, and what a kind's own settings must be like."""

from django.db import models
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from certificates.models.certificate import Certificate
from core.models import Fact


class Reminder(Fact):
    """A certificate's holder was told, on 我的学习 and 我的证书, that it runs out. Once a certificate and stage.

    Written by the scheduler when a stage begins and there is something to do; absent for a certificate that was renewed
    before, suspended or revoked. The pages themselves do not wait for it: they show what the dates say.
    """

    class Stage(models.TextChoices):
        OPENS = "opens", _("Renewal opens")
        ENDS = "ends", _("Shortly before the end")

    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="reminders")
    stage = models.CharField(max_length=6, choices=Stage.choices)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["certificate", "stage"], name="reminder_once_per_stage")]

    def __str__(self) -> str:
        return f"{self.certificate_id}: {self.stage}"


class ReminderLetter(Fact):
    """A reminder was mailed too. Absent where the deployment sends none, or the holder has no address."""

    reminder = models.OneToOneField(Reminder, on_delete=models.PROTECT, related_name="letter")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.reminder_id)


def problems_of_renewal(kind) -> dict[str, str]:
    """What is wrong with the renewal settings of a kind, by field."""
    from courses.models import Course

    problems = {}
    window, grace, months = kind.renewal_window_days or 0, kind.renewal_grace_days or 0, kind.validity_months or 0
    if window and months and window > months * 28:
        problems["renewal_window_days"] = _t("The renewal window is longer than the certificate is valid.")
    if grace > 3650:
        problems["renewal_grace_days"] = _t("At most 3,650 days.")
    if (kind.reminder_days or 0) > window:
        problems["reminder_days"] = _t("The last reminder lies within the renewal window: at most %(days)d days.") % {"days": window}
    if kind.renewal_course and kind.county_id:
        course = Course.objects.filter(county=kind.county_id, code=kind.renewal_course).select_related("current").first()
        other = type(kind).objects.filter(county=kind.county_id, renewal_course=kind.renewal_course).exclude(pk=kind.pk).first()
        awards = course.current.certificate if course and course.current else ""
        if course is None:
            problems["renewal_course"] = _t("The county has no course with the code %(code)s.") % {"code": kind.renewal_course}
        elif other is not None:
            # One completion earns one certificate.
            problems["renewal_course"] = _t("This course renews “%(title)s” already: a course renews one kind.") % {"title": other.title}
        elif awards and awards != kind.key:
            problems["renewal_course"] = _t("This course awards another certificate (%(key)s): it cannot renew this one.") % {"key": awards}
    return problems
