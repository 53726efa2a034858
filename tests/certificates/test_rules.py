"""Numbers, validity, wording."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates import rules
from core.errors import Refused

PAYLOADS = st.text(alphabet=rules.ALPHABET, min_size=1, max_size=30)
serials = st.integers(min_value=0, max_value=9_999_999)


def a_number(serial: int = 1, year: int = 2026) -> str:
    return rules.compose_number(prefix="YAZWGK", category="01", year=year, county_code="532325", serial=serial)


@pytest.mark.parametrize(
    ("payload", "check"),
    [
        ("A12425GABC1234002", "M"),  # the example of the Global Release Identifier standard
        ("000000003A8D0000", "Z"),  # the example of ISO 15706-2 (ISAN), first check character
        ("000000003A8D000000000000", "6"),  # the same, second check character
        ("188166C734206541", "Y"),
        ("188166C7342065419F3A0245", "O"),
    ],
)
def test_the_check_character_agrees_with_published_examples(payload, check):
    assert rules.check_character(payload) == check


@given(PAYLOADS, st.data())
def test_every_single_substitution_is_caught(payload, data):
    whole = payload + rules.check_character(payload)
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.sampled_from([c for c in rules.ALPHABET if c != whole[place]]))
    wrong = whole[:place] + other + whole[place + 1 :]
    assert rules.check_character(wrong[:-1]) != wrong[-1]


def test_adjacent_transpositions_are_caught_but_for_one_pair_in_each_inner_state():
    def step(product, value):
        return ((product + value) % 36 or 36) * 2 % 37

    pairs = [(p, a, b) for p in range(1, 37) for a in range(36) for b in range(a)]
    missed = [each for each in pairs if step(step(each[0], each[1]), each[2]) == step(step(each[0], each[2]), each[1])]
    assert (len(missed), len(pairs)) == (36, 22680)


@given(serials, st.integers(0, 27))
def test_adjacent_transpositions_in_a_number_are_caught_or_give_another_serial(serial, place):
    number = a_number(serial).replace("-", "")
    place = min(place, len(number) - 2)
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    if swapped == number:
        return
    try:
        read = rules.read_number(swapped)
    except Refused as refusal:
        assert refusal.code in {"wrong_check", "malformed"}
    else:
        assert read != a_number(serial)


def test_a_number_has_the_agreed_form():
    assert a_number(1).startswith("YAZWGK-01-2026-532325-00001-")
    assert a_number(123_456).startswith("YAZWGK-01-2026-532325-123456-")


@given(serials)
def test_a_number_is_read_however_it_is_typed(serial):
    number = a_number(serial)
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in number)
    for typed in (
        number,
        number.lower(),
        number.replace("-", ""),
        number.replace("-", " "),
        number.replace("-", "—"),
        wide,
        f"　{number}\n",
        number.replace("-", "\u200b-"),
        f"https://example.cn/verify/{number}/",
        f"HTTPS://EXAMPLE.CN/verify/{number}.json",
        f"证书编号：{number}",
        f"编号 {number}。",
    ):
        assert rules.read_number(typed) == number


@pytest.mark.parametrize(
    "typed", ["", "abc", "YAZWGK-01-2026", "张三", "1" * 5000, "YAZWGK-01-2026-532325-1-X", "<script>", "../../etc", "\x00"]
)
def test_what_is_no_number_is_called_so(typed):
    with pytest.raises(Refused) as refused:
        rules.read_number(typed)
    assert refused.value.code == "malformed"


def test_a_mistyped_number_is_told_from_an_unknown_one():
    number = a_number(17)
    wrong = number[:-1] + ("A" if number[-1] != "A" else "B")
    with pytest.raises(Refused) as refused:
        rules.read_number(wrong)
    assert refused.value.code == "wrong_check"


@pytest.mark.parametrize(
    ("issued", "months", "last"),
    [
        (date(2026, 6, 15), 24, date(2028, 6, 15)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2026, 6, 15), 0, None),
    ],
)
def test_validity_ends_with_the_corresponding_day(issued, months, last):
    assert rules.last_valid_day(issued, months) == last


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 600))
def test_months_are_counted_by_the_calendar(day, months):
    later = rules.add_months(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day <= day.day


def test_a_wording_is_filled_once_and_never_executed():
    values = {"name": "{course}", "unit": "{0.__class__}", "course": "%s {name}", "hours": "2", "score": "90分", "date": "今天"}
    filled = rules.fill_wording("{name}在{unit}学{course}", values)
    assert filled == "{course}在{0.__class__}学%s {name}"


@pytest.mark.parametrize(
    ("wording", "code"),
    [
        ("{nmae}同志", "unknown_placeholder"),
        ("{name.__class__}", "unknown_placeholder"),
        ("{}", "unknown_placeholder"),
        ("{name!r}", "unknown_placeholder"),
        ("{name", "stray_brace"),
        ("name}", "stray_brace"),
        ("{{name}}", "stray_brace"),
    ],
)
def test_a_wording_that_cannot_be_filled_is_refused(wording, code):
    with pytest.raises(Refused) as refused:
        rules.check_wording(wording)
    assert refused.value.code == code


def test_text_for_paper_loses_what_is_invisible_and_keeps_the_rest():
    assert rules.printable("张\u202e三\u200b\x07\n李") == "张三\n李"


def test_the_digest_does_not_depend_on_the_order_of_facts():
    assert rules.digest({"a": "张", "b": None}) == rules.digest({"b": None, "a": "张"})
    assert rules.digest({"a": "张"}) != rules.digest({"a": "章"})
    assert rules.digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@given(st.text("张小晓明同志", max_size=8), st.text("张小晓明同志", max_size=8))
def test_what_a_change_marks_and_what_it_leaves_make_the_whole(before, after):
    head, old, new, tail = rules.difference(before, after)
    assert head + old + tail == before and head + new + tail == after
    assert not old or not new or (old[0] != new[0] and old[-1] != new[-1])
