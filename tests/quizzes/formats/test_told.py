"""What a report says is what happened: of encodings that were guessed, of blank lines that are missing, of files that were not written."""

import io
import json

import openpyxl
import pytest
from django.core.management import CommandError, call_command

from core.tables import decoded
from quizzes import formats
from quizzes.formats import sheet
from quizzes.models import Question
from quizzes.services import bank
from tests.cast import NOON

SIMPLE = "行政机关不能当场答复的，应当自收到申请之日起几个工作日内予以答复？\nA. 七个工作日\nB. 二十个工作日\nANSWER: B\n"
FULL = "行政機關不能當場答復的，應當自收到申請之日起幾個工作日內予以答復？\nA. 七個工作日\nB. 二十個工作日\nANSWER: B\n"


def read(text, key="gift", encoding="utf-8"):
    data = text.encode(encoding) if isinstance(text, str) else text
    return list(formats.of(key).read(data, name="x.txt"))


# ---- encodings


@pytest.mark.parametrize(
    ("text", "encoding", "name"),
    [(SIMPLE, "gb18030", "GBK"), (FULL, "cp950", "Big5"), (SIMPLE, "utf-8-sig", "UTF-8"), (FULL, "utf-16", "UTF-16")],
)
def test_encodings_are_told_apart(text, encoding, name):
    assert decoded(text.encode(encoding)) == (text, name, True)
    (found,) = read(text, "aiken", encoding)
    assert found.item.stem == text.split("\n")[0] and found.item.key == ["B"] and found.doubts == []


def test_an_encoding_that_cannot_be_decided_is_a_doubt_in_the_report(cast):
    data = "题\nA. 瓩\nB. 乙\nANSWER: B\n".encode("gb18030")  # four signs, too few to tell
    report = bank.import_file(io.BytesIO(data), name="x.txt", format="aiken", county=cast.county, at=NOON, course_code="P01", dry_run=True)
    assert [outcome.outcome for outcome in report.outcomes] == ["imported"] and "编码是推测的" in report.outcomes[0].reasons[0]
    assert any("编码是推测的" in warning.message for warning in report.warnings)


def test_utf16_without_its_mark_and_mac_line_ends_are_read():
    for encoding in ("utf-16-le", "utf-16-be"):
        (found,) = read(SIMPLE.replace("\n", "\r"), "aiken", encoding)
        assert found.item.key == ["B"] and found.doubts == []


# ---- GIFT without blank lines


@pytest.mark.parametrize("between", ["\n", "\r\n", "\n// a comment\n", "\n// [id:Z9]\n"])
def test_two_items_without_a_blank_line_between_are_two(between):
    one, two = read(f"::甲::几日？{{=7 ~20}}{between}::乙::对吗？{{T}}\n")
    assert (one.item.kind, one.item.stem, two.item.kind, two.item.stem) == ("single", "几日？", "judge", "对吗？")
    assert two.item.code == "Z9" or "Z9" not in between


def test_items_over_several_lines_without_blank_lines_are_split_where_one_ends():
    found = read("几日？{\n=7\n~20\n}\n第二题\n题干？{\n=甲\n~乙\n}\n三{T}\n")
    assert [one.item.stem for one in found] == ["几日？", "第二题\n题干？", "三"]
    assert [one.place for one in found] == ["第1行", "第5行", "第10行"]


def test_a_missing_word_and_escaped_braces_are_not_split():
    (one,) = read("以{=公开 ~保密}\n为常态。\n")
    assert one.item.stem.endswith("为常态。")
    (two,) = read("集合\\{1\\}\n有几个元素？{=1 ~2}\n")
    assert two.item.stem == "集合{1}\n有几个元素？"


def test_two_blanks_in_one_text_are_told_and_not_merged():
    (one,) = read("以{=公开}为常态、以{=不公开}为例外。\n")
    assert one.item is None and "2 处带答案的花括号" in one.reason and "不配对" not in one.reason
    (formula,) = read("$$\\frac{1}{2}$$是多少？{=0.5 ~2}\n")
    assert "不配对" in formula.reason and "公式" in formula.reason


@pytest.mark.parametrize(
    "options",
    [
        "A、七日  B、二十日  C、三十日",
        "A、七日 B、十五日\nC、二十日 D、三十日",
        "A. 七日 B. 二十日",
        "A．七日B．二十日",
        "A. 维生素C．的用量 B. 无",
    ],
)
def test_options_on_one_line_are_called_that(options):
    (found,) = read(f"几日内答复？\n{options}\n答案：B\n", "aiken")
    assert found.item is None and "每个选项单独一行" in found.reason and "现有" not in found.reason


