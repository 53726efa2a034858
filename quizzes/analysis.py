"""Item and test analysis of a quiz or of one sitting: streams the marks, keeps small tallies.

Each person counts once, with the first attempt: later ones were practised. Only complete markings
count, and of each the one that stands. Of what was written on paper the marks are known and nothing
else: it counts in scores and indices, not among the answers and not in the time used.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from math import sqrt
from statistics import median
from typing import Any

from django.db import connection
from django.db.models import Avg, Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from people.models import Unit
from quizzes import kinds, rules, statistics
from quizzes.models import Analysis, Answer, Attempt, AttemptItem, ItemMark, Marking, Question, Quiz, Sitting, Submission
from quizzes.services import keys

METHOD = 3  # how the figures of `compute` come about; those of another number are to be made anew
CHUNK = 5000
SAMPLES = 1000  # answers to parts of cases that are looked at together
FEWEST_SHOWN = 5  # people of one organ below whom its figures would tell of persons
ELSEWHERE, TOGETHER = "~elsewhere", "~together"  # lines of the table by unit that are no organ; they sort last
LONGEST_GAP = 30 * 60  # seconds; a longer pause before an answer is no time spent on it


def first_markings(quiz: Quiz, sitting: Sitting | None = None) -> QuerySet[Marking]:
    """The markings that an analysis counts."""
    attempts = Attempt.objects.counted().filter(quiz=quiz, **({"sitting": sitting} if sitting else {}))
    handed_in = attempts.filter(submission__isnull=False)
    earlier = handed_in.filter(person=OuterRef("submission__attempt__person"), pk__lt=OuterRef("submission__attempt"))
    return Marking.objects.current().filter(~Exists(earlier), is_complete=True, submission__attempt__in=attempts)


def compute(quiz: Quiz, sitting: Sitting | None = None) -> dict[str, Any]:
    """All figures as JSON. Memory grows with people and items, not with marks; eleven queries, and in a sitting three for each
    thousand different answers to parts of cases.

    {"people": 0} when nobody has been marked completely.
    """
    markings = first_markings(quiz, sitting)
    rows = list(
        markings.values_list(
            "pk",
            "submission__attempt",
            "score",
            "out_of",
            "passed",
            "submission__attempt__unit__path",
            "submission__attempt__paper__label",
            "submission__cause",
            "submission__attempt__started_at",
            "submission__at",
        )
    )
    if not rows:
        return {"people": 0}
    totals = {attempt: statistics.Total(float(score), float(out_of)) for _pk, attempt, score, out_of, *_rest in rows}
    analysis = statistics.Analysis(totals, passed=[attempt for _pk, attempt, _s, _o, passed, *_rest in rows if passed])
    form_of = {attempt: label for _pk, attempt, _s, _o, _passed, _path, label, *_rest in rows if label}
    forms = statistics.Forms(totals, form_of)
    on_paper = {attempt for _pk, attempt, *_rest, cause, _from, _until in rows if cause == Submission.Cause.PAPER}
    cleared = set(
        Answer.objects.filter(response__isnull=True, attempt__in=markings.values("submission__attempt")).values_list("pk", flat=True)
    )
    wrong = WrongAnswers()
    samples: dict[tuple[int, int], int] = {}  # of each version of a question one item that somebody saw
    for attempt, question, version, item, kind, answer, earned, points, fraction, picked in _marks(markings):
        samples[question, version] = item
        is_known = attempt not in on_paper
        is_blank = not picked and (answer is None or answer in cleared)
        analysis.add(
            attempt,
            (question, version),
            earned=float(earned),
            points=float(points),
            picked=picked if is_known else None,
            is_blank=is_blank,
        )
        if form_of:
            forms.add(attempt, (question, version), earned=float(earned), points=float(points))
        if sitting is not None and picked and is_known and fraction < 1:
            wrong.add(attempt, (question, version), kind, picked, item=item, answer=answer)
    seconds = _seconds(markings)
    test = analysis.test()
    similar, too_large = _similar(wrong.settled(), sitting) if sitting is not None else ([], {})
    return {
        "method": METHOD,
        "people": test.people,
        "test": asdict(test) | {"minutes": _minutes(rows)},
        "forms": [asdict(form) for form in forms.figures()],
        "items": _items(analysis, seconds, samples),
        "units": _units(rows, quiz.county),
        "similar": [asdict(pair) for pair in similar],
        "too_large": too_large,
    }


def _marks(markings: QuerySet[Marking]) -> Iterator[tuple]:
    found = (
        ItemMark.objects.filter(marking__in=markings)
        .order_by()
        .values_list(
            "marking__submission__attempt",
            "item__question",
            "item__question_version",
            "item",
            "item__kind",
            "answer",
            "earned",
            "item__points",
            "fraction",
            "picked",
        )
        .iterator(chunk_size=CHUNK)
    )
    return ((*mark, _folded(picked)) for *mark, picked in found)


def _folded(picked: list[str]) -> list[str]:
    """Stored codes in the spelling that `rules.normalise` gives now: earlier marks kept typed text with a comma where it writes 、.
    No other code has one."""
    return [code.replace(",", "、") for code in picked]


@dataclass
class WrongAnswers:
    """What people answered wrongly: person → (question, its version, part) → the codes.

    An item that did not earn all is wrong, whole. Of a case each part is a question of its own: the case may have lost its points
    elsewhere, so whether an answer to a part is wrong is looked up, once for all who gave it.
    """

    given: dict[int, dict[tuple, str]] = field(default_factory=lambda: defaultdict(dict))
    doubtful: dict[tuple[tuple, str], tuple[int, int]] = field(default_factory=dict)  # answer to a part → an item and its answer

    def add(self, person: int, question: tuple[int, int], kind: str, picked: Sequence[str], *, item: int, answer: int) -> None:
        """An answer that did not earn all, in the codes of `kinds.picked`."""
        if kinds.of(kind).shape != "parts":
            self.given[person][*question, 0] = "|".join(picked)
            return
        parts = defaultdict(list)
        for code in picked:
            number, _colon, inner = code.partition(":")
            parts[int(number) - 1].append(inner)
        for part, codes in parts.items():
            place, said = (*question, part), "|".join(codes)
            self.given[person][place] = said
            self.doubtful.setdefault((place, said), (item, answer))

    def settled(self) -> dict[int, dict[tuple, str]]:
        """Without the answers to parts of cases that are right. Three queries for each thousand different ones."""
        right = set()
        looking = iter(self.doubtful.items())
        while some := dict(islice(looking, SAMPLES)):
            items = AttemptItem.objects.in_bulk({item for item, _answer in some.values()})
            responses = Answer.objects.in_bulk({answer for _item, answer in some.values()})
            standing = keys.standing(items.values())
            for (place, said), (item, answer) in some.items():
                shares = items[item].item_kind.mark_parts(standing[item].key, responses[answer].response)
                if shares[place[-1]][1] == 1:
                    right.add((place, said))
        return {
            person: {place: said for place, said in answers.items() if (place, said) not in right} for person, answers in self.given.items()
        }


SPENT = """
    SELECT item.question_id, item.question_version, SUM(CASE WHEN act.gap BETWEEN 0 AND %s THEN act.gap ELSE 0 END),
           COUNT(DISTINCT act.attempt_id)
    FROM (SELECT answer.item_id, answer.attempt_id, {gap} AS gap
          FROM (SELECT item_id, attempt_id, at, LAG(at) OVER (PARTITION BY attempt_id ORDER BY seq) AS before
                FROM quizzes_answer WHERE attempt_id IN ({attempts})) AS answer
          JOIN quizzes_attempt AS attempt ON attempt.id = answer.attempt_id) AS act
    JOIN quizzes_attemptitem AS item ON item.id = act.item_id
    GROUP BY item.question_id, item.question_version
