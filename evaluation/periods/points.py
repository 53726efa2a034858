"""Taking back the points that an appeal was granted, once the record itself is put right: two officers, while the period is reopened."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core import audit
from core.errors import Refused
from evaluation.models import Period, PeriodStep, PointCorrection, PointsTakenBack, PointWithdrawal
from evaluation.periods import services
from evaluation.periods.permissions import runs, still_runs
from people.models import Person


@transaction.atomic
def propose(*, correction: PointCorrection, by: Person, reason: str, at: datetime) -> PointWithdrawal:
    """Propose to take corrected points back. A second proposal after the same step is the first one. Holds the period; writes an audit entry.

    Raises:
        Refused: not HR of the county ("not_hr"), no reason ("no_reason"), the period is not reopened ("order"), they were taken back ("done").
    """
    _require_hr(by, correction.period)
    if not reason.strip():
        raise Refused(_("Say why the points are taken back."), code="no_reason")
    after = _held(correction)
    standing = _standing(correction, after)
    if standing is not None:
        return standing
    made = PointWithdrawal.objects.create(correction=correction, after=after, reason=reason.strip(), by=by, at=at)
    audit.record(correction.period, "evaluation.points_withdrawal_proposed", by=by, correction=correction.pk, reason=made.reason)
    return made


@transaction.atomic
def take_back(*, correction: PointCorrection, by: Person, at: datetime) -> PointsTakenBack:
    """Confirm a proposal as another officer: no later calculation counts the points. Holds the period; writes an audit entry.

    Raises:
        Refused: not HR of the county ("not_hr"), the period is not reopened ("order"), they were taken back ("done"), no proposal
            that stands ("no_proposal"), or one's own ("same_officer").
    """
    _require_hr(by, correction.period)
    after = _held(correction)
    proposal = _standing(correction, after)
    if proposal is None:
        raise Refused(_("Nobody who is HR now has proposed to take these points back."), code="no_proposal")
    if proposal.by_id == by.pk:
        raise Refused(_("You proposed it: another officer of HR has to confirm."), code="same_officer")
    made = PointsTakenBack.objects.create(correction=correction, withdrawal=proposal, author=proposal.by, by=by, at=at)
    audit.record(correction.period, "evaluation.points_taken_back", by=by, correction=correction.pk, reason=proposal.reason)
    return made


def _standing(correction: PointCorrection, after: PeriodStep) -> PointWithdrawal | None:
    return services.standing_of_officer(PointWithdrawal.objects.filter(correction=correction, after=after), correction.period)


def is_reopened(period: Period) -> bool:
    """Whether a period was published before and waits to be published anew. No query beside the steps."""
    return period.state == Period.State.CUT_OFF and any(step.calculation_id for step in period.steps_taken)


@dataclass(frozen=True)
class Given:
    """Corrected points that count, the item's name, and the proposal to take them back that waits for a second officer."""

    correction: PointCorrection
    item: str
    proposal: PointWithdrawal | None


def given(period: Period) -> list[Given]:
    """The corrected points of a reopened period that count, by unit; nothing of any other. Two queries beside the steps, and one for each
    officer who proposed."""
    if not is_reopened(period):
        return []
    standing = list(period.point_corrections.standing().select_related("unit", "by", "approved").order_by("unit__code", "pk"))
    proposed = PointWithdrawal.objects.filter(correction__in=standing, after=period.newest_step).select_related("by")
    officers = {one.by_id: one.by for one in proposed}
    standing_by = {pk for pk, officer in officers.items() if still_runs(officer, period)}
    proposals = {one.correction_id: one for one in proposed if one.by_id in standing_by}
    names = {one["key"]: one["name"] for one in period.version.spec["items"]}
    return [Given(one, f"{one.item_key} {names.get(one.item_key, '')}", proposals.get(one.pk)) for one in standing]


def _require_hr(by: Person, period: Period) -> None:
    if not runs(by, period):
        raise Refused(_("Points are taken back by HR of the whole county."), code="not_hr")


def _held(correction: PointCorrection) -> PeriodStep:
    """The step that reopened the period, which is held from here on."""
    period = correction.period
    services.hold(period)
    if not is_reopened(period) or period.newest_step is None:
        raise Refused(_("Points are taken back while the period is reopened: what is published is published with them."), code="order")
    if PointsTakenBack.objects.filter(correction=correction).exists():
        raise Refused(_("These points were taken back already."), code="done")
    return period.newest_step
