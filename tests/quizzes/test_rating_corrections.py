"""An essay's mark is explained criterion by criterion, and corrected by two persons without overwriting anything."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core import clock
from core.errors import Refused
from core.models import FactChanged
from courses.models import Completion, Course, Reversal, Withdrawal
from courses.services import catalogues
from evaluation import archive, archive_paper
from evaluation.models import LedgerEntry
from home import waiting
from people.models import Person, ReadingOfOthers, Role, RoleGrant
from quizzes import desk
from quizzes.models import GoneOnPaper, Marking, MarkingTask, Question, Rating, RatingCorrection, RatingCorrectionDecision
from quizzes.services import rating_corrections, ratings, remarks
from tests.cast import EVERYBODY, NOON, grant
from tests.factories import make_course
from tests.quizzes.exams import make_sitting
from tests.quizzes.test_ratings import rate, sit  # noqa: F401
from tests.quizzes.test_remarks import case, exam  # noqa: F401

LATER = NOON + timedelta(hours=1)
OVERSEE = {"hr", "auditor", "reviewer", "admin"}
CORRECT = OVERSEE - {"auditor"}


@pytest.fixture
def second(cast):
    """Somebody else who is HR of the whole county."""
    grant(cast.other_leader, Role.HR, cast.county)
    return cast.other_leader


@pytest.fixture
def third_gave_nothing(sit, rate, cast):  # noqa: F811
    """Two markers gave 10 and 2 of 10; the third, whose points stand, 4 and 0. With the question of the machine 14 of 20: failed."""
    submission = sit(markers=2)
    for marker, points, comment in [
        (cast.trainer, (6, 4), "写得全"),
        (cast.reviewer, (2, 0), "没有依据"),
        (cast.admin, (4, 0), "要点尚可"),
    ]:
        task = ratings.claim(marker=marker, at=NOON)
        ratings.rate(task=task, marker=marker, points=[Decimal(p) for p in points], comment=comment, at=NOON)
    return submission


@pytest.fixture
def propose(cast):
    def go(submission, *points, **changes):
        task = MarkingTask.objects.get(submission=submission)
        facts = {"seen": stands(submission).pk, "reason": "漏看了依据一项", "by": cast.hr, "at": LATER} | changes
        return rating_corrections.propose(task=task, points=[Decimal(p) for p in points], **facts)

    return go


@pytest.fixture
def decide(second, django_capture_on_commit_callbacks):
    def go(correction, **changes):
        facts = {"approved": True, "by": second, "at": LATER} | changes
        with django_capture_on_commit_callbacks(execute=True):
            return rating_corrections.decide(correction=correction, **facts)

    return go


def stands(submission) -> Marking:
    return Marking.objects.current().get(submission=submission)


def refused(call, *given, **more) -> str:
    with pytest.raises(Refused) as error:
        call(*given, **more)
    return error.value.code


def shown(client, submission) -> str:
    """The words of the result page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get(reverse("attempt_result", args=[submission.attempt_id])).text))


# ---- the learner's page ---------------------------------------------------------------------


def test_the_result_page_says_what_each_criterion_earned_by_the_rating_that_stands(sign_in, cast, third_gave_nothing):
    page = shown(sign_in(cast.learner), third_gave_nothing)
    assert "要点完整 4/6 分" in page and "依据准确 0/4 分" in page and "4/10 分" in page


def test_an_essay_is_neither_right_nor_wrong(sign_in, cast, sit, rate):  # noqa: F811
    for person, points in [(cast.learner, (6, 4)), (cast.colleague, (0, 0))]:
        submission = sit(person=person)
        rate(cast.trainer, *points)
        page = sign_in(person).get(reverse("attempt_result", args=[submission.attempt_id]))
        essay = next(one for one in page.text.split("<section") if "答复期限如何计算" in one)
        assert "正确" not in essay and "错误" not in essay and f"{sum(points)}/10 分" in essay
        assert (page.context["right"], page.context["of_keys"]) == (1, 1), "of the questions that can be right"


def test_of_two_who_agree_the_mean_of_each_criterion_is_shown(sign_in, cast, sit, rate):  # noqa: F811
    submission = sit(markers=2)
    rate(cast.trainer, 6, 3)
    rate(cast.reviewer, 5, 3)
    page = shown(sign_in(cast.learner), submission)
    assert "要点完整 5.5/6 分" in page and "依据准确 3/4 分" in page and "8.5/10 分" in page


