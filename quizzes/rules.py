"""Pure rules of quizzes: comparing what was typed, drawing a paper, deciding a pass.

No database, no clock; chance comes in as a seeded `random.Random`. What is special to one kind
of question stands in `kinds/`.
"""

import hashlib
import math
import random
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from itertools import chain, islice
from typing import Generic, TypeVar

T = TypeVar("T")
Key = TypeVar("Key", bound=Hashable)
LARGEST_ROOM = 500  # people; answers are compared within a room, pair by pair
UNMARKED = "M"  # of a question that nobody says they checked: somebody has to
HUNDREDTH = Decimal("0.01")
TEN_THOUSANDTH = Decimal("0.0001")
FOURTEEN_PLACES = Decimal("1e-14")  # as many as SQLite gives back

# ---- what was typed ------------------------------------------------------------------------

_DASHES = dict.fromkeys(map(ord, "-‐‑‒–—―−﹘﹣－⁃─━"), "-")
_DROPPED = dict.fromkeys(map(ord, '《》〈〉“”"「」『』'), None)
_TAIL = "。.,、;:!"
_DIGIT = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_UNIT = {"十": 10, "百": 100, "千": 1000}
_MYRIAD = {"万": 10**4, "亿": 10**8}
_NUMERALS = "零〇一二两三四五六七八九十廿卅百千万亿0-9"
_TENS = {ord("廿"): "二十", ord("卅"): "三十"}
# As on a cheque. Each of these is a word as well (大陆, 队伍, 收拾), so only several together that make one number are read.
_FINANCIAL = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟", "一二三四五六七八九十百千")
_CHEQUE = re.compile(rf"(?<![{_NUMERALS}])[零〇壹贰叁肆伍陆柒捌玖拾佰仟万亿]{{2,}}(?![{_NUMERALS}])")
# 百分之5 and 百分之0点5, when their numerals are Arabic; 几百分之一 is none, nor what goes on behind it.
_PERCENT = re.compile(r"(?<![几数好上成0-9])百分之(?:(百)|([0-9]{1,60})(?:[点.]([0-9]{1,60}))?)(?![0-9点.%分百])")
_NUMERAL = re.compile(rf"[{_NUMERALS}]+")
LONGEST_NUMERAL = 60  # Python makes no number of 5,000 digits
# 2.5万 is 25000; in 1,000.5万 the commas go first.
_DECIMAL = re.compile(rf"(?<![{_NUMERALS}.])(?:(?<![0-9],)|(?![0-9]{{3}}\.))([0-9]{{1,30}}\.[0-9]{{1,30}})(万亿|亿|万)(?![{_NUMERALS}])")

_GROUPED = re.compile(r"(?<![0-9,.])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")  # 1,000 is 1000; 1,2,300 is a list

_SUPERSCRIPT = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]+")  # 10² is not 102


def normalise(text: object, *, numerals: bool = True) -> str:
    """One spelling for what means the same when typed into a blank; without `numerals` Chinese ones stay as they are.

    Full and half width, letter case, white space, all dashes, 、 and ，, quotation and title marks,
    a closing 。, the commas of thousands (1,000) and Chinese numerals (二十 = 廿 = 20, 二〇一九 = 2019, 2.5万 = 25000, 贰拾伍 = 25,
    百分之五十 = 50%) do not count.
    Doing it twice changes nothing.
    """
    value, before = _fold(str(text), numerals), None
    while value != before:
        before, value = value, _fold(value, numerals)
    return value


def _fold(value: str, numerals: bool) -> str:
    value = unicodedata.normalize("NFKC", _SUPERSCRIPT.sub(r"^\g<0>", value)).casefold()
    value = "".join(letter for letter in value if not letter.isspace() and unicodedata.category(letter) not in {"Cf", "Cc"})
    value = value.translate(_DASHES).translate(_DROPPED)
    value = re.sub(r"-+", "-", value)
    if numerals:
        value = _GROUPED.sub(lambda run: run.group().replace(",", ""), value)  # first: in 1,000万 there is no 000万
        value = _DECIMAL.sub(lambda found: decimal_text(Fraction(found[1]) * _myriad(found[2]), EXACT), value)
        value = _CHEQUE.sub(lambda run: _of_a_cheque(run.group()), value)
        value = _NUMERAL.sub(lambda run: run.group() if _is_behind_point(run) else _arabic(run.group()), value)
        value = _PERCENT.sub(lambda found: ("100" if found[1] else ".".join(filter(None, found.groups()[1:]))) + "%", value)
    return value.replace(",", "、").rstrip(_TAIL)  # last: only a comma parts thousands, in 1、200 are two numbers


