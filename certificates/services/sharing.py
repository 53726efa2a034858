"""The only writer of the links by which holders show a certificate."""

from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from certificates.models import Certificate, ShareLink, State
from core import audit, clock
from core.errors import Refused

SHOWN_STATES = (State.VALID, State.EXPIRED)


@transaction.atomic
def share(*, certificate: Certificate, by, at: datetime) -> ShareLink:
    """Make a link, for SHARE_LINK_DAYS days. While one is open it is given again. Locks the certificate.

    Raises:
        PermissionDenied: `by` is not the holder.
        Refused: the certificate is suspended, revoked or replaced ("not_in_force").
    """
    locked = _held(certificate, by)
    if locked.state_on(clock.today(at)) not in SHOWN_STATES:
        raise Refused(_("Only a certificate that is neither suspended nor revoked nor replaced can be shared."), code="not_in_force")
    link = ShareLink.objects.open(at).filter(certificate=locked).first()
    if link is None:
        ShareLink.objects.filter(certificate=locked, ended_at=None).update(ended_at=at)  # its days were over
        link = ShareLink.objects.create(certificate=locked, made_at=at, expires_at=at + timedelta(days=settings.SHARE_LINK_DAYS))
        audit.record(locked, "certificates.share", by=by, number=locked.number)
    return link


@transaction.atomic
def stop_sharing(*, certificate: Certificate, by, at: datetime) -> bool:
    """End the certificate's link: from now on it leads nowhere. Whether there was one. Locks the certificate.

    Raises:
        PermissionDenied: `by` is not the holder.
    """
    locked = _held(certificate, by)
    ended = bool(ShareLink.objects.filter(certificate=locked, ended_at=None).update(ended_at=at))
    if ended:
        audit.record(locked, "certificates.stop_sharing", by=by, number=locked.number)
    return ended


def _held(certificate: Certificate, by) -> Certificate:
    if certificate.person_id != by.pk:
        raise PermissionDenied
    return Certificate.objects.select_for_update(of=("self",), no_key=True).get(pk=certificate.pk)
