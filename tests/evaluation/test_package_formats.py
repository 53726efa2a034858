"""What a package looks like by its format, and that one that was sealed in an older format stays as it was."""

import csv
import hashlib
import io
import json

import pytest
import python_calamine
from django.core.cache import caches
from django.db import connection

from evaluation.models import PersonLine, Seal, UnitLine
from evaluation.periods import handover, lines, package
from tests.cast import NOON
from tests.certificates.conftest import keys, private
from tests.evaluation import frozen as by_hand
from tests.evaluation.test_handover import PUBLIC
from tests.evaluation.test_package import forget, inside

__all__ = ["keys", "private"]
pytestmark = pytest.mark.usefixtures("private", "keys")
# What the first software that sealed packages wrote of these rows.
FIRST = {
    "people.csv": "cecd8ff7ae801ff600882101d9dcc877478ff5f31759300c012c598d2fcb7347",
    "results.xlsx": "69ba60f4aed9cc65d7d245b5e0a7a781be146470a79a7da9a43c5ebd92de91c9",
    "units.csv": "3be6c9be58065bc2173f07f922ec220c97c413f6c9511166f832392e6a500d9f",
}
SECOND_LIST = (
    "ecc83e9e4c3fd45c7c9ef56eaff65b24f41ef2a74cade4470a5ab658bac7e9e5"  # of the second; its tables of these rows are those of the first
)
THIRD = {
    "people.csv": "dfe3b46f494de7bdc88e92ed96d2eb772178c3e5ffa0ae11740e8169ea8a27b0",
    "results.xlsx": "40d9ea8cbe430a8b8799005ce58deae984350530ede3508243bf7aa4415cb4e7",
    "units.csv": FIRST["units.csv"],
}
FIRST_LIST = "bab64a4c308fbcfe5793a143a755e956bc4a5c8b0b71401a06f4473beab6bf89"


def late_list(frozen, cast, **more):
    return by_hand.calculation(frozen.period, cast, purpose="supplement", **more)


def rows_of(made) -> list[dict]:
    text = inside(package.make(made))["differences.csv"].decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def given(made, cast):
    receiver = handover.add_receiver(period=made.period, name="县考评办", public_key=PUBLIC, by=cast.hr, at=NOON)
    return handover.hand_over(calculation=made, receiver=receiver, by=cast.hr, at=NOON)


def test_what_was_sealed_in_the_first_format_is_made_again_byte_by_byte(cast, monkeypatch, private):
    monkeypatch.setattr(Seal, "FORMAT", Seal.FIRST_FORMAT)
    frozen = by_hand.frozen(cast)
    late = late_list(frozen, cast, hours="21.50", total="9.00", digest="b")
    package.seal(late, at=NOON)
    monkeypatch.undo()
    forget(private)

    files = inside(package.make(frozen))
    assert {name: hashlib.sha256(files[name]).hexdigest() for name in FIRST} == FIRST
    assert hashlib.sha256(inside(package.make(late))["differences.csv"]).hexdigest() == FIRST_LIST
    assert b'"county-evaluation-package/1"' in files["manifest.json"]


@pytest.mark.parametrize(("format", "tables"), [(Seal.SECOND_FORMAT, FIRST), (Seal.THIRD_FORMAT, THIRD)])
def test_what_was_sealed_in_a_later_format_is_made_again_byte_by_byte(cast, monkeypatch, private, format, tables):
    """Where a duty counts differs, too, which lists of before do not tell."""
    monkeypatch.setattr(Seal, "FORMAT", format)
    frozen = by_hand.frozen(cast, held_in={str(cast.bureau.pk): ["chief"], str(cast.other_bureau.pk): ["staff"]})
    late = late_list(frozen, cast, hours="21.50", total="9.00", digest="b")
    package.seal(late, at=NOON)
    later = late_list(frozen, cast, total="9.50", digest="c")
    package.seal(later, at=NOON)
    monkeypatch.undo()
    forget(private)

    files = inside(package.make(frozen))
    assert {name: hashlib.sha256(files[name]).hexdigest() for name in tables} == tables
    assert hashlib.sha256(inside(package.make(late))["differences.csv"]).hexdigest() == SECOND_LIST
    assert f'"{format}"'.encode() in files["manifest.json"]
    caches["local"].clear()
    assert lines.keys_of(later) == {"U:532325-D03"} == {row["行"] for row in rows_of(later)}


