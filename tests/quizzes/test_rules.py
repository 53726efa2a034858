"""Comparing, drawing, passing: pure."""

import random
import re
import unicodedata
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quizzes import rules

TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize(
    ("typed", "accepted"),
    [
        ("ＧＢ／Ｔ　１．１—２０２０", "GB/T 1.1-2020"),
        ("gb/t1.1–2020", "GB/T 1.1—2020"),
        ("GB/T 1.1－2020。", "GB/T 1.1-2020"),
        ("二十", "20"),
        ("２０", "二十"),
        ("三月三十一日", "3月31日"),
        ("3 月 31 日", "三月三十一日"),
        ("二〇一九", "2019"),
        ("二零一九", "2019"),
        ("一百零五", "105"),
        ("十", "10"),
        ("十五", "15"),
        ("两百五十", "250"),
        ("一万零五十", "10050"),
        ("公开。", "公开"),
        ("《预算法》", "预算法"),
        ("登记，审核", "登记、审核"),
        ("A——B", "a-b"),
        ("廿日", "20日"),
        ("廿四", "二十四"),
        ("一百廿五", "125"),
        ("卅一", "31"),
        ("廿万", "200000"),
        ("贰拾伍元", "25元"),
        ("人民币叁万伍仟圆", "人民币35000圆"),
        ("壹佰零伍", "105"),
        ("拾伍", "15"),
        ("百分之五十", "50%"),
        ("百分之50", "５０％"),
        ("百分之百", "100%"),
        ("百分之零点五", "0.5%"),
        ("占百分之三十三点三三", "占33.33%"),
        ("公 开", "公开"),
    ],
)
def test_spellings_of_the_same_are_the_same(typed, accepted):
    assert rules.normalise(typed) == rules.normalise(accepted)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("20", "15"),
        ("二十", "十二"),
        ("公开", "不公开"),
        ("1.5", "15"),
        ("3.31", "331"),
        ("一百二", "102"),
        ("A-B", "AB"),
        ("大陆", "大六"),
        ("队伍", "队五"),
        ("收拾", "收十"),
        ("放肆", "放四"),
        ("五卅", "53"),
        ("五卅运动", "五三十运动"),
        ("数百分之一", "数1%"),
        ("百分之五点", "5%点"),
        ("五百分之一", "5%"),
    ],
)
def test_different_things_stay_different(one, other):
    assert rules.normalise(one) != rules.normalise(other)


@given(TEXT)
def test_normalising_twice_changes_nothing(text):
    assert rules.normalise(rules.normalise(text)) == rules.normalise(text)


@given(st.integers(0, 10**8 - 1))
def test_every_number_written_in_chinese_is_the_number(number):
    assert rules.normalise(chinese(number)) == str(number)


FINANCIAL = str.maketrans("一二三四五六七八九十百千", "壹贰叁肆伍陆柒捌玖拾佰仟")


@given(st.integers(10, 10**8 - 1))
def test_every_number_written_as_on_a_cheque_is_the_number(number):
    assert rules.normalise(chinese(number).translate(FINANCIAL)) == str(number)
    assert rules.number(chinese(number).translate(FINANCIAL)) == number


@given(st.integers(1, 10**6), st.sampled_from(["", ".5", ".25"]))
def test_every_share_of_a_hundred_is_a_percentage(number, part):
    digits = part.translate(str.maketrans(".0123456789", "点零一二三四五六七八九"))
    assert rules.normalise(f"百分之{chinese(number)}{digits}") == f"{number}{part}%"


@given(st.integers(0, 9), st.sampled_from([2, 3]))
def test_the_short_signs_of_twenty_and_thirty_are_numbers(ones, tens):
    written = "廿卅"[tens - 2] + ("一二三四五六七八九"[ones - 1] if ones else "")
    assert rules.normalise(written) == str(10 * tens + ones) and rules.number(written) == 10 * tens + ones