def _is_behind_point(run: re.Match) -> bool:
    """Whether these are the places of a decimal with a unit behind them: in 2.5千 there is no 5000."""
    return run.string[: run.start()].endswith(".") and run.group()[0].isascii()


def _myriad(units: str) -> int:
    return math.prod(_MYRIAD[unit] for unit in units)


def _of_a_cheque(run: str) -> str:
    """贰拾伍 as 25; what is no such number (大陆万 has one, 仟佰 none) stays as it is."""
    plain = run.translate(_FINANCIAL)
    read = _arabic(plain) if plain != run and any(letter in "十百千万亿" for letter in plain) else plain
    return read if read.isascii() else run


def _arabic(run: str) -> str:
    """A run of numerals in Arabic digits; what is no number (十百) stays as it is."""
    if run.isascii():
        return run
    written, run = run, run.translate(_TENS)
    if not any(letter in _UNIT or letter in _MYRIAD for letter in run):
        return "".join(str(_DIGIT.get(letter, letter)) for letter in run)
    total = _myriads(run) if len(run) <= LONGEST_NUMERAL else None
    return written if total is None else str(total)


def _myriads(run: str) -> int | None:
    for unit in ("亿", "万"):
        head, found, tail = run.partition(unit)
        if found:
            high = _myriads(head) if head else None
            low = _myriads(tail) if tail else 0
            if tail and len(tail) == 1:  # 二万五 is 25000 to some and 20005 to nobody: neither counts
                return None
            return None if high is None or low is None or low >= _MYRIAD[unit] else high * _MYRIAD[unit] + low
    return _below_myriad(run)


def _below_myriad(run: str) -> int | None:
    """一百零五 as 105; None for what is no number or could be two (一百二)."""
    total, last, digits, has_gap = 0, 10**4, "", False
    for letter in run:
        if letter in _UNIT:
            unit = _UNIT[letter]
            factor = int(digits) if digits else 1 if unit == 10 else 0
            if unit >= last or not 1 <= factor <= 9:
                return None
            total, last, digits, has_gap = total + factor * unit, unit, "", False
        elif letter in "零〇" and total and not digits:
            has_gap = True
        else:
            digits += str(_DIGIT.get(letter, letter))
    if digits:
        value = int(digits)
        if total and (value >= last or (last > 10 and not has_gap)):
            return None
        total += value
    return total


_NUMBER = re.compile(r"([-+]?)(\d{1,30}|\d{1,3}(?:,\d{3}){1,9})(\.\d{1,30})?(?:e([-+]?\d{1,2}))?(万|亿)?")


def number(text: object) -> Fraction | None:
    """A number as people type it: full width, 1,000 and 1，000, −3, 负三, 1.5e3, 二十, 1.5万; None for anything else. Exact."""
    if any(unicodedata.decomposition(letter).startswith(("<super>", "<sub>", "<circle>")) for letter in str(text)):
        return None  # 10² is not 102
    value = unicodedata.normalize("NFKC", str(text)).casefold()
    value = "".join(letter for letter in value if not letter.isspace()).translate(_DASHES)
    found = _NUMBER.fullmatch(value)
    if found:
        sign, whole, part, power, myriad = found.groups()
        size = Fraction(whole.replace(",", "") + (part or "")) * Fraction(10) ** int(power or 0) * _MYRIAD.get(myriad, 1)
        return -size if sign == "-" else size
    if value.startswith("负"):
        below = number(value[1:]) if value[1:2] not in {"负", "-", "+"} else None
        return None if below is None else -below
    value = value.translate(_FINANCIAL)
    value = "" if value.isascii() or not _NUMERAL.fullmatch(value) else _arabic(value)
    return Fraction(value) if value.isdecimal() and value.isascii() else None


