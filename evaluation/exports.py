"""What HR takes away. The register of exports, by key: another export is one entry of `EXPORTS`.

An entry opens what was asked for, under somebody's rights: how many rows, which columns, the keys of the rows in their order, and the
rows themselves. Pages, files that stream at once and files that a worker writes in parts all take it from here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from operator import attrgetter, itemgetter
from typing import TypeVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import clock
from core.errors import Refused
from core.exports import Column, Exporter
from courses.models import Line
from evaluation import claims, quotas, rules, services, standing
from evaluation.forms import RecordsForm, YearForm
from evaluation.models import HourClaim, LedgerEntry, Period, Reminder
from evaluation.period_forms import RemindersForm
from evaluation.periods import chain
from evaluation.permissions import claims_in_reach_q
from evaluation.records import Found, find, keys_of, rows_of, unit_names
from people.models import Duty, Role, Unit
from people.permissions import READS_RECORDS, grants_of, paths_of

PEOPLE_AT_ONCE = 500
EVERYWHERE = ""  # the path above all paths
HISTORY = "history:"  # before the path of a county whose rows of earlier units follow who moved inside it; no path begins like this


@dataclass(frozen=True)
class Opened:
    """What was asked for, as it may leave: countable (with a number, up to there), and made when it is read.

    `keys()` names the rows in their order, in one reading. `make()` has all rows; `make(keys)` some of them, in the order of the keys and
    without those that no longer belong; `keyed()`, where reading by keys would be much slower, all rows with their keys. A key is a number
    or a tuple of numbers.
    `reach`: the paths of the units that the right to it covers, and the counties in which it covered rows of earlier units (HISTORY). `words`: what narrowed it, as phrases; `filters`: the same as written
    into the trace of reading.
    """

    count: Callable[..., int]
    make: Callable[..., Exporter]
    keys: Callable[[], Iterable]
    words: list[str]
    filters: dict
    reach: list[str]
    unit: Unit | None = None
    keyed: Callable[[], Iterator[tuple]] | None = None


@dataclass(frozen=True)
class Export:
    """An entry of the register. `open(user, filters, at)` raises Refused ("filter") where a filter makes no sense or is out of reach."""

    title: str
    what: str  # as the trace of reading names it: people/templatetags/people_words.py
    roles: tuple[str, ...]
    open: Callable[[object, dict, datetime], Opened]
    by_itself: bool = True  # makes sense without a filter


def reach_of(user, roles: Iterable[str], unit: Unit | None = None) -> list[str]:
    """The paths that a right covers: of one unit, or of all that the roles reach."""
    if unit is not None:
        return [unit.path]
    return [EVERYWHERE] if user.is_superuser else paths_of(user, roles)


def reach_of_records(user, unit: Unit | None = None) -> list[str]:
    """The same of rows that the unit of their event decides on (`records_q`): without a unit, those of earlier units are among them."""
    return reach_of(user, READS_RECORDS, unit) + ([] if unit is not None or user.is_superuser else _histories(user, READS_RECORDS))


def _histories(user, roles: Iterable[str]) -> list[str]:
    """The counties in which these roles read what happened at earlier units: where it follows, or where they read the whole county."""
    grants = [grant for grant in grants_of(user) if grant.role in roles]
    return sorted({HISTORY + one.unit.county_path for one in grants if one.history_follows or one.unit.depth == 1})


def still_reaches(user, roles: Iterable[str], reach: list[str]) -> bool:
    """Whether the user's rights of now cover each of these paths."""
    mine = reach_of(user, roles) + _histories(user, roles)
    return bool(reach) and all(any(path.startswith(own) for own in mine) for path in reach)


Asked = TypeVar("Asked", RecordsForm, YearForm, RemindersForm)


def _valid(form: Asked) -> Asked:
    if not form.is_valid():
        raise Refused(" ".join(str(error) for errors in form.errors.values() for error in errors), code="filter")
    return form


# Completion records


def _records(user, filters: dict, at: datetime) -> Opened:
    form = _valid(RecordsForm(filters, user=user))
    wanted = form.wanted()
    found = find(user, wanted, at=at)
    reach = reach_of_records(user, wanted.unit)
    make = partial(records, found, at=at)
    return Opened(found.count, make, found.keys, form.in_words(), wanted.as_written(), reach, wanted.unit, found.keyed)


