"""What was known at the end of a past day: a person's hours of a year, and where people served then. Reads only.

The ledger and its corrections carry the moment of their writing, so that what was known is a matter of reading up to it.
Postings carry the days they are about: where somebody served on a day is told as it is on record today.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Case, DecimalField, F, OuterRef, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from core import clock
from core.exports import Column, Exporter
from core.figures import figure
from evaluation import rules, services
from evaluation.models import LedgerEntry
from people.models import Duty, DutyAssignment, Person, Posting, Unit
from people.models.posting import lasting

PEOPLE_AT_ONCE = 500
HOURS = DecimalField(max_digits=8, decimal_places=2)


def end_of(day: date) -> datetime:
    """The last instant of a day: what was written by then was known at its end."""
    return clock.end_of(day) - timedelta(microseconds=1)


@dataclass(frozen=True)
class ServedThen:
    """A posting that lasted on the day, with the duties held in it then."""

    unit: Unit
    title: str
    is_main: bool
    duties: list[str]


@dataclass
class Known:
    """The answer for one person, year and day. `later` is what was written since; `total` + its sum is what is known today."""

    year: int
    day: date
    entries: list[services.ExplainedEntry]
    later: list[services.ExplainedEntry]
    served: list[ServedThen] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        return rules.hours(sum((one.entry.hours for one in self.entries), Decimal(0)))

    @property
    def since(self) -> Decimal:
        return rules.hours(sum((one.entry.hours for one in self.later), Decimal(0)))

    @property
    def today(self) -> Decimal:
        return self.total + self.since


def of_person(person: Person, year: int, day: date, *, entries: QuerySet[LedgerEntry], postings: QuerySet[Posting]) -> Known:
    """What was known of a person's year at the end of a day, from the entries and postings that the reader sees. Four queries at most."""
    upto = end_of(day)
    known, later = [], []
    for entry in entries.filter(person=person, year=year).with_reasons():  # type: ignore[attr-defined]
        (known if entry.at <= upto else later).append(services.ExplainedEntry(entry, services.words_of(entry)))
    lasted = postings.filter(lasting(day), person=person).select_related("unit").prefetch_related("duties")
    served = [
        ServedThen(
            posting.unit,
            posting.title,
            posting.is_main,
            [str(one.get_duty_display()) for one in posting.duties.all() if one.is_held_on(day)],
        )
        for posting in lasted.order_by("-is_main", "starts_on", "pk")
    ]
    return Known(year, day, known, later, served)


def people_in(unit: Unit, day: date) -> QuerySet[Person]:
    """Those whose main posting lay in the unit or below on a day, with `served_path` and `served_title`."""
    main = Posting.objects.lasting(day).filter(person=OuterRef("pk"), is_main=True).order_by("-starts_on", "-pk")[:1]
    people = Person.objects.annotate(served_path=Subquery(main.values("unit__path")), served_title=Subquery(main.values("title")))
    return people.filter(served_path__startswith=unit.path).order_by("employee_number")


@dataclass(frozen=True)
class PersonThen:
    person: Person
    unit_name: str
    duties: str
    hours: dict[str, Decimal]  # by kind, as known then
    since: Decimal
    elsewhere: Decimal | None  # hours of the year, as known today, that the reader does not see; None: not even how many

    @property
    def total(self) -> Decimal:
        return sum(self.hours.values(), Decimal(0))

    @property
    def remark(self) -> str:
        """What these figures leave out, as the learning file says it; of whoever went where the reader opens no file, that alone."""
        if self.elsewhere is None:
            return _("Serves outside your units now: what was recorded elsewhere is not told here.")
        if not self.elsewhere:
            return ""
        return _("%(n)s more hours were recorded elsewhere, in another county or at an earlier unit, whose records you do not read.") % {
            "n": figure(self.elsewhere)
        }