def test_options_that_speak_of_options_stay_options():
    (found,) = read("哪些对？\nA、只有 B、C 对\nB、只有甲\nC、都对\n答案：A\n", "aiken")
    assert found.item.content["options"]["A"] == "只有 B、C 对"


# ---- headings in Aiken


QUESTION = "{number}几日内答复？\nA. 七日\nB. 二十日\nANSWER: B\n\n"


@pytest.mark.parametrize("heading", ["一、单选题（每题2分）\n\n", "第一部分\n\n一、单选题\n\n"])
def test_a_heading_before_a_numbered_question_is_refused_and_joins_no_stem(heading):
    text = heading + QUESTION.format(number="1. ") + "二、判断题\n\n" + QUESTION.format(number="2. ")
    first, one, second, two = read(text, "aiken")
    assert first.item is None and "单选题" in first.reason and "没有选项" in first.reason and first.place == "第1行"
    assert second.item is None and "判断题" in second.reason
    assert [each.item.stem for each in (one, two)] == ["1. 几日内答复？", "2. 几日内答复？"] and one.doubts == two.doubts == []


def test_a_line_that_stands_alone_before_a_stem_without_a_number_is_told():
    (one,) = read("一、单选题\n\n" + QUESTION.format(number=""), "aiken")
    assert one.item.stem == "一、单选题\n几日内答复？" and "一、单选题" in one.doubts[0] and "标题" in one.doubts[0]


def test_a_stem_of_several_paragraphs_stays_one():
    (one,) = read("1. 阅读材料：\n\n某县收到申请。\n\n几日内答复？\nA. 七日\nB. 二十日\nANSWER: B\n", "aiken")
    assert one.item.stem == "1. 阅读材料：\n某县收到申请。\n几日内答复？" and one.doubts == []
    (two,) = read("某县收到申请，\n要求公开。\n\n几日内答复？\nA. 七日\nB. 二十日\nANSWER: B\n", "aiken")
    assert two.item is not None and two.doubts == []


# ---- full-width signs in GIFT


@pytest.mark.parametrize(
    ("text", "kind", "content"),
    [
        ("首都是？{＝北京 ～上海}", "single", {"options": {"A": "北京", "B": "上海"}}),
        ("首都是？{\n～ 上海\n＝ 北京\n}", "single", {"options": {"A": "上海", "B": "北京"}}),
        ("哪些对？{～%50%甲 ～%50%乙 ～丙}", "multiple", {"options": {"A": "甲", "B": "乙", "C": "丙"}}),
        ("首都是？{＝北京}", "short", {}),
        ("首都是？｛=北京 ~上海｝", "single", {"options": {"A": "北京", "B": "上海"}}),
        ("首都是？｛＝北京 ～上海｝", "single", {"options": {"A": "北京", "B": "上海"}}),
        ("对吗？｛T｝", "judge", {}),
    ],
)
def test_full_width_signs_of_an_item_that_has_no_others_are_read_and_told(text, kind, content):
    (one,) = read(text)
    assert one.refusal == "" and (one.item.kind, one.item.content) == (kind, content)
    assert one.changes and all("全角" in said for said in one.changes)


@pytest.mark.parametrize(
    "text",
    [
        "首都是？{＝北京～上海}",
        "首都是？{=北京 ～上海}",
        "首都是？{~上海 ＝北京}",
        "首都是？{=北京 ~天津 ～上海}",
        "首都是？{北京 ～上海}",
        "首都是？{=北京 ~上海｝",
        "集合｛1，2｝有几个元素",
        "空集记作｛｝。",
        "甲？｛T｝乙？｛F｝",
    ],
)
def test_full_width_signs_that_may_be_text_are_refused_with_the_reason(text):
    (one,) = read(text)
    assert one.item is None and "全角" in one.reason


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("几日？{=5～10 =5-10}", [{"pattern": "5～10", "share": "1"}, {"pattern": "5-10", "share": "1"}]),
        ("几日？{5～10}", [{"pattern": "5～10", "share": "1"}]),
        ("等号写作？{＝}", [{"pattern": "＝", "share": "1"}]),
        ("x ＝ 5 对吗，集合｛1｝呢？{T}", True),
        ("几日？{=20#第33条 ＝20日 ~7}", ["A"]),
    ],
)
def test_full_width_text_stays_what_it_is(text, key):
    (one,) = read(text)
    assert (one.refusal, one.changes if "#" not in text else [], one.item.key) == ("", [], key)


