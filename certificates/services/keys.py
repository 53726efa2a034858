"""The only writer of signing keys: their rows and, below KEYS_ROOT, their private files."""

import os
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from secrets import token_hex

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from certificates import keyring, tokens
from certificates.models import SigningKey
from core import audit, clock
from core.errors import Refused
from core.reconcile import Gap

log = structlog.get_logger(__name__)
Purpose = SigningKey.Purpose
ORDER = [Purpose.BADGE, Purpose.CA, Purpose.PAPER]  # a paper's key needs its authority
# What a paper key is for: documents (RFC 9336), and mail, without which NSS and with it poppler's pdfsig trusts no document's key.
_DOCUMENTS = [ObjectIdentifier("1.3.6.1.5.5.7.3.36"), ExtendedKeyUsageOID.EMAIL_PROTECTION]
_EARLIER = timedelta(minutes=5)  # clocks of those who check may go behind ours


def ensure(*, at: datetime, replace_lost: bool = False) -> list[SigningKey]:
    """Make the keys that no row stands for; with `replace_lost` also those whose private file is gone from this machine.

    Safe to run again and at once with others. Returns what it made.

    Raises:
        Refused: a key in use has no private file here ("no_key") and `replace_lost` is off. What was missing is made all the same.
    """
    made, lost = [], []
    for purpose in ORDER:
        key = SigningKey.objects.in_use().filter(purpose=purpose).first()
        if key is None:
            made += [key for key in [_first(purpose, at=at)] if key is not None]
        elif not keyring.path_of(key.kid).exists() and not _may_be_away(key):
            if replace_lost:
                made += rotate(purpose=purpose, at=at)
            else:
                lost.append(key.kid)
    if lost:
        raise Refused(
            _("These keys have no private file on this machine: %(kids)s. Bring the files back from the backup, or rotate the keys.")
            % {"kids": ", ".join(lost)},
            code="no_key",
        )
    return made


@transaction.atomic
def rotate(*, purpose: str, at: datetime) -> list[SigningKey]:
    """Make a new key and retire the one in use. What that one signed stays valid, and its private file stays until `retire`.

    A new certificate authority brings a new paper key with it. Returns what was made. Locks the keys of the purpose.
    """
    for key in SigningKey.objects.select_for_update().in_use().filter(purpose=purpose):
        _retire(key, at=at)
    made = [_make(Purpose(purpose), at=at)]
    if purpose == Purpose.CA:
        try:
            made += rotate(purpose=Purpose.PAPER, at=at)
        except BaseException:
            _delete(made[0].kid)  # its row goes with the transaction
            raise
    return made


def retire(*, kid: str, at: datetime, compromised: bool = False) -> SigningKey:
    """Delete a private file for good. The public key stays published, unless it is `compromised`: then nothing it signed counts.

    A compromised key that is still in use is replaced as well, where that can be done here (`is_lacking` tells); it is withdrawn all
    the same where not. With an authority the paper keys below it are withdrawn. Again on the same key: nothing changes. Locks the keys.

    Raises:
        Refused: no such key ("unknown_key"), or it is in use and not compromised ("in_use").
    """
    with transaction.atomic():
        key = SigningKey.objects.select_for_update().filter(kid=kid).first()
        if key is None:
            raise Refused(_("There is no signing key %(kid)s.") % {"kid": kid}, code="unknown_key")
        if key.retired_at is None and not compromised:
            raise Refused(
                _("The key %(kid)s is in use. Rotate it first: manage.py signing_keys rotate %(purpose)s")
                % {"kid": kid, "purpose": key.purpose},
                code="in_use",
            )
        gone = [key, *(_below(key) if key.purpose == Purpose.CA else [])] if compromised else [key]
        in_use = [one.purpose for one in gone if one.retired_at is None]
        for one in gone if compromised else []:
            _withdraw(one, at=at)
        for one in gone:
            transaction.on_commit(partial(_delete, one.kid))
    keyring.forget()
    if in_use:  # the authority stands first, and brings a paper key
        try:
            rotate(purpose=in_use[0], at=at)
        except Refused as refusal:  # withdrawn it is, whatever follows
            log.error("signing_key_not_replaced", kid=kid, purpose=in_use[0], reason=refusal.code)
    return key


