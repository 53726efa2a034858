"""Whom a new credit policy would let reach the year's target, and whom it would leave behind. Writes nothing."""

from dataclasses import dataclass
from datetime import datetime

from core import clock
from courses.models import CreditPolicy
from evaluation import quotas, rules, services, standing
from people.models import Person


def gains_and_losses(policy: CreditPolicy, *, at: datetime) -> tuple[list[Person], list[Person]]:
    """Those of the policy's county who reach their target by this policy alone, and those who reach it by the present one alone.

    On the policy's first day, or today where it holds already; with the hours of now. Three queries.
    """
    moment = max(at, clock.start_of(policy.valid_from))
    year = clock.year_of(moment)
    history = services.policy_history()
    people = standing.people_of([policy.county], year=year, at=moment).order_by("employee_number")
    before = standing.figures(people, year=year, at=moment, history=history)
    after = standing.figures(people, year=year, at=moment, history=[*history, policy])
    reached = {one.pk for one in before if one.has_reached}
    will = {one.pk for one in after if one.has_reached}
    changed = list(people.filter(pk__in=reached ^ will))
    return [person for person in changed if person.pk in will], [person for person in changed if person.pk in reached]


@dataclass(frozen=True)
class QuotaChange:
    """Of one quota: who is short of what is asked only by the new policy, and who only by the present one."""

    title: str
    newly_short: list[Person]
    no_longer_short: list[Person]


def quota_changes(policy: CreditPolicy, *, at: datetime) -> list[QuotaChange]:
    """For each quota of the new policy or the present one, by its key: whom the change leaves short, and whom it frees.

    On the same day and for the same people as `gains_and_losses`. Four queries.
    """
    moment = max(at, clock.start_of(policy.valid_from))
    year = clock.year_of(moment)
    history = services.policy_history()
    day = services.day_of(year, moment)
    before = services.policies_on(day, history).of(policy.county)
    people = list(standing.people_of([policy.county], year=year, at=moment).order_by("employee_number"))
    duties = standing.duties_of(people)
    asked = {which: rules.quotas_of(one.quotas) if one else [] for which, one in (("before", before), ("after", policy))}
    years = {one for some in asked.values() for quota in some for one in quota.reads(year)}
    hours = quotas.hours_by_kind([person.pk for person in people], years)
    short: dict[tuple[str, str], set[int]] = {}
    for which, some in asked.items():
        for quota in some:
            short[which, quota.key] = {
                person.pk
                for person in people
                if quota.is_asked_of(person.staff_type, duties.get(person.pk, ()))
                and not rules.quota_state(quota, year, hours.get(person.pk, {})).is_reached
            }
    found = []
    for key, title in {quota.key: quota.title for some in asked.values() for quota in some}.items():
        was, will = short.get(("before", key), set()), short.get(("after", key), set())
        found.append(QuotaChange(title, [p for p in people if p.pk in will - was], [p for p in people if p.pk in was - will]))
    return found
