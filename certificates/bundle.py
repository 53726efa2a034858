"""Everything with which a stranger checks a certificate without the site: its paper, its badge and what they hang on."""

import json
import shutil
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from certificates import badge, files, ledger, signing, status_lists
from certificates.models import Certificate
from core import audit, clock
from core.errors import Refused

PROOF = "inclusion-proof.json"
PROGRAM = settings.BASE_DIR / "docs" / "check_proof.py"


def of(certificate: Certificate, *, at: datetime) -> dict[str, bytes]:
    """The files by name. The badge is the one that the paper carries; the status lists say what holds at this instant.

    Issuer and lists bear the name that the badge gives the site: of an older paper perhaps the one before it moved. Badge and lists
    come a second time with the key itself as their issuer (did:key), for programs that look up no document.

    Raises:
        Refused: the paper cannot be made or signed here, as `files.read` says.
    """
    pdf = files.read(certificate, "pdf")
    carried, chain = signing.carried_by(pdf), files.chain_of(pdf)
    assert carried is not None and chain is not None, "files.read lets no paper pass without them"
    authority = chain[1]
    block, site = certificate.pk // status_lists.LENGTH, _site_of(carried)
    lists = {
        f"status-{purpose}.json": badge.as_json(status_lists.signed(purpose, block, at=at, site=site)) for purpose in status_lists.SETS
    }
    proof = ledger.proof_of(certificate)
    by_key = {"offline-badge.json": badge.file(certificate, offline=True)}
    for purpose in status_lists.SETS:
        by_key[f"offline-status-{purpose}.json"] = badge.as_json(status_lists.signed(purpose, block, at=at, offline=True))
    found = {
        f"{certificate.number}.pdf": pdf,
        f"{certificate.number}.badge.json": carried,
        "did.json": badge.as_json(badge.issuer_document(site)),
        **lists,
        **by_key,
        PROOF: badge.as_json(proof),
        "ca.pem": authority.public_bytes(serialization.Encoding.PEM),
        "ca.der": authority.public_bytes(serialization.Encoding.DER),
        PROGRAM.name: PROGRAM.read_bytes(),
    }
    found["README.txt"] = _words(certificate, found, authority, proof["status"], at=at).encode()
    return found


def _site_of(carried: bytes) -> str:
    """The address of the site in whose name a badge of ours was signed."""
    did = json.loads(carried)["issuer"]["id"]
    return next((address for address in badge.sites() if badge.site_did(address) == did), badge.site())


def write(certificate: Certificate, folder: Path, *, at: datetime) -> list[str]:
    """Write the files into a folder that does not exist yet or is empty: all of them, or none. Returns their names. Leaves a trace.

    Raises:
        Refused: the folder holds something ("not_empty") or cannot be written ("no_folder"); or as `of` does.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(_("%(folder)s is not an empty folder: nothing is written over.") % {"folder": folder}, code="not_empty")
    found = of(certificate, at=at)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        half = Path(mkdtemp(prefix=f".{certificate.number}-", dir=folder.parent))
        try:
            for name, data in found.items():
                (half / name).write_bytes(data)
            half.chmod(0o755)
            half.replace(folder)
        except BaseException:
            shutil.rmtree(half)
            raise
    except OSError as fault:
        raise Refused(
            _("%(folder)s cannot be written: %(fault)s") % {"folder": folder, "fault": fault.strerror}, code="no_folder"
        ) from fault
    audit.record(certificate, "certificates.export", number=certificate.number)
    return list(found)


def _words(certificate: Certificate, found: dict[str, bytes], authority: x509.Certificate, status: str, *, at: datetime) -> str:
    """How each file is checked with programs of others, in Chinese and English."""
    carried = found[f"{certificate.number}.badge.json"]
    document, site = json.loads(carried), _site_of(carried)
    entry = document["credentialStatus"][0]
    return render_to_string(
        "certificates/bundle.txt",
        {
            "number": certificate.number,
            "at": clock.local(at).isoformat(timespec="seconds"),
            "authority": authority.subject.rfc4514_string(),
            "fingerprint": authority.fingerprint(hashes.SHA256()).hex(":").upper(),
            "place": entry["statusListIndex"],
            "did": badge.site_did(site),
            "kid": document["proof"]["verificationMethod"].partition("#")[2],
            "key_did": json.loads(found["offline-badge.json"])["issuer"]["id"],
            "status": status,
            "proof": PROOF,
            "did_address": f"{site}/.well-known/did.json",
            "check_address": document["id"],
        },
    )