def test_an_essay_within_a_case_says_what_it_earned(sign_in, cast, case):  # noqa: F811
    task = MarkingTask.objects.get()
    most = [Decimal(c["points"]) for c in ratings.criteria_of(ratings.task_text(task))]
    ratings.rate(task=task, marker=cast.trainer, points=[most[0] / 2, *most[1:]], at=LATER)
    attempt = task.submission.attempt
    page = shown(sign_in(attempt.person), task.submission)
    part = page[page.index("说明理由。") - 80 :]
    assert "由人评阅" not in part and re.search(r"[\d.]+/[\d.]+ 分", part)


def test_only_comments_of_ratings_that_stand_reach_the_learner(sign_in, cast, third_gave_nothing):
    page = shown(sign_in(cast.learner), third_gave_nothing)
    assert "要点尚可" in page and "写得全" not in page and "没有依据" not in page


def test_both_comments_of_two_who_agree_reach_the_learner(sign_in, cast, sit):  # noqa: F811
    submission = sit(markers=2)
    for marker, comment in [(cast.trainer, "写得全"), (cast.reviewer, "依据准")]:
        task = ratings.claim(marker=marker, at=NOON)
        ratings.rate(task=task, marker=marker, points=[Decimal(6), Decimal(4)], comment=comment, at=NOON)
    page = shown(sign_in(cast.learner), submission)
    assert "写得全" in page and "依据准" in page


def test_where_everybody_is_given_full_marks_no_criterion_says_otherwise(sign_in, cast, third_gave_nothing):
    free = remarks.propose(question=Question.objects.get(code="E-2"), remedy="all_right", reason="有歧义", by=cast.trainer, at=LATER)
    remarks.decide(remark=free, approved=True, by=cast.hr, at=LATER)
    remarks.apply(free, at=LATER)
    page = shown(sign_in(cast.learner), third_gave_nothing)
    assert "10/10 分" in page and "4/6 分" not in page


# ---- who reads what each marker gave -----------------------------------------------------------


@pytest.mark.parametrize("who", EVERYBODY)
def test_what_each_marker_gave_is_for_those_who_oversee_the_marking(sign_in, cast, third_gave_nothing, who):
    submission, client = third_gave_nothing, sign_in(getattr(cast, who))
    task = MarkingTask.objects.get()
    page = client.get(reverse("attempt_ratings", args=[submission.attempt_id]))
    assert page.status_code == (200 if who in OVERSEE else 404)
    form = reverse("rating_correct", args=[submission.attempt_id, task.pk])
    assert client.get(form).status_code == (200 if who in CORRECT else 404)
    posted = {"points-0": "6", "points-1": "4", "reason": "漏看", "seen": stands(submission).pk}
    assert client.post(form, posted).status_code == (302 if who in CORRECT else 404)
    assert RatingCorrection.objects.exists() == (who in CORRECT)


def test_every_rating_is_listed_with_its_stage_points_comment_and_marker(sign_in, cast, third_gave_nothing):
    page = sign_in(cast.hr).get(reverse("attempt_ratings", args=[third_gave_nothing.attempt_id])).text
    for word in ("第一评卷人", "第二评卷人", "第三评卷人", "要点完整", "依据准确", "写得全", "没有依据", "要点尚可"):
        assert word in page, word
    for marker in (cast.trainer, cast.reviewer, cast.admin):
        assert marker.name in page
    assert cast.learner.name in page
    assert ReadingOfOthers.objects.get(what="ratings of an answer").subject == cast.learner
    assert (
        reverse("attempt_ratings", args=[third_gave_nothing.attempt_id])
        in sign_in(cast.hr).get(reverse("attempt_result", args=[third_gave_nothing.attempt_id])).text
    )


def test_who_marks_reads_neither_the_candidates_name_nor_the_other_markers(sign_in, cast, third_gave_nothing):
    for who in ("reviewer", "admin"):
        page = sign_in(getattr(cast, who)).get(reverse("attempt_ratings", args=[third_gave_nothing.attempt_id])).text
        assert cast.learner.name not in page and cast.learner.employee_number not in page and cast.trainer.name not in page, who


