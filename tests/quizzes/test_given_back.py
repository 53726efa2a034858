"""What a pass that a mended key took and another one gives back earns, of a course that asks for the lesson and the exam."""

from datetime import timedelta

import pytest
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core import clock
from courses.models import Completion, Course, Enrolment, Reversal
from courses.models.learning import BY_NEWNESS
from courses.services import completions, enrolments
from evaluation.services import balance
from people.services import postings
from quizzes.models import Quiz, Submission
from quizzes.permissions import counts_elsewhere, may_take_pass
from quizzes.services import attempts, bank, marking, quizzes, remarks, sittings
from tests.cast import NOON
from tests.certificates.test_proposals import at_once
from tests.factories import lesson_body, standing_policies, written
from tests.quizzes.test_remarks import LATER, ROWS, exam_of_two, result, sit  # noqa: F401 - a fixture

JANUARY = NOON + timedelta(days=210)


@pytest.fixture
def exam(cast):
    return exam_of_two(cast.county)


@pytest.fixture
def marked_again(cast, django_capture_on_commit_callbacks):
    """`marked_again("B", at=…)` marks again with this key; HR said that passes may be lost."""

    def go(key, *, code="R-1", at=LATER):
        question = bank.Question.objects.get(code=code)
        asked = remarks.propose(question=question, remedy="new_key", key=key, reason="答案错误", by=cast.trainer, at=at)
        remarks.decide(remark=asked, approved=True, may_lose=True, by=cast.hr, at=at)
        with django_capture_on_commit_callbacks(execute=True):
            remarks.apply(asked, at=at)

    return go


@pytest.fixture
def passed(sit, cast):  # noqa: F811
    """The colleague has completed the course with option A."""
    submission = sit(cast.colleague, "A")
    read(submission.attempt.enrolment, NOON)
    return submission


@pytest.fixture
def handed_in(django_capture_on_commit_callbacks):
    """`handed_in(attempt, at)`: with option A and the right judgement."""

    def go(attempt, at):
        for item in attempt.items.all():
            option = {letter: token for token, letter in item.key["letters"].items()}["A"] if item.kind == "single" else None
            response = option or attempts.right_response(item)
            attempts.save(attempt_id=attempt.pk, person=attempt.person, item_id=item.pk, response=response, token=f"{item.pk}", at=at)
        with django_capture_on_commit_callbacks(execute=True):
            attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=at)

    return go


def read(enrolment, at):
    for asked in enrolment.edition.requirements.filter(kind="lesson"):
        completions.meet(enrolment=enrolment, kind="lesson", key=asked.key, evidence=f"lesson-place:{enrolment.pk} seconds:9", at=at)


def gaps():
    return [*marking.untold_gaps(LATER), *completions.gaps(LATER), *remarks.lost_gaps(LATER), *remarks.unapplied_gaps(LATER)]


@pytest.mark.django_db(transaction=True)  # as the worker does it: a paper is told of before the next one is marked
def test_the_first_pass_comes_back_though_the_next_round_was_passed_with_the_wrong_key_and_not_read(passed, sit, marked_again, cast):  # noqa: F811
    earned = Completion.objects.get().hours
    marked_again(["B"])
    between = sit(cast.colleague, "B")
    assert between.attempt.enrolment.round == 2 and result(between).passed and not Completion.objects.standing().exists()

    marked_again(["A"])

    assert result(passed).passed and not result(between).passed
    assert Completion.objects.standing().get().hours == earned == balance(cast.colleague, 2026) and gaps() == []


def test_what_is_given_back_keeps_its_year_where_the_next_round_is_under_way(passed, marked_again, cast):
    earned = Completion.objects.get().hours
    marked_again(["B"], at=JANUARY)
    begun = enrolments.enrol(person=cast.colleague, course=passed.attempt.enrolment.course, at=JANUARY)
    read(begun, JANUARY)

    marked_again(["A"], at=JANUARY + timedelta(days=7))

    assert Completion.objects.standing().get().completed_at == NOON
    assert balance(cast.colleague, 2026) == earned and balance(cast.colleague, 2027) == 0


