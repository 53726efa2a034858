"""Closing a unit that was dissolved: who may, what stands in the way, what stays."""

import threading
from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core import clock
from core.errors import Refused
from people.models import DutyAssignment, Person, Posting, ReadingOfOthers, Unit
from people.models.snapshot import served_at
from people.services import postings, roles, units
from tests.cast import NOON, grant, person
from tests.people.test_roster import plan_of, row

TODAY = date(2026, 6, 15)


@pytest.fixture
def empty(cast) -> Unit:
    """A bureau of the county where nobody serves."""
    return cast.county.add_child(code="532325-D40", name="姚安县招商局", kind=Unit.Kind.DEPARTMENT)


def refusal(act) -> Refused:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value


def closed(unit: Unit, by: Person, on: date = TODAY, basis: str = "") -> Unit:
    return units.close(unit=unit, on=on, by=by, at=NOON, basis=basis)


def test_a_closed_unit_keeps_its_name_and_says_when_and_by_whom(cast, empty):
    closed(empty, cast.hr, basis="姚政发〔2026〕3号")
    empty.refresh_from_db()
    assert (empty.name, empty.closed_on, empty.is_open) == ("姚安县招商局", TODAY, False)
    trace = ModelLogEntry.objects.get(action="people.unit_closed")
    assert (trace.user, trace.data["on"], trace.data["basis"]) == (cast.hr, "2026-06-15", "姚政发〔2026〕3号")
    closed(empty, cast.hr, on=date(2026, 1, 1))  # again: nothing changes
    empty.refresh_from_db()
    assert empty.closed_on == TODAY and ModelLogEntry.objects.filter(action="people.unit_closed").count() == 1


def test_a_unit_where_people_serve_is_not_closed_and_they_are_named(cast):
    refused = refusal(lambda: closed(cast.section, cast.hr))
    assert refused.code == "occupied"
    for name in ("张小明", "李云", "孙联络"):
        assert name in refused.message
    cast.section.refresh_from_db()
    assert cast.section.is_open


def test_a_unit_above_open_ones_is_not_closed_and_they_are_named(cast, empty):
    empty.add_child(code="532325-D40-01", name="综合股", kind=Unit.Kind.SECTION)
    assert "综合股" in refusal(lambda: closed(empty, cast.hr)).message


def test_who_serves_there_besides_another_post_counts_and_who_left_does_not(cast, empty):
    besides = Posting.objects.create(person=cast.learner, unit=empty, is_main=False, starts_on=TODAY)
    assert "张小明" in refusal(lambda: closed(empty, cast.hr)).message
    besides.delete()
    gone = person("YA10060", "已退休", empty)
    postings.leave(person=gone, status="retired", on=date(2026, 3, 31))
    assert refusal(lambda: closed(empty, cast.hr, on=date(2026, 3, 30))).code == "before_last"
    assert closed(empty, cast.hr, on=date(2026, 3, 31)).closed_on == date(2026, 3, 31)


def test_many_people_are_named_in_part(cast, empty):
    for number in range(8):
        person(f"YA2000{number}", f"员{number}", empty)
    message = refusal(lambda: closed(empty, cast.hr)).message
    assert "8" in message and "员4" in message and "员5" not in message


def test_a_unit_is_merged_into_another_one_and_taken_back_without_it(cast, empty):
    units.close(unit=empty, on=TODAY, by=cast.hr, at=NOON, successor=cast.other_bureau)
    empty.refresh_from_db()
    assert empty.merged_into == cast.other_bureau
    assert ModelLogEntry.objects.get(action="people.unit_closed").data["merged_into"] == cast.other_bureau.code
    units.reopen(unit=empty, by=cast.hr)
    empty.refresh_from_db()
    assert empty.merged_into is None


