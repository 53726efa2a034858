"""Real concurrent transactions: two tabs, double clicks, the clock against the hand-in."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction

from core.errors import Refused
from courses.models import Completion, RequirementMet
from quizzes.models import Answer, Attempt, Incident, ItemMark, Marking, Presence, Submission
from quizzes.services import attempts, presence, sittings, slips
from tests.cast import NOON

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def on_postgres():
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")


def together(*acts):
    """Run the acts at the same moment, each in a thread with a connection of its own; their results or errors."""
    gate, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(index, act):
        try:
            gate.wait(10)
            results[index] = act()
        except Exception as error:
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    [thread.start() for thread in threads]
    [thread.join(30) for thread in threads]
    return results


def test_starting_eight_times_at_once_gives_one_attempt(cast, quiz, enrolment):
    made = together(*[lambda: attempts.start(person=cast.learner, quiz=quiz, at=NOON)] * 8)
    assert {attempt.pk for attempt in made} == {Attempt.objects.get().pk}
    assert Attempt.objects.get().items.count() == 6


def test_two_tabs_saving_at_once_get_their_own_numbers(cast, attempt):
    items = list(attempt.items.all())

    def save(number):
        item = items[number % 6]
        return attempts.save(
            attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response=attempts.right_response(item), token=f"t{number}", at=NOON
        )

    receipts = together(*[lambda number=number: save(number) for number in range(16)])
    assert sorted(receipt.seq for receipt in receipts) == list(range(1, 17)) and Answer.objects.count() == 16


def test_the_same_act_sent_many_times_at_once_is_stored_once(cast, attempt):
    item = attempt.items.first()
    response = attempts.right_response(item)
    act = lambda: attempts.save(attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response=response, token="same", at=NOON)  # noqa: E731
    assert len(set(together(*[act] * 8))) == 1 and Answer.objects.count() == 1


def test_handing_in_and_the_clock_and_answers_race_to_one_submission_that_counts_what_was_acknowledged(cast, attempt, answer):
    answer(attempt, right=False)
    items = list(attempt.items.all())

    def save(number):
        return attempts.save(
            attempt_id=attempt.pk,
            person=cast.learner,
            item_id=items[number].pk,
            response=attempts.right_response(items[number]),
            token=f"r{number}",
            at=NOON,
        )

    results = together(
        *[lambda number=number: save(number) for number in range(6)],
        lambda: attempts.submit(attempt=attempt, cause="learner", at=NOON + MINUTE),
        lambda: attempts.submit(attempt=attempt, cause="learner", at=NOON + MINUTE),
        lambda: attempts.submit_overdue(NOON + 30 * MINUTE),
    )

    assert Submission.objects.count() == 1 and ItemMark.objects.count() == 6
    for number, outcome in enumerate(results[:6]):
        mark = ItemMark.objects.get(item=items[number])
        if isinstance(outcome, Refused):
            assert outcome.code in {"over", "time_over"} and mark.fraction < 1
        else:
            assert mark.answer.seq == outcome.seq and mark.fraction == 1  # acknowledged, so it counts


def test_a_pass_handed_in_many_times_at_once_completes_once(cast, attempt, answer):
    answer(attempt)
    done = together(*[lambda: attempts.submit(attempt=attempt, cause="learner", at=NOON + MINUTE)] * 6)
    assert len({submission.pk for submission in done}) == 1
    assert RequirementMet.objects.count() == 1 and Completion.objects.count() == 1


def test_time_out_hand_in_and_replays_of_two_devices_race_to_one_marked_attempt(cast, sitting):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    items, last_second = list(attempt.items.all()), attempt.shuts_at - timedelta(seconds=1)

    def replay(device, number):
        item = items[number % 6]
        response = attempts.right_response(item) if device == "phone" else attempts.wrong_response(item)
        return attempts.save(
            attempt_id=attempt.pk,
            person=cast.learner,
            item_id=item.pk,
            response=response,
            token=f"{device}.{number}",
            at=last_second,
            base=0,
            is_late=True,
        )

    acts = [(device, number) for device in ("phone", "desk") for number in range(6)]
    results = together(
        *[lambda act=act: replay(*act) for act in acts * 2],  # each act comes twice
        lambda: attempts.submit(attempt=attempt, cause="learner", at=last_second),
        lambda: attempts.submit_overdue(attempt.shuts_at),
        lambda: attempts.submit_overdue(attempt.shuts_at),
    )

    assert Submission.objects.count() == 1 and Marking.objects.count() == 1 and ItemMark.objects.count() == 6
    stored = dict(Answer.objects.values_list("token", "seq"))
    for act, outcome in zip(acts * 2, results, strict=False):
        if isinstance(outcome, Refused):
            assert outcome.code == "over" and "{}.{}".format(*act) not in stored
        else:
            assert stored["{}.{}".format(*act)] == outcome.seq
    assert sorted(stored.values()) == list(range(1, len(stored) + 1))
    latest = Answer.objects.latest_of(attempt.pk)
    assert all(mark.answer == latest.get(mark.item_id) for mark in ItemMark.objects.select_related("answer"))
    for item, answer in latest.items():
        first = Answer.objects.filter(item=item).order_by("seq").first()
        assert answer.response == first.response  # whoever was stored first was answered since the other's base
    slip = slips.of(Attempt.objects.get())
    assert slips.check(slip.code) == slip and slip.answers == len(stored)


def test_minutes_added_race_the_clock_and_never_both_win(cast, sitting):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    item = attempt.items.get(kind="judge")

    def save():
        return attempts.save(attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response="true", token="t", at=attempt.shuts_at)

    added, *_rest = together(
        lambda: sittings.extend(attempt=attempt, minutes=5, reason="停电", by=cast.hr, at=attempt.shuts_at - timedelta(seconds=1)),
        lambda: attempts.submit_overdue(attempt.shuts_at),
        lambda: attempts.submit_overdue(attempt.shuts_at),
    )
    over = Submission.objects.exists()
    assert over == isinstance(added, Refused)
    if over:
        with pytest.raises(Refused):
            save()
    else:
        assert save().seq == 1


def test_an_answer_that_waited_for_added_minutes_counts_with_them(cast, sitting):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    item, late = attempt.items.get(kind="judge"), attempt.shuts_at + timedelta(seconds=1)
    locked, looked = threading.Event(), threading.Event()

    def add():
        with transaction.atomic():
            sittings.extend(attempt=attempt, minutes=5, reason="停电", by=cast.hr, at=attempt.shuts_at - timedelta(seconds=1))
            locked.set()
            looked.wait(10)
            time.sleep(0.3)  # until the others wait for the lock

    def save():
        locked.wait(10)
        looked.set()
        return attempts.save(attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response="true", token="t", at=late)

    def end():
        locked.wait(10)
        return attempts.submit_overdue(late)

    _added, receipt, ended = together(add, save, end)
    assert (getattr(receipt, "seq", receipt), ended, Submission.objects.count()) == (1, 0, 0)


def test_signs_of_life_of_two_devices_at_once_leave_one(cast, sitting):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)

    def sign(number):
        noticed = [presence.Noticed("left")]
        return presence.note(
            attempt_id=attempt.pk, person=cast.learner, unacknowledged=number, noticed=noticed, address="10.0.0.1", at=NOON + MINUTE
        )

    told = together(*[lambda number=number: sign(number) for number in range(8)])
    assert all(isinstance(state, presence.State) for state in told)
    assert Presence.objects.count() == 1 and Incident.objects.count() == 8
