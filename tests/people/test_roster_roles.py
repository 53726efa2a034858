"""What an import may do to people's power: HR of a township, HR of the county, an administrator, the command."""

import io
from datetime import date

import openpyxl
import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.errors import Refused
from people.models import DutyAssignment, Person, Posting, ReadingOfOthers, Role, RoleGrant, RosterImport, Unit
from people.services import accounts, roles, roster
from tests.cast import NOON, grant, person
from tests.people.test_roster import HEADER, TODAY, UNIT_HEADER, codes, hand_in, row, workbook

TOWN = "栋川镇人民政府"
COUNTY_DUTIES = {"考评": "hr", "县领导": "leader", "讲师": "trainer"}


@pytest.fixture
def town(cast):
    cast.county.refresh_from_db()
    return cast.county.add_child(code="532325-T01", name=TOWN, kind=Unit.Kind.TOWNSHIP)


@pytest.fixture
def town_hr(town):
    someone = person("YA40001", "李乡人", town, "staff")
    grant(someone, Role.HR, town)
    return someone


def of_town(number="YA40009", name="何镇", duties="具体工作人员", **more):
    return row(number=number, name=name, unit=TOWN, section="", duties=duties, **more)


def planned(*rows, by, over, **more):
    return roster.plan(workbook(*rows, **more), "花名册.xlsx", county=over, by=by, on=TODAY)


def imported(*rows, by, over, **more):
    return roster.apply(planned(*rows, by=by, over=over, **more), by=by, at=NOON)


def roles_of(number):
    return {(each.role, each.unit.name) for each in RoleGrant.objects.filter(person__employee_number=number, ends_on=None)}


# --- how far a duty reaches ------------------------------------------------------------------


@pytest.mark.parametrize("duty", COUNTY_DUTIES)
def test_hr_of_a_township_brings_nobody_a_role_over_the_county(duty, town, town_hr):
    plan = planned(of_town(duties=f"具体工作人员、{duty}"), by=town_hr, over=town)

    assert codes(plan) == [(2, "政务公开职责", "out_of_reach")] and plan.is_empty
    assert "姚安县人民政府" in plan.errors[0].message and "不在您管理的单位范围内" in plan.errors[0].message
    roster.apply(plan, by=town_hr, at=NOON, skip_bad_rows=True)
    assert not Person.objects.filter(employee_number="YA40009").exists()


def test_hr_of_a_township_does_not_become_hr_of_the_county(town, town_hr):
    plan = planned(of_town("YA40001", "李乡人", duties="考评"), by=town_hr, over=town)

    assert codes(plan) == [(2, "政务公开职责", "out_of_reach")]
    assert roles_of("YA40001") == {("hr", TOWN)}


def test_hr_of_a_township_names_its_leaders_and_liaisons(town, town_hr):
    imported(of_town(duties="主要领导"), of_town("YA40010", duties="联络员"), by=town_hr, over=town)

    assert roles_of("YA40009") == {("leader", TOWN)} and roles_of("YA40010") == {("liaison", TOWN)}


def test_hr_of_a_section_brings_no_role_over_the_whole_bureau(cast):
    someone = person("YA40002", "股室人事", cast.section)
    grant(someone, Role.HR, cast.section)
    for duty, unit in (("联络员", "姚安县教育体育局"), ("考评", "姚安县人民政府")):
        plan = planned(row(unit="办公室", section="", duties=duty), by=someone, over=cast.section)
        assert codes(plan) == [(2, "政务公开职责", "out_of_reach")] and unit in plan.errors[0].message


@pytest.mark.parametrize("who", ["hr", "admin"])
@pytest.mark.parametrize(("duty", "role"), COUNTY_DUTIES.items())
def test_hr_and_administrators_of_the_county_bring_roles_over_the_county_but_hr_makes_no_hr(duty, role, who, cast):
    imported(row(duties=duty), by=getattr(cast, who), over=cast.county)
    assert roles_of("YA20001") == (set() if (who, role) == ("hr", "hr") else {(role, "姚安县人民政府")})


