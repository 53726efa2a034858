"""What one officer, or the calendar, does to a certificate: suspend, restore, expire. Ending one takes two: `proposals`."""

from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils.translation import gettext as _

from certificates.models import Certificate, ChainEntry, StatusEvent
from certificates.permissions import may_rule
from certificates.signals import certificates_expired
from core import audit, clock
from core.errors import Refused
from courses.models import Reversal
from people.models import Person

Kind = StatusEvent.Kind
EXPIRED_AT_ONCE = 500  # certificates a transaction


@transaction.atomic
def suspend(*, certificate: Certificate, by: Person, reason: str, at: datetime) -> StatusEvent:
    """Take a certificate out of force until it is restored: at once, by one officer. Suspending it again returns the event that stands.

    Locks the certificate.

    Raises:
        PermissionDenied: `by` is not HR of the county.
        Refused: own_certificate, revoked, replaced, expired, clock_back, no_reason.
    """
    locked = locked_for(by, certificate)
    standing = newest_deciding(locked)
    if standing is not None and standing.kind == Kind.SUSPENDED:
        return standing
    refuse_final(standing)
    if has_expired(locked, at=at):
        raise Refused(_("The certificate has expired: there is nothing to suspend."), code="expired")
    return write_suspension(locked, by=by, reason=reason, at=at)


@transaction.atomic
def restore(*, certificate: Certificate, by: Person, reason: str, at: datetime) -> StatusEvent:
    """End a suspension. Restoring it again returns the event that stands. Its dates stay: it may have expired meanwhile.

    Locks the certificate.

    Raises:
        PermissionDenied: `by` is not HR of the county.
        Refused: own_certificate, revoked, replaced, not_suspended, reversed, clock_back, no_reason.
    """
    locked = locked_for(by, certificate)
    standing = newest_deciding(locked)
    if standing is not None and standing.kind == Kind.RESTORED:
        return standing
    refuse_final(standing)
    if standing is None:
        raise Refused(_("The certificate is not suspended."), code="not_suspended")
    if is_reversed(locked):
        raise Refused(
            _("The completion behind this certificate was reversed: the suspension stays until the revocation is confirmed."),
            code="reversed",
        )
    refuse_clock_back(locked, at=at)
    event = StatusEvent.objects.create(certificate=locked, kind=Kind.RESTORED, reason=reason_given(reason), by=by, at=at)
    audit.record(locked, "certificates.restore", by=by, reason=event.reason, number=locked.number)
    return event


def expire_due(*, at: datetime) -> int:
    """Put on record that certificates have run out, each once, and return how many. Set-based, in transactions of 500.

    What a certificate is worth follows from its dates and never waits for this. Revoked and replaced ones are left out:
    their validity ended before. Safe to run twice and beside another run. One whose newest event is later than `at`
    (the clock was set back) waits.
    """
    written, after = 0, 0
    while True:
        with transaction.atomic():
            due = _run_out(at).filter(pk__gt=after).order_by("pk")
            # Locked first, asked again afterwards: another run may have written while this one waited.
            keys = list(due.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True)[:EXPIRED_AT_ONCE])
            still = list(_run_out(at).filter(pk__in=keys).order_by("pk").values_list("pk", flat=True))
            events = StatusEvent.objects.bulk_create([StatusEvent(certificate_id=pk, kind=Kind.EXPIRED, at=at) for pk in still])
            if events:
                certificates_expired.send(sender=StatusEvent, events=events, at=at)
        written += len(events)
        if len(keys) < EXPIRED_AT_ONCE:
            return written
        after = keys[-1]


def _run_out(at: datetime) -> QuerySet[Certificate]:
    told = StatusEvent.objects.filter(certificate=OuterRef("pk"))
    over = told.filter(kind__in=[*Kind.final(), Kind.EXPIRED])
    return Certificate.objects.filter(~Exists(over), ~Exists(told.filter(at__gt=at)), valid_until__lt=clock.today(at))


# ---- what the verbs have in common -----------------------------------------------------------


