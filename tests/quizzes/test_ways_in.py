"""Every page of exams is reached from where its people look: menu, start page, admin, course, sitting."""

import pytest
from django.urls import reverse

from courses.services import catalogues
from quizzes.models import Question, Quiz, Remark
from quizzes.services import remarks, sittings
from tests.cast import EVERYBODY, NOON
from tests.quizzes.exams import make_sitting

MARKERS = {"trainer", "reviewer"}


@pytest.mark.parametrize("who", EVERYBODY)
def test_only_markers_find_the_queue_in_the_menu(sign_in, cast, who):
    html = sign_in(getattr(cast, who)).get(reverse("display")).text
    nav = html.partition('class="site-nav"')[2].partition("</nav>")[0]
    assert (f'href="{reverse("marking")}"' in nav) == (who in MARKERS)
    assert (f'href="{reverse("remark_list")}"' in nav) == (who == "auditor")


def test_the_start_page_says_what_waits_for_whom(sign_in, cast, quiz):
    question = Question.objects.filter(kind="single").first()
    remarks.propose(question=question, remedy=Remark.Remedy.ALL_RIGHT, reason="题干有误", content=None, key=None, by=cast.trainer, at=NOON)

    for who in ("hr", "reviewer"):
        assert "1项重新评分待审定" in sign_in(getattr(cast, who)).get(reverse("my_learning")).text
    for who in ("trainer", "learner"):
        assert "等您办理" not in sign_in(getattr(cast, who)).get(reverse("my_learning")).text


def test_the_admin_leads_a_trainer_to_papers_marking_analysis_and_marking_again(sign_in, cast, quiz):
    catalogues.sync_members(county=cast.county)
    trainer = sign_in(cast.trainer)
    page = trainer.get("/admin/quizzes/").text
    assert all(reverse(name) in page for name in ("exam_list", "marking", "remark_list"))

    page = trainer.get(f"/admin/quizzes/edit/{quiz.pk}/").text
    assert reverse("quiz_analysis", args=[quiz.key]) in page and reverse("paper_list", args=[quiz.key]) not in page
    Quiz.objects.update(is_exam=True)
    assert reverse("paper_list", args=[quiz.key]) in trainer.get(f"/admin/quizzes/edit/{quiz.pk}/").text

    question = Question.objects.first()
    address = reverse("remark_new", args=[question.pk])
    assert address in trainer.get(f"/admin/questions/edit/{question.pk}/").text and trainer.get(address).status_code == 200
    assert "/remarks/new/" not in trainer.get("/admin/questions/new/").text


def test_the_overview_of_a_sitting_leads_to_its_analysis_once_somebody_began(sign_in, cast, quiz):
    sitting = make_sitting(cast, quiz)
    hr, overview = sign_in(cast.hr), reverse("sitting_manage", args=[sitting.pk])
    assert reverse("sitting_analysis", args=[sitting.pk]) not in hr.get(overview).text

    sittings.enter(person=cast.learner, sitting=sitting, at=sitting.opens_at)

    page = hr.get(overview).text
    for address in (reverse("sitting_analysis", args=[sitting.pk]), reverse("quiz_analysis", args=[quiz.key]), reverse("remark_list")):
        assert f'href="{address}"' in page and hr.get(address).status_code == 200, address
    assert reverse("paper_list", args=[quiz.key]) not in page and reverse("marking") not in page
    assert reverse("paper_list", args=[quiz.key]) in sign_in(cast.admin).get(overview).text


def test_the_page_of_a_course_leads_to_practice_once_one_is_enrolled(sign_in, cast, enrolment):
    address = reverse("practice", args=[enrolment.course_id])
    learner, course = sign_in(cast.learner), reverse("course", args=[enrolment.course_id])
    assert f'href="{address}"' in learner.get(course).text and learner.get(address).status_code == 200
    assert address not in sign_in(cast.colleague).get(course).text