def test_the_command_line_bounds_nobody(town, tmp_path):
    path = tmp_path / "花名册.xlsx"
    path.write_bytes(workbook(of_town(duties="考评")).getvalue())
    call_command("import_roster", str(path), county=town.code)
    assert roles_of("YA40009") == {("hr", "姚安县人民政府")}


def test_a_duty_that_stands_already_is_no_ground_to_refuse_a_row(cast, town, town_hr):
    imported(of_town(duties="讲师"), by=cast.hr, over=cast.county)

    plan = imported(of_town(duties="讲师", phone="19900000007"), by=town_hr, over=town)

    assert not plan.errors and roles_of("YA40009") == {("trainer", "姚安县人民政府")}


def test_a_new_place_brings_the_roles_of_the_duties_that_are_kept(cast, town, town_hr):
    imported(of_town(duties="主要领导"), by=cast.hr, over=cast.county)
    short = [name for name in HEADER if name != "政务公开职责"]
    moved = [
        cell
        for name, cell in zip(HEADER, row("YA40009", "何镇", "姚安县财政局", section="", since="2025-01-01"), strict=True)
        if name in short
    ]
    plan = planned(moved, by=cast.hr, over=cast.county, header=short)

    assert plan.people[0].roles_gained == [("leader", "532325-D09", "姚安县财政局")]
    assert plan.people[0].roles_lost == [("leader", "532325-T01", TOWN)]
    roster.apply(plan, by=cast.hr, at=NOON)
    assert roles_of("YA40009") == {("leader", "姚安县财政局")}


def test_a_township_does_not_turn_into_a_section_of_the_county_government(cast, town, town_hr):
    units = [["532325-T01", TOWN, None, "内设机构", "532325", None]]
    plan = planned(of_town(duties="主要领导"), units=units, by=town_hr, over=town)
    assert (2, "类型", "kind_own") in codes(plan)
    assert not planned(units=units, by=cast.hr, over=cast.county).errors


def test_roles_over_units_that_the_same_file_makes_are_planned_as_they_will_be(cast):
    units = [
        ["532325-D90", "姚安县数据局", "数据局", "部门", "532325", None],
        ["532325-S01", "县政府领导", None, "内设机构", "532325", None],
    ]
    plan = imported(
        row(unit="姚安县数据局", section="数据股", duties="联络员"),
        row("YA20002", unit="县政府领导", section="", duties="主要领导"),
        units=units,
        by=cast.hr,
        over=cast.county,
    )
    for change in plan.people:
        assert {(role, unit) for role, _code, unit in change.roles_gained} == roles_of(change.number) != set()


# --- oneself, and those who run the system or watch over it ----------------------------------


def test_nobody_brings_themselves_a_role(cast):
    mine = row("YA10008", "郑人事", "姚安县人民政府办公室", section="", duties="考评、讲师", since="2024-01-01")
    for by, expected in ((cast.hr, [(2, "政务公开职责", "own_role")]), (cast.admin, [])):
        plan = planned(mine, by=by, over=cast.county)
        assert codes(plan) == expected


@pytest.mark.parametrize("who", ["auditor", "admin"])
@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"status": "退休"}, "状态"),
        ({"status": "休假"}, "状态"),
        ({"duties": "考评"}, "政务公开职责"),
        ({"duties": "发布员"}, "政务公开职责"),
    ],
)
def test_only_an_administrator_changes_status_and_duties_of_those_who_run_or_watch_the_system(change, column, who, cast):
    another = person("YA40003", "王又管", cast.county)
    grant(another, Role.ADMINISTRATOR, cast.county)
    someone = getattr(cast, who)
    line = {"duties": "", "since": "2024-01-01"} | change
    rows = [row(someone.employee_number, someone.name, "姚安县人民政府办公室", section="", **line)]

    plan = planned(*rows, by=cast.hr, over=cast.county)
    assert codes(plan) == [(2, column, "guarded")] and someone.name in plan.errors[0].message
    assert not planned(*rows, by=another, over=cast.county).errors
    assert not planned(*rows, by=None, over=cast.county).errors


