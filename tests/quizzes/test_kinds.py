"""Kinds of questions: bank → paper → response → mark, for every kind alike. Pure."""

import json
import random
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from quizzes import kinds, rules
from quizzes.kinds.base import Cells
from tests.quizzes.items import ANY, BANK, MACHINE

GENTLE = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
SEED = st.integers(0, 10**6)


def valid(kind, question):
    """The question, if its kind takes it."""
    try:
        kind.check(*question)
    except kinds.Wrong:
        assume(False)
    return question


def paper(kind, question, seed=1, shuffle=True, **more):
    return kind.present(*question, rng=random.Random(seed), shuffle=shuffle, **more)


def policies_of(kind):
    return [{}, *({kind.key: policy} for policy in kind.policies)]


def test_there_is_a_sample_of_every_kind():
    assert set(BANK) == {kind.key for kind in kinds.every()} and set(ANY) == set(MACHINE)


def test_no_answer_earns_nothing_in_any_kind():
    assert all(kinds.mark(key, None, None) == 0 for key, _label in kinds.choices())


@pytest.mark.parametrize("key", MACHINE)
@given(data=st.data(), seed=SEED, shuffle=st.booleans())
@GENTLE
def test_each_kind_marks_right_and_wrong_on_its_own_paper(key, data, seed, shuffle):
    kind = kinds.of(key)
    question = valid(kind, data.draw(ANY[key]))
    for policies in policies_of(kind):
        shown, frozen = paper(kind, question, seed, shuffle, policies=policies)
        right, wrong = kind.read(shown, kind.right(shown, frozen)), kind.read(shown, kind.wrong(shown, frozen))

        assert kind.mark(frozen, right) == 1 and 0 <= kind.mark(frozen, wrong) < 1
        assert kind.is_complete(shown, right) and not kind.is_complete(shown, None)
        assert kind.fields(shown, right) and kind.explain(shown, frozen, wrong) and kind.explain(shown, frozen, None)
        assert str(kind.instruction_for(shown)) or key == "judge"
        assert json.loads(json.dumps([shown, frozen, right])) == [shown, frozen, right]


@pytest.mark.parametrize("key", list(BANK))
def test_the_sample_of_each_kind_is_marked_and_explained(key):
    kind = kinds.of(key)
    kind.check(*BANK[key])
    shown, frozen = paper(kind, BANK[key])
    right = kind.read(shown, kind.right(shown, frozen))
    assert kind.mark(frozen, right) == (None if key == "essay" else 1) and kind.is_complete(shown, right)
    assert sum(weight for weight, _share in kind.mark_parts(frozen, right)) == 1
    assert kind.mark_parts(frozen, None)[0][1] == 0


@pytest.mark.parametrize("key", list(BANK))
@given(response=JSON)
@settings(max_examples=60)
def test_any_json_is_read_or_called_malformed(key, response):
    kind = kinds.of(key)
    shown, frozen = paper(kind, BANK[key])
    try:
        kept = kind.read(shown, response)
    except kinds.Malformed:
        return
    share = kinds.mark(key, frozen, kept)
    assert share is None or 0 <= share <= 1
    assert kind.read(shown, kept) == kept
    kind.fields(shown, kept), kind.explain(shown, frozen, kept), kind.is_complete(shown, kept), kinds.picked(key, shown, frozen, kept)
    assert bool(kind.said(shown, kept)) == (kept is not None)


SAID = {
    "single": ["乙"],
    "multiple": {"甲", "丙"},
    "judge": ["正确"],
    "fill": ["（1）公开", "（2）不公开"],
    "cloze": ["（1）20个工作日", "（2）予以"],
    "numeric": ["35000 元"],
    "order": ["1. 甲", "2. 乙", "3. 丙"],
    "match": {"应 — 要求", "宜 — 推荐"},
    "short": ["主动公开"],
    "essay": ["第一，及时；\n第二，准确。"],
    "case": ["（1）20", "（2）本机关政府信息公开工作机构负责人", "（3）20"],
}


@pytest.mark.parametrize("key", list(BANK))
def test_each_kind_tells_an_answer_in_words(key):
    kind = kinds.of(key)
    shown, frozen = paper(kind, BANK[key])
    said = kind.said(shown, kind.read(shown, kind.right(shown, frozen)))
    assert type(SAID[key])(said) == SAID[key] and kind.said(shown, None) == []


@pytest.mark.parametrize("key", list(BANK))
@given(first=SEED, second=SEED)
@settings(max_examples=20)
def test_shuffling_changes_neither_mark_nor_analysis(key, first, second):
    """What two people picked alike is analysed and marked alike, however their papers were shuffled."""
    kind = kinds.of(key)
    papers = [paper(kind, BANK[key], seed) for seed in (first, second)]
    for give in (kind.right, kind.wrong):
        if give == kind.wrong and key in {"single", "multiple", "cloze", "match", "case"}:
            continue  # the wrong one that is picked depends on what stands first
        outcomes = [
            (kind.mark(frozen, give(shown, frozen)), kinds.picked(key, shown, frozen, give(shown, frozen))) for shown, frozen in papers
        ]
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("key", MACHINE)
@given(data=st.data(), seed=SEED)
@GENTLE
def test_the_right_answer_is_analysed_in_the_codes_of_the_bank(key, data, seed):
    kind = kinds.of(key)
    stem, content, answer = valid(kind, data.draw(ANY[key]))
    shown, frozen = paper(kind, (stem, content, answer), seed)
    picked, legend = kinds.picked(key, shown, frozen, kind.right(shown, frozen)), kind.picks(shown, frozen, frozen)
    codes = {pick.code for pick in legend if pick.is_right}
    if key not in {"short", "case"}:
        assert set(picked) <= codes and picked
    assert len({pick.code for pick in legend}) == len(legend) or key in {"fill", "case"}