@pytest.mark.parametrize("where", ["itself", "inside", "closed", "another county"])
def test_a_unit_is_merged_only_into_an_open_one_of_the_county_outside_itself(cast, empty, where):
    section = cast.bureau.add_child(code="532325-D03-09", name="旧股", kind=Unit.Kind.SECTION)
    inner = section.add_child(code="532325-D03-09-1", name="组", kind=Unit.Kind.SECTION)
    if where == "closed":
        closed(empty, cast.hr)
    into = {"itself": section, "inside": inner, "closed": empty, "another county": cast.other_county}[where]
    if where == "inside":
        assert inner not in units.successors_of(section, cast.hr)
        return
    closed(inner, cast.hr)
    assert refusal(lambda: units.close(unit=section, on=TODAY, by=cast.hr, at=NOON, successor=into)).code == "successor"
    section.refresh_from_db()
    assert section.is_open


@pytest.mark.parametrize("role", ["hr", "administrator"])
def test_whoever_looks_after_one_bureau_merges_nothing_into_another(cast, role, sign_in):
    old = cast.bureau.add_child(code="532325-D03-09", name="旧股", kind=Unit.Kind.SECTION)
    someone = person("YA40001", "何局管", cast.bureau)
    grant(someone, role, cast.bureau)
    offered = list(sign_in(someone).get(reverse("unit_close", args=[old.pk])).context["form"].fields["successor"].queryset)
    assert offered == [cast.bureau, cast.section]
    refused = refusal(lambda: units.close(unit=old, on=TODAY, by=someone, at=NOON, successor=cast.other_bureau))
    assert refused.code == "successor" and "由您管理" in refused.message
    units.close(unit=old, on=TODAY, by=someone, at=NOON, successor=cast.section)


def test_the_page_offers_the_open_units_of_the_county_and_the_list_tells_the_choice(cast, empty, sign_in):
    visitor = sign_in(cast.hr)
    page = visitor.get(reverse("unit_close", args=[empty.pk]))
    offered = list(page.context["form"].fields["successor"].queryset)
    assert cast.other_bureau in offered and empty not in offered and cast.other_county not in offered
    wrong = visitor.post(reverse("unit_close", args=[empty.pk]), {"on": "2026-01-31", "successor": cast.other_county.pk})
    assert wrong.status_code == 422
    visitor.post(reverse("unit_close", args=[empty.pk]), {"on": "2026-01-31", "successor": cast.other_bureau.pk})
    empty.refresh_from_db()
    assert empty.merged_into == cast.other_bureau
    assert "并入姚安县财政局" in visitor.get(reverse("unit_list")).text


def test_a_section_is_closed_and_merged_under_the_name_of_its_organ(cast, sign_in):
    old = cast.bureau.add_child(code="532325-D03-09", name="综合股", kind=Unit.Kind.SECTION)
    cast.other_bureau.add_child(code="532325-D09-01", name="办公室", kind=Unit.Kind.SECTION)
    visitor, close = sign_in(cast.hr), reverse("unit_close", args=[old.pk])
    page = visitor.get(close).text
    assert "姚安县教育体育局 办公室 · 532325-D03-01" in page and "姚安县财政局 办公室 · 532325-D09-01" in page
    assert "姚安县教育体育局 综合股" in page
    told = visitor.post(close, {"on": "2026-01-31", "successor": cast.section.pk}, follow=True).text
    assert "姚安县教育体育局 综合股 已撤并" in told and "并入姚安县教育体育局 办公室" in told


def test_the_page_of_closing_offers_many_sections_in_as_many_queries(cast, empty, sign_in):
    visitor, close = sign_in(cast.hr), reverse("unit_close", args=[empty.pk])

    def asked() -> int:
        visitor.get(close)
        with CaptureQueriesContext(connection) as queries:
            visitor.get(close)
        return len(queries)

    few = asked()
    for number in range(9):
        bureau = cast.county.add_child(code=f"532325-B{number}", name=f"局{number}", kind=Unit.Kind.DEPARTMENT)
        bureau.add_child(code=f"532325-B{number}-1", name="办公室", kind=Unit.Kind.SECTION)
    assert asked() == few <= 15


def test_neither_a_county_nor_a_day_ahead_can_be_chosen(cast, empty):
    assert refusal(lambda: closed(cast.county, cast.hr)).code == "county"
    assert refusal(lambda: closed(empty, cast.hr, on=date(2026, 6, 16))).code == "future"


