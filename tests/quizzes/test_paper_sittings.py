"""Sealed papers in a sitting: chosen by who sets it up, fixed once somebody began, never sat by who made or sealed them."""

import pytest
from django.urls import reverse

from core import clock
from core.errors import Refused
from quizzes.models import Attempt, Candidate, Sitting
from quizzes.services import candidates, exam_papers, quizzes, sittings
from quizzes.services.candidates import Row
from tests.cast import NOON
from tests.quizzes.exams import HOUR, MINUTE, put
from tests.quizzes.test_papers import exam, seal_twice  # noqa: F401

BEFORE = NOON - 24 * HOUR


@pytest.fixture
def made(exam, cast):  # noqa: F811
    """Papers A and B, sealed by trainer and reviewer; C unsealed."""
    found = exam_papers.make_parallel(quiz=exam, count=3, by=cast.trainer, at=NOON)
    for paper in found[:2]:
        seal_twice(paper, cast)
    return found


@pytest.fixture
def terms(exam):  # noqa: F811
    def make(**changes):
        facts = {"quiz": exam, "title": "年度考试", "opens_at": NOON, "closes_at": NOON + HOUR, "late_entry_minutes": 15}
        return sittings.Terms(**facts | changes)

    return make


@pytest.fixture
def sitting(cast, made, terms):
    found = sittings.write(terms=terms(papers=frozenset(made[:2])), by=cast.hr, at=BEFORE)
    put(found, cast, Row(1, "YA10001"), at=BEFORE)
    return found


def refused(call, **arguments) -> str:
    with pytest.raises(Refused) as error:
        call(**arguments)
    assert error.value.message
    return error.value.code


def typed(moment) -> str:
    return clock.local(moment).strftime("%Y-%m-%dT%H:%M")


def posted(quiz, **changes) -> dict:
    opens_at = clock.now() + 2 * HOUR
    facts = {"quiz": quiz.pk, "title": "年度考试", "opens_at": typed(opens_at), "closes_at": typed(opens_at + HOUR)}
    facts |= {"late_entry_minutes": 15, "grace_seconds": 30, "stagger_seconds": 0, "results": "closed", "is_listed": "on"}
    return facts | changes


def test_hr_chooses_among_the_sealed_papers_and_the_overview_names_them(sign_in, cast, exam, made):  # noqa: F811
    hr = sign_in(cast.hr)
    page = hr.get(reverse("sitting_new")).text
    assert "年度考试：试卷A" in page and "年度考试：试卷B" in page and "年度考试：试卷C" not in page

    hr.post(reverse("sitting_new"), posted(exam, papers=[made[0].pk, made[1].pk]))

    sitting = Sitting.objects.get()
    assert list(sitting.papers.order_by("label")) == made[:2]
    assert "A、B" in hr.get(reverse("sitting_manage", args=[sitting.pk])).text
    hr.post(reverse("sitting_edit", args=[sitting.pk]), posted(exam))
    assert not sitting.papers.exists()
    assert "每人从命题规则中单独抽题" in hr.get(reverse("sitting_manage", args=[sitting.pk])).text


def test_an_unsealed_paper_is_not_to_be_had(sign_in, cast, exam, made, terms):  # noqa: F811
    page = sign_in(cast.hr).post(reverse("sitting_new"), posted(exam, papers=[made[2].pk]))
    assert page.status_code == 422 and not Sitting.objects.exists()
    assert refused(sittings.write, terms=terms(papers=frozenset(made)), by=cast.hr, at=BEFORE) == "not_sealed"
    assert not Sitting.objects.exists()


def test_papers_of_another_exam_are_refused(cast, made, terms, sitting):
    other = quizzes.ensure(
        county=cast.county, key="y", title="别的考试", course_code="P01", minutes=30, pass_percent=60, attempts=1, draws=[]
    )
    other.is_exam = True
    other.save()
    assert refused(sittings.write, terms=terms(quiz=other, papers=frozenset(made[:1])), by=cast.hr, at=BEFORE) == "other_papers"
    code = refused(sittings.write, terms=terms(quiz=other, papers=frozenset(made[:2])), by=cast.hr, at=BEFORE, sitting=sitting)
    assert code == "other_papers" and Sitting.objects.get().quiz.key == "x"