def test_a_category_right_behind_an_item_is_a_category():
    one, two = read("对吗？{T}\n$CATEGORY: 依申请\n\n错吗？{F}\n")
    assert (one.item.stem, one.item.point, two.item.point) == ("对吗？", "", "依申请")


def test_many_items_without_blank_lines_take_no_long_time():
    found = read("\n".join(f"第{n}题？{{T}}" for n in range(5000)))
    assert len(found) == 5000 and all(one.item for one in found)


# ---- doubled questions


def test_a_doubled_question_without_a_code_is_told_by_its_stem(cast):
    text = "对吗？{T}\n\n对吗？{T}\n\n// [id:A1]\n甲？{T}\n\n// [id:A1]\n乙？{T}\n"
    report = bank.import_file(
        io.BytesIO(text.encode()), name="x.txt", format="gift", county=cast.county, at=NOON, course_code="P01", dry_run=True
    )
    first, *others = (str(error.message) for error in report.refused)
    assert "题干重复" in first and "编号与" not in first
    assert len(others) == 2 and all("编号" in one and "题干重复" not in one for one in others)


def test_of_rows_with_one_code_none_is_taken_and_each_names_the_others(cast):
    text = "// [id:A1]\n甲？{T}\n\n// [id:A2]\n丙？{T}\n\n// [id:A1]\n乙？{T}\n"
    report = bank.import_file(
        io.BytesIO(text.encode()), name="x.txt", format="gift", county=cast.county, at=NOON, course_code="P01", skip_bad=True
    )
    first, second = report.refused
    assert second.place in str(first.message) and first.place in str(second.message)
    assert list(Question.objects.values_list("code", flat=True)) == ["A2"]


# ---- a file that was refused


@pytest.fixture
def files(tmp_path):
    (tmp_path / "bank.txt").write_text("// [id:A1]\n对吗？{T}\n\n没有答案的说明\n\n// [id:A2]\n错吗？{F}\n", encoding="utf-8")
    return tmp_path / "bank.txt", tmp_path / "report.json"


def lines_of(report):
    return json.loads(report.read_text())


def test_a_refused_import_reports_nothing_as_imported(cast, files):
    file, report = files
    with pytest.raises(CommandError):
        call_command("import_questions", str(file), county=cast.county.code, course="P01", report=str(report))
    head, *lines = lines_of(report)
    assert not Question.objects.exists()
    assert (head["place"], head["outcome"]) == ("bank.txt", "refused") and "没有写入" in head["reason"]
    assert [line["outcome"] for line in lines] == ["refused"] * 3 and [line["bank"] for line in lines] == [""] * 3
    assert "本题没有问题" in lines[0]["reason"] and "花括号" in lines[1]["reason"] and "本题没有问题" not in lines[1]["reason"]


def test_an_import_that_leaves_the_bad_ones_out_reports_what_it_wrote(cast, files):
    file, report = files
    call_command("import_questions", str(file), county=cast.county.code, course="P01", skip_bad=True, report=str(report))
    assert [(line["code"], line["outcome"]) for line in lines_of(report)] == [("A1", "imported"), ("", "refused"), ("A2", "imported")]
    assert Question.objects.count() == 2


def test_a_file_that_is_none_of_its_format_has_a_report_too(cast, tmp_path):
    file, report = tmp_path / "x.xml", tmp_path / "report.json"
    file.write_text('<?xml version="1.0"?><!DOCTYPE quiz [<!ENTITY a "b">]><quiz>&a;</quiz>')
    with pytest.raises(CommandError):
        call_command("import_questions", str(file), format="moodlexml", county=cast.county.code, report=str(report))
    (line,) = lines_of(report)
    assert (line["place"], line["outcome"]) == ("x.xml", "refused") and line["reason"]


# ---- weights that we do not have


def qti_item(declared: str, body: str, processing: str = "") -> str:
    return (
        '<qti-assessment-item xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0" identifier="I" title="I">'
        f"{declared}<qti-item-body><p>下列说法：{body}</p></qti-item-body>{processing}</qti-assessment-item>"
    )


