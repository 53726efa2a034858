"""Exam papers: parallel ones, fixed ones, seals of two persons, exposure, what is reserved, and marks from paper."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.urls import reverse

from core import clock
from core.errors import Refused
from courses.models import Completion, Course
from courses.services import enrolments
from people.models import Posting
from people.services import postings
from quizzes.models import Attempt, AttemptItem, KnowledgePoint, Marking, Paper, PaperItem, Question, Sitting
from quizzes.services import attempts, bank, exam_papers, paper_marks, papers, quizzes, remarks, sittings
from tests.cast import NOON
from tests.factories import make_course
from tests.quizzes.exams import agree

MINUTE = timedelta(minutes=1)
AFTER = NOON + 90 * MINUTE


@pytest.fixture
def exam(cast):
    """A bank of twelve and an exam of three singles (5 points) and one judgement (10)."""
    rows = [
        {
            "id": f"S-{n}",
            "type": "single",
            "course": "P01",
            "diff": n % 3 + 1,
            "stem": f"问题{n}",
            "options": {"A": "对", "B": "错"},
            "answer": ["A"],
            "v": "V",
        }
        for n in range(9)
    ] + [{"id": f"J-{n}", "type": "judge", "course": "P01", "stem": f"判断{n}", "answer": True, "v": "V"} for n in range(3)]
    bank.import_rows(rows, county=cast.county, at=NOON)
    draws = [{"kind": "single", "count": 3, "points": 5}, {"kind": "judge", "count": 1, "points": 10}]
    quiz = quizzes.ensure(
        county=cast.county, key="x", title="年度考试", course_code="P01", minutes=30, pass_percent=60, attempts=1, draws=draws
    )
    quiz.is_exam = True
    quiz.save()
    make_course(cast.county, code="P01", lessons=1, quiz_key="x", pass_rule="quiz")
    return quiz


@pytest.fixture
def sitting(exam, cast):
    made = Sitting.objects.create(quiz=exam, title="年度考试", opens_at=NOON, closes_at=NOON + 60 * MINUTE, is_listed=False)
    if hasattr(made, "is_draft"):
        Sitting.objects.filter(pk=made.pk).update(is_draft=False)
        made.refresh_from_db()
    return made


def seal_twice(paper, cast):
    for by in (cast.trainer, cast.reviewer):
        exam_papers.seal(paper=paper, digest=paper.digest(), by=by, at=NOON)


def test_parallel_papers_share_no_question_and_all_serve_the_blueprint(exam, cast):
    made = exam_papers.make_parallel(quiz=exam, count=3, by=cast.trainer, at=NOON)

    assert [paper.label for paper in made] == ["A", "B", "C"]
    questions = [item.question_id for paper in made for item in paper.items.all()]
    assert len(questions) == len(set(questions)) == 12
    for paper in made:
        assert sorted((item.kind, item.points) for item in paper.items.all()) == [("judge", Decimal(10))] + [("single", Decimal(5))] * 3


def test_a_label_is_given_once_though_its_paper_was_thrown_away(exam, cast):
    def make(code):
        return exam_papers.make_fixed(quiz=exam, chosen=[(code, Decimal(5))], by=cast.trainer, at=NOON)

    first, _second = make("J-0"), make("J-1")
    exam_papers.discard(paper=first, by=cast.trainer)
    third = make("J-2")
    exam_papers.discard(paper=third, by=cast.trainer)
    assert (third.label, make("J-0").label) == ("C", "D")


def test_the_label_after_z_is_aa(exam, cast):
    Paper.objects.create(quiz=exam, label="Z", made_by=cast.trainer, made_at=NOON)
    Paper.objects.create(quiz=exam, label="C", made_by=cast.trainer, made_at=NOON)
    made = [exam_papers.make_fixed(quiz=exam, chosen=[(f"J-{n}", Decimal(5))], by=cast.trainer, at=NOON) for n in range(2)]
    assert [paper.label for paper in made] == ["AA", "AB"]


def test_what_the_bank_lacks_for_all_papers_is_named_and_nothing_is_written(exam, cast):
    with pytest.raises(Refused) as refused:
        exam_papers.make_parallel(quiz=exam, count=4, by=cast.trainer, at=NOON)
    assert refused.value.code == "bank_cannot_serve" and "12" in refused.value.message and not Paper.objects.exists()


def test_a_fixed_paper_holds_the_chosen_questions_in_order(exam, cast):
    paper = exam_papers.make_fixed(quiz=exam, chosen=[("J-1", Decimal(4)), ("S-2", Decimal("2.5"))], by=cast.trainer, at=NOON)
    assert [(i.position, i.question.code, i.points) for i in paper.items.all()] == [(1, "J-1", 4), (2, "S-2", Decimal("2.5"))]


@pytest.mark.parametrize("chosen", [[], [("S-1", 5), ("S-1", 5)], [("X-9", 5)], [("S-1", 0)]])
def test_a_choice_that_cannot_be_is_refused(exam, cast, chosen):
    with pytest.raises(Refused) as refused:
        exam_papers.make_fixed(quiz=exam, chosen=[(code, Decimal(points)) for code, points in chosen], by=cast.trainer, at=NOON)
    assert refused.value.code == "bad_choice" and not Paper.objects.exists()


def test_two_persons_seal_a_paper(exam, cast):
    paper = exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON)[0]
    exam_papers.seal(paper=paper, digest=paper.digest(), by=cast.trainer, at=NOON)
    assert not Paper.objects.get().is_sealed
    with pytest.raises(Refused) as refused:
        exam_papers.seal(paper=paper, digest=paper.digest(), by=cast.trainer, at=NOON)
    assert refused.value.code == "twice"

    exam_papers.seal(paper=paper, digest=paper.digest(), by=cast.reviewer, at=NOON)
    assert Paper.objects.get().is_sealed


def test_a_change_breaks_the_seal_and_cannot_be_sealed_unseen(exam, cast):
    paper = exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON)[0]
    seal_twice(paper, cast)
    seen = paper.digest()
    question = paper.items.first().question
    question.stem = "改过的题干"
    bank.write(question, by=cast.trainer)
    assert Paper.objects.get().is_sealed  # editing the bank changes no paper

    assert exam_papers.refresh(paper=paper, by=cast.trainer, at=NOON) == 1
    assert not Paper.objects.get().is_sealed
    with pytest.raises(Refused) as refused:
        exam_papers.seal(paper=Paper.objects.get(), digest=seen, by=cast.admin, at=NOON)
    assert refused.value.code == "changed"


@pytest.mark.parametrize("who", ["learner", "hr", "auditor", "other_hr", "stranger"])
def test_only_the_countys_authors_see_and_seal_papers(exam, cast, who):
    paper = exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON)[0]
    assert not Paper.objects.visible_to(getattr(cast, who)).exists()
    with pytest.raises(Refused) as refused:
        exam_papers.seal(paper=paper, digest=paper.digest(), by=getattr(cast, who), at=NOON)
    assert refused.value.code == "not_theirs"


def test_nobody_sits_a_paper_that_is_not_sealed(exam, sitting, cast):
    sitting.papers.set(exam_papers.make_parallel(quiz=exam, count=2, by=cast.trainer, at=NOON))
    with pytest.raises(Refused) as refused:
        sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    assert refused.value.code == "not_sealed" and not Attempt.objects.exists()


def test_everybody_gets_one_of_the_sealed_papers_and_keeps_it(exam, sitting, cast):
    made = exam_papers.make_parallel(quiz=exam, count=2, by=cast.trainer, at=NOON)
    for paper in made:
        seal_twice(paper, cast)
    sitting.papers.set(made)

    waiting = exam_papers.paper_for(sitting, cast.learner)

    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)

    assert attempt.paper in made and attempt.paper == waiting
    assert sittings.enter(person=cast.learner, sitting=sitting, at=NOON + MINUTE) == attempt
    assert {i.question_id for i in attempt.items.all()} == {i.question_id for i in attempt.paper.items.all()}
    with pytest.raises(Refused):
        exam_papers.refresh(paper=attempt.paper, by=cast.trainer, at=NOON)


def test_papers_are_spread_evenly(exam, sitting, cast):
    class Somebody:
        def __init__(self, pk):
            self.pk = pk

    made = exam_papers.make_parallel(quiz=exam, count=3, by=cast.trainer, at=NOON)
    for paper in made:
        seal_twice(paper, cast)
    sitting.papers.set(made)
    given = [exam_papers.paper_for(sitting, Somebody(n)).label for n in range(10_000, 10_300)]
    assert all(70 < given.count(label) < 130 for label in "ABC")


def test_a_question_that_stood_on_enough_exam_papers_is_not_drawn_again(exam, sitting, cast):
    exam.most_uses = 1
    exam.save()
    for person in (cast.learner, cast.colleague, cast.liaison):
        caches["local"].clear()
        sittings.enter(person=person, sitting=sitting, at=NOON)
    assert AttemptItem.objects.count() == AttemptItem.objects.values("question").distinct().count() == 12
    caches["local"].clear()
    with pytest.raises(Refused) as refused:
        sittings.enter(person=cast.own_leader, sitting=sitting, at=NOON)
    assert refused.value.code == "bank_cannot_serve"


def test_course_quizzes_use_nothing_that_is_reserved_or_on_an_exam_paper(exam, cast):
    Question.objects.filter(code="S-0").update(is_reserved=True)
    exam_papers.make_fixed(quiz=exam, chosen=[("S-1", Decimal(5)), ("J-0", Decimal(5))], by=cast.trainer, at=NOON)
    course_quiz = quizzes.ensure(
        county=cast.county,
        key="c",
        title="结业测试",
        course_code="P01",
        minutes=0,
        pass_percent=60,
        attempts=0,
        draws=[{"kind": "single", "count": 1}],
    )
    hidden = set(Question.objects.filter(code__in=["S-0", "S-1", "J-0"]).values_list("pk", flat=True))

    assert not hidden & {candidate.id for candidate in papers.candidates(course_quiz)}
    assert hidden <= {candidate.id for candidate in papers.candidates(exam)}


def test_a_draw_by_knowledge_point_takes_those_below_it(exam, cast):
    top = KnowledgePoint.objects.create(county=cast.county, name="公开")
    low = KnowledgePoint.objects.create(
        county=cast.county, name="时限", parent=KnowledgePoint.objects.create(county=cast.county, name="程序", parent=top)
    )
    Question.objects.filter(code__in=["S-3", "S-4"]).update(point=low)
    quiz = quizzes.ensure(
        county=cast.county,
        key="p",
        title="专题",
        course_code="P01",
        minutes=0,
        pass_percent=60,
        attempts=0,
        draws=[{"kind": "single", "count": 2, "point": "公开"}],
    )
    assert papers.missing_for(quiz) == []


# ---- marks from paper


@pytest.fixture
def paper(exam, sitting, cast):
    made = exam_papers.make_fixed(quiz=exam, chosen=[("S-1", Decimal(5)), ("J-0", Decimal(10))], by=cast.trainer, at=NOON)
    seal_twice(made, cast)
    sitting.papers.add(made)
    enrolments.enrol(person=cast.learner, course=Course.objects.get(code="P01"), at=NOON)
    return made


def test_what_was_written_on_paper_is_what_marks_are_entered_for(paper, sitting, cast):
    from quizzes.models import Quiz

    question = paper.items.first().question
    question.stem = "下一年的题干"
    bank.write(question, by=cast.trainer)
    with pytest.raises(Refused) as refused:
        exam_papers.refresh(paper=paper, by=cast.trainer, at=AFTER)
    assert refused.value.code == "handed_out"

    facts = {
        "person": cast.learner,
        "paper": paper,
        "sitting": sitting,
        "seen": 0,
        "points": {1: Decimal(5), 2: Decimal(10)},
        "by": cast.hr,
        "at": AFTER,
    }
    before = paper.quiz.pass_percent
    Quiz.objects.filter(pk=paper.quiz_id).update(pass_percent=99)
    with pytest.raises(Refused) as refused:
        paper_marks.enter_marks(**facts | {"paper": Paper.objects.get(pk=paper.pk)})
    assert refused.value.code == "not_sealed" and not Attempt.objects.exists()
    Quiz.objects.filter(pk=paper.quiz_id).update(pass_percent=before)
    assert paper_marks.enter_marks(**facts | {"paper": Paper.objects.get(pk=paper.pk)}).score == 15


def test_a_sitting_that_is_written_on_paper_has_begun_when_it_opens(paper, sitting, cast):
    before, later = sitting.opens_at - MINUTE, sitting.opens_at + MINUTE
    for act in (sittings.withdraw, lambda **facts: sittings.write(terms=replace(sittings.terms_of(sitting), papers=frozenset()), **facts)):
        with pytest.raises(Refused) as refused:
            act(sitting=sitting, by=cast.hr, at=later)
        assert refused.value.code == "has_begun"
    assert sittings.withdraw(sitting=sitting, by=cast.hr, at=before).is_draft


def test_marks_from_paper_become_an_attempt_that_counts(paper, sitting, cast, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        marking = paper_marks.enter_marks(
            person=cast.learner, paper=paper, sitting=sitting, seen=0, points={1: Decimal("2.5"), 2: Decimal(10)}, by=cast.hr, at=AFTER
        )
        marking = agree(marking, by=cast.admin, at=AFTER)

    assert (marking.cause, marking.score, marking.out_of, marking.passed) == ("paper", Decimal("12.50"), 15, True)
    assert Completion.objects.get().completed_at == sitting.closes_at and marking.at == AFTER
    assert Attempt.objects.get().submission.cause == "paper"


@pytest.mark.parametrize("points", [{1: 6, 2: 10}, {1: 5}, {1: 5, 2: -1}, {1: 5, 2: 10, 3: 1}])
def test_points_outside_the_paper_are_refused_and_nothing_is_written(paper, sitting, cast, points):
    with pytest.raises(Refused) as refused:
        paper_marks.enter_marks(
            person=cast.learner,
            paper=paper,
            sitting=sitting,
            seen=0,
            points={at: Decimal(p) for at, p in points.items()},
            by=cast.hr,
            at=AFTER,
        )
    assert refused.value.code == "bad_points" and not Attempt.objects.exists() and not Marking.objects.exists()


@pytest.mark.parametrize("who", ["learner", "colleague"])
def test_a_sheet_belongs_to_where_they_served_on_the_day_of_the_exam_whenever_it_is_entered(paper, sitting, cast, who):
    """The learner had begun the course; the colleague is enrolled by the entry, of the exam's day as well."""
    someone, points = getattr(cast, who), {1: Decimal(5), 2: Decimal(10)}
    Posting.objects.filter(person=someone).update(starts_on=clock.today(NOON) - timedelta(days=90))
    postings.post(person=someone, unit=cast.other_bureau, title="科员", duties=[], starts_on=clock.today(NOON) + timedelta(days=1))
    someone.refresh_from_db()
    assert someone.unit == cast.other_bureau

    marking = paper_marks.enter_marks(person=someone, paper=paper, sitting=sitting, seen=0, points=points, by=cast.hr, at=AFTER)

    attempt = marking.submission.attempt
    assert (attempt.unit, attempt.unit_name) == (cast.section, "姚安县教育体育局 办公室")
    assert attempt.enrolment.unit == cast.section


