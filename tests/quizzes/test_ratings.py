"""Essays: the queue, one marker or two, a third where they differ, and a partial result until then."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refused
from courses.models import Completion, Course
from courses.services import enrolments
from quizzes import rules
from quizzes.models import AttemptItem, ItemMark, Marking, MarkingTask, Submission
from quizzes.services import attempts, bank, quizzes, ratings, remarks
from tests.cast import NOON
from tests.factories import make_course

MINUTE = timedelta(minutes=1)
RUBRIC = [{"name": "要点完整", "points": "6"}, {"name": "依据准确", "points": "4"}]


@pytest.fixture
def sit(cast, django_capture_on_commit_callbacks):
    """`sit(markers=2)`: the learner hands in a true/false question answered right, and an essay."""

    def go(*, markers=1, person=None, points=10, text="应当自收到申请之日起二十个工作日内答复。"):
        person = person or cast.learner
        rows = [
            {"id": "E-1", "type": "judge", "course": "P01", "stem": "一律收费。", "answer": False, "v": "V"},
            {
                "id": "E-2",
                "type": "essay",
                "course": "P01",
                "stem": "答复期限如何计算？",
                "answer": "见第三十三条。",
                "rubric": RUBRIC,
                "markers": markers,
                "v": "V",
            },
        ]
        bank.import_rows(rows, county=cast.county, at=NOON)
        draws = [{"kind": "judge", "count": 1, "points": 10}, {"kind": "essay", "count": 1, "points": points}]
        quiz = quizzes.ensure(
            county=cast.county, key="e", title="论述测试", course_code="P01", minutes=0, pass_percent=80, attempts=0, draws=draws
        )
        course = Course.objects.filter(code="P01").first() or make_course(
            cast.county, code="P01", lessons=1, quiz_key="e", pass_rule="quiz"
        )
        enrolments.enrol(person=person, course=course, at=NOON)
        attempt = attempts.start(person=person, quiz=quiz, at=NOON)
        for item in attempt.items.all():
            response = text if item.kind == "essay" else attempts.right_response(item)
            attempts.save(attempt_id=attempt.pk, person=person, item_id=item.pk, response=response, token=f"t{item.pk}", at=NOON)
        with django_capture_on_commit_callbacks(execute=True):
            return attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=NOON)

    return go


@pytest.fixture
def rate(django_capture_on_commit_callbacks):
    def give(marker, *points, at=NOON + MINUTE):
        task = ratings.claim(marker=marker, at=at)
        with django_capture_on_commit_callbacks(execute=True):
            return ratings.rate(task=task, marker=marker, points=[Decimal(p) for p in points], at=at)

    return give


def result() -> Marking:
    return Marking.objects.current().get()


def test_before_a_person_marks_the_result_is_partial_and_nobody_has_passed(sit):
    sit()

    marking = result()
    assert not marking.is_complete and not marking.passed and marking.score == 10 and marking.out_of == 20
    assert not Completion.objects.exists()


def test_the_last_rating_completes_the_marking_and_the_course(sit, rate, cast):
    sit()
    done = rate(cast.trainer, 5, 3)

    marking = result()
    assert done.is_settled and marking.is_complete and marking.passed and marking.score == 18
    assert marking.supersedes is not None and Marking.objects.count() == 2
    assert Completion.objects.get().completed_at == NOON  # when it was handed in, whoever marked it when


def test_an_empty_essay_needs_nobody(sit):
    sit(text="")
    assert result().is_complete and not MarkingTask.objects.exists()


def test_two_markers_who_agree_give_their_mean(sit, rate, cast):
    sit(markers=2)
    assert not rate(cast.trainer, 6, 3).is_settled and not result().is_complete
    assert rate(cast.reviewer, 5, 2).is_settled

    assert result().score == 18  # 10 and (9 + 7) / 2


def test_two_who_differ_by_just_what_may_be_need_no_third(sit, rate, cast, monkeypatch):
    monkeypatch.setattr("tests.quizzes.test_ratings.RUBRIC", [{"name": "要点完整", "points": "30"}])
    sit(markers=2)
    rate(cast.trainer, 10)
    assert rate(cast.reviewer, 13).is_settled, "10 of 30 and 13 of 30 differ by ten of a hundred, and no more"
    assert MarkingTask.objects.get().fraction == rules.kept(Fraction(23, 60))


def test_what_people_gave_loses_no_hundredth_on_the_way_to_the_points(sit, rate, cast, monkeypatch):
    monkeypatch.setattr("tests.quizzes.test_ratings.RUBRIC", [{"name": "要点完整", "points": "7"}, {"name": "依据准确", "points": "5"}])
    sit(markers=2, points="900")
    rate(cast.trainer, 1, 0)
    rate(cast.reviewer, 1, 0)
    assert result().score == 85  # 10 and a twelfth of 900


def test_a_third_settles_what_two_see_differently(sit, rate, cast):
    sit(markers=2)
    rate(cast.trainer, 6, 4)
    assert not rate(cast.reviewer, 1, 1).is_settled
    assert ratings.overview(cast.admin)[0]["disputed"] == 1

    assert rate(cast.admin, 4, 3).is_settled
    assert result().score == 17


def test_nobody_marks_their_own_paper_nor_the_same_answer_twice(sit, rate, cast):
    sit(markers=2, person=cast.trainer)
    assert ratings.claim(marker=cast.trainer, at=NOON) is None
    task = MarkingTask.objects.get()
    with pytest.raises(Refused) as refused:
        ratings.rate(task=task, marker=cast.trainer, points=[Decimal(6), Decimal(4)], at=NOON)
    assert refused.value.code == "own_paper"

    rate(cast.reviewer, 6, 4)
    assert ratings.claim(marker=cast.reviewer, at=NOON + MINUTE) is None
    with pytest.raises(Refused) as refused:
        ratings.rate(task=task, marker=cast.reviewer, points=[Decimal(6), Decimal(4)], at=NOON)
    assert refused.value.code == "twice"


def test_points_outside_the_rubric_are_refused_and_nothing_is_written(sit, cast):
    sit()
    task = ratings.claim(marker=cast.trainer, at=NOON)
    for points in ([7, 4], [-1, 0], [6], [6, 4, 0]):
        with pytest.raises(Refused) as refused:
            ratings.rate(task=task, marker=cast.trainer, points=[Decimal(p) for p in points], at=NOON)
        assert refused.value.code == "bad_points"
    assert not task.ratings.exists()


def test_an_answer_that_somebody_has_open_is_kept_from_others_for_half_an_hour(sit, cast):
    sit()
    task = ratings.claim(marker=cast.trainer, at=NOON)

    assert ratings.claim(marker=cast.reviewer, at=NOON + MINUTE) is None
    assert ratings.claim(marker=cast.trainer, at=NOON + MINUTE) == task
    assert ratings.claim(marker=cast.reviewer, at=NOON + 40 * MINUTE) == task


def test_what_the_marker_sees_says_nothing_of_the_person(sit, cast):
    submission = sit()
    text = ratings.task_text(MarkingTask.objects.get())

    assert text.own.startswith("应当") and text.sample and [c["points"] for c in text.rubric] == ["6", "4"]
    assert submission.attempt.person_name not in repr(text) and submission.attempt.employee_number not in repr(text)


@pytest.mark.parametrize("who", ["learner", "colleague", "own_leader", "hr", "auditor", "other_hr"])
def test_only_the_countys_authors_mark(sit, cast, who):
    sit()
    assert ratings.claim(marker=getattr(cast, who), at=NOON) is None


def test_reconcile_completes_what_a_crash_left(sit, cast, rate):
    sit()
    MarkingTask.objects.update(fraction=Decimal("0.8"), settled_at=NOON)
    gaps = ratings.unfinished_gaps(NOON)
    assert len(gaps) == 1

    gaps[0].mend()
    assert result().is_complete and ratings.unfinished_gaps(NOON) == []


shares = st.fractions(0, 1, max_denominator=20)


@given(shares, shares, shares)
def test_two_within_the_difference_give_the_mean_and_else_the_third_stands(a, b, c):
    settle = lambda given: rules.settled(given, markers=2, difference=Fraction(1, 5))  # noqa: E731
    assert settle([a]) is None
    assert settle([a, b]) == ((a + b) / 2 if abs(a - b) <= Fraction(1, 5) else None)
    assert settle([a, b, c]) == c
    assert rules.settled([a], markers=1, difference=Fraction(0)) == a


def test_full_marks_for_one_essay_leave_the_other_with_its_marker(sit, rate, cast):
    submission = sit()
    first = MarkingTask.objects.get().item
    other = AttemptItem.objects.create(
        attempt=first.attempt,
        position=9,
        question=first.attempt.items.get(kind="judge").question,
        question_version=1,
        kind="essay",
        points=10,
        shown=first.shown,
        key=first.key,
    )
    current = result()
    ItemMark.objects.create(marking=current, item=other, answer=None, fraction=None, earned=None)
    MarkingTask.objects.create(submission=submission, item=other)
    asked = remarks.propose(question=first.question, remedy="all_right", reason="有歧义", by=cast.trainer, at=NOON + MINUTE)
    assert [change.gains_pass for change in remarks.changes(asked)] == [False], "the other essay is still open"
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=NOON + MINUTE)

    assert remarks.apply(asked, at=NOON + MINUTE) == 1

    assert not result().is_complete and not result().passed and result().score == 20
    assert [task.item for task in ratings.waiting(cast.trainer)] == [other]
