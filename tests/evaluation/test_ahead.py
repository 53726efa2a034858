"""Counties with very many people: counted ahead of asking, shown with the time, and never mixed up with what is counted anew."""

from datetime import timedelta

import pytest
from django.core.cache import cache, caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evaluation import ahead, pictures, reminders, standing, tasks
from people.models import Unit
from tests.cast import NOON
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
