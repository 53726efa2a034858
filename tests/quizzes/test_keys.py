"""Which key stands after a re-marking, and that no page gives the keys of an exam away while somebody sits it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from core import clock
from core.errors import Refused
from courses.models import Course
from courses.services import catalogues, enrolments
from evaluation import archive
from quizzes import practice
from quizzes.models import Attempt, Candidate, MarkingTask, Question, RemarkedMarking, Sitting, Submission
from quizzes.services import attempts, bank, exam_papers, keys, paper_marks, printing, quizzes, remarks, sittings
from tests.cast import NOON
from tests.factories import make_course

MINUTE = timedelta(minutes=1)
LEARNER = Submission.Cause.LEARNER


@pytest.fixture
def course_quiz(cast):
    rows = [
        {
            "id": f"K-{n}",
            "type": "single",
            "course": "P01",
            "stem": f"问题{n}",
            "options": {"A": "对", "B": "错"},
            "answer": ["A"],
            "v": "V",
        }
        for n in range(3)
    ]
    bank.import_rows(rows, county=cast.county, at=NOON)
    facts = {"county": cast.county, "course_code": "P01", "minutes": 0, "pass_percent": 60, "attempts": 0}
    quiz = quizzes.ensure(key="course", title="课程测验", draws=[{"kind": "single", "count": 2, "points": 5}], **facts)
    make_course(cast.county, code="P01", lessons=1, quiz_key="course", pass_rule="quiz")
    enrolments.enrol(person=cast.learner, course=Course.objects.get(code="P01"), at=NOON)
    return quiz


@pytest.fixture
def exam(cast, course_quiz):
    facts = {"county": cast.county, "course_code": "P01", "minutes": 30, "pass_percent": 60, "attempts": 1}
    quiz = quizzes.ensure(key="exam", title="年度考试", draws=[{"kind": "single", "count": 3, "points": 5}], **facts)
    quiz.is_exam = True
    quiz.save()
    return quiz


def sitting_of(exam, *, opens_at, title="年度考试", paper=None):
    made = Sitting.objects.create(quiz=exam, title=title, opens_at=opens_at, closes_at=opens_at + 60 * MINUTE, is_listed=False)
    if paper is not None:
        made.papers.add(paper)
    return made


def sealed_paper(exam, cast):
    paper = exam_papers.make_fixed(quiz=exam, chosen=[("K-0", Decimal(5)), ("K-1", Decimal(5))], by=cast.trainer, at=NOON, may_starve=True)
    for by in (cast.trainer, cast.reviewer):
        exam_papers.seal(paper=paper, digest=paper.digest(), by=by, at=NOON)
    return paper


def paper_by_others(exam, cast):
    """A sealed paper that the trainer has neither made nor sealed."""
    paper = exam_papers.make_fixed(quiz=exam, chosen=[("K-0", Decimal(5)), ("K-1", Decimal(5))], by=cast.admin, at=NOON, may_starve=True)
    for by in (cast.admin, cast.reviewer):
        exam_papers.seal(paper=paper, digest=paper.digest(), by=by, at=NOON)
    return paper


def answered(attempt, letter):
    for item in attempt.items.all():
        token = {letter: token for token, letter in item.key["letters"].items()}[letter]
        attempts.save(attempt_id=attempt.pk, person=attempt.person, item_id=item.pk, response=token, token=f"t{item.pk}", at=NOON)
    return attempt


def decided(cast, code, **remedy):
    asked = remarks.propose(question=Question.objects.get(code=code), reason="答案错误", by=cast.trainer, at=NOON, **remedy)
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=NOON)
    return asked


# ---- which key stands ----------------------------------------------------------------------


def test_who_hands_in_after_a_key_was_mended_is_marked_with_the_mended_one_at_once(cast, course_quiz):
    attempt = answered(attempts.start(person=cast.learner, quiz=course_quiz, at=NOON), "A")
    for code in Question.objects.values_list("code", flat=True):
        decided(cast, code, remedy="new_key", key=["B"])

    submission = attempts.submit(attempt=attempt, cause=LEARNER, at=NOON)

    assert submission.result.percent == 0 and not submission.result.passed
    assert remarks.unapplied_gaps(NOON + 10 * MINUTE) == [] and not RemarkedMarking.objects.exists()


def test_who_hands_in_after_everybody_was_given_the_points_has_them_at_once(cast, course_quiz):
    attempt = answered(attempts.start(person=cast.learner, quiz=course_quiz, at=NOON), "B")
    for code in Question.objects.values_list("code", flat=True):
        decided(cast, code, remedy="all_right")

    assert attempts.submit(attempt=attempt, cause=LEARNER, at=NOON).result.percent == 100
    assert not MarkingTask.objects.exists()


def test_the_newest_re_marking_that_reaches_an_item_says_how_it_is_marked(cast, course_quiz):
    attempt = answered(attempts.start(person=cast.learner, quiz=course_quiz, at=NOON), "A")
    for code in Question.objects.values_list("code", flat=True):
        decided(cast, code, remedy="all_right")
        decided(cast, code, remedy="new_key", key=["B"])

    standing = keys.standing(attempt.items.all())
    assert not any(one.is_given for one in standing.values())
    assert attempts.submit(attempt=attempt, cause=LEARNER, at=NOON).result.percent == 0


# ---- when keys are shown -------------------------------------------------------------------


def test_nobody_begins_a_course_quiz_while_they_sit_an_exam_on_its_bank(cast, course_quiz, exam):
    running = sittings.enter(person=cast.learner, sitting=sitting_of(exam, opens_at=NOON), at=NOON)

    with pytest.raises(Refused) as refused:
        attempts.start(person=cast.learner, quiz=course_quiz, at=NOON + MINUTE)
    assert refused.value.code == "exam_open" and "年度考试" in refused.value.message

    attempts.submit(attempt=running, cause=LEARNER, at=NOON + 2 * MINUTE)
    assert attempts.start(person=cast.learner, quiz=course_quiz, at=NOON + 3 * MINUTE)


def test_an_exam_whose_time_is_over_holds_no_course_quiz_up(cast, course_quiz, exam):
    sittings.enter(person=cast.learner, sitting=sitting_of(exam, opens_at=NOON), at=NOON)
    assert attempts.start(person=cast.learner, quiz=course_quiz, at=NOON + 40 * MINUTE)


def test_older_results_show_no_keys_while_their_reader_sits_an_exam_on_the_bank(sign_in, cast, course_quiz, exam):
    now = clock.now()
    earlier = attempts.submit(attempt=attempts.start(person=cast.learner, quiz=course_quiz, at=now), cause=LEARNER, at=now).attempt
    page = reverse("attempt_result", args=[earlier.pk])
    browser = sign_in(cast.learner)
    assert "quiz-reviewed" in browser.get(page).text

    running = sittings.enter(person=cast.learner, sitting=sitting_of(exam, opens_at=now), at=now)
    shown = browser.get(page).text
    assert "quiz-reviewed" not in shown and "问题" not in shown and "交卷后" in shown and "quiz-figure" in shown

    attempts.submit(attempt=running, cause=LEARNER, at=clock.now())
    assert "quiz-reviewed" in browser.get(page).text


def test_results_of_a_sitting_keep_the_keys_until_the_last_sitting_of_the_paper_is_over(sign_in, cast, exam):
    paper, start = sealed_paper(exam, cast), clock.now() - 120 * MINUTE
    first = sitting_of(exam, opens_at=start, paper=paper)
    second = sitting_of(exam, opens_at=clock.now() + 24 * 60 * MINUTE, title="补考", paper=paper)
    sat = sittings.enter(person=cast.learner, sitting=first, at=start)
    attempts.submit(attempt=sat, cause=LEARNER, at=start + MINUTE)
    page = reverse("attempt_result", args=[sat.pk])

    shown = sign_in(cast.learner).get(page).text
    assert "quiz-figure" in shown and "quiz-reviewed" not in shown and "最后一场" in shown
    assert "quiz-reviewed" in sign_in(cast.hr).get(page).text, "whoever oversees it and does not sit it reads it"
    (told,) = archive.archive_of(cast.learner, at=clock.now(), reader=cast.learner)["attempts"]
    assert told["result"]["percent"] == "0.00" and told["items"] is None

    Sitting.objects.filter(pk=second.pk).update(opens_at=start, closes_at=start + MINUTE)
    assert "quiz-reviewed" in sign_in(cast.learner).get(page).text


def test_a_draft_of_another_sitting_keeps_no_keys_back(sign_in, cast, exam):
    paper, start = sealed_paper(exam, cast), clock.now() - 120 * MINUTE
    sat = sittings.enter(person=cast.learner, sitting=sitting_of(exam, opens_at=start, paper=paper), at=start)
    attempts.submit(attempt=sat, cause=LEARNER, at=start + MINUTE)
    Sitting.objects.filter(pk=sitting_of(exam, opens_at=clock.now() + MINUTE, paper=paper).pk).update(is_draft=True)

    assert "quiz-reviewed" in sign_in(cast.learner).get(reverse("attempt_result", args=[sat.pk])).text


def test_explanations_wait_while_the_next_attempt_at_the_bank_runs(sign_in, cast, course_quiz):
    now = clock.now()
    earlier = attempts.submit(attempt=attempts.start(person=cast.learner, quiz=course_quiz, at=now), cause=LEARNER, at=now).attempt
    attempts.start(person=cast.learner, quiz=course_quiz, at=now)

    shown = sign_in(cast.learner).get(reverse("attempt_result", args=[earlier.pk])).text
    assert "quiz-reviewed" not in shown and "尚未交卷" in shown and "quiz-figure" in shown
    assert "quiz-reviewed" in sign_in(cast.hr).get(reverse("attempt_result", args=[earlier.pk])).text


def test_the_result_says_which_questions_rest_on_a_secondary_source_or_on_the_county(sign_in, cast, course_quiz):
    now = clock.now()
    attempt = attempts.submit(attempt=attempts.start(person=cast.learner, quiz=course_quiz, at=now), cause=LEARNER, at=now).attempt
    address = reverse("attempt_result", args=[attempt.pk])
    for mark, words in (("S", "使用前请核对原文"), ("D", "县定，可调整")):
        Question.objects.update(mark=mark)
        assert words in sign_in(cast.learner).get(address).text


def test_a_fixed_paper_with_questions_of_another_bank_keeps_that_banks_keys_too(sign_in, cast, course_quiz):
    now = clock.now()
    earlier = attempts.submit(attempt=attempts.start(person=cast.learner, quiz=course_quiz, at=now), cause=LEARNER, at=now).attempt
    make_course(cast.county, code="P02", lessons=1, quiz_key="other", pass_rule="quiz")
    facts = {"county": cast.county, "course_code": "P02", "minutes": 30, "pass_percent": 60, "attempts": 1}
    other = quizzes.ensure(key="other", title="另一门考试", draws=[{"kind": "single", "count": 1, "points": 5}], **facts)
    type(other).objects.filter(pk=other.pk).update(is_exam=True)
    other.refresh_from_db()
    sittings.enter(person=cast.learner, sitting=sitting_of(other, opens_at=now, paper=sealed_paper(other, cast)), at=now)

    assert "quiz-reviewed" not in sign_in(cast.learner).get(reverse("attempt_result", args=[earlier.pk])).text
    told = archive.archive_of(cast.learner, at=clock.now())["attempts"]
    assert all(one["items"] is None for one in told)


def test_results_of_drawn_papers_keep_the_keys_while_another_sitting_of_the_exam_is_to_come(sign_in, cast, exam):
    start = clock.now() - 120 * MINUTE
    sat = sittings.enter(person=cast.learner, sitting=sitting_of(exam, opens_at=start), at=start)
    attempts.submit(attempt=sat, cause=LEARNER, at=start + MINUTE)
    page = reverse("attempt_result", args=[sat.pk])
    assert "quiz-reviewed" in sign_in(cast.learner).get(page).text

    sitting_of(exam, opens_at=clock.now() + 24 * 60 * MINUTE, title="第二场")
    assert "quiz-reviewed" not in sign_in(cast.learner).get(page).text
    assert archive.archive_of(cast.learner, at=clock.now())["attempts"][0]["items"] is None


@pytest.mark.parametrize(
    ("who", "door"), [("hr", "quiz_analysis"), ("hr", "sitting_analysis"), ("trainer", "marking"), ("hr", "remark_list")]
)
def test_whoever_sits_an_exam_sees_neither_its_analysis_nor_the_markers_desk(sign_in, cast, exam, who, door):
    now, someone = clock.now(), getattr(cast, who)
    sitting = sitting_of(exam, opens_at=now - MINUTE)
    page = reverse(door, args={"quiz_analysis": [exam.key], "sitting_analysis": [sitting.pk]}.get(door, []))
    assert sign_in(someone).get(page).status_code == 200

    running = sittings.enter(person=someone, sitting=sitting, at=now)
    refused = sign_in(someone).get(page)
    assert refused.status_code == 409 and "交卷后" in refused.text

    attempts.submit(attempt=running, cause=LEARNER, at=clock.now())
    assert sign_in(someone).get(page).status_code == 200


# ---- the bank, for authors who sit an exam on it ------------------------------------------


@pytest.fixture
def foreign(cast):
    """A question of a bank that the exam does not ask of."""
    row = {"id": "F-1", "type": "judge", "course": "P02", "stem": "别库的题", "answer": True, "v": "V"}
    bank.import_rows([row], county=cast.county, at=NOON)
    return Question.objects.get(code="F-1")


@pytest.fixture
def author(cast, sign_in):
    catalogues.sync_members(county=cast.county)
    return sign_in(cast.trainer)


BY_QUESTION = ["edit", "history", "usage", "delete", "versions", "version"]


def door_of(question, name):
    return reverse(f"questions:{name}", args=[question.pk, *([1] if name == "version" else [])])


@pytest.mark.parametrize("name", BY_QUESTION)
def test_an_author_who_sits_an_exam_on_the_bank_opens_none_of_its_questions(author, cast, exam, foreign, name):
    now, inside = clock.now(), Question.objects.get(code="K-0")
    before = author.get(door_of(inside, name)).status_code
    running = sittings.enter(person=cast.trainer, sitting=sitting_of(exam, opens_at=now - MINUTE), at=now)

    refused = author.get(door_of(inside, name))
    until = clock.local(running.shuts_at).strftime("%H:%M")
    assert refused.status_code == 409 and "年度考试" in refused.text and "P01" in refused.text and until in refused.text
    assert author.post(door_of(inside, name), {"stem": "改"}).status_code == 409
    assert author.get(door_of(foreign, name)).status_code == before != 409, "another bank is none of the exam's"

    attempts.submit(attempt=running, cause=LEARNER, at=clock.now())
    assert author.get(door_of(inside, name)).status_code == before


def test_an_author_who_sits_an_exam_takes_nothing_of_its_bank_out(author, cast, exam, foreign):
    now = clock.now()
    sittings.enter(person=cast.trainer, sitting=sitting_of(exam, opens_at=now - MINUTE), at=now)
    door, listing = reverse("questions:export"), reverse("questions:index")
    for query in ({}, {"download": 1}, {"course_code": "P01"}, {"q": "K-1"}):
        assert author.get(door, query).status_code == 409
    for form in ("csv", "xlsx"):
        assert author.get(listing, {"export": form}).status_code == 409
    assert author.get(door, {"course_code": "P02", "download": 1}).status_code == 200
    assert author.get(listing, {"course_code": "P02", "export": "csv"}).status_code == 200


def test_the_listing_and_what_is_alike_leave_out_the_bank_that_one_is_asked_of_and_say_so(author, cast, exam, foreign):
    now = clock.now()
    doors = [reverse("questions:index"), reverse("questions:index_results"), reverse("questions:similar")]
    Question.objects.filter(code__in=["K-0", "K-1"]).update(stem="问题：几个工作日内答复？")
    before = [author.get(door).text for door in doors]
    assert all("K-0" in page for page in before)
    sittings.enter(person=cast.trainer, sitting=sitting_of(exam, opens_at=now - MINUTE), at=now)

    listing, results, alike = (author.get(door).text for door in doors)
    assert "K-0" not in listing + results + alike and "F-1" in listing and "F-1" in results
    assert "年度考试" in listing and "年度考试" in alike
    assert "K-0" not in author.get(doors[0], {"q": "问题"}).text


def test_a_new_question_is_not_told_of_those_alike_in_the_bank_that_one_is_asked_of(author, cast, exam):
    Question.objects.filter(code="K-0").update(stem="依申请公开的答复期限是几个工作日？")
    now = clock.now()
    facts = {"course_code": "P02", "kind": "single", "difficulty": "1", "lines": "7\n* 20", "source": "条", "mark": "V", "status": "draft"}
    facts |= {"county": cast.county.pk, "stem": "依申请公开的答复期限是几个工作日？", "explanation": "", "point": ""}
    assert "K-0" in author.post(reverse("questions:add"), facts | {"code": "N-1"}, follow=True).text
    sittings.enter(person=cast.trainer, sitting=sitting_of(exam, opens_at=now - MINUTE), at=now)
    page = author.post(reverse("questions:add"), facts | {"code": "N-2"}, follow=True).text
    assert "N-1" in page and "K-0" not in page and Question.objects.filter(code="N-2").exists()


def test_neither_preview_nor_bulk_edit_reaches_the_bank_that_one_is_asked_of(author, cast, exam, foreign):
    now, inside = clock.now(), Question.objects.get(code="K-0")
    sittings.enter(person=cast.trainer, sitting=sitting_of(exam, opens_at=now - MINUTE), at=now)
    preview = reverse("questions:preview")
    facts = {"code": "K-0", "kind": "single", "stem": "？", "lines": "* 甲\n乙", "county": cast.county.pk}
    assert author.post(preview, facts | {"course_code": "P01"}).status_code == 409
    assert author.post(preview, facts | {"course_code": "P02"}).status_code == 200
    bulk = "/admin/bulk/quizzes/question/change/"
    assert author.get(bulk, {"id": [foreign.pk, inside.pk]}).status_code == 409
    assert author.post(f"{bulk}?id={inside.pk}", {"difficulty": "3"}).status_code == 409
    assert author.get(bulk, {"id": foreign.pk}).status_code == 200
    every = author.get(bulk, {"id": "all"}).text
    assert "F-1" in every and "K-0" not in every


def test_whoever_sits_an_exam_imports_nothing_for_what_a_file_would_change_tells_the_key(author, cast, exam):
    now = clock.now()
    assert author.get(reverse("question-import:index")).status_code == 200
    running = sittings.enter(person=cast.trainer, sitting=sitting_of(exam, opens_at=now - MINUTE), at=now)
    assert author.get(reverse("question-import:index")).status_code == 409
    attempts.submit(attempt=running, cause=LEARNER, at=clock.now())
    assert author.get(reverse("question-import:index")).status_code == 200


def test_a_listed_author_opens_the_bank_again_only_when_they_have_handed_in_every_attempt(author, cast, exam):
    now, edit = clock.now(), door_of(Question.objects.get(code="K-0"), "edit")
    coming = sitting_of(exam, opens_at=now + 60 * MINUTE)
    Sitting.objects.filter(pk=coming.pk).update(is_listed=True)
    Candidate.objects.create(sitting=coming, person=cast.trainer)
    assert author.get(edit).status_code == 200, "before the exam authors write for it"

    Sitting.objects.filter(pk=coming.pk).update(opens_at=now - MINUTE, closes_at=now + 59 * MINUTE)
    coming.refresh_from_db()
    assert author.get(edit).status_code == 409
    sittings.allow(person=cast.trainer, quiz=exam, sitting=coming, extra_attempts=1, reason="停电", by=cast.hr, at=now)
    attempts.submit(attempt=sittings.enter(person=cast.trainer, sitting=coming, at=now), cause=LEARNER, at=now)
    assert author.get(edit).status_code == 409, "another attempt is open to them"
    attempts.submit(attempt=sittings.enter(person=cast.trainer, sitting=coming, at=clock.now()), cause=LEARNER, at=clock.now())
    assert author.get(edit).status_code == 200


def test_a_listed_author_who_went_on_on_paper_opens_the_bank_again_at_their_own_end(cast, exam):
    """While the sitting goes on for others; where another attempt was given, when that is used up too."""
    held = sitting_of(exam, opens_at=NOON, paper=paper_by_others(exam, cast))
    Sitting.objects.filter(pk=held.pk).update(is_listed=True)
    held.refresh_from_db()
    Candidate.objects.create(sitting=held, person=cast.trainer)
    running = sittings.enter(person=cast.trainer, sitting=held, at=NOON)
    paper_marks.go_on(attempt=running, reason="主机损坏", by=cast.hr, at=NOON + MINUTE)
    before, after = running.shuts_at - MINUTE, running.shuts_at
    assert after < held.over_at

    (told,) = keys.exams_of(cast.trainer, at=before)
    assert told.until == running.shuts_at and keys.exams_of(cast.trainer, at=after) == []

    sittings.allow(person=cast.trainer, quiz=exam, sitting=held, extra_attempts=1, reason="换机", by=cast.hr, at=after)
    assert len(keys.exams_of(cast.trainer, at=after)) == 1
    again = Attempt.objects.get(pk=running.pk)
    again.pk, again.number, again._state.adding = None, 2, True
    again.save()
    attempts.submit(attempt=again, cause=LEARNER, at=after)
    assert keys.exams_of(cast.trainer, at=after) == []


def test_who_sits_a_paper_without_a_list_sees_neither_it_nor_its_key(author, cast, exam):
    now, paper = clock.now(), paper_by_others(exam, cast)
    doors = [reverse("paper", args=[paper.pk]), reverse("paper_file", args=[paper.pk, "key"])]
    assert [author.get(door).status_code for door in doors] == [200, 200]
    sitting = sitting_of(exam, opens_at=now - MINUTE, paper=paper)
    running = sittings.enter(person=cast.trainer, sitting=sitting, at=now)
    assert [author.get(door).status_code for door in doors] == [409, 409]
    attempts.submit(attempt=running, cause=LEARNER, at=clock.now())
    assert [author.get(door).status_code for door in doors] == [200, 200]


def test_a_paper_of_another_exam_on_the_bank_stays_shut_for_who_sits(author, cast, exam):
    now, paper = clock.now(), paper_by_others(exam, cast)
    sittings.enter(person=cast.trainer, sitting=sitting_of(exam, opens_at=now - MINUTE), at=now)
    refused = author.get(reverse("paper", args=[paper.pk]))
    assert refused.status_code == 409 and "P01" in refused.text


@pytest.fixture
def with_extra_time(cast, exam):
    """The sitting is over, and the trainer, who had thirty minutes more, still sits its paper. (paper, attempt, now)"""
    paper, start = paper_by_others(exam, cast), clock.now() - 65 * MINUTE
    sitting = sitting_of(exam, opens_at=start, paper=paper)
    Sitting.objects.filter(pk=sitting.pk).update(is_listed=True)
    sitting.refresh_from_db()
    Candidate.objects.create(sitting=sitting, person=cast.trainer)
    sittings.allow(person=cast.trainer, quiz=exam, sitting=sitting, extra_minutes=30, reason="视力", by=cast.hr, at=start)
    running = sittings.enter(person=cast.trainer, sitting=sitting, at=start + 29 * MINUTE)
    return paper, running, clock.now()


def test_extra_time_keeps_the_paper_from_its_candidate_past_the_closing(author, cast, with_extra_time):
    paper, running, now = with_extra_time
    assert running.sitting.over_at <= now < running.shuts_at
    door = reverse("paper", args=[paper.pk])
    assert author.get(door).status_code == 409
    attempts.submit(attempt=running, cause=LEARNER, at=now)
    assert author.get(door).status_code == 200


@pytest.mark.parametrize("on_paper", [False, True])
def test_a_paper_is_not_withdrawn_while_somebody_sits_it_with_extra_time(cast, course_quiz, with_extra_time, on_paper):
    paper, running, now = with_extra_time
    if on_paper:
        paper_marks.go_on(attempt=running, reason="主机损坏", by=cast.hr, at=now)
    with pytest.raises(Refused) as refused:
        exam_papers.withdraw(paper=paper, by=cast.admin, at=now)
    assert refused.value.code == "in_use" and not Question.objects.unreserved().filter(on_papers__paper=paper).exists()
    assert not Sitting.objects.with_results_out(now).exists(), "nor do its keys come out"

    if not on_paper:
        attempts.submit(attempt=running, cause=LEARNER, at=now)
    exam_papers.withdraw(paper=paper, by=cast.admin, at=running.shuts_at)
    assert Sitting.objects.with_results_out(running.shuts_at).exists()


def test_who_goes_on_on_paper_practises_nothing_of_the_bank_before_their_own_end(cast, exam):
    paper, course = paper_by_others(exam, cast), Course.objects.get(code="P01")
    running = sittings.enter(person=cast.learner, sitting=sitting_of(exam, opens_at=NOON, paper=paper), at=NOON)
    paper_marks.go_on(attempt=running, reason="主机损坏", by=cast.hr, at=NOON + MINUTE)
    facts = {"person": cast.learner, "course": course, "recent": []}
    with pytest.raises(Refused) as refused:
        practice.ask(**facts, at=NOON + 2 * MINUTE)
    assert refused.value.code == "quiz_open"
    assert keys.banks_sat(cast.learner, at=NOON + 2 * MINUTE) == {(cast.county.pk, "P01")}
    assert practice.ask(**facts, at=running.shuts_at) is not None


def test_an_officer_who_is_yet_to_sit_reads_no_key_in_a_colleagues_result(sign_in, cast, exam):
    now = clock.now()
    sitting = sitting_of(exam, opens_at=now - MINUTE)
    Sitting.objects.filter(pk=sitting.pk).update(is_listed=True, results=Sitting.Results.AT_ONCE)
    sitting.refresh_from_db()
    for person in (cast.hr, cast.learner):
        Candidate.objects.create(sitting=sitting, person=person)
    sat = attempts.submit(attempt=sittings.enter(person=cast.learner, sitting=sitting, at=now), cause=LEARNER, at=now).attempt
    page = reverse("attempt_result", args=[sat.pk])

    assert "quiz-reviewed" in sign_in(cast.learner).get(page).text, "at once means at once"
    shown = sign_in(cast.hr).get(page).text
    assert "quiz-figure" in shown and "quiz-reviewed" not in shown and "交卷后" in shown
    (told,) = archive.archive_of(cast.learner, at=clock.now(), reader=cast.hr)["attempts"]
    assert told["result"] and told["items"] is None

    attempts.submit(attempt=sittings.enter(person=cast.hr, sitting=sitting, at=clock.now()), cause=LEARNER, at=clock.now())
    assert "quiz-reviewed" in sign_in(cast.hr).get(page).text


# ---- passes that were kept -----------------------------------------------------------------


def test_a_kept_pass_is_lost_by_no_mark_that_rises(cast, course_quiz):
    attempt = answered(attempts.start(person=cast.learner, quiz=course_quiz, at=NOON), "A")
    submission = attempts.submit(attempt=attempt, cause=LEARNER, at=NOON)
    one, other = [item.question.code for item in attempt.items.all()]
    for code in (one, other):
        remarks.apply(decided(cast, code, remedy="new_key", key=["B"]), at=NOON)
    assert (submission.result.percent, submission.result.passed) == (0, True)

    raised = remarks.propose(
        question=Question.objects.get(code=one), reason="原答案正确", by=cast.trainer, at=NOON, remedy="new_key", key=["A"]
    )
    assert [change.loses_pass for change in remarks.changes(raised)] == [False]
    remarks.decide(remark=raised, approved=True, by=cast.hr, at=NOON, may_lose=True)
    remarks.apply(raised, at=NOON)
    submission = Submission.objects.get(pk=submission.pk)
    assert (submission.result.percent, submission.result.passed) == (50, True)


# ---- the printed key -----------------------------------------------------------------------


def printed_of(paper, code):
    """Of one question of a paper: its options by the letters under which the paper prints them, and the lines of the key."""
    item = paper.items.get(question__code=code)
    shown = printing._item(paper, item, with_key=False)
    drawn = printing._item(paper, item, with_key=True, amended=keys.amended([item]).get(item.pk))
    texts = ["".join(piece["it"] for piece in line) for line in shown["lines"]]
    return dict(text.split(". ") for text in texts if ". " in text), ["".join(piece["it"] for piece in line) for line in drawn["key"]]


def lines_of(code, *lines):
    """Content and key as the form of a re-marking makes them of what is typed."""
    content, key = Question.objects.get(code=code).item_kind.from_lines(list(lines))
    return {"remedy": "new_key", "content": content, "key": key}


STEPS = ["受理", "审核", "登记", "答复"]
ROWS = [
    {"id": "L-1", "type": "single", "stem": "期限？", "options": {"A": "15", "B": "20"}, "answer": ["A"]},
    {"id": "L-2", "type": "order", "stem": "顺序？", "items": ["审核", "答复", "受理", "登记"], "answer": STEPS},
    {"id": "L-3", "type": "match", "stem": "配对。", "left": ["应", "宜"], "right": ["要求", "推荐", "允许"], "answer": {"应": "允许", "宜": "推荐"}},
    {"id": "L-4", "type": "case", "stem": "材料", "parts": [{"type": "multiple", "stem": "哪些？", "options": {"A": "甲", "B": "乙", "C": "丙"}, "answer": ["A", "B"]}]},
]  # fmt: skip


@pytest.fixture
def lettered(cast, exam):
    """A sealed paper whose questions hold their lines in another order than a re-marking writes them."""
    bank.import_rows([{"course": "P01", "v": "V"} | row for row in ROWS], county=cast.county, at=NOON)
    chosen = [(row["id"], Decimal(5)) for row in ROWS]
    paper = exam_papers.make_fixed(quiz=exam, chosen=chosen, by=cast.trainer, at=NOON, may_starve=True)
    for by in (cast.trainer, cast.reviewer):
        exam_papers.seal(paper=paper, digest=paper.digest(), by=by, at=NOON)
    return paper


def test_the_printed_key_says_what_two_persons_amended(cast, exam):
    paper = sealed_paper(exam, cast)
    items = list(paper.items.order_by("position"))
    assert keys.amended(items) == {}
    decided(cast, "K-0", remedy="new_key", key=["B"])
    decided(cast, "K-1", remedy="all_right")

    mended, given = (printed_of(paper, code)[1] for code in ("K-0", "K-1"))
    assert mended[0] == "B" and mended[1].endswith("更正答案）") and len(mended) == 2
    assert given[0] == "A" and given[1].endswith("人人得满分）") and len(given) == 2
    assert printing.pdf(paper=paper, part="key", by=cast.trainer, at=NOON) != printing.pdf(
        paper=paper, part="paper", by=cast.trainer, at=NOON
    )


def test_an_amended_choice_is_named_by_the_letter_of_the_paper_however_its_options_were_written(cast, lettered):
    decided(cast, "L-1", **lines_of("L-1", "* 20", "15"))
    letters, key = printed_of(lettered, "L-1")
    assert letters[key[0]] == "20" and key[0] == "B"


def test_an_amended_order_is_named_by_the_letters_of_the_paper(cast, lettered):
    wanted = ["登记", "审核", "受理", "答复"]
    decided(cast, "L-2", **lines_of("L-2", *wanted))
    letters, key = printed_of(lettered, "L-2")
    assert [letters[sign] for sign in key[0]] == wanted


def test_an_amended_match_is_named_by_the_letters_of_the_paper(cast, lettered):
    decided(cast, "L-3", **lines_of("L-3", "宜 = 推荐", "应 = 要求", "= 允许"))
    letters, key = printed_of(lettered, "L-3")
    assert [letters[sign] for sign in key[0] if sign in letters] == ["要求", "推荐"] and key[0].startswith("（1）")


def test_an_amended_part_of_a_case_is_named_by_the_letters_of_the_paper(cast, lettered):
    decided(cast, "L-4", **lines_of("L-4", "【多选题 1分】", "哪些？", "【答案】", "* 丙", "* 甲", "乙"))
    item = lettered.items.get(question__code="L-4")
    drawn = printing._item(lettered, item, with_key=True, amended=keys.amended([item])[item.pk])
    assert [piece["it"] for piece in drawn["parts"][0]["key"][0]] == ["AC"]


@pytest.mark.parametrize("remedy", ["new_key", "all_right"])
@pytest.mark.parametrize(
    "change", [{"stem": "几天？"}, {"content": {"options": {"A": "20", "B": "25"}}}, {"kind": "judge", "content": {}, "key": False}]
)
def test_the_printed_key_stays_where_the_re_marking_is_about_another_wording_and_says_so(cast, lettered, change, remedy):
    question = Question.objects.get(code="L-1")
    for name, value in change.items():
        setattr(question, name, value)
    bank.write(question, by=cast.trainer)
    mended = {"key": True if question.kind == "judge" else ["B"], "content": question.content} if remedy == "new_key" else {}
    decided(cast, "L-1", remedy=remedy, **mended)

    _letters, key = printed_of(lettered, "L-1")
    assert key[0] == "A" and "不适用于本卷" in key[1] and "人人得满分" not in "".join(key) and len(key) == 2


def test_the_screen_and_the_printed_key_agree_after_several_re_markings(cast, lettered):
    decided(cast, "L-1", remedy="new_key", key=["B"])
    question = Question.objects.get(code="L-1")
    question.stem = "几天？"
    bank.write(question, by=cast.trainer)
    decided(cast, "L-1", remedy="all_right")

    _letters, key = printed_of(lettered, "L-1")
    assert key[0] == "B" and key[1].endswith("更正答案）") and "不适用于本卷" in key[2]
