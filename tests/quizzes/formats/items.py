"""Items of every kind for round trips: what the bank may hold, with everything in its texts that a format could trip over."""

import io
import json
from datetime import date
from functools import cache

from hypothesis import strategies as st
from PIL import Image

from quizzes import kinds, stems
from quizzes.formats import Item
from quizzes.formats.base import settle, settled
from quizzes.formats.markup import digest_of
from quizzes.kinds.base import lettered


@cache
def png(colour: int) -> bytes:
    """A small picture, another one for each number."""
    out = io.BytesIO()
    Image.new("RGB", (4 + colour % 3, 3), (colour * 40 % 256, 80, 160)).save(out, "PNG")
    return out.getvalue()


PICTURES = {digest_of(png(number)): png(number) for number in range(3)}
SPECIAL = "~=#{}:\\%/[]()<>&;\"'$*|｜；;,.-_→->0123456789 \n\t！？。，、《》“”＝～｛｝年月日工作政务公开ABCab"
FORMULAS = [r"\(x^2\)", r"\(\frac{1}{2}\)", r"\[a_1 + b\]", r"\(a<b\)", r"\(\text{工作日} = 20\)"]
MARKERS = FORMULAS + [stems.image("公开流程 & 图", digest_of(png(n)), 4 + n % 3, 3) for n in range(3)]


def _is_sound(text: str) -> bool:
    return bool(text) and stems.fault(text) is None and not stems.BLANK.search(text)


def plain(longest: int = 30) -> st.SearchStrategy[str]:
    """Settled text of any signs, without blanks; sometimes of any language."""
    letters = st.one_of(st.text(SPECIAL, max_size=longest), st.text(max_size=longest))
    return letters.map(settle).filter(_is_sound)


def marked(longest: int = 30) -> st.SearchStrategy[str]:
    """Such text with formulas and images in it."""
    pieces = st.lists(st.one_of(plain(longest), st.sampled_from(MARKERS)), min_size=1, max_size=3)
    return st.one_of(plain(longest), pieces.map("".join).map(settle).filter(_is_sound))


def line(longest: int = 20) -> st.SearchStrategy[str]:
    """Text of one line, as options and answers are."""
    return plain(longest).map(lambda text: settle(text.replace("\n", " "))).filter(_is_sound)


