"""The only writer of certificates."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from certificates import rules, tasks
from certificates.models import Basis, Certificate, CertificateKind, ChainEntry, NumberSequence, StatusEvent, TemplateVersion
from certificates.services import renewals
from certificates.services.kinds import version_in_force
from certificates.signals import certificate_issued
from core import clock
from core.errors import Refused
from core.figures import figure
from courses.models import Completion
from people.models import Unit
from people.models.snapshot import copied_from

log = structlog.get_logger(__name__)
UNREADY = {"no_kind", "no_number", "clock_back", "altered"}  # refusals that are the county's to mend, not the learner's
SET_BACK = timedelta(hours=1)  # less is no clock set back: servers differ, and a repair that takes long dates all by its beginning
NUMBERING = 7_220_419  # the advisory lock of whoever gives numbers in a county
NOT_NOW = {"suspended", "not_renewable"}  # the completion stands, and earns none as long as that is so
_paper_at_once: ContextVar[bool] = ContextVar("paper_at_once", default=True)


def issue(*, completion: Completion, at: datetime) -> Certificate:
    """Issue the certificate that this completion earns, once: a renewal of the one held, where its window is open, else a fresh one.

    As `issue_all` does. Calling it again returns the certificate that stands.

    Raises:
        Refused: the course awards none ("no_award"), its county has no kind of that key ("no_kind"),
            the completion was reversed ("reversed"), its county's code gives no number ("no_number"),
            the clock stands before the newest issue ("clock_back"),
            the one held is suspended ("suspended"), or the course only renews and this renews nothing ("not_renewable").
    """
    outcome = issue_all(completions=[completion.pk], at=at)[completion.pk]
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


@transaction.atomic
def issue_all(*, completions: Sequence[int], at: datetime) -> dict[int, Certificate | Refused]:
    """Issue what each of these completions earns, once; what came of it, or why nothing, by the completion's key.

    Locks the completions, what their people hold of the kind, then the numbers of the county until the
    transaction ends: numbers have no gaps. So give it few at a time. The papers and the pictures are made on commit, unless
    `papers_on_request()`. Ten queries, and a handful for each certificate.
    """
    # Locked first and read afterwards: a query that waited for a lock does not see rows that came meanwhile.
    found = Completion.objects.filter(pk__in=completions)
    list(found.select_for_update(of=("self",), no_key=True).order_by("pk").values_list("pk"))
    outcomes: dict[int, Certificate | Refused] = dict(_standing(completions))
    earned: dict[CertificateKind, list[tuple[Completion, Certificate | None]]] = defaultdict(list)
    kinds, renewing = _Kinds(), set[int]()
    for completion in found.select_related("course__county", "reversal").order_by("pk"):
        if completion.pk in outcomes:
            continue
        try:
            kind = kinds.of(completion)
            renewed = _renewed_by(completion, kind) if kinds.may_renew(kind, completion, completions) else None
            if renewed is not None and renewed.pk in renewing:  # by another completion of this call
                _refuse_second_renewal(renewed, completion)
                renewed = None
            renewing |= {renewed.pk} if renewed is not None else set()
            earned[kind].append((completion, renewed))
        except Refused as refusal:
            outcomes[completion.pk] = refusal
    for kind, rows in earned.items():
        try:
            version = version_in_force(kind, at=at)
            numbers = next_numbers(kind, rows[0][0].course.county, len(rows), at=at)
        except Refused as refusal:
            outcomes |= {completion.pk: refusal for completion, _renewed in rows}
        else:  # what a receiver refuses from here on undoes the whole call
            outcomes |= _write_all(kind, version, zip(rows, numbers, strict=True), at)
    return outcomes


def _write_all(
    kind: CertificateKind, version: TemplateVersion, rows: Iterable[tuple[tuple[Completion, Certificate | None], str]], at: datetime
) -> dict[int, Certificate | Refused]:
    design, issued_on = version.content, clock.today(at)
    made = [
        Certificate(
            **copied_from(completion),
            completion=completion,
            kind=kind,
            version=version,
            renews=renewed,
            renewal_turn=renewed.renewals.filter(replaces=None).count() if renewed else 0,
            number=number,
            title=design["title"],
            text=_text(design["wording"], completion),
            issuer=design["issuer"],
            course_code=completion.course_code,
            course_title=completion.course_title,
            edition_number=completion.edition_number,
            hours=completion.hours,
            score=completion.score,
            issued_on=issued_on,
            valid_until=rules.renewed_until(issued_on, renewed.valid_until if renewed else None, design["validity_months"]),
            issued_at=at,
        )
        for (completion, renewed), number in rows
    ]
    for certificate in made:
        certificate.facts_digest = rules.digest(certificate.facts())
    Certificate.objects.bulk_create(made)
    for certificate in made:
        _tell(certificate, at)
    return {certificate.completion.pk: certificate for certificate in made if certificate.completion}


class _Kinds:
    """What completions of one call have in common, read once."""

    def __init__(self) -> None:
        self._kinds: dict[tuple, CertificateKind] = {}
        self._holders: dict[int, set[int]] = {}

    def of(self, completion: Completion) -> CertificateKind:
        """The kind that the completion earns. Raises Refused as `issue` says."""
        key = (completion.course.county_id, completion.certificate, completion.course_code)
        if hasattr(completion, "reversal") or key not in self._kinds:
            self._kinds[key] = _kind_of(completion)
        return self._kinds[key]

    def may_renew(self, kind: CertificateKind, completion: Completion, completions: Sequence[int]) -> bool:
        """Whether there is anything to look at: the person holds one of the kind, or the course does nothing but renew."""
        if kind.pk not in self._holders:
            held = Certificate.objects.filter(kind=kind, person__completions__in=completions)
            self._holders[kind.pk] = set(held.values_list("person", flat=True))
        return not completion.certificate or completion.person_id in self._holders[kind.pk]


def write(*, certificate: Certificate, at: datetime, basis: Iterable[Basis] = ()) -> Certificate:
    """Put a certificate on record with what it rests on, and tell of it. Call it inside the transaction that numbered it."""
    certificate.facts_digest = rules.digest(certificate.facts())
    certificate.save()
    for fact in basis:
        fact.certificate = certificate
        fact.save()
    _tell(certificate, at)
    return certificate


def _tell(certificate: Certificate, at: datetime) -> None:
    StatusEvent.objects.create(certificate=certificate, kind=StatusEvent.Kind.ISSUED, at=at)
    certificate_issued.send(sender=Certificate, certificate=certificate, at=at)
    order_paper(certificate)


def order_paper(certificate: Certificate) -> None:
    """Let the paper and the picture be made on commit, unless `papers_on_request()`."""
    if _paper_at_once.get():
        transaction.on_commit(lambda: tasks.render.delay(certificate.pk), robust=True)


def of_completion(completion: Completion | int) -> Certificate | None:
    """The certificate that stands for a completion: the newest, where one was replaced."""
    return Certificate.objects.filter(completion=completion).order_by("-pk").first()


def _standing(completions: Iterable[int]) -> Iterator[tuple[int, Certificate]]:
    """The certificates of these completions by its key; the last of each is the one that stands."""
    for certificate in Certificate.objects.filter(completion__in=completions).order_by("pk"):
        if certificate.completion_id is not None:
            yield certificate.completion_id, certificate


@contextmanager
def papers_on_request() -> Iterator[None]:
    """Inside, certificates queue no paper: each is made when somebody first asks for it. For loads of hundreds."""
    before = _paper_at_once.set(False)
    try:
        yield
    finally:
        _paper_at_once.reset(before)


def issue_if_awarded(*, completion: Completion, at: datetime) -> Certificate | None:
    """What a completion triggers: its certificate, if the course awards or renews one.

    A county that has not set up the kind, or whose code gives no number, does not cost its learner the completion, nor does
    a clock that was set back: the fault is logged and reconcile shows the gap until it is mended.
    Nor does one that cannot be renewed now, or is suspended: the pages say so.
    """
    if not completion.certificate and renewals.kind_renewed_by(completion) is None:
        return None
    try:
        return issue(completion=completion, at=at)
    except Refused as refusal:
        if refusal.code in NOT_NOW:
            log.info("certificate_not_issued", reason=refusal.code, completion=completion.pk)
            return None
        if refusal.code not in UNREADY:
            raise
        log.error("certificate_not_issued", reason=refusal.code, key=completion.certificate, completion=completion.pk)
        return None


def _kind_of(completion: Completion) -> CertificateKind:
    kind = None if completion.certificate else renewals.kind_renewed_by(completion)
    if not completion.certificate and kind is None:
        raise Refused(_("The course “%(course)s” awards no certificate.") % {"course": completion.course_title}, code="no_award")
    if hasattr(completion, "reversal"):
        raise Refused(_("The completion was reversed: no certificate is issued for it."), code="reversed")
    county = completion.course.county
    kind = kind or CertificateKind.objects.filter(county=county, key=completion.certificate).first()
    if kind is None or not kind.live:
        raise Refused(
            _("%(county)s has not set up the certificate “%(key)s”.") % {"county": county.name, "key": completion.certificate},
            code="no_kind",
        )
    return kind


def _renewed_by(completion: Completion, kind: CertificateKind) -> Certificate | None:
    """The certificate that this completion renews; None: it earns a fresh one.

    Raises:
        Refused: the one held is suspended ("suspended") or was edited in the database ("altered"), or the course only renews and there
            is nothing to renew ("not_renewable").
    """
    path = renewals.newest_before(completion, kind)
    if path is not None and path.stand == renewals.Stand.SUSPENDED:
        raise Refused(path.words, code="suspended")
    if path is not None and path.is_open and completion.course_code == renewals.course_code_of(path.certificate):
        path.certificate.require_as_issued()  # its end goes into that of the new one
        return path.certificate
    if completion.certificate:
        return None
    none_held = _("This course renews “%(title)s”, and none is held. It has to be earned first.") % {"title": kind.title}
    raise Refused(path.words if path else none_held, code="not_renewable")


def _refuse_second_renewal(renewed: Certificate, completion: Completion) -> None:
    """Let a completion pass that earns a fresh certificate, where another one renews what is held.

    Raises:
        Refused: its course only renews ("not_renewable").
    """
    if not completion.certificate:
        raise Refused(_("%(number)s is renewed already, by another completion.") % {"number": renewed.number}, code="not_renewable")


def next_number(kind: CertificateKind, county: Unit, *, at: datetime) -> str:
    """The next number of a sequence, which stays locked until the transaction ends.

    Raises:
        Refused: prefix, category and code make no well-formed number ("no_number"), or the clock was set back ("clock_back").
    """
    return next_numbers(kind, county, 1, at=at)[0]


def next_numbers(kind: CertificateKind, county: Unit, count: int, *, at: datetime) -> list[str]:
    """The same for several. Three queries, but for the first number of a year.

    Numbers of one county are given by one transaction at a time: a lower certificate may bring a higher one of another sequence, and
    two that locked their own alone, the other way round, would wait for each other.
    """
    refuse_clock_back(at=at)
    _alone_in(county)
    year = clock.year_of(at)
    which: dict[str, Any] = {"prefix": kind.number_prefix, "category": kind.category, "year": year, "county_code": county.code[:6]}
    locked = NumberSequence.objects.select_for_update().filter(**which)
    sequence = locked.first()
    numbers = _compose(which, county, sequence.last if sequence else 0, count)  # before a row is made for what numbers nothing
    if sequence is None:
        NumberSequence.objects.get_or_create(**which)
        sequence = locked.get()
        numbers = _compose(which, county, sequence.last, count)
    sequence.last += count
    sequence.save(update_fields=["last"])
    return numbers


def _alone_in(county: Unit) -> None:
    """Hold the numbers of a county until the transaction ends. Not by its row: a roster import holds that. SQLite: who writes is alone."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [NUMBERING, county.pk])


