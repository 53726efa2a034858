"""What waits for somebody: reminders to answer, and by role answers to mark, re-markings, changes of certificates, claims of hours,
appeals, versions of indicators and reported figures to decide, and webhooks that were given up."""

from dataclasses import dataclass

from django.db.models import Count, QuerySet, Value
from django.urls import reverse
from django.utils.translation import ngettext

from certificates.models import Proposal
from evaluation.models import Appeal, HourClaim, IndicatorVersion, Reminder, UnitFigure, WebhookEndpoint
from people.models import Person, Role
from people.permissions import has_role, paths_of
from quizzes.models import Remark
from quizzes.permissions import is_author
from quizzes.services import ratings


@dataclass(frozen=True)
class Work:
    words: str
    url: str


def for_person(person: Person) -> list[Work]:
    """One query."""
    rows: dict[str, QuerySet] = {"reminders": Reminder.objects.filter(person=person).waiting()}
    if is_author(person):
        rows["answers"] = ratings.waiting(person)
    if has_role(person, Role.HR, Role.REVIEWER):
        rows["remarks"] = Remark.objects.filter(decision__isnull=True).exclude(by=person)
        if not person.is_superuser:
            rows["remarks"] = rows["remarks"].filter(question__county__path__in=paths_of(person, (Role.HR, Role.REVIEWER)))
    if has_role(person, Role.HR):
        rows["proposals"] = Proposal.objects.waiting_for(person)
        rows["claims"] = HourClaim.objects.waiting_for(person)
        rows["appeals"] = Appeal.objects.waiting_for(person)
        rows["versions"] = IndicatorVersion.objects.waiting_for(person)
        rows["figures"] = UnitFigure.objects.waiting_for(person)
        rows["webhooks"] = WebhookEndpoint.objects.given_up_for(person)
    found = []
    for name, count in _counted(rows).items():
        words, door = _said(name, count)
        found.append(Work(words % {"count": count}, reverse(door)))
    return found


def _counted(rows: dict[str, QuerySet]) -> dict[str, int]:
    """How many rows each has, in this order; those without any are left out. One query, none for nothing."""
    parts = [
        found.order_by().values(waiting=Value(name)).annotate(n=Count("pk", distinct=True)).values_list("waiting", "n")
        for name, found in rows.items()
    ]
    counts = dict(parts[0].union(*parts[1:], all=True)) if parts else {}
    return {name: counts[name] for name in rows if counts.get(name)}


def _said(name: str, count: int) -> tuple[str, str]:
    """The sentence for so many of them, and the door."""
    if name == "answers":
        return ngettext("%(count)d answer waits to be marked", "%(count)d answers wait to be marked", count), "marking"
    if name == "remarks":
        return ngettext("%(count)d re-marking waits for a decision", "%(count)d re-markings wait for a decision", count), "remark_list"
    if name == "proposals":
        words = ngettext("%(count)d certificate waits for your confirmation", "%(count)d certificates wait for your confirmation", count)
        return words, "certificate_proposals"
    if name == "reminders":
        words = ngettext(
            "%(count)d reminder of your unit's result waits for your answer",
            "%(count)d reminders of your units' results wait for your answer",
            count,
        )
        return words, "my_reminders"
    if name == "appeals":
        return ngettext("%(count)d appeal waits for you", "%(count)d appeals wait for you", count), "periods"
    if name == "versions":
        words = ngettext(
            "%(count)d version of an indicator waits for your approval", "%(count)d versions of indicators wait for your approval", count
        )
        return words, "indicator_list"
    if name == "figures":
        words = ngettext(
            "%(count)d reported figure waits for your confirmation", "%(count)d reported figures wait for your confirmation", count
        )
        return words, "periods"
    if name == "webhooks":
        words = ngettext(
            "%(count)d webhook was given up: start it again or close it",
            "%(count)d webhooks were given up: start them again or close them",
            count,
        )
        return words, "webhook_list"
    return ngettext("%(count)d claim of hours waits for you", "%(count)d claims of hours wait for you", count), "claim_list"