@pytest.mark.parametrize("role", ["reviewer", "auditor", "administrator"])
def test_an_administrator_of_one_bureau_ends_nobody_who_has_power_over_the_county(role, cast):
    inner = person("YA40003", "王又管", cast.bureau)
    grant(inner, Role.ADMINISTRATOR, cast.bureau)
    someone = person("YA40005", "许县权", cast.bureau)
    grant(someone, role, cast.county)
    line = row("YA40005", "许县权", section="", duties="", since="2024-01-01", status="调出")

    plan = planned(line, by=inner, over=cast.bureau)
    assert codes(plan) == [(2, "状态", "power_kept")] and "只能由“姚安县人民政府”的管理员" in plan.errors[0].message
    roster.apply(plan, by=inner, at=NOON, skip_bad_rows=True)
    assert roles_of("YA40005") == {(role, "姚安县人民政府")} and Person.objects.get(pk=someone.pk).is_active
    imported(line, by=cast.admin, over=cast.county)
    assert roles_of("YA40005") == set()


def test_an_administrator_of_one_bureau_still_ends_who_has_power_in_it_alone(cast):
    inner = person("YA40003", "王又管", cast.bureau)
    grant(inner, Role.ADMINISTRATOR, cast.bureau)
    someone = person("YA40005", "许局权", cast.bureau)
    grant(someone, Role.REVIEWER, cast.bureau)
    imported(row("YA40005", "许局权", section="", duties="", since="2024-01-01", status="调出"), by=inner, over=cast.bureau)
    assert roles_of("YA40005") == set()


def test_hr_still_corrects_the_phone_of_the_auditor(cast):
    plan = imported(
        row("YA10010", "冯审计", "姚安县人民政府办公室", section="", duties="", since="2024-01-01", phone="19900000008"),
        by=cast.hr,
        over=cast.county,
    )
    assert not plan.errors and Person.objects.get(employee_number="YA10010").phone == "19900000008"


def test_a_superuser_is_for_superusers(cast):
    root = person("YA40004", "根", cast.bureau, is_superuser=True)
    line = row("YA40004", "根", section="", duties="", status="退休", since="2024-01-01")
    for by in (cast.hr, cast.admin):
        assert codes(planned(line, by=by, over=cast.county)) == [(2, "状态", "guarded")]
    assert not planned(line, by=root, over=cast.county).errors


# --- one officer of HR makes no second one, and ends none -------------------------------------


def notices(plan):
    return [(notice.row, notice.field, notice.code) for notice in plan.notices]


def test_a_person_whom_hr_enters_for_the_evaluation_has_the_duty_and_no_role(cast, sign_in):
    plan = imported(row(duties="考评"), by=cast.hr, over=cast.county)

    assert notices(plan) == [(2, "政务公开职责", "role_withheld")] and plan.summary["roles_gained"] == 0
    assert DutyAssignment.objects.get(posting__person__employee_number="YA20001").duty == "appraiser"
    assert roles_of("YA20001") == set() and roles_gaps_of("YA20001") == [], "the repair does not bring it either"
    someone = Person.objects.get(employee_number="YA20001")
    roles.sync_with_duties(someone, TODAY)
    imported(row(duties="考评", phone="19900000009"), by=cast.hr, over=cast.county)
    assert roles_of("YA20001") == set()
    visitor = sign_in(cast.hr)
    page = visitor.get(hand_in(visitor, cast, workbook(row("YA20002", duties="考评")))["Location"])
    assert "第2行，政务公开职责" in page.text and "不授予角色" in page.text and "获得角色" not in page.text


