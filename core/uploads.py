"""What an uploaded file may be: judged by content, size and unpacked size, never by its name alone."""

import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

import puremagic
import yaml
from django.utils.translation import gettext as _
from PIL import Image, UnidentifiedImageError

from core.errors import Refused

MAX_SPREADSHEET = 10 * 1024 * 1024
MAX_CERTIFICATE = 10 * 1024 * 1024  # a paper or a badge that is dropped in to be checked
MAX_EVIDENCE, MOST_EVIDENCE = 10 * 1024 * 1024, 5  # each file of a claim, and how many
MAX_REPLY = 20 * 1024 * 1024  # a receiver's answer to a hand-over
MAX_BANK = 30 * 1024 * 1024  # a file of questions with its images
MAX_UNPACKED = 200 * 1024 * 1024
MAX_RATIO = 200
MAX_CELLS = 5_000_000  # of all sheets: the reader fills the whole rectangle up to the outermost cell
WORKBOOK_NAMES = (".xlsx", ".xlsm", ".xltx", ".xls", ".et")
OTHER_WORKBOOKS = {"xl/workbook.bin", "content.xml"}  # xlsb and ods, which the reader would try as well
# Names of cells wherever they stand, even in a tag that is not well formed; row and cell tags with their name, if they have one.
NAMED = re.compile(rb"""\br\s*=\s*["']\s*([A-Za-z]{0,8})0*(\d{1,9})""")
TAGS = re.compile(
    rb"""<(?:[\w.\-]+:)?(row|c)(?=[\s/>])(\s+(?:[\w:.\-]+\s*=\s*(?:"[^"<]*"|'[^'<]*')\s+)*?r\s*=\s*["']\s*([A-Za-z]{0,8})0*(\d{1,9}))?"""
)
LONGEST_TAG = 2**20
# What an editor may put into a lesson: extension → kinds that its content may show.
DOCUMENTS = {
    "pdf": {"application/pdf"},
    "docx": {"application/zip"},
    "xlsx": {"application/zip"},
    "pptx": {"application/zip"},
    "csv": {"text/plain"},
    "txt": {"text/plain"},
    "vtt": {"text/plain"},
    "mp4": {"video/mp4"},
    "webm": {"video/webm"},
}
PICTURES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
MAX_PICTURE = 5 * 1024 * 1024
MAX_PIXELS = 25_000_000
MAX_DOCUMENT = 50 * 1024 * 1024
MAX_VIDEO = 500 * 1024 * 1024


def has_references(text: str) -> bool:
    """Whether a YAML text names parts of itself (& and *): then a few lines could stand for gigabytes. Raises: yaml.YAMLError."""
    return any(isinstance(token, yaml.AliasToken | yaml.AnchorToken) for token in yaml.scan(text, Loader=yaml.SafeLoader))


def size_of(file: BinaryIO) -> int:
    """Length in bytes without reading it; the position is left at the start."""
    size = getattr(file, "size", None)
    if size is None:
        file.seek(0, io.SEEK_END)
        size = file.tell()
    file.seek(0)
    return size


