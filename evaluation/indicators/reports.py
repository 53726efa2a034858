"""Figures that officers report for a period: the only writers, and what waits or counts."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core import audit
from core.errors import Refused
from evaluation.indicators import figures
from evaluation.indicators.spec import Spec, read
from evaluation.models import Appeal, FigureConfirmation, FigureWithdrawal, Period, UnitFigure
from evaluation.periods.permissions import runs, still_runs
from people.models import Person, Unit
from people.models.unit import successors

MOST = Decimal(9999)


def reportable(spec: Spec) -> dict[str, str]:
    """What may be reported by name, with its words: reported figures that a formula uses, then bonuses and deductions."""
    used = {name for item in spec.items for name in item.read.names}
    found = {figure.name: figure.name for figure in figures.REPORTED if figure.name in used}
    return found | {one.key: one.name for one in (*spec.bonus, *spec.deduct)}


@transaction.atomic
def report(
    *, period: Period, unit: Unit, values: Mapping[str, Decimal], reason: str, form_key: str, by: Person, at: datetime
) -> list[UnitFigure]:
    """Write what an officer reports of one unit; it counts once somebody else has confirmed it. The same form sent twice writes once.

    Once results are published a figure is reported to answer an open appeal of the unit about it, and otherwise not: nobody could appeal
    against it. Locks the period.

    Raises:
        Refused: not_hr, over (the period is frozen), published (and no appeal asks for it), unit (no organ of the county), nothing, unknown, value, no_reason.
    """
    if not runs(by, period):
        raise Refused(_("Figures are reported by HR of the county."), code="not_hr")
    Period.objects.select_for_update(no_key=True).get(pk=period.pk)
    _require_open(period, unit, values)
    if not unit.path.startswith(period.county.path) or unit.path != unit.organ_path:
        raise Refused(_("Choose a department or township of the county."), code="unit")
    if not values:
        raise Refused(_("Enter at least one figure."), code="nothing")
    if not reason.strip():
        raise Refused(_("Name the proof: a document, a list, a decision."), code="no_reason")
    known = reportable(read(period.version.spec))
    for name, value in values.items():
        if name not in known:
            raise Refused(_("“%(name)s” is not reported in this period.") % {"name": name}, code="unknown")
        if not value.is_finite() or not 0 <= value <= MOST:
            raise Refused(_("%(name)s: a number from 0 to %(most)s.") % {"name": known[name], "most": MOST}, code="value")
    standing = list(UnitFigure.objects.filter(period=period, by=by, form_key=form_key))
    if standing:
        return standing
    made = [
        UnitFigure.objects.create(period=period, unit=unit, name=name, value=value, reason=reason.strip(), by=by, form_key=form_key, at=at)
        for name, value in values.items()
    ]
    audit.record(unit, "evaluation.figure_reported", by=by, year=period.year, figures={one.name: str(one.value) for one in made})
    return made


def confirm(*, figure: UnitFigure, by: Person, at: datetime) -> FigureConfirmation:
    """Let a reported figure count: somebody else than its author says so, once; after publication as `report`.

    Raises:
        Refused: not_hr, own, author_gone (who reported it is HR no more), over (the period is frozen), published (and no appeal asks for it), replaced (a later report stands), withdrawn, done.
    """
    period = figure.period
    if not runs(by, period):
        raise Refused(_("Figures are confirmed by HR of the county."), code="not_hr")
    if figure.by_id == by.pk:
        raise Refused(_("You reported this figure: another HR officer has to confirm it."), code="own")
    if not still_runs(figure.by, period):
        raise Refused(
            _("%(name)s, who reported this figure, is HR no more: report it anew.") % {"name": figure.by.name}, code="author_gone"
        )
    try:
        with transaction.atomic():
            Period.objects.select_for_update(no_key=True).get(pk=period.pk)
            _require_open(period, figure.unit, [figure.name])
            later = UnitFigure.objects.filter(period=period, unit=figure.unit_id, name=figure.name, pk__gt=figure.pk)
            if later.filter(withdrawal=None).exists():
                raise Refused(_("A later report of this figure stands: confirm that one."), code="replaced")
            if FigureWithdrawal.objects.filter(figure=figure).exists():
                raise Refused(_("This report was taken back."), code="withdrawn")
            confirmation = FigureConfirmation.objects.create(figure=figure, author_id=figure.by_id, by=by, at=at)
            audit.record(figure.unit, "evaluation.figure_confirmed", by=by, year=period.year, figure=figure.name, value=str(figure.value))
            return confirmation
    except IntegrityError as error:
        raise Refused(_("This figure is confirmed already."), code="done") from error


@transaction.atomic
def withdraw(*, figure: UnitFigure, by: Person, at: datetime) -> FigureWithdrawal:
    """Take a report back that nobody has confirmed, as its author or as the officer who does not confirm it. Again changes nothing.

    Locks the period.

    Raises:
        Refused: not_hr, over (the period is frozen), done (it is confirmed: a later report corrects it).
    """
    period = figure.period
    if not runs(by, period):
        raise Refused(_("Figures are confirmed by HR of the county."), code="not_hr")
    Period.objects.select_for_update(no_key=True).get(pk=period.pk)
    if standing := FigureWithdrawal.objects.filter(figure=figure).first():
        return standing
    if not Period.objects.before_freeze().filter(pk=period.pk).exists():
        raise Refused(_("The period is frozen: nothing is reported any more."), code="over")
    if FigureConfirmation.objects.filter(figure=figure).exists():
        raise Refused(_("This figure is confirmed already."), code="done")
    made = FigureWithdrawal.objects.create(figure=figure, by=by, at=at)
    audit.record(figure.unit, "evaluation.figure_withdrawn", by=by, year=period.year, figure=figure.name, value=str(figure.value))
    return made


def waiting(period: Period) -> list[UnitFigure]:
    """Reports that nobody has confirmed or taken back and no later one replaces, by unit. One query."""
    return list(UnitFigure.objects.filter(period=period).waiting().select_related("unit", "by").order_by("unit__code", "name"))


def counting(period: Period) -> list[UnitFigure]:
    """Of each unit and figure the newest that was confirmed, those too that were `left_behind`. One query."""
    newest: dict[tuple[int, str], UnitFigure] = {}
    confirmed = UnitFigure.objects.confirmed().filter(period=period).select_related("unit", "by", "confirmation__by")
    for one in confirmed.order_by("pk"):
        newest[one.unit_id, one.name] = one
    return sorted(newest.values(), key=lambda one: (one.unit.code, one.name))


def left_behind(period: Period, found: Iterable[UnitFigure]) -> list[tuple[UnitFigure, Unit]]:
    """Those of units that were merged before the cut-off, each with the unit that goes on: they count nowhere. One query, none where no unit was closed."""
    reported = [one for one in found if one.unit.closed_on is not None]
    if not reported:
        return []
    units = {unit.pk: unit for unit in Unit.objects.filter(path__startswith=period.county.path)}
    homes = successors(units, before=period.cutoff_on)
    return [(one, homes[one.unit_id]) for one in reported if homes[one.unit_id].pk != one.unit_id]


def is_published(period: Period) -> bool:
    """Whether results are published and not frozen yet: figures are then reported to answer an appeal alone. One query at most."""
    return period.state in (Period.State.PUBLICITY, Period.State.APPEALS)


def appealed(spec: Spec, item_key: str) -> set[str]:
    """The figures that an appeal about an item is about: the reported ones of its formula, or the bonus or deduction itself."""
    item = next((one for one in spec.items if one.key == item_key), None)
    return {figure.name for figure in figures.REPORTED} & set(item.read.names) if item is not None else {item_key}


def _require_open(period: Period, unit: Unit, names: Iterable[str]) -> None:
    standing = Period.objects.select_related("version").get(pk=period.pk)
    if standing.state == Period.State.CANCELLED:
        raise Refused(_("The period was cancelled: nothing is reported any more."), code="over")
    if not Period.objects.before_freeze().filter(pk=period.pk).exists():
        raise Refused(_("The period is frozen: nothing is reported any more."), code="over")
    if not is_published(standing):
        return
    spec = read(standing.version.spec)
    keys = Appeal.objects.open().filter(period=period, unit=unit, person=None).values_list("item_key", flat=True)
    if not set(names) <= set().union(*(appealed(spec, key) for key in keys)):
        raise Refused(
            _(
                "Results are published: a figure is reported only to answer an open appeal of the unit about it. Anything else has to be "
                "published anew: two officers reopen the period first."
            ),
            code="published",
        )
