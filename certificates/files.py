"""Papers and pictures in storage: artefacts that can always be made again, never facts."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from django.core.files.base import ContentFile

from certificates import badge, keyring, paper, picture, signing
from certificates.models import Certificate
from certificates.storage import papers
from core import clock, fonts, typesetting
from core.errors import Refused


@dataclass(frozen=True)
class _Kind:
    """How a file is made, how a whole one begins, what stands in its last bytes, and whether it still serves."""

    make: Callable[[Certificate], bytes]
    begins: bytes
    ends: bytes
    still_serves: Callable[[bytes], bool] = lambda data: True

    def is_whole(self, data: bytes) -> bool:
        return data.startswith(self.begins) and self.ends in data[-32:]

    def is_good(self, data: bytes) -> bool:
        return self.is_whole(data) and self.still_serves(data)


def _signed_paper(certificate: Certificate) -> bytes:
    return signing.sign(paper.pdf(certificate, carried=[_badge_of(certificate)]), at=clock.now())


def _badge_of(certificate: Certificate) -> typesetting.Attachment:
    """The badge as the paper carries it: the same facts, for programs. It may hold no character that the paper could not show."""
    document = badge.signed(certificate)
    fonts.require_glyphs(typesetting.texts_in(document))
    return typesetting.Attachment(
        name=f"{certificate.number}.badge.json",
        text=badge.as_json(document).decode(),
        media_type="application/vc",  # W3C Verifiable Credentials Data Model 2.0, appendix C.1
        relationship="alternative",
        description=f"开放徽章（Open Badges 3.0）：{certificate.number}",
    )


def _still_counts(data: bytes) -> bool:
    """Whether the paper's signature and its badge's are of keys that still count. Papers from before they were signed have neither."""
    chain = chain_of(data)
    return chain is not None and not _has_run_out(data, chain[0]) and _badge_key(data) in keyring.badge_keys()


def _badge_key(data: bytes) -> str | None:
    """The kid that signed the badge in a paper of ours."""
    carried = signing.carried_by(data)
    return json.loads(carried)["proof"]["verificationMethod"].partition("#")[2] if carried else None


def site_named_by(certificate: Certificate) -> str | None:
    """The did:web that the badge in the stored paper names as its issuer; None where no whole paper lies there."""
    try:
        with papers().open(name_of(certificate, "pdf")) as file:
            data = file.read()
    except FileNotFoundError:
        return None
    carried = signing.carried_by(data) if _KINDS["pdf"].is_whole(data) else None
    return json.loads(carried)["proof"]["verificationMethod"].partition("#")[0] if carried else None


def _has_run_out(data: bytes, certificate: x509.Certificate) -> bool:
    """Whether programs say now that the certificate of the signature has expired. A proven time keeps it good."""
    return certificate.not_valid_after_utc <= clock.now() and not signing.is_timed(data)


def chain_of(data: bytes) -> tuple[x509.Certificate, x509.Certificate] | None:
    """The published certificate that signed a paper of ours, and its authority's; None where neither counts, or nothing signed it."""
    for certificate in keyring.paper_certificates().values():
        if signing.is_signed_with(data, certificate):
            for authority in keyring.authorities().values():
                if keyring.is_issued_by(certificate, authority):
                    return certificate, authority
    return None


_KINDS = {
    "pdf": _Kind(_signed_paper, b"%PDF-", b"%%EOF", _still_counts),
    "png": _Kind(picture.png, b"\x89PNG\r\n", b"IEND"),
}


def name_of(certificate: Certificate, kind: str) -> str:
    """Where the file lies. The digest is part of the name: another database beside the same folder never lends its papers."""
    return f"certificates/{certificate.issued_on.year}/{stem_of(certificate.number, certificate.facts_digest)}.{kind}"


def stem_of(number: str, facts_digest: str) -> str:
    return f"{number}-{facts_digest[:16]}"


def names_of(year: int) -> set[str]:
    """The file names that stand for certificates of a year. One listing."""
    try:
        return set(papers().listdir(f"certificates/{year}")[1])
    except FileNotFoundError:
        return set()


def read(certificate: Certificate, kind: str) -> bytes:
    """The file of a certificate ("pdf", "png"), made again when it is missing, was cut off, or is a paper without a signature that counts.

    A paper is signed when it is made: its dates are the certificate's, the time of the signature is its own.

    Raises:
        Refused: it cannot be printed ("missing_glyph"), or not signed ("no_key", "no_timestamp"), or the record was edited since it
            was issued ("altered"). Nothing unsigned leaves.
    """
    how, name = _KINDS[kind], name_of(certificate, kind)
    try:
        with papers().open(name) as file:
            data = file.read()
        if how.is_good(data):
            return data
        is_there = True
    except FileNotFoundError:
        is_there = False
    certificate.require_as_issued()
    data = how.make(certificate)
    _put(name, data, instead=is_there)
    return data


def _put(name: str, data: bytes, *, instead: bool) -> None:
    """Lay a file down under its name, once; `instead` of what lies there."""
    storage = papers()
    if instead:
        storage.delete(name)
    written = storage.save(name, ContentFile(data))
    if written != name:  # somebody else was quicker: one file is enough
        storage.delete(written)


def ensure(certificate: Certificate) -> None:
    """Make what is missing: each of the files, even if one of them is refused. Raises as `read` does, then."""
    refusals = []
    for kind in _KINDS:
        try:
            read(certificate, kind)
        except Refused as refusal:
            refusals.append(refusal)
    if refusals:
        raise refusals[0]


def remake(certificate: Certificate) -> None:
    """Make the files anew, whatever is there: after fonts or keys have changed. Issues nothing; what cannot be made stays. Raises as `read`."""
    for kind, how in _KINDS.items():
        _put(name_of(certificate, kind), how.make(certificate), instead=True)
