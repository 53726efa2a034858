"""Many who begin an exam together come in at a pace that leaves room for the answers of those who sit."""

from datetime import timedelta

import pytest
from django.core.cache import caches
from hypothesis import given, settings
from hypothesis import strategies as st

from core import clock, turns
from core.models import Line
from quizzes.models import Attempt
from quizzes.services import entrance
from tests.cast import NOON
from tests.quizzes.conftest import sitting_of

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def slow(settings, monkeypatch):
    """One a second, two together."""
    settings.EXAM_ENTRIES_PER_SECOND = 1
    monkeypatch.setattr(entrance, "AT_ONCE_SECONDS", 2)


@pytest.fixture
def timed(sitting):
    return type(sitting).objects.timed().get(pk=sitting.pk)


@settings(deadline=None)  # writes to the database
@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=40), st.integers(1, 5))
def test_in_no_second_do_more_come_in_than_the_pace_and_what_may_come_together(gaps, at_once):
    Line.objects.all().delete()
    every, at, given_places = timedelta(seconds=1), NOON, []
    for gap in gaps:
        at += timedelta(milliseconds=gap)
        given_places.append(max(turns.place("door", every=every, at_once=at_once, at=at), at))
    assert given_places == sorted(given_places)
    for place in given_places:
        assert sum(place <= other < place + 10 * every for other in given_places) <= 10 + at_once


def test_the_first_come_in_at_once_and_the_rest_one_after_another(cast, timed, slow):
    people = [cast.learner, cast.colleague, cast.own_leader, cast.trainer]
    waits = [entrance.turn(person=person, sitting=timed, token="", at=NOON).at - NOON for person in people]
    assert waits == [-2 * SECOND, -SECOND, 0 * SECOND, SECOND]


def test_who_asks_again_keeps_the_place_and_takes_no_other(cast, timed, slow):
    first, again = (entrance.turn(person=cast.learner, sitting=timed, token="", at=NOON) for _ in range(2))
    assert first.at == again.at
    caches["local"].clear()  # another process
    assert entrance.turn(person=cast.learner, sitting=timed, token=first.token, at=NOON + 9 * SECOND).at == first.at


def test_a_token_of_somebody_else_or_a_forged_one_is_worth_nothing(cast, timed, slow):
    for person in (cast.colleague, cast.own_leader, cast.trainer):
        theirs = entrance.turn(person=person, sitting=timed, token="", at=NOON)
    for token in (theirs.token, "x" * 5000, theirs.token[:-1] + ("A" if theirs.token[-1] != "A" else "B")):
        caches["local"].clear()
        assert entrance.turn(person=cast.learner, sitting=timed, token=token, at=NOON).at > NOON


def test_nobody_waits_beyond_the_last_moment_of_entry(cast, timed, slow):
    last = timed.window_of(cast.learner.pk)[1]
    for person in (cast.colleague, cast.own_leader, cast.trainer):
        entrance.turn(person=person, sitting=timed, token="", at=last - SECOND)
    assert entrance.turn(person=cast.learner, sitting=timed, token="", at=last - SECOND).at <= last - SECOND


def test_who_presses_outside_the_hours_of_entry_takes_no_place(cast, timed, slow):
    for _press in range(5):
        entrance.turn(person=cast.colleague, sitting=timed, token="", at=timed.opens_at - SECOND)
    assert entrance.turn(person=cast.learner, sitting=timed, token="", at=NOON).at == NOON - 2 * SECOND


def test_whose_turn_is_later_is_told_so_and_comes_in_with_the_token(cast, quiz, slow, sign_in, monkeypatch):
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    sitting = sitting_of(quiz, cast.learner, opens_at=now, late_entry_minutes=20)
    for _other in range(4):
        turns.place("exams", every=SECOND, at_once=2, at=now)
    learner = sign_in(cast.learner)

    page = learner.post(f"/sittings/{sitting.pk}/")

    assert page.status_code == 409 and "请保持本页" in page.text and not Attempt.objects.exists()
    assert 2000 <= page.context["turn_in"] <= 2001
    token = page.context["turn"].token
    assert learner.post(f"/sittings/{sitting.pk}/", {"turn": token}).status_code == 409, "the time has not come"
    monkeypatch.setattr(clock, "now", lambda: now + 2 * SECOND)
    assert learner.post(f"/sittings/{sitting.pk}/", {"turn": token}).status_code == 302
    assert Attempt.objects.get().person == cast.learner


def test_to_be_told_to_wait_costs_little(cast, quiz, slow, sign_in, django_assert_max_num_queries):
    sitting = sitting_of(quiz, cast.learner, opens_at=clock.now(), late_entry_minutes=20)
    for _other in range(9):
        turns.place("exams", every=SECOND, at_once=2, at=clock.now())
    learner = sign_in(cast.learner)
    assert learner.post(f"/sittings/{sitting.pk}/").status_code == 409
    with django_assert_max_num_queries(5):
        assert learner.post(f"/sittings/{sitting.pk}/").status_code == 409