"""
GAP = {
    "postgresql": "EXTRACT(EPOCH FROM answer.at - COALESCE(answer.before, attempt.started_at))::float8",
    "sqlite": "ROUND((JULIANDAY(answer.at) - JULIANDAY(COALESCE(answer.before, attempt.started_at))) * 86400, 3)",
}


def _seconds(markings: QuerySet[Marking]) -> dict[tuple[int, int], float]:
    """Mean seconds spent on each item: the time since the act before it (or the start), summed for each person. One query.

    What the server saw; reading ahead is not seen, and a pause of over half an hour is left out.
    """
    attempts, values = markings.order_by().values("submission__attempt").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(SPENT.format(gap=GAP[connection.vendor], attempts=attempts), [LONGEST_GAP, *values])
        return {(question, version): spent / people for question, version, spent, people in cursor}


def _minutes(rows: list[tuple]) -> float | None:
    """The median of the minutes from start to end; None where everybody wrote on paper: when each began is not known then."""
    used = [(ended - started).total_seconds() / 60 for *_rest, cause, started, ended in rows if cause != Submission.Cause.PAPER]
    return median(used) if used else None


def _items(analysis: statistics.Analysis, seconds: dict[tuple[int, int], float], samples: dict[tuple[int, int], int]) -> list[dict]:
    figures = analysis.items()
    shown = AttemptItem.objects.in_bulk(samples.values())
    standing = keys.standing(shown.values())
    questions = Question.objects.in_bulk({item.item[0] for item in figures})
    found = []
    for item in figures:
        pk, version = item.item
        question = questions[pk]
        paper = shown[samples[item.item]]
        picks = paper.item_kind.picks(paper.shown, paper.key, standing[paper.pk].key)
        found.append(
            {
                **asdict(item),
                "item": pk,
                "version": version,
                "code": question.code,
                "stem": paper.shown.get("stem", question.stem)[:80],
                "seconds": seconds.get((pk, version)),
                "texts": {pick.code: pick.text[:80] for pick in picks},
                "right": [pick.code for pick in picks if pick.is_right],
            }
        )
    return sorted(found, key=lambda one: (one["code"], one["version"]))


def _units(rows: list[tuple], county: Unit) -> list[dict]:
    """People, passes and mean by organ of the county, in tree order; other counties as one line.

    Organs of fewer than FEWEST_SHOWN people are told together, with the next smallest where they are too few still:
    the mean of one person is that person's score, and so is what is left when all others are taken from the whole.
    """
    tally: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for _pk, _attempt, score, out_of, passed, path, *_rest in rows:
        key = path[: Unit.steplen * 2] if path and path.startswith(county.path) else ELSEWHERE
        mine = tally[key]
        mine[0] += 1
        mine[1] += passed
        mine[2] += float(score) / float(out_of) * 100 if out_of else 0
    together = [0, 0, 0.0]
    while tally and (min(people for people, *_rest in tally.values()) < FEWEST_SHOWN or 0 < together[0] < FEWEST_SHOWN):
        smallest = tally.pop(min(tally, key=lambda key: tally[key][0]))
        together = [mine + more for mine, more in zip(together, smallest, strict=True)]
    if together[0]:
        tally[TOGETHER] = together
    names = dict(Unit.objects.filter(path__in=tally).values_list("path", "name"))
    return [
        {"unit": names.get(path, path), "people": people, "passed": passed, "mean": total / people}
        for path, (people, passed, total) in sorted(tally.items())
    ]


def _similar(wrong: dict[int, dict[tuple, str]], sitting: Sitting) -> tuple[list[statistics.Similarity], dict[str, int]]:
    """The pairs, and how many people sat in each room that is too large to be compared pair by pair."""
    room_of = dict(sitting.candidates.exclude(room="").values_list("person", "room"))
    rooms: dict[str, list[int]] = defaultdict(list)
    people: dict[str, set[int]] = defaultdict(set)  # some sat twice, or went on on paper
    for attempt, person in Attempt.objects.filter(sitting=sitting).in_order().values_list("pk", "person"):
        if person in room_of:
            rooms[room_of[person]].append(attempt)
            people[room_of[person]].add(person)
    too_large = {room: len(sat) for room, sat in sorted(people.items()) if len(sat) > rules.LARGEST_ROOM}
    compared = [[attempt for attempt in sat if attempt in wrong] for room, sat in rooms.items() if room not in too_large]
    return statistics.similarities(wrong, compared), too_large


@dataclass(frozen=True)
class Standing:
    """What is known of one question of the bank: papers that it stood on, mean percent earned, point-biserial, and where that is from."""

    uses: int
    percent: float | None
    discrimination: float | None
    quiz: Quiz | None


def of_question(question: Question) -> Standing:
    """The question's use, and its discrimination by the latest analysis that has this version. Four queries."""
    marks = ItemMark.objects.standing().filter(item__question=question)
    facility = marks.aggregate(mean=Avg("fraction"))["mean"]
    uses = AttemptItem.objects.filter(question=question).count()
    percent = None if facility is None else float(facility) * 100
    made = Analysis.objects.filter(quiz__county=question.county_id, figures__isnull=False).select_related("quiz").defer("figures")
    recent = [one for one in made.order_by("-made_at")[:100] if question.course_code in one.quiz.banks][:3]
    for analysis in Analysis.objects.filter(pk__in=[one.pk for one in recent]).select_related("quiz").order_by("-made_at"):
        for item in (analysis.figures or {}).get("items", []):
            if (item["item"], item["version"]) == (question.pk, question.version):
                return Standing(uses, percent, item["point_biserial"], analysis.quiz)
    return Standing(uses, percent, None, None)


