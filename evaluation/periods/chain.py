"""The chain of responsibility (责任链): who is reminded of a unit's result below the version's mark, and what they answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core import audit
from core.errors import Refused
from evaluation.indicators.spec import Spec, read
from evaluation.models import Calculation, Period, Reminder, ReminderAnswer, UnitLine
from evaluation.models.chain import ReminderQuerySet
from evaluation.periods import services
from evaluation.periods.permissions import runs
from people.models import DutyAssignment, Person, Unit

_WEIGHT = {Reminder.Level.JOINT: 0, Reminder.Level.DIRECT: 1, Reminder.Level.PRIMARY: 2}
MOST_TEXT = 2000


@transaction.atomic
def send(*, period: Period, by: Person, at: datetime) -> list[Reminder]:
    """Remind everybody responsible for a unit below the mark, by the newest published or frozen result. Returns the new reminders,
    without their keys.

    Sent again it adds whom a newer result reaches and changes nothing else. Locks the period's row. Writes an audit entry.

    Raises:
        Refused: not HR of the county ("not_hr"), nothing published ("not_published"), or the version knows no chain ("no_chain").
    """
    if not runs(by, period):
        raise Refused(_("Reminders are sent by HR of the whole county."), code="not_hr")
    Period.objects.select_for_update(of=("self",)).only("pk").get(pk=period.pk)
    made = to_send(period, by=by, at=at)
    if made:
        Reminder.objects.append(made)
        audit.record(period, "evaluation.reminders_sent", by=by, count=len(made), calculation=made[0].line.calculation.number)
    return made


def to_send(period: Period, *, by: Person, at: datetime) -> list[Reminder]:
    """The reminders that `send` would write now. Nothing is written. Four queries beside the steps.

    Raises:
        Refused: nothing published ("not_published"), or the version knows no chain ("no_chain").
    """
    calculation = services.published(period)
    if calculation is None:
        raise Refused(_("Nothing is published yet: there is no result to remind anybody of."), code="not_published")
    spec = read(calculation.version.spec)
    if not spec.chain:
        raise Refused(_("This version of the indicator names no chain of responsibility."), code="no_chain")
    standing = set(Reminder.objects.filter(period=period).values_list("unit_id", "person_id"))
    lines = below(calculation, spec)
    answerable = responsible(period.county, [line.unit for line in lines], spec, on=period.cutoff_on) if lines else {}
    return [
        Reminder(
            period=period,
            line=line,
            unit=line.unit,
            person=one.person,
            person_name=one.person.name,
            level=one.level,
            action=one.action,
            duties=one.duties,
            by=by,
            at=at,
        )
        for line in lines
        for one in answerable.get(line.unit_id, ())
        if (line.unit_id, one.person.pk) not in standing
    ]


def below(calculation: Calculation, spec: Spec) -> list[UnitLine]:
    """The units whose total lies below the mark, by code; one without a total has none. One query."""
    lines = UnitLine.objects.filter(calculation=calculation, total__lt=spec.chain_below)
    return list(lines.select_related("unit", "calculation").order_by("unit_code"))


@dataclass(frozen=True)
class Responsible:
    """Somebody who answers for a unit, on the heaviest level that their duties stand for."""

    person: Person
    level: str
    action: str
    duties: list[str]


def responsible(county: Unit, organs: Iterable[Unit], spec: Spec, *, on: date) -> dict[int, list[Responsible]]:
    """Who answers for each of these organs of a county, by the duties held in it on a day, by employee number. One query.

    In side postings too. Whoever stands on two levels is named once, on the heavier.
    """
    rungs = {duty: rung for rung in sorted(spec.chain, key=lambda rung: _WEIGHT[Reminder.Level(rung.level)]) for duty in rung.duties}
    held = DutyAssignment.objects.lasting(on).filter(posting__unit__path__startswith=county.path, duty__in=rungs)
    by_path = {unit.path: unit.pk for unit in organs}
    people: dict[int, Person] = {}
    duties: dict[int, dict[int, set[str]]] = {}  # of organ, of person
    for one in held.select_related("posting__person", "posting__unit").order_by("posting__person__employee_number"):
        if (organ := by_path.get(one.posting.unit.organ_path)) is not None:
            person = people.setdefault(one.posting.person_id, one.posting.person)
            duties.setdefault(organ, {}).setdefault(person.pk, set()).add(one.duty)
    found: dict[int, list[Responsible]] = {}
    for organ, of_people in duties.items():
        for pk, ones in of_people.items():
            rung = max((rungs[duty] for duty in ones), key=lambda rung: _WEIGHT[Reminder.Level(rung.level)])
            found.setdefault(organ, []).append(Responsible(people[pk], rung.level, rung.action, sorted(ones)))
    return found


@transaction.atomic
def answer(*, reminder: Reminder, by: Person, text: str, form_key: str, at: datetime) -> ReminderAnswer:
    """The reminded person answers; every answer is kept. The same form sent twice gives one. Locks the person's row.

    Raises:
        Refused: somebody else's reminder ("not_own"), nothing said ("no_text"), or too much ("too_long").
    """
    if reminder.person_id != by.pk:
        raise Refused(_("A reminder is answered by whom it was sent to."), code="not_own")
    if not text.strip():
        raise Refused(_("Write your answer."), code="no_text")
    if len(text) > MOST_TEXT:
        raise Refused(_("At most %(limit)s characters.") % {"limit": MOST_TEXT}, code="too_long")
    Person.objects.select_for_update(no_key=True).only("pk").get(pk=by.pk)
    standing = ReminderAnswer.objects.filter(reminder=reminder, form_key=form_key).first()
    return standing or ReminderAnswer.objects.create(reminder=reminder, text=text.strip(), form_key=form_key, at=at)


def of_person(person: Person) -> QuerySet[Reminder]:
    """One's own, newest first, with their answers and how their units stand now. Two queries when read."""
    rows = Reminder.objects.filter(person=person).told_now()
    return rows.select_related("line", "period__county").prefetch_related("answers").order_by("-at", "-pk")


def of_period(period: Period) -> ReminderQuerySet:
    """All of a period by unit, with their answers and how their units stand now. Two queries when read."""
    return Reminder.objects.filter(period=period).told_now().select_related("line").prefetch_related("answers")
