"""How strangers look at a signed paper: poppler's pdfsig with NSS, and pyHanko's validator."""

import asyncio
import io
import subprocess
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

T = TypeVar("T")


def apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives, run in a thread of its own: a test of the browser may have left a running loop in this one."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def trust(folder: Path, *authorities: x509.Certificate) -> Path:
    """An NSS database in which these authorities are trusted."""
    nss = folder / "nss"
    nss.mkdir()
    subprocess.run(["certutil", "-N", "-d", f"sql:{nss}", "--empty-password"], check=True)
    for number, authority in enumerate(authorities):
        (folder / "ca.der").write_bytes(authority.public_bytes(serialization.Encoding.DER))
        subprocess.run(["certutil", "-A", "-d", f"sql:{nss}", "-n", f"ca{number}", "-t", "C,C,C", "-i", folder / "ca.der"], check=True)
    return nss


def pdfsig(data: bytes, nss: Path) -> str:
    """What poppler says of the signatures in a file."""
    file = nss.parent / "asked.pdf"
    file.write_bytes(data)
    done = subprocess.run(["pdfsig", "-nssdir", f"sql:{nss}", file], capture_output=True, timeout=60)
    return done.stdout.decode(errors="replace")


def pdfsig_is_content(data: bytes, nss: Path) -> bool:
    said = pdfsig(data, nss)
    return all(words in said for words in ("Signature is Valid.", "Certificate is Trusted.", "  - Total document signed"))


def status(data: bytes, *authorities: x509.Certificate) -> PdfSignatureStatus:
    """What pyHanko's validator says of the signature in a file. Raises where it cannot read it."""
    roots = [asn1_x509.Certificate.load(each.public_bytes(serialization.Encoding.DER)) for each in authorities]
    reader = PdfFileReader(io.BytesIO(data))
    [signature] = reader.embedded_signatures
    context = ValidationContext(trust_roots=roots, allow_fetching=False)
    return apart(async_validate_pdf_signature(signature, context, ts_validation_context=context))


def pyhanko_is_content(data: bytes, *authorities: x509.Certificate) -> bool:
    try:
        return status(data, *authorities).bottom_line
    except Exception:  # a file that cannot be read is not valid
        return False
