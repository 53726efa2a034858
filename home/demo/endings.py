"""What became of a few certificates of the demo county: suspended, revoked, replaced, and two that wait for a second officer."""

from datetime import datetime, timedelta

from certificates import services
from certificates.models import Certificate, Proposal
from core import clock
from people.models import Person, Unit


def load_endings(county: Unit, *, at: datetime) -> None:
    """Once, on certificates of invented people who are no demo sign-in; hr and hr2 act. One of each waits for the other."""
    held = Certificate.objects.visible_to(Person.objects.get(employee_number="hr")).in_force(clock.today(at))
    if Proposal.objects.filter(certificate__unit__path__startswith=county.path).exists():
        return
    picked = held.filter(issued_at__lt=at - timedelta(days=1), person__employee_number__regex="[0-9]{3}").order_by("pk")[:5]
    if len(picked) < 5:
        return
    suspended, revoked, replaced, to_revoke, to_replace = picked
    hr, hr2 = (Person.objects.get(employee_number=login) for login in ("hr", "hr2"))
    services.suspend(certificate=suspended, by=hr, reason="接到代学举报，核查期间暂停", at=at)
    asked = services.propose(certificate=revoked, kind=Proposal.Kind.REVOKE, by=hr, reason="查实由他人代学", at=at)
    services.decide(proposal=asked, is_accepted=True, by=hr2, at=at)
    _correct(replaced, "四级主任科员", by=hr2, second=hr, at=at)
    services.propose(certificate=to_revoke, kind=Proposal.Kind.REVOKE, by=hr2, reason="本人申请：误用他人账号学习", at=at)
    _correct(to_replace, "一级科员", by=hr2, at=at)


def _correct(certificate: Certificate, post: str, *, by: Person, at: datetime, second: Person | None = None) -> None:
    asked = services.propose(
        certificate=certificate,
        kind=Proposal.Kind.REPLACE,
        corrections={"post_title": post},
        by=by,
        reason="花名册中职务有误，已按任免文件核对",
        at=at,
    )
    if second is not None:
        services.decide(proposal=asked, is_accepted=True, by=second, at=at)