def test_a_marker_who_proposes_is_named_to_hr_and_auditors_alone(sign_in, cast, sit, rate, propose, decide):  # noqa: F811
    submission = sit(markers=2)
    rate(cast.trainer, 6, 4)
    rate(cast.reviewer, 5, 4)
    address, listed = reverse("attempt_ratings", args=[submission.attempt_id]), reverse("remark_list")

    def readers(*pages):
        """Who of those that oversee the marking reads the marker's name there; the others read that it was a marker."""
        told = {who: [sign_in(getattr(cast, who)).get(page).text for page in pages] for who in OVERSEE}
        named = {who for who, texts in told.items() if all(cast.trainer.name in text for text in texts)}
        assert not [who for who in OVERSEE - named if any(cast.trainer.name in text or "评卷人" not in text for text in told[who])]
        return named

    made = propose(submission, 5, 4, by=cast.trainer)
    assert readers(address) == {"hr", "auditor"}
    assert cast.trainer.name in sign_in(cast.hr).get(listed).text
    for who in ("reviewer", "admin"):
        page = sign_in(getattr(cast, who)).get(listed).text
        assert "（评卷人）" in page and cast.trainer.name not in page
    Person.objects.filter(pk=cast.trainer.pk).update(is_active=False)
    assert "提议人评卷人" in sign_in(cast.admin).get(address).text and readers(address) == {"hr", "auditor"}
    told = sign_in(cast.admin).post(reverse("rating_decide", args=[submission.attempt_id, made.pk]), {"decision": "yes"}).text
    assert "提议人评卷人" in told and cast.trainer.name not in told
    decide(made, approved=False, reason="提议人已调离")
    assert readers(address) == {"hr", "auditor"}


def test_what_wagtail_tells_of_a_quiz_names_no_marker(sign_in, cast, sit, rate, propose, decide):  # noqa: F811
    submission = sit(markers=2)
    rate(cast.trainer, 6, 4)
    rate(cast.reviewer, 5, 4)
    decide(propose(submission, 5, 4, by=cast.trainer), by=cast.reviewer, approved=False, reason="无误")
    grant(cast.colleague, Role.TRAINER, cast.county)
    catalogues.sync_members(county=cast.county)
    quiz = submission.attempt.quiz
    history, form = (reverse(f"quizzes:{name}", args=[quiz.pk]) for name in ("history", "edit"))
    for who in ("colleague", "admin"):
        assert "提出更正评分" in sign_in(getattr(cast, who)).get(history).text
        for page in (history, form, reverse("wagtailadmin_reports:site_history")):
            told = sign_in(getattr(cast, who)).get(page)
            assert told.status_code == 200
            assert cast.trainer.name not in told.text and cast.reviewer.name not in told.text, (who, page)
    page = sign_in(cast.auditor).get(reverse("attempt_ratings", args=[submission.attempt_id])).text
    assert cast.trainer.name in page and cast.reviewer.name in page, "who it was stays known"


def test_points_of_an_answer_that_is_open_are_shown_to_nobody(sign_in, cast, sit, rate):  # noqa: F811
    submission = sit(markers=2)
    rate(cast.trainer, "5.75", "3.25")
    page = sign_in(cast.reviewer).get(reverse("attempt_ratings", args=[submission.attempt_id])).text
    assert "5.75" not in page and "已有1人评分" in page


# ---- corrections --------------------------------------------------------------------------------


def test_a_correction_by_two_persons_settles_the_score_anew_and_the_course_follows(third_gave_nothing, propose, decide, cast):
    submission = third_gave_nothing
    before = stands(submission)
    made = propose(submission, 6, 4)
    assert made.is_waiting and stands(submission) == before and not Completion.objects.exists()

    done = decide(made)

    now = stands(submission)
    assert (str(before.score), str(now.score), now.supersedes, now.passed) == ("14.00", "20.00", before, True) and done.gained_pass
    assert Completion.objects.get().completed_at == submission.at and LedgerEntry.objects.filter(person=cast.learner).exists()
    assert [one.points for one in Rating.objects.order_by("stage")] == [["6", "4"], ["2", "0"], ["4", "0"]], "what was given stays"
    assert set(ModelLogEntry.objects.filter(action__startswith="quizzes.rating_correction").values_list("action", flat=True)) == {
        "quizzes.rating_correction_proposed",
        "quizzes.rating_correction_decided",
    }
    with pytest.raises(FactChanged):
        made.save()
    assert refused(decide, made) == "decided"


