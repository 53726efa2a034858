"""Who wrote on paper: no slip, list or board says that they answered nothing, and every attempt of a sitting can be reached."""

import pytest
from django.urls import reverse

from core import clock
from quizzes.models import Candidate, Sitting
from quizzes.services import attempts, paper_marks, sittings, slips
from tests.quizzes.exams import agree
from tests.quizzes.test_on_paper import MINUTE, with_papers
from tests.quizzes.test_papers import exam  # noqa: F401


@pytest.fixture
def sitting(exam, cast):  # noqa: F811
    """Over since an hour; learner and colleague are listed, results are shown."""
    made = with_papers(exam, cast, opens_at=clock.now() - 120 * MINUTE, minutes=60)
    Candidate.objects.create(sitting=made, person=cast.colleague, room="一号考场", seat="08")
    return made


def enter_sheet(sitting, person, cast):
    """Full marks from a sheet, agreed to by a second person; the attempt."""
    paper, seen = sitting.papers.first(), paper_marks.newest(paper_marks.tried_in(sitting, person))
    points = {item.position: item.points for item in paper.items.all()}
    facts = {"person": person, "paper": paper, "sitting": sitting, "seen": seen, "points": points}
    entered = paper_marks.enter_marks(**facts, by=cast.hr, at=clock.now())
    return agree(entered, by=cast.admin, at=clock.now()).submission.attempt


def sat_on_screen(sitting, person, cast):
    """Handed in on the screen without an answer, and given one more attempt."""
    begun = sittings.enter(person=person, sitting=sitting, at=sitting.opens_at + MINUTE)
    attempts.submit(attempt=begun, at=sitting.opens_at + 5 * MINUTE)
    facts = {"extra_attempts": 1, "reason": "换纸", "by": cast.hr, "at": sitting.opens_at + 10 * MINUTE}
    sittings.allow(person=person, quiz=sitting.quiz, sitting=sitting, **facts)
    return begun


def main(page) -> str:
    return page.text[page.text.index("<main") : page.text.index("</main")]


def test_who_wrote_on_paper_is_led_to_the_result_and_to_no_slip_that_says_they_answered_nothing(sitting, cast, sign_in):
    attempt, client = enter_sheet(sitting, cast.learner, cast), sign_in(cast.learner)
    slip, result = (reverse(name, args=[attempt.pk]) for name in ("attempt_slip", "attempt_result"))

    for door in (reverse("sittings"), reverse("sitting", args=[sitting.pk])):
        page = main(client.get(door))
        assert result in page and slip not in page and "纸质作答" in page and "回执</a>" not in page
    assert client.get(slip).url == result and "100" in main(client.get(result))


def test_until_results_are_shown_who_wrote_on_paper_reads_that_they_wait(sitting, cast, sign_in):
    attempt, client = enter_sheet(sitting, cast.learner, cast), sign_in(cast.learner)
    Sitting.objects.filter(pk=sitting.pk).update(results=Sitting.Results.HELD)

    for name in ("attempt_slip", "attempt_result"):
        reply = client.get(reverse(name, args=[attempt.pk]), follow=True)
        assert reply.redirect_chain[-1][0] == reverse("sitting", args=[sitting.pk])
        assert "纸质作答" in main(reply) and "已答题数" not in main(reply)


def test_a_code_of_a_sheet_tells_the_invigilator_that_it_was_written_on_paper_and_no_count(sitting, cast, sign_in):
    attempt = enter_sheet(sitting, cast.learner, cast)
    page = main(sign_in(cast.liaison).post(reverse("sitting_slip", args=[sitting.pk]), {"code": slips.of(attempt).code}))
    assert "纸质作答" in page and "0 / " not in page and "张小明" in page


def test_a_sheet_takes_no_earlier_attempt_out_of_reach(sitting, cast, sign_in):
    screen = sat_on_screen(sitting, cast.learner, cast)
    paper, client = enter_sheet(sitting, cast.learner, cast), sign_in(cast.learner)

    for door in (reverse("sittings"), reverse("sitting", args=[sitting.pk])):
        page = main(client.get(door))
        assert reverse("attempt_slip", args=[screen.pk]) in page and reverse("attempt_result", args=[paper.pk]) in page
    slip = main(client.get(reverse("attempt_slip", args=[screen.pk])))
    assert reverse("attempt_result", args=[screen.pk]) in slip


def test_the_board_calls_a_sheet_written_on_paper_and_counts_no_answers_of_it(sitting, cast, sign_in):
    screen = sat_on_screen(sitting, cast.colleague, cast)
    attempt, client = enter_sheet(sitting, cast.learner, cast), sign_in(cast.liaison)
    page = main(client.get(reverse("sitting_watch", args=[sitting.pk])))
    _before, _head, of_learner = page.partition(f'id="p-{cast.learner.pk}"')

    row = of_learner[: of_learner.index("</tr>")]
    assert "纸质作答" in row and "已交卷" not in row and " / " not in row
    assert f"0 / {screen.items.count()}" in page
    assert "纸质作答" in main(client.get(reverse("watch_one", args=[sitting.pk, attempt.pk])))
