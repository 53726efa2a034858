"""Small things that templates of every app need: icons, form fields, figures, highlighted finds."""

from decimal import Decimal

from django import template
from django.conf import settings
from django.forms import BoundField
from django.forms.widgets import CheckboxInput, CheckboxSelectMultiple, ClearableFileInput, FileInput, RadioSelect, Select
from django.templatetags.static import static
from django.urls import get_urlconf
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from core import figures
from core.look import Look
from core.text import highlighted

register = template.Library()
_kept: dict[tuple, str] = {}
_sprite_url: str | None = None
KEPT_AT_MOST = 2000


class KeptNode(template.Node):
    def __init__(self, name: str, vary: list, nodelist) -> None:
        self.name, self.vary, self.nodelist = name, vary, nodelist

    def render(self, context) -> str:
        key = (self.name, get_language(), get_urlconf(), *(str(value.resolve(context)) for value in self.vary))
        found = _kept.get(key)
        if found is None:
            found = self.nodelist.render(context)
            if not settings.DEBUG and len(_kept) < KEPT_AT_MOST:
                _kept[key] = found
        return found


@register.tag
def kept(parser, token):
    """{% kept "name" a b %}…{% endkept %}: rendered once in this process for each language and each a, b.

    For pieces of the frame that stand on every page. What is inside may depend on nothing else:
    never on a person, a path or a token.
    """
    name, *vary = token.split_contents()[1:]
    nodelist = parser.parse(("endkept",))
    parser.delete_first_token()
    return KeptNode(name, [parser.compile_filter(one) for one in vary], nodelist)


def _sprite() -> str:
    global _sprite_url
    if _sprite_url is None or settings.DEBUG:
        _sprite_url = static("vendor/icons/icons.svg")
    return _sprite_url


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """One icon of static/vendor/icons (names: LOCK.json). Decoration unless it is given a label."""
    href = f"{_sprite()}#{name}"
    if label:
        return format_html('<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>', label, href)
    return format_html('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"></use></svg>', href)


@register.simple_tag(takes_context=True)
def look_of(context) -> Look:
    """The reader's modes, from the cookie; the plain look where there is no request."""
    request = context.get("request")
    return Look.read(request.COOKIES) if request is not None else Look()


@register.filter
def figure(value) -> str:
    """Hours or a score as they read everywhere: 7.50 → 7.5, 91.666 → 91.66, 10.00 → 10; nothing for None."""
    return "" if value is None or value == "" else figures.figure(value)


register.filter("hours", figure)


@register.filter
def percent(value) -> str:
    """A share in per cent as it reads everywhere: 91.666 → 91.66%, 80.00 → 80%; a dash for None."""
    return "—" if value is None or value == "" else figures.percent(value)


@register.filter
def percent_of(value, whole) -> int:
    """Whole percent, 0 to 100, never rounded up to 100: 99.6 % done is not done."""
    return max(0, min(100, figures.share(Decimal(str(value)), Decimal(str(whole or 0))) or 0))


@register.filter
def highlight(text: str, tokens: list[str]) -> SafeString:
    """The text with every token marked; both are escaped."""
    parts = highlighted(text, tokens)
    return mark_safe("".join(f"<mark>{conditional_escape(part)}</mark>" if hit else conditional_escape(part) for part, hit in parts))  # noqa: S308


def widget_kind(bound: BoundField) -> str:
    """How a field is laid out: check, choices, hidden or line."""
    widget = bound.field.widget
    if bound.is_hidden:
        return "hidden"
    if isinstance(widget, CheckboxInput):
        return "check"
    if isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        return "choices"
    return "line"


@register.filter
def kind_of(bound: BoundField) -> str:
    return widget_kind(bound)


@register.simple_tag
def control(bound: BoundField) -> SafeString:
    """The input itself, with Bootstrap's class; Django adds aria-describedby and aria-invalid."""
    widget = bound.field.widget
    own = widget.attrs.get("class", "")
    if isinstance(widget, CheckboxInput):
        css = "form-check-input"
    elif isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        css = ""
    elif isinstance(widget, Select):
        css = "form-select"
    else:
        css = "form-control"
    if bound.errors and css:
        css += " is-invalid"
    attrs: dict[str, str | bool] = {"class": " ".join(dict.fromkeys(f"{css} {own}".split()))} if css or own else {}
    if isinstance(widget, ClearableFileInput | FileInput):
        attrs.setdefault("class", "form-control")
    return bound.as_widget(attrs=attrs)