@pytest.mark.parametrize("key", list(BANK))
def test_what_is_shown_does_not_tell_the_key(key):
    kind, question = kinds.of(key), BANK[key]
    firsts = set()
    for seed in range(60):
        shown, frozen = paper(kind, question, seed)
        assert not {"accepted", "order", "pairs", "letters", "key", "patterns", "sample", "value", "tolerance"} & set(shown)
        if key in {"single", "order"}:
            tokens = [option["token"] for option in shown["options" if key == "single" else "items"]]
            firsts.add(tokens.index((frozen.get("right") or frozen.get("order"))[0]))
    assert key not in {"single", "order"} or firsts == {0, 1, 2}


@pytest.mark.parametrize("key", list(BANK))
def test_the_page_is_made_without_the_key(key):
    kind, (stem, content, _answer) = kinds.of(key), BANK[key]
    assert kind.lay_out(stem, content, rng=random.Random(1), shuffle=True)["stem"] == stem


# ---- the bank's own forms


@pytest.mark.parametrize("key", [*MACHINE, "essay"])
@given(data=st.data())
@GENTLE
def test_lines_read_back_to_the_same_question(key, data):
    kind = kinds.of(key)
    stem, content, answer = valid(kind, data.draw(ANY.get(key, st.just(BANK[key]))))
    lines = kind.to_lines(content, answer)
    again, answer_again = kind.from_lines(lines)
    kind.check(stem, again, answer_again)
    assert kind.to_lines(again, answer_again) == lines
    if key not in {"match", "order", "case"}:  # the bank may keep their columns in another order
        assert (again, answer_again) == (content, answer)
    else:
        assert answer_again == answer


@pytest.mark.parametrize("key", [*MACHINE, "essay"])
@given(data=st.data())
@GENTLE
def test_a_row_of_a_spreadsheet_reads_back_to_the_same_question_or_says_that_it_cannot(key, data):
    kind = kinds.of(key)
    question = valid(kind, data.draw(ANY.get(key, st.just(BANK[key]))))
    try:
        cells = kinds.cells(key, *question)
    except kinds.Wrong:
        return
    assert kind.from_cells(cells) == question


@pytest.mark.parametrize("key", list(BANK))
def test_the_samples_fit_into_a_row_of_a_spreadsheet(key):
    stem, content, answer = BANK[key]
    assert kinds.of(key).from_cells(kinds.cells(key, stem, content, answer)) == (stem, content, answer)


@pytest.mark.parametrize("key", list(BANK))
@given(seed=SEED)
@settings(max_examples=10)
def test_a_mended_key_is_put_into_the_tokens_of_a_frozen_paper(key, seed):
    kind, (stem, content, answer) = kinds.of(key), BANK[key]
    policies = {key: list(kind.policies)[-1]} if kind.policies else {"fill": "exact"}
    shown, frozen = paper(kind, (stem, content, answer), seed, policies=policies)
    assert kind.rekey(shown, content, answer, frozen) == frozen
    mended = MENDED.get(key)
    if mended is not None:
        new = kind.rekey(shown, content, mended, frozen)
        right = kind.right(shown, new)
        assert kind.mark(new, right) == 1 and kind.mark(frozen, right) != 1
        assert new.get("policy") == frozen.get("policy")


MENDED = {
    "single": ["A"],
    "multiple": ["B"],
    "judge": False,
    "fill": [["依法公开"], ["保密"]],
    "cloze": ["7个工作日", "不予"],
    "numeric": {"value": "3", "tolerance": "0", "relative": False},
    "order": ["丙", "乙", "甲"],
    "match": {"应": "允许", "宜": "允许"},
    "short": [{"pattern": "依申请公开", "share": "1"}],
    "case": [["A"], [["主任"]], {"value": "7", "tolerance": "0", "relative": False}],
}


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("single", {"options": {"A": "甲", "B": "乙", "C": "丁"}}),
        ("multiple", {"options": {"A": "甲", "C": "丙"}}),
        ("order", {"items": ["甲", "乙", "丁"]}),
        ("match", {"left": ["应", "可"], "right": ["推荐", "要求", "允许"]}),
        ("cloze", {"gaps": [["7个工作日", "20个工作日"]]}),
        ("numeric", {"units": {"元": "1"}}),
        ("case", {"parts": []}),
    ],
)
def test_a_key_for_another_question_is_not_put_into_a_frozen_paper(key, content):
    kind, question = kinds.of(key), BANK[key]
    shown, frozen = paper(kind, question)
    with pytest.raises(kinds.Wrong):
        kind.rekey(shown, content, question[2], frozen)


@pytest.mark.parametrize("key", list(BANK))
def test_a_key_that_was_mended_in_the_copy_itself_is_printed_as_it_is(key):
    _stem, content, answer = BANK[key]
    assert kinds.of(key).amend(content, content, answer) == (content, answer)


def test_a_mended_number_is_printed_in_the_unit_that_it_was_given_in():
    kind, (_stem, content, _key) = kinds.of("numeric"), BANK["numeric"]
    mended, key = kind.from_lines(["4", "万元 = 1", "元 = 0.0001"])
    assert kind.on_paper(*kind.amend(content, mended, key), rng=random.Random(0)).key == ["4 万元"]


