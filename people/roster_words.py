"""What a roster changes, as it is told: phone and e-mail that stand in the register are masked, as everywhere else.

Whoever hands in made-up numbers learns nobody's. What the file itself says is shown as it is there.
"""

from collections.abc import Iterable
from dataclasses import replace

from core.text import mask_mail, mask_phone
from people.services.roster import PersonChange

_MASKS = {"phone": mask_phone, "email": mask_mail}


def before(name: str, old: object) -> object:
    """The old value of a field of a person as it is shown."""
    return (_MASKS[name](str(old)) or "****") if name in _MASKS and old else old


def told(changes: Iterable[PersonChange]) -> list[PersonChange]:
    """Copies of these changes that say no more than is shown: to read, not to apply."""
    return [replace(one, fields={name: (before(name, old), new) for name, (old, new) in one.fields.items()}) for one in changes]


def told_after(changes: Iterable[list]) -> list[list]:
    """The same of the rows that an import keeps: number, field, old, new."""
    return [[number, name, before(name, old), new] for number, name, old, new in changes]
