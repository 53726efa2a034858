"""The web doors of records: the list and its exports, the table of units, learning files, corrections."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Exists, F, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from certificates.models import Certificate
from core import clock
from core.errors import Refused
from core.figures import figure
from core.paging import UpToMost
from courses.models import Completion, CreditPolicy, Enrolment
from courses.services import completions as completing
from courses.services import policies
from evaluation import ahead, claims, known_views, quotas, records, rules, services, standing
from evaluation.forms import CorrectionForm, PurposeForm, RecordsForm, ReversalForm, asked_year, years
from evaluation.models import LedgerEntry
from evaluation.permissions import people_to_file_for, people_with_file, reversible_q, tops_of, units_in_reach
from people.models import Leave, Person, Posting, ReadingOfOthers, Role, Unit
from people.permissions import READS_RECORDS, has_role, is_hr_over, require_role
from people.services import readings

PER_PAGE = 50
Kind = ReadingOfOthers.Kind


# Completion records


@login_required
@never_cache
@require_safe
def record_list(request: HttpRequest) -> HttpResponse:
    """Completion records of one's reach, filtered, sorted, by pages. Each page read is logged."""
    require_role(request.user, *READS_RECORDS)
    at = clock.now()
    form = RecordsForm(request.GET, user=request.user)
    page = None
    if form.is_valid():
        wanted = form.wanted()
        found = records.find(request.user, wanted, at=at, for_page=True)
        page = UpToMost(found, PER_PAGE).get_page(request.GET.get("page"))
        rows = list(page.object_list)
        page.object_list = rows
        openable = set(people_with_file(request.user).filter(pk__in={row.person_id for row in rows}).values_list("pk", flat=True))
        elsewhere = {row.person_id for row in rows} - openable
        moved = people_to_file_for(request.user).filter(pk__in=elsewhere) if elsewhere else Person.objects.none()
        to_file_for = set(moved.values_list("pk", flat=True))
        _log(
            request,
            Kind.READ,
            "completion records",
            unit=wanted.unit,
            rows=len(rows),
            filters={
                **wanted.as_written(),
                "found": f">{page.paginator.count}" if page.paginator.has_more else page.paginator.count,
                "page": page.number,
            },
        )
    return render(
        request,
        "evaluation/records.html",
        {
            "form": form,
            "page": page,
            "made_at": found.counted_at if page is not None else None,
            "openable": openable if page is not None else set(),
            "to_file_for": to_file_for if page is not None else set(),
            "shortcuts": _year_shortcuts(request, at),
            "decides_claims": has_role(request.user, Role.HR, Role.AUDITOR),
            "filter_is_on": any(request.GET.get(name) for name in ("q", "unit", "course", "duty", "since", "until")),
            "export_query": urlencode({k: v for k, v in request.GET.items() if k != "page" and v}),
        },
        status=422 if page is None else 200,
    )


def _year_shortcuts(request: HttpRequest, at) -> list[dict]:
    """Links that set the period to a whole year and keep the other filters; none where no period fits."""
    if request.GET.get("status") == records.Status.NOT_STARTED:
        return []
    links = []
    this = clock.year_of(at)
    for year in (this, this - 1, this - 2):
        period = {"since": f"{year}-01-01", "until": f"{year}-12-31"}
        kept = {k: v for k, v in request.GET.items() if v and k not in ("page", "since", "until")}
        on = all(request.GET.get(name) == value for name, value in period.items())
        links.append({"year": year, "query": urlencode({**kept, **period}), "on": on})
    return links


# Units


@login_required
@never_cache
@require_safe
def unit_table(request: HttpRequest) -> HttpResponse:
    """How each unit stands, rolled up; one unit opened at a time. Figures only, no names."""
    require_role(request.user, *READS_RECORDS)
    at = clock.now()
    year = asked_year(request.GET, at)
    units = list(units_in_reach(request.user))
    chosen = _chosen(request, units)
    shown = [unit for unit in units if chosen is None or unit.path.startswith(chosen.path)]
    overview = ahead.Overview(shown, year=year, at=at)
    found = overview.standings
    tops = tops_of(shown)
    listed = [unit for unit in (_children(chosen, shown) if chosen else tops) if unit.is_open or found[unit.path].serving]
    rows = [found[unit.path] for unit in listed]
    total = found[chosen.path] if chosen else standing.UnitStanding(None)
    if chosen is None:
        for unit in tops:
            total.add(found[unit.path])
    own = total.serving - sum(row.serving for row in rows) if chosen else 0
    parents = {unit.path[: -Unit.steplen] for unit in units}
    return render(
        request,
        "evaluation/units.html",
        {
            "year": year,
            "years": years(at),
            "is_past": year < clock.year_of(at),
            "made_at": overview.made_at,
            "unit": chosen,
            "rows": [(row, row.unit.path in parents) for row in rows],
            "total": total,
            "own": own,
            "trail": _trail(chosen, units),
            "any_vertical": any(row.unit.is_vertical for row in rows),
        },
    )


