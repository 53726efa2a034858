"""What HR takes away: completion records, and how people stand."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core import clock
from core.exports import Column, Exporter
from courses.models import Line
from evaluation import services, standing
from evaluation.models import LedgerEntry
from evaluation.records import Found
from people.models import Duty

PEOPLE_AT_ONCE = 500


def records(found: Found, *, at) -> Exporter:
    """The records that a filter found, with every field of the API in the same order, and what a higher certificate rests on."""
    columns = [
        Column(_("Record"), lambda r: r.id, 8),
        Column(_("Status"), lambda r: str(r.status_label), 12),
        Column(_("Employee number"), lambda r: r.employee_number, 12),
        Column(_("Name"), lambda r: r.person_name, 12),
        Column(_("Unit code"), lambda r: r.unit_code, 16),
        Column(_("Unit"), lambda r: r.unit_name, 30),
        Column(_("Post"), lambda r: r.post_title, 14),
        Column(_("Duties"), lambda r: r.duty_labels, 18),
        Column(_("Course code"), lambda r: r.course_code, 10),
        Column(_("Course"), lambda r: r.course_title, 30),
        Column(_("Edition"), lambda r: r.edition, 8),
        Column(_("Line"), lambda r: str(Line(r.line).label) if r.line in Line.values else r.line, 10),
        Column(_("Round"), lambda r: r.round, 6),
        Column(_("Minutes"), lambda r: r.minutes, 8),
        Column(_("Hours for study"), lambda r: r.study_hours, 10),
        Column(_("Hours for the test"), lambda r: r.test_hours, 10),
        Column(_("Hours"), lambda r: r.hours, 8),
        Column(_("Hours that count"), lambda r: r.counted_hours, 10),
        Column(_("Score"), lambda r: r.score, 8),
        Column(_("Begun at"), lambda r: r.enrolled_at, 20),
        Column(_("Completed at"), lambda r: r.completed_at, 20),
        Column(_("Certificate number"), lambda r: r.certificate_number, 34),
        Column(_("Certificate state"), lambda r: str(r.certificate_state_label), 10),
        Column(_("Certificate valid until"), lambda r: r.certificate_valid_until, 12),
        Column(_("Reversed at"), lambda r: r.reversed_at, 20),
        Column(_("Reason of the reversal"), lambda r: r.reversal_reason, 30),
        Column(_("Rests on"), lambda r: r.rests_on_words, 40),
    ]
    return Exporter(_("Completion records %(day)s") % {"day": clock.today(at).isoformat()}, columns, found.stream())


@dataclass(frozen=True)
class PersonYear:
    """One person's year as it leaves: how they stand, and their hours by kind of entry."""

    standing: standing.PersonStanding
    unit_name: str
    hours: dict[str, Decimal]
    duties: str

    def of(self, kind: str) -> Decimal:
        return self.hours.get(kind, Decimal(0))


def people_of_a_year(people: QuerySet, *, name: str, names: dict[str, tuple[str, str]], year: int, at: datetime) -> Exporter:
    """People of `standing.with_standing`, each with required courses, tests, and the hours of the ledger by kind. Nine queries for each 500.

    The total is that of the ledger: corrections and what was learned elsewhere are in it, which no list of completions has.
    """
    columns = [
        Column(_("Year"), lambda r: year, 8),
        Column(_("Employee number"), lambda r: r.standing.person.employee_number, 12),
        Column(_("Name"), lambda r: r.standing.person.name, 12),
        Column(_("Unit"), lambda r: r.unit_name, 30),
        Column(_("Post"), lambda r: r.standing.person.served_title or "", 14),
        Column(_("Duties"), lambda r: r.duties, 18),
        Column(_("Required courses"), lambda r: r.standing.required, 10),
        Column(_("Of these completed"), lambda r: r.standing.done, 10),
        Column(_("Missing courses"), lambda r: "、".join(one.course.code for one in r.standing.missing_courses), 20),
        Column(_("Tests sat"), lambda r: r.standing.sat, 10),
        Column(_("Of these passed"), lambda r: r.standing.passed, 10),
        *[
            Column(_("Hours: %(kind)s") % {"kind": kind.label}, lambda r, kind=kind: r.of(kind), 10)  # type: ignore[misc]
            for kind in LedgerEntry.Kind
        ],
        Column(_("Hours in all"), lambda r: r.standing.hours, 10),
        Column(_("Hours target"), lambda r: r.standing.target, 10),
        Column(_("Target reached"), lambda r: "" if r.standing.target is None else _("yes") if r.standing.reached else _("no"), 10),
    ]
    return Exporter(name, columns, _person_years(people, names=names, year=year, at=at))


def _person_years(people: QuerySet, *, names: dict[str, tuple[str, str]], year: int, at: datetime) -> Iterator[PersonYear]:
    history = services.policy_history()
    ids = list(people.values_list("pk", flat=True))  # whoever moves meanwhile is neither missed nor told twice
    for start in range(0, len(ids), PEOPLE_AT_ONCE):
        part = {person.pk: person for person in people.filter(pk__in=ids[start : start + PEOPLE_AT_ONCE])}
        found = [part[pk] for pk in ids[start : start + PEOPLE_AT_ONCE] if pk in part]
        hours = services.balances_by_kind(part, year)
        duties = services.duties_on(services.day_of(year, at), part)
        for one in standing.standings(found, year=year, at=at, history=history):
            held = "、".join(str(Duty(duty).label) for duty in sorted(duties.get(one.person.pk, ())))
            unit_name = names.get(one.person.served_path, ("", "—"))[1]
            yield PersonYear(one, unit_name, hours.get(one.person.pk, {}), held)
