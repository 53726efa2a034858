"""The content package around QTI items: a zip with imsmanifest.xml, items and images."""

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import BinaryIO
from urllib.parse import unquote

from django.utils.translation import gettext as _
from lxml import etree

from core.errors import Refused
from core.uploads import MAX_PICTURE, MAX_UNPACKED, check_unpacked
from quizzes.formats import xml
from quizzes.formats.base import MAX_ITEMS, Item, Outcome, carried, facts, point_names
from quizzes.formats.markup import picture_facts
from quizzes.formats.qti import writing
from quizzes.kinds import Wrong

MANIFEST = "imsmanifest.xml"
LONGEST_MANIFEST = 20_000_000  # characters
LONGEST_PART = 2_000_000  # bytes of one item
ITEM = re.compile(rb"<(?:[\w.-]{1,40}:)?(?:qti-assessment-item|assessmentItem)[\s>]")
ITEM_TYPE = "imsqti_item_xmlv3p0"
PACKAGE = "http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1"
LOM = "http://ltsc.ieee.org/xsd/LOM"
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
METADATA = "http://www.imsglobal.org/xsd/imsqti_metadata_v3p0"
LEVELS = {1: "easy", 2: "medium", 3: "difficult"}
LEVELS_READ = {"very easy": "1", "easy": "1", "medium": "2", "difficult": "3", "very difficult": "3"}


@dataclass
class Entry:
    """One item of a package, with what the manifest says about it."""

    place: str
    text: str = ""
    fault: str = ""
    code: str = ""
    keywords: list[str] = field(default_factory=list)
    level: str = ""
    point: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


# ---- reading -------------------------------------------------------------------------------


def single(data: bytes, name: str) -> Entry:
    """An item that came alone."""
    text = xml.text_of(data)
    xml.check_declarations(text)
    if not text.lstrip().startswith("<"):
        raise Refused(_("The file is neither a QTI package (zip) nor a QTI item (XML)."), code="wrong_content")
    return Entry(place=name or "item.xml", text=text)


def entries(data: bytes) -> Iterator[Entry]:
    """The items that the manifest names, in its order; what it names that is no item is handed on with the reason.

    Raises:
        Refused: no package, a bomb, names that lead out of it, no manifest.
    """
    check_unpacked(io.BytesIO(data))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from _entries(_Archive(archive))
    except DAMAGED as error:
        raise Refused(_("The file is damaged: it cannot be unpacked."), code="damaged") from error


