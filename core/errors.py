"""Refusals: what a service says when it will not do what was asked."""

from dataclasses import dataclass
from dataclasses import field as dataclass_field

from django.utils.translation import gettext as _


class Refused(Exception):
    """The one way a service declines. The message is for the person, translated and complete.

    `code` is for programs and tests; `params` are the figures inside the message.
    """

    def __init__(self, message: str, *, code: str = "refused", **params: object) -> None:
        super().__init__(str(message))
        self.message = message
        self.code = code
        self.params = params


@dataclass(frozen=True)
class RowError:
    """One refused row of an imported file: where it stands, which field, and the rule it breaks."""

    row: int
    field: str
    message: str
    values: list = dataclass_field(default_factory=list)

    def __str__(self) -> str:
        if self.field:
            return _("Row %(row)d, %(field)s: %(message)s") % {"row": self.row, "field": self.field, "message": self.message}
        return _("Row %(row)d: %(message)s") % {"row": self.row, "message": self.message}


class RefusedRows(Refused):
    """A file was refused because of these rows; nothing of it was written."""

    def __init__(self, message: str, errors: list[RowError]) -> None:
        super().__init__(message, code="refused_rows")
        self.errors = errors
