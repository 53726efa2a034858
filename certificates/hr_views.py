"""What HR does to a certificate: suspend, restore, propose to end or correct it, and decide what a colleague proposed.

What one proposed oneself one may withdraw.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from certificates import rules, services
from certificates.forms import DecisionForm, ReasonForm, ReplaceForm, RevokeForm, WithdrawalForm
from certificates.models import Certificate, Proposal, State
from certificates.permissions import administrators_over, counties_of, may_rule, officers_over
from certificates.services.standing import is_misdated, is_reversed, refuse_own
from certificates.views import PER_PAGE, log_reading, name_places, visible
from core import clock
from core.errors import Refused
from people.models import Person, Role
from people.reauthentication import recently_signed_in
from people.services import readings

NAMED = 5  # of those who may decide


@dataclass(frozen=True)
class Act:
    """One thing that an officer does to a certificate on a page of its own."""

    title: str
    meaning: str
    button: str
    done: str
    needs_second: bool = False
    css: str = "btn-primary"


SUSPEND = Act(
    gettext_lazy("Suspend a certificate"),
    gettext_lazy("From now on the public check page says that this certificate is suspended. It can be restored at any time."),
    gettext_lazy("Suspend now"),
    gettext_lazy("The certificate %(number)s is suspended."),
    css="btn-danger",
)
RESTORE = Act(
    gettext_lazy("Restore a certificate"),
    gettext_lazy("The certificate is in force again from now on, until its last day of validity. That it was suspended stays on record."),
    gettext_lazy("Restore now"),
    gettext_lazy("The certificate %(number)s is in force again."),
)
REVOKE = Act(
    gettext_lazy("Propose to revoke a certificate"),
    gettext_lazy(
        "Nothing changes before a second officer has confirmed it. Then the certificate is revoked for good, and the public check page says so. "
        "The certificate and its record stay; hours are not touched."
    ),
    gettext_lazy("Propose the revocation"),
    gettext_lazy("The revocation of %(number)s is proposed. A second officer has to confirm it."),
    needs_second=True,
    css="btn-danger",
)
REPLACE = Act(
    gettext_lazy("Propose a corrected certificate"),
    gettext_lazy(
        "Write the facts as they should read. When a second officer has confirmed it, a new certificate with its own number is issued, valid as "
        "long as this one, and this one says that it was replaced. Neither is deleted."
    ),
    gettext_lazy("Propose the correction"),
    gettext_lazy("The correction of %(number)s is proposed. A second officer has to confirm it."),
    needs_second=True,
)


@login_required
@recently_signed_in
def certificate_suspend(request: HttpRequest, number: str) -> HttpResponse:
    """HR takes a certificate out of force at once."""
    found = _for_officer(request, number)
    form = ReasonForm(request.POST or None)
    if request.method != "POST" and found.state_on(clock.today()) != State.VALID:
        return redirect("certificate", number=found.number)
    return _act(
        request,
        found,
        SUSPEND,
        form,
        lambda at: services.suspend(certificate=found, by=request.user, at=at, reason=form.cleaned_data["reason"]),
    )


@login_required
@recently_signed_in
def certificate_restore(request: HttpRequest, number: str) -> HttpResponse:
    """HR ends a suspension."""
    found = _for_officer(request, number)
    form = ReasonForm(request.POST or None)
    if request.method != "POST" and found.state_on(clock.today()) != State.SUSPENDED:
        return redirect("certificate", number=found.number)
    return _act(
        request,
        found,
        RESTORE,
        form,
        lambda at: services.restore(certificate=found, by=request.user, at=at, reason=form.cleaned_data["reason"]),
    )


@login_required
@recently_signed_in
def certificate_revoke(request: HttpRequest, number: str) -> HttpResponse:
    """HR proposes a revocation."""
    found = _for_officer(request, number)
    form = RevokeForm(request.POST or None)
    return _propose(request, found, REVOKE, form, kind=Proposal.Kind.REVOKE)


@login_required
@recently_signed_in
def certificate_replace(request: HttpRequest, number: str) -> HttpResponse:
    """HR proposes that a certificate be replaced by one with corrected facts."""
    found = _for_officer(request, number)
    form = ReplaceForm.of(found, request.POST or None)
    return _propose(request, found, REPLACE, form, kind=Proposal.Kind.REPLACE)


@login_required
@never_cache
@require_safe
def certificate_proposals(request: HttpRequest) -> HttpResponse:
    """What waits for this officer, what waits for a colleague, or, with ?decided, what was decided. Newest decisions first."""
    if not (request.user.is_superuser or counties_of(request.user, [Role.HR])):
        raise PermissionDenied
    decided = "decided" in request.GET
    reach = Proposal.objects.visible_to(request.user).select_related("certificate", "by", "decision__by")
    listed = reach.filter(decision__isnull=False).order_by("-decision__at") if decided else reach.open().order_by("at", "pk")
    page = Paginator(listed, PER_PAGE).get_page(request.GET.get("page"))
    readings.record(
        reader=request.user,
        kind="read",
        what="certificate proposals",
        filters={"decided": decided, "page": page.number},
        rows=len(page.object_list),
        request=request,
    )
    return render(request, "certificates/proposals.html", {"page": page, "decided": decided})


@login_required
@never_cache
@recently_signed_in
def certificate_proposal(request: HttpRequest, pk: int) -> HttpResponse:
    """One proposal with what it would change, and the second officer's yes or no; whoever made it may withdraw it."""
    rows = Proposal.objects.visible_to(request.user).select_related("by__unit", "decision__by")
    proposal = get_object_or_404(rows, pk=pk)
    found = visible(request, proposal.certificate.number)
    own = proposal.by_id == request.user.pk
    form = (WithdrawalForm if own else DecisionForm)(request.POST or None)
    verdict = request.POST.get("decision")
    if request.method == "POST" and verdict not in (["withdraw"] if own else ["accept", "decline"]):
        form.add_error(
            None,
            _("You proposed this yourself. A second officer has to decide; until then you can withdraw it.")
            if own
            else _("Please choose: confirm or decline."),
        )
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        try:
            if own:
                services.withdraw(proposal=proposal, by=request.user, at=clock.now(), reason=reason)
            else:
                services.decide(proposal=proposal, is_accepted=verdict == "accept", by=request.user, at=clock.now(), reason=reason)
        except Refused as refusal:
            form.add_error(None, refusal.message)
            proposal = rows.get(pk=pk)  # somebody may have been quicker
            found = visible(request, found.number)
        else:
            messages.success(request, _done(proposal, verdict))
            return redirect("certificate", number=found.number)
    log_reading(request, found, "certificate proposal")
    decision, state = getattr(proposal, "decision", None), found.state_on(clock.today())
    name_places([proposal.by])
    is_open = decision is None and state not in (State.REVOKED, State.REPLACED)
    binds = proposal.kind == Proposal.Kind.REVOKE and is_reversed(found)
    context = {
        "proposal": proposal,
        "decision": decision,
        "certificate": found,
        "state": state,
        "is_open": is_open,
        "may_decide": is_open and not own,
        "may_withdraw": is_open and own and not binds,
        "second": _second(found, proposal.by_id) if is_open else None,
        "is_reversed": is_reversed(found),
        "is_misdated": proposal.kind == Proposal.Kind.REPLACE and is_misdated(found),
        "changes": _changes(found, proposal) if proposal.kind == Proposal.Kind.REPLACE else [],
        "form": form,
    }
    return render(request, "certificates/proposal.html", context, status=422 if form.errors else 200)