def lines(least: int, most: int, each: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[list[str]]:
    return st.lists(each if each is not None else st.one_of(line(), marked(10)), min_size=least, max_size=most, unique=True)


decimals = st.sampled_from(["1234567890123", "3.14159265358979", "3.10"]) | st.decimals(
    min_value=-10_000, max_value=10_000, places=2, allow_nan=False
).map(lambda value: f"{value:f}")
shares = st.sampled_from(["1", "0.5", "0.25", "0.3333"])


@st.composite
def single(draw):
    options = draw(lines(2, 6))
    return draw(marked()), {"options": lettered(options)}, [draw(st.sampled_from(list(lettered(options))))]


@st.composite
def multiple(draw):
    options = lettered(draw(lines(2, 6)))
    return draw(marked()), {"options": options}, sorted(draw(st.sets(st.sampled_from(list(options)), min_size=1)))


@st.composite
def judge(draw):
    return draw(marked()), {}, draw(st.booleans())


@st.composite
def fill(draw):
    count = draw(st.integers(1, 3))
    stem = settle(
        "".join(draw(marked(10)) + draw(st.sampled_from(["____", "______"])) for _ in range(count)) + draw(st.sampled_from(["", "。"]))
    )
    return stem, {"blanks": count}, [draw(lines(1, 3, line())) for _ in range(count)]


@st.composite
def order(draw):
    steps = draw(lines(2, 6))
    return draw(marked()), {"items": draw(st.permutations(steps))}, steps


@st.composite
def match(draw):
    left, right = draw(lines(2, 4)), draw(lines(2, 6))
    return draw(marked()), {"left": left, "right": right}, {text: draw(st.sampled_from(right)) for text in left}


@st.composite
def numeric(draw):
    units = draw(st.sampled_from([{}, {}, {"元": "1"}, {"元": "1", "万元": "10000"}, {"天": "1", "小时": "0.0417"}]))
    relative = draw(st.booleans())
    tolerance = draw(st.sampled_from(["0", "0.5", "0.05", "2"]))
    return draw(marked()), {"units": units}, {"value": draw(decimals), "tolerance": tolerance, "relative": relative}


@st.composite
def cloze(draw):
    count = draw(st.integers(1, 3))
    stem = settle("".join(draw(marked(10)) + "____" for _ in range(count)) + "。")
    gaps = [draw(lines(2, 4, line())) for _ in range(count)]
    return stem, {"gaps": gaps}, [draw(st.sampled_from(gap)) for gap in gaps]


@st.composite
def short(draw):
    patterns = draw(lines(1, 3, line()))
    return draw(marked()), {}, [{"pattern": text, "share": "1" if not place else draw(shares)} for place, text in enumerate(patterns)]


@st.composite
def essay(draw):
    rubric = [
        {
            "name": name,
            "points": draw(st.sampled_from(["2", "3.5", "10"])),
            "levels": [{"points": "1", "text": text} for text in draw(lines(0, 2, line()))],
        }
        for name in draw(lines(0, 2, line()))
    ]
    content = {"longest": draw(st.sampled_from([2000, 800])), "rubric": rubric, "markers": draw(st.sampled_from([1, 2]))}
    return draw(marked()), content, {"sample": draw(st.one_of(st.just(""), marked()))}


PARTS = {
    "single": single, "multiple": multiple, "judge": judge, "fill": fill, "order": order, "match": match,
    "numeric": numeric, "cloze": cloze, "short": short, "essay": essay,
}  # fmt: skip


@st.composite
def case(draw):
    parts, key = [], []
    for kind in draw(st.lists(st.sampled_from(list(PARTS)), min_size=1, max_size=3)):
        stem, content, answer = draw(PARTS[kind]())
        parts.append({"kind": kind, "stem": stem, "content": content, "points": draw(st.sampled_from(["1", "2.5"]))})
        key.append(answer)
    return draw(marked()), {"parts": parts}, key


KINDS = PARTS | {"case": case}


@st.composite
def items(draw, *names: str) -> Item:
    """A settled item of one of these kinds, or of any."""
    kind = draw(st.sampled_from(names or tuple(KINDS)))
    stem, content, key = draw(KINDS[kind]())
    images = {digest: PICTURES[digest] for digest in stems.digests(json.dumps([stem, content, key], ensure_ascii=False))}
    explanation = draw(st.one_of(st.just(""), marked()))
    images |= {digest: PICTURES[digest] for digest in stems.digests(explanation)}
    item = Item(
        kind=kind,
        stem=stem,
        content=content,
        key=key,
        code=draw(st.from_regex(r"[A-Z][A-Za-z0-9._\]\\：-]{0,12}", fullmatch=True)),
        course_code=draw(st.sampled_from(["P01", "T02", "乡-1"])),
        difficulty=draw(st.integers(1, 3)),
        explanation=explanation,
        source=draw(st.sampled_from(["", "《条例》第二十六条", "a]b; [c] \\ = #1"])),
        source_since=draw(st.sampled_from([None, date(2019, 5, 15)])),
        source_until=draw(st.sampled_from([None, date(2027, 1, 31)])),
        mark=draw(st.sampled_from("VSDM")),
        point=draw(st.sampled_from(["", "依申请公开", "政策/条例/时限", "A//B/C", "top", "[x] ~ $y$"])),
        tags=draw(st.sampled_from([(), ("易错",), ("2026年", "course=X", "a]b\\c"), ("a, b", "<i>")])),
        is_reserved=draw(st.booleans()),
        is_retired=draw(st.booleans()),
        images=images,
    )
    try:
        return settled(item)
    except kinds.Wrong:
        from hypothesis import reject

        reject()
