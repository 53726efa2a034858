"""Questions are drafts until somebody else has reviewed them; many are changed at once; stems that are alike are found."""

from datetime import timedelta
from fractions import Fraction
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import clock
from core.errors import Refused
from people.models import Role
from quizzes import rules
from quizzes.models import Question
from quizzes.services import bank
from tests.cast import NOON, grant


@pytest.fixture
def question(cast, quiz):
    return Question.objects.get(kind="judge")


def edited(question, by, **facts):
    for name, value in facts.items():
        setattr(question, name, value)
    return bank.write(question, by=by)


def drawable(question) -> bool:
    return Question.objects.drawable().filter(pk=question.pk).exists()


def test_a_change_of_content_makes_a_draft_that_somebody_else_reviews(question, cast):
    assert drawable(question)
    changed = edited(question, cast.trainer, stem="改过的题干。")
    assert (changed.status, changed.edited_by, changed.version) == ("draft", cast.trainer, 2) and not drawable(question)

    with pytest.raises(Refused, match="审核人员"):
        edited(question, cast.trainer, status="reviewed")
    question.refresh_from_db()
    assert edited(question, cast.reviewer, status="reviewed").version == 2 and drawable(question)


def test_nobody_reviews_what_they_edited_last(question, cast):
    edited(question, cast.reviewer, stem="审核人改过的题干。")
    with pytest.raises(Refused) as refusal:
        edited(question, cast.reviewer, status="reviewed")
    assert refusal.value.code == "own_question"


@pytest.mark.parametrize(("mark", "source", "is_refused"), [("V", "", True), ("S", " ", True), ("D", "", False), ("V", "第一条", False)])
def test_nobody_calls_reviewed_what_claims_a_source_and_names_none(question, cast, mark, source, is_refused):
    edited(question, cast.trainer, mark=mark, source=source, stem="改过的题干。")
    if is_refused:
        with pytest.raises(Refused, match="依据条款") as refusal:
            edited(question, cast.reviewer, status="reviewed")
        assert refusal.value.code == "no_source" and not drawable(question)
        _changed, (left,) = bank.change(questions=[question.pk], by=cast.reviewer, at=NOON, status="reviewed")
        assert left.code == "no_source"
    else:
        assert edited(question, cast.reviewer, status="reviewed").status == "reviewed" and drawable(question)


def test_what_stands_reviewed_without_a_source_stays_so_when_a_tag_is_added(question, cast):
    Question.objects.filter(pk=question.pk).update(mark="V", source="", status="reviewed")
    question.refresh_from_db()
    assert edited(question, cast.trainer, tags=["易错"]).status == "reviewed" and drawable(question)


def test_who_reviews_what_is_still_to_be_checked_is_told_that_no_paper_draws_it(question, cast, sign_in):
    from courses.services import catalogues

    catalogues.sync_members(county=cast.county)
    edited(question, cast.trainer, mark="M")
    done = sign_in(cast.reviewer).post(bulk([question.pk]), {"status": "reviewed"}, follow=True)
    question.refresh_from_db()
    assert question.status == "reviewed" and not drawable(question)
    assert "1 道试题标为 M" in done.text


def test_point_tags_and_reservation_are_no_content(question, cast):
    kept = edited(question, cast.trainer, tags=["易错"], is_reserved=True)
    assert (kept.status, kept.version) == ("reviewed", 1)


def test_a_file_that_somebody_brings_in_waits_for_review(cast, quiz):
    row = {"id": "N-1", "type": "judge", "course": "P01", "stem": "新题：一律收费。", "answer": False}
    bank.import_rows([row], county=cast.county, by=cast.trainer, at=NOON)
    assert Question.objects.get(code="N-1").status == "draft" and not drawable(Question.objects.get(code="N-1"))


@pytest.mark.parametrize(("since", "until", "is_drawn"), [(None, 0, True), (None, -1, False), (1, None, False), (0, 5, True)])
def test_a_question_is_drawn_while_its_source_is_in_force(question, since, until, is_drawn):
    today = clock.today()
    question.source_since = None if since is None else today + timedelta(days=since)
    question.source_until = None if until is None else today + timedelta(days=until)
    question.save()
    assert drawable(question) is is_drawn


# ---- many at once ----------------------------------------------------------------------------


