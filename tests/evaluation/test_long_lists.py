"""Completion records by the million: the same rows, found along indexes, and turned over up to a limit that is told."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core import paging
from evaluation import ahead, records
from evaluation.records import Filter, Sort
from people.models import Person, ReadingOfOthers
from tests.cast import NOON
from tests.evaluation import rows

MINUTE = timedelta(minutes=1)


@pytest.fixture
def many(cast, course):
    """Seven completions, one of them reversed: two people, several courses, the same score twice."""
    made = []
    for n in range(4):
        other = rows.course(cast.county, f"L{n:02}", title=f"课程{n}")
        for person in (cast.learner, cast.colleague)[: 1 + n % 2 + (n == 0)]:
            made.append(rows.complete(person, other, at=NOON - timedelta(days=30) + n * MINUTE, score=60 + 10 * (n % 2)))
    rows.reverse(made[0], by=cast.hr)
    return made


def every(user, **wanted) -> list:
    return list(records.find(user, Filter(**wanted), at=NOON).stream())


@pytest.mark.parametrize("sort", Sort.values)
@pytest.mark.parametrize("status", ["completed", "reversed", "in_progress", "not_started", "higher"])
def test_pages_put_together_are_the_export(cast, many, sort, status):
    rows.enrol(cast.colleague, rows.course(cast.county, "L90", required=["staff"]))
    rows.course(cast.county, "L91", required=["staff"])
    found = records.find(cast.hr, Filter(status=status, sort=sort), at=NOON)
    whole = list(found.stream())
    assert [row for start in range(0, len(whole) + 2, 2) for row in found[start : start + 2]] == whole
    assert found.count() == len(whole) and (whole or status == "higher")


def test_counting_stops_at_the_limit(cast, many):
    found = records.find(cast.hr, Filter(), at=NOON)
    assert (found.count(), found.count(3), found.count(100)) == (len(many) - 1, 3, len(many) - 1)
    behind = records.find(cast.hr, Filter(status="not_started"), at=NOON)
    assert behind.count() > 1 and behind.count(1) == 1


def test_a_page_shows_whole_records_and_reads_their_certificates_for_itself_alone(cast, many):
    found = records.find(cast.hr, Filter(), at=NOON)
    with CaptureQueriesContext(connection) as queries:
        page = found[2:4]
    assert page == list(found.stream())[2:4]
    first, second = [query["sql"] for query in queries]
    assert "certificates_certificate" not in first and "OFFSET 2" in first
    assert "certificates_certificate" in second and "OFFSET" not in second


def test_more_records_than_are_counted_are_told_and_the_export_holds_them(cast, many, sign_in, monkeypatch):
    monkeypatch.setattr(paging, "MOST", 3)
    monkeypatch.setattr("evaluation.views.PER_PAGE", 2)
    client = sign_in(cast.hr)
    page = client.get(reverse("records"))
    assert "多于 3 条记录" in page.text and "导出文件包含全部记录" in page.text
    assert page.context["page"].paginator.num_pages == 2
    assert ReadingOfOthers.objects.latest("pk").filters["found"] == ">3"
    exported = client.post(reverse("export", args=["records"]), {"format": "jsonl", "columns": ["id"], "purpose": "check", "form_key": "x"})
    if exported.status_code == 200:
        assert len(b"".join(exported.streaming_content).splitlines()) == len(many) - 1


def test_few_enough_records_are_counted_exactly(cast, many, sign_in):
    page = sign_in(cast.hr).get(reverse("records"))
    pages = page.context["page"].paginator
    assert (pages.count, pages.has_more) == (len(many) - 1, False) and "多于" not in page.text


# Names


def numbers(user, q: str) -> set[str]:
    return {row.employee_number for row in every(user, q=q)}


@pytest.mark.parametrize("few", [1000, 0])
def test_people_are_found_by_part_of_the_name_and_by_the_beginning_of_the_number(cast, many, few, monkeypatch):
    monkeypatch.setattr(records, "FEW", few)
    name, number = cast.learner.name, cast.learner.employee_number
    assert numbers(cast.hr, name) == numbers(cast.hr, name[1:]) == numbers(cast.hr, number) == {number}
    assert numbers(cast.hr, number.lower()) == {number}
    assert numbers(cast.hr, "没有这个人") == set()
    assert numbers(cast.hr, "%") == numbers(cast.hr, "_") == set()


def test_who_changed_the_name_is_found_by_both(cast, many):
    was = cast.learner.name
    Person.objects.filter(pk=cast.learner.pk).update(name="赵新名")
    assert numbers(cast.hr, "新名") == numbers(cast.hr, was) == {cast.learner.employee_number}
    assert {row.person_name for row in every(cast.hr, q="新名")} == {was}, "the record keeps the name of its day"


def test_a_search_by_name_reaches_no_further_than_the_rights(cast, many):
    assert numbers(cast.other_hr, cast.learner.name) == numbers(cast.other_leader, cast.learner.employee_number) == set()


# What was not started, in a large county


def test_what_was_not_started_is_looked_for_among_those_who_were_behind(cast, course, monkeypatch):
    from django.core.cache import cache, caches

    def pairs(**more):
        found = records.find(cast.hr, Filter(status="not_started"), at=NOON, **more)
        return [(row.person_id, row.course_code) for row in found[0:100]], found.counted_at

    cache.clear()
    caches["local"].clear()
    fresh, counted_at = pairs(for_page=True)
    assert fresh and counted_at is None
    caches["local"].clear()
    monkeypatch.setattr(ahead, "LARGE", 1)
    assert pairs(for_page=True) == (fresh, NOON)
    rows.complete(cast.colleague, course, at=NOON)
    assert (cast.colleague.pk, "P01") not in pairs(for_page=True)[0], "what was done since is not shown"
    assert pairs() == (pairs(for_page=True)[0], None), "an export looks everywhere"
    monkeypatch.setattr(records, "MANY", 0)
    assert pairs(for_page=True)[1] is None


# Indexes


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_each_order_of_the_list_has_an_index_to_read_along(cast, many):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute("SET LOCAL enable_seqscan = off")
    for sort in Sort.values:
        plan = records.find(cast.hr, Filter(sort=sort), at=NOON).source.values("pk")[:50].explain()
        assert "Index" in plan and "\n  ->  Sort" not in plan and not plan.startswith("Sort"), (sort, plan)
    with connection.cursor() as cursor:
        assert {"completion_by_duty", "completion_by_score"} <= set(connection.introspection.get_constraints(cursor, "courses_completion"))
