"""How a share looks in a grid."""

from django import template

register = template.Library()


@register.filter
def tint(percent: int | None) -> str:
    """The class of a cell: "none", "low" (under 60 per cent), "fair" (under 80), "good" (under 100), "full". The figure stands in it too."""
    if percent is None:
        return "none"
    return "full" if percent >= 100 else "good" if percent >= 80 else "fair" if percent >= 60 else "low"
