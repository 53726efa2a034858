"""What the yearly evaluation tells somebody without being asked: results that are public, days for objections, answers to their own."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from core import clock
from evaluation.models import AppealDecision, Period, PeriodStep
from people.models import Person

TOLD = timedelta(days=30)  # so long an answer is told


def running(person: Person, state: Period.State, *, at: datetime) -> QuerySet[PeriodStep]:
    """The steps that opened what runs today, publicity or appeals, where the person is evaluated; `due_on` is its last day."""
    later = PeriodStep.objects.filter(period=OuterRef("period"), number__gt=OuterRef("number"))
    periods = Period.objects.concerning(person)
    return PeriodStep.objects.filter(~Exists(later), period__in=periods, state=state, due_on__gte=clock.today(at))


def answers(person: Person, *, at: datetime) -> QuerySet[AppealDecision]:
    """The last words on appeals that are about the person, or that they filed for a unit, of the last month."""
    verdict = AppealDecision.Verdict
    last = Q(verdict=verdict.REFUSED) | Q(verdict=verdict.GRANTED, step=2)
    own = Q(appeal__person=person.pk) | Q(appeal__person=None, appeal__by=person.pk)
    return AppealDecision.objects.filter(last, own, at__gt=at - TOLD)