@pytest.mark.parametrize(("who", "may"), [("hr", True), ("admin", True), ("other_hr", False), ("own_leader", False), ("auditor", False)])
def test_hr_and_administrators_of_the_unit_alone_close_and_take_back(cast, empty, who, may):
    someone = getattr(cast, who)
    if may:
        closed(empty, someone)
        assert units.reopen(unit=empty, by=someone).is_open
        assert ModelLogEntry.objects.get(action="people.unit_reopened").user == someone
    else:
        assert refusal(lambda: closed(empty, someone)).code == "out_of_reach"
        assert refusal(lambda: units.reopen(unit=empty, by=someone)).code == "out_of_reach"


@pytest.mark.parametrize("role", ["hr", "administrator"])
def test_a_unit_is_neither_closed_nor_taken_back_from_inside(cast, empty, role, sign_in):
    section = empty.add_child(code="532325-D40-01", name="综合股", kind=Unit.Kind.SECTION)
    inside = person("YA40003", "魏内", cast.other_bureau)
    grant(inside, role, empty)
    visitor = sign_in(inside)
    listed = visitor.get(reverse("unit_list")).text
    assert reverse("unit_close", args=[section.pk]) in listed and reverse("unit_close", args=[empty.pk]) not in listed
    closed(section, inside)
    assert refusal(lambda: closed(empty, inside)).code == "from_inside"
    page = visitor.get(reverse("unit_close", args=[empty.pk])).text
    assert "上级单位的负责人员" in page and 'name="on"' not in page
    answer = visitor.post(reverse("unit_close", args=[empty.pk]), {"on": "2026-01-31"})
    assert answer.status_code == 422 and "上级单位的负责人员" in answer.text
    assert Unit.objects.get(pk=empty.pk).is_open

    Unit.objects.filter(pk=empty.pk).update(closed_on=TODAY)
    assert refusal(lambda: units.reopen(unit=empty, by=inside)).code == "from_inside"
    assert reverse("unit_reopen", args=[empty.pk]) not in visitor.get(reverse("unit_list")).text


def test_the_roles_over_a_unit_end_when_it_is_closed_and_taking_it_back_brings_none(cast, empty, sign_in):
    led = grant(cast.own_leader, "leader", empty)
    visitor, close = sign_in(cast.hr), reverse("unit_close", args=[empty.pk])
    page = visitor.get(close).text
    assert "赵一山（YA10003） · 单位领导" in page and "不会随之恢复" in page
    told = visitor.post(close, {"on": "2026-01-31"}, follow=True).text
    led.refresh_from_db()
    assert led.ends_on == clock.today() and "1 项角色" in told
    assert ModelLogEntry.objects.get(action="people.unit_closed").data["roles_ended"] == ["YA10003 leader"]
    trace = ModelLogEntry.objects.get(action="people.role_withdrawn")
    assert trace.object_id == str(cast.own_leader.pk) and trace.user == cast.hr
    assert trace.data == {"role": "leader", "unit": empty.code}
    assert "终止的角色：赵一山（YA10003） 单位领导" in sign_in(cast.auditor).get(reverse("audit_units")).text
    back = sign_in(cast.hr).post(reverse("unit_reopen", args=[empty.pk]), follow=True).text
    led.refresh_from_db()
    assert led.ends_on is not None and "重新授予" in back


@pytest.mark.parametrize("role", ["hr", "reviewer", "auditor", "administrator"])
def test_hr_closes_no_unit_over_which_somebody_has_power_that_only_an_administrator_ends(cast, empty, role, sign_in):
    held = grant(cast.colleague, role, empty)
    refused = refusal(lambda: closed(empty, cast.hr))
    assert refused.code == "occupied" and "李云" in refused.message
    assert 'name="on"' not in sign_in(cast.hr).get(reverse("unit_close", args=[empty.pk])).text
    held.refresh_from_db()
    assert held.ends_on is None
    closed(empty, cast.admin)
    held.refresh_from_db()
    assert held.ends_on == TODAY


