"""An exam that comes every year: what is sat belongs to the round of its year, and the page says when it adds nothing."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from core import clock
from core.errors import Refused
from courses.models import Completion, Course, Enrolment
from courses.services import completions, editions, enrolments
from evaluation.models import LedgerEntry
from quizzes import board, chances
from quizzes.models import Attempt, Candidate, Submission
from quizzes.services import attempts, candidates, exam_papers, marking, own_sittings, paper_marks, sittings
from tests.cast import NOON
from tests.factories import complete, make_course
from tests.quizzes.conftest import sitting_of
from tests.quizzes.exams import agree

MINUTE = timedelta(minutes=1)
LAST_YEAR = NOON - timedelta(days=300)  # 2025
THIS_YEAR = NOON - timedelta(days=30)


@pytest.fixture
def course(quiz):
    return Course.objects.get(code="P01")


@pytest.fixture
def pass_in(answer, django_capture_on_commit_callbacks):
    def go(attempt, at=NOON + 5 * MINUTE):
        answer(attempt)
        with django_capture_on_commit_callbacks(execute=True):
            return attempts.submit(attempt=attempt, at=at)

    return go


# ---- on screen -----------------------------------------------------------------------------


def test_the_yearly_exam_counts_for_who_completed_the_course_last_year(cast, quiz, course, pass_in):
    complete(cast.learner, course, at=LAST_YEAR)
    sitting = sitting_of(quiz, cast.learner, opens_at=NOON, results="at_once")

    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    pass_in(attempt)

    assert attempt.enrolment.round == 2
    assert [clock.year_of(one.completed_at) for one in Completion.objects.order_by("round")] == [2025, 2026]
    assert LedgerEntry.objects.filter(person=cast.learner, year=2026).exists()
    assert not marking.untold_gaps(NOON + timedelta(days=1))


def test_coming_back_to_the_exam_begins_no_third_round(cast, quiz, course):
    complete(cast.learner, course, at=LAST_YEAR)
    sitting = sitting_of(quiz, cast.learner, opens_at=NOON)

    first = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    again = sittings.enter(person=cast.learner, sitting=sitting, at=NOON + MINUTE)

    assert first == again and Enrolment.objects.filter(person=cast.learner).count() == 2


def test_who_completed_the_course_this_year_is_told_that_the_exam_adds_nothing(cast, quiz, course, pass_in, sign_in):
    done = complete(cast.learner, course, at=clock.now() - timedelta(minutes=5))
    sitting = sitting_of(quiz, cast.learner, opens_at=clock.now() - MINUTE, results="at_once")

    page = sign_in(cast.learner).get(reverse("sitting", args=[sitting.pk]))
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=clock.now())
    pass_in(attempt, at=clock.now())

    assert "不再颁发" in page.text and course.current.title in page.text
    assert attempt.enrolment_id == done.enrolment_id and Completion.objects.count() == 1


def test_who_has_not_completed_the_course_is_told_nothing_of_the_kind(cast, quiz, course, sign_in):
    complete(cast.learner, course, at=clock.now() - timedelta(days=400))
    sitting = sitting_of(quiz, cast.learner, opens_at=clock.now() - MINUTE)

    page = sign_in(cast.learner).get(reverse("sitting", args=[sitting.pk]))
    assert page.status_code == 200 and "不再颁发" not in page.text


def test_a_closed_course_begins_no_round_and_the_attempt_stays_with_the_old_one(cast, quiz, course):
    old = complete(cast.learner, course, at=LAST_YEAR)
    editions.close(page_id=course.page_id)
    sitting = sitting_of(quiz, cast.learner, opens_at=NOON)

    assert sittings.completed_before(person=cast.learner, quiz=quiz, at=NOON) == old
    assert sittings.enter(person=cast.learner, sitting=sitting, at=NOON).enrolment_id == old.enrolment_id


def test_after_a_reversal_the_exam_counts_anew(cast, quiz, course, pass_in):
    old = complete(cast.learner, course, at=THIS_YEAR)
    completions.reverse(completion=old, by=cast.hr, reason="查实替考", at=THIS_YEAR)
    sitting = sitting_of(quiz, cast.learner, opens_at=NOON, results="at_once")

    pass_in(sittings.enter(person=cast.learner, sitting=sitting, at=NOON))

    assert Completion.objects.standing().get().round == 2


def test_one_attempt_in_a_sitting_also_where_the_round_changes_between(cast, quiz, course, pass_in):
    """The completion that the pass led to is reversed while the sitting is open: that gives no second paper."""
    sitting = sitting_of(quiz, cast.learner, opens_at=NOON, results="at_once")
    pass_in(sittings.enter(person=cast.learner, sitting=sitting, at=NOON))
    completions.reverse(completion=Completion.objects.get(), by=cast.hr, reason="查实替考", at=NOON + 6 * MINUTE)

    with pytest.raises(Refused) as refused:
        sittings.enter(person=cast.learner, sitting=sitting, at=NOON + 7 * MINUTE)

    assert refused.value.code == "attempts_used" and Attempt.objects.count() == 1


def test_the_newest_attempt_is_the_last_that_was_begun_whichever_round_it_is_of(cast, quiz, course, pass_in):
    """Numbers begin anew in each round: the second attempt of round 1 is older than the first of round 2."""
    first = sitting_of(quiz, cast.learner, opens_at=NOON, results="at_once")
    attempts.submit(attempt=sittings.enter(person=cast.learner, sitting=first, at=NOON), at=NOON + MINUTE)
    sitting = sitting_of(quiz, cast.learner, opens_at=NOON + 40 * MINUTE, results="at_once")
    at = sitting.opens_at
    pass_in(sittings.enter(person=cast.learner, sitting=sitting, at=at), at=at + MINUTE)
    completions.reverse(completion=Completion.objects.get(), by=cast.hr, reason="查实替考", at=at + 2 * MINUTE)
    sittings.allow(person=cast.learner, quiz=quiz, sitting=sitting, extra_attempts=1, reason="查实替考", by=cast.hr, at=at + 2 * MINUTE)
    newest = sittings.enter(person=cast.learner, sitting=sitting, at=at + 3 * MINUTE)
    assert [one.number for one in Attempt.objects.filter(sitting=sitting).order_by("pk")] == [2, 1]

    seen = own_sittings.one(person=cast.learner, sitting=sitting, at=at + 4 * MINUTE)
    [near] = own_sittings.near(person=cast.learner, at=at + 4 * MINUTE)
    [line] = board.of(sitting, at=at + 4 * MINUTE).page

    assert seen == near and (seen.attempt, seen.is_running) == (newest, True)
    assert (line.attempt, line.state, line.tries) == (newest, board.State.WORKING, 2)


def test_what_was_left_open_in_last_years_round_is_handed_in_on_entering(cast, quiz, course):
    enrolments.enrol(person=cast.learner, course=course, at=LAST_YEAR)
    type(quiz).objects.filter(pk=quiz.pk).update(minutes=0)
    quiz.refresh_from_db()
    left = attempts.start(person=cast.learner, quiz=quiz, at=LAST_YEAR)
    complete(cast.learner, course, at=LAST_YEAR)
    sitting = sitting_of(quiz, cast.learner, opens_at=NOON)

    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)

    assert attempt != left and Submission.objects.get(attempt=left).at == NOON


def test_of_two_courses_the_one_that_asks_for_the_exam_is_entered(cast, quiz, course):
    """The bank is that of P02, which does not ask for the exam; P01 does."""
    make_course(cast.county, code="P02", lessons=1, pass_rule="lessons")
    type(quiz).objects.filter(pk=quiz.pk).update(course_code="P02")
    quiz.refresh_from_db()
    enrolments.enrol(person=cast.learner, course=Course.objects.get(code="P02"), at=NOON)

    assert sittings.round_for(person=cast.learner, quiz=quiz, at=NOON).course == course


def test_candidates_who_lack_a_course_for_the_new_round_are_named_beforehand(cast, quiz, course):
    complete(cast.learner, course, at=LAST_YEAR)
    make_course(cast.county, code="P00", lessons=1)
    make_course(cast.county, code="P01", lessons=1, quiz_key="p01-final", pass_rule="quiz", prerequisites=["P00"])
    course.refresh_from_db()
    assert course.current.prerequisites == ["P00"]
    sitting = sitting_of(quiz, cast.learner, opens_at=NOON)
    Candidate.objects.create(sitting=sitting, person=cast.colleague)
    Enrolment.objects.create(
        person=cast.colleague,
        course=course,
        edition=course.current,
        round=1,
        enrolled_at=NOON,
        employee_number="YA10002",
        person_name="李云",
    )

    assert list(candidates.lacking_courses(sitting)) == [cast.learner]


# ---- the quiz of a course ------------------------------------------------------------------


def test_a_course_quiz_opened_by_its_address_in_a_new_year_leads_to_beginning_again(cast, quiz, course, sign_in):
    complete(cast.learner, course, at=clock.now() - timedelta(days=400))
    client = sign_in(cast.learner)

    page = client.get(f"/quizzes/{quiz.key}/")
    posted = client.post(f"/quizzes/{quiz.key}/")

    assert page.context["refusal"].code == "new_round" and posted.status_code == 409
    assert f"/courses/{course.pk}/" in page.text and '<form method="post"><input' not in page.text
    assert not Attempt.objects.exists()

    client.post(f"/courses/{course.pk}/enrol/")
    assert client.post(f"/quizzes/{quiz.key}/").status_code == 302
    assert Attempt.objects.get().enrolment.round == 2


def test_after_a_completion_of_this_year_the_quiz_is_practice_and_says_so(cast, quiz, course, sign_in):
    complete(cast.learner, course, at=clock.now())

    page = sign_in(cast.learner).get(f"/quizzes/{quiz.key}/")

    assert page.context["standing"].refusal is None and "练习" in page.text


def test_an_attempt_under_way_goes_on_though_the_year_changed(cast, quiz, course):
    type(quiz).objects.filter(pk=quiz.pk).update(minutes=0)
    quiz.refresh_from_db()
    enrolments.enrol(person=cast.learner, course=course, at=LAST_YEAR)
    begun = attempts.start(person=cast.learner, quiz=quiz, at=LAST_YEAR)
    complete(cast.learner, course, at=LAST_YEAR)

    assert attempts.start(person=cast.learner, quiz=quiz, at=NOON) == begun


# ---- from paper ----------------------------------------------------------------------------


@pytest.fixture
def on_paper(cast, quiz, django_capture_on_commit_callbacks):
    """`on_paper(opens_at, at)`: a sitting of then whose paper the learner wrote by hand, entered with full marks."""

    def go(opens_at, at):
        sitting = sitting_of(quiz, cast.learner, opens_at=opens_at, results="at_once")
        codes = list(quiz_codes(quiz))
        paper = exam_papers.make_fixed(quiz=quiz, chosen=[(code, Decimal(5)) for code in codes], by=cast.trainer, at=opens_at)
        for author in (cast.trainer, cast.reviewer):
            exam_papers.seal(paper=paper, digest=paper.digest(), by=author, at=opens_at)
        sitting.papers.add(paper)
        points = {item.position: item.points for item in paper.items.all()}
        with django_capture_on_commit_callbacks(execute=True):
            made = paper_marks.enter_marks(person=cast.learner, paper=paper, sitting=sitting, seen=0, points=points, by=cast.hr, at=at)
            return agree(made, by=cast.admin, at=at)

    return go


def quiz_codes(quiz):
    from quizzes.models import Question

    return Question.objects.filter(county=quiz.county_id, course_code="P01").order_by("code").values_list("code", flat=True)


def test_marks_from_paper_count_for_who_completed_the_course_last_year(cast, course, on_paper):
    complete(cast.learner, course, at=LAST_YEAR)

    marked = on_paper(NOON, NOON + timedelta(days=1))

    assert marked.passed and marked.submission.attempt.enrolment.round == 2
    assert Completion.objects.filter(person=cast.learner).count() == 2
    assert LedgerEntry.objects.filter(person=cast.learner, year=2026).exists()


def test_marks_entered_in_january_belong_to_the_round_of_december(cast, course, on_paper):
    """The course was completed in March: what was written in December adds nothing, whenever somebody enters it."""
    done = complete(cast.learner, course, at=NOON)
    december = NOON.replace(month=12, day=29)

    marked = on_paper(december, december + timedelta(days=8))

    assert marked.submission.attempt.enrolment_id == done.enrolment_id and Completion.objects.count() == 1


def test_a_sheet_of_somebody_who_had_begun_nothing_is_of_the_course_that_asked_for_the_exam_then(cast, quiz, course, on_paper):
    moved_on = NOON + timedelta(days=10)
    make_course(cast.county, code="P01", lessons=1, pass_rule="lessons", at=moved_on)
    other = make_course(cast.county, code="P02", lessons=1, quiz_key=quiz.key, pass_rule="quiz", at=moved_on)
    assert sittings.course_of(quiz) == sittings.course_of(quiz, sat_at=moved_on) == other

    marked = on_paper(NOON + timedelta(days=1), moved_on + timedelta(days=1))

    assert marked.submission.attempt.enrolment.course == course and Completion.objects.get().course == course


@pytest.fixture
def papers_of(cast, quiz):
    """`papers_of(sitting)`: one sealed paper, handed out there; `enter` of it with full marks."""

    def go(sitting):
        paper = exam_papers.make_fixed(quiz=quiz, chosen=[(code, Decimal(5)) for code in quiz_codes(quiz)], by=cast.trainer, at=NOON)
        for author in (cast.trainer, cast.reviewer):
            exam_papers.seal(paper=paper, digest=paper.digest(), by=author, at=NOON)
        sitting.papers.add(paper)
        return paper

    return go


@pytest.fixture
def entered(cast, django_capture_on_commit_callbacks):
    """`entered(sitting, at)`: the learner's sheet of that sitting with full marks, agreed to; its marking."""

    def go(sitting, at):
        paper = sitting.papers.get()
        points = {item.position: item.points for item in paper.items.all()}
        seen = paper_marks.newest(paper_marks.tried_in(sitting, cast.learner))
        with django_capture_on_commit_callbacks(execute=True):
            made = paper_marks.enter_marks(person=cast.learner, paper=paper, sitting=sitting, seen=seen, points=points, by=cast.hr, at=at)
            return agree(made, by=cast.admin, at=at)

    return go