def export(
    people: QuerySet[Person],
    *,
    entries: QuerySet[LedgerEntry],
    with_file: QuerySet[Person],
    name: str,
    names: dict[str, tuple[str, str]],
    year: int,
    day: date,
) -> Exporter:
    """People of `people_in` with their hours of a year as known at the end of the day, and what was written since.

    From the `entries` that the reader sees. Of the people whose file the reader opens, `with_file`, it also says how many hours are
    not among them. Five queries for each 500.
    """
    columns = [
        Column(_("Year"), lambda r: year, 8),
        Column(_("Known at the end of"), lambda r: day, 14),
        Column(_("Employee number"), lambda r: r.person.employee_number, 12),
        Column(_("Name"), lambda r: r.person.name, 12),
        Column(_("Unit on that day"), lambda r: r.unit_name, 30),
        Column(_("Post on that day"), lambda r: r.person.served_title or "", 14),
        Column(_("Duties on that day"), lambda r: r.duties, 18),
        *[
            Column(_("Hours: %(kind)s") % {"kind": kind.label}, lambda r, kind=kind: r.hours.get(kind, Decimal(0)), 10)  # type: ignore[misc]
            for kind in LedgerEntry.Kind
        ],
        Column(_("Hours in all, as known then"), lambda r: r.total, 12),
        Column(_("Written since"), lambda r: r.since, 10),
        Column(_("Hours in all, as known today"), lambda r: r.total + r.since, 12),
        Column(_("What these figures leave out"), lambda r: r.remark, 40),
    ]
    return Exporter(name, columns, _people_then(people, entries, with_file, names=names, year=year, day=day))


def _people_then(
    people: QuerySet[Person],
    entries: QuerySet[LedgerEntry],
    with_file: QuerySet[Person],
    *,
    names: dict[str, tuple[str, str]],
    year: int,
    day: date,
) -> Iterator[PersonThen]:
    ids = list(people.values_list("pk", flat=True))
    for start in range(0, len(ids), PEOPLE_AT_ONCE):
        part = ids[start : start + PEOPLE_AT_ONCE]
        hours, since = balances_by_kind(part, year, day, entries=entries)
        whole, opened = services.balances(part, year), set(with_file.filter(pk__in=part).values_list("pk", flat=True))
        duties = _duties_in_main_postings(part, day)
        for person in people.filter(pk__in=part):
            held = "、".join(str(Duty(duty).label) for duty in sorted(duties.get(person.pk, ())))
            known, later = hours.get(person.pk, {}), since.get(person.pk, Decimal(0))
            seen = sum(known.values(), later)
            yield PersonThen(
                person,
                names.get(person.served_path, ("", "—"))[1],
                held,
                known,
                later,
                whole.get(person.pk, Decimal(0)) - seen if person.pk in opened else None,
            )


def balances_by_kind(
    person_ids: list[int], year: int, day: date, *, entries: QuerySet[LedgerEntry]
) -> tuple[dict[int, dict[str, Decimal]], dict[int, Decimal]]:
    """Hours by kind as known at the end of a day, and the sum of what was written since, for many people, from these entries. One query."""
    then = Case(When(at__lte=end_of(day), then=F("hours")), default=Value(Decimal(0), HOURS), output_field=HOURS)
    sums = entries.filter(person_id__in=person_ids, year=year).order_by().values_list("person_id", "kind")
    hours: dict[int, dict[str, Decimal]] = {}
    since: dict[int, Decimal] = {}
    for person_id, kind, known, total in sums.annotate(known=Coalesce(Sum(then), Value(Decimal(0), HOURS)), total=Sum("hours")):
        hours.setdefault(person_id, {})[kind] = rules.hours(known)
        since[person_id] = since.get(person_id, Decimal(0)) + rules.hours(total) - rules.hours(known)
    return hours, since


def _duties_in_main_postings(person_ids: list[int], day: date) -> dict[int, set[str]]:
    held = DutyAssignment.objects.lasting(day).filter(posting__person_id__in=person_ids, posting__is_main=True)
    found: dict[int, set[str]] = {}
    for person_id, duty in held.values_list("posting__person_id", "duty"):
        found.setdefault(person_id, set()).add(duty)
    return found