def locked(certificate: Certificate | int) -> Certificate:
    """The certificate, locked until the transaction ends. Its events are to be read afterwards: they were written under this lock."""
    pk = certificate if isinstance(certificate, int) else certificate.pk
    rows = Certificate.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("unit", "kind__county", "version", "completion").get(pk=pk)


def locked_for(by: Person, certificate: Certificate | int) -> Certificate:
    """The same for an officer.

    Raises:
        PermissionDenied: `by` is not HR of the county.
        Refused: it is their own (own_certificate).
    """
    found = locked(certificate)
    if not may_rule(by, found):
        raise PermissionDenied
    refuse_own(by, found)
    return found


def refuse_own(by: Person, certificate: Certificate) -> None:
    """Let an officer pass who is not the holder.

    Raises:
        Refused: own_certificate.
    """
    if by.pk == certificate.person_id:
        raise Refused(_("This is your own certificate. A colleague of HR has to do this."), code="own_certificate")


def newest_deciding(certificate: Certificate) -> StatusEvent | None:
    return StatusEvent.objects.deciding().filter(certificate=certificate).order_by("-pk").first()


def refuse_final(standing: StatusEvent | None) -> None:
    """Let a certificate pass that may still change.

    Raises:
        Refused: revoked, replaced.
    """
    if standing is None or standing.kind not in Kind.final():
        return
    day = f"{clock.local(standing.at):%Y-%m-%d}"
    if standing.kind == Kind.REVOKED:
        raise Refused(_("The certificate was revoked on %(day)s. That is final.") % {"day": day}, code="revoked")
    successor = standing.certificate.replacement.number
    raise Refused(_("The certificate was replaced on %(day)s by %(number)s.") % {"day": day, "number": successor}, code="replaced")


def refuse_clock_back(certificate: Certificate, *, at: datetime) -> None:
    """Let an instant pass that is not before what happened to a certificate last: what is written later happened later.

    Times of a clock that ran ahead, as the ledger explains them, measure nothing. One query.

    Raises:
        Refused: clock_back.
    """
    events = StatusEvent.objects.filter(certificate=certificate)
    newest = events.aggregate(at=Max("at"))["at"]
    if newest and at < newest:
        newest = events.exclude(entry__in=ChainEntry.objects.ahead()).aggregate(at=Max("at"))["at"]
    if newest and at < newest:
        raise clock_back(at, newest)


def clock_back(at: datetime, newest: datetime) -> Refused:
    return Refused(
        _(
            "The server's clock says %(now)s, but something happened to this certificate at %(newest)s already. "
            "Nothing was changed. Please have the clock put right first."
        )
        % {"now": f"{clock.local(at):%Y-%m-%d %H:%M:%S}", "newest": f"{clock.local(newest):%Y-%m-%d %H:%M:%S}"},
        code="clock_back",
    )


def reason_given(reason: str) -> str:
    """The reason without blanks around it.

    Raises:
        Refused: there is none (no_reason).
    """
    if not reason.strip():
        raise Refused(_("A reason is needed: it is kept with the certificate for good."), code="no_reason")
    return reason.strip()


def is_reversed(certificate: Certificate) -> bool:
    """Whether the completion that it was issued for was reversed."""
    return certificate.completion_id is not None and Reversal.objects.filter(completion=certificate.completion_id).exists()


def is_misdated(certificate: Certificate) -> bool:
    """Whether the ledger explains that the clock which dated it ran ahead. A query or two."""
    return ChainEntry.objects.ahead().filter(event__certificate=certificate, kind=Kind.ISSUED).exists()


def has_expired(certificate: Certificate, *, at: datetime) -> bool:
    return certificate.valid_until is not None and certificate.valid_until < clock.today(at)


def write_suspension(certificate: Certificate, *, by: Person, reason: str, at: datetime) -> StatusEvent:
    """The event and its trace, on a locked certificate whose standing was looked at."""
    refuse_clock_back(certificate, at=at)
    event = StatusEvent.objects.create(certificate=certificate, kind=Kind.SUSPENDED, reason=reason_given(reason), by=by, at=at)
    audit.record(certificate, "certificates.suspend", by=by, reason=event.reason, number=certificate.number)
    return event
