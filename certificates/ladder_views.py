"""The web doors of higher certificates: one's own way, how people stand, attesting, a kind's conditions."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from certificates import tasks
from certificates.forms import AttestForm, ConditionsForm
from certificates.models import Certificate, CertificateKind, ConditionSet
from certificates.permissions import KindPolicy, counties_of
from certificates.services import ladder, renewals
from certificates.views import name_places
from core import clock
from core.errors import Refused
from people.models import Person, Unit
from people.permissions import READS_RECORDS, has_role, paths_of
from people.reauthentication import recently_signed_in
from people.services import readings

PER_PAGE = 25
NAMES = 50  # of those who would gain, on the page of the dry run
SHORTEST_QUERY = 2  # letters after which an attester who reads no records finds people


@login_required
@never_cache
@require_safe
def my_ladder(request: HttpRequest) -> HttpResponse:
    """What is missing for each higher certificate of one's county, with what comes next."""
    at = clock.now()
    county = request.user.unit.county if request.user.unit_id else None
    sets = ladder.sets_in_force(county) if county else []
    explained = ladder.explain_all([request.user], sets, at=at)[request.user.pk] if sets else []
    context = {"explained": explained, "due": renewals.due(request.user, at=at), "today": clock.today(at)}
    return render(request, "certificates/ladder/mine.html", context)


@login_required
@never_cache
@require_safe
def ladder_people(request: HttpRequest) -> HttpResponse:
    """How the people of one's units stand to one higher certificate. Trainers and reviewers find people by name, to attest."""
    at = clock.now()
    sets = _sets_of(request.user)
    reads = has_role(request.user, *READS_RECORDS)
    if not reads:
        sets = [one for one in sets if one.attested]
    asked = request.GET.get("kind", "")
    chosen = next((one for one in sets if str(one.kind_id) == asked), sets[0] if sets else None)
    query = request.GET.get("q", "").replace("\x00", "").strip()[:80]
    found = _people(request.user, chosen, query) if chosen else Person.objects.none()
    page = Paginator(found.select_related("unit").order_by("unit__path", "name", "pk"), PER_PAGE).get_page(request.GET.get("page"))
    explained = ladder.explain_all(page, [chosen], at=at) if chosen else {}
    name_places(page)
    rows = [(person, _shown(request.user, person, explained[person.pk][0])) for person in page]
    shaken = list(ladder.shaken(Certificate.objects.visible_to(request.user), day=clock.today(at))[:PER_PAGE]) if reads else []
    filters = {"q": query, "kind": chosen.kind.key if chosen else "", "page": page.number}
    readings.record(reader=request.user, kind="read", what="higher certificates", filters=filters, rows=len(rows), request=request)
    context = {
        "sets": sets,
        "chosen": chosen,
        "page": page,
        "rows": rows,
        "q": query,
        "reads": reads,
        "shaken": shaken,
        "may_attest": bool(chosen) and ladder.may_attest(request.user, chosen.kind),
        "may_rule": bool(chosen) and _may_rule(request.user, chosen.kind),
        "other_kinds": _kinds_without(request.user, sets),
        "must_search": not reads and len(query) < SHORTEST_QUERY,
    }
    return render(request, "certificates/ladder/people.html", context)


@login_required
@never_cache
def ladder_person(request: HttpRequest, kind_id: int, person_id: int) -> HttpResponse:
    """One person and one higher certificate: what is met, what is missing; who may, attests here or takes back."""
    at = clock.now()
    conditions = next((one for one in _sets_of(request.user) if one.kind_id == kind_id), None)
    if conditions is None:
        raise Http404
    person = get_object_or_404(_everybody(request.user, conditions).select_related("unit"), pk=person_id)
    name_places([person])
    may_attest = ladder.may_attest(request.user, conditions.kind) and person.pk != request.user.pk
    form = AttestForm(request.POST or None, conditions=conditions)
    refusal = None
    if request.method == "POST":
        if not may_attest:
            raise PermissionDenied
        if form.is_valid():
            given = {"person": person, "conditions": conditions, "key": form.cleaned_data["key"], "by": request.user, "at": at}
            try:
                if form.cleaned_data["act"] == "attest":
                    ladder.attest(evidence=form.cleaned_data["evidence"], **given)
                    messages.success(request, _("Attested. It is on record with your name."))
                else:
                    ladder.withdraw(reason=form.cleaned_data["evidence"], **given)
                    messages.success(request, _("Withdrawn. Both entries stay on record."))
            except Refused as refused:
                refusal = refused
            else:
                return redirect("ladder_person", kind_id, person_id)
    explanation = ladder.explain(person, conditions, at=at)
    said = conditions.kind.attestations.filter(person=person).select_related("by").order_by("-pk")
    readings.record(
        reader=request.user,
        kind="read",
        what="higher certificate of a person",
        unit=person.unit,
        subject=person,
        filters={"kind": conditions.kind.key},
        rows=1,
        request=request,
    )
    context = {
        "person": person,
        "explanation": explanation,
        "points": _shown(request.user, person, explanation),
        "said": said,
        "to_say": [(point, _acts(point)) for point in explanation.points if point.asks == "attested"],
        "form": form,
        "refusal": refusal,
        "may_attest": may_attest,
        "reads": _reads(request.user, person),
        "conditions": conditions,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "certificates/ladder/person.html", context, status=status)