def test_a_pace_below_two_a_second_still_lets_one_in_at_a_time(cast, timed, settings):
    settings.EXAM_ENTRIES_PER_SECOND = 1
    waits = [entrance.turn(person=person, sitting=timed, token="", at=NOON).at - NOON for person in (cast.learner, cast.colleague)]
    assert waits == [-SECOND, 0 * SECOND]


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_page_comes_in_by_itself(cast, quiz, slow, open_page, enter, live_server):
    from tests.chromium import PHONE

    sitting = sitting_of(quiz, cast.learner, opens_at=clock.now(), late_entry_minutes=20)
    for _other in range(20):
        turns.place("exams", every=SECOND, at_once=2, at=clock.now())
    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}/sittings/{sitting.pk}/")
    page.click("#enter button")
    page.wait_for_selector("text=请保持本页")
    page.wait_for_url("**/attempts/*/", timeout=60_000)


def test_a_line_longer_than_five_minutes_is_never_let_in_all_at_once(cast, timed, slow):
    """Nobody loses time by waiting longer here: twenty minutes of exam, thirty of window, ten of late entry past the first five."""
    for _other in range(400):
        turns.place("exams", every=SECOND, at_once=2, at=NOON)
    places = []
    for person in (cast.learner, cast.colleague, cast.own_leader, cast.trainer):
        places.append(entrance.turn(person=person, sitting=timed, token="", at=NOON).at)
    assert places == [NOON + 398 * SECOND + step * SECOND for step in range(4)]


def test_who_comes_behind_the_last_moment_of_entry_is_spread_over_the_time_there_is(cast, timed, slow, monkeypatch):
    last = timed.window_of(cast.learner.pk)[1]
    last = min(last, timed.closes_at - timedelta(minutes=timed.quiz.minutes))
    seconds = int((last - NOON).total_seconds())
    places = set()
    for number in (1, 100, 250, 399):
        caches["local"].clear()
        monkeypatch.setattr(turns, "place", lambda *_a, number=number, **_k: NOON + (seconds + number) * SECOND)
        places.add(entrance.turn(person=cast.learner, sitting=timed, token="", at=NOON).at)
    assert places == {NOON + number * SECOND for number in (1, 100, 250, 399)} and max(places) < last


def test_nobody_loses_more_than_five_minutes_of_a_window_that_is_as_long_as_the_exam(cast, timed, slow):
    timed.closes_at = timed.opens_at + timedelta(minutes=timed.quiz.minutes)
    for _other in range(1000):
        turns.place("exams", every=SECOND, at_once=2, at=NOON)
    waits = [entrance.turn(person=p, sitting=timed, token="", at=NOON).at - NOON for p in (cast.learner, cast.colleague)]
    assert all(timedelta(0) <= wait < entrance.LONGEST_WAIT for wait in waits) and waits[0] != waits[1]


def test_the_browser_keeps_the_place_through_a_reload_at_another_process(cast, quiz, slow, sign_in, monkeypatch):
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    sitting = sitting_of(quiz, cast.learner, opens_at=now, late_entry_minutes=20)
    for _other in range(4):
        turns.place("exams", every=SECOND, at_once=2, at=now)
    learner = sign_in(cast.learner)
    first = learner.post(f"/sittings/{sitting.pk}/").context["turn"].at
    until = Line.objects.get(name="exams").given_until
    caches["local"].clear()

    again = learner.post(f"/sittings/{sitting.pk}/").context["turn"].at

    assert again == first and Line.objects.get(name="exams").given_until == until


def test_the_waiting_page_comes_in_by_its_script(cast, quiz, slow, sign_in, monkeypatch):
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    sitting = sitting_of(quiz, cast.learner, opens_at=now, late_entry_minutes=20)
    for _other in range(4):
        turns.place("exams", every=SECOND, at_once=2, at=now)
    learner, door = sign_in(cast.learner), f"/sittings/{sitting.pk}/door/"

    def ask(token=""):
        return learner.post(door, {"turn": token}, content_type="application/json")

    told = ask()
    assert told.status_code == 409 and 2000 <= told.json()["turn_in"] <= 2001
    assert learner.post(door, "x", content_type="application/json").status_code == 400
    monkeypatch.setattr(clock, "now", lambda: now + 3 * SECOND)
    assert ask(told.json()["turn"]).json() == {"go": f"/attempts/{Attempt.objects.get().pk}/"}
    stranger = sign_in(cast.colleague)
    refused = stranger.post(door, {"turn": ""}, content_type="application/json")
    while refused.status_code == 409 and "turn" in refused.json():
        now += 10 * SECOND
        refused = stranger.post(door, {"turn": refused.json()["turn"]}, content_type="application/json")
    assert refused.status_code == 409 and refused.json()["error"] == "not_listed"


def test_nobody_is_told_to_come_when_entry_has_just_closed(timed, slow, cast):
    _opens, last_entry_at, _closes = timed.window_of(cast.learner.pk)
    people = [cast.learner, cast.colleague, cast.own_leader, cast.other_leader, cast.liaison, cast.reviewer, cast.hr]
    for before in (20 * SECOND, 5 * SECOND, 2 * SECOND):
        caches["local"].clear()
        Line.objects.all().delete()
        turns_given = [entrance.turn(person=one, sitting=timed, token="", at=last_entry_at - before).at for one in people]
        assert max(turns_given) <= last_entry_at - min(before, entrance.ON_THE_WAY)
