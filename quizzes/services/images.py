"""Keeping the images that questions show."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.core.files.base import ContentFile
from django.db import transaction

from core import uploads
from people.models import Unit
from quizzes import stems
from quizzes.models import BankImage


@transaction.atomic
def keep(*, data: bytes, county: Unit, at: datetime) -> BankImage:
    """The image with these bytes, kept once in a county. Two queries at most; locks nothing.

    Raises:
        Refused: not a picture that browsers show, damaged, or too large.
    """
    picture = uploads.check_picture(data)
    image = BankImage(
        county=county,
        digest=digest_of(data),
        content_type=picture.content_type,
        width=picture.width,
        height=picture.height,
        at=at,
    )
    standing = BankImage.objects.filter(county=county, digest=image.digest).first()
    if standing is not None:
        return standing
    image.file.save("image", ContentFile(data), save=False)
    BankImage.objects.bulk_create([image], ignore_conflicts=True)  # two people, the same picture
    return BankImage.objects.get(county=county, digest=image.digest)


def keep_all(several: Mapping[str, bytes], *, county: Unit, at: datetime) -> None:
    """Images by their digest, each kept once in a county. Two queries for any number, none for none; locks nothing.

    Raises:
        Refused: one is not a picture that browsers show, damaged, or too large.
    """
    made = []
    for digest in sorted(absent(county, several)):
        picture = uploads.check_picture(several[digest])
        image = BankImage(
            county=county, digest=digest, content_type=picture.content_type, width=picture.width, height=picture.height, at=at
        )
        image.file.save("image", ContentFile(several[digest]), save=False)
        made.append(image)
    BankImage.objects.bulk_create(made, ignore_conflicts=True)


def digest_of(data: bytes) -> str:
    """The name of an image in texts."""
    return hashlib.sha256(data).hexdigest()[:16]


def missing(county: Unit, texts: Iterable[str]) -> set[str]:
    """Digests that the texts name and the county does not have. One query, none without images."""
    return absent(county, stems.digests(*texts))


def absent(county: Unit, digests: Iterable[str]) -> set[str]:
    """Which of these the county does not have. One query, none for none."""
    wanted = set(digests)
    return wanted - set(BankImage.objects.filter(county=county, digest__in=wanted).values_list("digest", flat=True)) if wanted else set()