def test_the_candidate_reads_the_correction_and_the_points_that_stand_now(sign_in, cast, third_gave_nothing, propose, decide, second):
    decide(propose(third_gave_nothing, 6, 2, reason="第二项漏评"))
    page = shown(sign_in(cast.learner), third_gave_nothing)
    assert "第二项漏评" in page and "70 % → 90 %" in page and "要点完整 6/6 分" in page and "依据准确 2/4 分" in page
    assert "要点尚可" not in page, "the rating does not stand any more"
    assert cast.hr.name not in page and second.name not in page


def test_nobody_decides_alone_nor_of_their_own_paper_or_rating(third_gave_nothing, propose, decide, cast, second):
    grant(cast.learner, Role.REVIEWER, cast.county)
    assert refused(propose, third_gave_nothing, 6, 4, by=cast.learner) == "own_marks"
    assert refused(propose, third_gave_nothing, 6, 4, by=cast.trainer) == "not_theirs"
    made = propose(third_gave_nothing, 6, 4)
    for by, code in [
        (cast.hr, "same_person"),
        (cast.learner, "own_marks"),
        (cast.reviewer, "own_rating"),
        (cast.other_hr, "not_theirs"),
    ]:
        assert refused(decide, made, by=by) == code
    assert not RatingCorrectionDecision.objects.exists()


def test_a_marker_proposes_to_correct_their_own_slip_and_another_decides(sign_in, cast, sit, rate, decide):  # noqa: F811
    submission = sit()
    rate(cast.trainer, 1, 4, at=clock.now())
    task, client = MarkingTask.objects.get(), sign_in(cast.trainer)
    answer, form = reverse("marking_task", args=[task.pk]), reverse("rating_correct", args=[submission.attempt_id, task.pk])
    assert answer in client.get(reverse("marking")).text and form in client.get(answer).text
    page = client.get(form).text
    assert cast.learner.name not in page and cast.learner.employee_number not in page
    told = client.post(form, {"points-0": "6", "points-1": "4", "reason": "录错一位", "seen": stands(submission).pk}, follow=True).text
    made = RatingCorrection.objects.get()
    assert made.by == cast.trainer and "此卷已有一项更正" in told and form not in told
    assert client.post(reverse("rating_decide", args=[submission.attempt_id, made.pk]), {"decision": "yes"}).status_code == 404
    assert refused(decide, made, by=cast.trainer) == "not_theirs"
    decide(made, by=cast.reviewer)
    assert stands(submission).score == 20
    assert client.get(form).status_code == 404, "what they gave does not stand any more"


def test_of_two_markers_one_corrects_their_own_points_and_learns_nothing_of_the_others(sign_in, cast, sit, rate):  # noqa: F811
    grant(cast.colleague, Role.TRAINER, cast.county)
    submission = sit(markers=2)
    rate(cast.trainer, "5.73", 3)
    rate(cast.colleague, "5.23", 3)
    form, client = reverse("rating_correct", args=[submission.attempt_id, MarkingTask.objects.get().pk]), sign_in(cast.colleague)
    page = client.get(form).text
    assert 'value="5.23"' in page and cast.trainer.name not in page
    assert not [told for told in ("5.73", "5.48", "8.48") if told in page], "the other's, the mean, and what the item earned by it"
    posted = {"points-0": "5.23", "points-1": "3", "reason": "录错", "seen": stands(submission).pk}
    assert client.post(form, posted).status_code == 422, "these are the points that stand"
    client.post(form, posted | {"points-0": "6"})
    assert [Decimal(point) for point in RatingCorrection.objects.get().points] == [Decimal("5.865"), 3], "the mean is taken anew"


def test_while_results_wait_a_marker_is_told_so_in_place_of_a_button(sign_in, cast, sit, rate):  # noqa: F811
    submission = sit()
    rate(cast.trainer, 1, 4)
    task = MarkingTask.objects.get()
    make_sitting(cast, submission.attempt.quiz, results="held").attempts.add(submission.attempt)
    form, client = reverse("rating_correct", args=[submission.attempt_id, task.pk]), sign_in(cast.trainer)
    for page in (client.get(reverse("marking_task", args=[task.pk])).text, client.get(form).text):
        assert "本场次成绩尚未公布，公布后方可更正评分" in page and f'href="{form}"' not in page and "您的作答已妥善保存" not in page


