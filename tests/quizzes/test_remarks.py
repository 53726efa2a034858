"""Marking again with a mended key: a dry run, two persons, a trace, and nobody loses a pass by it unless HR says so."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from core import clock
from core.errors import Refused
from courses.models import Completion, Course, RequirementMet, Reversal, Withdrawal
from courses.services import completions, enrolments
from evaluation.models import LedgerEntry
from evaluation.services import balance
from quizzes.models import Marking, MarkingTask, Question, Remark, RemarkedMarking, Submission
from quizzes.services import attempts, bank, marking, quizzes, ratings, remarks
from tests.cast import NOON
from tests.factories import complete, make_course

LATER = NOON + timedelta(days=3)


ROWS = [
    {
        "id": "R-1",
        "type": "single",
        "course": "P01",
        "stem": "期限？",
        "options": {"A": "七个工作日", "B": "二十个工作日"},
        "answer": ["A"],
        "v": "V",
    },
    {"id": "R-2", "type": "judge", "course": "P01", "stem": "一律收费。", "answer": False, "v": "V"},
]


def exam_of_two(county, **course):
    """Two questions of ten points, 60 percent to pass: who has one of them wrong fails."""
    bank.import_rows(ROWS, county=county, at=NOON)
    draws = [{"kind": "single", "count": 1, "points": 10}, {"kind": "judge", "count": 1, "points": 10}]
    quiz = quizzes.ensure(county=county, key="r", title="考试", course_code="P01", minutes=0, pass_percent=60, attempts=0, draws=draws)
    make_course(county, code="P01", lessons=1, quiz_key="r", **course)
    return quiz


@pytest.fixture
def exam(cast):
    return exam_of_two(cast.county, pass_rule="quiz")


@pytest.fixture
def sit(exam, django_capture_on_commit_callbacks):
    """`sit(person, "B")` hands in this option and the right judgement."""

    def go(person, letter, judge=True):
        course = Course.objects.get(code="P01")
        enrolments.enrol(person=person, course=course, at=NOON)
        attempt = attempts.start(person=person, quiz=exam, at=NOON)
        for item in attempt.items.all():
            if item.kind == "single":
                token = {letter: token for token, letter in item.key["letters"].items()}[letter]
                response = token
            else:
                response = attempts.right_response(item) if judge else attempts.wrong_response(item)
            attempts.save(attempt_id=attempt.pk, person=person, item_id=item.pk, response=response, token=f"t{item.pk}", at=NOON)
        with django_capture_on_commit_callbacks(execute=True):
            return attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=NOON)

    return go


@pytest.fixture
def remark(cast):
    def make(key=("B",), remedy="new_key"):
        question = Question.objects.get(code="R-1")
        return remarks.propose(
            question=question, remedy=remedy, key=list(key), reason="答案错误：应为二十个工作日", by=cast.trainer, at=LATER
        )

    return make


@pytest.fixture
def apply(django_capture_on_commit_callbacks):
    def go(remark):
        with django_capture_on_commit_callbacks(execute=True):
            return remarks.apply(remark, at=LATER)

    return go


def result(submission) -> Marking:
    return Marking.objects.current().get(submission=submission)


def test_the_dry_run_says_who_gains_and_who_loses_and_writes_nothing(sit, remark, cast):
    gains, loses = sit(cast.learner, "B"), sit(cast.colleague, "A")

    found = {change.marking.submission_id: change for change in remarks.changes(remark())}

    assert found[gains.pk].gains_pass and found[gains.pk].percent == 100
    assert found[loses.pk].loses_pass and found[loses.pk].percent == 50
    assert found[loses.pk].completion == Completion.objects.get(person=cast.colleague)
    assert Marking.objects.count() == 2


def test_two_persons_stand_behind_it(sit, remark, cast):
    sit(cast.learner, "B")
    asked = remark()
    with pytest.raises(Refused) as refused:
        remarks.apply(asked, at=LATER)
    assert refused.value.code == "not_approved"
    with pytest.raises(Refused) as refused:
        remarks.decide(remark=asked, approved=True, by=cast.admin, at=LATER)
    assert refused.value.code == "not_theirs"
    own = remarks.propose(question=Question.objects.get(code="R-2"), remedy="all_right", reason="有歧义", by=cast.reviewer, at=LATER)
    with pytest.raises(Refused) as refused:
        remarks.decide(remark=own, approved=True, by=cast.reviewer, at=LATER)
    assert refused.value.code == "same_person"


def test_who_gains_passes_with_all_that_follows(sit, remark, apply, cast):
    submission = sit(cast.learner, "B")
    assert not result(submission).passed and not Completion.objects.exists()
    asked = remark()
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)

    assert apply(asked) == 1

    stands = result(submission)
    assert stands.passed and stands.percent == 100 and stands.cause == "remark"
    assert Completion.objects.get().completed_at == NOON and LedgerEntry.objects.filter(person=cast.learner).exists()
    assert RemarkedMarking.objects.get().gained_pass and Question.objects.get(code="R-1").key == ["B"]


def test_nobody_loses_a_pass_unless_hr_says_so(sit, remark, apply, cast):
    submission = sit(cast.colleague, "A")
    asked = remark()
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)
    apply(asked)

    stands = result(submission)
    assert stands.passed and stands.percent == 50 and RemarkedMarking.objects.get().kept_pass
    assert not Reversal.objects.exists()


def test_a_guest_of_another_county_keeps_the_pass_whatever_hr_here_says(sit, remark, apply, cast, sign_in):
    Course.objects.update(is_shared=True)
    own, guests = sit(cast.colleague, "A"), sit(cast.stranger, "A")
    asked = remark()
    page = sign_in(cast.hr).get(reverse("remark", args=[asked.pk]))
    assert page.context["counts"]["lose"] == 1 and "1名其他县人员按新得分不合格" in page.text and "仍为合格：其他县人员" in page.text
    remarks.decide(remark=asked, approved=True, by=cast.hr, may_lose=True, at=LATER)
    apply(asked)

    assert not result(own).passed and result(guests).passed and result(guests).percent == 50
    assert [one.completion.person for one in Reversal.objects.all()] == [cast.colleague]
    assert RemarkedMarking.objects.get(submission=guests).kept_pass and remarks.lost_gaps(LATER) == []


def test_a_guests_pass_on_which_no_completion_stands_is_lost_like_any_other(sit, remark, apply, cast):
    Course.objects.update(is_shared=True)
    guests = sit(cast.stranger, "A")
    completions.reverse(completion=Completion.objects.get(), by=cast.other_hr, reason="查实替考", at=LATER)
    asked = remark()
    remarks.decide(remark=asked, approved=True, by=cast.hr, may_lose=True, at=LATER)
    apply(asked)

    assert not result(guests).passed and RemarkedMarking.objects.get().lost_pass and Reversal.objects.count() == 1


def test_when_hr_says_so_the_completion_is_reversed_with_the_reason(sit, remark, apply, cast):
    submission = sit(cast.colleague, "A")
    asked = remark()
    with pytest.raises(Refused) as refused:
        remarks.decide(remark=asked, approved=True, may_lose=True, by=cast.reviewer, at=LATER)
    assert refused.value.code == "only_hr"
    remarks.decide(remark=asked, approved=True, may_lose=True, by=cast.hr, at=LATER)
    apply(asked)

    assert not result(submission).passed and RemarkedMarking.objects.get().lost_pass
    assert "R-1" in Reversal.objects.get().reason


def test_nobody_agrees_to_what_changes_their_own_mark(sit, remark, cast):
    sit(cast.reviewer, "B")
    asked = remark()
    with pytest.raises(Refused) as refused:
        remarks.decide(remark=asked, approved=True, by=cast.reviewer, at=LATER)
    assert refused.value.code == "own_paper" and not hasattr(asked, "decision")
    remarks.decide(remark=asked, approved=False, reason="请他人决定", by=cast.reviewer, at=LATER)


def test_hr_lets_those_lose_their_pass_whom_they_saw_and_nobody_else(sit, remark, cast):
    first = sit(cast.colleague, "A")
    asked = remark()
    seen = remarks.losers_digest([first.pk])
    second = sit(cast.learner, "A")
    with pytest.raises(Refused) as refused:
        remarks.decide(remark=asked, approved=True, may_lose=True, losers=seen, by=cast.hr, at=LATER)
    assert refused.value.code == "others_lose"
    both = remarks.losers_digest([second.pk, first.pk])
    assert remarks.decide(remark=asked, approved=True, may_lose=True, losers=both, by=cast.hr, at=LATER).may_lose


def test_a_completion_that_does_not_rest_on_the_exam_is_left_alone(exam, sit, remark, apply, cast):
    """The course asks for its lessons alone; one of them shows the exam."""
    make_course(cast.county, code="P01", lessons=1, quiz_key="r", pass_rule="lessons")
    completion = complete(cast.colleague, Course.objects.get(code="P01"), at=NOON - timedelta(days=1))
    submission = sit(cast.colleague, "A")
    asked = remark()

    (change,) = remarks.changes(asked)
    remarks.decide(remark=asked, approved=True, may_lose=True, by=cast.hr, at=LATER)
    apply(asked)

    assert change.loses_pass and change.completion is None
    assert not result(submission).passed and not Reversal.objects.exists()
    assert Completion.objects.standing().get() == completion and remarks.lost_gaps(LATER) == []


@pytest.fixture
def half(exam, cast, sit):
    """The course asks for a lesson and the exam; the colleague has passed the exam with the answer that will turn out wrong."""
    make_course(cast.county, code="P01", lessons=1, quiz_key="r", pass_rule="lessons_and_quiz")
    submission = sit(cast.colleague, "A")
    assert result(submission).passed and not Completion.objects.exists()
    return submission.attempt.enrolment


@pytest.fixture
def lost(remark, apply, cast):
    """`lost()` marks the question again; HR said that passes may be lost."""

    def go():
        asked = remark()
        remarks.decide(remark=asked, approved=True, may_lose=True, by=cast.hr, at=LATER)
        apply(asked)

    return go


def read(enrolment, at=LATER):
    """The lesson is read: the last thing that was missing."""
    lesson = enrolment.edition.lessons.get()
    return completions.meet(enrolment=enrolment, kind="lesson", key=str(lesson.key), evidence="lesson-place:1", at=at)


def test_a_pass_that_is_lost_before_the_completion_leads_to_none_later(half, lost, cast):
    lost()

    assert read(half) is None and not Completion.objects.exists()
    withdrawal = Withdrawal.objects.get()
    assert (withdrawal.by, withdrawal.at) == (cast.hr, LATER) and "R-1" in withdrawal.reason
    assert [item.kind for item in completions.explain(half).missing] == ["quiz"]
    assert completions.percents(person=cast.colleague, courses=[half.course]) == {half.course_id: 50}
    assert completions.gaps(LATER) == [] and remarks.lost_gaps(LATER) == []


def test_who_lost_a_pass_passes_again_and_completes(half, lost, sit, cast):
    lost()
    read(half)

    again = sit(cast.colleague, "B")

    assert result(again).passed
    completion = Completion.objects.get()
    assert RequirementMet.objects.filter(requirement__kind="quiz").count() == 2
    assert RequirementMet.objects.standing().get(requirement__kind="quiz").pk in completion.evidence


def test_a_lost_pass_takes_nothing_where_another_attempt_passed_as_well(half, lost, exam, sit, cast):
    """The second paper was drawn after the question had been edited: the re-marking asks about older ones alone."""
    edited = Question.objects.get(code="R-1")
    asked = remarks.propose(question=edited, remedy="new_key", key=["B"], reason="答案错误", by=cast.trainer, at=LATER)
    Question.objects.filter(pk=edited.pk).update(version=2)
    sit(cast.colleague, "A")
    Question.objects.filter(pk=edited.pk).update(version=1)
    remarks.decide(remark=asked, approved=True, may_lose=True, by=cast.hr, at=LATER)

    assert remarks.apply(asked, at=LATER) == 1

    assert RemarkedMarking.objects.get().lost_pass and not Withdrawal.objects.exists()
    assert not remarks.lost_gaps(LATER) and read(half) is not None


def test_hr_need_not_take_a_pass_that_was_kept(half, remark, apply, cast):
    asked = remark()
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)
    apply(asked)

    assert read(half) is not None and not Withdrawal.objects.exists()


@pytest.mark.parametrize("completed", [False, True])
def test_reconcile_finds_a_lost_pass_that_still_counts(half, lost, cast, monkeypatch, completed):
    monkeypatch.setattr(remarks, "_take_back", lambda *args: None)  # as it was before, or a worker that died
    lost()
    if completed:
        assert read(half) is not None
    monkeypatch.undo()

    (gap,) = remarks.lost_gaps(LATER)
    gap.mend()

    assert remarks.lost_gaps(LATER) == []
    assert (Reversal if completed else Withdrawal).objects.exists()


def test_a_pass_that_was_marked_again_before_the_course_was_told_is_not_told(sit, lost, cast, django_capture_on_commit_callbacks):
    submission = sit(cast.colleague, "A")
    first = result(submission)
    lost()

    assert marking.tell_the_course(first, at=LATER) is False
    assert Completion.objects.standing().count() == 0


def test_a_pass_in_another_attempt_keeps_the_completion(sit, remark, apply, cast):
    sit(cast.colleague, "A")
    sit(cast.colleague, "B", judge=False)  # fails now, 50 percent; becomes 50
    other = sit(cast.colleague, "A")
    asked = remark()
    remarks.decide(remark=asked, approved=True, may_lose=True, by=cast.hr, at=LATER)
    apply(asked)

    assert not result(other).passed and Reversal.objects.count() == 1  # once both passes are gone


@pytest.fixture
def agreed(remark, cast):
    """`agreed()` is a re-marking to B by which passes may be lost, as HR said."""

    def go():
        asked = remark()
        return remarks.decide(remark=asked, approved=True, may_lose=True, by=cast.hr, at=LATER).remark

    return go


@pytest.mark.parametrize("letters", ["AB", "BA"])
def test_who_passes_by_the_mended_key_keeps_the_completion_in_whichever_order_they_sat(sit, agreed, apply, cast, letters):
    sat = {letter: sit(cast.colleague, letter) for letter in letters}
    completion = Completion.objects.standing().get()

    assert apply(agreed()) == 2

    assert result(sat["B"]).passed and not result(sat["A"]).passed
    assert Completion.objects.standing().get() == completion and remarks.lost_gaps(LATER) == []


def test_of_a_re_marking_that_was_killed_nothing_falls_before_all_papers_are_marked(sit, agreed, apply, cast):
    first, later, lost = sit(cast.colleague, "A"), sit(cast.colleague, "B"), sit(cast.learner, "A")
    asked = agreed()
    for submission in (lost, first):
        remarks._apply(asked, submission.pk, LATER)  # the worker dies after these

    assert not result(first).passed and remarks.lost_gaps(LATER) == [] and not Reversal.objects.exists()
    assert apply(asked) == 1 and result(later).passed
    assert [one.completion.person for one in Reversal.objects.all()] == [cast.learner] and remarks.lost_gaps(LATER) == []


def test_the_dry_run_knows_the_other_passes_that_it_gives_and_takes(sit, remark, cast, sign_in, monkeypatch):
    monkeypatch.setattr(remarks, "BATCH", 1)  # the papers of one person come in several looks
    sit(cast.colleague, "A"), sit(cast.colleague, "B"), sit(cast.learner, "A"), sit(cast.learner, "A")
    asked = remark()

    changes = [change for change in remarks.changes(asked) if change.loses_pass]
    page = sign_in(cast.hr).get(reverse("remark", args=[asked.pk])).text

    hangs = [(change.marking.submission.attempt.person, change.completion and change.completion.person) for change in changes]
    assert hangs == [(cast.colleague, None), (cast.learner, cast.learner), (cast.learner, cast.learner)]
    assert page.count("另有答卷合格") == 1


def test_a_guest_who_passed_twice_keeps_both_passes_as_the_dry_run_says(sit, agreed, remark, apply, cast):
    Course.objects.update(is_shared=True)
    both = [sit(cast.stranger, "A"), sit(cast.stranger, "A")]
    asked = agreed()
    assert not any(change.loses_pass for change in remarks.changes(asked))
    apply(asked)

    assert all(result(one).passed for one in both) and not Reversal.objects.exists()


def test_running_it_twice_or_after_a_kill_changes_nothing_more(sit, remark, apply, cast):
    for person in (cast.learner, cast.colleague):
        sit(person, "B")
    asked = remark()
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)
    first = next(remarks.changes(asked)).marking.submission_id
    asked.decision
    remarks._apply(asked, first, LATER)  # the worker dies here

    assert len(remarks.unapplied_gaps(LATER)) == 1
    assert apply(asked) == 1 and apply(asked) == 0
    assert Marking.objects.filter(cause="remark").count() == 2 and remarks.unapplied_gaps(LATER) == []


def test_an_attempt_that_began_before_is_marked_with_the_new_key_when_it_is_handed_in_after(sit, remark, apply, exam, cast):
    asked = remark()
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)
    apply(asked)
    Question.objects.filter(code="R-1").update(version=1, key=["A"])  # as it was when this paper was frozen
    late = sit(cast.learner, "B")
    assert result(late).passed and remarks.unapplied_gaps(LATER) == []


def test_full_marks_for_all_gives_everybody_the_points(sit, remark, apply, cast):
    submission = sit(cast.learner, "B")
    asked = remark(remedy="all_right")
    remarks.decide(remark=asked, approved=True, by=cast.reviewer, at=LATER)
    apply(asked)

    assert result(submission).percent == 100
    assert Question.objects.get(code="R-1").key == ["A"]  # the bank's question is for the trainer to mend or retire


def test_full_marks_for_all_ends_with_the_decision(sit, remark, apply, cast):
    asked = remark(remedy="all_right")
    remarks.decide(remark=asked, approved=True, by=cast.reviewer, at=LATER)
    drawn_after = sit(cast.learner, "B")

    assert remarks.unapplied_gaps(LATER) == [] and apply(asked) == 0
    assert result(drawn_after).percent == 50


def test_a_later_re_marking_of_the_same_question_has_the_last_word(sit, remark, apply, cast):
    submission = sit(cast.learner, "B")
    first = remark()
    remarks.decide(remark=first, approved=True, by=cast.hr, at=LATER)
    apply(first)
    second = remark(key=["A"])
    remarks.decide(remark=second, approved=True, by=cast.hr, at=LATER)
    apply(second)

    assert result(submission).percent == 50 and result(submission).passed  # kept
    assert apply(first) == 0


def test_a_re_marking_that_was_undone_does_not_come_back_with_a_late_paper(sit, remark, apply, cast):
    for key in ("B", "A"):
        asked = remark(key=[key])
        remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)
        apply(asked)
    Question.objects.filter(code="R-1").update(version=1)  # as it was when this paper was frozen: A is right, as it is again
    late = sit(cast.learner, "A")

    assert remarks.unapplied_gaps(LATER) == [] and result(late).percent == 100
    assert apply(Remark.objects.earliest("pk")) == 0 and Marking.objects.count() == 1


def test_reconcile_looks_only_at_marks_that_are_new(sit, remark, apply, cast, monkeypatch):
    looked = []
    look = remarks._changes
    monkeypatch.setattr(remarks, "_changes", lambda asked, marks: looked.extend(marks) or look(asked, marks))
    sit(cast.colleague, "A")
    asked = remark(key=["A", "B"], remedy="all_right")
    remarks.decide(remark=asked, approved=True, by=cast.reviewer, at=LATER)
    counts = []
    for minutes in (0, 5, 10):
        looked.clear()
        assert remarks.unapplied_gaps(LATER + timedelta(minutes=minutes)) == []
        counts.append(len(looked))
    assert counts == [1, 1, 0]

    Question.objects.filter(code="R-1").update(version=1)  # as it was when this paper was frozen
    late = sit(cast.learner, "B")
    looked.clear()
    assert remarks.unapplied_gaps(LATER + timedelta(minutes=15)) == [] and len(looked) == 1
    assert result(late).passed, "it was marked as the re-marking says when it was handed in"


def test_a_yes_overwrites_no_edit_that_came_after_the_proposal(sit, remark, cast):
    sit(cast.learner, "B")
    asked = remark()
    edited = Question.objects.get(code="R-1")
    edited.stem = "几个工作日？"
    bank.write(edited, by=cast.trainer)

    with pytest.raises(Refused) as refused:
        remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)
    assert refused.value.code == "edited" and Question.objects.get(code="R-1").key == ["A"]
    remarks.decide(remark=asked, approved=False, reason="题目已修改", by=cast.hr, at=LATER)


# ---- which papers it speaks of ---------------------------------------------------------------


def edited(cast, code, **facts):
    """The question is written anew and reviewed; its version rises."""
    question = Question.objects.get(code=code)
    for name, value in facts.items():
        setattr(question, name, value)
    bank.write(question, by=cast.trainer)
    Question.objects.filter(pk=question.pk).update(status="reviewed")
    return Question.objects.get(pk=question.pk)


def about(question, cast, **facts):
    return remarks.propose(question=question, reason="答案错误", by=cast.trainer, at=LATER, **{"remedy": "new_key"} | facts)


@pytest.mark.parametrize("remedy", ["new_key", "all_right"])
def test_papers_that_asked_the_question_in_other_words_are_left_alone_and_listed(exam, sit, apply, cast, remedy):
    """Judgement 2 said “一律收费” to the first two and “一律免费” to the third; what is right of the one is wrong of the other."""
    was_right, was_wrong = sit(cast.learner, "A"), sit(cast.colleague, "A", judge=False)
    course = Course.objects.get(code="P01")
    enrolments.enrol(person=cast.own_leader, course=course, at=NOON)
    open_still = attempts.start(person=cast.own_leader, quiz=exam, at=NOON)
    asked_of = edited(cast, "R-2", stem="一律免费。")
    reached = sit(cast.liaison, "A", judge=remedy == "new_key")

    asked = about(asked_of, cast, remedy=remedy, key=True if remedy == "new_key" else None)
    assert [change.marking.submission_id for change in remarks.changes(asked)] == [reached.pk]
    assert {mark.marking.submission_id for mark in remarks.left_out(asked)} == {was_right.pk, was_wrong.pk}

    remarks.decide(remark=asked, approved=True, may_lose=True, by=cast.hr, at=LATER)
    assert apply(asked) == 1
    assert [result(one).percent for one in (was_right, was_wrong)] == [100, 50]
    item = open_still.items.get(kind="judge")
    attempts.save(attempt_id=open_still.pk, person=cast.own_leader, item_id=item.pk, response="false", token="t", at=NOON)
    assert attempts.submit(attempt=open_still, at=LATER).result.percent == 50, "by the key of the words that it asked"
    assert remarks.unapplied_gaps(LATER) == []


def test_a_case_whose_part_was_reworded_is_another_question(case, apply, cast):
    rate(cast, 80)
    parts = [dict(part) for part in Question.objects.get(code="C-1").content["parts"]]
    parts[0]["stem"] = "最多延长几个工作日？"
    question = edited(cast, "C-1", content={"parts": parts})

    mended = {"content": question.content, "key": [["B"], question.key[1]]}
    with pytest.raises(Refused) as refused:
        about(question, cast, **mended)
    assert refused.value.code == "bad_key", "no paper asked it so"

    enrolments.enrol(person=cast.colleague, course=Course.objects.get(code="P01"), at=NOON)
    attempts.submit(attempt=attempts.start(person=cast.colleague, quiz=case.attempt.quiz, at=NOON), at=NOON)
    asked = about(question, cast, **mended)
    assert list(remarks.changes(asked)) == [] and remarks.left_out(asked).get().marking.submission_id == case.pk
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)
    assert apply(asked) == 0 and result(case).percent == 40


NUMBER = (
    "numeric",
    {"units": {}},
    {"value": "20", "tolerance": "0", "relative": False},
    {"value": "30", "tolerance": "0", "relative": False},
)
KINDS = {  # before: options and key; after: kind, options, key and the key as it is proposed
    "R-1": [
        ("judge", {}, True, False),
        NUMBER,
        ("multiple", {"options": {"A": "七个工作日", "B": "二十个工作日"}}, ["A"], ["A", "B"]),
    ],
    "R-2": [NUMBER, ("single", {"options": {"A": "对", "B": "错"}}, ["A"], ["B"])],
}


@pytest.mark.parametrize(("code", "after"), [(code, after) for code, all_ in KINDS.items() for after in all_])
def test_a_question_that_became_another_kind_is_marked_again_on_no_paper_of_the_old_one(exam, sit, apply, cast, code, after):
    handed_in = sit(cast.learner, "A")
    enrolments.enrol(person=cast.colleague, course=Course.objects.get(code="P01"), at=NOON)
    running = attempts.start(person=cast.colleague, quiz=exam, at=NOON)
    for item in running.items.all():
        response = attempts.right_response(item)
        attempts.save(attempt_id=running.pk, person=cast.colleague, item_id=item.pk, response=response, token=f"r{item.pk}", at=NOON)
    kind, content, key, mended = after
    question = edited(cast, code, kind=kind, content=content, key=key)

    asked = about(question, cast, content=content, key=mended)
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)

    assert apply(asked) == 0 and result(handed_in).percent == 100
    assert attempts.submit(attempt=running, at=LATER).result.percent == 100
    assert remarks.left_out(asked).count() == 2


def test_what_changed_beside_the_words_keeps_no_paper_out(sit, apply, cast):
    submission = sit(cast.learner, "B")
    question = edited(cast, "R-1", explanation="见第三十三条。", difficulty=3)

    asked = about(question, cast, key=["B"])
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)

    assert apply(asked) == 1 and result(submission).percent == 100 and not remarks.left_out(asked).exists()


def test_the_key_that_stands_is_no_proposal_where_older_papers_asked_otherwise(sit, cast):
    sit(cast.learner, "B")
    question = edited(cast, "R-1", stem="几个工作日？", key=["B"])
    with pytest.raises(Refused) as refused:
        about(question, cast, key=["B"])
    assert refused.value.code == "same_key"


# ---- cases and essays ------------------------------------------------------------------------


CASE = [
    {"type": "single", "stem": "几个工作日？", "options": {"A": "15", "B": "20"}, "answer": ["A"], "points": 1},
    {"type": "essay", "stem": "说明理由。", "answer": "见第三十三条。", "points": 1},
]


@pytest.fixture
def case(cast, exam, django_capture_on_commit_callbacks):
    """The exam is one case now: a question with a wrong key, and an essay. The learner has handed in B and an essay."""
    bank.import_rows(
        [{"id": "C-1", "type": "case", "course": "P01", "stem": "居民李某申请公开。", "parts": CASE, "v": "V"}], county=cast.county, at=NOON
    )
    facts = {"title": "考试", "course_code": "P01", "minutes": 0, "pass_percent": 60, "attempts": 0}
    quiz = quizzes.ensure(county=cast.county, key="r", draws=[{"kind": "case", "count": 1, "points": 10}], **facts)
    enrolments.enrol(person=cast.learner, course=Course.objects.get(code="P01"), at=NOON)
    attempt = attempts.start(person=cast.learner, quiz=quiz, at=NOON)
    (item,) = attempt.items.all()
    token = next(token for token, letter in item.key["parts"][0]["key"]["letters"].items() if letter == "B")
    attempts.save(attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response={"0": token, "1": "理由"}, token="t", at=NOON)
    with django_capture_on_commit_callbacks(execute=True):
        return attempts.submit(attempt=attempt, at=NOON)


def rate(cast, percent):
    return ratings.rate(task=MarkingTask.objects.get(), marker=cast.trainer, points=[Decimal(percent)], at=NOON)


def mend_case(cast):
    question = Question.objects.get(code="C-1")
    asked = remarks.propose(question=question, remedy="new_key", key=[["B"], question.key[1]], reason="应为二十", by=cast.trainer, at=LATER)
    return asked, lambda: remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)


def test_a_case_keeps_what_people_gave_its_essay_when_its_key_is_mended(case, apply, cast):
    rate(cast, 80)
    assert result(case).percent == 40
    asked, approve = mend_case(cast)
    (change,) = remarks.changes(asked)
    assert change.percent == 90 and change.gains_pass

    approve()
    assert apply(asked) == 1 and result(case).percent == 90


def test_an_essay_that_is_rated_after_the_key_was_mended_joins_the_new_key(case, apply, cast):
    asked, approve = mend_case(cast)
    approve()
    assert apply(asked) == 0  # it is still with a person

    rate(cast, 80)
    assert result(case).percent == 90 and remarks.unapplied_gaps(LATER) == []


@pytest.mark.parametrize(("key", "code"), [(["C"], "bad_key"), ([], "bad_key"), (["A"], "same_key")])
def test_a_key_that_cannot_be_is_refused(remark, exam, key, code):
    with pytest.raises(Refused) as refused:
        remark(key=key)
    assert refused.value.code == code and not Remark.objects.exists()


def test_a_no_needs_a_reason_and_changes_nothing(sit, remark, cast):
    sit(cast.learner, "B")
    asked = remark()
    with pytest.raises(Refused):
        remarks.decide(remark=asked, approved=False, by=cast.hr, at=LATER)
    remarks.decide(remark=asked, approved=False, reason="原答案无误", by=cast.hr, at=LATER)
    with pytest.raises(Refused):
        remarks.apply(asked, at=LATER)
    assert Question.objects.get(code="R-1").key == ["A"] and Marking.objects.count() == 1


@pytest.mark.parametrize("who", ["learner", "colleague", "own_leader", "other_hr", "stranger"])
def test_re_markings_are_seen_by_the_countys_authors_hr_and_auditors_only(remark, exam, cast, who):
    remark()
    assert not Remark.objects.visible_to(getattr(cast, who)).exists()
    assert Remark.objects.visible_to(cast.auditor).exists() and Remark.objects.visible_to(cast.hr).exists()


def test_the_dry_run_does_not_grow_in_queries(sit, remark, cast, django_assert_max_num_queries):
    for person in (cast.learner, cast.colleague, cast.liaison, cast.own_leader):
        sit(person, "B")
    asked = remark()
    with django_assert_max_num_queries(5):
        assert len(list(remarks.changes(asked))) == 4


def open_essay(case):
    return MarkingTask.objects.filter(submission=case, settled_at=None)


def test_full_marks_for_all_wait_for_no_marker(case, apply, cast):
    question = Question.objects.get(code="C-1")
    asked = about(question, cast, remedy="all_right")
    (change,) = remarks.changes(asked)
    assert change.gains_pass and change.percent == 100
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)

    assert apply(asked) == 1

    stands = result(case)
    assert stands.is_complete and stands.passed and stands.percent == 100
    assert not open_essay(case).exists() and ratings.waiting(cast.trainer).count() == 0
    assert remarks.unapplied_gaps(LATER) == [] and ratings.unfinished_gaps(LATER) == []


def test_what_a_marker_gives_before_the_papers_are_marked_again_takes_nothing_from_full_marks_for_all(case, apply, cast):
    asked = about(Question.objects.get(code="C-1"), cast, remedy="all_right")
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)

    rate(cast, 0)

    assert result(case).percent == 100 and result(case).passed
    assert apply(asked) == 0


@pytest.fixture
def marked_again(remark, apply, cast):
    """`marked_again("B")` marks again with this key; HR said that passes may be lost."""

    def go(key):
        asked = remark(key=[key])
        remarks.decide(remark=asked, approved=True, may_lose=True, by=cast.hr, at=LATER)
        apply(asked)

    return go


def test_a_pass_that_is_rightly_given_back_completes_the_course_again(sit, marked_again, cast):
    submission = sit(cast.colleague, "A")
    marked_again("B")
    assert not Completion.objects.standing().exists()

    marked_again("A")

    done = Completion.objects.standing().get()
    assert result(submission).passed and (done.round, done.completed_at) == (2, NOON)
    assert balance(cast.colleague, clock.year_of(NOON)) == done.hours > 0
    assert marking.untold_gaps(LATER) == [] and completions.gaps(LATER) == [] and remarks.lost_gaps(LATER) == []


def test_what_was_given_back_may_be_lost_and_given_back_again(sit, marked_again, cast, monkeypatch):
    sit(cast.colleague, "A")
    for key in ("B", "A"):
        marked_again(key)
    with monkeypatch.context() as broken:
        broken.setattr(remarks, "_take_back", lambda *args: None)  # a worker that died
        marked_again("B")
    gap = remarks.lost_gaps(LATER)[0]
    gap.mend()
    assert not Completion.objects.standing().exists() and remarks.lost_gaps(LATER) == []

    marked_again("A")

    assert Completion.objects.standing().get().round == 3


def test_reconcile_finds_a_pass_that_was_given_back_and_counts_nowhere(sit, marked_again, cast, monkeypatch):
    sit(cast.colleague, "A")
    marked_again("B")
    with monkeypatch.context() as broken:
        broken.setattr(marking, "_tell_the_course", lambda *args: None)
        marked_again("A")
    assert not Completion.objects.standing().exists()

    (gap,) = marking.untold_gaps(LATER)
    gap.mend()

    assert Completion.objects.standing().exists() and marking.untold_gaps(LATER) == []


def test_what_hr_reversed_by_hand_no_mended_key_gives_back(sit, marked_again, cast):
    sit(cast.colleague, "A")
    completions.reverse(completion=Completion.objects.get(), by=cast.hr, reason="查实替考", at=LATER)
    for key in ("B", "A"):
        marked_again(key)

    assert not Completion.objects.standing().exists() and not Withdrawal.objects.exists()
    assert marking.untold_gaps(LATER) == [] and remarks.lost_gaps(LATER) == []


def test_what_is_given_back_counts_beside_the_round_that_was_begun_meanwhile(sit, marked_again, cast):
    submission = sit(cast.colleague, "A")
    marked_again("B")
    begun = enrolments.enrol(person=cast.colleague, course=submission.attempt.enrolment.course, at=LATER)

    marked_again("A")

    assert Completion.objects.standing().get().round == begun.round + 1


def test_who_passed_again_with_the_wrong_key_is_given_back_the_first_pass(sit, marked_again, cast):
    """The pass of the round between falls in the same re-marking, before or after."""
    first = sit(cast.colleague, "A")
    marked_again("B")
    between = sit(cast.colleague, "B")
    assert Completion.objects.standing().get().enrolment == between.attempt.enrolment

    marked_again("A")

    done = Completion.objects.standing().get()
    assert result(first).passed and not result(between).passed and done.round == 3
    assert balance(cast.colleague, clock.year_of(NOON)) == done.hours > 0


def test_an_attempt_that_was_open_when_the_completion_fell_still_counts(exam, sit, marked_again, cast, django_capture_on_commit_callbacks):
    sit(cast.colleague, "A")
    left_open = attempts.start(person=cast.colleague, quiz=exam, at=NOON)
    marked_again("B")

    assert attempts.start(person=cast.colleague, quiz=exam, at=LATER) == left_open
    for item in left_open.items.all():
        tokens = {letter: token for token, letter in item.key.get("letters", {}).items()}
        response = tokens.get("B") or attempts.right_response(item)
        attempts.save(attempt_id=left_open.pk, person=cast.colleague, item_id=item.pk, response=response, token=f"t{item.pk}", at=LATER)
    with django_capture_on_commit_callbacks(execute=True):
        attempts.submit(attempt=left_open, cause=Submission.Cause.LEARNER, at=LATER)

    assert Completion.objects.standing().get().completed_at == LATER and marking.untold_gaps(LATER) == []
