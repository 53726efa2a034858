"""What reconcile finds missing in this app, and how each gap is mended."""

from datetime import datetime, timedelta

from django.db.models import Count, Exists, Min, OuterRef, Q
from django.utils.translation import gettext as _

from certificates import tasks
from certificates.models import Certificate, CertificateKind, Proposal, StatusEvent
from certificates.services import issuing, proposals, renewals
from core import clock
from core.errors import Refused
from core.reconcile import Gap
from courses.models import Completion, Reversal

GAPS_AT_ONCE = 1000
SETTLED = timedelta(minutes=2)  # how long a job may take before its absence counts as a gap
LATELY = timedelta(days=14)  # whose papers are looked after; older ones wait until somebody asks for them
MADE_AT_ONCE = 20  # papers that a repair makes itself, and so tells what cannot be printed; more go to their queue


def gaps_of_issue(at: datetime) -> list[Gap]:
    """Completions that earn a certificate and have none. Reversed ones earn none; one beside a suspended certificate waits for HR."""
    suspended = (
        Certificate.objects.unfallen()
        .with_state()
        .filter(
            Q(course_code=OuterRef("course_code")) | ~Q(kind__renewal_course=""),
            person=OuterRef("person"),
            kind__county=OuterRef("course__county"),
            kind__key=OuterRef("certificate"),
            decided_kind=StatusEvent.Kind.SUSPENDED,
        )
    )
    set_up = CertificateKind.objects.filter(county=OuterRef("course__county"), key=OuterRef("certificate"), live=True)
    missing = (
        Completion.objects.standing()
        .exclude(certificate="")
        .filter(~Exists(suspended.held_before(OuterRef("completed_at"))), certificates__isnull=True, completed_at__lte=at)
    )
    ready = missing.filter(Exists(set_up)).order_by("completed_at")[:GAPS_AT_ONCE]
    gaps = [
        Gap(f"completion {completion.pk} {completion.course_code} has no certificate", _issuing(completion, at)) for completion in ready
    ]
    # One gap for all that wait for the county: each of them alone would keep others from being mended.
    waiting = missing.filter(~Exists(set_up)).values("course__county__name", "certificate")
    for each in waiting.annotate(count=Count("pk"), first=Min("pk")).order_by("course__county__name", "certificate"):
        what = f"{each['count']} completions in {each['course__county__name']} wait for a kind of certificate “{each['certificate']}”"
        gaps.append(Gap(what, _issuing(Completion.objects.get(pk=each["first"]), at)))
    return gaps


def gaps_of_renewal(at: datetime) -> list[Gap]:
    """Completions of courses that only renew, which renew a certificate and did not."""
    return [
        Gap(f"completion {completion.pk} {completion.course_code} has renewed no certificate", _issuing(completion, at))
        for completion in renewals.missed(at, limit=GAPS_AT_ONCE)
    ]


def gaps_of_revocation(at: datetime) -> list[Gap]:
    """Reversed completions whose certificate is neither ended nor suspended with its revocation proposed."""
    proposed = Proposal.objects.filter(certificate=OuterRef("pk"), kind=Proposal.Kind.REVOKE, decision=None)
    in_force = Q(decided_kind=None) | Q(decided_kind=StatusEvent.Kind.RESTORED)
    half_done = Q(decided_kind=StatusEvent.Kind.SUSPENDED) & ~Exists(proposed)
    untouched = Certificate.objects.with_state().filter(in_force | half_done, completion=OuterRef("completion"))
    missed = Reversal.objects.filter(Exists(untouched)).select_related("completion", "by")[:GAPS_AT_ONCE]
    return [
        Gap(f"certificate of the reversed completion {reversal.completion_id} is neither suspended nor revoked", _revoking(reversal, at))
        for reversal in missed
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


def gaps_of_site(at: datetime) -> list[Gap]:
    """Papers whose badge names an address that the settings do not know: after a move nobody could check them any more.

    Looks at the oldest and the newest that lie in storage, of five each; makes none.
    """
    from certificates import badge, files

    known = {badge.site_did(address) for address in badge.sites()}
    found: dict[str, Gap] = {}
    for order in ("pk", "-pk"):
        for certificate in Certificate.objects.order_by(order)[:5]:
            named = files.site_named_by(certificate)
            if named and named not in known:
                what = f"certificate {certificate.number} names {named}, and neither SITE_URL nor FORMER_SITE_URLS does"
                found[named] = Gap(what, _no_repair)
            if named:
                break
    return list(found.values())


def _no_repair() -> None:
    raise Refused(_("Put the address that the site had before into FORMER_SITE_URLS."), code="unknown_site")


def _issuing(completion: Completion, at: datetime):
    return lambda: issuing.issue(completion=completion, at=at)


def _revoking(reversal: Reversal, at: datetime):
    return lambda: proposals.revoke_with(reversal=reversal, at=at)


def _rendering(pk: int, *, in_place: bool):
    return lambda: tasks.render(pk) if in_place else tasks.render.delay(pk)
