"""Kinds of questions, one file each behind one small interface (`base.ItemKind`).

Adding a kind: put its file here, with the kind as KIND, and give it a template where its shape needs one.
Nothing else in the product knows kinds by name.
"""

import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib import import_module

from django.utils.translation import gettext as _

from quizzes.kinds.base import Cells, ForPerson, Given, ItemKind, Malformed, OnPaper, Pick, Policy, Wrong


def _found() -> dict[str, ItemKind]:
    """The kinds in the files of this package, by key and in the order of menus. A file without KIND is what several kinds share."""
    modules = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    found = [module.KIND for module in modules if hasattr(module, "KIND")]
    return {kind.key: kind for kind in sorted(found, key=lambda kind: (kind.rank, kind.key))}


_BY_KEY = _found()


def of(key: str) -> ItemKind:
    """The kind with this key.

    Raises:
        KeyError: there is none.
    """
    return _BY_KEY[key]


def named(name: str) -> ItemKind | None:
    """The kind that a file calls by this name: 单选题, 单选, single."""
    wanted = _word(name)
    return next((kind for kind in _BY_KEY.values() if wanted in {kind.key, *kind.names}), None)


def _word(name: str) -> str:
    return str(name).strip().lower().removesuffix("题")


@contextmanager
def read_as(kind: ItemKind, name: str) -> Iterator[None]:
    """Refusals within begin with the kind as which the word was read, where a file calls it by another word than its own: 连线 is 匹配题."""
    try:
        yield
    except Wrong as wrong:
        if _word(name) in {kind.key, _word(kind.called), _word(str(kind.label))}:
            raise
        raise Wrong(_("read as “%(kind)s”: %(reason)s") % {"kind": kind.label, "reason": wrong}, wrong.field) from wrong


def choices() -> list[tuple[str, object]]:
    """(key, label) of every kind, for forms and model fields."""
    return [(kind.key, kind.label) for kind in _BY_KEY.values()]


def every() -> list[ItemKind]:
    return list(_BY_KEY.values())


def mark(kind: str, key, response) -> Fraction | None:
    """What share of an item the response earns, 0 to 1; None: a person has to mark it. No response earns nothing."""
    return Fraction(0) if response is None else of(kind).mark(key, response)


def picked(kind: str, shown: dict, key, response) -> list[str]:
    """What was picked, in codes that are the same on every paper; nothing for no response."""
    return [] if response is None else of(kind).analyse(shown, key, response)


def cells(kind: str, stem: str, content, key) -> Cells:
    """A question as a row of a spreadsheet.

    Raises:
        Wrong: a row cannot hold it; what `from_cells` would read is not the same question.
    """
    made = of(kind).to_cells(stem, content, key)
    if of(kind).from_cells(made) != (stem, content, key):
        raise Wrong(_("the columns cannot hold it"))
    return made


__all__ = [
    "Cells",
    "ForPerson",
    "Given",
    "ItemKind",
    "Malformed",
    "OnPaper",
    "Pick",
    "Policy",
    "Wrong",
    "cells",
    "choices",
    "every",
    "mark",
    "named",
    "of",
    "picked",
    "read_as",
]
