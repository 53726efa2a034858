"""Looks into a PDF that a stranger sent. Runs as a process of its own, by itself: no Django, no database, no secrets.

In: one line of JSON (`limits`, `certificates`, `authorities`: PEM), then the file. Out: one line of JSON, a Report.
Whatever the file does to this process — eats memory, turns in circles, breaks a library — costs this process alone.
"""

import base64
import binascii
import io
import json
import logging
import resource
import sys
import zlib
from typing import Any

LONGEST_TEXT = 20_000  # letters of a paper that are read; one certificate has about 600
MOST_PAGES = 3
MOST_NOTES = 40  # annotations of a page; a paper of ours has the one of its signature
LONGEST_BADGE = 64 * 1024
MOST_ATTACHMENTS = 8
# What each kind of file begins with. Pictures are told apart only to say that they are pictures.
PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")
FORBIDDEN = (
    "socket.connect",
    "socket.getaddrinfo",
    "socket.sendto",
    "socket.bind",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.remove",
    "os.rename",
    "os.mkdir",
)


def bound(*, memory: int, seconds: int) -> None:
    """Bound this process for good: bytes of memory, seconds of processor time, no file written, no network, no child."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)  # libraries tell of what they read

    def refuse(event: str, args: tuple) -> None:
        if event.startswith(FORBIDDEN):
            raise PermissionError(event)

    sys.addaudithook(refuse)


def what_is(data: bytes) -> str:
    """One of "pdf", "json", "picture", "archive", "empty", "other", by the first bytes."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n\x00")
    if not head:
        return "empty"
    if data.startswith(ARCHIVES):
        return "archive"
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if head.startswith((b"{", b"[")):
        return "json"
    if (
        data.startswith(PICTURES)
        or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
        or data[4:12] in (b"ftypheic", b"ftypmif1", b"ftypavif")
    ):
        return "picture"
    return "other"


def inspect(data: bytes, known: dict[str, list[str]]) -> dict[str, Any]:
    """A Report: `what`, `fault` ("", or why it could not be read), and what a PDF says."""
    report: dict[str, Any] = {"what": what_is(data), "fault": ""}
    try:
        if report["what"] == "pdf":
            report |= read_pdf(data, known)
    except (MemoryError, RecursionError):
        report["fault"] = "too_much"
    except Exception:
        report["fault"] = "unreadable"
    return report


def read_pdf(data: bytes, known: dict[str, list[str]]) -> dict[str, Any]:
    """`signature` is "none", "foreign", "withdrawn", "broken", "appended" or "valid"; only "valid" says that every byte is ours.

    `text` is what the paper says, `before` what it said when it was signed, if something was appended since.
    """
    from pypdf import PdfReader

    signature = _signature(data, known)
    if signature.get("fault"):
        return signature
    reader = PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted:
        return {"fault": "encrypted"}
    found = {"pages": len(reader.pages), "text": _text(reader), "keywords": _keywords(reader), "badge": _badge(reader), **signature}
    if found["signature"] == "appended":
        earlier = PdfReader(io.BytesIO(data[: found["covered"]]), strict=False)
        found |= {"before": _text(earlier), "badge": _badge(earlier), "keywords": _keywords(earlier)}
    return found


def _text(reader) -> str:
    text = ""
    for page in reader.pages[:MOST_PAGES]:
        text += page.extract_text() + "\n" + _notes(page)
        if len(text) > LONGEST_TEXT:
            break
    return _whole(text[:LONGEST_TEXT])


