"""The state of the system, in words for an administrator: what works, what waits, what reconcile found."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import clock, health, reconcile
from core.models import Gauge
from courses.models import Course
from quizzes.services import readiness

NAMES = {
    "database": gettext_lazy("Database"),
    "migrations": gettext_lazy("Migrations"),
    "cache": gettext_lazy("Shared cache"),
    "broker": gettext_lazy("Broker of jobs"),
    "worker": gettext_lazy("Worker and scheduler"),
    "reconcile": gettext_lazy("Repairs"),
}
ADVICE = {
    "migrations": gettext_lazy("The database is older than the programme: run “manage.py migrate”."),
    "cache": gettext_lazy(
        "Lock-outs and rate limits live there: sign-in fails without it. Look at REDIS_URL, or run “manage.py createcachetable”."
    ),
    "broker": gettext_lazy("Certificates' files wait until it is back; nothing is lost. Look at CELERY_BROKER_URL."),
    "worker": gettext_lazy(
        "No job is done at present: certificates' files, time-outs of tests in the background, repairs. Start the worker and the scheduler."
    ),
    "reconcile": gettext_lazy(
        "Repairs run every five minutes. What is not mended is named below; the log says why it could not be mended."
    ),
}
# The checks in words; one that is missing here shows its own name.
CHECKS = {
    "people.roles": gettext_lazy("Roles agree with duties"),
    "courses.completions": gettext_lazy("Everything met is completed"),
    "courses.authoring": gettext_lazy("Trainers and reviewers have their groups"),
    "quizzes.overdue": gettext_lazy("Tests past their time are handed in"),
    "quizzes.passes": gettext_lazy("Passed tests are told to the course"),
    "quizzes.markings": gettext_lazy("Marking by people is carried to its end"),
    "quizzes.remarks": gettext_lazy("Approved re-marks are carried out"),
    "quizzes.lost_passes": gettext_lazy("Passes that a re-marking took away count nowhere"),
    "quizzes.corrected_passes": gettext_lazy("Passes that a correction of marks from paper took away count nowhere"),
    "quizzes.corrected_ratings": gettext_lazy("Passes that a correction of markers' points took away count nowhere"),
    "quizzes.imports": gettext_lazy("Imports of questions go on to their end"),
    "signing keys": gettext_lazy("Certificates can be signed"),
    "certificates issued": gettext_lazy("Completions have their certificate"),
    "certificates renewed": gettext_lazy("Completions of renewal courses have renewed"),
    "higher certificates issued": gettext_lazy("Who has met all conditions has the higher certificate"),
    "certificates revoked with their completion": gettext_lazy("Reversed completions have no valid certificate"),
    "certificate files": gettext_lazy("Certificates have their files"),
    "evaluation.packages": gettext_lazy("Packages of frozen years are kept"),
    "evaluation.downloads": gettext_lazy("Ordered exports are written"),
    "addresses on certificates": gettext_lazy("Addresses that certificates name are known"),
    "certificate batches": gettext_lazy("Work on many certificates goes on to its end"),
    "approval of certificate templates": gettext_lazy("Templates that were approved are in force"),
    "editors of certificates": gettext_lazy("Who rules certificates gets to their templates"),
    "status events in the ledger": gettext_lazy("The ledger holds what became of certificates"),
    "roots of the ledger": gettext_lazy("Finished days of the ledger are published"),
    "evaluation.asked": gettext_lazy("Years that are over have noted what they ask for"),
    "evaluation.hours": gettext_lazy("Completions have their hours"),
    "evaluation.reversals": gettext_lazy("Reversed completions count no hours"),
    "evaluation.changes": gettext_lazy("Changes of records are told to the API"),
}


@dataclass(frozen=True)
class PartInWords:
    name: str
    words: str
    advice: str
    is_ok: bool


@dataclass(frozen=True)
class CheckInWords:
    """One check of reconcile: its gauge, or None while it has never run."""

    name: str
    gauge: Gauge | None
    is_late: bool


@dataclass(frozen=True)
class State:
    status: str
    parts: list[PartInWords]
    checks: list[CheckInWords]
    unserved: list[readiness.Unserved]


def of(*, at: datetime, courses: QuerySet[Course]) -> State:
    """Everything that the page shows; of these courses the quizzes that nobody can begin. At most thirteen queries."""
    found = health.examine(at=at)
    gauges = {gauge.name: gauge for gauge in Gauge.objects.all()} if found.parts[0].is_ok else {}
    checks = [
        CheckInWords(str(CHECKS.get(name, name)), gauges.get(name), name in gauges and at - gauges[name].at > health.RECONCILE_LATE)
        for name in reconcile.names()
    ]
    return State(
        found.status,
        [_in_words(part) for part in found.parts],
        sorted(checks, key=lambda one: -(one.gauge.left if one.gauge else 0)),
        readiness.unserved(courses) if found.parts[0].is_ok else [],
    )


def _in_words(part: health.Part) -> PartInWords:
    advice = "" if part.is_ok else str(ADVICE.get(part.name, ""))
    return PartInWords(str(NAMES[part.name]), _words(part), advice, part.is_ok)


def _words(part: health.Part) -> str:
    since = clock.local(part.at).strftime("%Y-%m-%d %H:%M:%S") if part.at else ""
    words = {
        health.OK: _("last seen %(at)s") % {"at": since} if since else "",
        health.NEVER: _("has not shown itself yet"),
        health.LATE: _("late: last seen %(at)s") % {"at": since},
        health.WAITING: _("%(count)s steps wait") % {"count": part.detail},
        health.GAPS: _("%(count)s gaps are left") % {"count": part.detail},
        health.FAILED: _("does not answer (%(error)s)") % {"error": part.detail or "—"},
    }
    return words[part.state]
