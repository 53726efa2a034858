"""Real concurrent transactions: two tabs, double clicks, the clock against the hand-in."""

import threading
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from core import clock
from core.errors import Refused
from courses.models import Completion, RequirementMet
from courses.services import catalogues
from people.models import Role
from quizzes.models import (
    Answer,
    Attempt,
    Candidate,
    Extension,
    GoneOnPaper,
    Incident,
    ItemMark,
    KnowledgePoint,
    LatePaper,
    LatePaperDecision,
    Marking,
    PaperCorrection,
    PaperCorrectionDecision,
    Presence,
    Question,
    Quiz,
    Remark,
    Sitting,
    Submission,
)
from quizzes.services import attempts, bank, exam_papers, late_papers, paper_marks, presence, remarks, sittings, slips
from tests.cast import NOON, grant
from tests.forms import typed_in
from tests.quizzes.conftest import sitting_of
from tests.quizzes.exams import make_sitting
from tests.quizzes.test_papers import exam, seal_twice  # noqa: F401

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def on_postgres():
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")


def together(*acts):
    """Run the acts at the same moment, each in a thread with a connection of its own; their results or errors."""
    gate, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(index, act):
        try:
            gate.wait(10)
            results[index] = act()
        except Exception as error:
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    [thread.start() for thread in threads]
    [thread.join(30) for thread in threads]
    return results


def test_starting_eight_times_at_once_gives_one_attempt(cast, quiz, enrolment):
    made = together(*[lambda: attempts.start(person=cast.learner, quiz=quiz, at=NOON)] * 8)
    assert {attempt.pk for attempt in made} == {Attempt.objects.get().pk}
    assert Attempt.objects.get().items.count() == 6


def test_two_tabs_saving_at_once_get_their_own_numbers(cast, attempt):
    items = list(attempt.items.all())

    def save(number):
        item = items[number % 6]
        return attempts.save(
            attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response=attempts.right_response(item), token=f"t{number}", at=NOON
        )

    receipts = together(*[lambda number=number: save(number) for number in range(16)])
    assert sorted(receipt.seq for receipt in receipts) == list(range(1, 17)) and Answer.objects.count() == 16


def test_the_same_act_sent_many_times_at_once_is_stored_once(cast, attempt):
    item = attempt.items.first()
    response = attempts.right_response(item)
    act = lambda: attempts.save(attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response=response, token="same", at=NOON)  # noqa: E731
    assert len(set(together(*[act] * 8))) == 1 and Answer.objects.count() == 1


def test_handing_in_and_the_clock_and_answers_race_to_one_submission_that_counts_what_was_acknowledged(cast, attempt, answer):
    answer(attempt, right=False)
    items = list(attempt.items.all())

    def save(number):
        return attempts.save(
            attempt_id=attempt.pk,
            person=cast.learner,
            item_id=items[number].pk,
            response=attempts.right_response(items[number]),
            token=f"r{number}",
            at=NOON,
        )

    results = together(
        *[lambda number=number: save(number) for number in range(6)],
        lambda: attempts.submit(attempt=attempt, cause="learner", at=NOON + MINUTE),
        lambda: attempts.submit(attempt=attempt, cause="learner", at=NOON + MINUTE),
        lambda: attempts.submit_overdue(NOON + 30 * MINUTE),
    )

    assert Submission.objects.count() == 1 and ItemMark.objects.count() == 6
    for number, outcome in enumerate(results[:6]):
        mark = ItemMark.objects.get(item=items[number])
        if isinstance(outcome, Refused):
            assert outcome.code in {"over", "time_over"} and mark.fraction < 1
        else:
            assert mark.answer.seq == outcome.seq and mark.fraction == 1  # acknowledged, so it counts


def test_a_pass_handed_in_many_times_at_once_completes_once(cast, attempt, answer):
    answer(attempt)
    done = together(*[lambda: attempts.submit(attempt=attempt, cause="learner", at=NOON + MINUTE)] * 6)
    assert len({submission.pk for submission in done}) == 1
    assert RequirementMet.objects.count() == 1 and Completion.objects.count() == 1


