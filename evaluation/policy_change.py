"""Whom a new credit policy would let reach the year's target, and whom it would leave behind. Writes nothing."""

from datetime import datetime

from core import clock
from courses.models import CreditPolicy
from evaluation import services, standing
from people.models import Person


def gains_and_losses(policy: CreditPolicy, *, at: datetime) -> tuple[list[Person], list[Person]]:
    """Those of the policy's county who reach their target by this policy alone, and those who reach it by the present one alone.

    On the policy's first day, or today where it holds already; with the hours of now. Three queries.
    """
    moment = max(at, clock.start_of(policy.valid_from))
    year = clock.year_of(moment)
    history = services.policy_history()
    people = standing.counted(year=year, at=moment).filter(standing.within([policy.county])).order_by("employee_number")
    before = standing.with_standing(people, year=year, at=moment, history=history)
    after = standing.with_standing(people, year=year, at=moment, history=[*history, policy])
    reached = {person.pk for person in before if _has_reached(person)}
    will = {person.pk for person in after if _has_reached(person)}
    everybody = list(before)
    return [person for person in everybody if person.pk in will - reached], [person for person in everybody if person.pk in reached - will]


def _has_reached(person) -> bool:
    return person.target is not None and person.hours >= person.target
