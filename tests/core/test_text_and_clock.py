"""Text and time without a meaning of their own."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import clock
from core.text import mask_name, query_tokens, search_tokens, squeeze

CJK = st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=12)


def test_a_word_is_found_inside_a_longer_one():
    assert set(query_tokens("安全")) <= set(search_tokens("安全生产领域").split())
    assert not set(query_tokens("全安")) <= set(search_tokens("安全生产领域").split())


@given(CJK, CJK, CJK)
def test_every_part_of_a_title_finds_the_title(before, word, after):
    assert set(query_tokens(word)) <= set(search_tokens(before + word + after).split())


def test_codes_and_full_width_letters_are_found():
    assert query_tokens("ＧＢ/T 1.1") == ["gb", "t", "1"]
    assert query_tokens("公开、标准") == query_tokens("公开 标准") == ["公开", "标准"]
    assert query_tokens("《》") == []
    assert set(query_tokens("ｇｂ")) <= set(search_tokens("GB/T 1.1—2020").split())


@pytest.mark.parametrize(
    ("name", "masked"),
    [("张明", "张*"), ("张小明", "张*明"), ("阿普·尔古", "阿***古"), ("李", "*"), ("", ""), ("䶮𬎆𡋾", "䶮*𡋾")],
)
def test_a_name_is_masked(name, masked):
    assert mask_name(name) == masked


@given(st.text(min_size=2, max_size=20))
def test_a_masked_name_shows_at_most_its_first_and_last_letter(name):
    assert sum(letter != "*" for letter in mask_name(name)) <= 2


def test_squeeze_folds_full_width_blanks():
    assert squeeze("　张　 明 \n") == "张 明"


def test_a_due_day_ends_at_24_in_the_county():
    assert clock.end_of(date(2026, 12, 20)) == datetime(2026, 12, 20, 16, 0, tzinfo=UTC)
    assert clock.today(datetime(2026, 12, 20, 15, 59, 59, tzinfo=UTC)) == date(2026, 12, 20)
    assert clock.today(datetime(2026, 12, 20, 16, 0, tzinfo=UTC)) == date(2026, 12, 21)


def test_new_year_begins_in_the_county_not_in_greenwich():
    assert clock.year_of(datetime(2026, 12, 31, 15, 59, tzinfo=UTC)) == 2026
    assert clock.year_of(datetime(2026, 12, 31, 16, 0, tzinfo=UTC)) == 2027