def check_spreadsheet(file: BinaryIO, *, name: str) -> tuple[str, bytes]:
    """("xlsx" or "csv", the bytes). Reads the file only after its size was found small enough.

    Raises:
        Refused: too large, a packed bomb, a sheet that reaches too far, neither xlsx nor text, or text under the name of a workbook.
    """
    size = size_of(file)
    if size > MAX_SPREADSHEET:
        raise Refused(
            _("The file is %(size)d MB; at most %(limit)d MB are taken.") % {"size": size // 2**20, "limit": MAX_SPREADSHEET // 2**20},
            code="too_large",
        )
    data = file.read(MAX_SPREADSHEET + 1)
    if not data.strip():
        raise Refused(_("The file is empty."), code="empty")
    if data.startswith(b"PK\x03\x04"):
        check_unpacked(io.BytesIO(data))
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = {name.lower() for name in archive.namelist()}
            if "xl/workbook.xml" not in archive.namelist() or names & OTHER_WORKBOOKS:
                raise Refused(_("The file is an archive, but not an Excel workbook (.xlsx)."), code="wrong_content")
            check_cells(archive)
        return "xlsx", data
    if b"\x00" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Refused(
            _("The content is neither an Excel workbook (.xlsx) nor CSV text. Old .xls files: save as .xlsx first."), code="wrong_content"
        )
    if name.lower().endswith(WORKBOOK_NAMES):
        raise Refused(
            _(
                "The file is named like an Excel workbook, but it is none: its content is text. Save it in Excel as .xlsx, "
                "or give a text table the ending .csv."
            ),
            code="wrong_content",
        )
    return "csv", data


def check_bank(file: BinaryIO) -> bytes:
    """The bytes of a file of questions, read only after its size was found small enough.

    Raises:
        Refused: too large, or empty.
    """
    size = size_of(file)
    if size > MAX_BANK:
        raise Refused(
            _("The file is %(size)d MB; at most %(limit)d MB are taken.") % {"size": size // 2**20, "limit": MAX_BANK // 2**20},
            code="too_large",
        )
    data = file.read(MAX_BANK + 1)
    if not data.strip():
        raise Refused(_("The file is empty."), code="empty")
    return data


def check_unpacked(file: BinaryIO) -> None:
    """Bound what an archive would become.

    Raises:
        Refused: damaged, or it would unpack to more than 200 MB or 200 times its size.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            packed = sum(info.compress_size for info in archive.infolist()) or 1
            unpacked = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:  # another version of zip, a name in no encoding
        raise Refused(_("The file is damaged: it cannot be unpacked."), code="damaged") from error
    if unpacked > MAX_UNPACKED or (unpacked > 2**20 and unpacked / packed > MAX_RATIO):
        raise Refused(_("The file would unpack to %(size)d MB; that is refused.") % {"size": unpacked // 2**20}, code="bomb")
    file.seek(0)


def check_cells(archive: zipfile.ZipFile) -> None:
    """Bound the rectangles that the sheets of a workbook span, whatever their <dimension> says.

    Every part is looked at, since a workbook may keep its sheets under any name; parts are read
    in pieces, never whole.

    Raises:
        Refused: rows × columns of all sheets exceed five million, or a part does not unpack to what it says.
    """
    cells = unpacked = 0
    for info in archive.infolist():
        said, info.file_size = info.file_size, MAX_UNPACKED + 1  # else the reading stops at what the archive claims
        extent = _Extent()
        size = 0
        try:
            with archive.open(info) as part:
                while piece := part.read(2**18):
                    size += len(piece)
                    unpacked += len(piece)
                    if unpacked > MAX_UNPACKED:
                        raise Refused(
                            _("The file would unpack to %(size)d MB; that is refused.") % {"size": unpacked // 2**20}, code="bomb"
                        )
                    extent.feed(piece)
                    if cells + extent.cells > MAX_CELLS:
                        break
                else:
                    extent.feed(b"<")
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
            raise Refused(_("The file is damaged: it cannot be unpacked."), code="damaged") from error
        finally:
            info.file_size = said
        cells += extent.cells
        if cells > MAX_CELLS:
            raise Refused(
                _(
                    "The sheets reach too far: up to row %(rows)d and column %(columns)d. At most %(limit)d cells are taken. "
                    "Delete stray cells far below or to the right of the table, and save again."
                )
                % {"rows": extent.rows, "columns": extent.columns, "limit": MAX_CELLS},
                code="too_many_cells",
            )
        if size != said:
            raise Refused(_("The file is damaged: it cannot be unpacked."), code="damaged")


class _Extent:
    """How far the cells of one part reach, found piece by piece. Rather too far than not far enough."""

    def __init__(self) -> None:
        self.rows = self.columns = 0
        self._tags = 0
        self._row = self._column = 0
        self._rest = b""

    @property
    def cells(self) -> int:
        """The rectangle; at least the tags that were seen, since a part of millions of them takes as long to read."""
        return max(self.rows * self.columns, self._tags)

    def feed(self, piece: bytes) -> None:
        text = self._rest + piece.replace(b"\x00", b"")  # UTF-16 without its zeros reads like ASCII
        end = text.rfind(b"<")
        if len(text) - max(end, 0) > LONGEST_TAG:
            raise zipfile.BadZipFile("no tag is that long")
        text, self._rest = text[: max(end, 0)], text[max(end, 0) :]
        named, tags = NAMED.findall(text), TAGS.findall(text)
        self._tags += max(len(named), len(tags))
        self.rows = max(self.rows, max((int(row) for _letters, row in named), default=0))
        self.columns = max(self.columns, max(map(_column, {letters for letters, _row in named}), default=0))
        for kind, name, letters, row in tags:
            if kind == b"row":
                self._row = int(row) if name else self._row + 1
                self._column = 0
                self.rows = max(self.rows, self._row)
            elif name:
                self._column = _column(letters)
            else:
                self._column += 1
                self.columns = max(self.columns, self._column)


@lru_cache(maxsize=1024)
def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def content_kind(head: bytes) -> str:
    """The media type that the first bytes show; text/plain for text; "" when nothing is known."""
    if head.startswith(b"PK\x03\x04"):
        return "application/zip"
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm"
    try:
        found = puremagic.from_string(head, mime=True)
    except (puremagic.PureError, ValueError):
        found = ""
    if found and not found.startswith("text/"):
        return found
    return "" if b"\x00" in head else "text/plain"


@dataclass(frozen=True)
class Picture:
    """What the bytes of a picture say of themselves."""

    content_type: str
    width: int
    height: int


def check_picture(data: bytes) -> Picture:
    """A picture that every browser shows: PNG, JPEG, GIF or WebP by its content, of bounded size and pixels.

    Raises:
        Refused: with the reason.
    """
    if len(data) > MAX_PICTURE:
        raise Refused(_("An image may have at most %(limit)d MB.") % {"limit": MAX_PICTURE // 2**20}, code="too_large")
    try:
        with Image.open(io.BytesIO(data), formats=list(PICTURES)) as image:
            found = Picture(PICTURES[image.format or ""], *image.size)
            if found.width * found.height > MAX_PIXELS:
                raise Refused(_("An image may have at most %(limit)d million pixels.") % {"limit": MAX_PIXELS // 10**6}, code="too_large")
            image.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Refused(_("The file is no PNG, JPEG, GIF or WebP image, or it is damaged."), code="wrong_content") from error
    return found


def check_document(file: BinaryIO, *, name: str) -> None:
    """A file for a lesson: known extension, content that fits it, bounded size.

    Raises:
        Refused: with the reason.
    """
    extension = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    if extension not in DOCUMENTS:
        raise Refused(_("Files of type “%(type)s” are not taken.") % {"type": extension or name}, code="wrong_type")
    limit = MAX_VIDEO if extension in {"mp4", "webm"} else MAX_DOCUMENT
    size = size_of(file)
    if size > limit:
        raise Refused(
            _("The file is %(size)d MB; at most %(limit)d MB are taken.") % {"size": size // 2**20, "limit": limit // 2**20},
            code="too_large",
        )
    head = file.read(4096)
    file.seek(0)
    if content_kind(head) not in DOCUMENTS[extension]:
        raise Refused(_("The content of the file is not what its name says (.%(type)s).") % {"type": extension}, code="wrong_content")
    if "application/zip" in DOCUMENTS[extension]:
        check_unpacked(file)
