"""Every version of a question stays: who made it, when, what changed, how many attempts saw it, and what it said."""

import pytest

from courses.services import catalogues
from quizzes import versions
from quizzes.models import AttemptItem, Question, QuestionVersion
from quizzes.services import attempts, bank, remarks
from tests.cast import NOON
from tests.quizzes.items import BANK


@pytest.fixture
def trainer(cast, quiz, sign_in):
    catalogues.sync_members(county=cast.county)
    return sign_in(cast.trainer)


@pytest.fixture
def question(cast, quiz):
    return Question.objects.get(code="P01-1")


def edited(question, by, **facts):
    for name, value in facts.items():
        setattr(question, name, value)
    return bank.write(question, by=by)


def row(kind="judge", **more):
    return {"id": "N-1", "type": kind, "course": "P01", "stem": "新题：一律收费。", "answer": False} | more


def test_an_edit_keeps_the_version_before_it_and_says_who_changed_what(question, cast):
    first = question.stem
    edited(question, cast.trainer, stem="改过的题干？", source="第三十三条")

    second, one = versions.of(question)
    assert (second.number, second.is_standing, second.kept.by, second.changed) == (2, True, cast.trainer, ("题干", "依据条款"))
    assert (one.number, one.is_standing, one.kept.stem) == (1, False, first)


def test_what_is_no_content_makes_no_version(question, cast):
    edited(question, cast.trainer, tags=["易错"], is_reserved=True)
    assert [one.number for one in versions.of(question)] == [1] and question.versions.count() == 1


def test_files_keep_versions_too(cast, quiz):
    bank.import_rows([row()], county=cast.county, by=cast.trainer, at=NOON)
    bank.import_rows([row(answer=True)], county=cast.county, by=cast.reviewer, at=NOON)
    bank.import_rows([row(answer=True)], county=cast.county, by=cast.trainer, at=NOON)  # nothing differs

    second, first = versions.of(Question.objects.get(code="N-1"))
    assert (first.kept.by, first.kept.key, first.changed) == (cast.trainer, False, ())
    assert (second.kept.by, second.kept.at, second.changed) == (cast.reviewer, NOON, ("正确答案",))


def test_a_change_of_many_at_once_keeps_a_version_of_each_whose_content_changed(question, cast, quiz):
    every = list(Question.objects.values_list("pk", flat=True))
    bank.change(questions=every, by=cast.trainer, at=NOON, tag="2026")
    assert QuestionVersion.objects.filter(number=2).count() == 0
    bank.change(questions=every, by=cast.trainer, at=NOON, difficulty=3)
    assert QuestionVersion.objects.filter(number=2, difficulty=3).count() == len(every)


def test_a_version_that_a_remarking_sets_apart_says_so(trainer, question, cast, attempt):
    remark = remarks.propose(question=question, remedy="void", reason="题目有歧义", by=cast.trainer, at=NOON)
    remarks.decide(remark=remark, approved=True, reason="同意", by=cast.reviewer, at=NOON)
    question.refresh_from_db()
    assert [(one.number, one.changed, one.is_compared) for one in versions.of(question)] == [(2, (), True), (1, (), False)]
    assert "因重新评分" in trainer.get(f"/admin/questions/{question.pk}/versions/").text


def test_each_version_counts_the_attempts_that_saw_it(question, cast, quiz, enrolment):
    attempts.start(person=cast.learner, quiz=quiz, at=NOON)
    Question.objects.filter(pk=question.pk).update(version=2)
    assert [(one.number, one.attempts) for one in versions.of(Question.objects.get(pk=question.pk))] == [(2, 0), (1, 1)]


def test_the_list_of_versions_costs_the_same_for_one_and_for_thirty(question, cast, django_assert_num_queries):
    for number in range(30):
        edited(question, cast.trainer, stem=f"题干 {number}？")
    with django_assert_num_queries(3):
        several = versions.of(question)
        assert several[0].kept.by.name == cast.trainer.name
    assert len(several) == 31


@pytest.mark.parametrize("kind", BANK)
def test_an_older_version_of_any_kind_is_read_with_options_key_and_explanation(trainer, cast, kind):
    stem, content, key = BANK[kind]
    made = bank.write(
        Question(county=cast.county, code="V", course_code="P01", kind=kind, stem=stem, content=content, key=key, explanation="旧解析。"),
        by=cast.trainer,
    )
    edited(made, cast.trainer, explanation="新解析。")

    page = trainer.get(f"/admin/questions/{made.pk}/versions/1/")
    text = page.text
    assert "旧解析。" in text and "新解析。" not in text and "你的答案" not in text and "未作答" not in text
    reading = page.context["reading"]
    assert reading["lines"] and 'method="post"' not in text.partition("<main")[2].partition("</main>")[0] and "disabled" in text
    assert kind == "essay" or "正确答案" in text


def test_the_right_options_of_a_version_are_marked_and_wrong_ones_shown(trainer, question, cast):
    old = question.content["options"]
    edited(question, cast.trainer, content={"options": {"A": "甲", "B": "乙"}}, key=["A"])
    main = trainer.get(f"/admin/questions/{question.pk}/versions/1/").text.partition("<main")[2]
    assert all(text in main for text in old.values()) and main.count("is-right") == 1 and "甲" not in main


def test_a_version_from_before_versions_were_kept_is_read_from_an_attempt(trainer, question, attempt):
    """As after an upgrade: the table has the version that stood then, and nothing older."""
    stem = question.stem
    Question.objects.filter(pk=question.pk).update(version=3, stem="第三版题干？")
    QuestionVersion.objects.filter(question=question)._raw_delete("default")

    listed = trainer.get(f"/admin/questions/{question.pk}/versions/").text
    assert "早于版本留存" in listed
    assert stem in trainer.get(f"/admin/questions/{question.pk}/versions/1/").text.partition("<main")[2]
    assert "没有副本" in trainer.get(f"/admin/questions/{question.pk}/versions/2/").text
    assert "第三版题干？" in trainer.get(f"/admin/questions/{question.pk}/versions/3/").text
    assert AttemptItem.objects.filter(question=question, question_version=1).exists()


def test_versions_are_read_beside_the_question_by_authors_of_the_county_only(trainer, question, cast, sign_in):
    assert f"/admin/questions/{question.pk}/versions/" in trainer.get(f"/admin/questions/edit/{question.pk}/").text
    assert trainer.get(f"/admin/questions/{question.pk}/versions/9/").status_code == 404
    foreign = Question.objects.create(county=cast.other_county, code="X1", course_code="Z9", kind="judge", stem="外县题", key=True)
    paths = ("", "1/")
    assert [trainer.get(f"/admin/questions/{foreign.pk}/versions/{path}").status_code for path in paths] == [404, 404]
    for path in paths:
        for person in (cast.learner, cast.hr, cast.own_leader):
            assert sign_in(person).get(f"/admin/questions/{question.pk}/versions/{path}").status_code in {302, 403}


def test_nobody_edits_or_deletes_a_version(question, cast):
    from core.models import FactChanged

    edited(question, cast.trainer, stem="改过？")
    with pytest.raises(FactChanged):
        question.versions.update(stem="x")
    with pytest.raises(FactChanged):
        question.versions.first().save()