def test_a_mended_rubric_is_printed_with_the_length_that_was_asked_for():
    kind, (_stem, content, _key) = kinds.of("essay"), BANK["essay"]
    mended, key = kind.from_lines(["字数：300", "评分点：依据准确，5分", "参考答案：见第三十三条。"])
    amended, sample = kind.amend(content, mended, key)
    assert amended["longest"] == 800 and amended["rubric"][0]["name"] == "依据准确" and sample == {"sample": "见第三十三条。"}


def test_a_case_whose_part_asks_in_other_words_is_not_put_into_a_frozen_paper():
    kind, question = kinds.of("case"), BANK["case"]
    shown, frozen = paper(kind, question)
    parts = [{**part, "stem": f"{part['stem']}？"} for part in question[1]["parts"]]
    with pytest.raises(kinds.Wrong):
        kind.rekey(shown, {"parts": parts}, question[2], frozen)


# ---- marking by policy

OPTIONS = st.lists(st.sampled_from("abcdef"), unique=True, min_size=1)


def multiple(right, given, policy=None):
    return kinds.mark("multiple", {"right": right, "letters": {}} | ({"policy": policy} if policy else {}), given)


@given(OPTIONS, OPTIONS)
def test_multiple_choice_gives_all_half_or_nothing_where_no_policy_was_chosen(right, given):
    for share in (multiple(right, given), multiple(right, given, "half")):
        if set(given) - set(right):
            assert share == 0
        elif set(given) == set(right):
            assert share == 1
        else:
            assert share == Fraction(1, 2)


@pytest.mark.parametrize(
    ("policy", "given", "share"),
    [
        ("all_or_nothing", "abc", 1),
        ("all_or_nothing", "ab", 0),
        ("all_or_nothing", "abcd", 0),
        ("share", "ab", Fraction(2, 3)),
        ("share", "abd", 0),
        ("penalty", "abd", Fraction(1, 3)),
        ("penalty", "abcd", Fraction(2, 3)),
        ("penalty", "def", 0),
        ("half", "ab", Fraction(1, 2)),
    ],
)
def test_each_policy_of_multiple_choice_gives_what_it_says(policy, given, share):
    assert multiple(list("abc"), list(given), policy) == share


@pytest.mark.parametrize("policy", kinds.of("multiple").policies)
@given(OPTIONS, OPTIONS, st.sampled_from("abcdef"))
def test_one_more_right_option_never_costs_and_a_wrong_one_never_pays(policy, right, given, more):
    assume(more not in given)
    before, after = multiple(right, given, policy), multiple(right, [*given, more], policy)
    assert (after >= before) if more in right else (after <= before)


@given(SEED, st.integers(3, 4))
def test_no_ordering_is_shown_in_its_right_order_alone_or_in_a_case(seed, count):
    """Else who answers nothing but copies the letters has it right. The same seed gives the same order."""
    steps = list("甲乙丙丁")[:count]
    alone = ("题", {"items": steps}, steps)
    part = {"kind": "order", "stem": "题", "content": {"items": steps}, "points": "1"}
    in_case = ("材料", {"parts": [part]}, [steps])

    shown, key = paper(kinds.of("order"), alone, seed)
    assert [item["token"] for item in shown["items"]] != key["order"] and (shown, key) == paper(kinds.of("order"), alone, seed)
    shown, key = paper(kinds.of("case"), in_case, seed)
    assert [item["token"] for item in shown["parts"][0]["shown"]["items"]] != key["parts"][0]["key"]["order"]


def test_two_steps_come_in_either_order_for_else_swapping_them_were_always_right():
    orders = {
        tuple(item["text"] for item in paper(kinds.of("order"), ("题", {"items": ["甲", "乙"]}, ["甲", "乙"]), seed)[0]["items"])
        for seed in range(40)
    }
    assert orders == {("甲", "乙"), ("乙", "甲")}


def test_pairs_earn_their_share_and_order_is_all_or_nothing_where_no_policy_was_chosen():
    assert kinds.mark("match", {"pairs": {"a": "1", "b": "2", "c": "3"}}, {"a": "1", "b": "3"}) == Fraction(1, 3)
    assert kinds.mark("order", {"order": ["a", "b", "c"]}, {"a": 1, "b": 2, "c": 3}) == 1
    assert kinds.mark("order", {"order": ["a", "b", "c"]}, {"a": 1, "b": 3, "c": 2}) == 0
    assert kinds.mark("order", {"order": ["a", "b", "c"]}, {"a": 1, "b": 2}) == 0


def test_matching_may_be_all_or_nothing():
    key = {"pairs": {"a": "1", "b": "2"}, "policy": "exact"}
    assert kinds.mark("match", key, {"a": "1", "b": "2"}) == 1 and kinds.mark("match", key, {"a": "1"}) == 0


@pytest.mark.parametrize(
    ("places", "share"),
    [
        ({"b": 1, "c": 2, "d": 3, "a": 4}, Fraction(2, 3)),
        ({"a": 1, "b": 2, "c": 3, "d": 4}, 1),
        ({"d": 1, "c": 2, "b": 3, "a": 4}, 0),
        ({"b": 2, "c": 3}, Fraction(1, 3)),
    ],
)
def test_neighbours_that_follow_each_other_rightly_earn_a_share(places, share):
    assert kinds.mark("order", {"order": list("abcd"), "policy": "pairs"}, places) == share


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 4)))
def test_only_the_right_order_earns_all_its_pairs(places):
    whole = kinds.mark("order", {"order": list("abcd"), "policy": "pairs"}, places) == 1
    assert whole == (places == {"a": 1, "b": 2, "c": 3, "d": 4})