@pytest.mark.parametrize(
    "word", ["万一", "大陆", "队伍", "收拾", "放肆", "捌", "拾", "佰", "五卅", "廿廿", "仟佰", "百分之", "百分之几", "十百"]
)
def test_words_that_look_like_numerals_stay_words(word):
    assert rules.normalise(word) == word


def test_a_single_sign_of_a_cheque_is_a_number_where_a_number_is_asked():
    assert rules.number("伍") == 5 and rules.number("陆万") == 60000 and rules.number("拾") == 10 and rules.number("伍佰元") is None


def chinese(number: int) -> str:
    """A reference writer of Chinese numerals below 10^8."""
    if number == 0:
        return "零"
    high, low = divmod(number, 10**4)
    if high:
        return chinese(high) + "万" + ("" if not low else ("零" if low < 1000 else "") + chinese(low))
    out, gap = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // unit % 10
        if digit:
            out += ("零" if gap and out else "") + "零一二三四五六七八九"[digit] + name
            gap = False
        else:
            gap = True
    return out


# ---- drawing

CANDIDATES = st.lists(st.tuples(st.sampled_from(["single", "judge"]), st.integers(1, 3), st.sampled_from([None, 7])), max_size=14).map(
    lambda rows: [rules.Candidate(i, *row) for i, row in enumerate(rows)]
)
DRAWS = st.lists(
    st.builds(
        rules.Draw,
        kind=st.sampled_from(["single", "judge"]),
        count=st.integers(1, 4),
        points=st.just(Decimal(5)),
        difficulty=st.sampled_from([None, 1, 2]),
        point=st.sampled_from([None, 7]),
    ),
    min_size=1,
    max_size=4,
)


@given(CANDIDATES, DRAWS, st.integers())
def test_a_paper_is_found_exactly_when_one_exists(candidates, draws, seed):
    places = [draw for draw in draws for _ in range(draw.count)]
    possible = most_seats(places, candidates) == len(places)
    try:
        paper = rules.draw(candidates, draws, random.Random(seed))
    except rules.CannotServe as error:
        assert not possible and all(lack.missing > 0 for lack in error.lacks)
        return
    assert possible
    assert [draw for _c, draw in paper] == places
    assert len({c.id for c, _d in paper}) == len(paper) and all(d.takes(c) for c, d in paper)


def most_seats(places, candidates) -> int:
    """Largest matching by trying paths, written apart from the product's."""
    taken: dict[int, int] = {}

    def seat(place, seen):
        for c in candidates:
            if places[place].takes(c) and c.id not in seen:
                seen.add(c.id)
                if c.id not in taken or seat(taken[c.id], seen):
                    taken[c.id] = place
                    return True
        return False

    return sum(seat(place, set()) for place in range(len(places)))


def test_a_wide_draw_gives_way_to_a_narrow_one():
    candidates = [rules.Candidate(1, "single", 1), rules.Candidate(2, "single", 3), rules.Candidate(3, "single", 2)]
    draws = [rules.Draw("single", 2, Decimal(5)), rules.Draw("single", 1, Decimal(5), difficulty=3)]
    for seed in range(20):
        assert [c.id for c, _d in rules.draw(candidates, draws, random.Random(seed))][2] == 2


def test_what_is_missing_is_counted():
    candidates = [rules.Candidate(1, "single", 1), rules.Candidate(2, "judge", 1)]
    with pytest.raises(rules.CannotServe) as error:
        rules.draw(candidates, [rules.Draw("single", 3, Decimal(5)), rules.Draw("judge", 1, Decimal(5))], random.Random(1))
    (lack,) = error.value.lacks
    assert (lack.draw.kind, lack.fitting, lack.missing) == ("single", 1, 2)