def test_one_paper_a_person_and_sitting(paper, sitting, cast):
    points = {1: Decimal(5), 2: Decimal(10)}
    facts = {"person": cast.learner, "paper": paper, "sitting": sitting, "points": points, "by": cast.hr, "at": AFTER}
    entered = paper_marks.enter_marks(**facts, seen=0)
    with pytest.raises(Refused) as refused:
        paper_marks.enter_marks(**facts, seen=entered.submission.attempt_id)
    assert refused.value.code == "sat_already"


def test_marks_of_who_is_not_enrolled_yet_enrol_them_as_entering_does(paper, sitting, cast):
    points = {1: Decimal(5), 2: Decimal(10)}
    paper_marks.enter_marks(person=cast.colleague, paper=paper, sitting=sitting, seen=0, points=points, by=cast.hr, at=AFTER)
    assert Attempt.objects.get().enrolment.course.code == "P01"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda cast, sitting: {"at": NOON + 59 * MINUTE}, "not_over"),
        (lambda cast, sitting: {"person": cast.hr}, "own_marks"),
        (lambda cast, sitting: sitting.papers.clear() or {}, "other_paper"),
        (lambda cast, sitting: Sitting.objects.filter(pk=sitting.pk).update(is_listed=True) and {}, "not_a_candidate"),
    ],
)
def test_marks_are_refused_where_they_cannot_belong(paper, sitting, cast, change, code):
    facts = {"person": cast.learner, "paper": paper, "seen": 0, "points": {1: Decimal(5), 2: Decimal(10)}, "by": cast.hr, "at": AFTER}
    facts |= change(cast, sitting)
    with pytest.raises(Refused) as refused:
        paper_marks.enter_marks(sitting=Sitting.objects.get(), **facts)
    assert refused.value.code == code and not Attempt.objects.exists()


