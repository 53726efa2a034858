"""Signs of life and incidents: what is noted in an exam, how much of it, and for whom nothing is."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from core import clock
from quizzes.models import Attempt, Incident, Presence, Submission
from quizzes.services import attempts, presence, sittings
from quizzes.services.presence import Noticed
from tests.cast import NOON

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def sat(cast, sitting):
    return sittings.enter(person=cast.learner, sitting=sitting, at=NOON)


@pytest.fixture
def note(cast, sat):
    def give(at=NOON, unacknowledged=0, noticed=(), address="10.0.0.1", **page):
        return presence.note(
            attempt_id=sat.pk, person=cast.learner, unacknowledged=unacknowledged, noticed=noticed, address=address, at=at, **page
        )

    return give


@pytest.fixture
def running(cast, open_sitting):
    """An exam that the learner entered now, by the real clock."""
    return sittings.enter(person=cast.learner, sitting=open_sitting, at=clock.now())


def post(client, attempt, **body):
    return client.post(reverse("attempt_presence", args=[attempt.pk]), json.dumps(body), content_type="application/json")


def test_a_sign_of_life_is_overwritten_by_the_next(note):
    note(NOON, 3)
    note(NOON + 20 * SECOND, 0)
    assert list(Presence.objects.values_list("seen_at", "unacknowledged", "address")) == [(NOON + 20 * SECOND, 0, "10.0.0.1")]


def test_what_the_page_noticed_becomes_facts_with_the_servers_time(note):
    note(noticed=[Noticed("left", {"ago": 4}), Noticed("pasted", {"length": 300, "question": 2})])
    assert list(Incident.objects.order_by("pk").values_list("kind", "at", "detail")) == [
        ("left", NOON, {"ago": 4}),
        ("pasted", NOON, {"length": 300, "question": 2}),
    ]


def kinds():
    return list(Incident.objects.order_by("pk").values_list("kind", "at", "detail"))


def test_a_page_that_went_and_came_again_by_a_reload_was_reloaded_and_not_left(note):
    note(NOON, is_gone=True)
    assert kinds() == [] and Presence.objects.get().gone_at == NOON
    note(NOON + 3 * SECOND, noticed=[Noticed("reloaded", {})], is_new=True)
    note(NOON + 23 * SECOND)
    assert kinds() == [("reloaded", NOON + 3 * SECOND, {"away": 3})] and Presence.objects.get().gone_at is None


def test_a_page_that_was_closed_and_opened_again_was_left(note):
    note(NOON, is_gone=True)
    note(NOON + 40 * SECOND, is_new=True)
    assert kinds() == [("left", NOON, {}), ("returned", NOON + 40 * SECOND, {"away": 40})]


def test_a_page_that_was_closed_while_another_device_goes_on_was_left_and_nobody_came_back(note):
    note(NOON, is_gone=True)
    note(NOON + 1 * SECOND, is_gone=True)
    note(NOON + 20 * SECOND)
    assert kinds() == [("left", NOON, {}), ("left", NOON + 1 * SECOND, {})]


def test_a_page_that_was_closed_for_good_was_left_when_the_clock_hands_it_in(note, sat):
    note(NOON + MINUTE, is_gone=True)
    for _twice in range(2):
        attempts.end_by_clock(attempt=sat, at=NOON + 21 * MINUTE)
    assert kinds() == [("left", NOON + MINUTE, {})] and Presence.objects.get().gone_at is None


def test_a_page_that_was_closed_after_the_time_was_over_was_not_left(note, sat):
    note(NOON + 20 * MINUTE + SECOND, is_gone=True)
    attempts.end_by_clock(attempt=sat, at=NOON + 21 * MINUTE)
    assert kinds() == []


@pytest.mark.parametrize(("seconds", "found"), [(5, []), (90, [("left", NOON + MINUTE, {})])])
def test_who_hands_in_soon_after_a_reload_had_not_left(note, sat, seconds, found):
    note(NOON + MINUTE, is_gone=True)
    attempts.submit(attempt=sat, cause=Submission.Cause.LEARNER, at=NOON + MINUTE + seconds * SECOND)
    assert kinds() == found


def test_a_page_that_names_the_one_that_went_was_a_reload_however_long_it_took(note, cast, sign_in, sat):
    note(NOON, is_gone=True, page="old")
    note(NOON + 83 * SECOND, noticed=[Noticed("reloaded", {"ago": 3})], is_new=True, page="new", replaces="old")
    assert kinds() == [("reloaded", NOON + 83 * SECOND, {"ago": 3, "away": 80})] and Presence.objects.get().gone_at is None
    assert "刷新页面，1分钟后恢复" in sign_in(cast.hr).get(reverse("watch_one", args=[sat.sitting_id, sat.pk])).text


@pytest.mark.parametrize("replaces", ["", "another"])
def test_a_reload_that_takes_minutes_is_a_leaving_where_it_does_not_name_the_page_that_went(note, replaces):
    note(NOON, is_gone=True, page="old")
    reload = [Noticed("reloaded", {"ago": 3}), Noticed("pasted", {"length": 3})]
    note(NOON + 5 * MINUTE, noticed=reload, is_new=True, page="new", replaces=replaces)
    assert kinds() == [
        ("left", NOON, {}),
        ("returned", NOON + 5 * MINUTE, {"away": 300}),
        ("pasted", NOON + 5 * MINUTE, {"length": 3}),
    ]


def test_a_reload_whose_first_sign_could_not_be_sent_at_once_is_one(note):
    note(NOON, is_gone=True)
    note(NOON + 2 * MINUTE, noticed=[Noticed("reloaded", {"ago": 115})], is_new=True)
    assert [kind for kind, _at, _detail in kinds()] == ["reloaded"]


def test_the_going_of_a_page_that_arrives_after_the_page_that_took_its_place_is_no_leaving(sign_in, cast, running):
    client = sign_in(cast.learner)
    post(client, running, unacknowledged=0, new=True, page="old")
    post(client, running, unacknowledged=0, events=[{"kind": "reloaded", "ago": 3}], new=True, page="new", replaces="old")
    post(client, running, unacknowledged=0, gone=True, page="old", replaces="")
    assert [kind for kind, _at, _detail in kinds()] == ["reloaded"] and Presence.objects.get().gone_at is None
    post(client, running, unacknowledged=0, gone=True, page="new", replaces="old")
    assert Presence.objects.get().gone_at is not None


def test_a_page_that_goes_on_beside_its_copy_is_left_like_any_other(note):
    note(NOON, is_new=True, page="first")
    note(NOON + 3 * SECOND, is_new=True, page="copy", replaces="first")
    note(NOON + 20 * SECOND, page="first")
    note(NOON + 30 * SECOND, is_gone=True, page="first")
    assert Presence.objects.get().gone_at == NOON + 30 * SECOND


def test_a_page_that_was_closed_for_good_is_told_to_the_invigilator(note, cast, sign_in, sat):
    note(NOON, is_gone=True)
    page = sign_in(cast.hr).get(reverse("watch_one", args=[sat.sitting_id, sat.pk])).text
    assert "页面于" in page and "关闭" in page


def test_an_address_is_noted_when_it_changes_and_each_once(note):
    for number, address in enumerate(["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2", None, "10.0.0.3"]):
        note(NOON + number * MINUTE, address=address)
    assert [i.detail for i in Incident.objects.filter(kind="address").order_by("pk")] == [{"was": "10.0.0.1", "now": "10.0.0.2"}]
    note(NOON + 9 * MINUTE, address="10.0.0.4")
    assert Incident.objects.filter(kind="address").count() == 2


def test_incidents_are_bounded(note):
    for number in range(9):
        note(NOON + number * MINUTE, noticed=[Noticed("left")] * 50)
    assert Incident.objects.count() == presence.INCIDENTS_PER_ATTEMPT


def test_signs_that_come_too_fast_are_not_written(note, django_assert_num_queries):
    note(NOON)
    with django_assert_num_queries(3):  # a savepoint and its release, and one look
        note(NOON + SECOND)
    assert Presence.objects.get().seen_at == NOON


def test_a_sign_of_life_takes_few_queries(note, django_assert_num_queries):
    note(NOON)
    with django_assert_num_queries(2 + 2):  # a savepoint and its release; a look, a write
        note(NOON + 20 * SECOND)


def test_outside_sittings_nothing_is_noted(attempt, cast):
    state = presence.note(
        attempt_id=attempt.pk, person=cast.learner, unacknowledged=1, noticed=[Noticed("left")], address="10.0.0.1", at=NOON
    )
    assert not state.is_over and not Presence.objects.exists() and not Incident.objects.exists()


def test_after_the_end_nothing_is_noted(note, sat):
    assert note(NOON + 20 * MINUTE + 29 * SECOND).is_over is False  # in the grace the page is still there
    attempts.submit(attempt=sat, cause=Submission.Cause.LEARNER, at=NOON + 20 * MINUTE + 29 * SECOND)
    assert note(NOON + 21 * MINUTE, noticed=[Noticed("left")]).is_over
    assert not Incident.objects.exists()


def test_added_minutes_come_with_their_reason(note, sat, cast, sitting):
    sittings.extend(attempt=sat, minutes=5, reason="电脑故障", by=cast.hr, at=NOON + MINUTE)
    sittings.extend(sitting=sitting, minutes=10, reason="停电", by=cast.hr, at=NOON + 2 * MINUTE)
    state = note(NOON + 3 * MINUTE)
    assert [one.text for one in state.added] == ["已延长 5 分钟：电脑故障", "已延长 10 分钟：停电"]
    assert state.attempt.due_at == NOON + 35 * MINUTE


def test_nobody_else_gives_a_sign_for_an_attempt(sign_in, cast, running):
    for person in cast.people:
        if person != cast.learner:
            assert post(sign_in(person), running, unacknowledged=0).status_code == 404
    assert not Presence.objects.exists()


def test_the_page_hears_what_is_left_and_what_was_added(sign_in, cast, running, open_sitting, django_assert_max_num_queries):
    client = sign_in(cast.learner)
    sittings.extend(sitting=open_sitting, minutes=10, reason="停电", by=cast.hr, at=clock.now())
    client.get(reverse("attempt_answer", args=[running.pk]))  # the session notes that it was seen, at most every five minutes
    with django_assert_max_num_queries(9):
        told = post(client, running, unacknowledged=2, events=[{"kind": "returned", "ago": 0, "away": 30}]).json()
    assert 29 * 60 * 1000 < told["remaining"] <= 30 * 60 * 1000 and told["over"] is False and told["newest"] == 0
    assert [one["text"] for one in told["added"]] == ["已延长 10 分钟：停电"]
    assert Presence.objects.get().unacknowledged == 2 and Presence.objects.get().address == "127.0.0.1"
    assert Incident.objects.get().detail == {"ago": 0, "away": 30}
    stands = client.get(reverse("attempt_answer", args=[running.pk])).json()
    assert stands["added"] == told["added"] and stands["answers"] == []


def test_signed_out_pages_are_told_so(client, running):
    assert post(client, running, unacknowledged=0).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"unacknowledged": -1},
        {"unacknowledged": "3"},
        {"unacknowledged": True},
        {"unacknowledged": 0, "events": 7},
        {"unacknowledged": 0, "events": [{"kind": "address"}]},
        {"unacknowledged": 0, "events": [{"kind": "left", "ago": -4}]},
        {"unacknowledged": 0, "events": [{"kind": "left", "ago": 10**9}]},
        {"unacknowledged": 0, "events": ["left"]},
        {"unacknowledged": 0, "events": [{"kind": "left"}] * 51},
        {"unacknowledged": 0, "page": 7},
        {"unacknowledged": 0, "new": True, "replaces": "x" * 21},
        {"unacknowledged": 0, "events": [], "more": "x" * 20000},
    ],
)
def test_a_sign_that_cannot_be_read_is_refused_and_nothing_is_written(sign_in, cast, running, body):
    assert post(sign_in(cast.learner), running, **body).status_code == 400
    assert not Presence.objects.exists() and not Incident.objects.exists()


def test_a_count_beyond_all_bounds_is_cut(sign_in, cast, running):
    assert post(sign_in(cast.learner), running, unacknowledged=900_000).status_code == 200
    assert Presence.objects.get().unacknowledged == attempts.ANSWERS_PER_ATTEMPT
    assert Attempt.objects.get().incidents.count() == 0