@login_required
@never_cache
@require_safe
def unit_people(request: HttpRequest, pk: int) -> HttpResponse:
    """The people of a unit and those below it: required, done, missing, hours against target. Each page read is logged."""
    require_role(request.user, *READS_RECORDS)
    at = clock.now()
    year = asked_year(request.GET, at)
    units = list(units_in_reach(request.user))
    unit = next((one for one in units if one.pk == pk), None)
    if unit is None:
        raise Http404
    history = policies.shown()
    only = request.GET.get("only", "")
    only = only if only in ("behind", "hours") else ""
    overview = ahead.Overview([one for one in units if one.path.startswith(unit.path)], year=year, at=at, history=history)
    page = Paginator(overview.in_need(only), PER_PAGE).get_page(request.GET.get("page"))
    shown = {person.pk: person for person in standing.counted(year=year, at=at).filter(pk__in=page.object_list)}
    people = [shown[pk] for pk in page.object_list if pk in shown]
    rows = standing.standings(people, year=year, at=at, history=history)
    names = records.unit_names(request.user)
    openable = set(people_with_file(request.user).filter(pk__in=[row.person.pk for row in rows]).values_list("pk", flat=True))
    _log(
        request,
        Kind.READ,
        "people of a unit",
        unit=unit,
        rows=len(rows),
        filters={"year": year, "only": only, "found": page.paginator.count, "page": page.number},
    )
    return render(
        request,
        "evaluation/unit_people.html",
        {
            "unit": unit,
            "year": year,
            "years": years(at),
            "only": only,
            "export_query": urlencode({"unit": unit.pk, "year": year} | ({"only": only} if only else {})),
            "page": page,
            "made_at": overview.made_at,
            "is_past": year < clock.year_of(at),
            "asks_back": known_views.reads_as_hr_or_auditor(request.user, unit),
            "today": clock.today(at),
            "purpose": PurposeForm(),
            "openable": openable,
            "rows": [(row, names.get(row.person.served_path, ("", "—"))[1]) for row in rows],
        },
    )


def _chosen(request: HttpRequest, units: list[Unit]) -> Unit | None:
    """The unit asked for; else the only topmost one; None when one's reach has several."""
    asked = request.GET.get("unit")
    if asked:
        for unit in units:
            if str(unit.pk) == asked:
                return unit
        raise Http404
    tops = tops_of(units)
    return tops[0] if len(tops) == 1 else None


def _children(unit: Unit, units: list[Unit]) -> list[Unit]:
    return [child for child in units if child.depth == unit.depth + 1 and child.path.startswith(unit.path)]


def _trail(unit: Unit | None, units: list[Unit]) -> list[Unit]:
    return [above for above in units if unit and above.path != unit.path and unit.path.startswith(above.path)]


# Learning files


@dataclass
class FileYear:
    """One year of a learning file. `elsewhere` are hours that another county keeps and this reader does not see."""

    year: int
    completions: list[records.Record] = field(default_factory=list)
    hours: services.HoursExplained | None = None
    elsewhere: object = None
    quotas: list[services.Target] = field(default_factory=list)

    @property
    def has_online_quota(self) -> bool:
        """Whether a quota says what the policy's yearly online target says too."""
        return any(quota.key == "online" for quota in self.quotas)


@login_required
@never_cache
@require_safe
def my_file(request: HttpRequest) -> HttpResponse:
    """One's own learning file."""
    return _file(request, request.user)


@login_required
@never_cache
@require_safe
def learning_file(request: HttpRequest, pk: int) -> HttpResponse:
    """A person's learning file, for themselves and those who read records where the person serves. Logged."""
    person = get_object_or_404(people_with_file(request.user).select_related("unit"), pk=pk)
    _log(request, Kind.READ, "learning file", subject=person, unit=person.unit, rows=1)
    return _file(request, person)


