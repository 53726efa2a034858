"""Words of this app in templates."""

from django import template

from people.forms import password_rules
from people.models import Duty

register = template.Library()


@register.filter
def duty_names(duties) -> str:
    """Duty keys in words, 、 between."""
    return "、".join(str(Duty(duty).label) for duty in duties)


@register.simple_tag
def rules_of_passwords() -> list[str]:
    """The password rules in words."""
    return password_rules()
