"""Renewal: which certificate a completion renews, what its holder is told, and the only writer of reminders.

What is renewed is the newest certificate of a line. One whose completion was reversed stands in none: it renewed nothing, and is in nobody's way. A line is what one person holds of one kind; where the kind has no
renewal course of its own, of one kind by one course. A completion renews it when the day of the completion lies in the
window of the kind. The old row is not touched.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import Case, DateField, Exists, F, Max, OuterRef, Prefetch, Q, QuerySet, Subquery, When
from django.urls import reverse
from django.utils.translation import gettext as _

from certificates import rules
from certificates.models import Certificate, CertificateKind, CertificateQuerySet, Reminder, StatusEvent
from core import clock
from core.errors import Refused
from courses.models import Completion, Course, Enrolment, Reversal
from people.models import Person

AT_ONCE = 2000  # reminders written with one statement


class Stand(StrEnum):
    """How a certificate stands to its renewal."""

    OPEN = "open"
    EARLY = "early"
    LATE = "late"
    ENDLESS = "endless"
    NOT_RENEWED = "not_renewed"  # its kind has no window
    NO_COURSE = "no_course"  # a higher certificate whose kind names no renewal course
    RENEWED = "renewed"
    LATER = "later"  # the person holds one that ends later
    SUSPENDED = "suspended"
    REPLACED = "replaced"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Path:
    """Whether and how a certificate can be renewed: one answer for its holder, for HR and for a refusal."""

    certificate: Certificate
    stand: Stand
    opens_on: date | None = None
    closes_on: date | None = None
    later: Certificate | None = None  # the one that renewed it, or that ends later
    course: Course | None = None
    is_begun: bool = False

    @property
    def is_open(self) -> bool:
        return self.stand == Stand.OPEN

    @property
    def url(self) -> str:
        """Where renewal starts: "" unless it is possible now and its course is there."""
        return reverse("course", args=[self.course.pk]) if self.is_open and self.course else ""

    @property
    def words(self) -> str:
        """The answer in a sentence or two."""
        title = self.certificate.title
        facts = {
            "title": title,
            "number": self.certificate.number,
            "opens": self.opens_on and self.opens_on.isoformat(),
            "closes": self.closes_on and self.closes_on.isoformat(),
            "until": self.certificate.valid_until and self.certificate.valid_until.isoformat(),
            "later": self.later.number if self.later else "",
            "course": str(self.course) if self.course else "",
        }
        match self.stand:
            case Stand.OPEN if self.course is None:
                said = _("“%(title)s” (%(number)s) can be renewed until %(closes)s, but its renewal course is not open now. Please ask HR.")
            case Stand.OPEN:
                said = _("“%(title)s” (%(number)s) is valid until %(until)s. Renew it by completing “%(course)s” until %(closes)s, 24:00.")
            case Stand.EARLY:
                said = _("“%(title)s” (%(number)s) is valid until %(until)s. It can be renewed from %(opens)s on.")
            case Stand.LATE:
                said = _("“%(title)s” (%(number)s) could be renewed until %(closes)s. Now it has to be earned anew.")
            case Stand.ENDLESS:
                said = _("“%(title)s” (%(number)s) is valid without end: it needs no renewal.")
            case Stand.NOT_RENEWED:
                said = _("“%(title)s” (%(number)s) is not renewed: after %(until)s it has to be earned anew.")
            case Stand.NO_COURSE:
                said = _("“%(title)s” (%(number)s) has no renewal course: after %(until)s it is earned anew by its conditions.")
            case Stand.RENEWED if self.later and (self.later.decided() or ("",))[0] == StatusEvent.Kind.REVOKED:
                said = _("“%(title)s” (%(number)s) was renewed by %(later)s, which was revoked: after %(until)s it has to be earned anew.")
            case Stand.RENEWED:
                said = _("“%(title)s” (%(number)s) was renewed already, by %(later)s.")
            case Stand.LATER:
                said = _("“%(title)s” (%(number)s) needs no renewal: %(later)s is valid longer.")
            case Stand.SUSPENDED:
                said = _("“%(title)s” (%(number)s) is suspended: while it is, it cannot be renewed. Please ask HR.")
            case Stand.REPLACED:
                said = _("“%(title)s” (%(number)s) was replaced: what is renewed is the one that replaced it.")
            case _:
                said = _("“%(title)s” (%(number)s) was revoked: it cannot be renewed.")
        return said % facts


# ---- what stands -------------------------------------------------------------------------------


def line_of(certificate: Certificate) -> tuple[int, str]:
    """Certificates of one person with the same line follow each other. Reads `certificate.kind`."""
    return certificate.kind_id, "" if certificate.kind.renewal_course else certificate.course_code


def _end(certificate: Certificate) -> tuple[date, int]:
    return certificate.valid_until or date.max, certificate.pk


def judged(certificate: Certificate, line: Iterable[Certificate], day: date) -> Path:
    """How a certificate stands to its renewal on a day, seen among its line (read `with_state()`, `unfallen()`). No query."""
    others = [one for one in line if one.pk != certificate.pk]
    decided = certificate.decided()
    decision = decided[0] if decided else None
    if decision == StatusEvent.Kind.REVOKED:
        return Path(certificate, Stand.REVOKED)
    if decision == StatusEvent.Kind.REPLACED:
        return Path(certificate, Stand.REPLACED)
    # Who renewed the one that this one replaces has renewed this one.
    before, same = {one.pk: one.replaces_id for one in others}, [certificate.pk]
    standing_for = certificate.replaces_id
    while standing_for is not None:
        same.append(standing_for)
        standing_for = before.get(standing_for)
    renewal = next((one for one in others if one.renews_id in same), None)
    if renewal is not None:
        return Path(certificate, Stand.RENEWED, later=renewal)
    if decision == StatusEvent.Kind.SUSPENDED:
        return Path(certificate, Stand.SUSPENDED)
    later = [one for one in others if _end(one) > _end(certificate) and (one.decided() or (None,))[0] not in StatusEvent.Kind.final()]
    if later:
        return Path(certificate, Stand.LATER, later=max(later, key=_end))
    kind = certificate.kind
    days = rules.renewal_days(certificate.valid_until, window_days=kind.renewal_window_days, grace_days=kind.renewal_grace_days)
    if days is None:
        return Path(certificate, Stand.NOT_RENEWED if certificate.valid_until else Stand.ENDLESS)
    if not course_code_of(certificate):
        return Path(certificate, Stand.NO_COURSE, *days)
    opens_on, closes_on = days
    stand = Stand.EARLY if day < opens_on else Stand.LATE if day > closes_on else Stand.OPEN
    return Path(certificate, stand, opens_on, closes_on)


def course_code_of(certificate: Certificate) -> str:
    """The code of the course that renews it; "" if none does."""
    return certificate.kind.renewal_course or certificate.course_code


def paths(person: Person, *, at: datetime) -> list[Path]:
    """How each certificate of a person stands to its renewal, newest first. Three queries at most."""
    reversal = Reversal.objects.filter(completion=OuterRef("completion"))
    mine = list(Certificate.objects.filter(person=person).with_state().annotate(is_fallen=Exists(reversal)).select_related("kind"))
    lines: dict[tuple[int, str], list[Certificate]] = {}
    for one in mine:
        line = lines.setdefault(line_of(one), [])
        line += [] if one.is_fallen else [one]  # type: ignore[attr-defined]
    return _with_courses(person, [judged(one, lines[line_of(one)], clock.today(at)) for one in mine])


def path_of(certificate: Certificate, *, at: datetime) -> Path:
    """How one certificate stands to its renewal."""
    return next(path for path in paths(certificate.person, at=at) if path.certificate.pk == certificate.pk)


def due(person: Person, *, at: datetime) -> list[Path]:
    """What the person can renew now, what ends first before the rest. One query where there is nothing."""
    return open_among(paths(person, at=at))


def open_among(found: Iterable[Path]) -> list[Path]:
    """Those that can be renewed now, what ends first before the rest. No query."""
    return sorted((path for path in found if path.is_open), key=lambda path: path.closes_on or date.max)


def _with_courses(person: Person, found: list[Path]) -> list[Path]:
    """The open ones with their course and whether it is under way."""
    wanted = {(path.certificate.kind.county_id, course_code_of(path.certificate)) for path in found if path.is_open}
    if not wanted:
        return found
    codes = {code for _county, code in wanted}
    courses = Course.objects.visible_to(person).open().filter(code__in=codes).select_related("current")
    by_key = {(course.county_id, course.code): course for course in courses}
    begun = set(Enrolment.objects.filter(person=person, course__in=by_key.values(), completion=None).values_list("course", flat=True))

    def with_course(path: Path) -> Path:
        course = by_key.get((path.certificate.kind.county_id, course_code_of(path.certificate)))
        return Path(path.certificate, path.stand, path.opens_on, path.closes_on, None, course, bool(course and course.pk in begun))

    return [with_course(path) if path.is_open else path for path in found]


# ---- what a completion renews ------------------------------------------------------------------


def kind_renewed_by(completion: Completion) -> CertificateKind | None:
    """The kind whose own renewal course was completed; None if the course is none, or awards another certificate. One query."""
    kinds = CertificateKind.objects.filter(county=completion.course.county_id, renewal_course=completion.course_code)
    return kinds.filter(key=completion.certificate).first() if completion.certificate else kinds.first()


def newest_before(completion: Completion, kind: CertificateKind) -> Path | None:
    """How the newest certificate of the completion's line stands to a renewal on the day of the completion; None if none is there.

    Locks the line, so that two completions, or a completion and a revocation, come one after the other. Call it inside a
    transaction. One query where the person holds none.
    """
    line = Certificate.objects.filter(person=completion.person_id, kind=kind).held_before(completion.completed_at)
    line = line.exclude(completion=completion.pk)
    if not kind.renewal_course:
        line = line.filter(course_code=completion.course_code)
    # Locked first and read afterwards: a query that waited for a lock does not see rows that came meanwhile.
    if not line.select_for_update(of=("self",), no_key=True).order_by("pk").values_list("pk", flat=True):
        return None
    held = list(line.unfallen().with_state().select_related("kind"))
    if not held:
        return None
    later = Certificate.objects.unfallen().filter(renews__in=[one.pk for one in held]).with_state().select_related("kind")
    standing = [one for one in held if (one.decided() or (None,))[0] not in StatusEvent.Kind.final()] or held
    newest = max(standing, key=_end)
    path = judged(newest, [*held, *later.exclude(pk__in=[one.pk for one in held])], clock.today(completion.completed_at))
    return Path(path.certificate, path.stand, path.opens_on, path.closes_on, path.later, completion.course)


# ---- the gate of renewal courses ---------------------------------------------------------------


def check_beginning(person: Person, course: Course, at: datetime) -> None:
    """Let somebody begin a course, unless it only renews a certificate that the person cannot renew now. One query for other courses.

    Raises:
        Refused: "not_renewable", with the day on which it opens, or why it does not.
    """
    refusal = hindrance(person, course, at=at)
    if refusal:
        raise Refused(refusal, code="not_renewable")


def hindrance(person: Person, course: Course, *, at: datetime) -> str:
    """Why the person cannot begin this course now, if it only renews a certificate; else ""."""
    if course.current is None or course.current.certificate:
        return ""  # it awards a certificate of its own: anybody may earn that
    kind = CertificateKind.objects.filter(county=course.county_id, renewal_course=course.code).first()
    if kind is None:
        return ""
    of_kind = [path for path in paths(person, at=at) if path.certificate.kind_id == kind.pk]
    if any(path.is_open for path in of_kind):
        return ""
    telling = [path for path in of_kind if path.stand not in (Stand.RENEWED, Stand.LATER, Stand.REPLACED)]
    if telling:
        return max(telling, key=lambda path: (path.stand != Stand.REVOKED, _end(path.certificate))).words
    if of_kind:
        return of_kind[0].words
    return _("This course renews “%(title)s”, and none is held. It has to be earned first.") % {"title": kind.title}


def only_renewing(courses: Iterable[Course]) -> set[int]:
    """Which of these courses do nothing but renew, by id. One query, where one awards nothing."""
    awarding_none = {(course.county_id, course.code): course.pk for course in courses if course.current and not course.current.certificate}
    if not awarding_none:
        return set()
    kinds = CertificateKind.objects.filter(renewal_course__in={code for _county, code in awarding_none})
    return {awarding_none[key] for key in kinds.values_list("county", "renewal_course") if key in awarding_none}


def reopens(person: Person, course: Course, at: datetime) -> bool:
    """Whether completing this course again now would renew one of the person's certificates."""
    return any(
        path.is_open and course.code == course_code_of(path.certificate) and course.county_id == path.certificate.kind.county_id
        for path in paths(person, at=at)
    )


