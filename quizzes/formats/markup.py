"""Texts of other programs as ours, and ours as theirs.

Ours are plain, with blanks (____), formulas and images as markers (see quizzes/stems.py). Theirs
are HTML, or text that may hold HTML.
"""

import base64
import hashlib
import html
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import unquote

from django.utils.translation import gettext as _
from lxml import etree

from core import sanitize, uploads
from core.errors import Refused
from quizzes import stems
from quizzes.formats.base import settle
from quizzes.kinds import Wrong

LONGEST_HTML = 64_000  # characters of one text, embedded images left out
MOST_IMAGES = 20  # in one item
DATA_URI = re.compile(r"data:image/[\w.+-]{1,20};base64,[A-Za-z0-9+/=\s%]*", re.IGNORECASE)
OPENING = re.compile(r"\\\(|\\\[|\$\$")
CLOSING = {r"\(": r"\)", r"\[": r"\]", "$$": "$$"}
LESS = re.compile(r"<(?!/?(?:br|p|div|span|b|i|em|strong|nolink)[\s/>])", re.IGNORECASE)
DISPLAY = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)

PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "table", "ul", "ol", "dl", "pre", "figure"}
LINES = {
    *("div", "li", "tr", "dt", "dd", "section", "article", "header", "footer", "caption", "figcaption", "center"),
    *("thead", "tbody", "tfoot", "address", "main", "nav"),
}
INLINE = {
    *("a", "span", "abbr", "acronym", "bdi", "bdo", "cite", "code", "data", "dfn", "kbd", "label", "samp", "small", "big", "time"),
    *("var", "wbr", "ruby", "rb", "rt", "rp", "q", "colgroup", "col", "td", "th", "picture", "source", "nobr", "o:p", "qti-content-body"),
}
SHAPES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underlined",
    "ins": "underlined",
    "mark": "marked",
} | dict.fromkeys(("s", "strike", "del"), "struck")
STYLES = {"bold": "bold", "italic": "italic", "underline": "underlined", "line-through": "struck"}
MEDIA = {"audio", "video", "map", "area", "canvas"}


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def picture_facts(data: bytes) -> tuple[str, int, int]:
    """(png, jpeg, gif or webp; width; height). Raises: Wrong, when it is none of these or out of bounds."""
    try:
        picture = uploads.check_picture(data)
    except Refused as refused:
        raise Wrong(refused.message.rstrip("。.")) from refused
    return picture.content_type.rpartition("/")[2], picture.width, picture.height


