"""XML of unknown origin: decoded as people save it, parsed so that it can neither fetch, grow nor nest without end."""

import re
from html.entities import html5

from django.utils.translation import gettext as _
from lxml import etree

from core.errors import Refused
from quizzes.formats import base
from quizzes.formats.base import LONGEST_ITEM
from quizzes.kinds import Wrong

DECLARED = re.compile(rb"""^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*\bencoding\s*=\s*["']([\w.-]{1,20})["']""")
USUAL = re.compile(r"utf-?(8|16(le|be)?)|gb2312|gbk|gb18030|big5|(us-)?ascii|iso-8859-\d{1,2}|windows-125\d")
PROLOGUE = re.compile(r"\A\s*<\?xml[^>]*\?>")
ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31};)")
KNOWN_TO_XML = {"amp;", "lt;", "gt;", "quot;", "apos;"}
CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
EMBEDDED = re.compile(r"(<file\b[^<>]*>)[^<]*|data:image/[\w.+-]{1,20};base64,[A-Za-z0-9+/=\s%]*")


def text_of(data: bytes) -> str:
    """XML as text, in the encoding that it declares or, where that is wrong, the one that it has. Raises: Refused."""
    declared = DECLARED.match(data[:300])
    name = declared.group(1).decode().lower() if declared else ""
    if USUAL.fullmatch(name):
        try:
            decoded = data.decode("gb18030" if name in ("gb2312", "gbk") else name)
        except (UnicodeDecodeError, LookupError):
            pass
        else:
            return decoded.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")
    return base.text_of(data)[0]


def check_declarations(text: str) -> None:
    """Raises: Refused, when the text declares what XML can be made to explode with."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Refused(_("The file declares a document type or entities; that is refused."), code="entities")


def parsed(text: str, *, longest: int = LONGEST_ITEM) -> etree._Element:
    """The root of a piece of XML.

    Nothing is fetched, no entity is expanded, depth and length are bounded.

    Raises:
        Wrong: broken, or too long.
    """
    if "\x00" in text:
        raise Wrong(_("it holds a NUL character"))
    if len(text) > longest and len(EMBEDDED.sub(r"\1", text)) > longest:
        raise Wrong(_("is longer than %(limit)d characters") % {"limit": longest})
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True, recover=False
    )
    try:
        return etree.fromstring(ENTITY.sub(_entity, CONTROL.sub("", PROLOGUE.sub("", text))).encode(), parser)
    except etree.XMLSyntaxError as error:
        raise Wrong(_("the XML is broken: %(error)s") % {"error": str(error.msg)[:200]}) from error


def _entity(found: re.Match) -> str:
    """Entities of HTML, which XML does not know, as numbers."""
    name = found.group(1)
    letters = "" if name in KNOWN_TO_XML else html5.get(name, "")
    return "".join(f"&#{ord(sign)};" for sign in letters) or found.group()


def name_of(element: etree._Element) -> str:
    """The name of an element without its namespace; "" for what is no element."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