def test_a_place_given_to_several_steps_counts_for_none_of_them():
    steps = list("abcdefghij")
    for places in ([1, 2] * 5, [1] * 5 + [2] * 5, [1] * 10, [2, 1] * 5):
        assert ordered(steps, dict(zip(steps, places, strict=True))) == 0
    assert ordered(steps, {"a": 1, "b": 2, "c": 3, "d": 4, "e": 4}) == Fraction(2, 9)


def ordered(steps, places):
    return kinds.mark("order", {"order": steps, "policy": "pairs"}, places)


@given(st.integers(2, 10).flatmap(lambda count: st.lists(st.integers(1, count), min_size=count, max_size=count)))
def test_doubled_places_never_pay(given_):
    steps = list("abcdefghij")[: len(given_)]
    places = dict(zip(steps, given_, strict=True))
    alone = {step: place for step, place in places.items() if given_.count(place) == 1}

    assert ordered(steps, places) == ordered(steps, alone)  # as if these steps had been left open
    if len(alone) < len(steps):
        assert ordered(steps, places) <= Fraction(max(len(steps) - 3, 0), len(steps) - 1)


@given(st.integers(2, 10).flatmap(lambda count: st.permutations(range(1, count + 1))))
def test_places_that_differ_earn_each_pair_that_follows_rightly(given_):
    following = sum(two == one + 1 for one, two in pairwise(given_))
    assert ordered(list("abcdefghij")[: len(given_)], dict(zip("abcdefghij", given_, strict=False))) == Fraction(following, len(given_) - 1)


def test_blanks_earn_their_share():
    key = {"accepted": [["公开"], ["不公开"], ["二十"], ["3月31日"]]}
    assert kinds.mark("fill", key, ["公开", "错", "20", "三月三十一日。"]) == Fraction(3, 4)
    assert kinds.mark("fill", key, ["", "", "", ""]) == 0
    assert kinds.mark("fill", key | {"policy": "exact"}, ["公开", "错", "20", "三月三十一日。"]) == 0


def test_the_policy_of_a_quiz_is_frozen_into_the_paper_and_told_to_the_learner():
    kind = kinds.of("multiple")
    shown, frozen = paper(kind, BANK["multiple"], policies={"multiple": "penalty", "order": "pairs"})
    assert frozen["policy"] == "penalty" and kind.instruction_for(shown) == kind.policies["penalty"].instruction
    assert paper(kind, BANK["multiple"], policies={"multiple": "retired"})[1]["policy"] == "half"
    stem, content, answer = BANK["case"]
    _shown, frozen = paper(kinds.of("case"), (stem, content, answer), policies={"fill": "exact"})
    assert [part["key"].get("policy") for part in frozen["parts"]] == [None, "exact", None]


# ---- numbers


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ("20", 20),
        ("２０", 20),
        ("二十", 20),
        ("1,000", 1000),
        ("１，０００", 1000),
        ("−3.5", Fraction(-7, 2)),
        ("1.5e3", 1500),
        ("1.5万", 15000),
        ("2亿", 2 * 10**8),
        ("+4", 4),
        (" 3 ", 3),
        ("一百零五", 105),
        ("负三", -3),
        ("负1.5万", -15000),
    ],
)
def test_a_number_is_read_as_people_type_it(typed, means):
    assert rules.number(typed) == means


@pytest.mark.parametrize(
    "typed", ["", "abc", "1,5", "1.2.3", "--3", "1e999", "十百", "20个", "∞", "²", "1" * 31, "0x10", "①", "nan", "负", "负负三", "1/2"]
)
def test_what_is_no_number_is_none(typed):
    assert rules.number(typed) is None


@given(st.fractions(max_denominator=1000, min_value=-(10**8), max_value=10**8))
def test_a_number_in_digits_reads_back(value):
    value = Fraction(int(value * 100), 100)
    assert rules.number(rules.decimal_text(value)) == value


NUMBER = {"value": "35000", "tolerance": "500", "relative": False, "units": {"元": "1", "万元": "10000"}}


@pytest.mark.parametrize(
    ("value", "unit", "share"),
    [
        ("3.5", "万元", 1),
        ("35000", "元", 1),
        ("35500", "元", 1),
        ("35500.01", "元", 0),
        ("3.55", "万元", 1),
        ("3.4499", "万元", 0),
        ("3.5", "", 0),
        ("3.5万元", "", 1),
        ("3.5万元", "元", 1),  # however it is read
        ("三", "万元", 0),
        ("", "元", 0),
        ("3.5万", "元", 1),
    ],
)
def test_a_number_is_right_within_its_tolerance_and_in_its_unit(value, unit, share):
    assert kinds.mark("numeric", NUMBER, {"value": value, "unit": unit}) == share


DAYS, DAYS_OR_WEEKS = {"工作日": "1"}, {"工作日": "1", "周": "5"}