def test_a_role_that_came_to_stand_over_a_closed_unit_is_a_gap_and_is_ended(cast, empty):
    late = grant(cast.own_leader, "leader", empty)
    Unit.objects.filter(pk=empty.pk).update(closed_on=TODAY)
    (gap,) = [gap for gap in roles.gaps(NOON) if empty.code in gap.what]
    gap.mend()
    late.refresh_from_db()
    assert late.ends_on == TODAY and not roles.gaps(NOON)
    trace = ModelLogEntry.objects.get(action="people.role_withdrawn")
    assert trace.object_id == str(cast.own_leader.pk) and trace.user is None
    assert trace.data == {"role": "leader", "unit": empty.code}


def test_a_section_is_not_taken_back_below_a_closed_bureau(cast, empty):
    section = empty.add_child(code="532325-D40-01", name="综合股", kind=Unit.Kind.SECTION)
    closed(section, cast.hr)
    closed(Unit.objects.get(pk=empty.pk), cast.hr)
    assert refusal(lambda: units.reopen(unit=section, by=cast.hr)).code == "above_closed"


def test_nobody_is_posted_to_a_closed_unit_and_no_role_is_granted_over_it(cast, empty):
    empty = closed(empty, cast.hr)
    assert refusal(lambda: postings.post(person=cast.learner, unit=empty, title="", duties=[], starts_on=TODAY)).code == "unit_closed"
    assert refusal(lambda: roles.grant(person=cast.learner, role="trainer", unit=empty, by=cast.admin, on=TODAY)).code == "unit_closed"


def test_a_roster_puts_nobody_into_a_closed_unit_or_section(cast, empty):
    section = cast.bureau.add_child(code="532325-D03-02", name="旧股", kind=Unit.Kind.SECTION)
    closed(empty, cast.hr)
    closed(section, cast.hr)
    found = plan_of(
        row("YA10001", "张小明", "姚安县招商局"),
        row("YA10002", "李云", "姚安县教育体育局", section="旧股", since="2026-05-01"),
        county=cast.county,
    )
    assert [(error.field, error.code) for error in found.errors] == [("单位", "unit_closed"), ("内设机构", "unit_closed")]


def test_a_roster_may_go_on_naming_the_closed_unit_that_somebody_left(cast, empty):
    gone = person("YA10060", "已退休", empty)
    postings.leave(person=gone, status="retired", on=date(2026, 3, 31))
    closed(empty, cast.hr)
    found = plan_of(row("YA10060", "已退休", "姚安县招商局", section="", status="退休"), county=cast.county)
    assert not found.errors


def test_records_keep_the_name_of_a_closed_unit(cast, empty, sign_in):
    from tests.evaluation import rows

    rows.policy()
    moved = person("YA10061", "调走的", empty, "staff")
    rows.complete(moved, rows.course(cast.county, "P01"))
    postings.post(person=moved, unit=cast.other_bureau, title="科员", duties=[], starts_on=TODAY)
    closed(empty, cast.hr)
    page = sign_in(cast.hr).get(reverse("records"), {"unit": empty.pk})
    assert page.status_code == 200 and "调走的" in page.text and "姚安县招商局（已撤并）" in page.text
    assert "姚安县招商局" not in sign_in(cast.hr).get(reverse("records_units")).text
    assert "姚安县招商局" in sign_in(cast.hr).get(reverse("records_units"), {"year": 2025}).text


# The doors


@pytest.mark.parametrize("who", ["hr", "admin", "other_hr", "learner", "own_leader", "liaison", "auditor", "trainer"])
def test_the_doors_open_for_hr_and_administrators_of_the_unit(cast, empty, sign_in, who):
    visitor = sign_in(getattr(cast, who))
    listed = visitor.get(reverse("unit_list"))
    assert listed.status_code == (200 if who in {"hr", "admin", "other_hr"} else 403)
    assert ("姚安县招商局" in listed.text) is (who in {"hr", "admin"})
    status = {"hr": 200, "admin": 200, "other_hr": 404}.get(who, 403)
    assert visitor.get(reverse("unit_close", args=[empty.pk])).status_code == status
    answer = visitor.post(reverse("unit_close", args=[empty.pk]), {"on": "2026-01-31"})
    empty.refresh_from_db()
    assert (empty.closed_on is not None) is (status == 200) and answer.status_code == (302 if status == 200 else status)


