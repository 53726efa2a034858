"""What two officers do to a certificate: one proposes to revoke it, or to replace it with corrected facts; another decides.

Whoever proposed may take it back until then.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from certificates import rules
from certificates.models import Certificate, Proposal, ProposalDecision, StatusEvent
from certificates.services import issuing, standing
from certificates.signals import certificate_issued
from core import audit, clock, fonts
from core.errors import Refused
from core.text import printable, squeeze
from courses.models import Reversal
from people import rules as people_rules
from people.models import Person
from people.models.snapshot import copied_from

CORRECTABLE = ("person_name", "unit_name", "post_title")
MAY_BE_EMPTY = {"post_title"}
Kind = StatusEvent.Kind


@transaction.atomic
def propose(
    *, certificate: Certificate, kind: str, reason: str, by: Person, at: datetime, corrections: Mapping[str, str] | None = None
) -> Proposal:
    """Ask that a certificate be revoked, or replaced by one with corrected facts. Nothing changes before a second officer agrees.

    `corrections` gives the right facts by field, of `CORRECTABLE`; what is as it was is left out. One that a clock which ran ahead has
    dated may be replaced as it is, to be dated anew. Locks the certificate.
    Asking the same again returns the proposal that waits. Where a county has no second officer the proposal waits
    until it has one; a suspension works at once.

    Raises:
        PermissionDenied: `by` is not HR of the county.
        Refused: own_certificate, revoked, replaced, open_proposal, clock_back, no_reason; for a replacement also reversed,
            expired, not_correctable, empty, too_long, missing_glyph, nothing_to_correct.
    """
    locked = standing.locked_for(by, certificate)
    standing.refuse_final(standing.newest_deciding(locked))
    replaces = kind == Proposal.Kind.REPLACE
    changed = _corrected(locked, corrections or {}) if replaces else {}
    waiting = Proposal.objects.open().filter(certificate=locked).select_related("by").first()
    if waiting is not None:
        if (waiting.by_id, waiting.kind, waiting.corrections) == (by.pk, kind, changed):
            return waiting
        raise Refused(
            _("A proposal of %(name)s of %(day)s waits for a decision already (%(what)s). One at a time.")
            % {"name": waiting.by.name, "day": f"{clock.local(waiting.at):%Y-%m-%d %H:%M}", "what": waiting.get_kind_display()},
            code="open_proposal",
        )
    if replaces:
        _refuse_replacement(locked, at=at)
        if not changed and not standing.is_misdated(locked):
            raise Refused(_("Nothing would be corrected: every fact is as it was."), code="nothing_to_correct")
    return _write(locked, kind=kind, reason=reason, corrections=changed, by=by, at=at)


@transaction.atomic
def decide(*, proposal: Proposal, is_accepted: bool, by: Person, at: datetime, reason: str = "") -> ProposalDecision:
    """Accept a proposal, with what follows from it, or decline it with a reason. Deciding the same again returns the decision that stands.

    Locks the certificate; for a replacement the number sequence too. Accepted, the certificate is revoked, or a new one
    is issued: for the same completion, with a number and salt of its own, dated today, in the version that the old one was
    printed in and with its wording filled anew. Its last day of validity is that of the old one, since a correction prolongs
    nothing, unless the ledger explains that the clock which dated the old one ran ahead: then it is counted from today.

    Raises:
        PermissionDenied: `by` is not HR of the county.
        Refused: own_certificate, own_proposal, decided, withdrawn, revoked, replaced, clock_back; declined: no_reason, reversed;
            a replacement: reversed, expired, altered, no_number.
    """
    locked = standing.locked_for(by, proposal.certificate_id)
    proposal = Proposal.objects.select_related("by").get(pk=proposal.pk)
    taken = ProposalDecision.objects.filter(proposal=proposal).select_related("by").first()
    if taken is not None:
        return _same(taken, is_accepted=is_accepted, by=by)
    if proposal.by_id == by.pk:
        raise Refused(_("You proposed this yourself. A second officer has to decide; until then you can withdraw it."), code="own_proposal")
    standing.refuse_final(standing.newest_deciding(locked))
    _refuse_clock_back(locked, at=at)
    if not is_accepted:
        _refuse_while_reversed(proposal, locked)
        return _come_to_nothing(proposal, locked, "certificates.decline", is_withdrawal=False, reason=reason, by=by, at=at)
    decision = ProposalDecision.objects.create(proposal=proposal, is_accepted=True, reason=reason.strip(), by=by, at=at)
    if proposal.kind == Proposal.Kind.REVOKE:
        _end(proposal, locked, Kind.REVOKED, by=by, at=at)
        audit.record(locked, "certificates.revoke", by=by, reason=proposal.reason, number=locked.number, proposed_by=proposal.by.name)
    else:
        _refuse_replacement(locked, at=at)
        _end(proposal, locked, Kind.REPLACED, by=by, at=at)  # before the new one is told of: the two never count side by side
        new = _issue_corrected(locked, proposal, by=by, at=at)
        audit.record(
            locked,
            "certificates.replace",
            by=by,
            reason=proposal.reason,
            number=locked.number,
            new=new.number,
            proposed_by=proposal.by.name,
        )
    return decision


@transaction.atomic
def withdraw(*, proposal: Proposal, by: Person, reason: str, at: datetime) -> ProposalDecision:
    """Take back one's own proposal, with a reason, while nobody has decided on it. Withdrawing it again returns what stands.

    Locks the certificate, as `decide` does: of the two at once the second one is told who was quicker. The certificate stays
    as it is, and the next proposal may follow. What a reversed completion proposed is nobody's to take back.

    Raises:
        PermissionDenied: `by` is not HR of the county, or did not propose it.
        Refused: own_certificate, decided, revoked, replaced, reversed, clock_back, no_reason.
    """
    locked = standing.locked_for(by, proposal.certificate_id)
    proposal = Proposal.objects.select_related("by").get(pk=proposal.pk)
    if proposal.by_id != by.pk:
        raise PermissionDenied
    taken = ProposalDecision.objects.filter(proposal=proposal).select_related("by").first()
    if taken is not None:
        if taken.is_withdrawal:
            return taken
        raise _decided_already(taken)
    standing.refuse_final(standing.newest_deciding(locked))
    _refuse_clock_back(locked, at=at)
    _refuse_while_reversed(proposal, locked)
    return _come_to_nothing(proposal, locked, "certificates.take_back", is_withdrawal=True, reason=reason, by=by, at=at)


@transaction.atomic
def revoke_with(*, reversal: Reversal, at: datetime) -> Proposal | None:
    """What a reversed completion does to its certificate: suspended at once, its revocation proposed for a second officer.

    Both with the reversal's reason and in the name of its author, whose right to reverse stands for it. The suspension
    cannot be lifted and the proposal cannot be declined while the completion is reversed, and nothing un-reverses one.
    A proposal to revoke that waits already is enough. None where nothing is left to do. Safe to run twice.

    Raises:
        Refused: clock_back.
    """
    certificate = issuing.of_completion(reversal.completion_id)
    while certificate is not None:
        locked = standing.locked(certificate)
        certificate = issuing.of_completion(reversal.completion_id)
        if certificate == locked:
            break
    else:
        return None
    newest = standing.newest_deciding(locked)
    if newest is not None and newest.kind in Kind.final():
        return None
    if newest is None or newest.kind != Kind.SUSPENDED:
        standing.write_suspension(locked, by=reversal.by, reason=reversal.reason, at=at)
    waiting = Proposal.objects.open().filter(certificate=locked, kind=Proposal.Kind.REVOKE).first()
    return waiting or _write(locked, kind=Proposal.Kind.REVOKE, reason=reversal.reason, corrections={}, by=reversal.by, at=at)


def _refuse_clock_back(certificate: Certificate, *, at: datetime) -> None:
    """As `standing` does, and let no step pass that is before another one of the two officers.

    Their times stand in no ledger, so a clock that ran ahead could not be explained: what lies more than a day ahead measures nothing.

    Raises:
        Refused: clock_back.
    """
    standing.refuse_clock_back(certificate, at=at)
    until = at + timedelta(days=1)
    proposals = Proposal.objects.filter(certificate=certificate)
    proposed = proposals.filter(at__lte=until).aggregate(at=Max("at"))["at"]
    decided = proposals.filter(decision__at__lte=until).aggregate(at=Max("decision__at"))["at"]
    newest = max((moment for moment in (proposed, decided) if moment), default=at)
    if at < newest:
        raise standing.clock_back(at, newest)


def _write(certificate: Certificate, *, kind: str, reason: str, corrections: dict[str, str], by: Person, at: datetime) -> Proposal:
    _refuse_clock_back(certificate, at=at)
    proposal = Proposal.objects.create(
        certificate=certificate, kind=kind, reason=standing.reason_given(reason), corrections=corrections, by=by, at=at
    )
    audit.record(
        certificate, "certificates.propose", by=by, kind=kind, reason=proposal.reason, number=certificate.number, corrections=corrections
    )
    return proposal


def _corrected(certificate: Certificate, corrections: Mapping[str, str]) -> dict[str, str]:
    """Those of the corrections that change something, as they would stand on the paper."""
    changed, fields = {}, {field.name: field for field in Certificate._meta.concrete_fields if field.name in CORRECTABLE}
    for name, value in corrections.items():
        field = fields.get(name)
        if field is None:
            raise Refused(
                _("%(field)s cannot be corrected by a replacement. Name, unit and post can.") % {"field": name}, code="not_correctable"
            )
        text, label, longest = _written(name, value), str(field.verbose_name), field.max_length or 0
        if text in (getattr(certificate, name), squeeze(printable(getattr(certificate, name)))):
            continue
        if not text and name not in MAY_BE_EMPTY:
            raise Refused(_("%(field)s may not be empty.") % {"field": label}, code="empty")
        if len(text) > longest:
            raise Refused(_("%(field)s: at most %(number)s characters.") % {"field": label, "number": longest}, code="too_long")
        changed[name] = text
    fonts.require_glyphs(changed.values())
    return changed


def _written(name: str, value: str) -> str:
    """A corrected fact as it would stand on the paper; a name as the register writes it."""
    text = squeeze(printable(value))
    if name == "person_name":
        with suppress(people_rules.Unreadable):  # what no font has is refused below
            return people_rules.person_name(text)
    return text


def _refuse_replacement(certificate: Certificate, *, at: datetime) -> None:
    """Let a certificate pass that a corrected one could stand in for.

    Raises:
        Refused: reversed, expired, altered.
    """
    certificate.require_as_issued()
    if standing.is_reversed(certificate):
        raise Refused(_("The completion behind this certificate was reversed: it can only be revoked."), code="reversed")
    if standing.has_expired(certificate, at=at):
        raise Refused(
            _("The certificate has expired, and a corrected one would be valid no longer than it. It stays as it is."), code="expired"
        )


def _same(taken: ProposalDecision, *, is_accepted: bool, by: Person) -> ProposalDecision:
    if (taken.by_id, taken.is_accepted, taken.is_withdrawal) == (by.pk, is_accepted, False):
        return taken
    raise _decided_already(taken)


def _decided_already(taken: ProposalDecision) -> Refused:
    facts = {"name": taken.by.name, "day": f"{clock.local(taken.at):%Y-%m-%d %H:%M}"}
    if taken.is_withdrawal:
        return Refused(_("%(name)s withdrew this proposal at %(day)s already.") % facts, code="withdrawn")
    return Refused(
        _("%(name)s accepted this proposal at %(day)s already.") % facts
        if taken.is_accepted
        else _("%(name)s declined this proposal at %(day)s already.") % facts,
        code="decided",
    )


def _refuse_while_reversed(proposal: Proposal, certificate: Certificate) -> None:
    """Let a proposal pass that may come to nothing: the revocation of a certificate without its completion may not.

    Raises:
        Refused: reversed.
    """
    if proposal.kind == Proposal.Kind.REVOKE and standing.is_reversed(certificate):
        raise Refused(
            _(
                "The completion behind this certificate was reversed, so its revocation can be neither declined nor withdrawn. The certificate stays suspended until it is confirmed."
            ),
            code="reversed",
        )


def _come_to_nothing(
    proposal: Proposal, certificate: Certificate, action: str, *, is_withdrawal: bool, reason: str, by: Person, at: datetime
) -> ProposalDecision:
    """The row that ends a proposal and leaves the certificate as it is, and its trace."""
    decision = ProposalDecision.objects.create(
        proposal=proposal, is_accepted=False, is_withdrawal=is_withdrawal, reason=standing.reason_given(reason), by=by, at=at
    )
    audit.record(
        certificate,
        action,
        by=by,
        kind=proposal.kind,
        reason=decision.reason,
        number=certificate.number,
        proposed_by=proposal.by.name,
    )
    return decision


def _end(proposal: Proposal, certificate: Certificate, kind: str, *, by: Person, at: datetime) -> StatusEvent:
    return StatusEvent.objects.create(
        certificate=certificate, kind=kind, reason=proposal.reason, by=proposal.by, second=by, proposal=proposal, at=at
    )


def corrected(old: Certificate, corrections: Mapping[str, str]) -> Certificate:
    """What would stand in for a certificate, not saved and without number and dates: corrected facts, the sentence filled anew."""
    new = Certificate(
        **copied_from(old) | dict(corrections),
        completion=old.completion,
        kind=old.kind,
        version=old.version,
        renews=old.renews,
        replaces=old,
        round=old.round,
        title=old.title,
        issuer=old.issuer,
        course_code=old.course_code,
        course_title=old.course_title,
        edition_number=old.edition_number,
        hours=old.hours,
        score=old.score,
        valid_until=old.valid_until,
    )
    earned_on = clock.today(old.completion.completed_at) if old.completion else old.issued_on
    new.text = rules.fill_wording(old.version.content["wording"], issuing.words_of(new, on=earned_on))
    return new


def _issue_corrected(old: Certificate, proposal: Proposal, *, by: Person, at: datetime) -> Certificate:
    """The certificate that stands in for a faulty one. See `decide` for what it keeps and what is its own."""
    new = corrected(old, proposal.corrections)
    new.number = issuing.next_number(old.kind, old.kind.county, at=at)
    new.issued_on, new.issued_at = clock.today(at), at
    if standing.is_misdated(old):
        after = old.renews.valid_until if old.renews else None
        new.valid_until = rules.renewed_until(new.issued_on, after, old.version.content["validity_months"])
    new.facts_digest = rules.digest(new.facts())
    new.save()
    StatusEvent.objects.create(certificate=new, kind=Kind.ISSUED, by=proposal.by, second=by, at=at)
    certificate_issued.send(sender=Certificate, certificate=new, at=at)
    issuing.order_paper(new)
    return new