@pytest.mark.parametrize(
    ("key", "units", "value", "unit", "share"),
    [
        ("15", DAYS, "15个工作日", "", 1),
        ("15", DAYS, "十五个工作日。", "", 1),
        ("15", DAYS, "15 个 工作日", "", 1),
        ("15", DAYS, "15个", "", 1),  # the single unit is printed behind the field: 15 alone counts too
        ("15", DAYS, "15个月", "", 0),
        ("15", DAYS, "15个个工作日", "", 0),
        ("15", DAYS, "16个工作日", "", 0),
        ("15", DAYS_OR_WEEKS, "15个工作日", "", 1),
        ("15", DAYS_OR_WEEKS, "3个周", "周", 1),
        ("15", DAYS_OR_WEEKS, "15个", "工作日", 1),
        ("15", DAYS_OR_WEEKS, "15个", "", 0),  # as 15 alone: which unit?
        ("15", DAYS_OR_WEEKS, "15个工作日", "周", 0),
        ("20", {}, "20个", "", 1),
        ("20", {}, "二十个", "", 1),
        ("20", {}, "个", "", 0),
        ("20", {}, "20天", "", 0),
        ("20", {"个": "1", "打": "12"}, "20个", "", 1),
        ("240", {"个": "1", "打": "12"}, "20个", "打", 0),
        ("-3", {}, "负三", "", 1),
        ("-3", {}, "负3", "", 1),
        ("3", {}, "负三", "", 0),
        ("-3", {}, "负-3", "", 0),
        ("-30000", {"元": "1", "万元": "10000"}, "负三万元", "", 1),
        ("0.5", {}, "1/2", "", 1),
        ("-0.5", {}, "－１／２", "", 1),
        ("-0.5", {}, "负1/2", "", 1),
        ("0.5", {"天": "1"}, "1/2天", "", 1),
        ("5.5", {}, "1 1/2", "", 0),
        ("1.5", {}, "1 1/2", "", 0),
        ("0.5", {}, "1/2/1", "", 0),
        ("0.5", {}, "1/0", "", 0),
        ("0.5", {}, "0.5/1", "", 0),
        ("5.5", {}, "1½", "", 0),
    ],
)
def test_numbers_count_as_a_county_writes_them(key, units, value, unit, share):
    asked = {"value": key, "tolerance": "0", "relative": False, "units": units}
    assert kinds.mark("numeric", asked, {"value": value, "unit": unit}) == share


def test_a_quotient_that_never_ends_is_within_the_tolerance_and_analysed_in_twelve_places():
    key = {"value": "0.333", "tolerance": "0.001", "relative": False, "units": {}}
    assert kinds.mark("numeric", key, {"value": "1/3", "unit": ""}) == 1
    assert kinds.picked("numeric", {}, key, {"value": "1/3", "unit": ""}) == ["0.333333333333"]
    assert kinds.picked("numeric", {}, key, {"value": "1/4", "unit": ""}) == ["0.25"]


def test_a_relative_tolerance_is_a_share_of_the_value():
    key = {"value": "-200", "tolerance": "0.05", "relative": True, "units": {}}
    assert (
        kinds.mark("numeric", key, {"value": "-190", "unit": ""}) == 1 and kinds.mark("numeric", key, {"value": "-189.99", "unit": ""}) == 0
    )


def test_a_single_unit_need_not_be_chosen_and_numbers_are_analysed_in_the_base_unit():
    assert (
        kinds.mark(
            "numeric", {"value": "20", "tolerance": "0", "relative": False, "units": {"个工作日": "1"}}, {"value": "20个工作日", "unit": ""}
        )
        == 1
    )
    assert kinds.picked("numeric", {}, NUMBER, {"value": "3.50", "unit": "万元"}) == ["35000"]
    assert kinds.picked("numeric", {}, NUMBER, {"value": "很多", "unit": "元"}) == ["?"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("1234567890123", "1234567890123"),
        ("3.14159265358979", "3.14159265358979"),
        ("3.10", "3.10"),
        ("1,234,567,890,123.4", "1234567890123.4"),
        ("123456789.01234万", "1234567890123.4"),
        ("1.23456789012345e3", "1234.56789012345"),
        ("１２３４５６７８９０１２３", "1234567890123"),
    ],
)
def test_a_number_is_kept_to_its_last_digit(written, kept):
    numeric = kinds.of("numeric")
    content, key = numeric.from_lines([f"{written} ± 0.0000000000012345%", "元 = 1", "分 = 0.010000000000001"])
    assert (key["value"], key["tolerance"]) == (kept, "0.000000000000012345")
    assert content["units"]["分"] == "0.010000000000001"
    assert numeric.from_lines(numeric.to_lines(content, key)) == (content, key)
    assert kinds.mark("numeric", key | content, {"value": written, "unit": "元"}) == 1


def test_numbers_that_differ_behind_the_twelfth_digit_are_different_answers():
    key = {"value": "1234567890123", "tolerance": "0", "relative": False, "units": {}}
    given = [kinds.picked("numeric", {}, key, {"value": value, "unit": ""}) for value in ("1234567890123", "1234567890124")]
    assert given == [["1234567890123"], ["1234567890124"]]
    assert [pick.code for pick in kinds.of("numeric").picks({}, key, key)] == given[0]
    assert kinds.mark("numeric", key, kinds.of("numeric").wrong({}, key)) == 0


@given(value=st.integers(-1000, 1000), tolerance=st.integers(0, 50), given_=st.integers(-1100, 1100))
def test_farther_from_the_value_is_never_better(value, tolerance, given_):
    key = {"value": str(value), "tolerance": str(tolerance), "relative": False, "units": {}}
    share = kinds.mark("numeric", key, {"value": str(given_), "unit": ""})
    assert share == int(abs(given_ - value) <= tolerance)


