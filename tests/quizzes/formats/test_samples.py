"""Files as other programs write them: what comes over, what changes, what is refused, and where it stood."""

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest

from core.errors import Refused
from quizzes import formats
from quizzes.formats.markup import digest_of

SAMPLES = Path(__file__).parent / "samples"


def read(key: str, data: bytes):
    return list(formats.of(key).read(data))


def by_name(key: str, name: str) -> dict:
    """{what stands behind the line number: what was found}."""
    return {one.place.partition(" ")[2]: one for one in read(key, (SAMPLES / name).read_bytes())}


# ---- Moodle XML ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moodle():
    return by_name("moodlexml", "moodle4.xml")


def test_every_question_of_a_moodle_file_is_accounted_for(moodle):
    assert len(moodle) == 17
    assert {name for name, one in moodle.items() if one.item is None} == {"说明", "工作日", "拖图"}
    assert all(one.refusal and "导入" in one.refusal for one in moodle.values() if one.item is None)


def test_feedback_of_options_goes_into_the_explanation_and_is_reported(moodle):
    one = moodle["答复期限"]
    assert one.item.key == ["C"] and one.item.code == "Q-33" and one.item.tags == ("时限",)
    assert one.item.explanation == "《政府信息公开条例》第三十三条。\nB：2007年的条例是15个工作日。"
    assert one.changes == ["各选项的反馈和提示已移到解析末尾。"]


def test_weights_of_thirds_are_three_right_options_and_the_rest_is_reported(moodle):
    one = moodle["主动公开渠道"]
    assert (one.item.kind, one.item.key) == ("multiple", ["A", "B", "C"])
    assert one.item.explanation.splitlines() == ["答对时：条例第二十三条所列的都对。", "提示：想一想公众从哪里能查到。"]
    said = "".join(one.changes)
    assert all(word in said for word in ("粗体", "默认分值 2", "多次尝试", "不打乱", "提示")) and "权重" not in said


def test_nested_categories_become_knowledge_points(moodle):
    assert moodle["常态"].item.point == "P01的默认类别/依申请公开" and moodle["答复书"].item.point == "P01的默认类别/材料与图"


def test_an_embedded_picture_comes_with_its_bytes(moodle):
    item = moodle["答复书"].item
    ((digest, data),) = item.images.items()
    assert digest == digest_of(data) and item.stem == f"读图，拟一份告知书：\n\n![办理流程](image:{digest} 12x8)"
    assert item.key == {"sample": "要点：依据、内容、救济途径。"}


def test_units_go_the_other_way_round(moodle):
    item = moodle["路程"].item
    assert item.content == {"units": {"米": "1", "公里": "1000"}} and item.key["tolerance"] == "5"


def test_patterns_and_part_marks_of_typed_answers_are_kept(moodle):
    one = moodle["施行日期"]
    assert one.item.key == [{"pattern": "2019年5月15日", "share": "1"}, {"pattern": "2019年*", "share": "0.5"}]
    assert any("大小写" in change for change in one.changes)


def test_blanks_lists_and_dragged_words_become_our_blanks(moodle):
    assert moodle["填空与选词"].item.key == [["公开", "信息公开"], ["不公开"]]
    assert moodle["选词"].item.kind == moodle["选词填空"].item.kind == moodle["拖词"].item.kind == "cloze"
    assert moodle["拖词"].item.key == ["公正", "便民"] and moodle["选词填空"].item.content == {"gaps": [["15", "20"]]}
    assert moodle["拖词"].changes == ["拖放选词改成了下拉选择。"] and any("隐藏" in change for change in moodle["选词"].changes)


def test_tables_formulas_and_raised_figures_become_text_with_marks(moodle):
    one = moodle["表格题"]
    assert "年份 | 期限\n2007 | 15\n2019 | 20" in one.item.stem
    assert r"m\({}^{2}\)" in one.item.stem and r"\(\frac{1}{2}\)" in one.item.stem and r"\[a+b\]" in one.item.stem
    assert one.changes == ["表格变成了逐行的文字。"]


def test_errors_in_the_middle_of_an_older_file_cost_only_the_questions_they_are_in():
    found = read("moodlexml", (SAMPLES / "moodle3.xml").read_bytes())  # with a byte order mark and CRLF
    assert [(one.place, one.item is not None) for one in found] == [
        ("第12行 要求", True), ("第59行 坏的一题", False), ("第100行", False), ("第133行 推荐", True)
    ]  # fmt: skip
    assert found[3].item.stem == "标准中表示推荐的能愿动词是哪一个？" and found[3].item.point == "标准编写/能愿动词"
    assert "XML 有错" in found[1].refusal and "没有结束" in found[2].refusal


