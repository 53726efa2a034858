"""What figures come to: within their bounds, in any order, adding up to what is shown."""

from decimal import Decimal

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluation.indicators import scoring
from evaluation.indicators import spec as specs
from evaluation.indicators.figures import FIGURES
from evaluation.indicators.versions import DEFAULT

DATA = {name: part for name, part in yaml.safe_load(DEFAULT.read_text("utf-8")).items() if name not in ("key", "name", "source", "mark")}
SPEC = specs.read(DATA)
NAMES = [*FIGURES, "B1", "D1", "D2"]
FIGURES_DRAWN = st.fixed_dictionaries({name: st.integers(0, 60).map(Decimal) for name in NAMES})
CORRECTIONS = st.dictionaries(st.sampled_from(["K1", "K2", "K3", "K4", "K5"]), st.decimals(-5, 5, places=2))


def figures(**given) -> dict[str, Decimal]:
    return {name: Decimal(given.get(name, 0)) for name in NAMES}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FIGURES_DRAWN, CORRECTIONS)
def test_a_total_lies_between_nothing_and_the_best_and_is_the_sum_of_what_is_shown(values, corrections):
    result = scoring.score(SPEC, values, corrections)

    for one in result.items:
        assert 0 <= one.points <= one.full + Decimal("0.01")
        assert one.points.as_tuple().exponent == -2
    if result.total is None:
        assert all(one.void for one in result.items) and result.band == ""
        return
    assert 0 <= result.total <= SPEC.best and result.total.as_tuple().exponent == -2
    shown = sum(one.points for one in result.items)
    assert shown <= SPEC.full
    assert result.total == max(0, shown + result.bonus - result.deduction)
    assert sum(one.full for one in result.items) == SPEC.full


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FIGURES_DRAWN, CORRECTIONS, st.permutations(SPEC.items))
def test_the_order_of_the_items_changes_nothing(values, corrections, items):
    turned = SPEC.model_copy(update={"items": items})
    one, other = scoring.score(SPEC, values, corrections), scoring.score(turned, values, corrections)

    assert (one.total, one.band, one.bonus, one.deduction) == (other.total, other.band, other.bonus, other.deduction)
    assert {item.item.key: item for item in one.items} == {item.item.key: item for item in other.items}


def test_what_comes_to_more_than_can_be_counted_is_all_the_points_and_less_than_nothing_none():
    def points(formula):
        only = specs.read(DATA | {"items": [{"key": "K1", "name": "参训率", "points": 10, "formula": formula}]})
        return scoring.score(only, figures(在册人数=3)).items[0].points

    assert points("999999999 * 99999999 * 在册人数") == 10
    assert points("0 - 999999999 * 99999999 * 在册人数") == 0


def test_a_perfect_unit_with_void_items_has_all_points():
    everything = figures(应训人数=3, 完成必修人数=3, 达到角色学时目标人数=3, 应考人数=3, 首轮或补考合格人数=3)

    result = scoring.score(SPEC, everything)

    assert [one.void for one in result.items] == [False, False, False, True, True]
    assert result.total == 10 and result.band == "优"


def test_thirds_lose_nothing():
    result = scoring.score(SPEC, figures(应训人数=3, 完成必修人数=1, 达到角色学时目标人数=2))

    assert [str(one.points) for one in result.items[:3]] == ["2.00", "0.00", "2.67"]  # 6/3 and 4*2/3
    assert result.total == Decimal("4.67")


def test_bonus_and_deduction_stop_at_their_most():
    result = scoring.score(SPEC, figures(应训人数=1, 完成必修人数=1, 达到角色学时目标人数=1, B1=9, D1=9, D2=9))

    assert (result.bonus, result.deduction, result.total) == (Decimal("1.00"), Decimal("5.00"), Decimal("6.00"))


def test_a_correction_of_a_void_item_gives_nothing_and_of_another_stays_within_it():
    values = figures(应训人数=2, 完成必修人数=1)

    given = scoring.score(SPEC, values, {"K5": Decimal(2), "K1": Decimal("0.75"), "K3": Decimal(-1)})

    assert {one.item.key: str(one.points) for one in given.items} == {"K1": "4.50", "K2": "0.00", "K3": "0.00", "K4": "0.00", "K5": "0.00"}


def test_units_of_one_total_share_a_place():
    assert scoring.rank({1: Decimal(9), 2: Decimal(8), 3: Decimal(9), 4: Decimal(1)}) == {1: 1, 3: 1, 2: 3, 4: 4}