def records(found: Found, keys: list | None = None, *, at) -> Exporter:
    """The records that a filter found, with every field of the API in the same order, and what a higher certificate rests on."""
    line = cache(lambda value: str(Line(value).label) if value in Line.values else value)
    columns = [
        Column(_("Record"), attrgetter("id"), 8, "id"),
        Column(_("Status"), _once(lambda r: r.status, lambda r: str(r.status_label)), 12, "status"),
        Column(_("Employee number"), attrgetter("employee_number"), 12, "employee_number"),
        Column(_("Name"), attrgetter("person_name"), 12, "person_name"),
        Column(_("Unit code"), attrgetter("unit_code"), 16, "unit_code"),
        Column(_("Unit"), attrgetter("unit_name"), 30, "unit_name"),
        Column(_("Post"), attrgetter("post_title"), 14, "post_title"),
        Column(_("Duties"), _once(attrgetter("duties"), lambda r: r.duty_labels), 18, "duties"),
        Column(_("Course code"), attrgetter("course_code"), 10, "course_code"),
        Column(_("Course"), attrgetter("course_title"), 30, "course_title"),
        Column(_("Edition"), attrgetter("edition"), 8, "edition"),
        Column(_("Line"), lambda r: line(r.line), 10, "line"),
        Column(_("Round"), attrgetter("round"), 6, "round"),
        Column(_("Minutes"), attrgetter("minutes"), 8, "minutes"),
        Column(_("Hours for study"), attrgetter("study_hours"), 10, "study_hours"),
        Column(_("Hours for the test"), attrgetter("test_hours"), 10, "test_hours"),
        Column(_("Hours"), attrgetter("hours"), 8, "hours"),
        Column(_("Hours that count"), attrgetter("counted_hours"), 10, "counted_hours"),
        Column(_("Score"), attrgetter("score"), 8, "score"),
        Column(_("Begun at"), attrgetter("enrolled_at"), 20, "enrolled_at"),
        Column(_("Completed at"), attrgetter("completed_at"), 20, "completed_at"),
        Column(_("Certificate number"), attrgetter("certificate_number"), 34, "certificate_number"),
        Column(_("Certificate state"), lambda r: str(r.certificate_state_label), 10, "certificate_state"),
        Column(_("Certificate valid until"), attrgetter("certificate_valid_until"), 12, "certificate_valid_until"),
        Column(_("Reversed at"), attrgetter("reversed_at"), 20, "reversed_at"),
        Column(_("Reason of the reversal"), attrgetter("reversal_reason"), 30, "reversal_reason"),
        Column(_("Rests on"), attrgetter("rests_on_words"), 40, "rests_on"),
    ]
    return Exporter(
        _("Completion records %(day)s") % {"day": clock.today(at).isoformat()}, columns, found.stream() if keys is None else found.of(keys)
    )


def _once(key: Callable, words: Callable) -> Callable:
    """The words of a row, made once for each value of `key`: few values, a million rows."""
    known: dict = {}

    def value(row):
        found = key(row)
        if found not in known:
            known[found] = words(row)
        return known[found]

    return value


# People of a year


@dataclass(frozen=True)
class PersonYear:
    """One person's year as it leaves: how they stand, and their hours by kind of entry."""

    standing: standing.PersonStanding
    unit_name: str
    hours: dict[str, Decimal]
    duties: str
    quotas: str

    def of(self, kind: str) -> Decimal:
        return self.hours.get(kind, Decimal(0))


def _people(user, filters: dict, at: datetime) -> Opened:
    form = _valid(YearForm(filters, user=user, at=at))
    unit, year, only = form.cleaned_data["unit"], form.cleaned_data["year"], form.cleaned_data["only"]
    if unit is None:
        raise Refused(_("Choose a unit."), code="filter")
    people = standing.people_of([unit], year=year, at=at)

    @cache
    def ids() -> list[int]:
        return [one.pk for one in standing.in_need(standing.figures(people, year=year, at=at), only)]

    def each() -> Iterator[int]:  # counted when the rows are read: a page that only names the columns does not wait for it
        yield from ids()

    name = _("%(unit)s %(year)s, people and hours, %(day)s") % {"unit": unit.name, "year": year, "day": clock.today(at).isoformat()}
    return Opened(
        lambda most=None: len(ids()) if only else people.count(),
        lambda keys=None: people_of_a_year(people, each() if keys is None else keys, name=name, names=unit_names(user), year=year, at=at),
        ids,
        form.in_words(),
        {"year": year, "only": only},
        reach_of(user, READS_RECORDS, unit),
        unit,
    )


