"""Item and test analysis: pure arithmetic on a stream of marked items. No database, no clock.

Terms and formulas, with where they come from:

* facility index: the mean share earned of an item (for right/wrong items the p-value).
* point-biserial: Pearson's product-moment correlation of the item with the rest of the test, the
  item itself left out of it ("corrected"); for right/wrong items this is the point-biserial
  coefficient. Lord & Novick, Statistical Theories of Mental Test Scores (1968), ch. 15.
* upper–lower index D: facility in the upper group less facility in the lower group, the best and
  the worst 27 percent. Kelley, J. Educ. Psych. 30 (1939); Ebel, Essentials of Educational
  Measurement (1972).
* coefficient alpha: k/(k−1) · (1 − Σ item variances / variance of totals). Cronbach, Psychometrika
  16 (1951). KR-20 is the same for right/wrong items. Kuder & Richardson, Psychometrika 2 (1937).
* of parallel papers each has an alpha of its own, over those who wrote it and its items.
* where everybody has a paper of their own, alpha does not exist. The coefficient given then is
  Eρ² = σ²(p) / (σ²(p) + σ²(i:p)/k) of the design "items nested in persons". Brennan,
  Generalizability Theory (2001), ch. 3.
* standard error of measurement: SD · √(1 − reliability). Lord & Novick, ch. 3.
* similar wrong answers: of the items that two people both have wrong, on how many the second gave the
  very answer of the first. Given the answers of the first, each of these agreements has the chance
  that is the share of that answer among all wrong answers to the item, of everybody in the sitting,
  the two included; their number is a sum of unlike Bernoulli trials (Poisson binomial), whose upper
  tail is taken exactly, not by a normal curve. So it is done with the first given and with the second
  given, and the larger probability stands. Near to it: the K index, which counts the same wrong
  answers given those of the source (Holland, ETS Research Report 96-7 (1996); Sotaridona & Meijer,
  J. Educ. Meas. 39 (2002)); ω, which is given the source's answers too (Wollack, Appl. Psych. Meas.
  21 (1997)); and the tail of unlike trials (van der Linden & Sotaridona, J. Educ. Behav. Stat. 31
  (2006)). It is none of these: no response model is fitted, ability does not enter, and right answers
  do not count. Their known rates of error are not claimed for it.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median
from typing import Any

TAIL = 0.27  # of all people in the upper and in the lower group
GROUPS = 5  # score groups of the distractor table
FEWEST = 10  # people below whom an index says nothing


@dataclass(frozen=True)
class Total:
    """What one person earned in the whole test, of what there was to earn."""

    score: float
    out_of: float

    @property
    def share(self) -> float:
        return self.score / self.out_of if self.out_of else 0.0


@dataclass(frozen=True)
class ItemFigures:
    """One item. Indices are None where they do not exist: too few people, or all alike."""

    item: Any
    people: int
    facility: float
    spread: float | None  # standard deviation of the share earned
    point_biserial: float | None
    upper_lower: float | None
    chosen: dict[str, list[float]]  # answer → share of each score group, weakest group first, that gave it
    group_sizes: list[int]  # those whose answers are known: what was written on paper has marks alone
    no_answer: list[float]  # share of each score group that answered nothing


@dataclass(frozen=True)
class TestFigures:
    """The test as a whole. Scores are in percent."""

    people: int
    mean: float
    median: float
    spread: float | None
    lowest: float
    highest: float
    pass_rate: float
    reliability: float | None
    reliability_kind: str  # "alpha", "kr20", "nested", "" when there is none
    standard_error: float | None
    histogram: list[int]  # ten classes: 0–10, …, 90–100


@dataclass
class _Shares:
    """Number, sum and sum of squares of one person's shares."""

    n: int = 0
    x: float = 0.0
    xx: float = 0.0