def test_an_administrator_who_imports_the_same_row_gives_the_role_and_stands_beside_it(cast):
    imported(row(duties="考评"), by=cast.hr, over=cast.county)

    plan = imported(row(duties="考评"), by=cast.admin, over=cast.county)

    assert plan.people[0].roles_gained == [("hr", "532325", "姚安县人民政府")] and not plan.notices
    opened = RoleGrant.objects.get(person__employee_number="YA20001")
    assert (opened.role, opened.from_duty, opened.granted_by) == ("hr", "appraiser", cast.admin)
    assert planned(row(duties="考评"), by=cast.admin, over=cast.county).is_empty
    assert not planned(row(duties="考评"), by=cast.hr, over=cast.county).notices, "it stands: HR has nothing to be told"


def test_a_file_that_says_nothing_of_duties_brings_no_hr_though_an_administrator_imports_it(cast):
    imported(row(duties="考评"), by=cast.hr, over=cast.county)
    at = HEADER.index("政务公开职责")
    line = row(phone="19900000009")
    imported([*line[:at], *line[at + 1 :]], header=[*HEADER[:at], *HEADER[at + 1 :]], by=cast.admin, over=cast.county)
    assert roles_of("YA20001") == set()


@pytest.mark.parametrize(
    ("change", "column"), [({"duties": "具体工作人员"}, "政务公开职责"), ({"duties": "考评", "status": "退休"}, "状态")]
)
def test_one_officer_of_hr_does_not_end_another(change, column, cast):
    imported(row(duties="考评"), by=cast.admin, over=cast.county)

    plan = planned(row(**change), by=cast.hr, over=cast.county)

    assert codes(plan) == [(2, column, "power_kept")] and "何新" in plan.errors[0].message
    roster.apply(plan, by=cast.hr, at=NOON, skip_bad_rows=True)
    assert roles_of("YA20001") == {("hr", "姚安县人民政府")}
    imported(row(**change), by=cast.admin, over=cast.county)
    assert roles_of("YA20001") == set()


def test_hr_still_moves_another_officer_of_hr_and_corrects_the_phone(cast):
    imported(row(duties="考评"), by=cast.admin, over=cast.county)
    plan = imported(
        row(unit="姚安县财政局", section="", duties="考评、发布员", phone="19900000009", since="2025-03-01"), by=cast.hr, over=cast.county
    )
    assert not plan.errors and not plan.notices and roles_of("YA20001") == {("hr", "姚安县人民政府")}


def test_a_role_names_who_imported_the_duty_that_brought_it(cast):
    imported(row(duties="联络员"), by=cast.hr, over=cast.county)
    assert RoleGrant.objects.get(person__employee_number="YA20001").granted_by == cast.hr


# --- told before it happens, and judged again when it happens --------------------------------


def test_the_plan_says_which_roles_come_and_go(cast, sign_in):
    imported(row(duties="联络员"), by=cast.hr, over=cast.county)
    visitor = sign_in(cast.admin)
    page = visitor.get(hand_in(visitor, cast, workbook(row(duties="考评")))["Location"])

    assert "获得角色：人事考评（姚安县人民政府）" in page.text and "失去角色：联络员（姚安县教育体育局）" in page.text
    assert page.context["summary"]["roles_gained"] == page.context["summary"]["roles_lost"] == 1


def test_leaving_says_that_every_role_goes(cast):
    plan = planned(row("YA10006", "周讲", "姚安县人民政府办公室", section="", status="退休"), by=cast.hr, over=cast.county)
    assert plan.people[0].roles_lost == [("trainer", "532325", "姚安县人民政府")]


