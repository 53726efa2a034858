"""Papers: what the bank can serve, one person's paper, and how an item looks."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from django.core.cache import caches
from django.db.models import Avg, Count, Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from core.errors import Refused
from quizzes import kinds, rules, statistics
from quizzes.models import Attempt, AttemptItem, DrawRule, ItemMark, KnowledgePoint, PaperItem, Question, Quiz

T = TypeVar("T")


def draws_of(quiz: Quiz, below: dict[int | None, frozenset[int]] | None = None) -> list[rules.Draw]:
    """The draw rules of a quiz (its blueprint), in their order. Works on a quiz that a form holds and nobody saved yet.

    `below`: `_below` of its county, where that is at hand.
    """
    asked = sorted(quiz.draws.all(), key=lambda d: d.pk or 0)
    if below is None:
        below = _below([quiz.county_id]) if any(d.point_id for d in asked) else {}
    return [
        rules.Draw(
            kind=d.kind,
            count=d.count,
            points=d.points,
            difficulty=d.difficulty,
            point=d.point_id,
            below=below.get(d.point_id, frozenset()),
        )
        for d in asked
    ]


def _below(counties: Iterable[int]) -> dict[int | None, frozenset[int]]:
    """The knowledge points under each of these counties'. One query."""
    parents = dict(KnowledgePoint.objects.filter(county__in=counties).values_list("pk", "parent_id"))
    found: dict[int | None, set[int]] = defaultdict(set)
    for point in parents:
        above: int | None = parents[point]
        seen = {point}
        while above is not None and above not in seen:
            found[above].add(point)
            seen.add(above)
            above = parents.get(above)
    return {above: frozenset(points) for above, points in found.items()}


def candidates(quiz: Quiz, on: date | None = None, *, fresh: bool = False) -> list[rules.Candidate]:
    """The questions that a paper of this quiz may use (on a day, today). One query, four columns; three with a ceiling on uses.

    What is reserved for exams, or stands on a paper made for one, is for exams only. `fresh`: uses are counted now.
    """
    rows = Question.objects.drawable(on).filter(county=quiz.county_id, course_code__in=quiz.banks)
    if not quiz.is_exam:
        rows = rows.unreserved()
    exhausted = used_up(quiz, fresh=fresh) if quiz.most_uses else set()
    return [rules.Candidate(*row) for row in rows.values_list("pk", "kind", "difficulty", "point_id") if row[0] not in exhausted]


def used_up(quiz: Quiz, *, fresh: bool = False) -> set[int]:
    """Questions of the quiz's banks that stood on as many exam papers as it allows. Counted once a minute in each process, unless
    `fresh`: it reads every use.
    """
    key = f"used-up:{quiz.pk}:{quiz.most_uses}:{hash(tuple(quiz.banks))}"
    found = None if fresh else caches["local"].get(key)
    if found is None:
        found = _at_the_ceiling(quiz, question__county=quiz.county_id, question__course_code__in=quiz.banks)
        caches["local"].set(key, found, 60)
    return found


def used_up_of(quiz: Quiz, questions: Iterable[int]) -> set[int]:
    """Those of these questions, of whichever bank, that stood on as many exam papers as the quiz allows. Two queries; none without a ceiling."""
    return _at_the_ceiling(quiz, question__in=list(questions)) if quiz.most_uses else set()


def _at_the_ceiling(quiz: Quiz, **of: Any) -> set[int]:
    return {question for question, times in _uses(**of).items() if times >= quiz.most_uses}


def _uses(**of: Any) -> Counter[int]:
    """How often each of these questions was used: by one person's paper in an exam, or by a paper made beforehand that waits for its
    first candidate. Two queries."""
    begun = Attempt.objects.filter(paper=OuterRef("paper"))
    waiting = PaperItem.objects.filter(~Exists(begun), paper__quiz__is_exam=True, paper__withdrawn_at=None, **of)
    uses: Counter[int] = Counter()
    for items in (AttemptItem.objects.filter(attempt__quiz__is_exam=True, **of), waiting):
        uses.update(dict(items.order_by().values_list("question").annotate(Count("pk"))))
    return uses


def _uses_for(quizzes: list[Quiz], *, fresh: bool) -> Counter[int]:
    """How often the questions of those of these quizzes were used that have a ceiling, counted as in `used_up`. Two queries at most."""
    limited = [quiz for quiz in quizzes if quiz.most_uses]
    if not limited:
        return Counter()
    counties = sorted({quiz.county_id for quiz in limited})
    banks = sorted({bank for quiz in limited for bank in quiz.banks})
    key = f"uses:{hash((*counties, *banks))}"
    found = None if fresh else caches["local"].get(key)
    if found is None:
        found = _uses(question__county__in=counties, question__course_code__in=banks)
        caches["local"].set(key, found, 60)
    return found


