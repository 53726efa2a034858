"""Practice: one question at a time from a course's bank, with feedback at once, as often as one likes.

Nothing is recorded but, in the session, what was asked lately and how it went. The page carries a
signed word for question, version and seed; from these the same paper of one question is laid out again
to mark the answer. What is for exams is never asked, and nobody practises a course while one of its
quizzes is open: the feedback would be its key.
"""

import random
import secrets
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from django.core import signing
from django.utils.translation import gettext as _

from core.errors import Refused
from courses.models import Course
from people.models import Person
from quizzes import kinds
from quizzes.models import AttemptItem, Question
from quizzes.services import keys, papers

SALT = "practice"
A_DAY = 24 * 60 * 60
RECENT = 30


@dataclass(frozen=True)
class Asked:
    """A question laid out for practice. `word` lets it be laid out the same way again; it tells nothing."""

    question: Question
    shown: dict
    key: Any
    word: str

    @property
    def item(self) -> papers.ItemView:
        return papers.view_of(self._item)

    @property
    def _item(self) -> AttemptItem:
        return AttemptItem(pk=self.question.pk, position=1, kind=self.question.kind, points=1, shown=self.shown, key=self.key)


@dataclass(frozen=True)
class Feedback:
    share: Fraction
    lines: list
    is_answered: bool


def ask(*, person: Person, course: Course, recent: list[int], at: datetime) -> Asked | None:
    """A question that was not asked lately, if there is another; None when the bank has nothing to practise. Three queries.

    Raises:
        Refused: quiz_open.
    """
    _refuse_during_a_quiz(person, course, at)
    rows = Question.objects.drawable().unreserved().filter(county=course.county_id, course_code=course.code)
    ids = list(rows.values_list("pk", flat=True))
    fresh = [pk for pk in ids if pk not in recent] or ids
    random.SystemRandom().shuffle(fresh)
    for pk in fresh[:20]:
        asked = _lay_out(Question.objects.get(pk=pk), secrets.token_hex(8))
        if kinds.mark(asked.question.kind, asked.key, asked.question.item_kind.right(asked.shown, asked.key)) is not None:
            return asked  # what people have to mark gives no feedback at once
    return None


def again(*, person: Person, course: Course, word: str, at: datetime) -> Asked:
    """The question of a page, laid out as it was.

    Raises:
        Refused: gone (the word is too old or not ours, or the question changed meanwhile), quiz_open.
    """
    _refuse_during_a_quiz(person, course, at)
    gone = Refused(_("This question has changed or is no longer here. Take the next one."), code="gone")
    try:
        pk, version, seed = signing.loads(word, salt=SALT, max_age=A_DAY)
    except signing.BadSignature as error:
        raise gone from error
    rows = Question.objects.drawable().unreserved().filter(county=course.county_id, course_code=course.code)
    question = rows.filter(pk=pk, version=version).first()
    if question is None:
        raise gone
    return _lay_out(question, seed)


def feedback(asked: Asked, response: Any) -> Feedback:
    """How an answer does. A response that cannot be read counts as none."""
    kind = asked.question.item_kind
    try:
        read = kind.read(asked.shown, response)
    except kinds.Malformed:
        read = None
    share = kinds.mark(asked.question.kind, asked.key, read)
    return Feedback(share or Fraction(0), kind.explain(asked.shown, asked.key, read), read is not None)


def _lay_out(question: Question, seed: str) -> Asked:
    shown, key = question.item_kind.present(
        question.stem,
        question.content,
        question.key,
        rng=random.Random(f"{question.pk}:{question.version}:{seed}"),  # noqa: S311 - an order, no secret
        shuffle=True,
    )
    return Asked(question, shown, key, signing.dumps([question.pk, question.version, seed], salt=SALT))


def _refuse_during_a_quiz(person: Person, course: Course, at: datetime) -> None:
    if keys.running_on([course.code], person=person, county=course.county_id, at=at):
        raise Refused(_("You have a quiz of this course open. Practise when you have handed it in."), code="quiz_open")
