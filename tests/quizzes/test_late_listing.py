"""Who came unlisted and wrote on a blank sheet is listed after the close; nobody is taken off who may be writing."""

import pytest
from django.urls import reverse

from core import clock
from core.errors import Refused
from people.models import Person
from quizzes.models import Candidate, Marking, Sitting
from quizzes.services import candidates, paper_marks
from tests.quizzes.test_on_paper import MINUTE, with_papers
from tests.quizzes.test_papers import exam  # noqa: F401


@pytest.fixture
def sitting(exam, cast):  # noqa: F811
    """Closed since an hour, with papers; the learner is listed."""
    return with_papers(exam, cast, opens_at=clock.now() - 120 * MINUTE, minutes=60)


@pytest.fixture
def running(exam, cast):  # noqa: F811
    return with_papers(exam, cast, opens_at=clock.now() - 10 * MINUTE, minutes=60)


def refused(call, **given) -> str:
    with pytest.raises(Refused) as error:
        call(**given)
    assert error.value.message
    return error.value.code


def test_who_came_unlisted_is_listed_after_the_close_with_a_reason_and_a_second_person_agrees(sitting, cast, sign_in):
    hr, page = sign_in(cast.hr), reverse("sitting_candidates", args=[sitting.pk])
    late = {"act": "late", "number": cast.colleague.employee_number}
    assert "late_reason" in hr.get(page).text
    assert hr.post(page, late | {"late_reason": " "}).status_code == 422 and sitting.candidates.count() == 1

    text = hr.post(page, late | {"late_reason": "临时调入，用空白答题纸"}, follow=True).text
    assert "临时调入" in text and sitting.candidates.get(person=cast.colleague).late_reason == "临时调入，用空白答题纸"

    marks = reverse("sitting_marks", args=[sitting.pk, cast.colleague.pk])
    paper = sitting.papers.first()
    points = {f"points-{item.position}": str(item.points) for item in paper.items.all()}
    hr.post(marks, points | {"paper": paper.pk, "seen": "0"})
    assert not Marking.objects.get().is_complete
    assert "临时调入" in hr.get(marks).text
    assert "临时调入" in sign_in(cast.admin).get(reverse("marks_agree", args=[sitting.pk])).text
    waiting = Marking.objects.get().submission.corrections.get()
    assert refused(paper_marks.decide, correction=waiting, approved=True, by=cast.hr, at=clock.now()) == "same_person"
    assert paper_marks.decide(correction=waiting, approved=True, by=cast.admin, at=clock.now()).made.passed


def test_late_listing_is_for_closed_sittings_with_papers_and_for_who_may_sit(sitting, running, cast):
    facts = {"sitting": sitting, "number": cast.colleague.employee_number, "reason": "临时调入", "by": cast.hr, "at": clock.now()}
    assert refused(candidates.list_late, **facts | {"sitting": running}) == "not_over"
    assert refused(candidates.list_late, **facts | {"number": cast.hr.employee_number}) == "own_listing"
    assert refused(candidates.list_late, **facts | {"number": "YA99999"}) == "bad_row"
    assert refused(candidates.list_late, **facts | {"number": cast.trainer.employee_number}) == "bad_row", "sealed the paper"
    assert refused(candidates.list_late, **facts | {"number": cast.learner.employee_number}) == "listed_already"
    sitting.papers.clear()
    assert refused(candidates.list_late, **facts) == "no_papers"
    assert sitting.candidates.count() == 1


@pytest.mark.parametrize("since", [{"unit": True}, {"status": "left", "is_active": False}])
def test_who_has_moved_or_left_since_is_listed_late_all_the_same(sitting, cast, since):
    changes = since | ({"unit": cast.other_hr.unit} if "unit" in since else {})
    Person.objects.filter(pk=cast.colleague.pk).update(**changes)
    facts = {"sitting": sitting, "number": cast.colleague.employee_number, "reason": "漏列", "by": cast.hr, "at": clock.now()}

    assert candidates.list_late(**facts).person == cast.colleague
    assert refused(candidates.list_late, **facts | {"number": cast.other_hr.employee_number}) == "bad_row"


def test_marks_of_who_has_moved_since_are_entered_also_where_the_sitting_had_no_list(sitting, cast, sign_in):
    Sitting.objects.filter(pk=sitting.pk).update(is_listed=False)
    Person.objects.filter(pk__in=[cast.learner.pk, cast.colleague.pk]).update(unit=cast.other_hr.unit)
    candidates.list_late(
        sitting=Sitting.objects.get(pk=sitting.pk), number=cast.colleague.employee_number, reason="漏列", by=cast.hr, at=clock.now()
    )
    hr, page = sign_in(cast.hr), reverse("sitting_candidates", args=[sitting.pk])

    marks = reverse("sitting_marks", args=[sitting.pk, cast.colleague.pk])
    assert marks in hr.get(page).text and hr.get(marks).status_code == 200
    points = {f"points-{item.position}": "0" for item in sitting.papers.first().items.all()}
    assert hr.post(marks, points | {"paper": sitting.papers.first().pk, "seen": "0"}).status_code == 302 and Marking.objects.exists()
    assert hr.get(reverse("sitting_marks", args=[sitting.pk, cast.own_leader.pk])).status_code == 200, "serves here"
    assert hr.get(reverse("sitting_marks", args=[sitting.pk, cast.stranger.pk])).status_code == 404


def test_a_seat_that_two_rows_of_one_list_ask_for_is_said_to_be_asked_for_twice_and_not_taken(running, cast):
    rows = [
        candidates.Row(1, cast.colleague.employee_number, "一号考场", "09"),
        candidates.Row(2, cast.own_leader.employee_number, "一号考场", "09"),
    ]
    [error] = candidates.plan(sitting=running, rows=rows).errors
    assert "第1行" in error.message and "赵一山" not in error.message and "李云" in error.message and error.row == 2
    [error] = candidates.plan(sitting=running, rows=[candidates.Row(1, cast.colleague.employee_number, "一号考场", "07")]).errors
    assert "已有人" in error.message, "the learner sits there"


def test_nobody_is_taken_off_the_list_once_a_paper_sitting_has_opened(running, cast):
    Candidate.objects.create(sitting=running, person=cast.colleague)
    facts = {"sitting": running, "people": [cast.colleague.pk], "by": cast.hr}
    assert refused(candidates.remove, **facts, at=clock.now()) == "has_opened"
    assert candidates.remove(**facts, at=running.opens_at - MINUTE) == 1
    screen = Sitting.objects.get(pk=running.pk)
    screen.papers.clear()
    Candidate.objects.create(sitting=screen, person=cast.colleague)
    assert candidates.remove(**facts, at=clock.now()) == 1, "on the screen it is known who began"


def test_a_double_click_lists_once_and_is_refused_nothing(sitting, cast, sign_in):
    hr, page = sign_in(cast.hr), reverse("sitting_candidates", args=[sitting.pk])
    late = {"act": "late", "number": cast.colleague.employee_number.lower(), "late_reason": "临时调入"}
    assert [hr.post(page, late).status_code for _ in range(2)] == [302, 302]
    assert sitting.candidates.filter(person=cast.colleague).count() == 1
    assert hr.post(page, late | {"late_reason": "另有原因"}).status_code == 422