def test_a_new_key_leaves_marks_from_paper_to_a_person_and_lists_them(paper, sitting, cast, sign_in):
    points = {1: Decimal(5), 2: Decimal(10)}
    entered = paper_marks.enter_marks(person=cast.learner, paper=paper, sitting=sitting, seen=0, points=points, by=cast.hr, at=AFTER)
    entered = agree(entered, by=cast.admin, at=AFTER)
    facts = {"question": Question.objects.get(code="S-1"), "reason": "答案错误", "by": cast.trainer, "at": NOON}
    asked = remarks.propose(remedy="new_key", key=["B"], **facts)

    assert list(remarks.changes(asked)) == [] and remarks.by_hand(asked).get().marking == entered
    page = sign_in(cast.hr).get(reverse("remark", args=[asked.pk]))
    assert "需由人查看" in page.text and cast.learner.name in page.text

    remarks.decide(remark=asked, approved=True, by=cast.hr, at=AFTER)
    assert remarks.apply(asked, at=AFTER) == 0 and Marking.objects.current().get() == entered
    assert "需由人查看" in sign_in(cast.hr).get(reverse("remark", args=[asked.pk])).text

    facts = {"submission": entered.submission, "seen": entered.pk, "points": points, "by": cast.hr}
    paper_marks.correct(reason="已核对答题纸，得分不变", at=AFTER + MINUTE, **facts)
    assert not remarks.by_hand(asked).exists(), "somebody has looked"
    with pytest.raises(Refused) as refused:
        paper_marks.correct(reason="再核对", at=AFTER + MINUTE, **facts | {"seen": entered.submission.markings.last().pk})
    assert refused.value.code == "same_points"


