"""The kinds of questions, for templates."""

from django import template

from quizzes import kinds

register = template.Library()


@register.simple_tag
def item_kinds() -> list[kinds.ItemKind]:
    return kinds.every()