class Reading:
    """Turns the texts of one foreign item into ours; remembers its images, and what was lost on the way."""

    def __init__(self) -> None:
        self.images: dict[str, bytes] = {}
        self._lost: dict[str, None] = {}

    @property
    def changes(self) -> list[str]:
        return list(self._lost)

    def lose(self, what: str) -> None:
        """Remember that this is not kept."""
        self._lost[what] = None

    def plain(self, text: str) -> str:
        """Text without HTML."""
        return settle(DISPLAY.sub(_display, text) if "$$" in text else text)

    def html(self, text: str, files: Mapping[str, bytes] | None = None, *, breaks: bool = False) -> str:
        """HTML as text with markers; `breaks`: line ends count, as in text that only may hold HTML.

        Raises:
            Wrong: too long, too deep, or a picture, a sound or a film is named that cannot be kept.
        """
        if len(text) > LONGEST_HTML and len(DATA_URI.sub("", text)) > LONGEST_HTML:
            raise Wrong(_("a text is longer than %(limit)d characters") % {"limit": LONGEST_HTML})
        if "<" not in text and "&" not in text:
            return self.plain(text if breaks else _collapsed(text))
        return self.tree(self.root(text), files or {}, breaks=breaks)

    def root(self, text: str) -> etree._Element:
        """HTML as a tree with nothing active in it. Raises: Wrong."""
        try:
            root, removed = sanitize.inert(_less_escaped(text))
        except sanitize.TooDeep as error:
            raise Wrong(_("the HTML is nested too deeply")) from error
        self.disarmed(removed)
        return root

    def disarmed(self, removed: Iterable[str]) -> None:
        """Say what was taken out because it does something when it is shown."""
        for name in removed:
            self.lose(_("Active content was taken out: %(name)s.") % {"name": name})

    def with_rubric(self, root: etree._Element, files: Mapping[str, bytes]) -> tuple[str, list[dict]]:
        """(text, rubric of the table that `rubric_html` writes). Raises: Wrong."""
        rubric: list[dict] = []

        def table(element: etree._Element) -> str | None:
            if element.get("class") != "rubric":
                return None
            for row in element.iterfind(".//{*}tr"):
                points, said = (settle("".join(cell.itertext())) for cell in row)
                if row.get("class") == "criterion":
                    rubric.append({"name": said, "points": points, "levels": []})
                else:
                    rubric[-1]["levels"].append({"points": points, "text": said})
            return ""

        try:
            return self.tree(root, files, inside=table), rubric
        except (ValueError, IndexError) as error:
            if isinstance(error, Wrong):
                raise
            raise Wrong(_("the rubric cannot be read"), _("rubric")) from error

    def tree(self, root, files: Mapping[str, bytes], *, breaks: bool = False, inside: Callable | None = None) -> str:
        """The text of an element tree that holds nothing active.

        `inside(element)` may answer with the text that stands for an element and all that is in it.
        """
        walk = _Walk(self, files, breaks, inside)
        walk.through(root)
        return settle(walk.text())

    def picture(self, source: str, alt: str, files: Mapping[str, bytes], *, is_sized: bool = True) -> str:
        """The marker of an image, whose bytes are kept. Raises: Wrong."""
        if DATA_URI.match(source):
            try:
                data = base64.b64decode(re.sub(r"\s", "", unquote(source.partition(",")[2])), validate=True)
            except ValueError as error:  # also letters that are not ASCII
                raise Wrong(_("an embedded image is damaged")) from error
        else:
            name = unquote(source.removeprefix("@@PLUGINFILE@@").split("?")[0]).removeprefix("/")
            found = files.get(name)
            if found is None:
                raise Wrong(_("the picture “%(name)s” is not in the file") % {"name": source[:80]})
            data = found
        _kind, width, height = picture_facts(data)
        digest = digest_of(data)
        self.images[digest] = data
        if len(self.images) > MOST_IMAGES:
            raise Wrong(_("there are more than %(limit)d images") % {"limit": MOST_IMAGES})
        marker = stems.image(alt, digest, width, height)
        return marker if is_sized else marker.replace(f" {width}x{height})", ")")


def _less_escaped(text: str) -> str:
    """HTML in whose formulas < begins no element. A closing sign that is nowhere behind one opening is looked for behind no other."""
    parts, end, at = [], 0, 0
    missing: set[str] = set()
    while (opening := OPENING.search(text, at)) is not None:
        sign, at = opening.group(), opening.start() + 1
        close = -1 if sign in missing else text.find(CLOSING[sign], opening.end() + 1)
        if close < 0:
            missing.add(sign)
            continue
        at = close + 2
        parts += [text[end : opening.start()], LESS.sub("&lt;", text[opening.start() : at])]
        end = at
    return "".join([*parts, text[end:]])


def _display(found: re.Match) -> str:
    return rf"\[{found.group(1).strip()}\]"


def _collapsed(text: str) -> str:
    return re.sub(r"[ \t\r\n\f]+", " ", text)