# ---- GIFT ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gift():
    return read("gift", (SAMPLES / "gift.txt").read_bytes())


def test_every_shape_of_the_gift_documentation_is_read(gift):
    kinds = [one.item.kind if one.item else None for one in gift]
    assert kinds == [
        "single", "multiple", "fill", "judge", "judge", "numeric", "numeric", "numeric", "match", "short", "essay", "judge",
        None, None, "single", "judge",
    ]  # fmt: skip
    first = gift[0].item
    assert (first.code, first.tags, first.point) == ("G-33", ("时限", "条例]2019"), "政策/依申请公开")
    assert first.explanation == "A：太短\nB：这是2007年的规定\nC：对"
    assert gift[2].item.stem == "现行条例自 _____ 起施行。" and gift[2].item.key == [["2019年5月15日", "2019.5.15", "2019-05-15"]]
    assert gift[6].item.key == {"value": "2", "tolerance": "1", "relative": False} and gift[6].item.point == "政策/数字"
    assert gift[8].item.content["right"] == ["要求", "推荐", "允许", "陈述"]


def test_escaped_signs_of_gift_are_signs(gift):
    assert gift[11].item.stem == r"集合 A={1, 2}，比率 3:5，编号 #1，约 ~2，公式 \(\frac{1}{2}\)。对吗？"