DECEMBER = NOON.replace(month=12, day=21)
WEEK = timedelta(days=7)
JANUARY = DECEMBER + 3 * WEEK


@pytest.fixture
def gone_on(cast, quiz, papers_of, pass_in):
    """A sitting of December and the attempt that was begun in it, went on on paper, and was overtaken by a pass in another one a week later."""
    sitting = sitting_of(quiz, cast.learner, opens_at=DECEMBER, results="at_once")
    papers_of(sitting)
    begun = sittings.enter(person=cast.learner, sitting=sitting, at=DECEMBER)
    paper_marks.go_on(attempt=begun, reason="主机损坏", by=cast.liaison, at=DECEMBER + MINUTE)
    later = sitting_of(quiz, cast.learner, opens_at=DECEMBER + WEEK, results="at_once")
    pass_in(sittings.enter(person=cast.learner, sitting=later, at=DECEMBER + WEEK), at=DECEMBER + WEEK + MINUTE)
    return sitting, begun


def test_what_was_begun_on_the_screen_and_went_on_on_paper_stays_in_its_round(cast, course, entered, gone_on):
    """Passed a week later in another sitting, and begun anew in January before the sheet was entered: it is of December's round."""
    sitting, begun = gone_on
    again = enrolments.enrol(person=cast.learner, course=course, at=JANUARY - MINUTE)
    assert again.round == 2

    marked = entered(sitting, JANUARY)

    assert marked.passed and marked.submission.attempt.enrolment == begun.enrolment
    assert not Completion.objects.filter(enrolment=again).exists()


