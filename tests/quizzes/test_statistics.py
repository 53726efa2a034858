"""Item and test analysis against numpy and scipy, and against figures worked by hand."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quizzes.statistics import FEWEST, GROUPS, Analysis, Forms, Total, at_least, similarities

RNG = np.random.default_rng()


@pytest.fixture(autouse=True)
def the_same_numbers_each_time(monkeypatch):
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(20261123))


def crossed(matrix, points=None, passed=()) -> Analysis:
    """Everybody sits the same paper: rows are people, columns items, cells points earned."""
    points = points or [1.0] * matrix.shape[1]
    out_of = float(sum(points))
    analysis = Analysis({person: Total(float(row.sum()), out_of) for person, row in enumerate(matrix)}, passed)
    for person, row in enumerate(matrix):
        for item, earned in enumerate(row):
            analysis.add(person, item, earned=float(earned), points=points[item], picked=["A" if earned else "B"])
    return analysis


def binary(people=200, items=20):
    """Right or wrong by a Rasch model, so that the items hang together."""
    ability, hardness = RNG.normal(size=(people, 1)), RNG.normal(size=(1, items))
    return (RNG.random((people, items)) < 1 / (1 + np.exp(hardness - ability))).astype(float)


def test_facility_is_the_mean_share():
    matrix = binary()
    assert [item.facility for item in crossed(matrix).items()] == pytest.approx(list(matrix.mean(axis=0)))


def test_the_point_biserial_is_scipys_with_the_item_left_out_of_the_total():
    matrix = binary()
    for column, item in enumerate(crossed(matrix).items()):
        rest = np.delete(matrix, column, axis=1).sum(axis=1)
        assert item.point_biserial == pytest.approx(stats.pointbiserialr(matrix[:, column], rest).statistic)


def test_items_with_parts_are_correlated_as_pearson_does():
    points = [2.0, 5.0, 3.0, 10.0]
    matrix = np.clip(RNG.normal(0.6, 0.3, (60, 1)) + RNG.normal(0, 0.2, (60, 4)), 0, 1).round(2) * points
    for column, item in enumerate(crossed(matrix, points).items()):
        rest = np.delete(matrix, column, axis=1).sum(axis=1)
        assert item.point_biserial == pytest.approx(stats.pearsonr(matrix[:, column], rest).statistic)


@pytest.mark.parametrize("items", [5, 40])
def test_alpha_is_that_of_the_covariance_matrix(items):
    matrix = binary(items=items)
    covariance = np.cov(matrix, rowvar=False)
    figures = crossed(matrix).test()
    assert figures.reliability == pytest.approx(items / (items - 1) * (1 - np.trace(covariance) / covariance.sum()))
    assert figures.reliability_kind == "kr20"


def test_kr20_is_alpha_for_right_and_wrong():
    matrix = binary(items=12)
    p = matrix.mean(axis=0)
    by_kuder_and_richardson = 12 / 11 * (1 - (p * (1 - p)).sum() / matrix.sum(axis=1).var())
    assert crossed(matrix).test().reliability == pytest.approx(by_kuder_and_richardson)


def test_the_figures_of_the_test_are_numpys():
    matrix = binary(items=10)
    percents = matrix.mean(axis=1) * 100
    figures = crossed(matrix, passed=[n for n, percent in enumerate(percents) if percent >= 60]).test()
    assert figures.mean == pytest.approx(percents.mean()) and figures.median == pytest.approx(np.median(percents))
    assert figures.spread == pytest.approx(percents.std(ddof=1))
    assert figures.pass_rate == pytest.approx((percents >= 60).mean())
    assert figures.standard_error == pytest.approx(percents.std(ddof=1) * math.sqrt(1 - figures.reliability))
    assert figures.histogram == list(np.histogram(percents, bins=10, range=(0, 100))[0])


def test_papers_drawn_apart_get_the_coefficient_of_nested_items():
    """Against the mean squares of a one-way analysis of variance: (MSp − MSi:p) / MSp, equal numbers of items."""
    people, items = 80, 10
    matrix = binary(people, items)
    analysis = Analysis({p: Total(float(row.sum()), items) for p, row in enumerate(matrix)})
    for person, row in enumerate(matrix):
        for item, earned in enumerate(row):
            analysis.add(person, (person, item), earned=float(earned), points=1.0)
    f = stats.f_oneway(*matrix).statistic  # MSp / MSi:p
    figures = analysis.test()
    assert figures.reliability_kind == "nested" and figures.reliability == pytest.approx(max(1 - 1 / f, 0))


def test_upper_and_lower_by_hand():
    """Ten people; 27 percent are the best three and the worst three. The first item parts them wholly, the last not at all."""
    matrix = np.array([[1, 1, 1, 1, 1]] * 3 + [[1, 1, 0, 0, 1]] * 4 + [[0, 0, 0, 0, 1]] * 3, dtype=float)
    first, *_rest, last = crossed(matrix).items()
    assert first.upper_lower == 1.0 and first.facility == 0.7
    assert last.upper_lower == 0.0 and last.point_biserial is None  # all alike: no correlation exists


def test_the_distractor_table_counts_each_answer_by_score_group():
    matrix = binary(people=100)
    for item, column in zip(crossed(matrix).items(), matrix.T, strict=True):
        right = sum(share * size for share, size in zip(item.chosen.get("A", [0] * GROUPS), item.group_sizes, strict=True))
        assert right == pytest.approx(column.sum()) and sum(item.group_sizes) == 100
        for group in range(GROUPS):
            assert sum(shares[group] for shares in item.chosen.values()) == pytest.approx(1) or item.group_sizes[group] == 0


@pytest.mark.parametrize(
    ("scores", "sizes"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [2, 2, 2, 2, 2]),
        ([0, 1, 2, 3, 4], [1, 1, 1, 1, 1]),
        ([0, 1, 2, 3, 4, 5, 6, 9, 9, 9], [2, 2, 2, 1, 3]),  # in an easy exam the best are not left out
        ([0, 0, 0, 3, 4, 5, 6, 7, 8, 9], [3, 1, 2, 2, 2]),
        ([5] * 10, [0, 0, 10, 0, 0]),
    ],
)
def test_the_groups_of_the_distractor_table_are_fifths_and_who_has_as_much_stands_in_the_same(scores, sizes):
    analysis = Analysis({person: Total(score, 9.0) for person, score in enumerate(map(float, scores))})
    for person, score in enumerate(scores):
        analysis.add(person, "x", earned=float(score), points=9.0)
    assert list(analysis.items()[0].group_sizes) == sizes


def test_too_few_people_get_no_indices():
    figures = crossed(binary(people=9))
    assert all(item.point_biserial is None and item.upper_lower is None for item in figures.items())
    assert figures.test().reliability is None and figures.test().standard_error is None


def test_nobody_is_no_test():
    with pytest.raises(ValueError, match="nobody"):
        Analysis({}).test()


@settings(deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=40))
def test_no_paper_breaks_the_figures_and_all_stay_in_their_ranges(rows):
    analysis = crossed(np.array(rows, dtype=float))
    figures = analysis.test()
    assert 0 <= figures.lowest <= figures.mean <= figures.highest + 1e-9 <= 100 + 1e-6 and sum(figures.histogram) == len(rows)
    assert figures.reliability is None or figures.reliability <= 1 + 1e-9
    for item in analysis.items():
        assert 0 <= item.facility <= 1
        assert item.point_biserial is None or -1 <= item.point_biserial <= 1
        assert item.upper_lower is None or -1 <= item.upper_lower <= 1


def test_what_is_known_by_its_marks_alone_counts_among_no_answers():
    """Half wrote on paper: facility is that of all, the answers and their groups are those of the others."""
    totals = {person: Total(float(person % 4), 4.0) for person in range(40)}
    analysis = Analysis(totals)
    for person in totals:
        known = ["A"] if person % 4 else []
        analysis.add(person, "x", earned=float(person % 4 > 0), points=1.0, picked=known if person < 20 else None, is_blank=person % 4 == 0)

    [item] = analysis.items()

    assert (item.people, item.facility, sum(item.group_sizes)) == (40, 0.75, 20)
    picked = sum(share * size for share, size in zip(item.chosen["A"], item.group_sizes, strict=True))
    nothing = sum(share * size for share, size in zip(item.no_answer, item.group_sizes, strict=True))
    assert (round(picked), round(nothing)) == (15, 5) and item.no_answer[0] == 1


# ---- similar wrong answers


@given(st.lists(st.floats(0, 1), max_size=12), st.integers(0, 13))
def test_the_tail_of_unlike_trials_is_that_of_all_outcomes(chances, count):
    by_convolution = np.array([1.0])
    for chance in chances:
        by_convolution = np.convolve(by_convolution, [1 - chance, chance])
    assert at_least(count, chances) == pytest.approx(by_convolution[count:].sum(), abs=1e-9)


def test_the_tail_of_like_trials_is_the_binomial():
    assert at_least(7, [0.25] * 20) == pytest.approx(stats.binom.sf(6, 20, 0.25))


def wrong_answers(people=60, items=30):
    return {person: {item: str(RNG.integers(3)) for item in range(items)} for person in range(people)}


def test_a_copied_paper_is_the_first_hint():
    wrong = wrong_answers()
    wrong[1] = dict(wrong[0])
    hints = similarities(wrong, [list(range(30)), list(range(30, 60))])
    assert (hints[0].first, hints[0].second) == (0, 1)
    assert hints[0].same_wrong == hints[0].both_wrong == 30 and hints[0].probability < 1e-9


def one_against_all(answers: dict[int, str], n=20) -> dict:
    """Persons 0 and 1 give these answers on the items; n others give "A" on each."""
    return {0: dict(answers), 1: dict(answers)} | {person: dict.fromkeys(answers, "A") for person in range(2, n + 2)}


def test_the_probability_is_given_the_very_answers_of_the_other():
    """Two of 22 chose the rare answer on each of 6 items: (2/22)^6. That any two agree on all would have the chance 0.34."""
    wrong = one_against_all(dict.fromkeys(range(6), "B"))

    [hint] = similarities(wrong, [list(range(22))])

    assert (hint.first, hint.second, hint.same_wrong, hint.both_wrong) == (0, 1, 6, 6)
    assert hint.probability == pytest.approx((2 / 22) ** 6) == pytest.approx(5.645e-7, rel=1e-3)
    assert hint.expected == pytest.approx(231 * (2 / 22) ** 6)  # 22 · 21 / 2 pairs


def test_where_they_differ_the_larger_of_both_ways_round_stands():
    """On the sixth item the second went with the many: given that answer, an agreement was likely."""
    wrong = one_against_all(dict.fromkeys(range(6), "B"))
    wrong[1][5] = "A"
    rare, popular = 2 / 22, 21 / 22

    hint = next(one for one in similarities(wrong, [list(range(22))], at_most_expected=1) if (one.first, one.second) == (0, 1))

    given_the_first = at_least(5, [rare] * 5 + [1 / 22])
    given_the_second = at_least(5, [rare] * 5 + [popular])
    assert hint.same_wrong == 5 and given_the_first < given_the_second
    assert hint.probability == pytest.approx(given_the_second) == pytest.approx(rare**5 + 5 * rare**4 * (1 - rare) * popular)


@given(st.lists(st.lists(st.sampled_from("ABC"), min_size=5, max_size=5), min_size=10, max_size=14))
def test_the_probability_is_that_of_all_outcomes_counted_one_by_one(papers):
    wrong = {person: dict(enumerate(answers)) for person, answers in enumerate(papers)}
    share = [{answer: sum(row[item] == answer for row in papers) / len(papers) for answer in "ABC"} for item in range(5)]

    def counted(source, copier) -> float:
        """Over every answer sheet that the second could have handed in."""
        same = sum(a == b for a, b in zip(source, copier, strict=True))
        sheets = itertools.product("ABC", repeat=5)
        return sum(
            math.prod(share[item][answer] for item, answer in enumerate(sheet))
            for sheet in sheets
            if sum(a == b for a, b in zip(source, sheet, strict=True)) >= same
        )

    every = similarities(wrong, [[0, 1, 2]], at_most_expected=99)
    found = {(one.first, one.second): one.probability for one in every}
    for bound in (0.05, 0.5):
        assert similarities(wrong, [[0, 1, 2]], at_most_expected=bound) == [one for one in every if one.expected <= bound]
    for a, b in itertools.combinations(range(3), 2):
        if any(one == two for one, two in zip(papers[a], papers[b], strict=True)):
            larger = max(counted(papers[a], papers[b]), counted(papers[b], papers[a]))
            assert found[a, b] == pytest.approx(larger, abs=1e-9)


def test_people_of_different_rooms_are_not_compared():
    wrong = wrong_answers()
    wrong[40] = dict(wrong[0])
    assert not any({hint.first, hint.second} == {0, 40} for hint in similarities(wrong, [list(range(30)), list(range(30, 60))]))


def test_no_list_of_all_pairs_is_held():
    wrong = wrong_answers(people=250, items=5)
    tracemalloc.start()

    similarities(wrong, [range(250)])

    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 1_000_000  # 31,125 pairs take twice as much


def test_an_error_that_everybody_makes_is_no_hint():
    """Two share the popular wrong answer on every item, like nearly all others: nothing to look at."""
    wrong = {person: {item: "A" if RNG.random() < 0.95 else "B" for item in range(30)} for person in range(40)}
    wrong[0] = wrong[1] = dict.fromkeys(range(30), "A")
    assert not any({hint.first, hint.second} == {0, 1} for hint in similarities(wrong, [list(range(40))]))


def test_honest_rooms_give_about_as_few_hints_as_chance_lets_expect():
    hints = sum(len(similarities(wrong_answers(), [list(range(60))])) for _ in range(20))
    assert hints <= 5  # expected: at most 0.05 a room


def forms_of(**matrices) -> Forms:
    """Each paper with its people as rows; the items of no two papers are the same."""
    people = {(label, n): (label, row) for label, matrix in matrices.items() for n, row in enumerate(matrix)}
    totals = {person: Total(float(row.sum()), float(len(row))) for person, (_label, row) in people.items()}
    forms = Forms(totals, {person: label for person, (label, _row) in people.items()})
    for person, (label, row) in people.items():
        for item, earned in enumerate(row):
            forms.add(person, (label, item), earned=float(earned), points=1.0)
    return forms


def test_each_parallel_paper_has_the_alpha_of_its_own_covariance_matrix():
    matrices = {"A": binary(60, 12), "B": np.clip(binary(80, 9) + RNG.choice([0, -0.5], (80, 9)), 0, 1)}

    found = forms_of(**matrices).figures()

    assert [(form.form, form.people, form.items, form.reliability_kind) for form in found] == [("A", 60, 12, "kr20"), ("B", 80, 9, "alpha")]
    for form in found:
        matrix = matrices[form.form]
        covariance, k = np.cov(matrix, rowvar=False), matrix.shape[1]
        alpha = k / (k - 1) * (1 - np.trace(covariance) / covariance.sum())
        assert form.reliability == pytest.approx(alpha)
        percents = matrix.sum(axis=1) / k * 100
        assert form.standard_error == pytest.approx(percents.std(ddof=1) * math.sqrt(1 - alpha))


def test_a_paper_that_few_wrote_has_no_figures():
    few, enough = forms_of(A=binary(FEWEST - 1, 6), B=binary(FEWEST, 6)).figures()
    assert (few.people, few.reliability, few.standard_error) == (FEWEST - 1, None, None)
    assert enough.people == FEWEST and enough.reliability is not None


def test_a_paper_whose_scores_are_all_alike_has_no_reliability():
    (form,) = forms_of(A=np.ones((20, 5))).figures()
    assert form.reliability is None and form.standard_error is None