EXACT = 200  # significant places: a decimal of `number`, times or through another, keeps every one of them


def decimal_text(value: Fraction, places: int = 12) -> str:
    """A number in digits, without an exponent, to so many significant places (`EXACT` rounds no decimal that somebody wrote)."""
    rounded = Context(prec=places).divide(Decimal(value.numerator), Decimal(value.denominator))
    text = f"{rounded:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# ---- drawing a paper -----------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """A question as drawing sees it. `facility` is the mean share that people earned on it so far, if enough sat it."""

    id: int
    kind: str
    difficulty: int
    point: int | None = None
    facility: float | None = None

    @property
    def easiness(self) -> float:
        """What to expect of it, 0 (nobody solves it) to 1: its facility, else by the trainer's estimate of its difficulty.

        The three values for the estimate are the middles of thirds; they only serve to deal alike to parallel papers.
        """
        return self.facility if self.facility is not None else {1: 5 / 6, 2: 1 / 2, 3: 1 / 6}[self.difficulty]


@dataclass(frozen=True)
class Draw:
    """So many of a kind, of this difficulty and of this knowledge point or those below it where given, for so many points each."""

    kind: str
    count: int
    points: Decimal
    difficulty: int | None = None
    point: int | None = None
    below: frozenset[int] = frozenset()  # the knowledge points under `point`

    def takes(self, candidate: Candidate) -> bool:
        return (
            candidate.kind == self.kind
            and self.difficulty in (None, candidate.difficulty)
            and (self.point is None or candidate.point == self.point or candidate.point in self.below)
        )


@dataclass(frozen=True)
class Lack:
    """A draw that the bank cannot serve: how many fit it, and how many are missing after the other draws took theirs."""

    draw: Draw
    fitting: int
    missing: int


class CannotServe(Exception):
    """The bank cannot serve the draws. `lacks` says what is missing, one entry a draw."""

    def __init__(self, lacks: list[Lack]) -> None:
        super().__init__(", ".join(f"{lack.draw.kind}: {lack.missing}" for lack in lacks))
        self.lacks = lacks


def draw(candidates: Iterable[Candidate], draws: Sequence[Draw], rng: random.Random) -> list[tuple[Candidate, Draw]]:
    """One question for every place that the draws ask for, none twice, in the order of the draws.

    Draws may overlap (five singles of any difficulty, two hard singles): when a plain choice leaves
    a place empty, earlier places give way (augmenting paths), so a paper is found whenever one exists.

    Raises:
        CannotServe: no paper exists; it carries what is missing.
    """
    chosen = _serve(candidates, draws, [rule.count for rule in draws], rng)
    return [(candidate, rule) for rule, taken in zip(draws, chosen, strict=True) for candidate in taken]


def _serve(candidates: Iterable[Candidate], draws: Sequence[Draw], counts: Sequence[int], rng: random.Random) -> list[list[Candidate]]:
    """For each draw its candidates. A maximum matching: places of one draw are alike, so paths run over draws, not places."""
    pool = sorted(candidates, key=lambda candidate: candidate.id)
    rng.shuffle(pool)
    fitting = [[candidate for candidate in pool if rule.takes(candidate)] for rule in draws]
    unseen = [iter(fits) for fits in fitting]  # who was free once and is held now never becomes free again
    held: list[list[Candidate]] = [[] for _rule in draws]
    taken: set[int] = set()
    missing = [0] * len(draws)
    for index, count in enumerate(counts):
        while len(held[index]) < count:
            if not _seat(index, draws, unseen, held, taken):
                missing[index] = count - len(held[index])
                break
    if any(missing):
        raise CannotServe([Lack(replace(rule, count=counts[i]), len(fitting[i]), missing[i]) for i, rule in enumerate(draws) if missing[i]])
    return held


def _seat(start: int, draws: Sequence[Draw], unseen: list[Iterator[Candidate]], held: list[list[Candidate]], taken: set[int]) -> bool:
    """Give one more candidate to the draw `start`, by the shortest chain in which others change places. False: there is none."""
    came: dict[int, tuple[int, int]] = {}  # draw → (the draw that wants one of its candidates, at which place it stands)
    queue = [start]
    for at in queue:
        free = next((candidate for candidate in unseen[at] if candidate.id not in taken), None)
        if free is not None:
            taken.add(free.id)
            while at != start:
                before, its_place = came[at]
                free, held[at][its_place] = held[at][its_place], free
                at = before
            held[start].append(free)
            return True
        for other in range(len(draws)):
            if other == start or other in came:
                continue
            place = next((n for n, candidate in enumerate(held[other]) if draws[at].takes(candidate)), None)
            if place is not None:
                came[other] = (at, place)
                queue.append(other)
    return False


def parallel(candidates: Iterable[Candidate], draws: Sequence[Draw], papers: int, rng: random.Random) -> list[list[tuple[Candidate, Draw]]]:
    """So many papers that share no question and are as hard as each other: the sums of expected points differ as little as dealing allows.

    Each draw is served for all papers at once and dealt in rounds of neighbours by easiness, each round
    to the papers that have had the harder share so far.

    Raises:
        CannotServe: what is missing for all papers together.
    """
    chosen = _serve(candidates, draws, [rule.count * papers for rule in draws], rng)
    made: list[list[tuple[Candidate, Draw]]] = [[] for _paper in range(papers)]
    expected = [0.0] * papers
    for rule, taken in zip(draws, chosen, strict=True):
        ranked = sorted(taken, key=lambda candidate: candidate.easiness)
        rounds = [ranked[at : at + papers] for at in range(0, len(ranked), papers)]
        # The rounds whose candidates differ most go first: the rest can still even them out.
        for dealt in sorted(rounds, key=lambda one: one[0].easiness - one[-1].easiness):
            behind = sorted(range(papers), key=lambda paper: (-expected[paper], rng.random()))
            for paper, candidate in zip(behind, dealt, strict=True):
                made[paper].append((candidate, rule))
                expected[paper] += candidate.easiness * float(rule.points)
    return made


# ---- entering a sitting ---------------------------------------------------------------------


@dataclass(frozen=True)
class Similar(Generic[Key]):
    """Two texts that share much. `share` is 1 when they read the same."""

    first: Key
    second: Key
    share: Fraction


def similar(
    texts: Mapping[Key, str], *, at_least: Fraction = Fraction(3, 4), to: Collection[Key] | None = None, most: int = 20
) -> list[Similar[Key]]:
    """Pairs of texts that share much, the most alike first; with `to` only pairs whose second is one of these.

    Alike is the Jaccard index of their pairs of neighbouring signs, width, case, blanks and punctuation left out.
    Two texts that are so alike must share one of their rarest pairs of signs, so only those are compared
    (prefix filtering: Chaudhuri, Ganti, Kaushik, ICDE 2006): ten thousand stems take seconds. A text is paired with
    `most` others at most, those that read the same before others, so that a bank of one stem with changing numbers
    gives a list that ends.
    """
    pairs_of = {key: _bigrams(letters(text)) for key, text in texts.items()}
    often = Counter(pair for pairs in pairs_of.values() for pair in pairs)
    holders: dict[str, list[Key]] = defaultdict(list)
    doubles: dict[frozenset[str], list[Key]] = defaultdict(list)
    asked = texts.keys() if to is None else set(to)
    found: list[Similar[Key]] = []
    for key in sorted(pairs_of, key=lambda key: key in asked):  # those that are only compared with come first
        mine = pairs_of[key]
        rarest = sorted(mine, key=lambda pair: (often[pair], pair))[: len(mine) - math.ceil(at_least * len(mine)) + 1] if mine else []
        if key in asked:
            candidates = chain(doubles[mine], chain.from_iterable(holders[pair] for pair in rarest if pair in holders))
            found += islice(_alike(key, candidates, pairs_of, at_least), most)
        if mine:
            doubles[mine].append(key)
        for pair in rarest:
            holders[pair].append(key)
    return sorted(found, key=lambda one: -one.share)


def _alike(key: Key, candidates: Iterable[Key], pairs_of: Mapping[Key, frozenset[str]], at_least: Fraction) -> Iterator[Similar[Key]]:
    mine, seen = pairs_of[key], set()
    part, whole = at_least.as_integer_ratio()  # in whole numbers: this is asked a million times
    for other in candidates:
        if other in seen:
            continue
        seen.add(other)
        theirs = pairs_of[other]
        if whole * len(theirs) < part * len(mine) or whole * len(mine) < part * len(theirs):
            continue
        shared = len(mine & theirs)
        together = len(mine) + len(theirs) - shared
        if whole * shared >= part * together:
            yield Similar(other, key, Fraction(shared, together))


def letters(text: str) -> str:
    """A text without width, case, blanks and punctuation, so that two that read alike are alike."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).lower() if sign.isalnum())


