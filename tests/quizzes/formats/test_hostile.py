"""Files made to harm: refused with a reason, within bounded time, and what stands beside the bad item still comes in."""

import io
import itertools
import re
import time
import zipfile
from html import escape
from types import SimpleNamespace

import openpyxl
import pytest
import xlsxwriter
from celery.exceptions import SoftTimeLimitExceeded

from core import uploads
from core.errors import Refused
from quizzes import formats, formulas, stems
from quizzes.formats import base, rows
from quizzes.formats.qti import package
from quizzes.formats.sheet import refused_rows

QUIZ = '<?xml version="1.0"?><quiz>{}</quiz>'
GOOD = '<question type="truefalse"><questiontext><text>{}</text></questiontext><answer fraction="100"><text>true</text></answer></question>'
ITEM = (
    '<qti-assessment-item xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0" identifier="I" title="I">'
    '<qti-response-declaration identifier="RESPONSE" cardinality="single" base-type="identifier">'
    "<qti-correct-response><qti-value>A</qti-value></qti-correct-response></qti-response-declaration>"
    '<qti-item-body><p>几日？</p><qti-choice-interaction response-identifier="RESPONSE">'
    '<qti-simple-choice identifier="A">20</qti-simple-choice><qti-simple-choice identifier="B">15</qti-simple-choice>'
    "</qti-choice-interaction></qti-item-body></qti-assessment-item>"
)


@pytest.fixture(autouse=True)
def soon():
    """No file of these may take long."""
    started = time.process_time()
    yield
    assert time.process_time() - started < 15


def read(key: str, data: str | bytes):
    return list(formats.of(key).read(data.encode() if isinstance(data, str) else data))


