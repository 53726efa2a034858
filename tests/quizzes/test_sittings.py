"""Sittings: who is let in when, whose clock ends when, and more time with a reason."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from core import clock, turns
from core.errors import Refused
from core.models import FactChanged
from courses.models import Completion, Enrolment
from quizzes import rules, tasks
from quizzes.models import Attempt, Candidate, Quiz, Sitting, Submission
from quizzes.services import attempts, marking, own_sittings, quizzes, sittings
from tests import cast as casting
from tests.cast import NOON
from tests.quizzes.conftest import sitting_of

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def test_an_exam_is_begun_in_its_sitting_only(sitting, quiz, cast, enrolment):
    with pytest.raises(Refused) as refused:
        attempts.start(person=cast.learner, quiz=quiz, at=NOON)
    assert refused.value.code == "sitting_only"

    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)

    assert attempt.sitting == sitting and attempt.ends_at == NOON + 20 * MINUTE


def test_entering_enrols_in_the_course_of_the_exam(sitting, cast):
    assert not Enrolment.objects.filter(person=cast.learner).exists()

    sittings.enter(person=cast.learner, sitting=sitting, at=NOON)

    assert Enrolment.objects.filter(person=cast.learner).count() == 1


@pytest.mark.parametrize(("at", "code"), [(NOON - SECOND, "too_early"), (NOON + 15 * MINUTE, "too_late"), (NOON + 40 * MINUTE, "too_late")])
def test_nobody_enters_before_the_opening_or_after_late_entry(sitting, cast, at, code):
    with pytest.raises(Refused) as refused:
        sittings.enter(person=cast.learner, sitting=sitting, at=at)
    assert refused.value.code == code and not Attempt.objects.exists()


def test_who_is_not_listed_is_not_let_in(sitting, cast):
    with pytest.raises(Refused) as refused:
        sittings.enter(person=cast.colleague, sitting=sitting, at=NOON)
    assert refused.value.code == "not_listed"


def test_a_late_entry_ends_at_the_closing(sitting, cast):
    assert sittings.enter(person=cast.learner, sitting=sitting, at=NOON + 14 * MINUTE).ends_at == NOON + 30 * MINUTE


def seen_as_it_is(sitting, person, at) -> own_sittings.OwnSitting:
    """What the person's list, their front page and the sitting's own page say: the same, and what the entrance does."""
    seen = own_sittings.one(person=person, sitting=sitting, at=at)
    [listed] = own_sittings.mine(person=person, at=at)
    assert listed == seen and own_sittings.near(person=person, at=at) == ([] if seen.is_past else [seen])
    return seen


def test_a_late_comer_whom_hr_let_in_is_shown_the_entrance(sitting, cast, django_assert_num_queries):
    late = NOON + 20 * MINUTE
    assert seen_as_it_is(sitting, cast.learner, late).was_missed
    sittings.allow(person=cast.learner, quiz=sitting.quiz, sitting=sitting, extra_attempts=1, reason="堵车", by=cast.hr, at=late)

    seen = seen_as_it_is(sitting, cast.learner, late)
    assert seen.may_enter and not seen.was_missed and seen.last_entry_at == NOON + 30 * MINUTE
    assert seen_as_it_is(sitting, cast.learner, NOON + 30 * MINUTE).was_missed
    with django_assert_num_queries(2):
        own_sittings.near(person=cast.learner, at=late)
    assert sittings.enter(person=cast.learner, sitting=sitting, at=late)
    assert seen_as_it_is(sitting, cast.learner, late).is_running


def test_another_attempt_after_the_first_was_handed_in_is_shown_while_one_is_left(sitting, cast, quiz):
    first = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    attempts.submit(attempt=first, at=NOON + MINUTE)
    at = NOON + 20 * MINUTE
    assert not seen_as_it_is(sitting, cast.learner, at).may_enter
    sittings.allow(person=cast.learner, quiz=quiz, sitting=sitting, extra_attempts=1, reason="停电", by=cast.hr, at=at)

    seen = seen_as_it_is(sitting, cast.learner, at)
    assert seen.may_enter and seen.attempt == first
    second = sittings.enter(person=cast.learner, sitting=sitting, at=at)
    attempts.submit(attempt=second, at=at + MINUTE)
    seen = seen_as_it_is(sitting, cast.learner, at + 2 * MINUTE)
    assert seen.is_past and not seen.was_missed and seen.attempt == second


def test_a_dead_phone_shuts_nobody_out_after_entry_closed(sitting, cast):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)

    assert sittings.enter(person=cast.learner, sitting=sitting, at=NOON + 16 * MINUTE) == attempt


def test_a_sitting_gives_one_attempt_and_an_allowance_another(sitting, cast):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=NOON + MINUTE)
    with pytest.raises(Refused) as refused:
        sittings.enter(person=cast.learner, sitting=sitting, at=NOON + 2 * MINUTE)
    assert refused.value.code == "attempts_used"

    sittings.allow(person=cast.learner, quiz=sitting.quiz, sitting=sitting, extra_attempts=1, reason="停电", by=cast.hr, at=NOON)

    assert sittings.enter(person=cast.learner, sitting=sitting, at=NOON + 2 * MINUTE).number == 2


def test_extra_minutes_move_the_own_end_also_past_the_closing(sitting, cast):
    sittings.allow(person=cast.learner, quiz=sitting.quiz, extra_minutes=15, reason="视力障碍", by=cast.hr, at=NOON - MINUTE)

    assert sittings.enter(person=cast.learner, sitting=sitting, at=NOON + 14 * MINUTE).ends_at == NOON + 45 * MINUTE


def test_minutes_added_to_one_attempt_keep_it_open(sitting, cast):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    sittings.extend(attempt=attempt, minutes=10, reason="网络中断", by=cast.hr, at=NOON + 5 * MINUTE)

    assert Attempt.objects.timed().get().due_at == NOON + 30 * MINUTE
    assert attempts.submit_overdue(NOON + 25 * MINUTE) == 0
    item = attempt.items.get(kind="judge")
    assert (
        attempts.save(
            attempt_id=attempt.pk,
            person=cast.learner,
            item_id=item.pk,
            response=attempts.right_response(item),
            token="t",
            at=NOON + 29 * MINUTE,
        ).seq
        == 1
    )
    assert attempts.submit_overdue(NOON + 30 * MINUTE + 30 * SECOND) == 1


def test_minutes_added_to_all_reach_those_who_began_and_move_the_closing(sitting, cast):
    early = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    sittings.extend(sitting=sitting, minutes=10, reason="停电", by=cast.hr, at=NOON + 5 * MINUTE)
    Candidate.objects.create(sitting=sitting, person=cast.colleague)
    late = sittings.enter(person=cast.colleague, sitting=sitting, at=NOON + 20 * MINUTE)

    due = {a.pk: a.due_at for a in Attempt.objects.timed()}
    assert due == {early.pk: NOON + 30 * MINUTE, late.pk: NOON + 40 * MINUTE}


def test_answers_are_taken_in_the_grace_and_not_after_it(sitting, cast):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    item = attempt.items.get(kind="judge")
    end = NOON + 20 * MINUTE

    def give(token, at):
        return attempts.save(
            attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response=attempts.right_response(item), token=token, at=at
        )

    give("a", end + 29 * SECOND)
    with pytest.raises(Refused) as refused:
        give("b", end + 30 * SECOND)
    assert refused.value.code == "time_over"
    assert give("a", end + 40 * SECOND).seq == 1  # what was acknowledged stays acknowledged


def test_no_time_is_added_to_what_is_over_nor_without_a_reason(sitting, cast):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    for facts, code in [({"reason": "  ", "minutes": 5}, "no_reason"), ({"reason": "停电", "minutes": 0}, "bad_minutes")]:
        with pytest.raises(Refused) as refused:
            sittings.extend(attempt=attempt, by=cast.hr, at=NOON, **facts)
        assert refused.value.code == code
    with pytest.raises(Refused) as refused:
        sittings.extend(attempt=attempt, minutes=5, reason="停电", by=cast.hr, at=NOON + 21 * MINUTE)
    assert refused.value.code == "over"


def test_extensions_are_facts(sitting, cast):
    made = sittings.extend(sitting=sitting, minutes=10, reason="停电", by=cast.hr, at=NOON)
    with pytest.raises(FactChanged):
        made.delete()


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 1800))
def test_admission_is_the_same_whenever_asked_and_within_the_spread(sitting, person, spread):
    delay = rules.admission_delay(sitting, person, spread)
    assert delay == rules.admission_delay(sitting, person, spread)
    assert timedelta(0) <= delay <= timedelta(seconds=max(spread - 1, 0))


def test_admission_spreads_a_thousand_people_evenly():
    delays = [rules.admission_delay(7, person, 100).total_seconds() for person in range(1000)]
    in_each_tenth = [sum(tenth * 10 <= delay < tenth * 10 + 10 for delay in delays) for tenth in range(10)]
    assert min(in_each_tenth) > 60 and max(in_each_tenth) < 150


# ---- everybody's time ends in the same second ----------------------------------------------


def many_in(sitting, cast, count: int) -> None:
    for number in range(count):
        someone = casting.person(f"YA6{number:04d}", f"考生{number}", cast.section)
        Candidate.objects.create(sitting=sitting, person=someone)
        sittings.enter(person=someone, sitting=sitting, at=NOON)


def test_each_attempt_that_the_clock_ends_takes_the_same_queries(sitting, cast, django_assert_max_num_queries):
    many_in(sitting, cast, 7)
    with django_assert_max_num_queries(1 + 7 * 13):  # BEGIN and COMMIT counted
        assert attempts.submit_overdue(NOON + 21 * MINUTE) == 7
    assert {submission.cause for submission in Submission.objects.all()} == {Submission.Cause.TIME}


def test_a_bad_attempt_does_not_keep_the_clock_from_the_others(sitting, cast, monkeypatch):
    many_in(sitting, cast, 3)
    bad = Attempt.objects.order_by("pk").first()
    mark = marking.mark_by_machine
    monkeypatch.setattr(
        marking, "mark_by_machine", lambda submission, at: 1 / 0 if submission.attempt_id == bad.pk else mark(submission, at=at)
    )

    assert attempts.submit_overdue(NOON + 21 * MINUTE) == 2

    assert set(Attempt.objects.open()) == {bad}  # nothing of it is half-written, and reconcile names it
    assert [gap.what for gap in attempts.overdue_gaps(NOON + 30 * MINUTE)] == [f"attempt {bad.pk} is over and not submitted"]


def test_a_round_of_the_worker_looks_a_fortnight_back_and_reconcile_at_all(sitting, cast):
    many_in(sitting, cast, 1)
    late = NOON + timedelta(days=15)
    assert attempts.submit_overdue(late) == 0
    [gap] = attempts.overdue_gaps(late)
    gap.mend()
    assert Submission.objects.get().at == NOON + 20 * MINUTE + 30 * SECOND  # at the person's own end, however late


def test_a_round_beside_another_does_nothing(sitting, cast, monkeypatch):
    ran = []
    monkeypatch.setattr(attempts, "submit_overdue", ran.append)
    monkeypatch.setattr(turns, "alone", lambda name: nullcontext(False))
    tasks.submit_overdue()
    assert ran == []
    monkeypatch.setattr(turns, "alone", lambda name: nullcontext(True))
    tasks.submit_overdue()
    assert len(ran) == 1


def test_an_attempt_left_open_before_the_quiz_became_an_exam_is_ended_and_not_handed_back(cast, quiz, enrolment):
    Quiz.objects.filter(pk=quiz.pk).update(minutes=0)
    quiz.refresh_from_db()
    left_open = attempts.start(person=cast.learner, quiz=quiz, at=NOON - 60 * MINUTE)
    assert left_open.ends_at is None
    sitting = sitting_of(quiz, cast.learner, opens_at=NOON)

    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON + MINUTE)

    assert attempt.sitting == sitting and attempt.ends_at == sitting.closes_at
    assert Submission.objects.get().attempt == left_open and Submission.objects.get().at == NOON + MINUTE
    assert sittings.enter(person=cast.learner, sitting=sitting, at=NOON + 2 * MINUTE) == attempt


def test_a_file_of_quizzes_changes_no_terms_of_a_sitting_to_come(cast, sitting, quiz):
    facts = {"county": cast.county, "key": quiz.key, "title": quiz.title, "course_code": quiz.course_code, "pass_percent": 1}
    facts |= {"minutes": quiz.minutes, "attempts": 3, "draws": [{"kind": "judge", "count": 1}]}
    with pytest.raises(Refused) as refused:
        quizzes.ensure(**facts, at=NOON - 60 * MINUTE)
    assert refused.value.code == "has_sittings"
    assert quizzes.ensure(**facts, at=sitting.over_at).pass_percent == 1


# ---- results that wait -----------------------------------------------------------------------


@pytest.fixture
def passed(cast, sitting, answer, django_capture_on_commit_callbacks):
    """Results are held; the learner has handed in a paper that passes."""
    Sitting.objects.filter(pk=sitting.pk).update(results="held")
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    answer(attempt)
    with django_capture_on_commit_callbacks(execute=True):
        return attempts.submit(attempt=attempt, at=NOON + 5 * MINUTE)


def test_a_pass_is_not_told_to_the_course_while_results_are_held(passed):
    assert passed.result.passed and not Completion.objects.exists()
    assert marking.untold_gaps(NOON + 90 * MINUTE) == []  # it waits, and nothing is broken


def test_who_used_all_attempts_is_not_told_of_a_pass_that_is_held(passed, cast):
    with pytest.raises(Refused) as refused:
        sittings.enter(person=cast.learner, sitting=passed.attempt.sitting, at=NOON + 6 * MINUTE)
    assert refused.value.code == "attempts_used" and "通过" not in refused.value.message


def test_releasing_results_completes_at_once_at_the_moment_of_handing_in(passed, cast, django_capture_on_commit_callbacks):
    sitting = Sitting.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        sittings.write(terms=replace(sittings.terms_of(sitting), results="at_once"), by=cast.hr, at=NOON + 90 * MINUTE, sitting=sitting)
    assert Completion.objects.get().completed_at == NOON + 5 * MINUTE


def test_when_a_sitting_is_over_for_everybody_reconcile_tells_its_passes(passed):
    Sitting.objects.update(results="closed")
    assert marking.untold_gaps(NOON + 29 * MINUTE) == []
    (gap,) = marking.untold_gaps(NOON + 31 * MINUTE)
    gap.mend()
    assert Completion.objects.get().completed_at == NOON + 5 * MINUTE


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("stagger", [0, 120])
@pytest.mark.parametrize("added", [(), (30,), (10, 5)])
@pytest.mark.parametrize("results", ["at_once", "closed", "held"])
def test_page_course_and_tables_of_units_know_results_from_one_moment_on(cast, sitting, stagger, added, results):
    Sitting.objects.filter(pk=sitting.pk).update(stagger_seconds=stagger, results=results)
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON + stagger * SECOND)
    attempts.submit(attempt=attempt, at=NOON + 3 * MINUTE)
    for number, minutes in enumerate(added):
        sittings.extend(sitting=sitting, minutes=minutes, reason=f"停电{number}", by=cast.hr, at=NOON + 4 * MINUTE)
    over_at = NOON + 30 * MINUTE + sum(added) * MINUTE + stagger * SECOND

    for at in (NOON + 5 * MINUTE, NOON + 30 * MINUTE, over_at - SECOND, over_at, over_at + MINUTE):
        sitting = Sitting.objects.get(pk=sitting.pk)
        known = results == "at_once" or (results == "closed" and at >= over_at)
        assert sitting.over_at == over_at and Sitting.objects.over(at).exists() == (at >= over_at)
        assert (not sittings.results_wait_for(Attempt.objects.get(pk=attempt.pk), at)) == known
        assert Attempt.objects.with_results_out(at).filter(pk=attempt.pk).exists() == known


def test_results_are_known_to_nobody_while_somebody_still_sits(cast, sitting):
    """Minutes of one's own last longer than the sitting."""
    Candidate.objects.create(sitting=sitting, person=cast.colleague)
    first, slow = (sittings.enter(person=one, sitting=sitting, at=NOON) for one in (cast.learner, cast.colleague))
    attempts.submit(attempt=first, at=NOON + MINUTE)
    after = NOON + 40 * MINUTE

    assert sittings.results_wait_for(first, after) and not Attempt.objects.with_results_out(after).exists()
    attempts.submit(attempt=slow, at=after)
    assert not sittings.results_wait_for(first, after) and Attempt.objects.with_results_out(after).count() == 2


