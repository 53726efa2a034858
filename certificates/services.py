"""The only writer of certificates, their status and the kinds a county starts with."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from certificates import rules, tasks
from certificates.models import Certificate, CertificateKind, NumberSequence, StatusEvent
from certificates.permissions import may_revoke, rulers_of_kinds
from certificates.signals import certificate_issued
from core import audit, clock
from core.errors import Refused
from core.figures import figure
from core.reconcile import Gap
from courses.models import Completion, Reversal
from people.models import Person, Unit
from people.models.snapshot import copied_from
from people.rules import is_county_code

log = structlog.get_logger(__name__)
EDITORS = "证书管理"
GAPS_AT_ONCE = 1000
UNREADY = {"no_kind", "no_number"}  # refusals that are the county's to mend, not the learner's
SETTLED = timedelta(minutes=2)  # how long a job may take before its absence counts as a gap
LATELY = timedelta(days=14)  # whose papers are looked after; older ones wait until somebody asks for them
MADE_AT_ONCE = 20  # papers that a repair makes itself, and so tells what cannot be printed; more go to their queue
_paper_at_once: ContextVar[bool] = ContextVar("paper_at_once", default=True)

DEFAULT_KINDS = [
    # key, title, category digits, wording
    ("training", "培训合格证书", "01", "{name}同志参加“{course}”培训，完成全部学习内容，计{hours}学时，考核成绩{score}，准予合格。"),
    (
        "basic",
        "政务公开基础合格证明",
        "02",
        "{name}同志参加政务公开基础培训“{course}”，完成全部学习内容，计{hours}学时，考核成绩{score}，准予合格。",
    ),
    (
        "compiler",
        "标准目录编制合格证明",
        "03",
        "{name}同志参加基层政务公开标准目录编制培训“{course}”，计{hours}学时，考核成绩{score}，准予合格。",
    ),
    (
        "leader",
        "领导干部政务公开培训合格证明",
        "04",
        "{name}同志参加领导干部政务公开专题培训“{course}”，计{hours}学时，考核成绩{score}，准予合格。",
    ),
]


@transaction.atomic
def ensure_kinds(county: Unit) -> list[CertificateKind]:
    """The kinds that every county starts with; those that stand are left as the county made them.

    Raises:
        Refused: the county's code is not six digits ("county_code"), so it could issue nothing.
    """
    if not is_county_code(county.code):
        raise Refused(
            _("%(county)s has the code %(code)s. A county needs a code of six digits (GB/T 2260): it is part of each certificate number.")
            % {"county": county.name, "code": county.code},
            code="county_code",
        )
    kinds = []
    for key, title, category, wording in DEFAULT_KINDS:
        kind, _made = CertificateKind.objects.get_or_create(
            county=county, key=key, defaults={"title": title, "category": category, "wording": wording, "issuer": county.name}
        )
        kinds.append(kind)
    sync_editors()
    return kinds


@transaction.atomic
def sync_editors() -> None:
    """Let those who rule a county's kinds into the Wagtail admin, and only them by this group. Set-based."""
    group, made = Group.objects.get_or_create(name=EDITORS)
    if made:
        group.permissions.add(Permission.objects.get(content_type__app_label="wagtailadmin", codename="access_admin"))
    holders = set(Person.objects.filter(pk__in=rulers_of_kinds(), is_active=True).values_list("pk", flat=True))
    members = set(group.user_set.values_list("pk", flat=True))
    group.user_set.add(*(holders - members))
    group.user_set.remove(*(members - holders))