def test_the_same_seed_draws_the_same_paper_and_others_differ():
    candidates = [rules.Candidate(i, "single", 1) for i in range(40)]
    draws = [rules.Draw("single", 10, Decimal(5))]
    paper = lambda seed: [c.id for c, _d in rules.draw(candidates, draws, random.Random(seed))]  # noqa: E731
    assert paper(1) == paper(1) and len({tuple(paper(seed)) for seed in range(5)}) == 5


def test_every_question_has_the_same_chance():
    candidates = [rules.Candidate(i, "single", 1) for i in range(10)]
    counts = [0] * 10
    for seed in range(2000):
        for c, _d in rules.draw(candidates, [rules.Draw("single", 3, Decimal(1))], random.Random(seed)):
            counts[c.id] += 1
    assert all(500 < count < 700 for count in counts)  # 600 expected


def test_hundreds_of_places_that_must_all_give_way_are_served():
    """Wide draws first, so that every narrow place needs a chain: as deep as the places are many."""
    candidates = [rules.Candidate(i, "single", i % 3 + 1) for i in range(1500)]
    draws = [rules.Draw("single", 500, Decimal(1))] + [rules.Draw("single", 333, Decimal(1), difficulty=d) for d in (1, 2, 3)]

    paper = rules.draw(candidates, draws, random.Random(1))

    assert len({candidate.id for candidate, _rule in paper}) == 1499


def test_a_knowledge_point_takes_what_lies_below_it():
    candidates = [rules.Candidate(1, "single", 1, point=5), rules.Candidate(2, "single", 1, point=6), rules.Candidate(3, "single", 1)]
    draws = [rules.Draw("single", 2, Decimal(1), point=4, below=frozenset({5, 6}))]

    assert {candidate.id for candidate, _rule in rules.draw(candidates, draws, random.Random(1))} == {1, 2}


@given(st.integers(2, 6), st.integers(1, 8), st.integers(0, 99))
def test_parallel_papers_share_nothing_and_serve_every_draw(papers, count, seed):
    candidates = [rules.Candidate(i, "single", i % 3 + 1) for i in range(papers * count * 2 + 3)]
    draws = [rules.Draw("single", count, Decimal(2)), rules.Draw("single", 1, Decimal(5), difficulty=2)]
    if len([c for c in candidates if c.difficulty == 2]) < papers:
        return

    made = rules.parallel(candidates, draws, papers, random.Random(seed))

    ids = [candidate.id for paper in made for candidate, _rule in paper]
    assert len(made) == papers and len(set(ids)) == len(ids)
    for paper in made:
        assert [rule for _c, rule in paper] == [draws[0]] * count + [draws[1]]
        assert all(rule.takes(candidate) for candidate, rule in paper)


@given(st.lists(st.floats(0.05, 0.95), min_size=80, max_size=120), st.integers(0, 99))
def test_parallel_papers_are_as_hard_as_each_other(facilities, seed):
    candidates = [rules.Candidate(i, "single", 2, facility=facility) for i, facility in enumerate(facilities)]

    made = rules.parallel(candidates, [rules.Draw("single", 20, Decimal(1))], 4, random.Random(seed))

    sums = [sum(candidate.easiness for candidate, _rule in paper) for paper in made]
    assert max(sums) - min(sums) <= 0.9 + 1e-9  # less than one question of twenty, whatever the bank holds


def test_the_lack_is_that_of_all_parallel_papers():
    with pytest.raises(rules.CannotServe) as error:
        rules.parallel([rules.Candidate(i, "single", 1) for i in range(5)], [rules.Draw("single", 2, Decimal(1))], 3, random.Random(1))
    assert (error.value.lacks[0].fitting, error.value.lacks[0].missing) == (5, 1)


# ---- points and the pass


@given(st.integers(0, 10000), st.integers(1, 10000), st.integers(1, 100))
def test_what_reads_as_the_pass_mark_is_a_pass(score, out_of, mark):
    score, out_of = Decimal(min(score, out_of)) / 100, Decimal(out_of) / 100
    assert rules.passes(score, out_of, mark) == (rules.percent(score, out_of) >= mark)


