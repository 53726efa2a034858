"""A blueprint may draw from the banks of several courses of its county; what is kept for exams stays kept in all of them."""

import random

import pytest

from core.errors import Refused
from courses.models import Course
from courses.services import catalogues
from quizzes import practice
from quizzes.models import DrawRule, Question, Quiz
from quizzes.services import attempts, bank, exam_papers, papers, quizzes, readiness
from tests.cast import NOON
from tests.factories import make_course
from tests.quizzes.test_admin import draws
from tests.quizzes.test_admin import question as as_typed


def judge(code, course, county, **facts):
    return bank.write(
        Question(
            county=county,
            code=code,
            course_code=course,
            kind="judge",
            stem=f"{code}：对吗？",
            key=True,
            status="reviewed",
            mark="V",
            **facts,
        ),
        by=None,
    )


@pytest.fixture
def several(cast, quiz):
    """The quiz of P01 asks for three true-or-false questions; P01 has one, P02 two, P03 one."""
    for code, course in (("P02-a", "P02"), ("P02-b", "P02"), ("P03-a", "P03")):
        judge(code, course, cast.county)
    judge("X-a", "P02", cast.other_county)
    quiz.draws.all().delete()
    DrawRule.objects.create(quiz=quiz, kind="judge", count=3)
    return Quiz.objects.get(pk=quiz.pk)


def drawn(quiz) -> set[str]:
    chosen = {candidate.id for candidate, _rule in papers.draw(quiz, rng=random.Random(1))}
    return set(Question.objects.filter(pk__in=chosen).values_list("code", flat=True))


def opened(quiz, *courses):
    quiz.further_banks = list(courses)
    quiz.save()
    return Quiz.objects.get(pk=quiz.pk)


def test_a_quiz_draws_from_its_own_bank_alone_until_others_are_chosen(several):
    with pytest.raises(Refused, match="P01"):
        papers.draw(several, rng=random.Random(1))
    assert drawn(opened(several, "P02")) == {"P01-3", "P02-a", "P02-b"}


def test_what_is_missing_names_all_the_banks(several):
    Question.objects.filter(course_code="P02").update(status="draft")
    with pytest.raises(Refused, match="P01、P02"):
        papers.draw(opened(several, "P02"), rng=random.Random(1))


def test_what_is_reserved_in_a_further_bank_is_for_exams_only(several):
    Question.objects.filter(code="P02-a").update(is_reserved=True)
    quiz = opened(several, "P02")
    assert papers.missing_for(quiz)
    quiz.is_exam = True
    quiz.save()
    assert drawn(quiz) == {"P01-3", "P02-a", "P02-b"}


def test_what_stands_on_an_exams_paper_is_kept_out_of_quizzes_of_every_bank_it_came_from(several, cast):
    exam = Quiz.objects.create(county=cast.county, key="exam", title="统考", course_code="P03", further_banks=["P02"], is_exam=True)
    DrawRule.objects.create(quiz=exam, kind="judge", count=3)
    course_quiz = opened(several, "P02")
    with pytest.raises(Refused) as refusal:
        exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON)
    assert refusal.value.code == "starves" and course_quiz.title in refusal.value.message
    exam_papers.make_parallel(quiz=exam, count=1, by=cast.trainer, at=NOON, may_starve=True)
    assert {candidate.id for candidate in papers.candidates(course_quiz)}.isdisjoint(
        Question.objects.filter(course_code="P02").values_list("pk", flat=True)
    )


def test_nobody_practises_a_course_while_a_quiz_that_draws_from_its_bank_is_open(several, cast, enrolment):
    make_course(cast.county, code="P02", lessons=1)
    make_course(cast.county, code="P03", lessons=1)
    attempts.start(person=cast.learner, quiz=opened(several, "P02"), at=NOON)
    with pytest.raises(Refused) as refusal:
        practice._refuse_during_a_quiz(cast.learner, Course.objects.get(code="P02"), NOON)
    assert refusal.value.code == "quiz_open"
    practice._refuse_during_a_quiz(cast.learner, Course.objects.get(code="P03"), NOON)


