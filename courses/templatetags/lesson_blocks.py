"""What block templates need: clean text, quiz addresses, marks in words."""

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from wagtail.rich_text import expand_db_html

from core.sanitize import clean
from courses import reading
from courses.slots import QUIZZES

register = template.Library()


@register.filter
def lesson_html(value) -> SafeString:
    """Rich text, cleaned when it is shown, whatever was stored; its headings follow the page's own h1."""
    html = clean(expand_db_html(getattr(value, "source", value) or ""))
    for old, new in (("h3", "h2"), ("h4", "h3")):
        html = html.replace(f"<{old}>", f"<{new}>").replace(f"</{old}>", f"</{new}>")
    return mark_safe(html)  # noqa: S308 - cleaned above


@register.filter
def quiz_title(key: str) -> str:
    return QUIZZES.title(key) or _("Quiz")


@register.filter
def quiz_terms(key: str) -> list[str]:
    return QUIZZES.terms(key)


@register.simple_tag
def quiz_address(key: str) -> str:
    return reading.quiz_url(key)


@register.filter
def right_count(options) -> int:
    """How many options of a self-check are right: one asks for a choice, more for ticks."""
    return sum(1 for option in options if option["correct"])


@register.filter
def under(row, columns):
    """The cells of a table's row, each with the heading that it stands under on a phone."""
    return zip((column["heading"] for column in columns), row, strict=False)


@register.filter
def file_kind(document) -> str:
    """PDF, 2.4 MB: what a link to a file says before it is followed."""
    size = document.get_file_size() or 0
    shown = f"{size / 2**20:.1f} MB" if size >= 2**20 else f"{max(1, size // 1024)} KB"
    return f"{document.file_extension.upper()}, {shown}"