def test_a_plan_is_judged_by_what_the_importer_may_when_it_is_carried_out(cast, town, town_hr):
    wide = grant(town_hr, Role.HR, cast.county)
    plan = planned(of_town(duties="讲师"), by=town_hr, over=town)
    assert not plan.errors
    RoleGrant.objects.filter(pk=wide.pk).update(ends_on=date(2026, 6, 14))

    with pytest.raises(Refused) as refusal:
        roster.apply(plan, by=town_hr, at=NOON)
    assert refusal.value.code == "changed" and not Person.objects.filter(employee_number="YA40009").exists()


def test_judging_roles_does_not_grow_in_queries(cast):
    def asked(count):
        rows = [row(f"YA5{number:04}", duties="考评、联络员") for number in range(count)]
        with CaptureQueriesContext(connection) as queries:
            assert not planned(*rows, by=Person.objects.get(pk=cast.hr.pk), over=cast.county).errors
        return len(queries)

    assert asked(3) == asked(60) < 14


# --- who was stopped by hand -----------------------------------------------------------------


def learner_row(**more):
    return row("YA10001", "张小明", since=more.pop("since", "2024-01-01"), **more)


def in_and_out(cast, by):
    """The learner leaves and comes back by two rosters; what the second plan said."""
    imported(learner_row(status="调出"), by=by, over=cast.county)
    plan = planned(learner_row(), by=by, over=cast.county)
    roster.apply(plan, by=by, at=NOON)
    cast.learner.refresh_from_db()
    return plan


def test_hr_does_not_undo_an_administrators_stop_with_two_rosters(cast):
    accounts.stop_sign_in(person=cast.learner, by=cast.admin, at=NOON)
    plan = in_and_out(cast, cast.hr)
    assert not cast.learner.is_active and cast.learner.status == "on_duty"
    assert any("由管理员停止" in line for line in plan.people[0].lines)
    accounts.allow_sign_in(person=cast.learner, by=cast.admin, at=NOON)
    in_and_out(cast, cast.hr)
    assert cast.learner.is_active, "the stop was taken back"


def test_an_administrators_roster_takes_a_stop_back(cast):
    accounts.stop_sign_in(person=cast.learner, by=cast.admin, at=NOON)
    in_and_out(cast, cast.admin)
    assert cast.learner.is_active
    in_and_out(cast, cast.hr)
    assert cast.learner.is_active, "the old stop is over"


def test_what_an_import_does_to_sign_in_stands_among_the_acts_on_accounts(cast, sign_in):
    in_and_out(cast, cast.hr)
    traces = ReadingOfOthers.objects.filter(kind="account", subject=cast.learner).order_by("pk")
    assert [(each.reader, each.what) for each in traces] == [
        (cast.hr, "sign-in ended by a roster"),
        (cast.hr, "sign-in opened by a roster"),
    ]
    page = sign_in(cast.auditor).get(reverse("audit_accounts")).text
    assert "随花名册导入终止登录" in page and "随花名册导入恢复登录" in page


def test_many_who_come_back_take_no_more_queries_than_one(cast):
    def asked(count):
        numbers = [f"YA6{number:04}" for number in range(count)]
        imported(*[row(number) for number in numbers], by=cast.hr, over=cast.county)
        for someone in Person.objects.filter(employee_number__in=numbers):
            accounts.stop_sign_in(person=someone, by=cast.admin, at=NOON)
        counts = []
        for status in ("调出", "在岗"):
            by = Person.objects.get(pk=cast.admin.pk)
            plan = planned(*[row(number, status=status) for number in numbers], by=by, over=cast.county)
            with CaptureQueriesContext(connection) as queries:
                roster.apply(plan, by=by, at=NOON)
            counts.append(len(queries))
        assert Person.objects.filter(employee_number__in=numbers, is_active=True).count() == count
        return counts

    asked(1)
    assert asked(3) == asked(40)


# --- the upload and its uploader -------------------------------------------------------------