def test_time_out_hand_in_and_replays_of_two_devices_race_to_one_marked_attempt(cast, sitting):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    items, last_second = list(attempt.items.all()), attempt.shuts_at - timedelta(seconds=1)

    def replay(device, number):
        item = items[number % 6]
        response = attempts.right_response(item) if device == "phone" else attempts.wrong_response(item)
        return attempts.save(
            attempt_id=attempt.pk,
            person=cast.learner,
            item_id=item.pk,
            response=response,
            token=f"{device}.{number}",
            at=last_second,
            base=0,
            is_late=True,
        )

    acts = [(device, number) for device in ("phone", "desk") for number in range(6)]
    results = together(
        *[lambda act=act: replay(*act) for act in acts * 2],  # each act comes twice
        lambda: attempts.submit(attempt=attempt, cause="learner", at=last_second),
        lambda: attempts.submit_overdue(attempt.shuts_at),
        lambda: attempts.submit_overdue(attempt.shuts_at),
    )

    assert Submission.objects.count() == 1 and Marking.objects.count() == 1 and ItemMark.objects.count() == 6
    stored = dict(Answer.objects.values_list("token", "seq"))
    for act, outcome in zip(acts * 2, results, strict=False):
        if isinstance(outcome, Refused):
            assert outcome.code == "over" and "{}.{}".format(*act) not in stored
        else:
            assert stored["{}.{}".format(*act)] == outcome.seq
    assert sorted(stored.values()) == list(range(1, len(stored) + 1))
    latest = Answer.objects.latest_of(attempt.pk)
    assert all(mark.answer == latest.get(mark.item_id) for mark in ItemMark.objects.select_related("answer"))
    for item, answer in latest.items():
        first = Answer.objects.filter(item=item).order_by("seq").first()
        assert answer.response == first.response  # whoever was stored first was answered since the other's base
    slip = slips.of(Attempt.objects.get())
    assert slips.check(slip.code) == slip and slip.answers == len(stored)


def test_minutes_added_race_the_clock_and_never_both_win(cast, sitting):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    item, end = attempt.items.get(kind="judge"), attempt.shuts_at  # as it was: a thread that asks later might see the minutes

    def save():
        return attempts.save(attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response="true", token="t", at=end)

    added, *_rest = together(
        lambda: sittings.extend(attempt=attempt, minutes=5, reason="停电", by=cast.hr, at=end - timedelta(seconds=1)),
        lambda: attempts.submit_overdue(end),
        lambda: attempts.submit_overdue(end),
    )
    over = Submission.objects.exists()
    assert over == isinstance(added, Refused)
    if over:
        with pytest.raises(Refused):
            save()
    else:
        assert save().seq == 1


def test_an_answer_that_waited_for_added_minutes_counts_with_them(cast, sitting):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    item, late = attempt.items.get(kind="judge"), attempt.shuts_at + timedelta(seconds=1)
    locked, looked = threading.Event(), threading.Event()

    def add():
        with transaction.atomic():
            sittings.extend(attempt=attempt, minutes=5, reason="停电", by=cast.hr, at=attempt.shuts_at - timedelta(seconds=1))
            locked.set()
            looked.wait(10)
            time.sleep(0.3)  # until the others wait for the lock

    def save():
        locked.wait(10)
        looked.set()
        return attempts.save(attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response="true", token="t", at=late)

    def end():
        locked.wait(10)
        return attempts.submit_overdue(late)

    _added, receipt, ended = together(add, save, end)
    assert (getattr(receipt, "seq", receipt), ended, Submission.objects.count()) == (1, 0, 0)


def test_signs_of_life_of_two_devices_at_once_leave_one(cast, sitting):
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)

    def sign(number):
        noticed = [presence.Noticed("left")]
        return presence.note(
            attempt_id=attempt.pk, person=cast.learner, unacknowledged=number, noticed=noticed, address="10.0.0.1", at=NOON + MINUTE
        )

    told = together(*[lambda number=number: sign(number) for number in range(8)])
    assert all(isinstance(state, presence.State) for state in told)
    assert Presence.objects.count() == 1 and Incident.objects.count() == 8


# ---- time for all while somebody is entering -----------------------------------------------


def entering_while_time_is_added(cast, sitting, monkeypatch, *, entered_at, added_at):
    """The learner is between reading the closing and being stored when ten minutes are added for all; the attempt."""
    read, go_on = threading.Event(), threading.Event()
    end_of = attempts._end_of

    def slowly(*args):
        found = end_of(*args)
        read.set()
        go_on.wait(2)  # whoever adds time waits for us, or is done by now
        return found

    monkeypatch.setattr(attempts, "_end_of", slowly)

    def add():
        read.wait(10)
        try:
            return sittings.extend(sitting=sitting, minutes=10, reason="停电", by=cast.hr, at=added_at)
        finally:
            go_on.set()

    results = together(lambda: sittings.enter(person=cast.learner, sitting=sitting, at=entered_at), add)
    assert not any(isinstance(one, Exception) for one in results), results
    return Attempt.objects.timed().get(person=cast.learner)


