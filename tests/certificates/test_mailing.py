"""Reminders of renewal by mail: an option, once each, and never a reason for a task to fail."""

from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected

import pytest
from django.core.mail import EmailMessage
from django.db import connection

from certificates import services, tasks
from certificates.models import Reminder, ReminderLetter
from certificates.services import mailing, renewals
from core import clock
from tests.cast import NOON
from tests.certificates.conftest import a_completion, end
from tests.certificates.test_proposals import at_once, real  # noqa: F401 - a fixture
from tests.certificates.test_renewal import DAY, LAST_DAY, OPEN


@pytest.fixture(autouse=True)
def by_mail(settings):
    settings.CERTIFICATES_REMIND_BY_MAIL = True


def test_a_reminder_is_mailed_once_with_the_title_the_day_and_the_way(cast, certificate, mailoutbox):
    renewals.remind(at=OPEN)
    assert mailing.remind(at=OPEN) == 1 and mailing.remind(at=OPEN) == 0
    [letter] = mailoutbox
    assert letter.to == [cast.learner.email] and certificate.title in letter.subject and "2028-06-15" in letter.subject
    assert certificate.number in letter.body and "/certificates/" in letter.body and "有效" in letter.body
    assert cast.learner.employee_number not in letter.body and certificate.unit_name not in letter.body
    renewals.remind(at=LAST_DAY - 14 * DAY)
    assert mailing.remind(at=LAST_DAY - 14 * DAY) == 1  # the second stage is a letter of its own


def test_two_stages_that_are_due_together_are_one_letter(cast, certificate, mailoutbox):
    assert renewals.remind(at=LAST_DAY) == 2
    assert mailing.remind(at=LAST_DAY) == 1 == len(mailoutbox) and ReminderLetter.objects.count() == 2


def test_without_the_option_nothing_is_mailed_nor_later_for_that_time(cast, certificate, mailoutbox, settings):
    settings.CERTIFICATES_REMIND_BY_MAIL = False
    renewals.remind(at=OPEN)
    assert mailing.remind(at=OPEN) == 0
    settings.CERTIFICATES_REMIND_BY_MAIL = True
    assert mailing.remind(at=OPEN + 4 * DAY) == 0 and not mailoutbox


@pytest.mark.parametrize("why", ["no_address", "may_not_sign_in", "suspended", "revoked", "later"])
def test_no_letter_for_whom_it_would_reach_or_serve_no_more(cast, certificate, second, mailoutbox, why):
    renewals.remind(at=OPEN)
    if why == "no_address":
        cast.learner.email = ""
    if why == "may_not_sign_in":
        cast.learner.is_active = False
    cast.learner.save()
    if why == "suspended":
        services.suspend(certificate=certificate, by=cast.hr, reason="x", at=OPEN)
    if why == "revoked":
        end(cast, certificate, at=OPEN)
    if why == "later":
        services.issue(completion=a_completion(cast.learner, course=certificate.completion.course, at=OPEN), at=OPEN)
    assert mailing.remind(at=OPEN) == 0 and not mailoutbox


def test_one_address_that_is_refused_stops_nobody_and_is_tried_again(cast, certificate, mailoutbox, monkeypatch):
    services.issue(completion=a_completion(cast.colleague), at=NOON)
    renewals.remind(at=OPEN)
    send, bad = EmailMessage.send, [cast.learner.email]

    def some_are_refused(letter, *args, **kwargs):
        if letter.to == bad:
            raise SMTPRecipientsRefused({bad[0]: (550, b"no such user")})
        return send(letter, *args, **kwargs)

    monkeypatch.setattr(EmailMessage, "send", some_are_refused)
    assert mailing.remind(at=OPEN) == 1 and [letter.to for letter in mailoutbox] == [[cast.colleague.email]]
    monkeypatch.setattr(EmailMessage, "send", send)
    assert mailing.remind(at=OPEN + DAY) == 1 and mailoutbox[-1].to == bad


def test_addresses_that_are_always_refused_keep_no_later_one_waiting(cast, kinds, mailoutbox, monkeypatch):
    for someone in (cast.learner, cast.trainer, cast.colleague):
        services.issue(completion=a_completion(someone), at=NOON)
    renewals.remind(at=OPEN)
    send, good = EmailMessage.send, [cast.colleague.email]

    def most_are_refused(letter, *args, **kwargs):
        if letter.to != good:
            raise SMTPRecipientsRefused({letter.to[0]: (550, b"no such user")})
        return send(letter, *args, **kwargs)

    monkeypatch.setattr(EmailMessage, "send", most_are_refused)
    monkeypatch.setattr(mailing, "AT_ONCE", 1)
    assert sum(mailing.remind(at=OPEN + hour * DAY / 24) for hour in range(3)) == 1 and mailoutbox[0].to == good


def test_a_mail_server_that_is_gone_ends_the_run_and_loses_no_letter(cast, certificate, mailoutbox, monkeypatch):
    renewals.remind(at=OPEN)
    send = EmailMessage.send

    def gone(letter, *args, **kwargs):
        raise SMTPServerDisconnected("gone")

    monkeypatch.setattr(EmailMessage, "send", gone)
    assert mailing.remind(at=OPEN) == 0 and not ReminderLetter.objects.exists()
    monkeypatch.setattr(EmailMessage, "send", send)
    assert mailing.remind(at=OPEN) == 1


def test_the_task_reminds_and_mails(cast, kinds, mailoutbox):
    issued = services.issue(completion=a_completion(cast.learner), at=clock.now() - 720 * DAY)
    tasks.remind()
    assert len(mailoutbox) == 1 and issued.number in mailoutbox[0].body and Reminder.objects.exists()


def test_a_letter_costs_a_few_queries_and_no_more(cast, kinds, mailoutbox, django_assert_max_num_queries):
    for someone in (cast.learner, cast.colleague, cast.trainer, cast.reviewer, cast.hr):
        services.issue(completion=a_completion(someone), at=NOON)
    renewals.remind(at=OPEN)
    with django_assert_max_num_queries(2 + 5 * 5):
        assert mailing.remind(at=OPEN) == 5


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_mail_each_letter_once(real, mailoutbox):  # noqa: F811
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    for someone in (real.learner, real.colleague, real.trainer, real.reviewer):
        services.issue(completion=a_completion(someone), at=NOON)
    renewals.remind(at=OPEN)
    outcomes = at_once(*[lambda: mailing.remind(at=OPEN)] * 3)
    assert sum(outcomes) == 4 == len(mailoutbox) == ReminderLetter.objects.count(), outcomes


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_with_two_stages_that_are_due_together_mail_one_letter(real, mailoutbox):  # noqa: F811
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    for someone in (real.learner, real.colleague, real.trainer, real.reviewer):
        services.issue(completion=a_completion(someone), at=NOON)
    assert renewals.remind(at=LAST_DAY) == 8
    outcomes = at_once(*[lambda: mailing.remind(at=LAST_DAY)] * 3)
    assert sum(outcomes) == 4 == len(mailoutbox) and ReminderLetter.objects.count() == 8, outcomes