def test_a_marker_finds_the_first_of_many_answers_again(sign_in, cast, sit, rate, monkeypatch):  # noqa: F811
    monkeypatch.setattr(desk, "MARKED_A_PAGE", 1)
    for person in (cast.learner, cast.colleague):
        sit(person=person)
        rate(cast.trainer, 1, 4)
    first, client = Rating.objects.order_by("pk").first(), sign_in(cast.trainer)
    address = reverse("marking_task", args=[first.task_id])
    assert address not in client.get(reverse("marking")).text and address in client.get(reverse("marking"), {"page": 2}).text


def test_a_markers_proposal_lapses_with_their_work_on_the_bank(cast, sit, rate, propose, decide):  # noqa: F811
    submission = sit()
    rate(cast.trainer, 1, 4)
    made = propose(submission, 6, 4, by=cast.trainer)
    RoleGrant.objects.filter(person=cast.trainer).update(ends_on=LATER.date())
    assert refused(decide, fresh(made)) == "proposer_gone"


def test_what_cannot_be_is_refused_and_nothing_is_written(third_gave_nothing, propose, decide, cast):
    for points, changes, code in [
        ((7, 4), {}, "bad_points"),
        ((6,), {}, "bad_points"),
        ((4, 0), {}, "same_points"),
        ((6, 4), {"reason": " "}, "no_reason"),
        ((6, 4), {"seen": 0}, "marked_since"),
    ]:
        assert refused(propose, third_gave_nothing, *points, **changes) == code
    made = propose(third_gave_nothing, 6, 4)
    assert refused(propose, third_gave_nothing, 5, 4) == "open_already"
    assert refused(decide, made, approved=False) == "no_reason"
    decide(made, approved=False, reason="依据确实没有写")
    assert stands(third_gave_nothing).score == 14 and not RatingCorrectionDecision.objects.get().approved


def test_a_paper_that_is_not_marked_to_the_end_is_not_corrected(sit, propose):  # noqa: F811
    assert refused(propose, sit(), 6, 4) == "partial"


def test_a_pass_stays_unless_hr_says_that_it_may_be_lost(sit, rate, propose, decide, cast):  # noqa: F811
    submission = sit()
    rate(cast.trainer, 6, 4)
    made = propose(submission, 0, 0)
    assert refused(decide, made, by=cast.admin, may_lose=True) == "only_hr"
    done = decide(made, by=cast.admin)
    assert stands(submission).passed and stands(submission).score == 10 and done.kept_pass and not Reversal.objects.exists()


def test_what_rests_on_a_lost_pass_falls_with_the_reason(sit, rate, propose, decide, cast):  # noqa: F811
    submission = sit()
    rate(cast.trainer, 6, 4)
    assert Completion.objects.standing().exists()
    done = decide(propose(submission, 0, 0, reason="抄袭范文"), may_lose=True)
    assert done.lost_pass and not stands(submission).passed and "抄袭范文" in Reversal.objects.get().reason
    assert rating_corrections.lost_gaps(LATER) == []


def test_a_loss_that_a_crash_left_standing_is_mended(sit, rate, propose, decide, cast, monkeypatch):  # noqa: F811
    submission = sit()
    rate(cast.trainer, 6, 4)
    with monkeypatch.context() as broken:
        broken.setattr("quizzes.services.lost_passes.take_back", lambda *given, **more: None)
        decide(propose(submission, 0, 0), may_lose=True)
    (gap,) = rating_corrections.lost_gaps(LATER)
    gap.mend()
    assert Reversal.objects.exists() and rating_corrections.lost_gaps(LATER) == []


def test_a_re_marking_afterwards_goes_on_from_the_corrected_points(third_gave_nothing, propose, decide, cast):
    decide(propose(third_gave_nothing, 6, 2))
    question = Question.objects.get(code="E-2")
    key = {"sample": "见第三十三条第二款。"}
    asked = remarks.propose(question=question, remedy="new_key", key=key, reason="参考答案不全", by=cast.trainer, at=LATER)
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=LATER)
    remarks.apply(asked, at=LATER)
    assert stands(third_gave_nothing).score == 18


def test_points_given_to_everybody_are_not_corrected(third_gave_nothing, propose, cast):
    free = remarks.propose(question=Question.objects.get(code="E-2"), remedy="all_right", reason="有歧义", by=cast.trainer, at=LATER)
    remarks.decide(remark=free, approved=True, by=cast.hr, at=LATER)
    assert refused(propose, third_gave_nothing, 6, 4) == "given_to_all"