# ---- short answers


@pytest.mark.parametrize(
    ("pattern", "text", "share"),
    [
        ("*主动公开*", "应当主动公开的信息", 1),
        ("*主动公开*", "公开", 0),
        ("主动*公开", "主动、及时公开。", 1),
        ("主动*公开", "公开主动", 0),
        ("主动公开", "《主动公开》", 1),
        ("二十*", "20个工作日", 1),
        ("a*a", "a", 0),
        ("a*a", "aa", 1),
        ("*a*b*a*", "xaxbxa", 1),
        ("*a*b*a*", "xab", 0),
        (r"2\*3", "2*3", 1),
        (r"2\*3", "203", 0),
    ],
)
def test_a_star_stands_for_any_text(pattern, text, share):
    assert kinds.mark("short", {"patterns": [{"pattern": pattern, "share": "1"}]}, text) == share


def test_the_best_pattern_that_fits_counts():
    key = {"patterns": [{"pattern": "*公开*", "share": "0.5"}, {"pattern": "*主动公开*", "share": "1"}]}
    assert kinds.mark("short", key, "主动公开") == 1 and kinds.mark("short", key, "公开") == Fraction(1, 2)


def test_a_hostile_pattern_is_matched_in_no_time():
    import time

    started = time.perf_counter()
    assert kinds.mark("short", {"patterns": [{"pattern": "*a" * 200 + "*b", "share": "1"}]}, "a" * 500) == 0
    assert time.perf_counter() - started < 0.1


# ---- what a person marks, and cases


def test_an_essay_waits_for_a_person_unless_nothing_was_written():
    shown, frozen = paper(kinds.of("essay"), BANK["essay"])
    assert kinds.mark("essay", frozen, "我认为……") is None and kinds.mark("essay", frozen, None) == 0
    assert kinds.of("essay").read(shown, "  \r\n ") is None and kinds.of("essay").read(shown, "一\r\n二") == "一\n二"
    assert "rubric" not in shown and frozen["rubric"][0]["points"] == "6" and frozen["markers"] == 2
    with pytest.raises(kinds.Malformed):
        kinds.of("essay").read(shown, "字" * 801)


def case_of(*parts):
    """A case of (kind, points) with the samples of these kinds."""
    content = {"parts": [{"kind": kind, "stem": BANK[kind][0], "content": BANK[kind][1], "points": points} for kind, points in parts]}
    return "材料", content, [BANK[kind][2] for kind, _points in parts]


def test_the_parts_of_a_case_weigh_by_their_points():
    kind = kinds.of("case")
    shown, frozen = paper(kind, case_of(("single", "3"), ("fill", "1")))
    right = kind.right(shown, frozen)
    assert kind.mark(frozen, {"0": right["0"]}) == Fraction(3, 4)
    assert kind.mark(frozen, {"1": [right["1"][0], "错"]}) == Fraction(1, 8)
    assert kind.mark_parts(frozen, {"0": right["0"]}) == [(Fraction(3, 4), 1), (Fraction(1, 4), 0)]
    assert kind.read(shown, {"0": "", "1": ["", ""]}) is None
    assert kind.analyse(shown, frozen, right) == ["1:B", "2:1:公开", "2:2:不公开"]
    assert kind.rekey(shown, *case_of(("single", "3"), ("fill", "1"))[1:], frozen) == frozen


def test_a_paragraph_in_a_question_of_a_case_fits_into_a_row():
    stem, content, key = case_of(("judge", "1"), ("essay", "3"))
    content["parts"][0]["stem"] = "李某说。\n\n【对】吗？\n\n\n为什么？"
    assert kinds.of("case").from_cells(kinds.cells("case", stem, content, key)) == (stem, content, key)


def test_a_case_with_an_essay_waits_for_a_person_part_by_part():
    kind = kinds.of("case")
    shown, frozen = paper(kind, case_of(("judge", "1"), ("essay", "3")))
    given = kind.read(shown, {"0": "true", "1": "一"})
    assert kind.mark(frozen, given) is None and kind.mark_parts(frozen, given) == [(Fraction(1, 4), 1), (Fraction(3, 4), None)]
    assert kind.mark(frozen, {"0": "true"}) == Fraction(1, 4)  # nothing was written: nobody has to mark it


def test_a_posted_form_is_read_part_by_part():
    from django.http import QueryDict

    kind = kinds.of("case")
    shown, frozen = paper(kind, case_of(("single", "1"), ("multiple", "1"), ("fill", "1"), ("match", "1"), ("numeric", "1")))
    right = kind.right(shown, frozen)
    data = QueryDict(mutable=True)
    data["r-7-0"] = right["0"]
    data.setlist("r-7-1", right["1"])
    data.setlist("r-7-2", right["2"])
    for index in ("3", "4"):
        for part, value in right[index].items():
            data[f"r-7-{index}-{part}"] = value
    data["r-70-0"] = "of another question"
    assert kind.read(shown, kind.posted(shown, data, "r-7")) == right


