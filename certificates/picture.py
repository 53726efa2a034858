"""The certificate as a picture to share: 1080 × 1350, by Pillow."""

import io
import re
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from certificates import paper, rules
from certificates.models import Certificate
from core import fonts

WIDTH, HEIGHT, MARGIN = 1080, 1350, 96
QR_TOP, QR_SIDE = 950, 280
UNBROKEN = re.compile(r"[（《“]*(?:第?[A-Za-z0-9.%-]+[号年月日条章版]?|.)[，。；：、！？）》”/]*\s*")
GROUND = "#f5f7fa"
QUIET = "#4b5a6b"  # of the first layout
_SERIF, _SERIF_BOLD, _SANS = (fonts.SERIF, fonts.SANS), (fonts.SERIF_BOLD, fonts.SANS_BOLD), (fonts.SANS, fonts.SERIF)


@cache
def _face(path, size: int) -> ImageFont.FreeTypeFont:
    index = fonts.SIMPLIFIED if path.suffix == ".ttc" and path.name.startswith("Noto") else 0
    return ImageFont.truetype(str(path), size, index=index, layout_engine=ImageFont.Layout.BASIC)


def _face_for(character: str, names: tuple[str, ...], size: int) -> ImageFont.FreeTypeFont:
    """The first of these fonts, or of the county's own, that has the character."""
    paths = [*map(fonts.path_of, names), *fonts.extra()]
    return _face(next((path for path in paths if ord(character) in fonts.characters_of(path)), paths[0]), size)


def _width(text: str, names: tuple[str, ...], size: int) -> float:
    return sum(_face_for(character, names, size).getlength(character) for character in text)


def wrapped(text: str, names: tuple[str, ...], size: int, width: float) -> list[str]:
    """The text in lines no wider than this. Words and numbers stay whole where a line has room for them, brackets with what they hold."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for piece in UNBROKEN.findall(paragraph):
            for part in [piece] if _width(piece, names, size) <= width else piece:
                if line and _width((line + part).rstrip(), names, size) > width:
                    lines.append(line.rstrip())
                    line = ""
                line += part
        if line:
            lines.append(line.rstrip())
    return lines


def _fitted(text: str, names: tuple[str, ...], sizes: range, width: float, height: float) -> tuple[int, list[str]]:
    for size in sizes:
        lines = wrapped(text, names, size, width)
        if len(lines) * size * 1.55 <= height:
            break
    return size, lines


def _write(draw: ImageDraw.ImageDraw, lines: list[str], names, size: int, *, top: float, colour: str, left: float | None = None) -> float:
    """Lines from `top` down, centred unless `left` is given. Returns where the next line would begin."""
    for line in lines:
        x = (WIDTH - _width(line, names, size)) / 2 if left is None else left
        for character in line:
            face = _face_for(character, names, size)
            draw.text((x, top + size), character, font=face, fill=colour, anchor="ls")
            x += face.getlength(character)
        top += size * 1.55
    return top


def _paste_qr(image: Image.Image, address: str) -> int:
    """Put the QR code at its place, in whole pixels a module so that it stays sharp. Returns its side."""
    code = paper.qr_code(address)
    out = io.BytesIO()
    code.save(out, kind="png", scale=max(3, QR_SIDE // code.symbol_size(border=0)[0]), border=0)
    drawn = Image.open(out).convert("RGB")
    image.paste(drawn, (MARGIN, QR_TOP))
    return drawn.width


def png(certificate: Certificate) -> bytes:
    """The picture that a holder shares: what the paper says, with a QR code that a phone can read.

    Raises:
        Refused: a character has no glyph in the fonts ("missing_glyph").
    """
    facts, design = paper.printed(certificate), certificate.version.content
    fonts.require_glyphs(facts.values())
    ink, accent = design.get("ink", rules.INK), design.get("accent", rules.ACCENT)
    quiet = rules.quieter(ink) if "ink" in design else QUIET
    inner = WIDTH - 2 * MARGIN
    image = Image.new("RGB", (WIDTH, HEIGHT), GROUND)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((36, 36, WIDTH - 36, HEIGHT - 36), 28, fill="#ffffff", outline=accent, width=4)

    size, lines = _fitted(facts["title"], _SERIF_BOLD, range(72, 30, -4), inner, 190)
    top = _write(draw, lines, _SERIF_BOLD, size, top=110, colour=accent)
    size, lines = _fitted(facts["name"], _SERIF_BOLD, range(88, 36, -4), inner, 140)
    top = _write(draw, lines, _SERIF_BOLD, size, top=top + 40, colour=ink)
    size, lines = _fitted(facts["unit"], _SANS, range(34, 20, -2), inner, 110)
    top = _write(draw, lines, _SANS, size, top=top + 8, colour=quiet)
    draw.line((WIDTH / 2 - 120, top + 24, WIDTH / 2 + 120, top + 24), fill=accent, width=3)

    size, lines = _fitted(facts["course"], _SERIF, range(46, 22, -2), inner, 290)
    middle = (top + 40 + QR_TOP) / 2 - (len(lines) * size * 1.55 + 70) / 2
    top = _write(draw, lines, _SERIF, size, top=max(middle, top + 48), colour=ink)
    _write(draw, [f"{facts['hours']} · 成绩{facts['score']}"], _SANS, 34, top=top + 14, colour=quiet)

    side = _paste_qr(image, paper.check_address(certificate.number))
    left = MARGIN + side + 16
    top = QR_TOP + 4.0
    for label, name in (("颁发机构", "issuer"), ("颁发日期", "issued_on"), ("有效期至", "valid_until"), ("证书编号", "number")):
        _write(draw, [label], _SANS, 22, top=top + 6, colour=quiet, left=left)
        size, lines = _fitted(facts[name], _SANS, range(30, 16, -2), WIDTH - MARGIN - left - 106, 62)
        top = _write(draw, lines, _SANS, size, top=top, colour=ink, left=left + 106) + 14
    _write(draw, ["扫码核验真伪。本证明为培训合格证明，不属于法定证照。"], _SANS, 24, top=1248, colour=quiet)

    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
