"""Counties with very many people: counted ahead of asking, shown with the time, and never mixed up with what is counted anew."""

from datetime import timedelta

import pytest
from django.core.cache import cache, caches
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from courses.models import Enrolment
from evaluation import ahead, begun, pictures, records, reminders, standing, tasks
from people.models import Person, Role, RosterImport, Unit
from people.models.snapshot import served_at
from people.signals import roster_imported
from tests.cast import NOON, grant
from tests.evaluation import rows

PAGES = ["records_units", "county_picture", "dashboard"]


@pytest.fixture(autouse=True)
def noon(db, monkeypatch):
    monkeypatch.setattr("core.clock.now", lambda: NOON)
    cache.clear()
    caches["local"].clear()


@pytest.fixture
def large(monkeypatch):
    """Whatever has more than three people is large: the county, and none of its bureaus."""
    monkeypatch.setattr(ahead, "LARGE", 3)


def overview(*units) -> ahead.Overview:
    inside = [one for unit in units for one in Unit.objects.within(unit)]
    return ahead.Overview(inside, year=2026, at=NOON)


def told(found: ahead.Overview) -> dict:
    return {path: [getattr(one, name) for name in one.FIGURES] for path, one in found.standings.items()}


@pytest.mark.parametrize("where", ["county", "bureau", "other_bureau"])
def test_what_is_counted_ahead_is_what_is_counted_anew(cast, course, where, monkeypatch):
    rows.complete(cast.colleague, course, at=NOON - timedelta(days=3))
    anew = overview(getattr(cast, where))
    fresh = (told(anew), [anew.in_need(only) for only in ("", "behind", "hours")])
    assert anew.made_at is None and fresh[1][1] != fresh[1][0]
    monkeypatch.setattr(ahead, "LARGE", 0)
    caches["local"].clear()
    assert ahead.count_all(at=NOON) == 2, "both counties have somebody"
    kept = overview(getattr(cast, where))
    assert kept.made_at == NOON
    assert (told(kept), [kept.in_need(only) for only in ("", "behind", "hours")]) == fresh


def test_a_large_county_is_shown_as_it_was_counted_until_it_is_counted_again(cast, course, large):
    before = overview(cast.county).standings[cast.county.path].did
    rows.complete(cast.colleague, course, at=NOON)
    assert overview(cast.county).standings[cast.county.path].did == before
    tasks.count_ahead()
    assert overview(cast.county).standings[cast.county.path].did == before + 1


def test_a_small_unit_of_a_large_county_is_counted_anew(cast, course, large):
    ahead.count_all(at=NOON)
    rows.complete(cast.colleague, course, at=NOON)
    section = Unit.objects.get(pk=cast.other_bureau.pk)
    assert overview(section).made_at is None
    assert overview(cast.county).made_at == NOON


def test_what_was_kept_answers_without_reading_people_or_completions(cast, course, large):
    overview(cast.county).standings
    with CaptureQueriesContext(connection) as queries:
        found = overview(cast.county)
        assert found.standings and found.in_need()
    read = " ".join(query["sql"] or "" for query in queries)
    assert "courses_completion" not in read and "people_posting" not in read


@pytest.mark.parametrize("page", PAGES)
def test_pages_of_a_large_county_say_when_it_was_counted(cast, course, sign_in, page, large):
    assert "统计于 " in sign_in(cast.hr).get(reverse(page)).text


@pytest.mark.parametrize("page", PAGES)
def test_pages_of_others_do_not(cast, course, sign_in, page):
    assert "统计于 " not in sign_in(cast.hr).get(reverse(page)).text


def test_people_of_a_large_county_are_listed_with_the_figures_of_now(cast, course, sign_in, large):
    ahead.count_all(at=NOON)
    rows.complete(cast.colleague, course, at=NOON)
    page = sign_in(cast.hr).get(reverse("records_unit", args=[cast.county.pk]) + "?only=behind")
    [row] = [row for row, _unit in page.context["rows"] if row.person == cast.colleague]
    assert row.missing == 0 and "统计于" in page.text


@pytest.mark.parametrize(("only", "said"), [("", "在岗 {} 人"), ("behind", "必修未完成 {} 人"), ("hours", "学时未达标 {} 人")])
def test_the_number_above_the_people_says_who_was_counted(cast, course, sign_in, only, said):
    page = sign_in(cast.hr).get(reverse("records_unit", args=[cast.county.pk]), {"only": only})
    count = page.context["page"].paginator.count
    assert said.format(count) in page.text and (f"在岗 {count} 人" in page.text) is (only == "")