def refuse_clock_back(*, at: datetime) -> None:
    """Let an instant pass that is not clearly before the newest issue: a wrong day and, over New Year, a number of the wrong year
    would stand on the paper for good. What is entered for an earlier day by a right clock passes; so does everything after a clock
    that ran ahead, once what it wrote is explained in the ledger. One look at an index.

    Raises:
        Refused: clock_back.
    """
    latest = max(at, clock.now()) + SET_BACK
    newest = Certificate.objects.aggregate(at=Max("issued_at"))["at"]
    if newest is not None and newest > latest:
        explained = StatusEvent.objects.filter(kind=StatusEvent.Kind.ISSUED, entry__in=ChainEntry.objects.ahead())
        later = Certificate.objects.filter(issued_at__gt=latest).exclude(pk__in=explained.values("certificate"))
        newest = later.aggregate(at=Max("issued_at"))["at"]
    if newest is not None and newest > latest:
        raise Refused(
            _(
                "The server's clock says %(now)s, but a certificate was issued at %(newest)s already. "
                "Nothing is issued until the clock is put right."
            )
            % {"now": f"{clock.local(at):%Y-%m-%d %H:%M:%S}", "newest": f"{clock.local(newest):%Y-%m-%d %H:%M:%S}"},
            code="clock_back",
        )


def _compose(which: dict[str, Any], county: Unit, last: int, count: int) -> list[str]:
    try:
        return [rules.compose_number(serial=serial, **which) for serial in range(last + 1, last + count + 1)]
    except ValueError as fault:
        raise Refused(
            _("%(county)s can number no certificate: its code is %(code)s, and six digits are needed.")
            % {"county": county.name, "code": county.code},
            code="no_number",
        ) from fault


def _text(wording: str, completion: Completion) -> str:
    return rules.fill_wording(wording, words_of(completion, on=clock.today(completion.completed_at)))


def words_of(record: Completion | Certificate, *, on: date) -> dict[str, str]:
    """What each placeholder of a wording stands for: the facts of a record, and the day on which they were earned."""
    return {
        "name": record.person_name,
        "unit": record.unit_name,
        "course": record.course_title,
        "hours": figure(record.hours),
        "score": "合格" if record.score is None else f"{figure(record.score)}分",
        "date": rules.chinese_date(on),
    }
