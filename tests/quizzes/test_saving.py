"""Saving when two tabs, two devices, dead networks and repeated requests meet. What a page sends is in static/js/quizzes/."""

import json

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import clock
from core.errors import Refused
from quizzes.models import Answer, Attempt
from quizzes.services import attempts
from tests.cast import NOON


@pytest.fixture
def act(attempt, cast):
    """`act("phone", 1, "true")`: the phone's first act, on the true/false question unless told otherwise."""
    judge = attempt.items.get(kind="judge")

    def give(device, number, response, *, item=judge, **facts):
        return attempts.save(
            attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response=response, token=f"{device}.{number}", at=NOON, **facts
        )

    return give


def stands(attempt):
    return {answer.response for answer in Answer.objects.latest_of(attempt.pk).values()}


def test_the_later_act_wins_and_hears_of_the_one_it_took_the_place_of(act, attempt):
    act("phone", 1, "true", base=0)
    later = act("desk", 1, "false", base=0)

    assert stands(attempt) == {"false"}
    assert (later.seq, later.other.seq, later.other.response, later.other.stands) == (2, 1, "true", False)


def test_a_late_act_is_stored_but_does_not_undo_what_another_device_answered_since(act, attempt):
    act("desk", 1, "false", base=0)
    late = act("phone", 1, "true", base=0, is_late=True)

    assert stands(attempt) == {"false"}
    assert [(a.seq, a.response, a.token) for a in Answer.objects.order_by("seq")] == [
        (1, "false", "desk.1"),
        (2, "true", "phone.1"),
        (3, "false", "kept-2"),
    ]
    assert (late.seq, late.other.seq, late.other.response, late.other.stands) == (2, 3, "false", True)
    again = act("phone", 1, "true", base=0, is_late=True)
    assert again.seq == 2 and Answer.objects.count() == 3


def test_a_late_act_wins_when_nobody_else_answered_since(act, attempt):
    act("desk", 1, "false", base=0)
    late = act("phone", 1, "true", base=1, is_late=True)

    assert stands(attempt) == {"true"} and late.other is None


def test_the_late_acts_of_one_device_never_stand_against_each_other(act, attempt):
    act("phone", 1, "true", base=0)  # stored, but the acknowledgement was lost
    second = act("phone", 2, "false", base=0, is_late=True)

    assert stands(attempt) == {"false"} and second.other is None


def test_a_row_of_late_acts_all_yield_to_what_was_answered_since(act, attempt):
    act("desk", 1, "false", base=0)
    for number in (1, 2, 3):
        assert act("phone", number, "true", base=0, is_late=True).other.stands
    assert stands(attempt) == {"false"}


def test_answers_to_other_items_do_not_make_an_act_late(act, attempt):
    single = attempt.items.get(kind="single")
    act("desk", 1, single.shown["options"][0]["token"], item=single, base=0)
    assert act("phone", 1, "true", base=0, is_late=True).other is None


def test_the_same_answer_twice_is_no_difference(act, attempt):
    act("desk", 1, "true", base=0)
    assert act("phone", 1, "true", base=0, is_late=True).other is None and Answer.objects.count() == 2


def test_a_cleared_answer_of_another_device_stands_too(act, attempt):
    multiple = attempt.items.get(kind="multiple")
    tokens = [multiple.shown["options"][0]["token"]]
    act("desk", 1, tokens, item=multiple, base=0)
    act("desk", 2, [], item=multiple, base=1)
    late = act("phone", 1, tokens, item=multiple, base=1, is_late=True)
    assert late.other.stands and late.other.response is None and stands(attempt) == {None}


def test_a_base_that_no_answer_has_yet_is_no_hindrance(act, attempt):
    assert act("phone", 1, "true", base=4000, is_late=True).seq == 1


def test_a_token_of_another_item_is_refused_and_not_acknowledged(act, attempt):
    act("phone", 1, "true")
    with pytest.raises(Refused) as refused:
        act("phone", 1, None, item=attempt.items.get(kind="multiple"))
    assert refused.value.code == "token_used" and Answer.objects.count() == 1


