"""The server was down past a candidate's own end, and they wrote on: two who were there agree on it, and nothing counts twice."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core import clock
from core.models import FactChanged
from courses.models import Completion
from evaluation.standing import _first_tests
from people.models import Person
from quizzes import analysis, board
from quizzes.models import Answer, Attempt, GoneOnPaper, LatePaper, LatePaperDecision, Marking, MarkingTask, Sitting, Submission
from quizzes.services import attempts, late_papers, marking, paper_marks, ratings, remarks, sittings
from tests.cast import EVERYBODY
from tests.quizzes.exams import agree
from tests.quizzes.test_on_paper import begun, enter, refused, sitting, with_papers  # noqa: F401
from tests.quizzes.test_papers import exam, seal_twice  # noqa: F401

MINUTE = timedelta(minutes=1)
WHY = "服务器九点四十分起中断"


@pytest.fixture
def over(begun):  # noqa: F811
    """The clock has handed in what the learner answered on the screen: one question of many. The sitting is over."""
    late = begun.sitting.over_at + 30 * MINUTE
    assert attempts.submit_overdue(late) == 1
    assert not Marking.objects.get().passed
    return Attempt.objects.get()


def bring(attempt, cast, **changes):
    usual = {"from_at": attempt.started_at + 5 * MINUTE, "until": attempt.shuts_at, "reason": WHY}
    return late_papers.bring(**usual | {"attempt": attempt, "by": cast.liaison, "at": after(attempt)} | changes)


def after(attempt):
    return attempt.sitting.over_at + 40 * MINUTE


def decide(late, cast, **changes):
    return late_papers.decide(**{"late_paper": late, "approved": True, "by": cast.admin, "at": after(late.attempt)} | changes)


def test_the_second_persons_yes_lets_the_sheet_take_the_place_of_what_the_clock_handed_in(over, cast, django_capture_on_commit_callbacks):
    late = bring(over, cast)
    assert late_papers.waiting_in(over.sitting) == [late] and not GoneOnPaper.objects.exists()
    assert refused(enter, over, cast) == "sat_already"  # nothing changes before

    decide(late, cast)

    assert late_papers.waiting_in(over.sitting) == [] and paper_marks.to_enter(over.sitting) == [over]
    gone = GoneOnPaper.objects.get()
    assert (gone.reason, gone.by, gone.at) == (WHY, cast.liaison, late.from_at)
    judge = over.paper.items.get(kind="judge")
    assert paper_marks.on_screen(over, over.paper) == {judge.position: judge.points}
    with django_capture_on_commit_callbacks(execute=True):
        made = agree(enter(over, cast), by=cast.admin, at=after(over))
    assert made.passed and Completion.objects.filter(person=cast.learner).exists()


def test_it_is_one_attempt_whose_answers_submission_and_marking_stay_on_record(over, cast):
    quiz, room = over.quiz, over.sitting
    kept = Answer.objects.values().get(), Submission.objects.values().get(), Marking.objects.values().get()
    decide(bring(over, cast), cast)
    state = attempts.standing(person=cast.learner, quiz=quiz, sitting=room, at=after(over))
    assert state.left == 0 and refused(sittings.enter, person=cast.learner, sitting=room, at=over.started_at) == "gone_on_paper"
    enter(over, cast)
    assert refused(enter, over, cast) == "sat_already"
    assert (Answer.objects.values().get(), Submission.objects.values().earliest("pk"), Marking.objects.values().earliest("pk")) == kept
    newest = Attempt.objects.latest("pk")
    assert (newest.turn, Attempt.objects.counted().count()) == (1, 1)
    assert Sitting.objects.with_numbers().get(pk=room.pk).handed_in == 1
    assert attempts.standing(person=cast.learner, quiz=quiz, sitting=room, at=after(over)).left == 0


def test_what_the_clock_handed_in_counts_in_no_figure_any_more(over, cast):
    item = over.items.get(kind="judge")
    assert analysis.compute(over.quiz)["people"] == 1
    remark = remarks.propose(question=item.question, remedy="all_right", reason="题干有误", by=cast.trainer, at=after(over))
    assert remarks._reached(remark).count() == 1
    year, people = clock.year_of(over.started_at), Person.objects.filter(pk=cast.learner.pk)
    assert _first_tests(people, year=year, at=after(over)).count() == 1
    decide(bring(over, cast), cast)
    assert analysis.compute(over.quiz) == {"people": 0} and remarks._reached(remark).count() == 0
    assert Sitting.objects.with_numbers().get().handed_in == 0 and not _first_tests(people, year=year, at=after(over)).exists()
    assert analysis.of_question(item.question).percent is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reason": " "}, "no_reason"),
        ({"by": "learner"}, "own_attempt"),
        ({"from_at": -MINUTE}, "not_in_time"),  # before they had begun
        ({"from_at": 500 * MINUTE}, "not_in_time"),  # after their own end
        ({"until": 500 * MINUTE}, "not_in_time"),  # after the sitting
        ({"until": 2 * MINUTE}, "not_in_time"),  # before it was begun
        ({"at": 30 * MINUTE}, "not_in_time"),  # in the future
    ],
)
def test_a_paper_is_brought_in_only_of_the_candidates_own_time_by_somebody_else(over, cast, change, code):
    facts = {name: over.started_at + value if isinstance(value, timedelta) else value for name, value in change.items()}
    facts |= {"by": cast.learner} if "by" in facts else {}
    assert refused(bring, over, cast, **facts) == code and not LatePaper.objects.exists()


def test_added_time_is_the_candidates_time_too(begun, cast):  # noqa: F811
    sittings.extend(attempt=begun, minutes=90, reason="停电", by=cast.hr, at=clock.now())
    attempt = Attempt.objects.timed().get(pk=begun.pk)
    assert bring(attempt, cast, until=attempt.due_at, at=attempt.shuts_at + MINUTE).until == attempt.due_at


def test_while_it_runs_the_screen_is_closed_instead(begun, cast):  # noqa: F811
    assert refused(bring, begun, cast, until=clock.now(), at=clock.now()) == "still_open"


def test_what_is_over_and_not_handed_in_yet_is_handed_in_first(begun, cast):  # noqa: F811
    bring(begun, cast)
    assert Submission.objects.get().cause == Submission.Cause.TIME


def test_who_handed_in_by_themselves_went_on_nowhere(begun, cast):  # noqa: F811
    attempts.submit(attempt=begun, at=clock.now())
    assert refused(bring, begun, cast) == "handed_in"


def test_neither_a_pass_nor_a_further_attempt_is_taken_from_anybody(over, sitting, cast):  # noqa: F811
    late = bring(over, cast)
    Sitting.objects.filter(pk=sitting.pk).update(closes_at=clock.now() + 300 * MINUTE)
    room = Sitting.objects.get(pk=sitting.pk)
    facts = {"person": cast.learner, "quiz": over.quiz, "sitting": room, "by": cast.hr, "at": clock.now()}
    sittings.allow(**facts, extra_attempts=1, reason="服务器中断")
    sittings.enter(person=cast.learner, sitting=room, at=clock.now() + 2 * MINUTE)
    assert refused(decide, late, cast) == "sat_again" and not GoneOnPaper.objects.exists()


def test_a_pass_on_the_screen_needs_no_paper(begun, cast):  # noqa: F811
    for number, item in enumerate(begun.items.all()):
        right = attempts.right_response(item)
        attempts.save(attempt_id=begun.pk, person=cast.learner, item_id=item.pk, response=right, token=f"all{number}", at=clock.now())
    attempts.submit_overdue(after(begun))
    assert refused(bring, begun, cast) == "passed"


def test_two_persons_stand_behind_it_and_a_no_needs_a_reason(over, cast):
    late = bring(over, cast)
    assert refused(bring, over, cast, by=cast.hr) == "open_already"
    assert refused(decide, late, cast, by=cast.liaison) == "same_person"
    assert refused(decide, late, cast, by=cast.learner) == "own_attempt"
    assert refused(decide, late, cast, approved=False) == "no_reason"
    decide(late, cast, approved=False, reason="十点后才交")
    assert refused(decide, late, cast) == "decided" and not GoneOnPaper.objects.exists()
    assert Sitting.objects.with_numbers().get().handed_in == 1 and not Marking.objects.get().passed
    again = bring(over, cast, by=cast.hr)  # with better proof
    decide(again, cast)
    assert refused(bring, over, cast) == "gone_on_paper"


def test_it_is_kept_and_leaves_a_trace_of_each_step(over, cast):
    late = bring(over, cast)
    decision = decide(late, cast)
    for row in (late, decision):
        with pytest.raises(FactChanged):
            row.save()
    brought, decided = (ModelLogEntry.objects.get(action=f"quizzes.late_paper_{act}") for act in ("brought", "decided"))
    assert (brought.user, decided.user) == (cast.liaison, cast.admin) and decided.data["approved"] is True
    assert brought.data["reason"] == WHY and brought.data["attempt"] == over.pk
    with pytest.raises(IntegrityError), transaction.atomic():
        LatePaper.objects.create(attempt=over, from_at=late.until, until=late.from_at, reason=WHY, by=cast.hr, at=late.at)


def test_an_essay_that_waits_for_a_marker_makes_no_pass_of_what_went_on_on_paper(over, cast):
    submission = Submission.objects.get()
    task = MarkingTask.objects.create(submission=submission, item=over.items.first())
    assert MarkingTask.objects.visible_to(cast.trainer).filter(pk=task.pk).exists()
    decide(bring(over, cast), cast)
    assert not MarkingTask.objects.visible_to(cast.trainer).filter(pk=task.pk).exists()


def follow(marking_, **facts) -> Marking:
    """A marking in the place of this one, as somebody writes it who had looked before the two agreed."""
    same = {name: getattr(marking_, name) for name in ("submission", "score", "out_of", "percent", "at")}
    return Marking.objects.create(**same | {"supersedes": marking_, "passed": False} | facts)


def test_neither_a_marker_nor_a_remarking_that_comes_later_lets_it_count_again(over, cast):
    partial = follow(Marking.objects.get(), is_complete=False)
    decide(bring(over, cast), cast)
    assert ratings.complete(submission=partial.submission, at=after(over)) is None
    made = follow(partial, passed=True)
    assert not marking.tell_the_course(made, at=after(over)) and marking.untold_gaps(after(over)) == []
    assert not Completion.objects.exists()


def test_nobody_begins_on_paper_after_their_own_end_though_the_sitting_is_open(over, cast):
    assert over.shuts_at + 2 * MINUTE < over.sitting.over_at
    assert refused(bring, over, cast, from_at=over.shuts_at + MINUTE, until=over.shuts_at + 2 * MINUTE) == "not_in_time"


# ---- the doors -----------------------------------------------------------------------------


@pytest.fixture
def long_over(exam, cast):  # noqa: F811
    """An attempt of a sitting that closed twenty minutes ago, with one answer; the clock has handed it in."""
    opens_at = clock.now() - 130 * MINUTE
    made = with_papers(exam, cast, opens_at=opens_at, minutes=110)
    attempt = sittings.enter(person=cast.learner, sitting=made, at=opens_at + MINUTE)
    judge = attempt.items.get(kind="judge")
    facts = {"item_id": judge.pk, "response": attempts.right_response(judge), "token": "t1", "at": opens_at + 2 * MINUTE}
    attempts.save(attempt_id=attempt.pk, person=cast.learner, **facts)
    assert attempts.submit_overdue(clock.now()) == 1
    return attempt


@pytest.mark.parametrize("who", EVERYBODY)
def test_who_watches_the_sitting_brings_it_in(long_over, cast, sign_in, who):
    door, may = reverse("attempt_on_paper", args=[long_over.sitting_id, long_over.pk]), who in {"hr", "admin", "liaison"}
    client = sign_in(getattr(cast, who))
    assert client.get(door).status_code == (200 if may else 404)
    client.post(door, posted(long_over))
    assert LatePaper.objects.exists() == may


def posted(attempt, **changes) -> dict:
    times = {"from_at": attempt.started_at + MINUTE, "until": attempt.started_at + 6 * MINUTE}
    typed = {name: clock.local(at).strftime("%Y-%m-%dT%H:%M") for name, at in times.items()}
    return typed | {"reason": WHY, "sure": "on"} | changes


def test_the_invigilator_brings_it_in_and_another_agrees(long_over, cast, sign_in):
    over, room = long_over, long_over.sitting
    one, door = reverse("watch_one", args=[room.pk, over.pk]), reverse("attempt_on_paper", args=[room.pk, over.pk])
    liaison, admin = sign_in(cast.liaison), Client()
    admin.force_login(cast.admin)
    assert door in liaison.get(one).text
    wrong = liaison.post(door, posted(over, sure=""))
    assert wrong.status_code == 422 and WHY in wrong.text and not LatePaper.objects.exists()
    told = liaison.post(door, posted(over), follow=True).text
    assert WHY in told and "须由当时在场的第二人同意" in told
    assert 'value="yes"' not in liaison.get(door).text and liaison.post(door, {"decision": "yes"}).status_code == 422
    assert door in admin.get(reverse("sitting_manage", args=[room.pk])).text and 'value="yes"' in admin.get(door).text
    told = admin.post(door, {"decision": "yes", "reason": ""}, follow=True).text
    assert LatePaperDecision.objects.get().approved and cast.admin.name in told and door not in told
    assert board.of(room, at=clock.now()).page[0].state == board.State.PAPER

    marks = reverse("sitting_marks", args=[room.pk, cast.learner.pk])
    form = admin.get(marks)
    judge = over.paper.items.get(kind="judge")
    assert WHY in form.text and form.context["form"][f"points-{judge.position}"].value() == judge.points
    points = {f"points-{item.position}": str(item.points) for item in over.paper.items.all()}
    points |= {"seen": form.context["form"]["seen"].value()}
    assert "须由第二人" in admin.post(marks, points | {"paper": over.paper_id}, follow=True).text
    assert Marking.objects.latest("pk").score == sum((item.points for item in over.paper.items.all()), start=Decimal(0))


def test_the_candidate_sees_that_it_goes_on_on_paper_and_no_result_of_the_clock(long_over, cast, sign_in):
    learner, quiz = sign_in(cast.learner), reverse("quiz", args=[long_over.quiz.key])
    assert "未合格" in learner.get(quiz).text
    now = clock.now()
    decide(bring(long_over, cast, until=long_over.started_at + 9 * MINUTE, at=now), cast, at=now)
    page = learner.get(reverse("attempt_result", args=[long_over.pk]), follow=True)
    assert "您已改用纸质继续作答" in page.text
    text = learner.get(quiz).text
    assert "改用纸质" in text and "未合格" not in text


@pytest.mark.parametrize("gone", ["invigilating", "signing in"])
def test_a_paper_lapses_with_the_power_of_who_brought_it_in(over, cast, gone):
    late = bring(over, cast)
    if gone == "invigilating":
        over.sitting.invigilators.clear()
    else:
        Person.objects.filter(pk=cast.liaison.pk).update(is_active=False)

    assert refused(decide, LatePaper.objects.get(), cast) == "proposer_gone" and not GoneOnPaper.objects.exists()
    decide(LatePaper.objects.get(), cast, approved=False, reason="带回人已不监考")
    assert bring(over, cast, by=cast.hr) != late