def test_a_list_names_whose_duties_count_elsewhere_though_nothing_else_of_them_differs(cast):
    frozen = by_hand.frozen(cast)
    given(frozen, cast)
    line = late_list(frozen, cast, digest="b", held_in={str(cast.bureau.pk): ["staff"], str(cast.other_bureau.pk): ["chief"]})
    other = line.units.get()
    other.pk, other.unit, other.unit_code, other._state.adding = None, cast.other_bureau, cast.other_bureau.code, True
    other.save()
    given(line, cast)

    told = [tuple(row.values()) for row in rows_of(line) if row["行"][0] == "P"]
    was, now = "532325-D03（具体工作人员）", "532325-D03（具体工作人员）、532325-D09（主要领导）"
    assert told == [("P:YA10001", cast.learner.name, "职责计入单位编码", "held_in", was, now, "变动")]
    assert b'"county-evaluation-package/4"' in inside(package.make(line))["manifest.json"]
    again = late_list(frozen, cast, total="9.00", digest="c")
    assert [(one.key, one.state) for one in lines.handed_rows(again, ["P:YA10001"])] == [("P:YA10001", "again")]
    package.seal(again, at=NOON)
    assert [tuple(row.values())[3:] for row in rows_of(again) if row["行"] == "P:YA10001"] == [("held_in", was, was, "与定案一致")]


@pytest.mark.parametrize(("hours", "told"), [("20", []), ("21.50", ["hours"])])
def test_where_duties_count_by_a_list_that_did_not_tell_it_is_not_taken_back(cast, monkeypatch, hours, told):
    frozen = by_hand.frozen(cast)
    given(frozen, cast)
    with monkeypatch.context() as before:
        before.setattr(Seal, "FORMAT", Seal.THIRD_FORMAT)
        given(late_list(frozen, cast, hours=hours, digest="b", held_in={str(cast.bureau.pk): ["chief"]}), cast)
    now = late_list(frozen, cast, total="9.50", digest="c")
    given(now, cast)
    assert lines.keys_of(now) == {row["行"] for row in rows_of(now)}
    assert [row["栏目代码"] for row in rows_of(now) if row["行"] == "P:YA10001"] == told


def test_a_duty_that_counts_in_no_units_figures_makes_no_row(cast):
    frozen = by_hand.frozen(cast)
    late = late_list(frozen, cast, digest="b", held_in={str(cast.bureau.pk): ["staff"], str(cast.county.pk): ["lecturer"]})
    assert lines.keys_of(late) == set()


def test_where_each_duty_of_a_person_counts_stands_beside_it_as_it_was_frozen(cast):
    """Whoever leads one unit beside a post in another is among the leaders of the first: the table said so nowhere."""
    held_in = {str(cast.other_bureau.pk): ["chief", "section_head"], str(cast.bureau.pk): ["staff"], str(cast.county.pk): ["lecturer"]}
    made = by_hand.calculation(by_hand.period(cast), cast, held_in=held_in)
    unit, line = made.units.get(), made.people.get(person=cast.colleague)
    unit.pk, unit.unit, unit.unit_code, unit.unit_name = None, cast.other_bureau, cast.other_bureau.code, cast.other_bureau.name
    unit._state.adding = True
    unit.save()
    for number, person, counted, duties in (("YA8", cast.hr, True, []), ("YA9", cast.liaison, False, ["staff"])):
        line.pk, line.person, line.employee_number, line.counted, line.duties = None, person, number, counted, duties
        line._state.adding = True
        line.save()
    package.seal(made, at=NOON)
    cast.other_bureau.name = "改名局"
    cast.other_bureau.save()

    files = inside(package.make(made))
    read = {row["工号"]: row for row in csv.DictReader(io.StringIO(files["people.csv"].decode("utf-8-sig")))}
    places = ["职责计入单位编码", "职责计入单位"]
    told = {number: [row[name] for name in places] for number, row in read.items()}
    names = list(read["YA10001"])
    assert names[names.index("职责") + 1 :][:2] == places
    assert told == {
        "YA10001": ["532325-D03、532325-D09", "姚安县教育体育局（具体工作人员）、姚安县财政局（主要领导、科室负责人）"],
        "YA10002": ["532325-D03", "姚安县教育体育局（具体工作人员）"],  # all in their own
        "YA8": ["", ""],  # holds none
        "YA9": ["", ""],  # is not counted
    }
    head, *sheet = python_calamine.load_workbook(io.BytesIO(files["results.xlsx"])).get_sheet_by_name("人员").to_python()
    assert {row[0]: row[head.index(places[0]) :][:2] for row in sheet} == told
    assert b'"county-evaluation-package/4"' in files["manifest.json"]


def test_a_list_tells_what_differs_and_nothing_else_in_the_words_of_the_tables(cast):
    frozen = by_hand.frozen(cast)
    late = late_list(frozen, cast, hours="21.50", total="9.00", digest="b")
    package.seal(late, at=NOON)

    assert [tuple(row.values()) for row in rows_of(late)] == [
        ("U:532325-D03", "姚安县教育体育局", "总分", "total", "8.50", "9.00", "变动"),
        ("P:YA10001", cast.learner.name, "学时", "hours", "20.00", "21.50", "变动"),
    ]