def _acts(point: ladder.Point) -> list[str]:
    """What can be said of a condition: one that stands is taken back, also when a certificate rests on it already."""
    return [*(["withdraw"] if point.is_met or point.is_barred else []), *([] if point.is_met else ["attest"])]


@login_required
@never_cache
@recently_signed_in
def ladder_conditions(request: HttpRequest, kind_id: int) -> HttpResponse:
    """What a kind asks for: HR changes it after a look at who would gain. What was issued stays."""
    at = clock.now()
    kind = get_object_or_404(CertificateKind.objects.visible_to(request.user).select_related("county"), pk=kind_id)
    if not _may_rule(request.user, kind):
        raise PermissionDenied
    newest = ConditionSet.objects.filter(kind=kind).order_by("-number").first()
    form = ConditionsForm(request.POST or None, kind=kind, newest=newest)
    context: dict = {"kind": kind, "newest": newest, "form": form}
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            terms = form.terms()
            try:
                ladder.check_terms(kind, terms)
            except Refused as refused:
                context["refusal"] = refused
            else:
                if form.cleaned_data["seen"] == form.digest():
                    return _put(request, kind, terms, at=at)
                status = 200
                context["dry_run"] = _dry_run(request, kind, terms, at=at)
                context["seen"] = form.digest()
    return render(request, "certificates/ladder/conditions.html", context, status=status)


def _put(request: HttpRequest, kind: CertificateKind, terms: ladder.Terms, *, at) -> HttpResponse:
    with transaction.atomic():
        conditions = ladder.put_into_force(kind=kind, terms=terms, by=request.user, at=at)
        if not conditions.is_empty:
            transaction.on_commit(lambda: tasks.catch_up.delay(conditions.pk), robust=True)
    messages.success(request, _("In force. Whoever meets the conditions already gets the certificate within some minutes."))
    return redirect("ladder_conditions", kind.pk)


def _dry_run(request: HttpRequest, kind: CertificateKind, terms: ladder.Terms, *, at) -> dict:
    """How many would gain at once, and the names that the user may see."""
    if terms.is_empty:
        return {"count": 0, "people": [], "words": _("The kind asks for nothing any more: only courses award it.")}
    found = ladder.candidates(kind, terms.of(kind, at=at), day=clock.today(at))
    count = found.count()
    people = list(
        found.filter(pk__in=Person.objects.visible_to(request.user)).select_related("unit").order_by("unit__path", "name")[:NAMES]
    )
    readings.record(
        reader=request.user, kind="read", what="who would gain a certificate", filters={"kind": kind.key}, rows=len(people), request=request
    )
    words = ngettext(
        "%(count)d person meets these conditions already and would be issued the certificate.",
        "%(count)d people meet these conditions already and would be issued the certificate.",
        count,
    ) % {"count": count}
    return {"count": count, "people": people, "words": words}


def _may_rule(user, kind: CertificateKind) -> bool:
    return KindPolicy(CertificateKind).user_has_permission_for_instance(user, "change", kind)


def _kinds_without(user, sets: list[ConditionSet]) -> list[CertificateKind]:
    """The kinds that the user rules and that ask for nothing yet."""
    if not KindPolicy(CertificateKind).user_has_permission(user, "change"):
        return []
    return list(CertificateKind.objects.visible_to(user).exclude(pk__in=[one.kind_id for one in sets]).order_by("category", "key"))


def _sets_of(user) -> list[ConditionSet]:
    """The conditions in the counties where the user reads records or attests.

    Raises:
        PermissionDenied: they do neither.
    """
    if user.is_superuser:
        return ladder.sets_in_force()
    counties = {path[: Unit.steplen] for path in paths_of(user, READS_RECORDS)}
    counties |= {county.path for county in counties_of(user, ladder.ATTESTS)}
    if not counties:
        raise PermissionDenied
    return [one for one in ladder.sets_in_force() if one.kind.county.path in counties]


def _everybody(user, conditions: ConditionSet) -> QuerySet:
    """The people of the kind's county whose standing the user reads, or for whom they attest."""
    county = Person.objects.filter(unit__path__startswith=conditions.kind.county.path)
    if user.is_superuser or ladder.may_attest(user, conditions.kind):
        return county
    reach = Q(pk=user.pk)
    for path in paths_of(user, READS_RECORDS):
        reach |= Q(unit__path__startswith=path)
    return county.filter(reach)


def _people(user, conditions: ConditionSet, query: str) -> QuerySet:
    """Those on the list: the people whose records one reads; who attests only has to search by name or number."""
    found = _everybody(user, conditions).serving()
    if not has_role(user, *READS_RECORDS) and len(query) < SHORTEST_QUERY:
        return found.none()
    if query:
        found = found.filter(Q(name__icontains=query) | Q(employee_number__iexact=query) | Q(unit__name__icontains=query))
    return found


def _reads(user, person: Person) -> bool:
    """Whether the user reads this person's records; who only attests does not."""
    if user.is_superuser or user.pk == person.pk:
        return True
    return any(person.unit.path.startswith(path) for path in paths_of(user, READS_RECORDS))


def _shown(user, person: Person, explanation: ladder.Explanation) -> dict:
    """What of an explanation the user sees: all of it, or only what has to be attested."""
    reads = _reads(user, person)
    points = [point for point in explanation.points if reads or point.asks == "attested"]
    return {
        "points": points,
        "missing": [point for point in points if not point.is_met],
        "held": explanation.held if reads else None,
        "is_suspended": explanation.is_suspended,
        "reads": reads,
    }
