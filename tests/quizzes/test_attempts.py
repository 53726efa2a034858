"""Sitting a quiz, by the service."""

from datetime import timedelta
from decimal import Decimal

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from core.errors import Refused
from core.models import FactChanged
from courses.models import Completion, RequirementMet
from quizzes.models import Answer, Attempt, AttemptItem, ItemMark, Question, Quiz, Submission
from quizzes.services import attempts, marking, papers
from quizzes.signals import attempt_marked
from tests.cast import NOON

LEARNER = Submission.Cause.LEARNER
MINUTE = timedelta(minutes=1)


def save(attempt, item, response, token="t1", at=NOON, person=None):
    return attempts.save(attempt_id=attempt.pk, person=person or attempt.person, item_id=item.pk, response=response, token=token, at=at)


def test_starting_freezes_the_paper_and_copies_the_rules(attempt, quiz):
    items = list(attempt.items.all())

    assert [item.position for item in items] == [1, 2, 3, 4, 5, 6]
    assert attempt.ends_at == NOON + 20 * MINUTE and attempt.pass_percent == 80 and attempt.quiz_title == quiz.title
    assert attempt.person_name == "张小明" and attempt.unit_name == "姚安县教育体育局 办公室"
    Quiz.objects.update(minutes=1, pass_percent=100)
    Question.objects.update(stem="改了", version=9)
    fresh = Attempt.objects.get(pk=attempt.pk)
    assert fresh.ends_at == NOON + 20 * MINUTE and fresh.pass_percent == 80
    assert "改了" not in {item.shown["stem"] for item in fresh.items.all()}


def test_starting_again_gives_the_open_attempt(attempt, quiz, cast):
    assert attempts.start(person=cast.learner, quiz=quiz, at=NOON + MINUTE) == attempt


def test_two_attempts_have_different_tokens(attempt, quiz, cast):
    attempts.submit(attempt=attempt, cause=LEARNER, at=NOON)
    second = attempts.start(person=cast.learner, quiz=quiz, at=NOON)

    assert second.number == 2
    tokens = [{o["token"] for item in a.items.filter(kind="single") for o in item.shown["options"]} for a in (attempt, second)]
    assert not tokens[0] & tokens[1]


def test_who_is_not_enrolled_is_refused(quiz, cast):
    with pytest.raises(Refused) as refusal:
        attempts.start(person=cast.colleague, quiz=quiz, at=NOON)
    assert refusal.value.code == "not_enrolled"


def test_after_three_failures_there_is_no_fourth(attempt, quiz, cast):
    for number in range(3):
        attempts.submit(
            attempt=attempts.start(person=cast.learner, quiz=quiz, at=NOON + number * MINUTE), cause=LEARNER, at=NOON + number * MINUTE
        )

    with pytest.raises(Refused) as refusal:
        attempts.start(person=cast.learner, quiz=quiz, at=NOON + 9 * MINUTE)
    assert refusal.value.code == "attempts_used" and "联络员" in refusal.value.message


def test_a_bank_that_cannot_serve_says_what_is_missing(quiz, enrolment, cast):
    Question.objects.filter(kind="order").update(status=Question.Status.RETIRED)
    Question.objects.filter(kind="judge").update(mark="M")

    with pytest.raises(Refused) as refusal:
        attempts.start(person=cast.learner, quiz=quiz, at=NOON)

    assert refusal.value.code == "bank_cannot_serve"
    assert "排序题" in refusal.value.message and "判断题" in refusal.value.message and "单选题" not in refusal.value.message
    assert not Attempt.objects.exists()


def test_saving_appends_and_the_latest_counts(attempt):
    item = attempt.items.get(kind="judge")
    first, second = save(attempt, item, "true", "t1"), save(attempt, item, "false", "t2")

    assert (first.seq, second.seq) == (1, 2) and first.code != second.code
    assert [a.response for a in Answer.objects.order_by("seq")] == ["true", "false"]
    submission = attempts.submit(attempt=attempt, cause=LEARNER, at=NOON)
    assert ItemMark.objects.get(item=item).answer.seq == 2
    assert submission.result.score == Decimal("5.00")


def test_the_same_token_gives_the_same_receipt_and_stores_nothing(attempt):
    item = attempt.items.get(kind="judge")
    first = save(attempt, item, "true", "t1")
    save(attempt, item, "false", "t2")

    assert save(attempt, item, "true", "t1") == first
    assert Answer.objects.count() == 2
    assert save(attempt, item, "true", "t1", at=NOON + 60 * MINUTE) == first  # acknowledged stays acknowledged


def test_saving_takes_three_queries(attempt, django_assert_num_queries):
    item = attempt.items.get(kind="judge")
    with django_assert_num_queries(5):  # a savepoint and its release, which stand for BEGIN and COMMIT
        save(attempt, item, "true")


def test_another_persons_attempt_is_not_found(attempt, cast):
    for other in cast.people:
        if other != cast.learner:
            with pytest.raises(Attempt.DoesNotExist):
                save(attempt, attempt.items.first(), "true", person=other)