def test_the_ceiling_holds_for_fixed_questions_of_other_banks_too(exam, cast):
    Question.objects.filter(code="S-1").update(course_code="P09")  # a bank that the exam does not draw from
    exam.most_uses = 1
    exam.save()
    other = quizzes.ensure(
        county=cast.county,
        key="other",
        title="别的考试",
        course_code="P09",
        minutes=0,
        pass_percent=60,
        attempts=0,
        draws=[{"kind": "single", "count": 1}],
    )
    make_course(cast.county, code="P09", lessons=1, quiz_key="other")
    enrolments.enrol(person=cast.learner, course=Course.objects.get(code="P09"), at=NOON)
    attempts.start(person=cast.learner, quiz=other, at=NOON)
    type(other).objects.filter(pk=other.pk).update(is_exam=True)

    with pytest.raises(Refused) as refused:
        exam_papers.make_fixed(quiz=exam, chosen=[("S-1", Decimal(5))], by=cast.trainer, at=NOON)

    assert refused.value.code == "bad_choice" and "S-1" in refused.value.message


def test_a_fixed_paper_starves_no_course_quiz_of_another_bank_either(exam, cast):
    Question.objects.filter(code="S-1").update(course_code="P09")
    draws = [{"kind": "single", "count": 1}]
    facts = {
        "county": cast.county,
        "key": "c9",
        "title": "结业测试九",
        "course_code": "P09",
        "minutes": 0,
        "pass_percent": 60,
        "attempts": 0,
    }
    quizzes.ensure(draws=draws, **facts)
    chosen = {"quiz": exam, "chosen": [("S-1", Decimal(5))], "by": cast.trainer, "at": NOON}
    with pytest.raises(Refused) as refused:
        exam_papers.make_fixed(**chosen)
    assert refused.value.code == "starves" and "结业测试九" in refused.value.message and not Paper.objects.exists()
    assert exam_papers.make_fixed(may_starve=True, **chosen).items.count() == 1