def test_a_part_of_a_case_is_corrected_and_the_others_stay(case, cast, second, django_capture_on_commit_callbacks):  # noqa: F811
    task = MarkingTask.objects.get()
    most = [Decimal(c["points"]) for c in ratings.criteria_of(ratings.task_text(task))]
    ratings.rate(task=task, marker=cast.trainer, points=[Decimal(0)] * len(most), at=LATER)
    before = stands(task.submission)
    made = rating_corrections.propose(task=task, seen=before.pk, points=most, reason="漏评", by=cast.hr, at=LATER)
    with django_capture_on_commit_callbacks(execute=True):
        rating_corrections.decide(correction=made, approved=True, by=second, at=LATER)
    now = stands(task.submission)
    assert now.score > before.score and now.marks.get(item=task.item).earned > before.marks.get(item=task.item).earned


def test_two_of_hr_correct_an_essay_on_their_pages(sign_in, cast, second, third_gave_nothing):
    submission = third_gave_nothing
    page = reverse("attempt_ratings", args=[submission.attempt_id])
    form = reverse("rating_correct", args=[submission.attempt_id, MarkingTask.objects.get().pk])
    hr = sign_in(cast.hr)
    assert form in hr.get(page).text
    assert re.search(r'name="points-0" value="4"', hr.get(form).text)
    wrong = hr.post(form, {"points-0": "9", "points-1": "4", "reason": "漏看", "seen": stands(submission).pk})
    assert wrong.status_code == 422 and "漏看" in wrong.text
    told = hr.post(form, {"points-0": "6", "points-1": "4", "reason": "漏看", "seen": stands(submission).pk}, follow=True).text
    made = RatingCorrection.objects.get()
    door = reverse("rating_decide", args=[submission.attempt_id, made.pk])
    assert "须由第二人" in told and 'value="yes"' not in told and form not in told
    assert hr.post(door, {"decision": "yes"}).status_code == 422 and stands(submission).score == 14

    other = sign_in(second)
    assert page in other.get(reverse("remark_list")).text
    assert door in other.get(page).text and "4 → 6" in re.sub(r"\s+", " ", other.get(page).text)
    done = other.post(door, {"decision": "yes"}, follow=True).text
    assert stands(submission).score == 20 and "漏看" in done and "70 % → 100 %" in done
    assert page not in other.get(reverse("remark_list")).text


def test_a_correction_of_another_attempt_is_not_decided_at_this_address(sign_in, cast, second, third_gave_nothing, propose, sit, rate):  # noqa: F811
    made = propose(third_gave_nothing, 6, 4)
    other = sit(person=cast.colleague)
    door = reverse("rating_decide", args=[other.attempt_id, made.pk])
    assert sign_in(second).post(door, {"decision": "yes"}).status_code == 404 and made.is_waiting


def test_the_pages_ask_the_same_for_many_ratings(sign_in, cast, third_gave_nothing, propose, decide, django_assert_max_num_queries):
    for points in ((6, 4), (5, 4), (4, 4)):
        decide(propose(third_gave_nothing, *points))
    propose(third_gave_nothing, 6, 0)
    hr, learner = sign_in(cast.hr), sign_in(cast.learner)
    for client, name in [(hr, "attempt_ratings"), (hr, "attempt_result"), (learner, "attempt_result")]:
        address = reverse(name, args=[third_gave_nothing.attempt_id])
        client.get(address)
        with django_assert_max_num_queries(15):
            client.get(address)


def test_the_archive_tells_what_each_criterion_earned_and_what_was_corrected(cast, third_gave_nothing, propose, decide):
    def essay() -> dict:
        (attempt,) = archive.archive_of(cast.learner, at=LATER)["attempts"]
        return next(item for item in attempt["items"] if item["kind"] == "essay")

    told = essay()
    assert (told["criteria"], told["comments"], told["corrections"]) == ([["4.00", "0.00"]], ["要点尚可"], [])
    decide(propose(third_gave_nothing, 6, 2, reason="第二项漏评"))
    told = essay()
    assert told["criteria"] == [["6.00", "2.00"]] and told["comments"] == []
    (one,) = told["corrections"]
    assert (one["reason"], one["before"], one["after"]) == ("第二项漏评", "70.00", "90.00")