def test_the_result_stays_with_whoever_handed_the_file_in(cast, town, town_hr, sign_in):
    visitor = sign_in(town_hr)
    file = workbook(of_town())
    file.name = "花名册.xlsx"
    address = visitor.post(reverse("roster_import"), {"county": town.code, "file": file})["Location"]
    grant(town_hr, Role.HR, cast.county)  # the role grew: the form offers the county now, the upload is the township's

    digest = visitor.get(address).context["plan"].digest
    for _click in range(2):
        done = visitor.post(address, {"plan": digest}, follow=True)
        assert done.status_code == 200 and done.context["summary"]["people_new"] == 1

    town_hr.role_grants.update(ends_on=TODAY)
    assert visitor.get(reverse("roster_result", args=[RosterImport.objects.get().pk])).status_code == 200


def test_a_role_that_ended_closes_the_plan_and_hides_the_names_of_the_result(cast, sign_in):
    imported(row(), by=cast.hr, over=cast.county)
    visitor = sign_in(cast.hr)
    done, waiting = (hand_in(visitor, cast, workbook(row(phone=phone)))["Location"] for phone in ("19900000008", "19900000009"))
    page = visitor.post(done, {"plan": visitor.get(done).context["plan"].digest}, follow=True)
    assert "19900000008" in page.text

    cast.hr.role_grants.update(ends_on=TODAY)

    assert visitor.get(waiting).status_code == 404
    page = visitor.get(done, follow=True)
    assert page.status_code == 200 and "19900000008" not in page.text and page.context["summary"]["people_changed"] == 1


def test_a_second_click_leaves_the_counts_of_the_first(cast):
    file = workbook(row())
    plan = roster.plan(file, "花名册.xlsx", county=cast.county, by=cast.hr, on=TODAY)
    first = roster.keep(file=file, plan=plan, by=cast.hr, at=NOON)
    second = RosterImport.objects.get(pk=first.pk)
    for upload in (first, second):
        roster.apply(plan, by=cast.hr, at=NOON, upload=upload)
    assert RosterImport.objects.get().summary["people_new"] == 1
    assert Posting.objects.filter(person__employee_number="YA20001").count() == 1
    assert DutyAssignment.objects.filter(posting__person__employee_number="YA20001").count() == 1


# --- a plan without anything to do -----------------------------------------------------------


def looked_at(visitor, cast, *rows):
    return visitor.get(hand_in(visitor, cast, workbook(*rows))["Location"])


def test_only_a_file_that_stands_already_is_called_so(cast, sign_in):
    imported(row(), by=cast.hr, over=cast.county)
    visitor, stands = sign_in(cast.hr), "文件内容与现有数据完全一致"

    assert stands in looked_at(visitor, cast, row()).text
    refused = looked_at(visitor, cast, row(number="YA20002", phone="12")).text
    assert stands not in refused and "没有可导入的内容" in refused and "在下方选择跳过" not in refused
    assert "其余各行与现有数据一致" in looked_at(visitor, cast, row(), row(number="YA20002", phone="12")).text
    empty = looked_at(visitor, cast).text
    assert stands not in empty and "文件中没有数据行" in empty


# --- a unit that moves, or changes its kind, takes people's power along -------------------------


SECTION = ["532325-D03-01", "办公室", None, "内设机构", "532325-D09", None]  # from the education bureau to finance
BUREAU_AS_SECTION = ["532325-D03", "姚安县教育体育局", None, "内设机构", "532325", None]


def units_alone(*units):
    book = openpyxl.Workbook()
    page = book.active
    page.title = "单位"
    for line in [UNIT_HEADER, *units]:
        page.append(line)
    out = io.BytesIO()
    book.save(out)
    out.seek(0)
    return out


def plan_units(cast, *units, by):
    return roster.plan(units_alone(*units), "单位.xlsx", county=cast.county, by=by, on=TODAY)