# ---- what papers take from course quizzes, and what becomes of them


@pytest.fixture
def course_quiz(exam, cast):
    """A quiz of the course that needs ten of the twelve questions."""
    draws = [{"kind": "single", "count": 8, "points": 5}, {"kind": "judge", "count": 2, "points": 5}]
    return quizzes.ensure(
        county=cast.county, key="p01-final", title="课程测验", course_code="P01", minutes=10, pass_percent=60, attempts=3, draws=draws
    )


def test_papers_that_would_leave_a_course_quiz_short_are_made_only_by_whoever_says_so(exam, course_quiz, cast):
    for make in (
        lambda **more: exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON, **more),
        lambda **more: exam_papers.make_fixed(
            quiz=exam, chosen=[("S-1", Decimal(5)), ("S-2", Decimal(5))], by=cast.trainer, at=NOON, **more
        ),
    ):
        with pytest.raises(Refused) as refused:
            make()
        assert refused.value.code == "starves" and "课程测验" in refused.value.message and not Paper.objects.exists()
    exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON, may_starve=True)
    assert papers.missing_for(course_quiz)


def test_the_page_asks_before_it_makes_papers_that_leave_a_course_quiz_short(exam, course_quiz, cast, sign_in):
    trainer, path = sign_in(cast.trainer), reverse("paper_list", args=[exam.key])
    page = trainer.post(path, {"how": "parallel", "count": 1})
    assert page.status_code == 422 and "课程测验" in page.text and 'name="may_starve"' in page.text and not Paper.objects.exists()
    trainer.post(path, {"how": "parallel", "count": 1, "may_starve": "on"})
    assert Paper.objects.count() == 1


