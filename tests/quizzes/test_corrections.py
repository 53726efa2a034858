"""Marks that were entered from paper and are corrected: nothing is overwritten, two persons where a pass hangs on it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core import clock
from core.errors import Refused
from core.models import FactChanged
from courses.models import Completion, Course, EditionRequirement, Reversal
from courses.services import editions
from evaluation.models import LedgerEntry
from people.models import Person, Role, RoleGrant
from quizzes.models import Allowance, ItemMark, Marking, PaperCorrection, PaperCorrectionDecision, Remark, RemarkDecision, Sitting
from quizzes.services import lost_passes, paper_marks, ratings, remarks
from tests.cast import EVERYBODY, NOON, grant
from tests.factories import complete, make_course
from tests.quizzes.exams import agree
from tests.quizzes.test_paper_marks_doors import RIGHT, sitting  # noqa: F401
from tests.quizzes.test_papers import exam, seal_twice  # noqa: F401

PASSED = {1: "5", 2: "2.5", 3: "5", 4: "10"}  # of 25, and 60 % are needed
FAILED = PASSED | {4: "0"}


def points(written: dict[int, str]) -> dict[int, Decimal]:
    return {position: Decimal(value) for position, value in written.items()}


@pytest.fixture
def second(cast):
    """Somebody else who organises exams, and is HR of the whole county too."""
    grant(cast.other_leader, Role.HR, cast.county)
    return cast.other_leader


@pytest.fixture
def entered(sitting, cast, django_capture_on_commit_callbacks):  # noqa: F811
    """Marks from paper as one of HR entered them; where they are a pass another one has agreed."""

    def go(written, agreed=True):
        with django_capture_on_commit_callbacks(execute=True):
            paper = sitting.papers.first()
            seen = paper_marks.newest(paper_marks.tried_in(sitting, cast.learner))
            made = paper_marks.enter_marks(
                person=cast.learner, paper=paper, sitting=sitting, seen=seen, points=points(written), by=cast.hr, at=clock.now()
            )
            if agreed and not made.is_complete:
                made = agree(made, by=cast.admin, at=clock.now())
        return type(made.submission).objects.get(pk=made.submission_id)

    return go


@pytest.fixture
def correct(cast, django_capture_on_commit_callbacks):
    def go(submission, written, **changes):
        facts = {"seen": submission.result.pk, "reason": "第4题误录", "by": cast.hr, "at": clock.now()} | changes
        with django_capture_on_commit_callbacks(execute=True):
            return paper_marks.correct(submission=submission, points=points(written), **facts)

    return go


@pytest.fixture
def decide(second, django_capture_on_commit_callbacks):
    def go(correction, **changes):
        facts = {"approved": True, "by": second, "at": clock.now()} | changes
        with django_capture_on_commit_callbacks(execute=True):
            return paper_marks.decide(correction=correction, **facts)

    return go


def stands(submission) -> Marking:
    return Marking.objects.current().get(submission=submission)


def refused(call, *given, **more) -> str:
    with pytest.raises(Refused) as error:
        call(*given, **more)
    return error.value.code


def test_points_that_move_no_pass_are_corrected_at_once_and_what_stood_stays(entered, correct, cast):
    submission = entered(PASSED)
    first = stands(submission)

    made = correct(submission, PASSED | {2: "5"})

    now = stands(submission)
    assert (str(first.score), str(now.score), now.supersedes, now.cause) == ("22.50", "25.00", first, "paper")
    assert Marking.objects.get(pk=first.pk).score == first.score and first.marks.get(item__position=2).earned == Decimal("2.50")
    assert now.marks.get(item__position=2).fraction == 1 and now.passed and not made.decision.kept_pass, "it is earned"
    assert (made.reason, made.by, made.decision.made) == ("第4题误录", cast.hr, now) and not made.is_waiting
    assert set(ModelLogEntry.objects.filter(action__startswith="quizzes.correction").values_list("action", flat=True)) == {
        "quizzes.correction_proposed",
        "quizzes.correction_decided",
    }
    with pytest.raises(FactChanged):
        made.save()


def test_a_pass_that_comes_by_it_waits_for_a_second_person(entered, correct, decide, cast):
    submission = entered(FAILED)
    assert not stands(submission).passed

    made = correct(submission, PASSED)

    assert made.is_waiting and not stands(submission).passed and not Completion.objects.exists()
    assert refused(paper_marks.decide, correction=made, approved=True, by=cast.hr, at=clock.now()) == "same_person"
    assert refused(correct, submission, PASSED) == "open_already"
    done = decide(made)
    assert stands(submission).passed and done.gained_pass
    assert Completion.objects.get().completed_at == submission.at and LedgerEntry.objects.filter(person=cast.learner).exists()
    assert refused(decide, made) == "decided"


def test_a_pass_stays_unless_hr_says_that_it_may_be_lost(entered, correct, decide, cast):
    submission = entered(PASSED)
    made = correct(submission, FAILED)
    assert refused(paper_marks.decide, correction=made, approved=True, may_lose=True, by=cast.admin, at=clock.now()) == "only_hr"

    done = decide(made, by=cast.admin)

    now = stands(submission)
    assert now.passed and now.percent == 50 and done.kept_pass and not Reversal.objects.exists()


def test_what_rests_on_a_lost_pass_falls_with_the_reason(entered, correct, decide):
    submission = entered(PASSED)
    assert Completion.objects.standing().exists()
    made = correct(submission, FAILED)

    done = decide(made, may_lose=True)

    assert done.lost_pass and not stands(submission).passed
    assert "第4题误录" in Reversal.objects.get().reason and not Completion.objects.standing().exists()
    assert paper_marks.lost_gaps(clock.now()) == []


def test_a_pass_that_fell_and_still_counts_is_a_gap_that_mends_itself(entered, correct, decide, monkeypatch):
    made = correct(entered(PASSED), FAILED)
    with monkeypatch.context() as patched:
        patched.setattr(lost_passes, "take_back", lambda *a, **k: None)
        decide(made, may_lose=True)
    (gap,) = paper_marks.lost_gaps(clock.now())

    gap.mend()

    assert Reversal.objects.exists() and paper_marks.lost_gaps(clock.now()) == []


def test_a_no_needs_a_reason_and_changes_nothing(entered, correct, decide):
    submission = entered(FAILED)
    before, made = stands(submission), correct(submission, PASSED)
    assert refused(decide, made, approved=False) == "no_reason"

    decide(made, approved=False, reason="答题纸上确实没有作答")

    assert stands(submission) == before and not PaperCorrectionDecision.objects.get().approved
    assert correct(submission, PASSED).is_waiting  # and can be asked anew


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reason": "  "}, "no_reason"),
        ({"seen": 0}, "marked_since"),
        ({"written": PASSED}, "same_points"),
        ({"written": PASSED | {4: "11"}}, "bad_points"),
        ({"written": PASSED | {9: "1"}}, "bad_points"),
        ({"written": {1: "5"}}, "bad_points"),
    ],
)
def test_what_cannot_be_corrected_is_refused_and_nothing_is_written(entered, correct, changes, code):
    submission = entered(PASSED)
    written = changes.pop("written", PASSED | {2: "5"})
    before = Marking.objects.count(), PaperCorrection.objects.count()
    assert refused(correct, submission, written, **changes) == code
    assert (Marking.objects.count(), PaperCorrection.objects.count()) == before


def test_nobody_corrects_marks_of_their_own_nor_agrees_to_them(entered, correct, decide, cast):
    submission = entered(FAILED)
    assert refused(correct, submission, PASSED, by=cast.learner) == "own_marks"
    assert refused(decide, correct(submission, PASSED), by=cast.learner) == "own_marks"


def test_an_agreement_to_points_that_changed_meanwhile_is_refused(entered, correct, decide):
    submission = entered(FAILED)
    made = correct(submission, PASSED)
    current = stands(submission)
    again = Marking.objects.create(
        submission=submission, supersedes=current, cause="remark", at=clock.now(), score=13, out_of=25, percent=52, passed=False
    )
    ItemMark.objects.bulk_create(
        ItemMark(marking=again, item=mark.item, fraction=mark.fraction, earned=mark.earned) for mark in current.marks.all()
    )
    assert refused(decide, made) == "marked_since" and stands(submission) == again
    decide(made, approved=False, reason="重新提出")


def test_points_that_a_remarking_gave_to_everybody_are_left_alone(entered, correct, cast):
    submission = entered(PASSED)
    item = submission.attempt.items.get(position=2)
    asked = Remark.objects.create(
        question=item.question, version=item.question_version, remedy="all_right", reason="有歧义", by=cast.trainer, at=NOON
    )
    RemarkDecision.objects.create(remark=asked, approved=True, by=cast.reviewer, at=NOON)
    assert remarks.apply(asked, at=clock.now()) == 1
    assert refused(correct, submission, PASSED | {2: "0"}) == "given_to_all"

    correct(submission, PASSED | {1: "4", 2: "5"})

    assert str(stands(submission).score) == "24.00" and remarks.apply(asked, at=clock.now()) == 0


# ---- the entry of a pass -------------------------------------------------------------------


def test_nobody_passes_by_what_one_officer_entered_alone(entered, decide, cast):
    submission = entered(PASSED, agreed=False)

    first = stands(submission)
    assert str(first.score) == "22.50" and not first.passed and not first.is_complete and not Completion.objects.exists()
    (waiting,) = paper_marks.waiting_in(submission.attempt.sitting)
    assert (
        waiting.is_entry
        and refused(decide, waiting, by=cast.hr) == "same_person"
        and refused(decide, waiting, by=cast.learner) == "own_marks"
    )

    done = decide(waiting)

    now = stands(submission)
    assert now.passed and now.supersedes == first and done.gained_pass and Completion.objects.get().completed_at == submission.at


def test_points_that_are_no_pass_stand_as_one_officer_entered_them(entered):
    submission = entered(FAILED, agreed=False)
    assert stands(submission).is_complete and not PaperCorrection.objects.exists()


def test_an_entry_that_was_turned_down_is_no_pass_and_is_put_right(entered, correct, decide):
    submission = entered(PASSED, agreed=False)
    waiting = submission.corrections.get()
    assert refused(decide, waiting, approved=False) == "no_reason"
    decide(waiting, approved=False, reason="第4题只有5分")
    assert not stands(submission).is_complete and not Completion.objects.exists()

    correct(submission, FAILED)

    assert stands(submission).is_complete and not stands(submission).passed


def test_the_same_points_can_be_asked_for_again_after_a_no(entered, correct, decide):
    submission = entered(PASSED, agreed=False)
    decide(submission.corrections.get(), approved=False, reason="未找到答题纸")

    made = correct(submission, PASSED, reason="已找到答题纸")

    assert made.is_waiting and not stands(submission).passed
    assert decide(made).gained_pass and stands(submission).passed


def test_neither_a_remarking_nor_reconcile_stands_in_for_the_second_person(entered, cast):
    submission = entered(PASSED, agreed=False)
    assert ratings.unfinished_gaps(clock.now()) == [] and ratings.complete(submission=submission, at=clock.now()) is None
    item = submission.attempt.items.get(position=2)
    asked = Remark.objects.create(
        question=item.question, version=item.question_version, remedy="all_right", reason="有歧义", by=cast.trainer, at=NOON
    )
    RemarkDecision.objects.create(remark=asked, approved=True, by=cast.reviewer, at=NOON)
    assert remarks.apply(asked, at=clock.now()) == 1

    now = stands(submission)
    assert str(now.score) == "25.00" and not now.passed and not now.is_complete
    assert ratings.unfinished_gaps(clock.now()) == []


def test_a_second_officer_agrees_to_a_pass_on_the_page(sign_in, cast, second, sitting, addresses):  # noqa: F811
    page, _correct = addresses
    hr, other = Client(), Client()
    hr.force_login(cast.hr)
    other.force_login(second)
    told = hr.post(page, RIGHT | {"paper": sitting.papers.first().pk}, follow=True).text
    assert "须由第二人" in told
    made = PaperCorrection.objects.get()
    door = reverse("marks_decide", args=[sitting.pk, cast.learner.pk, made.pk])
    assert door not in hr.get(page).text and "尚待第二人" in hr.get(page).text
    assert page in other.get(reverse("sitting_manage", args=[sitting.pk])).text and "同意成绩" in other.get(page).text

    done = other.post(door, {"decision": "yes"}, follow=True).text

    assert stands(made.submission).passed and "录入，合格" in done
    learner = Client()
    learner.force_login(cast.learner)
    assert "成绩更正" not in learner.get(reverse("attempt_result", args=[made.submission.attempt_id])).text


def test_the_candidate_reads_that_a_second_person_has_yet_to_agree(sign_in, cast, entered):
    submission = entered(PASSED, agreed=False)
    page = sign_in(cast.learner).get(reverse("attempt_result", args=[submission.attempt_id])).text
    assert "第二人" in page and "待评阅" not in page and "quiz-score is-partial" in page


# ---- the doors -----------------------------------------------------------------------------


@pytest.fixture
def addresses(sitting, cast):  # noqa: F811
    return reverse("sitting_marks", args=[sitting.pk, cast.learner.pk]), reverse("marks_correct", args=[sitting.pk, cast.learner.pk])


@pytest.mark.parametrize("who", EVERYBODY)
def test_marks_are_corrected_by_those_who_organise_the_sitting(sign_in, cast, entered, addresses, who):
    submission = entered(PASSED)
    client, (_page, address) = sign_in(getattr(cast, who)), addresses
    may = who in {"hr", "admin"}
    assert client.get(address).status_code == (200 if may else 404)
    posted = RIGHT | {"points-2": "5", "seen": submission.result.pk, "reason": "误录"}
    assert client.post(address, posted).status_code == (302 if may else 404)
    assert PaperCorrection.objects.exclude(reason="").exists() == may


def test_two_of_hr_correct_a_pass_on_their_pages(sign_in, cast, second, entered, sitting, addresses):  # noqa: F811
    submission = entered(FAILED)
    page, address = addresses
    hr, other = Client(), Client()
    hr.force_login(cast.hr)
    other.force_login(second)
    assert page in hr.get(reverse("sitting_candidates", args=[sitting.pk])).text and address in hr.get(page).text
    form = hr.get(address).text
    assert 'value="2.5"' in form and 'value="5"' in form and 'value="5.00"' not in form

    posted = RIGHT | {"seen": submission.result.pk, "reason": "第4题误录"}
    told = hr.post(address, posted, follow=True).text
    assert "须由第二人" in told and page in other.get(reverse("sitting_manage", args=[sitting.pk])).text
    again = hr.post(address, posted)  # sent twice
    assert again.status_code == 422 and PaperCorrection.objects.count() == 1

    made = PaperCorrection.objects.get()
    door = reverse("marks_decide", args=[sitting.pk, cast.learner.pk, made.pk])
    assert door not in hr.get(page).text and door in other.get(page).text
    assert hr.post(door, {"decision": "yes"}).status_code == 422 and not stands(submission).passed
    assert "同意更正" in other.get(page).text
    done = other.post(door, {"decision": "yes"}, follow=True).text
    assert stands(submission).passed and "第4题误录" in done
    assert page not in other.get(reverse("sitting_manage", args=[sitting.pk])).text


def test_a_correction_of_somebody_else_is_not_decided_at_this_address(sign_in, cast, second, entered, correct, sitting):  # noqa: F811
    made = correct(entered(FAILED), PASSED)
    other = Sitting.objects.create(quiz=sitting.quiz, title="别场", opens_at=sitting.opens_at, closes_at=sitting.closes_at, is_listed=False)
    for pk, person in ((other.pk, cast.learner), (sitting.pk, cast.colleague)):
        door = reverse("marks_decide", args=[pk, person.pk, made.pk])
        assert sign_in(second).post(door, {"decision": "yes"}).status_code == 404
    assert made.is_waiting


def test_the_candidate_reads_that_marks_were_corrected_and_why(sign_in, cast, entered, correct):
    submission = entered(PASSED)
    address = reverse("attempt_result", args=[submission.attempt_id])
    correct(submission, PASSED | {2: "5"}, reason="第2题少计两分半")

    page = sign_in(cast.learner).get(address).text

    assert "第2题少计两分半" in page and "90" in page and "100" in page
    assert "纸质作答" in page and "未作答" not in page and reverse("attempt_slip", args=[submission.attempt_id]) not in page


def test_the_page_of_entered_marks_asks_the_same_for_many_corrections(
    sign_in, cast, entered, correct, addresses, django_assert_max_num_queries
):
    submission, client = entered(PASSED), sign_in(cast.hr)
    for value in ("5", "4", "3", "2"):
        submission = type(submission).objects.get(pk=submission.pk)
        correct(submission, PASSED | {2: value})
    client.get(addresses[0])
    with django_assert_max_num_queries(15):
        client.get(addresses[0])


def test_every_door_to_one_of_two_sheets_leads_to_that_one(sign_in, cast, sitting, entered, correct, decide, addresses):  # noqa: F811
    Allowance.objects.create(
        person=cast.learner, quiz=sitting.quiz, sitting=sitting, extra_attempts=1, reason="换机", by=cast.hr, at=sitting.opens_at
    )
    first = entered(PASSED, agreed=False)
    assert entered(FAILED).attempt != first.attempt
    marks, address = (f'href="{address}?attempt={first.attempt_id}"' for address in addresses)
    organiser, several = sign_in(cast.admin), reverse("marks_agree", args=[sitting.pk])

    assert marks in organiser.get(reverse("sitting_manage", args=[sitting.pk])).text
    assert marks in organiser.get(several).text
    decide(first.corrections.get())
    correct(first, FAILED)
    alone = organiser.get(several)
    assert len(alone.context["alone"]) == 1 and marks in alone.text

    question = first.attempt.items.get(position=1).question
    asked = remarks.propose(question=question, remedy="new_key", key=["B"], reason="答案错误", by=cast.trainer, at=NOON)
    assert address in sign_in(cast.hr).get(reverse("remark", args=[asked.pk])).text


# ---- several sheets at once ----------------------------------------------------------------


@pytest.fixture
def three(sitting, cast, django_capture_on_commit_callbacks):  # noqa: F811
    """Three passes that HR entered from paper and nobody agreed to yet, in the order of their seats."""
    people = [cast.learner, cast.colleague, cast.liaison]
    for seat, person in enumerate(people, start=7):
        sitting.candidates.update_or_create(person=person, defaults={"room": "一号考场", "seat": f"{seat}"})
    for person in people:
        with django_capture_on_commit_callbacks(execute=True):
            paper_marks.enter_marks(
                person=person, paper=sitting.papers.first(), sitting=sitting, seen=0, points=points(PASSED), by=cast.hr, at=clock.now()
            )
    return [one.correction for one in paper_marks.waiting_in_full(sitting)]


def test_each_sheet_is_shown_with_its_points_before_it_is_agreed_to(sign_in, cast, sitting, three):  # noqa: F811
    overview = sign_in(cast.admin).get(reverse("sitting_manage", args=[sitting.pk])).text
    assert reverse("marks_agree", args=[sitting.pk]) in overview
    page = sign_in(cast.admin).get(reverse("marks_agree", args=[sitting.pk]))
    assert [one.correction.submission.attempt.person for one in page.context["rows"]] == [cast.learner, cast.colleague, cast.liaison]
    assert page.context["rows"][0].lines == [(1, 5, 5), (2, Decimal("2.5"), 5), (3, 5, 5), (4, 10, 10)]
    assert page.text.count("2.5/5") == 3 and page.text.count("22.5 / 25") == 3
    assert "checked" not in page.text, "nothing is ticked for anybody"


def test_what_is_ticked_is_agreed_to_and_the_rest_goes_on_waiting(sign_in, cast, sitting, three):  # noqa: F811
    address, client = reverse("marks_agree", args=[sitting.pk]), sign_in(cast.admin)
    ticked = {"correction": [one.pk for one in three[:2]]}
    assert client.post(address, {"looked": "yes"}).status_code == 422
    unsaid = client.post(address, ticked)
    assert unsaid.status_code == 422 and unsaid.text.count(" checked") == 2 and not PaperCorrectionDecision.objects.exists()
    done = client.post(address, ticked | {"looked": "yes"}, follow=True)
    assert "已同意2份" in done.text
    assert [one.by for one in PaperCorrectionDecision.objects.all()] == [cast.admin, cast.admin]
    assert set(Marking.objects.current().filter(passed=True).values_list("submission__attempt__person", flat=True)) == {
        cast.learner.pk,
        cast.colleague.pk,
    }
    assert [one.correction for one in paper_marks.waiting_in_full(sitting)] == three[2:]


def test_nobody_agrees_to_what_they_entered_or_to_marks_of_their_own(sign_in, cast, sitting, three):  # noqa: F811
    address = reverse("marks_agree", args=[sitting.pk])
    page = sign_in(cast.hr).get(address)
    assert page.context["rows"] == [] and len(page.context["own"]) == 3
    sign_in(cast.hr).post(address, {"correction": [three[0].pk], "looked": "yes"})
    decided, refusals = paper_marks.agree(sitting=sitting, corrections=[three[0].pk], by=cast.learner, at=clock.now())
    assert not decided and [refusal.code for refusal in refusals] == ["own_marks"] and not PaperCorrectionDecision.objects.exists()


def test_one_that_was_decided_meanwhile_stops_none_of_the_others(cast, sitting, three, decide):  # noqa: F811
    decide(three[0], approved=False, reason="与答题纸不符")
    decided, refusals = paper_marks.agree(sitting=sitting, corrections=[one.pk for one in three], by=cast.admin, at=clock.now())
    assert [one.correction for one in decided] == three[1:] and [refusal.code for refusal in refusals] == ["decided"]
    assert cast.learner.name in refusals[0].message


def test_a_pass_that_would_be_lost_is_not_decided_among_others(sign_in, cast, sitting, entered, correct):  # noqa: F811
    made = correct(entered(PASSED), FAILED)
    page = sign_in(cast.admin).get(reverse("marks_agree", args=[sitting.pk]))
    assert page.context["rows"] == [] and [one.correction for one in page.context["alone"]] == [made]
    decided, refusals = paper_marks.agree(sitting=sitting, corrections=[made.pk], by=cast.admin, at=clock.now())
    assert not decided and [refusal.code for refusal in refusals] == ["lost_pass"]


def test_corrections_of_another_sitting_are_not_agreed_to_here(cast, sitting, three):  # noqa: F811
    other = Sitting.objects.create(quiz=sitting.quiz, title="别的", opens_at=sitting.opens_at, closes_at=sitting.closes_at)
    assert paper_marks.agree(sitting=other, corrections=[three[0].pk], by=cast.admin, at=clock.now()) == ([], [])


@pytest.mark.parametrize("who", EVERYBODY)
def test_several_are_agreed_to_by_those_who_organise_the_sitting(sign_in, cast, sitting, three, who):  # noqa: F811
    client, address = sign_in(getattr(cast, who)), reverse("marks_agree", args=[sitting.pk])
    assert client.get(address).status_code == (200 if who in {"hr", "admin"} else 404)
    if who not in {"hr", "admin"}:
        assert client.post(address, {"correction": [three[0].pk], "looked": "yes"}).status_code == 404


def test_reading_what_waits_takes_the_same_queries_however_many_sheets(sitting, three, django_assert_num_queries):  # noqa: F811
    with django_assert_num_queries(5):
        assert len(paper_marks.waiting_in_full(sitting)) == 3


@pytest.mark.parametrize("gone", ["role", "signing in"])
def test_what_was_entered_or_corrected_lapses_with_the_power_of_who_did_it(entered, correct, decide, cast, gone):
    entered(PASSED, agreed=False)
    if gone == "role":
        RoleGrant.objects.filter(person=cast.hr).update(ends_on=NOON.date())
    else:
        Person.objects.filter(pk=cast.hr.pk).update(is_active=False)

    waiting = PaperCorrection.objects.get()
    assert refused(decide, waiting) == "proposer_gone" and not Marking.objects.current().get().passed
    assert decide(PaperCorrection.objects.get(), approved=False, reason="录入人已调离").correction == waiting


def test_who_moved_between_the_exam_and_the_entry_of_their_sheet_has_their_marks_all_the_same(entered, cast):
    cast.learner.unit = cast.other_hr.unit
    cast.learner.save()

    assert stands(entered(PASSED)).passed and Completion.objects.filter(person=cast.learner).exists()


def test_a_course_that_closed_before_the_sheet_was_entered_counts_it_in_a_round_of_the_day_of_the_exam(entered, cast, exam):  # noqa: F811
    course = Course.objects.get(code=exam.course_code)
    complete(cast.learner, course, at=clock.now() - timedelta(days=400))
    editions.close(page_id=course.page_id)

    assert stands(entered(PASSED)).passed and Completion.objects.filter(person=cast.learner).count() == 2


def test_a_sheet_belongs_to_the_edition_of_its_day_whatever_has_to_be_completed_first_since(entered, sitting, cast, exam):  # noqa: F811
    course = Course.objects.get(code=exam.course_code)
    of_that_day = course.current
    make_course(cast.county, code="P02", lessons=1)
    facts = {field: getattr(of_that_day, field) for field in ("title", "line", "minutes", "pass_rule")}
    course.current = course.editions.create(number=9, prerequisites=["P02"], digest="9", published_at=clock.now(), **facts)
    course.save()

    assert entered(PASSED).attempt.enrolment.edition == of_that_day and Completion.objects.filter(person=cast.learner).exists()


@pytest.fixture
def publish(exam):  # noqa: F811
    """A further edition of the course of the exam, which asks for the exam or for nothing."""

    def go(at, *, asks):
        course = Course.objects.get(code=exam.course_code)
        newest = course.editions.order_by("-number").first()
        facts = {field: getattr(newest, field) for field in ("title", "line", "minutes", "pass_rule")}
        course.current = course.editions.create(number=newest.number + 1, digest="x", published_at=at, **facts)
        course.save()
        for one in EditionRequirement.objects.filter(edition__course=course, edition__number=1) if asks else ():
            of_it = {field: getattr(one, field) for field in ("kind", "key", "title", "position", "lesson")}
            EditionRequirement.objects.create(edition=course.current, **of_it)
        return course.current

    return go


def test_a_course_that_came_to_ask_for_the_exam_after_the_sitting_opened_counts_the_sheet(entered, sitting, publish):  # noqa: F811
    publish(sitting.opens_at - timedelta(days=1), asks=False)
    asking = publish(sitting.opens_at + timedelta(minutes=10), asks=True)
    publish(clock.now(), asks=True)

    assert entered(PASSED).attempt.enrolment.edition == asking and Completion.objects.exists()


def test_a_course_that_asked_for_the_exam_only_before_its_day_counts_the_sheet_as_it_asked(entered, sitting, publish):  # noqa: F811
    asking = publish(sitting.opens_at - timedelta(days=2), asks=True)
    publish(sitting.opens_at - timedelta(days=1), asks=False)

    assert entered(PASSED).attempt.enrolment.edition == asking and Completion.objects.exists()


def test_an_exam_that_another_course_than_its_banks_asked_for_on_its_day_counts_there(entered, cast, exam, publish):  # noqa: F811
    asking = publish(clock.now() - timedelta(days=2), asks=True)
    publish(clock.now(), asks=False)
    make_course(cast.county, code="P03", lessons=1)
    exam.course_code = "P03"
    exam.save()

    assert entered(PASSED).attempt.enrolment.edition == asking and Completion.objects.exists()