# ---- what is refused


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        ("single", Cells("题", {"A": "甲", "B": "乙"}, "AB")),
        ("single", Cells("题", {"A": "甲", "B": "乙"}, "C")),
        ("single", Cells("题", {"A": "甲"}, "A")),
        ("single", Cells("题", {"A": "甲", "B": "甲"}, "A")),
        ("single", Cells("题", {}, "A")),
        ("single", Cells(r"题 \( \frac{1 \)", {"A": "甲", "B": "乙"}, "A")),
        ("single", Cells("题", {"A": r"\(\nosuch\)", "B": "乙"}, "A")),
        ("multiple", Cells("题", {"A": "甲", "B": "乙"}, "AA")),
        ("multiple", Cells("题", {"A": "甲", "C": "乙"}, "AC")),
        ("judge", Cells("题", {}, "也许")),
        ("fill", Cells("以____为", {}, "甲；乙")),
        ("fill", Cells("没有空", {}, "甲")),
        ("fill", Cells("____", {}, "|")),
        ("cloze", Cells("以____为", {"A": "甲 | 乙", "B": "丙 | 丁"}, "甲；丙")),
        ("cloze", Cells("以____为", {"A": "甲 | 乙"}, "丙")),
        ("cloze", Cells("以____为", {"A": "甲"}, "甲")),
        ("cloze", Cells("以____为", {"A": r"甲 | \( x \)"}, "甲")),
        ("cloze", Cells("没有空", {"A": "甲 | 乙"}, "甲")),
        ("numeric", Cells("题", {}, "很多")),
        ("numeric", Cells("题", {}, "20 ± 很多")),
        ("numeric", Cells("题", {}, "20 ± -1")),
        ("numeric", Cells("题", {"A": "元 = 0"}, "20")),
        ("numeric", Cells("题", {"A": "元 = 10"}, "20")),
        ("numeric", Cells("题", {"A": "元 = 1", "B": "元 = 2"}, "20")),
        ("numeric", Cells("题", {"A": "20"}, "20")),
        ("order", Cells("题", {"A": "甲", "B": "乙"}, "A")),
        ("order", Cells("题", {"A": "甲", "B": "乙"}, "AAB")),
        ("order", Cells("题", {"A": "甲", "B": "乙"}, "AC")),
        ("match", Cells("题", {"A": "甲", "B": "乙"}, "A-1；B-2")),
        ("match", Cells("题\n右列：1. 一；2. 二", {"A": "甲", "B": "乙"}, "A-1")),
        ("match", Cells("题\n右列：1. 一；2. 二", {"A": "甲", "B": "乙"}, "A-1；B-9")),
        ("match", Cells("题\n右列：一二", {"A": "甲", "B": "乙"}, "A-1；B-2")),
        ("short", Cells("题", {}, "*")),
        ("short", Cells("题", {}, "甲 = 50%")),
        ("short", Cells("题", {}, "甲 | 乙 = 150%")),
        ("short", Cells("题", {}, "甲 = 一些")),
        ("essay", Cells("题", {}, "字数：9000\n参考答案：略")),
        ("essay", Cells("题", {}, "评分点：要点，0分\n参考答案：略")),
        ("essay", Cells("题", {}, "评分点：要点，5分\n- 6：太多\n参考答案：略")),
        ("essay", Cells("题", {}, "评阅人数：3\n参考答案：略")),
        ("case", Cells("材料", {}, "")),
        ("case", Cells("材料", {}, "A")),
        ("case", Cells("材料", {}, "【单选题 2分】\n几日？")),
        ("case", Cells("材料", {}, "【单选题 2分】\n几日？\n【答案】\n7\n20")),
        ("case", Cells("材料", {}, "【单选题 0分】\n几日？\n【答案】\n* 7\n20")),
        ("case", Cells("材料", {}, "【材料题 2分】\n几日？\n【答案】\n* 7\n20")),
        ("case", Cells("材料", {}, "【作文题 2分】\n几日？\n【答案】\n* 7\n20")),
        ("case", Cells("材料", {}, "【填空题 2分】\n没有空\n【答案】\n7")),
        ("case", Cells("材料", {}, "\n".join(["【论述题 2分】\n谈谈。\n【答案】\n字数：4001\n参考答案：略"] * 2))),
    ],
)
def test_a_question_that_breaks_its_kind_is_refused_in_words(kind, cells):
    with pytest.raises(kinds.Wrong) as wrong:
        kinds.of(kind).check(*kinds.of(kind).from_cells(cells))
    assert str(wrong.value)


def test_a_fault_in_a_case_names_the_question():
    with pytest.raises(kinds.Wrong, match="第 2 小题"):
        kinds.of("case").from_lines(["【判断题 1分】", "对吗？", "【答案】", "对", "【判断题 1分】", "对吗？", "【答案】", "也许"])


@pytest.mark.parametrize("key", list(BANK))
@given(content=JSON, answer=JSON)
@settings(max_examples=60)
def test_content_and_key_of_any_shape_are_judged_in_words(key, content, answer):
    stem, good, right = BANK[key]
    for one, two in ((content, right), (good, answer), (content, answer)):
        try:
            kinds.of(key).check(stem, one, two)
        except kinds.Wrong as wrong:
            assert str(wrong)


@pytest.mark.parametrize("key", list(BANK))
@given(
    row=st.dictionaries(
        st.sampled_from(["options", "answer", "items", "left", "right", "gaps", "units", "parts", "rubric", "longest"]),
        JSON
        | st.lists(
            st.dictionaries(st.sampled_from(["type", "stem", "points", "answer", "levels", "name", "pattern"]), JSON, max_size=4),
            max_size=2,
        ),
    )
)
@settings(max_examples=80)
def test_a_row_of_any_shape_is_read_or_refused_in_words(key, row):
    try:
        content, answer = kinds.of(key).from_mapping({"stem": "以____为", **row})
        kinds.of(key).check("以____为", content, answer)
    except kinds.Wrong as wrong:
        assert str(wrong)


