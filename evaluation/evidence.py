"""Evidence that people upload: judged by its content, kept in private storage under its digest, checked when it is read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.files.base import ContentFile
from django.utils.translation import gettext as _

from certificates.storage import papers
from core import uploads
from core.errors import Refused
from evaluation.models.evidence import EvidenceFile

MOST_FILES, MAX_EVIDENCE = uploads.MOST_EVIDENCE, uploads.MAX_EVIDENCE
TAKEN = {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png"}


@dataclass(frozen=True)
class File:
    name: str
    data: bytes


def kinds_of(files: Sequence[File]) -> list[str]:
    """The content type of each file.

    Raises:
        Refused: too many, too large, or another kind than PDF, JPEG and PNG ("too_many_files", "too_large", "wrong_content").
    """
    kinds = [_kind_of(one) for one in files]
    if len(files) > MOST_FILES:
        raise Refused(_("At most %(count)d files can be added.") % {"count": MOST_FILES}, code="too_many_files")
    return kinds


def keep(model: type[EvidenceFile], files: Sequence[File], kinds: Sequence[str], *, folder: str, **owner) -> None:
    """Store the files below a folder and write a row for each, as evidence of `owner` (`claim=…`)."""
    for position, (one, content_type) in enumerate(zip(files, kinds, strict=True)):
        digest = hashlib.sha256(one.data).hexdigest()
        # Stored before the row that names it: a file without a row is waste, a row without a file would be a loss.
        stored = papers().save(f"{folder}/{digest}{TAKEN[content_type]}", ContentFile(one.data))
        model.objects.create(
            **owner, position=position, name=one.name[-120:], content_type=content_type, size=len(one.data), sha256=digest, file=stored
        )


def read(one: EvidenceFile) -> bytes:
    """The bytes of a file, checked against its digest.

    Raises:
        Refused: the file in storage is missing or not the one that was filed ("damaged").
    """
    try:
        with papers().open(one.file) as stored:
            data = stored.read()
    except FileNotFoundError:
        data = b""
    if hashlib.sha256(data).hexdigest() != one.sha256:
        raise Refused(_("This file is damaged or missing in storage. Please restore it from the backup."), code="damaged")
    return data


def _kind_of(one: File) -> str:
    if len(one.data) > MAX_EVIDENCE:
        raise Refused(_("“%(name)s” has more than %(limit)d MB.") % {"name": one.name, "limit": MAX_EVIDENCE // 2**20}, code="too_large")
    kind = uploads.content_kind(one.data[:4096])
    if kind not in TAKEN:
        raise Refused(_("“%(name)s” is neither a PDF nor a photograph (JPEG, PNG).") % {"name": one.name}, code="wrong_content")
    return kind
