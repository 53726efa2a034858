"""What becomes of somebody's power when a roster brings them into another county, or into another post."""

from datetime import date, timedelta

import pytest
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core import clock
from courses.models import Completion
from people.models import Duty, DutyAssignment, Person, Posting, Role, RoleGrant, Unit
from people.services import postings, roles, roster
from tests.cast import NOON, SINCE, grant
from tests.factories import complete, make_course
from tests.people.test_roster import HEADER, TODAY, plan_of, put_in, row

NO_DUTIES = [column for column in HEADER if column != "政务公开职责"]
DUTY_AT = HEADER.index("政务公开职责")
THERE, HERE = "大姚县人民政府", "姚安县人民政府"


def there(someone, duties="", since="2026-06-01", unit=THERE, title="科员"):
    return row(someone.employee_number, someone.name, unit, "", title, duties=duties, since=since)


def without_duties(line):
    return [cell for at, cell in enumerate(line) if at != DUTY_AT]


def told(plan):
    return [(notice.field, notice.code) for notice in plan.notices]


def held(someone):
    return {(each.role, each.unit.name) for each in RoleGrant.objects.filter(person=someone, ends_on=None)}


def withdrawn():
    return ModelLogEntry.objects.filter(action="people.role_withdrawn")


@pytest.fixture
def superuser(cast):
    return Person.objects.create(employee_number="ROOT01", name="总管", is_superuser=True)


def by_hand(someone, role, unit, by, on):
    return RoleGrant.objects.create(person=someone, role=role, unit=unit, granted_by=by, starts_on=on)


# --- the roles granted by hand in the county left -------------------------------------------------


def test_a_role_granted_by_hand_ends_with_the_move_into_another_county(cast):
    course = make_course(cast.county)
    complete(cast.learner, course)
    plan = plan_of(there(cast.hr))
    assert plan.people[0].roles_lost == [("hr", "532325", HERE)] and plan.summary["roles_lost"] == 1
    assert told(plan) == [("单位", "role_left")] and "郑人事" in plan.notices[0].message and HERE in plan.notices[0].message

    roster.apply(plan, by=None, at=NOON)

    cast.hr.refresh_from_db()
    assert held(cast.hr) == set() and cast.hr.role_grants.get().ends_on == TODAY
    assert not Completion.objects.visible_to(cast.hr).filter(person=cast.learner).exists()
    trace = withdrawn().get()
    assert (trace.object_id, trace.data["role"], trace.data["unit"]) == (str(cast.hr.pk), "hr", "532325")
    assert roles.gaps(NOON) == [] and plan_of(there(cast.hr)).is_empty


def test_nobody_reverses_records_of_the_county_they_left(cast, sign_in):
    done = complete(cast.learner, make_course(cast.county))
    put_in(there(cast.hr))
    data = {"reason": "不在本县了，测试撤销", "confirm": "on", "certain": "on", "sure": "on"}
    cast.hr.refresh_from_db()
    assert sign_in(cast.hr).post(reverse("reverse_completion", args=[done.pk]), data).status_code in (403, 404)
    assert not hasattr(Completion.objects.get(pk=done.pk), "reversal")


def test_a_move_that_is_written_over_the_present_post_ends_the_role_too(cast):
    by_hand(cast.reviewer, Role.LIAISON, cast.county, cast.admin, date(2026, 6, 10))
    put_in(there(cast.reviewer, since=SINCE.isoformat()))
    assert held(cast.reviewer) == set()


def test_a_posting_in_another_county_ends_what_was_granted_here(cast):
    postings.post(person=cast.hr, unit=cast.other_county, title="科员", duties=[], starts_on=TODAY)
    assert held(cast.hr) == set()


def test_a_move_reported_late_ends_what_was_granted_meanwhile(cast, superuser):
    Posting.objects.filter(person=cast.learner).update(entered_at=None)
    by_hand(cast.learner, Role.LIAISON, cast.county, cast.admin, date(2026, 6, 10))
    by_hand(cast.learner, Role.REVIEWER, cast.county, superuser, date(2026, 6, 11))
    put_in(there(cast.learner, since="2026-06-01"))
    assert held(cast.learner) == set()


# --- what was granted across counties on purpose --------------------------------------------------


@pytest.mark.parametrize("by_whom", ["the system", "a superuser"])
def test_a_role_granted_across_counties_on_purpose_stays(by_whom, cast, superuser):
    by = None if by_whom == "the system" else superuser
    roles.grant(person=cast.other_hr, role=Role.AUDITOR, unit=cast.county, by=by, on=TODAY)
    assert roles.gaps(NOON) == []

    put_in(there(cast.other_hr, unit=THERE, title="主任"))
    third = Unit.add_root(code="532327", name="永仁县人民政府", short_name="永仁县", kind=Unit.Kind.COUNTY)
    plan = plan_of(there(cast.other_hr, unit=third.name, title="主任", since=TODAY.isoformat()))
    assert [lost[:2] for lost in plan.people[0].roles_lost] == [("hr", "532326")]
    roster.apply(plan, by=None, at=NOON)

    assert held(cast.other_hr) == {("auditor", HERE)} and roles.gaps(NOON) == []