@dataclass
class _Tally:
    n: int = 0
    x: float = 0.0
    xx: float = 0.0
    y: float = 0.0
    yy: float = 0.0
    xy: float = 0.0
    upper: list[float] = field(default_factory=lambda: [0.0, 0.0])  # people, sum of shares
    lower: list[float] = field(default_factory=lambda: [0.0, 0.0])
    earned: float = 0.0
    earned_squared: float = 0.0
    is_binary: bool = True
    groups: list[int] = field(default_factory=lambda: [0] * GROUPS)
    blank: list[int] = field(default_factory=lambda: [0] * GROUPS)
    picks: dict[str, list[int]] = field(default_factory=dict)


class Analysis:
    """Takes marked items one at a time, in any order, and gives figures at the end.

    Keeps one small tally for each item and for each person, whatever the number of marks.
    """

    def __init__(self, totals: Mapping[Any, Total], passed: Iterable[Any] = ()) -> None:
        self.totals = totals
        self.passed = set(passed)
        shares = sorted(total.share for total in totals.values())
        tail = max(round(len(shares) * TAIL), 1) if shares else 0
        self._shares = shares
        self._low_cut = shares[tail - 1] if shares else 0.0
        self._high_cut = shares[-tail] if shares else 0.0
        # By the middle of the ranks of those who have as much: a fifth each, and whoever has as much stands in the same one.
        self._group_of = {
            share: (bisect_left(shares, share) + bisect_right(shares, share) - 1) * GROUPS // (2 * len(shares)) for share in set(shares)
        }
        self._items: dict[Any, _Tally] = {}
        self._people: dict[Any, _Shares] = defaultdict(_Shares)

    def add(
        self, person: Any, item: Any, *, earned: float, points: float, picked: Sequence[str] | None = (), is_blank: bool = False
    ) -> None:
        """One item of one person: what it earned of how many points, and what was answered in the bank's own terms, or that nothing was.

        `picked` None: what was answered is not known, the marks alone count.
        """
        total = self.totals[person]
        x = earned / points if points else 0.0
        rest_of = total.out_of - points
        y = (total.score - earned) / rest_of if rest_of else 0.0
        tally = self._items.get(item)
        if tally is None:
            tally = self._items[item] = _Tally()
        tally.n += 1
        tally.x += x
        tally.xx += x * x
        tally.y += y
        tally.yy += y * y
        tally.xy += x * y
        tally.earned += earned
        tally.earned_squared += earned * earned
        tally.is_binary = tally.is_binary and (x == 0 or x == 1)
        share = total.share
        if share >= self._high_cut:
            tally.upper[0] += 1
            tally.upper[1] += x
        if share <= self._low_cut:
            tally.lower[0] += 1
            tally.lower[1] += x
        if picked is not None:
            group = self._group_of[share]
            tally.groups[group] += 1
            tally.blank[group] += is_blank
            for answer in picked:
                counts = tally.picks.get(answer)
                if counts is None:
                    counts = tally.picks[answer] = [0] * GROUPS
                counts[group] += 1
        mine = self._people[person]
        mine.n += 1
        mine.x += x
        mine.xx += x * x

    def items(self) -> list[ItemFigures]:
        """The figures of every item, in the order in which they came."""
        return [self._figures(item, tally) for item, tally in self._items.items()]

    def _figures(self, item: Any, t: _Tally) -> ItemFigures:
        enough = t.n >= FEWEST
        return ItemFigures(
            item=item,
            people=t.n,
            facility=t.x / t.n,
            spread=_deviation(t.n, t.x, t.xx),
            point_biserial=_correlation(t) if enough else None,
            upper_lower=t.upper[1] / t.upper[0] - t.lower[1] / t.lower[0]
            if enough and t.upper[0] and t.lower[0] and self._high_cut > self._low_cut
            else None,
            chosen={answer: _in_groups(counts, t.groups) for answer, counts in sorted(t.picks.items())},
            group_sizes=list(t.groups),
            no_answer=_in_groups(t.blank, t.groups),
        )

    def test(self) -> TestFigures:
        """The figures of the test.

        Raises:
            ValueError: nobody sat it.
        """
        if not self._shares:
            raise ValueError("nobody sat the test")
        percents = [share * 100 for share in self._shares]
        n = len(percents)
        spread = _deviation(n, sum(percents), sum(p * p for p in percents))
        reliability, kind = self._reliability()
        histogram = [0] * 10
        for percent in percents:
            histogram[min(int(percent // 10), 9)] += 1
        return TestFigures(
            people=n,
            mean=sum(percents) / n,
            median=median(percents),
            spread=spread,
            lowest=percents[0],
            highest=percents[-1],
            pass_rate=len(self.passed & self.totals.keys()) / n,
            reliability=reliability,
            reliability_kind=kind,
            standard_error=spread * math.sqrt(1 - min(max(reliability, 0.0), 1.0))
            if reliability is not None and spread is not None
            else None,
            histogram=histogram,
        )

    def _reliability(self) -> tuple[float | None, str]:
        n, k = len(self.totals), len(self._items)
        if n < FEWEST or k < 2:
            return None, ""
        if all(tally.n == n for tally in self._items.values()):
            return _alpha([total.score for total in self.totals.values()], self._items.values())
        return self._nested()

    def _nested(self) -> tuple[float | None, str]:
        people = [mine for mine in self._people.values() if mine.n > 1]
        if len(people) < FEWEST:
            return None, ""
        n = len(people)
        within = sum(_variance(mine.n, mine.x, mine.xx) for mine in people) / n
        means = [mine.x / mine.n for mine in people]
        between = _variance(n, sum(means), sum(m * m for m in means))
        error = within * sum(1 / mine.n for mine in people) / n  # σ²(i:p)/k, papers may differ in length
        return (max(between - error, 0.0) / between, "nested") if between > 0 else (None, "")


@dataclass(frozen=True)
class FormFigures:
    """One of several parallel papers. Without figures where fewer than FEWEST wrote it."""

    form: Any
    people: int
    items: int
    reliability: float | None
    reliability_kind: str  # "alpha", "kr20", "" when there is none
    standard_error: float | None  # in percent


class Forms:
    """Reliability of each parallel paper: marked items come one at a time, as to `Analysis`."""

    def __init__(self, totals: Mapping[Any, Total], form_of: Mapping[Any, Any]) -> None:
        self.totals, self.form_of = totals, form_of
        self._items: dict[Any, dict[Any, _Tally]] = defaultdict(lambda: defaultdict(_Tally))

    def add(self, person: Any, item: Any, *, earned: float, points: float) -> None:
        """One item of one person; nothing for who wrote none of the papers."""
        form = self.form_of.get(person)
        if form is None:
            return
        tally = self._items[form][item]
        tally.n += 1
        tally.earned += earned
        tally.earned_squared += earned * earned
        tally.is_binary = tally.is_binary and (earned == 0 or earned == points)

    def figures(self) -> list[FormFigures]:
        """One for each paper that somebody wrote, in their order."""
        wrote: dict[Any, list[Total]] = defaultdict(list)
        for person, form in self.form_of.items():
            wrote[form].append(self.totals[person])
        return [self._of(form, wrote[form]) for form in sorted(wrote)]

    def _of(self, form: Any, totals: list[Total]) -> FormFigures:
        n, items = len(totals), self._items[form]
        reliability, kind, error = None, "", None
        if n >= FEWEST and len(items) >= 2 and all(tally.n == n for tally in items.values()):
            reliability, kind = _alpha([total.score for total in totals], items.values())
        if reliability is not None:
            percents = [total.share * 100 for total in totals]
            spread = math.sqrt(max(_variance(n, sum(percents), sum(p * p for p in percents)), 0.0))
            error = spread * math.sqrt(1 - min(max(reliability, 0.0), 1.0))
        return FormFigures(form, n, len(items), reliability, kind, error)


def _alpha(scores: Sequence[float], items: Collection[_Tally]) -> tuple[float | None, str]:
    """Coefficient alpha of one paper that all wrote, and whether it is KR-20; none where all scores are alike."""
    n, k = len(scores), len(items)
    of_totals = _variance(n, sum(scores), sum(s * s for s in scores))
    if of_totals <= 0:
        return None, ""
    of_items = sum(_variance(t.n, t.earned, t.earned_squared) for t in items)
    return k / (k - 1) * (1 - of_items / of_totals), "kr20" if all(t.is_binary for t in items) else "alpha"


def _in_groups(counts: Sequence[int], sizes: Sequence[int]) -> list[float]:
    return [count / size if size else 0.0 for count, size in zip(counts, sizes, strict=True)]


def _variance(n: int, total: float, squares: float) -> float:
    """The sample variance (n − 1) from sums."""
    return max((squares - total * total / n) / (n - 1), 0.0) if n > 1 else 0.0


def _deviation(n: int, total: float, squares: float) -> float | None:
    return math.sqrt(_variance(n, total, squares)) if n > 1 else None


def _correlation(t: _Tally) -> float | None:
    across = t.xy - t.x * t.y / t.n
    x, y = t.xx - t.x * t.x / t.n, t.yy - t.y * t.y / t.n
    if x <= 1e-12 or y <= 1e-12:
        return None
    return max(min(across / math.sqrt(x * y), 1.0), -1.0)


# ---- similar wrong answers -----------------------------------------------------------------


@dataclass(frozen=True)
class Similarity:
    """Two people with the same wrong answers: a hint to look, never a verdict.

    `probability` is the chance that the one gives at least so many of the very wrong answers of the other, where
    they answer independently: the larger one of both ways round. `expected` is how many of the compared pairs would
    reach it by chance.
    """

    first: Any
    second: Any
    same_wrong: int
    both_wrong: int
    probability: float
    expected: float


def similarities(
    wrong: Mapping[Any, Mapping[Any, str]],
    rooms: Iterable[Sequence[Any]],
    *,
    at_most_expected: float = 0.05,
) -> list[Similarity]:
    """Pairs within one room whose wrong answers agree more than chance lets expect, the least probable first.

    `wrong`: person → item → the wrong answer given (right and empty answers are left out; they say
    nothing). The shares of each wrong answer come from everybody in `wrong`, other rooms and the two
    themselves too. An item that fewer than ten people have wrong is left out: its shares say nothing.
    How the probability comes about stands at the head of this file. Time grows with the square of a room, memory
    with its people.
    """
    rooms = list(rooms)
    pairs = sum(len(room) * (len(room) - 1) // 2 for room in rooms)
    if not pairs:
        return []
    counts: dict[Any, Counter] = defaultdict(Counter)
    for answers in wrong.values():
        for item, answer in answers.items():
            counts[item][answer] += 1
    sizes = {item: sum(counter.values()) for item, counter in counts.items()}
    share = {item: {answer: n / sizes[item] for answer, n in counts[item].items()} for item in counts if sizes[item] >= FEWEST}
    each = [(item, answer) for item, answers in share.items() for answer in answers]
    code = {one: number for number, one in enumerate(each)}
    rarity = [-math.log(share[item][answer]) for item, answer in each]
    # So many agreements are at least as probable as these very ones: whoever's are not rare enough is passed over quickly.
    enough = math.log(pairs / at_most_expected) - 1e-9
    found = []
    for room in rooms:
        said = {person: {code[one] for one in wrong.get(person, {}).items() if one in code} for person in room}
        for first, second in combinations(room, 2):
            agreed = said[first] & said[second]
            if not agreed or sum([rarity[one] for one in agreed]) < enough:
                continue
            mine, other, same = wrong[first], wrong[second], len(agreed)
            common = [item for item in mine.keys() & other.keys() if item in share]
            probability = max(at_least(same, [share[item][given[item]] for item in common]) for given in (mine, other))
            if probability * pairs <= at_most_expected:
                found.append(Similarity(first, second, same, len(common), probability, probability * pairs))
    return sorted(found, key=lambda pair: pair.probability)


def at_least(count: int, chances: Sequence[float]) -> float:
    """The probability of `count` or more successes in independent trials with these chances (Poisson binomial)."""
    if count <= 0:
        return 1.0
    if count > len(chances):
        return 0.0
    exactly = [1.0] + [0.0] * len(chances)
    for trial, chance in enumerate(chances, start=1):
        for successes in range(trial, 0, -1):
            exactly[successes] = exactly[successes] * (1 - chance) + exactly[successes - 1] * chance
        exactly[0] *= 1 - chance
    return min(sum(exactly[count:]), 1.0)
