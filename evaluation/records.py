"""The rows that HR pulls: one meaning of "record" for the page, the exports and the API.

A record says what one person did with one course. Completed and reversed ones are completions;
in progress is an enrolment without one; not started is a required course that nothing was begun
of. What it shows of a completion was copied at the event and never changes. A higher certificate
that no single completion earned is a record of its own, and says what it rests on.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import NamedTuple

from django.db import connection, models
from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Cast, JSONObject
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from certificates.models import Basis, Certificate, State, StatusEvent
from certificates.models.certificate import CertificateQuerySet
from core import clock
from core.reading import read_ahead
from courses.models import Completion, Course, Enrolment
from evaluation import ahead, begun, rules, standing
from evaluation.models import LedgerEntry
from evaluation.not_begun import NotBegun
from evaluation.permissions import people_of_records_q, units_in_reach
from people.models import Duty, Person, Unit
from people.models.unit import record_names, within_paths

FEW = 1000  # people
NAMED = 1000  # rows that a page names by their keys
MANY = 20_000  # people: more are not named to the database


class Status(models.TextChoices):
    COMPLETED = "completed", _("Completed")
    IN_PROGRESS = "in_progress", _("Under way")
    NOT_STARTED = "not_started", _("Required, not started")
    REVERSED = "reversed", _("Reversed")
    HIGHER = "higher", _("Higher certificate")


class Sort(models.TextChoices):
    NEWEST = "-at", _("Newest first")
    OLDEST = "at", _("Oldest first")
    NAME = "name", _("Name")
    NUMBER = "number", _("Employee number")
    UNIT = "unit", _("Unit")
    COURSE = "course", _("Course")
    HOURS = "-hours", _("Most hours first")
    SCORE = "-score", _("Highest score first")


@dataclass(frozen=True)
class Filter:
    """What to show. Days are days of the county: `since` begins at 0:00, `until` ends at 24:00.

    What was not started has no day: RecordsForm refuses a period with it.
    """

    status: str = Status.COMPLETED
    unit: Unit | None = None
    course: Course | None = None
    duty: str = ""
    since: date | None = None
    until: date | None = None
    q: str = ""
    sort: str = Sort.NEWEST

    def as_written(self) -> dict[str, str]:
        """For the trace of reading: what narrowed the rows, in plain text."""
        values = {
            "status": self.status,
            "unit": self.unit.code if self.unit else "",
            "course": self.course.code if self.course else "",
            "duty": self.duty,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
            "q": self.q,
        }
        return {key: value for key, value in values.items() if value}


@dataclass(frozen=True)
class Ground:
    """One fact that a higher certificate rests on: a lower certificate, a completed course, or what somebody attested."""

    condition: str
    on: date
    certificate_number: str = ""
    completion_id: int | None = None
    attested_by: str = ""

    @property
    def words(self) -> str:
        """Such as "P01 政务公开基础（2026-03-02 完成）"."""
        facts = {"condition": self.condition, "day": self.on.isoformat(), "number": self.certificate_number, "name": self.attested_by}
        if self.certificate_number:
            return gettext("%(condition)s (%(number)s)") % facts
        if self.attested_by:
            return gettext("%(condition)s (attested on %(day)s by %(name)s)") % facts
        return gettext("%(condition)s (completed on %(day)s)") % facts


class Record(NamedTuple):
    """One row, as the page, the exports and the API show it. Instants carry the zone; hours have two decimals.

    A tuple, because an export makes a million of them.
    """

    id: int | None  # of the completion
    status: str
    person_id: int
    employee_number: str
    person_name: str
    unit_code: str
    unit_name: str
    post_title: str
    duties: tuple[str, ...]
    course_code: str
    course_title: str
    edition: int | None
    line: str
    round: int | None
    minutes: int | None
    study_hours: Decimal | None
    test_hours: Decimal | None
    hours: Decimal | None
    counted_hours: Decimal | None
    score: Decimal | None
    enrolled_at: datetime | None
    completed_at: datetime | None
    certificate_number: str
    certificate_state: str
    certificate_valid_until: date | None
    reversed_at: datetime | None
    reversal_reason: str
    rests_on: tuple[Ground, ...] = ()  # of a higher certificate

    @property
    def rests_on_words(self) -> str:
        return "；".join(ground.words for ground in self.rests_on) if self.rests_on else ""

    @property
    def status_label(self) -> str:
        return Status(self.status).label

    @property
    def certificate_state_label(self) -> str:
        return State(self.certificate_state).label if self.certificate_state else ""

    @property
    def duty_labels(self) -> str:
        return "、".join(str(Duty(duty).label) if duty in Duty.values else duty for duty in self.duties)


@dataclass
class Found:
    """The rows that a filter finds: countable, sliceable and streamable without holding them.

    `count` is one query, a slice at most two, `stream` reads in chunks from one cursor. `keys` names the rows in their order, `keyed`
    streams them with their keys on a second connection (`core.reading`), `of` reads some by their keys: in that order, without those that the filter no longer finds. `whole`
    adds to rows of the source what a record shows beside them: a slice takes it for its own rows alone, not for those before it.
    """

    source: QuerySet | NotBegun
    make: Callable[[Iterable], Iterator[Record]]
    key: Callable = field(default=attrgetter("pk"))
    whole: Callable[[QuerySet], QuerySet] = field(default=lambda rows: rows)
    counted_at: datetime | None = None
    chunk: int = field(default=2000)

    def count(self, most: int | None = None) -> int:
        """How many there are, or `most` where there are more."""
        if isinstance(self.source, NotBegun):
            return self.source.count(most)
        return self.source.order_by()[:most].count()

    __len__ = count

    def __getitem__(self, part: slice) -> list[Record]:
        if isinstance(self.source, NotBegun):
            return list(self.make(self.source[part]))
        return list(self.of(list(_keys(self.source[part]))))  # no cursor: PostgreSQL reads for one on a single core

    def stream(self) -> Iterator[Record]:
        yield from self.make(self._rows())

    def _rows(self) -> Iterator:
        source = self.source if isinstance(self.source, NotBegun) else self.whole(self.source)
        return source.iterator(chunk_size=self.chunk)

    def keys(self) -> Iterator:
        return self.source.keys(self.chunk) if isinstance(self.source, NotBegun) else keys_of(self.source)

    def keyed(self) -> Iterator[tuple]:
        rows = read_ahead(self._rows(), self.chunk)  # at once
        passing: list = []

        def noted() -> Iterator:
            for row in rows:
                passing.append(self.key(row))
                yield row

        return ((passing.pop(), record) for record in self.make(noted()))

    def of(self, keys: list) -> Iterator[Record]:
        if isinstance(self.source, NotBegun):
            return self.make(in_order(self.source.of(keys), keys, self.key))
        return self.make(rows_of(self.whole(self.source), keys, self.key))


def keys_of(found: QuerySet) -> Iterator:
    """The keys of the rows in their order, in one reading."""
    return _keys(found).iterator(chunk_size=20_000)


def _few(found: QuerySet) -> QuerySet:
    """Rows of which there may be next to none among very many: then named by their keys, looked for once.

    PostgreSQL expects to meet fifty soon, and would sort all that was ever begun to find them, after counting it.
    """
    keys = list(_keys(found.order_by())[: NAMED + 1])
    return found.filter(pk__in=keys) if len(keys) <= NAMED else found


def _keys(found: QuerySet) -> QuerySet:
    return found.prefetch_related(None).values_list("pk", flat=True)


def rows_of(found: QuerySet, keys: list, key: Callable) -> list:
    """The rows with these keys in the order of the keys, read at once; `key` takes its own from a row."""
    return in_order(found.order_by().filter(pk__in=keys), keys, key)


def in_order(rows: Iterable, keys: list, key: Callable) -> list:
    known = {key(row): row for row in rows}
    return [known[one] for one in keys if one in known]


def find(user, wanted: Filter, *, at: datetime, for_page: bool = False) -> Found:
    """The records that the user may see and the filter lets through.

    For a page, what was not started in a very large county is looked for among those who were behind when it was counted last
    (`evaluation.ahead`): `counted_at` says when.
    """
    today = clock.today(at)
    if wanted.status == Status.IN_PROGRESS:
        found = _enrolments(user, wanted)
        return Found(_few(found) if for_page else found, lambda rows: (_of_enrolment(row) for row in rows), whole=_with_edition)
    if wanted.status == Status.NOT_STARTED:
        return _not_started(user, wanted, at, for_page)
    if wanted.status == Status.HIGHER:
        return Found(_higher_found(user, wanted), lambda rows: (of_higher(row, today) for row in rows))
    source = Completion.objects.visible_to(user)
    source = source.filter(reversal__isnull=False) if wanted.status == Status.REVERSED else source.standing()
    source = _narrow(source, wanted, "completed_at")
    order = {
        "-at": "-completed_at",
        "at": "completed_at",
        "name": "person_name",
        "number": "employee_number",
        "unit": "unit_name",
        "course": "course_code",
        "-hours": "-all_hours",
        "-score": "",
    }[wanted.sort]
    if wanted.sort == Sort.HOURS:
        source = source.annotate(all_hours=F("study_hours") + F("test_hours"))
    if wanted.sort == Sort.SCORE:
        ordered = source.order_by(F("score").desc(nulls_last=True), "-pk")
    else:
        ordered = source.order_by(order, "-pk")
    make = lambda rows: (of_values(today, *row) for row in rows)  # noqa: E731
    return Found(ordered, make, itemgetter(0), lambda rows: completions(rows).values_list(*VALUES))


def completions(source: QuerySet) -> QuerySet:
    """Completions with what a record shows beside them. Still one query."""
    held = Certificate.objects.filter(completion=OuterRef("pk")).order_by("-pk")  # the newest, where one was replaced
    decided = StatusEvent.objects.deciding().filter(certificate=OuterRef("pk")).order_by("-pk")
    # One look at the certificate gives all of it: three took as long as all else of a row, a million times.
    certificate = JSONObject(number="number", valid_until="valid_until", decided=Subquery(decided.values("kind")[:1]))
    return source.annotate(
        certificate_written=Subquery(held.values(written=Cast(certificate, TextField()))[:1]),
        reversed_at=F("reversal__at"),
        reversal_reason=F("reversal__reason"),
        unit_code=F("unit__code"),
        enrolled_at=F("enrolment__enrolled_at"),
        duties_written=Cast("duties", TextField()),  # read by `_read`: a few lists, a million rows
        counted_hours=LedgerEntry.objects.counted(),
    )


# What a record takes from a row of `completions()`, in the order of `of_values`.
VALUES = (
    *("pk", "person_id", "employee_number", "person_name", "unit_code", "unit_name", "post_title", "duties_written"),
    *("course_code", "course_title", "edition_number", "line", "round", "minutes", "study_hours", "test_hours", "counted_hours", "score"),
    *("enrolled_at", "completed_at", "certificate_written"),
    *("reversed_at", "reversal_reason"),
)


def of_completion(row: Completion, today: date) -> Record:
    """The record of a row of `completions()`. No query."""
    return of_values(today, *(getattr(row, name) for name in VALUES))


def of_values(
    today: date,
    pk: int,
    person_id: int,
    employee_number: str,
    person_name: str,
    unit_code: str | None,
    unit_name: str,
    post_title: str,
    duties_written: str,
    course_code: str,
    course_title: str,
    edition_number: int,
    line: str,
    round: int,
    minutes: int,
    study_hours: Decimal,
    test_hours: Decimal,
    counted_hours: Decimal | None,
    score: Decimal | None,
    enrolled_at: datetime,
    completed_at: datetime,
    certificate_written: str | None,
    reversed_at: datetime | None,
    reversal_reason: str | None,
) -> Record:
    """The record of these values of a row of `completions()`."""
    number, state, valid_until = _certificate(certificate_written, today) if certificate_written else ("", "", None)
    return Record(
        pk,
        Status.REVERSED if reversed_at else Status.COMPLETED,
        person_id,
        employee_number,
        person_name,
        unit_code or "",
        unit_name,
        post_title,
        _read(duties_written),
        course_code,
        course_title,
        edition_number,
        line,
        round,
        minutes,
        study_hours,
        test_hours,
        study_hours + test_hours,
        rules.hours(counted_hours),
        score,
        enrolled_at,
        completed_at,
        number,
        state,
        valid_until,
        reversed_at,
        reversal_reason or "",
    )


def _certificate(written: str, today: date) -> tuple[str, str, date | None]:
    """Number, state and last day of a certificate that `completions()` has written."""
    facts = json.loads(written)
    valid_until = facts["valid_until"] and date.fromisoformat(facts["valid_until"])
    if facts["decided"] not in (None, StatusEvent.Kind.RESTORED):
        return facts["number"], str(State(facts["decided"])), valid_until
    expired = valid_until is not None and valid_until < today
    return facts["number"], str(State.EXPIRED if expired else State.VALID), valid_until


@lru_cache(maxsize=1000)
def _read(duties_written: str) -> tuple[str, ...]:
    return tuple(json.loads(duties_written))


def higher(source: CertificateQuerySet) -> CertificateQuerySet:
    """Of some certificates the higher ones that no completion's record shows, with what they rest on. Two queries.

    One that a course renewed stands with the completion of that course.
    """
    facts = Basis.objects.select_related("lower", "completion", "attestation__by")
    return (
        source.filter(completion=None)
        .with_state()
        .annotate(unit_code=F("unit__code"))
        .select_related("kind")
        .prefetch_related(Prefetch("basis", facts))
    )


def _higher_found(user, wanted: Filter) -> QuerySet:
    source = higher(Certificate.objects.of_people_read_by(user))
    if wanted.course:
        source = source.filter(Exists(Basis.objects.filter(certificate=OuterRef("pk"), completion__course=wanted.course)))
    order = {"at": "issued_at", "name": "person_name", "number": "employee_number", "unit": "unit_name", "course": "title"}
    order |= {"-hours": "-hours"}
    return _narrow(source, replace(wanted, course=None), "issued_at").order_by(order.get(wanted.sort, "-issued_at"), "-pk")


def of_higher(row: Certificate, today: date) -> Record:
    """The record of a row of `higher()`. It shows no hours: they stand with the courses that it rests on, and count once."""
    return _BLANK._replace(
        status=Status.HIGHER,
        person_id=row.person_id,
        employee_number=row.employee_number,
        person_name=row.person_name,
        unit_code=row.unit_code or "",  # type: ignore[attr-defined]
        unit_name=row.unit_name,
        post_title=row.post_title,
        duties=tuple(row.duties),
        course_title=row.title,
        completed_at=row.issued_at,
        certificate_number=row.number,
        certificate_state=str(row.state_on(today)),
        certificate_valid_until=row.valid_until,
        rests_on=grounds(row),
    )


def grounds(certificate: Certificate) -> tuple[Ground, ...]:
    """What a certificate of `higher()` rests on, as it was written with it. No query."""
    found = []
    for fact in certificate.basis.all():
        if fact.lower:
            found.append(Ground(fact.condition, fact.lower.issued_on, certificate_number=fact.lower.number))
        elif fact.completion:
            found.append(Ground(fact.condition, clock.today(fact.completion.completed_at), completion_id=fact.completion_id))
        else:
            found.append(Ground(fact.condition, clock.today(fact.attestation.at), attested_by=fact.attestation.by.name))
    return tuple(found)


def _enrolments(user, wanted: Filter) -> QuerySet:
    source = begun.open_ones(Enrolment.objects.visible_to(user).filter(begun.where_open_ones_are(user)))
    order = {"at": "enrolled_at", "name": "person_name", "number": "employee_number", "unit": "unit_name", "course": "course__code"}
    return _narrow(source, wanted, "enrolled_at").order_by(order.get(wanted.sort, "-enrolled_at"), "-pk")


def _with_edition(source: QuerySet) -> QuerySet:
    """Enrolments with what a record shows beside them. Still one query."""
    return source.annotate(
        unit_code=F("unit__code"),
        course_code=F("course__code"),
        course_title=F("edition__title"),
        edition_number=F("edition__number"),
        line=F("edition__line"),
        minutes=F("edition__minutes"),
    )


def _of_enrolment(row: Enrolment) -> Record:
    return _BLANK._replace(
        status=Status.IN_PROGRESS,
        person_id=row.person_id,
        employee_number=row.employee_number,
        person_name=row.person_name,
        unit_code=row.unit_code or "",
        unit_name=row.unit_name,
        post_title=row.post_title,
        duties=tuple(row.duties),
        course_code=row.course_code,
        course_title=row.course_title,
        edition=row.edition_number,
        line=row.line,
        round=row.round,
        minutes=row.minutes,
        enrolled_at=row.enrolled_at,
    )


def _narrow(source: QuerySet, wanted: Filter, instant: str) -> QuerySet:
    if wanted.unit:
        source = source.filter(within_paths([wanted.unit.path]))
    if wanted.course:
        source = source.filter(course=wanted.course)
    if wanted.duty and connection.features.supports_json_field_contains:
        source = source.filter(duties__contains=[wanted.duty])
    elif wanted.duty:  # the quotes keep "staff" out of other words
        source = source.annotate(duties_text=Cast("duties", TextField())).filter(duties_text__contains=f'"{wanted.duty}"')
    if wanted.since:
        source = source.filter(**{f"{instant}__gte": clock.start_of(wanted.since)})
    if wanted.until:
        source = source.filter(**{f"{instant}__lt": clock.end_of(wanted.until)})
    return source.filter(_called(wanted.q)) if wanted.q else source


def _called(q: str) -> Q:
    """Condition on a record: of somebody whose name now holds these words or whose number begins with them, or who was called just so then.

    Few people are named to the database, which has their records at hand; many are not, for then it soon comes upon a page of them.
    """
    people = list(Person.objects.filter(Q(name__icontains=q) | Q(employee_number__istartswith=q)).values_list("pk", flat=True)[: NAMED + 1])
    if len(people) <= FEW:
        return Q(person__in=people) | Q(person_name=q)
    found = Q(pk__in=[])
    for form in {q, q.upper(), q.lower()}:  # plain LIKE: what the database knows of the columns tells it how many to expect
        found |= Q(person_name__contains=form) | Q(employee_number__startswith=form)
    return found


def _not_started(user, wanted: Filter, at: datetime, for_page: bool) -> Found:
    """People serving now × the courses their duties require, where nothing was begun."""
    counted_at = None
    people = standing.counted(year=clock.year_of(at), at=at).filter(people_of_records_q(user))
    if wanted.unit:
        people = people.within(wanted.unit)
    if for_page:
        reach = ahead.Overview(
            units_in_reach(user).within(wanted.unit) if wanted.unit else units_in_reach(user), year=clock.year_of(at), at=at
        )
        if reach.made_at is not None and len(behind := reach.in_need("behind")) <= MANY:
            people, counted_at = people.filter(pk__in=behind), reach.made_at
    if wanted.duty:
        people = people.having_duty(wanted.duty)
    if wanted.q:
        people = people.filter(Q(name__icontains=wanted.q) | Q(employee_number__istartswith=wanted.q))
    courses = {c.pk: c for c in standing.required_courses(user).select_related("current") if wanted.course in (None, c)}

    def records(rows: Iterable) -> Iterator[Record]:
        names = unit_names(user)
        for person_id, number, name, post, path, course_id in rows:
            course = courses[course_id]
            code, label = names.get(path, ("", ""))
            yield _BLANK._replace(
                status=Status.NOT_STARTED,
                person_id=person_id,
                employee_number=number,
                person_name=name,
                unit_code=code,
                unit_name=label,
                post_title=post,
                course_code=course.code,
                course_title=course.current.title,
                edition=course.current.number,
                line=course.current.line,
                minutes=course.current.minutes,
            )

    return Found(NotBegun(people, list(courses), sort=wanted.sort), records, itemgetter(0, 5), counted_at=counted_at)


def unit_names(user) -> dict[str, tuple[str, str]]:
    """Path → (code, name as records write it). One query for the trees that the user knows."""
    units = list(Unit.objects.visible_to(user))
    names = record_names(units)
    return {unit.path: (unit.code, names[unit.pk]) for unit in units}


_BLANK = Record(
    id=None,
    status=Status.NOT_STARTED,
    person_id=0,
    employee_number="",
    person_name="",
    unit_code="",
    unit_name="",
    post_title="",
    duties=(),
    course_code="",
    course_title="",
    edition=None,
    line="",
    round=None,
    minutes=None,
    study_hours=None,
    test_hours=None,
    hours=None,
    counted_hours=None,
    score=None,
    enrolled_at=None,
    completed_at=None,
    certificate_number="",
    certificate_state="",
    certificate_valid_until=None,
    reversed_at=None,
    reversal_reason="",
)

__all__ = [
    "Filter",
    "Found",
    "Ground",
    "Record",
    "Sort",
    "Status",
    "completions",
    "find",
    "grounds",
    "higher",
    "keys_of",
    "of_completion",
    "of_higher",
    "rows_of",
    "unit_names",
]