def declaration(cardinality: str, base_type: str, right: str, entries: dict[str, str], default: str = "0") -> str:
    values = "".join(f"<qti-value>{value}</qti-value>" for value in right.split("|"))
    rows = "".join(f'<qti-map-entry map-key="{key}" mapped-value="{value}"/>' for key, value in entries.items())
    return (
        f'<qti-response-declaration identifier="R" cardinality="{cardinality}" base-type="{base_type}"><qti-correct-response>{values}'
        f'</qti-correct-response><qti-mapping default-value="{default}">{rows}</qti-mapping></qti-response-declaration>'
    )


def options(name: str, *letters: str) -> str:
    return "".join(f'<{name} identifier="{letter}">选项{letter}</{name}>' for letter in letters)


CHOICE = f'<qti-choice-interaction response-identifier="R">{options("qti-simple-choice", "A", "B", "C")}</qti-choice-interaction>'
INLINE = f'<qti-inline-choice-interaction response-identifier="R">{options("qti-inline-choice", "A", "B")}</qti-inline-choice-interaction>'
SET = '<qti-simple-associable-choice identifier="{0}" match-max="1">甲{0}</qti-simple-associable-choice>'
PAIRS = (
    '<qti-match-interaction response-identifier="R">'
    + "".join(
        f"<qti-simple-match-set>{''.join(SET.format(name) for name in column)}</qti-simple-match-set>"
        for column in (("L", "M"), ("X", "Y"))
    )
    + "</qti-match-interaction>"
)
MATCH = ("multiple", "directedPair", "L X|M Y")


@pytest.mark.parametrize(
    ("declared", "body", "said"),
    [
        (("single", "identifier", "A", {"A": "1", "B": "-0.5"}), CHOICE, "扣分"),
        (("multiple", "identifier", "A|B", {"A": "0.5", "B": "0.5", "C": "-1"}), CHOICE, None),
        (("multiple", "identifier", "A|B", {"A": "0.5", "B": "0.5"}, "-1"), CHOICE, None),
        (("multiple", "identifier", "A", {"A": "1", "B": "-1", "C": "-0.5"}), CHOICE, "扣分"),
        (("multiple", "identifier", "A|B", {"A": "0.5", "B": "0.5", "C": "0.5"}), CHOICE, "部分"),
        (("multiple", "identifier", "A|B", {"A": "1"}), CHOICE, "权重"),
        (("single", "identifier", "A", {"A": "1"}), INLINE, None),
        (("single", "identifier", "A", {"A": "1", "B": "0.5"}), INLINE, "部分"),
        (("single", "identifier", "A", {"A": "1"}, "-1"), INLINE, "扣分"),
        ((*MATCH, {"L X": "0.5", "M Y": "0.5"}), PAIRS, None),
        ((*MATCH, {"L X": "0.7", "M Y": "0.3"}), PAIRS, "权重"),
        ((*MATCH, {"L X": "0.5", "M Y": "0.5", "L Y": "-0.5"}), PAIRS, "扣分"),
    ],
)
def test_qti_weights_that_are_not_kept_are_told(declared, body, said):
    (found,) = read(qti_item(declaration(*declared), body), "qti")
    assert found.refusal == ""
    assert found.changes == [] if said is None else any(said in line for line in found.changes)


def given(test: str, value: str, otherwise: str = "", outcome: str = "SCORE", more: str = "") -> str:
    """A condition of QTI: where the test holds, the outcome is this value, else that one."""
    otherwise = f"<qti-response-else>{gives(otherwise, outcome)}</qti-response-else>" if otherwise else ""
    return f"<qti-response-condition><qti-response-if>{test}{gives(value, outcome)}{more}</qti-response-if>{otherwise}</qti-response-condition>"


def gives(value: str, outcome: str = "SCORE") -> str:
    value = value if value.startswith("<") else f'<qti-base-value base-type="float">{value}</qti-base-value>'
    return f'<qti-set-outcome-value identifier="{outcome}">{value}</qti-set-outcome-value>'


