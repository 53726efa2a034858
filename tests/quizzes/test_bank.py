"""Bringing question banks in."""

import io
from pathlib import Path

import pytest
import xlsxwriter
import yaml
from django.core.management import CommandError, call_command

from core.errors import Refused, RefusedRows
from courses.models import CoursePage
from quizzes import kinds
from quizzes.models import KnowledgePoint, Question
from quizzes.services import bank, papers, quizzes
from tests.cast import NOON
from tests.factories import make_course
from tests.quizzes.items import BANK

DEMO = Path(__file__).parents[2] / "home" / "demo"
HEADER = ["编号", "题型", "课程", "难度", "题干", "选项A", "选项B", "选项C", "答案", "解析", "依据", "核对", "知识点"]
GOOD = ["A1", "单选题", "P01", 1, "几个工作日？", "7", 20, None, "B", "", "第二十六条", "V", "时限"]


def workbook(*rows, header=HEADER, title=None):
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet("题库")
    for number, row in enumerate([*([[title]] if title else []), header, *rows]):
        sheet.write_row(number, 0, row)
    book.close()
    buffer.seek(0)
    return buffer


def load(cast, *rows, **how):
    return bank.import_file(workbook(*rows), name="题库.xlsx", county=cast.county, at=NOON, **how)


def test_the_sample_bank_comes_in_whole_and_twice_changes_nothing(cast, django_assert_max_num_queries):
    def sample():
        with (DEMO / "questions.xlsx").open("rb") as file:
            return bank.import_file(file, name="questions.xlsx", county=cast.county, at=NOON)

    with django_assert_max_num_queries(15):
        first = sample()
    assert (len(first.new), first.refused) == (40, []) and {one.outcome for one in first.outcomes} == {"imported"}
    again = sample()
    assert (again.new, again.changed, len(again.same)) == ([], [], 40)
    assert set(Question.objects.values_list("version", flat=True)) == {1}
    match = Question.objects.get(code="Q38")
    assert match.stem == "请将事项与法定期限配对。" and match.key["第三方提出意见"] == "15个工作日"
    assert Question.objects.get(code="Q32").key == [["3月31日", "三月三十一日", "3.31"]]
    assert Question.objects.get(code="Q35").key == ["登记", "审核", "办理", "答复", "归档"]
    assert Question.objects.get(code="Q23").key is False


def test_the_sample_bank_says_the_same_as_its_yaml(cast):
    with (DEMO / "questions.xlsx").open("rb") as file:
        bank.import_file(file, name="questions.xlsx", county=cast.county, at=NOON)
    for question in Question.objects.all():
        shown, key = question.item_kind.present(
            question.stem, question.content, question.key, rng=__import__("random").Random(1), shuffle=True
        )
        assert question.item_kind.mark(key, question.item_kind.read(shown, question.item_kind.right(shown, key))) == 1


