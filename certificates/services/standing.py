"""The only writer of what becomes of a certificate."""

from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from certificates.models import Certificate, StatusEvent
from certificates.permissions import may_revoke
from certificates.services import issuing
from core import audit
from core.errors import Refused
from courses.models import Reversal


@transaction.atomic
def revoke(*, certificate: Certificate, by, reason: str, at: datetime) -> StatusEvent:
    """Revoke a certificate: from now on it stands with its reason as revoked, in public too.

    Locks the certificate. Revoking it again returns the event that stands.

    Raises:
        PermissionDenied: `by` is not HR of the county.
        Refused: no reason ("no_reason"), or a time before the issue ("too_early").
    """
    if not may_revoke(by, certificate):
        raise PermissionDenied
    return _revoke(certificate, by=by, reason=reason, at=at)


@transaction.atomic
def revoke_with(*, reversal: Reversal, at: datetime) -> StatusEvent | None:
    """Revoke what a reversed completion had earned, with the reversal's author and reason."""
    certificate = issuing.of_completion(reversal.completion_id)
    if certificate is None:
        return None
    return _revoke(certificate, by=reversal.by, reason=reversal.reason, at=at)


def _revoke(certificate: Certificate, *, by, reason: str, at: datetime) -> StatusEvent:
    reason = reason.strip()
    if not reason:
        raise Refused(_("A reason is needed: it is kept with the certificate for good."), code="no_reason")
    locked = Certificate.objects.select_for_update(of=("self",), no_key=True).get(pk=certificate.pk)
    standing = StatusEvent.objects.filter(certificate=locked, kind=StatusEvent.Kind.REVOKED).first()
    if standing is not None:
        return standing
    if at < locked.issued_at:
        raise Refused(_("A certificate cannot be revoked before it was issued."), code="too_early")
    event = StatusEvent.objects.create(certificate=locked, kind=StatusEvent.Kind.REVOKED, reason=reason, by=by, at=at)
    audit.record(locked, "certificates.revoke", by=by, reason=reason, number=locked.number)
    return event