# ---- running out -------------------------------------------------------------------------------


def without_successor(certificates: QuerySet, day: date) -> QuerySet:
    """Those after which the person holds nothing of the same line that ends later; what is suspended is held."""
    later = (
        Certificate.objects.unfallen()
        .with_state()
        .filter(Q(valid_until=None) | Q(valid_until__gte=day), Q(decided_kind=None) | ~Q(decided_kind__in=StatusEvent.Kind.final()))
        .filter(Q(course_code=OuterRef("course_code")) | ~Q(kind__renewal_course=""), person=OuterRef("person"), kind=OuterRef("kind"))
        .filter(Q(valid_until=None) | Q(valid_until__gt=OuterRef("valid_until")))
        .exclude(pk=OuterRef("pk"))
    )
    return certificates.filter(~Exists(later))


def renewals_of_outer() -> QuerySet:
    """For a query of certificates: what renewed each, or renewed the one that it replaces."""
    return Certificate.objects.unfallen().filter(Q(renews=OuterRef("pk")) | Q(renews=OuterRef("replaces")))


def running_out(certificates: CertificateQuerySet, *, day: date, days: int) -> QuerySet:
    """Of some certificates those in force that end within so many days and have no successor, what ends first before the rest.

    Each with `renewal_code` (of its course), `is_begun` (that is under way) and `reminded_at`, and with what renewed it and does not
    stand any more. Three queries.
    """
    ending = certificates.in_force(day).filter(valid_until__lte=day + timedelta(days=days))
    return _told(without_successor(ending, day)).order_by("valid_until", "person_name", "pk")


