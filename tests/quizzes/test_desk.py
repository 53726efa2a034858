"""The doors of marking and of marking again: who may open them, and what they show."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from django.template.loader import render_to_string
from django.urls import reverse

from quizzes.models import ItemMark, Marking, MarkingTask, Question, Rating, Remark, RemarkDecision
from quizzes.services import ratings, remarks
from tests.cast import EVERYBODY, NOON
from tests.quizzes.test_ratings import sit as essay  # noqa: F401
from tests.quizzes.test_remarks import LATER, case, edited, exam, sit  # noqa: F401

AUTHORS = {"trainer", "reviewer", "admin"}
READ_REMARKS = AUTHORS | {"hr", "auditor"}


@pytest.mark.parametrize("who", EVERYBODY)
def test_the_queue_is_for_the_countys_authors(sign_in, cast, essay, who):  # noqa: F811
    essay()
    client = sign_in(getattr(cast, who))
    task = MarkingTask.objects.get()

    statuses = [client.get(reverse("marking")).status_code, client.get(reverse("marking_task", args=[task.pk])).status_code]

    assert statuses == ([200, 200] if who in AUTHORS else [403, 403])


def test_a_marker_works_through_the_queue_without_seeing_names(sign_in, cast, essay, django_capture_on_commit_callbacks):  # noqa: F811
    submission = essay()
    client = sign_in(cast.trainer)
    page = client.post(reverse("marking_next"), {"quiz": submission.attempt.quiz_id}, follow=True)
    assert "二十个工作日内答复" in page.text and "要点完整" in page.text
    assert submission.attempt.person_name not in page.text and submission.attempt.employee_number not in page.text

    with django_capture_on_commit_callbacks(execute=True):
        done = client.post(page.request["PATH_INFO"], {"points-0": "6", "points-1": "3.5", "comment": "依据写得准"}, follow=True)

    assert Rating.objects.get().points == ["6", "3.5"] and Marking.objects.current().get().passed
    assert done.request["PATH_INFO"] == reverse("marking")
    result = sign_in(cast.learner).get(reverse("attempt_result", args=[submission.attempt_id]))
    assert "依据写得准" in result.text and cast.trainer.name not in result.text


def test_the_marker_of_a_cases_essay_reads_its_material(sign_in, cast, case):  # noqa: F811
    page = sign_in(cast.trainer).get(reverse("marking_task", args=[MarkingTask.objects.get().pk]))
    assert "居民李某申请公开。" in page.text and "说明理由。" in page.text


def test_points_outside_are_refused_and_the_comment_stays_in_the_form(sign_in, cast, essay):  # noqa: F811
    essay()
    task = ratings.claim(marker=cast.trainer, at=NOON)

    page = sign_in(cast.trainer).post(reverse("marking_task", args=[task.pk]), {"points-0": "9", "points-1": "3", "comment": "写得好"})

    assert page.status_code == 422 and "写得好" in page.text and not Rating.objects.exists()


def test_who_has_marked_an_answer_or_comes_when_it_is_settled_finds_a_sentence_and_no_form(sign_in, cast, essay):  # noqa: F811
    essay(markers=2)
    task = MarkingTask.objects.get()
    address = reverse("marking_task", args=[task.pk])
    for marker, points, word in [
        (cast.trainer, (6, 4), "您已评过"),
        (cast.reviewer, (0, 0), "您已评过"),
        (cast.admin, (6, 4), "已评定"),
    ]:
        assert "points-0" in sign_in(marker).get(address).text
        ratings.rate(task=task, marker=marker, points=[Decimal(point) for point in points], at=NOON)
        page = sign_in(marker).get(address).text
        assert word in page and "points-0" not in page and "以您的评分为准" not in page
    for marker in (cast.trainer, cast.reviewer):
        page = sign_in(marker).get(address).text
        assert "已评定" in page and "points-0" not in page and "以您的评分为准" not in page and "还有" not in page
    sent = sign_in(cast.trainer).post(address, {"points-0": "1", "points-1": "1", "comment": "第二次"})
    assert sent.status_code == 422 and "第二次" in sent.text, "what was typed is not lost"


def test_the_sample_answer_is_drawn_as_on_the_result_page(sign_in, cast, essay, monkeypatch):  # noqa: F811
    essay()
    text = replace(ratings.task_text(MarkingTask.objects.get()), sample="面积为 \\(\\frac{1}{2}\\)。\n\n第二段。")
    monkeypatch.setattr("quizzes.desk.ratings.task_text", lambda task: text)
    page = sign_in(cast.trainer).get(reverse("marking_task", args=[MarkingTask.objects.get().pk])).text
    assert "<mfrac>" in page and "\\(" not in page and "第二段。</p>" in page


def test_ones_own_paper_is_not_found(sign_in, cast, essay):  # noqa: F811
    essay(person=cast.trainer)
    assert sign_in(cast.trainer).get(reverse("marking_task", args=[MarkingTask.objects.get().pk])).status_code == 404


def test_a_partial_result_says_so(sign_in, cast, essay):  # noqa: F811
    submission = essay()
    page = sign_in(cast.learner).get(reverse("attempt_result", args=[submission.attempt_id]))
    assert "部分结果" in page.text and "未通过" not in page.text and "不合格" not in page.text


@pytest.fixture
def remark(cast, sit):  # noqa: F811
    sit(cast.learner, "B")
    sit(cast.colleague, "A")
    question = Question.objects.get(code="R-1")
    return remarks.propose(question=question, remedy="new_key", key=["B"], reason="应为二十个工作日", by=cast.trainer, at=LATER)


@pytest.mark.parametrize("who", EVERYBODY)
def test_re_markings_are_for_authors_hr_and_auditors(sign_in, cast, remark, who):
    client = sign_in(getattr(cast, who))
    assert client.get(reverse("remark_list")).status_code == (200 if who in READ_REMARKS | {"other_hr"} else 403)
    assert client.get(reverse("remark", args=[remark.pk])).status_code == (
        200 if who in READ_REMARKS else 404 if who == "other_hr" else 403
    )
    new = client.get(reverse("remark_new", args=[remark.question_id])).status_code
    assert new == (200 if who in AUTHORS else 403)


def test_names_are_for_hr_and_auditors(sign_in, cast, remark):
    for who, sees in [("hr", True), ("auditor", True), ("trainer", False), ("reviewer", False)]:
        page = sign_in(getattr(cast, who)).get(reverse("remark", args=[remark.pk]))
        assert (cast.learner.name in page.text) == sees, who


def test_where_somebody_serves_is_told_only_to_those_who_read_names(sign_in, cast, remark, django_capture_on_commit_callbacks):
    """A section of few people and a score are a name. The analysis tells no such line either."""
    for decided in (False, True):
        if decided:
            remarks.decide(remark=remark, approved=True, by=cast.reviewer, at=LATER)
            remarks.apply(remark, at=LATER)
        for who, sees in [("hr", True), ("auditor", True), ("trainer", False), ("reviewer", False)]:
            page = sign_in(getattr(cast, who)).get(reverse("remark", args=[remark.pk])).text
            main = page[page.index("<main") : page.index("</main")]
            assert (cast.section.name in main) == sees, (who, decided)
    marks = {"by_hand": [ItemMark.objects.first()], "left_out": [ItemMark.objects.first()], "by_hand_count": 1, "left_out_count": 1}
    for part in ("_by_hand", "_left_out"):
        for names in (True, False):
            assert (cast.section.name in render_to_string(f"quizzes/{part}.html", marks | {"names": names})) == names


def test_the_dry_run_names_the_certificate_that_hangs_on_a_pass(sign_in, cast, remark):
    page = sign_in(cast.hr).get(reverse("remark", args=[remark.pk]))
    assert "不再合格" in page.text and "结业" in page.text


def right_answers(page) -> list[list[str]]:
    """What each list of the two keys calls right."""
    lists = re.findall(r'<ul class="quiz-outcome">(.*?)</ul>', page.text, re.DOTALL)
    return [re.findall(r'<li class="is-right">.*?(七个工作日|二十个工作日)', one, re.DOTALL) for one in lists]


def test_who_decides_reads_the_key_that_stood_and_the_one_proposed_also_afterwards(sign_in, cast, remark):
    address = reverse("remark", args=[remark.pk])
    assert right_answers(sign_in(cast.hr).get(address)) == [["七个工作日"], ["二十个工作日"]]
    remarks.decide(remark=remark, approved=True, by=cast.hr, at=LATER)
    assert right_answers(sign_in(cast.hr).get(address)) == [["七个工作日"], ["二十个工作日"]]


def test_where_everybody_gets_full_marks_there_is_no_other_key_to_read(sign_in, cast, exam):  # noqa: F811
    question = Question.objects.get(code="R-1")
    free = remarks.propose(question=question, remedy="all_right", reason="有歧义", by=cast.trainer, at=LATER)
    assert right_answers(sign_in(cast.hr).get(reverse("remark", args=[free.pk]))) == [["七个工作日"]]


def test_who_decides_is_told_that_the_proposer_gains_and_has_no_yes_to_their_own_gain(sign_in, cast, sit):  # noqa: F811
    sit(cast.trainer, "B")
    sit(cast.reviewer, "B")
    question = Question.objects.get(code="R-1")
    asked = remarks.propose(question=question, remedy="new_key", key=["B"], reason="应为二十个工作日", by=cast.trainer, at=LATER)
    address = reverse("remark", args=[asked.pk])
    for who, has_yes in [("hr", True), ("reviewer", False)]:
        page = sign_in(getattr(cast, who)).get(address).text
        assert f"提出人{cast.trainer.name}本人会因此得更多分" in page and ('value="yes"' in page) == has_yes, who
    sent = sign_in(cast.reviewer).post(address, {"decision": "yes"})
    assert sent.status_code == 422 and "须由他人同意" in sent.text and not RemarkDecision.objects.exists()


def test_hr_says_that_passes_are_lost_of_the_list_that_stood_on_the_page(sign_in, cast, remark, sit):  # noqa: F811
    client, address = sign_in(cast.hr), reverse("remark", args=[remark.pk])
    seen = client.get(address).context["losers"]
    sit(cast.trainer, "A")
    late = client.post(address, {"decision": "yes", "may_lose": "on", "losers": seen})
    assert late.status_code == 422 and "名单" in late.text and not RemarkDecision.objects.exists()
    client.post(address, {"decision": "yes", "may_lose": "on", "losers": late.context["losers"]})
    assert RemarkDecision.objects.get().may_lose


def test_a_third_marker_is_told_that_their_points_settle_it(sign_in, cast, essay):  # noqa: F811
    essay(markers=2)
    task = MarkingTask.objects.get()
    address = reverse("marking_task", args=[task.pk])
    assert "互不可见" in sign_in(cast.admin).get(address).text
    for marker, points in [(cast.trainer, (6, 4)), (cast.reviewer, (1, 1))]:
        ratings.rate(task=task, marker=marker, points=points, at=NOON)
    third = sign_in(cast.admin).get(address).text
    assert "互不可见" not in third and "以您的评分为准" in third


def test_hr_decides_and_the_page_shows_what_changed(sign_in, cast, remark, django_capture_on_commit_callbacks):
    client = sign_in(cast.hr)
    with django_capture_on_commit_callbacks(execute=True):
        page = client.post(reverse("remark", args=[remark.pk]), {"decision": "yes"}, follow=True)

    assert RemarkDecision.objects.get().approved and Marking.objects.filter(cause="remark").count() == 2
    assert "保留合格" in page.text
    result = sign_in(cast.learner).get(
        reverse("attempt_result", args=[Marking.objects.filter(cause="remark").first().submission.attempt_id])
    )
    assert "重新评分" in result.text and "应为二十个工作日" in result.text


def test_a_re_marking_that_changes_nobody_says_that_it_is_done(sign_in, cast, remark):
    quiet = remarks.propose(question=Question.objects.get(code="R-2"), remedy="all_right", reason="有歧义", by=cast.trainer, at=LATER)
    remarks.decide(remark=quiet, approved=True, by=cast.hr, at=LATER)
    page = sign_in(cast.hr).get(reverse("remark", args=[quiet.pk]))
    assert "没有试卷发生变化" in page.text and "请稍后刷新" not in page.text

    remarks.decide(remark=remark, approved=True, by=cast.hr, at=LATER)
    assert "请稍后刷新" in sign_in(cast.hr).get(reverse("remark", args=[remark.pk])).text


def test_after_a_re_marking_who_kept_a_pass_comes_before_who_only_got_other_marks(sign_in, cast, sit):  # noqa: F811
    sit(cast.liaison, "B", judge=False)  # fails before and after
    sit(cast.colleague, "A")
    asked = remarks.propose(
        question=Question.objects.get(code="R-1"), remedy="new_key", key=["B"], reason="答案错误", by=cast.trainer, at=LATER
    )
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)
    remarks.apply(asked, at=LATER)
    rows = sign_in(cast.hr).get(reverse("remark", args=[asked.pk])).context["rows"]
    assert [row.kept_pass for row in rows] == [True, False]


@pytest.mark.parametrize("who", ["trainer", "auditor", "admin"])
def test_who_proposed_and_who_only_reads_cannot_decide(sign_in, cast, remark, who):
    page = sign_in(getattr(cast, who)).post(reverse("remark", args=[remark.pk]), {"decision": "yes"})
    assert page.status_code == 403 and not RemarkDecision.objects.exists()


def test_proposing_keeps_what_was_typed_when_it_is_refused(sign_in, cast, exam):  # noqa: F811
    question = Question.objects.get(code="R-1")
    page = sign_in(cast.trainer).post(
        reverse("remark_new", args=[question.pk]), {"remedy": "new_key", "lines": "七个工作日\n二十个工作日", "reason": "答案错误"}
    )
    assert page.status_code == 422 and "答案错误" in page.text and not Remark.objects.exists()
    page = sign_in(cast.trainer).post(
        reverse("remark_new", args=[question.pk]), {"remedy": "new_key", "lines": "七个工作日\n* 二十个工作日", "reason": "答案错误"}
    )
    assert page.status_code == 302 and Remark.objects.get().key == ["B"]


@pytest.mark.parametrize("remedy", ["new_key", "all_right"])
def test_who_decides_reads_which_papers_asked_the_question_otherwise(sign_in, cast, sit, remedy):  # noqa: F811
    sit(cast.learner, "B")
    question = edited(cast, "R-1", stem="几个工作日？")
    sit(cast.colleague, "B")
    key = {"key": ["B"]} if remedy == "new_key" else {}
    asked = remarks.propose(question=question, remedy=remedy, reason="答案错误", by=cast.trainer, at=LATER, **key)
    address = reverse("remark", args=[asked.pk])

    page = sign_in(cast.hr).get(address)
    assert "不重新评分的试卷" in page.text and "有 1 份试卷用的是本题的较早版本" in page.text and "第 1 版" in page.text
    assert [mark.marking.submission.attempt.person for mark in page.context["left_out"]] == [cast.learner]
    assert cast.learner.name not in sign_in(cast.reviewer).get(address).text

    remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)
    remarks.apply(asked, at=LATER)
    assert "有 1 份试卷用的是本题的较早版本" in sign_in(cast.hr).get(address).text


def test_the_dry_run_shows_an_essay_that_nobody_has_marked_yet(sign_in, cast, essay):  # noqa: F811
    essay()
    asked = remarks.propose(question=Question.objects.get(code="E-2"), remedy="all_right", reason="有歧义", by=cast.trainer, at=LATER)
    page = sign_in(cast.hr).get(reverse("remark", args=[asked.pk]))
    assert "— → 10" in page.text and page.context["counts"]["gain"] == 1