def packed(**files: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def manifest(*hrefs: str) -> str:
    rows = "".join(f'<resource identifier="R{n}" type="imsqti_item_xmlv3p0" href="{href}"/>' for n, href in enumerate(hrefs))
    return f'<manifest xmlns="http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1"><resources>{rows}</resources></manifest>'


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("prologue", [BOMB, OUTSIDE])
def test_xml_that_declares_entities_is_refused_whole(prologue):
    with pytest.raises(Refused) as refusal:
        read("moodlexml", prologue + "<quiz>" + GOOD.format("&c;") + "</quiz>")
    assert refusal.value.code == "entities"
    with pytest.raises(Refused):
        read("qti", prologue + ITEM)
    (found,) = read("qti", packed(**{"imsmanifest.xml": manifest("i.xml"), "i.xml": prologue + ITEM}))
    assert found.item is None and "实体" in found.refusal
    with pytest.raises(Refused):
        read("qti", packed(**{"imsmanifest.xml": prologue + manifest("i.xml"), "i.xml": ITEM}))


def test_an_entity_declared_inside_a_question_harms_that_question_only():
    found = read("moodlexml", QUIZ.format(GOOD.format(OUTSIDE + "&a;") + GOOD.format("好题。")))
    assert [one.item is not None for one in found] == [False, True] and found[1].item.stem == "好题。"


def test_nothing_is_fetched():
    text = GOOD.format('<![CDATA[<img src="http://127.0.0.1:9/x.png">看图]]>')
    (found,) = read("moodlexml", QUIZ.format(text))
    assert found.item is None and "http://127.0.0.1:9/x.png" in found.refusal


@pytest.mark.parametrize("name", ["../evil.xml", "/etc/evil.xml", "a/../../evil.xml", "C:\\evil.xml", "..\\evil.xml"])
def test_a_package_whose_names_lead_out_of_it_is_refused(name):
    with pytest.raises(Refused) as refusal:
        read("qti", packed(**{"imsmanifest.xml": manifest("i.xml"), "i.xml": ITEM, name: "x"}))
    assert refusal.value.code in {"traversal", "damaged"}


def test_a_manifest_that_points_out_of_the_package_finds_nothing_there():
    found = read("qti", packed(**{"imsmanifest.xml": manifest("../../../etc/passwd", "/etc/passwd", "i.xml"), "i.xml": ITEM}))
    assert [one.item is not None for one in found] == [False, False, True]


def test_a_question_that_the_manifest_does_not_name_is_refused_and_not_passed_over():
    other = manifest("i.xml").replace("</resources>", '<resource identifier="W" type="webcontent" href="w.xml"/></resources>')
    parts = {"i.xml": ITEM, "w.xml": ITEM, "q/j.xml": ITEM.encode("utf-16"), "test.xml": "<qti-assessment-item-ref/>", "s.css": "a{}"}
    found = read("qti", packed(**{"imsmanifest.xml": other} | parts))
    assert [(one.place.split()[0], one.item is not None) for one in found] == [("i.xml", True), ("q/j.xml", False), ("w.xml", False)]
    assert all("清单" in one.refusal for one in found[1:])


def test_a_zip_bomb_is_refused_before_it_is_unpacked():
    with pytest.raises(Refused) as refusal:
        read("qti", packed(**{"imsmanifest.xml": manifest("i.xml"), "i.xml": b"\x00" * 50_000_000}))
    assert refusal.value.code == "bomb"


def test_a_package_that_lies_about_the_size_of_its_parts_is_refused():
    data = bytearray(packed(**{"imsmanifest.xml": manifest("i.xml"), "i.xml": b"<a/>" + b"<b/>" * 4000}))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = (4).to_bytes(4, "little")
    try:
        found = read("qti", bytes(data))
    except Refused:
        return
    assert [one.item for one in found] == [None]


def test_a_package_that_ends_in_the_middle_or_holds_no_manifest_is_refused():
    whole = packed(**{"imsmanifest.xml": manifest("i.xml"), "i.xml": ITEM})
    for data in (whole[: len(whole) // 2], packed(**{"i.xml": ITEM}), packed(**{"imsmanifest.xml": "<manifest", "i.xml": ITEM})):
        with pytest.raises(Refused):
            read("qti", data)


@pytest.mark.parametrize(("field", "value"), [(6, (143).to_bytes(2, "little")), (8, b"\x00\x08"), (42, b"\xff\xff\xff\xff")])
@pytest.mark.parametrize("key", ["qti", "xlsx"])
def test_a_package_whose_directory_cannot_be_read_is_refused(key, field, value):
    """It asks for another version of zip, has a name in no encoding, or lies elsewhere."""
    whole = packed(**{"imsmanifest.xml": manifest("题.xml"), "题.xml": ITEM}) if key == "qti" else workbook(ROW)
    data, at = bytearray(whole), whole.rfind(b"PK\x01\x02")
    data[at + field : at + field + len(value)] = value
    data[at + 46 : at + 48] = b"\xff\xfe" if field == 8 else data[at + 46 : at + 48]
    with pytest.raises(Refused) as refused:
        read(key, bytes(data))
    assert refused.value.code == "damaged"


def test_a_part_larger_than_any_item_is_refused_alone(monkeypatch):
    monkeypatch.setattr(package, "LONGEST_PART", 100)
    found = read("qti", packed(**{"imsmanifest.xml": manifest("i.xml"), "i.xml": ITEM}))
    assert [one.item for one in found] == [None] and "KB" in found[0].refusal


def test_a_stem_without_end_is_refused_and_the_next_question_is_read():
    long = "题" * 20_000_000  # 60 MB: the file as a whole is stopped at the door, the reader does not rely on it
    gift = read("gift", f"{long}{{T}}\n\n好题。{{T}}")
    moodle = read("moodlexml", QUIZ.format(GOOD.format(long) + GOOD.format("好题。")))
    aiken = read("aiken", f"{long}\nA) 1\nB) 2\nANSWER: A\n\n好题。\nA) 1\nB) 2\nANSWER: A")
    for found in (gift, moodle, aiken):
        assert [one.item is not None for one in found] == [False, True] and found[1].item.stem == "好题。"
    with pytest.raises(Refused):
        uploads.check_bank(io.BytesIO(long.encode()))


def doubling(times: int) -> str:
    """A formula of commands that each write what they are given twice, into the next one."""
    names = "bcdefghijklmnopqrstuvwxyz"[: times + 1]
    steps = [rf"\def\{one}#1{{\{following}{{#1#1}}}}" for one, following in itertools.pairwise(names)]
    return "".join(steps) + rf"\def\{names[-1]}#1{{#1}}\b{{x}}"


FORMULA_BOMBS = {
    doubling(20): "定义",
    r"\newcommand{\b}[1]{#1#1}\b{x}": "定义",
    r"\providecommand{\b}{xx}\let\c\b\b": "定义",
    r"\newenvironment{b}{xx}{x}\begin{b}\end{b}": "定义",
    r"\DeclareMathOperator{\b}{xx}\b": "定义",
    r"\hbox{$\def\b{xx}$}": "定义",
    r"\verb\x\\newcommand{\b}[1]{#1#1}\b{x}": "定义",  # the library ends \verb at the first of the two
    r"\sideset{}{}" * 20 + "x": "1000",  # the library draws the operator twice, and in it the next one
}


@pytest.mark.parametrize(("latex", "reason"), FORMULA_BOMBS.items())
def test_a_formula_that_grows_is_refused_in_every_format_and_shown_as_it_is_written(latex, reason):
    started = time.process_time()
    stem, escaped = rf"\({latex}\)几日？", re.sub(r"([\\{}=~#:])", r"\\\1", rf"\({latex}\)几日？")
    found = [
        *read("gift", f"{escaped}{{T}}"),
        *read("moodlexml", QUIZ.format(GOOD.format(stem))),
        *read("aiken", f"{stem}\nA) 1\nB) 2\nANSWER: A"),
        *read("qti", ITEM.replace("几日？", stem)),
        *read("xlsx", workbook([*ROW[:4], stem, *ROW[5:]])),
    ]
    assert [one.item for one in found] == [None] * 5
    assert all(reason in one.refusal for one in found), [one.refusal for one in found]
    assert stems.html(stem) == escape(stem)
    with pytest.raises(stems.Unreadable):
        formulas.drawing(latex)
    assert time.process_time() - started < 1


def test_a_million_options_are_refused_quickly():
    gift = read("gift", "题？{" + "~x" * 1_000_000 + "}\n\n好题。{T}")
    answers = "<answer><text>x</text></answer>" * 3000
    moodle = read(
        "moodlexml", QUIZ.format(f'<question type="multichoice"><questiontext><text>题</text></questiontext>{answers}</question>')
    )
    aiken = read("aiken", "题？\n" + "A) x\n" * 200_000 + "ANSWER: A")
    choices = "".join(f'<qti-simple-choice identifier="C{n}">x</qti-simple-choice>' for n in range(1000))
    qti = read("qti", ITEM.replace('<qti-simple-choice identifier="A">', choices + '<qti-simple-choice identifier="A">', 1))
    for found in (gift[:1], moodle, aiken, qti):
        assert [one.item for one in found] == [None] and found[0].refusal
    assert gift[1].item is not None


def test_nesting_without_end_is_refused():
    deep = "<b>" * 100_00 + "x" + "</b>" * 100_00
    for data in (GOOD.format(f"<![CDATA[{deep}]]>"), GOOD.format(deep)):
        found = read("moodlexml", QUIZ.format(data + GOOD.format("好题。")))
        assert [one.item is not None for one in found] == [False, True]
    (item,) = read("qti", ITEM.replace("几日？", "<span>" * 10_000 + "</span>" * 10_000))
    assert item.item is None
    (gift,) = read("gift", f"[html]{deep[:60_000]}{{T}}")
    assert gift.item is None


def test_many_pieces_that_never_close_take_no_time():
    for junk in ("<question " * 100_000, "<!--" * 200_000, "<![CDATA[" * 100_000, "<question type='x'><![CDATA[" * 50_000):
        assert all(one.item is None for one in read("moodlexml", "<quiz>" + junk))
    for junk in ("{" * 500_000, "::" * 300_000, "\\" * 500_000, "[tag:" * 100_000, "// [tag:" + "\\" * 90_000):
        assert all(one.item is None for one in read("gift", junk))


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("gift", "题。{T}\n" + "}\n" * 45_000),
        ("gift", "// " + "[tag:" * 18_000 + "\n题。{T}"),
        ("gift", "// " + "[tag:\\\\" * 12_000 + "\\\n题。{T}"),
        ("gift", "题。{>" + " " * 90_000 + "甲}"),
        ("gift", "题。{>" + "1" * 90_000 + "甲}"),
        ("gift", "题&amp;" + "\\\\(" * 15_000 + "{T}"),
        ("moodlexml", QUIZ.format('<question type="cloze"><questiontext><text>' + "{1:SA:" * 15_000 + "</text></questiontext></question>")),
        ("moodlexml", QUIZ.format(GOOD.format("题。" + " " * 90_000))),
        ("moodlexml", QUIZ.format(GOOD.format("<![CDATA[" + "<?xml " * 15_000 + "]]>"))),
        ("qti", ITEM + "<file " * 50_000),
        ("moodlexml", QUIZ.format(GOOD.format("&amp;lt;" + "\\(" * 30_000))),
    ],
)
def test_what_opens_again_and_again_or_is_empty_for_long_takes_no_time(key, data):
    started = time.process_time()
    read(key, data)
    assert time.process_time() - started < 3


def test_a_cell_that_is_blank_for_long_takes_no_time():
    started = time.process_time()
    blank = " " * 32_000
    units = ["N1", "数值题", "A01", 1, "多少米？", f"米{blank}米", "", "3"]
    partners = ["M1", "匹配题", "A01", 1, f"配对。右列：1. 甲；2. 乙{blank[:3900]}丙", "子", "丑", "A-1;B-2"]
    before = ["M2", "匹配题", "A01", 1, f"配对{blank[:3900]}。右列：1. 甲；2. 乙", "子", "丑", "A-1;B-2"]
    found = read("xlsx", workbook(units, *[partners, before] * 10))
    assert [one.item is not None for one in found] == [False, *[False, True] * 10] and time.process_time() - started < 3


def test_nuls_are_refused_where_they_stand():
    for key, data in {
        "gift": "甲\x00？{T}\n\n乙？{T}",
        "moodlexml": QUIZ.format(GOOD.format("甲\x00？") + GOOD.format("乙？")),
        "aiken": "甲\x00？\nA) 1\nB) 2\nANSWER: A\n\n乙？\nA) 1\nB) 2\nANSWER: A",
    }.items():
        first, second = read(key, "题" * 4096 + "\n\n" + data if key == "gift" else data)[-2:]
        assert first.item is None and "NUL" in first.refusal and second.item.stem == "乙？"


def test_a_category_that_leads_back_to_itself_or_too_deep_is_refused():
    deep = "/".join(f"第{n}层" for n in range(40))
    for path in ("甲/乙/甲", deep, "名" * 200):
        found = read("gift", f"$CATEGORY: $course$/top/{path}\n\n题。{{T}}\n\n$CATEGORY: top/丙\n\n好题。{{T}}")
        assert [one.item is not None for one in found] == [False, True] and found[1].item.point == "丙"


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("gift", "题？{~甲 ~乙}"),
        ("gift", "题？{~%-50%甲 ~%-50%乙}"),
        ("gift", "题？{=}"),
        ("gift", "题？{#}"),
        ("gift", "题？{#=%50%20:1}"),
        ("gift", "题？{=甲 =乙 ~丙}"),
        ("gift", "题？{=甲->}"),
        ("aiken", "题？\nA) 1\nB) 2\nANSWER: C"),
        ("aiken", "题？\nA) 1\nB) 2\nANSWER:"),
        ("moodlexml", QUIZ.format(GOOD.format("题？").replace('"100"', '"0"'))),
        ("moodlexml", QUIZ.format('<question type="matching"><questiontext><text>题</text></questiontext></question>')),
        ("moodlexml", QUIZ.format('<question type="shortanswer"><questiontext><text>题</text></questiontext></question>')),
        ("qti", ITEM.replace("<qti-value>A</qti-value>", "")),
        ("qti", ITEM.replace("<qti-value>A</qti-value>", "<qti-value>Z</qti-value>")),
        ("qti", ITEM.replace("<qti-value>A</qti-value>", "<qti-value>A</qti-value><qti-value>B</qti-value>")),
        ("qti", ITEM.replace('identifier="RESPONSE" card', 'identifier="OTHER" card')),
    ],
)
def test_a_key_with_no_right_choice_is_refused(key, data):
    (found,) = read(key, data)
    assert found.item is None and found.refusal