def _for_officer(request: HttpRequest, number: str) -> Certificate:
    """The certificate, for an officer who may act on it.

    Raises:
        PermissionDenied: not HR of the county.
        Refused: own_certificate.
    """
    found = visible(request, number)
    if not may_rule(request.user, found):
        raise PermissionDenied
    refuse_own(request.user, found)
    return found


def _propose(request: HttpRequest, found: Certificate, act: Act, form, *, kind: str) -> HttpResponse:
    if request.method != "POST":
        if found.state_on(clock.today()) in (State.REVOKED, State.REPLACED):
            return redirect("certificate", number=found.number)
        waiting = found.proposals.open().first()
        if waiting is not None:
            return redirect("certificate_proposal", pk=waiting.pk)

    def propose(at):
        corrections = form.corrections() if kind == Proposal.Kind.REPLACE else None
        reason = form.cleaned_data["reason"]
        services.propose(certificate=found, kind=kind, reason=reason, by=request.user, at=at, corrections=corrections)

    return _act(request, found, act, form, propose)


def _act(request: HttpRequest, found: Certificate, act: Act, form, do: Callable) -> HttpResponse:
    """Show the form, or do it and go back to the certificate; a refusal is told above the form, which keeps what was typed."""
    if request.method == "POST" and form.is_valid():
        try:
            do(clock.now())
        except Refused as refusal:
            form.add_error(None, refusal.message)
            found = visible(request, found.number)
        else:
            messages.success(request, act.done % {"number": found.number})
            return redirect("certificate", number=found.number)
    if request.method != "POST":
        log_reading(request, found, "certificate")
    context = {
        "act": act,
        "certificate": found,
        "state": found.state_on(clock.today()),
        "form": form,
        "second": _second(found, request.user.pk) if act.needs_second else None,
    }
    return render(request, "certificates/act.html", context, status=422 if form.errors else 200)


@dataclass(frozen=True)
class Second:
    """Who may decide on a proposal, some of them by name with `place`; where nobody may yet, whom to ask to change that."""

    officers: list[Person]
    more: int
    administrators: list[Person]


def _second(found: Certificate, first: int) -> Second:
    """Three queries at most."""
    able = list(officers_over(found).exclude(pk=first).select_related("unit").order_by("is_superuser", "name", "pk"))
    asked = [] if able else list(administrators_over(found).select_related("unit").order_by("name", "pk")[:NAMED])
    name_places([*able[:NAMED], *asked])
    return Second(able[:NAMED], max(0, len(able) - NAMED), asked)


def _done(proposal: Proposal, verdict: str) -> str:
    if verdict == "withdraw":
        return _("The proposal is withdrawn. The certificate stays as it is.")
    if verdict == "decline":
        return _("The proposal is declined. The certificate stays as it is.")
    if proposal.kind == Proposal.Kind.REVOKE:
        return _("The certificate is revoked.")
    new = Certificate.objects.get(replaces=proposal.certificate_id)
    return _("The corrected certificate %(number)s is issued; this one is replaced.") % {"number": new.number}


@dataclass(frozen=True)
class Change:
    """A fact before and after; between `head` and `tail`, which both have in common, `old` becomes `new`."""

    what: str
    before: str
    after: str
    head: str
    old: str
    new: str
    tail: str


def _changes(found: Certificate, proposal: Proposal) -> list[Change]:
    """Each corrected fact, and the sentence on the paper where it changes with it."""
    new = services.corrected(found, proposal.corrections)
    pairs = [(name, getattr(found, name), getattr(new, name)) for name in (*services.CORRECTABLE, "text")]
    return [
        Change(str(Certificate._meta.get_field(name).verbose_name), before, after, *rules.difference(before, after))
        for name, before, after in pairs
        if before != after
    ]
