"""The doors of exam papers: for the county's authors alone."""

import pytest
from django.urls import reverse

from quizzes.models import Paper
from quizzes.services import exam_papers
from tests.cast import EVERYBODY, NOON
from tests.quizzes.test_papers import exam  # noqa: F401

AUTHORS = {"trainer", "reviewer", "admin"}


@pytest.mark.parametrize("who", EVERYBODY)
def test_papers_are_for_the_countys_authors(sign_in, cast, exam, who):  # noqa: F811
    made = exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON)[0]
    client = sign_in(getattr(cast, who))
    statuses = {
        client.get(address).status_code
        for address in (reverse("exam_list"), reverse("paper_list", args=["x"]), reverse("paper", args=[made.pk]))
    }
    assert statuses == ({200} if who in AUTHORS else {403})


def test_two_people_make_look_at_and_seal_a_paper(sign_in, cast, exam):  # noqa: F811
    page = sign_in(cast.trainer).post(reverse("paper_list", args=["x"]), {"how": "parallel", "count": "2"}, follow=True)
    assert "试卷A、B" in page.text.replace(" ", "")
    paper = Paper.objects.first()
    for who in (cast.trainer, cast.reviewer):
        client = sign_in(who)
        seen = client.get(reverse("paper", args=[paper.pk]))
        assert "判断" in seen.text
        client.post(reverse("paper", args=[paper.pk]), {"act": "seal", "digest": seen.context["digest"]})
    assert Paper.objects.get(pk=paper.pk).is_sealed


def test_who_seals_reads_each_question_as_candidates_will_and_its_right_answer(sign_in, cast, exam):  # noqa: F811
    paper = exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON)[0]
    page = sign_in(cast.reviewer).get(reverse("paper", args=[paper.pk]))
    assert len(page.context["items"]) == paper.items.count() > 0
    for row in page.context["items"]:
        drawn = page.text.split(f'id="i-{row["item"].position}"')[1].split("</section>")[0]
        assert '<fieldset class="quiz-item" disabled>' in drawn and f'name="{row["item"].pk}' in drawn, row["item"].kind
        assert drawn.count("正确答案") + drawn.count("tag-right") >= 1 and "* " not in drawn


def test_a_seal_on_what_one_did_not_see_is_refused(sign_in, cast, exam):  # noqa: F811
    paper = exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON)[0]
    page = sign_in(cast.reviewer).post(reverse("paper", args=[paper.pk]), {"act": "seal", "digest": "0" * 64})
    assert page.status_code == 409 and not paper.seals.exists()


@pytest.mark.parametrize("chosen", ["S-1", "S-1 fünf", "5", "S-1 NaN", "S-1 1e9", "S-1 5\nX-9 5"])
def test_what_cannot_be_read_is_refused_and_stays_in_the_form(sign_in, cast, exam, chosen):  # noqa: F811
    page = sign_in(cast.trainer).post(reverse("paper_list", args=["x"]), {"how": "fixed", "chosen": chosen})
    assert page.status_code == 422 and chosen.split("\n")[0] in page.text and not Paper.objects.exists()


def test_the_list_does_not_grow_in_queries(sign_in, cast, exam, django_assert_max_num_queries):  # noqa: F811
    exam_papers.make_parallel(quiz=exam, count=3, by=cast.trainer, at=NOON)
    client = sign_in(cast.trainer)
    client.get(reverse("paper_list", args=["x"]))
    with django_assert_max_num_queries(15):
        client.get(reverse("paper_list", args=["x"]))


def test_the_title_of_an_exam_does_not_run_into_its_course(sign_in, cast, exam):  # noqa: F811
    page = sign_in(cast.trainer).get(reverse("exam_list")).text
    assert f'{exam.title}</a><span class="d-block meta">{exam.course_code} · 0份试卷</span>' in page