def test_more_items_than_a_file_may_hold_refuse_the_file(monkeypatch):
    monkeypatch.setattr(base, "MAX_ITEMS", 3)
    with pytest.raises(Refused) as refusal:
        list(base.bounded(formats.of("gift").read("题。{T}\n\n".encode() * 4)))
    assert refusal.value.code == "too_many"


def test_scripts_and_handlers_never_reach_the_bank():
    text = "<![CDATA[<p onclick='x()'>甲<script>alert(1)</script>乙<a href='javascript:x()'>丙</a><iframe src='//x'></iframe></p>]]>"
    (found,) = read("moodlexml", QUIZ.format(GOOD.format(text)))
    assert found.item.stem == "甲乙丙"
    assert {word for change in found.changes for word in ("script", "onclick", "href", "iframe") if word in change} == {
        "script", "onclick", "href", "iframe"
    }  # fmt: skip


def test_an_image_that_is_none_is_refused():
    for source in ("data:image/png;base64,AAAA", "data:image/svg+xml;base64,PHN2Zy8+", "@@PLUGINFILE@@/x.png", "file:///etc/passwd"):
        (found,) = read("moodlexml", QUIZ.format(GOOD.format(f'<![CDATA[<img src="{source}">甲]]>')))
        assert found.item is None and found.refusal


