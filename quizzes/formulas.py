r"""Formulas for paper: what `stems` draws as MathML on pages, as nested data that `layouts/formula.typ` typesets.

Pure. A node is a list: its name, then what it holds. Nothing of it is markup; what is not known is refused, and the
paper then shows the LaTeX as it was written.

====================================  =========================================================
node                                  holds
====================================  =========================================================
``text`` ``number`` ``sign``          a text
``letter``                            a text; "italic", "upright" or "bold"
``name``                              a text (sin, lim); whether what hangs on it stands below
``row`` ``fenced``                    nodes; the second between brackets that grow with them
``frac`` ``stack``                    upper and lower node; the second without a line
``hung``                              base; upper and lower node or None; whether straight above and below
``accent`` ``over`` ``under``         base; the sign that stretches over or under it
``root``                              radicand; index or None
``table``                             rows of nodes; "left" or "center"
``space``                             em
``hidden``                            a node whose place is kept free
====================================  =========================================================
"""

from functools import lru_cache
from html import unescape
from typing import Any

from django.utils.translation import gettext as _

from quizzes import stems

Node = list[Any]
PAIRS = {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "⌊": "⌋", "⌈": "⌉"}
LINES = "¯―‾_̲̅"
ACCENTS = "^ˆ~˜˙¨ˇ˘´`→⃗̂̃̄̇̈̌"
BRACES = "⏞⏟⎴⎵⏜⏝"
BELOW = {"lim", "max", "min", "sup", "inf", "det", "gcd", "Pr", "limsup", "liminf", "argmax", "argmin"}
_VARIANTS = {"normal": "upright", "bold": "bold", "bold-italic": "bold", "italic": "italic"}


# What the mathematical font that typst brings has whole: Greek, signs, arrows, and letters of all mathematical kinds.
_BLOCKS = [(0x20, 0x7E), (0x2020, 0x206F), (0x20D0, 0x20F0), (0x2100, 0x214F), (0x2190, 0x22FF), (0x25A0, 0x25FF)]
_BLOCKS += [(0x27C0, 0x27FF), (0x2900, 0x2AFF), (0x1D400, 0x1D7FF)]
_GREEK = range(0x391, 0x3F7)


@lru_cache(maxsize=4096)
def drawing(latex: str) -> Node:
    """The formula as a node. Raises: stems.Unreadable."""
    node = _node(stems.tree_of(latex), 0)
    if "&" in signs_in(node) and r"\&" not in latex:  # places of alignment in an environment that is not known
        raise stems.Unreadable(_("%(command)s is not known") % {"command": "&"})
    return node


def needs_text_font(node: Node) -> str:
    """The characters of a formula that the mathematical font may lack, such as Chinese: the paper's own has to have them."""
    return "".join(c for c in signs_in(node) if not any(a <= ord(c) <= b for a, b in _BLOCKS) and ord(c) not in _GREEK)


def _node(element: Any, depth: int) -> Node:
    tag, text = element.tag, unescape(element.text or "")
    stems.require_known(element, depth)
    if tag == "mtext":
        return ["text", text]
    if tag == "mn":
        return ["number", text]
    if tag == "mi":
        return _letter(text, element.attrib.get("mathvariant"))
    if tag == "mo":
        return ["name", text, text in BELOW] if len(text) > 1 and text.isalpha() else ["sign", text]
    if tag == "mspace":
        return ["space", float((element.attrib.get("width") or "0em").removesuffix("em"))]
    if tag == "mtable":
        return ["table", *_table(element, depth)]
    if tag in {"mrow", "mstyle", "mpadded", "mtd", "mtr"}:
        return _row(list(element), depth)
    children = [_node(child, depth + 1) for child in element]
    if tag == "msqrt":
        return ["root", _joined(children), None]
    if tag == "mphantom":
        return ["hidden", _joined(children)]
    if tag == "mfrac":
        return ["stack" if element.attrib.get("linethickness") == "0" else "frac", *children]
    if tag == "mroot":
        return ["root", *children]
    return _hung(tag, children)


def _letter(text: str, variant: str | None) -> Node:
    if len(text) == 1:
        return ["letter", text, _VARIANTS.get(variant or "", "italic" if text.isalpha() else "upright")]
    return ["name", text, text in BELOW]


def _joined(nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else ["row", nodes]


def _hung(tag: str, children: list[Node]) -> Node:
    base, *rest = children
    sign = rest[0][1] if rest[0][0] in {"sign", "letter"} else ""
    if tag in {"mover", "munder"} and sign:
        place = "over" if tag == "mover" else "under"
        if sign in LINES or sign in BRACES:
            return [place, base, "line" if sign in LINES else sign]
        if sign in ACCENTS and place == "over":
            return ["accent", base, sign]
    straight = tag in {"munder", "mover", "munderover"} or (base[0] == "name" and base[2])
    upper = {"msup": 0, "mover": 0, "msubsup": 1, "munderover": 1}.get(tag)
    lower = {"msub": 0, "munder": 0, "msubsup": 0, "munderover": 0}.get(tag)
    return ["hung", base, None if upper is None else rest[upper], None if lower is None else rest[lower], straight]


def _table(element: Any, depth: int) -> tuple[list[list[Node]], str]:
    rows = [[_row(list(cell), depth + 2) for cell in row] for row in element]
    if any(row.tag != "mtr" or any(cell.tag != "mtd" for cell in row) for row in element):
        raise stems.Unreadable(_("something is missing, or nested too deeply"))
    is_left = any(cell.attrib.get("columnalign") == "left" for row in element for cell in row)
    width = max((len(row) for row in rows), default=0)
    return [row + [["row", []]] * (width - len(row)) for row in rows], "left" if is_left else "center"


def _row(elements: list[Any], depth: int) -> Node:
    """The elements side by side; from a bracket to its partner they become one piece, so that the brackets grow with it."""
    nodes: list[Node] = []
    opened: list[tuple[int, str]] = []
    for element in elements:
        text, form = unescape(element.text or ""), element.attrib.get("form")
        nodes.append(_node(element, depth + 1))
        if element.tag != "mo":
            continue
        if form == "prefix" or (text in PAIRS and form is None):
            opened.append((len(nodes) - 1, "" if form else PAIRS[text]))
        elif opened and (form == "postfix" or text == opened[-1][1]):
            start, _partner = opened.pop()
            nodes[start:] = [["fenced", nodes[start:]]]
    for start, partner in reversed(opened):
        if not partner:  # \left without a written \right, as before the lines of a distinction of cases
            nodes[start:] = [["fenced", nodes[start:]]]
    return _joined(nodes)


def signs_in(node: Any) -> str:
    """Every character that the formula shows."""
    if isinstance(node, list):
        if node and isinstance(node[0], str) and node[0] in {"text", "number", "sign", "letter", "name"}:
            return str(node[1])
        return "".join(signs_in(one) for one in node if isinstance(one, list))
    return ""