def test_an_item_of_another_paper_is_refused(attempt, quiz, cast):
    attempts.submit(attempt=attempt, cause=LEARNER, at=NOON)
    second = attempts.start(person=cast.learner, quiz=quiz, at=NOON)
    with pytest.raises(Refused) as refusal:
        save(second, attempt.items.first(), "true")
    assert refusal.value.code == "no_such_item"


@pytest.mark.parametrize("response", [[], {}, "zzz", 3, ["true"], {"a": "b"}, "x" * 10000, [[]], {"a": {}}, True])
def test_a_response_that_does_not_fit_is_refused_and_nothing_is_written(attempt, response):
    for item in attempt.items.all():
        try:
            save(attempt, item, response, token=f"t{item.pk}")
        except Refused as refusal:
            assert refusal.code == "malformed"
        else:
            assert item.item_kind.read(item.shown, response) is None
    assert not Answer.objects.exclude(response=None).exists()


def test_answers_after_the_end_are_refused_and_what_was_acknowledged_counts(attempt, answer):
    answer(attempt, at=NOON + 19 * MINUTE)
    with pytest.raises(Refused) as refusal:
        save(attempt, attempt.items.get(kind="judge"), "true", "late", at=NOON + 20 * MINUTE)
    assert refusal.value.code == "time_over"

    assert attempts.submit_overdue(NOON + 21 * MINUTE) == 1
    submission = Submission.objects.get()
    assert submission.cause == "time" and submission.at == attempt.ends_at and submission.result.percent == 100
    with pytest.raises(Refused) as refusal:
        save(attempt, attempt.items.get(kind="judge"), "true", "later", at=NOON + 22 * MINUTE)
    assert refusal.value.code == "over"
    assert attempts.submit_overdue(NOON + 30 * MINUTE) == 0


def test_a_limit_of_time_is_no_bad_attempt(attempt, monkeypatch):
    def stopped(**_facts):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(attempts, "end_by_clock", stopped)
    with pytest.raises(SoftTimeLimitExceeded):
        attempts.submit_overdue(NOON + 21 * MINUTE)


def test_a_limit_of_time_is_no_course_that_cannot_be_told(attempt, answer, monkeypatch):
    answer(attempt)
    passed = attempts.submit(attempt=attempt, cause=LEARNER, at=NOON).result

    def stopped(*_given, **_facts):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(marking, "tell_the_course", stopped)
    with pytest.raises(SoftTimeLimitExceeded):
        marking._tell_the_course(passed.pk, NOON)


def test_submitting_after_time_ends_at_ones_own_end(attempt):
    submission = attempts.submit(attempt=attempt, cause=LEARNER, at=NOON + 50 * MINUTE)
    assert (submission.cause, submission.at) == ("time", attempt.ends_at)


def test_starting_after_a_timed_out_attempt_submits_it_and_opens_the_next(attempt, quiz, cast):
    second = attempts.start(person=cast.learner, quiz=quiz, at=NOON + 50 * MINUTE)
    assert second.number == 2 and Submission.objects.get(attempt=attempt).cause == "time"


def test_submitting_twice_gives_one_submission(attempt, answer):
    answer(attempt)
    first = attempts.submit(attempt=attempt, cause=LEARNER, at=NOON)
    again = attempts.submit(attempt=attempt, cause="time", at=NOON + MINUTE)

    assert first == again and Submission.objects.count() == 1 and ItemMark.objects.count() == 6


def test_a_pass_completes_the_course_after_the_commit(attempt, answer, enrolment, django_capture_on_commit_callbacks):
    answer(attempt)
    heard = []
    attempt_marked.connect(lambda marking, **kw: heard.append(marking), weak=False, dispatch_uid="test")
    try:
        with django_capture_on_commit_callbacks(execute=True):
            submission = attempts.submit(attempt=attempt, cause=LEARNER, at=NOON + 5 * MINUTE)
            assert not RequirementMet.objects.exists()
    finally:
        attempt_marked.disconnect(dispatch_uid="test")

    assert heard == [submission.result] and submission.result.percent == 100 and submission.result.passed
    met = RequirementMet.objects.get()
    assert met.evidence == f"attempt:{attempt.pk}" and met.score == 100 and met.at == submission.at
    assert Completion.objects.get().enrolment == enrolment


def test_a_pass_stands_whatever_a_later_attempt_gives(attempt, answer, quiz, cast, django_capture_on_commit_callbacks):
    answer(attempt)
    with django_capture_on_commit_callbacks(execute=True):
        attempts.submit(attempt=attempt, cause=LEARNER, at=NOON)
        attempts.submit(attempt=attempts.start(person=cast.learner, quiz=quiz, at=NOON), cause=LEARNER, at=NOON + MINUTE)

    assert attempts.standing(person=cast.learner, quiz=quiz, at=NOON).has_passed
    assert Completion.objects.get().score == 100 and Completion.objects.get().completed_at == NOON


