"""The page on which HR enters what somebody wrote on paper."""

from datetime import timedelta

import pytest
from django.urls import reverse

from core import clock
from quizzes.models import Attempt, Candidate, Marking, Sitting
from quizzes.services import exam_papers
from tests.cast import EVERYBODY, NOON
from tests.quizzes.test_papers import exam, seal_twice  # noqa: F401

RIGHT = {"points-1": "5", "points-2": "2.5", "points-3": "5", "points-4": "10", "seen": "0"}


@pytest.fixture
def sitting(exam, cast):  # noqa: F811
    """Closed an hour ago, with papers A and B; the learner is listed."""
    opens_at = clock.now() - timedelta(hours=2)
    made = Sitting.objects.create(quiz=exam, title="年度考试", opens_at=opens_at, closes_at=opens_at + timedelta(hours=1))
    papers = exam_papers.make_parallel(quiz=exam, count=2, by=cast.trainer, at=NOON)
    for paper in papers:
        for position, item in enumerate(paper.items.order_by("kind", "pk"), start=101):
            paper.items.filter(pk=item.pk).update(position=position)
        for position, item in enumerate(paper.items.order_by("-kind", "pk"), start=1):  # the judgement last
            paper.items.filter(pk=item.pk).update(position=position)
        seal_twice(paper, cast)
    made.papers.set(papers)
    Candidate.objects.create(sitting=made, person=cast.learner, room="一号考场", seat="07")
    return made


@pytest.fixture
def address(sitting, cast):
    return reverse("sitting_marks", args=[sitting.pk, cast.learner.pk])


@pytest.mark.parametrize("who", EVERYBODY)
def test_marks_are_entered_by_those_who_organise_the_sitting(sign_in, cast, sitting, address, who):
    client = sign_in(getattr(cast, who))
    assert client.get(address).status_code == (200 if who in {"hr", "admin"} else 404)
    if who not in {"hr", "admin"}:
        assert client.post(address, RIGHT | {"paper": sitting.papers.first().pk}).status_code == 404
        assert not Attempt.objects.exists()


def test_hr_goes_from_the_overview_to_the_marks_of_one_candidate(sign_in, cast, sitting, address):
    hr = sign_in(cast.hr)
    assert reverse("sitting_candidates", args=[sitting.pk]) in hr.get(reverse("sitting_manage", args=[sitting.pk])).text
    assert address in hr.get(reverse("sitting_candidates", args=[sitting.pk])).text
    assert "试卷 B" in hr.get(address).text

    paper = sitting.papers.get(label="B")
    page = hr.get(address, {"paper": paper.pk}).text
    assert "第4题（判断题，0至10分）" in page and paper.items.first().stem not in page
    done = hr.post(address, RIGHT | {"paper": paper.pk}, follow=True)

    assert "22.5" in done.text
    marking = Marking.objects.get()
    assert (marking.cause, str(marking.score), Attempt.objects.get().paper) == ("paper", "22.50", paper)
    assert "已录入成绩" in hr.get(reverse("sitting_candidates", args=[sitting.pk])).text


def test_points_beyond_the_maximum_are_refused_and_what_was_typed_stays(sign_in, cast, sitting, address):
    posted = RIGHT | {"points-4": "11", "points-2": "NaN", "paper": sitting.papers.first().pk}
    page = sign_in(cast.hr).post(address, posted)
    assert page.status_code == 422 and not Attempt.objects.exists()
    assert 'value="11"' in page.text and 'value="2.5"' not in page.text
    assert set(page.context["form"].errors) == {"points-2", "points-4"} and page.context["form"].total == 10


def test_a_sitting_that_is_not_over_takes_no_marks(sign_in, cast, sitting, address):
    Sitting.objects.update(closes_at=clock.now() + timedelta(hours=1))
    hr = sign_in(cast.hr)
    assert "场次对所有人结束后" in hr.get(address).text
    assert hr.post(address, RIGHT | {"paper": sitting.papers.first().pk}).status_code == 422 and not Attempt.objects.exists()


def test_papers_of_other_sittings_are_not_taken(sign_in, cast, exam, sitting, address):  # noqa: F811
    strange = exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON)[0]
    page = sign_in(cast.hr).post(address, RIGHT | {"paper": strange.pk})
    assert page.status_code == 200 and "哪一份试卷" in page.text and not Attempt.objects.exists()