def draw(quiz: Quiz, *, rng: random.Random, on: date | None = None) -> list[tuple[rules.Candidate, rules.Draw]]:
    """A paper's questions (of a day, today) with the draw that each comes from.

    Raises:
        Refused: no_draws; bank_cannot_serve, naming what is missing.
    """
    return _drawn(quiz, lambda draws: rules.draw(candidates(quiz, on), draws, rng), _("Please tell the trainer."))


def draw_parallel(quiz: Quiz, count: int, *, rng: random.Random) -> list[list[tuple[rules.Candidate, rules.Draw]]]:
    """So many papers that share no question and are as hard as each other, by what earlier people earned on each question.

    Raises: as `draw`.
    """
    marks = ItemMark.objects.standing().filter(item__question__county=quiz.county_id, fraction__isnull=False)
    counted = marks.order_by().values("item__question").annotate(people=Count("pk"), share=Avg("fraction"))
    facilities = {row["item__question"]: float(row["share"]) for row in counted if row["people"] >= statistics.FEWEST}
    known = [replace(candidate, facility=facilities.get(candidate.id)) for candidate in candidates(quiz, fresh=True)]
    return _drawn(quiz, lambda draws: rules.parallel(known, draws, count, rng), _("Add such questions, or change what the exam draws."))


def _drawn(quiz: Quiz, solve: Callable[[list[rules.Draw]], T], advice: str) -> T:
    draws = draws_of(quiz)
    if not draws:
        raise Refused(
            _("The quiz “%(title)s” draws no question yet. %(advice)s") % {"title": quiz.title, "advice": advice}, code="no_draws"
        )
    try:
        return solve(draws)
    except rules.CannotServe as error:
        raise Refused(
            _("The question bank of %(course)s cannot serve “%(title)s” now: %(missing)s. %(advice)s")
            % {
                "course": "、".join(quiz.banks),
                "title": quiz.title,
                "missing": "；".join(missing_in_words(error.lacks)),
                "advice": advice,
            },
            code="bank_cannot_serve",
        )


def missing_in_words(lacks: Iterable[rules.Lack]) -> list[str]:
    """Each draw that cannot be served, as a sentence."""
    lacks = list(lacks)
    points = dict(KnowledgePoint.objects.filter(pk__in=[lack.draw.point for lack in lacks if lack.draw.point]).values_list("pk", "name"))
    levels = dict(DrawRule._meta.get_field("difficulty").choices or [])
    lines = []
    for lack in lacks:
        what = [str(kinds.of(lack.draw.kind).label)]
        if lack.draw.difficulty:
            what.append(str(levels[lack.draw.difficulty]))
        if lack.draw.point:
            what.append(points.get(lack.draw.point, "?"))
        lines.append(
            _("%(what)s: %(count)d asked, %(fitting)d fit, %(missing)d missing")
            % {"what": " · ".join(what), "count": lack.draw.count, "fitting": lack.fitting, "missing": lack.missing}
        )
    return lines


def missing_for(quiz: Quiz, on: date | None = None) -> list[str]:
    """What the bank lacks to serve the quiz (on a day, today), in sentences; empty when it can."""
    try:
        rules.draw(candidates(quiz, on), draws_of(quiz), random.Random(0))  # noqa: S311 - whether, not which
    except rules.CannotServe as error:
        return missing_in_words(error.lacks)
    return []


def unserved(quizzes: QuerySet[Quiz], *, fresh: bool = False) -> list[tuple[Quiz, list[str]]]:
    """Those of these quizzes that nobody could begin today, each with why, in sentences. Exams are none of them: see `readiness.faults`.

    Four queries, however many there are, two more where one has a ceiling on uses (counted once a minute unless `fresh`), and one for
    each that lacks questions of a knowledge point.
    """
    several = list(quizzes.filter(is_exam=False).prefetch_related("draws"))
    counties = {quiz.county_id for quiz in several}
    rows = Question.objects.drawable().unreserved()
    rows = rows.filter(county__in=counties, course_code__in={bank for quiz in several for bank in quiz.banks})
    banks: dict[tuple[int, str], list[rules.Candidate]] = defaultdict(list)
    for county, course, *facts in rows.values_list("county", "course_code", "pk", "kind", "difficulty", "point_id"):
        banks[county, course].append(rules.Candidate(*facts))
    below = _below(counties)
    uses = _uses_for(several, fresh=fresh)
    found = []
    for quiz in several:
        draws, most = draws_of(quiz, below), quiz.most_uses
        pool = [one for bank in quiz.banks for one in banks[quiz.county_id, bank] if not most or uses[one.id] < most]
        try:
            rules.draw(pool, draws, random.Random(0))  # noqa: S311 - whether, not which
        except rules.CannotServe as error:
            found.append((quiz, missing_in_words(error.lacks)))
        else:
            if not draws:
                found.append((quiz, [_("it draws no question yet")]))
    return found