@pytest.mark.parametrize("path", sorted((DEMO / "questions").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_demo_banks_come_in_whole(cast, path):
    rows = yaml.safe_load(path.read_text())["questions"]
    report = bank.import_rows(rows, county=cast.county, at=NOON)
    assert len(report.new) == len(rows) and not report.refused
    assert KnowledgePoint.objects.exists() or not any(row.get("point") for row in rows)
    again = bank.import_rows(rows, county=cast.county, at=NOON)
    assert (again.new, again.changed) == ([], [])


def test_a_changed_question_gets_a_new_version(cast):
    load(cast, GOOD)
    report = load(cast, [*GOOD[:4], "改了的题干？", *GOOD[5:]])
    question = Question.objects.get()
    assert report.changed == ["A1"] and question.version == 2 and question.stem == "改了的题干？" and question.point.name == "时限"


def test_facts_beside_the_content_change_neither_version_nor_review(cast):
    """As by the form: who imports tags, a point or a use has written no question anew."""
    load(cast, GOOD)
    Question.objects.update(status="reviewed")
    beside = [*GOOD[:12], "依申请公开/时限", "复习；时限", "仅供考试"]

    report = bank.import_file(
        workbook(beside, header=[*HEADER, "标签", "用途"]), name="题库.xlsx", county=cast.county, at=NOON, by=cast.trainer
    )

    question = Question.objects.get()
    assert report.changed == ["A1"] and (question.tags, question.is_reserved) == (["复习", "时限"], True)
    assert question.point.parent.name == "依申请公开"
    assert (question.version, question.status, question.edited_by) == (1, "reviewed", None) and question.versions.count() == 1


def test_a_question_out_of_use_stays_out_of_use(cast):
    load(cast, GOOD)
    Question.objects.update(status="retired")
    load(cast, [*GOOD[:4], "改了的题干？", *GOOD[5:]])
    assert Question.objects.get().status == "retired"


@pytest.mark.parametrize("kind", BANK)
def test_a_question_of_any_kind_comes_in_from_a_spreadsheet(cast, kind):
    cells = kinds.cells(kind, *BANK[kind])
    header = ["编号", "题型", "课程", "难度", "题干", *(f"选项{letter}" for letter in "ABCDEF"), "答案"]
    row = ["A1", kinds.of(kind).called, "P01", 1, cells.stem, *(cells.options.get(letter) for letter in "ABCDEF"), cells.answer]
    report = bank.import_file(workbook(row, header=header), name="题库.xlsx", county=cast.county, at=NOON)
    made = Question.objects.get()
    assert report.new == ["A1"] and (made.kind, made.stem, made.content, made.key) == (kind, *BANK[kind])


def test_how_a_quiz_is_marked_must_be_known(cast):
    rules = {
        "county": cast.county,
        "key": "q",
        "title": "测",
        "course_code": "P01",
        "minutes": 1,
        "pass_percent": 60,
        "attempts": 0,
        "draws": [],
    }
    assert quizzes.ensure(**rules, policies={"order": "pairs"}).policies == {"order": "pairs"}
    for wrong in ({"order": "half"}, {"dance": "half"}):
        with pytest.raises(Refused):
            quizzes.ensure(**rules, policies=wrong)


BAD = {
    "answer outside the options": (["B1", "单选题", "P01", 1, "题？", "7", "20", None, "D", "", "", "V", ""], "不在选项"),
    "no stem": (["B1", "单选题", "P01", 1, "", "7", "20", None, "A", "", "", "V", ""], "没有题干"),
    "unknown kind": (["B1", "作文题", "P01", 1, "题？", "7", "20", None, "A", "", "", "V", ""], "没有“作文题”这种题型"),
    "single with two answers": (["B1", "单选题", "P01", 1, "题？", "7", "20", None, "AB", "", "", "V", ""], "只有一个正确答案"),
    "blanks and answers differ": (["B1", "填空题", "P01", 1, "以____为", None, None, None, "甲；乙", "", "", "V", ""], "1 个空"),
    "no answer": (["B1", "单选题", "P01", 1, "题？", "7", "20", None, "", "", "", "V", ""], "没有给出正确答案"),
    "no code": (["", "单选题", "P01", 1, "题？", "7", "20", None, "A", "", "", "V", ""], "没有编号"),
    "no course": (["B1", "单选题", "", 1, "题？", "7", "20", None, "A", "", "", "V", ""], "没有写课程"),
    "difficulty": (["B1", "单选题", "P01", 9, "题？", "7", "20", None, "A", "", "", "V", ""], "难度"),
    "mark": (["B1", "单选题", "P01", 1, "题？", "7", "20", None, "A", "", "", "Q", ""], "核对标记"),
    "one option": (["B1", "单选题", "P01", 1, "题？", "7", None, None, "A", "", "", "V", ""], "应有 2 至"),
    "gap": (["B1", "单选题", "P01", 1, "题？", "7", None, "8", "A", "", "", "V", ""], "空缺"),
    "long stem": (["B1", "单选题", "P01", 1, "题" * 4001, "7", "20", None, "A", "", "", "V", ""], "4000"),
    "judge": (["B1", "判断题", "P01", 1, "题。", None, None, None, "大概", "", "", "V", ""], "正确"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_a_bad_row_is_named_and_nothing_is_written(cast, case):
    row, says = BAD[case]
    with pytest.raises(RefusedRows) as refusal:
        load(cast, GOOD, row)

    (error,) = refusal.value.errors
    assert error.row == 3 and says in error.message
    assert not Question.objects.exists() and not KnowledgePoint.objects.exists()


def test_of_two_rows_with_one_code_both_are_refused_and_name_each_other(cast):
    with pytest.raises(RefusedRows) as refusal:
        load(cast, GOOD, [*GOOD[:4], "另一题？", *GOOD[5:]])

    first, second = refusal.value.errors
    assert (first.row, second.row) == (2, 3) and "3" in first.message and "2" in second.message
    assert "重复" in first.message and "重复" in second.message and not Question.objects.exists()


def test_bad_rows_are_left_out_when_asked(cast):
    report = load(cast, GOOD, BAD["no stem"][0], skip_bad=True)
    assert report.new == ["A1"] and len(report.refused) == 1 and Question.objects.count() == 1


def test_a_dry_run_writes_nothing(cast):
    report = load(cast, GOOD, BAD["no stem"][0], dry_run=True)
    assert report.new == ["A1"] and len(report.refused) == 1 and not Question.objects.exists()


def warned(report):
    return [(warning.row, warning.field, warning.message) for warning in report.warnings]


def row(code, stem="几个工作日？", course="P01"):
    return [code, "单选题", course, 1, stem, *GOOD[5:]]


def test_a_course_that_the_county_does_not_have_is_warned_of_by_row_and_imported(cast):
    make_course(cast.county, code="P01")
    make_course(cast.other_county, code="X09")
    CoursePage.objects.get(code="P01").get_parent().add_child(
        instance=CoursePage(title="草稿", slug="d", code="D01", summary="写", live=False)
    )

    report = load(cast, row("A1"), row("A2", "甲？", "X09"), row("A3", "乙？", "D01"), row("A4", "丙？", "PO1"))

    assert [(number, code) for number, code, _said in warned(report)] == [(3, "A2"), (5, "A4")]
    assert "X09" in report.warnings[0].message
    assert report.new == ["A1", "A2", "A3", "A4"] and Question.objects.count() == 4


def test_a_doubled_stem_is_warned_of_against_the_file_and_against_the_bank(cast):
    make_course(cast.county, code="P01")
    load(cast, row("A1"))
    bank.import_file(workbook(row("B9", "外县题？")), name="x.xlsx", county=cast.other_county, at=NOON)

    report = load(cast, row("A2", "几个 工作日?"), row("A3", "甲？"), row("A4", "甲"), row("A5", "外县题？"), dry_run=True)

    assert [(number, code) for number, code, _said in warned(report)] == [(2, "A2"), (4, "A4")]
    assert "A1" in report.warnings[0].message and "A3" in report.warnings[1].message and "3" in report.warnings[1].message


def test_a_row_without_a_mark_is_to_be_checked_and_the_file_is_told_to_hold_such(cast):
    make_course(cast.county, code="P01")
    unmarked = [*row("A2", "甲？")[:11], None, "时限"]

    report = load(cast, row("A1"), unmarked, [*row("A3", "乙？")[:11], "M", "时限"])

    assert dict(Question.objects.values_list("code", "mark")) == {"A1": "V", "A2": "M", "A3": "M"}
    assert [one.code for one in Question.objects.drawable()] == ["A1"]
    ((number, code, said),) = warned(report)
    assert (number, code) == (3, "A2") and "2 道" in said and "核对" in said


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("gift", "题？ {=对 ~错}\n"),
        ("aiken", "题？\nA) 对\nB) 错\nANSWER: A\n"),
        (
            "moodlexml",
            '<quiz><question type="truefalse"><name><text>a</text></name><questiontext><text>题？</text></questiontext>'
            '<answer fraction="100"><text>true</text></answer><answer fraction="0"><text>false</text></answer></question></quiz>',
        ),
    ],
)
def test_what_another_program_says_nothing_of_was_not_checked(cast, format, text):
    bank.import_file(io.BytesIO(text.encode()), name="x.txt", format=format, county=cast.county, course_code="P01", at=NOON)
    assert Question.objects.get().mark == "M"


def test_a_mapping_without_a_mark_is_to_be_checked(cast):
    bank.import_rows([{"id": "J", "type": "judge", "course": "P01", "stem": "对吗？", "answer": True}], county=cast.county, at=NOON)
    assert Question.objects.get().mark == "M"


@pytest.mark.parametrize(("mark", "is_warned"), [("V", True), ("S", True), ("D", False)])
def test_who_says_that_a_text_was_checked_is_asked_for_the_clause(cast, mark, is_warned):
    make_course(cast.county, code="P01")
    report = load(cast, [*row("A1")[:10], "", mark, "时限"])
    assert [said for _row, _code, said in warned(report) if "依据" in said] == [said for _row, _code, said in warned(report)]
    assert bool(warned(report)) is is_warned and report.new == ["A1"]
    assert bool(report.outcomes[0].reasons) is is_warned


WORDS = [("连线", True), ("配对题", True), ("匹配题", False), ("匹配", False), ("match", False)]


@pytest.mark.parametrize(("word", "is_told"), WORDS)
def test_a_row_whose_kind_goes_by_another_word_is_refused_as_what_it_was_read_as(cast, word, is_told):
    wrong = ["B1", word, "P01", 1, "把左右连起来。", "应", "宜", None, "A-1；B-2", "", "第一条", "V", ""]
    with pytest.raises(RefusedRows) as refusal:
        load(cast, wrong)
    (error,) = refusal.value.errors
    assert error.message.startswith("按“匹配题”读取：") is is_told and "右列" in error.message


def test_a_part_of_a_case_under_another_word_is_refused_as_what_it_was_read_as(cast):
    part = {"type": "连线", "stem": "连起来。", "answer": "A-1"}
    with pytest.raises(RefusedRows) as refusal:
        bank.import_rows([{"id": "C", "type": "case", "course": "P01", "stem": "材料。", "parts": [part]}], county=cast.county, at=NOON)
    assert "按“匹配题”读取：" in refusal.value.errors[0].message


def test_a_file_that_says_nothing_of_checks_leaves_those_of_questions_that_it_repeats(cast):
    make_course(cast.county, code="P01")
    load(cast, row("A1"), row("A2", "甲？"))
    Question.objects.update(status=Question.Status.REVIEWED)

    report = load(cast, [*row("A1")[:11], None, "时限"], [*row("A2", "改过的题干？")[:11], None, "时限"])

    assert (report.same, report.changed) == (["A1"], ["A2"])
    assert dict(Question.objects.values_list("code", "mark")) == {"A1": "V", "A2": "M"}
    assert [one.code for one in Question.objects.drawable()] == ["A1"]


def test_a_number_that_is_only_written_otherwise_changes_no_question(cast):
    make_course(cast.county, code="P01")
    for value, outcome in (("2.5", ["N1"]), ("2.50", [])):
        numeric = {
            "id": "N1",
            "type": "numeric",
            "course": "P01",
            "stem": "费用是多少元？",
            "answer": value,
            "v": "V",
            "source": "第四十二条",
        }
        report = bank.import_rows([numeric], county=cast.county, at=NOON)
        assert report.new == outcome and report.changed == []
    assert bank.import_rows([numeric | {"v": ""}], county=cast.county, at=NOON).same == ["N1"]
    assert Question.objects.get().version == 1


def test_the_same_file_twice_warns_of_nothing(cast):
    make_course(cast.county, code="P01")
    for _time in range(2):
        assert warned(load(cast, row("A1"), row("A2", "甲？"))) == []


def test_the_command_says_warnings_and_succeeds(cast, tmp_path, capsys):
    file = tmp_path / "bank.xlsx"
    file.write_bytes(workbook(row("A1"), row("A2")).getvalue())
    call_command("import_questions", str(file), county=cast.county.code)
    said = capsys.readouterr().err
    assert "第3行" in said and "A1" in said and said.count("没有课程P01") == 1 and "这 2 道题" in said
    assert Question.objects.count() == 2


def test_a_doubt_is_said_once_though_a_report_is_written_before_the_import(cast, tmp_path, capsys):
    make_course(cast.county, code="P01")
    file = tmp_path / "bank.xlsx"
    file.write_bytes(workbook([*row("A1")[:10], "", "V", "时限"]).getvalue())
    call_command("import_questions", str(file), county=cast.county.code, report=str(tmp_path / "report.json"))
    assert capsys.readouterr().err.count("依据") == 1


def test_a_merged_title_row_and_blank_rows_do_not_matter(cast):
    book = workbook([None] * 13, GOOD, [""] * 13, title="姚安县政务公开题库")
    report = bank.import_file(book, name="x.xlsx", county=cast.county, at=NOON)
    assert report.new == ["A1"] and Question.objects.get().content == {"options": {"A": "7", "B": "20"}}


def test_a_gbk_csv_comes_in(cast):
    text = ",".join(HEADER) + "\n" + ",".join("" if v is None else str(v) for v in GOOD)
    report = bank.import_file(io.BytesIO(text.encode("gbk")), name="x.csv", county=cast.county, at=NOON)
    assert report.new == ["A1"]


def test_a_file_that_is_no_bank_is_refused(cast):
    for data in (b"", b"PK\x03\x04 nonsense", b"\x00\x01\x02", b"a,b\n1,2", b"%PDF-1.7"):
        with pytest.raises(Refused):
            bank.import_file(io.BytesIO(data), name="x.xlsx", county=cast.county, at=NOON)


def test_rows_of_yaml_that_make_no_sense_are_refused_one_by_one(cast):
    rows = [
        None,
        3,
        {},
        {"id": 1},
        {"id": "Z", "type": "single", "course": "P01", "stem": "?", "options": ["a"], "answer": "A"},
        {"id": "Y", "type": "match", "course": "P01", "stem": "?", "left": 3, "right": None, "answer": {}},
        {"id": "X", "type": "order", "course": "P01", "stem": "?", "items": ["a", "b"], "answer": ["a", "c"]},
    ]
    with pytest.raises(RefusedRows) as refusal:
        bank.import_rows(rows, county=cast.county, at=NOON)
    assert [error.row for error in refusal.value.errors] == [1, 2, 3, 4, 5, 6, 7]


def test_two_counties_may_use_the_same_codes(cast):
    load(cast, GOOD)
    bank.import_file(workbook(GOOD), name="x.xlsx", county=cast.other_county, at=NOON)
    assert Question.objects.count() == 2 and KnowledgePoint.objects.count() == 2


def test_an_import_of_many_rows_takes_a_query_for_each_batch_and_not_for_each_row(cast, django_assert_max_num_queries):
    rows = [[f"N{i}", *GOOD[1:4], f"第{i}题？", *GOOD[5:]] for i in range(1200)]
    with django_assert_max_num_queries(60):
        assert len(load(cast, *rows).new) == 1200


def test_the_command_imports_and_names_refused_rows(cast, tmp_path, capsys):
    call_command("import_questions", str(DEMO / "questions.xlsx"), county=cast.county.code)
    assert Question.objects.count() == 40
    bad = tmp_path / "bad.xlsx"
    bad.write_bytes(workbook(GOOD, BAD["no stem"][0]).getvalue())
    with pytest.raises(CommandError):
        call_command("import_questions", str(bad), county=cast.county.code)
    assert "第3行" in capsys.readouterr().err and Question.objects.count() == 40
    call_command("import_questions", str(bad), county=cast.county.code, skip_bad=True)
    assert Question.objects.count() == 41
    with pytest.raises(CommandError, match="--county"):
        call_command("import_questions", str(bad))


def test_a_quiz_is_ensured_once(cast, quiz):
    rules = {
        "county": cast.county,
        "key": "p01-final",
        "title": "新名",
        "course_code": "P01",
        "minutes": 30,
        "pass_percent": 60,
        "attempts": 0,
        "draws": [{"kind": "single", "count": 1, "diff": 1, "point": "时限", "points": 2}],
    }
    one, two = quizzes.ensure(**rules), quizzes.ensure(**rules)
    assert one == two == quiz and one.minutes == 30 and one.draws.count() == 1 and one.draws.get().point.name == "时限"
    assert papers.missing_for(one) == []
    with pytest.raises(Refused):
        quizzes.ensure(**{**rules, "county": cast.other_county})
    with pytest.raises(Refused):
        quizzes.ensure(**{**rules, "draws": [{"kind": "dance", "count": 1}]})