def test_a_sheet_is_of_the_round_that_was_under_way_when_it_was_written(cast, quiz, course, papers_of, entered, pass_in):
    enrolments.enrol(person=cast.learner, course=course, at=DECEMBER - WEEK)
    sitting = sitting_of(quiz, cast.learner, opens_at=DECEMBER, results="at_once")
    papers_of(sitting)
    later = sitting_of(quiz, cast.learner, opens_at=DECEMBER + WEEK, results="at_once")
    pass_in(sittings.enter(person=cast.learner, sitting=later, at=DECEMBER + WEEK), at=DECEMBER + WEEK + MINUTE)
    again = enrolments.enrol(person=cast.learner, course=course, at=JANUARY - MINUTE)

    marked = entered(sitting, JANUARY)

    assert (marked.submission.attempt.enrolment.round, again.round) == (1, 2)
    assert not Completion.objects.filter(enrolment=again).exists()


def test_a_sheet_of_the_year_after_a_completion_is_of_the_round_that_came_next(cast, quiz, course, papers_of, entered):
    """The round of 2025 was over when it was written, so it would have begun the next one: that one was begun in January."""
    complete(cast.learner, course, at=LAST_YEAR)
    sitting = sitting_of(quiz, cast.learner, opens_at=DECEMBER, results="at_once")
    papers_of(sitting)
    again = enrolments.enrol(person=cast.learner, course=course, at=JANUARY - MINUTE)

    marked = entered(sitting, JANUARY)

    assert marked.submission.attempt.enrolment == again
    assert Completion.objects.get(enrolment=again).completed_at == sitting.closes_at