@pytest.mark.parametrize("apart", [timedelta(seconds=-1), timedelta(0), timedelta(seconds=1)])
def test_time_for_all_reaches_who_is_entering_once(cast, sitting, monkeypatch, apart):
    """Whichever of the two came first by the clock, and by the database."""
    entered_at = NOON + 14 * MINUTE  # 20 minutes would end after the closing at 12:30
    attempt = entering_while_time_is_added(cast, sitting, monkeypatch, entered_at=entered_at, added_at=entered_at + apart)

    assert attempt.due_at == NOON + 40 * MINUTE


def test_who_enters_with_an_older_clock_after_time_was_added_gets_it_once(cast, sitting):
    """The request began before the time was added, and came to the lock after it."""
    sittings.extend(sitting=sitting, minutes=10, reason="停电", by=cast.hr, at=NOON + 14 * MINUTE + timedelta(seconds=1))
    sittings.enter(person=cast.learner, sitting=sitting, at=NOON + 14 * MINUTE)

    assert Attempt.objects.timed().get().due_at <= NOON + 40 * MINUTE


def test_people_who_enter_do_not_wait_for_each_other(cast, sitting, monkeypatch):
    """Two are inside entering at the same moment: each waits for the other to be there too."""
    Candidate.objects.create(sitting=sitting, person=cast.colleague)
    both = threading.Barrier(2)
    end_of = attempts._end_of
    monkeypatch.setattr(attempts, "_end_of", lambda *args: (both.wait(10), end_of(*args))[1])

    made = together(*[lambda who=who: sittings.enter(person=who, sitting=sitting, at=NOON) for who in (cast.learner, cast.colleague)])

    assert [type(one) for one in made] == [Attempt, Attempt]


def test_giving_time_to_somebody_who_is_entering_locks_nobody_out(cast, sitting):
    """Both want the sitting and the person: in one order, so that neither is thrown out as a deadlock."""
    results = together(
        lambda: sittings.enter(person=cast.learner, sitting=sitting, at=NOON),
        lambda: sittings.allow(
            person=cast.learner, quiz=sitting.quiz, sitting=sitting, extra_attempts=1, reason="停电", by=cast.hr, at=NOON
        ),
    )
    assert not any(isinstance(one, Exception) for one in results), results


# ---- marks from paper and re-markings ------------------------------------------------------


@pytest.fixture
def on_paper(cast, quiz):
    """A sitting that closed at half past twelve, its sealed paper, and full marks by position."""
    sitting = sitting_of(quiz, cast.learner, opens_at=NOON, results="at_once")
    codes = Question.objects.filter(course_code="P01").order_by("code").values_list("code", flat=True)
    paper = exam_papers.make_fixed(quiz=quiz, chosen=[(code, Decimal(5)) for code in codes], by=cast.trainer, at=NOON)
    for author in (cast.trainer, cast.reviewer):
        exam_papers.seal(paper=paper, digest=paper.digest(), by=author, at=NOON)
    sitting.papers.add(paper)
    return sitting, paper, {item.position: item.points for item in paper.items.all()}


AFTER = NOON + 60 * MINUTE


def entered(on_paper, cast, points=None, by=None):
    sitting, paper, full = on_paper
    return paper_marks.enter_marks(
        person=cast.learner, paper=paper, sitting=sitting, seen=0, points=points or full, by=by or cast.hr, at=AFTER
    )


def one_chain(submission):
    """Markings as one line without a fork, the last one standing."""
    Marking.objects.current().get(submission=submission)
    assert submission.markings.filter(supersedes=None).count() == 1


def test_marks_of_one_sheet_entered_by_two_at_once_are_entered_once(on_paper, cast):
    results = together(*[lambda by=by: entered(on_paper, cast, by=by) for by in (cast.hr, cast.admin) * 3])
    refused = [one for one in results if isinstance(one, Refused)]
    assert len(refused) == 5 and {one.code for one in refused} == {"sat_already"}, results
    assert Submission.objects.count() == 1 and Marking.objects.count() == 1 and PaperCorrection.objects.count() == 1


