"""The steps of a period: the only writers. Each locks the period's row; two officers at once take one step."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Substr
from django.utils.translation import gettext as _

from core import audit, clock, workdays
from core.errors import Refused
from core.snapshots import one_snapshot
from evaluation.indicators import calculation, spec
from evaluation.models import (
    Appeal,
    Calculation,
    Cancellation,
    HourClaim,
    IndicatorApproval,
    IndicatorVersion,
    Period,
    PeriodStep,
    PointWithdrawal,
    Reopening,
    UnitFigure,
)
from evaluation.periods import deviations, package, requirements, rules
from evaluation.periods.permissions import runs, still_runs
from people.models import Person, Unit

State = Period.State
DAY = timedelta(days=1)
TRIES = 5
MOST_NAMED = 10
_SERIALIZATION = "40001"
Made = TypeVar("Made")
Proposal = TypeVar("Proposal", Reopening, Cancellation, PointWithdrawal)


def open_period(
    *,
    county: Unit,
    year: int,
    version: IndicatorVersion,
    by: Person,
    at: datetime,
    opens_on: date | None = None,
    cutoff_on: date | None = None,
    freeze_on: date | None = None,
    publicity_days: int | None = None,
    appeal_days: int | None = None,
) -> Period:
    """Open a county's evaluation of a year by an approved version; what is not given comes from that version. Writes an audit entry.

    A year has one, and another one only once that was cancelled.

    Raises:
        Refused: not HR of the county ("not_hr"), a version of another county or not approved ("other_county", "not_approved"), the
            year has one ("standing"), or dates that cannot be ("opens_after_cutoff", "cutoff_after_freeze", "other_year", "too_far",
            "too_short" for publicity and appeals).
    """
    period = Period(county=county, year=year, version=version, by=by, at=at)
    _require_hr(by, period)
    if version.indicator.county_id not in (None, county.pk):
        raise Refused(_("This indicator belongs to another county."), code="other_county")
    if not IndicatorApproval.objects.filter(version=version).exists():
        raise Refused(_("This version of the indicator is not approved yet: another officer of HR has to do it."), code="not_approved")
    proposed = spec.read(version.spec).period
    first, last, freeze = proposed.of(year)
    period.opens_on, period.cutoff_on, period.freeze_on = opens_on or first, cutoff_on or last, freeze_on or freeze
    period.publicity_days = proposed.publicity_days if publicity_days is None else publicity_days
    period.appeal_days = proposed.appeal_days if appeal_days is None else appeal_days
    _require_dates(period)
    try:
        with transaction.atomic():
            of_year = Period.objects.filter(county=county, year=year)
            if of_year.not_cancelled().exists():
                raise Refused(_("The evaluation of %(year)d is open already.") % {"year": year}, code="standing")
            period.number = of_year.count() + 1
            period.save()
            audit.record(period, "evaluation.period_opened", by=by, year=year, version=str(version))
    except IntegrityError as error:
        raise Refused(_("The evaluation of %(year)d is open already.") % {"year": year}, code="standing") from error
    return period


def earliest_freeze(period: Period) -> date:
    """The first day on which a period could be frozen, each step taken as early as may be. Two queries."""
    published_until = workdays.add_workdays(period.cutoff_on + DAY, period.publicity_days)
    return workdays.add_workdays(published_until + DAY, period.appeal_days) + DAY


def cut_off(*, period: Period, by: Person, at: datetime) -> PeriodStep:
    """End the time that counts, once its last day is over. Which courses and tests are asked for was noted then; else it is noted now.

    Raises:
        Refused: not HR of the county ("not_hr"), not the next step ("order"), the day is not over ("too_early"), or somebody
            writes to the period at this moment ("busy"), or another officer has just taken a step ("taken").
    """
    with transaction.atomic():
        _enter(period, State.CUT_OFF, by, at)
        return _take(period, State.CUT_OFF, by=by, at=at, asked=requirements.note(period, at=at, by=by).asked)


def publish(*, period: Period, by: Person, at: datetime) -> PeriodStep:
    """Calculate the period and publish it (公示) for its working days, from the next day on.

    Raises:
        Refused: as `cut_off`; reported figures wait to be confirmed ("unconfirmed"): they could not be any more; claims of hours that would
            count wait to be decided ("open_claims"): approved later they would stand in no publicity.
    """

    def act() -> PeriodStep:
        _enter(period, State.PUBLICITY, by, at)
        made = calculation.record(period=period, purpose=Calculation.Purpose.PUBLICITY, by=by, at=at)
        due_on = workdays.add_workdays(clock.today(at), period.publicity_days)
        return _take(period, State.PUBLICITY, by=by, at=at, calculation=made, due_on=due_on)

    return in_one_snapshot(act)


def open_appeals(*, period: Period, by: Person, at: datetime) -> PeriodStep:
    """Let people and units appeal against what was published, for the period's working days, once publicity is over.

    Raises:
        Refused: as `cut_off`; publicity runs ("publicity_runs").
    """
    with transaction.atomic():
        _enter(period, State.APPEALS, by, at)
        due_on = workdays.add_workdays(clock.today(at), period.appeal_days)
        return _take(period, State.APPEALS, by=by, at=at, calculation=published(period), due_on=due_on)


def freeze(*, period: Period, by: Person, at: datetime) -> PeriodStep:
    """Calculate once more, with all that appeals corrected, and seal it. The same officer's second click changes nothing.

    What comes out is what was published, but for what granted appeals explain: anything else has to be published first.

    All is read in one snapshot of the database: a roster that changes meanwhile is seen as it was, or as it became, never half.

    Raises:
        Refused: as `cut_off`; appeals run ("appeals_run") or wait for an answer ("unanswered"); reported figures wait to be confirmed
            ("unconfirmed"); lines would be frozen otherwise than they were published ("unexplained"); a record that an appeal was granted
            by was changed back, or points would count nothing ("not_counted"); another officer has frozen it ("order"); nothing to sign with ("no_key").
    """

    def act() -> PeriodStep:
        _require_hr(by, period)
        hold(period)
        newest = period.newest_step
        if newest is not None and newest.state == State.FROZEN and newest.by_id == by.pk:
            return newest
        _require_next(period, State.FROZEN, at)
        outcome = calculation.calculate(period=period, at=at)
        _require_explained(period, newest.calculation, outcome, at)
        made = calculation.record(period=period, purpose=Calculation.Purpose.FREEZE, by=by, at=at, outcome=outcome)
        package.seal(made, at=at)
        return _take(period, State.FROZEN, by=by, at=at, calculation=made)

    return in_one_snapshot(act)


@transaction.atomic
def propose_reopen(*, period: Period, by: Person, reason: str, at: datetime, settle_anew: bool = False) -> Reopening:
    """Propose that the period go back to “cut off”: its publicity, appeals and freeze are done again. Another officer confirms it.

    What the year asks for stays as it was noted, unless it is to be settled anew (`requirements.changes` says what that changes). The same proposal after the same step is the first one; another one of the
    same officer's takes its place. Writes an audit entry.

    Raises:
        Refused: not HR of the county ("not_hr"), no reason ("no_reason"), nothing to reopen ("order"), or another officer's proposal stands
            that says otherwise ("standing").
    """
    _require_hr(by, period)
    if not reason.strip():
        raise Refused(_("Say why the period has to be reopened."), code="no_reason")
    hold(period)
    newest = period.newest_step
    if newest is None or newest.state not in rules.REOPENED_FROM:
        raise Refused(_said("not_reopened", period, standing_of(period, at=at)), code="order")
    standing = standing_proposal(period)
    if standing is not None:
        if (standing.reason, standing.settles_anew) == (reason.strip(), settle_anew):
            return standing
        if standing.by_id != by.pk:
            raise Refused(_proposed(standing), code="standing")
    made = Reopening.objects.create(period=period, after=newest, reason=reason.strip(), settles_anew=settle_anew, by=by, at=at)
    audit.record(period, "evaluation.reopening_proposed", by=by, reason=made.reason, settles_anew=settle_anew)
    return made


@transaction.atomic
def reopen(*, period: Period, by: Person, at: datetime, seen: str | None = None) -> PeriodStep:
    """Confirm a proposal as another officer: the period stands at “cut off” again, with what was asked for, or settled anew as proposed.

    What was frozen before stays on record. `seen`: the key of the proposal that the officer looked at.

    Raises:
        Refused: not HR of the county ("not_hr"), no proposal that stands ("no_proposal"), one's own ("same_officer"), or another one than
            was looked at ("replaced").
    """
    _require_hr(by, period)
    hold(period)
    proposal = standing_proposal(period)
    if proposal is None:
        raise Refused(_("Nobody who is HR now has proposed to reopen this period as it stands."), code="no_proposal")
    if proposal.by_id == by.pk:
        raise Refused(_("You proposed it: another officer of HR has to confirm."), code="same_officer")
    _require_seen(proposal, seen)
    asked = calculation.asked_now(period.county, clock.end_of(period.cutoff_on)) if proposal.settles_anew else calculation.noted(period.pk)
    return _take(period, State.CUT_OFF, by=proposal.by, second=by, at=at, reason=proposal.reason, asked=asked)


@transaction.atomic
def propose_cancellation(*, period: Period, by: Person, reason: str, at: datetime) -> Cancellation:
    """Propose to cancel a period that was opened wrongly. Another officer confirms it; then the year can be opened anew.

    A second proposal after the same step is the first one; the same officer's with another reason takes its place. Writes an audit entry.

    Raises:
        Refused: not HR of the county ("not_hr"), no reason ("no_reason"), or something was published ("order").
    """
    _require_hr(by, period)
    if not reason.strip():
        raise Refused(_("Say why the period has to be cancelled."), code="no_reason")
    hold(period)
    _require_cancellable(period)
    standing = standing_cancellation(period)
    if standing is not None and (standing.by_id != by.pk or standing.reason == reason.strip()):
        return standing
    made = Cancellation.objects.create(period=period, after=len(period.steps_taken), reason=reason.strip(), by=by, at=at)
    audit.record(period, "evaluation.cancellation_proposed", by=by, reason=made.reason)
    return made


@transaction.atomic
def cancel(*, period: Period, by: Person, at: datetime, seen: str | None = None) -> PeriodStep:
    """Confirm a proposal as another officer: no further step is taken. What was entered for the period stays on record and counts nowhere.
    `seen`: the key of the proposal that the officer looked at.

    Raises:
        Refused: not HR of the county ("not_hr"), no proposal that stands ("no_proposal"), one's own ("same_officer"), or another one than
            was looked at ("replaced").
    """
    _require_hr(by, period)
    hold(period)
    proposal = standing_cancellation(period) if can_be_cancelled(period) else None
    if proposal is None:
        raise Refused(_("Nobody who is HR now has proposed to cancel this period as it stands."), code="no_proposal")
    if proposal.by_id == by.pk:
        raise Refused(_("You proposed it: another officer of HR has to confirm."), code="same_officer")
    _require_seen(proposal, seen)
    return _take(period, State.CANCELLED, by=proposal.by, second=by, at=at, reason=proposal.reason)


# Reading


def can_be_cancelled(period: Period) -> bool:
    """Whether a period stands open or cut off and nothing of it was ever published. No query beside the steps."""
    return period.state in rules.CANCELLED_FROM and not any(step.calculation_id for step in period.steps_taken)


def standing_cancellation(period: Period) -> Cancellation | None:
    """The proposal to cancel that waits for a second officer. Two queries beside the steps."""
    return standing_of_officer(Cancellation.objects.filter(period=period, after=len(period.steps_taken)), period)


def standing_proposal(period: Period) -> Reopening | None:
    """The proposal to reopen that waits for a second officer. Two queries beside the steps."""
    newest = period.newest_step
    return standing_of_officer(Reopening.objects.filter(after=newest), period) if newest is not None else None


def standing_of_officer(proposals: QuerySet[Proposal], period: Period) -> Proposal | None:
    """Of proposals the newest whose officer still runs the period. One query, and one for each that is looked at."""
    return next((one for one in proposals.select_related("by").order_by("-pk") if still_runs(one.by, period)), None)


def published(period: Period) -> Calculation | None:
    """What everybody of the county may read: the newest frozen or published calculation of a period that is past its cut-off. One query at most.

    None while a reopened period waits to be published anew.
    """
    step = published_step(period)
    return step.calculation if step is not None else None


def published_step(period: Period) -> PeriodStep | None:
    """The step whose calculation everybody of the county may read. None before one, and while a reopened period waits for it. No query
    where the steps are at hand.
    """
    frozen = [step for step in period.steps_taken if step.state == State.FROZEN]
    newest = period.newest_step
    found = newest if newest is not None and newest.state != State.HANDED_OVER else frozen[-1] if frozen else None
    return found if found is not None and found.calculation_id else None


def were_published(period: Period) -> QuerySet[Calculation]:
    """The calculations of a period that a step published or froze, whichever of them stands now."""
    public = (State.PUBLICITY, State.APPEALS, State.FROZEN, State.HANDED_OVER)
    return Calculation.objects.filter(period=period).filter(Exists(PeriodStep.objects.filter(calculation=OuterRef("pk"), state__in=public)))


def refusal_of(period: Period, to: str, *, standing: rules.Standing) -> str | None:
    """Why a step cannot be taken from where the period stands, in words; None where it can. No query where the steps are at hand."""
    problem = rules.hindrance(to, standing)
    return None if problem is None else _said(problem, period, standing)


def standing_of(
    period: Period, *, at: datetime, found: Sequence[deviations.Deviation] = (), uncounted: Sequence[Appeal] = ()
) -> rules.Standing:
    """Where a period stands at a moment. Four queries at most beside the steps.

    Where somebody has looked, `found`: how a freeze would differ; `uncounted`: granted appeals that would not count.
    """
    newest = period.newest_step
    claims = _claims_by_county(period) if period.is_before_publicity else {}
    return rules.Standing(
        state=period.state,
        today=clock.today(at),
        cutoff_on=period.cutoff_on,
        due_on=newest.due_on if newest is not None else None,
        open_appeals=Appeal.objects.open().filter(period=period).count(),
        unconfirmed=UnitFigure.objects.filter(period=period).waiting().count(),
        open_claims=sum(claims.values()),
        claims_elsewhere=tuple((str(one or "—"), number) for one, number in claims.items() if one != period.county),
        unexplained=sum(bool(one.unexplained) for one in found),
        uncounted=tuple(f"{one.about}（{_remedied(one)}）" for one in uncounted),
    )


def waiting_claims(period: Period) -> QuerySet[HourClaim]:
    """Claims of hours learned in the period that nobody has decided to the end: in the county, or anywhere by who served it in the period,
    whose line counts them.
    """
    of_year = HourClaim.objects.open().filter(ends_on__year=period.year, ends_on__lte=period.cutoff_on)
    served = calculation.main_postings(period.county, period.opens_on, period.cutoff_on).filter(person=OuterRef("person"))
    return of_year.filter(Q(unit__path__startswith=period.county.path) | Exists(served))


def _claims_by_county(period: Period) -> dict[Unit | None, int]:
    """How many claims wait in each county, in the order of the tree. Two queries at most."""
    paths = waiting_claims(period).order_by().values_list(Substr("unit__path", 1, Unit.steplen))
    numbers = dict(paths.annotate(Count("pk")))
    counties = Unit.objects.in_bulk(numbers, field_name="path") if numbers else {}
    return {counties.get(path): numbers[path] for path in sorted(numbers, key=str)}


def _remedied(appeal: Appeal) -> str:
    """What was granted, in words: the kind of record, or the points."""
    first = appeal.decided[0]
    return first.get_record_display() if first.points is None else f"{first.item_key} {first.points:+}"


def preview(period: Period, *, at: datetime) -> calculation.Outcome:
    """What publishing at this moment would write; nothing is written. As many queries as `calculation.calculate`."""
    with one_snapshot():
        return calculation.calculate(period=period, at=at)


def compared(period: Period, *, at: datetime) -> tuple[list[deviations.Deviation], list[Appeal]]:
    """How a freeze at this moment would differ from what is published, and granted appeals that would not count in it; nothing where
    nothing is published, or it is frozen. Calculates the period.
    """
    newest = period.newest_step
    if newest is None or newest.state not in (State.PUBLICITY, State.APPEALS):
        return [], []
    with one_snapshot():
        return _compared(newest.calculation, calculation.calculate(period=period, at=at), at)


def _compared(published: Calculation, outcome: calculation.Outcome, at: datetime) -> tuple[list[deviations.Deviation], list[Appeal]]:
    return deviations.between(published, outcome), deviations.uncounted(published, outcome, at=at)


# Taking a step


def _enter(period: Period, to: str, by: Person, at: datetime) -> None:
    _require_hr(by, period)
    hold(period)
    _require_next(period, to, at)


def _require_hr(by: Person, period: Period) -> None:
    if not runs(by, period):
        raise Refused(_("The steps of an evaluation are taken by HR of the whole county."), code="not_hr")


def _require_next(period: Period, to: str, at: datetime) -> None:
    _require_unhindered(period, to, standing_of(period, at=at))


def _require_explained(period: Period, published: Calculation, outcome: calculation.Outcome, at: datetime) -> None:
    found, uncounted = _compared(published, outcome, at)
    _require_unhindered(period, State.FROZEN, standing_of(period, at=at, found=found, uncounted=uncounted))


def _require_unhindered(period: Period, to: str, standing: rules.Standing) -> None:
    problem = rules.hindrance(to, standing)
    if problem is not None:
        raise Refused(_said(problem, period, standing), code=problem)


def _require_seen(proposal: Reopening | Cancellation, seen: str | None) -> None:
    if seen is not None and seen != str(proposal.pk):
        raise Refused(
            _("The proposal was replaced by another one since you opened the page. Look again: it stands there now."), code="replaced"
        )


def _require_cancellable(period: Period) -> None:
    if not can_be_cancelled(period):
        raise Refused(_("Only a period of which nothing was published can be cancelled."), code="order")


def _require_dates(period: Period) -> None:
    problem = rules.dates_problem(opens_on=period.opens_on, cutoff_on=period.cutoff_on, freeze_on=period.freeze_on, year=period.year)
    if problem is None:
        earliest = earliest_freeze(period)
        if period.freeze_on < earliest:
            said = _("Publicity and appeals do not fit in: it can be frozen on %(earliest)s at the earliest.")
            raise Refused(said % {"earliest": earliest}, code="too_short")
        return
    said = {
        "opens_after_cutoff": _("The opening roster's day lies on or after the last day that counts."),
        "cutoff_after_freeze": _("The day to be frozen by lies on or before the last day that counts."),
        "other_year": _("The last day that counts does not lie in %(year)d."),
        "too_far": _("The opening roster's day lies in %(year)d, and the day to be frozen by in %(year)d or %(after)d."),
    }[problem]
    raise Refused(said % {"year": period.year, "after": period.year + 1}, code=problem)


def hold(period: Period) -> None:
    """Hold the period's row, and look again at its steps. Who finds it held is told at once: a freeze takes its time, and then there is nothing left to do.

    Whoever files an appeal or a figure holds it too: the words are true of both.
    """
    try:
        Period.objects.select_for_update(nowait=True, of=("self",)).only("pk").get(pk=period.pk)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == _SERIALIZATION:
            raise
        raise Refused(
            _("Something is being written to this period at this moment: a step, an appeal, or a figure. Look again in a minute."),
            code="busy",
        ) from error
    period.look_again()


def _take(
    period: Period,
    to: str,
    *,
    by: Person,
    at: datetime,
    calculation: Calculation | None = None,
    due_on: date | None = None,
    reason: str = "",
    second: Person | None = None,
    asked: dict | None = None,
) -> PeriodStep:
    newest = period.newest_step
    number = newest.number + 1 if newest is not None else 1
    try:
        with transaction.atomic():
            made = PeriodStep.objects.create(
                period=period,
                number=number,
                state=to,
                calculation=calculation,
                due_on=due_on,
                asked=asked,
                reason=reason,
                by=by,
                second=second,
                at=at,
            )
    except IntegrityError as error:
        # The other one's step was committed after this transaction began to look.
        raise Refused(_("Another officer has just taken a step of this period. Look again."), code="taken") from error
    period.look_again()
    act = "reopened" if to == State.CUT_OFF and second is not None else to
    audit.record(period, f"evaluation.period_{act}", by=second or by, number=number, reason=reason)
    return made


def in_one_snapshot(act: Callable[[], Made]) -> Made:
    """Run a step in one snapshot; again where a row that it points at was changed while it looked."""
    tries = 1 if connection.in_atomic_block else TRIES
    while True:
        tries -= 1
        try:
            with one_snapshot():
                return act()
        except OperationalError as error:
            if not tries or getattr(error.__cause__, "sqlstate", None) != _SERIALIZATION:
                raise


def _proposed(standing: Reopening) -> str:
    if standing.settles_anew:
        said = _(
            "%(name)s has proposed to reopen this period and to settle anew what the year asks for: “%(reason)s”. Confirm that proposal, or "
            "agree with them what to do: yours says otherwise and was not noted."
        )
    else:
        said = _(
            "%(name)s has proposed to reopen this period with what the year asks for as it was noted: “%(reason)s”. Confirm that proposal, or "
            "agree with them what to do: yours says otherwise and was not noted."
        )
    return said % {"name": standing.by.name, "reason": standing.reason}


def named_counties(standing: rules.Standing) -> str:
    """The other counties whose HR decides claims that wait, each with their number."""
    named = [f"{county}（{number}）" for county, number in standing.claims_elsewhere]
    return "、".join(named[:MOST_NAMED]) + ("……" if len(named) > MOST_NAMED else "")


def _claims_said(standing: rules.Standing) -> str:
    if not standing.claims_elsewhere:
        return _(
            "%(claims)d claims of hours up to the last day that counts wait: approved after publication they would be in no publicity. "
            "Approve them or turn them down first."
        )
    if not standing.own_claims:
        return _(
            "%(claims)d claims of hours up to the last day that counts wait: approved after publication they would be in no publicity. "
            "HR of the other county decides on them: %(counties)s."
        )
    return _(
        "%(claims)d claims of hours up to the last day that counts wait: approved after publication they would be in no publicity. "
        "Approve your county's or turn them down first; HR of the other county decides on the others: %(counties)s."
    )


def _said(problem: str, period: Period, standing: rules.Standing) -> str:
    newest = period.newest_step
    if problem == "order":
        state = State(period.state).label
        if newest is None or newest.by is None:
            return _("The period stands at “%(state)s”: this is not its next step.") % {"state": state}
        words = _("The period stands at “%(state)s” (by %(name)s, %(when)s): this is not its next step.")
        return words % {"state": state, "name": newest.by.name, "when": f"{clock.local(newest.at):%Y-%m-%d %H:%M}"}
    if problem == "not_reopened":
        return _("Only what was published or frozen can be reopened. What was handed over is answered by a supplementary list.")
    due_on = newest.due_on if newest is not None else None
    return {
        "too_early": _("The last day that counts, %(cutoff)s, is not over."),
        "publicity_runs": _("Publicity runs until the end of %(due)s."),
        "appeals_run": _("Appeals can be filed until the end of %(due)s."),
        "unanswered": _("%(count)d appeals wait for an answer."),
        "unconfirmed": _(
            "%(figures)d reported figures wait to be confirmed: under “Reported figures” another officer confirms them, or they are taken back."
        ),
        "open_claims": _claims_said(standing),
        "unexplained": _(
            "%(lines)d lines would be frozen otherwise than they were published, and no granted appeal explains it. What is right has to be "
            "published anew: two officers reopen the period, and publicity and appeals run again."
        ),
        "not_counted": _(
            "What was granted is not in the lines any more, since the record was changed back, or the item counts nothing: %(appeals)s. Put it "
            "right again, or reopen the period and publish it anew."
        ),
    }[problem] % {
        "cutoff": period.cutoff_on,
        "due": due_on,
        "count": standing.open_appeals,
        "lines": standing.unexplained,
        "figures": standing.unconfirmed,
        "claims": standing.open_claims,
        "counties": named_counties(standing),
        "appeals": "、".join(standing.uncounted[:MOST_NAMED]) + ("……" if len(standing.uncounted) > MOST_NAMED else ""),
    }


__all__ = [
    "can_be_cancelled",
    "cancel",
    "compared",
    "cut_off",
    "earliest_freeze",
    "freeze",
    "hold",
    "in_one_snapshot",
    "named_counties",
    "open_appeals",
    "open_period",
    "preview",
    "propose_cancellation",
    "propose_reopen",
    "publish",
    "published",
    "refusal_of",
    "reopen",
    "standing_cancellation",
    "standing_of",
    "standing_of_officer",
    "standing_proposal",
    "waiting_claims",
]