def test_a_sheet_of_somebody_who_had_begun_nothing_is_of_the_round_that_they_began_since(cast, quiz, course, papers_of, entered, pass_in):
    sitting = sitting_of(quiz, cast.learner, opens_at=DECEMBER, results="at_once")
    papers_of(sitting)
    later = sitting_of(quiz, cast.learner, opens_at=DECEMBER + WEEK, results="at_once")
    pass_in(sittings.enter(person=cast.learner, sitting=later, at=DECEMBER + WEEK), at=DECEMBER + WEEK + MINUTE)
    enrolments.enrol(person=cast.learner, course=course, at=JANUARY - MINUTE)

    assert entered(sitting, JANUARY).submission.attempt.enrolment.round == 1
    assert Completion.objects.count() == 1


def test_a_sheet_counts_though_the_completion_of_its_round_was_reversed_since(cast, quiz, course, papers_of, entered, pass_in):
    sitting = sitting_of(quiz, cast.learner, opens_at=DECEMBER, results="at_once")
    papers_of(sitting)
    later = sitting_of(quiz, cast.learner, opens_at=DECEMBER + WEEK, results="at_once")
    pass_in(sittings.enter(person=cast.learner, sitting=later, at=DECEMBER + WEEK), at=DECEMBER + WEEK + MINUTE)
    completions.reverse(completion=Completion.objects.get(), by=cast.hr, reason="查实替考", at=JANUARY - MINUTE)

    entered(sitting, JANUARY)

    assert Completion.objects.standing().get().completed_at == sitting.closes_at