def test_many_are_changed_at_once_and_those_that_may_not_say_why(cast, quiz, django_assert_max_num_queries):
    mine, other = Question.objects.order_by("pk")[:2]
    Question.objects.filter(pk=mine.pk).update(status="draft", edited_by=cast.reviewer)
    Question.objects.filter(pk=other.pk).update(status="draft", edited_by=cast.trainer)
    with django_assert_max_num_queries(12):
        changed, refused = bank.change(questions=[mine.pk, other.pk], by=cast.reviewer, at=NOON, tag="2026", status="reviewed")
    assert changed == [other.code] and [refusal.code for refusal in refused] == ["own_question"]
    assert Question.objects.get(pk=other.pk).tags == ["2026"] and Question.objects.get(pk=mine.pk).tags == []


def test_another_countys_questions_are_left_alone(cast, quiz):
    grant(cast.stranger, Role.REVIEWER, cast.other_county)
    changed, _refused = bank.change(questions=list(Question.objects.values_list("pk", flat=True)), by=cast.stranger, at=NOON, difficulty=3)
    assert changed == [] and not Question.objects.filter(difficulty=3).exists()


def bulk(pks) -> str:
    return "/admin/bulk/quizzes/question/change/?" + urlencode({"id": list(pks), "next": "/admin/questions/"}, doseq=True)


def test_the_listing_offers_ticks_and_the_form_changes_what_is_filled_in(cast, quiz, sign_in):
    from courses.services import catalogues

    catalogues.sync_members(county=cast.county)
    client = sign_in(cast.trainer)
    listing = client.get("/admin/questions/").text
    assert "data-bulk-action-checkbox" in listing and "/admin/bulk/quizzes/question/change/" in listing
    pks = list(Question.objects.values_list("pk", flat=True)[:3])

    form = client.get(bulk(pks))
    assert form.status_code == 200 and "3 道试题" in form.text
    assert "没有要修改的内容" in client.post(bulk(pks), {}).text
    done = client.post(bulk(pks), {"difficulty": "3", "is_reserved": "1", "tag": "年度"}, follow=True)
    assert "已修改 3 道试题" in done.text
    assert {(q.difficulty, q.is_reserved, tuple(q.tags), q.status) for q in Question.objects.filter(pk__in=pks)} == {
        (3, True, ("年度",), "draft")
    }


def test_who_is_no_author_changes_nothing(cast, quiz, sign_in):
    for person in (cast.learner, cast.hr, cast.own_leader):
        assert sign_in(person).post(bulk([Question.objects.first().pk]), {"difficulty": "3"}).status_code in {302, 403}
    assert not Question.objects.filter(difficulty=3).exists()


# ---- alike -----------------------------------------------------------------------------------


def jaccard(one: str, two: str) -> Fraction:
    a, b = ({text[n : n + 2] for n in range(max(len(text) - 1, 1))} for text in (rules.letters(one), rules.letters(two)))
    return Fraction(len(a & b), len(a | b))


@given(
    st.lists(st.text(st.sampled_from("公开时限abc，。 "), min_size=1, max_size=12), max_size=12),
    st.sampled_from([Fraction(3, 4), Fraction(1, 2)]),
)
def test_all_pairs_that_are_alike_are_found_and_no_other(texts, least):
    named = {number: text for number, text in enumerate(texts) if rules.letters(text)}
    found = {(pair.first, pair.second): pair.share for pair in rules.similar(named, at_least=least)}
    wanted = {(a, b): jaccard(named[a], named[b]) for a in named for b in named if a < b}
    assert found == {pair: share for pair, share in wanted.items() if share >= least}


def test_saving_tells_of_a_stem_that_is_much_the_same_and_a_page_lists_the_pairs(cast, quiz, sign_in):
    from courses.services import catalogues

    catalogues.sync_members(county=cast.county)
    stem = "政府信息自形成或者变更之日起多少个工作日内应当公开？"
    for code, text in (("Z-1", stem), ("Z-2", stem.replace("应当", "应该"))):
        Question.objects.create(
            county=cast.county,
            code=code,
            course_code="P01",
            kind="single",
            stem=text,
            content={"options": {"A": "7", "B": "20"}},
            key=["B"],
        )
    client = sign_in(cast.trainer)
    page = client.get("/admin/questions/similar/").text
    assert "Z-1" in page and "Z-2" in page
    assert [one.code for one, share in bank.similar_to(Question.objects.get(code="Z-2")) if share > Fraction(3, 4)] == ["Z-1"]
    assert sign_in(cast.learner).get("/admin/questions/similar/").status_code in {302, 403}
