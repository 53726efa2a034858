"""What waits for somebody: reminders to answer, and by role answers to mark, re-markings, corrections of marked answers, changes of
certificates, claims of hours, appeals, versions of indicators and reported figures to decide, and webhooks that were given up. For everybody results that are public,
the days for objections, and answers to one's own."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, DateField, F, IntegerField, Max, QuerySet, Value
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from certificates.models import Proposal
from evaluation.models import Appeal, HourClaim, IndicatorVersion, Period, Reminder, UnitFigure, WebhookEndpoint
from evaluation.periods import notices
from people.models import Person, Role
from people.permissions import has_role, paths_of
from quizzes.models import Remark
from quizzes.permissions import is_author
from quizzes.services import rating_corrections, ratings


@dataclass(frozen=True)
class Work:
    words: str
    url: str


def for_person(person: Person, *, at: datetime) -> list[Work]:
    """One query."""
    rows: dict[str, QuerySet] = {
        "publicity": _told(notices.running(person, Period.State.PUBLICITY, at=at), "period", "due_on"),
        "objections": _told(notices.running(person, Period.State.APPEALS, at=at), "period", "due_on"),
        "answered": _told(notices.answers(person, at=at), "appeal"),
        "reminders": Reminder.objects.filter(person=person).waiting(),
    }
    if is_author(person):
        rows["answers"] = ratings.waiting(person)
    if has_role(person, Role.HR, Role.REVIEWER):
        rows["remarks"] = Remark.objects.filter(decision__isnull=True).exclude(by=person)
        if not person.is_superuser:
            rows["remarks"] = rows["remarks"].filter(question__county__path__in=paths_of(person, (Role.HR, Role.REVIEWER)))
    if has_role(person, *rating_corrections.CORRECTORS):
        rows["corrections"] = rating_corrections.to_decide(person)
    if has_role(person, Role.HR):
        rows["proposals"] = Proposal.objects.waiting_for(person)
        rows["claims"] = HourClaim.objects.waiting_for(person)
        rows["appeals"] = Appeal.objects.waiting_for(person)
        rows["versions"] = IndicatorVersion.objects.waiting_for(person)
        rows["figures"] = UnitFigure.objects.waiting_for(person)
        rows["webhooks"] = WebhookEndpoint.objects.given_up_for(person)
    found = []
    for name, count, page, until in _counted(rows):
        words, door = _said(name, count)
        found.append(Work(words % {"count": count, "until": until}, reverse(door, args=[page] if page else [])))
    return found


# Cast: PostgreSQL takes a bare NULL for a text, and a text and a date make no union.
NO_PAGE, NO_DAY = Cast(Value(None), IntegerField()), Cast(Value(None), DateField())


def _told(found: QuerySet, page: str, until: str = "") -> QuerySet:
    """Rows that have a page of their own, the newest's, and a last day."""
    return found.annotate(page=F(f"{page}_id"), until=F(until) if until else NO_DAY)


def _counted(rows: dict[str, QuerySet]) -> list[tuple]:
    """Name, how many rows, and the page and day of `_told`, in this order; what has none is left out. One query."""
    parts = []
    for name, found in rows.items():
        has_page = "page" in found.query.annotations
        counted = found.order_by().values(waiting=Value(name)).annotate(n=Count("pk", distinct=True))
        counted = counted.annotate(at_page=Max("page") if has_page else NO_PAGE, last_day=Max("until") if has_page else NO_DAY)
        parts.append(counted.values_list("waiting", "n", "at_page", "last_day"))
    order = list(rows)
    return sorted((row for row in parts[0].union(*parts[1:], all=True) if row[1]), key=lambda row: order.index(row[0]))


def _said(name: str, count: int) -> tuple[str, str]:
    """The sentence for so many of them, and the door."""
    if name == "publicity":
        return _(
            "Results of the yearly evaluation are public until the end of %(until)s: look at your own and your unit's"
        ), "period_publicity"
    if name == "objections":
        return _("Objections to the results of the yearly evaluation are taken until the end of %(until)s"), "period_publicity"
    if name == "answered":
        return _("Your objection to the results of the yearly evaluation was answered"), "appeal"
    if name == "answers":
        return ngettext("%(count)d answer waits to be marked", "%(count)d answers wait to be marked", count), "marking"
    if name == "remarks":
        return ngettext("%(count)d re-marking waits for a decision", "%(count)d re-markings wait for a decision", count), "remark_list"
    if name == "corrections":
        words = ngettext(
            "%(count)d correction of a marked answer waits for a second person",
            "%(count)d corrections of marked answers wait for a second person",
            count,
        )
        return words, "remark_list"
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