def test_an_attempt_is_numbered_within_its_sitting(cast, quiz, sign_in):
    """A trial came first: the first attempt in the exam is the first one there, on every page."""
    now = clock.now()
    trial = sitting_of(quiz, cast.learner, opens_at=now - timedelta(minutes=2), title="模拟场", results="at_once")
    exam = sitting_of(quiz, cast.learner, opens_at=now - timedelta(minutes=1), title="正式考试", results="at_once")
    tried = sittings.enter(person=cast.learner, sitting=trial, at=now)
    attempts.submit(attempt=tried, at=now)
    first = sittings.enter(person=cast.learner, sitting=exam, at=now)
    client = sign_in(cast.learner)

    page = client.get(reverse("attempt", args=[first.pk])).text
    attempts.submit(attempt=first, at=now)
    sittings.allow(person=cast.learner, quiz=quiz, sitting=exam, extra_attempts=1, reason="死机", by=cast.hr, at=now)
    second = sittings.enter(person=cast.learner, sitting=exam, at=now)

    assert (tried.number, first.number, second.number) == (1, 2, 3) and (tried.turn, first.turn, second.turn) == (1, 1, 2)
    assert "第 1 次答题" in page and "第 2 次答题" not in page
    assert "第 1 次答题" in client.get(reverse("attempt_result", args=[first.pk])).text
    assert "第 2 次答题" in client.get(reverse("attempt", args=[second.pk])).text
    listed = client.get(reverse("quiz", args=[quiz.key])).context["page_attempts"]
    assert [(row["attempt"].turn, row["attempt"].sitting.title) for row in listed] == [(2, "正式考试"), (1, "正式考试"), (1, "模拟场")]


def test_attempts_outside_sittings_are_numbered_among_themselves(cast, quiz, enrolment):
    first = attempts.start(person=cast.learner, quiz=quiz, at=NOON)
    attempts.submit(attempt=first, at=NOON)
    second = attempts.start(person=cast.learner, quiz=quiz, at=NOON)

    assert [one.turn for one in Attempt.objects.in_turn().order_by("pk")] == [first.turn, second.turn] == [1, 2]