ASKED, KEYED, MAPPED = '<qti-variable identifier="R"/>', '<qti-correct identifier="R"/>', '<qti-map-response identifier="R"/>'
RIGHT = f"<qti-match>{ASKED}{KEYED}</qti-match>"
IS_C = f'<qti-match>{ASKED}<qti-base-value base-type="identifier">C</qti-base-value></qti-match>'
EMPTY = f"<qti-is-null>{ASKED}</qti-is-null>"
TEMPLATE = 'template="https://purl.imsglobal.org/spec/qti/v3p0/rptemplates/{}.xml"'
SAYS = '<qti-outcome-declaration identifier="SAYS" cardinality="single" base-type="identifier"/>'


@pytest.mark.parametrize(
    ("rules", "is_ours"),
    [
        (TEMPLATE.format("match_correct"), True),
        (TEMPLATE.format("map_response"), True),
        (TEMPLATE.format("our_own_rule"), False),
        (given(RIGHT, "1"), True),
        (given(RIGHT, "1", "0"), True),
        (gives("0") + given(RIGHT, "5"), True),
        (gives(MAPPED), True),
        (given(EMPTY, "0", MAPPED), True),
        (given(RIGHT, "1", "0", more=gives("WELL_DONE", "SAYS")) + given(IS_C, "LOOK_AGAIN", outcome="SAYS"), True),
        (given(IS_C, "1"), False),
        (given(RIGHT, "0", "1"), False),
        (given(RIGHT, "-1"), False),
        (given(RIGHT, "1") + given(RIGHT, "0.5"), False),
        (given(RIGHT, "1", "0.5"), False),
        (given(f"<qti-not>{RIGHT}</qti-not>", "1"), False),
        (gives("1"), False),
        (gives(ASKED), False),
        ("<qti-response-processing-fragment/>", False),
    ],
)
def test_a_rule_of_marking_that_is_not_ours_is_told(rules, is_ours):
    processing = (
        f"<qti-response-processing {rules}/>"
        if rules.startswith("template")
        else f"<qti-response-processing>{rules}</qti-response-processing>"
    )
    (found,) = read(qti_item(declaration("single", "identifier", "A", {"A": "1"}) + SAYS, CHOICE, processing), "qti")
    assert found.item.key == ["A"]
    assert found.changes == ([] if is_ours else ["文件自带的评分规则未保留：按测试的计分方式计分。"])


def test_blanks_that_are_worth_more_than_others_are_told():
    declared = "".join(
        f'<qti-response-declaration identifier="R{n}" cardinality="single" base-type="string"><qti-mapping default-value="0">'
        f'<qti-map-entry map-key="甲" mapped-value="{n}"/></qti-mapping></qti-response-declaration>'
        for n in (1, 2)
    )
    body = "以" + "、".join(f'<qti-text-entry-interaction response-identifier="R{n}"/>' for n in (1, 2))
    (found,) = read(qti_item(declared, body), "qti")
    assert found.item.key == [["甲"], ["甲"]] and any("权重" in line for line in found.changes)


TYPED = '<qti-text-entry-interaction response-identifier="R"{}/>'
CASED = "大小写"


@pytest.mark.parametrize(
    ("right", "rules", "is_told"),
    [
        ("GIS", TEMPLATE.format("match_correct"), True),
        ("GIS", given(RIGHT, "1"), True),
        ("GIS", TEMPLATE.format("map_response"), False),
        ("二十", TEMPLATE.format("match_correct"), False),  # signs without case
    ],
)
def test_a_text_that_qti_compares_sign_for_sign_is_told_where_case_would_count(right, rules, is_told):
    processing = (
        f"<qti-response-processing {rules}/>"
        if rules.startswith("template")
        else f"<qti-response-processing>{rules}</qti-response-processing>"
    )
    (found,) = read(qti_item(declaration("single", "string", right, {right: "1"}), TYPED.format(""), processing), "qti")
    assert found.item.key == [[right]] and [CASED in line for line in found.changes] == [True] * is_told


def test_a_pattern_of_another_program_compares_case_and_ours_does_not():
    test = '<qti-pattern-match pattern="GIS.*"><qti-variable identifier="R"/></qti-pattern-match>'
    declared = '<qti-response-declaration identifier="R" cardinality="single" base-type="string"/>'
    item = qti_item(declared, TYPED.format(""), f"<qti-response-processing>{given(test, '1')}</qti-response-processing>")
    (found,) = read(item, "qti")
    assert found.item.kind == "short" and [CASED in line for line in found.changes] == [True]
    out = io.BytesIO()
    formats.of("qti").write([found.item], out)
    (again,) = read(out.getvalue(), "qti")
    assert again.changes == [] and again.item.key == found.item.key


