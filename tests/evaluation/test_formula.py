"""The language of formulas: exact, small, and closed to everything else."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import Refused
from evaluation.indicators.formula import Formula, Void

KNOWN = {"甲": Decimal(3), "乙": Decimal(4), "零": Decimal(0)}


def value(text: str) -> Decimal:
    return Formula(text, known=KNOWN).value(KNOWN)


def test_a_tenth_three_times_is_three_tenths():
    assert value("0.1 * 3") == Decimal("0.3")
    assert value("0.1 + 0.2") == Decimal("0.3")
    assert isinstance(value("3"), Decimal)


def test_figures_and_functions_mean_what_they_say():
    assert value("3 * min(1, 甲 / 乙)") == Decimal("2.25")
    assert value("max(甲, 乙, 1) - abs(-2)") == 2
    assert value("-甲 + +乙") == 1


@pytest.mark.parametrize(("text", "expected"), [("round(2.5)", "3"), ("round(2.345, 2)", "2.35"), ("round(0.125, 2)", "0.13")])
def test_a_half_is_rounded_up_as_people_do(text, expected):
    assert value(text) == Decimal(expected)


@pytest.mark.parametrize("text", ["1 / 0", "甲 / (2 - 2)", "甲 / min(0, 3)", "甲 / (1 / 0)", "abs(甲 / -0)"])
def test_what_divides_by_nothing_whatever_the_figures_is_refused(text):
    with pytest.raises(Refused) as caught:
        Formula(text, known=KNOWN)
    assert caught.value.code == "void" and "除以零" in caught.value.message


@pytest.mark.parametrize("text", ["甲 / 零", "零 / 零", "1 + 2 / (甲 - 3)", "min(1, 甲 / 零)"])
def test_what_divides_by_nothing_is_void(text):
    with pytest.raises(Void):
        value(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("甲 +", "syntax"),
        ("(甲", "syntax"),
        ("甲 \n+ 乙", "lookalike"),  # a control sign
        ("丙 + 1", "unknown"),
        ("__import__('os').system('true')", "forbidden"),
        ("__import__", "unknown"),
        ("甲.__class__", "forbidden"),
        ("().__class__.__bases__", "forbidden"),
        ("[甲 for 甲 in 乙]", "forbidden"),
        ("sum(甲 for 甲 in 乙)", "forbidden"),
        ("{甲: 1}", "forbidden"),
        ("lambda: 甲", "forbidden"),
        ("(甲 := 1)", "forbidden"),
        ("甲 if 乙 else 1", "forbidden"),
        ("甲 and 乙", "forbidden"),
        ("甲 < 乙", "forbidden"),
        ("not 甲", "forbidden"),
        ("'甲' * 9", "forbidden"),
        ("f'{甲}'", "forbidden"),
        ("9**9**9", "forbidden"),
        ("pow(9, 9)", "forbidden"),
        ("甲 % 乙", "forbidden"),
        ("甲 // 乙", "forbidden"),
        ("1 << 99", "forbidden"),
        ("~甲", "forbidden"),
        ("1e308", "forbidden"),
        ("1j", "forbidden"),
        ("0xff", "forbidden"),
        ("1_000", "forbidden"),
        ("True", "forbidden"),
        ("None", "forbidden"),
        ("...", "forbidden"),
        ("甲[0]", "forbidden"),
        ("min(*甲, 乙)", "forbidden"),
        ("round(甲, ndigits=2)", "forbidden"),
        ("eval(甲)", "forbidden"),
        ("min", "unknown"),
        ("min(甲)(乙)", "forbidden"),
        ("min()", "arguments"),
        ("min(甲)", "arguments"),
        ("abs(甲, 乙)", "arguments"),
        ("round(甲, 99)", "arguments"),
        ("round(甲, 乙)", "arguments"),
        ("12345678901", "number"),
        ("0.1234567891", "number"),
        ("ｍin(甲, 乙)", "lookalike"),  # reads as min
        ("甲 ＋ 乙", "lookalike"),
        ("甲（乙）", "lookalike"),
        ("甲\u200b + 1", "lookalike"),
        ("mіn(甲, 乙)", "forbidden"),  # a Cyrillic і
        ("甲" + "+1" * 200, "too_long"),
        ("9" * 10_000, "too_long"),
        ("(" * 100 + "甲" + ")" * 100, None),  # brackets alone make nothing deeper
        ("-" * 40 + "甲", "too_deep"),
        ("+".join(["甲"] * 40), "too_deep"),
        ("abs(" * 20 + "甲" + ")" * 20, "too_deep"),
        ("甲; 乙", "syntax"),
        ("import os", "syntax"),
        ("甲 = 1", "syntax"),
        ("甲 # 1", None),
        ("\x00甲", "lookalike"),
    ],
)
def test_an_attack_or_a_slip_is_refused_by_name(text, code):
    if code is None:
        assert value(text) == 3
        return
    with pytest.raises(Refused) as caught:
        Formula(text, known=KNOWN)
    assert caught.value.code == code and caught.value.message


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=80) | st.text(alphabet="甲乙零0123456789.+-*/() ,minaxroud", max_size=60))
def test_whatever_is_written_has_a_value_is_void_or_is_refused(text):
    try:
        found = value(text)
    except (Refused, Void):
        return
    assert isinstance(found, Decimal) and found.is_finite()


def test_the_largest_formula_stays_small():
    largest = "*".join(["999999999"] * 12)
    assert value(largest) < Decimal("1e109")
