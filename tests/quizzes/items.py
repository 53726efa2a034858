"""A sample of each kind as the bank keeps it, and hypothesis strategies for any question of a kind."""

from fractions import Fraction

from hypothesis import strategies as st

from quizzes.rules import decimal_text, normalise
from quizzes.stems import fault, plain

CASE = {
    "parts": [
        {"kind": "single", "stem": "几个工作日内答复？", "content": {"options": {"A": "15", "B": "20"}}, "points": "2"},
        {"kind": "fill", "stem": "经____同意，可以延长。", "content": {"blanks": 1}, "points": "1"},
        {"kind": "numeric", "stem": "最多可以延长几个工作日？", "content": {"units": {"个工作日": "1"}}, "points": "2"},
    ]
}
BANK = {
    "single": ("题", {"options": {"A": "甲", "B": "乙", "C": "丙"}}, ["B"]),
    "multiple": ("题", {"options": {"A": "甲", "B": "乙", "C": "丙"}}, ["A", "C"]),
    "judge": ("题", {}, True),
    "fill": ("以____为常态、____为例外。", {"blanks": 2}, [["公开"], ["不公开", "不予公开"]]),
    "cloze": ("应当自收到之日起____内____答复。", {"gaps": [["7个工作日", "20个工作日"], ["予以", "不予"]]}, ["20个工作日", "予以"]),
    "numeric": ("多少钱？", {"units": {"元": "1", "万元": "10000"}}, {"value": "35000", "tolerance": "500", "relative": False}),
    "order": ("题", {"items": ["丙", "甲", "乙"]}, ["甲", "乙", "丙"]),
    "match": ("题", {"left": ["应", "宜"], "right": ["推荐", "要求", "允许"]}, {"应": "要求", "宜": "推荐"}),
    "short": ("哪种公开方式？", {}, [{"pattern": "*主动公开*", "share": "1"}, {"pattern": "公开", "share": "0.5"}]),
    "essay": (
        "谈谈怎样做好主动公开。",
        {
            "longest": 800,
            "rubric": [
                {"name": "要点完整", "points": "6", "levels": [{"points": "6", "text": "三点都有"}, {"points": "2", "text": "一点"}]}
            ],
            "markers": 2,
        },
        {"sample": "第一，及时；\n第二，准确。"},
    ),
    "case": (
        "居民李某向镇政府书面申请公开征地补偿方案。",
        CASE,
        [["B"], [["本机关政府信息公开工作机构负责人", "负责人"]], {"value": "20", "tolerance": "0", "relative": False}],
    ),
}
MACHINE = [kind for kind in BANK if kind != "essay"]  # what no person has to mark

LINE = (
    st.text(alphabet="公开甲乙ab12 *＊|｜=＝;；【】\\-/.…", min_size=1, max_size=12).map(str.strip).filter(lambda t: t and fault(t) is None)
)
PLAIN = LINE.filter(lambda text: plain(text) == text)
STEM = st.text(alphabet="题目？a1，", min_size=1, max_size=10)
LONG = st.from_regex(r"-?[1-9][0-9]{0,15}\.[0-9]{0,12}[1-9]|[1-9][0-9]{12,25}", fullmatch=True)
DECIMAL = LONG | st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=1000).map(
    lambda f: decimal_text(Fraction(int(f * 1000), 1000))
)
POSITIVE = st.integers(1, 10**6).map(lambda n: decimal_text(Fraction(n, 100)))


def texts(least: int = 2, most: int = 6, of=LINE):
    return st.lists(of, min_size=least, max_size=most, unique=True)


@st.composite
def choices(draw, one: bool = False):
    options = dict(zip("ABCDEFGHIJ", draw(texts()), strict=False))
    key = draw(st.lists(st.sampled_from(sorted(options)), min_size=1, max_size=1 if one else len(options), unique=True))
    return draw(STEM), {"options": options}, sorted(key)


@st.composite
def fills(draw):
    accepted = st.lists(LINE.filter(lambda text: normalise(text) not in {"", "不清楚"}), min_size=1, max_size=3)
    key = draw(st.lists(accepted, min_size=1, max_size=4))
    return "题" + "____和" * len(key), {"blanks": len(key)}, key


@st.composite
def clozes(draw):
    gaps = draw(st.lists(texts(2, 4, PLAIN), min_size=1, max_size=4))
    return "题" + "____和" * len(gaps), {"gaps": gaps}, [draw(st.sampled_from(gap)) for gap in gaps]


@st.composite
def numerics(draw):
    names = draw(st.lists(st.sampled_from(["元", "万元", "天", "%", "km"]), max_size=3, unique=True))
    units = {name: "1" if at == 0 else draw(POSITIVE) for at, name in enumerate(names)}
    key = {"value": draw(DECIMAL), "tolerance": draw(POSITIVE | st.just("0")), "relative": draw(st.booleans())}
    return draw(STEM), {"units": units}, key


@st.composite
def orders(draw):
    items = draw(texts())
    return draw(STEM), {"items": items}, draw(st.permutations(items))


@st.composite
def matches(draw):
    left, right = draw(texts()), draw(texts())
    return draw(STEM), {"left": left, "right": right}, {text: draw(st.sampled_from(right)) for text in left}


@st.composite
def shorts(draw):
    pattern = LINE.filter(lambda text: any(normalise(piece) for piece in text.split("*")) and "\\" not in text and "∅" not in text)
    patterns = draw(st.lists(pattern, min_size=1, max_size=3))
    return draw(STEM), {}, [{"pattern": text, "share": "1" if at == 0 else "0.5"} for at, text in enumerate(patterns)]


ANY = {
    "single": choices(one=True),
    "multiple": choices(),
    "judge": st.tuples(STEM, st.just({}), st.booleans()),
    "fill": fills(),
    "cloze": clozes(),
    "numeric": numerics(),
    "order": orders(),
    "match": matches(),
    "short": shorts(),
}


@st.composite
def cases(draw):
    asked = draw(st.lists(st.sampled_from(sorted(ANY)).flatmap(lambda kind: st.tuples(st.just(kind), ANY[kind])), min_size=1, max_size=4))
    parts = [{"kind": kind, "stem": stem, "content": content, "points": draw(POSITIVE_PART)} for kind, (stem, content, _key) in asked]
    return draw(STEM), {"parts": parts}, [key for _kind, (_stem, _content, key) in asked]


POSITIVE_PART = st.sampled_from(["1", "2", "0.5", "10"])
ANY["case"] = cases()
