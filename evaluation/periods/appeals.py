"""Appeals against published lines: the only writers, and what there is to know about one.

A person appeals about their own line, or about having none; a leader or liaison about an item of the unit. For somebody who cannot sign in
HR files what they wrote on paper. One officer of HR may refuse; granting takes two, and says what was put right: the record itself, by its
own door, or points of an item. Nobody decides on an appeal that they filed or that is about them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from core import audit, clock, workdays
from core.errors import Refused
from core.figures import figure
from evaluation.evidence import File, keep, kinds_of
from evaluation.indicators import reports
from evaluation.indicators.spec import Item, read
from evaluation.models import (
    Appeal,
    AppealDecision,
    AppealEvidence,
    Calculation,
    HourClaim,
    Period,
    PersonLine,
    PointCorrection,
    UnitLine,
)
from evaluation.periods import corrections, services
from evaluation.periods.permissions import runs, still_runs
from people.models import Person, Role, Unit
from people.models.unit import within_paths
from people.permissions import paths_of

Verdict, Record = AppealDecision.Verdict, AppealDecision.Record
MOST_TEXT = 2000


@dataclass(frozen=True)
class Remedy:
    """How an appeal is granted: a corrected record, or points of the item that it is about."""

    record: str = ""
    points: Decimal | None = None


def may_speak_for(user, unit: Unit) -> bool:
    """Whether the user appeals for a unit: its leader or liaison, or one over it."""
    return any(unit.path.startswith(path) for path in paths_of(user, [Role.LEADER, Role.LIAISON]))


def units_of(user, calculation: Calculation) -> QuerySet[UnitLine]:
    """The lines of units that the user may appeal for. One query."""
    lines = UnitLine.objects.filter(calculation=calculation)
    return lines.filter(within_paths(paths_of(user, [Role.LEADER, Role.LIAISON])))


def refusal_to_file(period: Period, *, at: datetime) -> Refused | None:
    """Why no appeal can be filed now; None where one can. No query where the steps are at hand."""
    step = period.newest_step
    if step is not None and step.state == Period.State.APPEALS and step.due_on is not None:
        if clock.today(at) <= step.due_on:
            return None
        return Refused(_("Appeals could be filed until the end of %(due)s.") % {"due": step.due_on}, code="over")
    if step is not None and step.state in (Period.State.FROZEN, Period.State.HANDED_OVER):
        days = [one.due_on for one in period.steps_taken if one.state == Period.State.APPEALS]
        day = days[-1] if days else None
        return Refused(_("The evaluation is frozen. Appeals could be filed until the end of %(due)s.") % {"due": day}, code="over")
    return Refused(_("Appeals can be filed once publicity is over and HR has opened them."), code="not_open")


@transaction.atomic
def file(
    *,
    period: Period,
    by: Person,
    text: str,
    form_key: str,
    at: datetime,
    unit: Unit | None = None,
    item_key: str = "",
    files: Sequence[File] = (),
    person: Person | None = None,
) -> Appeal:
    """Appeal about one's own line, about being left off the roster, or, with `unit` and `item_key`, for a unit. HR files for `person` what
    they appealed on paper, with that as evidence. The same form sent twice gives one appeal.

    Locks the person's row and shares the period's, so that no freeze passes it by.

    Raises:
        Refused: not now ("over", "not_open"), nothing said or too much ("no_text", "too_long"), no line of one's own
            nor a unit in the county ("no_line"), not one's unit ("not_unit"), no such item ("no_item"), for somebody else without being
            HR ("not_hr") or without evidence ("no_evidence"), or evidence that cannot be taken.
    """
    Person.objects.select_for_update(no_key=True).only("pk").get(pk=by.pk)
    standing = Appeal.objects.filter(by=by, form_key=form_key).first()
    if standing is not None:
        return standing
    Period.objects.select_for_update(of=("self",)).only("pk").get(pk=period.pk)
    period.look_again()
    refusal = refusal_to_file(period, at=at)
    if refusal is not None:
        raise refusal
    whom = by if person is None else person
    if whom.pk != by.pk and not runs(by, period):
        raise Refused(_("An appeal on paper is filed by HR of the whole county."), code="not_hr")
    if whom.pk != by.pk and not files:
        raise Refused(_("Add the paper itself as evidence."), code="no_evidence")
    if not text.strip():
        raise Refused(_("Say what is wrong, and how it is right."), code="no_text")
    if len(text) > MOST_TEXT:
        raise Refused(_("At most %(limit)s characters.") % {"limit": MOST_TEXT}, code="too_long")
    calculation = services.published(period)
    if calculation is None:
        raise Refused(_("Appeals can be filed once publicity is over and HR has opened them."), code="not_open")
    about = _unit_line(calculation, by, unit, item_key) if unit is not None else _own_line(period, calculation, whom)
    kinds = kinds_of(files)
    appeal = Appeal.objects.create(
        period=period,
        calculation=calculation,
        person=whom if unit is None else None,
        unit_id=about.organ_id if isinstance(about, PersonLine) else about.unit_id,
        about=about.unit_name if isinstance(about, UnitLine) else about.person_name,
        item_key=item_key if unit is not None else "",
        text=text.strip(),
        form_key=form_key,
        due_on=workdays.add_workdays(clock.today(at), period.appeal_days),
        by=by,
        at=at,
    )
    keep(AppealEvidence, files, kinds, folder=f"appeals/{period.year}/{appeal.pk}", appeal=appeal)
    on_paper = {"on_paper": True, "person": whom.employee_number, "name": whom.name} if appeal.is_on_paper else {}
    audit.record(period, "evaluation.appeal_filed", by=by, appeal=appeal.pk, **on_paper)
    return appeal


@dataclass(frozen=True)
class LeftOff:
    """Somebody of the county about whom no line was published: the organ in which they serve, and their name."""

    unit_id: int
    person_name: str


def left_off(period: Period, calculation: Calculation, person: Person) -> LeftOff | None:
    """Whether somebody serves in the county and has no line; None where they have one, or serve elsewhere. Two queries at most."""
    if person.unit is None or not person.unit.path.startswith(period.county.path):
        return None
    if PersonLine.objects.filter(calculation=calculation, person=person).exists():
        return None
    return LeftOff(Unit.objects.only("pk").get(path=person.unit.organ_path).pk, person.name)


def _own_line(period: Period, calculation: Calculation, person: Person) -> PersonLine | LeftOff:
    found = PersonLine.objects.filter(calculation=calculation, person=person).first() or left_off(period, calculation, person)
    if found is None:
        raise Refused(_("Nothing was published about you in this evaluation."), code="no_line")
    return found


def _unit_line(calculation: Calculation, by: Person, unit: Unit, item_key: str) -> UnitLine:
    line = UnitLine.objects.filter(calculation=calculation, unit=unit).first()
    if line is None or not may_speak_for(by, unit):
        raise Refused(_("A unit's appeal is filed by its leader or liaison."), code="not_unit")
    if item_key not in item_keys(calculation):
        raise Refused(_("Choose the item that the appeal is about."), code="no_item")
    return line


def item_keys(calculation: Calculation) -> dict[str, str]:
    """The items that a unit may appeal about, by key: those with points, bonuses, deductions."""
    spec = calculation.version.spec
    return {one["key"]: f"{one['key']} {one['name']}" for part in ("items", "bonus", "deduct") for one in spec.get(part, [])}


def pointed_item(appeal: Appeal) -> Item | None:
    """The item that a unit's appeal is about, where its points can be corrected; none of a person's, or of a bonus or deduction."""
    if appeal.person_id is not None:
        return None
    return next((one for one in read(appeal.calculation.version.spec).items if one.key == appeal.item_key), None)


def records_of(appeal: Appeal) -> dict[str, str]:
    """The kinds of record that an appeal can be granted by: a person's own; of a unit's those that its item is measured by."""
    of_people = {str(value): str(label) for value, label in Record.choices if value != Record.FIGURE}
    if appeal.person_id is not None:
        return of_people
    item, figures = pointed_item(appeal), reports.appealed(read(appeal.calculation.version.spec), appeal.item_key)
    of_people.pop(Record.NAME)  # measures nothing
    found = of_people if item is not None and set(item.read.names) - figures else {}
    return found | ({Record.FIGURE.value: str(Record.FIGURE.label)} if figures else {})


@transaction.atomic
def grant(*, appeal: Appeal, by: Person, reason: str, at: datetime, remedy: Remedy | None = None) -> Appeal:
    """Grant as the first officer, with the remedy, or as the second what the first proposed. Locks the appeal. Writes an audit entry.

    The second word on points makes the `PointCorrection`; the next calculation counts it. A record has to be corrected at either word.

    Raises:
        Refused: no right ("not_hr"), one's own ("own"), granted by the same officer before ("same_officer"), it is over ("over"), no
            reason ("no_reason"), a remedy that is none or none of this appeal ("no_remedy", "no_item", "void_item", "no_points"), or a record that
            nobody has corrected since publication, of that kind, of theirs and for the year, or that was changed back ("not_corrected").
    """
    held = _held(appeal, by)
    if not reason.strip():
        raise Refused(_("Give the reason: everybody concerned reads it."), code="no_reason")
    first = first_word(held)
    if by.pk in _spoken(held, first):
        raise Refused(_("You have granted this appeal: another officer has to do it as well."), code="same_officer")
    if first is None:
        remedy = remedy or Remedy()
        _require_remedy(held, remedy, at)
        pointed = remedy.points is not None
        fields = {"record": remedy.record, "item_key": held.item_key if pointed else "", "points": remedy.points}
        correction = None
    else:
        if first.record:
            _require_corrected(held, first.record, at)
        if first.points is not None:  # which was perhaps given under the rules of before
            _require_remedy(held, Remedy(points=first.points if first.item_key == held.item_key else Decimal(0)), at)
        fields = {"record": first.record, "item_key": first.item_key, "points": first.points}
        correction = _correct(held, first, by, at)
    step = 1 if first is None else 2
    AppealDecision.objects.create(
        appeal=held, step=step, verdict=Verdict.GRANTED, reason=reason.strip(), correction=correction, by=by, at=at, **fields
    )
    audit.record(held.period, "evaluation.appeal_granted", by=by, appeal=held.pk, step=step, reason=reason.strip())
    return Appeal.objects.get(pk=held.pk)


def first_word(appeal: Appeal) -> AppealDecision | None:
    """The first officer's grant, which a second one confirms; None where there is none, or who gave it is HR of the county no more."""
    return next((one for one in appeal.decided if one.step == 1 and still_runs(one.by, appeal.period)), None)