def lacks_by_key(keys: Iterable[str]) -> dict[str, list[str]]:
    """Key → why nobody could begin the quiz today, of those of these that are no exams and cannot be served. As `unserved`."""
    return {quiz.key: lines for quiz, lines in unserved(Quiz.objects.filter(key__in=keys), fresh=True)}


def freeze(attempt: Attempt, quiz: Quiz, *, rng: random.Random) -> None:
    """Write the items of a new attempt: those of its paper, or drawn for this person. Raises: Refused, like `draw`."""
    asked = list(attempt.paper.items.all()) if attempt.paper else _asked(draw(quiz, rng=rng))
    if quiz.shuffle_questions:
        rng.shuffle(asked)
    AttemptItem.objects.append(
        frozen(attempt, one, position=position, rng=rng, shuffle=quiz.shuffle_options) for position, one in enumerate(asked, start=1)
    )


def _asked(drawn: list[tuple[rules.Candidate, rules.Draw]]) -> list[PaperItem]:
    """What was drawn, as it stands in the bank now; nothing is written."""
    questions = Question.objects.in_bulk([candidate.id for candidate, _rule in drawn])
    return [PaperItem(question=questions[candidate.id], points=rule.points, **copied(questions[candidate.id])) for candidate, rule in drawn]


def copied(question: Question) -> dict[str, Any]:
    """What a paper keeps of a question."""
    facts = {name: getattr(question, name) for name in ("kind", "stem", "content", "key", "explanation", "source")}
    return {"question_version": question.version, **facts}


def frozen(attempt: Attempt, one: PaperItem, *, position: int, rng: random.Random, shuffle: bool) -> AttemptItem:
    """An item of a paper as one attempt keeps it, unsaved: in tokens of its own, with the key beside."""
    shown, key = one.item_kind.present(one.stem, one.content, one.key, rng=rng, shuffle=shuffle, policies=attempt.quiz.policies)
    return AttemptItem(
        attempt=attempt,
        position=position,
        question_id=one.question_id,
        question_version=one.question_version,
        kind=one.kind,
        points=one.points,
        shown=shown,
        key=key,
        explanation=one.explanation,
        source=one.source,
    )


@dataclass(frozen=True)
class ItemView:
    """One item as a page draws it. Holds nothing of the key."""

    pk: int | None
    position: int
    kind: kinds.ItemKind
    points: Any
    shown: dict
    fields: list[dict]
    seq: int  # of the answer that is shown; 0 when there is none
    is_answered: bool
    is_complete: bool

    @property
    def name(self) -> str:
        """The name of its form fields."""
        return f"r-{self.pk}"

    # Plain strings: a page of fifty questions would resolve each lazy text and {% blocktranslate %} anew.
    @property
    def title(self) -> str:
        return _("Question %(number)s") % {"number": self.position}

    @property
    def label(self) -> str:
        return str(self.kind.label)

    @property
    def worth(self) -> str:
        return _("%(points)s points") % {"points": f"{Decimal(self.points).normalize():f}"}

    @property
    def instruction(self) -> str:
        return str(self.kind.instruction_for(self.shown))


def view_of(item: AttemptItem, response: Any = None, seq: int = 0) -> ItemView:
    kind = item.item_kind
    return ItemView(
        pk=item.pk,
        position=item.position,
        kind=kind,
        points=item.points,
        shown=item.shown,
        fields=kind.fields(item.shown, response),
        seq=seq,
        is_answered=response is not None,
        is_complete=kind.is_complete(item.shown, response),
    )


def preview(question: Question) -> dict:
    """A question as learners will see it, and its result page, for the trainer's preview. Nothing is written."""
    kind = question.item_kind
    try:
        kind.check(question.stem, question.content, question.key)
    except kinds.Wrong as wrong:
        return {"wrong": str(wrong)}
    shown, key = kind.present(question.stem, question.content, question.key, rng=random.Random(question.code), shuffle=True)  # noqa: S311
    points = rules.decimal_text(kind.points_of(question.content))
    item = AttemptItem(pk=question.pk or 0, position=1, kind=question.kind, points=Decimal(points), shown=shown, key=key)
    return {"item": view_of(item), "kind": kind, "lines": kind.explain(shown, key, kind.right(shown, key)), "question": question}