def test_who_left_since_the_count_is_no_longer_listed(cast, course, sign_in, large):
    ahead.count_all(at=NOON)
    type(cast.colleague).objects.filter(pk=cast.colleague.pk).update(status="left")
    page = sign_in(cast.hr).get(reverse("records_unit", args=[cast.county.pk]))
    assert cast.colleague not in [row.person for row, _unit in page.context["rows"]]


def test_reminders_and_exports_count_anew(cast, course, large):
    from evaluation.exports import EXPORTS

    ahead.count_all(at=NOON)
    asked = {"unit": str(cast.county.pk), "year": "2026", "only": "behind"}
    before = EXPORTS["people"].open(cast.hr, asked, NOON).count()
    rows.complete(cast.colleague, course, at=NOON)
    assert EXPORTS["people"].open(cast.hr, asked, NOON).count() == before - 1
    sent = reminders.remind(unit=cast.county, by=cast.hr, at=NOON)
    assert sent.now == sum(
        one.missing > 0 for one in standing.figures(standing.people_of([cast.county], year=2026, at=NOON), year=2026, at=NOON)
    )


def test_months_and_years_of_a_large_county_are_kept_and_those_of_a_bureau_are_not(cast, course, large):
    def completions(unit):
        return sum(month.completions for month in pictures.months([unit], year=2026, at=NOON)), pictures.years([unit], at=NOON)[
            0
        ].completions

    assert completions(cast.county) == completions(cast.bureau) == (0, 0)
    rows.complete(cast.colleague, course, at=NOON - timedelta(days=1))
    assert completions(cast.county) == (0, 0) and completions(cast.bureau) == (1, 1)
    assert completions(Unit.objects.get(pk=cast.other_county.pk)) == (0, 0)


def test_one_county_is_never_shown_the_figures_of_another(cast, course, monkeypatch):
    monkeypatch.setattr(ahead, "LARGE", 0)
    ahead.count_all(at=NOON)
    ours, theirs = overview(cast.county), overview(cast.other_county)
    assert set(ours.in_need()).isdisjoint(theirs.in_need()) and theirs.in_need()
    assert set(theirs.standings) == {unit.path for unit in Unit.objects.within(cast.other_county)}


# What is under way, looked for among what was open when somebody looked last


def looked(*hours: float) -> None:
    for ago in hours:
        begun.look(at=NOON - timedelta(hours=ago))


def under_way(user) -> list[int]:
    found = records.find(user, records.Filter(status="in_progress"), at=NOON, for_page=True)
    return sorted(key for key, _record in found.keyed())


@pytest.fixture
def open_rounds(cast, course):
    """Three that are open and two that are not, in turn."""
    people = [cast.learner, cast.colleague, cast.liaison, cast.own_leader, cast.other_leader]
    found = [rows.enrol(one, course, at=NOON - timedelta(days=3)) for one in people]
    for number in (1, 3):
        rows.complete(people[number], course, at=NOON - timedelta(days=2), enrolment=found[number])
    return found


def test_what_was_looked_at_hides_nothing_that_is_open_and_shows_nothing_that_is_not(cast, course, open_rounds):
    anew = under_way(cast.hr)
    assert anew == [open_rounds[number].pk for number in (0, 2, 4)]
    looked(2, 1, 0)
    assert begun.where_open_ones_are(cast.hr) == Q(pk__in=anew) | Q(pk__gt=open_rounds[4].pk) | Q(person=cast.hr.pk)
    assert under_way(cast.hr) == anew
    rows.complete(cast.learner, course, at=NOON, enrolment=open_rounds[0])  # completed since
    newer = rows.enrol(cast.hr, course, at=NOON - timedelta(days=9))  # begun since, whatever day it bears
    assert under_way(cast.hr) == [open_rounds[2].pk, open_rounds[4].pk, newer.pk]
    looked(0)
    assert under_way(cast.hr) == [open_rounds[2].pk, open_rounds[4].pk, newer.pk]


def test_a_number_counts_as_looked_at_an_hour_after_it_was_seen(cast, course, open_rounds):
    looked(0.9, 0)  # a transaction may still commit a row with an older number
    assert begun.where_open_ones_are(cast.hr) == Q()
    looked(-0.2)
    assert begun.where_open_ones_are(cast.hr) == Q(pk__in=under_way(cast.hr)) | Q(pk__gt=open_rounds[4].pk) | Q(person=cast.hr.pk)


