"""Export followed by import gives the same item, for every kind that a format can carry; the rest is refused with a reason."""

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quizzes import formats
from quizzes.formats import Item
from tests.quizzes.formats.items import KINDS, items

EXAMPLES = 15
CARRIED = {
    "xlsx": set(KINDS),
    "gift": {"single", "multiple", "judge", "fill", "order", "match", "numeric", "short", "essay"},
    "moodlexml": set(KINDS) - {"case"},
    "qti": set(KINDS),
}
PAIRS = [(key, kind) for key in CARRIED for kind in KINDS]
HURRY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


def there_and_back(key: str, *several: Item):
    form, out = formats.of(key), io.BytesIO()
    outcomes = form.write(several, out)
    return outcomes, list(form.read(out.getvalue()))


@pytest.mark.parametrize(("key", "kind"), PAIRS)
def test_what_a_format_carries_comes_back_the_same(key, kind):
    @HURRY
    @given(items(kind))
    def same(item):
        (outcome,), found = there_and_back(key, item)
        if outcome.outcome == "refused":
            assert outcome.reasons and not found
            return
        assert kind in CARRIED[key]
        (one,) = found
        assert (one.refusal, one.changes) == ("", [])
        assert one.item == item and one.code == item.code
        assert one.item.images == ({} if key == "xlsx" else item.images)
        assert (outcome.outcome == "changed") == (key == "xlsx" and bool(item.images))

    same()


PLAIN = {
    "single": ({"options": {"A": "15", "B": "20"}}, ["B"]),
    "multiple": ({"options": {"A": "公报", "B": "网站", "C": "私信"}}, ["A", "B"]),
    "judge": ({}, False),
    "fill": ({"blanks": 1}, [["公开"]]),
    "order": ({"items": ["答复", "登记", "审核"]}, ["登记", "审核", "答复"]),
    "match": ({"left": ["应", "宜"], "right": ["推荐", "要求", "允许"]}, {"应": "要求", "宜": "推荐"}),
    "numeric": ({"units": {}}, {"value": "20", "tolerance": "0.05", "relative": True}),
    "cloze": ({"gaps": [["公开", "不公开"]]}, ["公开"]),
    "short": ({}, [{"pattern": "*常态*", "share": "1"}, {"pattern": "公开", "share": "0.5"}]),
    "essay": ({"longest": 800, "rubric": [], "markers": 2}, {"sample": ""}),
    "case": (
        {"parts": [{"kind": "judge", "stem": "对吗？", "content": {}, "points": "2"}, {"kind": "single", "stem": "几日？", "content": {"options": {"A": "15", "B": "20"}}, "points": "3"}]},
        [True, ["B"]],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("key", "kind"), PAIRS)
def test_a_plain_item_is_carried_or_refused_as_the_table_says(key, kind):
    content, answer = PLAIN[kind]
    item = Item(kind, "以____为常态。" if kind in ("fill", "cloze") else "以公开为常态。", content, answer, code="A1", course_code="P01")
    (outcome,), found = there_and_back(key, item)
    assert outcome.outcome == ("exported" if kind in CARRIED[key] else "refused")
    assert [one.item for one in found] == ([item] if kind in CARRIED[key] else [])


@pytest.mark.parametrize("key", CARRIED)
def test_many_items_stand_in_one_file_each_under_its_own_point(key):
    @HURRY
    @given(st.lists(items("single", "judge", "short"), max_size=4, unique_by=lambda item: item.code))
    def same(several):
        outcomes, found = there_and_back(key, *several)
        assert [one.item for one in found] == [
            item for item, outcome in zip(several, outcomes, strict=True) if outcome.outcome != "refused"
        ]

    same()


def test_aiken_keeps_stem_options_and_answer_and_says_what_it_leaves_out():
    @HURRY
    @given(items("single"))
    def same(item):
        (outcome,), found = there_and_back("aiken", item)
        if outcome.outcome == "refused":
            assert outcome.reasons and not found
            return
        (one,) = found
        assert (one.item.kind, one.item.stem, one.item.content, one.item.key) == (item.kind, item.stem, item.content, item.key)
        assert outcome.outcome == "changed" and "Aiken" in outcome.reasons[0]

    same()


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"single"}))
def test_aiken_refuses_every_other_kind(kind):
    content, answer = PLAIN[kind]
    (outcome,), found = there_and_back("aiken", Item(kind, "以____为常态。", content, answer, code="A1"))
    assert outcome.outcome == "refused" and not found


@pytest.mark.parametrize("key", ["moodlexml", "qti", "xlsx"])
def test_signs_of_a_formula_in_two_cells_of_a_rubric_make_no_formula_across_them(key):
    rubric = [{"name": "$$", "points": "2", "levels": [{"points": "1", "text": "$$"}]}]
    content = {"longest": 2000, "rubric": rubric, "markers": 1}
    item = Item("essay", "谈谈。", content, {"sample": "$$"}, code="A1", course_code="P01")
    (outcome,), found = there_and_back(key, item)
    assert outcome.outcome == "exported" and found[0].item == item


@pytest.mark.parametrize("key", ["gift", "moodlexml", "qti", "xlsx"])
def test_a_star_that_is_the_answer_stays_one(key):
    item = Item("fill", "必填项用____标出。", {"blanks": 1}, [["*", "星号"]], code="A1", course_code="P01")
    (outcome,), found = there_and_back(key, item)
    assert outcome.outcome == "exported" and found[0].item == item, found[0].reason