def is_lacking(purpose: str) -> bool:
    """Whether no key of this purpose is in use: nothing of the kind is signed until `rotate` or `ensure` makes one."""
    return not SigningKey.objects.in_use().filter(purpose=purpose).exists()


def _below(authority: SigningKey) -> list[SigningKey]:
    """The paper keys whose certificates this authority signed."""
    subject = _certificate_of(authority).subject
    papers = SigningKey.objects.select_for_update().filter(purpose=Purpose.PAPER)
    return [one for one in papers if _certificate_of(one).issuer == subject]


def _certificate_of(key: SigningKey) -> x509.Certificate:
    return x509.load_pem_x509_certificate(key.certificate.encode())


def _withdraw(key: SigningKey, *, at: datetime) -> None:
    if key.withdrawn_at is not None:
        return
    key.retired_at, key.withdrawn_at = key.retired_at or at, at
    key.save(update_fields=["retired_at", "withdrawn_at"])
    audit.record(key, "certificates.key_withdrawn", kid=key.kid, purpose=key.purpose)
    log.warning("signing_key_withdrawn", kid=key.kid, purpose=key.purpose)


def gaps_of_keys(at: datetime) -> list[Gap]:
    """Purposes without a key, which reconcile makes, and keys whose private file cannot be read here, which it only names."""
    found = []
    kids = dict(SigningKey.objects.in_use().values_list("purpose", "kid"))
    for purpose in ORDER:
        if purpose not in kids:
            found.append(Gap(f"no {purpose} key", lambda: ensure(at=at)))
        elif purpose != Purpose.CA:
            try:
                tokens.public_key() if _is_on_token(purpose) else keyring.private_key(kids[purpose])
                if purpose == Purpose.PAPER:
                    keyring.paper_chain()  # has it run out?
            except Refused as refusal:
                found.append(Gap(f"{purpose} key {kids[purpose]}", _naming(refusal)))
    return found


def _naming(refusal: Refused):
    def name() -> None:
        raise refusal

    return name


def _is_on_token(purpose: str) -> bool:
    return purpose == Purpose.PAPER and tokens.is_in_use()


def _may_be_away(key: SigningKey) -> bool:
    """The authority's private file is needed for nothing but a new paper key, and is best kept somewhere else."""
    if _is_on_token(key.purpose):
        return True
    if key.purpose != Purpose.CA:
        return False
    paper = SigningKey.objects.in_use().filter(purpose=Purpose.PAPER).first()
    return paper is not None and (_is_on_token(Purpose.PAPER) or keyring.path_of(paper.kid).exists())


def _first(purpose: SigningKey.Purpose, *, at: datetime) -> SigningKey | None:
    """The first key of a purpose; None where somebody else was quicker."""
    try:
        with transaction.atomic():
            return _make(purpose, at=at)
    except IntegrityError:
        return None


def _make(purpose: SigningKey.Purpose, *, at: datetime) -> SigningKey:
    kid = f"{purpose}-{clock.local(at):%Y%m%d}-{token_hex(4)}"
    row = SigningKey(kid=kid, purpose=purpose, made_at=at)
    private: keyring.PrivateKey | None = None  # None: it lies on a token, and was made there
    if purpose == Purpose.BADGE:
        private = Ed25519PrivateKey.generate()
        row.public_key = keyring.multibase_of(private.public_key())
    elif _is_on_token(purpose):
        row.certificate = _paper_certificate(kid, _not_withdrawn(tokens.public_key()), at=at)
    elif purpose == Purpose.PAPER:
        private = ec.generate_private_key(ec.SECP256R1())
        row.certificate = _paper_certificate(kid, private.public_key(), at=at)
    else:
        private = ec.generate_private_key(ec.SECP256R1())
        row.certificate = _authority_certificate(kid, private, at=at)
    if private is not None:
        _write(kid, private)  # before the row: a row without its file would be a key that cannot sign
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            audit.record(row, "certificates.key_made", kid=kid, purpose=str(purpose))
    except BaseException:
        _delete(kid)
        raise
    keyring.forget()
    log.info("signing_key_made", kid=kid, purpose=str(purpose))
    return row