def test_signed_out_nobody_closes_anything(cast, empty, client):
    for door in (reverse("unit_list"), reverse("unit_close", args=[empty.pk]), reverse("unit_reopen", args=[empty.pk])):
        answer = client.post(door, {"on": "2026-01-31"})
        assert answer.status_code in {302, 405}
    empty.refresh_from_db()
    assert empty.is_open


def test_the_page_says_what_stands_in_the_way_and_offers_no_button(cast, sign_in):
    page = sign_in(cast.hr).get(reverse("unit_close", args=[cast.bureau.pk])).text
    assert "赵一山" in page and "办公室" in page and 'name="on"' not in page
    answer = sign_in(cast.hr).post(reverse("unit_close", args=[cast.bureau.pk]), {"on": "2026-01-31"})
    assert answer.status_code == 422 and "赵一山" in answer.text


@pytest.mark.parametrize("on", ["", "gestern", "2999-01-01", "2026-02-30"])
def test_a_wrong_day_is_explained_and_keeps_what_was_typed(cast, empty, sign_in, on):
    answer = sign_in(cast.hr).post(reverse("unit_close", args=[empty.pk]), {"on": on, "basis": "姚政发〔2026〕3号"})
    assert answer.status_code == 422 and "error-summary" in answer.text and "姚政发〔2026〕3号" in answer.text


def test_a_closed_unit_is_taken_back_from_the_list(cast, empty, sign_in):
    closed(empty, cast.hr)
    visitor = sign_in(cast.hr)
    assert "2026-06-15" in visitor.get(reverse("unit_list"), {"q": "招商"}).text
    visitor.post(reverse("unit_reopen", args=[empty.pk]))
    empty.refresh_from_db()
    assert empty.is_open


def test_the_list_of_units_takes_few_queries(cast, sign_in, django_assert_max_num_queries):
    for number in range(60):
        cast.county.add_child(code=f"U{number}", name=f"局{number}", kind=Unit.Kind.DEPARTMENT)
    visitor = sign_in(cast.hr)
    visitor.get(reverse("unit_list"))
    with django_assert_max_num_queries(8):
        assert len(visitor.get(reverse("unit_list")).context["page"].object_list) == 50


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_somebody_who_is_being_posted_there_keeps_it_open(cast, empty):
    posted, go = threading.Event(), threading.Event()

    def post():
        with transaction.atomic():
            postings.post(person=cast.learner, unit=empty, title="科员", duties=[], starts_on=TODAY)
            posted.set()
            go.wait(0.5)
        connection.close()

    clerk = threading.Thread(target=post)
    clerk.start()
    assert posted.wait(5)
    assert "张小明" in refusal(lambda: closed(empty, cast.hr)).message  # it waited for the posting to be written
    clerk.join()


def test_a_record_of_yesterday_bears_yesterdays_duties_though_the_posting_goes_on(cast):
    today = clock.today()
    yesterday = today - timedelta(days=1)
    posting = cast.learner.postings.get(is_main=True)
    posting.duties.update(starts_on=today - timedelta(days=90), ends_on=yesterday)
    DutyAssignment.objects.create(posting=posting, duty="publisher", starts_on=today)
    assert served_at(cast.learner, on=yesterday)["duties"] == ["staff"]
    assert served_at(cast.learner, on=today)["duties"] == ["publisher"]


def test_a_search_of_units_that_is_not_understood_shows_none_of_them(cast, sign_in):
    page = sign_in(cast.hr).get(reverse("unit_list"), {"q": "局" * 80})
    assert page.status_code == 422 and "error-summary" in page.text
    assert not page.context["page"].object_list and "姚安县财政局" not in page.text


def test_who_serves_in_a_unit_to_close_is_named_with_a_trace(cast, sign_in):
    sign_in(cast.hr).get(reverse("unit_close", args=[cast.section.pk]))
    trace = ReadingOfOthers.objects.get()
    assert (trace.reader, trace.what, trace.unit, trace.rows) == (
        cast.hr,
        "people of a unit to close",
        cast.section,
        cast.section.people.count(),
    )