def test_the_banks_of_an_exam_stand_while_a_sitting_is_to_come(several, open_sitting):
    with pytest.raises(Refused):
        quizzes.refuse_other_terms(quiz=open_sitting.quiz, changed={"further_banks"}, at=NOON)


def test_whoever_edits_a_further_bank_hears_of_the_sitting_that_needs_it(several, cast, sitting):
    Quiz.objects.filter(pk=sitting.quiz_id).update(further_banks=["P02"])
    question = Question.objects.get(code="P02-a", county=cast.county)
    Question.objects.filter(pk=question.pk).update(status="draft")
    before = sitting.opens_at.replace(year=sitting.opens_at.year - 1)
    assert any("缺 1 题" in line for line in readiness.shaken_by([question], at=before))
    assert readiness.shaken_by([Question.objects.get(code="P03-a")], at=before) == []


def test_an_import_that_takes_a_question_to_another_bank_tells_of_the_exam_that_lacks_it_and_of_nothing_it_did_not_do(
    several, cast, sitting
):
    Quiz.objects.filter(pk=sitting.quiz_id).update(further_banks=["P02"])
    before = sitting.opens_at.replace(year=sitting.opens_at.year - 1)

    def told(**facts):
        row = {"id": "P02-a", "type": "judge", "course": "P02", "stem": "P02-a：对吗？", "answer": True, "v": "V"} | facts
        report = bank.import_rows([row], county=cast.county, at=before, dry_run=True)
        assert report.changed == ["P02-a"]
        return [str(warning) for warning in report.warnings if "年度考试" in str(warning)]

    [said] = told(course="P03")
    assert "缺 1 题" in said and told(explain="改过") == []
    Question.objects.filter(code="P02-b").update(status="draft")
    assert told(explain="改过") == [], "it lacked one before"
    [said] = told(course="P03")
    assert "缺 2 题" in said


def test_a_form_that_takes_a_question_to_another_bank_tells_of_the_exam_that_lacks_it(several, cast, sign_in, open_sitting):
    Quiz.objects.filter(pk=open_sitting.quiz_id).update(further_banks=["P02"])
    one, trainer = Question.objects.get(code="P02-a", county=cast.county), sign_in(cast.trainer)
    facts = {"code": "P02-a", "kind": "judge", "stem": one.stem, "lines": "正确", "county": cast.county.pk, "course_code": "P03"}
    page = trainer.post(f"/admin/questions/edit/{one.pk}/", as_typed(**facts), follow=True)
    assert Question.objects.get(pk=one.pk).course_code == "P03" and "缺 1 题" in page.text


def test_a_trainer_chooses_among_the_banks_of_the_county(several, cast, sign_in):
    catalogues.sync_members(county=cast.county)
    judge("Y-a", "OTHER", cast.other_county)
    trainer = sign_in(cast.trainer)
    page = trainer.get("/admin/quizzes/new/")
    assert [value for value, _label in page.context["form"].fields["further_banks"].choices] == ["P01", "P02", "P03"]
    facts = {"title": "联考", "key": "joint", "course_code": "P01", "minutes": 10, "attempts_allowed": 2, "pass_percent": 60}
    facts |= {"county": cast.county.pk} | draws({"kind": "judge", "count": 3})
    trainer.post("/admin/quizzes/new/", facts | {"further_banks": ["P02"]})
    assert Quiz.objects.get(key="joint").banks == ["P01", "P02"] and not papers.missing_for(Quiz.objects.get(key="joint"))
    trainer.post("/admin/quizzes/new/", facts | {"key": "stolen", "further_banks": ["OTHER"]})
    assert not Quiz.objects.filter(key="stolen").exists()
