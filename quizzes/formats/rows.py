"""Questions given as mappings, as YAML files have them: id, type, course, diff, stem, options / items / …, answer, explain, source, v, point, tags, use."""

from collections.abc import Iterable, Iterator, Mapping

from django.utils.translation import gettext as _

from core import tables
from quizzes import kinds
from quizzes.formats.base import FIELDS, Found, Item, alone, bound, day, level, settle, settled, uses
from quizzes.kinds import Wrong


def read(rows: Iterable) -> Iterator[Found]:
    """The rows in their order; one that makes no sense is refused alone."""
    for number, row in enumerate(rows, start=1):
        found = Found(_("row %(row)d") % {"row": number}, row=number)
        with alone(found):
            if not isinstance(row, Mapping):
                raise Wrong(_("is not a question: names with values are expected"))
            found.code, found.values = tables.as_text(row.get("id"))[:80], [str(value) for value in row.values()]
            found.item = _item(row)
            found.kind = found.item.kind
        yield found


def _item(row: Mapping) -> Item:
    name = str(row.get("type", ""))
    kind = kind_named(name, "type")
    stem = settle(row.get("stem"))
    bound("stem", stem)
    with kinds.read_as(kind, name):
        content, key = kind.from_mapping({**row, "stem": stem})
    return settled(
        Item(
            kind=kind.key,
            stem=stem,
            content=content,
            key=key,
            code=named_code(tables.as_text(row.get("id"))),
            course_code=tables.as_text(row.get("course")),
            difficulty=level(tables.as_text(row.get("diff", row.get("difficulty", 1)))),
            explanation=settle(row.get("explain", row.get("explanation", ""))),
            source=tables.as_text(row.get("source")),
            source_since=day(row.get("since") or "", "since"),
            source_until=day(row.get("until") or "", "until"),
            mark=tables.as_text(row.get("v", row.get("mark", ""))).upper(),
            point=tables.as_text(row.get("point")),
            tags=_several(row.get("tags")),
            **uses(_several(row.get("use"))),
        )
    )


def _several(value: object) -> tuple[str, ...]:
    """What a mapping holds as one text or as a list of them."""
    return tuple(map(str, value)) if isinstance(value, list) else (str(value or ""),)


def named_code(text: str) -> str:
    """Raises: Wrong, when there is none: rows have a place for it."""
    if not text:
        raise Wrong(_("the question has no code"), FIELDS["code"]())
    return text


def kind_named(name: str, field_name: str) -> kinds.ItemKind:
    """The kind that a file calls by this name. Raises: Wrong."""
    kind = kinds.named(name) if name else None
    if kind is None:
        known = "、".join(str(kind.label) for kind in kinds.every())
        raise Wrong(_("“%(name)s” is no kind of question; there are: %(known)s") % {"name": name[:20], "known": known}, field_name)
    return kind
