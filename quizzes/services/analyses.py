"""Asking for an analysis, and making it."""

from datetime import datetime
from functools import partial

from django.db import transaction

from people.models import Person
from quizzes import analysis
from quizzes.models import Analysis, Quiz, Sitting


@transaction.atomic
def ask(*, quiz: Quiz, sitting: Sitting | None = None, by: Person, at: datetime) -> Analysis:
    """Have the analysis made (again) in the background; what was made before stays readable until then."""
    from quizzes.tasks import make_analysis

    found, _made = Analysis.objects.update_or_create(quiz=quiz, sitting=sitting, defaults={"asked_by": by, "asked_at": at})
    transaction.on_commit(partial(make_analysis.delay, found.pk))
    return found


def make(found: Analysis, *, at: datetime) -> None:
    """Compute and keep it. May run twice; the later one stands."""
    figures = analysis.compute(found.quiz, found.sitting)
    Analysis.objects.filter(pk=found.pk).update(figures=figures, made_at=at)
