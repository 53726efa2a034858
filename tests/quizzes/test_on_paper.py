"""A machine dies for good in an exam: its candidate goes on on paper, and nothing is lost, failed or counted twice."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core import clock
from core.errors import Refused
from core.models import FactChanged
from courses.models import Completion
from quizzes import board
from quizzes.models import Answer, Candidate, GoneOnPaper, Marking, Sitting, Submission
from quizzes.services import attempts, exam_papers, paper_marks, presence, sittings
from tests.cast import EVERYBODY, NOON
from tests.quizzes.exams import agree
from tests.quizzes.test_papers import exam, seal_twice  # noqa: F401

MINUTE = timedelta(minutes=1)
WHY = "主机损坏，无备用机"


@pytest.fixture
def sitting(exam, cast):  # noqa: F811
    """Open since ten minutes, for an hour."""
    return with_papers(exam, cast, opens_at=clock.now() - 10 * MINUTE, minutes=60)


def with_papers(exam, cast, *, opens_at, minutes):  # noqa: F811
    """A sitting with the sealed papers A and B; the learner is listed, the liaison invigilates."""
    made = Sitting.objects.create(quiz=exam, title="年度考试", opens_at=opens_at, closes_at=opens_at + minutes * MINUTE)
    papers = exam_papers.make_parallel(quiz=exam, count=2, by=cast.trainer, at=NOON)
    for paper in papers:
        seal_twice(paper, cast)
    made.papers.set(papers)
    made.invigilators.add(cast.liaison)
    Candidate.objects.create(sitting=made, person=cast.learner, room="一号考场", seat="07")
    return made


@pytest.fixture
def begun(sitting, cast):
    """The learner has begun and answered the judgement right on the screen."""
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=clock.now())
    item = attempt.items.get(kind="judge")
    save(attempt, item)
    return attempt


def save(attempt, item, token="t1"):
    right = attempts.right_response(item)
    return attempts.save(attempt_id=attempt.pk, person=attempt.person, item_id=item.pk, response=right, token=token, at=clock.now())


def go_on(attempt, cast, **changes):
    return paper_marks.go_on(**{"attempt": attempt, "reason": WHY, "by": cast.liaison, "at": clock.now()} | changes)


def refused(call, *given, **more) -> str:
    with pytest.raises(Refused) as error:
        call(*given, **more)
    assert error.value.message
    return error.value.code


def enter(attempt, cast, points=None, **changes):
    sitting = Sitting.objects.get(pk=attempt.sitting_id)
    points = points or {item.position: item.points for item in attempt.paper.items.all()}
    facts = {"person": cast.learner, "paper": attempt.paper, "sitting": sitting, "points": points, "by": cast.hr, "at": sitting.over_at}
    return paper_marks.enter_marks(**{"seen": newest(sitting, cast)} | facts | changes)


def newest(sitting, cast) -> int:
    return paper_marks.newest(paper_marks.tried_in(sitting, cast.learner))


def test_the_screen_is_closed_with_a_reason_and_what_was_acknowledged_stays(begun, cast):
    made = go_on(begun, cast)

    assert (made.reason, made.by) == (WHY, cast.liaison) and go_on(begun, cast) == made
    assert ModelLogEntry.objects.filter(action="quizzes.gone_on_paper").count() == 1
    assert refused(save, begun, begun.items.get(kind="judge"), "t2") == "over" and Answer.objects.count() == 1
    assert save(begun, begun.items.get(kind="judge"), "t1").seq == 1  # acknowledged stays acknowledged
    item = begun.items.exclude(kind="judge").first()
    posted = {item.pk: (attempts.right_response(item), 0)}
    assert refused(attempts.save_form, attempt_id=begun.pk, person=cast.learner, posted=posted, at=clock.now()) == "over"
    with pytest.raises(FactChanged):
        made.save()


def test_neither_the_candidate_nor_the_clock_hands_it_in(begun, cast):
    go_on(begun, cast)
    late = begun.shuts_at + 60 * MINUTE

    assert refused(attempts.submit, attempt=begun, at=clock.now()) == "gone_on_paper"
    assert attempts.submit_overdue(late) == 0 and attempts.end_by_clock(attempt=begun, at=late) is None
    assert attempts.overdue_gaps(late) == [] and not Submission.objects.exists() and not Marking.objects.exists()
    assert refused(sittings.extend, attempt=begun, minutes=5, reason="停电", by=cast.hr, at=clock.now()) == "over"


def test_it_holds_up_no_results_of_the_others(begun, cast):
    over = begun.sitting.over_at
    assert not Sitting.objects.with_results_out(over).exists()
    go_on(begun, cast)
    assert Sitting.objects.with_results_out(over).exists()


def allow(sitting, cast, **changes):
    facts = {"person": cast.learner, "quiz": sitting.quiz, "sitting": sitting, "extra_attempts": 1, "reason": "换机", "by": cast.hr}
    return sittings.allow(**facts | {"at": clock.now()} | changes)


def test_who_went_on_on_paper_does_not_enter_again_whatever_is_left(begun, sitting, cast, sign_in):
    """A stale page, a second device, an attempt that HR gave: while a sheet is out it alone goes on."""
    go_on(begun, cast)
    enters = {"person": cast.learner, "sitting": sitting, "at": clock.now()}
    assert refused(sittings.enter, **enters) == "gone_on_paper"

    allow(sitting, cast)

    assert refused(sittings.enter, **enters) == "gone_on_paper"
    door = sign_in(cast.learner).post(reverse("sitting_door", args=[sitting.pk]), {"turn": ""}, content_type="application/json")
    assert door.status_code == 409 and door.json()["error"] == "gone_on_paper"
    assert paper_marks.to_enter(sitting) == [begun] and enter(begun, cast).submission.attempt.paper == begun.paper
    assert paper_marks.to_enter(sitting) == []


def test_a_sheet_is_entered_though_somebody_began_on_the_screen_once_more(begun, sitting, cast):
    """As it could happen before the screen stayed closed: the sheet is not lost, and is asked for."""
    go_on(begun, cast)
    allow(sitting, cast)
    again = type(begun).objects.get(pk=begun.pk)
    again.pk, again.number, again._state.adding = None, 2, True
    again.save()
    sittings.extend(attempt=again, minutes=120, reason="停电", by=cast.hr, at=clock.now())
    assert paper_marks.to_enter(sitting) == [begun] and refused(enter, begun, cast) == "sat_already"  # while it still runs

    attempts.submit(attempt=again, at=clock.now())

    assert paper_marks.to_enter(sitting) == [begun] and enter(begun, cast).submission.cause == "paper"
    assert paper_marks.to_enter(sitting) == [] and refused(enter, begun, cast) == "sat_already"


def test_another_attempt_is_entered_from_paper_where_one_is_left(begun, sitting, cast):
    attempts.submit(attempt=begun, at=clock.now())
    assert refused(enter, begun, cast) == "sat_already"
    allow(sitting, cast)
    other = sitting.papers.exclude(pk=begun.paper_id).get()

    made = enter(begun, cast, paper=other, points={item.position: item.points for item in other.items.all()})

    assert made.submission.attempt.paper == other and made.submission.attempt.turn == 2
    assert refused(enter, begun, cast) == "sat_already"


def test_both_sheets_of_somebody_with_two_attempts_are_entered_and_agreed_to(sitting, cast, sign_in):
    papers = list(sitting.papers.order_by("label"))
    allow(sitting, cast)
    Sitting.objects.filter(pk=sitting.pk).update(opens_at=clock.now() - 120 * MINUTE, closes_at=clock.now() - 60 * MINUTE)
    page, client = reverse("sitting_marks", args=[sitting.pk, cast.learner.pk]), sign_in(cast.hr)
    for paper in papers:
        points = {f"points-{item.position}": str(item.points) for item in paper.items.all()}
        posted = {"paper": paper.pk, "seen": newest(sitting, cast)} | points
        assert client.post(page, posted).status_code == 302
        assert client.post(page, posted).status_code == 422, "sent twice"
    assert client.post(page, posted | {"seen": newest(sitting, cast)}).status_code == 422
    assert Submission.objects.count() == 2

    first, second = Submission.objects.order_by("pk")
    seen = client.get(page).text
    assert f"?attempt={first.attempt_id}" in seen and "another=1" not in seen
    assert client.get(f"{page}?attempt={first.attempt_id}").context["standing"] == first.attempt
    decider = sign_in(cast.admin)
    for submission in (first, second):
        correction = submission.corrections.get()
        address = reverse("marks_decide", args=[sitting.pk, cast.learner.pk, correction.pk])
        assert decider.post(address, {"decision": "yes"}).status_code == 302
        assert submission.result.passed
    address = reverse("marks_correct", args=[sitting.pk, cast.learner.pk])
    assert client.get(address).context["attempt"] == second.attempt
    assert client.get(f"{address}?attempt={first.attempt_id}").context["attempt"] == first.attempt


def test_a_sheet_that_two_enter_at_once_takes_no_further_attempt(begun, sitting, cast):
    go_on(begun, cast)
    allow(sitting, cast)
    seen = newest(sitting, cast)
    entered = enter(begun, cast, seen=seen)

    assert refused(enter, begun, cast, seen=seen, by=cast.admin) == "sat_already" and Submission.objects.get() == entered.submission
    assert enter(begun, cast, seen=entered.submission.attempt_id).submission != entered.submission  # its second sheet


def test_hr_finds_where_another_sheet_is_entered(begun, sitting, cast, sign_in):
    attempts.submit(attempt=begun, at=clock.now())
    allow(sitting, cast)
    Sitting.objects.filter(pk=sitting.pk).update(opens_at=clock.now() - 120 * MINUTE, closes_at=clock.now() - 60 * MINUTE)
    page, client = reverse("sitting_marks", args=[sitting.pk, cast.learner.pk]), sign_in(cast.hr)

    assert page in client.get(reverse("sitting_candidates", args=[sitting.pk])).text
    assert "another=1" in client.get(page).text and client.get(page).context["form"] is None
    assert len(client.get(f"{page}?another=1").context["papers"]) == 2


def test_the_marks_of_the_sheet_are_entered_once_and_count_as_one_attempt(begun, sitting, cast, django_capture_on_commit_callbacks):
    go_on(begun, cast)
    assert paper_marks.to_enter(sitting) == [begun]
    with django_capture_on_commit_callbacks(execute=True):
        made = agree(enter(begun, cast), by=cast.admin, at=begun.sitting.over_at)

    attempt = made.submission.attempt
    assert made.passed and attempt.turn == 1 and attempt.paper == begun.paper and attempt != begun
    assert refused(enter, begun, cast) == "sat_already" and paper_marks.to_enter(sitting) == []
    assert Submission.objects.count() == 1 and Answer.objects.filter(attempt=begun).exists()
    assert Sitting.objects.with_numbers().get().handed_in == 1
    state = attempts.standing(person=cast.learner, quiz=sitting.quiz, sitting=sitting, at=clock.now())
    assert state.left == 0 and Completion.objects.filter(person=cast.learner).exists()


def test_only_the_paper_of_the_screen_is_entered(begun, sitting, cast):
    go_on(begun, cast)
    other = sitting.papers.exclude(pk=begun.paper_id).get()
    assert refused(enter, begun, cast, paper=other) == "began_other_paper" and not Marking.objects.exists()


def test_what_the_screen_earned_is_known_by_the_number_on_the_paper(begun, cast):
    go_on(begun, cast)
    judge = begun.paper.items.get(kind="judge")
    assert paper_marks.on_screen(begun, begun.paper) == {judge.position: judge.points}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda cast, attempt: {"reason": " "}, "no_reason"),
        (lambda cast, attempt: {"by": cast.learner}, "own_attempt"),
        (lambda cast, attempt: {"at": attempt.shuts_at}, "over"),
        (lambda cast, attempt: attempts.submit(attempt=attempt, at=clock.now()) and {}, "over"),
    ],
)
def test_the_screen_stays_open_where_it_must_not_be_closed(begun, cast, change, code):
    assert refused(go_on, begun, cast, **change(cast, begun)) == code and not GoneOnPaper.objects.exists()


def test_questions_drawn_for_one_person_are_on_no_printed_paper(open_sitting, cast):
    attempt = sittings.enter(person=cast.learner, sitting=open_sitting, at=clock.now())
    assert refused(go_on, attempt, cast) == "no_printed_paper"


def test_the_board_and_the_open_page_know_of_it(begun, sitting, cast):
    go_on(begun, cast)
    assert board.of(sitting, at=clock.now()).page[0].state == board.State.PAPER
    assert presence.state(attempt_id=begun.pk, person=cast.learner, at=clock.now()).is_over


# ---- the doors -----------------------------------------------------------------------------


@pytest.mark.parametrize("who", EVERYBODY)
def test_who_watches_the_sitting_lets_somebody_go_on_on_paper(begun, sitting, cast, sign_in, who):
    address = reverse("attempt_on_paper", args=[sitting.pk, begun.pk])
    client, may = sign_in(getattr(cast, who)), who in {"hr", "admin", "liaison"}
    assert client.get(address).status_code == (200 if may else 404)
    assert client.post(address, {"reason": WHY, "sure": "on"}).status_code == (302 if may else 404)
    assert GoneOnPaper.objects.exists() == may


def test_the_invigilator_closes_the_screen_and_hr_enters_the_sheet(begun, sitting, cast, sign_in):
    one = reverse("watch_one", args=[sitting.pk, begun.pk])
    door = reverse("attempt_on_paper", args=[sitting.pk, begun.pk])
    liaison = sign_in(cast.liaison)
    assert door in liaison.get(one).text
    wrong = liaison.post(door, {"reason": WHY})
    assert wrong.status_code == 422 and WHY in wrong.text and not GoneOnPaper.objects.exists()
    done = liaison.post(door, {"reason": WHY, "sure": "on"}, follow=True).text
    assert WHY in done and door not in done and "改用纸质" in liaison.get(reverse("sitting_watch", args=[sitting.pk])).text

    Sitting.objects.filter(pk=sitting.pk).update(closes_at=clock.now() - MINUTE)
    hr, page = sign_in(cast.hr), reverse("sitting_marks", args=[sitting.pk, cast.learner.pk])
    assert page in hr.get(reverse("sitting_manage", args=[sitting.pk])).text
    assert page in hr.get(reverse("sitting_candidates", args=[sitting.pk])).text
    form = hr.get(page)
    judge = begun.paper.items.get(kind="judge")
    assert WHY in form.text and form.context["form"][f"points-{judge.position}"].value() == judge.points
    posted = {f"points-{item.position}": str(item.points) for item in begun.paper.items.all()}
    posted |= {"seen": form.context["form"]["seen"].value()}
    told = hr.post(page, posted | {"paper": begun.paper_id}, follow=True)
    assert "须由第二人" in told.text and Marking.objects.get().score == sum(item.points for item in begun.paper.items.all())


def test_the_candidate_is_told_on_every_page_of_the_attempt(begun, sitting, cast, sign_in):
    go_on(begun, cast)
    learner = sign_in(cast.learner)
    for name in ("attempt", "attempt_submit", "attempt_result", "attempt_slip"):
        page = learner.get(reverse(name, args=[begun.pk]), follow=True)
        assert page.redirect_chain == [(reverse("sitting", args=[sitting.pk]), 302)] and "您已改用纸质继续作答" in page.text, name
    assert learner.post(reverse("attempt_submit", args=[begun.pk])).status_code == 302
    assert sign_in(cast.hr).get(reverse("attempt_result", args=[begun.pk])).status_code == 404
    learner = sign_in(cast.learner)
    assert "纸质" in learner.get(reverse("sitting", args=[sitting.pk])).text
    assert "改用纸质" in learner.get(reverse("sittings")).text
    assert learner.get(reverse("attempt_answer", args=[begun.pk])).json()["over"]


def test_half_points_of_the_sheet_stand_as_entered(begun, cast):
    go_on(begun, cast)
    points = {item.position: Decimal(0) for item in begun.paper.items.all()}
    made = enter(begun, cast, points)
    assert made.is_complete and not made.passed and made.score == 0
