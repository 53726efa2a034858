"""The roster import: the sample, small files made here, and every kind of bad row."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import openpyxl
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from core.errors import Refused, RefusedRows
from people.models import DutyAssignment, Leave, Person, Posting, ReadingOfOthers, Role, RoleGrant, RosterImport, Unit
from people.models.snapshot import served_at
from people.services import leaves, postings, roster
from people.views import imports
from tests.cast import NOON

SAMPLE = Path(__file__).parent / "data" / "roster.xlsx"
TODAY = date(2026, 6, 15)
HEADER = ["工号", "姓名", "性别", "单位", "内设机构", "职务", "人员类别", "政务公开职责", "手机", "邮箱", "任现职时间", "状态"]
UNIT_HEADER = ["单位代码", "单位名称", "简称", "类型", "上级代码", "垂直管理"]


def row(
    number="YA20001",
    name="何新",
    unit="姚安县教育体育局",
    section="办公室",
    title="科员",
    kind="公务员",
    duties="具体工作人员",
    phone="19900000001",
    email="he@example.cn",
    since="2024-03-01",
    status="在岗",
):
    return [number, name, "女", unit, section, title, kind, duties, phone, email, since, status]


def workbook(*people, units=(), header=HEADER, above=()):
    book = openpyxl.Workbook()
    page = book.active
    page.title = "人员花名册"
    for line in [*above, header, *people]:
        page.append(line)
    if units:
        page = book.create_sheet("单位")
        for line in [UNIT_HEADER, *units]:
            page.append(line)
    out = io.BytesIO()
    book.save(out)
    out.seek(0)
    return out


def text_file(*people, encoding="utf-8-sig", header=HEADER):
    out = io.StringIO()
    csv.writer(out).writerows([header, *people])
    return io.BytesIO(out.getvalue().encode(encoding))


def plan_of(*people, county=None, **more):
    return roster.plan(workbook(*people, **more), "花名册.xlsx", county=county, on=TODAY)


def put_in(*people, county=None, **more):
    return roster.apply(plan_of(*people, county=county, **more), by=None, at=NOON)


def codes(plan):
    return [(error.row, error.field, error.code) for error in plan.errors]


# --- the sample ------------------------------------------------------------------------------


def sample_plan(county=None):
    with SAMPLE.open("rb") as file:
        return roster.plan(file, SAMPLE.name, county=county, on=TODAY)


def test_the_sample_roster_comes_in_whole(db):
    done = roster.apply(sample_plan(), by=None, at=NOON)

    assert done.summary["people_new"] == 237 and not done.errors
    assert Unit.objects.filter(kind__in=["county", "department", "township"]).count() == 38
    assert Unit.find_problems() == ([], [], [], [], [])
    assert Person.objects.filter(status="on_duty").count() == 234
    county = Unit.objects.get(code="532325")
    leader = Person.objects.get(employee_number="YA00001")
    assert leader.unit.name == "县政府领导" and leader.unit.organ_path == county.path
    assert RoleGrant.objects.filter(person=leader, role=Role.LEADER, unit=county, from_duty="county_leader").exists()
    head = Person.objects.get(employee_number="YA00003")
    assert RoleGrant.objects.get(person=head).unit.name == "栋川镇人民政府"
    rare = Person.objects.get(employee_number="YA00011")
    assert rare.name == "阿普·尔古"
    assert not Person.objects.exclude(password__startswith="!").exists()


def test_the_same_file_twice_writes_nothing(db):
    roster.apply(sample_plan(), by=None, at=NOON)
    again = sample_plan()
    assert again.is_empty and again.unchanged == 237

    with CaptureQueriesContext(connection) as queries:
        roster.apply(again, by=None, at=NOON)

    assert not [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]


def test_the_import_is_made_in_sets(db):
    plan = sample_plan()
    with CaptureQueriesContext(connection) as queries:
        roster.apply(plan, by=None, at=NOON)
    asked = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(asked) < 55, "\n".join(sql[:150] for sql in asked)
    with CaptureQueriesContext(connection) as queries:
        sample_plan()
    assert len(queries) < 12, len(queries)


def test_those_who_left_in_the_sample_hold_nothing_open_and_cannot_sign_in(db):
    roster.apply(sample_plan(), by=None, at=NOON)
    gone = Person.objects.filter(status__in=["left", "retired"])
    assert gone.count() == 2 and not gone.filter(is_active=True).exists()
    assert not Posting.objects.filter(person__in=gone, ends_on=None).exists()
    assert not DutyAssignment.objects.filter(posting__person__in=gone, ends_on=None).exists()
    assert not RoleGrant.objects.filter(person__in=gone, ends_on=None).exists()
    assert all(person.unit_id for person in gone), "their records stay findable"


def test_sex_is_not_read(cast):
    plan = plan_of(row())
    assert not any("女" in str(change.fields) for change in plan.people)


# --- what changes ----------------------------------------------------------------------------


def test_a_new_person_gets_unit_posting_duties_and_the_roles_of_the_duties(cast):
    put_in(row(duties="具体工作人员、联络员"), county=cast.county)
    person = Person.objects.get(employee_number="YA20001")
    assert person.unit == cast.section and person.post_title == "科员" and person.current_duties == ["liaison", "staff"]
    assert person.postings.get().starts_on == date(2024, 3, 1)
    held = RoleGrant.objects.get(person=person)
    assert (held.role, held.unit, held.from_duty) == ("liaison", cast.bureau, "liaison")


def test_a_section_that_is_not_known_becomes_a_unit_with_a_stable_code(cast):
    first = plan_of(row(section="督导室"), county=cast.county)
    second = plan_of(row(number="YA20009", section="督导室"), row(section="督导室"), county=cast.county)
    assert [unit.code for unit in first.new_units] == [unit.code for unit in second.new_units]
    put_in(row(section="督导室"), county=cast.county)
    made = Unit.objects.get(name="督导室")
    assert made.get_parent() == cast.bureau and made.kind == "section" and made.code.startswith("532325-D03-S")
    assert Unit.find_problems() == ([], [], [], [], [])


def test_a_transfer_closes_the_old_posting_the_day_before(cast):
    put_in(row(duties="联络员"), county=cast.county)
    plan = plan_of(row(unit="姚安县财政局", section="", title="主任", duties="发布员", since="2025-02-01"), county=cast.county)
    assert plan.people[0].posting == "move"
    roster.apply(plan, by=None, at=NOON)

    person = Person.objects.get(employee_number="YA20001")
    old, new = person.postings.order_by("starts_on")
    assert (old.ends_on, new.starts_on, new.unit) == (date(2025, 1, 31), date(2025, 2, 1), cast.other_bureau)
    assert person.current_duties == ["publisher"] and person.unit == cast.other_bureau
    assert not RoleGrant.objects.filter(person=person, ends_on=None).exists(), "the liaison role went with the duty"


def test_a_transfer_before_the_present_posting_is_refused(cast):
    put_in(row(), county=cast.county)
    plan = plan_of(row(unit="姚安县财政局", section="", since="2023-01-01"), county=cast.county)
    assert codes(plan) == [(2, "任现职时间", "date_before")]


def test_another_place_from_the_same_day_corrects_the_posting(cast):
    put_in(row(), county=cast.county)
    Posting.objects.update(entered_at=None)
    put_in(row(unit="姚安县财政局", section=""), county=cast.county)
    posting = Posting.objects.get(person__employee_number="YA20001")
    assert posting.unit == cast.other_bureau and posting.ends_on is None
    assert posting.entered_at == NOON and not Posting.objects.exclude(pk=posting.pk).exclude(entered_at=None).exists()


def test_fields_show_old_and_new_and_an_empty_cell_changes_nothing(cast):
    put_in(row(), county=cast.county)
    plan = plan_of(row(section="", title="", kind="", phone="19900000009", email="", since="", status=""), county=cast.county)
    [change] = plan.people
    assert change.fields == {"phone": ("19900000001", "19900000009")} and not change.posting and not plan.errors
    for more in ({}, {"title": "", "section": ""}, {"title": ""}, {"section": ""}, {"section": "", "since": ""}):
        assert stands_as(row(**more), cast.county), more


def without(line, *columns):
    """The row in a file without these columns, and its header."""
    kept = [at for at, name in enumerate(HEADER) if name not in columns]
    return text_file([line[at] for at in kept], header=[HEADER[at] for at in kept])


def imported_without(line, county, *columns):
    plan = roster.plan(without(line, *columns), "花名册.csv", county=county, on=TODAY)
    assert not plan.errors
    roster.apply(plan, by=None, at=NOON)
    assert roster.plan(without(line, *columns), "花名册.csv", county=county, on=TODAY).is_empty
    return plan


@pytest.mark.parametrize(
    "columns", [["内设机构"], ["职务"], ["内设机构", "职务"], ["内设机构", "职务", "政务公开职责", "任现职时间", "状态"]]
)
def test_an_absent_column_changes_nothing(cast, columns):
    put_in(row(), county=cast.county)
    assert imported_without(row(), cast.county, *columns).is_empty


def placed():
    posting = Posting.objects.get(person__employee_number="YA20001", ends_on=None)
    return posting.unit.name, posting.title, posting.starts_on.isoformat()


def test_without_the_column_of_sections_a_new_post_and_a_new_first_day_leave_people_in_theirs(cast):
    put_in(row(), county=cast.county)
    known_since(2024)
    imported_without(row(since="2026-03-01"), cast.county, "内设机构")
    assert placed() == ("办公室", "科员", "2026-03-01")
    imported_without(row(title="主任", since="2026-05-01"), cast.county, "内设机构")
    assert placed() == ("办公室", "主任", "2026-05-01")
    imported_without(row(unit="姚安县财政局", title="主任", since="2026-06-01"), cast.county, "内设机构")
    assert placed() == ("姚安县财政局", "主任", "2026-06-01")


@pytest.mark.parametrize(
    ("more", "then"),
    [
        ({"title": "主任"}, ("姚安县教育体育局", "主任", "2024-03-01")),
        ({"since": "2026-03-01"}, ("姚安县教育体育局", "科员", "2026-03-01")),
        ({"since": "2026-03-01", "title": ""}, ("姚安县教育体育局", "科员", "2026-03-01")),
        ({"unit": "姚安县财政局", "since": "2026-03-01"}, ("姚安县财政局", "科员", "2026-03-01")),
        ({"unit": "姚安县财政局", "since": "2026-03-01", "title": ""}, ("姚安县财政局", "", "2026-03-01")),
        ({"section": "姚安县教育体育局"}, ("姚安县教育体育局", "科员", "2024-03-01")),
    ],
)
def test_an_empty_section_means_the_unit_itself_with_a_new_unit_a_new_post_or_a_new_first_day(cast, more, then):
    put_in(row(), county=cast.county)
    known_since(2024)
    line = row(**{"section": ""} | more)
    put_in(line, county=cast.county)
    assert placed() == then and stands_as(line, cast.county)


def test_an_empty_section_leaves_people_in_theirs_with_the_first_day_of_an_earlier_stretch(cast):
    put_in(row(), county=cast.county)
    known_since(2024)
    put_in(row(since="2026-03-01"), county=cast.county)
    assert stands_as(row(section=""), cast.county)


def test_an_empty_post_stays_in_another_section_of_the_unit(cast):
    put_in(row(), county=cast.county)
    put_in(row(section="督导室", title="", since="2026-03-01"), county=cast.county)
    assert placed() == ("督导室", "科员", "2026-03-01")


@pytest.mark.parametrize("since", ["2024-03-01", "2026-06-20"])
def test_who_comes_back_by_a_file_without_sections_and_posts_goes_on_in_theirs(cast, since):
    put_in(row(), county=cast.county)
    put_in(row(status="调出"), county=cast.county)
    back = roster.plan(without(row(since=since), "内设机构", "职务"), "花名册.csv", county=cast.county, on=date(2026, 6, 22))
    assert not back.errors and back.people[0].posting == ("reopen" if since == "2024-03-01" else "open")
    roster.apply(back, by=None, at=NOON + timedelta(days=7))
    assert placed() == ("办公室", "科员", since)


def test_who_comes_back_to_a_section_that_was_dissolved_comes_to_the_unit(cast):
    put_in(row(section="督导室"), county=cast.county)
    put_in(row(section="督导室", status="调出"), county=cast.county)
    Unit.objects.filter(name="督导室").update(closed_on=TODAY)
    back = roster.plan(without(row(since="2026-06-20"), "内设机构"), "花名册.csv", county=cast.county, on=date(2026, 6, 22))
    assert not back.errors and back.people[0].unit_code == "532325-D03"


def test_a_section_that_a_file_moves_keeps_its_people_where_the_file_names_their_new_unit_alone(cast):
    put_in(row(), county=cast.county)
    units = [["532325-D03-01", "办公室", None, "内设机构", "532325-D09", None]]
    plan = plan_of(row(unit="姚安县财政局", section=""), units=units, county=cast.county)
    assert not plan.errors and plan.unchanged == 1


def test_an_empty_duty_cell_ends_the_duties_and_an_absent_column_does_not(cast):
    put_in(row(duties="联络员"), county=cast.county)
    short = [cell for name, cell in zip(HEADER, row(), strict=True) if name != "政务公开职责"]
    assert plan_of(short, header=[name for name in HEADER if name != "政务公开职责"], county=cast.county).is_empty
    put_in(row(duties=""), county=cast.county)
    assert Person.objects.get(employee_number="YA20001").current_duties == []
    assert not RoleGrant.objects.filter(person__employee_number="YA20001", ends_on=None).exists()


def test_leaving_ends_everything_and_coming_back_opens_it_again(cast):
    put_in(row(duties="联络员"), county=cast.county)
    person = Person.objects.get(employee_number="YA20001")
    RoleGrant.objects.create(person=person, role=Role.TRAINER, unit=cast.county, starts_on=TODAY)
    put_in(row(status="调出"), county=cast.county)
    person.refresh_from_db()
    assert not person.is_active and person.postings.get().ends_on == TODAY
    assert not person.role_grants.filter(ends_on=None).exists(), "roles granted by hand end too"
    assert plan_of(row(status="调出"), county=cast.county).is_empty

    put_in(row(duties="联络员"), county=cast.county)
    person = Person.objects.get(employee_number="YA20001")
    assert person.is_active and person.postings.get().ends_on is None and person.current_duties == ["liaison"]


def test_people_on_leave_keep_posting_and_duties(cast):
    put_in(row(), county=cast.county)
    put_in(row(status="产假"), county=cast.county)
    person = Person.objects.get(employee_number="YA20001")
    assert person.status == "on_leave" and person.is_active and person.current_duties == ["staff"]


def test_whoever_is_not_in_the_file_is_reported_and_stays(cast):
    before = Person.objects.count()
    plan = put_in(row(), county=cast.county)
    assert ("YA10001", "张小明") in plan.missing and ("DY10001", "陈他县") not in plan.missing
    assert Person.objects.count() == before + 1


def test_two_people_of_one_name_are_two_people(cast):
    put_in(row(), row(number="YA20002"), county=cast.county)
    assert Person.objects.filter(name="何新").count() == 2


@pytest.mark.parametrize("name", ["䶮㛃", "𬎆𡋾", "阿普·尔古", "张　明"])
def test_rare_characters_come_in_as_they_are(name, cast):
    put_in(row(name=name), county=cast.county)
    assert Person.objects.get(employee_number="YA20001").name == name.replace("　", "")
    assert plan_of(row(name=name), county=cast.county).is_empty


def test_a_changed_name_is_pointed_out(cast):
    put_in(row(), county=cast.county)
    plan = plan_of(row(name="别人"), county=cast.county)
    assert [notice.code for notice in plan.notices] == ["name_changed"]
    assert plan.people[0].lines == ["姓名：何新 → 别人"]


def test_a_number_of_somebody_who_left_is_not_given_to_somebody_else(cast):
    put_in(row(name="张旧"), county=cast.county)
    put_in(row(name="张旧", status="退休"), county=cast.county)
    plan = plan_of(row(name="全新人", since="2026-06-01"), county=cast.county)
    assert codes(plan) == [(2, "工号", "number_reused")] and plan.is_empty
    assert "YA20001" in plan.errors[0].message and "张旧" in plan.errors[0].message
    roster.apply(plan, by=None, at=NOON, skip_bad_rows=True)
    person = Person.objects.get(employee_number="YA20001")
    assert (person.name, person.status, person.is_active) == ("张旧", "retired", False)


def test_whoever_left_is_renamed_first_and_the_old_password_opens_nothing_when_they_come_back(cast, sign_in):
    put_in(row(name="张旧"), county=cast.county)
    person = Person.objects.get(employee_number="YA20001")
    person.set_password("Yaoan-2026-old")
    person.save()
    put_in(row(name="张旧", status="退休"), county=cast.county)

    plan = plan_of(row(name="张新", status="退休"), county=cast.county)
    assert [notice.code for notice in plan.notices] == ["name_changed_gone"] and not plan.errors
    roster.apply(plan, by=cast.hr, at=NOON)
    put_in(row(name="张新"), county=cast.county)

    person.refresh_from_db()
    assert person.name == "张新" and person.is_active and not person.has_usable_password()
    assert "密码作废" in sign_in(cast.auditor).get(reverse("audit_accounts"), {"q": "YA20001"}).text


def known_since(year):
    Person.objects.filter(employee_number="YA20001").update(date_joined=datetime(year, 3, 5, tzinfo=UTC))


def served():
    return list(Posting.objects.filter(person__employee_number="YA20001").order_by("starts_on").values_list("starts_on", "ends_on"))


def held_duties():
    rows = DutyAssignment.objects.filter(posting__person__employee_number="YA20001").order_by("starts_on", "duty")
    return list(rows.values_list("duty", "starts_on", "ends_on", "posting__starts_on"))


def test_a_first_day_entered_too_early_is_corrected_by_a_later_one_where_nobody_knew_of_the_person(cast):
    put_in(row(since="2016-06-10", duties="具体工作人员"), county=cast.county)
    known_since(2026)
    plan = plan_of(row(since="2026-02-10"), county=cast.county)
    assert plan.people[0].posting == "redate" and not plan.notices
    roster.apply(plan, by=None, at=NOON)
    assert served() == [(date(2026, 2, 10), None)]
    assert held_duties() == [("staff", date(2026, 2, 10), None, date(2026, 2, 10))]
    put_in(row(since="2016-06-10"), county=cast.county)
    assert served() == [(date(2016, 6, 10), None)], "and back: nothing was lost"


def test_a_later_day_keeps_the_years_of_whoever_has_a_record_in_them(cast):
    put_in(row(since="2016-06-10"), county=cast.county)
    known_since(2026)
    someone = Person.objects.get(employee_number="YA20001")
    facts = leaves.Facts(kind=Leave.Kind.SICK, starts_on=date(2025, 12, 1), ends_on=date(2025, 12, 5), voucher="病假条")
    leaves.record(person=someone, facts=facts, by=cast.hr, form_key="one", at=NOON)
    put_in(row(since="2026-02-10"), county=cast.county)
    assert served() == [(date(2016, 6, 10), date(2026, 2, 9)), (date(2026, 2, 10), None)]


def test_a_new_stretch_that_began_earlier_than_a_file_said_moves_the_day_between_the_two(cast):
    put_in(row(duties="具体工作人员、联络员"), county=cast.county)
    known_since(2024)
    put_in(row(duties="具体工作人员、联络员", since="2026-05-01"), county=cast.county)
    kept = DutyAssignment.objects.get(posting__person__employee_number="YA20001", duty="liaison", ends_on=None)
    plan = plan_of(row(duties="具体工作人员、联络员", since="2026-04-15"), county=cast.county)
    assert not plan.errors and plan.people[0].posting == "redate"
    roster.apply(plan, by=None, at=NOON)
    assert served() == [(date(2024, 3, 1), date(2026, 4, 14)), (date(2026, 4, 15), None)]
    for duty in ("staff", "liaison"):
        assert [row[1:3] for row in held_duties() if row[0] == duty] == [
            (date(2024, 3, 1), date(2026, 4, 14)),
            (date(2026, 4, 15), None),
        ]
    kept.refresh_from_db()
    assert (
        kept.starts_on == date(2026, 4, 15) and plan_of(row(duties="具体工作人员、联络员", since="2026-04-15"), county=cast.county).is_empty
    )
    assert codes(plan_of(row(since="2024-02-01"), county=cast.county)) == [(2, "任现职时间", "date_before")]


def test_a_transfer_that_was_earlier_than_a_file_said_moves_the_day_between_the_two_postings(cast):
    put_in(row(duties="具体工作人员、联络员"), county=cast.county)
    known_since(2024)
    there = {"unit": "姚安县财政局", "section": "", "title": "主任", "duties": "具体工作人员、发布员"}
    put_in(row(**there, since="2026-03-01"), county=cast.county)
    assert codes(plan_of(row(**there, since="2024-03-01"), county=cast.county)) == [(2, "任现职时间", "date_before")]
    plan = plan_of(row(**there, since="2026-02-01"), county=cast.county)
    assert not plan.errors and plan.people[0].posting == "redate"
    roster.apply(plan, by=None, at=NOON)
    old, until, new = date(2024, 3, 1), date(2026, 1, 31), date(2026, 2, 1)
    assert served() == [(old, until), (new, None)]
    assert held_duties() == [
        ("liaison", old, until, old),
        ("staff", old, until, old),
        ("publisher", new, None, new),
        ("staff", new, None, new),
    ]
    assert plan_of(row(**there, since="2026-02-01"), county=cast.county).is_empty


def stands_as(line, county):
    """Whether the same file once more would change nothing."""
    plan = plan_of(line, county=county)
    return plan.is_empty and not plan.errors and not plan.notices


def test_a_mistyped_year_that_cuts_the_posting_before_is_named_in_the_plan_and_the_right_day_gives_its_days_back(cast):
    put_in(row(duties="具体工作人员、联络员"), county=cast.county)
    known_since(2024)
    there = {"unit": "姚安县财政局", "section": "", "title": "主任", "duties": "具体工作人员"}
    put_in(row(**there, since="2026-03-01"), county=cast.county)
    before, duties = served(), held_duties()
    for since, old, new in (("2025-03-01", "2026-02-28", "2025-02-28"), ("2026-03-01", "2025-02-28", "2026-02-28")):
        plan = plan_of(row(**there, since=since), county=cast.county)
        [notice] = plan.notices
        assert (plan.people[0].posting, notice.field, notice.code) == ("redate", "任现职时间", "moves_before")
        assert f"姚安县教育体育局 办公室 科员，{old} → {new}" in notice.message
        roster.apply(plan, by=None, at=NOON)
        assert served()[0][1] == date.fromisoformat(new) and stands_as(row(**there, since=since), cast.county)
    assert served() == before and held_duties() == duties


@pytest.mark.parametrize("known", ["a record", "an entry"])
def test_a_later_day_takes_no_days_from_a_post_in_which_somebody_was_known_before_it(cast, known):
    put_in(row(), county=cast.county)
    known_since(2024)
    there = {"unit": "姚安县财政局", "section": "", "title": "主任", "duties": "具体工作人员"}
    put_in(row(**there, since="2025-03-01"), county=cast.county)
    someone = Person.objects.get(employee_number="YA20001")
    if known == "an entry":
        someone.postings.filter(ends_on=None).update(entered_at=datetime(2025, 3, 5, tzinfo=UTC))
    else:
        facts = leaves.Facts(kind=Leave.Kind.SICK, starts_on=date(2025, 12, 1), ends_on=date(2025, 12, 5), voucher="病假条")
        leaves.record(person=someone, facts=facts, by=cast.hr, form_key="one", at=NOON)
    put_in(row(**there, since="2026-03-01"), county=cast.county)
    assert served() == [(date(2024, 3, 1), date(2025, 2, 28)), (date(2025, 3, 1), date(2026, 2, 28)), (date(2026, 3, 1), None)]
    assert stands_as(row(**there, since="2026-03-01"), cast.county)


def test_a_record_in_the_post_before_keeps_no_days_from_it(cast):
    put_in(row(), county=cast.county)
    known_since(2024)
    someone = Person.objects.get(employee_number="YA20001")
    facts = leaves.Facts(kind=Leave.Kind.SICK, starts_on=date(2025, 12, 1), ends_on=date(2025, 12, 5), voucher="病假条")
    leaves.record(person=someone, facts=facts, by=cast.hr, form_key="one", at=NOON)
    there = {"unit": "姚安县财政局", "section": "", "title": "主任", "duties": "具体工作人员"}
    for since in ("2026-03-01", "2025-03-01", "2026-03-01"):
        put_in(row(**there, since=since), county=cast.county)
        assert stands_as(row(**there, since=since), cast.county)
    assert served() == [(date(2024, 3, 1), date(2026, 2, 28)), (date(2026, 3, 1), None)]


def test_no_roster_moves_the_last_day_of_a_posting_in_another_county(cast):
    put_in(row(since="2026-03-01"), county=cast.county)
    someone = Person.objects.get(employee_number="YA20001")
    Posting.objects.create(person=someone, unit=cast.other_county, starts_on=date(2024, 3, 1), ends_on=date(2026, 2, 28))
    assert codes(plan_of(row(since="2026-02-01"), county=cast.county)) == [(2, "任现职时间", "date_before")]
    known_since(2024)
    plan = plan_of(row(since="2026-04-01"), county=cast.county)
    assert plan.people[0].posting == "renew"
    roster.apply(plan, by=None, at=NOON)
    assert served()[0] == (date(2024, 3, 1), date(2026, 2, 28))


def test_the_day_between_two_stretches_moves_over_a_duty_and_holds_no_day_twice(cast):
    put_in(row(duties="具体工作人员、联络员、发布员"), county=cast.county)
    known_since(2024)
    DutyAssignment.objects.filter(posting__person__employee_number="YA20001", duty="liaison").update(starts_on=date(2026, 4, 20))
    DutyAssignment.objects.filter(posting__person__employee_number="YA20001", duty="publisher").update(ends_on=date(2026, 4, 25))
    put_in(row(duties="具体工作人员、联络员", since="2026-05-01"), county=cast.county)
    put_in(row(duties="具体工作人员、联络员", since="2026-04-15"), county=cast.county)
    old, new = date(2024, 3, 1), date(2026, 4, 15)
    assert held_duties() == [
        ("publisher", old, date(2026, 4, 14), old),
        ("staff", old, date(2026, 4, 14), old),
        ("publisher", new, date(2026, 4, 25), new),
        ("staff", new, None, new),
        ("liaison", date(2026, 4, 20), None, new),
    ]


def test_a_new_stretch_dates_no_duty_back_to_before_it_was_given(cast):
    put_in(row(duties="具体工作人员、联络员"), county=cast.county)
    known_since(2024)
    DutyAssignment.objects.filter(posting__person__employee_number="YA20001", duty="liaison").update(starts_on=date(2026, 2, 10))
    put_in(row(duties="具体工作人员、联络员、发布员", since="2025-11-01"), county=cast.county)
    old, new = date(2024, 3, 1), date(2025, 11, 1)
    assert held_duties() == [
        ("staff", old, date(2025, 10, 31), old),
        ("staff", new, None, new),
        ("liaison", date(2026, 2, 10), None, new),
        ("publisher", TODAY, None, new),
    ]


def test_a_duty_that_ends_with_a_new_stretch_was_held_until_the_day_before_the_file(cast):
    put_in(row(duties="具体工作人员、联络员"), county=cast.county)
    known_since(2024)
    DutyAssignment.objects.filter(posting__person__employee_number="YA20001", duty="liaison").update(starts_on=date(2026, 2, 10))
    put_in(row(duties="具体工作人员", since="2025-11-01"), county=cast.county)
    assert [each for each in held_duties() if each[0] == "liaison"] == [
        ("liaison", date(2026, 2, 10), date(2026, 6, 14), date(2025, 11, 1))
    ]


def test_a_later_day_in_the_same_post_begins_a_new_stretch_and_keeps_the_years_before_it(cast):
    put_in(row(duties="具体工作人员、联络员"), county=cast.county)
    known_since(2024)
    later = row(duties="具体工作人员、联络员", since="2026-06-01")
    plan = plan_of(later, county=cast.county)
    assert [(notice.field, notice.code) for notice in plan.notices] == [("任现职时间", "renewed")] and "2024-03-01" in plan.notices[
        0
    ].message
    assert plan.people[0].lines == ["同一岗位另起一段：姚安县教育体育局 办公室 科员，自 2026-06-01；自 2024-03-01 起的一段至前一日止"]
    assert plan.summary["postings_opened"] == plan.summary["postings_closed"] == 1
    roster.apply(plan, by=None, at=NOON)

    person = Person.objects.get(employee_number="YA20001")
    old, new = person.postings.order_by("starts_on")
    assert (old.starts_on, old.ends_on, new.starts_on, new.ends_on) == (date(2024, 3, 1), date(2026, 5, 31), date(2026, 6, 1), None)
    assert (new.unit, new.title) == (old.unit, old.title) == (cast.section, "科员")
    assert {(each.duty, each.starts_on, each.ends_on) for each in old.duties.all()} == {
        ("staff", date(2024, 3, 1), date(2026, 5, 31)),
        ("liaison", date(2024, 3, 1), date(2026, 5, 31)),
    }
    assert person.current_duties == ["liaison", "staff"]
    assert person.role_grants.get().ends_on is None, "the role of the duty goes on"
    assert plan_of(later, county=cast.county).is_empty
    assert plan_of(row(duties="具体工作人员、联络员"), county=cast.county).is_empty, (
        "since 2024 without a break: the first day is true as well"
    )


def test_an_earlier_day_in_the_same_post_corrects_its_start(cast):
    put_in(row(), county=cast.county)
    plan = plan_of(row(since="2023-03-01"), county=cast.county)
    assert plan.people[0].posting == "redate"
    roster.apply(plan, by=None, at=NOON)
    posting = Posting.objects.get(person__employee_number="YA20001")
    assert posting.starts_on == posting.duties.get().starts_on == date(2023, 3, 1)


def test_a_duty_that_began_with_the_posting_and_was_struck_since_goes_back_with_an_earlier_day(cast):
    put_in(row(duties="具体工作人员"), county=cast.county)
    known_since(2024)
    there = {"unit": "姚安县财政局", "section": "", "title": "主任"}
    for duties, since in (("具体工作人员、联络员", "2026-03-01"), ("具体工作人员", "2026-03-01"), ("具体工作人员", "2026-02-01")):
        put_in(row(**there, duties=duties, since=since), county=cast.county)
    new = date(2026, 2, 1)
    assert [each for each in held_duties() if each[0] == "liaison"] == [("liaison", new, date(2026, 6, 14), new)]
    assert stands_as(row(**there, duties="具体工作人员", since="2026-02-01"), cast.county)


def test_a_duty_of_two_stretches_that_was_struck_since_holds_no_day_twice_when_the_day_between_them_moves(cast):
    put_in(row(duties="具体工作人员、联络员"), county=cast.county)
    known_since(2024)
    for duties, since in (("具体工作人员、联络员", "2026-05-01"), ("具体工作人员", "2026-05-01"), ("具体工作人员", "2026-04-15")):
        put_in(row(duties=duties, since=since), county=cast.county)
    old, new = date(2024, 3, 1), date(2026, 4, 15)
    assert [each for each in held_duties() if each[0] == "liaison"] == [
        ("liaison", old, date(2026, 4, 14), old),
        ("liaison", new, date(2026, 6, 14), new),
    ]
    assert stands_as(row(duties="具体工作人员", since="2026-04-15"), cast.county)


def test_manual_roles_stay_when_duties_change(cast):
    put_in(row(duties="联络员"), county=cast.county)
    person = Person.objects.get(employee_number="YA20001")
    RoleGrant.objects.create(person=person, role=Role.TRAINER, unit=cast.county, starts_on=TODAY)
    put_in(row(duties="讲师"), county=cast.county)
    assert {(grant.role, grant.from_duty) for grant in person.role_grants.filter(ends_on=None)} == {("trainer", "")}


# --- bad rows --------------------------------------------------------------------------------

BAD = [
    (row(unit="姚安县教育局"), "单位", "unit_unknown_near"),
    (row(unit="火星办事处"), "单位", "unit_unknown"),
    (row(unit=""), "单位", "missing"),
    (row(name=""), "姓名", "missing"),
    (row(name="张?"), "姓名", "name_lost"),
    (row(name="<script>alert(1)</script>"), "姓名", "name_signs"),
    (row(name="张<"), "姓名", "name_signs"),
    (row(section="办公>室"), "内设机构", "name_signs"),
    (row(name="\ue863"), "姓名", "name_private"),
    (row(number=""), "工号", "missing"),
    (row(number=10.5), "工号", "number_fraction"),
    (row(number=2.0**60), "工号", "number_scientific"),
    (row(number="1.99E+10"), "工号", "number_scientific"),
    (row(number="YA 甲"), "工号", "number_letters"),
    (row(since="2024-02-30"), "任现职时间", "date_impossible"),
    (row(since="去年"), "任现职时间", "date_unreadable"),
    (row(since="2031-01-01"), "任现职时间", "date_future"),
    (row(since=""), "任现职时间", "date_needed"),
    (row(since=3), "任现职时间", "date_unreadable"),
    (row(duties="保洁"), "政务公开职责", "duty_unknown"),
    (row(kind="志愿者"), "人员类别", "type_unknown"),
    (row(status="休眠"), "状态", "status_unknown"),
    (row(phone="12345"), "手机", "phone"),
    (row(phone="1.99E+10"), "手机", "phone"),
    (row(email="何@某"), "邮箱", "mail"),
    (row(number="DY10001"), "工号", "number_elsewhere"),
    (row(number="dy10001"), "工号", "number_elsewhere"),
    (["本表由县人社局提供"], "工号", "title_row"),
]


@pytest.mark.parametrize(
    ("bad", "column", "code"), BAD, ids=[f"{column}-{code}-{number}" for number, (_row, column, code) in enumerate(BAD)]
)
def test_each_bad_row_is_named_with_row_column_and_rule_and_nothing_is_written(bad, column, code, cast):
    before = Person.objects.count()
    plan = plan_of(row(number="YA20002"), bad, county=cast.county)
    assert codes(plan) == [(3, column, code)]
    assert plan.errors[0].message and "%(" not in plan.errors[0].message
    assert "3" in str(plan.errors[0]) and column in str(plan.errors[0])
    with pytest.raises(RefusedRows):
        roster.apply(plan, by=None, at=NOON)
    assert Person.objects.count() == before
    roster.apply(plan, by=None, at=NOON, skip_bad_rows=True)
    assert Person.objects.count() == before + 1


def test_a_refused_name_says_which_sign_it_is_and_a_control_character_is_told_by_its_number(cast):
    def refused(name):
        [error] = roster.plan(text_file(row(name=name)), "花名册.csv", county=cast.county, on=TODAY).errors
        return error

    angle, control = refused("<script>alert(1)</script>"), refused("张\x07明")
    assert "第2行，姓名" in str(angle) and "含有 <：" in angle.message and "不允许使用尖括号" in angle.message
    assert control.code == "name_signs" and "U+0007" in control.message and "\x07" not in control.message


def test_a_doubled_number_refuses_every_row_that_has_it(cast):
    plan = plan_of(row(), row(number="YA20002"), row(number="ya20001", name="别人"), county=cast.county)
    assert codes(plan) == [(2, "工号", "number_doubled"), (4, "工号", "number_doubled")]
    assert "2、4" in plan.errors[0].message


def test_one_row_may_be_wrong_in_several_columns(cast):
    plan = plan_of(row(phone="1", email="x", status="?"), county=cast.county)
    assert len(plan.errors) == 3 and plan.bad_rows == 1


@pytest.mark.parametrize(
    "since", ["2024-03-01", "2024/3/1", "2024.3.1", "2024年3月1日", "20240301", 20240301, 45352, 45352.0, "2024-03", datetime(2024, 3, 1)]
)
def test_dates_are_read_as_people_write_them(since, cast):
    put_in(row(since=since), county=cast.county)
    assert Posting.objects.get(person__employee_number="YA20001").starts_on == date(2024, 3, 1)


def test_numbers_stored_as_numbers_are_read_whole_and_pointed_out(cast):
    plan = plan_of(row(number=10001, phone=19900000001.0), county=cast.county)
    assert not plan.errors and plan.people[0].number == "10001" and plan.people[0].fields["phone"] == ("", "19900000001")
    assert [notice.code for notice in plan.notices] == ["stored_as_number"]


def test_title_rows_blank_rows_and_repeated_headers_do_no_harm(cast):
    plan = plan_of([], row(), [None] * 12, HEADER, row(number="YA20002"), above=[["姚安县政务公开人员花名册"], []], county=cast.county)
    assert not plan.errors and [change.row for change in plan.people] == [5, 8]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_csv_comes_in_whatever_its_encoding(encoding, cast):
    plan = roster.plan(text_file(row(), encoding=encoding), "花名册.csv", county=cast.county, on=TODAY)
    assert not plan.errors and plan.people[0].name == "何新"


def test_a_file_without_the_columns_is_refused_by_name(cast):
    with pytest.raises(Refused, match="工号"):
        roster.plan(workbook(["甲"], header=["名称"]), "x.xlsx", on=TODAY)


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02" * 50, b"PK\x03\x04broken", b"\xff\xfe\x00\xd8\x00"])
def test_a_file_that_is_no_spreadsheet_is_refused(content, cast):
    with pytest.raises(Refused):
        roster.plan(io.BytesIO(content), "x.xlsx", on=TODAY)


@pytest.mark.parametrize("column", ["title", "name", "section", "phone", "email", "unit"])
def test_a_sign_that_no_database_keeps_is_refused_in_the_plan(cast, column):
    lines = (
        ",".join(HEADER),
        *(",".join(row(number=f"YA2{n:04}")) for n in range(100)),
        ",".join(row(number="YA29999", **{column: "科\0员"})),
    )
    plan = roster.plan(io.BytesIO("\n".join(lines).encode()), "x.csv", county=cast.county, on=TODAY)
    assert {error.row for error in plan.errors} == {102}, [error.message for error in plan.errors]


def test_a_number_too_long_for_a_number_cell_is_said_to_have_lost_digits(cast):
    [error] = plan_of(row(number=99912345678901234567.0), county=cast.county).errors
    assert "数位已丢失" in error.message and "小数" not in error.message and "e+" not in error.message


# --- headings and merged cells ---------------------------------------------------------------


def merged(file, *ranges, sheet="人员花名册"):
    book = openpyxl.load_workbook(file)
    for each in ranges:
        book[sheet].merge_cells(each)
    out = io.BytesIO()
    book.save(out)
    out.seek(0)
    return out


@pytest.mark.parametrize("column", ["单位", "内设机构", "职务", "政务公开职责", "任现职时间"])
def test_a_cell_that_is_merged_into_one_above_refuses_its_row_and_nobody_loses_a_duty_or_a_section(cast, column):
    people = [row(number=f"YA2000{n}", duties="联络员") for n in (1, 2, 3)]
    put_in(*people, county=cast.county)
    letter = "ABCDEFGHIJKL"[HEADER.index(column)]

    def file():
        return merged(workbook(*people), f"{letter}2:{letter}4")

    plan = roster.plan(file(), "花名册.xlsx", county=cast.county, on=TODAY)
    assert codes(plan) == [(3, column, "merged"), (4, column, "merged")] and plan.is_empty
    assert "取消合并" in plan.errors[0].message and "第2行" in plan.errors[0].message
    back = roster.refused_file(plan, roster.rows_of(file(), "花名册.xlsx"))
    again = roster.plan(io.BytesIO(back), "再来.xlsx", county=cast.county, on=TODAY)
    assert {error.row for error in again.errors} == {2, 3} and again.is_empty, "handed in unmended it is refused again"


def test_a_row_that_is_merged_but_for_one_cell_is_refused_for_that_and_a_merged_column_that_is_not_read_does_no_harm(cast):
    plan = roster.plan(
        merged(workbook(row(), row(number="YA20002")), *(f"{letter}2:{letter}3" for letter in "BDEFGHIJKL")), "花名册.xlsx", on=TODAY
    )
    assert {(error.row, error.code) for error in plan.errors} == {(3, "merged")}
    assert not roster.plan(merged(workbook(row(), row(number="YA20002")), "C2:C3"), "花名册.xlsx", on=TODAY).errors


def test_a_cell_that_is_merged_into_the_one_beside_it_refuses_its_row_and_a_merged_title_between_rows_stays_a_title(cast):
    put_in(row(), county=cast.county)
    people = [row(), [*["教育体育局"], *[None] * 11], row(number="YA20002", section="督导室"), row(number="YA20003")]
    plan = roster.plan(merged(workbook(*people), "G2:H2", "A3:L3", "E4:F5"), "花名册.xlsx", county=cast.county, on=TODAY)
    assert codes(plan) == [
        (2, "政务公开职责", "merged"),
        (3, "工号", "title_row"),
        (4, "职务", "merged"),
        (5, "内设机构", "merged"),
        (5, "职务", "merged"),
    ]
    assert "第4行" in plan.errors[-1].message and plan.is_empty


def test_merged_cells_of_the_sheet_of_units_refuse_their_rows(cast):
    units = [[f"532325-D9{n}", f"姚安县{n}局", None, "部门", "532325", None] for n in (1, 2)]
    plan = roster.plan(merged(workbook(row(), units=units), "E2:E3", sheet="单位"), "花名册.xlsx", county=cast.county, on=TODAY)
    assert codes(plan) == [(3, "上级代码", "merged")]


@pytest.mark.parametrize("column", ["政务公开职责", "内设机构", "工号"])
def test_a_column_that_stands_twice_refuses_the_file(cast, column):
    with pytest.raises(Refused) as refused:
        plan_of(["", *row()], header=[column, *HEADER], county=cast.county)
    assert refused.value.code == "doubled_column" and column in refused.value.message and "人员花名册" in refused.value.message
    with pytest.raises(Refused) as refused:
        text = ["单位代码,单位名称,类型,类型", "532325-D90,甲局,,部门"]
        roster.plan(io.BytesIO("\n".join(text).encode()), "单位.csv", county=cast.county, on=TODAY)
    assert refused.value.code == "doubled_column"


def headed(**names):
    return [names.get(name, name) for name in HEADER]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (headed(政务公开职责="公开职责"), "这些列没有读取：公开职责（是否应为“政务公开职责”？）。"),
        (headed(职务="现任职务", 内设机构="科室"), "这些列没有读取：科室、现任职务（是否应为“职务”？）。"),
        (headed(性别="单位性质"), "这些列没有读取：单位性质。"),
        ([*HEADER, "备注"], "这些列没有读取：备注。"),
        (headed(邮箱=""), "这些列没有读取：J（没有列名）。"),
    ],
)
def test_columns_that_are_not_read_are_named_with_the_heading_that_may_be_meant(cast, header, said):
    plan = plan_of(row(), header=header, above=[["姚安县政务公开人员花名册"]], county=cast.county)
    [notice] = plan.notices
    assert notice.message == said and (notice.row, notice.code) == (2, "not_read") and not plan.errors


def test_of_the_headings_that_say_nothing_about_the_register_none_is_named(cast):
    plan = plan_of([1, *row(), 7, "手机"], header=["序号", *HEADER, "原行号", "拒绝原因"], county=cast.county)
    assert not plan.notices and not sample_plan().notices


def test_columns_that_are_not_read_stand_first_on_the_page_and_in_the_sheet_of_units_too(cast, sign_in):
    visitor = sign_in(cast.hr)
    units = [["532325-D90", "姚安县数据局", None, "部门", "532325", None]]
    book = openpyxl.load_workbook(workbook(row(number=10001.0), header=headed(政务公开职责="公开职责"), units=units))
    book["单位"]["C1"] = "单位简称"
    out = io.BytesIO()
    book.save(out)
    out.seek(0)
    page = visitor.get(hand_in(visitor, cast, out)["Location"])
    assert [notice.code for notice in page.context["notices"]] == ["not_read", "not_read", "stored_as_number"]
    assert "单位简称（是否应为“简称”？）" in page.text and "公开职责（是否应为“政务公开职责”？）" in page.text


@pytest.mark.parametrize(("sheet", "heading", "lacks"), [("人员花名册", "B1", "姓名"), ("单位", "B1", "单位名称")], ids=["people", "units"])
def test_a_sheet_that_is_left_aside_for_a_heading_that_it_lacks_is_named(cast, sheet, heading, lacks):
    units = [["532325-D90", "姚安县数据局", None, "部门", "532325", None]]
    book = openpyxl.load_workbook(workbook(row(), units=units))
    book[sheet][heading] = "名称"
    book.create_sheet("说明").append(["工号", "填写说明"])
    out = io.BytesIO()
    book.save(out)
    out.seek(0)
    plan = roster.plan(out, "花名册.xlsx", county=cast.county, on=TODAY)
    [notice] = [each for each in plan.notices if each.code == "sheet_left"]
    assert (notice.sheet, notice.row) == (sheet, 1) and f"缺少这些列：{lacks}。" in notice.message


def test_the_page_says_what_an_empty_cell_and_an_absent_column_change(cast, sign_in):
    page = sign_in(cast.hr).get(reverse("roster_import")).text
    assert "前三列必须有，且每行都要填写" in page and "单位、职务或任现职时间有变时，内设机构为空表示在单位本级" in page


# --- units -----------------------------------------------------------------------------------


def test_units_are_made_renamed_and_moved_inside_the_county(cast):
    units = [
        ["532325-D90", "姚安县数据局", "数据局", "部门", "532325", None],
        ["532325-D90-01", "数据股", None, "内设机构", "532325-D90", None],
        ["532325-D09", "姚安县财政和国资局", None, "部门", "532325", None],
        ["532325-D03-01", "办公室", None, "内设机构", "532325-D09", None],
    ]
    plan = plan_of(row(unit="姚安县数据局", section="数据股"), units=units, county=cast.county)
    assert not plan.errors and [unit.code for unit in plan.new_units] == ["532325-D90", "532325-D90-01"]
    roster.apply(plan, by=None, at=NOON)
    assert Unit.find_problems() == ([], [], [], [], [])
    cast.section.refresh_from_db()
    cast.other_bureau.refresh_from_db()
    assert cast.section.is_within(cast.other_bureau) and cast.other_bureau.name == "姚安县财政和国资局"
    assert Person.objects.get(employee_number="YA20001").unit.code == "532325-D90-01"
    assert plan_of(row(unit="姚安县数据局", section="数据股"), units=units, county=cast.county).is_empty


def test_a_unit_and_one_below_it_change_places_in_one_roster(cast):
    def sheet(**above):
        return {"units": [[code, code, None, "部门", parent, None] for code, parent in above.items()], "county": cast.county}

    put_in(**sheet(X1="532325", X2="X1", X3="X2"))
    for change in (
        {"X2": "532325", "X1": "X2"},
        {"X2": "X3", "X3": "532325"},
        {"X1": "X2", "X3": "532325", "X2": "532325"},
        {"X2": "X1", "X1": "X3"},
    ):
        plan = plan_of(**sheet(**change))
        assert not plan.errors, change
        roster.apply(plan, by=None, at=NOON)
        for code, parent in change.items():
            assert Unit.objects.get(code=code).get_parent().code == parent
        assert Unit.find_problems() == ([], [], [], [], []) and plan_of(**sheet(**change)).is_empty


@pytest.mark.parametrize("change", [{"X1": "X3"}, {"X1": "X2", "X2": "X3"}, {"X4": "X3", "X1": "X4"}])
def test_units_that_would_lie_under_themselves_are_refused(cast, change):
    def sheet(above):
        return {"units": [[code, code, None, "部门", parent, None] for code, parent in above.items()], "county": cast.county}

    put_in(**sheet({"X1": "532325", "X2": "X1", "X3": "X2", "X4": "532325"}))
    plan = plan_of(**sheet(change))
    assert "parent_circle" in {error.code for error in plan.errors}
    roster.apply(plan, by=None, at=NOON, skip_bad_rows=True)
    assert Unit.find_problems() == ([], [], [], [], [])


def chain_of(length, county, *more):
    """A plan of units one below the other, X1 below the county."""
    units = [[f"X{n}", f"X{n}", None, "部门", f"X{n - 1}" if n > 1 else "532325", None] for n in range(1, length + 1)]
    return {"units": [*units, *more], "county": county}


@pytest.mark.parametrize("order", [1, -1])
def test_units_that_would_lie_deeper_than_ten_levels_are_refused_by_row_whatever_their_number_and_order(cast, order):
    sheet = chain_of(1500, cast.county)
    sheet["units"] = sheet["units"][::order]

    def left():
        plan = plan_of(**sheet)
        assert len(plan.errors) == 1491 and {error.field for error in plan.errors} == {"上级代码"}
        return plan

    plan = left()
    assert "too_deep" in {error.code for error in plan.errors} and "10 级" in "".join(error.message for error in plan.errors)
    roster.apply(plan, by=None, at=NOON, skip_bad_rows=True)
    assert Unit.objects.get(code="X9").depth == 10 and Unit.find_problems() == ([], [], [], [], [])
    assert left().is_empty


def test_many_units_that_run_in_a_circle_are_refused_by_row(cast):
    sheet = chain_of(1500, cast.county)
    sheet["units"][0][4] = "X1500"
    plan = plan_of(**sheet)
    assert len(plan.errors) == 1500 and plan.is_empty


def test_a_unit_does_not_move_to_where_one_below_it_would_lie_too_deep(cast):
    put_in(**chain_of(9, cast.county, ["Y1", "Y1", None, "部门", "532325", None], ["Y2", "Y2", None, "部门", "Y1", None]))
    assert codes(plan_of(units=[["Y1", "Y1", None, "部门", "X8", None]], county=cast.county)) == [(2, "上级代码", "too_deep")]
    up = [["Y1", "Y1", None, "部门", "X7", None]]
    put_in(units=up, county=cast.county)
    assert Unit.objects.get(code="Y2").depth == 10 and plan_of(units=up, county=cast.county).is_empty


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    "change",
    [
        {"Y1": "X8", "Y2": "532325", "Y3": "Y2"},
        {"X5": "532325", "Y1": "X8"},
        {"X7": "Y1", "Y2": "X6", "Y3": "Y4"},
        {"X6": "Y2", "X3": "X9"},  # each is where the other one was
        {"Y1": "X6", "Y2": "Y3", "Y4": "532325"},
    ],
)
def test_how_deep_units_lie_is_judged_by_the_tree_after_the_file_whatever_its_order(cast, change, order):
    def sheet(above):
        return {"units": [[code, code, None, "部门", parent, None] for code, parent in list(above.items())[::order]], "county": cast.county}

    below = {"Y1": "532325", "Y2": "Y1", "Y3": "Y1", "Y4": "Y2"}
    put_in(**sheet({f"X{n}": f"X{n - 1}" if n > 1 else "532325" for n in range(1, 10)} | below))
    plan = plan_of(**sheet(change))
    assert not plan.errors and len(plan.units) == len(change)
    roster.apply(plan, by=None, at=NOON)
    assert Unit.find_problems() == ([], [], [], [], []) and max(Unit.objects.values_list("depth", flat=True)) <= 10


def test_a_unit_that_stays_below_as_its_own_row_is_refused_is_counted(cast):
    put_in(**chain_of(9, cast.county, ["Y1", "Y1", None, "部门", "532325", None], ["Y2", "Y2", None, "部门", "Y1", None]))
    out = [["Y1", "Y1", None, "部门", "X8", None], ["Y2", "Y2", None, "部门", "Z9", None]]
    plan = plan_of(units=out, county=cast.county)
    assert codes(plan) == [(2, "上级代码", "too_deep"), (3, "上级代码", "parent_unknown")] and plan.is_empty


def test_a_unit_that_stands_deeper_than_ten_levels_may_stay_and_move_up(cast):
    at = cast.county
    for n in range(1, 13):
        at = at.add_child(code=f"X{n}", name=f"X{n}", kind=Unit.Kind.DEPARTMENT)
    assert plan_of(**chain_of(12, cast.county)).is_empty
    up = [["X12", "X12", None, "部门", "X10", None]]
    put_in(units=up, county=cast.county)
    assert Unit.objects.get(code="X12").depth == 12 and plan_of(units=up, county=cast.county).is_empty
    assert codes(plan_of(row(unit="X10", section="督导室"), county=cast.county)) == [(2, "内设机构", "too_deep")]


def test_a_derived_section_code_gives_way_to_the_official_one(cast):
    put_in(row(section="督导室"), county=cast.county)
    before = Unit.objects.get(name="督导室")
    put_in(row(section="督导室"), units=[["532325-D03-07", "督导室", None, "内设机构", "532325-D03", None]], county=cast.county)
    before.refresh_from_db()
    assert before.code == "532325-D03-07" and Unit.objects.filter(name="督导室").count() == 1


def official(**more):
    """A file in which the derived code of 督导室 gives way to the official one, with its people."""
    units = [["532325-D03-07", "督导室", None, "内设机构", "532325-D03", None]]
    return {"units": units, "people": row(section="督导室", **more)}


def plan_with(county, *, units, people):
    return plan_of(people, units=units, county=county)


@pytest.mark.parametrize("since", ["2024-03-01", ""])
def test_a_unit_that_gets_another_code_moves_nobody_in_it_and_asks_for_no_day(cast, since):
    put_in(row(section="督导室"), county=cast.county)
    entered = Posting.objects.get(person__employee_number="YA20001").entered_at
    plan = plan_with(cast.county, **official(since=since))
    assert not plan.errors and not plan.people and [unit.lines for unit in plan.units]
    roster.apply(plan, by=None, at=NOON + timedelta(days=1))
    assert Posting.objects.get(person__employee_number="YA20001").entered_at == entered
    again = plan_with(cast.county, **official(since=since))
    assert again.is_empty and not again.errors


def test_a_later_day_in_a_unit_that_gets_another_code_begins_a_stretch_there(cast):
    put_in(row(section="督导室"), county=cast.county)
    known_since(2024)
    plan = plan_with(cast.county, **official(since="2026-06-01"))
    assert plan.people[0].posting == "renew"
    roster.apply(plan, by=None, at=NOON)
    assert plan_with(cast.county, **official(since="2026-06-01")).is_empty


def test_who_comes_back_into_a_unit_that_gets_another_code_goes_on_there(cast):
    put_in(row(section="督导室"), county=cast.county)
    put_in(row(section="督导室", status="离职"), county=cast.county)
    plan = plan_with(cast.county, **official())
    assert not plan.errors and plan.people[0].posting == "reopen"
    roster.apply(plan, by=None, at=NOON)
    again = plan_with(cast.county, **official())
    assert served() == [(date(2024, 3, 1), None)] and again.is_empty and not again.errors


BAD_UNITS = [
    (["532325-D90", "", None, "部门", "532325", None], "单位名称", "missing"),
    (["", "甲局", None, "部门", "532325", None], "单位代码", "missing"),
    (["532325-D90", "甲局", None, "公司", "532325", None], "类型", "kind_unknown"),
    (["532325-D90", "甲局", None, "部门", "999", None], "上级代码", "parent_unknown"),
    (["532325-D90", "甲局", None, "部门", None, None], "上级代码", "parent_needed"),
    (["532325-D90", "甲局", None, "部门", "532325-D90", None], "上级代码", "parent_circle"),
    (["532325-D90", "甲局", None, "部门", "532325", "也许"], "垂直管理", "yes_no"),
    (["532326", "大姚县政府", None, "县", None, None], "单位代码", "unit_elsewhere"),
    (["532399", "新县", None, "县", None, None], "单位代码", "unit_elsewhere"),
    (["532326-D01", "大姚县某局", None, "部门", "532326", None], "上级代码", "parent_unknown"),
    (["532325-D09", "财政局", None, "县", None, None], "类型", "kind_fixed"),
]


@pytest.mark.parametrize(("bad", "column", "code"), BAD_UNITS, ids=[code for _row, _column, code in BAD_UNITS])
def test_each_bad_unit_row_is_named(bad, column, code, cast):
    plan = plan_of(row(), units=[bad], county=cast.county)
    assert codes(plan) == [(2, column, code)] and plan.errors[0].sheet == "单位"


def test_the_command_may_make_a_new_county(cast):
    units = [["532399", "新平县人民政府", "新平县", "县", None, None], ["532399-D01", "新平县办", None, "部门", "532399", None]]
    put_in(row(number="XP1", unit="新平县办", section=""), units=units)
    assert Unit.objects.get(code="532399").depth == 1 and Person.objects.get(employee_number="XP1").unit.code == "532399-D01"


@pytest.mark.parametrize("bad", ["YA", "53239", "5323990", "53239A"])
def test_a_new_county_needs_a_code_of_six_digits(bad, cast):
    plan = plan_of(row(unit="新平县办", section=""), units=[[bad, "新平县人民政府", "新平县", "县", None, None]])
    assert (2, "单位代码", "county_code") in codes(plan)
    assert "六位数字" in next(error.message for error in plan.errors if error.code == "county_code")


def test_a_county_that_stands_with_another_code_still_takes_rosters(cast):
    Unit.objects.filter(pk=cast.county.pk).update(code="YA")
    assert not plan_of(row(), units=[["YA", "姚安县人民政府", "姚安县", "县", None, None]]).errors


def test_a_unit_name_that_two_counties_share_must_be_given_by_code(cast):
    cast.other_county.add_child(code="532326-D09", name="姚安县财政局", kind="department")
    plan = plan_of(row(unit="姚安县财政局", section=""), row(number="YA20002", unit="532325-D09", section=""))
    assert codes(plan) == [(2, "单位", "unit_ambiguous")] and plan.people[0].unit_code == "532325-D09"


# --- plans grow old --------------------------------------------------------------------------


def test_a_plan_that_no_longer_fits_is_not_carried_out(cast):
    put_in(row(), county=cast.county)
    plan = plan_of(row(phone="19900000009"), county=cast.county)
    Person.objects.filter(employee_number="YA20001").update(phone="19900000005")
    with pytest.raises(Refused) as refusal:
        roster.apply(plan, by=None, at=NOON)
    assert refusal.value.code == "changed"


def test_carrying_out_a_plan_twice_changes_nothing_the_second_time(cast):
    plan = plan_of(row(), county=cast.county)
    roster.apply(plan, by=None, at=NOON)
    assert roster.apply(plan, by=None, at=NOON).is_empty
    assert Posting.objects.filter(person__employee_number="YA20001").count() == 1


# --- the web door ----------------------------------------------------------------------------


def hand_in(visitor, cast, file, name="花名册.xlsx"):
    file.name = name
    return visitor.post(reverse("roster_import"), {"county": cast.county.code, "file": file})


def test_what_a_long_plan_notes_of_a_record_that_stands_is_read_first_and_how_much_is_left_out_is_told(cast, sign_in, monkeypatch):
    monkeypatch.setattr(imports, "SHOWN", 2)
    put_in(row(), county=cast.county)
    known_since(2024)
    there = {"unit": "姚安县财政局", "section": "", "title": "主任"}
    put_in(row(**there, since="2026-03-01"), county=cast.county)
    numbers = [row(number=10001 + n, name=f"何{n}") for n in range(4)]
    visitor = sign_in(cast.hr)
    page = visitor.get(hand_in(visitor, cast, workbook(*numbers, row(**there, since="2025-03-01")))["Location"])
    assert [notice.code for notice in page.context["notices"]] == ["moves_before", "stored_as_number"]
    assert "另有3条未列出。" in page.text


def test_hr_hands_in_looks_and_confirms(cast, sign_in):
    visitor = sign_in(cast.hr)
    answer = hand_in(visitor, cast, workbook(row()))
    kept = RosterImport.objects.get()
    assert answer.status_code == 302 and not Person.objects.filter(employee_number="YA20001").exists()
    page = visitor.get(answer["Location"])
    assert "何新" in page.content.decode()

    done = visitor.post(answer["Location"], {"plan": page.context["plan"].digest}, follow=True)

    assert done.status_code == 200 and Person.objects.filter(employee_number="YA20001").exists()
    kept.refresh_from_db()
    assert kept.content is None and kept.applied_at and kept.summary["people_new"] == 1
    twice = visitor.post(answer["Location"], {"plan": page.context["plan"].digest}, follow=True)
    assert twice.status_code == 200 and Posting.objects.filter(person__employee_number="YA20001").count() == 1


def test_bad_rows_are_left_out_only_when_asked_and_come_back_as_a_file(cast, sign_in):
    visitor = sign_in(cast.hr)
    address = hand_in(visitor, cast, workbook(row(), row(number="YA20002", phone="12")))["Location"]
    plan = visitor.get(address).context["plan"]
    refused = visitor.post(address, {"plan": plan.digest})
    assert refused.status_code == 409 and not Person.objects.filter(employee_number="YA20001").exists()

    back = visitor.get(reverse("roster_refused", args=[RosterImport.objects.get().pk]))
    page = openpyxl.load_workbook(io.BytesIO(back.content)).active
    lines = list(page.iter_rows(values_only=True))
    assert lines[1][0] == "YA20002" and "手机" in lines[1][-1] and "性别" not in lines[0]

    visitor.post(address, {"plan": plan.digest, "skip": "yes"})
    assert Person.objects.filter(employee_number="YA20001").exists() and not Person.objects.filter(employee_number="YA20002").exists()


def imported_without_the_bad_row(cast, visitor):
    """An import that left one of two rows out; the address of its result."""
    address = hand_in(visitor, cast, workbook(row(), row(number="YA20002", name="曹退", phone="12")))["Location"]
    return visitor.post(address, {"plan": visitor.get(address).context["plan"].digest, "skip": "yes"})["Location"]


def test_the_rows_that_an_import_left_out_stand_on_its_result_and_come_back_as_a_file(cast, sign_in):
    visitor = sign_in(cast.hr)
    result = visitor.get(imported_without_the_bad_row(cast, visitor))
    file = reverse("roster_refused", args=[RosterImport.objects.get().pk])

    assert file in result.text and "第 3 行" in result.text and "手机：" in result.text
    back = visitor.get(file)
    lines = list(openpyxl.load_workbook(io.BytesIO(back.content)).active.iter_rows(values_only=True))
    assert back.status_code == 200 and [line[:2] for line in lines[1:]] == [("YA20002", "曹退")] and "手机" in lines[1][-1]
    assert b"YA20001" not in bytes(RosterImport.objects.get().content), "of the upload only what was refused is kept"
    for somebody in (cast.admin, cast.other_hr):
        assert sign_in(somebody).get(file).status_code == 404


def test_refused_rows_that_are_handed_in_again_are_listed_with_their_new_rows_and_reasons(cast, sign_in):
    visitor = sign_in(cast.hr)
    imported_without_the_bad_row(cast, visitor)
    book = openpyxl.load_workbook(io.BytesIO(bytes(RosterImport.objects.get().content)))
    header = [cell.value for cell in book.active[1]]
    book.active.cell(2, header.index("手机") + 1).value = "19900000002"
    book.active.cell(2, header.index("任现职时间") + 1).value = "去年"
    again = io.BytesIO()
    book.save(again)
    again.seek(0)
    address = hand_in(visitor, cast, again)["Location"]
    result = visitor.post(address, {"plan": visitor.get(address).context["plan"].digest, "skip": "yes"}, follow=True)

    [line] = result.context["left_out"]
    assert line.row == "2" and line.why.startswith("任现职时间：") and "手机" not in line.why
    kept = openpyxl.load_workbook(io.BytesIO(bytes(RosterImport.objects.latest("pk").content))).active
    assert [cell.value for cell in kept[1]] == header, "the two columns stand there once"


def test_the_rows_that_an_import_left_out_are_not_shown_a_day_after_it_though_nobody_has_wiped_them_yet(cast, sign_in):
    visitor = sign_in(cast.hr)
    result = imported_without_the_bad_row(cast, visitor)
    done = RosterImport.objects.get()
    file = reverse("roster_refused", args=[done.pk])
    RosterImport.objects.update(applied_at=done.applied_at - timedelta(hours=24))
    page, gone = visitor.get(result), visitor.get(file)

    assert RosterImport.objects.get().content is not None
    assert "曹退" not in page.text and file not in page.text and "只保留一天" in page.text
    assert gone.status_code == 409 and "只保留一天" in gone.text


def test_a_roster_is_not_confirmed_a_day_after_it_came_though_nobody_has_wiped_it_yet(cast, sign_in):
    visitor = sign_in(cast.hr)
    address = hand_in(visitor, cast, workbook(row()))["Location"]
    digest = visitor.get(address).context["plan"].digest
    RosterImport.objects.update(made_at=RosterImport.objects.get().made_at - timedelta(hours=24))

    assert visitor.post(address, {"plan": digest}).status_code == visitor.get(address).status_code == 409
    assert not Person.objects.filter(employee_number="YA20001").exists()


def test_the_rows_that_an_import_left_out_are_wiped_a_day_after_it_and_their_page_says_so(cast, sign_in):
    visitor = sign_in(cast.hr)
    result = imported_without_the_bad_row(cast, visitor)
    done = RosterImport.objects.get()
    RosterImport.objects.update(made_at=done.applied_at - timedelta(hours=23))

    assert roster.wipe_kept(at=done.applied_at + timedelta(hours=23)) == 0
    assert roster.wipe_kept(at=done.applied_at + timedelta(hours=24)) == 1
    file = reverse("roster_refused", args=[done.pk])
    page, gone = visitor.get(result), visitor.get(file)
    assert "曹退" not in page.text and file not in page.text and "只保留一天" in page.text
    assert gone.status_code == 409 and "只保留一天" in gone.text and "没有任何改动" not in gone.text, "people were written"


def test_an_upload_that_is_gone_does_not_say_that_nothing_was_changed(cast, sign_in):
    visitor = sign_in(cast.hr)
    address = hand_in(visitor, cast, workbook(row()))["Location"]
    RosterImport.objects.update(content=None)

    looked, pressed = visitor.get(address), visitor.post(address, {"plan": "x"})

    assert looked.status_code == pressed.status_code == 409
    assert "没有任何改动" not in looked.text and "没有任何改动" in pressed.text


def test_an_import_that_left_nothing_out_keeps_nothing(cast, sign_in):
    visitor = sign_in(cast.hr)
    address = hand_in(visitor, cast, workbook(row()))["Location"]
    result = visitor.post(address, {"plan": visitor.get(address).context["plan"].digest}, follow=True)
    done = RosterImport.objects.get()

    assert done.content is None and reverse("roster_refused", args=[done.pk]) not in result.text
    assert visitor.get(reverse("roster_refused", args=[done.pk])).status_code == 404


def test_refused_rows_come_back_whatever_the_sheets_are_called(cast):
    errors = [roster.RosterError(2, "手机", "不对", [], name) for name in ("花名册", "'花名册'", "a" * 40, "A" * 33, "'")]
    plan = roster.RosterPlan(parsed=roster.parse(workbook(row()), "花名册.xlsx", today=TODAY), county=None, errors=errors)

    assert len(openpyxl.load_workbook(io.BytesIO(roster.refused_file(plan))).sheetnames) == 5


def test_a_register_that_changed_meanwhile_is_noticed(cast, sign_in):
    put_in(row(), county=cast.county)
    visitor = sign_in(cast.hr)
    address = hand_in(visitor, cast, workbook(row(phone="19900000009")))["Location"]
    seen = visitor.get(address).context["plan"].digest
    Person.objects.filter(employee_number="YA20001").update(phone="19900000005")

    answer = visitor.post(address, {"plan": seen})

    assert answer.status_code == 409 and Person.objects.get(employee_number="YA20001").phone == "19900000005"
    again = visitor.post(address, {"plan": answer.context["plan"].digest})
    assert again.status_code == 302 and Person.objects.get(employee_number="YA20001").phone == "19900000009"


def test_another_persons_upload_does_not_exist(cast, sign_in):
    address = hand_in(sign_in(cast.hr), cast, workbook(row()))["Location"]
    for somebody in (cast.admin, cast.other_hr):
        assert sign_in(somebody).get(address).status_code == 404


def test_hr_of_another_county_cannot_name_this_county(cast, sign_in):
    answer = hand_in(sign_in(cast.other_hr), cast, workbook(row()))
    assert answer.status_code == 422 and not RosterImport.objects.exists()
    file = workbook(row())
    file.name = "x.xlsx"
    visitor = sign_in(cast.other_hr)
    address = visitor.post(reverse("roster_import"), {"county": cast.other_county.code, "file": file})["Location"]
    assert codes(visitor.get(address).context["plan"]) == [(2, "单位", "unit_unknown")]


def test_a_renamed_picture_is_refused_beside_the_form(cast, sign_in):
    file = io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"\x00" * 200)
    answer = hand_in(sign_in(cast.hr), cast, file)
    assert answer.status_code == 422 and answer.context["form"].errors["file"]


def test_made_up_numbers_show_nobodys_phone_or_address(cast, sign_in, tmp_path, capsys):
    Person.objects.filter(pk=cast.learner.pk).update(phone="13912345678", email="zhang@example.cn")
    Person.objects.filter(pk=cast.colleague.pk).update(phone="1234")
    known = [row(number=one.employee_number, name=one.name, phone="19900000009", email="x@y.cn") for one in (cast.learner, cast.colleague)]
    path = tmp_path / "花名册.csv"
    path.write_bytes(text_file(*known).getvalue())
    call_command("import_roster", str(path), dry_run=True)
    visitor = sign_in(cast.hr)
    address = hand_in(visitor, cast, workbook(*known))["Location"]
    page = visitor.get(address)
    done = visitor.post(address, {"plan": page.context["plan"].digest}, follow=True)
    told = capsys.readouterr().out
    for text in (page.text, done.text, told):
        assert not any(secret in text for secret in ("13912345678", "1234 ", "zhang@", cast.colleague.email))
        assert "139****5678 → 19900000009" in text and "z****@example.cn → x@y.cn" in text and "**** → 19900000009" in text
    assert Person.objects.get(pk=cast.learner.pk).phone == "19900000009"
    traces = ReadingOfOthers.objects.filter(reader=cast.hr).order_by("pk")
    assert [(one.what, one.unit) for one in traces] == [("plan of a roster", cast.county), ("changes by a roster", cast.county)]
    assert traces[1].rows == 2


# --- the command -----------------------------------------------------------------------------


def test_the_command_says_each_refused_row_on_stderr_and_exits_with_1(cast, tmp_path, capsys):
    path = tmp_path / "花名册.xlsx"
    path.write_bytes(workbook(row(), row(number="YA20002", phone="12")).getvalue())
    with pytest.raises(SystemExit) as stop:
        call_command("import_roster", str(path))
    assert stop.value.code == 1 and not Person.objects.filter(employee_number="YA20001").exists()
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and "3" in lines[0] and "手机" in lines[0]

    call_command("import_roster", str(path), skip_bad_rows=True)
    assert Person.objects.filter(employee_number="YA20001").exists()


def test_a_dry_run_writes_nothing(cast, tmp_path):
    path = tmp_path / "花名册.csv"
    path.write_bytes(text_file(row(), encoding="gbk").getvalue())
    call_command("import_roster", str(path), dry_run=True)
    assert not Person.objects.filter(employee_number="YA20001").exists()
    with pytest.raises(CommandError):
        call_command("import_roster", str(tmp_path / "none.csv"))


def test_the_command_says_in_words_what_would_change_and_gives_the_refused_rows_back(cast, tmp_path, capsys):
    path, refused = tmp_path / "花名册.xlsx", tmp_path / "退回.xlsx"
    path.write_bytes(workbook(row(), row(number=cast.learner.employee_number, name="张改名"), row(number="YA20002", phone="12")).getvalue())
    with pytest.raises(SystemExit):
        call_command("import_roster", str(path), dry_run=True, refused=refused)
    said = capsys.readouterr().out
    assert "YA20001 " in said and "新增" in said
    assert f"{cast.learner.employee_number} 张改名：" in said and "张小明 → 张改名" in said
    assert "人员 新增 / 变动 / 不变：1 / 1 / 0" in said and "不符合要求的行：1" in said
    assert "仅预演，未写入。" in said and "_" not in said, "no names of fields"
    (given_back,) = CalamineWorkbook.from_path(refused).get_sheet_by_index(0).to_python()[1:]
    assert "YA20002" in given_back and "手机" in given_back[-1]
    assert not Person.objects.filter(employee_number="YA20001").exists()


def test_a_duty_that_a_file_takes_back_on_its_first_day_was_never_held(cast):
    put_in(row(since="2026-06-15", duties="主要领导"), county=cast.county)
    put_in(row(since="2026-06-15", duties="具体工作人员"), county=cast.county)
    someone = Person.objects.get(employee_number="YA20001")
    held = DutyAssignment.objects.filter(posting__person=someone)
    assert [(one.duty, one.starts_on, one.ends_on) for one in held.lasting(TODAY)] == [("staff", TODAY, None)]
    assert held.count() == 1 and not someone.role_grants.filter(role="leader", ends_on=None).exists()


def struck_then(*person, **more):
    """Somebody comes in with a duty, loses it by a file of today, and then a file of today says this."""
    put_in(row(duties="具体工作人员", since="2024-05-20"), **more)
    known_since(2024)
    put_in(row(duties="", since="2024-05-20"), **more)
    put_in(*person, **more)


def test_a_move_reported_late_ends_a_duty_that_an_earlier_file_had_ended_after_it(cast):
    struck_then(row(unit="姚安县财政局", section="", title="局长", duties="主要领导", since="2025-06-01"), county=cast.county)
    old, new = date(2024, 5, 20), date(2025, 6, 1)
    assert held_duties() == [("staff", old, date(2025, 5, 31), old), ("chief", new, None, new)]


def test_a_duty_that_ended_is_held_as_long_in_a_stretch_that_began_before_its_end(cast):
    struck_then(row(duties="", since="2025-06-01"), county=cast.county)
    old, new = date(2024, 5, 20), date(2025, 6, 1)
    assert held_duties() == [("staff", old, date(2025, 5, 31), old), ("staff", new, date(2026, 6, 14), new)]


def test_a_side_posting_that_a_move_reported_late_closes_takes_its_ended_duties_with_it(cast):
    put_in(row(duties="具体工作人员"), county=cast.county)
    besides = Posting.objects.create(
        person=Person.objects.get(employee_number="YA20001"), unit=cast.other_bureau, is_main=False, starts_on=date(2024, 5, 20)
    )
    for first, until in ((date(2024, 5, 20), date(2026, 1, 9)), (date(2026, 3, 1), date(2026, 3, 9))):
        besides.duties.create(duty="chief", starts_on=first, ends_on=until)
    put_in(row(unit="姚安县财政局", section="", title="局长", duties="主要领导", since="2025-06-01"), county=cast.county)
    assert [(each.starts_on, each.ends_on) for each in besides.duties.all()] == [(date(2024, 5, 20), date(2025, 5, 31))]


class Past:
    """The models as a migration gets them."""

    @staticmethod
    def get_model(app, name):
        return SimpleNamespace(objects=QuerySet(apps.get_model(app, name)))


def test_duties_that_outlast_their_posting_in_older_databases_end_with_it_or_go_on_in_the_next_stretch_of_the_same_post(cast):
    someone = cast.learner
    first = someone.postings.get()
    Posting.objects.filter(pk=first.pk).update(ends_on=date(2025, 5, 31))
    same = {"person": someone, "unit": first.unit, "title": first.title}
    second = Posting.objects.create(**same, starts_on=date(2025, 6, 1), ends_on=date(2025, 12, 31))
    third = Posting.objects.create(person=someone, unit=cast.other_bureau, title="局长", starts_on=date(2026, 1, 1))
    first.duties.update(ends_on=date(2026, 3, 1))
    first.duties.create(duty="liaison", starts_on=date(2025, 2, 1), ends_on=date(2025, 8, 1))
    second.duties.create(duty="liaison", starts_on=date(2025, 7, 1), ends_on=date(2025, 9, 1))
    second.duties.create(duty="chief", starts_on=date(2026, 2, 1), ends_on=date(2026, 2, 9))
    third.duties.create(duty="chief", starts_on=date(2026, 1, 1))
    assert (served_at(someone, on=date(2026, 2, 5))["unit"], served_at(someone, on=date(2026, 2, 5))["duties"]) == (
        cast.other_bureau,
        ["chief"],
    )
    import_module("people.migrations.0010_duties_end_with_their_posting").end_duties(Past, None)
    held = DutyAssignment.objects.filter(posting__person=someone).order_by("posting__starts_on", "duty")
    assert list(held.values_list("posting", "duty", "starts_on", "ends_on")) == [
        (first.pk, "liaison", date(2025, 2, 1), date(2025, 5, 31)),
        (first.pk, "staff", date(2024, 1, 1), date(2025, 5, 31)),
        (second.pk, "liaison", date(2025, 7, 1), date(2025, 9, 1)),
        (second.pk, "staff", date(2025, 6, 1), date(2025, 12, 31)),
        (third.pk, "chief", date(2026, 1, 1), None),
    ]


def test_who_leaves_and_comes_back_on_one_day_has_held_each_duty_all_along(cast):
    for status in ("在岗", "调出", "在岗"):
        put_in(row(status=status), county=cast.county)
    assert held_duties() == [("staff", date(2024, 3, 1), None, date(2024, 3, 1))]


def test_a_leaving_that_is_taken_back_a_week_later_leaves_no_hole_in_the_duties_that_ended_with_it(cast):
    put_in(row(duties="具体工作人员、联络员"), county=cast.county)
    put_in(row(duties="具体工作人员"), county=cast.county)
    put_in(row(status="离职"), county=cast.county)
    back = roster.plan(text_file(row(duties="具体工作人员、联络员")), "花名册.csv", county=cast.county, on=date(2026, 6, 22))
    roster.apply(back, by=None, at=NOON + timedelta(days=7))
    first = date(2024, 3, 1)
    assert served() == [(first, None)]
    assert held_duties() == [
        ("liaison", first, date(2026, 6, 14), first),
        ("staff", first, None, first),
        ("liaison", date(2026, 6, 22), None, first),
    ]


def test_a_leaving_that_a_file_without_the_column_of_duties_takes_back_gives_back_the_duties_that_ended_with_it(cast):
    put_in(row(duties="具体工作人员、联络员、发布员"), county=cast.county)
    put_in(row(duties="具体工作人员、联络员"), county=cast.county)
    put_in(row(status="离职"), county=cast.county)

    def back():
        return roster.plan(without(row(), "政务公开职责"), "花名册.csv", county=cast.county, on=date(2026, 6, 22))

    assert back().people[0].duties_added == ["staff", "liaison"]
    roster.apply(back(), by=None, at=NOON + timedelta(days=7))
    first = date(2024, 3, 1)
    assert held_duties() == [
        ("liaison", first, None, first),
        ("publisher", first, date(2026, 6, 14), first),
        ("staff", first, None, first),
    ]
    assert Person.objects.get(employee_number="YA20001").role_grants.filter(role="liaison", ends_on=None).exists()
    assert back().is_empty and not back().errors


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 3, 40]),  # days after the file before
        st.sampled_from([0, 1, 5, 30, 400]),  # days before this file that the posting began
        st.sampled_from(["姚安县教育体育局", "姚安县财政局"]),
        st.sampled_from(["科员", "主任"]),
        st.sampled_from(["", "具体工作人员", "联络员", "具体工作人员、联络员"]),
        st.sampled_from(["在岗", "在岗", "在岗", "调出"]),
    ),
    min_size=3,
    max_size=6,
)


@given(STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_rosters_come_in_no_duty_outlasts_its_posting_or_is_held_twice_and_once_more_they_change_nothing(cast, steps):
    with transaction.atomic():
        put_in(row(duties="具体工作人员", section=""), county=cast.county)
        known_since(2024)
        day = TODAY
        for later, back, unit, title, duties, status in steps:
            day += timedelta(days=later)
            since = (day - timedelta(days=back)).isoformat()
            line = row(unit=unit, section="", title=title, duties=duties, since=since, status=status)
            plan = roster.plan(text_file(line), "花名册.csv", county=cast.county, on=day)
            roster.apply(plan, by=None, at=datetime(day.year, day.month, day.day, 4, tzinfo=UTC), skip_bad_rows=True)
            assert roster.plan(text_file(line), "花名册.csv", county=cast.county, on=day).is_empty, steps
        held: dict[tuple, list] = {}
        for one in (
            DutyAssignment.objects.filter(posting__person__employee_number="YA20001").select_related("posting").order_by("starts_on")
        ):
            began, ended = one.posting.starts_on, one.posting.ends_on
            assert one.starts_on >= began and (ended is None or (one.ends_on is not None and one.starts_on <= one.ends_on <= ended)), steps
            before = held.setdefault((one.posting_id, one.duty), [])
            assert all(until is not None and until < one.starts_on for until in before), steps
            before.append(one.ends_on)
        transaction.set_rollback(True)


# --- one posting at a time -------------------------------------------------------------------


@pytest.mark.parametrize("title", ["科长", "主任"])
def test_a_duty_that_is_corrected_on_its_first_day_was_never_held_that_day(cast, title):
    day = date(2026, 12, 20)
    postings.post(person=cast.learner, unit=cast.section, title="科长", duties=["chief"], starts_on=day)
    postings.post(person=cast.learner, unit=cast.section, title=title, duties=["staff"], starts_on=day)
    held = DutyAssignment.objects.filter(posting__person=cast.learner)
    assert [(one.duty, one.starts_on) for one in held.lasting(day)] == [("staff", day)]
    assert [one.duty for one in held.lasting(date(2026, 12, 19))] == ["staff"]  # what was held before stays
    assert not cast.learner.role_grants.filter(role="leader", ends_on=None).exists()


def test_a_duty_of_the_day_of_a_move_is_held_in_the_new_posting_alone(cast):
    day = date(2026, 12, 20)
    postings.post(person=cast.learner, unit=cast.section, title=cast.learner.post_title, duties=["chief"], starts_on=day)
    postings.post(person=cast.learner, unit=cast.other_bureau, title="科员", duties=["staff"], starts_on=day)
    held = DutyAssignment.objects.filter(posting__person=cast.learner).lasting(day)
    assert [(one.duty, one.posting.unit) for one in held] == [("staff", cast.other_bureau)]


def test_posting_somebody_elsewhere_ends_a_duty_that_had_ended_later(cast):
    postings.post(person=cast.learner, unit=cast.section, title="科员", duties=[], starts_on=date(2026, 3, 1))
    postings.post(person=cast.learner, unit=cast.other_bureau, title="科员", duties=[], starts_on=date(2025, 6, 1))
    assert DutyAssignment.objects.get(posting__person=cast.learner).ends_on == date(2025, 5, 31)


def test_posting_somebody_elsewhere_moves_unit_duties_and_roles(cast):
    postings.post(person=cast.liaison, unit=cast.other_bureau, title="科长", duties=["chief"], starts_on=date(2025, 1, 1))
    cast.liaison.refresh_from_db()
    assert cast.liaison.unit == cast.other_bureau and cast.liaison.current_duties == ["chief"]
    assert cast.liaison.role_grants.get(role="leader", ends_on=None).unit == cast.other_bureau
    postings.post(person=cast.liaison, unit=cast.other_bureau, title="科长", duties=["chief"], starts_on=date(2025, 1, 1))
    assert cast.liaison.postings.count() == 2
    with pytest.raises(Refused):
        postings.post(person=cast.liaison, unit=cast.bureau, title="科长", duties=[], starts_on=date(2024, 6, 1))


def test_a_cell_whose_formula_failed_is_refused_and_never_read_as_empty(cast):
    """openpyxl marks “#N/A” as an error and computes nothing, as a program does that fills in a file."""
    people = [row("YA90001", "何一", title="#N/A", duties="#REF!"), row("YA90002", "何二", phone='=VLOOKUP("何二",A:B,2)')]
    wrong = [(2, "政务公开职责", "formula_failed"), (2, "职务", "formula_failed"), (3, "手机", "formula_failed")]
    plan = plan_of(*people)
    assert codes(plan) == wrong
    back = roster.refused_file(plan, roster.rows_of(workbook(*people), "花名册.xlsx"))
    assert codes(roster.plan(io.BytesIO(back), "再来.xlsx", on=TODAY)) == wrong, "handed in unmended it is refused again"