def test_a_share_just_below_never_reads_as_the_mark():
    assert rules.percent(Decimal("79.999"), Decimal("100")) == Decimal("79.99")
    assert not rules.passes(Decimal("79.99"), Decimal("100"), 80) and rules.passes(Decimal("80"), Decimal("100"), 80)
    assert rules.percent(Decimal(0), Decimal(0)) == 0 and not rules.passes(Decimal(0), Decimal(0), 1)
    assert rules.earned(Fraction(1, 3), Decimal("5")) == Decimal("1.67") and rules.stored(Fraction(2, 3)) == Decimal("0.6667")


@given(st.fractions(0, 1, max_denominator=2_000_000))
def test_a_share_that_people_settled_is_read_back_exactly(share):
    assert rules.restored(rules.kept(share)) == share


@pytest.mark.parametrize(("one", "other"), [("二万五", "20005"), ("二万五", "25000"), ("10²", "102"), ("一亿五", "100000005")])
def test_what_could_be_two_numbers_is_neither(one, other):
    assert rules.normalise(one) != rules.normalise(other)
    assert rules.normalise(rules.normalise(one)) == rules.normalise(one)


def test_a_low_digit_behind_a_nought_is_told():
    assert rules.normalise("二万零五") == "20005" and rules.normalise("二万五千") == "25000"


@pytest.mark.parametrize("written", ["1,000", "1，000", "１，０００", "一千", "1000"])
def test_the_commas_of_thousands_do_not_count(written):
    assert rules.normalise(written) == "1000"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2.5万", "25000"),
        ("２．５０万元", "25000元"),
        ("1.23456万", "12345.6"),
        ("0.5亿", "50000000"),
        ("2.5万亿", "2500000000000"),
        ("1,000.5万", "10005000"),
        ("1、2.5万", "1、25000"),
        ("1.二十", "1.20"),
    ],
)
def test_a_decimal_before_a_myriad_is_that_number(written, read):
    assert rules.normalise(written) == read


@pytest.mark.parametrize("written", ["2.5千", "2.5千万", "2.5万五千", "2.5.5万", "3.14", "a.5万", "1" * 31 + ".5万"])
def test_a_decimal_with_another_unit_stays_as_it_is_written(written):
    assert rules.normalise(written) == written


def test_thousands_of_digits_are_no_numeral():
    assert rules.normalise("9" * 5000 + "万") == "9" * 5000 + "万"


@given(st.text(alphabet="0125.,万亿千百十二廿卅伍拾佰分之点%几 、。", max_size=12))
def test_normalising_decimals_twice_changes_nothing(text):
    assert rules.normalise(rules.normalise(text)) == rules.normalise(text)


@given(st.decimals(min_value=0, max_value=10**6, places=4), st.sampled_from(["万", "亿"]))
def test_a_decimal_with_its_myriad_means_what_a_number_means(value, unit):
    assert rules.number(rules.normalise(f"{value:f}{unit}")) == rules.number(f"{value:f}{unit}")


@pytest.mark.parametrize("written", ["1,2,300", "12,34", "1000,200", "1.5,000", "0,1000"])
def test_a_list_of_numbers_stays_a_list(written):
    assert rules.normalise(written) == written.replace(",", "、")


@pytest.mark.parametrize("written", ["1、200", "1､200", "12、000", "1、000、000"])
def test_what_is_listed_with_a_chinese_comma_is_no_number_of_thousands(written):
    assert rules.normalise(written) != rules.normalise(re.sub("[、､]", "", written))
    assert rules.normalise(written) == unicodedata.normalize("NFKC", written)


@pytest.mark.parametrize(("written", "read"), [("1,000万", "10000000"), ("1,500万", "15000000"), ("1,000亿", "100000000000")])
def test_the_commas_of_thousands_stand_before_a_ten_thousand(written, read):
    assert rules.normalise(written) == read