def test_what_qti_fills_in_beforehand_and_which_answers_it_lets_in_is_told():
    declared = declaration("single", "string", "二十", {"二十": "1"})
    filled = declared.replace("<qti-correct", "<qti-default-value><qti-value>十</qti-value></qti-default-value><qti-correct", 1)
    for item, said in (
        (qti_item(filled, TYPED.format("")), "预填"),
        (qti_item(declared, TYPED.format(' pattern-mask="[0-9]+"')), "[0-9]+"),
    ):
        (found,) = read(item, "qti")
        assert len(found.changes) == 1 and said in found.changes[0]


@pytest.mark.parametrize(
    ("accepted", "is_taken"), [("=*", False), ("=公开~*", True), ("%50%*~=公开", False), ("=公*", False), (r"=\\*", True)]
)
def test_a_blank_of_moodle_that_accepts_whatever_is_written_is_refused(accepted, is_taken):
    text = f"以{{1:SHORTANSWER:{accepted}}}为常态。"
    xml = f'<quiz><question type="cloze"><questiontext format="html"><text>{text}</text></questiontext></question></quiz>'
    (found,) = read(xml, "moodlexml")
    assert (found.item is not None) == is_taken, found.reason


# ---- Moodle's limits in words


@pytest.mark.parametrize(("limit", "is_told"), [("<maxwordlimit>300</maxwordlimit>", True), ("<maxwordlimit></maxwordlimit>", False)])
def test_that_limits_in_words_are_not_kept_is_told(limit, is_told):
    essay = f"<quiz><question type='essay'><questiontext><text>谈谈依申请公开。</text></questiontext>{limit}</question></quiz>"

    (found,) = read(essay, "moodlexml")

    assert found.item.kind == "essay"
    assert any("按词计" in str(change) for change in found.changes) is is_told


def test_a_number_with_commas_keeps_its_last_digit():
    (found,) = read("多少？{#1,234,567,890,123}\n")
    assert found.item.key["value"] == "1234567890123"


# ---- cells that no column of ours reads


HEADER = ["编号", "题型", "课程", "难度", "题干", "选项A", "选项B", "选项C", "答案"]
SINGLE = ["Q1", "单选题", "P01", 1, "几日？", "7", "20", None, "B"]


def workbook(*rows, header=HEADER, shape=lambda book: None) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in (header, *rows):
        book.active.append(row)
    shape(book)
    book.save(out)
    return out.getvalue()


def test_a_cell_under_a_heading_that_is_not_read_is_told_once():
    header = [*HEADER[:8], "选项K", "答案", "分值", "备注"]
    first, second, third = read(
        workbook(
            [*SINGLE[:8], "30", "B", 2, "甲卷"],
            ["Q2", *SINGLE[1:8], None, "B", None, None],
            ["Q3", *SINGLE[1:8], None, "K", 2, "  "],
            header=header,
        ),
        "xlsx",
    )
    assert first.item.content["options"] == {"A": "7", "B": "20"}
    for name, text in (("选项K", "30"), ("分值", "2"), ("备注", "甲卷")):
        assert [name in line and text in line for line in first.changes].count(True) == 1
    assert len(first.changes) == 3
    assert second.item and second.changes == second.doubts == []  # a heading alone says nothing
    assert third.refusal and ["分值" in line for line in third.doubts] == [True]


def test_a_cell_under_no_heading_or_one_that_stands_twice_is_told_by_its_column():
    header = [*HEADER, "备注", "备注", None]
    (found,) = read(workbook([*SINGLE, None, "又一条", "没有标题"], header=header), "xlsx")
    assert ["K" in found.changes[0] and "又一条" in found.changes[0], "L" in found.changes[1]] == [True, True] and len(found.changes) == 2
    (plain,) = read(("\t".join(HEADER) + "\n" + "\t".join(map(str, SINGLE)).replace("None", "") + "\t多出来的").encode(), "xlsx")
    assert "J" in plain.changes[0] and "多出来的" in plain.changes[0]


@pytest.mark.parametrize(
    ("kind", "answer", "stem"),
    [("判断题", "错误", "对吗？"), ("简答题", "主动公开", "哪种？"), ("填空题", "公开", "以____为常态。"), ("论述题", "略", "谈谈。")],
)
def test_options_that_a_kind_does_not_have_are_told(kind, answer, stem):
    (found,) = read(workbook(["Q1", kind, "P01", 1, stem, "甲", None, "乙", answer]), "xlsx")
    assert found.item and ["选项A" in found.changes[0], "选项C" in found.changes[1], len(found.changes)] == [True, True, 2]


