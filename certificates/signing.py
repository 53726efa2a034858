"""The signature on a paper: PAdES by pyHanko, with the paper key in use.

The key is a file of the keyring, or lies on a token (PKCS11_MODULE) and never leaves it. Level B-B; B-T with the time
of an authority where TIMESTAMP_URL names one. The signature certifies the paper: nothing may be changed or added.
"""

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TypeVar

import structlog
from asn1crypto import cms, keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.conf import settings
from django.utils.translation import gettext as _
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers, timestamps
from pyhanko.sign.signers import constants
from pyhanko_certvalidator.registry import SimpleCertificateStore

from certificates import keyring, tokens
from core import clock
from core.errors import Refused

log = structlog.get_logger(__name__)
FIELD = "CertificateSignature"
TIMESTAMP_SECONDS = 10
_MARGIN = 3000  # bytes of a signature beside its certificates: attributes, names, the signature itself
_DER = serialization.Encoding.DER
_TIME = cms.CMSAttributeType("signature_time_stamp_token").dump().hex().upper().encode()
T = TypeVar("T")

_META = signers.PdfSignatureMetadata(
    field_name=FIELD,
    md_algorithm="sha256",
    subfilter=fields.SigSeedSubFilter.PADES,
    certify=True,
    docmdp_permissions=fields.MDPPerm.NO_CHANGES,
)
# Invisible, and off the page: PDF/UA wants an annotation on a page tagged or hidden, and PDF/A forbids hidden ones.
_SPEC = fields.SigFieldSpec(FIELD, invis_sig_settings=fields.InvisSigSettings(box_out_of_bounds=True), readable_field_name="证书签名")


class _Settled:
    """A signer whose attributes are bytes as soon as they are known.

    asn1crypto encodes what was built in memory anew at each level that holds it: half the time of a signature.
    """

    _of_certificate: bytes | None = None

    async def signed_attrs(self, *args, **kwargs) -> cms.CMSAttributes:
        made = await super().signed_attrs(*args, **kwargs)  # type: ignore[misc]
        return cms.CMSAttributes.load(cms.CMSAttributes([self._settled(attribute) for attribute in made]).dump())

    def _settled(self, attribute: cms.CMSAttribute) -> cms.CMSAttribute:
        if attribute["type"].native != "signing_certificate_v2":  # the one that is the same in each signature
            return attribute
        if self._of_certificate is None:
            self._of_certificate = attribute.dump()
        return cms.CMSAttribute.load(self._of_certificate)

    def signer_info(self, *args, **kwargs) -> cms.SignerInfo:
        return cms.SignerInfo.load(super().signer_info(*args, **kwargs).dump())  # type: ignore[misc]


class _ByFile(_Settled, signers.SimpleSigner):
    pass


@cache
def _by_token() -> type:
    """The signer of a token: a class that needs a package which only such a deployment installs."""
    from pyhanko.sign.pkcs11 import PKCS11Signer

    return type("_ByToken", (_Settled, PKCS11Signer), {})


class _Session(signers.PdfSigner):
    """One signature, of a given instant."""

    def __init__(self, *args, at: datetime, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.at = at

    def init_signing_session(self, pdf_out, existing_fields_only=False):
        session = super().init_signing_session(pdf_out, existing_fields_only=existing_fields_only)
        session.system_time = self.at
        return session

    def register_extensions(self, pdf_out, *, md_algorithm: str) -> None:
        """Only the one of PAdES: for ECDSA pyHanko would call the file PDF 2.0, and PDF/A-3 is PDF 1.7."""
        pdf_out.register_extension(constants.ESIC_EXTENSION_1)


class _Appended(IncrementalPdfFileWriter):
    def _update_meta(self) -> None:
        """Leave the metadata as typst wrote it, dated with the issue: when it was signed stands in the signature."""


@dataclass(frozen=True)
class _Ready:
    """What signs, and the room that a signature takes in the file, in hexadecimal digits."""

    signer: signers.Signer
    room: int


_ready: dict[tuple[str, str], _Ready] = {}
_clocks: dict[str, timestamps.TimeStamper] = {}


def sign(pdf: bytes, *, at: datetime) -> bytes:
    """The paper with a signature appended, made with the key in use. `at` is when it is signed, not when it was issued.

    Keys, certificates and the session of a token are loaded once a process; a rotation reaches it within seconds.

    Raises:
        Refused: there is no key to sign with here ("no_key"), or the authority that TIMESTAMP_URL names gave no time ("no_timestamp").
    """
    ready, timestamper = _signer(), _timestamper()
    session = _Session(_META, ready.signer, new_field_spec=_SPEC, timestamper=timestamper, at=clock.local(at))
    room = None if timestamper else ready.room  # what an authority of time sends, pyHanko measures
    try:
        return _beside(lambda: session.sign_pdf(_Appended(io.BytesIO(pdf)), bytes_reserved=room).getvalue())
    except timestamps.TimestampRequestError as fault:
        log.error("timestamp_failed", url=settings.TIMESTAMP_URL, error=str(fault))
        raise Refused(
            _("The timestamp authority did not answer, so the paper is not signed. It is made again when somebody asks for it."),
            code="no_timestamp",
        ) from fault
    except Exception as fault:
        if not tokens.is_fault(fault):
            raise
        _ready.clear()  # the token was taken out or started anew: the next paper opens it again
        raise tokens.refusal(fault) from fault


def is_signed_with(pdf: bytes, certificate: x509.Certificate) -> bool:
    """Whether a signature with this certificate stands in a file of our own storage. Whether it is valid, others check."""
    return b"/SubFilter /ETSI.CAdES.detached" in pdf and certificate.public_bytes(_DER).hex().upper().encode() in pdf


def is_timed(pdf: bytes) -> bool:
    """Whether a signature of ours carries the time of an authority (RFC 3161): the attribute's name stands in it."""
    return _TIME in pdf


def carried_by(pdf: bytes) -> bytes | None:
    """The file that a paper of our own storage carries, if it carries one."""
    names = PdfFileReader(io.BytesIO(pdf)).root.get("/Names", {}).get("/EmbeddedFiles", {}).get("/Names", [])
    return names[1]["/EF"]["/F"].data if len(names) > 1 else None


def _signer() -> _Ready:
    kid, certificate, authority = keyring.paper_chain()
    where = (settings.PKCS11_MODULE or str(settings.KEYS_ROOT), kid)
    if where not in _ready:
        ours, root = (asn1_x509.Certificate.load(each.public_bytes(_DER)) for each in (certificate, authority))
        if tokens.is_in_use():
            signer = tokens.signer(_by_token(), certificate, signing_cert=ours, ca_chain=[root])
        else:
            private = keyring.private_key(kid).private_bytes(_DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            store = SimpleCertificateStore()
            store.register(root)
            signer = _ByFile(ours, keys.PrivateKeyInfo.load(private), store)
        _ready.clear()  # the key before signs nothing more
        _ready[where] = _Ready(signer, 2 * (_MARGIN + len(ours.dump()) + len(root.dump())))
    return _ready[where]


def _timestamper() -> timestamps.TimeStamper | None:
    """The authority of time, if there is one. Kept: it remembers how much room an answer takes."""
    url = settings.TIMESTAMP_URL
    if not url:
        return None
    if url not in _clocks:
        _clocks[url] = timestamps.HTTPTimeStamper(url, timeout=TIMESTAMP_SECONDS)
    return _clocks[url]


def _beside(work: Callable[[], T]) -> T:
    """Do it here, or in a thread of its own where this one runs an event loop: pyHanko brings its own loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()