def test_what_gift_cannot_mean_is_refused_in_its_place_and_the_reading_goes_on(gift):
    assert [one.place for one in gift[12:]] == ["第45行", "第47行", "第49行", "第51行 末题"]
    assert "花括号" in gift[12].refusal and "说明" in gift[13].refusal and gift[14].changes == ["Markdown 标记按普通文字处理。"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_usual_encoding_and_line_end_reads_the_same(gift, encoding, end):
    text = (SAMPLES / "gift.txt").read_text(encoding="utf-8").replace("\n", end)
    found = read("gift", text.encode(encoding))
    assert [(one.place, one.item) for one in found] == [(one.place, one.item) for one in gift]


def test_byte_order_marks_in_the_middle_of_files_that_were_put_together_mean_nothing():
    data = "甲。{T}\n\n".encode("utf-8-sig") + "乙。{F}".encode("utf-8-sig")
    assert [one.item.stem for one in read("gift", data)] == ["甲。", "乙。"]


@pytest.mark.parametrize("encoding", ["gb2312", "GBK", "gb18030"])
def test_xml_may_declare_another_encoding(encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?><quiz><question type="truefalse"><questiontext><text>甲&nbsp;乙。</text></questiontext>'
    text += '<answer fraction="100"><text>true</text></answer></question></quiz>'
    (found,) = read("moodlexml", text.encode("gb18030"))
    assert found.item.stem == "甲 乙。"


# ---- Aiken ---------------------------------------------------------------------------------


def test_aiken_in_gbk_with_chinese_habits_is_read():
    found = read("aiken", (SAMPLES / "aiken-gbk.txt").read_bytes())
    assert [(one.place, one.kind, one.item.key if one.item else None) for one in found] == [
        ("第1行", "single", ["C"]), ("第8行", "", None), ("第12行", "single", ["B"]), ("第18行", "multiple", ["A", "B"])
    ]  # fmt: skip
    assert "ANSWER:" in found[1].refusal


# ---- QTI 3.0 -------------------------------------------------------------------------------


def package(folder: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for file in sorted((SAMPLES / "qti").rglob("*")):
            if file.is_file():
                archive.write(file, f"{folder}{file.relative_to(SAMPLES / 'qti')}")
    return out.getvalue()


@pytest.mark.parametrize("folder", ["", "export/"])
def test_a_package_is_read_item_by_item(folder):
    found = {one.place.partition(" ")[0]: one for one in read("qti", package(folder))}
    assert {place: one.item.kind if one.item else None for place, one in found.items()} == {
        "test.xml": None, "items/choice.xml": "single", "items/choice_multiple.xml": "multiple", "items/text_entry.xml": "fill",
        "items/inline_choice.xml": "cloze", "items/order.xml": "order", "items/match.xml": "match", "items/hotspot.xml": None,
        "items/broken.xml": None, "items/missing.xml": None,
    }  # fmt: skip
    choice = found["items/choice.xml"].item
    assert choice.key == ["C"] and len(choice.images) == 1 and choice.stem.endswith("期限是几个工作日？") and choice.code == "choice"
    assert choice.explanation == "反馈：这是旧条例。"
    assert found["items/order.xml"].item.key == ["登记", "审核", "答复"]
    assert found["items/match.xml"].item.key == {"应": "要求", "宜": "推荐", "可": "允许"}
    assert found["items/text_entry.xml"].item.stem == "现行条例自____起施行。" and found["items/text_entry.xml"].changes
    assert "hotspot" in found["items/hotspot.xml"].refusal and "包里却没有" in found["items/missing.xml"].refusal


def test_one_item_may_come_alone():
    (found,) = formats.of("qti").read((SAMPLES / "qti/items/order.xml").read_bytes(), name="order.xml")
    assert found.item.kind == "order" and found.place == "order.xml 办理顺序"


def test_older_qti_is_named_for_what_it_is():
    (found,) = read("qti", b'<assessmentItem xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" identifier="x" title="x"/>')
    assert "旧版" in found.refusal


# ---- telling formats apart -----------------------------------------------------------------


def test_a_file_says_itself_what_it_is():
    files = {
        "moodle4.xml": "moodlexml",
        "moodle3.xml": "moodlexml",
        "gift.txt": "gift",
        "aiken-gbk.txt": "aiken",
        "qti/items/order.xml": "qti",
    }
    assert {name: formats.guess((SAMPLES / name).read_bytes(), name) for name in files} == files
    for gift in ("::Q1::[html]<p>7个工作日？</p>{=<p>对</p> ~<p>错</p>}", "<p>几个工作日？</p>{=20 ~7}", "\ufeff::Q::[html]<b>答</b>{T}"):
        assert formats.guess(gift.encode(), "moodle.txt") == "gift"
    assert formats.guess('\ufeff<?xml version="1.0"?><quiz></quiz>'.encode(), "x.xml") == "moodlexml"
    assert formats.guess('<?xml version="1.0"?><quiz></quiz>'.encode("utf-16"), "x.xml") == "moodlexml"
    assert formats.guess(package(), "x.zip") == "qti" and formats.guess("编号,题型".encode(), "x.csv") == "xlsx"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("answer", ["答案：B", "答案: B", "正确答案：B", "ANSWER：B", "answer : B"])
def test_a_chinese_aiken_file_says_what_it_is(encoding, answer):
    text = f"自收到申请之日起几个工作日内答复？\nA、七个工作日\nB、二十个工作日\n{answer}\n"
    assert formats.guess(text.encode(encoding), "题库.txt") == "aiken"
    (found,) = formats.of("aiken").read(text.encode(encoding), name="题库.txt")
    assert found.item.key == ["B"]


def test_a_formula_makes_no_gift_of_an_aiken_file_and_a_word_of_the_answer_no_aiken_of_gift():
    assert formats.guess("比例为$$\\frac{1}{2}$$？\nA. 对\nB. 错\nANSWER: A\n".encode(), "x.txt") == "aiken"
    assert formats.guess("几日？{=20#\n答案：二十日\n~7}".encode(), "x.txt") == "gift"
    long = "".join(f"第{n}题？\nA、甲\nB、乙\n答案：B\n\n" for n in range(6000))
    assert formats.guess(long.encode("gb18030"), "x.txt") == formats.guess(long.encode("utf-16"), "x.txt") == "aiken"


def test_a_file_under_the_wrong_format_is_refused_or_yields_reasons():
    for key in ("moodlexml", "qti", "xlsx"):
        with pytest.raises(Refused):
            read(key, (SAMPLES / "gift.txt").read_bytes())
    for key, name in (("gift", "moodle4.xml"), ("aiken", "gift.txt")):
        assert all(one.refusal for one in read(key, (SAMPLES / name).read_bytes()) if one.item is None)


# ---- a workbook as a county fills it in ----------------------------------------------------


def test_a_workbook_with_a_title_row_and_a_sheet_of_hints_is_read_row_by_row():
    found = {one.code: one for one in read("xlsx", (SAMPLES / "questions.xlsx").read_bytes())}

    assert [one.place for one in found.values()] == [f"第{number}行" for number in range(3, 10)]
    assert {code for code, one in found.items() if one.item is None} == {"T06"} and "答案" in found["T06"].reason
    assert found["T02"].item.key == ["A", "B", "C"], "written in full-width letters"
    assert found["T03"].item.key is False and found["T05"].item.kind == "order"
    assert list(found["7"].item.content["options"].values()) == ["7", "20.5", "2026-01-01"]


def test_of_two_sheets_with_questions_each_row_names_its_own():
    book = openpyxl.load_workbook(SAMPLES / "questions.xlsx")
    book.copy_worksheet(book.worksheets[0]).title = "第二批"
    out = io.BytesIO()
    book.save(out)

    places = [one.place for one in read("xlsx", out.getvalue())]
    first = book.worksheets[0].title
    assert places == [f"“{title}”第{number}行" for title in (first, "第二批") for number in range(3, 10)]
