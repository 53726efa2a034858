"""When results of a sitting may be known: by the person, and by what follows from a pass."""

from datetime import datetime

from django.utils.translation import gettext as _

from core import clock
from quizzes.models import Sitting


def wait_for(sitting: Sitting | None, at: datetime) -> str:
    """Why results of the sitting are not shown yet, in words; "" when they are. Two queries at most, none outside sittings."""
    if sitting is None or sitting.results == Sitting.Results.AT_ONCE:
        return ""
    if sitting.results == Sitting.Results.HELD:
        return _("The county's HR shows results later. Your answers are safe.")
    if not Sitting.objects.with_results_out(at).filter(pk=sitting.pk).exists():
        return _("Results are shown when the sitting is over for everybody, not before %(at)s. Your answers are safe.") % {
            "at": clock.local(sitting.over_at).strftime("%Y-%m-%d %H:%M")
        }
    return ""