def test_right_and_wrong_as_options_of_true_or_false_are_no_loss():
    (found,) = read(workbook(["Q1", "判断题", "P01", 1, "对吗？", "正确", "错误", None, "错误"]), "xlsx")
    assert found.item.key is False and found.changes == []


@pytest.mark.parametrize(
    ("first", "second", "answer", "key"),
    [
        ("正确", "错误", "A", True),
        ("错误", "正确", "A", False),
        ("对", "错", "Ｂ", False),
        ("√", "×", "a.", True),
        ("合法", "违法", "A", None),
    ],
)
def test_a_true_or_false_may_be_answered_by_the_letter_of_its_option(first, second, answer, key):
    (found,) = read(workbook(["Q1", "判断题", "P01", 1, "对吗？", first, second, None, answer]), "xlsx")
    assert found.changes == [] and (found.item is None if key is None else found.item.key is key)


@pytest.mark.parametrize(
    ("stem", "answer", "taken", "is_told"),
    [
        ("以（　）为常态，不公开为( )。", "公开；例外", "以____为常态，不公开为____。", True),
        ("（　）以____为常态。", "公开", "（　）以____为常态。", False),
        ("以（公开）为常态。", "公开", None, False),
        ("main()返回（ )，f( )呢？", "0", "main()返回____，f( )呢？", True),
    ],
)
def test_empty_brackets_are_the_blanks_of_a_stem_that_has_no_others(stem, answer, taken, is_told):
    (found,) = read(workbook(["Q1", "填空题", "P01", 1, stem, None, None, None, answer]), "xlsx")
    assert (found.item and found.item.stem) == taken and ["空括号" in line for line in found.changes] == [True] * is_told


def test_the_rows_that_were_refused_come_back_without_noise():
    refused, again = io.BytesIO(), None
    sheet.refused_rows(read(workbook([*SINGLE[:8], "D"]), "xlsx"), refused)
    book, mended = openpyxl.load_workbook(io.BytesIO(refused.getvalue())), io.BytesIO()
    book.active.cell(2, [cell.value for cell in book.active[1]].index("答案") + 1).value = "B"
    book.save(mended)
    (again,) = read(mended.getvalue(), "xlsx")
    assert again.item and again.changes == again.doubts == []


def test_a_cell_that_is_merged_into_the_one_above_it_is_told_where_it_is_read_empty():
    header = [*HEADER, "知识点"]
    first, second, third = read(
        workbook(
            [*SINGLE, "时限"],
            ["Q2", *SINGLE[1:3], 3, *SINGLE[4:], None],
            ["Q3", *SINGLE[1:], None],
            header=header,
            shape=lambda book: book.active.merge_cells("J2:J3"),
        ),
        "xlsx",
    )
    assert first.changes == third.changes == [] and second.item.point == ""
    assert "知识点" in second.changes[0] and "2" in second.changes[0]


def test_a_sheet_of_questions_that_lacks_a_column_is_refused_beside_the_others():
    def more(book):
        other = book.create_sheet("第二批")
        other.append([name for name in HEADER if name != "难度"])
        other.append([value for value in SINGLE if value != 1])
        book.create_sheet("填写说明").append(["题型", "怎么写"])

    first, second = read(workbook(SINGLE, shape=more), "xlsx")
    assert first.item and first.changes == [] and second.item is None and "第二批" in second.place and "难度" in second.reason
    out = io.BytesIO()
    sheet.refused_rows([second], out)
    assert openpyxl.load_workbook(out).active.max_row == 1


# ---- Aiken: what stands behind an answer


ONE, TWO = "1. 题一？\nA. 甲\nB. 乙\nANSWER: B\n", "2. 题二？\nA. 甲\nB. 乙\nANSWER: A\n"
BARE = TWO.removeprefix("2. ")


def behind(text):
    return [(one.item.stem, one.item.explanation, one.changes) for one in read(text, "aiken")]


