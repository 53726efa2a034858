"""The invigilator's view: who is in, who is silent, what was noted, more time, receipt slips."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from core import clock
from people.models import ReadingOfOthers
from quizzes import board
from quizzes.models import Attempt, Candidate, Extension, Incident, Presence, Sitting, Submission
from quizzes.services import attempts, sittings, slips
from tests.cast import EVERYBODY, person
from tests.quizzes.exams import MINUTE, SECOND, make_sitting

WATCHERS = {"liaison", "hr", "admin", "auditor"}
RUNNERS = {"liaison", "hr", "admin"}
HTMX = {"HTTP_HX_REQUEST": "true"}
State = board.State


@pytest.fixture
def sitting(cast, quiz):
    return make_sitting(cast, quiz, opens_at=clock.now() - 10 * MINUTE)


@pytest.fixture
def running(cast, sitting):
    """The learner has sat for nine minutes, and her page was heard a second ago."""
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=clock.now() - 9 * MINUTE)
    Presence.objects.create(attempt=attempt, seen_at=clock.now() - SECOND)
    return attempt


def watch(sitting, **query) -> str:
    from urllib.parse import urlencode

    return reverse("sitting_watch", args=[sitting.pk]) + (f"?{urlencode(query)}" if query else "")


def line_of(sitting, someone, at=None) -> board.Line:
    return next(line for line in board.of(sitting, at=at or clock.now()).page if line.person == someone.pk)


# ---- the cast on every door ----------------------------------------------------------------


@pytest.mark.parametrize("who", EVERYBODY)
def test_a_sitting_is_watched_by_its_invigilators_hr_administrators_and_auditors(cast, sitting, running, sign_in, who):
    client = sign_in(getattr(cast, who))
    expected = 200 if who in WATCHERS else 404
    assert client.get(watch(sitting)).status_code == expected
    assert client.get(watch(sitting), **HTMX).status_code == expected
    assert client.get(reverse("watch_one", args=[sitting.pk, running.pk])).status_code == expected
    assert client.post(reverse("sitting_slip", args=[sitting.pk]), {"code": "1-AAAA-AAAA-AAAA"}).status_code == expected


@pytest.mark.parametrize("who", EVERYBODY)
def test_time_is_added_by_those_who_run_the_sitting_auditors_only_look(cast, sitting, running, sign_in, who):
    client = sign_in(getattr(cast, who))
    given = {"minutes": 10, "reason": "停电", "sure": "on"}
    for door, arguments in [("sitting_time", [sitting.pk]), ("attempt_time", [sitting.pk, running.pk])]:
        assert client.get(reverse(door, args=arguments)).status_code == (200 if who in RUNNERS else 404)
        client.post(reverse(door, args=arguments), given)
    assert Extension.objects.count() == (2 if who in RUNNERS else 0)


def test_an_invigilator_of_another_sitting_sees_nothing_of_this_one(cast, sitting, running, quiz, sign_in):
    other = Sitting.objects.create(quiz=quiz, title="下午", opens_at=clock.now(), closes_at=clock.now() + 60 * MINUTE)
    other.invigilators.add(cast.trainer)
    client = sign_in(cast.trainer)
    assert client.get(watch(sitting)).status_code == 404
    assert client.get(reverse("watch_one", args=[other.pk, running.pk])).status_code == 404
    assert client.post(reverse("attempt_time", args=[other.pk, running.pk]), {"minutes": 5, "reason": "x", "sure": "on"}).status_code == 404


def test_a_draft_is_not_watched(cast, quiz, sign_in):
    draft = make_sitting(cast, quiz, published=False)
    assert sign_in(cast.liaison).get(watch(draft)).status_code == 404


def test_an_invigilator_finds_the_watch_among_the_own_exams(cast, sitting, quiz, sign_in):
    assert watch(sitting) in sign_in(cast.liaison).get(reverse("sittings")).text
    assert watch(sitting) not in sign_in(cast.learner).get(reverse("sittings")).text
    Sitting.objects.update(is_draft=True)
    assert watch(sitting) not in sign_in(cast.liaison).get(reverse("sittings")).text


def test_signed_out_the_open_page_loads_itself_anew(client, sitting):
    assert "/login/" in client.get(watch(sitting)).url
    assert client.get(watch(sitting), **HTMX)["HX-Refresh"] == "true"


def test_no_door_hands_in_for_somebody_else(cast, sitting, running, sign_in):
    page = sign_in(cast.liaison).get(reverse("watch_one", args=[sitting.pk, running.pk])).text
    assert reverse("attempt_submit", args=[running.pk]) not in page
    assert sign_in(cast.liaison).post(reverse("attempt_submit", args=[running.pk])).status_code == 404


# ---- where everybody stands ----------------------------------------------------------------


def test_the_board_says_who_sits_and_who_has_not_come(cast, sitting, running, answer):
    item = running.items.get(kind="judge")
    attempts.save(attempt_id=running.pk, person=cast.learner, item_id=item.pk, response="true", token="1", at=clock.now())
    learner = line_of(sitting, cast.learner)
    assert (learner.state, learner.answered, learner.questions, learner.room, learner.seat) == (State.WORKING, 1, 6, "一号考场", "01")
    assert timedelta(minutes=10) < learner.left <= timedelta(minutes=11)
    assert line_of(sitting, cast.colleague).state == State.ABSENT


def test_an_answer_that_was_taken_back_does_not_count_as_answered(cast, sitting, running):
    item = running.items.get(kind="judge")
    for token, response in [("1", "true"), ("2", None)]:
        attempts.save(attempt_id=running.pk, person=cast.learner, item_id=item.pk, response=response, token=token, at=clock.now())
    assert line_of(sitting, cast.learner).answered == 0


def test_silence_begins_after_a_minute_and_says_how_long(cast, sitting, running):
    seen = running.presence.seen_at
    assert line_of(sitting, cast.learner, at=seen + 60 * SECOND).state == State.WORKING
    late = line_of(sitting, cast.learner, at=seen + 61 * SECOND)
    assert (late.state, late.silent_for) == (State.SILENT, 61 * SECOND)


def test_a_page_that_never_spoke_is_silent_since_the_beginning(cast, sitting):
    begun = sittings.enter(person=cast.learner, sitting=sitting, at=clock.now() - 2 * MINUTE).started_at
    assert line_of(sitting, cast.learner, at=begun + 2 * MINUTE).silent_for == 2 * MINUTE


def test_answers_that_the_page_could_not_deliver_are_counted(cast, sitting, running):
    Presence.objects.update(unacknowledged=3)
    line = line_of(sitting, cast.learner)
    assert (line.state, line.unacknowledged) == (State.UNSAVED, 3)


def test_who_handed_in_is_done_and_so_is_who_has_no_time_left(cast, sitting, running):
    assert line_of(sitting, cast.learner, at=running.shuts_at).state == State.DONE  # the worker is late
    attempts.submit(attempt=running, cause=Submission.Cause.LEARNER, at=clock.now())
    assert line_of(sitting, cast.learner).state == State.DONE


def test_trouble_stands_first(cast, sitting, quiz):
    at = clock.now()
    people = [person(f"YA4000{number}", f"考生{number}", cast.section) for number in range(5)]
    for someone in people:
        Candidate.objects.create(sitting=sitting, person=someone)
    silent, very_silent, unsaved, noted, done = people
    for someone, ago, lost in [(silent, 90, 0), (very_silent, 300, 0), (unsaved, 5, 2), (noted, 5, 0), (done, 5, 0), (cast.learner, 5, 0)]:
        attempt = sittings.enter(person=someone, sitting=sitting, at=at - 9 * MINUTE)
        Presence.objects.create(attempt=attempt, seen_at=at - timedelta(seconds=ago), unacknowledged=lost)
    Incident.objects.create(attempt=Attempt.objects.get(person=noted), kind="left", at=at)
    attempts.submit(attempt=Attempt.objects.get(person=done), cause=Submission.Cause.LEARNER, at=at)

    found = board.of(sitting, at=at)

    assert [line.person for line in found.page] == [
        each.pk for each in (very_silent, silent, unsaved, cast.colleague, noted, cast.learner, done)
    ]
    assert found.numbers == {State.SILENT: 2, State.UNSAVED: 1, State.ABSENT: 1, State.WORKING: 2, State.DONE: 1, State.PAPER: 0}


def test_who_is_silent_with_answers_not_saved_counts_and_is_found_under_both(cast, sitting, running):
    """The network is gone: nothing is heard, and what was answered before has not arrived."""
    Presence.objects.update(unacknowledged=3)
    at = running.presence.seen_at + 61 * SECOND

    found = board.of(sitting, at=at, state="unsaved")

    assert [(line.person, line.state) for line in found.page] == [(cast.learner.pk, State.SILENT)]
    assert (found.numbers[State.SILENT], found.numbers[State.UNSAVED]) == (1, 1)


def test_rooms_and_states_narrow_the_board(cast, sitting, running):
    Candidate.objects.filter(person=cast.colleague).update(room="")
    at = clock.now()

    def seen(**filters):
        return [line.person for line in board.of(sitting, at=at, **filters).page]

    assert seen(room="一号考场") == [cast.learner.pk] and seen(room=board.NO_ROOM) == [cast.colleague.pk]
    assert seen(state="absent") == [cast.colleague.pk] and len(seen(state="nonsense")) == 2
    assert board.of(sitting, at=at, room="一号考场", state="absent").everybody == 1


def test_who_entered_an_open_sitting_without_being_listed_is_on_the_board(cast, quiz):
    sitting = make_sitting(cast, quiz, opens_at=clock.now() - MINUTE, is_listed=False)
    sittings.enter(person=cast.trainer, sitting=sitting, at=clock.now())
    assert not line_of(sitting, cast.trainer).is_listed


def test_the_newest_attempt_of_a_person_counts(cast, sitting, running):
    attempts.submit(attempt=running, cause=Submission.Cause.LEARNER, at=clock.now())
    sittings.allow(person=cast.learner, quiz=sitting.quiz, sitting=sitting, extra_attempts=1, reason="死机", by=cast.hr, at=clock.now())
    sittings.enter(person=cast.learner, sitting=sitting, at=clock.now())
    line = line_of(sitting, cast.learner)
    assert line.attempt.number == 2 and line.tries == 2 and line.state == State.WORKING


def test_attempts_in_other_sittings_are_not_counted_on_the_board(cast, sitting, quiz, running):
    attempts.submit(attempt=running, cause=Submission.Cause.LEARNER, at=clock.now())
    later = Sitting.objects.create(quiz=quiz, title="下午", opens_at=clock.now() - MINUTE, closes_at=clock.now() + 60 * MINUTE)
    Candidate.objects.create(sitting=later, person=cast.learner)
    sittings.enter(person=cast.learner, sitting=later, at=clock.now())
    line = line_of(later, cast.learner)
    assert line.attempt.number == 2 and line.tries == 1


# ---- the page ------------------------------------------------------------------------------


def test_the_page_shows_what_was_noted_in_neutral_words(cast, sitting, running, sign_in):
    for kind, detail in [("left", {}), ("returned", {"away": 40}), ("left", {}), ("pasted", {"length": 12, "question": 3})]:
        Incident.objects.create(attempt=running, kind=kind, at=clock.now(), detail=detail)
    Incident.objects.create(attempt=running, kind="address", at=clock.now(), detail={"was": "10.0.0.1", "now": "10.0.0.9"})
    client = sign_in(cast.liaison)
    page = client.get(watch(sitting)).text
    assert "离开页面 2次" in page and "粘贴文字 1次" in page and "作弊" not in page and "10.0.0.9" not in page

    one = client.get(reverse("watch_one", args=[sitting.pk, running.pk])).text

    assert "离开40秒" in one and "12字" in one and "第3题" in one and "10.0.0.1 → 10.0.0.9" in one


def test_the_page_asks_again_by_itself_until_everything_is_over(cast, sitting, running, sign_in):
    client = sign_in(cast.liaison)
    assert 'hx-trigger="every 10s"' in client.get(watch(sitting)).text
    assert "hx-trigger" not in client.get(watch(sitting, live=0)).text
    part = client.get(watch(sitting, room="一号考场"), **HTMX).text
    assert part.startswith('<div id="board"') and "room=%E4%B8%80" in part and "<html" not in part
    attempts.submit(attempt=running, cause=Submission.Cause.LEARNER, at=clock.now())
    Sitting.objects.update(opens_at=clock.now() - 90 * MINUTE, closes_at=clock.now() - MINUTE)
    assert "hx-trigger" not in client.get(watch(sitting)).text


def test_opening_the_page_is_logged_once_and_its_polls_are_not(cast, sitting, running, sign_in):
    client = sign_in(cast.liaison)
    client.get(watch(sitting), **HTMX)  # whoever asks for the part alone is logged as well
    for _poll in range(3):
        client.get(watch(sitting), **HTMX)
    assert ReadingOfOthers.objects.filter(what="exam watch").count() == 1
    client.get(watch(sitting))
    assert ReadingOfOthers.objects.filter(what="exam watch").count() == 2


def crowd(cast, sitting, count: int) -> None:
    at = clock.now()
    for number in range(count):
        someone = person(f"YA5{number:04d}", f"考生{number}", cast.section)
        Candidate.objects.create(sitting=sitting, person=someone, room="二号考场", seat=f"{number:03d}")
        attempt = sittings.enter(person=someone, sitting=sitting, at=at - MINUTE)
        Presence.objects.create(attempt=attempt, seen_at=at)
        Incident.objects.create(attempt=attempt, kind="left", at=at)


def test_a_poll_takes_the_same_queries_for_two_and_for_seventy(cast, sitting, running, sign_in, django_assert_max_num_queries):
    client = sign_in(cast.liaison)
    client.get(watch(sitting))
    with django_assert_max_num_queries(10) as few:
        client.get(watch(sitting), **HTMX)
    crowd(cast, sitting, 70)
    with django_assert_max_num_queries(len(few.captured_queries)):
        page = client.get(watch(sitting), **HTMX)
    assert "第 1 页，共 2 页" in page.text


# ---- more time, slips ----------------------------------------------------------------------


def test_time_for_one_needs_a_reason_and_a_tick(cast, sitting, running, sign_in):
    client = sign_in(cast.liaison)
    url = reverse("attempt_time", args=[sitting.pk, running.pk])
    for lacking in (
        {"minutes": 10, "reason": " ", "sure": "on"},
        {"minutes": 10, "reason": "停电"},
        {"minutes": 0, "reason": "停电", "sure": "on"},
    ):
        assert client.post(url, lacking).status_code == 422
    assert not Extension.objects.exists()

    page = client.post(url, {"minutes": 10, "reason": "停电", "sure": "on"}, follow=True)

    assert "已为张小明加时10分钟" in page.text
    assert Attempt.objects.timed().get(pk=running.pk).due_at == running.ends_at + 10 * MINUTE
    assert "停电" in client.get(reverse("watch_one", args=[sitting.pk, running.pk])).text


def test_no_form_is_drawn_for_time_that_one_would_have_oneself(cast, sitting, sign_in):
    Candidate.objects.create(sitting=sitting, person=cast.hr)
    hr, door = sign_in(cast.hr), reverse("sitting_time", args=[sitting.pk])
    page = hr.get(door)
    assert page.status_code == 409 and "minutes" not in page.text

    attempt = sittings.enter(person=cast.hr, sitting=sitting, at=clock.now())
    assert hr.get(door).status_code == 409
    attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=clock.now())
    assert hr.get(door).status_code == 200


def test_time_for_all_moves_everybody_and_a_double_click_adds_it_once(cast, sitting, running, sign_in):
    client = sign_in(cast.liaison)
    url = reverse("sitting_time", args=[sitting.pk])
    assert "目前1人正在作答" in client.get(url).text
    for _click in range(2):
        client.post(url, {"minutes": 10, "reason": "停电", "sure": "on"})
    assert Extension.objects.get().sitting == sitting
    assert Attempt.objects.timed().get(pk=running.pk).due_at == running.ends_at + 10 * MINUTE
    assert "停电" in client.get(watch(sitting)).text


def test_the_page_of_one_explains_their_end_by_the_minutes_for_all_as_well(cast, sitting, running, sign_in):
    """Minutes for all from before they began moved nothing of theirs."""
    facts = {"sitting": sitting, "by": cast.hr}
    Extension.objects.create(minutes=3, reason="开考前延时", at=running.started_at - MINUTE, **facts)
    sittings.extend(sitting=sitting, minutes=10, reason="全场停电", by=cast.hr, at=clock.now())
    sittings.extend(attempt=running, minutes=5, reason="换机", by=cast.hr, at=clock.now())

    page = sign_in(cast.liaison).get(reverse("watch_one", args=[sitting.pk, running.pk])).text

    assert "全场停电" in page and "换机" in page and "全体考生" in page and "开考前延时" not in page


def test_no_time_is_added_to_what_is_over(cast, sitting, running, sign_in):
    attempts.submit(attempt=running, cause=Submission.Cause.LEARNER, at=clock.now())
    client = sign_in(cast.liaison)
    page = client.post(reverse("attempt_time", args=[sitting.pk, running.pk]), {"minutes": 5, "reason": "停电", "sure": "on"})
    assert page.status_code == 422 and "不能再加时" in page.text and not Extension.objects.exists()
    assert (
        reverse("attempt_time", args=[sitting.pk, running.pk]) not in client.get(reverse("watch_one", args=[sitting.pk, running.pk])).text
    )


def test_a_slip_is_genuine_or_not_and_tells_whose_it_is(cast, sitting, running, sign_in):
    item = running.items.get(kind="judge")
    attempts.save(attempt_id=running.pk, person=cast.learner, item_id=item.pk, response="true", token="1", at=clock.now())
    attempts.submit(attempt=running, cause=Submission.Cause.LEARNER, at=clock.now())
    code = slips.of(Attempt.objects.get(pk=running.pk)).code
    client = sign_in(cast.liaison)
    url = reverse("sitting_slip", args=[sitting.pk])

    genuine = client.post(url, {"code": code.lower()}).text
    forged = client.post(url, {"code": code[:-1] + ("0" if code[-1] != "0" else "1")}).text

    assert "回执有效" in genuine and "张小明" in genuine and "1 / 6" in genuine
    assert "没有此编码的回执" in forged and "张小明" not in forged
    assert ReadingOfOthers.objects.filter(what="receipt slip", subject=cast.learner).count() == 1
    for nonsense in ("", "\x00", "9" * 300, "DROP TABLE", json.dumps({})):
        assert client.post(url, {"code": nonsense}).status_code == 200


def test_a_slip_of_another_sitting_names_nobody(cast, sitting, running, quiz, sign_in):
    attempts.submit(attempt=running, cause=Submission.Cause.LEARNER, at=clock.now())
    code = slips.of(Attempt.objects.get(pk=running.pk)).code
    other = Sitting.objects.create(quiz=quiz, title="下午", opens_at=clock.now(), closes_at=clock.now() + 60 * MINUTE)
    other.invigilators.add(cast.trainer)

    page = sign_in(cast.trainer).post(reverse("sitting_slip", args=[other.pk]), {"code": code}).text

    assert "属于其他考试" in page and "张小明" not in page and not ReadingOfOthers.objects.filter(what="receipt slip").exists()