def test_a_pass_agreed_to_by_two_at_once_is_agreed_to_once(on_paper, cast):
    made = entered(on_paper, cast)
    waiting = PaperCorrection.objects.get()
    acts = [lambda: paper_marks.decide(correction=waiting, approved=True, by=cast.admin, at=AFTER)] * 3
    no = lambda: paper_marks.decide(correction=waiting, approved=False, reason="无答题纸", by=cast.admin, at=AFTER)  # noqa: E731
    results = together(*acts, no)
    assert sum(isinstance(one, PaperCorrectionDecision) for one in results) == 1, results
    assert {one.code for one in results if isinstance(one, Refused)} == {"decided"}
    one_chain(made.submission)


def test_a_correction_its_decision_and_a_remarking_at_once_leave_one_line_of_markings(on_paper, cast):
    """Three who change the marks of one sheet in the same moment: each is done, or told that the marks have changed."""
    _sitting, _paper, full = on_paper
    failed = entered(on_paper, cast, {position: Decimal(0) for position in full})
    submission = failed.submission
    waiting = paper_marks.correct(submission=submission, seen=failed.pk, points=full, reason="误录", by=cast.hr, at=AFTER)
    item = submission.attempt.items.get(position=1)
    asked = remarks.propose(question=item.question, remedy="all_right", reason="有歧义", by=cast.trainer, at=AFTER)
    remarks.decide(remark=asked, approved=True, by=cast.reviewer, at=AFTER)

    results = together(
        lambda: paper_marks.decide(correction=waiting, approved=True, by=cast.admin, at=AFTER),
        lambda: paper_marks.correct(
            submission=submission, seen=failed.pk, points=full | {1: Decimal(1)}, reason="再更正", by=cast.hr, at=AFTER
        ),
        lambda: remarks.apply(Remark.objects.get(pk=asked.pk), at=AFTER),
        lambda: remarks.apply(Remark.objects.get(pk=asked.pk), at=AFTER),
    )

    assert not any(isinstance(one, Exception) and not isinstance(one, Refused) for one in results), results
    assert {one.code for one in results if isinstance(one, Refused)} <= {"open_already", "marked_since", "given_to_all"}
    one_chain(submission)
    remarks.apply(Remark.objects.get(pk=asked.pk), at=AFTER)
    assert Marking.objects.current().get(submission=submission).marks.get(item=item).fraction == 1  # the re-marking reached it


def test_going_on_on_paper_races_answers_the_clock_and_the_hand_in(on_paper, cast):
    sitting, _paper, _full = on_paper
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    items = list(attempt.items.all())

    def save(number):
        item = items[number]
        right = attempts.right_response(item)
        return attempts.save(attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response=right, token=f"p{number}", at=NOON)

    gone, handed_in, *saved = together(
        lambda: paper_marks.go_on(attempt=attempt, reason="死机", by=cast.hr, at=NOON),
        lambda: attempts.submit(attempt=attempt, at=NOON),
        *[lambda number=number: save(number) for number in range(6)],
    )

    assert isinstance(gone, GoneOnPaper) != isinstance(handed_in, Submission), (gone, handed_in)
    assert Submission.objects.count() + GoneOnPaper.objects.count() == 1
    kept = set(Answer.objects.values_list("token", flat=True))
    assert kept == {f"p{number}" for number, one in enumerate(saved) if not isinstance(one, Exception)}
    assert {one.code for one in saved if isinstance(one, Exception)} <= {"over"}


# ---- the bank ------------------------------------------------------------------------------


def rows(stem):
    return [{"id": "R-9", "type": "judge", "course": "P01", "stem": stem, "answer": True}]


def test_a_file_and_an_edit_of_the_same_question_at_once_are_two_versions_or_one_is_refused(cast, quiz):
    bank.import_rows(rows("题干"), county=cast.county, at=NOON)
    pk, opened = Question.objects.get(code="R-9").pk, Question.objects.get(code="R-9").stamp

    def edit():
        question = Question.objects.get(pk=pk)
        question.stem = "编辑后的题干"
        return bank.write(question, by=cast.trainer, seen=opened)

    for number in range(4):
        results = together(lambda number=number: bank.import_rows(rows(f"文件题干{number}"), county=cast.county, at=NOON), edit)
        failed = [one for one in results if isinstance(one, Exception)]
        assert all(isinstance(one, Refused) and one.code == "edited" for one in failed), results
    question = Question.objects.get(pk=pk)
    assert list(question.versions.order_by("number").values_list("number", flat=True)) == list(range(1, question.version + 1))
    assert question.versions.get(number=question.version).stem == question.stem