def test_who_comes_onto_a_list_is_told_whole_with_the_reason_in_words(cast):
    frozen = by_hand.frozen(cast)
    late = late_list(frozen, cast, digest="b")
    fields = {name: getattr(late.people.first(), name) for name in ("unit", "organ", "unit_code", "unit_name", "duties", "counted")}
    PersonLine.objects.create(
        calculation=late,
        person=cast.own_leader,
        employee_number="YA10099",
        person_name="新来的",
        **fields,
        reason="joined",
        required=3,
        done=0,
        tests=1,
        passed=0,
        hours=0,
    )
    package.seal(late, at=NOON)

    rows = {row["栏目代码"]: row for row in rows_of(late)}
    assert {row["行"] for row in rows.values()} == {"P:YA10099"} and {row["变化"] for row in rows.values()} == {"新增"}
    assert (rows["reason"]["栏目"], rows["reason"]["定案值"], rows["reason"]["现值"]) == ("计入说明", "", "期中调入已满期限")
    assert (rows["counted"]["现值"], rows["duties"]["现值"]) == ("是", "具体工作人员")


def test_a_row_that_an_earlier_list_changed_and_that_is_as_frozen_again_is_told_so(cast):
    frozen = by_hand.frozen(cast)
    given(frozen, cast)
    first = late_list(frozen, cast, hours="21.50", digest="b")
    given(first, cast)
    again = late_list(frozen, cast, total="9.00", digest="c")
    given(again, cast)

    assert [(row["行"], row["栏目"], row["定案值"], row["现值"], row["变化"]) for row in rows_of(again)] == [
        ("U:532325-D03", "总分", "8.50", "9.00", "变动"),
        ("P:YA10001", "学时", "20.00", "20.00", "与定案一致"),
    ]


def test_a_row_that_only_an_earlier_list_had_is_told_as_gone_with_its_name(cast):
    frozen = by_hand.frozen(cast)
    given(frozen, cast)
    first = late_list(frozen, cast, digest="b")
    line = first.people.first()
    line.pk, line.person, line.employee_number, line.person_name, line._state.adding = None, cast.liaison, "YA10099", "新来的", True
    line.save()
    given(first, cast)
    again = late_list(frozen, cast, total="9.00", digest="c")
    given(again, cast)

    told = [row for row in rows_of(again) if row["行"] == "P:YA10099"]
    assert told and {(row["名称"], row["定案值"], row["现值"], row["变化"]) for row in told} == {("新来的", "", "", "取消")}


def test_figures_of_a_list_stand_by_name_however_the_database_keeps_them(cast):
    frozen = by_hand.frozen(cast)
    given(frozen, cast)
    made = late_list(frozen, cast, digest="b")
    figures = made.units.get().figures
    changed = dict.fromkeys(sorted(figures, key=lambda name: (len(name), name), reverse=True), "7")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE evaluation_unitline SET figures = %s WHERE calculation_id = %s", [json.dumps(changed), made.pk])
    given(made, cast)

    codes = [row["栏目代码"] for row in rows_of(made) if row["栏目代码"].startswith("figures:")]
    assert codes == sorted(codes) and len(codes) > 1


def test_rows_stand_by_code_points_whatever_the_database_sorts_by(cast):
    """Sorted by another locale after a restore, a package would be other bytes and could not be made again."""
    frozen = by_hand.frozen(cast)
    made = late_list(frozen, cast, digest="b")
    line = made.people.first()
    numbers = ["YA_1", "ya10003", "YA-10002", "YA10004"]
    people = [cast.own_leader, cast.other_leader, cast.liaison, cast.hr]
    for number, person in zip(numbers, people, strict=True):
        line.pk, line.person, line.employee_number, line._state.adding = None, person, number, True
        line.save()
    unit = made.units.get()
    for code, organ in (("b-1", cast.county), ("B_1", cast.other_bureau)):
        unit.pk, unit.unit, unit.unit_code, unit._state.adding = None, organ, code, True
        unit.save()

    units, persons = package.tables(made)

    told = [line.employee_number for line in persons.rows]
    assert told == sorted(told) == ["YA-10002", "YA10001", "YA10002", "YA10004", "YA_1", "ya10003"]
    assert [line.unit_code for line in units.rows] == ["532325-D03", "B_1", "b-1"]
    assert [line.employee_number for line in persons.rows] == told  # it is read for the CSV, and again for the workbook
    assert UnitLine.objects.filter(calculation=made).count() == 3


def test_who_holds_a_duty_in_a_unit_that_has_another_code_now_has_a_row(cast):
    held = {str(cast.bureau.pk): ["staff"], str(cast.other_bureau.pk): ["chief"]}
    frozen = by_hand.frozen(cast, held_in=held)
    line = frozen.units.get()
    line.pk, line.unit, line.unit_code, line._state.adding = None, cast.other_bureau, "532325-D09", True
    line.save()
    late = late_list(frozen, cast, digest="b", held_in=held)
    line.pk, line.calculation, line.unit_code, line._state.adding = None, late, "532325-D99", True
    line.save()
    package.seal(late, at=NOON)
    assert "P:YA10001" in lines.keys_of(late)
    (told,) = (row for row in rows_of(late) if row["行"] == "P:YA10001")
    assert told["栏目代码"] == "held_in" and "532325-D99" in told["现值"]