@pytest.mark.parametrize("is_late", [False, True])
def test_saving_takes_three_queries_whoever_answered_before(act, django_assert_num_queries, is_late):
    act("desk", 1, "false", base=0)
    with django_assert_num_queries(5):  # a savepoint and its release, which stand for BEGIN and COMMIT
        act("phone", 1, "true", base=0, is_late=is_late)


ACTS = st.lists(
    st.tuples(st.sampled_from(["phone", "desk"]), st.sampled_from(["true", "false"]), st.integers(0, 9), st.booleans()), max_size=14
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTS)
def test_in_whatever_order_acts_come_each_is_stored_once_and_no_late_one_stands_over_another_device(attempt, cast, acts):
    Answer.objects.all()._raw_delete(Answer.objects.db)
    judge, rows = attempt.items.get(kind="judge"), []
    for number, (device, response, base, is_late) in enumerate(acts):
        for _sent_twice in range(2):
            attempts.save(
                attempt_id=attempt.pk,
                person=cast.learner,
                item_id=judge.pk,
                response=response,
                token=f"{device}.{number}",
                at=NOON,
                base=base,
                is_late=is_late,
            )
        since = [answered for by, answered in rows[base:] if by != device][-1:]
        rows.append((device, response))
        if is_late and since and since != [response]:
            rows.append(("kept", since[0]))
    assert [(a.token.replace("-", ".").partition(".")[0], a.response) for a in Answer.objects.order_by("seq")] == rows
    assert [a.seq for a in Answer.objects.order_by("seq")] == list(range(1, len(rows) + 1))


def test_the_wire_tells_of_the_other_device(sign_in, cast, quiz, enrolment):
    running = attempts.start(person=cast.learner, quiz=quiz, at=clock.now())
    client, judge = sign_in(cast.learner), running.items.get(kind="judge")

    def post(**body):
        return client.post(
            reverse("attempt_answer", args=[running.pk]), json.dumps({"item": judge.pk, **body}), content_type="application/json"
        )

    assert "other" not in post(token="desk.1", response="false", base=0).json()
    assert post(token="phone.1", response="true", base=0).json()["other"] == {"seq": 1, "response": "false", "stands": False}
    late = post(token="desk.2", response="false", base=1, late=True).json()
    assert (late["seq"], late["other"]) == (3, {"seq": 4, "response": "true", "stands": True})
    assert Attempt.objects.get().answers.count() == 4


@pytest.mark.parametrize("token", ["kept-2", "form-abc"])
def test_a_token_that_the_server_makes_itself_is_refused_from_a_page(cast, attempt, token):
    item = attempt.items.first()
    with pytest.raises(Refused) as refused:
        attempts.save(attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response=None, token=token, at=NOON)
    assert refused.value.code == "token_used" and not Answer.objects.exists()


def test_earlier_acts_of_a_page_that_goes_away_are_stored_before_its_last(cast, quiz, enrolment, sign_in):
    attempt = attempts.start(person=cast.learner, quiz=quiz, at=clock.now())
    judge, other = attempt.items.get(kind="judge"), attempt.items.get(kind="single")
    address = reverse("attempt_answer", args=[attempt.pk])
    client = sign_in(cast.learner)

    def post(**more):
        body = {"item": judge.pk, "response": "false", "token": "d.b", "base": 0} | more
        return client.post(address, json.dumps(body), content_type="application/json")

    first = {"item": judge.pk, "response": "true", "token": "d.a", "base": 0}
    assert post(before=[first]).json()["seq"] == 2
    assert client.post(address, json.dumps(first), content_type="application/json").json()["seq"] == 1, (
        "it was under way when the page left"
    )
    assert [answer.response for answer in Answer.objects.order_by("seq")] == ["true", "false"]

    assert post(token="d.c", before=[first | {"response": {"no": "answer"}, "token": "d.x"}]).json()["seq"] == 3
    assert post(token="d.e", before=[first | {"item": other.pk}]).status_code == 400
    assert post(token="d.e", before=[first] * 21).status_code == 400 and post(token="d.e", before="x").status_code == 400
    assert client.post(address, "[]", content_type="application/json").status_code == 400
    assert Answer.objects.count() == 3