def test_two_sheets_of_people_are_refused_by_name_and_nobody_is_left_out_silently(cast):
    book = openpyxl.load_workbook(workbook(row()))
    more = book.create_sheet("续表")
    more.append(HEADER)
    more.append(row())
    data = io.BytesIO()
    book.save(data)
    data.seek(0)
    with pytest.raises(Refused) as refused:
        roster.plan(data, "花名册.xlsx", county=cast.county, on=TODAY)
    assert refused.value.code == "two_sheets" and "人员花名册" in refused.value.message and "续表" in refused.value.message


def test_codes_are_offered_first_where_people_came_and_not_where_only_units_did(cast, sign_in):
    visitor = sign_in(cast.hr)

    def result(*people, **more):
        address = hand_in(visitor, cast, workbook(*people, **more))["Location"]
        return visitor.post(address, {"plan": visitor.get(address).context["plan"].digest}, follow=True).text

    codes_button = f'<a class="btn btn-primary" href="{reverse("activation_codes")}">'
    assert codes_button in result(row())
    only_units = result(units=[("532325-D41", "姚安县招商局", "", "部门", "532325", "")])
    assert "单位 新增 / 变动" in only_units and reverse("activation_codes") not in only_units
    assert f'<a class="btn btn-primary" href="{reverse("person_list")}">' in only_units
