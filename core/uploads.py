"""What an uploaded file may be: judged by content, size and unpacked size, never by its name alone."""

import io
import zipfile
from typing import BinaryIO

import puremagic
from django.utils.translation import gettext as _

from core.errors import Refused

MAX_SPREADSHEET = 10 * 1024 * 1024
MAX_UNPACKED = 200 * 1024 * 1024
MAX_RATIO = 200
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
MAX_DOCUMENT = 50 * 1024 * 1024
MAX_VIDEO = 500 * 1024 * 1024


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
        Refused: too large, a packed bomb, or neither xlsx nor text.
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
            if "xl/workbook.xml" not in archive.namelist():
                raise Refused(_("The file is an archive, but not an Excel workbook (.xlsx)."), code="wrong_content")
        return "xlsx", data
    if b"\x00" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Refused(
            _("The content is neither an Excel workbook (.xlsx) nor CSV text. Old .xls files: save as .xlsx first."), code="wrong_content"
        )
    return "csv", data


def check_unpacked(file: BinaryIO) -> None:
    """Bound what an archive would become.

    Raises:
        Refused: damaged, or it would unpack to more than 200 MB or 200 times its size.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            packed = sum(info.compress_size for info in archive.infolist()) or 1
            unpacked = sum(info.file_size for info in archive.infolist())
    except zipfile.BadZipFile as error:
        raise Refused(_("The file is damaged: it cannot be unpacked."), code="damaged") from error
    if unpacked > MAX_UNPACKED or (unpacked > 2**20 and unpacked / packed > MAX_RATIO):
        raise Refused(_("The file would unpack to %(size)d MB; that is refused.") % {"size": unpacked // 2**20}, code="bomb")
    file.seek(0)


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
