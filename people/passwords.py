"""Password rules beyond Django's own."""

import re

from django.contrib.auth.password_validation import MinimumLengthValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext_lazy

# Django's own messages, whose Chinese says 你 where every page here says 您: named so that our catalogue keeps its words for them.
DJANGOS = (
    gettext_noop("Your password can’t be too similar to your other personal information."),
    gettext_noop("Your password can’t be a commonly used password."),
    ngettext_lazy(
        "Your password must contain at least %(min_length)d character.",
        "Your password must contain at least %(min_length)d characters.",
        "min_length",
    ),
)


class LengthValidator(MinimumLengthValidator):
    """Django's, with the rule as its message: Django's own message for it has no Chinese."""

    def get_error_message(self) -> str:
        return self.get_help_text()


class CharacterClassesValidator:
    """A password mixes at least `classes` of: small letters, capitals, digits, other signs (等保 practice)."""

    PATTERNS = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]")

    def __init__(self, classes: int = 3) -> None:
        self.classes = classes

    def validate(self, password: str, user=None) -> None:
        if sum(bool(re.search(pattern, password)) for pattern in self.PATTERNS) < self.classes:
            raise ValidationError(self.get_help_text(), code="too_few_classes")

    def get_help_text(self) -> str:
        return _("Use at least %(classes)d of: small letters, capital letters, digits, other signs.") % {"classes": self.classes}
