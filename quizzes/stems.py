r"""Texts of questions with their three markers: blanks ____, formulas \( … \) and \[ … \], images ![what it shows](image:DIGEST).

Pure: a text goes in, safe HTML or plain text comes out. Formulas become MathML, which browsers
draw themselves; nothing that the library makes is trusted (its output holds what stood in \text{…}
unescaped): the tree is walked and written anew with known elements and attributes only.
An image may carry its size, ![…](image:DIGEST 640x480), so that the page keeps its place free.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape, unescape
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

BLANK = re.compile(r"[_＿]{2,}")
IMAGE = re.compile(r"!\[([^\[\]\n]{0,300})\]\(image:([0-9a-f]{16})(?: (\d{1,5})x(\d{1,5}))?\)")
MARKED = re.compile(rf"\\\((?P<inline>.+?)\\\)|\\\[(?P<display>.+?)\\\]|(?P<image>{IMAGE.pattern})", re.DOTALL)
LONGEST_FORMULA = 500
DEEPEST = 24
MOST_PIECES = 2 * LONGEST_FORMULA
DEFINES = re.compile(
    r"\\(?:[egx]?def|(?:future)?let|(?:new|renew|provide)(?:command|environment|columntype)"
    r"|(?:Declare|New|Renew|Provide)[a-zA-Z]+)(?![a-zA-Z])"
)
ADDRESS = "/quizzes/images/{}/"

# Elements of a formula, with the number of children where it is fixed.
_PARTS = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "mroot": 2, "msubsup": 3, "munderover": 3}
_ELEMENTS = {"mrow", "mi", "mn", "mo", "mtext", "mspace", "msqrt", "mtable", "mtr", "mtd", "mstyle", "mpadded", "mphantom", *_PARTS}
_VALUES = {
    "accent": re.compile("true|false"),
    "columnalign": re.compile("(left|right|center)( (left|right|center))*"),
    "displaystyle": re.compile("true|false"),
    "fence": re.compile("true|false"),
    "form": re.compile("prefix|infix|postfix"),
    "largeop": re.compile("true|false"),
    "linethickness": re.compile("0"),
    "mathvariant": re.compile("normal|bold|italic|bold-italic|double-struck|script|fraktur|sans-serif|monospace"),
    "movablelimits": re.compile("true|false"),
    "scriptlevel": re.compile("[0-2]"),
    "separator": re.compile("true|false"),
    "stretchy": re.compile("true|false"),
    "width": re.compile(r"-?[0-2]?(\.\d{1,4})?em"),
}


class Unreadable(ValueError):
    """A formula that cannot be drawn; the message says why."""


def html(text: str) -> SafeString:
    """The text as HTML that fits into a line: formulas, images, line breaks as <br>. What cannot be drawn is shown as it is written."""
    made, end = [], 0
    for found in MARKED.finditer(text):
        made += [_lines(text[end : found.start()]), _drawn(found)]
        end = found.end()
    return mark_safe("".join([*made, _lines(text[end:])]))  # noqa: S308 - every piece is escaped or written by _written


def paragraphs(text: str) -> SafeString:
    """A longer text: each line a paragraph."""
    return mark_safe("".join(f"<p>{html(line)}</p>" for line in text.split("\n") if line.strip()))  # noqa: S308


def plain(text: str) -> str:
    """The text for lists, titles and labels: formulas as they are written, images by what they show, on one line."""
    return " ".join(MARKED.sub(lambda found: found["inline"] or found["display"] or IMAGE.sub(r"[\1]", found["image"]), text).split())


def pieces(text: str) -> list[tuple[str, str]]:
    """The text cut up for paper: ("text", …), ("formula", its LaTeX), ("display", that of one on a line of its own) and
    ("image", its digest), in order."""
    made, end = [], 0
    for found in MARKED.finditer(text):
        made.append(("text", text[end : found.start()]))
        marker = IMAGE.fullmatch(found["image"] or "")
        made.append(
            ("image", marker[2])
            if marker
            else ("formula", found["inline"].strip())
            if found["inline"]
            else ("display", found["display"].strip())
        )
        end = found.end()
    return [(what, piece) for what, piece in [*made, ("text", text[end:])] if piece]


def fault(text: str) -> str | None:
    """Why the text cannot be shown as it is meant, in words; None when it can."""
    for found in MARKED.finditer(text):
        if BLANK.search(found[0]):
            return _("a blank (____) cannot stand in a formula or in the description of an image")
        formula = found["inline"] or found["display"]
        if formula is None:
            continue
        try:
            _formula(formula, found["inline"] is None)
        except Unreadable as error:
            return _("the formula “%(formula)s” cannot be read: %(reason)s") % {"formula": formula[:60], "reason": error}
    rest = MARKED.sub("", text)
    if re.search(r"\\[()\[\]]", rest):
        return _(r"a formula is not closed: \( needs \), \[ needs \]")
    if "](image:" in rest:
        return _("an image cannot be read: it is written ![what it shows](image:…)")
    return None


def digests(*texts: str) -> set[str]:
    """The images that the texts show."""
    return {found[2] for text in texts for found in IMAGE.finditer(text)}


def image(alt: str, digest: str, width: int, height: int) -> str:
    """The marker of an image."""
    said = re.sub(r"[\[\]\s]+", " ", alt).strip()[:300]
    return f"![{said}](image:{digest} {width}x{height})"


# ---- drawing -------------------------------------------------------------------------------


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _drawn(found: re.Match) -> str:
    if found["image"]:
        return _img(found["image"])
    try:
        return _formula(found["inline"] or found["display"], found["inline"] is None)
    except Unreadable:
        return _lines(found[0])


def _img(marker: str) -> str:
    match = IMAGE.fullmatch(marker)
    assert match
    alt, digest, width, height = match.groups()
    size = f' width="{width}" height="{height}"' if width else ""
    return f'<img class="quiz-image" src="{ADDRESS.format(digest)}" alt="{escape(alt)}"{size} loading="lazy">'


@lru_cache(maxsize=4096)
def _formula(latex: str, is_display: bool) -> str:
    """MathML of a formula, with the LaTeX beside it for browsers and readers without MathML. Raises: Unreadable."""
    latex = latex.strip()
    inner = _written(tree_of(latex), 0)
    said = escape(latex)
    display = ' display="block"' if is_display else ""
    return (
        f'<math{display} alttext="{said}"><semantics><mrow>{inner}</mrow>'
        f'<annotation encoding="application/x-tex">{said}</annotation></semantics></math>'
    )


def tree_of(latex: str) -> Any:
    """The formula as a tree of MathML, of which nothing is trusted yet (`require_known`). Raises: Unreadable.

    Nothing in it grows beyond what is written: commands of its own are refused before the library expands them, and its
    pieces are counted before it draws them.
    """
    from latex2mathml.converter import convert_to_element  # reads a table of 2,500 symbols: only where formulas are
    from latex2mathml.tokenizer import tokenize
    from latex2mathml.walker import walk

    if not latex or len(latex) > LONGEST_FORMULA:
        raise Unreadable(_("it must have between 1 and %(limit)d characters") % {"limit": LONGEST_FORMULA})
    opened = 0
    for sign in re.sub(r"\\[{}\\]", "", latex):
        opened += {"{": 1, "}": -1}.get(sign, 0)
        if not 0 <= opened <= DEEPEST:
            break
    if opened:
        raise Unreadable(_("the braces do not match"))
    try:
        if defining := [found[0] for found in map(DEFINES.search, tokenize(latex)) if found]:
            raise Unreadable(_("%(command)s defines commands, which a formula must not") % {"command": defining[0]})
        if _pieces(walk(latex), {}) > MOST_PIECES:
            raise Unreadable(_("drawn, it has more than %(limit)d pieces") % {"limit": MOST_PIECES})
        (row,) = convert_to_element(latex)
    except (SoftTimeLimitExceeded, Unreadable):
        raise
    except Exception as error:  # the library lets its own classes and plain IndexError, KeyError, ValueError out
        raise Unreadable(type(error).__name__.removesuffix("Error")) from error
    return row


def _pieces(nodes: Sequence[Any], counted: dict[int, int]) -> int:
    """How many pieces the library draws: branches that it draws twice (\\sideset) are read once and count twice."""
    if id(nodes) not in counted:
        counted[id(nodes)] = sum(1 + _pieces(node.children or (), counted) for node in nodes)
    return counted[id(nodes)]


def require_known(element: Any, depth: int) -> None:
    """Let one element of a formula pass that we know. Raises: Unreadable."""
    if depth > DEEPEST * 2 or element.tag not in _ELEMENTS or len(element) != _PARTS.get(element.tag, len(element)):
        raise Unreadable(_("something is missing, or nested too deeply"))
    text = unescape(element.text or "")
    if "\\" in text and element.tag != "mtext":
        raise Unreadable(_("%(command)s is not known") % {"command": text[:30]})


def _written(element: Any, depth: int) -> str:
    """An element of the formula with what is known of it, and nothing else. Raises: Unreadable."""
    require_known(element, depth)
    children, text = list(element), unescape(element.text or "")
    attributes = "".join(
        f' {name}="{value}"' for name, value in element.attrib.items() if name in _VALUES and _VALUES[name].fullmatch(value)
    )
    inner = escape(text) + "".join(_written(child, depth + 1) for child in children)
    return f"<{element.tag}{attributes}>{inner}</{element.tag}>"