def test_a_round_under_way_is_still_gone_on_with_when_the_pass_before_it_is_given_back(passed, marked_again, cast, client, handed_in):
    course = passed.attempt.enrolment.course
    marked_again(["B"], at=LATER)
    begun = enrolments.enrol(person=cast.colleague, course=course, at=LATER)
    read(begun, LATER)
    marked_again(["A"], at=LATER)
    carried = Completion.objects.standing().get().enrolment
    assert (begun.round, carried.round) == (2, 3)

    assert Enrolment.newest(cast.colleague, course.pk) == begun
    assert attempts.standing(person=cast.colleague, quiz=passed.attempt.quiz, at=JANUARY).enrolment == begun
    client.force_login(cast.colleague)
    page = client.get(reverse("course", args=[course.pk])).content.decode()
    assert "此前的通过成绩已恢复有效" in page and "还差什么" in page

    assert enrolments.enrol(person=cast.colleague, course=course, at=JANUARY) == begun, "no fourth round beside it"
    handed_in(attempts.start(person=cast.colleague, quiz=passed.attempt.quiz, at=JANUARY), JANUARY)

    done = Completion.objects.standing().latest("pk")
    assert done.enrolment == begun and done.completed_at == JANUARY
    assert Enrolment.newest(cast.colleague, course.pk) == begun, "what was completed last, not what has the highest number"
    assert enrolments.enrol(person=cast.colleague, course=course, at=JANUARY) == begun
    next_year = enrolments.enrol(person=cast.colleague, course=course, at=JANUARY + timedelta(days=365))
    assert next_year.round == 4


def test_a_round_that_stands_outranks_one_that_fell_in_the_same_year(passed, marked_again, cast, client, handed_in):
    course = passed.attempt.enrolment.course
    marked_again(["B"])
    begun = enrolments.enrol(person=cast.colleague, course=course, at=LATER)
    read(begun, LATER)
    marked_again(["A"])
    handed_in(attempts.start(person=cast.colleague, quiz=passed.attempt.quiz, at=LATER), LATER)
    completions.reverse(completion=Completion.objects.get(enrolment=begun), by=cast.hr, reason="查实替考", at=LATER)

    client.force_login(cast.colleague)
    assert "已被撤销" not in client.get(reverse("course", args=[course.pk])).content.decode()
    assert enrolments.enrol(person=cast.colleague, course=course, at=LATER) == Completion.objects.standing().get().enrolment

    mine = Enrolment.objects.filter(person=cast.colleague).select_related("completion__reversal")
    assert list(mine.order_by(*BY_NEWNESS)) == sorted(mine, key=Enrolment.by_newness, reverse=True)


def test_a_pass_that_waits_in_the_next_round_is_not_swallowed_by_the_one_that_is_given_back(
    passed, marked_again, cast, handed_in, django_capture_on_commit_callbacks
):
    course = passed.attempt.enrolment.course
    marked_again(["B"], at=JANUARY)
    Quiz.objects.update(is_exam=True)
    quiz, opens = Quiz.objects.get(), JANUARY + timedelta(days=1)
    terms = sittings.Terms(
        quiz=quiz, title="年度考试", opens_at=opens, closes_at=opens + timedelta(hours=2), is_listed=False, results="held"
    )
    sitting = sittings.publish(sitting=sittings.write(terms=terms, by=cast.hr, at=JANUARY), by=cast.hr, at=JANUARY)
    handed_in(sittings.enter(person=cast.colleague, sitting=sitting, at=opens), opens)
    marked_again(["A"], at=opens + timedelta(hours=3))
    type(sitting).objects.update(results="closed")
    after = opens + timedelta(days=1)
    with django_capture_on_commit_callbacks(execute=True):
        marking.tell_passes(type(sitting).objects.get(), at=after)
    read(enrolments.enrol(person=cast.colleague, course=course, at=after), after)

    assert balance(cast.colleague, 2026) > 0 and balance(cast.colleague, 2027) > 0


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_who_begins_in_the_instant_in_which_the_pass_comes_back_is_not_failed(passed, marked_again, cast):
    marked_again(["B"])
    fallen = passed.attempt.enrolment
    [met] = fallen.met.filter(requirement__kind="quiz")
    colleague = type(cast.colleague).objects.get(pk=cast.colleague.pk)

    def comes_back():
        proof = {"kind": "quiz", "key": met.requirement.key, "evidence": met.evidence, "score": met.score}
        return completions.meet(enrolment=fallen, **proof, at=LATER, met_at=met.at)

    outcomes = at_once(comes_back, lambda: enrolments.enrol(person=colleague, course=fallen.course, at=LATER))

    assert not [each for each in outcomes if isinstance(each, Exception)], outcomes
    assert Completion.objects.standing().get().completed_at == NOON
    rounds = Enrolment.objects.filter(person=cast.colleague).order_by("round").values_list("round", flat=True)
    assert list(rounds) in ([1, 2], [1, 2, 3])