def _file(request: HttpRequest, person: Person) -> HttpResponse:
    at = clock.now()
    today, this_year = clock.today(at), clock.year_of(at)
    user = request.user
    by_year = {this_year: FileYear(this_year)}
    done = records.completions(Completion.objects.visible_to(user).filter(person=person)).order_by("-completed_at", "-pk")
    for row in done:
        year = clock.year_of(row.completed_at)
        by_year.setdefault(year, FileYear(year)).completions.append(records.of_completion(row, today))
    entries: dict[int, list[LedgerEntry]] = {}
    everything: list[LedgerEntry] = []  # a quota is the person's, whatever of it this reader sees
    for entry in _with_seen(LedgerEntry.objects, user).filter(person=person).with_reasons():
        everything.append(entry)
        if entry.seen:
            entries.setdefault(entry.year, []).append(entry)
            by_year.setdefault(entry.year, FileYear(entry.year))
    counted = quotas.hours_of(everything)
    sums: dict[int, Decimal] = {}
    for entry in everything:
        sums[entry.year] = sums.get(entry.year, Decimal(0)) + entry.hours
    served = _with_seen(Posting.objects, user).filter(person=person)
    postings = list(served.with_unit_name().select_related("unit").prefetch_related("duties"))
    shown = [posting for posting in postings if posting.seen]
    duties_now = {duty.duty for posting in postings for duty in posting.duties.all() if duty.is_held_on(today)}
    history = policies.shown()
    for year, part in by_year.items():
        day = services.day_of(year, at)
        unit, as_of = (person.unit, day) if year >= this_year else standing.served_last(postings, year)
        held = {duty.duty for posting in postings for duty in posting.duties.all() if duty.is_held_on(as_of)}
        policy = services.policies_on(day, history).of(unit)
        part.hours = services.explained(year=year, entries=entries.get(year, []), policy=policy, duties=held)
        part.quotas = quotas.told(quotas.asked_of(policy, person.staff_type, held), year, counted)
        elsewhere = rules.hours(sums.get(year, Decimal(0))) - part.hours.total
        part.elsewhere = figure(elsewhere) if elsewhere else None
    rounds = list(
        _with_seen(Enrolment.objects, user)
        .filter(person=person)
        .annotate(completed_at=F("completion__completed_at"), reversal=F("completion__reversal"))
        .select_related("edition", "course")
        .order_by("-enrolled_at")
    )
    higher = records.higher(Certificate.objects.of_people_read_by(user).filter(person=person)).order_by("-issued_at", "-pk")
    return render(
        request,
        "evaluation/file.html",
        {
            "person": person,
            "mine": user.pk == person.pk,
            "this_year": this_year,
            "required": _required_of(person, hours=sums.get(this_year), duties=duties_now, rounds=rounds, history=history, at=at),
            "years": [by_year[year] for year in sorted(by_year, reverse=True)],
            "begun": [one for one in rounds if one.seen and one.completed_at is None],
            "higher": [records.of_higher(row, today) for row in higher],
            "at": at,
            "unit_name": next(
                (one.unit_name for one in postings if one.unit_id == person.unit_id), person.unit.name if person.unit else ""
            ),
            "postings": [(posting, posting.unit_name, _labels(posting, today)) for posting in shown],
            "served_elsewhere": len(postings) - len(shown),
            "leaves": Leave.objects.standing().visible_to(user).filter(person=person),
            "may_ask_back": user.pk == person.pk or (person.unit is not None and known_views.reads_as_hr_or_auditor(user, person.unit)),
            "duties": duties_now,
            "may_take_archive": user.pk == person.pk or is_hr_over(user, person),
            "purpose": PurposeForm(),
            "may_correct": user.pk != person.pk and services.may_correct(user, person),
            "may_file": claims.may_file_for(user, person),
        },
    )


def _with_seen(manager, user) -> QuerySet:
    """Rows of a model, each with whether the user sees it (`seen`)."""
    return manager.annotate(seen=Exists(manager.visible_to(user).filter(pk=OuterRef("pk"))))