def run_out(certificates: CertificateQuerySet, *, day: date, days: int) -> QuerySet:
    """The same for those that ended within the last so many days."""
    ended = certificates.with_state().filter(Q(decided_kind=None) | Q(decided_kind=StatusEvent.Kind.RESTORED))
    ended = ended.filter(valid_until__lt=day, valid_until__gte=day - timedelta(days=days))
    return _told(without_successor(ended, day)).order_by("-valid_until", "person_name", "pk")


def _told(certificates: QuerySet) -> QuerySet:
    begun = Enrolment.objects.filter(
        person=OuterRef("person"), course__county=OuterRef("kind__county"), course__code=OuterRef("renewal_code"), completion=None
    )
    renewals = Prefetch("renewals", Certificate.objects.unfallen().with_state())
    replaced = Prefetch("replaces__renewals", Certificate.objects.unfallen().with_state())
    return (
        certificates.select_related("kind", "replaces")
        .prefetch_related(renewals, replaced)
        .annotate(
            renewal_code=Case(When(kind__renewal_course="", then=F("course_code")), default=F("kind__renewal_course")),
            is_begun=Exists(begun),
            reminded_at=Max("reminders__at"),
        )
    )


@transaction.atomic
def remind(*, at: datetime) -> int:
    """Write the reminders that are due, once a certificate and stage; how many. Set-based, safe to run twice and side by side.

    A stage is due from its day to the certificate's last one, while the certificate is in force, was not renewed and has
    no successor. The queries grow with the different figures that kinds have, not with certificates.
    """
    today, made = clock.today(at), 0
    for stage, figure in ((Reminder.Stage.OPENS, "renewal_window_days"), (Reminder.Stage.ENDS, "reminder_days")):
        kinds = CertificateKind.objects.exclude(**{figure: 0}).exclude(renewal_window_days=0).order_by()
        for days in kinds.values_list(figure, flat=True).distinct():
            ending = Certificate.objects.in_force(today).filter(**{f"kind__{figure}": days}).exclude(kind__renewal_window_days=0)
            ending = ending.filter(valid_until__lte=today + timedelta(days=days))
            ending = ending.exclude(Q(course_code="", kind__renewal_course=""))  # no course renews it
            told = Reminder.objects.filter(certificate=OuterRef("pk"), stage=stage)
            renewed = renewals_of_outer()
            waiting = without_successor(ending, today).filter(~Exists(told), ~Exists(renewed)).order_by()
            rows = [Reminder(certificate_id=pk, stage=stage, at=at) for pk in waiting.values_list("pk", flat=True)]
            Reminder.objects.bulk_create(rows, batch_size=AT_ONCE, ignore_conflicts=True)
            made += len(rows)
    return made


