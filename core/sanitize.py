"""The one door for HTML that people wrote. Moving to nh3 means changing the body of `clean` alone."""

import re

import bleach
import lxml.html
from lxml import etree

TAGS = {"p", "br", "hr", "h3", "h4", "b", "strong", "i", "em", "ul", "ol", "li", "a", "sub", "sup", "blockquote"}
ATTRIBUTES = {"a": ["href", "title"]}
PROTOCOLS = {"http", "https", "mailto"}


def clean(html: str) -> str:
    """HTML with nothing in it but plain text marks: no script, style, event, image or frame."""
    return bleach.clean(html or "", tags=TAGS, attributes=ATTRIBUTES, protocols=PROTOCOLS, strip=True)


# What does something when it is shown, with all that is inside it.
ACTIVE = {
    "script",
    "iframe",
    "frame",
    "frameset",
    "object",
    "embed",
    "applet",
    "form",
    "button",
    "input",
    "select",
    "textarea",
    "svg",
    "base",
}
UNSEEN = {"style", "link", "meta", "head", "title", "noscript", "template"}
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
ADDRESSES = {"href", "src", "action", "formaction", "data", "poster", "background", "srcset"}
SCRIPTED = re.compile(r"^[\s\x00-\x20]*(javascript|vbscript|livescript|data:text)", re.IGNORECASE)


class TooDeep(ValueError):
    """HTML nested deeper than any page is."""


def inert(html: str) -> tuple[etree._Element, list[str]]:
    """A tree of somebody else's HTML with nothing active left in it, and the names of what was taken out.

    For reading, not for showing: whoever takes text out of the tree escapes it before it is shown.
    Takes time in proportion to the length.

    Raises:
        TooDeep: more than some 250 levels.
    """
    parser = lxml.html.HTMLParser(remove_comments=True, remove_pis=True)
    root = lxml.html.fragment_fromstring(UNPRINTABLE.sub("", html), create_parent="div", parser=parser)
    if any(entry.level == etree.ErrorLevels.FATAL for entry in parser.error_log):
        raise TooDeep
    return root, disarm(root)


def disarm(root: etree._Element) -> list[str]:
    """Take everything active out of a tree, with all that is inside it; the names of what was taken out."""
    removed: dict[str, None] = {}
    for element in list(root.iter()):
        tag = element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""
        if tag in ACTIVE:
            removed[tag] = None
        if tag in ACTIVE or tag in UNSEEN or not tag:
            _cut_out(element)
            continue
        for name, value in list(element.attrib.items()):
            if name.lower().startswith("on") or (name.lower() in ADDRESSES and SCRIPTED.match(value)):
                removed[name] = None
                del element.attrib[name]
    return list(removed)


def _cut_out(element: etree._Element) -> None:
    """Remove an element, but not the text behind it."""
    parent, tail = element.getparent(), element.tail
    if parent is None:
        return
    before = element.getprevious()
    if tail and before is not None:
        before.tail = (before.tail or "") + tail
    elif tail:
        parent.text = (parent.text or "") + tail
    parent.remove(element)