def test_a_withdrawn_paper_gives_its_questions_back_and_is_handed_out_no_more(exam, course_quiz, cast, sitting, sign_in):
    [paper] = exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON, may_starve=True)
    seal_twice(paper, cast)
    sitting.papers.set([paper])
    with pytest.raises(Refused) as refused:
        exam_papers.withdraw(paper=paper, by=cast.trainer, at=NOON)
    assert refused.value.code == "in_use"

    exam_papers.withdraw(paper=paper, by=cast.trainer, at=AFTER)

    assert papers.missing_for(course_quiz) == [] and exam_papers.sealed_for([exam]) == []
    page = sign_in(cast.trainer).get(reverse("paper", args=[paper.pk]))
    assert "已于" in page.text and 'value="seal"' not in page.text


def test_another_attempt_in_a_sitting_gets_another_paper(exam, cast, sitting):
    made = exam_papers.make_parallel(quiz=exam, count=2, by=cast.trainer, at=NOON)
    for paper in made:
        seal_twice(paper, cast)
    sitting.papers.set(made)
    first = sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    attempts.submit(attempt=first, at=NOON + MINUTE)
    sittings.allow(person=cast.learner, quiz=exam, sitting=sitting, extra_attempts=1, reason="停电", by=cast.hr, at=NOON + MINUTE)

    second = sittings.enter(person=cast.learner, sitting=sitting, at=NOON + 2 * MINUTE)

    assert {first.paper, second.paper} == set(made)


def test_a_chosen_paper_keeps_to_the_ceiling_of_uses(exam, cast, sitting):
    exam.most_uses = 1
    exam.save()
    first = exam_papers.make_fixed(quiz=exam, chosen=[("S-1", Decimal(5))], by=cast.trainer, at=NOON)
    seal_twice(first, cast)
    sitting.papers.set([first])
    sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    caches["local"].clear()

    with pytest.raises(Refused) as refused:
        exam_papers.make_fixed(quiz=exam, chosen=[("S-1", Decimal(5)), ("S-2", Decimal(5))], by=cast.trainer, at=NOON)

    assert refused.value.code == "bad_choice" and "S-1" in refused.value.message and "S-2" not in refused.value.message


def test_papers_that_wait_count_towards_the_ceiling_until_they_are_withdrawn(exam, cast):
    exam.most_uses = 1
    exam.save()
    chosen = {"quiz": exam, "chosen": [("S-1", Decimal(5)), ("J-1", Decimal(5))], "by": cast.trainer, "at": NOON}
    first = exam_papers.make_fixed(**chosen)
    with pytest.raises(Refused) as refused:
        exam_papers.make_fixed(**chosen)
    assert refused.value.code == "bad_choice" and "S-1" in refused.value.message and Paper.objects.count() == 1

    exam_papers.withdraw(paper=first, by=cast.trainer, at=NOON)
    assert exam_papers.make_fixed(**chosen).items.count() == 2


def test_parallel_papers_made_one_after_the_other_keep_to_the_ceiling(exam, cast):
    exam.most_uses = 1
    exam.save()
    for _turn in range(3):
        exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON)
    assert PaperItem.objects.count() == PaperItem.objects.values("question").distinct().count() == 12
    with pytest.raises(Refused) as refused:
        exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON)
    assert refused.value.code == "bank_cannot_serve"


def test_a_paper_counts_as_one_use_until_it_is_sat_and_then_as_one_for_each_who_sits_it(exam, cast, sitting):
    exam.most_uses = 2
    exam.save()
    chosen = {"quiz": exam, "chosen": [("S-1", Decimal(5))], "by": cast.trainer, "at": NOON}
    paper = exam_papers.make_fixed(**chosen)
    seal_twice(paper, cast)
    sitting.papers.set([paper])
    question = paper.items.get().question_id
    assert papers.used_up_of(exam, [question]) == set()
    sittings.enter(person=cast.learner, sitting=sitting, at=NOON)
    assert papers.used_up_of(exam, [question]) == set()
    sittings.enter(person=cast.colleague, sitting=sitting, at=NOON)
    assert papers.used_up_of(exam, [question]) == {question}
    assert sittings.enter(person=cast.liaison, sitting=sitting, at=NOON).items.count() == 1, (
        "a paper that is handed out is handed out whole"
    )


@pytest.mark.parametrize("change", [{"pass_percent": 80}, {"policies": {"multiple": "part"}}])
def test_a_seal_is_over_how_the_paper_is_marked_too(exam, cast, change):
    [paper] = exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON)
    seal_twice(paper, cast)
    assert Paper.objects.get().is_sealed
    type(exam).objects.filter(pk=exam.pk).update(**change)
    assert not Paper.objects.get().is_sealed


