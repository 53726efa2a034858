"""The demo's pictures, drawn when it is loaded, so that no file of unknown origin is handed on."""

import io
from datetime import date, timedelta

from django.core.files.images import ImageFile
from PIL import Image, ImageDraw, ImageFont
from wagtail.images import get_image_model

from core import fonts
from courses.services import catalogues
from people.models import Unit

WIDTH, SIDE, TOP, LEFT = 800, 108, 150, 22
INK, QUIET, ACCENT, PALE, GROUND = "#1f2a37", "#5b6878", "#1d4e7a", "#e3edf6", "#ffffff"
FIRST = date(2026, 3, 2)  # a Monday, as in the lesson's case


def ensure(drawing: str, *, county: Unit):
    """The image of a drawing in the county's collection; drawn and saved the first time, found afterwards."""
    title, draw = DRAWINGS[drawing]
    model, collection = get_image_model(), catalogues.collection_of(county)
    image = model.objects.filter(collection=collection, title=title).first()
    if image is None:
        file = ImageFile(io.BytesIO(draw()), name=f"{drawing}.png")
        image = model.objects.create(title=title, collection=collection, file=file)
    return image


def _face(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(fonts.path_of(name)), size, index=fonts.SIMPLIFIED, layout_engine=ImageFont.Layout.BASIC)


def twenty_working_days() -> bytes:
    """Four weeks as a calendar: working days numbered from 1 to 20, weekends left out. PNG."""
    picture = Image.new("RGB", (WIDTH, TOP + 4 * SIDE + 24), GROUND)
    draw = ImageDraw.Draw(picture)
    heading, number, small = _face(fonts.SANS_BOLD, 40), _face(fonts.SANS_BOLD, 42), _face(fonts.SANS, 26)
    draw.text((WIDTH / 2, 44), "20个工作日怎么数", font=heading, fill=INK, anchor="mm")
    for column, name in enumerate("一二三四五六日"):
        draw.text((LEFT + column * SIDE + SIDE / 2, TOP - 30), name, font=small, fill=QUIET, anchor="mm")
    count = 0
    for place in range(28):
        row, column = divmod(place, 7)
        day = FIRST + timedelta(days=place)
        left, top = LEFT + column * SIDE, TOP + row * SIDE
        box = (left + 4, top + 4, left + SIDE - 4, top + SIDE - 4)
        works = column < 5
        count += works
        is_end = works and count in (1, 20)
        draw.rounded_rectangle(box, radius=10, fill=ACCENT if is_end else PALE if works else GROUND, outline=QUIET if not works else None)
        colour = GROUND if is_end else INK if works else QUIET
        draw.text((left + SIDE / 2, top + 28), f"{day.month}/{day.day}", font=small, fill=colour, anchor="mm")
        draw.text((left + SIDE / 2, top + 70), str(count) if works else "不数", font=number if works else small, fill=colour, anchor="mm")
    data = io.BytesIO()
    picture.save(data, "PNG", optimize=True)
    return data.getvalue()


DRAWINGS = {"twenty_working_days": ("20个工作日怎么数", twenty_working_days)}


def notice(*lines: str) -> bytes:
    """A sheet of paper with a heading and lines, as somebody would photograph it. PNG."""
    picture = Image.new("RGB", (900, 1200), "white")
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        face = _face(fonts.SANS_BOLD, 44) if number == 0 else _face(fonts.SANS, 32)
        draw.text((80, 110 + 90 * number), line, font=face, fill="black")
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
