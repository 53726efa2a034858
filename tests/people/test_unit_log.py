"""What the auditor reads of units and rules: closed, taken back, merged, who reads after a transfer, rosters that came in."""

from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core import clock
from people.models import DutyAssignment, RosterImport, Unit
from people.services import roster, units
from tests.cast import EVERYBODY, NOON, grant, person
from tests.people.test_roster import row, workbook
from tests.people.test_units import TODAY

DOOR = "audit_units"


@pytest.fixture
def happened(cast) -> Unit:
    """One act of each kind in the county, and one of the other county; the section that was closed."""
    old = cast.bureau.add_child(code="532325-D03-09", name="综合股", kind=Unit.Kind.SECTION)
    units.close(unit=old, on=TODAY, by=cast.hr, at=NOON, basis="姚政发〔2026〕3号", successor=cast.section)
    units.reopen(unit=old, by=cast.admin)
    units.let_history_follow(county=cast.county, follows=False, basis="姚纪要〔2026〕2号", by=cast.admin)
    file = workbook(row(), row(number="YA20002", phone="12"))
    plan = roster.plan(file, "六月花名册.xlsx", county=cast.county, by=cast.hr, on=TODAY)
    roster.apply(plan, by=cast.hr, at=NOON, skip_bad_rows=True, upload=roster.keep(file=file, plan=plan, by=cast.hr, at=NOON))
    units.let_history_follow(county=cast.other_county, follows=False, basis="大姚纪要", by=cast.other_hr)
    return old


def lines(page) -> list[str]:
    return [entry.action for entry in page.context["page"].object_list]


def test_the_auditor_reads_what_became_of_units_and_rules_with_the_decision_behind_it(cast, happened, sign_in):
    page = sign_in(cast.auditor).get(reverse(DOOR))
    assert lines(page) == ["people.roster_imported", "people.history_follows", "people.unit_reopened", "people.unit_closed"]
    for words in (
        "姚安县教育体育局 综合股", "撤并单位", "撤并日期：2026-06-15", "并入：姚安县教育体育局 办公室", "姚政发〔2026〕3号", "郑人事（YA10008）",
        "恢复单位", "原撤并日期：2026-06-15", "王管（YA10009）",
        "仅调动之日起的记录", "姚纪要〔2026〕2号",
        "六月花名册.xlsx", "人员 新增 / 变动 / 不变：1 / 0 / 0", "跳过的行：1",
    ):  # fmt: skip
        assert words in page.text, words
    assert "大姚纪要" not in page.text and "何新" not in page.text


@pytest.mark.parametrize("who", EVERYBODY)
def test_the_log_of_units_opens_for_the_auditor_alone(cast, happened, sign_in, who):
    visitor = sign_in(getattr(cast, who))
    assert visitor.get(reverse(DOOR)).status_code == (200 if who == "auditor" else 403)
    if who == "admin":
        assert reverse(DOOR) not in visitor.get(reverse("audit_accounts")).text


def test_signed_out_nobody_reads_the_log_of_units(client, db):
    assert client.get(reverse(DOOR)).status_code == 302


def test_an_auditor_of_one_department_reads_what_became_of_its_units(cast, happened, sign_in):
    watcher = person("YA40002", "蒋局审", cast.other_bureau)
    grant(watcher, "auditor", cast.bureau)
    assert lines(sign_in(watcher).get(reverse(DOOR))) == ["people.unit_reopened", "people.unit_closed"]


def test_the_log_of_units_is_narrowed_by_days_and_a_misread_filter_shows_nothing(cast, happened, sign_in):
    day = lambda on: datetime.combine(on, NOON.timetz())  # noqa: E731
    ModelLogEntry.objects.filter(action="people.unit_closed").update(timestamp=day(TODAY))
    ModelLogEntry.objects.exclude(action="people.unit_closed").update(timestamp=day(TODAY + timedelta(days=1)))
    visitor = sign_in(cast.auditor)
    assert lines(visitor.get(reverse(DOOR), {"until": "2026-06-15"})) == ["people.unit_closed"]
    assert len(lines(visitor.get(reverse(DOOR), {"since": "2026-06-16", "until": "2026-06-16"}))) == 3
    for wrong in ({"since": "gestern"}, {"since": "2026-06-16", "until": "2026-06-15"}, {"until": "9999-01-01"}):
        page = visitor.get(reverse(DOOR), wrong)
        assert page.status_code == 422 and not lines(page) and "error-summary" in page.text


def test_an_import_by_the_command_is_read_by_the_auditor_of_its_county(cast, sign_in, tmp_path):
    path = tmp_path / "全县.xlsx"
    path.write_bytes(workbook(row()).getvalue())
    call_command("import_roster", str(path))
    assert RosterImport.objects.get().unit is None
    visitor = sign_in(cast.auditor)
    assert not lines(visitor.get(reverse(DOOR))), "it may have been of the other county"
    for each in (cast.other_hr, cast.stranger):
        DutyAssignment.objects.filter(posting__person=each).delete()
        each.postings.all().delete()
        each.role_grants.all().delete()
        each.delete()
    cast.other_county.delete()
    assert lines(visitor.get(reverse(DOOR))) == ["people.roster_imported"]


def test_the_log_of_units_does_not_grow_in_queries(cast, sign_in, django_assert_max_num_queries):
    for number in range(30):
        bureau = cast.county.add_child(code=f"532325-B{number}", name=f"局{number}", kind=Unit.Kind.DEPARTMENT)
        section = bureau.add_child(code=f"532325-B{number}-1", name="办公室", kind=Unit.Kind.SECTION)
        units.close(unit=section, on=TODAY, by=cast.hr, at=clock.now(), successor=cast.section)
        units.reopen(unit=section, by=cast.hr)
    visitor = sign_in(cast.auditor)
    visitor.get(reverse(DOOR))
    with django_assert_max_num_queries(12):
        assert len(visitor.get(reverse(DOOR)).context["page"].object_list) == 50