def unit_in_words(unit: str) -> str:
    """The name of a line of the table by unit."""
    return {ELSEWHERE: _("Other counties"), TOGETHER: _("Small units together")}.get(unit, unit)


def advice(item: dict) -> str:
    """What the indices of an item say to look at: "key", "easy", "hard", "flat", or "" when nothing.

    The bounds are the usual ones of Ebel (1972): discrimination of 0.20 and more is acceptable, below 0 the key is
    suspect, here only where it is further below than chance goes: by more than twice 1/√(n−1), the standard error of a
    correlation of n people where nothing is associated (Pitman, Suppl. J. R. Stat. Soc. 4 (1937)). Of few people
    nothing is said: one wrong answer would make a question too hard.
    """
    if item["people"] < statistics.FEWEST:
        return ""
    facility, discrimination = item["facility"], item["point_biserial"]
    if discrimination is not None and discrimination < -2 / sqrt(item["people"] - 1):
        return "key"
    if facility >= 0.95:
        return "easy"
    if facility <= 0.2:
        return "hard"
    if discrimination is not None and discrimination < 0.2:
        return "flat"
    return ""


def newest_marking_at(quiz: Quiz, sitting: Sitting | None = None) -> datetime | None:
    """When the newest marking that counts was made: an analysis from before it is out of date."""
    return first_markings(quiz, sitting).order_by("-at").values_list("at", flat=True).first()