def people_of_a_year(
    people: QuerySet, keys: Iterable[int], *, name: str, names: dict[str, tuple[str, str]], year: int, at: datetime
) -> Exporter:
    """These of the people of `standing.counted`, in this order, each with required courses, tests, and the hours of the ledger by kind.

    Nine queries for each 500.

    The total is that of the ledger: corrections and what was learned elsewhere are in it, which no list of completions has.
    """
    columns = [
        Column(_("Year"), lambda r: year, 8, "year"),
        Column(_("Employee number"), lambda r: r.standing.person.employee_number, 12, "employee_number"),
        Column(_("Name"), lambda r: r.standing.person.name, 12, "person_name"),
        Column(_("Unit"), lambda r: r.unit_name, 30, "unit_name"),
        Column(_("Post"), lambda r: r.standing.person.served_title or "", 14, "post_title"),
        Column(_("Duties"), lambda r: r.duties, 18, "duties"),
        Column(_("Required courses"), lambda r: r.standing.required, 10, "required"),
        Column(_("Of these completed"), lambda r: r.standing.done, 10, "done"),
        Column(_("Missing courses"), lambda r: "、".join(one.course.code for one in r.standing.missing_courses), 20, "missing"),
        Column(_("Tests sat"), lambda r: r.standing.sat, 10, "sat"),
        Column(_("Of these passed"), lambda r: r.standing.passed, 10, "passed"),
        *[
            Column(_("Hours: %(kind)s") % {"kind": kind.label}, lambda r, kind=kind: r.of(kind), 10, f"hours_{kind.value}")  # type: ignore[misc]
            for kind in LedgerEntry.Kind
        ],
        Column(_("Hours in all"), lambda r: r.standing.hours, 10, "hours"),
        Column(_("Hours target"), lambda r: r.standing.target, 10, "target"),
        Column(
            _("Target reached"), lambda r: "" if r.standing.target is None else _("yes") if r.standing.reached else _("no"), 10, "reached"
        ),
        Column(_("Quotas"), lambda r: r.quotas, 60, "quotas"),
    ]
    return Exporter(name, columns, _person_years(people, keys, names=names, year=year, at=at))


def _person_years(
    people: QuerySet, keys: Iterable[int], *, names: dict[str, tuple[str, str]], year: int, at: datetime
) -> Iterator[PersonYear]:
    ids = list(keys)
    history = services.policy_history()
    book = services.policies_on(services.day_of(year, at), history)
    read = sorted({year, *(one for policy in history for quota in rules.quotas_of(policy.quotas) for one in quota.reads(year))})
    for start in range(0, len(ids), PEOPLE_AT_ONCE):
        found = rows_of(people, ids[start : start + PEOPLE_AT_ONCE], attrgetter("pk"))  # whoever moves meanwhile is not told twice
        part = [person.pk for person in found]
        hours = services.balances_by_kind(part, year)
        counted = quotas.hours_by_kind(part, read)
        duties = standing.duties_of(found)
        for one in standing.standings(found, year=year, at=at, history=history, duties=duties):
            held = "、".join(str(Duty(duty).label) for duty in sorted(duties.get(one.person.pk, ())))
            unit_name = names.get(one.person.served_path, ("", "—"))[1]
            policy = book.own.get(one.person.served_path[: Unit.steplen], book.general)
            asked = quotas.asked_of(policy, one.person.staff_type, duties.get(one.person.pk, ()))
            owed = quotas.in_one_cell(quotas.told(asked, year, counted.get(one.person.pk, {})))
            yield PersonYear(one, unit_name, hours.get(one.person.pk, {}), held, owed)


# Entries of the hour ledger


def _entries(user, filters: dict, at: datetime) -> Opened:
    form = _valid(YearForm(filters, user=user, at=at))
    unit, year = form.cleaned_data["unit"], form.cleaned_data["year"]
    found = LedgerEntry.objects.visible_to(user).filter(year=year)
    if unit is not None:
        found = found.filter(unit__path__startswith=unit.path)
    return Opened(
        lambda most=None: found.order_by()[:most].count(),
        partial(ledger_entries, found, year=year, at=at),
        partial(keys_of, found.order_by("at", "pk")),
        form.in_words(),
        {"year": year},
        reach_of_records(user, unit),
        unit,
    )


