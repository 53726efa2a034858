"""How units and people stand: who should, who did, who lacks what."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from courses.models import Course
from courses.services import enrolments
from evaluation import records, services, standing
from home import desk
from people.models import Duty, DutyAssignment, Person, Posting, Unit
from people.services import postings
from quizzes.models import Quiz, Sitting
from tests import cast as casting
from tests.cast import NOON
from tests.evaluation import rows
from tests.people.test_roster import put_in, row


def of(person, year=2026):
    """Both ways of counting, which have to agree."""
    row = standing.counted(year=year, at=NOON).filter(pk=person.pk)
    [told] = standing.standings(row, year=year, at=NOON)
    [counted] = standing.figures(row, year=year, at=NOON)
    assert (told.required, told.done, told.missing) == (counted.required, counted.done, counted.missing)
    assert told.hours == counted.hours and told.target == counted.target
    return told


def table(cast, year=2026) -> dict[str, standing.UnitStanding]:
    found = standing.unit_standings(Unit.objects.within(cast.county).order_by("path"), year=year, at=NOON)
    return {row.unit.code: row for row in found.values()}


def codes(told) -> list[str]:
    return [state.course.code for state in told.missing_courses]


def test_a_later_day_in_the_roster_leaves_the_past_years_as_they_were(cast, policy):
    Person.objects.filter(pk=cast.learner.pk).update(date_joined=datetime(2024, 1, 1, tzinfo=UTC))  # in the register ever since
    put_in(row("YA10001", "张小明", since="2026-06-01"), county=cast.county)
    for year in (2024, 2025, 2026):
        assert standing.people_of([cast.section], year=year, at=NOON).filter(pk=cast.learner.pk).exists(), year


def test_a_course_required_by_two_duties_counts_once(cast, policy):
    rows.course(cast.county, "P01", required=["staff", "publisher"])
    assert of(cast.colleague).required == 1


def test_required_by_one_duty_and_elective_by_another_is_required(cast, policy):
    rows.course(cast.county, "P01", required=["publisher"], elective=["staff"])
    assert of(cast.colleague).missing == 1
    assert of(cast.learner).required == 0


def test_a_shared_course_binds_the_staff_of_its_own_county_alone(cast, policy):
    rows.course(cast.other_county, "P01", required=["staff"])
    rows.course(cast.other_county, "P02", required=["staff"], shared=True)
    assert codes(of(cast.learner)) == []
    assert codes(of(cast.stranger)) == ["P01", "P02"]


@pytest.mark.parametrize("year", [2025, 2026])
@pytest.mark.parametrize(("who", "required"), [("learner", {"A01"}), ("stranger", {"B01", "B02"})])
def test_every_page_says_the_same_of_what_is_required(cast, policy, who, required, year):
    """Catalogue, course page, desk, table of people, table of units, list of what was not begun."""
    before = datetime(2025, 2, 1, tzinfo=UTC)
    for county, code, shared in ((cast.county, "A01", True), (cast.other_county, "B01", True), (cast.other_county, "B02", False)):
        rows.course(county, code, required=["staff"], elective=["chief"], shared=shared, published_at=before)
    person = getattr(cast, who)
    counted = standing.counted(year=year, at=NOON).filter(pk=person.pk)
    unit = person.unit
    officer = cast.hr if who == "learner" else cast.other_hr

    catalogue = {c.code for c in Course.objects.visible_to(person).open().with_need_for(person) if c.need == "required"}
    pages = {c.code for c in Course.objects.open() if c.need_for(person) == "required"}
    on_desk = desk.of(person, at=NOON)
    (told,) = standing.standings(counted, year=year, at=NOON)

    assert catalogue == pages == {one.course.code for one in on_desk.due} == set(codes(told)) == required
    assert on_desk.required == standing.figures(counted, year=year, at=NOON)[0].required == len(required)
    assert standing.unit_standings([unit], year=year, at=NOON)[unit.path].behind > 0
    if year == 2026:
        assert {code for number, code in not_begun(officer) if number == person.employee_number} == required


def test_another_county_puts_nobody_behind(cast, policy):
    rows.course(cast.other_county, "B01", required=["staff"], shared=True)

    found = standing.unit_standings([cast.county, *cast.county.get_descendants()], year=2026, at=NOON)

    assert found[cast.county.path].should == found[cast.county.path].behind == 0
    assert not not_begun(cast.hr) and desk.of(cast.learner, at=NOON).required == 0
    assert "B01" in {one.course.code for one in desk.of(cast.learner, at=NOON).electives}


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


@pytest.mark.parametrize(("results", "counted"), [("held", 0), ("at_once", 1), ("closed", 1)])
def test_a_rate_tells_nothing_of_results_that_are_held_back(cast, course, results, counted):
    quiz = Quiz.objects.create(key="quiz", county=cast.county, title="年度考试", course_code=course.code, is_exam=True)
    opens_at, closes_at = NOON - timedelta(hours=1), NOON
    sitting = Sitting.objects.create(quiz=quiz, title="年度考试", results=results, opens_at=opens_at, closes_at=closes_at)
    rows.sat(cast.learner, course, passed=True, sitting=sitting)
    row = table(cast)[cast.section.code]
    assert (row.sat, row.passed) == (counted, counted)


def test_hours_are_reached_from_the_target_on(cast, course):
    for_leader = rows.course(cast.county, "P09", required=["chief"])
    rows.complete(cast.own_leader, for_leader, study="3.75", test="0")
    assert (table(cast)[cast.bureau.code].targeted, table(cast)[cast.bureau.code].reached) == (4, 0)
    rows.added(person=cast.own_leader, year=2026, hours=services.Decimal("0.25"), reason="补登", by=cast.hr, at=NOON)
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


# A past year


def moved(person, unit, on: str, *duties, title="股长"):
    """The person serves elsewhere from that day on."""
    postings.post(person=person, unit=unit, title=title, duties=duties, starts_on=date.fromisoformat(on))


def test_who_moved_since_is_counted_in_a_past_year_where_they_served_then(cast, course):
    rows.complete(cast.learner, course, at=datetime(2025, 5, 1, tzinfo=UTC))
    moved(cast.learner, cast.other_bureau, "2026-03-01", "chief")
    assert (table(cast, 2025)[cast.section.code].should, table(cast, 2025)[cast.section.code].did) == (2, 1)
    assert table(cast, 2025)[cast.other_bureau.code].serving == 1
    assert table(cast, 2026)[cast.section.code].should == 1
    assert table(cast, 2026)[cast.other_bureau.code].serving == 2


def test_who_moved_within_a_past_year_is_counted_once_where_they_served_last(cast, course):
    moved(cast.learner, cast.other_bureau, "2025-06-01", "staff")
    found = table(cast, 2025)
    assert (found[cast.section.code].should, found[cast.other_bureau.code].should, found[cast.county.code].should) == (1, 1, 2)
    assert table(cast, 2024)[cast.section.code].should == 2


def test_who_left_is_counted_in_the_year_of_leaving_and_not_after(cast, course):
    postings.leave(person=cast.learner, status="left", on=date(2025, 3, 31))
    assert [table(cast, year)[cast.section.code].should for year in (2024, 2025, 2026)] == [2, 2, 1]
    assert of(cast.learner, 2025).missing == 1


def test_who_came_later_is_not_counted_in_a_past_year(cast, course):
    newcomer = casting.person("YA10050", "新同志", cast.section, Duty.STAFF)
    Posting.objects.filter(person=newcomer).update(starts_on="2026-01-01")
    assert [table(cast, year)[cast.section.code].serving for year in (2025, 2026)] == [3, 4]


def test_the_duties_of_a_past_year_are_those_of_its_last_day(cast, course):
    rows.course(cast.county, "L01", required=["chief"])
    moved(cast.learner, cast.section, "2025-11-01", "chief", title="局长")
    moved(cast.learner, cast.section, "2026-02-01", "staff")
    assert [codes(of(cast.learner, year)) for year in (2024, 2025, 2026)] == [["P01"], ["L01"], ["P01"]]
    assert of(cast.learner, 2025).target == 4 and of(cast.learner, 2024).target == 20


def test_a_duty_counts_no_longer_than_the_posting_in_which_it_was_held(cast, course):
    rows.course(cast.county, "L01", required=["chief"])
    moved(cast.learner, cast.other_bureau, "2025-11-01", "chief", title="局长")
    DutyAssignment.objects.filter(posting__person=cast.learner, duty="staff").update(ends_on="2026-07-31")
    assert [codes(of(cast.learner, year)) for year in (2024, 2025, 2026)] == [["P01"], ["L01"], ["L01"]]
    assert {code for number, code in not_begun(cast.hr) if number == "YA10001"} == {"L01"}


def test_a_course_that_was_first_published_later_was_required_of_nobody(cast, course):
    rows.course(cast.county, "N01", required=["staff"], published_at=datetime(2025, 12, 31, 16, 0, tzinfo=UTC))  # 0:00 of 2026
    assert (codes(of(cast.learner, 2025)), codes(of(cast.learner, 2026))) == (["P01"], ["N01", "P01"])
    assert table(cast, 2025)[cast.section.code].should == 2


def test_a_completion_of_an_earlier_year_counts_and_its_hours_do_not(cast, course):
    rows.complete(cast.learner, course, at=datetime(2024, 5, 1, tzinfo=UTC))
    for year in (2024, 2025, 2026):
        assert table(cast, year)[cast.section.code].did == 1
    assert [of(cast.learner, year).hours for year in (2024, 2025)] == [1.5, 0]


def test_tests_of_a_past_year_are_counted_where_the_person_is(cast, course):
    rows.sat(cast.learner, course, passed=True, at=datetime(2025, 5, 1, tzinfo=UTC))
    moved(cast.learner, cast.other_bureau, "2026-03-01", "staff")
    found = table(cast, 2025)
    assert (found[cast.section.code].passed, found[cast.other_bureau.code].sat) == (1, 0)


def test_a_past_year_takes_no_more_queries_either(cast, course, django_assert_num_queries):
    def count():
        with django_assert_num_queries(4):
            table(cast, 2025)
        with django_assert_num_queries(7):
            list(standing.standings(standing.counted(year=2025, at=NOON), year=2025, at=NOON))

    count()
    for n in range(12):
        unit = cast.county.add_child(code=f"U{n}", name=f"局{n}", kind="department")
        moved(casting.person(f"U{n}", f"员{n}", unit, Duty.STAFF), cast.section, "2026-02-01", "staff")
        rows.course(cast.county, f"C{n}", required=["staff"])
    count()


def test_the_pages_of_a_past_year_show_who_served_then_to_those_who_read_there(cast, course, sign_in):
    moved(cast.learner, cast.other_bureau, "2026-03-01", "staff")
    client = sign_in(cast.own_leader)
    door = reverse("records_unit", args=[cast.bureau.pk])
    page = client.get(door, {"year": 2025}).content.decode()
    assert "张小明" in page and "科员" in page and "股长" not in page
    assert reverse("learning_file", args=[cast.learner.pk]) not in page  # the file goes with the person
    assert "张小明" not in client.get(door, {"year": 2026}).content.decode()
    told = client.get(reverse("records_units"), {"year": 2025}).content.decode()
    assert "12月31日" in told and "人员库" in told
    assert (
        "张小明"
        not in sign_in(cast.other_leader).get(reverse("records_unit", args=[cast.other_bureau.pk]), {"year": 2025}).content.decode()
    )


# Required and not begun


def not_begun(user, **wanted) -> set[tuple[str, str]]:
    found = records.find(user, records.Filter(status="not_started", **wanted), at=NOON)
    listed = [(row.employee_number, row.course_code) for row in found[0:1000]]
    assert found.count() == len(listed) == len(set(listed))
    assert sorted(listed) == sorted((row.employee_number, row.course_code) for row in found.stream())
    return set(listed)


def test_not_begun_is_what_the_standing_of_each_person_says(cast, policy):
    draw = random.Random(7)
    duties = ["staff", "publisher", "chief", "liaison"]
    for n in range(12):
        county = draw.choice([cast.county, cast.county, cast.other_county])
        made = rows.course(
            county, f"C{n:02}", required=draw.sample(duties, 2), elective=["lecturer"], shared=draw.random() < 0.4, open=draw.random() < 0.8
        )
        for person in draw.sample(cast.people, 5):
            done = rows.complete(person, made) if draw.random() < 0.5 else rows.enrol(person, made) and None
            if done and draw.random() < 0.4:
                rows.reverse(done, by=cast.admin)
    Person.objects.filter(pk=cast.admin.pk).update(is_superuser=True)
    everybody = Person.objects.get(pk=cast.admin.pk)
    told = standing.standings(standing.counted(year=2026, at=NOON), year=2026, at=NOON)
    expected = {(one.person.employee_number, c.course.code) for one in told for c in one.courses if c.state == "not_started"}
    assert expected and not_begun(everybody) == expected
    in_section = {pair for pair in expected if Person.objects.get(employee_number=pair[0]).unit == cast.section}
    assert not_begun(cast.liaison, unit=cast.section) == in_section


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("number", ["YA10001 A01", "YA10001 P01", "YA10002 A01", "YA10002 P01"]),
        ("course", ["YA10001 A01", "YA10002 A01", "YA10001 P01", "YA10002 P01"]),
        ("unit", ["YA10002 A01", "YA10002 P01", "YA10001 A01", "YA10001 P01"]),
    ],
)
def test_not_begun_is_sorted_and_cut_by_the_database(cast, course, sort, order):
    rows.course(cast.county, "A01", required=["staff"])
    moved(cast.learner, cast.other_bureau, "2026-03-01", "staff")
    found = records.find(cast.hr, records.Filter(status="not_started", sort=sort), at=NOON)
    assert [f"{row.employee_number} {row.course_code}" for row in found[0:10]] == order
    assert [f"{row.employee_number} {row.course_code}" for row in found[1:3]] == order[1:3]


def test_not_begun_takes_as_many_queries_for_thirty_courses_as_for_one(cast, course, django_assert_num_queries):
    def count():
        cast.hr.__dict__.pop("_open_grants", None)
        with django_assert_num_queries(5):  # role grants, courses, count, rows, names of units
            found = records.find(cast.hr, records.Filter(status="not_started"), at=NOON)
            assert found.count() and found[0:50]

    count()
    for n in range(30):
        rows.course(cast.county, f"C{n}", required=["staff"])
    count()


def test_queries_do_not_grow_with_units_people_and_courses(cast, course, django_assert_num_queries):
    def count():
        with django_assert_num_queries(4):
            table(cast)
        with django_assert_num_queries(7):
            list(standing.standings(standing.counted(year=2026, at=NOON), year=2026, at=NOON))

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
    client, told = sign_in(cast.hr), 200 if year == "2025" else 409
    assert client.get(reverse("records_units"), {"year": year}).status_code == told
    assert client.get(reverse("records_unit", args=[cast.county.pk]), {"year": year}).status_code == told


def test_a_course_that_was_closed_stays_on_the_desk_of_who_has_begun_it(cast, policy):
    begun, other = rows.course(cast.county, "C01", required=["staff"]), rows.course(cast.county, "C02", required=["staff"])
    enrolments.enrol(person=cast.learner, course=begun, at=NOON)
    type(begun).objects.filter(pk__in=[begun.pk, other.pk]).update(is_open=False)

    found = desk.of(cast.learner, at=NOON)
    assert [one.course.code for one in found.under_way] == ["C01"] and found.required == 0
    assert desk.of(cast.colleague, at=NOON).under_way == []