def test_the_archive_tells_the_criteria_themselves(cast, third_gave_nothing):
    made = archive.archive_of(cast.learner, at=LATER)
    told = next(item for item in made["attempts"][0]["items"] if item["kind"] == "essay")
    assert told["rubrics"] == [[{"name": "要点完整", "points": "6.00"}, {"name": "依据准确", "points": "4.00"}]]
    assert "各评分点得分：要点完整 4/6；依据准确 0/4" in str(archive_paper.sheet(made))
    assert "见第三十三条" not in archive.text_of(made), "the sample answer is a key"


def test_the_archive_tells_of_an_essay_without_criteria_which_share_it_earned(cast, sit, rate, monkeypatch):  # noqa: F811
    monkeypatch.setattr("tests.quizzes.test_ratings.RUBRIC", [])
    sit()
    rate(cast.trainer, 85)
    made = archive.archive_of(cast.learner, at=LATER)
    told = next(item for item in made["attempts"][0]["items"] if item["kind"] == "essay")
    assert (told["criteria"], told["rubrics"]) == ([["85.00"]], [[]])
    assert "评阅得分：满分的85%" in str(archive_paper.sheet(made))


# ---- whose power has ended, other counties, what waits ---------------------------------------------


def fresh(correction) -> RatingCorrection:
    return RatingCorrection.objects.get(pk=correction.pk)


@pytest.mark.parametrize("gone", ["role", "signing in"])
def test_a_correction_lapses_with_the_power_of_who_proposed_it(third_gave_nothing, propose, decide, cast, sign_in, second, gone):
    made = propose(third_gave_nothing, 6, 4)
    if gone == "role":
        RoleGrant.objects.filter(person=cast.hr).update(ends_on=LATER.date())
    else:
        Person.objects.filter(pk=cast.hr.pk).update(is_active=False)

    assert refused(decide, fresh(made)) == "proposer_gone" and stands(third_gave_nothing).score == 14
    page = sign_in(second).get(reverse("attempt_ratings", args=[third_gave_nothing.attempt_id])).text
    assert 'value="yes"' not in page and 'value="no"' in page and f"提议人{cast.hr.name}" in page

    decide(fresh(made), approved=False, reason="提议人已调离")
    assert propose(third_gave_nothing, 6, 4, by=second).is_waiting


@pytest.fixture
def foreign(cast, sit, rate, third_gave_nothing):  # noqa: F811
    """A learner of the other county sat the essay quiz of a shared course here, and passed."""
    Course.objects.update(is_shared=True)
    submission = sit(person=cast.stranger)
    rate(cast.trainer, 6, 4)
    return submission


def test_a_learner_of_another_county_has_no_name_for_those_who_may_not_open_the_paper(sign_in, cast, foreign):
    task = MarkingTask.objects.get(submission=foreign)
    for who in (cast.hr, cast.auditor):
        client = sign_in(who)
        assert client.get(reverse("attempt_result", args=[foreign.attempt_id])).status_code == 404
        for door in (["attempt_ratings", foreign.attempt_id], ["rating_correct", foreign.attempt_id, task.pk]):
            answer = client.get(reverse(door[0], args=door[1:]))
            if answer.status_code == 404:
                assert who == cast.auditor and door[0] == "rating_correct"
                continue
            assert answer.status_code == 200
            assert cast.stranger.name not in answer.text and cast.other_county.name not in answer.text
            assert cast.trainer.name in answer.text, "who marked is of the own county"
    assert {(one.unit, one.subject) for one in ReadingOfOthers.objects.filter(what="ratings of an answer")} == {(cast.county, None)}


def test_where_a_name_is_read_the_reading_is_logged_for_the_unit_of_the_candidate(sign_in, cast, third_gave_nothing):
    sign_in(cast.hr).get(reverse("attempt_ratings", args=[third_gave_nothing.attempt_id]))
    logged = ReadingOfOthers.objects.get(what="ratings of an answer")
    assert (logged.unit, logged.subject) == (cast.section, cast.learner)


def test_no_hr_here_takes_the_pass_of_a_guest(sign_in, cast, second, foreign, propose, decide):
    made = propose(foreign, 0, 0)
    page = sign_in(second).get(reverse("attempt_ratings", args=[foreign.attempt_id])).text
    assert "may_lose" not in page and "课程凭此卷在其他县完成" in page
    assert refused(decide, made, may_lose=True) == "guests_pass" and stands(foreign).passed
    assert decide(made).kept_pass and not Reversal.objects.exists()