@pytest.fixture
def deputy(cast):
    someone = person("YA30001", "段副", cast.section, "deputy")
    roles.sync_many([someone.pk], on=TODAY)
    RoleGrant.objects.filter(from_duty="").exclude(person=cast.admin).exclude(person=cast.hr).update(from_duty="chief")
    return someone


def test_a_section_that_moves_takes_the_power_of_its_people_along_in_the_plan_and_at_once(cast, deputy):
    plan = plan_units(cast, SECTION, by=cast.hr)
    changes = {change.number: change for change in plan.people}

    assert changes["YA30001"].roles_gained == [("leader", "532325-D09", "姚安县财政局")]
    assert changes["YA30001"].roles_lost == [("leader", "532325-D03", "姚安县教育体育局")]
    assert "YA10005" in changes and "YA10001" not in changes, "the liaison of the section moves too, a clerk has no power to move"
    roster.apply(plan, by=cast.hr, at=NOON)

    assert roles_of("YA30001") == {("leader", "姚安县财政局")} and roles_of("YA10005") == {("liaison", "姚安县财政局")}
    assert roles_gaps_of("YA30001") == [] and plan_units(cast, SECTION, by=cast.hr).is_empty


def roles_gaps_of(number):
    return [gap.what for gap in roles.gaps(NOON) if number in gap.what]


def test_a_bureau_that_becomes_a_section_shows_who_would_lead_the_county(cast, deputy):
    plan = plan_units(cast, BUREAU_AS_SECTION, by=cast.hr)
    change = next(change for change in plan.people if change.number == "YA10003")
    assert change.roles_gained == [("leader", "532325", "姚安县人民政府")] and plan.summary["roles_gained"] >= 1


def test_nobody_raises_themselves_by_moving_a_unit(cast, deputy):
    mine = person("YA30002", "郑二", cast.bureau, "chief")
    grant(mine, Role.HR, cast.county)
    roles.sync_many([mine.pk], on=TODAY)

    plan = plan_units(cast, BUREAU_AS_SECTION, by=mine)

    assert [(error.row, error.field, error.code) for error in plan.errors] == [(2, "类型", "own_role")] and plan.is_empty
    with pytest.raises(Refused):
        roster.apply(plan, by=mine, at=NOON)
    roster.apply(plan, by=mine, at=NOON, skip_bad_rows=True)
    assert Unit.objects.get(code="532325-D03").kind == Unit.Kind.DEPARTMENT and roles_of("YA30002") >= {("leader", "姚安县教育体育局")}


def test_what_else_the_file_does_is_planned_without_the_unit_that_may_not_move(cast, deputy):
    mine = person("YA30002", "郑二", cast.bureau, "chief")
    grant(mine, Role.HR, cast.county)
    units = [BUREAU_AS_SECTION, ["532325-D20", "姚安县数据局", None, "部门", "532325", None]]

    plan = plan_units(cast, *units, by=mine)

    assert [change.code for change in plan.units] == ["532325-D20"] and plan.bad_rows == 1


def test_a_renamed_organ_takes_no_role_from_anybody(cast, deputy):
    renamed = ["532325-D03", "姚安县教育局", "教育局", "部门", "532325", None]
    plan = plan_units(cast, renamed, by=cast.hr)
    assert plan.people == [] and len(plan.units) == 1


def test_a_row_in_a_unit_that_moves_says_what_becomes_of_the_roles_too(cast, deputy):
    theirs = row(number="YA30001", name="段副", unit="姚安县财政局", section="办公室", title="科员", duties="分管领导", since="2025-01-01")
    plan = roster.plan(workbook(theirs, units=[SECTION]), "花名册.xlsx", county=cast.county, by=cast.hr, on=TODAY)
    change = next(change for change in plan.people if change.number == "YA30001")
    assert [role[:2] for role in change.roles_gained] == [("leader", "532325-D09")]
    roster.apply(plan, by=cast.hr, at=NOON)
    assert roles_of("YA30001") == {("leader", "姚安县财政局")}
