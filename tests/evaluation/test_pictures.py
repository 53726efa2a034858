"""Pictures of a year: units side by side, the months, unit × item, the years — and a reminder to who is behind."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.urls import reverse

from core.errors import Refused
from evaluation import claims, pictures, reminders, services
from evaluation.ahead import Overview
from evaluation.models import LearningReminder
from people.models import Person, ReadingOfOthers, Unit
from tests.cast import EVERYBODY, NOON, person
from tests.certificates.conftest import keys, private
from tests.evaluation import frozen as by_hand
from tests.evaluation import rows
from tests.quizzes.test_races import together

__all__ = ["keys", "private"]
READERS = ["own_leader", "other_leader", "liaison", "hr", "auditor", "other_hr"]


@pytest.fixture
def year(cast, policy, course, monkeypatch):
    """In June: the colleague has the required course, the learner has not, the treasury has two who have."""
    monkeypatch.setattr("core.clock.now", lambda: NOON)
    rows.complete(cast.colleague, course, at=NOON - timedelta(days=40))
    for number in ("YA40001", "YA40002"):
        rows.complete(person(number, "财政某", cast.other_bureau, "staff"), course, at=NOON - timedelta(days=1))


def side_by_side(county, **more):
    return {
        row.unit.name: row
        for row in pictures.side_by_side(Overview(Unit.objects.filter(path__startswith=county.path), year=2026, at=NOON), **more)
    }


def test_units_are_ranked_among_their_kind_and_equals_share_a_rank(cast, year):
    found = side_by_side(cast.county)
    assert [(name, row.standing.did, row.standing.should, row.rank) for name, row in found.items()] == [
        ("姚安县教育体育局", 1, 2, 2),
        ("姚安县财政局", 2, 2, 1),
        ("姚安县人民政府办公室", 0, 0, None),
    ]
    Unit.objects.filter(pk=cast.other_bureau.pk).update(is_vertical=True)
    assert [row.rank for row in side_by_side(cast.county).values()] == [1, None, None]


def test_whoever_reads_one_unit_is_told_its_rank_in_the_whole_county(cast, year):
    own = pictures.side_by_side(Overview(Unit.objects.filter(path__startswith=cast.bureau.path), year=2026, at=NOON))
    assert [(row.unit.name, row.rank) for row in own] == [("姚安县教育体育局", 2)]


def test_whoever_reads_two_counties_is_told_the_rank_in_each(cast, year, policy):
    theirs = cast.other_county.add_child(code="532326-D03", name="大姚县教育体育局", kind=Unit.Kind.DEPARTMENT)
    course = rows.course(cast.other_county, "D01", required=["staff"])
    for number, done in (("DY40001", True), ("DY40002", False), ("DY40003", False)):
        someone = person(number, "大姚某", theirs, "staff")
        if done:
            rows.complete(someone, course, at=NOON - timedelta(days=1))
    assert pictures.rank_of(theirs, year=2026, at=NOON).place == 1
    wanted = {"姚安县教育体育局": 2, "姚安县财政局": 1, "大姚县教育体育局": 1}
    parts = [unit.pk for unit in (cast.bureau, cast.section, cast.other_bureau, theirs)]
    for units in (Unit.objects.all(), Unit.objects.exclude(pk=cast.county.pk), Unit.objects.filter(pk__in=parts)):
        found = pictures.side_by_side(Overview(units.order_by("path"), year=2026, at=NOON))
        assert {row.unit.name: row.rank for row in found if row.rank} == wanted


def test_nothing_of_a_reopened_period_stands_in_the_pictures_before_it_is_published_anew(cast, private, keys):
    frozen = by_hand.frozen(cast, year=2026)

    def shown():
        units = [cast.county, *cast.county.get_descendants()]
        grid = pictures.item_grid(fresh(frozen.period), units)
        years = {one.year: one.average for one in pictures.years(units, at=NOON, county=cast.county)}
        return grid and grid.calculation, years[2026] is not None

    def fresh(period):
        return type(period).objects.get(pk=period.pk)

    assert shown() == (frozen, True)
    by_hand.step(frozen.period, cast, "cut_off")
    assert shown() == (None, False)


def test_the_table_is_sorted_by_a_share_both_ways_and_who_has_none_comes_last(cast, year):
    assert list(side_by_side(cast.county, sort="did"))[:2] == ["姚安县教育体育局", "姚安县财政局"]
    assert list(side_by_side(cast.county, sort="did", worst_first=False)) == ["姚安县财政局", "姚安县教育体育局", "姚安县人民政府办公室"]


def test_months_count_what_happened_in_the_units_and_their_hours(cast, year):
    found = pictures.months([cast.county], year=2026, at=NOON)
    assert [(month.number, month.completions, month.share) for month in found] == [
        (1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 1, 50), (6, 2, 100),
    ]  # fmt: skip
    assert [month.hours for month in found[4:]] == [Decimal("1.5"), Decimal(3)]
    assert sum(month.completions for month in pictures.months([cast.bureau], year=2026, at=NOON)) == 1


def test_the_hours_of_the_months_are_those_of_the_ledger_and_come_to_the_year(cast, year, policy, course):
    rows.complete(cast.colleague, course, at=NOON - timedelta(days=1), round=2)  # counts once a year
    rows.reverse(rows.complete(cast.learner, course, at=NOON - timedelta(days=70)), by=cast.hr, at=NOON)  # in April, taken back in June
    at = NOON - timedelta(days=2)
    claim = claims.file(
        person=cast.learner,
        facts=claims.Facts("lecture", "讲座", "办公室", date(2026, 3, 31), date(2026, 3, 31), Decimal(2)),
        files=[claims.File("a.pdf", b"%PDF-1.7\n")],
        form_key="c",
        at=at,
    )
    for officer in (cast.hr, Person.objects.create_superuser("ROOT", name="根")):
        claim = claims.approve(claim=claim, by=officer, at=at)
    rows.added(person=cast.learner, year=2026, hours=Decimal("0.5"), reason="补登", by=cast.hr, at=NOON)
    rows.added(person=cast.learner, year=2025, hours=Decimal(3), reason="补登", by=cast.hr, at=NOON)

    found = pictures.months([cast.county], year=2026, at=NOON)
    assert [(month.completions, month.hours) for month in found] == [
        (0, 0), (0, 0), (0, 2), (0, 0), (1, Decimal("1.5")), (3, Decimal("3.5")),
    ]  # fmt: skip
    assert [month.hours for month in pictures.months([cast.county], year=2025, at=NOON)] == [0] * 11 + [3]
    of_years = {one.year: one.hours for one in pictures.years([cast.county], at=NOON)}
    assert of_years == {2026: sum(month.hours for month in found), 2025: 3}
    assert of_years[2026] == sum(services.balance(one, 2026) for one in Person.objects.all())


def test_the_grid_shows_the_newest_published_lines_and_nothing_before(cast, year):
    found = by_hand.period(cast)
    units = [cast.bureau]
    assert pictures.item_grid(found, units) is None
    made = by_hand.calculation(found, cast, purpose="publicity")
    assert pictures.item_grid(found, units) is None  # calculated, and not published
    by_hand.step(found, cast, "publicity", made)
    found.__dict__.pop("steps_taken", None)
    grid = pictures.item_grid(found, units)
    assert [(line.unit_name, [percent for _item, percent in cells]) for line, cells in grid.rows] == [("姚安县教育体育局", [100])]
    assert pictures.item_grid(found, [cast.other_bureau]).rows == []


def test_the_years_hold_completions_hours_certificates_and_points(cast, year):
    found = by_hand.period(cast)
    by_hand.step(found, cast, "publicity", by_hand.calculation(found, cast, purpose="publicity"))
    years = pictures.years([cast.county], at=NOON, county=cast.county)
    assert [(one.year, one.completions, one.people, one.units, one.average) for one in years] == [(2026, 3, 3, 1, Decimal("8.50"))]


def test_before_publicity_the_grid_says_when_points_come_and_leads_hr_alone_to_the_running_ones(cast, year, client):
    found = by_hand.period(cast)
    preview = reverse("period_preview", args=[found.pk])
    for reader, is_led in ((cast.hr, True), (cast.own_leader, False), (cast.auditor, False)):
        client.force_login(reader)
        page = client.get(reverse("county_picture")).text
        assert "2026-12-20" in page and (preview in page) == is_led
    by_hand.step(found, cast, "publicity", by_hand.calculation(found, cast, purpose="publicity"))
    client.force_login(cast.hr)
    assert preview not in client.get(reverse("county_picture")).text


def test_pictures_take_the_same_queries_for_more_units_and_people(cast, year, client, django_assert_max_num_queries):
    client.force_login(cast.hr)
    for n in range(8):
        unit = cast.county.add_child(code=f"532325-X{n}", name=f"第{n}局", kind=Unit.Kind.DEPARTMENT)
        person(f"YA5000{n}", "某某", unit, "staff")
    with django_assert_max_num_queries(15):
        assert client.get(reverse("county_picture")).status_code == 200
    with django_assert_max_num_queries(15):
        assert client.get(reverse("years_picture")).status_code == 200


@pytest.mark.parametrize("name", EVERYBODY)
def test_who_reads_records_sees_the_units_of_their_reach_and_nobody_else_any(client, cast, year, name):
    client.force_login(getattr(cast, name))
    page = client.get(reverse("county_picture"))
    assert page.status_code == (200 if name in READERS else 403)
    if name in READERS:
        text = page.content.decode()
        assert ("姚安县教育体育局" in text) == (name in ("own_leader", "liaison", "hr", "auditor"))
        assert ("姚安县财政局" in text) == (name in ("other_leader", "hr", "auditor"))
    assert client.get(reverse("years_picture")).status_code == page.status_code


@pytest.mark.parametrize("what", ["units", "months", "years"])
def test_each_picture_leaves_as_a_table_for_a_purpose_and_with_a_trace(client, cast, year, what):
    client.force_login(cast.hr)
    door = reverse("picture_file", args=[what])
    assert 'name="purpose"' in client.get(door).text and client.post(door, {"purpose": ""}).status_code == 422
    assert client.post(door, {"purpose": "other", "more": " "}).status_code == 422 and not ReadingOfOthers.objects.exists()
    response = client.post(door, {"purpose": "report", "more": "姚政办发〔2026〕3号"})
    assert response.status_code == 200 and len(b"".join(response.streaming_content).splitlines()) > 1
    trace = ReadingOfOthers.objects.get()
    assert (trace.kind, trace.filters["picture"]) == ("export", what) and "姚政办发〔2026〕3号" in trace.filters["purpose"]
    assert (
        client.get(reverse("picture_file", args=["items"])).status_code
        == 404
        == client.get(reverse("picture_file", args=["x"])).status_code
    )


def test_a_leader_sees_the_rank_of_the_unit_but_no_figure_of_others(client, cast, year):
    client.force_login(cast.own_leader)
    page = client.get(reverse("dashboard")).content.decode()
    assert "同类位次" in page and "同类 2 个单位" in page and "财政" not in page


def test_the_rank_among_its_kind_and_that_of_the_evaluation_have_names_of_their_own(client, cast, year):
    found = by_hand.period(cast)
    by_hand.step(found, cast, "publicity", by_hand.calculation(found, cast, purpose="publicity"))
    client.force_login(cast.hr)
    published = client.get(reverse("period_publicity", args=[found.pk])).text
    assert "全县位次" in published and "同类位次" not in published
    picture = client.get(reverse("county_picture")).text
    assert "同类位次" in picture and "全县位次" not in picture
    for what, rank in (("units", "同类位次"), ("items", "全县位次")):
        answer = client.post(reverse("picture_file", args=[what]), {"purpose": "report"})
        head = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()[0]
        assert head.split(",")[-1] == rank


# Reminders


def test_a_leader_reminds_who_is_behind_and_the_person_reads_it_until_done(client, cast, year, course):
    client.force_login(cast.own_leader)
    assert "提醒 1 人" in client.get(reverse("dashboard")).content.decode()
    page = client.post(reverse("remind", args=[cast.bureau.pk]), follow=True).content.decode()
    assert "已提醒 1 人" in page
    assert [(one.person, one.by, one.missing) for one in LearningReminder.objects.all()] == [(cast.learner, cast.own_leader, 1)]

    client.force_login(cast.learner)
    assert "赵一山（局长）" in client.get(reverse("my_learning")).content.decode()
    rows.complete(cast.learner, course, at=NOON)
    assert "赵一山（局长）" not in client.get(reverse("my_learning")).content.decode()


def test_more_people_than_can_be_meant_at_once_are_not_offered_to_be_reminded_together(client, cast, year, monkeypatch):
    monkeypatch.setattr(reminders, "AT_ONCE", 0)
    client.force_login(cast.own_leader)
    page = client.get(reverse("dashboard")).content.decode()
    assert reverse("remind", args=[cast.bureau.pk]) not in page and "逐个单位提醒" in page
    with pytest.raises(Refused) as refusal:
        reminders.remind(unit=cast.bureau, by=cast.own_leader, at=NOON)
    assert refusal.value.code == "too_many"


def test_nobody_is_reminded_twice_a_day_whoever_reminds(cast, year):
    assert reminders.remind(unit=cast.bureau, by=cast.own_leader, at=NOON) == reminders.Sent(1, 0)
    assert reminders.remind(unit=cast.section, by=cast.hr, at=NOON) == reminders.Sent(0, 1)
    assert reminders.remind(unit=cast.bureau, by=cast.hr, at=NOON + timedelta(days=1)) == reminders.Sent(1, 0)


@pytest.mark.parametrize(
    "name", ["learner", "colleague", "other_leader", "trainer", "reviewer", "admin", "auditor", "other_hr", "stranger"]
)
def test_who_is_not_in_charge_reminds_nobody(client, cast, year, name):
    with pytest.raises(Refused) as refusal:
        reminders.remind(unit=cast.bureau, by=getattr(cast, name), at=NOON)
    assert refusal.value.code == "not_in_charge"
    client.force_login(getattr(cast, name))
    assert client.post(reverse("remind", args=[cast.bureau.pk])).status_code == (302 if name == "auditor" else 404)
    assert not LearningReminder.objects.exists()


def test_where_nobody_is_behind_nobody_is_reminded(cast, year):
    with pytest.raises(Refused) as refusal:
        reminders.remind(unit=cast.other_bureau, by=cast.other_leader, at=NOON)
    assert refusal.value.code == "nobody"


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite writes one after the other")
def test_two_who_remind_at_once_remind_once(cast, year):
    sent = together(*[lambda: reminders.remind(unit=cast.bureau, by=cast.own_leader, at=NOON)] * 3)
    assert sorted(one.now for one in sent) == [0, 0, 1] and LearningReminder.objects.count() == 1
