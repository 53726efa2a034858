"""Kinds of questions, one file each behind one small interface (`base.ItemKind`).

Adding a kind: write its file with a class, name the module below, and give it a template.
Nothing else in the product knows kinds by name.
"""

from fractions import Fraction
from importlib import import_module

from quizzes.kinds.base import ItemKind, Malformed, Wrong

_MODULES = ["single", "multiple", "judge", "fill", "order", "match"]
_BY_KEY: dict[str, ItemKind] = {}
for _module in _MODULES:
    _kind = import_module(f"quizzes.kinds.{_module}").KIND
    _BY_KEY[_kind.key] = _kind


def of(key: str) -> ItemKind:
    """The kind with this key.

    Raises:
        KeyError: there is none.
    """
    return _BY_KEY[key]


def named(name: str) -> ItemKind | None:
    """The kind that a file calls by this name: 单选题, 单选, single."""
    wanted = str(name).strip().lower().removesuffix("题")
    return next((kind for kind in _BY_KEY.values() if wanted in {kind.key, *kind.names}), None)


def choices() -> list[tuple[str, object]]:
    """(key, label) of every kind, for forms and model fields."""
    return [(kind.key, kind.label) for kind in _BY_KEY.values()]


def every() -> list[ItemKind]:
    return list(_BY_KEY.values())


def mark(kind: str, key, response) -> Fraction:
    """What share of an item the response earns, 0 to 1. No response earns nothing."""
    return Fraction(0) if response is None else of(kind).mark(key, response)


__all__ = ["ItemKind", "Malformed", "Wrong", "choices", "every", "mark", "named", "of"]
