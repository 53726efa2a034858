"""What certificates are signed with: reads the keys that `services.keys` made.

Private keys are files below KEYS_ROOT, `<kid>.pem` (PKCS#8, encrypted where SIGNING_KEYS_PASSPHRASE is set). A process
reads each once and keeps it; which one is in use it asks the database again every few seconds, so that a rotation
reaches running workers without a restart.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import base58
import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.core.cache import caches
from django.utils.translation import gettext as _

from certificates.models import SigningKey
from core import clock
from core.errors import Refused

log = structlog.get_logger(__name__)
SEEN_WITHIN = 3  # seconds until a running process notices that keys were made, rotated or retired
_ED25519 = b"\xed\x01"  # multicodec "ed25519-pub"
_BADGE, _PAPER, _CA = SigningKey.Purpose.BADGE, SigningKey.Purpose.PAPER, SigningKey.Purpose.CA
PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey
_loaded: dict[tuple[str, str], PrivateKey] = {}


@dataclass(frozen=True)
class PaperKey:
    """What a paper is signed with, and the chain that leads to it."""

    kid: str
    private_key: EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate
    ca_certificate: x509.Certificate


def sign(data: bytes) -> tuple[str, bytes]:
    """Ed25519 by the badge key in use: its kid and 64 bytes. For statements of ours, such as a daily root.

    Data should begin with what it is, so that no statement passes for another. Exactly 64 bytes are not signed:
    that is what a badge's proof signs (two SHA-256), and nothing else may look like it.

    Raises:
        Refused: there is no key to sign with here ("no_key").
    """
    if len(data) == 64:
        raise ValueError("64 bytes are the form of a badge's proof; use sign_with_badge_key")
    return sign_with_badge_key(data)


def sign_with_badge_key(data: bytes) -> tuple[str, bytes]:
    """The same without a look at the data: for proofs of badges and status lists. Raises as `sign` does."""
    kid = kid_in_use(_BADGE)
    return kid, cast(Ed25519PrivateKey, private_key(kid)).sign(data)


def verify(kid: str, data: bytes, signature: bytes) -> bool:
    """Whether a published Ed25519 key of ours made this signature. False for a withdrawn or unknown key."""
    key = badge_key(kid)
    return key is not None and is_signed(key, data, signature)


def is_withdrawn(kid: str) -> bool:
    """Whether this was a key of ours of which nothing counts any longer."""
    return SigningKey.objects.filter(kid=kid).exclude(withdrawn_at=None).exists()


def badge_key(kid: str) -> str | None:
    """A published badge key as multibase; asks again for one that another process may just have made."""
    found = badge_keys().get(kid)
    if found is None:
        caches["local"].delete("keys:badge")
        found = badge_keys().get(kid)
    return found


def is_signed(public_key: str, data: bytes, signature: bytes) -> bool:
    """Whether the signature over the data was made with this Ed25519 key, given as multibase."""
    try:
        Ed25519PublicKey.from_public_bytes(ed25519_of(public_key)).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def badge_keys() -> dict[str, str]:
    """Every published badge key, retired ones too: multibase by kid, oldest first. Up to SEEN_WITHIN seconds old."""
    found = caches["local"].get("keys:badge")
    if found is None:
        found = dict(SigningKey.objects.published().filter(purpose=_BADGE).values_list("kid", "public_key"))
        caches["local"].set("keys:badge", found, SEEN_WITHIN)
    return found


def paper_key() -> PaperKey:
    """What papers are signed with now. Raises as `sign` does."""
    kid, certificate, authority = paper_chain()
    return PaperKey(kid, cast(EllipticCurvePrivateKey, private_key(kid)), certificate, authority)


def paper_chain() -> tuple[str, x509.Certificate, x509.Certificate]:
    """The public side of that key, which may lie on a token: its kid, its certificate and its authority's. Raises as `sign` does."""
    kid = kid_in_use(_PAPER)
    found = _chain(kid)
    if found is None:  # made a moment ago, by another process
        caches["local"].delete_many([f"keys:certificates:{purpose}" for purpose in (_PAPER, _CA)])
        found = _chain(kid)
    if found is None:
        raise Refused(
            _(
                "The certificate authority of the paper key %(kid)s was withdrawn. The administrator rotates the key: manage.py signing_keys rotate paper"
            )
            % {"kid": kid},
            code="no_key",
        )
    if found[0].not_valid_after_utc <= clock.now():
        raise Refused(
            _(
                "The certificate of the paper key %(kid)s has run out. The administrator rotates the key: manage.py signing_keys rotate paper"
            )
            % {"kid": kid},
            code="no_key",
        )
    return kid, *found