def _whole(text: str) -> str:
    """Text of whole characters: a font may be made to give half of a pair, which no answer can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")


def _notes(page) -> str:
    """What is written in notes and typed into fields, which programs show over the page. A paper of ours has neither."""
    notes = [note.get_object() for note in list(page.get("/Annots", []))[:MOST_NOTES]]
    written = [note.get(name) for note in notes for name in ("/Contents", "/V")]
    return "".join(f"{text}\n" for text in written if isinstance(text, str) and not text.startswith("/"))


def _keywords(reader) -> str:
    return _whole(str((reader.metadata or {}).get("/Keywords", ""))[:200])


def _badge(reader) -> str:
    """The first file attached to a paper that could be its badge, in base64; "" for none."""
    for name in list(reader.attachments)[:MOST_ATTACHMENTS]:
        for content in reader.attachments[name][:1]:
            if what_is(content) == "json" and len(content) <= LONGEST_BADGE:
                return base64.b64encode(content).decode()
    return ""


def _signature(data: bytes, known: dict[str, list[str]]) -> dict[str, Any]:
    """Whether a key of ours signed the file, and how much of it."""
    from pyhanko.pdf_utils.misc import PdfReadError
    from pyhanko.pdf_utils.reader import PdfFileReader

    try:
        reader = PdfFileReader(io.BytesIO(data), strict=True)
        if reader.encrypted:
            return {"fault": "encrypted"}
        signatures = list(reader.embedded_signatures)
    except (PdfReadError, ValueError, KeyError, TypeError, AssertionError, IndexError, zlib.error, UnicodeError, NotImplementedError):
        # Ours are always read so. What is not has no signature that is worth anything, but may carry the remains of one.
        return {"signature": "broken" if b"/ByteRange" in data and _names_us(data, known) else "none"}
    if not signatures:
        return {"signature": "none"}
    found = [_judged(one, data, known) for one in signatures[:8]]
    order = ["valid", "appended", "broken", "withdrawn", "foreign"]
    return min(found, key=lambda one: order.index(one["signature"]))


def _judged(signature, data: bytes, known: dict[str, list[str]]) -> dict[str, Any]:
    from pyhanko.sign.validation import KeyUsageConstraints, validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    ours, authorities = _certificates(known["certificates"]), _certificates(known["authorities"])
    signer = signature.signer_cert
    about = {"signer": str(signer.subject.native.get("common_name", ""))[:80]}
    if signer.dump() in {one.dump() for one in _certificates(known["withdrawn"])}:
        return {"signature": "withdrawn", **about}
    if signer.dump() not in {one.dump() for one in ours}:
        return {"signature": "foreign", **about}
    at = signature.self_reported_timestamp
    about["signed_at"] = at.isoformat() if at else ""
    context = ValidationContext(trust_roots=authorities, other_certs=ours, moment=at, allow_fetching=False)
    status = validate_pdf_signature(signature, context, key_usage_settings=KeyUsageConstraints(key_usage=set()), skip_diff=True)
    covered = _covered(signature, data, {one.dump() for one in ours + authorities})
    if status.timestamp_validity is not None and not (status.timestamp_validity.intact and status.timestamp_validity.valid):
        return {"signature": "broken", **about}
    if not (status.intact and status.valid and status.trusted and covered):
        return {"signature": "broken", **about}
    return {"signature": "valid" if covered == len(data) else "appended", "covered": covered, **about}


def _covered(signature, data: bytes, ours: set[bytes]) -> int:
    """How many bytes from the start on the signature stands for; 0 if there is a gap in which something could hide.

    The place of the signature itself is signed by nobody, so it may hold only what we write there: the
    signature in capital hex digits, filled up with zeros, and no certificate but ours.
    """
    numbers = [int(number) for number in signature.byte_range]
    if len(numbers) != 4:
        return 0
    start, length, second, rest = numbers
    end = second + rest
    if start != 0 or not 0 < length < second or end > len(data):
        return 0
    gap = data[length:second]
    content = binascii.unhexlify(gap[1:-1])
    message = content[: _der_length(content)]
    if gap != b"<" + binascii.hexlify(content).upper() + b">" or content[len(message) :].strip(b"\x00"):
        return 0
    if {one.chosen.dump() for one in signature.signed_data["certificates"]} - ours or not _is_plain(message):
        return 0
    return end


def _is_plain(message: bytes) -> bool:
    """Whether a CMS message says each thing in the one way that we do.

    The signature covers the signed attributes; what stands around them could be written differently and still be
    valid for a library, and then one changed byte would pass.
    """
    from asn1crypto import algos, cms, x509

    content = cms.ContentInfo.load(message)
    data = content["content"]
    (signer,) = data["signer_infos"]
    signing = {
        one.chosen.dump() for one in data["certificates"] if one.chosen.serial_number == signer["sid"].chosen["serial_number"].native
    }
    (certificate,) = signing
    issuer = x509.Certificate.load(certificate).issuer
    plain = {algos.DigestAlgorithm({"algorithm": "sha256", **more}).dump() for more in ({}, {"parameters": None})}
    return (
        data["version"].native == signer["version"].native == "v1"
        and len(data["digest_algorithms"]) == 1
        and {one.dump() for one in data["digest_algorithms"]} | {signer["digest_algorithm"].dump()} <= plain
        and signer["sid"].chosen["issuer"].dump() == issuer.dump()
        and content.dump(force=True) == message
    )


def _der_length(content: bytes) -> int:
    if content[0] != 0x30:
        return 0
    first = content[1]
    if first < 0x80:
        return 2 + first
    width = first & 0x7F
    return 2 + width + int.from_bytes(content[2 : 2 + width], "big")


def _certificates(pems: list[str]) -> list:
    from asn1crypto import pem, x509

    return [x509.Certificate.load(pem.unarmor(one.encode())[2]) for one in pems]


def _names_us(data: bytes, known: dict[str, list[str]]) -> bool:
    """Whether a certificate of ours lies in the file, however damaged the rest is."""
    low = data.lower()
    return any(binascii.hexlify(one.public_key.dump()[-64:]) in low for one in _certificates(known["certificates"]))


def main() -> None:
    head = json.loads(sys.stdin.buffer.readline())
    bound(memory=head["limits"]["memory"], seconds=head["limits"]["seconds"])
    report = inspect(sys.stdin.buffer.read(), head)
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
