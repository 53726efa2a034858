"""A version of an indicator as data: what it may say, and how it is refused."""

from copy import deepcopy
from datetime import date
from decimal import Decimal

import pytest
import yaml

from evaluation.indicators import spec as specs
from evaluation.indicators.versions import DEFAULT


@pytest.fixture
def data():
    found = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    for name in ("key", "name", "source", "mark"):
        del found[name]
    return found


def faults(data) -> list[str]:
    with pytest.raises(specs.RefusedSpec) as caught:
        specs.read(data)
    return [str(fault) for fault in caught.value.faults]


def test_the_indicator_that_comes_with_the_product_is_readable_and_keeps_its_figures(data):
    spec = specs.read(data)

    assert [(item.key, item.points) for item in spec.items] == [("K1", 3), ("K2", 2), ("K3", 2), ("K4", 1), ("K5", 2)]
    assert spec.bonus[0].each == Decimal("0.5") and spec.deduct[1].also == "取消当次学时和证书并通报"
    assert spec.period.of(2026) == (date(2026, 1, 1), date(2026, 12, 20), date(2027, 1, 10))
    assert [spec.band_of(Decimal(total)) for total in ("9", "8.99", "6", "5.99", "0")] == ["优", "良", "中", "差", "差"]


def test_what_is_stored_reads_back_as_the_same(data):
    spec = specs.read(data)

    assert specs.read(specs.stored(spec)) == spec


def test_each_fault_is_named_with_its_row_field_and_rule(data):
    data["items"][1]["formula"] = "2 * 合格人数 / 应考人数"
    data["items"][2]["formula"] = "2 **"
    data["bands"] = [{"name": "良", "min": 8}, {"name": "优", "min": 9}]

    found = faults(data)

    assert any("2" in one and "K2" in one and "合格人数" in one for one in found)
    assert any("K3" in one for one in found)
    assert len(found) == 4  # two formulas, the order of the bands, the last band


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d["items"][0].update(points=4), "11"),
        (lambda d: d["items"][1].update(key="K1"), "K1"),
        (lambda d: d["bonus"][0].update(key="K1"), "K1"),
        (lambda d: d["items"][0].update(points="viel"), "viel"),
        (lambda d: d["items"][0].update(points=float("nan")), "points"),
        (lambda d: d["items"][0].update(points=-1), "-1"),
        (lambda d: d["items"][0].update(weight=1), "weight"),
        (lambda d: d["items"][0].pop("formula"), "formula"),
        (lambda d: d["items"].clear(), "items"),
        (lambda d: d.update(items="K1"), "items"),
        (lambda d: d.update(items=[1]), "1"),
        (lambda d: d["bands"][3].update(min=1), "差"),
        (lambda d: d["bands"][1].update(name="优"), "bands"),
        (lambda d: d["chain"][0].update(duties=["king"]), "king"),
        (lambda d: d["chain"][0].update(level="direct"), "chain"),
        (lambda d: d["period"].update(cutoff="02-30"), "period"),
        (lambda d: d["period"].update(open="12-21"), "period"),
        (lambda d: d["period"].update(publicity_days=0), "publicity_days"),
        (lambda d: d["rules"].update(months_away=0), "months_away"),
        (lambda d: d.update(full=0), "full"),
        (lambda d: d.update(extra={}), "extra"),
    ],
)
def test_what_cannot_be_is_refused_in_its_place(data, change, word):
    change(data)

    found = faults(data)

    assert any(word in one for one in found), found


@pytest.mark.parametrize("nonsense", [None, 3, [], "text", [["items"]]])
def test_what_is_no_description_at_all_is_refused(nonsense):
    assert faults(nonsense)


def test_nothing_is_changed_in_what_was_given(data):
    before = deepcopy(data)
    specs.read(data)

    assert data == before


@pytest.mark.parametrize(
    "formula",
    ["999999999 * 99999999 * 在册人数", "3 * min(1, round(999999999 * 999999999 * 在册人数, 6))", "3 / (应训人数 / 999999999 / 999999999)"],
)
def test_a_formula_that_large_figures_drive_beyond_counting_is_no_new_version_and_yet_is_read(data, formula):
    data["items"][0]["formula"] = formula
    spec = specs.read(data)

    with pytest.raises(specs.RefusedSpec) as caught:
        specs.require_usable(spec)

    assert ["K1" in str(fault) for fault in caught.value.faults] == [True]


def test_a_formula_with_a_remark_is_no_new_version_and_yet_is_read(data):
    data["items"][0]["formula"] = "3 # 县里商定"
    spec = specs.read(data)

    with pytest.raises(specs.RefusedSpec) as caught:
        specs.require_usable(spec)

    assert ["K1" in str(fault) and "“# 县里商定”" in str(fault) for fault in caught.value.faults] == [True]


@pytest.mark.parametrize(("written", "text"), [(1, "1"), (0.5, "0.5")])
def test_a_formula_that_is_a_bare_number_is_read_as_its_text(data, written, text):
    data["items"][0]["formula"] = written
    assert specs.read(data).items[0].formula == text


@pytest.mark.parametrize(
    ("parts", "place"),
    [
        ({"chain_below": 60}, "chain_below"),
        ({"bands": [{"name": "好", "min": 900}, {"name": "待改进", "min": 0}]}, "好"),
    ],
)
def test_a_mark_above_all_that_a_unit_can_have_is_no_new_version_and_yet_is_read(data, parts, place):
    spec = specs.read(data | parts)

    with pytest.raises(specs.RefusedSpec) as caught:
        specs.require_usable(spec)

    assert [place in str(fault) for fault in caught.value.faults] == [True]


def test_the_indicator_that_comes_with_the_product_stays_usable(data):
    specs.require_usable(specs.read(data))