@pytest.mark.parametrize("gap", ["", "\n", "\n\n"])
@pytest.mark.parametrize("two", [TWO, BARE])
def test_a_line_behind_the_answer_is_the_explanation_and_not_the_next_stem(gap, two):
    stem = two.split("\n")[0]
    for line in ("解析：因为", "【解析】因为", "答案解析: 因为", "说明：因为", "解释：因为", "Explanation: 因为"):
        assert behind(ONE + line + "\n" + gap + two) == [("1. 题一？", "因为", []), (stem, "", [])]
    assert behind(ONE + gap + two) == [("1. 题一？", "", []), (stem, "", [])]
    assert behind(ONE + gap + two + "解析：完") == [("1. 题一？", "", []), (stem, "完", [])]


def test_an_explanation_may_stand_behind_a_blank_line():
    assert behind(ONE + "\n解析：因为\n所以\n\n" + TWO) == [("1. 题一？", "因为\n所以", []), ("2. 题二？", "", [])]
    stems = [stem for stem, _explanation, _changes in behind(ONE + "\n说明：下列哪项对？\nA. 甲\nB. 乙\nANSWER: A\n")]
    assert stems == ["1. 题一？", "说明：下列哪项对？"]


def test_any_other_text_behind_the_answer_is_told_as_left_out():
    (first, second) = behind(ONE + "见教材第三章\n\n" + TWO)
    assert first[:2] == ("1. 题一？", "") and "见教材第三章" in first[2][0] and second == ("2. 题二？", "", [])
    (first, second) = behind(ONE + "难度：易\n解析：因为\n1. 甲\n2. 乙\n\n" + TWO)
    assert first[1] == "因为\n1. 甲\n2. 乙" and "难度：易" in first[2][0] and second == ("2. 题二？", "", [])
    (only,) = behind(ONE + "完")
    assert "完" in only[2][0]


def test_without_blank_lines_the_number_of_the_next_question_ends_what_belongs_to_the_answer():
    (first, second) = behind(ONE + "难度：易\n解析：因为\n所以\n" + TWO)
    assert first[:2] == ("1. 题一？", "因为\n所以") and "难度：易" in first[2][0] and second == ("2. 题二？", "", [])


def test_a_stem_with_a_blank_line_before_its_options_stays_a_stem():
    assert behind(ONE + "题二？\n\nA. 甲\nB. 乙\nANSWER: A\n") == [("1. 题一？", "", []), ("题二？", "", [])]
    assert behind(ONE + "说明：下列哪项对？\nA. 甲\nB. 乙\nANSWER: A\n")[1][0] == "说明：下列哪项对？"
    assert behind(ONE + "依条例：\n1. 甲\n3. 乙\n几项对？\nA. 甲\nB. 乙\nANSWER: A\n")[1][0] == "依条例：\n1. 甲\n3. 乙\n几项对？"


def test_a_numbered_stem_of_several_paragraphs_stays_whole_though_it_stands_right_behind_the_answer():
    two = "2. 阅读下列材料。\n\n某县有：\n1. 甲\n2. 乙\n\n几项对？\nA. 甲\nB. 乙\nANSWER: A\n"
    stem = two.split("\nA.")[0].replace("\n\n", "\n")
    assert behind(ONE + two) == [("1. 题一？", "", []), (stem, "", [])]
    for gap in ("", "\n"):
        assert behind(ONE + gap + "解析：因为。\n" + two) == [("1. 题一？", "因为。", []), (stem, "", [])]
    assert behind(ONE + "解析：因为\n1. 甲\n2. 乙\n\n" + two)[0] == ("1. 题一？", "因为\n1. 甲\n2. 乙", [])


def test_five_thousand_questions_without_blank_lines_take_no_long_time():
    found = read("".join(ONE.replace("1", str(number), 1) for number in range(1, 5_001)), "aiken")
    assert len(found) == 5_000 and all(one.item and not one.changes for one in found)


@pytest.mark.parametrize(
    "answer", ["1:SHORTANSWER:=a", ":SA:=a~b", "2:MULTICHOICE:=甲~乙", "1:NUMERICAL:=3:0.1", "1:MCV_S:~甲~=乙", "1:sac:=a"]
)
def test_the_syntax_of_moodles_cloze_in_the_braces_of_gift_is_refused_for_what_it_is(answer):
    (found,) = read(f"以{{{answer}}}为常态。\n")
    assert found.item is None and "完形" in found.reason
    (plain,) = read("以{=1\\:SHORTANSWER\\: ~乙}为常态。\n")
    assert plain.item.content["options"]["A"] == "1:SHORTANSWER:"