def has_granted(appeal: Appeal, officer: Person) -> bool:
    """Whether the word that an open appeal waits for has to be another officer's than theirs."""
    return officer.pk in _spoken(appeal, first_word(appeal))


def _spoken(appeal: Appeal, first: AppealDecision | None) -> set[int]:
    """Who may not say the next word: who gave the first one that stands; where none does, whoever gave one."""
    return {first.by_id} if first is not None else {one.by_id for one in appeal.said}


def _correct(appeal: Appeal, first: AppealDecision, by: Person, at: datetime) -> PointCorrection | None:
    if first.points is None:
        return None
    return PointCorrection.objects.create(
        period=appeal.period,
        unit=appeal.unit,
        item_key=first.item_key,
        points=first.points,
        reason=first.reason,
        by=first.by,
        approved=by,
        at=at,
    )


def _require_remedy(appeal: Appeal, remedy: Remedy, at: datetime) -> None:
    if bool(remedy.record) == (remedy.points is not None):
        raise Refused(_("Say what was put right: a record, or points."), code="no_remedy")
    if remedy.points is None:
        if remedy.record not in records_of(appeal):
            raise Refused(_("Choose a record that the appeal can be about."), code="no_remedy")
        _require_corrected(appeal, remedy.record, at)
        return
    item = pointed_item(appeal)
    if item is None:
        raise Refused(_("Points are given to the item that a unit's appeal is about, and to no other."), code="no_item")
    line = UnitLine.objects.filter(calculation=appeal.calculation_id, unit=appeal.unit_id).first()
    if line is not None and any(one["key"] == appeal.item_key and one["void"] for one in line.items):
        raise Refused(
            _("This item counts nothing for the unit: what it is measured by is nothing, and its points went to the other items."),
            code="void_item",
        )
    if not remedy.points or abs(remedy.points) > item.points:
        raise Refused(
            _("The points are not zero, and at most what the item is worth: %(most)s.") % {"most": figure(item.points)}, code="no_points"
        )


