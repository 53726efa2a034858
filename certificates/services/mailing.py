"""Reminders of renewal by mail, where the deployment wants them. The pages say the same without it."""

from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPServerDisconnected

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import IntegrityError, transaction
from django.db.models import Exists, QuerySet
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from certificates.models import Certificate, Reminder, ReminderLetter
from certificates.services import renewals
from core import clock

log = structlog.get_logger(__name__)
AT_ONCE = 500  # reminders a run; each run begins further on, so that those which always fail keep no other waiting
TRIED_FOR = timedelta(days=3)  # older reminders are not sent any more: when mail is switched on, or was out of order for long


def remind(*, at: datetime) -> int:
    """Mail the reminders that were not mailed yet, to holders who can sign in and have an address; how many.

    Nothing unless CERTIFICATES_REMIND_BY_MAIL is on. A letter and its row are one transaction, so a letter that the mail
    server refuses is tried again in the next run; one is sent twice only when the machine dies between the two. Two runs
    at once send each letter once, and two stages that are due together are one letter, also of two runs. A server that cannot be reached ends the run.
    """
    if not settings.CERTIFICATES_REMIND_BY_MAIL:
        return 0
    due, sent = _turn(at), 0
    if not due:
        return 0
    connection = get_connection()
    try:
        connection.open()
        for reminder in due:
            sent += _is_sent(reminder, _written(reminder.certificate, connection), at)
    except OSError as error:  # SMTPException too; what one address causes was told before
        log.error("reminders_not_mailed", error=str(error), left=len(due) - sent)
    finally:
        connection.close()
    return sent


def _turn(at: datetime) -> list[Reminder]:
    """Those of the due ones whose turn it is in the hour of `at`."""
    keys = list(_due(at).values_list("pk", flat=True))
    first = int(at.timestamp() // 3600) * AT_ONCE % len(keys) if len(keys) > AT_ONCE else 0
    return list(_due(at).filter(pk__in=(keys[first:] + keys[:first])[:AT_ONCE]))


def _due(at: datetime) -> QuerySet[Reminder]:
    """Reminders of the last days without a letter, whose certificate still stands to be renewed."""
    today = clock.today(at)
    renewed = renewals.renewals_of_outer()
    standing = renewals.without_successor(Certificate.objects.in_force(today), today).filter(~Exists(renewed)).order_by()
    reachable = Reminder.objects.filter(certificate__person__is_active=True).exclude(certificate__person__email="")
    found = reachable.filter(letter=None, at__gt=at - TRIED_FOR, certificate__in=standing.values("pk"))
    return found.select_related("certificate__person").order_by("pk")


def _is_sent(reminder: Reminder, letter: EmailMessage, at: datetime) -> bool:
    """Whether the letter went out now. It does not where one of this certificate did since the reminder was written.

    Locks the certificate's reminders until it is sent.
    """
    try:
        with transaction.atomic():
            list(
                Reminder.objects.select_for_update(no_key=True).filter(certificate=reminder.certificate_id).order_by("pk").values_list("pk")
            )
            letters = ReminderLetter.objects.filter(reminder__certificate=reminder.certificate_id)
            is_told = letters.filter(at__gte=reminder.at).exists()
            ReminderLetter.objects.create(reminder=reminder, at=at)
            if not is_told:
                letter.send()
    except IntegrityError:  # the other of two runs had it
        return False
    except SMTPServerDisconnected:
        raise
    except (SMTPException, ValueError) as error:  # ValueError: an address that is none
        log.warning("reminder_not_mailed", reminder=reminder.pk, error=type(error).__name__)
        return False
    return not is_told


def _written(certificate: Certificate, connection) -> EmailMessage:
    with translation.override(settings.LANGUAGE_CODE):
        facts = {
            "name": certificate.person.name,
            "title": certificate.title,
            "number": certificate.number,
            "until": certificate.valid_until and certificate.valid_until.isoformat(),
            "address": settings.WAGTAILADMIN_BASE_URL.rstrip("/") + reverse("my_certificates"),
        }
        subject = _("Your certificate “%(title)s” is valid until %(until)s") % facts
        text = _(
            "%(name)s,\n\nyour certificate “%(title)s” (%(number)s) is valid until %(until)s and can be renewed now. How, and until when, stands at:\n%(address)s\n\nThis letter was sent by the learning platform. Please do not answer it."
        )
        return EmailMessage(subject, text % facts, to=[certificate.person.email], connection=connection)
