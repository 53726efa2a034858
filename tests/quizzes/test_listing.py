"""The list of questions: found by what stands inside their words, by tag, by point with all below it; at the same cost."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from courses.services import catalogues
from quizzes.models import KnowledgePoint, Question


@pytest.fixture
def trainer(cast, sign_in):
    catalogues.open_catalogue(county=cast.county)
    catalogues.sync_members(county=cast.county)
    return sign_in(cast.trainer)


@pytest.fixture
def bank(cast):
    """law above reply above term; other beside law. One question each, and one without a point."""
    county = cast.county
    law = KnowledgePoint.objects.create(county=county, name="依申请公开")
    reply = KnowledgePoint.objects.create(county=county, name="答复", parent=law)
    term = KnowledgePoint.objects.create(county=county, name="时限", parent=reply)
    other = KnowledgePoint.objects.create(county=county, name="时限", parent=None)
    KnowledgePoint.objects.create(county=cast.other_county, name="依申请公开")
    rows = [
        ("L1", law, "行政机关怎样受理信息公开申请？", {"A": "登记", "B": "不理"}, ["易错", "2026"]),
        ("R1", reply, "答复书应当载明什么？", {"A": "救济途径", "B": "天气"}, ["易错"]),
        ("T1", term, "应当几个工作日内答复？", {"A": "15", "B": "20"}, ["错"]),
        ("O1", other, "几日内主动公开？", {"A": "7", "B": "20"}, ['b"易错"']),
        ("N1", None, "Open by default 是什么意思？", {"A": "公开为常态", "B": "50%_折"}, []),
    ]
    for code, point, stem, options, tags in rows:
        Question.objects.create(
            county=county,
            code=code,
            course_code="P01",
            kind="single",
            stem=stem,
            content={"options": options},
            key=["A"],
            point=point,
            tags=tags,
        )
    return {"law": law, "reply": reply, "term": term, "other": other}


def codes(client, **asked) -> set[str]:
    page = client.get(reverse("questions:index"), asked)
    return {question.code for question in page.context["object_list"]}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("关怎样受", {"L1"}),
        ("信息公开申请 怎样", {"L1"}),
        ("怎样 天气", set()),
        ("天气", {"R1"}),
        ("常态", {"N1"}),
        ("OPEN", {"N1"}),
        ("易错", {"L1", "R1", "O1"}),
        ("50%_", {"N1"}),
        ("依申请", {"L1"}),
        ("t1", {"T1"}),
    ],
)
def test_a_search_finds_what_stands_inside_chinese_words(trainer, bank, query, found):
    assert codes(trainer, q=query) == found


def test_a_tag_finds_the_questions_that_have_exactly_it(trainer, bank):
    assert codes(trainer, tag="易错") == {"L1", "R1"}
    assert codes(trainer, tag="错") == {"T1"}
    assert codes(trainer, tag='b"易错"') == {"O1"}
    assert codes(trainer, tag="易错", q="受理") == {"L1"}


def test_a_knowledge_point_finds_the_questions_of_all_points_below_it(trainer, bank):
    assert codes(trainer, point=bank["law"].pk) == {"L1", "R1", "T1"}
    assert codes(trainer, point=bank["reply"].pk) == {"R1", "T1"}
    assert codes(trainer, point=bank["term"].pk) == {"T1"}
    assert codes(trainer, point=bank["other"].pk) == {"O1"}
    page = trainer.get(reverse("questions:index")).text
    assert "依申请公开 / 答复 / 时限" in page


def test_the_other_filters_stay_and_go_together(trainer, bank):
    Question.objects.filter(code__in=["L1", "T1"]).update(status="reviewed", difficulty=3)
    Question.objects.filter(code="T1").update(kind="multiple")
    assert codes(trainer, status="reviewed") == {"L1", "T1"}
    assert codes(trainer, difficulty=3, kind="multiple") == {"T1"}
    assert codes(trainer, status="reviewed", tag="易错", point=bank["law"].pk) == {"L1"}


def test_all_of_the_listing_are_those_that_search_and_filters_left(trainer, bank):
    address = reverse("wagtail_bulk_action", args=["quizzes", "question", "change"])
    listed = trainer.get(address, {"tag": "易错", "q": "公开", "id": "all"})
    assert [row["item"].code for row in listed.context["items"]] == ["L1"]
    trainer.post(f"{address}?tag=易错&id=all", {"difficulty": "2"})
    assert set(Question.objects.filter(difficulty=2).values_list("code", flat=True)) == {"L1", "R1"}


def test_filters_cost_the_same_with_many_points_and_tags(trainer, cast, bank):
    def cost() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert trainer.get(reverse("questions:index"), {"point": bank["law"].pk, "q": "公开", "tag": "易错"}).status_code == 200
        return len(seen)

    cost()
    before = cost()
    for number in range(25):
        point = KnowledgePoint.objects.create(county=cast.county, name=f"点{number}", parent=bank["law"])
        Question.objects.create(
            county=cast.county, code=f"M{number}", course_code=f"C{number}", kind="judge", stem="公开？", key=True, point=point, tags=["易错", f"标{number}"]
        )  # fmt: skip
    assert cost() == before and len(codes(trainer, q="公开？")) >= 25
