"""Papers: what the bank can serve, one person's paper, and how an item looks."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from core.errors import Refused
from quizzes import kinds, rules
from quizzes.models import Attempt, AttemptItem, DrawRule, KnowledgePoint, Question, Quiz


def draws_of(quiz: Quiz) -> list[rules.Draw]:
    """The draw rules of a quiz, in their order. Works on a quiz that a form holds and nobody saved yet."""
    return [
        rules.Draw(kind=d.kind, count=d.count, points=d.points, difficulty=d.difficulty, point=d.point_id)
        for d in sorted(quiz.draws.all(), key=lambda d: d.pk or 0)
    ]


def candidates(quiz: Quiz) -> list[rules.Candidate]:
    """The questions that a paper of this quiz may use. One query, four columns."""
    rows = Question.objects.drawable().filter(county=quiz.county_id, course_code=quiz.course_code)
    return [rules.Candidate(*row) for row in rows.values_list("pk", "kind", "difficulty", "point_id")]


def draw(quiz: Quiz, *, rng: random.Random) -> list[tuple[rules.Candidate, rules.Draw]]:
    """A paper's questions with the draw that each comes from.

    Raises:
        Refused: no_draws; bank_cannot_serve, naming what is missing.
    """
    draws = draws_of(quiz)
    if not draws:
        raise Refused(_("The quiz “%(title)s” draws no question yet. Please tell the trainer.") % {"title": quiz.title}, code="no_draws")
    try:
        return rules.draw(candidates(quiz), draws, rng)
    except rules.CannotServe as error:
        raise Refused(
            _("The question bank of %(course)s cannot serve “%(title)s” now: %(missing)s. Please tell the trainer.")
            % {"course": quiz.course_code, "title": quiz.title, "missing": "；".join(missing_in_words(error.lacks))},
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


def missing_for(quiz: Quiz) -> list[str]:
    """What the bank lacks to serve the quiz now, in sentences; empty when it can."""
    try:
        rules.draw(candidates(quiz), draws_of(quiz), random.Random(0))  # noqa: S311 - whether, not which
    except rules.CannotServe as error:
        return missing_in_words(error.lacks)
    return []


def freeze(attempt: Attempt, quiz: Quiz, *, rng: random.Random) -> list[AttemptItem]:
    """Draw and write the items of a new attempt. Raises: Refused, like `draw`."""
    drawn = draw(quiz, rng=rng)
    if quiz.shuffle_questions:
        rng.shuffle(drawn)
    questions = Question.objects.in_bulk([candidate.id for candidate, _rule in drawn])
    items = []
    for position, (candidate, rule) in enumerate(drawn, start=1):
        question = questions[candidate.id]
        shown, key = question.item_kind.present(
            question.stem, question.content, question.key, rng=rng, shuffle=quiz.shuffle_options, policies=quiz.policies
        )
        items.append(
            AttemptItem(
                attempt=attempt,
                position=position,
                question=question,
                question_version=question.version,
                kind=question.kind,
                points=rule.points,
                shown=shown,
                key=key,
                explanation=question.explanation,
                source=question.source,
            )
        )
    return AttemptItem.objects.bulk_create(items)


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

    @property
    def instruction(self) -> Any:
        return self.kind.instruction_for(self.shown)

    @property
    def points_shown(self) -> str:
        return f"{Decimal(self.points).normalize():f}"


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
    item = AttemptItem(pk=question.pk or 0, position=1, kind=question.kind, points=1, shown=shown, key=key)
    return {"item": view_of(item), "kind": kind, "lines": kind.explain(shown, key, kind.right(shown, key)), "question": question}