class _Archive:
    """Entries of a zip by name, each read whole and bounded; nothing is ever unpacked to disk."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.sizes: dict[str, int] = {}
        self.unpacked = 0
        for info in archive.infolist():
            parts = info.filename.replace("\\", "/").split("/")
            if info.filename.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", info.filename):
                raise Refused(
                    _("The package holds a name that leads out of it: %(name)s.") % {"name": info.filename[:80]}, code="traversal"
                )
            if info.filename in self.sizes:
                raise Refused(_("The package holds a file twice: %(name)s.") % {"name": info.filename[:80]}, code="damaged")
            self.sizes[info.filename] = info.file_size
        if len(self.sizes) > 3 * MAX_ITEMS:
            raise Refused(_("The file holds more than %(limit)d questions.") % {"limit": MAX_ITEMS}, code="too_many")

    def read(self, name: str, longest: int) -> bytes | None:
        """None when it is not there. Raises: Wrong, when it is too large."""
        if name not in self.sizes:
            return None
        if self.sizes[name] > longest:
            raise Wrong(_("%(name)s is larger than %(limit)d KB") % {"name": name[:80], "limit": longest // 1024})
        with self.archive.open(name) as part:
            data = part.read(longest + 1)
        self.unpacked += len(data)
        if len(data) > longest or self.unpacked > MAX_UNPACKED:
            raise Refused(_("The file would unpack to %(size)d MB; that is refused.") % {"size": self.unpacked // 2**20}, code="bomb")
        return data


class _Beside(Mapping):
    """Files as an item names them: relative to where it stands."""

    def __init__(self, archive: _Archive, folder: str) -> None:
        self.archive, self.folder = archive, folder

    def __getitem__(self, name: str) -> bytes:
        path = posixpath.normpath(posixpath.join(self.folder, name))
        try:
            data = None if path.startswith(("..", "/")) else self.archive.read(path, MAX_PICTURE + 1)
        except DAMAGED as error:
            raise Wrong(_("an embedded image is damaged")) from error
        if data is None:
            raise KeyError(name)
        return data

    def __iter__(self) -> Iterator[str]:
        return iter(self.archive.sizes)

    def __len__(self) -> int:
        return len(self.archive.sizes)


def _entries(archive: _Archive) -> Iterator[Entry]:
    manifest, root = _manifest(archive)
    told: set[str] = set()
    for resource in manifest.iter("{*}resource"):
        of_type, href = resource.get("type") or "", unquote(resource.get("href") or "")
        if of_type in ("webcontent", "") or of_type.startswith("associatedcontent"):
            continue
        entry = Entry(place=href[:120] or (resource.get("identifier") or "")[:120])
        path = posixpath.normpath(posixpath.join(root, href))
        told.add(path)
        if of_type != ITEM_TYPE:
            entry.fault = _("is of the type “%(type)s”; taken are items of QTI 3.0") % {"type": of_type[:60]}
            yield entry
            continue
        try:
            data = None if path.startswith(("..", "/")) else archive.read(path, LONGEST_PART)
            if data is None:
                raise Wrong(_("the manifest names it, but it is not in the package"))
            entry.text = xml.text_of(data)
        except Wrong as wrong:
            entry.fault = str(wrong)
        except Refused as refused:
            if refused.code == "bomb":
                raise
            entry.fault = refused.message
        entry.files = _Beside(archive, posixpath.dirname(path))
        _describe(entry, resource)
        yield entry
    for name in sorted(archive.sizes.keys() - told):
        if name.lower().endswith(".xml") and _is_item(archive, name):
            yield Entry(place=name[:120], fault=_("is a question, but the manifest does not name it as one"))


def _is_item(archive: _Archive, name: str) -> bool:
    """Whether a file holds a question. One that is too large for an item is taken for none."""
    try:
        data = archive.read(name, LONGEST_PART) or b""
    except Wrong:
        return False
    return bool(ITEM.search(data.replace(b"\x00", b"")))  # UTF-16 without its zeros reads like ASCII


def _manifest(archive: _Archive) -> tuple[etree._Element, str]:
    """(the manifest, the folder in which it stands)."""
    names = [name for name in archive.sizes if posixpath.basename(name) == MANIFEST and name.count("/") <= 1]
    if not names:
        raise Refused(_("The package has no imsmanifest.xml."), code="wrong_content")
    name = min(names, key=len)
    try:
        text = xml.text_of(archive.read(name, LONGEST_MANIFEST) or b"")
        xml.check_declarations(text)
        return xml.parsed(text, longest=LONGEST_MANIFEST), posixpath.dirname(name)
    except Wrong as wrong:
        raise Refused(_("The manifest cannot be read: %(reason)s.") % {"reason": wrong}, code="unreadable") from wrong


def _describe(entry: Entry, resource: etree._Element) -> None:
    """Code, tags, level and knowledge point from the metadata of the resource."""
    lom = resource.find("{*}metadata/{*}lom")
    if lom is None:
        return
    entry.code = _said(lom, "{*}general/{*}identifier/{*}entry")
    entry.keywords = ["".join(keyword.itertext()).strip("\n") for keyword in lom.iterfind("{*}general/{*}keyword/{*}string")]
    entry.level = LEVELS_READ.get(_said(lom, "{*}educational/{*}difficulty/{*}value").lower(), "")
    path = lom.find("{*}classification/{*}taxonPath")
    if path is not None:
        entry.point = tuple("".join(name.itertext()) for name in path.iterfind("{*}taxon/{*}entry/{*}string"))


def _said(lom: etree._Element, path: str) -> str:
    found = lom.find(path)
    return "" if found is None else "".join(found.itertext()).strip()


# ---- writing -------------------------------------------------------------------------------


def write(items: Iterable[Item], out: BinaryIO) -> list[Outcome]:
    """A package with an item file for each question, each image once, and the manifest."""
    resources: list[str] = []
    images: set[str] = set()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:

        def put(item: Item) -> list[str]:
            written = writing.item(item)
            place = f"items/{len(resources) + 1:05d}.xml"
            archive.writestr(place, written.text)
            named = [f"images/{digest}.{picture_facts(item.images[digest])[0]}" for digest in written.images]
            for path, digest in zip(named, written.images, strict=True):
                if path not in images:
                    images.add(path)
                    archive.writestr(path, item.images[digest])
            resources.append(_resource(item, written, len(resources) + 1, place, named))
            return []

        outcomes = carried(items, put)
        archive.writestr(
            MANIFEST,
            f'<?xml version="1.0" encoding="UTF-8"?>\n<manifest xmlns="{PACKAGE}" identifier="MANIFEST">\n'
            "<metadata><schema>QTI Package</schema><schemaversion>3.0.0</schemaversion></metadata>\n<organizations/>\n"
            f"<resources>\n{''.join(resources)}</resources>\n</manifest>\n",
        )
    return outcomes


def _resource(item: Item, written: writing.Written, number: int, place: str, images: list[str]) -> str:
    keywords = "".join(
        f"<keyword><string>{escape(tag)}</string></keyword>"
        for tag in facts(item, "course", "difficulty", "mark", "source", "since", "until", "reserved", "retired", **written.facts)
    )
    taxa = "".join(
        f"<taxon><id>{place}</id><entry><string>{escape(name)}</string></entry></taxon>"
        for place, name in enumerate(point_names(item.point), 1)
    )
    path = f"<classification><taxonPath><source><string>知识点</string></source>{taxa}</taxonPath></classification>" if taxa else ""
    files = "".join(f'<file href="{path}"/>' for path in [place, *images])
    return (
        f'<resource identifier="I{number:05d}" type="{ITEM_TYPE}" href="{place}"><metadata><lom xmlns="{LOM}">'
        f"<general><identifier><catalog>code</catalog><entry>{escape(item.code)}</entry></identifier>{keywords}</general>"
        f"<educational><difficulty><source>LOMv1.0</source><value>{LEVELS[item.difficulty]}</value></difficulty></educational>{path}</lom>"
        f'<qtiMetadata xmlns="{METADATA}">{"".join(f"<interactionType>{name}</interactionType>" for name in written.interactions)}</qtiMetadata>'
        f"</metadata>{files}</resource>\n"
    )
