"""The web doors of certificates: mine, one with its files, the list of those issued. What HR does to one: `hr_views`."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from certificates import files
from certificates.forms import IssuedForm
from certificates.models import Certificate, Proposal, State, StatusEvent
from certificates.paper import check_address
from certificates.permissions import counties_of, may_rule
from core import clock
from people.models import Person, Role, Unit
from people.permissions import READS_RECORDS, has_role, records_q, require_role
from people.services import readings

MEDIA_TYPES = {"pdf": "application/pdf", "png": "image/png"}
PER_PAGE = 50


@dataclass
class Card:
    """One certificate as its holder sees it in the list."""

    certificate: Certificate
    state: State
    days_left: int | None = None
    event: StatusEvent | None = None  # what ended or suspended it, with who did
    successor: str = ""  # number of the one that replaced it

    @property
    def is_ended(self) -> bool:
        return self.state in (State.REPLACED, State.REVOKED, State.EXPIRED)


@login_required
@require_safe
def my_certificates(request: HttpRequest) -> HttpResponse:
    """One's own certificates as cards, those in force first. Four queries at most."""
    today = clock.today()
    cards = [
        Card(each, each.state_on(today), each.days_left(today)) for each in Certificate.objects.filter(person=request.user).with_state()
    ]
    touched = {card.certificate.pk: card for card in cards if card.state in (State.SUSPENDED, State.REPLACED, State.REVOKED)}
    for event in StatusEvent.objects.deciding().filter(certificate__in=touched).select_related("by__unit"):
        touched[event.certificate_id].event = event  # in the order of the keys: the newest stays
    for replaced, number in Certificate.objects.filter(replaces__in=touched).values_list("replaces", "number"):
        touched[replaced].successor = number
    name_places(card.event.by for card in touched.values() if card.event)
    cards.sort(key=lambda card: card.is_ended)
    return render(request, "certificates/mine.html", {"cards": cards})


@login_required
@never_cache
@require_safe
def certificate_file(request: HttpRequest, number: str, kind: str) -> HttpResponse:
    """The PDF or the picture, for the holder and for those who may read the record; reading another's is logged."""
    certificate = visible(request, number)
    data = files.read(certificate, kind)
    log_reading(request, certificate, f"certificate {kind}")
    name = f"{certificate.title}-{certificate.person_name}-{certificate.number}.{kind}"
    response = HttpResponse(data, content_type=MEDIA_TYPES[kind])
    response["Content-Disposition"] = content_disposition_header("download" in request.GET, name)
    response["X-Robots-Tag"] = "noindex"
    return response


@login_required
@require_safe
def certificate(request: HttpRequest, number: str) -> HttpResponse:
    """One certificate with what became of it; for HR what may be done to it, and what was proposed."""
    found = visible(request, number)
    log_reading(request, found, "certificate")
    today = clock.today()
    rules = may_rule(request.user, found) and found.person_id != request.user.pk
    reads_proposals = rules or (found.person_id != request.user.pk and has_role(request.user, Role.AUDITOR))
    proposals = list(found.proposals.select_related("by", "decision__by", "event")) if reads_proposals else []
    state = found.state_on(today)
    events = list(found.events.select_related("by__unit", "second"))
    name_places(event.by for event in events)
    return render(
        request,
        "certificates/detail.html",
        {
            "certificate": found,
            "state": state,
            "days_left": found.days_left(today) if state == State.VALID else None,
            "events": events,
            "last": next((event for event in reversed(events) if event.kind != StatusEvent.Kind.EXPIRED), None),
            "successor": Certificate.objects.filter(replaces=found).only("number").first() if state == State.REPLACED else None,
            "came_to_nothing": [each for each in proposals if hasattr(each, "decision") and not each.decision.is_accepted],
            "open_proposals": [each for each in proposals if not hasattr(each, "decision")]
            if state not in StatusEvent.Kind.final()
            else [],
            "may_rule": rules,
            "is_holder": found.person_id == request.user.pk,
            "check_address": check_address(found.number),
        },
    )


@login_required
@require_safe
def certificates_issued(request: HttpRequest) -> HttpResponse:
    """The certificates that one may read, newest first; searched by number, name or unit, narrowed by state."""
    require_role(request.user, *READS_RECORDS)
    today = clock.today()
    form = IssuedForm(request.GET)
    form.is_valid()
    wanted, state = form.cleaned_data.get("q", "").strip(), form.cleaned_data.get("state", "")
    found = Certificate.objects.visible_to(request.user)
    found = found.in_state(state, today) if state else found.with_state()
    if "q" in form.errors:  # what was looked for is not understood: then nothing is found, and it is said
        found = found.none()
    if wanted:
        found = found.filter(
            Q(number__icontains=wanted)
            | Q(person_name__icontains=wanted)
            | Q(employee_number__iexact=wanted) & records_q(request.user)  # it is not on the paper: not told of guests
            | Q(unit_name__icontains=wanted)
            | Q(course_title__icontains=wanted)
        )
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    rows = [(each, each.state_on(today), each.days_left(today)) for each in page]
    readings.record(
        reader=request.user,
        kind="read",
        what="certificates",
        filters={"q": wanted, "state": state, "page": page.number},
        rows=len(rows),
        request=request,
    )
    context = {
        "page": page,
        "rows": rows,
        "q": wanted or request.GET.get("q", "")[:80],
        "faults": [str(fault) for fault in form.errors.get("q", [])],
        "state": state,
        "states": IssuedForm.STATES,
        "is_hr": bool(counties_of(request.user, [Role.HR])),
        "orders_batches": has_role(request.user, Role.HR),
    }
    if context["is_hr"]:
        context["waiting"] = Proposal.objects.waiting_for(request.user).count()
    return render(request, "certificates/issued.html", context)


def visible(request: HttpRequest, number: str) -> Certificate:
    return get_object_or_404(
        Certificate.objects.visible_to(request.user)
        .with_state()
        .with_ledger()
        .select_related("unit", "kind", "version", "replaces", "renews"),
        number=number.upper(),
    )


def name_places(people: Iterable[Person | None]) -> None:
    """Give each person `place`, where to find them: the unit, a section with the organ before it. One query at most."""
    found = [each for each in people if each is not None and each.unit_id]
    sections = {each.unit.organ_path for each in found if each.unit.organ_path != each.unit.path}
    organs = dict(Unit.objects.filter(path__in=sections).values_list("path", "name")) if sections else {}
    for each in found:
        organ = organs.get(each.unit.organ_path)
        each.place = f"{organ} {each.unit.name}" if organ else each.unit.name


def log_reading(request: HttpRequest, certificate: Certificate, what: str) -> None:
    """Leave the trace of reading somebody else's certificate."""
    readings.record(
        reader=request.user,
        kind="read",
        what=what,
        unit=certificate.unit,
        subject=certificate.person,
        filters={"number": certificate.number},
        rows=1,
        request=request,
    )
