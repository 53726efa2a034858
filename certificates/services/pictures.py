"""The only writer of the pictures that certificates carry."""

import hashlib
import io
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from certificates import rules
from certificates.models import TemplatePicture
from certificates.permissions import counties_of
from core.errors import Refused
from core.text import printable, squeeze
from people.models import Person, Unit

FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg"}
MAX_BYTES = 5 * 2**20  # of the upload
MAX_PIXELS = 25_000_000
LEAST_SIDE, SEAL_SIDE, BACKGROUND_SIDE = 40, 1000, 2480  # pixels; A4 has 2480 at 210 to the inch
INNER = 0.08  # how much of each side carries no text
HARDLY_ANY = 0.01  # share of the inner part that may be darker


@transaction.atomic
def keep(*, data: bytes, use: str, name: str, county: Unit, by: Person, at: datetime) -> TemplatePicture:
    """A picture for seals or backgrounds, drawn anew without anything but its pixels, and kept once in a county.

    Raises:
        PermissionDenied: `by` does not rule the county's certificates.
        Refused: too large, too small, neither PNG nor JPEG by its content, or damaged.
    """
    if not (by.is_superuser or any(each.pk == county.pk for each in counties_of(by))):
        raise PermissionDenied
    drawn, image = redrawn(data, use=TemplatePicture.Use(use))
    picture = TemplatePicture(
        county=county,
        use=use,
        name=squeeze(printable(name))[:60] or str(TemplatePicture.Use(use).label),
        digest=hashlib.sha256(drawn).hexdigest(),
        content_type="image/png" if drawn.startswith(b"\x89PNG") else "image/jpeg",
        width=image.width,
        height=image.height,
        darkest=round(darkest(image) * 1000),
        by=by,
        at=at,
    )
    same = {"county": county, "use": use, "digest": picture.digest}
    standing = TemplatePicture.objects.filter(**same).first()
    if standing is not None:
        return standing
    picture.file.save("picture", ContentFile(drawn), save=False)
    TemplatePicture.objects.bulk_create([picture], ignore_conflicts=True)  # two people, the same picture
    return TemplatePicture.objects.get(**same)


def redrawn(data: bytes, *, use: TemplatePicture.Use) -> tuple[bytes, Image.Image]:
    """The pixels of an upload as a new file, and as a picture: a seal as PNG with its transparency, a background as JPEG on white.

    Raises:
        Refused: as `keep`.
    """
    if len(data) > MAX_BYTES:
        raise Refused(_("An image may have at most %(limit)d MB.") % {"limit": MAX_BYTES // 2**20}, code="too_large")
    try:
        with Image.open(io.BytesIO(data), formats=list(FORMATS)) as found:
            if found.width * found.height > MAX_PIXELS:
                raise Refused(_("An image may have at most %(limit)d million pixels.") % {"limit": MAX_PIXELS // 10**6}, code="too_large")
            if min(found.size) < LEAST_SIDE:
                raise Refused(
                    _("The picture is too small to be printed: %(least)d pixels a side are needed.") % {"least": LEAST_SIDE},
                    code="too_small",
                )
            image = ImageOps.exif_transpose(found).convert("RGBA")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise Refused(_("The file is no PNG or JPEG picture, or it is damaged."), code="wrong_content") from error
    side = SEAL_SIDE if use == TemplatePicture.Use.SEAL else BACKGROUND_SIDE
    image.thumbnail((side, side))
    out = io.BytesIO()
    if use == TemplatePicture.Use.SEAL:
        image.save(out, "PNG", optimize=True)
    else:
        on_white(image).save(out, "JPEG", quality=88)
    return out.getvalue(), image


def on_white(image: Image.Image) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", image.size, "#ffffff"), image).convert("RGB")


def darkest(image: Image.Image) -> float:
    """The relative luminance below which hardly any of the inner part of a picture lies, as it looks on white."""
    width, height = image.size
    inner = on_white(image).crop((int(width * INNER), int(height * INNER), int(width * (1 - INNER)), int(height * (1 - INNER))))
    inner.thumbnail((300, 300))
    counts: Any = inner.quantize(colors=256).convert("RGB").getcolors(maxcolors=2**17) or []  # Pillow's types know grey only
    shades = sorted((rules.luminance(f"#{red:02x}{green:02x}{blue:02x}"), count) for count, (red, green, blue) in counts)
    passed, enough = 0, sum(count for count, _colour in counts) * HARDLY_ANY
    for shade, count in shades:
        passed += count
        if passed > enough:
            return shade
    return 1.0


def read(county: int, digest: str) -> TemplatePicture:
    """The picture of a county with these bytes. One query.

    Raises:
        Refused: there is none ("picture_lost").
    """
    found = TemplatePicture.objects.filter(county=county, digest=digest).first()
    if found is None:
        raise lost(digest)
    return found


def bytes_of(picture: TemplatePicture) -> bytes:
    """What was kept, and nothing else.

    Raises:
        Refused: the file is gone, or is not what was kept ("picture_lost").
    """
    try:
        with picture.file.open() as file:
            data = file.read()
    except OSError as error:
        raise lost(picture.digest) from error
    if hashlib.sha256(data).hexdigest() != picture.digest:
        raise lost(picture.digest)
    return data


def lost(digest: str) -> Refused:
    return Refused(
        _(
            "The picture %(digest)s of this template cannot be read, so nothing is printed. Ask the administrator to restore it from a backup."
        )
        % {"digest": digest[:12]},
        code="picture_lost",
    )
