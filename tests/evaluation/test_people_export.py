"""How people stand in a year, as a file: the hours of the ledger by kind, corrections and claims among them."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal

import openpyxl
import pytest
from django.core.cache import caches
from django.urls import reverse

from core import clock
from core.errors import Refused
from evaluation import services
from evaluation.exports import EXPORTS
from evaluation.models import LedgerEntry
from people.models import ReadingOfOthers
from people.models.snapshot import served_at
from people.services import postings
from tests.cast import EVERYBODY, NOON, person
from tests.evaluation import rows
from tests.evaluation.exporting import take
from tests.evaluation.test_pages import READERS, body

QUOTA = {
    "key": "online",
    "title": "网络培训",
    "staff_types": ["civil_servant"],
    "rank": "",
    "hours": "50",
    "years": 1,
    "from_year": None,
    "kinds": ["online"],
    "carry_over": None,
    "source": "规定",
    "mark": "S",
}
pytestmark = pytest.mark.usefixtures("noon")


@pytest.fixture
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def stood(cast, course):
    """The learner has completed what is required, and HR has entered a seminar."""
    rows.complete(cast.learner, course)
    rows.added(person=cast.learner, year=2026, hours=Decimal(15), reason="培训班", by=cast.hr, at=NOON)


def table(response) -> dict[str, dict[str, str]]:
    text = body(response)
    assert text.startswith("\ufeff")
    return {row["工号"]: row for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))}


def test_every_hour_of_the_ledger_is_in_the_file_by_its_kind(cast, stood, sign_in):
    found = table(take(sign_in(cast.hr), "people", filters={"unit": cast.bureau.pk}))
    mine = found[cast.learner.employee_number]
    assert (mine["学时：网络课程"], mine["学时：测试合格"], mine["学时：更正"], mine["学时合计"]) == ("1.00", "0.50", "15.00", "16.50")
    assert (mine["必修课程"], mine["其中已完成"], mine["学时目标"], mine["是否达标"]) == ("1", "1", "20", "否")
    theirs = found[cast.colleague.employee_number]
    assert (theirs["学时合计"], theirs["未完成必修课"]) == ("0.00", "P01")
    assert Decimal(mine["学时合计"]) == services.balance(cast.learner, 2026)


def test_the_workbook_says_the_same(cast, stood, sign_in):
    response = take(sign_in(cast.hr), "people", "xlsx", {"unit": cast.bureau.pk})
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(response.streaming_content))).active
    heads, *lines = [[cell.value for cell in line] for line in sheet.iter_rows()]
    mine = next(dict(zip(heads, line, strict=True)) for line in lines if line[1] == cast.learner.employee_number)
    assert (mine["学时合计"], mine["学时：更正"]) == (16.5, 15)


def test_the_file_keeps_to_the_filter_of_the_page(cast, stood, sign_in):
    found = table(take(sign_in(cast.hr), "people", filters={"unit": cast.bureau.pk, "only": "behind"}))
    assert set(found) == {cast.colleague.employee_number}


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_who_reads_records_there_takes_the_file_and_leaves_a_trace(cast, stood, sign_in, who):
    response = take(sign_in(getattr(cast, who)), "people", filters={"unit": cast.bureau.pk})
    reads = who in READERS
    assert response.status_code == (200 if reads else 422 if who in {"other_leader", "other_hr"} else 403)
    traces = ReadingOfOthers.objects.filter(reader=getattr(cast, who), kind="export", what="people of a unit")
    assert traces.count() == (1 if reads else 0)
    if reads:
        assert traces.get().rows == len(table(response))


def test_tests_of_the_year_are_counted_by_person_as_by_unit(cast, course, sign_in):
    from evaluation import standing

    rows.sat(cast.learner, course, passed=False)
    rows.sat(cast.learner, course, passed=True, number=2)
    rows.sat(cast.colleague, course, passed=False)
    found = standing.tests_of([cast.learner.pk, cast.colleague.pk, cast.trainer.pk], year=2026, at=NOON)
    assert found == {cast.learner.pk: (1, 1), cast.colleague.pk: (1, 0)}
    of_unit = standing.unit_standings([cast.section], year=2026, at=NOON)[cast.section.path]
    assert (of_unit.sat, of_unit.passed) == (2, 1)


def test_a_past_year_tells_duties_and_quotas_of_the_day_that_required_and_target_are_of(cast, policy, course, sign_in):
    type(policy).objects.filter(pk=policy.pk).update(quotas=[QUOTA])
    postings.leave(person=cast.learner, status="left", on=date(2025, 6, 30))
    mine = table(take(sign_in(cast.hr), "people", filters={"unit": cast.bureau.pk, "year": 2025}))[cast.learner.employee_number]
    assert (mine["必修课程"], mine["学时目标"], mine["职责"]) == ("1", "20", "具体工作人员")
    assert "网络培训" in mine["学时要求"]


def test_a_past_year_of_a_file_is_told_by_where_and_as_what_the_person_served_in_it(cast, policy, course, sign_in):
    rows.policy(county=cast.other_county, duty_targets={"staff": "99"})
    rows.complete(cast.learner, course, at=NOON - timedelta(days=365))
    postings.post(person=cast.learner, unit=cast.other_county, title="科员", duties=["staff"], starts_on=date(2026, 3, 1))
    rows.complete(cast.colleague, course, at=NOON - timedelta(days=365))
    postings.leave(person=cast.colleague, status="left", on=date(2025, 6, 30))

    def target(page, year) -> Decimal | None:
        topic = next(part.hours.topic for part in page.context["years"] if part.year == year)
        return topic and topic.hours

    moved = sign_in(cast.learner).get(reverse("my_file"))
    assert (target(moved, 2025), target(moved, 2026)) == (Decimal(20), Decimal(99))
    left = sign_in(cast.hr).get(reverse("learning_file", args=[cast.colleague.pk]))
    assert (target(left, 2025), target(left, 2026)) == (Decimal(20), None)


def test_the_file_takes_no_more_queries_for_more_people(cast, stood, sign_in, django_assert_max_num_queries):
    client, county = sign_in(cast.hr), {"unit": cast.county.pk}
    body(take(client, "people", filters=county))
    for number in range(12):
        person(f"YA4{number:04}", f"新来{number}", cast.section, "staff")
    with django_assert_max_num_queries(60):  # of the form and of the file
        assert len(table(take(client, "people", filters=county))) > 20


def test_every_year_of_a_block_of_five_leaves_and_those_from_the_first_entry_on(cast, policy):
    end = NOON.replace(year=2027, month=12)
    assert EXPORTS["ledger"].open(cast.hr, {"year": "2023"}, end).words[0] == "2023"
    caches["local"].clear()
    LedgerEntry.objects.create(**served_at(cast.learner), kind="lecture", year=2020, hours=1, at=NOON.replace(year=2021))
    assert EXPORTS["ledger"].open(cast.hr, {"year": "2020"}, end).count() == 1
    with pytest.raises(Refused):
        EXPORTS["ledger"].open(cast.hr, {"year": "2019"}, end)


@pytest.mark.parametrize("door", ["records_units", "county_picture"])
def test_a_year_that_is_not_kept_is_told_and_shows_no_other(cast, policy, sign_in, door):
    this = clock.year_of(clock.now())
    client = sign_in(cast.hr)
    assert client.get(reverse(door), {"year": this - 4}).status_code == 200
    for wrong in (this - 5, this + 1, "many"):
        answer = client.get(reverse(door), {"year": wrong})
        assert answer.status_code == 409 and f"没有“{wrong}”年度的数据" in answer.text