def test_the_papers_are_fixed_once_somebody_began(sign_in, cast, made, terms, sitting):
    sittings.publish(sitting=sitting, by=cast.hr, at=BEFORE)
    sittings.enter(person=cast.learner, sitting=sitting, at=NOON)

    change = terms(papers=frozenset(made[:1]))
    assert refused(sittings.write, terms=change, by=cast.hr, at=NOON + MINUTE, sitting=sitting) == "has_begun"
    sittings.write(terms=terms(papers=frozenset(made[:2]), title="上午场"), by=cast.hr, at=NOON + MINUTE, sitting=sitting)
    page = sign_in(cast.hr).post(reverse("sitting_edit", args=[sitting.pk]), posted(sitting.quiz, title="下午场"))
    assert page.status_code == 302, page.context["form"].errors
    assert sitting.papers.count() == 2 and Sitting.objects.get().title == "下午场"


def test_a_sitting_with_papers_is_published_though_the_bank_could_draw_no_more(cast, sitting):
    sitting.quiz.draws.filter(kind="judge").update(count=99)

    sittings.publish(sitting=sitting, by=cast.hr, at=BEFORE)

    assert not Sitting.objects.get().is_draft
    assert sittings.enter(person=cast.learner, sitting=sitting, at=NOON).paper.label in "AB"


def test_a_sitting_whose_paper_lost_its_seal_is_not_published(sign_in, cast, made, sitting):
    item = made[1].items.first()
    item.points += 1
    item.save()

    assert refused(sittings.publish, sitting=sitting, by=cast.hr, at=BEFORE) == "not_sealed"
    Sitting.objects.update(opens_at=clock.now() + HOUR, closes_at=clock.now() + 2 * HOUR)
    assert "未经两人密封：试卷B" in sign_in(cast.hr).get(reverse("sitting_manage", args=[sitting.pk])).text


def test_who_made_or_sealed_a_paper_is_refused_on_the_list(cast, sitting):
    rows = [Row(n, p.employee_number) for n, p in enumerate((cast.trainer, cast.reviewer, cast.colleague), start=1)]

    plan = candidates.plan(sitting=sitting, rows=rows)

    assert [c.person for c in plan.new] == [cast.colleague]
    assert len(plan.errors) == 2 and all("密封" in error.message for error in plan.errors)


def test_papers_are_refused_while_who_made_them_is_on_the_list(cast, made, terms):
    sitting = sittings.write(terms=terms(), by=cast.hr, at=BEFORE)
    put(sitting, cast, Row(1, cast.reviewer.employee_number), at=BEFORE)

    assert refused(sittings.write, terms=terms(papers=frozenset(made[:2])), by=cast.hr, at=BEFORE, sitting=sitting) == "knows_papers"
    assert not sitting.papers.exists()


def test_who_made_a_paper_does_not_sit_it_where_there_is_no_list_either(cast, made, terms):
    sitting = sittings.write(terms=terms(papers=frozenset(made[:2]), is_listed=False), by=cast.hr, at=BEFORE)
    sittings.publish(sitting=sitting, by=cast.hr, at=BEFORE)

    assert refused(sittings.enter, person=cast.trainer, sitting=sitting, at=NOON) == "knows_papers"
    assert not Attempt.objects.exists()


def test_a_candidate_seals_no_paper_of_their_sitting(cast, made, sitting):
    Candidate.objects.create(sitting=sitting, person=cast.admin)

    assert refused(exam_papers.seal, paper=made[0], digest=made[0].digest(), by=cast.admin, at=NOON) == "is_candidate"


@pytest.mark.parametrize("part", ["", "key.pdf", "paper.pdf"])
def test_a_candidate_sees_no_paper_of_their_sitting_before_it_is_over(cast, made, sitting, sign_in, monkeypatch, part):
    monkeypatch.setattr(clock, "now", lambda: NOON)
    door = reverse("paper", args=[made[0].pk]) + part
    assert sign_in(cast.reviewer).get(door).status_code in (200, 302)
    Candidate.objects.create(sitting=sitting, person=cast.reviewer)
    page = sign_in(cast.reviewer).get(door)
    assert page.status_code == 409 and "考试结束后方可查看" in page.text
    monkeypatch.setattr(clock, "now", lambda: NOON + 48 * HOUR)
    assert sign_in(cast.reviewer).get(door).status_code in (200, 302)


def test_the_candidate_reads_how_many_questions_the_paper_has(sign_in, cast, made, sitting):
    sittings.publish(sitting=sitting, by=cast.hr, at=BEFORE)
    sitting.quiz.draws.filter(kind="judge").update(count=99)

    assert sign_in(cast.learner).get(reverse("sitting", args=[sitting.pk])).context["total"] == 4