def test_a_guests_pass_that_completed_nothing_is_taken_like_any_other(sign_in, cast, second, sit, rate, propose, decide):  # noqa: F811
    make_course(cast.county, code="P01", lessons=1, quiz_key="e", pass_rule="lessons_and_quiz")
    Course.objects.update(is_shared=True)
    submission = sit(person=cast.stranger)
    rate(cast.trainer, 6, 4)
    made = propose(submission, 0, 0)
    assert 'name="may_lose"' in sign_in(second).get(reverse("attempt_ratings", args=[submission.attempt_id])).text
    assert decide(made, may_lose=True).lost_pass and not stands(submission).passed
    assert Withdrawal.objects.get().met.enrolment == submission.attempt.enrolment


def words_for(person) -> dict[str, str]:
    return {one.url: one.words for one in waiting.for_person(Person.objects.get(pk=person.pk), at=LATER)}


def test_who_may_agree_to_a_correction_is_told_that_it_waits(third_gave_nothing, propose, decide, cast, second):
    page = reverse("remark_list")
    made = propose(third_gave_nothing, 6, 4)
    assert "1项评分更正" in words_for(second)[page]
    for who in (cast.hr, cast.reviewer, cast.admin, cast.auditor, cast.learner, cast.other_hr):
        assert page not in words_for(who), "proposed it, marked it, or does not correct here"
    decide(made)
    assert page not in words_for(second)


def test_a_correction_of_what_went_on_on_paper_waits_for_nobody(third_gave_nothing, propose, cast, second):
    propose(third_gave_nothing, 6, 4)
    GoneOnPaper.objects.create(attempt=third_gave_nothing.attempt, reason="断网", by=cast.liaison, at=NOON)
    assert not rating_corrections.waiting_for(second) and reverse("remark_list") not in words_for(second)


@pytest.mark.parametrize("who", ["hr", "reviewer"])
def test_who_proposed_or_marked_may_still_turn_it_down(sign_in, third_gave_nothing, propose, cast, who):
    made = propose(third_gave_nothing, 6, 4)
    client, door = sign_in(getattr(cast, who)), reverse("rating_decide", args=[third_gave_nothing.attempt_id, made.pk])
    page = client.get(reverse("attempt_ratings", args=[third_gave_nothing.attempt_id])).text
    assert door in page and 'value="yes"' not in page and "may_lose" not in page
    assert client.post(door, {"decision": "no"}).status_code == 422, "a no needs a reason"
    assert client.post(door, {"decision": "no", "reason": "提错了"}).status_code == 302
    assert not RatingCorrectionDecision.objects.get().approved


def test_a_second_click_that_comes_too_late_is_told_so(sign_in, third_gave_nothing, propose, decide, second):
    made = propose(third_gave_nothing, 6, 4)
    decide(made)
    answer = sign_in(second).post(reverse("rating_decide", args=[third_gave_nothing.attempt_id, made.pk]), {"decision": "yes"})
    assert answer.status_code == 422 and 'role="alert"' in answer.text


def test_a_double_click_proposes_once_and_is_refused_nothing(sign_in, cast, third_gave_nothing):
    form = reverse("rating_correct", args=[third_gave_nothing.attempt_id, MarkingTask.objects.get().pk])
    posted = {"points-0": "6", "points-1": "4", "reason": "漏看", "seen": stands(third_gave_nothing).pk}
    client = sign_in(cast.hr)
    assert [client.post(form, posted).status_code for _ in range(2)] == [302, 302]
    assert RatingCorrection.objects.count() == 1
    assert client.post(form, posted | {"points-0": "5"}).status_code == 422


def test_points_that_nobody_touched_are_handed_on_exactly(sign_in, cast, sit, rate):  # noqa: F811
    submission = sit(markers=2)
    rate(cast.trainer, "5.5", "3")
    rate(cast.reviewer, "5.25", "3.25")
    form = reverse("rating_correct", args=[submission.attempt_id, MarkingTask.objects.get().pk])
    client = sign_in(cast.hr)
    assert 'value="5.37"' in client.get(form).text
    posted = {"points-0": "5.37", "points-1": "3.12", "reason": "漏看", "seen": stands(submission).pk}
    assert client.post(form, posted).status_code == 422, "these are the points that stand"
    assert client.post(form, posted | {"points-1": "4"}).status_code == 302
    assert RatingCorrection.objects.get().points == ["5.375", "4"]