def paper_certificates() -> dict[str, x509.Certificate]:
    """The certificates of every published paper key, retired ones too, by kid."""
    return _certificates(_PAPER)


def withdrawn_paper_certificates() -> list[x509.Certificate]:
    """Those of paper keys of which nothing counts any longer. One query."""
    found = SigningKey.objects.filter(purpose=_PAPER).exclude(withdrawn_at=None)
    return [x509.load_pem_x509_certificate(pem.encode()) for pem in found.values_list("certificate", flat=True)]


def authorities() -> dict[str, x509.Certificate]:
    """The certificates of every published certificate authority, by kid: what a paper may be trusted by."""
    return _certificates(_CA)


def kid_in_use(purpose: str) -> str:
    """The key of a purpose that signs now. Raises as `sign` does."""
    kid = caches["local"].get(f"keys:{purpose}:in_use")
    if kid is None:
        kid = SigningKey.objects.in_use().filter(purpose=purpose).values_list("kid", flat=True).first()
        if kid is None:
            raise Refused(
                _("There is no signing key yet (%(purpose)s). The administrator makes it with: manage.py signing_keys ensure")
                % {"purpose": purpose},
                code="no_key",
            )
        caches["local"].set(f"keys:{purpose}:in_use", kid, SEEN_WITHIN)
    return kid


def private_key(kid: str) -> PrivateKey:
    """The private half, read from its file once a process. Raises as `sign` does."""
    where = (str(settings.KEYS_ROOT), kid)
    if where not in _loaded:
        _loaded[where] = _load(kid)
    return _loaded[where]


def path_of(kid: str) -> Path:
    """Where the private half of a key lies."""
    return Path(settings.KEYS_ROOT) / f"{kid}.pem"


def passphrase() -> bytes | None:
    return settings.SIGNING_KEYS_PASSPHRASE.encode() or None


def forget() -> None:
    """Let this process ask for everything anew: after keys were made, rotated or retired in it."""
    _loaded.clear()
    caches["local"].delete_many(["keys:badge", *(f"keys:{purpose}:in_use" for purpose in SigningKey.Purpose.values)])
    caches["local"].delete_many([f"keys:certificates:{purpose}" for purpose in SigningKey.Purpose.values])


def multibase_of(key: Ed25519PublicKey) -> str:
    """A public key as Multikey and did:key write it: z6Mk…"""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return "z" + base58.b58encode(_ED25519 + raw).decode()


def ed25519_of(multibase: str) -> bytes:
    """The 32 bytes of a public key.

    Raises:
        ValueError: it is no Ed25519 key in multibase.
    """
    if not (multibase.startswith("z") and len(multibase) < 80):
        raise ValueError("no base58 multibase")
    data = base58.b58decode(multibase[1:])
    if not (data.startswith(_ED25519) and len(data) == 34):
        raise ValueError("no Ed25519 public key")
    return data[2:]


def _load(kid: str) -> PrivateKey:
    path = path_of(kid)
    try:
        return cast(PrivateKey, serialization.load_pem_private_key(path.read_bytes(), passphrase()))
    except FileNotFoundError as fault:
        log.error("signing_key_missing", kid=kid, folder=os.fspath(path.parent))
        message = _("The private file of the signing key %(kid)s is not on this machine. Bring it back from the backup, or rotate the key.")
        raise Refused(message % {"kid": kid}, code="no_key") from fault
    except (OSError, ValueError, TypeError) as fault:  # unreadable, cut off, or another passphrase: none of it tells what is inside
        log.error("signing_key_unreadable", kid=kid, error=type(fault).__name__)
        message = _("The private file of the signing key %(kid)s cannot be read: check SIGNING_KEYS_PASSPHRASE and who owns the file.")
        raise Refused(message % {"kid": kid}, code="no_key") from None


def _chain(kid: str) -> tuple[x509.Certificate, x509.Certificate] | None:
    certificate = _certificates(_PAPER).get(kid)
    if certificate is None:
        return None
    for authority in _certificates(_CA).values():
        if is_issued_by(certificate, authority):
            return certificate, authority
    return None


def is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _certificates(purpose: str) -> dict[str, x509.Certificate]:
    name = f"keys:certificates:{purpose}"
    found = caches["local"].get(name)
    if found is None:
        found = dict(SigningKey.objects.published().filter(purpose=purpose).values_list("kid", "certificate"))
        caches["local"].set(name, found, SEEN_WITHIN)
    return {kid: _parsed(pem) for kid, pem in found.items()}


_read: dict[str, x509.Certificate] = {}


def _parsed(pem: str) -> x509.Certificate:
    if pem not in _read:
        _read[pem] = x509.load_pem_x509_certificate(pem.encode())
    return _read[pem]
