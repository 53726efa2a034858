"""The fonts of paper and pictures, and which characters they can print."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _
from fontTools.ttLib import TTFont

from core.errors import Refused

FOLDERS = (
    "/usr/share/fonts/opentype/noto",  # Debian, Ubuntu
    "/usr/share/fonts/noto-cjk",  # Arch, Alpine
    "/usr/share/fonts/google-noto-serif-cjk-fonts",  # Fedora
    "/usr/share/fonts/google-noto-sans-cjk-fonts",
    "/usr/local/share/fonts",
)
SERIF, SERIF_BOLD = "NotoSerifCJK-Regular.ttc", "NotoSerifCJK-Bold.ttc"
SANS, SANS_BOLD = "NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc"
SIMPLIFIED = 2  # the face for simplified Chinese inside each Noto CJK collection: JP, KR, SC, TC, HK


@cache
def path_of(name: str) -> Path:
    """Where a font file lies.

    Raises:
        ImproperlyConfigured: it is nowhere; the message names the package that brings it.
    """
    for folder in FOLDERS:
        if (found := Path(folder) / name).is_file():
            return found
    for root in ("/usr/share/fonts", "/usr/local/share/fonts"):
        for found in Path(root).rglob(name):
            return found
    raise ImproperlyConfigured(f"The font {name} is not installed. Install the package fonts-noto-cjk (apt install fonts-noto-cjk).")


def extra() -> list[Path]:
    """Fonts that a county adds for characters beyond Noto: files named by CERTIFICATE_FONTS."""
    paths = [Path(name) for name in getattr(settings, "CERTIFICATE_FONTS", [])]
    for path in paths:
        if not path.is_file():
            raise ImproperlyConfigured(f"CERTIFICATE_FONTS names {path}, which is no file.")
    return paths


def folders() -> list[str]:
    """The folders that hold every font of the paper."""
    return sorted({str(path.parent) for path in [*map(path_of, (SERIF, SERIF_BOLD, SANS, SANS_BOLD)), *extra()]})


@cache
def characters_of(path: Path) -> frozenset[int]:
    """The code points that a font file has glyphs for. Reads one table, once a process."""
    number = SIMPLIFIED if path.suffix == ".ttc" and path.name.startswith("Noto") else 0
    with TTFont(path, fontNumber=number if path.suffix == ".ttc" else -1, lazy=True) as font:
        return frozenset(font.getBestCmap())


def _is_never_drawn(character: str) -> bool:
    """Marks of variation, and the place to break inside a long run (U+200B)."""
    return 0xFE00 <= ord(character) <= 0xFE0F or 0xE0100 <= ord(character) <= 0xE01EF or character == "\u200b"


def missing(texts: Iterable[str]) -> list[str]:
    """The characters of these texts that no font has, in order of appearance."""
    known = [characters_of(path) for path in (path_of(SERIF), path_of(SANS), *extra())]
    wanted = dict.fromkeys("".join(texts).replace("\n", ""))
    return [c for c in wanted if not _is_never_drawn(c) and not any(ord(c) in there for there in known)]


def require_glyphs(texts: Iterable[str]) -> None:
    """Let texts pass that can be printed without a box.

    Raises:
        Refused: code "missing_glyph", with each missing character and its code point.
    """
    lacking = missing(texts)
    if lacking:
        named = "、".join(f"{character}（U+{ord(character):04X}）" for character in lacking)
        raise Refused(
            _("No installed font has the character %(named)s, so nothing is printed. Ask the administrator to add a font that has it.")
            % {"named": named},
            code="missing_glyph",
            characters="".join(lacking),
        )