def test_nobody_waits_for_a_file_while_its_stems_are_compared(cast, quiz, monkeypatch):
    bank.import_rows(rows("题干"), county=cast.county, at=NOON)
    question, saved = Question.objects.get(code="R-9"), []

    def edit():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '4s'")
        question.stem = "编辑后的题干"
        return bank.write(question, by=cast.trainer)

    monkeypatch.setattr(bank, "_doubled_stems", lambda county, kept: saved.extend(together(edit)) or [])
    bank.import_rows(rows("文件题干"), county=cast.county, at=NOON, dry_run=True)

    assert saved == [question] and Question.objects.get(code="R-9").stem == "编辑后的题干"


def test_a_file_and_a_form_that_bring_the_same_new_code_at_once_make_one_question(cast, quiz):
    def form():
        made = Question(county=cast.county, code="R-9", course_code="P01", kind="judge", stem="表单题干", content={}, key=True)
        return bank.write(made, by=cast.trainer)

    results = together(lambda: bank.import_rows(rows("文件题干"), county=cast.county, at=NOON), form)
    failed = [one for one in results if isinstance(one, Exception)]
    assert all(isinstance(one, Refused) and one.code == "code_taken" for one in failed), results
    assert Question.objects.filter(code="R-9").count() == 1


def test_a_remarking_agreed_to_while_somebody_edits_keeps_the_edit(cast, quiz, attempt):
    """The decision has read the question before the edit; only what stands under the lock counts."""
    question = attempt.items.first().question
    asked = remarks.propose(question=question, remedy="all_right", reason="有歧义", by=cast.trainer, at=NOON)

    def edit():
        standing = Question.objects.get(pk=question.pk)
        standing.explanation = "新解析"
        return bank.write(standing, by=cast.trainer)

    results = together(edit, lambda: remarks.decide(remark=asked, approved=True, by=cast.reviewer, at=NOON))
    assert not any(isinstance(one, Exception) for one in results), results
    standing = Question.objects.get(pk=question.pk)
    assert standing.explanation == "新解析"
    assert standing.versions.get(number=standing.version).explanation == "新解析"


def test_of_two_forms_of_a_quiz_sent_at_once_exactly_one_is_saved(cast, quiz):
    catalogues.sync_members(county=cast.county)
    Quiz.objects.filter(pk=quiz.pk).update(key="spare")  # no course asks for it, so that it may be changed
    address, clients = f"/admin/quizzes/edit/{quiz.pk}/", [Client(), Client()]
    for client, author in zip(clients, [cast.trainer, cast.admin], strict=True):
        client.force_login(author)
    for turn in range(3):
        minutes = [30 + 2 * turn, 31 + 2 * turn]
        forms = [typed_in(client.get(address), minutes=each) for client, each in zip(clients, minutes, strict=True)]
        answers = together(*[lambda c=c, sent=sent: c.post(address, sent) for c, sent in zip(clients, forms, strict=True)])
        assert sorted(answer.status_code for answer in answers) == [200, 302]
        winner = [answer.status_code for answer in answers].index(302)
        assert Quiz.objects.get(pk=quiz.pk).minutes == minutes[winner]
        assert f'value="{minutes[1 - winner]}"' in answers[1 - winner].text and "晚于您打开本页" in answers[1 - winner].text


def test_two_points_moved_below_each_other_at_once_make_no_circle(cast, quiz):
    catalogues.sync_members(county=cast.county)
    clients = [Client(), Client()]
    for client, author in zip(clients, [cast.trainer, cast.admin], strict=True):
        client.force_login(author)
    for turn in range(3):
        both = [KnowledgePoint.objects.create(county=cast.county, name=f"{name}{turn}") for name in ("甲", "乙")]
        addresses = [f"/admin/knowledge-points/edit/{point.pk}/" for point in both]
        forms = [typed_in(c.get(to), parent=other.pk) for c, to, other in zip(clients, addresses, reversed(both), strict=True)]
        answers = together(*[lambda c=c, to=to, sent=sent: c.post(to, sent) for c, to, sent in zip(clients, addresses, forms, strict=True)])
        assert sorted(answer.status_code for answer in answers) == [200, 302]
        assert KnowledgePoint.objects.filter(pk__in=[point.pk for point in both], parent=None).count() == 1


def two_officers(cast):
    clients = [Client(), Client()]
    for client, officer in zip(clients, [cast.hr, cast.admin], strict=True):
        client.force_login(officer)
    return clients