# ---- before the day


def test_an_edit_that_leaves_a_coming_sitting_short_is_said_to_whoever_edits(exam, cast, sitting, sign_in):
    from courses.services import catalogues
    from quizzes.services import readiness

    catalogues.sync_members(county=cast.county)
    before = NOON - 2 * MINUTE
    judges = list(Question.objects.filter(kind="judge"))
    assert readiness.shaken_by(judges, at=before) == []
    Question.objects.filter(kind="judge").update(status="draft")

    [said] = readiness.shaken_by(judges, at=before)

    assert "年度考试" in said and "判断题" in said
    assert readiness.shaken_by(judges, at=NOON + 29 * MINUTE) == [said], "who comes late gets a paper only now"
    assert readiness.shaken_by(judges, at=NOON + 30 * MINUTE) == [], "who has begun has a paper"
    assert "判断题" in readiness.faults(sitting)[0]


def test_late_entrants_who_would_not_have_the_whole_time_are_told_of_beforehand_and_at_the_door(exam, cast, sign_in):
    """Forty minutes open, late entry for twenty, thirty for the exam: who comes last has twenty."""
    from quizzes.services import readiness

    now = clock.now()
    facts = {"title": "年度考试", "is_listed": False, "late_entry_minutes": 20}
    sitting = Sitting.objects.create(quiz=exam, opens_at=now - 19 * MINUTE, closes_at=now + 21 * MINUTE, **facts)
    [said] = readiness.faults(sitting)
    assert "20分钟" in said and "30分钟" in said
    page = sign_in(cast.learner).get(reverse("sitting", args=[sitting.pk])).text
    left = attempts.would_end(person=cast.learner, sitting=sitting, at=now)
    assert left == sittings.enter(person=cast.learner, sitting=sitting, at=now).due_at == sitting.closes_at
    assert "现在进入，您有20分" in page

    Sitting.objects.filter(pk=sitting.pk).update(closes_at=now + 31 * MINUTE)
    assert readiness.faults(Sitting.objects.get(pk=sitting.pk)) == []
    assert "现在进入，您有" not in sign_in(cast.colleague).get(reverse("sitting", args=[sitting.pk])).text


def test_the_overview_says_how_many_of_the_questions_that_an_exam_draws_anybody_may_practise(exam, cast, sign_in):
    """On papers that were made for exams no question is practised: then nothing is to be said."""
    sitting = Sitting.objects.create(quiz=exam, title="年度考试", opens_at=clock.now() + 60 * MINUTE, closes_at=clock.now() + 120 * MINUTE)
    page, said = reverse("sitting_manage", args=[sitting.pk]), "任何人都可练习"
    Question.objects.filter(code="S-1").update(is_reserved=True)
    text = sign_in(cast.hr).get(page).text
    assert said in text and "可抽的12道题中有11道" in text
    Question.objects.update(is_reserved=True)
    assert said not in sign_in(cast.hr).get(page).text
    Question.objects.update(is_reserved=False)
    sitting.papers.add(exam_papers.make_fixed(quiz=exam, chosen=[("S-1", Decimal(5))], by=cast.trainer, at=NOON))
    assert said not in sign_in(cast.hr).get(page).text


def test_readiness_looks_at_the_day_of_the_exam(exam, cast, sitting):
    from core import clock
    from quizzes.services import readiness

    Question.objects.filter(kind="judge").update(source_until=clock.today(NOON) - timedelta(days=1))
    assert len(readiness.faults(sitting)) == 1
    Question.objects.filter(kind="judge").update(source_until=clock.today(NOON))
    assert readiness.faults(sitting) == []
    Course.objects.filter(code="P01").update(is_open=False)
    assert "已关闭" in readiness.faults(sitting)[0]


def test_a_bulk_edit_in_the_admin_names_the_exam_that_it_endangers(exam, cast, sign_in):
    from urllib.parse import urlencode

    from core import clock
    from courses.services import catalogues

    catalogues.sync_members(county=cast.county)
    opens = clock.now() + timedelta(days=1)
    Sitting.objects.create(quiz=exam, title="明日考试", opens_at=opens, closes_at=opens + 60 * MINUTE, is_listed=False, is_draft=False)
    ids = list(Question.objects.filter(kind="judge").values_list("pk", flat=True))
    path = "/admin/bulk/quizzes/question/change/?" + urlencode([("id", pk) for pk in ids])
    page = sign_in(cast.trainer).post(path, {"status": "retired"}, follow=True)
    assert not Question.objects.filter(kind="judge", status="reviewed").exists() and "明日考试" in page.text


