"""How units and people stand: who should, who did, who lacks what."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from evaluation import services, standing
from people.models import Duty, DutyAssignment, Person, Posting, Unit
from tests import cast as casting
from tests.cast import NOON
from tests.evaluation import rows


def of(person, year=2026):
    """Both ways of counting, which have to agree."""
    [told] = standing.standings([Person.objects.get(pk=person.pk)], year=year, at=NOON)
    counted = standing.with_standing(Person.objects.filter(pk=person.pk), year=year, at=NOON).get()
    assert (told.required, told.done, told.missing) == (counted.required, counted.done, counted.missing)
    assert told.hours == counted.hours and told.target == counted.target
    return told


def table(cast, year=2026) -> dict[str, standing.UnitStanding]:
    found = standing.unit_standings(Unit.objects.within(cast.county).order_by("path"), year=year, at=NOON)
    return {row.unit.code: row for row in found.values()}


def codes(told) -> list[str]:
    return [state.course.code for state in told.missing_courses]


def test_a_course_required_by_two_duties_counts_once(cast, policy):
    rows.course(cast.county, "P01", required=["staff", "publisher"])
    assert of(cast.colleague).required == 1


def test_required_by_one_duty_and_elective_by_another_is_required(cast, policy):
    rows.course(cast.county, "P01", required=["publisher"], elective=["staff"])
    assert of(cast.colleague).missing == 1
    assert of(cast.learner).required == 0


def test_courses_of_another_county_count_when_they_are_shared(cast, policy):
    rows.course(cast.other_county, "P01", required=["staff"])
    rows.course(cast.other_county, "P02", required=["staff"], shared=True)
    assert codes(of(cast.learner)) == ["P02"]
    assert codes(of(cast.stranger)) == ["P01", "P02"]


def test_a_withdrawn_course_is_required_of_nobody(cast, policy):
    rows.course(cast.county, "P01", required=["staff"], open=False)
    assert of(cast.learner).required == 0


def test_a_duty_that_has_ended_requires_nothing(cast, course):
    DutyAssignment.objects.filter(posting__person=cast.learner).update(ends_on="2026-06-14")
    assert of(cast.learner).required == 0
    DutyAssignment.objects.filter(posting__person=cast.learner).update(ends_on="2026-06-15")  # its last day is today
    assert of(cast.learner).required == 1


def test_a_reversed_completion_is_missing_again(cast, course):
    done = rows.complete(cast.learner, course)
    assert of(cast.learner).missing == 0
    rows.reverse(done, by=cast.hr)
    assert of(cast.learner).missing == 1


def test_an_open_enrolment_is_missing_but_in_progress(cast, course):
    rows.enrol(cast.learner, course)
    assert [state.state for state in of(cast.learner).missing_courses] == ["in_progress"]


def test_a_completion_after_the_year_does_not_count_for_it(cast, course):
    rows.complete(cast.learner, course, at=datetime(2025, 12, 31, 16, 0, tzinfo=UTC))  # 0:00 of 2026 in Shanghai
    assert of(cast.learner, 2025).missing == 1
    assert of(cast.learner, 2026).missing == 0


def test_the_table_counts_those_who_should_and_did_and_rolls_up(cast, course):
    rows.complete(cast.learner, course)
    found = table(cast)
    section, bureau, county = (found[unit.code] for unit in (cast.section, cast.bureau, cast.county))
    assert (section.serving, section.should, section.did, section.did_share) == (3, 2, 1, 50)
    assert (bureau.serving, bureau.should, bureau.did) == (4, 2, 1)
    assert (county.serving, county.should, county.did) == (10, 2, 1)
    assert found[cast.other_bureau.code].should == 0 and found[cast.other_bureau.code].did_share is None


def test_two_of_three_required_courses_are_not_done(cast, course):
    rows.complete(cast.learner, course)
    rows.course(cast.county, "T01", required=["staff"])
    assert table(cast)[cast.section.code].did == 0


@pytest.mark.parametrize("status", ["on_leave", "left", "retired"])
def test_people_not_on_duty_are_not_counted(cast, course, status):
    Person.objects.filter(pk=cast.colleague.pk).update(status=status)
    assert table(cast)[cast.section.code].should == 1


def test_vertical_organs_are_counted_and_marked(cast, course, sign_in):
    organ = cast.county.add_child(code="532325-D28", name="国家税务总局姚安县税务局", kind="department", is_vertical=True)
    casting.person("YA10040", "税员", organ, Duty.STAFF)
    assert table(cast)[organ.code].should == 1
    assert table(cast)[cast.county.code].should == 3
    page = sign_in(cast.hr).get(reverse("records_units")).content.decode()
    assert page.count("垂直") >= 2


def test_the_pass_rate_counts_each_person_and_test_once(cast, course):
    rows.sat(cast.learner, course, passed=False, number=1)
    rows.sat(cast.learner, course, passed=True, number=2)
    rows.sat(cast.learner, course, passed=True, number=3)
    rows.sat(cast.colleague, course, passed=False, number=1)
    row = table(cast)[cast.section.code]
    assert (row.sat, row.passed, row.passed_share) == (2, 1, 50)
    assert table(cast, 2025)[cast.section.code].sat == 0


def test_hours_are_reached_from_the_target_on(cast, course):
    for_leader = rows.course(cast.county, "P09", required=["chief"])
    rows.complete(cast.own_leader, for_leader, study="3.75", test="0")
    assert (table(cast)[cast.bureau.code].targeted, table(cast)[cast.bureau.code].reached) == (4, 0)
    services.correct(person=cast.own_leader, year=2026, hours=services.Decimal("0.25"), reason="补登", by=cast.hr, at=NOON)
    assert table(cast)[cast.bureau.code].reached == 1
    assert of(cast.own_leader).reached is True


def test_a_county_with_a_policy_of_its_own_has_its_own_targets(cast, policy):
    rows.policy(county=cast.other_county, duty_targets={"staff": "2"})
    assert of(cast.learner).target == 20
    assert of(cast.stranger).target == 2
    assert of(cast.other_leader).target == 4


def test_who_served_elsewhere_is_counted_where_they_serve_now(cast, course):
    rows.complete(cast.learner, course)
    Posting.objects.filter(person=cast.learner).update(unit=cast.other_bureau)
    Person.objects.filter(pk=cast.learner.pk).update(unit=cast.other_bureau)
    found = table(cast)
    assert (found[cast.section.code].should, found[cast.other_bureau.code].did) == (1, 1)


def test_queries_do_not_grow_with_units_people_and_courses(cast, course, django_assert_num_queries):
    def count():
        with django_assert_num_queries(4):
            table(cast)
        with django_assert_num_queries(7):
            list(standing.standings(list(Person.objects.select_related("unit")), year=2026, at=NOON))

    count()
    for n in range(12):
        unit = cast.county.add_child(code=f"U{n}", name=f"局{n}", kind="department")
        casting.person(f"U{n}", f"员{n}", unit, Duty.STAFF)
        rows.course(cast.county, f"C{n}", required=["staff"])
    count()


# The page


def test_the_table_page_shows_per_cent_and_opens_units(cast, course, sign_in):
    rows.complete(cast.learner, course)
    client = sign_in(cast.hr)
    page = client.get(reverse("records_units")).content.decode()
    assert "姚安县教育体育局" in page and "50%" in page and f"?unit={cast.bureau.pk}" in page
    assert "办公室" in client.get(reverse("records_units"), {"unit": cast.bureau.pk}).content.decode()


def test_the_people_page_names_what_is_missing(cast, course, sign_in):
    client = sign_in(cast.own_leader)
    door = reverse("records_unit", args=[cast.bureau.pk])
    page = client.get(door).content.decode()
    assert "张小明" in page and "P01 政务公开基础" in page
    rows.complete(cast.learner, course)
    assert "张小明" not in client.get(door, {"only": "behind"}).content.decode()
    assert "李云" in client.get(door, {"only": "behind"}).content.decode()
    assert "张小明" in client.get(door, {"only": "hours"}).content.decode()


@pytest.mark.parametrize("year", ["2025", "abc", "99999999999999999999", "-1", "²"])
def test_a_strange_year_shows_a_page(cast, course, sign_in, year):
    client = sign_in(cast.hr)
    assert client.get(reverse("records_units"), {"year": year}).status_code == 200
    assert client.get(reverse("records_unit", args=[cast.county.pk]), {"year": year}).status_code == 200