# ---- workbooks -----------------------------------------------------------------------------

HEADER = ["编号", "题型", "课程", "难度", "题干", "选项A", "选项B", "答案"]
ROW = ["Q1", "单选题", "A01", 1, "几日？", "7", "20", "B"]


def workbook(*rows, header=HEADER, shape=lambda sheet: None) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in (header, *rows):
        book.active.append(row)
    shape(book.active)
    book.save(out)
    return out.getvalue()


def test_a_formula_that_was_never_computed_is_no_text_and_refuses_its_row_alone():
    first, second, third = read("xlsx", workbook([*ROW[:4], '="几"&"日"', *ROW[5:]], [*ROW[:7], "=1+1"], ROW))
    assert first.item is None and second.item is None and third.item.stem == "几日？"


@pytest.mark.parametrize("shown", ["#N/A", "#DIV/0!", None])
def test_an_option_whose_formula_failed_refuses_its_row_and_is_never_dropped(shown):
    """`None`: a formula that nothing has computed. Read as empty, the question would stand in the bank with an option less."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, [*HEADER[:7], "选项C", "答案"])
        for line in (1, 2):
            sheet.write_row(line, 0, [f"Q{line}", *ROW[1:7], "30", "B"])
        sheet.write_formula(1, 7, "=VLOOKUP(1,Z:Z,1)", None, "" if shown is None else shown)
    refused, kept = read("xlsx", out.getvalue())
    assert refused.item is None and "选项C" in refused.field and (shown or "=VLOOKUP") in refused.reason
    assert kept.item.content["options"] == {"A": "7", "B": "20", "C": "30"}


def test_a_refused_row_that_is_handed_in_unmended_is_refused_again():
    out, back = io.BytesIO(), io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ROW)
        sheet.write_formula(1, 6, "=NA()", None, "#N/A")
    refused_rows(read("xlsx", out.getvalue()), back)
    (again,) = read("xlsx", back.getvalue())
    assert again.item is None and "#N/A" in again.reason


def test_a_text_that_reads_like_an_error_is_an_option():
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, [*ROW[:6], "", "A"])
        sheet.write_string(1, 6, "#N/A")
    (found,) = read("xlsx", out.getvalue())
    assert found.item.content["options"] == {"A": "7", "B": "#N/A"}


def test_merged_cells_belong_to_their_first_row_and_the_other_one_says_what_it_lacks():
    found = read("xlsx", workbook(ROW, [None, *ROW[1:4], None, *ROW[5:]], shape=lambda sheet: sheet.merge_cells("E2:E3")))
    assert found[0].item and found[1].item is None and "题干" in found[1].reason


def test_a_column_that_stands_twice_refuses_the_sheet():
    with pytest.raises(Refused) as refused:
        read("xlsx", workbook([*ROW, "另一个题干"], header=[*HEADER, "题干"]))
    assert refused.value.code == "doubled_column" and "题干" in refused.value.message


def test_one_cell_at_the_end_of_the_world_refuses_the_workbook():
    def far(sheet):
        sheet["XFD1048576"] = "x"

    with pytest.raises(Refused) as refused:
        read("xlsx", workbook(ROW, shape=far))
    assert refused.value.code == "too_many_cells"


def test_a_workbook_that_unpacks_without_end_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(ROW))) as good, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in good.namelist():
            data = good.read(name)
            bomb.writestr(name, data.replace(b"<sheetData>", b"<sheetData>" + b" " * 120_000_000) if "sheet1" in name else data)
    with pytest.raises(Refused) as refused:
        read("xlsx", out.getvalue())
    assert refused.value.code == "bomb"


# ---- more of what others send --------------------------------------------------------------


def test_a_manifest_whose_resources_depend_on_each_other_in_a_circle_is_read_once_each():
    circle = manifest("a.xml", "b.xml").replace("/><resource", '><dependency identifierref="R1"/></resource><resource', 1)
    circle = circle.replace('"/></resources>', '"><dependency identifierref="R0"/></resource></resources>')
    found = read("qti", packed(**{"imsmanifest.xml": circle, "a.xml": ITEM, "b.xml": ITEM.replace('"I"', '"J"', 1)}))
    assert len(found) == 2 and found[0].item


@pytest.mark.parametrize("source", ["gone.png", "imsmanifest.xml", "http://example.org/x.png", "file:///etc/passwd", "../../x.png"])
def test_a_picture_that_the_package_does_not_hold_refuses_its_item(source):
    pictured = ITEM.replace("几日？", f'几日？<img src="{source}" alt=""/>')
    (found,) = read("qti", packed(**{"imsmanifest.xml": manifest("a.xml"), "a.xml": pictured}))
    assert found.item is None and found.reason


def test_a_moodle_file_that_breaks_in_the_middle_and_at_its_end_keeps_what_is_whole():
    category = '<question type="category"><category><text>$course$/top/甲/乙</text></category></question>'
    broken = GOOD.format("坏 & 的")
    found = read("moodlexml", "<quiz>" + category + GOOD.format("一？") + broken + GOOD.format("二？") + GOOD.format("三？")[:-40])
    assert [one.item and one.item.stem for one in found] == ["一？", None, "二？", None]
    assert found[2].item.point == "甲/乙"


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize(
    ("key", "text"),
    [("gift", "::甲:: 政务公开的期限？ {=二十个工作日 ~七日}\n"), ("aiken", "政务公开的期限？\nA. 二十个工作日\nB. 七日\nANSWER: A\n")],
)
def test_text_formats_are_read_in_the_encodings_of_windows(key, text, encoding):
    (found,) = read(key, text.encode(encoding))
    assert found.item.stem == "政务公开的期限？" and found.item.key == ["A"]


# ---- what nobody foresaw -------------------------------------------------------------------

BLANK_TOLERANCE = (
    ITEM.replace('"identifier"', '"float"', 1).replace("<qti-value>A</qti-value>", "<qti-value>20</qti-value>")
    .replace(ITEM[ITEM.index("<qti-choice") : ITEM.index("</qti-item-body>")], '<qti-text-entry-interaction response-identifier="RESPONSE"/>')
    .replace(
        "</qti-item-body>",
        '</qti-item-body><qti-response-processing><qti-equal tolerance-mode="absolute" tolerance=" "><qti-variable identifier="RESPONSE"/>'
        "</qti-equal></qti-response-processing>",
    )
)  # fmt: skip
NO_PREFIX = ITEM.replace(
    "</qti-item-body>",
    "</qti-item-body><qti-response-processing>"
    '<set-outcome-value identifier="SCORE"><base-value>0</base-value></set-outcome-value></qti-response-processing>',
)
SAYS_SOURCE = GOOD.format("题？").replace(
    "<answer", '<generalfeedback><text><![CDATA[<p>写作 class="source" 即可</p>]]></text></generalfeedback><answer', 1
)
STEPS = "<questiontext><text>题？</text></questiontext><answer><text>甲</text></answer><answer><text>乙</text></answer>"
COUNTED = f'<question type="ordering">{STEPS}<selecttype>RANDOM</selecttype><selectcount>{"9" * 5000}</selectcount></question>'


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("qti", packed(**{"imsmanifest.xml": manifest("a.xml", "b.xml"), "a.xml": BLANK_TOLERANCE, "b.xml": ITEM})),
        ("qti", packed(**{"imsmanifest.xml": manifest("a.xml", "b.xml"), "a.xml": NO_PREFIX, "b.xml": ITEM})),
        ("moodlexml", QUIZ.format(SAYS_SOURCE + GOOD.format("好题。"))),
        ("moodlexml", QUIZ.format(COUNTED + GOOD.format("好题。"))),
        ("gift", "题？{>" + "9" * 5000 + "\n甲\n乙}\n\n好题。{T}"),
    ],
)
def test_a_blank_tolerance_a_missing_prefix_a_class_that_is_text_and_an_endless_count_are_read(key, data):
    assert [one.refusal for one in read(key, data)] == ["", ""]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"// [tag:tolerance={'9' * 5000}]\n题？{{#20:1}}", "不是数"),
        ('[html]题？<img src\\="data\\:image/png;base64,图">{T}', "图片已损坏"),
    ],
)
def test_a_tolerance_without_end_and_an_image_of_other_letters_are_refused_by_their_names(text, reason):
    found = read("gift", text + "\n\n好题。{T}")
    assert [one.item is not None for one in found] == [False, True] and reason in found[0].refusal, found[0].refusal


def test_a_picture_that_is_damaged_in_its_package_refuses_its_item_alone():
    pictured = ITEM.replace("几日？", '几日？<img src="p.png" alt=""/>')
    data = packed(**{"imsmanifest.xml": manifest("a.xml", "b.xml"), "a.xml": pictured, "b.xml": ITEM, "p.png": b"PICTURE" * 9})
    broken = bytearray(data)
    at = data.rindex(b"p.png", 0, data.rindex(b"PK\x01\x02", 0, data.index(b"PK\x01\x02") + 4)) + len(b"p.png")
    broken[at : at + 4] = b"\xff\xff\xff\xff"
    assert [one.item is not None for one in read("qti", bytes(broken))] == [False, True]


TWO = {
    "gift": "坏题。{T}\n\n好题。{T}",
    "aiken": "坏题。\nA) 1\nB) 2\nANSWER: A\n\n好题。\nA) 1\nB) 2\nANSWER: A",
    "moodlexml": QUIZ.format(GOOD.format("坏题。") + GOOD.format("好题。")),
    "qti": packed(
        **{"imsmanifest.xml": manifest("a.xml", "b.xml"), "a.xml": ITEM.replace("几日？", "坏题。"), "b.xml": ITEM.replace("几日？", "好题。")}
    ),
    "xlsx": "编号,题型,课程,难度,题干,选项A,选项B,答案\nQ1,判断题,A01,1,坏题。,,,正确\nQ2,判断题,A01,1,好题。,,,正确\n",
    "rows": [{"id": number, "type": "judge", "course": "A01", "stem": stem, "answer": True} for number, stem in (("Q1", "坏题。"), ("Q2", "好题。"))],
}  # fmt: skip


@pytest.mark.parametrize("key", TWO)
@pytest.mark.parametrize("error", [IndexError, ValueError, TypeError, AttributeError, ZeroDivisionError, StopIteration])
def test_an_error_that_nobody_foresaw_refuses_its_item_alone_and_is_logged(key, error, monkeypatch):
    logged = odd(monkeypatch, error)
    first, second = all_of(key)
    assert first.item is None and first.place and error.__name__ in first.refusal and second.item.stem == "好题。"
    assert logged == [first.place]


@pytest.mark.parametrize("key", TWO)
def test_what_ends_the_whole_step_is_taken_for_no_bad_item(key, monkeypatch):
    for error in (MemoryError, RecursionError, SoftTimeLimitExceeded):
        odd(monkeypatch, error)
        with pytest.raises(error):
            all_of(key)


def all_of(key: str):
    return list(rows.read(TWO[key])) if key == "rows" else read(key, TWO[key])


def odd(monkeypatch, error) -> list[str]:
    """Reading the stem 坏题。 runs into the error; the places that are logged."""
    as_ever, logged = base.bound, []

    def bound(name, text):
        if text == "坏题。":
            raise error
        as_ever(name, text)

    monkeypatch.setattr(base, "bound", bound)
    monkeypatch.setattr(base, "log", SimpleNamespace(exception=lambda event, place: logged.append(place)))
    return logged