# ---- what was missed ---------------------------------------------------------------------------


def missed(at: datetime, *, limit: int) -> list[Completion]:
    """Completions of pure renewal courses that renew a certificate and did not.

    Those outside the window, or of somebody whose certificate is suspended or revoked, renew nothing and are none.
    """
    found: list[Completion] = []
    for kind in CertificateKind.objects.exclude(renewal_course="").exclude(renewal_window_days=0):
        old = (
            Certificate.objects.with_state()
            .filter(Q(decided_kind=None) | Q(decided_kind=StatusEvent.Kind.RESTORED), person=OuterRef("person"), kind=kind)
            .held_before(OuterRef("completed_at"))
            .filter(~Exists(Certificate.objects.unfallen().filter(renews=OuterRef("pk"))))
            .order_by(F("valid_until").desc(nulls_first=True), "-pk")
        )
        waiting = (
            Completion.objects.standing()
            .filter(course__county=kind.county_id, course_code=kind.renewal_course, certificate="", certificates=None, completed_at__lte=at)
            .annotate(old_end=Subquery(old.values("valid_until")[:1], output_field=DateField()))
            .exclude(old_end=None)
            .order_by("completed_at")
        )
        for completion in waiting.iterator(chunk_size=500):
            days = rules.renewal_days(completion.old_end, window_days=kind.renewal_window_days, grace_days=kind.renewal_grace_days)
            if days and days[0] <= clock.today(completion.completed_at) <= days[1]:
                found.append(completion)
                if len(found) == limit:
                    return found
    return found