def _require_corrected(appeal: Appeal, record: str, at: datetime) -> None:
    if not corrections.is_made(appeal, record, at=at):
        raise Refused(
            _("“%(record)s” of “%(about)s” is as it was when the lines were published: correct it first, then grant the appeal.")
            % {"record": AppealDecision.Record(record).label, "about": appeal.about},
            code="not_corrected",
        )


@transaction.atomic
def refuse(*, appeal: Appeal, by: Person, reason: str, at: datetime) -> Appeal:
    """Refuse it, with a reason that whoever filed it reads; one officer suffices. Locks the appeal. Writes an audit entry.

    Raises:
        Refused: no reason ("no_reason"), or as `grant`; who granted it first may refuse it, having noticed a mistake.
    """
    held = _held(appeal, by)
    if not reason.strip():
        raise Refused(_("Give the reason: everybody concerned reads it."), code="no_reason")
    AppealDecision.objects.create(appeal=held, step=len(held.decided) + 1, verdict=Verdict.REFUSED, reason=reason.strip(), by=by, at=at)
    audit.record(held.period, "evaluation.appeal_refused", by=by, appeal=held.pk, reason=reason.strip())
    return Appeal.objects.get(pk=held.pk)


@transaction.atomic
def withdraw(*, appeal: Appeal, by: Person, at: datetime) -> Appeal:
    """Who appeals takes it back, as long as it is not decided; one on paper the person, not the officer who filed it. Locks the appeal.

    Raises:
        Refused: somebody else's ("not_own"), or it is over ("over").
    """
    held = Appeal.objects.select_for_update(of=("self",)).get(pk=appeal.pk)
    if held.whose != by:
        raise Refused(_("An appeal is withdrawn by whoever filed it; one on paper by the person whom it is about."), code="not_own")
    _require_open(held)
    AppealDecision.objects.create(appeal=held, step=len(held.decided) + 1, verdict=Verdict.WITHDRAWN, by=by, at=at)
    audit.record(held.period, "evaluation.appeal_withdrawn", by=by, appeal=held.pk)
    return Appeal.objects.get(pk=held.pk)