ROWS = {
    "single": {"options": {"A": 7, "B": 20}, "answer": "B"},
    "multiple": {"options": {"A": "甲", "B": "乙", "C": "丙"}, "answer": ["A", "C"]},
    "judge": {"answer": "对"},
    "fill": {"answer": [20]},
    "cloze": {"gaps": [[7, 20]], "answer": [20]},
    "numeric": {"units": ["元", "万元 = 10000"], "answer": "3.5 ± 5%"},
    "order": {"items": ["乙", "甲"], "answer": ["甲", "乙"]},
    "match": {"left": ["应", "宜"], "right": ["要求", "推荐"], "answer": {"应": "要求", "宜": "推荐"}},
    "short": {"answer": ["*主动公开*", {"pattern": "公开", "share": 0.5}]},
    "essay": {"longest": 300, "rubric": [{"name": "要点", "points": 5, "levels": [{"points": 5, "text": "都有"}]}], "answer": "略"},
    "case": {"parts": [{"type": "单选题", "stem": "几日？", "points": 2, "options": {"A": 7, "B": 20}, "answer": "B"}]},
}


@pytest.mark.parametrize("key", list(ROWS))
def test_each_kind_is_read_from_a_row_of_yaml(key):
    kind = kinds.of(key)
    content, answer = kind.from_mapping({"stem": "以____为", **ROWS[key]})
    kind.check("以____为", content, answer)
    shown, frozen = paper(kind, ("以____为", content, answer))
    assert kind.mark(frozen, kind.read(shown, kind.right(shown, frozen))) in (1, None)


# ---- what papers from before policies and codes hold


@pytest.mark.parametrize(
    ("kind", "shown", "key", "response", "share"),
    [
        (
            "multiple",
            {"stem": "题", "options": [{"token": "a", "text": "甲"}, {"token": "b", "text": "乙"}]},
            {"right": ["a", "b"], "letters": {"a": "A", "b": "B"}},
            ["a"],
            Fraction(1, 2),
        ),
        ("fill", {"stem": "以____", "parts": ["以", ""]}, {"accepted": [["公开"]]}, ["公开"], 1),
        (
            "order",
            {"stem": "题", "items": [{"token": "a", "text": "甲"}, {"token": "b", "text": "乙"}]},
            {"order": ["a", "b"]},
            {"a": 1, "b": 2},
            1,
        ),
        (
            "match",
            {"stem": "题", "left": [{"token": "a", "text": "甲"}], "right": [{"token": "x", "text": "子"}]},
            {"pairs": {"a": "x"}},
            {"a": "x"},
            1,
        ),
    ],
)
def test_papers_that_were_frozen_before_are_marked_and_shown_as_they_were(kind, shown, key, response, share):
    assert kinds.mark(kind, key, response) == share
    assert str(kinds.of(kind).instruction_for(shown)) and kinds.of(kind).explain(shown, key, response)
    assert isinstance(kinds.picked(kind, shown, key, response), list)


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("第十*条", ["第十二条", "第十三条", "第十条", "第10条"], ["第九条", "第二十二条"]),
        ("二十*日", ["二十五日", "二十日", "20日"], ["三十日"]),
    ],
)
def test_a_star_may_cut_a_chinese_numeral_in_two(pattern, fitting, other):
    key = [{"pattern": pattern, "share": "1"}]
    kinds.of("short").check("几条？", {}, key)
    assert {text: kinds.mark("short", {"patterns": key}, text) for text in (*fitting, *other)} == dict.fromkeys(fitting, 1) | dict.fromkeys(
        other, 0
    )


def test_a_number_with_its_unit_typed_behind_it_and_chosen_too_is_of_that_unit():
    key = {"value": "30000", "tolerance": "0", "relative": False, "units": {"元": "1", "万元": "10000"}}
    for value, unit in (("3万元", "元"), ("3万", "元"), ("30000", "元"), ("3", "万元"), ("3万元", "万元"), ("3万元", "")):
        assert kinds.mark("numeric", key, {"value": value, "unit": unit}) == 1, (value, unit)
    assert kinds.mark("numeric", key, {"value": "3", "unit": "元"}) == 0


@pytest.mark.parametrize("place", ["9" * 5000, "0" * 5000 + "1", "9999", 10**30])
def test_a_place_of_thousands_of_digits_is_no_place(place):
    order = kinds.of("order")
    shown, _key = paper(order, BANK["order"])
    with pytest.raises(kinds.Malformed):
        order.read(shown, {shown["items"][0]["token"]: place})


@pytest.mark.parametrize(
    ("value", "unit", "units"),
    [
        ("5％", "", {"%": "1"}),
        ("５ｋｍ", "", {"km": "1"}),
        ("5。", "", {}),
        ("5.", "", {}),
        ("5天。", "", {"天": "1"}),
        ("5.0", "％", {"％": "1"}),
    ],
)
def test_a_number_counts_in_full_width_and_with_a_full_stop_behind_it(value, unit, units):
    key = {"value": "5", "tolerance": "0", "relative": False, "units": units}
    assert kinds.mark("numeric", key, {"value": value, "unit": unit}) == 1


def test_a_number_without_its_nought_counts():
    assert kinds.mark("numeric", {"value": "0.5", "tolerance": "0", "relative": False, "units": {}}, {"value": ".5", "unit": ""}) == 1