def test_reconcile_tells_the_course_what_a_crash_kept_from_it(attempt, answer):
    answer(attempt)
    attempts.submit(attempt=attempt, cause=LEARNER, at=NOON)  # on_commit does not run in this test: as after a crash
    gaps = marking.untold_gaps(NOON)
    assert len(gaps) == 1 and not Completion.objects.exists()

    gaps[0].mend()

    assert Completion.objects.count() == 1 and marking.untold_gaps(NOON) == []


def test_reconcile_finds_overdue_attempts(attempt):
    assert attempts.overdue_gaps(NOON + 21 * MINUTE) == []
    gaps = attempts.overdue_gaps(NOON + 22 * MINUTE)
    assert len(gaps) == 1
    gaps[0].mend()
    assert attempts.overdue_gaps(NOON + 22 * MINUTE) == []


def test_an_attempt_without_time_limit_is_never_overdue(quiz, enrolment, cast):
    Quiz.objects.update(minutes=0)
    quiz.refresh_from_db()
    attempt = attempts.start(person=cast.learner, quiz=quiz, at=NOON)
    assert attempt.ends_at is None and not attempts.is_overdue(attempt, NOON + timedelta(days=99))
    assert attempts.submit_overdue(NOON + timedelta(days=99)) == 0


def test_all_of_an_attempt_are_facts(attempt, answer):
    answer(attempt)
    submission = attempts.submit(attempt=attempt, cause=LEARNER, at=NOON)
    for row in (attempt, attempt.items.first(), attempt.answers.first(), submission, submission.result, submission.result.marks.first()):
        with pytest.raises(FactChanged):
            row.save()
        with pytest.raises(FactChanged):
            row.delete()


def test_submitting_stays_in_few_queries(attempt, answer, django_assert_max_num_queries):
    answer(attempt)
    with django_assert_max_num_queries(15):
        attempts.submit(attempt=attempt, cause=LEARNER, at=NOON)


def test_a_posted_form_saves_only_what_was_touched(attempt, cast):
    judge, single = attempt.items.get(kind="judge"), attempt.items.get(kind="single")
    token = single.shown["options"][0]["token"]
    save(attempt, judge, "true", "other tab")

    # An old tab, drawn before the other tab answered, is posted as a whole.
    posted = {judge.pk: (None, 0), single.pk: (token, 0)}
    saved = attempts.save_form(attempt_id=attempt.pk, person=cast.learner, posted=posted, at=NOON)
    again = attempts.save_form(attempt_id=attempt.pk, person=cast.learner, posted=posted, at=NOON)

    assert saved == [single.pk] and again == []
    latest = Answer.objects.latest_of(attempt.pk)
    assert latest[judge.pk].response == "true" and latest[single.pk].response == token
    assert Answer.objects.count() == 2


def test_an_answer_can_be_taken_back_by_the_form(attempt, cast):
    multiple = attempt.items.get(kind="multiple")
    receipt = save(attempt, multiple, [multiple.shown["options"][0]["token"]])
    attempts.save_form(attempt_id=attempt.pk, person=cast.learner, posted={multiple.pk: ([], receipt.seq)}, at=NOON)
    assert Answer.objects.latest_of(attempt.pk)[multiple.pk].response is None
    assert attempts.submit(attempt=attempt, cause=LEARNER, at=NOON).result.score == 0


def test_the_page_model_holds_nothing_of_the_key(attempt):
    for item in attempt.items.all():
        view = papers.view_of(item)
        assert (not hasattr(view, "key") and "right" not in view.shown) or item.kind == "match"


@pytest.mark.parametrize(
    "body", ['{"item": %d, "response": ["\\ud800", "x"], "token": "a"}', '{"item": %d, "response": ["y", "x"], "token": "\\udfff"}']
)
def test_half_a_character_is_refused_before_it_is_kept(cast, sign_in, attempt, body):
    item = attempt.items.get(kind="fill")

    response = sign_in(cast.learner).post(f"/attempts/{attempt.pk}/answers/", body % item.pk, content_type="application/json")

    assert (response.status_code, response.json()["error"]) == (400, "unreadable")
    assert not Answer.objects.exists()


def test_what_is_frozen_comes_back_as_it_was(attempt):
    stem = "引号\"'、反斜线\\n、𬎆䶮、百分号%s、换行\n、{}:=~# 与 ½"
    first = attempt.items.first()
    item = AttemptItem(attempt=attempt, position=99, question=first.question, question_version=3, kind="single", points=Decimal("2.50"))
    item.shown, item.key, item.explanation = (
        {"stem": stem, "options": [{"token": "a", "text": stem}]},
        {"right": ["a"], "x": [None, 1.5]},
        stem,
    )

    AttemptItem.objects.append([item])

    kept = AttemptItem.objects.get(position=99)
    names = [field.attname for field in AttemptItem._meta.concrete_fields if field.attname != "id"]
    assert {name: getattr(kept, name) for name in names} == {name: getattr(item, name) for name in names}