class _Walk:
    """One pass over a tree, without recursion."""

    def __init__(self, reading: Reading, files: Mapping[str, bytes], breaks: bool, inside: Callable | None) -> None:
        self.reading, self.files, self.breaks, self.inside = reading, files, breaks, inside
        self.out: list[str] = []
        self.gap = 0  # line ends that are due before the next text
        self.fresh = True  # at the start of a line: white space there shows nothing
        self.blocks = False
        self.cells = 0  # of the table row so far
        self.in_cell = 0
        self.lists: list[int] = []  # numbers of open lists; 0: bullets
        self.after_bullet = False
        self.raw = 0

    def text(self) -> str:
        text = "".join(self.out)
        if not self.blocks:
            return text
        lines = [line.strip(" \u00a0") for line in text.split("\n")]
        return "\n".join(line for number, line in enumerate(lines) if line or (number and lines[number - 1]))  # one blank line is enough

    def through(self, root) -> None:
        stack: list[tuple] = [(root, True)]
        while stack:
            element, opening = stack.pop()
            if not opening:
                if element is not root:
                    self.close(element)
                    self.say(element.tail)
                continue
            stack.append((element, False))
            if self.open(element) if element is not root else True:
                self.say(element.text)
                stack.extend((child, True) for child in reversed(element) if isinstance(child.tag, str))

    def say(self, text: str | None) -> None:
        if not text:
            return
        if self.raw:
            self.put(text)
            return
        if self.breaks:
            for number, line in enumerate(text.split("\n")):
                if number:
                    self.newline()
                self.flow(line)
        else:
            self.flow(text)

    def flow(self, text: str) -> None:
        text = _collapsed(text)
        if self.fresh or self.gap:
            text = text.lstrip(" ")
        if text:
            self.put(text)

    def put(self, text: str) -> None:
        if self.gap and self.out:
            self.out.append("\n" * self.gap)
        self.gap = 0
        if "$$" in text:
            text = DISPLAY.sub(_display, text)
        self.out.append(text)
        self.fresh = text.endswith((" ", "\n"))
        self.after_bullet = False

    def newline(self) -> None:
        if self.gap and self.out:
            self.out.append("\n" * self.gap)
        self.gap = 0
        self.out.append("\n")
        self.fresh = True

    def block(self, lines: int) -> None:
        """A box of its own begins or ends; inside a cell of a table that is only a space."""
        self.blocks = True
        if self.in_cell:
            self.flow(" ")
        elif not self.after_bullet:
            self.gap = max(self.gap, lines)
            self.fresh = True

    def open(self, element) -> bool:
        """Whether to go into the element."""
        if self.inside is not None and (text := self.inside(element)) is not None:
            self.put(text)
            return False
        tag = _name(element)
        if tag == "br":
            self.newline()
        elif tag in PARAGRAPHS or tag in LINES:
            self.block(2 if tag in PARAGRAPHS and not self.lists else 1)
            self._structure(element, tag)
        elif tag == "hr":
            self.block(1)
        elif tag in ("td", "th"):
            self.cells, self.in_cell = self.cells + 1, self.in_cell + 1
            if self.cells > 1:
                self.put("| " if self.fresh else " | ")
        elif tag == "img":
            is_sized = element.get("data-unsized") is None
            self.put(self.reading.picture(element.get("src") or "", element.get("alt") or "", self.files, is_sized=is_sized))
        elif tag in ("sub", "sup"):
            self.put(rf"\({{}}{'_' if tag == 'sub' else '^'}{{{_tex(''.join(element.itertext()))}}}\)")
            return False
        elif tag == "math":
            self._math(element)
            return False
        elif tag in MEDIA:
            raise Wrong(_("it holds sound, film or a drawing (%(tag)s), which the bank cannot keep") % {"tag": tag})
        elif tag in SHAPES or tag == "font":
            self.reading.lose(_shape_lost(SHAPES.get(tag, "marked")))
        elif not re.fullmatch(r"[a-z][a-z0-9:_.-]*", tag):
            raise Wrong(_("“<%(tag)s” begins no HTML element; a sign < in a text is written &lt;") % {"tag": tag[:20]})
        elif tag not in INLINE:
            self.reading.lose(_("The element <%(tag)s> was taken as text.") % {"tag": tag[:40]})
        self._attributes(element, tag)
        return True

    def _structure(self, element, tag: str) -> None:
        if tag == "table":
            self.reading.lose(_("A table became lines of text."))
        elif tag in ("ul", "ol"):
            self.lists.append(int(tag == "ol"))
        elif tag == "li":
            number = self.lists[-1] if self.lists else 0
            self.put(f"{number}. " if number else "· ")
            self.after_bullet = True
            if number:
                self.lists[-1] += 1
        elif tag == "tr":
            self.cells = 0
        elif tag == "pre":
            self.raw += 1

    def _attributes(self, element, tag: str) -> None:
        style = (element.get("style") or "").lower()
        for word, shape in STYLES.items():
            if word in style and "none" not in style:
                self.reading.lose(_shape_lost(shape))
        if tag == "a" and (address := element.get("href")) and not address.startswith("#"):
            self.reading.lose(_("A link became text; it led to %(address)s.") % {"address": address[:200]})

    def _math(self, element) -> None:
        for part in element.iter():
            if isinstance(part.tag, str) and _name(part) == "annotation" and part.get("encoding") in ("application/x-tex", "TeX", "LaTeX"):
                self.put(rf"\({settle(''.join(part.itertext()))}\)")
                return
        self.reading.lose(_("A formula in MathML became plain text."))
        self.put(_collapsed("".join(element.itertext())))

    def close(self, element) -> None:
        tag = _name(element)
        if tag in ("td", "th"):
            self.in_cell = max(0, self.in_cell - 1)
        elif tag in PARAGRAPHS or tag in LINES:
            self.block(2 if tag in PARAGRAPHS and len(self.lists) <= (tag in ("ul", "ol")) else 1)
        if tag in ("ul", "ol") and self.lists:
            self.lists.pop()
        elif tag == "pre":
            self.raw = max(0, self.raw - 1)