def _bigrams(text: str) -> frozenset[str]:
    return frozenset(text[place : place + 2] for place in range(max(len(text) - 1, 1))) if text else frozenset()


def lacks_source(mark: str, source: str) -> bool:
    """Whether a question is marked as read somewhere (V, S) and does not say where, so that nobody can look it up."""
    return mark in {"V", "S"} and not source.strip()


def admission_delay(sitting: int, person: int, spread_seconds: int) -> timedelta:
    """How long after the opening this person is let in: the same whenever it is asked, spread evenly over all people.

    Nobody can choose it, and no server has to remember it.
    """
    if not spread_seconds:
        return timedelta(0)
    digest = hashlib.sha256(f"{sitting}:{person}".encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:4], "big") * spread_seconds // 2**32)


def apart(groups: Iterable[Sequence[T]]) -> list[T]:
    """All members in a row so that neighbours come from different groups, wherever that is possible at all."""
    queue = [member for group in sorted(groups, key=len, reverse=True) for member in group]
    row = list(queue)
    half = (len(queue) + 1) // 2
    row[::2], row[1::2] = queue[:half], queue[half:]
    return row


# ---- points and the pass -------------------------------------------------------------------


def stored(fraction: Fraction) -> Decimal:
    """A share of 0 to 1 as figures want it: four places."""
    return (Decimal(fraction.numerator) / Decimal(fraction.denominator)).quantize(TEN_THOUSANDTH, ROUND_HALF_UP)


