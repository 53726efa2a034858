"""Papers and pictures in storage: artefacts that can always be made again, never facts."""

from collections.abc import Callable

from django.core.files.base import ContentFile

from certificates import paper, picture
from certificates.models import Certificate
from certificates.storage import papers

_MAKERS: dict[str, tuple[Callable[[Certificate], bytes], bytes, bytes]] = {
    # kind: how it is made, how a whole file begins, what stands in its last bytes
    "pdf": (paper.pdf, b"%PDF-", b"%%EOF"),
    "png": (picture.png, b"\x89PNG\r\n", b"IEND"),
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
    """The file of a certificate ("pdf", "png"), made again when it is missing or was cut off.

    Raises:
        Refused: it cannot be printed ("missing_glyph").
    """
    make, begins, ends = _MAKERS[kind]
    storage, name = papers(), name_of(certificate, kind)
    try:
        with storage.open(name) as file:
            data = file.read()
        if data.startswith(begins) and ends in data[-32:]:
            return data
        storage.delete(name)
    except FileNotFoundError:
        pass
    data = make(certificate)
    written = storage.save(name, ContentFile(data))
    if written != name:  # somebody else was quicker: one file is enough
        storage.delete(written)
    return data


def ensure(certificate: Certificate) -> None:
    """Make what is missing."""
    for kind in _MAKERS:
        read(certificate, kind)


def remake(certificate: Certificate) -> None:
    """Make the files anew, whatever is there: after fonts or keys have changed. Issues nothing; what cannot be made stays. Raises as `read`."""
    storage = papers()
    for kind, (make, *_ends) in _MAKERS.items():
        data, name = make(certificate), name_of(certificate, kind)
        storage.delete(name)
        storage.save(name, ContentFile(data))
