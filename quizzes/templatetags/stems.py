"""Texts of questions in templates: formulas, images and line breaks are drawn."""

from django import template

from quizzes import stems

register = template.Library()


@register.filter
def stem(text: str) -> str:
    """A text that fits into a line: a stem, an option, a pair."""
    return stems.html(str(text))


@register.filter
def stem_paragraphs(text: str) -> str:
    """A longer text: material, a sample answer."""
    return stems.paragraphs(str(text))


@register.filter
def stem_plain(text: str) -> str:
    """For labels, lists and titles, where only text can stand."""
    return stems.plain(str(text))