def test_what_was_remembered_of_another_database_is_not_used(cast, course, open_rounds):
    looked(1, 0)
    with connection.cursor() as cursor:  # as if it was restored, and others have enrolled since
        cursor.execute("UPDATE courses_enrolment SET enrolled_at = %s WHERE id = %s", [NOON - timedelta(days=1), open_rounds[4].pk])
    assert begun.where_open_ones_are(cast.hr) == Q()
    looked(0)
    assert begun.where_open_ones_are(cast.hr) == Q()


@pytest.fixture
def asked(monkeypatch):
    """How many enrolments each look holds against the completions."""
    found, open_ones = [], begun.open_ones
    monkeypatch.setattr(begun, "open_ones", lambda rows: found.append(rows.count()) or open_ones(rows))
    return found


def test_what_was_completed_at_the_last_look_is_not_asked_about_again(cast, course, open_rounds, asked):
    looked(2, 1)
    assert sum(asked) == 5
    asked.clear()
    newer = rows.enrol(cast.hr, course, at=NOON)
    looked(0.9, -0.2)
    assert sum(asked) == 3 + 4, "those that were open, and what was begun since"
    assert begun.where_open_ones_are(cast.hr) == Q(pk__in=under_way(cast.hr)) | Q(pk__gt=newer.pk) | Q(person=cast.hr.pk)


def test_of_a_county_with_very_many_open_ones_no_more_are_read_than_tell_so_and_it_is_looked_at_whole(
    cast, course, open_rounds, asked, monkeypatch
):
    monkeypatch.setattr(begun, "MANY", 1)
    looked(2)
    with CaptureQueriesContext(connection) as queries:
        looked(1)
    assert any("LIMIT 2" in query["sql"] for query in queries) and begun.where_open_ones_are(cast.hr) == Q()
    asked.clear()
    monkeypatch.setattr(begun, "MANY", 3)  # as if some had been completed
    looked(0)
    assert sum(asked) == 5 and begun.where_open_ones_are(cast.hr) != Q() and len(under_way(cast.hr)) == 3


def test_very_many_open_ones_are_not_named(cast, course, open_rounds, monkeypatch):
    monkeypatch.setattr(begun, "MANY", 2)
    looked(1, 0)
    assert begun.where_open_ones_are(cast.hr) == Q() and len(under_way(cast.hr)) == 3


def test_a_county_with_very_many_open_ones_does_not_hide_the_few_of_another(cast, course, open_rounds, monkeypatch):
    theirs = rows.enrol(cast.other_hr, course, at=NOON - timedelta(days=3))
    monkeypatch.setattr(begun, "MANY", 2)
    looked(1, 0)
    assert begun.where_open_ones_are(cast.hr) == Q()
    assert begun.where_open_ones_are(cast.other_hr) != Q()
    assert under_way(cast.other_hr) == [theirs.pk] and len(under_way(cast.hr)) == 3


def test_what_is_open_in_a_unit_that_came_from_another_county_is_found_there(cast, course, open_rounds, django_capture_on_commit_callbacks):
    looked(1, 0)
    Unit.objects.get(pk=cast.bureau.pk).move(Unit.objects.get(pk=cast.other_county.pk), "last-child")
    with django_capture_on_commit_callbacks(execute=True):
        roster_imported.send(sender=RosterImport, roster_import=RosterImport())
    came = Enrolment.objects.filter(unit__path__startswith=Unit.objects.get(pk=cast.bureau.pk).path).values_list("pk", flat=True)
    for _again in (1, 2):
        found = under_way(Person.objects.get(pk=cast.other_hr.pk))
        assert found and set(found) <= set(came)
        looked(0)


def test_whoever_reads_in_two_counties_and_has_begun_something_in_a_third_sees_what_is_open_in_each(cast, course, open_rounds):
    theirs = rows.enrol(cast.other_hr, course, at=NOON - timedelta(days=3))
    third = Unit.add_root(code="532327", name="永仁县人民政府", kind=Unit.Kind.COUNTY)
    own = Enrolment.objects.create(
        **served_at(cast.hr) | {"unit": third}, course=course, edition=course.current, enrolled_at=NOON - timedelta(days=3)
    )
    grant(cast.hr, Role.HR, cast.other_county)
    looked(1, 0)
    rows.complete(cast.other_leader, course, at=NOON, enrolment=open_rounds[4])  # completed since
    assert under_way(Person.objects.get(pk=cast.hr.pk)) == sorted([*(open_rounds[number].pk for number in (0, 2)), theirs.pk, own.pk])


def test_the_scheduler_looks(cast, course, open_rounds):
    tasks.count_ahead()
    assert cache.get(begun.KEY)[0] == [(NOON, open_rounds[4].pk)]
