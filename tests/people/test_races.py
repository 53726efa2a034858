"""Two imports at once, and two administrators at once: real transactions, on PostgreSQL."""

import threading
from datetime import date
from pathlib import Path

import pytest
from django.db import connection, connections
from django.test import Client
from django.urls import reverse

from core import clock
from core.errors import Refused
from people.models import DutyAssignment, Person, Posting, ReadingOfOthers, RoleGrant, Unit
from people.services import roles, roster
from people.services.roster import writing as writing_module
from tests.cast import NOON

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
]
SAMPLE = Path(__file__).parent / "data" / "roster.xlsx"


@pytest.fixture(autouse=True)
def on_postgres(transactional_db):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")


def at_once(*acts):
    """Run the acts in threads that start together; what each returned or raised."""
    gate, found = threading.Barrier(len(acts)), [None] * len(acts)

    def run(index, act):
        gate.wait()
        try:
            found[index] = act()
        except Exception as error:
            found[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index, act)) for index, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def sample():
    with SAMPLE.open("rb") as file:
        return roster.plan(file, SAMPLE.name, on=date(2026, 6, 15))


def test_two_first_imports_at_once_write_once():
    plans = [sample(), sample()]
    outcomes = at_once(*[lambda plan=plan: roster.apply(plan, by=None, at=NOON) for plan in plans])
    assert all(isinstance(each, roster.RosterPlan) or (isinstance(each, Refused) and each.code == "changed") for each in outcomes), outcomes
    assert sum(isinstance(each, roster.RosterPlan) and not each.is_empty for each in outcomes) == 1
    assert (Unit.objects.count(), Person.objects.count(), Posting.objects.count()) == (116, 237, 237)
    assert Unit.find_problems() == ([], [], [], [], [])
    assert sample().is_empty


def test_two_later_imports_at_once_write_once():
    roster.apply(sample(), by=None, at=NOON)
    Person.objects.update(phone="13800000000")
    duties = DutyAssignment.objects.count()
    plans = [sample(), sample()]
    outcomes = at_once(*[lambda plan=plan: roster.apply(plan, by=None, at=NOON) for plan in plans])
    assert sorted(each.is_empty for each in outcomes) == [False, True], outcomes
    assert DutyAssignment.objects.count() == duties


def test_four_clicks_at_once_all_lead_to_the_result_of_one_import():
    roster.apply(sample(), by=None, at=NOON)
    hr = Person.objects.get(employee_number="YA00006")
    county = Unit.objects.get(code="532325")
    roles.grant(person=hr, role="hr", unit=county, by=None, on=date(2026, 6, 15))
    Person.objects.exclude(pk=hr.pk).update(phone="13800000000")
    with SAMPLE.open("rb") as file:
        plan = roster.plan(file, SAMPLE.name, county=county, by=hr)
        upload = roster.keep(file=file, plan=plan, by=hr, at=clock.now())

    def click():
        visitor = Client()
        visitor.force_login(hr)
        return visitor.post(reverse("roster_plan", args=[upload.pk]), {"plan": plan.digest})

    answers = at_once(*[click] * 4)

    assert [each.status_code for each in answers] == [302] * 4
    assert {each["Location"] for each in answers} == {reverse("roster_result", args=[upload.pk])}
    upload.refresh_from_db()
    assert upload.summary["people_changed"] == plan.summary["people_changed"] > 200 and upload.changes


def test_while_an_import_is_written_roles_are_granted_and_readings_noted(monkeypatch):
    """Who names a row that an import holds does not wait for it, nor it for them."""
    roster.apply(sample(), by=None, at=NOON)
    Person.objects.update(phone="13800000000")
    person, county = Person.objects.get(employee_number="YA00006"), Unit.objects.get(code="532325")
    plan, writing, done = sample(), threading.Event(), threading.Event()
    write = writing_module._write_people

    def slowly(*args):
        writing.set()
        assert done.wait(20), "a reading waited for the import"
        return write(*args)

    monkeypatch.setattr(writing_module, "_write_people", slowly)

    def beside():
        assert writing.wait(20)
        reading = ReadingOfOthers.objects.create(reader=person, kind="read", what="x", unit=county, at=NOON)
        RoleGrant.objects.create(person=person, role="trainer", unit=county, starts_on=date(2026, 6, 15))
        done.set()
        return reading

    outcomes = at_once(lambda: roster.apply(plan, by=None, at=NOON), beside)
    assert isinstance(outcomes[0], roster.RosterPlan) and isinstance(outcomes[1], ReadingOfOthers), outcomes


def test_one_role_granted_by_two_at_once_is_one_grant():
    roster.apply(sample(), by=None, at=NOON)
    person = Person.objects.get(employee_number="YA00006")
    county = Unit.objects.get(code="532325")
    outcomes = at_once(*[lambda: roles.grant(person=person, role="trainer", unit=county, by=None, on=date(2026, 6, 15))] * 2)
    assert len({each.pk for each in outcomes}) == 1 and RoleGrant.objects.filter(person=person).count() == 1