def ledger_entries(found: QuerySet, keys: list[int] | None = None, *, year: int, at: datetime) -> Exporter:
    """Entries of one year, in the order in which they were written."""
    names = (
        "pk",
        "employee_number",
        "person_name",
        "unit__code",
        "unit_name",
        "post_title",
        "kind",
        "hours",
        "course_code",
        "course_title",
    )
    names += ("completion_id", "claim_id", "policy__name", "reason", "author__name", "at", "answers_id", "claim__filed_by__name")
    kinds = {kind.value: str(kind.label) for kind in LedgerEntry.Kind}
    columns = [
        Column(_("Entry"), lambda r: r[0], 8, "id"),
        Column(_("Year"), lambda r: year, 8, "year"),
        Column(_("Employee number"), lambda r: r[1], 12, "employee_number"),
        Column(_("Name"), lambda r: r[2], 12, "person_name"),
        Column(_("Unit code"), lambda r: r[3], 16, "unit_code"),
        Column(_("Unit"), lambda r: r[4], 30, "unit_name"),
        Column(_("Post"), lambda r: r[5], 14, "post_title"),
        Column(_("Kind"), lambda r: kinds.get(r[6], r[6]), 14, "kind"),
        Column(_("Hours"), lambda r: r[7], 8, "hours"),
        Column(_("Course code"), lambda r: r[8], 10, "course_code"),
        Column(_("Course"), lambda r: r[9], 30, "course_title"),
        Column(_("Record"), lambda r: r[10], 8, "completion"),
        Column(_("Claim"), lambda r: r[11], 8, "claim"),
        Column(_("Rule"), lambda r: r[12], 24, "policy"),
        Column(_("Reason"), lambda r: r[13], 30, "reason"),
        Column(_("Entered by"), lambda r: r[14], 12, "author"),
        Column(_("When"), lambda r: r[15], 20, "at"),
        Column(_("Answers entry"), lambda r: r[16], 10, "answers"),
        Column(_("Filed for the person by"), lambda r: r[17] or "", 12, "filed_by"),
    ]
    name = _("Hour ledger %(year)s, %(day)s") % {"year": year, "day": clock.today(at).isoformat()}
    rows = found.order_by("at", "pk").values_list(*names)
    return Exporter(name, columns, rows.iterator(chunk_size=2000) if keys is None else rows_of(rows, keys, itemgetter(0)))


# Claims of hours


def _claims(user, filters: dict, at: datetime) -> Opened:
    form = _valid(YearForm(filters, user=user, at=at))
    unit, year = form.cleaned_data["unit"], form.cleaned_data["year"]
    found = claims.listed(user).filter(claims_in_reach_q(user), ends_on__year=year)
    if unit is not None:
        found = found.filter(unit__path__startswith=unit.path)
    roles = (Role.HR, Role.AUDITOR)
    return Opened(
        lambda most=None: found.order_by()[:most].count(),
        partial(claims_of_hours, found, year=year, at=at),
        partial(keys_of, found.order_by("at", "pk")),
        form.in_words(),
        {"year": year},
        reach_of(user, roles, unit),
        unit,
    )