def test_a_sheet_that_went_on_on_paper_counts_though_the_completion_of_its_round_was_reversed_since(cast, course, entered, gone_on):
    sitting, begun = gone_on
    completions.reverse(completion=Completion.objects.get(), by=cast.hr, reason="查实替考", at=JANUARY - MINUTE)

    marked = entered(sitting, JANUARY)

    assert (begun.enrolment.round, marked.submission.attempt.enrolment.round) == (1, 2)
    assert Completion.objects.standing().get().completed_at == sitting.closes_at


# ---- one quiz in two courses ---------------------------------------------------------------


@pytest.fixture
def two(cast, quiz):
    """P11 and P12 ask for the quiz, which may be tried once; the learner has begun both, P12 last."""
    type(quiz).objects.filter(pk=quiz.pk).update(attempts_allowed=1)
    quiz.refresh_from_db()
    made = [make_course(cast.county, code=code, lessons=1, quiz_key=quiz.key, pass_rule="quiz") for code in ("P11", "P12")]
    return [enrolments.enrol(person=cast.learner, course=course, at=NOON) for course in made]


def fail(person, quiz, at=NOON) -> Attempt:
    attempt = attempts.start(person=person, quiz=quiz, at=at)
    attempts.submit(attempt=attempt, at=at)
    return attempt


def test_failing_in_one_course_uses_up_nothing_in_the_other(cast, quiz, two):
    failed = fail(cast.learner, quiz)
    state = attempts.standing(person=cast.learner, quiz=quiz, at=NOON)

    assert state.refusal is None and {failed.enrolment, state.enrolment} == set(two)
    assert fail(cast.learner, quiz, at=NOON + MINUTE).enrolment == state.enrolment
    with pytest.raises(Refused) as refused:
        attempts.start(person=cast.learner, quiz=quiz, at=NOON + 2 * MINUTE)
    assert refused.value.code == "attempts_used"


def test_passed_in_one_course_the_quiz_is_that_of_the_other_next(cast, quiz, two, pass_in):
    type(quiz).objects.filter(pk=quiz.pk).update(attempts_allowed=0)
    quiz.refresh_from_db()
    for at in (NOON, NOON + 10 * MINUTE):
        pass_in(attempts.start(person=cast.learner, quiz=quiz, at=at), at=at)

    assert set(Completion.objects.values_list("enrolment", flat=True)) == {one.pk for one in two}


def test_an_attempt_under_way_is_gone_on_with_though_another_course_is_begun(cast, quiz, two):
    begun = attempts.start(person=cast.learner, quiz=quiz, at=NOON)
    third = make_course(cast.county, code="P13", lessons=1, quiz_key=quiz.key, pass_rule="quiz")
    enrolments.enrol(person=cast.learner, course=third, at=NOON)

    assert attempts.start(person=cast.learner, quiz=quiz, at=NOON + MINUTE) == begun


def test_hr_sees_both_courses_and_helps_where_the_attempts_are_used_up(cast, quiz, two):
    failed = fail(cast.learner, quiz)
    seen = {one.course.code: one.is_used_up for one in chances.of(cast.learner)}
    assert seen == {"P11": failed.enrolment == two[0], "P12": failed.enrolment == two[1]}

    given = sittings.allow(person=cast.learner, quiz=quiz, extra_attempts=1, reason="停电", by=cast.hr, at=NOON)

    assert given.enrolment == failed.enrolment
    assert not any(one.is_used_up for one in chances.of(cast.learner))
