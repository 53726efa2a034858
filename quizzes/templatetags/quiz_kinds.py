"""The kinds of questions, for templates."""

from decimal import Decimal
from fractions import Fraction

from django import template

from quizzes import analysis, kinds, rules
from quizzes.kinds.case import PartShown
from quizzes.models import Question
from quizzes.permissions import counties_of
from quizzes.services import bank

register = template.Library()


@register.simple_tag
def item_kinds() -> list[kinds.ItemKind]:
    return kinds.every()


@register.simple_tag
def standing_of(question: Question) -> analysis.Standing:
    return analysis.of_question(question)


@register.simple_tag
def course_codes(user) -> list[str]:
    """The banks on which the user works."""
    return list(bank.course_codes(counties_of(user)))


@register.filter
def earned_of(part: PartShown, points: Decimal | str) -> Decimal | None:
    """What a part earned of the points of the whole; None while a person has yet to mark it."""
    return None if part.share is None else rules.earned(part.weight * part.share, Decimal(points))


@register.filter
def of_points(weight: Fraction, points: Decimal | str) -> str:
    """What a part is worth of the points of the whole: 2.5."""
    return f"{rules.earned(weight, Decimal(points)).normalize():f}"