def claims_of_hours(found: QuerySet, keys: list[int] | None = None, *, year: int, at: datetime) -> Exporter:
    """Claims of one year with what was decided, oldest first. Two queries for each 1,000."""

    def officer(claim: HourClaim, step: int) -> str:
        return next((one.by.name for one in claim.steps if one.step == step), "")

    columns = [
        Column(_("Claim"), lambda c: c.pk, 8, "id"),
        Column(_("Employee number"), lambda c: c.employee_number, 12, "employee_number"),
        Column(_("Name"), lambda c: c.person_name, 12, "person_name"),
        Column(_("Unit"), lambda c: c.unit_name, 30, "unit_name"),
        Column(_("Way of learning"), lambda c: str(c.get_kind_display()), 14, "kind"),
        Column(_("Subject"), lambda c: c.title, 30, "title"),
        Column(_("Organiser"), lambda c: c.organiser, 24, "organiser"),
        Column(_("Begins on"), lambda c: c.starts_on, 12, "starts_on"),
        Column(_("Ends on"), lambda c: c.ends_on, 12, "ends_on"),
        Column(_("Hours"), lambda c: c.hours, 8, "hours"),
        Column(_("State"), lambda c: str(HourClaim.State(c.state).label), 16, "state"),
        Column(_("First officer"), lambda c: officer(c, 1), 12, "first_officer"),
        Column(_("Second officer"), lambda c: officer(c, 2), 12, "second_officer"),
        Column(_("Reason"), lambda c: next((one.reason for one in c.steps if one.reason), ""), 30, "reason"),
        Column(_("Filed at"), lambda c: c.at, 20, "at"),
        Column(_("Filed for the person by"), lambda c: c.filed_by.name if c.filed_by is not None else "", 12, "filed_by"),
        Column(_("Why it was filed for the person"), lambda c: c.filing_reason, 30, "filing_reason"),
    ]
    name = _("Claims of hours %(year)s, %(day)s") % {"year": year, "day": clock.today(at).isoformat()}
    rows = found.order_by("at", "pk")
    return Exporter(name, columns, rows.iterator(chunk_size=1000) if keys is None else rows_of(rows, keys, attrgetter("pk")))


# Reminders of the chain of responsibility


def _reminders(user, filters: dict, at: datetime) -> Opened:
    form = _valid(RemindersForm(filters, user=user))
    period, unit = form.cleaned_data["period"], form.cleaned_data["unit"]
    found = form.found(chain.of_period(period))
    return Opened(
        lambda most=None: found.order_by()[:most].count(),
        partial(reminders_of_responsibility, found, period=period, at=at),
        partial(keys_of, found),
        form.in_words(),
        form.as_written(),
        [period.county.path],  # whichever unit: they are read by whoever looks into the whole county
        unit or period.county,
    )


def reminders_of_responsibility(found: QuerySet, keys: list[int] | None = None, *, period: Period, at: datetime) -> Exporter:
    """Reminders of one period by unit, each with all its answers. Two queries for each 1,000."""

    def answers(one: Reminder) -> str:
        return "\n".join(f"{clock.local(each.at):%Y-%m-%d %H:%M} {each.text}" for each in one.answers.all())

    columns = [
        Column(_("Year"), lambda r: period.year, 8, "year"),
        Column(_("Unit code"), lambda r: r.line.unit_code, 16, "unit_code"),
        Column(_("Unit"), lambda r: r.line.unit_name, 30, "unit_name"),
        Column(_("Points when reminded"), lambda r: r.line.total, 10, "total"),
        Column(_("Points now"), lambda r: None if r.total_now is None else r.total_now.quantize(Decimal("0.01")), 10, "total_now"),
        Column(_("No longer below the mark"), lambda r: _("yes") if r.is_over else _("no"), 10, "is_over"),
        Column(_("Employee number"), lambda r: r.person.employee_number, 12, "employee_number"),
        Column(_("Name"), lambda r: r.person_name, 12, "person_name"),
        Column(_("Duties"), lambda r: "、".join(str(Duty(duty).label) for duty in r.duties), 18, "duties"),
        Column(_("Responsibility"), lambda r: str(r.get_level_display()), 12, "level"),
        Column(_("What follows"), lambda r: r.action, 16, "action"),
        Column(_("Sent"), lambda r: r.at, 20, "at"),
        Column(_("Answers to it"), answers, 60, "answers"),
    ]
    name = _("Chain of responsibility %(year)s, %(day)s") % {"year": period.year, "day": clock.today(at).isoformat()}
    rows = found.select_related("line", "person")
    return Exporter(name, columns, rows.iterator(chunk_size=1000) if keys is None else rows_of(rows, keys, attrgetter("pk")))


EXPORTS = {
    "records": Export(gettext_lazy("Completion records"), "completion records", READS_RECORDS, _records),
    "people": Export(gettext_lazy("People of a unit and their hours"), "people of a unit", READS_RECORDS, _people, by_itself=False),
    "ledger": Export(gettext_lazy("Entries of the hour ledger"), "entries of the hour ledger", READS_RECORDS, _entries),
    "claims": Export(gettext_lazy("Claims of hours"), "claims of hours", (Role.HR, Role.AUDITOR), _claims),
    "reminders": Export(
        gettext_lazy("Chain of responsibility"), "chain of responsibility", (Role.HR, Role.AUDITOR), _reminders, by_itself=False
    ),
}