def _name(element) -> str:
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _shape_lost(shape: str) -> str:
    return {
        "bold": _("Bold type is not kept."),
        "italic": _("Italic type is not kept."),
        "underlined": _("Underlining is not kept."),
        "struck": _("Text that was struck out stands as plain text."),
        "marked": _("Colours and type of text are not kept."),
    }[shape]


def _tex(text: str) -> str:
    text = settle(text).replace("\n", " ")
    escaped = re.sub(r"([#$%&_{}])", r"\\\1", re.sub(r"[\\^~]", "", text))
    return escaped if re.fullmatch(r"[\w+\-*/=().,\\{} ]*", escaped, re.ASCII) else rf"\text{{{escaped}}}"


# ---- ours as theirs ------------------------------------------------------------------------


def is_plain(text: str) -> bool:
    """Whether a program that takes text for HTML shows it the same."""
    return not re.search(r"[<&\n]|\$\$|  |!\[|\\[(\[]", text)


def to_html(text: str, source: Callable[[str], str]) -> str:
    """Our text as HTML: `source(digest)` says where an image lies. `Reading.html` reads it back to the same."""
    parts, end = [], 0
    for image in stems.IMAGE.finditer(text):
        alt, digest, width, height = image.groups()
        size = f' width="{width}" height="{height}"' if width else ' data-unsized=""'
        parts += [_escaped(text[end : image.start()]), f'<img src="{html.escape(source(digest))}" alt="{html.escape(alt)}"{size}>']
        end = image.end()
    return "".join([*parts, _escaped(text[end:])])


def _escaped(text: str) -> str:
    text = html.escape(text, quote=False).replace("\n", "<br>").replace("$$", "$<span></span>$")
    text = re.sub(r"(?:(?<= )|(?<=>)|^) ", "&nbsp;", text)
    return re.sub(r" $", "&nbsp;", text)


def rubric_html(rubric: list[dict]) -> str:
    """A rubric as a table that people can read, and `Reading.with_rubric`."""
    rows = []
    for criterion in rubric:
        rows.append(_row("criterion", criterion["points"], criterion["name"]))
        rows += [_row("level", level["points"], level["text"]) for level in criterion["levels"]]
    return f'<table class="rubric"><tbody>{"".join(rows)}</tbody></table>' if rows else ""


def _row(of_class: str, points: str, text: str) -> str:
    return f'<tr class="{of_class}"><td>{points}</td><td>{_escaped(text)}</td></tr>'


def data_uri(data: bytes) -> str:
    """The image itself as an address."""
    return f"data:image/{picture_facts(data)[0]};base64,{base64.b64encode(data).decode()}"
