"""The versions of a question: who made each, when, what changed, how many attempts saw it; and each to be read."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count

from quizzes import kinds
from quizzes.models import AttemptItem, PaperItem, Question, QuestionVersion
from quizzes.services import papers


@dataclass(frozen=True)
class Version:
    """One version of a question. Of one from before versions were kept, who, when and what changed are not known."""

    number: int
    is_standing: bool
    attempts: int  # that saw it
    papers: int  # that hold it
    kept: QuestionVersion | None = None
    changed: tuple[str, ...] = ()  # what differs from the version before, in words
    is_compared: bool = False  # the version before was kept too

    @property
    def at(self) -> datetime | None:
        return self.kept.at if self.kept else None


def of(question: Question) -> list[Version]:
    """All versions, the newest first. Three queries, however many there are."""
    kept = {one.number: one for one in question.versions.select_related("by")}
    attempts = _counted(AttemptItem.objects.filter(question=question))
    papers = _counted(PaperItem.objects.filter(question=question))
    return [
        Version(
            number=number,
            is_standing=number == question.version,
            attempts=attempts.get(number, 0),
            papers=papers.get(number, 0),
            kept=kept.get(number),
            changed=tuple(changes(kept[number - 1], kept[number])) if number in kept and number - 1 in kept else (),
            is_compared=number in kept and number - 1 in kept,
        )
        for number in range(question.version, 0, -1)
    ]


def _counted(uses: Any) -> dict[int, int]:
    return dict(uses.order_by().values_list("question_version").annotate(Count("pk")))


def changes(before: QuestionVersion, after: QuestionVersion) -> Iterable[str]:
    """The names of what differs between two versions, as the form calls them."""
    for name in Question.CONTENT:
        if getattr(before, name) != getattr(after, name):
            yield str(QuestionVersion._meta.get_field(name).verbose_name)


def reading(question: Question, number: int) -> dict[str, Any] | None:
    """One version for a page, read-only: as learners see it, and what is right. None where nobody has a copy of it.

    From the version that was kept, else the question as it stands, else a paper's copy, else what one attempt saw.
    """
    whole = (
        QuestionVersion.objects.filter(question=question, number=number).first()
        or (question if number == question.version else None)
        or PaperItem.objects.filter(question=question, question_version=number).first()
    )
    if whole is None:
        seen = AttemptItem.objects.filter(question=question, question_version=number).order_by("pk").first()
        return seen and _drawn(seen, seen)
    return as_read(whole)


def as_read(whole: Any, *, position: int = 1, points: Any = 1, policies: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What holds `kind`, `stem`, `content` and `key` as the bank does, for a page: as learners see it, and what is right.

    `policies`: the ways of marking that a quiz chose, which learners are told.
    """
    kind = kinds.of(whole.kind)
    try:
        rng = random.Random(0)  # noqa: S311 - tokens only
        shown, key = kind.present(whole.stem, whole.content, whole.key, rng=rng, shuffle=False, policies=policies)
        return _drawn(AttemptItem(position=position, kind=kind.key, points=points, shown=shown, key=key), whole)
    except (kinds.Wrong, LookupError, TypeError, AttributeError, ValueError):  # a copy that its kind reads no more
        return {"kept": whole, "kind": kind, "unreadable": whole.stem}


def _drawn(item: AttemptItem, kept: Any) -> dict[str, Any]:
    kind = item.item_kind
    return {"kept": kept, "kind": kind, "item": papers.view_of(item), "lines": kind.explain(item.shown, item.key, None)}