def test_a_listed_candidate_who_serves_in_another_county_by_now_is_still_entered(paper, sitting, cast, sign_in):
    Sitting.objects.filter(pk=sitting.pk).update(is_listed=True)
    sitting.candidates.create(person=cast.learner)
    cast.learner.unit = cast.other_county
    cast.learner.save()
    door = reverse("sitting_marks", args=[sitting.pk, cast.learner.pk])
    assert sign_in(cast.hr).get(door).status_code == 200
    assert sign_in(cast.hr).get(reverse("sitting_marks", args=[sitting.pk, cast.stranger.pk])).status_code == 404
    assert sign_in(cast.other_hr).get(door).status_code in (403, 404)


def test_a_question_that_changes_under_a_sealed_paper_is_said_before_the_day(exam, cast, sitting):
    from quizzes.services import readiness

    chosen = [("S-1", Decimal(5)), ("S-2", Decimal(5)), ("J-1", Decimal(10))]
    paper = exam_papers.make_fixed(quiz=exam, chosen=chosen, by=cast.trainer, at=NOON)
    seal_twice(paper, cast)
    sitting.papers.set([paper])
    assert readiness.faults(sitting) == []

    other, edited = Question.objects.get(code="S-7"), Question.objects.get(code="S-2")
    for question in (other, edited):
        question.stem = "改过的问题？"
        bank.write(question, by=cast.trainer)
    Question.objects.filter(code="J-1").update(status="retired")

    before = NOON - 2 * MINUTE
    [said] = readiness.faults(sitting)
    assert "试卷A" in said and "S-2、J-1" in said and "S-1" not in said
    [told] = readiness.shaken_by([edited], at=before)
    assert "S-2" in told and "J-1" not in told
    assert readiness.shaken_by([other], at=before) == []

    exam_papers.refresh(paper=paper, by=cast.trainer, at=before)
    assert "S-2" not in readiness.faults(sitting)[0]


def test_an_import_that_changes_a_question_of_a_sealed_paper_warns_of_the_exam(exam, cast, sitting):
    paper = exam_papers.make_fixed(quiz=exam, chosen=[("J-1", Decimal(10))], by=cast.trainer, at=NOON)
    sitting.papers.set([paper])
    rows = [{"id": "J-1", "type": "judge", "course": "P01", "stem": "判断1", "answer": False}]

    report = bank.import_rows(rows, county=cast.county, at=NOON - 2 * MINUTE, by=cast.trainer)

    assert any("J-1" in str(warning) and "年度考试" in str(warning) for warning in report.warnings)


def test_a_dry_run_says_which_exams_the_import_would_stop_and_writes_nothing(exam, cast, sitting, tmp_path, capsys):
    """By a trainer the changed questions would be drafts, by an operator they are reviewed."""
    rows = [{"id": f"J-{n}", "type": "judge", "course": "P01", "stem": f"改过{n}", "answer": True, "v": "V"} for n in range(3)]
    before = NOON - 2 * MINUTE

    def told(by):
        report = bank.import_rows(rows, county=cast.county, at=before, by=by, dry_run=True)
        return [str(warning) for warning in report.warnings if "年度考试" in str(warning)]

    [said] = told(cast.trainer)
    assert "判断题" in said and told(None) == []
    assert set(Question.objects.filter(kind="judge").values_list("version", "status")) == {(1, "reviewed")}

    Sitting.objects.update(opens_at=clock.now() + 60 * MINUTE, closes_at=clock.now() + 120 * MINUTE)
    file = tmp_path / "rows.yaml"
    file.write_text("\n".join(f"- {json.dumps(row | {'use': 'retired'})}" for row in rows))
    call_command("import_questions", str(file), county=cast.county.code, dry_run=True)
    assert "年度考试" in capsys.readouterr().err and Question.objects.filter(status="retired").count() == 0


def test_a_sitting_whose_line_at_the_door_costs_exam_time_says_so_beforehand(exam, cast, sitting, settings):
    from quizzes.services import readiness

    settings.EXAM_ENTRIES_PER_SECOND = 1 / 60
    for someone in (cast.learner, cast.colleague, cast.own_leader):
        sitting.candidates.create(person=someone)
    assert readiness.faults(sitting) == [], "there is time to spare"
    Sitting.objects.filter(pk=sitting.pk).update(closes_at=NOON + 31 * MINUTE, late_entry_minutes=1)
    [said] = readiness.faults(Sitting.objects.get(pk=sitting.pk))
    assert "3分钟" in said