def _not_withdrawn(public: ec.EllipticCurvePublicKey) -> ec.EllipticCurvePublicKey:
    """The key of the token, unless it was in wrong hands: a new certificate would let it count again. With its authority alone it was not.

    Raises:
        Refused: withdrawn_key.
    """
    withdrawn = SigningKey.objects.exclude(withdrawn_at=None)
    authorities = {_certificate_of(one).subject: one.withdrawn_at for one in withdrawn.filter(purpose=Purpose.CA)}
    for one in withdrawn.filter(purpose=Purpose.PAPER):
        fell_with_authority = authorities.get(_certificate_of(one).issuer) == one.withdrawn_at
        if _certificate_of(one).public_key() == public and not fell_with_authority:
            raise Refused(
                _("The key on the module was withdrawn. Make a new key pair under a new label, change PKCS11_KEY and restart first."),
                code="withdrawn_key",
            )
    return public


def _retire(key: SigningKey, *, at: datetime) -> None:
    key.retired_at = at
    key.save(update_fields=["retired_at"])
    audit.record(key, "certificates.key_retired", kid=key.kid, purpose=key.purpose)
    log.info("signing_key_retired", kid=key.kid, purpose=key.purpose)


def _authority_certificate(kid: str, private: ec.EllipticCurvePrivateKey, *, at: datetime) -> str:
    """An authority's own certificate, as PEM."""
    name = _name(kid, "证书根")
    builder = _builder(private.public_key(), private.public_key(), years=settings.CA_CERTIFICATE_YEARS, is_authority=True, at=at)
    made = builder.subject_name(name).issuer_name(name).sign(private, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def _paper_certificate(kid: str, public: ec.EllipticCurvePublicKey, *, at: datetime) -> str:
    """A paper key's certificate by the authority in use, as PEM.

    Raises:
        Refused: the authority's private file is not here ("no_key").
    """
    authority = SigningKey.objects.in_use().get(purpose=Purpose.CA)
    issued_by = x509.load_pem_x509_certificate(authority.certificate.encode())
    builder = _builder(public, issued_by.public_key(), years=settings.PAPER_CERTIFICATE_YEARS, is_authority=False, at=at)
    builder = builder.subject_name(_name(kid, "证书签章")).issuer_name(issued_by.subject)
    builder = builder.add_extension(x509.ExtendedKeyUsage(_DOCUMENTS), critical=False)
    made = builder.sign(keyring.private_key(authority.kid), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def _builder(public, issuers_public, *, years: int, is_authority: bool, at: datetime) -> x509.CertificateBuilder:
    """What both certificates have in common. They name no place where revocations are listed: a withdrawn key is in no keyring."""
    usage = dict.fromkeys(
        ["key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"], False
    ) | {  # RFC 5280, 4.2.1.3: content_commitment is what a signature on a document means
        "digital_signature": not is_authority,
        "content_commitment": not is_authority,
        "key_cert_sign": is_authority,
        "crl_sign": is_authority,
    }
    return (
        x509.CertificateBuilder()
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _EARLIER)
        .not_valid_after(at + timedelta(days=round(365.25 * years)))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuers_public), critical=False)
    )


def _name(kid: str, role: str) -> x509.Name:
    """Unlike any other key's, because chains are found by names."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, settings.WAGTAIL_SITE_NAME[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{role} {kid}"),
        ]
    )


def _write(kid: str, private: keyring.PrivateKey) -> None:
    """The private file, whole or not at all, for its owner's eyes only."""
    path = keyring.path_of(kid)
    _folder(path.parent)
    secret = keyring.passphrase()
    cipher = serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
    data = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, cipher)
    half = path.with_suffix(".half")
    with os.fdopen(os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(half, path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _delete(kid: str) -> None:
    keyring.path_of(kid).unlink(missing_ok=True)
    keyring.forget()
