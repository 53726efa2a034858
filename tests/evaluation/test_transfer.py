"""Somebody moves in June: what the new unit, the old one, the county and its programs read of what happened before."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core import clock
from core.errors import Refused
from courses.models import Completion
from evaluation import services
from evaluation.models import LedgerEntry
from people.models import Person, Unit
from people.services import postings, roles, tokens, units
from tests.cast import EVERYBODY, grant, person
from tests.evaluation import rows

MAY = datetime(2026, 5, 11, 4, 0, tzinfo=UTC)
JULY = datetime(2026, 7, 6, 4, 0, tzinfo=UTC)
ALL, OLD, NEW = {"P01", "P02"}, {"P01"}, {"P02"}


@pytest.fixture
def moved(cast, course) -> Person:
    """The learner did P01 in May in the section, moved in June to the finance bureau, and did P02 there in July."""
    rows.complete(cast.learner, course, at=MAY)
    postings.post(person=cast.learner, unit=cast.other_bureau, title="科员", duties=["staff"], starts_on=date(2026, 6, 1))
    someone = Person.objects.select_related("unit").get(pk=cast.learner.pk)
    rows.complete(someone, rows.course(cast.county, "P02", required=["staff"]), at=JULY)
    return someone


def since_transfer(cast) -> None:
    units.let_history_follow(county=cast.county, follows=False, basis="姚人社发〔2026〕3号", by=cast.hr)


def seen(cast, who: str) -> set[str]:
    user = Person.objects.get(pk=getattr(cast, who).pk)
    of_completions = {one.course_code for one in Completion.objects.visible_to(user)}
    assert of_completions == {one.course_code for one in LedgerEntry.objects.visible_to(user)}
    return of_completions


def test_by_default_the_new_unit_reads_the_whole_history_inside_the_county(cast, moved):
    wanted = {"learner": ALL, "other_leader": ALL, "own_leader": OLD, "liaison": OLD, "hr": ALL, "auditor": ALL}
    assert {who: seen(cast, who) for who in EVERYBODY} == {who: wanted.get(who, set()) for who in EVERYBODY}


def test_where_the_county_says_so_the_new_unit_reads_from_the_transfer_on(cast, moved):
    since_transfer(cast)
    wanted = {"learner": ALL, "other_leader": NEW, "own_leader": OLD, "liaison": OLD, "hr": ALL, "auditor": ALL}
    assert {who: seen(cast, who) for who in EVERYBODY} == {who: wanted.get(who, set()) for who in EVERYBODY}


def test_the_setting_of_another_county_changes_nothing_here(cast, moved):
    units.let_history_follow(county=cast.other_county, follows=False, basis="大人社发〔2026〕1号", by=cast.other_hr)
    assert seen(cast, "other_leader") == ALL


def test_who_comes_back_is_read_by_the_first_unit_for_both_stays(cast, moved):
    since_transfer(cast)
    postings.post(person=moved, unit=cast.section, title="科员", duties=["staff"], starts_on=date(2026, 9, 1))
    assert (seen(cast, "own_leader"), seen(cast, "other_leader")) == (OLD, NEW)


def test_the_rights_take_as_many_queries_either_way(cast, moved, django_assert_num_queries):
    for _time in range(2):
        user = Person.objects.get(pk=cast.other_leader.pk)
        with django_assert_num_queries(2):  # grants, rows
            list(Completion.objects.visible_to(user))
        since_transfer(cast)


@pytest.mark.parametrize(("follows", "codes"), [(True, ALL), (False, NEW)])
def test_a_program_of_the_new_unit_pulls_what_the_county_lets_it(cast, moved, client, follows, codes):
    if not follows:
        since_transfer(cast)
    _token, key = tokens.create(
        owner=cast.hr, name="t", unit=cast.other_bureau, scopes=["completions"], expires_at=clock.now() + timedelta(days=30)
    )
    answer = client.get("/api/v1/completions", headers={"authorization": f"Bearer {key}"})
    assert {one["course_code"] for one in answer.json()["items"]} == codes


def test_the_learning_file_of_the_new_leader_says_that_hours_lie_elsewhere(cast, moved, sign_in):
    since_transfer(cast)
    page = sign_in(cast.other_leader).get(reverse("learning_file", args=[moved.pk])).text
    assert "课程P02" in page and "政务公开基础" not in page
    assert "另有 1.5 学时" in page and "原单位" in page


def test_who_came_from_another_county_is_not_told_from_where(cast, moved, sign_in):
    postings.post(person=moved, unit=cast.other_county, title="科员", duties=["staff"], starts_on=date(2026, 7, 20))
    for door in ("learning_file", "hours_known", "person", "person_attempts"):
        page = sign_in(cast.other_hr).get(reverse(door, args=[moved.pk]), {"known_at": "2026-07-19"})
        assert page.status_code == 200
        assert not any(unit.name in page.text for unit in (cast.county, cast.bureau, cast.other_bureau))
    page = sign_in(cast.other_hr).get(reverse("learning_file", args=[moved.pk])).text
    assert "另有 2 段任职" in page and cast.other_county.name in page
    assert "另有 2 段任职" in sign_in(cast.other_hr).get(reverse("person", args=[moved.pk])).text


def test_what_somebody_was_in_another_county_is_told_to_nobody_of_the_new_one(cast, moved, sign_in):
    roles.grant(person=moved, role="trainer", unit=cast.bureau, by=cast.admin, on=date(2026, 6, 2))
    postings.post(person=moved, unit=cast.other_county, title="科员", duties=["staff"], starts_on=date(2026, 7, 20))
    grant(cast.stranger, "administrator", cast.other_county)
    watches = person("DY10009", "蒋审计", cast.other_county)
    grant(watches, "auditor", cast.other_county)
    door = reverse("person", args=[moved.pk])
    for reader in (cast.other_hr, cast.stranger, watches):
        page = sign_in(reader).get(door)
        assert page.status_code == 200
        assert not any(word in page.text for word in (cast.bureau.name, cast.other_bureau.name, cast.admin.name, "讲师"))
        assert "另有 1 项角色" in page.text
    assert cast.bureau.name in sign_in(moved).get(door).text


def test_an_administrator_reads_and_withdraws_the_roles_over_their_units(cast, moved, sign_in):
    since_transfer(cast)
    grant(cast.own_leader, "administrator", cast.other_bureau)
    held = grant(moved, "reviewer", cast.other_bureau)
    client, door = sign_in(cast.admin), reverse("person", args=[moved.pk])
    page = client.get(door).text
    assert cast.bureau.name in page and reverse("withdraw_role", args=[moved.pk, held.pk]) in page
    page = sign_in(cast.own_leader).get(door).text
    assert reverse("withdraw_role", args=[moved.pk, held.pk]) in page and cast.other_bureau.name in page


@pytest.mark.parametrize(("follows", "named"), [(True, True), (False, False)])
def test_the_new_unit_reads_where_somebody_served_as_it_reads_what_they_learned(cast, moved, sign_in, follows, named):
    if not follows:
        since_transfer(cast)
    for door in ("learning_file", "person"):
        page = sign_in(cast.other_leader).get(reverse(door, args=[moved.pk])).text
        assert (cast.bureau.name in page) == named and cast.other_bureau.name in page
    assert cast.bureau.name in sign_in(moved).get(reverse("my_file")).text


# Who moved to another county


@pytest.fixture
def away(cast, course) -> Person:
    """The learner did P01 here in May and P02 in the other county, where they serve since June, in July."""
    rows.complete(cast.learner, course, at=MAY)
    postings.post(person=cast.learner, unit=cast.other_county, title="科员", duties=["staff"], starts_on=date(2026, 6, 1))
    someone = Person.objects.select_related("unit").get(pk=cast.learner.pk)
    rows.complete(someone, rows.course(cast.other_county, "P02"), at=JULY)
    return someone


def test_hr_of_before_corrects_the_entries_of_then_and_no_others(cast, away, sign_in):
    here, there = (LedgerEntry.objects.get(course_code=code, kind="online") for code in ("P01", "P02"))
    client, door = sign_in(cast.hr), reverse("correct_hours", args=[away.pk])
    page = client.get(door)
    assert "课程P02" not in page.text and f'value="{here.pk}"' in page.text and cast.other_county.name not in page.text
    assert f'href="{door}"' in client.get(reverse("claim_for", args=[away.pk])).text
    given = {"year": 2026, "hours": "-0.5", "reason": "签到表", "form_key": "k"}
    for answers, status in (("", 422), (there.pk, 422), (here.pk, 302)):
        assert client.post(door, given | {"answers": answers}).status_code == status
    made = LedgerEntry.objects.get(kind="correction")
    assert (made.answers, made.unit, made.author) == (here, cast.section, cast.hr)
    with pytest.raises(Refused) as refusal:
        services.correct(person=away, year=2026, hours=-1, reason="x", by=cast.hr, at=JULY, answers=there)
    assert refusal.value.code == "not_hr"
    for who in ("own_leader", "auditor", "liaison", "stranger", "learner"):
        assert sign_in(getattr(cast, who)).get(door).status_code == 404, who


def test_an_entry_of_before_is_corrected_by_the_steps_of_the_county_of_then(cast, away):
    there = rows.policy(county=cast.other_county, name="大姚县办法", step=Decimal(1))
    entry = LedgerEntry.objects.get(course_code="P01", kind="online")
    given = {"person": away, "year": 2026, "reason": "签到表", "at": JULY}
    made = services.correct(hours=Decimal("-0.5"), by=cast.hr, answers=entry, **given)
    assert made.policy.county is None
    with pytest.raises(Refused) as refusal:
        services.correct(hours=Decimal("-0.5"), by=cast.other_hr, **given)
    assert refusal.value.code == "steps"
    assert services.correct(hours=Decimal(-1), by=cast.other_hr, **given).policy == there


# The setting


@pytest.mark.parametrize("who", EVERYBODY)
def test_who_sets_it(cast, sign_in, who):
    answer = sign_in(getattr(cast, who)).post(
        reverse("unit_history", args=[cast.county.pk]), {"follows": "since", "basis": "姚人社发〔2026〕3号"}
    )
    allowed = who in {"hr", "admin"}
    assert answer.status_code == (302 if allowed else 404 if who == "other_hr" else 403)
    assert Unit.objects.get(pk=cast.county.pk).history_follows == (not allowed)
    assert ModelLogEntry.objects.filter(action="people.history_follows").exists() == allowed


def test_it_needs_a_decision_and_a_county(cast):
    for county, basis, code in ((cast.county, " ", "no_basis"), (cast.bureau, "文", "not_a_county")):
        with pytest.raises(Refused) as refusal:
            units.let_history_follow(county=county, follows=False, basis=basis, by=cast.hr)
        assert refusal.value.code == code