def kept(fraction: Fraction) -> Decimal:
    """A share that people settled, as it is kept: fourteen places, from which `restored` makes it again."""
    return (Decimal(fraction.numerator) / Decimal(fraction.denominator)).quantize(FOURTEEN_PLACES, ROUND_HALF_UP)


def restored(kept: Decimal) -> Fraction:
    """The share itself, exactly, where its denominator is at most 2,000,000: the mean of two markers, on ten criteria of up to 1000.00
    points each. Two such shares lie further apart than fourteen places can blur; points are rounded once, of the share itself."""
    return Fraction(kept).limit_denominator(2_000_000)


def earned(fraction: Fraction, points: Decimal) -> Decimal:
    """Points for a share of an item, to the hundredth, half up."""
    return (Decimal(fraction.numerator) * points / Decimal(fraction.denominator)).quantize(HUNDREDTH, ROUND_HALF_UP)


def percent(score: Decimal, out_of: Decimal) -> Decimal:
    """Score in percent, cut (not rounded) to two places: what reads 80.00 is a pass at 80. Nothing to earn is 0."""
    return (score * 100 / out_of).quantize(HUNDREDTH, ROUND_DOWN) if out_of else Decimal("0.00")


def passes(score: Decimal, out_of: Decimal, pass_percent: int) -> bool:
    """Whether the score reaches the pass mark; decided on exact decimals, never on a rounded percentage."""
    return bool(out_of) and score * 100 >= out_of * pass_percent


def settled(shares: Sequence[Fraction], *, markers: int, difference: Fraction) -> Fraction | None:
    """The share that stands after these ratings, in their order; None while another marker is needed.

    One marker: theirs. Two: the mean when they differ by no more than `difference`, else a third
    one's share stands as it is.
    """
    if len(shares) < markers:
        return None
    if markers == 1:
        return shares[0]
    if len(shares) > markers:
        return shares[-1]
    return sum(shares, start=Fraction(0)) / len(shares) if max(shares) - min(shares) <= difference else None