def _held(appeal: Appeal, by: Person) -> Appeal:
    held = Appeal.objects.select_for_update(of=("self",)).select_related("period__county").get(pk=appeal.pk)
    if by.pk in (held.by_id, held.person_id):
        raise Refused(_("Nobody decides on an appeal that they filed or that is about them."), code="own")
    if not runs(by, held.period):
        raise Refused(_("Appeals are decided by HR of the whole county."), code="not_hr")
    _require_open(held)
    return held


def _require_open(held: Appeal) -> None:
    if not held.is_open:
        raise Refused(_("This appeal is over: %(state)s.") % {"state": held.state_label}, code="over")


# Reading


def listed(user) -> QuerySet[Appeal]:
    """The appeals that the user may read, with what their lists show. Two queries when read."""
    return Appeal.objects.visible_to(user).select_related("period__county", "unit", "by").prefetch_related("decisions__by").distinct()


def overdue(period: Period, *, at: datetime) -> QuerySet[Appeal]:
    """Open appeals whose last day for an answer is over."""
    return Appeal.objects.open().filter(period=period, due_on__lt=clock.today(at))


def claims_beside(appeal: Appeal, user) -> list[HourClaim]:
    """The claims of the person in the period that wait and that the user may read: hours that are missing are entered by them. One query."""
    if appeal.person_id is None or not appeal.is_open:
        return []
    visible = HourClaim.objects.visible_to(user).filter(person=appeal.person_id)
    return list(services.waiting_claims(appeal.period).filter(pk__in=visible.values("pk")).order_by("pk"))


def days_left(appeal: Appeal, today: date) -> int:
    """Calendar days until an answer is due; negative when it is late."""
    return (appeal.due_on - today).days


def lacks_officer(appeal: Appeal) -> bool:
    """Whether nobody is there who could give the word that it waits for. Two queries."""
    if not appeal.is_open:
        return False
    excluded = {appeal.by_id, appeal.person_id, *_spoken(appeal, first_word(appeal))} - {None}
    holds = Q(role_grants__role=Role.HR, role_grants__ends_on=None, role_grants__unit=appeal.period.county_id) | Q(is_superuser=True)
    return not Person.objects.filter(holds, is_active=True).exclude(pk__in=excluded).exists()