def test_a_role_granted_on_purpose_after_the_move_stays(cast, superuser):
    put_in(there(cast.hr))
    roles.grant(person=cast.hr, role=Role.HR, unit=cast.county, by=superuser, on=clock.today())
    assert roles.gaps(NOON) == [] and held(cast.hr) == {("hr", HERE)}


def test_a_post_beside_that_goes_on_in_the_county_keeps_the_role(cast):
    Posting.objects.create(person=cast.hr, unit=cast.bureau, is_main=False, starts_on=SINCE)
    plan = plan_of(there(cast.hr))
    assert not plan.people[0].roles_lost and told(plan) == [("单位", "role_kept")]
    roster.apply(plan, by=None, at=NOON)
    assert held(cast.hr) == {("hr", HERE)} and roles.gaps(NOON) == []


# --- what stands from before ----------------------------------------------------------------------


def test_repairs_end_a_role_over_a_county_left_before(cast):
    Posting.objects.filter(person=cast.hr).update(ends_on=TODAY - timedelta(days=1))
    Posting.objects.create(person=cast.hr, unit=cast.other_county, starts_on=TODAY)
    cast.hr.unit = cast.other_county
    cast.hr.save()
    grant(cast.stranger, Role.TRAINER, cast.county)  # on purpose, from the other county
    roles.sync_many([each.pk for each in cast.people], on=TODAY)

    (gap,) = roles.gaps(NOON)
    assert "YA10008" in gap.what
    gap.mend()
    gap.mend()

    assert held(cast.hr) == set() and held(cast.stranger) == {("trainer", HERE)} and roles.gaps(NOON) == []
    assert withdrawn().get().object_id == str(cast.hr.pk)


# --- inside one county ----------------------------------------------------------------------------


def test_a_role_by_hand_over_the_unit_left_inside_the_county_stays_and_is_named(cast):
    grant(cast.learner, Role.LIAISON, cast.bureau)
    grant(cast.learner, Role.TRAINER, cast.county)  # reaches the new post as well
    plan = plan_of(there(cast.learner, unit="姚安县财政局", duties="具体工作人员"))
    assert told(plan) == [("单位", "role_kept")] and "姚安县教育体育局" in plan.notices[0].message
    roster.apply(plan, by=None, at=NOON)
    assert held(cast.learner) == {("liaison", "姚安县教育体育局"), ("trainer", HERE)}


# --- duties that no column names ------------------------------------------------------------------


def test_a_duty_that_goes_along_into_a_new_post_is_named_with_the_role_that_it_brings(cast):
    roles.sync_many([each.pk for each in cast.people], on=TODAY)
    plan = plan_of(without_duties(there(cast.own_leader, unit="姚安县财政局", title="局长")), header=NO_DUTIES)
    assert plan.summary["roles_gained"] == 1 and ("政务公开职责", "duty_carried") in told(plan)
    message = next(notice.message for notice in plan.notices if notice.code == "duty_carried")
    assert "主要领导" in message and "姚安县财政局" in message
    named = plan_of(there(cast.own_leader, unit="姚安县财政局", title="局长", duties="主要领导"))
    assert ("政务公开职责", "duty_carried") not in told(named), "whoever names it knows it"


@pytest.mark.parametrize("since", ["2026-06-01", SINCE.isoformat()])
def test_no_duty_that_brings_power_goes_unnamed_into_another_county(since, cast):
    cast.hr.role_grants.all().delete()
    posting = cast.hr.postings.get()
    DutyAssignment.objects.create(posting=posting, duty=Duty.STAFF, starts_on=SINCE)
    roles.sync_many([cast.hr.pk], on=TODAY, hr_for=[cast.hr.pk])
    assert held(cast.hr) == {("hr", HERE)}

    plan = plan_of(without_duties(there(cast.hr, since=since)), header=NO_DUTIES)
    assert plan.summary["roles_gained"] == 0 and plan.summary["roles_lost"] == 1
    assert told(plan) == [("政务公开职责", "duty_left")] and "考评" in plan.notices[0].message and THERE in plan.notices[0].message
    roster.apply(plan, by=None, at=NOON)

    assert held(cast.hr) == set() and roles.gaps(NOON) == []
    assert [each.duty for each in DutyAssignment.objects.filter(posting__person=cast.hr, ends_on=None)] == ["staff"]


def test_a_duty_that_the_row_names_goes_into_another_county(cast):
    put_in(there(cast.hr, duties="考评"))
    assert held(cast.hr) == {("hr", THERE)}


@pytest.mark.parametrize(("beside", "importer"), [("other_county", "county"), ("other_bureau", "bureau")])
def test_a_post_beside_outside_the_importers_reach_fails_no_plan(cast, beside, importer):
    put_in(row(duties="具体工作人员"), county=cast.county)
    someone = Person.objects.get(employee_number="YA20001")
    Posting.objects.create(person=someone, unit=getattr(cast, beside), is_main=False, starts_on=date(2024, 5, 20))

    assert not plan_of(row(duties="具体工作人员"), county=getattr(cast, importer)).errors


def test_a_role_across_counties_outlives_that_its_granter_is_a_superuser(cast, superuser):
    roles.grant(person=cast.auditor, role="auditor", unit=cast.other_county, by=superuser, on=clock.today(NOON))
    Person.objects.filter(pk=superuser.pk).update(is_superuser=False)

    assert not [gap for gap in roles.gaps(NOON) if "county left" in gap.what]