def test_of_two_forms_of_a_sitting_sent_at_once_exactly_one_is_saved(cast, quiz):
    made, clients = make_sitting(cast, quiz), two_officers(cast)
    address = reverse("sitting_edit", args=[made.pk])
    for turn in range(3):
        titles = [f"第{turn}场甲", f"第{turn}场乙"]
        forms = [typed_in(client.get(address), title=each) for client, each in zip(clients, titles, strict=True)]
        answers = together(*[lambda c=c, sent=sent: c.post(address, sent) for c, sent in zip(clients, forms, strict=True)])
        assert sorted(answer.status_code for answer in answers) == [302, 422]
        winner = [answer.status_code for answer in answers].index(302)
        assert Sitting.objects.get(pk=made.pk).title == titles[winner] and titles[1 - winner] in answers[1 - winner].text


def test_of_two_who_add_time_for_all_at_once_exactly_one_adds_it(cast, quiz):
    made, clients = make_sitting(cast, quiz, opens_at=clock.now() - MINUTE), two_officers(cast)
    address = reverse("sitting_time", args=[made.pk])
    forms = [typed_in(client.get(address), holding="seen", reason=f"停电 {n}", sure="on") for n, client in enumerate(clients)]
    answers = together(*[lambda c=c, sent=sent: c.post(address, sent) for c, sent in zip(clients, forms, strict=True)])
    assert sorted(answer.status_code for answer in answers) == [302, 422] and Extension.objects.count() == 1


def test_of_two_who_seat_the_same_person_at_once_exactly_one_does(cast, quiz):
    made, clients = make_sitting(cast, quiz), two_officers(cast)
    address, one = reverse("sitting_candidates", args=[made.pk]), Candidate.objects.filter(sitting=made).first()
    wanted = [{f"room-{one.pk}": "三号考场", f"seat-{one.pk}": seat} for seat in ("31", "32")]
    forms = [typed_in(c.get(address), holding="candidate", act="seat", **each) for c, each in zip(clients, wanted, strict=True)]
    answers = together(*[lambda c=c, sent=sent: c.post(address, sent) for c, sent in zip(clients, forms, strict=True)])
    assert sorted(answer.status_code for answer in answers) == [302, 422]
    assert Candidate.objects.get(pk=one.pk).seat == ("31", "32")[[a.status_code for a in answers].index(302)]


def test_a_paper_that_several_bring_in_and_decide_at_once_is_brought_in_and_decided_once(cast, exam):  # noqa: F811
    opens_at = clock.now() - 130 * MINUTE
    made = Sitting.objects.create(quiz=exam, title="年度考试", opens_at=opens_at, closes_at=opens_at + 110 * MINUTE, is_listed=False)
    paper = exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON)[0]
    seal_twice(paper, cast)
    made.papers.set([paper])
    attempt = sittings.enter(person=cast.learner, sitting=made, at=opens_at + MINUTE)
    facts = {"attempt": attempt, "from_at": opens_at + 5 * MINUTE, "until": opens_at + 9 * MINUTE, "reason": "断网", "at": clock.now()}
    for one in (cast.liaison, cast.colleague):
        grant(one, Role.HR, cast.county)
    brought = together(*[lambda by=by: late_papers.bring(**facts, by=by) for by in (cast.hr, cast.liaison, cast.colleague)] * 2)
    assert sum(isinstance(one, LatePaper) for one in brought) == 1 == LatePaper.objects.count()
    assert {one.code for one in brought if isinstance(one, Refused)} == {"open_already"}
    late = LatePaper.objects.get()
    decided = together(
        *[lambda yes=yes: late_papers.decide(late_paper=late, approved=yes, reason="晚交", by=cast.admin, at=clock.now()) for yes in (0, 1)]
        * 3
    )
    assert {one.code for one in decided if isinstance(one, Refused)} == {"decided"} and LatePaperDecision.objects.count() == 1
    assert GoneOnPaper.objects.count() == LatePaperDecision.objects.get().approved and Submission.objects.count() == 1


def test_an_import_over_standing_questions_holds_up_nobody_who_begins(cast, quiz, enrolment):
    rows = [
        {"id": question.code, "type": "judge", "course": "P01", "stem": question.stem, "answer": False}
        for question in Question.objects.filter(kind="judge")
    ]

    def begin():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '4s'")
        return attempts.start(person=cast.learner, quiz=quiz, at=NOON)

    with transaction.atomic():
        bank.import_rows(rows, county=cast.county, at=NOON, by=cast.trainer)
        (begun,) = together(begin)
    assert isinstance(begun, Attempt), begun