@transaction.atomic
def issue(*, completion: Completion, at: datetime) -> Certificate:
    """Issue the certificate that this completion earns, once.

    Locks the completion, then the number sequence of the kind, county and year until the transaction
    ends: numbers have no gaps. Calling it again returns the certificate that stands. The paper and
    the picture are made on commit, unless `papers_on_request()`.

    Raises:
        Refused: the course awards none ("no_award"), its county has no kind of that key ("no_kind"),
            the completion was reversed ("reversed"), or its county's code gives no number ("no_number").
    """
    standing = Certificate.objects.filter(completion=completion).first()
    if standing is not None:
        return standing
    completion = Completion.objects.select_for_update(of=("self",), no_key=True).select_related("course__county").get(pk=completion.pk)
    standing = Certificate.objects.filter(completion=completion).first()
    if standing is not None:
        return standing
    kind = _kind_of(completion)
    year, issued_on = clock.year_of(at), clock.today(at)
    certificate = Certificate(
        **copied_from(completion),
        completion=completion,
        kind=kind,
        number=_next_number(kind, completion.course.county, year),
        title=kind.title,
        text=_text(kind, completion),
        issuer=kind.issuer,
        course_code=completion.course_code,
        course_title=completion.course_title,
        edition_number=completion.edition_number,
        hours=completion.hours,
        score=completion.score,
        issued_on=issued_on,
        valid_until=rules.last_valid_day(issued_on, kind.validity_months),
        issued_at=at,
    )
    certificate.facts_digest = rules.digest(certificate.facts())
    certificate.save()
    StatusEvent.objects.create(certificate=certificate, kind=StatusEvent.Kind.ISSUED, at=at)
    certificate_issued.send(sender=Certificate, certificate=certificate, at=at)
    if _paper_at_once.get():
        transaction.on_commit(lambda: tasks.render.delay(certificate.pk), robust=True)
    return certificate


@contextmanager
def papers_on_request() -> Iterator[None]:
    """Inside, certificates queue no paper: each is made when somebody first asks for it. For loads of hundreds."""
    before = _paper_at_once.set(False)
    try:
        yield
    finally:
        _paper_at_once.reset(before)


def issue_if_awarded(*, completion: Completion, at: datetime) -> Certificate | None:
    """What a completion triggers: its certificate, if the course awards one.

    A county that has not set up the kind, or whose code gives no number, does not cost its learner
    the completion: the fault is logged and reconcile shows the gap until it is mended.
    """
    if not completion.certificate:
        return None
    try:
        return issue(completion=completion, at=at)
    except Refused as refusal:
        if refusal.code not in UNREADY:
            raise
        log.error("certificate_not_issued", reason=refusal.code, key=completion.certificate, completion=completion.pk)
        return None


def _kind_of(completion: Completion) -> CertificateKind:
    if not completion.certificate:
        raise Refused(_("The course “%(course)s” awards no certificate.") % {"course": completion.course_title}, code="no_award")
    if Reversal.objects.filter(completion=completion).exists():
        raise Refused(_("The completion was reversed: no certificate is issued for it."), code="reversed")
    county = completion.course.county
    kind = CertificateKind.objects.filter(county=county, key=completion.certificate).first()
    if kind is None:
        raise Refused(
            _("%(county)s has not set up the certificate “%(key)s”.") % {"county": county.name, "key": completion.certificate},
            code="no_kind",
        )
    return kind


def _next_number(kind: CertificateKind, county: Unit, year: int) -> str:
    """The next number of a sequence, which stays locked until the transaction ends.

    Raises:
        Refused: prefix, category and code make no well-formed number ("no_number").
    """
    which: dict[str, Any] = {"prefix": kind.number_prefix, "category": kind.category, "year": year, "county_code": county.code[:6]}
    NumberSequence.objects.get_or_create(**which)
    sequence = NumberSequence.objects.select_for_update().get(**which)
    sequence.last += 1
    sequence.save(update_fields=["last"])
    try:
        return rules.compose_number(serial=sequence.last, **which)
    except ValueError as fault:
        raise Refused(
            _("%(county)s can number no certificate: its code is %(code)s, and six digits are needed.")
            % {"county": county.name, "code": county.code},
            code="no_number",
        ) from fault


def _text(kind: CertificateKind, completion: Completion) -> str:
    return rules.fill_wording(
        kind.wording,
        {
            "name": completion.person_name,
            "unit": completion.unit_name,
            "course": completion.course_title,
            "hours": figure(completion.hours),
            "score": "合格" if completion.score is None else f"{figure(completion.score)}分",
            "date": rules.chinese_date(clock.today(completion.completed_at)),
        },
    )