def _required_of(person: Person, *, hours: Decimal | None, duties: set[str], rounds: list[Enrolment], history: list[CreditPolicy], at):
    """How the person stands in the running year, from what the file has read already; None for whoever is not counted. Two queries."""
    if person.status != Person.Status.ON_DUTY or person.unit is None:  # as PersonQuerySet.serving
        return None
    person.served_path, person.hours = person.unit.path, hours or Decimal(0)
    ended = [(person.pk, one.course_id, one.completed_at, one.reversal) for one in rounds]
    given = {"history": history, "duties": {person.pk: duties}, "rounds": ended}
    return standing.standings([person], year=clock.year_of(at), at=at, **given)[0]


def _labels(posting, today: date) -> str:
    """The duties of a posting: those held now, or for a closed one those held to its end."""
    day = posting.ends_on or today
    return "、".join(str(duty.get_duty_display()) for duty in posting.duties.all() if duty.is_held_on(min(day, today)))


# Corrections and reversals


@login_required
@never_cache
def correct_hours(request: HttpRequest, pk: int) -> HttpResponse:
    """HR writes a correction into the ledger of a person of theirs; of who moved away, to an entry of when they served here."""
    at = clock.now()
    person = get_object_or_404(Person.objects.select_related("unit"), pk=pk)
    with_file = people_with_file(request.user).filter(pk=pk).exists()
    is_theirs = with_file and services.may_correct(request.user, person)
    entries = services.correctable(request.user, person)
    if not (is_theirs or entries.exists()):
        raise Http404
    form = CorrectionForm(request.POST or None, at=at, entries=entries, names_one=not is_theirs, initial={"year": clock.year_of(at)})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.correct(
                person=person,
                year=data["year"],
                hours=data["hours"],
                reason=data["reason"],
                by=request.user,
                at=at,
                answers=data["answers"],
                form_key=data["form_key"],
            )
        except Refused as refusal:
            form.add_error("answers" if refusal.code in ("answers", "answers_more") else None, refusal.message)
        else:
            messages.success(
                request,
                _("The correction of %(hours)s hours is in the ledger of %(year)s.")
                % {"hours": services.signed(data["hours"]), "year": data["year"]},
            )
            return redirect("learning_file", pk=person.pk) if with_file else redirect("records")
    year = clock.year_of(at)
    balance = figure(services.balance(person, year)) if is_theirs else None
    read_at = person.unit if is_theirs else entries.select_related("unit")[0].unit  # of who moved away the entries of before
    _log(request, Kind.READ, "hours to correct", subject=person, unit=read_at, rows=1, filters={"year": year})
    return render(
        request,
        "evaluation/correct.html",
        {"person": person, "form": form, "year": year, "balance": balance, "with_file": with_file},
        status=422 if form.is_bound else 200,
    )


@login_required
@never_cache
def reverse_completion(request: HttpRequest, pk: int) -> HttpResponse:
    """HR reverses a completion that happened where they are HR: a reason, a tick, and rows that answer it."""
    completion = get_object_or_404(
        Completion.objects.visible_to(request.user)
        .filter(reversible_q(request.user))
        .exclude(person=request.user)
        .annotate(counted_hours=LedgerEntry.objects.counted())
        .select_related("person__unit", "unit", "reversal"),
        pk=pk,
    )
    back = reverse("learning_file", args=[completion.person_id])
    if not people_with_file(request.user).filter(pk=completion.person_id).exists():
        back = reverse("records")
    if getattr(completion, "reversal", None) is not None:
        messages.info(request, _("This completion has been reversed already."))
        return redirect(back)
    form = ReversalForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            completing.reverse(completion=completion, by=request.user, reason=form.cleaned_data["reason"], at=clock.now())
        except Refused as refusal:
            form.add_error("reason", refusal.message)
        else:
            messages.success(request, _("The completion is reversed; its hours are taken back."))
            return redirect(back)
    _log(
        request,
        Kind.READ,
        "completion to reverse",
        subject=completion.person,
        unit=completion.unit,
        rows=1,
        filters={"completion": completion.pk},
    )
    return render(
        request,
        "evaluation/reverse.html",
        {"completion": completion, "form": form, "back": back, "counted": figure(rules.hours(completion.counted_hours))},
        status=422 if form.is_bound else 200,
    )


def _log(request: HttpRequest, kind: str, what: str, **more) -> None:
    readings.record(reader=request.user, kind=kind, what=what, request=request, **more)


__all__ = [
    "correct_hours",
    "learning_file",
    "my_file",
    "record_list",
    "reverse_completion",
    "unit_people",
    "unit_table",
]
