"""Who runs a county's yearly evaluation, and who looks into it."""

from evaluation.models import Period
from people.models import Role
from people.permissions import paths_of


def runs(user, period: Period) -> bool:
    """Whether the user takes the steps of a period: HR over the whole county."""
    return user.is_superuser or period.county.path in paths_of(user, [Role.HR])


def still_runs(officer, period: Period) -> bool:
    """Whether what an officer proposed may be confirmed: they run the period still, and may sign in. One query."""
    return officer.is_active and runs(officer, period)


def looks_into(user, period: Period) -> bool:
    """Whether the user reads every row of a period: who runs it, and the county's auditors."""
    return user.is_superuser or period.county.path in paths_of(user, [Role.HR, Role.AUDITOR])