@transaction.atomic
def revoke(*, certificate: Certificate, by, reason: str, at: datetime) -> StatusEvent:
    """Revoke a certificate: from now on it stands with its reason as revoked, in public too.

    Locks the certificate. Revoking it again returns the event that stands.

    Raises:
        PermissionDenied: `by` is not HR of the county.
        Refused: no reason ("no_reason"), or a time before the issue ("too_early").
    """
    if not may_revoke(by, certificate):
        raise PermissionDenied
    return _revoke(certificate, by=by, reason=reason, at=at)


@transaction.atomic
def revoke_with(*, reversal: Reversal, at: datetime) -> StatusEvent | None:
    """Revoke what a reversed completion had earned, with the reversal's author and reason."""
    certificate = Certificate.objects.filter(completion=reversal.completion_id).first()
    if certificate is None:
        return None
    return _revoke(certificate, by=reversal.by, reason=reversal.reason, at=at)


def _revoke(certificate: Certificate, *, by, reason: str, at: datetime) -> StatusEvent:
    reason = reason.strip()
    if not reason:
        raise Refused(_("A reason is needed: it is kept with the certificate for good."), code="no_reason")
    locked = Certificate.objects.select_for_update(of=("self",), no_key=True).get(pk=certificate.pk)
    standing = StatusEvent.objects.filter(certificate=locked, kind=StatusEvent.Kind.REVOKED).first()
    if standing is not None:
        return standing
    if at < locked.issued_at:
        raise Refused(_("A certificate cannot be revoked before it was issued."), code="too_early")
    event = StatusEvent.objects.create(certificate=locked, kind=StatusEvent.Kind.REVOKED, reason=reason, by=by, at=at)
    audit.record(locked, "certificates.revoke", by=by, reason=reason, number=locked.number)
    return event


def gaps_of_issue(at: datetime) -> list[Gap]:
    """Completions that earn a certificate and have none. Reversed ones earn none."""
    missing = (
        Completion.objects.standing()
        .exclude(certificate="")
        .filter(issued_certificate__isnull=True, completed_at__lte=at)
        .order_by("completed_at")[:GAPS_AT_ONCE]
    )
    return [
        Gap(f"completion {completion.pk} {completion.course_code} has no certificate", _issuing(completion, at)) for completion in missing
    ]


def gaps_of_revocation(at: datetime) -> list[Gap]:
    """Reversed completions whose certificate is still in force."""
    standing = (
        Reversal.objects.filter(completion__issued_certificate__isnull=False)
        .exclude(completion__issued_certificate__events__kind=StatusEvent.Kind.REVOKED)
        .select_related("completion", "by")[:GAPS_AT_ONCE]
    )
    return [
        Gap(f"certificate of the reversed completion {reversal.completion_id} is not revoked", _revoking(reversal, at))
        for reversal in standing
    ]


def gaps_of_paper(at: datetime) -> list[Gap]:
    """Certificates of the last fortnight without their files. Lists folders, opens no file.

    Older ones are made again when somebody asks for them. The first few are mended in place; the rest
    is put into its queue and stays a gap until it is made, so that a repair run stays short.
    """
    from certificates import files

    found: list[Gap] = []
    for each in sorted({clock.year_of(at), clock.year_of(at - LATELY)}, reverse=True):
        there = files.names_of(each)
        numbers = (
            Certificate.objects.filter(issued_on__year=each, issued_at__gt=at - LATELY, issued_at__lte=at - SETTLED)
            .order_by("pk")
            .values_list("pk", "number", "facts_digest")
        )
        for pk, number, digest in numbers.iterator(chunk_size=5000):
            stem = files.stem_of(number, digest)
            if not {f"{stem}.pdf", f"{stem}.png"} <= there:
                found.append(Gap(f"certificate {number} has no file", _rendering(pk, in_place=len(found) < MADE_AT_ONCE)))
                if len(found) == GAPS_AT_ONCE:
                    return found
    return found


def _issuing(completion: Completion, at: datetime):
    return lambda: issue(completion=completion, at=at)


def _revoking(reversal: Reversal, at: datetime):
    return lambda: revoke_with(reversal=reversal, at=at)


def _rendering(pk: int, *, in_place: bool):
    return lambda: tasks.render(pk) if in_place else tasks.render.delay(pk)
