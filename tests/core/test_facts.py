"""Learner facts are rows that nobody edits or deletes."""

import pytest
from django.apps import apps

from core.models import Fact, FactChanged, FactQuerySet
from people.models import ReadingOfOthers
from tests.cast import NOON

FACTS = [
    "people.ReadingOfOthers",
    "courses.Edition",
    "courses.EditionLesson",
    "courses.EditionRequirement",
    "courses.Enrolment",
    "courses.RequirementMet",
    "courses.Withdrawal",
    "courses.Completion",
    "courses.Reversal",
    "quizzes.Attempt",
    "quizzes.AttemptItem",
    "quizzes.Answer",
    "quizzes.Submission",
    "quizzes.Marking",
    "quizzes.ItemMark",
    "quizzes.Seal",
    "quizzes.Rating",
    "quizzes.RatingCorrection",
    "quizzes.RatingCorrectionDecision",
    "quizzes.Remark",
    "quizzes.RemarkDecision",
    "quizzes.RemarkedMarking",
    "quizzes.Allowance",
    "quizzes.Extension",
    "quizzes.Incident",
    "certificates.Certificate",
    "certificates.StatusEvent",
    "certificates.ChainEntry",
    "certificates.DayRoot",
    "evaluation.LedgerEntry",
]


@pytest.fixture
def reading(cast):
    return ReadingOfOthers.objects.create(reader=cast.hr, kind="read", what="records", at=NOON)


def test_a_fact_cannot_be_saved_again(reading):
    reading.what = "something else"

    with pytest.raises(FactChanged):
        reading.save()
    assert ReadingOfOthers.objects.get().what == "records"


def test_a_fact_cannot_be_deleted_alone_or_in_bulk(reading):
    with pytest.raises(FactChanged):
        reading.delete()
    with pytest.raises(FactChanged):
        ReadingOfOthers.objects.all().delete()
    assert ReadingOfOthers.objects.count() == 1


def test_facts_cannot_be_changed_in_bulk(reading):
    with pytest.raises(FactChanged):
        ReadingOfOthers.objects.update(what="nothing")
    with pytest.raises(FactChanged):
        ReadingOfOthers.objects.bulk_update([reading], ["what"])


@pytest.mark.parametrize("label", FACTS)
def test_every_learner_fact_is_a_fact(label):
    assert issubclass(apps.get_model(label), Fact)
    assert issubclass(apps.get_model(label)._default_manager._queryset_class, FactQuerySet)