@pytest.fixture
def two_passed(cast, django_capture_on_commit_callbacks):
    """The colleague has completed a course with two quizzes of one question each: R-1 in one, R-2 in the other."""
    bank.import_rows(ROWS, county=cast.county, at=NOON)
    exams = [
        quizzes.ensure(
            county=cast.county,
            key=key,
            title=key,
            course_code="P01",
            minutes=0,
            pass_percent=60,
            attempts=0,
            draws=[{"kind": kind, "count": 1, "points": 10}],
        )
        for key, kind in (("r", "single"), ("s", "judge"))
    ]
    standing_policies()
    facts = {"title": "课程", "summary": "学完能判断。", "goals": ["能"], "tags": ["安全生产"], "required_for": ["staff"]}
    lessons = [{"slug": f"l-{key}", "title": key, "minutes": 15, "body": lesson_body(1, quiz_key=key)} for key in "rs"]
    course = written(cast.county, "P01", facts, None, NOON, lessons)
    read(enrolments.enrol(person=cast.colleague, course=course, at=NOON), NOON)
    for exam in exams:
        attempt = attempts.start(person=cast.colleague, quiz=exam, at=NOON)
        for item in attempt.items.all():
            right = attempts.right_response(item)
            attempts.save(attempt_id=attempt.pk, person=cast.colleague, item_id=item.pk, response=right, token="t", at=NOON)
        with django_capture_on_commit_callbacks(execute=True):
            attempts.submit(attempt=attempt, cause=Submission.Cause.LEARNER, at=NOON)
    return Completion.objects.get()


def test_of_two_passes_the_one_that_was_lost_after_the_completion_fell_counts_no_more_when_the_other_comes_back(two_passed, marked_again):
    marked_again(["B"], code="R-1")
    marked_again(True, code="R-2")

    marked_again(["A"], code="R-1")
    assert not Completion.objects.standing().exists() and gaps() == []

    marked_again(False, code="R-2")
    assert Completion.objects.standing().get().completed_at == two_passed.completed_at and gaps() == []


def test_a_pass_that_is_lost_after_the_completion_fell_leaves_a_trace_of_its_own(two_passed, marked_again):
    marked_again(["B"], code="R-1")
    traces = ModelLogEntry.objects.filter(action__in=["courses.reverse", "courses.withdraw"]).order_by("pk")
    assert [one.action for one in traces] == ["courses.reverse"]
    marked_again(True, code="R-2")
    first, second = traces.all()
    assert second.action == "courses.withdraw" and second.object_id == str(two_passed.enrolment_id) and second.data["requirement"] == "s"
    assert second.user == first.user and second.data["reason"]


def test_what_hr_reversed_by_hand_in_the_round_it_was_carried_into_stays_reversed_and_leaves_no_gap(passed, marked_again, cast):
    for key in ("B", "A"):
        marked_again([key])
    completions.reverse(completion=Completion.objects.standing().get(), by=cast.hr, reason="查实替考", at=LATER + timedelta(days=1))

    for key in ("B", "A", "B"):
        marked_again([key])
        assert not Completion.objects.standing().exists() and gaps() == []


def test_an_older_re_marking_takes_nothing_back_while_a_newer_one_is_under_way(passed, sit, marked_again, cast):  # noqa: F811
    sit(cast.colleague, "B")
    for key in ("B", "A"):
        marked_again([key])
    question = bank.Question.objects.get(code="R-1")
    asked = remarks.propose(question=question, remedy="new_key", key=["B"], reason="答案错误", by=cast.trainer, at=LATER)
    remarks.decide(remark=asked, approved=True, may_lose=True, by=cast.hr, at=LATER)
    remarks._apply(asked, passed.pk, LATER)  # the worker is between two papers of the same person

    assert remarks.lost_gaps(LATER) == []


def move(person, unit):
    postings.post(person=person, unit=unit, title="科员", duties=["staff"], starts_on=clock.today(NOON + timedelta(days=1)))


def test_whose_completion_it_is_that_hangs_on_a_pass_is_told_by_where_it_stands(sit, marked_again, cast):  # noqa: F811
    """Who sat it here and completed the course in another county keeps the pass; who came from there and completed it here does not."""
    Course.objects.update(is_shared=True)
    went, came = sit(cast.colleague, "A"), sit(cast.stranger, "A")
    for submission, unit in ((went, cast.other_county), (came, cast.section)):
        move(submission.attempt.person, unit)
        read(submission.attempt.enrolment, NOON + timedelta(days=7))
    assert [one.unit for one in Completion.objects.order_by("pk")] == [cast.other_county, cast.section]
    assert [counts_elsewhere(one.attempt) for one in (went, came)] == [True, False]
    assert [may_take_pass(cast.hr, one.attempt) for one in (went, came)] == [False, True]

    marked_again(["B"], at=NOON + timedelta(days=8))

    assert result(went).passed and not result(came).passed
    assert [one.completion.person for one in Reversal.objects.all()] == [cast.stranger]


def test_a_dry_run_names_the_completion_of_the_round_into_which_a_pass_was_carried_on(passed, marked_again, cast):
    for key in ("B", "A"):
        marked_again([key])
    standing = Completion.objects.standing().get()
    assert standing.round == 2
    asked = remarks.propose(
        question=bank.Question.objects.get(code="R-1"), remedy="new_key", key=["B"], reason="错", by=cast.trainer, at=LATER
    )

    [change] = [one for one in remarks.changes(asked) if one.is_unearned]
    assert change.completion == standing and remarks.completion_on(result(passed)) == standing
