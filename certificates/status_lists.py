"""What certificates are worth now, for programs: Bitstring Status Lists (W3C Recommendation), signed by the site.

A certificate has one place in the lists of its block: its key modulo 131,072, in the list of revocation and in that of
suspension. A list says nothing about who holds what. It is made from the status events and never stored.
"""

import base64
import gzip
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.urls import reverse

from certificates import canonical, keyring
from certificates.models import Certificate, SigningKey, StatusEvent
from certificates.models.status import StatusEventQuerySet

LENGTH = 131_072  # the least that the Recommendation allows: a reader of a list is not told whom one asks about
REVOCATION, SUSPENSION = "revocation", "suspension"
_KINDS = StatusEvent.Kind
SETS = {REVOCATION: set(_KINDS.final()), SUSPENSION: {_KINDS.SUSPENDED}}
_FRESH = 4  # a list is signed anew after this part of its life, so that whoever fetches one has the rest


@dataclass(frozen=True)
class Served:
    body: bytes
    etag: str
    max_age: int  # seconds


def address(purpose: str, block: int, site: str | None = None) -> str:
    return (site or settings.WAGTAILADMIN_BASE_URL.rstrip("/")) + reverse("status_list", args=[purpose, block])


def entries(certificate_id: int, site: str | None = None) -> list[dict[str, str]]:
    """Where a badge says that its status is read: one entry for each purpose."""
    block, place = divmod(certificate_id, LENGTH)
    return [
        {
            "id": f"{address(purpose, block, site)}#{place}",
            "type": "BitstringStatusListEntry",
            "statusPurpose": purpose,
            "statusListIndex": str(place),
            "statusListCredential": address(purpose, block, site),
        }
        for purpose in SETS
    ]


def served(purpose: str, block: int, *, at: datetime, site: str | None = None) -> Served:
    """The signed list as it is sent, true for this instant. From memory while nothing has happened: one small query.

    Raises:
        Refused: there is no key to sign with here ("no_key").
    """
    since = _signed_since(at)
    version = _events(block).count()  # numbers are given before the commit, so the newest would miss what comes late
    kid = keyring.kid_in_use(SigningKey.Purpose.BADGE)  # a list signed with a key that was withdrawn since counts nowhere
    key = f"status:{purpose}:{block}:{version}:{since.timestamp():.0f}:{kid}:{site or settings.WAGTAILADMIN_BASE_URL}"
    found = caches["local"].get(key)
    if found is None:
        from certificates import badge

        body = badge.as_json(signed(purpose, block, at=at, site=site))
        found = Served(body, f'"{sha256(body).hexdigest()[:32]}"', 60)
        caches["local"].set(key, found, 3600)
    return found


def exists(block: int) -> bool:
    """Whether a certificate was issued whose place is in the lists of this block; the first block always is."""
    return block == 0 or Certificate.objects.filter(pk__gte=block * LENGTH, pk__lt=(block + 1) * LENGTH).exists()


def signed(purpose: str, block: int, *, at: datetime, offline: bool = False, site: str | None = None) -> dict[str, Any]:
    """The list as a credential with its proof. Raises as `served` does."""
    from certificates import badge

    since = _signed_since(at)
    until = since + _life()
    encoded = encode(bits(purpose, block))

    def make(issuer: str) -> dict[str, Any]:
        here = address(purpose, block, site)
        return {
            "@context": [canonical.VC],
            "id": here,
            "type": ["VerifiableCredential", "BitstringStatusListCredential"],
            "issuer": issuer,
            "validFrom": badge.moment(since),
            "validUntil": badge.moment(until),
            "credentialSubject": {
                "id": f"{here}#list",
                "type": "BitstringStatusList",
                "statusPurpose": purpose,
                "encodedList": encoded,
            },
        }

    return badge.sealed(make, created=badge.moment(since), offline=offline, address=site)


def bits(purpose: str, block: int) -> bytes:
    """One bit for each place, the first one leftmost in the first byte. One query over the block's status events."""
    first = block * LENGTH
    newest = dict(_events(block).order_by("pk").values_list("certificate_id", "kind"))
    found = bytearray(LENGTH // 8)
    for certificate, kind in newest.items():
        if kind in SETS[purpose]:
            place = certificate - first
            found[place >> 3] |= 0x80 >> (place & 7)
    return bytes(found)


def encode(data: bytes) -> str:
    """GZIP, then base64url without padding, as multibase. The same bits give the same text."""
    return "u" + base64.urlsafe_b64encode(gzip.compress(data, mtime=0)).rstrip(b"=").decode()


def _events(block: int) -> StatusEventQuerySet:
    return StatusEvent.objects.deciding().filter(certificate__gte=block * LENGTH, certificate__lt=(block + 1) * LENGTH)


def _life() -> timedelta:
    return timedelta(minutes=settings.STATUS_LIST_MINUTES)


def _signed_since(at: datetime) -> datetime:
    """The beginning of the part of the list's life that the instant falls in: alike in all processes, so all serve the same bytes."""
    part = max(1, int(_life().total_seconds()) // _FRESH)
    return datetime.fromtimestamp(int(at.timestamp()) // part * part, UTC)
